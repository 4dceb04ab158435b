/* order.h: values as bytes that sort as the values do.
 *
 * One total order over what a field may be: missing < invalid < null < false
 * < true < numbers by value < texts bytewise < bytes < lists < maps, the last
 * two by their CBOR. No encoding is the beginning of another one, so that
 * several behind one another sort by the first, then by the second … Equal
 * numbers are equal bytes, whether integer or float; NaN is before all others.
 * docs/FORMAT.md "Index"; knows nothing of documents.
 */
#ifndef COVE_CORE_ORDER_H
#define COVE_CORE_ORDER_H

#include "core/bytes.h"

enum cove_order_tag { /* the first byte; 0 is nobody's */
                      COVE_ORDER_MISSING = 0x10,
                      COVE_ORDER_INVALID = 0x18,
                      COVE_ORDER_NULL = 0x20,
                      COVE_ORDER_FALSE = 0x30,
                      COVE_ORDER_TRUE = 0x31,
                      COVE_ORDER_NUMBER = 0x40,
                      COVE_ORDER_TEXT = 0x50,
                      COVE_ORDER_BYTES = 0x58,
                      COVE_ORDER_LIST = 0x60,
                      COVE_ORDER_MAP = 0x68
};

/* Append a checked value, at most `max` bytes: a longer encoding is cut.
 * Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_order_value(struct cove_buf *out,
                                     struct cove_bytes value, size_t max);
/* Append what all texts that begin so begin with. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_order_text_prefix(struct cove_buf *out,
                                           struct cove_bytes text, size_t max);
/* Append a tag alone: missing, invalid, or where a type begins. */
COVE_MUST_CHECK int cove_order_tag(struct cove_buf *out,
                                   enum cove_order_tag tag);
/* Append the least number that is ordered: NaN is before it. */
COVE_MUST_CHECK int cove_order_least_number(struct cove_buf *out);
/* Make the last encoding, from `begin` on, the first bytes behind all that
 * begin with it. */
void cove_order_after(struct cove_buf *out, size_t begin);
/* How long the first encoding in `in` is; 0 where it is cut or none. */
size_t cove_order_len(struct cove_bytes in);

#endif
