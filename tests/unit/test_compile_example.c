/* test_compile_example.c: the migration of examples/package, compiled and read
 * at both versions; and memory that runs out on the way. */
#include "migrate/plan.h"
#include "migrate/view.h"
#include "tests/unit/compile_kit.h"

/* --- the example: packages ---------------------------------------------- */

static char *file_text(const char *path)
{
    static char text[65536];
    char whole[512];
    FILE *in;

    snprintf(whole, sizeof whole, "%s/%s", COVE_SOURCE_ROOT, path);
    in = fopen(whole, "rb");
    ck_assert_msg(in != NULL, "%s", whole);

    size_t len = fread(text, 1, sizeof text - 1, in);

    fclose(in);
    text[len] = '\0';
    return cove_arena_printf(&arena, "%s", text);
}

static char *example(const char *name)
{
    return file_text(cove_arena_printf(&arena, "examples/package/%s", name));
}

/* Compile the example; its two steps in a journal. */
static struct cove_journal *package(void)
{
    struct cove_bytes bodies[2];

    publish(example("package.v1.schema.json"));
    ck_assert_msg(migrate(example("package.v1-to-v2.json"),
                          example("package.v2.schema.json")) == 0,
                  "%s", diag.text);
    bodies[0] = root.body;
    bodies[1] = made.body;
    return journal_of(bodies, 2);
}

START_TEST(the_example_compiles)
{
    struct cove_journal *both = package();

    ck_assert_str_eq(
        made_ops(),
        "[{'op':'name','reg':'section~1','name':'category'},{'op':'add','reg':'"
        "maintainerName~2','name':'maintainerName','type':'text'},{'op':'limit'"
        ",'reg':'maintainerName~2','required':true},{'op':'add','reg':'"
        "maintainerAddress~2','name':'maintainerAddress','type':'text'},{'op':'"
        "limit','reg':'maintainerAddress~2','required':true},{'op':'comp','"
        "lits':['',' "
        "<','>'],'parts':['maintainerName~2','maintainerAddress~2'],'whole':'"
        "maintainer~1','lenient':true},{'op':'hide','reg':'maintainer~1'},{'op'"
        ":'add','reg':'installedSize~2','name':'installedSize','type':'int'},{'"
        "op':'limit','reg':'installedSize~2','required':true},{'op':'conv','to'"
        ":'installedSize~2','bwd':['text_of_int'],'fwd':['int_of_text'],'from':"
        "'installedSize~1'},{'op':'hide','reg':'installedSize~1'},{'op':'add','"
        "reg':'depends~2','name':'depends','type':'list'},{'op':'limit','reg':'"
        "depends~2','required':true},{'op':'conv','to':'depends~2','bwd':[{'"
        "join_list':', '}],'fwd':[{'split_list':', "
        "'}],'from':'depends~1'},{'op':'hide','reg':'depends~1'},{'op':'add','"
        "reg':'priority~2','name':'priority','type':'text'},{'op':'limit','reg'"
        ":'priority~2','default':'optional','required':true},{'op':'hide','reg'"
        ":'description~1'},{'op':'x-remove','reg':'description~1'},"
        "{'op':'x-down','words':[{'rename':{'to':'section','from':'cate"
        "gory'}},{'hide':{'field':'maintainerName'}},{'hide':{'field':'"
        "maintainerAddress'}},{'show':{'field':'maintainer'}},{'hide':{"
        "'field':'installedSize'}},{'show':{'type':'string','field':'in"
        "stalledSize'}},{'hide':{'field':'depends'}},{'show':{'type':'s"
        "tring','field':'depends'}},{'hide':{'field':'priority'}},{'sho"
        "w':{'field':'description'}}]}"
        "]");
    ck_assert_uint_gt(made.down.len, 1);
    cove_journal_free(both);
}
END_TEST

static void write_field(struct cove_state *state, const struct cove_plan *plan,
                        const char *field, const char *json_value,
                        uint64_t time)
{
    struct cove_native op = {
        .has_epoch = true, .epoch = plan->head->id, .id = {.hlc = time}};
    struct cove_buf buf;
    uint32_t reg;

    ck_assert(cove_plan_find_name(plan, cove_bytes_text(field), &reg));
    op.reg = plan->registers[reg].id;
    cove_buf_init(&buf, &cove_alloc_libc);
    ck_assert_int_eq(cove_json_read_plain(json(json_value), "v", &buf, &diag),
                     0);
    op.value = cove_buf_bytes(&buf);
    ck_assert_int_eq(cove_state_add_native(state, &op), 0);
    cove_buf_clear(&buf);
}

