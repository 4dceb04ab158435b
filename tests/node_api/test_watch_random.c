/* Queries that are watched, against an evaluator that holds all documents and
 * asks each: random histories, random conditions, dispatches at random moments.
 *
 * Between two dispatches the events must be, for each document that changed, in
 * the order of the last commits to them, what follows from what it matched
 * before and after. A watcher that goes on from a sequence is held against what
 * it comes to when its events are applied.
 *
 *     test_watch_random [HISTORIES]
 */
#include "tests/node_api/watch_kit.h"

#define DOCS    24
#define QUERIES 6
#define STEPS   60

static const char TASK[] =
    "{\"title\":\"Task\",\"version\":1,\"properties\":{\"n\":{\"type\":"
    "\"integer\"},\"done\":{\"type\":\"boolean\"}}}";
static const char TASK2[] =
    "{\"title\":\"Task\",\"version\":2,\"properties\":{\"m\":{\"type\":"
    "\"string\"},\"done\":{\"type\":\"boolean\"}}}";
static const char STEP[] =
    "{\"schema\":\"Task\",\"from\":1,\"to\":2,\"steps\":[{\"convert\":"
    "{\"field\":\"n\",\"to\":{\"name\":\"m\",\"type\":\"string\"},"
    "\"forward\":[\"text_of_int\"],\"back\":[\"int_of_text\"]}}]}";

static unsigned long histories = 30;
static uint64_t seed = 1;

static uint32_t draw(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 32) % below);
}

/* ---------------------------------------------------------------- the model */

struct doc {
    struct cove_id id;
    bool here, has_n, has_done, done;
    bool gone; /* removed for good: its place is not used again */
    int n;
    unsigned long changed; /* a counter of commits; 0: not since */
};

enum test_kind { LESS, DONE, NO_N, EITHER, NOT_N, KINDS };

struct query {
    struct watcher w;
    enum test_kind kind;
    int k;
    bool flag;
    bool before[DOCS]; /* matched at the last dispatch */
    bool holds[DOCS];  /* by its events */
    char where[128];
};

static struct api api;
static struct doc docs[DOCS];
static struct query queries[QUERIES];
static unsigned long commits;
static bool published; /* since the last dispatch: all is asked again */

static bool matches(const struct query *q, const struct doc *d)
{
    bool less = d->has_n && d->n < q->k;
    bool flag = d->has_done && d->done == q->flag;

    if (!d->here) {
        return false;
    }
    switch (q->kind) {
    case LESS:
        return less;
    case DONE:
        return flag;
    case NO_N:
        return !d->has_n;
    case EITHER:
        return less || flag;
    case NOT_N:
    case KINDS:
        break;
    }
    return !(d->has_n && d->n == q->k);
}

static void query_draw(struct query *q)
{
    const char *flag;

    memset(q, 0, sizeof(*q));
    q->kind = (enum test_kind)draw(KINDS);
    q->k = (int)draw(8);
    q->flag = draw(2) == 0;
    flag = q->flag ? "true" : "false";
    if (q->kind == DONE) {
        snprintf(q->where, sizeof(q->where), "{\"done\":%s}", flag);
    } else if (q->kind == EITHER) {
        snprintf(q->where, sizeof(q->where),
                 "{\"$or\":[{\"n\":{\"$lt\":%d}},{\"done\":%s}]}", q->k, flag);
    } else if (q->kind == NO_N) {
        snprintf(q->where, sizeof(q->where), "{\"n\":{\"$exists\":false}}");
    } else {
        snprintf(q->where, sizeof(q->where),
                 q->kind == LESS ? "{\"n\":{\"$lt\":%d}}"
                                 : "{\"n\":{\"$ne\":%d}}",
                 q->k);
    }
}

static void query_begin(struct query *q, const char *more)
{
    char request[320];

    snprintf(request, sizeof(request),
             "{\"watch\":\"documents\",\"schema\":\"Task\",\"version\":1,"
             "\"where\":%s%s}",
             q->where, more);
    watch_begin(&q->w, api.store, request);
}

static size_t doc_of(const struct cove_id *id)
{
    size_t i = 0;

    while (i < DOCS && memcmp(docs[i].id.b, id->b, sizeof(id->b)) != 0) {
        i++;
    }
    ck_assert_uint_lt(i, DOCS);
    return i;
}

