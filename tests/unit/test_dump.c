/* Dumps: what is given is taken as it was; what was changed on the way is
 * refused, and nothing else. */
#include "tests/unit/dump_kit.h"
#include "tests/unit/vectors.h"

#define MANY 600

/* --- the file */

START_TEST(the_file_is_as_the_page_says)
{
    struct cove_bytes file = vectors_get("dump.file");
    struct cove_bytes at = file;
    struct cove_hash sum = cove_dump_start();
    struct cove_hash again = cove_dump_start();
    struct cove_dump_begin begin;
    struct cove_dump_end end;
    struct cove_buf out;

    ck_assert_mem_eq(at.at, cove_dump_magic, COVE_DUMP_MAGIC);
    at = cove_bytes(at.at + COVE_DUMP_MAGIC, at.len - COVE_DUMP_MAGIC);
    cove_buf_init(&out, &cove_alloc_libc);
    while (at.len > 0) {
        struct cove_dump_head head;

        ck_assert_int_eq(cove_dump_head(at.at, &head), 0);

        size_t len = head.stored + (size_t)COVE_DUMP_SUM;
        struct cove_bytes rest = cove_bytes(at.at + COVE_DUMP_HEAD, len);
        struct cove_bytes body = cove_bytes(rest.at, head.stored);

        ck_assert_int_eq(cove_dump_check(at.at, rest, &sum), 0);
        ck_assert_int_eq(cove_dump_block((enum cove_dump_kind)head.kind, body,
                                         false, &again, &out),
                         0);
        if (head.kind == COVE_DUMP_BEGIN) {
            ck_assert_int_eq(cove_dump_begin_read(body, &begin), 0);
        } else if (head.kind == COVE_DUMP_END) {
            ck_assert_int_eq(cove_dump_end_read(body, &end), 0);
        }
        at = cove_bytes(rest.at + len, at.len - COVE_DUMP_HEAD - len);
    }
    ck_assert_uint_eq(out.len, file.len - COVE_DUMP_MAGIC);
    ck_assert_mem_eq(out.at, file.at + COVE_DUMP_MAGIC, out.len);
    ck_assert_str_eq(begin.version, "0.1.0");
    ck_assert_int_eq(begin.time_ms, NOW);
    ck_assert_uint_eq(begin.store_id[0], 0x60);
    ck_assert_str_eq(begin.schema, "");
    ck_assert_uint_eq(end.sequence, 9);
    ck_assert_uint_eq(end.counts.documents, 2);
    ck_assert_uint_eq(end.counts.transactions, 2);
    out.len = 0;
    ck_assert_int_eq(cove_dump_begin_write(&begin, &out), 0);
    ck_assert_mem_eq(out.at, file.at + COVE_DUMP_MAGIC + COVE_DUMP_HEAD,
                     out.len);
    cove_buf_clear(&out);
    vectors_free(file);
}
END_TEST

START_TEST(the_documents_of_the_page_are_taken)
{
    struct cove_bytes file = vectors_get("dump.file");
    struct kit bob;
    struct dump_kit d;

    kit_open(&bob, _i, 2);
    dump_init(&d, &bob);

    int err = dump_take_bytes(
        &bob, &d,
        cove_bytes(file.at + COVE_DUMP_MAGIC, file.len - COVE_DUMP_MAGIC));

    ck_assert_msg(err == 0 && d.refused == 0, "%d %s", err, d.why);
    ck_assert_uint_eq(d.took.documents, 2);
    ck_assert_uint_eq(d.took.transactions, 2);
    kit_close(&bob);
    vectors_free(file);
}
END_TEST

/* Each bit of a block is under its sum, or is a length that does not fit. */
START_TEST(no_bit_of_a_block_can_be_changed_unseen)
{
    struct cove_bytes block = vectors_get("dump.begin");
    uint8_t *at = malloc(block.len);

    ck_assert_ptr_nonnull(at);
    for (size_t bit = 0; bit < block.len * 8; bit++) {
        struct cove_hash sum = cove_dump_start();
        struct cove_dump_head head;

        memcpy(at, block.at, block.len);
        at[bit / 8] ^= (uint8_t)(1u << bit % 8);

        int err = cove_dump_head(at, &head);

        if (err == 0 &&
            head.stored + (size_t)COVE_DUMP_HEAD + COVE_DUMP_SUM == block.len) {
            err = cove_dump_check(
                at, cove_bytes(at + COVE_DUMP_HEAD, block.len - COVE_DUMP_HEAD),
                &sum);
            ck_assert_int_eq(err, COVE_EHASH);
        } else {
            ck_assert(err != 0 || head.stored != block.len);
        }
    }
    free(at);
    vectors_free(block);
}
END_TEST

