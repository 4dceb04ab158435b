/* dump.h: dumps to and from file descriptors, a piece a call: what a call needs
 * of those before it is in a text that the caller gives back, so that nothing
 * is kept open and a process that died can be followed by another.
 */
#ifndef COVE_NODE_DUMP_H
#define COVE_NODE_DUMP_H

#include "crdt/dump.h"
#include "node/admin.h"

#define DUMP_CALL  ((size_t)2 << 20) /* bytes of blocks a call, about */
#define DUMP_NAMED 100               /* of what is wrong, a call */

/* --- dump_file.c */
/* Errors: COVE_ENOSPC, COVE_EIO, COVE_ECLOSED (nobody reads the pipe). */
int dump_write(int fd, struct cove_bytes bytes);
/* As many as there are, up to len. Errors: COVE_EIO. */
int dump_read(int fd, uint8_t *out, size_t len, size_t *got);
/* The member "fd". Errors: COVE_EUSAGE. */
int dump_fd(struct admin *a, int *out);
/* A text member that holds encoded CBOR, of which the first item is this
 * store's id; *given: there is one, and r stands behind the id. Errors:
 * COVE_EUSAGE, COVE_ECONDITION (it is another store's). */
int dump_text(struct admin *a, const char *key, struct cove_txn *txn,
              struct cove_reader *r, bool *given);
/* The member of the reply, of what was written to buf behind the id. */
void dump_text_begin(struct cove_txn *txn, struct cove_writer *w, size_t items);
void dump_text_reply(struct admin *a, const char *key, struct cove_bytes cbor);

/* One schema, and all that it needs, as a dump in a new file. Errors: of
 * export.exact. */
struct dump_made {
    uint64_t documents, sequence, bytes;
    struct cove_hash sum;
};
int dump_schema(struct admin *a, int fd, const char *schema,
                struct dump_made *out);

#endif
