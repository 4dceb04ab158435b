/* A handshake is a list of messages, a message a list of tokens. Each token
 * either moves a public key, in clear or sealed, or mixes a Diffie-Hellman
 * result into the chaining key; whatever travels is mixed into the hash. Both
 * sides walk the same table, one writing where the other reads, and so end
 * with the same chaining key, or the first sealed thing does not open.
 *
 * Source: The Noise Protocol Framework, revision 34, sections 5, 7 and 9.
 */
#include "sync/noise.h"

#include <assert.h>

#include "core/crypto.h"
#include "cove/error.h"

#define NOISE_MESSAGES 3
#define NOISE_TOKENS   5

enum noise_token {
    TOKEN_END,
    TOKEN_E,
    TOKEN_S,
    TOKEN_EE,
    TOKEN_ES,
    TOKEN_SE,
    TOKEN_SS,
    TOKEN_PSK
};

struct noise_spec {
    const char *name;
    unsigned messages;
    bool psk;
    bool known; /* both static keys are known beforehand (K) */
    uint8_t tokens[NOISE_MESSAGES][NOISE_TOKENS];
};

static const struct noise_spec noise_specs[] = {
    [COVE_NOISE_XX] = {.name = "Noise_XX_25519_ChaChaPoly_BLAKE2b",
                       .messages = 3,
                       .tokens = {{TOKEN_E},
                                  {TOKEN_E, TOKEN_EE, TOKEN_S, TOKEN_ES},
                                  {TOKEN_S, TOKEN_SE}}},
    [COVE_NOISE_XXPSK0] = {.name = "Noise_XXpsk0_25519_ChaChaPoly_BLAKE2b",
                           .messages = 3,
                           .psk = true,
                           .tokens = {{TOKEN_PSK, TOKEN_E},
                                      {TOKEN_E, TOKEN_EE, TOKEN_S, TOKEN_ES},
                                      {TOKEN_S, TOKEN_SE}}},
    [COVE_NOISE_NNPSK0] = {.name = "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2b",
                           .messages = 2,
                           .psk = true,
                           .tokens = {{TOKEN_PSK, TOKEN_E},
                                      {TOKEN_E, TOKEN_EE}}},
    [COVE_NOISE_KKPSK0] = {.name = "Noise_KKpsk0_25519_ChaChaPoly_BLAKE2b",
                           .messages = 2,
                           .psk = true,
                           .known = true,
                           .tokens = {{TOKEN_PSK, TOKEN_E, TOKEN_ES, TOKEN_SS},
                                      {TOKEN_E, TOKEN_EE, TOKEN_SE}}},
};

static const struct cove_bytes noise_nothing = {NULL, 0};

void cove_cipher_seal(struct cove_cipher *cipher, struct cove_bytes ad,
                      struct cove_bytes in, uint8_t *out)
{
    assert(cipher->nonce < UINT64_MAX); /* reserved for the rekey */
    cove_aead_encrypt(cipher->key, cipher->nonce, ad, in, out);
    cipher->nonce++;
}

int cove_cipher_open(struct cove_cipher *cipher, struct cove_bytes ad,
                     struct cove_bytes in, uint8_t *out)
{
    if (in.len < COVE_NOISE_TAG || cipher->nonce == UINT64_MAX) {
        return COVE_EHANDSHAKE;
    }

    int err = cove_aead_decrypt(cipher->key, cipher->nonce, ad, in, out);

    if (err == 0) {
        cipher->nonce++;
    }
    return err;
}

void cove_cipher_rekey(struct cove_cipher *cipher)
{
    static const uint8_t zeros[COVE_NOISE_KEY];
    uint8_t sealed[COVE_NOISE_KEY + COVE_NOISE_TAG];

    cove_aead_encrypt(cipher->key, UINT64_MAX, noise_nothing,
                      cove_bytes(zeros, sizeof(zeros)), sealed);
    memcpy(cipher->key, sealed, COVE_NOISE_KEY);
    cove_crypto_wipe(sealed, sizeof(sealed));
}

