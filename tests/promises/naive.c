/* naive.c: see naive.h. */
#include "tests/promises/naive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void naive_init(struct naive *n, const struct cove_alloc *alloc,
                enum cove_doc_type type)
{
    memset(n, 0, sizeof(*n));
    cove_arena_init(&n->arena, alloc);
    n->type = type;
}

void naive_clear(struct naive *n)
{
    cove_arena_clear(&n->arena);
}

int naive_session(struct naive *n, const struct cove_session_id *id)
{
    for (int i = 0; i < n->session_count; i++) {
        if (memcmp(&n->sessions[i].id, id, sizeof(*id)) == 0) {
            return i;
        }
    }
    SURE(n->session_count < NAIVE_SESSIONS);
    n->sessions[n->session_count].id = *id;
    return n->session_count++;
}

static struct cove_bytes naive_copy(struct naive *n, struct cove_bytes b)
{
    struct cove_bytes out;

    SURE(cove_arena_copy(&n->arena, b, &out) == 0);
    return out;
}

static int naive_agent(struct naive *n, const struct cove_tx *tx, int own,
                       uint32_t agent)
{
    if (agent == COVE_TX_ROOT) {
        return NAIVE_ROOT;
    }
    if (agent == COVE_TX_OWN) {
        return own;
    }
    return tx->agents[agent - 1].is_write
               ? NAIVE_NOWHERE
               : naive_session(n, &tx->agents[agent - 1].session);
}

void naive_note(struct naive *n, const struct cove_session_id *session,
                const struct cove_key *device, const struct cove_tx *tx)
{
    int own = naive_session(n, session);
    void *at = n->txs;

    SURE(cove_arena_grow(&n->arena, &at, sizeof(*n->txs), n->count, &n->cap) ==
         0);
    n->txs = at;

    struct naive_tx *note = &n->txs[n->count++];

    note->session = own;
    note->index = n->sessions[own].len++;
    note->hlc = tx->hlc;
    note->op_count = tx->op_count;
    note->ops =
        cove_arena_array(&n->arena, tx->op_count + 1, sizeof(*note->ops));
    n->sessions[own].device = *device;
    for (size_t i = 0; i < tx->op_count; i++) {
        const struct cove_tx_op *op = &tx->ops[i];

        note->ops[i].kind = op->kind;
        note->ops[i].session = naive_agent(n, tx, own, op->agent);
        note->ops[i].n = op->n;
        note->ops[i].first = op->first;
        note->ops[i].count = op->count;
        note->ops[i].left = op->left;
        note->ops[i].deleted = op->deleted;
        note->ops[i].value = naive_copy(n, op->value);
        note->ops[i].name = naive_copy(n, op->reg);
        note->ops[i].amount = op->amount;
    }
}

void naive_forget(struct naive *n, size_t count)
{
    while (n->count > count) {
        n->sessions[n->txs[--n->count].session].len--;
    }
}

void naive_all(const struct naive *n, struct naive_view *out)
{
    memset(out, 0, sizeof(*out));
    out->now_ms = INT64_MAX / 65536;
    for (int i = 0; i < n->session_count; i++) {
        out->len[i] = n->sessions[i].len;
    }
}

/* --- what a view has */

static bool view_has(const struct naive *n, const struct naive_view *view,
                     const struct naive_tx *tx)
{
    const struct naive_session *session = &n->sessions[tx->session];
    bool may = !view->owner_missing;

    for (size_t i = 0; i < view->denied_count; i++) {
        may = may && memcmp(&view->denied[i], &session->device,
                            sizeof(session->device)) != 0;
    }
    return may && tx->index < view->len[tx->session];
}

/* Its time has come, and that of all before it in its session, since the times
 * of a session rise. */
static bool view_shows(const struct naive *n, const struct naive_view *view,
                       const struct naive_tx *tx)
{
    return view_has(n, view, tx) &&
           (int64_t)(tx->hlc >> 16) <= view->now_ms + NAIVE_HELD_MS;
}

/* --- sequences */

struct element {
    int session;
    uint32_t n;
    uint64_t hlc;
    struct cove_key device;
    struct cove_session_id id;
    int parent_session;
    uint32_t parent_n;
    bool left, dead;
    struct cove_bytes value, type;
    int parent; /* its place among the elements, or as above */
};

struct elements {
    struct element *at;
    int count;
    bool text;
    struct cove_buf *out;
};

/* How long the first code point, or the first encoded value, is: tests write
 * small ints, short texts and true. */
static size_t element_len(bool text, struct cove_bytes b)
{
    uint8_t first = b.at[0];

    if (text) {
        return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    }
    if (first < 0x18 || first == 0xf5) {
        return 1;
    }
    if (first == 0x18) {
        return 2;
    }
    SURE(first >= 0x60);
    SURE(first < 0x78);
    return 1u + first - 0x60;
}

