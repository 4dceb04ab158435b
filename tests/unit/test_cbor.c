#include <float.h>
#include <math.h>
#include <stdio.h>

#include "core/cbor.h"
#include "core/id.h"
#include "core/limits.h"
#include "tests/unit/harness.h"
#include "tests/unit/recode.h"

#define DEPTH COVE_MAX_CBOR_DEPTH

/* The bytes of a hex text in a block of exactly their size, so that a
 * sanitizer sees the first byte read beyond. */
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

static int check_hex(const char *hex, unsigned depth, struct cove_diag *diag)
{
    struct cove_buf in = unhex(hex);
    int err = cove_cbor_check_all(cove_buf_bytes(&in), depth, diag);

    cove_buf_clear(&in);
    return err;
}

static void assert_recodes(const char *hex)
{
    struct cove_buf in = unhex(hex);
    struct cove_buf out;
    struct cove_reader r;
    struct cove_writer w;

    cove_buf_init(&out, &cove_alloc_libc);
    cove_reader_init(&r, cove_buf_bytes(&in));
    cove_writer_init(&w, &out);
    recode(&r, &w);
    ck_assert_msg(cove_reader_done(&r) == 0, "reader: %s", hex);
    ck_assert_int_eq(w.err, 0);
    ck_assert_msg(cove_bytes_equal(cove_buf_bytes(&in), cove_buf_bytes(&out)),
                  "not the same bytes: %s", hex);

    cove_reader_init(&r, cove_buf_bytes(&in));

    struct cove_bytes item = cove_reader_item(&r);

    ck_assert_uint_eq(item.len, in.len);
    ck_assert_int_eq(cove_reader_done(&r), 0);
    cove_buf_clear(&in);
    cove_buf_clear(&out);
}

START_TEST(the_deterministic_form_is_accepted_and_written_the_same)
{
    static const char *const good[] = {
        "00",
        "17",
        "1818",
        "18ff",
        "190100",
        "19ffff",
        "1a00010000",
        "1affffffff",
        "1b0000000100000000",
        "1b7fffffffffffffff",
        "1bffffffffffffffff",
        "20",
        "37",
        "3818",
        "38ff",
        "390100",
        "3a00010000",
        "3b0000000100000000",
        "3b7fffffffffffffff",
        "40",
        "4100",
        "60",
        "6161",
        "62c3bc",
        "63e6b0b4",
        "64f0908591",
        "63ed9fbf",
        "63ee8080",
        "64f48fbfbf",
        "7818616161616161616161616161616161616161616161616161",
        "80",
        "83010203",
        "818180",
        "a0",
        "a10000",
        "a2000018180a",
        "a2616100626161f6",
        "a2002020f4",
        "a140f5",
        "a18000",
        "a1a000",
        "f4",
        "f5",
        "f6",
        "f90000",
        "f98000",
        "f90001",
        "f903ff",
        "f90400",
        "f97bff",
        "f97c00",
        "f9fc00",
        "f97e00",
        "fa47c35000",
        "fa7f7fffff",
        "fa33800001",
        "fa00000001",
        "fa38002000",
        "fb3ff199999999999a",
        "fb7e37e43c8800759c",
        "fb0000000000000001",
        "fb7fefffffffffffff",
        "fb47efffffe0000001",
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(good); i++) {
        struct cove_diag diag = {0};

        ck_assert_msg(check_hex(good[i], DEPTH, &diag) == 0, "%s: %s", good[i],
                      diag.text);
        assert_recodes(good[i]);
    }
}
END_TEST

struct refusal {
    const char *hex;
    const char *text;
};

static void assert_refused(const struct refusal *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct cove_diag diag = {0};
        int err = check_hex(cases[i].hex, DEPTH, &diag);

        ck_assert_msg(err == COVE_EFORMAT, "%s gave %d", cases[i].hex, err);
        ck_assert_int_eq(diag.code, COVE_EFORMAT);
        ck_assert_msg(strcmp(diag.text, cases[i].text) == 0, "%s: %s",
                      cases[i].hex, diag.text);
        ck_assert_int_eq(check_hex(cases[i].hex, DEPTH, NULL), COVE_EFORMAT);
    }
}

#define REFUSED(cases) assert_refused(cases, COVE_ARRAY_LEN(cases))

