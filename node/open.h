/* open.h: what opening a store makes and closing it ends; for node.h, which
 * includes it. */
#ifndef COVE_NODE_OPEN_H
#define COVE_NODE_OPEN_H

#include "core/diag.h"

struct cove;
struct cove_options;
struct node_worker;

/* --- worker.c. As a store is opened with. */
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
/* --- open.c */
/* A file's path in the store's directory; NULL when memory is out. */
char *node_path(const struct cove *store, const char *name);

/* --- nonce.c: compare store and side file: *due where they do not agree, or
 * there is none; new_session says that its session has to end first. Then make
 * both anew. */
#define NODE_NONCE_MAX 512
int node_nonce_check(struct cove *store, struct node_worker *worker, bool *due);
int node_nonce_renew(struct cove *store, struct node_worker *worker);
/* Let the side file name these files as the store's. */
int node_nonce_say(struct cove *store, const char *const *files, size_t count);
/* Tell other processes of a commit; a struct cove, as callbacks are given it.
 */
void node_notify(void *ctx);

/* --- account.c: the device's account, one document, made with the store */
int node_account_open(struct cove *store, struct node_worker *worker);

#endif
