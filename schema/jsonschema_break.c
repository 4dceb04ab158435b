/* jsonschema_break.c: the sentences of violations.
 *
 * Where several schemas were tried and none fits, the one whose violation lies
 * deepest in the value came nearest, the first of equals; it is applied once
 * more to hear what it says. That costs steps; where none are left, the
 * sentence goes without.
 */
#include <stdio.h>

#include "schema/jsonschema_judge.h"

#define TELLING_MAX 2 /* sentences within a sentence */

static size_t path_depth(const struct schema_path *path)
{
    size_t depth = 0;

    for (; path != NULL && path->up != NULL; path = path->up) {
        depth++;
    }
    return depth;
}

/* The path of the rule itself, behind that of its schema. */
static void rule_path(const struct schema_at *at, const char *rule,
                      char out[COVE_SCHEMA_PATH_MAX])
{
    size_t len = strcspn(rule, " ");
    struct schema_path path = {at->rule, cove_bytes(rule, len), 0};

    cove_schema_path_text(strcmp(rule, "false") == 0 ? at->rule : &path, "",
                          out);
}

__attribute__((noinline)) static int tell(struct schema_check *c,
                                          const struct schema_at *at,
                                          const char *rule, const char *why)
{
    char value[COVE_SCHEMA_PATH_MAX];
    char path[COVE_SCHEMA_PATH_MAX];

    rule_path(at, rule, path);
    if (c->fault != NULL) {
        cove_schema_path_text(at->value, "", c->fault->value);
        memcpy(c->fault->rule, path, sizeof path);
        snprintf(c->fault->sentence, sizeof c->fault->sentence, "%s", why);
    }
    cove_schema_path_text(at->value, "the document", value);
    return cove_fail(c->diag, COVE_ESCHEMA,
                     "%s breaks the rule \"%s\": %s%s%s%s%s%s", value, rule,
                     why, at->through ? " (" : "", at->through ? path : "",
                     at->through && at->because != NULL ? ", " : "",
                     at->through && at->because != NULL ? at->because : "",
                     at->through ? ")" : "");
}

int cove_schema_break(struct schema_check *c, const struct schema_at *at,
                      const char *rule, const char *why)
{
    if (c->quiet == 0) {
        return tell(c, at, rule, why);
    }
    if (c->measures) {
        size_t depth = path_depth(at->value);

        c->deepest = depth > c->deepest ? depth : c->deepest;
    }
    return COVE_ESCHEMA;
}

int cove_schema_break_at(struct schema_check *c, const struct schema_at *at,
                         struct cove_bytes name, const char *rule,
                         const char *why)
{
    struct schema_path path = {at->value, name, 0};
    struct schema_at there = *at;

    there.value = &path;
    return cove_schema_break(c, &there, rule, why);
}

/* --- none of several ---------------------------------------------------- */

/* The place of a branch. */
struct branch {
    struct schema_path keyword;
    struct schema_path index;
    struct schema_at at;
};

static void branch_init(struct branch *b, const struct schema_at *at,
                        const char *keyword, size_t index)
{
    b->keyword = (struct schema_path){at->rule, cove_bytes_text(keyword), 0};
    b->index = (struct schema_path){&b->keyword, {NULL, 0}, index};
    b->at = *at;
    b->at.rule = &b->index;
    b->at.through = true;
    b->at.marks = NULL;
}

static size_t nearest_find(struct schema_check *c, const struct schema_at *at,
                           const char *keyword,
                           const struct schema_nodes *nodes,
                           struct cove_bytes value)
{
    struct cove_diag *diag = c->diag;
    size_t nearest = 0;
    size_t best = 0;

    c->measures = true;
    c->diag = NULL; /* that steps run out is no matter here */
    for (size_t i = 0; i < nodes->count; i++) {
        struct branch b;
        int rc;

        branch_init(&b, at, keyword, i);
        c->deepest = 0;
        rc = cove_schema_try(c, nodes->at[i], value, &b.at);
        if (rc == COVE_ESCHEMA && c->deepest > best) {
            best = c->deepest;
            nearest = i;
        }
    }
    c->measures = false;
    c->diag = diag;
    return nearest;
}

__attribute__((noinline)) static int none_tell(struct schema_check *c,
                                               const struct schema_at *at,
                                               const char *keyword,
                                               const struct schema_nodes *nodes,
                                               struct cove_bytes value)
{
    struct cove_diag inner = {0};
    struct cove_diag *diag = c->diag;
    struct cove_schema_fault *fault = c->fault;
    struct branch b;
    char why[700];
    int rc = COVE_ELIMIT;

    if (c->telling < TELLING_MAX) {
        branch_init(&b, at, keyword,
                    nearest_find(c, at, keyword, nodes, value));
        c->telling++;
        c->diag = &inner;
        c->fault = NULL;
        rc = cove_schema_apply(c, nodes->at[b.index.index], value, &b.at);
        c->telling--;
        c->diag = diag;
        c->fault = fault;
    }
    snprintf(why, sizeof why, "the value fits none of %zu schema%s%s%.600s",
             nodes->count, nodes->count == 1 ? "" : "s",
             rc == COVE_ESCHEMA ? "; nearest: " : "",
             rc == COVE_ESCHEMA ? inner.text : "");
    return cove_schema_break(c, at, keyword, why);
}

int cove_schema_break_none(struct schema_check *c, const struct schema_at *at,
                           const char *keyword,
                           const struct schema_nodes *nodes,
                           struct cove_bytes value)
{
    return c->quiet > 0 ? cove_schema_break(c, at, keyword, "")
                        : none_tell(c, at, keyword, nodes, value);
}
