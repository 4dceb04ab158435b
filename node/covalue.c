/* covalue.c: documents that are no maps: making them, and finding the children
 * of a map's fields. */
#include "migrate/child.h"
#include "node/node.h"

static const enum cove_doc_type covalue_types[] = {
    [COVE_COMAP] = COVE_DOC_COMAP,       [COVE_COLIST] = COVE_DOC_COLIST,
    [COVE_COTEXT] = COVE_DOC_COTEXT,     [COVE_COSTREAM] = COVE_DOC_COSTREAM,
    [COVE_COBINARY] = COVE_DOC_COBINARY, [COVE_COCOUNTER] = COVE_DOC_COCOUNTER,
};

static int covalue_type(struct cove_txn *txn, enum cove_covalue type,
                        enum cove_doc_type *out)
{
    if ((unsigned)type >= COVE_ARRAY_LEN(covalue_types)) {
        return cove_fail(&txn->diag, COVE_EUSAGE,
                         "no such type of document: %d", (int)type);
    }
    *out = covalue_types[type];
    return 0;
}

int cove_create(struct cove_txn *txn, enum cove_covalue type,
                const struct cove_id *owner, struct cove_id *out)
{
    struct cove_new_request request = {
        .owner = owner != NULL ? *owner : txn->store->account};
    struct cove_loaded loaded;
    int err = node_writable(txn);

    if (err == 0) {
        err = covalue_type(txn, type, &request.type);
    }
    cove_arena_reset(&txn->scratch);
    if (err == 0) {
        err = cove_new_document(txn->worker->catalog, txn->txn, &request,
                                &txn->scratch, &loaded, &txn->diag);
    }
    if (err == 0) {
        txn->wrote = true;
        *out = loaded.doc.id;
    }
    cove_arena_reset(&txn->scratch);
    return node_txn_failed(txn, node_write_failed(txn, err));
}

int cove_type(struct cove_txn *txn, const struct cove_id *id,
              enum cove_covalue *out)
{
    struct node_doc *d;
    int err = node_doc(txn, id, NULL, &d);
    enum cove_doc_type type =
        err == 0 ? d->loaded.doc.header.type : COVE_DOC_UNKNOWN;

    if (err == 0 && type == COVE_DOC_UNKNOWN) {
        err = cove_fail(&txn->diag, COVE_ENEWER,
                        "the document was made by a newer version of Cove");
    }
    if (err == 0) {
        *out = COVE_COMAP; /* groups, accounts and journals are maps, too */
        for (size_t i = 0; i < COVE_ARRAY_LEN(covalue_types); i++) {
            if (covalue_types[i] == type) {
                *out = (enum cove_covalue)i;
            }
        }
    }
    return node_txn_failed(txn, err);
}

/* --------------------------------------------------------------- children */

/* The register behind a field: at the version that the app speaks, or the key
 * itself. */
static int child_register(struct cove_txn *txn, const struct node_doc *d,
                          const char *field, enum cove_doc_type type,
                          struct cove_bytes *out)
{
    const struct cove_plan *plan = d->loaded.plan;
    struct cove_bytes name = cove_bytes_text(field);
    uint32_t reg;

    if (d->loaded.raw) {
        *out = name;
    } else if (cove_plan_find_name(plan, name, &reg)) {
        uint32_t child = plan->registers[reg].child;

        *out = plan->registers[reg].id;
        if (child != COVE_PLAN_NONE &&
            cove_child_type(plan->children[child].kind) != type) {
            return cove_fail(
                &txn->diag, COVE_ETYPE, "%s is a %s, not a %s", field,
                cove_doc_type_name(cove_child_type(plan->children[child].kind)),
                cove_doc_type_name(type));
        }
    } else {
        return cove_fail(&txn->diag, COVE_ENOTFOUND,
                         "this version has no field %s", field);
    }
    if (out->len == 0 || out->len > COVE_MAX_KEY) {
        return cove_fail(&txn->diag, COVE_EUSAGE,
                         "a field's name has 1 to %d bytes", COVE_MAX_KEY);
    }
    return 0;
}

static int child_header(struct cove_txn *txn, const struct node_doc *d,
                        struct cove_bytes reg, enum cove_doc_type type,
                        struct cove_buf *out, struct cove_id *id)
{
    const struct cove_header *parent = &d->loaded.doc.header;
    const struct cove_child_name name = {
        .kind = cove_child_kind(type),
        .owner = parent->has_owner ? parent->owner : d->id,
        .parent = d->id,
        .reg = reg};

    return cove_child_header(&name, out, id, &txn->diag);
}

static int child_make(struct cove_txn *txn, struct cove_bytes header,
                      const struct cove_id *id)
{
    struct cove_repo *repo = txn->worker->repo;
    cove_num num;
    int err = cove_repo_find(repo, txn->txn, id, &num);

    if (err != COVE_ENOTFOUND || (txn->flags & COVE_WRITE) == 0) {
        return err;
    }
    err = cove_repo_create(repo, txn->txn, header, &num, &txn->diag);
    txn->wrote = txn->wrote || err == 0;
    return err;
}

int cove_child(struct cove_txn *txn, const struct cove_id *id,
               const char *field, enum cove_covalue type, struct cove_id *out)
{
    enum cove_doc_type made = COVE_DOC_UNKNOWN;
    struct cove_bytes reg = {NULL, 0};
    struct cove_buf header;
    struct cove_id child;
    struct node_doc *d;
    int err = covalue_type(txn, type, &made);

    cove_buf_init(&header, txn->store->alloc);
    if (err == 0) {
        err = node_typed(txn, id, COVE_DOC_COMAP, &d);
    }
    if (err == 0) {
        err = child_register(txn, d, field, made, &reg);
    }
    if (err == 0) {
        err = child_header(txn, d, reg, made, &header, &child);
    }
    if (err == 0) {
        err = child_make(txn, cove_buf_bytes(&header), &child);
        if (err == COVE_ENOTFOUND) {
            err = node_absent(txn, d, reg, &child);
        }
        if (err == COVE_ENOTFOUND) {
            err = cove_fail(&txn->diag, err,
                            d->loaded.raw
                                ? "nobody has written to the child of %s yet"
                                : "the document of %s is not made yet: the "
                                  "first write makes it, even an empty one",
                            field);
        }
    }
    if (err == 0) {
        *out = child;
    }
    cove_buf_clear(&header);
    return node_txn_failed(txn, node_write_failed(txn, err));
}
