/* test_where.c: conditions on what a view shows: each operator, what it
 * refuses, and how much of it. */
#include "tests/unit/schema_kit.h"

#include "core/json.h"
#include "migrate/where.h"

static struct stage alice;

/* A document without a schema that holds these fields. */
static struct cove_loaded loaded_of(const char *fields)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);
    struct cove_loaded loaded;
    struct cove_buf map;
    struct cove_reader r;
    struct cove_edit edits[16];
    struct cove_bytes copy;
    struct cove_new_request request = {
        .type = COVE_DOC_COMAP, .owner = alice.group, .edits = edits};

    cove_buf_init(&map, &alice.kit.heap.alloc);
    ck_assert_int_eq(
        cove_json_read(cove_bytes_text(fields), "fields", &map, NULL), 0);
    ck_assert_int_eq(
        cove_arena_copy(&alice.kit.arena, cove_buf_bytes(&map), &copy), 0);
    cove_buf_clear(&map);
    cove_reader_init(&r, copy);
    request.edit_count = cove_reader_map(&r);
    ck_assert_uint_le(request.edit_count, COVE_ARRAY_LEN(edits));
    for (size_t i = 0; i < request.edit_count; i++) {
        edits[i].name = cove_reader_text(&r);
        edits[i].deleted = false;
        edits[i].value = cove_reader_item(&r);
    }
    ck_assert_int_eq(cove_new_document(alice.catalog, txn, &request,
                                       &alice.kit.arena, &loaded,
                                       &alice.kit.diag),
                     0);
    kit_commit(txn);
    return loaded;
}

static int parse(const char *json, const struct cove_where **out)
{
    struct cove_buf map;
    struct cove_bytes copy;

    cove_diag_clear(&alice.kit.diag);
    cove_buf_init(&map, &alice.kit.heap.alloc);
    ck_assert_int_eq(
        cove_json_read(cove_bytes_text(json), "condition", &map, NULL), 0);
    ck_assert_int_eq(
        cove_arena_copy(&alice.kit.arena, cove_buf_bytes(&map), &copy), 0);
    cove_buf_clear(&map);
    return cove_where_parse(&alice.kit.arena, copy, out, &alice.kit.diag);
}

static bool holds(struct cove_loaded *loaded, const char *json)
{
    const struct cove_where *where;
    bool met = false;
    int err = parse(json, &where);

    ck_assert_msg(err == 0, "%s: %d %s", json, err, alice.kit.diag.text);
    ck_assert_int_eq(cove_where_match(where, loaded, &met), 0);
    return met;
}

struct row {
    const char *where;
    bool met;
};

static void rows_hold(struct cove_loaded *loaded, const struct row *rows,
                      size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ck_assert_msg(holds(loaded, rows[i].where) == rows[i].met,
                      "%s should be %s", rows[i].where,
                      rows[i].met ? "met" : "not met");
    }
}

static void setup(void)
{
    stage_open(&alice, 1);
    stage_group(&alice, NULL, NULL);
    kit_take_header(&alice.kit, &alice.group, alice.group_header);
}

static void teardown(void)
{
    stage_close(&alice);
}

START_TEST(each_operator_compares_as_its_name_says)
{
    static const struct row rows[] = {
        {"{\"title\": \"hello\"}", true},
        {"{\"title\": \"Hello\"}", false},
        {"{\"title\": {\"$eq\": \"hello\"}}", true},
        {"{\"title\": {\"$ne\": \"hello\"}}", false},
        {"{\"title\": {\"$ne\": \"other\"}}", true},
        {"{\"size\": {\"$lt\": 13}}", true},
        {"{\"size\": {\"$lt\": 12}}", false},
        {"{\"size\": {\"$lte\": 12}}", true},
        {"{\"size\": {\"$gt\": 11}}", true},
        {"{\"size\": {\"$gt\": 12}}", false},
        {"{\"size\": {\"$gte\": 12}}", true},
        {"{\"size\": {\"$gte\": 10, \"$lt\": 20}}", true},
        {"{\"size\": {\"$gte\": 10, \"$lt\": 12}}", false},
        {"{\"title\": {\"$lt\": \"hellp\", \"$gt\": \"hell\"}}", true},
        {"{\"title\": {\"$in\": [1, \"hello\"]}}", true},
        {"{\"title\": {\"$in\": []}}", false},
        {"{\"size\": {\"$in\": [11, 12.0]}}", true},
        {"{\"title\": {\"$beginsWith\": \"hel\"}}", true},
        {"{\"title\": {\"$beginsWith\": \"\"}}", true},
        {"{\"title\": {\"$beginsWith\": \"hello!\"}}", false},
        {"{\"size\": {\"$beginsWith\": \"1\"}}", false},
        {"{\"tags\": [\"a\", \"b\"]}", true},
        {"{\"tags\": [\"b\", \"a\"]}", false},
        {"{\"map\": {\"k\": 1}}", true},
        {"{\"map\": {}}", false},
        {"{\"bin\": {\"$bytes\": \"AQI=\"}}", true},
        {"{\"bin\": {\"$lt\": {\"$bytes\": \"AQM=\"}}}", true},
        {"{\"done\": true}", true},
        {"{}", true},
    };
    struct cove_loaded loaded = loaded_of(
        "{\"title\":\"hello\",\"size\":12,\"tags\":[\"a\",\"b\"],"
        "\"map\":{\"k\":1},\"bin\":{\"$bytes\":\"AQI=\"},\"done\":true}");

    rows_hold(&loaded, rows, COVE_ARRAY_LEN(rows));
}
END_TEST

