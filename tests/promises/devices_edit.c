/* devices_edit.c: single edits, for tests that say which; see devices.h. */
#include "crdt/compose.h"
#include "crdt/item.h"
#include "tests/promises/devices.h"

struct edit { /* a commit under way */
    struct devices *d;
    int device;
    struct device_doc *doc;
    struct cove_store_txn *txn;
    struct cove_doc loaded;
    struct cove_compose compose;
};

static void edit_begin(struct edit *e)
{
    struct kit *k = &e->d->kits[e->device];
    struct cove_compose_self self;

    e->txn = kit_begin(k, true);
    e->loaded = kit_load(k, e->txn, &e->doc->id);
    cove_compose_init(&e->compose, &e->d->desk.heap.alloc);
    if (e->loaded.state.seq != NULL) {
        SURE(cove_repo_self(k->repo, e->txn, &e->loaded, &self) == 0);
        cove_compose_start(&e->compose, e->loaded.state.seq, &self);
    }
}

static void edit_end(struct edit *e)
{
    struct cove_tx tx;

    SURE(cove_compose_take(&e->compose, &e->d->desk.arena, &tx) == 0);
    devices_append(e->d, e->device, e->txn, e->doc, &e->loaded, &tx);
    cove_compose_clear(&e->compose);
    kit_commit(e->txn);
}

static struct cove_bytes letter_value(struct devices *d, char letter)
{
    struct cove_bytes out;

    SURE(cove_value_of_text(&d->desk.arena, cove_bytes(&letter, 1), &out) == 0);
    return out;
}

static struct cove_bytes letter_values(struct devices *d, const char *text)
{
    struct cove_bytes out;
    struct cove_buf buf;

    cove_buf_init(&buf, &d->desk.heap.alloc);
    for (; *text != '\0'; text++) {
        SURE(cove_buf_append(&buf, letter_value(d, *text)) == 0);
    }
    SURE(cove_arena_copy(&d->desk.arena, cove_buf_bytes(&buf), &out) == 0);
    cove_buf_clear(&buf);
    return out;
}

void devices_insert(struct devices *d, int device, struct device_doc *doc,
                    size_t at, const char *text)
{
    struct edit e = {.d = d, .device = device, .doc = doc};
    struct cove_compose_insert in = {.at = at,
                                     .unit = COVE_SEQ_ELEMENTS,
                                     .count = (uint32_t)strlen(text),
                                     .content = cove_bytes_text(text)};

    if (doc->type == COVE_DOC_COLIST) {
        in.content = letter_values(d, text);
    }
    edit_begin(&e);
    SURE(cove_compose_insert(&e.compose, &in) == 0);
    edit_end(&e);
}

void devices_remove(struct devices *d, int device, struct device_doc *doc,
                    size_t at, size_t len)
{
    struct edit e = {.d = d, .device = device, .doc = doc};

    edit_begin(&e);
    SURE(cove_compose_remove(&e.compose, COVE_SEQ_ELEMENTS, at, len) == 0);
    edit_end(&e);
}

void devices_set(struct devices *d, int device, struct device_doc *doc,
                 size_t at, char letter)
{
    struct edit e = {.d = d, .device = device, .doc = doc};
    struct cove_seq_piece piece;
    struct cove_tx_op op = {.value = letter_value(d, letter)};
    struct cove_tx tx = {.ops = &op, .op_count = 1};

    edit_begin(&e);
    SURE(cove_seq_at(e.compose.seq, at, &piece) == 0);
    SURE(cove_item_register(&d->desk.arena, e.compose.seq, piece.first,
                            piece.type, &op.reg) == 0);
    devices_append(d, device, e.txn, doc, &e.loaded, &tx);
    cove_compose_clear(&e.compose);
    kit_commit(e.txn);
}

void devices_add(struct devices *d, int device, struct device_doc *doc,
                 int64_t amount)
{
    struct edit e = {.d = d, .device = device, .doc = doc};
    struct cove_tx_op op = {.kind = COVE_OP_ADD, .amount = amount};
    struct cove_tx tx = {.ops = &op, .op_count = 1};

    edit_begin(&e);
    devices_append(d, device, e.txn, doc, &e.loaded, &tx);
    cove_compose_clear(&e.compose);
    kit_commit(e.txn);
}

size_t devices_length(struct kit *k, struct device_doc *doc)
{
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_doc loaded = kit_load(k, txn, &doc->id);
    size_t length = cove_seq_length(loaded.state.seq, COVE_SEQ_ELEMENTS);

    cove_store_abort(txn);
    return length;
}

/* What was written to the item in place, else what was inserted. */
static struct cove_bytes item_shown(struct kit *k, const struct cove_doc *doc,
                                    const struct cove_seq_piece *piece)
{
    const struct cove_native *native;
    const struct cove_copy *copy;
    struct cove_bytes reg;

    SURE(cove_item_register(&k->arena, doc->state.seq, piece->first,
                            piece->type, &reg) == 0);
    if (cove_state_winner(&doc->state, reg, &native, &copy) != 0) {
        return piece->content;
    }
    return native->value;
}

const char *devices_word(struct kit *k, struct device_doc *doc)
{
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_doc loaded = kit_load(k, txn, &doc->id);
    const struct cove_seq *seq = loaded.state.seq;
    size_t length = cove_seq_length(seq, COVE_SEQ_ELEMENTS);
    struct cove_bytes word;
    struct cove_buf out;

    cove_buf_init(&out, &k->heap.alloc);
    for (size_t at = 0; at < length; at++) {
        struct cove_seq_piece piece;
        struct cove_bytes letter;

        SURE(cove_seq_at(seq, at, &piece) == 0);
        letter = doc->type == COVE_DOC_COTEXT
                     ? piece.content
                     : cove_value_text(item_shown(k, &loaded, &piece));
        SURE(cove_buf_append(&out, letter) == 0);
    }
    SURE(cove_arena_copy(&k->arena, cove_buf_bytes(&out), &word) == 0);
    cove_buf_clear(&out);
    cove_store_abort(txn);
    return (const char *)word.at;
}

void devices_give(struct devices *d, int from, int to, struct device_doc *doc)
{
    if (from != to) {
        devices_sync(d, &d->kits[from], &d->kits[to], doc);
    }
}
