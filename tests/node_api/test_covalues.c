/* Counters, streams and blobs through the public API. */
#include "tests/node_api/api_kit.h"

static struct api a;

static void setup(void)
{
    api_open(&a);
}

static void teardown(void)
{
    api_close(&a);
}

static struct cove_id make(enum cove_covalue type)
{
    return api_make(&a, type);
}

static void reopen(void)
{
    api_reopen(&a);
}

/* -------------------------------------------------------------- counters */

START_TEST(a_counter_is_read_with_what_was_just_added)
{
    struct cove_id id = make(COVE_COCOUNTER);
    struct cove_txn *txn = api_begin(&a, COVE_WRITE);
    int64_t n = 77;

    api_ok(cove_counter_get(txn, &id, &n), a.store);
    ck_assert_int_eq(n, 0);
    for (int i = 0; i < 1000; i++) {
        api_ok(cove_counter_add(txn, &id, 3), a.store);
    }
    api_ok(cove_counter_add(txn, &id, -1), a.store);
    api_ok(cove_counter_get(txn, &id, &n), a.store);
    ck_assert_int_eq(n, 2999);
    api_ok(cove_commit(txn), a.store);
    reopen();
    txn = api_begin(&a, COVE_READ);
    api_ok(cove_counter_get(txn, &id, &n), a.store);
    ck_assert_int_eq(n, 2999);
    ck_assert_int_eq(cove_counter_add(txn, &id, 1), COVE_EUSAGE);
    cove_abort(txn);
}
END_TEST

START_TEST(an_addition_beyond_64_bits_is_refused_and_the_rest_committed)
{
    struct cove_id id = make(COVE_COCOUNTER);
    struct cove_txn *txn = api_begin(&a, COVE_WRITE);
    int64_t n = 77;

    api_ok(cove_counter_add(txn, &id, INT64_MAX), a.store);
    ck_assert_int_eq(cove_counter_add(txn, &id, 1), COVE_ELIMIT);
    api_ok(cove_counter_get(txn, &id, &n), a.store);
    ck_assert_int_eq(n, INT64_MAX);
    api_ok(cove_counter_add(txn, &id, INT64_MIN), a.store);
    api_ok(cove_counter_add(txn, &id, INT64_MIN + 1), a.store);
    ck_assert_int_eq(cove_counter_add(txn, &id, -1), COVE_ELIMIT);
    api_ok(cove_counter_add(txn, &id, 0), a.store);
    api_ok(cove_commit(txn), a.store);
    txn = api_begin(&a, COVE_READ);
    api_ok(cove_counter_get(txn, &id, &n), a.store);
    ck_assert_int_eq(n, INT64_MIN);
    cove_abort(txn);
}
END_TEST

START_TEST(what_is_added_and_aborted_was_not_added)
{
    struct cove_id id = make(COVE_COCOUNTER);
    struct cove_txn *txn = api_begin(&a, COVE_WRITE);
    int64_t n = 77;

    api_ok(cove_counter_add(txn, &id, 5), a.store);
    cove_abort(txn);
    txn = api_begin(&a, COVE_WRITE | COVE_EACH);
    api_ok(cove_counter_add(txn, &id, 1), a.store);
    api_ok(cove_counter_add(txn, &id, 1), a.store);
    api_ok(cove_counter_get(txn, &id, &n), a.store);
    ck_assert_int_eq(n, 2);
    api_ok(cove_commit(txn), a.store);
    txn = api_begin(&a, COVE_READ);
    api_ok(cove_counter_get(txn, &id, &n), a.store);
    ck_assert_int_eq(n, 2);
    cove_abort(txn);
}
END_TEST

