/* Compression of records. */
#include "core/zip.h"
#include "cove/error.h"
#include "tests/unit/harness.h"

static void zip_text(const char *text, size_t len, struct cove_buf *out)
{
    cove_buf_init(out, &cove_alloc_libc);
    ck_assert_int_eq(cove_zip(cove_bytes(text, len), out), 0);
}

START_TEST(what_is_compressed_comes_back)
{
    static char text[3000000];
    struct cove_buf zipped, out;

    memset(text, 'x', sizeof(text));
    for (size_t len = 0; len <= sizeof(text); len = len * 7 + 1) {
        zip_text(text, len, &zipped);
        cove_buf_init(&out, &cove_alloc_libc);
        ck_assert_int_eq(cove_buf_append(&out, cove_bytes("ab", 2)), 0);
        ck_assert_int_eq(cove_unzip(cove_buf_bytes(&zipped), len, &out), 0);
        ck_assert_uint_eq(out.len, len + 2);
        ck_assert(memcmp(out.at, "ab", 2) == 0);
        ck_assert(len == 0 || memcmp(out.at + 2, text, len) == 0);
        cove_buf_clear(&zipped);
        cove_buf_clear(&out);
    }
}
END_TEST

START_TEST(another_length_or_damage_is_corrupt)
{
    char text[500];
    struct cove_buf zipped, out;

    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (char)(i * i % 61);
    }
    zip_text(text, sizeof(text), &zipped);
    cove_buf_init(&out, &cove_alloc_libc);

    struct cove_bytes whole = cove_buf_bytes(&zipped);

    ck_assert_int_eq(cove_unzip(whole, 499, &out), COVE_ECORRUPT);
    ck_assert_int_eq(cove_unzip(whole, 501, &out), COVE_ECORRUPT);
    ck_assert_int_eq(cove_unzip(whole, 0, &out), COVE_ECORRUPT);
    for (size_t len = 0; len < whole.len; len++) {
        ck_assert_int_eq(
            cove_unzip(cove_bytes(whole.at, len), sizeof(text), &out),
            COVE_ECORRUPT);
    }
    for (size_t i = 0; i < whole.len; i++) {
        zipped.at[i] ^= 0x10; /* one of them is not used */

        int err = cove_unzip(whole, sizeof(text), &out);

        ck_assert(err == COVE_ECORRUPT ||
                  (err == 0 && memcmp(out.at, text, sizeof(text)) == 0));
        out.len = 0;
        zipped.at[i] ^= 0x10;
    }
    ck_assert_int_eq(cove_buf_append(&zipped, cove_bytes("", 1)), 0);
    ck_assert_int_eq(cove_unzip(cove_buf_bytes(&zipped), sizeof(text), &out),
                     COVE_ECORRUPT);
    ck_assert_uint_eq(out.len, 0);
    cove_buf_clear(&zipped);
    cove_buf_clear(&out);
}
END_TEST

START_TEST(a_claimed_length_takes_no_memory)
{
    struct cove_buf zipped, out;

    zip_text("little", 6, &zipped);
    cove_buf_init(&out, &cove_alloc_libc);
    ck_assert_int_eq(cove_unzip(cove_buf_bytes(&zipped), (size_t)1 << 40, &out),
                     COVE_ECORRUPT);
    ck_assert_uint_lt(out.cap, 4194304);
    cove_buf_clear(&zipped);
    cove_buf_clear(&out);
}
END_TEST

START_TEST(without_memory_the_buffer_stays)
{
    struct harness_alloc h;
    struct cove_buf zipped, out;

    harness_alloc_init(&h, 1);
    cove_buf_init(&out, &h.alloc);
    ck_assert_int_eq(cove_zip(cove_bytes("little", 6), &out), COVE_ENOMEM);
    ck_assert_ptr_null(out.at);
    zip_text("little", 6, &zipped);
    harness_alloc_init(&h, 1);
    ck_assert_int_eq(cove_unzip(cove_buf_bytes(&zipped), 6, &out), COVE_ENOMEM);
    ck_assert_ptr_null(out.at);
    cove_buf_clear(&zipped);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("zip");
    TCase *tcase = tcase_create("zip");

    tcase_add_test(tcase, what_is_compressed_comes_back);
    tcase_add_test(tcase, another_length_or_damage_is_corrupt);
    tcase_add_test(tcase, a_claimed_length_takes_no_memory);
    tcase_add_test(tcase, without_memory_the_buffer_stays);
    suite_add_tcase(suite, tcase);
    return harness_run(suite);
}
