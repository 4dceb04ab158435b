/* test_queries.c: cove_query, find as a query, indexes: as an app asks. */
#include "tests/node_api/api_kit.h"

#include <jansson.h>

static struct api a;

#define PEOPLE1                                                                \
    "{\"title\":\"Person\",\"version\":1,\"properties\":{\"name\":{\"type\":"  \
    "\"string\",\"x-index\":true},\"age\":{\"type\":\"integer\"},\"mail\":"    \
    "{\"type\":\"string\",\"x-unique\":true},\"tags\":{\"type\":\"array\","    \
    "\"items\":{\"type\":\"string\",\"x-index\":true}}}}"
/* name is called fullName, and age is indexed too */
#define PEOPLE2                                                                \
    "{\"title\":\"Person\",\"version\":2,\"x-index\":[[\"fullName\",\"age\"]]" \
    ",\"properties\":{\"fullName\":{\"type\":\"string\",\"x-index\":true},"    \
    "\"age\":{\"type\":\"integer\",\"x-index\":true},\"mail\":{\"type\":"      \
    "\"string\",\"x-unique\":true},\"tags\":{\"type\":\"array\",\"items\":"    \
    "{\"type\":\"string\",\"x-index\":true}}}}"
#define PEOPLE1TO2                                                             \
    "{\"schema\":\"Person\",\"from\":1,\"to\":2,\"steps\":[{\"rename\":"       \
    "{\"from\":\"name\",\"to\":\"fullName\"}}]}"

static void setup(void)
{
    api_open(&a);
    api_ok(cove_schema_add(a.store, PEOPLE1, NULL), a.store);
}

static void teardown(void)
{
    api_close(&a);
}

static struct cove_id person(const char *name, int age)
{
    char json[256];

    snprintf(json, sizeof(json),
             "{\"name\":\"%s\",\"age\":%d,\"tags\":[\"t%d\"]}", name, age,
             age % 3);
    return api_new(&a, "Person", json);
}

/* The text form of each row's id, or of a field, joined by spaces. */
static const char *rows(struct cove_txn *txn, const char *json,
                        const char *field, char **cursor)
{
    static char text[4096];
    struct cove_query *q;
    struct cove_id id;
    size_t len = 0;
    int err = cove_query(txn, "Person", json, &q);

    text[0] = '\0';
    ck_assert_msg(err == 0, "%s: %d %s", json, err, cove_errmsg(a.store));
    while ((err = cove_query_next(q, &id)) == 0) {
        struct cove_value v;

        api_ok(cove_get(txn, &id, field, &v), a.store);
        if (v.kind == COVE_KIND_INT) {
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%lld",
                                    len > 0 ? " " : "", (long long)v.u.integer);
        } else {
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
                                    len > 0 ? " " : "", v.u.text);
        }
    }
    ck_assert_int_eq(err, COVE_ENOTFOUND);
    cove_query_end(q, cursor);
    return text;
}

static json_t *admin(const char *request)
{
    char *reply = NULL;
    json_t *out;

    ck_assert_msg(cove_admin(a.store, request, &reply) == 0, "%s: %s", request,
                  cove_errmsg(a.store));
    out = json_loads(reply, 0, NULL);
    cove_free(reply);
    return out;
}

static void admin_fails(const char *request, int code, const char *word)
{
    char *reply = NULL;

    ck_assert_int_eq(cove_admin(a.store, request, &reply), code);
    ck_assert_msg(strstr(cove_errmsg(a.store), word) != NULL,
                  "\"%s\" not in %s", word, cove_errmsg(a.store));
    cove_free(reply);
}

