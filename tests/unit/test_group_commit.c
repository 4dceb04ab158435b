/* The repo signs once for all that a store transaction appends. */
#include "crdt/repo_internal.h"
#include "crdt/repo_upkeep.h"
#include "tests/unit/repo_world.h"

#define DOCS 10

/* Alice writes to many documents, Bob to some; Carol reads. */
struct many {
    struct world w;
    struct cove_id ids[DOCS];
    struct cove_bytes headers[DOCS];
};

static void many_open(struct many *m, int kind, unsigned leaves)
{
    world_open_full(&m->w, kind);
    m->w.alice.group_leaves = leaves;
    cove_repo_close(m->w.alice.repo);
    ck_assert_int_eq(kit_open_with(&m->w.alice, false), 0);
    for (uint32_t i = 0; i < DOCS; i++) {
        m->headers[i] = kit_header(&m->w.alice, COVE_DOC_COMAP, &m->w.group,
                                   100 + i, &m->ids[i]);
        kit_take_header(&m->w.alice, &m->ids[i], m->headers[i]);
        kit_take_header(&m->w.bob, &m->ids[i], m->headers[i]);
        kit_take_header(&m->w.carol, &m->ids[i], m->headers[i]);
    }
}

static void many_close(struct many *m)
{
    world_close(&m->w);
}

static void write_in(struct kit *k, struct cove_store_txn *txn,
                     const struct cove_id *id, int64_t value)
{
    struct cove_doc doc = kit_load(k, txn, id);
    int err = kit_append(k, txn, &doc, "a", value);

    ck_assert_msg(err == 0, "append: %d %s", err, k->diag.text);
}

/* Write `value` to documents [0, count), in one commit. */
static void write_all(struct kit *k, const struct many *m, size_t count,
                      int64_t value)
{
    struct cove_store_txn *txn = kit_begin(k, true);

    for (size_t i = 0; i < count; i++) {
        write_in(k, txn, &m->ids[i], value);
    }
    kit_commit(txn);
}

/* The end of alice's session in a document, as it travels. */
static struct cove_batch batch_of(struct kit *k, const struct cove_id *id)
{
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_doc doc = kit_load(k, txn, id);
    struct cove_batch batch;

    ck_assert_uint_eq(doc.session_count, 1);

    int err = cove_repo_read(k->repo, txn, doc.num, &doc.sessions[0].session, 0,
                             60000, &k->arena, &batch);

    ck_assert_msg(err == 0, "read: %d", err);
    ck_assert_uint_eq(batch.tx_count, doc.sessions[0].len);
    cove_store_abort(txn);
    return batch;
}

static size_t groups_kept(struct kit *k)
{
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    size_t count = 0;

    ck_assert_int_eq(cove_store_cursor_open(txn, REPO_GROUPS, &cursor), 0);

    int err = cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry);

    for (; err == 0; err = cove_store_cursor_next(cursor, &entry)) {
        count++;
    }
    cove_store_cursor_close(cursor);
    cove_store_abort(txn);
    ck_assert_uint_eq(count % 2, 0); /* a head and the leaves */
    return count / 2;
}

/* Carol takes all that alice has, and shows the value. */
static void assert_arrives(struct many *m, size_t count, int64_t value)
{
    for (size_t i = 0; i < count; i++) {
        kit_sync(&m->w.alice, &m->w.carol, &m->ids[i]);
        ck_assert_int_eq(kit_get(&m->w.carol, &m->ids[i], "a"), value);
    }
}

START_TEST(a_commit_to_many_documents_is_signed_once)
{
    struct many m;
    struct cove_batch first;

    many_open(&m, _i, 0);
    write_all(&m.w.alice, &m, DOCS, 7);
    first = batch_of(&m.w.alice, &m.ids[0]);
    for (uint32_t i = 0; i < DOCS; i++) {
        struct cove_batch batch = batch_of(&m.w.alice, &m.ids[i]);

        ck_assert(batch.proof.grouped);
        ck_assert_uint_eq(batch.proof.leaves, DOCS);
        ck_assert_uint_eq(batch.proof.leaf, i);
        ck_assert_mem_eq(&batch.proof.signature, &first.proof.signature, 64);
    }
    ck_assert_uint_eq(groups_kept(&m.w.alice), 1);
    assert_arrives(&m, DOCS, 7);
    many_close(&m);
}
END_TEST

