/* test_jsonschema_refs.c: references within schemas and to others; fields that
 * are written by one; words that look like keywords; schemas that are published
 * and cannot be read. */
#include "core/cbor.h"
#include "core/value.h"
#include "tests/unit/jsonschema_kit.h"

/* --- places ------------------------------------------------------------- */

START_TEST(a_reference_leads_to_pointers_anchors_and_ids)
{
    static const char *const refs[] = {
        "#/$defs/s",
        "#s",
        "#/$defs/a~1b%25/items",
        "http://x/t",
        "t",
        "/t#",
        "./u/../t",
        "t#/$defs/in",
        "#/other/word",
        "#/$defs/a~1b%25/items/$defs/q",
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(refs); i++) {
        char schema[700];

        snprintf(schema, sizeof schema,
                 "{'$id':'http://x/root','$ref':'%s','other':{'word':{'type':"
                 "'string'}},'$defs':{'s':{'type':'string','$anchor':'s'},"
                 "'a/b%%':{'items':{'type':'string','$defs':{'q':{'type':"
                 "'string'}}}},'o':{'$id':'t','type':'string','$defs':{'in':"
                 "{'type':'string'}}}}}",
                 refs[i]);
        ck_assert_msg(cove_schema_check(parsed(schema), json("'a'"), &diag) ==
                          0,
                      "%s: %s", refs[i], diag.text);
        ck_assert_msg(cove_schema_check(parsed(schema), json("1"), &diag) ==
                          COVE_ESCHEMA,
                      "%s", refs[i]);
    }
}
END_TEST

START_TEST(a_reference_to_nowhere_is_refused_with_its_path)
{
    refused("{'properties':{'a':{'$ref':'#/$defs/b'}}}", COVE_EFORMAT,
            "schema: /properties/a/$ref: \"#/$defs/b\" leads to no place");
    refused("{'$ref':'#/required','required':[]}", COVE_EFORMAT,
            "schema: /$ref: \"#/required\" leads to what is no schema");
    refused("{'items':{'$ref':'#b'}}", COVE_EFORMAT,
            "schema: /items/$ref: \"#b\" names an anchor that is nowhere");
    refused("{'$dynamicRef':'#b'}", COVE_EFORMAT, "schema: /$dynamicRef: ");
    refused("{'$ref':'#/%g0'}", COVE_EFORMAT, "has a '%' without two digits");
    refused("{'$ref':'https://example.org/a.json'}", COVE_ENOTFOUND,
            "schema: /$ref: \"https://example.org/a.json\" is not here, and "
            "the network is never asked");
    refused("{'$ref':7}", COVE_EFORMAT, "/$ref: must be a URI reference");
    refused("{'$ref':'#/x','x':{'minimum':'1'}}", COVE_EFORMAT, "minimum");
}
END_TEST

START_TEST(a_reference_in_a_circle_is_refused)
{
    refused("{'$ref':'#'}", COVE_EFORMAT,
            "schema: /$ref: \"#\" leads back to itself for the same value");
    refused("{'$defs':{'a':{'allOf':[{'$ref':'#/$defs/b'}]},'b':{'not':"
            "{'$ref':'#/$defs/a'}}},'items':{'$ref':'#/$defs/a'}}",
            COVE_EFORMAT, "leads back to itself for the same value");
    refused("{'anyOf':[{'type':'null'},{'if':{'$ref':'#'}}]}", COVE_EFORMAT,
            "/anyOf/1/if/$ref");
    refused("{'$dynamicRef':'#a','$dynamicAnchor':'a'}", COVE_EFORMAT,
            "/$dynamicRef");
    /* for another value it is a tree */
    passes("{'properties':{'next':{'$ref':'#'},'n':{'type':'integer'}}}",
           "{'next':{'next':{'n':1}}}");
    breaks("{'properties':{'next':{'$ref':'#'},'n':{'type':'integer'}}}",
           "{'next':{'next':{'n':'1'}}}",
           "/next/next/n breaks the rule 'type integer': the value is a text "
           "(/properties/next/$ref/properties/next/$ref/properties/n/type)");
}
END_TEST

