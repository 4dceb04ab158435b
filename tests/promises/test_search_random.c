/* test_search_random.c: searches against an evaluator that looks at every
 * document (search_naive.c), over random documents, writes, concurrent heads,
 * versions, removals, indexes that lag, are rebuilt or half built, and random
 * conditions and orders. Pages are read with writes in between.
 *
 *   test_search_random [FIRST:LAST]   worlds by their seeds
 */
#include <stdio.h>

#include "core/json.h"
#include "core/value.h"
#include "crdt/repo_upkeep.h"
#include "migrate/search.h"
#include "tests/promises/search_naive.h"
#include "tests/unit/schema_kit.h"

#define WORLD_DOCS    40
#define WORLD_STEPS   60
#define WORLD_QUERIES 2 /* after each step, about */

static struct stage alice, bob;

static struct world {
    uint64_t seed;
    struct cove_indexes *ix;
    struct cove_id ids[WORLD_DOCS];
    bool gone[WORLD_DOCS];  /* taken out */
    bool moved[WORLD_DOCS]; /* written since a page was read */
    size_t count;
    bool second; /* version 2 is published */
    unsigned long queries, indexed, ordered, exact, several, tails, scans;
} world;

static unsigned roll(unsigned below)
{
    world.seed ^= world.seed << 13;
    world.seed ^= world.seed >> 7;
    world.seed ^= world.seed << 17;
    return (unsigned)(world.seed >> 33) % below;
}

/* --- values */

#define LONG_A                                                                 \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const char *const ints[] = {"-1", "0", "1",
                                   "2",  "3", "9007199254740993"};
static const char *const texts[] = {
    "''", "'a'", "'aa'", "'ab'", "'b'", "'1'", "'" LONG_A "'", "'" LONG_A "b'"};
static const char *const anys[] = {
    "null", "false", "true",    "0",       "1",       "1.0",         "1.5",
    "2",    "'a'",   "'b'",     "[]",      "[1,'a']", "[[1]]",       "{}",
    "'ab'", "[2]",   "{'k':1}", "[1,1.5]", "{'k':2}", "[{'k':1},3]", "-0.5"};
static const char *const lists[] = {"[]", "['a']", "['a','b']", "['b','a','b']",
                                    "['ab',1]"};
static const char *const maps[] = {"{}",
                                   "{'k':1}",
                                   "{'k':2}",
                                   "{'k':'a'}",
                                   "{'k':[1,2]}",
                                   "{'k':null}",
                                   "{'l':[{'k':1},{'k':3}]}",
                                   "{'l':[{'k':2}]}"};

#define PICK(from) from[roll(COVE_ARRAY_LEN(from))]

static const char *quoted(const char *text)
{
    char *out = cove_arena_printf(&alice.kit.arena, "%s", text);

    for (char *at = out; (at = strchr(at, '\'')) != NULL;) {
        *at = '"';
    }
    return out;
}

static struct cove_bytes cbor(const char *json)
{
    struct cove_buf buf;
    struct cove_bytes out;

    cove_buf_init(&buf, &alice.kit.heap.alloc);
    ck_assert_int_eq(
        cove_json_read(cove_bytes_text(quoted(json)), "value", &buf, NULL), 0);
    ck_assert_int_eq(
        cove_arena_copy(&alice.kit.arena, cove_buf_bytes(&buf), &out), 0);
    cove_buf_clear(&buf);
    return out;
}

/* --- the schema */

static const char first_schema[] =
    "{'title':'T','version':1,'x-index':[['a','b'],['c','a']],'properties':{"
    "'a':{'type':'integer','x-index':true},'b':{'type':'string','x-index':"
    "true},'c':{'x-index':true},'tags':{'type':'array','items':{'x-index':"
    "true}},'o':{'type':'object','properties':{'k':{'x-index':true},'l':"
    "{'type':'array','items':{'properties':{'k':{'x-index':true}}}}}},"
    "'n':{'type':'integer'}}}";

