/* devices_write.c: what users write, and what others may send; see devices.h.
 */
#include "tests/promises/devices.h"

#include "cove/error.h"
#include "crdt/compose.h"
#include "crdt/item.h"

/* --- telling the evaluator */

void devices_told(struct devices *d, int device, struct device_doc *doc,
                  const struct cove_doc *loaded, const struct cove_tx *tx)
{
    const struct kit *k = &d->kits[device];

    for (size_t i = 0; i < loaded->session_count; i++) {
        const struct cove_doc_session *session = &loaded->sessions[i];

        if (memcmp(&session->device, &k->device, sizeof(k->device)) == 0 &&
            session->last_hlc == tx->hlc) {
            naive_note(&doc->naive, &session->session, &k->device, tx);
            SURE(doc->naive.txs[doc->naive.count - 1].index + 1 ==
                 session->len);
            return;
        }
    }
    ck_abort_msg("no session ends with what was appended");
}

void devices_append(struct devices *d, int device, struct cove_store_txn *txn,
                    struct device_doc *doc, struct cove_doc *loaded,
                    struct cove_tx *tx)
{
    struct kit *k = &d->kits[device];
    int err = cove_repo_append(k->repo, txn, loaded, tx, &k->diag);

    ck_assert_msg(err == 0, "append: %d %s", err, k->diag.text);
    devices_told(d, device, doc, loaded, tx);
}

/* --- content */

/* Letters of one, two, three and four bytes. */
static struct cove_bytes any_text(struct devices *d, uint32_t most,
                                  uint32_t *count)
{
    static const char *const letters[] = {"a",  "b", "c", "d", "X", " ",
                                          "\n", "é", "€", "😀", "ß", "y"};
    uint32_t n = 1 + devices_dice(d, most);
    struct cove_bytes out;
    struct cove_buf buf;

    cove_buf_init(&buf, &d->desk.heap.alloc);
    for (uint32_t i = 0; i < n; i++) {
        const char *letter = letters[devices_dice(d, COVE_ARRAY_LEN(letters))];

        SURE(cove_buf_append(&buf, cove_bytes_text(letter)) == 0);
    }
    SURE(cove_arena_copy(&d->desk.arena, cove_buf_bytes(&buf), &out) == 0);
    cove_buf_clear(&buf);
    *count = n;
    return out;
}

static struct cove_bytes any_value(struct devices *d)
{
    static const uint8_t yes = 0xf5;
    struct cove_bytes out = cove_bytes(&yes, 1);
    uint32_t count;

    switch (devices_dice(d, 4)) {
    case 0:
        break;
    case 1:
        SURE(cove_value_of_text(&d->desk.arena, any_text(d, 4, &count), &out) ==
             0);
        break;
    default:
        SURE(cove_value_of_int(&d->desk.arena, devices_dice(d, 200), &out) ==
             0);
    }
    return out;
}

static struct cove_bytes any_values(struct devices *d, uint32_t most,
                                    uint32_t *count)
{
    struct cove_bytes out;
    struct cove_buf buf;

    cove_buf_init(&buf, &d->desk.heap.alloc);
    *count = 1 + devices_dice(d, most);
    for (uint32_t i = 0; i < *count; i++) {
        SURE(cove_buf_append(&buf, any_value(d)) == 0);
    }
    SURE(cove_arena_copy(&d->desk.arena, cove_buf_bytes(&buf), &out) == 0);
    cove_buf_clear(&buf);
    return out;
}

static struct cove_bytes any_type(struct devices *d)
{
    static const char *const words[] = {"", "", "t1", "t2"};

    return cove_bytes_text(words[devices_dice(d, COVE_ARRAY_LEN(words))]);
}

static struct cove_tx_op any_register(struct devices *d, const char *name)
{
    struct cove_tx_op op = {.reg = cove_bytes_text(name),
                            .deleted = devices_dice(d, 6) == 0};

    if (!op.deleted) {
        op.value = any_value(d);
    }
    return op;
}

/* --- users of lists and texts */

struct editing {
    struct devices *d;
    int device;
    struct device_doc *doc;
    struct cove_store_txn *txn;
    struct cove_doc *loaded;
    bool keep; /* it is committed */
    bool torn; /* it ends with edits that nobody appended */
    struct cove_compose compose;
};

static void edit_start(struct editing *e)
{
    struct kit *k = &e->d->kits[e->device];
    struct cove_compose_self self;

    SURE(cove_repo_self(k->repo, e->txn, e->loaded, &self) == 0);
    cove_compose_start(&e->compose, e->loaded->state.seq, &self);
}

