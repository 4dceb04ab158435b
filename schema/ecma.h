/* ecma.h: regular expressions of ECMA-262, read with the flag u, and written
 * anew in the syntax of PCRE2.
 *
 * What the two read differently is translated: \s, the dot, $, classes, \u and
 * \c, properties of Unicode, names of groups. What only PCRE2 knows (\A, (?i),
 * possessive quantifiers, verbs, recursion) is an error, as it is in ECMA-262.
 * One leniency: a backslash in front of any punctuation stands for it.
 * Two things stay different: a group that a repetition passes by keeps what it
 * matched the round before, and a lookbehind must have a fixed length.
 */
#ifndef COVE_SCHEMA_ECMA_H
#define COVE_SCHEMA_ECMA_H

#include "core/bytes.h"
#include "core/diag.h"

#define COVE_ECMA_NEST  100 /* groups within groups */
#define COVE_ECMA_NAMES 64  /* named groups */

/* Append the translation of a text, which is UTF-8, to out; NULL: only look.
 * Errors: COVE_EFORMAT (diag says what and at which character), COVE_ENOMEM. */
COVE_MUST_CHECK int cove_ecma_translate(struct cove_bytes text,
                                        struct cove_buf *out,
                                        struct cove_diag *diag);

/* ecma_property.c: what stands in \p{…}, as PCRE2 calls it; false where no such
 * property is known. *negated: it is the opposite of what is written to out. */
#define COVE_ECMA_PROPERTY_MAX 64
bool cove_ecma_property(struct cove_bytes name,
                        char out[COVE_ECMA_PROPERTY_MAX], bool *negated);

#endif
