/* Sequences: edits, ops of others, reading. Orders at random and against the
 * whole tree: tests/promises/test_seq_random. */
#include "tests/unit/seq_help.h"

static struct cove_seq *seq;

static void text_setup(void)
{
    seq = seq_new(&cove_alloc_libc, COVE_SEQ_TEXT);
}

static void list_setup(void)
{
    seq = seq_new(&cove_alloc_libc, COVE_SEQ_LIST);
}

static void teardown(void)
{
    cove_seq_free(seq);
}

/* --- edits */

START_TEST(what_is_typed_hangs_on_its_left_neighbour)
{
    struct cove_seq_run run = run_of(0, 0, "ac");
    struct cove_seq_edit edit;

    ck_assert_int_eq(cove_seq_insert_at(seq, COVE_SEQ_ELEMENTS, 0, &run, &edit),
                     0);
    ck_assert_uint_eq(edit.parent.author, COVE_SEQ_ROOT);
    ck_assert_int_eq(edit.side, COVE_SEQ_RIGHT);
    run = run_of(0, 2, "d");
    ck_assert_int_eq(cove_seq_insert_at(seq, COVE_SEQ_ELEMENTS, 2, &run, &edit),
                     0);
    ck_assert_uint_eq(edit.parent.n, 1);
    ck_assert_int_eq(edit.side, COVE_SEQ_RIGHT);
    /* a has a right child: so it hangs on the left of what follows. */
    run = run_of(0, 3, "b");
    ck_assert_int_eq(cove_seq_insert_at(seq, COVE_SEQ_ELEMENTS, 1, &run, &edit),
                     0);
    ck_assert_uint_eq(edit.parent.n, 1);
    ck_assert_int_eq(edit.side, COVE_SEQ_LEFT);
    assert_text(seq, "abcd");
    ck_assert_uint_eq(cove_seq_total(seq), 4);
    ck_assert_int_eq(cove_seq_kind(seq), COVE_SEQ_TEXT);
}
END_TEST

START_TEST(a_tombstone_counts_as_a_right_child)
{
    struct cove_seq_run run = run_of(0, 3, "x");
    struct cove_seq_edit edit;

    ck_assert_int_eq(type_at(seq, 0, 0, "abc"), 0);
    ck_assert_int_eq(erase_at(seq, 1, 2), 0);
    ck_assert_int_eq(cove_seq_insert_at(seq, COVE_SEQ_ELEMENTS, 1, &run, &edit),
                     0);
    ck_assert_uint_eq(edit.parent.n, 1);
    ck_assert_int_eq(edit.side, COVE_SEQ_LEFT);
    assert_text(seq, "ax");
    ck_assert_uint_eq(cove_seq_total(seq), 4);
    ck_assert_uint_eq(cove_seq_length(seq, COVE_SEQ_ELEMENTS), 2);
}
END_TEST

START_TEST(an_insertion_at_a_wrong_place_changes_nothing)
{
    struct cove_seq_run run = run_of(0, 9, "x");
    struct cove_seq_edit edit;

    ck_assert_int_eq(type_at(seq, 0, 0, "a\xc3\xa9z"), 0);
    ck_assert_int_eq(type_at(seq, 4, 9, "x"), COVE_EUSAGE);
    ck_assert_int_eq(type_at(seq, SIZE_MAX, 9, "x"), COVE_EUSAGE);
    ck_assert_int_eq(cove_seq_insert_at(seq, COVE_SEQ_BYTES, 2, &run, &edit),
                     COVE_EUSAGE);
    ck_assert_int_eq(cove_seq_insert_at(seq, COVE_SEQ_BYTES, 5, &run, &edit),
                     COVE_EUSAGE);
    assert_text(seq, "a\xc3\xa9z");
    ck_assert_int_eq(cove_seq_insert_at(seq, COVE_SEQ_BYTES, 3, &run, &edit),
                     0);
    assert_text(seq, "a\xc3\xa9xz");
}
END_TEST

