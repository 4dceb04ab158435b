/* test_order.c: values as bytes that sort as the values do. */
#include "tests/unit/harness.h"

#include <math.h>

#include "core/cbor.h"
#include "core/order.h"
#include "core/value.h"

static struct cove_buf of_int(int64_t v)
{
    struct cove_buf value;
    struct cove_writer w;

    cove_buf_init(&value, &cove_alloc_libc);
    cove_writer_init(&w, &value);
    cove_writer_int(&w, v);
    return value;
}

static struct cove_buf of_float(double v)
{
    struct cove_buf value;
    struct cove_writer w;

    cove_buf_init(&value, &cove_alloc_libc);
    cove_writer_init(&w, &value);
    cove_writer_float(&w, v);
    return value;
}

static struct cove_buf of_text(const char *at, size_t len, bool bytes)
{
    struct cove_buf value;
    struct cove_writer w;

    cove_buf_init(&value, &cove_alloc_libc);
    cove_writer_init(&w, &value);
    if (bytes) {
        cove_writer_bytes(&w, at, len);
    } else {
        cove_writer_text(&w, cove_bytes(at, len));
    }
    return value;
}

static struct cove_buf encoded(struct cove_buf value, size_t max)
{
    struct cove_buf out;

    cove_buf_init(&out, &cove_alloc_libc);
    ck_assert_int_eq(cove_order_value(&out, cove_buf_bytes(&value), max), 0);
    cove_buf_clear(&value);
    return out;
}

/* a < b, and the one is not the beginning of the other. */
static void before(struct cove_buf left, struct cove_buf right)
{
    struct cove_buf a = encoded(left, SIZE_MAX), b = encoded(right, SIZE_MAX);
    size_t least = a.len < b.len ? a.len : b.len;

    ck_assert_int_lt(cove_bytes_compare(cove_buf_bytes(&a), cove_buf_bytes(&b)),
                     0);
    ck_assert_int_ne(memcmp(a.at, b.at, least), 0);
    ck_assert_uint_eq(cove_order_len(cove_buf_bytes(&a)), a.len);
    ck_assert_uint_eq(cove_order_len(cove_buf_bytes(&b)), b.len);
    cove_buf_clear(&a);
    cove_buf_clear(&b);
}

static void same(struct cove_buf left, struct cove_buf right)
{
    struct cove_buf a = encoded(left, SIZE_MAX), b = encoded(right, SIZE_MAX);

    ck_assert(cove_bytes_equal(cove_buf_bytes(&a), cove_buf_bytes(&b)));
    cove_buf_clear(&a);
    cove_buf_clear(&b);
}

START_TEST(numbers_sort_by_value_whatever_they_are)
{
    static const int64_t ints[] = {INT64_MIN,
                                   INT64_MIN + 1,
                                   -((INT64_C(1) << 53) + 1),
                                   -(INT64_C(1) << 53),
                                   -2,
                                   -1,
                                   0,
                                   1,
                                   2,
                                   255,
                                   (INT64_C(1) << 53) - 1,
                                   INT64_C(1) << 53,
                                   (INT64_C(1) << 53) + 1,
                                   (INT64_C(1) << 53) + 2,
                                   INT64_MAX - 1,
                                   INT64_MAX};
    static const double floats[] = {-INFINITY,  -0x1p63 * 2, -1.5,
                                    -0x1p-1074, 0x1p-1074,   0.5,
                                    0x1p63 * 2, INFINITY};

    for (size_t i = 1; i < COVE_ARRAY_LEN(ints); i++) {
        before(of_int(ints[i - 1]), of_int(ints[i]));
    }
    for (size_t i = 1; i < COVE_ARRAY_LEN(floats); i++) {
        before(of_float(floats[i - 1]), of_float(floats[i]));
    }
    for (size_t i = 0; i < COVE_ARRAY_LEN(ints); i++) {
        double back = (double)ints[i];

        before(of_float(NAN), of_int(ints[i]));
        before(of_float(-INFINITY), of_int(ints[i]));
        before(of_int(ints[i]), of_float(INFINITY));
        if (back < 0x1p63 && (int64_t)back == ints[i]) {
            same(of_int(ints[i]), of_float(back));
        } else if (back >= 0x1p63 || (int64_t)back > ints[i]) {
            before(of_int(ints[i]), of_float(back));
        } else {
            before(of_float(back), of_int(ints[i]));
        }
    }
    same(of_float(-0.0), of_int(0));
    before(of_float(NAN), of_float(-INFINITY));
    before(of_int(1), of_float(1.5));
    before(of_float(1.5), of_int(2));
    before(of_float(-1.5), of_int(-1));
}
END_TEST

