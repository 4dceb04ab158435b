/* A history that was cut off: views, digests and what comes later are as
 * before, a device that is new gets what it came to, and nobody but an admin
 * says what that is. */
#include "core/zip.h"
#include "crdt/repo_upkeep.h"
#include "crdt/undo.h"
#include "tests/unit/cut_kit.h"
#include "tests/unit/text_kit.h"

static struct cove_tx_op cut_op(struct kit *k, int i)
{
    static const char *const regs[] = {"name", "size", "colour of the thing"};

    return kit_op(k, regs[i % 3], (int64_t)i * 104729);
}

/* `count` writes of a device, a minute apart, 40 a commit. */
static void write_many(struct kit *k, const struct cove_id *id, int count)
{
    for (int i = 0; i < count;) {
        struct cove_store_txn *txn = kit_begin(k, true);
        struct cove_doc doc = kit_load(k, txn, id);

        do {
            struct cove_tx_op op = cut_op(k, i);
            struct cove_tx tx = {.ops = &op, .op_count = 1};

            k->env.now_ms += 60000;
            ck_assert_int_eq(
                cove_repo_append(k->repo, txn, &doc, &tx, &k->diag), 0);
        } while (++i < count && i % 40 != 0);
        kit_commit(txn);
    }
}

static void world_tick(struct world *w, const struct kit *from)
{
    int64_t now = from->env.now_ms;

    w->alice.env.now_ms = w->bob.env.now_ms = w->carol.env.now_ms = now;
}

/* Alice and bob write in turns, and both have all of it. */
static void world_write(struct world *w, int rounds, int count)
{
    for (int i = 0; i < rounds; i++) {
        write_many(&w->alice, &w->doc, count);
        world_tick(w, &w->alice);
        write_many(&w->bob, &w->doc, count);
        world_tick(w, &w->bob);
        cut_sync(&w->alice, &w->bob, &w->doc);
        cut_sync(&w->bob, &w->alice, &w->doc);
    }
}

/* --- cutting */

START_TEST(no_view_and_no_digest_changes_and_the_log_is_shorter)
{
    struct world w;

    world_open_full(&w, _i);
    world_write(&w, 2, 300);

    struct log_size was = log_size(&w.alice);
    struct cove_cut_result gone = cut_now(&w.alice, &w.doc);

    ck_assert_uint_gt(gone.txs, 1100);
    ck_assert_uint_lt(log_size(&w.alice).bytes, was.bytes / 10);
    assert_same_view(&w.alice, &w.bob, &w.doc);
    kit_reopen(&w.alice);
    assert_same_view(&w.alice, &w.bob, &w.doc);
    world_write(&w, 1, 50);
    assert_same_view(&w.alice, &w.bob, &w.doc);
    kit_reopen(&w.alice);
    assert_same_view(&w.alice, &w.bob, &w.doc);
    world_close(&w);
}
END_TEST

START_TEST(what_is_younger_than_the_rule_stays)
{
    struct world w;
    struct cove_cut_rule rule = {.bytes = UINT64_MAX};
    struct cove_cut_result gone;

    world_open_full(&w, _i);
    world_write(&w, 1, 200);
    rule.before = cove_hlc_of_ms(w.alice.env.now_ms);
    world_write(&w, 1, 25);
    ck_assert_int_eq(cut_try(&w.alice, &w.doc, &rule, &gone), 0);

    struct cove_doc doc = world_look(&w, &w.alice);

    ck_assert_uint_lt(gone.until, rule.before);
    for (size_t i = 0; i < doc.session_count; i++) {
        ck_assert_uint_ge(doc.sessions[i].len - doc.sessions[i].base, 25);
        ck_assert_uint_le(doc.sessions[i].len - doc.sessions[i].base, 26);
    }
    assert_same_view(&w.alice, &w.bob, &w.doc);
    world_close(&w);
}
END_TEST

START_TEST(at_most_so_many_bytes_stay)
{
    struct world w;
    struct cove_cut_rule rule = {.bytes = 2000};
    struct cove_cut_result gone;

    world_open_full(&w, _i);
    world_write(&w, 2, 150);
    ck_assert_int_eq(cut_try(&w.alice, &w.doc, &rule, &gone), 0);
    ck_assert_int_eq(cut_try(&w.alice, &w.doc, &rule, &gone), COVE_ENOTFOUND);
    rule.bytes = 1;
    ck_assert_int_eq(cut_try(&w.alice, &w.doc, &rule, &gone), COVE_ENOTFOUND);
    ck_assert_uint_gt(gone.bytes, 1500); /* and too few to cut again */
    ck_assert_uint_le(gone.bytes, 2000);
    assert_same_view(&w.alice, &w.bob, &w.doc);
    world_close(&w);
}
END_TEST

