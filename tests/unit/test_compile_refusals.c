/* test_compile_refusals.c: what the compiler refuses and how it says so, the
 * form of migration files, and the recipe that Cove started from. */
#include "tests/unit/compile_kit.h"

/* --- refusals ----------------------------------------------------------- */

START_TEST(an_unknown_word_or_member_is_refused_with_its_place)
{
    refuses("{'hide':'a'},{'drop':'b'}", ALL, COVE_ESTEP,
            "step 2 (drop): unknown word 'drop'; the words are rename, hide");
    refuses("{'hide':{'field':'a','why':1}}", ALL, COVE_ESTEP,
            "step 1 (hide): unknown member 'why'");
    refuses("{'rename':{'from':'a'}}", ALL, COVE_ESTEP,
            "step 1 (rename): 'to' is missing");
    refuses("{'rename':'a'}", ALL, COVE_ESTEP, "write it like");
    refuses("{'rename':{'from':'a','to':3}}", ALL, COVE_ESTEP,
            "'to' must be a name");
    refuses("{'hide':3}", ALL, COVE_ESTEP, "write it like");
    refuses("'hide'", ALL, COVE_ESTEP, "step 1: must be an object");
    refuses("{'hide':'a','show':'a'}", ALL, COVE_ESTEP,
            "step 1: must be an object of one word");
    refuses("{'add':{'field':'p','type':'text'}}", ALL, COVE_ESTEP,
            "'type' must be 'string'");
    refuses("{'add':{'field':'p','required':1}}", ALL, COVE_ESTEP,
            "true or false");
    refuses("{'default':{'field':'a','drop':false}}", ALL, COVE_ESTEP,
            "'drop' must be true");
    refuses("{'split':{'field':'a','into':['x','x'],'pattern':['','-','']}}",
            ALL, COVE_ESTEP, "each once");
    refuses("{'split':{'field':'a','into':['x'],'pattern':'-'}}", ALL,
            COVE_ESTEP, "'pattern' must be a list");
    refuses("{'convert':{'field':'a','to':{'names':'b'},'forward':[]}}", ALL,
            COVE_ESTEP, "'to' must be a name or");
}
END_TEST

START_TEST(an_unknown_function_is_refused_by_name)
{
    refuses("{'convert':{'field':'a','forward':['trim','shout'],'back':[]}}",
            ALL, COVE_ESTEP,
            "step 1 (convert): no function 'shout'; there are add, after, ");
    refuses("{'convert':{'field':'a','forward':['shout'],'back':[]}}", ALL,
            COVE_ESTEP, ", when, wrap");
    refuses("{'convert':{'field':'a','forward':[{'div':0}],'back':[]}}", ALL,
            COVE_ESTEP,
            "no function 'div' of this form; write it like {'div':100}");
    refuses("{'convert':{'field':'a','forward':['slice'],'back':[]}}", ALL,
            COVE_ESTEP, "write it like {'slice':[0,3]}");
    refuses("{'convert':{'field':'a','forward':[{'trim':1}],'back':[]}}", ALL,
            COVE_ESTEP, "write it like 'trim'");
    refuses("{'convert':{'field':'a','forward':[{'each':[{'when':[[{'eq':1},"
            "['shout']]]}]}],'back':[]}}",
            ALL, COVE_ESTEP, "no function 'shout'");
    refuses("{'convert':{'field':'a','forward':[{'each':[{'pad':[4,'00']}]}],"
            "'back':[]}}",
            ALL, COVE_ESTEP, "no function 'pad' of this form");
    refuses("{'convert':{'field':'a','forward':[],'back':[7]}}", ALL,
            COVE_ESTEP, "no function ''");
    refuses("{'convert':{'field':'a','forward':'trim','back':[]}}", ALL,
            COVE_ESTEP, "write ['trim']");
    refuses("{'convert':{'field':'a','forward':null,'back':[]}}", ALL,
            COVE_ESTEP, "a pipeline is a list");
}
END_TEST

