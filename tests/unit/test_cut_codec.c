/* The bytes of a cut: the golden one, each form that is none with its sentence,
 * and both sides of each limit. */
#include "core/cbor.h"
#include "core/limits.h"
#include "core/zip.h"
#include "tests/unit/cut_kit.h"
#include "tests/unit/vectors.h"

static struct cove_bytes golden;
static struct cove_arena arena;
static struct cove_secret alice;

static void golden_open(void)
{
    struct cove_key key;
    uint8_t seed[32];

    ck_assert_int_eq(cove_crypto_init(), 0);
    vectors_copy("device.alice.seed", seed, sizeof(seed));
    cove_key_of_seed(seed, &alice, &key);
    cove_arena_init(&arena, &cove_alloc_libc);
    golden = vectors_get("cut.first");
}

static void golden_close(void)
{
    vectors_free(golden);
    cove_arena_clear(&arena);
}

static struct cove_cut golden_cut(void)
{
    struct cove_cut cut;
    struct cove_diag diag = {0};
    int err = cove_cut_decode(golden, &arena, &cut, &diag);

    ck_assert_msg(err == 0, "%d %s", err, diag.text);
    return cut;
}

static struct cove_bytes cut_bytes(const struct cove_cut *cut)
{
    struct cove_bytes bytes;
    struct cove_buf buf;

    cove_buf_init(&buf, &cove_alloc_libc);
    ck_assert_int_eq(cove_cut_encode(cut, &buf), 0);
    ck_assert_int_eq(cove_arena_copy(&arena, cove_buf_bytes(&buf), &bytes), 0);
    cove_buf_clear(&buf);
    return bytes;
}

static void assert_code(struct cove_bytes in, int code, const char *says)
{
    struct cove_cut cut = {.row_count = 77};
    struct cove_diag diag = {0};
    struct cove_bytes exact = vectors_exact(in);
    int err = cove_cut_decode(exact, &arena, &cut, &diag);

    vectors_free(exact);
    ck_assert_msg(err == code && strstr(diag.text, says) != NULL,
                  "%d \"%s\", not %d \"%s\"", err, diag.text, code, says);
    ck_assert_uint_eq(cut.row_count, 77);
}

START_TEST(the_golden_cut_is_read_and_written_again)
{
    struct cove_cut cut = golden_cut();
    struct cove_bytes message = vectors_get("cut.message");
    struct cove_bytes raw = vectors_get("cut.state");
    struct cove_hash head;
    struct cove_signature signature;
    struct cove_unpacker u;
    struct cove_buf buf;

    vectors_copy("chain.2", head.b, sizeof(head.b));
    ck_assert_uint_eq(cut.made_ms, 1750000000000);
    ck_assert_uint_eq(cut.row_count, 1);
    ck_assert_uint_eq(cut.rows[0].len, 2);
    ck_assert_mem_eq(&cut.rows[0].head, &head, sizeof(head));
    ck_assert(!cut.rows[0].has_epoch);
    ck_assert_uint_eq(cove_cut_until(&cut), cut.rows[0].last_hlc);
    ck_assert_ptr_eq(cove_cut_row_of(&cut, &cut.rows[0].session), cut.rows);
    vectors_assert_equal(cut_bytes(&cut), golden);
    ck_assert_int_eq(cove_verify(&cut.device, message, &cut.signature), 0);
    signature = cut.signature;
    memset(&cut.signature, 0, sizeof(cut.signature));
    ck_assert_int_eq(cove_cut_sign(&alice, &cove_alloc_libc, &cut), 0);
    ck_assert_mem_eq(&cut.signature, &signature, sizeof(signature));
    ck_assert(cove_cut_is(golden) && !cove_cut_is(cove_bytes("\x87", 1)) &&
              !cove_cut_is(cove_bytes("", 0)));

    cove_unpacker_init(&u, cut.state);
    ck_assert_uint_eq(cove_unpack_varint(&u), raw.len);
    cove_buf_init(&buf, &cove_alloc_libc);
    ck_assert_int_eq(
        cove_unzip(cove_bytes(u.at, (size_t)(u.end - u.at)), raw.len, &buf), 0);
    vectors_assert_equal(cove_buf_bytes(&buf), raw);
    cove_buf_clear(&buf);
    vectors_free(message);
    vectors_free(raw);
}
END_TEST

