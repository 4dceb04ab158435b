/* vectors.h: golden bytes for unit tests, from tests/vectors/formats.json, and
 * the worked examples of docs/FORMAT.md. The file has one "name": "hex" a
 * line, so no JSON library is needed to read it. */
#ifndef COVE_TESTS_VECTORS_H
#define COVE_TESTS_VECTORS_H

#include <ctype.h>
#include <stdio.h>

#include "core/bytes.h"
#include "tests/unit/harness.h"

/* A whole file of the source tree, NUL-terminated; the caller frees. */
static inline char *vectors_file(const char *path)
{
    char full[1024];

    snprintf(full, sizeof(full), "%s/%s", COVE_SOURCE_ROOT, path);

    FILE *file = fopen(full, "rb");

    ck_assert_msg(file != NULL, "cannot open %s", full);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);

    long len = ftell(file);

    ck_assert_int_ge(len, 0);
    rewind(file);

    char *text = calloc(1, (size_t)len + 1);

    ck_assert_ptr_nonnull(text);
    ck_assert_uint_eq(fread(text, 1, (size_t)len, file), (size_t)len);
    fclose(file);
    return text;
}

/* Bytes in a block of exactly their size, so that a sanitizer sees the first
 * byte read beyond; the caller frees with vectors_free. */
static inline struct cove_bytes vectors_exact(struct cove_bytes b)
{
    uint8_t *at = malloc(b.len == 0 ? 1 : b.len);

    ck_assert_ptr_nonnull(at);
    if (b.len != 0) {
        memcpy(at, b.at, b.len);
    }
    return cove_bytes(at, b.len);
}

static inline void vectors_free(struct cove_bytes b)
{
    union {
        const uint8_t *borrowed;
        void *owned;
    } at = {.borrowed = b.at};

    free(at.owned);
}

static inline uint8_t vectors_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c == '\0' ? NULL : strchr(digits, c);

    ck_assert_msg(at != NULL, "no hex digit: %c", c);
    return (uint8_t)(at - digits);
}

/* Hex, up to `end`, white space skipped; the caller frees. */
static inline struct cove_bytes vectors_hex(const char *hex, const char *end)
{
    uint8_t *at = malloc((size_t)(end - hex) / 2 + 1);
    size_t digits = 0;

    ck_assert_ptr_nonnull(at);
    for (; hex < end; hex++) {
        if (isspace((unsigned char)*hex)) {
            continue;
        }
        if (digits % 2 == 0) {
            at[digits / 2] = (uint8_t)(vectors_digit(*hex) << 4);
        } else {
            at[digits / 2] |= vectors_digit(*hex);
        }
        digits++;
    }
    ck_assert_uint_eq(digits % 2, 0);

    struct cove_bytes exact = vectors_exact(cove_bytes(at, digits / 2));

    free(at);
    return exact;
}

/* A golden vector by name; the caller frees. */
static inline struct cove_bytes vectors_get(const char *name)
{
    char *text = vectors_file("tests/vectors/formats.json");
    char key[128];

    snprintf(key, sizeof(key), "\n  \"%s\": \"", name);

    const char *at = strstr(text, key);

    ck_assert_msg(at != NULL, "no vector %s", name);
    at += strlen(key);

    struct cove_bytes b = vectors_hex(at, strchr(at, '"'));

    free(text);
    return b;
}

/* Copy a golden vector of exactly len bytes. */
static inline void vectors_copy(const char *name, void *out, size_t len)
{
    struct cove_bytes b = vectors_get(name);

    ck_assert_uint_eq(b.len, len);
    memcpy(out, b.at, len);
    vectors_free(b);
}

#define vectors_assert_equal(a, b)                                             \
    do {                                                                       \
        struct cove_bytes a_ = (a);                                            \
        struct cove_bytes b_ = (b);                                            \
                                                                               \
        ck_assert_uint_eq(a_.len, b_.len);                                     \
        ck_assert(cove_bytes_equal(a_, b_));                                   \
    } while (0)

#endif
