/* world.h: a few devices, their clocks and the network between them, in one
 * process and under one seed. Stores, repos, engines and crypto are the real
 * ones; time, randomness, the network and what the users do come from the seed.
 *
 *   events (time, order) ──▶ device: input, flush, tick, write, crash, start
 *                        ──▶ network: deliver, end, cut, part, heal
 *
 * What must hold is in oracle.c, which keeps its own list of what was written.
 */
#ifndef COVE_TESTS_SIM_WORLD_H
#define COVE_TESTS_SIM_WORLD_H

#include "sync/engine.h"
#include "sync/verify.h"
#include "tests/promises/naive.h"
#include "tests/sim/random.h"

#define SIM_PEERS    7
#define SIM_FEW      5 /* at most, in most worlds */
#define SIM_LINKS    64
#define SIM_GROUPS   4
#define SIM_DOCS     48
#define SIM_OPS      512
#define SIM_VERIFIES 8 /* messages of a peer whose signatures are verified */
#define SIM_BASE_MS  1750000000000
#define SIM_LIMIT_MS 600000 /* after healing; then it is stuck */

enum sim_event_kind {
    SIM_DELIVER, /* link, side: the next segment arrives there */
    SIM_END,     /* link, side: its socket ends */
    SIM_TICK,    /* peer */
    SIM_FLUSH,   /* peer */
    SIM_NOTICE,  /* peer: its store changed */
    SIM_VERIFY,  /* peer: other threads have verified signatures */
    SIM_DIAL,    /* peer, other */
    SIM_WRITE,   /* peer */
    SIM_CRASH,   /* peer */
    SIM_START,   /* peer */
    SIM_COPY,    /* peer: a backup of its store is made */
    SIM_RESTORE, /* peer: and put back */
    SIM_FAULT,   /* peer: a call of its store will fail */
    SIM_WANT,    /* peer, other: it wants something else of the other */
    SIM_FORGET,  /* peer, other: the other is no peer of it any more */
    SIM_KNOW,    /* peer, other: and is one again */
    SIM_CUT,
    SIM_PART,
    SIM_MEND, /* the partition ends */
    SIM_HEAL, /* everything heals, for good */
    SIM_LOOK  /* is all at rest? */
};

struct sim_event {
    uint64_t time_ms, order;
    enum sim_event_kind kind;
    unsigned a, b;
    uint64_t life; /* of the peer or link: events of a former one are void */
};

struct sim_segment {
    struct sim_segment *next;
    uint64_t time_ms;
    bool end; /* the stream's end, and no bytes */
    size_t len;
    uint8_t bytes[];
};

struct sim_side {
    unsigned peer;
    struct cove_conn *conn;           /* NULL: gone */
    struct sim_segment *first, *last; /* on the way to it */
    uint64_t latest_ms;
    size_t flying;
};

struct sim_link { /* a TCP connection; side 0 dialled */
    bool used, cut;
    uint64_t life;
    struct sim_side side[2];
};

struct sim_alloc {
    struct cove_alloc alloc;
    long alive;
};

struct sim_wish { /* what a peer wants of another */
    bool all;
    unsigned groups; /* bits */
    uint64_t docs;   /* bits */
};

struct sim_peer {
    struct world *world;
    unsigned index;
    uint64_t life; /* grows with every start and crash */
    bool up;
    int64_t skew_ms;
    struct sim_random random;
    struct cove_env env;
    struct cove_secret secret;
    struct cove_key device;
    struct cove_store *store;
    struct cove_store *backup; /* or NULL */
    unsigned backup_ops;       /* how many ops there were when it was made */
    struct cove_repo *witness; /* of the oracle; stays open */
    struct cove_repo *repo;
    struct cove_engine *engine;
    bool restored;     /* by now its store was another one */
    unsigned fault_in; /* calls of the store until one fails; 0: none */
    bool faulty;       /* one has failed in this event */
    uint64_t tick_ms;  /* the tick that is due, or UINT64_MAX */
    struct cove_verify *verify[SIM_VERIFIES]; /* the oldest first */
    unsigned verify_count;
    uint64_t acked[SIM_PEERS]; /* as last looked at */
    struct sim_wish wish[SIM_PEERS], backup_wish[SIM_PEERS]; /* of each other */
    struct sim_wish ever[SIM_PEERS]; /* all that it wanted; the others may not
                                        have heard of less */
};

struct sim_group {
    struct cove_id id;
    unsigned admin;   /* who made it: it has one */
    unsigned members; /* bits: may read */
    unsigned writers; /* bits: of them, may write */
};

struct sim_doc {
    struct cove_id id;
    unsigned group;
    unsigned removers;  /* bits: peers that removed it, or … */
    unsigned perhaps;   /* … did before a backup of theirs was put back */
    bool registry;      /* and so in every interest */
    unsigned wanted;    /* bits: peers that ever wanted it, or made it */
    struct naive naive; /* what is written to it, and never was taken back */
};

struct sim_map_op {         /* the one of a map's transaction */
    struct cove_op_id rank; /* of a copy: its origin's */
    struct cove_op_id id;
    bool copy, deleted;
    char reg[8];
    uint64_t value; /* a hash */
};

struct sim_op { /* what was written and committed */
    unsigned doc, peer;
    struct cove_session_id session;
    uint32_t index;
    bool unsure;   /* behind a backup that was put back: may be gone */
    uint64_t what; /* a hash of the ops */
    struct sim_map_op map;
};