START_TEST(a_function_text_cannot_be_stored_as_data)
{
    refuses("{'convert':{'field':'a','forward':'v => parseInt(v)','back':[]}}",
            ALL, COVE_ESTEP,
            "step 1 (convert): a function cannot be stored as data ('v => "
            "parseInt(v)')");
}
END_TEST

START_TEST(a_name_that_is_not_there_is_refused_with_those_that_are)
{
    refuses(
        "{'rename':{'from':'z','to':'y'}}", ALL, COVE_ENOTFOUND,
        "step 1 (rename): there is no field 'z' here; there are: a, b, n, r");
    refuses("{'hide':'a'},{'hide':'a'}", ALL, COVE_ENOTFOUND,
            "step 2 (hide): the field 'a' is hidden here");
    refuses("{'show':'a'}", ALL, COVE_ENOTFOUND, "no hidden field");
    refuses("{'join':{'fields':['a','q'],'into':'c','pattern':['',' ','']}}",
            ALL, COVE_ENOTFOUND, "'q'");
    refuses("{'compute':{'field':'c','from':['q'],'pattern':['','']}}", ALL,
            COVE_ENOTFOUND, "'q'");
    refuses("{'same':{'field':'a','as':'q'}}", ALL, COVE_ENOTFOUND, "'q'");
}
END_TEST

START_TEST(compute_takes_a_pattern_or_functions)
{
    refuses("{'compute':{'field':'c','from':['n']}}", ALL, COVE_ESTEP,
            "step 1 (compute): say 'pattern'");
    refuses("{'compute':{'field':'c','from':['n'],'pattern':['',''],'fn':[]}}",
            ALL, COVE_ESTEP, "not both");
    refuses("{'compute':{'field':'c','from':['n'],'pattern':['',''],"
            "'type':'string'}}",
            ALL, COVE_ESTEP, "'type' goes with 'fn'");
    refuses("{'compute':{'field':'c','from':['n'],'fn':['add_up']}}", ALL,
            COVE_ESTEP, "no function 'add_up'");
    refuses("{'compute':{'field':'c','from':['n'],'fn':[]}}", ALL, COVE_ESTEP,
            "say the type of 'c'");
}
END_TEST

START_TEST(a_name_in_use_is_refused)
{
    refuses("{'rename':{'from':'a','to':'b'}}", ALL, COVE_EEXIST,
            "step 1 (rename): there is a field 'b' already");
    refuses("{'add':{'field':'a','type':'string'}}", ALL, COVE_EEXIST,
            "'a' already");
    refuses("{'split':{'field':'a','into':['b'],'pattern':['(',')']}}", ALL,
            COVE_EEXIST, "'b' already");
    refuses("{'convert':{'field':'a','to':'n','forward':['int_of_text']}}", ALL,
            COVE_EEXIST, "'n' already");
    refuses("{'hide':'a'},{'add':'a'},{'show':'a'}", ALL, COVE_EEXIST,
            "step 3 (show)");
    refuses("{'add':'p'},{'hide':'p'},{'add':'p'}", ALL ",'p':{}", COVE_EEXIST,
            "only once");
}
END_TEST

START_TEST(a_reserved_name_is_refused)
{
    refuses("{'rename':{'from':'a','to':''}}", ALL, COVE_ERESERVED,
            "empty name");
    refuses("{'rename':{'from':'a','to':'#a'}}", ALL, COVE_ERESERVED, "'#a'");
    refuses("{'add':{'field':'$bytes','type':'any'}}", ALL, COVE_ERESERVED,
            "'$bytes'");
}
END_TEST

