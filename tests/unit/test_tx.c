#include "core/limits.h"
#include "crdt/tx.h"
#include "tests/unit/tx_cases.h"

static const char *const known[] = {
    "first", "all",    "inherit", "copy",     "claim", "private",
    "text",  "items",  "remove",  "stream",   "chunk", "counter",
    "undo",  "branch", "merge",   "tombstone"};

static struct cove_bytes golden_tx(const char *name)
{
    char full[64];

    snprintf(full, sizeof(full), "tx.%s", name);
    return vectors_get(full);
}

START_TEST(golden_transactions_encode_again_to_the_same_bytes_and_hash)
{
    for (size_t i = 0; i < COVE_ARRAY_LEN(known); i++) {
        struct cove_bytes golden = golden_tx(known[i]);
        struct cove_arena arena;
        struct cove_tx tx;
        char name[64];
        uint8_t hash[32];

        cove_arena_init(&arena, &cove_alloc_libc);
        ck_assert_int_eq(tx_decode(golden, &arena, &tx), 0);
        ck_assert(!tx.ahead);
        assert_encodes_to(&tx, golden);
        snprintf(name, sizeof(name), "tx.%s.hash", known[i]);
        vectors_copy(name, hash, sizeof(hash));
        ck_assert_mem_eq(cove_tx_hash(golden).b, hash, sizeof(hash));
        cove_arena_clear(&arena);
        vectors_free(golden);
    }
}
END_TEST

START_TEST(a_golden_native_gives_every_field)
{
    struct cove_bytes golden = golden_tx("all");
    struct cove_arena arena;
    struct cove_tx tx;

    cove_arena_init(&arena, &cove_alloc_libc);
    ck_assert_int_eq(tx_decode(golden, &arena, &tx), 0);
    ck_assert_uint_eq(tx.hlc, (UINT64_C(1750000000000) << 16) + 1);
    ck_assert_int_eq(tx.kind, COVE_TX_NATIVE);
    ck_assert(!tx.epoch_inherited);
    ck_assert(tx.has_epoch);
    ck_assert_uint_eq(tx.epoch.b[31], 0x22);
    ck_assert(!tx.auth_inherited);
    ck_assert_uint_eq(tx.auth_count, 2);
    ck_assert_uint_eq(tx.auth[1].b[0], 0x11);
    ck_assert(tx.has_seen);
    ck_assert_uint_eq(tx.seen.b[0], 0x66);
    ck_assert_uint_eq(tx.op_count, 11);
    vectors_assert_equal(tx.ops[8].reg, cove_bytes_text("text"));
    ck_assert(!tx.ops[8].deleted);
    ck_assert_uint_eq(tx.ops[8].value.at[0], 0x68);
    ck_assert(tx.ops[9].deleted);
    ck_assert_uint_eq(tx.ops[9].value.len, 0);
    ck_assert_uint_eq(tx.ops[9].origin_count, 0);
    vectors_free(golden);

    golden = golden_tx("inherit");
    ck_assert_int_eq(tx_decode(golden, &arena, &tx), 0);
    ck_assert(tx.epoch_inherited);
    ck_assert(!tx.has_epoch);
    ck_assert(tx.auth_inherited);
    ck_assert(!tx.has_seen);
    vectors_free(golden);

    golden = golden_tx("first");
    ck_assert_int_eq(tx_decode(golden, &arena, &tx), 0);
    ck_assert(!tx.epoch_inherited);
    ck_assert(!tx.has_epoch);
    ck_assert(!tx.auth_inherited);
    ck_assert_uint_eq(tx.auth_count, 0);
    vectors_free(golden);
    cove_arena_clear(&arena);
}
END_TEST

START_TEST(a_copys_origins_are_resolved_through_the_table)
{
    struct cove_bytes golden = golden_tx("copy");
    struct cove_arena arena;
    struct cove_tx tx;
    struct cove_key bob;
    struct cove_session_id session;

    vectors_copy("device.bob.key", bob.b, sizeof(bob.b));
    vectors_copy("bob.session.id", session.b, sizeof(session.b));
    cove_arena_init(&arena, &cove_alloc_libc);
    ck_assert_int_eq(tx_decode(golden, &arena, &tx), 0);
    ck_assert_int_eq(tx.kind, COVE_TX_COPY);
    ck_assert_uint_eq(tx.op_count, 3);
    ck_assert_uint_eq(tx.ops[0].origin_count, 1);

    const struct cove_origin *origin = &tx.ops[0].origins[0];

    vectors_assert_equal(origin->reg, cove_bytes_text("size"));
    ck_assert_uint_eq(origin->id.hlc, (UINT64_C(1750000000000) << 16) + 1);
    ck_assert_mem_eq(origin->id.device.b, bob.b, sizeof(bob.b));
    ck_assert_mem_eq(origin->id.session.b, session.b, sizeof(session.b));
    ck_assert_uint_eq(origin->id.tx, 41);
    ck_assert_uint_eq(origin->id.op, 7);
    ck_assert_uint_eq(origin->tx_hash[0], 0xb0);
    ck_assert(!origin->held);
    ck_assert_uint_eq(tx.ops[1].origin_count, 3);
    ck_assert_uint_eq(tx.ops[1].origins[1].id.op, 1);
    ck_assert_uint_eq(tx.ops[1].origins[1].tx_hash[0], 0xa0);
    ck_assert(cove_op_id_is_none(&tx.ops[1].origins[2].id));
    vectors_assert_equal(tx.ops[1].origins[2].reg, cove_bytes_text("title"));
    ck_assert(tx.ops[2].deleted);
    ck_assert_uint_eq(tx.ops[2].origin_count, 2); /* duplicates are kept */
    cove_arena_clear(&arena);
    vectors_free(golden);
}
END_TEST

