/* Logs that are packed read, grow and travel as they did before. */
#include "crdt/repo_upkeep.h"
#include "tests/unit/pack_kit.h"

#define COMMIT 40 /* writes */

/* `count` writes of a device, a minute apart. */
static void write_many(struct kit *k, const struct cove_id *id, int count)
{
    static const char *const regs[] = {"name", "size", "colour of the thing"};

    for (int i = 0; i < count;) {
        struct cove_store_txn *txn = kit_begin(k, true);
        struct cove_doc doc = kit_load(k, txn, id);

        do {
            k->env.now_ms += 60000;
            ck_assert_int_eq(
                kit_append(k, txn, &doc, regs[i % 3], (int64_t)i * 7919), 0);
        } while (++i < count && i % COMMIT != 0);
        kit_commit(txn);
    }
}

/* One of bytes, of which so many cannot be made shorter. */
static void write_bytes(struct kit *k, const struct cove_id *id, size_t len,
                        size_t noise)
{
    struct cove_store_txn *txn = kit_begin(k, true);
    struct cove_doc doc = kit_load(k, txn, id);
    struct cove_tx_op op = {.reg = cove_bytes_text("bytes")};
    struct cove_tx tx = {.ops = &op, .op_count = 1};
    uint8_t bytes[6000] = {0};
    struct cove_writer w;
    struct cove_buf buf;

    k->env.env.random(k->env.env.ctx, bytes, noise);
    cove_buf_init(&buf, &k->heap.alloc);
    cove_writer_init(&w, &buf);
    cove_writer_bytes(&w, bytes, len);
    op.value = cove_buf_bytes(&buf);
    ck_assert_int_eq(cove_repo_append(k->repo, txn, &doc, &tx, &k->diag), 0);
    kit_commit(txn);
    cove_buf_clear(&buf);
}

/* Alice and bob write to one document in turns, and both have all of it. */
static void world_write(struct world *w, int rounds, int count)
{
    for (int i = 0; i < rounds; i++) {
        w->bob.env.now_ms = w->alice.env.now_ms;
        write_many(&w->alice, &w->doc, count);
        w->bob.env.now_ms = w->alice.env.now_ms;
        write_many(&w->bob, &w->doc, count);
        w->alice.env.now_ms = w->bob.env.now_ms;
        w->carol.env.now_ms = w->bob.env.now_ms;
        kit_sync(&w->alice, &w->bob, &w->doc);
        kit_sync(&w->bob, &w->alice, &w->doc);
    }
}

START_TEST(a_packed_log_gives_the_same_bytes_views_and_digests)
{
    struct world w;

    world_open_full(&w, _i);
    world_write(&w, 2, 400);

    struct cove_hash before = log_sum(&w.alice, &w.doc);
    struct log_size was = log_size(&w.alice);
    struct packed sum = pack_now(&w.alice, &pack_all);
    struct log_size is = log_size(&w.alice);

    ck_assert_uint_eq(sum.packs, 1);
    ck_assert_uint_eq(is.packs, 1);
    ck_assert_uint_eq(is.chunks, 0);
    ck_assert_uint_eq(is.stubs, 2); /* a run of each session */
    ck_assert_uint_lt(is.bytes, was.bytes / 2);
    for (int i = 0; i < 2; i++) {
        struct cove_hash after = log_sum(&w.alice, &w.doc);

        ck_assert_mem_eq(&before, &after, sizeof(before));
        assert_same_log(&w.alice, &w.bob, &w.doc);
        kit_reopen(&w.alice);
    }
    ck_assert_uint_eq(pack_now(&w.alice, &pack_all).packs, 0);
    world_close(&w);
}
END_TEST

