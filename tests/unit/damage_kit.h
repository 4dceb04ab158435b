/* damage_kit.h: a store with something in each tree, and hands to damage it by
 * its own interface. */
#ifndef COVE_TESTS_DAMAGE_KIT_H
#define COVE_TESTS_DAMAGE_KIT_H

#include "crdt/repo_check.h"
#include "crdt/repo_internal.h"
#include "crdt/repo_upkeep.h"
#include "tests/unit/pack_kit.h"
#include "tests/unit/repo_kit.h"

#define DAMAGE_SMALL 8
#define DAMAGE_LONG  2
#define DAMAGE_DOCS  (DAMAGE_SMALL + DAMAGE_LONG + 1)
#ifndef DAMAGE_WRITES
#define DAMAGE_WRITES 600
#endif

struct damage {
    struct kit alice; /* whose store it is */
    struct kit bob;   /* a peer that has the same */
    struct cove_id group;
    struct cove_id docs[DAMAGE_DOCS]; /* small ones, long ones, bob's */
    struct cove_hash digests[DAMAGE_DOCS];
    int64_t values[DAMAGE_DOCS];
};

static inline void damage_write(struct kit *k, const struct cove_id *id,
                                int count)
{
    for (int i = 0; i < count; i += 40) {
        struct cove_store_txn *txn = kit_begin(k, true);
        struct cove_doc doc = kit_load(k, txn, id);

        for (int n = i; n < i + 40 && n < count; n++) {
            char reg[16];

            snprintf(reg, sizeof(reg), "r%d", n % 60);
            ck_assert_int_eq(kit_append(k, txn, &doc, reg, n), 0);
        }
        kit_commit(txn);
        cove_arena_reset(&k->arena);
    }
}

static inline void damage_exchange(struct damage *d)
{
    for (size_t i = 0; i < DAMAGE_DOCS; i++) {
        kit_sync(&d->alice, &d->bob, &d->docs[i]);
        kit_sync(&d->bob, &d->alice, &d->docs[i]);
        cove_arena_reset(&d->alice.arena);
        cove_arena_reset(&d->bob.arena);
    }
}

static inline void damage_header(struct damage *d, const struct cove_id *id,
                                 struct cove_bytes header)
{
    kit_take_header(&d->alice, id, header);
    kit_take_header(&d->bob, id, header);
}

static inline void damage_open(struct damage *d, int kind)
{
    kit_open(&d->alice, kind, 1);
    kit_open(&d->bob, FIXTURE_MEMORY, 2);

    struct kit_member members[] = {{&d->alice, "admin"}, {&d->bob, "writer"}};

    damage_header(d, &d->group, kit_group(&d->alice, members, 2, &d->group));
    for (uint32_t i = 0; i < DAMAGE_DOCS; i++) {
        damage_header(
            d, &d->docs[i],
            kit_header(&d->alice, COVE_DOC_COMAP, &d->group, i, &d->docs[i]));
    }

    /* One signature for the small ones. */
    struct cove_store_txn *txn = kit_begin(&d->alice, true);

    for (size_t i = 0; i < DAMAGE_SMALL; i++) {
        struct cove_doc doc = kit_load(&d->alice, txn, &d->docs[i]);

        ck_assert_int_eq(kit_append(&d->alice, txn, &doc, "r0", (int)i), 0);
    }
    kit_commit(txn);
    for (size_t i = DAMAGE_SMALL; i < DAMAGE_SMALL + DAMAGE_LONG; i++) {
        damage_write(&d->alice, &d->docs[i], DAMAGE_WRITES);
    }
    damage_exchange(d);
    damage_write(&d->bob, &d->docs[DAMAGE_DOCS - 1], DAMAGE_WRITES);
    damage_write(&d->bob, &d->docs[0], 3);
    damage_exchange(d);
    damage_write(&d->alice, &d->docs[DAMAGE_SMALL], 3);
    damage_exchange(d);
    for (size_t i = 0; i < DAMAGE_DOCS; i++) {
        d->digests[i] = kit_digest(&d->alice, &d->docs[i]);
        d->values[i] = kit_get(&d->alice, &d->docs[i], "r0");
        cove_arena_reset(&d->alice.arena);
    }
}

/* Pack what can be: the chunks of long logs then lie in few records. */
static inline void damage_pack(struct damage *d)
{
    const struct cove_pack_rule rule = {.before = UINT64_MAX, .newest = true};
    struct packed sum;

    ck_assert_int_eq(pack_store(&d->alice, &rule, &sum), 0);
    ck_assert_uint_gt(sum.packs, 0);
}

static inline void damage_close(struct damage *d)
{
    kit_close(&d->alice);
    kit_close(&d->bob);
}

static inline bool damage_same(struct damage *d, size_t i)
{
    struct cove_hash digest = kit_digest(&d->alice, &d->docs[i]);
    int64_t value = kit_get(&d->alice, &d->docs[i], "r0");

    cove_arena_reset(&d->alice.arena);
    return memcmp(&digest, &d->digests[i], sizeof(digest)) == 0 &&
           value == d->values[i];
}

static inline void damage_assert_same(struct damage *d)
{
    for (size_t i = 0; i < DAMAGE_DOCS; i++) {
        ck_assert_msg(damage_same(d, i), "document %zu", i);
    }
}

/* --- hands */

static inline cove_num damage_num(struct damage *d, size_t doc)
{
    struct cove_store_txn *txn = kit_begin(&d->alice, false);
    cove_num num = kit_num(&d->alice, txn, &d->docs[doc]);

    cove_store_abort(txn);
    return num;
}

