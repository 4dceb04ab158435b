/* judge.h: what the rules of a version say of values: of a write before it is
 * made, of a document as a version shows it, of one that is in no store.
 *
 *   write    ─▶ cove_judge_known, cove_judge_edit     the first that is wrong
 *   document ─▶ cove_judge_new, cove_loaded_flaws     all that is
 *
 * Knows nothing of how writes are made, nor of what becomes of the verdict.
 */
#ifndef COVE_MIGRATE_JUDGE_H
#define COVE_MIGRATE_JUDGE_H

#include "migrate/load.h"

struct cove_judge {
    const struct cove_schema *schema; /* NULL where its text is not held */
    const struct cove_plan *plan;     /* NULL: by the schema alone */
    struct cove_bytes name;           /* of the schema */
    int64_t version;
    struct cove_bytes inside; /* a map child: the field that it is */
};

/* The rules of a version. Errors: COVE_EBLOCKED, COVE_ENOMEM, store errors. */
COVE_MUST_CHECK int cove_judge_open(struct cove_catalog *catalog,
                                    struct cove_store_txn *txn, cove_num num,
                                    const struct cove_step_id *head,
                                    struct cove_judge *out);
/* The same for a write: COVE_EBLOCKED where the version is retired. */
COVE_MUST_CHECK int cove_judge_begin(struct cove_catalog *catalog,
                                     struct cove_store_txn *txn, cove_num num,
                                     const struct cove_step_id *head,
                                     struct cove_diag *diag,
                                     struct cove_judge *out);
/* Of a map child: by what it is inside its parent. */
void cove_judge_inside(const struct cove_loaded *loaded,
                       struct cove_judge *judge);

/* Can there be a value of this name at all? The version must have the field,
 * and it must be no document of its own. *reg is its register, COVE_PLAN_NONE
 * without a plan. Errors: COVE_ESCHEMA. */
COVE_MUST_CHECK int cove_judge_known(const struct cove_judge *judge,
                                     struct cove_bytes name, uint32_t *reg,
                                     struct cove_diag *diag);
/* May the known field `reg` have this value, or be deleted? Errors:
 * COVE_ESCHEMA. */
COVE_MUST_CHECK int cove_judge_edit(const struct cove_judge *judge,
                                    const struct cove_edit *edit, uint32_t reg,
                                    struct cove_diag *diag);
/* All fields as one map, with the defaults of required ones that are not
 * given: what the schema judges of a new document. */
COVE_MUST_CHECK int cove_judge_map(const struct cove_judge *judge,
                                   const struct cove_edit *edits, size_t count,
                                   struct cove_arena *arena,
                                   struct cove_buf *out);

/* What judging said, where what is judged is there already: a schema that
 * cannot judge is no reason not to list it, and the sentence says why. So it is
 * COVE_ESCHEMA for those errors, too; others stay. */
int cove_verdict(int err);

/* One thing that is wrong. Texts lie in the arena of the list. */
struct cove_flaw {
    struct cove_bytes path; /* a JSON pointer; empty: the whole */
    struct cove_bytes rule; /* "minimum 1", "required", "convert" */
    struct cove_bytes text; /* the sentence, which has both */
};
struct cove_flaws {
    struct cove_arena *arena;
    struct cove_flaw *at;
    size_t count, cap;
};
/* Add what a diag says; `rule` where the sentence does not name it, NULL: it
 * does. What was said already is not added. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_flaws_add(struct cove_flaws *flaws,
                                   const struct cove_diag *why,
                                   const char *rule);

/* All that a new document with these fields, an encoded map, would break, or a
 * value that is none where the schema has no title: each field's first, what is
 * missing, and a rule of the whole. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_judge_new(const struct cove_judge *judge,
                                   struct cove_bytes value,
                                   struct cove_flaws *flaws);
/* May a loaded document be edited so, as far as rules go that several fields
 * keep together? One that breaks them as it is may. Errors: COVE_ESCHEMA, those
 * of judging, as of loading. */
COVE_MUST_CHECK int cove_judge_edits(const struct cove_judge *judge,
                                     struct cove_loaded *loaded,
                                     const struct cove_edit *edits,
                                     size_t count, struct cove_diag *diag);
/* The same of what a loaded document shows: the fields of a map, or the items
 * of a list that is a field; values that did not convert, too. Nothing of what
 * is raw. Errors: as of loading. */
COVE_MUST_CHECK int cove_loaded_flaws(struct cove_catalog *catalog,
                                      struct cove_store_txn *txn,
                                      struct cove_loaded *loaded,
                                      struct cove_flaws *flaws);
/* The same of the lists and maps that its fields are, which are loaded for it.
 */
COVE_MUST_CHECK int cove_children_flaws(struct cove_catalog *catalog,
                                        struct cove_store_txn *txn,
                                        struct cove_loaded *loaded,
                                        struct cove_flaws *flaws);
/* judge_child.c: of such a list alone. */
COVE_MUST_CHECK int cove_items_flaws(struct cove_catalog *catalog,
                                     struct cove_store_txn *txn,
                                     struct cove_loaded *loaded,
                                     struct cove_flaws *flaws);

/* A user's write behind a field that breaks the rules of the version it was
 * made at: by somebody whose build did not enforce them, or who was told not
 * to. */
struct cove_misfit {
    struct cove_bytes field; /* as the version that looks calls it */
    const struct cove_native *native;
    const struct cove_step *epoch; /* the version that it was made at */
    struct cove_flaw flaw;
};
struct cove_misfits {
    struct cove_misfit *at;
    size_t count, cap;
};
/* Those of a loaded document, each write once; in the arena. Writes at a
 * version that is not here cannot be judged. Errors: as of loading. */
COVE_MUST_CHECK int cove_loaded_misfits(struct cove_catalog *catalog,
                                        struct cove_store_txn *txn,
                                        struct cove_loaded *loaded,
                                        struct cove_arena *arena,
                                        struct cove_misfits *out);

#endif
