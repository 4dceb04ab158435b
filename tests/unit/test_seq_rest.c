/* Sequences at rest, and without memory. */
#include <stdio.h>

#include "core/hlc.h"
#include "tests/unit/seq_help.h"
#include "tests/unit/vectors.h"

/* A text with everything: two authors, tombstones, siblings, a run and a
 * deletion that wait; or a list with types. */
static void fill(struct cove_seq *seq)
{
    bool list = cove_seq_kind(seq) == COVE_SEQ_LIST;
    const char *four = list ? "\x01\x02\x03\xf6"
                            : "a\xc3\xa9"
                              "bc";
    const char *one = list ? "\x61y" : "y";
    struct cove_seq_run run = {.first = {0, 0},
                               .count = 4,
                               .hlc = 100,
                               .parent = root,
                               .side = COVE_SEQ_RIGHT,
                               .content = cove_bytes_text(four),
                               .type = cove_bytes_text("t")};

    ck_assert_int_eq(cove_seq_insert(seq, &run), 0);
    run.first = elem(1, 10);
    run.hlc = (uint64_t)1 << 50;
    ck_assert_int_eq(cove_seq_insert(seq, &run), 0);
    run.first = elem(1, 2);
    run.parent = elem(0, 1);
    run.side = COVE_SEQ_LEFT;
    run.count = 1;
    run.content = cove_bytes_text(one);
    ck_assert_int_eq(cove_seq_insert(seq, &run), 0);
    ck_assert_int_eq(cove_seq_remove(seq, elem(0, 2), 1), 0);
    ck_assert_int_eq(cove_seq_remove(seq, elem(1, 11), 2), 0);
    run.first = elem(0, 20);
    run.parent = elem(1, 99);
    ck_assert_int_eq(cove_seq_insert(seq, &run), 0);
    ck_assert_int_eq(cove_seq_remove(seq, elem(0, 50), 7), 0);
}

static void assert_same(const struct cove_seq *a, const struct cove_seq *b)
{
    struct cove_seq_walk x, y;
    struct cove_seq_piece p, q;

    ck_assert_uint_eq(cove_seq_total(a), cove_seq_total(b));
    ck_assert_uint_eq(cove_seq_waiting(a), cove_seq_waiting(b));
    for (int unit = COVE_SEQ_ELEMENTS; unit <= COVE_SEQ_BYTES; unit++) {
        ck_assert_uint_eq(cove_seq_length(a, (enum cove_seq_unit)unit),
                          cove_seq_length(b, (enum cove_seq_unit)unit));
    }
    ck_assert_int_eq(cove_seq_walk_all(a, &x), 0);
    ck_assert_int_eq(cove_seq_walk_all(b, &y), 0);
    while (cove_seq_next(&x, &p)) {
        ck_assert(cove_seq_next(&y, &q));
        ck_assert(p.first.author == q.first.author && p.first.n == q.first.n);
        ck_assert(p.count == q.count && p.hlc == q.hlc);
        ck_assert(p.deleted == q.deleted);
        ck_assert(cove_bytes_equal(p.content, q.content));
        ck_assert(cove_bytes_equal(p.type, q.type));
    }
    ck_assert(!cove_seq_next(&y, &q));
}

static void comes_back(enum cove_seq_kind kind)
{
    struct cove_seq *seq = seq_new(&cove_alloc_libc, kind);
    struct cove_seq *loaded;

    loaded = again(&cove_alloc_libc, seq); /* the empty one */
    assert_same(seq, loaded);
    cove_seq_free(loaded);
    fill(seq);
    loaded = again(&cove_alloc_libc, seq);
    ck_assert_uint_eq(cove_seq_total(loaded), 9);
    ck_assert_uint_eq(cove_seq_waiting(loaded), 2);
    ck_assert_uint_eq(cove_seq_length(loaded, COVE_SEQ_ELEMENTS), 6);
    assert_same(seq, loaded);

    /* What waited still waits for the same. */
    struct cove_seq *both[] = {seq, loaded};

    for (int i = 0; i < 2; i++) {
        bool list = kind == COVE_SEQ_LIST;
        struct cove_seq_run run = {.first = {1, 99},
                                   .count = 1,
                                   .hlc = 7,
                                   .parent = elem(0, 3),
                                   .side = COVE_SEQ_RIGHT,
                                   .content =
                                       cove_bytes_text(list ? "\x05" : "p")};

        ck_assert_int_eq(cove_seq_insert(both[i], &run), 0);
        ck_assert_uint_eq(cove_seq_waiting(both[i]), 1);
        run.first = elem(0, 49);
        run.count = 3;
        run.content = cove_bytes_text(list ? "\x06\x07\x08" : "\xc3\xa4qr");
        ck_assert_int_eq(cove_seq_insert(both[i], &run), 0);
    }
    assert_same(seq, loaded);
    ck_assert_uint_eq(cove_seq_length(loaded, COVE_SEQ_ELEMENTS), 9);
    cove_seq_free(loaded);
    cove_seq_free(seq);
}