START_TEST(a_malformed_run_is_refused)
{
    struct cove_seq_run run = run_of(0, 0, "ab");
    struct cove_seq_edit edit;

    run.count = 1;
    ck_assert_int_eq(cove_seq_insert(seq, &run), COVE_EFORMAT);
    run.count = 3;
    ck_assert_int_eq(cove_seq_insert(seq, &run), COVE_EFORMAT);
    run.count = 0;
    ck_assert_int_eq(cove_seq_insert(seq, &run), COVE_EUSAGE);
    run = run_of(0, UINT32_MAX - 1, "ab");
    ck_assert_int_eq(cove_seq_insert(seq, &run), COVE_EFORMAT);
    run.first.n--;
    ck_assert_int_eq(cove_seq_insert(seq, &run), 0);
    ck_assert_int_eq(take(seq, 0, 0, root, COVE_SEQ_RIGHT, "\xc3"),
                     COVE_EFORMAT);
    ck_assert_int_eq(take(seq, 0, 0, root, COVE_SEQ_LEFT, "a"), COVE_EFORMAT);
    ck_assert_int_eq(take(seq, 2, 0, root, COVE_SEQ_RIGHT, "a"), COVE_EUSAGE);
    ck_assert_int_eq(take(seq, 0, 0, elem(2, 0), COVE_SEQ_RIGHT, "a"),
                     COVE_EUSAGE);
    run = run_of(0, UINT32_MAX - 2, "a");
    ck_assert_int_eq(cove_seq_insert_at(seq, COVE_SEQ_ELEMENTS, 0, &run, &edit),
                     COVE_EUSAGE); /* is here already */
    ck_assert_int_eq(cove_seq_remove(seq, elem(2, 0), 1), COVE_EUSAGE);
    ck_assert_int_eq(cove_seq_remove(seq, elem(0, 0), 0), COVE_EUSAGE);
    ck_assert_int_eq(cove_seq_remove(seq, elem(0, 1), UINT32_MAX),
                     COVE_EFORMAT);
    assert_text(seq, "ab");
    ck_assert_uint_eq(cove_seq_waiting(seq), 0);
}
END_TEST

struct ranges {
    struct cove_elem first[8];
    uint32_t count[8];
    size_t len;
    int err;
};

static int note_range(void *ctx, struct cove_elem first, uint32_t count)
{
    struct ranges *ranges = ctx;

    ck_assert_uint_lt(ranges->len, 8);
    ranges->first[ranges->len] = first;
    ranges->count[ranges->len++] = count;
    return ranges->err;
}

START_TEST(a_deletion_is_told_in_ranges_of_one_author)
{
    struct ranges r = {.len = 0};

    ck_assert_int_eq(type_at(seq, 0, 0, "abcdef"), 0);
    ck_assert_int_eq(take(seq, 1, 0, elem(0, 3), COVE_SEQ_LEFT, "XY"), 0);
    ck_assert_int_eq(erase_at(seq, 1, 1), 0);
    assert_text(seq, "acXYdef");
    ck_assert_int_eq(
        cove_seq_remove_at(seq, COVE_SEQ_ELEMENTS, 0, 6, note_range, &r), 0);
    assert_text(seq, "f");
    ck_assert_uint_eq(r.len, 4);
    ck_assert(r.first[0].author == 0 && r.first[0].n == 0 && r.count[0] == 1);
    ck_assert(r.first[1].author == 0 && r.first[1].n == 2 && r.count[1] == 1);
    ck_assert(r.first[2].author == 1 && r.first[2].n == 0 && r.count[2] == 2);
    ck_assert(r.first[3].author == 0 && r.first[3].n == 3 && r.count[3] == 2);
}
END_TEST

START_TEST(a_deletion_that_cannot_be_told_does_not_happen)
{
    struct ranges r = {.len = 0, .err = COVE_ENOSPC};
    enum cove_seq_unit unit = COVE_SEQ_ELEMENTS;

    ck_assert_int_eq(type_at(seq, 0, 0, "abcd"), 0);
    ck_assert_int_eq(take(seq, 1, 0, elem(0, 3), COVE_SEQ_LEFT, "X"), 0);
    ck_assert_int_eq(cove_seq_remove_at(seq, unit, 1, 1, note_range, &r),
                     COVE_ENOSPC);
    ck_assert_int_eq(cove_seq_remove_at(seq, unit, 0, 5, note_range, &r),
                     COVE_ENOSPC);
    assert_text(seq, "abcXd");
    r.len = 0;
    ck_assert_int_eq(cove_seq_remove_at(seq, unit, 0, 6, note_range, &r),
                     COVE_EUSAGE);
    ck_assert_int_eq(cove_seq_remove_at(seq, unit, 5, 1, note_range, &r),
                     COVE_EUSAGE);
    ck_assert_int_eq(cove_seq_remove_at(seq, unit, 1, SIZE_MAX, note_range, &r),
                     COVE_EUSAGE);
    ck_assert_int_eq(cove_seq_remove_at(seq, unit, 5, 0, note_range, &r), 0);
    ck_assert_uint_eq(r.len, 0);
    assert_text(seq, "abcXd");
}
END_TEST