static void elements_insert(struct elements *e, const struct naive *n,
                            const struct naive_tx *tx,
                            const struct naive_op *op)
{
    struct cove_bytes rest = op->value;

    for (uint32_t i = 0; i < op->count; i++) {
        struct element *element = &e->at[e->count++];
        size_t len = element_len(e->text, rest);

        memset(element, 0, sizeof(*element));
        element->session = tx->session;
        element->n = op->first + i;
        element->hlc = tx->hlc;
        element->device = n->sessions[tx->session].device;
        element->id = n->sessions[tx->session].id;
        element->parent_session = i == 0 ? op->session : tx->session;
        element->parent_n = i == 0 ? op->n : op->first + i - 1;
        element->left = i == 0 && op->left;
        element->value = cove_bytes(rest.at, len);
        element->type = op->name;
        rest = cove_bytes(rest.at + len, rest.len - len);
    }
    SURE(rest.len == 0);
}

/* Of one session, in the order of its log: a number given twice is the one
 * that came first. */
static void elements_session(struct elements *e, const struct naive *n,
                             const struct naive_view *view, int session)
{
    enum cove_op_kind fits = e->text ? COVE_OP_TEXT : COVE_OP_ITEMS;
    uint64_t next = 0;

    for (size_t i = 0; i < n->count; i++) {
        const struct naive_tx *tx = &n->txs[i];

        if (tx->session != session || !view_has(n, view, tx)) {
            continue;
        }
        for (size_t k = 0; k < tx->op_count; k++) {
            if (tx->ops[k].kind == fits && tx->ops[k].first >= next) {
                elements_insert(e, n, tx, &tx->ops[k]);
                next = (uint64_t)tx->ops[k].first + tx->ops[k].count;
            }
        }
    }
}

static void elements_remove(struct elements *e, const struct naive_op *op)
{
    for (int i = 0; i < e->count; i++) {
        struct element *element = &e->at[i];

        if (element->session == op->session && element->n >= op->n &&
            element->n < (uint64_t)op->n + op->count) {
            element->dead = true;
        }
    }
}

/* Of siblings on one side. */
static int element_order(const void *left, const void *right)
{
    const struct element *a = left;
    const struct element *b = right;

    if (a->hlc != b->hlc) {
        return a->hlc < b->hlc ? -1 : 1;
    }

    int order = memcmp(&a->device, &b->device, sizeof(a->device));

    if (order == 0) {
        order = memcmp(&a->id, &b->id, sizeof(a->id));
    }
    if (order == 0 && a->n != b->n) {
        order = a->n < b->n ? -1 : 1;
    }
    return order;
}

static void elements_parents(struct elements *e)
{
    for (int i = 0; i < e->count; i++) {
        struct element *element = &e->at[i];

        element->parent =
            element->parent_session == NAIVE_ROOT ? NAIVE_ROOT : NAIVE_NOWHERE;
        for (int k = 0; k < e->count; k++) {
            if (e->at[k].session == element->parent_session &&
                e->at[k].n == element->parent_n) {
                element->parent = k;
            }
        }
    }
}

static void elements_walk(const struct elements *e, int at)
{
    for (int i = 0; i < e->count; i++) {
        if (at != NAIVE_ROOT && e->at[i].parent == at && e->at[i].left) {
            elements_walk(e, i);
        }
    }
    if (at != NAIVE_ROOT && !e->at[at].dead) {
        if (!e->text) {
            line_bytes(e->out, "~", e->at[at].type);
        }
        line_bytes(e->out, e->text ? "" : "=", e->at[at].value);
    }
    for (int i = 0; i < e->count; i++) {
        if (e->at[i].parent == at && !e->at[i].left) {
            elements_walk(e, i);
        }
    }
}

static void line_sequence(struct naive *n, const struct naive_view *view,
                          struct cove_buf *out)
{
    struct elements e = {.text = n->type == COVE_DOC_COTEXT, .out = out};
    size_t most = 0;

    for (size_t i = 0; i < n->count; i++) {
        for (size_t k = 0; k < n->txs[i].op_count; k++) {
            most += n->txs[i].ops[k].value.len;
        }
    }
    e.at = malloc((most + 1) * sizeof(*e.at));
    SURE(e.at != NULL);
    for (int i = 0; i < n->session_count; i++) {
        elements_session(&e, n, view, i);
    }
    for (size_t i = 0; i < n->count; i++) {
        for (size_t k = 0;
             k < n->txs[i].op_count && view_has(n, view, &n->txs[i]); k++) {
            if (n->txs[i].ops[k].kind == COVE_OP_REMOVE) {
                elements_remove(&e, &n->txs[i].ops[k]);
            }
        }
    }
    qsort(e.at, (size_t)e.count, sizeof(*e.at), element_order);
    elements_parents(&e);
    elements_walk(&e, NAIVE_ROOT);
    free(e.at);
}

