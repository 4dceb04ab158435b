/* admin_explain.c: migrate.explain: for each field of a document as a version
 * sees it, the users' writes behind it, the way that they took through the
 * steps, what is stored, and which writes lost to them, and why. */
#include "crdt/history.h"
#include "migrate/explain.h"
#include "node/admin.h"

#include "core/hlc.h"

#define EXPLAIN_LOST 20 /* writes that lost, listed for a field */

struct explained {
    struct admin *a;
    struct cove_txn *txn;
    struct cove_loaded *loaded;
    struct cove_event *events; /* native and shown, oldest first */
    size_t event_count;
    struct cove_event *room; /* as many */
};

static void version_json(struct node_json *j, const struct cove_step *step)
{
    if (step == NULL) {
        return;
    }
    if (step->has_version) {
        node_json_key(j, "version");
        node_json_int(j, step->version);
    }
    node_json_key(j, "step");
    node_json_hex(j, step->id.b, sizeof(step->id.b));
}

/* "value", "invalid" with the raw value, or "deleted". */
static void cell_json(struct node_json *j, const struct cove_cell *cell)
{
    if (cell->kind == COVE_ABSENT) {
        node_json_key(j, "deleted");
        node_json_bool(j, true);
        return;
    }
    node_json_key(j, cell->kind == COVE_PRESENT ? "value" : "invalid");
    node_json_value(j, cell->bytes);
}

static void written_json(struct node_json *j, bool deleted,
                         struct cove_bytes value)
{
    struct cove_cell cell = {deleted ? COVE_ABSENT : COVE_PRESENT, value};

    cell_json(j, &cell);
}

/* ---------------------------------------------------------------- the way */

static const char *hop_kind(const struct cove_hop *hop)
{
    static const char *const kinds[] = {
        [COVE_HOP_RENAME] = "rename",       [COVE_HOP_CONVERT] = "convert",
        [COVE_HOP_SPLIT] = "split",         [COVE_HOP_JOIN] = "join",
        [COVE_HOP_CALCULATE] = "calculate",
    };

    return kinds[hop->kind];
}

static void hop_json(struct node_json *j, const struct cove_hop *hop, bool held)
{
    node_json_open(j, '{');
    node_json_key(j, "kind");
    node_json_cstr(j, hop_kind(hop));
    if (hop->back && hop->kind != COVE_HOP_JOIN) {
        node_json_key(j, "back");
        node_json_bool(j, true);
    }
    version_json(j, hop->step);
    node_json_key(j, "from");
    node_json_text(j, hop->from_name);
    node_json_key(j, "to");
    node_json_text(j, hop->to_name);
    if (hop->kind == COVE_HOP_CONVERT ||
        (hop->kind == COVE_HOP_CALCULATE && hop->pipe.len > 0)) {
        node_json_key(j, "functions");
        if (hop->pipe.len > 0) {
            node_json_value(j, hop->pipe);
        } else {
            node_json_raw(j, cove_bytes_text("null")); /* there is no way */
        }
    }
    if (held) {
        cell_json(j, &hop->cell);
    }
    if (hop->why.len > 0) {
        node_json_key(j, "why");
        node_json_text(j, hop->why);
    }
    node_json_close(j, '}');
}

static void write_json(struct node_json *j, const struct cove_loaded *loaded,
                       const struct cove_explained_write *w)
{
    node_json_open(j, '{');
    node_json_key(j, "name");
    node_json_text(j, w->name);
    node_json_key(j, "register");
    node_json_text(j, loaded->plan->registers[w->reg].id);
    node_json_author(j, &w->id);
    node_json_key(j, "session");
    node_json_hex(j, w->id.session.b, sizeof(w->id.session.b));
    node_json_key(j, "tx");
    node_json_int(j, w->id.tx);
    node_json_key(j, "op");
    node_json_int(j, w->id.op);
    node_json_key(j, "held");
    node_json_bool(j, w->native != NULL);
    version_json(j, w->epoch);
    if (w->native != NULL) {
        written_json(j, w->native->deleted, w->native->value);
    }
    node_json_key(j, "path");
    node_json_open(j, '[');
    for (size_t i = 0; i < w->hop_count; i++) {
        hop_json(j, &w->hops[i], w->native != NULL);
    }
    node_json_close(j, ']');
    node_json_close(j, '}');
}

/* ------------------------------------------------------------------- stored */

