/* past.c: see past.h. */
#include "node/past.h"

#include "core/hlc.h"
#include "crdt/branch.h"
#include "crdt/repo_upkeep.h"
#include "node/upkeep.h"

/* ------------------------------------------------------------------ points */

#define POINT_BYTES 20 /* a session and a length, big-endian */

static int point_frontier(struct cove_txn *txn, const char *hex,
                          struct node_point *out)
{
    size_t digits = strlen(hex);
    size_t count = digits / (size_t)(2 * POINT_BYTES);
    uint8_t *bytes;
    int err = 0;

    if (digits % (size_t)(2 * POINT_BYTES) != 0 || count > COVE_MAX_SESSIONS) {
        return COVE_EFORMAT;
    }
    bytes = cove_arena_array(&txn->arena, count + 1, POINT_BYTES);
    out->points =
        cove_arena_array(&txn->arena, count + 1, sizeof(*out->points));
    if (bytes == NULL || out->points == NULL) {
        return COVE_ENOMEM;
    }
    err = cove_hex_parse(hex, bytes, count * POINT_BYTES);
    for (size_t i = 0; i < count && err == 0; i++) {
        struct cove_reach *point = &out->points[i];

        memcpy(point->session.b, bytes + i * POINT_BYTES,
               sizeof(point->session.b));
        point->len = cove_get_be32(bytes + i * POINT_BYTES + 16);
        if (point->len == 0 ||
            (i > 0 && memcmp(&point[-1].session, &point->session,
                             sizeof(point->session)) >= 0)) {
            err = COVE_EFORMAT;
        }
    }
    out->kind = NODE_POINT_FRONTIER;
    out->count = count;
    return err;
}

int node_frontier_json(struct cove_txn *txn, const struct cove_doc *doc,
                       struct node_json *j)
{
    struct cove_reach *points;
    size_t count;
    char *text;
    int err = cove_repo_frontier(txn->worker->repo, txn->txn, doc, &txn->arena,
                                 &points, &count);

    if (err != 0) {
        return err;
    }
    text = cove_arena_array(&txn->arena, count + 1, (size_t)2 * POINT_BYTES);
    if (text == NULL) {
        return COVE_ENOMEM;
    }
    text[0] = '@';
    for (size_t i = 0; i < count; i++) {
        uint8_t bytes[POINT_BYTES];

        memcpy(bytes, points[i].session.b, sizeof(points[i].session.b));
        cove_put_be32(bytes + 16, points[i].len);
        cove_hex(cove_bytes(bytes, sizeof(bytes)),
                 text + 1 + i * 2 * POINT_BYTES);
    }
    node_json_cstr(j, text);
    return j->err;
}

static int point_time(struct cove_txn *txn, const char *text, int64_t ms,
                      struct node_point *out)
{
    const struct cove_env *env = txn->store->env;

    if (ms < 0 || ms > env->now_ms(env->ctx)) {
        return cove_fail(&txn->diag, COVE_EUSAGE,
                         "%s lies in the future, or before 1970: nothing was "
                         "as of then",
                         text);
    }
    out->kind = NODE_POINT_TIME;
    out->hlc = cove_hlc_of_ms(ms + 1) - 1;
    return 0;
}

static int point_mark(struct cove_txn *txn, const char *name,
                      struct node_point *out)
{
    struct node_mark mark;
    int err = node_mark_find(txn, name, &mark);

    if (err == 0) {
        out->kind = NODE_POINT_TIME;
        out->hlc = mark.hlc;
    }
    return err;
}

static int point_branch(struct cove_txn *txn, const struct cove_doc *doc,
                        const char *name, struct node_point *out)
{
    int err =
        cove_repo_branch_find(txn->worker->repo, txn->txn, doc,
                              cove_bytes_text(name), &out->branch, &txn->diag);

    if (err == 0) {
        out->kind = NODE_POINT_BRANCH;
    }
    return err;
}

/* A mark, or a branch, of that name. */
static int point_name(struct cove_txn *txn, const struct cove_doc *doc,
                      const char *name, struct node_point *out)
{
    struct node_point mark;
    int as_mark = point_mark(txn, name, &mark);
    int err;

    cove_diag_clear(&txn->diag);
    if (as_mark == COVE_EUSAGE) { /* no mark can have that name */
        as_mark = COVE_ENOTFOUND;
    }
    if (as_mark != 0 && as_mark != COVE_ENOTFOUND) {
        return as_mark;
    }
    err = point_branch(txn, doc, name, out);
    if (err == COVE_EUSAGE) {
        err = COVE_ENOTFOUND;
    }
    if (err == COVE_ENOTFOUND && as_mark == 0) {
        cove_diag_clear(&txn->diag);
        *out = mark;
        return 0;
    }
    if (err == 0 && as_mark == 0) {
        return cove_fail(&txn->diag, COVE_EAMBIGUOUS,
                         "%s is a mark and a branch: say mark:%s or branch:%s",
                         name, name, name);
    }
    if (err != COVE_ENOTFOUND) {
        return err;
    }
    /* What begins like a time was meant as one. */
    bool timed = name[0] == '\0' || strchr("0123456789-", name[0]) != NULL;

    cove_diag_clear(&txn->diag);
    return cove_fail(&txn->diag, timed ? COVE_EUSAGE : COVE_ENOTFOUND,
                     "\"%s\" is no time%s; a time is milliseconds since 1970, "
                     "or 2026-11-20T17:05:00Z (UTC)",
                     name, timed ? "" : ", mark or branch of the document");
}

