/* jsonschema_judge.h: what the files that judge values share; nobody else
 * includes it.
 *
 * Judging is one walk over the value's bytes along the graph. The first
 * violation ends it, in a fixed order: type, enum, const, the rules for this
 * kind of value, then the schemas for the same value, then what is left over.
 * Inside anyOf, not, contains and the like a violation is no fault yet, so
 * nobody writes its sentence: the check is `quiet` there.
 *
 * Every schema that is applied costs a step, and so does every pair that is
 * compared: a schema that leads nowhere ends by name.
 */
#ifndef COVE_SCHEMA_JSONSCHEMA_JUDGE_H
#define COVE_SCHEMA_JSONSCHEMA_JUDGE_H

#include "core/value.h"
#include "schema/jsonschema_node.h"

#define COVE_SCHEMA_NEST  384  /* schemas within schemas, for one value */
#define COVE_SCHEMA_MARKS 2048 /* words of 64 marks */

struct schema_check {
    const struct cove_schema *schema;
    struct cove_diag *diag;
    struct cove_schema_fault *fault; /* NULL: only the sentence */
    unsigned quiet;                  /* > 0: violations are no faults */
    bool measures;                   /* how deep a quiet violation lies */
    size_t deepest;
    unsigned telling; /* sentences within sentences */
    unsigned nest;
    uint64_t steps; /* left */
    size_t marks_used;
    uint64_t marks[COVE_SCHEMA_MARKS]; /* a stack of them */
    struct cove_pattern_scratch scratch;
};

struct schema_scope { /* the resources that led here, for $dynamicRef */
    const struct schema_scope *up;
    const struct schema_resource *resource;
};

/* Where a schema is applied. */
struct schema_at {
    const struct schema_path *value;
    const struct schema_path *rule;
    const struct schema_scope *scope;
    /* One bit for each item or member of the value, set where a schema was
     * applied to it; NULL where nobody asks. */
    uint64_t *marks;
    bool through;        /* the rule's path says more than the value's */
    const char *because; /* what else led here, or NULL */
};

/* Apply a schema. Errors: as cove_schema_check. */
COVE_MUST_CHECK int cove_schema_apply(struct schema_check *c,
                                      const struct schema_node *node,
                                      struct cove_bytes value,
                                      const struct schema_at *at);
/* The same, where a violation is no fault; marks are kept only where it fits.
 */
COVE_MUST_CHECK int cove_schema_try(struct schema_check *c,
                                    const struct schema_node *node,
                                    struct cove_bytes value,
                                    const struct schema_at *at);
/* Apply one to an item or a member: `rule` is where it stands, inside
 * `keyword`; nothing of a key where that is all. */
struct schema_step {
    const char *keyword;
    struct cove_bytes key; /* behind the keyword; at NULL: see index */
    size_t index;          /* SIZE_MAX: nothing behind it */
    bool through;
};
COVE_MUST_CHECK int cove_schema_descend(struct schema_check *c,
                                        const struct schema_node *node,
                                        struct cove_bytes value,
                                        const struct schema_at *at,
                                        const struct schema_step *step,
                                        const struct schema_path *place);

/* Errors: COVE_ELIMIT. */
COVE_MUST_CHECK int cove_schema_spend(struct schema_check *c, uint64_t steps);

/* --- violations. Errors: COVE_ESCHEMA, always. `rule` is the keyword, and with
 * a space between what it says. */
int cove_schema_break(struct schema_check *c, const struct schema_at *at,
                      const char *rule, const char *why);
/* The same of a member that is not there, or of an item. */
int cove_schema_break_at(struct schema_check *c, const struct schema_at *at,
                         struct cove_bytes name, const char *rule,
                         const char *why);
/* The value fits none of several. */
int cove_schema_break_none(struct schema_check *c, const struct schema_at *at,
                           const char *keyword,
                           const struct schema_nodes *nodes,
                           struct cove_bytes value);
/* Is a count outside its range? Breaks the rule min or max then; what is
 * counted is called `what` ("item"), and stands in `whole` ("the list"). */
struct schema_counted {
    const char *min;
    const char *max;
    const char *whole;
    const char *what;
    const char *several;
};
COVE_MUST_CHECK int cove_schema_range_check(struct schema_check *c,
                                            const struct schema_range *range,
                                            uint64_t count,
                                            const struct schema_counted *words,
                                            const struct schema_at *at);

/* --- the rules for one kind of value */
COVE_MUST_CHECK int cove_schema_type_check(struct schema_check *c,
                                           const struct schema_node *node,
                                           struct cove_bytes value,
                                           enum cove_kind kind,
                                           const struct schema_at *at);
COVE_MUST_CHECK int cove_schema_choices_check(
    struct schema_check *c, const struct schema_choices *rules,
    struct cove_bytes value, const struct schema_at *at);
COVE_MUST_CHECK int cove_schema_numbers_check(
    struct schema_check *c, const struct schema_numbers *rules,
    struct cove_bytes value, const struct schema_at *at);
COVE_MUST_CHECK int cove_schema_texts_check(struct schema_check *c,
                                            const struct schema_texts *rules,
                                            struct cove_bytes value,
                                            const struct schema_at *at);
COVE_MUST_CHECK int cove_schema_lists_check(struct schema_check *c,
                                            const struct schema_lists *rules,
                                            struct cove_bytes value,
                                            const struct schema_at *at);
COVE_MUST_CHECK int cove_schema_maps_check(struct schema_check *c,
                                           const struct schema_maps *rules,
                                           struct cove_bytes value,
                                           const struct schema_at *at);
/* A member alone, and what is left over of a list or an object. */
COVE_MUST_CHECK int cove_schema_member_check(struct schema_check *c,
                                             const struct schema_maps *rules,
                                             struct cove_bytes name,
                                             struct cove_bytes value,
                                             const struct schema_at *at,
                                             bool *judged);
COVE_MUST_CHECK int cove_schema_rest_items(struct schema_check *c,
                                           const struct schema_node *rest,
                                           struct cove_bytes value,
                                           const struct schema_at *at);
COVE_MUST_CHECK int cove_schema_rest_members(struct schema_check *c,
                                             const struct schema_node *rest,
                                             struct cove_bytes value,
                                             const struct schema_at *at);
/* jsonschema_also.c: the schemas for the same value. */
COVE_MUST_CHECK int cove_schema_also_check(struct schema_check *c,
                                           const struct schema_also *also,
                                           struct cove_bytes value,
                                           const struct schema_at *at);

/* --- marks: taken as from a stack. Errors: COVE_ELIMIT. */
COVE_MUST_CHECK int cove_schema_marks_take(struct schema_check *c,
                                           struct cove_bytes value,
                                           uint64_t **out);
/* How many words the marks of a value take. */
size_t cove_schema_marks_words(struct cove_bytes value);

static inline void schema_mark(const struct schema_at *at, size_t index)
{
    if (at->marks != NULL) {
        at->marks[index / 64] |= UINT64_C(1) << (index % 64);
    }
}

static inline bool schema_marked(const uint64_t *marks, size_t index)
{
    return (marks[index / 64] >> (index % 64) & 1) != 0;
}

#endif
