/* path.c: see path.h. */
#include "migrate/path.h"

#include <stdio.h>

#include "core/cbor.h"
#include "core/value.h"

/* --- names */

/* The longest beginning of a path that a name is: the whole, or up to a dot.
 * `has` says what is a name. */
typedef bool path_has(const void *of, struct cove_bytes name, void *found);

static bool path_split(const void *of, path_has *has, struct cove_bytes path,
                       void *found, struct cove_bytes *rest)
{
    if (has(of, path, found)) {
        *rest = cove_bytes(NULL, 0);
        return true;
    }
    for (size_t i = path.len; i-- > 0;) {
        if (path.at[i] == '.' && has(of, cove_bytes(path.at, i), found)) {
            *rest = cove_bytes(path.at + i + 1, path.len - i - 1);
            return true;
        }
    }
    return false;
}

static bool plan_has(const void *of, struct cove_bytes name, void *found)
{
    const struct cove_plan *plan = of;

    return cove_plan_find_name(plan, name, found);
}

static bool child_has(const void *of, struct cove_bytes name, void *found)
{
    const struct cove_plan_child *child = of;

    return cove_plan_field_find(child->fields, child->field_count, name, found);
}

static bool raw_has(const void *of, struct cove_bytes name, void *found)
{
    const struct cove_native *native;
    const struct cove_copy *copy;
    struct cove_bytes *out = found;

    *out = name;
    return cove_state_winner(of, name, &native, &copy) == 0;
}

static bool map_has(const void *of, struct cove_bytes name, void *found)
{
    const struct cove_bytes *map = of;
    struct cove_bytes *out = found;
    struct cove_reader r;

    cove_reader_init(&r, *map);
    for (size_t left = cove_reader_map(&r); left > 0; left--) {
        struct cove_bytes key = cove_reader_text(&r);
        struct cove_bytes value = cove_reader_item(&r);

        if (r.err == 0 && cove_bytes_equal(key, name)) {
            *out = value;
            return true;
        }
    }
    return false;
}

/* The map that a field is, or NULL. */
static const struct cove_plan_child *plan_map(const struct cove_plan *plan,
                                              uint32_t reg)
{
    uint32_t child = plan->registers[reg].child;

    return child != COVE_PLAN_NONE &&
                   plan->children[child].kind == COVE_CHILD_MAP
               ? &plan->children[child]
               : NULL;
}

/* --- values */

struct path_walk {
    cove_path_visit *visit;
    void *ctx;
};

static bool walk_give(const struct path_walk *w, struct cove_bytes value)
{
    struct cove_cell cell = {.kind = COVE_PRESENT, .bytes = value};

    return w->visit(w->ctx, &cell);
}

/* At the end of the path: the value, and of a list its items. */
static bool walk_end(const struct path_walk *w, struct cove_bytes value)
{
    struct cove_reader r;
    bool more = walk_give(w, value);

    if (!more || cove_cbor_type_of(value) != COVE_CBOR_LIST) {
        return more;
    }
    cove_reader_init(&r, value);
    for (size_t left = cove_reader_list(&r); left > 0 && more; left--) {
        more = walk_give(w, cove_reader_item(&r));
    }
    return more;
}

static bool walk_value(const struct path_walk *w, struct cove_bytes value,
                       struct cove_bytes rest)
{
    enum cove_cbor_type type = cove_cbor_type_of(value);
    struct cove_bytes inner;
    struct cove_reader r;
    bool more = true;

    if (rest.at == NULL) {
        return walk_end(w, value);
    }
    if (type == COVE_CBOR_MAP) {
        return !path_split(&value, map_has, rest, &inner, &rest) ||
               walk_value(w, inner, rest);
    }
    if (type != COVE_CBOR_LIST) {
        return true;
    }
    cove_reader_init(&r, value);
    for (size_t left = cove_reader_list(&r); left > 0 && more; left--) {
        inner = cove_reader_item(&r);
        if (cove_cbor_type_of(inner) == COVE_CBOR_MAP) {
            more = walk_value(w, inner, rest);
        }
    }
    return more;
}

/* --- documents */

static int walk_raw(const struct path_walk *w, struct cove_loaded *loaded,
                    struct cove_bytes path)
{
    struct cove_bytes key, rest;
    struct cove_cell cell;
    int err;

    if (!path_split(&loaded->doc.state, raw_has, path, &key, &rest)) {
        return 0;
    }
    err = cove_loaded_get(loaded, key, &cell, NULL);
    if (err == 0 && cell.kind == COVE_PRESENT) {
        walk_value(w, cell.bytes, rest);
    }
    return err;
}

