/* engine.c: the engine as a whole: the turn's write transaction, the clock,
 * and who may send.
 *
 * What comes in during a turn of the edge's loop is written in one transaction
 * (engine_write); cove_engine_flush ends it together with the records of the
 * peers it moves on, then acknowledges, then lets every connection send. So a
 * position is said to be held only when everything before it, and the position
 * itself, are durable, and nothing is sent that is not.
 */
#include "sync/engine_internal.h"

#include <assert.h>

static int64_t engine_wall(const struct cove_engine *engine)
{
    return engine->opt.env->now_ms(engine->opt.env->ctx);
}

int engine_read(struct cove_engine *engine, struct cove_store_txn **txn)
{
    *txn = engine->txn;
    return *txn != NULL ? 0 : cove_store_begin(engine->opt.store, false, txn);
}

void engine_read_end(const struct cove_engine *engine,
                     struct cove_store_txn *txn)
{
    if (txn != engine->txn) {
        cove_store_abort(txn);
    }
}

int engine_look(struct cove_engine *engine)
{
    struct cove_store_txn *txn;
    int err = engine_read(engine, &txn);

    if (err != 0) {
        return err;
    }
    err = cove_repo_sequence(engine->opt.repo, txn, &engine->sequence);
    engine_read_end(engine, txn);
    return err;
}

int cove_engine_new(const struct cove_engine_options *opt,
                    struct cove_engine **out)
{
    struct cove_engine *engine =
        cove_alloc_zero(opt->alloc, 1, sizeof(*engine));

    if (engine == NULL) {
        return COVE_ENOMEM;
    }
    engine->opt = *opt;
    if (engine->opt.credit_bytes == 0) {
        engine->opt.credit_bytes = ENGINE_CREDIT;
    }
    if (engine->opt.credit_bytes > ENGINE_CREDIT_MAX) {
        engine->opt.credit_bytes = ENGINE_CREDIT_MAX;
    }
    if (engine->opt.message_bytes == 0 ||
        engine->opt.message_bytes > ENGINE_MESSAGE) {
        engine->opt.message_bytes = ENGINE_MESSAGE;
    }
    if (engine->opt.sums_least == 0) {
        engine->opt.sums_least = ENGINE_SUMS_LEAST;
    }
    if (engine->opt.verify_least == 0) {
        engine->opt.verify_least = COVE_VERIFY_LEAST;
    }
    engine->identity_ms = engine_wall(engine);
    cove_repo_store_id(opt->repo, engine->store_id);
    cove_arena_init(&engine->arena, opt->alloc);
    cove_buf_init(&engine->message, opt->alloc);

    int err = engine_look(engine);

    err = err != 0 ? err : engine_sums_look(engine);
    if (err != 0) {
        cove_engine_free(engine);
        return err;
    }
    *out = engine;
    return 0;
}

void cove_engine_free(struct cove_engine *engine)
{
    if (engine == NULL) {
        return;
    }

    const struct cove_alloc *alloc = engine->opt.alloc;

    if (engine->txn != NULL) {
        cove_store_abort(engine->txn);
    }
    while (engine->conns != NULL) {
        struct cove_conn *conn = engine->conns;

        engine->conns = conn->next;
        conn_free(conn);
    }
    engine_peers_free(engine);
    cove_arena_clear(&engine->arena);
    cove_buf_clear(&engine->message);
    cove_crypto_wipe(engine, sizeof(*engine));
    cove_alloc_free(alloc, engine);
}

void cove_engine_verify_by(struct cove_engine *engine,
                           int (*begin)(void *ctx, struct cove_verify *verify),
                           void *ctx)
{
    engine->verify = begin;
    engine->verify_ctx = ctx;
}

void engine_identity(struct cove_engine *engine, struct cove_identity *out)
{
    int64_t now = engine_wall(engine);

    /* A certificate lives for 30 days at most; a daemon for longer. */
    if (now - engine->identity_ms >= ENGINE_IDENTITY_MS) {
        cove_identity_make(cove_repo_secret(engine->opt.repo),
                           cove_repo_device(engine->opt.repo), engine->opt.env,
                           ENGINE_IDENTITY_DAYS, &engine->opt.identity);
        engine->identity_ms = now;
    }
    *out = engine->opt.identity;
}

/* --- the write transaction */

int engine_abort(struct cove_engine *engine, int code, const char *what)
{
    if (engine->txn != NULL) {
        cove_store_abort(engine->txn);
        engine->txn = NULL;
    }
    for (struct cove_conn *conn = engine->conns; conn != NULL;
         conn = conn->next) {
        if (conn->peer != NULL) {
            conn_fail(conn, code, "%s: %s", what, cove_error_text(code));
        }
    }
    engine_peers_forget(engine);
    return code;
}

int engine_write(struct cove_engine *engine, uint64_t now_ms)
{
    int err = 0;

    if (engine->txn != NULL && (engine->txn_bytes >= ENGINE_TXN_BYTES ||
                                now_ms - engine->txn_ms >= ENGINE_TXN_MS)) {
        err = engine_commit(engine);
    }
    if (err == 0 && engine->txn == NULL) {
        err = cove_store_begin(engine->opt.store, true, &engine->txn);
        engine->txn_ms = now_ms;
        engine->txn_bytes = 0;
        if (err != 0) {
            engine->txn = NULL;
            engine_abort(engine, err, "the store cannot be written");
        }
    }
    return err;
}

