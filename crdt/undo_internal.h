/* undo_internal.h: what undo.c and undo_seq.c share. */
#ifndef COVE_CRDT_UNDO_INTERNAL_H
#define COVE_CRDT_UNDO_INTERNAL_H

#include "crdt/repo_internal.h"
#include "crdt/undo.h"

struct undo_read {
    struct repo_work work; /* its arena is scratch */
    struct repo_record record;
    const struct cove_doc *doc;
};

COVE_MUST_CHECK int undo_begin(struct undo_read *u, struct cove_repo *repo,
                               struct cove_store_txn *txn,
                               const struct cove_doc *doc,
                               struct cove_arena *scratch,
                               struct cove_diag *diag);
/* How much of a session the document shows. */
uint32_t undo_shown(const struct undo_read *u, const struct repo_row *row);
bool undo_is_own(const struct undo_read *u, const struct repo_row *row);

/* Visit the transactions [begin, end) of a session; what they are decoded to
 * lives until the visitor returns. */
typedef int undo_visit(void *ctx, const struct repo_row *row, uint32_t index,
                       const struct cove_tx *tx);
COVE_MUST_CHECK int undo_walk(struct undo_read *u, const struct repo_row *row,
                              uint32_t begin, uint32_t end, undo_visit *visit,
                              void *ctx);
/* One transaction that the document shows, in the arena.
 * Errors: COVE_ENOTFOUND. */
COVE_MUST_CHECK int undo_tx(struct undo_read *u,
                            const struct cove_tx_point *point,
                            struct cove_arena *arena, struct cove_tx *out);

#endif
