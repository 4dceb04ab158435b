/* test_validate.c: rules of schemas as users meet them: documents judged and
 * not written, stores that report what they let pass, writes of others judged
 * by the version they were made at, and versions with narrower rules. */
#include "tests/node_api/api_pair.h"

#include <jansson.h>

/* The rules of each field of Thing@1; V2 has narrower ones, V3 none at all. */
#define THING(version, more, colour, stars, title, tags, address)              \
    "{\"title\":\"Thing\",\"version\":" version ",\"type\":\"object\"" more    \
    ",\"properties\":{\"colour\":{\"type\":\"string\"" colour                  \
    "},\"stars\":{\"type\":\"integer\"" stars "},\"title\":{\"type\":"         \
    "\"string\"" title "},\"tags\":{\"type\":\"array\",\"items\":{\"type\":"   \
    "\"string\"" tags "}},\"address\":{\"type\":\"object\",\"properties\":{"   \
    "\"city\":{\"type\":\"string\"" address "}}}}}"
static const char V1[] = THING("1", "", "", ",\"minimum\":0", "", "", "");
static const char V2[] =
    THING("2", ",\"required\":[\"title\"]", ",\"enum\":[\"red\",\"green\"]",
          ",\"minimum\":1,\"maximum\":5", ",\"minLength\":2,\"maxLength\":4",
          ",\"maxLength\":3", ",\"enum\":[\"Bonn\"]");
static const char V3[] = THING("3", "", "", "", "", "", "");
static const char TO2[] =
    "{\"schema\":\"Thing\",\"from\":1,\"to\":2,\"steps\":[{\"require\":"
    "\"title\"}]}";
static const char TO3[] =
    "{\"schema\":\"Thing\",\"from\":2,\"to\":3,\"steps\":[{\"optional\":"
    "\"title\"}]}";
static const char GOOD[] =
    "{\"colour\":\"red\",\"stars\":3,\"title\":\"abc\",\"tags\":[\"x\"],"
    "\"address\":{\"city\":\"Bonn\"}}";

static struct api a, b;
static struct cove_id group;

static void setup(void)
{
    api_pair_open(&a, &b, &group);
    api_ok(cove_schema_add(a.store, V1, &group), a.store);
}

static void teardown(void)
{
    api_close(&a);
    api_close(&b);
}

static void to_version_3(void)
{
    api_ok(cove_migration_add(a.store, TO2, V2), a.store);
    api_ok(cove_migration_add(a.store, TO3, V3), a.store);
}

/* The same store, whose writes are judged so from here on. */
static void reopen(struct api *s, unsigned validate)
{
    struct cove_options options = {.size = sizeof(options),
                                   .validate = validate};

    cove_close(s->store);
    api_ok(cove_open(s->dir, &options, &s->store), s->store);
}

static json_t *admin(struct api *s, const char *request)
{
    char *reply = NULL;
    json_t *out;

    ck_assert_msg(cove_admin(s->store, request, &reply) == 0, "%s: %s", request,
                  cove_errmsg(s->store));
    out = json_loads(reply, 0, NULL);
    cove_free(reply);
    ck_assert_ptr_nonnull(out);
    return out;
}

static void admin_fails(struct api *s, const char *request, int code,
                        const char *word)
{
    char *reply = NULL;

    ck_assert_int_eq(cove_admin(s->store, request, &reply), code);
    ck_assert_msg(strstr(cove_errmsg(s->store), word) != NULL,
                  "\"%s\" not in %s", word, cove_errmsg(s->store));
}

static int set_one(struct api *s, const struct cove_id *id, int64_t version,
                   const char *json)
{
    api_ok(cove_use(s->store, "Thing", version), s->store);

    struct cove_txn *txn = api_begin(s, COVE_WRITE | COVE_VIEW);
    int err = cove_set_json(txn, id, json);

    if (err != 0) {
        cove_abort(txn);
        return err;
    }
    return cove_commit(txn);
}

static struct cove_id new_one(struct api *s, int64_t version, const char *json)
{
    struct cove_txn *txn;
    struct cove_id id;

    api_ok(cove_use(s->store, "Thing", version), s->store);
    txn = api_begin(s, COVE_WRITE | COVE_VIEW);
    api_ok(cove_new(txn, "Thing", &group, json, &id), s->store);
    api_ok(cove_commit(txn), s->store);
    return id;
}

/* What `find` lists as invalid at a version: the document of this id, or NULL.
 * *list is the reply. */