START_TEST(a_commit_to_one_document_is_signed_plainly)
{
    struct many m;

    many_open(&m, _i, 0);
    write_all(&m.w.alice, &m, 1, 7);
    ck_assert(!batch_of(&m.w.alice, &m.ids[0]).proof.grouped);
    ck_assert_uint_eq(groups_kept(&m.w.alice), 0);
    assert_arrives(&m, 1, 7);
    many_close(&m);
}
END_TEST

START_TEST(many_appends_to_one_document_are_one_leaf)
{
    struct many m;
    struct cove_store_txn *txn;
    struct cove_batch batch;

    many_open(&m, _i, 0);
    txn = kit_begin(&m.w.alice, true);
    for (int i = 0; i < 5; i++) {
        write_in(&m.w.alice, txn, &m.ids[0], i);
        write_in(&m.w.alice, txn, &m.ids[1], i);
    }
    kit_commit(txn);
    batch = batch_of(&m.w.alice, &m.ids[0]);
    ck_assert_uint_eq(batch.tx_count, 5);
    ck_assert_uint_eq(batch.proof.leaves, 2);
    assert_arrives(&m, 2, 4);

    /* Alone in its commit it stays one leaf, and so is signed plainly. */
    txn = kit_begin(&m.w.alice, true);
    for (int i = 0; i < 5; i++) {
        write_in(&m.w.alice, txn, &m.ids[2], i);
    }
    kit_commit(txn);
    ck_assert(!batch_of(&m.w.alice, &m.ids[2]).proof.grouped);
    many_close(&m);
}
END_TEST

/* So long a log that it has several chunks, each of which is signed. */
START_TEST(each_chunk_of_a_long_commit_is_signed)
{
    struct many m;
    struct cove_store_txn *txn;

    many_open(&m, _i, 0);
    txn = kit_begin(&m.w.alice, true);
    for (int i = 0; i < 600; i++) {
        write_in(&m.w.alice, txn, &m.ids[0], i);
        cove_arena_reset(&m.w.alice.arena);
    }
    kit_commit(txn);
    assert_arrives(&m, 1, 599);
    ck_assert_uint_eq(groups_kept(&m.w.alice), 1);
    many_close(&m);
}
END_TEST

START_TEST(more_documents_than_a_group_holds_are_several_groups)
{
    struct many m;

    many_open(&m, _i, 3);
    write_all(&m.w.alice, &m, DOCS, 7);
    ck_assert_uint_eq(groups_kept(&m.w.alice), 3);
    ck_assert_uint_eq(batch_of(&m.w.alice, &m.ids[0]).proof.leaves, 3);
    ck_assert_uint_eq(batch_of(&m.w.alice, &m.ids[5]).proof.leaf, 2);
    /* The one that is left over stands alone. */
    ck_assert(!batch_of(&m.w.alice, &m.ids[9]).proof.grouped);
    assert_arrives(&m, DOCS, 7);
    many_close(&m);
}
END_TEST

START_TEST(a_group_that_no_document_names_any_more_goes)
{
    struct many m;

    many_open(&m, _i, 0);
    write_all(&m.w.alice, &m, DOCS, 1);
    for (int i = 0; i < DOCS; i++) {
        ck_assert_uint_eq(groups_kept(&m.w.alice), 1);
        kit_set(&m.w.alice, &m.ids[i], "a", 2);
    }
    ck_assert_uint_eq(groups_kept(&m.w.alice), 0);
    write_all(&m.w.alice, &m, DOCS, 3);
    write_all(&m.w.alice, &m, DOCS, 4);
    ck_assert_uint_eq(groups_kept(&m.w.alice), 1);
    write_all(&m.w.alice, &m, DOCS - 1, 5);
    ck_assert_uint_eq(groups_kept(&m.w.alice), 2);
    assert_arrives(&m, DOCS - 1, 5);
    many_close(&m);
}
END_TEST

