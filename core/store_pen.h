/* store_pen.h: who waits in a group, who has the pen, and what becomes of the
 * transaction; for store_group.c only. All of it with the lock of the store.
 */
#ifndef COVE_CORE_STORE_PEN_H
#define COVE_CORE_STORE_PEN_H

#include "core/store_group.h"

#define COVE_PEN_LATER_US 20000 /* level group: from one commit to the next */

struct cove_store_wait {
    struct cove_store_wait *next;
    pthread_t thread;
    pthread_cond_t wake;
    bool told;
    bool lead;  /* told: open the transaction */
    bool reads; /* in `done`: did not write itself */
    int err;    /* told so */
};

int64_t cove_pen_now_us(void); /* monotonic */

void cove_wait_push(struct cove_store *store, struct cove_store_wait **list,
                    struct cove_store_wait *wait);
struct cove_store_wait *cove_wait_pop(struct cove_store_wait **list);
/* Sleep until told; what one was told. */
int cove_wait_sleep(struct cove_store *store, struct cove_store_wait *wait);
void cove_wait_tell(struct cove_store_wait *wait, int err);

/* Has this thread the pen? Does it lead? The latter is also asked by members
 * without the lock, for whom nobody else changes the answer. */
bool cove_pen_mine(const struct cove_store_group *g);
bool cove_pen_leads(const struct cove_store_group *g);
/* A thread becomes a member, and where there is none, the leader; let who waits
 * be one. */
void cove_pen_take(struct cove_store_group *g, pthread_t thread, bool lead);
void cove_pen_give(struct cove_store_group *g, struct cove_store_wait *wait,
                   bool lead);
/* A member has ended: the pen goes to the next that may write in this
 * transaction, or to the owner. */
void cove_pen_pass(struct cove_store *store);
/* The leader has ended: does somebody wait whom it may let in? */
bool cove_pen_has_company(const struct cove_store *store);
/* The leader is done: another one leads, or nobody. */
void cove_pen_release(struct cove_store *store);
/* Send all away who want the pen. */
void cove_pen_refuse(struct cove_store_group *g, int err);

/* A new transaction was opened. */
void cove_pen_opened(struct cove_store_group *g);
/* Level group, nobody has the pen: is it time to commit or to drop it? */
bool cove_pen_due(const struct cove_store_group *g);
/* Tell all that wait for the outcome; was there a reader among them, whom a
 * loss at level group was said to then? */
bool cove_pen_tell(struct cove_store_group *g, int err);
/* What has ended in the transaction is not kept. */
void cove_pen_lose(struct cove_store_group *g, int err);

#endif
