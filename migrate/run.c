/* run.c: one batch of a run: documents loaded one after the other, which writes
 * back what is due, and counted. The cursor is the number of the last one. A
 * retry goes over the quarantined ones first, by their records. */
#include "migrate/run.h"

#include "crdt/repo_upkeep.h"

struct batch {
    struct cove_catalog *catalog;
    struct cove_repo *repo;
    struct cove_store_txn *txn;
    struct cove_run *run;
    struct cove_arena arena;
    bool drafts; /* there are local documents, which no run touches */
    bool judges; /* what it finds is how documents are at the newest version */
    struct cove_hash plan; /* … of this journal */
    struct cove_diag why;  /* of the document at hand */
};

/* An error that is about one document, not about the store. */
static bool batch_goes_on(int err)
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

/* The next document, and the cursor behind it. COVE_ENOTFOUND. */
static int batch_next(struct batch *b, cove_num *out)
{
    struct cove_run *run = b->run;
    struct cove_quarantined q;

    if (run->retrying) {
        int err = cove_quarantine_next(b->repo, b->txn, run->schema,
                                       run->retry_cursor, &q);

        if (err == 0) {
            run->retry_cursor = q.num;
            *out = q.num;
        }
        if (err != COVE_ENOTFOUND) {
            return err;
        }
        run->retrying = false;
    }
    int err = cove_repo_next(b->repo, b->txn, run->schema, run->cursor, out);

    if (err == 0) {
        run->cursor = *out;
    }
    return err;
}

/* Is it a document that stays on this device, for trying things out? */
static int batch_draft(struct batch *b, cove_num num, bool *out)
{
    struct cove_doc_outline outline;
    int err = 0;

    *out = false;
    if (b->drafts) {
        err = cove_repo_outline(b->repo, b->txn, num, &b->arena, &outline);
        if (err == 0) {
            *out = outline.local;
        }
    }
    return err;
}