/* A8 */
START_TEST(a_head_longer_than_needed_is_refused)
{
    static const struct refusal cases[] = {
        {"1800", "CBOR at byte 0: a head is not in its shortest form"},
        {"1817", "CBOR at byte 0: a head is not in its shortest form"},
        {"190018", "CBOR at byte 0: a head is not in its shortest form"},
        {"1900ff", "CBOR at byte 0: a head is not in its shortest form"},
        {"1a0000ffff", "CBOR at byte 0: a head is not in its shortest form"},
        {"1b00000000ffffffff",
         "CBOR at byte 0: a head is not in its shortest form"},
        {"3800", "CBOR at byte 0: a head is not in its shortest form"},
        {"3900ff", "CBOR at byte 0: a head is not in its shortest form"},
        {"580100", "CBOR at byte 0: a head is not in its shortest form"},
        {"780161", "CBOR at byte 0: a head is not in its shortest form"},
        {"980100", "CBOR at byte 0: a head is not in its shortest form"},
        {"b8010000", "CBOR at byte 0: a head is not in its shortest form"},
        {"811800", "CBOR at byte 1: a head is not in its shortest form"},
    };

    REFUSED(cases);
}
END_TEST

/* A8 */
START_TEST(map_keys_out_of_order_or_twice_are_refused)
{
    static const struct refusal cases[] = {
        {"a201000000", "CBOR at byte 3: a map's keys are not sorted"},
        {"a2626161006162f6", "CBOR at byte 5: a map's keys are not sorted"},
        {"a2616200616100", "CBOR at byte 4: a map's keys are not sorted"},
        {"a220000000", "CBOR at byte 3: a map's keys are not sorted"},
        {"a200000000", "CBOR at byte 3: a map has a key twice"},
        {"a2616100616100", "CBOR at byte 4: a map has a key twice"},
        {"81a3616100616200616200", "CBOR at byte 8: a map has a key twice"},
    };

    REFUSED(cases);
}
END_TEST

START_TEST(tags_undefined_simple_values_and_indefinite_lengths_are_refused)
{
    static const struct refusal cases[] = {
        {"c000", "CBOR at byte 0: a tag is not allowed"},
        {"d81800", "CBOR at byte 0: a tag is not allowed"},
        {"f7", "CBOR at byte 0: undefined is not allowed"},
        {"81f7", "CBOR at byte 1: undefined is not allowed"},
        {"5f4100ff", "CBOR at byte 0: an indefinite length is not allowed"},
        {"7f6161ff", "CBOR at byte 0: an indefinite length is not allowed"},
        {"9fff", "CBOR at byte 0: an indefinite length is not allowed"},
        {"bfff", "CBOR at byte 0: an indefinite length is not allowed"},
        {"ff", "CBOR at byte 0: an indefinite length is not allowed"},
        {"e0", "CBOR at byte 0: a reserved or unassigned head"},
        {"f0", "CBOR at byte 0: a reserved or unassigned head"},
        {"f3", "CBOR at byte 0: a reserved or unassigned head"},
        {"f8ff", "CBOR at byte 0: a reserved or unassigned head"},
        {"f814", "CBOR at byte 0: a reserved or unassigned head"},
        {"1c", "CBOR at byte 0: a reserved or unassigned head"},
        {"1f", "CBOR at byte 0: a reserved or unassigned head"},
        {"5d", "CBOR at byte 0: a reserved or unassigned head"},
        {"9c", "CBOR at byte 0: a reserved or unassigned head"},
        {"fc", "CBOR at byte 0: a reserved or unassigned head"},
    };

    REFUSED(cases);
}
END_TEST

/* A8 */
START_TEST(text_that_is_no_utf8_is_refused)
{
    static const struct refusal cases[] = {
        {"6180", "CBOR at byte 0: a text is not valid UTF-8"},
        {"61ff", "CBOR at byte 0: a text is not valid UTF-8"},
        {"61c3", "CBOR at byte 0: a text is not valid UTF-8"},
        {"62c080", "CBOR at byte 0: a text is not valid UTF-8"},
        {"62c1bf", "CBOR at byte 0: a text is not valid UTF-8"},
        {"63e08080", "CBOR at byte 0: a text is not valid UTF-8"},
        {"63eda080", "CBOR at byte 0: a text is not valid UTF-8"},
        {"63edbfbf", "CBOR at byte 0: a text is not valid UTF-8"},
        {"64f0808080", "CBOR at byte 0: a text is not valid UTF-8"},
        {"64f4908080", "CBOR at byte 0: a text is not valid UTF-8"},
        {"64f5808080", "CBOR at byte 0: a text is not valid UTF-8"},
        {"a161ff00", "CBOR at byte 1: a text is not valid UTF-8"},
    };

    REFUSED(cases);
}
END_TEST