START_TEST(lengths_beyond_the_limit_are_refused_before_anything)
{
    uint8_t head[COVE_DUMP_HEAD] = {'D', 0};
    struct cove_dump_head out;

    cove_put_be32(head + 2, COVE_DUMP_MAX + 1);
    cove_put_be32(head + 6, COVE_DUMP_MAX + 1);
    ck_assert_int_eq(cove_dump_head(head, &out), COVE_ELIMIT);
    cove_put_be32(head + 2, COVE_DUMP_MAX);
    cove_put_be32(head + 6, COVE_DUMP_MAX);
    ck_assert_int_eq(cove_dump_head(head, &out), 0);
    head[1] = 1; /* packed to what it was */
    ck_assert_int_eq(cove_dump_head(head, &out), COVE_EFORMAT);
    head[1] = 2;
    ck_assert_int_eq(cove_dump_head(head, &out), COVE_EFORMAT);
    head[0] = 0;
    head[1] = 0;
    ck_assert_int_eq(cove_dump_head(head, &out), COVE_EFORMAT);
}
END_TEST

/* --- there and back */

/* Documents in commits of several, so that groups sign them. */
static void fill(struct world *w, struct cove_id *ids, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct cove_bytes header =
            kit_header(&w->alice, COVE_DOC_COMAP, &w->group, i + 10, &ids[i]);

        kit_take_header(&w->alice, &ids[i], header);
    }
    for (uint32_t i = 0; i < count; i += 50) {
        struct cove_store_txn *txn = kit_begin(&w->alice, true);

        for (uint32_t j = i; j < i + 50 && j < count; j++) {
            struct cove_doc doc = kit_load(&w->alice, txn, &ids[j]);

            ck_assert_int_eq(kit_append(&w->alice, txn, &doc, "n", j), 0);
        }
        kit_commit(txn);
    }
}

START_TEST(what_was_given_is_taken_the_same)
{
    struct world w;
    struct dump_kit d, back;
    struct cove_id ids[MANY];

    world_open(&w, _i);
    world_give(&w, &w.alice);
    fill(&w, ids, MANY);
    dump_all(&w.alice, &d);
    ck_assert_uint_eq(d.counts.documents, MANY + 2);
    ck_assert_uint_eq(d.counts.transactions, MANY);
    dump_into(&w.bob, &d);
    ck_assert_msg(d.refused == 0, "%s", d.why);
    ck_assert_uint_eq(d.took.documents, MANY + 2);
    ck_assert_uint_eq(d.took.transactions, MANY);
    for (size_t i = 0; i < MANY; i++) {
        dump_same(&w.alice, &w.bob, &ids[i]);
    }
    /* Again: nothing is new, and nothing changed. */
    struct cove_hash before = world_dump(&w.bob);

    dump_into(&w.bob, &d);

    struct cove_hash after = world_dump(&w.bob);

    ck_assert_mem_eq(&before, &after, sizeof(before));
    ck_assert_uint_eq(d.took.documents + d.took.transactions, 0);
    ck_assert_uint_eq(d.took.existed, MANY + 2);
    /* And a dump of what was taken is as good. */
    dump_all(&w.bob, &back);
    dump_into(&w.carol, &back);
    dump_same(&w.alice, &w.carol, &ids[MANY - 1]);
    ck_assert_uint_eq(back.took.transactions, MANY);
    cove_buf_clear(&back.file);
    cove_buf_clear(&d.file);
    world_close(&w);
}
END_TEST

