/* Edits gathered into one transaction: what is joined, how much goes in, and
 * that what is taken out says what was done. */
#include "core/cbor.h"
#include "crdt/compose.h"
#include "tests/unit/seq_help.h"

struct desk { /* a sequence and what is gathered of it */
    struct harness_alloc heap;
    struct cove_seq *seq;
    struct cove_compose c;
    struct cove_arena arena;
    uint64_t seed;
};

static void desk_open(struct desk *d, enum cove_seq_kind kind)
{
    struct cove_compose_self self = {.author = 0, .next = 0, .hlc = 500};

    memset(d, 0, sizeof(*d));
    harness_alloc_init(&d->heap, 0);
    d->seed = 88172645463325252u;
    d->seq = seq_new(&d->heap.alloc, kind);
    ck_assert_ptr_nonnull(d->seq);
    cove_arena_init(&d->arena, &d->heap.alloc);
    cove_compose_init(&d->c, &d->heap.alloc);
    cove_compose_start(&d->c, d->seq, &self);
}

static void desk_close(struct desk *d)
{
    cove_compose_clear(&d->c);
    cove_arena_clear(&d->arena);
    cove_seq_free(d->seq);
    ck_assert_int_eq(d->heap.alive, 0);
}

static uint32_t desk_random(struct desk *d, uint32_t below)
{
    d->seed ^= d->seed << 13;
    d->seed ^= d->seed >> 7;
    d->seed ^= d->seed << 17;
    return (uint32_t)(d->seed >> 32) % below;
}

static size_t gathered(const struct desk *d)
{
    return d->c.ops.len / sizeof(struct cove_compose_op);
}

static int type_in(struct desk *d, size_t at, const char *text)
{
    struct cove_seq_run run = run_of(0, 0, text);
    struct cove_compose_insert in = {
        .at = at, .content = run.content, .count = run.count};

    return cove_compose_insert(&d->c, &in);
}

static int erase(struct desk *d, size_t at, size_t len)
{
    return cove_compose_remove(&d->c, COVE_SEQ_ELEMENTS, at, len);
}

/* An item, a byte string of so many bytes, of a type. */
static int put_item(struct desk *d, size_t at, size_t len, const char *type)
{
    static uint8_t room[COVE_COMPOSE_BYTES];
    struct cove_compose_insert in = {
        .at = at, .count = 1, .type = cove_bytes_text(type)};
    struct cove_buf buf;
    struct cove_writer w;
    int err;

    cove_buf_init(&buf, &cove_alloc_libc);
    cove_writer_init(&w, &buf);
    cove_writer_bytes(&w, room, len);
    ck_assert_int_eq(w.err, 0);
    in.content = cove_buf_bytes(&buf);
    err = cove_compose_insert(&d->c, &in);
    cove_buf_clear(&buf);
    return err;
}

static void taken(struct desk *d, struct cove_tx *tx)
{
    ck_assert_int_eq(cove_compose_take(&d->c, &d->arena, tx), 0);
    ck_assert(cove_compose_is_empty(&d->c));
}

/* Bytes of the transaction; it is one that peers take. */
static size_t encoded(struct desk *d, struct cove_tx *tx)
{
    struct cove_diag diag = {.code = 0};
    struct cove_buf buf;
    struct cove_tx read;
    int err;

    (void)d;
    cove_buf_init(&buf, &cove_alloc_libc);
    tx->epoch_inherited = tx->auth_inherited = true;
    err = cove_tx_encode(tx, &buf, &diag);
    ck_assert_msg(err == 0, "encode: %d %s", err, diag.text);
    err = cove_tx_decode(cove_buf_bytes(&buf), &d->arena, &read, &diag);
    ck_assert_msg(err == 0, "decode: %d %s", err, diag.text);
    ck_assert_uint_eq(read.op_count, tx->op_count);

    size_t len = buf.len;

    cove_buf_clear(&buf);
    return len;
}

/* --- what is joined */