/* A8 */
START_TEST(a_float_has_one_form_and_nan_has_one_form)
{
    static const struct refusal cases[] = {
        {"fa00000000", "CBOR at byte 0: a float is not in its shortest form"},
        {"fa3f800000", "CBOR at byte 0: a float is not in its shortest form"},
        {"fa33800000", "CBOR at byte 0: a float is not in its shortest form"},
        {"fa7f800000", "CBOR at byte 0: a float is not in its shortest form"},
        {"faff800000", "CBOR at byte 0: a float is not in its shortest form"},
        {"fb3ff0000000000000",
         "CBOR at byte 0: a float is not in its shortest form"},
        {"fb40f86a0000000000",
         "CBOR at byte 0: a float is not in its shortest form"},
        {"fb7ff0000000000000",
         "CBOR at byte 0: a float is not in its shortest form"},
        {"fb36a0000000000000",
         "CBOR at byte 0: a float is not in its shortest form"},
        {"f97e01", "CBOR at byte 0: NaN has the one form f97e00"},
        {"f97c01", "CBOR at byte 0: NaN has the one form f97e00"},
        {"f9fe00", "CBOR at byte 0: NaN has the one form f97e00"},
        {"fa7fc00000", "CBOR at byte 0: NaN has the one form f97e00"},
        {"fb7ff8000000000000", "CBOR at byte 0: NaN has the one form f97e00"},
        {"fb7ff0000000000001", "CBOR at byte 0: NaN has the one form f97e00"},
    };

    REFUSED(cases);
}
END_TEST

START_TEST(an_integer_below_int64_is_refused)
{
    static const struct refusal cases[] = {
        {"3b8000000000000000", "CBOR at byte 0: an integer below -2^63"},
        {"3bffffffffffffffff", "CBOR at byte 0: an integer below -2^63"},
    };

    REFUSED(cases);
}
END_TEST

/* A8 */
START_TEST(an_item_cut_anywhere_or_followed_by_bytes_is_refused)
{
    static const struct refusal cases[] = {
        {"", "CBOR at byte 0: ends too early"},
        {"0000", "CBOR at byte 1: bytes behind the item"},
        {"80f6", "CBOR at byte 1: bytes behind the item"},
        {"5bffffffffffffffff", "CBOR at byte 0: ends too early"},
        {"7b7fffffffffffffff", "CBOR at byte 0: ends too early"},
        {"9b1000000000000000", "CBOR at byte 0: ends too early"},
        {"9bffffffffffffffff00", "CBOR at byte 0: ends too early"},
        {"bb1000000000000000", "CBOR at byte 0: ends too early"},
        {"bb8000000000000000", "CBOR at byte 0: ends too early"},
        {"bbffffffffffffffff", "CBOR at byte 0: ends too early"},
    };
    const char *whole = "a261611b00000001000000006162"
                        "8463e6b0b4581818181818181818181818181818181818181818"
                        "1818181818fb3ff199999999999af97e00";
    struct cove_buf in = unhex(whole);

    REFUSED(cases);
    ck_assert_int_eq(cove_cbor_check_all(cove_buf_bytes(&in), DEPTH, NULL), 0);
    for (size_t len = 0; len < in.len; len++) {
        char cut[256];

        snprintf(cut, sizeof(cut), "%.*s", (int)(2 * len), whole);
        ck_assert_int_eq(check_hex(cut, DEPTH, NULL), COVE_EFORMAT);
    }
    cove_buf_clear(&in);
}
END_TEST

