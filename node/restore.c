/* restore.c: what is no map goes back to what it was: as new writes. */
#include "node/past.h"

/* Items that stand now and stood then, with the value that they had. */
static int restore_items(struct cove_txn *txn, struct node_doc *d,
                         const struct cove_state *past,
                         struct cove_arena *arena, size_t *count)
{
    struct node_differences changes = {.arena = arena};
    struct cove_loaded raw = d->loaded;
    int err;

    raw.raw = true;
    err = node_differences(&raw, &d->loaded.doc.state, past, &changes);
    *count = changes.count;
    return err != 0 || changes.count == 0
               ? err
               : node_write_items(txn, d, changes.edits, changes.count);
}

static int restore_fixes(struct cove_txn *txn, struct node_doc *d,
                         const struct cove_seq_fix *fixes, size_t count)
{
    enum cove_doc_type type = d->loaded.doc.header.type;
    struct cove_id id = d->id;
    int err = count == 0 ? 0 : node_compose(txn, &id, type, &d);

    if (err == 0 && count > 0) {
        err = node_fix(txn, d, fixes, count);
    }
    return err != 0 ? err : node_flush(txn, d);
}

static int restore_elements(struct cove_txn *txn, const struct cove_id *id,
                            const struct cove_state *past,
                            struct cove_arena *arena, struct node_restored *out)
{
    struct cove_seq_changes changes;
    struct cove_seq_fix *fixes = NULL;
    struct cove_seq *then;
    struct node_doc *d;
    size_t written = 0;
    size_t count = 0;
    int err = node_doc(txn, id, NULL, &d);

    if (err == 0) {
        err = cove_loaded_elements(&d->loaded, past, arena, &then);
    }
    if (err == 0) {
        err = cove_seq_diff(cove_loaded_seq(&d->loaded), then, arena, &changes);
    }
    if (err == 0) {
        err = cove_seq_fixes(&changes, false, &fixes, &count);
    }
    if (err == 0) {
        err = restore_items(txn, d, past, arena, &written);
    }
    if (err == 0) {
        err = restore_fixes(txn, d, fixes, count);
    }
    for (size_t i = 0; i < count; i++) {
        if (fixes[i].content.len == 0) {
            out->removed += fixes[i].count;
        } else {
            out->inserted += fixes[i].count;
        }
    }
    out->inserted += (int64_t)written;
    out->changed = count + written > 0;
    return err;
}

static int restore_counter(struct cove_txn *txn, struct cove_doc *doc,
                           const struct cove_state *past,
                           struct node_restored *out)
{
    cove_wide amount = past->sum - doc->state.sum;

    out->changed = amount != 0;
    out->inserted = (int64_t)amount;
    return amount == 0 ? 0 : node_add(txn, doc, amount);
}

/* What was appended or stored cannot be taken away again. */
static int restore_refused(struct cove_txn *txn,
                           const struct cove_loaded *loaded,
                           const struct cove_state *past,
                           struct cove_arena *arena)
{
    struct node_differences d = {.arena = arena};
    struct cove_loaded raw = *loaded;
    int err;

    raw.raw = true;
    err = node_differences(&raw, &loaded->doc.state, past, &d);
    if (err != 0 ||
        (d.count == 0 && past->entries == loaded->doc.state.entries)) {
        return err;
    }
    return cove_fail(&txn->diag, COVE_EUNSUPPORTED,
                     "a %s does not go back: what was written to it stays",
                     cove_doc_type_name(loaded->doc.header.type));
}

int node_restore(struct cove_txn *txn, struct cove_loaded *loaded,
                 const struct cove_state *past, struct cove_arena *arena,
                 struct node_restored *out)
{
    memset(out, 0, sizeof(*out));
    switch (loaded->doc.header.type) {
    case COVE_DOC_COLIST:
    case COVE_DOC_COTEXT:
        return restore_elements(txn, &loaded->doc.id, past, arena, out);
    case COVE_DOC_COCOUNTER:
        return restore_counter(txn, &loaded->doc, past, out);
    case COVE_DOC_COSTREAM:
    case COVE_DOC_COBINARY:
    case COVE_DOC_COMAP:
    case COVE_DOC_GROUP:
    case COVE_DOC_ACCOUNT:
    case COVE_DOC_JOURNAL:
    case COVE_DOC_UNKNOWN:
        break;
    }
    return restore_refused(txn, loaded, past, arena);
}
