/* Fields that are documents of their own, through the public API: what two
 * versions of an app and two devices see. Hazards H24 to H27 by name. */
#include "tests/node_api/api_pair.h"

static const char V1[] =
    "{\"title\":\"Note\",\"version\":1,\"properties\":{"
    "\"title\":{\"type\":\"string\"},\"tag\":{\"type\":\"string\"},"
    "\"street\":{\"type\":\"string\"},\"city\":{\"type\":\"string\"},"
    "\"sizes\":{\"type\":\"array\",\"x-type\":\"list\",\"items\":{\"type\":"
    "\"string\"}}}}";

static const char BUNDLE[] =
    "{\"migrations\":[{\"schema\":\"Note\",\"from\":1,\"to\":2,\"steps\":["
    "{\"text\":\"title\"},{\"to_list\":{\"field\":\"tag\",\"to\":\"tags\"}},"
    "{\"extract\":{\"fields\":{\"street\":\"street\",\"city\":\"town\"},"
    "\"into\":\"address\"}},"
    "{\"each\":{\"field\":\"sizes\",\"to\":\"integer\",\"forward\":"
    "[\"int_of_text\"]}}],"
    "\"targetSchema\":{\"title\":\"Note\",\"version\":2,\"properties\":{"
    "\"title\":{\"type\":\"string\",\"x-type\":\"text\"},"
    "\"tags\":{\"type\":\"array\",\"x-type\":\"list\",\"items\":{\"type\":"
    "\"string\"}},"
    "\"address\":{\"type\":\"object\",\"x-type\":\"map\",\"properties\":{"
    "\"street\":{\"type\":\"string\"},\"town\":{\"type\":\"string\"}}},"
    "\"sizes\":{\"type\":\"array\",\"x-type\":\"list\",\"items\":{\"type\":"
    "\"integer\"}}}}}]}";

static struct api a, b;
static struct cove_id group;

/* a's group with b as writer, and both versions in it. */
static void setup(void)
{
    api_pair_open(&a, &b, &group);
    api_ok(cove_schema_add(a.store, V1, &group), a.store);
    api_ok(cove_migrations_add(a.store, BUNDLE, strlen(BUNDLE)), a.store);
}

static void teardown(void)
{
    cove_thread_stop(b.store);
    cove_thread_stop(a.store);
    api_close(&a);
    api_close(&b);
}

static void introduce(void)
{
    api_pair_introduce(&a, &b);
    api_ok(cove_thread_start(a.store), a.store);
}

/* b comes online, and goes again. */
static void sync_all(void)
{
    api_ok(cove_thread_start(b.store), b.store);
    api_ok(cove_wait(b.store, NULL, API_DEADLINE_MS), b.store);
    api_ok(cove_wait(a.store, NULL, API_DEADLINE_MS), a.store);
    cove_thread_stop(b.store);
}

/* --- what an app at a version sees and does, a transaction each */

static struct cove_txn *begin_at(struct api *s, unsigned flags, int version)
{
    api_ok(cove_use(s->store, "Note", version), s->store);
    return api_begin(s, flags);
}

static void set_text(struct api *s, int version, const struct cove_id *id,
                     const char *field, const char *text)
{
    struct cove_txn *txn = begin_at(s, COVE_WRITE, version);

    api_ok(cove_set(txn, id, field, cove_text(text)), s->store);
    api_ok(cove_commit(txn), s->store);
}

static void assert_text(struct api *s, int version, const struct cove_id *id,
                        const char *field, const char *want)
{
    struct cove_txn *txn = begin_at(s, COVE_READ, version);
    struct cove_value v;
    int err = cove_get(txn, id, field, &v);

    if (want == NULL) {
        ck_assert_int_eq(err, COVE_ENOTFOUND);
    } else {
        api_ok(err, s->store);
        ck_assert_int_eq(v.kind, COVE_KIND_TEXT);
        ck_assert_uint_eq(v.len, strlen(want));
        ck_assert_msg(memcmp(v.u.text, want, strlen(want)) == 0, "%.*s",
                      (int)v.len, v.u.text);
    }
    cove_abort(txn);
}

