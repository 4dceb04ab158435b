/* stream.c: streams as an app appends to them and reads them. */
#include "core/hlc.h"
#include "node/node.h"

struct cove_tail {
    struct cove_txn *txn;
    struct node_doc *d;
    struct cove_stream_walk *walk;
    struct cove_arena arena; /* of the entry given last */
    struct cove_tail *next;
};

int cove_stream_append(struct cove_txn *txn, const struct cove_id *id,
                       struct cove_value value)
{
    struct cove_bytes bytes;
    struct node_doc *d;
    int err = node_gather(txn, id, COVE_DOC_COSTREAM, &d);

    if (err == 0) {
        err = node_value_in(txn, value, &bytes);
    }
    if (err == 0 &&
        !cove_stream_draft_has_room(&d->gather->stream, bytes.len)) {
        err = node_flush(txn, d);
    }
    if (err == 0) {
        err = cove_stream_draft_add(&d->gather->stream, bytes);
    }
    return err == 0 ? node_composed(txn, d, 0)
                    : node_txn_failed(txn, node_write_failed(txn, err));
}

int cove_stream_length(struct cove_txn *txn, const struct cove_id *id,
                       uint64_t *out)
{
    struct node_doc *d;
    int err = node_typed(txn, id, COVE_DOC_COSTREAM, &d);

    if (err == 0) {
        *out = d->loaded.doc.state.entries +
               (d->gather != NULL ? d->gather->stream.count : 0);
    }
    return node_txn_failed(txn, err);
}

int cove_stream_open(struct cove_txn *txn, const struct cove_id *id,
                     const struct cove_key *author, const char *position,
                     struct cove_tail **out)
{
    struct cove_stream_from from = {.author = author};
    struct cove_tail *tail = NULL;
    struct node_doc *d;
    int err = node_typed(txn, id, COVE_DOC_COSTREAM, &d);

    if (err == 0) {
        err = node_flush(txn, d);
    }
    if (err == 0) {
        tail = cove_arena_new(&txn->arena, sizeof(*tail));
        err = tail == NULL ? COVE_ENOMEM : 0;
    }
    if (err == 0) {
        from.position = cove_bytes_text(position != NULL ? position : "");
        err = cove_stream_walk_open(txn->worker->repo, txn->txn, &d->loaded.doc,
                                    &from, &tail->walk, &txn->diag);
    }
    if (err == 0) {
        tail->txn = txn;
        tail->d = d;
        cove_arena_init(&tail->arena, txn->store->alloc);
        tail->next = txn->tails;
        txn->tails = tail;
        *out = tail;
    }
    return node_txn_failed(txn, err);
}

void node_tails_end(struct cove_txn *txn)
{
    for (struct cove_tail *t = txn->tails; t != NULL; t = t->next) {
        cove_stream_walk_close(t->walk);
        cove_arena_clear(&t->arena);
    }
    txn->tails = NULL;
}

int cove_stream_next(struct cove_tail *tail, struct cove_stream_entry *out)
{
    struct cove_txn *txn = tail->txn;
    struct cove_stream_entry entry;
    struct cove_stream_entry_id id;
    struct cove_bytes value;
    int err = node_flush(txn, tail->d);

    cove_arena_reset(&tail->arena);
    if (err == 0) {
        err = cove_stream_walk_next(tail->walk, &id, &value);
        if (err == COVE_ENOTFOUND) {
            return err; /* not a failure to be told of */
        }
    }
    if (err == 0) {
        err = node_value_copy(txn, &tail->arena, value, &entry.value);
    }
    if (err == 0) {
        entry.author = id.device;
        entry.time_ms = cove_hlc_ms(id.hlc);
        *out = entry;
    }
    return node_txn_failed(txn, err);
}

int cove_stream_skip(struct cove_tail *tail)
{
    int err = node_flush(tail->txn, tail->d);

    if (err == 0) {
        err = cove_stream_walk_skip(tail->walk);
    }
    return node_txn_failed(tail->txn, err);
}

const char *cove_stream_position(struct cove_tail *tail)
{
    struct cove_bytes text;
    struct cove_buf buf;
    int err;

    cove_buf_init(&buf, tail->txn->store->alloc);
    cove_arena_reset(&tail->arena);
    err = cove_stream_walk_position(tail->walk, &buf);
    if (err == 0) {
        err = cove_arena_copy(&tail->arena, cove_buf_bytes(&buf), &text);
    }
    cove_buf_clear(&buf);
    node_txn_failed(tail->txn, err);
    return err == 0 ? (const char *)text.at : NULL;
}
