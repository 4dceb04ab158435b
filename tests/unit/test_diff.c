/* test_diff.c: what changed between two schemas, and the words for it. */
#include "core/utf8.h"
#include "schema/script.h"
#include "tests/unit/diff_kit.h"

#define TEXT "{'type':'string'}"
#define INT  "{'type':'integer'}"

/* --- fields that come and go -------------------------------------------- */

START_TEST(an_added_field_is_an_add)
{
    changes("'a':" TEXT, "'a':" TEXT ",'b':" INT, "", "b added ADD FULL");
    ck_assert_int_eq(got.class, COVE_DIFF_ADD);
    ck_assert_uint_eq(got.compat, COVE_COMPAT_FULL);
    words("'a':" TEXT, "'a':" TEXT ",'b':" INT, "", "[{'add':'b'}]",
          "[{'hide':'b'}]");
}
END_TEST

START_TEST(a_lone_removal_is_destructive_until_it_is_dropped_with_consent)
{
    const char *before = "'a':" TEXT ",'b':" INT;

    changes(before, "'a':" TEXT, "", "b removed LOSSY> FULL !");
    ck_assert_uint_eq(got.destructive_count, 1);
    changes(before, "'a':" TEXT, "{'drop':['b']}", "b removed LOSSY> FULL !");
    changes(before, "'a':" TEXT, "{'drop':['b'],'acceptDataLoss':true}",
            "b removed LOSSY> FULL");
    ck_assert_uint_eq(got.destructive_count, 0);
    words(before, "'a':" TEXT, "{'drop':['b'],'acceptDataLoss':true}",
          "[{'remove':'b'}]", "[{'show':{'type':'integer','field':'b'}}]");
    changes(before, "'a':" TEXT, "{'hide':['b']}", "b removed ALIAS FULL");
    words(before, "'a':" TEXT, "{'hide':['b']}", "[{'hide':'b'}]",
          "[{'show':{'type':'integer','field':'b'}}]");
}
END_TEST

START_TEST(a_removal_beside_an_addition_is_ambiguous_until_answered)
{
    const char *before = "'first':" TEXT ",'note':" TEXT;
    const char *after = "'givenName':" TEXT ",'note':" TEXT;

    changes(before, after, "",
            "first removed LOSSY> FULL ?; givenName added ADD FULL");
    ck_assert_uint_eq(got.ambiguous_count, 1);
    ck_assert_uint_eq(got.words.len, 0);
    changes(before, after, "{'rename':{'first':'givenName'}}",
            "first renamed ALIAS FULL");
    words(before, after, "{'rename':{'first':'givenName'}}",
          "[{'rename':{'to':'givenName','from':'first'}}]",
          "[{'rename':{'to':'first','from':'givenName'}}]");
    changes(before, after, "{'drop':['first']}",
            "first removed LOSSY> FULL !; givenName added ADD FULL");
}
END_TEST

START_TEST(candidates_are_ordered_by_likeliness)
{
    ck_assert_int_eq(differ("'size':" TEXT,
                            "'colour':" TEXT ",'sizeText':" TEXT ",'sizes':" INT
                            ",'o':{'type':'object'}",
                            ""),
                     0);

    const struct cove_diff_change *c = NULL;

    for (size_t i = 0; i < got.change_count; i++) {
        c = got.changes[i].ambiguous ? &got.changes[i] : c;
    }
    ck_assert_ptr_nonnull(c);
    ck_assert_uint_eq(c->maybe_count, 3); /* no text becomes an object */
    ck_assert(cove_bytes_equal(c->maybe[0], cove_bytes_text("sizeText")));
    ck_assert(cove_bytes_equal(c->maybe[1], cove_bytes_text("sizes")));
    ck_assert(cove_bytes_equal(c->maybe[2], cove_bytes_text("colour")));
}
END_TEST