/* --- registers, sums, entries */

struct written { /* an op and where it stands in the total order */
    struct element id;
    uint32_t index;
    size_t op;
    const struct naive_op *what;
};

static int written_order(const void *left, const void *right)
{
    const struct written *a = left;
    const struct written *b = right;
    int order = element_order(&a->id, &b->id);

    if (order == 0 && a->index != b->index) {
        order = a->index < b->index ? -1 : 1;
    }
    if (order == 0 && a->op != b->op) {
        order = a->op < b->op ? -1 : 1;
    }
    return order;
}

static int name_order(const void *left, const void *right)
{
    const struct written *a = left;
    const struct written *b = right;
    int order = cove_bytes_compare(a->what->name, b->what->name);

    return order != 0 ? order : written_order(left, right);
}

/* All shown ops of one kind, oldest first; to be freed. */
static struct written *naive_written(struct naive *n,
                                     const struct naive_view *view,
                                     enum cove_op_kind kind, size_t *count)
{
    size_t most = 1;

    for (size_t i = 0; i < n->count; i++) {
        most += n->txs[i].op_count;
    }

    struct written *out = calloc(most, sizeof(*out));

    SURE(out != NULL);
    *count = 0;
    for (size_t i = 0; i < n->count; i++) {
        const struct naive_tx *tx = &n->txs[i];

        for (size_t k = 0; k < tx->op_count && view_shows(n, view, tx); k++) {
            struct written *w = &out[*count];

            if (tx->ops[k].kind != kind) {
                continue;
            }
            w->id.hlc = tx->hlc;
            w->id.device = n->sessions[tx->session].device;
            w->id.id = n->sessions[tx->session].id;
            w->index = tx->index;
            w->op = k;
            w->what = &tx->ops[k];
            *count += 1;
        }
    }
    qsort(out, *count, sizeof(*out), written_order);
    return out;
}

static void line_registers(struct naive *n, const struct naive_view *view,
                           struct cove_buf *out)
{
    size_t count;
    struct written *w = naive_written(n, view, COVE_OP_REGISTER, &count);

    qsort(w, count, sizeof(*w), name_order);
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count &&
            cove_bytes_equal(w[i].what->name, w[i + 1].what->name)) {
            continue; /* a newer one follows */
        }
        line_bytes(out, " ", w[i].what->name);
        line_bytes(out, w[i].what->deleted ? "-" : ":", w[i].what->value);
    }
    free(w);
}

static void line_entries(struct naive *n, const struct naive_view *view,
                         struct cove_buf *out)
{
    size_t count;
    struct written *w = naive_written(n, view, COVE_OP_APPEND, &count);

    for (size_t i = 0; i < count; i++) {
        line_bytes(out, ",", w[i].what->value);
    }
    free(w);
}

static void line_total(struct naive *n, const struct naive_view *view,
                       struct cove_buf *out)
{
    size_t count;
    struct written *w = naive_written(n, view, COVE_OP_ADD, &count);
    cove_wide sum = 0;

    for (size_t i = 0; i < count; i++) {
        sum += w[i].what->amount;
    }
    line_sum(out, sum);
    free(w);
}

/* --- lines */

void line_bytes(struct cove_buf *out, const char *word, struct cove_bytes b)
{
    int err = cove_buf_append(out, cove_bytes_text(word));

    for (size_t i = 0; i < b.len && err == 0; i++) {
        char hex[3];

        if (b.at[i] >= 0x20 && b.at[i] < 0x7f) {
            err = cove_buf_append(out, cove_bytes(&b.at[i], 1));
        } else {
            snprintf(hex, sizeof(hex), "%02x", b.at[i]);
            err = cove_buf_append(out, cove_bytes_text(hex));
        }
    }
    SURE(err == 0);
}

void line_sum(struct cove_buf *out, cove_wide sum)
{
    char text[64];

    snprintf(text, sizeof(text), "%lld:%llu", (long long)(sum >> 64),
             (unsigned long long)(uint64_t)sum);
    line_bytes(out, "sum ", cove_bytes_text(text));
}

void naive_line(struct naive *n, const struct naive_view *view,
                struct cove_buf *out)
{
    switch (n->type) {
    case COVE_DOC_COTEXT:
        line_sequence(n, view, out);
        break;
    case COVE_DOC_COLIST:
        line_sequence(n, view, out);
        line_registers(n, view, out);
        break;
    case COVE_DOC_COCOUNTER:
        line_total(n, view, out);
        break;
    case COVE_DOC_COSTREAM:
        line_entries(n, view, out);
        break;
    case COVE_DOC_COMAP:
    case COVE_DOC_COBINARY:
    case COVE_DOC_GROUP:
    case COVE_DOC_ACCOUNT:
    case COVE_DOC_JOURNAL:
    case COVE_DOC_UNKNOWN:
        line_registers(n, view, out);
        break;
    }
}
