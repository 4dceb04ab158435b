/* The messages of the sync protocol as bytes: what docs/PROTOCOL.md shows, both
 * sides of every limit, and what a hostile peer may send. */
#include <stdlib.h>

#include "core/limits.h"
#include "crdt/cut.h"
#include "sync/message.h"
#include "tests/unit/vectors.h"

static struct cove_buf out;
static struct cove_message message;
static struct cove_diag diag;
static struct cove_message_list list;

static void setup(void)
{
    cove_buf_init(&out, &cove_alloc_libc);
    cove_message_list_init(&list, &cove_alloc_libc);
}

static void teardown(void)
{
    cove_buf_clear(&out);
    cove_message_list_clear(&list);
}

static struct cove_id id_of(uint8_t byte)
{
    struct cove_id id;

    memset(id.b, byte, sizeof(id.b));
    return id;
}

static struct cove_id id_numbered(uint32_t n)
{
    struct cove_id id = id_of(0);

    memcpy(id.b, &n, sizeof(n));
    return id;
}

static struct cove_hash hash_of(uint8_t byte)
{
    struct cove_hash hash;

    memset(hash.b, byte, sizeof(hash.b));
    return hash;
}

/* Decode bytes from a block of exactly their size. */
static int decode(struct cove_bytes bytes)
{
    struct cove_bytes exact = vectors_exact(bytes);
    int err;

    cove_diag_clear(&diag);
    err = cove_message_decode(exact, &message, &diag);
    ck_assert(err == 0 || (err == COVE_EPROTOCOL && diag.code == err &&
                           diag.text[0] != '\0'));
    vectors_free(exact);
    return err;
}

static int decode_out(void)
{
    int err;

    cove_diag_clear(&diag);
    err = cove_message_decode(cove_buf_bytes(&out), &message, &diag);
    ck_assert(err == 0 || (err == COVE_EPROTOCOL && diag.text[0] != '\0'));
    return err;
}

static int decode_hex(const char *hex)
{
    uint8_t bytes[256];
    size_t len = strlen(hex) / 2;

    ck_assert_uint_le(len, sizeof(bytes));
    ck_assert_int_eq(cove_hex_parse(hex, bytes, len), 0);
    return decode(cove_bytes(bytes, len));
}

/* --- the document */

static void example(char *text, size_t cap, const char *title)
{
    size_t used = strlen(text);

    used += (size_t)snprintf(text + used, cap - used, "    # %s\n", title);
    for (size_t i = 0; i < out.len; i += 32) {
        char hex[COVE_HEX_LEN(32)];

        cove_hex(cove_bytes(out.at + i, out.len - i < 32 ? out.len - i : 32),
                 hex);
        used += (size_t)snprintf(text + used, cap - used, "    %s\n", hex);
    }
    ck_assert_uint_lt(used, cap);
    ck_assert_int_eq(decode_out(), 0);
    out.len = 0;
    cove_message_list_reset(&list);
}

static void example_cut(char *text, size_t cap)
{
    struct cove_cut_row row = {.len = 300, .last_hlc = 114688000000000000};
    struct cove_cut cut = {.document = id_of(0xd0),
                           .made_ms = 1781536000000,
                           .rows = &row,
                           .row_count = 1,
                           .state = cove_bytes_text("state")};
    struct cove_message_list batches, none;
    struct cove_buf bytes;

    memset(cut.device.b, 0xde, sizeof(cut.device.b));
    memset(cut.signature.b, 0x51, sizeof(cut.signature.b));
    memset(row.session.b, 0x5e, sizeof(row.session.b));
    memset(row.device.b, 0xdf, sizeof(row.device.b));
    memset(row.salt, 0x5a, sizeof(row.salt));
    row.head = hash_of(0x4e);
    cove_buf_init(&bytes, &cove_alloc_libc);
    cove_message_list_init(&batches, &cove_alloc_libc);
    cove_message_list_init(&none, &cove_alloc_libc);
    ck_assert_int_eq(cove_cut_encode(&cut, &bytes), 0);
    ck_assert_int_eq(cove_message_add_bytes(&batches, cove_buf_bytes(&bytes)),
                     0);
    ck_assert_int_eq(cove_message_put_content(&out, &none, &batches, &none), 0);
    example(text, cap,
            "content: the cut of d0…, up to 300 of session 5e…, no batch");
    cove_message_list_clear(&batches);
    cove_buf_clear(&bytes);
}

