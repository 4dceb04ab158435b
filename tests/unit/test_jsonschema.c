/* test_jsonschema.c: what schemas say of fields, and what they make of values:
 * the rules that documents met from the start. */
#include "core/cbor.h"
#include "core/value.h"
#include "tests/unit/jsonschema_kit.h"

START_TEST(another_dialect_is_refused_with_its_path)
{
    refused("{'$schema':'https://example.org/mine'}", COVE_EKEYWORD,
            "/$schema: names another dialect");
    refused("{'properties':{'a':{'$id':'x','$schema':'urn:x'}}}", COVE_EKEYWORD,
            "/properties/a/$schema");
}
END_TEST

START_TEST(a_keyword_with_a_wrong_value_is_refused_with_its_path)
{
    refused("3", COVE_EFORMAT, "the schema");
    refused("{\"type\":\"text\"}", COVE_EFORMAT, "/type");
    refused("{\"type\":[]}", COVE_EFORMAT, "/type");
    refused("{\"type\":[\"null\",\"null\"]}", COVE_EFORMAT, "twice");
    refused("{\"required\":\"a\"}", COVE_EFORMAT, "/required");
    refused("{\"required\":[1]}", COVE_EFORMAT, "/required");
    refused("{\"required\":[\"a\",\"b\",\"a\"]}", COVE_EFORMAT, "twice");
    refused("{\"enum\":1}", COVE_EFORMAT, "/enum");
    refused("{\"minimum\":\"1\"}", COVE_EFORMAT, "/minimum");
    refused("{\"maximum\":null}", COVE_EFORMAT, "/maximum");
    refused("{\"minLength\":-1}", COVE_EFORMAT, "/minLength");
    refused("{\"maxLength\":1.5}", COVE_EFORMAT, "/maxLength");
    refused("{\"properties\":[]}", COVE_EFORMAT, "/properties");
    refused("{\"properties\":{\"a\":1}}", COVE_EFORMAT, "/properties/a");
    refused("{\"items\":[{}]}", COVE_EFORMAT, "/items");
    refused("{\"additionalProperties\":null}", COVE_EFORMAT,
            "/additionalProperties");
    refused("{\"title\":1}", COVE_EFORMAT, "/title");
    refused("{\"examples\":1}", COVE_EFORMAT, "/examples");
    refused("{\"x-ref\":\"\"}", COVE_EFORMAT, "/x-ref");
    refused("{\"x-index\":false}", COVE_EFORMAT, "/x-index");
    refused("{\"version\":0}", COVE_EFORMAT, "/version");
    refused("{\"version\":\"1\"}", COVE_EFORMAT, "/version");
}
END_TEST

/* "path,path;path!;…" of all indexes, '!' behind one that is unique. */
static void indexes_are(const char *schema_text, const char *want)
{
    const struct cove_schema *schema = parsed(schema_text);
    char got[512] = "";
    size_t len = 0;

    for (size_t i = 0; i < cove_schema_index_count(schema); i++) {
        const struct cove_schema_index *index = cove_schema_index_at(schema, i);

        for (size_t k = 0; k < index->path_count; k++) {
            len += (size_t)snprintf(got + len, sizeof got - len, "%s%.*s",
                                    k > 0 ? "," : "", (int)index->paths[k].len,
                                    (const char *)index->paths[k].at);
        }
        len += (size_t)snprintf(got + len, sizeof got - len, "%s;",
                                index->unique ? "!" : "");
    }
    ck_assert_str_eq(got, want);
}