START_TEST(backspace_leaves_one_tombstone_that_grows)
{
    struct cove_seq_walk walk;
    struct cove_seq_piece piece;
    size_t pieces = 0;

    for (uint32_t i = 0; i < 300; i++) {
        ck_assert_int_eq(type_at(seq, i, i, "x"), 0);
    }
    for (uint32_t i = 300; i > 100; i--) {
        ck_assert_int_eq(erase_at(seq, i - 1, 1), 0);
    }
    for (uint32_t i = 0; i < 50; i++) { /* and from the other side */
        ck_assert_int_eq(erase_at(seq, 0, 1), 0);
    }
    ck_assert_uint_eq(cove_seq_length(seq, COVE_SEQ_ELEMENTS), 50);
    ck_assert_int_eq(cove_seq_walk_all(seq, &walk), 0);
    for (bool gone = true; cove_seq_next(&walk, &piece); pieces++) {
        gone = pieces < 50 || pieces >= 100;
        ck_assert(piece.deleted == gone);
        ck_assert_uint_eq(piece.first.n, pieces);
        ck_assert_uint_eq(piece.hlc, 100 + pieces); /* each its own */
    }
    ck_assert_uint_eq(pieces, 300);
}
END_TEST

/* --- ops of others */

START_TEST(a_run_waits_for_its_parent)
{
    ck_assert_int_eq(take(seq, 1, 5, elem(0, 1), COVE_SEQ_RIGHT, "yz"), 0);
    ck_assert_int_eq(take(seq, 1, 5, elem(0, 1), COVE_SEQ_RIGHT, "yz"), 0);
    ck_assert_int_eq(take(seq, 1, 7, elem(1, 6), COVE_SEQ_RIGHT, "!"), 0);
    ck_assert_uint_eq(cove_seq_waiting(seq), 2);
    ck_assert_uint_eq(cove_seq_total(seq), 0);
    ck_assert_int_eq(take(seq, 0, 0, root, COVE_SEQ_RIGHT, "a"), 0);
    ck_assert_uint_eq(cove_seq_waiting(seq), 2);
    ck_assert_int_eq(take(seq, 0, 0, root, COVE_SEQ_RIGHT, "ax"), 0);
    ck_assert_uint_eq(cove_seq_waiting(seq), 0);
    assert_text(seq, "axyz!");
}
END_TEST

START_TEST(own_typing_releases_what_waits_for_it)
{
    ck_assert_int_eq(take(seq, 1, 0, elem(0, 1), COVE_SEQ_RIGHT, "!"), 0);
    ck_assert_int_eq(cove_seq_remove(seq, elem(0, 2), 1), 0);
    ck_assert_uint_eq(cove_seq_waiting(seq), 2);
    ck_assert_int_eq(type_at(seq, 0, 0, "abc"), 0);
    assert_text(seq, "ab!");
    ck_assert_uint_eq(cove_seq_waiting(seq), 0);
    ck_assert_int_eq(type_at(seq, 1, 3, "x"), 0);
    assert_text(seq, "axb!");
}
END_TEST

START_TEST(runs_in_a_circle_wait_for_ever)
{
    ck_assert_int_eq(take(seq, 0, 0, elem(1, 0), COVE_SEQ_RIGHT, "a"), 0);
    ck_assert_int_eq(take(seq, 1, 0, elem(0, 0), COVE_SEQ_LEFT, "b"), 0);
    ck_assert_int_eq(take(seq, 0, 5, elem(0, 6), COVE_SEQ_LEFT, "own"), 0);
    ck_assert_uint_eq(cove_seq_waiting(seq), 3);
    ck_assert_int_eq(take(seq, 0, 9, root, COVE_SEQ_RIGHT, "x"), 0);
    ck_assert_uint_eq(cove_seq_waiting(seq), 3);
    assert_text(seq, "x");
    /* Somebody contradicts: the circle is open. */
    ck_assert_int_eq(take(seq, 1, 0, elem(0, 9), COVE_SEQ_RIGHT, "y"), 0);
    assert_text(seq, "xya");
    ck_assert_uint_eq(cove_seq_waiting(seq), 1);
}
END_TEST

START_TEST(other_content_for_what_is_held_is_ignored)
{
    ck_assert_int_eq(take(seq, 0, 0, root, COVE_SEQ_RIGHT, "abc"), 0);
    ck_assert_int_eq(take(seq, 0, 0, root, COVE_SEQ_RIGHT, "xyz"), 0);
    ck_assert_int_eq(take(seq, 0, 1, root, COVE_SEQ_RIGHT, "Q"), 0);
    assert_text(seq, "abc");
    /* What is new of it comes in behind what is held. */
    ck_assert_int_eq(take(seq, 0, 2, root, COVE_SEQ_RIGHT,
                          "\xc3\xa9"
                          "de"),
                     0);
    assert_text(seq, "abcde");
    ck_assert_uint_eq(cove_seq_total(seq), 5);
}
END_TEST

