/* jsonschema_check.c: judges a value by a compiled schema: the walk itself, its
 * limits, and the ways in. See jsonschema_judge.h. */
#include <stdio.h>

#include "core/cbor.h"
#include "schema/jsonschema_judge.h"

/* --- limits ------------------------------------------------------------- */

int cove_schema_spend(struct schema_check *c, uint64_t steps)
{
    if (c->steps >= steps) {
        c->steps -= steps;
        return 0;
    }
    c->steps = 0;
    return cove_fail(c->diag, COVE_ELIMIT,
                     "the schema needs more than %llu steps for this document",
                     (unsigned long long)c->schema->steps);
}

static int nest_fail(struct schema_check *c)
{
    return cove_fail(c->diag, COVE_ELIMIT,
                     "the schema leads more than %d schemas deep for this "
                     "document",
                     COVE_SCHEMA_NEST);
}

/* --- marks -------------------------------------------------------------- */

size_t cove_schema_marks_words(struct cove_bytes value)
{
    struct cove_reader r;

    cove_reader_init(&r, value);

    size_t count = cove_reader_peek(&r) == COVE_CBOR_LIST ? cove_reader_list(&r)
                                                          : cove_reader_map(&r);

    return count / 64 + 1;
}

int cove_schema_marks_take(struct schema_check *c, struct cove_bytes value,
                           uint64_t **out)
{
    size_t words = cove_schema_marks_words(value);

    if (words > COVE_SCHEMA_MARKS - c->marks_used) {
        return cove_fail(c->diag, COVE_ELIMIT,
                         "the schema asks what is left over of too many items "
                         "and members for this document");
    }
    *out = c->marks + c->marks_used;
    memset(*out, 0, words * sizeof **out);
    c->marks_used += words;
    return 0;
}

/* --- one schema --------------------------------------------------------- */

/* The field is a document: what stands here is the reference to it. */
static int child_check(struct schema_check *c, const struct schema_node *node,
                       enum cove_kind kind, const struct schema_at *at)
{
    char rule[32];

    if (kind == COVE_KIND_REF) {
        return 0;
    }
    snprintf(rule, sizeof rule, "x-type %s", cove_child_kind_name(node->child));
    return cove_schema_break(c, at, rule,
                             "the field is a document of its own; edit that, "
                             "and set nothing in its place");
}

/* The rules for this kind of value. */
static int kind_check(struct schema_check *c, const struct schema_node *node,
                      struct cove_bytes value, enum cove_kind kind,
                      const struct schema_at *at)
{
    switch (kind) {
    case COVE_KIND_INT:
    case COVE_KIND_FLOAT:
        return node->numbers == NULL
                   ? 0
                   : cove_schema_numbers_check(c, node->numbers, value, at);
    case COVE_KIND_TEXT:
        return node->texts == NULL
                   ? 0
                   : cove_schema_texts_check(c, node->texts, value, at);
    case COVE_KIND_LIST:
        return node->lists == NULL
                   ? 0
                   : cove_schema_lists_check(c, node->lists, value, at);
    case COVE_KIND_MAP:
        return node->maps == NULL
                   ? 0
                   : cove_schema_maps_check(c, node->maps, value, at);
    case COVE_KIND_NULL:
    case COVE_KIND_BOOL:
    case COVE_KIND_BYTES:
    case COVE_KIND_REF:
    default:
        return 0;
    }
}

static int rules_check(struct schema_check *c, const struct schema_node *node,
                       struct cove_bytes value, enum cove_kind kind,
                       const struct schema_at *at)
{
    int rc = kind_check(c, node, value, kind, at);

    return rc != 0 || node->also == NULL
               ? rc
               : cove_schema_also_check(c, node->also, value, at);
}

/* The schema for what is left over of such a value, or NULL. */
static const struct schema_node *rest_of(const struct schema_node *node,
                                         enum cove_kind kind)
{
    return kind == COVE_KIND_LIST && node->lists != NULL
               ? node->lists->unevaluated
           : kind == COVE_KIND_MAP && node->maps != NULL
               ? node->maps->unevaluated
               : NULL;
}

/* The rules, and the schema for what no other was applied to: that takes marks
 * of its own, since it sees what it stands beside and nothing else. */
static int rest_check(struct schema_check *c, const struct schema_node *node,
                      struct cove_bytes value, enum cove_kind kind,
                      const struct schema_at *at)
{
    const struct schema_node *rest = rest_of(node, kind);
    struct schema_at inner = *at;
    size_t used = c->marks_used;
    int rc = cove_schema_marks_take(c, value, &inner.marks);

    if (rc == 0) {
        rc = rules_check(c, node, value, kind, &inner);
    }
    if (rc == 0) {
        rc = kind == COVE_KIND_LIST
                 ? cove_schema_rest_items(c, rest, value, &inner)
                 : cove_schema_rest_members(c, rest, value, &inner);
    }
    if (rc == 0 && at->marks != NULL) { /* by now, to all of it */
        memset(at->marks, 0xff,
               cove_schema_marks_words(value) * sizeof *at->marks);
    }
    c->marks_used = used;
    return rc;
}