START_TEST(a_schema_is_not_called_what_a_command_line_reads_otherwise)
{
    static const char *const titles[] = {"group", "Note@2", "co_zNote", "a\\nb",
                                         "@"};
    static const char *const good[] = {"Group", "co_", "a b", "Ünï/5"};
    struct cove_schema_file to;

    for (size_t i = 0; i < COVE_ARRAY_LEN(titles); i++) {
        cove_diag_clear(&diag);
        ck_assert_int_eq(
            cove_schema_file_read(
                &arena,
                json(cove_arena_printf(&arena, "{'title':'%s'}", titles[i])),
                "v", &to, &diag),
            COVE_ERESERVED);
    }
    for (size_t i = 0; i < COVE_ARRAY_LEN(good); i++) {
        ck_assert_int_eq(
            cove_schema_file_read(
                &arena,
                json(cove_arena_printf(&arena, "{'title':'%s'}", good[i])), "v",
                &to, &diag),
            0);
    }
}
END_TEST

START_TEST(several_hidden_fields_of_a_name_must_be_told_apart)
{
#define HIDE_BOTH                                                              \
    "{'convert':{'field':'a','to':{'type':'integer'},"                         \
    "'forward':['int_of_text']}},{'hide':'a'},"

    refuses(HIDE_BOTH "{'show':'a'}", ALL, COVE_EAMBIGUOUS,
            "add 'type' or 'register'");
    gives(HIDE_BOTH "{'show':{'field':'a','type':'string'}}", ALL, "'r'",
          "[{'op':'add','reg':'a~2','name':'a','type':'int'},"
          "{'op':'conv','to':'a~2','bwd':['text_of_int'],'fwd':['int_of_text'],"
          "'from':'a~1'},{'op':'hide','reg':'a~1'},{'op':'hide','reg':'a~2'},"
          "{'op':'show','reg':'a~1'}]");
}
END_TEST

START_TEST(a_wrong_pattern_is_refused)
{
    refuses("{'split':{'field':'a','into':['x','y'],'pattern':['','']}}", ALL,
            COVE_ESTEP, "2 parts need a pattern of 3 texts");
    refuses("{'split':{'field':'a','into':['x','y'],'pattern':['','','']}}",
            ALL, COVE_ESTEP, "between two parts");
    refuses("{'split':{'field':'n','into':['x','y'],'pattern':['','-','']}}",
            ALL, COVE_ESTEP, "'n' is no text but integer");
    refuses("{'join':{'fields':['a','n'],'into':'x','pattern':['','-','']}}",
            ALL, COVE_ESTEP, "'n' is no text but integer");
}
END_TEST

START_TEST(a_default_of_another_type_is_refused)
{
    refuses("{'default':{'field':'n','value':'x'}}", ALL, COVE_ESTEP,
            "the default of 'n' is not of its type, integer");
    refuses("{'add':{'field':'p','type':'integer','default':1.5}}", ALL,
            COVE_ESTEP, "not of its type");
    refuses("{'require':{'field':'a','default':1}}", ALL, COVE_ESTEP,
            "not of its type");
    refuses("{'require':{'field':'a','default':''}}",
            "'a':{'type':'string','minLength':1}," B "," N "," R, COVE_ESCHEMA,
            "minLength 1");
    refuses("{'default':{'field':'a'}}", ALL, COVE_ESTEP,
            "either 'value' or 'drop'");
    refuses("{'default':{'field':'a','value':'x','drop':true}}", ALL,
            COVE_ESTEP, "either 'value' or 'drop'");
    refuses("{'add':'p'}", ALL, COVE_ESTEP, "say the type of 'p'");
    refuses("{'same':{'field':'a','as':'n'}}", ALL, COVE_ESTEP, "of two types");
    refuses("{'same':{'field':'a','as':'a'}}", ALL, COVE_ESTEP, "already");
}
END_TEST