static void reads(struct cove_view *view, const char *field, const char *want)
{
    struct cove_buf buf;

    for (size_t i = 0; i < view->plan->field_count; i++) {
        struct cove_field got;
        bool invalid;

        ck_assert_int_eq(cove_view_field(view, i, &got), 0);
        if (!cove_bytes_equal(got.name, cove_bytes_text(field))) {
            continue;
        }
        invalid = got.cell.kind == COVE_INVALID;
        cove_buf_init(&buf, &cove_alloc_libc);
        if (got.cell.kind != COVE_ABSENT) {
            ck_assert_int_eq(cove_json_write(got.cell.bytes, 0, &buf), 0);
        }
        ck_assert_str_eq(
            shown(cove_arena_printf(&arena, "%s%.*s", invalid ? "invalid " : "",
                                    (int)buf.len, (const char *)buf.at)),
            want);
        cove_buf_clear(&buf);
        return;
    }
    ck_abort_msg("no field %s", field);
}

START_TEST(both_versions_of_the_example_read_one_document)
{
    struct cove_journal *both = package();
    struct cove_plan *old = NULL;
    struct cove_plan *new = NULL;
    struct cove_state state;
    struct cove_view view;

    ck_assert_int_eq(cove_plan_new(&cove_alloc_libc, both, &root.step, &old),
                     0);
    ck_assert_int_eq(cove_plan_new(&cove_alloc_libc, both, &made.step, &new),
                     0);
    cove_state_init(&state, &arena, NULL);
    write_field(&state, old, "section", "'games'", 1);
    write_field(&state, old, "maintainer", "'Ada <ada@example.org>'", 1);
    write_field(&state, old, "installedSize", "'28591'", 1);
    write_field(&state, old, "depends", "'libc6 (>= 2.34), zlib1g,x'", 1);
    write_field(&state, old, "description", "'a game'", 1);
    cove_state_settle(&state);
    ck_assert_int_eq(cove_view_init(&view, &arena, new, &state), 0);
    reads(&view, "category", "'games'");
    reads(&view, "maintainerName", "'Ada'");
    reads(&view, "maintainerAddress", "'ada@example.org'");
    reads(&view, "installedSize", "28591");
    reads(&view, "depends", "['libc6 (>= 2.34)','zlib1g,x']");
    reads(&view, "priority", "'optional'");

    /* later writes, to either version, show in both */
    write_field(&state, new, "installedSize", "7", 2);
    write_field(&state, new, "maintainerAddress", "'a@b.c'", 2);
    write_field(&state, old, "depends", "''", 2);
    write_field(&state, old, "section", "'math'", 2);
    cove_state_settle(&state);
    ck_assert_int_eq(cove_view_init(&view, &arena, old, &state), 0);
    reads(&view, "installedSize", "'7'");
    reads(&view, "maintainer", "'Ada <a@b.c>'");
    reads(&view, "description", "'a game'");
    cove_state_settle(&state);
    ck_assert_int_eq(cove_view_init(&view, &arena, new, &state), 0);
    reads(&view, "depends", "[]");
    reads(&view, "category", "'math'");

    write_field(&state, old, "installedSize", "'about 7'", 3);
    write_field(&state, old, "maintainer", "'The team'", 3);
    cove_state_settle(&state);
    ck_assert_int_eq(cove_view_init(&view, &arena, new, &state), 0);
    reads(&view, "installedSize", "invalid 'about 7'");
    reads(&view, "maintainerName", "'The team'");
    reads(&view, "maintainerAddress", "''");
    cove_plan_free(new);
    cove_plan_free(old);
    cove_journal_free(both);
}
END_TEST

START_TEST(an_added_field_of_the_recipe_reads_null_and_is_not_invalid)
{
    struct cove_bytes bodies[2];
    struct cove_journal *both;
    struct cove_plan *plan = NULL;
    struct cove_state state;
    struct cove_view view;

    publish(V1);
    ck_assert_int_eq(migrate(recipe("{'addFields':{'age':null}}",
                                    ALL ",'age':{'type':'number'}"),
                             ""),
                     0);
    bodies[0] = root.body;
    bodies[1] = made.body;
    both = journal_of(bodies, 2);
    ck_assert_int_eq(cove_plan_new(&cove_alloc_libc, both, &made.step, &plan),
                     0);
    cove_state_init(&state, &arena, NULL);
    cove_state_settle(&state);
    ck_assert_int_eq(cove_view_init(&view, &arena, plan, &state), 0);
    reads(&view, "age", "null");
    cove_plan_free(plan);
    cove_journal_free(both);
}
END_TEST

