#include "core/id.h"
#include "cove/error.h"
#include "tests/unit/harness.h"

static struct cove_id id_of_hex(const char *hex)
{
    struct cove_id id;

    ck_assert_int_eq(cove_hex_parse(hex, id.b, sizeof(id.b)), 0);
    return id;
}

struct golden {
    const char *hex;
    const char *text;
};

static const struct golden goldens[] = {
    {"0000000000000000000000000000000000000000000000000000000000000000",
     "co_z11111111111111111111111111111111"},
    {"0000000000000000000000000000000000000000000000000000000000000001",
     "co_z11111111111111111111111111111112"},
    {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     "co_z1thX6LZfHDZZKUs92febYZhYRcXddmzfzF2NvTkPNE"},
    {"0100000000000000000000000000000000000000000000000000000000000000",
     "co_z4uQeVj5tqViQh7yWWGStvkEG1Zmhx6uasJtWCJziofM"},
    {"fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0efeeedecebeae9e8e7e6e5e4e3e2e1e0",
     "co_zJEJUoGfGEPTZ1XTwN39dYdFxYxDiDaSKVNy5qYWJmZt3"},
    {"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
     "co_zJEKNVnkbo3jma5nREBBJCDoXFVeKkD56V3xKrvRmWxFG"},
};

START_TEST(the_text_of_an_id_is_base58btc_and_reads_back)
{
    for (size_t i = 0; i < COVE_ARRAY_LEN(goldens); i++) {
        struct cove_id id = id_of_hex(goldens[i].hex);
        struct cove_id back;
        char text[COVE_ID_TEXT_MAX];

        cove_id_text(&id, text);
        ck_assert_str_eq(text, goldens[i].text);
        ck_assert_int_eq(cove_id_parse(text, &back), 0);
        ck_assert_mem_eq(back.b, id.b, sizeof(id.b));
    }
}
END_TEST

START_TEST(text_that_no_id_has_is_refused)
{
    static const char *const wrong[] = {
        "",
        "co_",
        "co_z",
        "z11111111111111111111111111111111",
        "CO_z11111111111111111111111111111111",
        "co_z1111111111111111111111111111111",
        "co_z111111111111111111111111111111111",
        "co_z1111111111111111111111111111111111111111111111111111111111",
        "co_z2",
        /* one more than the largest */
        "co_zJEKNVnkbo3jma5nREBBJCDoXFVeKkD56V3xKrvRmWxFH",
        "co_zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
        "co_zJEKNVnkbo3jma5nREBBJCDoXFVeKkD56V3xKrvRmWxFG1",
        "co_z1JEKNVnkbo3jma5nREBBJCDoXFVeKkD56V3xKrvRmWxF",
        "co_z0uQeVj5tqViQh7yWWGStvkEG1Zmhx6uasJtWCJziofM",
        "co_zOuQeVj5tqViQh7yWWGStvkEG1Zmhx6uasJtWCJziofM",
        "co_zIuQeVj5tqViQh7yWWGStvkEG1Zmhx6uasJtWCJziofM",
        "co_zluQeVj5tqViQh7yWWGStvkEG1Zmhx6uasJtWCJziofM",
        "co_z4uQeVj5tqViQh7yWWGStvkEG1Zmhx6uasJtWCJziof ",
    };
    struct cove_id id = {{77}};

    for (size_t i = 0; i < COVE_ARRAY_LEN(wrong); i++) {
        ck_assert_msg(cove_id_parse(wrong[i], &id) == COVE_EFORMAT, "%s",
                      wrong[i]);
        ck_assert_uint_eq(id.b[0], 77);
    }
}
END_TEST

