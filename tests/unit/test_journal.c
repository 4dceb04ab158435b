#include "schema/journal.h"

#include "cove/error.h"
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

static int judge(const char *body, struct cove_diag *diag)
{
    cove_diag_clear(diag);
    return cove_step_check(&w.arena, world_json(&w, body), diag);
}

/* Malformed, and the sentence says what and where. */
static void ck_refused(const char *body, const char *because)
{
    struct cove_diag diag;

    ck_assert_msg(judge(body, &diag) == COVE_ESTEP, "%s", body);
    ck_assert_msg(strstr(diag.text, because) != NULL, "%s: \"%s\"", body,
                  diag.text);
    ck_assert_int_eq(cove_step_check(&w.arena, world_json(&w, body), NULL),
                     COVE_ESTEP);
}

static void ck_op_refused(const char *op, const char *because)
{
    ck_refused(cove_arena_printf(&w.arena,
                                 "{'parents':[],'ops':[{'op':'x-a'},%s]}", op),
               "op 1");
    ck_refused(cove_arena_printf(&w.arena,
                                 "{'parents':[],'ops':[{'op':'x-a'},%s]}", op),
               because);
}

static void ck_accepted(const char *body)
{
    struct cove_diag diag;

    ck_assert_msg(judge(body, &diag) == 0, "%s: %s", body, diag.text);
}

static void ck_op_accepted(const char *op)
{
    ck_accepted(cove_arena_printf(&w.arena, "{'parents':[],'ops':[%s]}", op));
}

START_TEST(a_body_has_exactly_the_members_of_a_body)
{
    ck_accepted("{'parents':[],'ops':[]}");
    ck_accepted("{'parents':['p'],'ops':[],'name':'N','version':-3,"
                "'schema':'ff','note':''}");
    ck_refused("[]", "no object");
    ck_refused("null", "no object");
    ck_refused("{'ops':[]}", "\"parents\"");
    ck_refused("{'parents':[]}", "\"ops\"");
    ck_refused("{'parents':'p','ops':[]}", "\"parents\"");
    ck_refused("{'parents':[1],'ops':[]}", "\"parents\"");
    ck_refused("{'parents':['a','b','a'],'ops':[]}", "named twice");
    ck_refused("{'parents':[],'ops':{}}", "\"ops\"");
    ck_refused("{'parents':[],'ops':[],'name':1}", "\"name\"");
    ck_refused("{'parents':[],'ops':[],'schema':[]}", "\"schema\"");
    ck_refused("{'parents':[],'ops':[],'note':null}", "\"note\"");
    ck_refused("{'parents':[],'ops':[],'version':1.0}", "\"version\"");
    ck_refused("{'parents':[],'ops':[],'version':true}", "\"version\"");
    ck_refused("{'parents':[],'ops':[],'extra':1}", "no body has");
}
END_TEST

