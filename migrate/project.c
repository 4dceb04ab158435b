/* The path between two registers of a cell climbs to their common ancestor in
 * the cell's tree and descends again; a value that fails on the way stays
 * invalid for the rest of it, with the raw value of the first failure.
 *
 * A template is literals with one text between each two of them. Joined is
 * what fits between; splitting takes each inner literal at its first place and
 * the last one at the end. Where a part is no text the result is invalid, and
 * its raw value is the list of the parts. */
#include "migrate/project.h"

#include "core/cbor.h"
#include "core/limits.h"
#include "core/value.h"
#include "cove/error.h"
#include "migrate/view.h"

static const struct cove_cell project_nothing = {COVE_ABSENT, {NULL, 0}};

/* An invalid value of which nothing can be shown. */
static struct cove_cell project_unshown(void)
{
    static const uint8_t null[1] = {0xf6};
    struct cove_cell cell = {COVE_INVALID, cove_bytes(null, sizeof(null))};

    return cell;
}

static bool project_is_null(struct cove_cell cell)
{
    return cell.kind == COVE_PRESENT && cove_value_is_null(cell.bytes);
}

struct cove_cell cove_project_typed(const struct cove_plan *plan, uint32_t reg,
                                    struct cove_cell in)
{
    if (in.kind == COVE_PRESENT && !cove_value_is_null(in.bytes) &&
        !cove_type_holds(plan->registers[reg].type, in.bytes)) {
        in.kind = COVE_INVALID;
    }
    return in;
}

/* --- along conversions */

static uint32_t project_ancestor(const struct cove_plan *plan, uint32_t a,
                                 uint32_t b)
{
    const struct cove_plan_register *regs = plan->registers;

    while (a != b) {
        if (regs[a].depth >= regs[b].depth) {
            a = regs[a].parent;
        } else {
            b = regs[b].parent;
        }
    }
    return a;
}

uint32_t cove_project_distance(const struct cove_plan *plan, uint32_t from,
                               uint32_t to)
{
    uint32_t top = project_ancestor(plan, from, to);

    return plan->registers[from].depth + plan->registers[to].depth -
           2 * plan->registers[top].depth;
}

static int project_hop(const struct cove_plan *plan, struct cove_arena *arena,
                       struct cove_bytes pipe, uint32_t to,
                       struct cove_cell *cell)
{
    int err = cove_fn_call_by(plan->scripts, arena, pipe, *cell, cell, NULL);

    if (err == 0) {
        *cell = cove_project_typed(plan, to, *cell);
    }
    return err;
}

int cove_project(const struct cove_plan *plan, struct cove_arena *arena,
                 uint32_t from, uint32_t to, struct cove_cell *cell)
{
    const struct cove_plan_register *regs = plan->registers;
    struct cove_cell on_way = *cell;
    uint32_t top = project_ancestor(plan, from, to);
    uint32_t steps = regs[to].depth - regs[top].depth;
    uint32_t short_path[32];
    uint32_t *down = short_path; /* from below the ancestor to `to` */
    int err = 0;

    if (steps > COVE_ARRAY_LEN(short_path)) {
        down = cove_arena_array(arena, steps, sizeof(*down));
        if (down == NULL) {
            return COVE_ENOMEM;
        }
    }
    for (uint32_t i = steps, at = to; i > 0; at = regs[at].parent) {
        down[--i] = at;
    }
    for (uint32_t at = from; err == 0 && at != top; at = regs[at].parent) {
        err = project_hop(plan, arena, regs[at].up, regs[at].parent, &on_way);
    }
    for (uint32_t i = 0; err == 0 && i < steps; i++) {
        err = project_hop(plan, arena, regs[down[i]].down, down[i], &on_way);
    }
    if (err == 0) {
        *cell = on_way;
    }
    return err;
}

/* --- templates */

/* The text parts of a value; false where the template does not match. */
static bool project_parse(const struct cove_plan_cell *cell,
                          struct cove_bytes text, struct cove_bytes *parts)
{
    const struct cove_bytes *lits = cell->lits;
    struct cove_bytes rest = text;
    struct cove_bytes end = lits[cell->part_count];

    if (rest.len < lits[0].len ||
        !cove_bytes_equal(cove_bytes(rest.at, lits[0].len), lits[0])) {
        return false;
    }
    rest = cove_bytes(rest.at + lits[0].len, rest.len - lits[0].len);
    for (size_t i = 0; i + 1 < cell->part_count; i++) {
        struct cove_bytes lit = lits[i + 1];
        const uint8_t *found = memmem(rest.at, rest.len, lit.at, lit.len);

        if (found == NULL) {
            return false;
        }
        parts[i] = cove_bytes(rest.at, (size_t)(found - rest.at));
        rest = cove_bytes(found + lit.len, rest.len - parts[i].len - lit.len);
    }
    if (rest.len < end.len ||
        !cove_bytes_equal(cove_bytes(rest.at + rest.len - end.len, end.len),
                          end)) {
        return false;
    }
    parts[cell->part_count - 1] = cove_bytes(rest.at, rest.len - end.len);
    return true;
}

