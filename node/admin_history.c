/* admin_history.c: history, conflicts: who wrote what when, and what lost. */
#include "node/admin.h"

#include "core/hlc.h"
#include "crdt/history.h"
#include "crdt/repo_cut.h"

#include <stdio.h>
#include <stdlib.h>

static void event_json(struct node_json *j, const struct cove_event *e)
{
    static const struct admin_event_keys keys = {
        .removed = "removed", .appended = "appended", .added = "added"};

    node_json_open(j, '{');
    admin_event_head_json(j, e);
    node_json_key(j, "op");
    node_json_int(j, e->id.op);
    admin_event_kind_json(j, e);
    if (e->has_epoch) {
        node_json_key(j, "epoch");
        node_json_hex(j, e->epoch.b, sizeof(e->epoch.b));
    }
    admin_event_op_json(j, e, &keys);
    if (e->what == COVE_EVENT_REGISTER && e->kind == COVE_TX_COPY) {
        node_json_origins(j, e->origins, e->origin_count);
    }
    admin_event_tx_json(j, e);
    admin_event_shown_json(j, e);
    node_json_close(j, '}');
}

/* The undivided cells that a field's value is made of: itself or its parts. */
struct history_cells {
    const struct cove_plan *plan;
    const struct cove_plan_cell *cell;
    uint32_t own;
    size_t count;
};

static struct history_cells history_cells(const struct cove_plan *plan,
                                          uint32_t reg)
{
    struct history_cells c = {
        .plan = plan, .own = plan->registers[reg].cell, .count = 1};

    c.cell = &plan->cells[c.own];
    c.count = c.cell->divided ? c.cell->atom_count : 1;
    return c;
}

/* Was this written to a register that the i-th of the cells is read from? A
 * value has as many registers as versions gave it forms. */
static bool history_reaches(const struct history_cells *c, size_t i,
                            struct cove_bytes written)
{
    uint32_t reg;

    return cove_plan_find(c->plan, written, &reg) &&
           cove_plan_reaches(c->plan, reg,
                             c->cell->divided ? c->cell->atoms[i].cell
                                              : c->own);
}

/* What the request's "field" is about. */
struct history_filter {
    bool all;
    bool field; /* a field of the version, in all its forms; else a register */
    struct history_cells cells;
    struct cove_bytes reg;
};

static int history_filter(struct cove_txn *txn,
                          const struct cove_loaded *loaded, const char *field,
                          struct history_filter *out)
{
    uint32_t reg;

    memset(out, 0, sizeof(*out));
    out->all = field == NULL;
    if (field == NULL) {
        return 0;
    }
    out->reg = cove_bytes_text(field);
    if (loaded->raw) {
        return 0;
    }
    if (cove_plan_find_name(loaded->plan, out->reg, &reg)) {
        out->field = true;
        out->cells = history_cells(loaded->plan, reg);
    } else if (!cove_plan_find(loaded->plan, out->reg, &reg)) {
        return cove_fail(&txn->diag, COVE_ENOTFOUND,
                         "this version of the schema has no field \"%s\"",
                         field);
    }
    return 0;
}

static bool history_wanted(const struct history_filter *f,
                           struct cove_bytes written)
{
    if (!f->field) {
        return f->all || cove_bytes_equal(written, f->reg);
    }
    for (size_t i = 0; i < f->cells.count; i++) {
        if (history_reaches(&f->cells, i, written)) {
            return true;
        }
    }
    return false;
}

int admin_load_past(struct admin *a, struct cove_txn **txn,
                    struct cove_loaded **loaded)
{
    struct cove_id id;
    const char *version;
    int err = admin_document(a, &id, &version);

    if (err != 0) {
        return err;
    }
    err = node_begin(a->store, COVE_READ | COVE_VIEW, txn);
    if (err != 0) {
        return err;
    }
    err = admin_branch(a, *txn, &id);
    err = err != 0 ? err : node_load(*txn, &id, version, loaded);
    if (err == COVE_EBLOCKED && version == NULL) { /* by register, then */
        cove_abort(*txn);
        err = node_begin(a->store, COVE_READ | COVE_RAW, txn);
        if (err != 0) {
            return err;
        }
        err = admin_branch(a, *txn, &id);
        err = err != 0 ? err : node_load(*txn, &id, NULL, loaded);
    }
    return err != 0 ? admin_end(a, *txn, err) : 0;
}