START_TEST(nesting_beyond_the_depth_is_a_limit_and_not_a_stack_overflow)
{
    size_t deep = 1000000;
    uint8_t *bomb = malloc(deep + 1);
    struct cove_diag diag = {0};

    ck_assert_ptr_nonnull(bomb);
    memset(bomb, 0x81, deep);
    bomb[deep] = 0;
    ck_assert_int_eq(
        cove_cbor_check_all(cove_bytes(bomb, deep + 1), DEPTH, &diag),
        COVE_ELIMIT);
    ck_assert_str_eq(diag.text, "CBOR at byte 32: nested too deep");
    memset(bomb, 0xa1, deep);
    ck_assert_int_eq(cove_cbor_check_all(cove_bytes(bomb, deep), DEPTH, NULL),
                     COVE_ELIMIT);
    for (unsigned depth = 0; depth <= DEPTH; depth++) {
        memset(bomb, 0x81, depth);
        bomb[depth] = 0;
        ck_assert_int_eq(
            cove_cbor_check_all(cove_bytes(bomb, depth + 1), depth, NULL), 0);
        if (depth > 0) {
            ck_assert_int_eq(cove_cbor_check_all(cove_bytes(bomb, depth + 1),
                                                 depth - 1, NULL),
                             COVE_ELIMIT);
        }
    }
    free(bomb);
    ck_assert_int_eq(check_hex("00", 0, NULL), 0);
    ck_assert_int_eq(check_hex("80", 0, NULL), COVE_ELIMIT);
    ck_assert_int_eq(check_hex("a0", 0, NULL), COVE_ELIMIT);
    ck_assert_int_eq(check_hex("80", 1, NULL), 0);
}
END_TEST

START_TEST(check_gives_the_length_of_the_first_item)
{
    struct cove_buf in = unhex("83010203ffff");
    size_t len = 77;

    ck_assert_int_eq(cove_cbor_check(cove_buf_bytes(&in), 1, &len, NULL), 0);
    ck_assert_uint_eq(len, 4);
    in.at[1] = 0xff;
    ck_assert_int_eq(cove_cbor_check(cove_buf_bytes(&in), 1, &len, NULL),
                     COVE_EFORMAT);
    ck_assert_uint_eq(len, 4);
    ck_assert_int_eq(cove_cbor_check(cove_bytes(NULL, 0), 1, &len, NULL),
                     COVE_EFORMAT);
    cove_buf_clear(&in);
}
END_TEST

/* RFC 8949 appendix A holds what this profile leaves out: bignums and other
 * tags, undefined and simple values, -2^64, and everything that does not
 * round-trip. */
static bool in_profile(const char *hex, bool roundtrip)
{
    return roundtrip && hex[0] != 'c' && hex[0] != 'd' &&
           strcmp(hex, "f7") != 0 && strcmp(hex, "f0") != 0 &&
           strncmp(hex, "f8", 2) != 0 && strcmp(hex, "3bffffffffffffffff") != 0;
}

static char *appendix_a(void)
{
    const char *shared = getenv("COVE_SHARED");
    char path[1024];

    snprintf(path, sizeof(path), "%s/data/cbor/appendix_a.json",
             shared != NULL ? shared : COVE_SOURCE_ROOT "/../shared");

    FILE *file = fopen(path, "rb");
    char *text = calloc(1, 65536);

    ck_assert_ptr_nonnull(text);
    if (file == NULL) {
        free(text);
        return NULL;
    }
    ck_assert_uint_gt(fread(text, 1, 65535, file), 0);
    fclose(file);
    return text;
}

START_TEST(the_vectors_of_rfc_8949_are_accepted_or_refused_as_they_should)
{
    char *text = appendix_a();
    int good = 0;
    int bad = 0;

    if (text == NULL) {
        printf("# skipped: no public data\n");
        return;
    }
    for (char *at = strstr(text, "\"hex\": \""); at != NULL;
         at = strstr(at, "\"hex\": \"")) {
        at += strlen("\"hex\": \"");

        char *end = strchr(at, '"');

        ck_assert_ptr_nonnull(end);
        *end = '\0';

        const char *mark = strstr(end + 1, "\"roundtrip\": ");

        ck_assert_ptr_nonnull(mark);

        bool wanted = in_profile(at, mark[strlen("\"roundtrip\": ")] == 't');
        int err = check_hex(at, DEPTH, NULL);

        ck_assert_msg(err == (wanted ? 0 : COVE_EFORMAT), "%s: %d", at, err);
        if (wanted) {
            assert_recodes(at);
        }
        good += wanted;
        bad += !wanted;
        at = end + 1;
    }
    ck_assert_int_eq(good, 52);
    ck_assert_int_eq(bad, 30);
    free(text);
}
END_TEST

