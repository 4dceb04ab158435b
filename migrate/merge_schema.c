/* merge_schema.c: the schema that joined branches have in common.
 *
 * Names, types, defaults and what is required are those of the joined plan. The
 * other rules of a field (enum, minimum, …) stand in the branches' schemas
 * only: where one branch changed what the version before the fork said, its
 * rules stand; where several did, those of the first branch.
 */
#include "migrate/compile_parts.h"
#include "migrate/merge.h"

bool cove_merge_name(const struct merge_branch *branch, struct cove_bytes reg,
                     struct cove_bytes *out)
{
    uint32_t index;

    if (!cove_plan_find(branch->plan, reg, &index) ||
        !branch->plan->registers[index].visible) {
        return false;
    }
    *out = branch->plan->registers[index].name;
    return true;
}

/* A branch's property for a register of this type; empty where it has none: two
 * files with the same words may add one register with two types, of which the
 * joined version has the first. */
static struct cove_bytes branch_property(const struct merge_branch *branch,
                                         const struct cove_plan_register *reg)
{
    struct cove_bytes name, properties;
    struct cove_reader r;
    uint32_t index;

    if (branch == NULL || !cove_merge_name(branch, reg->id, &name) ||
        !cove_plan_find(branch->plan, reg->id, &index) ||
        branch->plan->registers[index].type != reg->type ||
        !cove_value_member(branch->schema, "properties", &properties)) {
        return cove_bytes(NULL, 0);
    }
    cove_reader_init(&r, properties);
    for (size_t left = cove_reader_map(&r); left > 0; left--) {
        struct cove_bytes key = cove_reader_text(&r);
        struct cove_bytes value = cove_reader_item(&r);

        if (cove_bytes_equal(key, name)) {
            return value;
        }
    }
    return cove_bytes(NULL, 0);
}

/* The rules that stand: of the first branch that changed them, else of the
 * first that has the field. */
static struct cove_bytes property_choose(const struct merge_schema *m,
                                         const struct cove_plan_register *reg)
{
    struct cove_bytes before = branch_property(m->base, reg);
    struct cove_bytes first = {NULL, 0};

    for (size_t i = 0; i < m->branch_count; i++) {
        struct cove_bytes p = branch_property(&m->branches[i], reg);

        if (p.len > 0 && !cove_bytes_equal(p, before)) {
            return p;
        }
        first = first.len == 0 ? p : first;
    }
    return first;
}

/* The encoded map `map` but for some keys, and `more` pairs. */
static int map_change(struct cove_arena *arena, struct cove_bytes map,
                      const char *const *without, struct cove_pair *more,
                      size_t more_count, struct cove_bytes *out)
{
    struct cove_reader r;
    struct cove_writer w;
    struct cove_buf buf;
    size_t n = 0, count = 0;

    cove_reader_init(&r, map);
    if (map.len > 0 && cove_value_kind(map) == COVE_KIND_MAP) {
        count = cove_reader_map(&r);
    }

    struct cove_pair *pairs =
        cove_arena_array(arena, count + more_count + 1, sizeof(*pairs));

    if (pairs == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        struct cove_reader key = r;
        struct cove_bytes name = cove_reader_text(&key);
        bool dropped = false;

        pairs[n].key = cove_reader_item(&r);
        pairs[n].value = cove_reader_item(&r);
        for (size_t k = 0; without[k] != NULL; k++) {
            dropped =
                dropped || cove_bytes_equal(name, cove_bytes_text(without[k]));
        }
        n += !dropped;
    }
    for (size_t i = 0; i < more_count; i++) {
        pairs[n++] = more[i];
    }
    cove_buf_init(&buf, arena->alloc);
    cove_writer_init(&w, &buf);
    cove_writer_map_sorted(&w, pairs, n);

    int err =
        w.err != 0 ? w.err : cove_arena_copy(arena, cove_buf_bytes(&buf), out);

    cove_buf_clear(&buf);
    return err;
}

/* One field's property, with the default that the joined version has. */
static int property_make(const struct merge_schema *m, uint32_t reg,
                         struct cove_bytes *out)
{
    static const char *const without[] = {"default", NULL};
    const struct cove_plan_register *r = &m->joined->registers[reg];
    struct cove_bytes rules = property_choose(m, r);
    struct cove_pair fallback;
    int err;

    if (rules.len > 0 && cove_value_kind(rules) != COVE_KIND_MAP &&
        !r->has_default) {
        *out = rules; /* true: anything */
        return 0;
    }
    err =
        cove_value_of_text(m->arena, cove_bytes_text("default"), &fallback.key);
    fallback.value = r->fallback;
    return err != 0 ? err
                    : map_change(m->arena, rules, without, &fallback,
                                 r->has_default, out);
}

int cove_merge_schema(const struct merge_schema *m,
                      const struct merge_shown *fields, size_t count,
                      struct cove_bytes *out)
{
    static const char *const none[] = {NULL};
    static const char *const without[] = {"properties", "required", "version",
                                          NULL};
    struct cove_pair *pairs =
        cove_arena_array(m->arena, count + 1, sizeof(*pairs));
    struct cove_bytes *required =
        cove_arena_array(m->arena, count + 1, sizeof(*required));
    struct cove_pair more[3];
    size_t n = 0;
    int err = pairs == NULL || required == NULL ? COVE_ENOMEM : 0;

    for (size_t i = 0; i < count && err == 0; i++) {
        err = cove_value_of_text(m->arena, fields[i].name, &pairs[i].key);
        if (err == 0) {
            err = property_make(m, fields[i].reg, &pairs[i].value);
        }
        if (m->joined->registers[fields[i].reg].required) {
            required[n++] = fields[i].name;
        }
    }
    for (size_t i = 0; i < 3 && err == 0; i++) {
        err = cove_value_of_text(m->arena, cove_bytes_text(without[i]),
                                 &more[i].key);
    }
    if (err == 0) {
        err = map_change(m->arena, cove_bytes(NULL, 0), none, pairs, count,
                         &more[0].value);
    }
    if (err == 0) {
        err = cove_draft_names(m->arena, required, n, &more[1].value);
    }
    if (err == 0) {
        err = cove_value_of_int(m->arena, m->version, &more[2].value);
    }
    return err != 0 ? err
                    : map_change(m->arena, m->branches[0].schema, without, more,
                                 3, out);
}
