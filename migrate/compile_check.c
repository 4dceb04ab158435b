/* compile_check.c: whether a step does what its developer means.
 *
 * A body is judged as what it will be: on top of the journal, planned at its
 * own head. So what is compared with the target schema is what apps will see,
 * not what the compiler believes. Every difference is named, not the first.
 */
#include "migrate/compile_check.h"

#include "core/json.h"
#include "schema/step.h"

/* --- a journal with one step more --------------------------------------- */

void cove_future_free(struct future *f)
{
    cove_plan_free(f->plan);
    cove_journal_free(f->journal);
}

int cove_future_init(struct future *f, struct cove_arena *arena,
                     const struct cove_journal *journal, struct cove_bytes body)
{
    size_t count = journal != NULL ? cove_journal_count(journal) : 0;
    struct cove_bytes *bodies =
        cove_arena_array(arena, count + 1, sizeof *bodies);
    struct cove_step_id id = cove_step_id_of(body);
    int rc;

    f->journal = NULL;
    f->plan = NULL;
    if (bodies == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        bodies[i] = cove_journal_at(journal, i)->body;
    }
    bodies[count] = body;
    rc = cove_journal_new(arena->alloc, bodies, count + 1, &f->journal);
    if (rc == 0) {
        rc = cove_plan_new(arena->alloc, f->journal, &id, &f->plan);
    }
    if (rc != 0) {
        cove_future_free(f);
        f->journal = NULL;
        f->plan = NULL;
    }
    return rc;
}

/* --- differences -------------------------------------------------------- */

/* Take a line from cove_arena_printf. */
static void difference_add(struct difference *d, char *line)
{
    if (line == NULL) {
        d->err = COVE_ENOMEM;
    } else {
        d->lines[d->count++] = line;
    }
}

/* A value as JSON, for a line. */
static const char *value_text(struct difference *d,
                              const struct compile_field *field)
{
    struct cove_buf buf;
    char *text = NULL;

    if (!field->has_default) {
        return "none";
    }
    cove_buf_init(&buf, d->arena->alloc);
    if (cove_json_write(field->default_value, 0, &buf) == 0) {
        text = cove_arena_printf(d->arena, "%.*s", SHOWN(cove_buf_bytes(&buf)));
    }
    cove_buf_clear(&buf);
    if (text == NULL) {
        d->err = COVE_ENOMEM;
        return "";
    }
    return text;
}

static const struct compile_field *fields_find(
    const struct compile_field *fields, size_t count, struct cove_bytes name)
{
    for (size_t i = 0; i < count; i++) {
        if (fields[i].visible && cove_bytes_equal(fields[i].name, name)) {
            return &fields[i];
        }
    }
    return NULL;
}

/* What a field is, for a line: its type, or the kind of its document. */
static const char *kind_text(const struct compile_field *field)
{
    return field->child != COVE_CHILD_NONE ? cove_child_kind_name(field->child)
                                           : cove_type_word(field->type);
}

/* What is inside two children of one kind. */
static void difference_inside(struct difference *d,
                              const struct compile_field *want,
                              const struct compile_field *have)
{
    if (want->child == COVE_CHILD_LIST && want->item_type != have->item_type) {
        difference_add(
            d, cove_arena_printf(
                   d->arena, "the items of \"%.*s\" are %s in %s, %s gives %s",
                   SHOWN(want->name), cove_type_word(want->item_type), d->want,
                   d->have, cove_type_word(have->item_type)));
    }
    if (!cove_members_equal(want, have)) {
        difference_add(
            d, cove_arena_printf(d->arena,
                                 "the fields of \"%.*s\" are others in %s than "
                                 "%s gives",
                                 SHOWN(want->name), d->want, d->have));
    }
}

static void difference_pair(struct difference *d,
                            const struct compile_field *want,
                            const struct compile_field *have)
{
    if (want->child != have->child) {
        difference_add(d, cove_arena_printf(d->arena,
                                            "\"%.*s\" is %s in %s, %s gives %s",
                                            SHOWN(want->name), kind_text(want),
                                            d->want, d->have, kind_text(have)));
    } else if (want->child != COVE_CHILD_NONE) {
        difference_inside(d, want, have);
    } else if (want->type != have->type) {
        difference_add(
            d, cove_arena_printf(d->arena, "\"%.*s\" is %s in %s, %s gives %s",
                                 SHOWN(want->name), cove_type_word(want->type),
                                 d->want, d->have, cove_type_word(have->type)));
    }
    if (want->required != have->required) {
        difference_add(
            d, cove_arena_printf(
                   d->arena,
                   "\"%.*s\" is %s in %s, %s makes it "
                   "%s",
                   SHOWN(want->name), want->required ? "required" : "optional",
                   d->want, d->have, have->required ? "required" : "optional"));
    }
    if (want->has_default != have->has_default ||
        !cove_bytes_equal(want->default_value, have->default_value)) {
        difference_add(d, cove_arena_printf(
                              d->arena,
                              "\"%.*s\" has the default %s in %s, %s gives %s",
                              SHOWN(want->name), value_text(d, want), d->want,
                              d->have, value_text(d, have)));
    }
}

