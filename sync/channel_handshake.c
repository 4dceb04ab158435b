/* The handshake of a channel. The initiator speaks first; the responder says
 * nothing at all until it has seen a whole preamble of its own network, and
 * nothing about itself until the handshake has proven the network key.
 *
 *   initiator                        responder
 *   preamble            →
 *                       ←            preamble
 *   [psk] e             →
 *                       ←            e, ee, s, es, certificate
 *   s, se, certificate  →    [and the secret of an invite]
 *
 * Who is refused for what is known only after the last message gets to hear
 * why, sealed; everybody else gets silence. docs/PROTOCOL.md "Handshake".
 */
#include "sync/channel_internal.h"

#include <assert.h>

#include "core/cbor.h"

#define CHANNEL_HANDSHAKE_MAX                                                  \
    1024 /* bytes one side sends before it is open                             \
          */

/* The longest message of a handshake: two keys, their tags, a certificate. */
#define CHANNEL_NOISE_MAX                                                      \
    (2 * COVE_NOISE_KEY + 2 * COVE_NOISE_TAG + COVE_CERTIFICATE_MAX)
_Static_assert(COVE_PREAMBLE_LEN + 2 * (COVE_RECORD_HEAD + CHANNEL_NOISE_MAX) <
                   CHANNEL_HANDSHAKE_MAX,
               "no handshake can be longer than the protocol allows");

/* A secret behind the certificate: the head of a byte string, and its bytes. */
#define CHANNEL_INVITE_HEAD (0x40 | COVE_CHANNEL_INVITE)
#define CHANNEL_INVITE_LEN  (1 + COVE_CHANNEL_INVITE)

void cove_channel_queue_preamble(struct cove_channel *ch)
{
    /* The room was made by cove_channel_new. */
    cove_preamble_encode(&ch->preamble, ch->wire.at + ch->wire.len);
    ch->wire.len += COVE_PREAMBLE_LEN;
}

static void channel_begin_noise(struct cove_channel *ch,
                                struct cove_bytes theirs)
{
    uint8_t prologue[2 * COVE_PREAMBLE_LEN];
    uint8_t ephemeral[32];
    bool initiator = ch->role == COVE_CHANNEL_INITIATOR;

    cove_preamble_encode(&ch->preamble,
                         prologue + (initiator ? 0 : COVE_PREAMBLE_LEN));
    memcpy(prologue + (initiator ? COVE_PREAMBLE_LEN : 0), theirs.at,
           COVE_PREAMBLE_LEN);
    ch->env->random(ch->env->ctx, ephemeral, sizeof(ephemeral));
    cove_noise_init(
        &ch->noise,
        &(struct cove_noise_options){
            .pattern = ch->has_network_key ? COVE_NOISE_XXPSK0 : COVE_NOISE_XX,
            .initiator = initiator,
            .prologue = cove_bytes(prologue, sizeof(prologue)),
            .ephemeral_secret = ephemeral,
            .static_secret = ch->identity->static_secret,
            .static_public = ch->identity->static_public,
            .psk = ch->has_network_key ? ch->network_key : NULL,
        });
    cove_crypto_wipe(ephemeral, sizeof(ephemeral));
}

/* All messages but the very first carry the certificate, the initiator's has
 * the secret of an invite behind it. Gives the length. */
static size_t channel_payload(const struct cove_channel *ch,
                              uint8_t out[COVE_CERTIFICATE_MAX])
{
    size_t len = ch->identity->certificate_len;

    if (ch->noise.message == 0) {
        return 0;
    }
    memcpy(out, ch->identity->certificate, len);
    if (ch->has_invite && ch->role == COVE_CHANNEL_INITIATOR) {
        assert(len + CHANNEL_INVITE_LEN <= COVE_CERTIFICATE_MAX);
        out[len++] = CHANNEL_INVITE_HEAD;
        memcpy(out + len, ch->invite, sizeof(ch->invite));
        len += sizeof(ch->invite);
    }
    return len;
}

/* Write our next message. */
static int channel_write_noise(struct cove_channel *ch)
{
    uint8_t room[COVE_CERTIFICATE_MAX];
    struct cove_bytes payload = cove_bytes(room, channel_payload(ch, room));
    size_t len = payload.len + cove_noise_overhead(&ch->noise);

    if (cove_buf_reserve(&ch->wire, COVE_RECORD_HEAD + len) != 0) {
        return cove_fail(&ch->diag, COVE_ENOMEM,
                         "out of memory for the handshake");
    }

    uint8_t *to = ch->wire.at + ch->wire.len;

    to[0] = (uint8_t)(len >> 8);
    to[1] = (uint8_t)len;
    if (cove_noise_write(&ch->noise, payload, to + COVE_RECORD_HEAD) != 0) {
        return cove_fail(&ch->diag, COVE_EHANDSHAKE,
                         "the peer's key is of small order");
    }
    ch->wire.len += COVE_RECORD_HEAD + len;
    return 0;
}

int cove_channel_take_preamble(struct cove_channel *ch, struct cove_bytes in)
{
    bool initiator = ch->role == COVE_CHANNEL_INITIATOR;

    if (!initiator) {
        cove_channel_queue_preamble(ch);
    }

    int err = cove_preamble_agree(&ch->preamble, in, &ch->version, &ch->diag);

    if (err != 0) {
        return err;
    }
    channel_begin_noise(ch, in);
    ch->stage = STAGE_NOISE;
    return initiator ? channel_write_noise(ch) : 0;
}