START_TEST(a_run_around_held_elements_fills_the_gaps)
{
    ck_assert_int_eq(take(seq, 0, 2, root, COVE_SEQ_RIGHT, "c"), 0);
    ck_assert_int_eq(take(seq, 0, 5, elem(0, 2), COVE_SEQ_RIGHT, "f"), 0);
    ck_assert_int_eq(take(seq, 0, 0, root, COVE_SEQ_RIGHT, "abcdefg"), 0);
    ck_assert_uint_eq(cove_seq_total(seq), 7);
    ck_assert_uint_eq(cove_seq_waiting(seq), 0);
    /* The root's children are a and c, whose are d and f. */
    assert_text(seq, "abcdefg");
}
END_TEST

START_TEST(a_deletion_waits_for_what_it_deletes)
{
    ck_assert_int_eq(cove_seq_remove(seq, elem(0, 1), 2), 0);
    ck_assert_int_eq(cove_seq_remove(seq, elem(0, 4), 1), 0);
    ck_assert_uint_eq(cove_seq_waiting(seq), 2);
    ck_assert_int_eq(cove_seq_remove(seq, elem(0, 2), 2), 0); /* meets both */
    ck_assert_uint_eq(cove_seq_waiting(seq), 1);
    ck_assert_int_eq(cove_seq_remove(seq, elem(0, 8), 100), 0);
    ck_assert_uint_eq(cove_seq_waiting(seq), 2);
    ck_assert_int_eq(take(seq, 0, 0, root, COVE_SEQ_RIGHT, "abc"), 0);
    assert_text(seq, "a");
    ck_assert_uint_eq(cove_seq_waiting(seq), 2);
    ck_assert_int_eq(take(seq, 0, 3, elem(0, 2), COVE_SEQ_RIGHT, "defghijk"),
                     0);
    assert_text(seq, "afgh");
    ck_assert_uint_eq(cove_seq_waiting(seq), 1); /* from 11 on */
    ck_assert_int_eq(cove_seq_remove(seq, elem(0, 0), 12), 0);
    assert_text(seq, "");
    ck_assert_int_eq(cove_seq_remove(seq, elem(0, 0), 12), 0);
    ck_assert_uint_eq(cove_seq_total(seq), 11);
}
END_TEST

START_TEST(a_deletion_cuts_out_the_middle_of_a_waiting_one)
{
    ck_assert_int_eq(cove_seq_remove(seq, elem(0, 0), 100), 0);
    ck_assert_int_eq(take(seq, 0, 40, root, COVE_SEQ_RIGHT, "abc"), 0);
    ck_assert_uint_eq(cove_seq_waiting(seq), 2); /* on both sides of it */
    ck_assert_int_eq(take(seq, 0, 39, root, COVE_SEQ_RIGHT, "x"), 0);
    ck_assert_int_eq(take(seq, 0, 99, root, COVE_SEQ_RIGHT, "yz"), 0);
    assert_text(seq, "z");
    ck_assert_uint_eq(cove_seq_waiting(seq), 2);
}
END_TEST

START_TEST(only_so_many_ops_wait)
{
    for (uint32_t i = 0; i < COVE_SEQ_WAITING_MAX - 1; i++) {
        ck_assert_int_eq(take(seq, 1, 2 * i, elem(0, 7), COVE_SEQ_RIGHT, "x"),
                         0);
    }
    ck_assert_int_eq(cove_seq_remove(seq, elem(1, 1), 1), 0);
    ck_assert_uint_eq(cove_seq_waiting(seq), COVE_SEQ_WAITING_MAX);
    ck_assert_int_eq(cove_seq_remove(seq, elem(1, 5), 1), COVE_ELIMIT);
    ck_assert_int_eq(cove_seq_remove(seq, elem(1, 2), 1), 0); /* is one range */
    ck_assert_int_eq(take(seq, 1, 1, elem(0, 7), COVE_SEQ_RIGHT, "x"),
                     COVE_ELIMIT);
    ck_assert_int_eq(take(seq, 1, 0, elem(0, 7), COVE_SEQ_RIGHT, "x"), 0);
    ck_assert_uint_eq(cove_seq_waiting(seq), COVE_SEQ_WAITING_MAX);
    ck_assert_int_eq(take(seq, 0, 7, root, COVE_SEQ_RIGHT, "p"), 0);
    ck_assert_uint_eq(cove_seq_waiting(seq), 1);
    ck_assert_uint_eq(cove_seq_total(seq), COVE_SEQ_WAITING_MAX);
    ck_assert_uint_eq(cove_seq_length(seq, COVE_SEQ_ELEMENTS),
                      COVE_SEQ_WAITING_MAX - 1);
}
END_TEST

