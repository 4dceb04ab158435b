/* repo_hot.c: see repo_hot.h. */
#include "crdt/repo_internal.h"

void repo_hot_init(struct cove_repo *repo)
{
    cove_arena_init(&repo->open.hot.arena, repo->opt.alloc);
    cove_buf_init(&repo->open.hot.packed, repo->opt.alloc);
}

void repo_hot_clear(struct cove_repo *repo)
{
    cove_arena_clear(&repo->open.hot.arena);
    cove_buf_clear(&repo->open.hot.packed);
}

void repo_hot_forget(struct cove_repo *repo)
{
    repo->open.hot.num = 0;
    repo->open.hot.last = 0;
    repo->open.hot.err = 0;
}

void repo_hot_fail(struct cove_repo *repo, int err)
{
    struct repo_hot *hot = &repo->open.hot;

    hot->num = 0;
    hot->err = hot->err != 0 ? hot->err : err;
}

bool repo_hot_is(const struct repo_work *work, const struct cove_doc *doc)
{
    const struct repo_hot *hot = &work->repo->open.hot;

    return hot->num == doc->num && repo_doc_is_current(&hot->record, doc) &&
           hot->session == work->counters.own_session &&
           repo_branch_is_none(&doc->branch);
}

/* --- becoming hot */

/* Copies ask the log, groups and journals bind others at once: not these. */
static bool hot_may(const struct repo_work *work,
                    const struct repo_record *record,
                    const struct repo_row *row, const struct cove_doc *doc)
{
    enum cove_doc_class class = cove_repo_class(&record->header);

    return row->num == work->counters.own_session &&
           (class == COVE_CLASS_CONTENT || class == COVE_CLASS_REGISTRY) &&
           doc->state.copy_count == 0 && repo_branch_is_none(&doc->branch);
}

static int hot_begin(struct repo_work *work, cove_num num, uint32_t session)
{
    struct repo_hot *hot = &work->repo->open.hot;
    struct repo_work inside = *work;
    struct repo_row *row;
    int err;

    cove_arena_reset(&hot->arena);
    hot->packed.len = 0;
    inside.arena = &hot->arena;
    err = repo_record_read(&inside, num, &hot->record);
    row = err == 0 ? repo_record_row_num(&hot->record, session) : NULL;
    if (row == NULL) {
        return err != 0 ? err : COVE_ECORRUPT;
    }
    err = repo_log_end(&inside, &hot->record, row, &hot->chunk, &hot->packed,
                       &hot->before);
    if (err == 0) {
        hot->noted = hot->record.changed;
        hot->session = session;
        hot->first = row->pub.len;
        hot->head = row->pub.head;
        hot->num = num;
    }
    return err;
}

int repo_hot_next(struct repo_work *work, const struct repo_record *record,
                  const struct repo_row *row, const struct cove_doc *doc)
{
    struct repo_hot *hot = &work->repo->open.hot;
    bool again = hot->last == record->num;

    hot->last = record->num;
    return again && hot_may(work, record, row, doc)
               ? hot_begin(work, record->num, row->num)
               : 0;
}

/* --- appending */

static int hot_store(struct repo_work *work, struct repo_record *record,
                     struct repo_row *row)
{
    struct repo_hot *hot = &work->repo->open.hot;

    hot->chunk.packed = cove_buf_bytes(&hot->packed);
    hot->chunk.near = hot->before.near;
    return repo_log_put_end(work, record, row, &hot->chunk);
}

int repo_hot_put(struct repo_work *work, struct repo_record *record,
                 struct repo_row *row, struct cove_bytes bytes,
                 const struct cove_tx *tx)
{
    struct repo_hot *hot = &work->repo->open.hot;
    int err = 0;

    if (hot->packed.len + bytes.len > REPO_CHUNK_BYTES ||
        hot->chunk.count >= COVE_MAX_BATCH_TX) {
        /* The chunk is signed at the head before this transaction. */
        struct cove_hash head = row->pub.head;

        row->pub.head = hot->head;
        err = hot_store(work, record, row);
        row->pub.head = head;
        if (err == 0) {
            hot->packed.len = 0;
            err = repo_log_fresh(work, record, row, &hot->chunk, &hot->before);
        }
    }
    if (err == 0) {
        err = repo_tx_pack(work, tx, bytes, record->schema != 0, &hot->before,
                           &hot->packed);
    }
    if (err == 0) {
        hot->chunk.count++;
        hot->head = row->pub.head;
        row->tail = hot->chunk.start;
        row->epoch = hot->before.epoch;
        row->pub.len++;
        record->pending += bytes.len;
        record->changed = ++work->counters.sequence;
    }
    return err;
}

/* --- writing */

static int hot_write(struct repo_work *work)
{
    struct repo_hot *hot = &work->repo->open.hot;
    struct repo_record *record = &hot->record;
    struct repo_row *row = repo_record_row_num(record, hot->session);
    int err = hot_store(work, record, row);

    if (err == 0) { /* a sequence waits with it: it is long */
        err = repo_checkpoint(work, record, NULL);
    }
    if (err == 0) {
        err = repo_change_move(work, record, hot->noted, row->num, hot->first);
    }
    if (err == 0) {
        err = repo_record_write(work, record);
    }
    return err != 0 ? err : repo_work_end(work);
}

int repo_hot_flush(struct repo_work *work)
{
    struct repo_hot *hot = &work->repo->open.hot;
    bool due = hot->num != 0 && hot->record.changed != hot->noted;
    int err;

    hot->num = 0;
    err = due ? hot_write(work) : 0;
    if (err != 0) {
        repo_hot_fail(work->repo, err);
    }
    return err;
}

int repo_hot_settle(struct repo_work *work)
{
    struct cove_arena *arena = work->arena;
    struct cove_arena own;
    int err;

    if (work->repo->open.hot.num == 0) {
        return work->repo->open.hot.err;
    }
    cove_arena_init(&own, work->repo->opt.alloc);
    work->arena = &own;
    err = repo_hot_flush(work);
    work->arena = arena;
    cove_arena_clear(&own);
    return err;
}