START_TEST(rows_come_in_the_order_asked_for_and_in_pages)
{
    static const char *const names[] = {"dora", "ann", "bob", "carl", "ann"};
    struct cove_txn *txn;
    char *cursor = NULL, json[512];

    for (int i = 0; i < 5; i++) {
        person(names[i], 20 + i);
    }
    txn = api_begin(&a, COVE_READ);
    ck_assert_str_eq(rows(txn, NULL, "name", NULL), "dora ann bob carl ann");
    ck_assert_str_eq(rows(txn, "{\"order\":\"name\"}", "name", NULL),
                     "ann ann bob carl dora");
    ck_assert_str_eq(rows(txn, "{\"order\":[\"name\",\"-age\"]}", "age", NULL),
                     "24 21 22 23 20");
    ck_assert_str_eq(rows(txn,
                          "{\"where\":{\"name\":{\"$gt\":\"ann\"}},\"order\":"
                          "[\"-name\"],\"limit\":2}",
                          "name", &cursor),
                     "dora carl");
    snprintf(json, sizeof(json),
             "{\"where\":{\"name\":{\"$gt\":\"ann\"}},\"order\":[\"-name\"],"
             "\"limit\":2,\"cursor\":\"%s\"}",
             cursor);
    cove_free(cursor);
    ck_assert_str_eq(rows(txn, json, "name", &cursor), "bob");
    cove_free(cursor);
    ck_assert_str_eq(rows(txn, "{\"where\":{\"tags\":\"t2\"}}", "age", &cursor),
                     "20 23");
    cove_free(cursor);
    ck_assert_str_eq(rows(txn, "{\"where\":{\"age\":99}}", "age", &cursor), "");
    ck_assert_ptr_null(cursor);
    cove_abort(txn);
}
END_TEST

START_TEST(a_query_sees_what_its_own_transaction_wrote)
{
    struct cove_id ann = person("ann", 30);
    struct cove_txn *txn = api_begin(&a, COVE_WRITE);
    struct cove_id id;

    api_ok(cove_set(txn, &ann, "name", cove_text("zoe")), a.store);
    api_ok(cove_new(txn, "Person", NULL, "{\"name\":\"ann\",\"age\":31}", &id),
           a.store);
    ck_assert_str_eq(rows(txn, "{\"where\":{\"name\":\"ann\"}}", "age", NULL),
                     "31");
    ck_assert_str_eq(rows(txn, "{\"order\":[\"name\"]}", "age", NULL), "31 30");
    cove_abort(txn);
    txn = api_begin(&a, COVE_READ);
    ck_assert_str_eq(rows(txn, "{\"where\":{\"name\":\"ann\"}}", "age", NULL),
                     "30");
    cove_abort(txn);
}
END_TEST

