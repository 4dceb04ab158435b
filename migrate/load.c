/* load.c: see load.h.
 *
 * What is due depends on the ops, on the journal, and on which heads are live:
 * the newest, the one asked for, and those at which somebody wrote lately. The
 * heads are taken in one order everywhere, descendants first; a register is
 * the business of the first head that shows it, so that two heads never take
 * turns in overwriting each other's copy. The key of the progress cache is the
 * hash of journal and heads; any new op clears it.
 */
#include "migrate/load.h"

#include "core/hlc.h"
#include "core/value.h"
#include "crdt/branch.h"
#include "crdt/repo_upkeep.h"
#include "migrate/kin.h"

#define LOAD_DAYS     90
#define LOAD_DAY_MS   86400000
#define LOAD_TX_ROOM  48000 /* bytes of values and origins in one copy tx */
#define LOAD_TX_BYTES 120   /* of a transaction of copies besides them */

struct load {
    struct cove_catalog *catalog;
    struct cove_repo *repo;
    struct cove_store_txn *txn;
    const struct cove_load_request *request;
    struct cove_arena *arena;
    struct cove_loaded *out;
    struct cove_diag *diag;
    const struct cove_schema_doc *schema;
    const struct cove_journal *journal; /* its */
    const struct cove_step *newest;     /* of it */
    struct cove_step_id heads[COVE_HEADS];
    size_t head_count;
    bool at_newest; /* loaded at it: the state that counts */
};

/* ------------------------------------------------------------- live heads */

static void heads_add(struct load *l, const struct cove_step_id *head)
{
    const struct cove_step *step = cove_journal_find(l->journal, head);

    if (step == NULL || step->state != COVE_STEP_ACTIVE || step->annotation ||
        step->retired || l->head_count == COVE_HEADS) {
        return;
    }
    for (size_t i = 0; i < l->head_count; i++) {
        if (memcmp(l->heads[i].b, head->b, sizeof(head->b)) == 0) {
            return;
        }
    }
    l->heads[l->head_count++] = *head;
}

/* Does a stand before b: it descends from b, or neither does and it is the
 * smaller id? */
static bool head_before(const struct cove_journal *journal,
                        const struct cove_step_id *a,
                        const struct cove_step_id *b)
{
    if (cove_journal_descends(journal, a, b)) {
        return true;
    }
    return !cove_journal_descends(journal, b, a) &&
           memcmp(a->b, b->b, sizeof(a->b)) < 0;
}

static void heads_find(struct load *l)
{
    const struct cove_state *state = &l->out->doc.state;
    const struct cove_env *env = cove_repo_env(l->repo);
    int64_t days =
        l->request->live_days > 0 ? l->request->live_days : LOAD_DAYS;
    int64_t since = env->now_ms(env->ctx) - days * LOAD_DAY_MS;

    l->head_count = 0;
    l->at_newest = l->newest != NULL && memcmp(l->newest->id.b, l->out->head.b,
                                               sizeof(l->out->head.b)) == 0;
    if (l->newest != NULL) {
        heads_add(l, &l->newest->id);
    }
    heads_add(l, &l->out->head);
    for (size_t i = 0; i < state->native_count; i++) {
        const struct cove_native *n = &state->natives[i];
        bool same = i > 0 && n->id.hlc == n[-1].id.hlc &&
                    memcmp(&n->epoch, &n[-1].epoch, sizeof(n->epoch)) == 0;

        if (n->has_epoch && !same && cove_hlc_ms(n->id.hlc) >= since) {
            heads_add(l, &n->epoch);
        }
    }
    for (size_t i = 1; i < l->head_count; i++) {
        struct cove_step_id head = l->heads[i];
        size_t k = i;

        while (k > 0 && head_before(l->journal, &head, &l->heads[k - 1])) {
            l->heads[k] = l->heads[k - 1];
            k--;
        }
        l->heads[k] = head;
    }
}

static const struct cove_hash *heads_key(const struct load *l)
{
    struct cove_heads *seen = l->schema->heads;
    size_t len = l->head_count * sizeof(l->heads[0]);

    if (seen->count == 0 || seen->count != l->head_count ||
        memcmp(seen->head, l->heads, len) != 0) {
        struct cove_hash journal = cove_journal_fingerprint(l->journal);
        struct cove_bytes parts[] = {cove_bytes(journal.b, sizeof(journal.b)),
                                     cove_bytes(l->heads, len)};

        seen->key = cove_hash_parts("cove/clean", parts, COVE_ARRAY_LEN(parts));
        seen->count = l->head_count;
        memcpy(seen->head, l->heads, len);
    }
    return &seen->key;
}