static void example_lists(char *text, size_t cap)
{
    struct cove_message_row row = {.len = 3};
    struct cove_id id = id_of(0xd0);
    struct cove_hash digest = hash_of(0xe0);
    struct cove_message_list empty, done;

    ck_assert_int_eq(cove_message_add_have(&list, &id, &digest), 0);
    ck_assert_int_eq(cove_message_put_have(&out, &list), 0);
    example(text, cap, "have: document d0…, digest e0…");
    memset(row.session.b, 0x5e, sizeof(row.session.b));
    memset(row.head, 0x4e, sizeof(row.head));
    ck_assert_int_eq(cove_message_add_know(&list, &id, &row, 1), 0);
    id = id_of(0xd1);
    ck_assert_int_eq(cove_message_add_know(&list, &id, NULL, 0), 0);
    ck_assert_int_eq(cove_message_put_know(&out, 2, &list), 0);
    example(text, cap,
            "know: 2 haves settled; of d0… session 5e… up to 3 with head "
            "4e…; of d1… nothing");
    cove_message_list_init(&empty, &cove_alloc_libc);
    cove_message_list_init(&done, &cove_alloc_libc);
    ck_assert_int_eq(cove_message_add_bytes(&list, cove_bytes_text("head")), 0);
    ck_assert_int_eq(cove_message_add_id(&done, &id), 0);
    ck_assert_int_eq(cove_message_put_content(&out, &list, &empty, &done), 0);
    example(text, cap,
            "content: one header (here the four bytes \"head\"), no batch, d1… "
            "is done");
    example_cut(text, cap);
    ck_assert_int_eq(cove_message_add_id(&list, &id), 0);
    ck_assert_int_eq(cove_message_put_ack(&out, 1000, &list), 0);
    example(text, cap, "ack: up to 1000, but for d1…");
    cove_message_list_clear(&done);
}

static void example_sums(char *text, size_t cap)
{
    static const uint8_t marks[] = "mark of 0   mark of 15  ";
    struct cove_message_sums sums = {.class = 3, .owner = id_of(0x6a)};
    struct cove_message_sum sum = {.depth = 3,
                                   .bits = {0xd0, 0xe0},
                                   .mask = 0x8001,
                                   .marks = cove_bytes(marks, 24)};
    static const uint8_t bits = 2;

    ck_assert_int_eq(cove_message_add_sum(&list, &sum), 0);
    ck_assert_int_eq(cove_message_put_sums(&out, &sums, &list), 0);
    example(text, cap,
            "sums: of content of group 6a… without a schema, what is below "
            "d0e");
    ck_assert_int_eq(cove_message_add_bytes(&list, cove_bytes(&bits, 1)), 0);
    ck_assert_int_eq(cove_message_put_differ(&out, &list), 0);
    example(text, cap, "differ: the second of them");
}

static void example_interest(char *text, size_t cap)
{
    struct cove_id schema = id_of(0x5c), doc = id_of(0xd0);
    uint8_t whole[COVE_MESSAGE_WHOLE_LEN];
    struct cove_buf interest;
    struct cove_writer w;

    cove_buf_init(&interest, &cove_alloc_libc);
    cove_writer_init(&w, &interest);
    cove_writer_list(&w, 3);
    cove_writer_list(&w, 1);
    cove_writer_bytes(&w, schema.b, sizeof(schema.b));
    cove_writer_list(&w, 0);
    cove_writer_list(&w, 1);
    cove_writer_list(&w, 2);
    cove_writer_bytes(&w, doc.b, sizeof(doc.b));
    cove_writer_uint(&w, 2);
    ck_assert_int_eq(w.err, 0);
    ck_assert_int_eq(cove_message_put_interest(&out, cove_buf_bytes(&interest)),
                     0);
    example(text, cap,
            "interest: documents of schema 5c…, and d0… with two steps of "
            "what it refers to");
    cove_buf_clear(&interest);
    ck_assert_int_eq(cove_message_put_interested(&out), 0);
    example(text, cap, "interested");
    memset(whole, 0x3a, sizeof(whole));
    ck_assert_int_eq(cove_message_put_whole(&out, whole), 0);
    example(text, cap, "whole");
    ck_assert_int_eq(cove_message_put_unlike(&out), 0);
    example(text, cap, "unlike");
    ck_assert_int_eq(cove_message_put_spare(&out, &doc), 0);
    example(text, cap, "spare: document d0…");
}

static void example_refused(char *text, size_t cap)
{
    struct cove_refusal refusal = {.has_id = true,
                                   .id = id_of(0xd1),
                                   .code = COVE_ESIGNATURE,
                                   .text = cove_bytes_text("not signed")};

    ck_assert_int_eq(cove_message_add_refusal(&list, &refusal), 0);
    refusal.has_id = false;
    refusal.code = COVE_EFORMAT;
    refusal.text = cove_bytes_text("no batch");
    ck_assert_int_eq(cove_message_add_refusal(&list, &refusal), 0);
    ck_assert_int_eq(cove_message_put_refused(&out, &list), 0);
    example(text, cap, "refused: d1… (-16), and what could not be read (-14)");
}

