/* repo_world.h: three devices with a document in common, and what they say of
 * batches that come in. */
#ifndef COVE_TESTS_REPO_WORLD_H
#define COVE_TESTS_REPO_WORLD_H

#include "tests/unit/author.h"

#define NOW        ((int64_t)1750000000000)
#define T(seconds) cove_hlc_of_ms(NOW + INT64_C(1000) * (seconds))
#define ABSENT     INT64_MIN

/* Alice is admin, bob writer, carol reader; the document is theirs. */
struct world {
    struct kit alice, bob, carol;
    struct cove_id group;
    struct cove_id doc;
    struct cove_bytes group_header;
    struct cove_bytes header;
};

static inline void world_open(struct world *w, int kind)
{
    kit_open(&w->alice, kind, 1);
    kit_open(&w->bob, FIXTURE_MEMORY, 2);
    kit_open(&w->carol, FIXTURE_MEMORY, 3);

    struct kit_member members[] = {
        {&w->alice, "admin"}, {&w->bob, "writer"}, {&w->carol, "reader"}};

    w->group_header = kit_group(&w->alice, members, 3, &w->group);
    w->header = kit_header(&w->alice, COVE_DOC_COMAP, &w->group, 1, &w->doc);
}

static inline void world_give(struct world *w, struct kit *k)
{
    kit_take_header(k, &w->group, w->group_header);
    kit_take_header(k, &w->doc, w->header);
}

static inline void world_open_full(struct world *w, int kind)
{
    world_open(w, kind);
    world_give(w, &w->alice);
    world_give(w, &w->bob);
    world_give(w, &w->carol);
}

static inline void world_close(struct world *w)
{
    kit_close(&w->bob);
    kit_close(&w->carol);
    kit_close(&w->alice);
}

/* Every byte of a store, hashed. */
static inline struct cove_hash world_dump(struct kit *k)
{
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_hasher hasher;

    cove_hasher_init(&hasher, "test/dump");
    for (unsigned tree = 0; tree < COVE_REPO_TREES; tree++) {
        struct cove_store_cursor *cursor;
        struct cove_entry entry;
        int err;

        ck_assert_int_eq(cove_store_cursor_open(txn, tree, &cursor), 0);
        err = cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry);
        while (err == 0) {
            uint8_t lens[3] = {(uint8_t)tree, (uint8_t)entry.key.len,
                               (uint8_t)entry.value.len};

            cove_hasher_add(&hasher, cove_bytes(lens, 3));
            cove_hasher_add(&hasher, entry.key);
            cove_hasher_add(&hasher, entry.value);
            err = cove_store_cursor_next(cursor, &entry);
        }
        ck_assert_int_eq(err, COVE_ENOTFOUND);
        cove_store_cursor_close(cursor);
    }
    cove_store_abort(txn);
    return cove_hasher_end(&hasher);
}

/* The batch is refused with this code, committed all the same, and not one
 * byte of the store is another. */
static inline void assert_batch_refused(struct kit *k,
                                        const struct cove_batch *batch,
                                        int code)
{
    struct cove_hash before = world_dump(k);
    struct cove_ingest_result result = {.added = 77};
    struct cove_store_txn *txn = kit_begin(k, true);
    int err = cove_repo_ingest(k->repo, txn, batch, 1, &result, &k->diag);

    ck_assert_msg(err == code, "%d (%s), not %d", err, k->diag.text, code);
    kit_commit(txn);

    struct cove_hash after = world_dump(k);

    ck_assert_mem_eq(&before, &after, sizeof(before));
}

static inline void assert_batch_taken(struct kit *k,
                                      const struct cove_batch *batch,
                                      uint32_t added)
{
    struct cove_ingest_result result = {.added = 77};
    int err = kit_ingest(k, batch, 1, &result);

    ck_assert_msg(err == 0, "ingest: %d %s", err, k->diag.text);
    ck_assert_uint_eq(result.added, added);
}

static inline struct cove_doc world_look(struct world *w, struct kit *k)
{
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_doc doc = kit_load(k, txn, &w->doc);

    cove_store_abort(txn);
    return doc;
}

#endif
