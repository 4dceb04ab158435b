/* What travels on an open channel: records, fragments, lanes, keys, goodbye. */
#include "tests/unit/channel_kit.h"

static struct kit kit;

static void setup(void)
{
    kit_init(&kit, 2);
}

static void teardown(void)
{
    kit_clear(&kit);
}

static void expect_failed(unsigned i, int code, const char *part)
{
    const struct cove_diag *diag = cove_channel_diag(kit.side[i].ch);

    ck_assert_int_eq(kit_state(&kit, i), COVE_CHANNEL_FAILED);
    ck_assert_msg(diag->code == code, "%d: %s", diag->code, diag->text);
    ck_assert_msg(strstr(diag->text, part) != NULL, "%s", diag->text);
}

/* A message of so many bytes, each byte other than its neighbours. */
static uint8_t *message_make(size_t len)
{
    uint8_t *at = malloc(len);

    for (size_t i = 0; i < len; i++) {
        at[i] = (uint8_t)(i * 7 + i / 251);
    }
    return at;
}

START_TEST(messages_of_any_length_arrive_whole_in_any_pieces)
{
    static const size_t lens[] = {1,     2,     16383, 16384,
                                  16385, 65518, 65536, COVE_MAX_MESSAGE};
    static const size_t steps[] = {1 << 10, 1447, KIT_WHOLE};

    kit_open(&kit);
    for (size_t s = 0; s < COVE_ARRAY_LEN(steps); s++) {
        kit.step = steps[s];
        for (size_t i = 0; i < COVE_ARRAY_LEN(lens); i++) {
            uint8_t *message = message_make(lens[i]);

            ck_assert_int_eq(
                kit_send(&kit, A, COVE_LANE_CONTENT, message, lens[i]), 0);
            kit_pump(&kit);
            kit_expect(&kit, B, message, lens[i]);
            kit_expect_none(&kit, B);
            free(message);
        }
    }
}
END_TEST

START_TEST(a_message_in_one_byte_pieces_arrives)
{
    uint8_t *message = message_make(20000);

    kit.step = 1;
    kit_open(&kit);
    ck_assert_int_eq(kit_send(&kit, B, COVE_LANE_CONTROL, message, 20000), 0);
    kit_pump(&kit);
    kit_expect(&kit, A, message, 20000);
    free(message);
}
END_TEST

/* A7 */
START_TEST(a_mebibyte_is_a_message_and_one_byte_more_is_none)
{
    uint8_t *message = message_make(COVE_MAX_MESSAGE + 1);

    kit_open(&kit);
    ck_assert_int_eq(
        kit_send(&kit, A, COVE_LANE_CONTENT, message, COVE_MAX_MESSAGE + 1),
        COVE_ELIMIT);
    ck_assert_uint_eq(cove_channel_queued(kit.side[A].ch), 0);
    /* A peer that sends it all the same. */
    for (size_t at = 0; at < COVE_MAX_MESSAGE; at += 32768) {
        ck_assert_int_eq(
            kit_forge(&kit, A,
                      COVE_RECORD_CONTENT | (at == 0 ? COVE_RECORD_FIRST : 0u),
                      message + at, 32768),
            0);
    }
    ck_assert_int_eq(
        kit_forge(&kit, A, COVE_RECORD_CONTENT | COVE_RECORD_LAST, message, 1),
        COVE_ELIMIT);
    kit_expect_none(&kit, B);
    free(message);
}
END_TEST

START_TEST(control_overtakes_content)
{
    uint8_t *message = message_make(COVE_MAX_MESSAGE);

    kit_open(&kit);
    ck_assert_int_eq(
        kit_send(&kit, A, COVE_LANE_CONTENT, message, COVE_MAX_MESSAGE), 0);
    kit_carry(&kit, A);
    ck_assert_int_eq(kit_send(&kit, A, COVE_LANE_CONTROL, "now", 3), 0);
    kit_carry(&kit, A);
    kit_expect(&kit, B, "now", 3);
    kit_expect_none(&kit, B);
    kit_pump(&kit);
    kit_expect(&kit, B, message, COVE_MAX_MESSAGE);
    free(message);
}
END_TEST