/* And what comes behind it is taken as if all before had been there. */
START_TEST(a_store_takes_the_golden_cut)
{
    static const char *const headers[] = {"header.group", "header.comap"};
    struct cove_cut cut = golden_cut();
    struct cove_ingest_result result;
    struct cove_batch batch;
    struct kit k;

    kit_open(&k, FIXTURE_MEMORY, 1);
    for (size_t i = 0; i < COVE_ARRAY_LEN(headers); i++) {
        struct cove_bytes header = vectors_get(headers[i]);
        struct cove_id id = cove_header_id(header);

        kit_take_header(&k, &id, header);
        vectors_free(header);
    }

    int err = cut_take(&k, golden, &result);

    ck_assert_msg(err == 0, "%d %s", err, k.diag.text);
    ck_assert_uint_eq(result.added, 1);

    struct cove_bytes later = vectors_get("batch.later");

    ck_assert_int_eq(cove_batch_decode(later, &arena, &batch, NULL), 0);
    ck_assert_int_eq(kit_ingest(&k, &batch, 1, &result), 0);
    ck_assert_uint_eq(result.have, 3);
    ck_assert(cove_bytes_equal(cut_of(&k, &cut.document), golden));

    struct cove_store_txn *txn = kit_begin(&k, false);
    struct cove_doc doc = kit_load(&k, txn, &cut.document);

    ck_assert_uint_eq(doc.session_count, 1);
    ck_assert_uint_eq(doc.sessions[0].base, 2);
    ck_assert(doc.state.native_count >= 1 && doc.state.natives[0].deleted);
    cove_store_abort(txn);
    vectors_free(later);
    kit_close(&k);
}
END_TEST

/* --- forms */

static struct cove_bytes item_of(const char *hex)
{
    struct cove_bytes parsed = vectors_hex(hex, hex + strlen(hex));
    struct cove_bytes item;

    ck_assert_int_eq(cove_arena_copy(&arena, parsed, &item), 0);
    vectors_free(parsed);
    return item;
}

/* The golden cut with another item: of the cut, or where `row` of its row; -1:
 * none. A head of another count and nothing else changed where item is empty.
 */
static struct cove_bytes cut_with(bool row, int at, const char *hex)
{
    struct cove_reader r;
    struct cove_writer w;
    struct cove_buf buf;
    struct cove_bytes bytes;

    cove_buf_init(&buf, &cove_alloc_libc);
    cove_writer_init(&w, &buf);
    cove_reader_init(&r, golden);
    cove_writer_list(&w, cove_reader_list(&r));
    for (int i = 0; i < 6; i++) {
        struct cove_bytes item = cove_reader_item(&r);

        if (!row && i == at) {
            cove_writer_item(&w, item_of(hex));
        } else if (row && i == 3) {
            struct cove_reader inner;

            cove_reader_init(&inner, item);
            cove_writer_list(&w, cove_reader_list(&inner));
            cove_writer_list(&w, cove_reader_list(&inner));
            for (int k = 0; k < 7; k++) {
                item = cove_reader_item(&inner);
                cove_writer_item(&w, k == at ? item_of(hex) : item);
            }
        } else {
            cove_writer_item(&w, item);
        }
    }
    ck_assert_int_eq(w.err, 0);
    ck_assert_int_eq(cove_arena_copy(&arena, cove_buf_bytes(&buf), &bytes), 0);
    cove_buf_clear(&buf);
    return bytes;
}

#define H8(b) b b b b b b b b
#define B16   "50" H8("22") H8("22")
#define B15   "4f" H8("22") "22222222222222"
#define B32   "5820" H8("11") H8("11") H8("11") H8("11")
#define B31   "581f" H8("11") H8("11") H8("11") "11111111111111"
#define H64   H8("33") H8("33") H8("33") H8("33")
#define B64   "5840" H64 H64
#define B63   "583f" H64 H8("33") H8("33") H8("33") "33333333333333"