START_TEST(a_document_that_is_removed_lets_go_of_its_groups)
{
    struct many m;
    struct kit *alice = &m.w.alice;

    many_open(&m, _i, 0);
    write_all(alice, &m, 2, 1);
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(groups_kept(alice), 1);

        struct cove_store_txn *txn = kit_begin(alice, true);
        int err = cove_repo_remove(
            alice->repo, txn, kit_num(alice, txn, &m.ids[i]), &alice->diag);

        ck_assert_msg(err == 0, "remove: %d %s", err, alice->diag.text);
        kit_commit(txn);
    }
    ck_assert_uint_eq(groups_kept(alice), 0);
    many_close(&m);
}
END_TEST

/* Written and removed in one transaction: there is nothing to sign. */
START_TEST(what_was_removed_in_its_own_transaction_is_not_missed)
{
    struct many m;
    struct kit *alice = &m.w.alice;

    for (int docs = 1; docs <= 3; docs++) {
        many_open(&m, _i, 2);

        struct cove_store_txn *txn = kit_begin(alice, true);

        for (int i = 0; i < docs; i++) {
            write_in(alice, txn, &m.ids[i], 1);
        }
        for (int i = 0; i < docs; i++) {
            ck_assert_int_eq(cove_repo_remove(alice->repo, txn,
                                              kit_num(alice, txn, &m.ids[i]),
                                              &alice->diag),
                             0);
        }
        kit_commit(txn);
        ck_assert_uint_eq(groups_kept(alice), 0);
        many_close(&m);
    }
}
END_TEST

START_TEST(an_aborted_transaction_leaves_nothing)
{
    struct many m;
    struct cove_store_txn *txn;
    struct cove_hash before;
    struct cove_hash after;

    many_open(&m, _i, 4);
    write_all(&m.w.alice, &m, DOCS, 1);
    before = world_dump(&m.w.alice);
    txn = kit_begin(&m.w.alice, true);
    for (int i = 0; i < DOCS; i++) {
        write_in(&m.w.alice, txn, &m.ids[i], 2);
    }
    cove_store_abort(txn);
    after = world_dump(&m.w.alice);
    ck_assert_mem_eq(&before, &after, sizeof(before));

    /* And nothing of it joins the next one. */
    write_all(&m.w.alice, &m, 2, 3);
    ck_assert_uint_eq(batch_of(&m.w.alice, &m.ids[0]).proof.leaves, 2);
    assert_arrives(&m, 2, 3);
    many_close(&m);
}
END_TEST

START_TEST(what_is_read_in_the_same_transaction_is_there_and_signed)
{
    struct many m;
    struct kit *alice = &m.w.alice;
    struct cove_store_txn *txn;
    struct cove_batch batch;
    struct cove_doc doc;

    many_open(&m, _i, 0);
    txn = kit_begin(alice, true);
    write_in(alice, txn, &m.ids[0], 1);
    write_in(alice, txn, &m.ids[1], 1);
    doc = kit_load(alice, txn, &m.ids[0]);
    ck_assert_int_eq(kit_value(&doc, "a"), 1);
    ck_assert_int_eq(cove_repo_read(alice->repo, txn, doc.num,
                                    &doc.sessions[0].session, 0, 60000,
                                    &alice->arena, &batch),
                     0);
    ck_assert_uint_eq(batch.proof.leaves, 2);
    assert_batch_taken(&m.w.carol, &batch, 1);
    write_in(alice, txn, &m.ids[0], 2); /* lets go of what was just signed */
    write_in(alice, txn, &m.ids[2], 2);
    kit_commit(txn);
    ck_assert_uint_eq(groups_kept(alice), 2);
    ck_assert_uint_eq(batch_of(alice, &m.ids[1]).proof.leaves, 2);
    assert_arrives(&m, 1, 2);
    many_close(&m);
}
END_TEST