static struct cove_id child(struct api *s, int version,
                            const struct cove_id *id, const char *field,
                            enum cove_covalue type)
{
    struct cove_txn *txn = begin_at(s, COVE_WRITE, version);
    struct cove_id made;

    api_ok(cove_child(txn, id, field, type, &made), s->store);
    api_ok(cove_commit(txn), s->store);
    return made;
}

static void splice(struct api *s, const struct cove_id *id, size_t at,
                   size_t remove, const char *text)
{
    struct cove_txn *txn = begin_at(s, COVE_WRITE, 2);

    api_ok(cove_text_splice(txn, id, COVE_CODEPOINTS, at, remove, text,
                            strlen(text)),
           s->store);
    api_ok(cove_commit(txn), s->store);
}

static void assert_child_text(struct api *s, const struct cove_id *id,
                              const char *want)
{
    struct cove_txn *txn = begin_at(s, COVE_READ, 2);
    const char *text;
    size_t len;

    api_ok(cove_text_get(txn, id, &text, &len), s->store);
    ck_assert_str_eq(text, want);
    cove_abort(txn);
}

/* Items as texts and integers: "a|7|!" (!: it did not convert). */
static void assert_items(struct api *s, int version, const struct cove_id *id,
                         const char *want)
{
    struct cove_txn *txn = begin_at(s, COVE_READ, version);
    char got[256] = "";
    size_t len = 0, count;

    api_ok(cove_list_length(txn, id, &count), s->store);
    for (size_t i = 0; i < count; i++) {
        struct cove_value v;
        int err = cove_list_get(txn, id, i, &v);
        const char *bar = i > 0 ? "|" : "";

        if (err == COVE_EINVALID) {
            len += (size_t)snprintf(got + len, sizeof(got) - len, "%s!", bar);
        } else if (v.kind == COVE_KIND_INT) {
            len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%lld", bar,
                                    (long long)v.u.integer);
        } else {
            api_ok(err, s->store);
            len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%.*s", bar,
                                    (int)v.len, v.u.text);
        }
    }
    ck_assert_str_eq(got, want);
    cove_abort(txn);
}

static void list_splice(struct api *s, int version, const struct cove_id *id,
                        size_t at, size_t remove, const char *json)
{
    struct cove_txn *txn = begin_at(s, COVE_WRITE, version);

    api_ok(cove_list_splice(txn, id, at, remove, json), s->store);
    api_ok(cove_commit(txn), s->store);
}

static struct cove_id note(const char *json)
{
    api_ok(cove_use(a.store, "Note", 1), a.store);
    return api_new(&a, "Note", json);
}

/* ------------------------------------------------------------------- texts */

START_TEST(a_text_shows_the_scalar_and_the_scalar_shows_the_text)
{
    struct cove_id id = note("{\"title\":\"hello\"}");
    struct cove_id text = child(&a, 2, &id, "title", COVE_COTEXT);

    assert_child_text(&a, &text, "hello");
    assert_text(&a, 1, &id, "title", "hello");
    splice(&a, &text, 5, 0, " world");
    splice(&a, &text, 0, 1, "J");
    assert_child_text(&a, &text, "Jello world");
    assert_text(&a, 1, &id, "title", "Jello world");

    /* an old app writes late: its text shows, and what users typed stays */
    set_text(&a, 1, &id, "title", "bye");
    assert_child_text(&a, &text, "J worldbye");
    assert_text(&a, 1, &id, "title", "J worldbye");
    splice(&a, &text, 0, 7, "");
    assert_child_text(&a, &text, "bye");
    assert_text(&a, 1, &id, "title", "bye");
}
END_TEST