struct damage_entry {
    uint8_t key[COVE_STORE_MAX_KEY];
    size_t key_len;
    uint8_t value[COVE_STORE_MAX_VALUE];
    size_t value_len;
};

/* The nth entry of a tree whose key begins so. False where there is none. */
static inline bool damage_take(struct damage *d, unsigned tree,
                               struct cove_bytes prefix, size_t n,
                               struct damage_entry *out)
{
    struct cove_store_txn *txn = kit_begin(&d->alice, false);
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    int err = cove_store_cursor_open(txn, tree, &cursor);

    ck_assert_int_eq(err, 0);
    err = cove_store_cursor_seek(cursor, prefix, &entry);
    for (; n > 0 && err == 0; n--) {
        err = cove_store_cursor_next(cursor, &entry);
    }
    if (err == 0 && prefix.len > 0 &&
        (entry.key.len < prefix.len ||
         memcmp(entry.key.at, prefix.at, prefix.len) != 0)) {
        err = COVE_ENOTFOUND;
    }
    if (err == 0) {
        out->key_len = entry.key.len;
        memcpy(out->key, entry.key.at, entry.key.len);
        out->value_len = entry.value.len;
        memcpy(out->value, entry.value.at, entry.value.len);
    }
    cove_store_cursor_close(cursor);
    cove_store_abort(txn);
    return err == 0;
}

static inline void damage_put(struct damage *d, unsigned tree,
                              const struct damage_entry *e)
{
    struct cove_store_txn *txn = kit_begin(&d->alice, true);

    ck_assert_int_eq(cove_store_put(txn, tree, cove_bytes(e->key, e->key_len),
                                    cove_bytes(e->value, e->value_len)),
                     0);
    kit_commit(txn);
}

static inline void damage_drop(struct damage *d, unsigned tree,
                               const struct damage_entry *e)
{
    struct cove_store_txn *txn = kit_begin(&d->alice, true);

    ck_assert_int_eq(cove_store_del(txn, tree, cove_bytes(e->key, e->key_len)),
                     0);
    kit_commit(txn);
}

static inline struct cove_bytes damage_prefix(struct cove_place *place,
                                              uint64_t num)
{
    cove_place_start(place);
    cove_place_number(place, num);
    return cove_place_bytes(place);
}

/* Flip a bit of the value of the first entry whose key begins with a number,
 * `from_end` bytes before its end, or `at` behind its beginning. */
static inline void damage_flip(struct damage *d, unsigned tree, uint64_t num,
                               size_t nth, ptrdiff_t at)
{
    static struct damage_entry e;
    struct cove_place place;

    ck_assert(damage_take(d, tree, damage_prefix(&place, num), nth, &e));
    ck_assert_uint_gt(e.value_len, (size_t)(at < 0 ? -at : at));
    e.value[at < 0 ? (ptrdiff_t)e.value_len + at : at] ^= 0x10;
    damage_put(d, tree, &e);
}

/* --- what a check says */

struct damage_said {
    struct {
        char kind[24];
        bool derived, fixed, has_id;
        struct cove_id id;
        uint32_t from, to;
    } at[4096];
    size_t count;
    struct cove_check_sum sum;
};

static inline int damage_hear(void *ctx, const struct cove_finding *f)
{
    struct damage_said *said = ctx;

    ck_assert_uint_lt(said->count, COVE_ARRAY_LEN(said->at));
    snprintf(said->at[said->count].kind, sizeof(said->at[0].kind), "%s",
             f->kind);
    said->at[said->count].derived = f->derived;
    said->at[said->count].fixed = f->fixed;
    said->at[said->count].has_id = f->has_id;
    said->at[said->count].id = f->id;
    said->at[said->count].from = f->from;
    said->at[said->count].to = f->to;
    said->count++;
    return 0;
}

static inline void damage_check(struct damage *d, bool repair,
                                struct damage_said *said)
{
    struct cove_check_options opt = {
        .repair = repair, .finding = damage_hear, .ctx = said};
    struct cove_check *check;
    bool over = false;

    said->count = 0;
    ck_assert_int_eq(cove_check_new(d->alice.repo, &opt, &check), 0);
    while (!over) {
        struct cove_store_txn *txn = kit_begin(&d->alice, repair);
        int err = cove_check_step(check, txn, &over);

        if (err == COVE_ECORRUPT) { /* what every operation reads first */
            struct cove_finding f = {.kind = "interned", .text = "counters"};

            cove_store_abort(txn);
            (void)damage_hear(said, &f);
            break;
        }
        ck_assert_msg(err == 0, "check: %d", err);
        if (repair) {
            kit_commit(txn);
        } else {
            cove_store_abort(txn);
        }
    }
    said->sum = *cove_check_sum(check);
    cove_check_free(check);
}

/* How often a kind was said; of that document where it is not NULL. */
static inline size_t damage_said(const struct damage_said *said,
                                 const char *kind, const struct cove_id *id)
{
    size_t count = 0;

    for (size_t i = 0; i < said->count; i++) {
        count +=
            strcmp(said->at[i].kind, kind) == 0 &&
            (id == NULL || (said->at[i].has_id &&
                            memcmp(&said->at[i].id, id, sizeof(*id)) == 0));
    }
    return count;
}

static inline void damage_print(const struct damage_said *said)
{
    for (size_t i = 0; i < said->count; i++) {
        printf("# %s%s%s %u-%u\n", said->at[i].kind,
               said->at[i].derived ? " derived" : "",
               said->at[i].fixed ? " fixed" : "", said->at[i].from,
               said->at[i].to);
    }
    fflush(stdout);
}

#endif