START_TEST(names_that_change_places_go_over_a_third)
{
    words("'a':" TEXT ",'b':" TEXT ",'c':" TEXT,
          "'a':" TEXT ",'b':" TEXT ",'d':" TEXT,
          "{'rename':{'a':'b','b':'a','c':'d'}}",
          "[{'rename':{'to':'d','from':'c'}},{'rename':{'to':'renamed_1','from'"
          ":'a'}},{'rename':{'to':'a','from':'b'}},{'rename':{'to':'b','from':'"
          "renamed_1'}}]",
          "[{'rename':{'to':'renamed_1','from':'b'}},{'rename':{'to':'b','from'"
          ":'a'}},{'rename':{'to':'a','from':'renamed_1'}},{'rename':{'to':'c'"
          ",'from':'d'}}]");
}
END_TEST

/* --- types -------------------------------------------------------------- */

START_TEST(a_retype_says_which_way_it_loses)
{
    changes("'a':" TEXT, "'a':" INT, "", "a retyped LOSSY> FORWARD");
    changes("'a':" INT, "'a':" TEXT, "", "a retyped LOSSY< BACKWARD");
    changes("'a':{'type':'boolean'}", "'a':" INT, "",
            "a retyped LOSSY< BACKWARD");
    changes("'a':{'type':'boolean'}", "'a':" TEXT, "",
            "a retyped LOSSY< BACKWARD");
    changes("'a':" INT, "'a':{'type':'boolean'}", "",
            "a retyped LOSSY> FORWARD");
    changes("'a':" INT, "'a':{'type':'number'}", "",
            "a retyped LOSSY< BACKWARD");
    changes("'a':{'type':'number'}", "'a':" INT, "",
            "a retyped LOSSY> FORWARD");
    changes("'a':" TEXT, "'a':{'type':['string','integer']}", "",
            "a retyped LOSSY< BACKWARD");
    words("'a':" TEXT, "'a':" INT, "",
          "[{'convert':{'to':{'type':'integer'},'back':['text_of_int'],'field':"
          "'a','forward':['int_of_text']}}]",
          "[{'hide':'a'},{'show':{'type':'string','field':'a'}}]");
}
END_TEST

/* Of a list that is one value: each where it stands. */
START_TEST(items_of_another_type_are_converted)
{
    words("'a':{'type':'array','items':{'type':'string'}}",
          "'a':{'type':'array','items':{'type':'integer'}}", "",
          "[{'convert':{'to':{'type':'array'},'back':[{'each':['text_of_int']}]"
          ",'field':'a','forward':[{'each':['int_of_text']}]}}]",
          "[{'hide':'a'},{'show':{'type':'array','field':'a'}}]");
    changes("'a':{'type':'array','items':{'type':'string'}}",
            "'a':{'type':'array','items':{'type':'integer'}}", "",
            "a retyped LOSSY> FORWARD");
    changes("'a':{'type':'array','items':{'type':'boolean'}}",
            "'a':{'type':'array','items':{'type':'string','minLength':1}}", "",
            "a retyped LOSSY< BACKWARD; a nested LOSSY> FORWARD");
}
END_TEST

/* Integers among numbers stay what they are; and what leads where is not
 * guessed. */
START_TEST(items_that_need_no_conversion_or_a_choice_get_none)
{
    static const char *const rows[][2] = {
        {"'items':{'type':'integer'}", "'items':{'type':'number'}"},
        {"'items':{'type':'string'}", "'items':{'type':'object'}"},
        {"'items':{'type':'string'}", "'items':{}"},
        {"'items':{'type':'string'}", "'items':{'type':['string','integer']}"},
        {"'minItems':1", "'minItems':2"},
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(rows); i++) {
        words(cove_arena_printf(&arena, "'a':{'type':'array',%s}", rows[i][0]),
              cove_arena_printf(&arena, "'a':{'type':'array',%s}", rows[i][1]),
              "", "[]", "[]");
    }
}
END_TEST