START_TEST(an_op_has_exactly_the_members_of_its_kind)
{
    ck_op_accepted("{'op':'add','reg':'','name':'','type':'any'}");
    ck_op_accepted("{'op':'limit','reg':'a'}");
    ck_op_accepted("{'op':'limit','reg':'a','default':null,'required':true}");
    ck_op_accepted("{'op':'alias','from':'a','to':'b'}");
    ck_op_accepted("{'op':'conv','from':'a','to':'b','fwd':[],'bwd':null}");
    ck_op_accepted("{'op':'calc','out':'a','deps':['b','b'],"
                   "'lits':['','','']}");
    ck_op_refused("5", "no object");
    ck_op_refused("{}", "\"op\" is missing");
    ck_op_refused("{'op':5}", "\"op\" is missing");
    ck_op_refused("{'op':'nosuch'}", "does not know the op \"nosuch\"");
    ck_op_refused("{'op':'hide'}", "hide: \"reg\" is missing");
    ck_op_refused("{'op':'hide','reg':5}", "hide: \"reg\" is no text");
    ck_op_refused("{'op':'show','reg':'a','to':'b'}", "has no \"to\"");
    ck_op_refused("{'op':'show','reg':'a','xyz':1}", "show: a member");
    ck_op_refused("{'op':'add','reg':'a','name':'a'}", "\"type\" is missing");
    ck_op_refused("{'op':'add','reg':'a','name':'a','type':'uuid'}",
                  "\"type\" is no type");
    ck_op_refused("{'op':'name','reg':'a','name':'#a'}", "begins with '#'");
    ck_op_refused("{'op':'limit','reg':'a','required':1}",
                  "\"required\" is no bool");
    ck_op_refused("{'op':'alias','from':'a'}", "alias: \"to\" is missing");
    ck_op_refused("{'op':'conv','from':'a','to':'b','fwd':[]}",
                  "\"bwd\" is missing");
    ck_op_refused("{'op':'conv','from':'a','to':'b','fwd':null,'bwd':null}",
                  "\"fwd\" is no list of known functions");
    ck_op_refused("{'op':'conv','from':'a','to':'b','fwd':[],'bwd':['x']}",
                  "\"bwd\" is no list of known functions");
}
END_TEST

START_TEST(templates_have_one_literal_more_than_parts)
{
    ck_op_accepted("{'op':'comp','whole':'w','parts':['a','b'],"
                   "'lits':['','-',''],'lenient':true}");
    ck_op_accepted("{'op':'comp','whole':'w','parts':['a'],'lits':['','']}");
    ck_op_refused("{'op':'comp','whole':'w','parts':[],'lits':['','']}",
                  "\"parts\" is no list of registers");
    ck_op_refused("{'op':'comp','whole':'w','parts':['a'],'lits':['']}",
                  "\"lits\" is no list of two");
    ck_op_refused("{'op':'comp','whole':'w','parts':['a','b'],'lits':['','']}",
                  "not one more");
    ck_op_refused("{'op':'comp','whole':'w','parts':['a','b'],"
                  "'lits':['','','']}",
                  "inner text");
    ck_op_refused("{'op':'comp','whole':'w','parts':['a','b','a'],"
                  "'lits':['','-','-','']}",
                  "named twice");
    ck_op_refused("{'op':'comp','whole':'w','parts':['a'],'lits':['',''],"
                  "'lenient':1}",
                  "\"lenient\" is no bool");
    ck_op_refused("{'op':'calc','out':'w','deps':['a'],'lits':['','','']}",
                  "not one more");
    ck_op_refused("{'op':'calc','out':'w','deps':[5],'lits':['','']}",
                  "\"deps\" is no list of registers");
}
END_TEST

START_TEST(a_derive_has_a_name_for_each_register_and_known_functions)
{
    ck_op_accepted("{'op':'derive','out':'w','deps':['a','a'],"
                   "'names':['x','y'],'fn':[{'pick':'x'}]}");
    ck_op_accepted("{'op':'derive','out':'w','deps':['a'],'names':['x'],"
                   "'fn':[]}");
    ck_op_refused("{'op':'derive','out':'w','deps':['a'],'names':['x']}",
                  "derive: \"fn\" is missing");
    ck_op_refused("{'op':'derive','out':'w','deps':['a'],'fn':[]}",
                  "\"names\" is missing");
    ck_op_refused("{'op':'derive','out':'w','deps':['a'],'names':['x'],"
                  "'fn':['nosuch']}",
                  "\"fn\" is no list of known functions");
    ck_op_refused("{'op':'derive','out':'w','deps':['a'],'names':['x'],"
                  "'fn':null}",
                  "\"fn\" is no list of known functions");
    ck_op_refused("{'op':'derive','out':'w','deps':[],'names':[],'fn':[]}",
                  "\"deps\" is no list of registers");
    ck_op_refused("{'op':'derive','out':'w','deps':['a'],'names':['x','y'],"
                  "'fn':[]}",
                  "\"names\" has 2 texts, not one for each of the 1");
    ck_op_refused("{'op':'derive','out':'w','deps':['a'],'names':[''],"
                  "'fn':[]}",
                  "\"names\" is no list of texts, none empty");
    ck_op_refused("{'op':'derive','out':'w','deps':['a'],'names':'x',"
                  "'fn':[]}",
                  "\"names\" is no list of texts");
    ck_op_refused("{'op':'derive','out':'w','deps':['a','b'],"
                  "'names':['x','x'],'fn':[]}",
                  "a name stands for two registers");
    ck_op_refused("{'op':'derive','out':'w','deps':['a'],'names':['x'],"
                  "'fn':[],'lits':['','']}",
                  "has no \"lits\"");
    ck_op_refused("{'op':'calc','out':'w','deps':['a'],'lits':['',''],"
                  "'fn':[]}",
                  "has no \"fn\"");
}
END_TEST