START_TEST(an_operation_that_would_be_inert_is_refused_with_its_word)
{
    /* a second division of the same cell */
    refuses(
        "{'split':{'field':'a','into':['x','y'],'pattern':['','-','']}},{'show'"
        ":'a'},{'split':{'field':'a','into':['v','w'],'pattern':['','/','']}}",
        "'x':{'type':'string'},'y':{'type':'string'},'v':{'type':'string'},'w':"
        "{'type':'string'}," B "," N "," R,
        COVE_ECONFLICT, "step 3 (split): operation 8 (comp) does not fit");
    /* already one cell */
    refuses("{'same':{'field':'a','as':'b'}},{'same':{'field':'b','as':'a'}}",
            ALL, COVE_ECONFLICT, "step 2 (same): operation 2 (alias)");
}
END_TEST

START_TEST(every_difference_from_the_target_schema_is_named)
{
    refuses("{'add':{'field':'p','type':'integer'}}",
            "'b':{'type':'string'},'n':{'type':'string'},'p':{'type':'string'},"
            "'q':{'default':1}," R,
            COVE_ESTEP,
            "the migration does not lead to the schema: 'b' has the default "
            "none in the schema, the migration gives 'x'; 'n' is string in the "
            "schema, the migration gives integer; 'p' is string in the schema, "
            "the migration gives integer; 'q' is in the schema, the migration "
            "lacks it; 'a' is not in the schema, the migration keeps it");
    refuses("{'optional':'r'},{'require':'a'}", ALL, COVE_ESTEP,
            "'a' is optional in the schema, the migration makes it required; "
            "'r' is required in the schema, the migration makes it optional");
    refuses("{'default':{'field':'b','value':'y'}}", ALL, COVE_ESTEP,
            "'b' has the default 'x' in the schema, the migration gives 'y'");
}
END_TEST

START_TEST(many_differences_are_all_in_the_report)
{
    struct cove_schema_file to;
    struct cove_buf report;
    struct cove_buf text;
    size_t lines = 0;

    publish(V1);
    cove_buf_init(&text, &cove_alloc_libc);
    cove_buf_init(&report, &cove_alloc_libc);
    ck_assert_int_eq(cove_buf_append(&text, json("{'title':'T','properties':{" A
                                                 "," B "," N "," R)),
                     0);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(cove_buf_append(&text, json(cove_arena_printf(
                                                    &arena, ",'f%d':{}", i))),
                         0);
    }
    ck_assert_int_eq(cove_buf_append(&text, json("},'required':['r']}")), 0);
    ck_assert_int_eq(
        cove_schema_file_read(&arena, cove_buf_bytes(&text), "v", &to, &diag),
        0);
    ck_assert_int_eq(
        cove_compile_check(&arena, NULL, root.body, to.schema, &report, &diag),
        COVE_ESTEP);
    for (size_t i = 0; i < report.len; i++) {
        lines += report.at[i] == '\n';
    }
    ck_assert_uint_eq(lines, 100);
    ck_assert_ptr_nonnull(strstr(said(), "; and "));
    ck_assert_ptr_nonnull(strstr(said(), " more"));
    cove_buf_clear(&report);
    cove_buf_clear(&text);
}
END_TEST

START_TEST(a_body_is_judged_before_anything_is_written)
{
    static const char malformed[] = "{'parents':[],'ops':[{'op':'add'}]}";
    struct cove_buf buf;

    publish(V1);
    cove_buf_init(&buf, &cove_alloc_libc);
    ck_assert_int_eq(cove_json_read_plain(json(malformed), "b", &buf, &diag),
                     0);
    ck_assert_int_eq(cove_compile_check(&arena, journal, cove_buf_bytes(&buf),
                                        file.schema, NULL, &diag),
                     COVE_ESTEP);
    ck_assert_int_eq(
        cove_compile_check(&arena, NULL, root.body, file.schema, NULL, NULL),
        0);
    cove_buf_clear(&buf);
}
END_TEST

/* --- the file ----------------------------------------------------------- */

static void file_refused(const char *text, int code, const char *words)
{
    struct cove_migration m;

    cove_diag_clear(&diag);
    ck_assert_int_eq(
        cove_migration_read(&arena, json(text), "m.json", &m, &diag), code);
    ck_assert_msg(strstr(said(), words) != NULL, "'%s' not in '%s'", words,
                  diag.text);
    ck_assert_ptr_nonnull(strstr(said(), "m.json"));
}

