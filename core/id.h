/* id.h: the fixed-size identities, each a type of its own, and their text.
 *
 * Ids compare bytewise. A document id's text is "co_z" and base58btc.
 */
#ifndef COVE_CORE_ID_H
#define COVE_CORE_ID_H

#include "core/bytes.h"
#include "cove/types.h"

struct cove_hash { /* BLAKE2b-256 */
    uint8_t b[32];
};
struct cove_session_id {
    uint8_t b[16];
};
struct cove_step_id { /* a step of a journal: the hash of its body */
    uint8_t b[32];
};
struct cove_signature { /* Ed25519 */
    uint8_t b[64];
};

/* The place of an op in the total order (docs/FORMAT.md "Order"): compared in
 * this order, bytewise. All zero is "no origin", smaller than every op. */
struct cove_op_id {
    uint64_t hlc;
    struct cove_key device;
    struct cove_session_id session;
    uint32_t tx;
    uint32_t op;
};

/* Where a session is among rows that are sorted by theirs, which is `offset`
 * bytes into each of `size` bytes; or would be. Cost: O(log count). */
size_t cove_session_place(const void *rows, size_t count, size_t size,
                          size_t offset, const struct cove_session_id *session,
                          bool *found);

int cove_op_id_compare(const struct cove_op_id *a, const struct cove_op_id *b);
bool cove_op_id_is_none(const struct cove_op_id *id);

#define COVE_ID_TEXT_MAX 52 /* "co_z", at most 44 digits, NUL, and room */
#define COVE_HEX_LEN(n)  (2 * (n) + 1)

/* Write the text form, NUL-terminated. */
void cove_id_text(const struct cove_id *id, char out[COVE_ID_TEXT_MAX]);
/* Read a whole text form. Errors: COVE_EFORMAT. */
COVE_MUST_CHECK int cove_id_parse(const char *text, struct cove_id *out);

/* The text has no fixed length, so the ids that start with some digits are up
 * to three ranges, apart from each other; ascending, both ends included. */
#define COVE_ID_RANGES 3
struct cove_id_ranges {
    size_t count;
    struct cove_id_range {
        struct cove_id first;
        struct cove_id last;
    } range[COVE_ID_RANGES];
};
/* Exactly the ids whose text starts with `prefix` ("co_z…" or the part behind
 * it, at least one digit). Errors: COVE_EFORMAT where no id can start so. */
COVE_MUST_CHECK int cove_id_prefix(const char *prefix,
                                   struct cove_id_ranges *out);

void cove_hex(struct cove_bytes b, char *out); /* out: COVE_HEX_LEN(b.len) */
/* Read exactly `len` bytes of lower-case hex. Errors: COVE_EFORMAT. */
COVE_MUST_CHECK int cove_hex_parse(const char *text, uint8_t *out, size_t len);
/* First 8 lower-case base32 characters (RFC 4648) of a hash. */
void cove_base32_8(const struct cove_hash *hash, char out[9]);

#endif
