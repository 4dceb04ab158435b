/* Check, over logs that are packed and documents that were removed: it finds
 * them whole, and what is damaged in them is named and mended as anywhere. */
#include "crdt/repo_gone.h"

#include "tests/unit/damage_kit.h"
#include "tests/unit/pack_kit.h"

#define LONG    (DAMAGE_SMALL + 1) /* of this device alone, in many chunks */
#define BOBS    (DAMAGE_DOCS - 1)  /* the same of a peer */
#define REMOVED 3u

static struct damage_said said; /* large */

/* Two long texts in one chunk's worth of batches, so that some chunks of the
 * pack have their proof in common. */
static void packed_open(struct damage *d, int kind)
{
    damage_open(d, kind);
    for (int i = 0; i < 40; i++) {
        struct cove_store_txn *txn = kit_begin(&d->bob, true);
        struct cove_doc doc = kit_load(&d->bob, txn, &d->docs[BOBS]);
        struct cove_tx_op op = {.reg = cove_bytes_text("long")};
        struct cove_tx tx = {.ops = &op, .op_count = 1};
        char text[1500];

        memset(text, 'a' + i % 26, sizeof(text));
        ck_assert_int_eq(cove_value_of_text(&d->bob.arena,
                                            cove_bytes(text, sizeof(text)),
                                            &op.value),
                         0);
        ck_assert_int_eq(
            cove_repo_append(d->bob.repo, txn, &doc, &tx, &d->bob.diag), 0);
        kit_commit(txn);
    }
    damage_exchange(d);
    d->digests[BOBS] = kit_digest(&d->alice, &d->docs[BOBS]);
    pack_now(&d->alice, &pack_all);
    ck_assert_uint_ge(log_size(&d->alice).packs, 3);
    ck_assert_uint_eq(log_size(&d->alice).chunks, 0);
}

static void remove_one(struct damage *d)
{
    struct cove_store_txn *txn = kit_begin(&d->alice, true);

    ck_assert_int_eq(
        cove_repo_tombstone(d->alice.repo, txn,
                            kit_num(&d->alice, txn, &d->docs[REMOVED]),
                            &d->alice.diag),
        0);
    ck_assert_int_eq(
        cove_repo_tombstone(d->alice.repo, txn,
                            kit_num(&d->alice, txn, &d->docs[REMOVED + 1]),
                            &d->alice.diag),
        0);
    kit_commit(txn);
}

static void assert_whole(struct damage *d, bool repair)
{
    damage_check(d, repair, &said);
    damage_print(&said);
    ck_assert_uint_eq(said.count, 0);
}

START_TEST(packs_and_tombstones_are_found_whole)
{
    struct damage d;

    packed_open(&d, _i);
    remove_one(&d);

    struct cove_hash before = log_sum(&d.alice, &d.docs[BOBS]);

    assert_whole(&d, false);
    ck_assert_uint_eq(said.sum.documents, DAMAGE_DOCS + 1);
    assert_whole(&d, true);
    kit_reopen(&d.alice);
    assert_whole(&d, false);

    struct cove_hash after = log_sum(&d.alice, &d.docs[BOBS]);

    ck_assert_mem_eq(&before, &after, sizeof(before));
    ck_assert_uint_ge(log_size(&d.alice).packs, 3); /* it unpacked nothing */
    damage_close(&d);
}
END_TEST

/* --- damage */

static struct cove_bytes pack_prefix(struct cove_place *place, cove_num num)
{
    cove_place_start(place);
    cove_place_number(place, num);
    cove_place_number(place, 0);
    return cove_place_bytes(place);
}

static void plant_pack(struct damage *d)
{
    static struct damage_entry e;
    struct cove_place place;

    ck_assert(damage_take(d, REPO_LOG, pack_prefix(&place, damage_num(d, BOBS)),
                          0, &e));
    e.value[e.value_len / 2] ^= 0x10;
    damage_put(d, REPO_LOG, &e);
}

static void plant_no_pack(struct damage *d)
{
    static struct damage_entry e;
    struct cove_place place;

    ck_assert(damage_take(d, REPO_LOG, pack_prefix(&place, damage_num(d, BOBS)),
                          0, &e));
    damage_drop(d, REPO_LOG, &e);
}

