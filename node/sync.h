/* sync.h: the sync of a store (sync.c), and the loop that drives it (loop.c).
 */
#ifndef COVE_NODE_SYNC_H
#define COVE_NODE_SYNC_H

#include "node/node.h"

struct uv_loop_s;
struct cove_edge;

/* --- sync.c */
/* Make it, where it is not there, on this loop (NULL: its own), and start it.
 * Nothing where the store is not to be synced. */
int node_sync_start(struct cove *store, struct uv_loop_s *loop);
/* The loop that cove_dispatch turns; NULL where there is none. */
struct uv_loop_s *node_sync_turns(const struct cove *store);
/* Stop it where it is on the caller's loop; `done` when that is over. */
void node_sync_detach(struct cove *store, void (*done)(void *ctx), void *ctx);
void node_sync_free(struct cove *store);
/* Does a process sync this store? One that was killed left states behind that
 * are not so any longer. */
bool node_sync_runs(struct cove *store);
/* Call ask with the edge where this handle syncs; else false. It runs on the
 * caller's thread, under the store's lock, and must fail nothing. */
bool node_sync_ask(struct cove *store,
                   void (*ask)(void *ctx, struct cove_edge *edge), void *ctx);

/* --- loop.c */
/* Run the loop, until it has nothing to do or once without waiting; a socket
 * that is gone does not end the program. */
void node_loop_turn(struct uv_loop_s *loop, bool once);
/* cove_dispatch does not turn sync's loop any longer. */
void node_loop_leave(struct cove *store);

#endif
