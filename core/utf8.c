#include "core/utf8.h"

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
