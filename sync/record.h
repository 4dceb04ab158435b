/* record.h: what travels once the handshake is done, one half each way.
 *
 * A message waits whole in the lane it was given to, and is cut and sealed
 * only when the socket can take it: so control overtakes content, and what has
 * not been sealed can still be dropped. The other half opens records, joins
 * the fragments of each lane, and keeps whole messages until they are taken.
 *
 *   message ─ lane ─ fragment = flags ‖ bytes ─ record = length ‖ sealed
 *
 * Both halves count records and bytes alike, and so change keys at the same
 * record. docs/PROTOCOL.md "Records" to "Rekey".
 */
#ifndef COVE_SYNC_RECORD_H
#define COVE_SYNC_RECORD_H

#include "core/diag.h"
#include "core/limits.h"
#include "sync/channel.h"
#include "sync/noise.h"

#define COVE_RECORD_HEAD     2     /* the length, big-endian */
#define COVE_RECORD_MAX      65535 /* bytes behind the head */
#define COVE_RECORD_MIN      (1 + 1 + COVE_NOISE_TAG)
#define COVE_RECORD_FRAGMENT 16384 /* what this build sends at once */
#define COVE_RECORD_LANES    2
/* Messages that came and were not taken: beyond it the caller is too slow. */
#define COVE_RECORD_READY_MAX (2u * COVE_MAX_MESSAGE + 65536u)
/* What a waiting message counts beside its bytes, so that many small ones
 * cannot take more memory than the queue's limit says. */
#define COVE_RECORD_COST 64

enum cove_record_flags {
    COVE_RECORD_FIRST = 0x01,
    COVE_RECORD_LAST = 0x02,
    COVE_RECORD_CONTENT = 0x04, /* the lane; without it control */
    COVE_RECORD_GOODBYE = 0x80
};

/* One direction's key and what it has sealed or opened since it was made. */
struct cove_record_key {
    struct cove_cipher cipher;
    uint64_t records, bytes;
    uint64_t max_records, max_bytes; /* reaching either changes the key */
    uint64_t rekeys;
};

/* --- sending */

struct cove_record_message; /* a message that waits, in a list */

struct cove_record_queue {
    struct cove_record_message *head;
    struct cove_record_message **tail;
    size_t sealed; /* bytes of the head that have left */
};

struct cove_outbox {
    const struct cove_alloc *alloc;
    struct cove_record_key key;
    struct cove_record_queue lanes[COVE_RECORD_LANES];
    size_t waiting; /* bytes in both lanes, not sealed, and their cost */
};

void cove_outbox_init(struct cove_outbox *outbox,
                      const struct cove_alloc *alloc);
/* Forget what waits; usable again. */
void cove_outbox_clear(struct cove_outbox *outbox);
/* Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_outbox_push(struct cove_outbox *outbox,
                                     enum cove_channel_lane lane,
                                     struct cove_bytes message);
/* Seal the next fragment behind `wire`. Errors: COVE_ENOTFOUND where nothing
 * waits, COVE_ENOMEM; both leave everything as it was. */
COVE_MUST_CHECK int cove_outbox_seal(struct cove_outbox *outbox,
                                     struct cove_buf *wire);
/* Seal a goodbye behind `wire`. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_outbox_goodbye(struct cove_outbox *outbox,
                                        enum cove_channel_bye_reason reason,
                                        struct cove_buf *wire);

/* --- receiving */

struct cove_inbox {
    struct cove_record_key key;
    struct cove_buf lanes[COVE_RECORD_LANES]; /* unfinished messages */
    bool open[COVE_RECORD_LANES];
    uint64_t since_ms[COVE_RECORD_LANES]; /* when they began */
    struct cove_buf ready;                /* (length, message) … */
    size_t taken;                         /* of ready */
    uint64_t messages;
    bool authentic; /* the record opened last was */
    bool goodbye;
    enum cove_channel_bye_reason reason; /* once goodbye */
};

void cove_inbox_init(struct cove_inbox *inbox, const struct cove_alloc *alloc);
void cove_inbox_clear(struct cove_inbox *inbox);
/* Open one record (without its head). Errors: COVE_EPROTOCOL,
 * COVE_ELIMIT, COVE_ENOMEM: the half is of no use any more. */
COVE_MUST_CHECK int cove_inbox_open(struct cove_inbox *inbox, uint64_t now_ms,
                                    struct cove_bytes sealed,
                                    struct cove_diag *diag);
/* Errors: COVE_ENOTFOUND. */
COVE_MUST_CHECK int cove_inbox_take(struct cove_inbox *inbox,
                                    struct cove_bytes *out);
/* When the oldest unfinished message began; UINT64_MAX where there is none. */
uint64_t cove_inbox_since(const struct cove_inbox *inbox);
/* Give memory back that nothing is in. */
void cove_inbox_trim(struct cove_inbox *inbox);

#endif
