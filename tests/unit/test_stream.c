/* Streams: every entry once, in the order of their times, from any place. */
#include "crdt/stream.h"
#include "tests/unit/repo_world.h"

static void stream_world(struct world *w, int kind)
{
    world_open(w, kind);
    w->header = kit_header(&w->alice, COVE_DOC_COSTREAM, &w->group, 2, &w->doc);
    world_give(w, &w->alice);
    world_give(w, &w->bob);
    world_give(w, &w->carol);
}

/* Append [first, first + count) in as few transactions as they fit in. */
static int stream_put(struct kit *k, struct cove_store_txn *txn,
                      struct cove_doc *doc, int64_t first, int64_t count)
{
    struct cove_stream_draft draft = {.count = 0};
    struct cove_arena arena;
    int err = 0;

    cove_arena_init(&arena, &k->heap.alloc);
    cove_buf_init(&draft.values, &k->heap.alloc);
    for (int64_t i = first; i <= first + count && err == 0; i++) {
        struct cove_bytes value;
        struct cove_tx tx;

        err = cove_value_of_int(&arena, i, &value);
        if (err == 0 && draft.count > 0 &&
            (i == first + count ||
             !cove_stream_draft_has_room(&draft, value.len))) {
            err = cove_stream_draft_take(&draft, &arena, &tx);
            if (err == 0) {
                err = cove_repo_append(k->repo, txn, doc, &tx, &k->diag);
            }
        }
        if (err == 0 && i < first + count) {
            err = cove_stream_draft_add(&draft, value);
        }
    }
    cove_buf_clear(&draft.values);
    cove_arena_clear(&arena);
    return err;
}

static void stream_append(struct world *w, struct kit *k, int64_t first,
                          int64_t count)
{
    struct cove_store_txn *txn = kit_begin(k, true);
    struct cove_doc doc = kit_load(k, txn, &w->doc);
    int err = stream_put(k, txn, &doc, first, count);

    ck_assert_msg(err == 0, "append: %d %s", err, k->diag.text);
    kit_commit(txn);
}

#define POSITION_ROOM 4096
struct reader {
    struct kit *k;
    const struct cove_key *author;
    char position[POSITION_ROOM];
    int64_t *read; /* the entries, in the order given */
    size_t count, cap;
};

static void reader_keep(struct reader *r, const struct cove_stream_walk *walk)
{
    struct cove_buf text;

    cove_buf_init(&text, &r->k->heap.alloc);
    ck_assert_int_eq(cove_stream_walk_position(walk, &text), 0);
    ck_assert_uint_lt(text.len, POSITION_ROOM);
    memcpy(r->position, text.at, text.len);
    r->position[text.len] = '\0';
    cove_buf_clear(&text);
}

static void reader_take(struct reader *r, struct cove_bytes value)
{
    if (r->count == r->cap) {
        r->cap = r->cap * 2 + 64;
        r->read = realloc(r->read, r->cap * sizeof(*r->read));
        ck_assert_ptr_nonnull(r->read);
    }
    r->read[r->count++] = cove_value_int(value);
}

/* Read at most so many from the reader's position on; how many there were. */
static size_t reader_page(struct world *w, struct reader *r, size_t most)
{
    struct cove_store_txn *txn = kit_begin(r->k, false);
    struct cove_doc doc = kit_load(r->k, txn, &w->doc);
    struct cove_stream_from from = {.author = r->author,
                                    .position = cove_bytes_text(r->position)};
    struct cove_stream_entry_id id;
    struct cove_stream_walk *walk;
    struct cove_bytes value;
    size_t count = 0;
    int err =
        cove_stream_walk_open(r->k->repo, txn, &doc, &from, &walk, &r->k->diag);

    ck_assert_msg(err == 0, "open: %d %s", err, r->k->diag.text);
    while (count < most &&
           (err = cove_stream_walk_next(walk, &id, &value)) == 0) {
        reader_take(r, value);
        count++;
    }
    ck_assert(err == 0 || err == COVE_ENOTFOUND);
    reader_keep(r, walk);
    cove_stream_walk_close(walk);
    cove_store_abort(txn);
    return count;
}

