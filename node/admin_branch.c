/* admin_branch.c: undo and redo, and branches. */
#include "node/admin.h"

#include "core/value.h"
#include "crdt/branch.h"
#include "node/past.h"

int admin_branch(struct admin *a, struct cove_txn *txn,
                 const struct cove_id *id)
{
    const char *name = NULL;
    int err = admin_text(a, "branch", &name);

    return err != 0 || name == NULL ? err : node_switch(txn, id, name);
}

int admin_point(struct admin *a, struct cove_txn *txn,
                const struct cove_doc *doc, const char *key,
                struct node_point *out)
{
    const char *text = "now";
    struct cove_bytes v;
    int err = admin_value(a, key, &v);

    if (err == 0 && v.len > 0 && cove_value_kind(v) == COVE_KIND_INT) {
        text =
            cove_arena_printf(&a->arena, "%lld", (long long)cove_value_int(v));
        err = text == NULL ? COVE_ENOMEM : 0;
    } else if (err == 0) {
        err = admin_text(a, key, &text);
    }
    return err != 0 ? err : node_point(txn, doc, text, out);
}

static int branch_begin(struct admin *a, unsigned flags, struct cove_id *id,
                        struct cove_txn **txn)
{
    const char *version;
    int err = admin_document(a, id, &version);

    return err != 0 ? err : node_begin(a->store, flags, txn);
}

/* ------------------------------------------------------------ undo, redo */

static int undo_verb(struct admin *a, bool again)
{
    const char *version;
    struct cove_id id;
    struct cove_txn *txn;
    int err = admin_document(a, &id, &version);

    err = err != 0 ? err : node_begin(a->store, COVE_WRITE | COVE_VIEW, &txn);
    if (err != 0) {
        return err;
    }
    err = admin_branch(a, txn, &id);
    err = err != 0 ? err : node_undo(txn, &id, version, again);
    err = admin_end(a, txn, err);
    if (err == 0) {
        node_json_key(&a->reply, "id");
        node_json_id(&a->reply, &id);
    }
    return err;
}

static int verb_undo(struct admin *a)
{
    return undo_verb(a, false);
}

static int verb_redo(struct admin *a)
{
    return undo_verb(a, true);
}

/* --------------------------------------------------------------- branches */

static int verb_branch_make(struct admin *a)
{
    struct cove_session_id branch;
    const char *name = NULL;
    struct cove_id id;
    struct cove_txn *txn;
    int err = admin_text(a, "name", &name);

    err = err != 0 ? err : admin_need(a, "name", name);
    err = err != 0 ? err : branch_begin(a, COVE_WRITE | COVE_VIEW, &id, &txn);
    if (err != 0) {
        return err;
    }
    err = admin_branch(a, txn, &id);
    err = err != 0 ? err : node_branch(txn, &id, name, &branch);
    err = admin_end(a, txn, err);
    if (err == 0) {
        node_json_key(&a->reply, "id");
        node_json_id(&a->reply, &id);
        node_json_key(&a->reply, "branch");
        node_json_hex(&a->reply, branch.b, sizeof(branch.b));
        node_json_key(&a->reply, "name");
        node_json_cstr(&a->reply, name);
    }
    return err;
}

static void branch_json(struct node_json *j,
                        const struct cove_doc_branch *branch)
{
    struct cove_op_id id = {.hlc = branch->hlc, .device = branch->author};

    node_json_open(j, '{');
    node_json_key(j, "branch");
    node_json_hex(j, branch->id.b, sizeof(branch->id.b));
    node_json_key(j, "name");
    node_json_text(j, branch->name);
    node_json_author(j, &id);
    node_json_key(j, "ahead");
    node_json_int(j, (int64_t)branch->ahead);
    node_json_key(j, "behind");
    node_json_int(j, (int64_t)branch->behind);
    node_json_close(j, '}');
}

static int verb_branch_list(struct admin *a)
{
    struct cove_doc_branch *branches = NULL;
    struct cove_loaded *loaded;
    struct cove_id id;
    struct cove_txn *txn;
    size_t count = 0;
    int err = branch_begin(a, COVE_READ | COVE_RAW, &id, &txn);

    if (err != 0) {
        return err;
    }
    err = admin_branch(a, txn, &id);
    err = err != 0 ? err : node_load(txn, &id, NULL, &loaded);
    if (err == 0) {
        err = cove_repo_branches(txn->worker->repo, txn->txn, &loaded->doc,
                                 &txn->arena, &branches, &count);
    }
    node_json_key(&a->reply, "branches");
    node_json_open(&a->reply, '[');
    for (size_t i = 0; err == 0 && i < count; i++) {
        branch_json(&a->reply, &branches[i]);
    }
    node_json_close(&a->reply, ']');
    if (err == 0) {
        node_json_key(&a->reply, "now");
        err = node_frontier_json(txn, &loaded->doc, &a->reply);
    }
    return admin_end(a, txn, err);
}

static int verb_merge(struct admin *a)
{
    const char *from = NULL;
    uint64_t merged = 0;
    struct cove_id id;
    struct cove_txn *txn;
    int err = admin_text(a, "from", &from);

    err = err != 0 ? err : branch_begin(a, COVE_WRITE | COVE_VIEW, &id, &txn);
    if (err != 0) {
        return err;
    }
    err = admin_branch(a, txn, &id);
    err = err != 0 ? err : node_merge(txn, &id, from, &merged);
    err = admin_end(a, txn, err);
    if (err == 0) {
        node_json_key(&a->reply, "id");
        node_json_id(&a->reply, &id);
        node_json_key(&a->reply, "merged");
        node_json_int(&a->reply, (int64_t)merged);
    }
    return err;
}

const struct admin_verb admin_branch_verbs[] = {
    {"undo", "id version branch", verb_undo},
    {"redo", "id version branch", verb_redo},
    {"branch.make", "id branch name", verb_branch_make},
    {"branch.list", "id branch", verb_branch_list},
    {"merge", "id branch from", verb_merge},
    {NULL, NULL, NULL},
};