static int project_split_text(const struct cove_plan *plan,
                              struct cove_arena *arena,
                              const struct cove_plan_cell *cell,
                              struct cove_cell in, struct cove_cell *parts)
{
    struct cove_bytes texts[COVE_PLAN_ATOMS] = {{NULL, 0}};
    bool text = cove_type_holds(COVE_TYPE_TEXT, in.bytes);
    bool matches =
        text && project_parse(cell, cove_value_text(in.bytes), texts);

    if (text && !matches && cell->lenient) {
        memset(texts, 0, sizeof(texts));
        texts[0] = cove_value_text(in.bytes);
        matches = true;
    }
    for (size_t i = 0; i < cell->part_count; i++) {
        int err;

        if (!matches) {
            parts[i].kind = COVE_INVALID;
            parts[i].bytes = in.bytes;
            continue;
        }
        parts[i].kind = COVE_PRESENT;
        err = cove_value_of_text(arena, texts[i], &parts[i].bytes);
        if (err != 0) {
            return err;
        }
        parts[i] = cove_project_typed(plan, cell->parts[i], parts[i]);
    }
    return 0;
}

int cove_project_split(const struct cove_plan *plan, struct cove_arena *arena,
                       uint32_t reg, struct cove_cell in,
                       struct cove_cell *parts)
{
    const struct cove_plan_cell *cell = &plan->cells[plan->registers[reg].cell];
    int err = cove_project(plan, arena, reg, cell->whole, &in);

    if (err != 0) {
        return err;
    }
    if (in.kind == COVE_PRESENT && !cove_value_is_null(in.bytes)) {
        return project_split_text(plan, arena, cell, in, parts);
    }
    for (size_t i = 0; i < cell->part_count; i++) {
        parts[i] = in;
    }
    return 0;
}

/* An invalid value, raw the list of what the parts were. */
static int project_raw_list(struct cove_arena *arena,
                            const struct cove_cell *parts, size_t count,
                            struct cove_cell *out)
{
    struct cove_buf buf;
    struct cove_writer w;
    size_t len = 0;
    int err;

    for (size_t i = 0; i < count; i++) {
        if (cove_cell_is_open(parts[i])) {
            *out = parts[i];
            return 0;
        }
        len += parts[i].bytes.len + 1;
        if (len > COVE_VIEW_RAW) {
            *out = project_unshown();
            return 0;
        }
    }
    cove_buf_init(&buf, arena->alloc);
    cove_writer_init(&w, &buf);
    cove_writer_list(&w, count);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].kind == COVE_ABSENT) {
            cove_writer_null(&w);
        } else {
            cove_writer_item(&w, parts[i].bytes);
        }
    }
    err = w.err;
    *out = project_unshown();
    if (err == 0 && cove_cbor_check_all(cove_buf_bytes(&buf),
                                        COVE_MAX_CBOR_DEPTH, NULL) == 0) {
        err = cove_arena_copy(arena, cove_buf_bytes(&buf), &out->bytes);
    }
    cove_buf_clear(&buf);
    return err;
}

/* The text that stands for a part: absent and null as none, an integer in
 * decimal where `ints`. COVE_EINVALID where there is none. */
static int project_part_text(struct cove_arena *arena, struct cove_cell part,
                             bool ints, struct cove_bytes *out)
{
    uint8_t digits[COVE_FN_INT_TEXT_MAX];
    size_t len;

    if (part.kind == COVE_INVALID) {
        return COVE_EINVALID;
    }
    if (part.kind == COVE_ABSENT || project_is_null(part)) {
        *out = cove_bytes(NULL, 0);
        return 0;
    }
    if (cove_type_holds(COVE_TYPE_TEXT, part.bytes)) {
        *out = cove_value_text(part.bytes);
        return 0;
    }
    if (!ints || !cove_fn_int_text(part.bytes, digits, &len)) {
        return COVE_EINVALID;
    }
    return cove_arena_copy(arena, cove_bytes(digits, len), out);
}

struct project_template {
    const struct cove_bytes *lits; /* count + 1 */
    const struct cove_cell *parts;
    size_t count;
    bool ints;
};

static int project_fill(struct cove_arena *arena,
                        const struct project_template *t, struct cove_cell *out)
{
    struct cove_bytes *texts =
        cove_arena_array(arena, t->count, sizeof(*texts));
    size_t len = t->lits[0].len;
    size_t at = 0;
    uint8_t *joined;

    if (texts == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < t->count; i++) {
        int err = project_part_text(arena, t->parts[i], t->ints, &texts[i]);

        if (err == COVE_EINVALID) {
            return project_raw_list(arena, t->parts, t->count, out);
        }
        if (err != 0) {
            return err;
        }
        len += texts[i].len + t->lits[i + 1].len;
    }
    if (len > COVE_MAX_TEXT) {
        *out = project_unshown();
        return 0;
    }
    joined = cove_arena_new(arena, len + 1);
    if (joined == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i <= t->count; i++) {
        memcpy(joined + at, t->lits[i].at, t->lits[i].len);
        at += t->lits[i].len;
        if (i < t->count && texts[i].len > 0) {
            memcpy(joined + at, texts[i].at, texts[i].len);
            at += texts[i].len;
        }
    }
    out->kind = COVE_PRESENT;
    return cove_value_of_text(arena, cove_bytes(joined, at), &out->bytes);
}

