/* test_load.c: documents as a version sees them: the state each is in, what a
 * load writes, and who writes nothing. */
#include "tests/unit/author.h"
#include "tests/unit/schema_kit.h"

#include "crdt/repo_internal.h"
#include "migrate/load.h"

/* Alice is admin, bob a reader; documents and journal are alice's. */
static struct stage alice, bob;

static void stages_open(const char *role)
{
    stage_open(&alice, 1);
    stage_open(&bob, 2);
    stage_group(&alice, &bob, role);
    kit_take_header(&alice.kit, &alice.group, alice.group_header);
    kit_take_header(&bob.kit, &alice.group, alice.group_header);
    stage_publish(&alice, stage_schema);
}

static void stages_close(void)
{
    stage_close(&bob);
    stage_close(&alice);
}

/* A Note of alice's with a size, written at version 1; none where NULL. */
static struct cove_id note(const char *size)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);
    struct cove_edit edit = {.name = cove_bytes_text("size")};
    struct cove_new_request request = {.type = COVE_DOC_COMAP,
                                       .owner = alice.group,
                                       .schema = alice.journal,
                                       .head = &alice.first,
                                       .edits = &edit,
                                       .edit_count = size != NULL};
    struct cove_loaded loaded;

    if (size != NULL) {
        ck_assert_int_eq(cove_value_of_text(&alice.kit.arena,
                                            cove_bytes_text(size), &edit.value),
                         0);
    }
    ck_assert_int_eq(cove_new_document(alice.catalog, txn, &request,
                                       &alice.kit.arena, &loaded,
                                       &alice.kit.diag),
                     0);
    kit_commit(txn);
    cove_catalog_settle(alice.catalog);
    return loaded.doc.id;
}

struct look {
    int err;
    enum cove_doc_state state;
    uint32_t written;
    bool present;
};

/* Load at the newest version, or at `head`, and say how it stands. */
static struct look look_at(struct stage *s, const struct cove_id *id,
                           const struct cove_step_id *head,
                           enum cove_load_mode mode)
{
    struct cove_store_txn *txn = kit_begin(&s->kit, mode == COVE_LOAD_MIGRATE);
    struct cove_load_request request = {
        .num = kit_num(&s->kit, txn, id), .head = head, .mode = mode};
    struct cove_loaded loaded;
    struct cove_cell cell;
    struct look look = {.written = 0};

    look.err = cove_load(s->catalog, txn, &request, &s->kit.arena, &loaded,
                         &s->kit.diag);
    if (look.err == 0) {
        ck_assert_int_eq(cove_loaded_state(&loaded, &look.state), 0);
        ck_assert_int_eq(cove_loaded_get(&loaded, cove_bytes_text("size"),
                                         &cell, &s->kit.diag),
                         0);
        look.present = cell.kind == COVE_PRESENT;
        look.written = loaded.copies_written;
    }
    if (mode == COVE_LOAD_MIGRATE) {
        kit_commit(txn);
    } else {
        cove_store_abort(txn);
    }
    cove_catalog_settle(s->catalog);
    return look;
}

static enum cove_doc_state state_of(struct stage *s, const struct cove_id *id)
{
    struct look look = look_at(s, id, NULL, COVE_LOAD_VIEW);

    ck_assert_msg(look.err == 0, "load: %d %s", look.err, s->kit.diag.text);
    return look.state;
}

/* A session of bob's in a document, written by hand and given to alice. */
static void push_session(const struct cove_id *id, struct cove_tx *tx)
{
    struct author a;
    struct cove_ingest_result result;

    author_init(&a, &bob.kit, &alice.kit, id, 9);
    author_push_tx(&a, tx);

    struct cove_batch batch = author_batch(&a, 0, 1);

    ck_assert_int_eq(kit_ingest(&alice.kit, &batch, 1, &result), 0);
}

START_TEST(a_document_at_its_own_version_is_current)
{
    stages_open("writer");

    struct cove_id id = note("120");

    ck_assert_int_eq(state_of(&alice, &id), COVE_STATE_CURRENT);
    stages_close();
}
END_TEST

