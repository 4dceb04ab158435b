/* test_search_random.c: searches against an evaluator that looks at every
 * document (search_naive.c), over random documents, writes, concurrent heads,
 * versions, removals, indexes that lag, are rebuilt or half built, and random
 * conditions and orders. Pages are read with writes in between.
 *
 *   test_search_random [FIRST:LAST]   worlds by their seeds
 */
#include <stdio.h>

#include "core/json.h"
#include "tests/promises/search_naive.h"
#include "tests/promises/search_world.h"

#define WORLD_STEPS   60
#define WORLD_QUERIES 2 /* after each step, about */

/* --- a query */

struct query {
    const struct cove_step_id *head;
    bool second;
    json_t *where;
    char order[3][16]; /* "-a" descends */
    size_t order_count;
};

static const char *path_random(bool second)
{
    static const char *const first[] = {"a", "b",   "c",     "tags",
                                        "o", "o.k", "o.l.k", "n"};
    static const char *const then[] = {"a",   "bb",    "c", "tags", "o",
                                       "o.k", "o.l.k", "n", "d"};

    return second ? PICK(then) : PICK(first);
}

static json_t *json_of(const char *text)
{
    return json_loads(quoted(text), JSON_DECODE_ANY, NULL);
}

static const char *value_random(void)
{
    switch (roll(5)) {
    case 0:
        return PICK(ints);
    case 1:
        return PICK(texts);
    case 2:
        return PICK(lists);
    case 3:
        return PICK(maps);
    default:
        return PICK(anys);
    }
}

/* A value that a condition may have behind an operator of a range. */
static const char *scalar_random(void)
{
    static const char *const scalars[] = {"-1",  "0",  "1",           "1.5",
                                          "2",   "3",  "'a'",         "'ab'",
                                          "'b'", "''", "'" LONG_A "'"};

    return PICK(scalars);
}

static json_t *term_random(bool second)
{
    static const char *const ranges[] = {"$lt", "$lte", "$gt", "$gte"};
    static const char *const says[] = {"$exists", "$null", "$invalid"};
    const char *path = path_random(second);
    json_t *list;

    switch (roll(8)) {
    case 0:
    case 1:
        return json_pack("{s:{s:o}}", path, "$eq", json_of(value_random()));
    case 2:
        return json_pack("{s:{s:o}}", path, "$ne", json_of(value_random()));
    case 3:
        list = json_array();
        for (unsigned i = roll(4); i > 0; i--) {
            json_array_append_new(list, json_of(value_random()));
        }
        return json_pack("{s:{s:o}}", path, "$in", list);
    case 4:
        return json_pack("{s:{s:o}}", path, "$beginsWith",
                         json_of(PICK(texts)));
    case 5:
        return json_pack("{s:{s:b}}", path, PICK(says), roll(2));
    case 6:
        return json_pack("{s:{s:o, s:o}}", path, "$gte",
                         json_of(scalar_random()), "$lt",
                         json_of(scalar_random()));
    default:
        return json_pack("{s:{s:o}}", path, PICK(ranges),
                         json_of(scalar_random()));
    }
}

static json_t *where_random(bool second, unsigned depth)
{
    json_t *list = json_array();
    unsigned what = depth == 0 ? 9 : roll(10);

    if (what == 0) {
        json_decref(list);
        return json_pack("{s:o}", "$not", where_random(second, depth - 1));
    }
    if (what < 5) {
        for (unsigned i = 1 + roll(3); i > 0; i--) {
            json_array_append_new(list, where_random(second, depth - 1));
        }
        return json_pack("{s:o}", what < 3 ? "$and" : "$or", list);
    }
    json_decref(list);
    return term_random(second);
}

static struct query query_random(void)
{
    struct query q = {.head = &alice.first};

    q.second = world.second && roll(2) == 0;
    q.head = q.second ? &alice.second : &alice.first;
    q.where = roll(8) == 0 ? NULL : where_random(q.second, 2);
    while (q.order_count < 3 && roll(2) == 0) {
        char name[16];

        snprintf(name, sizeof(name), "%s%s", roll(2) == 0 ? "-" : "",
                 path_random(q.second));

        bool again = false;

        for (size_t i = 0; i < q.order_count; i++) {
            again = again || strcmp(q.order[i] + (q.order[i][0] == '-'),
                                    name + (name[0] == '-')) == 0;
        }
        if (!again) {
            memcpy(q.order[q.order_count++], name, sizeof(name));
        }
    }
    return q;
}

/* --- what it should give */

struct expected {
    cove_num num;
    json_t *doc;
};

static const struct query *sorting;

static int expected_order(const void *left, const void *right)
{
    const struct expected *a = left, *b = right;
    bool down = false;

    for (size_t i = 0; i < sorting->order_count; i++) {
        down = sorting->order[i][0] == '-';

        int order = naive_order(a->doc, b->doc, sorting->order[i] + down);

        if (order != 0) {
            return down ? -order : order;
        }
    }
    int order = (a->num > b->num) - (a->num < b->num);

    return down ? -order : order;
}

