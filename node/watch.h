/* watch.h: the inside of subscriptions (include/cove/watch.h).
 *
 *   watch_wake.c     the descriptor that wakes: commits here and elsewhere
 *   watch_ask.c      a request, read and checked
 *   watch_look.c     a slice of what happened since: events, in a read
 *                    transaction that is over before anybody is called
 *   watch_judge.c    one document and one subscription: is it an event?
 *   watch_held.c     writes whose time comes
 *   watch_others.c   peers, journals, runs
 *   watch.c          the API: subscribe, unsubscribe, a turn
 *
 * A subscription is told up to `at`, a change sequence. It walks the changes
 * behind it, one event each; before, or when rules changed, it goes through
 * the documents (`scan`), in slices, while `at` stands.
 */
#ifndef COVE_NODE_WATCH_H
#define COVE_NODE_WATCH_H

#include "crdt/repo_upkeep.h"
#include "migrate/where.h"
#include "node/node.h"
#include "node/watch_set.h"

#define WATCH_SLICE    256 /* documents looked at in one turn, at most … */
#define WATCH_SLICE_MS 10  /* … and no longer than this */
#define WATCH_RETRY_MS 200 /* after memory or the disk failed a turn */
#define WATCH_MOST     4096

enum watch_what {
    WATCH_DOCUMENT,
    WATCH_DOCUMENTS,
    WATCH_PEERS,
    WATCH_MIGRATIONS
};

enum watch_scan {
    WATCH_WALKS,       /* no scan: the changes are walked */
    WATCH_SCAN_ENTER,  /* what matches is told as ENTER */
    WATCH_SCAN_SILENT, /* it is only remembered */
    WATCH_SCAN_AGAIN,  /* rules changed: what differs is told */
    WATCH_SCAN_OWNED   /* an owner came: its documents may show more */
};

struct watch_told { /* what was last said of a peer or a run */
    struct watch_told *next;
    struct cove_key peer;
    cove_num schema;
    struct cove_id journal;
    bool here; /* in the look under way */
    char *text;
};

struct watch_sub {
    struct watch_sub *next;
    uint64_t number;
    cove_watch_fn *fn;
    void *ctx;
    enum watch_what what;
    unsigned from;  /* COVE_FROM_… that CHANGE is wanted of */
    bool gone;      /* unsubscribed while events wait */
    bool ready_due; /* READY is still to be told */
    bool first;     /* nothing was looked at yet */
    bool initial;   /* what is here is told first */
    bool has_since;
    uint64_t since;
    /* a document */
    struct cove_id id;
    struct cove_id parent; /* whose field it is, where it has one */
    bool has_parent;
    struct cove_id owner; /* zero: it is its own, or not here */
    bool local;           /* it has no changes: its record is looked at */
    cove_num num;         /* 0 = it is not here */
    /* documents; migrations */
    bool has_schema;
    struct cove_id schema; /* its journal's id … */
    cove_num journal;      /* … and number */
    char version[NODE_VERSION];
    const struct cove_where *where; /* in the arena; NULL: all */
    struct watch_set set;           /* that match */
    /* where it stands */
    uint64_t at;
    uint64_t whole;  /* where nothing was left behind it. A change may have
                        moved since from before `at`, and whose it was is not
                        told yet */
    uint64_t unsure; /* what matched before this sequence is not known */
    uint64_t rules;  /* taken into account */
    bool behind;     /* it has to catch up */
    enum watch_scan scan;
    cove_num scan_at;
    uint64_t scan_rules;
    unsigned scan_from; /* COVE_FROM_… of what made it go through again */
    struct cove_id scan_owner;
    struct watch_told *told;
    struct cove_arena arena;
};

struct watch_event {
    struct watch_event *next;
    struct watch_sub *sub;
    struct cove_watch_event said;
};

struct watch_held { /* a document with a write that is not shown yet */
    struct watch_held *next;
    cove_num num;
    int64_t due_ms;
};

struct node_watch {
    struct cove *store;
    pthread_mutex_t lock; /* recursive: callbacks subscribe and unsubscribe */
    bool telling;         /* callbacks run */
    struct watch_sub *subs;
    struct watch_sub **last;
    size_t count;
    uint64_t numbers; /* given so far */
    struct watch_held *held;
    bool more;   /* a turn left something */
    bool failed; /* it has to be tried again */
};

