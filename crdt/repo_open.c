/* repo_open.c: what a write transaction keeps in memory until its end.
 *
 * Each operation begins with the counters and ends by setting them, and many
 * move a document from one tally to another. While a transaction writes they
 * lie here, and go to the store once, before its commit (at_end). An abort
 * forgets them. Only the transaction's thread looks here; a store transaction
 * is used with one repo.
 */
#include "crdt/repo_internal.h"

#define OPEN_TALLIES 32 /* more of them: written at once */

static int open_before(struct cove_store_ending *ending,
                       struct cove_store_txn *txn)
{
    struct repo_open *open = (struct repo_open *)(void *)ending;
    struct repo_work work;
    int err = repo_work_write(&work, open->repo, txn, NULL);

    if (err == 0) {
        err = repo_group_end(&work);
    }
    if (err == 0) {
        err = repo_open_settle(&work);
    }
    return err != 0 || !open->counted ? err : repo_counters_put(&work);
}

static void open_after(struct cove_store_ending *ending, bool committed)
{
    struct repo_open *open = (struct repo_open *)(void *)ending;

    open->txn = NULL;
    open->counted = false;
    open->shifts.len = 0;
    open->seen.num = 0;
    open->spoken.schema = 0;
    open->owner.num = 0;
    open->schema.num = 0;
    open->shape = 0;
    open->nonces.left = 0;
    open->nonces.drawn = 0;
    open->writes++;
    repo_group_forget(open->repo);
    repo_hot_forget(open->repo);
    repo_live_end(open->repo, committed);
}

void repo_open_init(struct cove_repo *repo)
{
    repo->open.ending.before = open_before;
    repo->open.ending.after = open_after;
    repo->open.repo = repo;
    repo->open.writes = 1;
    cove_buf_init(&repo->open.shifts, repo->opt.alloc);
    repo_hot_init(repo);
}

void repo_open_clear(struct cove_repo *repo)
{
    cove_buf_clear(&repo->open.shifts);
    repo_hot_clear(repo);
}

struct repo_open *repo_open_of(struct cove_repo *repo,
                               const struct cove_store_txn *txn)
{
    return cove_store_writes(txn) && repo->open.txn == txn ? &repo->open : NULL;
}

void repo_open_begin(struct cove_repo *repo, struct cove_store_txn *txn,
                     const struct repo_counters *counters)
{
    repo->open.txn = txn;
    repo->open.counters = *counters;
    repo->open.began = counters->sequence;
    cove_store_at_end(txn, &repo->open.ending);
}

/* --- nonces */

void cove_repo_nonce(struct cove_repo *repo, uint8_t out[COVE_NONCE])
{
    const struct cove_env *env = repo->opt.env;
    struct repo_nonces *n = &repo->open.nonces;

    if (n->left == 0) { /* as many as there were so far */
        n->drawn = n->drawn == 0 ? 1 : n->drawn * 2;
        n->drawn = n->drawn > REPO_NONCES ? REPO_NONCES : n->drawn;
        n->left = n->drawn;
        env->random(env->ctx, n->b, n->left * sizeof(n->b[0]));
    }
    n->left--;
    memcpy(out, n->b[n->left], sizeof(n->b[0]));
}

/* --- tallies */

static struct repo_tally_shift *open_shift(struct repo_open *open, size_t i)
{
    return (struct repo_tally_shift *)(void *)open->shifts.at + i;
}

int repo_open_settle(struct repo_work *work)
{
    struct repo_open *open = &work->repo->open;
    size_t count = open->shifts.len / sizeof(struct repo_tally_shift);
    int err = 0;

    for (size_t i = 0; i < count && err == 0; i++) {
        err = repo_tally_put(work, open_shift(open, i));
    }
    open->shifts.len = 0;
    return err;
}

int repo_open_tally(struct repo_work *work, const struct cove_bytes key, int by)
{
    struct repo_open *open = &work->repo->open;
    size_t count = open->shifts.len / sizeof(struct repo_tally_shift);
    struct repo_tally_shift shift = {.key_len = key.len, .by = by};

    for (size_t i = 0; i < count; i++) {
        struct repo_tally_shift *held = open_shift(open, i);

        if (cove_bytes_equal(cove_bytes(held->key, held->key_len), key)) {
            held->by += by;
            return 0;
        }
    }
    if (count >= OPEN_TALLIES) {
        int err = repo_open_settle(work);

        if (err != 0) {
            return err;
        }
    }
    memcpy(shift.key, key.at, key.len);
    return cove_buf_append(&open->shifts, cove_bytes(&shift, sizeof(shift)));
}
