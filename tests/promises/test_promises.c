#include "tests/promises/shapes.h"
#include "tests/promises/story.h"

static struct story s;

static void set_up(void)
{
    story_begin(&s, FIXTURE_MEMORY);
}

static void tear_down(void)
{
    story_end(&s);
}

START_TEST(i09_an_old_app_goes_on_and_its_late_writes_appear)
{
    story_schema(&s, ALICE, T1);
    story_new(&s, ALICE, 0, "1",
              "{'name':'Ada "
              "Byron','size':'120','tags':'a,b','section':'x','done':true}");
    story_migration(&s, ALICE, M12, T2);
    story_migration(&s, ALICE, M23, T3);
    printf("# %s\n", story_view(&s, ALICE, "1"));
    printf("# %s\n", story_view(&s, ALICE, "2"));
    printf("# %s\n", story_view(&s, ALICE, "3"));
    printf("# %d\n", story_load(&s, ALICE, ""));
    printf("# %d\n", story_load(&s, ALICE, ""));
    printf("# %s\n", story_stored(&s, ALICE, "3"));
    printf("# %s\n", story_stored(&s, ALICE, "2"));
    story_settle(&s);
    printf("# %s\n", story_view(&s, CAROL, "3"));
    story_agreed(&s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("promises");
    TCase *tc = tcase_create("promises");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, i09_an_old_app_goes_on_and_its_late_writes_appear);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