START_TEST(a_call_on_another_type_is_refused_by_name)
{
    struct cove_id counter = make(COVE_COCOUNTER);
    struct cove_id stream = make(COVE_COSTREAM);
    struct cove_txn *txn = api_begin(&a, COVE_WRITE);
    struct cove_blob blob = {.size_of = sizeof(blob), .bytes = -1};
    struct cove_tail *tail;
    int64_t n;

    ck_assert_int_eq(cove_counter_add(txn, &stream, 1), COVE_ETYPE);
    ck_assert_ptr_nonnull(strstr(cove_errmsg(a.store),
                                 "is a stream, not a counter: cove_stream_*"));
    ck_assert_int_eq(cove_counter_get(txn, &stream, &n), COVE_ETYPE);
    ck_assert_int_eq(cove_stream_append(txn, &counter, cove_int(1)),
                     COVE_ETYPE);
    ck_assert_int_eq(cove_stream_open(txn, &counter, NULL, NULL, &tail),
                     COVE_ETYPE);
    ck_assert_int_eq(cove_blob_begin(txn, &counter, &blob, &n), COVE_ETYPE);
    ck_assert_int_eq(cove_blob_info(txn, &counter, &blob), COVE_ETYPE);
    api_ok(cove_commit(txn), a.store);
}
END_TEST

/* --------------------------------------------------------------- streams */

START_TEST(a_stream_gives_what_was_appended_of_every_kind)
{
    struct cove_id id = make(COVE_COSTREAM);
    struct cove_txn *txn = api_begin(&a, COVE_WRITE);
    struct cove_key self = cove_device(a.store);
    struct cove_stream_entry e;
    struct cove_tail *tail;
    uint64_t length = 0;

    api_ok(cove_stream_append(txn, &id, cove_int(7)), a.store);
    api_ok(cove_stream_append(txn, &id, cove_text("seven")), a.store);
    api_ok(cove_stream_append(txn, &id, cove_json("{\"n\":[7]}")), a.store);
    ck_assert_int_eq(cove_stream_append(txn, &id, cove_json("{")), COVE_EJSON);
    api_ok(cove_stream_length(txn, &id, &length), a.store);
    ck_assert_uint_eq(length, 3);
    api_ok(cove_commit(txn), a.store);
    reopen();
    txn = api_begin(&a, COVE_READ);
    api_ok(cove_stream_length(txn, &id, &length), a.store);
    ck_assert_uint_eq(length, 3);
    api_ok(cove_stream_open(txn, &id, NULL, NULL, &tail), a.store);
    api_ok(cove_stream_next(tail, &e), a.store);
    ck_assert_int_eq(e.value.u.integer, 7);
    ck_assert_mem_eq(&e.author, &self, sizeof(self));
    ck_assert_int_gt(e.time_ms, 1600000000000);
    api_ok(cove_stream_next(tail, &e), a.store);
    ck_assert_str_eq(e.value.u.text, "seven");
    api_ok(cove_stream_next(tail, &e), a.store);
    ck_assert_str_eq(e.value.u.text, "{\"n\":[7]}");
    ck_assert_int_eq(cove_stream_next(tail, &e), COVE_ENOTFOUND);
    cove_abort(txn);
}
END_TEST

START_TEST(a_reader_goes_on_from_its_position)
{
    struct cove_id id = make(COVE_COSTREAM);
    char position[512] = "";
    int64_t next = 0;

    for (int64_t round = 0; round < 20; round++) {
        struct cove_txn *txn = api_begin(&a, COVE_WRITE);
        struct cove_stream_entry e;
        struct cove_tail *tail;

        api_ok(cove_stream_open(txn, &id, NULL, position, &tail), a.store);
        for (int64_t i = 0; i < 50; i++) {
            api_ok(cove_stream_append(txn, &id, cove_int(round * 50 + i)),
                   a.store);
        }
        for (int64_t i = 0; i < 30 + round; i++) {
            api_ok(cove_stream_next(tail, &e), a.store);
            ck_assert_int_eq(e.value.u.integer, next++);
        }
        snprintf(position, sizeof(position), "%s", cove_stream_position(tail));
        api_ok(cove_commit(txn), a.store);
    }
}
END_TEST

