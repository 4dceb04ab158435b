/* Reads that may come out of the cache against reads that cannot: random
 * histories of documents with a schema and without, of versions published and
 * spoken, removals, and readers that stay while others commit. Each field of
 * each document that a read transaction shows must be what a transaction that
 * writes, which reads every time, shows of the same commit.
 *
 *     test_cache_random [HISTORIES]
 */
#include "tests/node_api/api_kit.h"

#include <cove/covalue.h>

#define DOCS   20
#define STEPS  120
#define FIELDS 5
#define LAGGED 3 /* readers that began some commits ago */

static const char TASK[] =
    "{\"title\":\"Task\",\"version\":1,\"properties\":{\"n\":{\"type\":"
    "\"integer\"},\"done\":{\"type\":\"boolean\"},\"x\":{\"type\":\"string\","
    "\"default\":\"none\"}}}";
static const char TASK2[] =
    "{\"title\":\"Task\",\"version\":2,\"properties\":{\"m\":{\"type\":"
    "\"string\"},\"done\":{\"type\":\"boolean\"},\"x\":{\"type\":\"string\","
    "\"default\":\"none\"}}}";
static const char TASK3[] =
    "{\"title\":\"Task\",\"version\":3,\"properties\":{\"m\":{\"type\":"
    "\"string\"},\"y\":{\"type\":\"boolean\"},\"x\":{\"type\":\"string\","
    "\"default\":\"none\"}}}";
static const char STEP[] =
    "{\"schema\":\"Task\",\"from\":1,\"to\":2,\"steps\":[{\"convert\":"
    "{\"field\":\"n\",\"to\":{\"name\":\"m\",\"type\":\"string\"},"
    "\"forward\":[\"text_of_int\"],\"back\":[\"int_of_text\"]}}]}";
static const char STEP2[] =
    "{\"schema\":\"Task\",\"from\":2,\"to\":3,\"steps\":[{\"rename\":"
    "{\"from\":\"done\",\"to\":\"y\"}}]}";
/* A field that becomes a document of its own, and one that stays. */
static const char NOTE[] =
    "{\"title\":\"Note\",\"version\":1,\"properties\":{\"n\":{\"type\":"
    "\"integer\"},\"x\":{\"type\":\"string\"}}}";
static const char NOTE2[] =
    "{\"title\":\"Note\",\"version\":2,\"properties\":{\"n\":{\"type\":"
    "\"integer\"},\"x\":{\"type\":\"string\",\"x-type\":\"text\"}}}";
static const char NOTES[] =
    "{\"schema\":\"Note\",\"from\":1,\"to\":2,\"steps\":[{\"text\":\"x\"}]}";

static const char *const names[FIELDS] = {"n", "m", "done", "x", "y"};

static unsigned long histories = 8, history;
static uint64_t seed;

static uint32_t draw(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 32) % below);
}

struct shown {
    int err;
    struct cove_value value;
    char text[64];
};

struct reader {
    struct cove_txn *txn; /* NULL: none */
    struct shown shown[DOCS][FIELDS];
};

struct world {
    struct api api;
    struct cove_id ids[DOCS];
    size_t count;
    int version; /* of Task that there is */
    bool noted;  /* Note has its second version */
    struct reader readers[LAGGED];
};

static void world_open(struct world *w)
{
    static const int64_t bytes[] = {0, 0, 9000, 12000, 40000};
    struct cove_options options = {.size = sizeof(options),
                                   .flags = COVE_OPEN_CREATE,
                                   .level = draw(2),
                                   .cache_bytes =
                                       bytes[draw(COVE_ARRAY_LEN(bytes))]};

    api_ok(cove_open(w->api.dir, &options, &w->api.store), w->api.store);
}

/* --- reading */

static void shown_read(struct cove_txn *txn, const struct cove_id *id,
                       const char *field, struct shown *out)
{
    memset(out, 0, sizeof(*out));
    out->err = cove_get(txn, id, field, &out->value);
    if (out->err == 0 && out->value.kind == COVE_KIND_TEXT) {
        snprintf(out->text, sizeof(out->text), "%s", out->value.u.text);
    }
}

