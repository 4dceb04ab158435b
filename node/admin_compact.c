/* admin_compact.c: compact, compact.file.
 *
 * Logs are packed in slices: planned for a while in a read transaction, then
 * put in one commit, so that no reader and no writer waits long. A request does
 * as many slices as its time allows and says where the next one goes on; what
 * is packed already is passed over, so whoever was killed begins again.
 */
#include "core/hlc.h"
#include "core/store_shrink.h"
#include "crdt/repo_compact.h"
#include "node/admin.h"

#define COMPACT_MS    500 /* a request works so long, unless it says */
#define COMPACT_PLAN  25  /* ms of planning before a commit */
#define COMPACT_PLANS 64
#define COMPACT_BYTES ((size_t)1 << 20) /* of plans */
#define COMPACT_DAY   INT64_C(86400000)

struct compact_sums {
    int64_t documents, packs, chunks, before, after;
};

struct compact {
    struct admin *a;
    struct cove_pack_rule rule;
    cove_num schema; /* 0: all */
    cove_num only;   /* one document, or 0 */
    cove_num after;
    struct cove_arena arena; /* of the plans */
    struct cove_pack_plan plans[COMPACT_PLANS];
    size_t count;
    struct compact_sums sums;
};

static int64_t compact_now(const struct admin *a)
{
    return a->store->env->now_ms(a->store->env->ctx);
}

/* --- planning */