START_TEST(names_of_schemas_are_refused_with_their_path)
{
    refused("{'$defs':{'a':{'$anchor':'x'},'b':{'$anchor':'x'}}}", COVE_EFORMAT,
            "/$anchor: another schema has this anchor");
    refused("{'items':{'$anchor':'1'}}", COVE_EFORMAT, "/items/$anchor");
    refused("{'$dynamicAnchor':''}", COVE_EFORMAT, "/$dynamicAnchor");
    refused("{'$id':'#a'}", COVE_EFORMAT, "/$id: must have nothing behind");
    refused("{'$id':1}", COVE_EFORMAT, "/$id");
    refused("{'$defs':{'a':{'$id':'x'},'b':{'$id':'x'}}}", COVE_EFORMAT,
            "/$id: another schema has this $id");
    refused("{'$vocabulary':{'a':1}}", COVE_EFORMAT, "/$vocabulary");
}
END_TEST

START_TEST(keywords_of_a_wrong_form_are_refused_with_their_path)
{
    static const struct {
        const char *schema, *path;
    } all[] = {
        {"{'allOf':[]}", "/allOf: "},
        {"{'anyOf':{}}", "/anyOf: "},
        {"{'oneOf':[1]}", "/oneOf/0: "},
        {"{'prefixItems':[]}", "/prefixItems: "},
        {"{'not':1}", "/not: "},
        {"{'if':1}", "/if: "},
        {"{'then':'a'}", "/then: "},
        {"{'else':null}", "/else: "},
        {"{'contains':1}", "/contains: "},
        {"{'minContains':-1}", "/minContains: "},
        {"{'maxContains':1.5}", "/maxContains: "},
        {"{'unevaluatedItems':1}", "/unevaluatedItems: "},
        {"{'unevaluatedProperties':1}", "/unevaluatedProperties: "},
        {"{'propertyNames':1}", "/propertyNames: "},
        {"{'patternProperties':1}", "/patternProperties: "},
        {"{'patternProperties':{'a':1}}", "/patternProperties/a: "},
        {"{'dependentSchemas':{'a':1}}", "/dependentSchemas/a: "},
        {"{'dependentRequired':[]}", "/dependentRequired: "},
        {"{'dependentRequired':{'a':['b','b']}}", "/dependentRequired/a: "},
        {"{'minItems':'1'}", "/minItems: "},
        {"{'maxItems':-1}", "/maxItems: "},
        {"{'minProperties':1e40}", "/minProperties: "},
        {"{'maxProperties':null}", "/maxProperties: "},
        {"{'uniqueItems':1}", "/uniqueItems: "},
        {"{'multipleOf':0}", "/multipleOf: "},
        {"{'multipleOf':-1}", "/multipleOf: "},
        {"{'exclusiveMinimum':true}", "/exclusiveMinimum: "},
        {"{'exclusiveMaximum':'1'}", "/exclusiveMaximum: "},
        {"{'pattern':1}", "/pattern: "},
        {"{'format':1}", "/format: "},
        {"{'contentSchema':1}", "/contentSchema: "},
        {"{'contentEncoding':1}", "/contentEncoding: "},
        {"{'contentMediaType':1}", "/contentMediaType: "},
        {"{'readOnly':1}", "/readOnly: "},
        {"{'deprecated':'no'}", "/deprecated: "},
        {"{'$defs':[]}", "/$defs: "},
        {"{'$defs':{'a':1}}", "/$defs/a: "},
        {"{'$comment':1}", "/$comment: "},
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(all); i++) {
        refused(all[i].schema, COVE_EFORMAT, all[i].path);
    }
}
END_TEST

/* --- other documents ---------------------------------------------------- */

static int shelf_find(void *ctx, struct cove_bytes uri, struct cove_bytes *cbor)
{
    static const struct {
        const char *uri, *text;
    } shelf[] = {
        {"http://x/money.json",
         "{'type':'integer','minimum':0,'default':5,'$defs':{'big':{'$ref':"
         "'big.json#/$defs/b'}}}"},
        {"http://x/big.json", "{'$defs':{'b':{'minimum':1000}}}"},
        {"http://x/bad.json", "{'items':{'minimum':'x'}}"},
        {"http://x/back.json", "{'$ref':'http://x/root.json'}"},
        {"http://x/meta", "{'$vocabulary':{'https://json-schema.org/draft/"
                          "2020-12/vocab/core':true,'http://x/voc':false}}"},
        {"http://x/meta2", "{'$vocabulary':{'http://x/voc':true}}"},
    };
    unsigned *asked = ctx;

    ++*asked;
    for (size_t i = 0; i < COVE_ARRAY_LEN(shelf); i++) {
        if (cove_bytes_equal(uri, cove_bytes_text(shelf[i].uri))) {
            *cbor = json(shelf[i].text);
            return 0;
        }
    }
    return COVE_ENOTFOUND;
}

