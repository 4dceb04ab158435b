/* pack_kit.h: packing all of a store, and what tests ask of it then. */
#ifndef COVE_TESTS_PACK_KIT_H
#define COVE_TESTS_PACK_KIT_H

#include "crdt/repo_compact.h"
#include "crdt/repo_internal.h"
#include "tests/unit/repo_world.h"

struct packed { /* what was done */
    size_t packs;
    uint64_t before, after;
};

/* Pack one document as far as it goes; an error ends it. */
static inline int pack_document(struct kit *k, cove_num num,
                                const struct cove_pack_rule *rule,
                                struct packed *sum)
{
    for (;;) {
        struct cove_pack_plan plan;
        struct cove_arena arena;
        struct cove_store_txn *txn = NULL;
        int err = cove_store_begin(k->store.store, false, &txn);

        if (err != 0) {
            return err;
        }
        cove_arena_init(&arena, &k->heap.alloc);
        err = cove_repo_pack_plan(k->repo, txn, num, rule, &arena, &plan);
        cove_store_abort(txn);
        if (err == 0) {
            err = cove_store_begin(k->store.store, true, &txn);
        }
        if (err == 0) {
            err = cove_repo_pack_put(k->repo, txn, &plan);
            if (err == 0) {
                err = cove_store_commit(txn);
            } else {
                cove_store_abort(txn);
            }
        }
        if (err == 0) {
            sum->packs++;
            sum->before += plan.bytes_before;
            sum->after += plan.bytes_after;
        }
        cove_arena_clear(&arena);
        if (err != 0) {
            return err == COVE_ENOTFOUND ? 0 : err;
        }
    }
}

static inline int pack_store(struct kit *k, const struct cove_pack_rule *rule,
                             struct packed *sum)
{
    cove_num num = 0;

    memset(sum, 0, sizeof(*sum));
    for (;;) {
        struct cove_store_txn *txn = NULL;
        int err = cove_store_begin(k->store.store, false, &txn);

        if (err != 0) {
            return err;
        }
        err = cove_repo_pack_next(k->repo, txn, num, &num);
        cove_store_abort(txn);
        if (err == 0) {
            err = pack_document(k, num, rule, sum);
        }
        if (err != 0) {
            return err == COVE_ENOTFOUND ? 0 : err;
        }
    }
}

static const struct cove_pack_rule pack_all = {UINT64_MAX, true};
static const struct cove_pack_rule pack_cold = {UINT64_MAX, false};

static inline struct packed pack_now(struct kit *k,
                                     const struct cove_pack_rule *rule)
{
    struct packed sum;
    int err = pack_store(k, rule, &sum);

    ck_assert_msg(err == 0, "pack: %d", err);
    return sum;
}

/* Bytes and packs in the tree of logs. */
struct log_size {
    size_t bytes, packs, chunks, stubs;
};

static inline struct log_size log_size(struct kit *k)
{
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    struct log_size size = {0};

    ck_assert_int_eq(cove_store_cursor_open(txn, REPO_LOG, &cursor), 0);

    int err = cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry);

    for (; err == 0; err = cove_store_cursor_next(cursor, &entry)) {
        uint64_t num, session = 1;
        uint32_t pack;

        ck_assert_int_eq(cove_place_take(&entry.key, &num), 0);
        ck_assert_int_eq(cove_place_take(&entry.key, &session), 0);
        size.bytes += entry.value.len + entry.key.len;
        if (session == 0) {
            size.packs++;
        } else if (repo_stub_is(entry.value, &pack)) {
            size.stubs++;
        } else {
            size.chunks++;
        }
    }
    cove_store_cursor_close(cursor);
    cove_store_abort(txn);
    return size;
}

static inline int pack_log_add(void *ctx, const struct cove_log_entry *entry)
{
    uint8_t at[25];

    memcpy(at, entry->session->session.b, 16);
    cove_put_be32(at + 16, entry->index);
    cove_put_be32(at + 20, (uint32_t)entry->bytes.len);
    at[24] = entry->shown;
    cove_hasher_add(ctx, cove_bytes(at, sizeof(at)));
    cove_hasher_add(ctx, entry->bytes);
    return 0;
}

/* All that a document's logs say, and what is shown of them. */
static inline struct cove_hash log_sum(struct kit *k, const struct cove_id *id)
{
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_doc doc = kit_load(k, txn, id);
    struct cove_hash digest = cove_doc_digest(&doc, &k->arena);
    struct cove_hasher hasher;

    cove_hasher_init(&hasher, "test/log");
    cove_hasher_add(&hasher, cove_bytes(&digest, sizeof(digest)));
    ck_assert_int_eq(cove_repo_log(k->repo, txn, &doc, pack_log_add, &hasher),
                     0);
    for (size_t i = 0; i < doc.state.native_count; i++) {
        cove_hasher_add(&hasher, doc.state.natives[i].reg);
        cove_hasher_add(&hasher, doc.state.natives[i].value);
    }
    cove_store_abort(txn);
    return cove_hasher_end(&hasher);
}

static inline void assert_same_log(struct kit *a, struct kit *b,
                                   const struct cove_id *id)
{
    struct cove_hash left = log_sum(a, id);
    struct cove_hash right = log_sum(b, id);

    ck_assert_mem_eq(&left, &right, sizeof(left));
}

#endif
