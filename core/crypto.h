/* crypto.h: the one home of libsodium.
 *
 * Hashes are BLAKE2b-256 personalised per use (16 bytes ASCII, zero-padded):
 * the same bytes hashed for two uses never meet. Signatures are Ed25519.
 * The X25519, ChaCha20-Poly1305 and BLAKE2b-512 parts are what the Noise
 * handshake needs.
 */
#ifndef COVE_CORE_CRYPTO_H
#define COVE_CORE_CRYPTO_H

#include "core/bytes.h"
#include "core/id.h"

/* Set libsodium up; called by cove_env_init users once, idempotent.
 * Errors: COVE_EIO where the system has no randomness. */
COVE_MUST_CHECK int cove_crypto_init(void);
void cove_crypto_wipe(void *at, size_t len);
bool cove_crypto_equal(const void *a, const void *b, size_t len);

/* Only for core/env.c: everybody else asks the struct cove_env. */
void cove_crypto_random(void *out, size_t len);

/* H(domain, parts one after the other). domain: at most 16 ASCII bytes. */
struct cove_hash cove_hash(const char *domain, struct cove_bytes in);
struct cove_hash cove_hash_parts(const char *domain,
                                 const struct cove_bytes *parts, size_t count);

/* A streaming hash, for inputs that are not in memory at once. */
struct cove_hasher {
    _Alignas(64) uint8_t opaque[384];
};
void cove_hasher_init(struct cove_hasher *h, const char *domain);
void cove_hasher_add(struct cove_hasher *h, struct cove_bytes in);
struct cove_hash cove_hasher_end(struct cove_hasher *h);
/* What was hashed so far, to go on from later: a cache, which only the same
 * build of the library on the same machine reads. */
#define COVE_HASHER_SAVED 392
void cove_hasher_save(const struct cove_hasher *h,
                      uint8_t out[COVE_HASHER_SAVED]);
/* Errors: COVE_ECORRUPT: it is of another build. */
COVE_MUST_CHECK int cove_hasher_load(struct cove_hasher *h,
                                     const uint8_t in[COVE_HASHER_SAVED]);

/* A keyed hash of 64 bits (SipHash-2-4), for tables in memory whose keys a peer
 * chooses: who does not know the key cannot make them collide. */
#define COVE_SHORT_KEY 16
uint64_t cove_hash_short(const uint8_t key[COVE_SHORT_KEY],
                         struct cove_bytes in);

struct cove_secret { /* Ed25519 secret key: seed and public key */
    uint8_t b[64];
};
void cove_key_of_seed(const uint8_t seed[32], struct cove_secret *secret,
                      struct cove_key *key);
void cove_sign(const struct cove_secret *secret, struct cove_bytes message,
               struct cove_signature *out);
/* Errors: COVE_ESIGNATURE (also small-order keys, S >= L). */
COVE_MUST_CHECK int cove_verify(const struct cove_key *key,
                                struct cove_bytes message,
                                const struct cove_signature *signature);

/* X25519 key pair from 32 secret bytes; Diffie-Hellman. Errors:
 * COVE_EHANDSHAKE where the shared secret is all zero. */
void cove_x25519_public(const uint8_t secret[32], uint8_t out[32]);
COVE_MUST_CHECK int cove_x25519(const uint8_t secret[32],
                                const uint8_t public_key[32], uint8_t out[32]);
/* BLAKE2b-512 without key or personalisation; HMAC over it (RFC 2104, block
 * size 128). */
void cove_blake2b_512(const struct cove_bytes *parts, size_t count,
                      uint8_t out[64]);
void cove_hmac_512(struct cove_bytes key, const struct cove_bytes *parts,
                   size_t count, uint8_t out[64]);
/* ChaCha20-Poly1305 (IETF), nonce = 4 zero bytes and the 64-bit little-endian
 * counter (Noise). out has in.len + 16 (encrypt) or in.len - 16 (decrypt). */
void cove_aead_encrypt(const uint8_t key[32], uint64_t nonce,
                       struct cove_bytes ad, struct cove_bytes in,
                       uint8_t *out);
/* Errors: COVE_EHANDSHAKE where it does not authenticate. */
COVE_MUST_CHECK int cove_aead_decrypt(const uint8_t key[32], uint64_t nonce,
                                      struct cove_bytes ad,
                                      struct cove_bytes in, uint8_t *out);

#endif