static void plant_no_stub(struct damage *d)
{
    static struct damage_entry e;
    struct cove_place place;
    size_t n = 0;
    uint32_t pack;

    do {
        ck_assert(damage_take(
            d, REPO_LOG, damage_prefix(&place, damage_num(d, BOBS)), n++, &e));
    } while (!repo_stub_is(cove_bytes(e.value, e.value_len), &pack));
    damage_drop(d, REPO_LOG, &e);
}

static void (*const plants[])(struct damage *d) = {plant_pack, plant_no_pack,
                                                   plant_no_stub};

static void take_again(struct damage *d)
{
    for (size_t i = 0; i < DAMAGE_DOCS; i++) {
        struct cove_store_txn *txn = kit_begin(&d->bob, false);
        struct cove_doc doc = kit_load(&d->bob, txn, &d->docs[i]);

        cove_store_abort(txn);
        kit_take_header(&d->alice, &d->docs[i], doc.header_bytes);
        kit_sync(&d->bob, &d->alice, &d->docs[i]);
        cove_arena_reset(&d->alice.arena);
        cove_arena_reset(&d->bob.arena);
    }
}

START_TEST(what_was_lost_with_a_pack_is_named_and_taken_from_a_peer)
{
    struct damage d;

    packed_open(&d, FIXTURE_MEMORY);
    plants[_i](&d);
    damage_check(&d, false, &said);
    damage_print(&said);
    ck_assert_uint_ge(damage_said(&said, "chunk-missing", &d.docs[BOBS]), 1);
    damage_check(&d, true, &said);
    damage_print(&said);
    for (size_t i = 0; i < DAMAGE_DOCS; i++) {
        ck_assert(i == BOBS || damage_same(&d, i));
    }
    damage_check(&d, false, &said);
    damage_print(&said);
    ck_assert_uint_eq(said.count, damage_said(&said, "refetch", NULL));
    kit_reopen(&d.alice);
    take_again(&d);
    damage_assert_same(&d);
    damage_check(&d, true, &said);
    assert_whole(&d, false);
    assert_same_log(&d.alice, &d.bob, &d.docs[BOBS]);
    damage_close(&d);
}
END_TEST

START_TEST(a_signature_of_ones_own_over_what_is_packed_is_made_anew)
{
    struct damage d;
    static struct damage_entry e;
    struct cove_place place;
    struct repo_parts parts;
    struct cove_arena arena;
    struct cove_buf raw, value;

    packed_open(&d, FIXTURE_MEMORY);

    struct cove_hash before = log_sum(&d.alice, &d.docs[LONG]);

    cove_arena_init(&arena, &d.alice.heap.alloc);
    cove_buf_init(&raw, &d.alice.heap.alloc);
    cove_buf_init(&value, &d.alice.heap.alloc);
    ck_assert(damage_take(&d, REPO_LOG,
                          pack_prefix(&place, damage_num(&d, LONG)), 0, &e));
    ck_assert_int_eq(repo_pack_decode(cove_bytes(e.value, e.value_len), &arena,
                                      &raw, &parts),
                     0);
    ck_assert_uint_gt(parts.count, 2);
    memset(&parts.at[0].chunk.proof, 0, sizeof(parts.at[0].chunk.proof));
    parts.at[0].chunk.proof.whole.signature.b[5] = 1; /* nobody's */
    ck_assert_int_eq(repo_pack_encode(&parts, &d.alice.heap.alloc, &value), 0);
    memcpy(e.value, value.at, value.len);
    e.value_len = value.len;
    damage_put(&d, REPO_LOG, &e);
    cove_arena_clear(&arena);
    cove_buf_clear(&raw);
    cove_buf_clear(&value);
    damage_check(&d, false, &said);
    damage_print(&said);
    ck_assert_uint_eq(damage_said(&said, "signature", &d.docs[LONG]), 1);
    damage_check(&d, true, &said);
    damage_print(&said);
    assert_whole(&d, false);

    struct cove_hash after = log_sum(&d.alice, &d.docs[LONG]);

    ck_assert_mem_eq(&before, &after, sizeof(before));
    damage_write(&d.alice, &d.docs[LONG], 3); /* and it goes on */
    kit_sync(&d.alice, &d.bob, &d.docs[LONG]);
    assert_same_log(&d.alice, &d.bob, &d.docs[LONG]);
    damage_close(&d);
}
END_TEST

