#include "core/cbor.h"
#include "core/limits.h"
#include "crdt/batch.h"
#include "crdt/merkle.h"
#include "tests/unit/vectors.h"

/* Encoded items, in hex. */
#define H8(b) b b b b b b b b
#define B16   "50" H8("22") H8("22")
#define B32   "5820" H8("11") H8("11") H8("11") H8("11")
#define B31   "581f" H8("11") H8("11") H8("11") "11111111111111"
#define H64   H8("33") H8("33") H8("33") H8("33")
#define B64   "5840" H64 H64
#define B63   "583f" H64 H8("33") H8("33") H8("33") "33333333333333"
#define FRONT B32 B32 B16

static const char *const golden_names[] = {"batch.first", "batch.later",
                                           "batch.group.2", "batch.group.4",
                                           "batch.group.alone"};

static int batch_decode(struct cove_bytes in, struct cove_arena *arena,
                        struct cove_batch *out)
{
    return cove_batch_decode(in, arena, out, NULL);
}

/* What ingest does with a batch: form, chain, proof. `before` is the head at
 * its start; where it starts at 0 that is the chain's own. */
static int batch_accept(struct cove_bytes in, const struct cove_hash *before,
                        struct cove_arena *arena)
{
    struct cove_batch batch;
    int err = batch_decode(in, arena, &batch);

    if (err != 0) {
        return err;
    }

    struct cove_hash head = *before;

    if (batch.start == 0) {
        head = cove_chain_start(&batch.document, &batch.session, &batch.device);
    }
    for (size_t i = 0; i < batch.tx_count; i++) {
        head = cove_chain_next(&head, batch.txs[i]);
    }
    return cove_head_verify(&batch.device, &batch.document, &batch.session,
                            batch.start + (uint32_t)batch.tx_count, &head,
                            &batch.proof);
}

/* The head at the start of batch.later. */
static struct cove_hash golden_head(const char *name)
{
    struct cove_hash head;

    vectors_copy(name, head.b, sizeof(head.b));
    return head;
}

START_TEST(golden_batches_verify_and_encode_again_to_the_same_bytes)
{
    struct cove_hash before = golden_head("chain.2");

    for (size_t i = 0; i < COVE_ARRAY_LEN(golden_names); i++) {
        struct cove_bytes golden = vectors_get(golden_names[i]);
        struct cove_arena arena;
        struct cove_batch batch;
        struct cove_buf out;

        cove_arena_init(&arena, &cove_alloc_libc);
        cove_buf_init(&out, &cove_alloc_libc);
        ck_assert_int_eq(batch_decode(golden, &arena, &batch), 0);
        ck_assert_int_eq(cove_batch_encode(&batch, &out), 0);
        vectors_assert_equal(cove_buf_bytes(&out), golden);
        ck_assert_int_eq(batch_accept(golden, &before, &arena), 0);
        cove_buf_clear(&out);
        cove_arena_clear(&arena);
        vectors_free(golden);
    }
}
END_TEST

START_TEST(sessions_chains_and_digests_have_their_golden_values)
{
    static const char *const txs[] = {"tx.first", "tx.inherit", "tx.claim"};
    uint8_t salt[16];
    struct cove_id document;
    struct cove_key alice;
    struct cove_session_id session;
    struct cove_digest_row rows[2];
    char name[32];

    vectors_copy("session.salt", salt, sizeof(salt));
    vectors_copy("session.id", session.b, sizeof(session.b));
    vectors_copy("device.alice.key", alice.b, sizeof(alice.b));
    vectors_copy("header.comap.id", document.b, sizeof(document.b));

    struct cove_session_id made = cove_session_id_of(&alice, salt);

    ck_assert_mem_eq(made.b, session.b, sizeof(session.b));

    struct cove_hash head = cove_chain_start(&document, &session, &alice);
    struct cove_hash golden = golden_head("chain.0");

    ck_assert_mem_eq(head.b, golden.b, sizeof(head.b));
    for (size_t i = 0; i < COVE_ARRAY_LEN(txs); i++) {
        struct cove_bytes tx = vectors_get(txs[i]);

        head = cove_chain_next(&head, tx);
        snprintf(name, sizeof(name), "chain.%zu", i + 1);
        golden = golden_head(name);
        ck_assert_mem_eq(head.b, golden.b, sizeof(head.b));
        vectors_free(tx);
    }

    struct cove_hash digest = cove_state_digest(&document, NULL, 0);

    golden = golden_head("digest.none");
    ck_assert_mem_eq(digest.b, golden.b, sizeof(digest.b));

    struct cove_digest_row alices = {session, 3, head};
    struct cove_digest_row bobs = {.len = 1};

    vectors_copy("bob.session.id", bobs.session.b, sizeof(bobs.session.b));
    memset(bobs.head.b, 0x88, sizeof(bobs.head.b));

    bool alice_first = memcmp(session.b, bobs.session.b, 16) < 0;

    rows[0] = alice_first ? alices : bobs;
    rows[1] = alice_first ? bobs : alices;
    digest = cove_state_digest(&document, rows, 2);
    golden = golden_head("digest.two");
    ck_assert_mem_eq(digest.b, golden.b, sizeof(digest.b));
}
END_TEST

