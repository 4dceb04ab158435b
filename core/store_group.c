/* store_group.c: see store_group.h. */
#include "core/store_group.h"

#include <assert.h>
#include <time.h>

#include "core/store_pen.h"
#include "core/store_table.h"

/* Level full: for so long after its end the leader lets others write. */
#define GROUP_ADMITS_US 5000

/* --- doing it again */

/* The owner does, since a transaction belongs to its thread. */
static void group_answer(struct cove_store *store)
{
    struct cove_store_group *g = &store->group;
    struct cove_store_wait *asker = g->asker;
    enum cove_store_again again = g->again;
    int lost = 0;

    pthread_mutex_unlock(&store->lock);

    int err = g->table->recover(store, again, &lost);

    pthread_mutex_lock(&store->lock);
    if (lost != 0) {
        cove_pen_lose(g, lost);
    }
    g->asker = NULL;
    cove_wait_tell(asker, err);
}

int cove_store_group_recover(struct cove_store *store,
                             enum cove_store_again again)
{
    struct cove_store_group *g = &store->group;
    struct cove_store_wait wait = {.wake = PTHREAD_COND_INITIALIZER};
    int lost = 0;

    if (cove_pen_leads(g)) { /* nothing has ended before its first member */
        return g->table->recover(store, again, &lost);
    }
    pthread_mutex_lock(&store->lock);
    g->again = again;
    g->asker = &wait;
    pthread_cond_signal(&g->call);

    int err = cove_wait_sleep(store, &wait);

    pthread_mutex_unlock(&store->lock);
    return err;
}

/* --- beginning */

/* Open the transaction, as its owner. */
static int group_open(struct cove_store *store)
{
    struct cove_store_group *g = &store->group;
    int err = g->table->open(store, &g->roomy);

    return cove_store_note(store, err);
}

static int group_queue(struct cove_store *store, bool *lead)
{
    struct cove_store_group *g = &store->group;
    struct cove_store_wait wait = {.wake = PTHREAD_COND_INITIALIZER};

    cove_wait_push(store, &g->queue, &wait);
    if (g->behind) {
        pthread_cond_signal(&g->call);
    }

    int err = cove_wait_sleep(store, &wait);

    *lead = wait.lead;
    return err;
}

int cove_store_group_enter(struct cove_store *store)
{
    struct cove_store_group *g = &store->group;
    bool lead = false;
    int err;

    pthread_mutex_lock(&store->lock);
    err = cove_pen_mine(g) ? COVE_EBUSY : store->broken;
    if (err == 0 && (g->behind ? g->pen == COVE_STORE_PEN_FREE && g->open &&
                                     g->queue == NULL && !cove_pen_due(g)
                               : !g->owned)) {
        lead = !g->behind;
        cove_pen_take(g, pthread_self(), lead);
    } else if (err == 0) {
        err = group_queue(store, &lead);
    }
    pthread_mutex_unlock(&store->lock);
    if (err == 0 && lead) {
        err = group_open(store);
        pthread_mutex_lock(&store->lock);
        if (err == 0) {
            cove_pen_opened(g);
        } else {
            cove_pen_release(store);
        }
        pthread_mutex_unlock(&store->lock);
    }
    if (err == 0 && g->table->member != NULL) {
        g->table->member(store);
    }
    return err;
}

/* --- ending, level full */

static void group_landed(const struct cove_store_group *g)
{
    if (g->landed != NULL) {
        g->landed(g->landed_ctx);
    }
}

/* The leader commits, and nobody else is in it. */
static int lead_alone(struct cove_store *store,
                      struct cove_store_ending *endings)
{
    struct cove_store_group *g = &store->group;
    int err = cove_store_note(store, g->table->close(store));

    cove_store_endings(endings, err == 0);
    if (err == 0 && g->writes) {
        group_landed(g);
    }
    pthread_mutex_lock(&store->lock);
    cove_pen_release(store);
    pthread_mutex_unlock(&store->lock);
    return err;
}

/* The leader lets others write until the pen comes back, and commits. */
static int lead_group(struct cove_store *store,
                      struct cove_store_ending *endings)
{
    struct cove_store_group *g = &store->group;
    int err;

