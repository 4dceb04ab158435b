/* item.h: the registers of a list's items.
 *
 * An item is written in place through a register of the list that is named
 * after its element and the type of the value:
 *
 *   #SESSION.N~TYPE           an element of a session, 32 hex digits
 *   #SESSION.N.TX.OP~TYPE     the N-th that a write elsewhere stands for
 *
 * so that of concurrent writes to one item the newest wins, as in a map, and
 * the element itself is neither removed nor doubled.
 */
#ifndef COVE_CRDT_ITEM_H
#define COVE_CRDT_ITEM_H

#include "core/arena.h"
#include "crdt/seq.h"
#include "crdt/state.h"

/* In the arena. Errors: COVE_ENOMEM, COVE_ELIMIT (the type is too long). */
COVE_MUST_CHECK int cove_item_register(struct cove_arena *arena,
                                       const struct cove_seq *seq,
                                       struct cove_elem elem,
                                       struct cove_bytes type,
                                       struct cove_bytes *out);
/* What an item was written to last, as it is stored: `content` begins with what
 * was inserted. Borrowed from either. Errors: COVE_ENOMEM, COVE_ELIMIT. */
COVE_MUST_CHECK int cove_item_value(struct cove_arena *arena,
                                    const struct cove_state *state,
                                    const struct cove_seq *seq,
                                    struct cove_elem elem,
                                    struct cove_bytes type,
                                    struct cove_bytes *content);

#endif
