/* test_history.c: who wrote what when, and which concurrent writes lost. */
#include "crdt/history.h"
#include "tests/unit/author.h"
#include "tests/unit/text_kit.h"

#define NOW        ((int64_t)1750000000000)
#define T(seconds) cove_hlc_of_ms(NOW + INT64_C(1000) * (seconds))

enum { ALICE, BOB, DORA, CAROL, KITS };

/* Alice is admin, bob and dora are writers, carol is reader. */
struct world {
    struct kit kits[KITS];
    struct cove_id doc;
};

static void world_open(struct world *w)
{
    struct cove_id group;
    struct cove_bytes owner;
    struct cove_bytes header;

    for (int i = 0; i < KITS; i++) {
        kit_open(&w->kits[i], FIXTURE_MEMORY, (uint8_t)(i + 1));
    }

    struct kit_member members[] = {{&w->kits[ALICE], "admin"},
                                   {&w->kits[BOB], "writer"},
                                   {&w->kits[DORA], "writer"},
                                   {&w->kits[CAROL], "reader"}};

    owner = kit_group(&w->kits[ALICE], members, KITS, &group);
    header = kit_header(&w->kits[ALICE], COVE_DOC_COMAP, &group, 1, &w->doc);
    for (int i = 0; i < KITS; i++) {
        kit_take_header(&w->kits[i], &group, owner);
        kit_take_header(&w->kits[i], &w->doc, header);
    }
}

static void world_close(struct world *w)
{
    for (int i = 0; i < KITS; i++) {
        kit_close(&w->kits[i]);
    }
}

/* A second later somebody writes. */
static void world_set(struct world *w, int who, const char *reg, int64_t value)
{
    for (int i = 0; i < KITS; i++) {
        w->kits[i].env.now_ms += 1000;
    }
    kit_set(&w->kits[who], &w->doc, reg, value);
}

static void world_sync(struct world *w, int from, int to)
{
    kit_sync(&w->kits[from], &w->kits[to], &w->doc);
}

struct story {
    struct cove_event *events;
    size_t count;
};

static struct story world_history(struct world *w, int who)
{
    struct kit *k = &w->kits[who];
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_doc doc = kit_load(k, txn, &w->doc);
    struct story story;

    ck_assert_int_eq(cove_history(k->repo, txn, &doc, &k->arena, &story.events,
                                  &story.count),
                     0);
    cove_store_abort(txn);
    return story;
}

static struct story world_conflicts(struct world *w, int who, const char *reg)
{
    struct kit *k = &w->kits[who];
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_doc doc = kit_load(k, txn, &w->doc);
    struct story story;

    ck_assert_int_eq(cove_history_conflicts(k->repo, txn, &doc,
                                            cove_bytes_text(reg), &k->arena,
                                            &story.events, &story.count),
                     0);
    cove_store_abort(txn);
    return story;
}

/* The conflicts are these values, newest first. */
static void assert_conflicts(struct world *w, int who, const char *reg,
                             const int64_t *values, size_t count)
{
    struct story story = world_conflicts(w, who, reg);

    ck_assert_uint_eq(story.count, count);
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(cove_value_int(story.events[i].value), values[i]);
    }
}

static void assert_no_conflict(struct world *w, int who, const char *reg)
{
    assert_conflicts(w, who, reg, NULL, 0);
}

/* --- history */

START_TEST(a_document_without_writes_has_no_history)
{
    struct world w;

    world_open(&w);
    ck_assert_uint_eq(world_history(&w, ALICE).count, 0);
    assert_no_conflict(&w, ALICE, "a");
    world_close(&w);
}
END_TEST

START_TEST(all_ops_stand_in_total_order_with_their_authors)
{
    struct world w;
    struct story story;

    world_open(&w);
    world_set(&w, ALICE, "a", 1);
    world_set(&w, BOB, "a", 2);
    world_set(&w, ALICE, "b", 3);
    world_set(&w, BOB, "a", INT64_MIN);
    world_sync(&w, BOB, ALICE);
    story = world_history(&w, ALICE);
    ck_assert_uint_eq(story.count, 4);
    for (size_t i = 0; i < 4; i++) {
        int who = i % 2 == 0 ? ALICE : BOB;

        ck_assert_mem_eq(&story.events[i].id.device, &w.kits[who].device, 32);
        ck_assert_uint_eq(story.events[i].id.hlc, T((int64_t)i + 1));
        ck_assert(story.events[i].shown);
        ck_assert_int_eq(story.events[i].kind, COVE_TX_NATIVE);
        ck_assert_int_eq(story.events[i].deleted, i == 3);
    }
    ck_assert(cove_bytes_equal(story.events[2].reg, cove_bytes_text("b")));
    world_close(&w);
}
END_TEST

