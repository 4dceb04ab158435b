/* test_seq_diff.c: what differs between two folds of one sequence. */
#include "core/cbor.h"
#include "core/utf8.h"
#include "cove/error.h"
#include "crdt/compose.h"
#include "crdt/seq_diff.h"
#include "tests/unit/harness.h"

#define AUTHORS 3
#define OPS     200

/* An op of the log: an insertion or a removal by an author. */
struct op {
    uint32_t author;
    bool removes;
    struct cove_seq_run run;
    char text[8];
};

struct story {
    struct harness_alloc heap;
    struct cove_arena arena;
    struct cove_seq *replicas[AUTHORS];
    struct op ops[OPS];
    size_t count;
    size_t seen[AUTHORS][AUTHORS]; /* by who, of whom: ops taken in */
    uint32_t next[AUTHORS];
    uint64_t seed;
};

static uint32_t story_random(struct story *s, uint32_t below)
{
    s->seed = s->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(s->seed >> 33) % below;
}

/* The authors in an order of the sequence's own. */
static struct cove_seq *story_seq(struct story *s, uint32_t first,
                                  uint32_t numbers[AUTHORS])
{
    struct cove_seq *seq = NULL;

    ck_assert_int_eq(cove_seq_new(&s->heap.alloc, COVE_SEQ_TEXT, &seq), 0);
    for (uint32_t i = 0; i < AUTHORS; i++) {
        uint32_t who = (first + i) % AUTHORS;
        struct cove_seq_author author = {.device = {{(uint8_t)(who + 1)}},
                                         .session = {{(uint8_t)(who + 1)}}};

        ck_assert_int_eq(cove_seq_author_add(seq, &author, &numbers[who]), 0);
    }
    return seq;
}

static void story_open(struct story *s, uint64_t seed)
{
    uint32_t numbers[AUTHORS];

    memset(s, 0, sizeof(*s));
    s->seed = seed;
    harness_alloc_init(&s->heap, 0);
    cove_arena_init(&s->arena, &s->heap.alloc);
    for (uint32_t i = 0; i < AUTHORS; i++) {
        s->replicas[i] = story_seq(s, 0, numbers);
        ck_assert_uint_eq(numbers[i], i);
    }
}

static void story_close(struct story *s)
{
    for (uint32_t i = 0; i < AUTHORS; i++) {
        cove_seq_free(s->replicas[i]);
    }
    cove_arena_clear(&s->arena);
    ck_assert_int_eq(s->heap.alive, 0);
}

static struct cove_elem elem_by(struct cove_elem elem,
                                const uint32_t numbers[AUTHORS])
{
    if (elem.author != COVE_SEQ_ROOT) {
        elem.author = numbers[elem.author];
    }
    return elem;
}

static void op_fold(const struct op *op, struct cove_seq *seq,
                    const uint32_t numbers[AUTHORS])
{
    struct cove_seq_run run = op->run;

    run.first = elem_by(run.first, numbers);
    run.parent = elem_by(run.parent, numbers);
    run.content = cove_bytes_text(op->text);
    ck_assert_int_eq(op->removes ? cove_seq_remove(seq, run.first, run.count)
                                 : cove_seq_insert(seq, &run),
                     0);
}

static const uint32_t identity[AUTHORS] = {0, 1, 2};

static int op_removed(void *ctx, struct cove_elem first, uint32_t count)
{
    struct op *op = ctx;

    ck_assert_uint_eq(op->run.count, 0);
    op->run.first = first;
    op->run.count = count;
    return 0;
}

static void story_remove(struct story *s, uint32_t who, size_t length)
{
    struct op *op = &s->ops[s->count++];

    memset(op, 0, sizeof(*op));
    op->author = who;
    op->removes = true;
    ck_assert_int_eq(cove_seq_remove_at(s->replicas[who], COVE_SEQ_ELEMENTS,
                                        story_random(s, (uint32_t)length), 1,
                                        op_removed, op),
                     0);
}

