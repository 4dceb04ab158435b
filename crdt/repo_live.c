/* repo_live.c: see repo_live.h. */
#include "crdt/repo_internal.h"

/* --- the cache */

static void live_free(struct cove_repo *repo, struct repo_live *live)
{
    cove_seq_free(live->state.seq);
    cove_arena_clear(&live->arena);
    cove_alloc_free(repo->opt.alloc, live->rows);
    cove_alloc_free(repo->opt.alloc, live);
}

static void live_unlink(struct cove_repo *repo, struct repo_live **place)
{
    struct repo_live *live = *place;

    *place = live->next;
    repo->live_count--;
    live_free(repo, live);
}

/* Where the next one is then. */
static struct repo_live **live_retire(struct cove_repo *repo,
                                      struct repo_live **place)
{
    if ((*place)->loaded) {
        (*place)->dead = true;
        return &(*place)->next;
    }
    live_unlink(repo, place);
    return place;
}

/* Throw away what was used longest ago, but nothing of this transaction: who
 * loaded it may still read. */
static void live_shrink(struct cove_repo *repo,
                        const struct cove_store_txn *txn)
{
    struct repo_live **place = &repo->lives;
    size_t count = 0;
    size_t bytes = 0;

    while (*place != NULL) {
        count++;
        bytes += cove_seq_memory((*place)->state.seq);
        if ((*place)->txn != txn && ((*place)->dead || count > REPO_LIVE_MOST ||
                                     bytes > REPO_LIVE_BYTES)) {
            live_unlink(repo, place);
        } else {
            place = &(*place)->next;
        }
    }
}

static bool live_agrees(const struct repo_live *live,
                        const struct repo_record *record)
{
    bool grown = false;

    for (size_t i = 0; i < live->row_count; i++) {
        const struct repo_live_row *held = &live->rows[i];
        const struct repo_row *row = repo_record_row(record, &held->session);

        if (held->done > (row == NULL ? 0 : row->pub.folded) ||
            held->elems > (row == NULL ? 0 : repo_elements_most(row))) {
            return false;
        }
        grown = grown || (row != NULL && held->elems < repo_elements_most(row));
    }
    return !live->crowded || !(grown || live->row_count < record->row_count);
}

struct repo_live *repo_live_find(struct repo_work *work,
                                 const struct repo_record *record,
                                 const struct cove_session_id *branch)
{
    struct cove_repo *repo = work->repo;
    struct repo_live **place = &repo->lives;
    struct repo_live *live;

    while ((live = *place) != NULL &&
           (live->dead || live->num != record->num ||
            memcmp(&live->branch, branch, sizeof(*branch)) != 0)) {
        place = &live->next;
    }
    if (live == NULL) {
        return NULL;
    }
    /* What a lost transaction folded is like what came in its place in all
     * that the record says. */
    if (live->generation != cove_store_generation(work->txn) ||
        !live_agrees(live, record)) {
        live_retire(repo, place);
        return NULL;
    }
    *place = live->next;
    live->next = repo->lives;
    repo->lives = live;
    live->txn = work->txn;
    live->written = live->written || cove_store_writes(work->txn);
    return live;
}

int repo_live_new(struct repo_work *work, const struct repo_record *record,
                  const struct cove_session_id *branch, bool keep,
                  struct repo_live **out)
{
    struct cove_repo *repo = work->repo;
    const struct cove_alloc *alloc = repo->opt.alloc;
    struct repo_live *live = cove_alloc_zero(alloc, 1, sizeof(*live));

    if (live == NULL) {
        return COVE_ENOMEM;
    }
    live->num = record->num;
    live->branch = *branch;
    live->txn = work->txn;
    live->generation = cove_store_generation(work->txn);
    live->written = cove_store_writes(work->txn);
    cove_arena_init(&live->arena, alloc);
    cove_state_init(&live->state, &live->arena, NULL);
    live->state.live = live;
    if (keep) {
        live_shrink(repo, work->txn);
        live->next = repo->lives;
        repo->lives = live;
        repo->live_count++;
    }
    *out = live;
    return 0;
}

void repo_live_drop(struct cove_repo *repo, cove_num num)
{
    struct repo_live **place = &repo->lives;

    while (*place != NULL) {
        place =
            (*place)->num == num ? live_retire(repo, place) : &(*place)->next;
    }
}

void repo_live_forget(struct cove_repo *repo, struct repo_live *live)
{
    struct repo_live **place = &repo->lives;

    while (*place != live) {
        place = &(*place)->next;
    }
    live_retire(repo, place);
}

void repo_live_end(struct cove_repo *repo, bool committed)
{
    struct repo_live **place = &repo->lives;

    while (*place != NULL) {
        if ((*place)->dead || ((*place)->written && !committed)) {
            live_unlink(repo, place);
        } else {
            (*place)->written = false;
            (*place)->loaded = false;
            (*place)->txn = NULL;
            place = &(*place)->next;
        }
    }
}

void repo_live_clear(struct cove_repo *repo)
{
    while (repo->lives != NULL) {
        live_unlink(repo, &repo->lives);
    }
}

void cove_repo_state_done(struct cove_repo *repo, struct cove_state *state)
{
    struct repo_live *live = state->live;

    if (live == NULL) {
        return;
    }
    if (state != &live->state) { /* that one goes with it */
        state->live = NULL;
        state->seq = NULL;
    }
    live_free(repo, live);
}

/* --- rows */

static size_t live_place(const struct repo_live *live,
                         const struct cove_session_id *session, bool *found)
{
    return cove_session_place(live->rows, live->row_count, sizeof(*live->rows),
                              offsetof(struct repo_live_row, session), session,
                              found);
}

