/* test_settled.c: a clean document is read from its copies, however long the
 * way from the write is; and nobody's copy changes a view by that. */
#include "tests/unit/author.h"
#include "tests/unit/schema_kit.h"

#include "migrate/load.h"

/* Alice is admin, bob a writer; documents and journal are alice's. */
static struct stage alice, bob;

static void setup(void)
{
    stage_open(&alice, 1);
    stage_open(&bob, 2);
    stage_group(&alice, &bob, "writer");
    kit_take_header(&alice.kit, &alice.group, alice.group_header);
    kit_take_header(&bob.kit, &alice.group, alice.group_header);
    stage_publish(&alice, stage_schema);
    stage_publish(&alice, stage_migration);
}

static void teardown(void)
{
    stage_close(&bob);
    stage_close(&alice);
}

static struct cove_bytes text_of(const char *text)
{
    struct cove_bytes value;

    ck_assert_int_eq(
        cove_value_of_text(&alice.kit.arena, cove_bytes_text(text), &value), 0);
    return value;
}

/* A Note with a size, written at version 1. */
static struct cove_id note(const char *size)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);
    struct cove_edit edit = {.name = cove_bytes_text("size"),
                             .value = text_of(size)};
    struct cove_new_request request = {.type = COVE_DOC_COMAP,
                                       .owner = alice.group,
                                       .schema = alice.journal,
                                       .head = &alice.first,
                                       .edits = &edit,
                                       .edit_count = 1};
    struct cove_loaded loaded;

    ck_assert_int_eq(cove_new_document(alice.catalog, txn, &request,
                                       &alice.kit.arena, &loaded,
                                       &alice.kit.diag),
                     0);
    kit_commit(txn);
    cove_catalog_settle(alice.catalog);
    return loaded.doc.id;
}

struct seen {
    bool settled;
    enum cove_cell_kind kind;
    int64_t value;
    struct cove_origin winner; /* of the field, as a copy names it */
};

static struct seen see(const struct cove_id *id,
                       const struct cove_step_id *head,
                       enum cove_load_mode mode)
{
    struct cove_store_txn *txn =
        kit_begin(&alice.kit, mode == COVE_LOAD_MIGRATE);
    struct cove_load_request request = {
        .num = kit_num(&alice.kit, txn, id), .head = head, .mode = mode};
    struct cove_loaded loaded;
    struct cove_field field;
    struct cove_origin *origins;
    struct seen seen;
    size_t count;
    int err = cove_load(alice.catalog, txn, &request, &alice.kit.arena, &loaded,
                        &alice.kit.diag);

    ck_assert_msg(err == 0, "load: %d %s", err, alice.kit.diag.text);
    ck_assert_int_eq(cove_view_field(&loaded.view, 0, &field), 0);
    ck_assert_int_eq(
        cove_view_origins(&loaded.view, field.reg, &origins, &count), 0);
    ck_assert_uint_eq(count, 1);
    seen.settled = loaded.view.settled;
    seen.kind = field.cell.kind;
    seen.value = field.cell.kind == COVE_PRESENT &&
                         cove_value_kind(field.cell.bytes) == COVE_KIND_INT
                     ? cove_value_int(field.cell.bytes)
                     : -1;
    seen.winner = origins[0];
    ck_assert_int_eq(cove_repo_tx_hash(alice.kit.repo, txn, &loaded.doc,
                                       &seen.winner.id, seen.winner.tx_hash),
                     0);
    ck_assert_int_eq(
        cove_arena_copy(&alice.kit.arena, origins[0].reg, &seen.winner.reg), 0);
    if (mode == COVE_LOAD_MIGRATE) {
        kit_commit(txn);
    } else {
        cove_store_abort(txn);
    }
    return seen;
}

static struct seen view(const struct cove_id *id)
{
    return see(id, NULL, COVE_LOAD_VIEW);
}

static struct seen migrate(const struct cove_id *id)
{
    return see(id, NULL, COVE_LOAD_MIGRATE);
}

/* Bob forges a copy of the winner that says `value`, `later_ms` from now. */
static void forge(const struct cove_id *id, const struct seen *seen,
                  int64_t value, int64_t later_ms)
{
    struct cove_origin origin = seen->winner;
    struct cove_ingest_result result;
    struct author a;
    char reg[COVE_MAX_REGISTER + 1] = "";

    memcpy(reg, origin.reg.at, origin.reg.len);
    author_init(&a, &bob.kit, &alice.kit, id, 9);
    author_copy(&a, cove_hlc_of_ms(alice.kit.env.now_ms + later_ms), reg, value,
                &origin);

    struct cove_batch batch = author_batch(&a, 0, 1);

    ck_assert_int_eq(kit_ingest(&alice.kit, &batch, 1, &result), 0);
}