/* ------------------------------------------------------------------ copies */

struct load_due {
    struct cove_tx_op *ops;
    size_t count, cap;
    uint8_t *seen; /* by register: a head before has shown it */
    bool open;     /* there may be more */
};

static int due_push(struct load *l, struct load_due *due,
                    const struct cove_plan *plan, const struct cove_due *d)
{
    void *ops = due->ops;
    int err = cove_arena_grow(l->arena, &ops, sizeof(*due->ops), due->count,
                              &due->cap);

    if (err != 0) {
        return err;
    }
    due->ops = ops;
    due->ops[due->count++] = (struct cove_tx_op){
        .deleted = d->cell.kind == COVE_ABSENT,
        .reg = plan->registers[d->reg].id,
        .value = d->cell.bytes,
        .origins = d->origins,
        .origin_count = d->origin_count,
    };
    return 0;
}

/* What one live head would write, but for registers of heads before it. */
static int due_of_head(struct load *l, const struct cove_step_id *head,
                       struct load_due *due)
{
    struct cove_doc *doc = &l->out->doc;
    struct cove_loaded other = *l->out;
    struct cove_view *view = &l->out->view;
    const struct cove_plan *plan;
    struct cove_due *found;
    size_t count;
    int err =
        cove_catalog_plan(l->catalog, l->txn, doc->schema_num, head, &plan);

    if (err == 0 && plan != l->out->plan) {
        view = &other.view;
        err = cove_kin_view(l->catalog, l->txn, &other, plan, l->diag);
    }
    if (err == 0) {
        err = cove_view_due(view, &found, &count);
        due->open = due->open || view->open;
    }
    if (err == 0 && due->seen == NULL) {
        due->seen = cove_arena_new(l->arena, plan->register_count + 1);
        err = due->seen == NULL ? COVE_ENOMEM : 0;
    }
    for (size_t i = 0; err == 0 && i < count; i++) {
        if (!due->seen[found[i].reg]) {
            err = due_push(l, due, plan, &found[i]);
        }
    }
    for (size_t i = 0; err == 0 && i < plan->field_count; i++) {
        due->seen[plan->fields[i].reg] = 1;
    }
    return err;
}

static size_t op_weight(const struct cove_tx_op *op)
{
    size_t weight = op->reg.len + op->value.len + 16;

    for (size_t i = 0; i < op->origin_count; i++) {
        weight += op->origins[i].reg.len + 90;
    }
    return weight;
}

/* What the copies add to the log: one transaction of the session, of which
 * origins are most. */
static uint32_t due_bytes(const struct load_due *due)
{
    size_t bytes = due->count > 0 ? LOAD_TX_BYTES : 0;

    for (size_t i = 0; i < due->count; i++) {
        bytes += op_weight(&due->ops[i]);
    }
    return bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
}

/* The hashes that name the origins' transactions. `last` is the one looked up
 * before: most copies of a document have one origin. */
static int copies_hash(struct load *l, struct cove_tx_op *op,
                       struct cove_origin *last)
{
    for (size_t i = 0; i < op->origin_count; i++) {
        struct cove_origin *o = &op->origins[i];

        if (cove_op_id_is_none(&o->id)) {
            continue;
        }
        if (last->id.tx != o->id.tx || last->id.hlc != o->id.hlc ||
            memcmp(last->id.session.b, o->id.session.b,
                   sizeof(o->id.session.b)) != 0) {
            int err = cove_repo_tx_hash(l->repo, l->txn, &l->out->doc, &o->id,
                                        last->tx_hash);

            if (err != 0) {
                return err;
            }
            last->id = o->id;
        }
        memcpy(o->tx_hash, last->tx_hash, sizeof(o->tx_hash));
    }
    return 0;
}

/* One transaction of the session for all copies, or as few as they fit in. */
static int copies_write(struct load *l, struct load_due *due,
                        const struct cove_hash *key)
{
    struct cove_origin last = {.held = false};
    int err = 0;

    for (size_t i = 0; i < due->count && err == 0; i++) {
        err = copies_hash(l, &due->ops[i], &last);
    }
    for (size_t begin = 0; begin < due->count && err == 0;) {
        size_t end = begin, room = LOAD_TX_ROOM;

        while (end < due->count && end - begin < COVE_MAX_TX_OPS &&
               (end == begin || op_weight(&due->ops[end]) <= room)) {
            size_t weight = op_weight(&due->ops[end]);

            room -= weight < room ? weight : room;
            end++;
        }
        struct cove_tx tx = {.kind = COVE_TX_COPY,
                             .epoch_inherited = true,
                             .auth_inherited = true,
                             .ops = due->ops + begin,
                             .op_count = end - begin};

        if (end == due->count && !due->open &&
            !cove_doc_on_branch(&l->out->doc)) {
            /* then nothing is due any more */
            l->out->doc.clean_next = *key;
        }
        err = cove_repo_append(l->repo, l->txn, &l->out->doc, &tx, l->diag);
        begin = end;
    }
    return err;
}