START_TEST(both_lanes_keep_their_order)
{
    kit_open(&kit);
    for (uint8_t i = 0; i < 100; i++) {
        ck_assert_int_eq(
            kit_send(&kit, A,
                     i % 2 == 0 ? COVE_LANE_CONTENT : COVE_LANE_CONTROL, &i, 1),
            0);
    }
    kit_pump(&kit);
    for (uint8_t i = 1; i < 100; i = (uint8_t)(i + 2)) {
        kit_expect(&kit, B, &i, 1);
    }
    for (uint8_t i = 0; i < 100; i = (uint8_t)(i + 2)) {
        kit_expect(&kit, B, &i, 1);
    }
    kit_expect_none(&kit, B);
}
END_TEST

/* A7 */
START_TEST(a_length_too_short_is_refused_before_its_bytes)
{
    for (unsigned len = 0; len < COVE_RECORD_MIN; len++) {
        const uint8_t head[2] = {0, (uint8_t)len};

        kit_open(&kit);
        ck_assert_int_eq(kit_input(&kit, B, head, 2), COVE_EPROTOCOL);
        expect_failed(B, COVE_EPROTOCOL, "at least 18");
        kit_clear(&kit);
    }
}
END_TEST

START_TEST(the_longest_record_is_taken)
{
    uint8_t *message = message_make(65518);

    kit_open(&kit);
    ck_assert_int_eq(kit_forge(&kit, A, COVE_RECORD_FIRST | COVE_RECORD_LAST,
                               message, 65518),
                     0);
    kit_expect(&kit, B, message, 65518);
    free(message);
}
END_TEST

START_TEST(every_bit_changed_in_a_record_is_refused)
{
    for (size_t at = 0; at < 2 + 1 + 5 + 16; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            uint64_t next;

            kit_open(&kit);
            kit.side[B].flip_at = kit.side[A].written + at;
            kit.side[B].flip_bit = bit;
            ck_assert_int_eq(kit_send(&kit, A, COVE_LANE_CONTENT, "hello", 5),
                             0);
            kit_pump(&kit);
            kit_expect_none(&kit, B);
            kit.now_ms += 30000;
            /* A longer length waits in vain, and not for ever. */
            ck_assert_int_ne(
                cove_channel_tick(kit.side[B].ch, kit.now_ms, &next), 0);
            ck_assert_int_eq(kit_state(&kit, B), COVE_CHANNEL_FAILED);
            kit.side[B].flip_at = KIT_UNTOUCHED;
            kit_clear(&kit);
        }
    }
}
END_TEST

/* A1 */
START_TEST(a_record_repeated_left_out_or_swapped_is_refused)
{
    uint8_t records[3][24];

    for (int how = 0; how < 3; how++) {
        kit_open(&kit);
        kit.side[B].cut = kit.side[A].written;
        for (unsigned i = 0; i < 3; i++) {
            size_t at = kit.side[A].written;

            ck_assert_int_eq(kit_send(&kit, A, COVE_LANE_CONTENT, "hello", 5),
                             0);
            kit_carry(&kit, A);
            memcpy(records[i], kit.side[A].wire + at, 24);
        }
        if (how < 2) {
            ck_assert_int_eq(kit_input(&kit, B, records[0], 24), 0);
            kit_expect(&kit, B, "hello", 5);
        }
        ck_assert_int_eq(kit_input(&kit, B, records[how == 0 ? 0 : 2], 24),
                         COVE_EPROTOCOL);
        expect_failed(B, COVE_EPROTOCOL, "does not authenticate");
        kit_expect_none(&kit, B);
        kit.side[B].cut = KIT_WHOLE;
        kit_clear(&kit);
    }
}
END_TEST

