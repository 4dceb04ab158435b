/* Schemas and migrations that an app brings along: cove_migrations_add,
 * cove_use_schema, and the verbs about files through the API. */
#include "tests/node_api/api_kit.h"

#define V1                                                                     \
    "{\"title\":\"Part\",\"version\":1,\"required\":[\"name\"],"               \
    "\"properties\":{\"name\":{\"type\":\"string\"},\"size\":"                 \
    "{\"type\":\"string\"}}}"
#define V2                                                                     \
    "{\"title\":\"Part\",\"version\":2,\"required\":[\"name\"],"               \
    "\"properties\":{\"name\":{\"type\":\"string\"},\"size\":"                 \
    "{\"type\":\"integer\"}}}"
#define V2_OTHERWISE                                                           \
    "{ \"properties\": {\n\t\"size\": {\"type\": \"integer\"},\n"              \
    "\t\"name\": {\"type\": \"string\"}},\n"                                   \
    "  \"required\": [\"name\"], \"version\": 2, \"title\": \"Part\" }\n"
#define STEPS                                                                  \
    "\"steps\":[{\"convert\":{\"field\":\"size\",\"to\":{\"type\":"            \
    "\"integer\"},\"forward\":[\"int_of_text\"]}}]"
#define PLAIN "{\"schema\":\"Part\",\"from\":1,\"to\":2," STEPS "}"
#define WHOLE                                                                  \
    "{\"schema\":\"Part\",\"from\":1,\"to\":2," STEPS ",\"targetSchema\":" V2  \
    "}"
#define BUNDLE "{\"schemas\":[" V1 "],\"migrations\":[" WHOLE "]}"

static struct api api;

static void setup(void)
{
    api_open(&api);
}

static void teardown(void)
{
    api_close(&api);
}

static int add(const char *json)
{
    return cove_migrations_add(api.store, json, strlen(json));
}

static void says(const char *words)
{
    ck_assert_msg(strstr(cove_errmsg(api.store), words) != NULL,
                  "\"%s\" is not in: %s", words, cove_errmsg(api.store));
}

/* How many versions the schema has here. */
static int versions(void)
{
    char *reply = NULL;
    int count = 0;

    api_ok(cove_admin(api.store, "{\"do\":\"migrate.status\"}", &reply),
           api.store);
    for (const char *at = reply; (at = strstr(at, "\"parents\":")) != NULL;
         at++) {
        count++;
    }
    cove_free(reply);
    return count;
}

/* ------------------------------------------------------------------ bundles */

START_TEST(a_bundle_is_published_once_and_costs_nothing_again)
{
    char before[65], after[65];

    api_ok(add(BUNDLE), api.store);
    ck_assert_int_eq(versions(), 2);
    struct cove_id id = api_new(&api, "Part", "{\"name\":\"a\",\"size\":7}");

    ck_assert_int_eq(api_int(&api, &id, "size"), 7);
    api_digest(&api, before);
    for (int i = 0; i < 3; i++) {
        api_ok(add(BUNDLE), api.store);
    }
    api_ok(add(WHOLE), api.store);
    api_ok(add(V1), api.store);
    api_ok(add("[" V1 "," WHOLE "]"), api.store);
    api_digest(&api, after);
    ck_assert_str_eq(before, after);
}
END_TEST

START_TEST(a_schema_beside_a_migration_or_inside_it_is_the_same)
{
    char before[65], after[65];

    api_ok(cove_schema_add(api.store, "\n" V1 "\n", NULL), api.store);
    api_ok(cove_migration_add(api.store, PLAIN, V2_OTHERWISE), api.store);
    ck_assert_int_eq(versions(), 2);
    api_digest(&api, before);
    api_ok(cove_migration_add(api.store, PLAIN, V2), api.store);
    api_ok(cove_migration_add(api.store, WHOLE, NULL), api.store);
    api_ok(add(BUNDLE), api.store);
    /* one where the schemas lie beside the migrations, in any order */
    api_ok(add("{\"migrations\":[" PLAIN "],\"schemas\":[" V2_OTHERWISE "," V1
               "]}"),
           api.store);
    api_digest(&api, after);
    ck_assert_str_eq(before, after);
}
END_TEST

START_TEST(a_bundle_is_all_or_nothing)
{
    char before[65], after[65];

    api_digest(&api, before);
    ck_assert_int_eq(
        add("{\"schemas\":[" V1 "],\"migrations\":[" WHOLE
            ",{\"schema\":\"Part\",\"from\":2,\"to\":3,\"steps\":[{\"hide\":"
            "\"nope\"}],\"targetSchema\":{\"title\":\"Part\",\"version\":3}}]"
            "}"),
        COVE_ENOTFOUND);
    says("nope");
    api_digest(&api, after);
    ck_assert_str_eq(before, after);
    ck_assert_int_eq(versions(), 0);
}
END_TEST

