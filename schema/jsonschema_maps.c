/* jsonschema_maps.c: the rules for objects.
 *
 * Members of a value, `required` and `properties` are sorted alike, so that one
 * walk goes along all three. Source: JSON Schema 2020-12, Core,
 * sections 10.2.2, 10.3.2 and 11.3; Validation, section 6.5.
 */
#include <stdio.h>

#include "core/cbor.h"
#include "schema/jsonschema_judge.h"

static int patterns_check(struct schema_check *c,
                          const struct schema_maps *rules,
                          struct cove_bytes name, struct cove_bytes value,
                          const struct schema_at *at, bool *judged)
{
    int rc = 0;

    for (size_t i = 0; i < rules->pattern_count && rc == 0; i++) {
        const struct schema_pattern_member *p = &rules->patterns[i];
        struct schema_step step = {"patternProperties", p->pattern.text, 0,
                                   true};
        bool matches = false;

        rc = cove_schema_spend(c, 1);
        if (rc == 0) {
            rc = cove_pattern_match(p->pattern.code, name, &c->scratch,
                                    &matches, c->diag);
        }
        if (rc == 0 && matches) {
            *judged = true;
            rc = cove_schema_descend(c, p->node, value, at, &step, at->value);
        }
    }
    return rc;
}

/* at->value is the member's own place. */
static int known_check(struct schema_check *c, const struct schema_maps *rules,
                       const struct schema_member *member,
                       struct cove_bytes name, struct cove_bytes value,
                       const struct schema_at *at, bool *judged)
{
    struct schema_step property = {"properties", name, 0, false};
    struct schema_step additional = {
        "additionalProperties", {NULL, 0}, SIZE_MAX, false};
    int rc = 0;

    if (member != NULL) {
        *judged = true;
        rc = cove_schema_descend(c, member->node, value, at, &property,
                                 at->value);
    }
    if (rc == 0 && rules->pattern_count > 0) {
        rc = patterns_check(c, rules, name, value, at, judged);
    }
    if (rc != 0 || *judged || rules->additional == NULL) {
        return rc;
    }
    *judged = true;
    return rules->additional->never
               ? cove_schema_break(c, at, "additionalProperties false",
                                   "the schema has no property of this name")
               : cove_schema_descend(c, rules->additional, value, at,
                                     &additional, at->value);
}

int cove_schema_member_check(struct schema_check *c,
                             const struct schema_maps *rules,
                             struct cove_bytes name, struct cove_bytes value,
                             const struct schema_at *at, bool *judged)
{
    return known_check(
        c, rules, cove_schema_member(rules->members, rules->member_count, name),
        name, value, at, judged);
}

/* The name of a member, as a value. */
static int name_check(struct schema_check *c, const struct schema_node *names,
                      struct cove_bytes key, const struct schema_at *at)
{
    struct schema_step step = {"propertyNames", {NULL, 0}, SIZE_MAX, true};
    struct schema_at there = *at;

    there.because = "for its name";
    return cove_schema_descend(c, names, key, &there, &step, at->value);
}

static int missing_fail(struct schema_check *c, struct cove_bytes name,
                        const struct schema_at *at)
{
    return cove_schema_break_at(c, at, name, "required", "it is missing");
}

/* Where the walk is in the sorted lists beside the value. */
struct along {
    size_t need;
    size_t member;
};

static const struct schema_member *member_along(const struct schema_maps *rules,
                                                struct cove_bytes name,
                                                struct along *along)
{
    while (along->member < rules->member_count) {
        const struct schema_member *m = &rules->members[along->member];
        int order = cove_schema_name_compare(m->name, name);

        if (order > 0) {
            return NULL;
        }
        along->member++;
        if (order == 0) {
            return m;
        }
    }
    return NULL;
}

static int required_along(struct schema_check *c,
                          const struct schema_maps *rules,
                          struct cove_bytes name, struct along *along,
                          const struct schema_at *at)
{
    int order;

    if (along->need == rules->required_count) {
        return 0;
    }
    order = cove_schema_name_compare(rules->required[along->need], name);
    if (order < 0) {
        return missing_fail(c, rules->required[along->need], at);
    }
    along->need += order == 0;
    return 0;
}

static int members_check(struct schema_check *c,
                         const struct schema_maps *rules,
                         struct cove_bytes value, const struct schema_at *at)
{
    struct cove_reader r;
    struct along along = {0, 0};
    int rc = 0;

    cove_reader_init(&r, value);

    size_t count = cove_reader_map(&r);