START_TEST(a_plan_says_what_would_go_and_writes_nothing)
{
    struct world w;
    struct cove_cut_result plan, gone;

    world_open_full(&w, _i);
    world_write(&w, 1, 200);

    struct cove_hash before = world_dump(&w.alice);
    struct cove_cut_rule rule = cut_before(&w.alice);
    struct cove_store_txn *txn = kit_begin(&w.alice, false);

    ck_assert_int_eq(cove_repo_cut(w.alice.repo, txn,
                                   kit_num(&w.alice, txn, &w.doc), &rule, true,
                                   &plan, &w.alice.diag),
                     0);
    cove_store_abort(txn);

    struct cove_hash after = world_dump(&w.alice);

    ck_assert_mem_eq(&before, &after, sizeof(before));
    gone = cut_now(&w.alice, &w.doc);
    ck_assert_uint_eq(plan.txs, gone.txs);
    ck_assert_uint_eq(plan.bytes, gone.bytes);
    ck_assert_uint_eq(plan.until, gone.until);
    world_close(&w);
}
END_TEST

START_TEST(packed_logs_are_cut_and_cut_ones_are_packed)
{
    struct world w;

    world_open_full(&w, _i);
    world_write(&w, 2, 200);
    pack_now(&w.alice, &pack_all);

    struct cove_cut_rule rule = {cove_hlc_of_ms(w.alice.env.now_ms - 6000000),
                                 UINT64_MAX};
    struct cove_cut_result gone;

    ck_assert_int_eq(cut_try(&w.alice, &w.doc, &rule, &gone), 0);
    assert_same_view(&w.alice, &w.bob, &w.doc);
    ck_assert_uint_eq(log_size(&w.alice).packs, 0);
    world_write(&w, 1, 200);
    pack_now(&w.alice, &pack_all);
    assert_same_view(&w.alice, &w.bob, &w.doc);
    cut_now(&w.alice, &w.doc);
    assert_same_view(&w.alice, &w.bob, &w.doc);
    kit_reopen(&w.alice);
    world_write(&w, 1, 3);
    assert_same_view(&w.alice, &w.bob, &w.doc);
    world_close(&w);
}
END_TEST

/* --- the past */

START_TEST(the_past_begins_at_the_cut)
{
    struct world w;
    struct cove_event *events;
    size_t count;

    world_open_full(&w, _i);
    world_write(&w, 1, 200);

    struct cove_cut_result gone = cut_now(&w.alice, &w.doc);

    world_write(&w, 1, 4);

    struct cove_store_txn *txn = kit_begin(&w.alice, false);
    struct cove_doc doc = kit_load(&w.alice, txn, &w.doc);
    struct cove_state state;

    ck_assert_int_eq(
        cove_history(w.alice.repo, txn, &doc, &w.alice.arena, &events, &count),
        0);
    ck_assert_uint_ge(count, 8);
    ck_assert_uint_le(count, 9);
    ck_assert_int_eq(cove_repo_state_at(w.alice.repo, txn, &doc, gone.until,
                                        &w.alice.arena, &state, NULL),
                     0);
    ck_assert_uint_eq(state.native_count, 3);
    ck_assert_int_eq(cove_repo_state_at(w.alice.repo, txn, &doc, gone.until - 1,
                                        &w.alice.arena, &state, &w.alice.diag),
                     COVE_ECUT);
    ck_assert_ptr_nonnull(strstr(w.alice.diag.text, "begins later"));
    cove_store_abort(txn);
    world_close(&w);
}
END_TEST

/* --- undo */

/* Take the newest write back, as far as a register goes; its value then. */
static int take_back(struct kit *k, const struct cove_id *id, const char *reg)
{
    struct cove_store_txn *txn = kit_begin(k, true);
    struct cove_doc doc = kit_load(k, txn, id);
    struct cove_state with, without;
    struct cove_undo undo;
    int err =
        cove_undo_find(k->repo, txn, &doc, false, &k->arena, &undo, &k->diag);

    if (err == 0) {
        err = cove_undo_states(k->repo, txn, &doc, &undo, &k->arena, &with,
                               &without, &k->diag);
    }
    if (err == 0) {
        const struct cove_native *native = NULL;
        const struct cove_copy *copy = NULL;
        struct cove_tx_op op = {.reg = cove_bytes_text(reg)};
        struct cove_tx tx = {.ops = &op, .op_count = 1};

        op.deleted = cove_state_winner(&without, op.reg, &native, &copy) != 0 ||
                     native->deleted;
        op.value = op.deleted ? cove_bytes(NULL, 0) : native->value;
        k->env.now_ms += 60000;
        doc.undo = &undo.of;
        err = cove_repo_append(k->repo, txn, &doc, &tx, &k->diag);
        doc.undo = NULL;
        cove_repo_state_done(k->repo, &with);
        cove_repo_state_done(k->repo, &without);
    }
    if (err == 0) {
        kit_commit(txn);
    } else {
        cove_store_abort(txn);
    }
    return err;
}