START_TEST(the_newest_chunk_stays_and_grows_unless_all_is_packed)
{
    struct world w;

    world_open_full(&w, _i);
    world_write(&w, 1, 600);
    ck_assert_uint_eq(pack_now(&w.alice, &pack_cold).packs, 1);

    struct log_size is = log_size(&w.alice);

    ck_assert_uint_eq(is.chunks, 2); /* the newest of each session */
    world_write(&w, 1, 1);
    assert_same_log(&w.alice, &w.bob, &w.doc);
    ck_assert_uint_eq(log_size(&w.alice).chunks, 2);
    pack_now(&w.alice, &pack_all);
    ck_assert_uint_eq(log_size(&w.alice).chunks, 0);
    world_write(&w, 1, 1); /* another chunk begins */
    ck_assert_uint_eq(log_size(&w.alice).chunks, 2);
    assert_same_log(&w.alice, &w.bob, &w.doc);
    world_close(&w);
}
END_TEST

START_TEST(what_is_younger_than_the_rule_is_not_packed)
{
    struct world w;
    struct cove_pack_rule rule = {.newest = true};

    world_open_full(&w, _i);
    rule.before = cove_hlc_of_ms(w.alice.env.now_ms);
    world_write(&w, 1, 400);
    ck_assert_uint_eq(pack_now(&w.alice, &rule).packs, 0);
    rule.before = cove_hlc_of_ms(w.alice.env.now_ms + 1);
    ck_assert_uint_eq(pack_now(&w.alice, &rule).packs, 1);
    world_close(&w);
}
END_TEST

START_TEST(packs_of_former_times_are_joined)
{
    struct world w;

    world_open_full(&w, _i);
    for (int i = 0; i < 6; i++) {
        world_write(&w, 1, 150);
        ck_assert_uint_eq(pack_now(&w.alice, &pack_all).packs, 1);
        ck_assert_uint_eq(log_size(&w.alice).packs, 1);
        assert_same_log(&w.alice, &w.bob, &w.doc);
    }
    ck_assert_uint_eq(log_size(&w.alice).stubs, 2);
    world_close(&w);
}
END_TEST

/* Carol takes all from `from`; then bob and alice take from her. */
static void travels(struct world *w, struct kit *from)
{
    kit_sync(from, &w->carol, &w->doc);
    assert_same_log(from, &w->carol, &w->doc);
    write_many(&w->bob, &w->doc, 3);
    w->alice.env.now_ms = w->carol.env.now_ms = w->bob.env.now_ms;
    kit_sync(&w->bob, &w->carol, &w->doc);
    kit_sync(&w->carol, &w->alice, &w->doc);
    assert_same_log(&w->alice, &w->bob, &w->doc);
}

START_TEST(a_packed_store_and_another_sync_both_ways)
{
    struct world w;

    world_open_full(&w, _i);
    world_write(&w, 2, 300);
    pack_now(&w.alice, &pack_all);
    travels(&w, &w.alice); /* packed to not packed */
    pack_now(&w.carol, &pack_all);
    write_many(&w.bob, &w.doc, 300);
    w.alice.env.now_ms = w.carol.env.now_ms = w.bob.env.now_ms;
    kit_sync(&w.bob, &w.carol, &w.doc); /* and into a packed one */
    kit_sync(&w.carol, &w.alice, &w.doc);
    assert_same_log(&w.alice, &w.bob, &w.doc);
    assert_same_log(&w.carol, &w.bob, &w.doc);
    world_close(&w);
}
END_TEST

/* A signature in the middle of what one batch holds is not kept. */
START_TEST(a_superseded_signature_goes_and_each_batch_is_still_signed)
{
    struct world w;
    uint32_t from = 0;
    size_t batches = 0;

    world_open_full(&w, _i);
    for (int i = 0; i < 200; i++) {
        write_bytes(&w.alice, &w.doc, 1200, 16);
    }

    size_t chunks = log_size(&w.alice).chunks;
    struct cove_doc doc = world_look(&w, &w.alice);

    ck_assert_uint_gt(chunks, 60);
    pack_now(&w.alice, &pack_all);
    while (from < doc.sessions[0].len) {
        struct cove_batch batch;

        ck_assert_int_eq(kit_read(&w.alice, &w.doc, &doc.sessions[0].session,
                                  from, 1, &batch),
                         0);
        from += (uint32_t)batch.tx_count;
        batches++;
    }
    ck_assert_uint_lt(batches, 6); /* 240 KB in batches of at most 64 KiB */
    kit_sync(&w.alice, &w.carol, &w.doc);
    assert_same_log(&w.alice, &w.carol, &w.doc);
    world_close(&w);
}
END_TEST