START_TEST(integers_and_floats_compare_by_number_without_rounding)
{
    static const struct row rows[] = {
        {"{\"big\": 9007199254740992.0}", false},
        {"{\"big\": {\"$gt\": 9007199254740992.0}}", true},
        {"{\"big\": {\"$lt\": 1e300}}", true},
        {"{\"big\": {\"$gt\": -1e300}}", true},
        {"{\"half\": {\"$gt\": 2}}", true},
        {"{\"half\": {\"$lt\": 3}}", true},
        {"{\"low\": {\"$lt\": -2}}", true},
        {"{\"low\": {\"$gt\": -3}}", true},
        {"{\"half\": {\"$gte\": 2.5, \"$lte\": 2.5}}", true},
        {"{\"two\": 2}", true},
        {"{\"two\": {\"$ne\": 2}}", false},
        {"{\"nan\": {\"$float\": \"nan\"}}", true},
        {"{\"nan\": {\"$lt\": 1}}", false},
        {"{\"nan\": {\"$gte\": 1.5}}", false},
        {"{\"inf\": {\"$gt\": 9223372036854775807}}", true},
        {"{\"two\": {\"$lt\": {\"$float\": \"inf\"}}}", true},
    };
    struct cove_loaded loaded =
        loaded_of("{\"big\":9007199254740993,\"half\":2.5,\"low\":-2.5,"
                  "\"two\":2.0,\"nan\":{\"$float\":\"nan\"},"
                  "\"inf\":{\"$float\":\"inf\"}}");

    rows_hold(&loaded, rows, COVE_ARRAY_LEN(rows));
}
END_TEST

START_TEST(missing_and_null_and_values_of_another_type_differ)
{
    static const struct row rows[] = {
        {"{\"none\": null}", true},
        {"{\"none\": {\"$null\": true}}", true},
        {"{\"none\": {\"$null\": false}}", false},
        {"{\"none\": {\"$exists\": true}}", true},
        {"{\"gone\": null}", false},
        {"{\"gone\": {\"$null\": true}}", false},
        {"{\"gone\": {\"$null\": false}}", true},
        {"{\"gone\": {\"$exists\": false}}", true},
        {"{\"gone\": {\"$exists\": true}}", false},
        {"{\"gone\": {\"$ne\": 1}}", true},
        {"{\"gone\": {\"$lt\": 1}}", false},
        {"{\"gone\": {\"$in\": [null]}}", false},
        {"{\"none\": {\"$in\": [null]}}", true},
        {"{\"size\": \"12\"}", false},
        {"{\"size\": {\"$ne\": \"12\"}}", true},
        {"{\"size\": {\"$lt\": \"zz\"}}", false},
        {"{\"size\": {\"$gte\": \"\"}}", false},
        {"{\"size\": {\"$invalid\": false}}", true},
        {"{\"size\": {\"$invalid\": true}}", false},
    };
    struct cove_loaded loaded = loaded_of("{\"none\":null,\"size\":12}");

    rows_hold(&loaded, rows, COVE_ARRAY_LEN(rows));
}
END_TEST