START_TEST(what_is_no_cut_is_named)
{
    static const struct {
        bool row;
        int at;
        const char *hex;
        int code;
        const char *says;
    } forms[] = {
        {false, 0, B31, COVE_EFORMAT, "document and device must be 32 bytes"},
        {false, 0, "05", COVE_EFORMAT, "document and device must be 32 bytes"},
        {false, 1, B31, COVE_EFORMAT, "document and device must be 32 bytes"},
        {false, 1, "f6", COVE_EFORMAT, "document and device must be 32 bytes"},
        {false, 2, "20", COVE_EFORMAT, "its time must fit 63 bits"},
        {false, 2, "f6", COVE_EFORMAT, "its time must fit 63 bits"},
        {false, 2, "1b8000000000000000", COVE_EFORMAT, "must fit 63 bits"},
        {false, 2, "1b7fffffffffffffff", COVE_ESIGNATURE, "not signed by"},
        {false, 3, "05", COVE_EFORMAT, "the rows must be a list"},
        {false, 3, "80", COVE_ELIMIT, "0 rows; it must be 1 to 4096"},
        {false, 3, "8105", COVE_EFORMAT, "a row must be [session, device"},
        {false, 3, "8186050505050505", COVE_EFORMAT, "a row must be"},
        {false, 4, "60", COVE_EFORMAT, "the state must be bytes"},
        {false, 4, "40", COVE_ESIGNATURE, "not signed by the device it names"},
        {false, 5, B63, COVE_EFORMAT, "the signature must be 64 bytes"},
        {false, 5, "f6", COVE_EFORMAT, "the signature must be 64 bytes"},
        {false, 5, B64, COVE_ESIGNATURE, "not signed by the device it names"},
        {true, 0, B15, COVE_EFORMAT, "a row must be"},
        {true, 0, B16, COVE_EHASH, "not the hash of its device and salt"},
        {true, 1, B31, COVE_EFORMAT, "a row must be"},
        {true, 1, B32, COVE_EHASH, "not the hash of its device and salt"},
        {true, 2, B15, COVE_EFORMAT, "a row must be"},
        {true, 2, B16, COVE_EHASH, "not the hash of its device and salt"},
        {true, 3, "00", COVE_EFORMAT, "a row's length must be 1 to 2^32 - 1"},
        {true, 3, "20", COVE_EFORMAT, "a row must be"},
        {true, 3, "1b0000000100000000", COVE_EFORMAT, "1 to 2^32 - 1"},
        {true, 3, "1affffffff", COVE_ESIGNATURE, "not signed by"},
        {true, 3, "01", COVE_ESIGNATURE, "not signed by"},
        {true, 4, B31, COVE_EFORMAT, "a row must be"},
        {true, 4, B32, COVE_ESIGNATURE, "not signed by"},
        {true, 5, "20", COVE_EFORMAT, "a row must be"},
        {true, 5, "1bffffffffffffffff", COVE_ESIGNATURE, "not signed by"},
        {true, 6, B31, COVE_EFORMAT, "head, hlc, epoch or null]"},
        {true, 6, "05", COVE_EFORMAT, "head, hlc, epoch or null]"},
        {true, 6, B32, COVE_ESIGNATURE, "not signed by"},
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(forms); i++) {
        assert_code(cut_with(forms[i].row, forms[i].at, forms[i].hex),
                    forms[i].code, forms[i].says);
    }
    assert_code(cove_bytes("", 0), COVE_EFORMAT, "cut");
    assert_code(item_of("05"), COVE_EFORMAT, "it must be a list of 6 items");
    assert_code(item_of("850505050505"), COVE_EFORMAT, "a list of 6 items");
    assert_code(item_of("8705050505050505"), COVE_EFORMAT, "of 6 items");
    assert_code(item_of("a0"), COVE_EFORMAT, "it must be a list of 6 items");
    /* Deeper than a cut is; what comes behind it; what it lacks. */
    assert_code(cut_with(false, 3, "8187818181818105050505050505"), COVE_ELIMIT,
                "cut");
    assert_code(cove_bytes(golden.at, golden.len - 1), COVE_EFORMAT, "cut");

    struct cove_buf longer;

    cove_buf_init(&longer, &cove_alloc_libc);
    ck_assert_int_eq(cove_buf_append(&longer, golden), 0);
    ck_assert_int_eq(cove_buf_append(&longer, cove_bytes("\x05", 1)), 0);
    assert_code(cove_buf_bytes(&longer), COVE_EFORMAT, "cut");
    cove_buf_clear(&longer);
}
END_TEST

