/* Blobs: written in chunks, resumed, whole or not shown as whole. */
#include "tests/unit/blob_kit.h"
#include "tests/unit/repo_world.h"

static void blob_world(struct world *w, int kind)
{
    world_open(w, kind);
    w->header = kit_header(&w->alice, COVE_DOC_COBINARY, &w->group, 2, &w->doc);
    world_give(w, &w->alice);
    world_give(w, &w->bob);
    world_give(w, &w->carol);
}

/* --- whole blobs */

START_TEST(what_was_written_is_read_at_every_size)
{
    static const size_t sizes[] = {0,     1,     51904, 51905,  59999,
                                   60000, 60001, 64000, 120000, 300007};
    struct world w;

    blob_world(&w, _i);
    for (size_t i = 0; i < COVE_ARRAY_LEN(sizes); i++) {
        blob_put(&w.alice, &w.doc, (uint32_t)i, sizes[i]);
        blob_is(&w.alice, &w.doc, (uint32_t)i, sizes[i]);
    }
    if (_i == FIXTURE_LMDB) {
        kit_reopen(&w.alice);
        blob_is(&w.alice, &w.doc, 9, 300007);
    }
    kit_sync(&w.alice, &w.bob, &w.doc);
    blob_is(&w.bob, &w.doc, 9, 300007);
    world_close(&w);
}
END_TEST

START_TEST(a_small_blob_is_one_transaction)
{
    struct world w;

    blob_world(&w, FIXTURE_MEMORY);
    blob_put(&w.alice, &w.doc, 1, 50000);
    ck_assert_uint_eq(world_look(&w, &w.alice).sessions[0].len, 1);
    blob_put(&w.alice, &w.doc, 2, 120000);
    ck_assert_uint_eq(world_look(&w, &w.alice).sessions[0].len, 5);
    blob_is(&w.alice, &w.doc, 2, 120000);
    world_close(&w);
}
END_TEST

START_TEST(name_type_and_size_are_as_they_were_given)
{
    struct cove_blob_shown shown;
    struct world w;
    struct pen p;

    blob_world(&w, FIXTURE_MEMORY);
    ck_assert_int_eq(blob_look(&w.alice, &w.doc, &shown), COVE_ENOTFOUND);
    blob_put(&w.alice, &w.doc, 1, 100);
    ck_assert_int_eq(blob_look(&w.alice, &w.doc, &shown), 0);
    ck_assert(cove_bytes_equal(shown.about.name, cove_bytes_text("a")));
    ck_assert(cove_bytes_equal(shown.about.mime, cove_bytes_text("image/png")));
    pen_open(&p, &w.alice, &w.doc);
    ck_assert_int_eq(pen_begin(&p, NULL, COVE_BLOB_UNKNOWN), 0);
    ck_assert_int_eq(pen_write(&p, 2, 70000), 0);
    ck_assert_int_eq(pen_close(&p, pen_end(&p)), 0);
    ck_assert_int_eq(blob_look(&w.alice, &w.doc, &shown), 0);
    ck_assert_ptr_null(shown.about.name.at);
    ck_assert_ptr_null(shown.about.mime.at);
    blob_is(&w.alice, &w.doc, 2, 70000);
    world_close(&w);
}
END_TEST

START_TEST(any_place_is_found_among_chunks_of_any_size)
{
    static const size_t pieces[] = {1,     60000, 7,     20000, 60000, 60000,
                                    60000, 3,     59999, 60000, 1,     12345};
    struct world w;
    uint8_t out[300];
    size_t size = 0;
    size_t done = 0;
    size_t len;

    blob_world(&w, FIXTURE_MEMORY);
    for (size_t i = 0; i < COVE_ARRAY_LEN(pieces); i++) {
        size += pieces[i];
    }
    for (size_t i = 0; i < COVE_ARRAY_LEN(pieces); i++) {
        ck_assert_uint_eq(blob_part(&w.alice, &w.doc, 5, size, pieces[i]),
                          done);
        done += pieces[i];
        if (i % 3 == 0) { /* what is no chunk stands between */
            kit_set(&w.alice, &w.doc, "note", (int64_t)i);
            kit_set(&w.alice, &w.doc, "note", (int64_t)i + 1);
        }
    }
    blob_part(&w.alice, &w.doc, 5, size, 0);
    {
        struct pen p;

        pen_open(&p, &w.alice, &w.doc);
        ck_assert_int_eq(pen_begin(&p, "a", size), 0);
        ck_assert_int_eq(pen_close(&p, pen_end(&p)), 0);
    }
    blob_is(&w.alice, &w.doc, 5, size);
    for (uint64_t at = 0; at < size; at += 997) {
        ck_assert_int_eq(
            blob_read(&w.alice, &w.doc, at, out, sizeof(out), &len), 0);
        ck_assert_uint_eq(len,
                          size - at < sizeof(out) ? size - at : sizeof(out));
        ck_assert_uint_eq(out[0], blob_byte(5, at));
        ck_assert_uint_eq(out[len - 1], blob_byte(5, at + len - 1));
    }
    world_close(&w);
}
END_TEST