START_TEST(own_writes_and_a_peers_share_a_transaction)
{
    struct many m;
    struct kit *alice = &m.w.alice;
    struct cove_ingest_result result;
    struct cove_store_txn *txn;
    struct cove_batch of_bob;

    many_open(&m, _i, 0);
    write_all(&m.w.bob, &m, 2, 5);
    of_bob = batch_of(&m.w.bob, &m.ids[1]);
    txn = kit_begin(alice, true);
    write_in(alice, txn, &m.ids[0], 1);
    ck_assert_int_eq(
        cove_repo_ingest(alice->repo, txn, &of_bob, 1, &result, &alice->diag),
        0);
    write_in(alice, txn, &m.ids[1], 6);
    kit_commit(txn);
    assert_arrives(&m, 1, 1);
    kit_sync(alice, &m.w.carol, &m.ids[1]);
    ck_assert_int_eq(kit_get(&m.w.carol, &m.ids[1], "a"), 6);
    many_close(&m);
}
END_TEST

START_TEST(a_third_store_takes_it_from_the_second)
{
    struct many m;

    many_open(&m, _i, 4);
    write_all(&m.w.alice, &m, DOCS, 7);
    for (int i = 0; i < DOCS; i++) {
        kit_sync(&m.w.alice, &m.w.bob, &m.ids[i]);
        kit_sync(&m.w.bob, &m.w.carol, &m.ids[i]);
        ck_assert_int_eq(kit_get(&m.w.carol, &m.ids[i], "a"), 7);
    }
    many_close(&m);
}
END_TEST

START_TEST(it_reads_alike_when_opened_again)
{
    struct many m;

    many_open(&m, _i, 4);
    write_all(&m.w.alice, &m, DOCS, 7);
    cove_repo_close(m.w.alice.repo);
    ck_assert_int_eq(kit_open_with(&m.w.alice, false), 0);
    write_all(&m.w.alice, &m, 3, 8);
    assert_arrives(&m, 3, 8);
    many_close(&m);
}
END_TEST

/* Put back from a copy, a store hears of its own session from a peer: what
 * joins the chunk takes the place of its group's leaf. */
START_TEST(own_transactions_that_come_back_let_go_of_the_group)
{
    struct many m;
    struct kit *alice = &m.w.alice;
    struct kit copy;
    struct cove_store_txn *from, *to;

    many_open(&m, FIXTURE_MEMORY, 0);
    write_all(alice, &m, 2, 1);
    kit_init(&copy, FIXTURE_MEMORY, 1);
    from = kit_begin(alice, false);
    to = kit_begin(&copy, true);
    for (unsigned tree = 0; tree < COVE_REPO_TREES; tree++) {
        struct cove_store_cursor *cursor;
        struct cove_entry entry;

        ck_assert_int_eq(cove_store_cursor_open(from, tree, &cursor), 0);
        for (int err =
                 cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry);
             err == 0; err = cove_store_cursor_next(cursor, &entry)) {
            ck_assert_int_eq(cove_store_put(to, tree, entry.key, entry.value),
                             0);
        }
        cove_store_cursor_close(cursor);
    }
    cove_store_abort(from);
    kit_commit(to);
    ck_assert_int_eq(kit_open_with(&copy, false), 0);
    ck_assert_uint_eq(groups_kept(&copy), 1);
    kit_set(alice, &m.ids[0], "a", 2);
    kit_set(alice, &m.ids[1], "a", 2);
    kit_sync(alice, &copy, &m.ids[0]);
    ck_assert_uint_eq(groups_kept(&copy), 1);
    kit_sync(alice, &copy, &m.ids[1]);
    ck_assert_uint_eq(groups_kept(&copy), 0);
    ck_assert_int_eq(kit_get(&copy, &m.ids[1], "a"), 2);
    kit_close(&copy);
    many_close(&m);
}
END_TEST

/* --- shared proofs */

/* All of a commit's batches as they travel: a group, and each one's leaf. */
struct shared {
    struct cove_group group;
    struct cove_batch batches[DOCS];
};