START_TEST(further_documents_come_from_the_caller)
{
    unsigned asked = 0;
    struct cove_schema_options options = {.find = shelf_find, .ctx = &asked};
    const struct cove_schema *schema =
        compiled("{'$id':'http://x/root.json','properties':{'a':{'$ref':"
                 "'money.json'},'b':{'$ref':'money.json#/$defs/big'}}}",
                 &options);

    ck_assert_uint_eq(asked, 2); /* each once */
    ck_assert_int_eq(cove_schema_at(schema, 0)->type, COVE_TYPE_INT);
    ck_assert_int_eq(cove_schema_check(schema, json("{'a':1,'b':1000}"), NULL),
                     0);
    ck_assert_int_eq(cove_schema_check(schema, json("{'b':1}"), &diag),
                     COVE_ESCHEMA);
    ck_assert_str_eq(diag.text,
                     "/b breaks the rule \"minimum 1000\": the value is 1 "
                     "(/properties/b/$ref/$ref/minimum)");
    refused_by("{'$ref':'http://x/bad.json'}", &options, COVE_EFORMAT,
               "schema: http://x/bad.json#/items/minimum: must be a number");
    refused_by("{'$id':'http://x/root.json','$ref':'back.json'}", &options,
               COVE_EFORMAT, "back to itself");
    refused_by("{'$ref':'http://x/none.json'}", &options, COVE_ENOTFOUND,
               "none.json");
    refused_by("{'$schema':'http://x/meta2'}", &options, COVE_EKEYWORD,
               "needs a vocabulary not known here: http://x/voc");
    /* a dialect without the vocabulary of minimum */
    ck_assert_int_eq(
        cove_schema_check(
            compiled("{'$schema':'http://x/meta','minimum':3}", &options),
            json("1"), NULL),
        0);
}
END_TEST

START_TEST(the_schemas_of_json_schema_are_built_in)
{
    const char *meta =
        "{'$ref':'https://json-schema.org/draft/2020-12/schema'}";

    passes(meta, "{'properties':{'a':{'minimum':1,'$ref':'#'}}}");
    breaks(meta, "{'properties':{'a':{'minimum':'1'}}}",
           "/properties/a/minimum breaks the rule 'type number': the value is "
           "a text (/$ref/allOf/1/$ref/properties/properties/"
           "additionalProperties/$dynamicRef/allOf/3/$ref/properties/minimum/"
           "type)");
}
END_TEST

/* --- fields ------------------------------------------------------------- */

START_TEST(a_field_by_reference_has_the_type_and_default_of_there)
{
    const struct cove_schema *schema = parsed(
        "{'required':['a'],'$defs':{'n':{'type':'integer','default':7},"
        "'m':{'$ref':'#/$defs/n'}},'properties':{'a':{'$ref':'#/$defs/n'},"
        "'b':{'allOf':[{'$ref':'#/$defs/m'}],'default':8},"
        "'c':{'$ref':'#/$defs/m','type':['integer','null']},"
        "'d':{'allOf':[{'type':'string'},{'minLength':1}]},"
        "'e':{'anyOf':[{'type':'string'}]}}}");
    static const struct {
        enum cove_type type;
        int64_t value; /* 0: none */
    } want[] = {{COVE_TYPE_INT, 7},
                {COVE_TYPE_INT, 8},
                {COVE_TYPE_INT, 7},
                {COVE_TYPE_ANY, 0},
                {COVE_TYPE_ANY, 0}};

    ck_assert_uint_eq(cove_schema_count(schema), COVE_ARRAY_LEN(want));
    for (size_t i = 0; i < COVE_ARRAY_LEN(want); i++) {
        const struct cove_property *p = cove_schema_at(schema, i);

        ck_assert_int_eq(p->type, want[i].type);
        ck_assert_int_eq(p->required, i == 0);
        ck_assert_int_eq(p->has_default, want[i].value != 0);
        if (p->has_default) {
            ck_assert_int_eq(cove_value_int(p->default_value), want[i].value);
        }
    }
    ck_assert_int_eq(cove_schema_check_field(schema, cove_bytes_text("a"),
                                             json("3.0"), &diag),
                     COVE_ESCHEMA);
    ck_assert_str_eq(diag.text, "/a breaks the rule \"type integer\": 3.0 is a "
                                "float; write 3");
}
END_TEST

