/* content.h: everything that a store holds, as one number. */
#ifndef COVE_TESTS_CONTENT_H
#define COVE_TESTS_CONTENT_H

#include <stdint.h>

#include <sys/stat.h>

#include "core/store.h"

/* Every key and value of every tree, in order: two stores with equal numbers
 * hold the same bytes. Errors: those of reading. */
int content_of(struct cove_store *store, unsigned trees, uint64_t *out);
/* The store that was opened last in the directory `content_watch` names, and
 * what it held then, before anything above had a chance to write. */
extern const char *content_watch; /* NULL: none */
extern struct cove_store *content_store;
extern uint64_t content_opened;

/* The text of a nonce's side file, which names the inode of data.mdb, as it is
 * where that file is another now: its length. */
size_t content_nonce(const uint8_t *text, size_t len, const struct stat *was,
                     const struct stat *now, char *out, size_t cap);

uint64_t content_mix(uint64_t sum, const void *bytes, size_t len);

#endif