    cove_store_endings(endings, true);
    pthread_mutex_lock(&store->lock);
    g->members = 1;
    g->since_us = cove_pen_now_us();
    cove_pen_pass(store);
    while (g->pen != COVE_STORE_PEN_OWNER) {
        if (g->asker != NULL) {
            group_answer(store);
        } else {
            pthread_cond_wait(&g->call, &store->lock);
        }
    }
    err = g->lost;
    pthread_mutex_unlock(&store->lock);
    if (err == 0) {
        err = cove_store_note(store, g->table->close(store));
    } else {
        g->table->drop(store);
    }
    if (err == 0) {
        group_landed(g);
    }
    pthread_mutex_lock(&store->lock);
    if (err == 0) {
        (void)cove_pen_tell(g, 0);
    } else if (g->lost == 0) {
        cove_pen_lose(g, err);
    }
    cove_pen_release(store);
    pthread_mutex_unlock(&store->lock);
    return err;
}

static bool lead_has_company(struct cove_store *store)
{
    pthread_mutex_lock(&store->lock);

    bool company = cove_pen_has_company(store);

    pthread_mutex_unlock(&store->lock);
    return company;
}

static int follow(struct cove_store *store, struct cove_store_ending *endings)
{
    struct cove_store_group *g = &store->group;
    struct cove_store_wait wait = {.wake = PTHREAD_COND_INITIALIZER};

    cove_store_endings(endings, true);
    pthread_mutex_lock(&store->lock);
    g->members += g->writes;
    cove_wait_push(store, &g->done, &wait);
    cove_pen_pass(store);

    int err = cove_wait_sleep(store, &wait);

    pthread_mutex_unlock(&store->lock);
    return err;
}

/* --- ending, level group */

static int end_behind(struct cove_store *store,
                      struct cove_store_ending *endings)
{
    struct cove_store_group *g = &store->group;
    struct cove_store_wait wait = {.wake = PTHREAD_COND_INITIALIZER};
    int err = 0;

    cove_store_endings(endings, true);
    pthread_mutex_lock(&store->lock);

    /* With little room left it is not said to be kept before it is. */
    bool waits = g->writes && !g->roomy;

    if (g->writes) {
        int64_t now = cove_pen_now_us();

        g->hurry = g->hurry || now - g->last_us >= COVE_PEN_LATER_US;
        g->last_us = now;
        g->members++;
        atomic_store(&g->pending, true);
    }
    if (waits) {
        cove_wait_push(store, &g->done, &wait);
    }
    cove_pen_pass(store);
    if (waits) {
        err = cove_wait_sleep(store, &wait);
    }
    pthread_mutex_unlock(&store->lock);
    return err;
}

int cove_store_group_commit(struct cove_store *store,
                            struct cove_store_ending *endings)
{
    const struct cove_store_group *g = &store->group;

    if (g->behind) {
        return end_behind(store, endings);
    }
    if (!cove_pen_leads(g)) {
        return follow(store, endings);
    }
    return lead_has_company(store) ? lead_group(store, endings)
                                   : lead_alone(store, endings);
}

void cove_store_group_abort(struct cove_store *store,
                            struct cove_store_ending *endings)
{
    struct cove_store_group *g = &store->group;
    bool leads = cove_pen_leads(g);

    if (leads) {
        g->table->drop(store);
    } else if (g->members > 0 && g->writes && g->table->undo(store) != 0) {
        /* What it gives is for a member that goes on. */
        (void)cove_store_group_recover(store, COVE_STORE_AGAIN_ENDED);
    }
    cove_store_endings(endings, false);
    pthread_mutex_lock(&store->lock);
    if (leads) {
        cove_pen_release(store);
    } else {
        g->spoilt = g->spoilt || (g->members == 0 && g->writes);
        cove_pen_pass(store);
    }
    pthread_mutex_unlock(&store->lock);
}

/* --- the thread of level group; all with the lock */

static void behind_open(struct cove_store *store)
{
    struct cove_store_group *g = &store->group;
    int err = store->broken;

    if (err == 0) {
        g->pen = COVE_STORE_PEN_OWNER;
        pthread_mutex_unlock(&store->lock);
        err = group_open(store);
        pthread_mutex_lock(&store->lock);
        g->pen = COVE_STORE_PEN_FREE;
    }
    if (err != 0) {
        cove_pen_refuse(g, err);
        return;
    }
    cove_pen_opened(g);
    g->since_us = cove_pen_now_us();
    cove_pen_give(g, cove_wait_pop(&g->queue), false);
}

