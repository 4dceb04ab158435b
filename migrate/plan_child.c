/* Fields that are documents of their own, as one head has them. The kind of a
 * field and the registers of its items are the head's own affair, like a name:
 * the last op of its history counts. What seeds a child links two registers
 * for every head, like a conversion; the first op counts. Source:
 * tests/oracle/children.py. */
#include <stdlib.h>

#include "cove/error.h"
#include "migrate/plan_build.h"
#include "schema/step.h"

/* Registers of items and of a map's fields are no fields of the document, also
 * when a later step says another. */
static void child_inner(struct cove_plan_build *build,
                        const struct cove_step_child *child)
{
    struct cove_reader r;
    uint32_t reg;

    if (child->item.at != NULL &&
        cove_plan_find(build->plan, child->item, &reg)) {
        build->drafts[reg].is_inner = true;
    }
    cove_reader_init(&r, child->fields);
    for (size_t left = child->fields.len > 0 ? cove_reader_map(&r) : 0;
         left > 0; left--) {
        struct cove_bytes item;

        (void)cove_reader_text(&r);
        item = cove_reader_item(&r);
        if (cove_cbor_type_of(item) == COVE_CBOR_TEXT &&
            cove_plan_find(build->plan, cove_step_text(item), &reg)) {
            build->drafts[reg].is_inner = true;
        }
    }
}

void cove_plan_extra(struct cove_plan_build *build, struct cove_bytes op,
                     bool own)
{
    struct cove_step_child child;
    struct cove_step_seed seed;
    uint32_t from;
    uint32_t to;

    if (cove_step_child_read(op, &child) &&
        cove_plan_find(build->plan, child.reg, &to)) {
        struct cove_plan_draft *draft = &build->drafts[to];

        draft->is_map = draft->is_map || child.kind == COVE_CHILD_MAP;
        if (own) {
            draft->has_child = true;
            draft->child = child;
            child_inner(build, &child);
        }
    } else if (cove_step_seed_read(op, &seed) &&
               cove_plan_find(build->plan, seed.from, &from) &&
               cove_plan_find(build->plan, seed.to, &to) && from != to &&
               !build->drafts[to].has_seed) {
        build->drafts[to].has_seed = true;
        build->drafts[to].seed_list = seed.list;
        build->drafts[to].seed_from = from;
    }
}

static int child_field_order(const void *left, const void *right)
{
    const struct cove_plan_field *a = left;
    const struct cove_plan_field *b = right;

    return cove_bytes_compare(a->name, b->name);
}

/* The fields of a map, of those that are registers. */
static int child_fields(struct cove_plan *plan, struct cove_bytes map,
                        struct cove_plan_child *out)
{
    struct cove_plan_field *fields;
    struct cove_reader r;
    size_t count;

    if (map.len == 0) {
        return 0;
    }
    cove_reader_init(&r, map);
    count = cove_reader_map(&r);
    fields = cove_arena_array(&plan->arena, count + 1, sizeof(*fields));
    if (fields == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        struct cove_bytes name = cove_reader_text(&r);
        struct cove_bytes item = cove_reader_item(&r);
        uint32_t reg;

        if (cove_cbor_type_of(item) == COVE_CBOR_TEXT &&
            cove_plan_find(plan, cove_step_text(item), &reg)) {
            fields[out->field_count++] = (struct cove_plan_field){name, reg};
        }
    }
    qsort(fields, out->field_count, sizeof(*fields), child_field_order);
    out->fields = fields;
    return 0;
}

static int child_lay_out(struct cove_plan_build *build, uint32_t reg)
{
    struct cove_plan *plan = build->plan;
    const struct cove_step_child *said = &build->drafts[reg].child;
    struct cove_plan_child *child = &plan->children[plan->child_count];

    child->reg = reg;
    child->kind = said->kind;
    if (said->item.at == NULL ||
        !cove_plan_find(plan, said->item, &child->item)) {
        child->item = COVE_PLAN_NONE;
    }
    plan->registers[reg].child = (uint32_t)plan->child_count++;
    return child_fields(plan, said->fields, child);
}

int cove_plan_lay_out_children(struct cove_plan_build *build)
{
    struct cove_plan *plan = build->plan;
    size_t count[3] = {1, 1, 1};
    int err = 0;

    for (size_t i = 0; i < plan->register_count; i++) {
        count[0] += build->drafts[i].has_child;
        count[1] += build->drafts[i].has_seed;
        count[2] += build->drafts[i].is_map;
    }
    plan->children =
        cove_arena_array(&plan->arena, count[0], sizeof(*plan->children));
    plan->seeds =
        cove_arena_array(&plan->arena, count[1], sizeof(*plan->seeds));
    plan->maps = cove_arena_array(&plan->arena, count[2], sizeof(*plan->maps));
    if (plan->children == NULL || plan->seeds == NULL || plan->maps == NULL) {
        return COVE_ENOMEM;
    }
    for (uint32_t i = 0; err == 0 && i < plan->register_count; i++) {
        const struct cove_plan_draft *draft = &build->drafts[i];

        plan->registers[i].child = COVE_PLAN_NONE;
        plan->registers[i].inner = draft->is_inner;
        if (draft->is_map) {
            plan->maps[plan->map_count++] = i;
        }
        if (draft->has_seed) {
            plan->seeds[plan->seed_count++] =
                (struct cove_plan_seed){draft->seed_from, i, draft->seed_list};
        }
        if (draft->has_child) {
            err = child_lay_out(build, i);
        }
    }
    return err;
}

const struct cove_plan_seed *cove_plan_seed_of(const struct cove_plan *plan,
                                               uint32_t to)
{
    for (size_t i = 0; i < plan->seed_count; i++) {
        if (plan->seeds[i].to == to) {
            return &plan->seeds[i];
        }
    }
    return NULL;
}
