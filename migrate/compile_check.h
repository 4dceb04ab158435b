/* compile_check.h: a compiled body judged by what it would do; the compiler's
 * own, nobody else includes it.
 */
#ifndef COVE_MIGRATE_COMPILE_CHECK_H
#define COVE_MIGRATE_COMPILE_CHECK_H

#include "migrate/compile_parts.h"
#include "migrate/plan.h"

/* A journal with one step more, planned at that step. */
struct future {
    struct cove_journal *journal;
    struct cove_plan *plan;
};
/* Put `body` on top of a journal (NULL: an empty one).
 * Errors: COVE_EBLOCKED where it does not become active. */
COVE_MUST_CHECK int cove_future_init(struct future *f, struct cove_arena *arena,
                                     const struct cove_journal *journal,
                                     struct cove_bytes body);
void cove_future_free(struct future *f);

/* What a plan's head shows, and behind it what its history has hidden. */
COVE_MUST_CHECK int cove_plan_fields(struct cove_arena *arena,
                                     const struct cove_plan *plan,
                                     struct compile_field **out, size_t *count);

/* What is inside a child: of a plan, of a schema; and whether two maps have the
 * same fields. Errors: COVE_ENOMEM. compile_child.c. */
COVE_MUST_CHECK int cove_plan_inside(struct cove_arena *arena,
                                     const struct cove_plan *plan,
                                     uint32_t child, struct compile_field *out);
COVE_MUST_CHECK int cove_schema_inside(struct cove_arena *arena,
                                       const struct cove_property *property,
                                       struct compile_field *out);
bool cove_members_equal(const struct compile_field *a,
                        const struct compile_field *b);

struct difference {
    struct cove_arena *arena;
    const char *want; /* what has the fields as they should be */
    const char *have; /* what has them as they are */
    char **lines;
    size_t count;
    int err;
};
/* Name each difference between visible fields. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_difference_all(struct difference *d,
                                        const struct compile_field *want,
                                        size_t want_count,
                                        const struct compile_field *have,
                                        size_t have_count);
/* Say them: all in the report, and in the sentence those that fit.
 * Errors: COVE_ESTEP, always, but for COVE_ENOMEM. */
COVE_MUST_CHECK int cove_difference_fail(const struct difference *d,
                                         const char *what,
                                         struct cove_buf *report,
                                         struct cove_diag *diag);

struct compile_check { /* as cove_compile_check takes it */
    struct cove_arena *arena;
    const struct cove_journal *journal; /* NULL: an empty one */
    const struct cove_schema *schema;
    const struct compile_op *ops; /* what errors call the ops, or NULL */
    struct cove_buf *report;
    struct cove_diag *diag;
};
COVE_MUST_CHECK int cove_compile_judge(const struct compile_check *check,
                                       struct cove_bytes body);

#endif