static void reader_is(struct reader *r, const int64_t *want, size_t count)
{
    ck_assert_uint_eq(r->count, count);
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(r->read[i], want[i]);
    }
}

static void reader_end(struct reader *r)
{
    free(r->read);
    memset(r, 0, sizeof(*r));
}

/* --- appending */

START_TEST(values_that_fit_are_one_transaction)
{
    struct cove_doc doc;
    struct world w;

    stream_world(&w, FIXTURE_MEMORY);
    stream_append(&w, &w.alice, 0, 1024);
    doc = world_look(&w, &w.alice);
    ck_assert_uint_eq(doc.sessions[0].len, 1);
    ck_assert_uint_eq(doc.state.entries, 1024);
    stream_append(&w, &w.alice, 0, 1025);
    doc = world_look(&w, &w.alice);
    ck_assert_uint_eq(doc.sessions[0].len, 3);
    ck_assert_uint_eq(doc.state.entries, 2049);
    world_close(&w);
}
END_TEST

START_TEST(a_value_that_fits_with_no_other_has_a_transaction_of_its_own)
{
    struct cove_stream_draft draft = {.count = 0};
    struct harness_alloc heap;
    uint8_t value[3] = {0x82, 1, 2};

    harness_alloc_init(&heap, 0);
    cove_buf_init(&draft.values, &heap.alloc);
    ck_assert(cove_stream_draft_has_room(&draft, COVE_MAX_VALUE));
    ck_assert_int_eq(cove_stream_draft_add(&draft, cove_bytes(value, 3)), 0);
    ck_assert(!cove_stream_draft_has_room(&draft, COVE_MAX_VALUE));
    ck_assert(cove_stream_draft_has_room(&draft, 50000));
    cove_buf_clear(&draft.values);
    ck_assert_int_eq(heap.alive, 0);
}
END_TEST

/* --- reading */

START_TEST(entries_stand_in_the_order_of_their_times)
{
    static const int64_t want[] = {10, 11, 20, 12, 21, 22};
    struct world w;
    struct reader r = {.k = &w.carol};

    stream_world(&w, _i);
    stream_append(&w, &w.alice, 10, 2);
    w.bob.env.now_ms += 1000;
    stream_append(&w, &w.bob, 20, 1);
    w.alice.env.now_ms += 2000;
    stream_append(&w, &w.alice, 12, 1);
    w.bob.env.now_ms += 2000;
    stream_append(&w, &w.bob, 21, 2);
    kit_sync(&w.bob, &w.carol, &w.doc);
    kit_sync(&w.alice, &w.carol, &w.doc);
    w.carol.env.now_ms += 10000;
    ck_assert_uint_eq(reader_page(&w, &r, 100), 6);
    reader_is(&r, want, 6);
    reader_end(&r);
    world_close(&w);
}
END_TEST

START_TEST(what_arrives_late_is_given_once)
{
    static const int64_t want[] = {20, 21, 10, 11, 12, 22};
    struct world w;
    struct reader r = {.k = &w.carol};

    stream_world(&w, FIXTURE_MEMORY);
    stream_append(&w, &w.alice, 10, 3);
    w.bob.env.now_ms += 1000;
    stream_append(&w, &w.bob, 20, 2);
    kit_sync(&w.bob, &w.carol, &w.doc);
    ck_assert_uint_eq(reader_page(&w, &r, 100), 2);
    ck_assert_uint_eq(reader_page(&w, &r, 100), 0);
    kit_sync(&w.alice, &w.carol, &w.doc);
    ck_assert_uint_eq(reader_page(&w, &r, 2), 2);
    stream_append(&w, &w.bob, 22, 1);
    kit_sync(&w.bob, &w.carol, &w.doc);
    ck_assert_uint_eq(reader_page(&w, &r, 100), 2);
    reader_is(&r, want, 6);
    reader_end(&r);
    world_close(&w);
}
END_TEST

