/* Bytes, arenas and diagnostics. */
#include <stdio.h>

#include "core/arena.h"
#include "core/bytes.h"
#include "core/diag.h"
#include "core/utf8.h"
#include "tests/unit/harness.h"

START_TEST(bytes_compare_bytewise_a_prefix_first)
{
    struct cove_bytes empty = cove_bytes(NULL, 0);
    struct cove_bytes a = cove_bytes_text("a");
    struct cove_bytes ab = cove_bytes_text("ab");
    struct cove_bytes high = cove_bytes("\xff", 1);

    ck_assert_int_eq(cove_bytes_compare(empty, empty), 0);
    ck_assert_int_lt(cove_bytes_compare(empty, a), 0);
    ck_assert_int_gt(cove_bytes_compare(a, empty), 0);
    ck_assert_int_lt(cove_bytes_compare(a, ab), 0);
    ck_assert_int_gt(cove_bytes_compare(high, ab), 0);
    ck_assert_int_eq(cove_bytes_compare(ab, cove_bytes("abc", 2)), 0);
    ck_assert(cove_bytes_equal(empty, cove_bytes("", 0)));
    ck_assert(!cove_bytes_equal(a, ab));
}
END_TEST

START_TEST(a_buffer_grows_and_keeps_what_it_holds)
{
    struct harness_alloc h;
    struct cove_buf buf;

    harness_alloc_init(&h, 0);
    cove_buf_init(&buf, &h.alloc);
    ck_assert_int_eq(cove_buf_append(&buf, cove_bytes(NULL, 0)), 0);
    ck_assert_ptr_null(buf.at);
    for (int i = 0; i < 10000; i++) {
        uint8_t byte = (uint8_t)i;

        ck_assert_int_eq(cove_buf_append(&buf, cove_bytes(&byte, 1)), 0);
    }
    ck_assert_uint_eq(buf.len, 10000);
    for (int i = 0; i < 10000; i++) {
        ck_assert_uint_eq(buf.at[i], (uint8_t)i);
    }
    ck_assert_int_lt(h.calls, 12);
    cove_buf_clear(&buf);
    ck_assert_int_eq(h.alive, 0);
    ck_assert_int_eq(cove_buf_append(&buf, cove_bytes_text("again")), 0);
    cove_buf_clear(&buf);
    ck_assert_int_eq(h.alive, 0);
}
END_TEST

START_TEST(a_buffer_can_append_a_part_of_itself)
{
    struct cove_buf buf;

    cove_buf_init(&buf, &cove_alloc_libc);
    ck_assert_int_eq(cove_buf_append(&buf, cove_bytes_text("0123456789")), 0);
    for (int i = 0; i < 6; i++) {
        ck_assert_int_eq(cove_buf_append(&buf, cove_buf_bytes(&buf)), 0);
    }
    ck_assert_uint_eq(buf.len, 640);
    for (size_t i = 0; i < buf.len; i++) {
        ck_assert_uint_eq(buf.at[i], '0' + i % 10);
    }
    cove_buf_clear(&buf);
}
END_TEST

START_TEST(a_buffer_without_memory_is_as_it_was)
{
    struct harness_alloc h;
    struct cove_buf buf;

    harness_alloc_init(&h, 2);
    cove_buf_init(&buf, &h.alloc);
    ck_assert_int_eq(cove_buf_append(&buf, cove_bytes_text("kept")), 0);

    struct cove_buf before = buf;
    volatile size_t most = SIZE_MAX; /* or the compiler sees it coming */

    ck_assert_int_eq(cove_buf_reserve(&buf, 1000), COVE_ENOMEM);
    ck_assert_int_eq(cove_buf_reserve(&buf, SIZE_MAX), COVE_ENOMEM);
    ck_assert_int_eq(cove_buf_append(&buf, cove_bytes("x", most)), COVE_ENOMEM);
    ck_assert_mem_eq(&buf, &before, sizeof(buf));
    ck_assert_mem_eq(buf.at, "kept", 4);
    ck_assert_int_eq(cove_buf_reserve(&buf, 1000), 0);
    cove_buf_clear(&buf);
    ck_assert_int_eq(h.alive, 0);
}
END_TEST

