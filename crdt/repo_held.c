/* repo_held.c: is every origin that the copies of a document name held here?
 *
 * A load asks the log about each origin, and that takes longer than all else
 * about a copy. Where a load that may write found all of them, the record says
 * so (docs/FORMAT.md "Document record"), and the next one need not ask. It
 * stays true while nothing but users' writes comes: a log only grows, and what
 * was there when it was asked about is there for good. Whatever else comes, or
 * is mended, takes it away together with what was judged (repo_tally_unjudge).
 */
#include "crdt/repo_check_internal.h"

static bool held_origins(const struct cove_state *state)
{
    for (size_t i = 0; i < state->copy_count; i++) {
        const struct cove_copy *copy = &state->copies[i];

        for (size_t k = 0; k < copy->origin_count; k++) {
            if (!copy->origins[k].held &&
                !cove_op_id_is_none(&copy->origins[k].id)) {
                return false;
            }
        }
    }
    return state->copy_count > 0;
}

/* What is not shown yet, or only on a branch, was not asked about; nor what a
 * checkpoint left out, which a fold of the whole log will see again. */
static bool held_whole(const struct repo_record *record)
{
    const unsigned flags = COVE_DOC_OWNER_MISSING | COVE_DOC_HAS_AHEAD |
                           COVE_DOC_HAS_PRIVATE | COVE_DOC_HAS_HELD;

    for (size_t i = 0; i < record->row_count; i++) {
        const struct repo_row *row = &record->rows[i];

        if (row->has_branch || (row->pub.role >= COVE_ROLE_WRITER &&
                                row->pub.folded < row->pub.len)) {
            return false;
        }
    }
    return (record->flags & flags) == 0 && record->next_held == 0 &&
           record->state_bytes == 0;
}

bool repo_held_all(const struct repo_record *record,
                   const struct cove_state *state)
{
    return record->held || (state->false_copies == 0 && held_whole(record) &&
                            held_origins(state));
}

void repo_held_come(struct repo_record *record, const struct cove_tx *txs,
                    size_t count)
{
    bool held = record->held;

    for (size_t i = 0; i < count; i++) {
        const struct cove_tx *tx = &txs[i];

        held = held && tx->kind == COVE_TX_NATIVE && !tx->ahead &&
               tx->private_part.len == 0 && !tx->has_branch && !tx->has_merge &&
               !tx->has_remove;
    }
    repo_tally_unjudge(record);
    record->held = held;
}

int check_held(struct cove_check *c, struct repo_record *record, bool *dirty)
{
    struct repo_record asked = *record;
    struct repo_work work = c->work;
    struct cove_state state;
    int err;

    if (!record->held) {
        return 0;
    }
    cove_arena_reset(&c->piece);
    work.arena = &c->piece;
    asked.held = false;
    asked.state_bytes = 0; /* the whole log */
    err = repo_fold_view(&work, &asked, &repo_view_main, &state);
    if (check_is_damage(err)) {
        return 0; /* told already */
    }
    if (err != 0 || (state.false_copies == 0 && held_origins(&state))) {
        return err;
    }
    err = check_derived(c, "record-field", record,
                        "the record says that all origins of copies are here; "
                        "some are not");
    if (err == 0 && c->opt.repair) {
        record->held = false;
        *dirty = true;
    }
    return err;
}
