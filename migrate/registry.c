/* registry.c: the registry documents of an owner: their ids follow from the
 * owner and the name. */
#include "core/value.h"
#include "migrate/publish.h"

static int registry_header(const struct cove_id *owner,
                           enum cove_registry which, struct cove_arena *arena,
                           struct cove_buf *out, struct cove_id *id)
{
    struct cove_header h = {.version = COVE_FORMAT_VERSION,
                            .type = COVE_DOC_COMAP,
                            .has_owner = true,
                            .owner = *owner};
    const char *name =
        which == COVE_REGISTRY_SCHEMATA ? "schemata" : "migrations";
    int err = cove_value_of_text(arena, cove_bytes_text(name), &h.unique);

    return err != 0 ? err : cove_header_encode(&h, out, id, NULL);
}

int cove_registry_open(struct cove_catalog *catalog, struct cove_store_txn *txn,
                       const struct cove_id *owner, enum cove_registry which,
                       bool create, cove_num *out)
{
    struct cove_repo *repo = cove_catalog_repo(catalog);
    const struct cove_alloc *alloc = cove_catalog_alloc(catalog);
    struct cove_arena arena;
    struct cove_buf header;
    struct cove_id id;

    cove_arena_init(&arena, alloc);
    cove_buf_init(&header, alloc);
    int err = registry_header(owner, which, &arena, &header, &id);

    if (err == 0) {
        err = cove_repo_find(repo, txn, &id, out);
    }
    if (err == COVE_ENOTFOUND && create) {
        err = cove_repo_create(repo, txn, cove_buf_bytes(&header), out, NULL);
    }
    cove_buf_clear(&header);
    cove_arena_clear(&arena);
    return err;
}
