/* engine_sweep.c: on a connection that stays up both stores are compared now
 * and then, though all was told and acknowledged: a disk that forgot, a store
 * that was changed behind our backs, a mistake of ours.
 *
 *   due, and quiet ─▶ sum up the groups that both may read ─▶ whole ─▶ equal:
 * over └▶ unlike ─▶ a round by sums, from both sides
 *
 * The sum costs a hash for each group and none for a document, since the tree
 * of sums has those; it is made in slices, and given up where the store changes
 * meanwhile.
 */
#include "crdt/repo_index.h"
#include "sync/engine_internal.h"

void sweep_init(struct cove_conn *conn, uint64_t now_ms)
{
    struct conn_sweep *sweep = &conn->sweep;

    sweep->due_ms =
        now_ms + ENGINE_SWEEP_MS + (conn->expected ? 0 : ENGINE_SWEEP_AFTER_MS);
    sweep->late_ms = sweep->due_ms + ENGINE_SWEEP_MS;
}

static void sweep_again(struct cove_conn *conn, uint64_t now_ms)
{
    sweep_init(conn, now_ms);
}

/* --- beginning */

/* The tree of sums is brought up first. */
static void sum_begin(struct cove_conn *conn)
{
    struct cove_engine *engine = conn->engine;
    struct conn_sweep *sweep = &conn->sweep;

    sweep->summing = true;
    sweep->begun = false;
    sweep->sequence = engine->sequence;
    memset(&sweep->sum, 0, sizeof(sweep->sum));
    engine->sums_due = engine->sums_due || engine->sums < engine->sequence;
}

static bool sweep_is_of_all(const struct cove_conn *conn)
{
    return conn->interest.all &&
           cove_bytes_equal(cove_buf_bytes(&conn->peer->wish),
                            cove_interest_everything());
}

uint64_t sweep_tick(struct cove_conn *conn, uint64_t now_ms)
{
    struct conn_sweep *sweep = &conn->sweep;

    if (now_ms < sweep->due_ms) {
        return sweep->due_ms;
    }
    if (conn->engine->sums_damaged || !tell_is_newest(conn)) {
        sweep_again(conn, now_ms); /* another one does it */
    } else if (now_ms >= sweep->late_ms ||
               (conn_in_sync(conn) && !sweep_is_of_all(conn))) {
        sweep->walk = true;
        sweep_again(conn, now_ms);
    } else if (conn_in_sync(conn) && !sweep->summing) {
        sweep->tell = true;
        sum_begin(conn);
        sweep->due_ms = now_ms + ENGINE_SWEEP_MS;
        sweep->late_ms = sweep->due_ms + ENGINE_SWEEP_MS;
    } else {
        sweep->due_ms = now_ms + ENGINE_SWEEP_SOON_MS;
    }
    return sweep->walk || sweep->summing ? now_ms : sweep->due_ms;
}

/* --- the sum */

/* What is below the group's root, as one hash of this connection. */
static int group_hash(struct cove_conn *conn, struct cove_store_txn *txn,
                      const struct cove_sum_group *group, struct cove_hash *out)
{
    static const struct cove_sum_path root;
    const struct cove_hash *binding = cove_channel_binding(conn->channel);
    struct cove_repo *repo = conn->engine->opt.repo;
    uint8_t marks[COVE_SUM_LEAF][COVE_MESSAGE_MARK];
    uint8_t class = (uint8_t)group->class;
    struct cove_sum_node node;
    struct cove_id owner;
    int err = cove_repo_sums_read(repo, txn, group, &root, &node);

    err = err != 0 ? err : cove_repo_id(repo, txn, group->owner, &owner);
    if (err == 0) {
        size_t count = sums_wire_marks(conn, &node, marks);
        const struct cove_bytes parts[] = {
            cove_bytes(binding->b, sizeof(binding->b)),
            cove_bytes(&class, sizeof(class)),
            cove_bytes(owner.b, sizeof(owner.b)),
            cove_bytes(group->schema.b, sizeof(group->schema.b)),
            cove_bytes(marks, count * COVE_MESSAGE_MARK)};

        *out = cove_hash_parts("cove/sum-whole", parts, COVE_ARRAY_LEN(parts));
    }
    return err;
}