START_TEST(a_head_is_signed_as_the_golden_batch_is)
{
    struct cove_bytes golden = vectors_get("batch.first");
    struct cove_arena arena;
    struct cove_batch batch;
    struct cove_secret secret;
    struct cove_key key;
    struct cove_proof proof;
    struct cove_hash head = golden_head("chain.2");
    uint8_t seed[32];

    vectors_copy("device.alice.seed", seed, sizeof(seed));
    cove_key_of_seed(seed, &secret, &key);
    cove_arena_init(&arena, &cove_alloc_libc);
    ck_assert_int_eq(batch_decode(golden, &arena, &batch), 0);
    ck_assert_mem_eq(key.b, batch.device.b, sizeof(key.b));
    memset(&proof, 0xee, sizeof(proof));
    cove_head_sign(&secret, &batch.document, &batch.session, 2, &head, &proof);
    ck_assert(!proof.grouped);
    ck_assert_uint_eq(proof.path_len, 0);
    ck_assert_mem_eq(proof.signature.b, batch.proof.signature.b, 64);
    cove_arena_clear(&arena);
    vectors_free(golden);
}
END_TEST

/* A29 */
START_TEST(a_proof_holds_for_its_head_alone)
{
    static const char *const names[] = {"batch.first", "batch.group.2",
                                        "batch.group.alone"};

    for (size_t i = 0; i < COVE_ARRAY_LEN(names); i++) {
        struct cove_bytes golden = vectors_get(names[i]);
        struct cove_hash head = golden_head("chain.2");
        struct cove_arena arena;
        struct cove_batch b;

        cove_arena_init(&arena, &cove_alloc_libc);
        ck_assert_int_eq(batch_decode(golden, &arena, &b), 0);
        ck_assert_int_eq(cove_head_verify(&b.device, &b.document, &b.session, 2,
                                          &head, &b.proof),
                         0);
        ck_assert_int_eq(cove_head_verify(&b.device, &b.document, &b.session, 3,
                                          &head, &b.proof),
                         COVE_ESIGNATURE);
        head.b[31] ^= 1;
        ck_assert_int_eq(cove_head_verify(&b.device, &b.document, &b.session, 2,
                                          &head, &b.proof),
                         COVE_ESIGNATURE);
        head.b[31] ^= 1;
        b.document.b[0] ^= 1;
        ck_assert_int_eq(cove_head_verify(&b.device, &b.document, &b.session, 2,
                                          &head, &b.proof),
                         COVE_ESIGNATURE);
        b.document.b[0] ^= 1;
        b.session.b[0] ^= 1;
        ck_assert_int_eq(cove_head_verify(&b.device, &b.document, &b.session, 2,
                                          &head, &b.proof),
                         COVE_ESIGNATURE);
        b.session.b[0] ^= 1;
        vectors_copy("device.bob.key", b.device.b, sizeof(b.device.b));
        ck_assert_int_eq(cove_head_verify(&b.device, &b.document, &b.session, 2,
                                          &head, &b.proof),
                         COVE_ESIGNATURE);
        cove_arena_clear(&arena);
        vectors_free(golden);
    }
}
END_TEST

