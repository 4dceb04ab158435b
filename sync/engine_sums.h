/* engine_sums.h: which documents differ, found by sums (crdt/repo_sums.h)
 * instead of telling each. */
#ifndef COVE_SYNC_ENGINE_SUMS_H
#define COVE_SYNC_ENGINE_SUMS_H

#include "crdt/repo_sums.h"
#include "sync/engine.h"
#include "sync/message.h"

#define ENGINE_SUMS_LEAST 1024 /* changes that are worth it */
#define ENGINE_SUMS_STEP  4096 /* changes summed up at a time */
#define ENGINE_SUMS_OPEN  128u /* nodes told and not answered */
#define ENGINE_SUMS_DOCS  ((size_t)ENGINE_SUMS_OPEN * COVE_SUM_LEAF)
#define ENGINE_SUMS_LAG   8192         /* changes not summed up, when idle */
#define ENGINE_SUMS_BYTES (128u << 10) /* of sums to answer; beyond: drop */

struct sums_todo { /* a node to be told */
    struct cove_sum_group group;
    struct cove_sum_path path;
};

struct sums_told { /* a node that was told, and what was told of it */
    struct sums_todo at;
    bool leaf;
    size_t count;
    uint8_t ways[COVE_SUM_WAYS];
    cove_num nums[COVE_SUM_LEAF];
};

/* A round that goes by sums. */
struct sums_walk {
    struct cove_sum_group group; /* begun last */
    bool begun, groups_over;
    bool class_over; /* the next group is of another class, and has to wait */
    struct sums_todo *todo; /* the last one first, so that few wait */
    size_t todo_count, todo_cap;
    struct sums_told told[ENGINE_SUMS_OPEN]; /* a ring */
    size_t told_first, told_count;
    cove_num docs[ENGINE_SUMS_DOCS]; /* to be told, of the class; a ring */
    size_t doc_first, doc_count;
    struct cove_message_list nodes; /* the next message, … */
    struct cove_message_sums head;  /* … its group, and … */
    struct cove_sum_group nodes_of; /* … the same in numbers */
};

/* --- engine_sums.c: telling */
/* Should the round that begins go by sums? */
bool sums_are_worth_it(const struct cove_conn *conn);
COVE_MUST_CHECK int sums_begin(struct cove_conn *conn);
void sums_end(struct cove_conn *conn);
/* Is there anything to do before the peer answers? */
bool sums_are_due(const struct cove_conn *conn);
/* One node, document or group; *over: the round has told everything. */
COVE_MUST_CHECK int sums_step(struct cove_conn *conn,
                              struct cove_store_txn *txn, bool *over);
/* Put the nodes that wait into a message. */
COVE_MUST_CHECK int sums_message(struct cove_conn *conn);
COVE_MUST_CHECK int sums_answered(struct cove_conn *conn,
                                  const struct cove_message_items *differ);

/* --- engine_sums_take.c: answering, and keeping the store's sums up */
/* Keep a message of sums until it can be answered. */
COVE_MUST_CHECK int sums_hear(struct cove_conn *conn, struct cove_bytes bytes);
COVE_MUST_CHECK int sums_answer(struct cove_conn *conn);
/* The marks of what is below a node, in order, as this connection has them.
 * Gives how many. */
size_t sums_wire_marks(const struct cove_conn *conn,
                       const struct cove_sum_node *node,
                       uint8_t out[COVE_SUM_LEAF][COVE_MESSAGE_MARK]);
/* Look at how far they are; a check may have dropped them. */
COVE_MUST_CHECK int engine_sums_look(struct cove_engine *engine);
/* Bring the store's sums on, where somebody waits for them, in the turn's write
 * transaction. */
COVE_MUST_CHECK int engine_sums(struct cove_engine *engine, uint64_t now_ms);
/* Far behind, and nothing else to do? Then somebody waits for them. */
void engine_sums_idle(struct cove_engine *engine);

#endif
