/* engine_sums.c: a round that finds what differs by sums.
 *
 * The nodes of the tree of sums are told from the top down. Of each the peer is
 * told what lies below it, by marks of 12 bytes: children, or documents. It
 * answers which of them it has not got so (engine_sums_take.c): of those
 * children the same is told, those documents are told as haves. Groups go by
 * class, and the next class begins when all answers to the one before are here,
 * so that what others depend on comes first. A group that is one leaf is told
 * as haves at once.
 *
 *   group ─▶ todo ─▶ told ─▶ answered ─▶ todo (children)
 *                                     └▶ docs ─▶ haves
 *
 * The tree may change meanwhile, here and there. A node that was equal and
 * changes later is told in the next round, as any change behind its end.
 */
#include "crdt/repo_index.h"
#include "sync/engine_internal.h"

#include <assert.h>

/* A peer that has nothing is told directly; one of which we know where it
 * stands is told what changed since, if that is less than half of all. One that
 * does not want all is spared the changes of what it does not want. */
bool sums_are_worth_it(const struct cove_conn *conn)
{
    const struct cove_engine *engine = conn->engine;
    const struct conn_give *give = &conn->give;
    uint64_t changes = give->end - give->told;

    return !engine->sums_damaged && changes >= engine->opt.sums_least &&
           changes >= give->end / 2 &&
           (!conn->interest.all ||
            (!give->direct && conn->peer->announced >= engine->opt.sums_least));
}

int sums_begin(struct cove_conn *conn)
{
    struct sums_walk *walk =
        cove_alloc_zero(conn->engine->opt.alloc, 1, sizeof(*walk));

    if (walk == NULL) {
        return COVE_ENOMEM;
    }
    cove_message_list_init(&walk->nodes, conn->engine->opt.alloc);
    conn->give.walk = walk;
    conn->engine->sums_due = true;
    return 0;
}

void sums_end(struct cove_conn *conn)
{
    struct sums_walk *walk = conn->give.walk;

    if (walk != NULL) {
        conn->give.void_sums += walk->told_count - walk->nodes.count;
        cove_message_list_clear(&walk->nodes);
        cove_alloc_free(conn->engine->opt.alloc, walk->todo);
        cove_alloc_free(conn->engine->opt.alloc, walk);
        conn->give.walk = NULL;
    }
}

/* --- what is to be told */

static int todo_push(struct cove_conn *conn, const struct sums_todo *todo)
{
    const struct cove_alloc *alloc = conn->engine->opt.alloc;
    struct sums_walk *walk = conn->give.walk;

    if (walk->todo_count == walk->todo_cap) {
        size_t cap = walk->todo_cap == 0 ? 64 : walk->todo_cap * 2;
        struct sums_todo *grown =
            alloc->resize(alloc->ctx, walk->todo, cap * sizeof(*grown));

        if (grown == NULL) {
            return COVE_ENOMEM;
        }
        walk->todo = grown;
        walk->todo_cap = cap;
    }
    walk->todo[walk->todo_count++] = *todo;
    return 0;
}

static void docs_push(struct sums_walk *walk, cove_num num)
{
    assert(walk->doc_count < ENGINE_SUMS_DOCS);
    walk->docs[(walk->doc_first + walk->doc_count++) % ENGINE_SUMS_DOCS] = num;
}

static cove_num docs_take(struct sums_walk *walk)
{
    cove_num num = walk->docs[walk->doc_first];

    walk->doc_first = (walk->doc_first + 1) % ENGINE_SUMS_DOCS;
    walk->doc_count--;
    return num;
}

/* All documents of what was told and is not answered may have to be told. */
static bool walk_has_room(const struct sums_walk *walk)
{
    return walk->told_count < ENGINE_SUMS_OPEN &&
           walk->doc_count + (walk->told_count + 1) * COVE_SUM_LEAF <=
               ENGINE_SUMS_DOCS;
}

/* May the next node join the message that is being made? */
static bool walk_may_tell(const struct sums_walk *walk)
{
    return walk_has_room(walk) &&
           (walk->nodes.count == 0 ||
            cove_sum_group_order(&walk->nodes_of,
                                 &walk->todo[walk->todo_count - 1].group) == 0);
}