START_TEST(a_child_that_nobody_wrote_to_shows_what_the_field_had)
{
    struct cove_id id =
        note("{\"title\":\"hello\",\"tag\":\"red\",\"city\":\"Rome\"}");
    struct cove_txn *txn = begin_at(&a, COVE_READ, 2);
    struct cove_id text, list, map;
    struct cove_value v;
    const char *shown;
    size_t len;

    api_ok(cove_child(txn, &id, "title", COVE_COTEXT, &text), a.store);
    api_ok(cove_text_get(txn, &text, &shown, &len), a.store);
    ck_assert_str_eq(shown, "hello");
    api_ok(cove_child(txn, &id, "tags", COVE_COLIST, &list), a.store);
    api_ok(cove_list_get(txn, &list, 0, &v), a.store);
    ck_assert_str_eq(v.u.text, "red");
    api_ok(cove_child(txn, &id, "address", COVE_COMAP, &map), a.store);
    api_ok(cove_get(txn, &map, "town", &v), a.store);
    ck_assert_str_eq(v.u.text, "Rome");
    cove_abort(txn);
    /* nothing was written */
    txn = begin_at(&a, COVE_READ, 2);
    ck_assert_int_eq(cove_text_get(txn, &text, &shown, &len), COVE_ENOTFOUND);
    cove_abort(txn);
}
END_TEST

START_TEST(h25_a_text_that_two_devices_migrate_is_there_once)
{
    struct cove_id id = note("{\"title\":\"abc\"}");

    introduce();
    sync_all();
    /* both offline, both first to touch it */
    struct cove_id here = child(&a, 2, &id, "title", COVE_COTEXT);
    struct cove_id there = child(&b, 2, &id, "title", COVE_COTEXT);

    ck_assert_mem_eq(&here, &there, sizeof(here));
    splice(&a, &here, 3, 0, "A");
    splice(&b, &there, 0, 0, "B");
    sync_all();
    assert_child_text(&a, &here, "BabcA");
    assert_child_text(&b, &there, "BabcA");
    assert_text(&b, 1, &id, "title", "BabcA");
}
END_TEST

/* ------------------------------------------------------------------- lists */

START_TEST(h25_each_item_is_converted_where_it_stands)
{
    struct cove_id id = note("{}");
    struct cove_id list = child(&a, 1, &id, "sizes", COVE_COLIST);

    list_splice(&a, 1, &list, 0, 0, "[\"7\",\"x\",\"9\"]");
    assert_items(&a, 2, &list, "7|!|9");
    list_splice(&a, 2, &list, 3, 0, "[12]");
    assert_items(&a, 1, &list, "7|x|9|12");

    struct cove_txn *txn = begin_at(&a, COVE_WRITE, 2);

    api_ok(cove_list_set(txn, &list, 1, cove_int(8)), a.store);
    api_ok(cove_commit(txn), a.store);
    assert_items(&a, 1, &list, "7|8|9|12");
    assert_items(&a, 2, &list, "7|8|9|12");
    list_splice(&a, 1, &list, 0, 1, NULL);
    assert_items(&a, 2, &list, "8|9|12");
}
END_TEST

START_TEST(an_item_that_the_version_refuses_is_not_written)
{
    struct cove_id id = note("{}");
    struct cove_id list = child(&a, 2, &id, "sizes", COVE_COLIST);
    struct cove_txn *txn = begin_at(&a, COVE_WRITE, 2);

    ck_assert_int_eq(cove_list_insert(txn, &list, 0, cove_text("x")),
                     COVE_ESCHEMA);
    cove_abort(txn);
    assert_items(&a, 2, &list, "");
}
END_TEST

