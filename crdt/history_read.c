/* history_read.c: the log of a document as people want to read it.
 *
 * In a session times only rise, so the newest transactions of a document are
 * the last ones of each session: which, a heap finds that holds no more than
 * are wanted. Only those are decoded.
 */
#include "crdt/history.h"

#include <stdlib.h>

#include "crdt/repo_internal.h"

/* --- which transactions */

struct history_key { /* a transaction's place in the order */
    uint64_t hlc;
    uint32_t row;
    uint32_t index;
};

struct history_range { /* of a session: those that are given */
    uint32_t begin, end;
};

struct history_read {
    struct repo_work work;
    struct repo_record record;
    const struct cove_doc *doc;
    struct cove_history_page *page;
    bool registers; /* only writes to those */
    struct history_range *ranges;
    struct history_key *heap; /* the oldest on top */
    size_t heap_count;
    struct cove_event *events;
    size_t count, cap;
};

static struct cove_op_id key_id(const struct history_read *h,
                                const struct history_key *key)
{
    const struct repo_row *row = &h->record.rows[key->row];
    struct cove_op_id id = {.hlc = key->hlc,
                            .device = row->pub.device,
                            .session = row->pub.session,
                            .tx = key->index};

    return id;
}

static bool key_older(const struct history_read *h, const struct history_key *a,
                      const struct history_key *b)
{
    if (a->hlc != b->hlc) {
        return a->hlc < b->hlc;
    }

    struct cove_op_id left = key_id(h, a);
    struct cove_op_id right = key_id(h, b);

    return cove_op_id_compare(&left, &right) < 0;
}

static void heap_swap(struct history_read *h, size_t a, size_t b)
{
    struct history_key swap = h->heap[a];

    h->heap[a] = h->heap[b];
    h->heap[b] = swap;
}