START_TEST(what_is_held_or_denied_is_listed_and_not_shown)
{
    struct world w;
    struct author late;
    struct author reader;
    struct cove_batch batch;
    struct cove_ingest_result result;
    struct story story;
    struct kit *alice;

    world_open(&w);
    alice = &w.kits[ALICE];
    author_init(&late, &w.kits[BOB], alice, &w.doc, 1);
    author_init(&reader, &w.kits[CAROL], alice, &w.doc, 2);
    author_set(&late, T(1), "a", 1);
    author_set(&late, T(3600), "a", 2);
    author_set(&reader, T(2), "a", 3);
    batch = author_batch(&late, 0, 2);
    ck_assert_int_eq(kit_ingest(alice, &batch, 1, &result), 0);
    batch = author_batch(&reader, 0, 1);
    ck_assert_int_eq(kit_ingest(alice, &batch, 1, &result), 0);
    story = world_history(&w, ALICE);
    ck_assert_uint_eq(story.count, 3);
    ck_assert(story.events[0].shown);
    ck_assert(!story.events[1].shown);
    ck_assert(!story.events[2].shown);
    assert_no_conflict(&w, ALICE, "a");
    world_close(&w);
}
END_TEST

START_TEST(a_copy_names_its_origins)
{
    struct world w;
    struct author bob;
    struct author engine;
    struct cove_batch batch;
    struct cove_ingest_result result;
    struct cove_origin origin;
    struct story story;
    struct kit *alice;

    world_open(&w);
    alice = &w.kits[ALICE];
    author_init(&bob, &w.kits[BOB], alice, &w.doc, 1);
    author_init(&engine, &w.kits[DORA], alice, &w.doc, 2);
    author_set(&bob, T(1), "old", 1);
    origin = author_origin(&bob, 0, "old", T(1));
    author_copy(&engine, T(2), "new", 10, &origin);
    batch = author_batch(&engine, 0, 1);
    ck_assert_int_eq(kit_ingest(alice, &batch, 1, &result), 0);
    batch = author_batch(&bob, 0, 1);
    ck_assert_int_eq(kit_ingest(alice, &batch, 1, &result), 0);
    story = world_history(&w, ALICE);
    ck_assert_uint_eq(story.count, 2);
    ck_assert_int_eq(story.events[1].kind, COVE_TX_COPY);
    ck_assert_uint_eq(story.events[1].origin_count, 1);
    ck_assert_int_eq(
        cove_op_id_compare(&story.events[1].origins[0].id, &story.events[0].id),
        0);
    /* A copy is no write of a user's, so it is in no conflict. */
    assert_no_conflict(&w, ALICE, "new");
    world_close(&w);
}
END_TEST

/* --- conflicts */

START_TEST(what_the_winners_author_had_seen_is_no_conflict)
{
    struct world w;

    world_open(&w);
    world_set(&w, ALICE, "a", 1);
    world_set(&w, ALICE, "a", 2);
    assert_no_conflict(&w, ALICE, "a");
    world_sync(&w, ALICE, BOB);
    world_set(&w, BOB, "a", 3);
    assert_no_conflict(&w, BOB, "a");
    world_sync(&w, BOB, ALICE);
    world_set(&w, ALICE, "a", 4);
    world_sync(&w, ALICE, BOB);
    assert_no_conflict(&w, ALICE, "a");
    assert_no_conflict(&w, BOB, "a");
    world_close(&w);
}
END_TEST

START_TEST(a_write_the_winners_author_had_not_seen_is_a_conflict)
{
    struct world w;

    world_open(&w);
    world_set(&w, ALICE, "a", 1);
    world_sync(&w, ALICE, BOB);
    world_set(&w, ALICE, "a", 2);
    world_set(&w, ALICE, "a", 3);
    world_set(&w, BOB, "a", 4);
    world_sync(&w, ALICE, BOB);
    world_sync(&w, BOB, ALICE);
    assert_conflicts(&w, ALICE, "a", (const int64_t[]){3, 2}, 2);
    assert_conflicts(&w, BOB, "a", (const int64_t[]){3, 2}, 2);
    assert_no_conflict(&w, ALICE, "b");
    /* It ends with the next write of somebody who knows. */
    world_set(&w, ALICE, "a", 5);
    assert_no_conflict(&w, ALICE, "a");
    world_close(&w);
}
END_TEST