START_TEST(fragments_out_of_order_are_refused)
{
    const unsigned first = COVE_RECORD_FIRST, last = COVE_RECORD_LAST;
    const unsigned content = COVE_RECORD_CONTENT;
    const struct {
        unsigned flags[2];
        const char *part;
    } cases[] = {
        {{first, first}, "begins inside another"},
        {{first, first | last}, "begins inside another"},
        {{first | content, first | content}, "begins inside another"},
        {{first | last, last}, "has no beginning"},
        {{first, last | content}, "has no beginning"},
        {{first, 0 | content}, "has no beginning"},
        {{first | last, 0x08}, "unknown flags 0x08"},
        {{first | last, 0x40}, "unknown flags 0x40"},
        {{first | last, COVE_RECORD_GOODBYE | first}, "unknown flags 0x81"},
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(cases); i++) {
        kit_open(&kit);
        ck_assert_int_eq(kit_forge(&kit, A, cases[i].flags[0], "x", 1), 0);
        ck_assert_int_eq(kit_forge(&kit, A, cases[i].flags[1], "x", 1),
                         COVE_EPROTOCOL);
        expect_failed(B, COVE_EPROTOCOL, cases[i].part);
        /* And the peer is told why it is given up. */
        kit_carry(&kit, B);
        expect_failed(A, COVE_EPROTOCOL, "broke the protocol");
        kit_clear(&kit);
    }
}
END_TEST

START_TEST(the_two_lanes_may_be_open_at_once)
{
    const unsigned first = COVE_RECORD_FIRST, last = COVE_RECORD_LAST;
    const unsigned content = COVE_RECORD_CONTENT;

    kit_open(&kit);
    ck_assert_int_eq(kit_forge(&kit, A, first | content, "a", 1), 0);
    ck_assert_int_eq(kit_forge(&kit, A, first, "1", 1), 0);
    ck_assert_int_eq(kit_forge(&kit, A, content, "b", 1), 0);
    ck_assert_int_eq(kit_forge(&kit, A, last, "2", 1), 0);
    ck_assert_int_eq(kit_forge(&kit, A, last | content, "c", 1), 0);
    kit_expect(&kit, B, "12", 2);
    kit_expect(&kit, B, "abc", 3);
}
END_TEST

/* --- rekeying */

START_TEST(keys_change_at_the_same_record_on_both_sides)
{
    static const struct {
        uint64_t records, bytes;
    } limits[] = {{1, 0}, {2, 0}, {3, 0}, {0, 1}, {0, 60}, {5, 100}};
    uint8_t *message = message_make(100000);

    for (size_t i = 0; i < COVE_ARRAY_LEN(limits); i++) {
        struct cove_channel_stats a, b;

        for (unsigned k = 0; k < 2; k++) {
            kit.side[k].opt.rekey_records = limits[i].records;
            kit.side[k].opt.rekey_bytes = limits[i].bytes;
        }
        kit.step = 1000;
        kit_open(&kit);
        for (uint8_t n = 1; n < 30; n++) {
            unsigned from = n % 3 == 0 ? B : A;

            ck_assert_int_eq(
                kit_send(&kit, from, COVE_LANE_CONTENT, message, n * 1000u), 0);
            ck_assert_int_eq(kit_send(&kit, from, COVE_LANE_CONTROL, &n, 1), 0);
            kit_pump(&kit);
            kit_expect(&kit, !from, &n, 1);
            kit_expect(&kit, !from, message, n * 1000u);
        }
        cove_channel_stats(kit.side[A].ch, &a);
        cove_channel_stats(kit.side[B].ch, &b);
        ck_assert_uint_gt(a.rekeys, 10);
        ck_assert_uint_eq(a.rekeys, b.rekeys);
        ck_assert_uint_eq(a.bytes_in, b.bytes_out);
        ck_assert_uint_eq(a.messages_out, b.messages_in);
        kit_clear(&kit);
    }
    free(message);
}
END_TEST

START_TEST(after_65536_records_the_key_is_changed)
{
    struct cove_channel_stats stats;

    kit_open(&kit);
    for (unsigned n = 1; n <= 65537; n++) {
        ck_assert_int_eq(kit_send(&kit, A, COVE_LANE_CONTROL, "x", 1), 0);
        kit_carry(&kit, A);
        kit_expect(&kit, B, "x", 1);
        cove_channel_stats(kit.side[B].ch, &stats);
        ck_assert_uint_eq(stats.rekeys, n >= 65536);
    }
}
END_TEST

