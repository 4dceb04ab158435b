/* Long edits of texts and lists, and many of them, through the public API. */
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

static void splice(struct cove_txn *txn, const struct cove_id *id, size_t at,
                   size_t remove, const char *text)
{
    api_ok(
        cove_text_splice(txn, id, COVE_BYTES, at, remove, text, strlen(text)),
        a.store);
}

static void assert_shown(struct cove_txn *txn, const struct cove_id *id,
                         const char *want)
{
    const char *text = NULL;
    size_t len = 77;

    api_ok(cove_text_get(txn, id, &text, &len), a.store);
    ck_assert_uint_eq(len, strlen(want));
    ck_assert(memcmp(text, want, len) == 0);
}

static void assert_kept(const struct cove_id *id, const char *want)
{
    struct cove_txn *txn;

    for (int i = 0; i < 2; i++) {
        txn = api_begin(&a, COVE_READ);
        assert_shown(txn, id, want);
        cove_abort(txn);
        reopen();
    }
}

#define LONG 1000000

/* Code points of one to four bytes, about so many bytes. */
static char *long_text(size_t len, unsigned seed)
{
    static const char *const points[] = {"a", "\xc3\xa4", "\xe2\x82\xac",
                                         "\xf0\x9f\x8e\x89", "\n"};
    char *text = malloc(len + 5);
    size_t at = 0;

    ck_assert_ptr_nonnull(text);
    while (at < len) {
        const char *point = points[seed / 65536 % 5];

        seed = seed * 1103515245u + 12345u;
        memcpy(text + at, point, strlen(point));
        at += strlen(point);
    }
    text[at] = '\0';
    return text;
}

/* _i: each edit by itself or not. */
START_TEST(a_megabyte_is_pasted_and_another_into_its_middle)
{
    unsigned flags = COVE_WRITE | (_i == 0 ? 0 : COVE_EACH);
    struct cove_id id = make(COVE_COTEXT);
    struct cove_id other = make(COVE_COTEXT);
    struct cove_txn *txn = api_begin(&a, flags);
    char *first = long_text(LONG, 1);
    char *second = long_text(LONG, 2);
    char *both = malloc(2 * LONG + 100);
    size_t middle = LONG / 2;

    while (((unsigned char)first[middle] & 0xc0) == 0x80) {
        middle++;
    }
    splice(txn, &id, 0, 0, first);
    assert_shown(txn, &other, ""); /* another is looked at meanwhile */
    assert_shown(txn, &id, first);
    splice(txn, &id, middle, 0, second);
    splice(txn, &id, 0, 0, "x");
    assert_shown(txn, &other, "");
    splice(txn, &other, 0, 0, "y");
    ck_assert_ptr_nonnull(both);
    snprintf(both, 2 * LONG + 100, "x%.*s%s%s", (int)middle, first, second,
             first + middle);
    assert_shown(txn, &id, both);
    api_ok(cove_commit(txn), a.store);
    assert_kept(&id, both);
    assert_kept(&other, "y");
    txn = api_begin(&a, flags);
    splice(txn, &id, 0, strlen(both), "");
    assert_shown(txn, &id, "");
    api_ok(cove_commit(txn), a.store);
    assert_kept(&id, "");
    free(first);
    free(second);
    free(both);
}
END_TEST

#define ALTERNATE 100000

START_TEST(what_two_authors_typed_alternately_is_deleted_at_once)
{
    static char text[ALTERNATE + 1];
    struct cove_id id = make(COVE_COTEXT);
    struct cove_txn *txn = api_begin(&a, COVE_WRITE);

    memset(text, 'a', ALTERNATE / 2);
    splice(txn, &id, 0, 0, text);
    api_ok(cove_branch(txn, &id, "b"), a.store);
    api_ok(cove_commit(txn), a.store);
    txn = api_begin(&a, COVE_WRITE); /* a branch has a session of its own */
    api_ok(cove_switch(txn, &id, "b"), a.store);
    for (size_t i = 0; i < ALTERNATE / 2; i++) {
        splice(txn, &id, 2 * i + 1, 0, "b");
    }
    api_ok(cove_commit(txn), a.store);
    txn = api_begin(&a, COVE_WRITE);
    api_ok(cove_merge(txn, &id, "b"), a.store);
    api_ok(cove_commit(txn), a.store);
    for (size_t i = 0; i < ALTERNATE; i++) {
        text[i] = i % 2 == 0 ? 'a' : 'b';
    }
    assert_kept(&id, text);
    txn = api_begin(&a, COVE_WRITE);
    splice(txn, &id, 3, ALTERNATE - 6, "");
    assert_shown(txn, &id, "ababab");
    cove_abort(txn);
    assert_kept(&id, text);
    txn = api_begin(&a, COVE_WRITE);
    splice(txn, &id, 3, ALTERNATE - 6, "-");
    assert_shown(txn, &id, "aba-bab");
    api_ok(cove_commit(txn), a.store);
    assert_kept(&id, "aba-bab");
}
END_TEST

