/* work.h: a day in the life of a store, in steps: what the proofs about power
 * cuts, failing disks and failing memory let happen while they watch. */
#ifndef COVE_TESTS_WORK_H
#define COVE_TESTS_WORK_H

#include "cove/cove.h"

struct work {
    char dir[200];    /* of the store */
    char backup[200]; /* where the copy goes */
    struct cove_options options;
    struct cove *store; /* NULL: not open */
    struct cove *peer;  /* in memory; whose documents are ingested */
    struct cove_id map, list, text, counter, stream, blob;
    struct cove_id items[12]; /* documents of the schema */
    uint64_t draw;            /* never 0 */
    int turn;                 /* how many edits there were */
};

/* One step. Each can be done again when it failed: what it made before is
 * found. Errors: those of the API; the sentence is cove_errmsg(store). */
struct work_step {
    const char *name;
    int (*run)(struct work *w);
};

/* In the order in which they can be done. */
extern const struct work_step work_steps[];
/* A step of that name. */
int work_do(struct work *w, const char *name);

void work_begin(struct work *w, const char *base, uint64_t seed);
/* Closes what is open. */
void work_end(struct work *w);

#endif
