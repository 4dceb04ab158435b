#include "tests/power/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/store_table.h"
#include "node/node.h"
#include "tests/power/content.h"
#include "tests/power/edge.h"

static struct record *recording; /* what commits are noted in; NULL: nowhere */
static bool recording_early;

int __real_cove_store_commit(struct cove_store_txn *txn);
int __wrap_cove_store_commit(struct cove_store_txn *txn);

/* Each commit of the store on disk, whoever makes it, gets a number. */
int __wrap_cove_store_commit(struct cove_store_txn *txn)
{
    struct record *r = recording;
    struct cove_store *store = txn->store;

    if (r == NULL || !txn->write || store != content_store) {
        return __real_cove_store_commit(txn);
    }
    size_t number = ++r->begun;

    if (number >= RECORD_COMMITS) {
        abort();
    }
    disk_mark(&r->disk, RECORD_MARK(MARK_BEGUN, number));
    if (recording_early) {
        disk_mark(&r->disk, RECORD_MARK(MARK_ACKNOWLEDGED, number));
    }
    int err = __real_cove_store_commit(txn);

    if (err == 0) {
        disk_mark(&r->disk, RECORD_MARK(MARK_ACKNOWLEDGED, number));
        /* At level group this waits for the group: each is one commit. */
        err = content_of(store, store->trees, &r->commits[number].content);
    }
    return err;
}

/* ------------------------------------------------------------------- heads */

static int heads_add(struct record_commit *commit, const struct cove_id *id,
                     const struct cove_doc_session *session)
{
    size_t size = (commit->head_count + 1) * sizeof(*commit->heads);
    struct record_head *grown = realloc(commit->heads, size);

    if (grown == NULL) {
        return COVE_ENOMEM;
    }
    commit->heads = grown;
    commit->heads[commit->head_count++] =
        (struct record_head){.document = *id,
                             .session = session->session,
                             .device = session->device,
                             .len = session->len,
                             .head = session->head};
    return 0;
}

/* How far every log has come by now. */
static int record_heads(struct record *r, struct cove *store)
{
    struct record_commit *commit = &r->commits[r->begun];
    struct cove_doc_outline doc;
    struct cove_arena arena;
    struct cove_txn *txn;
    cove_num num = 0;
    int err = cove_begin(store, COVE_READ, &txn);

    if (err != 0) {
        return err;
    }
    commit->head_count = 0;
    cove_arena_init(&arena, &cove_alloc_libc);
    while ((err = cove_repo_next(txn->worker->repo, txn->txn, 0, num, &num)) ==
           0) {
        err = cove_repo_outline(txn->worker->repo, txn->txn, num, &arena, &doc);
        for (size_t i = 0; err == 0 && i < doc.session_count; i++) {
            err = heads_add(commit, &doc.id, &doc.sessions[i]);
        }
        if (err != 0) {
            break;
        }
    }
    cove_arena_clear(&arena);
    cove_abort(txn);
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* -------------------------------------------------------------------- a day */

/* What the empty store holds: nothing, in so many trees. */
static int record_empty(struct record *r)
{
    struct cove_store_options opt = {.alloc = &cove_alloc_libc,
                                     .trees = COVE_REPO_TREES};
    struct cove_store *store;
    int err = cove_store_open_memory(&opt, &store);

    if (err == 0) {
        err = content_of(store, COVE_REPO_TREES, &r->commits[0].content);
        cove_store_close(store);
    }
    return err;
}

static int record_step(struct record *r, const char *name)
{
    int err = work_do(&r->work, name);

    if (err != 0) {
        fprintf(stderr, "recording: %s: %d %s\n", name, err,
                cove_errmsg(r->work.store));
        return err;
    }
    return r->work.store != NULL ? record_heads(r, r->work.store) : 0;
}

static int record_steps(struct record *r, const char *names, int times)
{
    char step[24];
    int err = 0;

    for (int i = 0; i < times; i++) {
        const char *at = names;
        int len;

        while (err == 0 && sscanf(at, "%23s%n", step, &len) == 1) {
            err = record_step(r, step);
            at += len;
        }
    }
    return err;
}

/* The store is made while a barrier of that fails, the first, the second …;
 * and each time again, by a process that finds what was left. */
#define RECORD_NEVER 1000000 /* barriers */

static int record_make_store(struct record *r, bool group)
{
    int err = COVE_EIO;

    /* At level group it is another thread that meets them, at some time. */
    for (int n = 1; err == COVE_EIO; n++) {
        r->disk.refuse = group ? RECORD_NEVER : n;
        err = work_do(&r->work, "open");
        if (err == COVE_EIO || r->disk.refuse == 0) {
            (void)work_do(&r->work, "close");
        }
    }
    r->disk.refuse = 0;
    return err != 0 ? err : record_heads(r, r->work.store);
}

static int record_day(struct record *r, const struct record_options *options)
{
    int err = record_make_store(r, options->group);

    err = err ? err : record_steps(r, "types", 1);

    err = err ? err : record_steps(r, "edit afar ingest", options->rounds);
    err = err ? err : record_steps(r, "schema items upload set branch", 1);
    r->backup = r->begun;
    err = err ? err : record_steps(r, "backup", 1);
    disk_mark(&r->disk, RECORD_MARK(MARK_COPIED, 0));
    err = err ? err
              : record_steps(r, "migration migrate sweep undo cut compact", 1);
    err = err ? err : record_steps(r, "reopen", 1);
    err = err ? err : record_steps(r, "set edit upload", options->rounds);
    return err ? err : record_steps(r, "check close", 1);
}

int record_make(struct record *record, const struct record_options *options)
{
    int err;

    memset(record, 0, sizeof(*record));
    edge_set(1790000000000, options->seed);
    err = record_empty(record);
    work_begin(&record->work, options->base, options->seed);
    if (err != 0 || record->work.peer == NULL) {
        return err != 0 ? err : COVE_ENOMEM;
    }
#ifdef COVE_GROUP
    record->work.options.level = options->group ? COVE_GROUP : COVE_FULL;
#endif
    record->disk.lies = options->lies;
    content_watch = record->work.dir;
    content_store = NULL;
    recording = record;
    recording_early = options->early;
    disk_record(&record->disk, options->base);
    err = record_day(record, options);
    disk_stop(&record->disk);
    recording = NULL;
    work_end(&record->work);
    if (record->disk.broken != NULL) {
        fprintf(stderr, "recording: %s\n", record->disk.broken);
        return COVE_ELIMIT;
    }
    return err;
}

void record_free(struct record *record)
{
    for (size_t i = 0; i < RECORD_COMMITS; i++) {
        free(record->commits[i].heads);
    }
    disk_free(&record->disk);
}
