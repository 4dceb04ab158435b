/* doc.h: a document as the repo gives it: header, sessions, folded state. */
#ifndef COVE_CRDT_DOC_H
#define COVE_CRDT_DOC_H

#include "crdt/header.h"
#include "crdt/state.h"
#include "crdt/tx.h"

struct cove_repo;
struct repo_record;

typedef uint64_t cove_num; /* local number of a document, from 1 */

struct cove_doc_session {
    struct cove_session_id session;
    struct cove_key device;
    uint32_t len;    /* transactions held and verified */
    uint32_t folded; /* of them, shown: the rest is held for its time */
    struct cove_hash head;
    uint64_t last_hlc;
    enum cove_role role;        /* of the device in the owner group */
    uint32_t base;              /* transactions that were cut off: crdt/cut.h */
    struct cove_hash base_head; /* behind those; zero where there are none */
};

/* The head of a session's chain before the first transaction that is here. */
struct cove_hash cove_session_begin(const struct cove_id *document,
                                    const struct cove_doc_session *session);

enum cove_doc_flags {
    COVE_DOC_OWNER_MISSING = 1, /* the group's header is not here yet */
    COVE_DOC_HAS_AHEAD = 2,     /* transactions this build cannot read */
    COVE_DOC_HAS_PRIVATE = 4,   /* a key is missing */
    COVE_DOC_HAS_HELD = 8,      /* transactions ahead of the clock */
    COVE_DOC_HAS_FORK = 16,     /* two logs claim one place: proof kept */
    COVE_DOC_HAS_DENIED = 32,   /* transactions of authors without the right */
    COVE_DOC_LOCAL = 64,        /* stays on this device: never synced */
    COVE_DOC_REMOVED = 128      /* crdt/repo_gone.h */
};

enum cove_doc_class {                    /* documents travel in this order */
                      COVE_CLASS_RIGHTS, /* groups, accounts */
                      COVE_CLASS_JOURNAL,
                      COVE_CLASS_REGISTRY, /* header has `unique` and no schema
                                            */
                      COVE_CLASS_CONTENT
};
enum cove_doc_class cove_repo_class(const struct cove_header *header);

/* A loaded document: everything in the arena given to load, valid until the
 * next write to that document or the arena's end. */
struct cove_doc {
    struct cove_repo *repo;
    cove_num num;
    struct cove_id id;
    struct cove_header header; /* borrowed from header_bytes */
    struct cove_bytes header_bytes;
    cove_num schema_num;               /* 0 where no schema */
    struct cove_doc_session *sessions; /* sorted by session id */
    size_t session_count;
    struct cove_state state;
    unsigned flags;              /* enum cove_doc_flags */
    uint64_t changed;            /* change sequence of the last change */
    uint64_t next_held_hlc;      /* smallest hlc that is held, or 0 */
    struct cove_hash clean;      /* progress cache of migrations, opaque here */
    struct cove_hash clean_next; /* what it becomes by the next append */
    uint8_t judged_plan[8];      /* how it was judged since its last change: */
    uint8_t judged_state;        /* cove_repo_judge; zero: it was not */
    enum cove_role my_role;      /* of this device */
    struct cove_session_id branch; /* that is shown and written; zero: none */
    const struct cove_tx_point *undo; /* what the next appends take back (len:
                                         its index), or NULL */
    struct cove_arena *arena;
    struct repo_record *record; /* the repo's own, as of … */
    uint64_t as_of;             /* … so many writes; NULL: not kept */
};

#endif
