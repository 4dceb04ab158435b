/* tx_cases.h: transactions in hex, what decoding says of each, and that what
 * it accepts encodes to the same bytes. */
#ifndef COVE_TESTS_TX_CASES_H
#define COVE_TESTS_TX_CASES_H

#include "crdt/tx.h"
#include "tests/unit/vectors.h"

/* Encoded items, in hex. A key of 32 bytes, a session of 16, a hash of 8. */
#define H8(b)   b b b b b b b b
#define B32(b)  "5820" H8(b) H8(b) H8(b) H8(b)
#define B31     "581f" H8("11") H8("11") H8("11") "11111111111111"
#define B16(b)  "50" H8(b) H8(b)
#define B8(b)   "48" H8(b)
#define B24     "5818" H8("44") H8("44") H8("44")
#define ROW(t)  "85" t B32("11") B16("22") "00" B8("33")
#define FRONT   "00 01 00 40 80 f6"
#define COPY    "00 01 01 40 80 f6"
#define SET     "83 00 6161 01"
#define REMOVE  "6672656d6f7665"
#define CLAIM   "65636c61696d"
#define ORIGINS "676f726967696e73"
#define PRIVATE "6770726976617465"
#define KEY     "636b6579" B32("33")
#define OPS16   "636f7073" B16("55")
#define NONCE   "656e6f6e6365" B24

static inline int tx_decode(struct cove_bytes in, struct cove_arena *arena,
                            struct cove_tx *out)
{
    return cove_tx_decode(in, arena, out, NULL);
}

/* A transaction that was accepted and is not ahead encodes to its bytes. */
static inline void assert_encodes_to(const struct cove_tx *tx,
                                     struct cove_bytes bytes)
{
    struct cove_buf out;
    struct cove_diag diag;

    cove_diag_clear(&diag);
    cove_buf_init(&out, &cove_alloc_libc);

    int err = cove_tx_encode(tx, &out, &diag);

    ck_assert_msg(err == 0, "%d: %s", err, diag.text);
    vectors_assert_equal(cove_buf_bytes(&out), bytes);
    cove_buf_clear(&out);
}

struct tx_case {
    const char *hex;
    int code;
    const char *named; /* what the refusal's sentence holds */
};

static inline void tx_assert_cases(const struct tx_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct tx_case *c = &cases[i];
        struct cove_bytes b = vectors_hex(c->hex, c->hex + strlen(c->hex));
        struct cove_arena arena;
        struct cove_diag diag;
        struct cove_tx out;
        struct cove_tx before;

        cove_arena_init(&arena, &cove_alloc_libc);
        cove_diag_clear(&diag);
        memset(&out, 0xee, sizeof(out));
        memcpy(&before, &out, sizeof(out));

        int err = cove_tx_decode(b, &arena, &out, &diag);

        ck_assert_msg(err == c->code, "case %zu %s: %d, %s", i, c->hex, err,
                      diag.text);
        ck_assert_int_eq(diag.code, err);
        if (err != 0) {
            ck_assert_msg(strstr(diag.text, c->named) != NULL,
                          "case %zu %s: %s", i, c->hex, diag.text);
            ck_assert_mem_eq(&out, &before, sizeof(out));
        } else if (!out.ahead) {
            assert_encodes_to(&out, b);
        }
        cove_arena_clear(&arena);
        vectors_free(b);
    }
}

/* Encode; where that succeeds, decoding must too. */
static inline int both_ways(const struct cove_tx *tx, size_t *len)
{
    struct cove_arena arena;
    struct cove_buf out;
    struct cove_tx again;

    cove_buf_init(&out, &cove_alloc_libc);

    int err = cove_tx_encode(tx, &out, NULL);

    *len = out.len;
    if (err == 0) {
        cove_arena_init(&arena, &cove_alloc_libc);
        ck_assert_int_eq(tx_decode(cove_buf_bytes(&out), &arena, &again), 0);
        assert_encodes_to(&again, cove_buf_bytes(&out));
        cove_arena_clear(&arena);
    } else {
        ck_assert_uint_eq(out.len, 0);
    }
    cove_buf_clear(&out);
    return err;
}

#endif