START_TEST(claim_and_private_are_given_as_written)
{
    struct cove_bytes golden = golden_tx("claim");
    struct cove_arena arena;
    struct cove_tx tx;

    cove_arena_init(&arena, &cove_alloc_libc);
    ck_assert_int_eq(tx_decode(golden, &arena, &tx), 0);
    ck_assert(tx.has_claim);
    ck_assert_uint_eq(tx.claim.b[0], 0x77);
    ck_assert_uint_eq(tx.private_part.len, 0);
    vectors_free(golden);
    golden = golden_tx("private");
    ck_assert_int_eq(tx_decode(golden, &arena, &tx), 0);
    ck_assert(!tx.has_claim);
    ck_assert_uint_eq(tx.op_count, 0);
    ck_assert_uint_eq(tx.private_part.at[0], 0xa3);
    ck_assert_ptr_eq(tx.private_part.at + tx.private_part.len,
                     golden.at + golden.len);
    vectors_free(golden);
    cove_arena_clear(&arena);
}
END_TEST

START_TEST(what_a_newer_build_wrote_is_ahead_and_keeps_its_time)
{
    static const char *const names[] = {"ahead_version", "ahead_kind",
                                        "ahead_op", "ahead_extra"};

    for (size_t i = 0; i < COVE_ARRAY_LEN(names); i++) {
        struct cove_bytes golden = golden_tx(names[i]);
        struct cove_arena arena;
        struct cove_tx tx;
        struct cove_buf out;

        cove_arena_init(&arena, &cove_alloc_libc);
        ck_assert_int_eq(tx_decode(golden, &arena, &tx), 0);
        ck_assert(tx.ahead);
        ck_assert_uint_eq(tx.hlc, (UINT64_C(1750000000000) << 16) + 6);
        ck_assert_uint_eq(tx.op_count, 0);
        ck_assert(tx.has_epoch == (strcmp(names[i], "ahead_op") == 0));
        ck_assert(tx.has_epoch || tx.epoch_inherited);
        cove_buf_init(&out, &cove_alloc_libc);
        ck_assert_int_eq(cove_tx_encode(&tx, &out, NULL), COVE_EUSAGE);
        cove_buf_clear(&out);
        cove_arena_clear(&arena);
        vectors_free(golden);
    }
}
END_TEST