static int node_check(struct schema_check *c, const struct schema_node *node,
                      struct cove_bytes value, const struct schema_at *at)
{
    enum cove_kind kind = cove_value_kind(value);
    int rc;

    if (node->never) {
        return cove_schema_break(c, at, "false",
                                 "the schema allows no value here");
    }
    if (node->child != COVE_CHILD_NONE) {
        return child_check(c, node, kind, at);
    }
    if (node->types != 0 &&
        (rc = cove_schema_type_check(c, node, value, kind, at)) != 0) {
        return rc;
    }
    if (node->choices != NULL &&
        (rc = cove_schema_choices_check(c, node->choices, value, at)) != 0) {
        return rc;
    }
    return rest_of(node, kind) != NULL ? rest_check(c, node, value, kind, at)
                                       : rules_check(c, node, value, kind, at);
}

int cove_schema_apply(struct schema_check *c, const struct schema_node *node,
                      struct cove_bytes value, const struct schema_at *at)
{
    struct schema_scope scope = {at->scope, node->resource};
    struct schema_at entered;
    int rc = cove_schema_spend(c, 1);

    if (rc != 0) {
        return rc;
    }
    if (c->nest == COVE_SCHEMA_NEST) {
        return nest_fail(c);
    }
    c->nest++;
    if (at->scope == NULL || at->scope->resource != node->resource) {
        entered = *at;
        entered.scope = &scope;
        at = &entered;
    }
    rc = node_check(c, node, value, at);
    c->nest--;
    return rc;
}

int cove_schema_try(struct schema_check *c, const struct schema_node *node,
                    struct cove_bytes value, const struct schema_at *at)
{
    struct schema_at inner = *at;
    size_t used = c->marks_used;
    int rc =
        at->marks == NULL ? 0 : cove_schema_marks_take(c, value, &inner.marks);

    if (rc == 0) {
        c->quiet++;
        rc = cove_schema_apply(c, node, value, &inner);
        c->quiet--;
    }
    if (rc == 0 && at->marks != NULL) {
        for (size_t i = 0; i < cove_schema_marks_words(value); i++) {
            at->marks[i] |= inner.marks[i];
        }
    }
    c->marks_used = used;
    return rc;
}

int cove_schema_descend(struct schema_check *c, const struct schema_node *node,
                        struct cove_bytes value, const struct schema_at *at,
                        const struct schema_step *step,
                        const struct schema_path *place)
{
    struct schema_path keyword = {at->rule, cove_bytes_text(step->keyword), 0};
    struct schema_path key = {&keyword, step->key, step->index};
    bool plain = step->key.at == NULL && step->index == SIZE_MAX;
    struct schema_at inner = {.value = place,
                              .rule = plain ? &keyword : &key,
                              .scope = at->scope,
                              .through = at->through || step->through,
                              .because = at->because};

    return cove_schema_apply(c, node, value, &inner);
}

/* --- ways in ------------------------------------------------------------ */

static const struct schema_path root = {NULL, {NULL, 0}, 0};

static int check_begin(struct schema_check *c, const struct cove_schema *schema,
                       struct cove_diag *diag)
{
    if (schema->why != NULL) {
        cove_fail(diag, COVE_EUNSUPPORTED,
                  "nothing can be judged by the schema, which this cove cannot "
                  "use: %s",
                  schema->why);
        return COVE_EUNSUPPORTED;
    }
    c->schema = schema;
    c->diag = diag;
    c->fault = NULL;
    c->quiet = 0;
    c->measures = false;
    c->deepest = 0;
    c->telling = 0;
    c->nest = 0;
    c->steps = schema->steps;
    c->marks_used = 0;
    cove_pattern_scratch_init(&c->scratch, schema->alloc);
    return 0;
}

int cove_schema_judge(const struct cove_schema *schema, struct cove_bytes value,
                      struct cove_schema_fault *fault, struct cove_diag *diag)
{
    struct schema_check c;
    struct schema_at at = {.value = &root, .rule = &root};
    int rc = check_begin(&c, schema, diag);

    if (rc != 0) {
        return rc;
    }
    c.fault = fault;
    rc = cove_schema_apply(&c, schema->top, value, &at);
    cove_pattern_scratch_clear(&c.scratch);
    return rc;
}

bool cove_schema_spans(const struct cove_schema *schema)
{
    const struct schema_node *top = schema->top;
    const struct schema_maps *maps = top->maps;

    return top->also != NULL || top->choices != NULL ||
           (maps != NULL &&
            (maps->count.has_min || maps->count.has_max ||
             maps->dependency_count + maps->dependent_count > 0 ||
             maps->unevaluated != NULL));
}