static json_t *listed(struct api *s, int version, const struct cove_id *id,
                      json_t **list)
{
    char request[128], text[52];
    json_t *doc;
    size_t i;

    snprintf(request, sizeof(request),
             "{\"do\":\"find\",\"schema\":\"Thing\",\"version\":%d,"
             "\"invalid\":true}",
             version);
    cove_id_format(id, text);
    *list = admin(s, request);
    json_array_foreach(json_object_get(*list, "documents"), i, doc)
    {
        if (strcmp(json_string_value(json_object_get(doc, "id")), text) == 0) {
            return doc;
        }
    }
    return NULL;
}

static const char *text_at(const json_t *list, size_t i, const char *key)
{
    const char *text =
        json_string_value(json_object_get(json_array_get(list, i), key));

    return text != NULL ? text : "";
}

/* The paths that are broken there, joined; "" where it is not listed. */
static const char *broken(struct api *s, int version, const struct cove_id *id)
{
    static char text[512];
    size_t len = 0, i;
    json_t *list, *doc = listed(s, version, id, &list), *flaw;

    text[0] = '\0';
    json_array_foreach(json_object_get(doc, "broken"), i, flaw)
    {
        len += (size_t)snprintf(
            text + len, sizeof(text) - len, "%s%s", len > 0 ? " " : "",
            json_string_value(json_object_get(flaw, "path")));
    }
    json_decref(list);
    return text;
}

static int64_t status_invalid(struct api *s, int version)
{
    char request[96];

    snprintf(request, sizeof(request),
             "{\"do\":\"status\",\"schema\":\"Thing\",\"version\":%d}",
             version);
    json_t *reply = admin(s, request);
    int64_t n = json_integer_value(json_object_get(reply, "invalid"));

    json_decref(reply);
    return n;
}

static void meet(void)
{
    api_pair_introduce(&a, &b);
    api_ok(cove_thread_start(a.store), a.store);
    api_ok(cove_thread_start(b.store), b.store);
    api_ok(cove_wait(b.store, NULL, API_DEADLINE_MS), b.store);
    api_ok(cove_wait(a.store, NULL, API_DEADLINE_MS), a.store);
}

/* ------------------------------------------------------------ no write at all
 */

START_TEST(a_document_is_judged_and_nothing_is_written)
{
    char before[65], after[65];

    api_digest(&a, before);
    api_ok(cove_validate(a.store, "Thing", 0, GOOD), a.store);
    ck_assert_int_eq(cove_validate(a.store, "Thing", 1, "{\"stars\":-1}"),
                     COVE_ESCHEMA);
    ck_assert_str_eq(cove_errmsg(a.store),
                     "/stars breaks the rule \"minimum 0\": the value is -1");
    ck_assert_int_eq(
        cove_validate(a.store, "Thing", 1, "{\"stars\":-1,\"tags\":[1]}"),
        COVE_ESCHEMA);
    ck_assert_ptr_nonnull(strstr(cove_errmsg(a.store), "(and 1 more"));
    ck_assert_int_eq(cove_validate(a.store, "Thing", 1, "{\"nick\":1}"),
                     COVE_ESCHEMA);
    ck_assert_ptr_nonnull(strstr(cove_errmsg(a.store), "no such field"));
    ck_assert_int_eq(cove_validate(a.store, "Thing", 1, "[]"), COVE_ESCHEMA);
    ck_assert_int_eq(api_count(&a, "Thing"), 0);
    api_digest(&a, after);
    ck_assert_str_eq(before, after);
}
END_TEST

START_TEST(a_document_is_judged_by_the_version_that_is_asked_for)
{
    to_version_3();
    ck_assert_int_eq(cove_validate(a.store, "Thing", 2, "{\"stars\":9}"),
                     COVE_ESCHEMA);
    ck_assert_ptr_nonnull(strstr(cove_errmsg(a.store), "/stars"));
    api_ok(cove_validate(a.store, "Thing", 0, "{\"stars\":-9}"), a.store);
    api_ok(cove_use(a.store, "Thing", 2), a.store);
    ck_assert_int_eq(cove_validate(a.store, "Thing", 0, "{\"stars\":-9}"),
                     COVE_ESCHEMA);
}
END_TEST