    for (size_t i = 0; i < count && rc == 0; i++) {
        const uint8_t *key = r.at;
        struct cove_bytes name = cove_reader_text(&r);
        struct cove_bytes encoded = cove_bytes(key, (size_t)(r.at - key));
        struct cove_bytes item = cove_reader_item(&r);
        struct schema_path place = {at->value, name, 0};
        struct schema_at there = *at;
        bool judged = false;

        there.value = &place;
        there.marks = NULL;
        rc = required_along(c, rules, name, &along, at);
        if (rc == 0 && rules->names != NULL) {
            rc = name_check(c, rules->names, encoded, &there);
        }
        if (rc == 0) {
            rc = known_check(c, rules, member_along(rules, name, &along), name,
                             item, &there, &judged);
        }
        if (judged) {
            schema_mark(at, i);
        }
    }
    return rc != 0 || along.need == rules->required_count
               ? rc
               : missing_fail(c, rules->required[along.need], at);
}

/* --- dependencies ------------------------------------------------------- */

static bool map_has(struct cove_bytes map, struct cove_bytes name)
{
    struct cove_reader r;

    cove_reader_init(&r, map);
    for (size_t left = cove_reader_map(&r); left > 0; left--) {
        int order = cove_schema_name_compare(cove_reader_text(&r), name);

        if (order >= 0) {
            return order == 0;
        }
        cove_reader_item(&r);
    }
    return false;
}

static int needs_check(struct schema_check *c,
                       const struct schema_dependency *dependency,
                       struct cove_bytes value, const struct schema_at *at)
{
    char why[COVE_SHOWN_MAX + 48];

    for (size_t i = 0; i < dependency->count; i++) {
        int rc = cove_schema_spend(c, 1);

        if (rc == 0 && !map_has(value, dependency->needs[i])) {
            snprintf(why, sizeof why, "it is missing, and \"%.*s\" is there",
                     SHOWN(dependency->name));
            rc = cove_schema_break_at(c, at, dependency->needs[i],
                                      "dependentRequired", why);
        }
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static int dependent_check(struct schema_check *c,
                           const struct schema_member *dependent,
                           struct cove_bytes value, const struct schema_at *at)
{
    struct schema_path keyword = {at->rule, cove_bytes_text("dependentSchemas"),
                                  0};
    struct schema_path name = {&keyword, dependent->name, 0};
    struct schema_at there = *at;

    there.rule = &name;
    there.through = true;
    return cove_schema_apply(c, dependent->node, value, &there);
}

static int dependencies_check(struct schema_check *c,
                              const struct schema_maps *rules,
                              struct cove_bytes value,
                              const struct schema_at *at)
{
    int rc = 0;

    for (size_t i = 0; i < rules->dependency_count && rc == 0; i++) {
        rc = cove_schema_spend(c, 1);
        if (rc == 0 && map_has(value, rules->dependencies[i].name)) {
            rc = needs_check(c, &rules->dependencies[i], value, at);
        }
    }
    for (size_t i = 0; i < rules->dependent_count && rc == 0; i++) {
        rc = cove_schema_spend(c, 1);
        if (rc == 0 && map_has(value, rules->dependents[i].name)) {
            rc = dependent_check(c, &rules->dependents[i], value, at);
        }
    }
    return rc;
}

/* --- the whole, and what is left over ----------------------------------- */

int cove_schema_maps_check(struct schema_check *c,
                           const struct schema_maps *rules,
                           struct cove_bytes value, const struct schema_at *at)
{
    static const struct schema_counted words = {
        "minProperties", "maxProperties", "the object", "member", "members"};
    struct cove_reader r;
    int rc;

    cove_reader_init(&r, value);
    rc = cove_schema_range_check(c, &rules->count, cove_reader_map(&r), &words,
                                 at);
    if (rc == 0) {
        rc = members_check(c, rules, value, at);
    }
    return rc == 0 && rules->dependency_count + rules->dependent_count > 0
               ? dependencies_check(c, rules, value, at)
               : rc;
}

int cove_schema_rest_members(struct schema_check *c,
                             const struct schema_node *rest,
                             struct cove_bytes value,
                             const struct schema_at *at)
{
    struct schema_step step = {
        "unevaluatedProperties", {NULL, 0}, SIZE_MAX, true};
    struct cove_reader r;

    cove_reader_init(&r, value);

    size_t count = cove_reader_map(&r);

    for (size_t i = 0; i < count; i++) {
        struct cove_bytes name = cove_reader_text(&r);
        struct cove_bytes item = cove_reader_item(&r);
        struct schema_path place = {at->value, name, 0};
        struct schema_at there = *at;
        int rc;

        if (schema_marked(at->marks, i)) {
            continue;
        }
        there.value = &place;
        rc = rest->never
                 ? cove_schema_break(c, &there, "unevaluatedProperties false",
                                     "the schema has no property of this name")
                 : cove_schema_descend(c, rest, item, at, &step, &place);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}
