/* json_quick.h: the JSON of most documents, straight to CBOR. A part of
 * json.h; nobody else includes it. */
#ifndef COVE_CORE_JSON_QUICK_H
#define COVE_CORE_JSON_QUICK_H

#include "core/bytes.h"

/* Append the deterministic CBOR of the text where it is of the plain kind:
 * objects and lists of a few members, texts without escapes, integers. Errors:
 * COVE_ENOTFOUND, it is not, or is not right: read it the long way;
 * COVE_ENOMEM. `out` is as it was. */
COVE_MUST_CHECK int cove_json_quick(struct cove_bytes text,
                                    struct cove_buf *out);

#endif
