/* repo_tx_parts.h: what repo_tx.c, a transaction in a chunk, is made of: plain
 * ones whole, and ops: registers by their interned numbers, elements by how far
 * they are from others. docs/FORMAT.md "Log chunk".
 */
#ifndef COVE_CRDT_REPO_TX_PARTS_H
#define COVE_CRDT_REPO_TX_PARTS_H

#include "crdt/repo_internal.h"

/* --- repo_tx_plain.c */

/* Behind `out`; before->near moves on. intern: registers come from a schema. */
COVE_MUST_CHECK int repo_plain_pack(struct repo_work *work,
                                    const struct cove_tx *tx, bool intern,
                                    struct repo_tx_before *before,
                                    struct cove_buf *out);
/* What it says of itself without looking anything up: from entry->raw to its
 * other fields; before->near moves on. */
COVE_MUST_CHECK int repo_plain_front(struct repo_tx_before *before,
                                     struct repo_tx_entry *entry);
COVE_MUST_CHECK int repo_plain_take(struct repo_work *work,
                                    const struct repo_tx_entry *entry,
                                    struct cove_tx *out);

/* Is it users' writes to registers and nothing else? */
bool repo_plain_writes(const struct repo_tx_entry *entry);
/* Fold such a one, op by op. each: what they have in common, the rest is
 * filled in. */
COVE_MUST_CHECK int repo_plain_fold(struct repo_work *work,
                                    const struct repo_tx_entry *entry,
                                    struct cove_native *each,
                                    struct cove_state *state);

/* --- repo_tx_op.c */

/* A register: varint `n << shift | literal | bits`. shift: 1 or 2, the literal
 * bit is the highest below it. */
struct repo_reg_form {
    bool intern; /* it may be interned: it comes from a schema */
    unsigned shift;
    unsigned bits;
};
COVE_MUST_CHECK int repo_reg_pack(struct repo_work *work, struct cove_bytes reg,
                                  const struct repo_reg_form *form,
                                  struct cove_packer *p);
/* head: what follows the shift of the varint. */
COVE_MUST_CHECK int repo_reg_take(struct repo_work *work,
                                  struct cove_unpacker *u, uint64_t head,
                                  bool literal, struct cove_bytes *out);

/* The table of agents. hlc: of the transaction. */
COVE_MUST_CHECK int repo_agent_pack(struct repo_work *work,
                                    const struct cove_tx_agent *agent,
                                    uint64_t hlc, struct cove_packer *p);
COVE_MUST_CHECK int repo_agent_take(struct repo_work *work,
                                    struct cove_unpacker *u, uint64_t hlc,
                                    struct cove_tx_agent *out);

/* An op that is not on a register, with its tag. */
struct repo_op_form {
    bool intern;
    bool last;   /* its content ends where the transaction does */
    bool single; /* the only op: an agent stands in it, there is no table */
};
COVE_MUST_CHECK int repo_op_pack(struct repo_work *work,
                                 const struct cove_tx *tx,
                                 const struct cove_tx_op *op,
                                 const struct repo_op_form *form,
                                 struct repo_tx_near *near,
                                 struct cove_packer *p);
/* The tag has been read. tx has the table, or, of a single op, gets it. */
COVE_MUST_CHECK int repo_op_take(struct repo_work *work,
                                 struct cove_unpacker *u, uint8_t tag,
                                 const struct repo_op_form *form,
                                 struct repo_tx_near *near, struct cove_tx *tx,
                                 struct cove_tx_op *op);
/* How a single op moves `near`, without looking anything up. */
COVE_MUST_CHECK int repo_op_pass(struct cove_unpacker u,
                                 struct repo_tx_near *near);

#endif
