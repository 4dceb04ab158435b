/* undo.c: see undo.h: which transaction it is, and what registers come to.
 *
 * The newest transactions are looked at first, in windows that grow: mostly the
 * one wanted is among the last few. Sessions are ordered by time, so only what
 * is younger than the oldest in each window that was cut is judged.
 */
#include <stdlib.h>

#include "crdt/repo_upkeep.h"
#include "crdt/undo_internal.h"

#define UNDO_WINDOW  64 /* transactions of a session, the first time */
#define UNDO_SCRATCH 64 /* decoded before their memory is reused */

/* --- reading */

int undo_begin(struct undo_read *u, struct cove_repo *repo,
               struct cove_store_txn *txn, const struct cove_doc *doc,
               struct cove_arena *scratch, struct cove_diag *diag)
{
    int err = repo_work_begin(&u->work, repo, txn, scratch, diag);

    u->doc = doc;
    return err != 0 ? err : repo_record_read(&u->work, doc->num, &u->record);
}

uint32_t undo_shown(const struct undo_read *u, const struct repo_row *row)
{
    return repo_doc_shown(u->doc, row);
}

bool undo_is_own(const struct undo_read *u, const struct repo_row *row)
{
    return memcmp(&row->pub.device, &u->work.repo->opt.device,
                  sizeof(row->pub.device)) == 0;
}

int undo_walk(struct undo_read *u, const struct repo_row *row, uint32_t begin,
              uint32_t end, undo_visit *visit, void *ctx)
{
    struct repo_work decode = u->work;
    struct cove_arena scratch;
    struct repo_tx_entry entry;
    struct repo_walk walk;
    size_t count = 0;
    int err = repo_walk_start(&u->work, &u->record, row, begin, &walk);

    cove_arena_init(&scratch, u->work.repo->opt.alloc);
    decode.arena = &scratch;
    walk.end = end;
    while (err == 0) {
        uint32_t index = walk.index;
        struct cove_tx tx;

        err = repo_walk_next(&u->work, &walk, &entry);
        if (err != 0) {
            break;
        }
        err = repo_tx_decode(&decode, &entry, &tx);
        if (err == 0 && !tx.ahead && tx.private_part.len == 0) {
            err = visit(ctx, row, index, &tx);
        }
        if (++count % UNDO_SCRATCH == 0) {
            cove_arena_reset(&scratch);
        }
    }
    cove_arena_clear(&scratch);
    return err == COVE_ENOTFOUND ? 0 : err;
}

int undo_tx(struct undo_read *u, const struct cove_tx_point *point,
            struct cove_arena *arena, struct cove_tx *out)
{
    const struct repo_row *row = repo_record_row(&u->record, &point->session);
    struct repo_work decode = u->work;
    struct repo_tx_entry entry;
    struct repo_walk walk;
    struct cove_bytes bytes;
    int err;

    if (row == NULL || point->len >= undo_shown(u, row)) {
        return COVE_ENOTFOUND;
    }
    decode.arena = arena;
    err = repo_walk_start(&u->work, &u->record, row, point->len, &walk);
    if (err == 0) {
        err = repo_walk_next(&u->work, &walk, &entry);
    }
    if (err == 0) {
        err = repo_tx_bytes(&decode, &entry, &bytes);
    }
    if (err == 0) { /* what is borrowed is gone with the next write */
        err = cove_arena_copy(arena, bytes, &bytes);
    }
    return err != 0 ? err : cove_tx_decode(bytes, arena, out, NULL);
}

/* --- what takes back, and what does again */

/* What does one that names another come to? *root is the edit at the end of the
 * chain; *takes: it is taken back, else it is done again.
 * Errors: COVE_ENOTFOUND: the chain leads nowhere. */
static int undo_class(struct undo_read *u, const struct repo_row *by,
                      uint64_t hlc, const struct cove_tx_point *named,
                      bool *takes, struct cove_tx_point *root)
{
    struct cove_tx_point point = *named;
    struct cove_arena scratch;
    bool odd = true;
    int err = 0;

    cove_arena_init(&scratch, u->work.repo->opt.alloc);
    for (;;) {
        const struct repo_row *row =
            repo_record_row(&u->record, &point.session);
        struct cove_tx tx;

        err = undo_tx(u, &point, &scratch, &tx);
        if (err == 0 &&
            (memcmp(&row->pub.device, &by->pub.device,
                    sizeof(by->pub.device)) != 0 ||
             tx.hlc >= hlc || tx.kind != COVE_TX_NATIVE || tx.ahead)) {
            err = COVE_ENOTFOUND; /* not one's own, or not before it */
        }
        if (err != 0 || !tx.has_undo) {
            break;
        }
        odd = !odd;
        hlc = tx.hlc;
        point = tx.undo;
        cove_arena_reset(&scratch);
    }
    cove_arena_clear(&scratch);
    *takes = odd;
    *root = point;
    return err;
}

