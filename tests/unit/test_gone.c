/* A document that was removed is gone for everybody, whatever comes later. */
#include "crdt/repo_gone.h"

#include "crdt/repo_upkeep.h"
#include "tests/unit/pack_kit.h"

static int remove_it(struct kit *k, const struct cove_id *id)
{
    struct cove_store_txn *txn = kit_begin(k, true);
    int err = cove_repo_tombstone(k->repo, txn, kit_num(k, txn, id), &k->diag);

    if (err == 0) {
        kit_commit(txn);
    } else {
        cove_store_abort(txn);
    }
    return err;
}

static int try_load(struct kit *k, const struct cove_id *id)
{
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_doc doc;
    int err = cove_repo_load(k->repo, txn, kit_num(k, txn, id), &k->arena, &doc,
                             &k->diag);

    cove_store_abort(txn);
    return err;
}

static struct cove_doc_outline outline_of(struct kit *k,
                                          const struct cove_id *id)
{
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_doc_outline outline;

    ck_assert_int_eq(cove_repo_outline(k->repo, txn, kit_num(k, txn, id),
                                       &k->arena, &outline),
                     0);
    cove_store_abort(txn);
    return outline;
}

/* Every batch of `from` to `to`; the worst that came of it. */
static int give_all(struct kit *from, struct kit *to, const struct cove_id *id)
{
    struct cove_doc_outline outline = outline_of(from, id);
    int worst = 0;

    for (size_t i = 0; i < outline.session_count; i++) {
        struct cove_batch batch;
        struct cove_ingest_result result = {.have = 0};
        uint32_t at = 0;

        while (at < outline.sessions[i].len) {
            ck_assert_int_eq(kit_read(from, id, &outline.sessions[i].session,
                                      at, 60000, &batch),
                             0);

            int err = kit_ingest(to, &batch, 1, &result);

            worst = err != 0 ? err : worst;
            at += (uint32_t)batch.tx_count;
        }
    }
    return worst;
}

static void assert_gone(struct kit *k, const struct cove_id *id,
                        const struct kit *by)
{
    struct cove_store_txn *txn;
    struct cove_gone gone;
    struct cove_hash removed = cove_removed_digest(id);
    struct cove_doc_outline outline = outline_of(k, id);
    cove_num num = 0;

    ck_assert_int_eq(try_load(k, id), COVE_EREMOVED);
    ck_assert_msg(strstr(k->diag.text, "was removed by") != NULL, "%s",
                  k->diag.text);
    ck_assert_uint_eq(outline.session_count, 1);
    ck_assert_uint_eq(outline.sessions[0].len, 1);
    ck_assert_mem_eq(&outline.digest, &removed, sizeof(removed));
    txn = kit_begin(k, false);
    ck_assert_int_eq(cove_repo_gone(k->repo, txn, kit_num(k, txn, id), &gone),
                     0);
    ck_assert_mem_eq(&gone.device, &by->device, sizeof(gone.device));
    ck_assert_int_eq(cove_repo_recount(k->repo, txn, &k->diag), 0);
    while (cove_repo_next(k->repo, txn, 0, num, &num) == 0) {
        ck_assert_uint_ne(num, kit_num(k, txn, id));
    }
    cove_store_abort(txn);
}

/* Documents 2 to 4, and all that is written in them. */
static void write_some(struct world *w)
{
    w->alice.env.now_ms = NOW;
    for (int i = 0; i < 300; i++) {
        w->alice.env.now_ms += 1000;
        kit_set(&w->alice, &w->doc, i % 2 == 0 ? "name" : "size", i);
    }
    w->bob.env.now_ms = w->carol.env.now_ms = w->alice.env.now_ms;
    kit_sync(&w->alice, &w->bob, &w->doc);
    kit_sync(&w->alice, &w->carol, &w->doc);
}

