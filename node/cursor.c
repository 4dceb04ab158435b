/* cursor.c: places that keep to the element that stands there.
 *
 *   session 16 | number 4 | tx 4 | op 4 | what 1 | zero 3     big-endian
 *
 * Who stores a cursor stores the element's identity, which no edit changes.
 */
#include "core/grapheme.h"
#include "node/node.h"

enum cursor_what {
    CURSOR_END,     /* all else is zero */
    CURSOR_OWN,     /* an element of a session */
    CURSOR_OF_WRITE /* of a write that is shown as elements; tx and op are its
                     */
};

static int cursor_doc(struct cove_txn *txn, const struct cove_id *id,
                      struct node_doc **out)
{
    int err = node_doc(txn, id, NULL, out);

    if (err == 0 && cove_loaded_seq(&(*out)->loaded) == NULL) {
        err = cove_fail(&txn->diag, COVE_ETYPE,
                        "only lists and texts have places to keep to");
    }
    return err;
}

static void cursor_write(const struct cove_seq *seq, struct cove_elem elem,
                         struct cove_cursor *out)
{
    const struct cove_seq_author *author = cove_seq_author_of(seq, elem.author);

    memset(out, 0, sizeof(*out));
    memcpy(out->b, author->session.b, sizeof(author->session.b));
    cove_put_be32(out->b + 16, elem.n);
    cove_put_be32(out->b + 20, author->tx);
    cove_put_be32(out->b + 24, author->op);
    out->b[28] = author->hlc != 0 ? CURSOR_OF_WRITE : CURSOR_OWN;
}

/* What the app counts in: items of a list; of a text its unit, clusters as the
 * code points that they are made of. */
static int cursor_unit(struct cove_txn *txn, const struct node_doc *d,
                       enum cove_unit unit, enum cove_seq_unit *out,
                       bool *clusters)
{
    bool text = d->loaded.doc.header.type == COVE_DOC_COTEXT;

    *out = COVE_SEQ_ELEMENTS;
    *clusters = text && unit == COVE_GRAPHEMES;
    return text ? node_unit(txn, unit, out) : 0;
}

/* Places are counted in code points, or the list's items, from here on. */
static int cursor_place(struct cove_txn *txn, const struct node_doc *d,
                        enum cove_unit unit, size_t at, size_t *out)
{
    enum cove_seq_unit counted;
    struct cove_bytes whole;
    bool clusters;
    int err = cursor_unit(txn, d, unit, &counted, &clusters);

    if (err == 0 && clusters) {
        err = node_text(txn, d, &whole);
        if (err == 0) {
            err = cove_grapheme_offset(whole, at, &at, &txn->diag);
        }
    }
    return err != 0 ? err
                    : cove_seq_convert(cove_loaded_seq(&d->loaded), counted, at,
                                       COVE_SEQ_ELEMENTS, out);
}

int cove_cursor_make(struct cove_txn *txn, const struct cove_id *id,
                     enum cove_unit unit, size_t at, struct cove_cursor *out)
{
    struct cove_seq_piece piece;
    struct node_doc *d;
    size_t place = 0;
    int err = cursor_doc(txn, id, &d);

    if (err == 0) {
        err = cursor_place(txn, d, unit, at, &place);
        if (err == COVE_EUSAGE) {
            err = node_misplaced(txn, d, unit, at, 0);
        }
    }
    if (err == 0 && place == cove_seq_length(cove_loaded_seq(&d->loaded),
                                             COVE_SEQ_ELEMENTS)) {
        memset(out, 0, sizeof(*out));
    } else if (err == 0) {
        err = cove_seq_at(cove_loaded_seq(&d->loaded), place, &piece);
        if (err == 0) {
            cursor_write(cove_loaded_seq(&d->loaded), piece.first, out);
        }
    }
    return node_txn_failed(txn, err);
}

static int cursor_read(struct cove_txn *txn, const struct cove_seq *seq,
                       const struct cove_cursor *cursor, struct cove_elem *out)
{
    uint32_t tx = cove_get_be32(cursor->b + 20);
    uint32_t op = cove_get_be32(cursor->b + 24);
    bool of_write = cursor->b[28] == CURSOR_OF_WRITE;

    if (cursor->b[28] > CURSOR_OF_WRITE || (!of_write && (tx | op) != 0) ||
        cursor->b[29] != 0 || cursor->b[30] != 0 || cursor->b[31] != 0) {
        return cove_fail(&txn->diag, COVE_EFORMAT, "this is no cursor");
    }
    for (uint32_t i = 0; i < cove_seq_author_count(seq); i++) {
        const struct cove_seq_author *a = cove_seq_author_of(seq, i);

        if (memcmp(a->session.b, cursor->b, sizeof(a->session.b)) == 0 &&
            a->tx == tx && a->op == op && (a->hlc != 0) == of_write) {
            out->author = i;
            out->n = cove_get_be32(cursor->b + 16);
            return 0;
        }
    }
    return COVE_ENOTFOUND;
}

/* Back to the unit that was asked for. */
static int cursor_count(struct cove_txn *txn, const struct node_doc *d,
                        enum cove_unit unit, size_t at, size_t *out)
{
    enum cove_seq_unit counted;
    struct cove_bytes whole;
    bool clusters;
    int err = cursor_unit(txn, d, unit, &counted, &clusters);

    if (err == 0) {
        err = cove_seq_convert(cove_loaded_seq(&d->loaded), COVE_SEQ_ELEMENTS,
                               at, counted, out);
    }
    if (err == 0 && clusters) {
        err = node_text(txn, d, &whole);
        if (err == 0) { /* a cluster that grew around it begins before it */
            whole.len = *out;
            err = cove_grapheme_count(whole, out, &txn->diag);
        }
    }
    return err;
}

int cove_cursor_find(struct cove_txn *txn, const struct cove_id *id,
                     enum cove_unit unit, const struct cove_cursor *cursor,
                     size_t *out)
{
    struct cove_elem elem = {0, 0};
    struct node_doc *d = NULL;
    size_t at = 0;
    bool visible;
    int err = cursor_doc(txn, id, &d);
    const struct cove_seq *seq = err == 0 ? cove_loaded_seq(&d->loaded) : NULL;

    if (err == 0 && cursor->b[28] == CURSOR_END) {
        at = cove_seq_length(seq, COVE_SEQ_ELEMENTS);
    } else if (err == 0) {
        err = cursor_read(txn, seq, cursor, &elem);
        if (err == 0) {
            err = cove_seq_find(seq, elem, &at, &visible);
        }
        if (err == COVE_ENOTFOUND) {
            err = cove_fail(&txn->diag, err,
                            "what the cursor keeps to is not here yet: sync, "
                            "then try again");
        }
    }
    if (err == 0) {
        err = cursor_count(txn, d, unit, at, out);
    }
    return node_txn_failed(txn, err);
}
