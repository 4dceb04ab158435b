/* journal.h: the steps of one schema: what is held, what is active.
 *
 * A journal is a set. Order of arrival never matters: a step is active when
 * it is well-formed and all its parents are active, else it is pending
 * (waiting or malformed), kept all the same. A step's id is the hash of its
 * whole body, so an edited step is another step.
 */
#ifndef COVE_SCHEMA_JOURNAL_H
#define COVE_SCHEMA_JOURNAL_H

#include "core/arena.h"
#include "core/diag.h"
#include "core/id.h"

enum cove_step_state {
    COVE_STEP_ACTIVE,
    COVE_STEP_WAITING,
    COVE_STEP_MALFORMED
};

struct cove_step { /* owned by the journal */
    struct cove_step_id id;
    struct cove_bytes body; /* canonical CBOR, checked */
    enum cove_step_state state;
    uint32_t index; /* place in the journal's array, by id */
    /* the rest only where the body is well-formed */
    struct cove_step_id *parents;
    size_t parent_count;
    struct cove_bytes *ops; /* each op's map */
    size_t op_count;
    struct cove_bytes name; /* schema name, empty where absent */
    bool has_version;
    int64_t version;
    bool annotation; /* says something about versions and is none */
    bool retired;    /* active, and before a step that x-retire names */
    struct cove_bytes schema; /* hex of the schema text's hash, or empty */
    struct cove_bytes note;
};

struct cove_journal; /* immutable after build; safe to share between readers */

struct cove_step_id cove_step_id_of(struct cove_bytes body);

/* Judge one body alone (the arena is for scratch).
 * Errors: COVE_ESTEP, where diag names the op and the rule; COVE_EUNSUPPORTED
 * where it needs what this build was made without; COVE_ENOMEM. */
COVE_MUST_CHECK int cove_step_check(struct cove_arena *arena,
                                    struct cove_bytes body,
                                    struct cove_diag *diag);

/* Build from the bodies held (checked CBOR; duplicates allowed).
 * Ownership: the bodies are copied. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_journal_new(const struct cove_alloc *alloc,
                                     const struct cove_bytes *bodies,
                                     size_t count, struct cove_journal **out);
void cove_journal_free(struct cove_journal *journal);

size_t cove_journal_count(const struct cove_journal *journal);
const struct cove_step *cove_journal_at(const struct cove_journal *journal,
                                        size_t index); /* ordered by id */
const struct cove_step *cove_journal_find(const struct cove_journal *journal,
                                          const struct cove_step_id *id);
/* Is `ancestor` in the history of `head` (a step is in its own)? Both must be
 * active, else false. Cost: O(1), a bit matrix made at build. */
bool cove_journal_descends(const struct cove_journal *journal,
                           const struct cove_step_id *head,
                           const struct cove_step_id *ancestor);
bool cove_journal_step_descends(const struct cove_journal *journal,
                                const struct cove_step *head,
                                const struct cove_step *ancestor);
/* The steps held that name this one as a parent; returns how many. */
size_t cove_journal_children(const struct cove_journal *journal, size_t index,
                             const uint32_t **children);
/* May an app opened at `epoch` write this register: does the epoch's history
 * add it? */
bool cove_journal_knows(const struct cove_journal *journal,
                        const struct cove_step_id *epoch,
                        struct cove_bytes reg);
/* The registers that active steps add, sorted by id: a plan counts them the
 * same way. */
size_t cove_journal_registers(const struct cove_journal *journal);
struct cove_bytes cove_journal_register_at(const struct cove_journal *journal,
                                           size_t index);
bool cove_journal_register_find(const struct cove_journal *journal,
                                struct cove_bytes reg, size_t *index);
/* As cove_journal_knows, for an active step and a register's index. */
bool cove_journal_step_knows(const struct cove_journal *journal,
                             const struct cove_step *epoch, size_t index);

/* H over the sorted ids of the active steps: the journal as plans see it. */
struct cove_hash cove_journal_fingerprint(const struct cove_journal *journal);

#endif
