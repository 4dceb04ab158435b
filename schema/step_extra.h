/* step_extra.h: ops that say something about steps and change no view.
 *
 *   {"op": "x-retire", "step": STEP}   versions before STEP are retired
 *   {"op": "x-back", "step": STEP}     this version shows what STEP showed
 *   {"op": "x-down", "words": […]}     how its author would take it back
 *
 * STEP is a step's id in hex. A build that does not know one of them carries
 * and ignores it, so nothing that a view depends on may ever stand here.
 */
#ifndef COVE_SCHEMA_STEP_EXTRA_H
#define COVE_SCHEMA_STEP_EXTRA_H

#include "schema/journal.h"

#define COVE_EXTRA_RETIRE "x-retire"
#define COVE_EXTRA_BACK   "x-back"
#define COVE_EXTRA_DOWN   "x-down"

/* A note about versions and no version itself: without a number, of x- ops
 * only, at least one. Nothing is ever opened, written or counted at it. */
bool cove_step_is_annotation(const struct cove_step *step);
/* The member of the first op of this kind behind place *at, which is moved
 * behind it; empty where there is none. */
struct cove_bytes cove_step_extra(const struct cove_step *step,
                                  const char *kind, const char *member,
                                  size_t *at);
/* The step that the next op of this kind names; false where there is none.
 * What is no step id is passed over. */
bool cove_step_extra_step(const struct cove_step *step, const char *kind,
                          size_t *at, struct cove_step_id *out);

#endif