START_TEST(its_bytes_are_gone_and_the_tombstone_stays)
{
    struct world w;
    struct cove_store_usage usage;

    world_open_full(&w, _i);
    write_some(&w);
    ck_assert_int_eq(remove_it(&w.alice, &w.doc), 0);
    for (int i = 0; i < 2; i++) {
        assert_gone(&w.alice, &w.doc, &w.alice);
        ck_assert_int_eq(cove_store_usage(w.alice.store.store, &usage), 0);
        ck_assert_uint_eq(usage.entries[REPO_LOG], 0);
        ck_assert_uint_eq(usage.entries[REPO_STATES], 0);
        ck_assert_uint_eq(usage.entries[REPO_GROUPS], 0);
        ck_assert_uint_eq(usage.entries[REPO_SCHEMAS], 0);
        kit_reopen(&w.alice);
    }
    ck_assert_int_eq(kit_try_set(&w.bob, &w.doc, "name", 1), 0);
    world_close(&w);
}
END_TEST

START_TEST(others_remove_it_when_they_hear_of_it_and_a_reader_too)
{
    struct world w;

    world_open_full(&w, _i);
    write_some(&w);
    ck_assert_int_eq(remove_it(&w.bob, &w.doc), 0);
    ck_assert_int_eq(give_all(&w.bob, &w.carol, &w.doc), 0);
    ck_assert_int_eq(give_all(&w.carol, &w.alice, &w.doc), 0);
    assert_gone(&w.alice, &w.doc, &w.bob);
    assert_gone(&w.bob, &w.doc, &w.bob);
    assert_gone(&w.carol, &w.doc, &w.bob);
    ck_assert_int_eq(remove_it(&w.alice, &w.doc), COVE_EREMOVED);
    world_close(&w);
}
END_TEST

START_TEST(late_writes_are_not_taken_and_their_writer_is_told)
{
    struct world w;
    struct cove_store_txn *txn;
    struct cove_gone_late late;

    world_open_full(&w, _i);
    write_some(&w);
    ck_assert_int_eq(remove_it(&w.alice, &w.doc), 0);
    for (int i = 0; i < 5; i++) {
        w.bob.env.now_ms += 1000;
        kit_set(&w.bob, &w.doc, "late", i); /* offline */
    }
    w.alice.env.now_ms = w.bob.env.now_ms;
    ck_assert_int_eq(give_all(&w.bob, &w.alice, &w.doc), COVE_EREMOVED);
    assert_gone(&w.alice, &w.doc, &w.alice);
    ck_assert_int_eq(give_all(&w.alice, &w.bob, &w.doc), 0);
    assert_gone(&w.bob, &w.doc, &w.alice);
    txn = kit_begin(&w.bob, false);
    ck_assert_int_eq(cove_repo_gone_late(w.bob.repo, txn, NULL, &late), 0);
    ck_assert_mem_eq(&late.id, &w.doc, sizeof(late.id));
    ck_assert_mem_eq(&late.by.device, &w.alice.device, 32);
    ck_assert_uint_eq(late.own, 5);
    ck_assert_int_eq(cove_repo_gone_late(w.bob.repo, txn, &late.id, &late),
                     COVE_ENOTFOUND);
    cove_store_abort(txn);
    txn = kit_begin(&w.alice, false);
    ck_assert_int_eq(cove_repo_gone_late(w.alice.repo, txn, NULL, &late),
                     COVE_ENOTFOUND);
    cove_store_abort(txn);
    world_close(&w);
}
END_TEST

START_TEST(two_that_remove_it_at_once_agree)
{
    struct world w;

    world_open_full(&w, _i);
    write_some(&w);
    ck_assert_int_eq(remove_it(&w.alice, &w.doc), 0);
    ck_assert_int_eq(remove_it(&w.bob, &w.doc), 0);
    ck_assert_int_eq(give_all(&w.alice, &w.bob, &w.doc), COVE_EREMOVED);
    ck_assert_int_eq(give_all(&w.bob, &w.alice, &w.doc), COVE_EREMOVED);
    ck_assert_int_eq(give_all(&w.alice, &w.carol, &w.doc), 0);
    ck_assert_int_eq(give_all(&w.bob, &w.carol, &w.doc), COVE_EREMOVED);
    assert_gone(&w.alice, &w.doc, &w.alice);
    assert_gone(&w.bob, &w.doc, &w.bob);
    assert_gone(&w.carol, &w.doc, &w.alice);
    world_close(&w);
}
END_TEST