START_TEST(a_text_comes_back_with_all_that_waits)
{
    comes_back(COVE_SEQ_TEXT);
}
END_TEST

START_TEST(a_list_comes_back_with_all_that_waits)
{
    comes_back(COVE_SEQ_LIST);
}
END_TEST

START_TEST(a_loaded_text_is_read_as_it_lies)
{
    struct cove_seq *seq = seq_new(&cove_alloc_libc, COVE_SEQ_TEXT);
    struct cove_seq *loaded;
    struct cove_seq_piece piece;
    struct cove_buf first, second;
    char word[32];
    size_t length;

    for (uint32_t i = 0; i < 2000; i++) {
        snprintf(word, sizeof(word), "%06u ", i * i % 1000000);
        ck_assert_int_eq(type_at(seq, 7 * i, 8 * i, word), 0);
        ck_assert_int_eq(type_at(seq, 7 * i + 3, 8 * i + 7, "x"), 0);
        ck_assert_int_eq(erase_at(seq, 7 * i + 3, 1), 0);
    }
    loaded = again(&cove_alloc_libc, seq);
    length = cove_seq_length(loaded, COVE_SEQ_BYTES);
    ck_assert_uint_eq(length, 14000);
    ck_assert_uint_lt(cove_seq_memory(loaded), 3 * length);
    cove_buf_init(&first, &cove_alloc_libc);
    cove_buf_init(&second, &cove_alloc_libc);
    ck_assert_int_eq(cove_seq_text(loaded, COVE_SEQ_BYTES, 0, length, &first),
                     0);
    ck_assert_uint_lt(cove_seq_memory(loaded), 3 * length);
    ck_assert_int_eq(cove_seq_at(loaded, 0, &piece), 0); /* builds it */
    ck_assert_uint_gt(cove_seq_memory(loaded), 3 * length);
    ck_assert_int_eq(cove_seq_text(loaded, COVE_SEQ_BYTES, 0, length, &second),
                     0);
    ck_assert(
        cove_bytes_equal(cove_buf_bytes(&first), cove_buf_bytes(&second)));
    assert_same(seq, loaded);
    cove_buf_clear(&first);
    cove_buf_clear(&second);
    cove_seq_free(loaded);
    cove_seq_free(seq);
}
END_TEST

START_TEST(untouched_it_is_saved_as_the_bytes_it_was)
{
    struct cove_seq *seq = seq_new(&cove_alloc_libc, COVE_SEQ_TEXT);
    struct cove_seq *loaded;
    struct cove_buf a, b;

    fill(seq);
    loaded = again(&cove_alloc_libc, seq);
    cove_buf_init(&a, &cove_alloc_libc);
    cove_buf_init(&b, &cove_alloc_libc);
    ck_assert_int_eq(cove_buf_append(&b, cove_bytes("#", 1)), 0);
    ck_assert_int_eq(cove_seq_save(seq, &a), 0);
    ck_assert_int_eq(cove_seq_save(loaded, &b), 0);
    ck_assert(
        cove_bytes_equal(cove_buf_bytes(&a), cove_bytes(b.at + 1, b.len - 1)));
    cove_buf_clear(&a);
    cove_buf_clear(&b);
    cove_seq_free(loaded);
    cove_seq_free(seq);
}
END_TEST