static const struct tx_case cases[] = {
    /* accepted: the smallest, and the ends of each range */
    {"87" FRONT "81" SET, 0, NULL},
    {"87 00 1b7fffffffffffffff 00 40 80 f6 81" SET, 0, NULL},
    {"87" COPY "81 84 00 6161 01 81 81 6161", 0, NULL},
    {"87" COPY "81 83 01 6161 81 81 6161", 0, NULL},
    {"88" COPY "81 83 01 6161 81 83 6161 00 1affffffff a1" ORIGINS
     "81" ROW("01"),
     0, NULL},
    {"88" FRONT "81" SET "a1" CLAIM B32("00"), 0, NULL},
    {"88" FRONT "80 a1" PRIVATE "a3" KEY OPS16 NONCE, 0, NULL},
    {"88" COPY "80 a1" PRIVATE "a3" KEY OPS16 NONCE, 0, NULL},
    {"87 00 01 00 40 82" B32("10") B32("11") "f6 81" SET, 0, NULL},
    {"82 01 01", 0, NULL},
    {"83 1bffffffffffffffff 01 80", 0, NULL},
    {"87 00 01 1bffffffffffffffff 40 80 f6 80", 0, NULL},
    {"87" FRONT "82" SET SET, 0, NULL}, /* the same register twice */
    /* the list */
    {"", COVE_EFORMAT, "transaction"},
    {"a0", COVE_EFORMAT, "list"},
    {"80", COVE_EFORMAT, "version"},
    {"81 00", COVE_EFORMAT, "time"},
    {"81 01", COVE_EFORMAT, "time"},
    {"86" FRONT, COVE_EFORMAT, "7 or 8"},
    {"89" FRONT "81" SET "a1" CLAIM B32("00") "00", COVE_EFORMAT, "7 or 8"},
    {"87" FRONT "81" SET "00", COVE_EFORMAT, "transaction"},
    /* version, time, kind */
    {"87 20 01 00 40 80 f6 81" SET, COVE_EFORMAT, "version"},
    {"87 f6 01 00 40 80 f6 81" SET, COVE_EFORMAT, "version"},
    {"87 00 00 00 40 80 f6 81" SET, COVE_EFORMAT, "time"},
    {"87 00 20 00 40 80 f6 81" SET, COVE_EFORMAT, "time"},
    {"87 00 1b8000000000000000 00 40 80 f6 81" SET, COVE_EFORMAT, "time"},
    {"82 01 00", COVE_EFORMAT, "time"},
    {"82 01 1b8000000000000000", COVE_EFORMAT, "time"},
    {"82 01 6161", COVE_EFORMAT, "time"},
    {"87 00 01 20 40 80 f6 81" SET, COVE_EFORMAT, "kind"},
    {"87 00 01 f6 40 80 f6 81" SET, COVE_EFORMAT, "kind"},
    /* epoch, auth, seen */
    {"87 00 01 00 " B31 "80 f6 81" SET, COVE_EFORMAT, "epoch"},
    {"87 00 01 00 00 80 f6 81" SET, COVE_EFORMAT, "epoch"},
    {"87 00 01 00 40 a0 f6 81" SET, COVE_EFORMAT, "auth"},
    {"87 00 01 00 40 81" B31 "f6 81" SET, COVE_EFORMAT, "auth"},
    {"87 00 01 00 40 82" B32("11") B32("10") "f6 81" SET, COVE_EFORMAT,
     "ascend"},
    {"87 00 01 00 40 82" B32("11") B32("11") "f6 81" SET, COVE_EFORMAT,
     "ascend"},
    {"87 00 01 00 40 80 40 81" SET, COVE_EFORMAT, "seen"},
    {"87 00 01 00 40 80 " B31 "81" SET, COVE_EFORMAT, "seen"},
    {"87 00 01 00 40 80 00 81" SET, COVE_EFORMAT, "seen"},
    /* the same rules hold for a kind that is not known */
    {"87 00 01 02 00 80 f6 80", COVE_EFORMAT, "epoch"},
    {"87 00 01 02 40 80 f6 00", COVE_EFORMAT, "ops"},
    {"88 00 01 02 40 80 f6 80 00", COVE_EFORMAT, "extra"},
    /* ops */
    {"87" FRONT "80", COVE_EFORMAT, "an op"},
    {"87" FRONT "a0", COVE_EFORMAT, "ops"},
    {"88" FRONT "80 a1" CLAIM B32("00"), COVE_EFORMAT, "an op"},
    {"87" FRONT "81 00", COVE_EFORMAT, "op"},
    {"87" FRONT "81 80", COVE_EFORMAT, "op"},
    {"87" FRONT "81 82 20 6161", COVE_EFORMAT, "op"},
    {"87" FRONT "81 82 00 6161", COVE_EFORMAT, "op"},
    {"87" FRONT "81 83 01 6161 01", COVE_EFORMAT, "op"},
    {"87" FRONT "81 84 00 6161 01 81 81 6161", COVE_EFORMAT, "op"},
    {"87" FRONT "81 83 01 6161 81 81 6161", COVE_EFORMAT, "op"},
    {"87" COPY "81" SET, COVE_EFORMAT, "copy"},
    {"87" COPY "81 82 01 6161", COVE_EFORMAT, "copy"},
    {"87" FRONT "81 83 00 60 01", COVE_EFORMAT, "register"},
    {"87" FRONT "81 83 00 4161 01", COVE_EFORMAT, "register"},
    {"87" FRONT "81 83 00 6161 a1 60 01", COVE_ERESERVED, "\"a\""},
    {"87" FRONT "81 83 00 6161 a1 01 01", COVE_EFORMAT, "\"a\""},
    {"87" FRONT "81 83 00 6161 1bffffffffffffffff", COVE_EFORMAT, "\"a\""},
    /* a known op is judged beside an unknown one */
    {"87" FRONT "82 81 09 83 00 60 01", COVE_EFORMAT, "register"},
    {"87" FRONT "82 81 09 82 00 6161", COVE_EFORMAT, "op"},
    /* origins of an op */
    {"87" COPY "81 84 00 6161 01 80", COVE_EFORMAT, "origin"},
    {"87" COPY "81 84 00 6161 01 a0", COVE_EFORMAT, "origins"},
    {"87" COPY "81 84 00 6161 01 81 80", COVE_EFORMAT, "origin"},
    {"87" COPY "81 84 00 6161 01 81 6161", COVE_EFORMAT, "origin"},
    {"87" COPY "81 84 00 6161 01 81 81 60", COVE_EFORMAT, "register"},
    {"87" COPY "81 84 00 6161 01 81 83 6161 00 00", COVE_EFORMAT, "row"},
    {"88" COPY "81 84 00 6161 01 81 82 6161 00 a1" ORIGINS "81" ROW("01"),
     COVE_EFORMAT, "origin"},
    {"88" COPY "81 84 00 6161 01 81 83 6161 01 00 a1" ORIGINS "81" ROW("01"),
     COVE_EFORMAT, "row"},
    {"88" COPY "81 84 00 6161 01 81 83 6161 20 00 a1" ORIGINS "81" ROW("01"),
     COVE_EFORMAT, "row"},
    {"88" COPY "81 84 00 6161 01 81 83 6161 00 1b0000000100000000 a1" ORIGINS
     "81" ROW("01"),
     COVE_EFORMAT, "32 bits"},
    /* the table */
    {"88" FRONT "81" SET "a1" ORIGINS "81" ROW("01"), COVE_EFORMAT, "used"},
    {"88" COPY "81 84 00 6161 01 81 81 6161 a1" ORIGINS "81" ROW("01"),
     COVE_EFORMAT, "used"},
    {"88" COPY "81 84 00 6161 01 81 81 6161 a1" ORIGINS "80", COVE_EFORMAT,
     "empty"},
    {"88" COPY "81 84 00 6161 01 81 83 6161 00 00 a1" ORIGINS "82" ROW("01")
         ROW("02"),
     COVE_EFORMAT, "used"},
    {"88" COPY "81 84 00 6161 01 82 83 6161 00 00 83 6161 01 00 a1" ORIGINS
     "82" ROW("02") ROW("01"),
     COVE_EFORMAT, "ascend"},
    {"88" COPY "81 84 00 6161 01 82 83 6161 00 00 83 6161 01 00 a1" ORIGINS
     "82" ROW("01") ROW("01"),
     COVE_EFORMAT, "ascend"},
    {"88" COPY "81 84 00 6161 01 81 83 6161 00 00 a1" ORIGINS "81" ROW("00"),
     COVE_EFORMAT, "time"},
    {"88" COPY "81 84 00 6161 01 81 83 6161 00 00 a1" ORIGINS
     "81 84 01" B32("11") B16("22") "00",
     COVE_EFORMAT, "hash"},
    {"88" COPY "81 84 00 6161 01 81 83 6161 00 00 a1" ORIGINS
     "81 85 01" B32("11") B16("22") "1b0000000100000000" B8("33"),
     COVE_EFORMAT, "index"},
    {"88" COPY "81 84 00 6161 01 81 83 6161 00 00 a1" ORIGINS
     "81 85 01" B31 B16("22") "00" B8("33"),
     COVE_EFORMAT, "device"},
    {"88" COPY "81 84 00 6161 01 81 83 6161 00 00 a1" ORIGINS
     "81 85 01" B32("11") B8("22") "00" B8("33"),
     COVE_EFORMAT, "session"},
    {"88" COPY "81 84 00 6161 01 81 83 6161 00 00 a1" ORIGINS
     "81 85 01" B32("11") B16("22") "00" B16("33"),
     COVE_EFORMAT, "hash"},
    {"88" COPY "81 84 00 6161 01 81 83 6161 00 00 a1" ORIGINS "00",
     COVE_EFORMAT, "origins"},
    /* extra */
    {"88" FRONT "81" SET "a0", COVE_EFORMAT, "empty"},
    {"88" FRONT "81" SET "f6", COVE_EFORMAT, "extra"},
    {"88" FRONT "81" SET "a1 01 01", COVE_EFORMAT, "extra"},
    {"88" FRONT "81" SET "a1" CLAIM B31, COVE_EFORMAT, "claim"},
    {"88" FRONT "80 a1" REMOVE "01", COVE_EFORMAT, "remove"},
    {"88" FRONT "81" SET "a1" REMOVE "a0", COVE_EFORMAT, "removal"},
    {"88" FRONT "80 a2" CLAIM B32("00") REMOVE "a0", COVE_EFORMAT, "removal"},
    {"88" COPY "80 a1" REMOVE "a0", COVE_EFORMAT, "removal"},
    {"88" FRONT "81" SET "a2" ORIGINS "80" CLAIM B32("00"), COVE_EFORMAT,
     "transaction"}, /* keys not in order */
    {"88" FRONT "80 a1" PRIVATE "80", COVE_EFORMAT, "private"},
    {"88" FRONT "80 a1" PRIVATE "a2" KEY OPS16, COVE_EFORMAT, "private"},
    {"88" FRONT "80 a1" PRIVATE "a3 636b6579" B31 OPS16 NONCE, COVE_EFORMAT,
     "private"},
    {"88" FRONT "80 a1" PRIVATE "a3" KEY
     "636f7073 4f" H8("00") "00000000000000" NONCE,
     COVE_EFORMAT, "private"},
    {"88" FRONT "80 a1" PRIVATE "a3" KEY OPS16 "656e6f6e6365" B16("44"),
     COVE_EFORMAT, "private"},
    {"88" FRONT "80 a1" PRIVATE "a4" KEY OPS16 NONCE "666f7468657273 00",
     COVE_EFORMAT, "private"},
    /* CBOR that is not deterministic */
    {"87 00 1800 00 40 80 f6 81" SET, COVE_EFORMAT, "transaction"},
    {"9f" FRONT "81" SET "ff", COVE_EFORMAT, "transaction"},
    {"82 01 01 00", COVE_EFORMAT, "transaction"},
};