START_TEST(only_so_many_bytes_wait)
{
    static char text[COVE_SEQ_WAITING_BYTES + 2];

    memset(text, 'x', sizeof(text) - 1);
    ck_assert_int_eq(take(seq, 1, 0, elem(0, 0), COVE_SEQ_RIGHT, text),
                     COVE_ELIMIT);
    text[COVE_SEQ_WAITING_BYTES] = '\0';
    ck_assert_int_eq(take(seq, 1, 0, elem(0, 0), COVE_SEQ_RIGHT, text), 0);
    ck_assert_int_eq(take(seq, 0, 9, elem(0, 8), COVE_SEQ_RIGHT, "x"),
                     COVE_ELIMIT);
    ck_assert_int_eq(take(seq, 0, 0, root, COVE_SEQ_RIGHT, "a"), 0);
    ck_assert_uint_eq(cove_seq_total(seq), COVE_SEQ_WAITING_BYTES + 1);
    ck_assert_int_eq(take(seq, 0, 9, elem(0, 8), COVE_SEQ_RIGHT, "x"), 0);
}
END_TEST

/* --- siblings */

START_TEST(siblings_stand_by_hlc_then_author_then_number)
{
    struct cove_seq_run run;

    ck_assert_int_eq(take(seq, 1, 5, root, COVE_SEQ_RIGHT, "d"), 0);
    run = run_of(0, 6, "c");
    run.hlc = 105;
    ck_assert_int_eq(cove_seq_insert(seq, &run), 0); /* the lesser device */
    ck_assert_int_eq(take(seq, 1, 4, root, COVE_SEQ_RIGHT, "b"), 0);
    run = run_of(0, 9, "a");
    run.hlc = 1;
    ck_assert_int_eq(cove_seq_insert(seq, &run), 0);
    run = run_of(1, 6, "e");
    run.hlc = 105;
    ck_assert_int_eq(cove_seq_insert(seq, &run), 0);
    assert_text(seq, "abcde");
}
END_TEST

static void type_forwards(struct cove_seq *s, uint32_t author, const char *text)
{
    for (uint32_t i = 0; text[i] != '\0'; i++) {
        char one[2] = {text[i], '\0'};

        ck_assert_int_eq(take(s, author, i, i == 0 ? root : elem(author, i - 1),
                              COVE_SEQ_RIGHT, one),
                         0);
    }
}

static void type_backwards(struct cove_seq *s, uint32_t author,
                           const char *text)
{
    for (uint32_t i = 0; text[i] != '\0'; i++) {
        char one[2] = {text[i], '\0'};

        ck_assert_int_eq(take(s, author, i, i == 0 ? root : elem(author, i - 1),
                              i == 0 ? COVE_SEQ_RIGHT : COVE_SEQ_LEFT, one),
                         0);
    }
}

START_TEST(what_two_type_at_once_does_not_interleave)
{
    type_forwards(seq, 0, "hello");
    type_forwards(seq, 1, "world");
    assert_text(seq, "helloworld");
}
END_TEST

START_TEST(nor_what_two_type_backwards)
{
    type_backwards(seq, 1, "dlrow");
    type_backwards(seq, 0, "olleh");
    assert_text(seq, "helloworld");
}
END_TEST

START_TEST(depth_costs_no_stack)
{
    enum { DEEP = 200000 };
    struct cove_seq_run run;
    size_t at;
    bool visible;

    /* Two authors take turns: every run is one element, DEEP levels deep, to
     * the left, then to the right. */
    ck_assert_int_eq(take(seq, 0, 0, root, COVE_SEQ_RIGHT, "0"), 0);
    for (uint32_t i = 1; i < DEEP; i++) {
        ck_assert_int_eq(take(seq, i % 2, i, elem((i - 1) % 2, i - 1),
                              i < DEEP / 2 ? COVE_SEQ_LEFT : COVE_SEQ_RIGHT,
                              "x"),
                         0);
    }
    run = run_of(0, DEEP, "A"); /* before all of it */
    run.hlc = 1;
    ck_assert_int_eq(cove_seq_insert(seq, &run), 0);
    run = run_of(0, DEEP + 1, "Z"); /* behind all of it */
    run.hlc = UINT64_MAX;
    ck_assert_int_eq(cove_seq_insert(seq, &run), 0);
    ck_assert_int_eq(cove_seq_find(seq, elem(0, DEEP), &at, &visible), 0);
    ck_assert_uint_eq(at, 0);
    ck_assert_int_eq(cove_seq_find(seq, elem(0, DEEP + 1), &at, &visible), 0);
    ck_assert_uint_eq(at, DEEP + 1);
}
END_TEST

