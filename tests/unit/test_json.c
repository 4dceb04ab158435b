#include <errno.h>
#include <float.h>
#include <jansson.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>

#include "core/cbor.h"
#include "core/id.h"
#include "core/json.h"
#include "core/json_quick.h"
#include "core/limits.h"
#include "tests/unit/harness.h"

#define ID_TEXT "co_z1thX6LZfHDZZKUs92febYZhYRcXddmzfzF2NvTkPNE"
#define REF                                                                    \
    "a1605820000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static void assert_read(const char *text, const char *hex, bool plain)
{
    struct cove_diag diag = {0};
    struct cove_buf buf;
    char got[1024];
    struct cove_bytes in = cove_bytes_text(text);

    cove_buf_init(&buf, &cove_alloc_libc);

    int err = plain ? cove_json_read_plain(in, "test", &buf, &diag)
                    : cove_json_read(in, "test", &buf, &diag);

    ck_assert_msg(err == 0, "%s: %s", text, diag.text);
    ck_assert_uint_lt(COVE_HEX_LEN(buf.len), sizeof(got));
    cove_hex(cove_buf_bytes(&buf), got);
    ck_assert_str_eq(got, hex);
    ck_assert_int_eq(
        cove_cbor_check_all(cove_buf_bytes(&buf), COVE_MAX_CBOR_DEPTH, NULL),
        0);
    cove_buf_clear(&buf);
}

static void assert_write(const char *hex, unsigned indent, const char *text,
                         bool plain)
{
    uint8_t in[512];
    size_t len = strlen(hex) / 2;
    struct cove_buf buf;

    ck_assert_uint_le(len, sizeof(in));
    ck_assert_int_eq(cove_hex_parse(hex, in, len), 0);
    ck_assert_int_eq(
        cove_cbor_check_all(cove_bytes(in, len), COVE_MAX_CBOR_DEPTH, NULL), 0);
    cove_buf_init(&buf, &cove_alloc_libc);
    ck_assert_int_eq(
        plain ? cove_json_write_plain(cove_bytes(in, len), indent, &buf)
              : cove_json_write(cove_bytes(in, len), indent, &buf),
        0);
    ck_assert_int_eq(cove_buf_append(&buf, cove_bytes("", 1)), 0);
    ck_assert_str_eq((const char *)buf.at, text);
    cove_buf_clear(&buf);
}

START_TEST(json_and_cbor_say_the_same)
{
    static const struct {
        const char *text;
        const char *hex;
    } cases[] = {
        {"null", "f6"},
        {"true", "f5"},
        {"false", "f4"},
        {"0", "00"},
        {"-1", "20"},
        {"9223372036854775807", "1b7fffffffffffffff"},
        {"-9223372036854775808", "3b7fffffffffffffff"},
        {"0.0", "f90000"},
        {"-0.0", "f98000"},
        {"1.0", "f93c00"},
        {"1.5", "f93e00"},
        {"0.1", "fb3fb999999999999a"},
        {"1e+300", "fb7e37e43c8800759c"},
        {"5e-324", "fb0000000000000001"},
        {"1.7976931348623157e+308", "fb7fefffffffffffff"},
        {"2.2250738585072014e-308", "fb0010000000000000"},
        {"\"\"", "60"},
        {"\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\"",
         "6a61225c080c0a0d09011f"},
        {"\"\xc3\xbc\xf0\x9f\x98\x80\x7f\"", "67c3bcf09f98807f"},
        {"[]", "80"},
        {"[1,[2,[]],{}]", "8301820280a0"},
        {"{}", "a0"},
        {"{\"a\":1,\"b\":[],\"aa\":{\"z\":null}}", "a361610161628062"
                                                   "6161a1617af6"},
        {"{\"$bytes\":\"\"}", "40"},
        {"{\"$bytes\":\"AA==\"}", "4100"},
        {"{\"$bytes\":\"+/8=\"}", "42fbff"},
        {"{\"$bytes\":\"AQID\"}", "43010203"},
        {"{\"$bytes\":\"abyz\"}", "4369bcb3"},
        {"{\"$ref\":\"" ID_TEXT "\"}", REF},
        {"{\"$float\":\"nan\"}", "f97e00"},
        {"{\"$float\":\"inf\"}", "f97c00"},
        {"{\"$float\":\"-inf\"}", "f9fc00"},
        {"[{\"$bytes\":\"AA==\"},{\"x\":{\"$float\":\"inf\"}}]",
         "824100a16178f97c00"},
        /* maps that look like a form */
        {"{\"$$bytes\":\"AA==\"}", "a16624627974657364"
                                   "41413d3d"},
        {"{\"$$ref\":\"#/a\"}", "a1642472656663232f61"},
        {"{\"$$float\":1}", "a16624666c6f617401"},
        {"{\"$$$float\":1}", "a1672424666c6f617401"},
        {"{\"$other\":1}", "a166246f7468657201"},
        {"{\"$$\":1}", "a162242401"},
        {"{\"$ref\":1,\"$bytes\":2}", "a2642472656601662462797465730"
                                      "2"},
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(cases); i++) {
        assert_read(cases[i].text, cases[i].hex, false);
        assert_write(cases[i].hex, 0, cases[i].text, false);
    }
}
END_TEST

