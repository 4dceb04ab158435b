/* The preamble, the handshake and the certificate of a channel. */
#include <stdio.h>

#include "tests/unit/channel_kit.h"

#define DAY_MS INT64_C(86400000)

static struct kit kit;

static void setup(void)
{
    kit_init(&kit, 1);
}

static void teardown(void)
{
    kit_clear(&kit);
}

/* Fails, and says nothing on the wire. */
static void expect_silence(unsigned i, int code)
{
    ck_assert_int_eq(kit_state(&kit, i), COVE_CHANNEL_FAILED);
    ck_assert_int_eq(cove_channel_diag(kit.side[i].ch)->code, code);
    ck_assert_uint_eq(cove_channel_output(kit.side[i].ch).len, 0);
    ck_assert_ptr_null(cove_channel_peer(kit.side[i].ch));
}

static void expect_failed(unsigned i, int code, const char *part)
{
    const struct cove_diag *diag = cove_channel_diag(kit.side[i].ch);

    ck_assert_int_eq(kit_state(&kit, i), COVE_CHANNEL_FAILED);
    ck_assert_msg(diag->code == code, "%d: %s", diag->code, diag->text);
    ck_assert_msg(strstr(diag->text, part) != NULL, "%s", diag->text);
    ck_assert_int_eq(kit_input(&kit, i, "x", 1), code);
}

START_TEST(two_channels_open_and_know_each_other)
{
    for (int key = 0; key < 2; key++) {
        if (key == 1) {
            kit_use_network_key(&kit);
        }
        kit_open(&kit);
        for (unsigned i = 0; i < 2; i++) {
            const struct cove_key *peer = cove_channel_peer(kit.side[i].ch);

            ck_assert_ptr_nonnull(peer);
            ck_assert_mem_eq(peer->b, kit.side[!i].device.b, 32);
            ck_assert_uint_eq(cove_channel_version(kit.side[i].ch), 0);
            ck_assert_int_eq(kit_send(&kit, i, COVE_LANE_CONTROL, "hello", 5),
                             0);
        }
        kit_pump(&kit);
        for (unsigned i = 0; i < 2; i++) {
            kit_expect(&kit, i, "hello", 5);
            kit_expect_none(&kit, i);
        }
        ck_assert_uint_lt(kit.side[A].written, 1024);
        ck_assert_uint_lt(kit.side[B].written, 1024);
        kit_clear(&kit);
    }
}
END_TEST

START_TEST(it_opens_in_pieces_of_any_size)
{
    for (size_t step = 1; step < 100; step++) {
        kit.step = step;
        kit_open(&kit);
        kit_clear(&kit);
    }
}
END_TEST

START_TEST(what_is_sent_before_it_is_open_waits)
{
    kit_make(&kit);
    ck_assert_int_eq(kit_send(&kit, A, COVE_LANE_CONTENT, "early", 5), 0);
    kit_pump(&kit);
    kit_expect(&kit, B, "early", 5);
}
END_TEST

/* How many bytes each side sends until both are open. */
static void handshake_lengths(size_t out[2])
{
    kit_open(&kit);
    out[A] = kit.side[A].written;
    out[B] = kit.side[B].written;
    kit_clear(&kit);
}

/* A2 */
START_TEST(every_bit_changed_in_the_handshake_fails_it_cleanly)
{
    size_t len[2];

    kit_use_network_key(&kit);
    handshake_lengths(len);
    for (unsigned from = 0; from < 2; from++) {
        struct kit_side *to = &kit.side[!from];

        for (size_t at = 0; at < len[from]; at++) {
            /* All bits of the preamble, one of each byte behind it. */
            unsigned bits = at < COVE_PREAMBLE_LEN ? 8 : 1;

            for (unsigned k = 0; k < bits; k++) {
                uint64_t next;

                to->flip_at = at;
                to->flip_bit = bits == 8 ? k : (unsigned)(at % 8);
                kit_make(&kit);
                kit_pump(&kit);
                ck_assert_int_ne(kit_state(&kit, !from), COVE_CHANNEL_OPEN);
                /* A longer length waits for bytes that never come. */
                (void)!cove_channel_tick(to->ch, kit.now_ms + 5000, &next);
                ck_assert_int_eq(kit_state(&kit, !from), COVE_CHANNEL_FAILED);
                ck_assert_ptr_null(cove_channel_peer(to->ch));
                ck_assert_int_ne(cove_channel_end(to->ch), COVE_ECLOSED);
                kit_clear(&kit);
            }
        }
        to->flip_at = KIT_UNTOUCHED;
    }
}
END_TEST

/* A3 */
START_TEST(an_end_at_any_point_of_the_handshake_is_connection_lost)
{
    size_t len[2];

    handshake_lengths(len);
    for (unsigned to = 0; to < 2; to++) {
        for (size_t at = 0; at < len[!to]; at++) {
            kit.side[to].cut = at;
            kit_make(&kit);
            kit_pump(&kit);
            ck_assert_int_eq(kit_state(&kit, to), COVE_CHANNEL_HANDSHAKE);
            ck_assert_int_eq(cove_channel_end(kit.side[to].ch), COVE_ENET);
            ck_assert_ptr_nonnull(strstr(kit_why(&kit, to), "connection lost"));
            kit_clear(&kit);
        }
        kit.side[to].cut = KIT_WHOLE;
    }
}
END_TEST