int cove_difference_all(struct difference *d, const struct compile_field *want,
                        size_t want_count, const struct compile_field *have,
                        size_t have_count)
{
    /* a pair differs in four ways at most */
    d->lines = cove_arena_array(d->arena, 4 * (want_count + have_count) + 1,
                                sizeof *d->lines);
    if (d->lines == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < want_count; i++) {
        const struct compile_field *other =
            fields_find(have, have_count, want[i].name);

        if (want[i].visible && other != NULL) {
            difference_pair(d, &want[i], other);
        } else if (want[i].visible) {
            difference_add(
                d, cove_arena_printf(d->arena, "\"%.*s\" is in %s, %s lacks it",
                                     SHOWN(want[i].name), d->want, d->have));
        }
    }
    for (size_t i = 0; i < have_count; i++) {
        if (have[i].visible &&
            fields_find(want, want_count, have[i].name) == NULL) {
            difference_add(
                d, cove_arena_printf(d->arena,
                                     "\"%.*s\" is not in %s, %s keeps it",
                                     SHOWN(have[i].name), d->want, d->have));
        }
    }
    return d->err;
}

int cove_difference_fail(const struct difference *d, const char *what,
                         struct cove_buf *report, struct cove_diag *diag)
{
    char text[800] = "";
    size_t len = 0;
    size_t said = 0;
    int rc;

    for (size_t i = 0; i < d->count; i++) {
        size_t more = strlen(d->lines[i]);

        if (report != NULL &&
            ((rc = cove_buf_append(report, cove_bytes(d->lines[i], more))) !=
                 0 ||
             (rc = cove_buf_append(report, cove_bytes_text("\n"))) != 0)) {
            return rc;
        }
        if (said == i && len + more + 3 < sizeof text) {
            memcpy(text + len, i > 0 ? "; " : "", i > 0 ? 2 : 0);
            len += i > 0 ? 2 : 0;
            memcpy(text + len, d->lines[i], more + 1);
            len += more;
            said++;
        }
    }
    if (said < d->count) {
        return cove_fail(diag, COVE_ESTEP, "%s: %s; and %zu more", what, text,
                         d->count - said);
    }
    return cove_fail(diag, COVE_ESTEP, "%s: %s", what, text);
}

/* --- the check ---------------------------------------------------------- */

/* Does the step itself give this register a default? Then the schema may be
 * silent on it: the developer said it here. */
static bool step_gives_default(const struct cove_step *step,
                               struct cove_bytes reg)
{
    struct cove_step_op op;
    bool gives = false;

    for (size_t i = 0; i < step->op_count; i++) {
        if (cove_step_op_read(step->ops[i], &op, NULL) == 0 &&
            op.kind == COVE_STEP_LIMIT && cove_bytes_equal(op.reg, reg)) {
            gives = op.has_default;
        }
    }
    return gives;
}

int cove_plan_fields(struct cove_arena *arena, const struct cove_plan *plan,
                     struct compile_field **out, size_t *count)
{
    struct compile_field *fields =
        cove_arena_array(arena, plan->register_count + 1, sizeof *fields);
    size_t n = 0;
    int rc = 0;

    if (fields == NULL) {
        return COVE_ENOMEM;
    }
    for (int visible = 1; visible >= 0; visible--) {
        for (size_t i = 0; i < plan->register_count && rc == 0; i++) {
            const struct cove_plan_register *reg = &plan->registers[i];
            struct compile_field *field = &fields[n];

            if (reg->visible != visible || reg->name.len == 0) {
                continue;
            }
            field->type = reg->type;
            field->visible = reg->visible;
            field->required = reg->required;
            field->has_default = reg->has_default;
            if ((rc = cove_arena_copy(arena, reg->name, &field->name)) == 0 &&
                (rc = cove_arena_copy(arena, reg->id, &field->reg)) == 0 &&
                reg->has_default) {
                rc = cove_arena_copy(arena, reg->fallback,
                                     &field->default_value);
            }
            field->inner = reg->inner;
            if (rc == 0 && reg->child != COVE_PLAN_NONE) {
                rc = cove_plan_inside(arena, plan, reg->child, field);
            }
            n++;
        }
    }
    *out = fields;
    *count = n;
    return rc;
}

