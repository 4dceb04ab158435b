/* channel_kit.h: two devices and a channel between them, for tests. The wire
 * between the two can be cut, changed and recorded. */
#ifndef COVE_TESTS_CHANNEL_KIT_H
#define COVE_TESTS_CHANNEL_KIT_H

#include "core/crypto.h"
#include "sync/channel_internal.h"
#include "tests/unit/harness.h"

#define KIT_WIRE_MAX  4096
#define KIT_WHOLE     SIZE_MAX
#define KIT_UNTOUCHED SIZE_MAX

enum { A, B }; /* the initiator, the responder */

struct kit_side {
    struct cove_secret secret;
    struct cove_key device;
    struct cove_identity identity;
    struct cove_channel_options opt;
    struct cove_channel *ch;
    /* What it has written, all in all, and the first of it. */
    uint8_t wire[KIT_WIRE_MAX];
    size_t written;
    /* The wire in front of it: cut after so many bytes, with one bit changed.
     */
    size_t cut;
    size_t flip_at;
    unsigned flip_bit;
    int err; /* the first of its input */
};

struct kit {
    struct harness_env env;
    struct harness_alloc alloc;
    struct kit_side side[2];
    uint8_t network_key[32];
    uint64_t now_ms;
    size_t step; /* bytes given at once */
};

/* Sign a certificate for the side's static key that differs in its times. */
static inline void kit_certify(struct kit *kit, unsigned i, int64_t from_ms,
                               int64_t to_ms)
{
    struct kit_side *side = &kit->side[i];
    struct cove_certificate cert = {.device = side->device,
                                    .not_before_ms = kit->env.now_ms + from_ms,
                                    .not_after_ms = kit->env.now_ms + to_ms};

    memcpy(cert.static_public, side->identity.static_public, 32);
    side->identity.certificate_len =
        cove_certificate_sign(&cert, &side->secret, side->identity.certificate);
}

static inline void kit_init(struct kit *kit, uint64_t seed)
{
    memset(kit, 0, sizeof(*kit));
    harness_env_init(&kit->env, seed);
    harness_alloc_init(&kit->alloc, 0);
    memset(kit->network_key, 0x77, sizeof(kit->network_key));
    kit->now_ms = 1000000;
    kit->step = KIT_WHOLE;
    for (unsigned i = 0; i < 2; i++) {
        struct kit_side *side = &kit->side[i];
        uint8_t device_seed[32];

        memset(device_seed, (int)(0xa1 + i), sizeof(device_seed));
        cove_key_of_seed(device_seed, &side->secret, &side->device);
        cove_identity_make(&side->secret, &side->device, &kit->env.env, 30,
                           &side->identity);
        side->cut = KIT_WHOLE;
        side->flip_at = KIT_UNTOUCHED;
        side->opt = (struct cove_channel_options){
            .alloc = &kit->alloc.alloc,
            .env = &kit->env.env,
            .identity = &side->identity,
            .role = i == A ? COVE_CHANNEL_INITIATOR : COVE_CHANNEL_RESPONDER,
            .now_ms = kit->now_ms,
        };
    }
}

static inline void kit_use_network_key(struct kit *kit)
{
    kit->side[A].opt.network_key = kit->network_key;
    kit->side[B].opt.network_key = kit->network_key;
}

static inline void kit_make(struct kit *kit)
{
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_int_eq(cove_channel_new(&kit->side[i].opt, &kit->side[i].ch),
                         0);
    }
}

/* Free the channels; nothing of theirs stays. */
static inline void kit_clear(struct kit *kit)
{
    for (unsigned i = 0; i < 2; i++) {
        cove_channel_free(kit->side[i].ch);
        kit->side[i].ch = NULL;
        kit->side[i].written = 0;
        kit->side[i].err = 0;
    }
    ck_assert_int_eq(kit->alloc.alive, 0);
}