START_TEST(one_author_is_read_apart_from_the_others)
{
    static const int64_t bobs[] = {20, 21, 22};
    struct world w;
    struct reader r = {.k = &w.alice};

    stream_world(&w, FIXTURE_MEMORY);
    r.author = &w.bob.device;
    stream_append(&w, &w.alice, 10, 3);
    stream_append(&w, &w.bob, 20, 2);
    kit_sync(&w.bob, &w.alice, &w.doc);
    ck_assert_uint_eq(reader_page(&w, &r, 100), 2);
    stream_append(&w, &w.bob, 22, 1);
    kit_sync(&w.bob, &w.alice, &w.doc);
    ck_assert_uint_eq(reader_page(&w, &r, 100), 1);
    reader_is(&r, bobs, 3);
    r.author = NULL; /* the others were not read by that */
    ck_assert_uint_eq(reader_page(&w, &r, 100), 3);
    reader_end(&r);
    world_close(&w);
}
END_TEST

START_TEST(a_position_goes_on_inside_a_transaction_and_after_a_restart)
{
    struct world w;
    struct reader r = {.k = &w.alice};

    stream_world(&w, FIXTURE_LMDB);
    stream_append(&w, &w.alice, 0, 1000);
    for (int i = 0; i < 10; i++) {
        ck_assert_uint_eq(reader_page(&w, &r, 101), i < 9 ? 101 : 91);
        kit_reopen(&w.alice);
    }
    for (int64_t i = 0; i < 1000; i++) {
        ck_assert_int_eq(r.read[i], i);
    }
    reader_end(&r);
    world_close(&w);
}
END_TEST

START_TEST(a_position_of_another_device_goes_on_where_it_can)
{
    struct world w;
    struct reader r = {.k = &w.alice};

    stream_world(&w, FIXTURE_MEMORY);
    stream_append(&w, &w.alice, 0, 10);
    stream_append(&w, &w.alice, 10, 10);
    ck_assert_uint_eq(reader_page(&w, &r, 15), 15);
    r.k = &w.bob; /* who has nothing yet */
    ck_assert_uint_eq(reader_page(&w, &r, 15), 0);
    kit_sync(&w.alice, &w.bob, &w.doc);
    ck_assert_uint_eq(reader_page(&w, &r, 15), 5);
    for (int64_t i = 0; i < 20; i++) {
        ck_assert_int_eq(r.read[i], i);
    }
    reader_end(&r);
    world_close(&w);
}
END_TEST

START_TEST(what_is_held_for_its_time_is_given_when_it_comes)
{
    struct world w;
    struct reader r = {.k = &w.alice};

    stream_world(&w, FIXTURE_MEMORY);
    stream_append(&w, &w.alice, 10, 1);
    w.bob.env.now_ms += 600000;
    stream_append(&w, &w.bob, 20, 2);
    kit_sync(&w.bob, &w.alice, &w.doc);
    ck_assert_uint_eq(reader_page(&w, &r, 100), 1);
    w.alice.env.now_ms += 600000;
    ck_assert_uint_eq(reader_page(&w, &r, 100), 2);
    reader_end(&r);
    world_close(&w);
}
END_TEST