START_TEST(kinds_that_begin_with_x_are_carried_whatever_they_hold)
{
    ck_op_accepted("{'op':'x-retire','step':'00','name':'#','reg':5}");
    ck_op_accepted("{'op':'x-'}");
    ck_op_refused("{'op':'x'}", "does not know");
}
END_TEST

/* A19 */
START_TEST(a_register_has_64_bytes_and_a_step_256_ops)
{
    const char *ops = "{'op':'x-a'}";
    const char *reg =
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaa\\u00fc"; /* 62 letters, one of two bytes */

    ck_op_accepted(
        cove_arena_printf(&w.arena, "{'op':'hide','reg':'%s'}", reg));
    ck_op_refused(cove_arena_printf(&w.arena, "{'op':'hide','reg':'a%s'}", reg),
                  "longer than 64");
    for (int i = 1; i < 256; i++) {
        ops = cove_arena_printf(&w.arena, "%s,{'op':'x-a'}", ops);
    }
    ck_op_accepted(ops);
    ck_refused(cove_arena_printf(&w.arena,
                                 "{'parents':[],'ops':[%s,{'op':'x-a'}]}", ops),
               "257 ops");
}
END_TEST

/* A19 */
START_TEST(a_body_has_60000_bytes)
{
    char *note = cove_arena_new(&w.arena, 60001);
    struct cove_bytes body;
    size_t rest;

    ck_assert_ptr_nonnull(note);
    memset(note, 'n', 60000);
    body = world_json(
        &w, cove_arena_printf(&w.arena, "{'parents':[],'ops':[],'note':'%s'}",
                              note));
    rest = body.len - 60000; /* what is not the note */
    note[60000 - rest] = '\0';
    ck_accepted(cove_arena_printf(&w.arena,
                                  "{'parents':[],'ops':[],'note':'%s'}", note));
    ck_refused(cove_arena_printf(&w.arena,
                                 "{'parents':[],'ops':[],'note':'n%s'}", note),
               "60001 bytes");
}
END_TEST

/* --- the set */

static struct cove_journal *build(void)
{
    struct cove_journal *journal = NULL;

    ck_assert_int_eq(
        cove_journal_new(&cove_alloc_libc, w.bodies, w.steps, &journal), 0);
    return journal;
}

static enum cove_step_state state_of(const struct cove_journal *journal,
                                     int step)
{
    const struct cove_step *found = cove_journal_find(journal, &w.ids[step]);

    ck_assert_ptr_nonnull(found);
    return found->state;
}