/* docs/FORMAT.md "Blobs", the example. */
START_TEST(the_ops_of_a_small_blob_are_the_bytes_of_the_format)
{
    static const char begin[] = "\xa3\x64mime\x69image/png\x64name\x67"
                                "cat.png\x64size\x05";
    static const char head[] = "\xa6\x64hash\x58\x20";
    static const char tail[] = "\x64mime\x69image/png\x64name\x67"
                               "cat.png\x64size\x05\x65start\x00"
                               "\x67session\x50";
    static const uint8_t hash[8] = {0x0f, 0x9f, 0x1e, 0x80,
                                    0xb4, 0x80, 0x52, 0x75};
    struct cove_blob_about about = {.name = cove_bytes_text("cat.png"),
                                    .mime = cove_bytes_text("image/png"),
                                    .size = 5};
    struct cove_blob_self self = {.session = {{0xaa}}, .next = 0};
    struct cove_bytes in = cove_bytes_text("hello");
    struct cove_blob_draft draft = {.open = false};
    struct harness_alloc heap;
    struct cove_arena arena;
    struct cove_state state;
    struct cove_tx tx;

    harness_alloc_init(&heap, 0);
    cove_arena_init(&arena, &heap.alloc);
    cove_buf_init(&draft.bytes, &heap.alloc);
    cove_state_init(&state, &arena, NULL);
    ck_assert_int_eq(
        cove_blob_draft_begin(&draft, &about, &state, &self, &arena, NULL), 0);
    ck_assert_int_eq(cove_blob_draft_write(&draft, &in, NULL), 0);
    ck_assert_int_eq(
        cove_blob_draft_take(&draft, &state, &self, true, &arena, &tx), 0);
    ck_assert_uint_eq(tx.op_count, 3);
    ck_assert(cove_bytes_equal(tx.ops[0].reg, cove_bytes_text("begin")));
    ck_assert(cove_bytes_equal(tx.ops[0].value,
                               cove_bytes(begin, sizeof(begin) - 1)));
    ck_assert_int_eq((int)tx.ops[1].kind, COVE_OP_CHUNK);
    ck_assert_uint_eq(tx.ops[1].offset, 0);
    ck_assert(cove_bytes_equal(tx.ops[1].value, cove_bytes_text("hello")));
    ck_assert(cove_bytes_equal(tx.ops[2].reg, cove_bytes_text("blob")));
    ck_assert_mem_eq(tx.ops[2].value.at, head, sizeof(head) - 1);
    ck_assert_mem_eq(tx.ops[2].value.at + sizeof(head) - 1, hash, 8);
    ck_assert_mem_eq(tx.ops[2].value.at + sizeof(head) - 1 + 32, tail,
                     sizeof(tail) - 1);
    ck_assert_uint_eq(tx.ops[2].value.len,
                      sizeof(head) - 1 + 32 + sizeof(tail) - 1 + 16);
    cove_buf_clear(&draft.bytes);
    cove_arena_clear(&arena);
    ck_assert_int_eq(heap.alive, 0);
}
END_TEST

/* --- resuming */

START_TEST(a_writer_goes_on_where_it_stopped_after_a_restart)
{
    struct world w;
    struct pen p;

    blob_world(&w, FIXTURE_LMDB);
    ck_assert_uint_eq(blob_part(&w.alice, &w.doc, 1, 200000, 70000), 0);
    kit_reopen(&w.alice);
    ck_assert_uint_eq(blob_part(&w.alice, &w.doc, 1, 200000, 1), 70000);
    blob_is_not_whole(&w.alice, &w.doc, COVE_EGAP, 70001);
    kit_reopen(&w.alice);
    pen_open(&p, &w.alice, &w.doc); /* what is not committed is not there */
    ck_assert_int_eq(pen_begin(&p, "a", 200000), 0);
    ck_assert_int_eq(pen_write(&p, 1, 100000), 0);
    ck_assert_int_eq(pen_close(&p, COVE_EIO), COVE_EIO);
    kit_reopen(&w.alice);
    pen_open(&p, &w.alice, &w.doc);
    ck_assert_int_eq(pen_begin(&p, "a", 200000), 0);
    ck_assert_uint_eq(p.draft.held, 70001);
    ck_assert_int_eq(pen_write(&p, 1, 129999), 0);
    ck_assert_int_eq(pen_close(&p, pen_end(&p)), 0);
    blob_is(&w.alice, &w.doc, 1, 200000);
    world_close(&w);
}
END_TEST