/* HLC.SESSION.TX, as `next` says it. */
static bool history_place(const char *text, struct cove_op_id *out)
{
    const char *dot = strchr(text, '.');
    const char *last = strrchr(text, '.');
    char session[COVE_HEX_LEN(16)] = "";
    char *end = NULL;
    unsigned long long tx;

    if (dot == NULL || last - dot != sizeof(session) ||
        strspn(text, "0123456789") != (size_t)(dot - text) || dot == text) {
        return false;
    }
    memcpy(session, dot + 1, sizeof(session) - 1);
    out->hlc = strtoull(text, NULL, 10);
    tx = strtoull(last + 1, &end, 10);
    out->tx = (uint32_t)tx;
    return last[1] >= '0' && last[1] <= '9' && *end == '\0' &&
           tx <= UINT32_MAX &&
           cove_hex_parse(session, out->session.b, sizeof(out->session.b)) == 0;
}

/* Where the page before this one ends: "HLC.SESSION.TX", as "next" said. */
static int history_before(struct admin *a, const struct cove_doc *doc,
                          struct cove_op_id *out, bool *given)
{
    const char *text = NULL;
    int err = admin_text(a, "before", &text);

    *given = text != NULL;
    if (err != 0 || text == NULL) {
        return err;
    }
    memset(out, 0, sizeof(*out));
    if (!history_place(text, out)) {
        return cove_fail(&a->diag, COVE_EUSAGE,
                         "\"before\" must be what \"next\" of a history was");
    }
    for (size_t i = 0; i < doc->session_count; i++) {
        if (memcmp(&doc->sessions[i].session, &out->session,
                   sizeof(out->session)) == 0) {
            out->device = doc->sessions[i].device;
        }
    }
    return 0;
}

static void history_next(struct node_json *j, const struct cove_op_id *id)
{
    char session[COVE_HEX_LEN(sizeof(id->session.b))];
    char text[sizeof(session) + 40];

    cove_hex(cove_bytes(id->session.b, sizeof(id->session.b)), session);
    snprintf(text, sizeof(text), "%llu.%s.%u", (unsigned long long)id->hlc,
             session, id->tx);
    node_json_key(j, "next");
    node_json_cstr(j, text);
}

int admin_cut_json(struct admin *a, struct cove_txn *txn,
                   const struct cove_doc *doc)
{
    struct node_json *j = &a->reply;
    struct cove_bytes item;
    struct cove_cut cut;
    int64_t txs = 0;
    int err = cove_repo_cut_read(txn->worker->repo, txn->txn, doc->num,
                                 &txn->arena, &item);

    if (err == COVE_ENOTFOUND) {
        return 0;
    }
    err = err != 0 ? err : cove_cut_decode(item, &txn->arena, &cut, NULL);
    if (err != 0) {
        return err;
    }
    for (size_t i = 0; i < cut.row_count; i++) {
        txs += cut.rows[i].len;
    }
    node_json_key(j, "cut");
    node_json_open(j, '{');
    node_json_key(j, "until");
    node_json_int(j, cove_hlc_ms(cove_cut_until(&cut)));
    node_json_key(j, "time");
    node_json_int(j, (int64_t)cut.made_ms);
    node_json_key(j, "author");
    node_json_hex(j, cut.device.b, sizeof(cut.device.b));
    node_json_key(j, "transactions");
    node_json_int(j, txs);
    node_json_close(j, '}');
    return 0;
}

/* Everything, or a page of it; or all writes to a field. */
static int history_events(struct admin *a, struct cove_txn *txn,
                          struct cove_loaded *loaded, const char *field,
                          struct cove_history_page *page)
{
    struct history_filter filter;
    struct cove_event *events = NULL;
    size_t count = 0;
    size_t wanted = 0;
    int err = history_filter(txn, loaded, field, &filter);

