/* The channel is a reader of units: first the preamble, then the handshake's
 * messages, then records. A unit that arrives whole is taken from where it
 * lies; only one that arrives in pieces is put together in `partial`, whose
 * size is known, and judged, before it is made.
 *
 *   PREAMBLE → NOISE → (open) records → goodbye
 *
 * Messages to send wait unsealed until the wire is empty; so a failing channel
 * can drop them and still say goodbye with the right nonce.
 */
#include "core/planted.h"
#include "sync/channel_internal.h"

#include <assert.h>

#define CHANNEL_CHUNK         65536 /* sealed at a time, about */
#define CHANNEL_TRIM_MS       1000  /* idle for so long: give memory back */
#define CHANNEL_REKEY_RECORDS 65536
#define CHANNEL_REKEY_BYTES   (UINT64_C(1) << 30)
#define CHANNEL_GOODBYE_LEN   (COVE_RECORD_HEAD + COVE_RECORD_MIN)

int cove_channel_fail(struct cove_channel *ch,
                      enum cove_channel_bye_reason reason)
{
    assert(ch->diag.code != 0);
    ch->state = COVE_CHANNEL_FAILED;
    cove_outbox_clear(&ch->outbox);
    cove_buf_clear(&ch->partial);
    cove_crypto_wipe(&ch->noise, sizeof(ch->noise));
    if (ch->stage == STAGE_RECORDS && !ch->bye_sealed &&
        cove_outbox_goodbye(&ch->outbox, reason, &ch->wire) == 0) {
        ch->bye_sealed = true;
    }
    return ch->diag.code;
}

static enum cove_channel_bye_reason channel_reason(int code)
{
    return code == COVE_ELIMIT || code == COVE_ENOMEM ? COVE_BYE_LIMIT
           : code == COVE_ETIMEOUT                    ? COVE_BYE_TIMEOUT
                                                      : COVE_BYE_PROTOCOL;
}

/* How many bytes the unit that begins with `front` has, as far as is known
 * yet; a bad beginning is refused here, before the rest is waited for. */
static int channel_unit(struct cove_channel *ch, struct cove_bytes front,
                        size_t *need)
{
    if (ch->stage == STAGE_PREAMBLE) {
        size_t len =
            front.len < COVE_PREAMBLE_LEN ? front.len : COVE_PREAMBLE_LEN;

        front.len = len;
        *need = COVE_PREAMBLE_LEN;
        /* Another network, or another role, is a mistake. */
        ch->at_fault = !cove_preamble_is_cove(front);
        return cove_preamble_check(&ch->preamble, front, &ch->diag);
    }
    *need = COVE_RECORD_HEAD;
    if (front.len < COVE_RECORD_HEAD) {
        return 0;
    }

    size_t len = (size_t)(front.at[0] << 8 | front.at[1]);

    *need += len;
    if (ch->stage == STAGE_NOISE) {
        int err = cove_channel_check_noise(ch, len);

        ch->at_fault = err != 0;
        return err;
    }
    if (len < COVE_RECORD_MIN) {
        return cove_fail(&ch->diag, COVE_EPROTOCOL,
                         "a record of the peer has %zu bytes, at least %d are "
                         "needed",
                         len, COVE_RECORD_MIN);
    }
    return 0;
}

