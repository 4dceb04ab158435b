/* channel.h: one encrypted connection, as a pure machine.
 *
 * Bytes from the socket go in, whole messages come out, and the other way
 * round. Inside: the clear preamble (the prologue), Noise XX (XXpsk0 with a
 * network key) over X25519, ChaCha20-Poly1305 and BLAKE2b, a certificate that
 * binds the static key to the device key, records of at most 65,535 bytes,
 * messages in fragments with control before content, rekeying, and the
 * authenticated goodbye. It knows no sockets, no clock but the one passed in,
 * and nothing of documents. docs/PROTOCOL.md is normative.
 *
 *   socket ⇄ preamble · handshake · records ⇄ fragments ⇄ messages
 */
#ifndef COVE_SYNC_CHANNEL_H
#define COVE_SYNC_CHANNEL_H

#include "core/crypto.h"
#include "core/diag.h"
#include "core/env.h"

#define COVE_PROTOCOL_VERSION     0
#define COVE_CHANNEL_HANDSHAKE_MS 5000
#define COVE_CHANNEL_INVITE       16 /* bytes of an invite's secret */
#define COVE_CHANNEL_MESSAGE_MS   30000
#define COVE_CHANNEL_QUEUE_STOP   (4u << 20)  /* sender stops generating */
#define COVE_CHANNEL_QUEUE_RESUME (1u << 20)  /* and goes on */
#define COVE_CHANNEL_QUEUE_MAX    (16u << 20) /* beyond it the peer is dropped */

struct cove_channel;

enum cove_channel_role { COVE_CHANNEL_INITIATOR, COVE_CHANNEL_RESPONDER };
enum cove_channel_state {
    COVE_CHANNEL_HANDSHAKE,
    COVE_CHANNEL_OPEN,
    COVE_CHANNEL_GOODBYE, /* the peer said goodbye: a clean end */
    COVE_CHANNEL_FAILED
};
enum cove_channel_lane { COVE_LANE_CONTROL, COVE_LANE_CONTENT };

/* Why a side says goodbye. Only DONE is a clean end; the rest arrive as the
 * error that the peer's side had, and the channel is FAILED. */
enum cove_channel_bye_reason {
    COVE_BYE_DONE,
    COVE_BYE_UNKNOWN,     /* this device is no peer there: COVE_EPEER */
    COVE_BYE_DUPLICATE,   /* this device is connected already: COVE_EPEER */
    COVE_BYE_CERTIFICATE, /* the certificate was refused: COVE_EPEER */
    COVE_BYE_PROTOCOL,    /* COVE_EPROTOCOL */
    COVE_BYE_LIMIT,       /* COVE_ELIMIT */
    COVE_BYE_TIMEOUT,     /* COVE_ETIMEOUT */
    COVE_BYE_BANNED       /* this device is refused for a while: COVE_ELIMIT */
};

/* This device's part: its static X25519 key and the certificate for it. */
struct cove_identity {
    struct cove_key device;
    uint8_t static_secret[32];
    uint8_t static_public[32];
    uint8_t certificate[256]; /* CBOR, docs/PROTOCOL.md "Certificate" */
    size_t certificate_len;
};
/* Make a fresh static key and a certificate of `days` (at most 30) for it. */
void cove_identity_make(const struct cove_secret *secret,
                        const struct cove_key *device,
                        const struct cove_env *env, unsigned days,
                        struct cove_identity *out);

struct cove_channel_options {
    const struct cove_alloc *alloc;
    const struct cove_env *env;           /* wall clock and randomness */
    const struct cove_identity *identity; /* borrowed while the channel lives */
    enum cove_channel_role role;
    const uint8_t *network_key;    /* 32 bytes, or NULL */
    const struct cove_key *expect; /* the one peer to accept, or NULL */
    /* The secret of an invite for the peer to see, COVE_CHANNEL_INVITE bytes,
     * or NULL; copied. It goes out once the peer has proven to be `expect`. */
    const uint8_t *invite;
    /* Asked once the peer's device key is proven, with the secret it presents
     * or NULL; 0 accepts, COVE_EPEER is a stranger, COVE_ELIMIT one that is
     * refused for a while. May be NULL. */
    int (*admit)(void *ctx, const struct cove_key *peer, const uint8_t *invite);
    void *admit_ctx;
    uint64_t now_ms; /* monotonic */
    /* Records and bytes after which a key is changed; both sides must have the
     * same. For tests; 0 = the protocol's 65,536 and 1 GiB. */
    uint64_t rekey_records, rekey_bytes;
};