/* ------------------------------------------------------------------ writing */

static void doc_new(struct cove_txn *txn, struct doc *d)
{
    char json[64];

    d->n = (int)draw(8);
    d->has_n = true;
    d->here = true;
    snprintf(json, sizeof(json), "{\"n\":%d}", d->n);
    api_ok(cove_new(txn, "Task", NULL, json, &d->id), api.store);
}

static void doc_change(struct cove_txn *txn, struct doc *d)
{
    switch (draw(4)) {
    case 0:
        d->has_n = false;
        api_ok(cove_delete(txn, &d->id, "n"), api.store);
        break;
    case 1:
        d->has_done = true;
        d->done = draw(2) == 0;
        api_ok(cove_set(txn, &d->id, "done", cove_bool(d->done)), api.store);
        break;
    default:
        d->has_n = true;
        d->n = (int)draw(8);
        api_ok(cove_set(txn, &d->id, "n", cove_int(d->n)), api.store);
    }
}

static void step_write(void)
{
    struct cove_txn *txn = api_begin(&api, COVE_WRITE | COVE_VIEW);
    unsigned times = 1 + draw(3);

    while (times-- > 0) {
        struct doc *d = &docs[draw(DOCS)];

        if (d->gone) {
            continue;
        }
        if (d->here) {
            doc_change(txn, d);
        } else {
            doc_new(txn, d);
        }
        d->changed = ++commits;
    }
    api_ok(cove_commit(txn), api.store);
}

static void step_remove(void)
{
    struct doc *d = &docs[draw(DOCS)];
    char text[52], request[160], *reply = NULL;

    if (!d->here) {
        return;
    }
    cove_id_format(&d->id, text);
    snprintf(request, sizeof(request),
             "{\"do\":\"remove\",\"ids\":[\"%s\"],\"yes\":true}", text);
    api_ok(cove_admin(api.store, request, &reply), api.store);
    cove_free(reply);
    d->here = false;
    d->gone = true;
    d->changed = ++commits;
}

/* ----------------------------------------------------------------- checking */

static void apply(struct query *q, const struct cove_watch_event *e)
{
    size_t i;

    switch (e->kind) {
    case COVE_WATCH_RESET:
        memset(q->holds, 0, sizeof(q->holds));
        break;
    case COVE_WATCH_ENTER:
    case COVE_WATCH_LEAVE:
    case COVE_WATCH_REMOVED:
        i = doc_of(&e->id);
        q->holds[i] = e->kind == COVE_WATCH_ENTER;
        break;
    case COVE_WATCH_CHANGE:
        ck_assert(q->holds[doc_of(&e->id)]);
        break;
    case COVE_WATCH_READY:
        break;
    case COVE_WATCH_PEER:
    case COVE_WATCH_SCHEMA:
    case COVE_WATCH_RUN:
    case COVE_WATCH_ERROR:
        ck_abort_msg("%s", watch_word(e->kind));
    }
}

/* The documents that changed, the one changed first at the front. */
static size_t changed_in_order(size_t out[DOCS])
{
    size_t count = 0;

    for (size_t i = 0; i < DOCS; i++) {
        size_t at = count;

        if (docs[i].changed == 0) {
            continue;
        }
        for (; at > 0 && docs[out[at - 1]].changed > docs[i].changed; at--) {
            out[at] = out[at - 1];
        }
        out[at] = i;
        count++;
    }
    return count;
}

static void expect(struct query *q, const size_t *order, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t d = order[i];
        bool now = matches(q, &docs[d]);
        enum cove_watch_kind kind = docs[d].gone   ? COVE_WATCH_REMOVED
                                    : !now         ? COVE_WATCH_LEAVE
                                    : q->before[d] ? COVE_WATCH_CHANGE
                                                   : COVE_WATCH_ENTER;

        if (now || q->before[d]) {
            ck_assert_uint_lt(q->w.read, q->w.count);

            const struct cove_watch_event *e = &q->w.heard[q->w.read++].e;

            ck_assert_str_eq(watch_word(e->kind), watch_word(kind));
            ck_assert_uint_eq(doc_of(&e->id), d);
        }
    }
    ck_assert_uint_eq(q->w.read, q->w.count);
}