START_TEST(properties_inside_rules_are_no_fields)
{
    const struct cove_schema *schema =
        parsed("{'allOf':[{'properties':{'a':{'type':'string'}},'required':"
               "['a']}],'$ref':'#/$defs/x','$defs':{'x':{'properties':{'b':"
               "{}}}},'if':{'properties':{'c':{}}}}");

    ck_assert_uint_eq(cove_schema_count(schema), 0);
    ck_assert_uint_eq(cove_schema_stray(schema).len, 0);
    ck_assert_int_eq(cove_schema_check(schema, json("{}"), NULL), COVE_ESCHEMA);
    ck_assert_int_eq(cove_schema_check(schema, json("{'a':'x'}"), NULL), 0);
}
END_TEST

START_TEST(an_index_is_found_through_references)
{
    const struct cove_schema *schema = parsed(
        "{'x-index':[['a.n','b']],'properties':{'a':{'$ref':'#/$defs/o'},"
        "'b':{'$ref':'#/$defs/p'},'t':{'$ref':'#/$defs/tree'}},'$defs':{'o':"
        "{'properties':{'n':{'$ref':'#/$defs/p'}}},'p':{'x-index':true},"
        "'tree':{'properties':{'up':{'$ref':'#/$defs/tree'},'k':{'x-unique':"
        "true}}}}}");
    static const char *const want[] = {"a.n", "b", "t.k"};

    ck_assert_uint_eq(cove_schema_index_count(schema), 4);
    for (size_t i = 0; i < 3; i++) {
        ck_assert(cove_bytes_equal(cove_schema_index_at(schema, i)->paths[0],
                                   cove_bytes_text(want[i])));
    }
    refused("{'$defs':{'a':{'x-index':true}}}", COVE_EFORMAT,
            "schema: /$defs/a/x-index: no path leads here");
    refused("{'properties':{'a':{'anyOf':[{'x-unique':true}]}}}", COVE_EFORMAT,
            "/properties/a/anyOf/0/x-unique: no path leads here");
}
END_TEST

/* --- words -------------------------------------------------------------- */

START_TEST(a_misspelt_keyword_is_refused_where_it_is_written)
{
    static const struct {
        const char *word, *meant;
    } all[] = {
        {"minLenght", "minLength"},
        {"propertes", "properties"},
        {"Required", "required"},
        {"additionalproperties", "additionalProperties"},
        {"enums", "enum"},
        {"patern", "pattern"},
        {"anyof", "anyOf"},
        {"descripton", "description"},
        {"ref", "$ref"},
        {"unevaluatedPropertys", "unevaluatedProperties"},
        {"dependencies", "dependentRequired"},
        {"additionalItems", "items"},
    };
    static const char *const notes[] = {"x-minLenght",   "note",     "units",
                                        "discriminator", "nullable", "sample",
                                        "order",         "x-order",  "a",
                                        "names"};
    struct cove_schema_options authored = {.authored = true};

    for (size_t i = 0; i < COVE_ARRAY_LEN(all); i++) {
        char schema[96], meant[96];

        snprintf(schema, sizeof schema, "{'items':{'%s':1}}", all[i].word);
        snprintf(meant, sizeof meant, "/items/%s: \"%s\" is no keyword",
                 all[i].word, all[i].word);
        refused_by(schema, &authored, COVE_EKEYWORD, meant);
        snprintf(meant, sizeof meant, "did you mean \"%s", all[i].meant);
        refused_by(schema, &authored, COVE_EKEYWORD, meant);
        passes(schema, "[1]"); /* of a published one, a note */
    }
    for (size_t i = 0; i < COVE_ARRAY_LEN(notes); i++) {
        char schema[96];

        snprintf(schema, sizeof schema, "{'items':{'%s':1}}", notes[i]);
        compiled(schema, &authored);
    }
}
END_TEST