START_TEST(a_reader_may_skip_what_is_there)
{
    struct cove_id id = make(COVE_COSTREAM);
    struct cove_txn *txn = api_begin(&a, COVE_WRITE);
    struct cove_stream_entry e;
    struct cove_tail *tail;

    api_ok(cove_stream_append(txn, &id, cove_int(1)), a.store);
    api_ok(cove_stream_open(txn, &id, NULL, NULL, &tail), a.store);
    api_ok(cove_stream_append(txn, &id, cove_int(2)), a.store);
    api_ok(cove_stream_skip(tail), a.store);
    ck_assert_int_eq(cove_stream_next(tail, &e), COVE_ENOTFOUND);
    api_ok(cove_stream_append(txn, &id, cove_int(3)), a.store);
    api_ok(cove_stream_next(tail, &e), a.store);
    ck_assert_int_eq(e.value.u.integer, 3);
    api_ok(cove_commit(txn), a.store);
}
END_TEST

START_TEST(a_position_of_another_stream_is_refused)
{
    struct cove_id id = make(COVE_COSTREAM);
    struct cove_id other = make(COVE_COSTREAM);
    struct cove_txn *txn = api_begin(&a, COVE_WRITE);
    struct cove_stream_entry e;
    struct cove_tail *tail;
    struct cove_tail *second = NULL;

    api_ok(cove_stream_append(txn, &id, cove_int(1)), a.store);
    api_ok(cove_stream_open(txn, &id, NULL, NULL, &tail), a.store);
    api_ok(cove_stream_next(tail, &e), a.store);
    ck_assert_int_eq(cove_stream_open(txn, &other, NULL,
                                      cove_stream_position(tail), &second),
                     COVE_EFORMAT);
    ck_assert_ptr_null(second);
    ck_assert_int_eq(cove_stream_open(txn, &id, NULL, "hello", &second),
                     COVE_EFORMAT);
    api_ok(cove_commit(txn), a.store);
}
END_TEST

START_TEST(a_value_that_is_too_long_appends_nothing)
{
    static char text[70000];
    struct cove_id id = make(COVE_COSTREAM);
    struct cove_txn *txn = api_begin(&a, COVE_WRITE);
    struct cove_stream_entry e;
    struct cove_tail *tail;
    uint64_t length;

    memset(text, 'x', sizeof(text) - 1);
    ck_assert_int_eq(cove_stream_append(txn, &id, cove_text(text)),
                     COVE_ELIMIT);
    text[60000] = '\0';
    api_ok(cove_stream_append(txn, &id, cove_int(1)), a.store);
    api_ok(cove_stream_append(txn, &id, cove_text(text)), a.store);
    api_ok(cove_stream_append(txn, &id, cove_int(2)), a.store);
    api_ok(cove_commit(txn), a.store);
    txn = api_begin(&a, COVE_READ);
    api_ok(cove_stream_length(txn, &id, &length), a.store);
    ck_assert_uint_eq(length, 3);
    api_ok(cove_stream_open(txn, &id, NULL, NULL, &tail), a.store);
    api_ok(cove_stream_next(tail, &e), a.store);
    api_ok(cove_stream_next(tail, &e), a.store);
    ck_assert_uint_eq(e.value.len, 60000);
    cove_abort(txn);
}
END_TEST

/* ----------------------------------------------------------------- blobs */

static void fill(uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(i * 2654435761u >> 24);
    }
}

static int put(struct cove_txn *txn, const struct cove_id *id,
               const uint8_t *bytes, size_t len, size_t piece)
{
    struct cove_blob blob = {.size_of = sizeof(blob),
                             .name = "cat.png",
                             .mime = "image/png",
                             .bytes = (int64_t)len};
    int64_t at = 0;
    int err = cove_blob_begin(txn, id, &blob, &at);

    for (size_t done = (size_t)at; err == 0 && done < len; done += piece) {
        err = cove_blob_write(txn, id, bytes + done,
                              len - done < piece ? len - done : piece);
    }
    return err != 0 ? err : cove_blob_end(txn, id);
}