START_TEST(a_scalar_is_the_first_item_and_the_first_item_the_scalar)
{
    struct cove_id id = note("{\"tag\":\"red\"}");
    struct cove_id list = child(&a, 2, &id, "tags", COVE_COLIST);

    assert_items(&a, 2, &list, "red");
    list_splice(&a, 2, &list, 1, 0, "[\"blue\"]");
    assert_items(&a, 2, &list, "red|blue");
    assert_text(&a, 1, &id, "tag", "red");
    list_splice(&a, 2, &list, 0, 1, NULL);
    assert_text(&a, 1, &id, "tag", "blue");
    list_splice(&a, 2, &list, 0, 1, NULL);
    assert_text(&a, 1, &id, "tag", NULL);
    set_text(&a, 1, &id, "tag", "green");
    assert_items(&a, 2, &list, "green");
    assert_text(&a, 1, &id, "tag", "green");
}
END_TEST

/* -------------------------------------------------------------------- maps */

START_TEST(h24_edits_of_two_fields_of_an_extracted_document_both_stand)
{
    struct cove_id id = note("{\"street\":\"High\",\"city\":\"Rome\"}");

    introduce();
    sync_all();
    struct cove_id here = child(&a, 2, &id, "address", COVE_COMAP);
    struct cove_id there = child(&b, 2, &id, "address", COVE_COMAP);

    assert_text(&a, 2, &here, "street", "High");
    set_text(&a, 2, &here, "street", "Low");
    set_text(&b, 2, &there, "town", "Bern");
    sync_all();
    assert_text(&b, 2, &there, "street", "Low");
    assert_text(&a, 2, &here, "town", "Bern");
    assert_text(&a, 1, &id, "street", "Low");
    assert_text(&b, 1, &id, "city", "Bern");
}
END_TEST

START_TEST(h26_h27_two_devices_that_extract_make_one_child)
{
    struct cove_id id = note("{\"street\":\"High\"}");

    introduce();
    sync_all();
    struct cove_id here = child(&a, 2, &id, "address", COVE_COMAP);
    struct cove_id there = child(&b, 2, &id, "address", COVE_COMAP);

    ck_assert_mem_eq(&here, &there, sizeof(here));
    sync_all();
    /* an old app's late write shows in it */
    set_text(&a, 1, &id, "street", "Mill");
    assert_text(&a, 2, &here, "street", "Mill");
    set_text(&a, 2, &here, "street", "Lane");
    assert_text(&a, 1, &id, "street", "Lane");
}
END_TEST

START_TEST(a_field_that_is_a_document_reads_as_its_reference)
{
    struct cove_id id = note("{}");
    struct cove_id text = child(&a, 2, &id, "title", COVE_COTEXT);
    struct cove_txn *txn = begin_at(&a, COVE_WRITE, 2);
    struct cove_id other;
    struct cove_value v;

    api_ok(cove_get(txn, &id, "title", &v), a.store);
    ck_assert_int_eq(v.kind, COVE_KIND_REF);
    ck_assert_mem_eq(v.u.bytes, &text, sizeof(text));
    ck_assert_int_eq(cove_set(txn, &id, "title", cove_text("x")), COVE_ESCHEMA);
    ck_assert_int_eq(cove_child(txn, &id, "title", COVE_COLIST, &other),
                     COVE_ETYPE);
    cove_abort(txn);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("children");
    TCase *tests = tcase_create("children");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests,
                   a_text_shows_the_scalar_and_the_scalar_shows_the_text);
    tcase_add_test(tests,
                   a_child_that_nobody_wrote_to_shows_what_the_field_had);
    tcase_add_test(tests, h25_a_text_that_two_devices_migrate_is_there_once);
    tcase_add_test(tests, h25_each_item_is_converted_where_it_stands);
    tcase_add_test(tests, an_item_that_the_version_refuses_is_not_written);
    tcase_add_test(tests,
                   a_scalar_is_the_first_item_and_the_first_item_the_scalar);
    tcase_add_test(tests,
                   h24_edits_of_two_fields_of_an_extracted_document_both_stand);
    tcase_add_test(tests, h26_h27_two_devices_that_extract_make_one_child);
    tcase_add_test(tests, a_field_that_is_a_document_reads_as_its_reference);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