START_TEST(what_is_no_bundle_is_refused_by_name)
{
    static const struct {
        const char *json;
        int code;
        const char *words;
    } bad[] = {
        {"{oops", COVE_EJSON, "the migrations"},
        {"7", COVE_EFORMAT, "must be an object"},
        {"{\"schemas\":[7]}", COVE_EFORMAT, "schemas[0]"},
        {"{\"migrations\":[" PLAIN "]}", COVE_ESTEP, "targetSchema"},
        {"{\"schemas\":[{\"title\":\"Part\",\"patern\":\"a\"}]}", COVE_EKEYWORD,
         "pattern"},
        {WHOLE, COVE_ENOTFOUND, "no schema is called Part here"},
        {"{\"schemas\":[" V1 "],\"owner\":\"co_zzzzz\"}", COVE_ENOTFOUND, ""},
        {"{\"schemas\":[" V1 "],\"migrations\":[{\"schema\":\"Part\",\"from\":"
         "1,\"to\":2," STEPS ",\"targetSchema\":" V2 ",\"hashes\":{\"from\":"
         "\"0000000000000000000000000000000000000000000000000000000000000000\"}"
         "}]}",
         COVE_EDRIFT, "hashes.from"},
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(bad); i++) {
        int err = add(bad[i].json);

        ck_assert_msg(err == bad[i].code, "%s: %d, not %d: %s", bad[i].json,
                      err, bad[i].code, cove_errmsg(api.store));
        says(bad[i].words);
        ck_assert_int_eq(versions(), 0);
    }
}
END_TEST

START_TEST(an_edited_migration_in_an_app_is_drift)
{
    api_ok(add(BUNDLE), api.store);
    ck_assert_int_eq(add("{\"schemas\":[" V1
                         "],\"migrations\":[{\"schema\":\"Part\","
                         "\"from\":1,\"to\":2,\"note\":\"edited\"," STEPS
                         ",\"targetSchema\":" V2 "}]}"),
                     COVE_EDRIFT);
    says("version 2 of Part as published by device");
    ck_assert_int_eq(versions(), 2);
}
END_TEST

/* A group in which this device only reads. */
static void reader_group(char id[52])
{
    char request[512], key[65], other[65], *reply = NULL;
    const struct cove_key admin = {{0x42}};
    const char *at;

    api_hex(cove_device(api.store), key);
    api_hex(admin, other);
    snprintf(request, sizeof(request),
             "{\"do\":\"new-group\",\"members\":{\"%s\":\"reader\","
             "\"%s\":\"admin\"}}",
             key, other);
    api_ok(cove_admin(api.store, request, &reply), api.store);
    at = strstr(reply, "co_z");
    ck_assert_ptr_nonnull(at);
    snprintf(id, 52, "%.*s", (int)strcspn(at, "\""), at);
    cove_free(reply);
}

START_TEST(who_may_not_publish_is_told_so)
{
    char group[52], json[1024];

    reader_group(group);
    snprintf(json, sizeof(json), "{\"schemas\":[" V1 "],\"owner\":\"%s\"}",
             group);
    ck_assert_int_eq(add(json), COVE_EDENIED);
    says("publishing needs the role admin");
    ck_assert_int_eq(versions(), 0);
}
END_TEST

/* Part with one more field a version: 1 is a schema, the others migrations. */
static char *chain_of(int last)
{
    size_t cap = (size_t)last * (size_t)last * 48 + 65536, len = 0;
    char *json = malloc(cap);

    ck_assert_ptr_nonnull(json);
    len += (size_t)snprintf(json, cap,
                            "{\"schemas\":[{\"title\":\"Long\",\"version\":1,"
                            "\"properties\":{\"f1\":{\"type\":\"integer\"}}}],"
                            "\"migrations\":[");
    for (int v = 2; v <= last; v++) {
        len += (size_t)snprintf(
            json + len, cap - len,
            "%s{\"schema\":\"Long\",\"from\":%d,\"to\":%d,\"steps\":[{\"add\":"
            "\"f%d\"}],\"targetSchema\":{\"title\":\"Long\",\"version\":%d,"
            "\"properties\":{",
            v > 2 ? "," : "", v - 1, v, v, v);
        for (int f = 1; f <= v; f++) {
            len += (size_t)snprintf(json + len, cap - len,
                                    "%s\"f%d\":{\"type\":\"integer\"}",
                                    f > 1 ? "," : "", f);
        }
        len += (size_t)snprintf(json + len, cap - len, "}}}");
    }
    snprintf(json + len, cap - len, "]}");
    return json;
}

START_TEST(a_long_bundle_that_is_there_costs_a_hash)
{
    char *json = chain_of(64);
    int64_t start;

    api_ok(add(json), api.store);
    ck_assert_int_eq(versions(), 64);
    start = api_now_ms();
    for (int i = 0; i < 10; i++) {
        api_ok(add(json), api.store);
    }
    printf("# 64 versions that are there: %lld ms for 10 times\n",
           (long long)(api_now_ms() - start));
    ck_assert_int_lt(api_now_ms() - start, 500);
    free(json);
}
END_TEST