START_TEST(each_rule_is_kept_and_each_refusal_names_it)
{
    tx_assert_cases(cases, COVE_ARRAY_LEN(cases));
}
END_TEST

START_TEST(every_truncation_and_a_byte_more_is_refused)
{
    for (size_t i = 0; i < COVE_ARRAY_LEN(known); i++) {
        struct cove_bytes golden = golden_tx(known[i]);
        struct cove_arena arena;
        struct cove_tx out;
        uint8_t longer[1024] = {0};

        cove_arena_init(&arena, &cove_alloc_libc);
        for (size_t len = 0; len < golden.len; len++) {
            struct cove_bytes cut = vectors_exact(cove_bytes(golden.at, len));

            ck_assert_int_eq(tx_decode(cut, &arena, &out), COVE_EFORMAT);
            vectors_free(cut);
        }
        ck_assert_uint_lt(golden.len, sizeof(longer));
        memcpy(longer, golden.at, golden.len);
        ck_assert_int_eq(
            tx_decode(cove_bytes(longer, golden.len + 1), &arena, &out),
            COVE_EFORMAT);
        cove_arena_clear(&arena);
        vectors_free(golden);
    }
}
END_TEST

START_TEST(a_flipped_bit_is_refused_or_another_transaction)
{
    for (size_t i = 0; i < COVE_ARRAY_LEN(known); i++) {
        struct cove_bytes golden = golden_tx(known[i]);
        uint8_t flipped[1024];

        ck_assert_uint_le(golden.len, sizeof(flipped));
        for (size_t bit = 0; bit < 8 * golden.len; bit++) {
            struct cove_arena arena;
            struct cove_tx tx;

            memcpy(flipped, golden.at, golden.len);
            flipped[bit / 8] ^= (uint8_t)(1u << bit % 8);

            struct cove_bytes b =
                vectors_exact(cove_bytes(flipped, golden.len));

            cove_arena_init(&arena, &cove_alloc_libc);
            if (tx_decode(b, &arena, &tx) == 0 && !tx.ahead) {
                assert_encodes_to(&tx, b);
            }
            cove_arena_clear(&arena);
            vectors_free(b);
        }
        vectors_free(golden);
    }
}
END_TEST

