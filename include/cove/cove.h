/* cove.h: the whole of Cove for an app.
 *
 *     struct cove *store;
 *     struct cove_txn *txn;
 *     struct cove_id id;
 *
 *     cove_open("notes", NULL, &store);
 *     cove_use(store, "Note", 1);
 *     cove_begin(store, COVE_WRITE, &txn);
 *     cove_new(txn, "Note", NULL, "{\"title\":\"Hello\"}", &id);
 *     cove_set(txn, &id, "done", cove_bool(true));
 *     cove_commit(txn);
 *     cove_close(store);
 *
 * Functions return 0 or a negative code (cove/error.h); cove_errmsg() has the
 * sentence. Values read in a transaction are borrowed until it ends. Any
 * thread may use a store; there is one writer at a time, and a transaction
 * stays on its thread. Values go in and out by value, 16 bytes each. A child of
 * fork opens a store of its own: with an inherited one each call but
 * cove_close is COVE_EBUSY.
 */
#ifndef COVE_COVE_H
#define COVE_COVE_H

#include "cove/error.h"
#include "cove/types.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define COVE_API __attribute__((visibility("default")))
#else
#define COVE_API
#endif

struct cove;     /* an open store */
struct cove_txn; /* a transaction on it */

/* ------------------------------------------------------------- the store */

struct cove_options {
    size_t size; /* sizeof(struct cove_options) */
    unsigned flags;
    uint64_t map_bytes;     /* first size of the store's map, 0 = 16 GiB */
    uint64_t map_bytes_max; /* 0 = as far as the disk goes */
    unsigned live_days;     /* how long an epoch keeps a head live, 0 = 90 */
    unsigned level;         /* when a commit returns: COVE_FULL, COVE_GROUP */
    int64_t cache_bytes;    /* of fields that are read again and again, at most
                               so many bytes; 0 = 8 MiB, negative: none */
    unsigned validate;      /* writes here that break their schema:
                               COVE_VALIDATE_STRICT, _REPORT, _OFF */
};
#define COVE_OPEN_CREATE        1u /* make the store where there is none */
#define COVE_OPEN_MEMORY        2u /* in memory, dir is ignored */
#define COVE_OPEN_FORCE_NETWORK 4u /* on a network file system all the same */
#define COVE_OPEN_NO_SYNC                                                      \
    8u                           /* another process syncs: cove_fd and         \
                                    cove_uv_attach serve subscriptions alone */
#define COVE_OPEN_NO_UPGRADE 16u /* a former store format: refuse it */
#define COVE_OPEN_NO_BACKUP  32u /* take it over without a copy beside it */

/* When it is on the disk. Several threads' commits at a time are put there
 * together, so one may wait for those that others have begun to write: hold
 * no lock over cove_commit that another thread takes in its transaction. */
#define COVE_FULL 0u
/* At once; it is on the disk some 20 ms later, together with what was committed
 * meanwhile. A crash loses at most that, in whole; after one of the machine
 * this store goes on as another session. A transaction that begins to read
 * waits for the commits before it. Where a group could not be kept (the disk is
 * full, it fails), the next cove_begin fails with COVE_ELOST. */
#define COVE_GROUP 1u

/* A write of this handle that breaks its version's JSON Schema is refused; */
#define COVE_VALIDATE_STRICT 0u
/* or made all the same: cove_commit gives 0 and tells cove_set_log's function
 * how many did, and what the first broke. `find` with "invalid" lists them; */
#define COVE_VALIDATE_REPORT 1u
/* or made, and nobody looks. A field that the version does not have is refused
 * in any case; what others wrote is taken in any case. */
#define COVE_VALIDATE_OFF 2u

/* Open the store in directory `dir`; options NULL: create where absent. One of
 * a former format is first copied to DIR.format-N-backup, then taken over:
 * cove_errmsg has a sentence about it then, though 0 came back.
 * Errors: COVE_ENOTFOUND, COVE_ENOTSTORE, COVE_ENEWER, COVE_EACCES,
 * COVE_EBUSY (open in this process already), COVE_ENOSPC (also for that copy:
 * nothing was changed), COVE_ECONDITION (COVE_OPEN_NO_UPGRADE), COVE_EIO; for
 * these *out is set all the same where memory allows, only to ask cove_errmsg
 * and to be closed. */
COVE_API int cove_open(const char *dir, const struct cove_options *options,
                       struct cove **out);
COVE_API void cove_close(struct cove *store); /* NULL is allowed */
/* The sentence of the last call that failed: what happened, to which document,
 * what to do. Never NULL; borrowed until the next failing call. */
COVE_API const char *cove_errmsg(const struct cove *store);
COVE_API const char *cove_strerror(int code);
COVE_API const char *cove_version(void);
COVE_API struct cove_key cove_device(const struct cove *store);
COVE_API struct cove_id cove_account(const struct cove *store);
COVE_API void cove_free(void *memory); /* what the API gave to own */