/* A12: nothing of a signed batch can be changed on its way. */
START_TEST(every_flipped_bit_of_a_batch_is_refused)
{
    struct cove_hash before = golden_head("chain.2");

    for (size_t i = 0; i < COVE_ARRAY_LEN(golden_names); i++) {
        struct cove_bytes golden = vectors_get(golden_names[i]);
        uint8_t flipped[1024];

        ck_assert_uint_le(golden.len, sizeof(flipped));
        for (size_t bit = 0; bit < 8 * golden.len; bit++) {
            struct cove_arena arena;

            memcpy(flipped, golden.at, golden.len);
            flipped[bit / 8] ^= (uint8_t)(1u << bit % 8);

            struct cove_bytes b =
                vectors_exact(cove_bytes(flipped, golden.len));

            cove_arena_init(&arena, &cove_alloc_libc);

            int err = batch_accept(b, &before, &arena);

            ck_assert_msg(err == COVE_EFORMAT || err == COVE_ELIMIT ||
                              err == COVE_EHASH || err == COVE_ESIGNATURE,
                          "%s, bit %zu: %d", golden_names[i], bit, err);
            cove_arena_clear(&arena);
            vectors_free(b);
        }
        vectors_free(golden);
    }
}
END_TEST

START_TEST(every_truncation_and_a_byte_more_is_refused)
{
    for (size_t i = 0; i < COVE_ARRAY_LEN(golden_names); i++) {
        struct cove_bytes golden = vectors_get(golden_names[i]);
        uint8_t longer[1024] = {0};
        struct cove_arena arena;
        struct cove_batch out;

        cove_arena_init(&arena, &cove_alloc_libc);
        for (size_t len = 0; len < golden.len; len++) {
            struct cove_bytes cut = vectors_exact(cove_bytes(golden.at, len));

            ck_assert_int_eq(batch_decode(cut, &arena, &out), COVE_EFORMAT);
            vectors_free(cut);
        }
        ck_assert_uint_lt(golden.len, sizeof(longer));
        memcpy(longer, golden.at, golden.len);
        ck_assert_int_eq(
            batch_decode(cove_bytes(longer, golden.len + 1), &arena, &out),
            COVE_EFORMAT);
        cove_arena_clear(&arena);
        vectors_free(golden);
    }
}
END_TEST

struct batch_case {
    const char *hex;
    int code;
    const char *named; /* what the refusal's sentence holds */
};

