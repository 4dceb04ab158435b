/* The worked examples of docs/FORMAT.md are the golden vectors, and its table
 * of limits is core/limits.h. */
#include "core/limits.h"
#include "tests/unit/vectors.h"

#define FENCE "\n```hex "
#define LEAST 42 /* blocks: fewer mean that the page lost some */

/* The hex of a block: each line up to its remark. The caller frees. */
static struct cove_bytes block_bytes(const char *at, const char *end)
{
    char *hex = calloc(1, (size_t)(end - at) + 1);
    size_t len = 0;

    ck_assert_ptr_nonnull(hex);
    while (at < end) {
        size_t line = strcspn(at, "\n");
        size_t remark = strcspn(at, ";\n");

        memcpy(hex + len, at, remark);
        len += remark;
        at += line + 1;
    }

    struct cove_bytes b = vectors_hex(hex, hex + len);

    free(hex);
    return b;
}

START_TEST(every_worked_example_is_the_golden_vector_of_its_name)
{
    char *page = vectors_file("docs/FORMAT.md");
    size_t blocks = 0;

    for (char *at = strstr(page, FENCE); at != NULL; at = strstr(at, FENCE)) {
        char name[64];
        size_t len;

        at += strlen(FENCE);
        len = strcspn(at, "\n");
        ck_assert_uint_lt(len, sizeof(name));
        memcpy(name, at, len);
        name[len] = '\0';
        at += len + 1;

        char *end = strstr(at, "\n```");

        ck_assert_msg(end != NULL, "%s has no end", name);

        struct cove_bytes shown = block_bytes(at, end);
        struct cove_bytes golden = vectors_get(name);

        ck_assert_msg(cove_bytes_equal(shown, golden), "%s differs", name);
        vectors_free(shown);
        vectors_free(golden);
        blocks++;
        at = end;
    }
    ck_assert_uint_ge(blocks, LEAST);
    free(page);
}
END_TEST

/* 65536 as "65,536". */
static void number_text(char *out, size_t len, unsigned long v)
{
    if (v >= 1000) {
        snprintf(out, len, "%lu,%03lu", v / 1000, v % 1000);
    } else {
        snprintf(out, len, "%lu", v);
    }
}

START_TEST(the_table_of_limits_names_the_limits)
{
    static const struct {
        const char *row;
        unsigned long limit;
    } rows[] = {
        {"\n| header |", COVE_MAX_HEADER},
        {"\n| transaction |", COVE_MAX_TX},
        {"\n| ops of a transaction |", COVE_MAX_TX_OPS},
        {"\n| hashes in `auth` |", COVE_MAX_AUTH},
        {"\n| agents of a transaction |", COVE_MAX_TX_OPS},
        {"\n| points of a branch |", COVE_MAX_SESSIONS},
        {"\n| name of a branch |", COVE_MAX_KEY},
        {"\n| text of an insertion |", COVE_MAX_TEXT},
        {"\n| items of an insertion |", COVE_MAX_VALUE},
        {"\n| type of items |", COVE_MAX_REGISTER},
        {"\n| chunk of a blob |", COVE_MAX_TEXT},
        {"\n| register |", COVE_MAX_KEY},
        {"\n| value |", COVE_MAX_VALUE},
        {"\n| one text or byte string of a value |", COVE_MAX_TEXT},
        {"\n| depth of a value |", COVE_MAX_VALUE_DEPTH},
        {"\n| depth of any CBOR |", COVE_MAX_CBOR_DEPTH},
        {"\n| transactions of a batch |", COVE_MAX_BATCH_TX},
        {"\n| transaction bytes of a batch |", COVE_MAX_BATCH},
        {"\n| cut |", COVE_MAX_CUT},
        {"\n| its rows |", COVE_MAX_SESSIONS},
        {"\n| leaves of a group's tree |", 1ul << COVE_MAX_MERKLE},
        {"\n| path in it |", COVE_MAX_MERKLE},
        {"\n| schema text |", COVE_MAX_SCHEMA},
        {"\n| step body |", COVE_MAX_STEP},
        {"\n| step body | 60,000 bytes,", COVE_MAX_STEP_OPS},
        {"\n| keys of a map |", COVE_MAX_KEYS},
        {"\n| sessions of a document |", COVE_MAX_SESSIONS},
        {"\n| time ahead of the reader's clock |", COVE_MAX_AHEAD_MS / 60000},
        {"\n| |", COVE_MAX_REFUSE_MS / 3600000},
    };
    char *page = vectors_file("docs/FORMAT.md");
    char *table = strstr(page, "\n## Limits");

    ck_assert_ptr_nonnull(table);
    for (size_t i = 0; i < COVE_ARRAY_LEN(rows); i++) {
        char number[32];
        char *at = strstr(table, rows[i].row);

        ck_assert_msg(at != NULL, "no row %s", rows[i].row);
        number_text(number, sizeof(number), rows[i].limit);

        size_t line = 1 + strcspn(at + 1, "\n");
        char *found = strstr(at, number);

        ck_assert_msg(found != NULL && found < at + line, "%s has not %s",
                      rows[i].row, number);
    }
    free(page);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("format");
    TCase *tc = tcase_create("format");

    tcase_add_test(tc, every_worked_example_is_the_golden_vector_of_its_name);
    tcase_add_test(tc, the_table_of_limits_names_the_limits);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