static void assert_float(double v, const char *hex)
{
    struct cove_buf out;
    struct cove_writer w;
    struct cove_reader r;
    char got[COVE_HEX_LEN(9)];

    cove_buf_init(&out, &cove_alloc_libc);
    cove_writer_init(&w, &out);
    cove_writer_float(&w, v);
    ck_assert_int_eq(w.err, 0);
    cove_hex(cove_buf_bytes(&out), got);
    if (hex != NULL) {
        ck_assert_str_eq(got, hex);
    }
    ck_assert_msg(cove_cbor_check_all(cove_buf_bytes(&out), 0, NULL) == 0,
                  "%a: %s", v, got);
    cove_reader_init(&r, cove_buf_bytes(&out));

    double back = cove_reader_float(&r);

    ck_assert_int_eq(cove_reader_done(&r), 0);
    ck_assert_msg(isnan(v) ? isnan(back) : memcmp(&v, &back, 8) == 0,
                  "%a came back as %a", v, back);
    cove_buf_clear(&out);
}

START_TEST(a_float_is_written_in_the_shortest_form_that_holds_it)
{
    assert_float(0.0, "f90000");
    assert_float(-0.0, "f98000");
    assert_float(1.0, "f93c00");
    assert_float(65504.0, "f97bff");
    assert_float(65505.0, "fa477fe100");
    assert_float(0x1p-24, "f90001");
    assert_float(0x1p-25, "fa33000000");
    assert_float(0x1.8p-24, "fa33c00000");
    assert_float(0x1.ff8p-15, "f903ff");
    assert_float(0x1.ffcp-15, "fa387fe000");
    assert_float(0x1p-14, "f90400");
    assert_float((double)FLT_MAX, "fa7f7fffff");
    assert_float((double)FLT_MAX * 1.0000001, NULL);
    assert_float(0x1p-149, "fa00000001");
    assert_float(0x1p-150, "fb3690000000000000");
    assert_float(DBL_MAX, "fb7fefffffffffffff");
    assert_float(-(double)INFINITY, "f9fc00");
    assert_float((double)INFINITY, "f97c00");
    assert_float((double)NAN, "f97e00");
    assert_float(-(double)NAN, "f97e00");
}
END_TEST

START_TEST(every_half_precision_number_is_written_in_three_bytes)
{
    for (uint32_t half = 0; half <= UINT16_MAX; half++) {
        uint8_t in[3] = {0xf9, (uint8_t)(half >> 8), (uint8_t)half};
        struct cove_reader r;
        char hex[COVE_HEX_LEN(3)];

        cove_reader_init(&r, cove_bytes(in, sizeof(in)));

        double v = cove_reader_float(&r);

        if (!isnan(v)) {
            cove_hex(cove_bytes(in, sizeof(in)), hex);
            assert_float(v, hex);
        }
    }
}
END_TEST

START_TEST(any_bits_of_a_float_round_trip)
{
    struct harness_env env;

    harness_env_init(&env, 7);
    for (int i = 0; i < 5000; i++) {
        uint32_t single;
        float narrow;
        double wide;

        harness_random(&env, &single, sizeof(single));
        memcpy(&narrow, &single, sizeof(narrow));
        assert_float((double)narrow, NULL);
        harness_random(&env, &wide, sizeof(wide));
        assert_float(wide, NULL);
    }
}
END_TEST

START_TEST(integers_keep_their_range_and_never_become_floats)
{
    static const int64_t numbers[] = {
        0,      23,     24,          255,         256,
        65535,  65536,  4294967295,  4294967296,  INT64_MAX,
        -1,     -24,    -25,         -256,        -257,
        -65536, -65537, -4294967296, -4294967297, INT64_MIN,
    };
    struct cove_buf out;
    struct cove_writer w;
    struct cove_reader r;

    cove_buf_init(&out, &cove_alloc_libc);
    cove_writer_init(&w, &out);
    for (size_t i = 0; i < COVE_ARRAY_LEN(numbers); i++) {
        cove_writer_int(&w, numbers[i]);
    }
    ck_assert_int_eq(w.err, 0);
    cove_reader_init(&r, cove_buf_bytes(&out));
    for (size_t i = 0; i < COVE_ARRAY_LEN(numbers); i++) {
        ck_assert_int_eq(cove_reader_peek(&r),
                         numbers[i] < 0 ? COVE_CBOR_NINT : COVE_CBOR_UINT);
        ck_assert_int_eq(cove_reader_int(&r), numbers[i]);
    }
    ck_assert_int_eq(cove_reader_done(&r), 0);
    cove_buf_clear(&out);
}
END_TEST

