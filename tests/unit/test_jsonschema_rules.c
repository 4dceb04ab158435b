/* test_jsonschema_rules.c: what a violation says, keyword by keyword; where a
 * rule stands; and the limits of judging. */
#include "core/cbor.h"
#include "core/value.h"
#include "schema/pattern.h"
#include "tests/unit/jsonschema_kit.h"

START_TEST(each_keyword_has_its_sentence)
{
    static const struct {
        const char *schema, *value, *says;
    } all[] = {
        {"{'exclusiveMinimum':1}", "1.0",
         "the document breaks the rule 'exclusiveMinimum 1': the value is 1.0"},
        {"{'exclusiveMaximum':1.5}", "2",
         "the document breaks the rule 'exclusiveMaximum 1.5': the value is 2"},
        {"{'multipleOf':0.01}", "0.075",
         "the document breaks the rule 'multipleOf 0.01': the value is 0.075"},
        {"{'minItems':2}", "[1]",
         "the document breaks the rule 'minItems 2': the list has 1 item"},
        {"{'maxItems':1}", "[1,2]",
         "the document breaks the rule 'maxItems 1': the list has 2 items"},
        {"{'uniqueItems':true}", "[1,{'a':2},{'a':2.0}]",
         "the document breaks the rule 'uniqueItems': items 1 and 2 are equal"},
        {"{'prefixItems':[{},{'const':1}]}", "[0,2]",
         "/1 breaks the rule 'const': the value is another one"},
        {"{'contains':{'const':1}}", "[0,2]",
         "the document breaks the rule 'contains': no item fits the schema "
         "that one must fit"},
        {"{'contains':{'const':1},'minContains':2}", "[1,2]",
         "the document breaks the rule 'minContains 2': 1 item fits the "
         "schema of 'contains'"},
        {"{'contains':{'const':1},'maxContains':1}", "[1,1]",
         "the document breaks the rule 'maxContains 1': 2 items fit the "
         "schema of 'contains'"},
        {"{'prefixItems':[{}],'unevaluatedItems':false}", "[0,2]",
         "/1 breaks the rule 'unevaluatedItems false': the schema has no item "
         "here"},
        {"{'minProperties':1}", "{}",
         "the document breaks the rule 'minProperties 1': the object has 0 "
         "members"},
        {"{'maxProperties':1}", "{'a':1,'b':1}",
         "the document breaks the rule 'maxProperties 1': the object has 2 "
         "members"},
        {"{'propertyNames':{'maxLength':1}}", "{'ab':1}",
         "/ab breaks the rule 'maxLength 1': the text has 2 characters "
         "(/propertyNames/maxLength, for its name)"},
        {"{'dependentRequired':{'a':['b']}}", "{'a':1}",
         "/b breaks the rule 'dependentRequired': it is missing, and 'a' is "
         "there"},
        {"{'dependentSchemas':{'a':{'minProperties':2}}}", "{'a':1}",
         "the document breaks the rule 'minProperties 2': the object has 1 "
         "member (/dependentSchemas/a/minProperties)"},
        {"{'properties':{'a':{}},'unevaluatedProperties':false}",
         "{'a':1,'b':1}",
         "/b breaks the rule 'unevaluatedProperties false': the schema has no "
         "property of this name"},
        {"{'not':{'type':'null'}}", "null",
         "the document breaks the rule 'not': the value fits the schema that "
         "it must not fit"},
        {"{'allOf':[{},{'minimum':3}]}", "2",
         "the document breaks the rule 'minimum 3': the value is 2 "
         "(/allOf/1/minimum)"},
        {"{'oneOf':[{'minimum':1},{'type':'string'},{'maximum':3}]}", "2",
         "the document breaks the rule 'oneOf': the value fits more than one "
         "of 3 schemas, /oneOf/0 and /oneOf/2; only one may"},
        {"{'if':{'minimum':1},'then':{'maximum':3}}", "4",
         "the document breaks the rule 'maximum 3': the value is 4 "
         "(/then/maximum, since the value fits 'if')"},
        {"{'if':{'minimum':1},'else':{'maximum':-3}}", "0",
         "the document breaks the rule 'maximum -3': the value is 0 "
         "(/else/maximum, since the value does not fit 'if')"},
        {"{'properties':{'a':{'$ref':'#/$defs/t'}},'$defs':{'t':{'items':"
         "{'minLength':1}}}}",
         "{'a':['x','']}",
         "/a/1 breaks the rule 'minLength 1': the text has 0 characters "
         "(/properties/a/$ref/items/minLength)"},
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(all); i++) {
        breaks(all[i].schema, all[i].value, all[i].says);
    }
}
END_TEST

