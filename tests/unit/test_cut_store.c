/* Documents with a cut in a store: given and taken as dumps, damaged in each
 * way, and with each call of the store that fails. */
#include "crdt/repo_salvage.h"
#include "crdt/repo_upkeep.h"
#include "tests/unit/cut_kit.h"
#include "tests/unit/damage_kit.h"
#include "tests/unit/dump_kit.h"

static struct damage_said said; /* large */

/* One write of some 60 bytes a minute; carol may read, and so have the dump. */
static void world_write(struct world *w, struct kit *k, int count)
{
    for (int i = 0; i < count; i += 40) {
        struct cove_store_txn *txn = kit_begin(k, true);
        struct cove_doc doc = kit_load(k, txn, &w->doc);

        for (int n = i; n < i + 40 && n < count; n++) {
            char reg[32];

            snprintf(reg, sizeof(reg), "one of the registers %d", n % 7);
            k->env.now_ms += 60000;
            ck_assert_int_eq(kit_append(k, txn, &doc, reg, n), 0);
        }
        kit_commit(txn);
        cove_arena_reset(&k->arena);
    }
    w->alice.env.now_ms = w->bob.env.now_ms = w->carol.env.now_ms =
        k->env.now_ms;
}

static void world_cut(struct world *w, uint64_t bytes)
{
    struct cove_cut_rule rule = {.bytes = bytes};
    struct cove_cut_result gone;
    int err = cut_try(&w->alice, &w->doc, &rule, &gone);

    ck_assert_msg(err == 0, "cut: %d %s", err, w->alice.diag.text);
}

/* --- dumps */

START_TEST(a_cut_document_comes_out_of_a_dump_as_it_was)
{
    struct dump_kit d;
    struct world w;

    world_open_full(&w, _i);
    world_write(&w, &w.alice, 300);
    kit_sync(&w.alice, &w.bob, &w.doc);
    world_write(&w, &w.bob, 300);
    kit_sync(&w.bob, &w.alice, &w.doc);
    world_cut(&w, 3000);
    dump_all(&w.alice, &d);
    dump_into(&w.carol, &d);
    ck_assert_msg(d.refused == 0, "%s", d.why);
    assert_same_view(&w.alice, &w.carol, &w.doc);
    ck_assert(
        cove_bytes_equal(cut_of(&w.alice, &w.doc), cut_of(&w.carol, &w.doc)));
    dump_into(&w.carol, &d); /* once more: nothing is new */
    ck_assert_uint_eq(d.refused + d.took.transactions, 0);
    assert_same_view(&w.alice, &w.carol, &w.doc);
    dump_into(&w.bob, &d); /* who has all of it keeps it */
    ck_assert_uint_eq(d.refused + d.took.transactions, 0);
    ck_assert_uint_eq(cut_of(&w.bob, &w.doc).len, 0);
    assert_same_view(&w.alice, &w.bob, &w.doc);
    cove_buf_clear(&d.file);

    /* And out of the store that took it. */
    dump_all(&w.carol, &d);
    kit_close(&w.bob);
    kit_open(&w.bob, FIXTURE_MEMORY, 2);
    w.bob.env.now_ms = w.carol.env.now_ms;
    dump_into(&w.bob, &d);
    ck_assert_msg(d.refused == 0, "%s", d.why);
    assert_same_view(&w.alice, &w.bob, &w.doc);
    cove_buf_clear(&d.file);
    world_close(&w);
}
END_TEST

START_TEST(a_store_that_has_a_part_of_it_takes_the_rest)
{
    struct dump_kit d;
    struct world w;

    world_open_full(&w, _i);
    world_write(&w, &w.alice, 100);
    kit_sync(&w.alice, &w.carol, &w.doc);
    kit_sync(&w.alice, &w.bob, &w.doc);
    world_write(&w, &w.bob, 100);
    kit_sync(&w.bob, &w.alice, &w.doc);
    world_write(&w, &w.alice, 300);
    world_cut(&w, 3000);
    dump_all(&w.alice, &d);
    dump_into(&w.carol, &d);
    ck_assert_msg(d.refused == 0, "%s", d.why);
    assert_same_view(&w.alice, &w.carol, &w.doc);
    ck_assert(cut_of(&w.carol, &w.doc).len > 0);
    dump_into(&w.bob, &d);
    ck_assert_msg(d.refused == 0, "%s", d.why);
    assert_same_view(&w.alice, &w.bob, &w.doc);
    cove_buf_clear(&d.file);
    world_close(&w);
}
END_TEST