START_TEST(every_message_is_in_the_document_byte_by_byte)
{
    struct cove_hello hello = {.position = 1000,
                               .have = 23,
                               .credit = 1048576,
                               .client = cove_bytes_text("cove/0")};
    static const struct {
        enum cove_message_kind kind;
        uint64_t number;
        const char *title;
    } numbers[] = {
        {COVE_MESSAGE_POSITION, 1000, "position: 1000"},
        {COVE_MESSAGE_CREDIT, 524288, "credit: 524288 more"},
        {COVE_MESSAGE_PING, 7, "ping: 7"},
        {COVE_MESSAGE_PONG, 7, "pong: 7"},
        {COVE_MESSAGE_CLOCK, 1750000000000, "clock: 1750000000000"},
    };
    char *document = vectors_file("docs/PROTOCOL.md");
    char text[8192] = "";

    memset(hello.store_id, 0xaa, sizeof(hello.store_id));
    memset(hello.your_store, 0xbb, sizeof(hello.your_store));
    ck_assert_int_eq(cove_message_put_hello(&out, &hello), 0);
    example(text, sizeof(text),
            "hello: store aa… at 1000, of store bb… it holds 23, credit 1 MiB");
    example_lists(text, sizeof(text));
    for (size_t i = 0; i < COVE_ARRAY_LEN(numbers); i++) {
        ck_assert_int_eq(
            cove_message_put_number(&out, numbers[i].kind, numbers[i].number),
            0);
        example(text, sizeof(text), numbers[i].title);
    }
    example_refused(text, sizeof(text));
    example_sums(text, sizeof(text));
    example_interest(text, sizeof(text));

    bool there = strstr(document, text) != NULL;

    free(document);
    ck_assert_msg(there, "docs/PROTOCOL.md should have:\n%s", text);
}
END_TEST

/* --- what goes in comes out */

START_TEST(a_hello_comes_out_as_it_went_in)
{
    struct cove_hello hello = {.position = INT64_MAX,
                               .have = 1,
                               .credit = UINT64_MAX,
                               .client = cove_bytes_text("x")};
    struct cove_id id = id_of(1), found;
    struct cove_reader walk;

    ck_assert_int_eq(cove_message_add_id(&list, &id), 0);
    hello.refused.bytes = cove_buf_bytes(&list.items);
    hello.refused.count = 1;
    memset(hello.store_id, 3, sizeof(hello.store_id));
    memset(hello.your_store, 4, sizeof(hello.your_store));
    ck_assert_int_eq(cove_message_put_hello(&out, &hello), 0);
    ck_assert_int_eq(decode_out(), 0);
    ck_assert_uint_eq(message.kind, COVE_MESSAGE_HELLO);
    ck_assert_mem_eq(message.hello.store_id, hello.store_id, 16);
    ck_assert_mem_eq(message.hello.your_store, hello.your_store, 16);
    ck_assert_uint_eq(message.hello.position, INT64_MAX);
    ck_assert_uint_eq(message.hello.have, 1);
    ck_assert_uint_eq(message.hello.credit, UINT64_MAX);
    ck_assert(cove_bytes_equal(message.hello.client, hello.client));
    ck_assert_uint_eq(message.hello.refused.count, 1);
    walk = cove_message_walk(&message.hello.refused);
    ck_assert(cove_message_next_id(&walk, &found));
    ck_assert_mem_eq(&found, &id, sizeof(id));
    ck_assert(!cove_message_next_id(&walk, &found));
}
END_TEST

START_TEST(a_know_comes_out_as_it_went_in)
{
    struct cove_message_row rows[3], row;
    struct cove_message_items items;
    struct cove_reader walk, inner;
    struct cove_id id = id_of(9), found;

    memset(rows, 0, sizeof(rows));
    for (uint8_t i = 0; i < 3; i++) {
        rows[i].session.b[0] = i;
        rows[i].len = i + 1u;
        rows[i].head[7] = i;
    }
    ck_assert_int_eq(cove_message_add_know(&list, &id, rows, 3), 0);
    ck_assert_int_eq(cove_message_add_know(&list, &id, NULL, 0), 0);
    ck_assert_int_eq(cove_message_put_know(&out, 5, &list), 0);
    ck_assert_int_eq(decode_out(), 0);
    ck_assert_uint_eq(message.settled, 5);
    ck_assert_uint_eq(message.know.count, 2);
    walk = cove_message_walk(&message.know);
    ck_assert(cove_message_next_know(&walk, &found, &items));
    ck_assert_mem_eq(&found, &id, sizeof(id));
    ck_assert_uint_eq(items.count, 3);
    inner = cove_message_walk(&items);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert(cove_message_next_row(&inner, &row));
        ck_assert_uint_eq(row.len, i + 1);
        ck_assert_mem_eq(&row.session, &rows[i].session, sizeof(row.session));
        ck_assert_mem_eq(row.head, rows[i].head, sizeof(row.head));
    }
    ck_assert(!cove_message_next_row(&inner, &row));
    ck_assert(cove_message_next_know(&walk, &found, &items));
    ck_assert_uint_eq(items.count, 0);
    ck_assert(!cove_message_next_know(&walk, &found, &items));
}
END_TEST

