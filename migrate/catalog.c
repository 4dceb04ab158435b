/* catalog.c: see catalog.h.
 *
 * An entry of the cache is one journal document: its steps built into a
 * journal, its schema texts, and the plans and parsed schemas that were asked
 * for. It is as good as the journal document's state digest: a use compares
 * that (and nothing at all while the store's change sequence stands still) and
 * builds the entry anew where it moved. Plans die with their entry.
 */
#include "migrate/catalog.h"

#include "core/json.h"
#include "core/value.h"

#include <stdio.h>
#include <stdlib.h>

struct catalog_text { /* a schema text, under the hex of its hash */
    struct cove_bytes key;
    struct cove_bytes text;
    const struct cove_schema *parsed; /* NULL until asked for */
    struct catalog_text *next;
};

struct catalog_plan {
    struct cove_step_id head;
    struct cove_plan *plan;
    struct catalog_plan *next;
};

struct catalog_entry {
    struct cove_schema_doc doc;
    struct cove_hash digest;
    bool owner_missing; /* rights unknown: never trust the cache */
    uint64_t sequence;  /* of the store, when last compared */
    struct cove_journal *journal;
    struct cove_arena arena;
    struct catalog_text *texts;
    struct catalog_plan *plans;
    struct catalog_entry *next;
};

struct cove_catalog {
    const struct cove_alloc *alloc;
    struct cove_repo *repo;
    struct catalog_entry *entries;
};

int cove_catalog_new(const struct cove_alloc *alloc, struct cove_repo *repo,
                     struct cove_catalog **out)
{
    struct cove_catalog *c = cove_alloc_zero(alloc, 1, sizeof(*c));

    if (c == NULL) {
        return COVE_ENOMEM;
    }
    c->alloc = alloc;
    c->repo = repo;
    *out = c;
    return 0;
}

static void entry_free(struct cove_catalog *c, struct catalog_entry *e)
{
    for (struct catalog_plan *p = e->plans; p != NULL; p = p->next) {
        cove_plan_free(p->plan);
    }
    cove_journal_free(e->journal);
    cove_arena_clear(&e->arena);
    cove_alloc_free(c->alloc, e);
}

void cove_catalog_free(struct cove_catalog *catalog)
{
    if (catalog == NULL) {
        return;
    }
    while (catalog->entries != NULL) {
        struct catalog_entry *e = catalog->entries;

        catalog->entries = e->next;
        entry_free(catalog, e);
    }
    cove_alloc_free(catalog->alloc, catalog);
}

struct cove_repo *cove_catalog_repo(const struct cove_catalog *catalog)
{
    return catalog->repo;
}

const struct cove_alloc *cove_catalog_alloc(const struct cove_catalog *catalog)
{
    return catalog->alloc;
}

/* ---------------------------------------------------------- building */

struct catalog_build {
    struct catalog_entry *entry;
    const struct cove_header *header;
    struct cove_arena scratch; /* of one transaction */
    struct cove_bytes *bodies;
    size_t body_count, body_cap;
    struct cove_drift *drift;
    size_t drift_count, drift_cap;
};

/* Room for one more in an arena array; the old array is left to the arena. */
static int build_room(struct cove_arena *arena, void **array, size_t size,
                      size_t count, size_t *cap)
{
    if (count < *cap) {
        return 0;
    }
    size_t wider = *cap == 0 ? 8 : *cap * 2;
    void *fresh = cove_arena_array(arena, wider, size);

    if (fresh == NULL) {
        return COVE_ENOMEM;
    }
    if (count > 0) {
        memcpy(fresh, *array, count * size);
    }
    *array = fresh;
    *cap = wider;
    return 0;
}