START_TEST(a_document_longer_than_blocks_goes_on_in_the_next)
{
    struct cove_buf text;
    struct world w;
    struct dump_kit d;

    world_open(&w, _i);
    world_give(&w, &w.alice);
    cove_buf_init(&text, &cove_alloc_libc);
    for (unsigned i = 0; i < 40; i++) {
        struct cove_store_txn *txn = kit_begin(&w.alice, true);
        struct cove_doc doc = kit_load(&w.alice, txn, &w.doc);
        struct cove_tx_op op = kit_op(&w.alice, "t", 0);
        struct cove_tx tx = {.ops = &op, .op_count = 1};
        struct cove_writer writer;
        static uint8_t bytes[50000];

        harness_random(&w.alice.env, bytes, sizeof(bytes));
        text.len = 0;
        cove_writer_init(&writer, &text);
        cove_writer_bytes(&writer, bytes, sizeof(bytes));
        op.value = cove_buf_bytes(&text);
        ck_assert_int_eq(
            cove_repo_append(w.alice.repo, txn, &doc, &tx, &w.alice.diag), 0);
        kit_commit(txn);
        cove_arena_reset(&w.alice.arena);
    }
    cove_buf_clear(&text);
    dump_all(&w.alice, &d);
    ck_assert_uint_gt(d.file.len, 40 * 50000);
    dump_into(&w.bob, &d);
    ck_assert_msg(d.refused == 0, "%s", d.why);
    ck_assert_uint_eq(d.took.transactions, 40);
    ck_assert_uint_eq(d.took.existed, 0);
    dump_same(&w.alice, &w.bob, &w.doc);
    cove_buf_clear(&d.file);
    world_close(&w);
}
END_TEST

START_TEST(what_changed_since_is_given_with_its_owner)
{
    struct world w;
    struct dump_kit d;
    struct cove_id ids[20];

    world_open(&w, _i);
    world_give(&w, &w.alice);
    fill(&w, ids, 20);

    uint64_t since = dump_sequence(&w.alice);

    kit_set(&w.alice, &ids[3], "n", 100);
    dump_init(&d, &w.alice);
    ck_assert_int_eq(dump_try(&w.alice, &d, since), 0);
    ck_assert_uint_eq(d.counts.documents, 2);
    dump_into(&w.bob, &d);
    ck_assert_uint_eq(d.took.documents, 2);
    dump_same(&w.alice, &w.bob, &ids[3]);
    cove_buf_clear(&d.file);
    world_close(&w);
}
END_TEST

START_TEST(who_may_not_read_takes_nothing)
{
    struct world w;
    struct dump_kit d;
    struct cove_id ids[20];
    struct kit dave;

    world_open(&w, _i);
    world_give(&w, &w.alice);
    fill(&w, ids, 20);
    dump_all(&w.alice, &d);
    kit_open(&dave, FIXTURE_MEMORY, 4);

    struct cove_hash before = world_dump(&dave);

    dump_into(&dave, &d);

    struct cove_hash after = world_dump(&dave);

    ck_assert_mem_eq(&before, &after, sizeof(before));
    ck_assert_uint_eq(d.took.left_out, 22);
    ck_assert_uint_eq(d.refused, 0);
    cove_buf_clear(&d.file);
    kit_close(&dave);
    world_close(&w);
}
END_TEST

static struct cove_id busy[8];
static int busy_at;

static void write_between(struct kit *k)
{
    kit_set(k, &busy[busy_at % 8], "n", busy_at);
    busy_at++;
    cove_arena_reset(&k->arena);
}

START_TEST(a_writer_without_a_pause_does_not_keep_a_dump_from_its_end)
{
    struct cove_hash sum = cove_dump_start();
    struct cove_dump_give give;
    struct world w;
    struct dump_kit d;

    world_open(&w, _i);
    world_give(&w, &w.alice);
    fill(&w, busy, 8);
    dump_init(&d, &w.alice);
    dump_give_init(&give, &w.alice, &d);
    busy_at = 0;
    ck_assert_int_eq(dump_rest(&w.alice, &d, &give, &sum, write_between), 0);
    ck_assert_int_le(busy_at, COVE_DUMP_ROUNDS + 2);
    dump_into(&w.bob, &d);
    ck_assert_msg(d.refused == 0, "%s", d.why);
    for (size_t i = 0; i < 8; i++) {
        ck_assert_int_ne(kit_get(&w.bob, &busy[i], "n"), ABSENT);
    }
    dump_give_clear(&give);
    cove_buf_clear(&d.file);
    world_close(&w);
}
END_TEST

