/* admin_steps.c: migrate.status: the steps of each schema, drift, and how far
 * its run is. */
#include "core/hlc.h"
#include "crdt/history.h"
#include "node/admin.h"
#include "schema/fn.h"
#include "schema/step.h"
#include "schema/step_extra.h"

#include <stdlib.h>

static void status_parents(struct node_json *j, const struct cove_step *step)
{
    node_json_key(j, "parents");
    node_json_open(j, '[');
    for (size_t i = 0; i < step->parent_count; i++) {
        node_json_hex(j, step->parents[i].b, sizeof(step->parents[i].b));
    }
    node_json_close(j, ']');
}

/* Who wrote the entry first, and when. */
static void status_author(struct node_json *j, const struct cove_event *events,
                          size_t count, const struct cove_step *step)
{
    char hex[COVE_HEX_LEN(32)];

    cove_hex(cove_bytes(step->id.b, sizeof(step->id.b)), hex);
    for (size_t i = 0; i < count; i++) {
        if (cove_bytes_equal(events[i].reg, cove_bytes_text(hex))) {
            node_json_author(j, &events[i].id);
            return;
        }
    }
}

/* The steps as people count them: by version, then by id. */
static int status_order(const void *left, const void *right)
{
    const struct cove_step *a = *(const struct cove_step *const *)left;
    const struct cove_step *b = *(const struct cove_step *const *)right;
    int64_t x = a->has_version ? a->version : INT64_MAX;
    int64_t y = b->has_version ? b->version : INT64_MAX;

    return x != y ? (x < y ? -1 : 1)
                  : memcmp(a->id.b, b->id.b, sizeof(a->id.b));
}

struct status {
    struct admin *a;
    struct cove_txn *txn;
    const struct cove_schema_doc *schema;
    const struct cove_step **steps; /* in that order */
    size_t count;
    struct cove_event *events; /* of the journal document */
    size_t event_count;
};

/* Operations of a step that do nothing at a newest version, since another step
 * said otherwise before: [{"head", "op"}]. In *own: one of its own history. */
static int status_inert(struct status *s, const struct cove_step *step,
                        bool *own)
{
    struct node_json *j = &s->a->reply;
    const struct cove_journal *journal = s->schema->journal;
    bool any = false;

    for (size_t i = 0; i < s->count; i++) {
        const struct cove_step *head = s->steps[i];
        const struct cove_plan *plan;

        if (head->state != COVE_STEP_ACTIVE ||
            !cove_journal_leaf(journal, head)) {
            continue;
        }
        int err = cove_catalog_plan(s->txn->worker->catalog, s->txn->txn,
                                    s->schema->num, &head->id, &plan);

        if (err != 0) {
            return err;
        }
        for (size_t k = 0; k < plan->conflict_count; k++) {
            const struct cove_plan_conflict *c = &plan->conflicts[k];

            if (memcmp(c->step.b, step->id.b, sizeof(c->step.b)) != 0) {
                continue;
            }
            if (!any) {
                node_json_key(j, "inert");
                node_json_open(j, '[');
                any = true;
            }
            node_json_open(j, '{');
            node_json_key(j, "head");
            node_json_hex(j, head->id.b, sizeof(head->id.b));
            node_json_key(j, "op");
            node_json_int(j, c->op);
            node_json_close(j, '}');
            *own = *own || cove_journal_descends(journal, &head->id, &step->id);
        }
    }
    if (any) {
        node_json_close(j, ']');
    }
    return 0;
}

/* A retired version, and an annotation with the version that it says stays. */
static void status_says(struct node_json *j, const struct cove_journal *journal,
                        const struct cove_step *step)
{
    struct cove_step_id id;
    size_t at = 0;

    if (step->retired) {
        node_json_key(j, "retired");
        node_json_bool(j, true);
    }
    if (step->annotation) {
        node_json_key(j, "annotation");
        node_json_bool(j, true);
    }
    if (cove_step_extra_step(step, COVE_EXTRA_RETIRE, &at, &id)) {
        const struct cove_step *stays = cove_journal_find(journal, &id);

        node_json_key(j, "stays");
        node_json_int(j, stays != NULL ? stays->version : 0);
    }
}

/* A step with scripts is marked; one that is not active says why, where the
 * reason lies in itself. */
static void status_class(struct status *s, const struct cove_step *step)
{
    struct node_json *j = &s->a->reply;
    struct cove_diag why = {0};

    for (size_t i = 0; i < step->op_count; i++) {
        struct cove_step_op op;

        if (cove_step_op_read(step->ops[i], &op, NULL) == 0 &&
            (cove_fn_is_script(op.fwd) || cove_fn_is_script(op.bwd) ||
             cove_fn_is_script(op.fn))) {
            node_json_key(j, "class");
            node_json_cstr(j, "SCRIPT");
            break;
        }
    }
    if (step->state != COVE_STEP_ACTIVE &&
        cove_step_check(&s->a->arena, step->body, &why) != 0) {
        node_json_key(j, "why");
        node_json_cstr(j, why.text);
    }
}