bool sums_are_due(const struct cove_conn *conn)
{
    const struct sums_walk *walk = conn->give.walk;

    if (conn->engine->sums_due) {
        return false;
    }
    if (walk->doc_count > 0) {
        return true;
    }
    if (walk->todo_count > 0) {
        return walk_may_tell(walk);
    }
    return walk->told_count == 0 ||
           (!walk->groups_over && !walk->class_over && walk_has_room(walk));
}

/* --- nodes */

/* Whom the message is about. */
static int nodes_begin(struct cove_conn *conn, struct cove_store_txn *txn,
                       const struct cove_sum_group *group)
{
    struct cove_repo *repo = conn->engine->opt.repo;
    struct sums_walk *walk = conn->give.walk;
    int err = cove_repo_id(repo, txn, group->owner, &walk->head.owner);

    walk->nodes_of = *group;
    walk->head.class = group->class;
    walk->head.has_schema = group->has_schema;
    walk->head.schema = group->schema;
    return err;
}

/* A peer that has nothing is asked nothing: all below the node is to be told.
 */
static int node_give(struct cove_conn *conn, const struct sums_todo *todo,
                     const struct cove_sum_node *node)
{
    int err = 0;

    for (size_t i = 0; node->leaf && i < node->count; i++) {
        docs_push(conn->give.walk, node->num[i]);
    }
    for (unsigned way = 0; !node->leaf && way < COVE_SUM_WAYS && err == 0;
         way++) {
        struct sums_todo below = *todo;

        if (node->mask >> way & 1) {
            cove_sum_path_down(&below.path, way);
            err = todo_push(conn, &below);
        }
    }
    return err;
}

/* The peer is told the marks of what is below the node. */
static int node_tell(struct cove_conn *conn, const struct sums_todo *todo,
                     const struct cove_sum_node *node)
{
    struct sums_walk *walk = conn->give.walk;
    struct sums_told *told =
        &walk->told[(walk->told_first + walk->told_count) % ENGINE_SUMS_OPEN];
    uint8_t marks[COVE_SUM_LEAF][COVE_MESSAGE_MARK];
    struct cove_message_sum sum = {.depth = todo->path.depth,
                                   .mask = node->leaf ? 0 : node->mask};
    size_t ways = 0;

    memcpy(sum.bits, todo->path.bits, sizeof(sum.bits));
    told->at = *todo;
    told->leaf = node->leaf;
    told->count = sums_wire_marks(conn, node, marks);
    if (told->count == 0) {
        return COVE_ECORRUPT;
    }
    memcpy(told->nums, node->num, node->count * sizeof(node->num[0]));
    for (unsigned way = 0; way < COVE_SUM_WAYS; way++) {
        if (node->mask >> way & 1) {
            told->ways[ways++] = (uint8_t)way;
        }
    }
    sum.marks = cove_bytes(marks, told->count * COVE_MESSAGE_MARK);

    int err = cove_message_add_sum(&walk->nodes, &sum);

    walk->told_count += err == 0;
    return err;
}

static int todo_step(struct cove_conn *conn, struct cove_store_txn *txn)
{
    struct sums_walk *walk = conn->give.walk;
    struct sums_todo todo = walk->todo[walk->todo_count - 1];
    struct cove_sum_node node;
    int err = cove_repo_sums_read(conn->engine->opt.repo, txn, &todo.group,
                                  &todo.path, &node);

    if (err == 0 && conn->give.direct) {
        walk->todo_count--;
        return node_give(conn, &todo, &node);
    }
    if (err == 0 && walk->nodes.count == 0) {
        err = nodes_begin(conn, txn, &todo.group);
    }
    if (err == 0) {
        walk->todo_count--;
        err = node_tell(conn, &todo, &node);
    }
    return err;
}

int sums_message(struct cove_conn *conn)
{
    struct sums_walk *walk = conn->give.walk;
    int err = cove_message_put_sums(&conn->engine->message, &walk->head,
                                    &walk->nodes);

    cove_message_list_reset(&walk->nodes);
    return err;
}

/* --- groups */

static int group_wanted(struct cove_conn *conn, struct cove_store_txn *txn,
                        const struct cove_sum_group *group, bool *out)
{
    struct cove_id owner;
    int err = 0;

    *out = conn->interest.all || group->class != COVE_CLASS_CONTENT;
    if (!*out) {
        err = cove_repo_id(conn->engine->opt.repo, txn, group->owner, &owner);
        *out = err == 0 &&
               cove_interest_has_group(&conn->interest, &owner,
                                       group->has_schema, &group->schema);
    }
    return err;
}

