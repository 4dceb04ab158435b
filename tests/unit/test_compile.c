/* test_compile.c: schema and migration files as steps: the root, and
 * every word. */
#include "tests/unit/compile_kit.h"

/* --- the root ----------------------------------------------------------- */

START_TEST(a_schema_becomes_registers_with_limits)
{
    struct cove_bytes item;
    char hex[COVE_HEX_LEN(32)];

    publish(V1);
    made = root;
    ck_assert_str_eq(
        made_ops(), "[{'op':'add','reg':'a~1','name':'a','type':'text'},{'op':'"
                    "add','reg':'b~1','name':'b','type':'text'},{'op':'limit','"
                    "reg':'b~1','default':'x'},{'op':'add','reg':'n~1','name':'"
                    "n','type':'int'},{'op':'add','reg':'r~1','name':'r','type'"
                    ":'text'},{'op':'limit','reg':'r~1','required':true}]");
    ck_assert(cove_value_member(root.body, "name", &item));
    ck_assert(cove_bytes_equal(cove_value_text(item), cove_bytes_text("T")));
    ck_assert(cove_value_member(root.body, "version", &item));
    ck_assert_int_eq(cove_value_int(item), 1);
    ck_assert(cove_value_member(root.body, "schema", &item));
    cove_hex(cove_bytes(file.hash.b, sizeof file.hash.b), hex);
    ck_assert(cove_bytes_equal(cove_value_text(item), cove_bytes_text(hex)));
    ck_assert(cove_value_member(root.body, "parents", &item));
    ck_assert_uint_eq(item.len, 1);
    ck_assert(!cove_value_member(root.body, "note", &item));
    ck_assert_uint_eq(root.op_count, 6);

    struct cove_step_id id = cove_step_id_of(root.body);

    ck_assert_mem_eq(&id, &root.step, sizeof id);
}
END_TEST

START_TEST(a_register_id_is_the_name_and_a_hash_of_the_file)
{
    /* The format is frozen: H("cove/register", CBOR of [file]), base32. */
    struct cove_bytes ops;
    struct cove_bytes reg;
    struct cove_reader r;
    struct cove_buf buf;
    struct cove_hash hash;
    char suffix[9];

    publish(V1);
    cove_buf_init(&buf, &cove_alloc_libc);
    ck_assert_int_eq(cove_buf_append(&buf, cove_bytes("\x81", 1)), 0);
    ck_assert_int_eq(cove_buf_append(&buf, file.cbor), 0);
    hash = cove_hash("cove/register", cove_buf_bytes(&buf));
    cove_buf_clear(&buf);
    cove_base32_8(&hash, suffix);
    ck_assert(cove_value_member(root.body, "ops", &ops));
    cove_reader_init(&r, ops);
    ck_assert_uint_eq(cove_reader_list(&r), 6);
    ck_assert(cove_value_member(cove_reader_item(&r), "reg", &reg));
    ck_assert(cove_bytes_equal(
        cove_value_text(reg),
        cove_bytes_text(cove_arena_printf(&arena, "a~%s", suffix))));
}
END_TEST

START_TEST(layout_of_a_file_does_not_change_its_step)
{
    struct cove_compiled first;
    char *spaced = cove_arena_printf(&arena, " %s\n", V1);

    publish(V1);
    first = root;
    publish(spaced);
    ck_assert_int_eq(memcmp(&first.step, &root.step, sizeof root.step), 0);
}
END_TEST

START_TEST(a_long_name_is_cut_between_characters_and_stays_its_own_register)
{
    char name[2][100] = {"", ""};
    struct cove_bytes ops;
    struct cove_reader r;
    struct cove_bytes reg[2];

    for (int i = 0; i < 28; i++) { /* 56 bytes: the 28th does not fit whole */
        strcat(name[0], "ä");
        strcat(name[1], "ä");
    }
    strcat(name[0], "1");
    strcat(name[1], "2");
    publish(cove_arena_printf(&arena,
                              "{'title':'L','properties':{'%s':{},'%s':{}}}",
                              name[0], name[1]));
    ck_assert(cove_value_member(root.body, "ops", &ops));
    cove_reader_init(&r, ops);
    ck_assert_uint_eq(cove_reader_list(&r), 2);
    for (size_t i = 0; i < 2; i++) {
        ck_assert(cove_value_member(cove_reader_item(&r), "reg", &reg[i]));
        reg[i] = cove_value_text(reg[i]);
        ck_assert_uint_eq(reg[i].len, 54 + 9);
        ck_assert_mem_eq(reg[i].at, name[i], 54);
        ck_assert_int_eq(reg[i].at[54], '~');
    }
    ck_assert(!cove_bytes_equal(reg[0], reg[1]));
}
END_TEST

