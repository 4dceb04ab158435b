/* channel_internal.h: what the channel's two files share: the handshake
 * (channel_handshake.c) and everything behind it (channel.c). */
#ifndef COVE_SYNC_CHANNEL_INTERNAL_H
#define COVE_SYNC_CHANNEL_INTERNAL_H

#include "sync/certificate.h"
#include "sync/channel.h"
#include "sync/noise.h"
#include "sync/preamble.h"
#include "sync/record.h"

enum channel_stage { STAGE_PREAMBLE, STAGE_NOISE, STAGE_RECORDS };

struct cove_channel {
    const struct cove_alloc *alloc;
    const struct cove_env *env;
    const struct cove_identity *identity;
    enum cove_channel_role role;
    int (*admit)(void *ctx, const struct cove_key *peer, const uint8_t *invite);
    void *admit_ctx;
    bool has_network_key, has_expect, has_invite;
    uint8_t invite[COVE_CHANNEL_INVITE]; /* ours, to present */
    uint8_t network_key[32];
    struct cove_key expect;
    uint64_t rekey_records, rekey_bytes;

    enum channel_stage stage;
    enum cove_channel_state state;
    struct cove_diag diag;
    struct cove_preamble preamble;
    struct cove_noise noise;
    unsigned version;
    struct cove_key peer;
    bool has_peer, is_stranger; /* `peer` is admitted, is not */
    bool at_fault;              /* see cove_channel_at_fault */
    struct cove_hash binding;

    struct cove_buf partial; /* the front of a unit */
    uint64_t partial_ms;     /* when its first byte came */
    struct cove_buf wire;    /* sealed, for the socket */
    size_t wire_written;     /* of it */
    uint64_t chunk;          /* how often the wire was filled */
    bool stalling;           /* at the last tick something waited: … */
    uint64_t stalled_chunk;  /* … this chunk … */
    uint64_t stalled_ms;     /* … since then */
    uint64_t started_ms;
    bool active; /* something moved since the last tick */
    bool bye_wanted, bye_sealed;
    struct cove_outbox outbox;
    struct cove_inbox inbox;
    struct cove_channel_stats stats;
};

/* The code in the diag is the channel's end, and is returned. An open channel
 * tells the peer why, if there is memory for it; what was not sealed is
 * dropped. */
int cove_channel_fail(struct cove_channel *ch,
                      enum cove_channel_bye_reason reason);

/* Put our preamble on the wire; cove_channel_new made its room. */
void cove_channel_queue_preamble(struct cove_channel *ch);
/* Take the peer's preamble, which cove_preamble_check has seen.
 * Errors: COVE_EHANDSHAKE, COVE_ENOMEM. */
COVE_MUST_CHECK int cove_channel_take_preamble(struct cove_channel *ch,
                                               struct cove_bytes in);
/* May the next message of the handshake have so many bytes?
 * Errors: COVE_EHANDSHAKE, COVE_ELIMIT. */
COVE_MUST_CHECK int cove_channel_check_noise(struct cove_channel *ch,
                                             size_t len);
/* Take it. Errors: COVE_EHANDSHAKE, COVE_EPEER, COVE_ENOMEM. */
COVE_MUST_CHECK int cove_channel_take_noise(struct cove_channel *ch,
                                            struct cove_bytes in);

#endif
