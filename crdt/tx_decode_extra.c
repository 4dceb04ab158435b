/* tx_decode_extra.c: the last item of a hostile transaction. docs/FORMAT.md
 * "Transaction".
 *
 * A member that is not known here makes the transaction ahead; one that is
 * known has its one form, in a transaction that is ahead as in any other.
 */
#include "core/limits.h"
#include "crdt/tx_decode.h"

#define TX_PRIVATE_KEY   32
#define TX_PRIVATE_NONCE 24
#define TX_PRIVATE_TAG   16

/* [hlc, device, session, tx index, tx hash 8] */
static int tx_read_row(struct tx_decoder *d, struct cove_tx_origin *row)
{
    bool good = tx_list(d, 5) && tx_hlc(d, &row->hlc) &&
                tx_fixed(d, row->device.b, sizeof(row->device.b)) &&
                tx_fixed(d, row->session.b, sizeof(row->session.b)) &&
                tx_u32(d, UINT32_MAX, &row->tx) &&
                tx_fixed(d, row->tx_hash, sizeof(row->tx_hash));

    if (!good) {
        return tx_malformed(d, "an origin must be a list of time, device, "
                               "session, index and 8 bytes of hash");
    }
    return 0;
}

static int tx_read_table(struct tx_decoder *d)
{
    if (!tx_next_is(d, COVE_CBOR_LIST)) {
        return tx_malformed(d, "origins must be a list");
    }

    /* A row is longer than 60 bytes, so the count is bounded by the size. */
    size_t count = cove_reader_list(&d->r);

    if (count == 0) {
        return tx_malformed(d, "origins must be left out where empty");
    }
    d->table = cove_arena_array(d->arena, count, sizeof(*d->table));
    d->used = cove_arena_array(d->arena, count, sizeof(*d->used));
    if (d->table == NULL || d->used == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        int err = tx_read_row(d, &d->table[i]);

        if (err != 0) {
            return err;
        }
        if (i > 0 &&
            cove_tx_origin_compare(&d->table[i - 1], &d->table[i]) >= 0) {
            return tx_malformed(d, "the rows of origins must ascend");
        }
    }
    d->table_len = count;
    return 0;
}

/* {key, ops, nonce}: what a build without the group's key can check of it. */
static int tx_read_private(struct tx_decoder *d)
{
    static const struct {
        const char *name;
        size_t min, max;
    } members[] = {
        {"key", TX_PRIVATE_KEY, TX_PRIVATE_KEY},
        {"ops", TX_PRIVATE_TAG, COVE_MAX_TX},
        {"nonce", TX_PRIVATE_NONCE, TX_PRIVATE_NONCE},
    };
    const uint8_t *at = d->r.at;
    bool good = tx_next_is(d, COVE_CBOR_MAP) &&
                cove_reader_map(&d->r) == COVE_ARRAY_LEN(members);

    for (size_t i = 0; good && i < COVE_ARRAY_LEN(members); i++) {
        struct cove_bytes name = cove_bytes_text(members[i].name);
        struct cove_bytes bytes = {0};

        good = tx_next_is(d, COVE_CBOR_TEXT) &&
               cove_bytes_equal(cove_reader_text(&d->r), name) &&
               tx_next_is(d, COVE_CBOR_BYTES);
        if (good) {
            bytes = cove_reader_bytes(&d->r);
            good = bytes.len >= members[i].min && bytes.len <= members[i].max;
        }
    }
    if (!good) {
        return tx_malformed(d, "private must be a map of key (32 bytes), ops "
                               "(at least 16) and nonce (24)");
    }
    d->tx.private_part = cove_bytes(at, (size_t)(d->r.at - at));
    return 0;
}