/* b is renamed and indexed anew, n becomes a text, d comes with a default. */
static const char second_schema[] =
    "{'title':'T','version':2,'x-index':[['a','bb'],['d','n']],'properties':{"
    "'a':{'type':'integer','x-index':true},'bb':{'type':'string','x-index':"
    "true},'c':{'x-index':true},'tags':{'type':'array','items':{'x-index':"
    "true}},'o':{'type':'object','properties':{'k':{'x-index':true},'l':"
    "{'type':'array','items':{'properties':{'k':{'x-index':true}}}}}},"
    "'n':{'type':'string','x-index':true},'d':{'type':'string','default':'x',"
    "'x-index':true}}}";
static const char second_steps[] =
    "{'schema':'T','from':1,'to':2,'steps':[{'rename':{'from':'b','to':'bb'}},"
    "{'add':{'field':'d','type':'string','default':'x'}},"
    "{'convert':{'field':'n','to':{'type':'string'},'forward':"
    "['text_of_int'],'back':['int_of_text']}}]}";

static int publish_first(struct stage *s, struct cove_store_txn *txn)
{
    const struct cove_schema_doc *doc;
    struct cove_published p;
    int err = cove_publish_schema(s->catalog, txn, &s->group,
                                  cove_bytes_text(quoted(first_schema)), "v1",
                                  &p, &s->kit.diag);

    if (err == 0) {
        err = cove_catalog_open(s->catalog, txn, p.num, &doc);
    }
    if (err == 0) {
        s->journal_id = doc->id;
        s->journal = p.num;
        s->first = p.step;
    }
    return err;
}

static int publish_second(struct stage *s, struct cove_store_txn *txn)
{
    struct cove_migration_files files = {
        .migration = cove_bytes_text(quoted(second_steps)),
        .schema = cove_bytes_text(quoted(second_schema)),
        .name = "v1-to-v2"};
    struct cove_published p;
    int err = cove_publish_migration(s->catalog, txn, &files, &p, &s->kit.diag);

    s->second = err == 0 ? p.step : s->second;
    return err;
}

/* --- what happens */

static void commit(struct cove_store_txn *txn, bool keep)
{
    struct cove_index_want want = {alice.journal, alice.first};
    struct cove_index_wants wants = {.at = &want, .count = 1, .again = true};

    if (keep) {
        int err = cove_indexes_keep(world.ix, txn, &wants, &alice.kit.diag);

        ck_assert_msg(err == 0, "keep: %d %s", err, alice.kit.diag.text);
    }
    kit_commit(txn);
    cove_catalog_settle(alice.catalog);
}

struct field {
    const char *name;
    const char *value; /* NULL: deleted */
};

static struct field field_random(bool second)
{
    switch (roll(6)) {
    case 0:
        return (struct field){"a", PICK(ints)};
    case 1:
        return (struct field){second ? "bb" : "b", PICK(texts)};
    case 2:
        return (struct field){"c", PICK(anys)};
    case 3:
        return (struct field){"tags", PICK(lists)};
    case 4:
        return (struct field){"o", PICK(maps)};
    default:
        return second ? (struct field){"n", PICK(texts)}
                      : (struct field){"n", PICK(ints)};
    }
}

static void edits_random(struct cove_edit *edits, size_t *count, bool second,
                         bool deletes)
{
    size_t wanted = 1 + roll(5);

    *count = 0;
    for (size_t i = 0; i < wanted; i++) {
        struct field f = field_random(second);
        bool again = false;

        for (size_t k = 0; k < *count; k++) {
            again = again ||
                    cove_bytes_equal(edits[k].name, cove_bytes_text(f.name));
        }
        if (!again) {
            edits[*count].name = cove_bytes_text(f.name);
            edits[*count].deleted = deletes && roll(4) == 0;
            edits[*count].value = cbor(f.value);
            ++*count;
        }
    }
}

static const struct cove_step_id *head_random(const struct stage *s,
                                              bool *second)
{
    *second = world.second && s == &alice && roll(2) == 0;
    return *second ? &s->second : &s->first;
}