START_TEST(a_store_that_has_nothing_gets_the_tombstone_alone)
{
    struct world w;

    world_open(&w, _i);
    world_give(&w, &w.alice);
    kit_set(&w.alice, &w.doc, "name", 1);
    ck_assert_int_eq(remove_it(&w.alice, &w.doc), 0);
    world_give(&w, &w.bob);
    ck_assert_int_eq(give_all(&w.alice, &w.bob, &w.doc), 0);
    assert_gone(&w.bob, &w.doc, &w.alice);
    ck_assert_int_eq(give_all(&w.alice, &w.bob, &w.doc), 0); /* again */
    world_close(&w);
}
END_TEST

START_TEST(while_the_owner_is_not_here_it_waits)
{
    struct world w;
    struct cove_store_txn *txn;
    struct cove_doc doc;

    world_open(&w, _i);
    world_give(&w, &w.alice);
    kit_set(&w.alice, &w.doc, "name", 1);
    kit_take_header(&w.bob, &w.doc, w.header);
    kit_sync(&w.alice, &w.bob, &w.doc);
    ck_assert_int_eq(remove_it(&w.alice, &w.doc), 0);
    ck_assert_int_eq(give_all(&w.alice, &w.bob, &w.doc), 0);
    ck_assert_int_eq(try_load(&w.bob, &w.doc), 0);
    ck_assert_uint_eq(outline_of(&w.bob, &w.doc).session_count, 2);
    kit_take_header(&w.bob, &w.group, w.group_header);
    ck_assert_int_eq(try_load(&w.bob, &w.doc), COVE_EREMOVED);
    txn = kit_begin(&w.bob, true);
    ck_assert_int_eq(cove_repo_load(w.bob.repo, txn,
                                    kit_num(&w.bob, txn, &w.doc), &w.bob.arena,
                                    &doc, &w.bob.diag),
                     COVE_EREMOVED);
    kit_commit(txn);
    assert_gone(&w.bob, &w.doc, &w.alice);
    world_close(&w);
}
END_TEST

/* --- who may, and what is no tombstone */

static void push_tombstone(struct author *a, uint64_t hlc)
{
    struct cove_tx tx = {.hlc = hlc, .has_remove = true};

    author_push_tx(a, &tx);
}

START_TEST(a_tombstone_of_one_without_the_right_is_kept_and_not_obeyed)
{
    struct world w;
    struct author carol;
    struct cove_ingest_result result;
    struct cove_batch batch;

    world_open_full(&w, _i);
    kit_set(&w.alice, &w.doc, "name", 7);
    author_init(&carol, &w.carol, &w.alice, &w.doc, 9);
    push_tombstone(&carol, T(1));
    batch = author_batch(&carol, 0, 1);
    ck_assert_int_eq(kit_ingest(&w.alice, &batch, 1, &result), 0);
    ck_assert_uint_eq(result.denied, 1);
    ck_assert(!result.removed);
    ck_assert_int_eq(kit_get(&w.alice, &w.doc, "name"), 7);
    ck_assert(world_look(&w, &w.alice).flags & COVE_DOC_HAS_DENIED);
    kit_sync(&w.alice, &w.bob, &w.doc); /* and relayed */
    assert_same_log(&w.alice, &w.bob, &w.doc);
    ck_assert_int_eq(remove_it(&w.carol, &w.doc), COVE_EDENIED);
    world_close(&w);
}
END_TEST