/* The block of the page: hex up to each line's remark. */
static void page_bytes(struct cove_buf *out)
{
    static const char fence[] = "\n```seq checkpoint\n";
    char *page = vectors_file("docs/FORMAT.md");
    const char *at = strstr(page, fence);
    int high = -1;

    ck_assert_ptr_nonnull(at);
    for (at += strlen(fence); *at != '`'; at++) {
        int digit = isdigit((unsigned char)*at)    ? *at - '0'
                    : isxdigit((unsigned char)*at) ? *at - 'a' + 10
                                                   : -1;

        if (*at == ';') {
            at += strcspn(at, "\n");
        } else if (digit >= 0 && high < 0) {
            high = digit;
        } else if (digit >= 0) {
            uint8_t byte = (uint8_t)(high << 4 | digit);

            ck_assert_int_eq(cove_buf_append(out, cove_bytes(&byte, 1)), 0);
            high = -1;
        }
    }
    free(page);
}

START_TEST(the_worked_example_is_what_is_saved)
{
    struct cove_seq *seq;
    struct cove_seq_author author;
    struct cove_seq_run run = run_of(0, 0, "hey");
    struct cove_seq_edit edit;
    struct cove_buf shown, saved;
    uint32_t number;

    memset(&author, 0, sizeof(author));
    memset(author.device.b, 0xd0, sizeof(author.device.b));
    memset(author.session.b, 0x5e, sizeof(author.session.b));
    ck_assert_int_eq(cove_seq_new(&cove_alloc_libc, COVE_SEQ_TEXT, &seq), 0);
    ck_assert_int_eq(cove_seq_author_add(seq, &author, &number), 0);
    run.hlc = cove_hlc_of_ms(1750000000000);
    ck_assert_int_eq(cove_seq_insert_at(seq, COVE_SEQ_ELEMENTS, 0, &run, &edit),
                     0);
    ck_assert_int_eq(erase_at(seq, 1, 1), 0);
    run = run_of(0, 3, "!");
    run.hlc = cove_hlc_of_ms(1750000001000) + 2;
    ck_assert_int_eq(cove_seq_insert_at(seq, COVE_SEQ_ELEMENTS, 1, &run, &edit),
                     0);
    ck_assert_int_eq(cove_seq_remove(seq, elem(0, 9), 2), 0);
    cove_buf_init(&shown, &cove_alloc_libc);
    cove_buf_init(&saved, &cove_alloc_libc);
    page_bytes(&shown);
    ck_assert_int_eq(cove_seq_save(seq, &saved), 0);
    ck_assert(cove_bytes_equal(cove_buf_bytes(&shown), cove_buf_bytes(&saved)));
    cove_buf_clear(&shown);
    cove_buf_clear(&saved);
    cove_seq_free(seq);
}
END_TEST

/* --- damage */

/* Whatever it says: everything can be asked. */
static int ask_all(struct cove_bytes saved)
{
    struct cove_seq *seq;
    struct cove_seq_walk walk;
    struct cove_seq_piece piece;
    struct cove_buf out;
    size_t at;
    bool visible;
    int err = cove_seq_load(&cove_alloc_libc, saved, &seq);

    if (err != 0) {
        return err;
    }
    cove_buf_init(&out, &cove_alloc_libc);
    err = cove_seq_walk_all(seq, &walk);
    if (err != 0) {
        ck_assert_int_eq(cove_seq_find(seq, elem(0, 0), &at, &visible), err);
        ck_assert_int_eq(cove_seq_at(seq, 0, &piece), err);
        ck_assert_int_eq(take(seq, 0, 0, root, COVE_SEQ_RIGHT, "x"), err);
        ck_assert_int_eq(cove_seq_remove(seq, elem(0, 0), 1), err);
        ck_assert_ptr_null(cove_seq_author_of(seq, 0));
    } else {
        for (size_t total = 0; cove_seq_next(&walk, &piece);) {
            total += piece.count;
            ck_assert_uint_le(total, cove_seq_total(seq));
        }
        ck_assert_int_eq(cove_seq_save(seq, &out), 0);
    }
    cove_buf_clear(&out);
    cove_seq_free(seq);
    return err;
}