START_TEST(a_peer_that_does_not_change_keys_is_refused)
{
    kit.side[A].opt.rekey_records = 2;
    kit.side[B].opt.rekey_records = 3;
    kit_open(&kit);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(kit_send(&kit, A, COVE_LANE_CONTROL, "x", 1), 0);
    }
    kit_pump(&kit);
    kit_expect(&kit, B, "x", 1);
    kit_expect(&kit, B, "x", 1);
    kit_expect_none(&kit, B);
    expect_failed(B, COVE_EPROTOCOL, "does not authenticate");
}
END_TEST

/* --- the end */

START_TEST(a_goodbye_comes_behind_all_messages)
{
    uint8_t *message = message_make(300000);

    kit_open(&kit);
    ck_assert_int_eq(kit_send(&kit, A, COVE_LANE_CONTENT, message, 300000), 0);
    ck_assert_int_eq(cove_channel_bye(kit.side[A].ch), 0);
    ck_assert_int_eq(cove_channel_bye(kit.side[A].ch), COVE_ECLOSED);
    ck_assert_int_eq(kit_send(&kit, A, COVE_LANE_CONTROL, "x", 1),
                     COVE_ECLOSED);
    kit_pump(&kit);
    ck_assert_uint_eq(cove_channel_queued(kit.side[A].ch), 0);
    ck_assert_int_eq(kit_state(&kit, B), COVE_CHANNEL_GOODBYE);
    kit_expect(&kit, B, message, 300000);
    ck_assert_int_eq(kit_send(&kit, B, COVE_LANE_CONTROL, "x", 1),
                     COVE_ECLOSED);
    ck_assert_int_eq(cove_channel_end(kit.side[B].ch), COVE_ECLOSED);
    /* What follows is not looked at. */
    ck_assert_int_eq(kit_input(&kit, B, "garbage", 7), 0);
    ck_assert_int_eq(cove_channel_end(kit.side[B].ch), COVE_ECLOSED);
    free(message);
}
END_TEST

START_TEST(an_end_without_goodbye_is_connection_lost)
{
    kit_open(&kit);
    ck_assert_int_eq(kit_send(&kit, A, COVE_LANE_CONTROL, "x", 1), 0);
    kit_pump(&kit);
    ck_assert_int_eq(cove_channel_end(kit.side[B].ch), COVE_ENET);
    expect_failed(B, COVE_ENET, "connection lost");
    ck_assert_uint_eq(cove_channel_output(kit.side[B].ch).len, 0);
    /* What did arrive can still be taken. */
    kit_expect(&kit, B, "x", 1);
}
END_TEST

/* A3 */
START_TEST(an_end_at_any_byte_of_message_or_goodbye_is_connection_lost)
{
    size_t begin, end;

    kit_open(&kit);
    begin = kit.side[A].written;
    kit_clear(&kit);
    end = begin + 24 + 20; /* the record of "hello", the goodbye */
    for (size_t at = begin; at <= end; at++) {
        kit.side[B].cut = at;
        kit_open(&kit);
        ck_assert_int_eq(kit_send(&kit, A, COVE_LANE_CONTENT, "hello", 5), 0);
        ck_assert_int_eq(cove_channel_bye(kit.side[A].ch), 0);
        kit_pump(&kit);
        ck_assert_uint_eq(kit.side[A].written, end);
        ck_assert_int_eq(cove_channel_end(kit.side[B].ch),
                         at == end ? COVE_ECLOSED : COVE_ENET);
        kit_clear(&kit);
    }
    kit.side[B].cut = KIT_WHOLE;
}
END_TEST

START_TEST(a_goodbye_inside_a_message_is_refused)
{
    const uint8_t done = COVE_BYE_DONE;

    kit_open(&kit);
    ck_assert_int_eq(kit_forge(&kit, A, COVE_RECORD_FIRST, "x", 1), 0);
    ck_assert_int_eq(kit_forge(&kit, A, COVE_RECORD_GOODBYE, &done, 1),
                     COVE_EPROTOCOL);
    expect_failed(B, COVE_EPROTOCOL, "inside a message");
    kit_clear(&kit);

    kit_open(&kit);
    ck_assert_int_eq(kit_forge(&kit, A, COVE_RECORD_GOODBYE, "\0\0", 2),
                     COVE_EPROTOCOL);
    expect_failed(B, COVE_EPROTOCOL, "a goodbye of 2 bytes");
}
END_TEST