static void sum_add(struct cove_hash *sum, const struct cove_hash *hash)
{
    unsigned carry = 0;

    for (size_t i = sizeof(sum->b); i-- > 0;) {
        carry += (unsigned)sum->b[i] + hash->b[i];
        sum->b[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

/* Both devices must have the right to read it. */
static int sum_group(struct cove_conn *conn, struct cove_store_txn *txn,
                     const struct cove_sum_group *group)
{
    struct cove_engine *engine = conn->engine;
    enum cove_role theirs = COVE_ROLE_NONE, ours = COVE_ROLE_NONE;
    struct cove_hash hash;
    int err = give_role(conn, txn, group->owner, &theirs);

    if (err == 0 && theirs >= COVE_ROLE_READER) {
        err = cove_repo_role(engine->opt.repo, txn, group->owner,
                             cove_repo_device(engine->opt.repo), &ours);
        err = err == COVE_ENOTFOUND ? 0 : err;
    }
    if (err != 0 || ours < COVE_ROLE_READER) {
        return err;
    }
    err = group_hash(conn, txn, group, &hash);
    if (err == 0) {
        sum_add(&conn->sweep.sum, &hash);
    }
    return err;
}

static int sum_slice(struct cove_conn *conn, struct cove_store_txn *txn)
{
    struct conn_sweep *sweep = &conn->sweep;
    struct cove_sum_group group;
    int err = 0;

    for (unsigned i = 0; i < ENGINE_SWEEP_GROUPS && err == 0; i++) {
        err = cove_repo_sums_next(conn->engine->opt.repo, txn,
                                  sweep->begun ? &sweep->group : NULL, &group);
        if (err == COVE_ENOTFOUND) {
            sweep->summing = false;
            return 0;
        }
        if (err == 0) {
            sweep->begun = true;
            sweep->group = group;
            err = sum_group(conn, txn, &group);
        }
    }
    return err;
}

/* --- what it says */

static int sum_made(struct cove_conn *conn)
{
    struct conn_sweep *sweep = &conn->sweep;
    struct cove_engine *engine = conn->engine;
    int err = 0;

    if (sweep->compare &&
        memcmp(sweep->theirs, sweep->sum.b, sizeof(sweep->theirs)) != 0) {
        conn_event(conn, "this store and the peer's differ, though all was "
                         "told: looking for what it is");
        sweep->walk = true;
        err = cove_message_put_unlike(&engine->message);
        err = err != 0 ? err : conn_send(conn, COVE_LANE_CONTROL);
    } else if (sweep->tell) {
        sweep->told = true;
        err = cove_message_put_whole(&engine->message, sweep->sum.b);
        err = err != 0 ? err : conn_send(conn, COVE_LANE_CONTROL);
    }
    if (sweep->compare) { /* that was it for both */
        sweep_again(conn, engine->now_ms);
    }
    sweep->compare = sweep->tell = false;
    return err;
}

/* Not now: something changed, or cannot be read. */
static void sum_give_up(struct cove_conn *conn)
{
    struct conn_sweep *sweep = &conn->sweep;

    sweep->summing = sweep->compare = sweep->tell = false;
    sweep->due_ms = conn->engine->now_ms + ENGINE_SWEEP_SOON_MS;
}

static int sum_step(struct cove_conn *conn)
{
    struct cove_engine *engine = conn->engine;
    struct conn_sweep *sweep = &conn->sweep;
    struct cove_store_txn *txn;
    int err;

    if (engine->sums_damaged || sweep->sequence != engine->sequence) {
        sum_give_up(conn);
        return 0;
    }
    err = cove_store_begin(engine->opt.store, false, &txn);
    if (err != 0) {
        return err;
    }
    err = sum_slice(conn, txn);
    cove_store_abort(txn);
    if (err == COVE_ECORRUPT || err == COVE_ENOTFOUND) {
        engine->sums_damaged = true;
        sum_give_up(conn);
        return 0;
    }
    return err == 0 && !sweep->summing ? sum_made(conn) : err;
}

int sweep_step(struct cove_conn *conn)
{
    struct conn_sweep *sweep = &conn->sweep;
    bool begun = false;
    int err = 0;

    if (sweep->summing && !conn->engine->sums_due) {
        err = sum_step(conn);
    }
    if (err == 0 && sweep->walk) {
        err = tell_again(conn, &begun);
        sweep->walk = !begun && !conn->engine->sums_damaged;
    }
    return err;
}

bool engine_sweeps(const struct cove_engine *engine)
{
    for (const struct cove_conn *conn = engine->conns; conn != NULL;
         conn = conn->next) {
        if (conn->sweep.summing && !conn->done) {
            return true;
        }
    }
    return false;
}

/* --- what the peer says */

void sweep_whole(struct cove_conn *conn, uint64_t now_ms,
                 const uint8_t theirs[COVE_MESSAGE_WHOLE_LEN])
{
    struct conn_sweep *sweep = &conn->sweep;

    if (sweep->summing || conn->engine->sums_damaged ||
        (sweep->heard_ms != 0 &&
         now_ms - sweep->heard_ms < ENGINE_SWEEP_LEAST_MS)) {
        return;
    }
    sweep->heard_ms = now_ms;
    if (!conn_in_sync(conn)) {
        return; /* it differs, for a good reason */
    }
    memcpy(sweep->theirs, theirs, sizeof(sweep->theirs));
    sweep->compare = true;
    sum_begin(conn);
}

int sweep_unlike(struct cove_conn *conn)
{
    struct conn_sweep *sweep = &conn->sweep;

    if (!sweep->told) {
        return conn_fail(conn, COVE_EPROTOCOL,
                         "an answer to a sum over all that was not said");
    }
    sweep->told = false;
    sweep->walk = true;
    return 0;
}
