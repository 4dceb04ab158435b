/* tx.c: a transaction's one encoding. docs/FORMAT.md "Transaction".
 *
 * Writing ends by reading what was written (tx_decode.c), so that there is one
 * copy of the rules and nothing can be signed that another peer would refuse.
 *
 * The origins of a copy are written through a table, so that a migration that
 * copies twenty fields of one transaction names it once. The table is sorted
 * and holds exactly what the ops use: equal transactions give equal bytes.
 */
#include "crdt/tx.h"

#include <assert.h>
#include <stdlib.h>

#include "core/crypto.h"
#include "core/limits.h"

struct cove_hash cove_tx_hash(struct cove_bytes tx)
{
    return cove_hash("cove/tx", tx);
}

static int tx_compare_uint(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

int cove_tx_origin_compare(const struct cove_tx_origin *a,
                           const struct cove_tx_origin *b)
{
    int order = tx_compare_uint(a->hlc, b->hlc);

    if (order == 0) {
        order = memcmp(a->device.b, b->device.b, sizeof(a->device.b));
    }
    if (order == 0) {
        order = memcmp(a->session.b, b->session.b, sizeof(a->session.b));
    }
    if (order == 0) {
        order = tx_compare_uint(a->tx, b->tx);
    }
    if (order == 0) {
        order = memcmp(a->tx_hash, b->tx_hash, sizeof(a->tx_hash));
    }
    return order;
}

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

static void tx_write_op(struct cove_writer *w, const struct cove_tx_op *op,
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

static void tx_write_extra(struct cove_writer *w, const struct cove_tx *tx,
                           const struct tx_table *table)
{
    size_t members =
        (size_t)tx->has_claim + (table->count > 0) + (tx->private_part.len > 0);

    if (members == 0) {
        return;
    }
    cove_writer_map(w, members);
    if (tx->has_claim) {
        cove_writer_cstr(w, "claim");
        cove_writer_bytes(w, tx->claim.b, sizeof(tx->claim.b));
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
    bool has_extra =
        tx->has_claim || table->count > 0 || tx->private_part.len > 0;

    cove_writer_list(w, has_extra ? 8 : 7);
    tx_write_front(w, tx);
    cove_writer_list(w, tx->op_count);
    for (size_t i = 0; i < tx->op_count; i++) {
        tx_write_op(w, &tx->ops[i], table);
    }
    tx_write_extra(w, tx, table);
}

/* --- what is refused */

static int tx_too_long(struct cove_diag *diag)
{
    return cove_fail(diag, COVE_ELIMIT,
                     "a transaction of more than %d bytes; write it in parts",
                     COVE_MAX_TX);
}

/* Before anything is allocated: the limits, by name, and what could make the
 * written bytes mean something else. Gives the number of origins. */
static int tx_check(const struct cove_tx *tx, size_t *origins,
                    struct cove_diag *diag)
{
    size_t len = tx->private_part.len;

    if (tx->ahead) {
        return cove_fail(diag, COVE_EUSAGE,
                         "a transaction of a newer version; keep its bytes");
    }
    if (tx->op_count > COVE_MAX_TX_OPS || tx->auth_count > COVE_MAX_AUTH) {
        return cove_fail(diag, COVE_ELIMIT,
                         "a transaction of %zu ops and %zu hashes in auth; "
                         "the limits are %d and %d",
                         tx->op_count, tx->auth_count, COVE_MAX_TX_OPS,
                         COVE_MAX_AUTH);
    }
    for (size_t i = 0; i < tx->op_count; i++) {
        const struct cove_tx_op *op = &tx->ops[i];

        if (!op->deleted && op->value.len == 0) {
            return cove_fail(diag, COVE_EUSAGE, "an op without a value");
        }
        len += op->reg.len + op->value.len + 2 * op->origin_count;
        *origins += op->origin_count;
        if (len > COVE_MAX_TX) {
            break;
        }
    }
    return len > COVE_MAX_TX ? tx_too_long(diag) : 0;
}

/* Read back what was written: every other rule is decode's, and a caller's
 * mistake is found before it is signed. */
static int tx_check_written(struct cove_bytes written, struct cove_arena *arena,
                            struct cove_diag *diag)
{
    struct cove_tx again;

    if (written.len > COVE_MAX_TX) {
        return tx_too_long(diag);
    }

    int err = cove_tx_decode(written, arena, &again, diag);

    if (err == COVE_EFORMAT) {
        err = COVE_EUSAGE;
        if (diag != NULL) {
            diag->code = err;
        }
    }
    return err;
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

int cove_tx_encode(const struct cove_tx *tx, struct cove_buf *out,
                   struct cove_diag *diag)
{
    struct cove_arena scratch;
    struct tx_table table;
    struct cove_writer w;
    size_t start = out->len;
    size_t origins = 0;
    int err = tx_check(tx, &origins, diag);

    if (err != 0) {
        return err;
    }
    cove_arena_init(&scratch, out->alloc);
    err = tx_table_build(tx, origins, &scratch, &table);
    if (err != 0) {
        goto out;
    }
    cove_writer_init(&w, out);
    tx_write(&w, tx, &table);
    err = w.err;
    if (err == 0) {
        err = tx_check_written(cove_bytes(out->at + start, out->len - start),
                               &scratch, diag);
    }
    if (err != 0) {
        out->len = start;
    }
out:
    cove_arena_clear(&scratch);
    return err;
}
