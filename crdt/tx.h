/* tx.h: the transaction, unit of commit in a session. docs/FORMAT.md
 * "Transaction".
 *
 *   [version, hlc, kind, epoch, auth, seen, ops, extra?]
 *
 * epoch, auth: null = as in the session's previous transaction. epoch h'' =
 * none. seen: the document's state digest as the author had it, or null where
 * the author had applied nothing new from other sessions since the session's
 * previous transaction. ops: [0, register, value, origins?] sets, [1,
 * register, origins?] deletes. In a copy each op ends with its origins
 * [[register, table index, op index] | [register]], the table being
 * extra.origins: [[hlc, device, session, tx index, tx hash 8]].
 * extra: {claim?, origins?, private?, agents?, undo?, branch?, merge?}.
 * Members, kinds and op kinds that this build does not know make a transaction
 * "ahead": kept and relayed whole. Beside registers there are, in native
 * transactions:
 *
 *   [2, side, text, first, agent, n]           text inserted
 *   [3, side, [values], type, first, agent, n] items inserted
 *   [4, agent, n, count]          elements removed
 *   [5, value]                    appended     [6, offset, bytes]  a chunk
 *   [7, int]                      added
 *
 * side: 0 left, 1 right of the parent (agent, n); [2, 1, text, first] and
 * [3, 1, [values], type, first] hang on the root. first: the number of the
 * first new element; a session numbers its elements upwards over all its
 * insertions in the document; an insertion of n elements uses n op indexes.
 */
#ifndef COVE_CRDT_TX_H
#define COVE_CRDT_TX_H

#include "core/arena.h"
#include "core/cbor.h"
#include "core/diag.h"
#include "core/id.h"
#include "crdt/seq.h"
#include "crdt/state.h"

enum cove_tx_kind { COVE_TX_NATIVE = 0, COVE_TX_COPY = 1 };

struct cove_tx_origin { /* one row of the table */
    uint64_t hlc;
    struct cove_key device;
    struct cove_session_id session;
    uint32_t tx;
    uint8_t tx_hash[8];
};
/* The order of the table's rows: by all fields, in their order. */
int cove_tx_origin_compare(const struct cove_tx_origin *a,
                           const struct cove_tx_origin *b);

enum cove_op_kind {
    COVE_OP_REGISTER = 0, /* sets or deletes a register */
    COVE_OP_TEXT = 2,     /* inserts code points */
    COVE_OP_ITEMS = 3,    /* inserts values */
    COVE_OP_REMOVE = 4,   /* deletes elements */
    COVE_OP_APPEND = 5,   /* to a stream */
    COVE_OP_CHUNK = 6,    /* of a blob */
    COVE_OP_ADD = 7       /* to a counter */
};

/* Whose elements a sequence op speaks of: a session of the document, or a
 * write to another document whose characters are elements here. */
struct cove_tx_agent {
    bool is_write;
    struct cove_session_id session; /* else all of `write` */
    struct cove_op_id write;
};
/* The order of the table: sessions first, each kind by its id. */
int cove_tx_agent_compare(const struct cove_tx_agent *a,
                          const struct cove_tx_agent *b);
/* Whom a sequence has it as, of no device: only the write itself, or the
 * session's own transactions, say which that is. */
struct cove_seq_author cove_tx_agent_author(const struct cove_tx_agent *agent);
#define COVE_TX_OWN  0          /* the session of the transaction itself */
#define COVE_TX_ROOT UINT32_MAX /* no element: the root of the sequence */

