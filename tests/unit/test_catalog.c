/* test_catalog.c: the cache of journals: what it keeps, and for how long. */
#include "core/crypto.h"
#include "tests/unit/schema_kit.h"

START_TEST(a_borrowed_plan_stays_while_the_journal_grows)
{
    struct stage s;
    struct cove_store_txn *txn;
    const struct cove_plan *before, *after;
    const struct cove_schema_doc *doc;
    const struct cove_journal *journal;

    stage_open(&s, 1);
    stage_group(&s, NULL, NULL);
    kit_take_header(&s.kit, &s.group, s.group_header);
    stage_publish(&s, stage_schema);
    txn = kit_begin(&s.kit, true);
    ck_assert_int_eq(
        cove_catalog_plan(s.catalog, txn, s.journal, &s.first, &before), 0);
    ck_assert_int_eq(cove_catalog_open(s.catalog, txn, s.journal, &doc), 0);
    journal = doc->journal;
    ck_assert_int_eq(stage_migration(&s, txn), 0);
    ck_assert_int_eq(
        cove_catalog_plan(s.catalog, txn, s.journal, &s.first, &after), 0);
    ck_assert_ptr_ne(before, after);
    ck_assert_uint_eq(before->register_count, 1);
    ck_assert_uint_eq(after->register_count, 2);
    ck_assert_uint_eq(cove_journal_count(journal), 1);
    ck_assert(cove_bytes_equal(before->fields[0].name, after->fields[0].name));
    kit_commit(txn);
    cove_catalog_settle(s.catalog);
    stage_close(&s);
}
END_TEST

START_TEST(steps_count_once_their_group_has_come)
{
    struct stage alice, bob;
    struct cove_store_txn *txn;
    const struct cove_schema_doc *doc, *again;
    cove_num num;

    stage_open(&alice, 1);
    stage_open(&bob, 2);
    stage_group(&alice, NULL, NULL);
    kit_take_header(&alice.kit, &alice.group, alice.group_header);
    stage_publish(&alice, stage_schema);
    stage_give(&alice, &bob, &alice.journal_id);
    txn = kit_begin(&bob.kit, false);
    num = kit_num(&bob.kit, txn, &alice.journal_id);
    ck_assert_int_eq(cove_catalog_open(bob.catalog, txn, num, &doc), 0);
    ck_assert_uint_eq(cove_journal_count(doc->journal), 0);
    /* Nothing changed: what was borrowed is given again. */
    ck_assert_int_eq(cove_catalog_open(bob.catalog, txn, num, &again), 0);
    ck_assert_ptr_eq(doc, again);
    cove_store_abort(txn);

    kit_take_header(&bob.kit, &alice.group, alice.group_header);
    txn = kit_begin(&bob.kit, false);
    ck_assert_int_eq(cove_catalog_open(bob.catalog, txn, num, &again), 0);
    ck_assert_uint_eq(cove_journal_count(again->journal), 1);
    cove_store_abort(txn);
    stage_close(&bob);
    stage_close(&alice);
}
END_TEST

/* Write a value into the journal under the hex of its hash, as a peer with the
 * right to it may. */
static void entry(struct stage *s, struct cove_store_txn *txn,
                  const uint8_t hash[32], struct cove_bytes value)
{
    char hex[COVE_HEX_LEN(32)];
    struct cove_tx_op op = {.value = value};
    struct cove_tx tx = {.ops = &op, .op_count = 1};
    struct cove_doc doc = kit_load(&s->kit, txn, &s->journal_id);

    cove_hex(cove_bytes(hash, 32), hex);
    op.reg = cove_bytes_text(hex);
    ck_assert_int_eq(
        cove_repo_append(s->kit.repo, txn, &doc, &tx, &s->kit.diag), 0);
}

/* Version 2, by a peer whose Cove judges what this one cannot. */
static struct cove_step_id publish_newer(struct stage *s,
                                         struct cove_store_txn *txn)
{
    static const char v2[] = "{\"title\":\"Note\",\"version\":2,\"properties\":"
                             "{\"size\":{\"type\":\"string\"}}}";
    static const char newer[] =
        "{\"title\":\"Note\",\"version\":2,\"properties\":{\"size\":{\"type\":"
        "\"string\",\"$ref\":\"https://example.org/newer.json\"}}}";
    static const char steps[] =
        "{\"schema\":\"Note\",\"from\":1,\"to\":2,\"steps\":[]}";
    struct cove_arena *arena = &s->kit.arena;
    const struct cove_schema_doc *doc;
    struct cove_schema_file file;
    struct cove_migration migration;
    struct cove_compiled step;
    struct cove_bytes text;

    ck_assert_int_eq(cove_catalog_open(s->catalog, txn, s->journal, &doc), 0);
    ck_assert_int_eq(cove_schema_file_read(arena, cove_bytes_text(v2), "v2",
                                           &file, &s->kit.diag),
                     0);
    ck_assert_int_eq(cove_migration_read(arena, cove_bytes_text(steps), "steps",
                                         &migration, &s->kit.diag),
                     0);
    file.text = cove_bytes_text(newer);
    file.hash = cove_hash("cove/schema", file.text);

    struct cove_compile_request request = {.migration = &migration,
                                           .target = &file,
                                           .journal = doc->journal,
                                           .parents = &s->first,
                                           .parent_count = 1};

    ck_assert_int_eq(
        cove_compile_migration(arena, &request, &step, &s->kit.diag), 0);
    ck_assert_int_eq(cove_value_of_text(arena, file.text, &text), 0);
    entry(s, txn, file.hash.b, text);
    entry(s, txn, step.step.b, step.body);
    return step.step;
}

START_TEST(a_schema_that_cannot_be_used_here_hides_no_version)
{
    struct stage s;
    struct cove_store_txn *txn;
    const struct cove_schema *schema = NULL;
    const struct cove_plan *plan;
    struct cove_step_id second;
    struct cove_bytes text, value;
    struct cove_diag diag = {0};

    stage_open(&s, 1);
    stage_group(&s, NULL, NULL);
    kit_take_header(&s.kit, &s.group, s.group_header);
    stage_publish(&s, stage_schema);
    txn = kit_begin(&s.kit, true);
    second = publish_newer(&s, txn);
    kit_commit(txn);
    cove_catalog_settle(s.catalog);

    txn = kit_begin(&s.kit, false);
    ck_assert_int_eq(
        cove_catalog_plan(s.catalog, txn, s.journal, &second, &plan), 0);
    ck_assert_uint_eq(plan->field_count, 1);
    ck_assert_int_eq(
        cove_catalog_schema(s.catalog, txn, s.journal, &second, &text, &schema),
        0);
    ck_assert_uint_gt(text.len, 0);
    ck_assert_uint_eq(cove_schema_index_count(schema), 0);
    ck_assert_int_eq(
        cove_value_of_text(&s.kit.arena, cove_bytes_text("x"), &value), 0);
    ck_assert_int_eq(
        cove_schema_check_field(schema, cove_bytes_text("size"), value, &diag),
        COVE_EUNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(diag.text, "which this cove cannot use: "
                                            "schema: /properties/size/$ref"));
    cove_store_abort(txn);
    stage_close(&s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("catalog");
    TCase *tc = tcase_create("catalog");

    tcase_add_test(tc, a_borrowed_plan_stays_while_the_journal_grows);
    tcase_add_test(tc, steps_count_once_their_group_has_come);
    tcase_add_test(tc, a_schema_that_cannot_be_used_here_hides_no_version);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
