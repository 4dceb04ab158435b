/* store_gate.h: who is in the map, and when it may be moved.
 *
 * LMDB's map must not move under a transaction of this process. Those that
 * begin enter the gate and leave it at their end; who wants to move the map
 * shuts the gate, waits until nobody is in, and opens it again. A thread that
 * is in already may enter once more through a shut gate, for it would wait
 * for itself; for the same reason it cannot wait for the map to be free.
 *
 * All of it under one lock, that of the store.
 */
#ifndef COVE_CORE_STORE_GATE_H
#define COVE_CORE_STORE_GATE_H

#include <pthread.h>
#include <stdbool.h>

struct cove_store_guest {
    struct cove_store_guest *prev;
    struct cove_store_guest *next;
    pthread_t thread;
};

struct cove_store_gate {
    pthread_mutex_t *lock;
    pthread_cond_t *changed;
    struct cove_store_guest *guests;
    unsigned shut; /* how many wait to move the map, or do */
};

void cove_store_gate_init(struct cove_store_gate *gate, pthread_mutex_t *lock,
                          pthread_cond_t *changed);
void cove_store_gate_enter(struct cove_store_gate *gate,
                           struct cove_store_guest *guest);
void cove_store_gate_leave(struct cove_store_gate *gate,
                           struct cove_store_guest *guest);

/* Shut the gate and wait until all have left, with the lock held after.
 * Returns false where this thread itself is in: the gate is shut, the lock
 * held, and the map not free. Threads: may wait for readers elsewhere. */
bool cove_store_gate_shut(struct cove_store_gate *gate);
/* Shut it only where nobody is in; otherwise nothing is held. */
bool cove_store_gate_try_shut(struct cove_store_gate *gate);
void cove_store_gate_open(struct cove_store_gate *gate);

#endif