START_TEST(what_came_since_is_taken_back_and_nothing_before)
{
    struct world w;

    world_open_full(&w, _i);
    kit_set(&w.alice, &w.doc, "name", 5);
    world_write(&w, 1, 150);
    w.alice.env.now_ms += 60000;
    kit_set(&w.alice, &w.doc, "name", 6);
    w.alice.env.now_ms += 60000;
    cut_now(&w.alice, &w.doc);
    ck_assert_int_eq(take_back(&w.alice, &w.doc, "name"), COVE_ECUT);
    ck_assert_ptr_nonnull(strstr(w.alice.diag.text, "begins later"));
    for (int i = 7; i < 10; i++) {
        kit_set(&w.alice, &w.doc, "name", i);
        w.alice.env.now_ms += 60000;
    }
    ck_assert_int_eq(take_back(&w.alice, &w.doc, "name"), 0);
    ck_assert_int_eq(kit_get(&w.alice, &w.doc, "name"), 8);
    ck_assert_int_eq(take_back(&w.alice, &w.doc, "name"), 0);
    ck_assert_int_eq(take_back(&w.alice, &w.doc, "name"), 0);
    ck_assert_int_eq(kit_get(&w.alice, &w.doc, "name"), 6);
    ck_assert_int_eq(take_back(&w.alice, &w.doc, "name"), COVE_ECUT);
    world_close(&w);
}
END_TEST

/* What it named is gone: it is a write like any. */
START_TEST(what_takes_back_a_write_that_was_cut_off_stands)
{
    struct world w;
    struct cove_cut_rule rule = {.bytes = UINT64_MAX};
    struct cove_cut_result gone;

    world_open_full(&w, _i);
    world_write(&w, 1, 150);
    kit_set(&w.alice, &w.doc, "name", 5);
    w.alice.env.now_ms += 60000;
    kit_set(&w.alice, &w.doc, "name", 6);
    w.alice.env.now_ms += 60000;
    rule.before = cove_hlc_of_ms(w.alice.env.now_ms);
    ck_assert_int_eq(take_back(&w.alice, &w.doc, "name"), 0);
    ck_assert_int_eq(cut_try(&w.alice, &w.doc, &rule, &gone), 0);
    ck_assert_int_eq(kit_get(&w.alice, &w.doc, "name"), 5);
    ck_assert_int_eq(take_back(&w.alice, &w.doc, "name"), COVE_ECUT);
    w.alice.env.now_ms += 60000;
    kit_set(&w.alice, &w.doc, "name", 7);
    ck_assert_int_eq(take_back(&w.alice, &w.doc, "name"), 0);
    ck_assert_int_eq(kit_get(&w.alice, &w.doc, "name"), 5);
    world_close(&w);
}
END_TEST

/* --- devices */

START_TEST(a_new_device_takes_what_it_came_to_and_the_rest)
{
    struct world w;

    world_open_full(&w, _i);
    world_write(&w, 2, 150);
    cut_now(&w.alice, &w.doc);
    world_write(&w, 1, 30);
    cut_sync(&w.alice, &w.carol, &w.doc);
    assert_same_view(&w.alice, &w.carol, &w.doc);
    assert_same_view(&w.bob, &w.carol, &w.doc);
    kit_reopen(&w.carol);
    cut_sync(&w.alice, &w.carol, &w.doc); /* once more: nothing */
    assert_same_view(&w.bob, &w.carol, &w.doc);

    struct cove_bytes at_alice = cut_of(&w.alice, &w.doc);
    struct cove_bytes at_carol = cut_of(&w.carol, &w.doc);

    ck_assert(cove_bytes_equal(at_alice, at_carol));
    world_close(&w);
}
END_TEST

