/* publish_prepare.c: a migration's files compiled against the journal as the
 * catalog has it: what would be published, and nothing more. */
#include "migrate/laws.h"
#include "migrate/meta.h"
#include "migrate/publish.h"

struct prepare {
    struct cove_catalog *catalog;
    struct cove_store_txn *txn;
    struct cove_arena *arena;
    struct cove_diag *diag;
};

/* The schema that it leads to: given beside it, or inside. */
static int prepare_target(const struct prepare *p,
                          const struct cove_migration_files *files,
                          struct cove_prepared *out)
{
    struct cove_bytes target =
        files->schema.len > 0 ? files->schema : out->migration.target;

    if (target.len == 0) {
        return cove_fail(p->diag, COVE_EUSAGE,
                         "%s does not hold the schema it leads to; give it: "
                         "--schema FILE",
                         files->name);
    }
    return cove_schema_file_read(p->arena, target, "the target schema",
                                 &out->file, p->diag);
}

static int prepare_journal(const struct prepare *p, struct cove_prepared *out)
{
    struct cove_bytes name =
        out->migration.schema.len > 0 ? out->migration.schema : out->file.title;
    char *text = cove_arena_printf(p->arena, "%.*s", (int)name.len,
                                   (const char *)name.at);

    return text == NULL ? COVE_ENOMEM
                        : cove_catalog_find(p->catalog, p->txn, text, &out->num,
                                            p->diag);
}

/* `from` of the file as active steps. */
static int prepare_parents(const struct prepare *p, struct cove_prepared *out)
{
    const struct cove_migration *m = &out->migration;
    struct cove_step_id *parents =
        cove_arena_array(p->arena, m->from_count + 1, sizeof(*parents));
    int err = parents == NULL ? COVE_ENOMEM : 0;

    for (size_t i = 0; i < m->from_count && err == 0; i++) {
        char *version = cove_arena_printf(p->arena, "%.*s", (int)m->from[i].len,
                                          (const char *)m->from[i].at);

        err = version == NULL
                  ? COVE_ENOMEM
                  : cove_catalog_head(p->catalog, p->txn, out->num, version,
                                      &parents[i], p->diag);
    }
    if (err == 0) {
        out->parents = cove_bytes(parents, m->from_count * sizeof(*parents));
    }
    return err;
}

/* A step that says nothing of a loss is tried on values, the same ones for the
 * same step. What is published is beyond that. */
static int prepare_laws(const struct prepare *p,
                        const struct cove_journal *journal,
                        const struct cove_prepared *out)
{
    const struct cove_laws laws = {.body = out->step.body,
                                   .journal = journal,
                                   .words = out->migration.words,
                                   .word_count = out->migration.word_count,
                                   .seed = cove_get_be64(out->step.step.b)};
    struct cove_law_break broken;

    return cove_journal_find(journal, &out->step.step) != NULL
               ? 0
               : cove_laws_judge(p->arena, &laws, &broken, p->diag);
}

/* Are the two files what the documents say that such files are? */
static int prepare_meta(const struct prepare *p,
                        const struct cove_prepared *out)
{
    int err = cove_meta_check(p->arena, COVE_REGISTRY_MIGRATIONS,
                              out->migration.cbor, p->diag);

    return err != 0 ? err
                    : cove_meta_check(p->arena, COVE_REGISTRY_SCHEMATA,
                                      out->file.cbor, p->diag);
}

int cove_prepare_migration(struct cove_catalog *catalog,
                           struct cove_store_txn *txn,
                           const struct cove_migration_files *files,
                           struct cove_arena *arena, struct cove_prepared *out,
                           struct cove_diag *diag)
{
    const struct prepare p = {catalog, txn, arena, diag};
    struct cove_compile_request request = {.migration = &out->migration,
                                           .target = &out->file};
    const struct cove_schema_doc *schema;
    int err = cove_migration_read(arena, files->migration, files->name,
                                  &out->migration, diag);

    err = err != 0 ? err : prepare_target(&p, files, out);
    err = err != 0 ? err : prepare_meta(&p, out);
    err = err != 0 ? err : prepare_journal(&p, out);
    err = err != 0 ? err : prepare_parents(&p, out);
    err = err != 0 ? err : cove_catalog_open(catalog, txn, out->num, &schema);
    if (err != 0) {
        return err;
    }
    request.journal = schema->journal;
    request.parents = (const struct cove_step_id *)out->parents.at;
    request.parent_count = out->migration.from_count;
    err = cove_compile_migration(arena, &request, &out->step, diag);
    return err != 0 ? err : prepare_laws(&p, request.journal, out);
}