/* The peer said goodbye: an end, or the reason why it gave us up. */
static int channel_take_goodbye(struct cove_channel *ch)
{
    char mine[COVE_HEX_LEN(32)];

    cove_hex(cove_bytes(ch->identity->device.b, 32), mine);
    switch (ch->inbox.reason) {
    case COVE_BYE_DONE:
        ch->state = COVE_CHANNEL_GOODBYE;
        cove_outbox_clear(&ch->outbox);
        ch->wire.len = 0;
        ch->wire_written = 0;
        return 0;
    case COVE_BYE_UNKNOWN:
        if (ch->has_invite) {
            return cove_fail(&ch->diag, COVE_EPEER,
                             "the peer does not take this invite: it was used, "
                             "has expired or was revoked there; ask for "
                             "another, or run there: cove peer add %s",
                             mine);
        }
        return cove_fail(&ch->diag, COVE_EPEER,
                         "the peer does not know this device: there, run "
                         "cove peer add %s",
                         mine);
    case COVE_BYE_DUPLICATE:
        return cove_fail(&ch->diag, COVE_EPEER,
                         "the peer is connected to a device with this key "
                         "already (%s): is there a copy of this store?",
                         mine);
    case COVE_BYE_CERTIFICATE:
        return cove_fail(&ch->diag, COVE_EPEER,
                         "the peer refused this device's certificate: look at "
                         "both clocks");
    case COVE_BYE_LIMIT:
        return cove_fail(&ch->diag, COVE_ELIMIT,
                         "the peer closed: a limit of it was reached");
    case COVE_BYE_TIMEOUT:
        return cove_fail(&ch->diag, COVE_ETIMEOUT,
                         "the peer closed: this device was too slow for it");
    case COVE_BYE_BANNED:
        return cove_fail(&ch->diag, COVE_ELIMIT,
                         "the peer refuses this device for a while: it sent "
                         "what no honest device would; its log says what, and "
                         "cove peer trust %s there takes it in at once",
                         mine);
    case COVE_BYE_PROTOCOL:
        break;
    }
    return cove_fail(&ch->diag, COVE_EPROTOCOL,
                     "the peer closed: this device broke the protocol "
                     "(reason %d)",
                     (int)ch->inbox.reason);
}

static int channel_take_record(struct cove_channel *ch, uint64_t now_ms,
                               struct cove_bytes in)
{
    int err = cove_inbox_open(&ch->inbox, now_ms, in, &ch->diag);

    ch->at_fault = ch->inbox.authentic && err != 0 && err != COVE_ENOMEM;
    if (err == 0 && ch->inbox.goodbye) {
        err = channel_take_goodbye(ch);
        /* Who has said goodbye listens no more. */
        ch->bye_sealed = true;
    }
    return err;
}

static int channel_take(struct cove_channel *ch, uint64_t now_ms,
                        struct cove_bytes unit)
{
    struct cove_bytes body;

    if (ch->stage == STAGE_PREAMBLE) {
        return cove_channel_take_preamble(ch, unit);
    }
    body = cove_bytes(unit.at + COVE_RECORD_HEAD, unit.len - COVE_RECORD_HEAD);
    if (ch->stage == STAGE_NOISE) {
        return cove_channel_take_noise(ch, body);
    }
    return channel_take_record(ch, now_ms, body);
}

/* Take the next unit, or as much of it as there is, off the front of `in`. */
static int channel_step(struct cove_channel *ch, uint64_t now_ms,
                        struct cove_bytes *in)
{
    bool pieces = ch->partial.len > 0;
    struct cove_bytes unit = pieces ? cove_buf_bytes(&ch->partial) : *in;
    size_t need = 0;
    int err = channel_unit(ch, unit, &need);

    if (err != 0) {
        return err;
    }

    size_t len = need - (pieces ? unit.len : 0);

    len = len < in->len ? len : in->len;
    if (!pieces && len == need) {
        *in = cove_bytes(in->at + len, in->len - len);
        return channel_take(ch, now_ms, cove_bytes(unit.at, len));
    }
    if (!pieces) {
        ch->partial_ms = now_ms;
    }
    if (cove_buf_append(&ch->partial, cove_bytes(in->at, len)) != 0) {
        return cove_fail(&ch->diag, COVE_ENOMEM,
                         "out of memory for the peer's record");
    }
    *in = cove_bytes(in->at + len, in->len - len);
    unit = cove_buf_bytes(&ch->partial);
    err = channel_unit(ch, unit, &need);
    if (err != 0 || unit.len < need) {
        return err;
    }
    ch->partial.len = 0;
    return channel_take(ch, now_ms, unit);
}

