/* repo_fork.c: two logs that claim one place. docs/FORMAT.md "Fork proof".
 *
 * A device signed two different transactions for one index of a session. What
 * was held stands. The other branch is kept as it came, with its signature:
 * together with our own log of that session, which reads with a signature too,
 * it proves to anybody who holds the common prefix that the device did this.
 */
#include <inttypes.h>

#include "crdt/repo_internal.h"

/* The head of the common prefix, and a check that the branch is signed: an
 * unsigned one proves nothing and is nobody's fork. */
static int fork_verify(struct repo_work *work, struct repo_record *record,
                       const struct repo_row *row,
                       const struct cove_batch *batch, uint32_t first)
{
    struct cove_hash head = cove_session_begin(&record->id, &row->pub);
    struct repo_walk walk;
    struct cove_bytes tx;
    int err = repo_walk_start(work, record, row, row->pub.base, &walk);

    while (err == 0 && walk.index < first) {
        err = repo_walk_bytes(work, &walk, &tx);
        if (err == 0) {
            head = cove_chain_next(&head, tx);
        }
    }
    if (err != 0) {
        return err == COVE_ENOTFOUND ? COVE_ECORRUPT : err;
    }
    for (size_t i = first - batch->start; i < batch->tx_count; i++) {
        head = cove_chain_next(&head, batch->txs[i]);
    }
    err = cove_batch_verify(batch, &head, &work->repo->roots);
    if (err == COVE_ESIGNATURE && row->pub.base > 0 &&
        batch->start <= row->pub.base) {
        return cove_fail(work->diag, COVE_ECUT,
                         "a batch that differs from what is held at %" PRIu32
                         ", and perhaps in what was cut off here: ours stays",
                         first);
    }
    if (err != 0) {
        return cove_fail(work->diag, err,
                         "a batch that differs from what is held at %" PRIu32
                         " and is not signed",
                         first);
    }
    return 0;
}

/* A free place for the proof; COVE_EEXIST where this branch, or as many as are
 * kept, are there already. */
static int fork_place(struct repo_work *work, const struct repo_record *record,
                      const struct repo_row *row, struct cove_bytes proof,
                      struct cove_place *place)
{
    for (uint64_t n = 0; n < REPO_FORKS; n++) {
        struct cove_bytes held;

        cove_place_start(place);
        cove_place_number(place, record->num);
        cove_place_number(place, row->num);
        cove_place_number(place, n);

        int err = cove_store_get(work->txn, REPO_FORK_PROOFS,
                                 cove_place_bytes(place), &held);

        if (err != 0) {
            return err == COVE_ENOTFOUND ? 0 : err;
        }
        if (cove_bytes_equal(held, proof)) {
            return COVE_EEXIST;
        }
    }
    return COVE_EEXIST;
}

static int fork_write(struct repo_work *work, struct repo_record *record,
                      struct repo_row *row, const struct cove_batch *batch,
                      uint32_t first)
{
    struct cove_batch alone = *batch; /* it must prove by itself */
    struct cove_place place;
    struct cove_packer p;
    struct cove_buf buf;

    cove_buf_init(&buf, work->repo->opt.alloc);
    cove_packer_init(&p, &buf);
    cove_pack_varint(&p, first);

    int err = p.err != 0 ? p.err : cove_proof_expand(&alone.proof, work->arena);

    if (err == 0) {
        err = cove_batch_encode(&alone, &buf);
    }

    if (err == 0) {
        err = fork_place(work, record, row, cove_buf_bytes(&buf), &place);
    }
    if (err == 0) {
        err = cove_store_put(work->txn, REPO_FORK_PROOFS,
                             cove_place_bytes(&place), cove_buf_bytes(&buf));
    }
    cove_buf_clear(&buf);
    if (err != 0) {
        return err == COVE_EEXIST ? 0 : err;
    }
    record->flags |= COVE_DOC_HAS_FORK;
    err =
        repo_change_note(work, record, REPO_PEER_OPEN, row->num, first, false);
    return err != 0 ? err : repo_record_write(work, record);
}

int repo_fork_keep(struct repo_work *work, struct repo_record *record,
                   struct repo_row *row, const struct cove_batch *batch,
                   uint32_t first)
{
    bool own = false;
    int err = fork_verify(work, record, row, batch, first);

    if (err == 0) {
        err = repo_branch_own(work, row, &own);
    }
    if (err != 0) {
        return err;
    }
    if (own) {
        work->counters.own_session = 0; /* somebody else goes on with it */
    }
    err = fork_write(work, record, row, batch, first);
    if (err == 0) {
        err = repo_work_end(work);
    }
    return err != 0 ? err
                    : cove_fail(work->diag, COVE_EFORK,
                                "the device signed two transactions %" PRIu32
                                " of one session; ours stands, the proof is "
                                "kept",
                                first);
}

int cove_repo_forks(struct cove_repo *repo, struct cove_store_txn *txn,
                    cove_num num, int (*visit)(void *, struct cove_bytes),
                    void *ctx)
{
    struct cove_store_cursor *cursor;
    struct cove_place place;
    struct cove_entry entry;
    struct cove_bytes prefix;
    int err = cove_store_cursor_open(txn, REPO_FORK_PROOFS, &cursor);

    (void)repo;
    if (err != 0) {
        return err;
    }
    cove_place_start(&place);
    cove_place_number(&place, num);
    prefix = cove_place_bytes(&place);
    err = cove_store_cursor_seek(cursor, prefix, &entry);
    while (err == 0 && entry.key.len > prefix.len &&
           memcmp(entry.key.at, prefix.at, prefix.len) == 0) {
        struct cove_unpacker u;

        cove_unpacker_init(&u, entry.value);
        (void)cove_unpack_varint(&u); /* where it parts */
        err = u.err != 0 ? u.err
                         : visit(ctx, cove_bytes(u.at, (size_t)(u.end - u.at)));
        if (err == 0) {
            err = cove_store_cursor_next(cursor, &entry);
        }
    }
    cove_store_cursor_close(cursor);
    return err == COVE_ENOTFOUND ? 0 : err;
}