static void share(struct kit *k, const struct many *m, struct shared *out)
{
    struct cove_store_txn *txn;
    struct cove_group group = {.count = 0};
    struct cove_bytes copy;
    struct cove_buf bytes;

    memset(out, 0, sizeof(*out));
    for (int i = 0; i < DOCS; i++) {
        out->batches[i] = batch_of(k, &m->ids[i]);
        ck_assert_uint_ne(out->batches[i].proof.kept, 0);
    }
    txn = kit_begin(k, false);
    ck_assert_int_eq(cove_repo_group(k->repo, txn, out->batches[0].proof.kept,
                                     &k->arena, &group),
                     0);
    cove_store_abort(txn);
    group.device = out->batches[0].device;
    cove_buf_init(&bytes, &k->heap.alloc);
    ck_assert_int_eq(cove_group_encode(&group, &bytes), 0);
    ck_assert_int_eq(cove_arena_copy(&k->arena, cove_buf_bytes(&bytes), &copy),
                     0);
    ck_assert(cove_group_is(copy));
    ck_assert_int_eq(cove_group_decode(copy, &out->group, &k->diag), 0);
    ck_assert_int_eq(cove_group_verify(&out->group), 0);
    for (int i = 0; i < DOCS; i++) {
        out->batches[i].proof.shared = true;
        bytes.len = 0;
        ck_assert_int_eq(cove_batch_encode(&out->batches[i], &bytes), 0);
        ck_assert_int_eq(
            cove_arena_copy(&k->arena, cove_buf_bytes(&bytes), &copy), 0);
        ck_assert(!cove_group_is(copy));
        ck_assert_int_eq(
            cove_batch_decode(copy, &k->arena, &out->batches[i], &k->diag), 0);
        ck_assert(out->batches[i].proof.shared);
        ck_assert_ptr_null(out->batches[i].proof.group);
    }
    cove_buf_clear(&bytes);
}

START_TEST(a_group_is_said_once_and_kept_once)
{
    struct many m;
    struct shared s;
    struct kit *bob = &m.w.bob;
    struct cove_store_txn *txn;

    many_open(&m, _i, 0);
    write_all(&m.w.alice, &m, DOCS, 7);
    share(&m.w.alice, &m, &s);
    txn = kit_begin(bob, true);
    for (int i = 0; i < DOCS; i++) {
        struct cove_ingest_result result;

        s.batches[i].proof.group = &s.group;
        ck_assert_int_eq(cove_repo_ingest(bob->repo, txn, &s.batches[i], 1,
                                          &result, &bob->diag),
                         0);
    }
    kit_commit(txn);
    ck_assert_uint_eq(groups_kept(bob), 1);

    struct cove_batch held = batch_of(bob, &m.ids[4]);

    ck_assert_mem_eq(&held.proof.signature, &s.group.signature, 64);

    /* And carol takes it from bob; then bob's copy of the group goes. */
    for (int i = 0; i < DOCS; i++) {
        kit_sync(bob, &m.w.carol, &m.ids[i]);
    }
    write_all(&m.w.alice, &m, DOCS, 8);
    for (int i = 0; i < DOCS; i++) {
        kit_sync(&m.w.alice, bob, &m.ids[i]);
    }
    ck_assert_uint_eq(groups_kept(bob), 0);
    ck_assert_int_eq(kit_get(bob, &m.ids[9], "a"), 8);
    many_close(&m);
}
END_TEST

/* A29 */
START_TEST(a_shared_proof_holds_for_its_leaf_alone)
{
    struct many m;
    struct shared s;
    struct cove_group bad;
    struct cove_batch batch;

    many_open(&m, FIXTURE_MEMORY, 0);
    write_all(&m.w.alice, &m, DOCS, 7);
    share(&m.w.alice, &m, &s);
    batch = s.batches[3]; /* no group is known */
    assert_batch_refused(&m.w.carol, &batch, COVE_ESIGNATURE);
    batch.proof.group = &s.group;
    for (batch.proof.leaf = 0; batch.proof.leaf <= DOCS; batch.proof.leaf++) {
        if (batch.proof.leaf != 3) {
            assert_batch_refused(&m.w.carol, &batch, COVE_ESIGNATURE);
        }
    }
    batch.proof.leaf = 3;
    bad = s.group; /* another device's */
    bad.device = m.w.bob.device;
    ck_assert_int_eq(cove_group_verify(&bad), COVE_ESIGNATURE);
    bad.verified = true;
    batch.proof.group = &bad;
    assert_batch_refused(&m.w.carol, &batch, COVE_ESIGNATURE);
    bad = s.group;
    bad.verified = false;
    assert_batch_refused(&m.w.carol, &batch, COVE_ESIGNATURE);
    bad.count--; /* a leaf less is another root */
    ck_assert_int_eq(cove_group_verify(&bad), COVE_ESIGNATURE);
    batch.proof.group = &s.group;
    assert_batch_taken(&m.w.carol, &batch, 1);
    many_close(&m);
}
END_TEST