static void behind_close(struct cove_store *store)
{
    struct cove_store_group *g = &store->group;
    bool drop = g->spoilt || g->members == 0;
    int err = 0;

    g->pen = COVE_STORE_PEN_OWNER;
    pthread_mutex_unlock(&store->lock);
    if (drop) {
        g->table->drop(store);
    } else {
        err = cove_store_note(store, g->table->close(store));
    }
    if (!drop && err == 0) {
        group_landed(g);
    }
    pthread_mutex_lock(&store->lock);
    g->pen = COVE_STORE_PEN_FREE;
    g->open = false;
    if (err != 0) {
        cove_pen_lose(g, err);
    } else {
        (void)cove_pen_tell(g, 0);
    }
}

static void behind_sleep(struct cove_store *store)
{
    struct cove_store_group *g = &store->group;
    int64_t until = g->since_us + COVE_PEN_LATER_US;
    struct timespec t = {.tv_sec = (time_t)(until / 1000000),
                         .tv_nsec = (long)(until % 1000000) * 1000};

    if (g->open && g->pen == COVE_STORE_PEN_FREE) {
        pthread_cond_timedwait(&g->call, &store->lock, &t);
    } else {
        pthread_cond_wait(&g->call, &store->lock);
    }
}

static void *behind_run(void *ctx)
{
    struct cove_store *store = ctx;
    struct cove_store_group *g = &store->group;

    pthread_mutex_lock(&store->lock);
    for (;;) {
        bool free = g->pen == COVE_STORE_PEN_FREE;

        if (g->asker != NULL) {
            group_answer(store);
        } else if (free && g->open && cove_pen_due(g)) {
            behind_close(store);
        } else if (free && !g->open && g->queue != NULL) {
            behind_open(store);
        } else if (free && g->stop) {
            break;
        } else {
            behind_sleep(store);
        }
    }
    pthread_mutex_unlock(&store->lock);
    return NULL;
}

int cove_store_group_said(struct cove_store *store)
{
    struct cove_store_group *g = &store->group;
    unsigned long long losses = atomic_load(&g->losses);

    return losses != 0 && atomic_exchange(&g->said, losses) < losses
               ? COVE_ELOST
               : 0;
}

int cove_store_group_flush(struct cove_store *store)
{
    struct cove_store_group *g = &store->group;
    int err = 0;

    if (!g->behind) {
        return 0;
    }
    if (atomic_load(&g->pending)) {
        struct cove_store_wait wait = {.wake = PTHREAD_COND_INITIALIZER,
                                       .reads = true};

        pthread_mutex_lock(&store->lock);
        if (!cove_pen_mine(g) && atomic_load(&g->pending)) {
            g->flushing++;
            cove_wait_push(store, &g->done, &wait);
            pthread_cond_signal(&g->call);
            err = cove_wait_sleep(store, &wait);
        }
        pthread_mutex_unlock(&store->lock);
    }
    return err != 0 ? err : cove_store_group_said(store);
}

/* --- start and stop */

static int group_conds(struct cove_store_group *g)
{
    pthread_condattr_t attr;
    int failed = pthread_condattr_init(&attr);

    if (failed == 0) {
        failed = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        failed = failed != 0 ? failed : pthread_cond_init(&g->call, &attr);
        pthread_condattr_destroy(&attr);
    }
    return failed != 0 ? COVE_ENOMEM : 0;
}

int cove_store_group_init(struct cove_store *store,
                          const struct cove_store_group_table *table,
                          const struct cove_store_options *opt)
{
    struct cove_store_group *g = &store->group;
    int err = group_conds(g);

    if (err != 0) {
        return err;
    }
    g->table = table;
    g->admits_us = GROUP_ADMITS_US;
    g->landed = opt->landed;
    g->landed_ctx = opt->landed_ctx;
    g->last_us = INT64_MIN / 2;
    if (opt->level == COVE_LEVEL_GROUP && store->table->durable) {
        if (pthread_create(&g->thread, NULL, behind_run, store) != 0) {
            pthread_cond_destroy(&g->call);
            return COVE_ENOMEM;
        }
        g->behind = true;
        g->admits_us = COVE_PEN_LATER_US;
        g->owned = true;
        g->owner = g->thread;
    }
    return 0;
}

void cove_store_group_stop(struct cove_store *store)
{
    struct cove_store_group *g = &store->group;

    if (g->behind) {
        pthread_mutex_lock(&store->lock);
        g->stop = true;
        pthread_cond_signal(&g->call);
        pthread_mutex_unlock(&store->lock);
        pthread_join(g->thread, NULL);
        g->owned = false;
    }
    assert(g->pen == COVE_STORE_PEN_FREE && !g->owned);
    pthread_cond_destroy(&g->call);
}
