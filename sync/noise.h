/* noise.h: the Noise handshake state machine, and the ciphers it ends in.
 *
 * Bytes in, bytes out: no sockets, no randomness (the caller draws the
 * ephemeral secret), no certificates (they are payloads). Only the patterns
 * that this project speaks, XX and XXpsk0, and the two by which the public
 * vectors exercise psk0. docs/PROTOCOL.md "Handshake".
 * Source: The Noise Protocol Framework, revision 34.
 */
#ifndef COVE_SYNC_NOISE_H
#define COVE_SYNC_NOISE_H

#include "core/bytes.h"

#define COVE_NOISE_KEY  32
#define COVE_NOISE_HASH 64
#define COVE_NOISE_TAG  16

enum cove_noise_pattern {
    COVE_NOISE_XX,
    COVE_NOISE_XXPSK0,
    COVE_NOISE_NNPSK0,
    COVE_NOISE_KKPSK0
};

/* A key and how many times it was used. */
struct cove_cipher {
    uint8_t key[COVE_NOISE_KEY];
    uint64_t nonce;
};

/* Encrypt; out has in.len + COVE_NOISE_TAG. Aborts after 2^64 - 1 uses. */
void cove_cipher_seal(struct cove_cipher *cipher, struct cove_bytes ad,
                      struct cove_bytes in, uint8_t *out);
/* Decrypt; out has in.len - COVE_NOISE_TAG.
 * Errors: COVE_EHANDSHAKE where it does not authenticate; the nonce stays. */
COVE_MUST_CHECK int cove_cipher_open(struct cove_cipher *cipher,
                                     struct cove_bytes ad, struct cove_bytes in,
                                     uint8_t *out);
/* Replace the key by one that does not lead back to it; the nonce goes on.
 * Source: Noise, section 4.2 "REKEY". */
void cove_cipher_rekey(struct cove_cipher *cipher);

/* All pointers are copied from; those a pattern does not use may be NULL. */
struct cove_noise_options {
    enum cove_noise_pattern pattern;
    bool initiator;
    struct cove_bytes prologue;
    const uint8_t *ephemeral_secret; /* 32 fresh random bytes */
    const uint8_t *static_secret;
    const uint8_t *static_public;
    const uint8_t *remote_static; /* KK */
    const uint8_t *psk;           /* 32 bytes */
};

/* One side of one handshake. */
struct cove_noise {
    enum cove_noise_pattern pattern;
    bool initiator;
    bool failed;
    bool has_key;
    unsigned message; /* the next one, from 0 */
    uint8_t hash[COVE_NOISE_HASH];
    uint8_t chaining[COVE_NOISE_HASH];
    struct cove_cipher cipher;
    uint8_t s_secret[COVE_NOISE_KEY], s_public[COVE_NOISE_KEY];
    uint8_t e_secret[COVE_NOISE_KEY], e_public[COVE_NOISE_KEY];
    uint8_t rs[COVE_NOISE_KEY]; /* the peer's static key, once it came */
    uint8_t re[COVE_NOISE_KEY];
    uint8_t psk[COVE_NOISE_KEY];
};

void cove_noise_init(struct cove_noise *noise,
                     const struct cove_noise_options *opt);
/* How many bytes the next message has beside its payload. */
size_t cove_noise_overhead(const struct cove_noise *noise);
/* Is the next message ours to write? */
bool cove_noise_my_turn(const struct cove_noise *noise);
bool cove_noise_done(const struct cove_noise *noise);
/* Write the next message; out has payload.len + cove_noise_overhead().
 * Errors: COVE_EHANDSHAKE where a shared secret is all zero. */
COVE_MUST_CHECK int cove_noise_write(struct cove_noise *noise,
                                     struct cove_bytes payload, uint8_t *out);
/* Read the peer's message; out has in.len - cove_noise_overhead(), or nothing
 * where that is not positive.
 * Errors: COVE_EHANDSHAKE: too short, does not authenticate, or a shared
 * secret is all zero. The handshake has then failed for good. */
COVE_MUST_CHECK int cove_noise_read(struct cove_noise *noise,
                                    struct cove_bytes in, uint8_t *out);
/* The handshake is done: the two ciphers; the handshake is wiped. */
void cove_noise_split(struct cove_noise *noise, struct cove_cipher *send,
                      struct cove_cipher *receive);

#endif