START_TEST(a_number_with_a_point_or_exponent_is_a_float_any_other_an_integer)
{
    assert_read("10", "0a", false);
    assert_read("10.0", "f94900", false);
    assert_read("1e1", "f94900", false);
    assert_read("1E1", "f94900", false);
    assert_read("-0", "00", false);
    assert_read(" \n\t 7 \r\n", "07", false);
    assert_read("1e-999", "f90000", false);
    assert_read("\"\\u00fc\\ud83d\\ude00\"", "66c3bcf09f9880", false);
    assert_read("9007199254740993.0", "fa5a000000", false);
}
END_TEST

START_TEST(keys_are_sorted_as_their_encodings)
{
    assert_read("{\"b\":1,\"aa\":2,\"a\":3,\"\":4,\"\xc3\xbc\":5}",
                "a560046161036162016261610262c3bc05", false);
}
END_TEST

START_TEST(plain_text_keeps_the_forms_as_objects)
{
    assert_read("{\"$ref\":\"#/a\"}", "a1642472656663232f61", true);
    assert_read("{\"$ref\":\"" ID_TEXT "\"}",
                "a16424726566782e636f5f7a31746858364c5a6648445a5a4b557339326665"
                "62595a685952635864646d7a667a46324e76546b504e45",
                true);
    assert_read("{\"$bytes\":1}", "a16624627974657301", true);
    assert_read("{\"$$bytes\":1}", "a1672424627974657301", true);
    assert_write("a1642472656663232f61", 0, "{\"$ref\":\"#/a\"}", true);
    assert_write("a16624627974657301", 0, "{\"$bytes\":1}", true);
}
END_TEST

START_TEST(an_indent_breaks_lines)
{
    assert_write(
        "a361610161628301820280a0"
        "6163" REF,
        2,
        "{\n  \"a\": 1,\n  \"b\": [\n    1,\n    [\n      2,\n"
        "      []\n    ],\n    {}\n  ],\n  \"c\": {\"$ref\": \"" ID_TEXT
        "\"}\n}",
        false);
    assert_write("4100", 2, "{\"$bytes\": \"AA==\"}", false);
}
END_TEST

START_TEST(keys_that_are_no_text_become_text)
{
    assert_write("a30102200340"
                 "f6",
                 0, "{\"1\":2,\"-1\":3,\"40\":null}", false);
    assert_write("1bffffffffffffffff", 0, "18446744073709551615", false);
}
END_TEST

