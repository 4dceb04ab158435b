/* admin_draft.c: local documents: a copy to try things on, and its end.
 *
 * A local document belongs to a group that only this device is in and that is
 * never offered to a peer; so it can be migrated, checked and thrown away, and
 * nobody else ever hears of it.
 *
 * The copy holds the user's writes that the original's state holds, each at the
 * epoch it was written at and in the same order: so it shows at every version
 * what the original shows, and a migration does to it what it would do there.
 */
#include "core/value.h"
#include "crdt/repo_upkeep.h"
#include "node/admin.h"

#include <stdlib.h>

/* The device's group for local documents, made where it is not there. */
static int draft_group(struct cove_txn *txn, struct cove_id *out)
{
    struct cove_buf header;
    cove_num num;

    cove_buf_init(&header, txn->store->alloc);
    int err = cove_header_local_group(&txn->store->device, &header, out);

    if (err == 0) {
        err = cove_repo_create(txn->worker->repo, txn->txn,
                               cove_buf_bytes(&header), &num, &txn->diag);
    }
    cove_buf_clear(&header);
    return err;
}

/* An empty document of the same schema, with a random id. */
static int draft_create(struct cove_txn *txn, const struct cove_doc *like,
                        cove_num *num, struct cove_id *id)
{
    const struct cove_env *env = txn->store->env;
    struct cove_header h = {.version = COVE_FORMAT_VERSION,
                            .type = COVE_DOC_COMAP,
                            .has_owner = true,
                            .meta = like->header.meta,
                            .has_created = true};
    struct cove_buf header;
    uint8_t nonce[16];
    int err = draft_group(txn, &h.owner);

    env->random(env->ctx, nonce, sizeof(nonce));
    h.nonce = cove_bytes(nonce, sizeof(nonce));
    h.created_ms = env->now_ms(env->ctx);
    cove_buf_init(&header, txn->store->alloc);
    if (err == 0) {
        err = cove_header_encode(&h, &header, id, &txn->diag);
    }
    if (err == 0) {
        err = cove_repo_create(txn->worker->repo, txn->txn,
                               cove_buf_bytes(&header), num, &txn->diag);
    }
    cove_buf_clear(&header);
    return err;
}

static int native_order(const void *left, const void *right)
{
    const struct cove_native *const *a = left, *const *b = right;

    return cove_op_id_compare(&(*a)->id, &(*b)->id);
}

static bool native_joins(const struct cove_native *a,
                         const struct cove_native *b)
{
    return a->id.hlc == b->id.hlc && a->id.tx == b->id.tx &&
           a->has_epoch == b->has_epoch &&
           memcmp(a->id.session.b, b->id.session.b, sizeof(a->id.session.b)) ==
               0 &&
           memcmp(a->epoch.b, b->epoch.b, sizeof(a->epoch.b)) == 0;
}

/* The state's user writes as new transactions, in their order; what was one
 * transaction is one. */
static int draft_fill(struct cove_txn *txn, struct cove_doc *draft,
                      const struct cove_state *from)
{
    size_t count = from->native_count;
    const struct cove_native **order = cove_arena_array(
        &txn->arena, count + 1, sizeof(const struct cove_native *));
    struct cove_tx_op *ops =
        cove_arena_array(&txn->arena, count + 1, sizeof(*ops));
    int err = order == NULL || ops == NULL ? COVE_ENOMEM : 0;

    for (size_t i = 0; i < count && err == 0; i++) {
        order[i] = &from->natives[i];
    }
    if (err == 0 && count > 0) {
        qsort(order, count, sizeof(const struct cove_native *), native_order);
    }
    for (size_t i = 0; i < count && err == 0;) {
        const struct cove_native *first = order[i];
        struct cove_tx tx = {.kind = COVE_TX_NATIVE,
                             .auth_inherited = true,
                             .has_epoch = first->has_epoch,
                             .epoch = first->epoch,
                             .ops = ops};

        for (; i < count && native_joins(first, order[i]); i++) {
            ops[tx.op_count++] =
                (struct cove_tx_op){.deleted = order[i]->deleted,
                                    .reg = order[i]->reg,
                                    .value = order[i]->value};
        }
        err = cove_repo_append(txn->worker->repo, txn->txn, draft, &tx,
                               &txn->diag);
    }
    return err;
}