START_TEST(who_has_a_part_takes_the_rest_with_the_cut)
{
    struct world w;

    world_open_full(&w, _i);
    world_write(&w, 1, 100);
    cut_sync(&w.alice, &w.carol, &w.doc);
    world_write(&w, 1, 100);
    cut_now(&w.alice, &w.doc);
    world_write(&w, 1, 10);
    cut_sync(&w.alice, &w.carol, &w.doc);
    assert_same_view(&w.bob, &w.carol, &w.doc);
    cut_sync(&w.carol, &w.bob, &w.doc); /* who has more keeps its own */
    ck_assert_uint_eq(cut_of(&w.bob, &w.doc).len, 0);
    assert_same_view(&w.bob, &w.carol, &w.doc);
    world_close(&w);
}
END_TEST

/* S40: a device comes back after a year with writes of its own. */
START_TEST(late_writes_land_and_the_newest_wins)
{
    struct world w;

    world_open_full(&w, _i);
    world_write(&w, 1, 150);
    kit_set(&w.bob, &w.doc, "only bob", 7); /* before, and nobody has it */
    kit_set(&w.bob, &w.doc, "name", 8);
    world_tick(&w, &w.bob);
    w.alice.env.now_ms += 1000;
    kit_set(&w.alice, &w.doc, "name", 9);
    w.alice.env.now_ms += INT64_C(365) * 86400000;
    world_tick(&w, &w.alice);
    cut_now(&w.alice, &w.doc);
    cut_sync(&w.bob, &w.alice, &w.doc);
    ck_assert_int_eq(kit_get(&w.alice, &w.doc, "only bob"), 7);
    ck_assert_int_eq(kit_get(&w.alice, &w.doc, "name"), 9);
    cut_sync(&w.alice, &w.bob, &w.doc);
    cut_sync(&w.alice, &w.carol, &w.doc);
    assert_same_view(&w.alice, &w.bob, &w.doc);
    assert_same_view(&w.alice, &w.carol, &w.doc);
    world_close(&w);
}
END_TEST

START_TEST(what_was_cut_off_is_overlapped_and_not_asked_about)
{
    struct world w;
    struct cove_ingest_result result;
    struct cove_batch batch;

    world_open_full(&w, _i);
    world_write(&w, 1, 150);
    cut_now(&w.alice, &w.doc);

    struct cove_doc doc = world_look(&w, &w.alice);

    for (size_t i = 0; i < doc.session_count; i++) {
        const struct cove_session_id *session = &doc.sessions[i].session;

        ck_assert_int_eq(kit_read(&w.alice, &w.doc, session, 0, 60000, &batch),
                         COVE_ECUT);
        ck_assert_int_eq(kit_read(&w.bob, &w.doc, session, 0, 60000, &batch),
                         0);
        ck_assert_int_eq(kit_ingest(&w.alice, &batch, 1, &result), 0);
        ck_assert_uint_eq(result.added, 0);
        ck_assert_uint_eq(result.have, doc.sessions[i].len);
    }
    world_close(&w);
}
END_TEST

/* Neither a load nor a batch has told the document that it is so. */
START_TEST(an_owner_that_came_later_and_a_time_that_has_come_are_seen)
{
    struct world w;
    struct cove_cut_result gone;
    struct cove_ingest_result result;

    world_open(&w, _i);
    world_give(&w, &w.alice);
    world_give(&w, &w.bob);
    world_write(&w, 1, 150);
    cut_now(&w.alice, &w.doc);
    kit_take_header(&w.carol, &w.doc, w.header);
    ck_assert_int_eq(cut_take(&w.carol, cut_of(&w.alice, &w.doc), &result),
                     COVE_EGAP);
    kit_take_header(&w.carol, &w.group, w.group_header);
    ck_assert_int_eq(cut_take(&w.carol, cut_of(&w.alice, &w.doc), &result), 0);
    cut_sync(&w.alice, &w.carol, &w.doc);
    assert_same_view(&w.alice, &w.carol, &w.doc);

    /* Bob's clock is ten minutes ahead. */
    w.bob.env.now_ms += 600000;
    write_many(&w.bob, &w.doc, 150);
    cut_sync(&w.bob, &w.alice, &w.doc);

    struct cove_cut_rule rule = cut_before(&w.bob);

    ck_assert_int_eq(cut_try(&w.alice, &w.doc, &rule, &gone),
                     COVE_EUNSUPPORTED);
    world_tick(&w, &w.bob);
    ck_assert_int_eq(cut_try(&w.alice, &w.doc, &rule, &gone), 0);
    assert_same_view(&w.alice, &w.bob, &w.doc);
    world_close(&w);
}
END_TEST

/* --- who may */

