/* catalog_build.c: reading one journal document: which entries count.
 *
 * Every set op in the log is looked at, in log order, not only the winners:
 * overwriting or deleting an entry has no effect. An entry is a step where its
 * value is a map, a schema text where it is a text; its key must be the hex of
 * the value's hash. A step without parents counts only as the root that the
 * document's header names.
 */
#include "migrate/catalog_internal.h"

#include "core/cbor.h"
#include "core/value.h"

struct catalog_build {
    struct catalog_entry *entry;
    const struct cove_header *header;
    struct cove_arena scratch; /* of one transaction */
    struct cove_bytes *bodies;
    size_t body_count, body_cap;
    struct cove_drift *drift;
    size_t drift_count, drift_cap;
};

static int build_drift(struct catalog_build *b, struct cove_bytes key,
                       const struct cove_log_entry *from, uint64_t hlc)
{
    struct cove_arena *arena = &b->entry->arena;
    void *array = b->drift;
    int err = cove_arena_grow(arena, &array, sizeof(*b->drift), b->drift_count,
                              &b->drift_cap);

    b->drift = array;
    if (err != 0) {
        return err;
    }
    struct cove_drift *d = &b->drift[b->drift_count];

    d->author = from->session->device;
    d->hlc = hlc;
    err = cove_arena_copy(arena, key, &d->key);
    b->drift_count += err == 0;
    return err;
}

/* Is this a step without parents? Such a one counts only as the root that
 * the journal's header names. */
static bool body_is_root(struct cove_bytes body)
{
    struct cove_bytes parents;
    struct cove_reader r;

    if (!cove_value_member(body, "parents", &parents) ||
        cove_value_kind(parents) != COVE_KIND_LIST) {
        return false;
    }
    cove_reader_init(&r, parents);
    return cove_reader_list(&r) == 0;
}

static int build_step(struct catalog_build *b, struct cove_bytes body)
{
    struct cove_step_id id = cove_step_id_of(body);
    void *array = b->bodies;

    if (body_is_root(body) &&
        !(b->header->has_root &&
          memcmp(id.b, b->header->root.b, sizeof(id.b)) == 0)) {
        return 0;
    }
    int err = cove_arena_grow(&b->entry->arena, &array, sizeof(*b->bodies),
                              b->body_count, &b->body_cap);

    b->bodies = array;
    if (err == 0) {
        err =
            cove_arena_copy(&b->entry->arena, body, &b->bodies[b->body_count]);
        b->body_count += err == 0;
    }
    return err;
}

static int build_text(struct catalog_build *b, struct cove_bytes key,
                      struct cove_bytes text)
{
    struct catalog_text *t = cove_arena_new(&b->entry->arena, sizeof(*t));
    int err = t == NULL ? COVE_ENOMEM : 0;

    if (err == 0) {
        err = cove_arena_copy(&b->entry->arena, key, &t->key);
    }
    if (err == 0) {
        err = cove_arena_copy(&b->entry->arena, text, &t->text);
    }
    if (err == 0) {
        t->next = b->entry->texts;
        b->entry->texts = t;
    }
    return err;
}

/* One set op of the journal: a step, a schema text, or drift. */
static int build_entry(struct catalog_build *b,
                       const struct cove_log_entry *from, uint64_t hlc,
                       const struct cove_tx_op *op)
{
    char hex[COVE_HEX_LEN(32)];
    enum cove_kind kind = cove_value_kind(op->value);

    if (kind == COVE_KIND_MAP) {
        struct cove_step_id id = cove_step_id_of(op->value);

        cove_hex(cove_bytes(id.b, sizeof(id.b)), hex);
    } else if (kind == COVE_KIND_TEXT) {
        struct cove_hash h =
            cove_hash("cove/schema", cove_value_text(op->value));

        cove_hex(cove_bytes(h.b, sizeof(h.b)), hex);
    } else {
        return build_drift(b, op->reg, from, hlc);
    }
    if (!cove_bytes_equal(op->reg, cove_bytes_text(hex))) {
        return build_drift(b, op->reg, from, hlc);
    }
    return kind == COVE_KIND_MAP
               ? build_step(b, op->value)
               : build_text(b, op->reg, cove_value_text(op->value));
}

