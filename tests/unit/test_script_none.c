/* A build without Lua knows scripts for what they are, and says what is
 * missing. In a build with it there is nothing to test here. */
#include "tests/unit/script_kit.h"

static struct script_kit k;

static void set_up(void)
{
    kit_init(&k);
}

static void tear_down(void)
{
    world_clear(&k.w);
}

START_TEST(a_build_without_lua_says_so_and_judges_all_the_same)
{
    struct cove_script *script = NULL;
    struct cove_script_result result;
    struct cove_script_call call = {0};

    if (cove_script_built()) {
        return;
    }
    ck_assert_int_eq(cove_script_new(&cove_alloc_libc,
                                     cove_bytes_text("return 1"), &script,
                                     &k.diag),
                     COVE_EUNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(k.diag.text, "-Dscripts=enabled"));
    ck_assert_int_eq(cove_script_run(script, &call, &k.w.arena, &result, NULL),
                     COVE_EUNSUPPORTED);
    ck_assert_int_eq(cove_script_new(&cove_alloc_libc,
                                     cove_bytes_text("return 2 ^ 3"), &script,
                                     NULL),
                     COVE_ESTEP);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("script none");
    TCase *t = tcase_create("script none");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_build_without_lua_says_so_and_judges_all_the_same);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return harness_run(suite());
}