START_TEST(groups_and_journals_stay)
{
    struct world w;
    struct author alice;
    struct cove_ingest_result result;
    struct cove_batch batch;
    struct cove_id journal;
    struct cove_bytes header;

    world_open_full(&w, _i);
    header = kit_header(&w.bob, COVE_DOC_JOURNAL, &w.group, 2, &journal);
    kit_take_header(&w.bob, &journal, header);
    ck_assert_int_eq(remove_it(&w.alice, &w.group), COVE_EIMMUTABLE);
    ck_assert_msg(strstr(w.alice.diag.text, "group") != NULL, "%s",
                  w.alice.diag.text);
    ck_assert_int_eq(remove_it(&w.bob, &journal), COVE_EIMMUTABLE);

    const struct cove_id *each[] = {&w.group, &journal};

    for (size_t i = 0; i < 2; i++) { /* nor where a peer says so */
        author_init(&alice, &w.alice, &w.bob, each[i], 9);
        push_tombstone(&alice, T(1));
        batch = author_batch(&alice, 0, 1);
        ck_assert_int_eq(kit_ingest(&w.bob, &batch, 1, &result), 0);
        ck_assert(!result.removed);
        ck_assert_int_eq(try_load(&w.bob, each[i]), 0);
    }
    world_close(&w);
}
END_TEST

START_TEST(a_tombstone_has_its_session_for_itself)
{
    struct world w;
    struct author bob;
    struct cove_batch batch;
    struct cove_ingest_result result;

    world_open_full(&w, _i);
    kit_set(&w.alice, &w.doc, "name", 7);
    author_init(&bob, &w.bob, &w.alice, &w.doc, 9);
    push_tombstone(&bob, T(1));
    author_set(&bob, T(2), "name", 8);
    batch = author_batch(&bob, 0, 2);
    assert_batch_refused(&w.alice, &batch, COVE_EDENIED);
    ck_assert_int_eq(kit_get(&w.alice, &w.doc, "name"), 7);

    struct author later; /* not the first: it says nothing */

    author_init(&later, &w.bob, &w.alice, &w.doc, 10);
    author_set(&later, T(1), "name", 9);
    push_tombstone(&later, T(2));
    batch = author_batch(&later, 0, 2);
    ck_assert_int_eq(kit_ingest(&w.alice, &batch, 1, &result), 0);
    ck_assert(!result.removed);
    ck_assert_int_eq(kit_get(&w.alice, &w.doc, "name"), 9);
    world_close(&w);
}
END_TEST

START_TEST(a_tombstone_ahead_of_the_clock_is_taken_when_its_time_comes)
{
    struct world w;
    struct author bob;
    struct cove_batch batch;
    struct cove_ingest_result result;

    world_open_full(&w, _i);
    kit_set(&w.alice, &w.doc, "name", 7);
    author_init(&bob, &w.bob, &w.alice, &w.doc, 9);
    push_tombstone(&bob, T(3600));
    batch = author_batch(&bob, 0, 1);
    assert_batch_refused(&w.alice, &batch, COVE_ECLOCK);
    w.alice.env.now_ms += 3500000;
    ck_assert_int_eq(kit_ingest(&w.alice, &batch, 1, &result), 0);
    ck_assert(result.removed);
    assert_gone(&w.alice, &w.doc, &w.bob);
    world_close(&w);
}
END_TEST

/* One session, two first transactions: both remove it, and it is removed. */
START_TEST(a_fork_of_a_tombstone_removes_it_all_the_same)
{
    struct world w;
    struct author one, two;
    struct cove_batch batch;
    struct cove_ingest_result result;

    world_open_full(&w, _i);
    kit_set(&w.alice, &w.doc, "name", 7);
    kit_sync(&w.alice, &w.bob, &w.doc);
    author_init(&one, &w.bob, &w.alice, &w.doc, 9);
    push_tombstone(&one, T(1));
    author_init(&two, &w.bob, &w.bob, &w.doc, 9);
    push_tombstone(&two, T(2));
    batch = author_batch(&one, 0, 1);
    ck_assert_int_eq(kit_ingest(&w.alice, &batch, 1, &result), 0);
    batch = author_batch(&two, 0, 1);
    ck_assert_int_eq(kit_ingest(&w.bob, &batch, 1, &result), 0);
    ck_assert_int_eq(give_all(&w.alice, &w.bob, &w.doc), COVE_EREMOVED);
    ck_assert_int_eq(give_all(&w.bob, &w.alice, &w.doc), COVE_EREMOVED);
    assert_gone(&w.alice, &w.doc, &w.bob);
    assert_gone(&w.bob, &w.doc, &w.bob);
    world_close(&w);
}
END_TEST