bool cove_schema_is_fields(const struct cove_schema *schema)
{
    const struct schema_maps *maps = schema->top->maps;

    return cove_schema_is_object(schema) && !cove_schema_spans(schema) &&
           (maps == NULL || maps->names == NULL) &&
           cove_schema_stray(schema).len == 0;
}

int cove_schema_check(const struct cove_schema *schema, struct cove_bytes value,
                      struct cove_diag *diag)
{
    return cove_schema_judge(schema, value, NULL, diag);
}

/* A register of type int holds no float, whatever its fraction. */
static int register_check(struct schema_check *c,
                          const struct cove_property *property,
                          struct cove_bytes value, const struct schema_at *at)
{
    struct schema_number n;
    char text[COVE_SCHEMA_NUMBER_MAX];
    char why[2 * COVE_SCHEMA_NUMBER_MAX + 32];

    if (property == NULL || property->type != COVE_TYPE_INT ||
        !cove_schema_number(value, &n) || n.is_int) {
        return 0;
    }
    cove_schema_number_text(&n, text);
    if (n.f >= -0x1p53 && n.f <= 0x1p53) {
        snprintf(why, sizeof why, "%s is a float; write %lld", text,
                 (long long)n.f);
    } else {
        snprintf(why, sizeof why, "%s is a float", text);
    }
    return cove_schema_break(c, at, "type integer", why);
}

static int field_check(struct schema_check *c, const struct schema_node *node,
                       struct cove_bytes name, struct cove_bytes value,
                       const struct schema_at *at)
{
    bool judged = false;

    return node->never || node->maps == NULL
               ? (node->never ? cove_schema_apply(c, node, value, at) : 0)
               : cove_schema_member_check(c, node->maps, name, value, at,
                                          &judged);
}

int cove_schema_check_field(const struct cove_schema *schema,
                            struct cove_bytes name, struct cove_bytes value,
                            struct cove_diag *diag)
{
    struct schema_check c;
    struct schema_path path = {&root, name, 0};
    struct schema_at at = {.value = &path, .rule = &root};
    int rc = check_begin(&c, schema, diag);

    if (rc != 0) {
        return rc;
    }
    rc = field_check(&c, schema->top, name, value, &at);
    cove_pattern_scratch_clear(&c.scratch);
    return rc != 0
               ? rc
               : register_check(&c, cove_schema_find(schema, name), value, &at);
}

/* A field that is a document of its own; NULL where there is none. */
static const struct schema_node *child_node(const struct cove_schema *schema,
                                            struct cove_bytes name)
{
    const struct schema_member *member =
        cove_schema_property(schema->top, name);

    return member != NULL && member->node->child != COVE_CHILD_NONE
               ? member->node
               : NULL;
}

int cove_schema_check_item(const struct cove_schema *schema,
                           struct cove_bytes name, struct cove_bytes value,
                           struct cove_diag *diag)
{
    const struct schema_node *node = child_node(schema, name);
    struct schema_check c;
    struct schema_path path = {&root, name, 0};
    struct schema_at at = {.value = &path, .rule = &root};
    int rc = check_begin(&c, schema, diag);

    if (rc != 0 || node == NULL || node->lists == NULL ||
        node->lists->items == NULL) {
        return rc;
    }
    rc = cove_schema_apply(&c, node->lists->items, value, &at);
    cove_pattern_scratch_clear(&c.scratch);
    if (rc == 0) {
        struct cove_property item = {
            .type = cove_schema_find(schema, name)->item_type};

        rc = register_check(&c, &item, value, &at);
    }
    return rc;
}

int cove_schema_check_member(const struct cove_schema *schema,
                             struct cove_bytes name, struct cove_bytes member,
                             struct cove_bytes value, struct cove_diag *diag)
{
    const struct schema_node *node = child_node(schema, name);
    const struct cove_property *field = NULL;
    struct schema_check c;
    struct schema_path up = {&root, name, 0};
    struct schema_path path = {&up, member, 0};
    struct schema_at at = {.value = &path, .rule = &root};
    int rc = check_begin(&c, schema, diag);

    if (rc != 0 || node == NULL) {
        return rc;
    }
    rc = field_check(&c, node, member, value, &at);
    cove_pattern_scratch_clear(&c.scratch);
    if (rc == 0) {
        const struct cove_property *child = cove_schema_find(schema, name);

        for (size_t i = 0; i < child->member_count && field == NULL; i++) {
            field = cove_bytes_equal(child->members[i].name, member)
                        ? &child->members[i]
                        : NULL;
        }
    }
    return rc != 0 ? rc : register_check(&c, field, value, &at);
}
