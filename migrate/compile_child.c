/* compile_child.c: fields that are documents of their own, and the words that
 * make them: each, to_list, text, extract.
 *
 * Nothing is moved. The items of a list, and the fields of a map, are values
 * of hidden registers, so that what they were is linked to what they are by
 * conv, as with any field. A scalar that becomes a list or a text seeds it:
 * the child shows the scalar's newest write, and the scalar what the child
 * has. Source: tests/oracle/children.py.
 */
#include "migrate/compile_check.h"

/* --- what is inside ------------------------------------------------------ */

const struct cove_property *cove_target_child(const struct compile *c,
                                              struct cove_bytes name)
{
    const struct cove_property *property =
        c->target != NULL ? cove_schema_find(c->target, name) : NULL;

    return property != NULL && property->child != COVE_CHILD_NONE ? property
                                                                  : NULL;
}

int cove_field_value(const struct compile *c, const struct compile_field *field)
{
    if (field->child == COVE_CHILD_NONE) {
        return 0;
    }
    return cove_fail(c->diag, COVE_ESTEP,
                     "%.*s: \"%.*s\" is a document of its own (%s) and no "
                     "value; this word is for values",
                     SHOWN(c->label), SHOWN(field->name),
                     cove_child_kind_name(field->child));
}

/* The map of a map child's fields to their registers. */
static int members_map(struct compile *c, const struct compile_field *field,
                       struct cove_bytes *out)
{
    struct cove_pair *pairs =
        cove_arena_array(c->arena, field->member_count + 1, sizeof *pairs);
    struct cove_buf buf;
    struct cove_writer w;
    int rc = pairs == NULL ? COVE_ENOMEM : 0;

    for (size_t i = 0; i < field->member_count && rc == 0; i++) {
        const struct compile_member *m = &field->members[i];

        rc = cove_value_of_text(c->arena, m->name, &pairs[i].key);
        if (rc == 0) {
            rc = cove_value_of_text(c->arena, m->reg, &pairs[i].value);
        }
    }
    if (rc != 0) {
        return rc;
    }
    cove_buf_init(&buf, c->arena->alloc);
    cove_writer_init(&w, &buf);
    cove_writer_map_sorted(&w, pairs, field->member_count);
    rc = w.err != 0 ? w.err
                    : cove_arena_copy(c->arena, cove_buf_bytes(&buf), out);
    cove_buf_clear(&buf);
    return rc;
}

int cove_field_child(struct compile *c, const struct compile_field *field)
{
    struct cove_bytes map = {NULL, 0};
    struct cove_draft d;
    int rc;

    cove_draft_init(&d, c->arena);
    cove_draft_text(&d, "reg", field->reg);
    cove_draft_text(&d, "type",
                    cove_bytes_text(cove_child_kind_name(field->child)));
    if (field->child == COVE_CHILD_LIST) {
        cove_draft_text(&d, "item", field->item);
    }
    if (field->child == COVE_CHILD_MAP) {
        if ((rc = members_map(c, field, &map)) != 0) {
            return rc;
        }
        cove_draft_item(&d, "fields", map);
    }
    return cove_op_end(c, &d, COVE_EXTRA_CHILD);
}

/* A register for the items of a list: "FIELD[]". */
static int item_add(struct compile *c, struct compile_field *field,
                    enum cove_type type)
{
    char *name = cove_arena_printf(c->arena, "%.*s[]", SHOWN(field->name));
    struct compile_new what = {.type = type};

    if (name == NULL) {
        return COVE_ENOMEM;
    }
    what.name = cove_bytes_text(name);
    field->item_type = type;
    return cove_inner_add(c, &what, &field->item);
}

/* A register for a field of a map: "FIELD/NAME", as `p` says. */
static int member_add(struct compile *c, const struct compile_field *field,
                      const struct cove_property *p, struct compile_member *out)
{
    char *name = cove_arena_printf(c->arena, "%.*s/%.*s", SHOWN(field->name),
                                   SHOWN(p->name));
    struct compile_new what = {.type = p->type,
                               .default_value = p->default_value,
                               .required = p->required};

    if (name == NULL) {
        return COVE_ENOMEM;
    }
    what.name = cove_bytes_text(name);
    *out = (struct compile_member){.name = p->name,
                                   .type = p->type,
                                   .required = p->required,
                                   .has_default = p->has_default,
                                   .default_value = p->default_value};
    return cove_inner_add(c, &what, &out->reg);
}