START_TEST(what_is_appended_while_it_is_read_is_given_too)
{
    struct cove_stream_from from = {.author = NULL};
    struct cove_stream_entry_id id;
    struct cove_stream_walk *walk;
    struct cove_store_txn *txn;
    struct cove_bytes value;
    struct cove_doc doc;
    struct world w;
    struct kit *k = &w.alice;

    stream_world(&w, _i);
    stream_append(&w, k, 0, 3);
    txn = kit_begin(k, true);
    doc = kit_load(k, txn, &w.doc);
    ck_assert_int_eq(
        cove_stream_walk_open(k->repo, txn, &doc, &from, &walk, NULL), 0);
    for (int64_t i = 0; i < 2000; i++) {
        ck_assert_int_eq(cove_stream_walk_next(walk, &id, &value), 0);
        ck_assert_int_eq(cove_value_int(value), i);
        ck_assert_int_eq(stream_put(k, txn, &doc, i + 3, 1), 0);
    }
    for (int64_t i = 2000; i < 2003; i++) {
        ck_assert_int_eq(cove_stream_walk_next(walk, &id, &value), 0);
        ck_assert_int_eq(cove_value_int(value), i);
    }
    ck_assert_int_eq(cove_stream_walk_next(walk, &id, &value), COVE_ENOTFOUND);
    ck_assert_int_eq(stream_put(k, txn, &doc, 2003, 2), 0);
    ck_assert_int_eq(cove_stream_walk_skip(walk), 0);
    ck_assert_int_eq(cove_stream_walk_next(walk, &id, &value), COVE_ENOTFOUND);
    ck_assert_int_eq(stream_put(k, txn, &doc, 2005, 1), 0);
    ck_assert_int_eq(cove_stream_walk_next(walk, &id, &value), 0);
    ck_assert_int_eq(cove_value_int(value), 2005);
    cove_stream_walk_close(walk);
    kit_commit(txn);
    world_close(&w);
}
END_TEST

START_TEST(other_ops_and_entries_of_other_types_are_passed_over)
{
    struct world w;
    struct reader r = {.k = &w.alice};

    stream_world(&w, FIXTURE_MEMORY);
    stream_append(&w, &w.alice, 0, 1);
    kit_set(&w.alice, &w.doc, "name", 7);
    stream_append(&w, &w.alice, 1, 1);
    kit_set(&w.alice, &w.doc, "name", 8);
    ck_assert_uint_eq(reader_page(&w, &r, 100), 2);
    ck_assert_int_eq(kit_get(&w.alice, &w.doc, "name"), 8);
    reader_end(&r);
    world_close(&w);
}
END_TEST

START_TEST(a_hundred_thousand_entries_are_paged_and_not_read_again)
{
    struct world w;
    struct reader r = {.k = &w.alice};
    long calls;

    stream_world(&w, FIXTURE_MEMORY);
    for (int64_t i = 0; i < 100000; i += 100) {
        stream_append(&w, i % 300 == 0 ? &w.bob : &w.alice, i, 100);
        cove_arena_clear(&w.alice.arena);
        cove_arena_clear(&w.bob.arena);
    }
    kit_sync(&w.bob, &w.alice, &w.doc);
    cove_arena_clear(&w.alice.arena);
    calls = w.alice.heap.calls;
    ck_assert_uint_eq(world_look(&w, &w.alice).state.entries, 100000);
    ck_assert_int_lt(w.alice.heap.calls - calls, 100);
    while (reader_page(&w, &r, 1000) > 0) {
        cove_arena_clear(&w.alice.arena);
    }
    ck_assert_uint_eq(r.count, 100000);
    ck_assert_int_lt(w.alice.heap.calls - calls, 20000);
    reader_end(&r);
    world_close(&w);
}
END_TEST

/* --- histories */

static uint32_t pick(uint64_t *seed, uint32_t below)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)((*seed >> 33) % below);
}

static int int_order(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;

    return (a > b) - (a < b);
}

/* All that were appended, each once. */
static void reader_is_complete(struct reader *r, int64_t count)
{
    qsort(r->read, r->count, sizeof(*r->read), int_order);
    ck_assert_uint_eq(r->count, (size_t)count);
    for (int64_t i = 0; i < count; i++) {
        ck_assert_int_eq(r->read[i], i);
    }
}