static bool shown_equal(const struct shown *a, const struct shown *b)
{
    if (a->err != 0 || b->err != 0) {
        return a->err == b->err;
    }
    return a->value.kind == b->value.kind &&
           a->value.invalid == b->value.invalid &&
           strcmp(a->text, b->text) == 0 &&
           (a->value.kind != COVE_KIND_INT ||
            a->value.u.integer == b->value.u.integer) &&
           (a->value.kind != COVE_KIND_BOOL ||
            a->value.u.flag == b->value.u.flag);
}

/* All that there is now, read each time. */
static void world_read(struct world *w, struct shown out[DOCS][FIELDS])
{
    struct cove_txn *txn = api_begin(&w->api, COVE_WRITE | COVE_VIEW);

    for (size_t i = 0; i < w->count; i++) {
        for (size_t f = 0; f < FIELDS; f++) {
            shown_read(txn, &w->ids[i], names[f], &out[i][f]);
        }
    }
    cove_abort(txn);
}

static void reader_check(struct cove_txn *txn, const struct world *w,
                         struct shown want[DOCS][FIELDS], int times)
{
    for (int i = 0; i < times && w->count > 0; i++) {
        size_t at = draw((uint32_t)w->count), field = draw(FIELDS);
        struct shown is;

        shown_read(txn, &w->ids[at], names[field], &is);
        ck_assert_msg(shown_equal(&want[at][field], &is),
                      "history %lu, %s of document %zu: %d %s, not %d %s",
                      history, names[field], at, is.err, is.text,
                      want[at][field].err, want[at][field].text);
    }
}

/* Some documents again and again, in several transactions. */
static void world_check(struct world *w)
{
    static struct shown want[DOCS][FIELDS];

    world_read(w, want);
    for (int i = 0; i < 3; i++) {
        struct cove_txn *txn = api_begin(&w->api, COVE_READ);

        reader_check(txn, w, want, 25);
        cove_abort(txn);
    }
}

/* What began earlier shows what it showed; a document that came since it does
 * not know. */
static void readers_check(struct world *w)
{
    for (size_t i = 0; i < LAGGED; i++) {
        if (w->readers[i].txn != NULL) {
            reader_check(w->readers[i].txn, w, w->readers[i].shown, 10);
        }
    }
}

static void readers_end(struct world *w)
{
    for (size_t i = 0; i < LAGGED; i++) {
        cove_abort(w->readers[i].txn);
        w->readers[i].txn = NULL;
    }
}

static void reader_turn(struct world *w)
{
    struct reader *r = &w->readers[draw(LAGGED)];

    cove_abort(r->txn);
    for (size_t i = 0; i < DOCS; i++) { /* as for those to come */
        for (size_t f = 0; f < FIELDS; f++) {
            r->shown[i][f].err = COVE_ENOTFOUND;
        }
    }
    world_read(w, r->shown);
    r->txn = api_begin(&w->api, COVE_READ);
}

/* --- writing */

/* What a version does not have is refused, and nothing written. */
static void write_some(struct cove_txn *txn, const struct cove_id *id)
{
    static const char kinds[FIELDS] = {'i', 't', 'b', 't', 'b'};

    for (uint32_t i = draw(3) + 1; i > 0; i--) {
        uint32_t field = draw(FIELDS), odd = draw(10);
        int kind = odd == 0 ? 'i' : odd == 1 ? 't' : kinds[field];
        char text[16];

        snprintf(text, sizeof(text), "%u", draw(4) == 0 ? 7000 : draw(9));
        if (draw(8) == 0) {
            (void)cove_delete(txn, id, names[field]);
        } else {
            (void)cove_set(txn, id, names[field],
                           kind == 'i'   ? cove_int(draw(9))
                           : kind == 't' ? cove_text(text)
                                         : cove_bool(draw(2) == 0));
        }
    }
}