START_TEST(what_is_asked_wrongly_is_named)
{
    static const struct {
        const char *json;
        int code;
        const char *word;
    } wrong[] = {
        {"{", COVE_EJSON, "the query"},
        {"[]", COVE_EJSON, "object"},
        {"{\"wher\":{}}", COVE_EUSAGE, "\"wher\""},
        {"{\"where\":{\"nmae\":1}}", COVE_ENOTFOUND, "did you mean \"name\"?"},
        {"{\"where\":{\"age\":{\"$gt\":\"1\"}}}", COVE_ETYPE, "\"age\""},
        {"{\"where\":{\"age\":{\"$like\":1}}}", COVE_EUSAGE, "$like"},
        {"{\"order\":[\"nmae\"]}", COVE_ENOTFOUND, "nmae"},
        {"{\"order\":[\"name\",\"-name\"]}", COVE_EUSAGE, "twice"},
        {"{\"order\":[1]}", COVE_EUSAGE, "order"},
        {"{\"order\":[\"-\"]}", COVE_EUSAGE, "order"},
        {"{\"order\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\"]}",
         COVE_ELIMIT, "8"},
        {"{\"limit\":0}", COVE_EUSAGE, "limit"},
        {"{\"limit\":\"1\"}", COVE_EUSAGE, "limit"},
        {"{\"cursor\":1}", COVE_EUSAGE, "cursor"},
        {"{\"cursor\":\"xyz\"}", COVE_EUSAGE, "cursor"},
        {"{\"cursor\":\"01\"}", COVE_EUSAGE, "cursor"},
    };
    struct cove_txn *txn;
    struct cove_query *q;
    char *cursor, json[512];

    person("ann", 1);
    txn = api_begin(&a, COVE_READ);
    for (size_t i = 0; i < COVE_ARRAY_LEN(wrong); i++) {
        int err = cove_query(txn, "Person", wrong[i].json, &q);

        ck_assert_msg(err == wrong[i].code, "%s: %d", wrong[i].json, err);
        ck_assert_msg(strstr(cove_errmsg(a.store), wrong[i].word) != NULL,
                      "%s: %s", wrong[i].json, cove_errmsg(a.store));
    }
    ck_assert_int_eq(cove_query(txn, "Persn", NULL, &q), COVE_ENOTFOUND);
    rows(txn, "{\"order\":[\"name\"],\"limit\":1}", "name", &cursor);
    snprintf(json, sizeof(json), "{\"order\":[\"-name\"],\"cursor\":\"%s\"}",
             cursor);
    ck_assert_int_eq(cove_query(txn, "Person", json, &q), COVE_EUSAGE);
    ck_assert_ptr_nonnull(strstr(cove_errmsg(a.store), "another query"));
    /* One that is cut, and one with a bit turned: refused, not misread. */
    snprintf(json, sizeof(json), "{\"order\":[\"name\"],\"cursor\":\"%.*s\"}",
             (int)strlen(cursor) - 4, cursor);
    ck_assert_int_eq(cove_query(txn, "Person", json, &q), COVE_EUSAGE);
    cursor[strlen(cursor) - 1] = 'g';
    snprintf(json, sizeof(json), "{\"order\":[\"name\"],\"cursor\":\"%s\"}",
             cursor);
    ck_assert_int_eq(cove_query(txn, "Person", json, &q), COVE_EUSAGE);
    cove_free(cursor);
    cove_query_end(NULL, &cursor);
    ck_assert_ptr_null(cursor);
    cove_abort(txn);
    admin_fails("{\"do\":\"find\",\"order\":\"name\"}", COVE_EUSAGE, "schema");
    admin_fails("{\"do\":\"find\",\"schema\":\"Person\",\"ids\":[],\"count\":"
                "true}",
                COVE_EUSAGE, "count");
    admin_fails("{\"do\":\"find\",\"schema\":\"Person\",\"duplicates\":"
                "\"name\",\"limit\":3}",
                COVE_EUSAGE, "duplicates");
    admin_fails("{\"do\":\"index.rebuild\",\"index\":99}", COVE_ENOTFOUND,
                "index.list");
    admin_fails("{\"do\":\"index.work\",\"max\":0}", COVE_EUSAGE, "max");
}
END_TEST

/* How find with this condition came to its rows. */
static json_t *explain(const char *members, json_int_t want)
{
    char request[512];
    json_t *reply, *out;

    snprintf(
        request, sizeof(request),
        "{\"do\":\"find\",\"schema\":\"Person\",\"mode\":\"view\",\"explain\":"
        "true,%s}",
        members);
    reply = admin(request);
    ck_assert_msg((json_int_t)json_array_size(
                      json_object_get(reply, "documents")) == want,
                  "%s: %zu rows", members,
                  json_array_size(json_object_get(reply, "documents")));
    out = json_incref(json_object_get(reply, "explain"));
    json_decref(reply);
    return out;
}

static void explains(const char *members, json_int_t want, const char *how)
{
    json_t *e = explain(members, want);

    ck_assert_msg(
        strcmp(json_string_value(json_object_get(e, "how")), how) == 0,
        "%s: %s", members, json_string_value(json_object_get(e, "how")));
    json_decref(e);
}