COVE_MUST_CHECK int cove_channel_new(const struct cove_channel_options *opt,
                                     struct cove_channel **out);
void cove_channel_free(struct cove_channel *channel);

/* Bytes came from the socket. They are taken whole (up to 1 MiB is buffered).
 * Errors: COVE_EHANDSHAKE, COVE_EPEER, COVE_EPROTOCOL, COVE_ELIMIT,
 * COVE_ENOMEM; the channel is then FAILED and cove_channel_diag says why. */
COVE_MUST_CHECK int cove_channel_input(struct cove_channel *channel,
                                       uint64_t now_ms, struct cove_bytes in);
/* The socket ended. COVE_ECLOSED after a goodbye, COVE_ENET without one. */
int cove_channel_end(struct cove_channel *channel);
/* Take the next whole message; borrowed until the next call on the channel.
 * Errors: COVE_ENOTFOUND where none is complete. */
COVE_MUST_CHECK int cove_channel_receive(struct cove_channel *channel,
                                         struct cove_bytes *out);
/* Queue a message (at most COVE_MAX_MESSAGE bytes; copied). Errors:
 * COVE_ELIMIT, COVE_ECLOSED, COVE_ENOMEM. */
COVE_MUST_CHECK int cove_channel_send(struct cove_channel *channel,
                                      enum cove_channel_lane lane,
                                      struct cove_bytes message);
/* Queue the goodbye, behind all messages. Before the channel is open it just
 * fails it, since there is nothing to say. Errors: COVE_ECLOSED. */
COVE_MUST_CHECK int cove_channel_bye(struct cove_channel *channel);
/* Give the peer up: drop what waits, say goodbye for that reason where the
 * channel is open; it is then FAILED with the code and the sentence. */
void cove_channel_refuse(struct cove_channel *channel,
                         enum cove_channel_bye_reason reason, int code,
                         const char *sentence);

/* Bytes to write to the socket: look, write some, say how many. They stay
 * where they are until the next call of another function on the channel. Out
 * of memory gives none, and the next call tries again. */
struct cove_bytes cove_channel_output(struct cove_channel *channel);
void cove_channel_written(struct cove_channel *channel, size_t len);
size_t cove_channel_queued(const struct cove_channel *channel);

/* Enforce deadlines; the next time (ms) to call again in *next_ms. Errors:
 * COVE_ETIMEOUT. */
COVE_MUST_CHECK int cove_channel_tick(struct cove_channel *channel,
                                      uint64_t now_ms, uint64_t *next_ms);

enum cove_channel_state cove_channel_state(const struct cove_channel *channel);
/* The peer's device key, once it is proven; before NULL. */
const struct cove_key *cove_channel_peer(const struct cove_channel *channel);
/* The device that proved its key and was not admitted (COVE_EPEER), or NULL. */
const struct cove_key *cove_channel_stranger(
    const struct cove_channel *channel);
/* Did the channel fail by bytes that no honest device sends: not Cove's, a
 * handshake that does not authenticate, a device that is refused for a while,
 * or, once it is open, an authentic record that breaks the rules? A record that
 * is not authentic is nobody's. */
bool cove_channel_at_fault(const struct cove_channel *channel);
/* A hash of the whole handshake: the same on both sides, of no other
 * connection, chosen by neither; no secret. Zeros before the channel is open.
 */
const struct cove_hash *cove_channel_binding(
    const struct cove_channel *channel);
/* The protocol version both agreed on; 0 before. */
unsigned cove_channel_version(const struct cove_channel *channel);
const struct cove_diag *cove_channel_diag(const struct cove_channel *channel);
struct cove_channel_stats {
    uint64_t bytes_in, bytes_out, messages_in, messages_out, rekeys;
};
void cove_channel_stats(const struct cove_channel *channel,
                        struct cove_channel_stats *out);

#endif