static void world_write(struct world *w)
{
    unsigned flags = draw(2) == 0 ? COVE_WRITE : COVE_WRITE | COVE_VIEW;
    struct cove_txn *txn = api_begin(&w->api, flags);

    for (uint32_t i = draw(4) + 1; i > 0 && w->count > 0; i--) {
        write_some(txn, &w->ids[draw((uint32_t)w->count)]);
    }
    if (draw(5) == 0) {
        cove_abort(txn);
    } else {
        (void)cove_commit(txn); /* one of them was removed? */
    }
}

static void world_new(struct world *w)
{
    static const char *const schemas[] = {NULL, "Task", "Task", "Note"};
    const char *schema = schemas[draw(4)];
    struct cove_txn *txn;

    if (w->count == DOCS) {
        return;
    }
    txn = api_begin(&w->api, COVE_WRITE);
    api_ok(cove_new(txn, schema, NULL, schema == NULL ? "{\"n\":1}" : NULL,
                    &w->ids[w->count]),
           w->api.store);
    api_ok(cove_commit(txn), w->api.store);
    w->count++;
}

static void world_admin(struct world *w, const char *request)
{
    char *reply = NULL;

    api_ok(cove_admin(w->api.store, request, &reply), w->api.store);
    cove_free(reply);
}

static void world_remove(struct world *w)
{
    char text[52], request[128], *reply = NULL;

    if (w->count == 0) {
        return;
    }
    cove_id_format(&w->ids[draw((uint32_t)w->count)], text);
    snprintf(request, sizeof(request),
             "{\"do\":\"remove\",\"ids\":[\"%s\"],\"yes\":true}", text);
    (void)cove_admin(w->api.store, request, &reply); /* gone already? */
    cove_free(reply);
}

static void world_publish(struct world *w)
{
    struct cove *store = w->api.store;

    if (draw(3) == 0 && !w->noted) {
        api_ok(cove_migration_add(store, NOTES, NOTE2), store);
        w->noted = true;
    } else if (w->version == 1) {
        api_ok(cove_migration_add(store, STEP, TASK2), store);
        w->version = 2;
    } else if (w->version == 2) {
        api_ok(cove_migration_add(store, STEP2, TASK3), store);
        w->version = 3;
    }
}

/* Readers that stay go on speaking the version of their begin. */
static void world_use(struct world *w)
{
    int version = 1 + (int)draw((uint32_t)w->version);

    api_ok(cove_use(w->api.store, "Task", version), w->api.store);
}

static void world_reopen(struct world *w)
{
    readers_end(w);
    cove_close(w->api.store);
    world_open(w);
}

static void world_step(struct world *w)
{
    uint32_t what = draw(40);

    if (what < 18) {
        world_write(w);
    } else if (what < 26) {
        world_new(w);
    } else if (what < 32) {
        reader_turn(w);
    } else if (what == 32) {
        world_remove(w);
    } else if (what < 35) {
        world_publish(w);
    } else if (what == 35) {
        world_use(w);
    } else if (what == 36) {
        world_admin(w, "{\"do\":\"migrate.run\",\"schema\":\"Task\"}");
    } else if (what == 37) {
        world_reopen(w);
    }
}

START_TEST(what_a_reader_shows_is_what_the_store_holds)
{
    for (history = 1; history <= histories; history++) {
        static struct world w;

        seed = history * UINT64_C(0x9E3779B97F4A7C15);
        memset(&w, 0, sizeof(w));
        api_dir(&w.api);
        world_open(&w);
        api_ok(cove_schema_add(w.api.store, TASK, NULL), w.api.store);
        api_ok(cove_schema_add(w.api.store, NOTE, NULL), w.api.store);
        w.version = 1;
        for (int step = 0; step < STEPS; step++) {
            world_step(&w);
            readers_check(&w);
            world_check(&w);
        }
        readers_end(&w);
        api_close(&w.api);
    }
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("cache_random");
    TCase *cache = tcase_create("cache_random");

    if (argc > 1) {
        histories = strtoul(argv[1], NULL, 10);
    }
    tcase_set_timeout(cache, 0);
    tcase_add_test(cache, what_a_reader_shows_is_what_the_store_holds);
    suite_add_tcase(suite, cache);
    return harness_run(suite);
}
