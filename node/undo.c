/* undo.c: cove_undo and cove_redo: what was written last goes back, as new
 * writes that say what they take back. */
#include "crdt/undo.h"

#include "crdt/item.h"
#include "crdt/repo_upkeep.h"
#include "node/past.h"

static int undo_refuse(struct cove_txn *txn, const struct cove_doc *doc)
{
    return cove_fail(&txn->diag, COVE_EUNSUPPORTED,
                     "what is written to a %s is not taken back: others may "
                     "have acted on it",
                     cove_doc_type_name(doc->header.type));
}

/* It came to nothing: that is noted, so that the next one has its turn. */
static int undo_note(struct cove_txn *txn, struct cove_doc *doc)
{
    struct cove_tx tx = {.kind = COVE_TX_NATIVE,
                         .epoch_inherited = true,
                         .auth_inherited = true};

    return cove_repo_append(txn->worker->repo, txn->txn, doc, &tx, &txn->diag);
}

/* ----------------------------------------------------- registers of a map */

static int undo_fields(struct cove_txn *txn, struct node_doc *d,
                       const struct cove_undo *undo)
{
    struct cove_repo *repo = txn->worker->repo;
    struct node_differences changes = {.arena = &txn->arena};
    struct cove_state with;
    struct cove_state without;
    int err = cove_undo_states(repo, txn->txn, &d->loaded.doc, undo,
                               &txn->arena, &with, &without, &txn->diag);

    if (err != 0) {
        return err;
    }
    err = node_differences(&d->loaded, &with, &without, &changes);
    if (err == 0 && changes.count > 0) {
        err = cove_write(txn->worker->catalog, txn->txn, &d->loaded,
                         changes.edits, changes.count, &txn->diag);
    } else if (err == 0) {
        err = undo_note(txn, &d->loaded.doc);
    }
    cove_repo_state_done(repo, &with);
    cove_repo_state_done(repo, &without);
    return err;
}

/* --------------------------------------------------------- lists and texts */

/* Items that were written in place. */
static int undo_items(struct cove_txn *txn, struct node_doc *d,
                      const struct cove_undo *undo, bool *wrote)
{
    struct cove_repo *repo = txn->worker->repo;
    struct node_differences changes = {.arena = &txn->arena};
    struct cove_loaded raw = d->loaded;
    struct cove_state with;
    struct cove_state without;
    bool registers = false;
    int err;

    for (size_t i = 0; i < undo->tx.op_count; i++) {
        registers = registers || undo->tx.ops[i].kind == COVE_OP_REGISTER;
    }
    if (!registers) {
        return 0;
    }
    err = cove_undo_states(repo, txn->txn, &d->loaded.doc, undo, &txn->arena,
                           &with, &without, &txn->diag);
    if (err != 0) {
        return err;
    }
    raw.raw = true;
    err = node_differences(&raw, &with, &without, &changes);
    if (err == 0 && changes.count > 0) {
        err = node_write_items(txn, d, changes.edits, changes.count);
        *wrote = true;
    }
    cove_repo_state_done(repo, &with);
    cove_repo_state_done(repo, &without);
    return err;
}

/* What stood there because of a write elsewhere that no longer wins does not
 * come again: nobody knows here what it was. */
static void undo_known(const struct cove_loaded *loaded,
                       struct cove_seq_change *change)
{
    size_t parts = change->come_parts;

    change->come_parts = change->come_count = 0;
    for (size_t i = 0; i < parts; i++) {
        struct cove_seq_part part = change->come[i];
        uint32_t known = cove_loaded_known(loaded, part.first.author);

        if (part.first.n >= known) {
            continue;
        }
        if (part.count > known - part.first.n) {
            part.count = known - part.first.n;
            part.content = cove_seq_cut(cove_seq_kind(cove_loaded_seq(loaded)),
                                        part.content, part.count);
        }
        change->come[change->come_parts++] = part;
        change->come_count += part.count;
    }
}

/* By all that is shown, what the parent lends it too. */
static int undo_changes(struct cove_txn *txn, const struct cove_loaded *loaded,
                        const struct cove_undo *undo,
                        struct cove_seq_changes *changes)
{
    struct cove_doc shown = loaded->doc;
    int err;