START_TEST(the_reason_of_a_goodbye_arrives_as_code_and_sentence)
{
    static const struct {
        uint8_t reason;
        int code;
        const char *part;
    } cases[] = {
        {COVE_BYE_UNKNOWN, COVE_EPEER, "cove peer add"},
        {COVE_BYE_DUPLICATE, COVE_EPEER, "already"},
        {COVE_BYE_CERTIFICATE, COVE_EPEER, "certificate"},
        {COVE_BYE_PROTOCOL, COVE_EPROTOCOL, "broke the protocol"},
        {COVE_BYE_LIMIT, COVE_ELIMIT, "limit"},
        {COVE_BYE_TIMEOUT, COVE_ETIMEOUT, "too slow"},
        {99, COVE_EPROTOCOL, "reason 99"},
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(cases); i++) {
        kit_open(&kit);
        /* Even in the middle of a message: the peer gave up. */
        ck_assert_int_eq(kit_forge(&kit, A, COVE_RECORD_FIRST, "x", 1), 0);
        ck_assert_int_eq(
            kit_forge(&kit, A, COVE_RECORD_GOODBYE, &cases[i].reason, 1),
            cases[i].code);
        expect_failed(B, cases[i].code, cases[i].part);
        ck_assert_uint_eq(cove_channel_output(kit.side[B].ch).len, 0);
        kit_clear(&kit);
    }
}
END_TEST

START_TEST(refusing_drops_what_waits_and_says_why)
{
    uint8_t *message = message_make(COVE_MAX_MESSAGE);

    kit_open(&kit);
    ck_assert_int_eq(
        kit_send(&kit, A, COVE_LANE_CONTENT, message, COVE_MAX_MESSAGE), 0);
    kit_carry(&kit, A);
    ck_assert_int_eq(kit_send(&kit, A, COVE_LANE_CONTROL, "x", 1), 0);
    cove_channel_refuse(kit.side[A].ch, COVE_BYE_DUPLICATE, COVE_EPEER,
                        "the device is connected already");
    expect_failed(A, COVE_EPEER, "connected already");
    ck_assert_uint_eq(cove_channel_queued(kit.side[A].ch), 2 + 18);
    kit_pump(&kit);
    expect_failed(B, COVE_EPEER, "connected to a device with this key");
    kit_expect_none(&kit, B);
    free(message);
}
END_TEST

/* --- time */

/* A9 */
START_TEST(a_message_has_thirty_seconds_to_be_whole)
{
    for (unsigned lane = 0; lane < 2; lane++) {
        unsigned flags = lane == 1 ? COVE_RECORD_CONTENT : 0;
        uint64_t next = 0;

        kit_open(&kit);
        ck_assert_int_eq(kit_forge(&kit, A, flags | COVE_RECORD_FIRST, "x", 1),
                         0);
        kit.now_ms += 29999;
        /* Going on with it gives no more time. */
        ck_assert_int_eq(kit_forge(&kit, A, flags, "x", 1), 0);
        (void)!cove_channel_tick(kit.side[B].ch, kit.now_ms, &next);
        ck_assert_int_eq(cove_channel_tick(kit.side[B].ch, kit.now_ms, &next),
                         0);
        ck_assert_uint_eq(next, kit.now_ms + 1);
        kit.now_ms += 1;
        ck_assert_int_eq(cove_channel_tick(kit.side[B].ch, kit.now_ms, &next),
                         COVE_ETIMEOUT);
        expect_failed(B, COVE_ETIMEOUT, "whole within 30 s");
        kit_carry(&kit, B);
        expect_failed(A, COVE_ETIMEOUT, "too slow");
        kit_clear(&kit);
    }
}
END_TEST