static int draft_copy(struct cove_txn *txn, const struct cove_id *like,
                      struct cove_id *out)
{
    struct cove_repo *repo = txn->worker->repo;
    struct cove_doc original, draft;
    cove_num num;
    int err = cove_repo_find(repo, txn->txn, like, &num);

    if (err == 0) {
        err = cove_repo_load(repo, txn->txn, num, &txn->arena, &original,
                             &txn->diag);
    }
    if (err == 0 && original.header.type != COVE_DOC_COMAP) {
        err = cove_fail(&txn->diag, COVE_EUSAGE,
                        "a %s has no local copy; name a document with fields",
                        cove_doc_type_name(original.header.type));
    }
    if (err == 0) {
        err = draft_create(txn, &original, &num, out);
    }
    if (err == 0) {
        err = cove_repo_load(repo, txn->txn, num, &txn->arena, &draft,
                             &txn->diag);
    }
    if (err == 0) {
        err = draft_fill(txn, &draft, &original.state);
    }
    txn->wrote = err == 0;
    return err;
}

/* A copy has the original's schema and fields, and this device for owner. */
static int draft_alone(struct admin *a)
{
    static const char *const others[] = {"schema", "version", "owner",
                                         "fields", "unique",  "meta"};

    for (size_t i = 0; i < COVE_ARRAY_LEN(others); i++) {
        struct cove_bytes value;

        admin_value(a, others[i], &value);
        if (value.len > 0) {
            return cove_fail(&a->diag, COVE_EUSAGE,
                             "a local copy takes no \"%s\": it is like the "
                             "original; change it afterwards",
                             others[i]);
        }
    }
    return 0;
}

int admin_draft_new(struct admin *a)
{
    struct cove_id like, id;
    struct cove_txn *txn;
    bool given = false, local = false;
    int err = draft_alone(a);

    err = err != 0 ? err : admin_id(a, "like", &like, &given);
    err = err != 0 ? err : admin_flag(a, "local", &local);
    if (err == 0 && (!given || !local)) {
        err = cove_fail(&a->diag, COVE_EUSAGE,
                        "a copy of a document is local, and a local document "
                        "is a copy: give both, `cove new --like ID --local`");
    }
    if (err == 0) {
        err = node_begin(a->store, COVE_WRITE | COVE_VIEW, &txn);
    }
    if (err == 0) {
        err = admin_end(a, txn, draft_copy(txn, &like, &id));
    }
    if (err == 0) {
        node_json_key(&a->reply, "id");
        node_json_id(&a->reply, &id);
        node_json_key(&a->reply, "like");
        node_json_id(&a->reply, &like);
        node_json_key(&a->reply, "local");
        node_json_bool(&a->reply, true);
    }
    return err;
}

/* ----------------------------------------------------------------- discard */

static int draft_discard(struct cove_txn *txn, const struct cove_id *id)
{
    struct cove_repo *repo = txn->worker->repo;
    struct cove_doc_outline outline;
    char text[COVE_ID_TEXT_MAX];
    cove_num num;
    int err = cove_repo_find(repo, txn->txn, id, &num);

    if (err == 0) {
        err = cove_repo_outline(repo, txn->txn, num, &txn->arena, &outline);
    }
    if (err != 0) {
        return err;
    }
    if (!outline.local || outline.owner == 0) {
        cove_id_text(id, text);
        return cove_fail(&txn->diag, COVE_EIMMUTABLE,
                         "%s is no local document: a peer that has it would "
                         "bring it back; `cove del` deletes its fields",
                         text);
    }
    err = cove_repo_remove(repo, txn->txn, num, &txn->diag);
    txn->wrote = err == 0;
    return err;
}

static int verb_discard(struct admin *a)
{
    struct cove_txn *txn;
    struct cove_id id;
    bool given;
    int err = admin_id(a, "id", &id, &given);

    err = err != 0 ? err : admin_need(a, "id", given ? a : NULL);
    err = err != 0 ? err : node_begin(a->store, COVE_WRITE | COVE_VIEW, &txn);
    if (err == 0) {
        err = admin_end(a, txn, draft_discard(txn, &id));
    }
    if (err == 0) {
        node_json_key(&a->reply, "id");
        node_json_id(&a->reply, &id);
    }
    return err;
}

const struct admin_verb admin_draft_verbs[] = {
    {"discard", "id", verb_discard},
    {NULL, NULL, NULL},
};