START_TEST(what_was_seen_holds_for_later_writes_of_the_session)
{
    struct world w;

    world_open(&w);
    world_set(&w, ALICE, "a", 1);
    world_sync(&w, ALICE, BOB);
    world_set(&w, BOB, "b", 2); /* says what it has seen */
    world_set(&w, BOB, "b", 3);
    world_set(&w, ALICE, "a", 4);
    world_set(&w, BOB, "a", 5);
    world_sync(&w, ALICE, BOB);
    assert_conflicts(&w, BOB, "a", (const int64_t[]){4}, 1);
    world_close(&w);
}
END_TEST

START_TEST(an_author_who_saw_nobody_conflicts_with_everybody)
{
    struct world w;

    world_open(&w);
    world_set(&w, ALICE, "a", 1);
    world_set(&w, DORA, "a", 2);
    world_set(&w, BOB, "a", 3);
    world_sync(&w, ALICE, BOB);
    world_sync(&w, DORA, BOB);
    assert_conflicts(&w, BOB, "a", (const int64_t[]){2, 1}, 2);
    world_close(&w);
}
END_TEST

START_TEST(devices_that_lag_by_different_amounts_are_told_apart)
{
    struct world w;

    world_open(&w);
    for (int i = 0; i < 20; i++) {
        world_set(&w, ALICE, "a", i);
        world_set(&w, DORA, "a", 100 + i);
        if (i == 15) {
            world_sync(&w, ALICE, BOB);
        }
        if (i == 17) {
            world_sync(&w, DORA, BOB);
        }
    }
    world_set(&w, BOB, "a", 1000);
    world_sync(&w, ALICE, BOB);
    world_sync(&w, DORA, BOB);
    assert_conflicts(&w, BOB, "a", (const int64_t[]){119, 19, 118, 18, 17, 16},
                     6);
    world_close(&w);
}
END_TEST

START_TEST(a_frontier_that_is_not_found_is_judged_by_time)
{
    struct world w;
    struct author bob;
    struct author dora;
    struct cove_batch batch;
    struct cove_ingest_result result;
    struct kit *alice;
    struct cove_tx_op op;
    struct cove_tx tx = {.ops = &op, .op_count = 1, .has_seen = true};

    world_open(&w);
    alice = &w.kits[ALICE];
    author_init(&bob, &w.kits[BOB], alice, &w.doc, 1);
    author_init(&dora, &w.kits[DORA], alice, &w.doc, 2);
    author_set(&dora, T(1), "a", 1);
    author_set(&dora, T(3), "a", 2);
    op = kit_op(alice, "b", 9);
    tx.hlc = T(2);
    tx.seen.b[0] = 77; /* something that is nowhere */
    author_push_tx(&bob, &tx);
    author_set(&bob, T(4), "a", 3);
    batch = author_batch(&bob, 0, 2);
    ck_assert_int_eq(kit_ingest(alice, &batch, 1, &result), 0);
    batch = author_batch(&dora, 0, 2);
    ck_assert_int_eq(kit_ingest(alice, &batch, 1, &result), 0);
    assert_conflicts(&w, ALICE, "a", (const int64_t[]){2}, 1);
    world_close(&w);
}
END_TEST

/* A hostile or hopeless frontier costs at most 4,096 tries. */
START_TEST(a_hopeless_frontier_ends)
{
    struct world w;
    struct author authors[12];
    struct author liar;
    struct cove_batch batch;
    struct cove_ingest_result result;
    struct cove_tx_op op;
    struct cove_tx tx = {.ops = &op, .op_count = 1, .has_seen = true};
    struct kit *alice;

    world_open(&w);
    alice = &w.kits[ALICE];
    for (uint8_t i = 0; i < 12; i++) {
        author_init(&authors[i], &w.kits[BOB], alice, &w.doc, i);
        for (int k = 0; k < 40; k++) {
            author_set(&authors[i], T(k), "a", k);
        }
        batch = author_batch(&authors[i], 0, 40);
        ck_assert_int_eq(kit_ingest(alice, &batch, 1, &result), 0);
    }
    author_init(&liar, &w.kits[DORA], alice, &w.doc, 99);
    op = kit_op(alice, "a", 1);
    tx.hlc = T(100);
    tx.seen.b[0] = 77;
    author_push_tx(&liar, &tx);
    batch = author_batch(&liar, 0, 1);
    ck_assert_int_eq(kit_ingest(alice, &batch, 1, &result), 0);
    assert_no_conflict(&w, ALICE, "a");
    world_close(&w);
}
END_TEST

