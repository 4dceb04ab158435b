/* preamble.h: the 16 bytes in clear with which each side begins.
 *
 *   0      4      5       6         7         8            16
 *   | cove | role | suite | version | version | network id |
 *                           from      to
 *
 * Both preambles, the initiator's first, are the prologue of the handshake:
 * a change in flight makes it fail. docs/PROTOCOL.md "Preamble".
 */
#ifndef COVE_SYNC_PREAMBLE_H
#define COVE_SYNC_PREAMBLE_H

#include "sync/channel.h"

#define COVE_PREAMBLE_LEN   16
#define COVE_PREAMBLE_SUITE 1 /* 25519, ChaChaPoly, BLAKE2b */

struct cove_preamble {
    enum cove_channel_role role;
    uint8_t suite;
    uint8_t version_from; /* inclusive, both */
    uint8_t version_to;
    uint8_t network[8]; /* hash of the network key, or zeros */
};

/* What this build says. network_key: 32 bytes or NULL. */
void cove_preamble_init(struct cove_preamble *preamble,
                        enum cove_channel_role role,
                        const uint8_t *network_key);
void cove_preamble_encode(const struct cove_preamble *preamble,
                          uint8_t out[COVE_PREAMBLE_LEN]);

/* Could these first bytes (at most COVE_PREAMBLE_LEN) become a preamble that
 * is worth an answer? Errors: COVE_EHANDSHAKE where they are not Cove's, or of
 * another network, or of the same role: what gets silence. */
COVE_MUST_CHECK int cove_preamble_check(const struct cove_preamble *mine,
                                        struct cove_bytes in,
                                        struct cove_diag *diag);
/* Do these first bytes begin as any device's of Cove do? */
bool cove_preamble_is_cove(struct cove_bytes in);
/* Agree on the newest version both speak; `in` is a whole preamble that was
 * checked. Errors: COVE_EHANDSHAKE: no common version (the sentence says who
 * must update), or another suite. */
COVE_MUST_CHECK int cove_preamble_agree(const struct cove_preamble *mine,
                                        struct cove_bytes in, unsigned *version,
                                        struct cove_diag *diag);

#endif
