/* run_record.c: runs as this store keeps them. docs/FORMAT.md "Trees".
 *
 *   journal's number                    the run
 *   journal's number, "q", document     why that document is quarantined
 */
#include "migrate/run.h"

#include "core/cbor.h"
#include "core/utf8.h"
#include "core/value.h"

#include <stdarg.h>
#include <stdio.h>

#define RECORD_KEY            8
#define RECORD_QUARANTINE     'q'
#define RECORD_QUARANTINE_KEY 17

const char *cove_run_state_name(enum cove_run_state state)
{
    static const char *const names[COVE_RUN_STATES] = {
        [COVE_RUN_RUNNING] = "running",
        [COVE_RUN_QUEUED] = "queued",
        [COVE_RUN_PAUSED] = "paused",
        [COVE_RUN_COMPLETED] = "completed",
        [COVE_RUN_FAILED] = "failed",
        [COVE_RUN_CANCELED] = "canceled",
        [COVE_RUN_DRY] = "dry_run",
        [COVE_RUN_NOOP] = "noop",
        [COVE_RUN_DRIFT_BLOCKED] = "drift_blocked",
    };

    return names[state];
}

bool cove_run_open(enum cove_run_state state)
{
    return state == COVE_RUN_RUNNING || state == COVE_RUN_QUEUED ||
           state == COVE_RUN_PAUSED;
}

void cove_run_error(struct cove_run *run, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(run->error, sizeof(run->error), format, args);
    va_end(args);
    while (!cove_utf8_valid(cove_bytes_text(run->error))) {
        run->error[strlen(run->error) - 1] = '\0';
    }
}

/* ------------------------------------------------------------------ the run
 */

/* What a record holds besides, in this order. */
#define RECORD_FIXED   6
#define RECORD_NUMBERS 24

struct record_small { /* what is narrower than a number of the record */
    uint64_t state, batch, threshold, size;
};

static void record_numbers(struct cove_run *run, struct record_small *small,
                           uint64_t *out[RECORD_NUMBERS])
{
    uint64_t *numbers[RECORD_NUMBERS] = {&small->state,
                                         &small->batch,
                                         &small->threshold,
                                         &small->size,
                                         &run->rate,
                                         &run->number,
                                         &run->cursor,
                                         &run->retry_cursor,
                                         &run->total,
                                         &run->done,
                                         &run->migrated,
                                         &run->copies,
                                         &run->current,
                                         &run->failed,
                                         &run->valid,
                                         &run->invalid,
                                         &run->quarantined,
                                         &run->started_ms,
                                         &run->saved_ms,
                                         &run->ended_ms,
                                         &run->next_ms,
                                         &run->lease.fence,
                                         &run->lease.expires_ms,
                                         &run->lease.process};

    memcpy(out, numbers, sizeof(numbers));
}

int cove_run_save(struct cove_repo *repo, struct cove_store_txn *txn,
                  struct cove_run *run)
{
    const struct cove_env *env = cove_repo_env(repo);
    int64_t now_ms = env->now_ms(env->ctx);
    struct record_small small = {run->state, run->batch, run->threshold,
                                 run->size};
    uint64_t *numbers[RECORD_NUMBERS];
    uint8_t key[RECORD_KEY];
    struct cove_buf buf;
    struct cove_writer w;

    run->saved_ms = now_ms > 0 ? (uint64_t)now_ms : 1;
    record_numbers(run, &small, numbers);
    cove_buf_init(&buf, cove_repo_alloc(repo));
    cove_writer_init(&w, &buf);
    cove_writer_list(&w, RECORD_FIXED + RECORD_NUMBERS);
    cove_writer_bytes(&w, run->head.b, sizeof(run->head.b));
    cove_writer_bool(&w, run->finished);
    cove_writer_bool(&w, run->retrying);
    cove_writer_bool(&w, run->noted);
    cove_writer_bytes(&w, run->lease.holder, sizeof(run->lease.holder));
    cove_writer_cstr(&w, run->error);
    for (size_t i = 0; i < RECORD_NUMBERS; i++) {
        cove_writer_uint(&w, *numbers[i]);
    }
    cove_put_be64(key, run->schema);
    int err = w.err != 0 ? w.err
                         : cove_repo_record_put(repo, txn, COVE_RECORDS_RUNS,
                                                cove_bytes(key, sizeof(key)),
                                                cove_buf_bytes(&buf));

    cove_buf_clear(&buf);
    return err;
}

static int record_read(struct cove_bytes held, cove_num schema,
                       struct cove_run *out)
{
    struct cove_run run = {.schema = schema, .head_given = true};
    struct record_small small = {0};
    uint64_t *numbers[RECORD_NUMBERS];
    struct cove_reader r;

    cove_reader_init(&r, held);
    if (cove_reader_list(&r) != RECORD_FIXED + RECORD_NUMBERS) {
        return COVE_ENOTFOUND; /* another build's: a run begins anew */
    }
    cove_reader_fixed(&r, run.head.b, sizeof(run.head.b));
    run.finished = cove_reader_bool(&r);
    run.retrying = cove_reader_bool(&r);
    run.noted = cove_reader_bool(&r);
    cove_reader_fixed(&r, run.lease.holder, sizeof(run.lease.holder));
    struct cove_bytes error = cove_reader_text(&r);

    record_numbers(&run, &small, numbers);
    for (size_t i = 0; i < RECORD_NUMBERS; i++) {
        *numbers[i] = cove_reader_uint(&r);
    }
    int err = cove_reader_done(&r);