/* --- ops of other kinds */

START_TEST(registers_are_numbered_behind_the_elements_before_them)
{
    struct world w;
    struct kit *alice;
    struct cove_event *events;
    size_t count;
    size_t begin;
    size_t end;

    world_open(&w);
    alice = &w.kits[ALICE];

    struct cove_tx_op ops[] = {
        {.kind = COVE_OP_TEXT,
         .agent = COVE_TX_ROOT,
         .value = cove_bytes_text("tschüß"),
         .count = 6},
        {.kind = COVE_OP_REMOVE, .n = 5, .count = 1},
        kit_op(alice, "a", 9),
    };
    struct cove_tx tx = {.ops = ops, .op_count = COVE_ARRAY_LEN(ops)};
    struct cove_store_txn *txn = kit_begin(alice, true);
    struct cove_doc doc = kit_load(alice, txn, &w.doc);
    size_t keys = doc.state.native_count;

    ck_assert_int_eq(
        cove_repo_append(alice->repo, txn, &doc, &tx, &alice->diag), 0);
    kit_commit(txn);
    for (int again = 0; again < 2; again++) {
        ck_assert_uint_eq(doc.state.native_count, keys + 1);
        cove_state_natives(&doc.state, cove_bytes_text("a"), &begin, &end);
        ck_assert_uint_eq(end - begin, 1);
        ck_assert_uint_eq(doc.state.natives[begin].id.op, 7);
        txn = kit_begin(alice, false);
        doc = kit_load(alice, txn, &w.doc); /* and as it lies in the log */
        ck_assert_int_eq(cove_history(alice->repo, txn, &doc, &alice->arena,
                                      &events, &count),
                         0);
        ck_assert_uint_eq(count, 1);
        ck_assert_uint_eq(events[0].id.op, 7);
        ck_assert(cove_bytes_equal(events[0].reg, cove_bytes_text("a")));
        cove_store_abort(txn);
    }
    world_close(&w);
}
END_TEST

/* --- faults */

START_TEST(history_without_memory_says_so)
{
    struct world w;
    struct kit *alice;

    world_open(&w);
    world_set(&w, ALICE, "a", 1);
    world_sync(&w, ALICE, BOB);
    world_set(&w, ALICE, "a", 2);
    world_set(&w, BOB, "a", 3);
    world_sync(&w, BOB, ALICE);
    alice = &w.kits[ALICE];

    struct cove_store_txn *txn = kit_begin(alice, false);
    struct cove_doc doc = kit_load(alice, txn, &w.doc);

    for (long n = 1;; n++) {
        struct cove_arena arena;
        struct cove_event *events;
        size_t count = 99;

        cove_arena_init(&arena, &alice->heap.alloc);
        alice->heap.calls = 0;
        alice->heap.fail_at = n;

        int err =
            cove_history_conflicts(alice->repo, txn, &doc, cove_bytes_text("a"),
                                   &arena, &events, &count);

        alice->heap.fail_at = 0;
        cove_arena_clear(&arena);
        if (err != 0) {
            ck_assert_int_eq(err, COVE_ENOMEM);
            ck_assert_uint_eq(count, 99);
            continue;
        }
        ck_assert_uint_eq(count, 1);
        if (alice->heap.calls < n) {
            break;
        }
    }
    cove_store_abort(txn);
    world_close(&w);
}
END_TEST

/* --- pages */

static struct story world_page(struct world *w, int who,
                               const struct cove_id *id,
                               struct cove_history_page *page)
{
    struct kit *k = &w->kits[who];
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_doc doc = kit_load(k, txn, id);
    struct story story;

    ck_assert_int_eq(cove_history_page(k->repo, txn, &doc, page, &k->arena,
                                       &story.events, &story.count),
                     0);
    cove_store_abort(txn);
    return story;
}