/* A19 */
START_TEST(a_step_waits_for_all_of_its_ancestors)
{
    int root = world_step(&w, -1, "[]");
    int middle = world_step(&w, root, "[{'op':'x-a'}]");
    int leaf = world_step(&w, middle, "[]");
    struct cove_bytes kept = w.bodies[middle];
    struct cove_journal *journal;

    w.bodies[middle] = w.bodies[leaf]; /* a duplicate in its place */
    journal = build();
    ck_assert_uint_eq(cove_journal_count(journal), 2);
    ck_assert_int_eq(state_of(journal, root), COVE_STEP_ACTIVE);
    ck_assert_int_eq(state_of(journal, leaf), COVE_STEP_WAITING);
    ck_assert_ptr_null(cove_journal_find(journal, &w.ids[middle]));
    cove_journal_free(journal);
    w.bodies[middle] = kept;
    journal = build();
    ck_assert_int_eq(state_of(journal, middle), COVE_STEP_ACTIVE);
    ck_assert_int_eq(state_of(journal, leaf), COVE_STEP_ACTIVE);
    cove_journal_free(journal);
}
END_TEST

/* A19 */
START_TEST(a_malformed_step_and_what_follows_it_stay_pending)
{
    int root = world_step(&w, -1, "[]");
    int bad = world_step(&w, root, "[{'op':'nosuch'}]");
    int after = world_step(&w, bad, "[]");
    int lost;
    struct cove_journal *journal;

    w.bodies[w.steps] = world_json(&w, "{'parents':['no hash'],'ops':[]}");
    w.ids[w.steps] = cove_step_id_of(w.bodies[w.steps]);
    lost = (int)w.steps++;
    journal = build();
    ck_assert_int_eq(state_of(journal, root), COVE_STEP_ACTIVE);
    ck_assert_int_eq(state_of(journal, bad), COVE_STEP_MALFORMED);
    ck_assert_int_eq(state_of(journal, after), COVE_STEP_WAITING);
    ck_assert_int_eq(state_of(journal, lost), COVE_STEP_WAITING);
    ck_assert(!cove_journal_descends(journal, &w.ids[after], &w.ids[root]));
    cove_journal_free(journal);
}
END_TEST

START_TEST(the_order_of_arrival_changes_nothing)
{
    struct cove_journal *one;
    struct cove_journal *two;
    struct cove_hash a;
    struct cove_hash b;

    int root = world_step(&w, -1, "[]");
    int child = world_step(&w, root,
                           "[{'op':'add','reg':'a','name':'a','type':'int'}]");

    (void)world_step(&w, child, "[{'op':'hide','reg':'a'}]");
    (void)world_step(&w, root, "[{'op':'bad'}]");
    one = build();
    for (size_t i = 0; i < w.steps / 2; i++) {
        struct cove_bytes swap = w.bodies[i];

        w.bodies[i] = w.bodies[w.steps - 1 - i];
        w.bodies[w.steps - 1 - i] = swap;
    }
    two = build();
    a = cove_journal_fingerprint(one);
    b = cove_journal_fingerprint(two);
    ck_assert_mem_eq(a.b, b.b, sizeof(a.b));
    ck_assert_uint_eq(cove_journal_count(one), cove_journal_count(two));
    for (size_t i = 0; i < cove_journal_count(one); i++) {
        ck_assert_mem_eq(cove_journal_at(one, i)->id.b,
                         cove_journal_at(two, i)->id.b, 32);
        ck_assert_int_eq(cove_journal_at(one, i)->state,
                         cove_journal_at(two, i)->state);
        ck_assert_uint_eq(cove_journal_at(one, i)->index, i);
    }
    cove_journal_free(one);
    cove_journal_free(two);
}
END_TEST

START_TEST(an_edited_step_is_another_step)
{
    int one = world_step(&w, -1, "[]");
    int two = world_step(&w, -1, "[{'op':'x-note'}]");
    struct cove_step_id id = cove_step_id_of(w.bodies[one]);

    ck_assert_mem_eq(id.b, w.ids[one].b, 32);
    ck_assert_mem_ne(id.b, w.ids[two].b, 32);
}
END_TEST