START_TEST(the_other_branch_of_a_fork_goes_along)
{
    struct world w;
    struct author a, other;
    struct cove_batch batch;
    struct cove_ingest_result result;
    struct dump_kit d;
    struct cove_doc doc;

    world_open_full(&w, _i);
    author_init(&a, &w.bob, &w.alice, &w.doc, 1);
    author_init(&other, &w.bob, &w.alice, &w.doc, 1);
    author_set(&a, T(0), "a", 1);
    author_set(&other, T(0), "a", 2);
    batch = author_batch(&a, 0, 1);
    ck_assert_int_eq(kit_ingest(&w.alice, &batch, 1, &result), 0);
    batch = author_batch(&other, 0, 1);
    ck_assert_int_eq(kit_ingest(&w.alice, &batch, 1, &result), COVE_EFORK);
    dump_all(&w.alice, &d);
    dump_into(&w.carol, &d);
    ck_assert_uint_eq(d.took.forks, 1);
    ck_assert_uint_eq(d.refused, 0);
    doc = world_look(&w, &w.carol);
    ck_assert_uint_ne(doc.flags & COVE_DOC_HAS_FORK, 0);
    cove_buf_clear(&d.file);
    world_close(&w);
}
END_TEST

/* --- not to be trusted */

/* The body of the one block there is, unpacked; the caller frees. */
static uint8_t *body_of(const struct dump_kit *d, size_t *len)
{
    struct cove_dump_head head;
    struct cove_bytes body;
    struct cove_buf room;

    cove_buf_init(&room, &cove_alloc_libc);
    ck_assert_int_eq(cove_dump_head(d->file.at, &head), 0);
    ck_assert_uint_eq(d->file.len,
                      COVE_DUMP_HEAD + head.stored + (size_t)COVE_DUMP_SUM);
    ck_assert_int_eq(
        cove_dump_body(&head,
                       cove_bytes(d->file.at + COVE_DUMP_HEAD, head.stored),
                       &room, &body),
        0);

    uint8_t *copy = malloc(body.len);

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, body.at, body.len);
    *len = body.len;
    cove_buf_clear(&room);
    return copy;
}

/* Take a body whose sums are right, whatever it says. */
static void take_body(struct kit *k, struct dump_kit *d, struct cove_bytes body)
{
    struct cove_dump_take take = {
        .repo = k->repo, .refused = dump_refused, .ctx = d};
    struct cove_store_txn *txn = kit_begin(k, true);

    d->refused = 0;
    cove_arena_init(&take.arena, &k->heap.alloc);
    ck_assert_int_eq(cove_dump_take(&take, txn, body), 0);
    cove_arena_clear(&take.arena);
    d->took = take.took;
    kit_commit(txn);
}

/* What does not verify is refused by itself; what is shown is a part of what
 * was given, never something else. */
START_TEST(what_was_changed_with_its_sum_is_refused_all_the_same)
{
    struct world w;
    struct dump_kit d;
    struct cove_id ids[4];
    size_t len = 0;
    uint8_t *body;

    world_open(&w, FIXTURE_MEMORY);
    world_give(&w, &w.alice);
    fill(&w, ids, 4);
    dump_all(&w.alice, &d);
    body = body_of(&d, &len);
    for (size_t at = 0; at < len; at++) {
        struct kit bob;

        body[at] ^= 1;
        kit_open(&bob, FIXTURE_MEMORY, 2);
        take_body(&bob, &d, cove_bytes(body, len));
        body[at] ^= 1;

        struct cove_store_txn *txn = kit_begin(&bob, false);

        for (size_t i = 0; i < 4; i++) {
            cove_num num;

            if (cove_repo_find(bob.repo, txn, &ids[i], &num) == 0) {
                struct cove_doc doc = kit_load(&bob, txn, &ids[i]);
                int64_t shown = kit_value(&doc, "n");

                ck_assert(shown == ABSENT || shown == (int64_t)i);
            }
        }
        cove_store_abort(txn);
        ck_assert(d.refused > 0 || d.took.left_out > 0 || d.took.unknown > 0 ||
                  d.took.transactions == 4);
        kit_close(&bob);
    }
    for (size_t cut = 0; cut < len; cut += 7) {
        struct kit bob;

        kit_open(&bob, FIXTURE_MEMORY, 2);
        take_body(&bob, &d, cove_bytes(body, cut));
        kit_close(&bob);
    }
    free(body);
    cove_buf_clear(&d.file);
    world_close(&w);
}
END_TEST

/* --- faults */