START_TEST(indexes_are_gathered_from_all_over_the_schema)
{
    indexes_are("{}", "");
    indexes_are("{'properties':{'a':{'x-index':true},'b':{'x-unique':true}}}",
                "a;b!;");
    indexes_are("{'properties':{'a':{'x-index':true,'x-unique':true}}}", "a!;");
    indexes_are("{'properties':{'a':{'properties':{'b':{'properties':"
                "{'c':{'x-index':true}}}}}}}",
                "a.b.c;");
    indexes_are("{'properties':{'items':{'type':'array','items':{'properties':"
                "{'price':{'x-index':true}}}}}}",
                "items.price;");
    indexes_are("{'properties':{'tags':{'type':'array','items':"
                "{'x-index':true}}}}",
                "tags;");
    indexes_are("{'x-index':[['a','b.c'],['a']],'properties':{'a':{'x-index':"
                "true},'b':{'properties':{'c':{}}}}}",
                "a;a,b.c;");
    indexes_are("{'x-index':[['a.b'],['a.b.c']],'properties':{'a.b':"
                "{'properties':{'c':{}}}}}",
                "a.b;a.b.c;");
    indexes_are("{'properties':{'m':{'type':'object','x-type':'map',"
                "'properties':{'city':{'type':'string','x-index':true}}}}}",
                "m.city;");
}
END_TEST

START_TEST(an_index_that_could_hold_nothing_is_refused_with_its_place)
{
    refused("{'x-index':true}", COVE_EFORMAT, "/x-index");
    refused("{'x-unique':true}", COVE_EFORMAT, "/x-unique");
    refused("{'properties':{'a':{'x-unique':1}}}", COVE_EFORMAT,
            "/properties/a/x-unique");
    refused("{'properties':{'a':{'x-index':[['a']]}}}", COVE_EFORMAT,
            "/properties/a/x-index");
    refused("{'x-index':['a'],'properties':{'a':{}}}", COVE_EFORMAT,
            "/x-index/0");
    refused("{'x-index':[[]]}", COVE_EFORMAT, "/x-index/0");
    refused("{'x-index':[['a',1]],'properties':{'a':{}}}", COVE_EFORMAT,
            "/x-index/0/1");
    refused("{'x-index':[['a'],['a','b']],'properties':{'a':{}}}", COVE_EFORMAT,
            "/x-index/1/1: is the path of no property");
    refused("{'x-index':[['a','a']],'properties':{'a':{}}}", COVE_EFORMAT,
            "/x-index/0/1: names a path twice");
    refused("{'x-index':[['a','b','c','d','e','f','g','h','i']]}", COVE_EFORMAT,
            "1 to 8");
    refused("{'additionalProperties':{'x-index':true}}", COVE_EFORMAT,
            "/additionalProperties/x-index");
    refused("{'properties':{'a':{'properties':{'b.c':{'x-index':true}}}}}",
            COVE_EFORMAT, "/properties/a/properties/b.c/x-index");
    refused("{'properties':{'t':{'type':'string','x-type':'text',"
            "'x-index':true}}}",
            COVE_EFORMAT, "/properties/t/x-index");
    refused("{'x-index':[['t']],'properties':{'t':{'type':'string',"
            "'x-type':'text'}}}",
            COVE_EFORMAT, "/x-index/0/0");
    refused("{'properties':{'t':{'type':'array','x-type':'list','items':"
            "{'x-index':true}}}}",
            COVE_EFORMAT, "/properties/t/items/x-index");

    char many[2048];
    size_t len = (size_t)snprintf(many, sizeof many, "{'properties':{");

    for (int i = 0; i <= COVE_SCHEMA_INDEXES; i++) {
        len +=
            (size_t)snprintf(many + len, sizeof many - len,
                             "%s'f%d':{'x-index':true}", i > 0 ? "," : "", i);
    }
    snprintf(many + len, sizeof many - len, "}}");
    refused(many, COVE_ELIMIT, "one index too many");
}
END_TEST

START_TEST(a_schema_nested_too_deep_is_refused)
{
    char text[1024];
    size_t len = 0;
    const struct cove_schema *schema = NULL;

    for (int i = 0; i < 49; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%s",
                                i < 24    ? "{\"items\":"
                                : i == 24 ? "{}"
                                          : "}");
    }
    refused(text, COVE_ELIMIT, "deeper");

    /* one less */
    text[strlen(text) - 1] = '\0';
    ck_assert_int_eq(cove_schema_parse(&arena,
                                       json(text + strlen("{\"items\":")),
                                       &schema, &diag),
                     0);
}
END_TEST

