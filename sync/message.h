/* message.h: the messages of the sync protocol as bytes, and back.
 *
 * Every message is one CBOR array that begins with its kind. Decoding checks
 * the whole message first, form and every limit, without allocating; lists
 * are then walked in place with the cove_message_next_… functions, which
 * cannot fail. Knows nothing of connections or stores. docs/PROTOCOL.md
 * "Messages" is normative.
 *
 *   hello · have · know · content · position · ack · credit · ping · refused
 *   sums · differ · interest · interested · clock · whole · unlike ·
 *   spare
 */
#ifndef COVE_SYNC_MESSAGE_H
#define COVE_SYNC_MESSAGE_H

#include "core/cbor.h"
#include "core/diag.h"
#include "core/id.h"

#define COVE_MESSAGE_MAX_HAVE    512  /* documents in one have */
#define COVE_MESSAGE_MAX_KNOW    512  /* documents in one know */
#define COVE_MESSAGE_MAX_ROWS    8192 /* sessions of one document in a know */
#define COVE_MESSAGE_MAX_ITEMS   4096 /* headers, or batches, in one content */
#define COVE_MESSAGE_MAX_DONE    512  /* answered documents in one content */
#define COVE_MESSAGE_MAX_REFUSED 64   /* documents in one refused, ack, hello */
#define COVE_MESSAGE_MAX_CLIENT  64   /* bytes of a client's name */
#define COVE_MESSAGE_MAX_REASON  200  /* bytes of a refusal's sentence */
#define COVE_MESSAGE_MAX_NUMBER  INT64_MAX
#define COVE_MESSAGE_MAX_SUMS    128 /* nodes in one sums or differ */
#define COVE_MESSAGE_SUM_DEPTH   32u
#define COVE_MESSAGE_SUM_LEAF    32u /* documents in a leaf */
#define COVE_MESSAGE_MARK        12u /* bytes of a mark */
#define COVE_MESSAGE_CLASSES     4
#define COVE_MESSAGE_WHOLE_LEN   16u /* bytes of a sum over all */

enum cove_message_kind {
    COVE_MESSAGE_HELLO = 0,
    COVE_MESSAGE_HAVE = 1,
    COVE_MESSAGE_KNOW = 2,
    COVE_MESSAGE_CONTENT = 3,
    COVE_MESSAGE_POSITION = 4,
    COVE_MESSAGE_ACK = 5,
    COVE_MESSAGE_CREDIT = 6,
    COVE_MESSAGE_PING = 7,
    COVE_MESSAGE_PONG = 8,
    COVE_MESSAGE_REFUSED = 9,
    COVE_MESSAGE_SUMS = 16, /* to 31: for set reconciliation */
    COVE_MESSAGE_DIFFER = 17,
    COVE_MESSAGE_INTEREST = 32, /* to 39 */
    COVE_MESSAGE_INTERESTED = 33,
    COVE_MESSAGE_CLOCK = 64, /* from here on: skipped by who knows them not */
    COVE_MESSAGE_WHOLE = 65,
    COVE_MESSAGE_UNLIKE = 66,
    COVE_MESSAGE_SPARE = 67,
    COVE_MESSAGE_OTHER = 68 /* this and all above: not known here */
};

/* Items one behind another, without the head that counts them: what a list of
 * a decoded message is, borrowed. */
struct cove_message_items {
    struct cove_bytes bytes;
    size_t count;
};

struct cove_hello {
    uint8_t store_id[16];   /* the sender's */
    uint64_t position;      /* the sender's */
    uint8_t your_store[16]; /* the receiver's, as the sender knows it, or 0 */
    uint64_t have;          /* the receiver's position that the sender holds */
    uint64_t credit;        /* content bytes that the receiver may send */
    struct cove_bytes client;
    struct cove_message_items refused; /* ids: not held, in spite of `have` */
    struct cove_bytes interest;        /* encoded: sync/interest.h; written as
                                          everything where empty */
};

struct cove_message_row { /* a session as its holder has it */
    struct cove_session_id session;
    uint32_t len;    /* transactions, from 1 */
    uint8_t head[8]; /* first bytes of the chain's head there */
};

struct cove_message_sums { /* of a group of documents; crdt/repo_sums.h */
    unsigned class;
    struct cove_id owner;
    bool has_schema;
    struct cove_id schema;
    struct cove_message_items nodes;
};

struct cove_message_sum { /* what a node has below it */
    uint8_t depth;
    uint8_t bits[COVE_MESSAGE_SUM_DEPTH / 2];
    uint16_t mask;           /* of the ways to its children; 0: a leaf */
    struct cove_bytes marks; /* of each child, or of each document */
};

struct cove_message {
    uint64_t kind; /* enum cove_message_kind, or COVE_MESSAGE_OTHER and above */
    struct cove_hello hello;
    struct cove_message_items have;    /* [id, digest] */
    struct cove_message_items know;    /* [id, rows] */
    uint64_t settled;                  /* in know: haves that are dealt with */
    struct cove_message_items headers; /* in content, in this order */
    struct cove_message_items batches;
    struct cove_message_items done; /* ids: all that know asked for */
    uint64_t number; /* position, ack, credit, ping, pong, clock */
    struct cove_message_items refused; /* ids in ack, [id, code, text] in
                                          refused */
    struct cove_message_sums sums;
    struct cove_bytes interest; /* encoded: sync/interest.h */
    uint8_t whole[COVE_MESSAGE_WHOLE_LEN];
    struct cove_id spare;
    struct cove_message_items differ; /* a bit for each mark of a node, the
                                         first one is the lowest */
};