static void history_run(uint64_t seed)
{
    struct world w;
    struct kit *kits[] = {&w.alice, &w.bob, &w.carol};
    struct reader readers[3] = {
        {.k = &w.alice}, {.k = &w.bob}, {.k = &w.carol}};
    int64_t next = 0;

    stream_world(&w, FIXTURE_MEMORY);
    for (int i = 0; i < 40; i++) {
        uint32_t a = pick(&seed, 3);
        uint32_t b = pick(&seed, 3);
        int64_t count = 1 + pick(&seed, 5);

        kits[a]->env.now_ms += pick(&seed, 3);
        switch (pick(&seed, 4)) {
        case 0:
            if (a != b) {
                kit_sync(kits[a], kits[b], &w.doc);
            }
            break;
        case 1:
            reader_page(&w, &readers[a], 1 + pick(&seed, 8));
            break;
        default:
            stream_append(&w, kits[a % 2], next, count);
            next += count;
            break;
        }
    }
    for (int i = 0; i < 2; i++) { /* twice: all is with all */
        kit_sync(&w.alice, &w.bob, &w.doc);
        kit_sync(&w.bob, &w.carol, &w.doc);
        kit_sync(&w.carol, &w.alice, &w.doc);
    }
    for (int i = 0; i < 3; i++) {
        reader_page(&w, &readers[i], SIZE_MAX);
        reader_is_complete(&readers[i], next);
        reader_end(&readers[i]);
    }
    world_close(&w);
}

START_TEST(each_reader_gets_each_entry_once_in_300_random_histories)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        history_run(seed * 0x9e3779b97f4a7c15u);
    }
}
END_TEST

START_TEST(all_replicas_read_the_same_order)
{
    struct world w;
    struct reader a = {.k = &w.alice};
    struct reader b = {.k = &w.bob};

    stream_world(&w, FIXTURE_MEMORY);
    for (int64_t i = 0; i < 200; i++) {
        stream_append(&w, i % 3 == 0 ? &w.alice : &w.bob, i, 1);
        if (i % 50 == 0) {
            kit_sync(&w.alice, &w.bob, &w.doc);
        }
    }
    kit_sync(&w.alice, &w.bob, &w.doc);
    kit_sync(&w.bob, &w.alice, &w.doc);
    ck_assert_uint_eq(reader_page(&w, &a, 1000), 200);
    ck_assert_uint_eq(reader_page(&w, &b, 1000), 200);
    ck_assert_mem_eq(a.read, b.read, 200 * sizeof(*a.read));
    ck_assert_str_eq(a.position, b.position);
    reader_end(&a);
    reader_end(&b);
    world_close(&w);
}
END_TEST

/* --- branches */

/* Append one entry on a branch; the first one begins it, at what `k` has. */
static void branch_append(struct world *w, struct kit *k,
                          const struct cove_session_id *branch, bool first,
                          int64_t n)
{
    struct cove_store_txn *txn = kit_begin(k, true);
    struct cove_tx_point points[2];
    struct cove_tx_op op = {.kind = COVE_OP_APPEND};
    struct cove_tx tx = {.ops = &op, .op_count = 1, .has_branch = first};
    struct cove_doc doc = kit_load(k, txn, &w->doc);

    tx.branch.id = *branch;
    tx.branch.name = cove_bytes_text("draft");
    tx.branch.base = points;
    for (size_t i = 0; i < doc.session_count; i++) {
        points[i].session = doc.sessions[i].session;
        points[i].len = doc.sessions[i].len;
    }
    tx.branch.base_count = doc.session_count;
    if (first) {
        doc.branch = *branch;
    } else {
        ck_assert_int_eq(cove_repo_load_branch(k->repo, txn, doc.num, branch,
                                               &k->arena, &doc, &k->diag),
                         0);
    }
    ck_assert_int_eq(cove_value_of_int(&k->arena, n, &op.value), 0);

    int err = cove_repo_append(k->repo, txn, &doc, &tx, &k->diag);

    ck_assert_msg(err == 0, "append: %d %s", err, k->diag.text);
    kit_commit(txn);
}

