/* compile_field.c: the fields of a version while a migration goes over them,
 * and the operations that this takes.
 *
 * A new field is a new register, for ever: its id is the name and a hash of
 * the parents and the file, so that the same file gives the same register
 * everywhere and no other file gives it again. docs/MIGRATIONS.md "Registers".
 */
#include <assert.h>
#include <stdio.h>

#include "core/crypto.h"
#include "migrate/compile_parts.h"

/* --- encoded maps ------------------------------------------------------- */

void cove_draft_init(struct cove_draft *d, struct cove_arena *arena)
{
    d->arena = arena;
    d->count = 0;
    d->err = 0;
}

void cove_draft_item(struct cove_draft *d, const char *key,
                     struct cove_bytes item)
{
    assert(d->count < COVE_ARRAY_LEN(d->pairs));
    if (d->err == 0) {
        d->err = cove_value_of_text(d->arena, cove_bytes_text(key),
                                    &d->pairs[d->count].key);
        d->pairs[d->count].value = item;
        d->count++;
    }
}

void cove_draft_text(struct cove_draft *d, const char *key,
                     struct cove_bytes text)
{
    struct cove_bytes item = {NULL, 0};

    if (d->err == 0) {
        d->err = cove_value_of_text(d->arena, text, &item);
        cove_draft_item(d, key, item);
    }
}

void cove_draft_bool(struct cove_draft *d, const char *key, bool v)
{
    static const uint8_t bools[] = {0xf4, 0xf5};

    cove_draft_item(d, key, cove_bytes(&bools[v], 1));
}

/* Move what was written into the arena. */
static int writer_end(struct cove_arena *arena, struct cove_writer *w,
                      struct cove_bytes *out)
{
    int rc = w->err;

    if (rc == 0) {
        rc = cove_arena_copy(arena, cove_buf_bytes(w->out), out);
    }
    cove_buf_clear(w->out);
    return rc;
}

int cove_draft_end(struct cove_draft *d, struct cove_bytes *out)
{
    struct cove_buf buf;
    struct cove_writer w;

    if (d->err != 0) {
        return d->err;
    }
    cove_buf_init(&buf, d->arena->alloc);
    cove_writer_init(&w, &buf);
    cove_writer_map_sorted(&w, d->pairs, d->count);
    return writer_end(d->arena, &w, out);
}

int cove_draft_names(struct cove_arena *arena, const struct cove_bytes *names,
                     size_t count, struct cove_bytes *out)
{
    struct cove_buf buf;
    struct cove_writer w;

    cove_buf_init(&buf, arena->alloc);
    cove_writer_init(&w, &buf);
    cove_writer_list(&w, count);
    for (size_t i = 0; i < count; i++) {
        cove_writer_text(&w, names[i]);
    }
    return writer_end(arena, &w, out);
}

/* --- the compilation ---------------------------------------------------- */

int cove_compile_init(struct compile *c, const struct cove_step_id *parents,
                      size_t parent_count, struct cove_bytes file,
                      size_t fields)
{
    struct cove_buf buf;
    struct cove_writer w;
    char hex[COVE_HEX_LEN(sizeof parents->b)];

    cove_buf_init(&buf, c->arena->alloc);
    cove_writer_init(&w, &buf);
    for (size_t i = 0; i < parent_count; i++) {
        cove_hex(cove_bytes(parents[i].b, sizeof parents[i].b), hex);
        cove_writer_cstr(&w, hex);
    }
    cove_writer_item(&w, file);
    c->seed_count = parent_count + 1;
    c->field_cap = fields + COVE_MAX_STEP_OPS;
    c->fields = cove_arena_array(c->arena, c->field_cap, sizeof *c->fields);
    c->ops = cove_arena_array(c->arena, COVE_MAX_STEP_OPS, sizeof *c->ops);
    if (c->fields == NULL || c->ops == NULL) {
        cove_buf_clear(&buf);
        return COVE_ENOMEM;
    }
    return writer_end(c->arena, &w, &c->seed);
}

#define REGISTER_SUFFIX 9 /* '~' and eight base32 characters */

/* The longest start of a name that leaves room for the suffix and does not
 * end inside a character. */
static size_t register_stem(struct cove_bytes name)
{
    size_t len = COVE_MAX_REGISTER - REGISTER_SUFFIX;

    if (name.len <= len) {
        return name.len;
    }
    while (len > 0 && (name.at[len] & 0xc0) == 0x80) {
        len--;
    }
    return len;
}

/* The register id of a new field. Where the name is cut, the whole of it is
 * hashed too, so that two long names stay two registers. */
static int register_id(struct compile *c, struct cove_bytes name,
                       struct cove_bytes *out)
{
    size_t stem = register_stem(name);
    bool cut = stem < name.len;
    struct cove_buf buf;
    struct cove_writer w;
    struct cove_hash hash;
    char suffix[9];
    char *id;

