/* Ids as text. Base58btc writes a number: each leading zero byte is a '1',
 * the rest is the number in base 58 without leading zero digits. So the text
 * has no fixed length, and the ids that start with some digits are not one
 * range but one for each number of digits that ids have (cove_id_prefix).
 * Source: draft-msporny-base58, multibase; RFC 4648 for base32. */
#include "core/id.h"

#include <assert.h>

#include "cove/error.h"

#define ID_LEN    32
#define WIDE_LEN  33 /* 58^44 needs 258 bits */
#define DIGITS    44 /* of the largest id */
#define DIGIT_MAX 57

static const char base58[] =
    "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
static const char base32[] = "abcdefghijklmnopqrstuvwxyz234567";
static const char hex_digits[] = "0123456789abcdef";

size_t cove_session_place(const void *rows, size_t count, size_t size,
                          size_t offset, const struct cove_session_id *session,
                          bool *found)
{
    const uint8_t *first = rows;
    size_t low = 0;
    size_t high = count;

    *found = false;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order =
            memcmp(first + mid * size + offset, session, sizeof(*session));

        if (order == 0) {
            *found = true;
            return mid;
        }
        if (order < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

int cove_op_id_compare(const struct cove_op_id *a, const struct cove_op_id *b)
{
    if (a->hlc != b->hlc) {
        return a->hlc < b->hlc ? -1 : 1;
    }

    int order = memcmp(a->device.b, b->device.b, sizeof(a->device.b));

    if (order == 0) {
        order = memcmp(a->session.b, b->session.b, sizeof(a->session.b));
    }
    if (order != 0) {
        return order;
    }
    if (a->tx != b->tx) {
        return a->tx < b->tx ? -1 : 1;
    }
    return (a->op > b->op) - (a->op < b->op);
}

bool cove_op_id_is_none(const struct cove_op_id *id)
{
    static const struct cove_op_id none;

    return cove_op_id_compare(id, &none) == 0;
}

void cove_id_text(const struct cove_id *id, char out[COVE_ID_TEXT_MAX])
{
    uint8_t digits[DIGITS] = {0}; /* least significant first */
    size_t count = 0;
    size_t zeros = 0;

    while (zeros < ID_LEN && id->b[zeros] == 0) {
        zeros++;
    }
    for (size_t i = zeros; i < ID_LEN; i++) {
        unsigned carry = id->b[i];

        for (size_t j = 0; j < count; j++) {
            carry += (unsigned)digits[j] << 8;
            digits[j] = (uint8_t)(carry % 58);
            carry /= 58;
        }
        while (carry > 0) {
            digits[count++] = (uint8_t)(carry % 58);
            carry /= 58;
        }
    }
    memcpy(out, "co_z", 4);
    out += 4;
    memset(out, '1', zeros);
    out += zeros;
    while (count > 0) {
        *out++ = base58[digits[--count]];
    }
    *out = '\0';
}

/* Read base58 digits, at most DIGITS of them. Returns how many, or
 * COVE_EFORMAT. */
static int id_digits(const char *text, uint8_t digits[DIGITS])
{
    int count = 0;

    for (; text[count] != '\0'; count++) {
        const char *found = strchr(base58, text[count]);

        if (found == NULL || count == DIGITS) {
            return COVE_EFORMAT;
        }
        digits[count] = (uint8_t)(found - base58);
    }
    return count;
}

/* The number that the digits write, big-endian. */
static void id_number(const uint8_t *digits, int count, uint8_t out[WIDE_LEN])
{
    memset(out, 0, WIDE_LEN);
    for (int i = 0; i < count; i++) {
        unsigned carry = digits[i];

        for (size_t j = WIDE_LEN; j-- > 0;) {
            carry += out[j] * 58u;
            out[j] = (uint8_t)carry;
            carry >>= 8;
        }
    }
}

static int id_ones(const uint8_t *digits, int count)
{
    int ones = 0;

    while (ones < count && digits[ones] == 0) {
        ones++;
    }
    return ones;
}

int cove_id_parse(const char *text, struct cove_id *out)
{
    uint8_t digits[DIGITS];
    uint8_t number[WIDE_LEN];

    if (strncmp(text, "co_z", 4) != 0) {
        return COVE_EFORMAT;
    }

    int count = id_digits(text + 4, digits);

    if (count < 0) {
        return count;
    }

    int ones = id_ones(digits, count);
    int zeros = 0;

    id_number(digits, count, number);
    while (zeros < ID_LEN && number[1 + zeros] == 0) {
        zeros++;
    }
    if (number[0] != 0 || zeros != ones) {
        return COVE_EFORMAT;
    }
    memcpy(out->b, number + 1, ID_LEN);
    return 0;
}

/* The ids with exactly `ones` leading zero bytes whose number has `wide`
 * digits and starts with the given ones. False where there is none. */
static bool id_range(const uint8_t *digits, int count, int ones, int wide,
                     struct cove_id_range *out)
{
    uint8_t padded[DIGITS];
    uint8_t first[WIDE_LEN];
    uint8_t last[WIDE_LEN];
    uint8_t least[WIDE_LEN] = {0};
    uint8_t most[WIDE_LEN] = {0};

    assert(count >= 0 && count <= wide && wide <= DIGITS);
    memcpy(padded, digits, (size_t)count);
    memset(padded + count, 0, (size_t)(wide - count));
    id_number(padded, wide, first);
    memset(padded + count, DIGIT_MAX, (size_t)(wide - count));
    id_number(padded, wide, last);

    least[1 + ones] = 1;
    memset(most + 1 + ones, 0xff, (size_t)(ID_LEN - ones));
    if (memcmp(first, least, WIDE_LEN) < 0) {
        memcpy(first, least, WIDE_LEN);
    }
    if (memcmp(last, most, WIDE_LEN) > 0) {
        memcpy(last, most, WIDE_LEN);
    }
    if (memcmp(first, last, WIDE_LEN) > 0) {
        return false;
    }
    memcpy(out->first.b, first + 1, ID_LEN);
    memcpy(out->last.b, last + 1, ID_LEN);
    return true;
}

int cove_id_prefix(const char *prefix, struct cove_id_ranges *out)
{
    uint8_t digits[DIGITS];
    struct cove_id_ranges found = {0};

    if (strncmp(prefix, "co_z", 4) == 0) {
        prefix += 4;
    }

    int count = id_digits(prefix, digits);

    if (count <= 0) {
        return COVE_EFORMAT;
    }

    int ones = id_ones(digits, count);

    if (ones > ID_LEN || (ones == ID_LEN && count > ones)) {
        return COVE_EFORMAT;
    }
    if (ones == count) { /* at least so many zero bytes: one range */
        found.count = 1;
        memset(found.range[0].last.b + ones, 0xff, (size_t)(ID_LEN - ones));
        *out = found;
        return 0;
    }
    count -= ones;
    for (int wide = count; wide <= DIGITS; wide++) {
        struct cove_id_range *next = &found.range[found.count];

        /* Numbers of one byte length span less than three digit lengths. */
        if (found.count < COVE_ID_RANGES &&
            id_range(digits + ones, count, ones, wide, next)) {
            found.count++;
        }
    }
    if (found.count == 0) {
        return COVE_EFORMAT;
    }
    *out = found;
    return 0;
}

void cove_hex(struct cove_bytes b, char *out)
{
    for (size_t i = 0; i < b.len; i++) {
        *out++ = hex_digits[b.at[i] >> 4];
        *out++ = hex_digits[b.at[i] & 15];
    }
    *out = '\0';
}

/* The value of a lower-case hex digit, or 16. */
static unsigned hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return (unsigned)(digit - '0');
    }
    return digit >= 'a' && digit <= 'f' ? (unsigned)(digit - 'a') + 10 : 16;
}

int cove_hex_parse(const char *text, uint8_t *out, size_t len)
{
    if (strlen(text) != 2 * len) {
        return COVE_EFORMAT;
    }
    for (size_t i = 0; i < 2 * len; i++) {
        if (hex_value(text[i]) > 15) {
            return COVE_EFORMAT;
        }
    }
    for (size_t i = 0; i < len; i++) {
        unsigned high = hex_value(text[2 * i]);
        unsigned low = hex_value(text[2 * i + 1]);

        out[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

void cove_base32_8(const struct cove_hash *hash, char out[9])
{
    uint64_t bits = 0;

    for (size_t i = 0; i < 5; i++) {
        bits = bits << 8 | hash->b[i];
    }
    for (size_t i = 8; i-- > 0;) {
        out[i] = base32[bits & 31];
        bits >>= 5;
    }
    out[8] = '\0';
}