START_TEST(of_several_schemas_the_nearest_is_heard)
{
    breaks("{'anyOf':[{'type':'string'},{'properties':{'a':{'items':"
           "{'type':'null'}}}},{'required':['b']}]}",
           "{'a':[null,1]}",
           "the document breaks the rule 'anyOf': the value fits none of 3 "
           "schemas; nearest: /a/1 breaks the rule 'type null': the value is "
           "an integer (/anyOf/1/properties/a/items/type)");
    breaks("{'properties':{'a':{'oneOf':[{'minimum':5}]}}}", "{'a':1}",
           "/a breaks the rule 'oneOf': the value fits none of 1 schema; "
           "nearest: /a breaks the rule 'minimum 5': the value is 1 "
           "(/properties/a/oneOf/0/minimum)");
    /* a choice within a choice is heard, one within that is not */
    breaks("{'anyOf':[{'anyOf':[{'anyOf':[{'const':1}]}]}]}", "2",
           "the document breaks the rule 'anyOf': the value fits none of 1 "
           "schema; nearest: the document breaks the rule 'anyOf': the value "
           "fits none of 1 schema; nearest: the document breaks the rule "
           "'anyOf': the value fits none of 1 schema "
           "(/anyOf/0/anyOf/0/anyOf) (/anyOf/0/anyOf)");
}
END_TEST

START_TEST(a_fault_has_the_places_apart)
{
    const struct cove_schema *schema =
        parsed("{'properties':{'a/b':{'$ref':'#/$defs/t'}},'$defs':{'t':"
               "{'items':{'minLength':1}}}}");
    struct cove_schema_fault fault;

    ck_assert_int_eq(
        cove_schema_judge(schema, json("{'a/b':['']}"), &fault, &diag),
        COVE_ESCHEMA);
    ck_assert_str_eq(fault.value, "/a~1b/0");
    ck_assert_str_eq(fault.rule, "/properties/a~1b/$ref/items/minLength");
    ck_assert_str_eq(fault.sentence, "the text has 0 characters");
    ck_assert_int_eq(
        cove_schema_judge(parsed("{'anyOf':[false]}"), json("1"), &fault, NULL),
        COVE_ESCHEMA);
    ck_assert_str_eq(fault.value, "");
    ck_assert_str_eq(fault.rule, "/anyOf");
    ck_assert_ptr_nonnull(
        strstr(fault.sentence, "none of 1 schema; nearest: the document"));
    ck_assert_int_eq(
        cove_schema_judge(schema, json("{'a/b':['x']}"), &fault, NULL), 0);
}
END_TEST

START_TEST(multiples_are_those_of_the_digits_that_were_written)
{
    passes("{'multipleOf':0.0001}", "0.0075");
    passes("{'multipleOf':0.01}", "4.35");
    passes("{'multipleOf':1e-300}", "1e300");
    passes("{'multipleOf':0.1}", "9223372036854775807");
    passes("{'multipleOf':9223372036854775807}", "-9223372036854775807");
    passes("{'multipleOf':3}", "-0.0");
    breaks("{'multipleOf':9223372036854775807}", "1e300",
           "the document breaks the rule 'multipleOf 9223372036854775807': "
           "the value is 1e+300");
    breaks("{'multipleOf':2}", "9007199254740993",
           "the document breaks the rule 'multipleOf 2': the value is "
           "9007199254740993");
    breaks("{'multipleOf':1e300}", "1e-300",
           "the document breaks the rule 'multipleOf 1e+300': the value is "
           "1e-300");
}
END_TEST

START_TEST(patterns_are_enforced)
{
    if (!cove_patterns_are_built()) {
        ck_assert_int_eq(
            cove_schema_check(parsed("{'pattern':'a'}"), json("'a'"), &diag),
            COVE_EUNSUPPORTED);
        ck_assert_str_eq(diag.text, "the schema has a pattern, and this cove "
                                    "was built without patterns (PCRE2; "
                                    "meson's option patterns)");
        passes("{'pattern':'a'}", "1");
        return;
    }
    passes("{'pattern':'^\\\\p{Letter}+$'}", "'Grüße'");
    breaks("{'pattern':'^a+$'}", "'ab'",
           "the document breaks the rule 'pattern ^a+$': the text does not "
           "match");
    breaks("{'patternProperties':{'^x':{'type':'null'}}}", "{'xy':1}",
           "/xy breaks the rule 'type null': the value is an integer "
           "(/patternProperties/^x/type)");
    breaks("{'patternProperties':{'^x':{}},'additionalProperties':false}",
           "{'xy':1,'y':1}",
           "/y breaks the rule 'additionalProperties false': the schema has "
           "no property of this name");
}
END_TEST

