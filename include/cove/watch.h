/* watch.h: subscriptions: being told what changes, whoever changes it.
 * Included by <cove/cove.h>.
 *
 *     cove_subscribe(store, "{\"watch\":\"documents\",\"schema\":\"Task\","
 *                           "\"where\":{\"done\":false}}", on_task, ctx, &sub);
 *     for (;;) {
 *         poll cove_fd(store), at most cove_timeout(store) ms;
 *         cove_dispatch(store);              // on_task is called in here
 *     }
 *
 * Callbacks run in cove_dispatch (or on the loop of cove_uv_attach), and on its
 * thread; never elsewhere. The descriptor wakes for commits of any thread and
 * any process, of the daemon for instance; nothing is looked at by the clock.
 * A dispatch gives a slice; where more is left the descriptor stays readable.
 *
 * The request, one JSON object:
 *   "watch"       "document": one, with "id"; it need not be here yet
 *                 "documents": all, those of a "schema", or those of them that
 *                 meet "where", at "version" (default: what cove_use said when
 *                 the subscription was made, or else the newest)
 *                 "peers": how each peer is; "migrations": schemas, their
 *                 journals and runs, with "schema" of that one alone
 *   "initial"     give what is here as COVE_WATCH_ENTER first; default true
 *                 with "where", else false
 *   "since"       go on behind this sequence number, that an event had. What a
 *                 query matched then is not known: of a document that changed
 *                 since, ENTER may come where the app has it, and LEAVE where
 *                 it has not. The same goes for "initial": false while the
 *                 documents are gone through.
 *   "migrations"  false: no CHANGE for what only migrations wrote
 *   "origin"      "here", "peer", "migration" or a list: only CHANGE of those;
 *                 ENTER, LEAVE and REMOVED always come
 *
 * What is promised: every change is followed by an event that a later look
 * cannot precede: changes between two dispatches are one event a document, in
 * the order of the last commits to it, and what is committed while a callback
 * runs comes in the next dispatch. A document of which a part is a document of
 * its own (a text, a list, a map) changes with it. A local document is told
 * where its id is asked for, and in no list. A query keeps 8 to 16 bytes for
 * each document that matches.
 *
 * In a callback everything of this API is allowed but cove_dispatch, cove_close
 * and cove_uv_detach; writing and unsubscribing too.
 */
#ifndef COVE_WATCH_H
#define COVE_WATCH_H

#include "cove/cove.h"

#ifdef __cplusplus
extern "C" {
#endif

enum cove_watch_kind {
    COVE_WATCH_ENTER,   /* a document is among them from here on */
    COVE_WATCH_CHANGE,  /* it was written to, or shows something else */
    COVE_WATCH_LEAVE,   /* it is here, and does not match any longer */
    COVE_WATCH_REMOVED, /* it is not here any longer */
    COVE_WATCH_PEER,    /* `peer` and its state in `text`, as JSON */
    COVE_WATCH_SCHEMA,  /* a journal was published to, or came; `text`: JSON */
    COVE_WATCH_RUN,     /* how far a migration's run is; `text`: JSON */
    COVE_WATCH_READY,   /* what was before the subscription is told; once */
    COVE_WATCH_RESET,   /* what was told is void (too much was missed, or the
                           store was restored): all of it follows as ENTER */
    COVE_WATCH_ERROR    /* `id` cannot be judged: `error`, and why in `text`;
                           the subscription goes on */
};

/* Whose changes an event stands for; several where several came. */
#define COVE_FROM_HERE      1u /* this device, by any process */
#define COVE_FROM_PEER      2u
#define COVE_FROM_MIGRATION 4u

struct cove_watch_event {
    size_t size; /* sizeof(struct cove_watch_event) in this library */
    uint64_t subscription;
    uint64_t sequence; /* to go on from, once the callback has returned */
    enum cove_watch_kind kind;
    unsigned from;     /* COVE_FROM_… */
    struct cove_id id; /* of the document, or the schema's journal; or zero */
    struct cove_key peer; /* the change came from it last; zero: not known */
    int error;
    const char *text; /* borrowed until the callback returns; or NULL */
};
typedef void cove_watch_fn(void *ctx, const struct cove_watch_event *event);

/* Begin to be told. The first event comes in the next dispatch.
 * Threads: any that has no transaction open, as the next; waits for a dispatch
 * on another thread to be over.
 * Errors: COVE_EJSON, COVE_EUSAGE, COVE_ENOTFOUND (schema, version, field),
 * COVE_EAMBIGUOUS, COVE_EBLOCKED, COVE_ELIMIT; COVE_EIO (the system has no
 * more descriptors or watches). */
COVE_API int cove_subscribe(struct cove *store, const char *request,
                            cove_watch_fn *fn, void *ctx, uint64_t *out);
/* When it returns no callback of it runs and none will.
 * Errors: COVE_ENOTFOUND. */
COVE_API int cove_unsubscribe(struct cove *store, uint64_t subscription);

#ifdef __cplusplus
}
#endif

#endif