START_TEST(a_refusal_is_cut_between_characters)
{
    char text[COVE_MESSAGE_MAX_REASON + 8];
    struct cove_refusal refusal = {.code = COVE_EFORMAT}, found;
    struct cove_reader walk;

    memset(text, 'x', sizeof(text));
    /* "é" across the limit */
    memcpy(text + COVE_MESSAGE_MAX_REASON - 1, "\xc3\xa9", 2);
    refusal.text = cove_bytes(text, sizeof(text));
    ck_assert_int_eq(cove_message_add_refusal(&list, &refusal), 0);
    ck_assert_int_eq(cove_message_put_refused(&out, &list), 0);
    ck_assert_int_eq(decode_out(), 0);
    walk = cove_message_walk(&message.refused);
    ck_assert(cove_message_next_refusal(&walk, &found));
    ck_assert_uint_eq(found.text.len, COVE_MESSAGE_MAX_REASON - 1);
    ck_assert(!found.has_id);
    ck_assert_int_eq(found.code, COVE_EFORMAT);
}
END_TEST

/* --- both sides of the limits */

static int try_have(size_t count)
{
    struct cove_hash digest = hash_of(1);

    out.len = 0;
    cove_message_list_reset(&list);
    for (size_t i = 0; i < count; i++) {
        struct cove_id id = id_numbered((uint32_t)i);

        ck_assert_int_eq(cove_message_add_have(&list, &id, &digest), 0);
    }
    ck_assert_int_eq(cove_message_put_have(&out, &list), 0);
    return decode_out();
}

static int try_know(size_t count, size_t row_count)
{
    struct cove_message_row *rows = calloc(row_count + 1, sizeof(*rows));

    out.len = 0;
    cove_message_list_reset(&list);
    for (size_t i = 0; i < row_count; i++) {
        rows[i].len = 1;
        rows[i].session.b[0] = (uint8_t)(i >> 8);
        rows[i].session.b[1] = (uint8_t)i;
    }
    for (size_t i = 0; i < count; i++) {
        struct cove_id id = id_numbered((uint32_t)i);

        ck_assert_int_eq(cove_message_add_know(&list, &id, rows, row_count), 0);
    }
    free(rows);
    ck_assert_int_eq(cove_message_put_know(&out, 0, &list), 0);
    return decode_out();
}

static int try_sums(size_t count, unsigned depth, unsigned mask, size_t marks)
{
    static const uint8_t zeros[40 * COVE_MESSAGE_MARK];
    struct cove_message_sums sums = {.class = 3, .has_schema = true};
    struct cove_message_sum sum = {.depth = (uint8_t)depth,
                                   .mask = (uint16_t)mask,
                                   .marks = cove_bytes(zeros, marks)};

    out.len = 0;
    cove_message_list_reset(&list);
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(cove_message_add_sum(&list, &sum), 0);
    }
    ck_assert_int_eq(cove_message_put_sums(&out, &sums, &list), 0);
    return decode_out();
}

static int try_differ(size_t count, size_t len)
{
    static const uint8_t bits[8];

    out.len = 0;
    cove_message_list_reset(&list);
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(cove_message_add_bytes(&list, cove_bytes(bits, len)),
                         0);
    }
    ck_assert_int_eq(cove_message_put_differ(&out, &list), 0);
    return decode_out();
}

static int try_content(size_t headers, size_t batches, size_t done)
{
    struct cove_message_list lists[3];
    size_t counts[] = {headers, batches, done};
    int err;

    out.len = 0;
    for (size_t i = 0; i < 3; i++) {
        cove_message_list_init(&lists[i], &cove_alloc_libc);
        for (size_t k = 0; k < counts[i]; k++) {
            struct cove_id id = id_numbered((uint32_t)k);

            ck_assert_int_eq(cove_message_add_id(&lists[i], &id), 0);
        }
    }
    ck_assert_int_eq(
        cove_message_put_content(&out, &lists[0], &lists[1], &lists[2]), 0);
    err = decode_out();
    for (size_t i = 0; i < 3; i++) {
        cove_message_list_clear(&lists[i]);
    }
    return err;
}

