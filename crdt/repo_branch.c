/* repo_branch.c: which sessions a view shows, and how far.
 *
 * A branch lies in the document that it branches off: sessions whose first
 * transaction says which branch they are of and what of the document that one
 * began with. So a branch shares the past, costs nothing to make, and travels
 * with the document. The document's own view shows the sessions without a
 * branch whole, and of a branch what a transaction that it shows has merged;
 * the view of a branch shows its own sessions whole, and of all others what it
 * began with or has merged. A merge says how far, so merging the same twice,
 * on two devices, shows the same.
 */
#include "core/crypto.h"
#include "crdt/repo_internal.h"

const struct repo_view repo_view_main = {.until = UINT64_MAX};

static uint32_t shown_point(const struct repo_view *view,
                            const struct cove_session_id *session)
{
    bool found;
    size_t at = cove_session_place(
        view->points, view->point_count, sizeof(*view->points),
        offsetof(struct cove_reach, session), session, &found);

    return found ? view->points[at].len : 0;
}

static uint32_t shown_of(const struct repo_view *view,
                         const struct cove_state *state,
                         const struct repo_row *row, uint32_t shown)
{
    if (view->points != NULL) {
        uint32_t point = shown_point(view, &row->pub.session);

        return point < shown ? point : shown;
    }
    if (memcmp(&row->branch, &view->branch, sizeof(row->branch)) != 0) {
        uint32_t reached = cove_state_reached(state, &row->pub.session);

        shown = reached < shown ? reached : shown;
    }
    return shown;
}

uint32_t repo_shown(const struct repo_view *view,
                    const struct cove_state *state, const struct repo_row *row)
{
    return shown_of(view, state, row, row->pub.folded);
}

uint32_t repo_doc_shown(const struct cove_doc *doc, const struct repo_row *row)
{
    struct repo_view view = {.branch = doc->branch, .until = UINT64_MAX};
    bool found;
    size_t at = cove_session_place(
        doc->sessions, doc->session_count, sizeof(*doc->sessions),
        offsetof(struct cove_doc_session, session), &row->pub.session, &found);

    return found ? shown_of(&view, &doc->state, row, doc->sessions[at].folded)
                 : 0;
}

uint32_t repo_elements_most(const struct repo_row *row)
{
    return row->pub.role >= COVE_ROLE_WRITER ? row->pub.len : 0;
}

uint32_t repo_shown_elements(const struct repo_view *view,
                             const struct cove_state *state,
                             const struct repo_row *row)
{
    return shown_of(view, state, row, repo_elements_most(row));
}

int repo_branch_fold(struct cove_state *state, const struct cove_tx *tx)
{
    int err = 0;

    for (size_t i = 0; tx->has_merge && i < tx->merge.point_count && err == 0;
         i++) {
        struct cove_reach reach = {tx->merge.points[i].session,
                                   tx->merge.points[i].len};

        err = cove_state_reach(state, &reach);
    }
    return err;
}

int repo_branch_first(struct repo_work *work, const struct repo_record *record,
                      const struct repo_row *row, struct cove_tx *out)
{
    struct repo_tx_entry entry;
    struct repo_walk walk;
    int err = repo_walk_start(work, record, row, 0, &walk);

    if (err == 0) {
        err = repo_walk_next(work, &walk, &entry);
    }
    if (err == 0) {
        err = repo_tx_decode(work, &entry, out);
    }
    return err == 0 && !out->has_branch ? COVE_ECORRUPT : err;
}

int repo_branch_read(struct repo_work *work, const struct repo_record *record,
                     const struct cove_session_id *branch,
                     struct cove_tx_branch *out)
{
    for (size_t i = 0; i < record->row_count; i++) {
        const struct repo_row *row = &record->rows[i];
        struct cove_tx tx;

        if (row->has_branch && row->pub.folded > 0 &&
            memcmp(&row->branch, branch, sizeof(*branch)) == 0) {
            int err = repo_branch_first(work, record, row, &tx);

            if (err == 0) {
                *out = tx.branch;
            }
            return err;
        }
    }
    return COVE_ENOTFOUND;
}

bool repo_branch_is_none(const struct cove_session_id *branch)
{
    return memcmp(branch, &repo_view_main.branch, sizeof(*branch)) == 0;
}

int repo_branch_own(struct repo_work *work, const struct repo_row *row,
                    bool *out)
{
    uint32_t own = work->counters.own_session;
    struct repo_session session;

    *out = row->num == own;
    if (!row->has_branch || own == 0) {
        return 0;
    }

    int err = repo_intern_session_of(work, own, &session);

    if (err == 0) {
        repo_branch_session(&session, &row->branch, &session);
        *out = memcmp(&session.session, &row->pub.session,
                      sizeof(session.session)) == 0;
    }
    return err;
}

void repo_branch_session(const struct repo_session *own,
                         const struct cove_session_id *branch,
                         struct repo_session *out)
{
    struct cove_bytes parts[] = {
        cove_bytes(own->session.b, sizeof(own->session.b)),
        cove_bytes(branch->b, sizeof(branch->b))};
    struct cove_hash salt =
        cove_hash_parts("cove/branch", parts, COVE_ARRAY_LEN(parts));

    out->device = own->device;
    memcpy(out->salt, salt.b, sizeof(out->salt));
    out->session = cove_session_id_of(&out->device, out->salt);
}
