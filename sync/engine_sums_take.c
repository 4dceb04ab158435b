/* engine_sums_take.c: sums that came are answered, and the store's own are kept
 * up for it.
 *
 * A node that came is compared with the one here. What is alike there is alike
 * here; or was, where the tree lies behind the store: then there is more here
 * than there, which is no reason to ask. Where no such node is here, or one of
 * the other kind, all of it differs: that is near a true difference, or here is
 * next to nothing.
 */
#include "core/planted.h"
#include "sync/engine_internal.h"

/* Nobody can have looked for two hashes with one mark before the connection
 * began. */
static void wire_mark(const struct cove_conn *conn, struct cove_bytes hash,
                      uint8_t out[COVE_MESSAGE_MARK])
{
    const struct cove_hash *binding = cove_channel_binding(conn->channel);
    const struct cove_bytes parts[] = {
        cove_bytes(binding->b, sizeof(binding->b)), hash};
    struct cove_hash mark =
        cove_hash_parts("cove/sum-mark", parts, COVE_ARRAY_LEN(parts));

    memcpy(out, mark.b, COVE_MESSAGE_MARK);
}

size_t sums_wire_marks(const struct cove_conn *conn,
                       const struct cove_sum_node *node,
                       uint8_t out[COVE_SUM_LEAF][COVE_MESSAGE_MARK])
{
    size_t count = 0;

    for (size_t i = 0; node->leaf && i < node->count; i++) {
        wire_mark(conn, cove_bytes(node->mark[i], COVE_SUM_MARK), out[count++]);
    }
    for (unsigned way = 0; !node->leaf && way < COVE_SUM_WAYS; way++) {
        const struct cove_hash *child = &node->child[way];

        if (node->mask >> way & 1) {
            wire_mark(conn, cove_bytes(child->b, sizeof(child->b)),
                      out[count++]);
        }
    }
    return count;
}

int sums_hear(struct cove_conn *conn, struct cove_bytes bytes)
{
    struct cove_engine *engine = conn->engine;
    struct cove_message_list *sums = &conn->take.sums;

    if (sums->items.len + bytes.len > ENGINE_SUMS_BYTES) {
        return conn_fail(conn, COVE_EPROTOCOL,
                         "the peer tells more sums than are answered");
    }
    int err = engine_sums_look(engine);

    engine->sums_due = engine->sums_due || (!engine->sums_damaged &&
                                            engine->sums < engine->sequence);
    return err != 0 ? err : cove_message_add_bytes(sums, bytes);
}

/* --- answering */

/* What of the node is not here. A mark is found wherever it stands: it is equal
 * only where all below is, and that has but one place. */
static int answer_node(struct cove_conn *conn, const struct cove_sum_node *node,
                       const struct cove_message_sum *sum,
                       struct cove_message_list *out)
{
    uint8_t bits[COVE_MESSAGE_SUM_LEAF / 8] = {0};
    uint8_t ours[COVE_SUM_LEAF][COVE_MESSAGE_MARK];
    size_t count = sum->marks.len / COVE_MESSAGE_MARK;
    size_t held = sums_wire_marks(conn, node, ours);

    for (size_t i = 0; i < count; i++) {
        const uint8_t *theirs = sum->marks.at + i * COVE_MESSAGE_MARK;
        size_t at = 0;

        while (at < held && memcmp(ours[at], theirs, sizeof(ours[at])) != 0) {
            at++;
        }
        if (at == held) {
            bits[i / 8] |=
                (uint8_t)(1u << (i + COVE_PLANTED("differ-bits-shifted")) % 8);
        }
    }
    return cove_message_add_bytes(out, cove_bytes(bits, (count + 7) / 8));
}

/* The group in numbers. Errors: COVE_ENOTFOUND. */
static int answer_group(struct cove_conn *conn, struct cove_store_txn *txn,
                        const struct cove_message_sums *sums,
                        struct cove_sum_group *out)
{
    struct cove_repo *repo = conn->engine->opt.repo;
    int err = cove_repo_find(repo, txn, &sums->owner, &out->owner);

    out->class = (enum cove_doc_class)sums->class;
    out->has_schema = sums->has_schema;
    out->schema = sums->schema;
    return err;
}