START_TEST(another_blob_begins_anew_and_the_old_one_stays_until_it_ends)
{
    struct world w;
    struct pen p;

    blob_world(&w, FIXTURE_MEMORY);
    blob_put(&w.alice, &w.doc, 1, 1000);
    ck_assert_uint_eq(blob_part(&w.alice, &w.doc, 2, 200000, 70000), 0);
    blob_is(&w.alice, &w.doc, 1, 1000);
    ck_assert_uint_eq(blob_part(&w.alice, &w.doc, 3, 100000, 100000), 0);
    blob_is(&w.alice, &w.doc, 1, 1000);
    pen_open(&p, &w.alice, &w.doc);
    ck_assert_int_eq(pen_begin(&p, "a", 100000), 0);
    ck_assert_uint_eq(p.draft.held, 100000);
    ck_assert_int_eq(pen_close(&p, pen_end(&p)), 0);
    blob_is(&w.alice, &w.doc, 3, 100000);
    ck_assert_uint_eq(blob_part(&w.alice, &w.doc, 4, 100000, 5), 0);
    world_close(&w);
}
END_TEST

START_TEST(more_than_was_announced_is_refused_and_nothing_taken)
{
    struct cove_bytes in = cove_bytes("abcd", 4);
    struct world w;
    struct pen p;

    blob_world(&w, FIXTURE_MEMORY);
    pen_open(&p, &w.alice, &w.doc);
    ck_assert_int_eq(cove_blob_draft_write(&p.draft, &in, &p.k->diag),
                     COVE_ECONDITION);
    ck_assert_int_eq(pen_begin(&p, "a", 3), 0);
    cove_diag_clear(&p.k->diag);
    ck_assert_int_eq(cove_blob_draft_write(&p.draft, &in, &p.k->diag),
                     COVE_ECONDITION);
    ck_assert_uint_eq(in.len, 4);
    ck_assert_uint_eq(p.draft.held, 0);
    ck_assert_int_eq(pen_close(&p, 0), 0);
    world_close(&w);
}
END_TEST

START_TEST(a_name_beyond_its_limit_is_refused)
{
    static char name[COVE_MAX_BLOB_NAME + 2];
    struct world w;
    struct pen p;

    blob_world(&w, FIXTURE_MEMORY);
    memset(name, 'n', COVE_MAX_BLOB_NAME + 1);
    pen_open(&p, &w.alice, &w.doc);
    ck_assert_int_eq(pen_begin(&p, name, 3), COVE_ELIMIT);
    ck_assert(!p.draft.open);
    cove_diag_clear(&p.k->diag);
    ck_assert_int_eq(pen_begin(&p, "\xff", 3), COVE_EUSAGE);
    cove_diag_clear(&p.k->diag);
    ck_assert_int_eq(pen_begin(&p, "a", (uint64_t)COVE_MAX_BLOB + 1),
                     COVE_ELIMIT);
    name[COVE_MAX_BLOB_NAME] = '\0';
    ck_assert_int_eq(pen_begin(&p, name, COVE_MAX_BLOB), 0);
    ck_assert_int_eq(pen_close(&p, 0), 0);
    world_close(&w);
}
END_TEST

/* --- two devices */

START_TEST(the_blob_that_ended_last_wins_on_all_replicas)
{
    struct world w;

    blob_world(&w, FIXTURE_MEMORY);
    blob_part(&w.alice, &w.doc, 1, 200000, 100000);
    w.bob.env.now_ms += 1000;
    blob_put(&w.bob, &w.doc, 2, 150000);
    kit_sync(&w.bob, &w.alice, &w.doc);
    blob_is(&w.alice, &w.doc, 2, 150000);
    w.alice.env.now_ms += 2000;
    ck_assert_uint_eq(blob_part(&w.alice, &w.doc, 1, 200000, 100000), 100000);
    blob_is(&w.alice, &w.doc, 2, 150000);
    {
        struct pen p;

        pen_open(&p, &w.alice, &w.doc);
        ck_assert_int_eq(pen_begin(&p, "a", 200000), 0);
        ck_assert_int_eq(pen_close(&p, pen_end(&p)), 0);
    }
    kit_sync(&w.alice, &w.bob, &w.doc);
    kit_sync(&w.alice, &w.carol, &w.doc);
    w.carol.env.now_ms += 5000;
    w.bob.env.now_ms += 5000;
    blob_is(&w.alice, &w.doc, 1, 200000);
    blob_is(&w.bob, &w.doc, 1, 200000);
    blob_is(&w.carol, &w.doc, 1, 200000);
    world_close(&w);
}
END_TEST