START_TEST(a_file_of_another_form_is_refused)
{
    file_refused("{", COVE_EJSON, "m.json:1:1");
    file_refused("[]", COVE_ESTEP, "must be an object");
    file_refused("{}", COVE_ESTEP, "'to' must be a version");
    file_refused("{'to':2}", COVE_ESTEP, "'schema' must name");
    file_refused("{'to':2,'schema':'T'}", COVE_ESTEP, "'from'");
    file_refused("{'to':2,'schema':'T','from':1}", COVE_ESTEP,
                 "'steps' is missing");
    file_refused("{'to':2,'schema':'T','from':1,'steps':{}}", COVE_ESTEP,
                 "'step' must be a list");
    file_refused("{'to':2,'schema':'T','from':1,'steps':[],'up':1}", COVE_ESTEP,
                 "unknown member 'up'");
    file_refused("{'to':2,'schema':'T','from':[],'steps':[]}", COVE_ESTEP,
                 "'from' names nothing");
    file_refused("{'to':2,'schema':'T','from':'1','steps':[]}", COVE_ESTEP,
                 "'from' must be");
    file_refused("{'to':2,'schema':3,'from':1,'steps':[]}", COVE_ESTEP,
                 "'schema' must be a text");
    file_refused("{'to':1,'schema':'T','from':2,'steps':[]}", COVE_ESTEP,
                 "only grows");
    file_refused(
        "{'to':2,'schema':'T','from':1,'steps':[],'down':[{'undo':1}]}",
        COVE_ESTEP, "down 1 (undo): unknown word");
}
END_TEST

START_TEST(the_file_and_the_schema_beside_it_must_belong_together)
{
    publish(V1);
    ck_assert_int_eq(migrate("{'schema':'U','from':1,'to':2,'steps':[]}",
                             target_text(ALL, "'r'")),
                     COVE_ESTEP);
    ck_assert_ptr_nonnull(strstr(said(), "'U'"));
    ck_assert_int_eq(migrate("{'schema':'T','from':1,'to':3,'steps':[]}",
                             target_text(ALL, "'r'")),
                     COVE_ESTEP);
    ck_assert_ptr_nonnull(strstr(said(), "version 3"));
}
END_TEST

START_TEST(the_same_file_is_the_same_step_and_an_edited_one_another)
{
    struct cove_compiled first;
    const char *target =
        target_text("'c':{'type':'string'}," B "," N "," R, "'r'");

    publish(V1);
    ck_assert_int_eq(
        migrate(migration_text("{'rename':{'from':'a','to':'c'}}"), target), 0);
    first = made;
    ck_assert_int_eq(
        migrate(migration_text("{'rename':{'to':'c','from':'a'}}"), target), 0);
    ck_assert_mem_eq(&first.step, &made.step, sizeof made.step);
    ck_assert_int_eq(migrate(migration_text("{'rename':{'from':'a','to':'t'}},{"
                                            "'rename':{'from':'t','to':'c'}}"),
                             target),
                     0);
    ck_assert_mem_ne(&first.step, &made.step, sizeof made.step);
}
END_TEST

START_TEST(a_note_goes_into_the_step)
{
    struct cove_bytes note;

    publish(V1);
    ck_assert_int_eq(
        migrate("{'schema':'T','from':1,'to':2,'steps':[],'note':'why'}",
                target_text(ALL, "'r'")),
        0);
    ck_assert(cove_value_member(made.body, "note", &note));
    ck_assert(cove_bytes_equal(cove_value_text(note), cove_bytes_text("why")));
}
END_TEST

/* Compile a rename with this way back. */
static int down(const char *words)
{
    publish(V1);
    return migrate(
        cove_arena_printf(&arena,
                          "{'schema':'T','from':1,'to':2,'steps':[{'rename':"
                          "{'from':'a','to':'c'}}],'down':[%s]}",
                          words),
        target_text("'c':{'type':'string'}," B "," N "," R, "'r'"));
}