static int build_visit(void *ctx, const struct cove_log_entry *entry)
{
    struct catalog_build *b = ctx;
    struct cove_tx tx;

    cove_arena_reset(&b->scratch);
    int err = cove_tx_decode(entry->bytes, &b->scratch, &tx, NULL);

    if (err != 0) {
        return err;
    }
    if (tx.ahead || tx.kind != COVE_TX_NATIVE) {
        return 0;
    }
    if (entry->session->role != COVE_ROLE_ADMIN) {
        b->entry->doc.denied += tx.op_count;
        return 0;
    }
    for (size_t i = 0; i < tx.op_count && err == 0 && entry->shown; i++) {
        if (tx.ops[i].kind == COVE_OP_REGISTER && !tx.ops[i].deleted) {
            err = build_entry(b, entry, tx.hlc, &tx.ops[i]);
        }
    }
    return err;
}

/* What is not published, as if it stood in the journal. */
static int build_assumed(struct catalog_build *b)
{
    int err = 0;

    for (size_t i = 0; i < b->entry->assumed_count && err == 0; i++) {
        const struct cove_assumed *a = &b->entry->assumed[i];
        char hex[COVE_HEX_LEN(32)];

        err = build_step(b, a->body);
        if (err == 0 && a->schema.len > 0) {
            struct cove_hash h = cove_hash("cove/schema", a->schema);

            cove_hex(cove_bytes(h.b, sizeof(h.b)), hex);
            err = build_text(b, cove_bytes_text(hex), a->schema);
        }
    }
    return err;
}

/* The schema's name: what the root step calls it. */
static void entry_name(struct catalog_entry *e)
{
    for (size_t i = 0; i < cove_journal_count(e->journal); i++) {
        const struct cove_step *s = cove_journal_at(e->journal, i);

        if (s->state == COVE_STEP_ACTIVE && s->parent_count == 0) {
            e->doc.name = s->name;
        }
    }
}

int cove_catalog_build(struct cove_catalog *catalog, struct cove_store_txn *txn,
                       struct catalog_entry *entry, cove_num num)
{
    struct cove_catalog *c = catalog;
    struct catalog_entry *e = entry;
    struct catalog_build b = {.entry = e};
    struct cove_arena loading;
    struct cove_doc doc;

    cove_arena_init(&loading, c->alloc);
    cove_arena_init(&b.scratch, c->alloc);
    int err = cove_repo_load(c->repo, txn, num, &loading, &doc, NULL);

    if (err == 0 && doc.header.type != COVE_DOC_JOURNAL) {
        err = COVE_ETYPE;
    }
    if (err == 0) {
        b.header = &doc.header;
        e->doc.num = num;
        e->doc.id = doc.id;
        e->doc.owner = doc.header.owner;
        e->digest = cove_doc_digest(&doc, &loading);
        e->next_held = doc.next_held_hlc;
        e->owner_missing = (doc.flags & COVE_DOC_OWNER_MISSING) != 0;
        err = cove_repo_log(c->repo, txn, &doc, build_visit, &b);
    }
    if (err == 0) {
        err = build_assumed(&b);
    }
    if (err == 0) {
        err = cove_journal_new(c->alloc, b.bodies, b.body_count, &e->journal);
    }
    if (err == 0) {
        e->doc.journal = e->journal;
        e->doc.newest = cove_journal_newest(e->journal);
        e->doc.heads = &e->heads;
        e->doc.drift = b.drift;
        e->doc.drift_count = b.drift_count;
        entry_name(e);
    }
    cove_arena_clear(&b.scratch);
    cove_arena_clear(&loading);
    return err;
}