START_TEST(copies_to_write_are_due_until_a_load_wrote_them_once)
{
    stages_open("writer");

    struct cove_id id = note("120");
    struct look look;

    stage_publish(&alice, stage_migration);
    ck_assert_int_eq(state_of(&alice, &id), COVE_STATE_DUE);
    look = look_at(&alice, &id, NULL, COVE_LOAD_MIGRATE);
    ck_assert_int_eq(look.state, COVE_STATE_CURRENT);
    ck_assert_uint_eq(look.written, 1);

    struct cove_hash digest = kit_digest(&alice.kit, &id);

    look = look_at(&alice, &id, NULL, COVE_LOAD_MIGRATE);
    ck_assert_uint_eq(look.written, 0);
    look = look_at(&alice, &id, &alice.first, COVE_LOAD_MIGRATE);
    ck_assert_uint_eq(look.written, 0);
    ck_assert_int_eq(look.state, COVE_STATE_CURRENT);

    struct cove_hash after = kit_digest(&alice.kit, &id);

    ck_assert_mem_eq(&digest, &after, sizeof(digest));
    stages_close();
}
END_TEST

START_TEST(i10_a_reader_sees_the_view_and_writes_nothing)
{
    stages_open("reader");

    struct cove_id id = note("120");

    stage_publish(&alice, stage_migration);
    stage_give(&alice, &bob, &alice.journal_id);
    stage_give(&alice, &bob, &id);

    struct cove_hash before = kit_digest(&bob.kit, &id);
    struct look look = look_at(&bob, &id, NULL, COVE_LOAD_MIGRATE);
    struct cove_hash after = kit_digest(&bob.kit, &id);

    ck_assert_int_eq(look.err, 0);
    ck_assert(look.present);
    ck_assert_uint_eq(look.written, 0);
    ck_assert_int_eq(look.state, COVE_STATE_LOCAL_ONLY);
    ck_assert_mem_eq(&before, &after, sizeof(before));
    stages_close();
}
END_TEST

START_TEST(a_value_that_does_not_convert_is_quarantined)
{
    stages_open("writer");

    struct cove_id id = note("about 150");

    stage_publish(&alice, stage_migration);
    ck_assert_int_eq(state_of(&alice, &id), COVE_STATE_QUARANTINED);
    ck_assert_int_eq(look_at(&alice, &id, &alice.first, COVE_LOAD_VIEW).state,
                     COVE_STATE_CURRENT);
    stages_close();
}
END_TEST

START_TEST(a_write_at_a_step_that_is_not_here_is_ahead)
{
    stages_open("writer");

    struct cove_id id = note("120");
    struct cove_tx_op op = kit_op(&alice.kit, "size~x", 1);
    struct cove_tx tx = {.hlc = cove_hlc_of_ms(alice.kit.env.now_ms),
                         .has_epoch = true,
                         .ops = &op,
                         .op_count = 1};

    memset(tx.epoch.b, 7, sizeof(tx.epoch.b));
    push_session(&id, &tx);
    ck_assert_int_eq(state_of(&alice, &id), COVE_STATE_AHEAD);
    ck_assert(look_at(&alice, &id, NULL, COVE_LOAD_VIEW).present);
    stages_close();
}
END_TEST

START_TEST(a_private_transaction_is_kept_and_waits_for_its_key)
{
    static const uint8_t part[] = {0xa3, 0x63, 'k', 'e', 'y', 0x58, 0x20};
    struct cove_buf buf;

    stages_open("writer");

    struct cove_id id = note("120");
    struct cove_writer w;
    uint8_t zeros[32] = {0};
    struct cove_tx tx = {.hlc = cove_hlc_of_ms(alice.kit.env.now_ms),
                         .kind = COVE_TX_NATIVE};

    cove_buf_init(&buf, &alice.kit.heap.alloc);
    ck_assert_int_eq(cove_buf_append(&buf, cove_bytes(part, sizeof(part))), 0);
    ck_assert_int_eq(cove_buf_append(&buf, cove_bytes(zeros, 32)), 0);
    cove_writer_init(&w, &buf);
    cove_writer_cstr(&w, "ops");
    cove_writer_bytes(&w, zeros, 20);
    cove_writer_cstr(&w, "nonce");
    cove_writer_bytes(&w, zeros, 24);
    ck_assert_int_eq(w.err, 0);
    tx.private_part = cove_buf_bytes(&buf);
    push_session(&id, &tx);
    cove_buf_clear(&buf);
    ck_assert_int_eq(state_of(&alice, &id), COVE_STATE_WAITING_KEY);
    ck_assert(look_at(&alice, &id, NULL, COVE_LOAD_VIEW).present);
    stages_close();
}
END_TEST