/* --- limits */

/* A native with one op; the caller sets what it wants. */
static struct cove_tx native_of(struct cove_tx_op *op)
{
    static const uint8_t one[1] = {1};
    struct cove_tx tx = {.hlc = 1, .ops = op, .op_count = 1};

    memset(op, 0, sizeof(*op));
    op->reg = cove_bytes_text("a");
    op->value = cove_bytes(one, sizeof(one));
    return tx;
}

static void value_of_text(struct cove_buf *out, size_t len)
{
    struct cove_writer w;
    uint8_t *letters = calloc(1, len);

    ck_assert_ptr_nonnull(letters);
    cove_writer_init(&w, out);
    cove_writer_text(&w, cove_bytes(letters, len));
    ck_assert_int_eq(w.err, 0);
    free(letters);
}

START_TEST(a_transaction_has_at_most_65000_bytes)
{
    struct cove_tx_op ops[2];
    struct cove_tx tx = native_of(&ops[0]);
    struct cove_buf value;
    struct cove_buf rest;
    struct cove_arena arena;
    struct cove_tx out;
    size_t len = 0;
    /* list, version, time, kind, epoch, auth, seen, ops; two ops of list,
     * kind, register; two texts' heads; one text of 60,000 */
    size_t fill = COVE_MAX_TX - 8 - 2 * 4 - 2 * 3 - COVE_MAX_TEXT;

    cove_buf_init(&value, &cove_alloc_libc);
    cove_buf_init(&rest, &cove_alloc_libc);
    value_of_text(&value, COVE_MAX_TEXT);
    value_of_text(&rest, fill);
    ops[1] = ops[0];
    tx.op_count = 2;
    ops[0].value = cove_buf_bytes(&value);
    ops[1].value = cove_buf_bytes(&rest);
    ck_assert_int_eq(both_ways(&tx, &len), 0);
    ck_assert_uint_eq(len, COVE_MAX_TX);
    cove_buf_clear(&rest);
    value_of_text(&rest, fill + 1);
    ops[1].value = cove_buf_bytes(&rest);
    ck_assert_int_eq(both_ways(&tx, &len), COVE_ELIMIT);

    uint8_t *zeros = calloc(1, COVE_MAX_TX + 1);

    ck_assert_ptr_nonnull(zeros);
    cove_arena_init(&arena, &cove_alloc_libc);
    ck_assert_int_eq(
        tx_decode(cove_bytes(zeros, COVE_MAX_TX + 1), &arena, &out),
        COVE_ELIMIT);
    free(zeros);
    cove_arena_clear(&arena);
    cove_buf_clear(&value);
    cove_buf_clear(&rest);
}
END_TEST

/* The bytes of a native with `count` ops, or registers of `reg` bytes, or
 * `auth` hashes, beyond what encode would write. */
static int decode_of(size_t count, size_t reg, size_t auth)
{
    static const char letters[COVE_MAX_KEY + 1] = {0};
    struct cove_arena arena;
    struct cove_buf out;
    struct cove_writer w;
    struct cove_tx tx;

    cove_buf_init(&out, &cove_alloc_libc);
    cove_arena_init(&arena, &cove_alloc_libc);
    cove_writer_init(&w, &out);
    cove_writer_list(&w, 7);
    cove_writer_uint(&w, 0);
    cove_writer_uint(&w, 1);
    cove_writer_uint(&w, 0);
    cove_writer_null(&w);
    cove_writer_list(&w, auth);
    for (size_t i = 0; i < auth; i++) {
        struct cove_hash hash = {{(uint8_t)i}};

        cove_writer_bytes(&w, hash.b, sizeof(hash.b));
    }
    cove_writer_null(&w);
    cove_writer_list(&w, count);
    for (size_t i = 0; i < count; i++) {
        cove_writer_list(&w, 2);
        cove_writer_uint(&w, 1);
        cove_writer_text(&w, cove_bytes(letters, reg));
    }
    ck_assert_int_eq(w.err, 0);

    int err = tx_decode(cove_buf_bytes(&out), &arena, &tx);

    cove_arena_clear(&arena);
    cove_buf_clear(&out);
    return err;
}