START_TEST(a_pattern_that_is_none_is_refused_where_it_is_written)
{
    struct cove_schema_options authored = {.authored = true};

    refused_by("{'properties':{'a':{'pattern':'(a'}}}", &authored, COVE_EFORMAT,
               "schema: /properties/a/pattern: no regular expression of "
               "ECMA-262: a ( without its ), behind character 2");
    refused_by("{'patternProperties':{'*a':{}}}", &authored, COVE_EFORMAT,
               "/patternProperties/*a: no regular expression of ECMA-262: "
               "nothing to repeat");
    /* one that was published judges nothing, and says why */
    ck_assert_int_eq(
        cove_schema_check(parsed("{'pattern':'(a'}"), json("'a'"), &diag),
        COVE_EFORMAT);
    passes("{'pattern':'(a'}", "1");
}
END_TEST

/* --- limits ------------------------------------------------------------- */

static void beyond(const struct cove_schema *schema, struct cove_bytes value,
                   const char *word)
{
    cove_diag_clear(&diag);
    ck_assert_int_eq(cove_schema_check(schema, value, &diag), COVE_ELIMIT);
    ck_assert_msg(strstr(diag.text, word) != NULL, "%s", diag.text);
}

/* {"$defs":{"a0":…,"a<n>":LAST},"$ref":"#/$defs/a0"}, where each before the
 * last is PART with its number's successor in place of '%'. */
static const char *chain(unsigned n, const char *part, const char *last)
{
    char *out = cove_arena_new(&arena, 60000);
    size_t len = (size_t)sprintf(out, "{'$ref':'#/$defs/a0','$defs':{");

    for (unsigned i = 0; i < n; i++) {
        len += (size_t)sprintf(out + len, "'a%u':", i);
        for (const char *at = part; *at != '\0'; at++) {
            if (*at == '%') {
                len += (size_t)sprintf(out + len, "#/$defs/a%u", i + 1);
            } else {
                out[len++] = *at;
            }
        }
        out[len++] = ',';
    }
    sprintf(out + len, "'a%u':%s}}", n, last);
    return out;
}

START_TEST(a_schema_bomb_is_an_error_by_name)
{
    static const char *const parts[] = {
        "{'anyOf':[{'$ref':'%'},{'$ref':'%'}]}",
        "{'oneOf':[{'$ref':'%'},{'$ref':'%'},{'$ref':'%'}]}",
        "{'not':{'allOf':[{'not':{'$ref':'%'}},{'not':{'$ref':'%'}}]}}",
        "{'anyOf':[{'$ref':'%'},{'$ref':'%'}],'unevaluatedProperties':false}",
        "{'if':{'$ref':'%'},'then':{'$ref':'%'},'else':{'$ref':'%'}}",
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(parts); i++) {
        beyond(parsed(chain(30, parts[i], "{'required':['x']}")),
               json("{'a':1}"),
               "the schema needs more than 2000000 steps for this document");
    }
}
END_TEST

START_TEST(the_steps_are_those_that_were_asked_for)
{
    struct cove_schema_options few = {.steps = 10};
    const struct cove_schema *schema = compiled("{'items':{}}", &few);

    ck_assert_int_eq(cove_schema_check(schema, json("[1,2,3]"), NULL), 0);
    beyond(schema, json("[1,2,3,4,5,6,7,8,9,10]"), "more than 10 steps");
}
END_TEST

START_TEST(a_long_way_through_schemas_ends_by_name)
{
    passes(chain(100, "{'$ref':'%'}", "{}"), "1");
    refused(chain(200, "{'$ref':'%'}", "{}"), COVE_ELIMIT,
            "leads through more than 128 schemas");
    /* only the value shows that it never ends */
    beyond(parsed("{'$defs':{'a':{'dependentSchemas':{'x':{'$ref':"
                  "'#/$defs/a'}}}},'$ref':'#/$defs/a'}"),
           json("{'x':1}"), "more than 384 schemas deep");
    beyond(parsed("{'$id':'http://x/a','$dynamicAnchor':'n','$dynamicRef':"
                  "'#n','$defs':{'o':{'$id':'b','$dynamicAnchor':'n'}}}"),
           json("{'x':1}"), "more than 384 schemas deep");
}
END_TEST

/* A list of n different integers. */
static struct cove_bytes list_of(unsigned n)
{
    struct cove_buf buf;
    struct cove_bytes out;
    struct cove_writer w;

    cove_buf_init(&buf, &cove_alloc_libc);
    cove_writer_init(&w, &buf);
    cove_writer_list(&w, n);
    for (unsigned i = 0; i < n; i++) {
        cove_writer_uint(&w, i);
    }
    ck_assert_int_eq(w.err, 0);
    ck_assert_int_eq(cove_arena_copy(&arena, cove_buf_bytes(&buf), &out), 0);
    cove_buf_clear(&buf);
    return out;
}