START_TEST(a_published_schema_that_cannot_be_read_is_set_aside)
{
    struct cove_schema_options published = {.tolerant = true};
    const struct cove_schema *schema = compiled(
        "{'properties':{'a':{'$ref':'http://x/y'}},'minimum':1}", &published);

    ck_assert_uint_eq(cove_schema_count(schema), 0);
    ck_assert_uint_eq(cove_schema_index_count(schema), 0);
    ck_assert_ptr_null(cove_schema_find(schema, cove_bytes_text("a")));
    ck_assert_int_eq(cove_schema_check(schema, json("{}"), &diag),
                     COVE_EUNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(diag.text, "nothing can be judged by the "
                                            "schema, which this cove cannot "
                                            "use: schema: /properties/a/$ref"));
    ck_assert_int_eq(
        cove_schema_check_field(schema, cove_bytes_text("a"), json("1"), NULL),
        COVE_EUNSUPPORTED);
    ck_assert_int_eq(
        cove_schema_check_item(schema, cove_bytes_text("a"), json("1"), NULL),
        COVE_EUNSUPPORTED);
    ck_assert_int_eq(cove_schema_check_member(schema, cove_bytes_text("a"),
                                              cove_bytes_text("b"), json("1"),
                                              NULL),
                     COVE_EUNSUPPORTED);
}
END_TEST

START_TEST(out_of_memory_at_any_call_leaks_nothing)
{
    struct cove_bytes text = json(
        "{'$schema':'https://json-schema.org/draft/2020-12/schema','$id':"
        "'http://x/a','properties':{'a':{'$ref':'#b','x-index':true},'c':"
        "{'$dynamicRef':'e#d'}},'patternProperties':{'^x':{'minItems':1}},"
        "'$defs':{'b':{'$anchor':'b','anyOf':[{'enum':[1]},{'minimum':2,"
        "'multipleOf':0.5}]},'d':{'$dynamicAnchor':'d','$id':'e','$defs':{'f':"
        "{'$id':'f','$dynamicAnchor':'d','dependentRequired':{'a':['b']}}}},"
        "'e':{'$ref':'#/word/0','word':[{}]}},'word':[{'pattern':'a+'}]}");

    for (int tolerant = 0; tolerant < 2; tolerant++) {
        struct cove_schema_options options = {.tolerant = tolerant == 1};
        int rc = COVE_ENOMEM;

        for (long n = 1; rc == COVE_ENOMEM; n++) {
            struct harness_alloc failing;
            struct cove_arena small;
            const struct cove_schema *schema = NULL;

            harness_alloc_init(&failing, n);
            cove_arena_init(&small, &failing.alloc);
            rc = cove_schema_compile(&small, text, &options, &schema, &diag);
            ck_assert_msg(rc == 0 || rc == COVE_ENOMEM, "%s", diag.text);
            ck_assert_int_eq(schema == NULL, rc != 0);
            cove_arena_clear(&small);
            ck_assert_int_eq(failing.alive, 0);
            ck_assert_int_lt(n, 1000);
        }
        ck_assert_int_eq(rc, 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jsonschema_refs");
    TCase *tests = tcase_create("jsonschema_refs");

    tcase_add_checked_fixture(tests, kit_setup, kit_teardown);
    tcase_add_test(tests, a_reference_leads_to_pointers_anchors_and_ids);
    tcase_add_test(tests, a_reference_to_nowhere_is_refused_with_its_path);
    tcase_add_test(tests, a_reference_in_a_circle_is_refused);
    tcase_add_test(tests, names_of_schemas_are_refused_with_their_path);
    tcase_add_test(tests, keywords_of_a_wrong_form_are_refused_with_their_path);
    tcase_add_test(tests, further_documents_come_from_the_caller);
    tcase_add_test(tests, the_schemas_of_json_schema_are_built_in);
    tcase_add_test(tests,
                   a_field_by_reference_has_the_type_and_default_of_there);
    tcase_add_test(tests, properties_inside_rules_are_no_fields);
    tcase_add_test(tests, an_index_is_found_through_references);
    tcase_add_test(tests, a_misspelt_keyword_is_refused_where_it_is_written);
    tcase_add_test(tests, a_published_schema_that_cannot_be_read_is_set_aside);
    tcase_add_test(tests, out_of_memory_at_any_call_leaks_nothing);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