START_TEST(what_cannot_be_judged_is_named)
{
    static const struct {
        const char *schema, *json;
        int64_t version;
        int code;
        const char *says;
    } rows[] = {
        {"Thing", "{\"stars\":1,\"stars\":2}", 0, COVE_EJSON, "duplicate"},
        {"Thing", "{\"title\":\"\xff\"}", 0, COVE_EJSON, "the document"},
        {"Thing", "", 0, COVE_EJSON, "the document"},
        {"Thing", "{\"stars\":99999999999999999999}", 0, COVE_EJSON, "too big"},
        {"Other", "{}", 0, COVE_ENOTFOUND, "Other"},
        {"Thing", "{}", 7, COVE_ENOTFOUND, "7"},
        {"Thing", "{}", -1, COVE_EUSAGE, "version"},
        {NULL, "{}", 0, COVE_EUSAGE, "schema"},
        {"Thing", NULL, 0, COVE_EUSAGE, "JSON"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_int_eq(cove_validate(a.store, rows[i].schema, rows[i].version,
                                       rows[i].json),
                         rows[i].code);
        ck_assert_msg(strstr(cove_errmsg(a.store), rows[i].says) != NULL,
                      "%zu: \"%s\" not in %s", i, rows[i].says,
                      cove_errmsg(a.store));
    }
}
END_TEST

START_TEST(a_default_stands_for_a_required_field_as_in_a_new_document)
{
    json_t *reply = admin(
        &a, "{\"do\":\"schema.check\",\"schema\":{\"title\":\"T\",\"required\":"
            "[\"n\",\"m\"],\"properties\":{\"n\":{\"type\":\"integer\","
            "\"default\":1},\"m\":{\"type\":\"integer\"}}},\"document\":{}}");
    const json_t *errors = json_object_get(reply, "errors");

    ck_assert_uint_eq(json_array_size(errors), 1);
    ck_assert_str_eq(text_at(errors, 0, "path"), "/m");
    ck_assert_str_eq(text_at(errors, 0, "rule"), "required");
    json_decref(reply);
}
END_TEST

START_TEST(all_that_a_document_breaks_is_listed_with_path_and_rule)
{
    static const char *const wanted[][2] = {
        {"/nick", "field"},        {"/tags/1", "maxLength 3"},
        {"/stars", "maximum 5"},   {"/colour", "enum"},
        {"/address/city", "enum"}, {"/title", "required"},
    };
    char request[2048];

    snprintf(request, sizeof(request),
             "{\"do\":\"schema.check\",\"schema\":%s,\"document\":{\"nick\":1,"
             "\"tags\":[\"ok\",\"long\"],\"stars\":9,\"colour\":\"blu\","
             "\"address\":{\"city\":\"Rome\"}}}",
             V2);
    json_t *reply = admin(&a, request);
    const json_t *errors = json_object_get(reply, "errors");

    ck_assert(json_is_false(json_object_get(reply, "valid")));
    ck_assert_uint_eq(json_array_size(errors), 6);
    for (size_t i = 0; i < 6; i++) {
        ck_assert_str_eq(text_at(errors, i, "path"), wanted[i][0]);
        ck_assert_str_eq(text_at(errors, i, "rule"), wanted[i][1]);
    }
    json_decref(reply);
}
END_TEST

START_TEST(of_many_lines_each_is_judged_and_named_by_its_number)
{
    json_t *reply = admin(
        &a, "{\"do\":\"schema.check\",\"schema\":\"Thing\",\"lines\":true,"
            "\"line\":10,\"document\":\"{\\\"stars\\\":1}\\n\\n{\\\"stars\\\":"
            "-1}\\r\\n{\\\"stars\\\"}\\n{}\"}");
    const json_t *errors = json_object_get(reply, "errors");

    ck_assert_int_eq(json_integer_value(json_object_get(reply, "documents")),
                     4);
    ck_assert_int_eq(json_integer_value(json_object_get(reply, "invalid")), 2);
    ck_assert_int_eq(
        json_integer_value(json_object_get(json_array_get(errors, 0), "line")),
        12);
    ck_assert_str_eq(text_at(errors, 0, "rule"), "minimum 0");
    ck_assert_int_eq(
        json_integer_value(json_object_get(json_array_get(errors, 1), "line")),
        13);
    ck_assert_str_eq(text_at(errors, 1, "rule"), "json");
    json_decref(reply);
}
END_TEST

START_TEST(a_wrong_request_is_refused_and_says_how)
{
    static const char *const rows[][2] = {
        {"{\"do\":\"schema.check\"}", "\"schema\""},
        {"{\"do\":\"schema.check\",\"schema\":\"Thing\"}", "\"document\""},
        {"{\"do\":\"schema.check\",\"schema\":\"Thing\",\"schemaText\":\"{}\","
         "\"document\":{}}",
         "\"schemaText\""},
        {"{\"do\":\"schema.check\",\"schema\":\"Thing\",\"document\":{},"
         "\"line\":0}",
         "\"line\""},
        {"{\"do\":\"schema.check\",\"schema\":\"Thing\",\"document\":{},"
         "\"lines\":1}",
         "\"lines\""},
        {"{\"do\":\"schema.check\",\"format\":true}", "format"},
        {"{\"do\":\"schema.check\",\"schema\":\"Thing\",\"document\":{},"
         "\"formats\":1}",
         "\"formats\""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        admin_fails(&a, rows[i][0], COVE_EUSAGE, rows[i][1]);
    }
    admin_fails(&a,
                "{\"do\":\"schema.check\",\"schemaText\":\"{\\\"type\\\":5}\","
                "\"schemaFile\":\"x.json\",\"document\":{}}",
                COVE_EFORMAT, "x.json");
    admin_fails(&a,
                "{\"do\":\"schema.check\",\"schemaText\":\"{\","
                "\"schemaFile\":\"x.json\",\"document\":{}}",
                COVE_EJSON, "x.json");
    admin_fails(&a,
                "{\"do\":\"schema.check\",\"schema\":\"Thing\",\"document\":"
                "\"{\",\"file\":\"y.json\"}",
                COVE_EJSON, "y.json");
}
END_TEST

START_TEST(a_document_of_the_store_is_judged_as_a_version_shows_it)
{
    struct cove_id id = new_one(&a, 1, "{\"stars\":0,\"title\":\"abc\"}");
    char text[52], request[160];
    json_t *reply;

    to_version_3();
    cove_id_format(&id, text);
    for (int version = 1; version <= 3; version++) {
        snprintf(request, sizeof(request),
                 "{\"do\":\"schema.check\",\"id\":\"%s\",\"version\":%d}", text,
                 version);
        reply = admin(&a, request);
        ck_assert_int_eq(json_integer_value(json_object_get(reply, "invalid")),
                         version == 2);
        json_decref(reply);
    }
    snprintf(request, sizeof(request),
             "{\"do\":\"schema.check\",\"id\":\"%s\",\"schema\":\"Other\"}",
             text);
    admin_fails(&a, request, COVE_EUSAGE, "Thing");
}
END_TEST

/* --------------------------------------------------------- writes of this
 * store
 */

static char told[2048];

static void tell(void *ctx, const char *line)
{
    (void)ctx;
    snprintf(told, sizeof(told), "%s", line);
}

static int64_t reported(struct api *s, const char *mode)
{
    json_t *reply = admin(s, "{\"do\":\"stats\"}");
    const json_t *validate = json_object_get(reply, "validate");
    int64_t n = json_integer_value(json_object_get(validate, "reported"));

    ck_assert_str_eq(json_string_value(json_object_get(validate, "mode")),
                     mode);
    json_decref(reply);
    return n;
}

START_TEST(a_strict_store_refuses_what_breaks_a_rule)
{
    struct cove_id id = new_one(&a, 1, GOOD);

    ck_assert_int_eq(set_one(&a, &id, 1, "{\"stars\":-1}"), COVE_ESCHEMA);
    ck_assert_int_eq(set_one(&a, &id, 1, "{\"stars\":\"many\"}"), COVE_ESCHEMA);
    ck_assert_int_eq(api_int(&a, &id, "stars"), 3);
    ck_assert_int_eq(reported(&a, "strict"), 0);
    ck_assert_int_eq(status_invalid(&a, 1), 0);
}
END_TEST

START_TEST(a_store_that_reports_writes_tells_and_lists)
{
    char text[52];
    struct cove_id id;

    reopen(&a, COVE_VALIDATE_REPORT);
    cove_set_log(a.store, tell, NULL);
    told[0] = '\0';
    id = new_one(&a, 1, "{\"stars\":-1,\"title\":\"abc\"}");
    cove_id_format(&id, text);
    ck_assert_ptr_nonnull(strstr(told, text));
    ck_assert_ptr_nonnull(strstr(told, "/stars breaks the rule"));
    ck_assert_int_eq(api_int(&a, &id, "stars"), -1);
    ck_assert_str_eq(broken(&a, 1, &id), "/stars");
    ck_assert_int_eq(status_invalid(&a, 1), 1);

    /* what is right again is told of no more, and what is not is still taken */
    told[0] = '\0';
    api_ok(set_one(&a, &id, 1, "{\"stars\":2}"), a.store);
    ck_assert_str_eq(told, "");
    ck_assert_str_eq(broken(&a, 1, &id), "");
    ck_assert_int_eq(status_invalid(&a, 1), 0);
    api_ok(set_one(&a, &id, 1, "{\"stars\":-2,\"tags\":[1]}"), a.store);
    ck_assert_ptr_nonnull(strstr(told, "(and 1 more in this commit)"));
    ck_assert_str_eq(broken(&a, 1, &id), "/stars /tags/0");
    ck_assert_int_eq(reported(&a, "report"), 3);
}
END_TEST

START_TEST(a_call_that_fails_is_not_told_of)
{
    struct cove_id id = new_one(&a, 1, GOOD), empty;
    struct cove_txn *txn;
    char text[52];

    api_ok(cove_migration_add(a.store, TO2, V2), a.store);
    reopen(&a, COVE_VALIDATE_REPORT);
    cove_set_log(a.store, tell, NULL);
    told[0] = '\0';
    api_ok(cove_use(a.store, "Thing", 1), a.store);
    txn = api_begin(&a, COVE_WRITE);
    ck_assert_int_eq(cove_set_json(txn, &id, "{\"stars\":-1,\"what\":1}"),
                     COVE_ESCHEMA);
    api_ok(cove_set(txn, &id, "stars", cove_int(5)), a.store);
    api_ok(cove_commit(txn), a.store);
    ck_assert_str_eq(told, "");
    ck_assert_int_eq(reported(&a, "report"), 0);

    /* a document without a field lacks what is required, and is named */
    empty = new_one(&a, 2, NULL);
    cove_id_format(&empty, text);
    ck_assert_ptr_nonnull(strstr(told, text));
    ck_assert_ptr_nonnull(strstr(told, "required"));
}
END_TEST

START_TEST(what_was_not_committed_is_told_of_by_nobody)
{
    struct cove_txn *txn;
    struct cove_id id;

    reopen(&a, COVE_VALIDATE_REPORT);
    cove_set_log(a.store, tell, NULL);
    told[0] = '\0';
    txn = api_begin(&a, COVE_WRITE);
    api_ok(cove_new(txn, "Thing", &group, "{\"stars\":-1}", &id), a.store);
    cove_abort(txn);
    ck_assert_str_eq(told, "");
    ck_assert_int_eq(reported(&a, "report"), 0);
    new_one(&a, 1, "{\"stars\":1}");
    ck_assert_int_eq(reported(&a, "report"), 0);
}
END_TEST

/* The counts that are kept: so many did not convert, and a check agrees. */
static void assert_kept(int64_t quarantined)
{
    json_t *status = admin(&a, "{\"do\":\"status\",\"schema\":\"Thing\"}");
    json_t *check = admin(&a, "{\"do\":\"check\",\"deep\":true}");
    json_t *stats = admin(&a, "{\"do\":\"stats\"}");
    const json_t *kept = json_object_get(
        json_array_get(json_object_get(stats, "schemas"), 0), "states");

    ck_assert_int_eq(json_integer_value(json_object_get(
                         json_object_get(status, "states"), "quarantined")),
                     quarantined);
    ck_assert_int_eq(json_integer_value(json_object_get(kept, "quarantined")) +
                         json_integer_value(json_object_get(kept, "unjudged")) +
                         json_integer_value(json_object_get(kept, "current")),
                     1);
    ck_assert_uint_eq(json_array_size(json_object_get(check, "damaged")), 0);
    json_decref(status);
    json_decref(check);
    json_decref(stats);
}

START_TEST(a_store_that_does_not_look_writes_and_lists)
{
    struct cove_id id;

    reopen(&a, COVE_VALIDATE_OFF);
    cove_set_log(a.store, tell, NULL);
    told[0] = '\0';
    id = new_one(&a, 1, "{\"stars\":-1}");
    api_ok(set_one(&a, &id, 1, "{\"title\":7}"), a.store);
    ck_assert_str_eq(told, "");
    ck_assert_int_eq(reported(&a, "off"), 0);
    ck_assert_str_eq(broken(&a, 1, &id), "/stars /title");
    ck_assert_int_eq(status_invalid(&a, 1), 1);
    assert_kept(1);
    reopen(&a, COVE_VALIDATE_STRICT);
    api_ok(set_one(&a, &id, 1, "{\"title\":\"x\"}"), a.store);
    assert_kept(0);
}
END_TEST

START_TEST(what_no_register_could_hold_is_refused_in_any_case)
{
    static const unsigned modes[] = {COVE_VALIDATE_STRICT, COVE_VALIDATE_REPORT,
                                     COVE_VALIDATE_OFF};
    struct cove_id id = new_one(&a, 1, GOOD);
    struct cove_options options = {.size = sizeof(options), .validate = 3};
    struct cove *other = NULL;

    for (size_t i = 0; i < 3; i++) {
        reopen(&a, modes[i]);
        ck_assert_int_eq(set_one(&a, &id, 1, "{\"nick\":1}"), COVE_ESCHEMA);
        ck_assert_ptr_nonnull(strstr(cove_errmsg(a.store), "no such field"));
    }
    ck_assert_int_eq(cove_open(a.dir, &options, &other), COVE_EUSAGE);
    ck_assert_ptr_nonnull(strstr(cove_errmsg(other), "validate"));
    cove_close(other);
}
END_TEST

/* ------------------------------------------------------------ writes of others
 */

START_TEST(a_write_that_breaks_its_own_versions_rules_is_listed_and_shown)
{
    struct cove_id good, bad, wrong;
    char hex[65];
    json_t *list, *doc, *write;

    good = new_one(&a, 1, GOOD);
    bad = new_one(&a, 1, GOOD);
    wrong = new_one(&a, 1, GOOD);
    meet();
    cove_thread_stop(b.store);
    reopen(&b, COVE_VALIDATE_OFF); /* as a build that enforces nothing */
    api_ok(set_one(&b, &bad, 1, "{\"stars\":-7}"), b.store);
    api_ok(set_one(&b, &wrong, 1, "{\"stars\":\"many\"}"), b.store);
    api_ok(cove_thread_start(b.store), b.store);
    api_ok(cove_wait(b.store, NULL, API_DEADLINE_MS), b.store);

    /* neither is hidden: the one is shown, the other is raw */
    ck_assert_int_eq(api_int(&a, &bad, "stars"), -7);
    struct cove_txn *txn = api_begin(&a, COVE_READ);
    struct cove_value v;

    ck_assert_int_eq(cove_get(txn, &wrong, "stars", &v), COVE_EINVALID);
    ck_assert_str_eq(v.u.text, "many");
    cove_abort(txn);
    ck_assert_int_eq(api_count(&a, "Thing"), 3);

    /* which write, by whom, at which version, which rule */
    doc = listed(&a, 1, &bad, &list);
    write = json_array_get(json_object_get(doc, "writes"), 0);
    api_hex(cove_device(b.store), hex);
    ck_assert_str_eq(json_string_value(json_object_get(write, "author")), hex);
    ck_assert_str_eq(json_string_value(json_object_get(write, "field")),
                     "stars");
    ck_assert_str_eq(json_string_value(json_object_get(write, "rule")),
                     "minimum 0");
    ck_assert_int_eq(json_integer_value(json_object_get(write, "version")), 1);
    ck_assert_ptr_nonnull(json_object_get(write, "session"));
    ck_assert_ptr_nonnull(json_object_get(write, "tx"));
    json_decref(list);
    doc = listed(&a, 1, &wrong, &list);
    ck_assert_str_eq(text_at(json_object_get(doc, "broken"), 0, "rule"),
                     "convert");
    ck_assert_str_eq(text_at(json_object_get(doc, "writes"), 0, "rule"),
                     "type integer");
    json_decref(list);
    ck_assert_ptr_null(listed(&a, 1, &good, &list));
    json_decref(list);
    ck_assert_int_eq(status_invalid(&a, 1), 2);

    /* a strict store may go on with it, and mend it */
    api_ok(set_one(&a, &bad, 1, "{\"title\":\"more\"}"), a.store);
    api_ok(set_one(&a, &bad, 1, "{\"stars\":4}"), a.store);
    ck_assert_ptr_null(listed(&a, 1, &bad, &list));
    json_decref(list);
}
END_TEST

START_TEST(a_write_is_judged_by_its_own_version_whoever_looks)
{
    struct cove_id bad = new_one(&a, 1, GOOD), fine = new_one(&a, 1, GOOD);
    json_t *list, *doc;

    to_version_3();
    meet();
    cove_thread_stop(b.store);
    reopen(&b, COVE_VALIDATE_OFF);
    api_ok(set_one(&b, &bad, 1, "{\"stars\":-7}"), b.store);
    api_ok(set_one(&b, &fine, 3, "{\"stars\":-7}"), b.store);
    api_ok(cove_thread_start(b.store), b.store);
    api_ok(cove_wait(b.store, NULL, API_DEADLINE_MS), b.store);

    /* at version 3 nothing is wrong with the value, but the write was */
    doc = listed(&a, 3, &bad, &list);
    ck_assert_uint_eq(json_array_size(json_object_get(doc, "broken")), 0);
    ck_assert_uint_eq(json_array_size(json_object_get(doc, "writes")), 1);
    json_decref(list);
    ck_assert_ptr_null(listed(&a, 3, &fine, &list));
    json_decref(list);

    /* at version 1 the other's value is wrong, but the write was not */
    doc = listed(&a, 1, &fine, &list);
    ck_assert_uint_eq(json_array_size(json_object_get(doc, "broken")), 1);
    ck_assert_uint_eq(json_array_size(json_object_get(doc, "writes")), 0);
    json_decref(list);
}
END_TEST

/* ------------------------------------------------------------- narrower
 * versions
 */

START_TEST(a_narrower_rule_marks_a_value_in_that_version_only)
{
    static const struct {
        const char *json, *paths;
    } rows[] = {
        {GOOD, ""},
        {"{\"title\":\"abc\",\"colour\":\"blu\"}", "/colour"},
        {"{\"title\":\"abc\",\"stars\":0}", "/stars"},
        {"{\"title\":\"abc\",\"stars\":6}", "/stars"},
        {"{\"title\":\"a\"}", "/title"},
        {"{\"title\":\"abcde\"}", "/title"},
        {"{\"stars\":1}", "/title"}, /* required */
        {"{\"title\":\"abc\",\"tags\":[\"x\",\"long\"]}", "/tags/1"},
        {"{\"title\":\"abc\",\"address\":{\"city\":\"Rome\"}}",
         "/address/city"},
        {"{\"title\":\"a\",\"stars\":6,\"colour\":\"blu\"}",
         "/colour /stars /title"},
    };
    struct cove_id ids[10];

    for (size_t i = 0; i < 10; i++) {
        ids[i] = new_one(&a, 1, rows[i].json);
    }
    to_version_3();
    for (size_t i = 0; i < 10; i++) {
        ck_assert_str_eq(broken(&a, 1, &ids[i]), "");
        ck_assert_str_eq(broken(&a, 3, &ids[i]), "");
        ck_assert_str_eq(broken(&a, 2, &ids[i]), rows[i].paths);
    }
    ck_assert_int_eq(status_invalid(&a, 1), 0);
    ck_assert_int_eq(status_invalid(&a, 2), 9);
    ck_assert_int_eq(status_invalid(&a, 3), 0);
    ck_assert_int_eq(api_count(&a, "Thing"), 10); /* none is hidden */

    json_t *reply = admin(&a, "{\"do\":\"find\",\"schema\":\"Thing\","
                              "\"version\":2,\"invalid\":true,\"count\":true}");

    ck_assert_int_eq(json_integer_value(json_object_get(reply, "count")), 9);
    ck_assert_ptr_null(json_object_get(reply, "documents"));
    json_decref(reply);
}
END_TEST

/* The document that a field is. */
static struct cove_id child_of(struct cove_txn *txn, const struct cove_id *id,
                               const char *field, enum cove_covalue type)
{
    struct cove_id child;

    api_ok(cove_child(txn, id, field, type, &child), a.store);
    return child;
}

START_TEST(items_and_fields_inside_are_judged_with_the_document_they_are_in)
{
    struct cove_id id, list, map;
    struct cove_txn *txn;

    api_ok(cove_schema_add(
               a.store,
               "{\"title\":\"Thing2\",\"version\":1,\"properties\":{\"tags\":"
               "{\"type\":\"array\",\"x-type\":\"list\",\"items\":{\"type\":"
               "\"string\",\"maxLength\":3}},\"at\":{\"type\":\"object\","
               "\"x-type\":\"map\",\"properties\":{\"zip\":{\"type\":"
               "\"integer\",\"minimum\":1}}}}}",
               &group),
           a.store);
    id = api_new(&a, "Thing2", NULL);
    reopen(&a, COVE_VALIDATE_REPORT);
    cove_set_log(a.store, tell, NULL);
    told[0] = '\0';
    txn = api_begin(&a, COVE_WRITE);
    list = child_of(txn, &id, "tags", COVE_COLIST);
    map = child_of(txn, &id, "at", COVE_COMAP);
    api_ok(cove_list_insert(txn, &list, 0, cove_text("abc")), a.store);
    api_ok(cove_list_insert(txn, &list, 1, cove_text("abcd")), a.store);
    api_ok(cove_set(txn, &map, "zip", cove_int(0)), a.store);
    api_ok(cove_commit(txn), a.store);
    ck_assert_ptr_nonnull(strstr(told, "/tags breaks the rule"));
    ck_assert_int_eq(reported(&a, "report"), 2);

    json_t *reply = admin(&a, "{\"do\":\"find\",\"schema\":\"Thing2\","
                              "\"invalid\":true}");
    const json_t *flaws = json_object_get(
        json_array_get(json_object_get(reply, "documents"), 0), "broken");

    ck_assert_uint_eq(json_array_size(flaws), 2);
    ck_assert_str_eq(text_at(flaws, 0, "path"), "/at/zip");
    ck_assert_str_eq(text_at(flaws, 1, "path"), "/tags/1");
    json_decref(reply);
}
END_TEST

START_TEST(a_default_that_a_step_gives_stands_for_a_required_field)
{
    struct cove_id id = new_one(&a, 1, "{\"stars\":1}");

    api_ok(cove_migration_add(
               a.store,
               "{\"schema\":\"Thing\",\"from\":1,\"to\":2,\"steps\":[{"
               "\"require\":{\"field\":\"title\",\"default\":\"none\"}},{"
               "\"require\":{\"field\":\"colour\",\"default\":null}}]}",
               THING("2", ",\"required\":[\"title\",\"colour\"]", "", "", "",
                     "", "")),
           a.store);
    ck_assert_str_eq(broken(&a, 1, &id), "");
    ck_assert_str_eq(broken(&a, 2, &id), "");
    ck_assert_int_eq(status_invalid(&a, 2), 0);
}
END_TEST

START_TEST(what_a_newer_version_wrote_may_be_wrong_in_an_older_one_alone)
{
    struct cove_id id = new_one(&a, 1, GOOD);

    to_version_3();
    api_ok(set_one(&a, &id, 3, "{\"stars\":-1}"), a.store);
    ck_assert_str_eq(broken(&a, 3, &id), "");
    ck_assert_str_eq(broken(&a, 2, &id), "/stars");
    ck_assert_str_eq(broken(&a, 1, &id), "/stars");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("validate");
    TCase *tests = tcase_create("validate");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_document_is_judged_and_nothing_is_written);
    tcase_add_test(tests,
                   a_document_is_judged_by_the_version_that_is_asked_for);
    tcase_add_test(tests, what_cannot_be_judged_is_named);
    tcase_add_test(tests,
                   a_default_stands_for_a_required_field_as_in_a_new_document);
    tcase_add_test(tests,
                   all_that_a_document_breaks_is_listed_with_path_and_rule);
    tcase_add_test(tests, of_many_lines_each_is_judged_and_named_by_its_number);
    tcase_add_test(tests, a_wrong_request_is_refused_and_says_how);
    tcase_add_test(tests,
                   a_document_of_the_store_is_judged_as_a_version_shows_it);
    tcase_add_test(tests, a_strict_store_refuses_what_breaks_a_rule);
    tcase_add_test(tests, a_store_that_reports_writes_tells_and_lists);
    tcase_add_test(tests, what_was_not_committed_is_told_of_by_nobody);
    tcase_add_test(tests, a_store_that_does_not_look_writes_and_lists);
    tcase_add_test(tests, what_no_register_could_hold_is_refused_in_any_case);
    tcase_add_test(
        tests, a_write_that_breaks_its_own_versions_rules_is_listed_and_shown);
    tcase_add_test(tests, a_write_is_judged_by_its_own_version_whoever_looks);
    tcase_add_test(tests, a_narrower_rule_marks_a_value_in_that_version_only);
    tcase_add_test(
        tests, what_a_newer_version_wrote_may_be_wrong_in_an_older_one_alone);
    tcase_add_test(
        tests,
        items_and_fields_inside_are_judged_with_the_document_they_are_in);
    tcase_add_test(tests,
                   a_default_that_a_step_gives_stands_for_a_required_field);
    tcase_add_test(tests, a_call_that_fails_is_not_told_of);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