START_TEST(a_clean_document_is_loaded_without_its_packs)
{
    struct world w;
    struct cove_store_txn *txn;
    struct cove_place place;

    world_open_full(&w, _i);
    world_write(&w, 1, 400);
    pack_now(&w.alice, &pack_all);
    txn = kit_begin(&w.alice, true);

    struct cove_doc doc = kit_load(&w.alice, txn, &w.doc);
    int64_t value = kit_value(&doc, "size");

    repo_pack_place(&place, doc.num, 0); /* without it, too */
    ck_assert_int_eq(cove_store_del(txn, REPO_LOG, cove_place_bytes(&place)),
                     0);
    doc = kit_load(&w.alice, txn, &w.doc);
    ck_assert_int_eq(kit_value(&doc, "size"), value);
    ck_assert_int_eq(cove_repo_log(w.alice.repo, txn, &doc, pack_log_add, NULL),
                     COVE_ECORRUPT);
    cove_store_abort(txn);
    world_close(&w);
}
END_TEST

START_TEST(a_document_that_is_removed_takes_its_packs_and_groups_along)
{
    struct world w;
    struct cove_store_txn *txn;
    struct cove_store_usage usage;

    world_open_full(&w, _i);
    world_write(&w, 2, 300);
    pack_now(&w.alice, &pack_all);
    txn = kit_begin(&w.alice, true);
    ck_assert_int_eq(cove_repo_remove(w.alice.repo, txn,
                                      kit_num(&w.alice, txn, &w.doc),
                                      &w.alice.diag),
                     0);
    kit_commit(txn);
    ck_assert_int_eq(cove_store_usage(w.alice.store.store, &usage), 0);
    ck_assert_uint_eq(usage.entries[REPO_LOG], 0);
    ck_assert_uint_eq(usage.entries[REPO_GROUPS], 0);
    world_close(&w);
}
END_TEST

START_TEST(a_write_in_between_puts_the_plan_aside)
{
    struct world w;
    struct cove_store_txn *txn;
    struct cove_pack_plan plan;

    world_open_full(&w, _i);
    world_write(&w, 1, 400);
    txn = kit_begin(&w.alice, false);
    ck_assert_int_eq(cove_repo_pack_plan(w.alice.repo, txn,
                                         kit_num(&w.alice, txn, &w.doc),
                                         &pack_all, &w.alice.arena, &plan),
                     0);
    cove_store_abort(txn);
    write_many(&w.alice, &w.doc, 1);

    struct cove_hash before = world_dump(&w.alice);

    txn = kit_begin(&w.alice, true);
    ck_assert_int_eq(cove_repo_pack_put(w.alice.repo, txn, &plan), COVE_EBUSY);
    kit_commit(txn);

    struct cove_hash after = world_dump(&w.alice);

    ck_assert_mem_eq(&before, &after, sizeof(before));
    world_close(&w);
}
END_TEST

START_TEST(what_takes_no_less_room_stays_as_it_is)
{
    struct world w;

    world_open_full(&w, _i);
    for (int i = 0; i < 40; i++) {
        write_bytes(&w.alice, &w.doc, 6000, 6000);
    }

    size_t chunks = log_size(&w.alice).chunks;
    struct packed sum = pack_now(&w.alice, &pack_all);

    ck_assert(sum.packs == 0 || sum.after < sum.before);
    ck_assert_uint_gt(chunks, 30);
    kit_sync(&w.alice, &w.carol, &w.doc);
    assert_same_log(&w.alice, &w.carol, &w.doc);
    world_close(&w);
}
END_TEST

static uint32_t dice(uint64_t *seed, uint32_t sides)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33) % sides;
}

static void clock_on(struct world *w)
{
    int64_t now = w->alice.env.now_ms > w->bob.env.now_ms ? w->alice.env.now_ms
                                                          : w->bob.env.now_ms;

    w->alice.env.now_ms = w->bob.env.now_ms = w->carol.env.now_ms = now + 1;
}

