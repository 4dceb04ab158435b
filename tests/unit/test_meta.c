/* test_meta.c: schema files and migration files are what the documents say
 * that they are. */
#include "core/json.h"
#include "migrate/meta.h"
#include "tests/unit/compile_kit.h"
#include "tests/unit/schema_kit.h"

static struct cove_bytes cbor_of(struct cove_bytes text)
{
    struct cove_buf buf;
    struct cove_bytes out = {NULL, 0};

    cove_buf_init(&buf, &cove_alloc_libc);
    ck_assert_int_eq(cove_json_read_plain(text, "file", &buf, &diag), 0);
    ck_assert_int_eq(cove_arena_copy(&arena, cove_buf_bytes(&buf), &out), 0);
    cove_buf_clear(&buf);
    return out;
}

static struct cove_bytes file_of(const char *path)
{
    static char text[65536];
    char name[512];
    FILE *f;
    size_t len;

    snprintf(name, sizeof name, "%s/%s", COVE_SOURCE_ROOT, path);
    f = fopen(name, "rb");
    ck_assert_msg(f != NULL, "%s", name);
    len = fread(text, 1, sizeof text, f);
    ck_assert_uint_lt(len, sizeof text);
    fclose(f);
    return cbor_of(cove_bytes(text, len));
}

static void refused(enum cove_registry which, const char *text,
                    const char *words)
{
    cove_diag_clear(&diag);
    ck_assert_int_eq(cove_meta_check(&arena, which, cbor_of(json(text)), &diag),
                     COVE_ESCHEMA);
    ck_assert_msg(strstr(diag.text, words) != NULL, "'%s' not in '%s'", words,
                  diag.text);
}

START_TEST(the_meta_schema_describes_both_and_itself)
{
    ck_assert_int_eq(
        cove_meta_check(&arena, COVE_REGISTRY_SCHEMATA,
                        cbor_of(cove_meta_text(COVE_REGISTRY_SCHEMATA)), &diag),
        0);
    ck_assert_int_eq(
        cove_meta_check(&arena, COVE_REGISTRY_SCHEMATA,
                        cbor_of(cove_meta_text(COVE_REGISTRY_MIGRATIONS)),
                        &diag),
        0);
}
END_TEST

START_TEST(the_examples_are_what_the_documents_say)
{
    ck_assert_msg(
        cove_meta_check(&arena, COVE_REGISTRY_SCHEMATA,
                        file_of("examples/package/package.v2.schema.json"),
                        &diag) == 0,
        "%s", diag.text);
    ck_assert_msg(
        cove_meta_check(&arena, COVE_REGISTRY_MIGRATIONS,
                        file_of("examples/package/package.v1-to-v2.json"),
                        &diag) == 0,
        "%s", diag.text);
}
END_TEST

START_TEST(what_is_none_is_refused_with_its_path)
{
    refused(COVE_REGISTRY_SCHEMATA, "{'version':1}", "title");
    refused(COVE_REGISTRY_SCHEMATA, "{'title':'T','version':0}", "/version");
    refused(COVE_REGISTRY_SCHEMATA,
            "{'title':'T','properties':{'a':{'minLength':'2'}}}",
            "/properties/a/minLength");
    refused(COVE_REGISTRY_SCHEMATA,
            "{'title':'T','properties':{'a':{'multipleOf':0}}}",
            "/properties/a/multipleOf");
    refused(COVE_REGISTRY_SCHEMATA,
            "{'title':'T','properties':{'a':{'x-type':'x'}}}",
            "/properties/a/x-type");
    refused(COVE_REGISTRY_SCHEMATA, "{'title':'T','allOf':[]}", "/allOf");
    refused(COVE_REGISTRY_MIGRATIONS, "{'from':1,'to':0,'steps':[]}", "/to");
    refused(COVE_REGISTRY_MIGRATIONS,
            "{'from':1,'to':2,'steps':[{'hide':'a'},{'rename':{'from':1}}]}",
            "/steps/1/rename/from");
    refused(COVE_REGISTRY_MIGRATIONS,
            "{'fromVersion':1,'toVersion':2,'targetSchema':'T','script':"
            "{'removeFields':'a'}}",
            "/script/removeFields");
}
END_TEST

/* --- the documents ------------------------------------------------------ */

/* The document that a registry links under "$schema"; its text. */
static struct cove_bytes linked_text(struct stage *s, enum cove_registry which)
{
    struct cove_store_txn *txn = kit_begin(&s->kit, false);
    const struct cove_native *native = NULL;
    const struct cove_copy *copy = NULL;
    struct cove_bytes text = {NULL, 0};
    struct cove_doc doc;
    struct cove_id id;
    cove_num num;

    ck_assert_int_eq(
        cove_registry_open(s->catalog, txn, &s->group, which, false, &num), 0);
    ck_assert_int_eq(cove_repo_load(s->kit.repo, txn, num, &arena, &doc, &diag),
                     0);
    ck_assert_int_eq(cove_state_winner(&doc.state, cove_bytes_text("$schema"),
                                       &native, &copy),
                     0);
    ck_assert_ptr_nonnull(native);
    ck_assert(cove_value_ref(native->value, &id));
    ck_assert_int_eq(cove_repo_find(s->kit.repo, txn, &id, &num), 0);
    ck_assert_int_eq(cove_repo_load(s->kit.repo, txn, num, &arena, &doc, &diag),
                     0);
    ck_assert_int_eq(
        cove_state_winner(&doc.state, cove_bytes_text("text"), &native, &copy),
        0);
    ck_assert_ptr_nonnull(native);
    ck_assert_int_eq(
        cove_arena_copy(&arena, cove_value_text(native->value), &text), 0);
    cove_store_abort(txn);
    return text;
}

START_TEST(publishing_leaves_documents_that_say_what_was_published)
{
    struct stage s;

    stage_open(&s, 1);
    stage_group(&s, NULL, NULL);
    kit_take_header(&s.kit, &s.group, s.group_header);
    stage_publish(&s, stage_schema);
    stage_publish(&s, stage_migration);
    ck_assert(cove_bytes_equal(linked_text(&s, COVE_REGISTRY_SCHEMATA),
                               cove_meta_text(COVE_REGISTRY_SCHEMATA)));
    ck_assert(cove_bytes_equal(linked_text(&s, COVE_REGISTRY_MIGRATIONS),
                               cove_meta_text(COVE_REGISTRY_MIGRATIONS)));
    stage_close(&s);
}
END_TEST

int main(void)
{
    const TTest *const all[] = {
        the_meta_schema_describes_both_and_itself,
        the_examples_are_what_the_documents_say,
        what_is_none_is_refused_with_its_path,
        publishing_leaves_documents_that_say_what_was_published,
    };
    Suite *suite = suite_create("meta");
    TCase *tests = tcase_create("meta");

    tcase_add_checked_fixture(tests, setup, teardown);
    for (size_t i = 0; i < COVE_ARRAY_LEN(all); i++) {
        tcase_add_test(tests, all[i]);
    }
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