START_TEST(notes_are_carried_and_not_judged)
{
    passes("{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\","
           "\"$id\":\"x\",\"$comment\":\"c\",\"title\":\"T\","
           "\"description\":\"d\",\"examples\":[1],\"version\":3,"
           "\"properties\":{\"a\":{\"title\":\"A\",\"examples\":[]}}}",
           "{\"a\":1}");
    passes("{\"properties\":{\"a\":{\"x-ref\":\"T\",\"x-index\":true}}}",
           "{\"a\":1}");
    ck_assert_int_eq(cove_schema_version(parsed("{\"version\":3}")), 3);
    ck_assert_int_eq(cove_schema_version(parsed("{}")), 0);
    ck_assert(cove_bytes_equal(cove_schema_title(parsed("{\"title\":\"T\"}")),
                               cove_bytes_text("T")));
    ck_assert_uint_eq(cove_schema_title(parsed("true")).len, 0);
}
END_TEST

START_TEST(a_violation_names_the_path_and_the_rule)
{
    breaks("{\"properties\":{\"maintainer\":{\"minLength\":1}}}",
           "{\"maintainer\":\"\"}",
           "/maintainer breaks the rule \"minLength 1\": the text has 0 "
           "characters");
    breaks("{\"maxLength\":2}", "\"ä€😀\"",
           "the document breaks the rule \"maxLength 2\": the text has 3 "
           "characters");
    breaks("{\"required\":[\"name\"]}", "{\"names\":1}",
           "/name breaks the rule \"required\": it is missing");
    breaks("{\"required\":[\"b\",\"a\"]}", "{\"b\":1}",
           "/a breaks the rule \"required\": it is missing");
    breaks("{\"properties\":{\"a\":{}},\"additionalProperties\":false}",
           "{\"a\":1,\"b\":2}",
           "/b breaks the rule \"additionalProperties false\": the schema has "
           "no property of this name");
    breaks("{\"additionalProperties\":{\"type\":\"string\"}}", "{\"a\":1}",
           "/a breaks the rule \"type string\": the value is an integer");
    breaks("{\"properties\":{\"tags\":{\"items\":{\"type\":[\"string\","
           "\"null\"]}}}}",
           "{\"tags\":[\"a\",null,true]}",
           "/tags/2 breaks the rule \"type null or string\": the value is a "
           "boolean");
    breaks("{\"properties\":{\"a/b\":{\"properties\":{\"m~n\":{\"enum\":[1]}}}}"
           "}",
           "{\"a/b\":{\"m~n\":2}}",
           "/a~1b/m~0n breaks the rule \"enum\": the value is none of those "
           "listed");
    breaks("{\"const\":\"a\"}", "\"b\"",
           "the document breaks the rule \"const\": the value is another one");
    breaks("{\"minimum\":0}", "-1",
           "the document breaks the rule \"minimum 0\": the value is -1");
    breaks("{\"maximum\":2.5}", "2.75",
           "the document breaks the rule \"maximum 2.5\": the value is 2.75");
    breaks("{\"properties\":{\"a\":false}}", "{\"a\":1}",
           "/a breaks the rule \"false\": the schema allows no value here");
}
END_TEST

START_TEST(a_float_without_a_fraction_is_an_integer_but_no_field_of_one)
{
    const struct cove_schema *schema =
        parsed("{'properties':{'n':{'type':'integer'},'l':{'type':'array',"
               "'x-type':'list','items':{'type':'integer'}},'m':{'type':"
               "'object','x-type':'map','properties':{'n':{'type':['integer',"
               "'null']}}}}}");
    struct cove_bytes n = cove_bytes_text("n");

    passes("{'type':'integer'}", "3.0");
    passes("{'items':{'type':'integer'}}", "[1e300]");
    breaks("{'type':'integer'}", "3.5",
           "the document breaks the rule 'type integer': the value is a "
           "float");
    passes("{'type':'integer'}", "-9223372036854775808");
    passes("{'type':'number'}", "3");
    passes("{'const':3}", "3.0");
    passes("{'enum':[[1,{'a':2.0}]]}", "[1.0,{'a':2}]");
    breaks("{'enum':[0]}", "false",
           "the document breaks the rule 'enum': the value is none of those "
           "listed");

    cove_diag_clear(&diag);
    ck_assert_int_eq(cove_schema_check_field(schema, n, json("3.0"), &diag),
                     COVE_ESCHEMA);
    ck_assert_str_eq(diag.text, "/n breaks the rule \"type integer\": 3.0 is a "
                                "float; write 3");
    cove_diag_clear(&diag);
    ck_assert_int_eq(cove_schema_check_item(schema, cove_bytes_text("l"),
                                            json("-2.0"), &diag),
                     COVE_ESCHEMA);
    ck_assert_str_eq(diag.text, "/l breaks the rule \"type integer\": -2.0 is "
                                "a float; write -2");
    cove_diag_clear(&diag);
    ck_assert_int_eq(cove_schema_check_member(schema, cove_bytes_text("m"), n,
                                              json("1e300"), &diag),
                     COVE_ESCHEMA);
    ck_assert_str_eq(diag.text, "/m/n breaks the rule \"type integer\": 1e+300 "
                                "is a float");
}
END_TEST

