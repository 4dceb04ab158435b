/* utf8.h: UTF-8 read, counted and measured.
 *
 *   n-th code point   0   1     2        3
 *   text              a | c3 bc | e2 82 ac | b |
 *   offset            0   1     3          6   7
 *
 * A text of c code points has c + 1 boundaries, the n-th is where n code points
 * lie before. Those who count have valid texts: whatever the bytes are, nothing
 * outside of them is read, but where they are not valid the numbers mean
 * nothing.
 */
#ifndef COVE_CORE_UTF8_H
#define COVE_CORE_UTF8_H

#include "core/bytes.h"

/* Is it well-formed UTF-8 (no overlong forms, surrogates, beyond 10FFFF)? */
bool cove_utf8_valid(struct cove_bytes text);

/* One letter of ASCII: what a keystroke mostly is. */
static inline bool cove_utf8_is_letter(struct cove_bytes text)
{
    return text.len == 1 && text.at[0] < 0x80;
}

/* Read the code point at an offset below text.len: how many bytes it takes, 0
 * where it is not well-formed, *out then as it was. */
size_t cove_utf8_decode(struct cove_bytes text, size_t offset, uint32_t *out);

/* How many code points. Cost: O(len), 16 bytes a step. */
size_t cove_utf8_count(struct cove_bytes text);

/* Is it the start of a code point, or the end of the text? */
static inline bool cove_utf8_is_boundary(struct cove_bytes text, size_t offset)
{
    return offset == text.len ||
           (offset < text.len && (text.at[offset] & 0xc0) != 0x80);
}

/* The boundary behind `n` code points.
 * Shape: *offset in bytes. Errors: COVE_EUSAGE, there are fewer.
 * Cost: O(offset), 16 bytes a step. */
COVE_MUST_CHECK int cove_utf8_offset(struct cove_bytes text, size_t n,
                                     size_t *offset);

/* How many code points lie before an offset.
 * Errors: COVE_EUSAGE, it is inside a code point or beyond the end.
 * Cost: as above. */
COVE_MUST_CHECK int cove_utf8_index(struct cove_bytes text, size_t offset,
                                    size_t *n);

#endif
