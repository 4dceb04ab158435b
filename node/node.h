/* node.h: the inside of struct cove: one store, its identity, its transactions,
 * and what the API and the admin verbs share. Assembly only: no rule of the
 * data model lives here.
 */
#ifndef COVE_NODE_NODE_H
#define COVE_NODE_NODE_H

#include "core/json.h"
#include "cove/cove.h"
#include "migrate/publish.h"
#include "sync/engine.h"

#include <pthread.h>

/* A repo and a catalog for one transaction at a time. Neither is made for two
 * threads, and a plan must outlive a transaction that reads through it. */
struct node_worker {
    struct cove_repo *repo;
    struct cove_catalog *catalog;
    struct cove_arena arena;  /* lent to the transaction, for its chunk */
    struct node_worker *next; /* in the pool of free ones */
};

#define NODE_VERSION COVE_HEX_LEN(32)

struct node_use { /* cove_use: which version of a schema the app speaks */
    struct cove_id journal;
    char version[NODE_VERSION]; /* a number, or a step's hex */
    struct node_use *next;
};

struct node_sync; /* sync.c */

struct cove {
    const struct cove_alloc *alloc;
    const struct cove_env *env;
    char *dir; /* NULL in memory */
    char *notify_path;
    struct cove_store *store;
    struct cove_secret secret;
    struct cove_key device;
    struct cove_id account;
    int64_t live_days;
    void (*log)(void *ctx, const char *text); /* cove_set_log; may be NULL */
    void *log_ctx;
    bool new_session;     /* for the first worker */
    uint8_t runner[16];   /* this handle, as a holder of runs */
    pthread_mutex_t lock; /* guards what is below */
    struct cove_diag diag;
    struct node_worker *idle;
    struct node_use *uses;
    struct node_sync *sync;
};

struct node_doc { /* a document that a transaction has loaded */
    struct cove_id id;
    struct cove_loaded loaded;
    struct node_doc *next;
};

#define NODE_DOC_BUCKETS 64

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
    struct cove_diag diag;
};

/* --- txn.c */
int node_begin(struct cove *store, unsigned flags, struct cove_txn **out);
/* Load (once) at the version that the app speaks, or at `version` where that
 * is not NULL. */
int node_load(struct cove_txn *txn, const struct cove_id *id,
              const char *version, struct cove_loaded **out);
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
/* What cove_use said for a schema's journal; NULL: nothing, so the newest. */
const char *node_use_version(struct cove *store, const struct cove_id *journal,
                             char out[NODE_VERSION]);

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
};
int node_config(struct cove_txn *txn, struct node_config *out);
/* A number of percent, 0 to 100, as parts of COVE_RUN_WHOLE; and back. */
bool node_percent(struct cove_bytes value, uint32_t *out);

/* --- json_out.c: JSON text, written front to back */
struct node_json {
    struct cove_buf out;
    int err;
    bool comma; /* a member or item stands before */
};
void node_json_init(struct node_json *j, const struct cove_alloc *alloc);
void node_json_open(struct node_json *j, char bracket);  /* { or [ */
void node_json_close(struct node_json *j, char bracket); /* } or ] */
void node_json_key(struct node_json *j, const char *key);
void node_json_key_bytes(struct node_json *j, struct cove_bytes key);
void node_json_int(struct node_json *j, int64_t v);
void node_json_bool(struct node_json *j, bool v);
void node_json_text(struct node_json *j, struct cove_bytes text);
void node_json_cstr(struct node_json *j, const char *text);
void node_json_hex(struct node_json *j, const void *at, size_t len);
void node_json_id(struct node_json *j, const struct cove_id *id);
void node_json_value(struct node_json *j, struct cove_bytes cbor);
void node_json_raw(struct node_json *j, struct cove_bytes json);
void node_json_percent(struct node_json *j, uint32_t parts); /* config.c */
/* Take the text out, NUL-terminated, freed by cove_free; resets j. */
int node_json_take(struct node_json *j, char **out);

/* --- doc_json.c */
/* {"id", "schema", "version", "state", "fields"|"registers", "invalid"} */
int node_doc_json(struct cove_txn *txn, struct cove_loaded *loaded,
                  struct node_json *j);
/* The members alone, of an object that is open. */
int node_doc_members(struct cove_txn *txn, struct cove_loaded *loaded,
                     struct node_json *j);
/* Who and when of an op: "time", "author". */
void node_json_author(struct node_json *j, const struct cove_op_id *id);
/* [[register, {time, author, session, tx, op} | null], …] */
void node_json_origins(struct node_json *j, const struct cove_origin *origins,
                       size_t count);
/* How a peer is, which its record does not know where nobody syncs. */
enum cove_peer_state node_peer_state(struct cove_txn *txn,
                                     const struct cove_peer_record *peer);
/* "peers": [...], of an object that is open. */
int node_peers_json(struct cove_txn *txn, struct node_json *j);

/* --- value.c */
int node_value_out(struct cove_txn *txn, struct cove_bytes cbor,
                   struct cove_value *out);
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

/* --- open.c */
int node_worker_take(struct cove *store, struct node_worker **out);
void node_worker_give(struct cove *store, struct node_worker *worker);
void node_worker_free(struct cove *store, struct node_worker *worker);
void node_notify(struct cove *store); /* tell other processes of a commit */

/* --- sync.c */
void node_sync_free(struct cove *store);
/* Does a process sync this store? One that was killed left states behind that
 * are not so any longer. */
bool node_sync_runs(struct cove *store);

#endif