static int try_ack(uint64_t position, size_t refused)
{
    out.len = 0;
    cove_message_list_reset(&list);
    for (size_t i = 0; i < refused; i++) {
        struct cove_id id = id_numbered((uint32_t)i);

        ck_assert_int_eq(cove_message_add_id(&list, &id), 0);
    }
    ck_assert_int_eq(cove_message_put_ack(&out, position, &list), 0);
    return decode_out();
}

/* A8 */
START_TEST(lists_have_their_limits_and_no_other)
{
    ck_assert_int_eq(try_have(COVE_MESSAGE_MAX_HAVE), 0);
    ck_assert_int_eq(try_have(COVE_MESSAGE_MAX_HAVE + 1), COVE_EPROTOCOL);
    ck_assert_int_eq(try_know(COVE_MESSAGE_MAX_KNOW, 1), 0);
    ck_assert_int_eq(try_know(COVE_MESSAGE_MAX_KNOW + 1, 1), COVE_EPROTOCOL);
    ck_assert_int_eq(try_know(2, COVE_MESSAGE_MAX_ROWS), 0);
    ck_assert_int_eq(try_know(2, COVE_MESSAGE_MAX_ROWS + 1), COVE_EPROTOCOL);
    ck_assert_int_eq(try_content(COVE_MESSAGE_MAX_ITEMS, COVE_MESSAGE_MAX_ITEMS,
                                 COVE_MESSAGE_MAX_DONE),
                     0);
    ck_assert_int_eq(try_content(COVE_MESSAGE_MAX_ITEMS + 1, 0, 0),
                     COVE_EPROTOCOL);
    ck_assert_int_eq(try_content(0, COVE_MESSAGE_MAX_ITEMS + 1, 0),
                     COVE_EPROTOCOL);
    ck_assert_int_eq(try_content(0, 0, COVE_MESSAGE_MAX_DONE + 1),
                     COVE_EPROTOCOL);
    ck_assert_int_eq(try_ack(0, COVE_MESSAGE_MAX_REFUSED), 0);
    ck_assert_int_eq(try_ack(0, COVE_MESSAGE_MAX_REFUSED + 1), COVE_EPROTOCOL);
}
END_TEST

/* A30 */
START_TEST(sums_have_a_mark_for_each_thing_below_and_no_other)
{
    enum { M = COVE_MESSAGE_MARK };

    ck_assert_int_eq(try_sums(COVE_MESSAGE_MAX_SUMS, 0, 0, M), 0);
    ck_assert_int_eq(try_sums(COVE_MESSAGE_MAX_SUMS + 1, 0, 0, M),
                     COVE_EPROTOCOL);
    ck_assert_int_eq(try_sums(1, 32, 0, COVE_MESSAGE_SUM_LEAF * M), 0);
    ck_assert_int_eq(try_sums(1, 31, 0x8001, 2 * M), 0);
    ck_assert_int_eq(try_sums(1, 33, 0, M), COVE_EPROTOCOL);
    ck_assert_int_eq(try_sums(1, 32, 1, M), COVE_EPROTOCOL);
    ck_assert_int_eq(try_sums(1, 0, 0, 0), COVE_EPROTOCOL);
    ck_assert_int_eq(try_sums(1, 0, 0, M - 1), COVE_EPROTOCOL);
    ck_assert_int_eq(try_sums(1, 0, 0, (COVE_MESSAGE_SUM_LEAF + 1) * M),
                     COVE_EPROTOCOL);
    ck_assert_int_eq(try_sums(1, 0, 3, M), COVE_EPROTOCOL);
    ck_assert_int_eq(try_sums(1, 0, 3, 3 * M), COVE_EPROTOCOL);
    ck_assert_int_eq(try_differ(COVE_MESSAGE_MAX_SUMS, 1), 0);
    ck_assert_int_eq(try_differ(COVE_MESSAGE_MAX_SUMS + 1, 1), COVE_EPROTOCOL);
    ck_assert_int_eq(try_differ(1, COVE_MESSAGE_SUM_LEAF / 8), 0);
    ck_assert_int_eq(try_differ(1, COVE_MESSAGE_SUM_LEAF / 8 + 1),
                     COVE_EPROTOCOL);
    ck_assert_int_eq(try_differ(1, 0), COVE_EPROTOCOL);
    /* half a byte of a path that says more than its depth */
    ck_assert_int_eq(decode_hex("85100458200000000000000000000000000000000000"
                                "0000000000000000000000000000f6818401411100"
                                "4c000000000000000000000000"),
                     COVE_EPROTOCOL);
}
END_TEST