static size_t branch_read(struct world *w, struct kit *k,
                          const struct cove_session_id *branch, int64_t *out)
{
    struct cove_stream_from from = {.author = NULL};
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_stream_entry_id id;
    struct cove_stream_walk *walk;
    struct cove_bytes value;
    struct cove_doc doc;
    size_t count = 0;

    ck_assert_int_eq(cove_repo_load_branch(k->repo, txn,
                                           kit_num(k, txn, &w->doc), branch,
                                           &k->arena, &doc, &k->diag),
                     0);
    ck_assert_int_eq(
        cove_stream_walk_open(k->repo, txn, &doc, &from, &walk, NULL), 0);
    while (cove_stream_walk_next(walk, &id, &value) == 0) {
        out[count++] = cove_value_int(value);
    }
    ck_assert_uint_eq(doc.state.entries, count);
    cove_stream_walk_close(walk);
    cove_store_abort(txn);
    return count;
}

START_TEST(a_branch_shows_what_it_began_with_and_its_own)
{
    static const int64_t want[] = {1, 2, 10, 11};
    struct cove_session_id branch = {.b = {7}};
    struct world w;
    struct reader r = {.k = &w.alice};
    int64_t read[8];

    stream_world(&w, FIXTURE_MEMORY);
    stream_append(&w, &w.alice, 1, 2);
    w.alice.env.now_ms += 10;
    branch_append(&w, &w.alice, &branch, true, 10);
    stream_append(&w, &w.alice, 3, 1);
    w.alice.env.now_ms += 10;
    branch_append(&w, &w.alice, &branch, false, 11);
    ck_assert_uint_eq(branch_read(&w, &w.alice, &branch, read), 4);
    ck_assert_mem_eq(read, want, sizeof(want));
    ck_assert_uint_eq(reader_page(&w, &r, 100), 3);
    ck_assert_int_eq(r.read[2], 3);
    reader_end(&r);
    world_close(&w);
}
END_TEST

/* --- hostile positions */

#define SESSION_A "000102030405060708090a0b0c0d0e0f"
#define SESSION_B "100102030405060708090a0b0c0d0e0f"

START_TEST(a_position_that_is_none_is_refused)
{
    static const char *const bad[] = {
        "0",
        "zz",
        "0A",
        "01",
        "0101020304",           /* of another document */
        "0001020300",           /* version */
        "02010203",             /* too short */
        "0101020300" SESSION_A, /* cut off */
        "0101020300" SESSION_A "01",
        "0101020300" SESSION_A "0000",             /* says nothing */
        "0101020300" SESSION_A "008008",           /* 1,024 of one */
        "0101020300" SESSION_A "ffffffff1f00",     /* above 2^32 */
        "0101020300" SESSION_A "ffffffffffffffff", /* no number */
        "0101020300" SESSION_B "0100" SESSION_A "0100",
        "0101020300" SESSION_A "0100" SESSION_A "0100",
    };
    struct cove_id id = {.b = {1, 2, 3, 0}};
    struct cove_stream_position out;
    struct harness_alloc heap;
    struct cove_arena arena;

    harness_alloc_init(&heap, 0);
    cove_arena_init(&arena, &heap.alloc);
    for (size_t i = 0; i < COVE_ARRAY_LEN(bad); i++) {
        struct cove_diag diag = {0};
        int err = cove_stream_position_read(cove_bytes_text(bad[i]), &id,
                                            &arena, &out, &diag);

        ck_assert_msg(err == COVE_EFORMAT, "%s: %d", bad[i], err);
        ck_assert_int_eq(diag.code, COVE_EFORMAT);
    }
    cove_arena_clear(&arena);
    ck_assert_int_eq(heap.alive, 0);
}
END_TEST