int cove_channel_input(struct cove_channel *channel, uint64_t now_ms,
                       struct cove_bytes in)
{
    channel->active = true;
    if (channel->state == COVE_CHANNEL_FAILED) {
        return channel->diag.code;
    }
    channel->stats.bytes_in += in.len;
    /* What follows a goodbye says nothing: it is not looked at. */
    while (in.len > 0 && channel->state != COVE_CHANNEL_GOODBYE) {
        int err = channel_step(channel, now_ms, &in);

        if (err != 0) {
            return cove_channel_fail(channel, channel_reason(err));
        }
    }
    return 0;
}

/* --- the caller's side */

int cove_channel_new(const struct cove_channel_options *opt,
                     struct cove_channel **out)
{
    struct cove_channel *ch = cove_alloc_zero(opt->alloc, 1, sizeof(*ch));

    if (ch == NULL) {
        return COVE_ENOMEM;
    }
    ch->alloc = opt->alloc;
    ch->env = opt->env;
    ch->identity = opt->identity;
    ch->role = opt->role;
    ch->admit = opt->admit;
    ch->admit_ctx = opt->admit_ctx;
    ch->started_ms = opt->now_ms;
    ch->rekey_records =
        opt->rekey_records != 0 ? opt->rekey_records : CHANNEL_REKEY_RECORDS;
    ch->rekey_bytes =
        opt->rekey_bytes != 0 ? opt->rekey_bytes : CHANNEL_REKEY_BYTES;
    ch->has_network_key = opt->network_key != NULL;
    if (ch->has_network_key) {
        memcpy(ch->network_key, opt->network_key, sizeof(ch->network_key));
    }
    ch->has_expect = opt->expect != NULL;
    if (ch->has_expect) {
        ch->expect = *opt->expect;
    }
    ch->has_invite = opt->invite != NULL;
    if (ch->has_invite) {
        memcpy(ch->invite, opt->invite, sizeof(ch->invite));
    }
    cove_diag_clear(&ch->diag);
    cove_buf_init(&ch->partial, ch->alloc);
    cove_buf_init(&ch->wire, ch->alloc);
    cove_outbox_init(&ch->outbox, ch->alloc);
    cove_inbox_init(&ch->inbox, ch->alloc);
    if (cove_buf_reserve(&ch->wire, COVE_PREAMBLE_LEN) != 0) {
        cove_channel_free(ch);
        return COVE_ENOMEM;
    }
    cove_preamble_init(&ch->preamble, ch->role, opt->network_key);
    if (ch->role == COVE_CHANNEL_INITIATOR) {
        cove_channel_queue_preamble(ch);
    }
    *out = ch;
    return 0;
}

void cove_channel_free(struct cove_channel *channel)
{
    if (channel == NULL) {
        return;
    }

    const struct cove_alloc *alloc = channel->alloc;

    cove_buf_clear(&channel->partial);
    cove_buf_clear(&channel->wire);
    cove_outbox_clear(&channel->outbox);
    cove_inbox_clear(&channel->inbox);
    cove_crypto_wipe(channel, sizeof(*channel));
    cove_alloc_free(alloc, channel);
}

int cove_channel_end(struct cove_channel *channel)
{
    switch (channel->state) {
    case COVE_CHANNEL_GOODBYE:
        return COVE_ECLOSED;
    case COVE_CHANNEL_FAILED:
        return channel->diag.code;
    case COVE_CHANNEL_HANDSHAKE:
        cove_fail(&channel->diag, COVE_ENET,
                  channel->stage == STAGE_PREAMBLE
                      ? "connection lost before the peer said anything: it "
                        "may want another network key"
                      : "connection lost in the middle of the handshake");
        break;
    case COVE_CHANNEL_OPEN:
        cove_fail(&channel->diag,
                  COVE_PLANTED("end-is-goodbye") ? COVE_ECLOSED : COVE_ENET,
                  "connection lost: it ended without a goodbye");
        break;
    }
    channel->bye_sealed = true; /* nobody is there to hear one */
    return cove_channel_fail(channel, COVE_BYE_DONE);
}

