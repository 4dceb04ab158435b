/* test_compile_child.c: fields that are documents of their own: schema files,
 * and the words that make them. */
#include "tests/unit/compile_kit.h"

#include "migrate/plan.h"

#define TEXT  "{'type':'string','x-type':'text'}"
#define TEXTS "{'type':'array','x-type':'list','items':{'type':'string'}}"
#define INTS  "{'type':'array','x-type':'list','items':{'type':'integer'}}"

/* A schema file with this property is refused. */
static void schema_refuses(const char *property, int code, const char *words)
{
    struct cove_schema_file out;
    char *text =
        cove_arena_printf(&arena, "{'title':'T','properties':{%s}}", property);

    cove_diag_clear(&diag);
    ck_assert_msg(cove_schema_file_read(&arena, json(text), "f.json", &out,
                                        &diag) == code,
                  "%s: %s", property, diag.text);
    ck_assert_msg(strstr(said(), words) != NULL, "'%s' not in '%s'", words,
                  diag.text);
}

START_TEST(a_child_says_its_kind_and_nothing_that_cannot_be_enforced)
{
    schema_refuses("'a':{'type':'integer','x-type':'text'}", COVE_EFORMAT,
                   "/properties/a: 'x-type': 'text' needs 'type': 'string'");
    schema_refuses("'a':{'x-type':'list'}", COVE_EFORMAT,
                   "needs 'type': 'array'");
    schema_refuses("'a':{'type':'string','x-type':'poem'}", COVE_EFORMAT,
                   "/properties/a/x-type: must be text, list, stream, blob");
    schema_refuses("'a':{'type':['string','null'],'x-type':'text'}",
                   COVE_EFORMAT, "needs 'type': 'string'");
    schema_refuses("'a':{'type':'string','x-type':'text','maxLength':3}",
                   COVE_EKEYWORD, "/properties/a/maxLength: is not enforced");
    schema_refuses("'a':{'type':'string','x-type':'text','default':'x'}",
                   COVE_EKEYWORD, "/properties/a/default");
    schema_refuses("'a':{'type':'string','x-type':'text','items':{}}",
                   COVE_EKEYWORD, "/properties/a/items");
    schema_refuses("'a':{'type':'array','items':{'type':'string','x-type':"
                   "'text'}}",
                   COVE_EFORMAT, "only a field of the document");
    schema_refuses("'a':{'type':'object','x-type':'map','properties':{'b':"
                   "{'type':'string','x-type':'text'}}}",
                   COVE_EFORMAT, "only a field of the document");
}
END_TEST

START_TEST(a_child_is_not_required_and_no_name_ends_like_items)
{
    struct cove_schema_file out;

    ck_assert_int_eq(
        cove_schema_file_read(
            &arena,
            json("{'title':'T','properties':{'a':" TEXT "},'required':['a']}"),
            "f.json", &out, &diag),
        COVE_EFORMAT);
    ck_assert_ptr_nonnull(strstr(said(), "take it out of 'required'"));
    schema_refuses("'a[]':{}", COVE_ERESERVED, "end with '[]'");
    schema_refuses("'a':{'type':'object','x-type':'map','properties':{'#b':{}"
                   "}}",
                   COVE_ERESERVED, "'#b'");
}
END_TEST

START_TEST(a_child_is_a_field_of_any_and_an_op_beside_it)
{
    publish("{'title':'T','properties':{'a':" TEXT ",'b':" INTS ",'c':{'type':"
            "'object','x-type':'map','properties':{'d':{'type':'integer',"
            "'default':3}}}}}");
    made = root;
    ck_assert_str_eq(
        made_ops(),
        "[{'op':'add','reg':'a~1','name':'a','type':'any'},"
        "{'op':'x-child','reg':'a~1','type':'text'},"
        "{'op':'add','reg':'b~1','name':'b','type':'any'},"
        "{'op':'add','reg':'b[]~1','name':'b[]','type':'int'},"
        "{'op':'hide','reg':'b[]~1'},"
        "{'op':'x-child','reg':'b~1','item':'b[]~1','type':'list'},"
        "{'op':'add','reg':'c~1','name':'c','type':'any'},"
        "{'op':'add','reg':'c/d~1','name':'c/d','type':'int'},"
        "{'op':'hide','reg':'c/d~1'},"
        "{'op':'limit','reg':'c/d~1','default':3},"
        "{'op':'x-child','reg':'c~1','type':'map','fields':{'d':'c/d~1'}}]");
}
END_TEST