static void story_insert(struct story *s, uint32_t who, size_t length)
{
    static const char *const texts[] = {"a", "bc", "\xc3\xa4", "d\xe2\x82\xac",
                                        "ee"};
    struct op *op = &s->ops[s->count++];
    struct cove_seq_edit edit;

    memset(op, 0, sizeof(*op));
    op->author = who;
    strcpy(op->text, texts[story_random(s, 5)]);
    op->run.content = cove_bytes_text(op->text);
    op->run.count = (uint32_t)cove_utf8_count(op->run.content);
    op->run.first = (struct cove_elem){who, s->next[who]};
    op->run.hlc = s->count;
    s->next[who] += op->run.count;
    ck_assert_int_eq(cove_seq_insert_at(s->replicas[who], COVE_SEQ_ELEMENTS,
                                        story_random(s, (uint32_t)length + 1),
                                        &op->run, &edit),
                     0);
    op->run.parent = edit.parent;
    op->run.side = edit.side;
}

/* Take in what another has, up to where he is. */
static void story_sync(struct story *s, uint32_t from, uint32_t to)
{
    for (size_t i = 0; i < s->count; i++) {
        uint32_t author = s->ops[i].author;

        if (author != to && i >= s->seen[to][author] &&
            (author == from || i < s->seen[from][author])) {
            op_fold(&s->ops[i], s->replicas[to], identity);
            s->seen[to][author] = i + 1;
        }
    }
}

static void story_write(struct story *s)
{
    while (s->count < OPS) {
        uint32_t who = story_random(s, AUTHORS);
        size_t length = cove_seq_length(s->replicas[who], COVE_SEQ_ELEMENTS);

        if (story_random(s, 6) == 0) {
            story_sync(s, (who + 1 + story_random(s, 2)) % AUTHORS, who);
        } else if (length > 0 && story_random(s, 3) == 0) {
            story_remove(s, who, length);
        } else {
            story_insert(s, who, length);
        }
    }
}

/* Fold of each author so many ops. */
static struct cove_seq *story_fold(struct story *s, uint32_t first,
                                   const size_t len[AUTHORS])
{
    uint32_t numbers[AUTHORS];
    struct cove_seq *seq = story_seq(s, first, numbers);

    for (size_t i = 0; i < s->count; i++) {
        if (i < len[s->ops[i].author]) {
            op_fold(&s->ops[i], seq, numbers);
        }
    }
    return seq;
}

static struct cove_bytes text_of(struct story *s, const struct cove_seq *seq)
{
    struct cove_buf buf;
    struct cove_bytes text;

    cove_buf_init(&buf, &s->heap.alloc);
    ck_assert_int_eq(cove_seq_text(seq, COVE_SEQ_BYTES, 0,
                                   cove_seq_length(seq, COVE_SEQ_BYTES), &buf),
                     0);
    ck_assert_int_eq(cove_arena_copy(&s->arena, cove_buf_bytes(&buf), &text),
                     0);
    cove_buf_clear(&buf);
    return text;
}

/* --- the oracle: sets of elements */

static bool shows(const struct cove_seq *seq, uint8_t session, uint32_t n)
{
    size_t at;
    bool visible = false;

    for (uint32_t i = 0; i < cove_seq_author_count(seq); i++) {
        struct cove_elem elem = {i, n};

        if (cove_seq_author_of(seq, i)->session.b[0] == session &&
            cove_seq_find(seq, elem, &at, &visible) == 0) {
            return visible;
        }
    }
    return false;
}

static size_t differ(const struct story *s, const struct cove_seq *a,
                     const struct cove_seq *b)
{
    size_t count = 0;

    for (uint32_t who = 0; who < AUTHORS; who++) {
        for (uint32_t n = 0; n < s->next[who]; n++) {
            count += shows(a, (uint8_t)(who + 1), n) &&
                     !shows(b, (uint8_t)(who + 1), n);
        }
    }
    return count;
}