static void schema_refused(const char *schema, int code, const char *words)
{
    struct cove_schema_file got = {0};
    struct cove_compiled out;
    int rc;

    cove_diag_clear(&diag);
    rc = cove_schema_file_read(&arena, json(schema), "s.json", &got, &diag);
    if (rc == 0) {
        rc = cove_compile_root(&arena, &got, &out, &diag);
    }
    ck_assert_msg(rc == code, "%s: %d %s", schema, rc, diag.text);
    ck_assert_msg(strstr(said(), words) != NULL, "'%s' not in '%s'", words,
                  diag.text);
}

START_TEST(a_schema_that_cannot_be_published_is_refused_by_name)
{
    schema_refused("{'title':", COVE_EJSON, "s.json");
    schema_refused("{'title':'T','patern':'a'}", COVE_EKEYWORD,
                   "/patern: 'patern' is no keyword, and would be carried as a "
                   "note; did you mean 'pattern'?");
    schema_refused("{}", COVE_EFORMAT, "title");
    schema_refused("true", COVE_EFORMAT, "type object");
    schema_refused("{'title':'T','type':'array'}", COVE_EFORMAT, "type object");
    schema_refused("{'title':'T','required':['q']}", COVE_EFORMAT,
                   "no property 'q'");
    schema_refused("{'title':'T','properties':{'':{}}}", COVE_ERESERVED,
                   "empty name");
    schema_refused("{'title':'T','properties':{'#a':{}}}", COVE_ERESERVED,
                   "'#a'");
    schema_refused("{'title':'T','properties':{'$ref':{}}}", COVE_ERESERVED,
                   "'$ref'");
    schema_refused(
        "{'title':'T','properties':{'a':{'type':'integer','default':'x'}}}",
        COVE_ESCHEMA, "default of 'a'");
    schema_refused("{'title':'T','version':2}", COVE_EFORMAT,
                   "version 2 cannot be the first");
}
END_TEST

START_TEST(a_schema_beyond_the_limits_is_refused)
{
    struct cove_buf buf;

    cove_buf_init(&buf, &cove_alloc_libc);
    ck_assert_int_eq(cove_buf_append(&buf, json("{'title':'T','properties':{")),
                     0);
    for (int i = 0; i < 257; i++) {
        ck_assert_int_eq(
            cove_buf_append(
                &buf, cove_bytes_text(cove_arena_printf(&arena, "%s'f%d':{}",
                                                        i > 0 ? "," : "", i))),
            0);
    }
    ck_assert_int_eq(cove_buf_append(&buf, cove_bytes("}}", 3)), 0);
    schema_refused((const char *)buf.at, COVE_ELIMIT, "256 operations");
    cove_buf_clear(&buf);

    char *name = cove_arena_new(&arena, 257);

    memset(name, 'n', 256);
    schema_refused(
        cove_arena_printf(&arena, "{'title':'T','properties':{'%s':{}}}", name),
        COVE_ELIMIT, "255 bytes");

    char *big = cove_arena_new(&arena, COVE_MAX_SCHEMA + 2);

    memset(big, ' ', COVE_MAX_SCHEMA + 1);
    schema_refused(big, COVE_ELIMIT, "60000 bytes");
}
END_TEST

START_TEST(a_default_of_null_is_no_broken_default)
{
    publish(
        "{'title':'T','properties':{'age':{'type':'number','default':null}}}");
    made = root;
    ck_assert_ptr_nonnull(strstr(made_ops(), "'default':null"));
}
END_TEST