static void assert_refused(const char *text, size_t len, int code,
                           const char *sentence)
{
    struct cove_diag diag = {0};
    struct cove_buf buf;

    cove_buf_init(&buf, &cove_alloc_libc);
    ck_assert_int_eq(cove_buf_append(&buf, cove_bytes_text("kept")), 0);

    int err = cove_json_read(cove_bytes(text, len), "a.json", &buf, &diag);

    ck_assert_msg(err == code, "%s gave %d", text, err);
    ck_assert_msg(strcmp(diag.text, sentence) == 0, "%s: %s", text, diag.text);
    ck_assert_uint_eq(buf.len, 4);
    ck_assert_int_eq(
        cove_json_read(cove_bytes(text, len), "a.json", &buf, NULL), code);
    cove_buf_clear(&buf);
}

#define REFUSED(text, sentence)                                                \
    assert_refused(text, sizeof(text) - 1, COVE_EJSON, sentence)

START_TEST(what_is_no_json_is_refused_with_line_and_column)
{
    REFUSED("", "a.json:1:0: unexpected token near end of file");
    REFUSED("{\"a\":1,\n \"b\":2,\n  \"a\":3}",
            "a.json:3:5: duplicate object key near '\"a\"'");
    REFUSED("[1,2", "a.json:1:4: ']' expected near end of file");
    REFUSED("[1,]", "a.json:1:4: unexpected token near ']'");
    REFUSED("{\"a\" 1}", "a.json:1:6: ':' expected near '1'");
    REFUSED("1 2", "a.json:1:3: end of file expected near '2'");
    REFUSED("9223372036854775808",
            "a.json:1:19: too big integer near '9223372036854775808'");
    REFUSED("-9223372036854775809",
            "a.json:1:20: too big negative integer near "
            "'-9223372036854775809'");
    REFUSED("1e999", "a.json:1:5: real number overflow near '1e999'");
    REFUSED("\"\\u0000\"", "a.json:1:8: a NUL (\\u0000) in a text");
    REFUSED("{\"a\\u0000\":1}", "a.json:1:10: a NUL (\\u0000) in a text");
    REFUSED("\"a\0b\"", "a.json:1:2: control character 0x0 near '\"a'");
    REFUSED("\"\xff\"", "a.json:1:1: unable to decode byte 0xff near '\"'");
    REFUSED("\"\xed\xa0\x80\"",
            "a.json:1:1: unable to decode byte 0xed near '\"'");
    REFUSED("\"\\ud800\"",
            "a.json:1:8: invalid Unicode '\\uD800' near '\"\\ud800\"'");
    REFUSED("01", "a.json:1:1: invalid token near '0'");
    REFUSED("1.", "a.json:1:2: invalid token near '1.'");
    REFUSED("NaN", "a.json:1:3: invalid token near 'NaN'");
    REFUSED("// c\n1", "a.json:1:1: invalid token near '/'");
    REFUSED("\"a\nb\"", "a.json:1:2: unexpected newline near '\"a'");
}
END_TEST

START_TEST(a_form_with_the_wrong_inside_is_refused)
{
    REFUSED("{\"$bytes\":\"AA\"}",
            "a.json: {\"$bytes\": …} needs base64 with padding");
    REFUSED("{\"$bytes\":\"AB==\"}",
            "a.json: {\"$bytes\": …} needs base64 with padding");
    REFUSED("{\"$bytes\":\"AAB=\"}",
            "a.json: {\"$bytes\": …} needs base64 with padding");
    REFUSED("{\"$bytes\":\"A===\"}",
            "a.json: {\"$bytes\": …} needs base64 with padding");
    REFUSED("{\"$bytes\":\"====\"}",
            "a.json: {\"$bytes\": …} needs base64 with padding");
    REFUSED("{\"$bytes\":\"AA==AAAA\"}",
            "a.json: {\"$bytes\": …} needs base64 with padding");
    REFUSED("{\"$bytes\":\"A-_A\"}",
            "a.json: {\"$bytes\": …} needs base64 with padding");
    REFUSED("{\"$bytes\":1}",
            "a.json: {\"$bytes\": …} needs a text; a map with this one key is "
            "written {\"$$bytes\": …}");
    REFUSED("{\"$ref\":\"#/a\"}",
            "a.json: {\"$ref\": …} needs the whole id of a document "
            "(\"co_z…\"), not \"#/a\"");
    REFUSED("[{\"$float\":\"NaN\"}]",
            "a.json: {\"$float\": …} needs \"nan\", \"inf\" or \"-inf\"; write "
            "any other number as a number");
}
END_TEST