static inline int kit_input(struct kit *kit, unsigned i, const void *at,
                            size_t len)
{
    return cove_channel_input(kit->side[i].ch, kit->now_ms,
                              cove_bytes(at, len));
}

/* Carry what `i` has to write, at most `step` bytes, over to the other. */
static inline size_t kit_carry(struct kit *kit, unsigned i)
{
    struct kit_side *from = &kit->side[i], *to = &kit->side[!i];
    struct cove_bytes out = cove_channel_output(from->ch);
    size_t len = out.len < kit->step ? out.len : kit->step;
    uint8_t *copy = malloc(len + 1); /* exact, so that ASan sees every step */

    for (size_t k = 0; k < len; k++) {
        size_t at = from->written + k;

        copy[k] = out.at[k];
        if (at < KIT_WIRE_MAX) {
            from->wire[at] = copy[k];
        }
        if (at == to->flip_at) {
            copy[k] ^= (uint8_t)(1u << to->flip_bit);
        }
    }

    size_t pass = from->written >= to->cut        ? 0
                  : from->written + len > to->cut ? to->cut - from->written
                                                  : len;

    if (pass > 0 && to->err == 0) {
        to->err = kit_input(kit, !i, copy, pass);
    }
    from->written += len;
    cove_channel_written(from->ch, len);
    free(copy);
    return len;
}

/* Carry both ways until nothing moves. */
static inline void kit_pump(struct kit *kit)
{
    while (kit_carry(kit, A) + kit_carry(kit, B) > 0) {
    }
}

static inline enum cove_channel_state kit_state(const struct kit *kit,
                                                unsigned i)
{
    return cove_channel_state(kit->side[i].ch);
}

static inline const char *kit_why(const struct kit *kit, unsigned i)
{
    return cove_channel_diag(kit->side[i].ch)->text;
}

/* Make both channels and open them. */
static inline void kit_open(struct kit *kit)
{
    kit_make(kit);
    kit_pump(kit);
    ck_assert_msg(kit_state(kit, A) == COVE_CHANNEL_OPEN, "%s",
                  kit_why(kit, A));
    ck_assert_msg(kit_state(kit, B) == COVE_CHANNEL_OPEN, "%s",
                  kit_why(kit, B));
}

static inline int kit_send(struct kit *kit, unsigned i,
                           enum cove_channel_lane lane, const void *at,
                           size_t len)
{
    return cove_channel_send(kit->side[i].ch, lane, cove_bytes(at, len));
}

/* The next message at `i` is these bytes. */
static inline void kit_expect(struct kit *kit, unsigned i, const void *at,
                              size_t len)
{
    struct cove_bytes got;

    ck_assert_int_eq(cove_channel_receive(kit->side[i].ch, &got), 0);
    ck_assert_uint_eq(got.len, len);
    ck_assert_mem_eq(got.at, at, len);
}

static inline void kit_expect_none(struct kit *kit, unsigned i)
{
    struct cove_bytes got;

    ck_assert_int_eq(cove_channel_receive(kit->side[i].ch, &got),
                     COVE_ENOTFOUND);
}

/* Seal a record that no honest side would, as `i`, and give it to the other. */
static inline int kit_forge(struct kit *kit, unsigned i, unsigned flags,
                            const void *at, size_t len)
{
    size_t sealed = 1 + len + COVE_NOISE_TAG;
    uint8_t *plain = malloc(1 + len);
    uint8_t *record = malloc(COVE_RECORD_HEAD + sealed);

    plain[0] = (uint8_t)flags;
    if (len > 0) {
        memcpy(plain + 1, at, len);
    }
    record[0] = (uint8_t)(sealed >> 8);
    record[1] = (uint8_t)sealed;
    cove_cipher_seal(&kit->side[i].ch->outbox.key.cipher, cove_bytes(NULL, 0),
                     cove_bytes(plain, 1 + len), record + COVE_RECORD_HEAD);

    int err = kit_input(kit, !i, record, COVE_RECORD_HEAD + sealed);

    free(plain);
    free(record);
    return err;
}

#endif
