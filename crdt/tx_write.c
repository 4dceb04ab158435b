/* tx_write.c: a transaction's one encoding. docs/FORMAT.md "Transaction".
 *
 * The origins of a copy are written through a table, so that a migration that
 * copies twenty fields of one transaction names it once. The table is sorted
 * and holds exactly what the ops use: equal transactions give equal bytes.
 * The table of agents comes ready: the ops count in it.
 */
#include <assert.h>
#include <stdlib.h>

#include "crdt/tx.h"

/* --- the table */

struct tx_table {
    struct cove_tx_origin *rows; /* ascending, each once */
    size_t count;
};

static int tx_table_compare(const void *a, const void *b)
{
    return cove_tx_origin_compare(a, b);
}

static struct cove_tx_origin tx_table_row(const struct cove_origin *origin)
{
    struct cove_tx_origin row = {
        .hlc = origin->id.hlc,
        .device = origin->id.device,
        .session = origin->id.session,
        .tx = origin->id.tx,
    };

    memcpy(row.tx_hash, origin->tx_hash, sizeof(row.tx_hash));
    return row;
}

/* Collect the transactions that the ops' origins lie in. */
static int tx_table_build(const struct cove_tx *tx, size_t origins,
                          struct cove_arena *arena, struct tx_table *out)
{
    struct tx_table table = {0};
    size_t kept = 0;

    if (origins == 0) {
        *out = table;
        return 0;
    }
    table.rows = cove_arena_array(arena, origins, sizeof(*table.rows));
    if (table.rows == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < tx->op_count; i++) {
        const struct cove_tx_op *op = &tx->ops[i];

        for (size_t j = 0; j < op->origin_count; j++) {
            if (!cove_op_id_is_none(&op->origins[j].id)) {
                table.rows[table.count++] = tx_table_row(&op->origins[j]);
            }
        }
    }
    qsort(table.rows, table.count, sizeof(*table.rows), tx_table_compare);
    for (size_t i = 0; i < table.count; i++) {
        if (kept == 0 || cove_tx_origin_compare(&table.rows[kept - 1],
                                                &table.rows[i]) != 0) {
            table.rows[kept++] = table.rows[i];
        }
    }
    table.count = kept;
    *out = table;
    return 0;
}

static size_t tx_table_find(const struct tx_table *table,
                            const struct cove_origin *origin)
{
    struct cove_tx_origin row = tx_table_row(origin);

    assert(table->rows != NULL);

    const struct cove_tx_origin *found =
        bsearch(&row, table->rows, table->count, sizeof(row), tx_table_compare);

    assert(found != NULL); /* the table was built from the same origins */
    return (size_t)(found - table->rows);
}

static void tx_write_table(struct cove_writer *w, const struct tx_table *table)
{
    cove_writer_list(w, table->count);
    for (size_t i = 0; i < table->count; i++) {
        const struct cove_tx_origin *row = &table->rows[i];

        cove_writer_list(w, 5);
        cove_writer_uint(w, row->hlc);
        cove_writer_bytes(w, row->device.b, sizeof(row->device.b));
        cove_writer_bytes(w, row->session.b, sizeof(row->session.b));
        cove_writer_uint(w, row->tx);
        cove_writer_bytes(w, row->tx_hash, sizeof(row->tx_hash));
    }
}

/* --- the rest */

static void tx_write_front(struct cove_writer *w, const struct cove_tx *tx)
{
    cove_writer_uint(w, 0); /* version */
    cove_writer_uint(w, tx->hlc);
    cove_writer_uint(w, tx->kind);
    if (tx->epoch_inherited) {
        cove_writer_null(w);
    } else {
        cove_writer_bytes(w, tx->epoch.b,
                          tx->has_epoch ? sizeof(tx->epoch.b) : 0);
    }
    if (tx->auth_inherited) {
        cove_writer_null(w);
    } else {
        cove_writer_list(w, tx->auth_count);
        for (size_t i = 0; i < tx->auth_count; i++) {
            cove_writer_bytes(w, tx->auth[i].b, sizeof(tx->auth[i].b));
        }
    }
    if (tx->has_seen) {
        cove_writer_bytes(w, tx->seen.b, sizeof(tx->seen.b));
    } else {
        cove_writer_null(w);
    }
}