START_TEST(a_half_arrived_blob_is_never_whole)
{
    struct cove_blob_shown shown;
    struct cove_doc_session from;
    struct cove_ingest_result result = {.have = 0};
    uint64_t held = 0;
    struct world w;

    blob_world(&w, _i);
    blob_put(&w.bob, &w.doc, 3, 400000);
    from = world_look(&w, &w.bob).sessions[0];
    while (result.have < from.len) {
        struct cove_batch batch;

        ck_assert_int_eq(
            kit_read(&w.bob, &w.doc, &from.session, result.have, 1, &batch), 0);
        ck_assert_int_eq(kit_ingest(&w.alice, &batch, 1, &result), 0);
        ck_assert_int_eq(kit_ingest(&w.alice, &batch, 1, &result), 0);
        if (_i == FIXTURE_LMDB) {
            kit_reopen(&w.alice);
        }
        if (result.have < from.len) {
            ck_assert_int_eq(blob_look(&w.alice, &w.doc, &shown), 0);
            ck_assert_int_eq(shown.err, COVE_EGAP);
            ck_assert_uint_ge(shown.held, held);
            ck_assert_uint_le(shown.held, held + 60000);
            held = shown.held;
            blob_is_not_whole(&w.alice, &w.doc, COVE_EGAP, held);
        }
    }
    blob_is(&w.alice, &w.doc, 3, 400000);
    world_close(&w);
}
END_TEST

START_TEST(what_another_session_holds_may_still_be_named)
{
    struct cove_blob_shown shown;
    struct cove_native *native = NULL;
    struct world w;

    /* Bob shows an older blob of alice's again, by her session and its start;
     * carol gets his write before her chunks. */
    blob_world(&w, FIXTURE_MEMORY);
    blob_put(&w.alice, &w.doc, 1, 100000);
    kit_sync(&w.alice, &w.bob, &w.doc);
    w.bob.env.now_ms += 1000;
    {
        struct cove_store_txn *txn = kit_begin(&w.bob, true);
        struct cove_doc doc = kit_load(&w.bob, txn, &w.doc);
        struct cove_tx_op op = {.reg = cove_bytes_text("blob")};
        struct cove_tx tx = {.ops = &op, .op_count = 1};

        for (size_t i = 0; i < doc.state.native_count; i++) {
            if (cove_bytes_equal(doc.state.natives[i].reg, op.reg)) {
                native = &doc.state.natives[i];
            }
        }
        ck_assert_ptr_nonnull(native);
        op.value = native->value;
        ck_assert_int_eq(
            cove_repo_append(w.bob.repo, txn, &doc, &tx, &w.bob.diag), 0);
        kit_commit(txn);
    }
    blob_put(&w.alice, &w.doc, 2, 5);
    kit_sync(&w.alice, &w.bob, &w.doc);
    blob_is(&w.bob, &w.doc, 1, 100000);
    {
        struct cove_doc doc = world_look(&w, &w.bob);
        size_t bobs = memcmp(&doc.sessions[0].device, &w.bob.device, 32) != 0;
        struct cove_ingest_result result;
        struct cove_batch batch;

        w.carol.env.now_ms += 5000;
        ck_assert_int_eq(kit_read(&w.bob, &w.doc, &doc.sessions[bobs].session,
                                  0, 60000, &batch),
                         0);
        ck_assert_int_eq(kit_ingest(&w.carol, &batch, 1, &result), 0);
    }
    ck_assert_int_eq(blob_look(&w.carol, &w.doc, &shown), 0);
    ck_assert_int_eq(shown.err, COVE_EGAP);
    ck_assert_uint_eq(shown.held, 0);
    kit_sync(&w.bob, &w.carol, &w.doc);
    blob_is(&w.carol, &w.doc, 1, 100000);
    world_close(&w);
}
END_TEST

/* --- liars */

struct lie {
    struct world w;
    struct author bob;
    uint64_t hlc;
};

static void lie_open(struct lie *l)
{
    blob_world(&l->w, FIXTURE_MEMORY);
    author_init(&l->bob, &l->w.bob, &l->w.alice, &l->w.doc, 5);
    l->hlc = T(0);
}