/* ---------------------------------------------------------------- values */

struct cove_value {
    union {
        bool flag;
        int64_t integer;
        double real;
        const char *text;     /* UTF-8 with a NUL behind it; LIST and MAP: as
                                 JSON text */
        const uint8_t *bytes; /* BYTES; REF: the 32 bytes of the id */
    } u;
    uint32_t len;    /* bytes of text or bytes, without the NUL */
    uint8_t kind;    /* enum cove_kind */
    uint8_t invalid; /* raw value that did not convert to this version */
};

COVE_API struct cove_value cove_null(void);
COVE_API struct cove_value cove_bool(bool v);
COVE_API struct cove_value cove_int(int64_t v);
COVE_API struct cove_value cove_real(double v);
COVE_API struct cove_value cove_text(const char *text); /* NUL-terminated */
COVE_API struct cove_value cove_json(const char *json); /* a LIST or MAP */
COVE_API struct cove_value cove_blob(const void *bytes, size_t len);
COVE_API struct cove_value cove_link(const struct cove_id *id);

/* Text form of an id: "co_z" and base58btc; out has 52 bytes. */
COVE_API void cove_id_format(const struct cove_id *id, char out[52]);
/* A whole text form, or a prefix that is unique in the store.
 * Errors: COVE_EFORMAT, COVE_ENOTFOUND, COVE_EAMBIGUOUS. */
COVE_API int cove_id_lookup(struct cove *store, const char *text,
                            struct cove_id *out);

/* ---------------------------------------------------------- transactions */

#define COVE_READ  0u
#define COVE_WRITE 1u /* reads migrate: what is due is written back */
#define COVE_VIEW  2u /* with WRITE: reads write nothing back */
#define COVE_RAW   4u /* registers as stored, no schema applied */
/* Each edit of a list or text, addition to a counter and entry of a stream is a
 * signed transaction of its own, to be seen and undone by itself, though all
 * are one commit. */
#define COVE_EACH 8u

/* Say which version of a schema this app speaks; documents of it are read and
 * written at that version from the next transaction on. version 0: the newest
 * held. Errors: COVE_ENOTFOUND, COVE_EAMBIGUOUS, COVE_EBLOCKED. */
COVE_API int cove_use(struct cove *store, const char *schema, int64_t version);
/* The same by the schema itself: the version whose schema has this content. An
 * app that carries its schema file need not know what number it was given.
 * Errors: COVE_EJSON, COVE_EKEYWORD, COVE_ENOTFOUND (the step that leads to it
 * has not arrived: sync, then try again), COVE_EBLOCKED (it waits for one). */
COVE_API int cove_use_schema(struct cove *store, const char *schema_json);

/* Errors: COVE_EUSAGE, COVE_EBUSY (this thread writes already, too many
 * readers), COVE_EIO, COVE_ECORRUPT, COVE_ENOMEM; COVE_ELOST at level group:
 * said once, of all that was committed since a cove_begin that read, or some 20
 * ms before. */
COVE_API int cove_begin(struct cove *store, unsigned flags,
                        struct cove_txn **out);
/* All documents that the transaction touched, or none. The transaction is gone
 * either way. At the default level it returns when the disk has it.
 * Errors: COVE_ENOSPC, COVE_EIO; COVE_EBUSY: do it again. */
COVE_API int cove_commit(struct cove_txn *txn);
COVE_API void cove_abort(struct cove_txn *txn); /* NULL is allowed */

/* Make a document: of a schema (NULL: none), owned by a group or account
 * (NULL: the group that owns the schema, or else the own account), with the
 * members of a JSON object (NULL: none). Errors: COVE_EJSON, COVE_ESCHEMA (path
 * and rule), COVE_EDENIED, COVE_ELIMIT, COVE_ENOTFOUND. */
COVE_API int cove_new(struct cove_txn *txn, const char *schema,
                      const struct cove_id *owner, const char *json,
                      struct cove_id *out);
/* Read a field. Errors: COVE_ENOTFOUND (document, or field absent), COVE_ETYPE
 * (a text, a list …), COVE_EINVALID: *out is the raw value and out->invalid is
 * set. */
COVE_API int cove_get(struct cove_txn *txn, const struct cove_id *id,
                      const char *field, struct cove_value *out);
/* Errors: COVE_ESCHEMA, COVE_ENOTFOUND, COVE_EDENIED, COVE_ELIMIT,
 * COVE_ERESERVED, COVE_ETYPE (it is no map); nothing of this call is written.
 */
COVE_API int cove_set(struct cove_txn *txn, const struct cove_id *id,
                      const char *field, struct cove_value value);
COVE_API int cove_delete(struct cove_txn *txn, const struct cove_id *id,
                         const char *field);
/* The whole document as one JSON object {"id", "schema", "version", "state",
 * "fields": {…}, "invalid": {…}}; raw: {"registers": {…}}. Borrowed. */