START_TEST(damage_anywhere_is_corrupt_or_another_sequence)
{
    for (int kind = COVE_SEQ_TEXT; kind <= COVE_SEQ_LIST; kind++) {
        struct cove_seq *seq =
            seq_new(&cove_alloc_libc, (enum cove_seq_kind)kind);
        struct cove_buf saved;

        fill(seq);
        cove_buf_init(&saved, &cove_alloc_libc);
        ck_assert_int_eq(cove_seq_save(seq, &saved), 0);
        ck_assert_int_eq(ask_all(cove_buf_bytes(&saved)), 0);
        for (size_t len = 0; len < saved.len; len++) {
            ck_assert_int_eq(ask_all(cove_bytes(saved.at, len)), COVE_ECORRUPT);
        }
        for (size_t i = 0; i < 8 * saved.len; i++) {
            saved.at[i / 8] ^= (uint8_t)(1u << i % 8);

            int err = ask_all(cove_buf_bytes(&saved));

            ck_assert(err == 0 || err == COVE_ECORRUPT);
            saved.at[i / 8] ^= (uint8_t)(1u << i % 8);
        }
        ck_assert_int_eq(cove_buf_append(&saved, cove_bytes("", 1)), 0);
        ck_assert_int_eq(ask_all(cove_buf_bytes(&saved)), COVE_ECORRUPT);
        cove_buf_clear(&saved);
        cove_seq_free(seq);
    }
}
END_TEST

/* --- without memory */

static int do_new(struct cove_seq **seq, struct harness_alloc *h)
{
    struct cove_seq *more;
    int err = cove_seq_new(&h->alloc, COVE_SEQ_TEXT, &more);

    if (err == 0) {
        cove_seq_free(more);
    }
    (void)seq;
    return err;
}

static int do_author(struct cove_seq **seq, struct harness_alloc *h)
{
    struct cove_seq_author author;
    uint32_t number;

    (void)h;
    memset(&author, 9, sizeof(author));
    return cove_seq_author_add(*seq, &author, &number);
}

static int do_type(struct cove_seq **seq, struct harness_alloc *h)
{
    char text[3001];

    (void)h;
    memset(text, 'x', 3000);
    text[3000] = '\0';
    return type_at(*seq, 3, 1000, text);
}

static int do_erase(struct cove_seq **seq, struct harness_alloc *h)
{
    (void)h;
    return erase_at(*seq, 2, 3);
}

static int do_insert(struct cove_seq **seq, struct harness_alloc *h)
{
    (void)h;
    return take(*seq, 1, 99, elem(0, 3), COVE_SEQ_LEFT,
                "\xe2\x82\xac"
                "99");
}

static int do_sibling(struct cove_seq **seq, struct harness_alloc *h)
{
    (void)h;
    return take(*seq, 0, 30, root, COVE_SEQ_RIGHT, "s");
}

static int do_wait(struct cove_seq **seq, struct harness_alloc *h)
{
    (void)h;
    return take(*seq, 0, 60, elem(0, 40), COVE_SEQ_LEFT, "later");
}

static int do_remove(struct cove_seq **seq, struct harness_alloc *h)
{
    (void)h;
    return cove_seq_remove(*seq, elem(0, 0), 300);
}

static int do_save(struct cove_seq **seq, struct harness_alloc *h)
{
    struct cove_buf out;

    cove_buf_init(&out, &h->alloc);

    int err = cove_seq_save(*seq, &out);

    ck_assert(err == 0 || out.len == 0);
    cove_buf_clear(&out);
    return err;
}

/* Fail at each allocation of an op in turn; in between all is as it was, but
 * for ops of others, which may have gone in by half and are asked again. */
