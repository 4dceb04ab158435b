/* repo_at.c: the past of a document.
 *
 * The log has everything, and in one session times only rise: so the state as
 * of a time is each session folded up to the first transaction behind it. What
 * was written then but came later is in it: it is what stood at that time, not
 * what this store knew of it. The checkpoint is of no use here.
 */
#include "crdt/repo_upkeep.h"

#include "crdt/repo_internal.h"

static int at_view(struct cove_repo *repo, struct cove_store_txn *txn,
                   const struct cove_doc *doc, const struct repo_view *view,
                   struct cove_arena *arena, struct cove_state *out,
                   struct cove_diag *diag)
{
    struct repo_record record;
    struct cove_state state;
    struct repo_work work;
    bool moved;
    int err = repo_work_begin(&work, repo, txn, arena, diag);

    if (err == 0) {
        err = repo_record_read(&work, doc->num, &record);
    }
    if (err == 0) {
        err = repo_refresh(&work, &record, &moved);
    }
    if (err == 0) {
        err = repo_fold_view(&work, &record, view, &state);
    }
    if (err == 0) {
        repo_history_detach(&state);
        *out = state;
    }
    return err;
}

int cove_repo_state_at(struct cove_repo *repo, struct cove_store_txn *txn,
                       const struct cove_doc *doc, uint64_t hlc,
                       struct cove_arena *arena, struct cove_state *out,
                       struct cove_diag *diag)
{
    struct repo_view view = {.branch = doc->branch, .until = hlc};

    return at_view(repo, txn, doc, &view, arena, out, diag);
}

int cove_repo_state_of(struct cove_repo *repo, struct cove_store_txn *txn,
                       const struct cove_doc *doc,
                       const struct cove_reach *points, size_t count,
                       struct cove_arena *arena, struct cove_state *out,
                       struct cove_diag *diag)
{
    static const struct cove_reach none;
    struct repo_view view = {.branch = doc->branch,
                             .until = UINT64_MAX,
                             .points = points == NULL ? &none : points,
                             .point_count = count};

    return at_view(repo, txn, doc, &view, arena, out, diag);
}

int cove_repo_hlc(struct cove_repo *repo, struct cove_store_txn *txn,
                  uint64_t *out)
{
    struct repo_work work;
    int err = repo_work_begin(&work, repo, txn, NULL, NULL);

    if (err == 0) {
        uint64_t now = cove_hlc_of_ms(repo_now(repo));

        /* A write of this very millisecond comes behind it. */
        *out = work.counters.last_hlc >= now ? work.counters.last_hlc : now - 1;
    }
    return err;
}