    if (err == 0) {
        err = cove_history_page(txn->worker->repo, txn->txn, &loaded->doc, page,
                                &txn->arena, &events, &count);
    }
    node_json_key(&a->reply, "events");
    node_json_open(&a->reply, '[');
    for (size_t i = 0; err == 0 && i < count; i++) {
        if (field == NULL || (events[i].what == COVE_EVENT_REGISTER &&
                              history_wanted(&filter, events[i].reg))) {
            event_json(&a->reply, &events[i]);
            wanted++;
        }
    }
    node_json_close(&a->reply, ']');
    if (err == 0 && page->more && count > 0) {
        history_next(&a->reply, &events[0].id);
    }
    err = err != 0 ? err : admin_cut_json(a, txn, &loaded->doc);
    if (err == 0 && loaded->raw && field != NULL && wanted == 0) {
        err = cove_fail(&txn->diag, COVE_ENOTFOUND,
                        "nobody ever wrote \"%s\" in this document", field);
    }
    return err;
}

static int verb_history(struct admin *a)
{
    struct cove_history_page page = {.limit = 0};
    struct cove_op_id before;
    struct cove_txn *txn = NULL;
    struct cove_loaded *loaded = NULL;
    const char *field = NULL;
    int64_t limit = 0;
    bool given = false;
    int err = admin_text(a, "field", &field);

    err = err != 0 ? err : admin_int(a, "limit", &limit);
    if (err == 0 && (limit < 0 || (limit > 0 && field != NULL))) {
        err = cove_fail(&a->diag, COVE_EUSAGE,
                        "\"limit\" is of the whole history, and not negative");
    }
    err = err != 0 ? err : admin_load_past(a, &txn, &loaded);
    if (err == COVE_EREMOVED) {
        return admin_removed_history(a);
    }
    if (err != 0 || loaded == NULL) {
        return err;
    }
    err = history_before(a, &loaded->doc, &before, &given);
    page.limit = (size_t)limit;
    page.before = given ? &before : NULL;
    return admin_end(
        a, txn, err != 0 ? err : history_events(a, txn, loaded, field, &page));
}

/* --------------------------------------------------------------- conflicts */

struct conflicts {
    struct admin *a;
    struct cove_txn *txn;
    const struct cove_doc *doc;
    struct cove_event *events; /* shown native writes, in total order */
    size_t count;
    struct cove_event *room; /* as many */
};

/* Read the document's writes once. */
static int conflicts_begin(struct conflicts *c)
{
    size_t all;
    int err = cove_history(c->txn->worker->repo, c->txn->txn, c->doc,
                           &c->txn->arena, &c->events, &all);

    if (err != 0) {
        return err;
    }
    for (size_t i = 0; i < all; i++) {
        if (c->events[i].shown && c->events[i].kind == COVE_TX_NATIVE) {
            c->events[c->count++] = c->events[i];
        }
    }
    c->room = cove_arena_array(&c->txn->arena, c->count + 1, sizeof(*c->room));
    return c->room == NULL ? COVE_ENOMEM : 0;
}

/* What is asked about: one cell of a field, or one register. */
struct conflicts_of {
    const struct history_cells *cells; /* NULL: the register */
    size_t cell;
    struct cove_bytes reg;
};

static bool conflicts_among(const struct conflicts_of *of,
                            struct cove_bytes written)
{
    return of->cells != NULL ? history_reaches(of->cells, of->cell, written)
                             : cove_bytes_equal(written, of->reg);
}

/* Mark the writes that lost among those. */
static int conflicts_mark(struct conflicts *c, const struct conflicts_of *of,
                          uint8_t *lost)
{
    size_t n = 0, at = c->count;

    for (size_t i = 0; i < c->count; i++) {
        if (conflicts_among(of, c->events[i].reg)) {
            c->room[n++] = c->events[i];
        }
    }
    int err = cove_history_lost(c->txn->worker->repo, c->txn->txn, c->doc,
                                &c->txn->arena, c->room, &n);

    for (size_t i = 0; err == 0 && i < n; i++) { /* both newest first */
        while (at > 0 &&
               cove_op_id_compare(&c->events[at - 1].id, &c->room[i].id) != 0) {
            at--;
        }
        lost[at - 1] = 1;
    }
    return err;
}