START_TEST(each_keystroke_is_undone_by_itself_though_all_are_one_commit)
{
    struct cove_id ids[2] = {make(COVE_COTEXT), make(COVE_COTEXT)};
    struct cove_txn *txn = api_begin(&a, COVE_WRITE | COVE_EACH);
    char want[2][700];
    size_t len[2] = {0, 0};

    for (int i = 0; i < 1200; i++) {
        int which = i % 100 > 60; /* in rows */
        char letter[2] = {(char)('a' + i % 26), '\0'};

        splice(txn, &ids[which], len[which], 0, letter);
        want[which][len[which]++] = letter[0];
        want[which][len[which]] = '\0';
        if (i % 97 == 0) {
            assert_shown(txn, &ids[0], want[0][0] == '\0' ? "" : want[0]);
        }
        if (len[0] > 690 || len[1] > 690) {
            break;
        }
    }
    api_ok(cove_commit(txn), a.store);
    assert_kept(&ids[0], want[0]);
    assert_kept(&ids[1], want[1]);
    txn = api_begin(&a, COVE_WRITE);
    for (int i = 0; i < 3; i++) {
        api_ok(cove_undo(txn, &ids[0]), a.store);
        want[0][--len[0]] = '\0';
        assert_shown(txn, &ids[0], want[0]);
    }
    api_ok(cove_commit(txn), a.store);
    assert_kept(&ids[0], want[0]);
    assert_kept(&ids[1], want[1]);
}
END_TEST

START_TEST(what_is_typed_and_aborted_was_not_typed)
{
    struct cove_id id = make(COVE_COTEXT);

    for (int i = 0; i < 4; i++) {
        struct cove_txn *txn =
            api_begin(&a, COVE_WRITE | (i % 2 == 0 ? 0 : COVE_EACH));

        for (int j = 0; j < 300; j++) {
            splice(txn, &id, 0, 0, "gone and gone ");
        }
        cove_abort(txn);
        txn = api_begin(&a, COVE_WRITE);
        assert_shown(txn, &id, &"kept kept kept kept "[5 * (4 - i)]);
        splice(txn, &id, 0, 0, "kept ");
        api_ok(cove_commit(txn), a.store);
    }
    assert_kept(&id, "kept kept kept kept ");
}
END_TEST

START_TEST(a_list_takes_items_of_any_size_in_a_row)
{
    static char bytes[50000];
    static const size_t sizes[] = {1, 100, 15990, 16001, 50000, 3};
    struct cove_id id = make(COVE_COLIST);
    struct cove_txn *txn = api_begin(&a, COVE_WRITE);
    size_t length = 77;

    memset(bytes, 'x', sizeof(bytes));
    for (size_t i = 0; i < 60; i++) {
        struct cove_value v = cove_blob(bytes, sizes[i % 6]);

        api_ok(cove_list_insert(txn, &id, i, v), a.store);
    }
    api_ok(cove_commit(txn), a.store);
    reopen();
    txn = api_begin(&a, COVE_READ);
    api_ok(cove_list_length(txn, &id, &length), a.store);
    ck_assert_uint_eq(length, 60);
    for (size_t i = 0; i < 60; i++) {
        struct cove_value v;

        api_ok(cove_list_get(txn, &id, i, &v), a.store);
        ck_assert_uint_eq(v.len, sizes[i % 6]);
    }
    cove_abort(txn);
}
END_TEST

static Suite *edits_suite(void)
{
    Suite *suite = suite_create("edits");
    TCase *tc = tcase_create("edits");

    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, a_megabyte_is_pasted_and_another_into_its_middle, 0,
                        2);
    tcase_add_test(tc, what_two_authors_typed_alternately_is_deleted_at_once);
    tcase_add_test(
        tc, each_keystroke_is_undone_by_itself_though_all_are_one_commit);
    tcase_add_test(tc, what_is_typed_and_aborted_was_not_typed);
    tcase_add_test(tc, a_list_takes_items_of_any_size_in_a_row);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    return harness_run(edits_suite());
}