static void stored_json(struct node_json *j, const struct cove_loaded *loaded,
                        uint32_t reg)
{
    const struct cove_native *native;
    const struct cove_copy *copy;

    cove_view_stored(&loaded->view, reg, &native, &copy);
    if (native == NULL && copy == NULL) {
        return;
    }
    node_json_key(j, "stored");
    node_json_open(j, '{');
    node_json_key(j, "kind");
    node_json_cstr(j, native != NULL ? "native" : "copy");
    node_json_author(j, native != NULL ? &native->id : &copy->id);
    written_json(j, native != NULL ? native->deleted : copy->deleted,
                 native != NULL ? native->value : copy->value);
    node_json_close(j, '}');
}

/* -------------------------------------------------------------------- lost */

/* Does a write that was shown count at this head for that register? */
static bool lost_reaches(const struct explained *e,
                         const struct cove_event *event, uint32_t field)
{
    const struct cove_plan *plan = e->loaded->plan;
    const struct cove_step *epoch =
        event->has_epoch ? cove_journal_find(plan->journal, &event->epoch)
                         : NULL;
    uint32_t reg;

    return epoch != NULL && epoch->state == COVE_STEP_ACTIVE &&
           cove_plan_find(plan, event->reg, &reg) &&
           cove_journal_step_knows(plan->journal, epoch, reg) &&
           cove_explain_reaches(plan, reg, field);
}

static bool lost_is_behind(const struct cove_explained *x,
                           const struct cove_op_id *id)
{
    for (size_t i = 0; i < x->write_count; i++) {
        if (cove_op_id_compare(&x->writes[i].id, id) == 0) {
            return true;
        }
    }
    return false;
}

/* Why it lost: what stands behind the field is later, or of the same time and
 * of a greater author. */
static void lost_why_json(struct node_json *j, const struct cove_explained *x,
                          const struct cove_event *event, bool concurrent)
{
    const struct cove_op_id *winner = &event->id;

    for (size_t i = 0; i < x->write_count; i++) {
        if (cove_op_id_compare(&x->writes[i].id, winner) > 0) {
            winner = &x->writes[i].id;
        }
    }
    bool tie = winner->hlc == event->id.hlc;

    node_json_key(j, "concurrent");
    node_json_bool(j, concurrent);
    node_json_key(j, "why");
    node_json_cstr(j, tie && memcmp(winner->device.b, event->id.device.b,
                                    sizeof(winner->device.b)) != 0
                          ? "same time; the greater device key decides"
                      : tie ? "same time; the later of one device decides"
                            : "the other is later");
}

static void lost_event_json(struct explained *e, const struct cove_event *event,
                            const struct cove_explained *x, bool concurrent)
{
    struct node_json *j = &e->a->reply;
    const struct cove_plan *plan = e->loaded->plan;
    const struct cove_step *epoch =
        cove_journal_find(plan->journal, &event->epoch);
    const struct cove_step *by;
    uint32_t reg = 0;

    (void)cove_plan_find(plan, event->reg, &reg); /* lost_reaches did */
    node_json_open(j, '{');
    node_json_key(j, "name");
    node_json_text(j, cove_explain_name(plan, reg, epoch, &by));
    node_json_key(j, "register");
    node_json_text(j, event->reg);
    node_json_author(j, &event->id);
    version_json(j, epoch);
    written_json(j, event->deleted, event->value);
    lost_why_json(j, x, event, concurrent);
    node_json_close(j, '}');
}

/* The writes that reach the field and are not behind it, the newest first; of
 * them concurrent are those whose winner's author had not seen them. */
static int lost_json(struct explained *e, const struct cove_explained *x)
{
    struct node_json *j = &e->a->reply;
    size_t n = 0, concurrent, lost = 0, shown = 0;

    for (size_t i = 0; i < e->event_count; i++) {
        if (lost_reaches(e, &e->events[i], x->field.reg)) {
            e->room[n++] = e->events[i];
        }
    }
    struct cove_event *unseen =
        cove_arena_array(&e->txn->arena, n + 1, sizeof(*unseen));

    if (unseen == NULL) {
        return COVE_ENOMEM;
    }
    memcpy(unseen, e->room, n * sizeof(*unseen));
    concurrent = n;
    int err =
        cove_history_lost(e->txn->worker->repo, e->txn->txn, &e->loaded->doc,
                          &e->txn->arena, unseen, &concurrent);

    node_json_key(j, "lost");
    node_json_open(j, '[');
    for (size_t i = n; i > 0 && err == 0; i--) {
        const struct cove_event *event = &e->room[i - 1];
        bool was = false;

        if (lost_is_behind(x, &event->id)) {
            continue;
        }
        lost++;
        for (size_t k = 0; k < concurrent; k++) {
            was = was || cove_op_id_compare(&unseen[k].id, &event->id) == 0;
        }
        if (shown < EXPLAIN_LOST) {
            shown++;
            lost_event_json(e, event, x, was);
        }
    }
    node_json_close(j, ']');
    node_json_key(j, "lostCount");
    node_json_int(j, (int64_t)lost);
    return err;
}