START_TEST(what_is_typed_in_a_row_is_one_op)
{
    struct desk d;
    struct cove_tx tx;

    desk_open(&d, COVE_SEQ_TEXT);
    ck_assert_int_eq(type_in(&d, 0, "h"), 0);
    ck_assert_int_eq(type_in(&d, 1, "\xc3\xbc"), 0);
    ck_assert_int_eq(type_in(&d, 2, "hner"), 0);
    ck_assert_uint_eq(gathered(&d), 1);
    ck_assert_int_eq(type_in(&d, 1, "x"), 0); /* elsewhere */
    ck_assert_uint_eq(gathered(&d), 2);
    ck_assert_int_eq(type_in(&d, 2, "y"), 0); /* behind that one */
    ck_assert_uint_eq(gathered(&d), 2);
    taken(&d, &tx);
    ck_assert_uint_eq(tx.op_count, 2);
    ck_assert_uint_eq(tx.agent_count, 0);
    ck_assert_uint_eq(tx.ops[0].agent, COVE_TX_ROOT);
    ck_assert_uint_eq(tx.ops[0].first, 0);
    ck_assert_uint_eq(tx.ops[0].count, 6);
    ck_assert(
        cove_bytes_equal(tx.ops[0].value, cove_bytes_text("h\xc3\xbchner")));
    ck_assert_uint_eq(tx.ops[1].first, 6);
    ck_assert_uint_eq(tx.ops[1].count, 2);
    ck_assert(cove_bytes_equal(tx.ops[1].value, cove_bytes_text("xy")));
    encoded(&d, &tx);
    desk_close(&d);
}
END_TEST

START_TEST(what_is_erased_in_a_row_is_one_op_in_both_directions)
{
    struct desk d;
    struct cove_tx tx;

    desk_open(&d, COVE_SEQ_TEXT);
    ck_assert_int_eq(type_in(&d, 0, "0123456789"), 0);
    ck_assert_int_eq(erase(&d, 5, 1), 0);
    ck_assert_int_eq(erase(&d, 4, 1), 0); /* backwards */
    ck_assert_int_eq(erase(&d, 4, 2), 0); /* and forwards */
    ck_assert_uint_eq(gathered(&d), 2);
    ck_assert_int_eq(erase(&d, 0, 1), 0); /* elsewhere */
    ck_assert_uint_eq(gathered(&d), 3);
    ck_assert_int_eq(type_in(&d, 0, "a"), 0);
    ck_assert_int_eq(erase(&d, 1, 1), 0); /* not over an insertion */
    ck_assert_uint_eq(gathered(&d), 5);
    assert_text(d.seq, "a2389");
    taken(&d, &tx);
    ck_assert_int_eq(tx.ops[1].kind, COVE_OP_REMOVE);
    ck_assert_uint_eq(tx.ops[1].n, 4);
    ck_assert_uint_eq(tx.ops[1].count, 4);
    encoded(&d, &tx);
    desk_close(&d);
}
END_TEST

START_TEST(items_of_another_type_are_another_op)
{
    struct desk d;
    struct cove_tx tx;

    desk_open(&d, COVE_SEQ_LIST);
    ck_assert_int_eq(put_item(&d, 0, 3, "r1"), 0);
    ck_assert_int_eq(put_item(&d, 1, 3, "r1"), 0);
    ck_assert_int_eq(put_item(&d, 2, 3, "r2"), 0);
    ck_assert_int_eq(put_item(&d, 3, 3, ""), 0);
    ck_assert_int_eq(put_item(&d, 4, 3, ""), 0);
    taken(&d, &tx);
    ck_assert_uint_eq(tx.op_count, 3);
    ck_assert_uint_eq(tx.ops[0].count, 2);
    ck_assert(cove_bytes_equal(tx.ops[0].reg, cove_bytes_text("r1")));
    ck_assert(cove_bytes_equal(tx.ops[1].reg, cove_bytes_text("r2")));
    ck_assert_uint_eq(tx.ops[2].count, 2);
    ck_assert_uint_eq(tx.ops[2].reg.len, 0);
    encoded(&d, &tx);
    desk_close(&d);
}
END_TEST

START_TEST(an_op_grows_up_to_a_piece_and_no_further)
{
    static char text[COVE_COMPOSE_PIECE + 1];
    struct desk d;
    struct cove_tx tx;

    memset(text, 'x', COVE_COMPOSE_PIECE - 1);
    desk_open(&d, COVE_SEQ_TEXT);
    ck_assert_int_eq(type_in(&d, 0, text), 0);
    ck_assert_int_eq(type_in(&d, COVE_COMPOSE_PIECE - 1, "y"), 0);
    ck_assert_uint_eq(gathered(&d), 1);
    ck_assert_int_eq(type_in(&d, COVE_COMPOSE_PIECE, "z"), 0);
    ck_assert_uint_eq(gathered(&d), 2);
    taken(&d, &tx);
    ck_assert_uint_eq(tx.ops[0].value.len, COVE_COMPOSE_PIECE);
    ck_assert_uint_eq(tx.ops[1].agent, COVE_TX_OWN);
    ck_assert_uint_eq(tx.ops[1].n, COVE_COMPOSE_PIECE - 1);
    desk_close(&d);
}
END_TEST

