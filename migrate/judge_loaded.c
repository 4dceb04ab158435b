/* judge_loaded.c: what a loaded document shows, by the rules of the version
 * that looks; and the writes behind it, each by those of its own version. A
 * write that breaks either is listed and nothing of it is hidden. */
#include "migrate/judge.h"

#include "core/value.h"

/* --------------------------------------------------------- by the view's rules
 */

static bool is_verdict(int err)
{
    return err == COVE_EINVALID || err == COVE_ESCHEMA;
}

/* What is wrong with one field as it is shown: COVE_EINVALID, COVE_ESCHEMA; and
 * the rule where the sentence does not name it. */
static int field_judge(const struct cove_judge *j,
                       const struct cove_loaded *loaded,
                       const struct cove_field *field, struct cove_diag *diag,
                       const char **rule)
{
    const struct cove_edit shown = {.name = field->name,
                                    .value = field->cell.bytes};

    *rule = NULL;
    switch (field->cell.kind) {
    case COVE_INVALID:
        *rule = "convert";
        return cove_fail(diag, COVE_EINVALID,
                         "/%.*s: the value did not convert to this version",
                         SHOWN(field->name));
    case COVE_ABSENT:
        *rule = "required";
        return !loaded->plan->registers[field->reg].required
                   ? 0
                   : cove_fail(diag, COVE_ESCHEMA, "/%.*s: required",
                               SHOWN(field->name));
    case COVE_PRESENT:
        break;
    }
    /* What a default says was judged when the version was published. */
    return field->from_default ? 0
                               : cove_judge_edit(j, &shown, field->reg, diag);
}

struct judging { /* of a loaded document */
    struct cove_judge judge;
    struct cove_loaded *loaded;
    struct cove_edit *shown; /* the fields there are */
    size_t count;
    bool partly; /* one of them is shown though the schema does not allow it */
};

static int judging_begin(struct cove_catalog *catalog,
                         struct cove_store_txn *txn, struct cove_loaded *loaded,
                         struct judging *out)
{
    int err = cove_judge_open(catalog, txn, loaded->doc.schema_num,
                              &loaded->head, &out->judge);

    out->loaded = loaded;
    out->count = 0;
    out->partly = false;
    if (err == 0) {
        cove_judge_inside(loaded, &out->judge);
        out->shown =
            cove_arena_array(loaded->view.arena, loaded->plan->field_count + 1,
                             sizeof(*out->shown));
        err = out->shown == NULL ? COVE_ENOMEM : 0;
    }
    return err;
}

/* The whole, once all of its fields are right: what a rule says of several. */
static int judging_whole(const struct judging *g, struct cove_diag *diag)
{
    const struct cove_alloc *alloc = g->loaded->view.arena->alloc;
    struct cove_buf map;
    int err;

    if (g->judge.schema == NULL || g->judge.inside.len > 0 || g->partly) {
        return 0;
    }
    cove_buf_init(&map, alloc);
    err = cove_judge_map(&g->judge, g->shown, g->count, g->loaded->view.arena,
                         &map);
    if (err == 0) {
        err = cove_verdict(
            cove_schema_check(g->judge.schema, cove_buf_bytes(&map), diag));
    }
    cove_buf_clear(&map);
    return err;
}

/* A field among those that make the whole. A default stands for a required one
 * only, and what a step gives as one is not the schema's to judge. */
static void judging_show(struct judging *g, const struct cove_field *field)
{
    struct cove_edit shown = {.name = field->name, .value = field->cell.bytes};

    if (field->cell.kind != COVE_PRESENT) {
        return;
    }
    if (field->from_default) {
        if (!g->loaded->plan->registers[field->reg].required) {
            return;
        }
        g->partly = g->partly ||
                    cove_judge_edit(&g->judge, &shown, field->reg, NULL) != 0;
    }
    g->shown[g->count++] = shown;
}

/* Judge field number `i`. */
static int judging_field(struct judging *g, size_t i, struct cove_diag *diag,
                         const char **rule)
{
    struct cove_field field;
    int err = cove_view_field(&g->loaded->view, i, &field);

    if (err == 0) {
        judging_show(g, &field);
        err = field_judge(&g->judge, g->loaded, &field, diag, rule);
    }
    return err;
}

/* --------------------------------------------------------- before a write */

static const struct cove_edit *edit_of(const struct cove_edit *edits,
                                       size_t count, struct cove_bytes name)
{
    for (size_t i = count; i-- > 0;) {
        if (cove_bytes_equal(edits[i].name, name)) {
            return &edits[i];
        }
    }
    return NULL;
}

