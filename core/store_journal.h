/* store_journal.h: the writes of one transaction, to do them again.
 *
 * A record is a fixed head, the key and the value, one behind the other.
 * Bytes given by next are borrowed until the next append.
 */
#ifndef COVE_CORE_STORE_JOURNAL_H
#define COVE_CORE_STORE_JOURNAL_H

#include "core/bytes.h"

struct cove_store_journal {
    struct cove_buf buf;
};

struct cove_store_change {
    unsigned tree;
    bool gone; /* deleted; value is empty */
    struct cove_bytes key;
    struct cove_bytes value;
};

void cove_store_journal_init(struct cove_store_journal *journal,
                             const struct cove_alloc *alloc);
void cove_store_journal_clear(struct cove_store_journal *journal);
/* Empty it; keeps a moderate amount of memory. */
void cove_store_journal_reset(struct cove_store_journal *journal);

/* Errors: COVE_ENOMEM, unchanged. */
COVE_MUST_CHECK int cove_store_journal_append(
    struct cove_store_journal *journal, const struct cove_store_change *change);

/* Read the record at *at and go on to the next; false at the end. */
bool cove_store_journal_next(const struct cove_store_journal *journal,
                             size_t *at, struct cove_store_change *out);

#endif
