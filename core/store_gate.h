/* store_gate.h: who is in the map, and when it may be moved.
 *
 * LMDB's map must not move under a transaction of this process. Those that
 * begin enter the gate and leave it at their end; who wants to move the map
 * shuts the gate, waits until nobody is in, and opens it again.
 *
 * Entering and leaving takes no lock while nobody moves the map: each guest
 * has a place of its own that says whether it is in. It says so first and looks
 * at the gate then; who shuts the gate does that first and looks at the places
 * then; so one of the two sees the other. Guests without a place, of whom there
 * are more than usual, are counted under the lock.
 *
 * Nobody waits for a guest of a thread that waits itself (`blocks`): a thread
 * that is in already may enter once more through a shut gate, and the map is
 * not free to whom its own readers, or those of one that waits for him, are in
 * the way.
 */
#ifndef COVE_CORE_STORE_GATE_H
#define COVE_CORE_STORE_GATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define COVE_STORE_SEATS 8

struct cove_store_guest {
    atomic_bool in;
    _Atomic(pthread_t) thread;     /* while it is in */
    struct cove_store_guest *prev; /* of those without a place */
    struct cove_store_guest *next;
};

struct cove_store_gate {
    pthread_mutex_t *lock;
    pthread_cond_t *changed;
    bool (*blocks)(const void *ctx, pthread_t thread); /* with the lock */
    const void *ctx;
    struct cove_store_guest *seats[COVE_STORE_SEATS + 1]; /* one is writing */
    struct cove_store_guest *others;
    atomic_uint shut; /* how many wait to move the map, or do */
};

/* Enter and leave; `seated`: the guest is one of the seats. */
void cove_store_gate_enter(struct cove_store_gate *gate,
                           struct cove_store_guest *guest, bool seated);
void cove_store_gate_leave(struct cove_store_gate *gate,
                           struct cove_store_guest *guest, bool seated);
bool cove_store_gate_empty(const struct cove_store_gate *gate);

/* Shut the gate and wait until all have left, with the lock held after.
 * Returns false where somebody is in whom it cannot wait for: the gate is shut,
 * the lock held, and the map not free. Threads: may wait for readers. */
bool cove_store_gate_shut(struct cove_store_gate *gate);
/* Shut it only where nobody is in; otherwise nothing is held. */
bool cove_store_gate_try_shut(struct cove_store_gate *gate);
void cove_store_gate_open(struct cove_store_gate *gate);

#endif
