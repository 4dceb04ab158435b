/* content.h: everything that a store holds, as one number. */
#ifndef COVE_TESTS_CONTENT_H
#define COVE_TESTS_CONTENT_H

#include <stdint.h>

#include "core/store.h"

/* Every key and value of every tree, in order: two stores with equal numbers
 * hold the same bytes. Errors: those of reading. */
int content_of(struct cove_store *store, unsigned trees, uint64_t *out);
uint64_t content_mix(uint64_t sum, const void *bytes, size_t len);

#endif
