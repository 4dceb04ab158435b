#include "core/value.h"

#include <stdio.h>

#include "core/cbor.h"
#include "core/limits.h"
#include "tests/unit/harness.h"

#define REF                                                                    \
    "a1605820000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static struct cove_buf unhex(const char *hex)
{
    size_t len = strlen(hex) / 2;
    struct cove_buf buf;

    cove_buf_init(&buf, &cove_alloc_libc);
    buf.at = cove_alloc_new(buf.alloc, len);
    ck_assert_ptr_nonnull(buf.at);
    buf.len = len;
    buf.cap = len;
    ck_assert_int_eq(cove_hex_parse(hex, buf.at, len), 0);
    return buf;
}

static int check_hex(const char *hex)
{
    struct cove_buf in = unhex(hex);
    struct cove_diag diag = {0};
    int err = cove_value_check(cove_buf_bytes(&in), &diag);

    ck_assert_int_eq(diag.code, err);
    ck_assert_int_eq(cove_value_check(cove_buf_bytes(&in), NULL), err);
    cove_buf_clear(&in);
    return err;
}

START_TEST(a_value_of_every_kind_is_accepted_and_says_its_kind)
{
    static const struct {
        const char *hex;
        enum cove_kind kind;
    } cases[] = {
        {"f6", COVE_KIND_NULL},
        {"f4", COVE_KIND_BOOL},
        {"f5", COVE_KIND_BOOL},
        {"00", COVE_KIND_INT},
        {"1b7fffffffffffffff", COVE_KIND_INT},
        {"3b7fffffffffffffff", COVE_KIND_INT},
        {"f90000", COVE_KIND_FLOAT},
        {"f97e00", COVE_KIND_FLOAT},
        {"60", COVE_KIND_TEXT},
        {"6161", COVE_KIND_TEXT},
        {"40", COVE_KIND_BYTES},
        {"80", COVE_KIND_LIST},
        {"84f6a080" REF, COVE_KIND_LIST},
        {"a0", COVE_KIND_MAP},
        {"a2616100616281f5", COVE_KIND_MAP},
        {"a16161" REF, COVE_KIND_MAP},
        {REF, COVE_KIND_REF},
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(cases); i++) {
        struct cove_buf in = unhex(cases[i].hex);

        ck_assert_msg(check_hex(cases[i].hex) == 0, "%s", cases[i].hex);
        ck_assert_int_eq(cove_value_kind(cove_buf_bytes(&in)), cases[i].kind);
        ck_assert_int_eq(cove_value_is_null(cove_buf_bytes(&in)),
                         cases[i].kind == COVE_KIND_NULL);
        cove_buf_clear(&in);
    }
}
END_TEST

START_TEST(the_empty_key_is_for_references_only)
{
    static const char *const reserved[] = {
        "a16000",         /* no bytes */
        "a16040",         /* none of them */
        "a160f6",         /* null */
        "a26000616100",   /* beside another key */
        "a1616181a16000", /* deep inside */
    };
    char hex[128];

    for (size_t i = 0; i < COVE_ARRAY_LEN(reserved); i++) {
        ck_assert_msg(check_hex(reserved[i]) == COVE_ERESERVED, "%s",
                      reserved[i]);
    }
    /* 31 bytes, 33 bytes, and 32 bytes with a second key; text. */
    snprintf(hex, sizeof(hex), "a160581f%062d", 0);
    ck_assert_int_eq(check_hex(hex), COVE_ERESERVED);
    snprintf(hex, sizeof(hex), "a1605821%066d", 0);
    ck_assert_int_eq(check_hex(hex), COVE_ERESERVED);
    snprintf(hex, sizeof(hex), "a2605820%064d616100", 0);
    ck_assert_int_eq(check_hex(hex), COVE_ERESERVED);
    snprintf(hex, sizeof(hex), "a1607820%064d", 0);
    ck_assert_int_eq(check_hex(hex), COVE_ERESERVED);
}
END_TEST