struct world {
    uint64_t seed, now_ms, order;
    struct sim_random random;
    struct sim_alloc heap;
    struct sim_event *events; /* a binary heap */
    size_t event_count, event_cap;
    struct sim_peer peers[SIM_PEERS];
    unsigned peer_count;
    unsigned edges[SIM_PEERS]; /* bits: dials */
    struct sim_link *links;
    unsigned apart; /* bits of the peers on one side of a partition */
    bool healed;
    uint64_t heal_ms, quiet_since_ms, delivered, delivered_at_rest;
    bool resting;
    bool faults;   /* a store has failed */
    bool restored; /* a backup was put back: it may meet its former self */
    bool busy;     /* all write the same few documents */
    bool removes;  /* documents are removed, too */
    bool packs;    /* logs are packed */
    bool cuts;     /* histories are cut off */
    bool threads;  /* signatures are verified beside */
    struct sim_random beside; /* of that, so that it changes no other seed */
    bool wants;   /* peers do not want everything, and change their minds */
    bool forgets; /* peers are removed and added again */
    unsigned forgot[SIM_PEERS]; /* bits: that each has removed */
    bool calms; /* at last, one edit is followed by itself … */
    bool calm;  /* … now */
    struct sim_calm {
        unsigned doc, author;
        uint64_t out[SIM_PEERS][SIM_PEERS];
    } before;
    struct sim_group groups[SIM_GROUPS];
    unsigned group_count;
    struct sim_doc docs[SIM_DOCS];
    unsigned doc_count;
    struct sim_op *ops;
    unsigned op_count;
    unsigned handshakes, acks_checked, removed, packed, gone_checked, verified;
    unsigned cut, cut_checked, cut_taken;
    uint64_t trace; /* a hash of everything that happened */
    bool verbose;
    bool failed;
    char failure[512];
};

/* Run one seed. Returns whether all held; the trace and, where not, why not
 * are in the world, which is otherwise empty afterwards. */
bool world_run(struct world *world, uint64_t seed, bool verbose);

/* Something must not be: noted once, and the run ends. */
void world_fail(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void world_trace(struct world *world, const void *at, size_t len);
void world_at(struct world *world, uint64_t delay_ms, enum sim_event_kind kind,
              unsigned a, unsigned b);

/* network.c */
void network_dial(struct world *world, unsigned from, unsigned to);
void network_deliver(struct world *world, unsigned link, unsigned side);
void network_end(struct world *world, unsigned link, unsigned side);
void network_cut(struct world *world, unsigned link);
/* Carry off what the engine of a peer has to write. */
void network_drain(struct world *world, unsigned peer);
/* The peer is gone, and its sockets with it. */
void network_crash(struct world *world, unsigned peer);
bool network_connected(const struct world *world, unsigned a, unsigned b);
void network_free(struct world *world);

/* devices.c */
void device_init(struct world *world, unsigned peer);
void device_start(struct world *world, unsigned peer);
void device_crash(struct world *world, unsigned peer);
void device_fault(struct world *world, unsigned peer);
void device_copy(struct world *world, unsigned peer);
void device_restore(struct world *world, unsigned peer);
/* A turn of the device's loop ends: commit, send, ask for the next tick. */
void device_turn(struct world *world, unsigned peer);
void device_flush(struct world *world, unsigned peer);
void device_tick(struct world *world, unsigned peer);
void device_notice(struct world *world, unsigned peer);
void device_free(struct world *world, unsigned peer);
int64_t device_now(void *ctx); /* ctx: struct sim_peer */
void device_random(void *ctx, void *out, size_t len);
/* The oldest message's signatures are verified. */
void device_verified(struct world *world, unsigned peer);
/* Nothing but a fault that was planted may fail. */
void device_must(struct world *world, unsigned peer, int err, const char *what);

/* users.c */
void device_write(struct world *world, unsigned peer);
bool device_holds(struct sim_peer *peer, const struct cove_id *id);
/* One edit of a document; was it made? */
bool device_write_once(struct world *world, unsigned peer, unsigned doc);
void device_group(struct world *world, unsigned peer, unsigned members,
                  unsigned writers);

/* upkeep.c */
void device_remove(struct world *world, unsigned peer_at, unsigned doc_at);
/* Pack all that can be. */
void device_pack(struct world *world, unsigned peer_at);
/* A group's admin cuts histories of its documents off. */
void device_cut(struct world *world, unsigned group);

/* wants.c */
void device_want(struct world *world, unsigned peer, unsigned other);
void device_forget(struct world *world, unsigned peer, unsigned other);
void device_know(struct world *world, unsigned peer, unsigned other);
/* Does `peer` want a document of `other`? */
bool wants_of(const struct world *world, unsigned peer, unsigned other,
              unsigned doc);
/* Note who wants it now: they may have it ever after. */
void wants_note(struct world *world, unsigned doc);
/* The same of every document, when wishes have changed. */
void wants_note_all(struct world *world);
/* Some want little before anything is there. */
void wants_begin(struct world *world);
void wants_schedule(struct world *world, unsigned span);

/* calm.c */
/* All is at rest: one more edit, if there is what to edit. */
bool calm_begin(struct world *world);
/* It has crossed each link as often as it had to. */
void calm_check(struct world *world);

/* oracle.c */
bool edge_is(const struct world *world, unsigned a, unsigned b);
/* A hash of all that a transaction's ops say. */
uint64_t oracle_what(const struct cove_tx *tx);
/* What a map's transaction says. */
void oracle_map_op(const struct cove_tx *tx, const struct cove_op_id *id,
                   struct sim_map_op *out);
/* Whatever a peer has acknowledged is in its store now. */
void oracle_acks(struct world *world, unsigned peer);
bool oracle_at_rest(struct world *world);
/* The world is healed and at rest: is it as it must be? */
void oracle_check(struct world *world);

#endif
