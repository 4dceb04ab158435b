/* store_group.h: write transactions of many threads in one commit; for
 * store*.c only, and blind to LMDB.
 *
 * A transaction that an implementation can commit is open on one thread, its
 * owner. Members run in it one after another, each on its own thread while it
 * holds the pen; what they have written when they end is committed at once.
 *
 *   level full    Who comes when nobody writes leads: it owns the transaction
 *                 and is its first member. At its end it lets those write who
 *                 wait by then, bounded in count, bytes and time, and commits.
 *                 All members return with the outcome of that. With nobody
 *                 waiting the leader commits at its own end, as if alone.
 *   level group   A thread of the store owns the transaction; a member returns
 *                 at its end. The owner commits at once when nothing was
 *                 written for a while, else from time to time, or when much
 *                 waits. Who begins to read waits for what was ended before.
 *
 *       begin          end                     begin       end
 *   A   lead ──writes───┤ waits for the outcome ····┤ returns
 *   B      wait ········└─writes──┤ waits ··········┤ returns
 *   A (owner)                     └─commit──────────┘
 *
 * A member that aborts takes its own writes back inside the open transaction,
 * so that the lock is not let go, and nobody else can write between what the
 * others have ended and its commit. Only where that fails, or the map is full,
 * is the transaction thrown away and what has ended done again; where another
 * process was faster then, it cannot be, and is lost: members of level full
 * get the error from commit, and at level group, where they have returned, the
 * next begin or flush says COVE_ELOST.
 *
 * What somebody remembers of a transaction that ended and was lost must be
 * forgotten: each loss gives the store a new generation.
 *
 * All of it is under the lock of the store, which is held over no call of an
 * implementation.
 */
#ifndef COVE_CORE_STORE_GROUP_H
#define COVE_CORE_STORE_GROUP_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/store.h"

/* What is to be done again in a transaction that was thrown away. */
enum cove_store_again {
    COVE_STORE_AGAIN_ENDED, /* what members wrote that have ended */
    COVE_STORE_AGAIN_ALL    /* all of it, in a larger map */
};

struct cove_store_group_table {
    /* Open the transaction, and say in `roomy` whether it has room for
     * several; on the owner's thread, as are close, drop and recover. */
    int (*open)(struct cove_store *store, bool *roomy);
    int (*close)(struct cove_store *store); /* commit; it is gone either way */
    void (*drop)(struct cove_store *store);
    /* A member begins; may be NULL. */
    void (*member)(struct cove_store *store);
    /* Take a member's writes back, where others wrote before it; at an error
     * recover must follow. */
    int (*undo)(struct cove_store *store);
    /* Open the transaction again and do all of it again, or what has ended;
     * `lost`: not even that could be done. */
    int (*recover)(struct cove_store *store, enum cove_store_again again,
                   int *lost);
};

enum cove_store_pen {
    COVE_STORE_PEN_FREE,
    COVE_STORE_PEN_MEMBER, /* has the transaction */
    COVE_STORE_PEN_OWNER   /* opens, commits or drops it */
};

struct cove_store_wait; /* on the stack of who waits */

struct cove_store_group {
    const struct cove_store_group_table *table;
    struct cove_store_wait *queue; /* who wants the pen, first come first */
    struct cove_store_wait *done;  /* who waits for the outcome */
    struct cove_store_wait *asker; /* wants to recover, so: */
    enum cove_store_again again;
    enum cove_store_pen pen;
    pthread_t holder; /* of a member's pen */
    pthread_t owner;
    pthread_cond_t call; /* to the owner */
    int64_t admits_us;   /* how long it takes new members … */
    int64_t since_us;    /* … from here on: a leader's end, or open */
    size_t bytes;        /* that members wrote in it */
    unsigned members;    /* that wrote and ended in it */
    int lost;            /* what ended in it is lost, so */
    bool owned;          /* there is an owner */
    bool open;           /* the transaction is */
    bool roomy;
    bool spoilt; /* it must be dropped: a first member aborted */
    bool writes; /* the member with the pen does */
    /* level group */
    bool behind; /* a thread of the store is the owner */
    bool stop;
    bool hurry;          /* nothing was written for a while before */
    atomic_bool pending; /* something ended and is not on disk */
    unsigned flushing;   /* how many wait for what ended */
    int64_t last_us;     /* when something ended last */
    pthread_t thread;
    atomic_ullong losses;     /* of what had returned, and … */
    atomic_ullong said;       /* … how many of them somebody was told of */
    atomic_ullong generation; /* how often something was lost */
    cove_store_landed *landed;
    void *landed_ctx;
};

/* Start and stop; `behind`: with a thread of the store's. Stop commits what
 * waits. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_store_group_init(
    struct cove_store *store, const struct cove_store_group_table *table,
    const struct cove_store_options *opt);
void cove_store_group_stop(struct cove_store *store);

/* Wait for the pen. Errors: COVE_EBUSY (this thread has it), the store's
 * broken, those of open. */
COVE_MUST_CHECK int cove_store_group_enter(struct cove_store *store);
/* A member ends: `endings` hear of it before the pen goes on. Errors: of the
 * commit, at level full. */
COVE_MUST_CHECK int cove_store_group_commit(struct cove_store *store,
                                            struct cove_store_ending *endings);
void cove_store_group_abort(struct cove_store *store,
                            struct cove_store_ending *endings);
/* The member with the pen writes so many bytes more. */
static inline void cove_store_group_wrote(struct cove_store_group *group,
                                          size_t bytes)
{
    group->writes = true;
    group->bytes += bytes;
}
/* On behalf of the member with the pen; see the table. Errors: those of the
 * member, which can only abort then. */
int cove_store_group_recover(struct cove_store *store,
                             enum cove_store_again again);
/* Wait for what has ended; said only asks. Errors: COVE_ELOST, once. */
COVE_MUST_CHECK int cove_store_group_flush(struct cove_store *store);
COVE_MUST_CHECK int cove_store_group_said(struct cove_store *store);
/* Does a thread wait here, or would for the one that asks? With the lock. */
bool cove_store_group_blocks(const struct cove_store *store, pthread_t thread);

/* What waits for the end of a transaction that is gone. */
void cove_store_endings(struct cove_store_ending *ending, bool committed);

#endif