START_TEST(a_clean_document_is_settled_and_reads_as_before)
{
    struct cove_id id = note("120");

    ck_assert(!view(&id).settled);
    ck_assert_int_eq(view(&id).value, 120);
    ck_assert(!migrate(&id).settled); /* it writes the copy */

    struct seen seen = view(&id);

    ck_assert(seen.settled);
    ck_assert_int_eq(seen.kind, COVE_PRESENT);
    ck_assert_int_eq(seen.value, 120);
    ck_assert(!see(&id, &alice.first, COVE_LOAD_VIEW).settled);
}
END_TEST

/* A24 */
START_TEST(a_forged_copy_of_the_winner_changes_no_view)
{
    struct cove_id id = note("120");

    (void)migrate(&id);

    struct seen seen = view(&id);

    ck_assert(seen.settled);
    forge(&id, &seen, 666, 1000);
    seen = view(&id);
    ck_assert(!seen.settled);
    ck_assert_int_eq(seen.value, 120);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(migrate(&id).value, 120);
        ck_assert_int_eq(view(&id).value, 120);
    }
    ck_assert(view(&id).settled);
}
END_TEST

/* A24 */
START_TEST(a_forged_copy_that_is_held_for_its_time_changes_no_view)
{
    struct cove_id id = note("120");

    (void)migrate(&id);

    struct seen seen = view(&id);

    forge(&id, &seen, 666, 2 * COVE_MAX_AHEAD_MS);
    ck_assert_int_eq(migrate(&id).value, 120);
    ck_assert_int_eq(view(&id).value, 120);
    alice.kit.env.now_ms += 2 * COVE_MAX_AHEAD_MS;
    ck_assert_int_eq(view(&id).value, 120);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(migrate(&id).value, 120);
        ck_assert_int_eq(view(&id).value, 120);
    }
}
END_TEST

START_TEST(a_forged_copy_of_what_did_not_convert_leaves_it_invalid)
{
    struct cove_id id = note("about 150");
    struct seen seen = migrate(&id);

    ck_assert_int_eq(seen.kind, COVE_INVALID);
    forge(&id, &seen, 150, 1000);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(view(&id).kind, COVE_INVALID);
        ck_assert(!view(&id).settled);
        ck_assert_int_eq(migrate(&id).kind, COVE_INVALID);
    }
}
END_TEST

START_TEST(a_write_after_the_copy_is_seen_at_once)
{
    struct cove_id id = note("120");

    (void)migrate(&id);
    ck_assert(view(&id).settled);

    struct cove_store_txn *txn = kit_begin(&alice.kit, true);
    struct cove_load_request request = {.num = kit_num(&alice.kit, txn, &id),
                                        .head = &alice.first,
                                        .mode = COVE_LOAD_VIEW};
    struct cove_edit edit = {.name = cove_bytes_text("size"),
                             .value = text_of("121")};
    struct cove_loaded loaded;

    ck_assert_int_eq(cove_load(alice.catalog, txn, &request, &alice.kit.arena,
                               &loaded, &alice.kit.diag),
                     0);
    ck_assert_int_eq(
        cove_write(alice.catalog, txn, &loaded, &edit, 1, &alice.kit.diag), 0);
    kit_commit(txn);
    ck_assert(!view(&id).settled);
    ck_assert_int_eq(view(&id).value, 121);
    (void)migrate(&id);
    ck_assert(view(&id).settled);
    ck_assert_int_eq(view(&id).value, 121);
}
END_TEST

START_TEST(a_plan_is_compiled_once_for_many_transactions)
{
    const struct cove_plan *first, *again;
    struct cove_store_txn *txn = kit_begin(&alice.kit, false);

    ck_assert_int_eq(cove_catalog_plan(alice.catalog, txn, alice.journal,
                                       &alice.second, &first),
                     0);
    cove_store_abort(txn);
    note("1"); /* the store moves, the journal does not */
    for (int i = 0; i < 3; i++) {
        txn = kit_begin(&alice.kit, false);
        ck_assert_int_eq(cove_catalog_plan(alice.catalog, txn, alice.journal,
                                           &alice.second, &again),
                         0);
        ck_assert_ptr_eq(again, first);
        cove_store_abort(txn);
    }

    long calls = alice.kit.heap.calls;

    txn = kit_begin(&alice.kit, false);
    calls = alice.kit.heap.calls;
    ck_assert_int_eq(cove_catalog_plan(alice.catalog, txn, alice.journal,
                                       &alice.second, &again),
                     0);
    ck_assert_int_eq(alice.kit.heap.calls, calls);
    cove_store_abort(txn);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("settled");
    TCase *tc = tcase_create("settled");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_clean_document_is_settled_and_reads_as_before);
    tcase_add_test(tc, a_forged_copy_of_the_winner_changes_no_view);
    tcase_add_test(tc, a_forged_copy_that_is_held_for_its_time_changes_no_view);
    tcase_add_test(tc, a_forged_copy_of_what_did_not_convert_leaves_it_invalid);
    tcase_add_test(tc, a_write_after_the_copy_is_seen_at_once);
    tcase_add_test(tc, a_plan_is_compiled_once_for_many_transactions);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