START_TEST(integers_and_floats_are_compared_exactly)
{
    /* 2^53 + 1 is no double */
    breaks("{\"maximum\":9007199254740992.0}", "9007199254740993",
           "the document breaks the rule \"maximum 9007199254740992.0\": the "
           "value is 9007199254740993");
    passes("{\"minimum\":9007199254740992.0}", "9007199254740993");
    breaks("{\"const\":9007199254740992.0}", "9007199254740993",
           "the document breaks the rule \"const\": the value is another one");
    passes("{\"maximum\":9223372036854775807}", "9223372036854775807");
    passes("{\"maximum\":1e19}", "9223372036854775807");
    passes("{\"minimum\":-1e19}", "-9223372036854775808");
    passes("{\"minimum\":-9223372036854775808.0}", "-9223372036854775808");
    breaks("{\"minimum\":-9223372036854775807}", "-9223372036854775808",
           "the document breaks the rule \"minimum -9223372036854775807\": the "
           "value is -9223372036854775808");
    breaks("{\"maximum\":-1}", "-0.5",
           "the document breaks the rule \"maximum -1\": the value is -0.5");
    breaks("{\"minimum\":1.5}", "1",
           "the document breaks the rule \"minimum 1.5\": the value is 1");
    breaks("{\"maximum\":-1.5}", "-1",
           "the document breaks the rule \"maximum -1.5\": the value is -1");
    passes("{\"minimum\":0}", "-0.0");
}
END_TEST

START_TEST(nan_breaks_every_bound)
{
    static const uint8_t nan[] = {0xf9, 0x7e, 0x00};
    struct cove_bytes value = cove_bytes(nan, sizeof nan);

    ck_assert_int_eq(cove_schema_check(parsed("{\"minimum\":0}"), value, &diag),
                     COVE_ESCHEMA);
    ck_assert_int_eq(cove_schema_check(parsed("{\"maximum\":0}"), value, NULL),
                     COVE_ESCHEMA);
    ck_assert_int_eq(
        cove_schema_check(parsed("{\"type\":\"integer\"}"), value, NULL),
        COVE_ESCHEMA);
    ck_assert_int_eq(cove_schema_check(parsed("{}"), value, NULL), 0);
}
END_TEST

START_TEST(null_needs_the_type_null)
{
    passes("{\"type\":[\"integer\",\"null\"]}", "null");
    passes("{}", "null");
    breaks("{\"type\":\"integer\"}", "null",
           "the document breaks the rule \"type integer\": the value is null");
}
END_TEST

START_TEST(a_reference_passes_as_an_object_and_is_not_looked_into)
{
    struct cove_id id = {{7}};
    struct cove_bytes ref;

    ck_assert_int_eq(cove_value_of_ref(&arena, &id, &ref), 0);
    ck_assert_int_eq(cove_schema_check(parsed("{}"), ref, NULL), 0);
    ck_assert_int_eq(
        cove_schema_check(parsed("{\"type\":\"object\",\"required\":[\"a\"],"
                                 "\"additionalProperties\":false}"),
                          ref, NULL),
        0);
    ck_assert_int_eq(
        cove_schema_check(parsed("{\"type\":\"string\"}"), ref, &diag),
        COVE_ESCHEMA);
    ck_assert_str_eq(diag.text, "the document breaks the rule \"type "
                                "string\": the value is a reference");
}
END_TEST