/* One tx of one byte at index 1, plainly signed, is the smallest batch. */
static const struct batch_case cases[] = {
    {"87" FRONT "f6 01 81 4100" B64, 0, NULL},
    {"87" FRONT "f6 1afffffffe 81 4100" B64, 0, NULL},
    {"87" FRONT "f6 01 81 4100 84" B64 "00 01 80", 0, NULL},
    {"87" FRONT "f6 01 81 4100 84" B64 "01 02 81" B32, 0, NULL},
    {"87" FRONT "f6 01 81 4100 84" B64 "02 03 81" B32, 0, NULL},
    {"", COVE_EFORMAT, "batch"},
    {"a0", COVE_EFORMAT, "7 items"},
    {"86" FRONT "f6 01 81 4100", COVE_EFORMAT, "7 items"},
    {"88" FRONT "f6 01 81 4100" B64 "00", COVE_EFORMAT, "7 items"},
    {"87" B31 B32 B16 "f6 01 81 4100" B64, COVE_EFORMAT, "document"},
    {"87 00" B32 B16 "f6 01 81 4100" B64, COVE_EFORMAT, "document"},
    {"87" B32 B31 B16 "f6 01 81 4100" B64, COVE_EFORMAT, "device"},
    {"87" B32 B32 B32 "f6 01 81 4100" B64, COVE_EFORMAT, "session"},
    {"87" FRONT "40 01 81 4100" B64, COVE_EFORMAT, "salt"},
    {"87" FRONT "00 01 81 4100" B64, COVE_EFORMAT, "salt"},
    {"87" FRONT "f6 00 81 4100" B64, COVE_EFORMAT, "salt"},
    {"87" FRONT B16 "01 81 4100" B64, COVE_EFORMAT, "salt"},
    {"87" FRONT B16 "00 81 4100" B64, COVE_EHASH, "salt"},
    {"87" FRONT "f6 20 81 4100" B64, COVE_EFORMAT, "start"},
    {"87" FRONT "f6 1b0000000100000000 81 4100" B64, COVE_EFORMAT, "start"},
    {"87" FRONT "f6 1affffffff 81 4100" B64, COVE_ELIMIT, "2^32"},
    {"87" FRONT "f6 01 4100" B64, COVE_EFORMAT, "transactions"},
    {"87" FRONT "f6 01 80" B64, COVE_EFORMAT, "transactions"},
    {"87" FRONT "f6 01 81 6100" B64, COVE_EFORMAT, "transaction"},
    {"87" FRONT "f6 01 81 00" B64, COVE_EFORMAT, "transaction"},
    {"87" FRONT "f6 01 81 40" B64, COVE_EFORMAT, "empty"},
    {"87" FRONT "f6 01 81 4100" B63, COVE_EFORMAT, "signature"},
    {"87" FRONT "f6 01 81 4100 f6", COVE_EFORMAT, "signature"},
    {"87" FRONT "f6 01 81 4100 84" B63 "00 01 80", COVE_EFORMAT, "signature"},
    {"87" FRONT "f6 01 81 4100 83" B64 "00 01", COVE_EFORMAT, "4 items"},
    {"87" FRONT "f6 01 81 4100 85" B64 "00 01 80 00", COVE_EFORMAT, "4 items"},
    {"87" FRONT "f6 01 81 4100 84" B64 "20 01 80", COVE_EFORMAT, "leaf"},
    {"87" FRONT "f6 01 81 4100 84" B64 "00 00 80", COVE_EFORMAT, "leaf 0 of 0"},
    {"87" FRONT "f6 01 81 4100 84" B64 "01 01 80", COVE_EFORMAT, "leaf 1 of 1"},
    {"87" FRONT "f6 01 81 4100 84" B64 "00 01 81" B32, COVE_EFORMAT, "path"},
    {"87" FRONT "f6 01 81 4100 84" B64 "00 03 81" B32, COVE_EFORMAT, "path"},
    {"87" FRONT "f6 01 81 4100 84" B64 "02 03 82" B32 B32, COVE_EFORMAT,
     "path"},
    {"87" FRONT "f6 01 81 4100 84" B64 "00 02 81" B31, COVE_EFORMAT, "path"},
    {"87" FRONT "f6 01 81 4100 84" B64 "00 02 00", COVE_EFORMAT, "path"},
    {"87" FRONT "f6 01 81 4100 84" B64 "00 1a00010001 80", COVE_ELIMIT,
     "of 65537"},
    {"87" FRONT "f6 01 81 4100 84" B64 "00 01 8181 00", COVE_EFORMAT, "path"},
    {"87" FRONT "f6 01 81 4100 84" B64 "00 01 8181818100", COVE_ELIMIT,
     "batch"},
};

/* A29 */
START_TEST(each_rule_is_kept_and_each_refusal_names_it)
{
    for (size_t i = 0; i < COVE_ARRAY_LEN(cases); i++) {
        const struct batch_case *c = &cases[i];
        struct cove_bytes b = vectors_hex(c->hex, c->hex + strlen(c->hex));
        struct cove_arena arena;
        struct cove_diag diag;
        struct cove_batch out;
        struct cove_batch before;

        cove_arena_init(&arena, &cove_alloc_libc);
        cove_diag_clear(&diag);
        memset(&out, 0xee, sizeof(out));
        memcpy(&before, &out, sizeof(out));

        int err = cove_batch_decode(b, &arena, &out, &diag);

        ck_assert_msg(err == c->code, "case %zu %s: %d, %s", i, c->hex, err,
                      diag.text);
        ck_assert_int_eq(diag.code, err);
        if (err != 0) {
            ck_assert_msg(strstr(diag.text, c->named) != NULL,
                          "case %zu %s: %s", i, c->hex, diag.text);
            ck_assert_mem_eq(&out, &before, sizeof(out));
        }
        cove_arena_clear(&arena);
        vectors_free(b);
    }
}
END_TEST