/* ------------------------------------------------------- a version by schema
 */

START_TEST(an_app_speaks_the_version_whose_schema_it_carries)
{
    ck_assert_int_eq(cove_use_schema(api.store, V2), COVE_ENOTFOUND);
    says("has not arrived here");
    api_ok(add(V1), api.store);
    ck_assert_int_eq(cove_use_schema(api.store, V2), COVE_ENOTFOUND);
    says("the version of Part that this app speaks (2) has not arrived");
    api_ok(cove_use_schema(api.store, V1), api.store);
    struct cove_id id =
        api_new(&api, "Part", "{\"name\":\"a\",\"size\":\"7\"}");

    api_ok(add(BUNDLE), api.store);
    /* the app goes on at its version */
    ck_assert_int_eq(api_int(&api, &id, "size"), -1);
    api_ok(cove_use_schema(api.store, V2_OTHERWISE), api.store);
    ck_assert_int_eq(api_int(&api, &id, "size"), 7);
    api_ok(cove_use(api.store, "Part", 1), api.store);
    ck_assert_int_eq(api_int(&api, &id, "size"), -1);
    ck_assert_int_eq(cove_use_schema(api.store, "{oops"), COVE_EJSON);
    ck_assert_int_eq(cove_use_schema(api.store, "{\"title\":\"Part\"}"),
                     COVE_ENOTFOUND);
}
END_TEST

/* Let a writer of the group have what is here. */
static void sync_with(struct api *other)
{
    char hex[65];

    api_ok(cove_listen(api.store, "127.0.0.1:0"), api.store);
    api_hex(cove_device(other->store), hex);
    api_ok(cove_peer_add(api.store, hex, NULL, "other"), api.store);
    api_hex(cove_device(api.store), hex);
    api_ok(cove_peer_add(other->store, hex, cove_address(api.store), "api"),
           other->store);
    api_ok(cove_thread_start(api.store), api.store);
    api_ok(cove_thread_start(other->store), other->store);
}

/* An app of version 2 on a device that has not heard of it: it says what is
 * missing, opens all the same, and catches up. */
START_TEST(an_app_opens_before_its_version_arrives_and_then_catches_up)
{
    struct api other;
    struct cove_id group;
    char request[256], hex[65], text[60] = "", *reply = NULL;

    api_open(&other);
    api_hex(cove_device(other.store), hex);
    snprintf(request, sizeof(request),
             "{\"do\":\"new-group\",\"members\":{\"%s\":\"writer\"}}", hex);
    api_ok(cove_admin(api.store, request, &reply), api.store);
    ck_assert_int_eq(sscanf(reply, "{\"id\":\"%51[^\"]", text), 1);
    cove_free(reply);
    api_ok(cove_id_lookup(api.store, text, &group), api.store);
    api_ok(cove_schema_add(api.store, V1, &group), api.store);
    sync_with(&other);
    api_ok(cove_wait(api.store, NULL, 20000), api.store);

    api_ok(cove_use_schema(other.store, V1), other.store);
    struct cove_id id = api_new(&other, "Part",
                                "{\"name\":\"a\",\"size\":"
                                "\"7\"}");

    ck_assert_int_eq(cove_use_schema(other.store, V2), COVE_ENOTFOUND);
    ck_assert_int_eq(cove_migrations_add(other.store, BUNDLE, strlen(BUNDLE)),
                     COVE_EDENIED);
    ck_assert_ptr_nonnull(
        strstr(cove_errmsg(other.store), "this device is writer there"));
    api_ok(cove_migrations_add(other.store, V1, strlen(V1)), other.store);

    api_ok(add(BUNDLE), api.store);
    api_ok(cove_wait(api.store, NULL, 20000), api.store);
    api_ok(cove_migrations_add(other.store, BUNDLE, strlen(BUNDLE)),
           other.store);
    api_ok(cove_use_schema(other.store, V2), other.store);
    ck_assert_int_eq(api_int(&other, &id, "size"), 7);
    cove_thread_stop(other.store);
    api_close(&other);
}
END_TEST

int main(void)
{
    const TTest *const all[] = {
        a_bundle_is_published_once_and_costs_nothing_again,
        a_schema_beside_a_migration_or_inside_it_is_the_same,
        a_bundle_is_all_or_nothing,
        what_is_no_bundle_is_refused_by_name,
        an_edited_migration_in_an_app_is_drift,
        who_may_not_publish_is_told_so,
        a_long_bundle_that_is_there_costs_a_hash,
        an_app_speaks_the_version_whose_schema_it_carries,
        an_app_opens_before_its_version_arrives_and_then_catches_up,
    };
    Suite *suite = suite_create("files");
    TCase *tests = tcase_create("files");

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    for (size_t i = 0; i < COVE_ARRAY_LEN(all); i++) {
        tcase_add_test(tests, all[i]);
    }
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