static void edit_flush(struct editing *e)
{
    struct cove_tx tx;

    if (cove_compose_is_empty(&e->compose)) {
        return;
    }
    SURE(cove_compose_take(&e->compose, &e->d->desk.arena, &tx) == 0);
    devices_append(e->d, e->device, e->txn, e->doc, e->loaded, &tx);
}

/* A place in the unit drawn. */
static size_t edit_place(struct editing *e, enum cove_seq_unit *unit,
                         size_t below)
{
    size_t at = devices_dice(e->d, (uint32_t)below);

    *unit = COVE_SEQ_ELEMENTS;
    if (e->doc->type == COVE_DOC_COTEXT && devices_dice(e->d, 2) == 0) {
        SURE(cove_seq_convert(e->compose.seq, COVE_SEQ_ELEMENTS, at,
                              COVE_SEQ_BYTES, &at) == 0);
        *unit = COVE_SEQ_BYTES;
    }
    return at;
}

static void edit_insert(struct editing *e)
{
    struct cove_compose_insert in = {.count = 0};
    size_t length = cove_seq_length(e->compose.seq, COVE_SEQ_ELEMENTS);
    uint32_t most = e->d->wordy ? 120 : 6;

    if (e->doc->type == COVE_DOC_COTEXT) {
        in.content = any_text(e->d, most, &in.count);
    } else {
        in.content = any_values(e->d, most / 2, &in.count);
        in.type = any_type(e->d);
    }
    in.at = edit_place(e, &in.unit, length + 1);
    SURE(cove_compose_insert(&e->compose, &in) == 0);
}

static void edit_remove(struct editing *e)
{
    size_t length = cove_seq_length(e->compose.seq, COVE_SEQ_ELEMENTS);
    size_t from, to;

    if (length == 0) {
        return;
    }
    from = devices_dice(e->d, (uint32_t)length);
    to = from + 1 + devices_dice(e->d, 4);
    to = to < length ? to : length;
    SURE(cove_compose_remove(&e->compose, COVE_SEQ_ELEMENTS, from, to - from) ==
         0);
}

/* An item is written where it stands. */
static void edit_in_place(struct editing *e)
{
    size_t length = cove_seq_length(e->compose.seq, COVE_SEQ_ELEMENTS);
    struct cove_seq_piece piece;
    struct cove_tx_op op = {.value = any_value(e->d)};
    struct cove_tx tx = {.ops = &op, .op_count = 1};

    if (length == 0) {
        return;
    }
    SURE(cove_seq_at(e->compose.seq, devices_dice(e->d, (uint32_t)length),
                     &piece) == 0);
    SURE(cove_item_register(&e->d->desk.arena, e->compose.seq, piece.first,
                            piece.type, &op.reg) == 0);
    edit_flush(e);
    devices_append(e->d, e->device, e->txn, e->doc, e->loaded, &tx);
    edit_start(e);
}

static void write_sequence(struct editing *e)
{
    cove_compose_init(&e->compose, &e->d->desk.heap.alloc);
    edit_start(e);
    for (uint32_t n = 1 + devices_dice(e->d, 5); n > 0; n--) {
        uint32_t what = devices_dice(e->d, 10);

        if (what == 0) {
            edit_flush(e);
            edit_start(e);
        } else if (what < 3 && e->doc->type == COVE_DOC_COLIST) {
            edit_in_place(e);
        } else if (what < 5) {
            edit_remove(e);
        } else {
            edit_insert(e);
        }
    }
    e->torn = !e->keep && devices_dice(e->d, 2) == 0;
    if (!e->torn) {
        edit_flush(e);
    }
    cove_compose_clear(&e->compose);
}

/* --- users of the rest */

static void write_plain(struct editing *e)
{
    static const char *const names[] = {"r0", "r1", "r2"};
    struct cove_tx_op ops[3];
    struct cove_tx tx = {.ops = ops, .op_count = 1 + devices_dice(e->d, 3)};

    for (size_t i = 0; i < tx.op_count; i++) {
        memset(&ops[i], 0, sizeof(ops[i]));
        if (e->doc->type == COVE_DOC_COCOUNTER) {
            ops[i].kind = COVE_OP_ADD;
            ops[i].amount = devices_dice(e->d, 5) == 0
                                ? INT64_MAX
                                : (int64_t)devices_dice(e->d, 100) - 100;
        } else if (e->doc->type == COVE_DOC_COSTREAM) {
            ops[i].kind = COVE_OP_APPEND;
            ops[i].value = any_value(e->d);
        } else {
            ops[i] = any_register(e->d, names[devices_dice(e->d, 3)]);
        }
    }
    devices_append(e->d, e->device, e->txn, e->doc, e->loaded, &tx);
}