START_TEST(down_is_checked_against_the_version_before)
{
    ck_assert_int_eq(down("{'rename':{'from':'c','to':'a'}}"), 0);
    ck_assert_str_eq(ops_text(made.down),
                     "[{'op':'name','reg':'a~1','name':'a'}]");
    ck_assert_int_eq(down("{'hide':'c'}"), COVE_ESTEP);
    ck_assert_ptr_nonnull(
        strstr(said(), "'down' does not lead back: 'a' is in the version "
                       "before, 'down' lacks it"));
}
END_TEST

START_TEST(a_parent_that_is_not_active_blocks)
{
    struct cove_journal *empty = journal_of(NULL, 0);
    struct cove_journal *full;

    publish(V1);
    full = journal;
    journal = empty;
    ck_assert_int_eq(migrate(migration_text(""), target_text(ALL, "'r'")),
                     COVE_EBLOCKED);
    journal = full;
    cove_journal_free(empty);
}
END_TEST

START_TEST(a_merge_mends_a_fork)
{
    /* Two admins add a field "mail" offline; the merge makes them one. */
    const char *plain = target_text(ALL ",'mail':{'type':'string'}", "'r'");
    struct cove_bytes bodies[3];
    struct cove_step_id tips[2];
    struct cove_migration m;
    struct cove_schema_file to;
    struct cove_compile_request request = {&m, &to, NULL, tips, 2};
    struct cove_bytes parents;
    struct cove_reader r;
    const char *displaced;
    char *text;

    publish(V1);
    bodies[0] = root.body;
    ck_assert_int_eq(migrate(migration_text("{'add':'mail'}"), plain), 0);
    bodies[1] = made.body;
    tips[0] = made.step;
    ck_assert_int_eq(
        migrate(migration_text("{'add':{'field':'mail','type':'string'}}"),
                plain),
        0);
    bodies[2] = made.body;
    tips[1] = made.step;

    struct cove_journal *fork = journal_of(bodies, 3);

    /* what the merge sees, learnt from the names that the error lists */
    request.journal = fork;
    ck_assert_int_eq(
        cove_migration_read(&arena,
                            json("{'schema':'T','from':[2,'0123abcd'],'to':3,'"
                                 "steps':[{'hide':'z'}]}"),
                            "m.json", &m, &diag),
        0);
    ck_assert_uint_eq(m.from_count, 2);
    ck_assert(cove_bytes_equal(m.from[0], cove_bytes_text("2")));
    ck_assert(cove_bytes_equal(m.from[1], cove_bytes_text("0123abcd")));
    ck_assert_int_eq(
        cove_schema_file_read(
            &arena,
            json(cove_arena_printf(
                &arena,
                "{'title':'T','version':3,'required':['r'],'properties':{" ALL
                ",'mail':{'type':'string'}}}")),
            "v3", &to, &diag),
        0);
    ck_assert_int_eq(cove_compile_migration(&arena, &request, &made, &diag),
                     COVE_ENOTFOUND);
    displaced = strstr(said(), "#mail~");
    ck_assert_ptr_nonnull(displaced);
    text =
        cove_arena_printf(&arena,
                          "{'schema':'T','from':[2,2],'to':3,'steps':[{'same':{"
                          "'field':'%.14s','as':'mail'}},{'hide':'%.14s'}]}",
                          displaced, displaced);
    cove_diag_clear(&diag);
    ck_assert_int_eq(
        cove_migration_read(&arena, json(text), "m.json", &m, &diag), 0);
    ck_assert_msg(cove_compile_migration(&arena, &request, &made, &diag) == 0,
                  "%s", diag.text);
    ck_assert(cove_value_member(made.body, "parents", &parents));
    cove_reader_init(&r, parents);
    ck_assert_uint_eq(cove_reader_list(&r), 2);
    cove_journal_free(fork);
}
END_TEST