static void noise_mix_hash(struct cove_noise *noise, struct cove_bytes in)
{
    const struct cove_bytes parts[] = {cove_bytes(noise->hash, COVE_NOISE_HASH),
                                       in};
    uint8_t hash[COVE_NOISE_HASH];

    cove_blake2b_512(parts, COVE_ARRAY_LEN(parts), hash);
    memcpy(noise->hash, hash, sizeof(hash));
}

/* HKDF with `count` (2 or 3) outputs, the first of them the new chaining
 * key. */
static void noise_hkdf(struct cove_noise *noise, struct cove_bytes input,
                       unsigned count, uint8_t out[2][COVE_NOISE_HASH])
{
    uint8_t temp[COVE_NOISE_HASH];
    struct cove_bytes previous = noise_nothing;

    cove_hmac_512(cove_bytes(noise->chaining, COVE_NOISE_HASH), &input, 1,
                  temp);
    for (unsigned i = 1; i <= count; i++) {
        uint8_t number = (uint8_t)i;
        uint8_t *to = i == 1 ? noise->chaining : out[i - 2];
        const struct cove_bytes parts[] = {previous, cove_bytes(&number, 1)};

        cove_hmac_512(cove_bytes(temp, sizeof(temp)), parts,
                      COVE_ARRAY_LEN(parts), to);
        previous = cove_bytes(to, COVE_NOISE_HASH);
    }
    cove_crypto_wipe(temp, sizeof(temp));
}

static void noise_set_key(struct cove_noise *noise, const uint8_t *key)
{
    memcpy(noise->cipher.key, key, COVE_NOISE_KEY);
    noise->cipher.nonce = 0;
    noise->has_key = true;
}

static void noise_mix_key(struct cove_noise *noise, const uint8_t *key)
{
    uint8_t out[2][COVE_NOISE_HASH];

    noise_hkdf(noise, cove_bytes(key, COVE_NOISE_KEY), 2, out);
    noise_set_key(noise, out[0]);
    cove_crypto_wipe(out, sizeof(out));
}

static void noise_mix_psk(struct cove_noise *noise)
{
    uint8_t out[2][COVE_NOISE_HASH];

    noise_hkdf(noise, cove_bytes(noise->psk, COVE_NOISE_KEY), 3, out);
    noise_mix_hash(noise, cove_bytes(out[0], COVE_NOISE_HASH));
    noise_set_key(noise, out[1]);
    cove_crypto_wipe(out, sizeof(out));
}

static int noise_mix_dh(struct cove_noise *noise, const uint8_t *secret,
                        const uint8_t *public_key)
{
    uint8_t shared[COVE_NOISE_KEY];
    int err = cove_x25519(secret, public_key, shared);

    if (err == 0) {
        noise_mix_key(noise, shared);
    }
    cove_crypto_wipe(shared, sizeof(shared));
    return err;
}

/* The tokens that send nothing. */
static int noise_mix_token(struct cove_noise *noise, enum noise_token token)
{
    bool mine = noise->initiator;

    switch (token) {
    case TOKEN_EE:
        return noise_mix_dh(noise, noise->e_secret, noise->re);
    case TOKEN_ES:
        return mine ? noise_mix_dh(noise, noise->e_secret, noise->rs)
                    : noise_mix_dh(noise, noise->s_secret, noise->re);
    case TOKEN_SE:
        return mine ? noise_mix_dh(noise, noise->s_secret, noise->re)
                    : noise_mix_dh(noise, noise->e_secret, noise->rs);
    case TOKEN_SS:
        return noise_mix_dh(noise, noise->s_secret, noise->rs);
    case TOKEN_PSK:
        noise_mix_psk(noise);
        return 0;
    case TOKEN_END:
    case TOKEN_E:
    case TOKEN_S:
        break;
    }
    assert(false); /* the others move keys */
    return COVE_EHANDSHAKE;
}