static int members_new(struct compile *c, struct compile_field *field,
                       size_t count)
{
    field->members =
        cove_arena_array(c->arena, count + 1, sizeof *field->members);
    return field->members == NULL ? COVE_ENOMEM : 0;
}

int cove_field_inside(struct compile *c, struct compile_field *field,
                      const struct cove_property *as)
{
    int rc = 0;

    field->child = as->child;
    if (as->child == COVE_CHILD_LIST) {
        rc = item_add(c, field, as->item_type);
    } else if (as->child == COVE_CHILD_MAP) {
        rc = members_new(c, field, as->member_count);
        for (size_t i = 0; i < as->member_count && rc == 0; i++) {
            rc = member_add(c, field, &as->members[i], &field->members[i]);
            field->member_count += rc == 0;
        }
    }
    return rc != 0 ? rc : cove_field_child(c, field);
}

/* --- the same, of plans and schemas -------------------------------------- */

static int inside_copy(struct cove_arena *arena, struct cove_bytes from,
                       struct cove_bytes *out)
{
    return from.len == 0 ? 0 : cove_arena_copy(arena, from, out);
}

int cove_plan_inside(struct cove_arena *arena, const struct cove_plan *plan,
                     uint32_t child, struct compile_field *out)
{
    const struct cove_plan_child *from = &plan->children[child];
    int rc = 0;

    out->child = from->kind;
    out->item_type = COVE_TYPE_ANY;
    if (from->item != COVE_PLAN_NONE) {
        out->item_type = plan->registers[from->item].type;
        rc = cove_arena_copy(arena, plan->registers[from->item].id, &out->item);
    }
    out->members =
        cove_arena_array(arena, from->field_count + 1, sizeof *out->members);
    if (out->members == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < from->field_count && rc == 0; i++) {
        const struct cove_plan_register *reg =
            &plan->registers[from->fields[i].reg];
        struct compile_member *m = &out->members[out->member_count++];

        m->type = reg->type;
        m->required = reg->required;
        m->has_default = reg->has_default;
        if ((rc = cove_arena_copy(arena, from->fields[i].name, &m->name)) ==
                0 &&
            (rc = cove_arena_copy(arena, reg->id, &m->reg)) == 0) {
            rc = inside_copy(arena, reg->fallback, &m->default_value);
        }
    }
    return rc;
}

int cove_schema_inside(struct cove_arena *arena,
                       const struct cove_property *property,
                       struct compile_field *out)
{
    out->members = cove_arena_array(arena, property->member_count + 1,
                                    sizeof *out->members);
    if (out->members == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < property->member_count; i++) {
        const struct cove_property *p = &property->members[i];

        out->members[i] =
            (struct compile_member){.name = p->name,
                                    .type = p->type,
                                    .required = p->required,
                                    .has_default = p->has_default,
                                    .default_value = p->default_value};
    }
    out->member_count = property->member_count;
    return 0;
}

bool cove_members_equal(const struct compile_field *a,
                        const struct compile_field *b)
{
    size_t found = 0;

    for (size_t i = 0; i < a->member_count; i++) {
        const struct compile_member *m = &a->members[i];

        for (size_t k = 0; k < b->member_count; k++) {
            const struct compile_member *n = &b->members[k];

            found += cove_bytes_equal(m->name, n->name) && m->type == n->type &&
                     m->required == n->required &&
                     m->has_default == n->has_default &&
                     cove_bytes_equal(m->default_value, n->default_value);
        }
    }
    return found == a->member_count && found == b->member_count;
}

/* --- words ---------------------------------------------------------------- */

static int conv_op(struct compile *c, struct cove_bytes from,
                   struct cove_bytes to, struct cove_bytes forward,
                   struct cove_bytes back)
{
    struct cove_draft d;

    cove_draft_init(&d, c->arena);
    cove_draft_text(&d, "from", from);
    cove_draft_text(&d, "to", to);
    cove_draft_item(&d, "fwd", forward);
    cove_draft_item(&d, "bwd", back);
    return cove_op_end(c, &d, "conv");
}

static int seed_op(struct compile *c, struct cove_bytes from,
                   struct cove_bytes to, const char *how)
{
    struct cove_draft d;

    cove_draft_init(&d, c->arena);
    cove_draft_text(&d, "from", from);
    cove_draft_text(&d, "to", to);
    cove_draft_text(&d, "how", cove_bytes_text(how));
    return cove_op_end(c, &d, COVE_EXTRA_SEED);
}