/* A6 */
START_TEST(a_record_that_trickles_in_has_thirty_seconds)
{
    uint8_t head[2] = {0x40, 0};
    uint64_t next;

    kit_open(&kit);
    ck_assert_int_eq(kit_input(&kit, B, head, 2), 0);
    for (int s = 0; s < 29; s++) {
        kit.now_ms += 1000;
        ck_assert_int_eq(kit_input(&kit, B, "x", 1), 0);
        ck_assert_int_eq(cove_channel_tick(kit.side[B].ch, kit.now_ms, &next),
                         0);
    }
    kit.now_ms += 1000;
    ck_assert_int_eq(cove_channel_tick(kit.side[B].ch, kit.now_ms, &next),
                     COVE_ETIMEOUT);
}
END_TEST

/* A6 */
START_TEST(a_peer_that_reads_too_slowly_is_dropped)
{
    uint8_t *message = message_make(COVE_MAX_MESSAGE);
    uint64_t next;

    kit_open(&kit);
    ck_assert_int_eq(
        kit_send(&kit, A, COVE_LANE_CONTENT, message, COVE_MAX_MESSAGE), 0);
    kit_carry(&kit, A); /* one chunk goes out in time */
    ck_assert_int_eq(cove_channel_tick(kit.side[A].ch, kit.now_ms, &next), 0);
    kit.now_ms += 29999;
    kit.step = 1;
    for (int s = 0; s < 30; s++) {
        kit_carry(&kit, A); /* one byte a second is not enough */
        ck_assert_int_eq(cove_channel_tick(kit.side[A].ch, kit.now_ms, &next),
                         0);
        kit.now_ms += 1000;
    }
    ck_assert_int_eq(cove_channel_tick(kit.side[A].ch, kit.now_ms, &next),
                     COVE_ETIMEOUT);
    expect_failed(A, COVE_ETIMEOUT, "took nothing");
    free(message);
}
END_TEST

START_TEST(an_idle_channel_never_times_out)
{
    uint64_t next = 0;

    kit_open(&kit);
    (void)!cove_channel_tick(kit.side[A].ch, kit.now_ms, &next);
    ck_assert_uint_eq(next, kit.now_ms + 1000); /* to give memory back */
    kit.now_ms += 1000;
    ck_assert_int_eq(cove_channel_tick(kit.side[A].ch, kit.now_ms, &next), 0);
    ck_assert_uint_eq(next, UINT64_MAX);
    kit.now_ms += 100 * UINT64_C(86400000);
    ck_assert_int_eq(cove_channel_tick(kit.side[A].ch, kit.now_ms, &next), 0);
    /* A send long after begins its time anew. */
    ck_assert_int_eq(kit_send(&kit, A, COVE_LANE_CONTROL, "x", 1), 0);
    ck_assert_int_eq(cove_channel_tick(kit.side[A].ch, kit.now_ms, &next), 0);
}
END_TEST

/* --- memory */

/* Counts bytes; each block has its length in front. */
struct counted {
    struct cove_alloc alloc;
    size_t now, peak;
};

static void *counted_resize(void *ctx, void *old, size_t len)
{
    struct counted *c = ctx;
    size_t *block = old == NULL ? NULL : (size_t *)old - 2;
    size_t before = block == NULL ? 0 : block[0];

    c->now += len - before;
    c->peak = c->now > c->peak ? c->now : c->peak;
    if (len == 0) {
        free(block);
        return NULL;
    }
    block = realloc(block, len + 2 * sizeof(size_t));
    block[0] = len;
    return block + 2;
}

static void counted_use(struct counted *c, unsigned i)
{
    c->alloc.resize = counted_resize;
    c->alloc.ctx = c;
    c->now = 0;
    c->peak = 0;
    kit.side[i].opt.alloc = &c->alloc;
}