/* --- limits */

/* A batch of `count` transactions of `len` bytes, and one of `rest`. */
static struct cove_batch batch_of(size_t count, size_t len, size_t rest,
                                  struct cove_bytes *txs)
{
    static const uint8_t zeros[COVE_MAX_TX + 1];
    struct cove_batch batch = {.start = 1, .txs = txs};

    for (size_t i = 0; i < count; i++) {
        txs[batch.tx_count++] = cove_bytes(zeros, len);
    }
    if (rest != 0) {
        txs[batch.tx_count++] = cove_bytes(zeros, rest);
    }
    return batch;
}

/* Encoding says the same as decoding what would have been written. */
static int both_ways(const struct cove_batch *batch)
{
    struct cove_arena arena;
    struct cove_buf out;
    struct cove_buf raw;
    struct cove_writer w;
    struct cove_batch again;

    cove_arena_init(&arena, &cove_alloc_libc);
    cove_buf_init(&out, &cove_alloc_libc);
    cove_buf_init(&raw, &cove_alloc_libc);

    int err = cove_batch_encode(batch, &out);

    cove_writer_init(&w, &raw);
    cove_writer_list(&w, 7);
    cove_writer_bytes(&w, batch->document.b, sizeof(batch->document.b));
    cove_writer_bytes(&w, batch->device.b, sizeof(batch->device.b));
    cove_writer_bytes(&w, batch->session.b, sizeof(batch->session.b));
    cove_writer_null(&w);
    cove_writer_uint(&w, batch->start);
    cove_writer_list(&w, batch->tx_count);
    for (size_t i = 0; i < batch->tx_count; i++) {
        cove_writer_bytes(&w, batch->txs[i].at, batch->txs[i].len);
    }
    cove_writer_bytes(&w, batch->proof.signature.b, 64);
    ck_assert_int_eq(w.err, 0);
    ck_assert_int_eq(batch_decode(cove_buf_bytes(&raw), &arena, &again), err);
    if (err == 0) {
        vectors_assert_equal(cove_buf_bytes(&out), cove_buf_bytes(&raw));
    } else {
        ck_assert_uint_eq(out.len, 0);
    }
    cove_buf_clear(&out);
    cove_buf_clear(&raw);
    cove_arena_clear(&arena);
    return err;
}

/* A29 */
START_TEST(a_batch_has_its_limits_both_ways)
{
    static struct cove_bytes txs[COVE_MAX_BATCH_TX + 1];
    struct cove_batch batch = batch_of(COVE_MAX_BATCH_TX, 1, 0, txs);

    ck_assert_int_eq(both_ways(&batch), 0);
    batch = batch_of(COVE_MAX_BATCH_TX + 1, 1, 0, txs);
    ck_assert_int_eq(both_ways(&batch), COVE_ELIMIT);
    batch = batch_of(1, COVE_MAX_TX, COVE_MAX_BATCH - COVE_MAX_TX, txs);
    ck_assert_int_eq(both_ways(&batch), 0);
    batch = batch_of(1, COVE_MAX_TX, COVE_MAX_BATCH - COVE_MAX_TX + 1, txs);
    ck_assert_int_eq(both_ways(&batch), COVE_ELIMIT);
    batch = batch_of(1, COVE_MAX_TX + 1, 0, txs);
    ck_assert_int_eq(both_ways(&batch), COVE_ELIMIT);
    batch =
        batch_of(COVE_MAX_BATCH_TX, COVE_MAX_BATCH / COVE_MAX_BATCH_TX, 0, txs);
    ck_assert_int_eq(both_ways(&batch), 0);
    batch = batch_of(2, 1, 0, txs);
    batch.start = UINT32_MAX - 2;
    ck_assert_int_eq(both_ways(&batch), 0);
    batch.start++;
    ck_assert_int_eq(both_ways(&batch), COVE_ELIMIT);
}
END_TEST

