/* admin_check_journals.c: what a check asks of journals and registries, which
 * the repo does not know. */
#include "core/value.h"
#include "node/check.h"

struct journals {
    struct check *check;
    struct cove_store_txn *txn;
    struct cove_arena arena;
};

/* A key that is not its value's hash: the entry counts for nothing. */
static int journal_entries(struct journals *s, cove_num num)
{
    struct cove_finding f = {
        .kind = "journal-entry",
        .has_id = true,
        .text = "an entry of a journal is not what its key says: that version "
                "is not known"};
    const struct cove_schema_doc *schema;
    int err =
        cove_catalog_open(s->check->worker->catalog, s->txn, num, &schema);

    if (err != 0) { /* what cannot be read was told with the documents */
        return err == COVE_ENOMEM || err == COVE_EIO ? err : 0;
    }
    f.id = schema->id;
    for (size_t i = 0; i < schema->drift_count && err == 0; i++) {
        err = check_finding(s->check, &f);
    }
    return err;
}

static int registry_entry(struct journals *s, const struct cove_doc *doc,
                          const struct cove_native *native)
{
    struct cove_finding f = {.kind = "registry-entry",
                             .has_id = true,
                             .id = doc->id,
                             .text =
                                 "a registry names a journal that is not here"};
    struct cove_id id;
    cove_num num;
    int err;

    if (native->deleted || !cove_value_ref(native->value, &id)) {
        return 0;
    }
    err = cove_repo_find(s->check->worker->repo, s->txn, &id, &num);
    return err == COVE_ENOTFOUND ? check_finding(s->check, &f) : err;
}

static int registry_entries(struct journals *s, const struct cove_id *owner)
{
    struct cove_doc doc;
    cove_num num;
    int err = cove_registry_open(s->check->worker->catalog, s->txn, owner,
                                 COVE_REGISTRY_SCHEMATA, false, &num);

    if (err != 0) {
        return err == COVE_ENOMEM || err == COVE_EIO ? err : 0;
    }
    err = cove_repo_load(s->check->worker->repo, s->txn, num, &s->arena, &doc,
                         NULL);
    if (err != 0) {
        return err == COVE_ENOMEM || err == COVE_EIO ? err : 0;
    }
    for (size_t i = 0; i < doc.state.native_count && err == 0; i++) {
        err = registry_entry(s, &doc, &doc.state.natives[i]);
    }
    return err;
}

/* Owners are groups and accounts, which the list of changes has in a class. */
static int registries(struct journals *s)
{
    struct cove_repo *repo = s->check->worker->repo;
    struct cove_change change = {.sequence = 0};
    int err = 0;

    for (;;) {
        struct cove_doc_brief brief;

        err = cove_repo_change_after(repo, s->txn, change.sequence, &change);
        if (err != 0) {
            return err == COVE_ENOTFOUND ? 0 : err;
        }
        if (change.class != COVE_CLASS_RIGHTS) {
            continue;
        }
        cove_arena_reset(&s->arena);
        err = cove_repo_brief(repo, s->txn, change.num, &brief);
        if (err == 0) {
            err = registry_entries(s, &brief.id);
        } else if (err != COVE_ENOMEM && err != COVE_EIO) {
            err = 0;
        }
        if (err != 0) {
            return err;
        }
    }
}

int check_journals(struct check *check, struct cove_store_txn *txn)
{
    struct journals s = {.check = check, .txn = txn};
    struct cove_repo *repo = check->worker->repo;
    cove_num num = 0;
    int err = 0;

    cove_arena_init(&s.arena, check->a->store->alloc);
    while (err == 0) {
        err = cove_repo_next(repo, txn, COVE_NUM_JOURNALS, num, &num);
        if (err == 0) {
            err = journal_entries(&s, num);
        }
    }
    err = err == COVE_ENOTFOUND ? registries(&s) : err;
    cove_arena_clear(&s.arena);
    return err;
}