/* --- others */

START_TEST(a_removal_comes_to_ranges_of_each_author)
{
    struct desk d;
    struct cove_tx tx;

    desk_open(&d, COVE_SEQ_TEXT);
    ck_assert_int_eq(type_in(&d, 0, "aaaa"), 0);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_int_eq(
            take(d.seq, 1, 2 * i, elem(0, i), COVE_SEQ_RIGHT, "bb"), 0);
    }
    taken(&d, &tx);
    assert_text(d.seq, "abbabbabba");
    ck_assert_int_eq(erase(&d, 1, 8), 0);
    assert_text(d.seq, "aa");
    taken(&d, &tx);
    ck_assert_uint_eq(tx.op_count, 5); /* bb a bb a bb */
    ck_assert_uint_eq(tx.agent_count, 1);
    for (uint32_t i = 0; i < 5; i++) {
        ck_assert_int_eq(tx.ops[i].kind, COVE_OP_REMOVE);
        ck_assert_uint_eq(tx.ops[i].agent, i % 2 == 0 ? 1 : COVE_TX_OWN);
        ck_assert_uint_eq(tx.ops[i].count, i % 2 == 0 ? 2 : 1);
        ck_assert_uint_eq(tx.ops[i].n, i % 2 == 0 ? i : i / 2 + 1);
    }
    ck_assert_uint_eq(tx.agents[0].session.b[0], 2);
    encoded(&d, &tx);
    desk_close(&d);
}
END_TEST

/* An author with an element of its own at the end; a write where hlc is not
 * 0. */
static void author_with_one(struct desk *d, uint8_t name, uint64_t hlc)
{
    struct cove_seq_author author = {.hlc = hlc};
    struct cove_seq_run run;
    uint32_t number;

    memset(&author.device, name, sizeof(author.device));
    memset(&author.session, name, sizeof(author.session));
    ck_assert_int_eq(cove_seq_author_add(d->seq, &author, &number), 0);
    run = run_of(number, 0, "z");
    run.hlc = 1000 - name;
    run.parent = root;
    ck_assert_int_eq(cove_seq_insert(d->seq, &run), 0);
}

START_TEST(agents_are_sorted_and_each_named_once)
{
    static const uint8_t names[] = {9, 3, 200, 7, 40, 1};
    struct desk d;
    struct cove_tx tx;

    desk_open(&d, COVE_SEQ_TEXT);
    for (size_t i = 0; i < sizeof(names); i++) {
        author_with_one(&d, names[i], i % 2 == 0 ? 0 : 700 - i);
    }
    for (size_t i = 0; i < sizeof(names); i++) { /* behind each of them */
        ck_assert_int_eq(type_in(&d, 2 * i + 1, "."), 0);
    }
    for (size_t i = 0; i < sizeof(names); i++) {
        ck_assert_int_eq(erase(&d, i, 1), 0);
    }
    taken(&d, &tx);
    ck_assert_uint_eq(tx.agent_count, sizeof(names));
    for (size_t i = 1; i < tx.agent_count; i++) {
        ck_assert_int_lt(
            cove_tx_agent_compare(&tx.agents[i - 1], &tx.agents[i]), 0);
    }
    ck_assert(!tx.agents[2].is_write);
    ck_assert(tx.agents[3].is_write);
    encoded(&d, &tx);
    desk_close(&d);
}
END_TEST

static uint32_t author_of(const struct desk *d, const struct cove_tx *tx,
                          uint32_t agent)
{
    if (agent == COVE_TX_ROOT || agent == COVE_TX_OWN) {
        return agent == COVE_TX_ROOT ? COVE_SEQ_ROOT : 0;
    }
    for (uint32_t i = 0; i < cove_seq_author_count(d->seq); i++) {
        if (memcmp(&cove_seq_author_of(d->seq, i)->session,
                   &tx->agents[agent - 1].session,
                   sizeof(struct cove_session_id)) == 0) {
            return i;
        }
    }
    ck_abort_msg("no such author");
    return 0;
}