/* --- the recipe that Cove started from ---------------------------------- */

START_TEST(the_recipe_is_accepted_as_it_stands)
{
    publish(V1);
    ck_assert_msg(
        migrate(
            recipe("{'addFields':{'age':null,'p':{'type':'string','default':'d'"
                   "}},'removeFields':['b'],'transformFields':{'a':['int_of_"
                   "text'],'n':{'rename':'m'}}}",
                   "'a':{'type':'integer'},'m':{'type':'integer'},'age':{'type'"
                   ":'number'},'p':{'type':'string','default':'d'}," R),
            "") == 0,
        "%s", diag.text);
    ck_assert_str_eq(
        made_ops(),
        "[{'op':'add','reg':'a~2','name':'a','type':'int'},{'op':'conv','to':'"
        "a~2','bwd':['text_of_int'],'fwd':['int_of_text'],'from':'a~1'},{'op':'"
        "hide','reg':'a~1'},{'op':'name','reg':'n~1','name':'m'},{'op':'hide','"
        "reg':'b~1'},{'op':'x-remove','reg':'b~1'},{'op':'add','reg':'p~2','"
        "name':'p','type':'text'},{'op':'limit','reg':'p~2','default':'d'},{'"
        "op':'add','reg':'age~2','name':'age','type':'number'},{'op':'limit','"
        "reg':'age~2','default':null}]");
}
END_TEST

START_TEST(a_transform_that_nothing_undoes_is_one_way)
{
    publish(V1);
    ck_assert_msg(
        migrate(recipe("{'transformFields':{'a':['trim']}}", ALL), "") == 0,
        "%s", diag.text);
    ck_assert_ptr_nonnull(strstr(made_ops(), "'bwd':null"));
    ck_assert_msg(migrate(recipe("{'transformFields':{'a':{'to':'c','type':'"
                                 "string','forward':['trim'],'back':[]}}}",
                                 "'c':{'type':'string'}," B "," N "," R),
                          "") == 0,
                  "%s", diag.text);
    ck_assert_ptr_nonnull(strstr(made_ops(), "'bwd':[]"));
    ck_assert_ptr_nonnull(strstr(made_ops(), "'to':'c~2'"));
}
END_TEST

START_TEST(an_added_object_is_a_default_unless_it_describes_the_field)
{
    publish(V1);
    ck_assert_msg(migrate(recipe("{'addFields':{'o':{'type':'t','x':1}}}",
                                 ALL ",'o':{'type':'object'}"),
                          "") == 0,
                  "%s", diag.text);
    ck_assert_ptr_nonnull(strstr(made_ops(), "'default':{'x':1,'type':'t'}"));
}
END_TEST

static void recipe_refused(const char *script, int code, const char *words)
{
    publish(V1);
    ck_assert_int_eq(migrate(recipe(script, ALL), ""), code);
    ck_assert_msg(strstr(said(), words) != NULL, "'%s' not in '%s'", words,
                  diag.text);
}

START_TEST(a_recipe_with_a_function_text_is_refused_by_name)
{
    recipe_refused("{'transformFields':{'a':'(v) => v.trim()'}}", COVE_ESTEP,
                   "script.transformFields.a: a function cannot be stored as "
                   "data ('(v) => v.trim()')");
    recipe_refused("{'transformFields':{'a':{'forward':'function(v){return "
                   "v}','back':null}}}",
                   COVE_ESTEP, "a function cannot be stored as data");
    recipe_refused("'doc => doc'", COVE_ESTEP,
                   "a function cannot be stored as data");
}
END_TEST

