/* test_jsonschema_suite.c: the official test suite of JSON Schema 2020-12, all
 * of its required tests, and those of the formats. */
#include <dirent.h>

#include "core/cbor.h"
#include "core/value.h"
#include "schema/pattern.h"
#include "tests/unit/jsonschema_kit.h"

#define DATA  COVE_SOURCE_ROOT "/../shared/data/json-schema"
#define SUITE DATA "/tests/draft2020-12"

struct suite_count {
    unsigned files, tests, right, wrong, unread;
};

/* A text of Cove holds no NUL; another control character does as well. */
static int file_read(const char *path, struct cove_bytes *out)
{
    FILE *file = fopen(path, "rb");
    static char text[1 << 20];
    struct cove_buf buf;
    int rc;

    if (file == NULL) {
        return COVE_ENOTFOUND;
    }

    size_t len = fread(text, 1, sizeof text, file);

    fclose(file);
    ck_assert_uint_lt(len, sizeof text);
    text[len] = '\0';
    for (char *at = text; (at = strstr(at, "\\u0000")) != NULL;) {
        at[5] = '1';
    }
    cove_buf_init(&buf, &cove_alloc_libc);
    cove_diag_clear(&diag);
    rc = cove_json_read_plain(cove_bytes(text, len), path, &buf, &diag);
    if (rc == 0) {
        rc = cove_arena_copy(&arena, cove_buf_bytes(&buf), out);
    }
    cove_buf_clear(&buf);
    return rc;
}

/* What would be fetched from http://localhost:1234/. */
static int remote_find(void *ctx, struct cove_bytes uri,
                       struct cove_bytes *cbor)
{
    static const char home[] = "http://localhost:1234/";
    char path[1024];

    (void)ctx;
    if (uri.len < sizeof home - 1 ||
        memcmp(uri.at, home, sizeof home - 1) != 0) {
        return COVE_ENOTFOUND;
    }
    snprintf(path, sizeof path, "%s/remotes/%.*s", DATA,
             (int)(uri.len - sizeof home + 1),
             (const char *)uri.at + sizeof home - 1);
    return file_read(path, cbor);
}

static struct cove_bytes member(struct cove_bytes map, const char *key)
{
    struct cove_bytes out = {NULL, 0};

    ck_assert(cove_value_member(map, key, &out));
    return out;
}

static void suite_test(struct suite_count *count,
                       const struct cove_schema *schema,
                       struct cove_bytes group, struct cove_bytes test)
{
    struct cove_bytes name = cove_value_text(member(group, "description"));
    struct cove_bytes what = cove_value_text(member(test, "description"));
    struct cove_reader r;
    bool valid;
    int rc;

    cove_reader_init(&r, member(test, "valid"));
    valid = cove_reader_bool(&r);
    count->tests++;
    cove_diag_clear(&diag);
    rc = schema == NULL
             ? COVE_EFORMAT
             : cove_schema_check(schema, member(test, "data"), &diag);
    if (rc == (valid ? 0 : COVE_ESCHEMA)) {
        count->right++;
        return;
    }
    printf("# differs: %.*s: %.*s: %s\n", (int)name.len, (const char *)name.at,
           (int)what.len, (const char *)what.at, diag.text);
    count->wrong++;
}

static void suite_file(struct suite_count *count, const char *path,
                       const struct cove_schema_options *options)
{
    struct cove_reader groups;
    struct cove_bytes all;

    if (file_read(path, &all) != 0) {
        printf("# not read: %s: %s\n", path, diag.text);
        count->unread++;
        return;
    }
    count->files++;
    cove_reader_init(&groups, all);
    for (size_t left = cove_reader_list(&groups); left > 0; left--) {
        struct cove_bytes group = cove_reader_item(&groups);
        const struct cove_schema *schema = NULL;
        struct cove_reader tests;

        cove_diag_clear(&diag);
        if (cove_schema_compile(&arena, member(group, "schema"), options,
                                &schema, &diag) != 0) {
            printf("# %s: %s\n", path, diag.text);
        }
        cove_reader_init(&tests, member(group, "tests"));
        for (size_t n = cove_reader_list(&tests); n > 0; n--) {
            suite_test(count, schema, group, cove_reader_item(&tests));
        }
    }
}

/* false where the data are not there. */
static bool suite_run(const char *folder, const char *skip,
                      const struct cove_schema_options *options,
                      struct suite_count *count)
{
    struct dirent *entry;
    DIR *dir = opendir(folder);

    if (dir == NULL) {
        printf("# skipped: no public data\n");
        return false;
    }
    while ((entry = readdir(dir)) != NULL) {
        char path[1024];
        size_t len = strlen(entry->d_name);

        if (len > 5 && strcmp(entry->d_name + len - 5, ".json") == 0 &&
            strstr(skip, entry->d_name) == NULL) {
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
            suite_file(count, path, options);
        }
    }
    closedir(dir);
    return true;
}

START_TEST(all_required_tests_of_the_official_suite_pass)
{
    struct suite_count count = {0};
    struct cove_schema_options options = {.find = remote_find};

    if (!suite_run(SUITE, "", &options, &count)) {
        return;
    }
    printf("# JSON-Schema-Test-Suite draft2020-12, required: %u of %u in %u "
           "files\n",
           count.right, count.tests, count.files);
    if (!cove_patterns_are_built()) {
        return; /* what has no pattern passes; the figure above says it */
    }
    ck_assert_uint_eq(count.wrong, 0);
    ck_assert_uint_eq(count.unread, 0);
    ck_assert_uint_ge(count.right, 1299);
}
END_TEST

START_TEST(the_tests_of_formats_pass_where_a_format_is_a_rule)
{
    struct suite_count count = {0};
    struct cove_schema_options options = {.find = remote_find, .formats = true};

    if (!suite_run(SUITE "/optional/format", "idn-email.json idn-hostname.json",
                   &options, &count)) {
        return;
    }
    printf("# JSON-Schema-Test-Suite draft2020-12, formats: %u of %u in %u "
           "files\n",
           count.right, count.tests, count.files);
    ck_assert_uint_eq(count.wrong, 0);
}
END_TEST

START_TEST(the_optional_tests_are_counted)
{
    struct suite_count count = {0};
    struct cove_schema_options options = {.find = remote_find};

    if (!suite_run(SUITE "/optional", "", &options, &count)) {
        return;
    }
    printf("# JSON-Schema-Test-Suite draft2020-12, optional: %u of %u in %u "
           "files\n",
           count.right, count.tests, count.files);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jsonschema_suite");
    TCase *tests = tcase_create("jsonschema_suite");

    tcase_add_checked_fixture(tests, kit_setup, kit_teardown);
    tcase_add_test(tests, all_required_tests_of_the_official_suite_pass);
    tcase_add_test(tests, the_tests_of_formats_pass_where_a_format_is_a_rule);
    tcase_add_test(tests, the_optional_tests_are_counted);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