/* A1 */
START_TEST(a_replayed_handshake_is_refused)
{
    uint8_t recorded[KIT_WIRE_MAX];
    size_t len;

    kit_use_network_key(&kit);
    kit_open(&kit);
    ck_assert_int_eq(kit_send(&kit, A, COVE_LANE_CONTENT, "pay", 3), 0);
    kit_pump(&kit);
    kit_expect(&kit, B, "pay", 3);
    len = kit.side[A].written;
    memcpy(recorded, kit.side[A].wire, len);
    kit_clear(&kit);

    kit_make(&kit);
    ck_assert_int_eq(kit_input(&kit, B, recorded, len), COVE_EHANDSHAKE);
    kit_expect_none(&kit, B);
    ck_assert_ptr_null(cove_channel_peer(kit.side[B].ch));
}
END_TEST

/* A4 */
START_TEST(garbage_gets_silence_at_its_first_wrong_byte)
{
    static const char *const garbage[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "SSH-2.0-x\r\n",
        "\x16\x03\x01\x02\x04",
        "d",
        "cx",
        "coz",
        "covz",
        "cove\x01",
        "cove\x02",
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(garbage); i++) {
        kit_make(&kit);
        ck_assert_int_eq(kit_input(&kit, B, garbage[i], strlen(garbage[i])),
                         COVE_EHANDSHAKE);
        expect_silence(B, COVE_EHANDSHAKE);
        kit_clear(&kit);
    }
}
END_TEST

/* What is held against who calls, and what may be a mistake or the wire's. */
START_TEST(who_does_what_no_device_does_is_at_fault)
{
    static const struct {
        const char *bytes;
        size_t len;
        bool fault;
    } firsts[] = {
        {"GET", 3, true},
        {"cov", 3, false}, /* so far */
        {"cove\x01", 5, false},
        {"cove\x00\x01\x00\x00"
         "network",
         15, false},
        {"cove\x00\x01\x07\x09\0\0\0\0\0\0\0\0", 16, false},
        {"cove\x00\x01\x00\x00\0\0\0\0\0\0\0\0\xff\xff", 18, true},
        {"cove\x00\x01\x00\x00\0\0\0\0\0\0\0\0\0\x1f", 18, true},
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(firsts); i++) {
        kit_make(&kit);
        (void)!kit_input(&kit, B, firsts[i].bytes, firsts[i].len);
        ck_assert_msg(cove_channel_at_fault(kit.side[B].ch) == firsts[i].fault,
                      "%zu", i);
        kit_clear(&kit);
    }
    kit_make(&kit); /* a bit of the handshake is another */
    kit.side[B].flip_at = 200;
    kit_pump(&kit);
    ck_assert_int_eq(kit_state(&kit, B), COVE_CHANNEL_FAILED);
    ck_assert(cove_channel_at_fault(kit.side[B].ch));
    kit_clear(&kit);
    kit.side[B].flip_at = KIT_UNTOUCHED;
    kit_open(&kit); /* of a record: whoever stands on the way */
    ck_assert_int_eq(kit_input(&kit, B,
                               "\x00\x12"
                               "0123456789abcdefgh",
                               20),
                     COVE_EPROTOCOL);
    ck_assert(!cove_channel_at_fault(kit.side[B].ch));
    kit_clear(&kit);
    kit_open(&kit); /* what it says in one that is authentic */
    ck_assert_int_eq(kit_forge(&kit, A, 0x40, "x", 1), COVE_EPROTOCOL);
    ck_assert(cove_channel_at_fault(kit.side[B].ch));
    kit_clear(&kit);
    kit_open(&kit); /* but not that it gives us up */
    ck_assert_int_eq(kit_forge(&kit, A, COVE_RECORD_GOODBYE, "\x04", 1),
                     COVE_EPROTOCOL);
    ck_assert(!cove_channel_at_fault(kit.side[B].ch));
}
END_TEST

START_TEST(another_program_is_named_by_what_it_says)
{
    kit_make(&kit);
    ck_assert_int_eq(kit_input(&kit, A, "SSH-2.0-\x1b\xff\r\n", 12),
                     COVE_EHANDSHAKE);
    expect_failed(A, COVE_EHANDSHAKE,
                  "does not speak Cove: it says "
                  "\"SSH-2.0-....\"");
}
END_TEST

/* A4 */
START_TEST(without_the_network_key_there_is_silence)
{
    uint8_t other[32] = {9};

    /* No key, then another key, against a responder with one. */
    for (int i = 0; i < 2; i++) {
        kit.side[B].opt.network_key = kit.network_key;
        kit.side[A].opt.network_key = i == 0 ? NULL : other;
        kit_make(&kit);
        kit_pump(&kit);
        expect_silence(B, COVE_EHANDSHAKE);
        ck_assert_uint_eq(kit.side[B].written, 0);
        ck_assert_ptr_nonnull(strstr(kit_why(&kit, B), "network key"));
        kit_clear(&kit);
    }
    /* A key against a responder without one. */
    kit.side[B].opt.network_key = NULL;
    kit.side[A].opt.network_key = kit.network_key;
    kit_make(&kit);
    kit_pump(&kit);
    expect_silence(B, COVE_EHANDSHAKE);
    ck_assert_uint_eq(kit.side[B].written, 0);
}
END_TEST

