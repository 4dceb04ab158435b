#include "core/store_gate.h"

#include <stddef.h>

void cove_store_gate_init(struct cove_store_gate *gate, pthread_mutex_t *lock,
                          pthread_cond_t *changed)
{
    *gate = (struct cove_store_gate){.lock = lock, .changed = changed};
}

/* Is this thread in? With the lock held. */
static bool gate_has_me(const struct cove_store_gate *gate)
{
    for (const struct cove_store_guest *guest = gate->guests; guest != NULL;
         guest = guest->next) {
        if (pthread_equal(guest->thread, pthread_self())) {
            return true;
        }
    }
    return false;
}

void cove_store_gate_enter(struct cove_store_gate *gate,
                           struct cove_store_guest *guest)
{
    pthread_mutex_lock(gate->lock);
    while (gate->shut > 0 && !gate_has_me(gate)) {
        pthread_cond_wait(gate->changed, gate->lock);
    }
    guest->thread = pthread_self();
    guest->prev = NULL;
    guest->next = gate->guests;
    if (guest->next != NULL) {
        guest->next->prev = guest;
    }
    gate->guests = guest;
    pthread_mutex_unlock(gate->lock);
}

void cove_store_gate_leave(struct cove_store_gate *gate,
                           struct cove_store_guest *guest)
{
    pthread_mutex_lock(gate->lock);
    if (guest->prev != NULL) {
        guest->prev->next = guest->next;
    } else {
        gate->guests = guest->next;
    }
    if (guest->next != NULL) {
        guest->next->prev = guest->prev;
    }
    if (gate->guests == NULL && gate->shut > 0) {
        pthread_cond_broadcast(gate->changed);
    }
    pthread_mutex_unlock(gate->lock);
}

bool cove_store_gate_shut(struct cove_store_gate *gate)
{
    pthread_mutex_lock(gate->lock);
    gate->shut++;
    while (gate->guests != NULL && !gate_has_me(gate)) {
        pthread_cond_wait(gate->changed, gate->lock);
    }
    return gate->guests == NULL;
}

bool cove_store_gate_try_shut(struct cove_store_gate *gate)
{
    pthread_mutex_lock(gate->lock);
    if (gate->guests != NULL) {
        pthread_mutex_unlock(gate->lock);
        return false;
    }
    gate->shut++;
    return true;
}

void cove_store_gate_open(struct cove_store_gate *gate)
{
    gate->shut--;
    pthread_cond_broadcast(gate->changed);
    pthread_mutex_unlock(gate->lock);
}
