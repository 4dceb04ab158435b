/* The state is two sorted arrays. An op whose place is taken is settled there
 * and then: the newer stays. A new one goes behind the sorted part; when the
 * unsorted tail has grown as long as what is sorted, and when the state is
 * settled, all of it is sorted and what lost is dropped. So a document of n
 * registers costs O(n log n), in whatever order its ops come, and a long log
 * of a few registers costs no more memory than they do.
 *
 * Of the copies of a register every one with a missing origin stays, since it
 * stands in for that origin in some view. Of the others only the greatest can
 * ever be the stored winner. It is kept even below a greater copy with a
 * missing origin, because that one may yet be proven false. */
#include "crdt/state.h"

#include <assert.h>
#include <stdlib.h>

#include "cove/error.h"

#define STATE_TAIL 64 /* a tail this short is no reason to sort */

void cove_state_init(struct cove_state *state, struct cove_arena *arena,
                     const struct cove_state_history *history)
{
    memset(state, 0, sizeof(*state));
    state->arena = arena;
    if (history != NULL) {
        state->history = *history;
    }
}

/* --- order */

static int state_epoch_compare(const struct cove_native *a,
                               const struct cove_native *b)
{
    if (a->has_epoch != b->has_epoch) {
        return a->has_epoch ? 1 : -1;
    }
    return memcmp(a->epoch.b, b->epoch.b, sizeof(a->epoch.b));
}

static int state_place_compare(const struct cove_native *a,
                               const struct cove_native *b)
{
    int order = cove_bytes_compare(a->reg, b->reg);

    return order != 0 ? order : state_epoch_compare(a, b);
}

/* Two ops never share an id in an honest log. Where they do all the same, their
 * bytes decide and not their arrival. */
static int state_native_age(const struct cove_native *a,
                            const struct cove_native *b)
{
    int order = cove_op_id_compare(&a->id, &b->id);

    if (order == 0) {
        order = (int)b->deleted - (int)a->deleted;
    }
    return order != 0 ? order : cove_bytes_compare(a->value, b->value);
}

static int state_native_order(const void *left, const void *right)
{
    const struct cove_native *a = left;
    const struct cove_native *b = right;
    int order = state_place_compare(a, b);

    return order != 0 ? order : state_native_age(b, a); /* newest first */
}

static int state_origin_compare(const struct cove_origin *a,
                                const struct cove_origin *b)
{
    int order = cove_op_id_compare(&a->id, &b->id);

    return order != 0 ? order : cove_bytes_compare(a->reg, b->reg);
}

static int state_rank_order(const void *left, const void *right)
{
    const struct cove_origin *const *a = left;
    const struct cove_origin *const *b = right;

    return state_origin_compare(*b, *a);
}

static int state_copy_order(const void *left, const void *right)
{
    const struct cove_copy *a = left;
    const struct cove_copy *b = right;
    int order = cove_bytes_compare(a->reg, b->reg);

    if (order == 0) {
        order = cove_op_id_compare(&a->id, &b->id);
    }
    if (order == 0) {
        order = (int)a->deleted - (int)b->deleted;
    }
    if (order == 0) {
        order = cove_bytes_compare(a->value, b->value);
    }
    if (order == 0 && a->origin_count != b->origin_count) {
        order = a->origin_count < b->origin_count ? -1 : 1;
    }
    for (size_t i = 0; order == 0 && i < a->origin_count; i++) {
        order = state_origin_compare(&a->origins[i], &b->origins[i]);
    }
    return order;
}

int cove_state_stored_compare(const struct cove_native *na,
                              const struct cove_copy *ca,
                              const struct cove_native *nb,
                              const struct cove_copy *cb)
{
    size_t na_count = na != NULL ? 1 : ca->origin_count;
    size_t nb_count = nb != NULL ? 1 : cb->origin_count;

    for (size_t i = 0; i < na_count && i < nb_count; i++) {
        int order =
            cove_op_id_compare(na != NULL ? &na->id : &ca->ranked[i]->id,
                               nb != NULL ? &nb->id : &cb->ranked[i]->id);

        if (order != 0) {
            return order;
        }
    }
    if (na_count != nb_count) {
        return na_count < nb_count ? -1 : 1;
    }
    return cove_op_id_compare(na != NULL ? &na->id : &ca->id,
                              nb != NULL ? &nb->id : &cb->id);
}