START_TEST(who_copied_the_network_id_learns_nothing_but_it)
{
    uint8_t bytes[COVE_PREAMBLE_LEN + 2 + 48] = {0};
    struct cove_preamble copied;

    kit_use_network_key(&kit);
    kit_make(&kit);
    cove_preamble_init(&copied, COVE_CHANNEL_INITIATOR, kit.network_key);
    cove_preamble_encode(&copied, bytes);
    bytes[COVE_PREAMBLE_LEN + 1] = 48;
    memset(bytes + COVE_PREAMBLE_LEN + 2, 0x21, 48);
    ck_assert_int_eq(kit_input(&kit, B, bytes, sizeof(bytes)), COVE_EHANDSHAKE);

    struct cove_bytes out = cove_channel_output(kit.side[B].ch);

    ck_assert_uint_eq(out.len, COVE_PREAMBLE_LEN);
    ck_assert_mem_eq(out.at + 8, bytes + 8, 8);
    ck_assert_ptr_null(memmem(out.at, out.len, kit.side[B].device.b, 8));
}
END_TEST

/* The preamble of an initiator without a network key, with other versions. */
static void foreign_preamble(uint8_t from, uint8_t to, uint8_t suite,
                             uint8_t out[COVE_PREAMBLE_LEN])
{
    const struct cove_preamble p = {.role = COVE_CHANNEL_INITIATOR,
                                    .suite = suite,
                                    .version_from = from,
                                    .version_to = to};

    cove_preamble_encode(&p, out);
}

/* A39 */
START_TEST(without_a_common_version_both_learn_who_must_update)
{
    uint8_t bytes[COVE_PREAMBLE_LEN];

    kit_make(&kit);
    foreign_preamble(1, 3, COVE_PREAMBLE_SUITE, bytes);
    ck_assert_int_eq(kit_input(&kit, B, bytes, sizeof(bytes)), COVE_EHANDSHAKE);
    expect_failed(B, COVE_EHANDSHAKE, "update this device");
    /* Our versions do go out, so that the peer can say the same. */
    ck_assert_uint_eq(cove_channel_output(kit.side[B].ch).len,
                      COVE_PREAMBLE_LEN);
    kit_clear(&kit);

    kit_make(&kit);
    foreign_preamble(3, 1, COVE_PREAMBLE_SUITE, bytes);
    ck_assert_int_eq(kit_input(&kit, B, bytes, sizeof(bytes)), COVE_EHANDSHAKE);
    expect_failed(B, COVE_EHANDSHAKE, "versions 3 to 1");
    kit_clear(&kit);

    kit_make(&kit);
    foreign_preamble(0, 0, 2, bytes);
    ck_assert_int_eq(kit_input(&kit, B, bytes, sizeof(bytes)), COVE_EHANDSHAKE);
    expect_failed(B, COVE_EHANDSHAKE, "cipher suite 2");
}
END_TEST

/* A39: An initiator by hand: a newer build that speaks versions 0 to 3. */
START_TEST(with_a_newer_peer_the_common_version_is_spoken)
{
    struct kit_side *a = &kit.side[A];
    uint8_t prologue[2 * COVE_PREAMBLE_LEN], ephemeral[32], wire[512];
    uint8_t payload[512];
    struct cove_noise noise;

    kit_make(&kit);
    foreign_preamble(0, 3, COVE_PREAMBLE_SUITE, prologue);
    ck_assert_int_eq(kit_input(&kit, B, prologue, COVE_PREAMBLE_LEN), 0);

    struct cove_bytes out = cove_channel_output(kit.side[B].ch);

    ck_assert_uint_eq(out.len, COVE_PREAMBLE_LEN);
    memcpy(prologue + COVE_PREAMBLE_LEN, out.at, out.len);
    cove_channel_written(kit.side[B].ch, out.len);
    memset(ephemeral, 0x31, sizeof(ephemeral));
    cove_noise_init(&noise,
                    &(struct cove_noise_options){
                        .pattern = COVE_NOISE_XX,
                        .initiator = true,
                        .prologue = cove_bytes(prologue, sizeof(prologue)),
                        .ephemeral_secret = ephemeral,
                        .static_secret = a->identity.static_secret,
                        .static_public = a->identity.static_public});
    ck_assert_int_eq(cove_noise_write(&noise, cove_bytes("", 0), wire + 2), 0);
    wire[0] = 0;
    wire[1] = 32;
    ck_assert_int_eq(kit_input(&kit, B, wire, 34), 0);
    out = cove_channel_output(kit.side[B].ch);
    ck_assert_int_eq(
        cove_noise_read(&noise, cove_bytes(out.at + 2, out.len - 2), payload),
        0);

    size_t len = 64 + a->identity.certificate_len;

    ck_assert_int_eq(cove_noise_write(&noise,
                                      cove_bytes(a->identity.certificate,
                                                 a->identity.certificate_len),
                                      wire + 2),
                     0);
    wire[0] = (uint8_t)(len >> 8);
    wire[1] = (uint8_t)len;
    ck_assert_int_eq(kit_input(&kit, B, wire, 2 + len), 0);
    ck_assert_int_eq(kit_state(&kit, B), COVE_CHANNEL_OPEN);
    ck_assert_uint_eq(cove_channel_version(kit.side[B].ch), 0);
}
END_TEST