static int schema_fields(struct cove_arena *arena,
                         const struct cove_schema *schema,
                         struct compile_field **out)
{
    size_t count = cove_schema_count(schema);
    struct compile_field *fields =
        cove_arena_array(arena, count + 1, sizeof *fields);
    int rc;

    if (fields == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const struct cove_property *property = cove_schema_at(schema, i);

        fields[i].name = property->name;
        fields[i].type = property->type;
        fields[i].visible = true;
        fields[i].required = property->required;
        fields[i].has_default = property->has_default;
        fields[i].default_value = property->default_value;
        fields[i].child = property->child;
        fields[i].item_type = property->item_type;
        if ((rc = cove_schema_inside(arena, property, &fields[i])) != 0) {
            return rc;
        }
    }
    *out = fields;
    return 0;
}

/* The first operation of the step that would be inert. `ops` has the labels of
 * the words, or is NULL. */
static int check_conflicts(const struct cove_plan *plan,
                           const struct compile_op *ops, struct cove_diag *diag)
{
    for (size_t i = 0; i < plan->conflict_count; i++) {
        const struct cove_plan_conflict *conflict = &plan->conflicts[i];
        struct cove_step_op op = {0};
        int rc;

        if (memcmp(&conflict->step, &plan->head->id, sizeof conflict->step) !=
            0) {
            continue;
        }
        rc = cove_step_op_read(plan->head->ops[conflict->op], &op, diag);
        if (rc != 0) {
            return rc;
        }
        return cove_fail(
            diag, COVE_ECONFLICT,
            "%.*s: operation %u (%.*s) does not fit what was published before, "
            "and would do nothing: a field has one conversion to each other, "
            "one split or join, and at most %d parts",
            SHOWN(ops != NULL ? ops[conflict->op].label
                              : cove_bytes_text("the step")),
            (unsigned)conflict->op + 1, SHOWN(op.kind_name), COVE_PLAN_ATOMS);
    }
    return 0;
}

static int check_fields(struct cove_arena *arena, const struct cove_plan *plan,
                        const struct cove_schema *schema,
                        struct cove_buf *report, struct cove_diag *diag)
{
    struct difference d = {arena, "the schema", "the migration", NULL, 0, 0};
    struct compile_field *want;
    struct compile_field *have;
    size_t count;
    int rc;

    if ((rc = schema_fields(arena, schema, &want)) != 0 ||
        (rc = cove_plan_fields(arena, plan, &have, &count)) != 0) {
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        const struct compile_field *field =
            fields_find(want, cove_schema_count(schema), have[i].name);

        if (have[i].visible && field != NULL && !field->has_default &&
            step_gives_default(plan->head, have[i].reg)) {
            have[i].has_default = false;
            have[i].default_value = cove_bytes(NULL, 0);
        }
    }
    rc = cove_difference_all(&d, want, cove_schema_count(schema), have, count);
    if (rc == 0 && d.count > 0) {
        rc = cove_difference_fail(
            &d, "the migration does not lead to the schema", report, diag);
    }
    return rc;
}

int cove_compile_judge(const struct compile_check *check,
                       struct cove_bytes body)
{
    struct future f;
    int rc;

    if ((rc = cove_step_check(check->arena, body, check->diag)) != 0) {
        return rc;
    }
    rc = cove_future_init(&f, check->arena, check->journal, body);
    if (rc == COVE_EBLOCKED) {
        return cove_fail(check->diag, rc,
                         "the step would wait: a parent of it is not active");
    }
    if (rc != 0) {
        return rc;
    }
    rc = check_conflicts(f.plan, check->ops, check->diag);
    if (rc == 0) {
        rc = check_fields(check->arena, f.plan, check->schema, check->report,
                          check->diag);
    }
    cove_future_free(&f);
    return rc;
}

int cove_compile_check(struct cove_arena *arena,
                       const struct cove_journal *journal,
                       struct cove_bytes body, const struct cove_schema *schema,
                       struct cove_buf *report, struct cove_diag *diag)
{
    struct compile_check check = {arena, journal, schema, NULL, report, diag};

    return cove_compile_judge(&check, body);
}
