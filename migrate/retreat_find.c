/* retreat_find.c: which version a retreat goes back to.
 *
 * A retreat stands for the version that it went back to: one step back from it
 * is one step back from there, and not the version that it took back.
 */
#include "migrate/compile_parts.h"
#include "migrate/retreat.h"
#include "schema/step_extra.h"

struct find {
    const struct cove_schema_doc *schema;
    const struct cove_journal *journal;
    const struct cove_retreat_request *request;
    const struct cove_step *head, *back;
    struct cove_diag *diag;
};

const struct cove_step *cove_step_stands_for(const struct cove_journal *journal,
                                             const struct cove_step *step)
{
    for (;;) {
        const struct cove_step *back;
        struct cove_step_id id;
        size_t at = 0;

        if (!cove_step_extra_step(step, COVE_EXTRA_BACK, &at, &id)) {
            return step;
        }
        back = cove_journal_find(journal, &id);
        if (back == NULL || back == step || back->annotation ||
            !cove_journal_step_descends(journal, step, back)) {
            return step;
        }
        step = back; /* always further back: this ends */
    }
}

static long long version_of(const struct cove_step *step)
{
    return step != NULL && step->has_version ? step->version : 0;
}

/* The version that a step stands on. */
static int version_before(struct find *r, const struct cove_step *step,
                          const struct cove_step **out)
{
    do {
        if (step->parent_count > 1) {
            return cove_fail(r->diag, COVE_EAMBIGUOUS,
                             "version %lld joins %zu branches: say which "
                             "version to go back to: --to VERSION",
                             version_of(step), step->parent_count);
        }
        step = step->parent_count == 1
                   ? cove_journal_find(r->journal, &step->parents[0])
                   : NULL;
    } while (step != NULL && step->annotation);
    *out = step;
    return 0;
}

static int back_by_steps(struct find *r)
{
    const struct cove_step *at = cove_step_stands_for(r->journal, r->head);

    for (int64_t i = 0; i < r->request->steps; i++) {
        const struct cove_step *before = NULL;
        int err = version_before(r, at, &before);

        if (err != 0) {
            return err;
        }
        if (before == NULL) {
            return cove_fail(r->diag, COVE_EUSAGE,
                             "version %lld is the first of %.*s: %s",
                             version_of(at), SHOWN(r->schema->name),
                             i == 0 ? "there is nothing to go back to"
                                    : "so many steps back there is none");
        }
        at = cove_step_stands_for(r->journal, before);
    }
    r->back = at;
    return 0;
}

static int back_by_name(struct find *r)
{
    struct cove_step_id id;
    int err = cove_schema_doc_head(r->schema, r->request->to, &id, r->diag);

    if (err != 0) {
        return err;
    }
    r->back = cove_journal_find(r->journal, &id);
    if (r->back == r->head) {
        return cove_fail(r->diag, COVE_EUSAGE,
                         "version %lld is the newest of %.*s: say an earlier "
                         "one",
                         version_of(r->head), SHOWN(r->schema->name));
    }
    if (!cove_journal_step_descends(r->journal, r->head, r->back)) {
        return cove_fail(r->diag, COVE_EUSAGE,
                         "version %lld of %.*s is not in the history of the "
                         "newest one, %lld",
                         version_of(r->back), SHOWN(r->schema->name),
                         version_of(r->head));
    }
    return 0;
}

static int back_by_undo(struct find *r)
{
    if (cove_step_stands_for(r->journal, r->head) == r->head) {
        return cove_fail(r->diag, COVE_ENOTFOUND,
                         "version %lld of %.*s took nothing back, so there is "
                         "nothing to undo; `cove migrate down %.*s --steps 1` "
                         "takes that version itself back",
                         version_of(r->head), SHOWN(r->schema->name),
                         SHOWN(r->schema->name));
    }
    return version_before(r, r->head, &r->back);
}

int cove_retreat_find(const struct cove_schema_doc *schema,
                      const struct cove_retreat_request *request,
                      const struct cove_step **head,
                      const struct cove_step **back, struct cove_diag *diag)
{
    struct find found = {.schema = schema,
                         .journal = schema->journal,
                         .request = request,
                         .head = cove_journal_newest(schema->journal),
                         .diag = diag};
    struct find *r = &found;

    if (r->head == NULL) {
        return cove_fail(diag, COVE_EBLOCKED,
                         "no version of this schema is active here yet; sync "
                         "with a peer that has its journal");
    }
    if (cove_schema_doc_forked(schema)) {
        return cove_fail(diag, COVE_ECONFLICT,
                         "%.*s has two newest versions; join them first: `cove "
                         "migrate merge %.*s`",
                         SHOWN(schema->name), SHOWN(schema->name));
    }

    int err = request->undo         ? back_by_undo(r)
              : request->to != NULL ? back_by_name(r)
                                    : back_by_steps(r);

    if (err == 0 && cove_step_stands_for(r->journal, r->head) ==
                        cove_step_stands_for(r->journal, r->back)) {
        err = cove_fail(diag, COVE_EUSAGE,
                        "version %lld of %.*s shows what version %lld shows "
                        "already",
                        version_of(r->head), SHOWN(schema->name),
                        version_of(r->back));
    }
    if (err == 0) {
        *head = r->head;
        *back = r->back;
    }
    return err;
}