/* That a root was verified says nothing of another device, signature, number
 * of leaves or head. */
START_TEST(a_remembered_root_vouches_for_nothing_else)
{
    struct many m;
    static struct cove_roots roots;
    struct cove_batch batch;
    struct cove_hash head;

    many_open(&m, FIXTURE_MEMORY, 0);
    write_all(&m.w.alice, &m, DOCS, 7);
    for (int i = 0; i < DOCS; i++) {
        batch = batch_of(&m.w.alice, &m.ids[i]);
        head = cove_chain_start(&batch.document, &batch.session, &batch.device);
        head = cove_chain_next(&head, batch.txs[0]);
        for (int again = 0; again < 2; again++) {
            ck_assert_int_eq(cove_batch_verify(&batch, &head, &roots), 0);
        }
        batch.proof.signature.b[1] ^= 1;
        ck_assert_int_eq(cove_batch_verify(&batch, &head, &roots),
                         COVE_ESIGNATURE);
        batch.proof.signature.b[1] ^= 1;
        head.b[0] ^= 1;
        ck_assert_int_eq(cove_batch_verify(&batch, &head, &roots),
                         COVE_ESIGNATURE);
        head.b[0] ^= 1;
        batch.device = m.w.bob.device;
        ck_assert_int_eq(cove_batch_verify(&batch, &head, &roots),
                         COVE_ESIGNATURE);
    }
    many_close(&m);
}
END_TEST

START_TEST(a_group_has_one_form)
{
    static const struct {
        size_t leaves; /* bytes of them */
        size_t device, signature;
        int code;
    } rows[] = {
        {32, 32, 64, 0},
        {1024 * 32, 32, 64, 0},
        {1025 * 32, 32, 64, COVE_ELIMIT},
        {0, 32, 64, COVE_EFORMAT},
        {33, 32, 64, COVE_EFORMAT},
        {32, 31, 64, COVE_EFORMAT},
        {32, 32, 63, COVE_EFORMAT},
    };
    static const uint8_t zeros[1025 * 32];

    for (size_t i = 0; i < COVE_ARRAY_LEN(rows); i++) {
        struct cove_group group;
        struct cove_diag diag = {0};
        struct cove_writer w;
        struct cove_buf buf;

        cove_buf_init(&buf, &cove_alloc_libc);
        cove_writer_init(&w, &buf);
        cove_writer_list(&w, 3);
        cove_writer_bytes(&w, zeros, rows[i].device);
        cove_writer_bytes(&w, zeros, rows[i].signature);
        cove_writer_bytes(&w, zeros, rows[i].leaves);
        ck_assert_int_eq(w.err, 0);
        ck_assert_int_eq(cove_group_decode(cove_buf_bytes(&buf), &group, &diag),
                         rows[i].code);
        for (size_t cut = 0; cut < 100 && i == 0; cut++) {
            ck_assert_int_eq(
                cove_group_decode(cove_bytes(buf.at, cut), &group, &diag),
                COVE_EFORMAT);
        }
        cove_buf_clear(&buf);
    }
}
END_TEST

/* Two branches of alice's session, the second in a group: what is kept of it
 * proves by itself. */
