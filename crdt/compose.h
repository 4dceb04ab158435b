/* compose.h: an app's edits of a list or text, gathered into one transaction.
 *
 * An edit changes the sequence at once and is noted here as an op. Edits that
 * go on where the last one ended make its op longer: a sentence typed letter by
 * letter is one insertion, a word erased backwards one deletion. Who writes
 * takes the transaction out when it is to be appended, or when the next edit
 * no longer fits. Knows nothing of stores: whoever fails to append what was
 * taken must throw the sequence away, since it is ahead of the log then.
 */
#ifndef COVE_CRDT_COMPOSE_H
#define COVE_CRDT_COMPOSE_H

#include "core/limits.h"
#include "crdt/seq.h"
#include "crdt/tx.h"

/* Bytes that the ops of one transaction may take, about; what is left is for
 * what else stands in it. */
#define COVE_COMPOSE_BYTES 56000
#define COVE_COMPOSE_PIECE 16000 /* bytes of a longer insertion's ops */

struct cove_compose_op {
    enum cove_op_kind kind;
    struct cove_elem at; /* parent, or the first that is removed */
    bool left;
    uint32_t first, count;
    size_t start, len;     /* of the content, in `content` */
    size_t type, type_len; /* of the type id, there too */
};

struct cove_compose_self { /* this device, as cove_repo_self gives it */
    uint32_t author;
    uint32_t next; /* number of the element that is inserted next */
    uint64_t hlc;  /* of the transaction */
};

struct cove_compose {
    const struct cove_alloc *alloc;
    struct cove_seq *seq; /* borrowed */
    struct cove_compose_self self;
    struct cove_buf ops; /* struct cove_compose_op */
    struct cove_buf content;
    size_t bytes; /* that the ops take, about */
};

void cove_compose_init(struct cove_compose *c, const struct cove_alloc *alloc);
void cove_compose_clear(struct cove_compose *c);
/* What is edited, and by whom; nothing is gathered so far. */
void cove_compose_start(struct cove_compose *c, struct cove_seq *seq,
                        const struct cove_compose_self *self);
bool cove_compose_is_empty(const struct cove_compose *c);

/* How many ops more, and does an insertion of so many bytes fit into this
 * transaction? One of more than COVE_COMPOSE_PIECE is inserted in pieces; a
 * deletion may come to an op for each element. */
size_t cove_compose_ops_left(const struct cove_compose *c);
bool cove_compose_has_room(const struct cove_compose *c, size_t bytes);

struct cove_compose_insert {
    enum cove_seq_unit unit;
    size_t at;
    const struct cove_elem *behind; /* right behind this element, or tombstone;
                                       NULL: before what is visible at `at` */
    struct cove_bytes content;      /* as of a run of the sequence */
    uint32_t count;                 /* elements of it */
    struct cove_bytes type;
};
/* The caller looked for room. Errors: COVE_EUSAGE (the place), COVE_ENOTFOUND
 * (no such element to be behind), COVE_ELIMIT, COVE_ENOMEM: nothing is
 * gathered, and but for memory with `behind` the sequence is unchanged. */
COVE_MUST_CHECK int cove_compose_insert(struct cove_compose *c,
                                        const struct cove_compose_insert *in);
/* Errors: as above. */
COVE_MUST_CHECK int cove_compose_remove(struct cove_compose *c,
                                        enum cove_seq_unit unit, size_t at,
                                        size_t len);

/* Remove elements by what they are, those that are visible.
 * Errors: COVE_ENOMEM, COVE_ELIMIT, unchanged. */
COVE_MUST_CHECK int cove_compose_remove_of(struct cove_compose *c,
                                           struct cove_elem first,
                                           uint32_t count);

/* Take what was gathered as ops and agents, in the arena; the bytes are
 * borrowed until the next edit or start. Nothing is gathered afterwards.
 * Errors: COVE_ENOMEM, unchanged. */
COVE_MUST_CHECK int cove_compose_take(struct cove_compose *c,
                                      struct cove_arena *arena,
                                      struct cove_tx *out);

#endif