/* A look under way. */
struct watch_subject { /* the document that a change is of */
    cove_num num;
    struct cove_id id;
    enum cove_doc_class class;
    bool local;
    bool removed; /* for everybody; its header stays */
    bool has_schema;
    struct cove_id schema, owner; /* zero: none */
    bool has_parent;              /* and this is held, with a schema */
    struct cove_id parent, parent_schema;
    cove_num parent_num;
};

struct watch_look {
    struct node_watch *watch;
    struct cove_txn *txn;
    uint64_t sequence, rules; /* of the store, in this transaction */
    unsigned left;            /* of the slice */
    int64_t began_ms;
    struct cove_arena events; /* and their texts */
    struct cove_arena load;   /* of one document, the one loaded last: */
    struct cove_loaded loaded;
    cove_num loaded_num; /* 0 = none */
    char loaded_version[NODE_VERSION];
    struct watch_event *first;
    struct watch_event **tail;
    struct cove_doc_brief brief;
};

/* --- watch_wake.c */
struct node_wake {
    int fd;      /* readable where one of these is: */
    int event;   /* raised by hand */
    int notices; /* of the file system; -1 in memory */
};
/* Errors: COVE_EIO (no more descriptors, watches). */
int node_wake_open(struct cove *store, struct node_wake **out);
void node_wake_close(struct cove *store);
void node_wake_raise(const struct node_wake *wake);
/* Take what has woken us. */
void node_wake_drain(const struct node_wake *wake);

/* --- watch.c */
/* A slice of events, and the callbacks. Errors: those of the store; COVE_EUSAGE
 * where a callback calls it. */
int node_watch_turn(struct cove *store);
/* Is it called in a callback? */
bool node_watch_telling(struct cove *store);
/* When the next turn is due without being woken; -1: never. */
int node_watch_timeout(struct cove *store);
void node_watch_free(struct cove *store);

/* --- watch_ask.c */
int watch_ask(struct cove *store, const char *request, struct watch_sub *sub,
              struct cove_diag *diag);

/* --- watch_look.c */
int watch_look(struct watch_look *look);
/* Is it an error of the store as a whole, not of one document? */
bool watch_is_fatal(int err);
/* Errors: COVE_ENOMEM. */
int watch_say(struct watch_look *look, struct watch_sub *sub,
              const struct cove_watch_event *event);
int watch_subject(struct watch_look *look, cove_num num,
                  struct watch_subject *out);

/* --- watch_held.c */
/* The document holds a write of that time back. Errors: COVE_ENOMEM. */
int watch_held_note(struct node_watch *watch, cove_num num, uint64_t hlc);
/* Tell of those whose time has come. */
int watch_held_due(struct watch_look *look);
int watch_held_timeout(const struct node_watch *watch); /* ms; -1: none */
void watch_held_free(struct node_watch *watch);

/* --- watch_judge.c */
/* A change, as a subscription sees it; `failed`: why its subject could not be
 * read. Each leaves the subscription as it was where it fails. */
int watch_judge_change(struct watch_look *look, struct watch_sub *sub,
                       const struct cove_change *change,
                       const struct watch_subject *subject, int failed);
int watch_judge_removal(struct watch_look *look, struct watch_sub *sub,
                        const struct cove_removal *removal);
/* One more document of its scan; at the end it walks. */
int watch_judge_scan(struct watch_look *look, struct watch_sub *sub);
/* A document that has no changes. */
int watch_judge_local(struct watch_look *look, struct watch_sub *sub);
/* Too much was missed. */
int watch_judge_reset(struct watch_look *look, struct watch_sub *sub);
void watch_scan_begin(const struct watch_look *look, struct watch_sub *sub,
                      enum watch_scan scan, unsigned from);

/* --- watch_others.c */
int watch_peers(struct watch_look *look, struct watch_sub *sub);
int watch_runs(struct watch_look *look, struct watch_sub *sub);
int watch_schema(struct watch_look *look, struct watch_sub *sub, cove_num num,
                 const struct cove_watch_event *event);
/* The key of the peer with a number; zero where it is not known any longer. */
int watch_peer_key(struct watch_look *look, uint32_t number,
                   struct cove_key *out);
void watch_told_free(const struct cove_alloc *alloc, struct watch_sub *sub);

#endif