/* Do elsewhere what the transaction says. */
static void replay(const struct desk *d, const struct cove_tx *tx,
                   struct cove_seq *there)
{
    for (size_t i = 0; i < tx->op_count; i++) {
        const struct cove_tx_op *op = &tx->ops[i];
        struct cove_elem at = {author_of(d, tx, op->agent), op->n};
        struct cove_seq_run run = {.first = {0, op->first},
                                   .count = op->count,
                                   .hlc = tx->hlc,
                                   .parent = at,
                                   .side = op->left ? COVE_SEQ_LEFT
                                                    : COVE_SEQ_RIGHT,
                                   .content = op->value};

        ck_assert_int_eq(op->kind == COVE_OP_REMOVE
                             ? cove_seq_remove(there, at, op->count)
                             : cove_seq_insert(there, &run),
                         0);
    }
}

static void random_edit(struct desk *d)
{
    static const char *const words[] = {"a", "bcd", "\xc3\xa4", "efghij"};
    size_t length = cove_seq_length(d->seq, COVE_SEQ_ELEMENTS);
    size_t at = desk_random(d, (uint32_t)length + 1);
    const char *word = words[desk_random(d, 4)];
    struct cove_seq_run run = run_of(0, 0, word);
    struct cove_compose_insert in = {
        .at = at, .content = run.content, .count = run.count};
    struct cove_seq_piece piece;

    switch (length == 0 ? 0 : desk_random(d, 4)) {
    case 0:
    case 1:
        ck_assert_int_eq(cove_compose_insert(&d->c, &in), 0);
        break;
    case 2: /* right behind an element */
        ck_assert_int_eq(cove_seq_at(d->seq, at < length ? at : 0, &piece), 0);
        in.behind = &piece.first;
        ck_assert_int_eq(cove_compose_insert(&d->c, &in), 0);
        break;
    default:
        ck_assert_int_eq(
            erase(d, at, desk_random(d, 4) % ((uint32_t)(length - at) + 1)), 0);
        break;
    }
}

START_TEST(what_is_taken_says_what_was_done)
{
    struct desk d;
    struct cove_seq *there;
    struct cove_buf text;
    struct cove_tx tx;
    uint32_t typed = 0;

    desk_open(&d, COVE_SEQ_TEXT);
    there = seq_new(&d.heap.alloc, COVE_SEQ_TEXT);
    for (int round = 0; round < 400; round++) {
        for (uint32_t i = desk_random(&d, 12); i > 0; i--) {
            random_edit(&d);
        }
        if (cove_compose_is_empty(&d.c)) {
            continue;
        }
        taken(&d, &tx);
        encoded(&d, &tx);
        replay(&d, &tx, there);
        for (uint32_t i = 0; i < 3; i++) { /* somebody else goes on there */
            size_t at = desk_random(
                &d, (uint32_t)cove_seq_length(there, COVE_SEQ_ELEMENTS) + 1);
            struct cove_seq_run run = run_of(1, typed++, "Z");
            struct cove_seq_edit edit;

            ck_assert_int_eq(
                cove_seq_insert_at(there, COVE_SEQ_ELEMENTS, at, &run, &edit),
                0);
            ck_assert_int_eq(
                take(d.seq, 1, typed - 1, edit.parent, edit.side, "Z"), 0);
        }
        cove_buf_init(&text, &cove_alloc_libc);
        ck_assert_int_eq(
            cove_seq_text(there, COVE_SEQ_ELEMENTS, 0,
                          cove_seq_length(there, COVE_SEQ_ELEMENTS), &text),
            0);
        ck_assert_int_eq(cove_buf_append(&text, cove_bytes("", 1)), 0);
        assert_text(d.seq, (const char *)text.at);
        cove_buf_clear(&text);
        cove_arena_clear(&d.arena);
    }
    cove_seq_free(there);
    desk_close(&d);
}
END_TEST

/* --- room */

