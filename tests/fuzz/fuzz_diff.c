/* What the diff is given, hostile: a schema, a later schema and answers, each
 * behind a line "---". What is refused has a sentence; where nothing is open,
 * the words lead from the one to the other, and down leads back. */
#include "core/crypto.h"
#include "core/json.h"
#include "core/value.h"
#include "migrate/diff.h"
#include "tests/fuzz/part_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static char *json_of(struct cove_arena *arena, struct cove_bytes cbor)
{
    struct cove_buf buf;
    char *text;

    cove_buf_init(&buf, arena->alloc);
    REQUIRE(cove_json_write_plain(cbor, 0, &buf) == 0);
    text = cove_arena_printf(arena, "%.*s", (int)buf.len, (char *)buf.at);
    cove_buf_clear(&buf);
    return text;
}

/* The words as a migration file, compiled on the first schema. A step has its
 * limits, and some schemas differ by more than that. */
static void words_lead(struct cove_arena *arena,
                       const struct cove_schema_file *before,
                       const struct cove_schema_file *after,
                       const struct cove_diff *d)
{
    struct cove_migration migration;
    struct cove_compiled root, step;
    struct cove_journal *journal;
    struct cove_diag diag = {0};
    struct cove_bytes title;
    char *text;
    int rc;

    REQUIRE(cove_value_of_text(arena, after->title, &title) == 0);
    text = cove_arena_printf(
        arena, "{\"schema\":%s,\"from\":1,\"to\":%lld,\"steps\":%s%s%s}",
        json_of(arena, title),
        (long long)(after->version > 1 ? after->version : 2),
        json_of(arena, d->words), d->down.len > 0 ? ",\"down\":" : "",
        d->down.len > 0 ? json_of(arena, d->down) : "");
    if (after->version == 1 ||
        cove_compile_root(arena, before, &root, &diag) != 0) {
        return;
    }
    rc = cove_migration_read(arena, cove_bytes_text(text), "words", &migration,
                             &diag);
    REQUIRE(rc == 0 || rc == COVE_ELIMIT);
    if (rc == 0) {
        struct cove_compile_request request = {.migration = &migration,
                                               .target = after,
                                               .parents = &root.step,
                                               .parent_count = 1};

        REQUIRE(cove_journal_new(arena->alloc, &root.body, 1, &journal) == 0);
        request.journal = journal;
        rc = cove_compile_migration(arena, &request, &step, &diag);
        cove_journal_free(journal);
        REQUIRE(rc == 0 || rc == COVE_ELIMIT);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct cove_bytes rest = cove_bytes(at, len);
    struct cove_bytes first = part_take(&rest), second = part_take(&rest);
    struct cove_schema_file before, after;
    struct cove_diff_request request = {.before = &before, .after = &after};
    struct cove_diff diff = {0};
    struct cove_diag diag = {0};
    struct cove_arena arena;
    struct cove_buf answers;

    REQUIRE(cove_crypto_init() == 0);
    cove_arena_init(&arena, &cove_alloc_libc);
    cove_buf_init(&answers, &cove_alloc_libc);
    if (good(cove_schema_file_read(&arena, first, "v1", &before, &diag),
             &diag) &&
        good(cove_schema_file_read(&arena, second, "v2", &after, &diag),
             &diag)) {
        if (good(cove_json_read(rest, "answers", &answers, &diag), &diag)) {
            request.answers = cove_buf_bytes(&answers);
        }
        if (good(cove_diff(&arena, &request, &diff, &diag), &diag) &&
            diff.ambiguous_count == 0) {
            words_lead(&arena, &before, &after, &diff);
        }
    }
    cove_buf_clear(&answers);
    cove_arena_clear(&arena);
    return 0;
}
