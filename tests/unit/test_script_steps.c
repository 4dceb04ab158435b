/* Scripts as functions of steps: in conversions both ways, and of several
 * fields at once. A verdict by fuel is a fact, one by memory is none. */
#include "cove/error.h"
#include "schema/script.h"
#include "schema/step.h"
#include "tests/unit/world.h"

static struct world w;

static void set_up(void)
{
    world_init(&w);
}

static void tear_down(void)
{
    world_clear(&w);
}

#define LIMITS      "'fuel':20000,'memory':100000"
#define LUA(source) "{'lua':{'source':'" source "'," LIMITS "}}"

#define NUMBERED                                                               \
    "[{'op':'add','reg':'n~2','name':'n','type':'any'},"                       \
    "{'op':'conv','from':'n','to':'n~2','fwd':[" LUA(                          \
        "if value < 0 then error([[negative]]) end "                           \
        "if value == 7 then while true do end end "                            \
        "if value == 8 then local t = {} for i = 1, 6000 do t[i] = {} end "    \
        "end "                                                                 \
        "return tostring(value * 2)") "],'bwd':[" LUA("return "                \
                                                      "tonumber(value) // 2") "]},{'op':'hide','reg':'n'}]"

static void numbers(int64_t first)
{
    world_step(&w, -1, "[{'op':'add','reg':'n','name':'n','type':'int'}]");
    world_step(&w, 0, NUMBERED);
    world_write(&w, 0, 1, "n", cove_arena_printf(&w.arena, "%d", (int)first));
}

START_TEST(a_script_converts_both_ways)
{
    numbers(21);
    ck_shows(&w, 1, "n='42'");
    ck_due(&w, 1, "n~2='42'<n~2@1");
    world_write(&w, 1, 2, "n~2", "'100'");
    ck_shows(&w, 0, "n=50");
    world_write(&w, 1, 3, "n~2", "null");
    ck_shows(&w, 0, "n=null");
}
END_TEST

START_TEST(what_a_script_refuses_is_invalid_and_raw_and_so_is_what_eats_fuel)
{
    numbers(-3);
    ck_shows(&w, 1, "n=!-3");
    ck_due(&w, 1, "");
    world_write(&w, 0, 2, "n", "7");
    ck_shows(&w, 1, "n=!7");
    world_write(&w, 1, 3, "n~2", "'no number'");
    ck_shows(&w, 0, "n=!'no number'");
}
END_TEST

static void open_look(struct cove_field *field, bool *is_open)
{
    struct world_head h;
    struct cove_due *due;
    size_t count;

    world_look(&w, 1, &h);
    ck_assert_int_eq(cove_view_field(&h.view, 0, field), 0);
    ck_assert_int_eq(cove_view_due(&h.view, &due, &count), 0);
    ck_assert_uint_eq(count, 0);
    *is_open = h.view.open;
    ck_assert(cove_cell_is_open(field->cell) == h.view.open);
    world_look_away(&h);
}

START_TEST(what_ran_out_of_memory_is_no_fact_and_nothing_is_settled_by_it)
{
    struct cove_field field;
    bool is_open;

    numbers(8);
    open_look(&field, &is_open);
    ck_assert(is_open);
    ck_assert_int_eq(field.cell.kind, COVE_INVALID);
    world_write(&w, 0, 2, "n", "-8");
    open_look(&field, &is_open);
    ck_assert(!is_open); /* that it threw is a fact */
}
END_TEST

#define FULL_OF_TWO                                                            \
    "[{'op':'add','reg':'g','name':'given','type':'text'},"                    \
    "{'op':'add','reg':'f','name':'family','type':'text'},"                    \
    "{'op':'add','reg':'n','name':'age','type':'int'},"                        \
    "{'op':'add','reg':'full','name':'full','type':'text'},"                   \
    "{'op':'derive','out':'full','deps':['g','f','n'],"                        \
    "'names':['given','family','age'],'fn':[" LUA(                             \
        "local name = (value.given or [[?]]) .. [[ ]] .. (value.family or "    \
        "[[?]]) if value.age then name = name .. [[, ]] .. value.age end "     \
        "return name") "]}]"

START_TEST(a_script_makes_a_field_of_several_and_names_their_writes)
{
    world_step(&w, -1, FULL_OF_TWO);
    ck_shows(&w, 0, "");
    world_write(&w, 0, 1, "g", "'Ada'");
    ck_shows(&w, 0, "full='Ada ?' given='Ada'");
    world_write(&w, 0, 2, "f", "'King'");
    world_write(&w, 0, 3, "n", "36");
    ck_shows(&w, 0, "age=36 family='King' full='Ada King, 36' given='Ada'");
    ck_due(&w, 0, "full='Ada King, 36'<f@2,g@1,n@3");
    world_write(&w, 0, 4, "full", "'The Countess'");
    ck_shows(&w, 0, "age=36 family='King' full='The Countess' given='Ada'");
    world_write(&w, 0, 5, "f", "'Lovelace'");
    ck_shows(&w, 0,
             "age=36 family='Lovelace' full='Ada Lovelace, 36' given='Ada'");
}
END_TEST