/* Remember that nothing is due (clean NULL: that is not so), and, at the newest
 * version, how the document stands: what status counts. */
static int load_settle(struct load *l, const struct cove_hash *clean)
{
    struct cove_doc *doc = &l->out->doc;
    struct cove_hash plan = cove_journal_fingerprint(l->journal);
    enum cove_doc_state state;

    if (l->request->mode != COVE_LOAD_MIGRATE || cove_doc_on_branch(doc)) {
        return 0; /* what is noted is of the document itself */
    }
    if (!l->at_newest) {
        return clean != NULL ? cove_repo_set_clean(l->repo, l->txn, doc, clean)
                             : 0;
    }
    int err = cove_loaded_state(l->out, &state);

    return err != 0 ? err
                    : cove_repo_settle(l->repo, l->txn, doc,
                                       clean != NULL ? clean : &doc->clean,
                                       plan.b, (uint8_t)state);
}

/* Is there nothing to do since the last time that somebody looked? */
static bool load_is_clean(const struct load *l, const struct cove_hash *key)
{
    const struct cove_doc *doc = &l->out->doc;
    struct cove_hash plan = cove_journal_fingerprint(l->journal);

    return !cove_doc_on_branch(doc) &&
           memcmp(doc->clean.b, key->b, sizeof(key->b)) == 0 &&
           (!l->at_newest || l->request->mode != COVE_LOAD_MIGRATE ||
            memcmp(doc->judged_plan, plan.b, sizeof(doc->judged_plan)) == 0);
}

/* Does every field of a clean document stand in a copy that says what the view
 * says? So it is where somebody who may write looked, at this journal and these
 * heads: what is due was written then, and a copy of the same write with
 * another value would have been due. It holds for the head that comes first,
 * since another's copies may be of another's values; and where all values were
 * valid, since an invalid one gets no copy, but may have one that somebody
 * forged. Whatever comes to the document takes clean and judgement away. */
static bool load_is_settled(const struct load *l)
{
    const struct cove_doc *doc = &l->out->doc;
    struct cove_hash plan = cove_journal_fingerprint(l->journal);

    return l->at_newest &&
           memcmp(l->heads[0].b, l->out->head.b, sizeof(l->out->head.b)) == 0 &&
           memcmp(doc->judged_plan, plan.b, sizeof(doc->judged_plan)) == 0 &&
           (doc->judged_state == COVE_STATE_CURRENT ||
            doc->judged_state == COVE_STATE_VIEWED);
}

static int load_copies(struct load *l, const struct cove_hash *key)
{
    struct cove_loaded *out = l->out;
    struct load_due due = {0};
    bool may = out->doc.my_role >= COVE_ROLE_WRITER &&
               l->request->mode == COVE_LOAD_MIGRATE;
    int err = 0;

    for (size_t i = 0; i < l->head_count && err == 0; i++) {
        err = due_of_head(l, &l->heads[i], &due);
    }
    if (err != 0) {
        return err;
    }
    out->copies_due = (uint32_t)due.count;
    out->due_bytes = due_bytes(&due);
    if (!may) {
        return load_settle(l, NULL);
    }
    if (due.count > 0) {
        err = copies_write(l, &due, key);
        if (err == 0) {
            out->copies_written = out->copies_due;
            out->copies_due = 0;
            out->due_bytes = 0;
            err = cove_kin_view(l->catalog, l->txn, out, out->plan, l->diag);
        }
    }
    return err != 0 ? err : load_settle(l, due.open ? NULL : key);
}

/* The first half of it: is there anything to look for? */
static int load_due(struct load *l)
{
    const struct cove_hash *key;

    heads_find(l);
    key = heads_key(l);
    if (load_is_clean(l, key)) {
        l->out->view.settled = load_is_settled(l);
        return 0;
    }
    if (l->request->later) {
        l->out->due_later = true;
        return 0;
    }
    return load_copies(l, key);
}

/* -------------------------------------------------------------------- load */