START_TEST(a_fork_with_a_shared_proof_is_kept_with_a_path)
{
    struct many m;
    struct shared s;
    struct kit twin;

    many_open(&m, FIXTURE_MEMORY, 0);
    kit_open(&twin, FIXTURE_MEMORY, 1);
    kit_take_header(&twin, &m.w.group, m.w.group_header);
    for (int i = 0; i < DOCS; i++) {
        kit_take_header(&twin, &m.ids[i], m.headers[i]);
    }
    /* The same randomness gives both the same session. */
    twin.env.seed = m.w.alice.env.seed = 99;
    write_all(&m.w.alice, &m, DOCS, 1);
    write_all(&twin, &m, DOCS, 2);
    share(&twin, &m, &s);
    s.batches[0].proof.group = &s.group;
    kit_sync(&m.w.alice, &m.w.carol, &m.ids[0]);

    struct cove_ingest_result result;

    ck_assert_int_eq(kit_ingest(&m.w.carol, &s.batches[0], 1, &result),
                     COVE_EFORK);
    ck_assert_int_eq(kit_ingest(&m.w.carol, &s.batches[0], 1, &result),
                     COVE_EFORK);

    struct cove_store_txn *txn = kit_begin(&m.w.carol, false);
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    struct cove_batch kept;

    ck_assert_int_eq(cove_store_cursor_open(txn, REPO_FORK_PROOFS, &cursor), 0);
    ck_assert_int_eq(
        cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry), 0);
    ck_assert_int_eq(
        cove_batch_decode(cove_bytes(entry.value.at + 1, entry.value.len - 1),
                          &m.w.carol.arena, &kept, &m.w.carol.diag),
        0);
    ck_assert(kept.proof.grouped && !kept.proof.shared);

    struct cove_hash head =
        cove_chain_start(&kept.document, &kept.session, &kept.device);

    head = cove_chain_next(&head, kept.txs[0]);
    ck_assert_int_eq(cove_batch_verify(&kept, &head, NULL), 0);
    cove_store_cursor_close(cursor);
    cove_store_abort(txn);
    kit_close(&twin);
    many_close(&m);
}
END_TEST

/* --- faults */

/* Write to documents [0, 5) and commit; the code, whatever failed. */
static int fault_write(struct many *m)
{
    struct kit *k = &m->w.alice;
    uint8_t one[] = {2};
    struct cove_tx_op op = {.reg = cove_bytes_text("a"),
                            .value = cove_bytes(one, 1)};
    struct cove_store_txn *txn;
    int err = cove_store_begin(k->store.store, true, &txn);

    if (err != 0) {
        return err;
    }
    for (int i = 0; i < 5 && err == 0; i++) {
        struct cove_tx tx = {.ops = &op, .op_count = 1};
        struct cove_arena arena;
        struct cove_doc doc;
        cove_num num;

        cove_arena_init(&arena, &k->heap.alloc);
        err = cove_repo_find(k->repo, txn, &m->ids[i], &num);
        if (err == 0) {
            err = cove_repo_load(k->repo, txn, num, &arena, &doc, NULL);
        }
        if (err == 0) {
            err = cove_repo_append(k->repo, txn, &doc, &tx, NULL);
        }
        cove_arena_clear(&arena);
    }
    if (err == 0) {
        return cove_store_commit(txn);
    }
    cove_store_abort(txn);
    return err;
}

/* Fail call 1, 2, 3 … until it succeeds; each failure changes nothing. */
static void fault_loop(int kind, bool of_store)
{
    struct many m;
    struct kit *alice = &m.w.alice;
    struct cove_hash before;
    int err = -1;

    many_open(&m, kind, 2);
    write_all(alice, &m, DOCS, 1);
    before = world_dump(alice);
    for (long n = 1; err != 0; n++) {
        struct fixture_fault fault = {.fail_at = n, .code = COVE_ENOSPC};

        if (of_store) {
            cove_store_set_fault(alice->store.store, fixture_hook, &fault);
        } else {
            alice->heap.calls = 0;
            alice->heap.fail_at = n;
        }
        err = fault_write(&m);
        cove_store_set_fault(alice->store.store, NULL, NULL);
        alice->heap.fail_at = 0;
        if (err != 0) {
            struct cove_hash after = world_dump(alice);

            ck_assert_int_eq(err, of_store ? COVE_ENOSPC : COVE_ENOMEM);
            ck_assert_mem_eq(&before, &after, sizeof(before));
        }
    }
    ck_assert_uint_eq(groups_kept(alice), 5); /* two new, two went */
    assert_arrives(&m, 5, 2);
    many_close(&m);
}

