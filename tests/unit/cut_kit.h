/* cut_kit.h: histories that are cut off, and sync with them. */
#ifndef COVE_TESTS_CUT_KIT_H
#define COVE_TESTS_CUT_KIT_H

#include "crdt/repo_cut.h"
#include "tests/unit/pack_kit.h"

/* All that is older than now. */
static inline struct cove_cut_rule cut_before(const struct kit *k)
{
    struct cove_cut_rule rule = {cove_hlc_of_ms(k->env.now_ms), UINT64_MAX};

    return rule;
}

static inline int cut_try(struct kit *k, const struct cove_id *id,
                          const struct cove_cut_rule *rule,
                          struct cove_cut_result *out)
{
    struct cove_store_txn *txn = NULL;
    cove_num num = 0;
    int err = cove_store_begin(k->store.store, true, &txn);

    cove_diag_clear(&k->diag);
    if (err != 0) {
        return err;
    }
    err = cove_repo_find(k->repo, txn, id, &num);
    if (err == 0) {
        err = cove_repo_cut(k->repo, txn, num, rule, false, out, &k->diag);
    }
    if (err == 0) {
        return cove_store_commit(txn);
    }
    cove_store_abort(txn);
    return err;
}

static inline struct cove_cut_result cut_now(struct kit *k,
                                             const struct cove_id *id)
{
    struct cove_cut_rule rule = cut_before(k);
    struct cove_cut_result result;
    int err = cut_try(k, id, &rule, &result);

    ck_assert_msg(err == 0, "cut: %d %s", err, k->diag.text);
    return result;
}

/* The cut of a document, in k's arena; empty where it has none. */
static inline struct cove_bytes cut_of(struct kit *k, const struct cove_id *id)
{
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_bytes cut = {NULL, 0};
    int err =
        cove_repo_cut_read(k->repo, txn, kit_num(k, txn, id), &k->arena, &cut);

    cove_store_abort(txn);
    ck_assert(err == 0 || err == COVE_ENOTFOUND);
    return cut;
}

static inline int cut_take(struct kit *k, struct cove_bytes cut,
                           struct cove_ingest_result *result)
{
    struct cove_store_txn *txn = kit_begin(k, true);
    int err = cove_repo_cut_take(k->repo, txn, cut, 1, result, &k->diag);

    if (err == 0) {
        kit_commit(txn);
    } else {
        cove_store_abort(txn);
    }
    return err;
}

/* As kit_sync, with what stands for the beginning of a cut history. */
static inline void cut_sync(struct kit *from, struct kit *to,
                            const struct cove_id *id)
{
    struct cove_bytes cut = cut_of(from, id);

    if (cut.len > 0) {
        struct cove_ingest_result result;
        int err = cut_take(to, cut, &result);

        ck_assert_msg(err == 0, "cut: %d %s", err, to->diag.text);
    }
    kit_sync(from, to, id);
}

/* What a document shows, and its digest: equal here and there. */
static inline void assert_same_view(struct kit *a, struct kit *b,
                                    const struct cove_id *id)
{
    struct cove_store_txn *left = kit_begin(a, false);
    struct cove_store_txn *right = kit_begin(b, false);
    struct cove_doc one = kit_load(a, left, id);
    struct cove_doc two = kit_load(b, right, id);
    struct cove_hash x = cove_doc_digest(&one, &a->arena);
    struct cove_hash y = cove_doc_digest(&two, &b->arena);

    ck_assert_mem_eq(&x, &y, sizeof(x));
    ck_assert_uint_eq(one.state.native_count, two.state.native_count);
    for (size_t i = 0; i < one.state.native_count; i++) {
        const struct cove_native *n = &one.state.natives[i];
        const struct cove_native *m = &two.state.natives[i];

        ck_assert(cove_bytes_equal(n->reg, m->reg));
        ck_assert(cove_bytes_equal(n->value, m->value));
        ck_assert(n->deleted == m->deleted && n->has_epoch == m->has_epoch);
        ck_assert_int_eq(cove_op_id_compare(&n->id, &m->id), 0);
    }
    ck_assert_uint_eq(one.state.copy_count, two.state.copy_count);
    for (size_t i = 0; i < one.state.copy_count; i++) {
        ck_assert(cove_bytes_equal(one.state.copies[i].value,
                                   two.state.copies[i].value));
    }
    ck_assert(one.state.sum == two.state.sum);
    cove_store_abort(left);
    cove_store_abort(right);
}

#endif