START_TEST(a_blob_is_read_as_it_was_written)
{
    static const size_t sizes[] = {0, 1, 50000, 60000, 500001};
    static const size_t pieces[] = {7000, 60000, 1000000};
    static uint8_t bytes[500001], out[500001];
    struct cove_id id = make(COVE_COBINARY);

    fill(bytes, sizeof(bytes));
    for (size_t i = 0; i < 15; i++) {
        size_t size = sizes[i % 5];
        struct cove_txn *txn = api_begin(&a, COVE_WRITE);
        struct cove_blob blob = {.size_of = sizeof(blob)};
        size_t len = 77;

        api_ok(put(txn, &id, bytes, size, pieces[i / 5]), a.store);
        if (i % 2 == 0) { /* and in the transaction that wrote it */
            api_ok(cove_commit(txn), a.store);
            txn = api_begin(&a, COVE_READ);
        }
        api_ok(cove_blob_info(txn, &id, &blob), a.store);
        ck_assert_str_eq(blob.name, "cat.png");
        ck_assert_str_eq(blob.mime, "image/png");
        ck_assert_int_eq(blob.bytes, (int64_t)size);
        ck_assert_int_eq(blob.held, (int64_t)size);
        ck_assert(blob.whole);
        api_ok(cove_blob_read(txn, &id, 0, out, sizeof(out), &len), a.store);
        ck_assert_uint_eq(len, size);
        ck_assert(memcmp(out, bytes, size) == 0);
        for (size_t at = 0; at < size; at += 9999) {
            api_ok(cove_blob_read(txn, &id, (int64_t)at, out, 100, &len),
                   a.store);
            ck_assert(memcmp(out, bytes + at, len) == 0);
        }
        api_ok(cove_blob_read(txn, &id, (int64_t)size, out, 1, &len), a.store);
        ck_assert_uint_eq(len, 0);
        ck_assert_int_eq(
            cove_blob_read(txn, &id, (int64_t)size + 1, out, 1, &len),
            COVE_EUSAGE);
        ck_assert_int_eq(cove_blob_read(txn, &id, -1, out, 1, &len),
                         COVE_EUSAGE);
        api_ok(cove_commit(txn), a.store);
    }
}
END_TEST

START_TEST(a_blob_goes_on_over_transactions_and_processes)
{
    static uint8_t bytes[400000], out[400000];
    struct cove_id id = make(COVE_COBINARY);
    struct cove_blob blob = {
        .size_of = sizeof(blob), .name = "b", .bytes = sizeof(bytes)};
    struct cove_blob info = {.size_of = sizeof(info)};
    struct cove_txn *txn;
    int64_t at = 0;
    size_t len;

    fill(bytes, sizeof(bytes));
    for (int64_t want = 0; want < 400000; want += 50000) {
        txn = api_begin(&a, COVE_WRITE);
        api_ok(cove_blob_begin(txn, &id, &blob, &at), a.store);
        ck_assert_int_eq(at, want);
        api_ok(cove_blob_write(txn, &id, bytes + at, 50000), a.store);
        ck_assert_int_eq(cove_blob_read(txn, &id, 0, out, 10, &len),
                         want == 0 ? COVE_ENOTFOUND : COVE_EGAP);
        if (want < 350000) {
            ck_assert_int_eq(cove_blob_end(txn, &id), COVE_ECONDITION);
        }
        api_ok(cove_commit(txn), a.store);
        txn = api_begin(&a, COVE_WRITE);
        api_ok(cove_blob_begin(txn, &id, &blob, &at), a.store);
        ck_assert_int_eq(at, want + 50000);
        ck_assert_int_eq(
            cove_blob_write(txn, &id, bytes, (size_t)(400001 - at)),
            COVE_ECONDITION);
        cove_abort(txn);
        reopen();
        txn = api_begin(&a, COVE_READ);
        api_ok(cove_blob_info(txn, &id, &info), a.store);
        ck_assert_int_eq(info.held, want + 50000);
        ck_assert_int_eq(info.bytes, 400000);
        ck_assert(!info.whole);
        cove_abort(txn);
    }
    txn = api_begin(&a, COVE_WRITE);
    ck_assert_int_eq(cove_blob_end(txn, &id), COVE_ECONDITION);
    api_ok(cove_blob_begin(txn, &id, &blob, &at), a.store);
    api_ok(cove_blob_end(txn, &id), a.store);
    api_ok(cove_commit(txn), a.store);
    txn = api_begin(&a, COVE_READ);
    api_ok(cove_blob_read(txn, &id, 0, out, sizeof(out), &len), a.store);
    ck_assert_uint_eq(len, sizeof(out));
    ck_assert(memcmp(out, bytes, len) == 0);
    cove_abort(txn);
}
END_TEST