START_TEST(nesting_is_limited)
{
    size_t deep = COVE_MAX_CBOR_DEPTH;
    static char text[200000];
    struct cove_buf buf;

    cove_buf_init(&buf, &cove_alloc_libc);
    memset(text, '[', deep);
    memset(text + deep, ']', deep);
    ck_assert_int_eq(
        cove_json_read(cove_bytes(text, 2 * deep), "a", &buf, NULL), 0);
    ck_assert_int_eq(
        cove_cbor_check_all(cove_buf_bytes(&buf), COVE_MAX_CBOR_DEPTH, NULL),
        0);
    cove_buf_clear(&buf);
    memset(text, '[', deep + 1);
    memset(text + deep + 1, ']', deep + 1);
    assert_refused(text, 2 * deep + 2, COVE_ELIMIT,
                   "a.json: nested more than 32 levels deep");
    memset(text, '[', sizeof(text));
    assert_refused(text, sizeof(text), COVE_ELIMIT,
                   "a.json:1:2049: maximum parsing depth reached near '['");
}
END_TEST

/* Bits to JSON and back. */
static void assert_float_returns(double v)
{
    struct cove_buf item;
    struct cove_buf text;
    struct cove_buf back;
    struct cove_writer w;

    cove_buf_init(&item, &cove_alloc_libc);
    cove_buf_init(&text, &cove_alloc_libc);
    cove_buf_init(&back, &cove_alloc_libc);
    cove_writer_init(&w, &item);
    cove_writer_float(&w, v);
    ck_assert_int_eq(w.err, 0);
    ck_assert_int_eq(cove_json_write(cove_buf_bytes(&item), 0, &text), 0);
    ck_assert_int_eq(cove_json_read(cove_buf_bytes(&text), "f", &back, NULL),
                     0);
    ck_assert_msg(
        cove_bytes_equal(cove_buf_bytes(&item), cove_buf_bytes(&back)),
        "%a as %.*s", v, (int)text.len, (const char *)text.at);
    cove_buf_clear(&item);
    cove_buf_clear(&text);
    cove_buf_clear(&back);
}

static void assert_floats_return(void)
{
    struct harness_env env;

    harness_env_init(&env, 21);
    assert_float_returns(DBL_MIN);
    assert_float_returns(DBL_TRUE_MIN);
    assert_float_returns(-DBL_MAX);
    assert_float_returns(0x1.fffffffffffffp-1023);
    assert_float_returns(9007199254740993.0);
    assert_float_returns(1e22);
    assert_float_returns(1e23);
    for (int i = 0; i < 5000; i++) {
        double v;

        harness_random(&env, &v, sizeof(v));
        assert_float_returns(v);
    }
}

START_TEST(any_float_comes_back_with_the_same_bits)
{
    assert_floats_return();
}
END_TEST

START_TEST(floats_do_not_depend_on_the_locale)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "de_DE",
                                        "fr_FR.UTF-8"};
    const char *got = NULL;

    for (size_t i = 0; i < COVE_ARRAY_LEN(names) && got == NULL; i++) {
        got = setlocale(LC_ALL, names[i]);
    }
    if (got == NULL) {
        printf("# skipped: no locale with a decimal comma\n");
        return;
    }
    assert_write("f93e00", 0, "1.5", false);
    assert_read("1.5", "f93e00", false);
    assert_floats_return();
    setlocale(LC_ALL, "C");
}
END_TEST