/* The whole as it would be shown with these edits, by the schema. */
static int edits_check(const struct cove_judge *judge,
                       struct cove_loaded *loaded,
                       const struct cove_edit *edits, size_t count,
                       struct cove_diag *diag)
{
    struct cove_arena *arena = loaded->view.arena;
    size_t most = loaded->plan->field_count, n = 0;
    struct cove_edit *shown = cove_arena_array(arena, most + 1, sizeof(*shown));
    struct cove_buf map;
    int err = shown == NULL ? COVE_ENOMEM : 0;

    for (size_t i = 0; err == 0 && i < most; i++) {
        struct cove_field field;
        const struct cove_edit *edit;

        err = cove_view_field(&loaded->view, i, &field);
        edit = err == 0 ? edit_of(edits, count, field.name) : NULL;
        if (edit != NULL && !edit->deleted) {
            shown[n++] = *edit;
        } else if (err == 0 && edit == NULL &&
                   field.cell.kind == COVE_PRESENT && !field.from_default) {
            shown[n].name = field.name;
            shown[n++].value = field.cell.bytes;
        }
    }
    cove_buf_init(&map, arena->alloc);
    err = err != 0 ? err : cove_judge_map(judge, shown, n, arena, &map);
    err = err != 0
              ? err
              : cove_schema_check(judge->schema, cove_buf_bytes(&map), diag);
    cove_buf_clear(&map);
    return err;
}

int cove_judge_edits(const struct cove_judge *judge, struct cove_loaded *loaded,
                     const struct cove_edit *edits, size_t count,
                     struct cove_diag *diag)
{
    int err;

    if (judge->schema == NULL || judge->inside.len > 0 ||
        !cove_schema_spans(judge->schema)) {
        return 0;
    }
    err = edits_check(judge, loaded, edits, count, diag);
    if (err == COVE_ESCHEMA &&
        edits_check(judge, loaded, NULL, 0, NULL) == COVE_ESCHEMA) {
        cove_diag_clear(diag); /* it is no worse than it was */
        err = 0;
    }
    return err;
}

int cove_loaded_validate(struct cove_catalog *catalog,
                         struct cove_store_txn *txn, struct cove_loaded *loaded,
                         struct cove_diag *diag)
{
    struct judging g;
    const char *rule;

    if (loaded->raw) {
        return 0;
    }
    int err = judging_begin(catalog, txn, loaded, &g);

    for (size_t i = 0; err == 0 && i < loaded->plan->field_count; i++) {
        err = judging_field(&g, i, diag, &rule);
    }
    return err != 0 ? err : judging_whole(&g, diag);
}

int cove_loaded_flaws(struct cove_catalog *catalog, struct cove_store_txn *txn,
                      struct cove_loaded *loaded, struct cove_flaws *flaws)
{
    size_t before = flaws->count;
    struct judging g;

    if (loaded->raw) {
        return cove_loaded_is_child(loaded) &&
                       loaded->doc.header.type == COVE_DOC_COLIST
                   ? cove_items_flaws(catalog, txn, loaded, flaws)
                   : 0;
    }
    int err = judging_begin(catalog, txn, loaded, &g);

    for (size_t i = 0; err == 0 && i < loaded->plan->field_count; i++) {
        struct cove_diag why = {0};
        const char *rule = NULL;

        err = judging_field(&g, i, &why, &rule);
        err = is_verdict(err) ? cove_flaws_add(flaws, &why, rule) : err;
    }
    if (err == 0 && flaws->count == before) {
        struct cove_diag why = {0};

        err = judging_whole(&g, &why);
        err = is_verdict(err) ? cove_flaws_add(flaws, &why, NULL) : err;
    }
    return err;
}

/* ------------------------------------------------------- by the write's own */

struct misfit_search {
    struct cove_catalog *catalog;
    struct cove_store_txn *txn;
    struct cove_loaded *loaded;
    const struct cove_schema_doc *schema;
    struct cove_arena *arena;
    struct cove_misfits *out;
    struct cove_step_id epoch; /* the rules that were opened last, … */
    struct cove_judge judge;   /* … these */
};

/* The write of this id, from one up to behind the last; NULL: none of them. */
static const struct cove_native *misfit_among(const struct cove_state *state,
                                              size_t from, size_t end,
                                              const struct cove_op_id *id)
{
    for (size_t i = from; i < end; i++) {
        if (cove_op_id_compare(&state->natives[i].id, id) == 0) {
            return &state->natives[i];
        }
    }
    return NULL;
}

/* The write that an origin names; NULL: not held. As a rule it was made to the
 * register that shows it. */