static int status_step(struct status *s, const struct cove_step *step)
{
    static const char *const states[] = {"active", "waiting", "malformed"};
    struct node_json *j = &s->a->reply;
    bool own = false;

    node_json_open(j, '{');
    node_json_key(j, "step");
    node_json_hex(j, step->id.b, sizeof(step->id.b));
    if (step->has_version) {
        node_json_key(j, "version");
        node_json_int(j, step->version);
    }
    status_parents(j, step);
    status_author(j, s->events, s->event_count, step);
    if (step->note.len > 0) {
        node_json_key(j, "note");
        node_json_text(j, step->note);
    }
    int err = status_inert(s, step, &own);

    node_json_key(j, "state");
    node_json_cstr(j, own ? "conflicted" : states[step->state]);
    status_class(s, step);
    status_says(j, s->schema->journal, step);
    node_json_close(j, '}');
    return err;
}

static int status_steps(struct admin *a, struct cove_txn *txn,
                        const struct cove_schema_doc *schema)
{
    struct status s = {.a = a,
                       .txn = txn,
                       .schema = schema,
                       .count = cove_journal_count(schema->journal)};
    struct cove_doc doc;
    int err = cove_repo_load(txn->worker->repo, txn->txn, schema->num,
                             &txn->arena, &doc, &txn->diag);

    if (err == 0) {
        err = cove_history(txn->worker->repo, txn->txn, &doc, &txn->arena,
                           &s.events, &s.event_count);
    }
    s.steps = cove_arena_array(&txn->arena, s.count + 1,
                               sizeof(const struct cove_step *));
    if (err != 0 || s.steps == NULL) {
        return err != 0 ? err : COVE_ENOMEM;
    }
    for (size_t i = 0; i < s.count; i++) {
        s.steps[i] = cove_journal_at(schema->journal, i);
    }
    qsort(s.steps, s.count, sizeof(const struct cove_step *), status_order);
    node_json_key(&a->reply, "steps");
    node_json_open(&a->reply, '[');
    for (size_t i = 0; err == 0 && i < s.count; i++) {
        err = status_step(&s, s.steps[i]);
    }
    node_json_close(&a->reply, ']');
    return err;
}

static int status_one(struct admin *a, struct cove_txn *txn, cove_num num)
{
    struct node_json *j = &a->reply;
    const struct cove_schema_doc *s;
    struct cove_run run;
    int err = cove_catalog_open(txn->worker->catalog, txn->txn, num, &s);

    if (err != 0) {
        return err;
    }
    node_json_open(j, '{');
    node_json_key(j, "name");
    node_json_text(j, s->name);
    node_json_key(j, "journal");
    node_json_id(j, &s->id);
    node_json_key(j, "forked");
    node_json_bool(j, cove_schema_doc_forked(s));
    node_json_key(j, "denied");
    node_json_int(j, (int64_t)s->denied);
    node_json_key(j, "drift");
    node_json_open(j, '[');
    for (size_t i = 0; i < s->drift_count; i++) {
        node_json_open(j, '{');
        node_json_key(j, "key");
        node_json_text(j, s->drift[i].key);
        node_json_key(j, "time");
        node_json_int(j, cove_hlc_ms(s->drift[i].hlc));
        node_json_key(j, "author");
        node_json_hex(j, s->drift[i].author.b, sizeof(s->drift[i].author.b));
        node_json_close(j, '}');
    }
    node_json_close(j, ']');
    err = status_steps(a, txn, s);
    err = err != 0 ? err : admin_tallies_json(a, txn, s);
    if (err == 0) {
        err = cove_run_restore(txn->worker->repo, txn->txn, num, &run);
        if (err == 0) {
            node_json_key(j, "run");
            admin_run_json(j, &run);
        }
    }
    node_json_close(j, '}');
    return err == COVE_ENOTFOUND ? 0 : err;
}

int admin_migrate_status(struct admin *a)
{
    const char *name = NULL;
    struct cove_txn *txn;
    int err = admin_text(a, "schema", &name);

    if (err == 0) {
        err = node_begin(a->store, COVE_READ, &txn);
    }
    if (err != 0) {
        return err;
    }
    node_json_key(&a->reply, "schemas");
    node_json_open(&a->reply, '[');
    err = admin_each_schema(a, txn, name, status_one);
    node_json_close(&a->reply, ']');
    return admin_end(a, txn, err);
}