/* What no app of ours writes, but another's may, in the device's own log. */
static void write_odd(struct editing *e)
{
    struct kit *k = &e->d->kits[e->device];
    struct cove_compose_self self = {.next = 0};
    struct cove_tx tx;

    if (e->loaded->state.seq != NULL) {
        SURE(cove_repo_self(k->repo, e->txn, e->loaded, &self) == 0);
    }
    devices_odd_tx(e->d, e->doc, &self.next, &tx);
    devices_append(e->d, e->device, e->txn, e->doc, e->loaded, &tx);
}

static void write_one(struct editing *e)
{
    struct cove_doc loaded =
        kit_load(&e->d->kits[e->device], e->txn, &e->doc->id);

    e->loaded = &loaded;
    if (devices_dice(e->d, 5) == 0) {
        write_odd(e);
    }
    if (loaded.state.seq != NULL) {
        write_sequence(e);
    } else {
        write_plain(e);
    }
}

void devices_write(struct devices *d, int device)
{
    struct kit *k = &d->kits[device];
    struct editing e = {
        .d = d, .device = device, .keep = devices_dice(d, 8) > 0};

    for (int i = 0; i < d->doc_count; i++) {
        d->docs[i].committed = d->docs[i].naive.count;
    }
    e.txn = kit_begin(k, true);
    for (uint32_t n = 1 + devices_dice(d, 2); n > 0 && !e.torn; n--) {
        e.doc = &d->docs[devices_dice(d, (uint32_t)d->doc_count)];
        write_one(&e);
    }
    if (e.keep) {
        kit_commit(e.txn);
    } else {
        cove_store_abort(e.txn);
    }
    for (int i = 0; i < d->doc_count && !e.keep; i++) {
        naive_forget(&d->docs[i].naive, d->docs[i].committed);
    }
    k->env.now_ms += devices_dice(d, 3);
}

/* --- what may be wrong */

/* Of any session that was ever heard of, or of none. */
static void odd_agent(struct devices *d, struct device_doc *doc,
                      struct cove_tx_agent *agent)
{
    memset(agent, 0, sizeof(*agent));
    if (doc->naive.session_count > 0 && devices_dice(d, 6) > 0) {
        agent->session =
            doc->naive
                .sessions[devices_dice(d, (uint32_t)doc->naive.session_count)]
                .id;
    } else if (devices_dice(d, 2) == 0) {
        memset(agent->session.b, 0x40 + (int)devices_dice(d, 3),
               sizeof(agent->session.b));
    } else {
        agent->is_write = true;
        agent->write.hlc = 1 + devices_dice(d, 3);
        agent->write.device = d->kits[devices_dice(d, 2)].device;
        memset(agent->write.session.b, 0x50, sizeof(agent->write.session.b));
    }
}

static int agent_order(const void *left, const void *right)
{
    return cove_tx_agent_compare(left, right);
}

static uint32_t odd_place(const struct cove_tx *tx,
                          const struct cove_tx_agent *agent)
{
    for (size_t i = 0; i < tx->agent_count; i++) {
        if (cove_tx_agent_compare(&tx->agents[i], agent) == 0) {
            return (uint32_t)i + 1;
        }
    }
    ck_abort_msg("an agent is in no table");
}

/* Parents behind and before it, itself, what never was, another's. */
static void odd_parent(struct devices *d, struct cove_tx_op *op)
{
    op->n = devices_dice(d, op->first + 4);
    switch (devices_dice(d, 4)) {
    case 0:
        op->agent = COVE_TX_OWN;
        op->left = devices_dice(d, 2) == 0;
        break;
    case 1:
        op->agent = COVE_TX_ROOT;
        op->n = 0;
        break;
    default:
        op->agent = 1; /* whose is drawn below */
        op->n = devices_dice(d, 12);
        op->left = devices_dice(d, 2) == 0;
    }
}

static void odd_insert(struct devices *d, uint32_t *next, bool first,
                       struct cove_tx_op *op)
{
    bool text = op->kind == COVE_OP_TEXT;

    op->value =
        text ? any_text(d, 4, &op->count) : any_values(d, 3, &op->count);
    op->reg = text ? cove_bytes(NULL, 0) : any_type(d);
    op->first = *next + (devices_dice(d, 4) == 0 ? devices_dice(d, 5) : 0);
    if (first && devices_dice(d, 4) == 0) { /* numbers given twice */
        op->first -= devices_dice(d, 1 + (op->first < 6 ? op->first : 6));
    }
    odd_parent(d, op);
    *next = op->first + op->count > *next ? op->first + op->count : *next;
}

