/* admin_changes.c: changes: what each transaction did to a document, the newest
 * first.
 *
 * A removal names elements, not what stood there: that is looked up in the
 * sequence, which keeps it.
 */
#include "node/admin.h"

#include "core/hlc.h"
#include "crdt/history.h"
#include "crdt/seq_diff.h"

#include <stdio.h>
#include <stdlib.h>

#define CHANGES_USUAL 20   /* transactions a page */
#define CHANGES_MOST  1000 /* the same, at most */

struct changes {
    struct admin *a;
    struct cove_txn *txn;
    struct cove_loaded *loaded;
    struct cove_event *events; /* oldest first */
    size_t count;
    struct cove_seq_piece *pieces; /* by author and number; NULL: no sequence */
    size_t piece_count;
};

/* ------------------------------------------------------------ what was there
 */

static int piece_order(const void *left, const void *right)
{
    const struct cove_elem *a = &((const struct cove_seq_piece *)left)->first;
    const struct cove_elem *b = &((const struct cove_seq_piece *)right)->first;

    return a->author != b->author ? (a->author < b->author ? -1 : 1)
           : a->n != b->n         ? (a->n < b->n ? -1 : 1)
                                  : 0;
}

static int changes_pieces(struct changes *c)
{
    const struct cove_seq *seq = cove_loaded_seq(c->loaded);
    struct cove_seq_walk walk;
    struct cove_seq_piece piece;
    void *pieces = NULL;
    size_t cap = 0;
    int err = 0;

    if (seq == NULL) {
        return 0;
    }
    err = cove_seq_walk_all(seq, &walk);
    while (err == 0 && cove_seq_next(&walk, &piece)) {
        uint32_t known = cove_loaded_known(c->loaded, piece.first.author);

        if (piece.first.n >= known) {
            continue;
        }
        if (piece.count > known - piece.first.n) {
            piece.count = known - piece.first.n;
        }
        err = cove_arena_grow(&c->txn->arena, &pieces, sizeof(piece),
                              c->piece_count, &cap);
        if (err == 0) {
            c->pieces = pieces;
            c->pieces[c->piece_count++] = piece;
        }
    }
    if (err == 0 && c->piece_count > 1) {
        qsort(c->pieces, c->piece_count, sizeof(piece), piece_order);
    }
    return err;
}

/* The number in the sequence of whom a removal names. */
static bool changes_author(const struct changes *c, const struct cove_event *e,
                           uint32_t *out)
{
    static const struct cove_session_id none;
    struct cove_seq_author author = cove_tx_agent_author(&e->by);

    if (memcmp(&author.session, &none, sizeof(none)) == 0) {
        author.session = e->id.session;
    }
    return cove_seq_author_find(cove_loaded_seq(c->loaded), &author, out);
}

/* Elements [from, from + count) of a piece, as they are stored. */
static struct cove_bytes piece_part(enum cove_seq_kind kind,
                                    const struct cove_seq_piece *piece,
                                    uint32_t from, uint32_t count)
{
    struct cove_bytes front = cove_seq_cut(kind, piece->content, from);
    struct cove_bytes rest = cove_bytes(piece->content.at + front.len,
                                        piece->content.len - front.len);

    return cove_seq_cut(kind, rest, count);
}

/* What was removed, in the order of its numbers; less where it is not held. */
static int changes_removed(const struct changes *c, const struct cove_event *e,
                           struct cove_buf *out)
{
    enum cove_seq_kind kind = cove_seq_kind(cove_loaded_seq(c->loaded));
    uint32_t author, end = e->at + e->count;
    size_t low = 0, high = c->piece_count;
    int err = 0;

