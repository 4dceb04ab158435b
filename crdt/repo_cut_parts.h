/* repo_cut_parts.h: what the files of cuts share. A part of repo_internal.h,
 * which includes it.
 */
#ifndef COVE_CRDT_REPO_CUT_PARTS_H
#define COVE_CRDT_REPO_CUT_PARTS_H

#include "crdt/repo_cut.h"
#include "crdt/repo_internal.h"

/* --- repo_cut_state.c: what is packed in a cut */
/* Of a state at the cut's rows; `record` as it is here. In work->arena.
 * Errors: COVE_ELIMIT. */
COVE_MUST_CHECK int repo_cut_pack(struct repo_work *work,
                                  const struct repo_record *record,
                                  const struct cove_state *state,
                                  struct cove_bytes *out);
/* Is it as pack makes it, of these rows, and of values as transactions have
 * them? For what comes from outside. Errors: COVE_EFORMAT, COVE_ELIMIT. */
COVE_MUST_CHECK int repo_cut_check(struct repo_work *work,
                                   const struct repo_record *record,
                                   const struct cove_cut *cut);
/* Fill an empty state with that of the document's cut. A sequence's rows are
 * then as far as the cut. Errors: COVE_ECORRUPT. */
COVE_MUST_CHECK int repo_cut_fill(struct repo_work *work,
                                  const struct repo_record *record,
                                  struct cove_state *state);
/* The first bytes of the hash of the transaction of an op that was cut off and
 * is the newest of its register. Errors: COVE_ENOTFOUND, COVE_ECORRUPT. */
COVE_MUST_CHECK int repo_cut_hash(struct repo_work *work,
                                  const struct repo_record *record,
                                  const struct cove_op_id *op, uint8_t out[8]);

/* Count the newest native op of what was cut off (repo_tally_native).
 * Errors: COVE_ECORRUPT. */
COVE_MUST_CHECK int repo_cut_tally(struct repo_work *work,
                                   struct repo_record *record);

/* --- repo_cut.c */
/* A walk over all bytes of a long log, with no more memory than one chunk of it
 * and one transaction need. Ends with repo_cut_walk_end, whatever start said.
 */
struct repo_cut_walk {
    struct repo_work work;
    struct repo_walk walk;
    struct cove_arena scratch, packed;
};
COVE_MUST_CHECK int repo_cut_walk_start(struct repo_work *work,
                                        const struct repo_record *record,
                                        const struct repo_row *row,
                                        uint32_t from, struct repo_cut_walk *w);
/* The bytes are good until the next one. Errors: COVE_ENOTFOUND at the end. */
COVE_MUST_CHECK int repo_cut_walk_next(struct repo_cut_walk *w,
                                       struct repo_tx_entry *entry,
                                       struct cove_bytes *bytes);
void repo_cut_walk_end(struct repo_cut_walk *w);
/* The document's cut, decoded and verified; in the arena.
 * Errors: COVE_ENOTFOUND, COVE_ECORRUPT. */
COVE_MUST_CHECK int repo_cut_get(struct repo_work *work,
                                 const struct repo_record *record,
                                 struct cove_cut *out);
/* Can a document of this type have a cut? Errors: COVE_EUNSUPPORTED. */
COVE_MUST_CHECK int repo_cut_type(struct repo_work *work,
                                  const struct repo_record *record);
/* Refuse what asks for what is before the cut: COVE_ECUT. */
COVE_MUST_CHECK int repo_cut_refuse(struct repo_work *work,
                                    const struct repo_record *record);

/* --- repo_cut_adopt.c */
/* Let the document begin with the cut: what it stands for goes, what is behind
 * it stays. It fits what is here. `item`: the cut as encoded. *grew: it has
 * more of a session than was here. The record is changed and not written.
 * Errors: COVE_EUNSUPPORTED (more would stay than can be put again), nothing
 * written; store errors. */
COVE_MUST_CHECK int repo_cut_adopt(struct repo_work *work,
                                   struct repo_record *record,
                                   const struct cove_cut *cut,
                                   struct cove_bytes item, bool *grew);

#endif
