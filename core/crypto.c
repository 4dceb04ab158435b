#include "core/crypto.h"

#include <assert.h>
#include <sodium.h>

#include "cove/error.h"

#define HMAC_BLOCK 128
#define HMAC_LEN   64

_Static_assert(sizeof(struct cove_hasher) >=
                   sizeof(crypto_generichash_blake2b_state),
               "a hasher holds libsodium's state");

int cove_crypto_init(void)
{
    return sodium_init() < 0 ? COVE_EIO : 0;
}

void cove_crypto_wipe(void *at, size_t len)
{
    sodium_memzero(at, len);
}

bool cove_crypto_equal(const void *a, const void *b, size_t len)
{
    return sodium_memcmp(a, b, len) == 0;
}

void cove_crypto_random(void *out, size_t len)
{
    randombytes_buf(out, len);
}

static crypto_generichash_blake2b_state *hasher_state(struct cove_hasher *h)
{
    return (crypto_generichash_blake2b_state *)(void *)h->opaque;
}

/* libsodium's calls on a state fail only for lengths that never occur here,
 * so that what they give is a matter of correctness, not of input. */
static void must(int sodium_result)
{
    assert(sodium_result == 0);
    (void)sodium_result;
}

void cove_hasher_init(struct cove_hasher *h, const char *domain)
{
    unsigned char personal[crypto_generichash_blake2b_PERSONALBYTES] = {0};

    for (size_t i = 0; domain[i] != '\0'; i++) {
        assert(i < sizeof(personal));
        personal[i] = (unsigned char)domain[i];
    }
    must(crypto_generichash_blake2b_init_salt_personal(
        hasher_state(h), NULL, 0, sizeof(struct cove_hash), NULL, personal));
}

void cove_hasher_add(struct cove_hasher *h, struct cove_bytes in)
{
    if (in.len > 0) {
        must(crypto_generichash_blake2b_update(hasher_state(h), in.at, in.len));
    }
}

struct cove_hash cove_hasher_end(struct cove_hasher *h)
{
    struct cove_hash hash;

    must(crypto_generichash_blake2b_final(hasher_state(h), hash.b,
                                          sizeof(hash.b)));
    return hash;
}

/* libsodium does not say how it lays its state out: so the bytes are only for
 * the very same library, and the same order of bytes. */
static struct cove_hash hasher_build(void)
{
    static const uint32_t order = 0x01020304;
    struct cove_bytes parts[] = {cove_bytes_text(sodium_version_string()),
                                 cove_bytes(&order, sizeof(order))};

    return cove_hash_parts("cove/hasher", parts, COVE_ARRAY_LEN(parts));
}

#define HASHER_BUILD 8 /* bytes of its hash */
_Static_assert(COVE_HASHER_SAVED ==
                   HASHER_BUILD + sizeof(((struct cove_hasher *)NULL)->opaque),
               "a saved hasher holds the build and the state");

void cove_hasher_save(const struct cove_hasher *h,
                      uint8_t out[COVE_HASHER_SAVED])
{
    struct cove_hash build = hasher_build();

    memcpy(out, build.b, HASHER_BUILD);
    memcpy(out + HASHER_BUILD, h->opaque, sizeof(h->opaque));
}

int cove_hasher_load(struct cove_hasher *h, const uint8_t in[COVE_HASHER_SAVED])
{
    struct cove_hash build = hasher_build();

    if (memcmp(in, build.b, HASHER_BUILD) != 0) {
        return COVE_ECORRUPT;
    }
    memcpy(h->opaque, in + HASHER_BUILD, sizeof(h->opaque));
    return 0;
}

struct cove_hash cove_hash(const char *domain, struct cove_bytes in)
{
    return cove_hash_parts(domain, &in, 1);
}

struct cove_hash cove_hash_parts(const char *domain,
                                 const struct cove_bytes *parts, size_t count)
{
    struct cove_hasher h;

    cove_hasher_init(&h, domain);
    for (size_t i = 0; i < count; i++) {
        cove_hasher_add(&h, parts[i]);
    }
    return cove_hasher_end(&h);
}

void cove_key_of_seed(const uint8_t seed[32], struct cove_secret *secret,
                      struct cove_key *key)
{
    must(crypto_sign_seed_keypair(key->b, secret->b, seed));
}

void cove_sign(const struct cove_secret *secret, struct cove_bytes message,
               struct cove_signature *out)
{
    must(
        crypto_sign_detached(out->b, NULL, message.at, message.len, secret->b));
}

uint64_t cove_hash_short(const uint8_t key[COVE_SHORT_KEY],
                         struct cove_bytes in)
{
    uint64_t out;