START_TEST(a_retype_with_no_known_way_needs_an_answer)
{
    const char *before = "'a':" TEXT;
    const char *after = "'a':{'type':'array'}";

    changes(before, after, "", "a retyped ONE-WAY NONE ?");
    ck_assert_uint_eq(got.changes[0].maybe_count, 0);
    changes(before, after, "{'convert':{'a':{'forward':[{'split_list':','}]}}}",
            "a retyped LOSSY< BACKWARD");
}
END_TEST

START_TEST(a_conversion_that_is_answered_is_tried)
{
    changes("'a':" TEXT, "'a':" TEXT,
            "{'convert':{'a':{'forward':['lower'],'back':[]}}}",
            "a retyped LOSSY>< NONE");
    changes("'a':" TEXT, "'a':" TEXT,
            "{'convert':{'a':{'forward':['lower'],'back':null}}}",
            "a retyped ONE-WAY BACKWARD");
    ck_assert_uint_eq(got.down.len, 0);
    changes(
        "'a':" INT, "'a':" INT,
        "{'convert':{'a':{'forward':[{'wrap':'x'},{'pick':'x'}],'back':[]}}}",
        "a retyped LOSSLESS FULL");
    if (cove_script_built()) {
        changes("'a':" INT, "'a':" INT,
                "{'convert':{'a':{'forward':[{'lua':'return value + 1'}],"
                "'back':[{'lua':'return value - 1'}]}}}",
                "a retyped SCRIPT FULL");
        changes("'a':" TEXT, "'a':" TEXT,
                "{'convert':{'a':{'forward':[{'lua':'return value:upper()'}],"
                "'back':null}}}",
                "a retyped SCRIPT< BACKWARD");
        ck_assert_uint_eq(got.down.len, 0);
    }
    words(
        "'a':" TEXT, "'b':" INT, "{'rename':{'a':'b'},'lossy':['a']}",
        "[{'rename':{'to':'b','from':'a'}},{'convert':{'to':{'type':'integer'}"
        ",'back':['text_of_int'],'field':'b','lossy':true,'forward':["
        "'int_of_text']}}]",
        "[{'hide':'b'},{'show':{'type':'string','field':'b'}},{'rename':{'to'"
        ":'a','from':'b'}}]");
}
END_TEST

START_TEST(a_field_of_another_type_may_start_empty)
{
    words("'a':" TEXT, "'a':" INT, "{'drop':['a'],'acceptDataLoss':true}",
          "[{'remove':'a'},{'add':'a'}]",
          "[{'hide':'a'},{'show':{'type':'string','field':'a'}}]");
    changes("'a':" TEXT, "'a':" INT, "{'drop':['a']}",
            "a added ADD FULL; a removed LOSSY> FULL !");
}
END_TEST

/* --- required, default -------------------------------------------------- */

/* As differ, with `required` lists. */
static void limits(const char *before, const char *required_before,
                   const char *after, const char *required_after,
                   const char *want)
{
    struct cove_diff_request request = {
        .before = version(1, before, required_before),
        .after = version(2, after, required_after)};

    ck_assert_int_eq(cove_diff(&arena, &request, &got, &diag), 0);
    ck_assert_str_eq(changes_text(), want);
}

START_TEST(required_without_a_default_breaks_backward)
{
    limits("'a':" TEXT, "", "'a':" TEXT, "'a'", "a required ALIAS FORWARD");
    ck_assert_ptr_nonnull(
        strstr((const char *)got.changes[0].text.at, "has no default"));
    ck_assert_str_eq(text_of(got.words), "[{'require':'a'}]");
    ck_assert_str_eq(text_of(got.down), "[{'optional':'a'}]");
    limits("'a':" TEXT, "", "'a':{'type':'string','default':'x'}", "'a'",
           "a required ALIAS FULL; a default ALIAS FULL");
    ck_assert_str_eq(text_of(got.words),
                     "[{'default':{'field':'a','value':'x'}},{'require':'a'}]");
    limits("'a':" TEXT, "'a'", "'a':" TEXT, "", "a optional ALIAS BACKWARD");
    limits("'a':{'type':'string','default':'x'}", "", "'a':" TEXT, "",
           "a default ALIAS FULL");
    ck_assert_str_eq(text_of(got.words),
                     "[{'default':{'drop':true,'field':'a'}}]");
    limits("", "", "'a':" TEXT, "'a'", "a added ADD FORWARD");
    limits("'a':" TEXT, "'a'", "", "", "a removed LOSSY> BACKWARD !");
}
END_TEST