static void refused(struct kit *k, struct cove_bytes cut, int code)
{
    struct cove_hash before = world_dump(k);
    struct cove_ingest_result result;
    struct cove_store_txn *txn = kit_begin(k, true);
    int err = cove_repo_cut_take(k->repo, txn, cut, 1, &result, &k->diag);

    ck_assert_msg(err == code, "%d (%s), not %d", err, k->diag.text, code);
    kit_commit(txn);

    struct cove_hash after = world_dump(k);

    ck_assert_mem_eq(&before, &after, sizeof(before));
}

START_TEST(only_an_admin_cuts)
{
    struct world w;
    struct cove_cut_result gone;

    world_open_full(&w, _i);
    world_write(&w, 1, 150);

    struct cove_cut_rule rule = cut_before(&w.bob);

    ck_assert_int_eq(cut_try(&w.bob, &w.doc, &rule, &gone), COVE_EDENIED);
    cut_now(&w.alice, &w.doc);

    struct cove_bytes good = cut_of(&w.alice, &w.doc);
    struct cove_buf buf;
    struct cove_cut cut;

    ck_assert_int_eq(cove_cut_decode(good, &w.bob.arena, &cut, NULL), 0);
    cut.device = w.bob.device;
    ck_assert_int_eq(cove_cut_sign(&w.bob.secret, &w.bob.heap.alloc, &cut), 0);
    cove_buf_init(&buf, &w.bob.heap.alloc);
    ck_assert_int_eq(cove_cut_encode(&cut, &buf), 0);
    refused(&w.carol, cove_buf_bytes(&buf), COVE_EDENIED);
    cove_buf_clear(&buf);
    world_close(&w);
}
END_TEST

/* A41 */
START_TEST(a_cut_with_one_other_bit_is_refused)
{
    struct world w;
    uint8_t bytes[4096];

    world_open_full(&w, _i);
    world_write(&w, 1, 150);
    cut_now(&w.alice, &w.doc);

    struct cove_bytes good = cut_of(&w.alice, &w.doc);

    ck_assert_uint_lt(good.len, sizeof(bytes));
    for (size_t i = 0; i < good.len; i += 3) {
        struct cove_ingest_result result;
        struct cove_store_txn *txn = kit_begin(&w.carol, true);

        memcpy(bytes, good.at, good.len);
        bytes[i] ^= (uint8_t)(1u << i % 8);
        ck_assert_int_ne(cove_repo_cut_take(w.carol.repo, txn,
                                            cove_bytes(bytes, good.len), 1,
                                            &result, &w.carol.diag),
                         0);
        cove_store_abort(txn);
    }
    ck_assert_int_eq(kit_get(&w.carol, &w.doc, "name"),
                     ABSENT); /* nothing came of it */
    world_close(&w);
}
END_TEST

/* What an admin signs must still be what writes fold to. */
static void change_state(struct world *w, const struct cove_cut *good,
                         struct cove_bytes state, int code)
{
    struct cove_cut cut = *good;
    struct cove_buf buf;

    cut.state = state;
    ck_assert_int_eq(
        cove_cut_sign(&w->alice.secret, &w->alice.heap.alloc, &cut), 0);
    cove_buf_init(&buf, &w->alice.heap.alloc);
    ck_assert_int_eq(cove_cut_encode(&cut, &buf), 0);
    refused(&w->carol, cove_buf_bytes(&buf), code);
    cove_buf_clear(&buf);
}