START_TEST(a_copy_of_a_write_that_is_not_held_is_viewed_through_steps)
{
    stages_open("writer");

    struct cove_id id = note(NULL);
    struct cove_origin origin = {.reg = {NULL, 0}};
    const struct cove_plan *plan;
    struct cove_tx_op op = {.origins = &origin, .origin_count = 1};
    struct cove_tx tx = {.hlc = cove_hlc_of_ms(alice.kit.env.now_ms),
                         .kind = COVE_TX_COPY,
                         .ops = &op,
                         .op_count = 1};
    uint32_t newer;

    stage_publish(&alice, stage_migration);

    struct cove_store_txn *txn = kit_begin(&alice.kit, false);

    ck_assert_int_eq(cove_catalog_plan(alice.catalog, txn, alice.journal,
                                       &alice.second, &plan),
                     0);
    cove_store_abort(txn);
    ck_assert(cove_plan_find_name(plan, cove_bytes_text("size"), &newer));
    op.reg = plan->registers[newer].id;
    ck_assert_int_eq(cove_value_of_int(&alice.kit.arena, 7, &op.value), 0);
    origin.reg = op.reg;
    origin.id.hlc = cove_hlc_of_ms(alice.kit.env.now_ms - 1);
    origin.id.device = bob.kit.device;
    memset(origin.id.session.b, 3, sizeof(origin.id.session.b));
    push_session(&id, &tx);

    struct look look = look_at(&alice, &id, &alice.first, COVE_LOAD_VIEW);

    ck_assert_int_eq(look.err, 0);
    ck_assert(look.present);
    ck_assert_int_eq(look.state, COVE_STATE_VIEWED);
    ck_assert_int_eq(state_of(&alice, &id), COVE_STATE_CURRENT);
    stages_close();
}
END_TEST

/* --- the record says that all origins are held */

static bool says_held(const struct cove_id *id, struct cove_doc_session *first)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, false);
    struct repo_record record;
    struct repo_work work;

    ck_assert_int_eq(
        repo_work_begin(&work, alice.kit.repo, txn, &alice.kit.arena, NULL), 0);
    ck_assert_int_eq(
        repo_record_read(&work, kit_num(&alice.kit, txn, id), &record), 0);
    if (first != NULL) {
        *first = record.rows[0].pub;
    }
    cove_store_abort(txn);
    return record.held;
}

/* A note that was migrated, whose record says so. */
static struct cove_id held_note(void)
{
    struct cove_id id = note("120");

    ck_assert(!says_held(&id, NULL));
    stage_publish(&alice, stage_migration);
    (void)look_at(&alice, &id, NULL, COVE_LOAD_VIEW);
    ck_assert(!says_held(&id, NULL));
    ck_assert_uint_eq(look_at(&alice, &id, NULL, COVE_LOAD_MIGRATE).written, 1);
    ck_assert(says_held(&id, NULL));
    return id;
}

START_TEST(held_origins_stay_held_while_users_write)
{
    struct cove_tx_op op;
    struct cove_tx tx = {.has_epoch = true, .ops = &op, .op_count = 1};
    struct cove_id id;

    stages_open("writer");
    id = held_note();
    op = kit_op(&alice.kit, "size", 7);
    tx.epoch = alice.second;
    tx.hlc = cove_hlc_of_ms(alice.kit.env.now_ms);
    push_session(&id, &tx);
    ck_assert(says_held(&id, NULL));
    (void)look_at(&alice, &id, NULL, COVE_LOAD_MIGRATE);
    ck_assert(says_held(&id, NULL));
    stages_close();
}
END_TEST

