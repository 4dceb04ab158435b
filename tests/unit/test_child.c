/* test_child.c: families by themselves: headers, seeds, items; and memory that
 * runs out. Compared with the oracle at length in tests/oracle. */
#include "migrate/child.h"
#include "tests/unit/world.h"

static struct world w;

static void set_up(void)
{
    world_init(&w);
}

static void tear_down(void)
{
    world_clear(&w);
}

#define V1                                                                     \
    "[{'op':'add','reg':'a','name':'a','type':'text'},"                        \
    "{'op':'add','reg':'l','name':'l','type':'any'},"                          \
    "{'op':'add','reg':'l[]','name':'l[]','type':'text'},"                     \
    "{'op':'hide','reg':'l[]'},"                                               \
    "{'op':'x-child','reg':'l','type':'list','item':'l[]'}]"
#define V2                                                                     \
    "[{'op':'add','reg':'t','name':'a','type':'any'},"                         \
    "{'op':'x-child','reg':'t','type':'text'},"                                \
    "{'op':'x-seed','from':'a','to':'t','how':'text'},"                        \
    "{'op':'hide','reg':'a'},"                                                 \
    "{'op':'add','reg':'i','name':'l[]','type':'int'},"                        \
    "{'op':'hide','reg':'i'},"                                                 \
    "{'op':'conv','from':'l[]','to':'i','fwd':['int_of_text'],"                \
    "'bwd':['text_of_int']},"                                                  \
    "{'op':'x-child','reg':'l','type':'list','item':'i'}]"

/* --- what users did to the children */

struct held { /* their states */
    struct cove_state text, list;
};

static void held_clear(struct held *h)
{
    cove_seq_free(h->text.seq);
    cove_seq_free(h->list.seq);
}

static int held_insert(struct cove_seq *seq, struct cove_bytes content,
                       uint32_t count, const struct cove_op_id *write)
{
    struct cove_seq_author session = {.session = {{7}}, .device = {{7}}};
    struct cove_seq_author seed = {0};
    struct cove_seq_run run = {.count = count,
                               .hlc = 90,
                               .parent = {COVE_SEQ_ROOT, 0},
                               .side = COVE_SEQ_RIGHT,
                               .content = content};
    int err = cove_seq_author_add(seq, &session, &run.first.author);

    if (err == 0 && write != NULL) { /* before its second character */
        seed = (struct cove_seq_author){.device = write->device,
                                        .session = write->session,
                                        .hlc = write->hlc,
                                        .tx = write->tx,
                                        .op = write->op};
        run.parent.n = 1;
        run.side = COVE_SEQ_LEFT;
        err = cove_seq_author_add(seq, &seed, &run.parent.author);
    }
    if (cove_seq_kind(seq) == COVE_SEQ_LIST) {
        run.type = cove_bytes_text("l[]");
    }
    return err != 0 ? err : cove_seq_insert(seq, &run);
}

/* "xy" before the second character of `write`; the items "7" and "z". */
static int held_fill(const struct cove_alloc *alloc, struct held *h,
                     struct cove_arena *arena, const struct cove_op_id *write)
{
    int err;

    cove_state_init(&h->text, arena, NULL);
    cove_state_init(&h->list, arena, NULL);
    err = cove_seq_new(alloc, COVE_SEQ_TEXT, &h->text.seq);
    if (err == 0) {
        err = cove_seq_new(alloc, COVE_SEQ_LIST, &h->list.seq);
    }
    if (err == 0) {
        err = held_insert(h->text.seq, cove_bytes_text("xy"), 2, write);
    }
    return err != 0 ? err
                    : held_insert(h->list.seq,
                                  cove_bytes_text("\x61"
                                                  "7"
                                                  "\x61"
                                                  "z"),
                                  2, NULL);
}

/* --- all of it, with an allocator that may fail */

struct seen {
    char text[64];
    char scalar[64];
    enum cove_cell_kind items[4];
    size_t count;
};