START_TEST(an_epoch_knows_the_registers_of_its_own_history)
{
    int root =
        world_step(&w, -1, "[{'op':'add','reg':'a','name':'a','type':'text'}]");
    int left = world_step(&w, root,
                          "[{'op':'add','reg':'b','name':'b','type':'text'}]");
    int right = world_step(&w, root,
                           "[{'op':'add','reg':'c','name':'b','type':'text'},"
                           "{'op':'add','reg':'a','name':'z','type':'int'}]");
    struct cove_journal *journal = build();
    struct cove_step_id none;

    memset(&none, 7, sizeof(none));
    ck_assert(cove_journal_knows(journal, &w.ids[left], cove_bytes_text("a")));
    ck_assert(cove_journal_knows(journal, &w.ids[left], cove_bytes_text("b")));
    ck_assert(!cove_journal_knows(journal, &w.ids[left], cove_bytes_text("c")));
    ck_assert(cove_journal_knows(journal, &w.ids[right], cove_bytes_text("c")));
    ck_assert(!cove_journal_knows(journal, &w.ids[root], cove_bytes_text("b")));
    ck_assert(!cove_journal_knows(journal, &none, cove_bytes_text("a")));
    ck_assert(cove_journal_descends(journal, &w.ids[left], &w.ids[root]));
    ck_assert(cove_journal_descends(journal, &w.ids[left], &w.ids[left]));
    ck_assert(!cove_journal_descends(journal, &w.ids[left], &w.ids[right]));
    ck_assert(!cove_journal_descends(journal, &w.ids[root], &w.ids[left]));
    ck_assert(!cove_journal_descends(journal, &none, &none));
    cove_journal_free(journal);
}
END_TEST

START_TEST(a_step_shows_its_members)
{
    struct cove_journal *journal;
    const struct cove_step *step;

    w.bodies[0] =
        world_json(&w, "{'parents':[],'ops':[{'op':'x-a'}],'name':'Profile',"
                       "'version':2,'schema':'ab','note':'why'}");
    w.ids[0] = cove_step_id_of(w.bodies[0]);
    w.steps = 1;
    journal = build();
    step = cove_journal_find(journal, &w.ids[0]);
    ck_assert(cove_bytes_equal(step->name, cove_bytes_text("Profile")));
    ck_assert(cove_bytes_equal(step->schema, cove_bytes_text("ab")));
    ck_assert(cove_bytes_equal(step->note, cove_bytes_text("why")));
    ck_assert(step->has_version);
    ck_assert_int_eq(step->version, 2);
    ck_assert_uint_eq(step->op_count, 1);
    ck_assert(cove_bytes_equal(step->body, w.bodies[0]));
    cove_journal_free(journal);
}
END_TEST

START_TEST(an_empty_journal_is_a_journal)
{
    struct cove_journal *journal = build();

    ck_assert_uint_eq(cove_journal_count(journal), 0);
    ck_assert_uint_eq(cove_journal_registers(journal), 0);
    cove_journal_free(journal);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("journal");
    TCase *tc = tcase_create("journal");

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, a_body_has_exactly_the_members_of_a_body);
    tcase_add_test(tc, an_op_has_exactly_the_members_of_its_kind);
    tcase_add_test(tc, templates_have_one_literal_more_than_parts);
    tcase_add_test(tc,
                   a_derive_has_a_name_for_each_register_and_known_functions);
    tcase_add_test(tc, kinds_that_begin_with_x_are_carried_whatever_they_hold);
    tcase_add_test(tc, a_register_has_64_bytes_and_a_step_256_ops);
    tcase_add_test(tc, a_body_has_60000_bytes);
    tcase_add_test(tc, a_step_waits_for_all_of_its_ancestors);
    tcase_add_test(tc, a_malformed_step_and_what_follows_it_stay_pending);
    tcase_add_test(tc, the_order_of_arrival_changes_nothing);
    tcase_add_test(tc, an_edited_step_is_another_step);
    tcase_add_test(tc, an_epoch_knows_the_registers_of_its_own_history);
    tcase_add_test(tc, a_step_shows_its_members);
    tcase_add_test(tc, an_empty_journal_is_a_journal);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