static void edit_append(struct cove_buf *out, struct cove_bytes bytes)
{
    ck_assert_int_eq(cove_buf_append(out, bytes), 0);
}

/* Up to `at` of the old text, in code points. */
static void edit_copy(struct cove_buf *out, struct cove_bytes text,
                      size_t *done, size_t at)
{
    size_t begin;
    size_t end;

    ck_assert_int_eq(cove_utf8_offset(text, *done, &begin), 0);
    ck_assert_int_eq(cove_utf8_offset(text, at, &end), 0);
    edit_append(out, cove_bytes(text.at + begin, end - begin));
    *done = at;
}

static void assert_changes(struct story *s, const struct cove_seq *old,
                           const struct cove_seq *as,
                           const struct cove_seq_changes *changes)
{
    struct cove_bytes text = text_of(s, old);
    struct cove_bytes wanted = text_of(s, as);
    struct cove_buf made;
    size_t done = 0;
    size_t gone = 0;
    size_t come = 0;

    cove_buf_init(&made, &s->heap.alloc);
    for (size_t i = 0; i < changes->count; i++) {
        const struct cove_seq_change *c = &changes->at[i];

        ck_assert(i == 0 || c->old_at > done);
        edit_copy(&made, text, &done, c->old_at);
        ck_assert_uint_eq(cove_utf8_count(cove_buf_bytes(&made)), c->new_at);
        for (size_t k = 0; k < c->come_parts; k++) {
            edit_append(&made, c->come[k].content);
        }
        done += c->gone_count;
        gone += c->gone_count;
        come += c->come_count;
    }
    edit_copy(&made, text, &done, cove_utf8_count(text));
    ck_assert(cove_bytes_equal(cove_buf_bytes(&made), wanted));
    ck_assert_uint_eq(gone, differ(s, old, as));
    ck_assert_uint_eq(come, differ(s, as, old));
    cove_buf_clear(&made);
}

/* Apply fixes to the old sequence itself, by a fourth author. */
static void assert_fixes(struct story *s, struct cove_seq *old,
                         const struct cove_seq *as,
                         const struct cove_seq_changes *changes, bool exact)
{
    struct cove_seq_author author = {.device = {{9}}, .session = {{9}}};
    struct cove_compose_self self = {.hlc = OPS + 1};
    struct cove_bytes wanted = text_of(s, as);
    struct cove_compose compose;
    struct cove_seq_fix *fixes = NULL;
    size_t count = 0;

    ck_assert_int_eq(cove_seq_author_add(old, &author, &self.author), 0);
    cove_compose_init(&compose, &s->heap.alloc);
    cove_compose_start(&compose, old, &self);
    ck_assert_int_eq(cove_seq_fixes(changes, exact, &fixes, &count), 0);
    for (size_t i = count; i > 0; i--) {
        struct cove_compose_insert in = {.behind = &fixes[i - 1].at,
                                         .content = fixes[i - 1].content,
                                         .count = fixes[i - 1].count};

        ck_assert_int_eq(
            in.content.len == 0
                ? cove_compose_remove_of(&compose, fixes[i - 1].at, in.count)
                : cove_compose_insert(&compose, &in),
            0);
    }
    ck_assert(cove_bytes_equal(text_of(s, old), wanted));
    cove_compose_clear(&compose);
}

START_TEST(changes_of_any_two_points_are_those_of_their_elements)
{
    struct story s;

    story_open(&s, (uint64_t)_i + 1);
    story_write(&s);
    for (int round = 0; round < 12; round++) {
        struct cove_seq_changes changes;
        struct cove_seq *seqs[2];

        for (uint32_t k = 0; k < 2; k++) {
            size_t len[AUTHORS];

            for (uint32_t i = 0; i < AUTHORS; i++) {
                len[i] = story_random(&s, OPS + 1);
            }
            seqs[k] = story_fold(&s, k, len);
        }
        ck_assert_int_eq(cove_seq_diff(seqs[0], seqs[1], &s.arena, &changes),
                         0);
        assert_changes(&s, seqs[0], seqs[1], &changes);
        assert_fixes(&s, seqs[0], seqs[1], &changes, round % 2 == 0);
        cove_seq_free(seqs[0]);
        cove_seq_free(seqs[1]);
        cove_arena_reset(&s.arena);
    }
    story_close(&s);
}
END_TEST

