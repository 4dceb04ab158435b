/* node.h: the inside of struct cove: one store, its identity, its transactions,
 * and what the API and the admin verbs share. Assembly only: no rule of the
 * data model lives here.
 */
#ifndef COVE_NODE_NODE_H
#define COVE_NODE_NODE_H

#include "core/fork.h"
#include "core/json.h"
#include "cove/cove.h"
#include "crdt/blob.h"
#include "crdt/counter.h"
#include "crdt/stream.h"
#include "migrate/publish.h"
#include "node/cache.h"
#include "node/json_out.h"
#include "node/worker.h"
#include "sync/engine.h"

#include <pthread.h>
#include <stdatomic.h>

#define NODE_VERSION COVE_HEX_LEN(32)
#define NODE_RENEWED "renewed" /* record: the session was ended at an open */

struct node_use { /* cove_use: which version of a schema the app speaks */
    struct cove_id journal;
    char version[NODE_VERSION]; /* a number, or a step's hex */
    struct node_use *next;
};

struct node_sync;  /* sync.c */
struct node_watch; /* watch.c */
struct node_wake;  /* watch_wake.c */
struct node_uv;    /* loop.c */

struct cove {
    const struct cove_alloc *alloc;
    const struct cove_env *env;
    char *dir; /* NULL in memory */
    char *notify_path;
    char upgraded[4096]; /* where it lies as it was before; "": it was new */
    struct cove_store *store; /* NULL: not open, or not again */
    struct cove_fork fork;    /* who opened it */
    struct cove_secret secret;
    struct cove_key device;
    struct cove_id account;
    int64_t live_days;
    void (*log)(void *ctx, const char *text); /* cove_set_log; may be NULL */
    void *log_ctx;
    struct cove_options asked; /* as asked for */
    bool opened;               /* cove_open was done with it and content */
    bool new_session;          /* for the first worker */
    bool no_sync;              /* COVE_OPEN_NO_SYNC */
    bool group;                /* the store is at level group */
    atomic_ullong reported;    /* writes made that broke their schema */
    uint8_t runner[16];        /* this handle, as a holder of runs */
    struct node_seat seats[NODE_SEATS];
    atomic_bool shut;             /* worker.c has it alone, or tries to */
    atomic_bool lost;             /* it could not be opened again */
    pthread_mutex_t workers_lock; /* guards the list of … */
    struct node_worker *workers;  /* … all, taken or not */
    atomic_ullong losses;         /* that an app was told of */
    atomic_ullong use_changes;    /* how often a use was added or changed */
    size_t cache_most;            /* bytes of cache.h, of all workers … */
    atomic_size_t cache_bytes;    /* … and how many these are */
    atomic_uint caches;
    uint64_t hits, misses; /* of workers that are gone; workers_lock */
    pthread_mutex_t lock;  /* guards what is below */
    struct cove_diag diag;
    bool unsure; /* the disk may not keep what is written: node_shrink */
    struct node_use *uses;
    struct node_sync *sync;
    struct node_watch *watch;
    struct node_wake *wake;
    struct node_uv *uv; /* while attached */
};

struct node_gather { /* what is added to a counter, stream or blob, and not
                        appended yet */
    int64_t amount;
    struct cove_stream_draft stream;
    struct cove_blob_draft blob;
};

struct node_doc {      /* a document that a transaction has loaded */
    struct cove_id id; /* first what a walk over all of them looks at */
    struct node_doc *next;
    struct cove_compose *compose; /* edits of a list or text; or NULL */
    struct node_gather *gather;   /* of other types; or NULL */
    bool composing;               /* some are not appended yet */
    bool offered;                 /* to cache.h */
    struct cove_blob_place place; /* where a blob was read last */
    struct cove_loaded loaded;
};
struct node_branch { /* cove_switch: what a document is from then on */
    struct cove_id id;
    struct cove_session_id branch;
    struct node_branch *next;
};

#define NODE_DOC_BUCKETS 128