/* --- words -------------------------------------------------------------- */

START_TEST(rename_names_the_register_anew)
{
    gives("{'rename':{'from':'a','to':'c'}}",
          "'c':{'type':'string'}," B "," N "," R, "'r'",
          "[{'op':'name','reg':'a~1','name':'c'}]");
}
END_TEST

START_TEST(names_can_be_exchanged)
{
    gives("{'rename':{'from':'a','to':'t'}},{'rename':{'from':'n','to':'a'}},{'"
          "rename':{'from':'t','to':'n'}}",
          "'n':{'type':'string'},'a':{'type':'integer'}," B "," R, "'r'",
          "[{'op':'name','reg':'a~1','name':'t'},{'op':'name','reg':'n~1','"
          "name':'a'},{'op':'name','reg':'a~1','name':'n'}]");
}
END_TEST

START_TEST(hide_hides)
{
    gives("{'hide':'a'}", B "," N "," R, "'r'", "[{'op':'hide','reg':'a~1'}]");
    gives("{'hide':{'field':'a'}}", B "," N "," R, "'r'",
          "[{'op':'hide','reg':'a~1'}]");
}
END_TEST

START_TEST(remove_hides_and_marks_for_compaction)
{
    gives("{'remove':'a'}", B "," N "," R, "'r'",
          "[{'op':'hide','reg':'a~1'},{'op':'x-remove','reg':'a~1'}]");
}
END_TEST

START_TEST(show_shows_what_was_hidden)
{
    gives("{'hide':'a'},{'show':'a'}", A "," B "," N "," R, "'r'",
          "[{'op':'hide','reg':'a~1'},{'op':'show','reg':'a~1'}]");
    gives("{'hide':'a'},{'show':{'field':'a','as':'old'}}",
          "'old':{'type':'string'}," B "," N "," R, "'r'",
          "[{'op':'hide','reg':'a~1'},{'op':'show','reg':'a~1'},{'op':'name','"
          "reg':'a~1','name':'old'}]");
}
END_TEST

START_TEST(show_finds_what_an_earlier_version_hid)
{
    struct cove_bytes bodies[2];
    struct cove_step_id parent;

    publish(V1);
    ck_assert_int_eq(
        migrate(migration_text("{'rename':{'from':'a','to':'c'}},{'hide':'c'}"),
                target_text(B "," N "," R, "'r'")),
        0);
    bodies[0] = root.body;
    bodies[1] = made.body;
    parent = made.step;

    struct cove_journal *two = journal_of(bodies, 2);
    struct cove_migration m;
    struct cove_schema_file to;
    struct cove_compile_request request = {&m, &to, two, &parent, 1};

    ck_assert_int_eq(
        cove_migration_read(
            &arena,
            json("{'schema':'T','from':2,'to':3,'steps':[{'show':'c'}]}"),
            "m.json", &m, &diag),
        0);
    ck_assert_int_eq(
        cove_schema_file_read(
            &arena,
            json(cove_arena_printf(
                &arena, "{'title':'T','version':3,'required':['r'],'properties'"
                        ":{'c':{'type':'string'}," B "," N "," R "}}")),
            "v3.json", &to, &diag),
        0);
    ck_assert_msg(cove_compile_migration(&arena, &request, &made, &diag) == 0,
                  "%s", diag.text);
    ck_assert_str_eq(made_ops(), "[{'op':'show','reg':'a~1'}]");
    cove_journal_free(two);
}
END_TEST

START_TEST(add_takes_from_the_target_schema_what_it_does_not_say)
{
    const char *ops = "[{'op':'add','reg':'p~2','name':'p','type':'text'},{'op'"
                      ":'limit','reg':'p~2','default':'d','required':true}]";
    const char *target =
        A "," B "," N "," R ",'p':{'type':'string','default':'d'}";

    gives("{'add':'p'}", target, "'r','p'", ops);
    gives("{'add':{'field':'p','type':'string','default':'d','required':true}}",
          target, "'r','p'", ops);
    gives("{'add':'p'}", A "," B "," N "," R ",'p':{}", "'r'",
          "[{'op':'add','reg':'p~2','name':'p','type':'any'}]");
}
END_TEST

