/* The Noise state machine against the public vectors, where they lie beside
 * the checkout, and against bytes of its own for the pattern that has none. */
#include <jansson.h>
#include <stdio.h>

#include "core/crypto.h"
#include "core/id.h"
#include "cove/error.h"
#include "sync/noise.h"
#include "tests/unit/harness.h"

/* Beside the checkout, where there are any. */
#define PUBLIC_VECTORS                                                         \
    COVE_SOURCE_ROOT "/../shared/data/noise/25519_ChaChaPoly_BLAKE2b.json"
#define MESSAGE_MAX 1024

static size_t unhex(const char *text, uint8_t *out, size_t cap)
{
    size_t len = strlen(text) / 2;

    ck_assert_uint_le(len, cap);
    ck_assert_int_eq(cove_hex_parse(text, out, len), 0);
    return len;
}

/* The field as bytes, or false where the vector has none. */
static bool field(const json_t *v, const char *name, uint8_t *out, size_t cap,
                  size_t *len)
{
    const char *text = json_string_value(json_object_get(v, name));

    if (text == NULL) {
        return false;
    }
    *len = unhex(text, out, cap);
    return true;
}

struct side {
    struct cove_noise noise;
    struct cove_cipher send, receive;
};

static void side_init(struct side *side, const json_t *v,
                      enum cove_noise_pattern pattern, bool initiator)
{
    static const char *const names[2][4] = {
        {"resp_prologue", "resp_ephemeral", "resp_static",
         "resp_remote_static"},
        {"init_prologue", "init_ephemeral", "init_static",
         "init_remote_static"}};
    const char *const *name = names[initiator];
    const json_t *psks =
        json_object_get(v, initiator ? "init_psks" : "resp_psks");
    uint8_t prologue[256], e[32], s[32], sp[32], rs[32], psk[32];
    size_t prologue_len = 0, len;
    struct cove_noise_options opt = {.pattern = pattern,
                                     .initiator = initiator};

    (void)field(v, name[0], prologue, sizeof(prologue), &prologue_len);
    opt.prologue = cove_bytes(prologue, prologue_len);
    ck_assert(field(v, name[1], e, sizeof(e), &len));
    opt.ephemeral_secret = e;
    if (field(v, name[2], s, sizeof(s), &len)) {
        cove_x25519_public(s, sp);
        opt.static_secret = s;
        opt.static_public = sp;
    }
    if (field(v, name[3], rs, sizeof(rs), &len)) {
        opt.remote_static = rs;
    }
    if (json_array_size(psks) > 0) {
        unhex(json_string_value(json_array_get(psks, 0)), psk, sizeof(psk));
        opt.psk = psk;
    }
    cove_noise_init(&side->noise, &opt);
}

/* One message of the vector, from one side to the other. */
static void run_message(struct side *from, struct side *to, const json_t *m,
                        bool transport)
{
    uint8_t payload[MESSAGE_MAX], expect[MESSAGE_MAX];
    uint8_t wire[MESSAGE_MAX], back[MESSAGE_MAX];
    size_t payload_len = 0, expect_len = 0;
    const struct cove_bytes none = {NULL, 0};

    (void)field(m, "payload", payload, sizeof(payload), &payload_len);
    ck_assert(field(m, "ciphertext", expect, sizeof(expect), &expect_len));
    if (transport) {
        ck_assert_uint_eq(expect_len, payload_len + COVE_NOISE_TAG);
        cove_cipher_seal(&from->send, none, cove_bytes(payload, payload_len),
                         wire);
        ck_assert_mem_eq(wire, expect, expect_len);
        ck_assert_int_eq(cove_cipher_open(&to->receive, none,
                                          cove_bytes(wire, expect_len), back),
                         0);
    } else {
        ck_assert_uint_eq(expect_len,
                          payload_len + cove_noise_overhead(&from->noise));
        ck_assert_int_eq(cove_noise_write(&from->noise,
                                          cove_bytes(payload, payload_len),
                                          wire),
                         0);
        ck_assert_mem_eq(wire, expect, expect_len);
        ck_assert_int_eq(
            cove_noise_read(&to->noise, cove_bytes(wire, expect_len), back), 0);
    }
    ck_assert_mem_eq(back, payload, payload_len);
}