START_TEST(it_is_not_made_again)
{
    struct world w;
    struct cove_store_txn *txn;
    struct cove_doc doc;
    cove_num num;

    world_open_full(&w, _i);
    kit_set(&w.alice, &w.doc, "name", 7);
    txn = kit_begin(&w.alice, true);
    doc = kit_load(&w.alice, txn, &w.doc);
    ck_assert_int_eq(
        cove_repo_tombstone(w.alice.repo, txn, doc.num, &w.alice.diag), 0);
    ck_assert_int_eq(kit_append(&w.alice, txn, &doc, "name", 1),
                     COVE_EREMOVED); /* loaded before */
    ck_assert_int_eq(
        cove_repo_create(w.alice.repo, txn, w.header, &num, &w.alice.diag),
        COVE_EREMOVED);
    ck_assert_msg(strstr(w.alice.diag.text, "again") != NULL, "%s",
                  w.alice.diag.text);
    kit_commit(txn);
    assert_gone(&w.alice, &w.doc, &w.alice);
    world_close(&w);
}
END_TEST

START_TEST(a_packed_document_and_many_in_one_commit_are_removed)
{
    struct world w;
    struct cove_id ids[20];
    struct cove_store_txn *txn;
    struct cove_store_usage usage;

    world_open_full(&w, _i);
    write_some(&w);
    pack_now(&w.alice, &pack_all);
    for (uint32_t i = 0; i < 20; i++) {
        kit_take_header(
            &w.alice, &ids[i],
            kit_header(&w.alice, COVE_DOC_COMAP, &w.group, 50 + i, &ids[i]));
        kit_set(&w.alice, &ids[i], "name", i);
    }
    txn = kit_begin(&w.alice, true);
    for (uint32_t i = 0; i < 20; i++) {
        ck_assert_int_eq(cove_repo_tombstone(w.alice.repo, txn,
                                             kit_num(&w.alice, txn, &ids[i]),
                                             &w.alice.diag),
                         0);
    }
    ck_assert_int_eq(cove_repo_tombstone(w.alice.repo, txn,
                                         kit_num(&w.alice, txn, &w.doc),
                                         &w.alice.diag),
                     0);
    kit_commit(txn);
    ck_assert_int_eq(cove_store_usage(w.alice.store.store, &usage), 0);
    ck_assert_uint_eq(usage.entries[REPO_LOG], 0);
    ck_assert_uint_eq(usage.entries[REPO_GROUPS], 2); /* one signature */
    for (uint32_t i = 0; i < 20; i++) {
        assert_gone(&w.alice, &ids[i], &w.alice);
        kit_take_header(
            &w.carol, &ids[i],
            kit_header(&w.carol, COVE_DOC_COMAP, &w.group, 50 + i, &ids[i]));
        ck_assert_int_eq(give_all(&w.alice, &w.carol, &ids[i]), 0);
        assert_gone(&w.carol, &ids[i], &w.alice);
    }
    world_close(&w);
}
END_TEST

/* --- what goes wrong */

