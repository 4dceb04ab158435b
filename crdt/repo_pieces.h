/* repo_pieces.h: a session's log put together from chunks that may be damaged,
 * missing, or under a wrong key. What a signature covers is whole; nothing else
 * is believed. For checking and saving only; a part of repo_internal.h.
 */
#ifndef COVE_CRDT_REPO_PIECES_H
#define COVE_CRDT_REPO_PIECES_H

#include "crdt/repo_internal.h"

/* Whose log it is. */
struct repo_whose {
    cove_num num;
    struct cove_id id;
    uint64_t created; /* repo_record_created */
    struct cove_session_id session;
    uint32_t session_num;
    struct cove_key device;
};

struct repo_whose repo_whose_of(const struct repo_record *record,
                                const struct repo_row *row);

/* How far a log goes, all of it verified. */
struct repo_reach {
    uint32_t len;
    struct cove_hash head;
    uint64_t last_hlc;
    uint32_t epoch; /* interned; 0 = none */
    uint32_t tail;  /* start of the last chunk */
};
void repo_reach_start(const struct repo_whose *whose, struct repo_reach *out);
/* The same of a row: its log may have been cut off before. */
void repo_reach_row(const struct repo_whose *whose, const struct repo_row *row,
                    struct repo_reach *out);

/* What a chunk holds, where it goes on at `reach`. In work->arena. */
struct repo_taken {
    struct cove_bytes *txs;
    size_t count;
    struct cove_proof proof;
    struct repo_reach reach; /* behind it */
};
/* Take a chunk apart and verify it. Errors: COVE_ECORRUPT (it cannot be read,
 * or does not go on there), COVE_ESIGNATURE (all can be read, and what signs
 * its end does not: `out` is filled), COVE_ENOMEM, store errors. */
COVE_MUST_CHECK int repo_piece_take(struct repo_work *work,
                                    const struct repo_whose *whose,
                                    const struct repo_reach *reach,
                                    struct cove_bytes value,
                                    struct repo_taken *out);

struct repo_piece {
    uint32_t start; /* as its key says */
    bool used;
    struct cove_bytes value;
};
struct repo_pieces {
    struct repo_whose whose;
    struct repo_piece *at;
    size_t count, cap;
};
/* Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int repo_pieces_add(struct cove_arena *arena,
                                    struct repo_pieces *pieces, uint32_t start,
                                    struct cove_bytes value);
/* The chunks of a session in the store, values copied into the arena; `most`
 * of them. Errors: store errors, COVE_ENOMEM. */
COVE_MUST_CHECK int repo_pieces_read(struct repo_work *work, unsigned tree,
                                     struct cove_arena *arena, size_t most,
                                     struct repo_pieces *pieces);
/* The piece that takes the log farthest from `reach`, those whose key says so
 * first; it is used from then on. Errors: COVE_ENOTFOUND (none goes on there),
 * COVE_ENOMEM, store errors. Cost: verifies each that might. */
COVE_MUST_CHECK int repo_pieces_next(struct repo_work *work,
                                     struct repo_pieces *pieces,
                                     const struct repo_reach *reach,
                                     size_t *index, struct repo_taken *out);

/* The chunk of the store that an index lies in, borrowed or in the arena, with
 * the start that its key has; inline chunks and those of packs too. `tail`:
 * what a row says whose last chunk it is. Errors: COVE_ENOTFOUND (none begins
 * there or before), COVE_ECORRUPT (the key, or a pack), store errors. */
struct repo_piece_at {
    struct cove_bytes value;
    uint32_t start, tail;
};
COVE_MUST_CHECK int repo_log_value(struct repo_work *work,
                                   const struct repo_whose *whose,
                                   const struct repo_row *row, uint32_t index,
                                   struct repo_piece_at *out);

/* --- repo_unpack.c */
/* The chunk of a pack that an index lies in, as it would stand by itself; in
 * the arena. Errors: COVE_ENOTFOUND, COVE_ECORRUPT. */
COVE_MUST_CHECK int repo_unpack_piece(struct repo_work *work,
                                      const struct repo_whose *whose,
                                      uint32_t pack, uint32_t index,
                                      struct cove_bytes *value,
                                      uint32_t *start);
/* All of a session in a pack, from an index on; nothing where it cannot be
 * opened. */
COVE_MUST_CHECK int repo_unpack_pieces(struct repo_work *work, uint32_t pack,
                                       uint32_t from,
                                       struct repo_pieces *pieces);

#endif