START_TEST(a_blob_of_unknown_size_ends_where_its_writer_says)
{
    static uint8_t bytes[130000], out[130001];
    struct cove_id id = make(COVE_COBINARY);
    struct cove_txn *txn = api_begin(&a, COVE_WRITE);
    struct cove_blob blob = {.size_of = sizeof(blob), .bytes = -1};
    int64_t at;
    size_t len;

    fill(bytes, sizeof(bytes));
    ck_assert_int_eq(cove_blob_write(txn, &id, bytes, 1), COVE_ECONDITION);
    api_ok(cove_blob_begin(txn, &id, &blob, &at), a.store);
    api_ok(cove_blob_write(txn, &id, bytes, 100000), a.store);
    api_ok(cove_blob_write(txn, &id, bytes + 100000, 30000), a.store);
    api_ok(cove_blob_end(txn, &id), a.store);
    api_ok(cove_commit(txn), a.store);
    txn = api_begin(&a, COVE_READ);
    api_ok(cove_blob_info(txn, &id, &blob), a.store);
    ck_assert_ptr_null(blob.name);
    ck_assert_ptr_null(blob.mime);
    ck_assert_int_eq(blob.bytes, 130000);
    ck_assert(blob.whole);
    api_ok(cove_blob_read(txn, &id, 0, out, sizeof(out), &len), a.store);
    ck_assert_uint_eq(len, sizeof(bytes));
    ck_assert(memcmp(out, bytes, len) == 0);
    cove_abort(txn);
}
END_TEST

START_TEST(nothing_is_read_where_nothing_was_written)
{
    struct cove_id id = make(COVE_COBINARY);
    struct cove_txn *txn = api_begin(&a, COVE_READ);
    struct cove_blob blob = {.size_of = sizeof(blob)};
    uint8_t out[1];
    size_t len;

    ck_assert_int_eq(cove_blob_info(txn, &id, &blob), COVE_ENOTFOUND);
    ck_assert_int_eq(cove_blob_read(txn, &id, 0, out, 1, &len), COVE_ENOTFOUND);
    cove_abort(txn);
}
END_TEST

/* ------------------------------------------------------- texts and lists */

static void assert_says(int err, int code, const char *words)
{
    ck_assert_int_eq(err, code);
    ck_assert_msg(strstr(cove_errmsg(a.store), words) != NULL, "%s: %s", words,
                  cove_errmsg(a.store));
}

static void assert_text(struct cove_txn *txn, const struct cove_id *id,
                        const char *want)
{
    const char *text = NULL;
    size_t len = 0;

    api_ok(cove_text_get(txn, id, &text, &len), a.store);
    ck_assert_str_eq(text, want);
}

/* An e with an accent of its own, a space, a woman with a laptop: 15 bytes, 6
 * code points. */
#define MARKS "e\xcc\x81 \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb"