/* --- natives */

static void state_sort_natives(struct cove_state *state)
{
    size_t kept = 0;

    if (state->native_tail == 0) {
        return;
    }
    qsort(state->natives, state->native_count, sizeof(*state->natives),
          state_native_order);
    for (size_t i = 0; i < state->native_count; i++) {
        if (kept > 0 && state_place_compare(&state->natives[kept - 1],
                                            &state->natives[i]) == 0) {
            continue;
        }
        state->natives[kept++] = state->natives[i];
    }
    state->native_count = kept;
    state->native_tail = 0;
}

/* The first of the sorted natives that is not before op. */
static size_t state_native_place(const struct cove_state *state,
                                 const struct cove_native *op)
{
    size_t begin = 0;
    size_t end = state->native_count - state->native_tail;

    /* A document's first write comes in this order. */
    if (end > 0 && state_place_compare(&state->natives[end - 1], op) < 0) {
        return end;
    }
    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;

        if (state_place_compare(&state->natives[middle], op) < 0) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    return begin;
}

/* Only without a history: it would answer for this op by itself. */
static void state_mark_held(struct cove_state *state,
                            const struct cove_op_id *id)
{
    if (state->history.held != NULL) {
        return;
    }
    for (size_t i = 0; i < state->copy_count; i++) {
        struct cove_copy *copy = &state->copies[i];

        for (size_t k = 0; k < copy->origin_count; k++) {
            if (cove_op_id_compare(&copy->origins[k].id, id) == 0) {
                copy->origins[k].held = true;
            }
        }
    }
}

/* No value of what was deleted, no epoch where there is none. */
static void state_tidy(struct cove_native *native)
{
    if (native->deleted) {
        native->value = cove_bytes(NULL, 0);
    }
    if (!native->has_epoch) {
        memset(&native->epoch, 0, sizeof(native->epoch));
    }
}

static int state_append_native(struct cove_state *state,
                               const struct cove_native *op, bool in_order)
{
    void *array = state->natives;
    struct cove_native *added;
    int err = cove_arena_grow(state->arena, &array, sizeof(*added),
                              state->native_count, &state->native_cap);

    if (err != 0) {
        return err;
    }
    state->natives = array;
    added = &state->natives[state->native_count];
    *added = *op;
    state_tidy(added);
    err = cove_arena_copy(state->arena, added->reg, &added->reg);
    err = err != 0 ? err
                   : cove_arena_copy(state->arena, added->value, &added->value);
    if (err != 0) {
        return err;
    }
    state->native_count++;
    if (!in_order) {
        state->native_tail++;
    }
    if (state->native_tail > STATE_TAIL &&
        state->native_tail > state->native_count / 2) {
        state_sort_natives(state);
    }
    return 0;
}

/* Another op on the same register at the same epoch: the newer one stands. */
static int state_replace_native(struct cove_state *state,
                                struct cove_native *stands,
                                const struct cove_native *op)
{
    struct cove_native added = *op;
    int err;

    state_tidy(&added);
    if (state_native_age(&added, stands) <= 0) {
        return 0;
    }
    err = cove_arena_copy(state->arena, added.value, &added.value);
    if (err == 0) {
        added.reg = stands->reg;
        *stands = added;
    }
    return err;
}

int cove_state_add_native(struct cove_state *state,
                          const struct cove_native *op)
{
    size_t sorted = state->native_count - state->native_tail;
    size_t at = state_native_place(state, op);
    int err;

    if (at < sorted && state_place_compare(&state->natives[at], op) == 0) {
        err = state_replace_native(state, &state->natives[at], op);
    } else {
        err = state_append_native(state, op,
                                  at == sorted && state->native_tail == 0);
    }
    if (err == 0) {
        state_mark_held(state, &op->id);
    }
    return err;
}

/* --- copies */

static enum cove_held state_held(const struct cove_state *state,
                                 const struct cove_origin *origin)
{
    if (state->history.held != NULL) {
        return state->history.held(state->history.ctx, origin);
    }
    for (size_t i = 0; i < state->native_count; i++) {
        if (cove_op_id_compare(&state->natives[i].id, &origin->id) == 0) {
            return COVE_HELD_YES;
        }
    }
    return COVE_HELD_NO;
}