struct cove_tx_op {
    enum cove_op_kind kind;
    bool deleted;
    bool left;                   /* inserted on the parent's left side */
    struct cove_bytes reg;       /* a register's; of items: their type id */
    struct cove_bytes value;     /* checked CBOR, empty where deleted. Text: the
                                    UTF-8 itself; items: the values, one behind
                                    another; chunk: the bytes themselves */
    struct cove_origin *origins; /* of a copy, resolved through the table */
    size_t origin_count;
    uint32_t agent; /* of the parent, or of what is removed: COVE_TX_OWN,
                       COVE_TX_ROOT, or the place in `agents`, from 1 */
    uint32_t n;     /* its number among that agent's elements */
    uint32_t first; /* number of the first element inserted */
    uint32_t count; /* elements inserted (as many as `value` has), or removed */
    uint64_t offset; /* of a chunk in its blob */
    int64_t amount;  /* added to a counter */
};

/* How many op indexes an op uses: an insertion one for each element. */
uint32_t cove_tx_op_indexes(const struct cove_tx_op *op);

/* What a transaction says of a branch of its document. */
struct cove_tx_point { /* a session, and how far */
    struct cove_session_id session;
    uint32_t len;
};
struct cove_tx_branch { /* in the first transaction of a branch's session */
    struct cove_session_id id;  /* 16 random bytes, the branch's */
    struct cove_bytes name;     /* 1 to 255 bytes */
    struct cove_tx_point *base; /* ascending: what it sees of the document, of
                                   each session at least 1 */
    size_t base_count;
};
struct cove_tx_merge { /* from here on the document shows so much of it */
    struct cove_session_id id;
    struct cove_tx_point *points; /* ascending, at least one */
    size_t point_count;
};

struct cove_tx {
    uint64_t hlc;
    enum cove_tx_kind kind;
    bool epoch_inherited; /* as in the previous transaction */
    bool has_epoch;
    struct cove_step_id epoch;
    bool auth_inherited;
    struct cove_hash *auth; /* at most COVE_MAX_AUTH, ascending */
    size_t auth_count;
    bool has_seen;
    struct cove_hash seen;
    struct cove_tx_op *ops;
    size_t op_count;
    bool has_claim;
    struct cove_step_id claim;
    struct cove_bytes private_part; /* encoded {key, nonce, ops}, or empty */
    struct cove_tx_agent *agents;   /* that sequence ops name; each once, each
                                       used, sessions first, ascending */
    size_t agent_count;
    bool has_undo; /* takes back the transaction `undo`, of the author's own */
    struct cove_tx_point undo; /* len: its index */
    bool has_branch, has_merge;
    bool has_remove; /* the document goes; nothing else in it */
    struct cove_tx_branch branch;
    struct cove_tx_merge merge;
    bool applied; /* to append: a sequence has its ops already, at that hlc */
    bool checked; /* cove_tx_encode took it before, with other times */
    bool ahead;   /* holds what this build does not know: only hlc, epoch, auth
                     and seen are given then */
};

/* Encode and append to out. The origins table is built from the ops' origins.
 * Errors: COVE_ELIMIT, COVE_EUSAGE (what decode would refuse),
 * COVE_ERESERVED, COVE_ENOMEM. */
COVE_MUST_CHECK int cove_tx_encode(const struct cove_tx *tx,
                                   struct cove_buf *out,
                                   struct cove_diag *diag);
/* As above, of a transaction that passed it before: nothing is checked.
 * Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_tx_write(const struct cove_tx *tx,
                                  struct cove_arena *arena,
                                  struct cove_buf *out);
/* Check hostile bytes whole and take them apart; arrays live in the arena,
 * bytes are borrowed from `in`. A newer format version is `ahead` too, with
 * epoch and auth as inherited. Errors: COVE_ELIMIT, COVE_EFORMAT,
 * COVE_ERESERVED (an empty key in a value), COVE_ENOMEM. */
COVE_MUST_CHECK int cove_tx_decode(struct cove_bytes in,
                                   struct cove_arena *arena,
                                   struct cove_tx *out, struct cove_diag *diag);
/* H("cove/tx", bytes): names a transaction in origins. */
struct cove_hash cove_tx_hash(struct cove_bytes tx);

#endif