static int answer_sums(struct cove_conn *conn, struct cove_store_txn *txn,
                       const struct cove_message_sums *sums,
                       struct cove_message_list *out)
{
    struct cove_reader walk = cove_message_walk(&sums->nodes);
    struct cove_sum_group group;
    struct cove_message_sum sum;
    int found = answer_group(conn, txn, sums, &group);
    int err = found == COVE_ENOTFOUND ? 0 : found;

    for (size_t i = 0; i < sums->nodes.count && err == 0; i++) {
        struct cove_sum_node node = {.leaf = false};
        struct cove_sum_path path;

        (void)cove_message_next_sum(&walk, &sum);
        path.depth = sum.depth;
        memcpy(path.bits, sum.bits, sizeof(path.bits));
        if (found == 0 && !conn->engine->sums_damaged) {
            err = cove_repo_sums_read(conn->engine->opt.repo, txn, &group,
                                      &path, &node);
        }
        if (err == COVE_ENOTFOUND || err == COVE_ECORRUPT) {
            node.leaf = false;
            node.mask = 0;
            err = 0;
        }
        err = err != 0 ? err : answer_node(conn, &node, &sum, out);
    }
    return err;
}

static int answer_all(struct cove_conn *conn, struct cove_store_txn *txn)
{
    struct cove_reader walk;
    struct cove_message message;
    struct cove_message_list differ;
    struct cove_bytes bytes;
    int err = 0;

    cove_message_list_init(&differ, conn->engine->opt.alloc);
    cove_reader_init(&walk, cove_buf_bytes(&conn->take.sums.items));
    for (size_t i = 0; i < conn->take.sums.count && err == 0; i++) {
        (void)cove_message_next_bytes(&walk, &bytes);
        err = cove_message_decode(bytes, &message, NULL);
        err = err != 0 ? err : answer_sums(conn, txn, &message.sums, &differ);
        if (err == 0) {
            err = cove_message_put_differ(&conn->engine->message, &differ);
        }
        cove_message_list_reset(&differ);
        err = err != 0 ? err : conn_send(conn, COVE_LANE_CONTROL);
    }
    cove_message_list_clear(&differ);
    cove_message_list_clear(&conn->take.sums);
    return err;
}

int sums_answer(struct cove_conn *conn)
{
    struct cove_store_txn *txn;
    int err;

    if (conn->take.sums.count == 0 || conn->engine->sums_due) {
        return 0;
    }
    err = cove_store_begin(conn->engine->opt.store, false, &txn);
    if (err != 0) {
        return err;
    }
    err = answer_all(conn, txn);
    cove_store_abort(txn);
    return err;
}

/* --- keeping up */

int engine_sums_look(struct cove_engine *engine)
{
    struct cove_store_txn *txn;
    int err = engine_read(engine, &txn);

    if (err != 0) {
        return err;
    }
    err = cove_repo_sums_position(engine->opt.repo, txn, &engine->sums);
    engine_read_end(engine, txn);
    return err;
}

int engine_sums(struct cove_engine *engine, uint64_t now_ms)
{
    bool over = false;
    int err = engine->sums_due ? engine_write(engine, now_ms) : 0;

    if (err != 0 || !engine->sums_due) {
        return err;
    }
    err = cove_repo_sums_step(engine->opt.repo, engine->txn, ENGINE_SUMS_STEP,
                              &over);
    if (err == COVE_ECORRUPT) { /* nothing was written; tell without them */
        engine->sums_damaged = true;
        err = 0;
    }
    if (err != 0) {
        return engine_abort(engine, err, "the sums could not be kept");
    }
    engine->sums_due = !over && !engine->sums_damaged;
    return cove_repo_sums_position(engine->opt.repo, engine->txn,
                                   &engine->sums);
}

void engine_sums_idle(struct cove_engine *engine)
{
    if (engine->sums_damaged ||
        engine->sequence - engine->sums < ENGINE_SUMS_LAG) {
        return;
    }
    for (const struct cove_conn *conn = engine->conns; conn != NULL;
         conn = conn->next) {
        if (!conn->done && !conn->was_in_sync) {
            return;
        }
    }
    engine->sums_due = true;
}