/* A31 */
START_TEST(numbers_have_their_limits)
{
    ck_assert_int_eq(try_ack(INT64_MAX, 0), 0);
    ck_assert_int_eq(try_ack((uint64_t)INT64_MAX + 1, 0), COVE_EPROTOCOL);
    ck_assert_int_eq(decode_hex("82041b7fffffffffffffff"), 0);
    ck_assert_int_eq(decode_hex("82041b8000000000000000"), COVE_EPROTOCOL);
    /* credit, ping and pong take any: what it means is bounded elsewhere */
    ck_assert_int_eq(decode_hex("82061bffffffffffffffff"), 0);
    ck_assert_int_eq(decode_hex("82071bffffffffffffffff"), 0);
    ck_assert_int_eq(decode_hex("820620"), COVE_EPROTOCOL); /* -1 */
    ck_assert_int_eq(decode_hex("8206f90000"), COVE_EPROTOCOL);
}
END_TEST

/* A know of one document with one row of this length. */
static int try_row_len(const char *len)
{
    char hex[256];

    snprintf(hex, sizeof(hex), "83020081825820%064d818350%032d%s48%016d", 0, 0,
             len, 0);
    return decode_hex(hex);
}

START_TEST(a_session_has_between_1_and_2_to_the_32_minus_1_transactions)
{
    ck_assert_int_eq(try_row_len("00"), COVE_EPROTOCOL);
    ck_assert_int_eq(try_row_len("01"), 0);
    ck_assert_int_eq(try_row_len("1affffffff"), 0);
    ck_assert_int_eq(try_row_len("1b0000000100000000"), COVE_EPROTOCOL);
    ck_assert_int_eq(try_row_len("20"), COVE_EPROTOCOL);
}
END_TEST

START_TEST(sessions_stand_in_order_and_once)
{
    struct cove_message_row rows[2];
    struct cove_id id = id_of(1);

    for (unsigned second = 0; second < 3; second++) {
        memset(rows, 0, sizeof(rows));
        rows[0].len = rows[1].len = 1;
        rows[0].session.b[3] = 1;
        rows[1].session.b[3] = (uint8_t)second;
        out.len = 0;
        cove_message_list_reset(&list);
        ck_assert_int_eq(cove_message_add_know(&list, &id, rows, 2), 0);
        ck_assert_int_eq(cove_message_put_know(&out, 0, &list), 0);
        ck_assert_int_eq(decode_out(), second == 2 ? 0 : COVE_EPROTOCOL);
    }
}
END_TEST

static int try_hello(size_t client, size_t extra)
{
    struct cove_writer w;
    char name[80];

    memset(name, 'n', sizeof(name));
    out.len = 0;
    cove_writer_init(&w, &out);
    cove_writer_list(&w, 8 + extra);
    cove_writer_uint(&w, COVE_MESSAGE_HELLO);
    cove_writer_bytes(&w, name, 16);
    cove_writer_uint(&w, 0);
    cove_writer_bytes(&w, name, 16);
    cove_writer_uint(&w, 0);
    cove_writer_uint(&w, 0);
    cove_writer_text(&w, cove_bytes(name, client));
    cove_writer_list(&w, 0);
    if (extra > 0) {
        cove_writer_null(&w); /* the interest: everything */
    }
    for (size_t i = 1; i < extra; i++) {
        cove_writer_cstr(&w, "of a later version");
    }
    ck_assert_int_eq(w.err, 0);
    return decode_out();
}

START_TEST(a_hello_may_say_more_than_this_version_knows)
{
    ck_assert_int_eq(try_hello(0, 0), 0);
    ck_assert_int_eq(try_hello(COVE_MESSAGE_MAX_CLIENT, 0), 0);
    ck_assert_int_eq(try_hello(COVE_MESSAGE_MAX_CLIENT + 1, 0), COVE_EPROTOCOL);
    ck_assert_int_eq(try_hello(1, 3), 0);
    ck_assert_int_eq(decode_hex("8100"), COVE_EPROTOCOL);
}
END_TEST

static int try_refusal(const char *code, size_t text)
{
    char hex[1024];
    size_t len =
        (size_t)snprintf(hex, sizeof(hex), "82098183f6%s78%02zx", code, text);
    uint8_t bytes[512];

    for (size_t i = 0; i < text; i++) {
        len += (size_t)snprintf(hex + len, sizeof(hex) - len, "78");
    }
    ck_assert_int_eq(cove_hex_parse(hex, bytes, len / 2), 0);
    return decode(cove_bytes(bytes, len / 2));
}