START_TEST(two_of_one_role_refuse_each_other)
{
    kit.side[B].opt.role = COVE_CHANNEL_INITIATOR;
    kit_make(&kit);
    kit_pump(&kit);
    expect_failed(A, COVE_EHANDSHAKE, "both sides are the initiator");
    expect_failed(B, COVE_EHANDSHAKE, "both sides are the initiator");
}
END_TEST

/* A27 */
START_TEST(a_key_of_small_order_is_refused)
{
    static const uint8_t message[2 + 32] = {0, 32}; /* the point zero */
    uint8_t preamble[COVE_PREAMBLE_LEN];

    kit_make(&kit);
    foreign_preamble(0, 0, COVE_PREAMBLE_SUITE, preamble);
    ck_assert_int_eq(kit_input(&kit, B, preamble, sizeof(preamble)), 0);
    ck_assert_int_eq(kit_input(&kit, B, message, sizeof(message)),
                     COVE_EHANDSHAKE);
    expect_failed(B, COVE_EHANDSHAKE, "small order");
}
END_TEST

/* A7 */
START_TEST(a_length_of_the_handshake_is_judged_before_its_bytes)
{
    static const struct {
        uint8_t head[2];
        int code;
    } cases[] = {{{0, 0}, COVE_EHANDSHAKE},
                 {{0, 31}, COVE_EHANDSHAKE},
                 {{0, 33}, COVE_ELIMIT},
                 {{4, 0}, COVE_ELIMIT},
                 {{0xff, 0xff}, COVE_ELIMIT}};
    uint8_t preamble[COVE_PREAMBLE_LEN];

    for (size_t i = 0; i < COVE_ARRAY_LEN(cases); i++) {
        kit_make(&kit);
        foreign_preamble(0, 0, COVE_PREAMBLE_SUITE, preamble);
        ck_assert_int_eq(kit_input(&kit, B, preamble, sizeof(preamble)), 0);
        ck_assert_int_eq(kit_input(&kit, B, cases[i].head, 2), cases[i].code);
        kit_clear(&kit);
    }
}
END_TEST

/* --- certificates */

/* The side's certificate is refused by the other; both learn it. `wire`: the
 * refused side hears it sealed. */
static void expect_refused(unsigned bad, const char *part)
{
    kit_make(&kit);
    kit_pump(&kit);
    expect_failed(!bad, COVE_EHANDSHAKE, part);
    if (bad == A) {
        expect_failed(A, COVE_EPEER, "refused this device's certificate");
    }
    kit_clear(&kit);
}

/* A28 */
START_TEST(a_certificate_out_of_its_time_is_refused_by_name)
{
    for (unsigned bad = 0; bad < 2; bad++) {
        kit_init(&kit, 1);
        kit_certify(&kit, bad, -DAY_MS, -300001);
        expect_refused(bad, "expired");
        kit_certify(&kit, bad, 300001, DAY_MS);
        expect_refused(bad, "not yet valid");
        kit_certify(&kit, bad, 0, 30 * DAY_MS + 1);
        expect_refused(bad, "more than 30 days");
        kit_certify(&kit, bad, 1000, 0);
        expect_refused(bad, "not well-formed");
    }
}
END_TEST

START_TEST(clocks_may_differ_by_five_minutes)
{
    kit_certify(&kit, A, -DAY_MS, -300000);
    kit_certify(&kit, B, 300000, 30 * DAY_MS + 300000);
    kit_open(&kit);
}
END_TEST

/* A28 */
START_TEST(a_certificate_of_another_device_is_refused_by_name)
{
    for (unsigned bad = 0; bad < 2; bad++) {
        struct cove_identity *mine, *other;

        kit_init(&kit, 1);
        mine = &kit.side[bad].identity;
        other = &kit.side[!bad].identity;
        memcpy(mine->certificate, other->certificate, other->certificate_len);
        expect_refused(bad, "of another device");
    }
}
END_TEST

/* A28 */
START_TEST(a_self_made_certificate_is_refused_by_name)
{
    for (unsigned bad = 0; bad < 2; bad++) {
        struct kit_side *side;

        kit_init(&kit, 1);
        side = &kit.side[bad];
        /* It claims another's device key, and signs with its own. */
        side->device = (struct cove_key){{1, 2, 3}};
        kit_certify(&kit, bad, 0, DAY_MS);
        expect_refused(bad, "not signed by the device it names");
    }
}
END_TEST

