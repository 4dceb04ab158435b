/* repo_pack.h: the cold chunks of a document's logs, packed into one record. A
 * part of repo_internal.h, which includes it. docs/FORMAT.md "Pack".
 *
 * A pack holds chunks of one or more sessions as they were, but for proofs that
 * a later one in the pack makes superfluous, and is compressed as a whole: what
 * several sessions say alike is kept once. Where a run of chunks was there is a
 * stub, which names the pack.
 */
#ifndef COVE_CRDT_REPO_PACK_H
#define COVE_CRDT_REPO_PACK_H

#include "crdt/repo_log.h"

#define REPO_PACK_RAW   (256u << 10) /* most bytes that a pack is made from */
#define REPO_PACK_VALUE 60000u       /* and most that it is written as */
#define REPO_PACK_TX    8192u        /* most transactions of one that is made */
#define REPO_PACK_LIMIT (1u << 20)   /* most bytes that one is read from */

struct repo_part {    /* a chunk in a pack */
    uint32_t session; /* interned */
    struct repo_chunk chunk;
};

struct repo_parts { /* ascending by session and start */
    struct repo_part *at;
    size_t count;
};

/* How big a pack is, without opening it. */
struct repo_pack_size {
    size_t raw;
    uint32_t txs;
};

/* Append the record of a pack. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int repo_pack_encode(const struct repo_parts *parts,
                                     const struct cove_alloc *alloc,
                                     struct cove_buf *out);
/* Take one apart, checked whole; parts in the arena, their transactions and
 * all else in `raw`. Errors: COVE_ECORRUPT, COVE_ENOMEM. */
COVE_MUST_CHECK int repo_pack_decode(struct cove_bytes value,
                                     struct cove_arena *arena,
                                     struct cove_buf *raw,
                                     struct repo_parts *out);
COVE_MUST_CHECK int repo_pack_size(struct cove_bytes value,
                                   struct repo_pack_size *out);

/* Where it lies in the tree of logs: under session 0, which is none. */
void repo_pack_place(struct cove_place *place, cove_num num, uint32_t pack);
void repo_log_place(struct cove_place *place, cove_num num, uint32_t session,
                    uint32_t start);

/* What stands in place of chunks. */
COVE_MUST_CHECK int repo_stub_encode(uint32_t pack, struct cove_buf *out);
/* Is it one? A chunk is never without transactions. */
bool repo_stub_is(struct cove_bytes value, uint32_t *pack);

/* The pack that was opened last, under the repo's lock. */
struct repo_opened_pack {
    struct cove_buf value; /* as it is in the store; empty: none */
    struct cove_buf raw;
    struct cove_arena arena;
    struct repo_parts parts;
};
void repo_pack_init(struct cove_repo *repo);
void repo_pack_clear(struct cove_repo *repo);
/* The chunk of a pack that holds a transaction; copied to the arena.
 * Errors: COVE_ECORRUPT. */
COVE_MUST_CHECK int repo_pack_chunk(struct repo_work *work, cove_num num,
                                    uint32_t pack, uint32_t session,
                                    uint32_t index, struct repo_chunk *out);

/* An entry of the tree of logs is about to go, or what it has is: nothing of it
 * names a group any more. session as in its key. */
COVE_MUST_CHECK int repo_log_release(struct repo_work *work, uint32_t session,
                                     struct cove_bytes value);

#endif