START_TEST(a_plan_knows_children_and_does_not_show_what_is_inside)
{
    struct cove_plan *plan = NULL;
    uint32_t reg;

    publish("{'title':'T','properties':{'b':" INTS "}}");
    ck_assert_int_eq(
        cove_plan_new(&cove_alloc_libc, journal, &root.step, &plan), 0);
    ck_assert_uint_eq(plan->field_count, 1);
    ck_assert(cove_plan_find_name(plan, cove_bytes_text("b"), &reg));
    ck_assert_uint_eq(plan->child_count, 1);
    ck_assert_uint_eq(plan->registers[reg].child, 0);
    ck_assert_int_eq(plan->children[0].kind, COVE_CHILD_LIST);
    ck_assert(plan->registers[plan->children[0].item].inner);
    ck_assert_int_eq(plan->registers[plan->children[0].item].type,
                     COVE_TYPE_INT);
    cove_plan_free(plan);
}
END_TEST

START_TEST(text_seeds_a_text_with_the_field)
{
    gives("{'text':'a'}", "'a':" TEXT "," B "," N "," R, "'r'",
          "[{'op':'add','reg':'a~2','name':'a','type':'any'},"
          "{'op':'x-child','reg':'a~2','type':'text'},"
          "{'op':'x-seed','to':'a~2','how':'text','from':'a~1'},"
          "{'op':'hide','reg':'a~1'}]");
    refuses("{'text':'n'}", ALL, COVE_ESTEP, "'n' is no text but integer");
    refuses("{'text':'a'}", ALL, COVE_ESTEP,
            "'a' is string in the schema, the migration gives text");
}
END_TEST

START_TEST(to_list_makes_the_field_the_first_item)
{
    gives("{'to_list':{'field':'n','to':'s'}}", A "," B "," R ",'s':" INTS,
          "'r'",
          "[{'op':'add','reg':'s~2','name':'s','type':'any'},"
          "{'op':'add','reg':'s[]~2','name':'s[]','type':'int'},"
          "{'op':'hide','reg':'s[]~2'},"
          "{'op':'x-child','reg':'s~2','item':'s[]~2','type':'list'},"
          "{'op':'conv','to':'s[]~2','bwd':[],'fwd':[],'from':'n~1'},"
          "{'op':'x-seed','to':'s~2','how':'list','from':'n~1'},"
          "{'op':'hide','reg':'n~1'}]");
    refuses("{'to_list':{'field':'a','to':'s'}}", B "," N "," R ",'s':" INTS,
            COVE_ESTEP, "the items turn from string to integer; say how");
    refuses("{'to_list':{'field':'a','to':'s'}}", ALL, COVE_ESTEP,
            "say the type of the items");
}
END_TEST

START_TEST(extract_joins_each_field_with_one_inside)
{
    gives("{'extract':{'fields':{'a':'x','n':'n'},'into':'m'}}",
          B "," R ",'m':{'type':'object','x-type':'map','properties':{'x':"
            "{'type':'string'},'n':{'type':'integer'}}}",
          "'r'",
          "[{'op':'add','reg':'m~2','name':'m','type':'any'},"
          "{'op':'add','reg':'m/x~2','name':'m/x','type':'text'},"
          "{'op':'hide','reg':'m/x~2'},"
          "{'op':'conv','to':'m/x~2','bwd':[],'fwd':[],'from':'a~1'},"
          "{'op':'hide','reg':'a~1'},"
          "{'op':'add','reg':'m/n~2','name':'m/n','type':'int'},"
          "{'op':'hide','reg':'m/n~2'},"
          "{'op':'conv','to':'m/n~2','bwd':[],'fwd':[],'from':'n~1'},"
          "{'op':'hide','reg':'n~1'},"
          "{'op':'x-child','reg':'m~2','type':'map','fields':{'n':'m/n~2','x':"
          "'m/x~2'}}]");
    refuses("{'extract':{'fields':{'a':'x','n':'x'},'into':'m'}}", ALL,
            COVE_EEXIST, "two fields would be called 'x' inside 'm'");
    refuses("{'extract':{'fields':[],'into':'m'}}", ALL, COVE_ESTEP,
            "must be a list of names");
    refuses("{'extract':{'fields':['a'],'into':'m'}}",
            B "," N "," R ",'m':{'type':'object','x-type':'map'}", COVE_ESTEP,
            "the fields of 'm' are others in the schema");
}
END_TEST

