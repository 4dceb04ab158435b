/* zip.h: compression of records. The one home of zstd.
 *
 * Only for what a store keeps for itself: what is hashed, signed or sent is
 * never compressed.
 */
#ifndef COVE_CORE_ZIP_H
#define COVE_CORE_ZIP_H

#include "core/bytes.h"

/* Append the compressed form. Errors: COVE_ENOMEM, unchanged. */
COVE_MUST_CHECK int cove_zip(struct cove_bytes in, struct cove_buf *out);
/* The same with more time and less room: for what is packed once and kept. */
COVE_MUST_CHECK int cove_zip_tight(struct cove_bytes in, struct cove_buf *out);
/* Append what was compressed, which must be exactly `len` bytes. The memory
 * grows with what comes, not with what is claimed.
 * Errors: COVE_ECORRUPT, COVE_ENOMEM; unchanged. */
COVE_MUST_CHECK int cove_unzip(struct cove_bytes in, size_t len,
                               struct cove_buf *out);

#endif
