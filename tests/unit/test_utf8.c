/* UTF-8: what is valid, and places in it by bytes and by code points. */
#include "core/utf8.h"
#include "cove/error.h"
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

/* Code points of every length, mixed by what is drawn. */
static const char *const letters[] = {"a", "\xc3\xbc", "\xe2\x82\xac",
                                      "\xf0\x9f\x98\x80"};

START_TEST(a_code_point_is_decoded_to_its_value_or_refused)
{
    static const uint32_t values[] = {'a', 0xfc, 0x20ac, 0x1f600};
    uint32_t c = 7;

    for (size_t i = 0; i < COVE_ARRAY_LEN(letters); i++) {
        struct cove_bytes text = cove_bytes_text(letters[i]);

        ck_assert_uint_eq(cove_utf8_decode(text, 0, &c), text.len);
        ck_assert_uint_eq(c, values[i]);
        text.len--;
        ck_assert(text.len == 0 || cove_utf8_decode(text, 0, &c) == 0);
        ck_assert_uint_eq(c, values[i]);
    }
    ck_assert_uint_eq(cove_utf8_decode(cove_bytes_text("ab\x7f"), 2, &c), 1);
    ck_assert_uint_eq(c, 0x7f);
    ck_assert_uint_eq(cove_utf8_decode(cove_bytes_text("\xed\xa0\x80"), 0, &c),
                      0);
}
END_TEST

/* Every boundary of the text both ways, and every place that is none. */
static size_t utf8_places_wrong(struct cove_bytes text)
{
    size_t wrong = 0;
    size_t n = 0;
    size_t found = 0;

    for (size_t at = 0; at <= text.len; at++) {
        bool start = at == text.len || (text.at[at] & 0xc0) != 0x80;
        int err = cove_utf8_index(text, at, &found);

        wrong += cove_utf8_is_boundary(text, at) != start;
        wrong += err != (start ? 0 : COVE_EUSAGE);
        if (start) {
            wrong += found != n;
            wrong += cove_utf8_offset(text, n, &found) != 0 || found != at;
            n++;
        }
    }
    wrong += cove_utf8_count(text) != n - 1;
    wrong += cove_utf8_offset(text, n, &found) != COVE_EUSAGE;
    wrong += cove_utf8_index(text, text.len + 1, &found) != COVE_EUSAGE;
    wrong += cove_utf8_is_boundary(text, text.len + 1);
    return wrong;
}

START_TEST(every_boundary_is_found_by_its_number_and_back)
{
    struct harness_env h;
    size_t wrong = 0;

    harness_env_init(&h, 1);
    for (size_t len = 0; len < 400; len++) {
        struct cove_buf buf;

        cove_buf_init(&buf, &cove_alloc_libc);
        for (size_t i = 0; i < len; i++) {
            uint8_t draw;

            harness_random(&h, &draw, 1);
            /* Some texts of one kind of letter, most of all kinds. */
            ck_assert_int_eq(
                cove_buf_append(
                    &buf, cove_bytes_text(
                              letters[len % 5 == 4 ? draw % 4 : len % 5])),
                0);
        }
        wrong += utf8_places_wrong(cove_buf_bytes(&buf));
        cove_buf_clear(&buf);
    }
    ck_assert_uint_eq(wrong, 0);
}
END_TEST

START_TEST(a_long_text_is_counted_through_all_sizes_of_blocks)
{
    enum { MANY = 20011 };
    struct cove_buf buf;
    size_t found;

    cove_buf_init(&buf, &cove_alloc_libc);
    for (size_t i = 0; i < MANY; i++) {
        ck_assert_int_eq(cove_buf_append(&buf, cove_bytes_text(letters[2])), 0);
    }

    struct cove_bytes text = cove_buf_bytes(&buf);

    ck_assert_uint_eq(cove_utf8_count(text), MANY);
    for (size_t n = 0; n <= MANY; n += n < MANY - 50 ? 61 : 1) {
        ck_assert_int_eq(cove_utf8_offset(text, n, &found), 0);
        ck_assert_uint_eq(found, 3 * n);
        ck_assert_int_eq(cove_utf8_index(text, 3 * n, &found), 0);
        ck_assert_uint_eq(found, n);
    }
    ck_assert_int_eq(cove_utf8_offset(text, MANY + 1, &found), COVE_EUSAGE);
    cove_buf_clear(&buf);
}
END_TEST

START_TEST(whatever_the_bytes_nothing_outside_is_read)
{
    struct harness_env h;
    uint8_t *bytes;
    size_t found = 0;

    harness_env_init(&h, 2);
    for (size_t len = 1; len < 300; len++) {
        bytes = malloc(len); /* a sanitizer sees its end */
        ck_assert_ptr_nonnull(bytes);
        harness_random(&h, bytes, len);

        struct cove_bytes text = cove_bytes(bytes, len);
        size_t count = cove_utf8_count(text);

        ck_assert_uint_le(count, len);
        ck_assert_int_eq(cove_utf8_offset(text, count, &found), 0);
        ck_assert_uint_eq(found, len);
        ck_assert_int_eq(cove_utf8_offset(text, count + 1, &found),
                         COVE_EUSAGE);
        free(bytes);
    }
    ck_assert_uint_eq(cove_utf8_count(cove_bytes(NULL, 0)), 0);
    ck_assert_int_eq(cove_utf8_offset(cove_bytes(NULL, 0), 0, &found), 0);
    ck_assert_uint_eq(found, 0);
    ck_assert_int_eq(cove_utf8_index(cove_bytes(NULL, 0), 0, &found), 0);
}
END_TEST

static Suite *utf8_suite(void)
{
    Suite *suite = suite_create("utf8");
    TCase *t = tcase_create("utf8");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, utf8_without_overlong_forms_and_surrogates_is_valid);
    tcase_add_test(t, utf8_is_valid_for_exactly_the_scalar_values);
    tcase_add_test(t, a_code_point_is_decoded_to_its_value_or_refused);
    tcase_add_test(t, every_boundary_is_found_by_its_number_and_back);
    tcase_add_test(t, a_long_text_is_counted_through_all_sizes_of_blocks);
    tcase_add_test(t, whatever_the_bytes_nothing_outside_is_read);
    suite_add_tcase(suite, t);
    return suite;
}

int main(void)
{
    return harness_run(utf8_suite());
}