int node_point(struct cove_txn *txn, const struct cove_doc *doc,
               const char *text, struct node_point *out)
{
    int64_t ms;
    int err;

    memset(out, 0, sizeof(*out));
    if (strcmp(text, "now") == 0) {
        return 0;
    }
    if (text[0] == '@') {
        err = point_frontier(txn, text + 1, out);
        return err == COVE_EFORMAT
                   ? cove_fail(&txn->diag, err,
                               "the text behind @ is no frontier: sessions "
                               "and lengths in hex, ascending")
                   : err;
    }
    if (strncmp(text, "mark:", 5) == 0) {
        return point_mark(txn, text + 5, out);
    }
    if (strncmp(text, "branch:", 7) == 0) {
        return point_branch(txn, doc, text + 7, out);
    }
    if (node_time_parse(text, &ms)) {
        return point_time(txn, text, ms, out);
    }
    return point_name(txn, doc, text, out);
}

/* -------------------------------------------------------------- the past */

static int past_state(struct cove_txn *txn, const struct cove_doc *doc,
                      const struct node_point *point, struct cove_arena *arena,
                      struct node_past *out)
{
    struct cove_repo *repo = txn->worker->repo;
    struct cove_state *state = &out->loaded.doc.state;
    struct cove_doc branch;
    int err = 0;

    out->owned = true;
    switch (point->kind) {
    case NODE_POINT_TIME:
        return cove_repo_state_at(repo, txn->txn, doc, point->hlc, arena, state,
                                  &txn->diag);
    case NODE_POINT_FRONTIER:
        return cove_repo_state_of(repo, txn->txn, doc, point->points,
                                  point->count, arena, state, &txn->diag);
    case NODE_POINT_BRANCH:
        err = cove_repo_load_branch(repo, txn->txn, doc->num, &point->branch,
                                    arena, &branch, &txn->diag);
        if (err == 0) {
            *state = branch.state;
        }
        break;
    case NODE_POINT_NOW:
        break;
    }
    out->owned = false;
    return err;
}

int node_past(struct cove_txn *txn, const struct cove_loaded *now,
              const struct node_point *point, struct cove_arena *arena,
              struct node_past *out)
{
    int err;

    out->loaded = *now;
    err = past_state(txn, &now->doc, point, arena, out);
    if (err != 0 || point->kind == NODE_POINT_NOW) {
        return err;
    }
    err = cove_loaded_elements(now, &out->loaded.doc.state, arena,
                               &out->loaded.elements);
    if (err != 0) {
        node_past_done(txn, out);
        return err;
    }
    /* what the document itself had: its parent is asked for what it lends a
     * list or text, children are not */
    out->loaded.kin = NULL;
    out->loaded.family = NULL;
    if (!now->raw) {
        err = cove_view_init(&out->loaded.view, arena, now->plan,
                             &out->loaded.doc.state);
        out->loaded.view.references = now->view.references;
        if (err != 0) {
            node_past_done(txn, out);
        }
    }
    return err;
}

void node_past_done(struct cove_txn *txn, struct node_past *past)
{
    if (past->owned) {
        cove_repo_state_done(txn->worker->repo, &past->loaded.doc.state);
        past->owned = false;
    }
}

/* ------------------------------------------------------------------ fields */

static int difference_add(struct node_differences *d,
                          const struct cove_edit *edit)
{
    void *edits = d->edits;
    int err =
        cove_arena_grow(d->arena, &edits, sizeof(*edit), d->count, &d->cap);

    if (err == 0) {
        d->edits = edits;
        d->edits[d->count++] = *edit;
    }
    return err;
}

/* Is the same seen? A default that shows is what a user sees, too. */
static bool field_same(const struct cove_field *a, const struct cove_field *b)
{
    return a->cell.kind == b->cell.kind &&
           (a->cell.kind == COVE_ABSENT ||
            cove_bytes_equal(a->cell.bytes, b->cell.bytes));
}

/* One field as it was, written as a user would. */
static int field_restore(const struct cove_loaded *loaded,
                         const struct cove_field *then,
                         struct node_differences *d)
{
    const struct cove_plan_register *reg = &loaded->plan->registers[then->reg];
    struct cove_edit edit = {.name = then->name, .value = then->cell.bytes};