START_TEST(conditions_join_with_and_or_and_not)
{
    static const struct row rows[] = {
        {"{\"a\": 1, \"b\": 2}", true},
        {"{\"a\": 1, \"b\": 3}", false},
        {"{\"$and\": [{\"a\": 1}, {\"b\": 2}]}", true},
        {"{\"$and\": [{\"a\": 1}, {\"b\": 3}]}", false},
        {"{\"$and\": []}", true},
        {"{\"$or\": [{\"a\": 7}, {\"b\": 2}]}", true},
        {"{\"$or\": [{\"a\": 7}, {\"b\": 7}]}", false},
        {"{\"$or\": []}", false},
        {"{\"$not\": {\"a\": 1}}", false},
        {"{\"$not\": {\"a\": 7}}", true},
        {"{\"$not\": {}}", false},
        {"{\"$not\": {\"$or\": [{\"a\": 7}, {\"b\": 7}]}}", true},
        {"{\"a\": 1, \"$or\": [{\"b\": 7}, {\"$not\": {\"b\": 7}}]}", true},
    };
    struct cove_loaded loaded = loaded_of("{\"a\":1,\"b\":2}");

    rows_hold(&loaded, rows, COVE_ARRAY_LEN(rows));
}
END_TEST

START_TEST(what_is_no_condition_is_refused_and_named)
{
    static const struct {
        const char *where, *named;
    } rows[] = {
        {"[1]", "an object"},
        {"{\"$nor\": []}", "$nor"},
        {"{\"a\": {\"$regex\": \"x\"}}", "$regex"},
        {"{\"a\": {\"$gt\": 1, \"plain\": 2}}", "plain"},
        {"{\"$and\": {\"a\": 1}}", "$and"},
        {"{\"$or\": 1}", "$or"},
        {"{\"$or\": [1]}", "an object"},
        {"{\"$not\": [{\"a\": 1}]}", "an object"},
        {"{\"a\": {\"$lt\": null}}", "$lt"},
        {"{\"a\": {\"$lte\": true}}", "$lte"},
        {"{\"a\": {\"$gt\": []}}", "$gt"},
        {"{\"a\": {\"$gte\": {}}}", "$gte"},
        {"{\"a\": {\"$in\": \"b\"}}", "$in"},
        {"{\"a\": {\"$beginsWith\": 1}}", "$beginsWith"},
        {"{\"a\": {\"$exists\": 1}}", "$exists"},
        {"{\"a\": {\"$null\": null}}", "$null"},
        {"{\"a\": {\"$invalid\": \"yes\"}}", "$invalid"},
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(rows); i++) {
        const struct cove_where *where = NULL;

        ck_assert_int_eq(parse(rows[i].where, &where), COVE_EUSAGE);
        ck_assert_ptr_null(where);
        ck_assert_msg(strstr(alice.kit.diag.text, rows[i].named) != NULL,
                      "%s: %s", rows[i].where, alice.kit.diag.text);
    }
}
END_TEST

/* `open` and `close` around {"a":1}, `levels` times. */
static char *nested(const char *open, const char *close, int levels)
{
    size_t room = (strlen(open) + strlen(close)) * (size_t)levels + 16;
    char *text = cove_arena_new(&alice.kit.arena, room);

    ck_assert_ptr_nonnull(text);
    for (int i = 0; i < levels; i++) {
        strcat(text, open);
    }
    strcat(text, "{\"a\":1}");
    for (int i = 0; i < levels; i++) {
        strcat(text, close);
    }
    return text;
}

START_TEST(depth_and_number_of_terms_are_limited)
{
    const struct cove_where *where;
    char wide[16 * COVE_WHERE_TERMS] = "{\"$or\":[";

    ck_assert_int_eq(
        parse(nested("{\"$not\":", "}", COVE_WHERE_DEPTH - 1), &where), 0);
    ck_assert_int_eq(parse(nested("{\"$not\":", "}", COVE_WHERE_DEPTH), &where),
                     COVE_ELIMIT);
    for (int i = 0; i < COVE_WHERE_TERMS; i++) {
        strcat(wide, i == 0 ? "{\"a\":1}" : ",{\"a\":1}");
    }
    strcat(wide, "]}");
    ck_assert_int_eq(parse(wide, &where), COVE_ELIMIT);
}
END_TEST

