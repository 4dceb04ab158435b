/* text.c: texts as an app reads and edits them. */
#include "core/cbor.h"
#include "core/grapheme.h"
#include "core/utf8.h"
#include "crdt/text_diff.h"
#include "node/node.h"

int node_unit(struct cove_txn *txn, enum cove_unit unit,
              enum cove_seq_unit *out)
{
    switch (unit) {
    case COVE_BYTES:
    case COVE_GRAPHEMES: /* their places are found in the bytes */
        *out = COVE_SEQ_BYTES;
        return 0;
    case COVE_CODEPOINTS:
        *out = COVE_SEQ_ELEMENTS;
        return 0;
    }
    return cove_fail(&txn->diag, COVE_EUSAGE,
                     "no such unit: bytes, code points or graphemes");
}

/* The whole text, NUL-terminated, in the transaction's arena. */
int node_text(struct cove_txn *txn, const struct node_doc *d,
              struct cove_bytes *out)
{
    const struct cove_seq *seq = cove_loaded_seq(&d->loaded);
    struct cove_buf buf;

    cove_buf_init(&buf, txn->store->alloc);
    int err = cove_seq_text(seq, COVE_SEQ_BYTES, 0,
                            cove_seq_length(seq, COVE_SEQ_BYTES), &buf);

    if (err == 0) {
        err = cove_arena_copy(&txn->arena, cove_buf_bytes(&buf), out);
    }
    cove_buf_clear(&buf);
    return err;
}

static const char *const text_units[] = {"bytes", "code points",
                                         "grapheme clusters"};

static int text_units_of(struct cove_txn *txn, const struct node_doc *d,
                         enum cove_unit unit, size_t *out)
{
    struct cove_bytes whole;
    int err = 0;

    if (unit == COVE_GRAPHEMES) {
        err = node_text(txn, d, &whole);
        return err != 0 ? err : cove_grapheme_count(whole, out, &txn->diag);
    }
    *out = cove_seq_length(cove_loaded_seq(&d->loaded),
                           unit == COVE_BYTES ? COVE_SEQ_BYTES
                                              : COVE_SEQ_ELEMENTS);
    return err;
}

/* Is this byte inside a code point? */
static bool text_is_inside(const struct node_doc *d, size_t at)
{
    size_t place;

    return cove_seq_convert(cove_loaded_seq(&d->loaded), COVE_SEQ_BYTES, at,
                            COVE_SEQ_ELEMENTS, &place) == COVE_EUSAGE;
}

int node_misplaced(struct cove_txn *txn, const struct node_doc *d,
                   enum cove_unit unit, size_t at, size_t len)
{
    bool list = d->loaded.doc.header.type == COVE_DOC_COLIST;
    const char *what = "items";
    size_t length = 0;
    int err;

    if (unit > COVE_GRAPHEMES) {
        return COVE_EUSAGE; /* that is what was said */
    }
    cove_diag_clear(&txn->diag); /* less than what is said here */
    err = text_units_of(txn, d, list ? COVE_CODEPOINTS : unit, &length);
    if (err != 0) {
        return err;
    }
    what = list ? what : text_units[unit];
    if (at > length || len > length - at) {
        return len <= 1 || at > length
                   ? cove_fail(&txn->diag, COVE_EUSAGE,
                               "place %zu is beyond the end: the %s has %zu %s",
                               at, list ? "list" : "text", length, what)
                   : cove_fail(&txn->diag, COVE_EUSAGE,
                               "%zu %s from place %zu on go beyond the end: "
                               "the %s has %zu",
                               len, what, at, list ? "list" : "text", length);
    }
    if (unit == COVE_BYTES && !list) { /* of the two ends the first */
        at = text_is_inside(d, at) ? at : at + len;
        if (text_is_inside(d, at)) {
            return cove_fail(&txn->diag, COVE_EUSAGE,
                             "byte %zu is inside a code point", at);
        }
    }
    return cove_fail(&txn->diag, COVE_EUSAGE, "no place in the %s",
                     list ? "list" : "text");
}

/* A range given in clusters, in bytes. */
static int text_clusters(struct cove_txn *txn, const struct node_doc *d,
                         size_t *at, size_t *len)
{
    struct cove_bytes whole;
    size_t begin = 0;
    size_t more = 0;
    int err = node_text(txn, d, &whole);

    if (err == 0) {
        err = cove_grapheme_offset(whole, *at, &begin, &txn->diag);
    }
    if (err == 0) {
        err = cove_grapheme_offset(
            cove_bytes(whole.at + begin, whole.len - begin), *len, &more,
            &txn->diag);
    }
    *at = begin;
    *len = more;
    return err;
}

