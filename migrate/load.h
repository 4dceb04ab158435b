/* load.h: documents as an app at a head sees and writes them.
 *
 * Loading computes the view, a pure function of (ops, journal, head), and in
 * mode migrate, where this device may write, also stores what is due as
 * copies: in one transaction of the session, in the caller's commit. A clean
 * document costs one comparison. No clock decides what a view shows.
 */
#ifndef COVE_MIGRATE_LOAD_H
#define COVE_MIGRATE_LOAD_H

#include "crdt/seq.h"
#include "migrate/catalog.h"
#include "migrate/view.h"

struct cove_kin;
struct cove_family;

enum cove_load_mode {
    COVE_LOAD_MIGRATE, /* view, and copies written where allowed */
    COVE_LOAD_VIEW,    /* view, nothing written */
    COVE_LOAD_RAW      /* registers as stored, no schema applied */
};

/* 50-surface: exactly one for each document. */
enum cove_doc_state {
    COVE_STATE_CURRENT,
    COVE_STATE_VIEWED,      /* older writes shown through steps */
    COVE_STATE_DUE,         /* copies to write */
    COVE_STATE_AHEAD,       /* an epoch or a transaction unknown here */
    COVE_STATE_BLOCKED,     /* journal, step or owner missing */
    COVE_STATE_QUARANTINED, /* a step failed on it: values do not convert */
    COVE_STATE_WAITING_KEY,
    COVE_STATE_LOCAL_ONLY /* copies due, no permission to write them */
};
const char *cove_doc_state_name(enum cove_doc_state state);

struct cove_loaded {
    struct cove_doc doc;
    bool raw; /* no schema, or mode raw: read doc.state */
    struct cove_step_id head;
    const struct cove_plan *plan; /* NULL where raw */
    struct cove_view view;        /* valid where plan is set */
    bool due_later;               /* cove_loaded_due has to look for it */
    uint32_t copies_due;          /* still, after this load's own */
    uint32_t due_bytes;           /* of log that these would take, about */
    uint32_t copies_written;      /* by this load */
    uint32_t invalid;             /* visible fields that did not convert */
    /* Of a document with children, or a child: migrate/child.h. A list or text
     * that is a child is raw, and its head is set. */
    struct cove_kin *kin;
    struct cove_family *family;
    uint32_t field;           /* of a child: its register in family->plan */
    struct cove_bytes inside; /* and what that is called */
    /* What a list or text shows, where that is more than its own: no part of
     * the repo's, so that what is edited in it is appended with tx.applied
     * false. */
    struct cove_seq *elements;
};

/* The elements that a list or text shows. */
static inline struct cove_seq *cove_loaded_seq(const struct cove_loaded *loaded)
{
    return loaded->elements != NULL ? loaded->elements : loaded->doc.state.seq;
}

struct cove_load_request {
    cove_num num;
    const struct cove_step_id *head; /* NULL: choose, or else the newest */
    /* Asked for the head once the document's journal is known; may be NULL. */
    int (*choose)(void *ctx, const struct cove_schema_doc *schema,
                  struct cove_step_id *head);
    void *choose_ctx;
    enum cove_load_mode mode;
    bool later; /* mode view: what is due is looked for when asked about */
    struct cove_session_id branch; /* zero: the document itself */
    int64_t live_days;             /* 0 = 90 */
};

/* Errors: COVE_ENOTFOUND, COVE_EBLOCKED (journal missing or head not active:
 * the document is readable at the heads that are, and raw), store errors. */
COVE_MUST_CHECK int cove_load(struct cove_catalog *catalog,
                              struct cove_store_txn *txn,
                              const struct cove_load_request *request,
                              struct cove_arena *arena, struct cove_loaded *out,
                              struct cove_diag *diag);
/* Look for what is due where a load left that for later; the state is not known
 * before. Errors: as of cove_load. */
COVE_MUST_CHECK int cove_loaded_due(struct cove_catalog *catalog,
                                    struct cove_store_txn *txn,
                                    int64_t live_days,
                                    struct cove_loaded *loaded,
                                    struct cove_diag *diag);
/* May it show something else one day, at the same version, though neither it
 * nor a child of it changes: is something held for its time, or not readable
 * yet, or is the owner not known? */
bool cove_loaded_is_loose(const struct cove_loaded *loaded);
/* Where the document stands, seen from this load; fills loaded->invalid.
 * Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_loaded_state(struct cove_loaded *loaded,
                                      enum cove_doc_state *out);

/* One field by its display name at the head (raw: register id or key).
 * Errors: COVE_ENOTFOUND where the version has no such field. */
COVE_MUST_CHECK int cove_loaded_get(struct cove_loaded *loaded,
                                    struct cove_bytes name,
                                    struct cove_cell *out,
                                    struct cove_diag *diag);

/* The head and plan of a document that cove_repo_make made, NULL: raw; its view
 * comes with the first write. */
COVE_MUST_CHECK int cove_load_made(struct cove_catalog *catalog,
                                   struct cove_store_txn *txn,
                                   const struct cove_step_id *head,
                                   struct cove_loaded *loaded,
                                   struct cove_diag *diag);