/* Under `name`, newest first, what was marked; nothing where none is. */
static void conflicts_show(struct conflicts *c, const uint8_t *lost,
                           struct cove_bytes name)
{
    struct node_json *j = &c->a->reply;
    bool any = false;

    for (size_t i = c->count; i > 0; i--) {
        if (lost[i - 1] && !any) {
            node_json_key_bytes(j, name);
            node_json_open(j, '[');
            any = true;
        }
        if (lost[i - 1]) {
            event_json(j, &c->events[i - 1]);
        }
    }
    if (any) {
        node_json_close(j, ']');
    }
}

/* A write to a whole that lost one of its parts has lost, even where it won
 * another. */
static int conflicts_field(struct conflicts *c, const struct cove_plan *plan,
                           const struct cove_plan_field *field)
{
    struct history_cells cells = history_cells(plan, field->reg);
    struct conflicts_of of = {.cells = &cells};
    uint8_t *lost = cove_arena_new(&c->txn->arena, c->count + 1);
    int err = lost == NULL ? COVE_ENOMEM : 0;

    for (; err == 0 && of.cell < cells.count; of.cell++) {
        err = conflicts_mark(c, &of, lost);
    }
    if (err == 0) {
        conflicts_show(c, lost, field->name);
    }
    return err;
}

/* A register that no field of the version reads, or of a document without a
 * schema. */
static int conflicts_register(struct conflicts *c, struct cove_bytes reg)
{
    struct conflicts_of of = {.reg = reg};
    uint8_t *lost = cove_arena_new(&c->txn->arena, c->count + 1);
    int err = lost == NULL ? COVE_ENOMEM : conflicts_mark(c, &of, lost);

    if (err == 0) {
        conflicts_show(c, lost, reg);
    }
    return err;
}

/* Does a field of the version read what is written to this register? */
static bool conflicts_read(const struct cove_plan *plan, struct cove_bytes reg)
{
    for (size_t i = 0; i < plan->field_count; i++) {
        struct history_cells cells = history_cells(plan, plan->fields[i].reg);

        for (size_t k = 0; k < cells.count; k++) {
            if (history_reaches(&cells, k, reg)) {
                return true;
            }
        }
    }
    return false;
}

static int conflicts_all(struct conflicts *c, const struct cove_plan *plan)
{
    const struct cove_state *state = &c->doc->state;
    int err = 0;

    for (size_t i = 0; plan != NULL && err == 0 && i < plan->field_count; i++) {
        err = conflicts_field(c, plan, &plan->fields[i]);
    }
    for (size_t i = 0; err == 0 && i < state->native_count; i++) {
        struct cove_bytes reg = state->natives[i].reg;
        bool again = i > 0 && cove_bytes_equal(reg, state->natives[i - 1].reg);

        if (!again && (plan == NULL || !conflicts_read(plan, reg))) {
            err = conflicts_register(c, reg);
        }
    }
    return err;
}

static int verb_conflicts(struct admin *a)
{
    struct conflicts c = {.a = a};
    struct cove_loaded *loaded = NULL;
    int err = admin_load_past(a, &c.txn, &loaded);
    if (err != 0 || loaded == NULL) {
        return err;
    }
    c.doc = &loaded->doc;
    err = conflicts_begin(&c);
    node_json_key(&a->reply, "conflicts");
    node_json_open(&a->reply, '{');
    err = err != 0 ? err : conflicts_all(&c, loaded->raw ? NULL : loaded->plan);
    node_json_close(&a->reply, '}');
    return admin_end(a, c.txn, err);
}

const struct admin_verb admin_history_verbs[] = {
    {"history", "id version branch field limit before", verb_history},
    {"conflicts", "id version branch", verb_conflicts},
    {NULL, NULL, NULL},
};
