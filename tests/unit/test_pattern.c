/* test_pattern.c: regular expressions of ECMA-262: what they are, and what
 * they match. */
#include <stdio.h>

#include "cove/error.h"
#include "schema/ecma.h"
#include "schema/pattern.h"
#include "tests/unit/harness.h"

static struct cove_arena arena;
static struct cove_diag diag;

static void setup(void)
{
    cove_arena_init(&arena, &cove_alloc_libc);
    cove_diag_clear(&diag);
}

static void teardown(void)
{
    cove_arena_clear(&arena);
}

static bool matches(const char *pattern, const char *text)
{
    const struct cove_pattern *code = NULL;
    struct cove_pattern_scratch scratch;
    bool found = false;

    cove_diag_clear(&diag);
    ck_assert_msg(
        cove_pattern_new(&arena, cove_bytes_text(pattern), &code, &diag) == 0,
        "%s: %s", pattern, diag.text);
    cove_pattern_scratch_init(&scratch, &cove_alloc_libc);
    ck_assert_msg(cove_pattern_match(code, cove_bytes_text(text), &scratch,
                                     &found, &diag) == 0,
                  "%s: %s", pattern, diag.text);
    cove_pattern_scratch_clear(&scratch);
    return found;
}

START_TEST(patterns_match_as_in_ecma_262)
{
    static const struct {
        const char *pattern, *text;
        bool matches;
    } all[] = {
        {"", "", true},
        {"a", "bab", true},
        {"^a", "ba", false},
        {"a$", "a\n", false},           /* $ is the end, not the last line's */
        {"^.$", "\xe2\x80\xa8", false}, /* U+2028 ends a line */
        {"^.$", "\r", false},
        {"^.$", "\xf0\x9f\x98\x80", true}, /* one code point */
        {"^\\d+$", "123", true},
        {"^\\d$", "\xd9\xa1", false}, /* ARABIC-INDIC DIGIT ONE */
        {"^\\D$", "\xd9\xa1", true},
        {"^\\w+$", "az_09", true},
        {"^\\w$", "\xc3\xa9", false},
        {"^\\W$", "\xc3\xa9", true},
        {"^\\s$", "\xc2\xa0", true},
        {"^\\s$", "\xef\xbb\xbf", true},
        {"^\\S$", "\xe2\x80\x89", false},
        {"^[\\S]$", "\xe2\x80\x89", false},
        {"^[\\Sx]$", "a", true},
        {"^[^\\s]$", "\xc2\xa0", false},
        {"\\bfoo\\b", "a foo", true},
        {"\\Boo", "foo", true},
        {"^\\p{Letter}+$", "\xc3\xa9\xce\xb1", true},
        {"^\\p{L}$", "1", false},
        {"^\\P{Lu}$", "A", false},
        {"^\\p{Script=Greek}+$", "\xce\xb1\xce\xb2", true},
        {"^\\p{sc=Grek}$", "a", false},
        {"^\\p{gc=Decimal_Number}$", "\xd9\xa1", true},
        {"^\\p{ASCII}$", "a", true},
        {"^\\p{Emoji}$", "\xf0\x9f\x98\x80", true},
        {"^\\p{Assigned}$", "a", true},
        {"^[\\p{Ll}\\d]+$", "a1", true},
        {"^\\u0041\\x42\\u{43}$", "ABC", true},
        {"^\\ud83d\\ude00$", "\xf0\x9f\x98\x80", true},
        {"^[\\ud83d\\ude00]$", "\xf0\x9f\x98\x80", true},
        {"\\ud83d", "\xf0\x9f\x98\x80", false}, /* half of one is none */
        {"^\\cA\\cz$", "\x01\x1a", true},
        {"^\\t\\n\\v\\f\\r$", "\t\n\v\f\r", true},
        {"^[\\b]$", "\b", true},
        {"^[a-c\\-x]+$", "b-x", true},
        {"^[-a]+$", "-a", true},
        {"^[a-]+$", "-a", true},
        {"^[[:alpha:]+$", "a:[", true}, /* no class of POSIX */
        {"^[&&]$", "&", true},
        {"^[]", "a", false}, /* [] is empty */
        {"^[^]$", "\n", true},
        {"^(a)(?:b)\\1$", "aba", true},
        {"^(?<x>a)\\k<x>$", "aa", true},
        {"^\\k<x>(?<x>a)$", "a", true}, /* not yet matched: empty */
        {"^(?:(a)|b)\\1$", "b", true},
        {"a(?=b)", "ab", true},
        {"a(?!b)", "ab", false},
        {"(?<=a)b", "ab", true},
        {"(?<!a)b", "ab", false},
        {"^a{2,3}?$", "aaa", true},
        {"^a{2}$", "aaa", false},
        {"^\\.\\/\\-\\@$", "./-@", true},
        {"^#\\#$", "##", true},
        {"^\"'$", "\"'", true},
        {"a|", "b", true},
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(all) && cove_patterns_are_built();
         i++) {
        ck_assert_msg(matches(all[i].pattern, all[i].text) == all[i].matches,
                      "%s on %s", all[i].pattern, all[i].text);
    }
}
END_TEST

