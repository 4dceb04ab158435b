/* repo_view.c: a document's log folded for a view: its own, a branch's, that of
 * a time or of a frontier.
 *
 * The document's own view begins with its checkpoint, and a sequence with what
 * is still in memory of it; each session is folded from there on. A merge that
 * is folded may let more of another session be shown: then the sessions are
 * gone through again.
 */
#include <stdlib.h>

#include "crdt/repo_internal.h"

#define VIEW_SCRATCH                                                           \
    256 /* transactions decoded before their memory is reused, or … */
#define VIEW_BYTES 2048 /* … so many bytes of one more that are as much */

struct view_fold {
    struct repo_work *work;
    struct repo_record *record;
    const struct repo_view *view;
    struct cove_state *state;
    uint32_t *done; /* of each row: transactions folded */
    bool begun;     /* with a checkpoint */
};

static bool view_is_main(const struct repo_view *view)
{
    return view->until == UINT64_MAX && view->points == NULL &&
           view->without_count == 0 && repo_branch_is_none(&view->branch);
}

/* --- folding rows */

static int point_order(const void *left, const void *right)
{
    const struct cove_tx_point *a = left;
    const struct cove_tx_point *b = right;
    int order = memcmp(&a->session, &b->session, sizeof(a->session));

    return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

static bool view_leaves_out(const struct repo_view *view,
                            const struct repo_row *row, uint32_t index)
{
    struct cove_tx_point point = {row->pub.session, index};

    return view->without_count > 0 &&
           bsearch(&point, view->without, view->without_count, sizeof(point),
                   point_order) != NULL;
}

/* How far a session is folded, and how far it is to be. */
struct row_fold {
    const struct repo_row *row;
    uint32_t *done, end;
    uint32_t elems, elems_end; /* the same of its elements */
};

/* Its transaction that stands at `index`. */
static int fold_tx(struct view_fold *f, struct row_fold *r, uint32_t index,
                   const struct repo_tx_entry *entry, const struct cove_tx *tx)
{
    bool left_out = view_leaves_out(f->view, r->row, index);
    int err = 0;

    if (index == *r->done && index < r->end) {
        err = left_out ? 0
                       : repo_fold_tx(f->work, f->record, r->row, index, tx,
                                      entry->epoch, f->state);
        *r->done += 1;
    }
    if (err == 0 && index == r->elems && index < r->elems_end) {
        err = left_out ? 0
                       : repo_live_fold(f->state->live, f->record, r->row, tx);
        r->elems++;
    }
    return err;
}

/* The same of one that need not be decoded first: false where that is not so.
 */
static bool fold_plainly(struct view_fold *f, struct row_fold *r,
                         uint32_t index, const struct repo_tx_entry *entry,
                         int *err)
{
    if (!repo_tx_writes(entry) || f->state->live != NULL ||
        f->record->header.type == COVE_DOC_COBINARY || index != *r->done ||
        index >= r->end || view_leaves_out(f->view, r->row, index)) {
        return false;
    }
    *err = repo_fold_writes(f->work, r->row, index, entry, f->state);
    *r->done += 1;
    return true;
}

/* Where the first stands that is folded yet in neither way; one is at least. */
static uint32_t fold_from(const struct row_fold *r)
{
    if (r->elems >= r->elems_end) {
        return *r->done;
    }
    return *r->done < r->end && *r->done < r->elems ? *r->done : r->elems;
}

/* Fold one session, or what of it is up to the time of the view. */
static int fold_walk(struct view_fold *f, struct row_fold *r)
{
    struct cove_repo *repo = f->work->repo;
    struct repo_work decode = *f->work;
    struct cove_arena scratch = repo->decoded; /* lent, with its memory */
    struct cove_arena packed;
    struct repo_tx_entry entry;
    struct repo_walk walk;
    size_t count = 0;
    int err = repo_walk_start(f->work, f->record, r->row, fold_from(r), &walk);

    cove_arena_init(&repo->decoded, repo->opt.alloc);
    cove_arena_init(&packed, repo->opt.alloc);
    decode.arena = &scratch;
    walk.packed = &packed;
    walk.end = r->end > r->elems_end ? r->end : r->elems_end;
    while (err == 0) {
        struct cove_tx tx;
        uint32_t index = walk.index;

        err = repo_walk_next(f->work, &walk, &entry);
        if (err != 0 || entry.hlc > f->view->until) {
            break; /* a session's times only rise */
        }
        if (fold_plainly(f, r, index, &entry, &err)) {
            continue;
        }
        err = repo_tx_decode(&decode, &entry, &tx);
        if (err == 0) {
            err = fold_tx(f, r, index, &entry, &tx);
        }
        count += 1 + entry.raw.len / VIEW_BYTES;
        if (count >= VIEW_SCRATCH) {
            cove_arena_reset(&scratch);
            count = 0;
        }
    }
    cove_arena_reset(&scratch);
    cove_arena_clear(&repo->decoded);
    repo->decoded = scratch;
    cove_arena_clear(&packed);
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int fold_row(struct view_fold *f, size_t i)
{
    struct row_fold r = {.row = &f->record->rows[i], .done = &f->done[i]};
    struct repo_live *live = f->state->live;
    struct repo_live_row *held;
    int err = 0;

    r.end = repo_shown(f->view, f->state, r.row);
    if (live != NULL) {
        r.elems_end = repo_shown_elements(f->view, f->state, r.row);
        err = repo_live_row(live, &r.row->pub.session, &held);
        if (err != 0) {
            return err;
        }
        r.elems = held->elems;
    }
    if (*r.done >= r.end && r.elems >= r.elems_end) {
        return 0;
    }
    err = fold_walk(f, &r);
    if (err == 0 && live != NULL) { /* the rows may have moved */
        err = repo_live_row(live, &r.row->pub.session, &held);
        if (err == 0) {
            held->elems = r.elems;
        }
    }
    return err;
}

static int fold_rows(struct view_fold *f)
{
    uint64_t changes;
    int err = 0;

    do {
        changes = f->state->reach_changes;
        for (size_t i = 0; i < f->record->row_count && err == 0; i++) {
            err = fold_row(f, i);
        }
    } while (err == 0 && f->state->reach_changes != changes);
    if (err == 0) {
        cove_state_settle(f->state);
        err = repo_history_error(f->state);
    }
    return err;
}

/* --- what it starts from */

static int view_start(struct repo_work *work, struct repo_record *record,
                      struct cove_arena *arena, struct cove_state *state)
{
    struct repo_live *live = state->live;
    int err = repo_history_new(arena, state);

    state->live = live;
    if (err == 0) {
        repo_history_attach(state, work, record);
    }
    return err;
}

/* A branch begins with what its first transaction says. */
static int view_base(struct view_fold *f)
{
    struct cove_tx_branch branch;
    int err = 0;

    if (repo_branch_is_none(&f->view->branch) || f->view->points != NULL) {
        return 0;
    }
    err = repo_branch_read(f->work, f->record, &f->view->branch, &branch);
    for (size_t i = 0; err == 0 && i < branch.base_count; i++) {
        struct cove_reach reach = {branch.base[i].session, branch.base[i].len};

        err = cove_state_reach(f->state, &reach);
    }
    return err == COVE_ENOTFOUND ? cove_fail(f->work->diag, err,
                                             "the document has no such branch")
                                 : err;
}

static int view_done(struct view_fold *f)
{
    f->done = cove_arena_array(f->work->arena, f->record->row_count + 1,
                               sizeof(*f->done));
    return f->done == NULL ? COVE_ENOMEM : 0;
}

/* A checkpoint that cannot be read is no loss: the log has everything. */
static int view_checkpoint(struct view_fold *f)
{
    int err = repo_state_read(f->work, f->record, f->state);

    if (err == 0) {
        for (size_t i = 0; i < f->record->row_count; i++) {
            f->done[i] = f->record->rows[i].mark;
        }
        f->begun = true;
    } else if (err == COVE_ECORRUPT) {
        if (f->state->live != NULL) {
            f->state->live->row_count = 0; /* as read so far */
        }
        err = view_start(f->work, f->record, f->state->arena, f->state);
    }
    return err;
}

/* A history that was cut off begins with what it came to, and no view lies
 * before that. */
static int view_cut(struct view_fold *f)
{
    const struct repo_record *record = f->record;
    int err;

    if (f->begun || record->cut_parts == 0) {
        return 0;
    }
    for (size_t i = 0; i < record->row_count; i++) {
        const struct repo_row *row = &record->rows[i];

        if (row->pub.base > 0 &&
            (row->base_hlc > f->view->until ||
             repo_shown(f->view, f->state, row) < row->pub.base)) {
            return repo_cut_refuse(f->work, record);
        }
        f->done[i] = row->pub.base;
    }
    err = repo_cut_fill(f->work, record, f->state);
    return err == COVE_ECORRUPT
               ? cove_fail(f->work->diag, err,
                           "what the history came to before it was cut off is "
                           "damaged: `cove check --repair` asks a peer for it")
               : err;
}

static int view_plain(struct view_fold *f)
{
    struct repo_work *work = f->work;
    int err = view_done(f);

    cove_state_init(f->state, work->arena, NULL);
    if (err == 0) {
        err = view_start(work, f->record, work->arena, f->state);
    }
    if (err == 0 && view_is_main(f->view) && f->record->state_bytes > 0) {
        err = view_checkpoint(f);
    }
    if (err == 0) {
        err = view_base(f);
    }
    if (err == 0) {
        err = view_cut(f);
    }
    return err != 0 ? err : fold_rows(f);
}

/* --- sequences */

static int live_fill(struct view_fold *f, struct repo_live *live)
{
    enum cove_seq_kind kind = f->record->header.type == COVE_DOC_COTEXT
                                  ? COVE_SEQ_TEXT
                                  : COVE_SEQ_LIST;
    struct repo_work inside = *f->work;
    struct view_fold fill = *f;
    int err = view_start(f->work, f->record, &live->arena, &live->state);

    inside.arena = &live->arena;
    fill.work = &inside;
    fill.state = &live->state;
    if (err == 0 && view_is_main(f->view) && f->record->state_bytes > 0) {
        err = view_checkpoint(&fill);
    }
    if (err == 0) {
        err = view_base(&fill);
    }
    if (err == 0) {
        err = view_cut(&fill);
    }
    return err != 0 || live->state.seq != NULL
               ? err
               : cove_seq_new(f->work->repo->opt.alloc, kind, &live->state.seq);
}

/* How far each session is in the sequence. */
static int live_rows(struct view_fold *f, struct repo_live *live, bool read)
{
    int err = 0;

    for (size_t i = 0; i < f->record->row_count && err == 0; i++) {
        struct repo_live_row *row;

        err = repo_live_row(live, &f->record->rows[i].pub.session, &row);
        if (err == 0 && read) {
            f->done[i] = row->done;
        } else if (err == 0) {
            row->done = f->done[i];
        }
    }
    return err;
}

static int view_live(struct view_fold *f)
{
    bool keep = f->view->until == UINT64_MAX && f->view->points == NULL &&
                f->view->without_count == 0;
    struct cove_state *out = f->state;
    struct repo_live *live =
        keep ? repo_live_find(f->work, f->record, &f->view->branch) : NULL;
    int err = view_done(f);

    if (err == 0 && live != NULL) {
        repo_history_attach(&live->state, f->work, f->record);
        err = live_rows(f, live, true);
    } else if (err == 0) {
        err = repo_live_new(f->work, f->record, &f->view->branch, keep, &live);
        if (err == 0) {
            err = live_fill(f, live);
        }
    }
    if (live == NULL) {
        return err;
    }
    f->state = &live->state;
    if (err == 0) {
        err = fold_rows(f);
    }
    if (err == 0) {
        err = live_rows(f, live, false);
    }
    if (err != 0 && keep) {
        repo_live_forget(f->work->repo, live);
    } else if (err != 0) {
        cove_repo_state_done(f->work->repo, &live->state);
    } else {
        *out = live->state;
    }
    return err;
}

int repo_fold_view(struct repo_work *work, struct repo_record *record,
                   const struct repo_view *view, struct cove_state *state)
{
    struct view_fold f = {
        .work = work, .record = record, .view = view, .state = state};

    return repo_record_has_elements(record) ? view_live(&f) : view_plain(&f);
}

/* --- checkpoints */

/* Is folding what came since the checkpoint more work than reading another one
 * would be? A sequence costs by its bytes alone, and stays in memory. */
static bool checkpoint_folds(const struct repo_record *record,
                             const struct cove_state *state)
{
    uint64_t txs = 0;

    for (size_t i = 0; state != NULL && i < record->row_count; i++) {
        const struct repo_row *row = &record->rows[i];
        uint32_t shown = repo_shown(&repo_view_main, state, row);

        txs += shown > row->mark ? shown - row->mark : 0;
    }
    return !repo_record_has_elements(record) &&
           txs >= REPO_PENDING_TXS + record->state_bytes / 64;
}

int repo_checkpoint(struct repo_work *work, struct repo_record *record,
                    const struct cove_state *state)
{
    return record->pending < REPO_PENDING + record->state_bytes / 2 &&
                   !checkpoint_folds(record, state)
               ? 0
               : repo_checkpoint_now(work, record, state);
}

int repo_checkpoint_now(struct repo_work *work, struct repo_record *record,
                        const struct cove_state *state)
{
    struct cove_state folded;
    int err;

    if (state == NULL) {
        err = repo_fold_view(work, record, &repo_view_main, &folded);
        if (err != 0) {
            return err;
        }
        repo_history_detach(&folded);
        state = &folded;
    }
    if (state->live != NULL && (state->live->crowded || state->live->ahead)) {
        return 0; /* there is more in the log than in the sequence, or less */
    }
    err = repo_state_write(work, record, state);
    if (err != 0) {
        return err;
    }
    record->pending = 0;
    for (size_t i = 0; i < record->row_count; i++) {
        struct repo_row *row = &record->rows[i];

        row->mark = repo_shown(&repo_view_main, state, row);
    }
    return 0;
}