static size_t twin_event(struct world *w, uint64_t *seed)
{
    struct kit *one = dice(seed, 2) == 0 ? &w->alice : &w->bob;
    struct kit *other = one == &w->alice ? &w->bob : &w->alice;
    struct cove_pack_rule rule = {.newest = dice(seed, 2) == 0};
    size_t packs = 0;

    clock_on(w);
    switch (dice(seed, 6)) {
    case 0:
    case 1:
        write_many(one, &w->doc, 1 + (int)dice(seed, 150));
        break;
    case 2:
        for (uint32_t n = dice(seed, 12); n > 0; n--) {
            write_bytes(one, &w->doc, 1 + dice(seed, 5000), dice(seed, 3000));
        }
        break;
    case 3:
        kit_sync(one, other, &w->doc);
        break;
    case 4:
        kit_reopen(one);
        break;
    default:
        rule.before = dice(seed, 3) == 0
                          ? cove_hlc_of_ms(one->env.now_ms - 3600000)
                          : UINT64_MAX;
        packs = pack_now(one, &rule).packs;
    }
    cove_arena_reset(&w->alice.arena);
    cove_arena_reset(&w->bob.arena);
    return packs;
}

/* Carol hears of everything and never packs. */
START_TEST(packed_at_any_moment_it_is_as_a_twin_that_never_packs)
{
    size_t packs = 0;

    for (uint64_t history = 0; history < 6; history++) {
        uint64_t seed = (uint64_t)_i * 100 + history;
        struct world w;

        world_open_full(&w, FIXTURE_MEMORY);
        for (int n = 0; n < 40; n++) {
            packs += twin_event(&w, &seed);
        }
        clock_on(&w);
        kit_sync(&w.alice, &w.bob, &w.doc);
        kit_sync(&w.bob, &w.alice, &w.doc);
        kit_sync(dice(&seed, 2) == 0 ? &w.alice : &w.bob, &w.carol, &w.doc);
        assert_same_log(&w.alice, &w.carol, &w.doc);
        assert_same_log(&w.bob, &w.carol, &w.doc);
        world_close(&w);
    }
    ck_assert_uint_gt(packs, 10);
}
END_TEST

/* Bob's migration copies each of alice's writes to another register. */
static void copy_all(struct world *w, const char *from, const char *to)
{
    struct kit *bob = &w->bob;
    struct cove_doc doc = world_look(w, bob);
    const struct cove_doc_session *session = &doc.sessions[0];
    uint32_t len = session->len;

    for (uint32_t i = 0; i < len; i++) {
        struct cove_store_txn *txn = kit_begin(bob, true);
        struct cove_origin origin = {.reg = cove_bytes_text(from)};
        struct cove_tx_op op = {
            .reg = cove_bytes_text(to), .origins = &origin, .origin_count = 1};
        struct cove_tx tx = {.kind = COVE_TX_COPY, .ops = &op, .op_count = 1};
        struct cove_batch batch;
        struct cove_tx native;

        doc = kit_load(bob, txn, &w->doc);
        ck_assert_int_eq(cove_repo_read(bob->repo, txn, doc.num,
                                        &session->session, i, 1, &bob->arena,
                                        &batch),
                         0);
        ck_assert_int_eq(
            cove_tx_decode(batch.txs[0], &bob->arena, &native, NULL), 0);
        origin.id.hlc = native.hlc;
        origin.id.device = session->device;
        origin.id.session = session->session;
        origin.id.tx = i;

        struct cove_hash hash = cove_tx_hash(batch.txs[0]);

        memcpy(origin.tx_hash, hash.b, sizeof(origin.tx_hash));
        op.value = native.ops[0].value;
        bob->env.now_ms += 1;

        int err = cove_repo_append(bob->repo, txn, &doc, &tx, &bob->diag);

        ck_assert_msg(err == 0, "copy: %d %s", err, bob->diag.text);
        kit_commit(txn);
        cove_arena_reset(&bob->arena);
        doc = world_look(w, bob);
        session = &doc.sessions[0];
        if (memcmp(&session->device, &bob->device, 32) == 0) {
            session = &doc.sessions[1];
        }
    }
}