START_TEST(a_limit_repeats_what_stays)
{
    gives("{'default':{'field':'r','value':'d'}}",
          A "," B "," N ",'r':{'type':'string','default':'d'}", "'r'",
          "[{'op':'limit','reg':'r~1','default':'d','required':true}]");
    gives("{'default':{'field':'b','drop':true}}",
          A ",'b':{'type':'string'}," N "," R, "'r'",
          "[{'op':'limit','reg':'b~1'}]");
    gives("{'require':'b'}", A "," B "," N "," R, "'b','r'",
          "[{'op':'limit','reg':'b~1','default':'x','required':true}]");
    gives("{'require':{'field':'n','default':7}}",
          A "," B ",'n':{'type':'integer','default':7}," R, "'n','r'",
          "[{'op':'limit','reg':'n~1','default':7,'required':true}]");
    gives("{'optional':'r'}", A "," B "," N "," R, "",
          "[{'op':'limit','reg':'r~1'}]");
    gives("{'require':'b'},{'optional':'b'}", A "," B "," N "," R, "'r'",
          "[{'op':'limit','reg':'b~1','default':'x','required':true},{'op':'"
          "limit','reg':'b~1','default':'x'}]");
}
END_TEST

START_TEST(convert_links_a_new_register_and_hides_the_old)
{
    /* the name stays, the type is the target schema's */
    gives("{'convert':{'field':'a','forward':['int_of_text'],'back':['text_of_"
          "int']}}",
          "'a':{'type':'integer'}," B "," N "," R, "'r'",
          "[{'op':'add','reg':'a~2','name':'a','type':'int'},{'op':'conv','to':"
          "'a~2','bwd':['text_of_int'],'fwd':['int_of_text'],'from':'a~1'},{'"
          "op':'hide','reg':'a~1'}]");
    /* another name; one-way; required as the target schema says */
    gives("{'convert':{'field':'r','to':{'name':'q','type':'string'},'forward':"
          "['trim'],'back':null}}",
          A "," B "," N ",'q':{'type':'string'}", "'q'",
          "[{'op':'add','reg':'q~2','name':'q','type':'text'},{'op':'limit','"
          "reg':'q~2','required':true},{'op':'conv','to':'q~2','bwd':null,'fwd'"
          ":['trim'],'from':'r~1'},{'op':'hide','reg':'r~1'}]");
    gives("{'convert':{'field':'n','to':'m','forward':[]}}",
          A "," B ",'m':{'type':'integer'}," R, "'r'",
          "[{'op':'add','reg':'m~2','name':'m','type':'int'},{'op':'conv','to':"
          "'m~2','bwd':[],'fwd':[],'from':'n~1'},{'op':'hide','reg':'n~1'}]");
}
END_TEST

static void back_is(const char *forward, const char *type, const char *back)
{
    char *steps = cove_arena_printf(
        &arena, "{'convert':{'field':'a','forward':%s}}", forward);
    char *target =
        cove_arena_printf(&arena, "'a':{'type':'%s'}," B "," N "," R, type);

    publish(V1);
    ck_assert_msg(migrate(migration_text(steps), target_text(target, "'r'")) ==
                      0,
                  "%s", diag.text);
    ck_assert_msg(strstr(made_ops(),
                         cove_arena_printf(&arena, "'bwd':%s,", back)) != NULL,
                  "%s: %s", forward, made_ops());
}

