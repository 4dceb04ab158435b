/* repo_log.h: the logs of the repo and what is folded from them: chunks, walks
 * over a session, checkpoints, the history behind a state. A part of
 * repo_internal.h, which includes it.
 */
#ifndef COVE_CRDT_REPO_LOG_H
#define COVE_CRDT_REPO_LOG_H

#include "crdt/repo_internal.h"

struct repo_view;

/* What signs the end of a chunk. */
struct repo_proof {
    uint64_t group; /* its number, or 0: `whole` */
    uint32_t leaf;  /* in the group */
    bool none;      /* in a pack: the next chunk's does it too */
    struct cove_proof whole;
};

/* What elements are told from in a chunk, after each of its transactions; 0 at
 * its start. repo_tx_op.c. */
struct repo_tx_near {
    uint64_t next;  /* the number behind the session's last insertion */
    uint64_t named; /* the number of the element named last */
};

/* repo_chunk.c: a chunk is [start, start + count) of a session, its end
 * signed. */
struct repo_chunk {
    uint32_t start;
    uint32_t count;
    uint32_t epoch; /* interned, before the first transaction */
    bool in_pack;   /* it cannot grow */
    struct repo_proof proof;
    struct repo_tx_near near; /* behind the last transaction */
    struct cove_bytes packed; /* the transactions */
};
COVE_MUST_CHECK int repo_chunk_decode(struct cove_bytes value,
                                      struct cove_arena *arena,
                                      struct repo_chunk *out);
COVE_MUST_CHECK int repo_chunk_encode(const struct repo_chunk *chunk,
                                      struct cove_buf *out);
/* All of it but the transactions. */
void repo_chunk_pack_head(struct cove_packer *p,
                          const struct repo_chunk *chunk);
COVE_MUST_CHECK int repo_chunk_take_head(struct cove_unpacker *u,
                                         struct cove_arena *arena,
                                         struct repo_chunk *out);

/* repo_tx.c: one transaction in a chunk. */
struct repo_tx_before { /* what a packed transaction builds on */
    bool own;           /* made by this very code: it encodes again alike */
    uint64_t hlc;   /* of the one before it; of the document for the first */
    uint32_t epoch; /* interned, as of the one before it; 0 = none */
    struct repo_tx_near near; /* of the chunk up to it */
};
struct repo_tx_entry {
    unsigned form;
    uint64_t hlc;
    uint32_t epoch; /* interned, as of this one; 0 = none */
    unsigned bits;
    size_t front;
    struct cove_bytes raw;
    struct repo_tx_near near; /* as before it */
    struct cove_unpacker body;
};
/* Append a transaction to a chunk's packed bytes, by its decoded form and its
 * bytes; `before` moves on. intern: its registers come from a schema. */
COVE_MUST_CHECK int repo_tx_pack(struct repo_work *work,
                                 const struct cove_tx *tx,
                                 struct cove_bytes bytes, bool intern,
                                 struct repo_tx_before *before,
                                 struct cove_buf *packed);
/* Take the next one off without looking into it; `before` moves on. */
COVE_MUST_CHECK int repo_tx_take(struct cove_unpacker *u,
                                 struct repo_tx_before *before,
                                 struct repo_tx_entry *out);
/* The bytes as received, and what they say. In the arena, or borrowed from
 * the chunk. */
COVE_MUST_CHECK int repo_tx_bytes(struct repo_work *work,
                                  const struct repo_tx_entry *entry,
                                  struct cove_bytes *out);
COVE_MUST_CHECK int repo_tx_decode(struct repo_work *work,
                                   const struct repo_tx_entry *entry,
                                   struct cove_tx *out);
/* Can repo_fold_writes fold it as it is? */
bool repo_tx_writes(const struct repo_tx_entry *entry);

/* repo_log.c */
/* A walk over a session's transactions. What it gives stays valid until the
 * next write in the transaction. */
struct repo_walk {
    const struct repo_record *record;
    const struct repo_row *row;
    uint32_t index; /* of the transaction that next gives */
    uint32_t end;   /* where the walk ends */
    struct repo_chunk chunk;
    struct cove_unpacker in;
    struct repo_tx_before before;
    struct cove_arena *packed; /* chunks of packs are put there, one at a time;
                                  NULL: all in the operation's arena */
};
COVE_MUST_CHECK int repo_walk_start(struct repo_work *work,
                                    const struct repo_record *record,
                                    const struct repo_row *row, uint32_t from,
                                    struct repo_walk *walk);
/* Errors: COVE_ENOTFOUND at the end. */
COVE_MUST_CHECK int repo_walk_next(struct repo_work *work,
                                   struct repo_walk *walk,
                                   struct repo_tx_entry *out);
