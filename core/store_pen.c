/* store_pen.c: see store_pen.h. */
#include "core/store_pen.h"

#include <time.h>

#include "core/store_table.h"

/* A commit holds up those that come after it: at most so many members, so much
 * and so long. */
#define GROUP_MEMBERS 64
#define GROUP_BYTES   ((size_t)256 << 10)

/* How long something may wait is no matter of what is written, so this is not
 * the clock of cove_env. */
int64_t cove_pen_now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* --- waiting; all with the lock */

void cove_wait_push(struct cove_store *store, struct cove_store_wait **list,
                    struct cove_store_wait *wait)
{
    while (*list != NULL) {
        list = &(*list)->next;
    }
    wait->next = NULL;
    wait->thread = pthread_self();
    *list = wait;
    /* Who moves the map must know of whom it need not wait for. */
    pthread_cond_broadcast(&store->changed);
}

int cove_wait_sleep(struct cove_store *store, struct cove_store_wait *wait)
{
    while (!wait->told) {
        pthread_cond_wait(&wait->wake, &store->lock);
    }
    pthread_cond_destroy(&wait->wake);
    return wait->err;
}

void cove_wait_tell(struct cove_store_wait *wait, int err)
{
    wait->err = err;
    wait->told = true;
    pthread_cond_signal(&wait->wake);
}

struct cove_store_wait *cove_wait_pop(struct cove_store_wait **list)
{
    struct cove_store_wait *wait = *list;

    if (wait != NULL) {
        *list = wait->next;
    }
    return wait;
}

bool cove_pen_mine(const struct cove_store_group *g)
{
    return g->pen == COVE_STORE_PEN_MEMBER &&
           pthread_equal(g->holder, pthread_self());
}

/* A member asks whether it leads: nobody else changes the answer. */
bool cove_pen_leads(const struct cove_store_group *g)
{
    return !g->behind && pthread_equal(g->owner, pthread_self());
}

static bool wait_has(const struct cove_store_wait *list, pthread_t thread)
{
    for (; list != NULL; list = list->next) {
        if (pthread_equal(list->thread, thread)) {
            return true;
        }
    }
    return false;
}

bool cove_store_group_blocks(const struct cove_store *store, pthread_t thread)
{
    const struct cove_store_group *g = &store->group;

    return pthread_equal(thread, pthread_self()) ||
           (g->owned && pthread_equal(thread, g->owner)) ||
           (g->pen == COVE_STORE_PEN_MEMBER &&
            pthread_equal(thread, g->holder)) ||
           wait_has(g->queue, thread) || wait_has(g->done, thread);
}

/* --- what becomes of a transaction; all with the lock */

/* Tell all that wait for the outcome; was there a reader among them, whom a
 * loss at level group was said to then? */
bool cove_pen_tell(struct cove_store_group *g, int err)
{
    struct cove_store_wait *wait;
    bool said = false;

    while ((wait = cove_wait_pop(&g->done)) != NULL) {
        said = said || (wait->reads && err != 0);
        cove_wait_tell(wait, wait->reads && err != 0 ? COVE_ELOST : err);
    }
    g->flushing = 0;
    atomic_store(&g->pending, false);
    return said;
}

/* What has ended in the transaction is not kept. */
void cove_pen_lose(struct cove_store_group *g, int err)
{
    bool returned = g->behind && g->roomy;

    g->lost = err;
    g->members = 0;
    g->spoilt = true;
    atomic_fetch_add(&g->generation, 1);

    bool said = cove_pen_tell(g, err);

    if (returned) {
        atomic_fetch_add(&g->losses, 1);
    }
    if (said) {
        atomic_store(&g->said, atomic_load(&g->losses));
    }
}

void cove_pen_opened(struct cove_store_group *g)
{
    g->open = true;
    g->members = 0;
    g->bytes = 0;
    g->lost = 0;
    g->spoilt = false;
    g->writes = false;
    g->hurry = false;
}

void cove_pen_take(struct cove_store_group *g, pthread_t thread, bool lead)
{
    g->pen = COVE_STORE_PEN_MEMBER;
    g->holder = thread;
    g->writes = false;
    if (lead) {
        g->owned = true;
        g->owner = thread;
    }
}

void cove_pen_give(struct cove_store_group *g, struct cove_store_wait *wait,
                   bool lead)
{
    cove_pen_take(g, wait->thread, lead);
    wait->lead = wait->lead || lead;
    cove_wait_tell(wait, 0);
}

void cove_pen_refuse(struct cove_store_group *g, int err)
{
    struct cove_store_wait *wait;

    while ((wait = cove_wait_pop(&g->queue)) != NULL) {
        cove_wait_tell(wait, err);
    }
}

/* The leader is done: another one leads, or nobody. */
void cove_pen_release(struct cove_store *store)
{
    struct cove_store_group *g = &store->group;

    g->open = false;
    if (store->broken != 0) {
        cove_pen_refuse(g, store->broken);
    }

    struct cove_store_wait *next = cove_wait_pop(&g->queue);

    if (next != NULL) {
        cove_pen_give(g, next, true);
    } else {
        g->pen = COVE_STORE_PEN_FREE;
        g->owned = false;
    }
}

/* May one more write in it? */
static bool group_admits(const struct cove_store *store)
{
    const struct cove_store_group *g = &store->group;

    if (store->broken != 0 || g->spoilt) {
        return false;
    }
    return g->members == 0
               ? g->behind
               : g->roomy && g->flushing == 0 && g->members < GROUP_MEMBERS &&
                     g->bytes < GROUP_BYTES &&
                     cove_pen_now_us() - g->since_us < g->admits_us;
}

bool cove_pen_has_company(const struct cove_store *store)
{
    const struct cove_store_group *g = &store->group;

    return g->queue != NULL && g->writes && g->roomy &&
           g->bytes < GROUP_BYTES && store->broken == 0;
}

/* Level group, nobody has the pen: is it time to commit or to drop it? */
bool cove_pen_due(const struct cove_store_group *g)
{
    return g->spoilt || g->members == 0 || g->stop || g->flushing > 0 ||
           g->hurry || !g->roomy || g->bytes >= GROUP_BYTES ||
           cove_pen_now_us() - g->since_us >= COVE_PEN_LATER_US;
}

/* A member has ended. */
void cove_pen_pass(struct cove_store *store)
{
    struct cove_store_group *g = &store->group;

    if (g->queue != NULL && group_admits(store)) {
        cove_pen_give(g, cove_wait_pop(&g->queue), false);
        return;
    }
    g->pen = g->behind ? COVE_STORE_PEN_FREE : COVE_STORE_PEN_OWNER;
    pthread_cond_signal(&g->call);
}