START_TEST(bytes_that_are_no_condition_are_refused)
{
    static const struct {
        const char *bytes;
        size_t len;
    } rows[] = {
        {"", 0},
        {"\xa1", 1},                                 /* cut */
        {"\xa1\x01\x02", 3},                         /* a number as name */
        {"\xa1\x61\x61\xa1\x01\x02", 6},             /* … as operator */
        {"\xa1\x61\x61\xa2\x01\x02\x63$eq\x01", 11}, /* … beside one */
        {"\xa1\x61\x61\x1b\xff\xff\xff\xff\xff\xff\xff\xff", 12},
        {"\xa1\x61\x61\xa1\x60\x01", 6}, /* the empty name */
        {"\xa0\x00", 2},                 /* more behind it */
        {"\xbf\xff", 2},                 /* indefinite */
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(rows); i++) {
        const struct cove_where *where = NULL;

        cove_diag_clear(&alice.kit.diag);
        ck_assert_msg(cove_where_parse(&alice.kit.arena,
                                       cove_bytes(rows[i].bytes, rows[i].len),
                                       &where, &alice.kit.diag) == COVE_EUSAGE,
                      "row %zu", i);
        ck_assert_ptr_null(where);
        ck_assert_str_ne(alice.kit.diag.text, "");
    }
}
END_TEST

/* A Note whose size is written at version 1, seen at version 2. */
static struct cove_loaded note_at_second(struct cove_store_txn *txn,
                                         const char *size)
{
    struct cove_edit edit = {.name = cove_bytes_text("size")};
    struct cove_new_request request = {.type = COVE_DOC_COMAP,
                                       .owner = alice.group,
                                       .schema = alice.journal,
                                       .head = &alice.first,
                                       .edits = &edit,
                                       .edit_count = 1};
    struct cove_load_request again = {.head = &alice.second,
                                      .mode = COVE_LOAD_VIEW};
    struct cove_loaded loaded;

    ck_assert_int_eq(cove_value_of_text(&alice.kit.arena, cove_bytes_text(size),
                                        &edit.value),
                     0);
    ck_assert_int_eq(cove_new_document(alice.catalog, txn, &request,
                                       &alice.kit.arena, &loaded,
                                       &alice.kit.diag),
                     0);
    again.num = loaded.doc.num;
    ck_assert_int_eq(cove_load(alice.catalog, txn, &again, &alice.kit.arena,
                               &loaded, &alice.kit.diag),
                     0);
    return loaded;
}

START_TEST(a_condition_asks_about_the_fields_of_the_version_that_looks)
{
    static const struct row good[] = {
        {"{\"size\": 120}", true},
        {"{\"size\": \"120\"}", false},
        {"{\"size\": {\"$gt\": 100}}", true},
        {"{\"size\": {\"$invalid\": true}}", false},
    };
    static const struct row bad[] = {
        {"{\"size\": {\"$invalid\": true}}", true},
        {"{\"size\": {\"$exists\": true}}", true},
        {"{\"size\": \"about 150\"}", false},
        {"{\"size\": {\"$ne\": 150}}", true},
        {"{\"size\": {\"$null\": false}}", true},
    };
    struct cove_store_txn *txn;
    struct cove_loaded loaded;

    stage_publish(&alice, stage_schema);
    stage_publish(&alice, stage_migration);
    txn = kit_begin(&alice.kit, true);
    loaded = note_at_second(txn, "120");
    rows_hold(&loaded, good, COVE_ARRAY_LEN(good));
    loaded = note_at_second(txn, "about 150");
    rows_hold(&loaded, bad, COVE_ARRAY_LEN(bad));
    cove_store_abort(txn);
}
END_TEST

START_TEST(a_field_that_the_version_has_not_is_named_with_those_there_are)
{
    const struct cove_plan *plan;
    const struct cove_where *where;
    struct cove_store_txn *txn;

    stage_publish(&alice, stage_schema);
    txn = kit_begin(&alice.kit, false);
    ck_assert_int_eq(cove_catalog_plan(alice.catalog, txn, alice.journal,
                                       &alice.first, &plan),
                     0);
    ck_assert_int_eq(parse("{\"size\": 1}", &where), 0);
    ck_assert_int_eq(cove_where_check(where, plan, &alice.kit.diag), 0);
    ck_assert_int_eq(
        parse("{\"$or\": [{\"size\": 1}, {\"$not\": {\"sise\": 1}}]}", &where),
        0);
    ck_assert_int_eq(cove_where_check(where, plan, &alice.kit.diag),
                     COVE_ENOTFOUND);
    ck_assert_ptr_nonnull(strstr(alice.kit.diag.text, "\"sise\""));
    ck_assert_ptr_nonnull(strstr(alice.kit.diag.text, "it has size"));
    ck_assert_ptr_nonnull(
        strstr(alice.kit.diag.text, "did you mean \"size\"?"));
    ck_assert_int_eq(parse("{\"size\": {\"$gt\": 1}}", &where), 0);
    ck_assert_int_eq(cove_where_check(where, plan, &alice.kit.diag),
                     COVE_ETYPE);
    ck_assert_ptr_nonnull(strstr(alice.kit.diag.text, "\"size\" is of type"));
    ck_assert_int_eq(parse("{\"size.x\": {\"$gt\": 1}}", &where), 0);
    ck_assert_int_eq(cove_where_check(where, plan, &alice.kit.diag), 0);
    cove_store_abort(txn);
}
END_TEST