static int compact_wanted(struct compact *c, struct cove_txn *txn, cove_num num,
                          bool *out)
{
    struct cove_doc_outline outline;
    struct cove_header header;
    cove_num schema = 0;
    int err;

    *out = true;
    if (c->schema == 0) {
        return 0;
    }
    cove_arena_reset(&txn->arena);
    err = cove_repo_outline(txn->worker->repo, txn->txn, num, &txn->arena,
                            &outline);
    if (err == 0) {
        err = cove_header_decode(outline.header_bytes, &header, NULL);
    }
    if (err == 0 && header.has_schema) {
        err = cove_repo_find(txn->worker->repo, txn->txn, &header.schema,
                             &schema);
    }
    *out = err == 0 && schema == c->schema;
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int compact_plan(struct compact *c, struct cove_txn *txn, cove_num num)
{
    bool wanted;
    int err = compact_wanted(c, txn, num, &wanted);

    if (err != 0 || !wanted) {
        return err != 0 ? err : COVE_ENOTFOUND;
    }
    return cove_repo_pack_plan(txn->worker->repo, txn->txn, num, &c->rule,
                               &c->arena, &c->plans[c->count]);
}

static size_t compact_plan_bytes(const struct compact *c)
{
    size_t bytes = 0;

    for (size_t i = 0; i < c->count; i++) {
        bytes += c->plans[i].value.len;
    }
    return bytes;
}

/* Plan for a while. c->after moves over documents that nothing is left of.
 * Errors: COVE_ENOTFOUND: that was the last one. */
static int compact_plans(struct compact *c, struct cove_txn *txn)
{
    int64_t until = compact_now(c->a) + COMPACT_PLAN;
    cove_num num = c->after;
    int err = 0;

    while (err == 0 && c->count < COMPACT_PLANS &&
           compact_plan_bytes(c) < COMPACT_BYTES &&
           (c->count == 0 || compact_now(c->a) < until)) {
        err = cove_repo_pack_next(txn->worker->repo, txn->txn, num, &num);
        if (err == 0 && c->only != 0 && num != c->only) {
            err = COVE_ENOTFOUND;
        }
        if (err != 0) {
            break;
        }
        err = compact_plan(c, txn, num);
        if (err == 0) {
            c->count++;
        } else if (err == COVE_ENOTFOUND) {
            err = 0;
            c->after = c->count == 0 ? num : c->after;
        }
        if (c->count == 0 && compact_now(c->a) >= until) {
            break;
        }
    }
    return err;
}

/* --- putting */

static int compact_put(struct compact *c, struct cove_txn *txn)
{
    int err = 0;

    for (size_t i = 0; i < c->count && err == 0; i++) {
        const struct cove_pack_plan *plan = &c->plans[i];

        err = cove_repo_pack_put(txn->worker->repo, txn->txn, plan);
        if (err == COVE_EBUSY) { /* it is planned again */
            err = 0;
            continue;
        }
        if (err == 0) {
            txn->wrote = true;
            c->sums.packs++;
            c->sums.chunks += (int64_t)plan->chunks;
            c->sums.before += (int64_t)plan->bytes_before;
            c->sums.after += (int64_t)plan->bytes_after;
            c->sums.documents += i == 0 || plan[-1].num != plan->num;
        }
    }
    return err;
}

static int compact_slice(struct compact *c, bool *over)
{
    struct cove_txn *txn;
    int err = node_begin(c->a->store, COVE_READ, &txn);

    if (err != 0) {
        return err;
    }
    c->count = 0;
    err = compact_plans(c, txn);
    *over = err == COVE_ENOTFOUND && c->count == 0;
    err = admin_end(c->a, txn, err == COVE_ENOTFOUND ? 0 : err);
    if (err == 0 && c->count > 0) {
        err = node_begin(c->a->store, COVE_WRITE, &txn);
        err = err != 0 ? err : admin_end(c->a, txn, compact_put(c, txn));
    }
    cove_arena_reset(&c->arena);
    return err;
}

/* --- the request */

static int compact_scope(struct compact *c)
{
    const char *schema = NULL;
    struct cove_txn *txn;
    struct cove_id id;
    bool given = false;
    int err = admin_text(c->a, "schema", &schema);

    err = err != 0 ? err : admin_id(c->a, "id", &id, &given);
    if (err != 0 || (schema == NULL && !given)) {
        return err;
    }
    err = node_begin(c->a->store, COVE_READ, &txn);
    if (err == 0 && schema != NULL) {
        err = cove_catalog_find(txn->worker->catalog, txn->txn, schema,
                                &c->schema, &txn->diag);
        err = admin_end(c->a, txn, err);
    } else if (err == 0) {
        err = cove_repo_find(txn->worker->repo, txn->txn, &id, &c->only);
        c->after = err == 0 && c->after == 0 ? c->only - 1 : c->after;
        err = admin_end(c->a, txn, err);
    }
    return err;
}

static int compact_settings(struct compact *c, int64_t *slice, int64_t *days)
{
    int64_t after = 0;
    int err = admin_int(c->a, "after", &after);

    err = err != 0 ? err : admin_int(c->a, "slice", slice);
    err = err != 0 ? err : admin_int(c->a, "days", days);
    if (err == 0 && (after < 0 || *slice < 0 || *days < 0)) {
        return cove_fail(&c->a->diag, COVE_EUSAGE,
                         "\"after\", \"slice\" and \"days\" are not negative");
    }
    c->after = (cove_num)after;
    c->rule.newest = *days == 0;
    c->rule.before =
        *days == 0 ? UINT64_MAX
                   : cove_hlc_of_ms(compact_now(c->a) - *days * COMPACT_DAY);
    return err != 0 ? err : compact_scope(c);
}

static void compact_reply(const struct compact *c, bool over)
{
    struct node_json *j = &c->a->reply;

    node_json_key(j, "documents");
    node_json_int(j, c->sums.documents);
    node_json_key(j, "packs");
    node_json_int(j, c->sums.packs);
    node_json_key(j, "chunks");
    node_json_int(j, c->sums.chunks);
    node_json_key(j, "before");
    node_json_int(j, c->sums.before);
    node_json_key(j, "after");
    node_json_int(j, c->sums.after);
    if (!over) {
        node_json_key(j, "next");
        node_json_int(j, (int64_t)c->after);
    }
}

static int verb_compact(struct admin *a)
{
    struct compact c = {.a = a};
    int64_t slice = COMPACT_MS, days = 0;
    bool over = false;
    int err;

    err = compact_settings(&c, &slice, &days);
    cove_arena_init(&c.arena, a->store->alloc);
    for (int64_t until = compact_now(a) + slice; err == 0 && !over;) {
        err = compact_slice(&c, &over);
        if (compact_now(a) >= until) {
            break;
        }
    }
    cove_arena_clear(&c.arena);
    if (err == 0) {
        compact_reply(&c, over);
    }
    return err;
}

/* -------------------------------------------------------------- the file */

struct compact_file {
    struct cove *store;
    char *path; /* of data.mdb */
};

/* The new file is about to be the store's: both are, for the nonce, so that
 * whatever a crash leaves goes on with its session. */
static int file_ready(void *ctx, const char *path)
{
    const struct compact_file *f = ctx;
    const char *files[] = {f->path, path};

    return node_nonce_say(f->store, files, 2);
}

static int file_bytes(struct admin *a, int64_t *out)
{
    struct cove_store_usage usage;
    struct cove_txn *txn;
    int err = node_begin(a->store, COVE_READ, &txn); /* it is open */

    if (err == 0) {
        err = cove_store_usage(a->store->store, &usage);
        err = admin_end(a, txn, err);
    }
    if (err == 0) {
        *out = (int64_t)usage.bytes_file;
    }
    return err;
}

static int verb_compact_file(struct admin *a)
{
    struct compact_file f = {.store = a->store,
                             .path = node_path(a->store, "data.mdb")};
    struct cove_shrink shrink = {.ready = file_ready, .ctx = &f};
    struct cove_diag diag = {0};
    int64_t before = 0, after = 0;
    int err = f.path == NULL ? COVE_ENOMEM : file_bytes(a, &before);

    if (err == 0) {
        err = node_shrink(a->store, &shrink, &diag);
        if (err == COVE_EBUSY && diag.text[0] == '\0') {
            cove_fail(&diag, err,
                      "this process has a transaction or a sync under way, so "
                      "the file cannot be made anew; end it and try again");
        }
    }
    bool done = err == 0;
    const char *names[] = {f.path};

    if (done || err == COVE_EBUSY) {
        err = done ? node_nonce_say(a->store, names, 1) : 0;
        err = err != 0 ? err : file_bytes(a, &after);
    }
    cove_alloc_free(a->store->alloc, f.path);
    if (err != 0) {
        a->diag = diag.text[0] != '\0' ? diag : a->diag;
        return err;
    }
    node_json_key(&a->reply, "done");
    node_json_bool(&a->reply, done);
    if (!done) {
        node_json_key(&a->reply, "why");
        node_json_cstr(&a->reply, diag.text);
    }
    node_json_key(&a->reply, "before");
    node_json_int(&a->reply, before);
    node_json_key(&a->reply, "after");
    node_json_int(&a->reply, after);
    return 0;
}

const struct admin_verb admin_compact_verbs[] = {
    {"compact", "id schema after slice days", verb_compact},
    {"compact.file", "", verb_compact_file},
    {NULL, NULL, NULL},
};