/* Lenient: is there nothing but the first part? Then it stands alone. */
static bool project_only_first(const struct cove_cell *parts, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        bool empty = parts[i].kind == COVE_ABSENT || project_is_null(parts[i]);

        if (!empty && (!cove_type_holds(COVE_TYPE_TEXT, parts[i].bytes) ||
                       cove_value_text(parts[i].bytes).len > 0)) {
            return false;
        }
    }
    return true;
}

static int project_first(struct cove_arena *arena, struct cove_cell first,
                         struct cove_cell *out)
{
    if (first.kind == COVE_PRESENT && !project_is_null(first)) {
        *out = first;
        return 0;
    }
    out->kind = COVE_PRESENT;
    return cove_value_of_text(arena, cove_bytes(NULL, 0), &out->bytes);
}

int cove_project_join(const struct cove_plan *plan, struct cove_arena *arena,
                      uint32_t reg, const struct cove_cell *parts,
                      struct cove_cell *out)
{
    const struct cove_plan_cell *cell = &plan->cells[plan->registers[reg].cell];
    struct project_template t = {cell->lits, parts, cell->part_count, false};
    struct cove_cell joined = project_nothing;
    bool written = false;
    bool invalid = false;
    int err = 0;

    for (size_t i = 0; i < cell->part_count; i++) {
        if (project_is_null(parts[i])) {
            joined = parts[i]; /* what it is where no part says more */
        } else if (parts[i].kind != COVE_ABSENT) {
            written = true;
        }
        invalid = invalid || parts[i].kind == COVE_INVALID;
    }
    if (written && !invalid && cell->lenient &&
        project_only_first(parts, cell->part_count)) {
        err = project_first(arena, parts[0], &joined);
    } else if (written) {
        err = project_fill(arena, &t, &joined);
    }
    if (err == 0) {
        joined = cove_project_typed(plan, cell->whole, joined);
        err = cove_project(plan, arena, cell->whole, reg, &joined);
    }
    if (err == 0) {
        *out = joined;
    }
    return err;
}

/* All values that are there as one object, {name: value}. */
static int project_inputs(struct cove_arena *arena,
                          const struct cove_plan_calc *calc,
                          const struct cove_cell *deps, size_t count,
                          struct cove_bytes *out)
{
    struct cove_buf buf;
    struct cove_writer w;
    int err;

    cove_buf_init(&buf, arena->alloc);
    cove_writer_init(&w, &buf);
    cove_writer_map(&w, count);
    for (size_t i = 0; i < calc->dep_count; i++) {
        struct cove_cell dep = deps[calc->input[i].dep];

        if (dep.kind == COVE_PRESENT) {
            cove_writer_item(&w, calc->input[i].key);
            cove_writer_item(&w, dep.bytes);
        }
    }
    err =
        w.err != 0 ? w.err : cove_arena_copy(arena, cove_buf_bytes(&buf), out);
    cove_buf_clear(&buf);
    return err;
}

/* The functions take what is there; an object that is no value, being too
 * large or too deep, they never see. */
static int project_derive(const struct cove_plan *plan,
                          struct cove_arena *arena,
                          const struct cove_plan_calc *calc,
                          const struct cove_cell *deps, struct cove_cell *out)
{
    struct cove_cell object = {COVE_PRESENT, {NULL, 0}};
    size_t count = 0;
    size_t len = 0;
    int err;

    for (size_t i = 0; i < calc->dep_count; i++) {
        if (deps[i].kind == COVE_INVALID) {
            return project_raw_list(arena, deps, calc->dep_count, out);
        }
        count += deps[i].kind == COVE_PRESENT ? 1 : 0;
        len += deps[i].bytes.len;
        if (len > COVE_MAX_VALUE) {
            *out = project_unshown();
            return 0;
        }
    }
    err = project_inputs(arena, calc, deps, count, &object.bytes);
    if (err == 0 && !cove_fn_fits(object.bytes)) {
        *out = project_unshown();
        return 0;
    }
    return err != 0 ? err
                    : cove_fn_call_by(plan->scripts, arena, calc->fn, object,
                                      out, NULL);
}

int cove_project_calc(const struct cove_plan *plan, struct cove_arena *arena,
                      const struct cove_plan_calc *calc,
                      const struct cove_cell *deps, struct cove_cell *out)
{
    struct project_template t = {calc->lits, deps, calc->dep_count, true};
    struct cove_cell made = project_nothing;
    int err = calc->lits != NULL
                  ? project_fill(arena, &t, &made)
                  : project_derive(plan, arena, calc, deps, &made);

    if (err == 0) {
        *out = cove_project_typed(plan, calc->out, made);
    }
    return err;
}