START_TEST(a_store_that_fails_at_any_call_is_as_it_was)
{
    fault_loop(_i, true);
}
END_TEST

START_TEST(memory_that_runs_out_anywhere_leaves_it_as_it_was)
{
    fault_loop(_i, false);
}
END_TEST

/* A chunk that names a group that is not there, or a leaf that it lacks. */
START_TEST(a_group_that_is_missing_is_damage)
{
    struct many m;
    struct kit *alice = &m.w.alice;
    struct cove_store_txn *txn;
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    struct cove_doc doc;
    struct cove_batch batch;

    many_open(&m, _i, 0);
    write_all(alice, &m, 2, 1);
    txn = kit_begin(alice, true);
    ck_assert_int_eq(cove_store_cursor_open(txn, REPO_GROUPS, &cursor), 0);
    ck_assert_int_eq(
        cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry), 0);

    struct cove_bytes key;

    ck_assert_int_eq(cove_arena_copy(&alice->arena, entry.key, &key), 0);
    cove_store_cursor_close(cursor);
    ck_assert_int_eq(cove_store_del(txn, REPO_GROUPS, key), 0);
    doc = kit_load(alice, txn, &m.ids[0]);
    ck_assert_int_eq(cove_repo_read(alice->repo, txn, doc.num,
                                    &doc.sessions[0].session, 0, 60000,
                                    &alice->arena, &batch),
                     COVE_ECORRUPT);
    ck_assert_int_eq(kit_append(alice, txn, &doc, "a", 2), 0);
    ck_assert_int_eq(cove_store_commit(txn), COVE_ECORRUPT);
    many_close(&m);
}
END_TEST

static void add(TCase *c, const TTest *test)
{
    tcase_add_loop_test(c, test, 0, FIXTURE_KINDS);
}

int main(void)
{
    Suite *suite = suite_create("group_commit");
    TCase *signing = tcase_create("signing");
    TCase *ends = tcase_create("ends");

    tcase_set_timeout(signing, 60);
    tcase_set_timeout(ends, 120);
    add(signing, a_commit_to_many_documents_is_signed_once);
    add(signing, a_commit_to_one_document_is_signed_plainly);
    add(signing, many_appends_to_one_document_are_one_leaf);
    add(signing, each_chunk_of_a_long_commit_is_signed);
    add(signing, more_documents_than_a_group_holds_are_several_groups);
    add(signing, a_group_that_no_document_names_any_more_goes);
    add(signing, own_writes_and_a_peers_share_a_transaction);
    add(signing, a_third_store_takes_it_from_the_second);
    add(signing, it_reads_alike_when_opened_again);
    tcase_add_test(signing,
                   own_transactions_that_come_back_let_go_of_the_group);
    add(signing, a_group_is_said_once_and_kept_once);
    add(signing, a_document_that_is_removed_lets_go_of_its_groups);
    add(ends, what_was_removed_in_its_own_transaction_is_not_missed);
    tcase_add_test(signing, a_shared_proof_holds_for_its_leaf_alone);
    tcase_add_test(signing, a_remembered_root_vouches_for_nothing_else);
    tcase_add_test(signing, a_group_has_one_form);
    tcase_add_test(signing, a_fork_with_a_shared_proof_is_kept_with_a_path);
    add(ends, an_aborted_transaction_leaves_nothing);
    add(ends, what_is_read_in_the_same_transaction_is_there_and_signed);
    add(ends, a_store_that_fails_at_any_call_is_as_it_was);
    add(ends, memory_that_runs_out_anywhere_leaves_it_as_it_was);
    add(ends, a_group_that_is_missing_is_damage);
    suite_add_tcase(suite, signing);
    suite_add_tcase(suite, ends);
    return harness_run(suite);
}