/* No bit of it can be another. */
START_TEST(a_cut_with_one_other_bit_is_none)
{
    uint8_t bytes[512];

    ck_assert_uint_le(golden.len, sizeof(bytes));
    memcpy(bytes, golden.at, golden.len);
    for (size_t i = 0; i < golden.len * 8; i++) {
        struct cove_cut cut;

        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
        ck_assert_int_ne(
            cove_cut_decode(cove_bytes(bytes, golden.len), &arena, &cut, NULL),
            0);
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
    }
}
END_TEST

/* --- rows and limits */

static int session_order(const void *left, const void *right)
{
    const struct cove_cut_row *a = left;
    const struct cove_cut_row *b = right;

    return memcmp(&a->session, &b->session, sizeof(a->session));
}

/* So many rows, in order. */
static struct cove_cut many_rows(size_t count)
{
    struct cove_cut cut = golden_cut();
    const struct cove_cut_row row = cut.rows[0];

    cut.row_count = count;
    cut.rows = cove_arena_array(&arena, count, sizeof(*cut.rows));
    ck_assert_ptr_nonnull(cut.rows);
    for (size_t i = 0; i < count; i++) {
        cut.rows[i] = row;
        memcpy(cut.rows[i].salt, &i, sizeof(i));
        cut.rows[i].session = cove_session_id_of(&row.device, cut.rows[i].salt);
        cut.rows[i].last_hlc = i + 1;
    }
    qsort(cut.rows, count, sizeof(*cut.rows), session_order);
    return cut;
}

static struct cove_bytes signed_bytes(struct cove_cut *cut)
{
    ck_assert_int_eq(cove_cut_sign(&alice, &cove_alloc_libc, cut), 0);
    return cut_bytes(cut);
}

START_TEST(rows_stand_in_order_and_each_once)
{
    struct cove_cut cut = many_rows(3);
    struct cove_cut again;
    struct cove_cut_row row;
    static const struct cove_session_id none;

    ck_assert_int_eq(cove_cut_decode(signed_bytes(&cut), &arena, &again, NULL),
                     0);
    ck_assert_uint_eq(cove_cut_until(&again), 3);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_ptr_eq(cove_cut_row_of(&again, &cut.rows[i].session),
                         &again.rows[i]);
    }
    ck_assert_ptr_null(cove_cut_row_of(&again, &none));
    row = cut.rows[1];
    cut.rows[1] = cut.rows[2];
    cut.rows[2] = row;
    assert_code(signed_bytes(&cut), COVE_EFORMAT,
                "rows must stand by session, each once");
    cut.rows[1] = cut.rows[2];
    assert_code(signed_bytes(&cut), COVE_EFORMAT,
                "rows must stand by session, each once");
}
END_TEST

START_TEST(a_cut_has_4096_rows_at_most)
{
    struct cove_cut cut = many_rows(COVE_MAX_SESSIONS);
    struct cove_cut again;

    ck_assert_int_eq(cove_cut_decode(signed_bytes(&cut), &arena, &again, NULL),
                     0);
    ck_assert_uint_eq(again.row_count, COVE_MAX_SESSIONS);
    cut = many_rows(COVE_MAX_SESSIONS + 1);
    assert_code(signed_bytes(&cut), COVE_ELIMIT,
                "4097 rows; it must be 1 to 4096");
}
END_TEST