static void tx_write_origins(struct cove_writer *w, const struct cove_tx_op *op,
                             const struct tx_table *table)
{
    cove_writer_list(w, op->origin_count);
    for (size_t i = 0; i < op->origin_count; i++) {
        const struct cove_origin *origin = &op->origins[i];

        if (cove_op_id_is_none(&origin->id)) {
            cove_writer_list(w, 1);
            cove_writer_text(w, origin->reg);
        } else {
            cove_writer_list(w, 3);
            cove_writer_text(w, origin->reg);
            cove_writer_uint(w, tx_table_find(table, origin));
            cove_writer_uint(w, origin->id.op);
        }
    }
}

static void tx_write_register(struct cove_writer *w,
                              const struct cove_tx_op *op,
                              const struct tx_table *table)
{
    cove_writer_list(w, (op->deleted ? 2u : 3u) + (op->origin_count > 0));
    cove_writer_uint(w, op->deleted ? 1 : 0);
    cove_writer_text(w, op->reg);
    if (!op->deleted) {
        cove_writer_item(w, op->value);
    }
    if (op->origin_count > 0) {
        tx_write_origins(w, op, table);
    }
}

/* [2, side, text, first, agent, n], [3, side, [values], type, first, agent, n];
 * the root has neither agent nor n. */
static void tx_write_insert(struct cove_writer *w, const struct cove_tx_op *op)
{
    bool items = op->kind == COVE_OP_ITEMS;
    bool root = op->agent == COVE_TX_ROOT;

    cove_writer_list(w, 4u + (items ? 1 : 0) + (root ? 0 : 2));
    cove_writer_uint(w, op->kind);
    cove_writer_uint(w, op->left ? 0 : 1);
    if (items) {
        cove_writer_list(w, op->count);
        cove_writer_item(w, op->value);
        cove_writer_text(w, op->reg);
    } else {
        cove_writer_text(w, op->value);
    }
    cove_writer_uint(w, op->first);
    if (!root) {
        cove_writer_uint(w, op->agent);
        cove_writer_uint(w, op->n);
    }
}

static void tx_write_op(struct cove_writer *w, const struct cove_tx_op *op,
                        const struct tx_table *table)
{
    switch (op->kind) {
    case COVE_OP_REGISTER:
        tx_write_register(w, op, table);
        return;
    case COVE_OP_TEXT:
    case COVE_OP_ITEMS:
        tx_write_insert(w, op);
        return;
    case COVE_OP_REMOVE:
        cove_writer_list(w, 4);
        cove_writer_uint(w, COVE_OP_REMOVE);
        cove_writer_uint(w, op->agent);
        cove_writer_uint(w, op->n);
        cove_writer_uint(w, op->count);
        return;
    case COVE_OP_APPEND:
        cove_writer_list(w, 2);
        cove_writer_uint(w, COVE_OP_APPEND);
        cove_writer_item(w, op->value);
        return;
    case COVE_OP_CHUNK:
        cove_writer_list(w, 3);
        cove_writer_uint(w, COVE_OP_CHUNK);
        cove_writer_uint(w, op->offset);
        cove_writer_bytes(w, op->value.at, op->value.len);
        return;
    case COVE_OP_ADD:
    default:
        cove_writer_list(w, 2);
        cove_writer_uint(w, COVE_OP_ADD);
        cove_writer_int(w, op->amount);
        return;
    }
}

static void tx_write_agents(struct cove_writer *w, const struct cove_tx *tx)
{
    cove_writer_list(w, tx->agent_count);
    for (size_t i = 0; i < tx->agent_count; i++) {
        const struct cove_tx_agent *agent = &tx->agents[i];
        const struct cove_op_id *write = &agent->write;

        if (!agent->is_write) {
            cove_writer_bytes(w, agent->session.b, sizeof(agent->session.b));
            continue;
        }
        cove_writer_list(w, 5);
        cove_writer_uint(w, write->hlc);
        cove_writer_bytes(w, write->device.b, sizeof(write->device.b));
        cove_writer_bytes(w, write->session.b, sizeof(write->session.b));
        cove_writer_uint(w, write->tx);
        cove_writer_uint(w, write->op);
    }
}