static void lie_push(struct lie *l, struct cove_tx_op *ops, size_t count)
{
    struct cove_tx tx = {.hlc = ++l->hlc, .ops = ops, .op_count = count};

    author_push_tx(&l->bob, &tx);
}

static struct cove_tx_op lie_begin(struct lie *l, uint64_t size)
{
    struct cove_tx_op op = {.reg = cove_bytes_text("begin")};
    struct cove_buf buf;
    struct cove_writer w;

    cove_buf_init(&buf, &l->w.alice.heap.alloc);
    cove_writer_init(&w, &buf);
    cove_writer_map(&w, 1);
    cove_writer_cstr(&w, "size");
    cove_writer_uint(&w, size);
    ck_assert_int_eq(
        cove_arena_copy(&l->w.alice.arena, cove_buf_bytes(&buf), &op.value), 0);
    cove_buf_clear(&buf);
    return op;
}

static struct cove_tx_op lie_chunk(struct lie *l, uint32_t n, uint64_t at,
                                   size_t len)
{
    struct cove_tx_op op = {.kind = COVE_OP_CHUNK, .offset = at};
    uint8_t *bytes = cove_arena_new(&l->w.alice.arena, len);

    blob_fill(n, at, bytes, len);
    op.value = cove_bytes(bytes, len);
    return op;
}

static struct cove_tx_op lie_end(struct lie *l, uint64_t size,
                                 const struct cove_hash *hash, uint32_t start)
{
    struct cove_tx_op op = {.reg = cove_bytes_text("blob")};
    struct cove_buf buf;
    struct cove_writer w;

    cove_buf_init(&buf, &l->w.alice.heap.alloc);
    cove_writer_init(&w, &buf);
    cove_writer_map(&w, 4);
    cove_writer_cstr(&w, "hash");
    cove_writer_bytes(&w, hash->b, sizeof(hash->b));
    cove_writer_cstr(&w, "size");
    cove_writer_uint(&w, size);
    cove_writer_cstr(&w, "start");
    cove_writer_uint(&w, start);
    cove_writer_cstr(&w, "session");
    cove_writer_bytes(&w, l->bob.session.b, sizeof(l->bob.session.b));
    ck_assert_int_eq(
        cove_arena_copy(&l->w.alice.arena, cove_buf_bytes(&buf), &op.value), 0);
    cove_buf_clear(&buf);
    return op;
}

static void lie_tell(struct lie *l)
{
    struct cove_batch batch = author_batch(&l->bob, 0, l->bob.len);

    assert_batch_taken(&l->w.alice, &batch, l->bob.len);
}

enum { HONEST, OVERLAP, HOLE, BEYOND, SHORT, HASH, START, TWICE, LIES };

START_TEST(a_liars_chunks_are_no_blob)
{
    struct lie l;
    struct cove_hash hash = blob_hash(6, 3000);
    struct cove_tx_op ops[4];

    lie_open(&l);
    ops[0] = lie_begin(&l, 3000);
    ops[1] = lie_chunk(&l, 6, 0, 1000);
    lie_push(&l, ops, 2);
    ops[0] = lie_chunk(&l, 6,
                       _i == OVERLAP ? 999
                       : _i == HOLE  ? 1001
                                     : 1000,
                       1000);
    lie_push(&l, ops, 1);
    ops[0] = lie_chunk(&l, 6, 2000, _i == BEYOND ? 1001 : 1000);
    ops[1] = lie_chunk(&l, 6, 2000, 1000);
    if (_i != SHORT) {
        lie_push(&l, ops, _i == TWICE ? 2 : 1);
    }
    hash.b[7] ^= (uint8_t)(_i == HASH);
    ops[0] = lie_end(&l, 3000, &hash, _i == START ? 1 : 0);
    lie_push(&l, ops, 1);
    lie_tell(&l);
    if (_i == HONEST) {
        blob_is(&l.w.alice, &l.w.doc, 6, 3000);
    } else {
        struct cove_blob_shown shown;
        uint8_t out[8];
        size_t len;

        ck_assert_int_eq(blob_look(&l.w.alice, &l.w.doc, &shown), 0);
        ck_assert_int_eq(shown.err, COVE_EHASH);
        ck_assert_mem_eq(&shown.by.device, &l.w.bob.device, 32);
        ck_assert_int_eq(blob_read(&l.w.alice, &l.w.doc, 0, out, 8, &len),
                         COVE_EHASH);
        l.w.alice.env.now_ms += 1000; /* and it is mended by a new one */
        blob_put(&l.w.alice, &l.w.doc, 7, 100);
        blob_is(&l.w.alice, &l.w.doc, 7, 100);
    }
    world_close(&l.w);
}
END_TEST

