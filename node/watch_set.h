/* watch_set.h: which documents a query matched when it was last asked: a set of
 * their numbers, 10 to 16 bytes each.
 */
#ifndef COVE_NODE_WATCH_SET_H
#define COVE_NODE_WATCH_SET_H

#include "core/bytes.h"
#include "crdt/doc.h"

struct watch_set {
    const struct cove_alloc *alloc;
    cove_num *slots; /* 0 = free */
    size_t cap, count;
};

void watch_set_init(struct watch_set *set, const struct cove_alloc *alloc);
void watch_set_clear(struct watch_set *set); /* frees; usable again */
bool watch_set_has(const struct watch_set *set, cove_num num);
/* Make room for one more, so that the next put cannot fail.
 * Errors: COVE_ENOMEM, COVE_ELIMIT; as it was. */
COVE_MUST_CHECK int watch_set_room(struct watch_set *set);
/* To be there already, or not to be there, is no error. */
void watch_set_put(struct watch_set *set, cove_num num);
void watch_set_drop(struct watch_set *set, cove_num num);

#endif
