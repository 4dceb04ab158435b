/* conform_children.h: the parts of that program. */
#ifndef COVE_TESTS_CONFORM_CHILDREN_H
#define COVE_TESTS_CONFORM_CHILDREN_H

#include "migrate/child.h"
#include "tests/conform.h"

#define CONFORM_DOCS 64

struct doc {
    struct cove_bytes reg; /* empty: the parent */
    struct cove_state state;
};

struct children {
    struct cove_arena arena; /* until reset */
    struct cove_buf bodies;  /* of struct cove_bytes */
    struct doc docs[CONFORM_DOCS];
    size_t doc_count;
};

/* The document of a field, made where there is none; empty: the parent. */
struct doc *doc_of(struct children *c, struct cove_bytes reg);
/* All that a head sees. */
void write_family(struct cove_writer *w, struct children *c,
                  const struct cove_plan *plan, struct cove_arena *arena);

#endif