static void run_vector(const json_t *v, enum cove_noise_pattern pattern)
{
    struct side initiator, responder;
    const json_t *messages = json_object_get(v, "messages");
    uint8_t hash[64];
    size_t hash_len;
    bool split = false;

    side_init(&initiator, v, pattern, true);
    side_init(&responder, v, pattern, false);
    for (size_t i = 0; i < json_array_size(messages); i++) {
        if (!split && cove_noise_done(&initiator.noise)) {
            ck_assert(cove_noise_done(&responder.noise));
            if (field(v, "handshake_hash", hash, sizeof(hash), &hash_len)) {
                ck_assert_mem_eq(initiator.noise.hash, hash, sizeof(hash));
                ck_assert_mem_eq(responder.noise.hash, hash, sizeof(hash));
            }
            cove_noise_split(&initiator.noise, &initiator.send,
                             &initiator.receive);
            cove_noise_split(&responder.noise, &responder.send,
                             &responder.receive);
            split = true;
        }
        run_message(i % 2 == 0 ? &initiator : &responder,
                    i % 2 == 0 ? &responder : &initiator,
                    json_array_get(messages, i), split);
    }
    ck_assert(split);
}

START_TEST(the_public_vectors_of_our_patterns_pass)
{
    static const struct {
        const char *name;
        enum cove_noise_pattern pattern;
        int found;
    } wanted[] = {
        {"Noise_XX_25519_ChaChaPoly_BLAKE2b", COVE_NOISE_XX, 0},
        {"Noise_NNpsk0_25519_ChaChaPoly_BLAKE2b", COVE_NOISE_NNPSK0, 0},
        {"Noise_KKpsk0_25519_ChaChaPoly_BLAKE2b", COVE_NOISE_KKPSK0, 0},
    };
    int found[COVE_ARRAY_LEN(wanted)] = {0};
    json_t *root = json_load_file(PUBLIC_VECTORS, 0, NULL);

    if (root == NULL) {
        printf("# skipped: no public data\n");
        return;
    }

    const json_t *vectors = json_object_get(root, "vectors");

    for (size_t i = 0; i < json_array_size(vectors); i++) {
        const json_t *v = json_array_get(vectors, i);
        const char *name =
            json_string_value(json_object_get(v, "protocol_name"));

        for (size_t k = 0; k < COVE_ARRAY_LEN(wanted); k++) {
            if (name != NULL && strcmp(name, wanted[k].name) == 0) {
                run_vector(v, wanted[k].pattern);
                found[k]++;
            }
        }
    }
    for (size_t k = 0; k < COVE_ARRAY_LEN(wanted); k++) {
        printf("# %s: %d vectors\n", wanted[k].name, found[k]);
        ck_assert_int_gt(found[k], 0);
    }
    json_decref(root);
}
END_TEST

/* Two sides of XXpsk0 with fixed keys. */
struct pair {
    struct cove_noise a, b;
    uint8_t secrets[4][32]; /* static and ephemeral of a, then of b */
    uint8_t publics[2][32]; /* static */
    uint8_t psk[32];
};

static void pair_init(struct pair *p, enum cove_noise_pattern pattern,
                      const char *prologue_b)
{
    for (unsigned i = 0; i < 4; i++) {
        memset(p->secrets[i], (int)(0x11 * (i + 1)), 32);
    }
    memset(p->psk, 0x55, sizeof(p->psk));
    cove_x25519_public(p->secrets[0], p->publics[0]);
    cove_x25519_public(p->secrets[2], p->publics[1]);

    struct cove_noise_options opt = {
        .pattern = pattern,
        .initiator = true,
        .prologue = cove_bytes_text("prologue"),
        .ephemeral_secret = p->secrets[1],
        .static_secret = p->secrets[0],
        .static_public = p->publics[0],
        .psk = p->psk,
    };

    cove_noise_init(&p->a, &opt);
    opt.initiator = false;
    opt.prologue = cove_bytes_text(prologue_b);
    opt.ephemeral_secret = p->secrets[3];
    opt.static_secret = p->secrets[2];
    opt.static_public = p->publics[1];
    cove_noise_init(&p->b, &opt);
}