static void step_create(bool keep)
{
    struct cove_edit edits[6];
    struct cove_store_txn *txn;
    struct cove_loaded loaded;
    size_t count, many = 1 + roll(5);
    bool second;

    txn = kit_begin(&alice.kit, true);
    for (size_t i = 0; i < many && world.count < WORLD_DOCS; i++) {
        struct cove_new_request request = {.type = COVE_DOC_COMAP,
                                           .owner = alice.group,
                                           .schema = alice.journal,
                                           .edits = edits};

        request.head = head_random(&alice, &second);
        edits_random(edits, &count, second, false);
        request.edit_count = count;
        int err = cove_new_document(alice.catalog, txn, &request,
                                    &alice.kit.arena, &loaded, &alice.kit.diag);

        ck_assert_msg(err == 0, "new: %d %s", err, alice.kit.diag.text);
        world.ids[world.count] = loaded.doc.id;
        world.gone[world.count] = false;
        world.moved[world.count++] = true;
    }
    commit(txn, keep);
}

static size_t doc_random(void)
{
    return world.count == 0 ? SIZE_MAX : roll((unsigned)world.count);
}

static void write_at(struct stage *s, size_t at, bool keep)
{
    struct cove_store_txn *txn = kit_begin(&s->kit, true);
    struct cove_load_request request = {.mode = COVE_LOAD_VIEW};
    struct cove_edit edits[6];
    struct cove_loaded loaded;
    size_t count;
    bool second;

    request.num = kit_num(&s->kit, txn, &world.ids[at]);
    request.head = head_random(s, &second);
    ck_assert_int_eq(cove_load(s->catalog, txn, &request, &s->kit.arena,
                               &loaded, &s->kit.diag),
                     0);
    edits_random(edits, &count, second, true);
    int err = cove_write(s->catalog, txn, &loaded, edits, count, &s->kit.diag);

    ck_assert_msg(err == 0, "write: %d %s", err, s->kit.diag.text);
    if (s == &alice) {
        commit(txn, keep);
    } else {
        kit_commit(txn);
        cove_catalog_settle(s->catalog);
    }
}

static void step_write(bool keep)
{
    size_t at = doc_random();

    if (at != SIZE_MAX && !world.gone[at]) {
        world.moved[at] = true;
        write_at(&alice, at, keep);
    }
}

/* Somebody else writes at the same time, perhaps ahead of our clock. */
static void step_concurrent(void)
{
    size_t at = doc_random();
    int64_t ahead = alice.kit.env.now_ms + 600000;

    if (at == SIZE_MAX || world.gone[at]) {
        return;
    }
    world.moved[at] = true;
    stage_give(&alice, &bob, &world.ids[at]);
    if (roll(3) == 0 && bob.kit.env.now_ms < ahead) {
        bob.kit.env.now_ms = ahead;
    }
    write_at(&bob, at, false);
    if (roll(2) == 0) {
        write_at(&alice, at, roll(2) == 0);
    }
    kit_sync(&bob.kit, &alice.kit, &world.ids[at]);
}

static void step_remove(bool keep)
{
    struct cove_store_txn *txn;
    size_t at = doc_random();

    if (at == SIZE_MAX || world.gone[at]) {
        return;
    }
    world.gone[at] = world.moved[at] = true;
    txn = kit_begin(&alice.kit, true);
    ck_assert_int_eq(cove_repo_remove(alice.kit.repo, txn,
                                      kit_num(&alice.kit, txn, &world.ids[at]),
                                      &alice.kit.diag),
                     0);
    commit(txn, keep);
}

static void step_migrate(bool keep)
{
    struct cove_load_request request = {.mode = COVE_LOAD_MIGRATE};
    struct cove_store_txn *txn;
    struct cove_loaded loaded;
    size_t at = doc_random();

    if (at == SIZE_MAX || world.gone[at]) {
        return;
    }
    txn = kit_begin(&alice.kit, true);
    request.num = kit_num(&alice.kit, txn, &world.ids[at]);
    ck_assert_int_eq(cove_load(alice.catalog, txn, &request, &alice.kit.arena,
                               &loaded, &alice.kit.diag),
                     0);
    commit(txn, keep);
}

static void step_publish(void)
{
    struct cove_store_txn *txn;

    if (!world.second) {
        txn = kit_begin(&alice.kit, true);
        int err = publish_second(&alice, txn);

        ck_assert_msg(err == 0, "publish: %d %s", err, alice.kit.diag.text);
        commit(txn, roll(2) == 0);
        world.second = true;
    }
}

