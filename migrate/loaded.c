/* loaded.c: a loaded document: where it stands, and its fields by name. */
#include "migrate/load.h"

#include <assert.h>

const char *cove_doc_state_name(enum cove_doc_state state)
{
    static const char *const names[] = {
        [COVE_STATE_CURRENT] = "current",
        [COVE_STATE_VIEWED] = "viewed",
        [COVE_STATE_DUE] = "due",
        [COVE_STATE_AHEAD] = "ahead",
        [COVE_STATE_BLOCKED] = "blocked",
        [COVE_STATE_QUARANTINED] = "quarantined",
        [COVE_STATE_WAITING_KEY] = "waiting-key",
        [COVE_STATE_LOCAL_ONLY] = "local-only",
    };

    return names[state];
}

/* Count the visible fields that did not convert, and those that are shown
 * through steps only: no stored write of their own register. */
static int state_fields(struct cove_loaded *loaded, uint32_t *shown_through,
                        bool *open)
{
    *shown_through = 0;
    *open = false;
    loaded->invalid = 0;
    for (size_t i = 0; i < loaded->plan->field_count; i++) {
        const struct cove_native *native;
        const struct cove_copy *copy;
        uint32_t reg = loaded->plan->fields[i].reg;
        struct cove_cell cell;
        int err = cove_view_read(&loaded->view, reg, &cell);

        if (err != 0) {
            return err;
        }
        if (cell.kind == COVE_INVALID) {
            loaded->invalid++;
            *open = *open || cove_cell_is_open(cell);
        } else if (cell.kind == COVE_PRESENT) {
            cove_view_stored(&loaded->view, reg, &native, &copy);
            *shown_through += native == NULL && copy == NULL;
        }
    }
    return 0;
}

int cove_loaded_state(struct cove_loaded *loaded, enum cove_doc_state *out)
{
    unsigned flags = loaded->doc.flags;
    uint32_t through = 0;
    bool open = false;

    assert(!loaded->due_later);
    if (!loaded->raw) {
        int err = state_fields(loaded, &through, &open);

        if (err != 0) {
            return err;
        }
    }
    if ((flags & COVE_DOC_HAS_AHEAD) || (!loaded->raw && loaded->view.ahead)) {
        *out = COVE_STATE_AHEAD;
    } else if (flags & COVE_DOC_OWNER_MISSING) {
        *out = COVE_STATE_BLOCKED;
    } else if (flags & COVE_DOC_HAS_PRIVATE) {
        *out = COVE_STATE_WAITING_KEY;
    } else if (loaded->copies_due > 0 || open) {
        *out = loaded->doc.my_role >= COVE_ROLE_WRITER ? COVE_STATE_DUE
                                                       : COVE_STATE_LOCAL_ONLY;
    } else if (loaded->invalid > 0) {
        *out = COVE_STATE_QUARANTINED;
    } else {
        *out = through > 0 ? COVE_STATE_VIEWED : COVE_STATE_CURRENT;
    }
    return 0;
}

/* One register as it is stored, for readers without the engine. */
static int raw_get(const struct cove_state *state, struct cove_bytes reg,
                   struct cove_cell *out)
{
    const struct cove_native *native = NULL;
    const struct cove_copy *copy = NULL;
    int err = cove_state_winner(state, reg, &native, &copy);

    if (err == COVE_ENOTFOUND) {
        out->kind = COVE_ABSENT;
        return 0;
    }
    if (err == 0) {
        bool deleted = native != NULL ? native->deleted : copy->deleted;

        out->kind = deleted ? COVE_ABSENT : COVE_PRESENT;
        out->bytes = native != NULL ? native->value : copy->value;
    }
    return err;
}

int cove_loaded_get(struct cove_loaded *loaded, struct cove_bytes name,
                    struct cove_cell *out, struct cove_diag *diag)
{
    struct cove_field field;

    if (loaded->raw) {
        return raw_get(&loaded->doc.state, name, out);
    }
    for (size_t i = 0; i < loaded->plan->field_count; i++) {
        if (cove_bytes_equal(loaded->plan->fields[i].name, name)) {
            int err = cove_view_field(&loaded->view, i, &field);

            if (err == 0) {
                *out = field.cell;
            }
            return err;
        }
    }
    return cove_fail(diag, COVE_ENOTFOUND,
                     "this version of the schema has no field \"%.*s\"",
                     (int)name.len, (const char *)name.at);
}