START_TEST(ops_registers_and_auth_have_their_limits_when_read)
{
    ck_assert_int_eq(decode_of(COVE_MAX_TX_OPS, 1, 0), 0);
    ck_assert_int_eq(decode_of(COVE_MAX_TX_OPS + 1, 1, 0), COVE_ELIMIT);
    ck_assert_int_eq(decode_of(1, COVE_MAX_KEY, 0), 0);
    ck_assert_int_eq(decode_of(1, COVE_MAX_KEY + 1, 0), COVE_ELIMIT);
    ck_assert_int_eq(decode_of(1, 1, COVE_MAX_AUTH), 0);
    ck_assert_int_eq(decode_of(1, 1, COVE_MAX_AUTH + 1), COVE_ELIMIT);
}
END_TEST

START_TEST(ops_registers_and_auth_have_their_limits_when_written)
{
    static const char letters[COVE_MAX_KEY + 1] = {0};
    static struct cove_tx_op ops[COVE_MAX_TX_OPS + 1];
    struct cove_hash auth[COVE_MAX_AUTH + 1] = {{{0}}};
    struct cove_tx tx = native_of(&ops[0]);
    size_t len = 0;

    for (size_t i = 0; i < COVE_ARRAY_LEN(ops); i++) {
        ops[i] = ops[0];
    }
    tx.op_count = COVE_MAX_TX_OPS;
    ck_assert_int_eq(both_ways(&tx, &len), 0);
    tx.op_count++;
    ck_assert_int_eq(both_ways(&tx, &len), COVE_ELIMIT);
    tx.op_count = 1;
    ops[0].reg = cove_bytes(letters, COVE_MAX_KEY);
    ck_assert_int_eq(both_ways(&tx, &len), 0);
    ops[0].reg.len++;
    ck_assert_int_eq(both_ways(&tx, &len), COVE_ELIMIT);
    ops[0].reg.len = 1;
    for (size_t i = 0; i < COVE_ARRAY_LEN(auth); i++) {
        auth[i].b[0] = (uint8_t)i;
    }
    tx.auth = auth;
    tx.auth_count = COVE_MAX_AUTH;
    ck_assert_int_eq(both_ways(&tx, &len), 0);
    tx.auth_count++;
    ck_assert_int_eq(both_ways(&tx, &len), COVE_ELIMIT);
}
END_TEST

/* Encoding refuses it, and decoding what would have been written. */
static int value_both_ways(struct cove_bytes value)
{
    struct cove_tx_op op;
    struct cove_tx tx = native_of(&op);
    struct cove_buf raw;
    struct cove_writer w;
    struct cove_arena arena;
    struct cove_tx out;
    size_t len = 0;

    op.value = value;

    int written = both_ways(&tx, &len);

    cove_buf_init(&raw, &cove_alloc_libc);
    cove_arena_init(&arena, &cove_alloc_libc);
    cove_writer_init(&w, &raw);
    cove_writer_item(&w, cove_bytes("\x87\x00\x01\x00\x40\x80\xf6\x81", 8));
    cove_writer_item(&w, cove_bytes("\x83\x00\x61\x61", 4));
    cove_writer_item(&w, value);
    ck_assert_int_eq(w.err, 0);

    int err = tx_decode(cove_buf_bytes(&raw), &arena, &out);

    ck_assert_int_eq(written, err);
    cove_buf_clear(&raw);
    cove_arena_clear(&arena);
    return err;
}

START_TEST(a_value_has_at_most_60000_bytes_of_text)
{
    for (size_t len = COVE_MAX_TEXT; len <= COVE_MAX_TEXT + 1; len++) {
        struct cove_buf value;

        cove_buf_init(&value, &cove_alloc_libc);
        value_of_text(&value, len);
        ck_assert_int_eq(value_both_ways(cove_buf_bytes(&value)),
                         len <= COVE_MAX_TEXT ? 0 : COVE_ELIMIT);
        cove_buf_clear(&value);
    }
}
END_TEST

START_TEST(a_value_of_the_greatest_depth_fits_and_one_deeper_is_refused)
{
    for (unsigned depth = COVE_MAX_VALUE_DEPTH;
         depth <= COVE_MAX_VALUE_DEPTH + 1; depth++) {
        uint8_t value[COVE_MAX_VALUE_DEPTH + 1];

        memset(value, 0x81, depth - 1);
        value[depth - 1] = 0x80;
        ck_assert_int_eq(value_both_ways(cove_bytes(value, depth)),
                         depth <= COVE_MAX_VALUE_DEPTH ? 0 : COVE_ELIMIT);
    }
}
END_TEST

START_TEST(an_empty_key_in_a_value_is_reserved)
{
    ck_assert_int_eq(value_both_ways(cove_bytes("\xa1\x60\x01", 3)),
                     COVE_ERESERVED);
}
END_TEST