/* H34: history doubles -> copies go at compaction. */
START_TEST(h34_a_migration_of_all_does_not_double_the_bytes)
{
    struct world w;

    world_open_full(&w, FIXTURE_MEMORY);
    for (int i = 0; i < 500; i++) {
        w.alice.env.now_ms += 61007;
        write_bytes(&w.alice, &w.doc, 12, 12);
    }
    w.bob.env.now_ms = w.alice.env.now_ms;
    kit_sync(&w.alice, &w.bob, &w.doc);

    size_t before = log_size(&w.bob).bytes;

    copy_all(&w, "bytes", "octets");

    size_t doubled = log_size(&w.bob).bytes;
    struct cove_hash sum = log_sum(&w.bob, &w.doc);

    pack_now(&w.bob, &pack_all);

    size_t after = log_size(&w.bob).bytes;
    struct cove_hash again = log_sum(&w.bob, &w.doc);

    ck_assert_mem_eq(&sum, &again, sizeof(sum));
    ck_assert_uint_gt(doubled, 5 * before / 2);
    ck_assert_uint_lt(after, 3 * before / 2);
    world_close(&w);
}
END_TEST

/* --- what goes wrong */

static void fill(struct world *w)
{
    world_write(w, 1, 280);
}

/* Every call of the store fails in turn: it is as before, or packed. */
START_TEST(a_store_that_fails_at_any_call_is_packed_or_as_it_was)
{
    struct world w;
    long at = 1;
    bool done = false;

    world_open_full(&w, FIXTURE_LMDB);
    fill(&w);

    struct cove_hash sum = log_sum(&w.alice, &w.doc);

    for (; !done; at++) {
        struct fixture_fault fault = {.fail_at = at, .code = COVE_ENOSPC};
        struct packed packed;

        cove_store_set_fault(w.alice.store.store, fixture_hook, &fault);

        int err = pack_store(&w.alice, &pack_all, &packed);

        cove_store_set_fault(w.alice.store.store, NULL, NULL);
        done = fault.calls < at;
        ck_assert_msg(done ? err == 0 : err == COVE_ENOSPC || err == 0,
                      "call %ld: %d", at, err);

        struct cove_hash now = log_sum(&w.alice, &w.doc);

        ck_assert_mem_eq(&sum, &now, sizeof(sum));
        if (err == 0 && !done) {
            ck_assert_uint_eq(log_size(&w.alice).chunks, 0);
            break;
        }
    }
    ck_assert_int_gt(at, 10);
    pack_now(&w.alice, &pack_all);
    ck_assert_uint_eq(log_size(&w.alice).chunks, 0);
    world_close(&w);
}
END_TEST

START_TEST(memory_that_runs_out_anywhere_leaves_it_as_it_was)
{
    struct world w;
    int err = COVE_ENOMEM;

    world_open_full(&w, FIXTURE_MEMORY);
    fill(&w);

    struct cove_hash sum = log_sum(&w.alice, &w.doc);

    for (long at = 1; err != 0; at++) {
        struct packed packed;
        long alive = w.alice.heap.alive;

        w.alice.heap.calls = 0;
        w.alice.heap.fail_at = at;
        err = pack_store(&w.alice, &pack_all, &packed);
        w.alice.heap.fail_at = 0;
        ck_assert_msg(err == 0 || err == COVE_ENOMEM, "%ld: %d", at, err);
        ck_assert(err == 0 || w.alice.heap.alive <= alive + 8);

        struct cove_hash now = log_sum(&w.alice, &w.doc);

        ck_assert_mem_eq(&sum, &now, sizeof(sum));
    }
    world_close(&w);
}
END_TEST

/* --- the record */