START_TEST(what_decode_would_refuse_is_not_written)
{
    struct cove_bytes txs[2];
    struct cove_hash path[COVE_MAX_MERKLE + 1] = {{{0}}};
    struct cove_batch batches[6];
    static const int codes[] = {COVE_EUSAGE, COVE_EUSAGE, COVE_EHASH,
                                COVE_EUSAGE, COVE_EUSAGE, COVE_ELIMIT};
    struct cove_buf out;

    for (size_t i = 0; i < COVE_ARRAY_LEN(batches); i++) {
        batches[i] = batch_of(1, 1, 0, txs);
        batches[i].proof.path = path;
    }
    batches[0].tx_count = 0;
    batches[1].has_salt = true;
    batches[2].start = 0;
    batches[2].has_salt = true;
    batches[3].proof.grouped = true;
    batches[4].proof.grouped = true;
    batches[4].proof.leaves = 3;
    batches[4].proof.path_len = 1;
    batches[5].proof.grouped = true;
    batches[5].proof.leaves = 3;
    batches[5].proof.path_len = COVE_MAX_MERKLE + 1;
    cove_buf_init(&out, &cove_alloc_libc);
    ck_assert_int_eq(cove_buf_append(&out, cove_bytes_text("before")), 0);
    for (size_t i = 0; i < COVE_ARRAY_LEN(batches); i++) {
        ck_assert_int_eq(cove_batch_encode(&batches[i], &out), codes[i]);
        vectors_assert_equal(cove_buf_bytes(&out), cove_bytes_text("before"));
    }
    cove_buf_clear(&out);
}
END_TEST

/* --- the tree */

START_TEST(roots_are_those_of_rfc_9162)
{
    struct cove_hash leaves[9];
    char name[32];

    for (size_t i = 0; i < COVE_ARRAY_LEN(leaves); i++) {
        snprintf(name, sizeof(name), "merkle.input.%zu", i);
        leaves[i] = golden_head(name);
    }
    for (size_t n = 1; n <= COVE_ARRAY_LEN(leaves); n++) {
        struct cove_arena arena;
        struct cove_merkle tree;
        struct cove_hash golden;

        cove_arena_init(&arena, &cove_alloc_libc);
        ck_assert_int_eq(cove_merkle_build(leaves, n, &arena, &tree), 0);
        snprintf(name, sizeof(name), "merkle.root.%zu", n);
        golden = golden_head(name);
        ck_assert_mem_eq(cove_merkle_root(&tree)->b, golden.b, 32);
        cove_arena_clear(&arena);
    }
}
END_TEST

/* A29 */
START_TEST(every_leaf_of_every_small_tree_has_a_path_to_its_root)
{
    enum { MOST = 70 };
    struct cove_hash leaves[MOST];

    for (uint8_t i = 0; i < MOST; i++) {
        leaves[i] = cove_hash("test", cove_bytes(&i, 1));
    }
    for (uint32_t n = 1; n <= MOST; n++) {
        struct cove_arena arena;
        struct cove_merkle tree;

        cove_arena_init(&arena, &cove_alloc_libc);
        ck_assert_int_eq(cove_merkle_build(leaves, n, &arena, &tree), 0);
        for (uint32_t leaf = 0; leaf < n; leaf++) {
            struct cove_hash path[COVE_MAX_MERKLE];
            size_t len = cove_merkle_path(&tree, leaf, path);

            ck_assert_uint_eq(len, cove_merkle_path_len(leaf, n));
            ck_assert_mem_eq(cove_merkle_over(leaves, n).b,
                             cove_merkle_root(&tree)->b, 32);

            struct cove_hash root =
                cove_merkle_climb(leaves[leaf], leaf, n, path);

            ck_assert_mem_eq(root.b, cove_merkle_root(&tree)->b, 32);
            for (size_t i = 0; i < len; i++) {
                path[i].b[0] ^= 1;
                root = cove_merkle_climb(leaves[leaf], leaf, n, path);
                ck_assert_mem_ne(root.b, cove_merkle_root(&tree)->b, 32);
                path[i].b[0] ^= 1;
            }
            if (leaf > 0) {
                root = cove_merkle_climb(leaves[leaf - 1], leaf, n, path);
                ck_assert_mem_ne(root.b, cove_merkle_root(&tree)->b, 32);
            }
        }
        cove_arena_clear(&arena);
    }
}
END_TEST