START_TEST(a_path_leads_into_objects_and_through_lists)
{
    static const struct row rows[] = {
        {"{\"a.b.c\": 1}", true},
        {"{\"a.b.c\": 2}", false},
        {"{\"a.b\": {\"c\": 1}}", true},
        {"{\"a.b.x\": {\"$exists\": false}}", true},
        {"{\"a.b.c\": {\"$exists\": true}}", true},
        {"{\"a.b.c.d\": {\"$exists\": false}}", true},
        {"{\"a.n\": {\"$null\": true}}", true},
        {"{\"tags\": \"x\"}", true},
        {"{\"tags\": \"z\"}", false},
        {"{\"tags\": {\"$ne\": \"z\"}}", true},
        {"{\"tags\": {\"$ne\": \"x\"}}", false},
        {"{\"tags\": {\"$in\": [\"q\", \"y\"]}}", true},
        {"{\"tags\": {\"$beginsWith\": \"y\"}}", true},
        {"{\"tags\": [\"x\", \"y\"]}", true},
        {"{\"tags\": [\"y\"]}", false},
        {"{\"items.price\": 3}", true},
        {"{\"items.price\": 4}", false},
        {"{\"items.price\": {\"$gt\": 8}}", true},
        {"{\"items.price\": {\"$gt\": 4, \"$lt\": 4}}", true},
        {"{\"items.price\": {\"$gt\": 9}}", false},
        {"{\"items.tag\": \"t\"}", true},
        {"{\"items.price.x\": {\"$exists\": true}}", false},
        {"{\"deep\": [1]}", true},
        {"{\"deep\": 1}", false},
        {"{\"deep.x\": {\"$exists\": true}}", false},
        {"{\"dot.ted\": 5}", true},
        {"{\"dot.ted.x\": 5}", false},
        {"{\"a.dot.ted.z\": 7}", true},
        {"{\"none.at.all\": {\"$exists\": false}}", true},
    };
    struct cove_loaded loaded = loaded_of(
        "{\"a\":{\"b\":{\"c\":1},\"n\":null,\"dot.ted\":{\"z\":7}},"
        "\"tags\":[\"x\",\"y\"],\"items\":[{\"price\":3,\"tag\":[\"t\"]},"
        "{\"price\":9},{}],\"deep\":[[1]],\"dot.ted\":5}");

    rows_hold(&loaded, rows, COVE_ARRAY_LEN(rows));
}
END_TEST

START_TEST(a_parse_without_memory_says_so_and_leaks_nothing)
{
    static const uint8_t map[] = "\xa1\x63$or\x82\xa1\x61"
                                 "a\x01\xa1\x61"
                                 "b\x02";
    struct harness_alloc heap;
    struct cove_arena arena;
    int err = COVE_ENOMEM;

    for (long at = 1; err == COVE_ENOMEM; at++) {
        const struct cove_where *where = NULL;

        harness_alloc_init(&heap, at);
        cove_arena_init(&arena, &heap.alloc);
        err = cove_where_parse(&arena, cove_bytes(map, sizeof(map) - 1), &where,
                               NULL);
        ck_assert((err == 0) == (where != NULL));
        cove_arena_clear(&arena);
        ck_assert_int_eq(heap.alive, 0);
    }
    ck_assert_int_eq(err, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("where");
    TCase *tc = tcase_create("where");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, each_operator_compares_as_its_name_says);
    tcase_add_test(tc, integers_and_floats_compare_by_number_without_rounding);
    tcase_add_test(tc, missing_and_null_and_values_of_another_type_differ);
    tcase_add_test(tc, conditions_join_with_and_or_and_not);
    tcase_add_test(tc, what_is_no_condition_is_refused_and_named);
    tcase_add_test(tc, depth_and_number_of_terms_are_limited);
    tcase_add_test(tc, bytes_that_are_no_condition_are_refused);
    tcase_add_test(tc,
                   a_condition_asks_about_the_fields_of_the_version_that_looks);
    tcase_add_test(
        tc, a_field_that_the_version_has_not_is_named_with_those_there_are);
    tcase_add_test(tc, a_path_leads_into_objects_and_through_lists);
    tcase_add_test(tc, a_parse_without_memory_says_so_and_leaks_nothing);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