/* --- what a record says after a part of its logs was lost */

static uint64_t newest_said(struct damage *d, size_t doc, uint64_t *last)
{
    struct cove_store_txn *txn = kit_begin(&d->alice, false);
    cove_num num = kit_num(&d->alice, txn, &d->docs[doc]);
    struct repo_record record;
    struct repo_work work;

    ck_assert_int_eq(
        repo_work_begin(&work, d->alice.repo, txn, &d->alice.arena, NULL), 0);
    ck_assert_int_eq(repo_record_read(&work, num, &record), 0);
    cove_store_abort(txn);
    *last = 0; /* of what the rows say */
    for (size_t i = 0; i < record.row_count; i++) {
        uint64_t hlc = record.rows[i].pub.last_hlc;

        *last = hlc > *last ? hlc : *last;
    }
    return record.newest;
}

static uint32_t session_of(struct damage *d, size_t doc, const struct kit *who)
{
    struct cove_store_txn *txn = kit_begin(&d->alice, false);
    cove_num num = kit_num(&d->alice, txn, &d->docs[doc]);
    struct repo_record record;
    struct repo_work work;
    uint32_t session = 0;

    ck_assert_int_eq(
        repo_work_begin(&work, d->alice.repo, txn, &d->alice.arena, NULL), 0);
    ck_assert_int_eq(repo_record_read(&work, num, &record), 0);
    cove_store_abort(txn);
    ck_assert_uint_eq(record.row_count, 2);
    for (size_t i = 0; i < record.row_count; i++) {
        if (memcmp(&record.rows[i].pub.device, &who->device,
                   sizeof(who->device)) == 0) {
            session = record.rows[i].num;
        }
    }
    ck_assert_uint_ne(session, 0);
    return session;
}

/* Both have written much to the document, all is packed, and the log of one of
 * them is lost: of alice, whose write is the newest (0), of bob (1). */
START_TEST(the_newest_write_that_is_left_is_found_in_packs)
{
    static struct damage_entry e;
    struct damage d;
    struct cove_place place;
    uint64_t last;

    packed_open(&d, FIXTURE_MEMORY);
    damage_write(&d.alice, &d.docs[BOBS], DAMAGE_WRITES);
    damage_exchange(&d);
    pack_now(&d.alice, &pack_all);
    ck_assert_uint_eq(log_size(&d.alice).chunks, 0);

    uint64_t before = newest_said(&d, BOBS, &last);

    ck_assert_uint_eq(before, last);
    cove_place_start(&place);
    cove_place_number(&place, damage_num(&d, BOBS));
    cove_place_number(&place,
                      session_of(&d, BOBS, _i == 0 ? &d.alice : &d.bob));
    ck_assert(damage_take(&d, REPO_LOG, cove_place_bytes(&place), 0, &e));
    damage_drop(&d, REPO_LOG, &e);
    damage_check(&d, true, &said);
    damage_print(&said);
    ck_assert_uint_eq(damage_said(&said, "chunk-missing", &d.docs[BOBS]), 1);
    ck_assert_uint_eq(damage_said(&said, "interned", NULL), 0);

    uint64_t after = newest_said(&d, BOBS, &last);

    ck_assert_uint_eq(after, last);
    ck_assert((after == before) == (_i == 1));
    damage_check(&d, false, &said);
    damage_print(&said);
    ck_assert_uint_eq(said.count, damage_said(&said, "refetch", NULL));
    damage_close(&d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("check_packed");
    TCase *check = tcase_create("damage");

    tcase_set_timeout(check, 60);
    tcase_add_loop_test(check, packs_and_tombstones_are_found_whole, 0,
                        FIXTURE_KINDS);
    tcase_add_loop_test(
        check, what_was_lost_with_a_pack_is_named_and_taken_from_a_peer, 0,
        (int)COVE_ARRAY_LEN(plants));
    tcase_add_test(check,
                   a_signature_of_ones_own_over_what_is_packed_is_made_anew);
    tcase_add_loop_test(check, the_newest_write_that_is_left_is_found_in_packs,
                        0, 2);
    suite_add_tcase(suite, check);
    return harness_run(suite);
}
