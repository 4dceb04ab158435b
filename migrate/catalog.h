/* catalog.h: the schemas of a store at work: journal documents read, compiled
 * and cached.
 *
 * A journal document is a comap whose keys are hashes: of step bodies and of
 * schema texts. Only set ops by admins of its group count; deleting or
 * overwriting an entry has no effect; a key that is not its value's hash is
 * ignored and reported as drift. What is cached is keyed by the journal
 * document's change sequence, so a new step is seen at the next use.
 * One catalog belongs to one repo and one thread.
 */
#ifndef COVE_MIGRATE_CATALOG_H
#define COVE_MIGRATE_CATALOG_H

#include "crdt/repo.h"
#include "migrate/plan.h"
#include "schema/journal.h"
#include "schema/jsonschema.h"

struct cove_catalog;

struct cove_drift { /* an entry that is not what its key says */
    struct cove_bytes key;
    struct cove_key author;
    uint64_t hlc;
};

/* The live heads that a load saw last, and the key of what is clean at them:
 * most documents have the same (load.c). */
#define COVE_HEADS (COVE_MAX_LIVE_HEADS + 2) /* newest, asked for, live */
struct cove_heads {
    struct cove_step_id head[COVE_HEADS];
    size_t count; /* 0: none was seen yet */
    struct cove_hash key;
};

/* Borrowed, as journals, plans and schemas are, until cove_catalog_settle; what
 * a later call gives may say more. */
struct cove_schema_doc {
    cove_num num;
    uint64_t serial; /* one that says anything else has another */
    struct cove_id id;
    struct cove_id owner;
    struct cove_bytes name; /* of the schema */
    const struct cove_journal *journal;
    const struct cove_step *newest; /* see cove_schema_doc_newest */
    const struct cove_drift *drift;
    size_t drift_count;
    uint64_t denied;          /* steps by authors who are no admin */
    struct cove_heads *heads; /* load.c's */
};

COVE_MUST_CHECK int cove_catalog_new(const struct cove_alloc *alloc,
                                     struct cove_repo *repo,
                                     struct cove_catalog **out);
void cove_catalog_free(struct cove_catalog *catalog);
/* What becomes of a local write that breaks its version's rules. */
enum cove_judge_mode {
    COVE_JUDGE_STRICT, /* it is refused */
    COVE_JUDGE_REPORT, /* it is made, and told of here */
    COVE_JUDGE_OFF     /* it is made */
};
struct cove_judging {
    enum cove_judge_mode mode;
    uint64_t reported;      /* since whoever asks for them set it to 0 … */
    uint64_t made;          /* … and before the call that writes now */
    struct cove_diag first; /* the sentence of the first of them */
    bool unnamed;           /* which does not name its document yet */
};
/* Of this catalog; it may be changed. At first it is strict. */
struct cove_judging *cove_catalog_judging(struct cove_catalog *catalog);
/* Nobody reads any longer what was borrowed: the transaction has ended. */
void cove_catalog_settle(struct cove_catalog *catalog);
struct cove_repo *cove_catalog_repo(const struct cove_catalog *catalog);
const struct cove_alloc *cove_catalog_alloc(const struct cove_catalog *catalog);

/* A step that is not published, and the text of its schema (or empty). */
struct cove_assumed {
    struct cove_bytes body; /* checked CBOR */
    struct cove_bytes schema;
};
/* From here on this catalog takes the journal for what it holds now and these
 * steps besides, in this transaction and in later ones, until it is freed or
 * told otherwise: what documents would show can then be asked like what they
 * show. Nothing is written, and no right is needed.
 * Ownership: copied. Errors: as of open; COVE_EUSAGE without a step. */
COVE_MUST_CHECK int cove_catalog_assume(struct cove_catalog *catalog,
                                        struct cove_store_txn *txn,
                                        cove_num num,
                                        const struct cove_assumed *steps,
                                        size_t count);

/* Errors: COVE_ENOTFOUND where the journal document is not held (blocked). */
COVE_MUST_CHECK int cove_catalog_open(struct cove_catalog *catalog,
                                      struct cove_store_txn *txn, cove_num num,
                                      const struct cove_schema_doc **out);
/* A schema by name, or its journal by document id text or prefix.
 * Errors: COVE_ENOTFOUND, COVE_EAMBIGUOUS (one name, several journals: diag
 * lists their ids). */
COVE_MUST_CHECK int cove_catalog_find(struct cove_catalog *catalog,
                                      struct cove_store_txn *txn,
                                      const char *name, cove_num *out,
                                      struct cove_diag *diag);
/* The active step that a human version number labels; 0 = the newest (the
 * leaf with the greatest version, then the longest history, then the smaller
 * id). `version` may also be the hex prefix (at least 8 digits) of a
 * step's id, or of its schema's hash: then the newest such step.
 * Errors: COVE_ENOTFOUND (lists the versions there are), COVE_EAMBIGUOUS
 * (a fork: lists the steps), COVE_EBLOCKED (held, but waiting or malformed:
 * says for what). */
COVE_MUST_CHECK int cove_schema_doc_head(const struct cove_schema_doc *schema,
                                         const char *version,
                                         struct cove_step_id *out,
                                         struct cove_diag *diag);
/* As above, of a journal by its number; the errors of open besides. */
COVE_MUST_CHECK int cove_catalog_head(struct cove_catalog *catalog,
                                      struct cove_store_txn *txn, cove_num num,
                                      const char *version,
                                      struct cove_step_id *out,
                                      struct cove_diag *diag);
/* The newest active version, NULL where nothing is active. Annotations (steps
 * that are no version, schema/step_extra.h) are never a head, here and below.
 */
const struct cove_step *cove_journal_newest(const struct cove_journal *journal);
/* The same, looked up once for a journal: for what is asked at every load. */
const struct cove_step *cove_schema_doc_newest(
    const struct cove_schema_doc *schema);
/* Is it an active version on which no other one stands? */
bool cove_journal_leaf(const struct cove_journal *journal,
                       const struct cove_step *step);
/* The number behind a version's. Errors: COVE_ELIMIT: there is none. */
COVE_MUST_CHECK int cove_version_next(int64_t version, int64_t *out,
                                      struct cove_diag *diag);
/* Is there more than one leaf? A step that has them all as parents ends it. */
bool cove_schema_doc_forked(const struct cove_schema_doc *schema);
/* The compiled plan, cached. Errors: COVE_EBLOCKED, COVE_ENOMEM. */
COVE_MUST_CHECK int cove_catalog_plan(struct cove_catalog *catalog,
                                      struct cove_store_txn *txn, cove_num num,
                                      const struct cove_step_id *head,
                                      const struct cove_plan **out);
/* The JSON Schema that a step names, its text and parsed; COVE_ENOTFOUND where
 * the step has none or the text is not held. */
COVE_MUST_CHECK int cove_catalog_schema(struct cove_catalog *catalog,
                                        struct cove_store_txn *txn,
                                        cove_num num,
                                        const struct cove_step_id *head,
                                        struct cove_bytes *text,
                                        const struct cove_schema **out);

#endif
