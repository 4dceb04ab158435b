/* repo_check_row.c: is a session's log whole, and if not, what is wrong with
 * it?
 *
 * Each chunk is verified in its place. Where one does not verify the log is
 * read on all the same: if what signs a later end signs the transactions of
 * this one too, or the head that the record holds is theirs, then they are
 * what the author wrote, and only their own signature is damaged.
 */
#include "crdt/repo_check_internal.h"

#define ROW_TRIES 4096 /* chunks that may be the one that is missing */

struct row_walk {
    struct cove_check *c;
    const struct repo_row *row;
    struct check_row *out;
    struct repo_reach reach; /* read, whether verified or not */
    bool doubted;            /* a signature failed since out->reach */
};

static void row_ends(struct row_walk *w, const char *kind, const char *text)
{
    w->out->kind = kind;
    w->out->text = text;
}

/* All that was doubted is what the author wrote after all. */
static void row_settle(struct row_walk *w)
{
    w->out->resign = w->out->reach.len;
    row_ends(w, "signature",
             "a signature is damaged; the transactions are not");
    w->doubted = false;
}

/* Why is there no chunk at the place? Where the head is that of the log's end,
 * nothing is missing but the right number. */
static void row_absent(struct row_walk *w, bool before)
{
    bool head = memcmp(&w->out->reach.head, &w->row->pub.head,
                       sizeof(w->row->pub.head)) == 0;

    if (head && !w->doubted) {
        row_ends(w, "length-ahead",
                 "the record says more transactions than the log has");
        w->out->derived = true;
    } else if (w->row->tail >= w->reach.len || !before) {
        row_ends(w, "chunk-missing", "a part of the log is missing");
    } else {
        row_ends(w, "length-ahead",
                 "the record says more transactions than the log has");
    }
}

/* What the row repeats of the first transaction. */
static int row_begin(struct row_walk *w, struct cove_bytes bytes)
{
    struct cove_tx tx;
    int err = cove_tx_decode(bytes, &w->c->piece, &tx, NULL);

    if (err == 0) {
        w->out->begun = true;
        w->out->tomb = tx.has_remove;
        w->out->has_branch = tx.has_branch;
        w->out->branch = tx.branch.id;
    }
    return check_is_damage(err) ? 0 : err;
}

/* The next chunk, verified or doubted. *end: there is nothing to go on with. */
static int row_chunk(struct row_walk *w, bool *end)
{
    struct cove_check *c = w->c;
    struct repo_work work = c->work;
    struct repo_piece_at at = {.start = 0};
    struct repo_taken taken;
    int err;

    cove_arena_reset(&c->piece);
    work.arena = &c->piece;
    err = repo_log_value(&work, &w->out->whose, w->row, w->reach.len, &at);
    *end = true;
    if (err == COVE_ENOTFOUND || err == COVE_ECORRUPT ||
        (err == 0 && at.start != w->reach.len)) {
        row_absent(w, err == 0);
        return 0;
    }
    if (err != 0) {
        return err;
    }
    err = repo_piece_take(&work, &w->out->whose, &w->reach, at.value, &taken);
    taken.reach.tail = at.tail;
    if (err == COVE_ECORRUPT) {
        row_ends(w, "transaction", "a transaction is damaged");
        return 0;
    }
    if (err != 0 && err != COVE_ESIGNATURE) {
        return err;
    }
    *end = false;
    c->sum.transactions += taken.count;
    if (err == 0 && w->doubted && w->out->kind == NULL) {
        row_settle(w);
    }
    w->doubted = w->doubted || err != 0;
    if (err == 0 && w->out->kind == NULL) {
        w->out->reach = taken.reach;
    }
    err = err == 0 && w->reach.len == 0 ? row_begin(w, taken.txs[0]) : 0;
    w->reach = taken.reach;
    return err;
}

/* Does another chunk of the session go on where this one does not? */
static int row_swapped(struct row_walk *w)
{
    struct cove_check *c = w->c;
    struct repo_work work = c->work;
    struct repo_pieces pieces = {.whose = w->out->whose};
    struct repo_taken taken;
    size_t index = 0;
    int err;

    if (w->row->inline_chunk.len > 0) {
        return 0;
    }
    cove_arena_reset(&c->piece);
    work.arena = &c->piece;
    err = repo_pieces_read(&work, REPO_LOG, &c->piece, ROW_TRIES, &pieces);
    if (err == 0) {
        err = repo_pieces_next(&work, &pieces, &w->out->reach, &index, &taken);
    }
    if (err == 0 && pieces.at[index].start != w->out->reach.len) {
        row_ends(w, "chunk-swapped", "a part of the log is in another's place");
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

static bool row_head_is(const struct repo_reach *reach,
                        const struct repo_row *row)
{
    return reach->len == row->pub.len &&
           memcmp(&reach->head, &row->pub.head, sizeof(reach->head)) == 0;
}

int check_row(struct cove_check *c, const struct repo_record *record,
              const struct repo_row *row, struct check_row *out)
{
    struct row_walk w = {.c = c, .row = row, .out = out};
    bool end = false;
    int err = 0;

    memset(out, 0, sizeof(*out));
    out->resign = UINT32_MAX;
    out->whose = repo_whose_of(record, row);
    repo_reach_row(&out->whose, row, &out->reach);
    w.reach = out->reach;
    c->sum.sessions++;
    while (err == 0 && !end && w.reach.len < row->pub.len) {
        err = row_chunk(&w, &end);
    }
    if (err == 0 && w.doubted && out->resign == UINT32_MAX) {
        if (row_head_is(&w.reach, row)) {
            row_settle(&w);
        } else {
            row_ends(&w, "transaction", "a transaction is damaged");
        }
    }
    if (err == 0 && out->kind != NULL && out->resign == UINT32_MAX &&
        !out->derived) {
        err = row_swapped(&w);
    }
    out->longer = out->kind == NULL && out->reach.len > row->pub.len;
    return err;
}
