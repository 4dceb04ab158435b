/* search_world.c: see search_world.h. */
#include "tests/promises/search_world.h"

#include "core/json.h"
#include "crdt/repo_check.h"
#include "crdt/repo_upkeep.h"
#include "migrate/index_check.h"

struct stage alice, bob;

struct world world;

unsigned roll(unsigned below)
{
    world.seed ^= world.seed << 13;
    world.seed ^= world.seed >> 7;
    world.seed ^= world.seed << 17;
    return (unsigned)(world.seed >> 33) % below;
}

/* --- values */

const char *quoted(const char *text)
{
    char *out = cove_arena_printf(&alice.kit.arena, "%s", text);

    for (char *at = out; (at = strchr(at, '\'')) != NULL;) {
        *at = '"';
    }
    return out;
}

struct cove_bytes cbor(const char *json)
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

void step_write(bool keep)
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

void step_work(void)
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

void step_reopen(void)
{
    cove_indexes_free(world.ix);
    cove_catalog_free(alice.catalog);
    kit_reopen(&alice.kit);
    ck_assert_int_eq(
        cove_catalog_new(&alice.kit.heap.alloc, alice.kit.repo, &alice.catalog),
        0);
    ck_assert_int_eq(cove_indexes_new(alice.catalog, &world.ix), 0);
}

void step(void)
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

/* --- a world */

void world_begin(uint64_t seed)
{
    struct world before = world;

    memset(&world, 0, sizeof(world));
    world.seed = seed * 2654435761u + 88172645463325252u;
    world.seen = before.seen;
    stage_open(&alice, 1);
    stage_open(&bob, 2);
    stage_group(&alice, &bob, "writer");
    kit_take_header(&alice.kit, &alice.group, alice.group_header);
    kit_take_header(&bob.kit, &alice.group, alice.group_header);
    ck_assert_int_eq(cove_indexes_new(alice.catalog, &world.ix), 0);
    stage_publish(&alice, publish_first);
    stage_give(&alice, &bob, &alice.journal_id);
    bob.first = alice.first;
}

static int hear_entry(void *ctx, const struct cove_finding *f)
{
    (void)ctx;
    ck_abort_msg("world %llu: %s", (unsigned long long)world.seed, f->text);
    return COVE_ECORRUPT;
}

static int hear_value(void *ctx, const struct cove_index_fault *f)
{
    (void)ctx;
    ck_abort_msg("world %llu: index %u: %s", (unsigned long long)world.seed,
                 (unsigned)f->number, f->text);
    return COVE_ECORRUPT;
}

void world_sound(void)
{
    struct cove_check_options of_trees = {.finding = hear_entry};
    struct cove_index_check_options of_values = {.fault = hear_value};
    struct cove_store_txn *txn = kit_begin(&alice.kit, false);
    struct cove_index_check *values;
    struct cove_check *trees;
    bool over;

    ck_assert_int_eq(cove_check_new(alice.kit.repo, &of_trees, &trees), 0);
    for (over = false; !over;) {
        ck_assert_int_eq(cove_check_step(trees, txn, &over), 0);
    }
    cove_check_free(trees);
    ck_assert_int_eq(cove_index_check_new(world.ix, &of_values, &values), 0);
    for (over = false; !over;) {
        ck_assert_int_eq(cove_index_check_step(values, txn, &over), 0);
    }
    cove_index_check_free(values);
    cove_store_abort(txn);
    cove_catalog_settle(alice.catalog);
}

void world_end(void)
{
    cove_indexes_free(world.ix);
    stage_close(&bob);
    stage_close(&alice);
}