START_TEST(a_tree_has_1_to_65536_leaves)
{
    struct cove_hash *leaves = calloc(COVE_MAX_LEAVES + 1, sizeof(*leaves));
    struct cove_hash path[COVE_MAX_MERKLE];
    struct cove_arena arena;
    struct cove_merkle tree;

    ck_assert_ptr_nonnull(leaves);
    cove_arena_init(&arena, &cove_alloc_libc);
    ck_assert_int_eq(cove_merkle_build(leaves, 0, &arena, &tree), COVE_ELIMIT);
    ck_assert_int_eq(
        cove_merkle_build(leaves, COVE_MAX_LEAVES + 1, &arena, &tree),
        COVE_ELIMIT);
    ck_assert_int_eq(cove_merkle_build(leaves, COVE_MAX_LEAVES, &arena, &tree),
                     0);
    ck_assert_uint_eq(tree.height, COVE_MAX_MERKLE);
    ck_assert_uint_eq(cove_merkle_path(&tree, COVE_MAX_LEAVES - 1, path),
                      COVE_MAX_MERKLE);
    cove_arena_clear(&arena);
    ck_assert_int_eq(
        cove_merkle_build(leaves, COVE_MAX_LEAVES - 1, &arena, &tree), 0);
    ck_assert_uint_eq(tree.height, COVE_MAX_MERKLE);
    cove_arena_clear(&arena);
    free(leaves);
}
END_TEST

/* Sign five heads at once; each document's batch then verifies by itself. */
START_TEST(one_group_signature_covers_the_heads_of_five_documents)
{
    enum { DOCS = 5 };
    struct cove_secret secret;
    struct cove_key key;
    struct cove_session_id sessions[DOCS];
    struct cove_id documents[DOCS];
    struct cove_hash heads[DOCS];
    struct cove_hash leaves[DOCS];
    struct cove_signature signature;
    struct cove_arena arena;
    struct cove_merkle tree;
    const uint8_t seed[32] = {9};

    cove_key_of_seed(seed, &secret, &key);
    for (uint8_t i = 0; i < DOCS; i++) {
        memset(sessions[i].b, i, sizeof(sessions[i].b));
        memset(documents[i].b, 0x40 + i, sizeof(documents[i].b));
        heads[i] = cove_hash("test", cove_bytes(&i, 1));
        leaves[i] =
            cove_merkle_leaf(&documents[i], &sessions[i], &key, 7, &heads[i]);
    }
    cove_arena_init(&arena, &cove_alloc_libc);
    ck_assert_int_eq(cove_merkle_build(leaves, DOCS, &arena, &tree), 0);
    cove_group_sign(&secret, DOCS, cove_merkle_root(&tree), &signature);
    for (uint32_t i = 0; i < DOCS; i++) {
        struct cove_hash path[COVE_MAX_MERKLE];
        struct cove_proof proof = {
            .grouped = true,
            .signature = signature,
            .leaf = i,
            .leaves = DOCS,
            .path = path,
            .path_len = cove_merkle_path(&tree, i, path),
        };

        ck_assert_int_eq(cove_head_verify(&key, &documents[i], &sessions[i], 7,
                                          &heads[i], &proof),
                         0);
        ck_assert_int_eq(cove_head_verify(&key, &documents[(i + 1) % DOCS],
                                          &sessions[i], 7, &heads[i], &proof),
                         COVE_ESIGNATURE);
        proof.leaves++; /* signed too */
        proof.path_len = cove_merkle_path_len(i, proof.leaves);
        ck_assert_int_eq(cove_head_verify(&key, &documents[i], &sessions[i], 7,
                                          &heads[i], &proof),
                         COVE_ESIGNATURE);
        proof.leaves--;
        proof.path_len = COVE_MAX_MERKLE + 1;
        ck_assert_int_eq(cove_head_verify(&key, &documents[i], &sessions[i], 7,
                                          &heads[i], &proof),
                         COVE_ELIMIT);
        proof.path_len = 0; /* too short for its tree */
        ck_assert_int_eq(cove_head_verify(&key, &documents[i], &sessions[i], 7,
                                          &heads[i], &proof),
                         COVE_ESIGNATURE);
    }
    cove_arena_clear(&arena);
}
END_TEST

