/* test_catalog.c: the cache of journals: what it keeps, and for how long. */
#include "migrate/publish.h"
#include "tests/unit/repo_kit.h"

static const char V1[] = "{\"title\":\"Note\",\"version\":1,\"properties\":"
                         "{\"size\":{\"type\":\"string\"}}}";
static const char V2[] = "{\"title\":\"Note\",\"version\":2,\"properties\":"
                         "{\"size\":{\"type\":\"integer\"}}}";
static const char V1_TO_2[] =
    "{\"schema\":\"Note\",\"from\":1,\"to\":2,\"steps\":[{\"convert\":"
    "{\"field\":\"size\",\"to\":{\"type\":\"integer\"},"
    "\"forward\":[\"int_of_text\"]}}]}";

struct stage {
    struct kit kit;
    struct cove_catalog *catalog;
    struct cove_id group;
    struct cove_bytes group_header;
    cove_num journal;
    struct cove_step_id first;
};

static void stage_begin(struct stage *s)
{
    struct kit_member members[] = {{&s->kit, "admin"}};

    kit_open(&s->kit, FIXTURE_MEMORY, 1);
    ck_assert_int_eq(
        cove_catalog_new(&s->kit.heap.alloc, s->kit.repo, &s->catalog), 0);
    s->group_header = kit_group(&s->kit, members, 1, &s->group);
}

static void stage_end(struct stage *s)
{
    cove_catalog_free(s->catalog);
    kit_close(&s->kit);
}

static void stage_schema(struct stage *s, struct cove_store_txn *txn)
{
    struct cove_published p;
    int err = cove_publish_schema(s->catalog, txn, &s->group,
                                  cove_bytes_text(V1), "v1", &p, &s->kit.diag);

    ck_assert_msg(err == 0, "schema: %d %s", err, s->kit.diag.text);
    s->journal = p.num;
    s->first = p.step;
}

static void stage_migration(struct stage *s, struct cove_store_txn *txn)
{
    struct cove_migration_files files = {.migration = cove_bytes_text(V1_TO_2),
                                         .schema = cove_bytes_text(V2),
                                         .name = "v1-to-v2"};
    struct cove_published p;
    int err = cove_publish_migration(s->catalog, txn, &files, &p, &s->kit.diag);

    ck_assert_msg(err == 0, "migration: %d %s", err, s->kit.diag.text);
}

START_TEST(a_borrowed_plan_stays_while_the_journal_grows)
{
    struct stage s;
    struct cove_store_txn *txn;
    const struct cove_plan *before, *after;
    const struct cove_schema_doc *doc;
    const struct cove_journal *journal;

    stage_begin(&s);
    kit_take_header(&s.kit, &s.group, s.group_header);
    txn = kit_begin(&s.kit, true);
    stage_schema(&s, txn);
    ck_assert_int_eq(
        cove_catalog_plan(s.catalog, txn, s.journal, &s.first, &before), 0);
    ck_assert_int_eq(cove_catalog_open(s.catalog, txn, s.journal, &doc), 0);
    journal = doc->journal;
    stage_migration(&s, txn);
    ck_assert_int_eq(
        cove_catalog_plan(s.catalog, txn, s.journal, &s.first, &after), 0);
    ck_assert_ptr_ne(before, after);
    ck_assert_uint_eq(before->register_count, 1);
    ck_assert_uint_eq(after->register_count, 2);
    ck_assert_uint_eq(cove_journal_count(journal), 1);
    ck_assert(cove_bytes_equal(before->fields[0].name, after->fields[0].name));
    kit_commit(txn);
    cove_catalog_settle(s.catalog);
    stage_end(&s);
}
END_TEST

START_TEST(steps_count_once_their_group_has_come)
{
    struct stage alice, bob;
    struct cove_store_txn *txn;
    const struct cove_schema_doc *doc;
    struct cove_doc journal;
    struct cove_id id;
    cove_num num;

    stage_begin(&alice);
    kit_take_header(&alice.kit, &alice.group, alice.group_header);
    txn = kit_begin(&alice.kit, true);
    stage_schema(&alice, txn);
    ck_assert_int_eq(cove_catalog_open(alice.catalog, txn, alice.journal, &doc),
                     0);
    id = doc->id;
    journal = kit_load(&alice.kit, txn, &id);
    kit_commit(txn);

    kit_open(&bob.kit, FIXTURE_MEMORY, 2);
    ck_assert_int_eq(
        cove_catalog_new(&bob.kit.heap.alloc, bob.kit.repo, &bob.catalog), 0);
    kit_take_header(&bob.kit, &id, journal.header_bytes);
    kit_sync(&alice.kit, &bob.kit, &id);
    txn = kit_begin(&bob.kit, false);
    num = kit_num(&bob.kit, txn, &id);
    ck_assert_int_eq(cove_catalog_open(bob.catalog, txn, num, &doc), 0);
    ck_assert_uint_eq(cove_journal_count(doc->journal), 0);

    /* Nothing changed: what was borrowed is given again. */
    const struct cove_schema_doc *again;

    ck_assert_int_eq(cove_catalog_open(bob.catalog, txn, num, &again), 0);
    ck_assert_ptr_eq(doc, again);
    cove_store_abort(txn);

    kit_take_header(&bob.kit, &alice.group, alice.group_header);
    txn = kit_begin(&bob.kit, false);
    ck_assert_int_eq(cove_catalog_open(bob.catalog, txn, num, &again), 0);
    ck_assert_uint_eq(cove_journal_count(again->journal), 1);
    cove_store_abort(txn);
    stage_end(&bob);
    stage_end(&alice);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("catalog");
    TCase *tc = tcase_create("catalog");

    tcase_add_test(tc, a_borrowed_plan_stays_while_the_journal_grows);
    tcase_add_test(tc, steps_count_once_their_group_has_come);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