/* --- enum --------------------------------------------------------------- */

#define ENUM(values) "'a':{'type':'string','enum':[" values "]}"

START_TEST(an_enum_grows_and_shrinks_value_by_value)
{
    changes(ENUM("'x'"), ENUM("'x','y'"), "", "a enum-added ADD BACKWARD");
    changes(ENUM("'x','y'"), ENUM("'x'"), "", "a enum-removed LOSSY> FORWARD");
    ck_assert_str_eq(text_of(got.words), "[]");
    changes("'a':" TEXT, ENUM("'x'"), "", "a narrowed LOSSY> FORWARD");
    changes(ENUM("'x'"), "'a':" TEXT, "", "a widened ADD BACKWARD");
}
END_TEST

START_TEST(a_value_of_an_enum_that_goes_as_another_comes_may_be_a_rename)
{
    changes(ENUM("'blu','red'"), ENUM("'blue','red'"), "",
            "a enum-added ADD BACKWARD; a enum-removed LOSSY> FORWARD ?");
    ck_assert(
        cove_bytes_equal(got.changes[1].maybe[0], cove_bytes_text("blue")));
    changes(ENUM("'blu','red'"), ENUM("'blue','red'"),
            "{'enum':{'a':{'blu':'blue'}}}", "a enum-renamed LOSSLESS FULL");
    ck_assert_str_eq(
        text_of(got.words),
        "[{'convert':{'to':{'type':'string'},'back':[{'table':[['blue','blu'],["
        "'red','red']]}],'field':'a','forward':[{'table':[['blu','blue'],['red'"
        ",'red']]}]}}]");
    changes(ENUM("'blu','red'"), ENUM("'blue','red'"),
            "{'enum':{'a':{'blu':null}}}",
            "a enum-added ADD BACKWARD; a enum-removed LOSSY> FORWARD");
    ck_assert_str_eq(text_of(got.words), "[]");
}
END_TEST

START_TEST(two_values_that_become_one_are_marked_lossy)
{
    changes(ENUM("'blu','blue'"), ENUM("'blue'"),
            "{'enum':{'a':{'blu':'blue'}}}", "a enum-renamed LOSSY> FULL");
    ck_assert_ptr_nonnull(strstr(text_of(got.words), "'lossy':true"));
    ck_assert_ptr_nonnull(
        strstr(text_of(got.words), "'back':[{'table':[['blue','blue']]}]"));
}
END_TEST

START_TEST(the_values_of_an_enum_need_not_be_texts)
{
    words(
        "'a':{'type':'integer','enum':[1,2]}",
        "'a':{'type':'integer','enum':[1,3]}", "{'enum':{'a':{'2':'3'}}}",
        "[{'convert':{'to':{'type':'integer'},'back':[{'table':[[1,1],[3,2]]}]"
        ",'field':'a','forward':[{'table':[[1,1],[2,3]]}]}}]",
        "[{'hide':'a'},{'show':{'type':'integer','field':'a'}}]");
    /* and they may become values of another type */
    words(
        ENUM("'todo','done'"), "'a':{'type':'boolean','enum':[false,true]}",
        "{'enum':{'a':{'todo':false,'done':true}}}",
        "[{'convert':{'to':{'type':'boolean'},'back':[{'table':[[false,'todo']"
        ",[true,'done']]}],'field':'a','forward':[{'table':[['todo',false],['"
        "done',true]]}]}}]",
        "[{'hide':'a'},{'show':{'type':'string','field':'a'}}]");
}
END_TEST