struct cove_txn {
    struct cove *store;
    struct node_worker *worker;
    struct cove_store_txn *txn;
    unsigned flags;
    bool wrote;
    bool forget; /* the worker's catalog saw what was not committed */
    int broken;  /* a write failed half-way: commit must not be */
    struct cove_arena arena;   /* lives as long as the transaction */
    struct cove_arena scratch; /* of one call */
    struct node_doc *docs[NODE_DOC_BUCKETS];
    struct node_doc *last;           /* looked up last */
    struct node_branch *branches;    /* the newest first */
    struct cove_tail *tails;         /* readers of streams */
    struct node_cache_schema schema; /* cache.h */
    struct cove_diag diag;
};

/* --- txn.c */
int node_begin(struct cove *store, unsigned flags, struct cove_txn **out);
/* Load (once) at the version that the app speaks, or at `version` where that
 * is not NULL. */
int node_load(struct cove_txn *txn, const struct cove_id *id,
              const char *version, struct cove_loaded **out);
/* The same, with what the transaction keeps beside it. */
int node_doc(struct cove_txn *txn, const struct cove_id *id,
             const char *version, struct node_doc **out);
/* Forget it: it is loaded anew where it is used again. */
void node_unload(struct cove_txn *txn, const struct cove_id *id);
int node_writable(struct cove_txn *txn); /* COVE_EUSAGE: it only reads */
/* A write failed with this error, or did not: what it means for the commit. */
int node_write_failed(struct cove_txn *txn, int err);
/* --- compose.c: edits of lists and texts */
/* The document, which must be of that type. Errors: COVE_ETYPE. */
int node_typed(struct cove_txn *txn, const struct cove_id *id,
               enum cove_doc_type type, struct node_doc **out);
/* The same to be edited, where this device may. */
int node_compose(struct cove_txn *txn, const struct cove_id *id,
                 enum cove_doc_type type, struct node_doc **out);
/* COVE_ETYPE: what it is, what was wanted, and which calls are for it. */
int node_other_type(struct cove_txn *txn, const struct cove_doc *doc,
                    enum cove_doc_type type);
/* Insert elements, in as many ops as they need. */
int node_insert(struct cove_txn *txn, struct node_doc *d,
                const struct cove_compose_insert *in);
int node_remove(struct cove_txn *txn, struct node_doc *d,
                enum cove_seq_unit unit, size_t at, size_t len);
/* --- txn.c: hold a child that nobody has written to, so that this transaction
 * reads what it would show. Errors: COVE_ENOTFOUND where that is nothing. */
int node_absent(struct cove_txn *txn, struct node_doc *parent,
                struct cove_bytes reg, const struct cove_id *id);
bool node_epoch(const struct node_doc *d, struct cove_tx *tx);
/* An edit is over, with this error or none: what the call returns. */
int node_composed(struct cove_txn *txn, struct node_doc *d, int err);
/* --- gather.c: what is added to counters, streams and blobs */
/* The document, to be added to, where this device may. */
int node_gather(struct cove_txn *txn, const struct cove_id *id,
                enum cove_doc_type type, struct node_doc **out);
int node_gather_flush(struct cove_txn *txn, struct node_doc *d);
void node_gather_clear(struct node_gather *gather); /* NULL is allowed */
/* Append what was made of it; an error breaks the transaction. */
int node_gather_append(struct cove_txn *txn, struct node_doc *d,
                       struct cove_tx *tx);
/* --- blob.c: append a part of what is due, or all of it and what ends it. */
int node_blob_take(struct cove_txn *txn, struct node_doc *d, bool end);
/* --- stream.c */
void node_tails_end(struct cove_txn *txn);
/* Elements by what they are. */
int node_remove_of(struct cove_txn *txn, struct node_doc *d,
                   struct cove_elem first, uint32_t count);
/* --- list.c: write items in place, by their registers: one transaction. */
int node_write_items(struct cove_txn *txn, struct node_doc *d,
                     const struct cove_edit *edits, size_t count);
/* --- undo.c: take back, or do again, what this device did last. */
int node_undo(struct cove_txn *txn, const struct cove_id *id,
              const char *version, bool again);
/* --- branch.c. A NULL name is the document itself. */
int node_branch_find(struct cove_txn *txn, const struct cove_id *id,
                     const char *name, struct cove_session_id *out);