START_TEST(a_place_that_is_none_in_a_text_is_named_and_changes_nothing)
{
    struct cove_id id = make(COVE_COTEXT);
    struct cove_txn *txn = api_begin(&a, COVE_WRITE);
    static const struct {
        enum cove_unit unit;
        size_t at, remove;
        const char *says;
    } wrong[] = {
        {COVE_BYTES, 16, 0,
         "place 16 is beyond the end: the text has 15 bytes"},
        {COVE_BYTES, 2, 0, "byte 2 is inside a code point"},
        {COVE_BYTES, 0, 2, "byte 2 is inside a code point"},
        {COVE_BYTES, 5, 4, "byte 5 is inside a code point"},
        {COVE_CODEPOINTS, 7, 0, "the text has 6 code points"},
        {COVE_CODEPOINTS, 6, 1, "place 6 is beyond the end"},
        {COVE_CODEPOINTS, 1, 6,
         "6 code points from place 1 on go beyond the "
         "end: the text has 6"},
        {COVE_CODEPOINTS, SIZE_MAX, SIZE_MAX, "is beyond the end"},
        {COVE_CODEPOINTS, 1, SIZE_MAX, "go beyond the end"},
        {(enum cove_unit)7, 0, 0, "no such unit"},
    };

    api_ok(cove_text_update(txn, &id, MARKS, strlen(MARKS)), a.store);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_says(cove_text_splice(txn, &id, wrong[i].unit, wrong[i].at,
                                     wrong[i].remove, "x", 1),
                    COVE_EUSAGE, wrong[i].says);
        assert_says(cove_text_splice(txn, &id, wrong[i].unit, wrong[i].at,
                                     wrong[i].remove, NULL, 0),
                    COVE_EUSAGE, wrong[i].says);
    }
    assert_text(txn, &id, MARKS);
    api_ok(cove_commit(txn), a.store);
    reopen();
    txn = api_begin(&a, COVE_READ);
    assert_text(txn, &id, MARKS);
    cove_abort(txn);
}
END_TEST

START_TEST(clusters_are_counted_from_the_beginning_in_what_is_said)
{
    struct cove_id id = make(COVE_COTEXT);
    struct cove_txn *txn = api_begin(&a, COVE_WRITE);
    size_t length = 0;

    api_ok(cove_text_update(txn, &id, MARKS, strlen(MARKS)), a.store);
    if (cove_text_length(txn, &id, COVE_GRAPHEMES, &length) == 0) {
        ck_assert_uint_eq(length, 3);
        assert_says(
            cove_text_splice(txn, &id, COVE_GRAPHEMES, 4, 0, "x", 1),
            COVE_EUSAGE,
            "place 4 is beyond the end: the text has 3 grapheme clusters");
        assert_says(
            cove_text_splice(txn, &id, COVE_GRAPHEMES, 2, 2, "x", 1),
            COVE_EUSAGE,
            "2 grapheme clusters from place 2 on go beyond the end: the text "
            "has 3");
    } else {
        assert_says(cove_text_splice(txn, &id, COVE_GRAPHEMES, 4, 0, "x", 1),
                    COVE_EUNSUPPORTED, "utf8proc");
    }
    assert_text(txn, &id, MARKS);
    cove_abort(txn);
}
END_TEST

START_TEST(a_cursor_to_a_place_that_is_none_is_refused)
{
    struct cove_id text = make(COVE_COTEXT);
    struct cove_id list = make(COVE_COLIST);
    struct cove_id counter = make(COVE_COCOUNTER);
    struct cove_txn *txn = api_begin(&a, COVE_WRITE);
    struct cove_cursor cursor;

    api_ok(cove_text_update(txn, &text, MARKS, strlen(MARKS)), a.store);
    assert_says(cove_cursor_make(txn, &text, COVE_CODEPOINTS, 60, &cursor),
                COVE_EUSAGE, "place 60 is beyond the end: the text has 6");
    assert_says(cove_cursor_make(txn, &text, COVE_BYTES, 2, &cursor),
                COVE_EUSAGE, "byte 2 is inside a code point");
    assert_says(cove_cursor_make(txn, &text, (enum cove_unit)7, 2, &cursor),
                COVE_EUSAGE, "no such unit");
    assert_says(cove_cursor_make(txn, &list, COVE_BYTES, 1, &cursor),
                COVE_EUSAGE, "place 1 is beyond the end: the list has 0 items");
    assert_says(cove_cursor_make(txn, &counter, COVE_BYTES, 0, &cursor),
                COVE_ETYPE, "only lists and texts");
    cove_abort(txn);
}
END_TEST