START_TEST(a_refusal_has_a_code_and_a_short_sentence)
{
    ck_assert_int_eq(try_refusal("2d", COVE_MESSAGE_MAX_REASON), 0);
    ck_assert_int_eq(try_refusal("2d", COVE_MESSAGE_MAX_REASON + 1),
                     COVE_EPROTOCOL);
    ck_assert_int_eq(try_refusal("39270e", 30), 0);              /* -9999 */
    ck_assert_int_eq(try_refusal("39270f", 30), COVE_EPROTOCOL); /* -10000 */
    ck_assert_int_eq(try_refusal("00", 30), COVE_EPROTOCOL);
}
END_TEST

START_TEST(a_message_has_at_most_a_mebibyte)
{
    uint8_t *bytes = calloc(1, COVE_MAX_MESSAGE + 1);
    size_t inner = COVE_MAX_MESSAGE - 8;

    /* [96, a byte string that fills it] */
    bytes[0] = 0x82;
    bytes[1] = 0x18;
    bytes[2] = 96;
    bytes[3] = 0x5a;
    bytes[4] = (uint8_t)(inner >> 24);
    bytes[5] = (uint8_t)(inner >> 16);
    bytes[6] = (uint8_t)(inner >> 8);
    bytes[7] = (uint8_t)inner;
    ck_assert_int_eq(decode(cove_bytes(bytes, COVE_MAX_MESSAGE)), 0);
    ck_assert_int_eq(decode(cove_bytes(bytes, COVE_MAX_MESSAGE + 1)),
                     COVE_EPROTOCOL);
    free(bytes);
}
END_TEST

/* --- hostile bytes */

START_TEST(unknown_kinds_below_64_break_the_protocol_and_others_do_not)
{
    char hex[16]; /* 64 is known */

    for (unsigned kind = 10; kind < 64; kind++) {
        snprintf(hex, sizeof(hex), kind < 24 ? "82%02x00" : "8218%02x00", kind);
        ck_assert_int_eq(decode_hex(hex), COVE_EPROTOCOL);
    }
    for (unsigned kind = COVE_MESSAGE_OTHER; kind < 256; kind++) {
        snprintf(hex, sizeof(hex), "8218%02xf6", kind);
        ck_assert_int_eq(decode_hex(hex), 0);
        ck_assert_uint_eq(message.kind, kind);
    }
    ck_assert_int_eq(decode_hex("821bffffffffffffffff00"), 0);
    ck_assert_int_eq(decode_hex("811860"), 0);
    /* Known ones are looked at like those below. */
    ck_assert_int_eq(decode_hex("821840f6"), COVE_EPROTOCOL);
    ck_assert_int_eq(decode_hex("811840"), COVE_EPROTOCOL);
}
END_TEST

/* A8 */
START_TEST(what_is_no_deterministic_cbor_is_refused)
{
    static const char *const bad[] = {
        "",
        "80",   /* no kind */
        "00",   /* no list */
        "a0",   /* a map */
        "8100", /* a hello without items */
        "820401"
        "00",                   /* bytes behind it */
        "8204",                 /* too short */
        "820418",               /* cut in a head */
        "82041801",             /* a long form of 1 */
        "9f0401ff",             /* an indefinite length */
        "82c00401",             /* a tag */
        "8204f97e00",           /* a float */
        "9b1000000000000000",   /* a list of 2^60 */
        "9bffffffffffffffff04", /* and of 2^64 - 1 */
        "82015b1000000000000000",
        "8218607f6161ff",       /* an indefinite text */
        "82186061ff",           /* bad UTF-8 */
        "821860a2616100616101", /* a key twice */
        "821860a2616200616101", /* keys out of order */
        "821860fb7ff8000000000001",
        "830401"
        "00",       /* one item too many */
        "8104",     /* one too few */
        "83020000", /* a know whose list is none */
        "840380"
        "80"
        "00",
        "82018182582000",
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(bad); i++) {
        ck_assert_msg(decode_hex(bad[i]) == COVE_EPROTOCOL, "%s", bad[i]);
    }
}
END_TEST

/* A8 */
START_TEST(ten_thousand_lists_in_each_other_are_refused)
{
    uint8_t *bytes = malloc(10004);

    memset(bytes, 0x81, 10004);
    memcpy(bytes, "\x82\x18\x40", 3);
    bytes[10003] = 0;
    ck_assert_int_eq(decode(cove_bytes(bytes, 10004)), COVE_EPROTOCOL);
    free(bytes);
}
END_TEST

