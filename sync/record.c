/* Sending: the record's room is made before anything is sealed, so running out
 * of memory changes nothing and the same fragment is tried again later.
 *
 * Receiving: a record is opened straight into the list of ready messages, one
 * byte before its place, so that the flag byte falls on the message's length
 * field and is then overwritten by it. Only messages of several fragments are
 * copied.
 */
#include "sync/record.h"

#include <assert.h>

#include "core/crypto.h"

#define RECORD_LENGTH 4 /* of a ready message, before it */

struct cove_record_message {
    struct cove_record_message *next;
    size_t len;
    uint8_t bytes[];
};

static const struct cove_bytes record_no_ad = {NULL, 0};

/* A record of `len` bytes was sealed or opened: is its key used up? */
static void record_key_count(struct cove_record_key *key, size_t len)
{
    key->records++;
    key->bytes += len;
    if (key->records >= key->max_records || key->bytes >= key->max_bytes) {
        cove_cipher_rekey(&key->cipher);
        key->records = 0;
        key->bytes = 0;
        key->rekeys++;
    }
}

static void record_queue_init(struct cove_record_queue *queue)
{
    queue->head = NULL;
    queue->tail = &queue->head;
    queue->sealed = 0;
}

static void outbox_drop_head(struct cove_outbox *outbox,
                             struct cove_record_queue *queue)
{
    struct cove_record_message *message = queue->head;

    queue->head = message->next;
    if (queue->head == NULL) {
        queue->tail = &queue->head;
    }
    outbox->waiting -= message->len - queue->sealed + COVE_RECORD_COST;
    queue->sealed = 0;
    cove_alloc_free(outbox->alloc, message);
}

void cove_outbox_init(struct cove_outbox *outbox,
                      const struct cove_alloc *alloc)
{
    memset(outbox, 0, sizeof(*outbox));
    outbox->alloc = alloc;
    for (size_t i = 0; i < COVE_RECORD_LANES; i++) {
        record_queue_init(&outbox->lanes[i]);
    }
}

void cove_outbox_clear(struct cove_outbox *outbox)
{
    for (size_t i = 0; i < COVE_RECORD_LANES; i++) {
        while (outbox->lanes[i].head != NULL) {
            outbox_drop_head(outbox, &outbox->lanes[i]);
        }
    }
}

int cove_outbox_push(struct cove_outbox *outbox, enum cove_channel_lane lane,
                     struct cove_bytes message)
{
    struct cove_record_queue *queue = &outbox->lanes[lane];
    struct cove_record_message *m =
        cove_alloc_new(outbox->alloc, sizeof(*m) + message.len);

    if (m == NULL) {
        return COVE_ENOMEM;
    }
    m->next = NULL;
    m->len = message.len;
    memcpy(m->bytes, message.at, message.len);
    *queue->tail = m;
    queue->tail = &m->next;
    outbox->waiting += message.len + COVE_RECORD_COST;
    return 0;
}

/* Append head, flags and bytes, sealed, to the wire. */
static int outbox_write(struct cove_outbox *outbox, uint8_t flags,
                        struct cove_bytes in, struct cove_buf *wire)
{
    uint8_t plain[1 + COVE_RECORD_FRAGMENT];
    size_t len = 1 + in.len + COVE_NOISE_TAG;
    int err = cove_buf_reserve(wire, COVE_RECORD_HEAD + len);

    assert(in.len <= COVE_RECORD_FRAGMENT);
    if (err != 0) {
        return err;
    }

    uint8_t *to = wire->at + wire->len;

    to[0] = (uint8_t)(len >> 8);
    to[1] = (uint8_t)len;
    plain[0] = flags;
    memcpy(plain + 1, in.at, in.len);
    cove_cipher_seal(&outbox->key.cipher, record_no_ad,
                     cove_bytes(plain, 1 + in.len), to + COVE_RECORD_HEAD);
    record_key_count(&outbox->key, len);
    wire->len += COVE_RECORD_HEAD + len;
    return 0;
}

