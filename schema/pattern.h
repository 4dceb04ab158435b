/* pattern.h: regular expressions of ECMA-262, as JSON Schema means them, by
 * PCRE2; the one home of it.
 *
 * An expression is read by Cove itself first (schema/ecma.h), as ECMA-262 does
 * with the flag u, and written anew for PCRE2, which so never sees what only it
 * knows. Matching is bounded by counts of steps, never by time, so that the
 * verdict is the same on every machine.
 *
 * Compiled code is immutable and lies in an arena: it is freed with the schema
 * that it is a part of, and needs no destructor.
 */
#ifndef COVE_SCHEMA_PATTERN_H
#define COVE_SCHEMA_PATTERN_H

#include "core/arena.h"
#include "core/diag.h"

struct cove_pattern;

/* Was this Cove built with PCRE2? */
bool cove_patterns_are_built(void);

/* *out is made in any case but that of ENOMEM: one that cannot be used gives,
 * when it is matched, what this gives. Errors: COVE_EFORMAT (no expression of
 * ECMA-262, or one that PCRE2 cannot do; diag says where), COVE_EUNSUPPORTED
 * (built without PCRE2), COVE_ENOMEM. */
COVE_MUST_CHECK int cove_pattern_new(struct cove_arena *arena,
                                     struct cove_bytes text,
                                     const struct cove_pattern **out,
                                     struct cove_diag *diag);

/* What matching needs besides: room on the caller's stack, and an allocator
 * for what does not fit. Init is cheap; a scratch serves any number of matches
 * of one thread. */
struct cove_pattern_scratch {
    const struct cove_alloc *alloc;
    void *state; /* NULL until the first match */
    size_t used;
    _Alignas(16) uint8_t room[24576];
};
void cove_pattern_scratch_init(struct cove_pattern_scratch *scratch,
                               const struct cove_alloc *alloc);
void cove_pattern_scratch_clear(struct cove_pattern_scratch *scratch);

/* Does the expression match anywhere in the text, which is UTF-8? Errors:
 * COVE_ELIMIT (more steps than are allowed), COVE_ENOMEM, and those of new. */
COVE_MUST_CHECK int cove_pattern_match(const struct cove_pattern *pattern,
                                       struct cove_bytes text,
                                       struct cove_pattern_scratch *scratch,
                                       bool *matches, struct cove_diag *diag);

#endif
