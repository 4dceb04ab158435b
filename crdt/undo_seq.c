/* undo_seq.c: what taking back a transaction does to a list or text.
 *
 * Removed elements cannot come back: what is put back are copies, new elements
 * at the old ones' place. A copy stands for the element it was made of: whoever
 * takes back the insertion of that one takes the copy, too. Which stands for
 * which the log does not say, but it follows: copies are put right behind what
 * they are copies of, so some copies in a row stand for just as many of the
 * removed elements that stand last before them.
 */
#include <stdlib.h>

#include "cove/error.h"
#include "crdt/item.h"
#include "crdt/undo_internal.h"

/* --- sets of elements */

struct elem_range {
    uint32_t author, n, end;
};

struct elem_ranges { /* sorted and apart, once they are settled */
    struct cove_arena *arena;
    struct elem_range *at;
    size_t count, cap;
};

static int ranges_add(struct elem_ranges *ranges, uint32_t author, uint32_t n,
                      uint32_t count)
{
    void *at = ranges->at;
    int err = cove_arena_grow(ranges->arena, &at, sizeof(*ranges->at),
                              ranges->count, &ranges->cap);

    if (err == 0) {
        ranges->at = at;
        ranges->at[ranges->count++] = (struct elem_range){author, n, n + count};
    }
    return err;
}

static int range_order(const void *left, const void *right)
{
    const struct elem_range *a = left;
    const struct elem_range *b = right;

    if (a->author != b->author) {
        return a->author < b->author ? -1 : 1;
    }
    return (a->n > b->n) - (a->n < b->n);
}

static void ranges_settle(struct elem_ranges *ranges)
{
    size_t kept = 0;

    if (ranges->count > 1) {
        qsort(ranges->at, ranges->count, sizeof(*ranges->at), range_order);
    }
    for (size_t i = 0; i < ranges->count; i++) {
        struct elem_range *range = &ranges->at[i];
        struct elem_range *last = kept > 0 ? &ranges->at[kept - 1] : NULL;

        if (last != NULL && last->author == range->author &&
            range->n <= last->end) {
            last->end = range->end > last->end ? range->end : last->end;
        } else {
            ranges->at[kept++] = *range;
        }
    }
    ranges->count = kept;
}

/* The first range that ends behind an element. */
static const struct elem_range *ranges_from(const struct elem_ranges *ranges,
                                            struct cove_elem elem)
{
    size_t low = 0;
    size_t high = ranges->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const struct elem_range *range = &ranges->at[mid];

        if (range->author < elem.author ||
            (range->author == elem.author && range->end <= elem.n)) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < ranges->count ? &ranges->at[low] : NULL;
}

static bool ranges_have(const struct elem_ranges *ranges, struct cove_elem elem)
{
    const struct elem_range *range = ranges_from(ranges, elem);

    return range != NULL && range->author == elem.author && range->n <= elem.n;
}

/* Is any of a piece in it? */
static bool ranges_meet(const struct elem_ranges *ranges,
                        const struct cove_seq_piece *piece)
{
    const struct elem_range *range = ranges_from(ranges, piece->first);

    return range != NULL && range->author == piece->first.author &&
           range->n < piece->first.n + piece->count;
}

/* --- what a transaction did */

/* The number that the sequence has for who is named; false where it knows
 * nobody of that name. */
static bool seq_author(const struct cove_seq *seq,
                       const struct cove_tx_agent *agent, uint32_t *out)
{
    struct cove_seq_author author = cove_tx_agent_author(agent);

    return cove_seq_author_find(seq, &author, out);
}

/* Note what a transaction of a session inserted and removed; either may be
 * NULL. */
static int tx_ranges(const struct cove_seq *seq,
                     const struct cove_session_id *session,
                     const struct cove_tx *tx, struct elem_ranges *inserted,
                     struct elem_ranges *removed)
{
    struct cove_tx_agent own = {.session = *session};
    int err = 0;

    for (size_t i = 0; i < tx->op_count && err == 0; i++) {
        const struct cove_tx_op *op = &tx->ops[i];
        bool inserts = op->kind == COVE_OP_TEXT || op->kind == COVE_OP_ITEMS;
        const struct cove_tx_agent *agent = inserts || op->agent == COVE_TX_OWN
                                                ? &own
                                                : &tx->agents[op->agent - 1];
        struct elem_ranges *into = inserts ? inserted : removed;
        uint32_t author;

        if ((inserts || op->kind == COVE_OP_REMOVE) && into != NULL &&
            seq_author(seq, agent, &author)) {
            err = ranges_add(into, author, inserts ? op->first : op->n,
                             op->count);
        }
    }
    return err;
}