/* A28 */
START_TEST(every_byte_of_a_certificate_counts)
{
    const struct cove_identity *id = &kit.side[A].identity;
    struct cove_certificate cert;
    struct cove_diag diag;

    ck_assert_int_eq(
        cove_certificate_check(cove_bytes(id->certificate, id->certificate_len),
                               id->static_public, kit.env.now_ms, &cert, NULL),
        0);
    ck_assert_mem_eq(cert.device.b, kit.side[A].device.b, 32);
    for (size_t at = 0; at < id->certificate_len; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            uint8_t *changed = malloc(id->certificate_len);

            memcpy(changed, id->certificate, id->certificate_len);
            changed[at] ^= (uint8_t)(1u << bit);
            cove_diag_clear(&diag);
            ck_assert_int_ne(
                cove_certificate_check(cove_bytes(changed, id->certificate_len),
                                       id->static_public, kit.env.now_ms, &cert,
                                       &diag),
                0);
            ck_assert_int_ne(diag.code, 0);
            free(changed);
        }
    }
    for (size_t len = 0; len < id->certificate_len; len++) {
        uint8_t *cut = malloc(len + 1);

        memcpy(cut, id->certificate, len);
        ck_assert_int_eq(cove_certificate_check(cove_bytes(cut, len),
                                                id->static_public,
                                                kit.env.now_ms, &cert, NULL),
                         COVE_EFORMAT);
        free(cut);
    }
}
END_TEST

START_TEST(the_codes_of_certificate_check_are_exact)
{
    struct cove_identity *id = &kit.side[A].identity;
    struct cove_certificate cert;
    const int64_t now = kit.env.now_ms;
    uint8_t other[32] = {0};

#define CHECK(key, at)                                                         \
    cove_certificate_check(cove_bytes(id->certificate, id->certificate_len),   \
                           key, at, &cert, NULL)
    ck_assert_int_eq(CHECK(other, now), COVE_EPEER);
    ck_assert_int_eq(CHECK(id->static_public, now - 300001), COVE_ECLOCK);
    ck_assert_int_eq(CHECK(id->static_public, now - 300000), 0);
    ck_assert_int_eq(CHECK(id->static_public, now + 30 * DAY_MS + 300000), 0);
    ck_assert_int_eq(CHECK(id->static_public, now + 30 * DAY_MS + 300001),
                     COVE_ECLOCK);
    kit_certify(&kit, A, 0, 30 * DAY_MS + 1);
    ck_assert_int_eq(CHECK(id->static_public, now), COVE_ELIMIT);
    kit_certify(&kit, A, -now - 1, 0);
    ck_assert_int_eq(CHECK(id->static_public, now), COVE_EFORMAT);
    id->certificate[1] = 1; /* the version */
    ck_assert_int_eq(CHECK(id->static_public, now), COVE_EUNSUPPORTED);
    id->certificate_len = 257;
    ck_assert_int_eq(CHECK(id->static_public, now), COVE_EFORMAT);
#undef CHECK
}
END_TEST

START_TEST(an_identity_lasts_as_asked_within_1_and_30_days)
{
    static const struct {
        unsigned days, lasts;
    } cases[] = {{0, 1}, {1, 1}, {7, 7}, {30, 30}, {365, 30}};
    struct kit_side *side = &kit.side[A];
    struct cove_certificate cert;

    for (size_t i = 0; i < COVE_ARRAY_LEN(cases); i++) {
        cove_identity_make(&side->secret, &side->device, &kit.env.env,
                           cases[i].days, &side->identity);
        ck_assert_int_eq(
            cove_certificate_check(cove_bytes(side->identity.certificate,
                                              side->identity.certificate_len),
                                   side->identity.static_public, kit.env.now_ms,
                                   &cert, NULL),
            0);
        ck_assert_int_eq(cert.not_before_ms, kit.env.now_ms);
        ck_assert_int_eq(cert.not_after_ms - cert.not_before_ms,
                         cases[i].lasts * DAY_MS);
    }
}
END_TEST

/* --- who is let in */

START_TEST(another_peer_than_the_expected_is_refused_and_both_are_named)
{
    struct cove_key expected = {{0xab, 0xcd}};
    char theirs[COVE_HEX_LEN(32)], wanted[COVE_HEX_LEN(32)];

    cove_hex(cove_bytes(expected.b, 32), wanted);
    for (unsigned i = 0; i < 2; i++) {
        cove_hex(cove_bytes(kit.side[!i].device.b, 32), theirs);
        kit.side[i].opt.expect = &expected;
        kit_make(&kit);
        kit_pump(&kit);
        expect_failed(i, COVE_EPEER, theirs);
        expect_failed(i, COVE_EPEER, wanted);
        kit.side[i].opt.expect = NULL;
        kit_clear(&kit);
    }
    kit.side[A].opt.expect = &kit.side[B].device;
    kit.side[B].opt.expect = &kit.side[A].device;
    kit_open(&kit);
}
END_TEST

START_TEST(an_unexpected_responder_does_not_learn_who_called)
{
    struct cove_key expected = {{0xab, 0xcd}};

    kit.side[A].opt.expect = &expected;
    kit_make(&kit);
    kit_pump(&kit);
    /* The preamble and one ephemeral key. */
    ck_assert_uint_eq(kit.side[A].written, COVE_PREAMBLE_LEN + 2 + 32);
    ck_assert_int_eq(cove_channel_end(kit.side[B].ch), COVE_ENET);
}
END_TEST

static int admit_nobody(void *ctx, const struct cove_key *peer,
                        const uint8_t *invite)
{
    ck_assert_ptr_null(invite);
    memcpy(ctx, peer->b, 32);
    return COVE_ENOTFOUND;
}