static int see_items(struct cove_family *family, uint32_t reg,
                     struct seen *seen)
{
    struct cove_seq_piece piece;
    struct cove_seq *seq;
    struct cove_cell cell;
    struct cove_due due;
    bool copied, is_due;
    int err = cove_family_elements(family, reg, true, &seq, &copied);

    seen->count = err == 0 ? cove_seq_length(seq, COVE_SEQ_ELEMENTS) : 0;
    for (size_t i = 0; i < seen->count && err == 0; i++) {
        err = cove_seq_at(seq, i, &piece);
        if (err == 0) {
            err = cove_family_item(family, reg, &piece, &cell);
        }
        if (err == 0) {
            seen->items[i] = cell.kind;
            err = cove_family_item_due(family, reg, &piece, &due, &is_due);
        }
    }
    return err;
}

static int see_text(struct cove_family *family, uint32_t reg,
                    const struct cove_alloc *alloc, struct seen *seen)
{
    struct cove_seq *seq = NULL;
    struct cove_buf text;
    bool copied;
    int err = cove_family_elements(family, reg, false, &seq, &copied);

    cove_buf_init(&text, alloc);
    if (err == 0) {
        err = cove_seq_text(seq, COVE_SEQ_ELEMENTS, 0,
                            cove_seq_length(seq, COVE_SEQ_ELEMENTS), &text);
    }
    if (err == 0) {
        snprintf(seen->text, sizeof(seen->text), "%.*s", (int)text.len,
                 (const char *)text.at);
    }
    cove_buf_clear(&text);
    return err;
}

static int see_scalar(struct cove_view *view, struct seen *seen)
{
    struct cove_cell cell;
    uint32_t reg;
    int err;

    ck_assert(cove_plan_find(view->plan, cove_bytes_text("a"), &reg));
    err = cove_view_read(view, reg, &cell);
    if (err == 0 && cell.kind == COVE_PRESENT) {
        struct cove_bytes text = cove_value_text(cell.bytes);

        snprintf(seen->scalar, sizeof(seen->scalar), "%.*s", (int)text.len,
                 (const char *)text.at);
    }
    return err;
}

static int see(const struct cove_alloc *alloc, int head,
               const struct cove_op_id *write, struct seen *seen)
{
    struct cove_journal *journal = NULL;
    struct cove_plan *plan = NULL;
    struct cove_arena arena;
    struct cove_state own;
    struct held held = {{0}, {0}};
    struct cove_child_doc docs[2];
    struct cove_family family;
    struct cove_view view;
    int err;

    memset(seen, 0, sizeof(*seen));
    cove_arena_init(&arena, alloc);
    cove_state_init(&own, &arena, NULL);
    err = cove_journal_new(alloc, w.bodies, w.steps, &journal);
    if (err == 0) {
        err = cove_plan_new(alloc, journal, &w.ids[head], &plan);
    }
    for (size_t i = 0; err == 0 && i < w.native_count; i++) {
        err = cove_state_add_native(&own, &w.natives[i]);
    }
    cove_state_settle(&own);
    if (err == 0) {
        err = held_fill(alloc, &held, &arena, write);
    }
    if (err == 0) {
        ck_assert(cove_plan_find(plan, cove_bytes_text("t"), &docs[0].reg));
        ck_assert(cove_plan_find(plan, cove_bytes_text("l"), &docs[1].reg));
        docs[0].state = &held.text;
        docs[1].state = &held.list;
        err = cove_family_init(&family, &arena, plan, &own, docs, 2);
    }
    if (err == 0) {
        err = see_text(&family, docs[0].reg, alloc, seen);
    }
    if (err == 0) {
        err = see_items(&family, docs[1].reg, seen);
    }
    if (err == 0) {
        err = cove_family_view(&family, &own, &view);
    }
    if (err == 0) {
        err = see_scalar(&view, seen);
    }
    held_clear(&held);
    cove_plan_free(plan);
    cove_journal_free(journal);
    cove_arena_clear(&arena);
    return err;
}