/* --- memory */

START_TEST(running_out_of_memory_changes_nothing)
{
    struct cove_bytes golden = vectors_get("batch.group.2");
    struct cove_arena arena;
    struct cove_batch batch;
    int err = COVE_ENOMEM;

    cove_arena_init(&arena, &cove_alloc_libc);
    ck_assert_int_eq(batch_decode(golden, &arena, &batch), 0);
    for (long fail_at = 1; err != 0; fail_at++) {
        struct harness_alloc alloc;
        struct cove_buf out;

        ck_assert_int_lt(fail_at, 100);
        harness_alloc_init(&alloc, fail_at);
        cove_buf_init(&out, &alloc.alloc);
        err = cove_batch_encode(&batch, &out);
        ck_assert(err == 0 || err == COVE_ENOMEM);
        ck_assert_uint_eq(out.len, err == 0 ? golden.len : 0);
        ck_assert(err != 0 || fail_at > 1);
        cove_buf_clear(&out);
        ck_assert_int_eq(alloc.alive, 0);
    }
    err = COVE_ENOMEM;
    for (long fail_at = 1; err != 0; fail_at++) {
        struct harness_alloc alloc;
        struct cove_arena small;
        struct cove_batch out;
        struct cove_batch before;

        ck_assert_int_lt(fail_at, 100);
        harness_alloc_init(&alloc, fail_at);
        cove_arena_init(&small, &alloc.alloc);
        memset(&out, 0xee, sizeof(out));
        memcpy(&before, &out, sizeof(out));
        err = batch_decode(golden, &small, &out);
        ck_assert(err == 0 || err == COVE_ENOMEM);
        if (err != 0) {
            ck_assert_mem_eq(&out, &before, sizeof(out));
        }
        ck_assert(err != 0 || fail_at > 1);
        cove_arena_clear(&small);
        ck_assert_int_eq(alloc.alive, 0);
    }
    err = COVE_ENOMEM;
    for (long fail_at = 1; err != 0; fail_at++) {
        struct cove_hash leaves[3] = {{{0}}};
        struct harness_alloc alloc;
        struct cove_arena small;
        struct cove_merkle tree = {.height = 99};

        harness_alloc_init(&alloc, fail_at);
        cove_arena_init(&small, &alloc.alloc);
        err = cove_merkle_build(leaves, 3, &small, &tree);
        ck_assert(err == 0 || (err == COVE_ENOMEM && tree.height == 99));
        cove_arena_clear(&small);
        ck_assert_int_eq(alloc.alive, 0);
    }
    cove_arena_clear(&arena);
    vectors_free(golden);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("batch");
    TCase *tc = tcase_create("batch");

    if (cove_crypto_init() != 0) {
        return EXIT_FAILURE;
    }
    tcase_add_test(tc,
                   golden_batches_verify_and_encode_again_to_the_same_bytes);
    tcase_add_test(tc, sessions_chains_and_digests_have_their_golden_values);
    tcase_add_test(tc, a_head_is_signed_as_the_golden_batch_is);
    tcase_add_test(tc, a_proof_holds_for_its_head_alone);
    tcase_add_test(tc, every_flipped_bit_of_a_batch_is_refused);
    tcase_add_test(tc, every_truncation_and_a_byte_more_is_refused);
    tcase_add_test(tc, each_rule_is_kept_and_each_refusal_names_it);
    tcase_add_test(tc, a_batch_has_its_limits_both_ways);
    tcase_add_test(tc, what_decode_would_refuse_is_not_written);
    tcase_add_test(tc, roots_are_those_of_rfc_9162);
    tcase_add_test(tc, every_leaf_of_every_small_tree_has_a_path_to_its_root);
    tcase_add_test(tc, a_tree_has_1_to_65536_leaves);
    tcase_add_test(tc, one_group_signature_covers_the_heads_of_five_documents);
    tcase_add_test(tc, running_out_of_memory_changes_nothing);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
