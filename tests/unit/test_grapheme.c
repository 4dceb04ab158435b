/* Grapheme clusters, by Unicode's own examples and the well-known hard ones. A
 * build without the library has one test: it says so. */
#include <stdio.h>

#include "core/grapheme.h"
#include "tests/unit/harness.h"

#define CLUSTERS_MAX 6

#define ZWJ    "\xe2\x80\x8d"
#define WOMAN  "\xf0\x9f\x91\xa9"
#define GIRL   "\xf0\x9f\x91\xa7"
#define BOY    "\xf0\x9f\x91\xa6"
#define HEART  "\xe2\x9d\xa4"
#define VS16   "\xef\xb8\x8f"
#define SKIN   "\xf0\x9f\x8f\xbd"
#define RI_D   "\xf0\x9f\x87\xa9"
#define RI_E   "\xf0\x9f\x87\xaa"
#define RI_F   "\xf0\x9f\x87\xab"
#define TILDE  "\xcc\x83"
#define KA     "\xe0\xa4\x95"
#define VIRAMA "\xe0\xa5\x8d"
#define SSA    "\xe0\xa4\xb7"
#define SIGN_I "\xe0\xa4\xbf"
#define L_HAN  "\xe1\x84\x92" /* Hangul: leading, vowel, trailing; made up */
#define V_HAN  "\xe1\x85\xa1"
#define T_HAN  "\xe1\x86\xab"
#define HAN    "\xed\x95\x9c"
#define GA     "\xea\xb0\x80"

/* Each a text, given as its clusters. */
static const char *const examples[][CLUSTERS_MAX + 1] = {
    {NULL},
    {"a"},
    {"a", "b", "c"},
    {"\r\n"},
    {"\n", "\r"},
    {"a", "\r\n", "\n", "\r", "b"},
    {"\r", "\xcc\x83"}, /* nothing hangs on a control character */
    {"a" TILDE, "o" TILDE "\xcc\xa3", "n"},
    {TILDE, "a"}, /* a mark without a letter */
    {WOMAN ZWJ WOMAN ZWJ GIRL ZWJ BOY},
    {WOMAN ZWJ WOMAN, WOMAN, BOY},
    {WOMAN SKIN, "x"},
    {WOMAN SKIN ZWJ HEART VS16 ZWJ WOMAN SKIN},
    {"a" ZWJ, WOMAN}, /* joins pictures only */
    {RI_D RI_E, RI_F, "x"},
    {RI_D RI_E, RI_F RI_D, RI_E RI_F},
    {RI_D, "x", RI_E RI_F},
    {RI_D TILDE, RI_E RI_F},
    {L_HAN V_HAN T_HAN, L_HAN V_HAN, L_HAN},
    {HAN, GA T_HAN},
    {L_HAN L_HAN GA, HAN T_HAN},
    {V_HAN T_HAN, V_HAN},
    {KA SIGN_I, SSA},
    {"1" VS16 "\xe2\x83\xa3", "2"},                /* keycap */
    {"\xe0\xb8\x99\xe0\xb9\x89\xe0\xb8\xb3", "x"}, /* Thai, nam */
    {"\xd8\x80"
     "1",
     "2"}, /* a prepended sign */
};

static struct cove_bytes example_text(const char *const *clusters,
                                      struct cove_buf *buf)
{
    for (size_t i = 0; clusters[i] != NULL; i++) {
        ck_assert_int_eq(cove_buf_append(buf, cove_bytes_text(clusters[i])), 0);
    }
    return cove_buf_bytes(buf);
}

/* All four questions at every offset of a text; `example` says which. */
static void example_check(size_t example, const char *const *clusters,
                          struct cove_bytes text)
{
    struct cove_diag diag = {0};
    size_t at = 0;
    size_t n = 0;
    size_t got = 0;

    for (size_t offset = 0; offset <= text.len; offset++) {
        bool boundary = offset == at;
        int err = cove_grapheme_index(text, offset, &got, NULL);

        ck_assert_msg(err == (boundary ? 0 : COVE_EUSAGE), "%zu: at %zu %d",
                      example, offset, err);
        if (!boundary) {
            continue;
        }
        ck_assert_uint_eq(got, n);
        ck_assert_int_eq(cove_grapheme_offset(text, n, &got, NULL), 0);
        ck_assert_uint_eq(got, at);
        if (clusters[n] != NULL) {
            ck_assert_int_eq(cove_grapheme_next(text, at, &got, NULL), 0);
            at += strlen(clusters[n++]);
            ck_assert_msg(got == at, "%zu: %zu, not %zu", example, got, at);
        }
    }
    ck_assert_int_eq(cove_grapheme_count(text, &got, NULL), 0);
    ck_assert_msg(got == n, "%zu: %zu clusters, not %zu", example, got, n);
    ck_assert_int_eq(cove_grapheme_next(text, text.len, &got, NULL),
                     COVE_EUSAGE);
    ck_assert_int_eq(cove_grapheme_offset(text, n + 1, &got, NULL),
                     COVE_EUSAGE);
    ck_assert_int_eq(cove_grapheme_index(text, text.len + 1, &got, &diag),
                     COVE_EUSAGE);
    ck_assert_ptr_nonnull(strstr(diag.text, "no boundary"));
    ck_assert_uint_eq(got, n);
}