/* As above, and the bytes. */
COVE_MUST_CHECK int repo_walk_bytes(struct repo_work *work,
                                    struct repo_walk *walk,
                                    struct cove_bytes *out);
/* What comes behind a log. No proof: they are this device's and row->head is
 * the new one; the group signs it. */
struct repo_more {
    const struct cove_bytes *txs;
    const struct cove_tx *decoded;
    size_t count;
    const struct cove_proof *proof; /* as it came, or … */
    const struct repo_proof *kept;  /* … of a chunk, held for this one */
};
/* Put [row->len …] behind the log and move len, tail, epoch and the inline
 * chunk on; last_hlc and the record are the caller's to write. */
COVE_MUST_CHECK int repo_log_put(struct repo_work *work,
                                 struct repo_record *record,
                                 struct repo_row *row,
                                 const struct repo_more *put);
/* Is there a chunk at its end? Not where all was cut off. */
bool repo_log_has_end(const struct repo_row *row);

/* The last chunk, its transactions in `packed`, and what the next one builds
 * on; for who puts several behind it before they are stored. */
COVE_MUST_CHECK int repo_log_end(struct repo_work *work,
                                 const struct repo_record *record,
                                 const struct repo_row *row,
                                 struct repo_chunk *chunk,
                                 struct cove_buf *packed,
                                 struct repo_tx_before *before);
/* Begin another behind it. */
COVE_MUST_CHECK int repo_log_fresh(struct repo_work *work,
                                   struct repo_record *record,
                                   struct repo_row *row,
                                   struct repo_chunk *chunk,
                                   struct repo_tx_before *before);
/* Store it, with row->head as what is signed. */
COVE_MUST_CHECK int repo_log_put_end(struct repo_work *work,
                                     struct repo_record *record,
                                     struct repo_row *row,
                                     struct repo_chunk *chunk);

/* Give the session's last chunk this proof in place of that of the group and
 * leaf in it, and write the record. Errors: COVE_ENOTFOUND where the chunk has
 * another one. */
COVE_MUST_CHECK int repo_log_sign_anew(struct repo_work *work,
                                       struct repo_record *record,
                                       struct repo_row *row,
                                       const struct repo_proof *proof);

/* repo_group.c */
void repo_group_init(struct cove_repo *repo);
/* Before a commit, and when the transaction is over. */
COVE_MUST_CHECK int repo_group_end(struct repo_work *work);
void repo_group_forget(struct cove_repo *repo);
void repo_group_clear(struct cove_repo *repo);
/* Sign row->head, at the end given, before the commit: a leaf of the group
 * under way. change: the sequence of the last transaction that it signs; no
 * two chunks have it in common, so it numbers the group that the leaf begins.
 * *proof: the chunk's former one, or zero; replaced. */
COVE_MUST_CHECK int repo_group_sign(struct repo_work *work,
                                    const struct repo_record *record,
                                    const struct repo_row *row, uint32_t end,
                                    uint64_t change, struct repo_proof *proof);
/* The same for what a peer's group has signed; it is kept with all its leaves.
 */
COVE_MUST_CHECK int repo_group_take(struct repo_work *work,
                                    const struct cove_proof *shared,
                                    struct repo_proof *out);
/* So many chunks name the group: none, and it goes. For a check. */
COVE_MUST_CHECK int repo_group_named(struct repo_work *work, uint64_t num,
                                     uint64_t named);
/* A chunk with this proof is about to go, or to be signed otherwise. */
COVE_MUST_CHECK int repo_group_release(struct repo_work *work,
                                       const struct repo_proof *proof);
/* Another one with this proof is about to come. */
COVE_MUST_CHECK int repo_group_hold(struct repo_work *work,
                                    const struct repo_proof *proof);
/* The proof as it travels; its path in the arena. Bytes borrowed from the store
 * may be gone after it. */
COVE_MUST_CHECK int repo_group_proof(struct repo_work *work,
                                     const struct repo_proof *proof,
                                     struct cove_proof *out);

/* repo_state.c. Read gives COVE_ECORRUPT where the checkpoint cannot be used;
 * the caller then folds the whole log. */
COVE_MUST_CHECK int repo_state_pack(struct repo_work *work,
                                    const struct repo_record *record,
                                    const struct cove_state *state,
                                    struct cove_buf *out);
/* What of it all types have: false copies, natives, copies; it comes first. */
COVE_MUST_CHECK int repo_state_pack_ops(struct repo_work *work,
                                        const struct cove_state *state,
                                        struct cove_buf *out);