/* --- constraints -------------------------------------------------------- */

START_TEST(constraints_narrow_and_widen)
{
    static const struct {
        const char *before, *after;
        bool narrower, wider;
    } rows[] = {
        {"'type':'integer'", "'type':'integer','minimum':1", true, false},
        {"'type':'integer','minimum':1", "'type':'integer','minimum':2", true,
         false},
        {"'type':'integer','minimum':2", "'type':'integer','minimum':1.5",
         false, true},
        {"'type':'integer','maximum':2", "'type':'integer','maximum':1", true,
         false},
        {"'type':'string','minLength':2", "'type':'string'", false, true},
        {"'type':'string','maxLength':2", "'type':'string','maxLength':3",
         false, true},
        {"'type':'string'", "'type':'string','const':'x'", true, false},
        {"'type':'string','const':'x'", "'type':'string','const':'y'", true,
         true},
        {"'type':['string','null']", "'type':'string'", true, false},
        {"'type':'string'", "'type':['string','null']", false, true},
        {"'type':'array'", "'type':'array','items':{'type':'integer'}", true,
         false},
        {"'type':'array','items':{'type':'integer'}",
         "'type':'array','items':{'type':'number'}", false, true},
        {"'type':'object'", "'type':'object','additionalProperties':false",
         true, false},
        {"'type':'object','required':['p']", "'type':'object','required':['q']",
         true, true},
        {"'type':'object','properties':{'p':{'type':'string'}}",
         "'type':'object','properties':{'p':{'type':'string','enum':['x']}}",
         true, false},
        {"'type':'integer','exclusiveMaximum':3",
         "'type':'integer','exclusiveMaximum':2", true, false},
        {"'type':'array','minItems':3", "'type':'array','minItems':2", false,
         true},
        {"'type':'string'", "'type':'string','pattern':'^a'", true, false},
        {"'type':'string','pattern':'^a'", "'type':'string','pattern':'^b'",
         true, true},
        {"'type':'array','uniqueItems':true", "'type':'array'", false, true},
        {"'type':'object'", "'type':'object','anyOf':[{'required':['p']}]",
         true, false},
        /* what several fields share */
        {"'$ref':'#/$defs/m'}},'$defs':{'m':{'type':'integer'",
         "'$ref':'#/$defs/m'}},'$defs':{'m':{'type':'integer','minimum':0",
         true, false},
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(rows); i++) {
        const struct cove_diff_change *c;

        ck_assert_int_eq(
            differ(cove_arena_printf(&arena, "'a':{%s}", rows[i].before),
                   cove_arena_printf(&arena, "'a':{%s}", rows[i].after), ""),
            0);
        ck_assert_msg(got.change_count == 1, "%s: %s", rows[i].after,
                      changes_text());
        c = &got.changes[0];
        ck_assert_msg(c->compat == (unsigned)((rows[i].narrower ? 0 : 1) |
                                              (rows[i].wider ? 0 : 2)),
                      "%s: %s", rows[i].after, changes_text());
        ck_assert_int_eq(c->class,
                         rows[i].narrower ? COVE_DIFF_LOSSY : COVE_DIFF_ADD);
        ck_assert_str_eq(text_of(got.words), "[]");
    }
}
END_TEST

START_TEST(a_field_by_reference_changes_its_type_there)
{
    changes("'a':{'$ref':'#/$defs/m'}},'$defs':{'m':{'type':'integer'}",
            "'a':{'$ref':'#/$defs/m'}},'$defs':{'m':{'type':'number'}", "",
            " widened ADD BACKWARD; a retyped LOSSY< BACKWARD");
}
END_TEST