static void odd_op(struct devices *d, struct device_doc *doc, uint32_t *next,
                   bool *inserts, struct cove_tx_op *op)
{
    static const enum cove_op_kind kinds[] = {COVE_OP_TEXT,   COVE_OP_ITEMS,
                                              COVE_OP_REMOVE, COVE_OP_REMOVE,
                                              COVE_OP_ADD,    COVE_OP_APPEND};

    memset(op, 0, sizeof(*op));
    op->kind = kinds[devices_dice(d, COVE_ARRAY_LEN(kinds))];
    if (devices_dice(d, 2) == 0 && doc->type == COVE_DOC_COTEXT) {
        op->kind = COVE_OP_TEXT;
    }
    if (devices_dice(d, 2) == 0 && doc->type == COVE_DOC_COLIST) {
        op->kind = COVE_OP_ITEMS;
    }
    switch (op->kind) {
    case COVE_OP_TEXT:
    case COVE_OP_ITEMS:
        odd_insert(d, next, !*inserts, op);
        *inserts = true;
        break;
    case COVE_OP_REMOVE:
        op->agent = devices_dice(d, 3) == 0 ? COVE_TX_OWN : 1;
        op->n = devices_dice(d, 12);
        op->count = devices_dice(d, 9) == 0 ? UINT32_MAX - op->n
                                            : 1 + devices_dice(d, 5);
        break;
    case COVE_OP_ADD:
        op->amount = 1 + (int64_t)devices_dice(d, 9);
        break;
    case COVE_OP_APPEND:
        op->value = any_value(d);
        break;
    case COVE_OP_REGISTER:
    case COVE_OP_CHUNK:
        break;
    }
}

void devices_odd_tx(struct devices *d, struct device_doc *doc, uint32_t *next,
                    struct cove_tx *tx)
{
    size_t count = 1 + devices_dice(d, 4);
    struct cove_tx_op *ops =
        cove_arena_array(&d->desk.arena, count, sizeof(*ops));
    struct cove_tx_agent *agents =
        cove_arena_array(&d->desk.arena, count, sizeof(*agents));
    struct cove_tx_agent of[4];
    bool inserts = false;

    SURE(ops != NULL && agents != NULL);
    memset(tx, 0, sizeof(*tx));
    tx->ops = ops;
    tx->op_count = count;
    tx->agents = agents;
    for (size_t i = 0; i < count; i++) {
        odd_op(d, doc, next, &inserts, &ops[i]);
        odd_agent(d, doc, &of[i]);
        if (ops[i].agent == 1) {
            agents[tx->agent_count++] = of[i];
        }
    }
    qsort(agents, tx->agent_count, sizeof(*agents), agent_order);

    size_t kept = 0;

    for (size_t i = 0; i < tx->agent_count; i++) {
        if (kept == 0 ||
            cove_tx_agent_compare(&agents[kept - 1], &agents[i]) != 0) {
            agents[kept++] = agents[i];
        }
    }
    tx->agent_count = kept;
    for (size_t i = 0; i < count; i++) {
        if (ops[i].agent == 1) {
            ops[i].agent = odd_place(tx, &of[i]);
        }
    }
}

/* --- sessions by hand */

void devices_hand(struct devices *d, const struct kit *who,
                  struct device_doc *doc)
{
    struct hand *hand = &d->hands[d->hand_count];

    SURE(d->hand_count < DEVICES_HANDS);
    author_init(&hand->author, who, &d->desk, &doc->id,
                (uint8_t)(0xa0 + d->hand_count));
    hand->doc = doc;
    hand->next = 0;
    hand->hlc = cove_hlc_of_ms(DEVICES_NOW);
    d->hand_count++;
}

/* Often at the very time of others; sometimes minutes or hours ahead. */
static void hand_time(struct devices *d, struct hand *hand)
{
    static const uint32_t ahead_s[] = {0, 0, 0, 0, 1, 60, 299, 600, 72000};
    uint64_t hlc = cove_hlc_of_ms(
        DEVICES_NOW +
        1000 * (int64_t)ahead_s[devices_dice(d, COVE_ARRAY_LEN(ahead_s))]);

    hand->hlc = hlc > hand->hlc ? hlc : hand->hlc + 1 + devices_dice(d, 3);
}

void devices_hand_write(struct devices *d, struct hand *hand)
{
    struct cove_tx tx;
    struct device_doc *doc = hand->doc;
    struct cove_tx_op op;

    devices_odd_tx(d, doc, &hand->next, &tx);
    if (devices_dice(d, 4) == 0) { /* or just a register */
        op = any_register(d, devices_dice(d, 2) == 0 ? "r1" : "r2");
        tx.ops = &op;
        tx.op_count = 1;
        tx.agent_count = 0;
    }
    hand_time(d, hand);
    tx.hlc = hand->hlc;
    author_push_tx(&hand->author, &tx);
    naive_note(&doc->naive, &hand->author.session, &hand->author.who->device,
               &tx);
}