static bool starts_so(const struct cove_id *id, const char *prefix)
{
    char text[COVE_ID_TEXT_MAX];

    cove_id_text(id, text);
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The id before (by 0xff in each byte) or after; false where there is none. */
static bool neighbour(const struct cove_id *id, bool after, struct cove_id *out)
{
    *out = *id;
    for (size_t i = sizeof(out->b); i-- > 0;) {
        out->b[i] = (uint8_t)(after ? out->b[i] + 1 : out->b[i] - 1);
        if (out->b[i] != (after ? 0 : 0xff)) {
            return true;
        }
    }
    return false;
}

/* Both ends start so, what lies just outside does not, and the ranges ascend:
 * since ids of equal text length are in the order of their texts, that is
 * exact. */
static void assert_exact(const struct cove_id_ranges *ranges,
                         const char *prefix)
{
    ck_assert_uint_ge(ranges->count, 1);
    ck_assert_uint_le(ranges->count, COVE_ID_RANGES);
    for (size_t i = 0; i < ranges->count; i++) {
        const struct cove_id *first = &ranges->range[i].first;
        const struct cove_id *last = &ranges->range[i].last;
        struct cove_id outside;

        ck_assert_int_le(memcmp(first->b, last->b, sizeof(first->b)), 0);
        ck_assert_msg(starts_so(first, prefix), "%s", prefix);
        ck_assert_msg(starts_so(last, prefix), "%s", prefix);
        ck_assert(!neighbour(first, false, &outside) ||
                  !starts_so(&outside, prefix));
        ck_assert(!neighbour(last, true, &outside) ||
                  !starts_so(&outside, prefix));
        if (i > 0) {
            ck_assert_int_lt(
                memcmp(ranges->range[i - 1].last.b, first->b, sizeof(first->b)),
                0);
        }
    }
}

static bool in_ranges(const struct cove_id_ranges *ranges,
                      const struct cove_id *id)
{
    for (size_t i = 0; i < ranges->count; i++) {
        if (memcmp(ranges->range[i].first.b, id->b, sizeof(id->b)) <= 0 &&
            memcmp(ranges->range[i].last.b, id->b, sizeof(id->b)) >= 0) {
            return true;
        }
    }
    return false;
}

static void assert_prefixes_of(const struct cove_id *id)
{
    char text[COVE_ID_TEXT_MAX];
    char prefix[COVE_ID_TEXT_MAX];
    struct cove_id_ranges ranges;
    struct cove_id_ranges bare;

    cove_id_text(id, text);
    for (size_t len = 5; len <= strlen(text); len++) {
        memcpy(prefix, text, len);
        prefix[len] = '\0';
        ck_assert_int_eq(cove_id_prefix(prefix, &ranges), 0);
        ck_assert_int_eq(cove_id_prefix(prefix + 4, &bare), 0);
        ck_assert_mem_eq(&ranges, &bare, sizeof(ranges));
        assert_exact(&ranges, prefix);
        ck_assert_msg(in_ranges(&ranges, id), "%s", prefix);
    }
}

START_TEST(a_prefix_gives_exactly_the_ids_that_start_so)
{
    struct harness_env env;

    for (size_t i = 0; i < COVE_ARRAY_LEN(goldens); i++) {
        struct cove_id id = id_of_hex(goldens[i].hex);

        assert_prefixes_of(&id);
    }
    harness_env_init(&env, 3);
    for (size_t i = 0; i < 128; i++) {
        struct cove_id id;

        harness_random(&env, id.b, sizeof(id.b));
        memset(id.b, 0, i % 4 == 0 ? i / 4 : 0);
        assert_prefixes_of(&id);
    }
}
END_TEST

START_TEST(other_ids_are_outside_a_prefix)
{
    struct harness_env env;
    struct cove_id_ranges ranges;

    harness_env_init(&env, 5);
    ck_assert_int_eq(cove_id_prefix("9x", &ranges), 0);
    for (size_t i = 0; i < 2000; i++) {
        struct cove_id id;

        harness_random(&env, id.b, sizeof(id.b));
        ck_assert_int_eq(in_ranges(&ranges, &id), starts_so(&id, "co_z9x"));
    }
}
END_TEST

START_TEST(a_prefix_that_no_id_starts_with_is_refused)
{
    static const char *const wrong[] = {
        "",
        "co_",
        "co_z",
        "0",
        "co_z0",
        "4u ",
        "JEKNVnkbo3jma5nREBBJCDoXFVeKkD56V3xKrvRmWxFH",
        "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
        "JEKNVnkbo3jma5nREBBJCDoXFVeKkD56V3xKrvRmWxFG1",
        "111111111111111111111111111111111",
        "111111111111111111111111111111112",
        "111111111111111111111111111111112222",
        "2222222222222222222222222222222222222222222222222222222222222222",
    };
    struct cove_id_ranges ranges = {.count = 99};

    for (size_t i = 0; i < COVE_ARRAY_LEN(wrong); i++) {
        ck_assert_msg(cove_id_prefix(wrong[i], &ranges) == COVE_EFORMAT, "%s",
                      wrong[i]);
        ck_assert_uint_eq(ranges.count, 99);
    }
}
END_TEST

START_TEST(hex_is_lower_case_and_of_the_exact_length)
{
    uint8_t out[2] = {7, 7};
    char text[COVE_HEX_LEN(3)];

    cove_hex(cove_bytes("\x00\x9a\xff", 3), text);
    ck_assert_str_eq(text, "009aff");
    cove_hex(cove_bytes(NULL, 0), text);
    ck_assert_str_eq(text, "");
    ck_assert_int_eq(cove_hex_parse("009a0", out, 2), COVE_EFORMAT);
    ck_assert_int_eq(cove_hex_parse("009", out, 2), COVE_EFORMAT);
    ck_assert_int_eq(cove_hex_parse("009A", out, 2), COVE_EFORMAT);
    ck_assert_int_eq(cove_hex_parse("00g0", out, 2), COVE_EFORMAT);
    ck_assert_int_eq(cove_hex_parse("00 9", out, 2), COVE_EFORMAT);
    ck_assert_uint_eq(out[0], 7);
    ck_assert_int_eq(cove_hex_parse("009a", out, 2), 0);
    ck_assert_uint_eq(out[0], 0);
    ck_assert_uint_eq(out[1], 0x9a);
    ck_assert_int_eq(cove_hex_parse("", out, 0), 0);
}
END_TEST

START_TEST(a_short_name_is_eight_base32_characters_of_the_hash)
{
    struct cove_hash hash;
    char name[9];

    for (uint8_t i = 0; i < sizeof(hash.b); i++) {
        hash.b[i] = (uint8_t)(200 + i);
    }
    cove_base32_8(&hash, name);
    ck_assert_str_eq(name, "zde4vs6m");
    memset(hash.b, 0xff, sizeof(hash.b));
    cove_base32_8(&hash, name);
    ck_assert_str_eq(name, "77777777");
}
END_TEST

START_TEST(ops_are_ordered_by_clock_device_session_transaction_and_index)
{
    struct cove_op_id ids[8] = {{0}};

    ids[1].op = 1;
    ids[2].tx = 1;
    ids[3].session.b[15] = 1;
    ids[4].session.b[0] = 1;
    ids[5].device.b[31] = 1;
    ids[6].device.b[0] = 0xff;
    ids[7].hlc = 1;
    for (size_t i = 0; i < COVE_ARRAY_LEN(ids); i++) {
        ck_assert_int_eq(cove_op_id_is_none(&ids[i]), i == 0);
        for (size_t j = 0; j < COVE_ARRAY_LEN(ids); j++) {
            int order = cove_op_id_compare(&ids[i], &ids[j]);

            ck_assert_int_eq((order > 0) - (order < 0), (i > j) - (i < j));
        }
    }
    ids[1].op = UINT32_MAX;
    ck_assert_int_lt(cove_op_id_compare(&ids[0], &ids[1]), 0);
    ids[7].hlc = UINT64_MAX;
    ck_assert_int_gt(cove_op_id_compare(&ids[7], &ids[0]), 0);
}
END_TEST

static Suite *id_suite(void)
{
    Suite *suite = suite_create("id");
    TCase *t = tcase_create("id");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, the_text_of_an_id_is_base58btc_and_reads_back);
    tcase_add_test(t, text_that_no_id_has_is_refused);
    tcase_add_test(t, a_prefix_gives_exactly_the_ids_that_start_so);
    tcase_add_test(t, other_ids_are_outside_a_prefix);
    tcase_add_test(t, a_prefix_that_no_id_starts_with_is_refused);
    tcase_add_test(t, hex_is_lower_case_and_of_the_exact_length);
    tcase_add_test(t, a_short_name_is_eight_base32_characters_of_the_hash);
    tcase_add_test(
        t, ops_are_ordered_by_clock_device_session_transaction_and_index);
    suite_add_tcase(suite, t);
    return suite;
}

int main(void)
{
    return harness_run(id_suite());
}