static json_t *doc_json(struct cove_loaded *loaded)
{
    json_t *fields = json_object(), *invalid = json_object();

    for (size_t i = 0; i < loaded->plan->field_count; i++) {
        const struct cove_plan_field *field = &loaded->plan->fields[i];
        char *name =
            cove_arena_printf(&alice.kit.arena, "%.*s", (int)field->name.len,
                              (const char *)field->name.at);
        struct cove_cell cell;
        struct cove_buf text;

        ck_assert_int_eq(cove_loaded_get(loaded, field->name, &cell, NULL), 0);
        if (cell.kind == COVE_INVALID) {
            json_object_set_new(invalid, name, json_true());
        } else if (cell.kind == COVE_PRESENT) {
            cove_buf_init(&text, &cove_alloc_libc);
            ck_assert_int_eq(cove_json_write(cell.bytes, 0, &text), 0);
            json_object_set_new(fields, name,
                                json_loadb((const char *)text.at, text.len,
                                           JSON_DECODE_ANY, NULL));
            cove_buf_clear(&text);
        }
    }
    return json_pack("{s:o s:o}", "fields", fields, "invalid", invalid);
}

static size_t expect(const struct query *q, struct expected *out)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, false);
    size_t count = 0;
    cove_num num = 0;

    while (cove_repo_next(alice.kit.repo, txn, alice.journal, num, &num) == 0) {
        struct cove_load_request request = {
            .num = num, .head = q->head, .mode = COVE_LOAD_VIEW};
        struct cove_loaded loaded;
        json_t *doc;

        ck_assert_int_eq(cove_load(alice.catalog, txn, &request,
                                   &alice.kit.arena, &loaded, &alice.kit.diag),
                         0);
        doc = doc_json(&loaded);
        if (q->where == NULL || naive_met(doc, q->where)) {
            out[count++] = (struct expected){num, doc};
        } else {
            json_decref(doc);
        }
    }
    cove_store_abort(txn);
    cove_catalog_settle(alice.catalog);
    sorting = q;
    qsort(out, count, sizeof(*out), expected_order);
    return count;
}

static void expected_free(struct expected *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        json_decref(rows[i].doc);
    }
}

/* --- what it gives */

struct found {
    cove_num nums[WORLD_DOCS * 2];
    size_t count;
    char cursor[20000];
};

static struct cove_search_order *order_of(const struct query *q)
{
    static struct cove_search_order order[3];

    for (size_t i = 0; i < q->order_count; i++) {
        order[i].down = q->order[i][0] == '-';
        order[i].path = cove_bytes_text(q->order[i] + order[i].down);
    }
    return order;
}

static void note(const struct cove_search_explain *e)
{
    world.seen.queries++;
    world.seen.indexed += e->index != NULL;
    world.seen.scans += e->index == NULL;
    world.seen.several += e->indexes > 1;
    world.seen.ordered += e->index != NULL && e->ordered;
    world.seen.exact += e->exact;
    world.seen.tails += e->tail > 0;
}

static int pause_none(void *ctx, struct cove_store_txn **txn)
{
    (void)ctx;
    (void)txn;
    return 0;
}

static void search(const struct query *q, uint64_t limit, struct found *out,
                   char *what)
{
    bool writes = roll(4) == 0;
    struct cove_store_txn *txn = kit_begin(&alice.kit, writes);
    struct cove_search_request request = {.journal = alice.journal,
                                          .head = *q->head,
                                          .order = order_of(q),
                                          .order_count = q->order_count,
                                          .limit = limit,
                                          .after = cove_bytes_text(out->cursor),
                                          .pause = pause_none,
                                          .scan = roll(10) == 0};
    struct cove_search *s;
    struct cove_search_row row;
    struct cove_buf cursor;
    int err;

    if (q->where != NULL) {
        char *text = json_dumps(q->where, JSON_COMPACT);

        request.asked = cbor(text);
        free(text);
        ck_assert_int_eq(cove_where_parse(&alice.kit.arena, request.asked,
                                          &request.where, &alice.kit.diag),
                         0);
    }
    err = cove_search_open(world.ix, txn, &request, &s, &alice.kit.diag);
    ck_assert_msg(err == 0, "%s: %d %s", what, err, alice.kit.diag.text);
    out->count = 0;
    while ((err = cove_search_next(s, &row, &alice.kit.diag)) == 0) {
        ck_assert_msg(out->count < WORLD_DOCS * 2, "%s: no end", what);
        out->nums[out->count++] = row.num;
    }
    ck_assert_msg(err == COVE_ENOTFOUND, "%s: %d", what, err);
    note(cove_search_explain(s));
    cove_buf_init(&cursor, &cove_alloc_libc);
    if (out->count > 0) {
        ck_assert_int_eq(cove_search_cursor(s, &cursor), 0);
        ck_assert_uint_lt(cursor.len, sizeof(out->cursor));
        memcpy(out->cursor, cursor.at, cursor.len);
        out->cursor[cursor.len] = '\0';
    }
    cove_buf_clear(&cursor);
    cove_search_close(s);
    cove_store_abort(txn);
    cove_catalog_settle(alice.catalog);
    if (writes) { /* what was cached saw what was not committed */
        step_reopen();
    }
}