START_TEST(who_is_not_admitted_hears_which_command_helps)
{
    uint8_t asked[32];
    char hex[COVE_HEX_LEN(32)];

    kit.side[B].opt.admit = admit_nobody;
    kit.side[B].opt.admit_ctx = asked;
    kit_make(&kit);
    ck_assert_int_eq(kit_send(&kit, B, COVE_LANE_CONTROL, "secret", 6), 0);
    kit_pump(&kit);
    ck_assert_mem_eq(asked, kit.side[A].device.b, 32);
    cove_hex(cove_bytes(asked, 32), hex);
    expect_failed(B, COVE_EPEER, hex);
    expect_failed(A, COVE_EPEER, "cove peer add");
    expect_failed(A, COVE_EPEER, hex);
    kit_expect_none(&kit, A);
}
END_TEST

static int admit_invited(void *ctx, const struct cove_key *peer,
                         const uint8_t *invite)
{
    ck_assert_ptr_nonnull(invite);
    memcpy(ctx, invite, COVE_CHANNEL_INVITE);
    return peer->b[0] == invite[0] ? 0 : COVE_ENOTFOUND;
}

START_TEST(who_is_invited_says_the_secret_before_it_is_let_in)
{
    uint8_t secret[COVE_CHANNEL_INVITE] = {kit.side[A].device.b[0], 1, 2, 3};
    uint8_t heard[COVE_CHANNEL_INVITE] = {0};

    kit.side[A].opt.invite = secret;
    kit.side[B].opt.admit = admit_invited;
    kit.side[B].opt.admit_ctx = heard;
    kit_open(&kit);
    ck_assert_mem_eq(heard, secret, sizeof(secret));
    ck_assert_ptr_null(
        memmem(kit.side[A].wire, kit.side[A].written, secret, sizeof(secret)));
}
END_TEST

START_TEST(a_secret_that_is_not_taken_is_named_to_who_has_it)
{
    uint8_t secret[COVE_CHANNEL_INVITE] = {0};
    uint8_t heard[COVE_CHANNEL_INVITE];

    secret[0] = (uint8_t)(kit.side[A].device.b[0] + 1);
    kit.side[A].opt.invite = secret;
    kit.side[B].opt.admit = admit_invited;
    kit.side[B].opt.admit_ctx = heard;
    kit_make(&kit);
    kit_pump(&kit);
    expect_failed(B, COVE_EPEER, "not admitted");
    expect_failed(A, COVE_EPEER, "does not take this invite");
    expect_failed(A, COVE_EPEER, "cove peer add");
}
END_TEST

START_TEST(a_secret_is_said_to_nobody_but_who_is_meant)
{
    uint8_t secret[COVE_CHANNEL_INVITE] = {1, 2, 3};
    struct cove_key other = {{7}};

    kit.side[A].opt.invite = secret;
    kit.side[A].opt.expect = &other;
    kit_make(&kit);
    kit_pump(&kit);
    expect_failed(A, COVE_EPEER, "expected device");
    /* The preamble and one ephemeral key. */
    ck_assert_uint_eq(kit.side[A].written, COVE_PREAMBLE_LEN + 2 + 32);
}
END_TEST

START_TEST(anything_else_behind_a_certificate_is_refused)
{
    static const struct {
        uint8_t bytes[18];
        size_t len;
    } tails[] = {
        {{0x00}, 1},        /* another item */
        {{0x4f}, 16},       /* a shorter secret */
        {{0x51}, 18},       /* a longer one */
        {{0x50}, 16},       /* one that is cut */
        {{0x50}, 18},       /* one with something behind it */
        {{0x70}, 17},       /* a text */
        {{0x81, 0x4f}, 17}, /* a list */
        {{0xff}, 17},       /* nothing at all */
    };
    struct cove_identity *identity = &kit.side[A].identity;
    size_t len = identity->certificate_len;

    for (size_t i = 0; i < COVE_ARRAY_LEN(tails); i++) {
        memcpy(identity->certificate + len, tails[i].bytes, tails[i].len);
        identity->certificate_len = len + tails[i].len;
        kit_make(&kit);
        kit_pump(&kit);
        expect_failed(B, COVE_EHANDSHAKE, "not well-formed");
        expect_failed(A, COVE_EPEER, "certificate");
        kit_clear(&kit);
    }
}
END_TEST

START_TEST(a_responder_that_presents_a_secret_is_refused)
{
    struct cove_identity *identity = &kit.side[B].identity;

    memset(identity->certificate + identity->certificate_len, 0x50, 17);
    identity->certificate_len += 17;
    kit_make(&kit);
    kit_pump(&kit);
    expect_failed(A, COVE_EHANDSHAKE, "not well-formed");
}
END_TEST

/* A40 */
START_TEST(a_peer_with_our_own_key_is_refused)
{
    struct kit_side *b = &kit.side[B];

    b->secret = kit.side[A].secret;
    b->device = kit.side[A].device;
    cove_identity_make(&b->secret, &b->device, &kit.env.env, 30, &b->identity);
    kit_make(&kit);
    kit_pump(&kit);
    expect_failed(A, COVE_EPEER, "this device's own key");
}
END_TEST

