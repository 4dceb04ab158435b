/* engine_kit.h: devices with repos and sync engines, and wires between them,
 * for the tests of the engine. A wire carries everything at once; what it
 * carries can be watched as messages, since the kit has the keys. */
#ifndef COVE_TESTS_ENGINE_KIT_H
#define COVE_TESTS_ENGINE_KIT_H

#include "sync/engine.h"
#include "sync/peer.h"
#include "tests/unit/repo_kit.h"

#define LINE_EVENTS 64

struct node { /* a device */
    struct kit kit;
    struct cove_engine *engine;
    char events[LINE_EVENTS][256];
    unsigned event_count;
    unsigned commits;
};

struct link { /* a connection between two nodes */
    struct node *node[2];
    struct cove_conn *conn[2];
    int err[2];
    uint64_t bytes[2]; /* carried from */
};

static uint64_t node_now = 1000;

static inline void node_event(void *ctx, const struct cove_conn *conn,
                              const char *line)
{
    struct node *node = ctx;

    (void)conn;
    snprintf(node->events[node->event_count % LINE_EVENTS], 256, "%s", line);
    node->event_count++;
}

static inline void node_committed(void *ctx)
{
    ((struct node *)ctx)->commits++;
}

static inline int node_start_with(struct node *node, uint64_t credit)
{
    struct cove_engine_options opt = {.alloc = &node->kit.heap.alloc,
                                      .env = &node->kit.env.env,
                                      .repo = node->kit.repo,
                                      .store = node->kit.store.store,
                                      .credit_bytes = credit,
                                      .committed = node_committed,
                                      .event = node_event,
                                      .ctx = node};

    cove_identity_make(&node->kit.secret, &node->kit.device, &node->kit.env.env,
                       30, &opt.identity);
    return cove_engine_new(&opt, &node->engine);
}

static inline void node_open(struct node *node, uint8_t who)
{
    node->event_count = 0;
    node->commits = 0;
    kit_open(&node->kit, FIXTURE_MEMORY, who);
    ck_assert_int_eq(node_start_with(node, 0), 0);
}

static inline void node_close(struct node *node)
{
    cove_engine_free(node->engine);
    kit_close(&node->kit);
}

/* Make `peer` known to `node`. */
static inline void node_know(struct node *node, const struct cove_key *peer)
{
    struct cove_store_txn *txn = kit_begin(&node->kit, true);
    struct cove_peer_record record;

    memset(&record, 0, sizeof(record));
    record.key = *peer;
    ck_assert_int_eq(cove_peer_put(node->kit.repo, txn, &record), 0);
    kit_commit(txn);
}

static inline struct cove_peer_record node_record(struct node *node,
                                                  const struct cove_key *peer)
{
    struct cove_store_txn *txn = kit_begin(&node->kit, false);
    struct cove_peer_record record;
    int err = cove_peer_get(node->kit.repo, txn, peer, &record);

    ck_assert_int_eq(err, 0);
    cove_store_abort(txn);
    return record;
}

/* since_ms may be NULL: when the oldest of them was written. */
static inline uint64_t node_unsent_since(struct node *node,
                                         const struct cove_key *peer,
                                         int64_t *since_ms)
{
    struct cove_store_txn *txn = kit_begin(&node->kit, false);
    struct cove_peer_record record;
    struct cove_unsent unsent = {.documents = 0};

    ck_assert_int_eq(cove_peer_get(node->kit.repo, txn, peer, &record), 0);
    while (!unsent.over) {
        ck_assert_int_eq(
            cove_peer_unsent(node->kit.repo, txn, &record, &unsent), 0);
    }
    cove_store_abort(txn);
    cove_unsent_clear(&unsent);
    if (since_ms != NULL) {
        *since_ms = unsent.since_ms;
    }
    return unsent.documents;
}

static inline uint64_t node_unsent(struct node *node,
                                   const struct cove_key *peer)
{
    return node_unsent_since(node, peer, NULL);
}

static inline bool node_saw(const struct node *node, const char *words)
{
    for (unsigned i = 0; i < node->event_count && i < LINE_EVENTS; i++) {
        if (strstr(node->events[i], words) != NULL) {
            return true;
        }
    }
    return false;
}

/* --- wires */

static inline int link_dial(struct link *link, struct node *a, struct node *b)
{
    memset(link, 0, sizeof(*link));
    link->node[0] = a;
    link->node[1] = b;

    int err = cove_engine_connect(a->engine, node_now, COVE_CHANNEL_INITIATOR,
                                  &b->kit.device, &link->conn[0]);

    if (err == 0) {
        err = cove_engine_connect(b->engine, node_now, COVE_CHANNEL_RESPONDER,
                                  NULL, &link->conn[1]);
    }
    return err;
}

/* Carry what side i has to write over to the other. */
static inline size_t link_carry(struct link *link, unsigned i)
{
    struct cove_bytes out;
    size_t len;

    if (link->conn[i] == NULL) {
        return 0;
    }
    out = cove_conn_output(link->conn[i]);
    len = out.len;

    uint8_t *copy = malloc(len + 1); /* exact, so that ASan sees every step */

    if (len > 0) {
        memcpy(copy, out.at, len);
        if (link->conn[!i] != NULL && link->err[!i] == 0) {
            link->err[!i] = cove_conn_input(link->conn[!i], node_now,
                                            cove_bytes(copy, len));
        }
        cove_conn_written(link->conn[i], node_now, len);
        link->bytes[i] += len;
    }
    free(copy);
    return len;
}

static inline int link_turn(struct link *link, size_t *moved)
{
    int err = 0;

    *moved = 0;
    for (unsigned i = 0; i < 2; i++) {
        size_t len = link_carry(link, i);
        int flushed = cove_engine_flush(link->node[!i]->engine, node_now);

        err = err == 0 ? flushed : err;
        flushed = cove_engine_flush(link->node[i]->engine, node_now);
        err = err == 0 ? flushed : err;
        *moved += len;
    }
    return err;
}

/* Let both talk until nothing moves and nothing is due within 100 ms. */
static inline int link_settle(struct link *link)
{
    size_t moved = 1;
    int err = 0;

    for (unsigned quiet = 0; quiet < 4; quiet++) {
        while (moved > 0) {
            int turned = link_turn(link, &moved);

            err = err == 0 ? turned : err;
            quiet = moved > 0 ? 0 : quiet;
        }
        for (unsigned i = 0; i < 2; i++) {
            uint64_t next;
            int ticked =
                cove_engine_tick(link->node[i]->engine, node_now, &next);

            err = err == 0 ? ticked : err;
        }
        node_now += 30;
        moved = 1;
    }
    return err;
}

static inline void link_run(struct link *link)
{
    ck_assert_int_eq(link_settle(link), 0);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_msg(link->err[i] == 0, "side %u: %d %s", i, link->err[i],
                      cove_conn_diag(link->conn[i])->text);
    }
}

/* The wire is cut. */
static inline void link_cut(struct link *link)
{
    for (unsigned i = 0; i < 2; i++) {
        if (link->conn[i] != NULL) {
            (void)cove_conn_end(link->conn[i]);
            cove_conn_closed(link->conn[i]);
            link->conn[i] = NULL;
        }
    }
}

static inline struct cove_conn_stats link_stats(const struct link *link,
                                                unsigned i)
{
    struct cove_conn_stats stats;

    cove_conn_stats(link->conn[i], &stats);
    return stats;
}

static inline void link_changed(struct link *link, unsigned i)
{
    ck_assert_int_eq(cove_engine_changed(link->node[i]->engine, node_now), 0);
}

#endif