START_TEST(a_hostile_peer_cannot_make_us_hold_more_than_8_mib)
{
    static struct counted counted;
    uint8_t *message = message_make(COVE_MAX_MESSAGE);

    counted_use(&counted, B);
    kit_open(&kit);
    /* Both lanes as full as they may be without an end … */
    for (unsigned lane = 0; lane < 2; lane++) {
        for (size_t at = 0; at < COVE_MAX_MESSAGE; at += 65504) {
            size_t left = COVE_MAX_MESSAGE - at;

            ck_assert_int_eq(kit_forge(&kit, A,
                                       (lane == 1 ? COVE_RECORD_CONTENT : 0u) |
                                           (at == 0 ? COVE_RECORD_FIRST : 0u),
                                       message + at,
                                       left < 65504 ? left : 65504),
                             0);
        }
    }
    /* … then one ends and whole ones follow, none of them taken. */
    ck_assert_int_eq(kit_forge(&kit, A, COVE_RECORD_LAST, message, 1),
                     COVE_ELIMIT);
    kit_clear(&kit);

    kit_open(&kit);
    int err = 0;

    for (int n = 0; err == 0 && n < 1000; n++) {
        err = kit_forge(&kit, A, COVE_RECORD_FIRST | COVE_RECORD_LAST, message,
                        65518);
    }
    ck_assert_int_eq(err, COVE_ELIMIT);
    ck_assert_uint_lt(counted.peak, 8u << 20);
    kit_clear(&kit);
    ck_assert_uint_eq(counted.now, 0);
    free(message);
}
END_TEST

START_TEST(an_idle_channel_gives_its_memory_back)
{
    static struct counted counted[2];
    uint8_t *message = message_make(COVE_MAX_MESSAGE);
    uint64_t next;

    counted_use(&counted[A], A);
    counted_use(&counted[B], B);
    kit_open(&kit);
    ck_assert_int_eq(
        kit_send(&kit, A, COVE_LANE_CONTENT, message, COVE_MAX_MESSAGE), 0);
    kit_pump(&kit);
    kit_expect(&kit, B, message, COVE_MAX_MESSAGE);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_int_eq(cove_channel_tick(kit.side[i].ch, kit.now_ms, &next),
                         0);
        ck_assert_int_eq(
            cove_channel_tick(kit.side[i].ch, kit.now_ms + 1000, &next), 0);
        ck_assert_uint_lt(counted[i].now, 8192);
    }
    /* And it still works. */
    ck_assert_int_eq(kit_send(&kit, B, COVE_LANE_CONTENT, "x", 1), 0);
    kit_pump(&kit);
    kit_expect(&kit, A, "x", 1);
    free(message);
}
END_TEST

START_TEST(the_send_queue_is_bounded_in_bytes_and_in_number)
{
    static struct counted counted;
    uint8_t *message = message_make(COVE_MAX_MESSAGE);
    int err = 0;
    size_t n;

    counted_use(&counted, A);
    kit_open(&kit);
    for (n = 0; err == 0; n++) {
        err = kit_send(&kit, A, COVE_LANE_CONTENT, message, COVE_MAX_MESSAGE);
    }
    ck_assert_int_eq(err, COVE_ELIMIT);
    ck_assert_uint_eq(n - 1, 15); /* and the cost of each */
    ck_assert_uint_le(cove_channel_queued(kit.side[A].ch),
                      COVE_CHANNEL_QUEUE_MAX);
    /* The channel is well; it is the caller who decides. */
    ck_assert_int_eq(kit_state(&kit, A), COVE_CHANNEL_OPEN);
    kit_clear(&kit);

    kit_open(&kit);
    err = 0;
    for (n = 0; err == 0; n++) {
        err = kit_send(&kit, A, COVE_LANE_CONTROL, "x", 1);
    }
    ck_assert_int_eq(err, COVE_ELIMIT);
    ck_assert_uint_le(counted.peak, COVE_CHANNEL_QUEUE_MAX);
    kit_clear(&kit);
    free(message);
}
END_TEST