START_TEST(runs_that_share_a_transaction_are_told_apart)
{
    struct lie l;
    struct cove_hash first = blob_hash(6, 4000);
    struct cove_hash second = blob_hash(7, 5000);
    struct cove_tx_op ops[4];

    lie_open(&l);
    ops[0] = lie_begin(&l, 4000);
    ops[1] = lie_chunk(&l, 6, 0, 4000);
    lie_push(&l, ops, 2);
    ops[0] = lie_end(&l, 4000, &first, 0);
    ops[1] = lie_begin(&l, 5000);
    ops[2] = lie_chunk(&l, 7, 0, 5000);
    lie_push(&l, ops, 3);
    lie_tell(&l);
    blob_is(&l.w.alice, &l.w.doc, 6, 4000);
    ops[0] = lie_end(&l, 5000, &second, 1);
    lie_push(&l, ops, 1);
    {
        struct cove_batch batch = author_batch(&l.bob, 2, 3);

        assert_batch_taken(&l.w.alice, &batch, 1);
    }
    blob_is(&l.w.alice, &l.w.doc, 7, 5000);
    world_close(&l.w);
}
END_TEST

START_TEST(chunks_without_a_beginning_are_ignored)
{
    struct cove_blob_shown shown;
    struct cove_tx_op ops[2];
    struct lie l;

    lie_open(&l);
    ops[0] = lie_chunk(&l, 6, 0, 1000);
    lie_push(&l, ops, 1);
    ops[0].offset = ((uint64_t)1 << 48) - 1;
    lie_push(&l, ops, 1);
    lie_tell(&l);
    ck_assert_int_eq(blob_look(&l.w.alice, &l.w.doc, &shown), COVE_ENOTFOUND);
    ck_assert_uint_eq(world_look(&l.w, &l.w.alice).state.run_count, 0);
    world_close(&l.w);
}
END_TEST

START_TEST(a_register_that_is_no_blobs_is_told_by_name)
{
    struct cove_blob_shown shown;
    struct world w;

    blob_world(&w, FIXTURE_MEMORY);
    kit_set(&w.alice, &w.doc, "begin", 5);
    ck_assert_int_eq(blob_look(&w.alice, &w.doc, &shown), COVE_ENOTFOUND);
    kit_set(&w.alice, &w.doc, "blob", 5);
    ck_assert_int_eq(blob_look(&w.alice, &w.doc, &shown), COVE_EFORMAT);
    kit_set(&w.alice, &w.doc, "blob", ABSENT);
    ck_assert_int_eq(blob_look(&w.alice, &w.doc, &shown), COVE_ENOTFOUND);
    world_close(&w);
}
END_TEST

START_TEST(what_is_no_value_of_a_blob_is_refused)
{
    static const char *const bad[] = {
        "\x01",                                  /* 1 */
        "\xa1\x64mime\x01",                      /* {mime: 1} */
        "\xa1\x64name\xf6",                      /* {name: null} */
        "\xa1\x64size\x20",                      /* {size: -1} */
        "\xa1\x64size\x1b\x00\x01\0\0\0\0\0\x01" /* {size: 2^48 + 1} */
    };
    static const size_t lens[] = {1, 7, 7, 7, 15};
    struct cove_blob_about about;
    struct cove_blob_ended ended;

    for (size_t i = 0; i < COVE_ARRAY_LEN(bad); i++) {
        struct cove_bytes in = cove_bytes(bad[i], lens[i]);

        ck_assert_int_eq(cove_cbor_check_all(in, 8, NULL), 0);
        ck_assert_int_eq(cove_blob_about_read(in, &about), COVE_EFORMAT);
        ck_assert_int_eq(cove_blob_ended_read(in, &ended), COVE_EFORMAT);
    }
    ck_assert_int_eq(cove_blob_about_read(cove_bytes("\xa0", 1), &about), 0);
    ck_assert_uint_eq(about.size, COVE_BLOB_UNKNOWN);
    ck_assert_int_eq(cove_blob_ended_read(cove_bytes("\xa0", 1), &ended),
                     COVE_EFORMAT);
}
END_TEST

