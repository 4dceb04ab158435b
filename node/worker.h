/* worker.h: who works on an open store, one thread and transaction each; for
 * node.h, which includes it. */
#ifndef COVE_NODE_WORKER_H
#define COVE_NODE_WORKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/arena.h"
#include "core/diag.h"

struct cove;
struct cove_options;
struct node_cache;
struct node_use;

/* A repo and a catalog for one transaction at a time. Neither is made for two
 * threads, and a plan must outlive a transaction that reads through it. */
struct node_worker {
    struct cove_repo *repo;
    struct cove_catalog *catalog;
    struct cove_indexes *indexes; /* migrate/index.h */
    struct node_use *uses;        /* as of the transaction's begin, and … */
    size_t use_count;
    uint64_t uses_as_of;      /* … how many changes there were by then */
    uint64_t uses_seen;       /* which versions indexes were last made for */
    struct node_cache *cache; /* cache.h; NULL: nothing was kept yet */
    _Atomic(uint64_t) hits, misses; /* of it; this worker alone counts */
    struct cove_arena arena;        /* lent to the transaction, for its chunk */
    struct node_seat *seat;         /* that it was taken at */
    _Atomic(int64_t) began_ms; /* CLOCK_MONOTONIC, when it was; 0: it is free */
    atomic_bool stays;         /* with whoever syncs: no transaction */
    struct node_worker *next, *prev; /* of all */
};

#define NODE_SEATS 16
struct node_seat { /* worker.c */
    _Atomic(struct node_worker *) idle;
    atomic_uint busy;  /* who took a worker here, or is about to */
    uint8_t apart[64]; /* threads do not share a line */
};

/* As a store is opened with. */
struct cove_store_options;
void node_store_options(struct cove *store, const struct cove_options *o,
                        struct cove_store_options *out);
/* What was made or taken is given back, or dropped. */
int node_worker_take(struct cove *store, struct node_worker **out);
int node_worker_new(struct cove *store, bool new_session,
                    struct cove_diag *diag, struct node_worker **out);
void node_worker_give(struct cove *store, struct node_worker *worker);
/* In place of give: nothing that it remembers is good any more. */
void node_worker_drop(struct cove *store, struct node_worker *worker);
/* One that nobody has, where nobody takes any now; NULL: there is none. */
struct node_worker *node_worker_idle(struct cove *store);
void node_workers_free(struct cove *store); /* nobody has one */

/* It is with somebody who syncs, and not in a transaction. */
void node_worker_stays(struct node_worker *worker);
/* How many are taken but for one and those that stay, and since when the one
 * that is longest: the transactions of this handle. */
void node_workers_taken(struct cove *store, const struct node_worker *but,
                        unsigned *count, int64_t *oldest_ms);

/* How often a field was found in a cache, and not, by all that are and were. */
void node_workers_cached(struct cove *store, uint64_t *hits, uint64_t *misses);

/* The store stays open, and its file the one it is, until let; for who uses it
 * without a worker, on one thread. */
int node_hold(struct cove *store);
void node_let(struct cove *store);

/* Make the store's file anew (core/store_shrink.h), where nobody in this
 * process and no other uses it: else COVE_EBUSY. No transaction may be open in
 * this thread. Whatever becomes of it the store goes on; where it cannot be
 * opened again now, each call tries to. */
struct cove_shrink;
int node_shrink(struct cove *store, const struct cove_shrink *how,
                struct cove_diag *diag);

#endif