int cove_path_walk(struct cove_loaded *loaded, struct cove_bytes path,
                   cove_path_visit *visit, void *ctx)
{
    const struct path_walk w = {visit, ctx};
    const struct cove_plan *plan = loaded->plan;
    const struct cove_plan_child *map;
    struct cove_field field;
    struct cove_bytes rest;
    uint32_t reg;
    int err;

    if (loaded->raw) {
        return walk_raw(&w, loaded, path);
    }
    if (!path_split(plan, plan_has, path, &reg, &rest)) {
        return 0;
    }
    map = rest.at != NULL ? plan_map(plan, reg) : NULL;
    if (map != NULL && !path_split(map, child_has, rest, &reg, &rest)) {
        return 0;
    }
    err = cove_view_register(&loaded->view, reg, &field);
    if (err != 0 || field.cell.kind == COVE_ABSENT) {
        return err;
    }
    if (field.cell.kind == COVE_INVALID) {
        visit(ctx, &field.cell);
    } else {
        walk_value(&w, field.cell.bytes, rest);
    }
    return 0;
}

static bool value_take(void *ctx, const struct cove_cell *cell)
{
    struct cove_cell *out = ctx;

    *out = *cell;
    return false;
}

int cove_path_value(struct cove_loaded *loaded, struct cove_bytes path,
                    struct cove_cell *out)
{
    out->kind = COVE_ABSENT;
    return cove_path_walk(loaded, path, value_take, out);
}

/* --- what there is */

#define NEAR_NAME 64 /* bytes of a name that is compared */

/* How many bytes are to be changed, put in or taken out; at most 3 counts. */
static size_t near_distance(struct cove_bytes a, struct cove_bytes b)
{
    uint8_t row[NEAR_NAME + 1] = {0};

    if (a.len > NEAR_NAME || b.len > NEAR_NAME || a.len > b.len + 2 ||
        b.len > a.len + 2) {
        return 3;
    }
    for (size_t k = 0; k <= b.len; k++) {
        row[k] = (uint8_t)k;
    }
    for (size_t i = 1; i <= a.len; i++) {
        unsigned corner = row[0]++;

        for (size_t k = 1; k <= b.len; k++) {
            unsigned best = corner + (a.at[i - 1] != b.at[k - 1]);

            corner = row[k];
            best = best < corner + 1 ? best : corner + 1;
            best = best < row[k - 1] + 1U ? best : row[k - 1] + 1U;
            row[k] = (uint8_t)best;
        }
    }
    return row[b.len];
}

struct path_list {
    char text[512];
    size_t len;
    struct cove_bytes nearest;
    size_t distance;
};

static void list_add(struct path_list *list, struct cove_bytes name,
                     struct cove_bytes sought)
{
    size_t distance = near_distance(name, sought);

    if (distance < list->distance && distance < sought.len) {
        list->nearest = name;
        list->distance = distance;
    }
    if (name.len + 3 > sizeof(list->text) - list->len) {
        return;
    }
    if (list->len > 0) {
        list->text[list->len++] = ',';
        list->text[list->len++] = ' ';
    }
    memcpy(list->text + list->len, name.at, name.len);
    list->len += name.len;
}

/* The sentence about a name that is none of these. */
static int path_unknown(const struct cove_plan_field *fields, size_t count,
                        struct cove_bytes sought, struct cove_diag *diag)
{
    struct path_list list = {.len = 0, .distance = 3};
    const uint8_t *dot = memchr(sought.at, '.', sought.len);
    struct cove_bytes first = {
        sought.at, dot != NULL ? (size_t)(dot - sought.at) : sought.len};
    char near[NEAR_NAME + 24] = "";

    for (size_t i = 0; i < count; i++) {
        list_add(&list, fields[i].name, first);
    }
    if (list.nearest.at != NULL) {
        snprintf(near, sizeof(near), " (did you mean \"%.*s\"?)",
                 (int)list.nearest.len, (const char *)list.nearest.at);
    }
    return cove_fail(diag, COVE_ENOTFOUND,
                     "this version of the schema has no field \"%.*s\"%s; it "
                     "has %.*s",
                     SHOWN(sought), near, list.len > 0 ? (int)list.len : 4,
                     list.len > 0 ? list.text : "none");
}

int cove_path_check(const struct cove_plan *plan, struct cove_bytes path,
                    uint32_t *reg, bool *whole, struct cove_diag *diag)
{
    const struct cove_plan_child *map;
    struct cove_bytes rest;

    if (!path_split(plan, plan_has, path, reg, &rest)) {
        return path_unknown(plan->fields, plan->field_count, path, diag);
    }
    map = rest.at != NULL ? plan_map(plan, *reg) : NULL;
    if (map != NULL && !path_split(map, child_has, rest, reg, &rest)) {
        return path_unknown(map->fields, map->field_count, rest, diag);
    }
    *whole = rest.at == NULL;
    return 0;
}