START_TEST(chunks_of_another_type_are_kept_and_count_nothing)
{
    struct cove_tx_op ops[2];
    struct lie l;
    struct cove_batch batch;

    world_open(&l.w, FIXTURE_MEMORY);
    world_give(&l.w, &l.w.alice);
    author_init(&l.bob, &l.w.bob, &l.w.alice, &l.w.doc, 5);
    l.hlc = T(0);
    ops[0] = lie_begin(&l, 1000);
    ops[1] = lie_chunk(&l, 6, 0, 1000);
    lie_push(&l, ops, 2);
    batch = author_batch(&l.bob, 0, 1);
    assert_batch_taken(&l.w.alice, &batch, 1);
    ck_assert_uint_eq(world_look(&l.w, &l.w.alice).state.run_count, 0);
    world_close(&l.w);
}
END_TEST

/* --- any order, without memory, and much of it */

static uint32_t pick(uint64_t *seed, uint32_t below)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)((*seed >> 33) % below);
}

static void history_step(struct world *w, struct kit *k, uint64_t *seed,
                         uint32_t *next)
{
    struct cove_doc doc = world_look(w, k);
    struct cove_blob_self self;
    const struct cove_blob_run *run;
    struct pen p;
    size_t left;

    pen_open(&p, k, &w->doc);
    ck_assert_int_eq(
        cove_repo_place(k->repo, p.txn, &doc, &self.session, &self.next), 0);
    run = cove_blob_open(&p.doc.state, &self.session);
    if (run == NULL) {
        *next += 1;
        ck_assert_int_eq(pen_begin(&p, "a", 1000 + *next), 0);
    } else {
        ck_assert_int_eq(pen_begin(&p, "a", run->size), 0);
    }
    left = (size_t)(p.draft.size - p.draft.held);
    if (left == 0 || pick(seed, 3) == 0) {
        ck_assert_int_eq(pen_write(&p, (uint32_t)p.draft.size, left), 0);
        ck_assert_int_eq(pen_close(&p, pen_end(&p)), 0);
    } else {
        size_t len = pick(seed, (uint32_t)left + 1);

        ck_assert_int_eq(
            pen_close(&p, pen_write(&p, (uint32_t)p.draft.size, len)), 0);
    }
}

static void history_run(uint64_t seed)
{
    struct world w;
    struct kit *kits[] = {&w.alice, &w.bob, &w.carol};
    struct cove_blob_shown shown[3];
    uint32_t next = 0;

    blob_world(&w, FIXTURE_MEMORY);
    for (int i = 0; i < 30; i++) {
        uint32_t a = pick(&seed, 3);
        uint32_t b = pick(&seed, 3);

        kits[a]->env.now_ms += pick(&seed, 3);
        if (pick(&seed, 3) > 0) {
            history_step(&w, kits[a % 2], &seed, &next);
        } else if (a != b) {
            kit_sync(kits[a], kits[b], &w.doc);
        }
    }
    for (int i = 0; i < 2; i++) {
        kit_sync(&w.alice, &w.bob, &w.doc);
        kit_sync(&w.bob, &w.carol, &w.doc);
        kit_sync(&w.carol, &w.alice, &w.doc);
    }
    for (int i = 0; i < 3; i++) {
        int err = blob_look(kits[i], &w.doc, &shown[i]);

        ck_assert(err == 0 || err == COVE_ENOTFOUND);
        if (err == 0 && shown[i].err == 0) {
            blob_is(kits[i], &w.doc, (uint32_t)shown[i].about.size,
                    (size_t)shown[i].about.size);
        } else if (err == 0) {
            ck_assert_int_eq(shown[i].err, COVE_EGAP);
        }
        ck_assert_int_eq(shown[i].err, shown[0].err);
        ck_assert_uint_eq(shown[i].held, shown[0].held);
        ck_assert_mem_eq(&shown[i].by, &shown[0].by, sizeof(shown[i].by));
    }
    world_close(&w);
}

START_TEST(all_replicas_show_the_same_in_200_random_histories)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        history_run(seed * 0x9e3779b97f4a7c15u);
    }
}
END_TEST

START_TEST(writing_without_memory_says_so_and_writes_nothing)
{
    struct world w;
    struct kit *k = &w.alice;
    int err = COVE_ENOMEM;

    blob_world(&w, FIXTURE_MEMORY);
    blob_put(k, &w.doc, 1, 100);
    for (long n = 1; err != 0; n++) {
        struct pen p;

        cove_arena_clear(&k->arena);
        ck_assert_int_eq(err, COVE_ENOMEM);
        pen_open(&p, k, &w.doc);
        k->heap.calls = 0;
        k->heap.fail_at = n;
        err = pen_begin(&p, "a", 61000);
        if (err == 0) {
            err = pen_write(&p, 2, 61000);
        }
        if (err == 0) {
            err = pen_end(&p);
        }
        k->heap.fail_at = 0;
        err = pen_close(&p, err);
        blob_is(k, &w.doc, err == 0 ? 2 : 1, err == 0 ? 61000 : 100);
    }
    world_close(&w);
}
END_TEST

