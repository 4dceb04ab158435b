/* jsonschema_also.c: the schemas for the same value: $ref and $dynamicRef,
 * allOf, anyOf, oneOf, not, and if with then and else.
 *
 * Where marks are asked for, every branch of an anyOf is tried, not only as
 * many as are needed: each that fits tells what it was applied to.
 * Source: JSON Schema 2020-12, Core, sections 7.7, 8.2.3 and 10.2.
 */
#include <stdio.h>

#include "schema/jsonschema_judge.h"

/* The place of a schema beside this one: /keyword, or /keyword/index. */
struct beside {
    struct schema_path keyword;
    struct schema_path index;
    struct schema_at at;
};

static void beside_init(struct beside *b, const struct schema_at *at,
                        const char *keyword)
{
    b->keyword = (struct schema_path){at->rule, cove_bytes_text(keyword), 0};
    b->at = *at;
    b->at.rule = &b->keyword;
    b->at.through = true;
}

static void beside_index(struct beside *b, size_t index)
{
    b->index = (struct schema_path){&b->keyword, {NULL, 0}, index};
    b->at.rule = &b->index;
}

static int single_check(struct schema_check *c, const struct schema_node *node,
                        struct cove_bytes value, const struct schema_at *at,
                        const char *keyword)
{
    struct beside b;

    beside_init(&b, at, keyword);
    return cove_schema_apply(c, node, value, &b.at);
}

/* Where a $dynamicRef leads: the anchor in the resource that was entered first
 * of all that have one. */
static const struct schema_node *dynamic_target(
    const struct schema_also *also, const struct schema_scope *scope)
{
    const struct schema_node *target = also->dynamic;

    for (; scope != NULL && also->anchor_count > 1; scope = scope->up) {
        for (size_t i = 0; i < also->anchor_count; i++) {
            if (also->anchors[i].resource == scope->resource) {
                target = also->anchors[i].node;
            }
        }
    }
    return target;
}

static int all_check(struct schema_check *c, const struct schema_nodes *nodes,
                     struct cove_bytes value, const struct schema_at *at)
{
    struct beside b;
    int rc = 0;

    beside_init(&b, at, "allOf");
    for (size_t i = 0; i < nodes->count && rc == 0; i++) {
        beside_index(&b, i);
        rc = cove_schema_apply(c, nodes->at[i], value, &b.at);
    }
    return rc;
}

static int any_check(struct schema_check *c, const struct schema_nodes *nodes,
                     struct cove_bytes value, const struct schema_at *at)
{
    struct beside b;
    bool fits = false;

    beside_init(&b, at, "anyOf");
    for (size_t i = 0; i < nodes->count; i++) {
        int rc;

        beside_index(&b, i);
        rc = cove_schema_try(c, nodes->at[i], value, &b.at);
        if (rc != 0 && rc != COVE_ESCHEMA) {
            return rc;
        }
        fits = fits || rc == 0;
        if (fits && at->marks == NULL) {
            return 0;
        }
    }
    return fits ? 0 : cove_schema_break_none(c, at, "anyOf", nodes, value);
}

static int several_fail(struct schema_check *c, const struct schema_at *at,
                        size_t count, size_t first, size_t second)
{
    char why[160];

    snprintf(why, sizeof why,
             "the value fits more than one of %zu schemas, /oneOf/%zu and "
             "/oneOf/%zu; only one may",
             count, first, second);
    return cove_schema_break(c, at, "oneOf", why);
}

static int one_check(struct schema_check *c, const struct schema_nodes *nodes,
                     struct cove_bytes value, const struct schema_at *at)
{
    struct beside b;
    size_t fitting = SIZE_MAX;

    beside_init(&b, at, "oneOf");
    b.at.marks = NULL;
    for (size_t i = 0; i < nodes->count; i++) {
        int rc;

        beside_index(&b, i);
        rc = cove_schema_try(c, nodes->at[i], value, &b.at);
        if (rc != 0 && rc != COVE_ESCHEMA) {
            return rc;
        }
        if (rc == 0 && fitting != SIZE_MAX) {
            return several_fail(c, at, nodes->count, fitting, i);
        }
        fitting = rc == 0 ? i : fitting;
    }
    if (fitting == SIZE_MAX) {
        return cove_schema_break_none(c, at, "oneOf", nodes, value);
    }
    if (at->marks == NULL) {
        return 0;
    }
    b.at.marks = at->marks; /* once more, for what it is applied to */
    beside_index(&b, fitting);
    return cove_schema_apply(c, nodes->at[fitting], value, &b.at);
}

static int not_check(struct schema_check *c, const struct schema_node *node,
                     struct cove_bytes value, const struct schema_at *at)
{
    struct beside b;
    int rc;

    beside_init(&b, at, "not");
    b.at.marks = NULL;
    rc = cove_schema_try(c, node, value, &b.at);
    if (rc == 0) {
        return cove_schema_break(c, at, "not",
                                 "the value fits the schema that it must not "
                                 "fit");
    }
    return rc == COVE_ESCHEMA ? 0 : rc;
}

static int if_check(struct schema_check *c, const struct schema_also *also,
                    struct cove_bytes value, const struct schema_at *at)
{
    struct beside b;
    struct schema_at branch = *at;
    int rc;

    if (also->then == NULL && also->otherwise == NULL && at->marks == NULL) {
        return 0;
    }
    beside_init(&b, at, "if");
    rc = cove_schema_try(c, also->when, value, &b.at);
    if (rc == 0) {
        branch.because = "since the value fits \"if\"";
        return also->then == NULL
                   ? 0
                   : single_check(c, also->then, value, &branch, "then");
    }
    if (rc != COVE_ESCHEMA) {
        return rc;
    }
    branch.because = "since the value does not fit \"if\"";
    return also->otherwise == NULL
               ? 0
               : single_check(c, also->otherwise, value, &branch, "else");
}

int cove_schema_also_check(struct schema_check *c,
                           const struct schema_also *also,
                           struct cove_bytes value, const struct schema_at *at)
{
    int rc =
        also->ref == NULL ? 0 : single_check(c, also->ref, value, at, "$ref");

    if (rc == 0 && also->dynamic != NULL) {
        rc = single_check(c, dynamic_target(also, at->scope), value, at,
                          "$dynamicRef");
    }
    if (rc == 0 && also->all.count > 0) {
        rc = all_check(c, &also->all, value, at);
    }
    if (rc == 0 && also->any.count > 0) {
        rc = any_check(c, &also->any, value, at);
    }
    if (rc == 0 && also->one.count > 0) {
        rc = one_check(c, &also->one, value, at);
    }
    if (rc == 0 && also->never != NULL) {
        rc = not_check(c, also->never, value, at);
    }
    return rc == 0 && also->when != NULL ? if_check(c, also, value, at) : rc;
}