/* --- reading */

START_TEST(units_convert_both_ways)
{
    /* 1, 2, 3 and 4 bytes, more than a mark apart */
    static const char four[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";
    struct cove_seq *built = seq;
    size_t out;

    for (uint32_t i = 0; i < 100; i++) {
        ck_assert_int_eq(type_at(seq, 4 * i, 5 * i, four), 0);
        ck_assert_int_eq(type_at(seq, 4 * i + 2, 5 * i + 4, "-"), 0);
        ck_assert_int_eq(erase_at(seq, 4 * i + 2, 1), 0);
    }
    for (int round = 0; round < 2; round++) { /* built, and at rest */
        for (size_t i = 0; i <= 400; i++) {
            static const size_t starts[] = {0, 1, 3, 6};
            size_t want = i / 4 * 10 + starts[i % 4];

            ck_assert_int_eq(cove_seq_convert(seq, COVE_SEQ_ELEMENTS, i,
                                              COVE_SEQ_BYTES, &out),
                             0);
            ck_assert_uint_eq(out, want);
            ck_assert_int_eq(cove_seq_convert(seq, COVE_SEQ_BYTES, want,
                                              COVE_SEQ_ELEMENTS, &out),
                             0);
            ck_assert_uint_eq(out, i);
            ck_assert_int_eq(cove_seq_convert(seq, COVE_SEQ_BYTES, want,
                                              COVE_SEQ_BYTES, &out),
                             0);
            ck_assert_uint_eq(out, want);
        }
        ck_assert_int_eq(
            cove_seq_convert(seq, COVE_SEQ_BYTES, 2, COVE_SEQ_ELEMENTS, &out),
            COVE_EUSAGE);
        ck_assert_int_eq(
            cove_seq_convert(seq, COVE_SEQ_BYTES, 995, COVE_SEQ_BYTES, &out),
            COVE_EUSAGE);
        ck_assert_int_eq(cove_seq_convert(seq, COVE_SEQ_BYTES, 1001,
                                          COVE_SEQ_ELEMENTS, &out),
                         COVE_EUSAGE);
        ck_assert_int_eq(
            cove_seq_convert(seq, COVE_SEQ_ELEMENTS, 401, COVE_SEQ_BYTES, &out),
            COVE_EUSAGE);
        seq = round == 0 ? again(&cove_alloc_libc, built) : seq;
    }
    cove_seq_free(built);
}
END_TEST

START_TEST(a_part_of_the_text_is_read_in_either_unit)
{
    struct cove_seq *built = seq;
    struct cove_buf out;

    ck_assert_int_eq(type_at(seq, 0, 0,
                             "a\xc3\xa9"
                             "bcd"),
                     0);
    ck_assert_int_eq(erase_at(seq, 2, 1), 0);
    for (int round = 0; round < 2; round++) {
        cove_buf_init(&out, &cove_alloc_libc);
        ck_assert_int_eq(cove_seq_text(seq, COVE_SEQ_ELEMENTS, 1, 2, &out), 0);
        ck_assert_int_eq(cove_seq_text(seq, COVE_SEQ_BYTES, 3, 1, &out), 0);
        ck_assert_uint_eq(out.len, 4);
        ck_assert(memcmp(out.at,
                         "\xc3\xa9"
                         "cc",
                         4) == 0);
        ck_assert_int_eq(cove_seq_text(seq, COVE_SEQ_ELEMENTS, 4, 0, &out), 0);
        ck_assert_int_eq(cove_seq_text(seq, COVE_SEQ_ELEMENTS, 4, 1, &out),
                         COVE_EUSAGE);
        ck_assert_int_eq(cove_seq_text(seq, COVE_SEQ_BYTES, 2, 1, &out),
                         COVE_EUSAGE);
        ck_assert_int_eq(cove_seq_text(seq, COVE_SEQ_BYTES, 1, 1, &out),
                         COVE_EUSAGE);
        ck_assert_int_eq(cove_seq_text(seq, COVE_SEQ_BYTES, 1, SIZE_MAX, &out),
                         COVE_EUSAGE);
        ck_assert_uint_eq(out.len, 4);
        cove_buf_clear(&out);
        seq = round == 0 ? again(&cove_alloc_libc, built) : seq;
    }
    cove_seq_free(built);
}
END_TEST

START_TEST(an_element_is_found_wherever_it_went)
{
    struct cove_elem after;
    size_t at = 9;
    bool visible;

    ck_assert_int_eq(cove_seq_after(seq, root, &after), 0);
    ck_assert_uint_eq(after.author, COVE_SEQ_ROOT);
    ck_assert_int_eq(type_at(seq, 0, 0, "abc"), 0);
    ck_assert_int_eq(take(seq, 1, 0, elem(0, 1), COVE_SEQ_LEFT, "X"), 0);
    ck_assert_int_eq(erase_at(seq, 2, 1), 0);
    assert_text(seq, "aXc");
    ck_assert_int_eq(cove_seq_find(seq, elem(0, 2), &at, &visible), 0);
    ck_assert(at == 2 && visible);
    ck_assert_int_eq(cove_seq_find(seq, elem(0, 1), &at, &visible), 0);
    ck_assert(at == 2 && !visible);
    ck_assert_int_eq(cove_seq_find(seq, elem(0, 3), &at, &visible),
                     COVE_ENOTFOUND);
    ck_assert_int_eq(cove_seq_find(seq, elem(5, 0), &at, &visible),
                     COVE_ENOTFOUND);
    ck_assert_int_eq(cove_seq_find(seq, root, &at, &visible), COVE_ENOTFOUND);
    ck_assert_int_eq(cove_seq_after(seq, root, &after), 0);
    ck_assert(after.author == 0 && after.n == 0);
    ck_assert_int_eq(cove_seq_after(seq, elem(1, 0), &after), 0);
    ck_assert(after.author == 0 && after.n == 1); /* a tombstone */
    ck_assert_int_eq(cove_seq_after(seq, elem(0, 2), &after), 0);
    ck_assert_uint_eq(after.author, COVE_SEQ_ROOT);
    ck_assert_int_eq(cove_seq_after(seq, elem(1, 1), &after), COVE_ENOTFOUND);
}
END_TEST

START_TEST(a_walk_gives_what_is_between_two_places)
{
    struct cove_seq_walk walk;
    struct cove_seq_piece piece;

    ck_assert_int_eq(type_at(seq, 0, 0, "abcdef"), 0);
    ck_assert_int_eq(erase_at(seq, 2, 2), 0);
    ck_assert_int_eq(cove_seq_walk(seq, 1, 2, &walk), 0);
    ck_assert(cove_seq_next(&walk, &piece));
    ck_assert(piece.first.n == 1 && piece.count == 1 && !piece.deleted);
    ck_assert(cove_seq_next(&walk, &piece));
    ck_assert(piece.first.n == 4 && piece.count == 1);
    ck_assert(cove_bytes_equal(piece.content, cove_bytes_text("e")));
    ck_assert(!cove_seq_next(&walk, &piece));
    ck_assert_int_eq(cove_seq_walk(seq, 4, 0, &walk), 0);
    ck_assert(!cove_seq_next(&walk, &piece));
    ck_assert_int_eq(cove_seq_walk(seq, 4, 1, &walk), COVE_EUSAGE);
    ck_assert_int_eq(cove_seq_walk(seq, 5, 0, &walk), COVE_EUSAGE);
    ck_assert_int_eq(cove_seq_at(seq, 3, &piece), 0);
    ck_assert_uint_eq(piece.first.n, 5);
    ck_assert_int_eq(cove_seq_at(seq, 4, &piece), COVE_EUSAGE);
}
END_TEST

START_TEST(a_list_holds_values_and_their_types)
{
    struct cove_seq_run run = {.first = {0, 0},
                               .count = 3,
                               .content =
                                   cove_bytes_text("\x01\x61x\x82\x02\x03"),
                               .type = cove_bytes_text("Item.name")};
    struct cove_seq_edit edit;
    struct cove_seq_piece piece;
    size_t out;

    ck_assert_int_eq(cove_seq_insert_at(seq, COVE_SEQ_ELEMENTS, 0, &run, &edit),
                     0);
    run = (struct cove_seq_run){
        .first = {0, 3}, .count = 1, .content = cove_bytes_text("\xf6")};
    ck_assert_int_eq(cove_seq_insert_at(seq, COVE_SEQ_BYTES, 0, &run, &edit),
                     COVE_EUSAGE);
    ck_assert_int_eq(cove_seq_insert_at(seq, COVE_SEQ_ELEMENTS, 1, &run, &edit),
                     0);
    ck_assert_int_eq(
        cove_seq_convert(seq, COVE_SEQ_ELEMENTS, 1, COVE_SEQ_BYTES, &out),
        COVE_EUSAGE);
    ck_assert_int_eq(cove_seq_at(seq, 3, &piece), 0);
    ck_assert(cove_bytes_equal(piece.content, cove_bytes("\x82\x02\x03", 3)));
    ck_assert(cove_bytes_equal(piece.type, cove_bytes_text("Item.name")));
    ck_assert_int_eq(cove_seq_at(seq, 1, &piece), 0);
    ck_assert_uint_eq(piece.type.len, 0);
    run.first.n = 4;
    run.content = cove_bytes_text("\x01\x02");
    ck_assert_int_eq(cove_seq_insert_at(seq, COVE_SEQ_ELEMENTS, 0, &run, &edit),
                     COVE_EFORMAT);
    run.content = cove_bytes_text("\x82\x01");
    ck_assert_int_eq(cove_seq_insert_at(seq, COVE_SEQ_ELEMENTS, 0, &run, &edit),
                     COVE_EFORMAT);
    ck_assert_uint_eq(cove_seq_length(seq, COVE_SEQ_ELEMENTS), 4);
}
END_TEST

START_TEST(an_author_has_one_number)
{
    struct cove_seq_author author;
    uint32_t number;

    memset(&author, 0, sizeof(author));
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 1000; i++) {
            author.session.b[1] = (uint8_t)(1 + i % 10);
            author.tx = i / 10 % 10;
            author.op = i / 100;
            author.device.b[0] = 1;
            ck_assert_int_eq(cove_seq_author_add(seq, &author, &number), 0);
            ck_assert_uint_eq(number, i + 2); /* the two of the setup */
            ck_assert(memcmp(cove_seq_author_of(seq, number), &author,
                             sizeof(author)) == 0);
        }
    }
    ck_assert_ptr_null(cove_seq_author_of(seq, 1002));
}
END_TEST