int cove_text_length(struct cove_txn *txn, const struct cove_id *id,
                     enum cove_unit unit, size_t *out)
{
    enum cove_seq_unit counted = COVE_SEQ_BYTES;
    struct cove_bytes whole;
    struct node_doc *d = NULL;
    int err = node_unit(txn, unit, &counted);

    if (err == 0) {
        err = node_typed(txn, id, COVE_DOC_COTEXT, &d);
    }
    if (err == 0 && unit == COVE_GRAPHEMES) {
        err = node_text(txn, d, &whole);
        if (err == 0) {
            err = cove_grapheme_count(whole, out, &txn->diag);
        }
    } else if (err == 0) {
        *out = cove_seq_length(cove_loaded_seq(&d->loaded), counted);
    }
    return node_txn_failed(txn, err);
}

int cove_text_get(struct cove_txn *txn, const struct cove_id *id,
                  const char **out, size_t *len)
{
    struct cove_bytes whole;
    struct node_doc *d = NULL;
    int err = node_typed(txn, id, COVE_DOC_COTEXT, &d);

    if (err == 0) {
        err = node_text(txn, d, &whole);
    }
    if (err == 0) {
        *out = (const char *)whole.at;
        *len = whole.len;
    }
    return node_txn_failed(txn, err);
}

static int text_check(struct cove_txn *txn, struct cove_bytes text)
{
    return cove_utf8_is_letter(text) || cove_utf8_valid(text)
               ? 0
               : cove_fail(&txn->diag, COVE_EFORMAT,
                           "the text is not valid UTF-8");
}

/* A place that is none is refused before anything is done. */
static int text_edit(struct cove_txn *txn, struct node_doc *d,
                     enum cove_unit unit, struct cove_compose_insert *in,
                     size_t remove)
{
    size_t length;
    int err = 0;

    if (unit == COVE_GRAPHEMES) {
        err = text_clusters(txn, d, &in->at, &remove);
    }
    if (err == 0 && remove > 0) {
        err = node_remove(txn, d, in->unit, in->at, remove);
    }
    if (err == 0 && in->content.len > 0) {
        in->count = cove_utf8_is_letter(in->content)
                        ? 1
                        : (uint32_t)cove_utf8_count(in->content);
        err = node_insert(txn, d, in);
    } else if (err == 0 && remove == 0) {
        err = cove_seq_convert(cove_loaded_seq(&d->loaded), in->unit, in->at,
                               COVE_SEQ_ELEMENTS, &length);
    }
    return err;
}

int cove_text_splice(struct cove_txn *txn, const struct cove_id *id,
                     enum cove_unit unit, size_t at, size_t remove,
                     const char *text, size_t len)
{
    struct cove_bytes content = cove_bytes(text, len);
    struct cove_compose_insert in = {.content = content};
    struct node_doc *d = NULL;
    int err = text_check(txn, content);

    if (err == 0) {
        err = node_unit(txn, unit, &in.unit);
    }
    if (err == 0) {
        err = node_compose(txn, id, COVE_DOC_COTEXT, &d);
    }
    in.at = at;
    if (err == 0) {
        err = text_edit(txn, d, unit, &in, remove);
        if (err == COVE_EUSAGE) {
            err = node_misplaced(txn, d, unit, at, remove);
        }
    }
    return node_composed(txn, d, err);
}

int node_text_update(struct cove_txn *txn, struct node_doc *d,
                     struct cove_bytes text)
{
    struct cove_text_edits edits = {.count = 0};
    struct cove_bytes old;
    int err = node_text(txn, d, &old);

    if (err == 0) {
        err = cove_diff_texts(&txn->arena, old, text, COVE_DIFF_CODE_POINTS,
                              &edits);
    }
    /* From the end on, so that the places in front stay what they are. */
    for (size_t i = edits.count; i > 0 && err == 0; i--) {
        const struct cove_text_edit *e = &edits.at[i - 1];

        err = node_remove(txn, d, COVE_SEQ_ELEMENTS, e->at, e->removed);
        if (err == 0 && e->inserted.len > 0) {
            struct cove_compose_insert in = {
                .unit = COVE_SEQ_ELEMENTS,
                .at = e->at,
                .content = e->inserted,
                .count = (uint32_t)cove_utf8_count(e->inserted)};

            err = node_insert(txn, d, &in);
        }
    }
    return err;
}

int cove_text_update(struct cove_txn *txn, const struct cove_id *id,
                     const char *text, size_t len)
{
    struct node_doc *d = NULL;
    int err = text_check(txn, cove_bytes(text, len));

    if (err == 0) {
        err = node_compose(txn, id, COVE_DOC_COTEXT, &d);
    }
    if (err == 0) {
        err = node_text_update(txn, d, cove_bytes(text, len));
    }
    return node_composed(txn, d, err);
}
