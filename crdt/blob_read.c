/* blob_read.c: finding the chunk that a place of a blob lies in.
 *
 * Chunks follow each other in the transactions of their run, mostly one in
 * each and all of one size but the last. So the first look is where the place
 * would be if that were so, or behind where the reader stands, and from there
 * on the transactions are halved.
 */
#include "crdt/blob.h"
#include "crdt/repo_internal.h"

struct blob_find {
    struct repo_work work;
    struct repo_record record;
    const struct repo_row *row;
    const struct cove_blob_run *run;
    uint64_t begin; /* what the transaction looked at last has of the run: … */
    uint64_t end;   /* … up to here; 0: nothing */
    struct cove_bytes bytes; /* found */
};

static int find_start(struct blob_find *f, const struct cove_doc *doc)
{
    int err = repo_doc_record(&f->work, doc, &f->record);

    if (err != 0) {
        return err;
    }
    f->row = repo_record_row(&f->record, &f->run->begin.session);
    return f->row == NULL || f->run->last >= f->row->pub.len ? COVE_ECORRUPT
                                                             : 0;
}

/* Does an op belong to the run: behind what began it, before what ended it? */
static bool find_is_inside(const struct blob_find *f, uint32_t index,
                           uint32_t op)
{
    return (index != f->run->begin.tx || op > f->run->begin.op) &&
           (index != f->run->last || op < f->run->last_op);
}

/* Look at a transaction for the chunk that holds `at`. The run is not spoiled:
 * its chunks follow each other. */
static int find_look(struct blob_find *f, uint32_t index, uint64_t at)
{
    struct repo_tx_entry entry;
    struct repo_walk walk;
    struct cove_tx tx;
    uint32_t place = 0;
    int err = repo_walk_start(&f->work, &f->record, f->row, index, &walk);

    f->begin = f->end = 0;
    if (err == 0) {
        err = repo_walk_next(&f->work, &walk, &entry);
    }
    if (err == 0) {
        err = repo_tx_decode(&f->work, &entry, &tx);
    }
    if (err != 0 || tx.ahead || tx.private_part.len > 0) {
        return err;
    }
    for (size_t i = 0; i < tx.op_count; i++) {
        const struct cove_tx_op *op = &tx.ops[i];

        if (op->kind == COVE_OP_CHUNK && find_is_inside(f, index, place)) {
            f->begin = f->end == 0 ? op->offset : f->begin;
            f->end = op->offset + op->value.len;
            if (at >= op->offset && at < f->end) {
                f->bytes = op->value;
                f->bytes.at += at - op->offset;
                f->bytes.len -= (size_t)(at - op->offset);
            }
        }
        place += cove_tx_op_indexes(op);
    }
    return 0;
}

/* The first guess. */
static uint32_t find_guess(const struct blob_find *f, uint64_t at,
                           const struct cove_blob_place *place)
{
    const struct cove_blob_run *run = f->run;
    uint64_t span = (uint64_t)(run->last - run->begin.tx) + 1;
    uint32_t guess = run->begin.tx + (uint32_t)(at / (run->held / span + 1));

    return place->known ? place->tx : guess;
}

static int find_halve(struct blob_find *f, uint64_t at, uint32_t guess,
                      uint32_t *found)
{
    uint32_t low = f->run->begin.tx;
    uint32_t high = f->run->last;
    uint32_t next = guess < low ? low : guess > high ? high : guess;

    for (bool first = true; low <= high; first = false) {
        uint32_t mid = next;
        int err = find_look(f, mid, at);

        while (err == 0 && f->end == 0 && mid < high) {
            err = find_look(f, ++mid, at); /* that one has none */
        }
        if (err != 0) {
            return err;
        }
        if (f->bytes.len > 0) {
            *found = mid;
            return 0;
        }
        if (f->end == 0 || at < f->begin) {
            if (next == low) {
                break;
            }
            high = next - 1;
            next = first ? high : low + (high - low) / 2;
        } else {
            low = mid + 1;
            next = first || low > high ? low : low + (high - low) / 2;
        }
    }
    return COVE_ECORRUPT;
}

int cove_blob_bytes(struct cove_repo *repo, struct cove_store_txn *txn,
                    const struct cove_doc *doc, const struct cove_blob_run *run,
                    uint64_t at, struct cove_arena *arena,
                    struct cove_blob_place *place, struct cove_bytes *out)
{
    struct blob_find f = {.run = run};
    uint32_t found = 0;
    int err = repo_work_begin(&f.work, repo, txn, arena, NULL);

    if (err == 0) {
        err = find_start(&f, doc);
    }
    if (err == 0) {
        err = find_halve(&f, at, find_guess(&f, at, place), &found);
    }
    if (err == 0) {
        *out = f.bytes;
        place->known = true;
        place->tx = found;
    }
    return err;
}
