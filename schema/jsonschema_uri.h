/* jsonschema_uri.h: URI references, resolved and taken apart. */
#ifndef COVE_SCHEMA_JSONSCHEMA_URI_H
#define COVE_SCHEMA_JSONSCHEMA_URI_H

#include "core/arena.h"

/* The part in front of '#', and the one behind it; without '#' all of it, and
 * nothing. */
struct cove_bytes cove_uri_document(struct cove_bytes uri);
struct cove_bytes cove_uri_fragment(struct cove_bytes uri);
/* Resolve a reference against a base, which may be empty or no absolute URI
 * itself; the fragment of the reference stays. Ownership: in the arena.
 * Errors: COVE_ENOMEM. Source: RFC 3986, section 5.2. */
COVE_MUST_CHECK int cove_uri_resolve(struct cove_arena *arena,
                                     struct cove_bytes base,
                                     struct cove_bytes reference,
                                     struct cove_bytes *out);
/* Decode %XX. Errors: COVE_EFORMAT (no two digits), COVE_ENOMEM. */
COVE_MUST_CHECK int cove_uri_decode(struct cove_arena *arena,
                                    struct cove_bytes text,
                                    struct cove_bytes *out);

#endif