/* Bring a copy's origins up to date. False: the copy is proven false. */
static bool state_resolve(const struct cove_state *state,
                          struct cove_copy *copy)
{
    for (size_t i = 0; i < copy->origin_count; i++) {
        struct cove_origin *origin = &copy->origins[i];

        if (origin->held || cove_op_id_is_none(&origin->id)) {
            continue;
        }
        switch (state_held(state, origin)) {
        case COVE_HELD_YES:
            origin->held = true;
            break;
        case COVE_HELD_FALSE:
            return false;
        case COVE_HELD_NO:
            break;
        }
    }
    return true;
}

static bool state_complete(const struct cove_copy *copy)
{
    for (size_t i = 0; i < copy->origin_count; i++) {
        if (!copy->origins[i].held &&
            !cove_op_id_is_none(&copy->origins[i].id)) {
            return false;
        }
    }
    return true;
}

static void state_sort_copies(struct cove_state *state)
{
    size_t kept = 0;

    if (state->copy_tail == 0) {
        return;
    }
    qsort(state->copies, state->copy_count, sizeof(*state->copies),
          state_copy_order);
    for (size_t i = 0; i < state->copy_count; i++) {
        if (kept > 0 && state_copy_order(&state->copies[kept - 1],
                                         &state->copies[i]) == 0) {
            continue;
        }
        state->copies[kept++] = state->copies[i];
    }
    state->copy_count = kept;
    state->copy_tail = 0;
}

/* Of the copies of one register, [begin, end), keep what can matter: they move
 * down to *kept, order unchanged. */
static void state_prune(struct cove_state *state, size_t begin, size_t end,
                        size_t *kept)
{
    const struct cove_copy *copies = state->copies;
    size_t best = end;

    for (size_t i = begin; i < end; i++) {
        if (state_complete(&copies[i]) &&
            (best == end || cove_state_stored_compare(NULL, &copies[best], NULL,
                                                      &copies[i]) < 0)) {
            best = i;
        }
    }
    for (size_t i = begin; i < end; i++) {
        if (i == best || !state_complete(&copies[i])) {
            state->copies[(*kept)++] = copies[i];
        }
    }
}

void cove_state_settle(struct cove_state *state)
{
    size_t kept = 0;

    state_sort_natives(state);
    for (size_t i = 0; i < state->copy_count; i++) {
        if (state_resolve(state, &state->copies[i])) {
            state->copies[kept++] = state->copies[i];
        } else {
            state->false_copies++;
        }
    }
    state->copy_count = kept;
    state_sort_copies(state);
    kept = 0;
    for (size_t begin = 0, end = 0; begin < state->copy_count; begin = end) {
        while (end < state->copy_count &&
               cove_bytes_equal(state->copies[begin].reg,
                                state->copies[end].reg)) {
            end++;
        }
        state_prune(state, begin, end, &kept);
    }
    state->copy_count = kept;
}

/* A copy names at least one origin, and none that is not older than itself. */
static bool state_honest(const struct cove_copy *op)
{
    bool any = false;

    for (size_t i = 0; i < op->origin_count; i++) {
        if (cove_op_id_compare(&op->origins[i].id, &op->id) >= 0) {
            return false;
        }
        any = any || !cove_op_id_is_none(&op->origins[i].id);
    }
    return any;
}

static int state_copy_of(struct cove_arena *arena, const struct cove_copy *op,
                         struct cove_copy *out)
{
    size_t count = op->origin_count;
    int err = cove_arena_copy(arena, op->reg, &out->reg);

    out->id = op->id;
    out->deleted = op->deleted;
    out->value = cove_bytes(NULL, 0);
    if (err == 0 && !op->deleted) {
        err = cove_arena_copy(arena, op->value, &out->value);
    }
    if (err != 0) {
        return err;
    }
    out->origins = cove_arena_array(arena, count, sizeof(*out->origins));
    out->ranked = cove_arena_array(arena, count, sizeof(struct cove_origin *));
    out->origin_count = count;
    if (out->origins == NULL || out->ranked == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        out->origins[i] = op->origins[i];
        out->ranked[i] = &out->origins[i];
        err = cove_arena_copy(arena, op->origins[i].reg, &out->origins[i].reg);
        if (err != 0) {
            return err;
        }
    }
    qsort(out->ranked, count, sizeof(struct cove_origin *), state_rank_order);
    return 0;
}