/* A6 */
START_TEST(the_handshake_has_five_seconds)
{
    uint64_t next = 0;

    kit_make(&kit);
    kit.side[A].cut = 20; /* in the middle of the responder's answer */
    kit_pump(&kit);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_int_eq(
            cove_channel_tick(kit.side[i].ch, kit.now_ms + 4999, &next), 0);
        ck_assert_uint_eq(next, kit.now_ms + 5000);
        next = 0;
        ck_assert_int_eq(
            cove_channel_tick(kit.side[i].ch, kit.now_ms + 5000, &next),
            COVE_ETIMEOUT);
        ck_assert_uint_eq(next, 0);
        expect_failed(i, COVE_ETIMEOUT, "within 5 s");
        expect_silence(i, COVE_ETIMEOUT);
    }
}
END_TEST

START_TEST(a_goodbye_before_it_is_open_just_ends_it)
{
    kit_make(&kit);
    ck_assert_int_eq(cove_channel_bye(kit.side[B].ch), 0);
    expect_silence(B, COVE_ECLOSED);
    ck_assert_int_eq(cove_channel_bye(kit.side[B].ch), COVE_ECLOSED);
    ck_assert_int_eq(kit_send(&kit, B, COVE_LANE_CONTROL, "x", 1),
                     COVE_ECLOSED);
}
END_TEST

START_TEST(each_allocation_that_fails_leaves_no_leak)
{
    long n = 0;

    for (bool done = false; !done; n++) {
        bool made = true;

        kit_init(&kit, 1);
        kit_use_network_key(&kit);
        kit.step = 7; /* so that partial units are kept as well */
        kit.alloc.fail_at = n + 1;
        for (unsigned i = 0; i < 2; i++) {
            int err = cove_channel_new(&kit.side[i].opt, &kit.side[i].ch);

            ck_assert(err == 0 || err == COVE_ENOMEM);
            made = made && err == 0;
        }
        if (made) {
            kit_pump(&kit);
            done = kit_state(&kit, A) == COVE_CHANNEL_OPEN &&
                   kit_state(&kit, B) == COVE_CHANNEL_OPEN &&
                   kit.alloc.calls < kit.alloc.fail_at;
            for (unsigned i = 0; i < 2; i++) {
                ck_assert(kit.side[i].err == 0 ||
                          kit.side[i].err == COVE_ENOMEM ||
                          kit.side[i].err == COVE_ELIMIT);
            }
        }
        kit_clear(&kit);
    }
    ck_assert_int_gt(n, 3);
}
END_TEST

/* --- the worked example of docs/PROTOCOL.md */

/* Lines of 32 bytes, indented as a Markdown block. */
static void example_add(char *text, size_t cap, const char *title,
                        const uint8_t *at, size_t len)
{
    size_t used = strlen(text);

    used += (size_t)snprintf(text + used, cap - used, "    # %s\n", title);
    for (size_t i = 0; i < len; i += 32) {
        char hex[COVE_HEX_LEN(32)];

        cove_hex(cove_bytes(at + i, len - i < 32 ? len - i : 32), hex);
        used += (size_t)snprintf(text + used, cap - used, "    %s\n", hex);
    }
    ck_assert_uint_lt(used, cap);
}

static char *document_load(void)
{
    const char *path = COVE_SOURCE_ROOT "/docs/PROTOCOL.md";
    size_t cap = 1 << 20;
    char *text = calloc(1, cap);
    FILE *file = fopen(path, "rb");

    ck_assert_msg(file != NULL, "%s", path);
    ck_assert_uint_gt(fread(text, 1, cap - 1, file), 0);
    fclose(file);
    return text;
}

/* Static secrets 0xb1… and 0xb2…, certificates from a fixed time on. */
static void example_identities(void)
{
    for (unsigned i = 0; i < 2; i++) {
        struct cove_identity *id = &kit.side[i].identity;

        memset(id->static_secret, (int)(0xb1 + i), 32);
        cove_x25519_public(id->static_secret, id->static_public);
        kit_certify(&kit, i, 0, 30 * DAY_MS);
    }
}

static uint8_t example_ephemeral;

static void example_random(void *ctx, void *out, size_t len)
{
    (void)ctx;
    memset(out, example_ephemeral++, len);
}

