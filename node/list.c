/* list.c: lists as an app reads and edits them. */
#include "core/cbor.h"
#include "core/value.h"
#include "crdt/item.h"
#include "crdt/symbol_diff.h"
#include "node/node.h"

#include <stdlib.h>

/* The first item of a piece: what was written in place, or what was inserted.
 */
static int list_item(struct cove_txn *txn, struct node_doc *d,
                     const struct cove_seq_piece *piece, struct cove_bytes *out,
                     bool *invalid)
{
    struct cove_cell cell;
    int err;

    *invalid = false;
    if (!cove_loaded_is_child(&d->loaded)) {
        *out = piece->content;
        return cove_item_value(&txn->scratch, &d->loaded.doc.state,
                               cove_loaded_seq(&d->loaded), piece->first,
                               piece->type, out);
    }
    err = cove_loaded_item(&d->loaded, piece, &cell);
    *invalid = err == 0 && cell.kind == COVE_INVALID;
    *out = cell.bytes;
    return err;
}

static int list_place(struct cove_txn *txn, const struct node_doc *d, size_t at,
                      size_t len)
{
    size_t length =
        cove_seq_length(cove_loaded_seq(&d->loaded), COVE_SEQ_ELEMENTS);

    if (at > length || len > length - at) {
        return node_misplaced(txn, d, COVE_CODEPOINTS, at, len);
    }
    return 0;
}

/* May these items be written at the version that the app speaks? */
static int list_judge(struct cove_txn *txn, const struct node_doc *d,
                      struct cove_bytes values, size_t count)
{
    return cove_loaded_judge_items(txn->worker->catalog, txn->txn, &d->loaded,
                                   values, count, &txn->diag);
}

/* New items, judged, with the type that the version gives them. */
static int list_put(struct cove_txn *txn, struct node_doc *d,
                    struct cove_compose_insert *in)
{
    int err = list_judge(txn, d, in->content, in->count);

    in->type = cove_loaded_item_type(&d->loaded);
    return err != 0 ? err : node_insert(txn, d, in);
}

int cove_list_length(struct cove_txn *txn, const struct cove_id *id,
                     size_t *out)
{
    struct node_doc *d = NULL;
    int err = node_typed(txn, id, COVE_DOC_COLIST, &d);

    if (err == 0) {
        *out = cove_seq_length(cove_loaded_seq(&d->loaded), COVE_SEQ_ELEMENTS);
    }
    return node_txn_failed(txn, err);
}

int cove_list_get(struct cove_txn *txn, const struct cove_id *id, size_t at,
                  struct cove_value *out)
{
    struct cove_seq_piece piece;
    struct cove_bytes item;
    struct node_doc *d = NULL;
    bool invalid = false;
    int err = node_typed(txn, id, COVE_DOC_COLIST, &d);

    if (err == 0) {
        err = list_place(txn, d, at, 1);
    }
    if (err == 0) {
        err = cove_seq_at(cove_loaded_seq(&d->loaded), at, &piece);
    }
    if (err == 0) {
        err = list_item(txn, d, &piece, &item, &invalid);
    }
    if (err == 0) {
        err = node_value_out(txn, item, out);
    }
    if (err == 0 && invalid) {
        out->invalid = true;
        err = cove_fail(&txn->diag, COVE_EINVALID,
                        "item %zu: the value did not convert to this version",
                        at);
    }
    cove_arena_reset(&txn->scratch);
    return node_txn_failed(txn, err);
}

int cove_list_insert(struct cove_txn *txn, const struct cove_id *id, size_t at,
                     struct cove_value value)
{
    struct cove_compose_insert in = {.at = at, .count = 1};
    struct node_doc *d = NULL;
    int err = node_value_in(txn, value, &in.content);

    if (err == 0) {
        err = node_compose(txn, id, COVE_DOC_COLIST, &d);
    }
    if (err == 0) {
        err = list_place(txn, d, at, 0);
    }
    if (err == 0) {
        err = in.count > 0 ? list_put(txn, d, &in) : 0;
    }
    return node_composed(txn, d, err);
}