int engine_commit(struct cove_engine *engine)
{
    int err = engine_peers_write(engine);

    if (err == 0) {
        err = engine_look(engine);
    }
    if (err != 0) {
        return engine_abort(engine, err, "what came could not be kept");
    }
    err = cove_store_commit(engine->txn);
    engine->txn = NULL;
    if (err == 0) { /* what is acknowledged is durable, at any level */
        err = cove_store_flush(engine->opt.store);
    }
    if (err != 0) {
        return engine_abort(engine, err, "what came could not be kept");
    }
    engine_peers_written(engine);
    if (engine->opt.committed != NULL) {
        engine->opt.committed(engine->opt.ctx);
    }
    return 0;
}

static int engine_pump(struct cove_engine *engine)
{
    int err = 0;

    engine->more = false;
    for (struct cove_conn *conn = engine->conns; conn != NULL && err == 0;
         conn = conn->next) {
        if (conn->greeted && !conn->done) {
            err = conn_pump(conn);
            conn_watch_sync(conn);
        }
    }
    return err;
}

int cove_engine_flush(struct cove_engine *engine, uint64_t now_ms)
{
    int err = 0;

    engine->now_ms = now_ms;
    err = engine_sums(engine, now_ms);
    for (struct cove_conn *conn = engine->conns; conn != NULL && err == 0;
         conn = conn->next) {
        if (conn->greeted && !conn->done && take_is_patient(&conn->take)) {
            err = take_settle(conn, now_ms); /* it came, or the time is over */
        }
    }
    if (err == 0 && (engine->txn != NULL || engine_peers_due(engine, now_ms))) {
        err = engine_write(engine, now_ms);
        if (err == 0) {
            err = engine_commit(engine);
        }
    }
    if (err == 0) {
        engine_peers_settle(engine);
    }
    for (struct cove_conn *conn = engine->conns; conn != NULL && err == 0;
         conn = conn->next) {
        if (conn->greeted && !conn->done) {
            err = take_acknowledge(conn);
        }
        if (err == 0 && conn->greeted && !conn->done) {
            err = sums_answer(conn);
        }
        if (err == 0 && conn->greeted && !conn->done) {
            err = sweep_step(conn);
        }
    }
    err = err != 0 ? err : engine_pump(engine);
    engine->more = engine->more || engine->sums_due || engine_sweeps(engine);
    return err;
}

/* What a change of the store may be beside documents, looked at once for all
 * connections: something was put aside, the user wants something else. */
struct engine_news {
    uint64_t aside;
    bool wishes;
};

static int engine_look_beside(struct cove_engine *engine,
                              struct engine_news *news)
{
    struct cove_store_txn *txn;
    uint64_t wishes = 0;
    int err = engine_read(engine, &txn);

    if (err != 0) {
        return err;
    }
    err = engine_aside_sum(engine, txn, &news->aside);
    err =
        err != 0 ? err : cove_interest_changes(engine->opt.repo, txn, &wishes);
    engine_read_end(engine, txn);
    if (err == 0) {
        news->wishes = wishes != engine->wishes;
        engine->wishes = wishes;
    }
    return err;
}

int cove_engine_changed(struct cove_engine *engine, uint64_t now_ms)
{
    struct engine_news news;
    int err = engine_look(engine);

    err = err != 0 ? err : engine_look_beside(engine, &news);
    if (err == 0 && news.wishes) { /* who is forgotten wants nothing, too */
        err = engine_peers_look(engine);
    }
    for (struct cove_conn *conn = engine->conns; conn != NULL && err == 0;
         conn = conn->next) {
        if (!conn->greeted || conn->done) {
            continue;
        }
        err = news.aside != conn->aside ? engine_ask_aside(conn) : 0;
        if (err == 0 && news.wishes) {
            err = interest_look(conn, now_ms);
        }
        err = err != 0 ? err : take_settle(conn, now_ms);
    }
    if (err != 0) {
        engine->wishes = UINT64_MAX; /* to be looked at again */
    }
    return err == 0 ? cove_engine_flush(engine, now_ms) : err;
}

int cove_engine_tick(struct cove_engine *engine, uint64_t now_ms,
                     uint64_t *next_ms)
{
    uint64_t next = UINT64_MAX;
    engine_sums_idle(engine);

    int err = cove_engine_flush(engine, now_ms);

    if (err != 0) {
        return err;
    }
    for (struct cove_conn *conn = engine->conns; conn != NULL;
         conn = conn->next) {
        uint64_t due = UINT64_MAX;

        if (!conn->done) {
            conn_tick(conn, now_ms, &due);
        }
        next = due < next ? due : next;
    }

    uint64_t lazy = engine_peers_next(engine);

    next = lazy < next ? lazy : next;
    if (engine->more || next < now_ms) {
        next = now_ms;
    }
    *next_ms = next;
    return 0;
}