static void heap_up(struct history_read *h, size_t at)
{
    while (at > 0 && key_older(h, &h->heap[at], &h->heap[(at - 1) / 2])) {
        heap_swap(h, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

static void heap_down(struct history_read *h)
{
    size_t at = 0;
    size_t child;

    while ((child = 2 * at + 1) < h->heap_count) {
        if (child + 1 < h->heap_count &&
            key_older(h, &h->heap[child + 1], &h->heap[child])) {
            child++;
        }
        if (!key_older(h, &h->heap[child], &h->heap[at])) {
            return;
        }
        heap_swap(h, at, child);
        at = child;
    }
}

static void heap_add(struct history_read *h, const struct history_key *key)
{
    if (h->heap_count < h->page->limit) {
        h->heap[h->heap_count] = *key;
        heap_up(h, h->heap_count++);
        return;
    }
    h->page->more = true;
    if (key_older(h, &h->heap[0], key)) {
        h->heap[0] = *key;
        heap_down(h);
    }
}

static bool history_is_before(const struct history_read *h,
                              const struct history_key *key)
{
    const struct cove_op_id *before = h->page->before;
    struct cove_op_id id = key_id(h, key);
    struct cove_op_id limit;

    if (before == NULL) {
        return true;
    }
    limit = *before;
    limit.op = 0;
    return cove_op_id_compare(&id, &limit) < 0;
}

/* What of a session may be given; where nothing is cut off, no more than the
 * limit can. */
static int history_scan(struct history_read *h, uint32_t i)
{
    const struct repo_row *row = &h->record.rows[i];
    uint32_t begin = row->pub.base;
    struct repo_walk walk;
    struct repo_tx_entry entry;

    if (h->page->before == NULL && row->pub.len - begin > h->page->limit) {
        begin = row->pub.len - (uint32_t)h->page->limit;
        h->page->more = true;
    }

    int err = repo_walk_start(&h->work, &h->record, row, begin, &walk);

    walk.end = row->pub.len;
    while (err == 0) {
        struct history_key key = {.row = i, .index = walk.index};

        err = repo_walk_next(&h->work, &walk, &entry);
        key.hlc = entry.hlc;
        if (err == 0 && !history_is_before(h, &key)) {
            return 0;
        }
        if (err == 0) {
            heap_add(h, &key);
        }
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int history_choose(struct history_read *h)
{
    size_t rows = h->record.row_count;
    size_t most = 0;
    int err = 0;

    for (size_t i = 0; i < rows; i++) {
        most += h->record.rows[i].pub.len;
        h->ranges[i].begin = UINT32_MAX;
    }
    if (h->page->limit == 0 || h->page->limit > most) {
        h->page->limit = most;
    }
    h->heap =
        cove_arena_array(h->work.arena, h->page->limit + 1, sizeof(*h->heap));
    if (h->heap == NULL) {
        return COVE_ENOMEM;
    }
    for (uint32_t i = 0; i < rows && err == 0 && h->page->limit > 0; i++) {
        err = history_scan(h, i);
    }
    for (size_t i = 0; i < h->heap_count; i++) {
        struct history_range *range = &h->ranges[h->heap[i].row];
        uint32_t index = h->heap[i].index;

        range->begin = index < range->begin ? index : range->begin;
        range->end = index + 1 > range->end ? index + 1 : range->end;
    }
    return err;
}

/* --- their events */

static int history_push(struct history_read *h, struct cove_arena *arena,
                        const struct cove_event *event)
{
    void *events = h->events;
    int err =
        cove_arena_grow(arena, &events, sizeof(*event), h->count, &h->cap);

    if (err == 0) {
        h->events = events;
        h->events[h->count++] = *event;
    }
    return err;
}

static enum cove_event_what event_what(const struct cove_tx_op *op)
{
    switch (op->kind) {
    case COVE_OP_TEXT:
        return COVE_EVENT_TEXT;
    case COVE_OP_ITEMS:
        return COVE_EVENT_ITEMS;
    case COVE_OP_REMOVE:
        return COVE_EVENT_REMOVE;
    case COVE_OP_APPEND:
        return COVE_EVENT_APPEND;
    case COVE_OP_CHUNK:
        return COVE_EVENT_CHUNK;
    case COVE_OP_ADD:
        return COVE_EVENT_ADD;
    case COVE_OP_REGISTER:
        break;
    }
    return COVE_EVENT_REGISTER;
}

static void event_op(struct cove_event *event, const struct cove_tx *tx,
                     const struct cove_tx_op *op)
{
    event->what = event_what(op);
    event->deleted = op->deleted;
    event->reg = op->reg;
    event->value = op->value;
    event->origins = op->origins;
    event->origin_count = op->origin_count;
    event->at = op->n;
    event->first = op->first;
    event->count = op->count;
    event->offset = op->offset;
    event->amount = op->amount;
    memset(&event->by, 0, sizeof(event->by));
    if (op->agent != COVE_TX_OWN && op->agent != COVE_TX_ROOT) {
        event->by = tx->agents[op->agent - 1];
    }
}

/* The same for all events of a transaction; what it points to is kept. */
static int event_begin(struct history_read *h, struct cove_arena *arena,
                       uint32_t row, uint32_t index, struct cove_event *out,
                       const struct cove_tx *tx)
{
    const struct repo_row *r = &h->record.rows[row];
    struct cove_tx *kept = NULL;

    memset(out, 0, sizeof(*out));
    out->what = COVE_EVENT_NONE;
    out->id.hlc = tx->hlc;
    out->id.device = r->pub.device;
    out->id.session = r->pub.session;
    out->id.tx = index;
    out->kind = tx->kind;
    out->branch = r->branch;
    out->shown = index < repo_doc_shown(h->doc, r);
    if (tx->has_undo || tx->has_branch || tx->has_merge) {
        kept = cove_arena_new(arena, sizeof(*kept));
        if (kept == NULL) {
            return COVE_ENOMEM;
        }
        *kept = *tx;
        out->undo = tx->has_undo ? &kept->undo : NULL;
        out->begins = tx->has_branch ? &kept->branch : NULL;
        out->merges = tx->has_merge ? &kept->merge : NULL;
    }
    return 0;
}

/* Read one transaction into memory that outlives the walk. */
static int history_decode(struct history_read *h, struct cove_arena *arena,
                          const struct repo_tx_entry *entry, struct cove_tx *tx)
{
    struct cove_bytes bytes;
    struct cove_bytes copy;
    int err = repo_tx_bytes(&h->work, entry, &bytes);

    if (err == 0) {
        err = cove_arena_copy(arena, bytes, &copy);
    }
    return err != 0 ? err : cove_tx_decode(copy, arena, tx, NULL);
}

static int history_take(struct history_read *h, struct cove_arena *arena,
                        uint32_t row, uint32_t index,
                        const struct repo_tx_entry *entry)
{
    struct cove_event event;
    struct cove_tx tx;
    int err = history_decode(h, arena, entry, &tx);

    if (err == 0) {
        err = event_begin(h, arena, row, index, &event, &tx);
    }
    if (err == 0 && entry->epoch != 0) {
        event.has_epoch = true;
        err = repo_intern_epoch_of(&h->work, entry->epoch, &event.epoch);
    }
    if (err == 0 && tx.op_count == 0 && !h->registers &&
        (tx.has_undo || tx.has_branch || tx.has_merge)) {
        err = history_push(h, arena, &event);
    }
    for (size_t i = 0; err == 0 && i < tx.op_count; i++) {
        event_op(&event, &tx, &tx.ops[i]);
        if (!h->registers || event.what == COVE_EVENT_REGISTER) {
            err = history_push(h, arena, &event);
        }
        event.id.op += cove_tx_op_indexes(&tx.ops[i]);
    }
    return err;
}

static int history_row(struct history_read *h, struct cove_arena *arena,
                       uint32_t i)
{
    const struct history_range *range = &h->ranges[i];
    struct repo_tx_entry entry;
    struct repo_walk walk;
    int err;

    if (range->begin >= range->end) {
        return 0;
    }
    err = repo_walk_start(&h->work, &h->record, &h->record.rows[i],
                          range->begin, &walk);
    walk.end = range->end;
    while (err == 0) {
        uint32_t index = walk.index;

        err = repo_walk_next(&h->work, &walk, &entry);
        if (err == 0) {
            err = history_take(h, arena, i, index, &entry);
        }
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int history_order(const void *left, const void *right)
{
    const struct cove_event *a = left;
    const struct cove_event *b = right;

    return cove_op_id_compare(&a->id, &b->id);
}

/* --- all of it */

static int history_read(struct history_read *h, struct cove_repo *repo,
                        struct cove_store_txn *txn, struct cove_arena *arena)
{
    struct cove_arena scratch;
    int err;

    cove_arena_init(&scratch, repo->opt.alloc);
    err = repo_work_begin(&h->work, repo, txn, &scratch, NULL);
    if (err == 0) {
        err = repo_record_read(&h->work, h->doc->num, &h->record);
    }
    if (err == 0) {
        h->ranges = cove_arena_array(&scratch, h->record.row_count + 1,
                                     sizeof(*h->ranges));
        err = h->ranges == NULL ? COVE_ENOMEM : history_choose(h);
    }
    for (uint32_t i = 0; err == 0 && i < h->record.row_count; i++) {
        err = history_row(h, arena, i);
    }
    cove_arena_clear(&scratch);
    if (err == 0 && h->count > 1) {
        qsort(h->events, h->count, sizeof(*h->events), history_order);
    }
    return err;
}

int cove_history_page(struct cove_repo *repo, struct cove_store_txn *txn,
                      const struct cove_doc *doc,
                      struct cove_history_page *page, struct cove_arena *arena,
                      struct cove_event **out, size_t *count)
{
    struct history_read h = {.doc = doc, .page = page};
    int err;

    page->more = false;
    err = history_read(&h, repo, txn, arena);
    if (err == 0) {
        *out = h.events;
        *count = h.count;
    }
    return err;
}

int cove_history(struct cove_repo *repo, struct cove_store_txn *txn,
                 const struct cove_doc *doc, struct cove_arena *arena,
                 struct cove_event **out, size_t *count)
{
    struct cove_history_page all = {.limit = 0};
    struct history_read h = {.doc = doc, .page = &all, .registers = true};
    int err = history_read(&h, repo, txn, arena);

    if (err == 0) {
        *out = h.events;
        *count = h.count;
    }
    return err;
}