/* --- the documentation --------------------------------------------------- */

/* A block of docs/MIGRATIONS.md is a file, or a word of one. */
static void block_reads(const char *block)
{
    struct cove_migration m;
    char *text = cove_arena_printf(&arena, "%s", block);

    if (strstr(block, "\"steps\"") == NULL &&
        strstr(block, "\"script\"") == NULL) {
        text = cove_arena_printf(
            &arena, "{\"schema\":\"T\",\"from\":1,\"to\":2,\"steps\":[%s]}",
            block);
    }
    cove_diag_clear(&diag);
    ck_assert_msg(cove_migration_read(&arena, cove_bytes_text(text), "doc", &m,
                                      &diag) == 0,
                  "%s: %s", block, diag.text);
    ck_assert_uint_gt(m.word_count, 0);
}

START_TEST(every_example_of_the_documentation_is_read)
{
    char *text = file_text("docs/MIGRATIONS.md");
    size_t count = 0;
    char *end;

    for (char *at = text; (at = strstr(at, "```json\n")) != NULL;
         at = end + 4) {
        at += strlen("```json\n");
        end = strstr(at, "```\n");
        ck_assert_ptr_nonnull(end);
        *end = '\0';
        block_reads(at);
        count++;
    }
    ck_assert_uint_ge(count, 20);
}
END_TEST

/* --- memory ------------------------------------------------------------- */

/* Read and compile the example with one allocator. */
static int package_with(struct cove_arena *small, const char *text[3])
{
    struct cove_schema_file v1;
    struct cove_schema_file v2;
    struct cove_migration m;
    struct cove_compiled first;
    struct cove_compiled second;
    struct cove_compile_request request = {&m, &v2, NULL, &first.step, 1};
    struct cove_journal *one = NULL;
    int rc;

    if ((rc = cove_schema_file_read(small, json(text[0]), "1", &v1, NULL)) !=
            0 ||
        (rc = cove_compile_root(small, &v1, &first, NULL)) != 0 ||
        (rc = cove_schema_file_read(small, json(text[1]), "2", &v2, NULL)) !=
            0 ||
        (rc = cove_migration_read(small, json(text[2]), "m", &m, NULL)) != 0 ||
        (rc = cove_journal_new(small->alloc, &first.body, 1, &one)) != 0) {
        return rc;
    }
    request.journal = one;
    rc = cove_compile_migration(small, &request, &second, NULL);
    cove_journal_free(one);
    return rc;
}

static void memory_loop(const char *text[3], int want)
{
    int rc = COVE_ENOMEM;

    for (long n = 1; rc == COVE_ENOMEM; n++) {
        struct harness_alloc failing;
        struct cove_arena small;

        harness_alloc_init(&failing, n);
        cove_arena_init(&small, &failing.alloc);
        rc = package_with(&small, text);
        cove_arena_clear(&small);
        ck_assert_int_eq(failing.alive, 0);
        ck_assert_int_lt(n, 10000);
    }
    ck_assert_int_eq(rc, want);
}

START_TEST(out_of_memory_at_any_call_leaks_nothing)
{
    const char *text[3] = {example("package.v1.schema.json"),
                           example("package.v2.schema.json"),
                           example("package.v1-to-v2.json")};
    const char *other[3] = {V1, target_text(B "," N, ""), NULL};

    memory_loop(text, 0);
    other[2] =
        recipe("{'transformFields':{'a':['int_of_text',{'mul':2}]},'addFields':"
               "{'o':{'type':'object','default':{}}},'removeFields':['n']}",
               ALL);
    memory_loop(other, COVE_ESTEP);
}
END_TEST

int main(void)
{
    const TTest *const all[] = {
        the_example_compiles,
        both_versions_of_the_example_read_one_document,
        an_added_field_of_the_recipe_reads_null_and_is_not_invalid,
        every_example_of_the_documentation_is_read,
        out_of_memory_at_any_call_leaks_nothing,
    };
    Suite *suite = suite_create("compile_example");
    TCase *tests = tcase_create("compile_example");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    for (size_t i = 0; i < COVE_ARRAY_LEN(all); i++) {
        tcase_add_test(tests, all[i]);
    }
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