int cove_outbox_seal(struct cove_outbox *outbox, struct cove_buf *wire)
{
    enum cove_channel_lane lane = outbox->lanes[COVE_LANE_CONTROL].head != NULL
                                      ? COVE_LANE_CONTROL
                                      : COVE_LANE_CONTENT;
    struct cove_record_queue *queue = &outbox->lanes[lane];
    const struct cove_record_message *m = queue->head;

    if (m == NULL) {
        return COVE_ENOTFOUND;
    }

    size_t left = m->len - queue->sealed;
    size_t len = left < COVE_RECORD_FRAGMENT ? left : COVE_RECORD_FRAGMENT;
    unsigned flags = (queue->sealed == 0 ? COVE_RECORD_FIRST : 0u) |
                     (len == left ? COVE_RECORD_LAST : 0u) |
                     (lane == COVE_LANE_CONTENT ? COVE_RECORD_CONTENT : 0u);
    int err = outbox_write(outbox, (uint8_t)flags,
                           cove_bytes(m->bytes + queue->sealed, len), wire);

    if (err != 0) {
        return err;
    }
    queue->sealed += len;
    outbox->waiting -= len;
    if (len == left) {
        outbox_drop_head(outbox, queue);
    }
    return 0;
}

int cove_outbox_goodbye(struct cove_outbox *outbox,
                        enum cove_channel_bye_reason reason,
                        struct cove_buf *wire)
{
    uint8_t byte = (uint8_t)reason;

    return outbox_write(outbox, COVE_RECORD_GOODBYE, cove_bytes(&byte, 1),
                        wire);
}

void cove_inbox_init(struct cove_inbox *inbox, const struct cove_alloc *alloc)
{
    memset(inbox, 0, sizeof(*inbox));
    for (size_t i = 0; i < COVE_RECORD_LANES; i++) {
        cove_buf_init(&inbox->lanes[i], alloc);
    }
    cove_buf_init(&inbox->ready, alloc);
}

void cove_inbox_clear(struct cove_inbox *inbox)
{
    for (size_t i = 0; i < COVE_RECORD_LANES; i++) {
        cove_buf_clear(&inbox->lanes[i]);
        inbox->open[i] = false;
    }
    cove_buf_clear(&inbox->ready);
    inbox->taken = 0;
}

/* The message at the end of ready, `len` bytes behind its length field, is
 * whole: count it in. */
static void inbox_ready(struct cove_inbox *inbox, size_t len)
{
    uint8_t *to = inbox->ready.at + inbox->ready.len;

    for (unsigned i = 0; i < RECORD_LENGTH; i++) {
        to[i] = (uint8_t)(len >> (8 * i));
    }
    inbox->ready.len += RECORD_LENGTH + len;
    inbox->messages++;
}

/* Make room for one more message behind ready. */
static int inbox_reserve(struct cove_inbox *inbox, size_t len,
                         struct cove_diag *diag)
{
    if (inbox->taken > 0 && inbox->taken == inbox->ready.len) {
        inbox->taken = 0;
        inbox->ready.len = 0;
    }
    if (inbox->ready.len + len > COVE_RECORD_READY_MAX) {
        return cove_fail(diag, COVE_ELIMIT,
                         "more than %u bytes of messages wait to be taken",
                         COVE_RECORD_READY_MAX);
    }
    if (cove_buf_reserve(&inbox->ready, RECORD_LENGTH + len) != 0) {
        return cove_fail(diag, COVE_ENOMEM,
                         "out of memory for the peer's message");
    }
    return 0;
}

static int inbox_goodbye(struct cove_inbox *inbox, struct cove_bytes in,
                         struct cove_diag *diag)
{
    if (in.len != 1) {
        return cove_fail(diag, COVE_EPROTOCOL,
                         "a goodbye of %zu bytes came from the peer", in.len);
    }
    if (in.at[0] == COVE_BYE_DONE && (inbox->open[0] || inbox->open[1])) {
        return cove_fail(diag, COVE_EPROTOCOL,
                         "the peer's goodbye came inside a message");
    }
    inbox->goodbye = true;
    inbox->reason = (enum cove_channel_bye_reason)in.at[0];
    return 0;
}

/* A fragment of a message that has, or will have, others. */
static int inbox_join(struct cove_inbox *inbox, uint64_t now_ms, uint8_t flags,
                      struct cove_bytes in, struct cove_diag *diag)
{
    unsigned lane = (flags & COVE_RECORD_CONTENT) != 0;
    struct cove_buf *joined = &inbox->lanes[lane];
    int err = 0;