int cove_channel_receive(struct cove_channel *channel, struct cove_bytes *out)
{
    int err = cove_inbox_take(&channel->inbox, out);

    if (err == 0) {
        channel->stats.messages_in++;
    }
    return err;
}

int cove_channel_send(struct cove_channel *channel, enum cove_channel_lane lane,
                      struct cove_bytes message)
{
    assert(message.len > 0);
    if (channel->bye_wanted || channel->state == COVE_CHANNEL_GOODBYE ||
        channel->state == COVE_CHANNEL_FAILED) {
        return COVE_ECLOSED;
    }
    if (message.len > COVE_MAX_MESSAGE ||
        cove_channel_queued(channel) + message.len > COVE_CHANNEL_QUEUE_MAX) {
        return COVE_ELIMIT;
    }

    int err = cove_outbox_push(&channel->outbox, lane, message);

    if (err == 0) {
        channel->stats.messages_out++;
        channel->active = true;
    }
    return err;
}

int cove_channel_bye(struct cove_channel *channel)
{
    if (channel->bye_wanted || channel->state == COVE_CHANNEL_GOODBYE ||
        channel->state == COVE_CHANNEL_FAILED) {
        return COVE_ECLOSED;
    }
    if (channel->state == COVE_CHANNEL_HANDSHAKE) {
        cove_channel_refuse(channel, COVE_BYE_DONE, COVE_ECLOSED,
                            "closed before the handshake was done");
    }
    channel->bye_wanted = true;
    return 0;
}

void cove_channel_refuse(struct cove_channel *channel,
                         enum cove_channel_bye_reason reason, int code,
                         const char *sentence)
{
    if (channel->state != COVE_CHANNEL_GOODBYE &&
        channel->state != COVE_CHANNEL_FAILED) {
        cove_fail(&channel->diag, code, "%s", sentence);
        (void)cove_channel_fail(channel, reason);
    }
}

/* The wire is empty: seal the next chunk into it. Running out of memory ends
 * the chunk early; what was not sealed waits for the next call. */
static void channel_fill(struct cove_channel *ch)
{
    ch->wire.len = 0;
    ch->wire_written = 0;
    if (ch->state != COVE_CHANNEL_OPEN) {
        return;
    }
    while (ch->wire.len < CHANNEL_CHUNK &&
           cove_outbox_seal(&ch->outbox, &ch->wire) == 0) {
    }
    if (ch->bye_wanted && !ch->bye_sealed && ch->outbox.waiting == 0 &&
        cove_outbox_goodbye(&ch->outbox, COVE_BYE_DONE, &ch->wire) == 0) {
        ch->bye_sealed = true;
    }
    ch->chunk += ch->wire.len > 0;
}

struct cove_bytes cove_channel_output(struct cove_channel *channel)
{
    if (channel->wire_written == channel->wire.len) {
        channel_fill(channel);
    }
    if (channel->wire.len == 0) {
        return cove_bytes(NULL, 0);
    }
    return cove_bytes(channel->wire.at + channel->wire_written,
                      channel->wire.len - channel->wire_written);
}

void cove_channel_written(struct cove_channel *channel, size_t len)
{
    assert(len <= channel->wire.len - channel->wire_written);
    channel->wire_written += len;
    channel->stats.bytes_out += len;
    channel->active = true;
}

size_t cove_channel_queued(const struct cove_channel *channel)
{
    bool bye = channel->bye_wanted && !channel->bye_sealed &&
               channel->state == COVE_CHANNEL_OPEN;

    return channel->outbox.waiting + channel->wire.len - channel->wire_written +
           (bye ? CHANNEL_GOODBYE_LEN : 0);
}

/* --- time */

static int channel_timeout(struct cove_channel *ch, const char *sentence)
{
    cove_fail(&ch->diag, COVE_ETIMEOUT, "%s", sentence);
    return cove_channel_fail(ch, COVE_BYE_TIMEOUT);
}