START_TEST(long_lists_are_judged)
{
    const struct cove_schema *schema = parsed("{'uniqueItems':true}");
    struct cove_bytes list = list_of(20000);

    ck_assert_int_eq(cove_schema_check(schema, list, &diag), 0);
    ck_assert_int_eq(
        cove_schema_check(parsed("{'unevaluatedItems':{}}"), list, &diag), 0);
    /* the last is as the first: 0x19 4e1f → 0x19 0000 is no shortest form, so
     * two equal ones are put behind one another */
    struct cove_buf buf;

    cove_buf_init(&buf, &cove_alloc_libc);
    ck_assert_int_eq(cove_buf_append(&buf, list), 0);
    memcpy(buf.at + buf.len - 3, buf.at + buf.len - 6, 3);
    cove_diag_clear(&diag);
    ck_assert_int_eq(cove_schema_check(schema, cove_buf_bytes(&buf), &diag),
                     COVE_ESCHEMA);
    ck_assert_str_eq(diag.text, "the document breaks the rule "
                                "\"uniqueItems\": items 19998 and 19999 are "
                                "equal");
    memcpy(buf.at + buf.len - 3, buf.at + 3 + 24 + 2 * 232 + 3 * 10, 3);
    cove_diag_clear(&diag);
    ck_assert_int_eq(cove_schema_check(schema, cove_buf_bytes(&buf), &diag),
                     COVE_ESCHEMA);
    ck_assert_ptr_nonnull(strstr(diag.text, "and 19999 are equal"));
    cove_buf_clear(&buf);
}
END_TEST

START_TEST(marks_for_too_much_end_by_name)
{
    beyond(parsed(chain(8, "{'anyOf':[{'$ref':'%'}],'unevaluatedItems':false}",
                        "{'items':true}")),
           list_of(30000), "too many items");
}
END_TEST

START_TEST(a_pattern_that_explodes_is_an_error_by_name)
{
    char text[64];

    if (!cove_patterns_are_built()) {
        return;
    }
    snprintf(text, sizeof text, "'%.*s!'", 40,
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    beyond(parsed("{'pattern':'^(a+)+$'}"), json(text),
           "needs more than 1000000 steps for a text of 41 bytes");
}
END_TEST

START_TEST(lack_of_memory_while_matching_is_told_and_leaks_nothing)
{
    int rc = COVE_ENOMEM;

    if (!cove_patterns_are_built()) {
        return;
    }

    struct cove_bytes text =
        json("{'pattern':'^(a|b)*$','items':{'pattern':'a'}}");
    char *value = cove_arena_new(&arena, 4000);

    memset(value, 'a', 3998);
    value[0] = value[3997] = '\'';

    struct cove_bytes item = json(value);

    for (long n = 1; rc == COVE_ENOMEM; n++) {
        struct harness_alloc failing;
        struct cove_arena small;
        const struct cove_schema *schema = NULL;

        harness_alloc_init(&failing, n);
        cove_arena_init(&small, &failing.alloc);
        rc = cove_schema_parse(&small, text, &schema, NULL);
        if (rc == 0) {
            rc = cove_schema_check(schema, item, NULL);
        }
        ck_assert(rc == 0 || rc == COVE_ENOMEM);
        cove_arena_clear(&small);
        ck_assert_int_eq(failing.alive, 0);
        ck_assert_int_lt(n, 1000);
    }
    ck_assert_int_eq(rc, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jsonschema_rules");
    TCase *tests = tcase_create("jsonschema_rules");

    tcase_add_checked_fixture(tests, kit_setup, kit_teardown);
    tcase_add_test(tests, each_keyword_has_its_sentence);
    tcase_add_test(tests, of_several_schemas_the_nearest_is_heard);
    tcase_add_test(tests, a_fault_has_the_places_apart);
    tcase_add_test(tests, multiples_are_those_of_the_digits_that_were_written);
    tcase_add_test(tests, patterns_are_enforced);
    tcase_add_test(tests,
                   a_pattern_that_is_none_is_refused_where_it_is_written);
    tcase_add_test(tests, a_schema_bomb_is_an_error_by_name);
    tcase_add_test(tests, the_steps_are_those_that_were_asked_for);
    tcase_add_test(tests, a_long_way_through_schemas_ends_by_name);
    tcase_add_test(tests, long_lists_are_judged);
    tcase_add_test(tests, marks_for_too_much_end_by_name);
    tcase_add_test(tests, a_pattern_that_explodes_is_an_error_by_name);
    tcase_add_test(tests,
                   lack_of_memory_while_matching_is_told_and_leaks_nothing);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
