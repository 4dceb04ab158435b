/* seq_naive.h: what a sequence is, written from the paper and nothing else: a
 * set of elements and a set of deletions, read by walking the whole tree anew
 * each time. What crdt/seq.c answers is compared with this. */
#ifndef COVE_TESTS_SEQ_NAIVE_H
#define COVE_TESTS_SEQ_NAIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAIVE_MAX 2048 /* elements */

struct naive_id {
    uint32_t author; /* UINT32_MAX: the root; authors sort by number */
    uint32_t n;
};

struct naive_elem {
    struct naive_id id, parent;
    uint64_t hlc;
    bool right;
    char content[8]; /* NUL-terminated */
};

struct naive {
    struct naive_elem elems[NAIVE_MAX];
    size_t count;
    struct naive_id gone[4 * NAIVE_MAX];
    size_t gone_count;
    /* after naive_read: indexes in document order, those that are reached */
    size_t order[NAIVE_MAX];
    bool deleted[NAIVE_MAX];
    size_t reached;
    size_t visible;
};

void naive_insert(struct naive *s, const struct naive_elem *elem);
void naive_remove(struct naive *s, struct naive_id id);
void naive_read(struct naive *s);
/* The visible element at a place. */
const struct naive_elem *naive_at(const struct naive *s, size_t at);
/* What an insertion before the visible element `at` hangs on. */
void naive_parent(const struct naive *s, size_t at, struct naive_id *parent,
                  bool *right);

#endif