/* Since when does the socket not take the chunk that is there? */
static uint64_t channel_stalled(struct cove_channel *ch, uint64_t now_ms)
{
    bool before = ch->stalling;

    ch->stalling = cove_channel_queued(ch) > 0;
    if (!ch->stalling) {
        return UINT64_MAX;
    }
    if (!before || ch->stalled_chunk != ch->chunk) {
        ch->stalled_chunk = ch->chunk;
        ch->stalled_ms = now_ms;
    }
    return ch->stalled_ms;
}

static int channel_tick_open(struct cove_channel *ch, uint64_t now_ms,
                             uint64_t *next_ms)
{
    uint64_t message = cove_inbox_since(&ch->inbox);
    uint64_t stalled = channel_stalled(ch, now_ms);

    if (ch->partial.len > 0 && ch->partial_ms < message) {
        message = ch->partial_ms;
    }
    if (message != UINT64_MAX && now_ms - message >= COVE_CHANNEL_MESSAGE_MS) {
        return channel_timeout(ch, "a message of the peer was not whole within "
                                   "30 s");
    }
    if (stalled != UINT64_MAX && now_ms - stalled >= COVE_CHANNEL_MESSAGE_MS) {
        return channel_timeout(ch, "the peer took nothing for 30 s");
    }
    *next_ms = message < stalled ? message : stalled;
    if (*next_ms != UINT64_MAX) {
        *next_ms += COVE_CHANNEL_MESSAGE_MS;
    }
    return 0;
}

/* Nothing moved since the last tick: keep no memory that holds nothing. */
static void channel_trim(struct cove_channel *ch)
{
    if (ch->partial.len == 0) {
        cove_buf_clear(&ch->partial);
    }
    if (ch->wire_written == ch->wire.len) {
        ch->wire_written = 0;
        cove_buf_clear(&ch->wire);
    }
    cove_inbox_trim(&ch->inbox);
}

int cove_channel_tick(struct cove_channel *channel, uint64_t now_ms,
                      uint64_t *next_ms)
{
    uint64_t next = UINT64_MAX;
    int err = 0;

    switch (channel->state) {
    case COVE_CHANNEL_FAILED:
        return channel->diag.code;
    case COVE_CHANNEL_GOODBYE:
        break;
    case COVE_CHANNEL_HANDSHAKE:
        next = channel->started_ms + COVE_CHANNEL_HANDSHAKE_MS;
        if (now_ms >= next) {
            err = channel_timeout(channel,
                                  "the handshake was not done within 5 s");
        }
        break;
    case COVE_CHANNEL_OPEN:
        err = channel_tick_open(channel, now_ms, &next);
        if (err == 0 && channel->active) {
            channel->active = false;
            next = now_ms + CHANNEL_TRIM_MS < next ? now_ms + CHANNEL_TRIM_MS
                                                   : next;
        } else if (err == 0) {
            channel_trim(channel);
        }
        break;
    }
    if (err == 0) {
        *next_ms = next;
    }
    return err;
}

enum cove_channel_state cove_channel_state(const struct cove_channel *channel)
{
    return channel->state;
}

const struct cove_key *cove_channel_peer(const struct cove_channel *channel)
{
    return channel->has_peer ? &channel->peer : NULL;
}

const struct cove_key *cove_channel_stranger(const struct cove_channel *channel)
{
    return channel->is_stranger ? &channel->peer : NULL;
}

bool cove_channel_at_fault(const struct cove_channel *channel)
{
    return channel->at_fault;
}

const struct cove_hash *cove_channel_binding(const struct cove_channel *channel)
{
    return &channel->binding;
}

unsigned cove_channel_version(const struct cove_channel *channel)
{
    return channel->version;
}

const struct cove_diag *cove_channel_diag(const struct cove_channel *channel)
{
    return &channel->diag;
}

void cove_channel_stats(const struct cove_channel *channel,
                        struct cove_channel_stats *out)
{
    *out = channel->stats;
    out->rekeys = channel->outbox.key.rekeys + channel->inbox.key.rekeys;
}