static void channel_open(struct cove_channel *ch)
{
    struct cove_record_key *keys[] = {&ch->outbox.key, &ch->inbox.key};

    ch->binding = cove_hash("cove/binding",
                            cove_bytes(ch->noise.hash, sizeof(ch->noise.hash)));
    cove_noise_split(&ch->noise, &ch->outbox.key.cipher, &ch->inbox.key.cipher);
    for (size_t i = 0; i < COVE_ARRAY_LEN(keys); i++) {
        keys[i]->max_records = ch->rekey_records;
        keys[i]->max_bytes = ch->rekey_bytes;
    }
    cove_crypto_wipe(ch->network_key, sizeof(ch->network_key));
    ch->stage = STAGE_RECORDS;
}

/* The peer has proven its device key: is it one that may come in? */
static int channel_admit(struct cove_channel *ch, const uint8_t *invite,
                         enum cove_channel_bye_reason *reason)
{
    char theirs[COVE_HEX_LEN(32)], other[COVE_HEX_LEN(32)];

    *reason = COVE_BYE_UNKNOWN;
    cove_hex(cove_bytes(ch->peer.b, 32), theirs);
    if (memcmp(ch->peer.b, ch->identity->device.b, 32) == 0) {
        *reason = COVE_BYE_DUPLICATE;
        return cove_fail(&ch->diag, COVE_EPEER,
                         "the peer has this device's own key %s: it is this "
                         "device, or a copy of it",
                         theirs);
    }
    if (ch->has_expect && memcmp(ch->peer.b, ch->expect.b, 32) != 0) {
        cove_hex(cove_bytes(ch->expect.b, 32), other);
        return cove_fail(&ch->diag, COVE_EPEER,
                         "expected device %s, but device %s answered", other,
                         theirs);
    }

    int err =
        ch->admit != NULL ? ch->admit(ch->admit_ctx, &ch->peer, invite) : 0;

    ch->is_stranger = err == COVE_EPEER;
    if (err == COVE_ELIMIT) {
        *reason = COVE_BYE_BANNED;
        ch->at_fault = true; /* and calls all the same */
        return cove_fail(&ch->diag, COVE_ELIMIT,
                         "device %s is refused for a while: it sent what no "
                         "honest device would",
                         theirs);
    }
    if (err != 0) {
        return cove_fail(&ch->diag, COVE_EPEER, "device %s is not admitted: %s",
                         theirs, cove_error_text(err));
    }
    return 0;
}

/* Cut the secret of an invite off the payload; NULL where there is none. What
 * else is behind the certificate is left to be refused with it. */
static const uint8_t *channel_take_invite(const struct cove_channel *ch,
                                          struct cove_bytes *payload)
{
    size_t len = 0;

    if (ch->role == COVE_CHANNEL_INITIATOR ||
        cove_cbor_check(*payload, 1, &len, NULL) != 0 ||
        payload->len - len != CHANNEL_INVITE_LEN ||
        payload->at[len] != CHANNEL_INVITE_HEAD) {
        return NULL;
    }
    payload->len = len;
    return payload->at + len + 1;
}

static int channel_check_peer(struct cove_channel *ch,
                              struct cove_bytes payload,
                              enum cove_channel_bye_reason *reason)
{
    struct cove_certificate cert;
    struct cove_diag why;
    const uint8_t *invite = channel_take_invite(ch, &payload);

    cove_diag_clear(&why);
    if (cove_certificate_check(payload, ch->noise.rs,
                               ch->env->now_ms(ch->env->ctx), &cert,
                               &why) != 0) {
        *reason = COVE_BYE_CERTIFICATE;
        return cove_fail(&ch->diag, COVE_EHANDSHAKE,
                         "the peer's certificate is refused: %s", why.text);
    }
    ch->peer = cert.device;

    int err = channel_admit(ch, invite, reason);

    ch->has_peer = err == 0;
    return err;
}

/* Open the door, or, where the last message of the handshake was read, say
 * behind it why it stays closed. */
static int channel_finish(struct cove_channel *ch, struct cove_bytes payload)
{
    enum cove_channel_bye_reason reason = COVE_BYE_PROTOCOL;
    int err = channel_check_peer(ch, payload, &reason);

    if (err == 0 && cove_noise_my_turn(&ch->noise)) {
        err = channel_write_noise(ch);
    }
    if (err != 0 && !cove_noise_done(&ch->noise)) {
        return err;
    }
    channel_open(ch);
    if (err != 0) {
        return cove_channel_fail(ch, reason);
    }
    ch->state = COVE_CHANNEL_OPEN;
    return 0;
}

int cove_channel_take_noise(struct cove_channel *ch, struct cove_bytes in)
{
    uint8_t payload[CHANNEL_NOISE_MAX];
    size_t len = in.len - cove_noise_overhead(&ch->noise);
    bool first = ch->noise.message == 0;

    assert(len <= sizeof(payload));
    if (cove_noise_read(&ch->noise, in, payload) != 0) {
        ch->at_fault = true;
        return cove_fail(&ch->diag, COVE_EHANDSHAKE,
                         "the handshake does not authenticate: another network "
                         "key, or it was changed on the way");
    }
    return first ? channel_write_noise(ch)
                 : channel_finish(ch, cove_bytes(payload, len));
}

int cove_channel_check_noise(struct cove_channel *ch, size_t len)
{
    size_t least = cove_noise_overhead(&ch->noise);
    size_t most = ch->noise.message == 0 ? least : least + COVE_CERTIFICATE_MAX;

    if (len < least) {
        return cove_fail(&ch->diag, COVE_EHANDSHAKE,
                         "a message of the handshake has %zu bytes, not %zu",
                         len, least);
    }
    if (len > most) {
        return cove_fail(&ch->diag, COVE_ELIMIT,
                         "a message of the handshake has %zu bytes, at most "
                         "%zu are allowed",
                         len, most);
    }
    return 0;
}
