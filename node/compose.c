/* compose.c: edits of lists and texts inside a transaction.
 *
 * They are gathered in the document (crdt/compose.h) and appended as one
 * signed transaction when it is full, when something else is written to the
 * document or its history is read, and before the commit. An append that fails
 * leaves the sequence ahead of the log: then nothing can be committed.
 */
#include "node/node.h"

#include "core/cbor.h"
#include "core/utf8.h"

/* What a person calls a type, and the calls that are for it. */
static const struct {
    const char *word, *calls;
} compose_types[] = {
    [COVE_DOC_COMAP] = {"a map", "cove_get and cove_set"},
    [COVE_DOC_COLIST] = {"a list", "cove_list_*"},
    [COVE_DOC_COTEXT] = {"a text", "cove_text_*"},
    [COVE_DOC_COSTREAM] = {"a stream", "cove_stream_*"},
    [COVE_DOC_COBINARY] = {"a blob", "cove_blob_*"},
    [COVE_DOC_COCOUNTER] = {"a counter", "cove_counter_*"},
    [COVE_DOC_GROUP] = {"a group", "`cove get --header`, as it never changes,"},
    [COVE_DOC_ACCOUNT] = {"an account", "cove_get and cove_set"},
    [COVE_DOC_JOURNAL] = {"a schema's journal",
                          "cove_schema_add and cove_admin"},
    [COVE_DOC_UNKNOWN] = {"of a type that this version does not know",
                          "those of a newer Cove"},
};

int node_other_type(struct cove_txn *txn, const struct cove_doc *doc,
                    enum cove_doc_type type)
{
    char text[COVE_ID_TEXT_MAX];

    cove_id_text(&doc->id, text);
    return cove_fail(&txn->diag, COVE_ETYPE, "%s is %s, not %s: %s are for it",
                     text, compose_types[doc->header.type].word,
                     compose_types[type].word,
                     compose_types[doc->header.type].calls);
}

int node_typed(struct cove_txn *txn, const struct cove_id *id,
               enum cove_doc_type type, struct node_doc **out)
{
    int err = node_doc(txn, id, NULL, out);

    if (err == 0 && (*out)->loaded.doc.header.type != type) {
        err = node_other_type(txn, &(*out)->loaded.doc, type);
    }
    return err;
}

/* What is shown is a copy of the document's own elements, with others among
 * them: this device has another number there. */
static int compose_copy(struct node_doc *d, struct cove_compose_self *self)
{
    const struct cove_seq_author *author =
        cove_seq_author_of(d->loaded.doc.state.seq, self->author);

    return author == NULL
               ? COVE_ENOMEM
               : cove_seq_author_add(d->loaded.elements, author, &self->author);
}

static int compose_start(struct cove_txn *txn, struct node_doc *d)
{
    struct cove_repo *repo = txn->worker->repo;
    struct cove_doc *doc = &d->loaded.doc;
    struct cove_compose_self self;
    int err = 0;

    if (d->compose == NULL) {
        err = cove_repo_may_write(repo, txn->txn, doc, &txn->diag);
        if (err != 0) {
            return err;
        }
        d->compose = cove_arena_new(&txn->arena, sizeof(*d->compose));
        if (d->compose == NULL) {
            return COVE_ENOMEM;
        }
        cove_compose_init(d->compose, txn->store->alloc);
    }
    err = cove_repo_self(repo, txn->txn, doc, &self);
    if (err == 0 && d->loaded.elements != NULL) {
        err = compose_copy(d, &self);
    }
    if (err == 0) {
        cove_compose_start(d->compose, cove_loaded_seq(&d->loaded), &self);
        d->composing = true;
        txn->wrote = true;
    }
    return err;
}

int node_compose(struct cove_txn *txn, const struct cove_id *id,
                 enum cove_doc_type type, struct node_doc **out)
{
    struct node_doc *last = txn->last;
    int err;