START_TEST(a_wrong_call_makes_the_reader_fail_for_good)
{
    struct cove_buf in = unhex("8301f5416183010203");
    uint8_t fixed[2] = {9, 9};
    struct cove_reader r;

    cove_reader_init(&r, cove_buf_bytes(&in));
    ck_assert_uint_eq(cove_reader_list(&r), 3);
    ck_assert_uint_eq(cove_reader_text(&r).len, 0);
    ck_assert_int_eq(r.err, COVE_EFORMAT);
    ck_assert_int_eq(cove_reader_peek(&r), COVE_CBOR_END);
    ck_assert_uint_eq(cove_reader_uint(&r), 0);
    ck_assert_int_eq(cove_reader_int(&r), 0);
    ck_assert(cove_reader_float(&r) == 0);
    ck_assert(!cove_reader_bool(&r));
    cove_reader_null(&r);
    ck_assert_uint_eq(cove_reader_bytes(&r).len, 0);
    ck_assert_uint_eq(cove_reader_list(&r), 0);
    ck_assert_uint_eq(cove_reader_map(&r), 0);
    ck_assert_uint_eq(cove_reader_item(&r).len, 0);
    cove_reader_fixed(&r, fixed, sizeof(fixed));
    ck_assert_uint_eq(fixed[0], 0);
    ck_assert_int_eq(cove_reader_done(&r), COVE_EFORMAT);
    cove_buf_clear(&in);
}
END_TEST

START_TEST(the_reader_refuses_what_is_of_another_type_or_length)
{
    struct cove_reader r;
    struct cove_buf in = unhex("1b8000000000000000");
    uint8_t fixed[2];

    cove_reader_init(&r, cove_buf_bytes(&in));
    ck_assert_int_eq(cove_reader_int(&r), 0);
    ck_assert_int_eq(r.err, COVE_EFORMAT);
    cove_buf_clear(&in);

    in = unhex("43010203");
    cove_reader_init(&r, cove_buf_bytes(&in));
    cove_reader_fixed(&r, fixed, sizeof(fixed));
    ck_assert_int_eq(r.err, COVE_EFORMAT);
    in.at[0] = 0x42;
    cove_reader_init(&r, cove_bytes(in.at, 3));
    cove_reader_fixed(&r, fixed, sizeof(fixed));
    ck_assert_int_eq(cove_reader_done(&r), 0);
    ck_assert_mem_eq(fixed, "\x01\x02", 2);
    cove_buf_clear(&in);

    in = unhex("f5");
    cove_reader_init(&r, cove_buf_bytes(&in));
    ck_assert(cove_reader_float(&r) == 0);
    ck_assert_int_eq(r.err, COVE_EFORMAT);
    cove_reader_init(&r, cove_buf_bytes(&in));
    ck_assert_int_eq(cove_reader_done(&r), COVE_EFORMAT);
    ck_assert(cove_reader_bool(&r));
    ck_assert_int_eq(cove_reader_done(&r), 0);
    cove_buf_clear(&in);
}
END_TEST

START_TEST(the_reader_never_leaves_its_bytes_though_nobody_checked_them)
{
    struct harness_env env;

    harness_env_init(&env, 11);
    for (int i = 0; i < 50000; i++) {
        uint8_t roll[2];
        struct cove_reader r;
        struct cove_buf out;
        struct cove_writer w;

        harness_random(&env, roll, sizeof(roll));

        size_t len = roll[0] % 24;
        uint8_t *in = malloc(len + 1);

        ck_assert_ptr_nonnull(in);
        uint8_t *exact = realloc(in, len > 0 ? len : 1);

        ck_assert_ptr_nonnull(exact);
        harness_random(&env, exact, len);
        cove_reader_init(&r, cove_bytes(exact, len));
        cove_reader_item(&r);
        cove_buf_init(&out, &cove_alloc_libc);
        cove_writer_init(&w, &out);
        cove_reader_init(&r, cove_bytes(exact, len));
        recode(&r, &w);
        ck_assert_int_eq(w.err, 0);
        cove_buf_clear(&out);
        free(exact);
    }
}
END_TEST