/* More than one block, and between two of them `between` goes on. */
static struct world *between_world;
static int between_times;

static void between_cut(struct kit *k)
{
    (void)k;
    if (++between_times == 1) {
        world_cut(between_world, 100000);
    }
}

static void world_write_long(struct world *w, struct kit *k, int count)
{
    static char text[8000];

    for (int i = 0; i < count; i++) {
        struct cove_store_txn *txn = kit_begin(k, true);
        struct cove_doc doc = kit_load(k, txn, &w->doc);
        struct cove_tx_op op = {.reg = cove_bytes_text("long")};
        struct cove_tx tx = {.ops = &op, .op_count = 1};

        for (size_t n = 0; n < sizeof(text); n++) {
            uint8_t byte;

            harness_random(&k->env, &byte, 1);
            text[n] = (char)('a' + byte % 26);
        }
        ck_assert_int_eq(cove_value_of_text(&k->arena,
                                            cove_bytes(text, sizeof(text)),
                                            &op.value),
                         0);
        k->env.now_ms += 60000;
        ck_assert_int_eq(cove_repo_append(k->repo, txn, &doc, &tx, &k->diag),
                         0);
        kit_commit(txn);
        cove_arena_reset(&k->arena);
    }
    w->alice.env.now_ms = w->bob.env.now_ms = w->carol.env.now_ms =
        k->env.now_ms;
}

static void dump_between(struct world *w, struct dump_kit *d,
                         void (*between)(struct kit *k))
{
    struct cove_hash sum = cove_dump_start();
    struct cove_dump_give give;
    int err;

    between_world = w;
    between_times = 0;
    dump_init(d, &w->alice);
    dump_give_init(&give, &w->alice, d);
    err = dump_rest(&w->alice, d, &give, &sum, between);
    dump_give_clear(&give);
    ck_assert_msg(err == 0, "dump: %d", err);
    ck_assert_uint_eq(d->damaged, 0);
}

START_TEST(a_dump_goes_on_in_the_middle_of_a_cut_document)
{
    struct dump_kit d;
    struct world w;

    world_open_full(&w, _i);
    world_write_long(&w, &w.alice, 60);
    kit_sync(&w.alice, &w.bob, &w.doc);
    world_write_long(&w, &w.bob, 60);
    kit_sync(&w.bob, &w.alice, &w.doc);
    world_cut(&w, 700000);
    dump_between(&w, &d, NULL);
    dump_into(&w.carol, &d);
    ck_assert_msg(d.refused == 0, "%s", d.why);
    assert_same_view(&w.alice, &w.carol, &w.doc);
    cove_buf_clear(&d.file);
    world_close(&w);
}
END_TEST

/* What the next block would have begun with is not there any more. */
START_TEST(a_document_that_is_cut_while_it_is_given_is_given_whole)
{
    struct dump_kit d;
    struct world w;

    world_open_full(&w, _i);
    world_write_long(&w, &w.alice, 60);
    kit_sync(&w.alice, &w.bob, &w.doc);
    world_write_long(&w, &w.bob, 60);
    kit_sync(&w.bob, &w.alice, &w.doc);
    dump_between(&w, &d, between_cut);
    ck_assert_int_gt(between_times, 1);
    ck_assert(cut_of(&w.alice, &w.doc).len > 0);
    dump_into(&w.carol, &d);
    ck_assert_msg(d.refused == 0, "%s", d.why);
    assert_same_view(&w.alice, &w.carol, &w.doc);
    assert_same_view(&w.alice, &w.bob, &w.doc);
    cove_buf_clear(&d.file);
    world_close(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cut_store");
    TCase *dumps = tcase_create("dumps");

#define BOTH(tcase, name) tcase_add_loop_test(tcase, name, 0, FIXTURE_KINDS)
    BOTH(dumps, a_cut_document_comes_out_of_a_dump_as_it_was);
    BOTH(dumps, a_store_that_has_a_part_of_it_takes_the_rest);
    BOTH(dumps, a_dump_goes_on_in_the_middle_of_a_cut_document);
    BOTH(dumps, a_document_that_is_cut_while_it_is_given_is_given_whole);
#undef BOTH
    suite_add_tcase(suite, dumps);
    (void)said;
    return harness_run(suite);
}