    if ((flags & COVE_RECORD_FIRST) != 0) {
        inbox->open[lane] = true;
        inbox->since_ms[lane] = now_ms;
    }
    if (joined->len + in.len > COVE_MAX_MESSAGE) {
        return cove_fail(diag, COVE_ELIMIT,
                         "a message of the peer is longer than %d bytes",
                         COVE_MAX_MESSAGE);
    }
    if (cove_buf_append(joined, in) != 0) {
        return cove_fail(diag, COVE_ENOMEM,
                         "out of memory for the peer's message");
    }
    if ((flags & COVE_RECORD_LAST) != 0) {
        err = inbox_reserve(inbox, joined->len, diag);
        if (err != 0) {
            return err;
        }
        memcpy(inbox->ready.at + inbox->ready.len + RECORD_LENGTH, joined->at,
               joined->len);
        inbox_ready(inbox, joined->len);
        joined->len = 0;
        inbox->open[lane] = false;
    }
    return 0;
}

static int inbox_check_flags(const struct cove_inbox *inbox, uint8_t flags,
                             struct cove_diag *diag)
{
    const unsigned known =
        COVE_RECORD_FIRST | COVE_RECORD_LAST | COVE_RECORD_CONTENT;

    if ((flags & ~known) != 0) {
        return cove_fail(diag, COVE_EPROTOCOL,
                         "a record of the peer has unknown flags 0x%02x",
                         (unsigned)flags);
    }

    bool first = (flags & COVE_RECORD_FIRST) != 0;

    if (first == inbox->open[(flags & COVE_RECORD_CONTENT) != 0]) {
        return cove_fail(diag, COVE_EPROTOCOL,
                         first ? "a message of the peer begins inside another"
                               : "a message of the peer has no beginning");
    }
    return 0;
}

int cove_inbox_open(struct cove_inbox *inbox, uint64_t now_ms,
                    struct cove_bytes sealed, struct cove_diag *diag)
{
    assert(sealed.len >= COVE_RECORD_MIN && sealed.len <= COVE_RECORD_MAX);

    size_t len = sealed.len - COVE_NOISE_TAG - 1;
    int err = inbox_reserve(inbox, len, diag);

    inbox->authentic = false;
    if (err != 0) {
        return err;
    }

    uint8_t *plain = inbox->ready.at + inbox->ready.len + RECORD_LENGTH - 1;

    if (cove_cipher_open(&inbox->key.cipher, record_no_ad, sealed, plain) !=
        0) {
        return cove_fail(diag, COVE_EPROTOCOL,
                         "a record of the peer does not authenticate: it was "
                         "changed, left out or repeated on the way");
    }
    inbox->authentic = true;
    record_key_count(&inbox->key, sealed.len);

    uint8_t flags = plain[0];
    struct cove_bytes in = cove_bytes(plain + 1, len);

    if (flags == COVE_RECORD_GOODBYE) {
        return inbox_goodbye(inbox, in, diag);
    }
    err = inbox_check_flags(inbox, flags, diag);
    if (err != 0) {
        return err;
    }
    if ((flags & COVE_RECORD_FIRST) != 0 && (flags & COVE_RECORD_LAST) != 0) {
        inbox_ready(inbox, len);
        return 0;
    }
    return inbox_join(inbox, now_ms, flags, in, diag);
}

int cove_inbox_take(struct cove_inbox *inbox, struct cove_bytes *out)
{
    if (inbox->taken == inbox->ready.len) {
        return COVE_ENOTFOUND;
    }

    const uint8_t *at = inbox->ready.at + inbox->taken;
    size_t len = 0;

    for (unsigned i = 0; i < RECORD_LENGTH; i++) {
        len |= (size_t)at[i] << (8 * i);
    }
    inbox->taken += RECORD_LENGTH + len;
    *out = cove_bytes(at + RECORD_LENGTH, len);
    return 0;
}

uint64_t cove_inbox_since(const struct cove_inbox *inbox)
{
    uint64_t since = UINT64_MAX;

    for (size_t i = 0; i < COVE_RECORD_LANES; i++) {
        if (inbox->open[i] && inbox->since_ms[i] < since) {
            since = inbox->since_ms[i];
        }
    }
    return since;
}

void cove_inbox_trim(struct cove_inbox *inbox)
{
    for (size_t i = 0; i < COVE_RECORD_LANES; i++) {
        if (!inbox->open[i]) {
            cove_buf_clear(&inbox->lanes[i]);
        }
    }
    if (inbox->taken == inbox->ready.len) {
        cove_buf_clear(&inbox->ready);
        inbox->taken = 0;
    }
}