START_TEST(texts_sort_bytewise_and_a_beginning_before_the_whole)
{
    static const struct {
        const char *at;
        size_t len;
    } texts[] = {{"", 0},      {"\0", 1}, {"\0\0", 2}, {"\0a", 2},
                 {"\x01", 1},  {"a", 1},  {"a\0", 2},  {"a\0b", 3},
                 {"a\x01", 2}, {"aa", 2}, {"b", 1},    {"\xc3\xa4", 2}};

    for (size_t i = 1; i < COVE_ARRAY_LEN(texts); i++) {
        before(of_text(texts[i - 1].at, texts[i - 1].len, false),
               of_text(texts[i].at, texts[i].len, false));
        before(of_text(texts[i - 1].at, texts[i - 1].len, true),
               of_text(texts[i].at, texts[i].len, true));
    }
}
END_TEST

static struct cove_buf raw(const void *at, size_t len)
{
    struct cove_buf value;

    cove_buf_init(&value, &cove_alloc_libc);
    ck_assert_int_eq(cove_buf_append(&value, cove_bytes(at, len)), 0);
    return value;
}

START_TEST(types_have_an_order_of_their_own)
{
    struct cove_buf tags;

    cove_buf_init(&tags, &cove_alloc_libc);
    ck_assert_int_eq(cove_order_tag(&tags, COVE_ORDER_MISSING), 0);
    ck_assert_int_eq(cove_order_tag(&tags, COVE_ORDER_INVALID), 0);
    ck_assert_int_eq(cove_order_tag(&tags, COVE_ORDER_NULL), 0);
    ck_assert_uint_lt(tags.at[0], tags.at[1]);
    ck_assert_uint_lt(tags.at[1], tags.at[2]);
    cove_buf_clear(&tags);
    before(raw("\xf6", 1), raw("\xf4", 1)); /* null, false */
    before(raw("\xf4", 1), raw("\xf5", 1));
    before(raw("\xf5", 1), of_float(NAN));
    before(of_float(INFINITY), of_text("", 0, false));
    before(of_text("\xff\xff", 2, false), of_text("", 0, true));
    before(of_text("\xff\xff", 2, true), raw("\x80", 1));
    before(raw("\x81\x01", 2), raw("\x82\x01\x01", 3));
    before(raw("\x82\x01\x01", 3), raw("\xa0", 1));
}
END_TEST

START_TEST(what_is_cut_still_sorts_weakly)
{
    struct cove_buf whole = encoded(of_text("abcdef", 6, false), SIZE_MAX);

    for (size_t max = 0; max <= whole.len; max++) {
        struct cove_buf cut = encoded(of_text("abcdef", 6, false), max);

        ck_assert_uint_eq(cut.len, max);
        ck_assert(max == 0 || memcmp(cut.at, whole.at, max) == 0);
        ck_assert_uint_eq(cove_order_len(cove_buf_bytes(&cut)),
                          max < whole.len ? 0 : whole.len);
        cove_buf_clear(&cut);
    }
    cove_buf_clear(&whole);
}
END_TEST

START_TEST(a_range_of_texts_has_two_ends)
{
    struct cove_buf begin, end, a = encoded(of_text("ab", 2, false), SIZE_MAX);
    struct cove_buf b = encoded(of_text("ab\xff\xff", 4, false), SIZE_MAX);
    struct cove_buf c = encoded(of_text("ac", 2, false), SIZE_MAX);

    cove_buf_init(&begin, &cove_alloc_libc);
    cove_buf_init(&end, &cove_alloc_libc);
    ck_assert_int_eq(
        cove_order_text_prefix(&begin, cove_bytes_text("ab"), SIZE_MAX), 0);
    ck_assert_int_eq(cove_buf_append(&end, cove_buf_bytes(&begin)), 0);
    cove_order_after(&end, 0);
    ck_assert_int_le(
        cove_bytes_compare(cove_buf_bytes(&begin), cove_buf_bytes(&a)), 0);
    ck_assert_int_lt(
        cove_bytes_compare(cove_buf_bytes(&b), cove_buf_bytes(&end)), 0);
    ck_assert_int_ge(
        cove_bytes_compare(cove_buf_bytes(&c), cove_buf_bytes(&end)), 0);
    cove_buf_clear(&begin);
    cove_buf_clear(&end);
    cove_buf_clear(&a);
    cove_buf_clear(&b);
    cove_buf_clear(&c);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("order");
    TCase *tests = tcase_create("order");

    tcase_add_test(tests, numbers_sort_by_value_whatever_they_are);
    tcase_add_test(tests, texts_sort_bytewise_and_a_beginning_before_the_whole);
    tcase_add_test(tests, types_have_an_order_of_their_own);
    tcase_add_test(tests, what_is_cut_still_sorts_weakly);
    tcase_add_test(tests, a_range_of_texts_has_two_ends);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
