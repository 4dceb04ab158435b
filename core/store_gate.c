/* store_gate.c: see store_gate.h. The order in which `in` and `shut` are
 * written and read is what it rests on: all of it is sequentially consistent,
 * as C's atomics are unless told otherwise. */
#include "core/store_gate.h"

#include <stddef.h>

/* Is anybody in, or with `blocked` anybody whose thread waits? With the lock,
 * and the gate shut: none of those comes in that this does not see. */
static bool gate_has(const struct cove_store_gate *gate, bool blocked)
{
    for (size_t i = 0; i <= COVE_STORE_SEATS; i++) {
        const struct cove_store_guest *guest = gate->seats[i];

        if (atomic_load(&guest->in) &&
            (!blocked ||
             gate->blocks(gate->ctx, atomic_load(&guest->thread)))) {
            return true;
        }
    }
    for (const struct cove_store_guest *guest = gate->others; guest != NULL;
         guest = guest->next) {
        if (!blocked || gate->blocks(gate->ctx, atomic_load(&guest->thread))) {
            return true;
        }
    }
    return false;
}

static bool guest_is_mine(const struct cove_store_guest *guest)
{
    return pthread_equal(atomic_load(&guest->thread), pthread_self());
}

/* Is this thread in already? With the lock. */
static bool gate_has_me(const struct cove_store_gate *gate)
{
    for (size_t i = 0; i <= COVE_STORE_SEATS; i++) {
        const struct cove_store_guest *guest = gate->seats[i];

        if (atomic_load(&guest->in) && guest_is_mine(guest)) {
            return true;
        }
    }
    for (const struct cove_store_guest *guest = gate->others; guest != NULL;
         guest = guest->next) {
        if (guest_is_mine(guest)) {
            return true;
        }
    }
    return false;
}

static void gate_wait(struct cove_store_gate *gate)
{
    while (atomic_load(&gate->shut) > 0 && !gate_has_me(gate)) {
        pthread_cond_wait(gate->changed, gate->lock);
    }
}

static void gate_link(struct cove_store_gate *gate,
                      struct cove_store_guest *guest)
{
    guest->prev = NULL;
    guest->next = gate->others;
    if (guest->next != NULL) {
        guest->next->prev = guest;
    }
    gate->others = guest;
}

static void gate_unlink(struct cove_store_gate *gate,
                        struct cove_store_guest *guest)
{
    if (guest->prev != NULL) {
        guest->prev->next = guest->next;
    } else {
        gate->others = guest->next;
    }
    if (guest->next != NULL) {
        guest->next->prev = guest->prev;
    }
}

void cove_store_gate_enter(struct cove_store_gate *gate,
                           struct cove_store_guest *guest, bool seated)
{
    atomic_store(&guest->thread, pthread_self());
    if (seated) {
        atomic_store(&guest->in, true);
        if (atomic_load(&gate->shut) == 0) {
            return;
        }
        atomic_store(&guest->in, false);
    }
    pthread_mutex_lock(gate->lock);
    pthread_cond_broadcast(gate->changed);
    gate_wait(gate);
    if (seated) {
        atomic_store(&guest->in, true);
    } else {
        gate_link(gate, guest);
    }
    pthread_mutex_unlock(gate->lock);
}

void cove_store_gate_leave(struct cove_store_gate *gate,
                           struct cove_store_guest *guest, bool seated)
{
    if (seated) {
        atomic_store(&guest->in, false);
        if (atomic_load(&gate->shut) == 0) {
            return;
        }
    }
    pthread_mutex_lock(gate->lock);
    if (!seated) {
        gate_unlink(gate, guest);
    }
    pthread_cond_broadcast(gate->changed);
    pthread_mutex_unlock(gate->lock);
}

bool cove_store_gate_empty(const struct cove_store_gate *gate)
{
    return !gate_has(gate, false);
}

bool cove_store_gate_shut(struct cove_store_gate *gate)
{
    pthread_mutex_lock(gate->lock);
    atomic_fetch_add(&gate->shut, 1);
    while (gate_has(gate, false)) {
        if (gate_has(gate, true)) {
            return false;
        }
        pthread_cond_wait(gate->changed, gate->lock);
    }
    return true;
}

bool cove_store_gate_try_shut(struct cove_store_gate *gate)
{
    pthread_mutex_lock(gate->lock);
    atomic_fetch_add(&gate->shut, 1);
    if (gate_has(gate, false)) {
        cove_store_gate_open(gate);
        return false;
    }
    return true;
}

void cove_store_gate_open(struct cove_store_gate *gate)
{
    atomic_fetch_sub(&gate->shut, 1);
    pthread_cond_broadcast(gate->changed);
    pthread_mutex_unlock(gate->lock);
}