static void query_check(struct query *q, const size_t *order, size_t count)
{
    size_t from = q->w.read;

    if (!published) {
        expect(q, order, count);
    }
    for (; from < q->w.count; from++) {
        apply(q, &q->w.heard[from].e);
    }
    q->w.read = q->w.count;
    for (size_t d = 0; d < DOCS; d++) {
        q->before[d] = matches(q, &docs[d]);
        ck_assert_int_eq(q->holds[d], q->before[d]);
    }
}

static void step_dispatch(void)
{
    size_t order[DOCS];
    size_t count = changed_in_order(order);

    watch_drain(api.store);
    for (size_t i = 0; i < QUERIES; i++) {
        query_check(&queries[i], order, count);
    }
    for (size_t d = 0; d < DOCS; d++) {
        docs[d].changed = 0;
    }
    published = false;
}

/* One goes away, misses something, and comes back from where it stood. */
static void step_away(void)
{
    struct query *q = &queries[draw(QUERIES)];
    char since[64];

    step_dispatch();
    snprintf(since, sizeof(since), ",\"since\":%llu",
             (unsigned long long)watch_last(&q->w)->sequence);
    if (watch_last(&q->w)->sequence == 0) {
        return;
    }
    watch_end(&q->w);
    for (unsigned times = draw(6); times > 0; times--) {
        step_write();
    }
    query_begin(q, since);
    watch_drain(api.store);
    for (size_t i = 0; i < q->w.count; i++) {
        const struct cove_watch_event *e = &q->w.heard[i].e;

        if (e->kind == COVE_WATCH_CHANGE) {
            q->holds[doc_of(&e->id)] = true;
        }
        apply(q, e);
    }
    q->w.read = q->w.count;
    for (size_t d = 0; d < DOCS; d++) {
        ck_assert_int_eq(q->holds[d], matches(q, &docs[d]));
        q->before[d] = q->holds[d];
    }
    for (size_t i = 0; i < QUERIES; i++) { /* the others saw it, too */
        if (&queries[i] != q) {
            size_t order[DOCS];

            query_check(&queries[i], order, changed_in_order(order));
        }
    }
    for (size_t d = 0; d < DOCS; d++) {
        docs[d].changed = 0;
    }
}

/* Most of them in memory, where a commit costs nothing. */
static void history_open(bool disk)
{
    struct cove_options options = {
        .size = sizeof(options), .flags = COVE_OPEN_MEMORY | COVE_OPEN_NO_SYNC};

    if (disk) {
        watch_open(&api);
    } else {
        api_ok(cove_open(NULL, &options, &api.store), api.store);
    }
}

static void history_close(bool disk)
{
    if (disk) {
        api_close(&api);
    } else {
        cove_close(api.store);
    }
}

static void history(bool disk, bool publish)
{
    unsigned at = publish ? draw(STEPS) : STEPS;

    memset(docs, 0, sizeof(docs));
    history_open(disk);
    api_ok(cove_schema_add(api.store, TASK, NULL), api.store);
    api_ok(cove_use(api.store, "Task", 1), api.store);
    for (size_t i = 0; i < QUERIES; i++) {
        query_draw(&queries[i]);
        query_begin(&queries[i], "");
    }
    published = true; /* READY comes beside the rest */
    step_dispatch();
    for (unsigned i = 0; i < STEPS; i++) {
        uint32_t what = draw(11);

        if (i == at) {
            api_ok(cove_migration_add(api.store, STEP, TASK2), api.store);
            published = true;
        }
        if (what < 6) {
            step_write();
        } else if (what < 9) {
            step_dispatch();
        } else if (what < 10) {
            step_away();
        } else {
            step_remove();
        }
    }
    step_dispatch();
    for (size_t i = 0; i < QUERIES; i++) {
        watch_end(&queries[i].w);
    }
    history_close(disk);
}

START_TEST(events_are_what_a_naive_evaluator_says)
{
    for (unsigned long i = 0; i < histories; i++) {
        seed = 0x9e3779b97f4a7c15u * (i + 1);
        history(i % 50 == 0, i % 3 == 2);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("watch_random");
    TCase *tc = tcase_create("watch_random");

    tcase_set_timeout(tc, 0);
    tcase_add_test(tc, events_are_what_a_naive_evaluator_says);
    suite_add_tcase(s, tc);
    return s;
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        histories = strtoul(argv[1], NULL, 10);
    }
    return harness_run(suite());
}