START_TEST(a_change_inside_a_value_is_named_by_its_path)
{
    changes("'a':{'type':'object','properties':{'p':{'maximum':9}}}",
            "'a':{'type':'object','properties':{'p':{'maximum':8},'q':{}}}", "",
            "a nested LOSSY> FORWARD; a nested NONE FULL");
    ck_assert(cove_bytes_equal(
        got.changes[0].path,
        cove_bytes_text("/properties/a/properties/p/maximum")));
    changes("'a':{'type':'object','additionalProperties':false}",
            "'a':{'type':'object','additionalProperties':false,'properties':{"
            "'q':{}}}",
            "", "a nested ADD BACKWARD");
    changes("'a':{'type':'array','items':{'x-ref':'A'}}",
            "'a':{'type':'array','items':{'x-ref':'B'}}", "",
            "a nested NONE FULL");
}
END_TEST

START_TEST(notes_are_seen_and_need_no_word)
{
    changes("'a':{'x-ref':'A'}", "'a':{'x-ref':'B'}", "",
            "a reference ALIAS NONE");
    changes("'a':{}", "'a':{'x-ref':'B'}", "", "a reference ALIAS FORWARD");
    changes("'a':{}", "'a':{'x-index':true}", "", "a index NONE FULL");
    ck_assert_str_eq(text_of(got.words), "[]");
    changes("'a':{'description':'old'}", "'a':{'description':'new'}", "", "");
    ck_assert_int_eq(got.class, COVE_DIFF_NONE);
}
END_TEST

/* --- answers ------------------------------------------------------------ */

static void answer_refused(const char *answers, const char *words)
{
    ck_assert_int_eq(
        differ("'a':" TEXT ",'b':" TEXT, "'a':" TEXT ",'c':" TEXT, answers),
        COVE_EUSAGE);
    ck_assert_msg(strstr(said(), words) != NULL, "'%s' not in '%s'", words,
                  diag.text);
}

START_TEST(an_answer_about_nothing_is_refused)
{
    answer_refused("{'rename':{'x':'c'}}", "rename 'x' to 'c'");
    answer_refused("{'rename':{'b':'x'}}", "the second is not new");
    answer_refused("{'rename':{'b':'a'}}", "rename 'b' to 'a'");
    answer_refused("{'drop':['a']}", "drop 'a': there is no such change");
    answer_refused("{'drop':'b'}", "write 'drop' like ['field']");
    answer_refused("{'rename':['b']}", "write 'rename' like");
    answer_refused("{'lossy':['b']}", "lossy 'b'");
    answer_refused("{'enum':{'a':{'x':'y'}}}", "not a value that is gone");
    answer_refused("{'convert':{'a':{'back':[]}}}", "'forward' is missing");
    answer_refused("{'convert':{'a':{'forward':['lower']}}}", "say 'back'");
    answer_refused("{'sure':true}", "unknown member 'sure'");
}
END_TEST

START_TEST(two_fields_cannot_become_one)
{
    ck_assert_int_eq(differ("'a':" TEXT ",'b':" TEXT, "'c':" TEXT,
                            "{'rename':{'a':'c','b':'c'}}"),
                     COVE_EUSAGE);
    ck_assert_ptr_nonnull(strstr(said(), "cannot both be renamed to 'c'"));
}
END_TEST

/* --- schemas ------------------------------------------------------------ */

static struct cove_schema_file named(const char *title, const char *properties)
{
    return *schema_of(cove_arena_printf(
        &arena, "{'title':'%s','properties':{%s}}", title, properties));
}

static struct cove_diff_set set;

static int differ_sets(const struct cove_schema_file *before, size_t had,
                       const struct cove_schema_file *after, size_t has,
                       const char *answers)
{
    struct cove_diff_sets_request request = {
        before, had, after, has, {NULL, 0}};

    if (*answers != '\0') {
        request.answers = cbor_of(answers);
    }
    cove_diag_clear(&diag);
    return cove_diff_sets(&arena, &request, &set, &diag);
}