START_TEST(the_worked_example_of_the_protocol_is_what_happens)
{
    char text[8192] = "";
    static const struct {
        const char *title;
        unsigned side;
        size_t begin, end;
    } parts[] = {
        {"initiator: preamble", A, 0, 16},
        {"responder: preamble", B, 0, 16},
        {"initiator: length, e, the empty payload sealed", A, 16, 66},
        {"responder: length, e, s, certificate", B, 16, 0},
        {"initiator: length, s, certificate", A, 66, 0},
        {"initiator: control message \"hello\"", A, 0, 0},
        {"initiator: goodbye", A, 0, 0},
    };

    kit_use_network_key(&kit);
    example_identities();
    /* The responder draws first, since the preamble reaches it first. */
    kit.env.env.random = example_random;
    example_ephemeral = 0xc1;
    kit_open(&kit);

    size_t opened[2] = {kit.side[A].written, kit.side[B].written};

    ck_assert_int_eq(kit_send(&kit, A, COVE_LANE_CONTROL, "hello", 5), 0);
    kit_pump(&kit);

    size_t hello = kit.side[A].written;

    ck_assert_int_eq(cove_channel_bye(kit.side[A].ch), 0);
    kit_pump(&kit);
    ck_assert_int_eq(kit_state(&kit, B), COVE_CHANNEL_GOODBYE);
    example_add(text, sizeof(text), "initiator: certificate",
                kit.side[A].identity.certificate,
                kit.side[A].identity.certificate_len);
    example_add(text, sizeof(text), "responder: certificate",
                kit.side[B].identity.certificate,
                kit.side[B].identity.certificate_len);
    for (size_t i = 0; i < COVE_ARRAY_LEN(parts); i++) {
        const struct kit_side *side = &kit.side[parts[i].side];
        size_t begin = i == 5 ? opened[A] : i == 6 ? hello : parts[i].begin;
        size_t end = i == 5              ? hello
                     : i == 6            ? side->written
                     : parts[i].end != 0 ? parts[i].end
                                         : opened[parts[i].side];

        example_add(text, sizeof(text), parts[i].title, side->wire + begin,
                    end - begin);
    }

    char *document = document_load();
    bool there = strstr(document, text) != NULL;

    free(document);
    ck_assert_msg(there, "docs/PROTOCOL.md should have:\n%s", text);
}
END_TEST

/* The same session, with an invite: only the last message is another. */
START_TEST(the_worked_example_of_an_invite_is_what_happens)
{
    uint8_t secret[COVE_CHANNEL_INVITE], heard[COVE_CHANNEL_INVITE];
    char text[1024] = "";

    memset(secret, 0xbc, sizeof(secret));
    kit_use_network_key(&kit);
    example_identities();
    kit.env.env.random = example_random;
    example_ephemeral = 0xc1;
    kit.side[A].opt.invite = secret;
    kit.side[B].opt.admit = admit_invited;
    kit.side[B].opt.admit_ctx = heard;
    ck_assert_uint_eq(kit.side[A].device.b[0], secret[0]);
    kit_open(&kit);
    ck_assert_mem_eq(heard, secret, sizeof(secret));
    example_add(text, sizeof(text), "initiator: length, s, certificate, secret",
                kit.side[A].wire + 66, kit.side[A].written - 66);

    char *document = document_load();
    bool there = strstr(document, text) != NULL;

    free(document);
    ck_assert_msg(there, "docs/PROTOCOL.md should have:\n%s", text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("channel");
    TCase *tc = tcase_create("channel");

    if (cove_crypto_init() != 0) {
        return EXIT_FAILURE;
    }
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
#define ADD(test) tcase_add_test(tc, test)
    ADD(two_channels_open_and_know_each_other);
    ADD(it_opens_in_pieces_of_any_size);
    ADD(what_is_sent_before_it_is_open_waits);
    ADD(every_bit_changed_in_the_handshake_fails_it_cleanly);
    ADD(an_end_at_any_point_of_the_handshake_is_connection_lost);
    ADD(a_replayed_handshake_is_refused);
    ADD(garbage_gets_silence_at_its_first_wrong_byte);
    ADD(who_does_what_no_device_does_is_at_fault);
    ADD(another_program_is_named_by_what_it_says);
    ADD(without_the_network_key_there_is_silence);
    ADD(who_copied_the_network_id_learns_nothing_but_it);
    ADD(without_a_common_version_both_learn_who_must_update);
    ADD(with_a_newer_peer_the_common_version_is_spoken);
    ADD(two_of_one_role_refuse_each_other);
    ADD(a_key_of_small_order_is_refused);
    ADD(a_length_of_the_handshake_is_judged_before_its_bytes);
    ADD(a_certificate_out_of_its_time_is_refused_by_name);
    ADD(clocks_may_differ_by_five_minutes);
    ADD(a_certificate_of_another_device_is_refused_by_name);
    ADD(a_self_made_certificate_is_refused_by_name);
    ADD(every_byte_of_a_certificate_counts);
    ADD(the_codes_of_certificate_check_are_exact);
    ADD(an_identity_lasts_as_asked_within_1_and_30_days);
    ADD(another_peer_than_the_expected_is_refused_and_both_are_named);
    ADD(an_unexpected_responder_does_not_learn_who_called);
    ADD(who_is_not_admitted_hears_which_command_helps);
    ADD(who_is_invited_says_the_secret_before_it_is_let_in);
    ADD(a_secret_that_is_not_taken_is_named_to_who_has_it);
    ADD(a_secret_is_said_to_nobody_but_who_is_meant);
    ADD(anything_else_behind_a_certificate_is_refused);
    ADD(a_responder_that_presents_a_secret_is_refused);
    ADD(a_peer_with_our_own_key_is_refused);
    ADD(the_handshake_has_five_seconds);
    ADD(a_goodbye_before_it_is_open_just_ends_it);
    ADD(each_allocation_that_fails_leaves_no_leak);
    ADD(the_worked_example_of_the_protocol_is_what_happens);
    ADD(the_worked_example_of_an_invite_is_what_happens);
#undef ADD
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