START_TEST(the_way_back_is_derived_where_it_is_certain)
{
    back_is("['int_of_text']", "integer", "['text_of_int']");
    back_is("['int_of_text',{'mul':256},{'add':-3}]", "integer",
            "[{'add':3},{'div':256},'text_of_int']");
    back_is("['int_of_text',{'div':-7}]", "integer",
            "[{'mul':-7},'text_of_int']");
    back_is("['int_of_text','bool_of_int']", "boolean",
            "['int_of_bool','text_of_int']");
    back_is("[{'split_list':','}]", "array", "[{'join_list':','}]");
    back_is("[{'split_list':','},{'join_list':';'}]", "string",
            "[{'split_list':';'},{'join_list':','}]");
    back_is("[{'wrap':'v'}]", "object", "[{'pick':'v'}]");
    back_is("[{'table':[['y',true],['n',false]]}]", "boolean",
            "[{'table':[[true,'y'],[false,'n']]}]");
    back_is("['ms_of_date','float_of_int']", "number",
            "['int_of_float','date_of_ms']");
    back_is("['int_of_text','iso_of_ms',{'prefix':'at '}]", "string",
            "[{'drop_prefix':'at '},'ms_of_iso','text_of_int']");
    back_is("['int_of_text',{'decimal_of_int':2},{'suffix':' EUR'}]", "string",
            "[{'drop_suffix':' EUR'},{'int_of_decimal':2},'text_of_int']");
    back_is("[{'split_list':','},'reverse',{'each':['int_of_text',{'mul':2}]}]",
            "array",
            "[{'each':[{'div':2},'text_of_int']},'reverse',{'join_list':','}]");
    back_is("[{'wrap':'a'},{'update':[['a'],['int_of_text']]},"
            "{'rename':['a','b']}]",
            "object",
            "[{'rename':['b','a']},{'update':[['a'],['text_of_int']]},"
            "{'pick':'a'}]");
}
END_TEST

START_TEST(the_way_back_must_be_said_where_it_is_not_certain)
{
    static const char *const pipes[] = {
        "['trim']",
        "['lower']",
        "['int_of_text','upper']",
        "[{'const':1}]",
        "[{'pick':'v'}]",
        "['int_of_text',{'mul':0}]",
        "['int_of_text',{'add':-9223372036854775808}]",
        "[{'table':[['y',1],['Y',1]]}]",
        "[{'table':[['y',1],['y',2]]}]",
        "['ms_of_iso']", /* a time has many texts */
        "[{'int_of_decimal':2}]",
        "[{'split_list':','},{'each':['trim']}]",
        "[{'replace':['a','b']}]",
        "[{'wrap':'a'},{'update':[['a'],['lower']]}]",
        "[{'when':[['else',[]]]}]",
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(pipes); i++) {
        refuses(cove_arena_printf(
                    &arena, "{'convert':{'field':'a','forward':%s}}", pipes[i]),
                A "," B "," N "," R, COVE_ESTEP, "say 'back'");
    }
}
END_TEST

START_TEST(split_divides_a_text)
{
    gives("{'split':{'field':'a','into':['x','y'],'pattern':['',' "
          "<','>'],'lenient':true}}",
          "'x':{'type':'string'},'y':{}," B "," N "," R, "'r'",
          "[{'op':'add','reg':'x~2','name':'x','type':'text'},{'op':'add','reg'"
          ":'y~2','name':'y','type':'any'},{'op':'comp','lits':['',' "
          "<','>'],'parts':['x~2','y~2'],'whole':'a~1','lenient':true},{'op':'"
          "hide','reg':'a~1'}]");
    /* a part may take the whole's name */
    gives("{'split':{'field':'a','into':['a','z'],'pattern':['',' ','']}}",
          A ",'z':{'type':'string'}," B "," N "," R, "'r'",
          "[{'op':'add','reg':'a~2','name':'a','type':'text'},{'op':'add','reg'"
          ":'z~2','name':'z','type':'text'},{'op':'comp','lits':['',' "
          "',''],'parts':['a~2','z~2'],'whole':'a~1'},{'op':'hide','reg':'a~1'}"
          "]");
}
END_TEST

START_TEST(join_makes_one_text)
{
    gives("{'join':{'fields':['a','b'],'into':'a','pattern':['',' ','']}}",
          A "," N "," R, "'r'",
          "[{'op':'add','reg':'a~2','name':'a','type':'text'},{'op':'comp','"
          "lits':['',' "
          "',''],'parts':['a~1','b~1'],'whole':'a~2'},{'op':'hide','reg':'a~1'}"
          ",{'op':'hide','reg':'b~1'}]");
}
END_TEST