struct cove_edit {
    struct cove_bytes name; /* display name at the head, or raw key */
    bool deleted;
    struct cove_bytes value; /* checked CBOR */
};

/* Write fields as the user at the loaded head: one native transaction. Judged
 * by the head's JSON Schema first (path and rule in diag); a name that the
 * version does not have is refused, as is deleting a required field. The
 * loaded view is brought up to date.
 * Errors: COVE_ESCHEMA, COVE_ENOTFOUND (field), COVE_ERESERVED, COVE_EDENIED,
 * COVE_ELIMIT, COVE_ECLOCK; nothing written. */
COVE_MUST_CHECK int cove_write(struct cove_catalog *catalog,
                               struct cove_store_txn *txn,
                               struct cove_loaded *loaded,
                               const struct cove_edit *edits, size_t count,
                               struct cove_diag *diag);

struct cove_new_request {
    enum cove_doc_type type;         /* COVE_DOC_COMAP for apps */
    struct cove_id owner;            /* group or account */
    cove_num schema;                 /* journal, or 0 */
    const struct cove_step_id *head; /* NULL = newest */
    struct cove_bytes unique;        /* encoded value, or empty: random nonce */
    struct cove_bytes meta;          /* encoded map of the app, or empty */
    const struct cove_edit *edits;
    size_t edit_count;
    bool unseen; /* nobody looks at what is made: it needs no view */
};
/* Create and write in one go; the whole document is judged by the schema.
 * Errors: as cove_write and cove_repo_create; nothing written. */
COVE_MUST_CHECK int cove_new_document(struct cove_catalog *catalog,
                                      struct cove_store_txn *txn,
                                      const struct cove_new_request *request,
                                      struct cove_arena *arena,
                                      struct cove_loaded *out,
                                      struct cove_diag *diag);

/* A child of a loaded map that nobody has written to: what it would show. Only
 * for reading: it is in no store. `kind` is the one that the version has for
 * the field, a list, text or map. Errors: COVE_ENOTFOUND (the version has none
 * there), COVE_ENOMEM. `parent` outlives it. */
COVE_MUST_CHECK int cove_load_absent(
    struct cove_catalog *catalog, struct cove_store_txn *txn,
    struct cove_loaded *parent, struct cove_bytes reg, const struct cove_id *id,
    struct cove_arena *arena, struct cove_loaded *out);

/* Is it a list, text or map that a version of its parent has a say in? Then
 * what is written to it has the epoch loaded->head. */
bool cove_loaded_is_child(const struct cove_loaded *loaded);
/* Of such a list: the first item of a piece as the head reads it, present or
 * invalid; and the type id that new items have (may be empty).
 * Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_loaded_item(struct cove_loaded *loaded,
                                     const struct cove_seq_piece *piece,
                                     struct cove_cell *out);
struct cove_bytes cove_loaded_item_type(const struct cove_loaded *loaded);
/* The elements that a list or text would show at the same head, by what its
 * parent says now, if its own state were this one: of another time, or of a
 * branch. In the arena, or the state's own. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_loaded_elements(const struct cove_loaded *loaded,
                                         const struct cove_state *state,
                                         struct cove_arena *arena,
                                         struct cove_seq **out);
/* Of an author of what a list or text shows (cove_loaded_seq): how many
 * elements, from its first on, stand for something. Those of a write that no
 * longer wins are there without what they were. */
uint32_t cove_loaded_known(const struct cove_loaded *loaded, uint32_t author);
/* Judge items that are to be written, `count` encoded values one behind
 * another. Errors: COVE_ESCHEMA, COVE_EBLOCKED (the version is retired). */
COVE_MUST_CHECK int cove_loaded_judge_items(struct cove_catalog *catalog,
                                            struct cove_store_txn *txn,
                                            const struct cove_loaded *loaded,
                                            struct cove_bytes values,
                                            size_t count,
                                            struct cove_diag *diag);

/* The document whose field this one is, by its header alone; 0: none that is
 * here. Errors: COVE_ENOTFOUND, store errors. */
COVE_MUST_CHECK int cove_parent_of(struct cove_catalog *catalog,
                                   struct cove_store_txn *txn, cove_num num,
                                   cove_num *out);

/* Another version's eyes on a document that is loaded: `at` shares all that
 * `loaded` has but the view, and writing through it is not for it.
 * Errors: COVE_EBLOCKED, COVE_ENOMEM; COVE_EUSAGE where it has no schema. */
COVE_MUST_CHECK int cove_loaded_at(struct cove_catalog *catalog,
                                   struct cove_store_txn *txn,
                                   const struct cove_loaded *loaded,
                                   const struct cove_step_id *head,
                                   struct cove_loaded *at);

/* The first place where what the view shows breaks the head's JSON Schema, or
 * a field that did not convert: COVE_ESCHEMA, COVE_EINVALID; 0 where valid.
 * The sentence begins with the field, as "/field". */
COVE_MUST_CHECK int cove_loaded_validate(struct cove_catalog *catalog,
                                         struct cove_store_txn *txn,
                                         struct cove_loaded *loaded,
                                         struct cove_diag *diag);

#endif