static int load_head(struct load *l)
{
    cove_num journal = l->out->doc.schema_num;
    const struct cove_schema_doc *schema;
    int err = cove_catalog_open(l->catalog, l->txn, journal, &schema);

    if (err == COVE_ENOTFOUND) {
        return cove_fail(l->diag, COVE_EBLOCKED,
                         "the journal of this document's schema is not here "
                         "yet; read it raw, or sync with a peer that has it "
                         "(it goes to members of the group that owns the "
                         "schema)");
    }
    if (err == COVE_ETYPE) { /* a header that another device made up */
        return cove_fail(l->diag, COVE_EBLOCKED,
                         "what this document's header names as its schema is "
                         "no journal; read it raw");
    }
    if (err == 0 && l->request->head != NULL) {
        l->out->head = *l->request->head;
    } else if (err == 0 && l->request->choose != NULL) {
        err = l->request->choose(l->request->choose_ctx, schema, &l->out->head);
    } else if (err == 0) {
        err = cove_schema_doc_head(schema, NULL, &l->out->head, l->diag);
    }
    if (err == 0) {
        l->schema = schema;
        l->journal = schema->journal;
        l->newest = cove_schema_doc_newest(schema);
        err = cove_catalog_plan(l->catalog, l->txn, journal, &l->out->head,
                                &l->out->plan);
    }
    if (err == COVE_EBLOCKED) {
        cove_fail(l->diag, err,
                  "the version asked for is not active here: a step is missing "
                  "or malformed; `cove migrate status` says which");
    }
    return err;
}

int cove_load(struct cove_catalog *catalog, struct cove_store_txn *txn,
              const struct cove_load_request *request, struct cove_arena *arena,
              struct cove_loaded *out, struct cove_diag *diag)
{
    struct load l = {.catalog = catalog,
                     .repo = cove_catalog_repo(catalog),
                     .txn = txn,
                     .request = request,
                     .arena = arena,
                     .out = out,
                     .diag = diag};

    memset(out, 0, sizeof(*out));
    int err = cove_repo_load_branch(l.repo, txn, request->num, &request->branch,
                                    arena, &out->doc, diag);

    if (err != 0) {
        return err;
    }
    if (request->mode != COVE_LOAD_RAW && out->doc.schema_num == 0) {
        err = cove_kin_open(catalog, txn, out, diag);
    }
    out->raw = request->mode == COVE_LOAD_RAW || out->doc.schema_num == 0;
    if (err != 0 || out->raw) {
        return err;
    }
    err = load_head(&l);
    if (err == 0) {
        err = cove_kin_view(catalog, txn, out, out->plan, diag);
    }
    if (err == 0 && !cove_loaded_is_child(out)) {
        err = load_due(&l);
    }
    return err;
}

int cove_loaded_due(struct cove_catalog *catalog, struct cove_store_txn *txn,
                    int64_t live_days, struct cove_loaded *loaded,
                    struct cove_diag *diag)
{
    const struct cove_load_request request = {
        .num = loaded->doc.num, .mode = COVE_LOAD_VIEW, .live_days = live_days};
    struct load l = {.catalog = catalog,
                     .repo = cove_catalog_repo(catalog),
                     .txn = txn,
                     .request = &request,
                     .arena = loaded->view.arena,
                     .out = loaded,
                     .diag = diag};

    if (!loaded->due_later) {
        return 0;
    }
    int err =
        cove_catalog_open(catalog, txn, loaded->doc.schema_num, &l.schema);

    if (err == 0) {
        l.journal = l.schema->journal;
        l.newest = cove_schema_doc_newest(l.schema);
        err = load_due(&l);
    }
    if (err == 0) {
        loaded->due_later = false;
    }
    return err;
}

int cove_load_made(struct cove_catalog *catalog, struct cove_store_txn *txn,
                   const struct cove_step_id *head, struct cove_loaded *loaded,
                   struct cove_diag *diag)
{
    struct cove_load_request request = {.head = head};
    struct load l = {.catalog = catalog,
                     .txn = txn,
                     .request = &request,
                     .out = loaded,
                     .diag = diag};

    loaded->raw = head == NULL;
    return loaded->raw ? 0 : load_head(&l);
}

int cove_loaded_at(struct cove_catalog *catalog, struct cove_store_txn *txn,
                   const struct cove_loaded *loaded,
                   const struct cove_step_id *head, struct cove_loaded *at)
{
    const struct cove_plan *plan;

    if (loaded->doc.schema_num == 0) {
        return COVE_EUSAGE;
    }
    int err =
        cove_catalog_plan(catalog, txn, loaded->doc.schema_num, head, &plan);

    if (err != 0) {
        return err;
    }
    *at = *loaded; /* what is viewed lies in it */
    at->raw = false;
    at->head = *head;
    return cove_kin_view(catalog, txn, at, plan, NULL);
}