/* Walk the handshake; the number of the message that is refused, or -1. Bit
 * `flip` of message `at` is changed on its way. */
static int pair_walk(struct pair *p, int at, size_t flip)
{
    struct cove_noise *from = &p->a, *to = &p->b;
    uint8_t wire[MESSAGE_MAX], payload[MESSAGE_MAX];

    for (int i = 0; i < 3; i++) {
        size_t len = cove_noise_overhead(from) + 4;

        ck_assert_int_eq(cove_noise_write(from, cove_bytes("cove", 4), wire),
                         0);
        if (i == at) {
            wire[flip / 8] ^= (uint8_t)(1 << (flip % 8));
        }
        if (cove_noise_read(to, cove_bytes(wire, len), payload) != 0) {
            return i;
        }

        struct cove_noise *swap = from;

        from = to;
        to = swap;
    }
    return memcmp(p->a.hash, p->b.hash, sizeof(p->a.hash)) == 0 ? -1 : 3;
}

START_TEST(xxpsk0_gives_its_golden_hash)
{
    struct pair p;
    char hex[COVE_HEX_LEN(64)];

    pair_init(&p, COVE_NOISE_XXPSK0, "prologue");
    ck_assert_int_eq(pair_walk(&p, -1, 0), -1);
    ck_assert_mem_eq(p.a.rs, p.publics[1], 32);
    ck_assert_mem_eq(p.b.rs, p.publics[0], 32);
    cove_hex(cove_bytes(p.a.hash, 64), hex);
    ck_assert_str_eq(hex, "6bd3d1a98748968427d18457454297bb"
                          "ba88e41cb05646bac4453a4108feadc5"
                          "03073b95a11df846699d252f46e8cfb7"
                          "e008121b4e70e24ca42591e4e44e4464");
}
END_TEST

/* A2 */
START_TEST(another_prologue_or_psk_is_refused_at_the_first_sealed_thing)
{
    struct pair p;

    pair_init(&p, COVE_NOISE_XX, "Prologue");
    ck_assert_int_eq(pair_walk(&p, -1, 0), 1);
    pair_init(&p, COVE_NOISE_XXPSK0, "Prologue");
    ck_assert_int_eq(pair_walk(&p, -1, 0), 0);
    pair_init(&p, COVE_NOISE_XXPSK0, "prologue");
    p.b.psk[31] ^= 1;
    ck_assert_int_eq(pair_walk(&p, -1, 0), 0);
}
END_TEST

START_TEST(every_changed_bit_of_a_message_is_refused)
{
    static const size_t bytes[3] = {32 + 16 + 4, 32 + 48 + 16 + 4, 48 + 16 + 4};
    struct pair p;

    for (int at = 0; at < 3; at++) {
        for (size_t bit = 0; bit < 8 * bytes[at]; bit++) {
            if (bit == 255) {
                continue; /* the top bit of a key: see the test below */
            }
            pair_init(&p, COVE_NOISE_XXPSK0, "prologue");
            ck_assert_int_eq(pair_walk(&p, at, bit), at);
        }
    }
}
END_TEST

START_TEST(the_ignored_top_bit_of_a_public_key_is_still_hashed)
{
    struct pair p;

    pair_init(&p, COVE_NOISE_XX, "prologue");
    ck_assert_int_eq(pair_walk(&p, 0, 255), 1);
    pair_init(&p, COVE_NOISE_XXPSK0, "prologue");
    ck_assert_int_eq(pair_walk(&p, 1, 255), 1);
}
END_TEST