    if (err != 0 || small.state >= COVE_RUN_STATES ||
        small.batch > COVE_RUN_BATCH_MAX || small.size > COVE_RUN_BATCH_MAX ||
        small.threshold > COVE_RUN_WHOLE || error.len >= sizeof(run.error)) {
        return COVE_ECORRUPT;
    }
    memcpy(run.error, error.at, error.len);
    run.state = (enum cove_run_state)small.state;
    run.batch = (uint32_t)small.batch;
    run.threshold = (uint32_t)small.threshold;
    run.size = (uint32_t)small.size;
    *out = run;
    return 0;
}

int cove_run_restore(struct cove_repo *repo, struct cove_store_txn *txn,
                     cove_num schema, struct cove_run *out)
{
    struct cove_bytes held;
    uint8_t key[RECORD_KEY];

    cove_put_be64(key, schema);
    int err = cove_repo_record_get(repo, txn, COVE_RECORDS_RUNS,
                                   cove_bytes(key, sizeof(key)), &held);

    return err != 0 ? err : record_read(held, schema, out);
}

int cove_run_next(struct cove_repo *repo, struct cove_store_txn *txn,
                  cove_num after, struct cove_run *out)
{
    uint8_t key[RECORD_KEY + 1];

    for (;;) {
        struct cove_entry entry;

        /* behind everything that begins with this journal's number */
        cove_put_be64(key, after);
        key[RECORD_KEY] = 0xff;
        int err = cove_repo_record_next(repo, txn, COVE_RECORDS_RUNS,
                                        cove_bytes(key, sizeof(key)), &entry);

        if (err != 0) {
            return err;
        }
        if (entry.key.len < RECORD_KEY) {
            return COVE_ECORRUPT;
        }
        after = cove_get_be64(entry.key.at);
        if (entry.key.len == RECORD_KEY) {
            err = record_read(entry.value, after, out);
            if (err != COVE_ENOTFOUND) {
                return err;
            }
        }
    }
}

/* --------------------------------------------------------------- quarantine
 */

static void quarantine_key(cove_num schema, cove_num num,
                           uint8_t out[RECORD_QUARANTINE_KEY])
{
    cove_put_be64(out, schema);
    out[RECORD_KEY] = RECORD_QUARANTINE;
    cove_put_be64(out + RECORD_KEY + 1, num);
}

int cove_quarantine_next(struct cove_repo *repo, struct cove_store_txn *txn,
                         cove_num schema, cove_num after,
                         struct cove_quarantined *out)
{
    uint8_t key[RECORD_QUARANTINE_KEY];
    struct cove_entry entry;

    quarantine_key(schema, after, key);
    int err = cove_repo_record_next(repo, txn, COVE_RECORDS_RUNS,
                                    cove_bytes(key, sizeof(key)), &entry);

    if (err != 0) {
        return err;
    }
    if (entry.key.len != sizeof(key) ||
        memcmp(entry.key.at, key, RECORD_KEY + 1) != 0) {
        return COVE_ENOTFOUND;
    }
    if (cove_value_kind(entry.value) != COVE_KIND_TEXT) {
        return COVE_ECORRUPT;
    }
    struct cove_bytes reason = cove_value_text(entry.value);

    if (reason.len > COVE_RUN_REASON_MAX) {
        return COVE_ECORRUPT;
    }
    out->num = cove_get_be64(entry.key.at + RECORD_KEY + 1);
    memcpy(out->reason, reason.at, reason.len);
    out->reason[reason.len] = '\0';
    return 0;
}

int cove_quarantine_put(struct cove_repo *repo, struct cove_store_txn *txn,
                        cove_num schema, cove_num num, const char *reason)
{
    uint8_t key[RECORD_QUARANTINE_KEY];
    struct cove_bytes text = cove_bytes_text(reason);
    struct cove_buf buf;
    struct cove_writer w;

    if (text.len > COVE_RUN_REASON_MAX) {
        text.len = COVE_RUN_REASON_MAX;
        while (!cove_utf8_valid(text)) {
            text.len--;
        }
    }
    quarantine_key(schema, num, key);
    cove_buf_init(&buf, cove_repo_alloc(repo));
    cove_writer_init(&w, &buf);
    cove_writer_text(&w, text);
    int err = w.err != 0 ? w.err
                         : cove_repo_record_put(repo, txn, COVE_RECORDS_RUNS,
                                                cove_bytes(key, sizeof(key)),
                                                cove_buf_bytes(&buf));

    cove_buf_clear(&buf);
    return err;
}

int cove_quarantine_del(struct cove_repo *repo, struct cove_store_txn *txn,
                        cove_num schema, cove_num num)
{
    uint8_t key[RECORD_QUARANTINE_KEY];

    quarantine_key(schema, num, key);
    int err = cove_repo_record_del(repo, txn, COVE_RECORDS_RUNS,
                                   cove_bytes(key, sizeof(key)));

    return err == COVE_ENOTFOUND ? 0 : err;
}

int cove_quarantine_clear(struct cove_repo *repo, struct cove_store_txn *txn,
                          cove_num schema)
{
    struct cove_quarantined q = {.num = 0};
    int err;

    while ((err = cove_quarantine_next(repo, txn, schema, q.num, &q)) == 0) {
        err = cove_quarantine_del(repo, txn, schema, q.num);
        if (err != 0) {
            return err;
        }
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}
