/* admin_check.c: check: is the store whole?
 *
 * First the pages of its file, read without LMDB, which would follow a damaged
 * one out of its map: where one is damaged nothing else is read. Then, with
 * `deep`, all that the repo keeps, in slices (crdt/repo_check.h); otherwise
 * headers, logs and counts. A store that could not be opened is looked at
 * all the same. */
#include "core/store_pages.h"
#include "crdt/pack.h"
#include "node/check.h"

#include <stdio.h>
#include <time.h>

#define CHECK_STEP_MS 500

/* ---------------------------------------------------------------- findings */

const char *check_advice(const char *kind, bool derived)
{
    static const struct {
        const char *kind, *advice;
    } advices[] = {
        {"page", "`cove recover` saves what is whole into a new store"},
        {"open", "`cove recover` saves what is whole into a new store"},
        {"refetch", "sync with a peer that has it"},
        {"nonce", "nothing is to be done; if the store was not moved or put "
                  "back on purpose, look who did"},
        {"journal-entry", "publish the migration again under a new version"},
        {"registry-entry", "sync with a peer that has the journal, or publish "
                           "the schema again"},
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(advices); i++) {
        if (strcmp(kind, advices[i].kind) == 0) {
            return advices[i].advice;
        }
    }
    return derived ? "`cove check --repair` makes it again"
                   : "`cove check --repair` puts it aside, and a peer sends it "
                     "again; without one `cove recover` saves the rest";
}

static void finding_json(struct node_json *j, const struct cove_finding *f)
{
    node_json_open(j, '{');
    node_json_key(j, "kind");
    node_json_cstr(j, f->kind);
    node_json_key(j, "derived");
    node_json_bool(j, f->derived);
    node_json_key(j, "fixed");
    node_json_bool(j, f->fixed);
    if (f->has_id) {
        node_json_key(j, "id");
        node_json_id(j, &f->id);
    }
    if (f->has_session) {
        node_json_key(j, "session");
        node_json_hex(j, f->session.b, sizeof(f->session.b));
    }
    if (f->index != 0) {
        node_json_key(j, "index");
        node_json_int(j, f->index);
    }
    if (f->from != f->to) {
        node_json_key(j, "from");
        node_json_int(j, f->from);
        node_json_key(j, "to");
        node_json_int(j, f->to);
    }
    node_json_key(j, "why");
    node_json_cstr(j, f->text);
    node_json_key(j, "advice");
    node_json_cstr(j, f->fixed && f->derived
                          ? "nothing is to be done: it was made again"
                          : check_advice(f->kind, f->derived));
    node_json_close(j, '}');
}

int check_finding(void *check, const struct cove_finding *finding)
{
    struct check *c = check;

    c->lost += !finding->derived;
    c->waiting += strcmp(finding->kind, "refetch") == 0;
    c->derived += finding->derived;
    c->fixed += finding->fixed;
    if (c->shown < CHECK_SHOWN) {
        c->shown++;
        finding_json(&c->a->reply, finding);
    }
    return c->a->reply.err;
}