START_TEST(each_links_the_items_and_takes_nothing_away)
{
    publish("{'title':'T','version':1,'properties':{'b':" TEXTS "}}");
    ck_assert_msg(
        migrate(migration_text("{'each':{'field':'b','forward':['int_of_text']"
                               "}}"),
                target_text("'b':" INTS, "")) == 0,
        "%s", diag.text);
    ck_assert_str_eq(
        made_ops(),
        "[{'op':'add','reg':'b[]~2','name':'b[]','type':'int'},"
        "{'op':'hide','reg':'b[]~2'},"
        "{'op':'conv','to':'b[]~2','bwd':['text_of_int'],'fwd':['int_of_text'],"
        "'from':'b[]~1'},"
        "{'op':'x-child','reg':'b~1','item':'b[]~2','type':'list'}]");
    ck_assert_int_eq(
        migrate(migration_text("{'each':'b'}"), target_text("'b':" INTS, "")),
        COVE_ESTEP);
    ck_assert_ptr_nonnull(strstr(said(), "say how"));
    ck_assert_int_eq(migrate(migration_text(""), target_text("'b':" INTS, "")),
                     COVE_ESTEP);
    ck_assert_ptr_nonnull(strstr(
        said(), "the items of 'b' are integer in the schema, the migration "
                "gives string"));
    refuses("{'each':'a'}", ALL, COVE_ESTEP, "'a' is no list");
}
END_TEST

START_TEST(words_for_values_refuse_documents)
{
    static const char *const steps[] = {
        "{'convert':{'field':'b','forward':[]}}",
        "{'require':'b'}",
        "{'default':{'field':'b','value':1}}",
        "{'split':{'field':'b','into':['x','y'],'pattern':['',' ','']}}",
        "{'compute':{'field':'c','from':['b'],'pattern':['','']}}",
        "{'text':'b'}",
        "{'to_list':{'field':'b','to':'c'}}",
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(steps); i++) {
        publish("{'title':'T','version':1,'properties':{'b':" TEXTS "}}");
        ck_assert_int_eq(
            migrate(migration_text(steps[i]), target_text("'b':" TEXTS, "")),
            COVE_ESTEP);
        ck_assert_msg(strstr(said(), "'b' is a document of its own (list)") !=
                          NULL,
                      "%s: %s", steps[i], diag.text);
    }
}
END_TEST

START_TEST(what_is_inside_cannot_be_shown)
{
    publish("{'title':'T','version':1,'properties':{'b':" TEXTS "}}");
    ck_assert_int_eq(migrate(migration_text("{'show':'b[]'}"),
                             target_text("'b':" TEXTS, "")),
                     COVE_ENOTFOUND);
    ck_assert_ptr_nonnull(strstr(said(), "no hidden field"));
}
END_TEST

START_TEST(down_shows_the_field_again)
{
    publish(V1);
    ck_assert_msg(
        migrate("{'schema':'T','from':1,'to':2,'steps':[{'text':'a'}],'down':"
                "[{'hide':'a'},{'show':{'field':'a','type':'string'}}]}",
                target_text("'a':" TEXT "," B "," N "," R, "'r'")) == 0,
        "%s", diag.text);
    ck_assert_uint_gt(made.down.len, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compile_child");
    TCase *tests = tcase_create("compile_child");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests,
                   a_child_says_its_kind_and_nothing_that_cannot_be_enforced);
    tcase_add_test(tests, a_child_is_not_required_and_no_name_ends_like_items);
    tcase_add_test(tests, a_child_is_a_field_of_any_and_an_op_beside_it);
    tcase_add_test(tests,
                   a_plan_knows_children_and_does_not_show_what_is_inside);
    tcase_add_test(tests, text_seeds_a_text_with_the_field);
    tcase_add_test(tests, to_list_makes_the_field_the_first_item);
    tcase_add_test(tests, extract_joins_each_field_with_one_inside);
    tcase_add_test(tests, each_links_the_items_and_takes_nothing_away);
    tcase_add_test(tests, words_for_values_refuse_documents);
    tcase_add_test(tests, what_is_inside_cannot_be_shown);
    tcase_add_test(tests, down_shows_the_field_again);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
