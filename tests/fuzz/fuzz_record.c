/* An open channel whose peer has the keys and is hostile: it seals fragments
 * of any flags and length, sends bare bytes, says goodbye in the middle, while
 * time goes by and we write and read. What comes out is compared with a plain
 * model of the two lanes. */
#include "tests/fuzz/fuzz_channel.h"

#define RECORD_MODEL_MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

enum { OP_SEAL, OP_RAW, OP_TICK, OP_SEND, OP_WRITE, OP_BYE, OP_COUNT };

struct model { /* of what the receiver must have */
    struct lane {
        bool open;
        size_t len;
    } lane[2];
    size_t ready[4096]; /* lengths of whole messages */
    size_t count;
    bool ended;
};

static struct fuzz_side side[2];
static uint64_t now_ms;

/* What the fragment does to an honest receiver: 0 or an error. */
static int model_take(struct model *m, unsigned flags, size_t len, uint8_t byte)
{
    struct lane *lane = &m->lane[(flags & COVE_RECORD_CONTENT) != 0];
    bool first = (flags & COVE_RECORD_FIRST) != 0;

    if (flags == COVE_RECORD_GOODBYE) {
        m->ended = true;
        if (len != 1) {
            return COVE_EPROTOCOL;
        }
        return byte == 0 && !m->lane[0].open && !m->lane[1].open ? 0 : -1;
    }
    if ((flags & ~7u) != 0 || first == lane->open) {
        return COVE_EPROTOCOL;
    }
    lane->len = (first ? 0 : lane->len) + len;
    lane->open = (flags & COVE_RECORD_LAST) == 0;
    if (lane->len > RECORD_MODEL_MAX) {
        return COVE_ELIMIT;
    }
    if (!lane->open && m->count < COVE_ARRAY_LEN(m->ready)) {
        m->ready[m->count++] = lane->len;
    }
    return 0;
}

static void record_receive(struct model *m)
{
    struct cove_bytes got;
    size_t at = 0;

    while (cove_channel_receive(side[1].ch, &got) == 0) {
        assert(at < m->count && got.len == m->ready[at]);
        for (size_t i = 1; i < got.len; i += 4096) {
            assert(got.at[i] == got.at[0]);
        }
        at++;
    }
    assert(at == m->count);
    m->count = 0;
}

/* Seal a fragment of `len` equal bytes and give it to side 1. */
static int record_seal(struct model *m, unsigned flags, size_t len)
{
    static uint8_t plain[COVE_RECORD_MAX], sealed[2 + COVE_RECORD_MAX];
    size_t n = 1 + len + COVE_NOISE_TAG;
    int want = model_take(m, flags, len, 0x2a);

    plain[0] = (uint8_t)flags;
    memset(plain + 1, 0x2a, len);
    sealed[0] = (uint8_t)(n >> 8);
    sealed[1] = (uint8_t)n;
    cove_cipher_seal(&side[0].ch->outbox.key.cipher, cove_bytes(NULL, 0),
                     cove_bytes(plain, 1 + len), sealed + 2);

    int err = cove_channel_input(side[1].ch, now_ms, cove_bytes(sealed, 2 + n));

    fuzz_side_check(&side[1], err);
    assert((err == 0) == (want == 0));
    assert(want == 0 || want == -1 || err == want);
    return err;
}

static void record_open(void)
{
    size_t moved;

    now_ms = 0;
    for (unsigned i = 0; i < 2; i++) {
        fuzz_side_init(&side[i], i, false);
    }
    do {
        moved = 0;
        for (unsigned i = 0; i < 2; i++) {
            struct cove_bytes out = cove_channel_output(side[i].ch);
            int err = fuzz_side_input(&side[!i], out.at, out.len);

            assert(err == 0);
            cove_channel_written(side[i].ch, out.len);
            moved += out.len;
        }
    } while (moved > 0);
    assert(cove_channel_state(side[1].ch) == COVE_CHANNEL_OPEN);
}

/* One operation of three bytes; false where the channel is over. */
static bool record_step(struct model *m, const uint8_t op[3])
{
    size_t number = (size_t)(op[1] << 8 | op[2]);
    struct cove_bytes out;
    uint64_t next;
    int err = 0;

    switch (op[0] % OP_COUNT) {
    case OP_SEAL: /* at least one byte, at most what a record holds */
        err = record_seal(m, op[1], 1 + (size_t)op[2] * op[2]);
        break;
    case OP_RAW:
        (void)fuzz_side_input(&side[1], op + 1, 2);
        return false; /* the model knows no half records */
    case OP_TICK:
        now_ms += number;
        err = cove_channel_tick(side[1].ch, now_ms, &next);
        break;
    case OP_SEND:
        (void)!cove_channel_send(
            side[1].ch, op[1] % 2 == 0 ? COVE_LANE_CONTROL : COVE_LANE_CONTENT,
            cove_bytes(op, 1 + op[2] % 3));
        break;
    case OP_WRITE:
        out = cove_channel_output(side[1].ch);
        cove_channel_written(side[1].ch, out.len < number ? out.len : number);
        break;
    default:
        (void)!cove_channel_bye(side[1].ch);
        break;
    }
    return err == 0 && !m->ended;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    static struct model m;

    memset(&m, 0, sizeof(m));
    record_open();
    for (; len >= 3; at += 3, len -= 3) {
        bool on = record_step(&m, at);

        record_receive(&m);
        if (!on) {
            break;
        }
    }
    for (unsigned i = 0; i < 2; i++) {
        cove_channel_free(side[i].ch);
    }
    return 0;
}