START_TEST(a_store_that_fails_at_any_call_removes_it_or_leaves_it_whole)
{
    struct world w;
    int err = COVE_ENOSPC;

    world_open_full(&w, FIXTURE_LMDB);
    write_some(&w);

    struct cove_hash before = world_dump(&w.alice);

    for (long at = 1; err != 0; at++) {
        struct fixture_fault fault = {.fail_at = at, .code = COVE_ENOSPC};
        struct cove_store_txn *txn = NULL;

        cove_store_set_fault(w.alice.store.store, fixture_hook, &fault);
        err = cove_store_begin(w.alice.store.store, true, &txn);
        if (err == 0) {
            cove_num num = 0;

            err = cove_repo_find(w.alice.repo, txn, &w.doc, &num);
            if (err == 0) {
                err =
                    cove_repo_tombstone(w.alice.repo, txn, num, &w.alice.diag);
            }
            if (err == 0) {
                err = cove_store_commit(txn);
            } else {
                cove_store_abort(txn);
            }
        }
        cove_store_set_fault(w.alice.store.store, NULL, NULL);
        if (err != 0) {
            struct cove_hash after = world_dump(&w.alice);

            ck_assert_int_eq(err, COVE_ENOSPC);
            ck_assert_mem_eq(&before, &after, sizeof(before));
        }
    }
    assert_gone(&w.alice, &w.doc, &w.alice);
    world_close(&w);
}
END_TEST

START_TEST(memory_that_runs_out_anywhere_leaves_it_whole)
{
    struct world w;
    int err = COVE_ENOMEM;

    world_open_full(&w, FIXTURE_MEMORY);
    write_some(&w);
    for (long at = 1; err != 0; at++) {
        struct cove_store_txn *txn = kit_begin(&w.alice, true);

        w.alice.heap.calls = 0;
        w.alice.heap.fail_at = at;
        err = cove_repo_tombstone(
            w.alice.repo, txn, kit_num(&w.alice, txn, &w.doc), &w.alice.diag);
        if (err == 0) {
            err = cove_store_commit(txn);
        } else {
            cove_store_abort(txn);
        }
        w.alice.heap.fail_at = 0;
        ck_assert(err == 0 || err == COVE_ENOMEM);
        ck_assert_int_eq(try_load(&w.alice, &w.doc),
                         err == 0 ? COVE_EREMOVED : 0);
    }
    assert_gone(&w.alice, &w.doc, &w.alice);
    world_close(&w);
}
END_TEST

static void add(TCase *c, const TTest *test)
{
    tcase_add_loop_test(c, test, 0, FIXTURE_KINDS);
}

int main(void)
{
    Suite *suite = suite_create("gone");
    TCase *removed = tcase_create("removed");
    TCase *rights = tcase_create("rights");
    TCase *wrong = tcase_create("wrong");

    tcase_set_timeout(removed, 60);
    tcase_set_timeout(wrong, 60);
    add(removed, its_bytes_are_gone_and_the_tombstone_stays);
    add(removed, others_remove_it_when_they_hear_of_it_and_a_reader_too);
    add(removed, late_writes_are_not_taken_and_their_writer_is_told);
    add(removed, two_that_remove_it_at_once_agree);
    add(removed, a_store_that_has_nothing_gets_the_tombstone_alone);
    add(removed, while_the_owner_is_not_here_it_waits);
    add(removed, it_is_not_made_again);
    add(removed, a_packed_document_and_many_in_one_commit_are_removed);
    add(rights, a_tombstone_of_one_without_the_right_is_kept_and_not_obeyed);
    add(rights, groups_and_journals_stay);
    add(rights, a_tombstone_has_its_session_for_itself);
    add(rights, a_tombstone_ahead_of_the_clock_is_taken_when_its_time_comes);
    add(rights, a_fork_of_a_tombstone_removes_it_all_the_same);
    tcase_add_test(
        wrong, a_store_that_fails_at_any_call_removes_it_or_leaves_it_whole);
    tcase_add_test(wrong, memory_that_runs_out_anywhere_leaves_it_whole);
    suite_add_tcase(suite, removed);
    suite_add_tcase(suite, rights);
    suite_add_tcase(suite, wrong);
    return harness_run(suite);
}
