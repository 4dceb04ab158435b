/* Code points are counted by the bytes that start one: all but 10xxxxxx. A
 * vector of 16 counters takes up to 255 steps of 16 bytes before they are added
 * up. To find the n-th one, blocks are counted until it must be in the next,
 * large ones first. */
#include "core/utf8.h"

#include "cove/error.h"

#define LANES      ((size_t)16)
#define BLOCK_LAST (LANES * 255) /* bytes that a lane's counter can take */

typedef uint8_t utf8_lanes __attribute__((vector_size(LANES)));

/* How many bytes the character at the start of `at` takes, 0 where it is not
 * well-formed UTF-8. Unicode 15, table 3-7: the second byte's range is what
 * keeps overlong forms, surrogates and code points above 10FFFF out. */
static size_t utf8_step(const uint8_t *at, size_t left)
{
    uint8_t lead = at[0];
    uint8_t low = 0x80;
    uint8_t high = 0xbf;
    size_t len;

    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xc2 && lead <= 0xdf) {
        len = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        len = 3;
        low = lead == 0xe0 ? 0xa0 : low;
        high = lead == 0xed ? 0x9f : high;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        len = 4;
        low = lead == 0xf0 ? 0x90 : low;
        high = lead == 0xf4 ? 0x8f : high;
    } else {
        return 0;
    }
    if (left < len || at[1] < low || at[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return len;
}

bool cove_utf8_valid(struct cove_bytes text)
{
    size_t i = 0;

    while (i < text.len) {
        uint64_t word;

        /* Most text is ASCII: eight bytes at a time while it lasts. */
        if (text.len - i >= sizeof(word)) {
            memcpy(&word, text.at + i, sizeof(word));
            if ((word & 0x8080808080808080u) == 0) {
                i += sizeof(word);
                continue;
            }
        }

        size_t step = utf8_step(text.at + i, text.len - i);

        if (step == 0) {
            return false;
        }
        i += step;
    }
    return true;
}

size_t cove_utf8_decode(struct cove_bytes text, size_t offset, uint32_t *out)
{
    const uint8_t *at = text.at + offset;
    size_t len = utf8_step(at, text.len - offset);

    if (len == 0) {
        return 0;
    }

    /* The value of a lead byte is below `len` ones and a zero. */
    uint32_t c = len == 1 ? at[0] : at[0] & (0xffu >> (len + 1));

    for (size_t i = 1; i < len; i++) {
        c = c << 6 | (at[i] & 0x3fu);
    }
    *out = c;
    return len;
}

static bool utf8_starts(uint8_t byte)
{
    return (byte & 0xc0) != 0x80;
}

/* Starts of code points in up to BLOCK_LAST bytes, a multiple of LANES. */
static size_t utf8_count_block(const uint8_t *at, size_t len)
{
    utf8_lanes sums = {0};
    size_t inside = 0;

    for (size_t i = 0; i < len; i += LANES) {
        utf8_lanes bytes;

        memcpy(&bytes, at + i, sizeof(bytes));
        /* A comparison gives all ones, which is -1, where it holds. */
        sums -= (utf8_lanes)((bytes & 0xc0) == 0x80);
    }
    for (size_t i = 0; i < LANES; i++) {
        inside += sums[i];
    }
    return len - inside;
}

size_t cove_utf8_count(struct cove_bytes text)
{
    size_t count = 0;
    size_t i = 0;

    while (text.len - i >= LANES) {
        size_t len = text.len - i < BLOCK_LAST ? text.len - i : BLOCK_LAST;

        len -= len % LANES;
        count += utf8_count_block(text.at + i, len);
        i += len;
    }
    for (; i < text.len; i++) {
        count += utf8_starts(text.at[i]);
    }
    return count;
}

int cove_utf8_offset(struct cove_bytes text, size_t n, size_t *offset)
{
    static const size_t blocks[] = {BLOCK_LAST, LANES * 8, LANES};
    size_t i = 0;

    for (size_t b = 0; b < COVE_ARRAY_LEN(blocks); b++) {
        /* A block of n bytes or less cannot hold more than n. */
        while (n > 0 && text.len - i >= blocks[b]) {
            size_t starts = utf8_count_block(text.at + i, blocks[b]);

            if (starts > n) {
                break;
            }
            n -= starts;
            i += blocks[b];
        }
    }
    for (; i < text.len; i++) {
        if (!utf8_starts(text.at[i])) {
            continue;
        }
        if (n == 0) {
            break;
        }
        n--;
    }
    if (n > 0) {
        return COVE_EUSAGE;
    }
    *offset = i;
    return 0;
}

int cove_utf8_index(struct cove_bytes text, size_t offset, size_t *n)
{
    if (offset > text.len || !cove_utf8_is_boundary(text, offset)) {
        return COVE_EUSAGE;
    }
    *n = cove_utf8_count(cove_bytes(text.at, offset));
    return 0;
}