COVE_API int cove_get_json(struct cove_txn *txn, const struct cove_id *id,
                           const char **out);
/* Set each member of a JSON object; other fields stay. */
COVE_API int cove_set_json(struct cove_txn *txn, const struct cove_id *id,
                           const char *json);

/* Walk the documents of a schema (NULL: all) in a fixed order: start with
 * cursor 0, stop at COVE_ENOTFOUND. A document that nobody has migrated yet is
 * there like any other. */
COVE_API int cove_next(struct cove_txn *txn, const char *schema,
                       uint64_t *cursor, struct cove_id *out);

/* --------------------------------------------------- schemas, migrations */

/* Publish a JSON Schema (its `title` and `version` name it), or a migration
 * file; idempotent, so an app may do it at each start. owner NULL: the own
 * account. Errors: COVE_EJSON, COVE_EKEYWORD, COVE_ESTEP, COVE_EDRIFT,
 * COVE_EDENIED, COVE_EBLOCKED. */
COVE_API int cove_schema_add(struct cove *store, const char *json,
                             const struct cove_id *owner);
/* The migration's `schema_json` is the version it leads to. */
COVE_API int cove_migration_add(struct cove *store, const char *json,
                                const char *schema_json);

/* Judge a document, a JSON object, as cove_new would, and write nothing:
 * version 0 is the one that the app speaks, or else the newest. cove_errmsg
 * has the path, the rule and what is wrong of the first, and how many more.
 * Errors: COVE_ESCHEMA, COVE_EJSON (line and column), COVE_ENOTFOUND (the
 * schema or version), COVE_EAMBIGUOUS, COVE_EBLOCKED, COVE_EUSAGE. */
COVE_API int cove_validate(struct cove *store, const char *schema,
                           int64_t version, const char *json);

/* All schemas and migrations that an app brings along, as `cove migrate bundle`
 * writes them: {"schemas": […], "migrations": […], "owner"?: "co_z…"}; one
 * schema or migration, or a list, too. What is missing is published in one
 * transaction; a schema that is here already belongs to whom it belongs, a new
 * one to `owner` or else to the own account. Meant for each start: where all
 * of it is there it costs a hash of the text. A device that may not publish
 * gets 0 where the steps are there, or else COVE_EDENIED.
 * Errors: those above, COVE_ENOTFOUND (the owner is not here yet). */
COVE_API int cove_migrations_add(struct cove *store, const char *json,
                                 size_t len);

/* Authoring and upkeep: one JSON object in, one out (docs/ADMIN.md lists the
 * verbs). Ownership: *out is freed by cove_free. */
COVE_API int cove_admin(struct cove *store, const char *request, char **out);

/* ------------------------------------------------------------------ sync */

/* Remember a peer by its device key (64 hex digits); address "host:port" or
 * NULL where it only calls us. */
COVE_API int cove_peer_add(struct cove *store, const char *key,
                           const char *address, const char *name);
/* Listen (before start) on "host:port", "[v6]:port" or ":port" (v4 and v6);
 * port 0 picks one. Again for another address; cove_address has the first, as
 * bound. Errors: COVE_EADDRINUSE, COVE_EUSAGE, COVE_ENET, COVE_ELIMIT (8). */
COVE_API int cove_listen(struct cove *store, const char *address);
COVE_API const char *cove_address(const struct cove *store);
/* Lines of what happens to peers and sockets, for a log, and of writes that
 * COVE_VALIDATE_REPORT let pass: set before sync starts; called on the thread
 * that syncs, or commits, and must not call back. */
COVE_API void cove_set_log(struct cove *store,
                           void (*line)(void *ctx, const char *text),
                           void *ctx);
/* Run sync on an own thread until stop or close; callbacks of subscriptions
 * stay where cove_dispatch is called, and cove_fd is for them alone then.
 * Errors of both, as of listen: COVE_EUSAGE (opened with COVE_OPEN_NO_SYNC). */
COVE_API int cove_thread_start(struct cove *store);
COVE_API void cove_thread_stop(struct cove *store);
/* Or drive it from any loop: poll the descriptor and wait at most the timeout
 * (ms, -1 = none), then dispatch. <cove/uv.h> attaches to a libuv loop. */
COVE_API int cove_fd(struct cove *store);
COVE_API int cove_timeout(struct cove *store);
COVE_API int cove_dispatch(struct cove *store);
/* Wait until every peer (or the one named by key) has acknowledged all that
 * was committed here before the call, and we hold all it told us. Works
 * whichever process syncs. Errors: COVE_ETIMEOUT, COVE_ENOTFOUND (no peer). */
COVE_API int cove_wait(struct cove *store, const char *peer, int timeout_ms);

#ifdef __cplusplus
}
#endif

#include "cove/covalue.h"
#include "cove/query.h"
#include "cove/watch.h"

#endif