static void step_work(void)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);
    bool left;

    ck_assert_int_eq(
        cove_indexes_work(world.ix, txn, 1 + roll(30), &left, &alice.kit.diag),
        0);
    kit_commit(txn);
    cove_catalog_settle(alice.catalog);
}

static void step_again(void)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);

    ck_assert_int_eq(cove_indexes_again(world.ix, txn, 1 + roll(8)), 0);
    kit_commit(txn);
}

static void step_reopen(void)
{
    cove_indexes_free(world.ix);
    cove_catalog_free(alice.catalog);
    kit_reopen(&alice.kit);
    ck_assert_int_eq(
        cove_catalog_new(&alice.kit.heap.alloc, alice.kit.repo, &alice.catalog),
        0);
    ck_assert_int_eq(cove_indexes_new(alice.catalog, &world.ix), 0);
}

static void step(void)
{
    bool keep = roll(4) != 0;

    switch (roll(20)) {
    case 0:
    case 1:
    case 2:
    case 3:
        step_create(keep);
        break;
    case 4:
    case 5:
        step_concurrent();
        break;
    case 6:
        step_remove(keep);
        break;
    case 7:
    case 8:
        step_migrate(keep);
        break;
    case 9:
        step_publish();
        break;
    case 10:
    case 11:
    case 12:
        step_work();
        break;
    case 13:
        if (roll(3) == 0) {
            step_again();
        }
        break;
    case 14:
        if (roll(3) == 0) {
            step_reopen();
        }
        break;
    case 15:
        alice.kit.env.now_ms += 400000; /* what was held shows */
        if (bob.kit.env.now_ms < alice.kit.env.now_ms) {
            bob.kit.env.now_ms = alice.kit.env.now_ms;
        }
        break;
    default:
        step_write(keep);
    }
}

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
    world.queries++;
    world.indexed += e->index != NULL;
    world.scans += e->index == NULL;
    world.several += e->indexes > 1;
    world.ordered += e->index != NULL && e->ordered;
    world.exact += e->exact;
    world.tails += e->tail > 0;
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
    unsigned long queries = world.queries, indexed = world.indexed;
    struct world fresh = {.seed = seed * 2654435761u + 88172645463325252u,
                          .queries = queries,
                          .indexed = indexed,
                          .ordered = world.ordered,
                          .exact = world.exact,
                          .several = world.several,
                          .tails = world.tails,
                          .scans = world.scans};

    world = fresh;
    stage_open(&alice, 1);
    stage_open(&bob, 2);
    stage_group(&alice, &bob, "writer");
    kit_take_header(&alice.kit, &alice.group, alice.group_header);
    kit_take_header(&bob.kit, &alice.group, alice.group_header);
    ck_assert_int_eq(cove_indexes_new(alice.catalog, &world.ix), 0);
    stage_publish(&alice, publish_first);
    stage_give(&alice, &bob, &alice.journal_id);
    bob.first = alice.first;
    for (int i = 0; i < WORLD_STEPS; i++) {
        step();
        for (unsigned k = roll(2 * WORLD_QUERIES); k > 0; k--) {
            check(seed);
        }
    }
    cove_indexes_free(world.ix);
    stage_close(&bob);
    stage_close(&alice);
}

static uint64_t seed_first = 0, seed_last = 8;

START_TEST(searches_agree_with_one_that_looks_at_everything)
{
    for (uint64_t seed = seed_first; seed < seed_last; seed++) {
        run_world(seed);
    }
    printf("# %lu searches: %lu by index (%lu in its order, %lu exact, %lu by "
           "several), %lu with a tail, %lu scans\n",
           world.queries, world.indexed, world.ordered, world.exact,
           world.several, world.tails, world.scans);
    ck_assert_uint_gt(world.indexed * 4, world.queries);
    ck_assert_uint_gt(world.ordered, 0);
    ck_assert_uint_gt(world.exact, 0);
    ck_assert_uint_gt(world.several, 0);
    ck_assert_uint_gt(world.tails, 0);
    ck_assert_uint_gt(world.scans, 0);
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