/* Of a write that is not here, and of one that is and is another. */
START_TEST(a_copy_that_comes_is_asked_about_at_each_load)
{
    struct cove_origin origin = {.reg = cove_bytes_text("size")};
    struct cove_tx_op op = {
        .reg = cove_bytes_text("size"), .origins = &origin, .origin_count = 1};
    struct cove_tx tx = {.kind = COVE_TX_COPY, .ops = &op, .op_count = 1};
    struct cove_doc_session own;
    struct cove_store_txn *txn;
    struct cove_doc doc;
    struct cove_id id;

    stages_open("writer");
    id = held_note();
    ck_assert(says_held(&id, &own));
    ck_assert_int_eq(cove_value_of_int(&alice.kit.arena, 7, &op.value), 0);
    origin.id.hlc = cove_hlc_of_ms(alice.kit.env.now_ms - 1);
    tx.hlc = cove_hlc_of_ms(alice.kit.env.now_ms);
    if (_i == 0) {
        origin.id.device = bob.kit.device;
        memset(origin.id.session.b, 3, sizeof(origin.id.session.b));
    } else {
        origin.id.device = own.device;
        origin.id.session = own.session;
    }
    push_session(&id, &tx);
    for (int i = 0; i < 3; i++) {
        ck_assert(!says_held(&id, NULL));
        (void)look_at(&alice, &id, NULL, COVE_LOAD_MIGRATE);
        txn = kit_begin(&alice.kit, false);
        doc = kit_load(&alice.kit, txn, &id);
        ck_assert_uint_eq(doc.state.false_copies, (uint64_t)_i);
        cove_store_abort(txn);
    }
    stages_close();
}
END_TEST

START_TEST(without_its_journal_or_its_group_a_document_is_blocked)
{
    stages_open("writer");

    struct cove_id id = note("120");
    struct stage carol;

    stage_give(&alice, &bob, &id);
    ck_assert_int_eq(look_at(&bob, &id, NULL, COVE_LOAD_VIEW).err,
                     COVE_EBLOCKED);
    ck_assert_int_eq(look_at(&bob, &id, NULL, COVE_LOAD_RAW).err, 0);

    stage_open(&carol, 3);
    stage_give(&alice, &carol, &alice.journal_id);
    stage_give(&alice, &carol, &id);
    ck_assert_int_eq(look_at(&carol, &id, NULL, COVE_LOAD_VIEW).err,
                     COVE_EBLOCKED);
    ck_assert_int_eq(look_at(&carol, &id, NULL, COVE_LOAD_RAW).state,
                     COVE_STATE_BLOCKED);
    stage_close(&carol);
    stages_close();
}
END_TEST

START_TEST(a_schema_that_is_no_journal_blocks_its_document_alone)
{
    stages_open("writer");

    struct cove_id good = note("120"), id;
    struct cove_header header = {
        .type = COVE_DOC_COMAP, .has_owner = true, .owner = alice.group};
    struct cove_pair pair;
    struct cove_buf map, out;
    struct cove_writer w;
    uint8_t nonce[16] = {5};

    cove_buf_init(&map, &alice.kit.heap.alloc);
    cove_buf_init(&out, &alice.kit.heap.alloc);
    ck_assert_int_eq(cove_value_of_text(&alice.kit.arena,
                                        cove_bytes_text("$schema"), &pair.key),
                     0);
    ck_assert_int_eq(cove_value_of_ref(&alice.kit.arena, &good, &pair.value),
                     0);
    cove_writer_init(&w, &map);
    cove_writer_map_sorted(&w, &pair, 1);
    ck_assert_int_eq(w.err, 0);
    header.meta = cove_buf_bytes(&map);
    header.nonce = cove_bytes(nonce, sizeof(nonce));
    ck_assert_int_eq(cove_header_encode(&header, &out, &id, &alice.kit.diag),
                     0);
    kit_take_header(&alice.kit, &id, cove_buf_bytes(&out));
    cove_buf_clear(&map);
    cove_buf_clear(&out);
    ck_assert_int_eq(look_at(&alice, &id, NULL, COVE_LOAD_VIEW).err,
                     COVE_EBLOCKED);
    ck_assert_int_eq(state_of(&alice, &good), COVE_STATE_CURRENT);
    stages_close();
}
END_TEST