    /* The next keystroke in the same text. */
    if (last != NULL && last->composing &&
        last->loaded.doc.header.type == type &&
        memcmp(last->id.b, id->b, sizeof(id->b)) == 0) {
        *out = last;
        return 0;
    }
    err = node_writable(txn);

    if (err == 0) {
        err = node_typed(txn, id, type, out);
    }
    return err != 0 || (*out)->composing ? err : compose_start(txn, *out);
}

/* The version of the parent that a child is written at; false: none. */
bool node_epoch(const struct node_doc *d, struct cove_tx *tx)
{
    tx->has_epoch = cove_loaded_is_child(&d->loaded);
    tx->epoch = d->loaded.head;
    return tx->has_epoch;
}

int node_flush(struct cove_txn *txn, struct node_doc *d)
{
    struct cove_tx tx;
    int err;

    if (!d->composing) {
        return d->gather != NULL ? node_gather_flush(txn, d) : 0;
    }
    d->composing = false;
    if (cove_compose_is_empty(d->compose)) {
        return 0;
    }
    err = cove_compose_take(d->compose, &txn->scratch, &tx);
    tx.auth_inherited = true;
    tx.epoch_inherited = !node_epoch(d, &tx);
    tx.applied = d->loaded.elements == NULL;
    if (err == 0) {
        err = cove_repo_append(txn->worker->repo, txn->txn, &d->loaded.doc, &tx,
                               &txn->diag);
    }
    cove_arena_reset(&txn->scratch);
    if (err != 0) {
        txn->broken = txn->broken != 0 ? txn->broken : err;
    }
    return err;
}

int node_composed(struct cove_txn *txn, struct node_doc *d, int err)
{
    if (err == 0 && (txn->flags & COVE_EACH) == 0) {
        return 0;
    }
    if (err == 0) {
        err = node_flush(txn, d);
    }
    return node_txn_failed(txn, node_write_failed(txn, err));
}

int node_flush_all(struct cove_txn *txn)
{
    int err = 0;

    for (size_t i = 0; i < NODE_DOC_BUCKETS && err == 0; i++) {
        for (struct node_doc *d = txn->docs[i]; d != NULL && err == 0;
             d = d->next) {
            err = node_flush(txn, d);
        }
    }
    return err;
}

void node_compose_end(struct cove_txn *txn)
{
    for (size_t i = 0; i < NODE_DOC_BUCKETS; i++) {
        for (struct node_doc *d = txn->docs[i]; d != NULL; d = d->next) {
            if (d->compose != NULL) {
                cove_compose_clear(d->compose);
            }
            node_gather_clear(d->gather);
        }
    }
}

/* Room for so many bytes more: else what was gathered is appended first. */
static int compose_room(struct cove_txn *txn, struct node_doc *d, size_t bytes)
{
    int err = 0;

    if (!cove_compose_has_room(d->compose, bytes)) {
        err = node_flush(txn, d);
        if (err == 0) {
            err = compose_start(txn, d);
        }
    }
    return err;
}

/* What a failed edit means. Its place was wrong: nothing happened. Memory was
 * out: the sequence may be ahead of what was gathered. */
static int compose_failed(struct cove_txn *txn, int err)
{
    if (err == 0) {
        return 0;
    }
    if (err == COVE_EUSAGE) {
        return cove_fail(&txn->diag, err,
                         "the place is beyond the end, or inside a code point");
    }
    if (err == COVE_ENOMEM) {
        txn->broken = txn->broken != 0 ? txn->broken : err;
    }
    return err;
}

/* The first so many elements of the content that make one op. */
static void compose_piece(const struct cove_compose_insert *in, bool text,
                          struct cove_compose_insert *piece)
{
    struct cove_bytes content = in->content;