START_TEST(what_is_no_value_is_refused)
{
    static const char *const wrong[] = {
        "",
        "0000",
        "1b8000000000000000",
        "1bffffffffffffffff",
        "811bffffffffffffffff",
        "3bffffffffffffffff",
        "a10000",
        "a1400000",
        "a14000",
        "a1f600",
        "a18000",
        "a1616181a10000",
        "c000",
        "f7",
        "1800",
        "9fff",
        "61ff",
        "a2616200616100",
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(wrong); i++) {
        ck_assert_msg(check_hex(wrong[i]) == COVE_EFORMAT, "%s", wrong[i]);
    }
}
END_TEST

/* A list of byte strings of the given lengths. */
static int check_lengths(const size_t *lens, size_t count, bool text)
{
    static char zeros[COVE_MAX_VALUE + 8];
    struct cove_buf buf;
    struct cove_writer w;

    memset(zeros, 'x', sizeof(zeros));
    cove_buf_init(&buf, &cove_alloc_libc);
    cove_writer_init(&w, &buf);
    cove_writer_list(&w, count);
    for (size_t i = 0; i < count; i++) {
        if (text) {
            cove_writer_text(&w, cove_bytes(zeros, lens[i]));
        } else {
            cove_writer_bytes(&w, zeros, lens[i]);
        }
    }
    ck_assert_int_eq(w.err, 0);

    int err = cove_value_check(cove_buf_bytes(&buf), NULL);

    cove_buf_clear(&buf);
    return err;
}

START_TEST(a_text_of_60000_and_a_value_of_64000_bytes_are_the_largest)
{
    size_t most = COVE_MAX_TEXT;
    size_t more = COVE_MAX_TEXT + 1;
    /* 1 head of the list, 3 of each string */
    size_t whole[] = {COVE_MAX_TEXT, COVE_MAX_VALUE - COVE_MAX_TEXT - 7};
    size_t over[] = {COVE_MAX_TEXT, COVE_MAX_VALUE - COVE_MAX_TEXT - 6};

    ck_assert_int_eq(check_lengths(&most, 1, true), 0);
    ck_assert_int_eq(check_lengths(&most, 1, false), 0);
    ck_assert_int_eq(check_lengths(&more, 1, true), COVE_ELIMIT);
    ck_assert_int_eq(check_lengths(&more, 1, false), COVE_ELIMIT);
    ck_assert_int_eq(check_lengths(whole, 2, false), 0);
    ck_assert_int_eq(check_lengths(over, 2, false), COVE_ELIMIT);
}
END_TEST

START_TEST(a_value_nests_24_levels)
{
    uint8_t deep[2 * COVE_MAX_VALUE_DEPTH + 3];

    memset(deep, 0x81, sizeof(deep));
    deep[COVE_MAX_VALUE_DEPTH] = 0xf6;
    ck_assert_int_eq(
        cove_value_check(cove_bytes(deep, COVE_MAX_VALUE_DEPTH + 1), NULL), 0);
    deep[COVE_MAX_VALUE_DEPTH] = 0x80;
    ck_assert_int_eq(
        cove_value_check(cove_bytes(deep, COVE_MAX_VALUE_DEPTH + 1), NULL),
        COVE_ELIMIT);
}
END_TEST

START_TEST(members_are_found_by_their_whole_key)
{
    struct cove_buf in = unhex("a46161016162820102626161f663c3bc6105");
    struct cove_bytes map = cove_buf_bytes(&in);
    struct cove_bytes got = cove_bytes(NULL, 7);

    ck_assert_int_eq(cove_value_check(map, NULL), 0);
    ck_assert(cove_value_member(map, "a", &got));
    ck_assert_int_eq(cove_value_int(got), 1);
    ck_assert(cove_value_member(map, "b", &got));
    ck_assert_uint_eq(got.len, 3);
    ck_assert_int_eq(cove_value_kind(got), COVE_KIND_LIST);
    ck_assert(cove_value_member(map, "aa", &got));
    ck_assert(cove_value_is_null(got));
    ck_assert(cove_value_member(map,
                                "\xc3\xbc"
                                "a",
                                &got));
    ck_assert_int_eq(cove_value_int(got), 5);
    got.len = 77;
    ck_assert(!cove_value_member(map, "c", &got));
    ck_assert(!cove_value_member(map, "", &got));
    ck_assert(!cove_value_member(got, "a", &got));
    ck_assert_uint_eq(got.len, 77);
    cove_buf_clear(&in);
    in = unhex("83010203");
    ck_assert(!cove_value_member(cove_buf_bytes(&in), "a", &got));
    cove_buf_clear(&in);
}
END_TEST