START_TEST(S37_an_index_of_a_renamed_field_misses_nothing_half_migrated)
{
    struct cove_id ids[10];
    struct cove_txn *txn;
    const char *text;

    for (int i = 0; i < 10; i++) {
        char name[16];

        snprintf(name, sizeof(name), "n%d", i);
        ids[i] = person(name, i);
    }
    explains("\"where\":{\"name\":{\"$gte\":\"n5\"}}", 5, "index");
    api_ok(cove_migration_add(a.store, PEOPLE1TO2, PEOPLE2), a.store);
    /* One of ten is read by an app that writes back what is due. */
    txn = api_begin(&a, COVE_WRITE);
    api_ok(cove_get_json(txn, &ids[7], &text), a.store);
    api_ok(cove_commit(txn), a.store);
    explains("\"version\":2,\"where\":{\"fullName\":{\"$gte\":\"n5\"}}", 5,
             "index");
    explains(
        "\"version\":2,\"where\":{\"fullName\":{\"$gte\":\"n0\"}},\"order\":"
        "[\"-age\"]",
        10, "index");
    explains(
        "\"version\":2,\"where\":{\"fullName\":\"n3\"},\"order\":[\"age\"]", 1,
        "index");
    explains("\"version\":2,\"order\":[\"fullName\",\"age\"]", 10, "index");
    /* And at the version before, by its own index. */
    txn = api_begin(&a, COVE_WRITE);
    api_ok(cove_set(txn, &ids[2], "fullName", cove_text("n99")), a.store);
    api_ok(cove_commit(txn), a.store);
    explains("\"version\":1,\"where\":{\"name\":{\"$gte\":\"n5\"}}", 6,
             "index");
    explains("\"version\":2,\"where\":{\"fullName\":{\"$gte\":\"n5\"}}", 6,
             "index");
}
END_TEST

START_TEST(duplicates_of_a_field_meant_to_be_unique_are_reported)
{
    json_t *reply, *groups;

    api_new(&a, "Person", "{\"name\":\"ann\",\"mail\":\"x@y\"}");
    api_new(&a, "Person", "{\"name\":\"bob\",\"mail\":\"x@y\"}");
    api_new(&a, "Person", "{\"name\":\"eve\",\"mail\":\"z@y\"}");
    api_new(&a, "Person", "{\"name\":\"dan\"}");
    api_new(&a, "Person", "{\"name\":\"dan\"}");
    reply = admin("{\"do\":\"find\",\"schema\":\"Person\",\"duplicates\":"
                  "\"mail\",\"explain\":true}");
    groups = json_object_get(reply, "duplicates");
    ck_assert_uint_eq(json_array_size(groups), 1);
    ck_assert_str_eq(
        json_string_value(json_object_get(json_array_get(groups, 0), "value")),
        "x@y");
    ck_assert_uint_eq(
        json_array_size(json_object_get(json_array_get(groups, 0), "ids")), 2);
    ck_assert_str_eq(json_string_value(json_object_get(
                         json_object_get(reply, "explain"), "how")),
                     "index");
    json_decref(reply);
}
END_TEST

START_TEST(find_counts_and_says_how)
{
    json_t *reply;

    for (int i = 0; i < 30; i++) {
        person(i % 2 == 0 ? "even" : "odd", i);
    }
    reply = admin("{\"do\":\"find\",\"schema\":\"Person\",\"count\":true,"
                  "\"where\":{\"name\":\"odd\"},\"explain\":true}");
    ck_assert_int_eq(json_integer_value(json_object_get(reply, "count")), 15);
    ck_assert_ptr_null(json_object_get(reply, "documents"));
    /* The entries say it all: nothing was loaded. */
    ck_assert_int_eq(json_integer_value(json_object_get(
                         json_object_get(reply, "explain"), "looked")),
                     0);
    json_decref(reply);
    explains("\"where\":{\"age\":{\"$lt\":10}}", 10, "scan");
    explains("\"where\":{\"$or\":[{\"name\":\"odd\"},{\"tags\":\"t0\"}]}", 20,
             "index");
    explains("\"where\":{\"$or\":[{\"name\":\"odd\"},{\"age\":0}]}", 16,
             "scan");
    explains("\"where\":{\"name\":{\"$in\":[\"odd\",\"none\"]}}", 15, "index");
    explains(
        "\"where\":{\"name\":{\"$beginsWith\":\"ev\"}},\"order\":[\"name\"],"
        "\"limit\":3",
        3, "index");
    reply = admin("{\"do\":\"index.list\",\"schema\":\"Person\"}");
    ck_assert_uint_eq(json_array_size(json_object_get(reply, "indexes")), 3);
    json_decref(reply);
    json_decref(admin("{\"do\":\"index.rebuild\",\"schema\":\"Person\"}"));
    reply = admin("{\"do\":\"index.work\"}");
    ck_assert(json_is_false(json_object_get(reply, "left")) ||
              json_is_true(json_object_get(reply, "left")));
    json_decref(reply);
    explains("\"where\":{\"name\":\"odd\"}", 15, "index");
}
END_TEST

