/* unique.c: see unique.h. */
#include "migrate/unique.h"

#include "core/value.h"
#include "migrate/publish.h"

static int unique_header(const struct cove_unique *unique,
                         struct cove_arena *arena, struct cove_buf *out,
                         struct cove_id *id, struct cove_diag *diag)
{
    struct cove_header h = {.version = COVE_FORMAT_VERSION,
                            .type = COVE_DOC_COMAP,
                            .has_owner = true,
                            .owner = *unique->owner};
    int err =
        cove_value_of_text(arena, cove_bytes_text(unique->name), &h.unique);

    return err != 0 ? err : cove_header_encode(&h, out, id, diag);
}

int cove_unique_open(struct cove_catalog *catalog, struct cove_store_txn *txn,
                     const struct cove_unique *unique, cove_num *num,
                     struct cove_id *id, struct cove_diag *diag)
{
    struct cove_repo *repo = cove_catalog_repo(catalog);
    const struct cove_alloc *alloc = cove_catalog_alloc(catalog);
    struct cove_arena arena;
    struct cove_buf header;
    struct cove_id derived;

    cove_arena_init(&arena, alloc);
    cove_buf_init(&header, alloc);
    int err = unique_header(unique, &arena, &header, &derived, diag);

    if (err == 0) {
        err = cove_repo_find(repo, txn, &derived, num);
    }
    if (err == COVE_ENOTFOUND && unique->create) {
        err = cove_repo_create(repo, txn, cove_buf_bytes(&header), num, diag);
    }
    if (err == 0 && id != NULL) {
        *id = derived;
    }
    cove_buf_clear(&header);
    cove_arena_clear(&arena);
    return err;
}

int cove_registry_open(struct cove_catalog *catalog, struct cove_store_txn *txn,
                       const struct cove_id *owner, enum cove_registry which,
                       bool create, cove_num *out)
{
    struct cove_unique unique = {
        .owner = owner,
        .name = which == COVE_REGISTRY_SCHEMATA ? "schemata" : "migrations",
        .create = create};

    return cove_unique_open(catalog, txn, &unique, out, NULL, NULL);
}