/* ------------------------------------------------------------------- fields */

static const char *explained_state(const struct cove_explained *x)
{
    static const char *const states[] = {
        [COVE_EXPLAINED_WRITTEN] = "written",
        [COVE_EXPLAINED_CALCULATED] = "calculated",
        [COVE_EXPLAINED_DEFAULT] = "default",
        [COVE_EXPLAINED_MISSING] = "missing",
        [COVE_EXPLAINED_DELETED] = "deleted",
    };

    return states[x->state];
}

static int field_json(struct explained *e, size_t index)
{
    struct node_json *j = &e->a->reply;
    struct cove_explained x;
    int err = cove_explain_field(&e->loaded->view, &e->txn->arena, index, &x);

    if (err != 0) {
        return err;
    }
    node_json_open(j, '{');
    node_json_key(j, "name");
    node_json_text(j, x.field.name);
    node_json_key(j, "register");
    node_json_text(j, e->loaded->plan->registers[x.field.reg].id);
    node_json_key(j, "state");
    node_json_cstr(j, explained_state(&x));
    if (x.field.cell.kind != COVE_ABSENT) {
        cell_json(j, &x.field.cell);
    }
    node_json_key(j, "writes");
    node_json_open(j, '[');
    for (size_t i = 0; i < x.write_count; i++) {
        write_json(j, e->loaded, &x.writes[i]);
    }
    node_json_close(j, ']');
    stored_json(j, e->loaded, x.field.reg);
    err = lost_json(e, &x);
    node_json_close(j, '}');
    return err;
}

static int explained_events(struct explained *e)
{
    size_t all;
    int err = cove_history(e->txn->worker->repo, e->txn->txn, &e->loaded->doc,
                           &e->txn->arena, &e->events, &all);

    if (err != 0) {
        return err;
    }
    for (size_t i = 0; i < all; i++) {
        if (e->events[i].shown && e->events[i].kind == COVE_TX_NATIVE) {
            e->events[e->event_count++] = e->events[i];
        }
    }
    e->room =
        cove_arena_array(&e->txn->arena, e->event_count + 1, sizeof(*e->room));
    return e->room == NULL ? COVE_ENOMEM : 0;
}

static int explained_document(struct explained *e)
{
    struct node_json *j = &e->a->reply;
    const struct cove_schema_doc *schema;
    int err;

    if (e->loaded->raw) {
        return cove_fail(&e->txn->diag, COVE_EUSAGE,
                         "this document has no schema, so no step changes what "
                         "it shows; `cove log ID` says who wrote what");
    }
    err = cove_catalog_open(e->txn->worker->catalog, e->txn->txn,
                            e->loaded->doc.schema_num, &schema);
    err = err != 0 ? err : explained_events(e);
    if (err != 0) {
        return err;
    }
    node_json_key(j, "id");
    node_json_id(j, &e->loaded->doc.id);
    node_json_key(j, "schema");
    node_json_text(j, schema->name);
    version_json(j, e->loaded->plan->head);
    node_json_key(j, "fields");
    node_json_open(j, '[');
    for (size_t i = 0; i < e->loaded->plan->field_count && err == 0; i++) {
        err = field_json(e, i);
    }
    node_json_close(j, ']');
    return err;
}

static int verb_explain(struct admin *a)
{
    struct explained e = {.a = a};
    struct cove_id id;
    const char *version;
    int err = admin_document(a, &id, &version);

    if (err == 0) {
        err = node_begin(a->store, COVE_READ | COVE_VIEW, &e.txn);
    }
    if (err != 0) {
        return err;
    }
    err = node_load(e.txn, &id, version, &e.loaded);
    if (err == 0) {
        err = explained_document(&e);
    }
    return admin_end(a, e.txn, err);
}

const struct admin_verb admin_explain_verbs[] = {
    {"migrate.explain", "id version", verb_explain},
    {NULL, NULL, NULL},
};