static char *describe(const struct query *q, uint64_t seed)
{
    static char text[4096];
    char *where = q->where != NULL ? json_dumps(q->where, JSON_COMPACT) : NULL;

    snprintf(text, sizeof(text), "seed %llu, version %d, where %.3000s, order",
             (unsigned long long)seed, q->second ? 2 : 1,
             where != NULL ? where : "-");
    free(where);
    for (size_t i = 0; i < q->order_count; i++) {
        snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s",
                 q->order[i]);
    }
    return text;
}

static void compare(const struct expected *rows, size_t count,
                    const struct found *found, const char *what)
{
    ck_assert_msg(found->count == count, "%s: %zu rows, %zu are right", what,
                  found->count, count);
    for (size_t i = 0; i < count; i++) {
        ck_assert_msg(found->nums[i] == rows[i].num,
                      "%s: row %zu is %llu, not %llu", what, i,
                      (unsigned long long)found->nums[i],
                      (unsigned long long)rows[i].num);
    }
}

static bool num_moved(cove_num num)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, false);
    bool moved = true;

    for (size_t i = 0; i < world.count; i++) {
        cove_num at;

        if (!world.gone[i] &&
            cove_repo_find(alice.kit.repo, txn, &world.ids[i], &at) == 0 &&
            at == num) {
            moved = world.moved[i];
        }
    }
    cove_store_abort(txn);
    return moved;
}

/* What did not move comes once and once only, whatever is written between. */
static void check_pages(const struct query *q, const struct expected *rows,
                        size_t count, char *what)
{
    unsigned times[WORLD_DOCS * 4] = {0};
    struct found found = {.cursor = ""};

    memset(world.moved, 0, sizeof(world.moved));
    do {
        search(q, 1 + roll(5), &found, what);
        for (size_t i = 0; i < found.count; i++) {
            ck_assert_uint_lt(found.nums[i], COVE_ARRAY_LEN(times));
            times[found.nums[i]]++;
            ck_assert_msg(times[found.nums[i]] == 1 || num_moved(found.nums[i]),
                          "%s: %llu comes again", what,
                          (unsigned long long)found.nums[i]);
        }
        for (unsigned i = roll(3); i > 0; i--) {
            bool keep = roll(2) == 0;

            if (roll(2) == 0) {
                step_write(keep);
            } else {
                step_work();
            }
        }
    } while (found.count > 0);
    for (size_t i = 0; i < count; i++) {
        ck_assert_msg(times[rows[i].num] == 1 || num_moved(rows[i].num),
                      "%s: %llu is skipped", what,
                      (unsigned long long)rows[i].num);
    }
}

static void check(uint64_t seed)
{
    struct query q = query_random();
    struct expected rows[WORLD_DOCS * 2];
    struct found found = {.cursor = ""};
    size_t count = expect(&q, rows);
    uint64_t limit = 1 + roll(6);
    char *what = describe(&q, seed);

    search(&q, 0, &found, what);
    compare(rows, count, &found, what);
    found.cursor[0] = '\0';
    search(&q, limit, &found, what);
    compare(rows, count < limit ? count : (size_t)limit, &found, what);
    if (roll(6) == 0) {
        check_pages(&q, rows, count, what);
    }
    expected_free(rows, count);
    json_decref(q.where);
}

static void run_world(uint64_t seed)
{
    world_begin(seed);
    for (int i = 0; i < WORLD_STEPS; i++) {
        step();
        if (i % 20 == 19) {
            world_sound();
        }
        for (unsigned k = roll(2 * WORLD_QUERIES); k > 0; k--) {
            check(seed);
        }
    }
    world_end();
}

static uint64_t seed_first = 0, seed_last = 8;

START_TEST(searches_agree_with_one_that_looks_at_everything)
{
    for (uint64_t seed = seed_first; seed < seed_last; seed++) {
        run_world(seed);
    }
    printf("# %lu searches: %lu by index (%lu in its order, %lu exact, %lu by "
           "several), %lu with a tail, %lu scans\n",
           world.seen.queries, world.seen.indexed, world.seen.ordered,
           world.seen.exact, world.seen.several, world.seen.tails,
           world.seen.scans);
    ck_assert_uint_gt(world.seen.indexed * 4, world.seen.queries);
    ck_assert_uint_gt(world.seen.ordered, 0);
    ck_assert_uint_gt(world.seen.exact, 0);
    ck_assert_uint_gt(world.seen.several, 0);
    ck_assert_uint_gt(world.seen.tails, 0);
    ck_assert_uint_gt(world.seen.scans, 0);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("search_random");
    TCase *tests = tcase_create("search_random");

    if (argc > 1) {
        char *end;

        seed_first = strtoull(argv[1], &end, 10);
        seed_last = *end == ':' ? strtoull(end + 1, NULL, 10) : seed_first + 1;
    }
    tcase_set_timeout(tests, 0);
    tcase_add_test(tests, searches_agree_with_one_that_looks_at_everything);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