/* Into an empty state; values stay where they are. Errors: COVE_ECORRUPT. */
COVE_MUST_CHECK int repo_state_unpack(struct repo_work *work,
                                      const struct repo_record *record,
                                      struct cove_bytes bytes,
                                      struct cove_state *state);
COVE_MUST_CHECK int repo_state_write(struct repo_work *work,
                                     struct repo_record *record,
                                     const struct cove_state *state);
COVE_MUST_CHECK int repo_state_read(struct repo_work *work,
                                    const struct repo_record *record,
                                    struct cove_state *state);
/* Drop it; the next load folds anew. */
COVE_MUST_CHECK int repo_state_drop(struct repo_work *work,
                                    struct repo_record *record);
/* Is it there, and as it was written? Errors: COVE_ECORRUPT. */
COVE_MUST_CHECK int repo_state_whole(struct repo_work *work,
                                     const struct repo_record *record);

/* The transaction that an origin lies in, as far as it is asked for. It never
 * changes: logs only grow. */
struct repo_seen {
    cove_num num;     /* of the document; 0 = none */
    uint32_t session; /* interned */
    uint32_t index;
    bool native;
    bool opaque; /* ahead or private */
    uint64_t hlc;
    size_t op_count; /* op indexes used */
    uint8_t tx_hash[8];
};

/* repo_fold.c */
/* What a state asks for the origins of copies; attached while an operation
 * runs, since it reads through the operation's transaction. */
struct repo_history {
    struct repo_work *work; /* NULL: not attached */
    struct repo_record *record;
    struct repo_seen seen; /* the transaction looked at last */
    int err;               /* sticky: what reading the log said */
};
void repo_history_attach(struct cove_state *state, struct repo_work *work,
                         struct repo_record *record);
void repo_history_detach(struct cove_state *state);
int repo_history_error(const struct cove_state *state);
/* The first bytes of the hash of an op's transaction. Errors: COVE_ENOTFOUND.
 */
COVE_MUST_CHECK int repo_origin_hash(struct repo_work *work,
                                     const struct repo_record *record,
                                     const struct cove_op_id *op,
                                     uint8_t out[8]);
/* Has the owner arrived, or the time of something held? Then roles, folded
 * and next_held are brought up to date and *moved is set. */
COVE_MUST_CHECK int repo_refresh(struct repo_work *work,
                                 struct repo_record *record, bool *moved);
/* How far an hlc is shown: not ahead of the clock by more than is held. */
bool repo_in_time(const struct cove_repo *repo, uint64_t hlc);
/* Give the state a history to attach to, in the arena. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int repo_history_new(struct cove_arena *arena,
                                     struct cove_state *state);
/* Fold one decoded transaction, but for elements (repo_live_fold). epoch:
 * interned, as it stands with it. */
COVE_MUST_CHECK int repo_fold_tx(struct repo_work *work,
                                 const struct repo_record *record,
                                 const struct repo_row *row, uint32_t index,
                                 const struct cove_tx *tx, uint32_t epoch,
                                 struct cove_state *state);

/* Fold one that is nothing but users' writes to registers, without decoding it
 * first. Not for a blob. */
COVE_MUST_CHECK int repo_fold_writes(struct repo_work *work,
                                     const struct repo_row *row, uint32_t index,
                                     const struct repo_tx_entry *entry,
                                     struct cove_state *state);

/* repo_held.c: is each origin that a copy names held, by what a state that was
 * folded from the log says? */
bool repo_held_all(const struct repo_record *record,
                   const struct cove_state *state);
/* These come to the document: what was found out about it no longer holds, but
 * for held origins where all of these are users' writes. */
void repo_held_come(struct repo_record *record, const struct cove_tx *txs,
                    size_t count);

/* repo_view.c */
/* The state that a view shows: of the document's own view from checkpoint and
 * what follows it. In work->arena; a sequence, and all beside it, stays in the
 * cache of the repo, but for views of a time or up to points, whose state ends
 * with cove_repo_state_done.
 * Errors: COVE_ENOTFOUND (no such branch), COVE_ENOMEM, store errors. */
COVE_MUST_CHECK int repo_fold_view(struct repo_work *work,
                                   struct repo_record *record,
                                   const struct repo_view *view,
                                   struct cove_state *state);
/* Write a checkpoint where the log behind it has grown; state may be NULL:
 * it is then folded here. */
COVE_MUST_CHECK int repo_checkpoint(struct repo_work *work,
                                    struct repo_record *record,
                                    const struct cove_state *state);
/* The same, however little the log has grown. */
COVE_MUST_CHECK int repo_checkpoint_now(struct repo_work *work,
                                        struct repo_record *record,
                                        const struct cove_state *state);

#endif
