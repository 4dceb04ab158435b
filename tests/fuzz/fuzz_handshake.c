/* Both sides of the handshake. The first byte says how:
 *
 *   raw      the rest is what the other side sends, from its first byte on
 *   changed  an honest handshake in which bytes are changed: (offset, xor) …
 *   peer     a peer that has keys of its own and speaks Noise well, but whose
 *            certificate is the rest
 *
 * Nothing but the untouched handshake may open a channel. */
#include "tests/fuzz/fuzz_channel.h"

#define HANDSHAKE_WIRE 2048

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

enum { MODE_SIDE = 1, MODE_NETWORK = 2, MODE_CHANGED = 4, MODE_PEER = 8 };

static void handshake_raw(struct fuzz_side *side, const uint8_t *at, size_t len)
{
    /* In two pieces, cut where the input says. */
    size_t cut = len == 0 ? 0 : at[0] % len;
    int err = fuzz_side_input(side, at, cut);

    if (err == 0) {
        err = fuzz_side_input(side, at + cut, len - cut);
    }
    assert(cove_channel_state(side->ch) != COVE_CHANNEL_OPEN);
}

/* Carry what `from` has to write, with the changes meant for these offsets of
 * the whole stream between the two. */
static size_t handshake_carry(struct fuzz_side *from, struct fuzz_side *to,
                              const uint8_t *changes, size_t *offset)
{
    struct cove_bytes out = cove_channel_output(from->ch);
    uint8_t wire[HANDSHAKE_WIRE];

    assert(out.len <= sizeof(wire));
    for (size_t i = 0; i < out.len; i++) {
        wire[i] = out.at[i] ^ changes[(*offset)++ % HANDSHAKE_WIRE];
    }
    (void)fuzz_side_input(to, wire, out.len);
    cove_channel_written(from->ch, out.len);
    return out.len;
}

static void handshake_changed(struct fuzz_side side[2], const uint8_t *at,
                              size_t len)
{
    uint8_t changes[HANDSHAKE_WIRE] = {0};
    size_t offset = 0;
    size_t moved;
    bool changed = false;

    for (; len >= 3; at += 3, len -= 3) {
        changes[(at[0] << 8 | at[1]) % HANDSHAKE_WIRE] ^= at[2];
    }
    do {
        moved = 0;
        for (unsigned i = 0; i < 2; i++) {
            moved += handshake_carry(&side[i], &side[!i], changes, &offset);
        }
    } while (moved > 0);
    for (size_t i = 0; i < offset && i < HANDSHAKE_WIRE; i++) {
        changed = changed || changes[i] != 0;
    }
    /* The initiator opens when it has sent its last message; what is changed
     * in that one only the responder sees. */
    assert((cove_channel_state(side[1].ch) == COVE_CHANNEL_OPEN) == !changed);
}

/* The responder gets a certificate that the fuzzer made. */
static void handshake_peer(struct fuzz_side side[2], const uint8_t *at,
                           size_t len)
{
    struct cove_identity *mine = &side[0].identity;
    uint8_t none[HANDSHAKE_WIRE] = {0};
    size_t offset = 0;

    if (len > sizeof(mine->certificate)) {
        len = sizeof(mine->certificate);
    }
    memcpy(mine->certificate, at, len);
    mine->certificate_len = len;
    for (int i = 0; i < 4; i++) {
        (void)handshake_carry(&side[0], &side[1], none, &offset);
        (void)handshake_carry(&side[1], &side[0], none, &offset);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct fuzz_side side[2];

    if (len == 0) {
        return 0;
    }
    for (unsigned i = 0; i < 2; i++) {
        fuzz_side_init(&side[i], i, (at[0] & MODE_NETWORK) != 0);
    }
    if ((at[0] & MODE_CHANGED) != 0) {
        handshake_changed(side, at + 1, len - 1);
    } else if ((at[0] & MODE_PEER) != 0) {
        handshake_peer(side, at + 1, len - 1);
    } else {
        handshake_raw(&side[(at[0] & MODE_SIDE) != 0], at + 1, len - 1);
    }
    for (unsigned i = 0; i < 2; i++) {
        cove_channel_free(side[i].ch);
    }
    return 0;
}