/* How many places a city has; by the index, whatever changed. */
static int places(const char *city)
{
    char request[256];
    json_t *reply, *e;
    int count;

    snprintf(
        request, sizeof(request),
        "{\"do\":\"find\",\"schema\":\"Place\",\"mode\":\"view\",\"count\":"
        "true,\"explain\":true,\"where\":{\"at.city\":\"%s\"}}",
        city);
    reply = admin(request);
    e = json_object_get(reply, "explain");
    ck_assert_str_eq(json_string_value(json_object_get(e, "how")), "index");
    count = (int)json_integer_value(json_object_get(reply, "count"));
    json_decref(reply);
    return count;
}

static void city_set(const struct cove_id *place, const char *city)
{
    struct cove_txn *txn = api_begin(&a, COVE_WRITE);
    struct cove_id child;

    api_ok(cove_child(txn, place, "at", COVE_COMAP, &child), a.store);
    api_ok(cove_set(txn, &child, "city", cove_text(city)), a.store);
    api_ok(cove_commit(txn), a.store);
}

START_TEST(a_field_inside_a_map_of_its_own_is_indexed_with_its_parent)
{
    struct cove_id ids[3];

    api_ok(cove_schema_add(
               a.store,
               "{\"title\":\"Place\",\"version\":1,\"properties\":{\"name\":{"
               "\"type\":\"string\"},\"at\":{\"type\":\"object\",\"x-type\":"
               "\"map\",\"properties\":{\"city\":{\"type\":\"string\","
               "\"x-index\":true}}}}}",
               NULL),
           a.store);
    for (int i = 0; i < 3; i++) {
        ids[i] = api_new(&a, "Place", "{\"name\":\"x\"}");
    }
    ck_assert_int_eq(places("Rome"), 0);
    city_set(&ids[0], "Rome");
    city_set(&ids[2], "Rome");
    ck_assert_int_eq(places("Rome"), 2);
    city_set(&ids[0], "Oslo");
    ck_assert_int_eq(places("Rome"), 1);
    ck_assert_int_eq(places("Oslo"), 1);
    admin_fails("{\"do\":\"find\",\"schema\":\"Place\",\"where\":{\"at.citi\":"
                "\"x\"}}",
                COVE_ENOTFOUND, "did you mean \"city\"?");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("queries");
    TCase *tests = tcase_create("queries");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, rows_come_in_the_order_asked_for_and_in_pages);
    tcase_add_test(tests, a_query_sees_what_its_own_transaction_wrote);
    tcase_add_test(tests, what_is_asked_wrongly_is_named);
    tcase_add_test(
        tests, S37_an_index_of_a_renamed_field_misses_nothing_half_migrated);
    tcase_add_test(tests,
                   duplicates_of_a_field_meant_to_be_unique_are_reported);
    tcase_add_test(tests, find_counts_and_says_how);
    tcase_add_test(tests,
                   a_field_inside_a_map_of_its_own_is_indexed_with_its_parent);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