START_TEST(a_position_is_read_as_it_was_written)
{
    static const char text[] =
        "0101020300" SESSION_A "0100" SESSION_B "ffffffff0fff07";
    struct cove_id id = {.b = {1, 2, 3, 0}};
    struct cove_stream_position out;
    struct harness_alloc heap;
    struct cove_arena arena;
    struct cove_buf buf;

    harness_alloc_init(&heap, 0);
    cove_arena_init(&arena, &heap.alloc);
    cove_buf_init(&buf, &heap.alloc);
    ck_assert_int_eq(cove_stream_position_read(cove_bytes_text(text), &id,
                                               &arena, &out, NULL),
                     0);
    ck_assert_uint_eq(out.count, 2);
    ck_assert_uint_eq(out.points[0].tx, 1);
    ck_assert_uint_eq(out.points[1].tx, UINT32_MAX);
    ck_assert_uint_eq(out.points[1].entries, 1023);
    ck_assert_int_eq(cove_stream_position_write(&out, &id, &buf), 0);
    ck_assert_uint_eq(buf.len, strlen(text));
    ck_assert_mem_eq(buf.at, text, buf.len);
    cove_buf_clear(&buf);
    cove_arena_clear(&arena);
    ck_assert_int_eq(heap.alive, 0);
}
END_TEST

START_TEST(a_position_that_is_too_long_is_refused_before_it_is_read)
{
    struct cove_id id = {.b = {0}};
    struct cove_stream_position out;
    struct harness_alloc heap;
    struct cove_arena arena;

    harness_alloc_init(&heap, 1);
    cove_arena_init(&arena, &heap.alloc);
    ck_assert_int_eq(
        cove_stream_position_read(cove_bytes("", COVE_MAX_POSITION + 1), &id,
                                  &arena, &out, NULL),
        COVE_ELIMIT);
    ck_assert_int_eq(heap.calls, 0);
}
END_TEST

START_TEST(a_position_beyond_what_is_here_gives_nothing)
{
    struct world w;
    struct reader r = {.k = &w.alice};
    struct cove_stream_point point = {.tx = UINT32_MAX, .entries = 1023};
    struct cove_stream_position position = {&point, 1};
    struct cove_buf text;

    stream_world(&w, FIXTURE_MEMORY);
    stream_append(&w, &w.alice, 0, 3);
    point.session = world_look(&w, &w.alice).sessions[0].session;
    cove_buf_init(&text, &w.alice.heap.alloc);
    ck_assert_int_eq(cove_stream_position_write(&position, &w.doc, &text), 0);
    memcpy(r.position, text.at, text.len);
    ck_assert_uint_eq(reader_page(&w, &r, 10), 0);
    point.tx = 0; /* entries that the transaction does not have */
    text.len = 0;
    ck_assert_int_eq(cove_stream_position_write(&position, &w.doc, &text), 0);
    memset(r.position, 0, sizeof(r.position));
    memcpy(r.position, text.at, text.len);
    ck_assert_uint_eq(reader_page(&w, &r, 10), 0);
    cove_buf_clear(&text);
    reader_end(&r);
    world_close(&w);
}
END_TEST

/* --- without memory */

static int read_all(struct kit *k, struct cove_store_txn *txn,
                    const struct cove_doc *doc, int64_t *count)
{
    struct cove_stream_from from = {.author = NULL};
    struct cove_stream_walk *walk = NULL;
    struct cove_stream_entry_id id;
    struct cove_bytes value;
    struct cove_buf text;
    int err = cove_stream_walk_open(k->repo, txn, doc, &from, &walk, NULL);

    *count = 0;
    cove_buf_init(&text, &k->heap.alloc);
    while (err == 0) {
        err = cove_stream_walk_next(walk, &id, &value);
        if (err == 0) {
            ck_assert_int_eq(cove_value_int(value), *count);
            (*count)++;
        }
    }
    if (err == COVE_ENOTFOUND) {
        err = cove_stream_walk_position(walk, &text);
    }
    cove_buf_clear(&text);
    cove_stream_walk_close(walk);
    return err;
}

