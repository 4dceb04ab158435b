/* stream.h: the entries of a stream: gathered to be appended, and read.
 *
 * Each session appends to its own log, so a stream is its sessions' logs,
 * merged while they are read:
 *
 *   log of session a   [e e] [e]      [e]  ┐
 *   log of session b        [e e e]        ├─▶ (hlc, device, session, tx, op)
 *   log of session c   [e]            [e]  ┘
 *
 * Nothing of it is kept in memory, and nothing of it is in the folded state but
 * the count. A position says of each session how far it was read, and no time:
 * what arrives late from one session is read late, but once.
 */
#ifndef COVE_CRDT_STREAM_H
#define COVE_CRDT_STREAM_H

#include "crdt/repo.h"

/* --- appending */

/* Values of one transaction under way. */
struct cove_stream_draft {
    struct cove_buf values; /* one behind another */
    uint32_t count;
};
/* Does a value of so many bytes go into the same transaction? */
bool cove_stream_draft_has_room(const struct cove_stream_draft *draft,
                                size_t len);
/* The value is checked. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_stream_draft_add(struct cove_stream_draft *draft,
                                          struct cove_bytes value);
/* Take them out as ops in the arena, whose values are borrowed until the next
 * add. Errors: COVE_ENOMEM, unchanged. */
COVE_MUST_CHECK int cove_stream_draft_take(struct cove_stream_draft *draft,
                                           struct cove_arena *arena,
                                           struct cove_tx *out);

/* --- positions. docs/FORMAT.md "Streams" */

struct cove_stream_point {
    struct cove_session_id session;
    uint32_t tx;      /* transactions read whole */
    uint32_t entries; /* and entries of the next one */
};
struct cove_stream_position {
    struct cove_stream_point *points; /* sorted by session, each once */
    size_t count;
};
/* Read a position's text, for the stream with this id; empty: the beginning.
 * Points in the arena. Errors: COVE_EFORMAT (also: of another stream),
 * COVE_ELIMIT, COVE_ENOMEM. */
COVE_MUST_CHECK int cove_stream_position_read(struct cove_bytes text,
                                              const struct cove_id *id,
                                              struct cove_arena *arena,
                                              struct cove_stream_position *out,
                                              struct cove_diag *diag);
/* Append the text, without a NUL. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_stream_position_write(
    const struct cove_stream_position *position, const struct cove_id *id,
    struct cove_buf *out);

/* --- reading */

struct cove_stream_entry_id { /* who wrote an entry, and when */
    uint64_t hlc;
    struct cove_key device;
};

/* A walk over the entries that a document shows, in the order above; of what
 * this build cannot read nothing is given. */
struct cove_stream_walk;
struct cove_stream_from {
    const struct cove_key *author; /* only entries of this device; NULL: all */
    struct cove_bytes position;    /* text; empty: the beginning */
};
/* The document is borrowed, and so are repo and transaction. What is appended
 * to the document meanwhile is read, too.
 * Errors: of the position; store errors. */
COVE_MUST_CHECK int cove_stream_walk_open(struct cove_repo *repo,
                                          struct cove_store_txn *txn,
                                          const struct cove_doc *doc,
                                          const struct cove_stream_from *from,
                                          struct cove_stream_walk **out,
                                          struct cove_diag *diag);
void cove_stream_walk_close(struct cove_stream_walk *walk); /* NULL allowed */
/* The value is borrowed until the next call or write.
 * Errors: COVE_ENOTFOUND at the end; after any other the walk goes on from the
 * same place. Cost: O(log sessions), amortised. */
COVE_MUST_CHECK int cove_stream_walk_next(struct cove_stream_walk *walk,
                                          struct cove_stream_entry_id *id,
                                          struct cove_bytes *value);
/* Go behind all that is here. */
COVE_MUST_CHECK int cove_stream_walk_skip(struct cove_stream_walk *walk);
/* Where it stands: the text. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_stream_walk_position(
    const struct cove_stream_walk *walk, struct cove_buf *out);

#endif