static void assert_full(struct desk *d, size_t at_least)
{
    struct cove_tx tx;
    size_t len;

    taken(d, &tx);
    ck_assert_uint_le(tx.op_count, COVE_MAX_TX_OPS);
    len = encoded(d, &tx);
    ck_assert_uint_le(len, COVE_MAX_TX);
    ck_assert_msg(len >= at_least || tx.op_count >= COVE_MAX_TX_OPS - 2,
                  "%zu bytes, %zu ops", len, tx.op_count);
}

START_TEST(what_there_is_room_for_fits_into_a_transaction)
{
    static const size_t sizes[] = {1, 20, 300, 9000, COVE_COMPOSE_PIECE};
    static char text[COVE_COMPOSE_PIECE + 1];

    for (size_t i = 0; i < COVE_ARRAY_LEN(sizes); i++) {
        struct desk d;
        size_t length = 0;

        memset(text, 'x', sizes[i]);
        text[sizes[i]] = '\0';
        desk_open(&d, COVE_SEQ_TEXT);
        while (cove_compose_has_room(&d.c, sizes[i])) {
            /* at the front: none goes on where another ended */
            ck_assert_int_eq(type_in(&d, 0, text), 0);
            length += sizes[i];
        }
        ck_assert_uint_gt(length, 0);
        assert_full(&d, COVE_COMPOSE_BYTES - COVE_COMPOSE_PIECE - 1000);
        ck_assert(cove_compose_has_room(&d.c, sizes[i]));
        desk_close(&d);
    }
}
END_TEST

START_TEST(items_of_long_types_fit_where_there_is_room)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    char type[COVE_MAX_REGISTER + 1];
    struct desk d;

    desk_open(&d, COVE_SEQ_LIST);
    for (size_t i = 0; cove_compose_has_room(&d.c, 2 + COVE_MAX_REGISTER);
         i++) {
        memset(type, letters[i % 36], COVE_MAX_REGISTER);
        type[COVE_MAX_REGISTER] = '\0';
        ck_assert_int_eq(put_item(&d, i, 1, type), 0);
    }
    assert_full(&d, COVE_COMPOSE_BYTES / 2);
    desk_close(&d);
}
END_TEST

/* The most that a removal can name: each element is another write's. */
START_TEST(a_removal_of_as_many_as_are_left_fits)
{
    struct desk d;
    size_t before;
    size_t left;

    desk_open(&d, COVE_SEQ_TEXT);
    for (uint32_t i = 0; i < 800; i++) {
        struct cove_seq_author author = {.hlc = ((uint64_t)1 << 62) - i,
                                         .tx = UINT32_MAX,
                                         .op = UINT32_MAX - i};
        struct cove_seq_run run;
        uint32_t number;

        memset(&author.device, (int)(i % 255), sizeof(author.device));
        memset(&author.session, 7, sizeof(author.session));
        ck_assert_int_eq(cove_seq_author_add(d.seq, &author, &number), 0);
        run = run_of(number, UINT32_MAX - 2, "z");
        ck_assert_int_eq(cove_seq_insert(d.seq, &run), 0);
    }
    before = cove_seq_length(d.seq, COVE_SEQ_ELEMENTS);
    left = cove_compose_ops_left(&d.c);
    ck_assert_uint_gt(left, 200);
    ck_assert_int_eq(erase(&d, 0, left), 0);
    ck_assert_uint_eq(cove_seq_length(d.seq, COVE_SEQ_ELEMENTS), before - left);
    ck_assert(!cove_compose_has_room(&d.c, 0));
    assert_full(&d, left * 80);
    desk_close(&d);
}
END_TEST

START_TEST(numbers_end_where_32_bits_do)
{
    struct cove_compose_self self = {.next = UINT32_MAX - 3, .hlc = 500};
    struct desk d;
    struct cove_tx tx;

    desk_open(&d, COVE_SEQ_TEXT);
    cove_compose_start(&d.c, d.seq, &self);
    ck_assert_int_eq(type_in(&d, 0, "abcd"), COVE_ELIMIT);
    ck_assert(cove_compose_is_empty(&d.c));
    assert_text(d.seq, "");
    ck_assert_int_eq(type_in(&d, 0, "abc"), 0);
    ck_assert_int_eq(type_in(&d, 3, "d"), COVE_ELIMIT);
    taken(&d, &tx);
    encoded(&d, &tx);
    desk_close(&d);
}
END_TEST