void check_progress(struct check *c, uint64_t done, uint64_t total)
{
    struct cove *store = c->a->store;
    struct timespec now;
    int64_t ms;
    char line[80];

    if (store->log == NULL) {
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    if (ms - c->told_ms >= CHECK_STEP_MS) {
        c->told_ms = ms;
        snprintf(line, sizeof(line), "progress %llu of %llu",
                 (unsigned long long)done, (unsigned long long)total);
        store->log(store->log_ctx, line);
    }
}

/* ------------------------------------------------------------------- pages */

static const char *const tree_names[] = {
    "names",    "ids",     "documents", "logs",    "checkpoints",
    "interned", "intern",  "schemas",   "changes", "forks",
    "records",  "peers",   "runs",      "tallies", "spoken",
    "groups",   "indexes", "indexed",   "sums",    "cuts"};

static const char *tree_name(unsigned tree)
{
    if (tree == COVE_PAGES_FREE) {
        return "the list of free pages";
    }
    if (tree == COVE_PAGES_NAMES) {
        return "the names of the trees";
    }
    return tree < COVE_ARRAY_LEN(tree_names) && tree > 0 ? tree_names[tree]
                                                         : "the store itself";
}

/* The numbers that two keys begin with: documents', in most trees. */
static void page_range(const struct cove_page_fault *fault, char *out,
                       size_t size)
{
    struct cove_bytes from = fault->from, to = fault->to;
    uint64_t first = 0, last = 0;

    out[0] = '\0';
    if (from.len == 0 || cove_place_take(&from, &first) != 0) {
        first = 0;
    }
    if (to.len == 0 || cove_place_take(&to, &last) != 0) {
        last = 0;
    }
    if (fault->tree >= 2 && fault->tree <= 4 && last > 0) {
        snprintf(out, size, "; below it are the documents number %llu to %llu",
                 (unsigned long long)first, (unsigned long long)last);
    } else if (fault->tree >= 2 && fault->tree <= 4 && first > 0) {
        snprintf(out, size, "; below it are the documents from number %llu on",
                 (unsigned long long)first);
    }
}

static int page_fault(void *ctx, const struct cove_page_fault *fault)
{
    struct check *c = ctx;
    char text[320], range[120];
    struct cove_finding f = {.kind = "page", .text = text};

    page_range(fault, range, sizeof(range));
    snprintf(text, sizeof(text), "page %llu of data.mdb (%s) %s%s",
             (unsigned long long)fault->page, tree_name(fault->tree),
             fault->what, range);
    c->pages++;
    return check_finding(c, &f);
}

static int page_step(void *ctx, uint64_t done, uint64_t total)
{
    check_progress(ctx, done, total);
    return 0;
}

static void pages_json(struct node_json *j, const struct cove_pages_sum *sum)
{
    node_json_key(j, "pages");
    node_json_open(j, '{');
    node_json_key(j, "bytes");
    node_json_int(j, (int64_t)sum->page_bytes);
    node_json_key(j, "used");
    node_json_int(j, (int64_t)sum->used);
    node_json_key(j, "free");
    node_json_int(j, (int64_t)sum->free);
    node_json_key(j, "lost");
    node_json_int(j, (int64_t)sum->lost);
    node_json_close(j, '}');
}

/* Under a read transaction, where the store is open: the state that it sees
 * stays in the file. */
static int check_pages(struct check *c, struct cove_pages_sum *sum)
{
    struct cove_pages_visit visit = {
        .fault = page_fault, .step = page_step, .ctx = c};
    struct cove *store = c->a->store;
    struct cove_store_txn *txn = NULL;
    struct cove_pages *pages = NULL;
    int err = 0;

    if (store->dir == NULL) {
        return 0;
    }
    if (store->opened) {
        err = node_hold(store);
        if (err != 0) {
            return err;
        }
        err = cove_store_begin(store->store, false, &txn);
    }
    if (err == 0) {
        err = cove_pages_open(store->dir, store->alloc, &pages, &c->a->diag);
    }
    if (err == 0) {
        err = cove_pages_walk(pages, &visit);
        *sum = *cove_pages_sum(pages);
        cove_pages_close(pages);
    }
    cove_store_abort(txn);
    if (store->opened) {
        node_let(store);
    }
    return err;
}

/* ------------------------------------------------------------------- slices
 */

static int check_slice(struct check *c, struct cove_check *check, bool *over)
{
    const struct cove_check_sum *sum = cove_check_sum(check);
    struct cove_store_txn *txn;
    int err = cove_store_begin(c->a->store->store, c->repair, &txn);

    if (err != 0) {
        return err;
    }
    err = cove_check_step(check, txn, over);
    if (err == 0 && c->repair) {
        err = cove_store_commit(txn);
    } else {
        cove_store_abort(txn);
    }
    check_progress(c, sum->done, sum->total);
    return err;
}

static void sum_json(struct node_json *j, const struct cove_check_sum *sum)
{
    node_json_key(j, "documents");
    node_json_int(j, (int64_t)sum->documents);
    node_json_key(j, "sessions");
    node_json_int(j, (int64_t)sum->sessions);
    node_json_key(j, "transactions");
    node_json_int(j, (int64_t)sum->transactions);
}

/* The store was opened with a session of its own, at some time. */
static int nonce_look(struct check *c, struct cove_store_txn *txn)
{
    struct cove_finding f = {
        .kind = "nonce",
        .derived = true,
        .fixed = c->repair,
        .text = "the file `nonce` was missing or that of another store, as "
                "after a move or a restore: the session was ended"};
    struct cove_bytes key = cove_bytes_text(NODE_RENEWED), value;
    int err = cove_repo_record_get(c->worker->repo, txn, COVE_RECORDS_META, key,
                                   &value);

    if (err == 0) {
        err = check_finding(c, &f);
    }
    return err == 0 && c->repair ? cove_repo_record_del(c->worker->repo, txn,
                                                        COVE_RECORDS_META, key)
                                 : err;
}

static int check_nonce(struct check *c)
{
    struct cove_store_txn *txn;
    int err = cove_store_begin(c->a->store->store, c->repair, &txn);

    if (err != 0) {
        return err;
    }
    err = nonce_look(c, txn);
    if (err == 0 && c->repair) {
        return cove_store_commit(txn);
    }
    cove_store_abort(txn);
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* What the repo does not know of. A repair has changed what the worker holds:
 * it goes on with another. */
static int check_rest(struct check *c)
{
    struct cove_store_txn *txn;
    int err = check_nonce(c);

    if (err == 0 && c->repair) {
        node_worker_drop(c->a->store, c->worker);
        c->worker = NULL;
        err = node_worker_take(c->a->store, &c->worker);
    }
    err = err != 0 ? err : check_indexes(c);
    err = err != 0 ? err : cove_store_begin(c->a->store->store, false, &txn);
    if (err == 0) {
        err = check_journals(c, txn);
        cove_store_abort(txn);
    }
    return err;
}

static int check_all(struct check *c, struct cove_check_sum *sum)
{
    struct cove_check_options opt = {.repair = c->repair,
                                     .quick = !c->deep,
                                     .finding = check_finding,
                                     .ctx = c};
    struct cove_check *check = NULL;
    bool over = false;
    int err = node_worker_take(c->a->store, &c->worker);

    if (err != 0) {
        return err;
    }
    err = cove_check_new(c->worker->repo, &opt, &check);
    while (err == 0 && !over) {
        err = check_slice(c, check, &over);
    }
    if (err == 0) {
        *sum = *cove_check_sum(check);
    }
    cove_check_free(check);
    if (err == COVE_ECORRUPT) { /* what every operation reads first */
        struct cove_finding f = {
            .kind = "open",
            .text = "a record of the store itself is damaged: nothing can be "
                    "checked by it"};

        err = check_finding(c, &f);
    } else if (err == 0 && c->deep) {
        err = check_rest(c);
    }
    if (c->worker == NULL) {
        return err;
    }
    if (err == 0 && c->deep) {
        check_note(c);
    }
    if (c->repair) { /* what it has in memory is of before */
        node_worker_drop(c->a->store, c->worker);
    } else {
        node_worker_give(c->a->store, c->worker);
    }
    return err;
}

/* --------------------------------------------------------------------- verb
 */

static void check_ends(struct check *c, const struct cove_pages_sum *pages)
{
    struct node_json *j = &c->a->reply;

    node_json_key(j, "lost");
    node_json_int(j, (int64_t)c->lost);
    node_json_key(j, "derived");
    node_json_int(j, (int64_t)c->derived);
    node_json_key(j, "fixed");
    node_json_int(j, (int64_t)c->fixed);
    node_json_key(j, "shown");
    node_json_int(j, (int64_t)c->shown);
    if (pages->pages > 0) {
        pages_json(j, pages);
    }
}

/* Why the store was not opened, beside what its pages say. */
static int check_closed(struct check *c)
{
    struct cove_finding f = {.kind = "open", .text = c->a->store->diag.text};

    return check_finding(c, &f);
}

static int check_run(struct check *c, struct cove_check_sum *sum,
                     struct cove_pages_sum *pages)
{
    bool open = c->a->store->opened;
    int err = c->deep || !open ? check_pages(c, pages) : 0;

    if (err == 0 && !open) {
        return check_closed(c);
    }
    return err != 0 || c->pages > 0 ? err : check_all(c, sum);
}

int admin_check(struct admin *a)
{
    struct check c = {.a = a};
    struct cove_check_sum sum = {.documents = 0};
    struct cove_pages_sum pages = {.pages = 0};
    int err = admin_flag(a, "deep", &c.deep);

    err = err != 0 ? err : admin_flag(a, "repair", &c.repair);
    if (err != 0) {
        return err;
    }
    c.deep = c.deep || c.repair;
    node_json_key(&a->reply, "damaged");
    node_json_open(&a->reply, '[');
    err = check_run(&c, &sum, &pages);
    node_json_close(&a->reply, ']');
    sum_json(&a->reply, &sum);
    check_ends(&c, &pages);
    return err;
}

const struct admin_verb admin_check_verbs[] = {
    {"check", "deep repair", admin_check},
    {NULL, NULL, NULL},
};
