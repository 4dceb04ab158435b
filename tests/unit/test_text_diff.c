/* Differences of rows of symbols and of texts: what a script makes of the old
 * one is the new one, it is a shortest one where it claims to be, and it never
 * costs more than its bound. */
#include <stdio.h>

#include "core/arena.h"
#include "core/utf8.h"
#include "cove/error.h"
#include "crdt/symbol_diff.h"
#include "crdt/text_diff.h"
#include "tests/unit/harness.h"

#define ROW_MAX 64

static struct cove_arena arena;

static void setup(void)
{
    cove_arena_init(&arena, &cove_alloc_libc);
}

static void teardown(void)
{
    cove_arena_clear(&arena);
}

static uint32_t draw(struct harness_env *h, uint32_t below)
{
    uint32_t v;

    harness_random(h, &v, sizeof(v));
    return v % below;
}

/* --- rows */

/* The least number of removals and insertions, the slow way. */
static size_t row_distance(const uint32_t *a, size_t n, const uint32_t *b,
                           size_t m)
{
    size_t kept[ROW_MAX + 1][ROW_MAX + 1]; /* longest common subsequence */

    for (size_t i = 0; i <= n; i++) {
        for (size_t j = 0; j <= m; j++) {
            if (i == 0 || j == 0) {
                kept[i][j] = 0;
            } else if (a[i - 1] == b[j - 1]) {
                kept[i][j] = kept[i - 1][j - 1] + 1;
            } else {
                kept[i][j] = kept[i - 1][j] > kept[i][j - 1] ? kept[i - 1][j]
                                                             : kept[i][j - 1];
            }
        }
    }
    return n + m - 2 * kept[n][m];
}

/* Does the script make a into b, ascending, each edit an edit, with something
 * that stays between two? How long it is in *len. */
static bool row_becomes(const uint32_t *a, size_t n, const uint32_t *b,
                        size_t m, const struct cove_diff_edit *edits,
                        size_t count, size_t *len)
{
    size_t i = 0;
    size_t j = 0;

    *len = 0;
    for (size_t e = 0; e <= count; e++) {
        size_t at = e < count ? edits[e].at : n;
        size_t start = i;

        for (; i < at; i++, j++) {
            if (i >= n || j >= m || a[i] != b[j]) {
                return false;
            }
        }
        if (e == count) {
            break;
        }
        if (edits[e].at < start || (e > 0 && i == start) ||
            edits[e].from != j || edits[e].removed + edits[e].inserted == 0) {
            return false;
        }
        i += edits[e].removed;
        j += edits[e].inserted;
        *len += edits[e].removed + edits[e].inserted;
    }
    return i == n && j == m;
}