/* Check and take apart. Bytes are borrowed.
 * Errors: COVE_EPROTOCOL, diag says what broke which rule. */
COVE_MUST_CHECK int cove_message_decode(struct cove_bytes in,
                                        struct cove_message *out,
                                        struct cove_diag *diag);

/* Walk a list: start, then next until it gives false. */
static inline struct cove_reader cove_message_walk(
    const struct cove_message_items *items)
{
    struct cove_reader r;

    cove_reader_init(&r, items->bytes);
    return r;
}
bool cove_message_next_id(struct cove_reader *r, struct cove_id *out);
bool cove_message_next_have(struct cove_reader *r, struct cove_id *id,
                            struct cove_hash *digest);
bool cove_message_next_know(struct cove_reader *r, struct cove_id *id,
                            struct cove_message_items *rows);
bool cove_message_next_row(struct cove_reader *r, struct cove_message_row *out);
bool cove_message_next_bytes(struct cove_reader *r, struct cove_bytes *out);
bool cove_message_next_sum(struct cove_reader *r, struct cove_message_sum *out);
/* has_id is false where the refusal is not about one document. */
struct cove_refusal {
    bool has_id;
    struct cove_id id;
    int code; /* enum cove_error */
    struct cove_bytes text;
};
bool cove_message_next_refusal(struct cove_reader *r, struct cove_refusal *out);

/* A list that grows until it is sent. */
struct cove_message_list {
    struct cove_buf items;
    size_t count;
};
void cove_message_list_init(struct cove_message_list *list,
                            const struct cove_alloc *alloc);
void cove_message_list_clear(struct cove_message_list *list); /* frees */
void cove_message_list_reset(struct cove_message_list *list); /* empties */

/* Add one item. Errors: COVE_ENOMEM, the list is then as it was. */
COVE_MUST_CHECK int cove_message_add_id(struct cove_message_list *list,
                                        const struct cove_id *id);
COVE_MUST_CHECK int cove_message_add_have(struct cove_message_list *list,
                                          const struct cove_id *id,
                                          const struct cove_hash *digest);
/* rows sorted by session, each once. */
COVE_MUST_CHECK int cove_message_add_know(struct cove_message_list *list,
                                          const struct cove_id *id,
                                          const struct cove_message_row *rows,
                                          size_t count);
COVE_MUST_CHECK int cove_message_add_bytes(struct cove_message_list *list,
                                           struct cove_bytes bytes);
COVE_MUST_CHECK int cove_message_add_sum(struct cove_message_list *list,
                                         const struct cove_message_sum *sum);
/* The text is cut to what a refusal may have. */
COVE_MUST_CHECK int cove_message_add_refusal(
    struct cove_message_list *list, const struct cove_refusal *refusal);

/* Append a whole message to out. Errors: COVE_ENOMEM, out is as it was. */
COVE_MUST_CHECK int cove_message_put_hello(struct cove_buf *out,
                                           const struct cove_hello *hello);
COVE_MUST_CHECK int cove_message_put_have(struct cove_buf *out,
                                          const struct cove_message_list *have);
COVE_MUST_CHECK int cove_message_put_know(struct cove_buf *out,
                                          uint64_t settled,
                                          const struct cove_message_list *know);
COVE_MUST_CHECK int cove_message_put_content(
    struct cove_buf *out, const struct cove_message_list *headers,
    const struct cove_message_list *batches,
    const struct cove_message_list *done);
/* kind: position, credit, ping, pong or clock. */
COVE_MUST_CHECK int cove_message_put_number(struct cove_buf *out,
                                            enum cove_message_kind kind,
                                            uint64_t number);
COVE_MUST_CHECK int cove_message_put_ack(
    struct cove_buf *out, uint64_t position,
    const struct cove_message_list *refused);
COVE_MUST_CHECK int cove_message_put_refused(
    struct cove_buf *out, const struct cove_message_list *refused);
/* sums->nodes is not looked at. */
COVE_MUST_CHECK int cove_message_put_sums(
    struct cove_buf *out, const struct cove_message_sums *sums,
    const struct cove_message_list *nodes);
COVE_MUST_CHECK int cove_message_put_interest(struct cove_buf *out,
                                              struct cove_bytes interest);
COVE_MUST_CHECK int cove_message_put_interested(struct cove_buf *out);
COVE_MUST_CHECK int cove_message_put_whole(
    struct cove_buf *out, const uint8_t whole[COVE_MESSAGE_WHOLE_LEN]);
COVE_MUST_CHECK int cove_message_put_unlike(struct cove_buf *out);
COVE_MUST_CHECK int cove_message_put_spare(struct cove_buf *out,
                                           const struct cove_id *id);
COVE_MUST_CHECK int cove_message_put_differ(
    struct cove_buf *out, const struct cove_message_list *differ);

#endif