/* Send, receive, say goodbye; true where nothing was in the way. */
static bool dialogue(const uint8_t *message, size_t len)
{
    struct cove_bytes got;

    for (unsigned i = 0; i < 2; i++) {
        int err = kit_send(&kit, i, COVE_LANE_CONTENT, message, len);

        ck_assert(err == 0 || err == COVE_ENOMEM);
        if (err != 0) {
            return false;
        }
    }
    kit.step = 10000;
    kit_pump(&kit);
    for (unsigned i = 0; i < 2; i++) {
        if (kit_state(&kit, i) == COVE_CHANNEL_FAILED) {
            int code = cove_channel_diag(kit.side[i].ch)->code;

            /* Its own memory, or that the other said so. */
            ck_assert(code == COVE_ENOMEM || code == COVE_ELIMIT);
            return false;
        }
        if (cove_channel_receive(kit.side[i].ch, &got) != 0) {
            return false; /* what could not be sealed waits */
        }
        ck_assert_uint_eq(got.len, len);
        ck_assert_mem_eq(got.at, message, len);
    }
    ck_assert_int_eq(cove_channel_bye(kit.side[A].ch), 0);
    kit_pump(&kit);
    return kit_state(&kit, B) == COVE_CHANNEL_GOODBYE;
}

START_TEST(each_allocation_that_fails_harms_one_channel_and_leaks_nothing)
{
    uint8_t *message = message_make(100000);
    bool done = false;

    for (long n = 1; !done; n++) {
        kit_init(&kit, 2);
        kit_open(&kit);
        kit.alloc.fail_at = kit.alloc.calls + n;
        done = dialogue(message, 100000) && kit.alloc.calls < kit.alloc.fail_at;
        kit_clear(&kit);
        ck_assert_int_lt(n, 1000);
    }
    free(message);
}
END_TEST

START_TEST(what_could_not_be_sealed_for_memory_goes_out_later)
{
    uint8_t *message = message_make(100000);

    kit_open(&kit);
    ck_assert_int_eq(kit_send(&kit, A, COVE_LANE_CONTENT, message, 100000), 0);
    kit.alloc.fail_at = kit.alloc.calls + 1;
    ck_assert_uint_eq(cove_channel_output(kit.side[A].ch).len, 0);
    ck_assert_uint_ge(cove_channel_queued(kit.side[A].ch), 100000);
    kit.alloc.fail_at = 0;
    kit_pump(&kit);
    kit_expect(&kit, B, message, 100000);
    free(message);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("record");
    TCase *tc = tcase_create("record");

    if (cove_crypto_init() != 0) {
        return EXIT_FAILURE;
    }
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
#define ADD(test) tcase_add_test(tc, test)
    ADD(messages_of_any_length_arrive_whole_in_any_pieces);
    ADD(a_message_in_one_byte_pieces_arrives);
    ADD(a_mebibyte_is_a_message_and_one_byte_more_is_none);
    ADD(control_overtakes_content);
    ADD(both_lanes_keep_their_order);
    ADD(a_length_too_short_is_refused_before_its_bytes);
    ADD(the_longest_record_is_taken);
    ADD(every_bit_changed_in_a_record_is_refused);
    ADD(a_record_repeated_left_out_or_swapped_is_refused);
    ADD(fragments_out_of_order_are_refused);
    ADD(the_two_lanes_may_be_open_at_once);
    ADD(keys_change_at_the_same_record_on_both_sides);
    ADD(after_65536_records_the_key_is_changed);
    ADD(a_peer_that_does_not_change_keys_is_refused);
    ADD(a_goodbye_comes_behind_all_messages);
    ADD(an_end_without_goodbye_is_connection_lost);
    ADD(an_end_at_any_byte_of_message_or_goodbye_is_connection_lost);
    ADD(a_goodbye_inside_a_message_is_refused);
    ADD(the_reason_of_a_goodbye_arrives_as_code_and_sentence);
    ADD(refusing_drops_what_waits_and_says_why);
    ADD(a_message_has_thirty_seconds_to_be_whole);
    ADD(a_record_that_trickles_in_has_thirty_seconds);
    ADD(a_peer_that_reads_too_slowly_is_dropped);
    ADD(an_idle_channel_never_times_out);
    ADD(a_hostile_peer_cannot_make_us_hold_more_than_8_mib);
    ADD(an_idle_channel_gives_its_memory_back);
    ADD(the_send_queue_is_bounded_in_bytes_and_in_number);
    ADD(each_allocation_that_fails_harms_one_channel_and_leaks_nothing);
    ADD(what_could_not_be_sealed_for_memory_goes_out_later);
#undef ADD
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