int node_switch(struct cove_txn *txn, const struct cove_id *id,
                const char *name);
int node_branch(struct cove_txn *txn, const struct cove_id *id,
                const char *name, struct cove_session_id *out);
int node_merge(struct cove_txn *txn, const struct cove_id *id, const char *name,
               uint64_t *merged);
/* --- text.c */
/* COVE_EUSAGE with what is wrong about this range of a list or text, where it
 * was asked for, and how long the whole is. The unit of a list does not matter.
 */
int node_misplaced(struct cove_txn *txn, const struct node_doc *d,
                   enum cove_unit unit, size_t at, size_t len);
int node_unit(struct cove_txn *txn, enum cove_unit unit,
              enum cove_seq_unit *out);
/* The whole text, NUL-terminated, in the transaction's arena. */
int node_text(struct cove_txn *txn, const struct node_doc *d,
              struct cove_bytes *out);
/* Make it this text, by edits; it is composed already. */
int node_text_update(struct cove_txn *txn, struct node_doc *d,
                     struct cove_bytes text);
/* Append what was gathered: of one document, of all. */
int node_flush(struct cove_txn *txn, struct node_doc *d);
int node_flush_all(struct cove_txn *txn);
void node_compose_end(struct cove_txn *txn);
/* Load what the same version sees, whatever the transaction's mode: nothing is
 * written and nothing remembered; in an arena of the caller's. */
int node_view(struct cove_txn *txn, const struct cove_id *id,
              const char *version, struct cove_arena *arena,
              struct cove_loaded *out);
/* Of one that reads: end it and begin another in its place, with the same
 * worker and its catalog; what was loaded is gone. */
int node_renew(struct cove_txn *txn);
/* Throw the worker's cached journals away with the transaction: they saw writes
 * that will not be committed. */
void node_forget(struct cove_txn *txn);
/* The journal and head for a schema name and version (NULL: what the app
 * speaks, or the newest). */
int node_head(struct cove_txn *txn, const char *schema, const char *version,
              cove_num *num, struct cove_step_id *head);
/* Create a document from an encoded map of fields (len 0: none). */
struct node_new {
    const char *schema; /* NULL: none */
    const char *version;
    const struct cove_id *owner; /* NULL: the schema's, else the account */
    struct cove_bytes fields;
    struct cove_bytes unique;
    struct cove_bytes meta;
};
int node_new(struct cove_txn *txn, const struct node_new *request,
             struct cove_id *out);
/* The members of an encoded map as edits, in the call's scratch arena. */
int node_edits(struct cove_txn *txn, struct cove_bytes map,
               struct cove_edit **out, size_t *count);
/* As node_failed, with the transaction's own sentence; then that is clear. */
int node_txn_failed(struct cove_txn *txn, int err);
/* --- use.c */
/* What cove_use had said for a schema's journal when the worker was taken;
 * NULL: nothing, so the newest. */
const char *node_use_version(const struct node_worker *worker,
                             const struct cove_id *journal);
/* Let a worker that was just taken know what was said since. */
int node_uses_see(struct cove *store, struct node_worker *worker);
/* Keep the sentence of a failure where cove_errmsg finds it; returns err. */
int node_failed(struct cove *store, int err, const struct cove_diag *diag);
/* --- config.c: how careful this store is. docs/ADMIN.md "Profiles" */
struct node_config {
    bool strict;           /* the profile; else relaxed */
    uint32_t batch;        /* documents a commit of a run, 0: it adapts */
    uint64_t rate;         /* documents a second, 0 = as fast as it goes */
    uint32_t threshold;    /* of COVE_RUN_WHOLE (migrate/run.h) */
    uint64_t atomic_limit; /* documents that one commit may hold */
    bool require_backup;   /* destructive verbs want a recent one */
    uint32_t scrub; /* documents a second that `serve` verifies, 0: none */
    uint32_t compact_days;  /* logs are packed when so old, 0: when asked */
    uint32_t history_days;  /* what is so old is cut off … */
    uint64_t history_bytes; /* … and what a document has beyond; 0: nothing */
};
int node_config(struct cove_txn *txn, struct node_config *out);
/* A number of percent, 0 to 100, as parts of COVE_RUN_WHOLE; and back. */
bool node_percent(struct cove_bytes value, uint32_t *out);