/* The pipelines that the word says: `forward` may be left out where the type
 * stays. */
static int word_pipes(struct compile *c, const struct cove_word *word,
                      struct cove_bytes *forward, struct cove_bytes *back)
{
    static const uint8_t nothing[] = {0x80}; /* [] */

    if (!cove_member(word, "forward", forward)) {
        *forward = cove_bytes(nothing, sizeof nothing);
    }
    return cove_word_back(c, word, *forward, back);
}

/* What the items are to be: as said, or as the target schema has the list. */
static int item_type(struct compile *c, struct cove_bytes name,
                     struct cove_bytes said, enum cove_type *out)
{
    const struct cove_property *property = cove_target_child(c, name);

    if (said.len > 0) {
        return cove_new_type(c, name, said, out);
    }
    if (property == NULL || property->child != COVE_CHILD_LIST) {
        return cove_fail(c->diag, COVE_ESTEP,
                         "%.*s: say the type of the items: \"%.*s\" is no "
                         "field with \"x-type\": \"list\" in the schema this "
                         "leads to",
                         SHOWN(c->label), SHOWN(name));
    }
    *out = property->item_type;
    return 0;
}

/* A value of one type put where another is, with nothing in between. */
static int pipes_needed(struct compile *c, const struct cove_word *word,
                        enum cove_type from, enum cove_type to)
{
    struct cove_bytes ignored;

    if (from == to || to == COVE_TYPE_ANY ||
        cove_member(word, "forward", &ignored)) {
        return 0;
    }
    return cove_fail(c->diag, COVE_ESTEP,
                     "%.*s: the items turn from %s to %s; say how: "
                     "\"forward\"",
                     SHOWN(c->label), cove_type_word(from), cove_type_word(to));
}

int cove_word_each(struct compile *c, const struct cove_word *word)
{
    struct compile_field *field;
    struct cove_bytes forward = {NULL, 0};
    struct cove_bytes back = {NULL, 0};
    struct cove_bytes old;
    enum cove_type was;
    enum cove_type type = COVE_TYPE_ANY;
    int rc;

    if ((rc = cove_member_field(c, word, "field", &field)) != 0) {
        return rc;
    }
    if (field->child != COVE_CHILD_LIST || field->item.len == 0) {
        return cove_fail(c->diag, COVE_ESTEP,
                         "%.*s: \"%.*s\" is no list whose items are migrated "
                         "one by one; that is a field with \"x-type\": "
                         "\"list\"",
                         SHOWN(c->label), SHOWN(field->name));
    }
    old = field->item;
    was = field->item_type;
    if ((rc = item_type(c, field->name, cove_member_text(word, "to"), &type)) !=
            0 ||
        (rc = pipes_needed(c, word, was, type)) != 0 ||
        (rc = word_pipes(c, word, &forward, &back)) != 0 ||
        (rc = item_add(c, field, type)) != 0 ||
        (rc = conv_op(c, old, field->item, forward, back)) != 0) {
        return rc;
    }
    return cove_field_child(c, field);
}

/* The field that a scalar becomes: its name is free for it from the start. */
static int child_field(struct compile *c, struct compile_field *old,
                       struct cove_bytes name, const struct cove_property *as,
                       struct compile_field **out)
{
    struct compile_new what = {.name = name, .required = -1, .child = as};
    int rc;

    old->visible = false;
    rc = cove_field_free(c, name);
    return rc != 0 ? rc : cove_field_add(c, &what, out);
}

int cove_word_to_list(struct compile *c, const struct cove_word *word)
{
    struct cove_property as = {.child = COVE_CHILD_LIST};
    struct compile_field *old;
    struct compile_field *made = NULL;
    struct cove_bytes forward = {NULL, 0};
    struct cove_bytes back = {NULL, 0};
    struct cove_bytes name;
    struct cove_bytes said;
    int rc;

    cove_word_target(word, &name, &said);
    if ((rc = cove_member_field(c, word, "field", &old)) != 0 ||
        (rc = cove_field_value(c, old)) != 0) {
        return rc;
    }
    name = name.at != NULL ? name : old->name;
    if ((rc = item_type(c, name, said, &as.item_type)) != 0 ||
        (rc = pipes_needed(c, word, old->type, as.item_type)) != 0 ||
        (rc = word_pipes(c, word, &forward, &back)) != 0 ||
        (rc = child_field(c, old, name, &as, &made)) != 0 ||
        (rc = conv_op(c, old->reg, made->item, forward, back)) != 0 ||
        (rc = seed_op(c, old->reg, made->reg, "list")) != 0) {
        return rc;
    }
    return cove_field_show(c, old, false);
}