/* In place: a write to the item's register. */
static int list_write(struct cove_txn *txn, struct node_doc *d,
                      const struct cove_seq_piece *piece,
                      struct cove_bytes value)
{
    struct cove_tx_op op = {.value = value};
    struct cove_tx tx = {.kind = COVE_TX_NATIVE,
                         .auth_inherited = true,
                         .ops = &op,
                         .op_count = 1};
    bool child = node_epoch(d, &tx);
    int err = cove_item_register(
        &txn->arena, cove_loaded_seq(&d->loaded), piece->first,
        child ? cove_loaded_item_type(&d->loaded) : piece->type, &op.reg);

    tx.epoch_inherited = !child;
    err = err != 0 ? err : list_judge(txn, d, value, 1);
    return err != 0 ? err
                    : cove_repo_append(txn->worker->repo, txn->txn,
                                       &d->loaded.doc, &tx, &txn->diag);
}

int node_write_items(struct cove_txn *txn, struct node_doc *d,
                     const struct cove_edit *edits, size_t count)
{
    struct cove_tx tx = {
        .kind = COVE_TX_NATIVE, .auth_inherited = true, .op_count = count};

    if (count > COVE_MAX_TX_OPS) {
        return cove_fail(&txn->diag, COVE_ELIMIT,
                         "%zu items would be written; one transaction holds "
                         "%d",
                         count, COVE_MAX_TX_OPS);
    }
    tx.epoch_inherited = !node_epoch(d, &tx);
    tx.ops = cove_arena_array(&txn->arena, count + 1, sizeof(*tx.ops));
    if (tx.ops == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        tx.ops[i].reg = edits[i].name;
        tx.ops[i].value = edits[i].value;
        tx.ops[i].deleted = edits[i].deleted;
    }
    return cove_repo_append(txn->worker->repo, txn->txn, &d->loaded.doc, &tx,
                            &txn->diag);
}

int cove_list_set(struct cove_txn *txn, const struct cove_id *id, size_t at,
                  struct cove_value value)
{
    struct cove_seq_piece piece;
    struct cove_bytes item;
    struct node_doc *d = NULL;
    int err = node_value_in(txn, value, &item);

    if (err == 0) {
        err = node_compose(txn, id, COVE_DOC_COLIST, &d);
    }
    if (err == 0) {
        err = list_place(txn, d, at, 1);
    }
    if (err == 0) {
        err = node_flush(txn, d); /* in the order written */
    }
    if (err == 0) {
        err = cove_seq_at(cove_loaded_seq(&d->loaded), at, &piece);
    }
    if (err == 0) {
        err = list_write(txn, d, &piece, item);
    }
    return node_txn_failed(txn, node_write_failed(txn, err));
}

/* A JSON array as encoded values, one behind another, each within the limits.
 */
static int list_values(struct cove_txn *txn, const char *json,
                       struct cove_bytes *out, uint32_t *count)
{
    struct cove_buf buf;
    struct cove_bytes list;
    struct cove_reader r;
    size_t n = 0;
    int err;

    if (json == NULL) {
        return cove_fail(&txn->diag, COVE_EJSON, "a JSON array is wanted here");
    }
    cove_buf_init(&buf, txn->store->alloc);
    err = cove_json_read(cove_bytes_text(json), "list", &buf, &txn->diag);
    if (err == 0) {
        err = cove_arena_copy(&txn->arena, cove_buf_bytes(&buf), &list);
    }
    cove_buf_clear(&buf);
    if (err != 0) {
        return err;
    }
    cove_reader_init(&r, list);
    if (cove_reader_peek(&r) != COVE_CBOR_LIST) {
        return cove_fail(&txn->diag, COVE_EJSON, "a JSON array is wanted here");
    }
    n = cove_reader_list(&r);

    const uint8_t *first = r.at;

    for (size_t i = 0; i < n && err == 0; i++) {
        err = cove_value_check(cove_reader_item(&r), &txn->diag);
        if (err != 0) {
            cove_diag_context(&txn->diag, "item %zu", i);
        }
    }
    *out = cove_bytes(first, (size_t)(r.at - first));
    *count = (uint32_t)n;
    return err;
}

int cove_list_splice(struct cove_txn *txn, const struct cove_id *id, size_t at,
                     size_t remove, const char *json)
{
    struct cove_compose_insert in = {.at = at};
    struct node_doc *d = NULL;
    int err = json == NULL ? 0 : list_values(txn, json, &in.content, &in.count);

    if (err == 0) {
        err = node_compose(txn, id, COVE_DOC_COLIST, &d);
    }
    if (err == 0) {
        err = list_place(txn, d, at, remove);
    }
    if (err == 0) {
        err = node_remove(txn, d, COVE_SEQ_ELEMENTS, at, remove);
    }
    if (err == 0) {
        err = in.count > 0 ? list_put(txn, d, &in) : 0;
    }
    return node_composed(txn, d, err);
}