/* --- copies, and what they stand for */

struct undo_put { /* an undo that put something back */
    struct elem_ranges copies;
    struct elem_ranges originals; /* of which they may be */
    struct cove_elem *open;       /* the latter, so far, without a copy */
    size_t open_count, open_cap;
    struct cove_elem *row; /* the copies met last, in a row */
    size_t row_count, row_cap;
};

struct undo_stand { /* a copy, and what it stands for */
    struct cove_elem copy, original;
};

struct undo_seq {
    struct undo_read read;
    struct cove_arena *arena;
    const struct cove_seq *seq;
    const struct cove_undo *undo;
    struct elem_ranges inserted, removed; /* by what is taken back */
    struct elem_ranges others;            /* removed by somebody else, too */
    struct undo_put *puts;
    size_t put_count, put_cap;
    struct undo_stand *stands; /* sorted by copy */
    size_t stand_count, stand_cap;
    struct elem_ranges copies; /* that stand for something */
    struct elem_ranges stood;  /* for which a visible copy stands */
};

/* An own transaction that takes one back, behind the one to be taken back. */
static int puts_take(void *ctx, const struct repo_row *row, uint32_t index,
                     const struct cove_tx *tx)
{
    struct undo_seq *u = ctx;
    void *puts = u->puts;
    struct undo_put *put;
    struct cove_tx named;
    int err;

    (void)index;
    if (!tx->has_undo || tx->hlc <= u->undo->tx.hlc) {
        return 0;
    }
    err = undo_tx(&u->read, &tx->undo, u->arena, &named);
    if (err != 0) {
        return err == COVE_ENOTFOUND || err == COVE_ECUT ? 0 : err;
    }
    err = cove_arena_grow(u->arena, &puts, sizeof(*put), u->put_count,
                          &u->put_cap);
    if (err != 0) {
        return err;
    }
    u->puts = puts;
    put = &u->puts[u->put_count++];
    memset(put, 0, sizeof(*put));
    put->copies.arena = put->originals.arena = u->arena;
    err = tx_ranges(u->seq, &row->pub.session, tx, &put->copies, NULL);
    return err != 0 ? err
                    : tx_ranges(u->seq, &tx->undo.session, &named, NULL,
                                &put->originals);
}

/* In a session only what lies behind a time: from the end on, mostly little. */
static int puts_read(struct undo_seq *u)
{
    struct repo_record *record = &u->read.record;
    int err = 0;

    for (size_t i = 0; i < record->row_count && err == 0; i++) {
        const struct repo_row *row = &record->rows[i];
        bool same = memcmp(&row->pub.session, &u->undo->of.session,
                           sizeof(row->pub.session)) == 0;
        uint32_t begin = same ? u->undo->of.len + 1 : row->pub.base;
        uint32_t end = undo_shown(&u->read, row);

        if (undo_is_own(&u->read, row) && begin < end &&
            row->pub.last_hlc > u->undo->tx.hlc) {
            err = undo_walk(&u->read, row, begin, end, puts_take, u);
        }
    }
    for (size_t i = 0; i < u->put_count; i++) {
        ranges_settle(&u->puts[i].copies);
        ranges_settle(&u->puts[i].originals);
    }
    return err;
}

static int elem_push(struct cove_arena *arena, struct cove_elem **elems,
                     size_t *count, size_t *cap, struct cove_elem elem)
{
    void *at = *elems;
    int err = cove_arena_grow(arena, &at, sizeof(elem), *count, cap);

    if (err == 0) {
        *elems = at;
        (*elems)[(*count)++] = elem;
    }
    return err;
}

static int stand_push(struct undo_seq *u, struct cove_elem copy,
                      struct cove_elem original)
{
    void *stands = u->stands;
    int err = cove_arena_grow(u->arena, &stands, sizeof(*u->stands),
                              u->stand_count, &u->stand_cap);

    if (err == 0) {
        u->stands = stands;
        u->stands[u->stand_count].copy = copy;
        u->stands[u->stand_count++].original = original;
        err = ranges_add(&u->copies, copy.author, copy.n, 1);
    }
    return err;
}

