/* UTF-8. */
#include "core/utf8.h"
#include "tests/unit/harness.h"

START_TEST(utf8_without_overlong_forms_and_surrogates_is_valid)
{
    static const char *const valid[] = {
        "",
        "plain text that is longer than a word",
        "\x7f",
        "\xc2\x80",
        "\xdf\xbf",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xef\xbf\xbf",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf",
        "1234567 \xc3\xbc 2345678\xf0\x9f\x98\x80",
    };
    static const char *const invalid[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc2",
        "\xc2\x7f",
        "\xc2\xc0",
        "\xe0\x9f\xbf",
        "\xe0\xa0",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf0\x8f\xbf\xbf",
        "\xf0\x90\x80",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "\xfe",
        "12345678\xc3",
        "1234567\xc3\xbc 345678\xed\xa0\x80",
        "\xe1\x80\x7f",
        "\xf1\x80\x80\xc0",
        "\xf1\x80\x41\x80",
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(valid); i++) {
        ck_assert_msg(cove_utf8_valid(cove_bytes_text(valid[i])), "%zu", i);
    }
    for (size_t i = 0; i < COVE_ARRAY_LEN(invalid); i++) {
        ck_assert_msg(!cove_utf8_valid(cove_bytes_text(invalid[i])), "%zu", i);
    }
    ck_assert(cove_utf8_valid(cove_bytes(NULL, 0)));
    ck_assert(cove_utf8_valid(cove_bytes("a\0b", 3)));
}
END_TEST

START_TEST(utf8_is_valid_for_exactly_the_scalar_values)
{
    size_t wrong = 0; /* an assertion each would take half a minute */

    for (uint32_t c = 0; c <= 0x1fffff; c++) {
        uint8_t four[4] = {
            (uint8_t)(0xf0 | c >> 18), (uint8_t)(0x80 | (c >> 12 & 63)),
            (uint8_t)(0x80 | (c >> 6 & 63)), (uint8_t)(0x80 | (c & 63))};
        uint8_t three[3] = {(uint8_t)(0xe0 | (c >> 12 & 15)), four[2], four[3]};
        bool scalar = c < 0xd800 || c > 0xdfff;

        wrong += cove_utf8_valid(cove_bytes(four, 4)) !=
                 (c >= 0x10000 && c <= 0x10ffff);
        if (c <= 0xffff) {
            wrong +=
                cove_utf8_valid(cove_bytes(three, 3)) != (c >= 0x800 && scalar);
        }
    }
    ck_assert_uint_eq(wrong, 0);
}
END_TEST

static Suite *utf8_suite(void)
{
    Suite *suite = suite_create("utf8");
    TCase *t = tcase_create("utf8");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, utf8_without_overlong_forms_and_surrogates_is_valid);
    tcase_add_test(t, utf8_is_valid_for_exactly_the_scalar_values);
    suite_add_tcase(suite, t);
    return suite;
}

int main(void)
{
    return harness_run(utf8_suite());
}