START_TEST(clusters_are_what_unicode_says)
{
    for (size_t i = 0; i < COVE_ARRAY_LEN(examples); i++) {
        struct cove_buf buf;

        cove_buf_init(&buf, &cove_alloc_libc);
        example_check(i, examples[i], example_text(examples[i], &buf));
        cove_buf_clear(&buf);
    }
}
END_TEST

START_TEST(indic_conjuncts_hold_together_where_the_version_has_them)
{
    int major = 0;
    int minor = 0;
    size_t count = 0;

    ck_assert_int_eq(sscanf(cove_grapheme_version(), "%d.%d", &major, &minor),
                     2);
    ck_assert_int_eq(cove_grapheme_count(cove_bytes_text(KA VIRAMA SSA SIGN_I),
                                         &count, NULL),
                     0);
    /* Rule GB9c came with Unicode 15.1. */
    ck_assert_uint_eq(count, major * 100 + minor >= 1501 ? 1 : 2);
}
END_TEST

START_TEST(a_text_that_is_no_utf8_is_refused)
{
    static const char *const bad[] = {"\x80", "ab\xff", "ab\xc3",
                                      "a\xcc\x83\xed\xa0\x80"};
    struct cove_diag diag = {0};
    size_t got = 7;

    for (size_t i = 0; i < COVE_ARRAY_LEN(bad); i++) {
        struct cove_bytes text = cove_bytes_text(bad[i]);

        ck_assert_int_eq(cove_grapheme_count(text, &got, NULL), COVE_EFORMAT);
        ck_assert_int_eq(cove_grapheme_offset(text, 9, &got, NULL),
                         COVE_EFORMAT);
        ck_assert_int_eq(cove_grapheme_index(text, text.len, &got, NULL),
                         COVE_EFORMAT);
    }
    ck_assert_int_eq(
        cove_grapheme_next(cove_bytes_text("ab\xff"), 2, &got, &diag),
        COVE_EFORMAT);
    ck_assert_str_eq(diag.text, "the text is not UTF-8 at offset 2");
    ck_assert_uint_eq(got, 7);
    /* What is wrong behind the answer does not matter. */
    ck_assert_int_eq(
        cove_grapheme_next(cove_bytes_text("ab\xff"), 0, &got, NULL), 0);
    ck_assert_uint_eq(got, 1);
}
END_TEST

START_TEST(a_build_without_the_library_says_what_is_missing)
{
    struct cove_bytes text = cove_bytes_text("a");
    struct cove_diag diag = {0};
    size_t got = 7;

    ck_assert_int_eq(cove_grapheme_count(text, &got, &diag), COVE_EUNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(diag.text, "libutf8proc-dev"));
    ck_assert_int_eq(cove_grapheme_count(cove_bytes(NULL, 0), &got, NULL),
                     COVE_EUNSUPPORTED);
    ck_assert_int_eq(cove_grapheme_next(text, 0, &got, NULL),
                     COVE_EUNSUPPORTED);
    ck_assert_int_eq(cove_grapheme_offset(text, 0, &got, NULL),
                     COVE_EUNSUPPORTED);
    ck_assert_int_eq(cove_grapheme_index(text, 0, &got, NULL),
                     COVE_EUNSUPPORTED);
    ck_assert_uint_eq(got, 7);
}
END_TEST

static Suite *grapheme_suite(void)
{
    Suite *suite = suite_create("grapheme");
    TCase *t = tcase_create("grapheme");

    if (cove_grapheme_version() != NULL) {
        tcase_add_test(t, clusters_are_what_unicode_says);
        tcase_add_test(
            t, indic_conjuncts_hold_together_where_the_version_has_them);
        tcase_add_test(t, a_text_that_is_no_utf8_is_refused);
    } else {
        tcase_add_test(t, a_build_without_the_library_says_what_is_missing);
    }
    suite_add_tcase(suite, t);
    return suite;
}

int main(void)
{
    return harness_run(grapheme_suite());
}