START_TEST(bytes_pass_only_where_no_type_is_given)
{
    static const uint8_t bytes[] = {0x42, 1, 2};
    struct cove_bytes value = cove_bytes(bytes, sizeof bytes);

    ck_assert_int_eq(cove_schema_check(parsed("{}"), value, NULL), 0);
    ck_assert_int_eq(
        cove_schema_check(
            parsed("{\"type\":[\"null\",\"boolean\",\"number\",\"string\","
                   "\"array\",\"object\"]}"),
            value, NULL),
        COVE_ESCHEMA);
}
END_TEST

START_TEST(one_field_is_judged_alone)
{
    const struct cove_schema *schema =
        parsed("{\"required\":[\"b\"],\"properties\":{\"a\":{\"minimum\":1}},"
               "\"additionalProperties\":false}");

    ck_assert_int_eq(
        cove_schema_check_field(schema, cove_bytes_text("a"), json("1"), &diag),
        0);
    ck_assert_int_eq(
        cove_schema_check_field(schema, cove_bytes_text("a"), json("0"), &diag),
        COVE_ESCHEMA);
    ck_assert_str_eq(diag.text,
                     "/a breaks the rule \"minimum 1\": the value is 0");
    cove_diag_clear(&diag);
    ck_assert_int_eq(
        cove_schema_check_field(schema, cove_bytes_text("x"), json("0"), &diag),
        COVE_ESCHEMA);
    ck_assert_str_eq(diag.text,
                     "/x breaks the rule \"additionalProperties false\": the "
                     "schema has no property of this name");
    ck_assert_int_eq(cove_schema_check_field(parsed("false"),
                                             cove_bytes_text("x"), json("0"),
                                             NULL),
                     COVE_ESCHEMA);
    ck_assert_int_eq(cove_schema_check_field(parsed("{}"), cove_bytes_text("x"),
                                             json("0"), NULL),
                     0);
}
END_TEST

START_TEST(properties_give_register_types_required_and_defaults)
{
    static const struct {
        const char *name;
        enum cove_type type;
    } want[] = {
        {"a", COVE_TYPE_TEXT},    {"b", COVE_TYPE_INT},
        {"c", COVE_TYPE_NUMBER},  {"d", COVE_TYPE_BOOL},
        {"e", COVE_TYPE_LIST},    {"f", COVE_TYPE_OBJECT},
        {"g", COVE_TYPE_ANY},     {"h", COVE_TYPE_INT},
        {"i", COVE_TYPE_ANY},     {"j", COVE_TYPE_ANY},
        {"k", COVE_TYPE_ANY},     {"l", COVE_TYPE_ANY},
        {"aa", COVE_TYPE_NUMBER},
    };
    const struct cove_schema *schema = parsed(
        "{\"required\":[\"b\"],\"properties\":{\"a\":{\"type\":\"string\"},"
        "\"b\":{\"type\":\"integer\",\"default\":null},"
        "\"c\":{\"type\":\"number\"},\"d\":{\"type\":\"boolean\"},"
        "\"e\":{\"type\":\"array\"},\"f\":{\"type\":\"object\"},\"g\":{},"
        "\"h\":{\"type\":[\"null\",\"integer\"]},\"i\":{\"type\":\"null\"},"
        "\"j\":{\"type\":[\"string\",\"integer\"]},\"k\":true,"
        "\"l\":{\"enum\":[1]},\"aa\":{\"type\":[\"number\"]}}}");

    ck_assert_uint_eq(cove_schema_count(schema), COVE_ARRAY_LEN(want));
    for (size_t i = 0; i < COVE_ARRAY_LEN(want); i++) {
        const struct cove_property *property = cove_schema_at(schema, i);

        ck_assert(
            cove_bytes_equal(property->name, cove_bytes_text(want[i].name)));
        ck_assert_int_eq(property->type, want[i].type);
        ck_assert_ptr_eq(
            cove_schema_find(schema, cove_bytes_text(want[i].name)), property);
        ck_assert_int_eq(property->required, strcmp(want[i].name, "b") == 0);
        ck_assert_int_eq(property->has_default, strcmp(want[i].name, "b") == 0);
    }
    ck_assert(cove_value_is_null(cove_schema_at(schema, 1)->default_value));
    ck_assert_ptr_null(cove_schema_find(schema, cove_bytes_text("z")));
}
END_TEST