/* A41 */
START_TEST(a_state_that_no_writes_fold_to_is_refused)
{
    struct world w;
    struct cove_cut cut;
    struct cove_buf raw, zipped;
    struct cove_unpacker u;

    world_open_full(&w, _i);
    world_write(&w, 1, 150);
    cut_now(&w.alice, &w.doc);
    ck_assert_int_eq(
        cove_cut_decode(cut_of(&w.alice, &w.doc), &w.alice.arena, &cut, NULL),
        0);
    cove_buf_init(&raw, &w.alice.heap.alloc);
    cove_buf_init(&zipped, &w.alice.heap.alloc);
    cove_unpacker_init(&u, cut.state);

    size_t len = (size_t)cove_unpack_varint(&u);

    ck_assert_int_eq(
        cove_unzip(cove_bytes(u.at, (size_t)(u.end - u.at)), len, &raw), 0);
    for (size_t i = 0; i < len; i++) {
        struct cove_packer p;
        bool hash = i >= 1 && i < 1 + 3 * 8; /* these mean nothing here */

        zipped.len = 0;
        raw.at[i] ^= 1;
        cove_packer_init(&p, &zipped);
        cove_pack_varint(&p, len);
        ck_assert_int_eq(cove_zip(cove_buf_bytes(&raw), &zipped), 0);
        raw.at[i] ^= 1;
        if (hash) {
            continue;
        }

        struct cove_cut other = cut;
        struct cove_ingest_result result;
        struct cove_buf buf;
        struct cove_store_txn *txn = kit_begin(&w.carol, true);
        int err;

        other.state = cove_buf_bytes(&zipped);
        ck_assert_int_eq(
            cove_cut_sign(&w.alice.secret, &w.alice.heap.alloc, &other), 0);
        cove_buf_init(&buf, &w.alice.heap.alloc);
        ck_assert_int_eq(cove_cut_encode(&other, &buf), 0);
        err = cove_repo_cut_take(w.carol.repo, txn, cove_buf_bytes(&buf), 1,
                                 &result, &w.carol.diag);
        /* Another value, register or index is a lie that can be told. */
        ck_assert_msg(err == 0 || err == COVE_EFORMAT, "byte %zu: %d %s", i,
                      err, w.carol.diag.text);
        cove_store_abort(txn);
        cove_buf_clear(&buf);
    }
    change_state(&w, &cut, cove_bytes("", 0), COVE_EFORMAT);
    change_state(&w, &cut, cove_bytes("\xff\xff\xff\xff\x7f", 5), COVE_EFORMAT);
    change_state(&w, &cut, cove_bytes(cut.state.at, cut.state.len - 1),
                 COVE_EFORMAT);
    cove_buf_clear(&raw);
    cove_buf_clear(&zipped);
    world_close(&w);
}
END_TEST

/* Of a text's session fewer elements are in than were cut off, so that the rest
 * of the log cannot be folded behind it. */
START_TEST(a_text_of_which_elements_are_missing_is_refused)
{
    struct world w;
    struct cove_cut cut;
    struct cove_buf raw, zipped;
    struct cove_unpacker u;
    struct cove_packer p;
    size_t len, at = 5; /* no hashes, false copies, natives, copies, merges */

    world_open(&w, _i);
    w.header = kit_header(&w.alice, COVE_DOC_COTEXT, &w.group, 2, &w.doc);
    world_give(&w, &w.alice);
    world_give(&w, &w.carol);
    for (int i = 0; i < 100; i++) {
        w.alice.env.now_ms += 60000;
        kit_type(&w.alice, &w.doc, &kit_main, 0, 0,
                 "a text that is some fifty bytes long, and then some");
    }
    world_tick(&w, &w.alice);
    cut_now(&w.alice, &w.doc);
    ck_assert_int_eq(
        cove_cut_decode(cut_of(&w.alice, &w.doc), &w.alice.arena, &cut, NULL),
        0);
    cove_buf_init(&raw, &w.alice.heap.alloc);
    cove_buf_init(&zipped, &w.alice.heap.alloc);
    cove_unpacker_init(&u, cut.state);
    len = (size_t)cove_unpack_varint(&u);
    ck_assert_int_eq(
        cove_unzip(cove_bytes(u.at, (size_t)(u.end - u.at)), len, &raw), 0);
    at += 1 + sizeof(struct cove_session_id);
    ck_assert_uint_eq(raw.at[at], cut.rows[0].len);
    for (int more = -1; more <= 1; more++) {
        raw.at[at] = (uint8_t)(cut.rows[0].len + (unsigned)more);
        zipped.len = 0;
        cove_packer_init(&p, &zipped);
        cove_pack_varint(&p, len);
        ck_assert_int_eq(cove_zip(cove_buf_bytes(&raw), &zipped), 0);
        if (more != 0) {
            change_state(&w, &cut, cove_buf_bytes(&zipped), COVE_EFORMAT);
        }
    }
    cove_buf_clear(&raw);
    cove_buf_clear(&zipped);
    cut_sync(&w.alice, &w.carol, &w.doc);
    ck_assert_str_eq(kit_text(&w.alice, &w.doc, &kit_main),
                     kit_text(&w.carol, &w.doc, &kit_main));
    world_close(&w);
}
END_TEST

