#include "core/crypto.h"
#include "core/id.h"
#include "cove/error.h"
#include "tests/unit/harness.h"

static void unhex(const char *hex, uint8_t *out, size_t len)
{
    ck_assert_int_eq(cove_hex_parse(hex, out, len), 0);
}

static void assert_hex(const void *at, size_t len, const char *wanted)
{
    char hex[COVE_HEX_LEN(256)];

    ck_assert_uint_le(len, 256);
    cove_hex(cove_bytes(at, len), hex);
    ck_assert_str_eq(hex, wanted);
}

/* Python: hashlib.blake2b(b"abc", digest_size=32, person=b"cove/header"). */
START_TEST(a_hash_is_blake2b_256_personalised_by_its_use)
{
    struct cove_hash h = cove_hash("cove/header", cove_bytes_text("abc"));

    assert_hex(h.b, sizeof(h.b),
               "ccd84c5cb2d2157cdc0247b085f91f51"
               "9db8f5d6ccd5c60e7fce0ffb2d46d6e4");
    h = cove_hash("0123456789abcdef", cove_bytes(NULL, 0));
    assert_hex(h.b, sizeof(h.b),
               "745c7fe5b8e12c96be18655ca261179a"
               "1774125f0018174f2a220f203da8fe47");
    h = cove_hash("cove/step", cove_bytes_text("abc"));
    ck_assert_int_ne(h.b[0], 0xcc);
}
END_TEST

START_TEST(parts_and_streams_hash_as_their_bytes_in_a_row)
{
    struct cove_bytes parts[] = {cove_bytes_text("a"), cove_bytes(NULL, 0),
                                 cove_bytes_text("bc")};
    struct cove_hash whole = cove_hash("cove/header", cove_bytes_text("abc"));
    struct cove_hash split = cove_hash_parts("cove/header", parts, 3);
    struct cove_hasher h;

    ck_assert_mem_eq(whole.b, split.b, sizeof(whole.b));
    cove_hasher_init(&h, "cove/header");
    cove_hasher_add(&h, cove_bytes_text("ab"));
    cove_hasher_add(&h, cove_bytes_text("c"));
    split = cove_hasher_end(&h);
    ck_assert_mem_eq(whole.b, split.b, sizeof(whole.b));
}
END_TEST

/* RFC 8032 section 7.1, TEST 2. */
static const char rfc_seed[] = "4ccd089b28ff96da9db6c346ec114e0f"
                               "5b8a319f35aba624da8cf6ed4fb8a6fb";
static const char rfc_key[] = "3d4017c3e843895a92b70aa74d1b7ebc"
                              "9c982ccf2ec4968cc0cd55f12af4660c";
static const char rfc_signature[] = "92a009a9f0d4cab8720e820b5f642540"
                                    "a2b27b5416503f8fb3762223ebdb69da"
                                    "085ac1e43e15996e458f3613d0f11d8c"
                                    "387b2eaeb4302aeeb00d291612bb0c00";

struct signed_message {
    struct cove_secret secret;
    struct cove_key key;
    struct cove_signature signature;
    struct cove_bytes message;
};

static void sign_rfc(struct signed_message *m)
{
    uint8_t seed[32];

    unhex(rfc_seed, seed, sizeof(seed));
    cove_key_of_seed(seed, &m->secret, &m->key);
    m->message = cove_bytes("\x72", 1);
    cove_sign(&m->secret, m->message, &m->signature);
}

START_TEST(a_hash_goes_on_from_where_it_was_saved)
{
    uint8_t saved[COVE_HASHER_SAVED];
    struct cove_hasher first, second;
    struct cove_hash whole = cove_hash("cove/blob", cove_bytes_text("hello"));

    cove_hasher_init(&first, "cove/blob");
    cove_hasher_add(&first, cove_bytes_text("hel"));
    cove_hasher_save(&first, saved);
    ck_assert_int_eq(cove_hasher_load(&second, saved), 0);
    cove_hasher_add(&second, cove_bytes_text("lo"));

    struct cove_hash hash = cove_hasher_end(&second);

    ck_assert_mem_eq(&hash, &whole, sizeof(hash));
    saved[3] ^= 1; /* of another build of the library */
    ck_assert_int_eq(cove_hasher_load(&second, saved), COVE_ECORRUPT);
}
END_TEST

START_TEST(signatures_are_those_of_rfc_8032)
{
    struct signed_message m;

    sign_rfc(&m);
    assert_hex(m.key.b, sizeof(m.key.b), rfc_key);
    assert_hex(m.signature.b, sizeof(m.signature.b), rfc_signature);
    ck_assert_int_eq(cove_verify(&m.key, m.message, &m.signature), 0);
    ck_assert_int_eq(cove_verify(&m.key, cove_bytes("\x73", 1), &m.signature),
                     COVE_ESIGNATURE);
    for (size_t i = 0; i < sizeof(m.signature.b); i++) {
        m.signature.b[i] ^= 1;
        ck_assert_int_eq(cove_verify(&m.key, m.message, &m.signature),
                         COVE_ESIGNATURE);
        m.signature.b[i] ^= 1;
    }
    cove_sign(&m.secret, cove_bytes(NULL, 0), &m.signature);
    ck_assert_int_eq(cove_verify(&m.key, cove_bytes(NULL, 0), &m.signature), 0);
}
END_TEST

