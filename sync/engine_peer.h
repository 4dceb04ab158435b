/* engine_peer.h: a device as all its connections see it: the positions of the
 * two stores, what either refused of the other, and when that is written. */
#ifndef COVE_SYNC_ENGINE_PEER_H
#define COVE_SYNC_ENGINE_PEER_H

#include "sync/interest.h"
#include "sync/peer.h"

#define ENGINE_LAZY_MS 50 /* a position alone waits so long for a commit */

struct engine_peer { /* one device, however many connections it has */
    struct engine_peer *next;
    struct cove_key key;
    unsigned conns;
    uint32_t number;   /* 0: a guest that has no record yet … */
    uint32_t reserved; /* … and will have this number, or 0 */
    uint8_t store_id[16];
    uint64_t have, saved_have; /* its position that we hold; as recorded */
    uint64_t acked;            /* our position that it holds */
    uint64_t announced;        /* its own position, as last heard */
    struct cove_refused here, there;
    struct cove_buf wish;   /* what we want of it; `have` stands for that */
    bool wish_changed;      /* since it was recorded */
    unsigned wish_serial;   /* how often it changed */
    struct cove_buf theirs; /* what it wants of us, as last heard, … */
    struct cove_hash theirs_hash; /* … hashed */
    bool theirs_changed;
    bool here_changed, there_changed; /* since they were recorded */
    bool dirty;                       /* the record is to be written … */
    bool owed;                        /* … at the next flush … */
    uint64_t dirty_ms;                /* … or some time after this */
    bool gone;                        /* the record was removed */
    bool lost; /* what it believes was aborted: only counters are true */
    uint64_t bytes_in, bytes_out, documents_in, documents_out; /* unrecorded */
};

/* Find or load the peer whose key the connection's channel has proven. */
COVE_MUST_CHECK int engine_peer_attach(struct cove_engine *engine,
                                       uint64_t now_ms, struct cove_conn *conn);
void engine_peer_detach(struct cove_conn *conn);
void engine_peer_touch(struct engine_peer *peer, uint64_t now_ms, bool owed);
/* Write all records that are dirty, in the open transaction. */
COVE_MUST_CHECK int engine_peers_write(struct cove_engine *engine);
/* They are durable. Frees peers without connections. */
void engine_peers_written(struct cove_engine *engine);
/* All that is in the store is durable: so is what guests without a record hold
 * of it, of whom nothing is to be written. */
void engine_peers_settle(struct cove_engine *engine);
/* The store changed: who is no peer any more is sent away, before it is told of
 * that change. */
COVE_MUST_CHECK int engine_peers_look(struct cove_engine *engine);
/* The transaction was aborted: what they believe to hold is not held. */
void engine_peers_forget(struct cove_engine *engine);
/* Is a record to be written now; when is the next one? */
bool engine_peers_due(const struct cove_engine *engine, uint64_t now_ms);
uint64_t engine_peers_next(const struct cove_engine *engine);
void engine_peers_free(struct cove_engine *engine);

#endif