/* --- writing */

START_TEST(what_could_not_be_read_is_not_written)
{
    struct cove_origin origin = {.reg = cove_bytes_text("b")};
    struct cove_tx_op ops[12];
    struct cove_tx txs[12];
    struct cove_hash auth[2] = {{{1}}, {{0}}};
    struct cove_buf out;

    for (size_t i = 0; i < COVE_ARRAY_LEN(txs); i++) {
        txs[i] = native_of(&ops[i]);
    }
    txs[0].hlc = 0;
    txs[1].hlc = (uint64_t)INT64_MAX + 1;
    txs[2].op_count = 0;
    ops[3].reg.len = 0;
    ops[4].value.len = 0;
    ops[5].origins = &origin; /* a native with an origin */
    ops[5].origin_count = 1;
    txs[6].kind = COVE_TX_COPY; /* a copy without */
    txs[7].ahead = true;
    ops[8].reg = cove_bytes_text("\xff");     /* not UTF-8 */
    ops[9].value = cove_bytes("\x18\x01", 2); /* 1, not in the shortest form */
    txs[10].auth = auth;                      /* does not ascend */
    txs[10].auth_count = 2;
    origin.id.op = 1; /* not none, and without time */
    txs[11].kind = COVE_TX_COPY;
    ops[11].origins = &origin;
    ops[11].origin_count = 1;
    cove_buf_init(&out, &cove_alloc_libc);
    ck_assert_int_eq(cove_buf_append(&out, cove_bytes_text("before")), 0);
    for (size_t i = 0; i < COVE_ARRAY_LEN(txs); i++) {
        struct cove_diag diag;

        cove_diag_clear(&diag);

        int err = cove_tx_encode(&txs[i], &out, &diag);

        ck_assert_msg(err == COVE_EUSAGE, "case %zu: %d", i, err);
        ck_assert_int_eq(diag.code, COVE_EUSAGE);
        vectors_assert_equal(cove_buf_bytes(&out), cove_bytes_text("before"));
    }
    cove_buf_clear(&out);
}
END_TEST

static uint64_t pick(struct harness_env *env, uint64_t below)
{
    uint64_t v;

    env->env.random(env->env.ctx, &v, sizeof(v));
    return v % below;
}

/* A random transaction; few different origins, so that rows are shared. */
static void random_tx(struct harness_env *env, struct cove_arena *arena,
                      struct cove_tx *tx)
{
    static const char *const regs[] = {"a", "b~abcdefgh", "tschüß", "d/e"};
    static const char *const values[] = {"\x00", "\xf6", "\x61z", "\x81\x01"};
    static const size_t lens[] = {1, 1, 2, 2};

    memset(tx, 0, sizeof(*tx));
    tx->hlc = 1 + pick(env, INT64_MAX);
    tx->kind = (enum cove_tx_kind)pick(env, 2);
    tx->epoch_inherited = pick(env, 2) == 0;
    tx->has_epoch = !tx->epoch_inherited && pick(env, 2) == 0;
    if (tx->has_epoch) {
        env->env.random(env->env.ctx, tx->epoch.b, sizeof(tx->epoch.b));
    }
    tx->auth_inherited = pick(env, 2) == 0;
    tx->has_claim = pick(env, 4) == 0;
    tx->op_count = 1 + (size_t)pick(env, 5);
    tx->ops = cove_arena_array(arena, tx->op_count, sizeof(*tx->ops));
    ck_assert_ptr_nonnull(tx->ops);
    for (size_t i = 0; i < tx->op_count; i++) {
        struct cove_tx_op *op = &tx->ops[i];
        size_t v = (size_t)pick(env, 4);

        op->reg = cove_bytes_text(regs[pick(env, 4)]);
        op->deleted = pick(env, 3) == 0;
        if (!op->deleted) {
            op->value = cove_bytes(values[v], lens[v]);
        }
        if (tx->kind == COVE_TX_NATIVE) {
            continue;
        }
        op->origin_count = 1 + (size_t)pick(env, 4);
        op->origins =
            cove_arena_array(arena, op->origin_count, sizeof(*op->origins));
        ck_assert_ptr_nonnull(op->origins);
        for (size_t j = 0; j < op->origin_count; j++) {
            struct cove_origin *origin = &op->origins[j];

            origin->reg = cove_bytes_text(regs[pick(env, 4)]);
            if (pick(env, 4) == 0) {
                continue; /* none */
            }
            origin->id.hlc = 1 + pick(env, 2);
            origin->id.device.b[31] = (uint8_t)pick(env, 2);
            origin->id.session.b[0] = (uint8_t)pick(env, 2);
            origin->id.tx = (uint32_t)pick(env, 300);
            origin->id.op = (uint32_t)pick(env, 3);
            origin->tx_hash[7] = (uint8_t)pick(env, 2);
        }
    }
}

