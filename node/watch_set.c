/* watch_set.c: see watch_set.h. Open addressing, filled up to four fifths and
 * then half as large again; what is taken out leaves no mark: those behind it
 * move up.
 */
#include "node/watch_set.h"

#include "cove/error.h"

#include <assert.h>

#define SET_FIRST 16
#define SET_MOST  ((size_t)UINT32_MAX)

void watch_set_init(struct watch_set *set, const struct cove_alloc *alloc)
{
    *set = (struct watch_set){.alloc = alloc};
}

void watch_set_clear(struct watch_set *set)
{
    cove_alloc_free(set->alloc, set->slots);
    watch_set_init(set, set->alloc);
}

/* Numbers follow one another: multiplied, they lie everywhere. */
static size_t set_home(const struct watch_set *set, cove_num num)
{
    uint64_t mixed = num * UINT64_C(0x9e3779b97f4a7c15);

    return (size_t)((mixed >> 32) * set->cap >> 32);
}

static size_t set_next(const struct watch_set *set, size_t at)
{
    return at + 1 == set->cap ? 0 : at + 1;
}

/* Where it is, or the free slot where it would be. */
static size_t set_find(const struct watch_set *set, cove_num num)
{
    size_t at = set_home(set, num);

    while (set->slots[at] != 0 && set->slots[at] != num) {
        at = set_next(set, at);
    }
    return at;
}

bool watch_set_has(const struct watch_set *set, cove_num num)
{
    return set->count > 0 && set->slots[set_find(set, num)] != 0;
}

int watch_set_room(struct watch_set *set)
{
    struct watch_set grown = *set;

    if (set->cap > 0 && (set->count + 1) * 5 <= set->cap * 4) {
        return 0;
    }
    if (set->cap > SET_MOST / 2) {
        return COVE_ELIMIT;
    }
    grown.cap = set->cap == 0 ? SET_FIRST : set->cap + set->cap / 2;
    grown.slots = cove_alloc_zero(set->alloc, grown.cap, sizeof(*grown.slots));
    if (grown.slots == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < set->cap; i++) {
        if (set->slots[i] != 0) {
            grown.slots[set_find(&grown, set->slots[i])] = set->slots[i];
        }
    }
    cove_alloc_free(set->alloc, set->slots);
    *set = grown;
    return 0;
}

void watch_set_put(struct watch_set *set, cove_num num)
{
    assert(num != 0 && set->count < set->cap);

    size_t at = set_find(set, num);

    set->count += set->slots[at] == 0;
    set->slots[at] = num;
}

/* How far behind its home a slot is. */
static size_t set_distance(const struct watch_set *set, size_t home, size_t at)
{
    return at >= home ? at - home : at + set->cap - home;
}

void watch_set_drop(struct watch_set *set, cove_num num)
{
    if (!watch_set_has(set, num)) {
        return;
    }

    size_t hole = set_find(set, num);

    for (size_t at = set_next(set, hole); set->slots[at] != 0;
         at = set_next(set, at)) {
        size_t home = set_home(set, set->slots[at]);

        if (set_distance(set, home, at) >= set_distance(set, hole, at)) {
            set->slots[hole] = set->slots[at];
            hole = at;
        }
    }
    set->slots[hole] = 0;
    set->count--;
}