static int build_drift(struct catalog_build *b, struct cove_bytes key,
                       const struct cove_log_entry *from, uint64_t hlc)
{
    struct cove_arena *arena = &b->entry->arena;
    void *array = b->drift;
    int err = build_room(arena, &array, sizeof(*b->drift), b->drift_count,
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
    int err = build_room(&b->entry->arena, &array, sizeof(*b->bodies),
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
        if (!tx.ops[i].deleted) {
            err = build_entry(b, entry, tx.hlc, &tx.ops[i]);
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

static int entry_build(struct cove_catalog *c, struct cove_store_txn *txn,
                       struct catalog_entry *e, cove_num num)
{
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
        e->owner_missing = (doc.flags & COVE_DOC_OWNER_MISSING) != 0;
        err = cove_repo_log(c->repo, txn, &doc, build_visit, &b);
    }
    if (err == 0) {
        err = cove_journal_new(c->alloc, b.bodies, b.body_count, &e->journal);
    }
    if (err == 0) {
        e->doc.journal = e->journal;
        e->doc.drift = b.drift;
        e->doc.drift_count = b.drift_count;
        entry_name(e);
    }
    cove_arena_clear(&b.scratch);
    cove_arena_clear(&loading);
    return err;
}

/* ------------------------------------------------------------ lookups */

static struct catalog_entry **entry_slot(struct cove_catalog *c, cove_num num)
{
    struct catalog_entry **slot = &c->entries;

    while (*slot != NULL && (*slot)->doc.num != num) {
        slot = &(*slot)->next;
    }
    return slot;
}

/* Is what is cached still what the store holds? */
static int entry_fresh(struct cove_catalog *c, struct cove_store_txn *txn,
                       struct catalog_entry *e, bool *fresh)
{
    struct cove_doc_brief brief;
    uint64_t sequence;
    int err = cove_repo_sequence(c->repo, txn, &sequence);

    if (err != 0) {
        return err;
    }
    if (e->owner_missing) {
        *fresh = false;
        return 0;
    }
    if (sequence != e->sequence) {
        err = cove_repo_brief(c->repo, txn, e->doc.num, &brief);
        if (err != 0) {
            return err;
        }
        *fresh = memcmp(brief.digest.b, e->digest.b, sizeof(e->digest.b)) == 0;
        e->sequence = sequence;
        return 0;
    }
    *fresh = true;
    return 0;
}

static int entry_get(struct cove_catalog *c, struct cove_store_txn *txn,
                     cove_num num, struct catalog_entry **out)
{
    struct catalog_entry **slot = entry_slot(c, num);
    bool fresh = false;

    if (*slot != NULL) {
        int err = entry_fresh(c, txn, *slot, &fresh);

        if (err != 0) {
            return err;
        }
    }
    if (fresh) {
        *out = *slot;
        return 0;
    }
    struct catalog_entry *e = cove_alloc_zero(c->alloc, 1, sizeof(*e));

    if (e == NULL) {
        return COVE_ENOMEM;
    }
    cove_arena_init(&e->arena, c->alloc);
    int err = cove_repo_sequence(c->repo, txn, &e->sequence);

    if (err == 0) {
        err = entry_build(c, txn, e, num);
    }
    if (err != 0) {
        entry_free(c, e);
        return err;
    }
    if (*slot != NULL) {
        struct catalog_entry *stale = *slot;

        *slot = stale->next;
        entry_free(c, stale);
    }
    e->next = c->entries;
    c->entries = e;
    *out = e;
    return 0;
}

int cove_catalog_open(struct cove_catalog *catalog, struct cove_store_txn *txn,
                      cove_num num, const struct cove_schema_doc **out)
{
    struct catalog_entry *e;
    int err = entry_get(catalog, txn, num, &e);

    if (err == 0) {
        *out = &e->doc;
    }
    return err;
}

/* The journals of this name; up to two are noted, for the message. */
static int find_by_name(struct cove_catalog *c, struct cove_store_txn *txn,
                        const char *name, cove_num found[2], size_t *count)
{
    cove_num num = 0;

    *count = 0;
    for (;;) {
        const struct cove_schema_doc *doc;
        int err = cove_repo_next(c->repo, txn, COVE_NUM_JOURNALS, num, &num);

        if (err == COVE_ENOTFOUND) {
            return 0;
        }
        if (err == 0) {
            err = cove_catalog_open(c, txn, num, &doc);
        }
        if (err != 0) {
            return err;
        }
        if (cove_bytes_equal(doc->name, cove_bytes_text(name)) && *count < 2) {
            found[(*count)++] = num;
        }
    }
}

static int find_ambiguous(struct cove_catalog *c, struct cove_store_txn *txn,
                          const char *name, const cove_num found[2],
                          struct cove_diag *diag)
{
    char text[2][COVE_ID_TEXT_MAX] = {"", ""};

    for (size_t i = 0; i < 2; i++) {
        const struct cove_schema_doc *doc;
        int err = cove_catalog_open(c, txn, found[i], &doc);

        if (err != 0) {
            return err;
        }
        cove_id_text(&doc->id, text[i]);
    }
    return cove_fail(diag, COVE_EAMBIGUOUS,
                     "two schemas are called %s; name the journal: %s or %s",
                     name, text[0], text[1]);
}

int cove_catalog_find(struct cove_catalog *catalog, struct cove_store_txn *txn,
                      const char *name, cove_num *out, struct cove_diag *diag)
{
    cove_num found[2];
    size_t count;
    struct cove_id id;

    if (strncmp(name, "co_z", 4) == 0) {
        int err = cove_repo_resolve(catalog->repo, txn, name, &id, diag);
        const struct cove_schema_doc *doc;
        cove_num num = 0;

        if (err == 0) {
            err = cove_repo_find(catalog->repo, txn, &id, &num);
        }
        if (err == 0) {
            err = cove_catalog_open(catalog, txn, num, &doc);
        }
        if (err == COVE_ETYPE) {
            return cove_fail(diag, err, "%s is no schema journal", name);
        }
        if (err == 0) {
            *out = num;
        }
        return err;
    }
    int err = find_by_name(catalog, txn, name, found, &count);

    if (err != 0) {
        return err;
    }
    if (count == 0) {
        return cove_fail(diag, COVE_ENOTFOUND,
                         "no schema is called %s here; `cove schema list` "
                         "shows those there are, `cove schema put FILE` "
                         "publishes one",
                         name);
    }
    if (count > 1) {
        return find_ambiguous(catalog, txn, name, found, diag);
    }
    *out = found[0];
    return 0;
}

/* How many steps a head's history has, itself included. */
static size_t head_depth(const struct cove_journal *journal,
                         const struct cove_step *head)
{
    size_t depth = 0;

    for (size_t i = 0; i < cove_journal_count(journal); i++) {
        depth += cove_journal_descends(journal, &head->id,
                                       &cove_journal_at(journal, i)->id);
    }
    return depth;
}

static bool step_is_leaf(const struct cove_journal *journal,
                         const struct cove_step *step)
{
    for (size_t i = 0; i < cove_journal_count(journal); i++) {
        const struct cove_step *other = cove_journal_at(journal, i);

        if (other != step &&
            cove_journal_descends(journal, &other->id, &step->id)) {
            return false;
        }
    }
    return true;
}

/* The leaf with the greatest version, then the longest history, then the
 * smaller id (the journal is ordered by id). NULL where nothing is active. */
const struct cove_step *cove_journal_newest(const struct cove_journal *journal)
{
    const struct cove_step *best = NULL;

    for (size_t i = 0; i < cove_journal_count(journal); i++) {
        const struct cove_step *s = cove_journal_at(journal, i);

        if (s->state != COVE_STEP_ACTIVE || !step_is_leaf(journal, s)) {
            continue;
        }
        int64_t mine = s->has_version ? s->version : 0;
        int64_t top = best != NULL && best->has_version ? best->version : 0;

        if (best == NULL || mine > top ||
            (mine == top &&
             head_depth(journal, s) > head_depth(journal, best))) {
            best = s;
        }
    }
    return best;
}

bool cove_schema_doc_forked(const struct cove_schema_doc *schema)
{
    const struct cove_journal *j = schema->journal;
    size_t leaves = 0;

    for (size_t i = 0; i < cove_journal_count(j); i++) {
        const struct cove_step *s = cove_journal_at(j, i);

        if (s->state != COVE_STEP_ACTIVE) {
            continue;
        }
        leaves += step_is_leaf(j, s);
        for (size_t k = i + 1; k < cove_journal_count(j); k++) {
            const struct cove_step *t = cove_journal_at(j, k);

            if (t->state == COVE_STEP_ACTIVE && s->has_version &&
                t->has_version && s->version == t->version) {
                return true;
            }
        }
    }
    return leaves > 1;
}

/* Does this step answer to what was asked: a version number, or hex? */
static bool head_matches(const struct cove_step *s, const char *asked)
{
    char hex[COVE_HEX_LEN(32)];
    char *end;
    long long number = strtoll(asked, &end, 10);

    if (*end == '\0' && strlen(asked) < 8) {
        return s->has_version && s->version == number;
    }
    cove_hex(cove_bytes(s->id.b, sizeof(s->id.b)), hex);
    return strlen(asked) >= 8 && strncmp(hex, asked, strlen(asked)) == 0;
}

/* Name the versions that there are, for the message. */
static int head_unknown(const struct cove_schema_doc *doc, const char *asked,
                        struct cove_diag *diag)
{
    char list[256] = "";
    size_t len = 0;

    for (size_t i = 0; i < cove_journal_count(doc->journal); i++) {
        const struct cove_step *s = cove_journal_at(doc->journal, i);

        if (s->state == COVE_STEP_ACTIVE && s->has_version &&
            len < sizeof(list) - 24) {
            len +=
                (size_t)snprintf(list + len, sizeof(list) - len, "%s%lld",
                                 len == 0 ? "" : ", ", (long long)s->version);
        }
    }
    return cove_fail(diag, COVE_ENOTFOUND,
                     "%.*s has no version %s here; held: %s",
                     (int)doc->name.len, (const char *)doc->name.at, asked,
                     len == 0 ? "none" : list);
}

static int head_ambiguous(const struct cove_schema_doc *doc, const char *asked,
                          const struct cove_step *const found[2],
                          struct cove_diag *diag)
{
    char hex[2][COVE_HEX_LEN(32)];

    for (size_t i = 0; i < 2; i++) {
        cove_hex(cove_bytes(found[i]->id.b, 32), hex[i]);
    }
    return cove_fail(diag, COVE_EAMBIGUOUS,
                     "a fork: two steps of %.*s are version %s; name one: "
                     "%.16s or %.16s",
                     (int)doc->name.len, (const char *)doc->name.at, asked,
                     hex[0], hex[1]);
}

int cove_catalog_head(struct cove_catalog *catalog, struct cove_store_txn *txn,
                      cove_num num, const char *version,
                      struct cove_step_id *out, struct cove_diag *diag)
{
    const struct cove_schema_doc *doc;
    const struct cove_step *found[2] = {NULL, NULL};
    const struct cove_step *pending = NULL;
    size_t count = 0;
    int err = cove_catalog_open(catalog, txn, num, &doc);

    if (err != 0) {
        return err;
    }
    if (version == NULL || version[0] == '\0' || strcmp(version, "0") == 0) {
        found[0] = cove_journal_newest(doc->journal);
        if (found[0] == NULL) {
            return cove_fail(diag, COVE_EBLOCKED,
                             "no step of this schema is active here yet; sync "
                             "with a peer that has its journal");
        }
        *out = found[0]->id;
        return 0;
    }
    for (size_t i = 0; i < cove_journal_count(doc->journal); i++) {
        const struct cove_step *s = cove_journal_at(doc->journal, i);

        if (!head_matches(s, version)) {
            continue;
        }
        if (s->state != COVE_STEP_ACTIVE) {
            pending = s;
        } else if (count < 2) {
            found[count++] = s;
        }
    }
    if (count == 2) {
        return head_ambiguous(doc, version, found, diag);
    }
    if (count == 0 && pending != NULL) {
        return cove_fail(diag, COVE_EBLOCKED,
                         "version %s is held but %s; `cove migrate status` "
                         "says more",
                         version,
                         pending->state == COVE_STEP_WAITING
                             ? "waits for a step that is missing"
                             : "is malformed for this build");
    }
    if (count == 0) {
        return head_unknown(doc, version, diag);
    }
    *out = found[0]->id;
    return 0;
}

int cove_catalog_plan(struct cove_catalog *catalog, struct cove_store_txn *txn,
                      cove_num num, const struct cove_step_id *head,
                      const struct cove_plan **out)
{
    struct catalog_entry *e;
    int err = entry_get(catalog, txn, num, &e);

    if (err != 0) {
        return err;
    }
    for (struct catalog_plan *p = e->plans; p != NULL; p = p->next) {
        if (memcmp(p->head.b, head->b, sizeof(head->b)) == 0) {
            *out = p->plan;
            return 0;
        }
    }
    struct catalog_plan *fresh = cove_arena_new(&e->arena, sizeof(*fresh));

    if (fresh == NULL) {
        return COVE_ENOMEM;
    }
    err = cove_plan_new(catalog->alloc, e->journal, head, &fresh->plan);
    if (err != 0) {
        return err;
    }
    fresh->head = *head;
    fresh->next = e->plans;
    e->plans = fresh;
    *out = fresh->plan;
    return 0;
}

static int text_parse(struct cove_catalog *c, struct catalog_entry *e,
                      struct catalog_text *t)
{
    struct cove_buf cbor;

    cove_buf_init(&cbor, c->alloc);
    int err = cove_json_read_plain(t->text, "schema", &cbor, NULL);

    if (err == 0) {
        err = cove_schema_parse(&e->arena, cove_buf_bytes(&cbor), &t->parsed,
                                NULL);
    }
    cove_buf_clear(&cbor);
    return err;
}

int cove_catalog_schema(struct cove_catalog *catalog,
                        struct cove_store_txn *txn, cove_num num,
                        const struct cove_step_id *head,
                        struct cove_bytes *text, const struct cove_schema **out)
{
    struct catalog_entry *e;
    int err = entry_get(catalog, txn, num, &e);

    if (err != 0) {
        return err;
    }
    const struct cove_step *step = cove_journal_find(e->journal, head);

    if (step == NULL || step->schema.len == 0) {
        return COVE_ENOTFOUND;
    }
    for (struct catalog_text *t = e->texts; t != NULL; t = t->next) {
        if (!cove_bytes_equal(t->key, step->schema)) {
            continue;
        }
        if (t->parsed == NULL) {
            err = text_parse(catalog, e, t);
        }
        if (err == 0) {
            *text = t->text;
            *out = t->parsed;
        }
        return err;
    }
    return COVE_ENOTFOUND;
}