START_TEST(a_pack_that_was_changed_anywhere_is_damage)
{
    struct world w;
    struct cove_store_txn *txn;
    struct cove_place place;
    struct cove_bytes value;
    struct repo_parts parts;
    struct cove_buf raw, whole;
    uint8_t *copy;

    world_open_full(&w, FIXTURE_MEMORY);
    fill(&w);
    pack_now(&w.alice, &pack_all);
    cove_buf_init(&raw, &w.alice.heap.alloc);
    cove_buf_init(&whole, &w.alice.heap.alloc);
    txn = kit_begin(&w.alice, false);
    repo_pack_place(&place, kit_num(&w.alice, txn, &w.doc), 0);
    ck_assert_int_eq(
        cove_store_get(txn, REPO_LOG, cove_place_bytes(&place), &value), 0);
    copy = cove_arena_new(&w.alice.arena, value.len);
    ck_assert_int_eq(repo_pack_decode(value, &w.alice.arena, &whole, &parts),
                     0);
    for (size_t i = 0; i < value.len; i++) {
        memcpy(copy, value.at, value.len);
        copy[i] ^= 0x10;

        int err = repo_pack_decode(cove_bytes(copy, value.len), &w.alice.arena,
                                   &raw, &parts);
        /* The count in front is only a hint, and zstd's header has a bit that
         * says nothing: the transactions are what they were. */
        ck_assert_msg(
            err == COVE_ECORRUPT ||
                (err == 0 && cove_bytes_equal(cove_buf_bytes(&raw),
                                              cove_buf_bytes(&whole))),
            "byte %zu of %zu: %d", i, value.len, err);
        cove_arena_reset(&w.alice.arena);
        copy = cove_arena_new(&w.alice.arena, value.len);
    }
    cove_store_abort(txn);
    cove_buf_clear(&raw);
    cove_buf_clear(&whole);
    world_close(&w);
}
END_TEST

START_TEST(a_stub_is_no_chunk)
{
    struct harness_alloc heap;
    struct cove_buf buf;
    uint32_t pack = 0;

    harness_alloc_init(&heap, 0);
    cove_buf_init(&buf, &heap.alloc);
    ck_assert_int_eq(repo_stub_encode(300, &buf), 0);
    ck_assert_uint_eq(buf.len, 4);
    ck_assert_mem_eq(buf.at, "\x00\x00\xac\x02", 4);
    ck_assert(repo_stub_is(cove_buf_bytes(&buf), &pack));
    ck_assert_uint_eq(pack, 300);
    ck_assert(!repo_stub_is(cove_bytes("\x00\x01\x00", 3), &pack));
    ck_assert(!repo_stub_is(cove_bytes("\x00\x00\x00\x00", 4), &pack));
    ck_assert(!repo_stub_is(cove_bytes("", 0), &pack));
    cove_buf_clear(&buf);
}
END_TEST

static void add(TCase *c, const TTest *test)
{
    tcase_add_loop_test(c, test, 0, FIXTURE_KINDS);
}

int main(void)
{
    Suite *suite = suite_create("repo_pack");
    TCase *packing = tcase_create("packing");
    TCase *wrong = tcase_create("wrong");

    tcase_set_timeout(packing, 60);
    tcase_set_timeout(wrong, 120);
    add(packing, a_packed_log_gives_the_same_bytes_views_and_digests);
    add(packing, the_newest_chunk_stays_and_grows_unless_all_is_packed);
    add(packing, what_is_younger_than_the_rule_is_not_packed);
    add(packing, packs_of_former_times_are_joined);
    add(packing, a_packed_store_and_another_sync_both_ways);
    add(packing, a_superseded_signature_goes_and_each_batch_is_still_signed);
    add(packing, a_clean_document_is_loaded_without_its_packs);
    add(packing, a_document_that_is_removed_takes_its_packs_and_groups_along);
    add(packing, a_write_in_between_puts_the_plan_aside);
    add(packing, what_takes_no_less_room_stays_as_it_is);
    tcase_add_loop_test(
        packing, packed_at_any_moment_it_is_as_a_twin_that_never_packs, 0, 4);
    tcase_add_test(packing, h34_a_migration_of_all_does_not_double_the_bytes);
    tcase_add_test(wrong,
                   a_store_that_fails_at_any_call_is_packed_or_as_it_was);
    tcase_add_test(wrong, memory_that_runs_out_anywhere_leaves_it_as_it_was);
    tcase_add_test(wrong, a_pack_that_was_changed_anywhere_is_damage);
    tcase_add_test(wrong, a_stub_is_no_chunk);
    suite_add_tcase(suite, packing);
    suite_add_tcase(suite, wrong);
    return harness_run(suite);
}
