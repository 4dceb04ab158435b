/* admin_scrub.c: scrub: some documents verified again, behind the last ones.
 *
 * Where the position is, and when a pass ended, is kept in the store: a scrub
 * goes on where another process left it, and rests for a day behind a pass.
 * What is damaged is put aside at once, and asked of peers again. */
#include "node/check.h"

#define SCRUB_RECORD                                                           \
    "scrub"            /* u64be position, u64be end of the last pass (ms) */
#define SCRUB_KEEP 256 /* documents between two notes of the position */
#define SCRUB_REST ((uint64_t)86400000)
#define SCRUB_MOST 10000

struct scrub {
    struct check check;
    struct cove_check *looks, *mends;
    cove_num at;
    uint64_t ended; /* ms */
    uint64_t documents, damaged;
    bool over;
};

static int scrub_note(void *ctx, const struct cove_finding *finding)
{
    struct scrub *s = ctx;

    (void)finding;
    s->damaged++;
    return 0;
}

static int scrub_read(struct scrub *s)
{
    struct cove_store_txn *txn;
    struct cove_bytes value;
    int err = cove_store_begin(s->check.a->store->store, false, &txn);

    if (err != 0) {
        return err;
    }
    err = cove_repo_record_get(s->check.worker->repo, txn, COVE_RECORDS_META,
                               cove_bytes_text(SCRUB_RECORD), &value);
    if (err == 0 && value.len == 16) {
        s->at = cove_get_be64(value.at);
        s->ended = cove_get_be64(value.at + 8);
    }
    cove_store_abort(txn);
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int scrub_write(struct scrub *s)
{
    struct cove_store_txn *txn;
    uint8_t value[16];
    uint64_t left = 0;
    int err = cove_store_begin(s->check.a->store->store, true, &txn);

    if (err != 0) {
        return err;
    }
    cove_put_be64(value, s->at);
    cove_put_be64(value + 8, s->ended);
    err = cove_repo_record_put(s->check.worker->repo, txn, COVE_RECORDS_META,
                               cove_bytes_text(SCRUB_RECORD),
                               cove_bytes(value, sizeof(value)));
    if (err == 0) {
        err = cove_aside_settle(s->check.worker->repo, txn, &left);
    }
    if (err == 0) {
        return cove_store_commit(txn);
    }
    cove_store_abort(txn);
    return err;
}

/* Something is wrong with it: once more, to write. */
static int scrub_mend(struct scrub *s, cove_num num)
{
    struct cove_store_txn *txn;
    cove_num before = num - 1;
    int err = cove_store_begin(s->check.a->store->store, true, &txn);

    if (err != 0) {
        return err;
    }
    err = cove_check_document(s->mends, txn, &before);
    if (err == 0) {
        return cove_store_commit(txn);
    }
    cove_store_abort(txn);
    return err;
}

static int scrub_one(struct scrub *s)
{
    struct cove_store_txn *txn;
    uint64_t damaged = s->damaged;
    int err = cove_store_begin(s->check.a->store->store, false, &txn);

    if (err != 0) {
        return err;
    }
    err = cove_check_document(s->looks, txn, &s->at);
    cove_store_abort(txn);
    s->documents += err == 0;
    return err == 0 && s->damaged > damaged ? scrub_mend(s, s->at) : err;
}

static int scrub_run(struct scrub *s, uint64_t now, int64_t most)
{
    cove_num from = s->at;
    int err = 0;

    while (err == 0 && (int64_t)s->documents < most) {
        err = scrub_one(s);
    }
    if (err == COVE_ENOTFOUND) {
        err = 0;
        s->over = true;
        s->at = 0;
        s->ended = now;
    }
    if (err == 0 && (s->over || s->damaged > 0 ||
                     from / SCRUB_KEEP != s->at / SCRUB_KEEP)) {
        err = scrub_write(s);
    }
    return err;
}

static int scrub_all(struct scrub *s, int64_t most, cove_num from)
{
    struct cove *store = s->check.a->store;
    struct cove_check_options opt = {
        .quick = true, .finding = scrub_note, .ctx = s};
    uint64_t now = (uint64_t)store->env->now_ms(store->env->ctx);
    int err = scrub_read(s);

    if (err != 0 ||
        (s->ended != 0 && now - s->ended < SCRUB_REST && now >= s->ended)) {
        s->over = err == 0;
        return err;
    }
    s->at = from > s->at ? from : s->at;
    err = cove_check_new(s->check.worker->repo, &opt, &s->looks);
    opt.repair = true;
    opt.finding = check_finding;
    opt.ctx = &s->check;
    if (err == 0) {
        err = cove_check_new(s->check.worker->repo, &opt, &s->mends);
    }
    return err != 0 ? err : scrub_run(s, now, most);
}

static int verb_scrub(struct admin *a)
{
    struct scrub s = {.check = {.a = a, .deep = true, .repair = true}};
    int64_t most = 100, from = 0;
    int err = admin_int(a, "documents", &most);

    err = err != 0 ? err : admin_int(a, "from", &from);
    if (err == 0 && (most < 1 || most > SCRUB_MOST || from < 0)) {
        err = cove_fail(&a->diag, COVE_EUSAGE,
                        "documents is 1 to %d, from a "
                        "place that scrub gave",
                        SCRUB_MOST);
    }
    err = err != 0 ? err : node_worker_take(a->store, &s.check.worker);
    if (err != 0) {
        return err;
    }
    node_json_key(&a->reply, "damaged");
    node_json_open(&a->reply, '[');
    err = scrub_all(&s, most, (cove_num)from);
    node_json_close(&a->reply, ']');
    node_json_key(&a->reply, "documents");
    node_json_int(&a->reply, (int64_t)s.documents);
    node_json_key(&a->reply, "next");
    node_json_int(&a->reply, (int64_t)s.at);
    node_json_key(&a->reply, "over");
    node_json_bool(&a->reply, s.over);
    cove_check_free(s.looks);
    cove_check_free(s.mends);
    if (s.damaged > 0) {
        node_worker_drop(a->store, s.check.worker);
    } else {
        node_worker_give(a->store, s.check.worker);
    }
    return err;
}

const struct admin_verb admin_scrub_verbs[] = {
    {"scrub", "documents from", verb_scrub},
    {NULL, NULL, NULL},
};