START_TEST(pairs_are_sorted_by_their_encoded_keys)
{
    const uint8_t keys[][4] = {{0x62, 'a', 'a'}, {0x61, 'b'}, {0x18, 100},
                               {0x20},           {0x0a},      {0x61, 'a'}};
    const size_t lens[] = {3, 2, 2, 1, 1, 2};
    struct cove_pair pairs[6];
    struct cove_buf out;
    struct cove_writer w;
    char hex[64];

    for (size_t i = 0; i < 6; i++) {
        pairs[i].key = cove_bytes(keys[i], lens[i]);
        pairs[i].value = cove_bytes(&keys[4][0], 1);
    }
    cove_buf_init(&out, &cove_alloc_libc);
    cove_writer_init(&w, &out);
    cove_writer_map_sorted(&w, pairs, 6);
    ck_assert_int_eq(w.err, 0);
    ck_assert_int_eq(cove_cbor_check_all(cove_buf_bytes(&out), 1, NULL), 0);
    cove_hex(cove_buf_bytes(&out), hex);
    ck_assert_str_eq(hex, "a60a0a18640a200a61610a61620a6261610a");

    cove_writer_map_sorted(&w, pairs, 0);
    ck_assert_int_eq(w.err, 0);
    pairs[1].key = pairs[4].key;
    cove_writer_map_sorted(&w, pairs, 6);
    ck_assert_int_eq(w.err, COVE_EFORMAT);
    cove_buf_clear(&out);
}
END_TEST

START_TEST(a_writer_without_memory_keeps_its_error_and_leaks_nothing)
{
    char text[600] = {0}; /* more than a buffer begins with */

    for (long fail_at = 1;; fail_at++) {
        struct harness_alloc h;
        struct cove_buf out;
        struct cove_writer w;

        harness_alloc_init(&h, fail_at);
        cove_buf_init(&out, &h.alloc);
        cove_writer_init(&w, &out);
        cove_writer_list(&w, 7);
        cove_writer_bytes(&w, text, sizeof(text));
        cove_writer_cstr(&w, "a text");
        cove_writer_int(&w, -1);
        cove_writer_uint(&w, 1);
        cove_writer_float(&w, 1.1);
        cove_writer_bool(&w, true);
        cove_writer_null(&w);
        cove_writer_map_sorted(&w, NULL, 0);

        int err = w.err;

        cove_buf_clear(&out);
        ck_assert_int_eq(h.alive, 0);
        if (err == 0) {
            ck_assert_int_gt(fail_at, 2);
            break;
        }
        ck_assert_int_eq(err, COVE_ENOMEM);
    }
}
END_TEST

static Suite *cbor_suite(void)
{
    Suite *suite = suite_create("cbor");
    TCase *t = tcase_create("cbor");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, the_deterministic_form_is_accepted_and_written_the_same);
    tcase_add_test(t, a_head_longer_than_needed_is_refused);
    tcase_add_test(t, map_keys_out_of_order_or_twice_are_refused);
    tcase_add_test(
        t, tags_undefined_simple_values_and_indefinite_lengths_are_refused);
    tcase_add_test(t, text_that_is_no_utf8_is_refused);
    tcase_add_test(t, a_float_has_one_form_and_nan_has_one_form);
    tcase_add_test(t, an_integer_below_int64_is_refused);
    tcase_add_test(t, an_item_cut_anywhere_or_followed_by_bytes_is_refused);
    tcase_add_test(
        t, nesting_beyond_the_depth_is_a_limit_and_not_a_stack_overflow);
    tcase_add_test(t, check_gives_the_length_of_the_first_item);
    tcase_add_test(
        t, the_vectors_of_rfc_8949_are_accepted_or_refused_as_they_should);
    tcase_add_test(t, a_float_is_written_in_the_shortest_form_that_holds_it);
    tcase_add_test(t, every_half_precision_number_is_written_in_three_bytes);
    tcase_add_test(t, any_bits_of_a_float_round_trip);
    tcase_add_test(t, integers_keep_their_range_and_never_become_floats);
    tcase_add_test(t, a_wrong_call_makes_the_reader_fail_for_good);
    tcase_add_test(t, the_reader_refuses_what_is_of_another_type_or_length);
    tcase_add_test(
        t, the_reader_never_leaves_its_bytes_though_nobody_checked_them);
    tcase_add_test(t, pairs_are_sorted_by_their_encoded_keys);
    tcase_add_test(t,
                   a_writer_without_memory_keeps_its_error_and_leaks_nothing);
    suite_add_tcase(suite, t);
    return suite;
}

int main(void)
{
    return harness_run(cbor_suite());
}