    if (content.len <= COVE_COMPOSE_PIECE) {
        return;
    }
    if (text) {
        content.len = COVE_COMPOSE_PIECE;
        while (!cove_utf8_is_boundary(in->content, content.len)) {
            content.len--;
        }
        piece->count = (uint32_t)cove_utf8_count(content);
    } else {
        struct cove_reader r;

        piece->count = 0;
        content.len = 0;
        while (content.len < in->content.len) {
            struct cove_bytes rest = cove_bytes(in->content.at + content.len,
                                                in->content.len - content.len);

            cove_reader_init(&r, rest);
            rest = cove_reader_item(&r);
            if (piece->count > 0 &&
                content.len + rest.len > COVE_COMPOSE_PIECE) {
                break;
            }
            content.len += rest.len;
            piece->count++;
        }
    }
    piece->content = content;
}

static int compose_insert(struct cove_txn *txn, struct node_doc *d,
                          const struct cove_compose_insert *in)
{
    int err = compose_room(txn, d, in->content.len + in->type.len);

    return err != 0 ? err
                    : compose_failed(txn, cove_compose_insert(d->compose, in));
}

/* More than fits into one op. */
static int compose_long(struct cove_txn *txn, struct node_doc *d,
                        const struct cove_compose_insert *in)
{
    bool text = d->loaded.doc.header.type == COVE_DOC_COTEXT;
    struct cove_compose_insert rest = *in;
    struct cove_elem last;
    int err = 0;

    while (rest.count > 0 && err == 0) {
        struct cove_compose_insert piece = rest;

        compose_piece(&rest, text, &piece);
        err = compose_insert(txn, d, &piece);
        if (err != 0 && rest.count < in->count) {
            txn->broken = txn->broken != 0 ? txn->broken : err; /* half of it */
        }
        rest.at +=
            rest.unit == COVE_SEQ_BYTES ? piece.content.len : piece.count;
        rest.content.at += piece.content.len;
        rest.content.len -= piece.content.len;
        rest.count -= piece.count;
        if (rest.behind != NULL) {
            last.author = d->compose->self.author;
            last.n = d->compose->self.next - 1;
            rest.behind = &last;
        }
    }
    return err;
}

int node_insert(struct cove_txn *txn, struct node_doc *d,
                const struct cove_compose_insert *in)
{
    return in->content.len <= COVE_COMPOSE_PIECE ? compose_insert(txn, d, in)
                                                 : compose_long(txn, d, in);
}

/* Both ends of a range in elements, checked. */
static int remove_range(struct cove_txn *txn, const struct node_doc *d,
                        enum cove_seq_unit unit, size_t *at, size_t *len)
{
    const struct cove_seq *seq = cove_loaded_seq(&d->loaded);
    size_t length = cove_seq_length(seq, unit);
    size_t begin = 0;
    size_t end = 0;
    int err = *at > length || *len > length - *at ? COVE_EUSAGE : 0;

    if (err != 0 || unit == COVE_SEQ_ELEMENTS) {
        return compose_failed(txn, err);
    }
    err = cove_seq_convert(seq, unit, *at, COVE_SEQ_ELEMENTS, &begin);
    if (err == 0) {
        err = cove_seq_convert(seq, unit, *at + *len, COVE_SEQ_ELEMENTS, &end);
    }
    *at = begin;
    *len = end - begin;
    return compose_failed(txn, err);
}

/* In pieces that cannot come to more ops than there is room for. */
int node_remove(struct cove_txn *txn, struct node_doc *d,
                enum cove_seq_unit unit, size_t at, size_t len)
{
    int err = remove_range(txn, d, unit, &at, &len);

    while (len > 0 && err == 0) {
        size_t room;

        err = compose_room(txn, d, 0);
        if (err == 0) {
            room = cove_compose_ops_left(d->compose);
            room = len < room ? len : room;
            err = compose_failed(
                txn,
                cove_compose_remove(d->compose, COVE_SEQ_ELEMENTS, at, room));
            len -= room;
        }
    }
    return err;
}

int node_remove_of(struct cove_txn *txn, struct node_doc *d,
                   struct cove_elem first, uint32_t count)
{
    int err = compose_room(txn, d, 0);

    return err != 0 ? err
                    : compose_failed(txn, cove_compose_remove_of(d->compose,
                                                                 first, count));
}