START_TEST(natives_stay_where_they_hang_when_another_write_wins)
{
    int v1 = world_step(&w, -1, V1);
    int v2 = world_step(&w, v1, V2);
    struct cove_op_id first;
    struct seen seen;

    world_write(&w, v1, 1, "a", "'abc'");
    first = w.natives[0].id;
    ck_assert_int_eq(see(&cove_alloc_libc, v2, &first, &seen), 0);
    ck_assert_str_eq(seen.text, "axybc");
    ck_assert_str_eq(seen.scalar, "axybc");
    world_write(&w, v1, 2, "a", "'new'");
    ck_assert_int_eq(see(&cove_alloc_libc, v1, &first, &seen), 0);
    ck_assert_str_eq(seen.text, "xynew");
    ck_assert_str_eq(seen.scalar, "xynew");
}
END_TEST

START_TEST(an_item_is_read_as_the_head_has_it)
{
    int v1 = world_step(&w, -1, V1);
    int v2 = world_step(&w, v1, V2);
    struct seen seen;

    ck_assert_int_eq(see(&cove_alloc_libc, v1, NULL, &seen), 0);
    ck_assert_uint_eq(seen.count, 2);
    ck_assert_int_eq(seen.items[1], COVE_PRESENT);
    ck_assert_int_eq(see(&cove_alloc_libc, v2, NULL, &seen), 0);
    ck_assert_uint_eq(seen.count, 2);
    ck_assert_int_eq(seen.items[0], COVE_PRESENT);
    ck_assert_int_eq(seen.items[1], COVE_INVALID);
}
END_TEST

START_TEST(the_header_of_a_child_follows_from_its_field)
{
    struct cove_child_name name = {.kind = COVE_CHILD_TEXT,
                                   .owner = {{1}},
                                   .parent = {{2}},
                                   .reg = cove_bytes_text("t")};
    struct cove_header header;
    struct cove_buf one, other;
    struct cove_id a, b;

    cove_buf_init(&one, &cove_alloc_libc);
    cove_buf_init(&other, &cove_alloc_libc);
    ck_assert_int_eq(cove_child_header(&name, &one, &a, NULL), 0);
    ck_assert_int_eq(cove_child_header(&name, &other, &b, NULL), 0);
    ck_assert_mem_eq(&a, &b, sizeof(a));
    ck_assert_int_eq(cove_header_decode(cove_buf_bytes(&one), &header, NULL),
                     0);
    ck_assert_int_eq(header.type, COVE_DOC_COTEXT);
    ck_assert(!header.has_created && header.nonce.len == 0);
    other.len = 0;
    name.kind = COVE_CHILD_LIST;
    ck_assert_int_eq(cove_child_header(&name, &other, &b, NULL), 0);
    ck_assert_mem_ne(&a, &b, sizeof(a));
    cove_buf_clear(&one);
    cove_buf_clear(&other);
}
END_TEST

START_TEST(memory_that_runs_out_anywhere_is_an_error_and_no_leak)
{
    int v1 = world_step(&w, -1, V1);
    int v2 = world_step(&w, v1, V2);
    struct cove_op_id first;
    struct seen seen;
    long fail_at = 0;
    int err;

    world_write(&w, v1, 1, "a", "'abc'");
    first = w.natives[0].id;
    world_write(&w, v1, 2, "a", "'new'");
    do {
        struct harness_alloc heap;

        harness_alloc_init(&heap, ++fail_at);
        err = see(&heap.alloc, v2, &first, &seen);
        ck_assert(err == 0 || err == COVE_ENOMEM);
        ck_assert_int_eq(heap.alive, 0);
    } while (err != 0);
    ck_assert_str_eq(seen.text, "xynew");
    ck_assert_int_gt(fail_at, 20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("child");
    TCase *tests = tcase_create("child");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, natives_stay_where_they_hang_when_another_write_wins);
    tcase_add_test(tests, an_item_is_read_as_the_head_has_it);
    tcase_add_test(tests, the_header_of_a_child_follows_from_its_field);
    tcase_add_test(tests,
                   memory_that_runs_out_anywhere_is_an_error_and_no_leak);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