/* Seal where there is a key, copy where there is none yet; how much. */
static size_t noise_seal(struct cove_noise *noise, struct cove_bytes in,
                         uint8_t *out)
{
    size_t len = in.len;

    if (noise->has_key) {
        cove_cipher_seal(&noise->cipher,
                         cove_bytes(noise->hash, COVE_NOISE_HASH), in, out);
        len += COVE_NOISE_TAG;
    } else if (len > 0) {
        memcpy(out, in.at, len);
    }
    noise_mix_hash(noise, cove_bytes(out, len));
    return len;
}

static int noise_open(struct cove_noise *noise, struct cove_bytes in,
                      uint8_t *out)
{
    if (noise->has_key) {
        int err = cove_cipher_open(
            &noise->cipher, cove_bytes(noise->hash, COVE_NOISE_HASH), in, out);

        if (err != 0) {
            return err;
        }
    } else if (in.len > 0) {
        memcpy(out, in.at, in.len);
    }
    noise_mix_hash(noise, in);
    return 0;
}

static void noise_mix_ephemeral(struct cove_noise *noise, const uint8_t *key)
{
    noise_mix_hash(noise, cove_bytes(key, COVE_NOISE_KEY));
    if (noise_specs[noise->pattern].psk) {
        noise_mix_key(noise, key);
    }
}

void cove_noise_init(struct cove_noise *noise,
                     const struct cove_noise_options *opt)
{
    const struct noise_spec *spec = &noise_specs[opt->pattern];
    size_t len = strlen(spec->name);

    memset(noise, 0, sizeof(*noise));
    noise->pattern = opt->pattern;
    noise->initiator = opt->initiator;
    memcpy(noise->e_secret, opt->ephemeral_secret, COVE_NOISE_KEY);
    cove_x25519_public(noise->e_secret, noise->e_public);
    if (opt->static_secret != NULL) {
        memcpy(noise->s_secret, opt->static_secret, COVE_NOISE_KEY);
        memcpy(noise->s_public, opt->static_public, COVE_NOISE_KEY);
    }
    assert(!spec->psk || opt->psk != NULL);
    if (spec->psk) {
        memcpy(noise->psk, opt->psk, COVE_NOISE_KEY);
    }
    assert(len <= COVE_NOISE_HASH);
    memcpy(noise->hash, spec->name, len); /* the rest is zeros */
    memcpy(noise->chaining, noise->hash, COVE_NOISE_HASH);
    noise_mix_hash(noise, opt->prologue);
    if (spec->known) {
        const uint8_t *mine = noise->s_public;

        memcpy(noise->rs, opt->remote_static, COVE_NOISE_KEY);
        noise_mix_hash(noise, cove_bytes(opt->initiator ? mine : noise->rs,
                                         COVE_NOISE_KEY));
        noise_mix_hash(noise, cove_bytes(opt->initiator ? noise->rs : mine,
                                         COVE_NOISE_KEY));
    }
}

bool cove_noise_done(const struct cove_noise *noise)
{
    return noise->message == noise_specs[noise->pattern].messages;
}

bool cove_noise_my_turn(const struct cove_noise *noise)
{
    bool initiators = noise->message % 2 == 0;

    return !cove_noise_done(noise) && initiators == noise->initiator;
}

size_t cove_noise_overhead(const struct cove_noise *noise)
{
    const struct noise_spec *spec = &noise_specs[noise->pattern];
    const uint8_t *tokens = spec->tokens[noise->message];
    bool key = noise->has_key;
    size_t len = 0;

    assert(!cove_noise_done(noise));
    for (size_t i = 0; i < NOISE_TOKENS && tokens[i] != TOKEN_END; i++) {
        if (tokens[i] == TOKEN_E) {
            len += COVE_NOISE_KEY;
        } else if (tokens[i] == TOKEN_S) {
            len += COVE_NOISE_KEY + (key ? COVE_NOISE_TAG : 0u);
        } else {
            key = true;
        }
    }
    return len + (key ? COVE_NOISE_TAG : 0u);
}