    cove_buf_init(&buf, c->arena->alloc);
    cove_writer_init(&w, &buf);
    cove_writer_list(&w, c->seed_count + cut);
    cove_writer_item(&w, c->seed);
    if (cut) {
        cove_writer_text(&w, name);
    }
    if (w.err == 0) {
        hash = cove_hash("cove/register", cove_buf_bytes(&buf));
    }
    cove_buf_clear(&buf);
    if (w.err != 0) {
        return w.err;
    }
    cove_base32_8(&hash, suffix);
    id = cove_arena_printf(c->arena, "%.*s~%s", (int)stem,
                           (const char *)name.at, suffix);
    if (id == NULL) {
        return COVE_ENOMEM;
    }
    *out = cove_bytes_text(id);
    return 0;
}

/* --- names -------------------------------------------------------------- */

int cove_name_check(struct cove_bytes name, struct cove_bytes label,
                    struct cove_diag *diag)
{
    if (name.len == 0) {
        return cove_fail(diag, COVE_ERESERVED,
                         "%.*s: a field cannot have an empty name: \"\" marks "
                         "references",
                         SHOWN(label));
    }
    if (name.at[0] == '#') {
        return cove_fail(diag, COVE_ERESERVED,
                         "%.*s: a field cannot be called \"%.*s\": names that "
                         "begin with '#' are those of displaced fields",
                         SHOWN(label), SHOWN(name));
    }
    if (name.at[0] == '$') {
        return cove_fail(diag, COVE_ERESERVED,
                         "%.*s: a field cannot be called \"%.*s\": names that "
                         "begin with '$' mark values that JSON has no form for",
                         SHOWN(label), SHOWN(name));
    }
    if (name.len >= 2 && memcmp(name.at + name.len - 2, "[]", 2) == 0) {
        return cove_fail(diag, COVE_ERESERVED,
                         "%.*s: a field cannot be called \"%.*s\": names that "
                         "end with \"[]\" are those of the items of lists",
                         SHOWN(label), SHOWN(name));
    }
    if (name.len > COVE_MAX_KEY) {
        return cove_fail(diag, COVE_ELIMIT,
                         "%.*s: a name has at most %d bytes, \"%.*s…\" %zu",
                         SHOWN(label), COVE_MAX_KEY, SHOWN(name), name.len);
    }
    return 0;
}

static struct compile_field *field_find(struct compile *c,
                                        struct cove_bytes name)
{
    for (size_t i = 0; i < c->field_count; i++) {
        if (c->fields[i].visible && cove_bytes_equal(c->fields[i].name, name)) {
            return &c->fields[i];
        }
    }
    return NULL;
}

/* List what can be named, for an error; cut where it is long. */
static void fields_list(const struct compile *c, char *out, size_t cap)
{
    size_t len = 0;

    *out = '\0';
    for (size_t i = 0; i < c->field_count && len + 96 < cap; i++) {
        const struct compile_field *field = &c->fields[i];

        if (field->visible) {
            len += (size_t)snprintf(out + len, cap - len, "%s%.*s",
                                    len > 0 ? ", " : "", SHOWN(field->name));
        }
    }
    if (len + 96 >= cap) {
        snprintf(out + len, cap - len, ", …");
    }
}

int cove_field_need(struct compile *c, struct cove_bytes name,
                    struct compile_field **out)
{
    char known[640];

    *out = field_find(c, name);
    if (*out != NULL) {
        return 0;
    }
    for (size_t i = 0; i < c->field_count; i++) {
        if (!c->fields[i].inner && cove_bytes_equal(c->fields[i].name, name)) {
            return cove_fail(c->diag, COVE_ENOTFOUND,
                             "%.*s: the field \"%.*s\" is hidden here; show it "
                             "first",
                             SHOWN(c->label), SHOWN(name));
        }
    }
    fields_list(c, known, sizeof known);
    return cove_fail(c->diag, COVE_ENOTFOUND,
                     "%.*s: there is no field \"%.*s\" here; there are: %s",
                     SHOWN(c->label), SHOWN(name),
                     *known != '\0' ? known : "none");
}

int cove_field_free(struct compile *c, struct cove_bytes name)
{
    int rc = cove_name_check(name, c->label, c->diag);

    if (rc == 0 && field_find(c, name) != NULL) {
        rc = cove_fail(c->diag, COVE_EEXIST,
                       "%.*s: there is a field \"%.*s\" already; rename or "
                       "hide it first",
                       SHOWN(c->label), SHOWN(name));
    }
    return rc;
}

/* --- operations --------------------------------------------------------- */

