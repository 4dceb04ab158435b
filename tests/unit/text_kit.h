/* text_kit.h: texts, typed and read in one line, on the document or on a
 * branch of it. */
#ifndef COVE_TESTS_TEXT_KIT_H
#define COVE_TESTS_TEXT_KIT_H

#include "core/utf8.h"
#include "crdt/branch.h"
#include "crdt/compose.h"
#include "tests/unit/repo_kit.h"

static const struct cove_session_id kit_main = {{0}};

/* The document, or the branch with this id. */
static inline struct cove_doc kit_load_at(struct kit *k,
                                          struct cove_store_txn *txn,
                                          const struct cove_id *id,
                                          const struct cove_session_id *branch)
{
    struct cove_doc doc;
    int err = cove_repo_load_branch(k->repo, txn, kit_num(k, txn, id), branch,
                                    &k->arena, &doc, &k->diag);

    ck_assert_msg(err == 0, "load: %d %s", err, k->diag.text);
    return doc;
}

/* Remove `remove` bytes at `at` and insert a text there: one transaction. */
static inline int kit_edit(struct kit *k, struct cove_store_txn *txn,
                           struct cove_doc *doc, size_t at, size_t remove,
                           const char *text)
{
    struct cove_compose_insert in = {
        .unit = COVE_SEQ_BYTES, .at = at, .content = cove_bytes_text(text)};
    struct cove_compose_self self;
    struct cove_compose compose;
    struct cove_tx tx;
    int err = cove_repo_self(k->repo, txn, doc, &self);

    cove_compose_init(&compose, &k->heap.alloc);
    if (err == 0) {
        cove_compose_start(&compose, doc->state.seq, &self);
        err = cove_compose_remove(&compose, COVE_SEQ_BYTES, at, remove);
    }
    if (err == 0 && in.content.len > 0) {
        in.count = (uint32_t)cove_utf8_count(in.content);
        err = cove_compose_insert(&compose, &in);
    }
    if (err == 0 && !cove_compose_is_empty(&compose)) {
        err = cove_compose_take(&compose, &k->arena, &tx);
        tx.epoch_inherited = tx.auth_inherited = true;
        err =
            err != 0 ? err : cove_repo_append(k->repo, txn, doc, &tx, &k->diag);
    }
    cove_compose_clear(&compose);
    return err;
}

static inline void kit_type(struct kit *k, const struct cove_id *id,
                            const struct cove_session_id *branch, size_t at,
                            size_t remove, const char *text)
{
    struct cove_store_txn *txn = kit_begin(k, true);
    struct cove_doc doc = kit_load_at(k, txn, id, branch);
    int err = kit_edit(k, txn, &doc, at, remove, text);

    ck_assert_msg(err == 0, "edit: %d %s", err, k->diag.text);
    kit_commit(txn);
}

/* What a text shows, in k's arena. */
static inline const char *kit_text_of(struct kit *k, const struct cove_seq *seq)
{
    struct cove_buf buf;
    struct cove_bytes text;

    cove_buf_init(&buf, &k->heap.alloc);
    ck_assert_int_eq(cove_seq_text(seq, COVE_SEQ_BYTES, 0,
                                   cove_seq_length(seq, COVE_SEQ_BYTES), &buf),
                     0);
    ck_assert_int_eq(cove_arena_copy(&k->arena, cove_buf_bytes(&buf), &text),
                     0);
    cove_buf_clear(&buf);
    return (const char *)text.at;
}

static inline const char *kit_text(struct kit *k, const struct cove_id *id,
                                   const struct cove_session_id *branch)
{
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_doc doc = kit_load_at(k, txn, id, branch);
    const char *text = kit_text_of(k, doc.state.seq);

    cove_store_abort(txn);
    return text;
}

static inline struct cove_session_id kit_branch(
    struct kit *k, const struct cove_id *id, const struct cove_session_id *from,
    const char *name)
{
    struct cove_store_txn *txn = kit_begin(k, true);
    struct cove_doc doc = kit_load_at(k, txn, id, from);
    struct cove_session_id branch = kit_main;
    int err = cove_repo_branch(k->repo, txn, &doc, cove_bytes_text(name),
                               &branch, &k->diag);

    ck_assert_msg(err == 0, "branch: %d %s", err, k->diag.text);
    kit_commit(txn);
    return branch;
}

/* Merge `from` into `into`; how many transactions more are shown. */
static inline uint64_t kit_merge(struct kit *k, const struct cove_id *id,
                                 const struct cove_session_id *into,
                                 const struct cove_session_id *from)
{
    struct cove_store_txn *txn = kit_begin(k, true);
    struct cove_doc doc = kit_load_at(k, txn, id, into);
    uint64_t merged = 0;
    int err = cove_repo_merge(k->repo, txn, &doc, from, &merged, &k->diag);

    ck_assert_msg(err == 0, "merge: %d %s", err, k->diag.text);
    kit_commit(txn);
    return merged;
}

#endif