START_TEST(a_place_that_is_none_in_a_list_is_named_and_changes_nothing)
{
    struct cove_id id = make(COVE_COLIST);
    struct cove_txn *txn = api_begin(&a, COVE_WRITE);
    struct cove_value value;
    size_t length = 0;

    api_ok(cove_list_update(txn, &id, "[1,2]"), a.store);
    assert_says(cove_list_get(txn, &id, 2, &value), COVE_EUSAGE,
                "place 2 is beyond the end: the list has 2 items");
    assert_says(cove_list_get(txn, &id, SIZE_MAX, &value), COVE_EUSAGE,
                "is beyond the end");
    assert_says(cove_list_set(txn, &id, 2, cove_int(3)), COVE_EUSAGE,
                "place 2 ");
    assert_says(cove_list_insert(txn, &id, 3, cove_int(3)), COVE_EUSAGE,
                "place 3 ");
    assert_says(cove_list_splice(txn, &id, 1, 2, "[3]"), COVE_EUSAGE,
                "2 items from place 1 on go beyond the end: the list has 2");
    assert_says(cove_list_splice(txn, &id, 0, 0, "{}"), COVE_EJSON, "array");
    assert_says(cove_list_update(txn, &id, NULL), COVE_EJSON, "array");
    api_ok(cove_list_length(txn, &id, &length), a.store);
    ck_assert_uint_eq(length, 2);
    cove_abort(txn);
}
END_TEST

START_TEST(what_is_no_map_has_no_fields)
{
    struct cove_id id = make(COVE_COTEXT);
    struct cove_id map = api_new(&a, NULL, NULL);
    struct cove_txn *txn = api_begin(&a, COVE_WRITE);
    struct cove_value value;
    struct cove_id child;
    size_t length;

    assert_says(cove_get(txn, &id, "title", &value), COVE_ETYPE,
                "is a text, not a map: cove_text_* are for it");
    assert_says(cove_set(txn, &id, "title", cove_int(1)), COVE_ETYPE,
                "no fields");
    assert_says(cove_delete(txn, &id, "title"), COVE_ETYPE, "no fields");
    assert_says(cove_set_json(txn, &id, "{\"a\":1}"), COVE_ETYPE, "no fields");
    assert_says(cove_child(txn, &id, "a", COVE_COTEXT, &child), COVE_ETYPE,
                "is a text, not a map");
    assert_says(cove_list_length(txn, &id, &length), COVE_ETYPE,
                "is a text, not a list: cove_text_* are for it");
    assert_says(cove_text_length(txn, &map, COVE_BYTES, &length), COVE_ETYPE,
                "is a map, not a text: cove_get and cove_set are for it");
    api_ok(cove_text_update(txn, &id, "still", 5), a.store);
    api_ok(cove_commit(txn), a.store);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("covalues");
    TCase *tc = tcase_create("covalues");

    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_counter_is_read_with_what_was_just_added);
    tcase_add_test(
        tc, an_addition_beyond_64_bits_is_refused_and_the_rest_committed);
    tcase_add_test(tc, what_is_added_and_aborted_was_not_added);
    tcase_add_test(tc, a_call_on_another_type_is_refused_by_name);
    tcase_add_test(tc, a_stream_gives_what_was_appended_of_every_kind);
    tcase_add_test(tc, a_reader_goes_on_from_its_position);
    tcase_add_test(tc, a_reader_may_skip_what_is_there);
    tcase_add_test(tc, a_position_of_another_stream_is_refused);
    tcase_add_test(tc, a_value_that_is_too_long_appends_nothing);
    tcase_add_test(tc, a_blob_is_read_as_it_was_written);
    tcase_add_test(tc, a_blob_goes_on_over_transactions_and_processes);
    tcase_add_test(tc, a_blob_of_unknown_size_ends_where_its_writer_says);
    tcase_add_test(tc, nothing_is_read_where_nothing_was_written);
    tcase_add_test(tc,
                   a_place_that_is_none_in_a_text_is_named_and_changes_nothing);
    tcase_add_test(tc, clusters_are_counted_from_the_beginning_in_what_is_said);
    tcase_add_test(tc, a_cursor_to_a_place_that_is_none_is_refused);
    tcase_add_test(tc,
                   a_place_that_is_none_in_a_list_is_named_and_changes_nothing);
    tcase_add_test(tc, what_is_no_map_has_no_fields);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
