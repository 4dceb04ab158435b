/* guard.c: is there a backup of the documents as they are?
 *
 * A backup leaves the number of the last change that it surely holds. What
 * changed behind it is looked through for documents: journals, registries and
 * groups are not counted, so that publishing does not make a backup stale that
 * was made for it.
 *
 * A run changes no value that a user wrote. But behind a step that removes a
 * field, compaction may drop it, and a conversion without a way back cannot be
 * taken back by a later version. */
#include "node/guard.h"

#include "core/cbor.h"
#include "core/value.h"
#include "schema/step.h"

#include <stdio.h>

#define GUARD_RECORD "backup"
#define GUARD_NAME   60 /* bytes of a field's name that a sentence shows */

int guard_init(struct admin *a, struct cove_txn *txn, struct node_guard *out)
{
    struct node_config config;
    bool without = false;
    int err = admin_flag(a, "noBackup", &without);

    err = err != 0 ? err : node_config(txn, &config);
    if (err == 0) {
        out->required = config.require_backup && !without;
    }
    return err;
}

/* ------------------------------------------------------------------ backups
 */

int guard_note_backup(struct cove *store, uint64_t sequence)
{
    struct cove_txn *txn;
    struct cove_buf buf;
    struct cove_writer w;
    int err = node_begin(store, COVE_WRITE, &txn);

    if (err != 0) {
        return err;
    }
    cove_buf_init(&buf, store->alloc);
    cove_writer_init(&w, &buf);
    cove_writer_uint(&w, sequence);
    err = w.err;
    if (err == 0) {
        err = cove_repo_record_put(
            txn->worker->repo, txn->txn, COVE_RECORDS_META,
            cove_bytes_text(GUARD_RECORD), cove_buf_bytes(&buf));
    }
    cove_buf_clear(&buf);
    txn->wrote = err == 0;
    if (err == 0) {
        return cove_commit(txn);
    }
    cove_abort(txn);
    return err;
}

/* Is every document as a backup has it? */
static int guard_saved(struct cove_txn *txn, bool *out)
{
    struct cove_repo *repo = txn->worker->repo;
    struct cove_change change;
    struct cove_bytes value;
    struct cove_reader r;
    uint64_t sequence = 0; /* no backup holds nothing */
    int err = cove_repo_record_get(repo, txn->txn, COVE_RECORDS_META,
                                   cove_bytes_text(GUARD_RECORD), &value);

    if (err == 0) {
        cove_reader_init(&r, value);
        sequence = cove_reader_uint(&r);
        err = cove_reader_done(&r) != 0 ? COVE_ECORRUPT : 0;
    }
    if (err != 0 && err != COVE_ENOTFOUND) {
        return err;
    }
    do {
        err = cove_repo_change_after(repo, txn->txn, sequence, &change);
        sequence = change.sequence;
    } while (err == 0 && change.class != COVE_CLASS_CONTENT);
    *out = err == COVE_ENOTFOUND;
    return err == COVE_ENOTFOUND ? 0 : err;
}

int guard_any(const struct node_guard *guard, struct cove_txn *txn,
              const char *what)
{
    bool saved = true;
    int err = guard->required ? guard_saved(txn, &saved) : 0;

    if (err != 0 || saved) {
        return err;
    }
    return cove_fail(&txn->diag, COVE_EDESTRUCTIVE,
                     "%s, and no backup is newer than the last change of a "
                     "document; `cove backup DIR` makes one, --no-backup goes "
                     "without (this store's config has requireBackup)",
                     what);
}

/* -------------------------------------------------------------------- steps
 */

/* What cannot come back over a step, as words behind "version 2"; false where
 * all can. */
static bool step_loses(const struct cove_step *step, char *out, size_t size)
{
    struct cove_diag diag = {0};
    struct cove_step_op op;

    for (size_t i = 0; i < step->op_count; i++) {
        struct cove_bytes reg = {NULL, 0};
        const char *does = "has no way back for";

        if (cove_step_op_read(step->ops[i], &op, &diag) != 0) {
            continue;
        }
        if (op.kind == COVE_STEP_CONV && op.bwd.len == 0) {
            reg = op.from;
        } else if (op.kind == COVE_STEP_EXTRA &&
                   cove_bytes_equal(op.kind_name,
                                    cove_bytes_text("x-remove")) &&
                   cove_value_member(step->ops[i], "reg", &reg)) {
            reg = cove_step_text(reg);
            does = "removes";
        }
        if (reg.len > 0) { /* a register is called after its field */
            const uint8_t *end = memchr(reg.at, '~', reg.len);
            size_t len = end != NULL ? (size_t)(end - reg.at) : reg.len;

            snprintf(out, size, "version %lld %s \"%.*s\"",
                     (long long)step->version, does,
                     (int)(len < GUARD_NAME ? len : GUARD_NAME),
                     (const char *)reg.at);
            return true;
        }
    }
    return false;
}

int guard_step(const struct node_guard *guard, struct cove_txn *txn,
               const struct cove_step *step)
{
    char what[GUARD_NAME + 80];

    return guard->required && step_loses(step, what, sizeof(what))
               ? guard_any(guard, txn, what)
               : 0;
}

/* The run that is on record, if it counts: done up to its head, or under way
 * to this one. */
static int guard_before(struct cove_txn *txn, cove_num schema,
                        const struct cove_step_id *head, struct cove_run *held,
                        bool *goes_on, bool *done)
{
    int err = cove_run_restore(txn->worker->repo, txn->txn, schema, held);

    *goes_on = *done = false;
    if (err == 0) {
        *done =
            held->state == COVE_RUN_COMPLETED || held->state == COVE_RUN_NOOP;
        *goes_on = cove_run_open(held->state) && held->done > 0 &&
                   memcmp(held->head.b, head->b, sizeof(head->b)) == 0;
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

int guard_run(const struct node_guard *guard, struct cove_txn *txn,
              cove_num schema, const struct cove_step_id *head)
{
    const struct cove_schema_doc *doc;
    struct cove_run held = {.schema = schema};
    bool goes_on, done;
    cove_num num;
    int err = guard->required
                  ? cove_repo_next(txn->worker->repo, txn->txn, schema, 0, &num)
                  : COVE_ENOTFOUND;

    if (err != 0) {
        return err == COVE_ENOTFOUND ? 0 : err;
    }
    err = guard_before(txn, schema, head, &held, &goes_on, &done);
    if (err == 0 && !goes_on) {
        err = cove_catalog_open(txn->worker->catalog, txn->txn, schema, &doc);
    }
    for (size_t i = 0;
         err == 0 && !goes_on && i < cove_journal_count(doc->journal); i++) {
        const struct cove_step *step = cove_journal_at(doc->journal, i);

        if (cove_journal_descends(doc->journal, head, &step->id) &&
            !(done &&
              cove_journal_descends(doc->journal, &held.head, &step->id))) {
            err = guard_step(guard, txn, step);
        }
    }
    return err;
}
