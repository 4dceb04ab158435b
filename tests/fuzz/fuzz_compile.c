/* What developers write, hostile: a schema, a later schema and a migration
 * between them, each behind a line "---". What is refused has a sentence; what
 * compiles is a step that becomes active and shows what the schema says. */
#include "core/crypto.h"
#include "migrate/compile.h"
#include "migrate/plan.h"
#include "migrate/where.h"
#include "tests/fuzz/part_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static struct cove_journal *journal_of(struct cove_bytes body)
{
    struct cove_journal *journal;

    REQUIRE(cove_journal_new(&cove_alloc_libc, &body, 1, &journal) == 0);
    REQUIRE(cove_journal_at(journal, 0)->state == COVE_STEP_ACTIVE);
    return journal;
}

static void migrate(struct cove_arena *arena, const struct cove_compiled *root,
                    const struct cove_schema_file *after,
                    const struct cove_migration *migration)
{
    struct cove_journal *journal = journal_of(root->body);
    struct cove_compile_request request = {.migration = migration,
                                           .target = after,
                                           .journal = journal,
                                           .parents = &root->step,
                                           .parent_count = 1};
    struct cove_compiled step;
    struct cove_diag diag = {0};

    if (good(cove_compile_migration(arena, &request, &step, &diag), &diag)) {
        struct cove_bytes bodies[] = {root->body, step.body};
        struct cove_journal *both;
        struct cove_plan *plan;

        REQUIRE(cove_journal_new(&cove_alloc_libc, bodies, 2, &both) == 0);
        REQUIRE(cove_plan_new(&cove_alloc_libc, both, &step.step, &plan) == 0);
        REQUIRE(plan->conflict_count == 0);
        REQUIRE(plan->field_count == cove_schema_count(after->schema));
        cove_plan_free(plan);
        cove_journal_free(both);
    }
    cove_journal_free(journal);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct cove_bytes rest = cove_bytes(at, len);
    struct cove_bytes first = part_take(&rest), second = part_take(&rest);
    struct cove_schema_file before, after;
    struct cove_migration migration;
    struct cove_compiled root;
    const struct cove_where *where;
    struct cove_diag diag = {0};
    struct cove_arena arena;
    bool known, next, words;

    REQUIRE(cove_crypto_init() == 0);
    cove_arena_init(&arena, &cove_alloc_libc);
    known = good(cove_schema_file_read(&arena, first, "v1", &before, &diag),
                 &diag) &&
            good(cove_compile_root(&arena, &before, &root, &diag), &diag);
    next =
        good(cove_schema_file_read(&arena, second, "v2", &after, &diag), &diag);
    words = good(cove_migration_read(&arena, rest, "file", &migration, &diag),
                 &diag);
    if (words) {
        good(cove_where_parse(&arena, migration.cbor, &where, &diag), &diag);
    }
    if (known && next && words) {
        migrate(&arena, &root, &after, &migration);
    }
    cove_arena_clear(&arena);
    return 0;
}