/* A27: S + L gives the same point: accepted, one message would have two
 * signatures. */
START_TEST(a_signature_whose_s_is_not_below_l_is_refused)
{
    struct signed_message m;
    uint8_t order[32]; /* L, little-endian */
    unsigned carry = 0;

    sign_rfc(&m);
    unhex("edd3f55c1a631258d69cf7a2def9de14"
          "00000000000000000000000000000010",
          order, sizeof(order));
    for (size_t i = 0; i < sizeof(order); i++) {
        carry += (unsigned)m.signature.b[32 + i] + order[i];
        m.signature.b[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    ck_assert_int_eq(cove_verify(&m.key, m.message, &m.signature),
                     COVE_ESIGNATURE);
}
END_TEST

/* A27: With a key of small order R = S·B holds for any message. */
START_TEST(a_key_of_small_order_verifies_nothing)
{
    static const char *const keys[] = {
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(keys); i++) {
        struct cove_key key;
        struct cove_signature signature = {{1}};

        unhex(keys[i], key.b, sizeof(key.b));
        ck_assert_int_eq(
            cove_verify(&key, cove_bytes_text("anything"), &signature),
            COVE_ESIGNATURE);
        memcpy(signature.b, key.b, sizeof(key.b));
        ck_assert_int_eq(
            cove_verify(&key, cove_bytes_text("anything"), &signature),
            COVE_ESIGNATURE);
    }
}
END_TEST

/* Checked with OpenSSL's pkeyutl -derive. */
START_TEST(both_sides_of_x25519_find_the_same_secret)
{
    uint8_t a[32];
    uint8_t b[32];
    uint8_t a_public[32];
    uint8_t b_public[32];
    uint8_t shared[32];

    for (uint8_t i = 0; i < 32; i++) {
        a[i] = i;
        b[i] = (uint8_t)(100 + i);
    }
    cove_x25519_public(a, a_public);
    cove_x25519_public(b, b_public);
    assert_hex(a_public, 32,
               "8f40c5adb68f25624ae5b214ea767a6e"
               "c94d829d3d7b5e1ad1ba6f3e2138285f");
    ck_assert_int_eq(cove_x25519(a, b_public, shared), 0);
    assert_hex(shared, 32,
               "3ae143fb898911b4591769dc17ca0177"
               "5cc4cad4d05b8f33a39c79e30fa63a72");
    memset(shared, 0, sizeof(shared));
    ck_assert_int_eq(cove_x25519(b, a_public, shared), 0);
    assert_hex(shared, 32,
               "3ae143fb898911b4591769dc17ca0177"
               "5cc4cad4d05b8f33a39c79e30fa63a72");
}
END_TEST

/* A27 */
START_TEST(an_all_zero_shared_secret_fails_the_handshake)
{
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    uint8_t secret[32] = {9};

    for (size_t i = 0; i < COVE_ARRAY_LEN(points); i++) {
        uint8_t point[32];
        uint8_t out[32] = {42};

        unhex(points[i], point, sizeof(point));
        ck_assert_int_eq(cove_x25519(secret, point, out), COVE_EHANDSHAKE);
        ck_assert_uint_eq(out[0], 42);
        ck_assert_uint_eq(out[1], 0);
    }
}
END_TEST

/* Python: hashlib.blake2b and hmac over it. */
START_TEST(blake2b_512_and_its_hmac_agree_with_another_implementation)
{
    struct cove_bytes abc[] = {cove_bytes_text("a"), cove_bytes_text("bc")};
    struct cove_bytes fox[] = {cove_bytes_text("The quick "),
                               cove_bytes_text("brown fox")};
    uint8_t key[200];
    uint8_t out[64];

    cove_blake2b_512(abc, 2, out);
    assert_hex(out, 64,
               "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbff"
               "a2d17d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386ed"
               "d4009923");
    cove_hmac_512(cove_bytes_text("key"), fox, 2, out);
    assert_hex(out, 64,
               "5c169e8a18362381efbc0f688fa1d48e99f2bd5885a19c29943e28b43d56"
               "6f330555d6c37a277cd4cbb1deca561f377c02f0d5388c6e1efd6e97de2b"
               "d8b2d678");
    for (size_t i = 0; i < sizeof(key); i++) {
        key[i] = (uint8_t)(i % 251);
    }
    cove_hmac_512(cove_bytes(key, 128), fox, 2, out);
    assert_hex(out, 64,
               "d991657f7f908ad34389a0bad9c5aa374a862e666a67f01a8a54a2d78bdd"
               "fe868204204b9efcfec5624af31636f3c260269404ece4ea80dffae1742e"
               "abf573f1");
    cove_hmac_512(cove_bytes(key, 200), fox, 2, out);
    assert_hex(out, 64,
               "8e4ffb94ea8af3e823b4ee752e0665451477f32c4709b8185c516869bc4c"
               "cc8e677335ccbb5fa162626d0047293b6f1c97c0e7a8d80301bf6698f3fa"
               "95c53ca6");
}
END_TEST

/* RFC 8439 appendix A.5: its nonce is 4 zero bytes and a counter. */
START_TEST(sealing_is_chacha20_poly1305_with_the_counter_as_nonce)
{
    static const char text[] =
        "Internet-Drafts are draft documents valid for a maximum of six "
        "months and may be updated, replaced, or obsoleted by other documents "
        "at any time. It is inappropriate to use Internet-Drafts as reference "
        "material or to cite them other than as /\xe2\x80\x9cwork in "
        "progress./\xe2\x80\x9d";
    static const char sealed_hex[] =
        "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb2"
        "4c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf"
        "332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855"
        "9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4"
        "b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523e"
        "af4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a"
        "0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a10"
        "49e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29"
        "a6ad5cb4022b02709b"
        "eead9d67890cbb22392336fea1851f38";
    uint8_t key[32];
    uint8_t ad[12];
    uint8_t sealed[sizeof(text) - 1 + 16];
    uint8_t wanted[sizeof(sealed)];
    uint8_t opened[sizeof(text) - 1];
    uint64_t nonce = 0x0807060504030201;

    unhex("1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0",
          key, sizeof(key));
    unhex("f33388860000000000004e91", ad, sizeof(ad));
    unhex(sealed_hex, wanted, sizeof(wanted));

    struct cove_bytes plain = cove_bytes(text, sizeof(text) - 1);
    struct cove_bytes bound = cove_bytes(ad, sizeof(ad));

    cove_aead_encrypt(key, nonce, bound, plain, sealed);
    ck_assert_mem_eq(sealed, wanted, sizeof(sealed));
    ck_assert_int_eq(cove_aead_decrypt(key, nonce, bound,
                                       cove_bytes(sealed, sizeof(sealed)),
                                       opened),
                     0);
    ck_assert_mem_eq(opened, text, sizeof(opened));
    ck_assert_int_eq(cove_aead_decrypt(key, nonce + 1, bound,
                                       cove_bytes(sealed, sizeof(sealed)),
                                       opened),
                     COVE_EHANDSHAKE);
    ck_assert_int_eq(cove_aead_decrypt(key, nonce, cove_bytes(NULL, 0),
                                       cove_bytes(sealed, sizeof(sealed)),
                                       opened),
                     COVE_EHANDSHAKE);
    ck_assert_int_eq(
        cove_aead_decrypt(key, nonce, bound, cove_bytes(sealed, 15), opened),
        COVE_EHANDSHAKE);
    sealed[3] ^= 1;
    ck_assert_int_eq(cove_aead_decrypt(key, nonce, bound,
                                       cove_bytes(sealed, sizeof(sealed)),
                                       opened),
                     COVE_EHANDSHAKE);
}
END_TEST

START_TEST(secrets_are_compared_and_wiped)
{
    uint8_t a[4] = {1, 2, 3, 4};
    uint8_t b[4] = {1, 2, 3, 5};

    ck_assert(!cove_crypto_equal(a, b, sizeof(a)));
    ck_assert(cove_crypto_equal(a, b, 3));
    cove_crypto_wipe(a, sizeof(a));
    ck_assert_uint_eq(a[0] | a[1] | a[2] | a[3], 0);
}
END_TEST

static Suite *crypto_suite(void)
{
    Suite *suite = suite_create("crypto");
    TCase *t = tcase_create("crypto");

    tcase_add_test(t, a_hash_is_blake2b_256_personalised_by_its_use);
    tcase_add_test(t, parts_and_streams_hash_as_their_bytes_in_a_row);
    tcase_add_test(t, a_hash_goes_on_from_where_it_was_saved);
    tcase_add_test(t, signatures_are_those_of_rfc_8032);
    tcase_add_test(t, a_signature_whose_s_is_not_below_l_is_refused);
    tcase_add_test(t, a_key_of_small_order_verifies_nothing);
    tcase_add_test(t, both_sides_of_x25519_find_the_same_secret);
    tcase_add_test(t, an_all_zero_shared_secret_fails_the_handshake);
    tcase_add_test(t,
                   blake2b_512_and_its_hmac_agree_with_another_implementation);
    tcase_add_test(t, sealing_is_chacha20_poly1305_with_the_counter_as_nonce);
    tcase_add_test(t, secrets_are_compared_and_wiped);
    suite_add_tcase(suite, t);
    return suite;
}

int main(void)
{
    if (cove_crypto_init() != 0 || cove_crypto_init() != 0) {
        return EXIT_FAILURE;
    }
    return harness_run(crypto_suite());
}
