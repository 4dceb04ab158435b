/* test_activity.c: the record of who did what: one for each owner, written by
 * whoever may, the same on every device. */
#include "tests/unit/schema_kit.h"

#include "migrate/activity.h"

static struct stage alice, bob;

static void stages_open(const char *role)
{
    stage_open(&alice, 1);
    stage_open(&bob, 2);
    stage_group(&alice, &bob, role);
    kit_take_header(&alice.kit, &alice.group, alice.group_header);
    kit_take_header(&bob.kit, &alice.group, alice.group_header);
}

static void stages_close(void)
{
    stage_close(&bob);
    stage_close(&alice);
}

struct seen {
    size_t count;
    char keys[8][64];
    char what[8][16];
    struct cove_key author[8];
};

static int see(void *ctx, const struct cove_activity_entry *entry)
{
    struct seen *s = ctx;
    struct cove_bytes what;

    ck_assert_uint_lt(s->count, 8);
    ck_assert(cove_value_member(entry->map, "what", &what));
    what = cove_value_text(what);
    snprintf(s->what[s->count], 16, "%.*s", (int)what.len,
             (const char *)what.at);
    snprintf(s->keys[s->count], 64, "%.*s", (int)entry->key.len,
             (const char *)entry->key.at);
    s->author[s->count++] = entry->author;
    return 0;
}

static struct seen look(struct stage *s)
{
    struct cove_store_txn *txn = kit_begin(&s->kit, false);
    struct seen seen = {.count = 0};

    ck_assert_int_eq(
        cove_activity_each(s->catalog, txn, &alice.group, see, &seen), 0);
    cove_store_abort(txn);
    return seen;
}

static void note(struct stage *s, const char *what)
{
    const struct cove_activity activity = {.what = what,
                                           .schema = cove_bytes_text("Note")};
    struct cove_store_txn *txn = kit_begin(&s->kit, true);

    ck_assert_int_eq(cove_activity_note(s->catalog, txn, &alice.group,
                                        &activity, &s->kit.diag),
                     0);
    kit_commit(txn);
}

START_TEST(publishing_leaves_one_entry_and_again_none)
{
    stages_open("writer");
    stage_publish(&alice, stage_schema);
    stage_publish(&alice, stage_schema);

    struct seen seen = look(&alice);

    ck_assert_uint_eq(seen.count, 1);
    ck_assert_str_eq(seen.what[0], "publish");
    stage_publish(&alice, stage_migration);
    seen = look(&alice);
    ck_assert_uint_eq(seen.count, 2);
    ck_assert_mem_eq(&seen.author[1], &alice.kit.device, 32);
    stages_close();
}
END_TEST

START_TEST(entries_of_one_millisecond_have_keys_of_their_own)
{
    stages_open("writer");
    note(&alice, "run");
    note(&alice, "down");
    note(&bob, "once");

    struct seen seen = look(&alice);

    ck_assert_uint_eq(seen.count, 2);
    ck_assert_str_ne(seen.keys[0], seen.keys[1]);
    ck_assert_str_eq(seen.what[0], "run");
    ck_assert_str_eq(seen.what[1], "down");
    seen = look(&bob);
    ck_assert_uint_eq(seen.count, 1);
    stages_close();
}
END_TEST

START_TEST(a_reader_notes_nothing_and_reads_an_empty_record)
{
    stages_open("reader");
    note(&bob, "run");
    ck_assert_uint_eq(look(&bob).count, 0);
    stages_close();
}
END_TEST

static Suite *activity_suite(void)
{
    Suite *suite = suite_create("activity");
    TCase *tcase = tcase_create("activity");

    tcase_add_test(tcase, publishing_leaves_one_entry_and_again_none);
    tcase_add_test(tcase, entries_of_one_millisecond_have_keys_of_their_own);
    tcase_add_test(tcase, a_reader_notes_nothing_and_reads_an_empty_record);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return harness_run(activity_suite());
}