    if (!changes_author(c, e, &author)) {
        return 0;
    }
    while (low < high) { /* the first that ends behind `at` */
        size_t middle = low + (high - low) / 2;
        const struct cove_seq_piece *p = &c->pieces[middle];

        if (p->first.author < author ||
            (p->first.author == author && p->first.n + p->count <= e->at)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; err == 0 && low < c->piece_count; low++) {
        const struct cove_seq_piece *p = &c->pieces[low];
        uint32_t from = e->at > p->first.n ? e->at - p->first.n : 0;
        uint32_t to = p->count;

        if (p->first.author != author || p->first.n >= end) {
            break;
        }
        to = end - p->first.n < to ? end - p->first.n : to;
        err = cove_buf_append(out, piece_part(kind, p, from, to - from));
    }
    return err;
}

/* ------------------------------------------------------------------- events */

static void changes_content(const struct changes *c, struct cove_bytes content)
{
    struct node_json *j = &c->a->reply;

    if (cove_seq_kind(cove_loaded_seq(c->loaded)) == COVE_SEQ_TEXT) {
        node_json_key(j, "text");
        node_json_text(j, content);
    } else {
        admin_items_json(j, content);
    }
}

/* What stood where it removed, as far as it is here. */
static int changes_gone(const struct changes *c, const struct cove_event *e)
{
    struct cove_buf content;
    int err;

    if (c->pieces == NULL) {
        return 0;
    }
    cove_buf_init(&content, c->a->store->alloc);
    err = changes_removed(c, e, &content);
    if (err == 0 && content.len > 0) {
        changes_content(c, cove_buf_bytes(&content));
    }
    cove_buf_clear(&content);
    return err;
}

static int changes_op(const struct changes *c, const struct cove_event *e)
{
    static const struct admin_event_keys keys = {
        .removed = "count", .appended = "value", .added = "amount"};
    static const char *const words[] = {
        [COVE_EVENT_REGISTER] = "set",  [COVE_EVENT_TEXT] = "insert",
        [COVE_EVENT_ITEMS] = "insert",  [COVE_EVENT_REMOVE] = "remove",
        [COVE_EVENT_APPEND] = "append", [COVE_EVENT_CHUNK] = "chunk",
        [COVE_EVENT_ADD] = "add",
    };
    struct node_json *j = &c->a->reply;
    int err = 0;

    if (e->what == COVE_EVENT_NONE) {
        return 0;
    }
    node_json_open(j, '{');
    node_json_key(j, "what");
    node_json_cstr(j, words[e->what]);
    admin_event_op_json(j, e, &keys);
    if (e->what == COVE_EVENT_REMOVE) {
        err = changes_gone(c, e);
    }
    node_json_close(j, '}');
    return err;
}

/* ------------------------------------------------------------- transactions */

/* What the transaction is as a whole. */
static void changes_head(struct node_json *j, const struct cove_event *e)
{
    admin_event_head_json(j, e);
    admin_event_kind_json(j, e);
    admin_event_shown_json(j, e);
    admin_event_tx_json(j, e);
}

static bool changes_same(const struct cove_event *a, const struct cove_event *b)
{
    return a->id.tx == b->id.tx &&
           memcmp(&a->id.session, &b->id.session, sizeof(a->id.session)) == 0;
}

/* The events from the end on, a transaction at a time. */
static int changes_list(const struct changes *c)
{
    struct node_json *j = &c->a->reply;
    size_t end = c->count;
    int err = 0;

    node_json_key(j, "changes");
    node_json_open(j, '[');
    while (end > 0 && err == 0) {
        size_t begin = end - 1;

        while (begin > 0 &&
               changes_same(&c->events[begin - 1], &c->events[end - 1])) {
            begin--;
        }
        node_json_open(j, '{');
        changes_head(j, &c->events[begin]);
        node_json_key(j, "ops");
        node_json_open(j, '[');
        for (size_t i = begin; i < end && err == 0; i++) {
            err = changes_op(c, &c->events[i]);
        }
        node_json_close(j, ']');
        node_json_close(j, '}');
        end = begin;
    }
    node_json_close(j, ']');
    return err;
}

/* --------------------------------------------------------------- the request
 */

/* A transaction as text, to go on behind it: hlc, device, session, number. */
static void changes_next(struct node_json *j, const struct cove_op_id *id)
{
    uint8_t b[8 + 32 + 16 + 4];

    cove_put_be64(b, id->hlc);
    memcpy(b + 8, id->device.b, 32);
    memcpy(b + 40, &id->session, 16);
    cove_put_be32(b + 56, id->tx);
    node_json_key(j, "next");
    node_json_hex(j, b, sizeof(b));
}

static int changes_before(struct admin *a, struct cove_op_id *out, bool *given)
{
    const char *text = NULL;
    uint8_t b[8 + 32 + 16 + 4];
    int err = admin_text(a, "before", &text);

    *given = text != NULL;
    memset(out, 0, sizeof(*out));
    if (err != 0 || text == NULL) {
        return err;
    }
    if (cove_hex_parse(text, b, sizeof(b)) != 0) {
        return cove_fail(&a->diag, COVE_EUSAGE,
                         "\"before\" is what a page gave as \"next\"");
    }
    out->hlc = cove_get_be64(b);
    memcpy(out->device.b, b + 8, 32);
    memcpy(&out->session, b + 40, 16);
    out->tx = cove_get_be32(b + 56);
    return 0;
}

static int verb_changes(struct admin *a)
{
    struct cove_history_page page = {.limit = CHANGES_USUAL};
    struct changes c = {.a = a};
    struct cove_op_id before;
    int64_t limit = CHANGES_USUAL;
    bool given;
    int err = changes_before(a, &before, &given);

    err = err != 0 ? err : admin_int(a, "limit", &limit);
    if (err == 0 && (limit < 1 || limit > CHANGES_MOST)) {
        err = cove_fail(&a->diag, COVE_EUSAGE, "\"limit\" is 1 to %d",
                        CHANGES_MOST);
    }
    err = err != 0 ? err : admin_load_past(a, &c.txn, &c.loaded);
    if (err != 0) {
        return err;
    }
    page.limit = (size_t)limit;
    page.before = given ? &before : NULL;
    err = changes_pieces(&c);
    if (err == 0) {
        err = cove_history_page(c.txn->worker->repo, c.txn->txn, &c.loaded->doc,
                                &page, &c.txn->arena, &c.events, &c.count);
    }
    err = err != 0 ? err : changes_list(&c);
    if (err == 0 && page.more && c.count > 0) {
        changes_next(&a->reply, &c.events[0].id);
    }
    err = err != 0 ? err : admin_cut_json(a, c.txn, &c.loaded->doc);
    return admin_end(a, c.txn, err);
}

const struct admin_verb admin_changes_verbs[] = {
    {"changes", "id branch limit before", verb_changes},
    {NULL, NULL, NULL},
};