/* Any text that is JSON in most cases, few members and some twice. */
static size_t text_grow(struct harness_env *env, char *out, unsigned depth)
{
    static const char *const words[] = {
        "null",     "true",     "false",
        "0",        "-7",       "123456789012345678",
        "\"\"",     "\"ab\"",   "\"\xc3\xbc\"",
        "\"\xff\"", "\"a\\n\"", "\"$ref\"",
        "1.5",      "01",       "-0",
        " 1 ",      "tru",      "9223372036854775808",
    };
    static const char *const names[] = {"\"a\"",  "\"b\"",  "\"aa\"", "\"\"",
                                        "\"$a\"", "\"c\" ", "\"ccc\""};
    uint8_t draw[3];
    size_t len = 0;

    harness_random(env, draw, sizeof(draw));
    if (depth == 0 || draw[0] % 3 == 0) {
        const char *word =
            words[draw[1] % 4 == 0 ? draw[2] % COVE_ARRAY_LEN(words)
                                   : draw[2] % 9];

        memcpy(out, word, strlen(word));
        return strlen(word);
    }
    bool map = draw[0] % 3 == 1;

    out[len++] = map ? '{' : '[';
    for (unsigned i = 0; i < draw[1] % 4; i++) {
        out[len] = ',';
        len += i > 0;
        if (map) {
            harness_random(env, draw + 2, 1);
            const char *name = names[draw[2] % COVE_ARRAY_LEN(names)];

            memcpy(out + len, name, strlen(name));
            len += strlen(name);
            out[len++] = ':';
        }
        len += text_grow(env, out + len, depth - 1);
    }
    out[len++] = map ? '}' : ']';
    return len;
}

/* A float in a list with it makes any text go the long way. */
START_TEST(the_short_way_says_what_the_long_one_says)
{
    struct harness_env env;
    struct cove_buf quick;
    struct cove_buf full;
    int taken = 0;

    harness_env_init(&env, 7);
    cove_buf_init(&quick, &cove_alloc_libc);
    cove_buf_init(&full, &cove_alloc_libc);
    for (int i = 0; i < 50000; i++) {
        char text[4096] = "[";
        size_t len = text_grow(&env, text + 1, 4);

        quick.len = 0;
        full.len = 0;
        if (cove_json_quick(cove_bytes(text + 1, len), &quick) != 0) {
            ck_assert_uint_eq(quick.len, 0);
            continue;
        }
        taken++;
        memcpy(text + 1 + len, ",0.5]", 6);
        ck_assert_int_eq(
            cove_json_read(cove_bytes_text(text), "t", &full, NULL), 0);
        ck_assert_uint_eq(full.len, quick.len + 4);
        ck_assert_mem_eq(full.at + 1, quick.at, quick.len);
    }
    ck_assert_int_gt(taken, 10000);
    ck_assert_int_lt(taken, 45000);
    cove_buf_clear(&quick);
    cove_buf_clear(&full);
}
END_TEST

static const char everything[] =
    "{\"list\":[1,2.5,\"a text that takes some room\",null],"
    "\"bytes\":{\"$bytes\":\"AQID\"},\"ref\":{\"$ref\":\"" ID_TEXT "\"},"
    "\"map\":{\"deep\":{\"deeper\":[{\"$float\":\"nan\"},true]}},"
    "\"more\":\"a text that is longer than the room that a buffer begins "
    "with, since it is to grow, and to grow again: 0123456789 0123456789 "
    "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789\"}";