/* --- the newest */

struct undo_entry {
    uint64_t hlc;
    const struct repo_row *row;
    uint32_t index;
    bool has_undo;
    struct cove_tx_point undo;
};

struct undo_window { /* of one session: [begin, end) */
    uint32_t begin, end;
    bool *named; /* of each: another one takes it back */
};

struct undo_find {
    struct undo_read read;
    struct cove_arena *arena;
    struct undo_window *windows; /* one for each row */
    struct undo_entry *entries;
    size_t count, cap;
    uint64_t horizon; /* what is older may have others between */
    uint64_t begin;   /* the same, of others that were cut off: crdt/cut.h */
    bool more;        /* there is more than the windows show */
};

static int find_take(void *ctx, const struct repo_row *row, uint32_t index,
                     const struct cove_tx *tx)
{
    struct undo_find *f = ctx;
    struct undo_entry entry = {.hlc = tx->hlc,
                               .row = row,
                               .index = index,
                               .has_undo = tx->has_undo,
                               .undo = tx->undo};
    const struct undo_window *window = &f->windows[row - f->read.record.rows];
    void *entries = f->entries;
    int err;

    if (index == window->begin && index > row->pub.base &&
        tx->hlc > f->horizon) {
        f->horizon = tx->hlc;
    }
    if (tx->kind != COVE_TX_NATIVE || (tx->op_count == 0 && !tx->has_undo)) {
        return 0;
    }
    err = cove_arena_grow(f->arena, &entries, sizeof(entry), f->count, &f->cap);
    if (err == 0) {
        f->entries = entries;
        f->entries[f->count++] = entry;
    }
    return err;
}

static int entry_order(const void *left, const void *right) /* newest first */
{
    const struct undo_entry *a = left;
    const struct undo_entry *b = right;
    int order;

    if (a->hlc != b->hlc) {
        return a->hlc > b->hlc ? -1 : 1;
    }
    order = memcmp(&b->row->pub.session, &a->row->pub.session,
                   sizeof(a->row->pub.session));
    return order != 0 ? order : (b->index > a->index) - (b->index < a->index);
}

static int find_read(struct undo_find *f, uint32_t size)
{
    struct repo_record *record = &f->read.record;
    int err = 0;

    f->count = f->cap = 0;
    f->entries = NULL;
    f->horizon = f->begin = 0;
    f->more = false;
    f->windows =
        cove_arena_array(f->arena, record->row_count + 1, sizeof(*f->windows));
    for (size_t i = 0; i < record->row_count && err == 0; i++) {
        const struct repo_row *row = &record->rows[i];
        struct undo_window *window;
        uint32_t end = undo_shown(&f->read, row);

        if (f->windows == NULL) {
            return COVE_ENOMEM;
        }
        if (!undo_is_own(&f->read, row)) {
            continue;
        }
        if (row->base_hlc > f->begin) {
            f->begin = row->base_hlc;
        }
        if (end <= row->pub.base) {
            continue;
        }
        window = &f->windows[i];
        window->end = end;
        window->begin = end - row->pub.base > size ? end - size : row->pub.base;
        f->more = f->more || window->begin > row->pub.base;
        window->named = cove_arena_array(f->arena, end - window->begin,
                                         sizeof(*window->named));
        err = window->named == NULL
                  ? COVE_ENOMEM
                  : undo_walk(&f->read, row, window->begin, end, find_take, f);
    }
    if (err == 0 && f->count > 1) {
        qsort(f->entries, f->count, sizeof(*f->entries), entry_order);
    }
    return err;
}

static bool *find_named(struct undo_find *f, const struct repo_row *row,
                        uint32_t index)
{
    struct undo_window *window = &f->windows[row - f->read.record.rows];

    return index >= window->begin && index < window->end
               ? &window->named[index - window->begin]
               : NULL;
}

static void find_name(struct undo_find *f, const struct undo_entry *entry)
{
    const struct repo_row *row =
        repo_record_row(&f->read.record, &entry->undo.session);
    bool *named = row == NULL ? NULL : find_named(f, row, entry->undo.len);

    if (named != NULL) {
        *named = true;
    }
}

/* Is this the one? COVE_ENOTFOUND: no, go on; COVE_ECONDITION: there is none.
 */