    if (loaded->elements != NULL) {
        shown.state.seq = loaded->elements;
    }
    err = cove_undo_changes(txn->worker->repo, txn->txn, &shown, undo,
                            &txn->arena, changes);
    for (size_t i = 0; err == 0 && i < changes->count; i++) {
        undo_known(loaded, &changes->at[i]);
    }
    return err;
}

static int undo_elements(struct cove_txn *txn, const struct cove_id *id,
                         struct node_doc *d, const struct cove_undo *undo)
{
    enum cove_doc_type type = d->loaded.doc.header.type;
    struct cove_seq_changes changes;
    struct cove_seq_fix *fixes;
    bool wrote = false;
    size_t count = 0;
    int err = undo_changes(txn, &d->loaded, undo, &changes);

    if (err == 0) {
        err = cove_seq_fixes(&changes, true, &fixes, &count);
    }
    if (err == 0) {
        err = undo_items(txn, d, undo, &wrote);
    }
    if (err == 0 && count > 0) {
        err = node_compose(txn, id, type, &d);
        if (err == 0) {
            err = node_fix(txn, d, fixes, count);
        }
        if (err == 0) {
            err = node_flush(txn, d);
        }
    }
    return err == 0 && count == 0 && !wrote ? undo_note(txn, &d->loaded.doc)
                                            : err;
}

/* ------------------------------------------------------------------ by type */

static int undo_counter(struct cove_txn *txn, struct cove_doc *doc,
                        const struct cove_undo *undo)
{
    cove_wide sum = cove_undo_sum(undo);

    return sum == 0 ? undo_note(txn, doc) : node_add(txn, doc, -sum);
}

static int undo_apply(struct cove_txn *txn, const struct cove_id *id,
                      struct node_doc *d, const struct cove_undo *undo)
{
    struct cove_doc *doc = &d->loaded.doc;

    switch (doc->header.type) {
    case COVE_DOC_COLIST:
    case COVE_DOC_COTEXT:
        return undo_elements(txn, id, d, undo);
    case COVE_DOC_COMAP:
        return undo_fields(txn, d, undo);
    case COVE_DOC_COCOUNTER:
        return undo_counter(txn, doc, undo);
    case COVE_DOC_COSTREAM:
    case COVE_DOC_COBINARY:
    case COVE_DOC_GROUP:
    case COVE_DOC_ACCOUNT:
    case COVE_DOC_JOURNAL:
    case COVE_DOC_UNKNOWN:
        break;
    }
    return undo_refuse(txn, doc);
}

static bool undo_may(const struct cove_doc *doc)
{
    return doc->header.type == COVE_DOC_COLIST ||
           doc->header.type == COVE_DOC_COTEXT ||
           doc->header.type == COVE_DOC_COMAP ||
           doc->header.type == COVE_DOC_COCOUNTER;
}

int node_undo(struct cove_txn *txn, const struct cove_id *id,
              const char *version, bool again)
{
    struct cove_undo undo;
    struct node_doc *d;
    int err = node_writable(txn);

    if (err == 0) {
        err = node_doc(txn, id, version, &d);
    }
    if (err == 0) {
        err = node_flush(txn, d);
    }
    if (err == 0 && !undo_may(&d->loaded.doc)) {
        err = undo_refuse(txn, &d->loaded.doc);
    }
    if (err == 0) {
        err = cove_undo_find(txn->worker->repo, txn->txn, &d->loaded.doc, again,
                             &txn->arena, &undo, &txn->diag);
    }
    if (err == 0) {
        d->loaded.doc.undo = &undo.of;
        err = undo_apply(txn, id, d, &undo);
        d->loaded.doc.undo = NULL;
        txn->wrote = txn->wrote || err == 0;
    }
    return err == COVE_ECONDITION || err == COVE_EUNSUPPORTED
               ? err
               : node_write_failed(txn, err);
}

int cove_undo(struct cove_txn *txn, const struct cove_id *id)
{
    return node_txn_failed(txn, node_undo(txn, id, NULL, false));
}

int cove_redo(struct cove_txn *txn, const struct cove_id *id)
{
    return node_txn_failed(txn, node_undo(txn, id, NULL, true));
}