START_TEST(reading_and_writing_without_memory_leave_the_buffer_as_it_was)
{
    struct cove_buf item;

    cove_buf_init(&item, &cove_alloc_libc);
    for (long fail_at = 1;; fail_at++) {
        struct harness_alloc h;
        struct cove_buf buf;

        harness_alloc_init(&h, fail_at);
        cove_buf_init(&buf, &h.alloc);

        int err = cove_json_read(cove_bytes_text(everything), "m", &buf, NULL);

        ck_assert_uint_eq(err == 0, buf.len > 0);
        if (err == 0) {
            ck_assert_int_eq(cove_buf_append(&item, cove_buf_bytes(&buf)), 0);
        }
        cove_buf_clear(&buf);
        ck_assert_int_eq(h.alive, 0);
        if (err == 0) {
            ck_assert_int_gt(fail_at, 6);
            break;
        }
        ck_assert_int_eq(err, COVE_ENOMEM);
    }
    for (long fail_at = 1;; fail_at++) {
        struct harness_alloc h;
        struct cove_buf buf;

        harness_alloc_init(&h, fail_at);
        cove_buf_init(&buf, &h.alloc);

        int err = cove_json_write(cove_buf_bytes(&item), 2, &buf);

        ck_assert_uint_eq(err == 0, buf.len > 0);
        cove_buf_clear(&buf);
        ck_assert_int_eq(h.alive, 0);
        if (err == 0) {
            ck_assert_int_gt(fail_at, 2);
            break;
        }
        ck_assert_int_eq(err, COVE_ENOMEM);
    }
    cove_buf_clear(&item);
}
END_TEST

static struct {
    long calls;
    long fail_at;
    long alive;
} jansson_heap;

static void *jansson_malloc(size_t len)
{
    if (++jansson_heap.calls == jansson_heap.fail_at) {
        errno = ENOMEM;
        return NULL;
    }
    jansson_heap.alive++;
    return malloc(len);
}

static void jansson_free(void *at)
{
    jansson_heap.alive -= at != NULL;
    free(at);
}

/* Inside a token it calls that invalid, or forgets a byte of it. */
START_TEST(jansson_without_memory_is_an_error_and_leaks_nothing)
{
    json_set_alloc_funcs(jansson_malloc, jansson_free);
    for (long fail_at = 1;; fail_at++) {
        struct cove_buf buf;

        jansson_heap.calls = 0;
        jansson_heap.fail_at = fail_at;
        cove_buf_init(&buf, &cove_alloc_libc);

        int err = cove_json_read(cove_bytes_text(everything), "m", &buf, NULL);

        ck_assert_uint_eq(err == 0, buf.len > 0);
        cove_buf_clear(&buf);
        ck_assert_int_eq(jansson_heap.alive, 0);
        if (err == 0) {
            ck_assert_int_gt(fail_at, 10);
            break;
        }
        ck_assert_int_eq(err, COVE_ENOMEM);
    }
    json_set_alloc_funcs(malloc, free);
}
END_TEST

static Suite *json_suite(void)
{
    Suite *suite = suite_create("json");
    TCase *t = tcase_create("json");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, json_and_cbor_say_the_same);
    tcase_add_test(
        t, a_number_with_a_point_or_exponent_is_a_float_any_other_an_integer);
    tcase_add_test(t, keys_are_sorted_as_their_encodings);
    tcase_add_test(t, the_short_way_says_what_the_long_one_says);
    tcase_add_test(t, plain_text_keeps_the_forms_as_objects);
    tcase_add_test(t, an_indent_breaks_lines);
    tcase_add_test(t, keys_that_are_no_text_become_text);
    tcase_add_test(t, what_is_no_json_is_refused_with_line_and_column);
    tcase_add_test(t, a_form_with_the_wrong_inside_is_refused);
    tcase_add_test(t, nesting_is_limited);
    tcase_add_test(t, any_float_comes_back_with_the_same_bits);
    tcase_add_test(t, floats_do_not_depend_on_the_locale);
    tcase_add_test(
        t, reading_and_writing_without_memory_leave_the_buffer_as_it_was);
    tcase_add_test(t, jansson_without_memory_is_an_error_and_leaks_nothing);
    suite_add_tcase(suite, t);
    return suite;
}

int main(void)
{
    return harness_run(json_suite());
}