START_TEST(two_cuts_that_cannot_be_one_leave_both_as_they_are)
{
    struct world w;
    struct kit_member members[2];

    world_open(&w, _i); /* bob is admin, too */
    members[0] = (struct kit_member){&w.alice, "admin"};
    members[1] = (struct kit_member){&w.bob, "admin"};
    w.group_header = kit_group(&w.alice, members, 2, &w.group);
    w.header = kit_header(&w.alice, COVE_DOC_COMAP, &w.group, 1, &w.doc);
    world_give(&w, &w.alice);
    world_give(&w, &w.bob);
    world_write(&w, 1, 150);
    write_many(&w.alice, &w.doc, 150); /* neither has this of the other */
    world_tick(&w, &w.alice);
    write_many(&w.bob, &w.doc, 150);
    world_tick(&w, &w.bob);
    cut_now(&w.alice, &w.doc);
    cut_now(&w.bob, &w.doc);
    refused(&w.bob, cut_of(&w.alice, &w.doc), COVE_ECUT);
    refused(&w.alice, cut_of(&w.bob, &w.doc), COVE_ECUT);
    world_close(&w);
}
END_TEST

/* --- other types */

static void world_of(struct world *w, int kind, enum cove_doc_type type)
{
    world_open(w, kind);
    w->header = kit_header(&w->alice, type, &w->group, 2, &w->doc);
    world_give(w, &w->alice);
    world_give(w, &w->bob);
    world_give(w, &w->carol);
}

START_TEST(a_counter_goes_on_from_its_sum)
{
    struct world w;
    int64_t sum = 0;

    world_of(&w, _i, COVE_DOC_COCOUNTER);
    for (int i = 0; i < 400; i++) {
        struct kit *k = i % 2 == 0 ? &w.alice : &w.bob;
        struct cove_store_txn *txn = kit_begin(k, true);
        struct cove_doc doc = kit_load(k, txn, &w.doc);
        struct cove_tx_op op = {.kind = COVE_OP_ADD, .amount = i + 1};
        struct cove_tx tx = {.ops = &op, .op_count = 1};

        k->env.now_ms += 60000;
        sum += i + 1;
        ck_assert_int_eq(cove_repo_append(k->repo, txn, &doc, &tx, &k->diag),
                         0);
        kit_commit(txn);
        if (i == 300) {
            world_tick(&w, &w.alice);
            kit_sync(&w.bob, &w.alice, &w.doc);
            cut_now(&w.alice, &w.doc);
        }
    }
    world_tick(&w, &w.bob);
    cut_sync(&w.bob, &w.alice, &w.doc);
    cut_sync(&w.alice, &w.carol, &w.doc);

    struct cove_doc doc = world_look(&w, &w.carol);

    ck_assert(doc.state.sum == sum);
    assert_same_view(&w.alice, &w.carol, &w.doc);
    world_close(&w);
}
END_TEST

START_TEST(a_text_goes_on_from_its_elements)
{
    struct world w;

    world_of(&w, _i, COVE_DOC_COTEXT);
    for (int i = 0; i < 300; i++) {
        struct kit *k = i % 2 == 0 ? &w.alice : &w.bob;

        k->env.now_ms += 60000;
        kit_type(k, &w.doc, &kit_main, 0, i % 7 == 6 ? 3 : 0, "some words ");
        if (i == 200) {
            world_tick(&w, &w.alice);
            kit_sync(&w.bob, &w.alice, &w.doc);
            cut_now(&w.alice, &w.doc);
        }
    }
    world_tick(&w, &w.bob);
    cut_sync(&w.bob, &w.alice, &w.doc);
    cut_sync(&w.alice, &w.bob, &w.doc);
    cut_sync(&w.alice, &w.carol, &w.doc);
    ck_assert_str_eq(kit_text(&w.alice, &w.doc, &kit_main),
                     kit_text(&w.bob, &w.doc, &kit_main));
    ck_assert_str_eq(kit_text(&w.alice, &w.doc, &kit_main),
                     kit_text(&w.carol, &w.doc, &kit_main));
    kit_reopen(&w.alice);
    kit_reopen(&w.carol);
    kit_type(&w.alice, &w.doc, &kit_main, 5, 2, "and more");
    cut_sync(&w.alice, &w.carol, &w.doc);
    cut_sync(&w.alice, &w.bob, &w.doc);
    ck_assert_str_eq(kit_text(&w.alice, &w.doc, &kit_main),
                     kit_text(&w.carol, &w.doc, &kit_main));
    assert_same_view(&w.alice, &w.bob, &w.doc);
    world_close(&w);
}
END_TEST

START_TEST(a_document_with_branches_keeps_its_history)
{
    struct world w;
    struct cove_cut_result gone;

    world_of(&w, _i, COVE_DOC_COTEXT);
    for (int i = 0; i < 100; i++) {
        w.alice.env.now_ms += 60000;
        kit_type(&w.alice, &w.doc, &kit_main, 0, 0,
                 "a text that is some fifty bytes long, and then some");
    }

    struct cove_cut_rule rule = cut_before(&w.alice);
    struct cove_session_id branch =
        kit_branch(&w.alice, &w.doc, &kit_main, "draft");

    ck_assert_int_eq(cut_try(&w.alice, &w.doc, &rule, &gone),
                     COVE_EUNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(w.alice.diag.text, "branches"));
    (void)branch;
    world_close(&w);
}
END_TEST

