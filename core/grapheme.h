/* grapheme.h: grapheme clusters, what a reader calls a character.
 *
 *   code points   n   a 0303   1F469 ZWJ 1F467   CR LF
 *   boundaries    0   1        4                 15      17
 *
 * For cursors, selections and lengths that are shown. What is stored, merged
 * and sent is counted in code points (core/utf8.h): where clusters end depends
 * on the version of Unicode, and two peers may differ in it.
 *
 * The one home of utf8proc. Where the library was built without it, all but
 * cove_grapheme_version fail with COVE_EUNSUPPORTED, and diag says what is
 * missing.
 * Source: Unicode Standard Annex #29, extended grapheme clusters.
 */
#ifndef COVE_CORE_GRAPHEME_H
#define COVE_CORE_GRAPHEME_H

#include "core/bytes.h"
#include "core/diag.h"

/* The version of Unicode that the clusters go by, as "15.0.0"; NULL where this
 * build has none. */
const char *cove_grapheme_version(void);

/* Where the cluster that begins at an offset ends. An offset that is inside a
 * cluster is answered as if the text began there.
 * Errors: COVE_EUSAGE (the end of the text, or beyond), COVE_EFORMAT (no UTF-8
 * up to the code point that shows the end), COVE_EUNSUPPORTED.
 * Cost: O(*next - offset). */
COVE_MUST_CHECK int cove_grapheme_next(struct cove_bytes text, size_t offset,
                                       size_t *next, struct cove_diag *diag);

/* How many clusters.
 * Errors: COVE_EFORMAT, COVE_EUNSUPPORTED. Cost: O(len). */
COVE_MUST_CHECK int cove_grapheme_count(struct cove_bytes text, size_t *count,
                                        struct cove_diag *diag);

/* The boundary behind `n` clusters.
 * Shape: *offset in bytes. Errors: COVE_EUSAGE (there are fewer), COVE_EFORMAT,
 * COVE_EUNSUPPORTED. Cost: O(*offset). */
COVE_MUST_CHECK int cove_grapheme_offset(struct cove_bytes text, size_t n,
                                         size_t *offset,
                                         struct cove_diag *diag);

/* How many clusters lie before an offset.
 * Errors: COVE_EUSAGE (it is inside a cluster or beyond the end), COVE_EFORMAT,
 * COVE_EUNSUPPORTED. Cost: O(offset). */
COVE_MUST_CHECK int cove_grapheme_index(struct cove_bytes text, size_t offset,
                                        size_t *n, struct cove_diag *diag);

#endif