/* --- doc_json.c */
struct node_show {   /* how much of what a document holds is written */
    int64_t entries; /* newest of a stream, at most; -1: all */
    int64_t data;    /* a blob of no more bytes is written whole */
    const char *at;  /* as it stood at a point (node/past.h); NULL: now */
    uint64_t until;  /* of a stream what is no newer, where that is not 0 */
};
extern const struct node_show node_show_usual; /* 100 entries, no bytes */
extern const struct node_show node_show_all;   /* all entries, no bytes */
/* {"id", "type", "schema", "version", "state", and what it holds: "fields" |
 * "registers", "invalid"; "text"; "items"; … (docs/ADMIN.md "Documents")} */
int node_doc_json(struct cove_txn *txn, struct cove_loaded *loaded,
                  const struct node_show *show, struct node_json *j);
/* The members alone, of an object that is open. */
int node_doc_members(struct cove_txn *txn, struct cove_loaded *loaded,
                     const struct node_show *show, struct node_json *j);
/* --- doc_content.c */
/* What a document that is no map holds, as members. */
int node_doc_content(struct cove_txn *txn, struct cove_loaded *loaded,
                     const struct node_show *show, struct node_json *j);
/* As node_doc_members, at the point that show->at names. The document is one
 * that node_load gave. Errors: of the point; COVE_EUNSUPPORTED (a stream at a
 * point that is no time). */
int node_doc_shown(struct cove_txn *txn, struct cove_loaded *loaded,
                   const struct node_show *show, struct node_json *j);
/* --- doc_follow.c */
struct node_follow {
    const struct node_show *show;
    int64_t depth; /* how many steps */
    size_t from;   /* where the document's own members begin in the reply */
};
/* "documents": those that the document refers to. Errors: of loading. */
int node_doc_follow(struct cove_txn *txn, const struct cove_id *id,
                    const struct node_follow *how, struct node_json *j);
/* Who and when of an op: "time", "author". */
void node_json_author(struct node_json *j, const struct cove_op_id *id);
/* [[register, {time, author, session, tx, op} | null], …] */
void node_json_origins(struct node_json *j, const struct cove_origin *origins,
                       size_t count);
/* How a peer is, which its record does not know where nobody syncs. */
enum cove_peer_state node_peer_state(struct cove_txn *txn,
                                     const struct cove_peer_record *peer);
/* How many documents a peer may read and has not acknowledged: in as many
 * transactions as that takes, see node_renew. */
int node_peer_unsent(struct cove_txn *txn, const struct cove_peer_record *peer,
                     uint64_t *out);
/* The same, and for how long the oldest of them has been written; 0 where there
 * are none. */
int node_peer_lag(struct cove_txn *txn, const struct cove_peer_record *peer,
                  uint64_t *out, int64_t *lag_ms);
/* Is there any such document? Looks no further than the first, about. */
int node_peer_lacks(struct cove_txn *txn, const struct cove_peer_record *peer,
                    bool *out);
/* "peers": [...], of an object that is open. */
int node_peers_json(struct cove_txn *txn, struct node_json *j);

/* --- value.c */
int node_value_out(struct cove_txn *txn, struct cove_bytes cbor,
                   struct cove_value *out);
/* The same with what it points to in another arena. */
int node_value_copy(struct cove_txn *txn, struct cove_arena *arena,
                    struct cove_bytes cbor, struct cove_value *out);
int node_value_in(struct cove_txn *txn, struct cove_value value,
                  struct cove_bytes *out);

/* --- file.c */
/* Read a small file whole. COVE_ENOTFOUND where there is none. */
int node_file_read(const char *path, char *out, size_t cap, size_t *len);
/* Write a small file whole and durably, mode 0600: beside it first, then in
 * its place. */
int node_file_write(const char *path, const char *at, size_t len);
/* The device key, into a directory that a copy of the store lies in. */
int node_key_copy(struct cove *store, const char *dir, struct cove_diag *diag);

#include "node/open.h"

#endif
