/* value.h: what a document may hold, as checked CBOR bytes.
 *
 * null, bool, int64, float64, text, bytes, list, map with text keys, and a
 * reference to a document: the map {"": 32 bytes}. The empty key is used for
 * nothing else.
 */
#ifndef COVE_CORE_VALUE_H
#define COVE_CORE_VALUE_H

#include "core/arena.h"
#include "core/bytes.h"
#include "core/diag.h"
#include "core/id.h"

/* Check that `in` is exactly one value within the limits.
 * Errors: COVE_EFORMAT, COVE_ELIMIT, COVE_ERESERVED (the empty key). */
COVE_MUST_CHECK int cove_value_check(struct cove_bytes in,
                                     struct cove_diag *diag);

/* These take a checked value. */
enum cove_kind cove_value_kind(struct cove_bytes value);
bool cove_value_is_null(struct cove_bytes value);
struct cove_bytes cove_value_text(struct cove_bytes value); /* of a text */
int64_t cove_value_int(struct cove_bytes value);            /* of an int */
/* The document that a reference names; false where it is none. */
bool cove_value_ref(struct cove_bytes value, struct cove_id *out);
/* Look a key up in a map. */
bool cove_value_member(struct cove_bytes map, const char *key,
                       struct cove_bytes *out);
bool cove_value_find(struct cove_bytes map, struct cove_bytes key,
                     struct cove_bytes *out);
/* The same where it is a text, or an int; empty, or 0, where it is not. */
struct cove_bytes cove_value_member_text(struct cove_bytes map,
                                         const char *key);
int64_t cove_value_member_int(struct cove_bytes map, const char *key);

/* Encode into an arena. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_value_of_text(struct cove_arena *arena,
                                       struct cove_bytes text,
                                       struct cove_bytes *out);
COVE_MUST_CHECK int cove_value_of_int(struct cove_arena *arena, int64_t v,
                                      struct cove_bytes *out);
COVE_MUST_CHECK int cove_value_of_ref(struct cove_arena *arena,
                                      const struct cove_id *id,
                                      struct cove_bytes *out);

#endif