/* A document of a type in the group of the world's. */
static struct cove_id world_new(struct world *w, enum cove_doc_type type,
                                uint32_t n)
{
    struct kit *k = &w->kits[ALICE];
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_doc doc = kit_load(k, txn, &w->doc);
    struct cove_id id;
    struct cove_bytes header;

    cove_store_abort(txn);
    header = kit_header(k, type, &doc.header.owner, n, &id);
    for (int i = 0; i < KITS; i++) {
        kit_take_header(&w->kits[i], &id, header);
    }
    return id;
}

START_TEST(pages_follow_each_other_back_to_the_beginning)
{
    struct world w;
    struct cove_history_page page = {.limit = 3};
    struct cove_op_id before;
    int64_t next = 10;
    bool more = true;

    world_open(&w);
    for (int64_t i = 1; i <= 10; i++) {
        world_set(&w, i % 3 == 0 ? BOB : ALICE, "a", i);
    }
    world_sync(&w, BOB, ALICE);
    while (more) {
        struct story story = world_page(&w, ALICE, &w.doc, &page);

        ck_assert_uint_eq(story.count, next == 1 ? 1 : 3);
        for (size_t i = story.count; i > 0; i--) {
            ck_assert_int_eq(cove_value_int(story.events[i - 1].value), next--);
        }
        before = story.events[0].id;
        more = page.more;
        page = (struct cove_history_page){.limit = 3, .before = &before};
    }
    ck_assert_int_eq(next, 0);
    ck_assert_uint_eq(world_page(&w, ALICE, &w.doc, &page).count, 0);
    ck_assert(!page.more);
    world_close(&w);
}
END_TEST

START_TEST(a_page_is_of_whole_transactions)
{
    struct world w;
    struct cove_history_page page = {.limit = 1};
    struct cove_tx_op ops[2];
    struct cove_tx tx = {.ops = ops, .op_count = 2};
    struct story story;

    world_open(&w);
    world_set(&w, ALICE, "a", 1);

    struct kit *k = &w.kits[ALICE];
    struct cove_store_txn *txn = kit_begin(k, true);
    struct cove_doc doc = kit_load(k, txn, &w.doc);

    ops[0] = kit_op(k, "a", 2);
    ops[1] = kit_op(k, "b", 3);
    ck_assert_int_eq(cove_repo_append(k->repo, txn, &doc, &tx, &k->diag), 0);
    kit_commit(txn);
    story = world_page(&w, ALICE, &w.doc, &page);
    ck_assert_uint_eq(story.count, 2);
    ck_assert_uint_eq(story.events[1].id.op, 1);
    ck_assert(page.more);
    world_close(&w);
}
END_TEST

START_TEST(what_is_typed_and_removed_stands_in_the_history)
{
    struct world w;
    struct cove_history_page page = {.limit = 0};
    struct cove_id text;
    struct story story;

    world_open(&w);
    text = world_new(&w, COVE_DOC_COTEXT, 8);
    kit_type(&w.kits[ALICE], &text, &kit_main, 0, 0, "abc\xc3\xa4");
    for (int i = 0; i < KITS; i++) {
        w.kits[i].env.now_ms += 1000;
    }
    kit_sync(&w.kits[ALICE], &w.kits[BOB], &text);
    kit_type(&w.kits[BOB], &text, &kit_main, 1, 2, "x");
    story = world_page(&w, BOB, &text, &page);
    ck_assert_uint_eq(story.count, 3);
    ck_assert_int_eq(story.events[0].what, COVE_EVENT_TEXT);
    ck_assert_uint_eq(story.events[0].count, 4);
    ck_assert_uint_eq(story.events[0].value.len, 5);
    ck_assert_int_eq(story.events[1].what, COVE_EVENT_REMOVE);
    ck_assert_mem_eq(&story.events[1].by.session, &story.events[0].id.session,
                     sizeof(struct cove_session_id));
    ck_assert_uint_eq(story.events[1].at, 1);
    ck_assert_uint_eq(story.events[1].count, 2);
    ck_assert_int_eq(story.events[2].what, COVE_EVENT_TEXT);
    ck_assert_mem_eq(&story.events[2].id.device, &w.kits[BOB].device,
                     sizeof(struct cove_key));
    ck_assert_uint_eq(story.events[2].id.op, 1);
    world_close(&w);
}
END_TEST

