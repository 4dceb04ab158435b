/* catalog.c: see catalog.h.
 *
 * An entry of the cache is one journal document: its steps built into a
 * journal, its schema texts, and the plans and parsed schemas that were asked
 * for. It is as good as the journal document's state digest: a use compares
 * that (and nothing at all while no group, account or journal changes) and
 * builds the entry anew where it moved, or where the time of a held step has
 * come. Plans die with their entry. A replaced entry is not freed at once: a
 * document loaded before in the same transaction reads through its plan.
 */
#include "migrate/catalog_internal.h"

#include "core/hlc.h"
#include "core/json.h"
#include "core/limits.h"

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

struct catalog_entry *cove_catalog_entry_new(struct cove_catalog *catalog)
{
    struct catalog_entry *e = cove_alloc_zero(catalog->alloc, 1, sizeof(*e));

    if (e != NULL) {
        e->doc.serial = ++catalog->serials;
        cove_arena_init(&e->arena, catalog->alloc);
    }
    return e;
}

void cove_catalog_entry_free(struct cove_catalog *c, struct catalog_entry *e)
{
    for (struct catalog_plan *p = e->plans; p != NULL; p = p->next) {
        cove_plan_free(p->plan);
    }
    cove_journal_free(e->journal);
    cove_arena_clear(&e->arena);
    cove_alloc_free(c->alloc, e);
}

static void entries_free(struct cove_catalog *c, struct catalog_entry **list)
{
    while (*list != NULL) {
        struct catalog_entry *e = *list;

        *list = e->next;
        cove_catalog_entry_free(c, e);
    }
}

void cove_catalog_free(struct cove_catalog *catalog)
{
    if (catalog == NULL) {
        return;
    }
    entries_free(catalog, &catalog->entries);
    entries_free(catalog, &catalog->stale);
    cove_alloc_free(catalog->alloc, catalog);
}

void cove_catalog_settle(struct cove_catalog *catalog)
{
    entries_free(catalog, &catalog->stale);
}

struct cove_judging *cove_catalog_judging(struct cove_catalog *catalog)
{
    return &catalog->judging;
}

struct cove_repo *cove_catalog_repo(const struct cove_catalog *catalog)
{
    return catalog->repo;
}

const struct cove_alloc *cove_catalog_alloc(const struct cove_catalog *catalog)
{
    return catalog->alloc;
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

void cove_catalog_entry_put(struct cove_catalog *c, struct catalog_entry *e)
{
    struct catalog_entry **slot = entry_slot(c, e->doc.num);

    if (*slot != NULL) {
        struct catalog_entry *stale = *slot;

        *slot = stale->next;
        stale->next = c->stale;
        c->stale = stale;
    }
    e->next = c->entries;
    c->entries = e;
}

/* Has the time come of a step that was held? The digest does not tell: it is
 * of what is held, shown or not. */
static bool entry_due(const struct cove_catalog *c,
                      const struct catalog_entry *e)
{
    const struct cove_env *env = cove_repo_env(c->repo);

    return e->next_held != 0 &&
           cove_hlc_ahead(e->next_held, env->now_ms(env->ctx)) <=
               COVE_MAX_AHEAD_MS;
}

/* Is what is cached still what the store holds and shows? */
static int entry_fresh(struct cove_catalog *c, struct cove_store_txn *txn,
                       struct catalog_entry *e, bool *fresh)
{
    struct cove_doc_brief brief;
    uint64_t sequence;

    if (e->assumed_count > 0) {
        *fresh = true;
        return 0;
    }
    int err = cove_repo_rules(c->repo, txn, &sequence);

    if (err != 0) {
        return err;
    }
    if (entry_due(c, e) || e->generation != cove_store_generation(txn)) {
        *fresh = false;
        return 0;
    }
    if (sequence == e->sequence) {
        *fresh = true;
        return 0;
    }
    if (e->owner_missing) {
        *fresh = false;
        return 0;
    }
    err = cove_repo_brief(c->repo, txn, e->doc.num, &brief);
    if (err != 0) {
        return err;
    }
    *fresh = memcmp(brief.digest.b, e->digest.b, sizeof(e->digest.b)) == 0;
    if (*fresh) { /* else it is looked at again, should building fail */
        e->sequence = sequence;
    }
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
    struct catalog_entry *e = cove_catalog_entry_new(c);

    if (e == NULL) {
        return COVE_ENOMEM;
    }
    int err = cove_repo_rules(c->repo, txn, &e->sequence);

    e->generation = cove_store_generation(txn);
    if (err == 0) {
        err = cove_catalog_build(c, txn, e, num);
    }
    if (err != 0) {
        cove_catalog_entry_free(c, e);
        return err;
    }
    cove_catalog_entry_put(c, e);
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

/* It was published, so it is what it is: one that this program cannot use gets
 * in nobody's way but theirs who write by it. */
static int text_parse(struct cove_catalog *c, struct catalog_entry *e,
                      struct catalog_text *t)
{
    static const struct cove_schema_options published = {.tolerant = true};
    struct cove_buf cbor;

    cove_buf_init(&cbor, c->alloc);
    int err = cove_json_read_plain(t->text, "schema", &cbor, NULL);

    if (err == 0) {
        err = cove_schema_compile(&e->arena, cove_buf_bytes(&cbor), &published,
                                  &t->parsed, NULL);
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
