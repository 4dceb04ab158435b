/* repo_cut.h: cutting the history of a document off. docs/FORMAT.md "Cut".
 *
 * What the oldest transactions came to is kept, signed by this device, in
 * place of them (crdt/cut.h). No view and no digest changes; what is gone is
 * who wrote what when before it, and with it undo, diff and views of that
 * time. A peer that asks for what was cut off gets the cut instead.
 *
 * Who cuts decides it for every device that has not got these transactions by
 * then: so that is for admins of the owner, and for whoever calls this to see
 * that the peers it knows have them.
 */
#ifndef COVE_CRDT_REPO_CUT_H
#define COVE_CRDT_REPO_CUT_H

#include "crdt/cut.h"
#include "crdt/repo.h"

/* A cut is made only where so much goes: a cut takes room, too. */
#define COVE_CUT_LEAST 4096 /* bytes of transactions */

struct cove_cut_rule {
    uint64_t before; /* hlc: what is older may go; 0: nothing for its age */
    uint64_t bytes;  /* of transactions that stay at most; UINT64_MAX: any */
};

struct cove_cut_result {
    uint64_t txs, bytes; /* of transactions that went */
    uint64_t until;      /* hlc of the latest of them */
};

/* Cut, in a write transaction. `plan`: only say what would go; any transaction
 * will do. A document of another type than map, counter, list or text is left
 * as it is, and so is one with branches, or with something that is not shown.
 * Errors: COVE_ENOTFOUND (less than COVE_CUT_LEAST would go), COVE_EDENIED
 * (this device is no admin of the owner), COVE_EUNSUPPORTED (such a document,
 * or type, or more than 32 MiB would stay), COVE_ELIMIT (what it comes to is
 * too long), COVE_ENOMEM, store errors. */
COVE_MUST_CHECK int cove_repo_cut(struct cove_repo *repo,
                                  struct cove_store_txn *txn, cove_num num,
                                  const struct cove_cut_rule *rule, bool plan,
                                  struct cove_cut_result *out,
                                  struct cove_diag *diag);

/* The cut of a document, as it was signed, in the arena.
 * Errors: COVE_ENOTFOUND (it has none), COVE_ECORRUPT. */
COVE_MUST_CHECK int cove_repo_cut_read(struct cove_repo *repo,
                                       struct cove_store_txn *txn, cove_num num,
                                       struct cove_arena *arena,
                                       struct cove_bytes *out);

/* Take a cut from a peer, where it has more of a session than is here;
 * otherwise nothing is done. Then `result` says what came.
 * Errors, the document unchanged: cove_cut_decode's, COVE_ENOTFOUND (ask for
 * the header), COVE_EGAP (the owner is not here), COVE_EDENIED (who signed it
 * is no admin), COVE_EFORK (a session is another one here), COVE_ECUT (the
 * history here was cut at another place), COVE_ECLOCK, COVE_EREMOVED,
 * COVE_EUNSUPPORTED (of a type that cannot have one, or more than 32 MiB would
 * stay), COVE_ENOMEM. */
COVE_MUST_CHECK int cove_repo_cut_take(struct cove_repo *repo,
                                       struct cove_store_txn *txn,
                                       struct cove_bytes in, uint32_t peer,
                                       struct cove_ingest_result *out,
                                       struct cove_diag *diag);

#endif