START_TEST(each_failure_while_giving_is_said_and_leaks_nothing)
{
    struct world w;
    struct cove_id ids[60];
    size_t whole = 0;

    world_open(&w, _i);
    world_give(&w, &w.alice);
    fill(&w, ids, 60);
    for (int of_store = 0; of_store < 2; of_store++) {
        for (long n = 1;; n++) {
            struct fixture_fault fault = {.fail_at = n, .code = COVE_EIO};
            struct dump_kit d;

            dump_init(&d, &w.alice);
            w.alice.heap.calls = 0;
            w.alice.heap.fail_at = of_store ? 0 : n;
            cove_store_set_fault(w.alice.store.store,
                                 of_store ? fixture_hook : NULL, &fault);

            int err = dump_try(&w.alice, &d, 0);

            cove_store_set_fault(w.alice.store.store, NULL, NULL);
            w.alice.heap.fail_at = 0;
            ck_assert(err == 0 || err == (of_store ? COVE_EIO : COVE_ENOMEM));
            ck_assert_uint_eq(d.damaged, 0);
            if (err == 0) {
                whole = whole == 0 ? d.file.len : whole;
                ck_assert_uint_eq(d.file.len, whole);
            }
            cove_buf_clear(&d.file);
            if (err == 0) {
                ck_assert_int_gt(n, 5);
                break;
            }
        }
    }
    world_close(&w);
}
END_TEST

START_TEST(each_failure_while_taking_leaves_the_store_as_it_was)
{
    struct world w;
    struct dump_kit d;
    struct cove_id ids[12];

    world_open(&w, _i);
    world_give(&w, &w.alice);
    fill(&w, ids, 12);
    dump_all(&w.alice, &d);
    for (int of_store = 0; of_store < 2; of_store++) {
        struct kit bob;

        kit_open(&bob, _i, 2);

        struct cove_hash before = world_dump(&bob);

        for (long n = 1;; n++) {
            struct fixture_fault fault = {.fail_at = n, .code = COVE_ENOSPC};

            bob.heap.calls = 0;
            bob.heap.fail_at = of_store ? 0 : n;
            cove_store_set_fault(bob.store.store,
                                 of_store ? fixture_hook : NULL, &fault);

            int err = dump_take_bytes(&bob, &d, cove_buf_bytes(&d.file));

            cove_store_set_fault(bob.store.store, NULL, NULL);
            bob.heap.fail_at = 0;
            ck_assert_uint_eq(d.refused, 0);
            if (err == 0) {
                ck_assert_int_gt(n, 20);
                break;
            }
            ck_assert_int_eq(err, of_store ? COVE_ENOSPC : COVE_ENOMEM);

            struct cove_hash after = world_dump(&bob);

            ck_assert_mem_eq(&before, &after, sizeof(before));
        }
        for (size_t i = 0; i < 12; i++) {
            dump_same(&w.alice, &bob, &ids[i]);
        }
        kit_close(&bob);
    }
    cove_buf_clear(&d.file);
    world_close(&w);
}
END_TEST

static Suite *dump_suite(void)
{
    Suite *suite = suite_create("dump");
    TCase *tcase = tcase_create("dump");

    tcase_set_timeout(tcase, 90);
    tcase_add_test(tcase, the_file_is_as_the_page_says);
    tcase_add_loop_test(tcase, the_documents_of_the_page_are_taken, 0,
                        FIXTURE_KINDS);
    tcase_add_test(tcase, no_bit_of_a_block_can_be_changed_unseen);
    tcase_add_test(tcase, lengths_beyond_the_limit_are_refused_before_anything);
    tcase_add_loop_test(tcase, what_was_given_is_taken_the_same, 0,
                        FIXTURE_KINDS);
    tcase_add_loop_test(tcase,
                        a_document_longer_than_blocks_goes_on_in_the_next, 0,
                        FIXTURE_KINDS);
    tcase_add_loop_test(tcase, what_changed_since_is_given_with_its_owner, 0,
                        FIXTURE_KINDS);
    tcase_add_loop_test(tcase, who_may_not_read_takes_nothing, 0,
                        FIXTURE_KINDS);
    tcase_add_loop_test(
        tcase, a_writer_without_a_pause_does_not_keep_a_dump_from_its_end, 0,
        FIXTURE_KINDS);
    tcase_add_loop_test(tcase, the_other_branch_of_a_fork_goes_along, 0,
                        FIXTURE_KINDS);
    tcase_add_test(tcase,
                   what_was_changed_with_its_sum_is_refused_all_the_same);
    tcase_add_loop_test(tcase,
                        each_failure_while_giving_is_said_and_leaks_nothing, 0,
                        FIXTURE_KINDS);
    tcase_add_loop_test(tcase,
                        each_failure_while_taking_leaves_the_store_as_it_was, 0,
                        FIXTURE_KINDS);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return harness_run(dump_suite());
}