START_TEST(what_is_counted_and_appended_stands_in_the_history)
{
    struct world w;
    struct cove_history_page page = {.limit = 0};
    struct kit *k;
    struct cove_id id;
    struct story story;

    world_open(&w);
    k = &w.kits[ALICE];
    id = world_new(&w, COVE_DOC_COCOUNTER, 10);

    struct cove_store_txn *txn = kit_begin(k, true);
    struct cove_doc doc = kit_load(k, txn, &id);
    struct cove_tx_op ops[] = {{.kind = COVE_OP_ADD, .amount = -7},
                               kit_op(k, "a", 3),
                               {.kind = COVE_OP_APPEND}};
    struct cove_tx tx = {.ops = ops, .op_count = 3};

    ops[2].value = ops[1].value;
    ck_assert_int_eq(cove_repo_append(k->repo, txn, &doc, &tx, &k->diag), 0);
    kit_commit(txn);
    story = world_page(&w, ALICE, &id, &page);
    ck_assert_uint_eq(story.count, 3);
    ck_assert_int_eq(story.events[0].what, COVE_EVENT_ADD);
    ck_assert_int_eq(story.events[0].amount, -7);
    ck_assert_int_eq(story.events[1].what, COVE_EVENT_REGISTER);
    ck_assert_int_eq(story.events[2].what, COVE_EVENT_APPEND);
    ck_assert_int_eq(cove_value_int(story.events[2].value), 3);
    world_close(&w);
}
END_TEST

START_TEST(branches_and_merges_stand_in_the_history)
{
    struct world w;
    struct cove_history_page page = {.limit = 0};
    struct cove_session_id draft;
    struct cove_id text;
    struct story story;

    world_open(&w);
    text = world_new(&w, COVE_DOC_COTEXT, 8);
    draft = kit_branch(&w.kits[ALICE], &text, &kit_main, "draft");
    kit_type(&w.kits[ALICE], &text, &draft, 0, 0, "a");
    story = world_page(&w, ALICE, &text, &page);
    ck_assert_uint_eq(story.count, 2);
    ck_assert_int_eq(story.events[0].what, COVE_EVENT_NONE);
    ck_assert_uint_eq(story.events[0].begins->name.len, 5);
    ck_assert_mem_eq(&story.events[1].branch, &draft, sizeof(draft));
    ck_assert(!story.events[1].shown);
    kit_merge(&w.kits[ALICE], &text, &kit_main, &draft);
    page = (struct cove_history_page){.limit = 0};
    story = world_page(&w, ALICE, &text, &page);
    ck_assert_uint_eq(story.count, 3);
    ck_assert(story.events[1].shown);
    ck_assert_mem_eq(&story.events[2].merges->id, &draft, sizeof(draft));
    ck_assert_uint_eq(story.events[2].merges->points[0].len, 2);
    world_close(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("history");
    TCase *tc = tcase_create("history");

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_document_without_writes_has_no_history);
    tcase_add_test(tc, all_ops_stand_in_total_order_with_their_authors);
    tcase_add_test(tc, what_is_held_or_denied_is_listed_and_not_shown);
    tcase_add_test(tc, a_copy_names_its_origins);
    tcase_add_test(tc, what_the_winners_author_had_seen_is_no_conflict);
    tcase_add_test(tc, a_write_the_winners_author_had_not_seen_is_a_conflict);
    tcase_add_test(tc, what_was_seen_holds_for_later_writes_of_the_session);
    tcase_add_test(tc, an_author_who_saw_nobody_conflicts_with_everybody);
    tcase_add_test(tc, devices_that_lag_by_different_amounts_are_told_apart);
    tcase_add_test(tc, a_frontier_that_is_not_found_is_judged_by_time);
    tcase_add_test(tc, a_hopeless_frontier_ends);
    tcase_add_test(tc, registers_are_numbered_behind_the_elements_before_them);
    tcase_add_test(tc, history_without_memory_says_so);
    TCase *pages = tcase_create("pages");

    tcase_add_test(pages, pages_follow_each_other_back_to_the_beginning);
    tcase_add_test(pages, a_page_is_of_whole_transactions);
    tcase_add_test(pages, what_is_typed_and_removed_stands_in_the_history);
    tcase_add_test(pages, what_is_counted_and_appended_stands_in_the_history);
    tcase_add_test(pages, branches_and_merges_stand_in_the_history);
    suite_add_tcase(suite, pages);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