START_TEST(a_script_of_symbols_makes_the_new_row_and_is_a_shortest_one)
{
    struct harness_env h;
    uint32_t a[ROW_MAX], b[ROW_MAX];
    size_t wrong = 0;
    size_t longer = 0;

    harness_env_init(&h, 1);
    for (size_t round = 0; round < 8000; round++) {
        size_t n = draw(&h, ROW_MAX + 1);
        size_t m = draw(&h, ROW_MAX + 1);
        uint32_t letters = 1 + draw(&h, round % 3 == 0 ? 100 : 4);
        struct cove_diff_edit *edits;
        size_t count;
        size_t len;

        for (size_t i = 0; i < n; i++) {
            a[i] = draw(&h, letters) * 0x01000193u;
        }
        for (size_t j = 0; j < m; j++) {
            /* Half of the rows are much like the other. */
            b[j] = round % 2 == 0 && j < n && draw(&h, 5) > 0
                       ? a[j]
                       : draw(&h, letters) * 0x01000193u;
        }
        ck_assert_int_eq(cove_diff_symbols(&arena, a, n, b, m, &edits, &count),
                         0);
        wrong += !row_becomes(a, n, b, m, edits, count, &len);
        longer += len != row_distance(a, n, b, m);
        cove_arena_reset(&arena);
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_eq(longer, 0);
}
END_TEST

START_TEST(empty_rows_and_equal_rows_have_their_scripts)
{
    static const uint32_t row[] = {7, 8, 9};
    struct cove_diff_edit *edits;
    size_t count;

    ck_assert_int_eq(
        cove_diff_symbols(&arena, NULL, 0, NULL, 0, &edits, &count), 0);
    ck_assert_uint_eq(count, 0);
    ck_assert_int_eq(cove_diff_symbols(&arena, row, 3, row, 3, &edits, &count),
                     0);
    ck_assert_uint_eq(count, 0);
    ck_assert_int_eq(cove_diff_symbols(&arena, NULL, 0, row, 3, &edits, &count),
                     0);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(edits[0].inserted, 3);
    ck_assert_int_eq(cove_diff_symbols(&arena, row, 3, NULL, 0, &edits, &count),
                     0);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(edits[0].removed, 3);
    ck_assert_int_eq(cove_diff_symbols(&arena, NULL,
                                       COVE_DIFF_SYMBOLS_MAX + (size_t)1, row,
                                       3, &edits, &count),
                     COVE_ELIMIT);
}
END_TEST

/* Rows of 60,000, by kind. */
enum { LONG = 60000 };

static uint32_t *row_make(struct harness_env *h, int kind, bool second)
{
    uint32_t *row = malloc(LONG * sizeof(*row));

    ck_assert_ptr_nonnull(row);
    for (uint32_t i = 0; i < LONG; i++) {
        switch (kind) {
        case 0: /* nothing in common */
            row[i] = i + (second ? LONG : 0);
            break;
        case 1: /* chance only */
            row[i] = draw(h, 26);
            break;
        case 2: /* two letters */
            row[i] = draw(h, 2);
            break;
        case 3: /* the same symbols, in the other direction */
            row[i] = second ? LONG - i : i + 1;
            break;
        case 4: /* unlike, then very alike and periodic */
            row[i] = i < 5000 ? (second ? 5 : 6) : i % 2 + (i == 30000u);
            break;
        default: /* every third one is a new one */
            row[i] = second && i % 3 == 0 ? i + LONG : i;
            break;
        }
    }
    return row;
}

START_TEST(the_most_different_rows_cost_no_more_than_the_bound)
{
    struct harness_env h;

    harness_env_init(&h, 3);
    for (int kind = 0; kind < 6; kind++) {
        uint32_t *a = row_make(&h, kind, false);
        uint32_t *b = row_make(&h, kind, true);
        struct cove_diff_row old_row = {a, LONG};
        struct cove_diff_row new_row = {b, LONG - 7};
        struct cove_diff_work work = {.search = COVE_DIFF_SEARCH_MAX};
        struct cove_diff_edit *edits;
        size_t count;
        size_t len;

        cove_arena_init(&work.scratch, &cove_alloc_libc);
        ck_assert_int_eq(
            cove_diff_rows(&arena, old_row, new_row, &work, &edits, &count), 0);
        ck_assert(row_becomes(a, LONG, b, LONG - 7, edits, count, &len));
        /* One run of kept symbols may follow the last step that is counted. */
        ck_assert_uint_le(work.steps, COVE_DIFF_STEPS_MAX + LONG);
        if (kind == 5) { /* by anchors it is a shortest one all the same */
            ck_assert_uint_eq(len, (size_t)2 * ((LONG - 7 + 2) / 3) + 7);
        }
        cove_arena_clear(&work.scratch);
        free(a);
        free(b);
    }
}
END_TEST

START_TEST(who_refuses_what_is_dear_is_told_and_gets_nothing)
{
    struct harness_env h;

    harness_env_init(&h, 4);

    uint32_t *a = row_make(&h, 1, false);
    uint32_t *b = row_make(&h, 1, true);
    struct cove_diff_row old_row = {a, LONG};
    struct cove_diff_row new_row = {b, LONG};
    struct cove_diff_work work = {.search = 5000, .refuse = true};
    struct cove_diff_edit *edits = NULL;
    size_t count = 7;

    cove_arena_init(&work.scratch, &cove_alloc_libc);
    ck_assert_int_eq(
        cove_diff_rows(&arena, old_row, new_row, &work, &edits, &count),
        COVE_ELIMIT);
    ck_assert_ptr_null(edits);
    ck_assert_uint_eq(count, 7);
    ck_assert_uint_ge(work.steps, 5000);
    ck_assert_uint_le(work.steps, 5100);
    cove_arena_clear(&work.scratch);
    free(a);
    free(b);
}
END_TEST

START_TEST(a_share_is_fair_and_never_too_small)
{
    ck_assert_uint_eq(cove_diff_share(1, 2), COVE_DIFF_SEARCH_MAX / 2);
    ck_assert_uint_eq(cove_diff_share(1, 100000), COVE_DIFF_SEARCH_MIN);
    ck_assert_uint_eq(cove_diff_share(0, 0), COVE_DIFF_SEARCH_MIN);
}
END_TEST

/* --- texts */

/* Apply a script to the old text; false where it is no script for it. */
static bool text_apply(struct cove_bytes old_text,
                       const struct cove_text_edits *edits,
                       struct cove_buf *out)
{
    size_t done = 0; /* code points of the old text */

    for (size_t i = 0; i <= edits->count; i++) {
        const struct cove_text_edit *e =
            i < edits->count ? &edits->at[i] : NULL;
        size_t at = e != NULL ? e->at : cove_utf8_count(old_text);
        size_t from, end;

        if (at < done || (e != NULL && i > 0 && at == done) ||
            cove_utf8_offset(old_text, done, &from) != 0 ||
            cove_utf8_offset(old_text, at, &end) != 0) {
            return false;
        }
        if (end > from) {
            ck_assert_int_eq(cove_buf_append(out, cove_bytes(old_text.at + from,
                                                             end - from)),
                             0);
        }
        if (e == NULL) {
            return true;
        }
        if (e->removed == 0 && e->inserted.len == 0) {
            return false;
        }
        ck_assert_int_eq(cove_buf_append(out, e->inserted), 0);
        done = at + e->removed;
    }
    return true;
}

static bool text_becomes(struct cove_bytes old_text, struct cove_bytes new_text,
                         enum cove_diff_grain grain,
                         struct cove_text_edits *edits)
{
    struct cove_buf buf;
    bool same;

    cove_buf_init(&buf, &cove_alloc_libc);
    ck_assert_int_eq(cove_diff_texts(&arena, old_text, new_text, grain, edits),
                     0);
    same = text_apply(old_text, edits, &buf) &&
           cove_bytes_equal(cove_buf_bytes(&buf), new_text);
    cove_buf_clear(&buf);
    return same;
}

static const char *const pieces[] = {
    "a",    "b",         "e",          " ",           "\n",   ".",
    "ü",    "ö",         "ā",          "語",          "言",   "😀",
    "😁",    "the ",      "over",       "lazy ",       "\r\n", "e\xcc\x81",
    "word", "Schönheit", "日本語の文", "\xe2\x80\x8d"};

static void text_add(struct harness_env *h, struct cove_buf *buf, size_t most,
                     uint32_t kinds)
{
    for (size_t i = draw(h, (uint32_t)most + 1); i > 0; i--) {
        ck_assert_int_eq(
            cove_buf_append(buf, cove_bytes_text(pieces[draw(h, kinds)])), 0);
    }
}

/* A new text out of an old one: pieces of it, and others between. */
static void text_vary(struct harness_env *h, struct cove_bytes old_text,
                      struct cove_buf *out, uint32_t kinds)
{
    size_t at = 0;

    while (at < old_text.len) {
        size_t end = at + 1 + draw(h, 40);

        while (!cove_utf8_is_boundary(old_text, end)) {
            end = end > old_text.len ? old_text.len : end + 1;
        }
        if (draw(h, 4) > 0) {
            ck_assert_int_eq(
                cove_buf_append(out, cove_bytes(old_text.at + at, end - at)),
                0);
        }
        text_add(h, out, draw(h, 3), kinds);
        at = end;
    }
}

START_TEST(a_script_of_a_text_makes_the_new_text_by_every_grain)
{
    struct harness_env h;
    size_t wrong = 0;

    harness_env_init(&h, 5);
    for (size_t round = 0; round < 2000; round++) {
        uint32_t kinds = round % 2 == 0 ? COVE_ARRAY_LEN(pieces) : 12;
        struct cove_buf a, b;
        struct cove_text_edits edits;

        cove_buf_init(&a, &cove_alloc_libc);
        cove_buf_init(&b, &cove_alloc_libc);
        text_add(&h, &a, round % 50 == 0 ? 4000 : 60, kinds);
        if (round % 3 == 0) {
            text_add(&h, &b, 60, kinds);
        } else {
            text_vary(&h, cove_buf_bytes(&a), &b, kinds);
        }
        for (int grain = COVE_DIFF_CODE_POINTS; grain <= COVE_DIFF_LINES;
             grain++) {
            wrong += !text_becomes(cove_buf_bytes(&a), cove_buf_bytes(&b),
                                   (enum cove_diff_grain)grain, &edits);
            wrong += edits.steps > COVE_DIFF_STEPS_MAX + a.len;
        }
        cove_buf_clear(&a);
        cove_buf_clear(&b);
        cove_arena_reset(&arena);
    }
    ck_assert_uint_eq(wrong, 0);
}
END_TEST

/* A script as a text: "at-removed+inserted|…". */
static const char *shown(const char *old_text, const char *new_text,
                         enum cove_diff_grain grain)
{
    struct cove_text_edits edits;
    const char *out = "";

    ck_assert_msg(text_becomes(cove_bytes_text(old_text),
                               cove_bytes_text(new_text), grain, &edits),
                  "%s > %s", old_text, new_text);
    for (size_t i = 0; i < edits.count; i++) {
        const struct cove_text_edit *e = &edits.at[i];

        out = cove_arena_printf(
            &arena, "%s%s%zu-%zu+%.*s", out, i > 0 ? "|" : "", e->at,
            e->removed, (int)e->inserted.len, (const char *)e->inserted.at);
        ck_assert_ptr_nonnull(out);
    }
    return out;
}

START_TEST(people_get_the_edits_they_made)
{
    static const struct {
        const char *old_text, *new_text, *edits;
        enum cove_diff_grain grain;
    } cases[] = {
        {"", "", "", COVE_DIFF_CODE_POINTS},
        {"same", "same", "", COVE_DIFF_CODE_POINTS},
        {"", "new", "0-0+new", COVE_DIFF_CODE_POINTS},
        {"old", "", "0-3+", COVE_DIFF_CODE_POINTS},
        {"The cat sat.", "The big cat sat.", "4-0+big ", COVE_DIFF_CODE_POINTS},
        {"The cat sat here.", "The dog sat there.", "4-3+dog|12-0+t",
         COVE_DIFF_CODE_POINTS},
        /* ä and ö share their first byte, € and 語 nothing. */
        {"xäy€z", "xöy語z", "1-1+ö|3-1+語", COVE_DIFF_CODE_POINTS},
        {"aäb", "aöäb", "1-0+ö", COVE_DIFF_CODE_POINTS},
        {"😀😁", "😁", "0-1+", COVE_DIFF_CODE_POINTS},
        /* a typing error is mended where it is */
        {"recieve the lettre", "receive the letter", "3-1+|5-0+i|16-1+|18-0+r",
         COVE_DIFF_CODE_POINTS},
        /* chance matches do not chop a word; a blank is none */
        {"see elephant go", "see caterpillar go", "4-8+caterpillar",
         COVE_DIFF_CODE_POINTS},
        {"black swans sing", "white doves sing", "0-5+white|6-4+dove",
         COVE_DIFF_CODE_POINTS},
        /* nothing is removed and inserted again */
        {"item one\nitem two\nitem three\n",
         "item one\nitem 2\nitem three\nitem four\n", "14-3+2|28-0+\nitem four",
         COVE_DIFF_CODE_POINTS},
        {"one two three", "one 2 three", "4-3+2", COVE_DIFF_WORDS},
        {"recieve it", "receive it", "0-7+receive", COVE_DIFF_WORDS},
        {"f(a, b)", "f(a, c)", "5-1+c", COVE_DIFF_WORDS},
        {"Straße auf", "Strasse auf", "0-6+Strasse", COVE_DIFF_WORDS},
        {"日本語", "日本文", "2-1+文", COVE_DIFF_WORDS},
        {"한국어 글", "한국말 글", "0-3+한국말", COVE_DIFF_WORDS},
        {"a\nb\nc\n", "a\nB\nc\nd\n", "2-2+B\n|6-0+d\n", COVE_DIFF_LINES},
        {"a\nb", "a\nb\n", "2-1+b\n", COVE_DIFF_LINES},
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(cases); i++) {
        ck_assert_str_eq(
            shown(cases[i].old_text, cases[i].new_text, cases[i].grain),
            cases[i].edits);
    }
}
END_TEST

/* A text of 60,000 bytes by kind. */
static void long_text(struct harness_env *h, int kind, bool second,
                      struct cove_buf *out)
{
    while (out->len < LONG - 8) {
        char piece[8] = {0};
        size_t len = 1;

        switch (kind) {
        case 0: /* not one character in common */
            piece[0] = (char)((second ? 'a' : 'A') + (int)draw(h, 26));
            break;
        case 1: /* letters, by chance */
            piece[0] = (char)('a' + (int)draw(h, 26));
            break;
        case 2: /* words of four letters */
            len = 1 + draw(h, 7);
            for (size_t i = 0; i < len; i++) {
                piece[i] = (char)('a' + (int)draw(h, 4));
            }
            piece[len++] = draw(h, 12) == 0 ? '\n' : ' ';
            break;
        case 3: /* two characters */
            piece[0] = draw(h, 2) == 0 ? ' ' : 'a';
            break;
        default: /* lines of one letter */
            len = 2;
            piece[0] = (char)('a' + (int)draw(h, second ? 3 : 2));
            piece[1] = '\n';
            break;
        }
        ck_assert_int_eq(cove_buf_append(out, cove_bytes(piece, len)), 0);
    }
}

START_TEST(texts_without_anything_in_common_cost_no_more_than_the_bound)
{
    struct harness_env h;

    harness_env_init(&h, 6);
    for (int kind = 0; kind < 5; kind++) {
        struct cove_buf a, b;
        struct cove_text_edits edits;

        cove_buf_init(&a, &cove_alloc_libc);
        cove_buf_init(&b, &cove_alloc_libc);
        long_text(&h, kind, false, &a);
        long_text(&h, kind, true, &b);
        ck_assert(text_becomes(cove_buf_bytes(&a), cove_buf_bytes(&b),
                               COVE_DIFF_CODE_POINTS, &edits));
        ck_assert_uint_le(edits.steps, COVE_DIFF_STEPS_MAX + LONG);
        if (kind == 0) {
            ck_assert_uint_eq(edits.count, 1);
        }
        cove_buf_clear(&a);
        cove_buf_clear(&b);
    }
}
END_TEST

START_TEST(a_line_that_stays_in_a_rewritten_text_is_found)
{
    static const char stays[] = "\nThis line alone has stayed as it was.\n";
    struct harness_env h;
    struct cove_buf a, b;
    struct cove_text_edits edits;
    bool kept = true;
    size_t at;

    harness_env_init(&h, 7);
    cove_buf_init(&a, &cove_alloc_libc);
    cove_buf_init(&b, &cove_alloc_libc);
    long_text(&h, 1, false, &a);
    at = a.len;
    ck_assert_int_eq(cove_buf_append(&a, cove_bytes_text(stays)), 0);
    long_text(&h, 1, true, &b);
    ck_assert_int_eq(cove_buf_append(&b, cove_bytes_text(stays)), 0);
    for (int i = 0; i < 20000; i++) {
        ck_assert_int_eq(cove_buf_append(&a, cove_bytes_text("x")), 0);
        ck_assert_int_eq(cove_buf_append(&b, cove_bytes_text("y")), 0);
    }
    ck_assert(text_becomes(cove_buf_bytes(&a), cove_buf_bytes(&b),
                           COVE_DIFF_CODE_POINTS, &edits));
    for (size_t i = 0; i < edits.count; i++) {
        kept = kept && (edits.at[i].at + edits.at[i].removed <= at + 1 ||
                        edits.at[i].at >= at + strlen(stays));
    }
    ck_assert(kept);
    cove_buf_clear(&a);
    cove_buf_clear(&b);
}
END_TEST

START_TEST(a_text_that_is_no_utf8_is_refused)
{
    struct cove_bytes good = cove_bytes_text("good");
    struct cove_bytes bad = cove_bytes_text("go\xc3");
    struct cove_text_edits edits = {.count = 7};

    ck_assert_int_eq(
        cove_diff_texts(&arena, good, bad, COVE_DIFF_WORDS, &edits),
        COVE_EFORMAT);
    ck_assert_int_eq(
        cove_diff_texts(&arena, bad, good, COVE_DIFF_CODE_POINTS, &edits),
        COVE_EFORMAT);
    ck_assert_uint_eq(edits.count, 7);
    ck_assert_int_eq(cove_diff_texts(&arena, cove_bytes(NULL, 0),
                                     cove_bytes(NULL, 0), COVE_DIFF_LINES,
                                     &edits),
                     0);
    ck_assert_uint_eq(edits.count, 0);
}
END_TEST

START_TEST(without_memory_it_fails_and_leaks_nothing)
{
    struct harness_env env;
    struct cove_buf a, b;
    long fail_at = 0;
    int err = COVE_ENOMEM;

    /* Dear enough that lines, words and anchors have their turn. */
    harness_env_init(&env, 8);
    cove_buf_init(&a, &cove_alloc_libc);
    cove_buf_init(&b, &cove_alloc_libc);
    long_text(&env, 2, false, &a);
    long_text(&env, 2, true, &b);
    while (err == COVE_ENOMEM) {
        struct harness_alloc h;
        struct cove_arena tight;
        struct cove_text_edits edits = {.count = 7};

        harness_alloc_init(&h, ++fail_at);
        cove_arena_init(&tight, &h.alloc);
        err = cove_diff_texts(&tight, cove_buf_bytes(&a), cove_buf_bytes(&b),
                              COVE_DIFF_CODE_POINTS, &edits);
        ck_assert_int_eq(err == 0 ? 0 : COVE_ENOMEM, err);
        ck_assert(err == 0 || edits.count == 7);
        cove_arena_clear(&tight);
        ck_assert_int_eq(h.alive, 0);
        /* Nothing new is learnt from each of the many parts. */
        fail_at += fail_at < 40 ? 0 : fail_at / 3;
    }
    ck_assert_int_gt(fail_at, 10);
    cove_buf_clear(&a);
    cove_buf_clear(&b);
}
END_TEST

static Suite *text_diff_suite(void)
{
    Suite *suite = suite_create("text_diff");
    TCase *t = tcase_create("text_diff");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t,
                   a_script_of_symbols_makes_the_new_row_and_is_a_shortest_one);
    tcase_add_test(t, empty_rows_and_equal_rows_have_their_scripts);
    tcase_add_test(t, the_most_different_rows_cost_no_more_than_the_bound);
    tcase_add_test(t, who_refuses_what_is_dear_is_told_and_gets_nothing);
    tcase_add_test(t, a_share_is_fair_and_never_too_small);
    tcase_add_test(t, a_script_of_a_text_makes_the_new_text_by_every_grain);
    tcase_add_test(t, people_get_the_edits_they_made);
    tcase_add_test(
        t, texts_without_anything_in_common_cost_no_more_than_the_bound);
    tcase_add_test(t, a_line_that_stays_in_a_rewritten_text_is_found);
    tcase_add_test(t, a_text_that_is_no_utf8_is_refused);
    tcase_add_test(t, without_memory_it_fails_and_leaks_nothing);
    suite_add_tcase(suite, t);
    return suite;
}

int main(void)
{
    return harness_run(text_diff_suite());
}