/* bytes(16), or [hlc, device, session, tx index, op index] */
static bool tx_read_agent(struct tx_decoder *d, struct cove_tx_agent *agent)
{
    struct cove_op_id *write = &agent->write;

    if (!tx_next_is(d, COVE_CBOR_LIST)) {
        return tx_fixed(d, agent->session.b, sizeof(agent->session.b));
    }
    agent->is_write = true;
    return tx_list(d, 5) && tx_hlc(d, &write->hlc) &&
           tx_fixed(d, write->device.b, sizeof(write->device.b)) &&
           tx_fixed(d, write->session.b, sizeof(write->session.b)) &&
           tx_u32(d, UINT32_MAX, &write->tx) &&
           tx_u32(d, UINT32_MAX, &write->op);
}

static int tx_read_agents(struct tx_decoder *d)
{
    size_t count = tx_next_is(d, COVE_CBOR_LIST) ? cove_reader_list(&d->r) : 0;

    if (count == 0) {
        return tx_malformed(d, "agents must be a list, not empty");
    }
    if (count > COVE_MAX_TX_OPS) { /* an op names one at most */
        return cove_fail(d->diag, COVE_ELIMIT,
                         "transaction: %zu agents; the limit is %d", count,
                         COVE_MAX_TX_OPS);
    }
    d->tx.agents = cove_arena_array(d->arena, count, sizeof(*d->tx.agents));
    d->agents_used = cove_arena_array(d->arena, count, sizeof(bool));
    if (d->tx.agents == NULL || d->agents_used == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        struct cove_tx_agent *agent = &d->tx.agents[i];

        if (!tx_read_agent(d, agent)) {
            return tx_malformed(d, "an agent must be 16 bytes, or a list of "
                                   "time, device, session and two indexes");
        }
        if (i > 0 && cove_tx_agent_compare(agent - 1, agent) >= 0) {
            return tx_malformed(d, "the agents must ascend");
        }
    }
    d->tx.agent_count = count;
    return 0;
}

/* [bytes(16), number] */
static bool tx_read_point(struct tx_decoder *d, struct cove_tx_point *point)
{
    return tx_list(d, 2) &&
           tx_fixed(d, point->session.b, sizeof(point->session.b)) &&
           tx_u32(d, UINT32_MAX, &point->len);
}

static int tx_read_undo(struct tx_decoder *d)
{
    if (!tx_read_point(d, &d->tx.undo)) {
        return tx_malformed(d, "undo must be a list of session and index");
    }
    d->tx.has_undo = true;
    return 0;
}

