#include "core/env.h"
#include "core/hlc.h"
#include "tests/unit/harness.h"

START_TEST(a_timestamp_follows_the_wall_clock)
{
    ck_assert_uint_eq(cove_hlc_next(0, 1000), UINT64_C(1000) << 16);
    ck_assert_int_eq(cove_hlc_ms(cove_hlc_next(5, 1000)), 1000);
}
END_TEST

START_TEST(
    a_timestamp_is_greater_than_the_last_when_the_clock_stands_or_goes_back)
{
    uint64_t last = cove_hlc_of_ms(1000);

    ck_assert_uint_eq(cove_hlc_next(last, 1000), last + 1);
    ck_assert_uint_eq(cove_hlc_next(last, 999), last + 1);
    ck_assert_uint_eq(cove_hlc_next(last, -5), last + 1);
    ck_assert_uint_eq(cove_hlc_next(last, INT64_MIN), last + 1);
}
END_TEST

START_TEST(the_counter_carries_into_the_milliseconds)
{
    uint64_t last = cove_hlc_of_ms(1000) | 0xffff;

    ck_assert_uint_eq(cove_hlc_next(last, 1000), cove_hlc_of_ms(1001));
    ck_assert_uint_eq(cove_hlc_next(cove_hlc_of_ms(1001), 1001),
                      cove_hlc_of_ms(1001) + 1);
}
END_TEST

START_TEST(a_clock_beyond_48_bits_is_the_last_millisecond)
{
    int64_t end = (INT64_C(1) << 48) - 1;

    ck_assert_int_eq(cove_hlc_ms(cove_hlc_next(0, INT64_MAX)), end);
    ck_assert_int_eq(cove_hlc_ms(cove_hlc_next(0, end + 1)), end);
}
END_TEST

START_TEST(ahead_is_how_far_beyond_the_clock)
{
    ck_assert_int_eq(cove_hlc_ahead(cove_hlc_of_ms(1500), 1000), 500);
    ck_assert_int_eq(cove_hlc_ahead(cove_hlc_of_ms(1000) | 9, 1000), 0);
    ck_assert_int_eq(cove_hlc_ahead(cove_hlc_of_ms(999), 1000), 0);
    ck_assert_int_eq(cove_hlc_ahead(UINT64_MAX, INT64_MIN),
                     (INT64_C(1) << 48) - 1);
    ck_assert_int_eq(cove_hlc_ahead(0, INT64_MAX), 0);
}
END_TEST

START_TEST(the_system_gives_a_clock_and_randomness)
{
    const struct cove_env *env = &cove_env_system;
    uint8_t a[32] = {0};
    uint8_t b[32] = {0};

    /* After 2020, and before the clock's 48 bits end. */
    ck_assert_int_gt(env->now_ms(env->ctx), INT64_C(1577836800000));
    ck_assert_int_lt(env->now_ms(env->ctx), INT64_C(1) << 48);
    env->random(env->ctx, a, sizeof(a));
    env->random(env->ctx, b, sizeof(b));
    ck_assert_mem_ne(a, b, sizeof(a));
}
END_TEST

static Suite *hlc_suite(void)
{
    Suite *suite = suite_create("hlc");
    TCase *t = tcase_create("hlc");

    tcase_add_test(t, a_timestamp_follows_the_wall_clock);
    tcase_add_test(
        t,
        a_timestamp_is_greater_than_the_last_when_the_clock_stands_or_goes_back);
    tcase_add_test(t, the_counter_carries_into_the_milliseconds);
    tcase_add_test(t, a_clock_beyond_48_bits_is_the_last_millisecond);
    tcase_add_test(t, ahead_is_how_far_beyond_the_clock);
    tcase_add_test(t, the_system_gives_a_clock_and_randomness);
    suite_add_tcase(suite, t);
    return suite;
}

int main(void)
{
    return harness_run(hlc_suite());
}