static int group_begin(struct cove_conn *conn, struct cove_store_txn *txn,
                       const struct cove_sum_group *group)
{
    struct sums_walk *walk = conn->give.walk;
    struct sums_todo todo = {.group = *group};
    struct cove_sum_node node;
    enum cove_role role;
    bool wanted = false;
    int err = give_role(conn, txn, group->owner, &role);

    if (err == 0 && role >= COVE_ROLE_READER) {
        err = group_wanted(conn, txn, group, &wanted);
    }
    if (err != 0 || !wanted) {
        return err;
    }
    err = cove_repo_sums_read(conn->engine->opt.repo, txn, group, &todo.path,
                              &node);
    if (err != 0) {
        return err;
    }
    for (size_t i = 0; node.leaf && i < node.count; i++) {
        docs_push(walk, node.num[i]);
    }
    return node.leaf ? 0 : todo_push(conn, &todo);
}

/* The next group; or its class has to wait until the answers to the one before
 * are here. */
static int group_next(struct cove_conn *conn, struct cove_store_txn *txn)
{
    struct sums_walk *walk = conn->give.walk;
    struct cove_sum_group group;
    int err = cove_repo_sums_next(conn->engine->opt.repo, txn,
                                  walk->begun ? &walk->group : NULL, &group);

    if (err == COVE_ENOTFOUND) {
        walk->groups_over = true;
        return 0;
    }
    if (err != 0) {
        return err;
    }
    walk->class_over =
        walk->begun && group.class != walk->group.class && walk->told_count > 0;
    if (walk->class_over) {
        return 0;
    }
    walk->begun = true;
    walk->group = group;
    return group_begin(conn, txn, &group);
}

int sums_step(struct cove_conn *conn, struct cove_store_txn *txn, bool *over)
{
    struct sums_walk *walk = conn->give.walk;

    *over = false;
    if (walk->doc_count > 0) {
        return tell_have(conn, txn, docs_take(walk));
    }
    if (walk->todo_count > 0) {
        return todo_step(conn, txn);
    }
    if (!walk->groups_over) {
        return group_next(conn, txn);
    }
    *over = true;
    return 0;
}

/* --- answers */

static int told_answer(struct cove_conn *conn, const struct sums_told *told,
                       struct cove_bytes bits)
{
    struct sums_walk *walk = conn->give.walk;
    int err = 0;

    for (size_t i = 0; i < bits.len * 8 && err == 0; i++) {
        struct sums_todo todo = told->at;

        if ((bits.at[i / 8] >> i % 8 & 1) == 0) {
            continue;
        }
        if (i >= told->count) {
            return conn_fail(conn, COVE_EPROTOCOL,
                             "an answer to a sum that was not told");
        }
        if (told->leaf) {
            docs_push(walk, told->nums[i]);
        } else {
            cove_sum_path_down(&todo.path, told->ways[i]);
            err = todo_push(conn, &todo);
        }
    }
    return err;
}

int sums_answered(struct cove_conn *conn,
                  const struct cove_message_items *differ)
{
    struct cove_reader walk_bits = cove_message_walk(differ);
    struct sums_walk *walk = conn->give.walk;
    int err = 0;

    for (size_t i = 0; i < differ->count && err == 0; i++) {
        struct sums_told *told;
        struct cove_bytes bits;

        if (walk == NULL && conn->give.void_sums > 0) {
            conn->give.void_sums--;
            continue;
        }
        if (walk == NULL || walk->told_count <= walk->nodes.count) {
            return conn_fail(conn, COVE_EPROTOCOL,
                             "an answer to a sum that was not told");
        }
        told = &walk->told[walk->told_first];
        (void)cove_message_next_bytes(&walk_bits, &bits);
        if (bits.len != (told->count + 7) / 8) {
            return conn_fail(conn, COVE_EPROTOCOL,
                             "an answer that does not fit its sum");
        }
        walk->told_first = (walk->told_first + 1) % ENGINE_SUMS_OPEN;
        walk->told_count--;
        err = told_answer(conn, told, bits);
    }
    return err;
}