START_TEST(a_place_that_is_none_changes_nothing)
{
    struct desk d;
    struct cove_elem nowhere = {1, 77};
    struct cove_compose_insert in = {
        .behind = &nowhere, .content = cove_bytes_text("x"), .count = 1};

    desk_open(&d, COVE_SEQ_TEXT);
    ck_assert_int_eq(type_in(&d, 1, "x"), COVE_EUSAGE);
    ck_assert_int_eq(erase(&d, 0, 1), COVE_EUSAGE);
    ck_assert_int_eq(cove_compose_insert(&d.c, &in), COVE_ENOTFOUND);
    ck_assert(cove_compose_is_empty(&d.c));
    ck_assert_int_eq(type_in(&d, 0, "\xc3\xbc"), 0);
    ck_assert_int_eq(cove_compose_remove(&d.c, COVE_SEQ_BYTES, 0, 1),
                     COVE_EUSAGE);
    ck_assert_uint_eq(gathered(&d), 1);
    assert_text(d.seq, "\xc3\xbc");
    desk_close(&d);
}
END_TEST

/* --- memory */

/* _i: which call the loop makes fail. */
static int fail_step(struct desk *d, int what, struct cove_tx *tx)
{
    static char text[3000];
    struct cove_elem first = {1, 0};
    struct cove_compose_insert in = {.behind = &first};

    memset(text, 'x', sizeof(text) - 1);
    switch (what) {
    case 0:
        return type_in(d, 3, text);
    case 1:
        in.content = cove_bytes_text(text);
        in.count = sizeof(text) - 1;
        return cove_compose_insert(&d->c, &in);
    case 2:
        return erase(d, 0, 6);
    case 3:
        return cove_compose_remove_of(&d->c, first, 3);
    default:
        return cove_compose_take(&d->c, &d->arena, tx);
    }
}

START_TEST(what_memory_was_out_for_can_be_asked_again)
{
    long n = 1;

    for (int err = -1; err != 0; n++) {
        struct desk d;
        struct cove_tx tx = {.op_count = 77};
        size_t before;
        uint32_t next;

        desk_open(&d, COVE_SEQ_TEXT);
        ck_assert_int_eq(type_in(&d, 0, "aaaa"), 0);
        ck_assert_int_eq(take(d.seq, 1, 0, elem(0, 1), COVE_SEQ_RIGHT, "bbb"),
                         0);
        before = gathered(&d);
        next = d.c.self.next;
        d.heap.calls = 0;
        d.heap.fail_at = n;
        err = fail_step(&d, _i, &tx);
        d.heap.fail_at = 0;
        if (err != 0) {
            ck_assert_int_eq(err, COVE_ENOMEM);
            ck_assert_uint_eq(tx.op_count, 77);
            ck_assert_uint_eq(d.c.self.next, next);
            ck_assert_uint_eq(gathered(&d), before);
            if (_i != 1) {
                assert_text(d.seq, "aabbbaa");
            }
            ck_assert_int_eq(fail_step(&d, _i, &tx), 0);
        }
        if (_i < 4) {
            taken(&d, &tx);
        }
        ck_assert_uint_gt(tx.op_count, 0);
        desk_close(&d);
    }
}
END_TEST

static Suite *compose_suite(void)
{
    Suite *suite = suite_create("compose");
    TCase *tc = tcase_create("compose");

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, what_is_typed_in_a_row_is_one_op);
    tcase_add_test(tc, what_is_erased_in_a_row_is_one_op_in_both_directions);
    tcase_add_test(tc, items_of_another_type_are_another_op);
    tcase_add_test(tc, an_op_grows_up_to_a_piece_and_no_further);
    tcase_add_test(tc, a_removal_comes_to_ranges_of_each_author);
    tcase_add_test(tc, agents_are_sorted_and_each_named_once);
    tcase_add_test(tc, what_is_taken_says_what_was_done);
    tcase_add_test(tc, what_there_is_room_for_fits_into_a_transaction);
    tcase_add_test(tc, items_of_long_types_fit_where_there_is_room);
    tcase_add_test(tc, a_removal_of_as_many_as_are_left_fits);
    tcase_add_test(tc, numbers_end_where_32_bits_do);
    tcase_add_test(tc, a_place_that_is_none_changes_nothing);
    tcase_add_loop_test(tc, what_memory_was_out_for_can_be_asked_again, 0, 5);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    return harness_run(compose_suite());
}