START_TEST(a_sequence_does_not_differ_from_itself)
{
    struct story s;
    struct cove_seq_changes changes;

    story_open(&s, 7);
    story_write(&s);
    ck_assert_int_eq(
        cove_seq_diff(s.replicas[0], s.replicas[0], &s.arena, &changes), 0);
    ck_assert_uint_eq(changes.count, 0);
    story_close(&s);
}
END_TEST

/* --- what is equal at the ends */

static struct cove_seq_part part(uint32_t n, const char *text, size_t place)
{
    struct cove_seq_part part = {.first = {0, n},
                                 .content = cove_bytes_text(text),
                                 .held = true,
                                 .behind = {0, n},
                                 .place = place};

    part.count = (uint32_t)cove_utf8_count(part.content);
    return part;
}

START_TEST(a_fix_leaves_a_copy_of_what_it_would_insert)
{
    struct harness_alloc heap;
    struct cove_arena arena;
    struct cove_seq_changes changes;
    struct cove_seq_part kept = part(0, "k", 0);
    struct cove_seq_part gone = part(10, "a\xc3\xa4yc", 1);
    struct cove_seq_part come = part(20, "a\xc3\xa4xxc", 5);
    struct cove_seq_fix *fixes;
    size_t count;

    harness_alloc_init(&heap, 0);
    cove_arena_init(&arena, &heap.alloc);
    cove_seq_changes_init(&changes, &arena, COVE_SEQ_TEXT);
    ck_assert_int_eq(cove_seq_changes_add(&changes, &kept, true, true), 0);
    ck_assert_int_eq(cove_seq_changes_add(&changes, &gone, true, false), 0);
    ck_assert_int_eq(cove_seq_changes_add(&changes, &come, false, true), 0);
    ck_assert_int_eq(cove_seq_fixes(&changes, false, &fixes, &count), 0);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(fixes[0].content.len, 0);
    ck_assert_uint_eq(fixes[0].at.n, 12);
    ck_assert_uint_eq(fixes[0].count, 1);
    ck_assert_uint_eq(fixes[1].at.n, 12);
    ck_assert_uint_eq(fixes[1].count, 2);
    ck_assert_mem_eq(fixes[1].content.at, "xx", 2);
    ck_assert_int_eq(cove_seq_fixes(&changes, true, &fixes, &count), 0);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(fixes[0].count, 4);
    ck_assert_uint_eq(fixes[1].count, 5);
    cove_arena_clear(&arena);
    ck_assert_int_eq(heap.alive, 0);
}
END_TEST

START_TEST(copies_that_something_lies_between_are_put_in_one_by_one)
{
    struct harness_alloc heap;
    struct cove_arena arena;
    struct cove_seq_changes changes;
    struct cove_seq_part first = part(0, "ab", 0);
    struct cove_seq_part hidden = part(7, "t", 2);
    struct cove_seq_part second = part(9, "c", 3);
    struct cove_seq_fix *fixes;
    size_t count;

    harness_alloc_init(&heap, 0);
    cove_arena_init(&arena, &heap.alloc);
    cove_seq_changes_init(&changes, &arena, COVE_SEQ_TEXT);
    ck_assert_int_eq(cove_seq_changes_add(&changes, &first, false, true), 0);
    ck_assert_int_eq(cove_seq_changes_add(&changes, &hidden, false, false), 0);
    ck_assert_int_eq(cove_seq_changes_add(&changes, &second, false, true), 0);
    ck_assert_int_eq(cove_seq_fixes(&changes, false, &fixes, &count), 0);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(fixes[0].at.n, 1);
    ck_assert_uint_eq(fixes[0].count, 2);
    ck_assert_uint_eq(fixes[1].at.n, 9);
    cove_arena_clear(&arena);
    ck_assert_int_eq(heap.alive, 0);
}
END_TEST

