/* store_shrink.h: a store's file written anew, with nothing in it but what is
 * in use, its pages full.
 *
 * The new file is made beside the old one and takes its name when it is whole
 * and on disk; whatever a crash leaves is the one or the other. No other
 * process may have the store open meanwhile: one that opens it then waits.
 */
#ifndef COVE_CORE_STORE_SHRINK_H
#define COVE_CORE_STORE_SHRINK_H

#include "core/store.h"

struct cove_shrink {
    struct cove_store_options opt; /* as the store is opened with; its fault
                                      hook is asked at each step here, too */
    /* The new file is whole and durable and about to take the old one's place;
     * an error keeps the old one. May be NULL. */
    int (*ready)(void *ctx, const char *path);
    /* So many bytes of keys and values are written; may be NULL. */
    void (*progress)(void *ctx, uint64_t done);
    void *ctx;
    /* Set where the new file has the old one's place and the disk may not keep
     * that: a power cut may bring the old one back. May be NULL. */
    bool *unsure;
};

/* The store in `dir` must not be open in this process.
 * Errors: COVE_EBUSY (another process has it open), those of opening a store,
 * COVE_ENOSPC (the old and the new need room at once), what `ready` gives; the
 * store is as it was, but for what `unsure` says; diag names the path and what
 * to do. */
COVE_MUST_CHECK int cove_store_shrink(const char *dir,
                                      const struct cove_shrink *shrink,
                                      struct cove_diag *diag);

#endif