START_TEST(text_integers_and_references_are_encoded_and_read_back)
{
    static const int64_t numbers[] = {0, -1, 24, INT64_MAX, INT64_MIN};
    struct cove_arena arena;
    struct cove_bytes value;
    struct cove_id id = {{1, 2, 3}};
    struct cove_id back = {{0}};

    cove_arena_init(&arena, &cove_alloc_libc);
    for (size_t i = 0; i < COVE_ARRAY_LEN(numbers); i++) {
        ck_assert_int_eq(cove_value_of_int(&arena, numbers[i], &value), 0);
        ck_assert_int_eq(cove_value_check(value, NULL), 0);
        ck_assert_int_eq(cove_value_int(value), numbers[i]);
        ck_assert(!cove_value_ref(value, &back));
    }
    ck_assert_int_eq(cove_value_of_text(
                         &arena, cove_bytes_text("gr\xc3\xbc\xc3\x9f"), &value),
                     0);
    ck_assert_int_eq(cove_value_check(value, NULL), 0);
    ck_assert(cove_bytes_equal(cove_value_text(value),
                               cove_bytes_text("gr\xc3\xbc\xc3\x9f")));
    ck_assert_int_eq(cove_value_of_text(&arena, cove_bytes(NULL, 0), &value),
                     0);
    ck_assert_uint_eq(cove_value_text(value).len, 0);
    ck_assert_int_eq(cove_value_of_ref(&arena, &id, &value), 0);
    ck_assert_int_eq(cove_value_check(value, NULL), 0);
    ck_assert_int_eq(cove_value_kind(value), COVE_KIND_REF);
    ck_assert(cove_value_ref(value, &back));
    ck_assert_mem_eq(id.b, back.b, sizeof(id.b));
    cove_arena_clear(&arena);
}
END_TEST

START_TEST(encoding_without_memory_fails_and_leaks_nothing)
{
    struct cove_id id = {{0}};

    for (int call = 0; call < 3; call++) {
        struct harness_alloc h;
        struct cove_arena arena;
        struct cove_bytes out = cove_bytes(NULL, 42);
        int err;

        harness_alloc_init(&h, 1);
        cove_arena_init(&arena, &h.alloc);
        if (call == 0) {
            err = cove_value_of_text(&arena, cove_bytes_text("a"), &out);
        } else if (call == 1) {
            err = cove_value_of_int(&arena, 1, &out);
        } else {
            err = cove_value_of_ref(&arena, &id, &out);
        }
        ck_assert_int_eq(err, COVE_ENOMEM);
        ck_assert_uint_eq(out.len, 42);
        cove_arena_clear(&arena);
        ck_assert_int_eq(h.alive, 0);
    }
}
END_TEST

static Suite *value_suite(void)
{
    Suite *suite = suite_create("value");
    TCase *t = tcase_create("value");

    tcase_add_test(t, a_value_of_every_kind_is_accepted_and_says_its_kind);
    tcase_add_test(t, the_empty_key_is_for_references_only);
    tcase_add_test(t, what_is_no_value_is_refused);
    tcase_add_test(t,
                   a_text_of_60000_and_a_value_of_64000_bytes_are_the_largest);
    tcase_add_test(t, a_value_nests_24_levels);
    tcase_add_test(t, members_are_found_by_their_whole_key);
    tcase_add_test(t, text_integers_and_references_are_encoded_and_read_back);
    tcase_add_test(t, encoding_without_memory_fails_and_leaks_nothing);
    suite_add_tcase(suite, t);
    return suite;
}

int main(void)
{
    return harness_run(value_suite());
}