static int find_judge(struct undo_find *f, const struct undo_entry *entry,
                      bool again)
{
    const bool *mark = find_named(f, entry->row, entry->index);
    bool named = mark != NULL && *mark;
    struct cove_tx_point root;
    bool takes = false;
    int err;

    if (!entry->has_undo) {
        if (again) {
            return COVE_ECONDITION; /* an edit ends what can be done again */
        }
        return named ? COVE_ENOTFOUND : 0;
    }
    find_name(f, entry);
    if (named) {
        return COVE_ENOTFOUND;
    }
    err = undo_class(&f->read, entry->row, entry->hlc, &entry->undo, &takes,
                     &root);
    return err != 0 ? err : takes == again ? 0 : COVE_ENOTFOUND;
}

/* What comes next may have been cut off. */
static int find_cut(const struct undo_find *f)
{
    struct repo_work work = f->read.work;
    int err = repo_cut_refuse(&work, &f->read.record);

    return err != 0 ? err : COVE_ECUT;
}

/* Errors: COVE_ECONDITION; COVE_EGAP: larger windows are needed; COVE_ECUT. */
static int find_look(struct undo_find *f, bool again, struct undo_entry *out)
{
    for (size_t i = 0; i < f->count; i++) {
        int err;

        if (f->entries[i].hlc < f->horizon) {
            return COVE_EGAP;
        }
        if (f->entries[i].hlc < f->begin) {
            return find_cut(f);
        }
        err = find_judge(f, &f->entries[i], again);
        if (err != COVE_ENOTFOUND) {
            *out = f->entries[i];
            return err;
        }
    }
    if (f->more) {
        return COVE_EGAP;
    }
    return f->begin > 0 ? find_cut(f) : COVE_ECONDITION;
}

static int find_newest(struct undo_find *f, bool again, struct undo_entry *out)
{
    uint32_t size = UNDO_WINDOW;
    int err;

    do {
        cove_arena_reset(f->arena);
        err = find_read(f, size);
        if (err == 0) {
            err = find_look(f, again, out);
        }
        size = size < UINT32_MAX / 8 ? size * 8 : UINT32_MAX;
    } while (err == COVE_EGAP);
    return err;
}

int cove_undo_find(struct cove_repo *repo, struct cove_store_txn *txn,
                   const struct cove_doc *doc, bool again,
                   struct cove_arena *arena, struct cove_undo *out,
                   struct cove_diag *diag)
{
    struct cove_arena scratch;
    struct cove_arena entries;
    struct undo_find f = {.arena = &entries};
    struct undo_entry entry;
    int err;

    cove_arena_init(&scratch, repo->opt.alloc);
    cove_arena_init(&entries, repo->opt.alloc);
    err = undo_begin(&f.read, repo, txn, doc, &scratch, diag);
    if (err == 0) {
        err = find_newest(&f, again, &entry);
    }
    if (err == 0) {
        out->again = again;
        out->of.session = entry.row->pub.session;
        out->of.len = entry.index;
        err = undo_tx(&f.read, &out->of, arena, &out->tx);
    } else if (err == COVE_ECONDITION) {
        err = cove_fail(diag, err,
                        again ? "nothing was taken back that could be done "
                                "again"
                              : "this device wrote nothing here that could be "
                                "taken back");
    }
    cove_arena_clear(&entries);
    cove_arena_clear(&scratch);
    return err;
}

cove_wide cove_undo_sum(const struct cove_undo *undo)
{
    cove_wide sum = 0;

    for (size_t i = 0; i < undo->tx.op_count; i++) {
        if (undo->tx.ops[i].kind == COVE_OP_ADD) {
            sum += undo->tx.ops[i].amount;
        }
    }
    return sum;
}

/* --- registers: the state in which what was taken back never was. Whatever of
 * this device's names another is left out of it, and the edits that are taken
 * back; so what was done again counts at the time when it was done first. What
 * others took back are writes of theirs like any. */

struct undo_link { /* one that names another */
    struct cove_tx_point by, named, root;
    bool takes;
};

struct undo_pairs {
    struct undo_read *read;
    struct cove_arena *arena;
    struct undo_link *links;
    size_t link_count, link_cap;
    struct cove_tx_point *points; /* what is left out */
    size_t count, cap;
};

static int pairs_add(struct undo_pairs *p, const struct cove_tx_point *point)
{
    void *points = p->points;
    int err = cove_arena_grow(p->arena, &points, sizeof(*p->points), p->count,
                              &p->cap);

    if (err == 0) {
        p->points = points;
        p->points[p->count++] = *point;
    }
    return err;
}

static int pairs_take(void *ctx, const struct repo_row *row, uint32_t index,
                      const struct cove_tx *tx)
{
    struct undo_pairs *p = ctx;
    struct undo_link link = {.by = {row->pub.session, index}};
    void *links = p->links;
    int err;

    if (!tx->has_undo) {
        return 0;
    }
    link.named = tx->undo;
    err = undo_class(p->read, row, tx->hlc, &tx->undo, &link.takes, &link.root);
    if (err == COVE_ECUT) {
        return 0; /* what it takes back was cut off: a write like any */
    }
    if (err != 0) {
        return err == COVE_ENOTFOUND ? 0 : err;
    }
    err = cove_arena_grow(p->arena, &links, sizeof(link), p->link_count,
                          &p->link_cap);
    if (err == 0) {
        p->links = links;
        p->links[p->link_count++] = link;
    }
    return err;
}