int repo_live_row(struct repo_live *live, const struct cove_session_id *session,
                  struct repo_live_row **out)
{
    const struct cove_alloc *alloc = live->arena.alloc;
    bool found;
    size_t at = live_place(live, session, &found);

    if (!found && live->row_count == live->row_cap) {
        size_t cap = live->row_cap * 2 + 4;
        struct repo_live_row *rows = cove_alloc_zero(alloc, cap, sizeof(*rows));

        if (rows == NULL) {
            return COVE_ENOMEM;
        }
        if (live->row_count > 0) {
            memcpy(rows, live->rows, live->row_count * sizeof(*rows));
        }
        cove_alloc_free(alloc, live->rows);
        live->rows = rows;
        live->row_cap = cap;
    }
    if (!found) {
        memmove(live->rows + at + 1, live->rows + at,
                (live->row_count - at) * sizeof(*live->rows));
        memset(&live->rows[at], 0, sizeof(live->rows[at]));
        live->rows[at].session = *session;
        live->row_count++;
    }
    *out = &live->rows[at];
    return 0;
}

int repo_live_author(struct repo_live *live,
                     const struct cove_session_id *session,
                     const struct cove_key *device, uint32_t *out)
{
    struct cove_seq_author author = {.device = *device, .session = *session};
    struct repo_live_row *row;
    int err = repo_live_row(live, session, &row);

    if (err == 0 && !row->named) {
        err = cove_seq_author_add(live->state.seq, &author, &row->author);
        row->named = err == 0;
    }
    if (err == 0) {
        *out = row->author;
    }
    return err;
}

/* --- folding */

struct live_fold {
    struct repo_live *live;
    const struct repo_record *record;
    const struct cove_tx *tx;
    uint32_t own; /* the transaction's author */
    const struct repo_row *row;
};

/* A session may be named before any of it is here: who has its device comes
 * with it. */
static int live_agent(const struct live_fold *f, uint32_t agent, uint32_t *out)
{
    if (agent == COVE_TX_ROOT) {
        *out = COVE_SEQ_ROOT;
        return 0;
    }
    if (agent == COVE_TX_OWN) {
        *out = f->own;
        return 0;
    }

    const struct cove_tx_agent *named = &f->tx->agents[agent - 1];
    const struct repo_row *row =
        named->is_write ? NULL : repo_record_row(f->record, &named->session);

    if (row == NULL) {
        struct cove_seq_author author = cove_tx_agent_author(named);

        return cove_seq_author_add(f->live->state.seq, &author, out);
    }
    return repo_live_author(f->live, &named->session, &row->pub.device, out);
}

static int live_insert(const struct live_fold *f, const struct cove_tx_op *op)
{
    struct cove_seq_run run = {.first = {f->own, op->first},
                               .count = op->count,
                               .hlc = f->tx->hlc,
                               .parent = {0, op->n},
                               .side =
                                   op->left ? COVE_SEQ_LEFT : COVE_SEQ_RIGHT,
                               .content = op->value,
                               .type = op->reg};
    struct repo_live_row *row;
    int err = repo_live_row(f->live, &f->row->pub.session, &row);

    if (err != 0 || op->first < row->next) {
        return err; /* a number given twice: who came first stands */
    }
    row->next = op->first + op->count;
    err = live_agent(f, op->agent, &run.parent.author);
    return err != 0 ? err : cove_seq_insert(f->live->state.seq, &run);
}

static int live_remove(const struct live_fold *f, const struct cove_tx_op *op)
{
    struct cove_elem first = {0, op->n};
    int err = live_agent(f, op->agent, &first.author);

    return err != 0 ? err
                    : cove_seq_remove(f->live->state.seq, first, op->count);
}

/* An insertion of the other kind is none. */
static bool live_inserts(const struct repo_live *live,
                         const struct cove_tx_op *op)
{
    return op->kind == (cove_seq_kind(live->state.seq) == COVE_SEQ_TEXT
                            ? COVE_OP_TEXT
                            : COVE_OP_ITEMS);
}

static int live_op(const struct live_fold *f, const struct cove_tx_op *op)
{
    int err = 0;

    if (live_inserts(f->live, op)) {
        err = live_insert(f, op);
    } else if (op->kind == COVE_OP_REMOVE) {
        err = live_remove(f, op);
    }
    if (err == COVE_ELIMIT) {
        f->live->crowded = true;
        err = 0;
    }
    return err;
}

int repo_live_fold(struct repo_live *live, const struct repo_record *record,
                   const struct repo_row *row, const struct cove_tx *tx)
{
    struct live_fold f = {.live = live, .record = record, .tx = tx, .row = row};
    int err =
        repo_live_author(live, &row->pub.session, &row->pub.device, &f.own);

    if (tx->ahead || tx->private_part.len > 0) {
        return err; /* kept and relayed; the flags say so */
    }
    for (size_t i = 0; i < tx->op_count && err == 0; i++) {
        err = live_op(&f, &tx->ops[i]);
    }
    return err;
}

int repo_live_took(struct repo_live *live, const struct repo_row *row,
                   const struct cove_tx *tx)
{
    struct repo_live_row *held;
    int err = repo_live_row(live, &row->pub.session, &held);

    if (err != 0) {
        return err;
    }
    live->ahead = false;
    held->done = row->pub.folded;
    held->elems = row->pub.len;
    for (size_t i = 0; i < tx->op_count; i++) {
        const struct cove_tx_op *op = &tx->ops[i];

        if (live_inserts(live, op) && op->first >= held->next) {
            held->next = op->first + op->count;
        }
    }
    return 0;
}
