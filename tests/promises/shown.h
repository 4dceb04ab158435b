/* shown.h: what a loaded document shows, as a line of text: what naive_line
 * says that it must. */
#ifndef COVE_TESTS_SHOWN_H
#define COVE_TESTS_SHOWN_H

#include "crdt/repo.h"
#include "tests/promises/naive.h"

struct shown {
    struct cove_repo *repo;
    struct cove_store_txn *txn;
    struct cove_arena *arena;
    const struct cove_doc *doc;
};

/* Of its state, or of another one of it. */
void shown_line(const struct shown *s, const struct cove_state *state,
                struct cove_buf *out);

#endif
