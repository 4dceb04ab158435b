/* open.h: what opening a store makes and closing it ends; for node.h, which
 * includes it. */
#ifndef COVE_NODE_OPEN_H
#define COVE_NODE_OPEN_H

#include "core/diag.h"

struct cove;
struct node_worker;

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