int cove_op_end(struct compile *c, struct cove_draft *d, const char *kind)
{
    int rc;

    if (c->op_count == COVE_MAX_STEP_OPS) {
        return cove_fail(c->diag, COVE_ELIMIT,
                         "%.*s: a step has at most %d operations; divide the "
                         "migration into two versions",
                         SHOWN(c->label), COVE_MAX_STEP_OPS);
    }
    cove_draft_text(d, "op", cove_bytes_text(kind));
    rc = cove_draft_end(d, &c->ops[c->op_count].op);
    if (rc == 0) {
        c->ops[c->op_count++].label = c->label;
    }
    return rc;
}

int cove_field_limit(struct compile *c, const struct compile_field *field)
{
    struct cove_draft d;

    cove_draft_init(&d, c->arena);
    cove_draft_text(&d, "reg", field->reg);
    if (field->has_default) {
        cove_draft_item(&d, "default", field->default_value);
    }
    if (field->required) {
        cove_draft_bool(&d, "required", true);
    }
    return cove_op_end(c, &d, "limit");
}

/* What the target schema says of a new field, where that is this very field
 * and not one that a later word makes of it. */
static void field_target(const struct compile *c, struct compile_field *field)
{
    const struct cove_property *property =
        c->target != NULL ? cove_schema_find(c->target, field->name) : NULL;

    if (property != NULL && property->type == field->type &&
        property->child == COVE_CHILD_NONE) {
        field->required = property->required;
        field->has_default = property->has_default;
        field->default_value = property->default_value;
    }
}

/* Add a register: its id, and the op. */
static int field_register(struct compile *c, struct compile_field *field)
{
    struct cove_draft d;
    int rc = register_id(c, field->name, &field->reg);

    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; i < c->field_count; i++) {
        if (cove_bytes_equal(c->fields[i].reg, field->reg)) {
            return cove_fail(c->diag, COVE_EEXIST,
                             "%.*s: one file can make a field \"%.*s\" only "
                             "once; do it in one word, or in two versions",
                             SHOWN(c->label), SHOWN(field->name));
        }
    }
    cove_draft_init(&d, c->arena);
    cove_draft_text(&d, "reg", field->reg);
    cove_draft_text(&d, "name", field->name);
    cove_draft_text(&d, "type", cove_bytes_text(cove_type_name(field->type)));
    rc = cove_op_end(c, &d, "add");
    c->field_count += rc == 0; /* there is room: no more fields than ops */
    return rc;
}

int cove_field_add(struct compile *c, const struct compile_new *what,
                   struct compile_field **out)
{
    struct compile_field *field = &c->fields[c->field_count];
    int rc;

    memset(field, 0, sizeof *field);
    field->name = what->name;
    field->type = what->child != NULL ? COVE_TYPE_ANY : what->type;
    field->visible = true;
    if (what->child == NULL) {
        field_target(c, field);
    }
    if (what->default_value.len > 0) {
        field->has_default = true;
        field->default_value = what->default_value;
    }
    if (what->required >= 0) {
        field->required = what->required > 0;
    }
    rc = field_register(c, field);
    if (rc == 0 && (field->has_default || field->required)) {
        rc = cove_field_limit(c, field);
    }
    if (rc == 0 && what->child != NULL) {
        rc = cove_field_inside(c, field, what->child);
    }
    if (rc == 0 && out != NULL) {
        *out = field;
    }
    return rc;
}

int cove_inner_add(struct compile *c, const struct compile_new *what,
                   struct cove_bytes *reg)
{
    struct compile_field *field = &c->fields[c->field_count];
    int rc;

    memset(field, 0, sizeof *field);
    field->name = what->name;
    field->type = what->type;
    field->inner = true;
    field->required = what->required > 0;
    field->has_default = what->default_value.len > 0;
    field->default_value = what->default_value;
    rc = field_register(c, field);
    rc = rc != 0 ? rc : cove_field_show(c, field, false);
    if (rc == 0 && (field->has_default || field->required)) {
        rc = cove_field_limit(c, field);
    }
    if (rc == 0) {
        *reg = field->reg;
    }
    return rc;
}

int cove_field_rename(struct compile *c, struct compile_field *field,
                      struct cove_bytes name)
{
    struct cove_draft d;

    field->name = name;
    cove_draft_init(&d, c->arena);
    cove_draft_text(&d, "reg", field->reg);
    cove_draft_text(&d, "name", name);
    return cove_op_end(c, &d, "name");
}

int cove_field_show(struct compile *c, struct compile_field *field,
                    bool visible)
{
    struct cove_draft d;

    field->visible = visible;
    cove_draft_init(&d, c->arena);
    cove_draft_text(&d, "reg", field->reg);
    return cove_op_end(c, &d, visible ? "show" : "hide");
}