/* The row of copies is over. */
static int put_match(struct undo_seq *u, struct undo_put *put)
{
    size_t count =
        put->row_count < put->open_count ? put->row_count : put->open_count;
    int err = 0;

    put->open_count -= count;
    for (size_t i = 0; i < count && err == 0; i++) {
        err = stand_push(u, put->row[put->row_count - count + i],
                         put->open[put->open_count + i]);
    }
    put->row_count = 0;
    return err;
}

/* The elements of a piece, as they matter to an undo. */
static int put_piece(struct undo_seq *u, struct undo_put *put,
                     const struct cove_seq_piece *piece)
{
    struct cove_elem elem = piece->first;
    int err = 0;

    if (!ranges_meet(&put->copies, piece) &&
        !ranges_meet(&put->originals, piece)) {
        return 0;
    }
    for (uint32_t i = 0; i < piece->count && err == 0; i++, elem.n++) {
        if (ranges_have(&put->copies, elem)) {
            err = elem_push(u->arena, &put->row, &put->row_count, &put->row_cap,
                            elem);
        } else if (ranges_have(&put->originals, elem)) {
            err = put_match(u, put);
            if (err == 0) {
                err = elem_push(u->arena, &put->open, &put->open_count,
                                &put->open_cap, elem);
            }
        }
    }
    return err;
}

static int stand_order(const void *left, const void *right)
{
    const struct cove_elem *a = &((const struct undo_stand *)left)->copy;
    const struct cove_elem *b = &((const struct undo_stand *)right)->copy;

    if (a->author != b->author) {
        return a->author < b->author ? -1 : 1;
    }
    return (a->n > b->n) - (a->n < b->n);
}

/* What an element stands for; false where it stands for itself. */
static bool stand_step(const struct undo_seq *u, struct cove_elem *elem)
{
    struct undo_stand key = {.copy = *elem};
    const struct undo_stand *found =
        u->stand_count == 0 ? NULL
                            : bsearch(&key, u->stands, u->stand_count,
                                      sizeof(key), stand_order);

    if (found != NULL) {
        *elem = found->original;
    }
    return found != NULL;
}

/* What visible copies stand for need not be put back. */
static int stands_see(struct undo_seq *u)
{
    int err = 0;

    for (size_t i = 0; i < u->stand_count && err == 0; i++) {
        struct cove_elem elem = u->stands[i].copy;
        bool visible = false;
        size_t at;

        err = cove_seq_find(u->seq, elem, &at, &visible);
        while (err == 0 && visible && stand_step(u, &elem)) {
            err = ranges_add(&u->stood, elem.author, elem.n, 1);
        }
    }
    ranges_settle(&u->stood);
    return err;
}

static int stands_find(struct undo_seq *u)
{
    struct cove_seq_piece piece;
    struct cove_seq_walk walk;
    int err = puts_read(u);

    if (err != 0 || u->put_count == 0) {
        return err;
    }
    err = cove_seq_walk_all(u->seq, &walk);
    while (err == 0 && cove_seq_next(&walk, &piece)) {
        for (size_t i = 0; i < u->put_count && err == 0; i++) {
            err = put_piece(u, &u->puts[i], &piece);
        }
    }
    for (size_t i = 0; i < u->put_count && err == 0; i++) {
        err = put_match(u, &u->puts[i]);
    }
    if (u->stand_count > 1) {
        qsort(u->stands, u->stand_count, sizeof(*u->stands), stand_order);
    }
    ranges_settle(&u->copies);
    return err != 0 ? err : stands_see(u);
}

/* --- what others removed, too */

static int others_take(void *ctx, const struct repo_row *row, uint32_t index,
                       const struct cove_tx *tx)
{
    struct undo_seq *u = ctx;

    (void)index;
    return tx_ranges(u->seq, &row->pub.session, tx, NULL, &u->others);
}

/* The session itself saw what it removed, and removed nothing twice. What
 * others removed and was cut off was removed before it. */
static int others_read(struct undo_seq *u)
{
    struct repo_record *record = &u->read.record;
    int err = 0;

    if (u->removed.count == 0) {
        return 0;
    }
    for (size_t i = 0; i < record->row_count && err == 0; i++) {
        const struct repo_row *row = &record->rows[i];

        if (memcmp(&row->pub.session, &u->undo->of.session,
                   sizeof(row->pub.session)) != 0) {
            err = undo_walk(&u->read, row, row->pub.base,
                            undo_shown(&u->read, row), others_take, u);
        }
    }
    ranges_settle(&u->others);
    return err;
}