START_TEST(the_allocator_zeroes_and_refuses_an_overflow)
{
    struct harness_alloc h;

    harness_alloc_init(&h, 0);
    ck_assert_ptr_null(cove_alloc_zero(&h.alloc, SIZE_MAX / 2, 3));
    ck_assert_int_eq(h.calls, 0);

    uint8_t *at = cove_alloc_zero(&h.alloc, 10, 10);
    void *nothing = cove_alloc_new(&h.alloc, 0);

    ck_assert_ptr_nonnull(at);
    ck_assert_ptr_nonnull(nothing);
    for (size_t i = 0; i < 100; i++) {
        ck_assert_uint_eq(at[i], 0);
    }
    cove_alloc_free(&h.alloc, at);
    cove_alloc_free(&h.alloc, nothing);
    cove_alloc_free(&h.alloc, NULL);
    ck_assert_int_eq(h.alive, 0);

    void *block = cove_alloc_new(&cove_alloc_libc, 5);

    ck_assert_ptr_nonnull(block);
    cove_alloc_free(&cove_alloc_libc, block);
}
END_TEST

/* Allocate in many sizes; the count of bytes that were wrong. */
static size_t arena_fill(struct cove_arena *arena, size_t blocks)
{
    size_t wrong = 0;

    for (size_t i = 0; i < blocks; i++) {
        size_t len = i % 97 == 0 ? i * 100 : i % 50;
        uint8_t *at = cove_arena_new(arena, len);

        if (at == NULL) {
            return SIZE_MAX;
        }
        wrong += (uintptr_t)at % _Alignof(max_align_t) != 0;
        for (size_t j = 0; j < len; j++) {
            wrong += at[j] != 0;
            at[j] = 0xee;
        }
    }
    return wrong;
}

START_TEST(an_arena_gives_aligned_zeroed_memory_and_frees_it_at_once)
{
    struct harness_alloc h;
    struct cove_arena arena;

    harness_alloc_init(&h, 0);
    cove_arena_init(&arena, &h.alloc);
    ck_assert_uint_eq(arena_fill(&arena, 5000), 0);
    ck_assert_int_gt(h.alive, 3);
    cove_arena_reset(&arena);
    ck_assert_int_eq(h.alive, 1);
    ck_assert_uint_eq(arena_fill(&arena, 500), 0);
    cove_arena_reset(&arena);
    cove_arena_reset(&arena);
    ck_assert_int_eq(h.alive, 1);
    cove_arena_clear(&arena);
    ck_assert_int_eq(h.alive, 0);
    cove_arena_clear(&arena);
    cove_arena_reset(&arena);
    ck_assert_ptr_nonnull(cove_arena_new(&arena, 0));
    cove_arena_clear(&arena);
    ck_assert_int_eq(h.alive, 0);
}
END_TEST

START_TEST(a_large_block_leaves_the_rest_of_the_chunk_in_use)
{
    struct harness_alloc h;
    struct cove_arena arena;

    harness_alloc_init(&h, 0);
    cove_arena_init(&arena, &h.alloc);
    ck_assert_ptr_nonnull(cove_arena_new(&arena, 100));
    ck_assert_ptr_nonnull(cove_arena_new(&arena, 100000));
    ck_assert_int_eq(h.calls, 2);
    ck_assert_ptr_nonnull(cove_arena_new(&arena, 100));
    ck_assert_int_eq(h.calls, 2);
    cove_arena_clear(&arena);
    ck_assert_int_eq(h.alive, 0);
}
END_TEST

START_TEST(an_arena_refuses_lengths_that_overflow)
{
    struct cove_arena arena;
    struct cove_bytes out = cove_bytes_text("as it was");

    cove_arena_init(&arena, &cove_alloc_libc);
    ck_assert_ptr_null(cove_arena_new(&arena, SIZE_MAX));
    ck_assert_ptr_null(cove_arena_new(&arena, SIZE_MAX - 20));
    ck_assert_ptr_null(cove_arena_array(&arena, SIZE_MAX / 4, 8));
    ck_assert_int_eq(cove_arena_copy(&arena, cove_bytes("x", SIZE_MAX), &out),
                     COVE_ENOMEM);
    ck_assert_uint_eq(out.len, 9);
    cove_arena_clear(&arena);
}
END_TEST

