/* kin.h: the documents that have a say in what a loaded one shows: those of
 * fields that are documents of their own, and of a child its parent and the
 * others. A part of load.h; nobody else includes it.
 *
 *   parent ◀──from── child        a child's header names its parent and field
 *   parent ──plan──▶ children     derivable: no write names them
 */
#ifndef COVE_MIGRATE_KIN_H
#define COVE_MIGRATE_KIN_H

#include "migrate/child.h"
#include "migrate/load.h"

struct kin_doc { /* a child, as far as it was looked for */
    struct cove_bytes key;
    enum cove_child_kind kind;
    struct cove_doc *doc; /* NULL: it is not held */
};

struct cove_kin {
    struct cove_doc *parent; /* NULL: the loaded document is the parent */
    struct cove_bytes key;   /* of a child: its field's register */
    struct kin_doc *docs;
    size_t count, cap;
};

/* What a document is a child of: fills loaded->kin, and doc.schema_num from the
 * parent's; nothing where it is no child, or its parent is not held or has no
 * schema. Errors: COVE_ENOMEM, store errors. */
COVE_MUST_CHECK int cove_kin_open(struct cove_catalog *catalog,
                                  struct cove_store_txn *txn,
                                  struct cove_loaded *loaded,
                                  struct cove_diag *diag);
/* The view at a head's plan, with all that others say of it: fills plan, view,
 * family, field, inside and of a list or text the elements that it shows.
 * Errors: COVE_ENOMEM, store errors. */
COVE_MUST_CHECK int cove_kin_view(struct cove_catalog *catalog,
                                  struct cove_store_txn *txn,
                                  struct cove_loaded *loaded,
                                  const struct cove_plan *plan,
                                  struct cove_diag *diag);

#endif