int cove_noise_write(struct cove_noise *noise, struct cove_bytes payload,
                     uint8_t *out)
{
    assert(cove_noise_my_turn(noise) && !noise->failed);

    const uint8_t *tokens = noise_specs[noise->pattern].tokens[noise->message];

    for (size_t i = 0; i < NOISE_TOKENS && tokens[i] != TOKEN_END; i++) {
        int err = 0;

        if (tokens[i] == TOKEN_E) {
            memcpy(out, noise->e_public, COVE_NOISE_KEY);
            out += COVE_NOISE_KEY;
            noise_mix_ephemeral(noise, noise->e_public);
        } else if (tokens[i] == TOKEN_S) {
            out += noise_seal(noise,
                              cove_bytes(noise->s_public, COVE_NOISE_KEY), out);
        } else {
            err = noise_mix_token(noise, (enum noise_token)tokens[i]);
        }
        if (err != 0) {
            noise->failed = true;
            return err;
        }
    }
    (void)noise_seal(noise, payload, out);
    noise->message++;
    return 0;
}

/* Read the peer's public key out of the front of `in`. */
static int noise_read_static(struct cove_noise *noise, struct cove_bytes *in)
{
    size_t len = COVE_NOISE_KEY + (noise->has_key ? COVE_NOISE_TAG : 0u);
    int err = noise_open(noise, cove_bytes(in->at, len), noise->rs);

    *in = cove_bytes(in->at + len, in->len - len);
    return err;
}

static void noise_read_ephemeral(struct cove_noise *noise,
                                 struct cove_bytes *in)
{
    memcpy(noise->re, in->at, COVE_NOISE_KEY);
    *in = cove_bytes(in->at + COVE_NOISE_KEY, in->len - COVE_NOISE_KEY);
    noise_mix_ephemeral(noise, noise->re);
}

int cove_noise_read(struct cove_noise *noise, struct cove_bytes in,
                    uint8_t *out)
{
    assert(!cove_noise_done(noise) && !cove_noise_my_turn(noise));

    const uint8_t *tokens = noise_specs[noise->pattern].tokens[noise->message];
    int err = 0;

    /* Checked once here, so that no token below reads behind the end. */
    if (noise->failed || in.len < cove_noise_overhead(noise)) {
        noise->failed = true;
        return COVE_EHANDSHAKE;
    }
    for (size_t i = 0; err == 0 && i < NOISE_TOKENS && tokens[i] != TOKEN_END;
         i++) {
        if (tokens[i] == TOKEN_E) {
            noise_read_ephemeral(noise, &in);
        } else if (tokens[i] == TOKEN_S) {
            err = noise_read_static(noise, &in);
        } else {
            err = noise_mix_token(noise, (enum noise_token)tokens[i]);
        }
    }
    if (err == 0) {
        err = noise_open(noise, in, out);
    }
    if (err != 0) {
        noise->failed = true;
        return err;
    }
    noise->message++;
    return 0;
}

void cove_noise_split(struct cove_noise *noise, struct cove_cipher *send,
                      struct cove_cipher *receive)
{
    uint8_t out[2][COVE_NOISE_HASH];
    struct cove_cipher *first = noise->initiator ? send : receive;
    struct cove_cipher *second = noise->initiator ? receive : send;

    assert(cove_noise_done(noise) && !noise->failed);
    /* HKDF with an empty input; its first two outputs are the keys. */
    noise_hkdf(noise, noise_nothing, 2, out);
    memcpy(first->key, noise->chaining, COVE_NOISE_KEY);
    memcpy(second->key, out[0], COVE_NOISE_KEY);
    first->nonce = 0;
    second->nonce = 0;
    cove_crypto_wipe(out, sizeof(out));
    cove_crypto_wipe(noise, sizeof(*noise));
}