static void form(const char *pipe, bool known)
{
    struct cove_bytes cbor = world_json(&w, pipe);

    ck_assert_msg((cove_fn_known(cbor) || cove_fn_needs_lua(cbor)) == known,
                  "%s", pipe);
    ck_assert(cove_fn_known(cbor) == (known && cove_script_built()));
}

START_TEST(the_form_of_a_script_is_exact)
{
    form("[" LUA("return value") "]", true);
    form("['trim'," LUA("return value") ",'upper']", true);
    form("[{'lua':'return value'}]", false);
    form("[{'lua':{'source':'return value','fuel':1,'memory':65536}}]", true);
    form("[{'lua':{'source':'return value','fuel':0,'memory':65536}}]", false);
    form("[{'lua':{'source':'return value','fuel':1000001,'memory':65536}}]",
         false);
    form("[{'lua':{'source':'return value','fuel':1,'memory':65535}}]", false);
    form("[{'lua':{'source':'return value','fuel':1,'memory':16777217}}]",
         false);
    form("[{'lua':{'source':'return value','fuel':1}}]", false);
    form("[{'lua':{'source':'return value','fuel':1,'memory':65536,'x':1}}]",
         false);
    form("[{'lua':{'source':'','fuel':1,'memory':65536}}]", false);
    form("[{'lua':{'source':5,'fuel':1,'memory':65536}}]", false);
    form("[{'lua':{'source':'return 2^2','fuel':1,'memory':65536}}]", false);
    /* not inside another function, and few */
    form("[{'each':[" LUA("return value") "]}]", false);
    form("[" LUA("return 1") "," LUA("return 2") "," LUA("return 3") "," LUA(
             "return 4") "]",
         true);
    form("[" LUA("return 1") "," LUA("return 2") "," LUA("return 3") "," LUA(
             "return 4") "," LUA("return 5") "]",
         false);
    ck_assert(
        cove_fn_is_script(world_json(&w, "['trim'," LUA("return value") "]")) ==
        cove_script_built());
    ck_assert(!cove_fn_is_script(world_json(&w, "['trim']")));
}
END_TEST

START_TEST(a_build_without_lua_leaves_the_step_pending_and_says_why)
{
    struct cove_step_op op;
    struct cove_diag diag = {0};
    int err = cove_step_op_read(
        world_json(&w, "{'op':'conv','from':'a','to':'b','fwd':[" LUA(
                           "return value") "],'bwd':null}"),
        &op, &diag);

    ck_assert_int_eq(err, cove_script_built() ? 0 : COVE_EUNSUPPORTED);
    ck_assert(cove_script_built() ||
              strstr(diag.text, "needs Lua: this build was made without it "
                                "(meson's option scripts)") != NULL);
}
END_TEST

START_TEST(a_script_that_does_not_compile_makes_every_value_invalid)
{
    world_step(&w, -1, "[{'op':'add','reg':'n','name':'n','type':'int'}]");
    world_step(&w, 0,
               "[{'op':'add','reg':'n~2','name':'n','type':'any'},"
               "{'op':'conv','from':'n','to':'n~2','fwd':[" LUA(
                   "return return") "],'bwd':null},{'op':'hide','reg':'n'}]");
    world_write(&w, 0, 1, "n", "1");
    ck_shows(&w, 1, "n=!1");
}
END_TEST

START_TEST(a_call_says_why_it_failed)
{
    struct cove_cell in = {COVE_PRESENT, world_json(&w, "5")};
    struct cove_cell out;
    struct cove_diag diag = {0};

    ck_assert_int_eq(
        cove_fn_call_by(NULL, &w.arena,
                        world_json(&w, "[" LUA("error([[too small]])") "]"), in,
                        &out, &diag),
        0);
    ck_assert_int_eq(out.kind, COVE_INVALID);
    ck_assert_str_eq(diag.text, "the script failed: line 1: too small");
    cove_diag_clear(&diag);
    ck_assert_int_eq(cove_fn_call_by(NULL, &w.arena,
                                     world_json(&w, "[" LUA("return") "]"), in,
                                     &out, &diag),
                     0);
    ck_assert_int_eq(out.kind, COVE_INVALID);
    ck_assert_str_eq(diag.text, "the script returned nothing");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("script steps");
    TCase *t = tcase_create("script steps");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, the_form_of_a_script_is_exact);
    tcase_add_test(t, a_build_without_lua_leaves_the_step_pending_and_says_why);
    if (cove_script_built()) {
        tcase_add_test(t, a_script_converts_both_ways);
        tcase_add_test(
            t,
            what_a_script_refuses_is_invalid_and_raw_and_so_is_what_eats_fuel);
        tcase_add_test(
            t, what_ran_out_of_memory_is_no_fact_and_nothing_is_settled_by_it);
        tcase_add_test(
            t, a_script_makes_a_field_of_several_and_names_their_writes);
        tcase_add_test(
            t, a_script_that_does_not_compile_makes_every_value_invalid);
        tcase_add_test(t, a_call_says_why_it_failed);
    }
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return harness_run(suite());
}