static const struct cove_diff_change *first_of(size_t pair)
{
    ck_assert_uint_lt(pair, set.count);
    ck_assert_uint_gt(set.pairs[pair].diff.change_count, 0);
    return &set.pairs[pair].diff.changes[0];
}

START_TEST(schemas_come_and_go_and_change_names)
{
    const struct cove_schema_file before[] = {
        named("Note", "'a':" TEXT), named("Person", "'n':" TEXT ",'m':" INT),
        named("Old", "'z':{}")};
    const struct cove_schema_file after[] = {
        named("Note", "'a':" TEXT ",'b':" TEXT),
        named("Human", "'n':" TEXT ",'m':" INT), named("Tag", "'t':" TEXT)};

    ck_assert_int_eq(differ_sets(before, 3, after, 3, ""), 0);
    ck_assert_uint_eq(set.count, 5);
    ck_assert_int_eq(first_of(0)->kind, COVE_DIFF_FIELD_ADDED);
    ck_assert_int_eq(first_of(1)->kind, COVE_DIFF_SCHEMA_ADDED);
    ck_assert_int_eq(first_of(2)->kind, COVE_DIFF_SCHEMA_ADDED);
    ck_assert_int_eq(first_of(3)->kind, COVE_DIFF_SCHEMA_REMOVED);
    ck_assert(first_of(3)->ambiguous);
    ck_assert(
        cove_bytes_equal(first_of(3)->maybe[0], cove_bytes_text("Human")));
    ck_assert(!first_of(4)->ambiguous); /* nothing new is like it */
    ck_assert_uint_eq(set.ambiguous_count, 1);
    ck_assert_uint_eq(set.destructive_count, 0);
    ck_assert_int_eq(
        differ_sets(before, 3, after, 3, "{'rename':{'Person':'Human'}}"), 0);
    ck_assert_uint_eq(set.count, 4);
    ck_assert_int_eq(first_of(2)->kind, COVE_DIFF_SCHEMA_RENAMED);
    ck_assert_uint_eq(set.ambiguous_count, 0);
    ck_assert_int_eq(differ_sets(before, 3, after, 3, "{'drop':['Person']}"),
                     0);
    ck_assert_uint_eq(set.ambiguous_count, 0);
}
END_TEST

START_TEST(answers_of_many_schemas_name_the_schema)
{
    const struct cove_schema_file before[] = {named("A", "'x':" TEXT),
                                              named("B", "'x':" TEXT)};
    const struct cove_schema_file after[] = {named("A", "'y':" TEXT),
                                             named("B", "'z':" TEXT)};

    ck_assert_int_eq(differ_sets(before, 2, after, 2, ""), 0);
    ck_assert_uint_eq(set.ambiguous_count, 2);
    ck_assert_int_eq(
        differ_sets(before, 2, after, 2, "{'rename':{'A.x':'y','B.x':'z'}}"),
        0);
    ck_assert_uint_eq(set.ambiguous_count, 0);
    ck_assert_int_eq(set.class, COVE_DIFF_ALIAS);
    ck_assert_int_eq(differ_sets(before, 2, after, 2, "{'rename':{'C.x':'y'}}"),
                     COVE_EUSAGE);
    ck_assert_int_eq(differ_sets(before, 2, before, 2, ""), 0);
    ck_assert_int_eq(set.class, COVE_DIFF_NONE);
}
END_TEST

START_TEST(one_title_twice_is_refused)
{
    const struct cove_schema_file twice[] = {named("A", "'x':" TEXT),
                                             named("A", "'y':" TEXT)};

    ck_assert_int_eq(differ_sets(NULL, 0, twice, 2, ""), COVE_EUSAGE);
    ck_assert_ptr_nonnull(strstr(said(), "title 'A'"));
}
END_TEST

/* --- sentences ---------------------------------------------------------- */