START_TEST(an_arena_copies_and_formats_with_a_nul_behind)
{
    struct cove_arena arena;
    struct cove_bytes copy;

    cove_arena_init(&arena, &cove_alloc_libc);
    ck_assert_int_eq(cove_arena_copy(&arena, cove_bytes("a\0b", 3), &copy), 0);
    ck_assert_uint_eq(copy.len, 3);
    ck_assert_mem_eq(copy.at, "a\0b\0", 4);
    ck_assert_int_eq(cove_arena_copy(&arena, cove_bytes(NULL, 0), &copy), 0);
    ck_assert_uint_eq(copy.at[0], 0);

    ck_assert_ptr_nonnull(cove_arena_array(&arena, 3, 5));

    char *text = cove_arena_printf(&arena, "%s %d", "number", 7);

    ck_assert_ptr_nonnull(text);
    ck_assert_str_eq(text, "number 7");
    cove_arena_clear(&arena);
}
END_TEST

START_TEST(an_arena_without_memory_gives_null_and_leaks_nothing)
{
    for (long fail_at = 1;; fail_at++) {
        struct harness_alloc h;
        struct cove_arena arena;
        struct cove_bytes out = cove_bytes(NULL, 0);

        harness_alloc_init(&h, fail_at);
        cove_arena_init(&arena, &h.alloc);

        bool ok = arena_fill(&arena, 300) == 0;

        if (ok) {
            char *text = cove_arena_printf(&arena, "%09000d", 1);
            int err = cove_arena_copy(&arena, cove_bytes_text("copy"), &out);

            ck_assert(err == 0 || err == COVE_ENOMEM);
            ok = text != NULL && err == 0;
        }
        cove_arena_clear(&arena);
        ck_assert_int_eq(h.alive, 0);
        if (ok) {
            ck_assert_int_gt(fail_at, 4);
            break;
        }
        harness_alloc_init(&h, 1);
        ck_assert_int_eq(cove_arena_copy(&arena, cove_bytes_text("a"), &out),
                         COVE_ENOMEM);
    }
}
END_TEST

START_TEST(the_first_sentence_wins_and_context_goes_in_front)
{
    struct cove_diag diag = {0};

    cove_diag_context(&diag, "nothing");
    ck_assert_str_eq(diag.text, "");
    ck_assert_int_eq(cove_fail(&diag, COVE_ETYPE, "field %d", 3), COVE_ETYPE);
    ck_assert_int_eq(cove_fail(&diag, COVE_EIO, "later"), COVE_EIO);
    ck_assert_int_eq(diag.code, COVE_ETYPE);
    ck_assert_str_eq(diag.text, "field 3");
    cove_diag_context(&diag, "document %s", "co_z1");
    ck_assert_str_eq(diag.text, "document co_z1: field 3");
    cove_diag_clear(&diag);
    ck_assert_int_eq(diag.code, 0);
    ck_assert_str_eq(diag.text, "");
    ck_assert_int_eq(cove_fail(NULL, COVE_EIO, "%s", ""), COVE_EIO);
    cove_diag_context(NULL, "%s", "");
    cove_diag_clear(NULL);
}
END_TEST

START_TEST(what_could_drive_a_terminal_is_escaped_in_a_sentence)
{
    struct cove_diag diag = {0};

    ck_assert_int_eq(
        cove_fail(&diag, COVE_EIO, "%s",
                  "\x1b[31m\n\t\x7f \xc2\x9b \xff \xc3\xbc \\ \xe2\x80"),
        COVE_EIO);
    ck_assert_str_eq(diag.text,
                     "\\x1b[31m\\n\\x09\\x7f \\xc2\\x9b \\xff \xc3\xbc \\ "
                     "\\xe2\\x80");
    cove_diag_context(&diag, "a\tb");
    ck_assert_int_eq(strncmp(diag.text, "a\\x09b: \\x1b[31m\\n", 16), 0);
}
END_TEST

