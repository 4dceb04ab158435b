/* content.h: everything that a store holds, as one number. */
#ifndef COVE_TESTS_CONTENT_H
#define COVE_TESTS_CONTENT_H

#include <stdint.h>

#include "core/store.h"

/* Every key and value of every tree, in order: two stores with equal numbers
 * hold the same bytes. Errors: those of reading. */
int content_of(struct cove_store *store, unsigned trees, uint64_t *out);
/* The store that was opened last in the directory `content_watch` names, and
 * what it held then, before anything above had a chance to write. */
extern const char *content_watch; /* NULL: none */
extern struct cove_store *content_store;
extern uint64_t content_opened;

uint64_t content_mix(uint64_t sum, const void *bytes, size_t len);

#endif