START_TEST(reading_without_memory_says_so_and_leaks_nothing)
{
    struct world w;
    struct kit *k = &w.alice;
    struct cove_store_txn *txn;
    struct cove_doc doc;
    int64_t count = 0;
    long alive;
    int err = COVE_ENOMEM;

    stream_world(&w, FIXTURE_MEMORY);
    for (int64_t i = 0; i < 300; i += 3) {
        stream_append(&w, k, i, 3);
    }
    txn = kit_begin(k, false);
    doc = kit_load(k, txn, &w.doc);
    alive = k->heap.alive;
    for (long n = 1; err != 0; n++) {
        ck_assert_int_eq(err, COVE_ENOMEM);
        k->heap.calls = 0;
        k->heap.fail_at = n;
        err = read_all(k, txn, &doc, &count);
        k->heap.fail_at = 0;
        ck_assert_int_eq(k->heap.alive, alive);
    }
    ck_assert_int_eq(count, 300);
    cove_store_abort(txn);
    world_close(&w);
}
END_TEST

START_TEST(appending_without_memory_says_so_and_appends_nothing)
{
    struct world w;
    struct kit *k = &w.alice;
    struct cove_hash before;
    struct cove_hash after;
    int err = COVE_ENOMEM;

    stream_world(&w, FIXTURE_MEMORY);
    stream_append(&w, k, 0, 3);
    before = world_dump(k);
    for (long n = 1; err != 0; n++) {
        struct cove_store_txn *txn = kit_begin(k, true);
        struct cove_doc doc = kit_load(k, txn, &w.doc);

        ck_assert_int_eq(err, COVE_ENOMEM);
        k->heap.calls = 0;
        k->heap.fail_at = n;
        err = stream_put(k, txn, &doc, 3, 5);
        k->heap.fail_at = 0;
        if (err != 0) {
            cove_store_abort(txn);
            after = world_dump(k);
            ck_assert_mem_eq(&before, &after, sizeof(before));
        } else {
            kit_commit(txn);
        }
    }
    ck_assert_uint_eq(world_look(&w, k).state.entries, 8);
    world_close(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stream");
    TCase *tc = tcase_create("stream");

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, values_that_fit_are_one_transaction);
    tcase_add_test(
        tc, a_value_that_fits_with_no_other_has_a_transaction_of_its_own);
    tcase_add_loop_test(tc, entries_stand_in_the_order_of_their_times, 0,
                        FIXTURE_KINDS);
    tcase_add_test(tc, what_arrives_late_is_given_once);
    tcase_add_test(tc, one_author_is_read_apart_from_the_others);
    tcase_add_test(tc,
                   a_position_goes_on_inside_a_transaction_and_after_a_restart);
    tcase_add_test(tc, a_position_of_another_device_goes_on_where_it_can);
    tcase_add_test(tc, what_is_held_for_its_time_is_given_when_it_comes);
    tcase_add_loop_test(tc, what_is_appended_while_it_is_read_is_given_too, 0,
                        FIXTURE_KINDS);
    tcase_add_test(tc, other_ops_and_entries_of_other_types_are_passed_over);
    tcase_add_test(tc, a_hundred_thousand_entries_are_paged_and_not_read_again);
    tcase_add_test(tc,
                   each_reader_gets_each_entry_once_in_300_random_histories);
    tcase_add_test(tc, all_replicas_read_the_same_order);
    tcase_add_test(tc, a_branch_shows_what_it_began_with_and_its_own);
    tcase_add_test(tc, a_position_that_is_none_is_refused);
    tcase_add_test(tc, a_position_is_read_as_it_was_written);
    tcase_add_test(tc,
                   a_position_that_is_too_long_is_refused_before_it_is_read);
    tcase_add_test(tc, a_position_beyond_what_is_here_gives_nothing);
    tcase_add_test(tc, reading_without_memory_says_so_and_leaks_nothing);
    tcase_add_test(tc, appending_without_memory_says_so_and_appends_nothing);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