START_TEST(a_long_sentence_is_cut_between_characters_with_an_ellipsis)
{
    for (int pad = 0; pad < 4; pad++) {
        for (size_t len = 1000; len < 1040; len++) {
            struct cove_diag diag = {0};
            char text[2100];
            size_t fill = (size_t)pad;

            memset(text, 'p', fill);
            for (; fill + 4 <= len; fill += 4) {
                memcpy(text + fill, "\xf0\x9f\x98\x80", 4);
            }
            text[fill] = '\0';
            ck_assert_int_eq(cove_fail(&diag, COVE_EIO, "%s", text), COVE_EIO);
            ck_assert(cove_utf8_valid(cove_bytes_text(diag.text)));
            if (fill < sizeof(diag.text)) {
                ck_assert_str_eq(diag.text, text);
            } else {
                size_t got = strlen(diag.text);

                ck_assert_uint_gt(got, 1016);
                ck_assert_str_eq(diag.text + got - 3, "\xe2\x80\xa6");
            }
        }
    }
}
END_TEST

START_TEST(the_longest_sentence_and_context_still_fit)
{
    struct cove_diag diag = {0};
    static char long_text[5000];

    memset(long_text, 'x', sizeof(long_text) - 1);
    ck_assert_int_eq(cove_fail(&diag, COVE_EIO, "%s", long_text), COVE_EIO);
    ck_assert_uint_eq(strlen(diag.text), sizeof(diag.text) - 1);
    cove_diag_context(&diag, "%s", long_text);
    ck_assert_uint_eq(strlen(diag.text), sizeof(diag.text) - 1);
    cove_diag_context(&diag, "start");
    ck_assert_int_eq(strncmp(diag.text, "start: xxx", 10), 0);
}
END_TEST

START_TEST(every_code_has_a_name_and_a_text)
{
    ck_assert_str_eq(cove_error_name(COVE_ENOTFOUND), "COVE_ENOTFOUND");
    ck_assert_str_eq(cove_error_text(COVE_ENOTFOUND), "not found");
    ck_assert_str_eq(cove_error_name(0), "COVE_OK");
    ck_assert_str_eq(cove_error_text(0), "no error");
    ck_assert_str_eq(cove_error_name(-9999), "COVE_E?");
    ck_assert_str_eq(cove_error_text(1), "unknown error");
    for (int code = COVE_ECONDITION; code < 0; code++) {
        ck_assert_str_ne(cove_error_name(code), "COVE_E?");
        ck_assert_str_ne(cove_error_text(code), "unknown error");
    }
}
END_TEST

static Suite *bytes_suite(void)
{
    Suite *suite = suite_create("bytes");
    TCase *t = tcase_create("bytes");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, bytes_compare_bytewise_a_prefix_first);
    tcase_add_test(t, a_buffer_grows_and_keeps_what_it_holds);
    tcase_add_test(t, a_buffer_can_append_a_part_of_itself);
    tcase_add_test(t, a_buffer_without_memory_is_as_it_was);
    tcase_add_test(t, the_allocator_zeroes_and_refuses_an_overflow);
    tcase_add_test(t,
                   an_arena_gives_aligned_zeroed_memory_and_frees_it_at_once);
    tcase_add_test(t, a_large_block_leaves_the_rest_of_the_chunk_in_use);
    tcase_add_test(t, an_arena_refuses_lengths_that_overflow);
    tcase_add_test(t, an_arena_copies_and_formats_with_a_nul_behind);
    tcase_add_test(t, an_arena_without_memory_gives_null_and_leaks_nothing);
    tcase_add_test(t, the_first_sentence_wins_and_context_goes_in_front);
    tcase_add_test(t, what_could_drive_a_terminal_is_escaped_in_a_sentence);
    tcase_add_test(t,
                   a_long_sentence_is_cut_between_characters_with_an_ellipsis);
    tcase_add_test(t, the_longest_sentence_and_context_still_fit);
    tcase_add_test(t, every_code_has_a_name_and_a_text);
    suite_add_tcase(suite, t);
    return suite;
}

int main(void)
{
    return harness_run(bytes_suite());
}