START_TEST(a_cut_has_524288_bytes_at_most)
{
    struct cove_cut cut = golden_cut();
    size_t rest = golden.len - cut.state.len + 3; /* 3: a longer head */
    uint8_t *state = calloc(1, COVE_MAX_CUT);
    struct cove_cut again;
    struct cove_buf buf;

    ck_assert_ptr_nonnull(state);
    cut.state = cove_bytes(state, COVE_MAX_CUT - rest);

    struct cove_bytes most = signed_bytes(&cut);

    ck_assert_uint_eq(most.len, COVE_MAX_CUT);
    ck_assert_int_eq(cove_cut_decode(most, &arena, &again, NULL), 0);
    cut.state.len++;
    cove_buf_init(&buf, &cove_alloc_libc);
    ck_assert_int_eq(cove_buf_append(&buf, cove_bytes("x", 1)), 0);
    ck_assert_int_eq(cove_cut_encode(&cut, &buf), COVE_ELIMIT);
    ck_assert_uint_eq(buf.len, 1); /* nothing of it */
    cove_buf_clear(&buf);

    uint8_t *longer = calloc(1, COVE_MAX_CUT + 1);

    ck_assert_ptr_nonnull(longer);
    memcpy(longer, most.at, most.len);
    assert_code(cove_bytes(longer, most.len + 1), COVE_ELIMIT,
                "524289 bytes; the limit is 524288");
    free(longer);
    free(state);
}
END_TEST

/* The state's own limit is told before anything is unpacked. */
START_TEST(a_state_has_4194304_bytes_at_most)
{
    for (size_t more = 0; more < 2; more++) {
        struct cove_cut cut = golden_cut();
        size_t len = COVE_MAX_CUT_STATE + more;
        uint8_t *zeros = calloc(1, len);
        struct cove_ingest_result result;
        struct cove_packer p;
        struct cove_buf buf;
        struct kit k;

        ck_assert_ptr_nonnull(zeros);
        cove_buf_init(&buf, &cove_alloc_libc);
        cove_packer_init(&p, &buf);
        cove_pack_varint(&p, len);
        ck_assert_int_eq(cove_zip(cove_bytes(zeros, len), &buf), 0);
        cut.state = cove_buf_bytes(&buf);
        kit_open(&k, FIXTURE_MEMORY, 1);
        for (int i = 0; i < 2; i++) {
            struct cove_bytes header =
                vectors_get(i == 0 ? "header.group" : "header.comap");
            struct cove_id id = cove_header_id(header);

            kit_take_header(&k, &id, header);
            vectors_free(header);
        }
        ck_assert_int_eq(cut_take(&k, signed_bytes(&cut), &result),
                         COVE_EFORMAT);
        ck_assert_ptr_nonnull(
            strstr(k.diag.text, more == 0 ? "be read" : "be unpacked"));
        kit_close(&k);
        cove_buf_clear(&buf);
        free(zeros);
    }
}
END_TEST

START_TEST(each_allocation_that_fails_gives_its_code)
{
    struct harness_alloc heap;
    struct cove_cut cut = many_rows(40);
    struct cove_bytes bytes = signed_bytes(&cut);

    harness_alloc_init(&heap, 0);
    for (long n = 1;; n++) {
        struct cove_arena small;
        struct cove_cut again;
        struct cove_buf buf;
        int err;

        cove_arena_init(&small, &heap.alloc);
        cove_buf_init(&buf, &heap.alloc);
        heap.fail_at = heap.calls + n;
        err = cove_cut_sign(&alice, &heap.alloc, &cut);
        if (err == 0) {
            err = cove_cut_encode(&cut, &buf);
        }
        if (err == 0) {
            err = cove_cut_decode(bytes, &small, &again, NULL);
        }
        heap.fail_at = 0;
        cove_buf_clear(&buf);
        cove_arena_clear(&small);
        ck_assert_int_eq(heap.alive, 0);
        if (err == 0) {
            ck_assert_int_gt(n, 3);
            break;
        }
        ck_assert_int_eq(err, COVE_ENOMEM);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cut_codec");
    TCase *tc = tcase_create("codec");

    tcase_add_checked_fixture(tc, golden_open, golden_close);
    tcase_add_test(tc, the_golden_cut_is_read_and_written_again);
    tcase_add_test(tc, a_store_takes_the_golden_cut);
    tcase_add_test(tc, what_is_no_cut_is_named);
    tcase_add_test(tc, a_cut_with_one_other_bit_is_none);
    tcase_add_test(tc, rows_stand_in_order_and_each_once);
    tcase_add_test(tc, a_cut_has_4096_rows_at_most);
    tcase_add_test(tc, a_cut_has_524288_bytes_at_most);
    tcase_add_test(tc, a_state_has_4194304_bytes_at_most);
    tcase_add_test(tc, each_allocation_that_fails_gives_its_code);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
