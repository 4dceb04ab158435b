/* run.c: migrating the documents of a schema in batches, with a cursor that is
 * committed together with what it counts. A run that died goes on where its
 * record says. */
#include "migrate/run.h"

#include "core/cbor.h"

#define RUN_BATCH 128

/* An error that is about one document, not about the store. */
static bool run_goes_on(int err)
{
    switch (err) {
    case COVE_EBLOCKED:
    case COVE_EDENIED:
    case COVE_ELIMIT:
    case COVE_EFORMAT:
    case COVE_ENOTFOUND:
    case COVE_ETYPE:
        return true;
    default:
        return false;
    }
}

static uint64_t run_now(const struct cove_repo *repo)
{
    const struct cove_env *env = cove_repo_env(repo);
    int64_t now_ms = env->now_ms(env->ctx);

    return now_ms > 0 ? (uint64_t)now_ms : 1;
}

static void run_count(struct cove_run *run, const struct cove_loaded *loaded,
                      enum cove_doc_state state)
{
    run->migrated += loaded->copies_written > 0;
    run->copies += loaded->copies_written;
    run->current += state == COVE_STATE_CURRENT;
    run->invalid += loaded->invalid > 0;
    run->by_state[state]++;
}

int cove_run_batch(struct cove_catalog *catalog, struct cove_store_txn *txn,
                   struct cove_run *run, cove_run_report *report, void *ctx,
                   struct cove_diag *diag)
{
    uint32_t batch = run->batch != 0 ? run->batch : RUN_BATCH;
    struct cove_arena arena;
    int err = 0;

    if (run->started_ms == 0) {
        run->started_ms = run_now(cove_catalog_repo(catalog));
    }
    cove_arena_init(&arena, cove_catalog_alloc(catalog));
    for (uint32_t i = 0; i < batch; i++) {
        struct cove_load_request request = {
            .head = run->head_given ? &run->head : NULL,
            .mode = run->dry ? COVE_LOAD_VIEW : COVE_LOAD_MIGRATE,
            .live_days = run->live_days,
        };
        struct cove_loaded loaded;
        struct cove_diag why = {0};
        enum cove_doc_state state;

        cove_arena_reset(&arena);
        err = cove_repo_next(cove_catalog_repo(catalog), txn, run->schema,
                             run->cursor, &request.num);
        if (err == COVE_ENOTFOUND) {
            run->finished = true;
            err = 0;
            break;
        }
        if (err == 0) {
            err = cove_load(catalog, txn, &request, &arena, &loaded, &why);
        }
        if (err == 0) {
            err = cove_loaded_state(&loaded, &state);
        }
        if (err != 0 && !run_goes_on(err)) {
            cove_fail(diag, err, "%s", why.text);
            break;
        }
        run->cursor = request.num;
        run->done++;
        if (err != 0) {
            run->failed++;
            run->by_state[COVE_STATE_BLOCKED]++;
            err = 0;
        } else {
            run_count(run, &loaded, state);
        }
        if (report != NULL) {
            report(ctx, why.text[0] != '\0' ? NULL : &loaded, why.text);
        }
    }
    cove_arena_clear(&arena);
    return err;
}

static void run_key(cove_num schema, uint8_t out[8])
{
    for (int i = 0; i < 8; i++) {
        out[i] = (uint8_t)(schema >> (56 - 8 * i));
    }
}

/* What a record holds behind head and finished, in this order. */
#define RUN_NUMBERS 10

static void run_numbers(struct cove_run *run, uint64_t *out[RUN_NUMBERS])
{
    uint64_t *numbers[RUN_NUMBERS] = {
        &run->cursor,     &run->done,    &run->migrated, &run->copies,
        &run->current,    &run->invalid, &run->failed,   &run->total,
        &run->started_ms, &run->saved_ms};

    memcpy(out, numbers, sizeof(numbers));
}

int cove_run_save(struct cove_repo *repo, struct cove_store_txn *txn,
                  struct cove_run *run)
{
    uint64_t *numbers[RUN_NUMBERS];
    uint8_t key[8];
    struct cove_buf buf;
    struct cove_writer w;

    run->saved_ms = run_now(repo);
    run_numbers(run, numbers);
    cove_buf_init(&buf, &cove_alloc_libc);
    cove_writer_init(&w, &buf);
    cove_writer_list(&w, 2 + RUN_NUMBERS);
    cove_writer_bytes(&w, run->head.b, sizeof(run->head.b));
    cove_writer_bool(&w, run->finished);
    for (size_t i = 0; i < RUN_NUMBERS; i++) {
        cove_writer_uint(&w, *numbers[i]);
    }
    run_key(run->schema, key);
    int err = w.err != 0 ? w.err
                         : cove_repo_record_put(repo, txn, COVE_RECORDS_RUNS,
                                                cove_bytes(key, sizeof(key)),
                                                cove_buf_bytes(&buf));

    cove_buf_clear(&buf);
    return err;
}

int cove_run_restore(struct cove_repo *repo, struct cove_store_txn *txn,
                     cove_num schema, struct cove_run *out)
{
    struct cove_run run = {.schema = schema, .head_given = true};
    uint64_t *numbers[RUN_NUMBERS];
    struct cove_bytes held;
    struct cove_reader r;
    uint8_t key[8];

    run_key(schema, key);
    int err = cove_repo_record_get(repo, txn, COVE_RECORDS_RUNS,
                                   cove_bytes(key, sizeof(key)), &held);

    if (err != 0) {
        return err;
    }
    cove_reader_init(&r, held);
    if (cove_reader_list(&r) != 2 + RUN_NUMBERS) {
        return COVE_ENOTFOUND; /* another build's: a run begins anew */
    }
    cove_reader_fixed(&r, run.head.b, sizeof(run.head.b));
    run.finished = cove_reader_bool(&r);
    run_numbers(&run, numbers);
    for (size_t i = 0; i < RUN_NUMBERS; i++) {
        *numbers[i] = cove_reader_uint(&r);
    }
    err = cove_reader_done(&r);
    if (err == 0) {
        *out = run;
    }
    return err;
}