static int point_order(const struct cove_tx_point *a,
                       const struct cove_tx_point *b)
{
    int order = memcmp(&a->session, &b->session, sizeof(a->session));

    return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

static int pairs_order(const void *left, const void *right)
{
    return point_order(left, right);
}

static int links_order(const void *left, const void *right)
{
    return point_order(&((const struct undo_link *)left)->named,
                       &((const struct undo_link *)right)->named);
}

static bool pairs_named(const struct undo_pairs *p,
                        const struct cove_tx_point *point)
{
    struct undo_link key = {.named = *point};

    return bsearch(&key, p->links, p->link_count, sizeof(key), links_order) !=
           NULL;
}

static int pairs_read(struct undo_pairs *p)
{
    struct repo_record *record = &p->read->record;
    int err = 0;

    for (size_t i = 0; i < record->row_count && err == 0; i++) {
        const struct repo_row *row = &record->rows[i];

        if (undo_is_own(p->read, row)) {
            err = undo_walk(p->read, row, row->pub.base,
                            undo_shown(p->read, row), pairs_take, p);
        }
    }
    if (p->link_count > 1) {
        qsort(p->links, p->link_count, sizeof(*p->links), links_order);
    }
    for (size_t i = 0; i < p->link_count && err == 0; i++) {
        err = pairs_add(p, &p->links[i].by);
        if (err == 0 && p->links[i].takes && !pairs_named(p, &p->links[i].by)) {
            err = pairs_add(p, &p->links[i].root);
        }
    }
    return err;
}

/* Whatever is equal to `left` goes. */
static void pairs_drop(struct undo_pairs *p, const struct cove_tx_point *left)
{
    size_t kept = 0;

    for (size_t i = 0; i < p->count; i++) {
        if (point_order(&p->points[i], left) != 0) {
            p->points[kept++] = p->points[i];
        }
    }
    p->count = kept;
}

static int pairs_fold(struct undo_pairs *p, struct cove_arena *arena,
                      struct cove_state *out)
{
    struct undo_read *u = p->read;
    struct repo_work work = u->work;
    struct repo_view view = {.branch = u->doc->branch,
                             .until = UINT64_MAX,
                             .without = p->points,
                             .without_count = p->count};
    struct cove_state state;
    int err;

    if (p->count > 1) {
        qsort(p->points, p->count, sizeof(*p->points), pairs_order);
    }
    work.arena = arena;
    err = repo_fold_view(&work, &u->record, &view, &state);
    if (err == 0) {
        repo_history_detach(&state);
        *out = state;
    }
    return err;
}

/* The second state: without the edit, or, to do it again, with it. */
static int pairs_turn(struct undo_pairs *p, const struct cove_undo *undo)
{
    struct cove_tx_point edit = undo->of;

    for (size_t i = 0; i < p->link_count; i++) {
        if (point_order(&p->links[i].by, &undo->of) == 0) {
            edit = p->links[i].root;
        }
    }
    if (!undo->again) {
        return pairs_add(p, &edit);
    }
    pairs_drop(p, &edit);
    return 0;
}

int cove_undo_states(struct cove_repo *repo, struct cove_store_txn *txn,
                     const struct cove_doc *doc, const struct cove_undo *undo,
                     struct cove_arena *arena, struct cove_state *with,
                     struct cove_state *without, struct cove_diag *diag)
{
    struct cove_arena scratch;
    struct undo_read read;
    struct undo_pairs p = {.read = &read, .arena = &scratch};
    /* Never none, so that the views are nobody's to keep. */
    static const struct cove_tx_point nobody;
    struct cove_state first;
    int err;

    cove_arena_init(&scratch, repo->opt.alloc);
    err = undo_begin(&read, repo, txn, doc, &scratch, diag);
    if (err == 0) {
        err = pairs_add(&p, &nobody);
    }
    if (err == 0) {
        err = pairs_read(&p);
    }
    if (err == 0) {
        err = pairs_fold(&p, arena, &first);
    }
    if (err == 0) {
        err = pairs_turn(&p, undo);
        if (err == 0) {
            err = pairs_fold(&p, arena, without);
        }
        if (err != 0) {
            cove_repo_state_done(repo, &first);
        } else {
            *with = first;
        }
    }
    cove_arena_clear(&scratch);
    return err;
}
