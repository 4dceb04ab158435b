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
 * extra: {claim?, origins?, private?}. Members, kinds and op kinds that this
 * build does not know make a transaction "ahead": kept and relayed whole.
 */
#ifndef COVE_CRDT_TX_H
#define COVE_CRDT_TX_H

#include "core/arena.h"
#include "core/cbor.h"
#include "core/diag.h"
#include "core/id.h"
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

struct cove_tx_op {
    bool deleted;
    struct cove_bytes reg;
    struct cove_bytes value;     /* checked CBOR, empty where deleted */
    struct cove_origin *origins; /* of a copy, resolved through the table */
    size_t origin_count;
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
