/* test_judge.c: what is wrong with documents, below the API: where memory runs
 * out, and what a sentence is taken apart into. */
#include "core/json.h"
#include "migrate/judge.h"
#include "tests/unit/schema_kit.h"

static struct stage alice;

static void setup(void)
{
    stage_open(&alice, 1);
    stage_group(&alice, NULL, NULL);
    kit_take_header(&alice.kit, &alice.group, alice.group_header);
    stage_publish(&alice, stage_schema);
    stage_publish(&alice, stage_migration);
}

static void teardown(void)
{
    stage_close(&alice);
}

/* A document of version 1 whose size is this text, whatever the rules say. */
static cove_num new_size(struct cove_store_txn *txn, const char *json)
{
    struct cove_edit edit = {.name = cove_bytes_text("size")};
    struct cove_new_request request = {.type = COVE_DOC_COMAP,
                                       .owner = alice.group,
                                       .schema = alice.journal,
                                       .head = &alice.first,
                                       .edits = &edit,
                                       .edit_count = 1};
    struct cove_loaded made;
    struct cove_buf cbor;

    cove_catalog_judging(alice.catalog)->mode = COVE_JUDGE_OFF;
    cove_buf_init(&cbor, &alice.kit.heap.alloc);
    ck_assert_int_eq(cove_json_read(cove_bytes_text(json), "json", &cbor, NULL),
                     0);
    edit.value = cove_buf_bytes(&cbor);
    ck_assert_msg(cove_new_document(alice.catalog, txn, &request,
                                    &alice.kit.arena, &made,
                                    &alice.kit.diag) == 0,
                  "%s", alice.kit.diag.text);
    cove_buf_clear(&cbor);
    cove_catalog_judging(alice.catalog)->mode = COVE_JUDGE_STRICT;
    return made.doc.num;
}

/* All that is wrong with it at version 2. */
static int look(struct cove_store_txn *txn, cove_num num,
                struct cove_arena *arena, struct cove_flaws *flaws,
                struct cove_misfits *misfits)
{
    struct cove_load_request request = {
        .num = num, .head = &alice.second, .mode = COVE_LOAD_VIEW};
    struct cove_loaded loaded;
    int err = cove_load(alice.catalog, txn, &request, arena, &loaded, NULL);

    err =
        err != 0 ? err : cove_loaded_flaws(alice.catalog, txn, &loaded, flaws);
    err = err != 0 ? err
                   : cove_children_flaws(alice.catalog, txn, &loaded, flaws);
    return err != 0 ? err
                    : cove_loaded_misfits(alice.catalog, txn, &loaded, arena,
                                          misfits);
}

#define assert_bytes(got, text)                                                \
    ck_assert_msg(cove_bytes_equal(got, cove_bytes_text(text)), "%.*s not %s", \
                  (int)(got).len, (const char *)(got).at, text)

START_TEST(a_value_and_a_write_that_are_wrong_are_told_apart)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);
    cove_num text = new_size(txn, "\"about\""), list = new_size(txn, "[1]");
    cove_num fine = new_size(txn, "\"12\"");
    struct cove_flaws flaws = {.arena = &alice.kit.arena};
    struct cove_misfits misfits = {0};

    /* right at version 1, and nothing that version 2 can show */
    ck_assert_int_eq(look(txn, text, &alice.kit.arena, &flaws, &misfits), 0);
    ck_assert_uint_eq(flaws.count, 1);
    assert_bytes(flaws.at[0].path, "/size");
    assert_bytes(flaws.at[0].rule, "convert");
    ck_assert_uint_eq(misfits.count, 0);

    /* wrong at version 1 already */
    flaws.count = 0;
    ck_assert_int_eq(look(txn, list, &alice.kit.arena, &flaws, &misfits), 0);
    ck_assert_uint_eq(flaws.count, 1);
    ck_assert_uint_eq(misfits.count, 1);
    assert_bytes(misfits.at[0].field, "size");
    assert_bytes(misfits.at[0].flaw.rule, "type string");
    ck_assert_mem_eq(misfits.at[0].epoch->id.b, alice.first.b, 32);

    flaws.count = 0;
    misfits.count = 0;
    ck_assert_int_eq(look(txn, fine, &alice.kit.arena, &flaws, &misfits), 0);
    ck_assert_uint_eq(flaws.count + misfits.count, 0);
    kit_commit(txn);
}
END_TEST