/* How many documents of the schema are judged so by the journal as it is. */
static uint64_t counted(struct stage *s, int state)
{
    struct cove_store_txn *txn = kit_begin(&s->kit, false);
    struct cove_tally tally = {.schema =
                                   kit_num(&s->kit, txn, &alice.journal_id)};
    const struct cove_schema_doc *doc;
    struct cove_hash plan;
    uint64_t count = 0;

    ck_assert_int_eq(cove_catalog_open(s->catalog, txn, tally.schema, &doc), 0);
    plan = cove_journal_fingerprint(doc->journal);
    while (cove_repo_tally_next(s->kit.repo, txn, &tally, &tally) == 0) {
        bool judged = memcmp(tally.plan, plan.b, sizeof(tally.plan)) == 0;

        count +=
            (judged ? tally.state == state : state == -1) ? tally.count : 0;
    }
    cove_store_abort(txn);
    return count;
}

START_TEST(loads_at_the_newest_version_keep_the_counts_of_states)
{
    stages_open("reader");

    struct cove_id id = note("120"), other = note("about 150");

    ck_assert_uint_eq(counted(&alice, -1), 2);
    look_at(&alice, &id, NULL, COVE_LOAD_VIEW); /* writes nothing */
    ck_assert_uint_eq(counted(&alice, -1), 2);
    look_at(&alice, &id, NULL, COVE_LOAD_MIGRATE);
    ck_assert_uint_eq(counted(&alice, COVE_STATE_CURRENT), 1);

    stage_publish(&alice, stage_migration); /* judged by what was */
    ck_assert_uint_eq(counted(&alice, -1), 2);
    look_at(&alice, &id, &alice.first, COVE_LOAD_MIGRATE); /* not the newest */
    ck_assert_uint_eq(counted(&alice, -1), 2);
    look_at(&alice, &id, NULL, COVE_LOAD_MIGRATE);
    look_at(&alice, &other, NULL, COVE_LOAD_MIGRATE);
    ck_assert_uint_eq(counted(&alice, -1), 0);
    ck_assert_uint_eq(counted(&alice, COVE_STATE_CURRENT), 1);
    ck_assert_uint_eq(counted(&alice, COVE_STATE_QUARANTINED), 1);

    stage_give(&alice, &bob, &alice.journal_id);
    stage_give(&alice, &bob, &id);
    ck_assert_uint_eq(counted(&bob, -1), 1);
    look_at(&bob, &id, NULL, COVE_LOAD_MIGRATE); /* a reader's, too */
    ck_assert_uint_eq(counted(&bob, -1), 0);
    stages_close();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("load");
    TCase *tc = tcase_create("load");

    tcase_add_test(tc, a_document_at_its_own_version_is_current);
    tcase_add_test(tc, copies_to_write_are_due_until_a_load_wrote_them_once);
    tcase_add_test(tc, i10_a_reader_sees_the_view_and_writes_nothing);
    tcase_add_test(tc, a_value_that_does_not_convert_is_quarantined);
    tcase_add_test(tc, a_write_at_a_step_that_is_not_here_is_ahead);
    tcase_add_test(tc, a_private_transaction_is_kept_and_waits_for_its_key);
    tcase_add_test(tc,
                   a_copy_of_a_write_that_is_not_held_is_viewed_through_steps);
    tcase_add_test(tc, held_origins_stay_held_while_users_write);
    tcase_add_loop_test(tc, a_copy_that_comes_is_asked_about_at_each_load, 0,
                        2);
    tcase_add_test(tc, without_its_journal_or_its_group_a_document_is_blocked);
    tcase_add_test(tc, a_schema_that_is_no_journal_blocks_its_document_alone);
    tcase_add_test(tc, loads_at_the_newest_version_keep_the_counts_of_states);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