START_TEST(a_message_cut_short_is_refused)
{
    struct pair p;
    uint8_t wire[MESSAGE_MAX], payload[MESSAGE_MAX];

    for (size_t len = 0; len < 52; len++) {
        pair_init(&p, COVE_NOISE_XXPSK0, "prologue");
        ck_assert_int_eq(cove_noise_write(&p.a, cove_bytes("cove", 4), wire),
                         0);
        ck_assert_int_eq(cove_noise_read(&p.b, cove_bytes(wire, len), payload),
                         COVE_EHANDSHAKE);
        /* And for good. */
        ck_assert_int_eq(cove_noise_read(&p.b, cove_bytes(wire, 52), payload),
                         COVE_EHANDSHAKE);
    }
}
END_TEST

/* A27 */
START_TEST(an_all_zero_shared_secret_is_refused)
{
    /* Points of small order on the curve. Source: RFC 7748, section 6.1. */
    static const uint8_t one[32] = {1};
    static const uint8_t zero[32] = {0};
    const uint8_t *points[] = {zero, one};

    for (size_t i = 0; i < COVE_ARRAY_LEN(points); i++) {
        struct pair p;
        uint8_t wire[MESSAGE_MAX], payload[MESSAGE_MAX];

        /* The responder's answer is the first to multiply. */
        pair_init(&p, COVE_NOISE_XX, "prologue");
        ck_assert_int_eq(
            cove_noise_read(&p.b, cove_bytes(points[i], 32), payload), 0);
        ck_assert_int_eq(cove_noise_write(&p.b, cove_bytes("", 0), wire),
                         COVE_EHANDSHAKE);
        /* The initiator meets it when it reads. */
        pair_init(&p, COVE_NOISE_XX, "prologue");
        ck_assert_int_eq(cove_noise_write(&p.a, cove_bytes("", 0), wire), 0);
        memset(wire, 0, sizeof(wire));
        memcpy(wire, points[i], 32);
        ck_assert_int_eq(cove_noise_read(&p.a, cove_bytes(wire, 96), payload),
                         COVE_EHANDSHAKE);
    }
}
END_TEST

START_TEST(rekeying_goes_on_with_the_nonce_and_never_back)
{
    struct cove_cipher a = {.nonce = 7}, b;
    const struct cove_bytes none = {NULL, 0};
    uint8_t before[20], after[20], back[4];

    memset(a.key, 0x42, sizeof(a.key));
    b = a;
    cove_cipher_seal(&a, none, cove_bytes("cove", 4), before);
    ck_assert_int_eq(cove_cipher_open(&b, none, cove_bytes(before, 20), back),
                     0);
    cove_cipher_rekey(&a);
    ck_assert_uint_eq(a.nonce, 8);
    cove_cipher_seal(&a, none, cove_bytes("cove", 4), after);
    /* Who did not change keys cannot read on, and its nonce stays. */
    ck_assert_int_eq(cove_cipher_open(&b, none, cove_bytes(after, 20), back),
                     COVE_EHANDSHAKE);
    cove_cipher_rekey(&b);
    ck_assert_int_eq(cove_cipher_open(&b, none, cove_bytes(after, 20), back),
                     0);
    ck_assert_mem_eq(back, "cove", 4);
    /* A replay does not open. */
    ck_assert_int_eq(cove_cipher_open(&b, none, cove_bytes(after, 20), back),
                     COVE_EHANDSHAKE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("noise");
    TCase *tc = tcase_create("noise");

    if (cove_crypto_init() != 0) {
        return EXIT_FAILURE;
    }
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, the_public_vectors_of_our_patterns_pass);
    tcase_add_test(tc, xxpsk0_gives_its_golden_hash);
    tcase_add_test(
        tc, another_prologue_or_psk_is_refused_at_the_first_sealed_thing);
    tcase_add_test(tc, every_changed_bit_of_a_message_is_refused);
    tcase_add_test(tc, the_ignored_top_bit_of_a_public_key_is_still_hashed);
    tcase_add_test(tc, a_message_cut_short_is_refused);
    tcase_add_test(tc, an_all_zero_shared_secret_is_refused);
    tcase_add_test(tc, rekeying_goes_on_with_the_nonce_and_never_back);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
