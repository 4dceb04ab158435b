/* Migration files that hold the schema they lead to and the hashes of both. */
#include "tests/unit/compile_kit.h"

#define STEPS     "'steps':[{'rename':{'from':'a','to':'c'}}]"
#define TARGET    "'c':{'type':'string'}," B "," N "," R
#define FILE_HEAD "{'schema':'T','from':1,'to':2," STEPS

static const char *plain(void)
{
    return FILE_HEAD "}";
}

static char *embedded(const char *more)
{
    return cove_arena_printf(&arena, FILE_HEAD ",'targetSchema':%s%s}",
                             target_text(TARGET, "'r'"), more);
}

static char *hashes(const struct cove_hash *from, const struct cove_hash *to)
{
    char hex[2][COVE_HEX_LEN(32)];

    cove_hex(cove_bytes(from->b, 32), hex[0]);
    cove_hex(cove_bytes(to->b, 32), hex[1]);
    return cove_arena_printf(&arena, ",'hashes':{'from':'%s','to':'%s'}",
                             hex[0], hex[1]);
}

START_TEST(a_schema_inside_a_file_or_beside_it_makes_the_same_step)
{
    struct cove_step_id first;
    const struct cove_hash any = {{1, 2, 3}};

    publish(V1);
    ck_assert_int_eq(migrate(plain(), target_text(TARGET, "'r'")), 0);
    first = made.step;
    ck_assert_int_eq(migrate(embedded(""), ""), 0);
    ck_assert_mem_eq(&first, &made.step, sizeof first);
    /* what the hashes say is for publishing, and no part of the step */
    ck_assert_int_eq(migrate(embedded(hashes(&any, &any)), ""), 0);
    ck_assert_mem_eq(&first, &made.step, sizeof first);
}
END_TEST

START_TEST(another_note_is_another_step)
{
    struct cove_step_id first;

    publish(V1);
    ck_assert_int_eq(migrate(embedded(""), ""), 0);
    first = made.step;
    ck_assert_int_eq(migrate(embedded(",'note':'why'"), ""), 0);
    ck_assert_int_ne(memcmp(&first, &made.step, sizeof first), 0);
}
END_TEST

START_TEST(the_content_of_a_schema_has_one_hash)
{
    struct cove_hash a;
    struct cove_hash b;

    ck_assert_int_eq(
        cove_schema_content(&arena, json("{'title':'T','type':'object'}"), &a),
        0);
    ck_assert_int_eq(
        cove_schema_content(
            &arena, json("\n{ 'type' : 'object',\n\t'title':'T' } "), &b),
        0);
    ck_assert_mem_eq(&a, &b, sizeof a);
    ck_assert_int_eq(
        cove_schema_content(&arena, json("{'title':'U','type':'object'}"), &b),
        0);
    ck_assert_int_ne(memcmp(&a, &b, sizeof a), 0);
    ck_assert_int_eq(cove_schema_content(&arena, json("{'title'"), &b),
                     COVE_EJSON);
}
END_TEST

START_TEST(hashes_are_read_or_refused_by_name)
{
    static const struct {
        const char *more;
        const char *words;
    } bad[] = {
        {",'hashes':1", "'hashes' must be an object"},
        {",'hashes':{'to':1}", "'to' must be the hash of a schema"},
        {",'hashes':{'from':'abcd'}", "'from' must be the hash"},
        {",'hashes':{'other':'abcd'}", "no other member"},
        {",'targetSchemas':{}", "unknown member 'targetSchemas'"},
    };
    const struct cove_hash from = {{1}};
    const struct cove_hash to = {{2}};
    struct cove_migration m;

    publish(V1);
    for (size_t i = 0; i < COVE_ARRAY_LEN(bad); i++) {
        ck_assert_int_eq(migrate(embedded(bad[i].more), ""), COVE_ESTEP);
        ck_assert_msg(strstr(said(), bad[i].words) != NULL, "%s", said());
    }
    ck_assert_int_eq(cove_migration_read(&arena,
                                         json(embedded(hashes(&from, &to))),
                                         "m.json", &m, &diag),
                     0);
    ck_assert(m.has_hash_from && m.has_hash_to);
    ck_assert_mem_eq(&m.hash_from, &from, sizeof from);
    ck_assert_mem_eq(&m.hash_to, &to, sizeof to);
    cove_diag_clear(&diag);
    ck_assert_int_eq(
        cove_migration_read(
            &arena,
            json(cove_arena_printf(
                &arena,
                "{'schema':'T','from':[1,'abcdefab'],'to':2," STEPS "%s}",
                hashes(&from, &to))),
            "m.json", &m, &diag),
        COVE_ESTEP);
    ck_assert_ptr_nonnull(strstr(said(), "a merge has no one schema"));
}
END_TEST

START_TEST(a_target_schema_that_is_none_is_refused)
{
    publish(V1);
    ck_assert_int_eq(migrate(FILE_HEAD ",'targetSchema':7}", ""), COVE_ESTEP);
    ck_assert_ptr_nonnull(strstr(said(), "'targetSchema' must be the schema"));
    ck_assert_int_eq(
        migrate(FILE_HEAD ",'targetSchema':{'title':'T','patern':1}}", ""),
        COVE_EKEYWORD);
}
END_TEST

START_TEST(memory_that_runs_out_leaves_nothing_behind)
{
    const struct cove_hash hash = {{1}};
    struct cove_bytes text = json(embedded(hashes(&hash, &hash)));

    for (int step = 1;; step++) {
        struct harness_alloc failing;
        struct cove_arena short_arena;
        struct cove_migration m;
        struct cove_schema_file to;
        int err;

        harness_alloc_init(&failing, step);
        cove_arena_init(&short_arena, &failing.alloc);
        err = cove_migration_read(&short_arena, text, "m.json", &m, NULL);
        if (err == 0) {
            err = cove_schema_file_read(&short_arena, m.target, "s.json", &to,
                                        NULL);
        }
        cove_arena_clear(&short_arena);
        ck_assert_int_eq(failing.alive, 0);
        if (err == 0) {
            ck_assert_int_gt(step, 5);
            break;
        }
        ck_assert_int_eq(err, COVE_ENOMEM);
    }
}
END_TEST

int main(void)
{
    const TTest *const all[] = {
        a_schema_inside_a_file_or_beside_it_makes_the_same_step,
        another_note_is_another_step,
        the_content_of_a_schema_has_one_hash,
        hashes_are_read_or_refused_by_name,
        a_target_schema_that_is_none_is_refused,
        memory_that_runs_out_leaves_nothing_behind,
    };
    Suite *suite = suite_create("compile_embedded");
    TCase *tests = tcase_create("compile_embedded");

    tcase_add_checked_fixture(tests, setup, teardown);
    for (size_t i = 0; i < COVE_ARRAY_LEN(all); i++) {
        tcase_add_test(tests, all[i]);
    }
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