static int batch_drafts(struct batch *b)
{
    struct cove_buf header;
    struct cove_id id;
    cove_num num;

    cove_buf_init(&header, cove_catalog_alloc(b->catalog));
    int err = cove_header_local_group(cove_repo_device(b->repo), &header, &id);

    if (err == 0) {
        err = cove_repo_find(b->repo, b->txn, &id, &num);
        b->drafts = err == 0;
    }
    cove_buf_clear(&header);
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* A run to the newest version says how each document is there, which status
 * counts; another does not. */
static int batch_judges(struct batch *b)
{
    const struct cove_schema_doc *schema;
    int err = cove_catalog_open(b->catalog, b->txn, b->run->schema, &schema);

    if (err == 0) {
        const struct cove_step *newest = cove_journal_newest(schema->journal);

        b->judges = !b->run->dry && newest != NULL &&
                    (!b->run->head_given || memcmp(newest->id.b, b->run->head.b,
                                                   sizeof(newest->id.b)) == 0);
        b->plan = cove_journal_fingerprint(schema->journal);
    }
    return err;
}

/* What became of it: `invalid` where the version's schema does not hold it. */
static void batch_count(struct batch *b, const struct cove_loaded *loaded,
                        enum cove_doc_state state, bool invalid)
{
    struct cove_run *run = b->run;
    uint32_t copies = run->dry && state == COVE_STATE_DUE
                          ? loaded->copies_due
                          : loaded->copies_written;

    run->migrated += copies > 0;
    run->copies += copies;
    run->current += state == COVE_STATE_CURRENT;
    run->invalid += invalid;
    run->valid += !invalid;
    run->quarantined += loaded->invalid > 0;
    run->by_state[state]++;
}

/* Load one, which migrates it, and judge what it shows. An error that is about
 * the document only leaves its sentence in why. */
static int batch_one(struct batch *b, cove_num num, struct cove_loaded *loaded)
{
    struct cove_run *run = b->run;
    struct cove_load_request request = {
        .num = num,
        .head = run->head_given ? &run->head : NULL,
        .mode = run->dry ? COVE_LOAD_VIEW : COVE_LOAD_MIGRATE,
        .live_days = run->live_days,
    };
    enum cove_doc_state state;
    int err =
        cove_load(b->catalog, b->txn, &request, &b->arena, loaded, &b->why);

    err = err != 0 ? err : cove_loaded_state(loaded, &state);
    if (err == 0 && b->judges) {
        err = cove_repo_judge(b->repo, b->txn, &loaded->doc, b->plan.b,
                              (uint8_t)state);
    }
    if (err != 0) {
        return err;
    }
    struct cove_diag broken;

    broken.code = 0;
    broken.text[0] = '\0';
    err = cove_loaded_validate(b->catalog, b->txn, loaded, &broken);
    if (err == COVE_ESCHEMA || err == COVE_EINVALID || err == COVE_ETYPE) {
        batch_count(b, loaded, state, true);
        if (!run->dry && loaded->invalid > 0) {
            return cove_quarantine_put(b->repo, b->txn, run->schema, num,
                                       broken.text);
        }
        err = 0;
    } else if (err == 0) {
        batch_count(b, loaded, state, false);
    }
    return err;
}

static int batch_failed(struct batch *b, cove_num num, int err)
{
    struct cove_run *run = b->run;

    if (!batch_goes_on(err)) {
        return err;
    }
    if (b->why.text[0] == '\0') {
        cove_fail(&b->why, err, "%s", cove_error_text(err));
    }
    run->failed++;
    run->invalid++;
    run->quarantined++;
    run->by_state[COVE_STATE_BLOCKED]++;
    return run->dry ? 0
                    : cove_quarantine_put(b->repo, b->txn, run->schema, num,
                                          b->why.text);
}

int cove_run_batch(struct cove_catalog *catalog, struct cove_store_txn *txn,
                   struct cove_run *run, cove_run_report *report, void *ctx,
                   struct cove_diag *diag)
{
    struct batch b = {.catalog = catalog,
                      .repo = cove_catalog_repo(catalog),
                      .txn = txn,
                      .run = run};
    uint32_t batch = run->batch != 0 ? run->batch : COVE_RUN_BATCH;
    const struct cove_env *env = cove_repo_env(b.repo);
    int err;

    if (run->started_ms == 0) {
        int64_t now_ms = env->now_ms(env->ctx);

        run->started_ms = now_ms > 0 ? (uint64_t)now_ms : 1;
    }
    cove_arena_init(&b.arena, cove_catalog_alloc(catalog));
    err = batch_drafts(&b);
    err = err != 0 ? err : batch_judges(&b);
    for (uint32_t i = 0; i < batch && err == 0; i++) {
        struct cove_loaded loaded;
        bool draft = false, retried = run->retrying;
        cove_num num = 0;

        cove_arena_reset(&b.arena);
        cove_diag_clear(&b.why);
        err = batch_next(&b, &num);
        if (err == COVE_ENOTFOUND) {
            run->finished = true;
            err = 0;
            break;
        }
        err = err != 0 ? err : batch_draft(&b, num, &draft);
        if (err != 0 || draft) {
            continue;
        }
        if (retried && run->retrying) { /* it may be well by now */
            err = cove_quarantine_del(b.repo, txn, run->schema, num);
        }
        run->done++;
        err = err != 0 ? err : batch_one(&b, num, &loaded);
        if (err == COVE_EREMOVED) { /* since it was quarantined */
            run->done--;
            err = 0;
            continue;
        }
        if (err != 0) {
            err = batch_failed(&b, num, err);
        }
        if (err == 0 && report != NULL) {
            report(ctx, b.why.text[0] != '\0' ? NULL : &loaded, b.why.text);
        }
    }
    if (err != 0) {
        cove_fail(diag, err, "%s", b.why.text);
    }
    cove_arena_clear(&b.arena);
    return err;
}