static void assert_same_ops(const struct cove_tx *a, const struct cove_tx *b)
{
    ck_assert_uint_eq(a->op_count, b->op_count);
    for (size_t i = 0; i < a->op_count; i++) {
        const struct cove_tx_op *x = &a->ops[i];
        const struct cove_tx_op *y = &b->ops[i];

        ck_assert(x->deleted == y->deleted);
        vectors_assert_equal(x->reg, y->reg);
        vectors_assert_equal(x->value, y->value);
        ck_assert_uint_eq(x->origin_count, y->origin_count);
        for (size_t j = 0; j < x->origin_count; j++) {
            vectors_assert_equal(x->origins[j].reg, y->origins[j].reg);
            ck_assert_int_eq(
                cove_op_id_compare(&x->origins[j].id, &y->origins[j].id), 0);
            ck_assert_mem_eq(x->origins[j].tx_hash, y->origins[j].tx_hash, 8);
        }
    }
}

START_TEST(random_transactions_come_back_as_they_were)
{
    struct harness_env env;

    harness_env_init(&env, 1);
    for (int round = 0; round < 2000; round++) {
        struct cove_arena arena;
        struct cove_buf out;
        struct cove_tx tx;
        struct cove_tx again;

        cove_arena_init(&arena, &cove_alloc_libc);
        cove_buf_init(&out, &cove_alloc_libc);
        random_tx(&env, &arena, &tx);
        ck_assert_int_eq(cove_tx_encode(&tx, &out, NULL), 0);

        struct cove_bytes exact = vectors_exact(cove_buf_bytes(&out));

        ck_assert_int_eq(tx_decode(exact, &arena, &again), 0);
        ck_assert(again.kind == tx.kind);
        ck_assert_uint_eq(again.hlc, tx.hlc);
        ck_assert(again.has_epoch == tx.has_epoch);
        ck_assert_mem_eq(again.epoch.b, tx.epoch.b, sizeof(tx.epoch.b));
        assert_same_ops(&tx, &again);
        assert_encodes_to(&again, exact);
        vectors_free(exact);
        cove_buf_clear(&out);
        cove_arena_clear(&arena);
    }
}
END_TEST

START_TEST(running_out_of_memory_changes_nothing)
{
    struct cove_bytes golden = golden_tx("copy");
    struct cove_arena arena;
    struct cove_tx tx;
    int err = COVE_ENOMEM;

    cove_arena_init(&arena, &cove_alloc_libc);
    ck_assert_int_eq(tx_decode(golden, &arena, &tx), 0);
    for (long fail_at = 1; err != 0; fail_at++) {
        struct harness_alloc alloc;
        struct cove_buf out;

        ck_assert_int_lt(fail_at, 100);
        harness_alloc_init(&alloc, fail_at);
        cove_buf_init(&out, &alloc.alloc);
        err = cove_tx_encode(&tx, &out, NULL);
        ck_assert(err == 0 || err == COVE_ENOMEM);
        ck_assert_uint_eq(out.len, err == 0 ? golden.len : 0);
        ck_assert(err != 0 || fail_at > 2);
        cove_buf_clear(&out);
        ck_assert_int_eq(alloc.alive, 0);
    }
    err = COVE_ENOMEM;
    for (long fail_at = 1; err != 0; fail_at++) {
        struct harness_alloc alloc;
        struct cove_arena small;
        struct cove_tx out;
        struct cove_tx before;

        ck_assert_int_lt(fail_at, 100);
        harness_alloc_init(&alloc, fail_at);
        cove_arena_init(&small, &alloc.alloc);
        memset(&out, 0xee, sizeof(out));
        memcpy(&before, &out, sizeof(out));
        err = tx_decode(golden, &small, &out);
        ck_assert(err == 0 || err == COVE_ENOMEM);
        if (err != 0) {
            ck_assert_mem_eq(&out, &before, sizeof(out));
        }
        ck_assert(err != 0 || fail_at > 1);
        cove_arena_clear(&small);
        ck_assert_int_eq(alloc.alive, 0);
    }
    cove_arena_clear(&arena);
    vectors_free(golden);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tx");
    TCase *tc = tcase_create("tx");

    tcase_add_test(tc,
                   golden_transactions_encode_again_to_the_same_bytes_and_hash);
    tcase_add_test(tc, a_golden_native_gives_every_field);
    tcase_add_test(tc, a_copys_origins_are_resolved_through_the_table);
    tcase_add_test(tc, claim_and_private_are_given_as_written);
    tcase_add_test(tc, what_a_newer_build_wrote_is_ahead_and_keeps_its_time);
    tcase_add_test(tc, each_rule_is_kept_and_each_refusal_names_it);
    tcase_add_test(tc, every_truncation_and_a_byte_more_is_refused);
    tcase_add_test(tc, a_flipped_bit_is_refused_or_another_transaction);
    tcase_add_test(tc, a_transaction_has_at_most_65000_bytes);
    tcase_add_test(tc, ops_registers_and_auth_have_their_limits_when_read);
    tcase_add_test(tc, ops_registers_and_auth_have_their_limits_when_written);
    tcase_add_test(tc, a_value_has_at_most_60000_bytes_of_text);
    tcase_add_test(
        tc, a_value_of_the_greatest_depth_fits_and_one_deeper_is_refused);
    tcase_add_test(tc, an_empty_key_in_a_value_is_reserved);
    tcase_add_test(tc, what_could_not_be_read_is_not_written);
    tcase_add_test(tc, random_transactions_come_back_as_they_were);
    tcase_add_test(tc, running_out_of_memory_changes_nothing);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