static void tx_write_point(struct cove_writer *w,
                           const struct cove_tx_point *point)
{
    cove_writer_list(w, 2);
    cove_writer_bytes(w, point->session.b, sizeof(point->session.b));
    cove_writer_uint(w, point->len);
}

static void tx_write_points(struct cove_writer *w,
                            const struct cove_tx_point *points, size_t count)
{
    cove_writer_list(w, count);
    for (size_t i = 0; i < count; i++) {
        tx_write_point(w, &points[i]);
    }
}

static void tx_write_branch(struct cove_writer *w,
                            const struct cove_tx_branch *branch)
{
    cove_writer_map(w, 3);
    cove_writer_cstr(w, "id");
    cove_writer_bytes(w, branch->id.b, sizeof(branch->id.b));
    cove_writer_cstr(w, "base");
    tx_write_points(w, branch->base, branch->base_count);
    cove_writer_cstr(w, "name");
    cove_writer_text(w, branch->name);
}

static void tx_write_merge(struct cove_writer *w,
                           const struct cove_tx_merge *merge)
{
    cove_writer_map(w, 2);
    cove_writer_cstr(w, "id");
    cove_writer_bytes(w, merge->id.b, sizeof(merge->id.b));
    cove_writer_cstr(w, "points");
    tx_write_points(w, merge->points, merge->point_count);
}

/* How many members extra has. */
static size_t tx_members(const struct cove_tx *tx, const struct tx_table *table)
{
    return (size_t)tx->has_undo + tx->has_claim + tx->has_merge +
           (tx->agent_count > 0) + tx->has_branch + tx->has_remove +
           (table->count > 0) + (tx->private_part.len > 0);
}

/* In the order of the keys' encodings. */
static void tx_write_extra(struct cove_writer *w, const struct cove_tx *tx,
                           const struct tx_table *table)
{
    cove_writer_map(w, tx_members(tx, table));
    if (tx->has_undo) {
        cove_writer_cstr(w, "undo");
        tx_write_point(w, &tx->undo);
    }
    if (tx->has_claim) {
        cove_writer_cstr(w, "claim");
        cove_writer_bytes(w, tx->claim.b, sizeof(tx->claim.b));
    }
    if (tx->has_merge) {
        cove_writer_cstr(w, "merge");
        tx_write_merge(w, &tx->merge);
    }
    if (tx->agent_count > 0) {
        cove_writer_cstr(w, "agents");
        tx_write_agents(w, tx);
    }
    if (tx->has_branch) {
        cove_writer_cstr(w, "branch");
        tx_write_branch(w, &tx->branch);
    }
    if (tx->has_remove) {
        cove_writer_cstr(w, "remove");
        cove_writer_map(w, 0);
    }
    if (table->count > 0) {
        cove_writer_cstr(w, "origins");
        tx_write_table(w, table);
    }
    if (tx->private_part.len > 0) {
        cove_writer_cstr(w, "private");
        cove_writer_item(w, tx->private_part);
    }
}

static void tx_write(struct cove_writer *w, const struct cove_tx *tx,
                     const struct tx_table *table)
{
    bool has_extra = tx_members(tx, table) > 0;

    cove_writer_list(w, has_extra ? 8 : 7);
    tx_write_front(w, tx);
    cove_writer_list(w, tx->op_count);
    for (size_t i = 0; i < tx->op_count; i++) {
        tx_write_op(w, &tx->ops[i], table);
    }
    if (has_extra) {
        tx_write_extra(w, tx, table);
    }
}

int cove_tx_write(const struct cove_tx *tx, struct cove_arena *arena,
                  struct cove_buf *out)
{
    struct tx_table table;
    struct cove_writer w;
    size_t start = out->len;
    size_t origins = 0;

    for (size_t i = 0; i < tx->op_count; i++) {
        origins += tx->ops[i].origin_count;
    }

    int err = tx_table_build(tx, origins, arena, &table);

    if (err != 0) {
        return err;
    }
    cove_writer_init(&w, out);
    tx_write(&w, tx, &table);
    if (w.err != 0) {
        out->len = start;
    }
    return w.err;
}
