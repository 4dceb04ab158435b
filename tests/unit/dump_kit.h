/* dump_kit.h: dumps of the repos of kits, in memory, and words for what is in
 * them. */
#ifndef COVE_TESTS_DUMP_KIT_H
#define COVE_TESTS_DUMP_KIT_H

#include "crdt/dump.h"
#include "tests/unit/repo_world.h"

struct dump_kit { /* what was said of a dump */
    struct cove_buf file;
    struct cove_dump_counts counts;
    uint64_t damaged;
    uint64_t refused;
    char why[256]; /* the first refusal */
    struct cove_dump_took took;
};

static inline void dump_damaged(void *ctx, const struct cove_id *id)
{
    (void)id;
    ((struct dump_kit *)ctx)->damaged++;
}

static inline void dump_refused(void *ctx, const struct cove_id *id,
                                const char *why)
{
    struct dump_kit *d = ctx;

    (void)id;
    if (d->refused++ == 0) {
        snprintf(d->why, sizeof(d->why), "%s", why);
    }
}

static inline void dump_init(struct dump_kit *d, struct kit *k)
{
    memset(d, 0, sizeof(*d));
    cove_buf_init(&d->file, &k->heap.alloc);
}

static inline void dump_give_init(struct cove_dump_give *give, struct kit *k,
                                  struct dump_kit *d)
{
    memset(give, 0, sizeof(*give));
    give->repo = k->repo;
    give->damaged = dump_damaged;
    give->ctx = d;
    cove_arena_init(&give->arena, &k->heap.alloc);
    cove_buf_init(&give->scratch, &k->heap.alloc);
}

static inline void dump_give_clear(struct cove_dump_give *give)
{
    cove_arena_clear(&give->arena);
    cove_buf_clear(&give->scratch);
}

/* The rest of it, block by block, each in a transaction of its own; between
 * them `between` may write. */
static inline int dump_rest(struct kit *k, struct dump_kit *d,
                            struct cove_dump_give *give, struct cove_hash *sum,
                            void (*between)(struct kit *k))
{
    struct cove_buf body;
    bool over = false;
    int err = 0;

    cove_buf_init(&body, &k->heap.alloc);
    while (err == 0 && !over) {
        struct cove_store_txn *txn = NULL;

        err = cove_store_begin(k->store.store, false, &txn);
        do {
            body.len = 0;
            if (err == 0) {
                err = cove_dump_give(give, txn, &body, &over);
            }
            if (err == 0 && body.len > 0) {
                err =
                    cove_dump_block(COVE_DUMP_DOCUMENTS, cove_buf_bytes(&body),
                                    true, sum, &d->file);
            }
        } while (err == 0 && !over && cove_dump_last_round(&give->place));
        if (txn != NULL) {
            cove_store_abort(txn);
        }
        if (between != NULL) {
            between(k);
        }
    }
    cove_buf_clear(&body);
    d->counts = give->counts;
    return err;
}

static inline int dump_try(struct kit *k, struct dump_kit *d, uint64_t after)
{
    struct cove_hash sum = cove_dump_start();
    struct cove_dump_give give;
    int err;

    dump_give_init(&give, k, d);
    give.place.after = after;
    err = dump_rest(k, d, &give, &sum, NULL);
    dump_give_clear(&give);
    return err;
}

/* Take its blocks in, one after another, all in one commit. */
static inline int dump_take_bytes(struct kit *k, struct dump_kit *d,
                                  struct cove_bytes file)
{
    struct cove_dump_take take = {
        .repo = k->repo, .refused = dump_refused, .ctx = d};
    struct cove_hash sum = cove_dump_start();
    struct cove_store_txn *txn = NULL;
    struct cove_buf room;
    int err = cove_store_begin(k->store.store, true, &txn);

    cove_arena_init(&take.arena, &k->heap.alloc);
    cove_buf_init(&room, &k->heap.alloc);
    while (err == 0 && file.len > 0) {
        struct cove_dump_head head;
        struct cove_bytes body;

        ck_assert_int_eq(cove_dump_head(file.at, &head), 0);

        size_t len = head.stored + (size_t)COVE_DUMP_SUM;
        struct cove_bytes rest = cove_bytes(file.at + COVE_DUMP_HEAD, len);

        ck_assert_int_eq(cove_dump_check(file.at, rest, &sum), 0);
        err = cove_dump_body(&head, cove_bytes(rest.at, head.stored), &room,
                             &body);
        if (err == 0 && head.kind == COVE_DUMP_DOCUMENTS) {
            err = cove_dump_take(&take, txn, body);
        }
        file = cove_bytes(rest.at + len, file.len - COVE_DUMP_HEAD - len);
    }
    if (err == 0) {
        err = cove_store_commit(txn);
    } else if (txn != NULL) {
        cove_store_abort(txn);
    }
    cove_buf_clear(&room);
    cove_arena_clear(&take.arena);
    d->took = take.took;
    return err;
}

static inline void dump_all(struct kit *k, struct dump_kit *d)
{
    dump_init(d, k);

    int err = dump_try(k, d, 0);

    ck_assert_msg(err == 0, "dump: %d", err);
    ck_assert_uint_eq(d->damaged, 0);
}

static inline void dump_into(struct kit *k, struct dump_kit *d)
{
    int err = dump_take_bytes(k, d, cove_buf_bytes(&d->file));

    ck_assert_msg(err == 0, "take: %d %s", err, d->why);
}

static inline uint64_t dump_sequence(struct kit *k)
{
    struct cove_store_txn *txn = kit_begin(k, false);
    uint64_t sequence = 0;

    ck_assert_int_eq(cove_repo_sequence(k->repo, txn, &sequence), 0);
    cove_store_abort(txn);
    return sequence;
}

static inline void dump_same(struct kit *a, struct kit *b,
                             const struct cove_id *id)
{
    struct cove_hash left = kit_digest(a, id), right = kit_digest(b, id);

    ck_assert_mem_eq(&left, &right, sizeof(left));
}

#endif
