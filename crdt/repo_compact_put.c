/* repo_compact_put.c: what repo_compact.c planned goes to the store. */
#include "crdt/repo_compact.h"

#include "crdt/repo_internal.h"

/* Is everything as it was when the pack was planned? */
static int put_check(struct repo_work *work, const struct cove_pack_plan *plan)
{
    struct cove_place place;
    struct cove_bytes value;
    int err = 0;

    for (size_t i = 0; i < plan->old_count && err == 0; i++) {
        const struct cove_pack_old *old = &plan->olds[i];

        err = cove_store_get(work->txn, REPO_LOG, old->key, &value);
        if (err == 0) {
            struct cove_hash now = cove_hash("cove/pack", value);

            err = memcmp(&now, &old->value, sizeof(now)) == 0 ? 0 : COVE_EBUSY;
        }
    }
    if (err == 0) {
        repo_pack_place(&place, plan->num, plan->pack);
        err = cove_store_get(work->txn, REPO_LOG, cove_place_bytes(&place),
                             &value);
        err = err == 0 ? COVE_EBUSY : err == COVE_ENOTFOUND ? 0 : err;
    }
    return err == COVE_ENOTFOUND ? COVE_EBUSY : err;
}

static int put_entries(struct repo_work *work,
                       const struct cove_pack_plan *plan)
{
    struct cove_place place;
    struct cove_buf stub;
    int err = 0;

    for (size_t i = 0; i < plan->old_count && err == 0; i++) {
        err = cove_store_del(work->txn, REPO_LOG, plan->olds[i].key);
    }
    cove_buf_init(&stub, work->repo->opt.alloc);
    if (err == 0) {
        err = repo_stub_encode(plan->pack, &stub);
    }
    for (size_t i = 0; i < plan->run_count && err == 0; i++) {
        repo_log_place(&place, plan->num, plan->runs[i].session,
                       plan->runs[i].start);
        err = cove_store_put(work->txn, REPO_LOG, cove_place_bytes(&place),
                             cove_buf_bytes(&stub));
    }
    cove_buf_clear(&stub);
    if (err == 0) {
        repo_pack_place(&place, plan->num, plan->pack);
        err = cove_store_put(work->txn, REPO_LOG, cove_place_bytes(&place),
                             plan->value);
    }
    for (size_t i = 0; i < plan->group_count && err == 0; i++) {
        struct repo_proof proof = {.group = plan->groups[i]};

        err = repo_group_release(work, &proof);
    }
    return err;
}

/* Where a session's last chunk was packed, and whether a load would have to
 * look into the pack. */
static bool put_row(struct repo_row *row, const struct cove_pack_run *run,
                    bool *replayed)
{
    bool moves = row->tail > run->start && row->tail < run->end;

    if (moves) {
        row->tail = run->start;
    }
    if (row->mark < run->end && row->pub.folded > row->mark) {
        *replayed = true;
    }
    return moves;
}

static int put_record(struct repo_work *work, struct repo_record *record,
                      const struct cove_pack_plan *plan)
{
    bool moved = false;
    bool replayed = false;
    int err = 0;

    for (size_t i = 0; i < plan->run_count; i++) {
        struct repo_row *row =
            repo_record_row_num(record, plan->runs[i].session);

        if (row != NULL) {
            moved |= put_row(row, &plan->runs[i], &replayed);
        }
    }
    if (replayed) {
        err = repo_checkpoint_now(work, record, NULL);
    }
    return err != 0 || !(moved || replayed) ? err
                                            : repo_record_write(work, record);
}

int cove_repo_pack_put(struct cove_repo *repo, struct cove_store_txn *txn,
                       const struct cove_pack_plan *plan)
{
    struct repo_record record;
    struct repo_work work;
    int err = repo_work_write(&work, repo, txn, NULL);

    if (err == 0) {
        err = repo_record_read(&work, plan->num, &record);
        err = err == COVE_ENOTFOUND ? COVE_EBUSY : err;
    }
    if (err == 0) {
        err = put_check(&work, plan);
    }
    if (err == 0) {
        err = put_entries(&work, plan);
    }
    return err != 0 ? err : put_record(&work, &record, plan);
}