START_TEST(a_long_value_is_cut_between_two_characters)
{
    char value[COVE_SHOWN_MAX * 4] = "";

    for (size_t front = 0; front < 4; front++) {
        const struct cove_bytes *text;
        size_t len = front;

        memset(value, 'x', front);
        for (; len < 2 * COVE_SHOWN_MAX; len += 3) {
            memcpy(value + len, "\xe2\x82\xac", 4);
        }
        ck_assert_int_eq(
            differ("'a':" TEXT,
                   cove_arena_printf(
                       &arena, "'a':{'type':'string','default':'%s'}", value),
                   ""),
            0);
        ck_assert_uint_eq(got.change_count, 1);
        text = &got.changes[0].text;
        ck_assert(cove_utf8_valid(*text));
        ck_assert(strstr((const char *)text->at, "\xe2\x82\xac\xe2\x80\xa6") !=
                  NULL);
    }
}
END_TEST

/* --- memory ------------------------------------------------------------- */

START_TEST(out_of_memory_at_any_call_is_said)
{
    struct cove_diff_request request = {
        .before = version(
            1, "'a':" TEXT ",'b':" TEXT ",'c':" TEXT ",'e':{'enum':['x','y']}",
            ""),
        .after = version(2,
                         "'a':" INT ",'d':" TEXT ",'o':{'type':'object'},"
                         "'e':{'enum':['z','y']}",
                         ""),
        .answers = cbor_of("{'rename':{'b':'d'},'enum':{'e':{'x':'z'}},'drop':["
                           "'c'],'acceptDataLoss':true}")};

    for (long fail = 1;; fail++) {
        struct harness_alloc heap;
        struct cove_arena lean;
        struct cove_diff out = {.change_count = 99};
        int rc;

        harness_alloc_init(&heap, fail);
        cove_arena_init(&lean, &heap.alloc);
        cove_diag_clear(&diag);
        rc = cove_diff(&lean, &request, &out, &diag);
        cove_arena_clear(&lean);
        ck_assert_int_eq(heap.alive, 0);
        if (rc == 0) {
            ck_assert_int_gt(fail, 8);
            break;
        }
        ck_assert_int_eq(rc, COVE_ENOMEM);
        ck_assert_uint_eq(out.change_count, 99);
    }
}
END_TEST

int main(void)
{
    const TTest *const all[] = {
        an_added_field_is_an_add,
        a_lone_removal_is_destructive_until_it_is_dropped_with_consent,
        a_removal_beside_an_addition_is_ambiguous_until_answered,
        candidates_are_ordered_by_likeliness,
        names_that_change_places_go_over_a_third,
        a_retype_says_which_way_it_loses,
        items_of_another_type_are_converted,
        items_that_need_no_conversion_or_a_choice_get_none,
        a_retype_with_no_known_way_needs_an_answer,
        a_conversion_that_is_answered_is_tried,
        a_field_of_another_type_may_start_empty,
        required_without_a_default_breaks_backward,
        an_enum_grows_and_shrinks_value_by_value,
        a_value_of_an_enum_that_goes_as_another_comes_may_be_a_rename,
        two_values_that_become_one_are_marked_lossy,
        the_values_of_an_enum_need_not_be_texts,
        constraints_narrow_and_widen,
        a_field_by_reference_changes_its_type_there,
        a_change_inside_a_value_is_named_by_its_path,
        notes_are_seen_and_need_no_word,
        an_answer_about_nothing_is_refused,
        two_fields_cannot_become_one,
        schemas_come_and_go_and_change_names,
        answers_of_many_schemas_name_the_schema,
        one_title_twice_is_refused,
        a_long_value_is_cut_between_two_characters,
        out_of_memory_at_any_call_is_said,
    };
    Suite *suite = suite_create("diff");
    TCase *tests = tcase_create("diff");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    for (size_t i = 0; i < COVE_ARRAY_LEN(all); i++) {
        tcase_add_test(tests, all[i]);
    }
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