START_TEST(reading_without_memory_says_so)
{
    struct world w;
    struct kit *k = &w.alice;
    static uint8_t out[100000];
    size_t len = 0;
    int err = COVE_ENOMEM;

    blob_world(&w, FIXTURE_MEMORY);
    blob_put(k, &w.doc, 1, 130000);
    for (long n = 1; err != 0; n++) {
        struct cove_store_txn *txn = kit_begin(k, false);
        struct cove_doc doc = kit_load(k, txn, &w.doc);
        struct cove_blob_place place = {.known = false};
        struct cove_blob_shown shown;
        struct cove_bytes piece;
        struct cove_arena arena;

        ck_assert_int_eq(err, COVE_ENOMEM);
        ck_assert_int_eq(cove_blob_shown(&doc.state, &shown), 0);
        cove_arena_init(&arena, &k->heap.alloc);
        k->heap.calls = 0;
        k->heap.fail_at = n;
        err = cove_blob_bytes(k->repo, txn, &doc, shown.run, 70000, &arena,
                              &place, &piece);
        k->heap.fail_at = 0;
        if (err == 0) {
            ck_assert_uint_eq(piece.at[0], blob_byte(1, 70000));
        }
        cove_arena_clear(&arena);
        cove_store_abort(txn);
        cove_arena_clear(&k->arena);
    }
    ck_assert_int_eq(blob_read(k, &w.doc, 0, out, sizeof(out), &len), 0);
    ck_assert_uint_eq(len, sizeof(out));
    world_close(&w);
}
END_TEST

START_TEST(a_piece_of_a_large_blob_costs_no_more_than_of_a_small_one)
{
    struct world w;
    uint8_t out[100];
    size_t len;
    long calls;

    blob_world(&w, FIXTURE_MEMORY);
    blob_put(&w.alice, &w.doc, 1, 12000000);
    cove_arena_clear(&w.alice.arena);
    for (uint64_t at = 0; at < 12000000; at += 1700000) {
        calls = w.alice.heap.calls;
        ck_assert_int_eq(
            blob_read(&w.alice, &w.doc, at, out, sizeof(out), &len), 0);
        ck_assert_uint_eq(out[99], blob_byte(1, at + 99));
        ck_assert_int_lt(w.alice.heap.calls - calls, 100);
        cove_arena_clear(&w.alice.arena);
    }
    world_close(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("blob");
    TCase *tc = tcase_create("blob");

    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, what_was_written_is_read_at_every_size, 0,
                        FIXTURE_KINDS);
    tcase_add_test(tc, a_small_blob_is_one_transaction);
    tcase_add_test(tc, name_type_and_size_are_as_they_were_given);
    tcase_add_test(tc, the_ops_of_a_small_blob_are_the_bytes_of_the_format);
    tcase_add_test(tc, any_place_is_found_among_chunks_of_any_size);
    tcase_add_test(tc, a_writer_goes_on_where_it_stopped_after_a_restart);
    tcase_add_test(
        tc, another_blob_begins_anew_and_the_old_one_stays_until_it_ends);
    tcase_add_test(tc, more_than_was_announced_is_refused_and_nothing_taken);
    tcase_add_test(tc, a_name_beyond_its_limit_is_refused);
    tcase_add_test(tc, the_blob_that_ended_last_wins_on_all_replicas);
    tcase_add_loop_test(tc, a_half_arrived_blob_is_never_whole, 0,
                        FIXTURE_KINDS);
    tcase_add_test(tc, what_another_session_holds_may_still_be_named);
    tcase_add_loop_test(tc, a_liars_chunks_are_no_blob, 0, LIES);
    tcase_add_test(tc, runs_that_share_a_transaction_are_told_apart);
    tcase_add_test(tc, chunks_without_a_beginning_are_ignored);
    tcase_add_test(tc, a_register_that_is_no_blobs_is_told_by_name);
    tcase_add_test(tc, what_is_no_value_of_a_blob_is_refused);
    tcase_add_test(tc, chunks_of_another_type_are_kept_and_count_nothing);
    tcase_add_test(tc, all_replicas_show_the_same_in_200_random_histories);
    tcase_add_test(tc, writing_without_memory_says_so_and_writes_nothing);
    tcase_add_test(tc, reading_without_memory_says_so);
    tcase_add_test(tc,
                   a_piece_of_a_large_blob_costs_no_more_than_of_a_small_one);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