START_TEST(a_device_may_come_later)
{
    struct cove_seq_author author;
    uint32_t first, again;

    memset(&author, 0, sizeof(author));
    author.session.b[3] = 7;
    ck_assert_int_eq(cove_seq_author_add(seq, &author, &first), 0);
    author.device.b[5] = 1;
    ck_assert_int_eq(cove_seq_author_add(seq, &author, &again), 0);
    ck_assert_uint_eq(first, again);
    ck_assert_uint_eq(cove_seq_author_of(seq, first)->device.b[5], 1);
    author.hlc = 4; /* a write elsewhere is somebody else */
    ck_assert_int_eq(cove_seq_author_add(seq, &author, &again), 0);
    ck_assert_uint_ne(first, again);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("seq");
    TCase *text = tcase_create("text");
    TCase *list = tcase_create("list");

    tcase_add_checked_fixture(text, text_setup, teardown);
    tcase_add_checked_fixture(list, list_setup, teardown);
    tcase_set_timeout(text, 60);
    tcase_add_test(text, what_is_typed_hangs_on_its_left_neighbour);
    tcase_add_test(text, a_tombstone_counts_as_a_right_child);
    tcase_add_test(text, an_insertion_at_a_wrong_place_changes_nothing);
    tcase_add_test(text, a_malformed_run_is_refused);
    tcase_add_test(text, a_deletion_is_told_in_ranges_of_one_author);
    tcase_add_test(text, a_deletion_that_cannot_be_told_does_not_happen);
    tcase_add_test(text, backspace_leaves_one_tombstone_that_grows);
    tcase_add_test(text, a_run_waits_for_its_parent);
    tcase_add_test(text, own_typing_releases_what_waits_for_it);
    tcase_add_test(text, runs_in_a_circle_wait_for_ever);
    tcase_add_test(text, other_content_for_what_is_held_is_ignored);
    tcase_add_test(text, a_run_around_held_elements_fills_the_gaps);
    tcase_add_test(text, a_deletion_waits_for_what_it_deletes);
    tcase_add_test(text, a_deletion_cuts_out_the_middle_of_a_waiting_one);
    tcase_add_test(text, only_so_many_ops_wait);
    tcase_add_test(text, only_so_many_bytes_wait);
    tcase_add_test(text, siblings_stand_by_hlc_then_author_then_number);
    tcase_add_test(text, what_two_type_at_once_does_not_interleave);
    tcase_add_test(text, nor_what_two_type_backwards);
    tcase_add_test(text, depth_costs_no_stack);
    tcase_add_test(text, units_convert_both_ways);
    tcase_add_test(text, a_part_of_the_text_is_read_in_either_unit);
    tcase_add_test(text, an_element_is_found_wherever_it_went);
    tcase_add_test(text, a_walk_gives_what_is_between_two_places);
    tcase_add_test(text, an_author_has_one_number);
    tcase_add_test(text, a_device_may_come_later);
    tcase_add_test(list, a_list_holds_values_and_their_types);
    suite_add_tcase(suite, text);
    suite_add_tcase(suite, list);
    return harness_run(suite);
}