int cove_word_text(struct compile *c, const struct cove_word *word)
{
    static const struct cove_property as = {.child = COVE_CHILD_TEXT};
    struct cove_bytes name = cove_member_text(word, "to");
    struct compile_field *old;
    struct compile_field *made = NULL;
    int rc;

    if ((rc = cove_member_field(c, word, "field", &old)) != 0 ||
        (rc = cove_field_value(c, old)) != 0) {
        return rc;
    }
    if (old->type != COVE_TYPE_TEXT) {
        return cove_fail(c->diag, COVE_ESTEP,
                         "%.*s: \"%.*s\" is no text but %s; convert it first",
                         SHOWN(c->label), SHOWN(old->name),
                         cove_type_word(old->type));
    }
    if ((rc = child_field(c, old, name.at != NULL ? name : old->name, &as,
                          &made)) != 0 ||
        (rc = seed_op(c, old->reg, made->reg, "text")) != 0) {
        return rc;
    }
    return cove_field_show(c, old, false);
}

/* --- extract --- */

struct extract {
    struct compile *c;
    const struct cove_property *target; /* the map as the schema has it */
    struct compile_field *into;
};

/* One field of the parent: a register inside the map, joined to it. */
static int extract_one(struct extract *x, struct cove_bytes name,
                       struct cove_bytes as)
{
    static const uint8_t nothing[] = {0x80}; /* [] */
    struct compile *c = x->c;
    struct compile_member *m = &x->into->members[x->into->member_count];
    struct cove_property p = {.name = as};
    struct compile_field *old;
    int rc;

    if ((rc = cove_field_need(c, name, &old)) != 0 ||
        (rc = cove_field_value(c, old)) != 0) {
        return rc;
    }
    p.type = old->type;
    for (size_t i = 0; x->target != NULL && i < x->target->member_count; i++) {
        if (cove_bytes_equal(x->target->members[i].name, as)) {
            p.required = x->target->members[i].required;
            p.has_default = x->target->members[i].has_default;
            p.default_value = x->target->members[i].default_value;
        }
    }
    rc = member_add(c, x->into, &p, m);
    x->into->member_count += rc == 0;
    rc = rc != 0 ? rc
                 : conv_op(c, old->reg, m->reg, cove_bytes(nothing, 1),
                           cove_bytes(nothing, 1));
    return rc != 0 ? rc : cove_field_show(c, old, false);
}

/* The fields, a list of names or a map of what they are called inside. */
static int extract_all(struct extract *x, struct cove_bytes fields)
{
    bool renames = cove_value_kind(fields) == COVE_KIND_MAP;
    struct cove_reader r;
    size_t count;
    int rc;

    cove_reader_init(&r, fields);
    count = renames ? cove_reader_map(&r) : cove_reader_list(&r);
    rc = members_new(x->c, x->into, count);
    for (size_t i = 0; i < count && rc == 0; i++) {
        struct cove_bytes name = cove_reader_text(&r);
        struct cove_bytes as = renames ? cove_reader_text(&r) : name;

        rc = cove_name_check(as, x->c->label, x->c->diag);
        for (size_t k = 0; k < i && rc == 0; k++) {
            if (cove_bytes_equal(x->into->members[k].name, as)) {
                rc = cove_fail(x->c->diag, COVE_EEXIST,
                               "%.*s: two fields would be called \"%.*s\" "
                               "inside \"%.*s\"",
                               SHOWN(x->c->label), SHOWN(as),
                               SHOWN(x->into->name));
            }
        }
        rc = rc != 0 ? rc : extract_one(x, name, as);
    }
    return rc;
}

int cove_word_extract(struct compile *c, const struct cove_word *word)
{
    struct compile_new what = {.name = cove_member_text(word, "into"),
                               .type = COVE_TYPE_ANY,
                               .required = -1};
    struct extract x = {.c = c, .target = cove_target_child(c, what.name)};
    struct cove_bytes fields = {NULL, 0};
    int rc;

    cove_member(word, "fields", &fields);
    if ((rc = cove_field_free(c, what.name)) != 0 ||
        (rc = cove_field_add(c, &what, &x.into)) != 0) {
        return rc;
    }
    x.into->child = COVE_CHILD_MAP;
    if ((rc = extract_all(&x, fields)) != 0) {
        return rc;
    }
    return cove_field_child(c, x.into);
}