START_TEST(a_required_name_without_a_property_is_found)
{
    ck_assert_uint_eq(
        cove_schema_stray(
            parsed("{\"required\":[\"a\"],\"properties\":{\"a\":{}}}"))
            .len,
        0);
    ck_assert(cove_bytes_equal(
        cove_schema_stray(
            parsed("{\"required\":[\"a\",\"b\"],\"properties\":{\"a\":{}}}")),
        cove_bytes_text("b")));
    ck_assert(cove_schema_is_object(parsed("{}")));
    ck_assert(cove_schema_is_object(parsed("{\"type\":\"object\"}")));
    ck_assert(!cove_schema_is_object(parsed("{\"type\":\"array\"}")));
    ck_assert(!cove_schema_is_object(parsed("true")));
}
END_TEST

START_TEST(a_long_path_is_cut)
{
    char schema[700];
    char value[700];
    char name[400];

    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    snprintf(schema, sizeof schema, "{\"properties\":{\"%s\":false}}", name);
    snprintf(value, sizeof value, "{\"%s\":1}", name);
    ck_assert_int_eq(cove_schema_check(parsed(schema), json(value), &diag),
                     COVE_ESCHEMA);
    ck_assert_ptr_nonnull(strstr(diag.text, "nnn… breaks"));
}
END_TEST

START_TEST(out_of_memory_at_any_call_leaks_nothing)
{
    struct cove_bytes text =
        json("{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":{"
             "\"enum\":[1,2],\"items\":{\"const\":1}}}}");
    int rc = COVE_ENOMEM;

    for (long n = 1; rc == COVE_ENOMEM; n++) {
        struct harness_alloc failing;
        struct cove_arena small;
        const struct cove_schema *schema = NULL;

        harness_alloc_init(&failing, n);
        cove_arena_init(&small, &failing.alloc);
        rc = cove_schema_parse(&small, text, &schema, NULL);
        ck_assert(rc == 0 || rc == COVE_ENOMEM);
        ck_assert_int_eq(schema == NULL, rc != 0);
        cove_arena_clear(&small);
        ck_assert_int_eq(failing.alive, 0);
        ck_assert_int_lt(n, 1000);
    }
    ck_assert_int_eq(rc, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jsonschema");
    TCase *tests = tcase_create("jsonschema");

    tcase_add_checked_fixture(tests, kit_setup, kit_teardown);
    tcase_add_test(tests, another_dialect_is_refused_with_its_path);
    tcase_add_test(tests,
                   a_keyword_with_a_wrong_value_is_refused_with_its_path);
    tcase_add_test(tests, indexes_are_gathered_from_all_over_the_schema);
    tcase_add_test(tests,
                   an_index_that_could_hold_nothing_is_refused_with_its_place);
    tcase_add_test(tests, a_schema_nested_too_deep_is_refused);
    tcase_add_test(tests, notes_are_carried_and_not_judged);
    tcase_add_test(tests, a_violation_names_the_path_and_the_rule);
    tcase_add_test(
        tests, a_float_without_a_fraction_is_an_integer_but_no_field_of_one);
    tcase_add_test(tests, integers_and_floats_are_compared_exactly);
    tcase_add_test(tests, nan_breaks_every_bound);
    tcase_add_test(tests, null_needs_the_type_null);
    tcase_add_test(tests,
                   a_reference_passes_as_an_object_and_is_not_looked_into);
    tcase_add_test(tests, bytes_pass_only_where_no_type_is_given);
    tcase_add_test(tests, one_field_is_judged_alone);
    tcase_add_test(tests, properties_give_register_types_required_and_defaults);
    tcase_add_test(tests, a_required_name_without_a_property_is_found);
    tcase_add_test(tests, a_long_path_is_cut);
    tcase_add_test(tests, out_of_memory_at_any_call_leaks_nothing);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