START_TEST(a_recipe_of_another_form_is_refused)
{
    recipe_refused("{'addField':{}}", COVE_ESTEP, "nothing else");
    recipe_refused("{'addFields':[]}", COVE_ESTEP,
                   "script.addFields: must be an object");
    recipe_refused("{'removeFields':{}}", COVE_ESTEP,
                   "script.removeFields: must be a list of names");
    recipe_refused("{'removeFields':[1]}", COVE_ESTEP,
                   "script.removeFields: must be a list of names");
    recipe_refused("{'removeFields':['q']}", COVE_ENOTFOUND,
                   "script.removeFields.q: there is no field 'q'");
    recipe_refused("{'transformFields':{'a':{'via':1}}}", COVE_ESTEP,
                   "script.transformFields.a: must be a pipeline");
    recipe_refused("{'transformFields':{'a':{'to':'c'}}}", COVE_ESTEP,
                   "'forward' is missing");
    recipe_refused("{'transformFields':{'a':['shout']}}", COVE_ESTEP,
                   "no function 'shout'");
    recipe_refused("{'addFields':{'q':1}}", COVE_ESTEP,
                   "script.addFields.q: say the type");
    file_refused("{'fromVersion':1,'toVersion':2,'script':{}}", COVE_ESTEP,
                 "'targetSchema' is missing");
    file_refused("{'fromVersion':1,'toVersion':2,'targetSchema':'T'}",
                 COVE_ESTEP, "'script' is missing");
    file_refused("{'fromVersion':1,'toVersion':2,'targetSchema':3,'script':{}}",
                 COVE_ESTEP, "'targetSchema' must be the schema");
    file_refused(
        "{'fromVersion':0,'toVersion':2,'targetSchema':'T','script':{}}",
        COVE_ESTEP, "'fromVersion' must be a version");
    file_refused(
        "{'fromVersion':3,'toVersion':2,'targetSchema':'T','script':{}}",
        COVE_ESTEP, "only grows");
}
END_TEST

START_TEST(a_target_schema_by_name_comes_from_outside)
{
    publish(V1);
    ck_assert_int_eq(
        migrate(
            "{'fromVersion':1,'toVersion':2,'targetSchema':'T','script':{}}",
            target_text(ALL, "'r'")),
        0);
    ck_assert_int_eq(
        migrate(
            "{'fromVersion':1,'toVersion':2,'targetSchema':'U','script':{}}",
            target_text(ALL, "'r'")),
        COVE_ESTEP);
}
END_TEST

int main(void)
{
    const TTest *const all[] = {
        an_unknown_word_or_member_is_refused_with_its_place,
        an_unknown_function_is_refused_by_name,
        a_function_text_cannot_be_stored_as_data,
        a_name_that_is_not_there_is_refused_with_those_that_are,
        compute_takes_a_pattern_or_functions,
        a_name_in_use_is_refused,
        a_reserved_name_is_refused,
        a_schema_is_not_called_what_a_command_line_reads_otherwise,
        several_hidden_fields_of_a_name_must_be_told_apart,
        a_wrong_pattern_is_refused,
        a_default_of_another_type_is_refused,
        an_operation_that_would_be_inert_is_refused_with_its_word,
        every_difference_from_the_target_schema_is_named,
        many_differences_are_all_in_the_report,
        a_body_is_judged_before_anything_is_written,
        a_file_of_another_form_is_refused,
        the_file_and_the_schema_beside_it_must_belong_together,
        the_same_file_is_the_same_step_and_an_edited_one_another,
        a_note_goes_into_the_step,
        down_is_checked_against_the_version_before,
        a_parent_that_is_not_active_blocks,
        a_merge_mends_a_fork,
        the_recipe_is_accepted_as_it_stands,
        a_transform_that_nothing_undoes_is_one_way,
        an_added_object_is_a_default_unless_it_describes_the_field,
        a_recipe_with_a_function_text_is_refused_by_name,
        a_recipe_of_another_form_is_refused,
        a_target_schema_by_name_comes_from_outside,
    };
    Suite *suite = suite_create("compile_refusals");
    TCase *tests = tcase_create("compile_refusals");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    for (size_t i = 0; i < COVE_ARRAY_LEN(all); i++) {
        tcase_add_test(tests, all[i]);
    }
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