/* Walk all that a message says, so that a sanitizer sees every byte read. */
static size_t walk_all(void)
{
    struct cove_reader walk;
    struct cove_message_items rows;
    struct cove_message_row row;
    struct cove_refusal refusal;
    struct cove_hash digest;
    struct cove_bytes bytes;
    struct cove_id id;
    size_t seen = 0;

    walk = cove_message_walk(&message.have);
    while (cove_message_next_have(&walk, &id, &digest)) {
        seen++;
    }
    walk = cove_message_walk(&message.know);
    while (cove_message_next_know(&walk, &id, &rows)) {
        struct cove_reader inner = cove_message_walk(&rows);

        while (cove_message_next_row(&inner, &row)) {
            seen++;
        }
    }
    walk = cove_message_walk(&message.batches);
    while (cove_message_next_bytes(&walk, &bytes)) {
        seen += bytes.len;
    }
    walk = cove_message_walk(&message.refused);
    while (message.kind == COVE_MESSAGE_REFUSED &&
           cove_message_next_refusal(&walk, &refusal)) {
        seen += refusal.text.len;
    }
    return seen;
}

START_TEST(every_bit_changed_and_every_cut_is_decoded_or_refused)
{
    struct cove_bytes whole;

    ck_assert_int_eq(try_know(2, 2), 0);
    whole = vectors_exact(cove_buf_bytes(&out));
    for (size_t len = 0; len < whole.len; len++) {
        ck_assert_int_eq(decode(cove_bytes(whole.at, len)), COVE_EPROTOCOL);
    }
    for (size_t bit = 0; bit < whole.len * 8; bit++) {
        memcpy(out.at, whole.at, whole.len);
        out.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (decode_out() == 0) {
            (void)walk_all();
        }
    }
    vectors_free(whole);
}
END_TEST

START_TEST(out_of_memory_leaves_lists_and_messages_as_they_were)
{
    struct harness_alloc heap;
    struct cove_message_row row = {.len = 1};
    struct cove_refusal refusal = {.code = COVE_EIO,
                                   .text = cove_bytes_text("x")};
    struct cove_id id = id_of(1);
    struct cove_hash digest = hash_of(2);

    for (long fail = 1;; fail++) {
        struct cove_message_list l;
        struct cove_buf m;
        int err = 0;

        harness_alloc_init(&heap, fail);
        cove_message_list_init(&l, &heap.alloc);
        cove_buf_init(&m, &heap.alloc);
        for (unsigned i = 0; i < 200 && err == 0; i++) {
            size_t len = l.items.len, count = l.count;

            err = i % 4 == 0   ? cove_message_add_have(&l, &id, &digest)
                  : i % 4 == 1 ? cove_message_add_know(&l, &id, &row, 1)
                  : i % 4 == 2 ? cove_message_add_refusal(&l, &refusal)
                               : cove_message_add_id(&l, &id);
            if (err != 0) {
                ck_assert_int_eq(err, COVE_ENOMEM);
                ck_assert_uint_eq(l.items.len, len);
                ck_assert_uint_eq(l.count, count);
            }
        }
        if (err == 0) {
            err = cove_message_put_have(&m, &l);
            ck_assert(err == 0 || (err == COVE_ENOMEM && m.len == 0));
        }
        cove_message_list_clear(&l);
        cove_buf_clear(&m);
        ck_assert_int_eq(heap.alive, 0);
        if (err == 0) {
            break;
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("message");
    TCase *tc = tcase_create("message");

    tcase_add_checked_fixture(tc, setup, teardown);
#define ADD(test) tcase_add_test(tc, test)
    ADD(every_message_is_in_the_document_byte_by_byte);
    ADD(a_hello_comes_out_as_it_went_in);
    ADD(a_know_comes_out_as_it_went_in);
    ADD(a_refusal_is_cut_between_characters);
    ADD(lists_have_their_limits_and_no_other);
    ADD(sums_have_a_mark_for_each_thing_below_and_no_other);
    ADD(numbers_have_their_limits);
    ADD(a_session_has_between_1_and_2_to_the_32_minus_1_transactions);
    ADD(sessions_stand_in_order_and_once);
    ADD(a_hello_may_say_more_than_this_version_knows);
    ADD(a_refusal_has_a_code_and_a_short_sentence);
    ADD(a_message_has_at_most_a_mebibyte);
    ADD(unknown_kinds_below_64_break_the_protocol_and_others_do_not);
    ADD(what_is_no_deterministic_cbor_is_refused);
    ADD(ten_thousand_lists_in_each_other_are_refused);
    ADD(every_bit_changed_and_every_cut_is_decoded_or_refused);
    ADD(out_of_memory_leaves_lists_and_messages_as_they_were);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
