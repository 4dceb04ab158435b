/* jsonschema_cycle.c: schemas that lead to themselves for one and the same
 * value: judging by them would never end.
 *
 * The search goes along the words that are followed whatever the value is. What
 * depends on the value (then, else, dependentSchemas, $dynamicRef) may be right
 * all the same; there the limit on steps and depth holds.
 */
#include "schema/jsonschema_build.h"

enum turn { TURN_NEW, TURN_OPEN, TURN_DONE };

struct search {
    struct schema_parse *p;
    const struct schema_ref *from; /* for the sentence */
};

static int node_visit(struct search *s, const struct schema_node *node,
                      unsigned depth);

static int nodes_visit(struct search *s, const struct schema_nodes *nodes,
                       unsigned depth)
{
    int rc = 0;

    for (size_t i = 0; i < nodes->count && rc == 0; i++) {
        rc = node_visit(s, nodes->at[i], depth);
    }
    return rc;
}

static int also_visit(struct search *s, const struct schema_also *also,
                      unsigned depth)
{
    const struct schema_node *single[] = {also->ref, also->never, also->when};
    int rc = 0;

    for (size_t i = 0; i < COVE_ARRAY_LEN(single) && rc == 0; i++) {
        rc = single[i] == NULL ? 0 : node_visit(s, single[i], depth);
    }
    if (rc == 0 && also->dynamic != NULL && also->anchor_count < 2) {
        rc = node_visit(s, also->dynamic, depth);
    }
    if (rc == 0 && (rc = nodes_visit(s, &also->all, depth)) == 0 &&
        (rc = nodes_visit(s, &also->any, depth)) == 0) {
        rc = nodes_visit(s, &also->one, depth);
    }
    return rc;
}

static int node_visit(struct search *s, const struct schema_node *node,
                      unsigned depth)
{
    /* The node is of the parse that asks; nobody else has it yet. */
    unsigned char *turn = &cove_schema_node_at(s->p, node->item)->turn;
    int rc;

    if (node->also == NULL || *turn == TURN_DONE) {
        return 0;
    }
    if (*turn == TURN_OPEN) {
        return cove_fail(s->p->diag, COVE_EFORMAT,
                         "schema: %s: \"%.*s\" leads back to itself for the "
                         "same value",
                         s->from->where, SHOWN(s->from->text));
    }
    if (depth == 0) {
        return cove_fail(s->p->diag, COVE_ELIMIT,
                         "schema: %s: \"%.*s\" leads through more than %d "
                         "schemas for the same value",
                         s->from->where, SHOWN(s->from->text),
                         COVE_SCHEMA_CHAIN);
    }
    *turn = TURN_OPEN;
    rc = also_visit(s, node->also, depth - 1);
    *turn = TURN_DONE;
    return rc;
}

int cove_schema_cycles_check(struct schema_parse *p)
{
    struct search s = {p, NULL};
    int rc = 0;

    for (s.from = p->refs; s.from != NULL && rc == 0; s.from = s.from->next) {
        rc = node_visit(&s, s.from->node, COVE_SCHEMA_CHAIN);
    }
    return rc;
}