static int tx_read_points(struct tx_decoder *d, struct cove_tx_point **out,
                          size_t *out_count)
{
    if (!tx_next_is(d, COVE_CBOR_LIST)) {
        return tx_malformed(d, "the points of a branch must be a list");
    }

    size_t count = cove_reader_list(&d->r);
    struct cove_tx_point *points = NULL;

    if (count > COVE_MAX_SESSIONS) {
        return cove_fail(d->diag, COVE_ELIMIT,
                         "transaction: %zu points; the limit is %d", count,
                         COVE_MAX_SESSIONS);
    }
    if (count > 0) {
        points = cove_arena_array(d->arena, count, sizeof(*points));
        if (points == NULL) {
            return COVE_ENOMEM;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (!tx_read_point(d, &points[i]) || points[i].len == 0) {
            return tx_malformed(d, "a point must be a list of session and "
                                   "length, at least 1");
        }
        if (i > 0 && memcmp(&points[i - 1].session, &points[i].session,
                            sizeof(points[i].session)) >= 0) {
            return tx_malformed(d, "the points of a branch must ascend");
        }
    }
    *out = points;
    *out_count = count;
    return 0;
}

/* A pair's key, which has a name of its own. */
static bool tx_key(struct tx_decoder *d, const char *name)
{
    return tx_next_is(d, COVE_CBOR_TEXT) &&
           cove_bytes_equal(cove_reader_text(&d->r), cove_bytes_text(name));
}

/* A map of `pairs` that begins with the branch's id. */
static bool tx_branch_id(struct tx_decoder *d, size_t pairs,
                         struct cove_session_id *out)
{
    return tx_next_is(d, COVE_CBOR_MAP) && cove_reader_map(&d->r) == pairs &&
           tx_key(d, "id") && tx_fixed(d, out->b, sizeof(out->b));
}

/* {id, base, name} */
static int tx_read_branch(struct tx_decoder *d)
{
    struct cove_tx_branch *branch = &d->tx.branch;

    if (!tx_branch_id(d, 3, &branch->id) || !tx_key(d, "base")) {
        return tx_malformed(d, "branch must be a map of id (16 bytes), base "
                               "and name");
    }

    int err = tx_read_points(d, &branch->base, &branch->base_count);

    if (err != 0) {
        return err;
    }
    if (!tx_key(d, "name") || !tx_next_is(d, COVE_CBOR_TEXT)) {
        return tx_malformed(d, "a branch must have a name");
    }
    branch->name = cove_reader_text(&d->r);
    if (branch->name.len == 0) {
        return tx_malformed(d, "the name of a branch must not be empty");
    }
    if (branch->name.len > COVE_MAX_KEY) {
        return cove_fail(d->diag, COVE_ELIMIT,
                         "transaction: a branch's name of %zu bytes; the "
                         "limit is %d",
                         branch->name.len, COVE_MAX_KEY);
    }
    d->tx.has_branch = true;
    return 0;
}

/* {id, points} */
static int tx_read_merge(struct tx_decoder *d)
{
    struct cove_tx_merge *merge = &d->tx.merge;

    if (!tx_branch_id(d, 2, &merge->id) || !tx_key(d, "points")) {
        return tx_malformed(d, "merge must be a map of id (16 bytes) and "
                               "points");
    }

    int err = tx_read_points(d, &merge->points, &merge->point_count);

    if (err == 0 && merge->point_count == 0) {
        err = tx_malformed(d, "merge must have a point");
    }
    d->tx.has_merge = err == 0;
    return err;
}

/* {}: what a later version puts into it is not known here. */
static int tx_read_remove(struct tx_decoder *d)
{
    if (!tx_next_is(d, COVE_CBOR_MAP)) {
        return tx_malformed(d, "remove must be a map");
    }
    if (cove_reader_item(&d->r).len == 1) {
        d->tx.has_remove = true;
    } else {
        d->tx.ahead = true;
    }
    return 0;
}

static int tx_read_claim(struct tx_decoder *d)
{
    if (!tx_fixed(d, d->tx.claim.b, sizeof(d->tx.claim.b))) {
        return tx_malformed(d, "claim must be 32 bytes");
    }
    d->tx.has_claim = true;
    return 0;
}

static int tx_read_member(struct tx_decoder *d)
{
    static const struct {
        const char *key;
        int (*read)(struct tx_decoder *d);
    } members[] = {
        {"undo", tx_read_undo},     {"claim", tx_read_claim},
        {"merge", tx_read_merge},   {"agents", tx_read_agents},
        {"branch", tx_read_branch}, {"remove", tx_read_remove},
        {"origins", tx_read_table}, {"private", tx_read_private},
    };

    if (!tx_next_is(d, COVE_CBOR_TEXT)) {
        return tx_malformed(d, "the keys of extra must be texts");
    }

    struct cove_bytes key = cove_reader_text(&d->r);

    for (size_t i = 0; i < COVE_ARRAY_LEN(members); i++) {
        if (cove_bytes_equal(key, cove_bytes_text(members[i].key))) {
            return members[i].read(d);
        }
    }
    cove_reader_item(&d->r);
    d->tx.ahead = true;
    return 0;
}

int tx_read_extra(struct tx_decoder *d)
{
    if (!tx_next_is(d, COVE_CBOR_MAP)) {
        return tx_malformed(d, "extra must be a map");
    }

    size_t count = cove_reader_map(&d->r);

    if (count == 0) {
        return tx_malformed(d, "extra must be left out where empty");
    }
    for (size_t left = count; left > 0; left--) {
        int err = tx_read_member(d);

        if (err != 0) {
            return err;
        }
    }
    if (d->tx.has_remove && !d->tx.ahead &&
        (count > 1 || d->tx.kind != COVE_TX_NATIVE)) {
        return tx_malformed(d, "a removal must be native, with nothing beside "
                               "it");
    }
    return 0;
}
