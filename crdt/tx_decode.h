/* tx_decode.h: what the files that take hostile transactions apart share:
 * tx_decode.c (the frame), tx_decode_extra.c and tx_decode_op.c (the ops).
 */
#ifndef COVE_CRDT_TX_DECODE_H
#define COVE_CRDT_TX_DECODE_H

#include "crdt/tx.h"

struct tx_decoder {
    struct cove_reader r;
    struct cove_arena *arena;
    struct cove_diag *diag;
    struct cove_tx tx;
    bool known_kind;
    struct cove_bytes ops;        /* encoded, for the last step */
    struct cove_tx_origin *table; /* extra.origins */
    bool *used;                   /* which rows an op pointed at */
    size_t table_len;
    bool *agents_used; /* which of tx.agents an op named */
    uint32_t next;     /* the least number of the next inserted element */
};

COVE_MUST_CHECK int tx_malformed(struct tx_decoder *d, const char *rule);

/* The next item, where it is what the rule wants; false where it is anything
 * else: the caller refuses. */
bool tx_next_is(struct tx_decoder *d, enum cove_cbor_type type);
bool tx_fixed(struct tx_decoder *d, void *out, size_t len); /* a byte string */
bool tx_uint(struct tx_decoder *d, uint64_t max, uint64_t *out);
bool tx_u32(struct tx_decoder *d, uint32_t max, uint32_t *out);
bool tx_list(struct tx_decoder *d, size_t count);
bool tx_null(struct tx_decoder *d);
bool tx_hlc(struct tx_decoder *d, uint64_t *out);

/* Give what it says to d->tx, and the table of origins to d->table. */
COVE_MUST_CHECK int tx_read_extra(struct tx_decoder *d);
/* d->ops to tx.ops, and which rows and agents they use. */
COVE_MUST_CHECK int tx_read_ops(struct tx_decoder *d);

#endif