START_TEST(what_ecma_262_does_not_know_is_refused)
{
    static const char *const bad[] = {
        "(",       ")",      "(a",           "a)",          "[a",
        "a]",      "a{",     "a{,2}",        "a{2",         "a{3,2}",
        "{1}",     "*a",     "a**",          "a++",         "a{1}{2}",
        "^*",      "\\b+",   "(?=a)*",       "(?<=a)+",     "\\",
        "\\A",     "\\z",    "\\Z",          "\\Q",         "\\K",
        "\\h",     "\\R",    "\\a",          "\\e",         "\\G",
        "\\1",     "(a)\\2", "\\k<a>",       "\\kx",        "(?<a>)(?<a>)",
        "(?<1>a)", "(?<>a)", "(?i)a",        "(?i:a)",      "(?>a)",
        "(?|a)",   "(?#a)",  "(*FAIL)",      "(?R)",        "(?P<a>b)",
        "\\p",     "\\p{",   "\\p{No_Such}", "\\p{Greek}",  "\\pL",
        "\\x1",    "\\u12",  "\\u{}",        "\\u{110000}", "\\c1",
        "\\01",    "[b-a]",  "[\\d-z]",      "[a-\\d]",     "\\y",
        "}",
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(bad); i++) {
        const struct cove_pattern *code = NULL;

        cove_diag_clear(&diag);
        ck_assert_msg(cove_pattern_new(&arena, cove_bytes_text(bad[i]), &code,
                                       &diag) == COVE_EFORMAT,
                      "%s", bad[i]);
        ck_assert_ptr_nonnull(code);
        ck_assert_ptr_nonnull(
            strstr(diag.text, "no regular expression of ECMA-262: "));
        ck_assert_int_eq(
            cove_ecma_translate(cove_bytes_text(bad[i]), NULL, NULL),
            COVE_EFORMAT);
    }
}
END_TEST

START_TEST(nests_and_names_are_bounded)
{
    char text[1200];

    memset(text, '(', 101);
    memset(text + 101, ')', 101);
    text[202] = '\0';
    ck_assert_int_eq(cove_ecma_translate(cove_bytes_text(text), NULL, &diag),
                     COVE_EFORMAT);
    ck_assert_ptr_nonnull(strstr(diag.text, "nested too deep"));

    size_t len = 0;

    for (int i = 0; i < 65; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "(?<n%d>)", i);
    }
    cove_diag_clear(&diag);
    ck_assert_int_eq(cove_ecma_translate(cove_bytes_text(text), NULL, &diag),
                     COVE_EFORMAT);
    ck_assert_ptr_nonnull(strstr(diag.text, "more named groups than 64"));
}
END_TEST

START_TEST(what_pcre2_cannot_do_is_refused_with_its_reason)
{
    const struct cove_pattern *code = NULL;

    if (!cove_patterns_are_built()) {
        ck_assert_int_eq(
            cove_pattern_new(&arena, cove_bytes_text("a"), &code, &diag),
            COVE_EUNSUPPORTED);
        return;
    }
    ck_assert_int_eq(
        cove_pattern_new(&arena, cove_bytes_text("(?<=a+)b"), &code, &diag),
        COVE_EFORMAT);
    ck_assert_ptr_nonnull(strstr(diag.text, "PCRE2 cannot do it: lookbehind"));
    cove_diag_clear(&diag);
    ck_assert_int_eq(
        cove_pattern_new(&arena, cove_bytes_text("a{70000}"), &code, &diag),
        COVE_EFORMAT);
    cove_diag_clear(&diag);
    ck_assert_int_eq(
        cove_pattern_new(&arena,
                         cove_bytes_text("(((((x{999}){999}){999}){999}))"),
                         &code, &diag),
        COVE_EFORMAT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pattern");
    TCase *tests = tcase_create("pattern");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, patterns_match_as_in_ecma_262);
    tcase_add_test(tests, what_ecma_262_does_not_know_is_refused);
    tcase_add_test(tests, nests_and_names_are_bounded);
    tcase_add_test(tests, what_pcre2_cannot_do_is_refused_with_its_reason);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