int cove_state_add_copy(struct cove_state *state, const struct cove_copy *op)
{
    void *array = state->copies;
    struct cove_copy added;
    int err;

    if (!state_honest(op)) {
        return 0;
    }
    err = state_copy_of(state->arena, op, &added);
    if (err != 0) {
        return err;
    }
    if (!state_resolve(state, &added)) {
        state->false_copies++;
        return 0;
    }
    err = cove_arena_grow(state->arena, &array, sizeof(added),
                          state->copy_count, &state->copy_cap);
    if (err != 0) {
        return err;
    }
    state->copies = array;
    state->copies[state->copy_count++] = added;
    state->copy_tail++;
    if (state->copy_tail > STATE_TAIL &&
        state->copy_tail > state->copy_count / 2) {
        cove_state_settle(state);
    }
    return 0;
}

/* --- sessions that are not shown whole */

static size_t state_reach_place(const struct cove_state *state,
                                const struct cove_session_id *session,
                                bool *found)
{
    return cove_session_place(
        state->reaches, state->reach_count, sizeof(*state->reaches),
        offsetof(struct cove_reach, session), session, found);
}

int cove_state_reach(struct cove_state *state, const struct cove_reach *reach)
{
    void *array = state->reaches;
    bool found;
    size_t at = state_reach_place(state, &reach->session, &found);

    if (found) {
        if (state->reaches[at].len < reach->len) {
            state->reaches[at].len = reach->len;
            state->reach_changes++;
        }
        return 0;
    }

    int err = cove_arena_grow(state->arena, &array, sizeof(*reach),
                              state->reach_count, &state->reach_cap);

    if (err == 0) {
        state->reaches = array;
        memmove(state->reaches + at + 1, state->reaches + at,
                (state->reach_count - at) * sizeof(*reach));
        state->reaches[at] = *reach;
        state->reach_count++;
        state->reach_changes++;
    }
    return err;
}

uint32_t cove_state_reached(const struct cove_state *state,
                            const struct cove_session_id *session)
{
    bool found;
    size_t at = state_reach_place(state, session, &found);

    return found ? state->reaches[at].len : 0;
}

/* --- reading */

void cove_state_natives(const struct cove_state *state, struct cove_bytes reg,
                        size_t *begin, size_t *end)
{
    struct cove_native first = {.reg = reg}; /* before every epoch's */
    size_t at;

    assert(state->native_tail == 0);
    at = state_native_place(state, &first);
    *begin = at;
    while (at < state->native_count &&
           cove_bytes_equal(state->natives[at].reg, reg)) {
        at++;
    }
    *end = at;
}

void cove_state_copies(const struct cove_state *state, struct cove_bytes reg,
                       size_t *begin, size_t *end)
{
    size_t first = 0;
    size_t last = state->copy_count;

    assert(state->copy_tail == 0);
    while (first < last) {
        size_t middle = first + (last - first) / 2;

        if (cove_bytes_compare(state->copies[middle].reg, reg) < 0) {
            first = middle + 1;
        } else {
            last = middle;
        }
    }
    *begin = first;
    while (first < state->copy_count &&
           cove_bytes_equal(state->copies[first].reg, reg)) {
        first++;
    }
    *end = first;
}

int cove_state_winner(const struct cove_state *state, struct cove_bytes reg,
                      const struct cove_native **native,
                      const struct cove_copy **copy)
{
    const struct cove_native *best_native = NULL;
    const struct cove_copy *best_copy = NULL;
    size_t begin;
    size_t end;

    cove_state_natives(state, reg, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        if (best_native == NULL ||
            state_native_age(best_native, &state->natives[i]) < 0) {
            best_native = &state->natives[i];
        }
    }
    cove_state_copies(state, reg, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        const struct cove_copy *next = &state->copies[i];

        if ((best_native == NULL && best_copy == NULL) ||
            cove_state_stored_compare(best_native, best_copy, NULL, next) < 0) {
            best_native = NULL;
            best_copy = next;
        }
    }
    if (best_native == NULL && best_copy == NULL) {
        return COVE_ENOTFOUND;
    }
    *native = best_native;
    *copy = best_copy;
    return 0;
}