    _Static_assert(crypto_shorthash_KEYBYTES == COVE_SHORT_KEY &&
                       crypto_shorthash_BYTES == sizeof(out),
                   "the sizes are libsodium's");
    crypto_shorthash((uint8_t *)&out, in.at, in.len, key);
    return out;
}

int cove_verify(const struct cove_key *key, struct cove_bytes message,
                const struct cove_signature *signature)
{
    int wrong = crypto_sign_verify_detached(signature->b, message.at,
                                            message.len, key->b);

    return wrong != 0 ? COVE_ESIGNATURE : 0;
}

void cove_x25519_public(const uint8_t secret[32], uint8_t out[32])
{
    must(crypto_scalarmult_base(out, secret));
}

int cove_x25519(const uint8_t secret[32], const uint8_t public_key[32],
                uint8_t out[32])
{
    uint8_t shared[crypto_scalarmult_BYTES];
    int err = COVE_EHANDSHAKE;

    if (crypto_scalarmult(shared, secret, public_key) == 0) {
        memcpy(out, shared, sizeof(shared));
        err = 0;
    }
    sodium_memzero(shared, sizeof(shared));
    return err;
}

static void blake2b_512_add(crypto_generichash_blake2b_state *state,
                            const struct cove_bytes *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0) {
            must(crypto_generichash_blake2b_update(state, parts[i].at,
                                                   parts[i].len));
        }
    }
}

void cove_blake2b_512(const struct cove_bytes *parts, size_t count,
                      uint8_t out[64])
{
    crypto_generichash_blake2b_state state;

    must(crypto_generichash_blake2b_init(&state, NULL, 0, HMAC_LEN));
    blake2b_512_add(&state, parts, count);
    must(crypto_generichash_blake2b_final(&state, out, HMAC_LEN));
    sodium_memzero(&state, sizeof(state));
}

/* One of HMAC's two hashes: H((key xor pad) parts...). */
static void hmac_half(const uint8_t key[HMAC_BLOCK], uint8_t pad,
                      const struct cove_bytes *parts, size_t count,
                      uint8_t out[HMAC_LEN])
{
    crypto_generichash_blake2b_state state;
    uint8_t block[HMAC_BLOCK];

    for (size_t i = 0; i < sizeof(block); i++) {
        block[i] = key[i] ^ pad;
    }

    struct cove_bytes first = cove_bytes(block, sizeof(block));

    must(crypto_generichash_blake2b_init(&state, NULL, 0, HMAC_LEN));
    blake2b_512_add(&state, &first, 1);
    blake2b_512_add(&state, parts, count);
    must(crypto_generichash_blake2b_final(&state, out, HMAC_LEN));
    sodium_memzero(block, sizeof(block));
    sodium_memzero(&state, sizeof(state));
}

void cove_hmac_512(struct cove_bytes key, const struct cove_bytes *parts,
                   size_t count, uint8_t out[64])
{
    uint8_t padded[HMAC_BLOCK] = {0};
    uint8_t inner[HMAC_LEN];

    if (key.len > sizeof(padded)) {
        cove_blake2b_512(&key, 1, padded);
    } else if (key.len > 0) {
        memcpy(padded, key.at, key.len);
    }
    hmac_half(padded, 0x36, parts, count, inner);

    struct cove_bytes inner_hash = cove_bytes(inner, sizeof(inner));

    hmac_half(padded, 0x5c, &inner_hash, 1, out);
    sodium_memzero(padded, sizeof(padded));
    sodium_memzero(inner, sizeof(inner));
}

static void aead_nonce(uint64_t counter, uint8_t out[12])
{
    memset(out, 0, 4);
    for (size_t i = 0; i < 8; i++) {
        out[4 + i] = (uint8_t)(counter >> (8 * i));
    }
}

void cove_aead_encrypt(const uint8_t key[32], uint64_t nonce,
                       struct cove_bytes ad, struct cove_bytes in, uint8_t *out)
{
    uint8_t bytes[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

    aead_nonce(nonce, bytes);
    must(crypto_aead_chacha20poly1305_ietf_encrypt(
        out, NULL, in.at, in.len, ad.at, ad.len, NULL, bytes, key));
}

int cove_aead_decrypt(const uint8_t key[32], uint64_t nonce,
                      struct cove_bytes ad, struct cove_bytes in, uint8_t *out)
{
    uint8_t bytes[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

    if (in.len < crypto_aead_chacha20poly1305_ietf_ABYTES) {
        return COVE_EHANDSHAKE;
    }
    aead_nonce(nonce, bytes);

    int wrong = crypto_aead_chacha20poly1305_ietf_decrypt(
        out, NULL, NULL, in.at, in.len, ad.at, ad.len, bytes, key);

    return wrong != 0 ? COVE_EHANDSHAKE : 0;
}
