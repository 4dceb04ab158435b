/* repo_compact.h: packing the cold part of logs, so that history takes less
 * room. docs/FORMAT.md "Pack".
 *
 * Nothing that anybody reads changes by it: not a view, not a digest, not what
 * peers are sent. What is packed is planned in a read transaction, which takes
 * the time, and put in a write transaction, which takes little; where somebody
 * wrote to those chunks in between nothing is put. A kill at any point leaves
 * the one or the other.
 *
 * The newest chunk of a session is the one that grows. It can be packed too;
 * what is written next begins another.
 */
#ifndef COVE_CRDT_REPO_COMPACT_H
#define COVE_CRDT_REPO_COMPACT_H

#include "crdt/repo.h"

struct cove_pack_rule {
    uint64_t before; /* only chunks that were written before this hlc */
    bool newest;     /* the newest chunk of each session as well */
};

struct cove_pack_old { /* an entry that goes, as it was when planned */
    struct cove_bytes key;
    struct cove_hash value;
};
struct cove_pack_run { /* a stub that comes in its place */
    uint32_t session;  /* interned */
    uint32_t start, end;
};
struct cove_pack_plan { /* all in the arena that it was made in */
    cove_num num;       /* of the document */
    uint32_t pack;      /* its number there */
    struct cove_bytes value;
    struct cove_pack_old *olds;
    size_t old_count;
    struct cove_pack_run *runs;
    size_t run_count;
    uint64_t *groups; /* signatures that are superfluous from now on */
    size_t group_count;
    size_t chunks;                      /* that were not packed before */
    uint64_t txs;                       /* in the pack */
    uint64_t bytes_before, bytes_after; /* of the store, roughly */
};

/* The next document behind `after` whose log may have something to pack: short
 * logs lie in their document's record, and are passed over.
 * Errors: COVE_ENOTFOUND at the end. */
COVE_MUST_CHECK int cove_repo_pack_next(struct cove_repo *repo,
                                        struct cove_store_txn *txn,
                                        cove_num after, cove_num *out);
/* Plan the next pack of a document. Errors: COVE_ENOTFOUND (there is nothing to
 * pack, or nothing to gain), COVE_ECORRUPT (what was packed does not give the
 * same bytes: the log stays as it is). Cost: reads what it packs twice, up to
 * 256 KiB or 8,192 transactions. */
COVE_MUST_CHECK int cove_repo_pack_plan(struct cove_repo *repo,
                                        struct cove_store_txn *txn,
                                        cove_num num,
                                        const struct cove_pack_rule *rule,
                                        struct cove_arena *arena,
                                        struct cove_pack_plan *out);
/* Put it, in a write transaction of its own; a checkpoint is made where a load
 * would have to open the pack. Errors: COVE_EBUSY (the log is another by now,
 * nothing is written: plan again). */
COVE_MUST_CHECK int cove_repo_pack_put(struct cove_repo *repo,
                                       struct cove_store_txn *txn,
                                       const struct cove_pack_plan *plan);

#endif