/* ------------------------------------------------------------ a whole list */

/* Items of both rows, the same number where they are equal bytes. */
struct list_symbols {
    struct cove_bytes *items; /* the old ones, then the new */
    size_t old_count, count;
    uint32_t *symbols;
};

struct list_ranked {
    struct cove_bytes item;
    size_t at;
};

static int list_rank(const void *left, const void *right)
{
    return cove_bytes_compare(((const struct list_ranked *)left)->item,
                              ((const struct list_ranked *)right)->item);
}

static int list_number(struct cove_arena *arena, struct list_symbols *s)
{
    struct list_ranked *ranked =
        cove_arena_array(arena, s->count + 1, sizeof(*ranked));
    uint32_t number = 0;

    s->symbols = cove_arena_array(arena, s->count + 1, sizeof(*s->symbols));
    if (ranked == NULL || s->symbols == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < s->count; i++) {
        ranked[i] = (struct list_ranked){s->items[i], i};
    }
    if (s->count > 1) {
        qsort(ranked, s->count, sizeof(*ranked), list_rank);
    }
    for (size_t i = 0; i < s->count; i++) {
        number += i > 0 && list_rank(&ranked[i - 1], &ranked[i]) != 0;
        s->symbols[ranked[i].at] = number;
    }
    return 0;
}

static int list_collect(struct cove_txn *txn, struct node_doc *d,
                        struct cove_bytes values, uint32_t count,
                        struct list_symbols *s)
{
    const struct cove_seq *seq = cove_loaded_seq(&d->loaded);
    size_t old = cove_seq_length(seq, COVE_SEQ_ELEMENTS);
    struct cove_reader r;
    int err = 0;

    s->old_count = old;
    s->count = old + count;
    s->items = cove_arena_array(&txn->arena, s->count + 1, sizeof(*s->items));
    if (s->items == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < old && err == 0; i++) {
        struct cove_seq_piece piece;
        bool invalid; /* what did not convert is known by its raw value */

        err = cove_seq_at(seq, i, &piece);
        if (err == 0) {
            err = list_item(txn, d, &piece, &s->items[i], &invalid);
        }
    }
    cove_reader_init(&r, values);
    for (size_t i = 0; i < count; i++) {
        s->items[old + i] = cove_reader_item(&r);
    }
    return err != 0 ? err : list_number(&txn->arena, s);
}

static int list_apply(struct cove_txn *txn, struct node_doc *d,
                      const struct list_symbols *s,
                      const struct cove_diff_edit *e)
{
    const struct cove_bytes *fresh = s->items + s->old_count + e->from;
    struct cove_compose_insert in = {.at = e->at,
                                     .count = (uint32_t)e->inserted};
    int err = node_remove(txn, d, COVE_SEQ_ELEMENTS, e->at, e->removed);

    if (err == 0 && e->inserted > 0) {
        const struct cove_bytes *last = &fresh[e->inserted - 1];

        in.content =
            cove_bytes(fresh->at, (size_t)(last->at + last->len - fresh->at));
        err = list_put(txn, d, &in);
    }
    return err;
}

int cove_list_update(struct cove_txn *txn, const struct cove_id *id,
                     const char *json)
{
    struct cove_diff_edit *edits = NULL;
    struct list_symbols s = {.count = 0};
    struct cove_bytes values = {NULL, 0};
    struct node_doc *d = NULL;
    size_t edit_count = 0;
    uint32_t count = 0;
    int err = list_values(txn, json, &values, &count);

    if (err == 0) {
        err = node_compose(txn, id, COVE_DOC_COLIST, &d);
    }
    if (err == 0) {
        err = list_collect(txn, d, values, count, &s);
    }
    if (err == 0) {
        err = cove_diff_symbols(&txn->arena, s.symbols, s.old_count,
                                s.symbols + s.old_count, count, &edits,
                                &edit_count);
    }
    for (size_t i = edit_count; i > 0 && err == 0; i--) {
        err = list_apply(txn, d, &s, &edits[i - 1]);
    }
    return node_composed(txn, d, err);
}