static void starve(int (*op)(struct cove_seq **, struct harness_alloc *),
                   bool others)
{
    struct cove_seq *want = seq_new(&cove_alloc_libc, COVE_SEQ_TEXT);
    struct harness_alloc plain;
    int err = COVE_ENOMEM;

    harness_alloc_init(&plain, 0);
    fill(want);
    for (long n = 1; err == COVE_ENOMEM; n++) {
        struct harness_alloc h;

        ck_assert_int_lt(n, 1000);
        harness_alloc_init(&h, 0);

        struct cove_seq *seq = seq_new(&h.alloc, COVE_SEQ_TEXT);

        fill(seq);
        h.fail_at = h.calls + n;
        err = op(&seq, &h);
        h.fail_at = 0;
        ck_assert(err == 0 || err == COVE_ENOMEM);
        if (err != 0) {
            if (!others) {
                assert_same(want, seq);
            }
            ck_assert_int_eq(op(&seq, &h), 0);
        }
        if (others) {
            struct cove_seq *once = seq_new(&cove_alloc_libc, COVE_SEQ_TEXT);

            fill(once);
            ck_assert_int_eq(op(&once, &plain), 0);
            assert_same(once, seq);
            cove_seq_free(once);
        }
        cove_seq_free(seq);
        ck_assert_int_eq(h.alive, 0);
    }
    cove_seq_free(want);
}

START_TEST(without_memory_own_edits_change_nothing)
{
    starve(do_new, false);
    starve(do_author, false);
    starve(do_type, false);
    starve(do_erase, false);
    starve(do_save, false);
}
END_TEST

START_TEST(without_memory_ops_of_others_can_be_asked_again)
{
    starve(do_insert, true);
    starve(do_sibling, true);
    starve(do_wait, true);
    starve(do_remove, true);
}
END_TEST

START_TEST(without_memory_nothing_is_loaded)
{
    struct cove_seq *seq = seq_new(&cove_alloc_libc, COVE_SEQ_TEXT);
    struct cove_seq *loaded;
    struct cove_buf saved;

    fill(seq);
    cove_buf_init(&saved, &cove_alloc_libc);
    ck_assert_int_eq(cove_seq_save(seq, &saved), 0);
    for (long n = 1, err = COVE_ENOMEM; err == COVE_ENOMEM; n++) {
        struct harness_alloc h;

        harness_alloc_init(&h, n);
        loaded = NULL;
        err = cove_seq_load(&h.alloc, cove_buf_bytes(&saved), &loaded);
        ck_assert(err == 0 ? n > 3 : err == COVE_ENOMEM && loaded == NULL);
        cove_seq_free(loaded);
        ck_assert_int_eq(h.alive, 0);
    }
    cove_buf_clear(&saved);
    cove_seq_free(seq);
}
END_TEST

START_TEST(a_tree_that_cannot_be_built_is_built_later)
{
    struct cove_seq *seq = seq_new(&cove_alloc_libc, COVE_SEQ_TEXT);
    struct cove_seq_walk walk;

    fill(seq);
    for (long n = 1, err = COVE_ENOMEM; err == COVE_ENOMEM; n++) {
        struct harness_alloc h;

        harness_alloc_init(&h, 0);

        struct cove_seq *loaded = again(&h.alloc, seq);

        h.fail_at = h.calls + n;
        err = cove_seq_walk_all(loaded, &walk);
        h.fail_at = 0;
        assert_same(seq, loaded);
        cove_seq_free(loaded);
        ck_assert_int_eq(h.alive, 0);
    }
    cove_seq_free(seq);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("seq_rest");
    TCase *tcase = tcase_create("seq_rest");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_text_comes_back_with_all_that_waits);
    tcase_add_test(tcase, a_list_comes_back_with_all_that_waits);
    tcase_add_test(tcase, a_loaded_text_is_read_as_it_lies);
    tcase_add_test(tcase, untouched_it_is_saved_as_the_bytes_it_was);
    tcase_add_test(tcase, the_worked_example_is_what_is_saved);
    tcase_add_test(tcase, damage_anywhere_is_corrupt_or_another_sequence);
    tcase_add_test(tcase, without_memory_own_edits_change_nothing);
    tcase_add_test(tcase, without_memory_ops_of_others_can_be_asked_again);
    tcase_add_test(tcase, without_memory_nothing_is_loaded);
    tcase_add_test(tcase, a_tree_that_cannot_be_built_is_built_later);
    suite_add_tcase(suite, tcase);
    return harness_run(suite);
}