/* --- what can fail */

START_TEST(each_allocation_that_fails_leaves_the_history)
{
    struct world w;
    bool done = false;

    world_open_full(&w, FIXTURE_MEMORY);
    world_write(&w, 1, 120);
    for (size_t n = 1; !done; n++) {
        struct cove_cut_rule rule = cut_before(&w.alice);
        struct cove_cut_result gone;
        int err;

        w.alice.heap.fail_at = w.alice.heap.calls + (long)n;
        err = cut_try(&w.alice, &w.doc, &rule, &gone);
        w.alice.heap.fail_at = 0;
        ck_assert_msg(err == 0 || err == COVE_ENOMEM, "%zu: %d", n, err);
        done = err == 0;
        assert_same_view(&w.alice, &w.bob, &w.doc);
        ck_assert_uint_eq(cut_of(&w.alice, &w.doc).len > 0, done);
    }
    done = false;

    struct cove_bytes cut = cut_of(&w.alice, &w.doc);

    for (size_t n = 1; !done; n++) {
        struct cove_ingest_result result;
        int err;

        w.carol.heap.fail_at = w.carol.heap.calls + (long)n;
        struct cove_store_txn *txn = NULL;
        err = cove_store_begin(w.carol.store.store, true, &txn);
        if (err == 0) {
            err = cove_repo_cut_take(w.carol.repo, txn, cut, 1, &result, NULL);
            if (err == 0) {
                err = cove_store_commit(txn);
            } else {
                cove_store_abort(txn);
            }
        }
        w.carol.heap.fail_at = 0;
        ck_assert_msg(err == 0 || err == COVE_ENOMEM, "%zu: %d", n, err);
        done = err == 0;
        ck_assert_uint_eq(cut_of(&w.carol, &w.doc).len > 0, done);
    }
    cut_sync(&w.alice, &w.carol, &w.doc);
    assert_same_view(&w.carol, &w.bob, &w.doc);
    world_close(&w);
}
END_TEST

static void add(TCase *tcase, const TTest *test)
{
    tcase_add_loop_test(tcase, test, 0, FIXTURE_KINDS);
}

int main(void)
{
    Suite *suite = suite_create("cut");
    TCase *cutting = tcase_create("cutting");
    TCase *devices = tcase_create("devices");
    TCase *wrong = tcase_create("wrong");

    tcase_set_timeout(wrong, 60);
    add(cutting, no_view_and_no_digest_changes_and_the_log_is_shorter);
    add(cutting, what_is_younger_than_the_rule_stays);
    add(cutting, at_most_so_many_bytes_stay);
    add(cutting, a_plan_says_what_would_go_and_writes_nothing);
    add(cutting, packed_logs_are_cut_and_cut_ones_are_packed);
    add(cutting, the_past_begins_at_the_cut);
    add(cutting, what_came_since_is_taken_back_and_nothing_before);
    add(cutting, what_takes_back_a_write_that_was_cut_off_stands);
    add(devices, a_new_device_takes_what_it_came_to_and_the_rest);
    add(devices, who_has_a_part_takes_the_rest_with_the_cut);
    add(devices, late_writes_land_and_the_newest_wins);
    add(devices, what_was_cut_off_is_overlapped_and_not_asked_about);
    add(devices, an_owner_that_came_later_and_a_time_that_has_come_are_seen);
    add(devices, a_counter_goes_on_from_its_sum);
    add(devices, a_text_goes_on_from_its_elements);
    tcase_add_test(devices, a_document_with_branches_keeps_its_history);
    tcase_add_test(wrong, only_an_admin_cuts);
    tcase_add_test(wrong, a_cut_with_one_other_bit_is_refused);
    tcase_add_test(wrong, a_state_that_no_writes_fold_to_is_refused);
    tcase_add_test(wrong, a_text_of_which_elements_are_missing_is_refused);
    tcase_add_test(wrong, two_cuts_that_cannot_be_one_leave_both_as_they_are);
    tcase_add_test(wrong, each_allocation_that_fails_leaves_the_history);
    suite_add_tcase(suite, cutting);
    suite_add_tcase(suite, devices);
    suite_add_tcase(suite, wrong);
    return harness_run(suite);
}
