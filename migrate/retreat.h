/* retreat.h: taking a schema back: a later version whose fields are those of
 * an earlier one.
 *
 *   v1 ── v2 ── v3      down --to 1: v4 shows what v1 shows
 *          └ … v4 = v1's fields, parent v3
 *
 * Nothing is undone and nothing lost: v2 and v3 go on, what was written at
 * them stays, and what is written at v4 shows there as at v1. Only names,
 * visibility and limits change, unless every version on the way carries its
 * own words for going back. Taking a retreat back is a retreat too.
 */
#ifndef COVE_MIGRATE_RETREAT_H
#define COVE_MIGRATE_RETREAT_H

#include "migrate/publish.h"

struct cove_retreat_request {
    cove_num num;     /* journal */
    int64_t steps;    /* so many versions back; 0: see `to` */
    const char *to;   /* a version or a step; NULL: see `undo` */
    bool undo;        /* to the version before the newest, itself a retreat */
    bool accept_loss; /* also where values cannot come back */
};

struct cove_retreat_field {
    struct cove_bytes name; /* at the new version; of a hidden one, before */
    struct cove_bytes was;  /* renamed, lost: its name before */
};

struct cove_retreat {
    struct cove_prepared step; /* as it would be published */
    int64_t from, to;          /* versions: the newest; that it goes back to */
    struct cove_step_id back;  /* the latter's step */
    bool words;                /* by the versions' own words */
    const char *why;           /* words there are, but not usable; or NULL */
    struct cove_retreat_field *shown, *hidden, *renamed, *limited, *lost;
    size_t shown_count, hidden_count, renamed_count, limited_count, lost_count;
};

/* Find the version, make the step, judge it; nothing is written. In the arena.
 * Errors: COVE_EUSAGE (no version before; the newest itself; one outside its
 * history; nothing would change), COVE_ENOTFOUND (no such version; undo where
 * the newest is no retreat), COVE_EAMBIGUOUS (a merge on the way: say `to`),
 * COVE_ECONFLICT (a fork: merge first), COVE_EDESTRUCTIVE (no way back for
 * values; names the fields), COVE_EBLOCKED (the earlier version's schema is
 * not held), COVE_ELIMIT. */
COVE_MUST_CHECK int cove_retreat_prepare(
    struct cove_catalog *catalog, struct cove_store_txn *txn,
    const struct cove_retreat_request *request, struct cove_arena *arena,
    struct cove_retreat *out, struct cove_diag *diag);

/* The newest version, and the one that is meant. Errors: as above. */
COVE_MUST_CHECK int cove_retreat_find(
    const struct cove_schema_doc *schema,
    const struct cove_retreat_request *request, const struct cove_step **head,
    const struct cove_step **back, struct cove_diag *diag);
/* The version that a step stands for: a retreat for the one it goes back to,
 * any other for itself. */
const struct cove_step *cove_step_stands_for(const struct cove_journal *journal,
                                             const struct cove_step *step);

/* --- retreat_loss.c */

/* Does a value written to `from` concern what `to` shows, and if so can it get
 * there, through conversions, splits and joins that have a way? */
bool cove_plan_passes(const struct cove_plan *plan, uint32_t from, uint32_t to);
/* The fields that `before` shows and whose values have no way to those that
 * `after` shows instead. In the arena. */
COVE_MUST_CHECK int cove_retreat_lost(struct cove_arena *arena,
                                      const struct cove_plan *before,
                                      const struct cove_plan *after,
                                      struct cove_retreat_field **out,
                                      size_t *count);

#endif