static const struct cove_native *misfit_native(const struct cove_state *state,
                                               const struct cove_origin *origin)
{
    const struct cove_native *found;
    size_t begin, end;

    cove_state_natives(state, origin->reg, &begin, &end);
    found = misfit_among(state, begin, end, &origin->id);
    return found != NULL
               ? found
               : misfit_among(state, 0, state->native_count, &origin->id);
}

/* What the write's version calls the register; empty where it does not show
 * it. */
static struct cove_bytes misfit_name(const struct cove_plan *plan,
                                     struct cove_bytes reg)
{
    for (size_t i = 0; i < plan->field_count; i++) {
        if (cove_bytes_equal(plan->registers[plan->fields[i].reg].id, reg)) {
            return plan->fields[i].name;
        }
    }
    return cove_bytes(NULL, 0);
}

/* By the rules that are open. */
static int misfit_judge(const struct misfit_search *s,
                        const struct cove_native *native, struct cove_diag *why,
                        const char **rule)
{
    struct cove_edit edit = {.name = misfit_name(s->judge.plan, native->reg),
                             .deleted = native->deleted,
                             .value = native->value};

    *rule = "field";
    if (edit.name.len == 0) {
        return cove_fail(why, COVE_ESCHEMA,
                         "/%.*s: version %lld shows no field in that register",
                         SHOWN(native->reg), (long long)s->judge.version);
    }
    uint32_t reg;
    int err = cove_judge_known(&s->judge, edit.name, &reg, why);

    if (err != 0) {
        *rule = "x-type";
        return err;
    }
    err = cove_verdict(cove_judge_edit(&s->judge, &edit, reg, why));
    *rule = native->deleted                                  ? "required"
            : strstr(why->text, " breaks the rule ") != NULL ? NULL
                                                             : "type";
    return err;
}

static int misfit_add(struct misfit_search *s, const struct cove_field *field,
                      const struct cove_native *native,
                      const struct cove_step *epoch,
                      const struct cove_diag *why, const char *rule)
{
    struct cove_flaws flaws = {.arena = s->arena};
    void *array = s->out->at;
    int err = cove_flaws_add(&flaws, why, rule);

    err = err != 0 ? err
                   : cove_arena_grow(s->arena, &array, sizeof(*s->out->at),
                                     s->out->count, &s->out->cap);
    if (err == 0) {
        s->out->at = array;
        s->out->at[s->out->count++] =
            (struct cove_misfit){field->name, native, epoch, flaws.at[0]};
    }
    return err;
}

/* One write behind a field. */
static int misfit_look(struct misfit_search *s, const struct cove_field *field,
                       const struct cove_native *native)
{
    const struct cove_step *step =
        cove_journal_find(s->schema->journal, &native->epoch);
    struct cove_diag why = {0};
    const char *rule = NULL;
    int err = 0;

    for (size_t i = 0; i < s->out->count; i++) {
        if (s->out->at[i].native == native) {
            return 0;
        }
    }
    if (!native->has_epoch || step == NULL || step->state != COVE_STEP_ACTIVE) {
        return 0;
    }
    if (s->judge.plan == NULL ||
        memcmp(s->epoch.b, native->epoch.b, sizeof(s->epoch.b)) != 0) {
        s->epoch = native->epoch;
        err = cove_judge_open(s->catalog, s->txn, s->loaded->doc.schema_num,
                              &native->epoch, &s->judge);
    }
    err = err != 0 ? err : misfit_judge(s, native, &why, &rule);
    return is_verdict(err) ? misfit_add(s, field, native, step, &why, rule)
                           : err;
}

int cove_loaded_misfits(struct cove_catalog *catalog,
                        struct cove_store_txn *txn, struct cove_loaded *loaded,
                        struct cove_arena *arena, struct cove_misfits *out)
{
    struct misfit_search s = {.catalog = catalog,
                              .txn = txn,
                              .loaded = loaded,
                              .arena = arena,
                              .out = out};
    int err;

    if (loaded->raw || cove_loaded_is_child(loaded)) {
        return 0;
    }
    err = cove_catalog_open(catalog, txn, loaded->doc.schema_num, &s.schema);
    for (size_t i = 0; err == 0 && i < loaded->plan->field_count; i++) {
        struct cove_origin *origins;
        struct cove_field field;
        size_t count = 0;

        err = cove_view_field(&loaded->view, i, &field);
        err = err != 0 ? err
                       : cove_view_origins(&loaded->view, field.reg, &origins,
                                           &count);
        for (size_t k = 0; k < count && err == 0; k++) {
            const struct cove_native *native =
                misfit_native(&loaded->doc.state, &origins[k]);

            err = native != NULL ? misfit_look(&s, &field, native) : 0;
        }
    }
    return err;
}