START_TEST(compute_derives_a_text)
{
    gives(
        "{'compute':{'field':'label','from':['a','n'],'pattern':['','','!']}}",
        A "," B "," N "," R ",'label':{'type':'string'}", "'r'",
        "[{'op':'add','reg':'label~2','name':'label','type':'text'},{'op':'"
        "calc','out':'label~2','deps':['a~1','n~1'],'lits':['','','!']}]");
}
END_TEST

START_TEST(compute_derives_a_value_by_functions)
{
    gives("{'compute':{'field':'sum','from':['n','a'],'fn':[{'pick':'n'}]}}",
          A "," B "," N "," R ",'sum':{'type':'integer'}", "'r'",
          "[{'op':'add','reg':'sum~2','name':'sum','type':'int'},{'fn':[{'pick'"
          ":'n'}],'op':'derive','out':'sum~2','deps':['n~1','a~1'],'names':['n'"
          ",'a']}]");
    gives("{'compute':{'field':'sum','from':['n'],'fn':[],'type':'object'}}",
          A "," B "," N "," R ",'sum':{'type':'object'}", "'r'",
          "[{'op':'add','reg':'sum~2','name':'sum','type':'object'},{'fn':[],'"
          "op':'derive','out':'sum~2','deps':['n~1'],'names':['n']}]");
}
END_TEST

START_TEST(same_makes_two_fields_one)
{
    gives("{'same':{'field':'a','as':'b'}},{'hide':'a'}", B "," N "," R, "'r'",
          "[{'op':'alias','to':'b~1','from':'a~1'},{'op':'hide','reg':'a~1'}]");
}
END_TEST

START_TEST(words_build_on_each_other)
{
    gives(
        "{'split':{'field':'a','into':['x','t'],'pattern':['','/"
        "','']}},{'convert':{'field':'t','to':'y','forward':['int_of_text']}}",
        "'x':{'type':'string'},'y':{'type':'integer'}," B "," N "," R, "'r'",
        "[{'op':'add','reg':'x~2','name':'x','type':'text'},{'op':'add','reg':'"
        "t~2','name':'t','type':'text'},{'op':'comp','lits':['','/"
        "',''],'parts':['x~2','t~2'],'whole':'a~1'},{'op':'hide','reg':'a~1'},{"
        "'op':'add','reg':'y~2','name':'y','type':'int'},{'op':'conv','to':'y~"
        "2','bwd':['text_of_int'],'fwd':['int_of_text'],'from':'t~2'},{'op':'"
        "hide','reg':'t~2'}]");
}
END_TEST

START_TEST(no_words_lead_to_a_version_of_the_same_fields)
{
    gives("", A "," B "," N "," R, "'r'", "[]");
}
END_TEST

int main(void)
{
    const TTest *const all[] = {
        a_schema_becomes_registers_with_limits,
        a_register_id_is_the_name_and_a_hash_of_the_file,
        layout_of_a_file_does_not_change_its_step,
        a_long_name_is_cut_between_characters_and_stays_its_own_register,
        a_schema_that_cannot_be_published_is_refused_by_name,
        a_schema_beyond_the_limits_is_refused,
        a_default_of_null_is_no_broken_default,
        rename_names_the_register_anew,
        names_can_be_exchanged,
        hide_hides,
        remove_hides_and_marks_for_compaction,
        show_shows_what_was_hidden,
        show_finds_what_an_earlier_version_hid,
        add_takes_from_the_target_schema_what_it_does_not_say,
        a_limit_repeats_what_stays,
        convert_links_a_new_register_and_hides_the_old,
        the_way_back_is_derived_where_it_is_certain,
        the_way_back_must_be_said_where_it_is_not_certain,
        split_divides_a_text,
        join_makes_one_text,
        compute_derives_a_text,
        compute_derives_a_value_by_functions,
        same_makes_two_fields_one,
        words_build_on_each_other,
        no_words_lead_to_a_version_of_the_same_fields,
    };
    Suite *suite = suite_create("compile");
    TCase *tests = tcase_create("compile");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    for (size_t i = 0; i < COVE_ARRAY_LEN(all); i++) {
        tcase_add_test(tests, all[i]);
    }
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