START_TEST(memory_that_runs_out_while_judging_leaves_nothing_behind)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);
    cove_num num = new_size(txn, "[1]");
    int err = COVE_ENOMEM;
    long step = 0;

    while (err != 0) {
        struct harness_alloc failing;
        struct cove_arena arena;
        struct cove_flaws flaws = {.arena = &arena};
        struct cove_misfits misfits = {0};

        harness_alloc_init(&failing, ++step);
        cove_arena_init(&arena, &failing.alloc);
        err = look(txn, num, &arena, &flaws, &misfits);
        ck_assert(err == 0 || err == COVE_ENOMEM);
        ck_assert(err != 0 || (flaws.count == 1 && misfits.count == 1));
        cove_arena_clear(&arena);
        ck_assert_int_eq(failing.alive, 0);
    }
    ck_assert_int_gt(step, 1);
    kit_commit(txn);
}
END_TEST

/* Judge a document that is nowhere: all it takes is from this allocator. */
static int judge_with(const struct cove_alloc *alloc,
                      const struct cove_schema *schema, struct cove_bytes value)
{
    struct cove_arena arena;
    struct cove_judge judge = {.schema = schema,
                               .name = cove_schema_title(schema)};
    struct cove_flaws flaws = {.arena = &arena};

    cove_arena_init(&arena, alloc);

    int err = cove_judge_new(&judge, value, &flaws);

    ck_assert(err != 0 || flaws.count == 3);
    cove_arena_clear(&arena);
    return err;
}

START_TEST(memory_that_runs_out_while_a_new_one_is_judged_leaves_nothing_behind)
{
    static const char text[] =
        "{\"title\":\"T\",\"required\":[\"a\",\"b\"],\"properties\":{\"a\":{"
        "\"type\":\"string\"},\"b\":{\"type\":\"integer\",\"default\":1},\"c\":"
        "{\"maximum\":3}}}";
    const struct cove_schema *schema;
    struct cove_buf cbor, value;
    int err = COVE_ENOMEM;

    cove_buf_init(&cbor, &alice.kit.heap.alloc);
    cove_buf_init(&value, &alice.kit.heap.alloc);
    ck_assert_int_eq(
        cove_json_read_plain(cove_bytes_text(text), "s", &cbor, NULL), 0);
    ck_assert_int_eq(cove_schema_parse(&alice.kit.arena, cove_buf_bytes(&cbor),
                                       &schema, NULL),
                     0);
    ck_assert_int_eq(
        cove_json_read(cove_bytes_text("{\"c\":4,\"x\":1}"), "v", &value, NULL),
        0);
    for (long step = 1; err != 0; step++) {
        struct harness_alloc failing;

        harness_alloc_init(&failing, step);
        err = judge_with(&failing.alloc, schema, cove_buf_bytes(&value));
        ck_assert(err == 0 || err == COVE_ENOMEM);
        ck_assert_int_eq(failing.alive, 0);
        ck_assert(err != 0 || step > 1);
    }
    cove_buf_clear(&cbor);
    cove_buf_clear(&value);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("judge");
    TCase *tests = tcase_create("judge");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_value_and_a_write_that_are_wrong_are_told_apart);
    tcase_add_test(tests,
                   memory_that_runs_out_while_judging_leaves_nothing_behind);
    tcase_add_test(
        tests,
        memory_that_runs_out_while_a_new_one_is_judged_leaves_nothing_behind);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
