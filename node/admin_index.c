/* admin_index.c: verbs about indexes: which there are and how far, a piece of
 * the work that is due, and building one anew. */
#include "node/admin_query.h"
#include "node/index.h"

static const char *state_name(enum cove_index_state state)
{
    return state == COVE_INDEX_READY      ? "ready"
           : state == COVE_INDEX_BUILDING ? "building"
                                          : "dropping";
}

void admin_index_json(struct node_json *j, const struct cove_index *index,
                      uint64_t sequence)
{
    uint64_t left = index->covered < sequence ? sequence - index->covered : 0;

    node_json_open(j, '{');
    node_json_key(j, "index");
    node_json_int(j, (int64_t)index->number);
    node_json_key(j, "fields");
    node_json_open(j, '[');
    for (size_t i = 0; i < index->path_count; i++) {
        node_json_text(j, index->paths[i]);
    }
    node_json_close(j, ']');
    node_json_key(j, "step");
    node_json_hex(j, index->head.b, sizeof(index->head.b));
    if (index->unique) {
        node_json_key(j, "unique");
        node_json_bool(j, true);
    }
    node_json_key(j, "state");
    node_json_cstr(j, state_name(index->state));
    node_json_key(j, "behind"); /* changes, of whatever document */
    node_json_int(j, (int64_t)left);
    if (index->state == COVE_INDEX_BUILDING) {
        node_json_key(j, "documents");
        node_json_int(j, (int64_t)index->documents);
        node_json_key(j, "percent");
        node_json_int(j, sequence == 0
                             ? 100
                             : (int64_t)(index->covered * 100 / sequence));
    }
    node_json_close(j, '}');
}

static int list_one(struct admin *a, struct cove_txn *txn,
                    const struct cove_index *index, uint64_t sequence)
{
    const struct cove_schema_doc *schema;
    const struct cove_step *step;
    struct node_json *j = &a->reply;
    int err = cove_catalog_open(txn->worker->catalog, txn->txn, index->journal,
                                &schema);

    if (err != 0) {
        return err == COVE_ENOTFOUND || err == COVE_ETYPE ? 0 : err;
    }
    step = cove_journal_find(schema->journal, &index->head);
    node_json_open(j, '{');
    node_json_key(j, "schema");
    node_json_text(j, schema->name);
    if (step != NULL && step->has_version) {
        node_json_key(j, "version");
        node_json_int(j, step->version);
    }
    node_json_key(j, "index");
    admin_index_json(j, index, sequence);
    node_json_close(j, '}');
    return 0;
}

int admin_index_list(struct admin *a)
{
    const struct cove_index *indexes;
    const char *schema = NULL;
    struct cove_txn *txn;
    uint64_t sequence;
    cove_num only = 0;
    size_t count = 0;
    int err = admin_text(a, "schema", &schema);

    err = err != 0 ? err : node_begin(a->store, COVE_READ, &txn);
    if (err != 0) {
        return err;
    }
    if (schema != NULL) {
        err = cove_catalog_find(txn->worker->catalog, txn->txn, schema, &only,
                                &txn->diag);
    }
    err = err != 0 ? err
                   : cove_indexes_look(txn->worker->indexes, txn->txn, &indexes,
                                       &count);
    err = err != 0 ? err
                   : cove_repo_sequence(txn->worker->repo, txn->txn, &sequence);
    node_json_key(&a->reply, "indexes");
    node_json_open(&a->reply, '[');
    for (size_t i = 0; i < count && err == 0; i++) {
        if (only == 0 || indexes[i].journal == only) {
            err = list_one(a, txn, &indexes[i], sequence);
        }
    }
    node_json_close(&a->reply, ']');
    return admin_end(a, txn, err);
}

int admin_index_work(struct admin *a)
{
    int64_t max = NODE_INDEX_PIECE;
    bool left = false;
    int err = admin_int(a, "max", &max);

    if (err == 0 && (max < 1 || max > 1000000)) {
        err = cove_fail(&a->diag, COVE_EUSAGE, "\"max\" is 1 to 1000000");
    }
    if (err == 0) {
        err = node_index_work(a->store, (size_t)max, &left);
    }
    node_json_key(&a->reply, "left");
    node_json_bool(&a->reply, left);
    return err;
}

int admin_index_rebuild(struct admin *a)
{
    const struct cove_index *indexes;
    const char *schema = NULL;
    int64_t number = 0, again = 0;
    struct cove_txn *txn;
    cove_num only = 0;
    size_t count = 0;
    int err = admin_text(a, "schema", &schema);

    err = err != 0 ? err : admin_int(a, "index", &number);
    err = err != 0 ? err : node_begin(a->store, COVE_WRITE | COVE_VIEW, &txn);
    if (err != 0) {
        return err;
    }
    if (schema != NULL) {
        err = cove_catalog_find(txn->worker->catalog, txn->txn, schema, &only,
                                &txn->diag);
    }
    err = err != 0 ? err
                   : cove_indexes_look(txn->worker->indexes, txn->txn, &indexes,
                                       &count);
    for (size_t i = 0; i < count && err == 0; i++) {
        if ((only == 0 || indexes[i].journal == only) &&
            (number == 0 || (int64_t)indexes[i].number == number)) {
            err = cove_indexes_again(txn->worker->indexes, txn->txn,
                                     indexes[i].number);
            again++;
        }
    }
    if (err == 0 && again == 0) {
        err = cove_fail(&txn->diag, COVE_ENOTFOUND,
                        "there is no such index; `index.list` shows them");
    }
    node_json_key(&a->reply, "rebuilding");
    node_json_int(&a->reply, again);
    txn->wrote = err == 0;
    return admin_end(a, txn, err);
}