    if (then->cell.kind == COVE_INVALID) {
        return d->stays != NULL ? d->stays(d->ctx, then->name) : 0;
    }
    /* A required field cannot be deleted; its default was what users saw. */
    edit.deleted = then->cell.kind == COVE_ABSENT ||
                   (then->from_default && !reg->required);
    return difference_add(d, &edit);
}

static int fields_compare(struct cove_loaded *loaded,
                          const struct cove_state *from,
                          const struct cove_state *to,
                          struct node_differences *d)
{
    struct cove_view views[2];
    int err = cove_view_init(&views[0], d->arena, loaded->plan, from);

    if (err == 0) {
        err = cove_view_init(&views[1], d->arena, loaded->plan, to);
    }
    for (size_t i = 0; err == 0 && i < loaded->plan->field_count; i++) {
        struct cove_field now;
        struct cove_field then;

        err = cove_view_field(&views[0], i, &now);
        if (err == 0) {
            err = cove_view_field(&views[1], i, &then);
        }
        if (err == 0 && !field_same(&now, &then)) {
            err = field_restore(loaded, &then, d);
        }
    }
    return err;
}

/* What a document without a schema shows under a key; NULL where nothing. */
static const struct cove_bytes *raw_value(const struct cove_state *state,
                                          struct cove_bytes reg)
{
    const struct cove_native *native = NULL;
    const struct cove_copy *copy = NULL;

    if (cove_state_winner(state, reg, &native, &copy) != 0) {
        return NULL;
    }
    if (native != NULL) {
        return native->deleted ? NULL : &native->value;
    }
    return copy == NULL || copy->deleted ? NULL : &copy->value;
}

static int raw_compare_key(const struct cove_state *from,
                           const struct cove_state *to, struct cove_bytes reg,
                           struct node_differences *d)
{
    const struct cove_bytes *now = raw_value(from, reg);
    const struct cove_bytes *then = raw_value(to, reg);
    struct cove_edit edit = {.name = reg, .deleted = then == NULL};

    if ((now == NULL && then == NULL) ||
        (now != NULL && then != NULL && cove_bytes_equal(*now, *then))) {
        return 0;
    }
    if (then != NULL) {
        edit.value = *then;
    }
    return difference_add(d, &edit);
}

static bool raw_has(const struct cove_state *state, struct cove_bytes reg)
{
    size_t begin;
    size_t end;

    cove_state_natives(state, reg, &begin, &end);
    return end > begin;
}

/* All keys that either has. */
static int raw_compare(const struct cove_state *from,
                       const struct cove_state *to, struct node_differences *d)
{
    const struct cove_state *both[] = {from, to};
    int err = 0;

    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < both[k]->native_count && err == 0; i++) {
            struct cove_bytes reg = both[k]->natives[i].reg;
            bool again =
                (i > 0 && cove_bytes_equal(reg, both[k]->natives[i - 1].reg)) ||
                (k > 0 && raw_has(from, reg));

            err = again ? 0 : raw_compare_key(from, to, reg, d);
        }
    }
    return err;
}

int node_differences(struct cove_loaded *loaded, const struct cove_state *from,
                     const struct cove_state *to, struct node_differences *d)
{
    return loaded->raw ? raw_compare(from, to, d)
                       : fields_compare(loaded, from, to, d);
}

/* --------------------------------------------------------- lists and texts */

int node_fix(struct cove_txn *txn, struct node_doc *d,
             const struct cove_seq_fix *fixes, size_t count)
{
    int err = 0;

    for (size_t i = count; i > 0 && err == 0; i--) {
        const struct cove_seq_fix *fix = &fixes[i - 1];
        struct cove_compose_insert in = {.behind = &fix->at,
                                         .content = fix->content,
                                         .count = fix->count,
                                         .type = fix->type};

        err = fix->content.len == 0
                  ? node_remove_of(txn, d, fix->at, fix->count)
                  : node_insert(txn, d, &in);
        if (err != 0 && i < count) { /* some of it is done */
            txn->broken = txn->broken != 0 ? txn->broken : err;
        }
    }
    return err;
}

/* ---------------------------------------------------------------- counters */

int node_add(struct cove_txn *txn, struct cove_doc *doc, cove_wide amount)
{
    struct cove_tx_op ops[4];
    struct cove_tx tx = {.kind = COVE_TX_NATIVE,
                         .epoch_inherited = true,
                         .auth_inherited = true,
                         .ops = ops};

    memset(ops, 0, sizeof(ops));
    while (amount != 0 && tx.op_count < COVE_ARRAY_LEN(ops)) {
        cove_wide part = amount > INT64_MAX   ? INT64_MAX
                         : amount < INT64_MIN ? INT64_MIN
                                              : amount;

        ops[tx.op_count].kind = COVE_OP_ADD;
        ops[tx.op_count++].amount = (int64_t)part;
        amount -= part;
    }
    if (amount != 0) {
        return cove_fail(&txn->diag, COVE_ELIMIT,
                         "the counter would change by more than one "
                         "transaction can add");
    }
    return cove_repo_append(txn->worker->repo, txn->txn, doc, &tx, &txn->diag);
}
