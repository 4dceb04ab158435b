/* meta.c: see meta.h. The two texts are published as they stand in
 * meta-schema.json and migration-schema.json, which are built in.
 */
#include "migrate/meta.h"

#include "core/json.h"
#include "core/value.h"
#include "migrate/unique.h"

struct cove_bytes cove_meta_text(enum cove_registry which)
{
    return which == COVE_REGISTRY_SCHEMATA
               ? cove_bytes(cove_meta_schema, cove_meta_schema_len)
               : cove_bytes(cove_migration_schema, cove_migration_schema_len);
}

static const char *meta_name(enum cove_registry which)
{
    return which == COVE_REGISTRY_SCHEMATA ? "meta-schema" : "migration-schema";
}

int cove_meta_check(struct cove_arena *arena, enum cove_registry which,
                    struct cove_bytes cbor, struct cove_diag *diag)
{
    const struct cove_schema *schema;
    struct cove_buf buf;
    int err;

    cove_buf_init(&buf, arena->alloc);
    err = cove_json_read_plain(cove_meta_text(which), meta_name(which), &buf,
                               diag);
    if (err == 0) {
        err = cove_schema_parse(arena, cove_buf_bytes(&buf), &schema, diag);
    }
    if (err == 0) {
        err = cove_schema_check(schema, cbor, diag);
    }
    if (err == COVE_EUNSUPPORTED) { /* patterns; the readers judged them */
        cove_diag_clear(diag);
        err = 0;
    }
    if (err != 0) {
        cove_diag_context(diag, "by the %s", meta_name(which));
    }
    cove_buf_clear(&buf);
    return err;
}

/* ---------------------------------------------------------------- documents */

struct meta {
    const struct cove_meta *asked;
    struct cove_repo *repo;
    struct cove_arena arena;
    struct cove_diag *diag;
};

/* Has the document this key? */
static int meta_has(const struct cove_doc *doc, const char *key, bool *has)
{
    const struct cove_native *native = NULL;
    const struct cove_copy *copy = NULL;
    int err =
        cove_state_winner(&doc->state, cove_bytes_text(key), &native, &copy);

    *has = err == 0;
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* Write keys that the document has not, in one transaction. */
static int meta_write(struct meta *m, cove_num num, struct cove_tx_op *ops,
                      size_t count)
{
    struct cove_tx tx = {.kind = COVE_TX_NATIVE, .ops = ops, .op_count = count};
    struct cove_doc doc;
    bool has = false;
    int err =
        cove_repo_load(m->repo, m->asked->txn, num, &m->arena, &doc, m->diag);

    err = err != 0 ? err : meta_has(&doc, (const char *)ops[0].reg.at, &has);
    return err != 0 || has
               ? err
               : cove_repo_append(m->repo, m->asked->txn, &doc, &tx, m->diag);
}

static int meta_fill(struct meta *m, cove_num num)
{
    struct cove_tx_op ops[] = {{.reg = cove_bytes_text("title")},
                               {.reg = cove_bytes_text("text")}};
    int err = cove_value_of_text(
        &m->arena, cove_bytes_text(meta_name(m->asked->which)), &ops[0].value);

    if (err == 0) {
        err = cove_value_of_text(&m->arena, cove_meta_text(m->asked->which),
                                 &ops[1].value);
    }
    return err != 0 ? err : meta_write(m, num, ops, COVE_ARRAY_LEN(ops));
}

static int meta_link(struct meta *m, const struct cove_id *id)
{
    struct cove_tx_op op = {.reg = cove_bytes_text("$schema")};
    int err = cove_value_of_ref(&m->arena, id, &op.value);

    return err != 0 ? err : meta_write(m, m->asked->registry, &op, 1);
}

int cove_meta_ensure(const struct cove_meta *meta, struct cove_diag *diag)
{
    struct meta m = {
        .asked = meta, .repo = cove_catalog_repo(meta->catalog), .diag = diag};
    struct cove_unique unique = {
        .owner = &meta->owner, .name = meta_name(meta->which), .create = true};
    struct cove_id id;
    cove_num num;

    cove_arena_init(&m.arena, cove_catalog_alloc(meta->catalog));

    int err =
        cove_unique_open(meta->catalog, meta->txn, &unique, &num, &id, diag);

    err = err != 0 ? err : meta_fill(&m, num);
    err = err != 0 ? err : meta_link(&m, &id);
    cove_arena_clear(&m.arena);
    return err;
}