START_TEST(items_of_two_types_are_two_insertions)
{
    static const uint8_t one[] = {0x01, 0x61, 'a'}; /* 1, "a" */
    static const uint8_t two[] = {0x02};
    struct harness_alloc heap;
    struct cove_arena arena;
    struct cove_seq_changes changes;
    struct cove_seq_part first = {.count = 2,
                                  .content = cove_bytes(one, sizeof(one)),
                                  .type = cove_bytes_text("t")};
    struct cove_seq_part second = {
        .first = {1, 4}, .count = 1, .content = cove_bytes(two, sizeof(two))};
    struct cove_seq_fix *fixes;
    size_t count;

    harness_alloc_init(&heap, 0);
    cove_arena_init(&arena, &heap.alloc);
    cove_seq_changes_init(&changes, &arena, COVE_SEQ_LIST);
    ck_assert_int_eq(cove_seq_changes_add(&changes, &first, false, true), 0);
    ck_assert_int_eq(cove_seq_changes_add(&changes, &second, false, true), 0);
    ck_assert_int_eq(cove_seq_fixes(&changes, false, &fixes, &count), 0);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(fixes[0].count, 2);
    ck_assert_uint_eq(fixes[0].content.len, sizeof(one));
    ck_assert_uint_eq(fixes[0].type.len, 1);
    ck_assert_uint_eq(fixes[1].count, 1);
    ck_assert_uint_eq(fixes[1].type.len, 0);
    cove_arena_clear(&arena);
    ck_assert_int_eq(heap.alive, 0);
}
END_TEST

START_TEST(memory_that_is_out_is_said_and_nothing_leaks)
{
    struct story s;
    struct cove_seq *seqs[2];
    size_t some[AUTHORS] = {100, 20, 60};
    size_t others[AUTHORS] = {50, 90, 190};
    bool done = false;

    story_open(&s, 3);
    story_write(&s);
    seqs[0] = story_fold(&s, 0, some);
    seqs[1] = story_fold(&s, 1, others);
    for (long fail = 1; !done; fail++) {
        struct cove_seq_changes changes;
        struct cove_seq_fix *fixes;
        size_t count;
        int err;

        cove_arena_clear(&s.arena);
        s.heap.calls = 0;
        s.heap.fail_at = fail;
        err = cove_seq_diff(seqs[0], seqs[1], &s.arena, &changes);
        if (err == 0) {
            err = cove_seq_fixes(&changes, false, &fixes, &count);
        }
        done = s.heap.calls < fail;
        s.heap.fail_at = 0;
        ck_assert_int_eq(err, done ? 0 : COVE_ENOMEM);
    }
    cove_seq_free(seqs[0]);
    cove_seq_free(seqs[1]);
    story_close(&s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("seq_diff");
    TCase *changes = tcase_create("changes");
    TCase *fixes = tcase_create("fixes");

    tcase_set_timeout(changes, 60);
    tcase_add_loop_test(
        changes, changes_of_any_two_points_are_those_of_their_elements, 0, 30);
    tcase_add_test(changes, a_sequence_does_not_differ_from_itself);
    tcase_add_test(changes, memory_that_is_out_is_said_and_nothing_leaks);
    suite_add_tcase(suite, changes);
    tcase_add_test(fixes, a_fix_leaves_a_copy_of_what_it_would_insert);
    tcase_add_test(fixes,
                   copies_that_something_lies_between_are_put_in_one_by_one);
    tcase_add_test(fixes, items_of_two_types_are_two_insertions);
    suite_add_tcase(suite, fixes);
    return harness_run(suite);
}