/* --- what changes */

static bool undo_wants(const struct undo_seq *u, struct cove_elem elem,
                       bool visible)
{
    struct cove_elem stands_for = elem;
    bool is_its = ranges_have(&u->inserted, elem);

    while (!is_its && stand_step(u, &stands_for)) {
        is_its = ranges_have(&u->inserted, stands_for);
    }
    if (visible || is_its) {
        return visible && !is_its;
    }
    return ranges_have(&u->removed, elem) && !ranges_have(&u->others, elem) &&
           !ranges_have(&u->stood, elem);
}

/* What is put back of a list is what the item was at last. */
static int undo_content(struct undo_seq *u, struct cove_seq_part *part)
{
    return cove_seq_kind(u->seq) == COVE_SEQ_TEXT
               ? 0
               : cove_item_value(u->arena, &u->read.doc->state, u->seq,
                                 part->first, part->type, &part->content);
}

static int changes_piece(struct undo_seq *u, const struct cove_seq_piece *piece,
                         size_t place, struct cove_seq_changes *changes)
{
    enum cove_seq_kind kind = cove_seq_kind(u->seq);
    struct cove_seq_part part = {.first = piece->first,
                                 .count = piece->count,
                                 .hlc = piece->hlc,
                                 .content = piece->content,
                                 .type = piece->type,
                                 .held = true,
                                 .place = place};
    struct cove_bytes rest = piece->content;
    int err = 0;

    if (!ranges_meet(&u->inserted, piece) && !ranges_meet(&u->removed, piece) &&
        !ranges_meet(&u->copies, piece)) {
        return cove_seq_changes_add(changes, &part, !piece->deleted,
                                    !piece->deleted);
    }
    part.count = 1;
    for (uint32_t i = 0; i < piece->count && err == 0; i++) {
        bool wants = undo_wants(u, part.first, !piece->deleted);

        part.content = cove_seq_cut(kind, rest, 1);
        rest.at += part.content.len;
        rest.len -= part.content.len;
        part.behind = part.first;
        if (wants && piece->deleted) {
            err = undo_content(u, &part);
        }
        if (err == 0) {
            err = cove_seq_changes_add(changes, &part, !piece->deleted, wants);
        }
        part.first.n++;
        part.place++;
    }
    return err;
}

static int changes_make(struct undo_seq *u, struct cove_seq_changes *out)
{
    const struct cove_tx *tx = &u->undo->tx;
    struct cove_seq_piece piece;
    struct cove_seq_walk walk;
    size_t place = 0;
    int err =
        tx_ranges(u->seq, &u->undo->of.session, tx, &u->inserted, &u->removed);

    ranges_settle(&u->inserted);
    ranges_settle(&u->removed);
    if (err == 0) {
        err = stands_find(u);
    }
    if (err == 0) {
        err = others_read(u);
    }
    if (err != 0) {
        return err;
    }
    cove_seq_changes_init(out, u->arena, cove_seq_kind(u->seq));
    err = cove_seq_walk_all(u->seq, &walk);
    while (err == 0 && cove_seq_next(&walk, &piece)) {
        err = changes_piece(u, &piece, place, out);
        place += piece.count;
    }
    return err;
}

int cove_undo_changes(struct cove_repo *repo, struct cove_store_txn *txn,
                      const struct cove_doc *doc, const struct cove_undo *undo,
                      struct cove_arena *arena, struct cove_seq_changes *out)
{
    struct undo_seq u = {.arena = arena, .seq = doc->state.seq, .undo = undo};
    struct cove_seq_changes changes;
    struct cove_arena scratch;
    int err;

    u.inserted.arena = u.removed.arena = u.others.arena = arena;
    u.copies.arena = u.stood.arena = arena;
    cove_arena_init(&scratch, repo->opt.alloc);
    err = undo_begin(&u.read, repo, txn, doc, &scratch, NULL);
    if (err == 0) {
        err = changes_make(&u, &changes);
    }
    cove_arena_clear(&scratch);
    if (err == 0) {
        *out = changes;
    }
    return err;
}
