/* test_repo.c: documents, own writes, loading, changes, over both stores. */
#include "crdt/repo_internal.h"
#include "tests/unit/repo_home.h"

/* --- opening */

START_TEST(a_store_of_another_device_is_refused)
{
    struct home h;

    home_open(&h, _i);
    cove_repo_close(h.kit.repo);
    h.kit.device.b[0] ^= 1;
    ck_assert_int_eq(kit_open_with(&h.kit, false), COVE_EACCES);
    h.kit.device.b[0] ^= 1;
    ck_assert_int_eq(kit_open_with(&h.kit, false), 0);
    kit_close(&h.kit);
}
END_TEST

START_TEST(a_store_of_a_newer_format_is_refused)
{
    struct home h;
    uint8_t newer[49] = {REPO_FORMAT_CUT + 1};

    home_open(&h, _i);
    cove_repo_close(h.kit.repo);

    struct cove_store_txn *txn = kit_begin(&h.kit, true);

    ck_assert_int_eq(cove_store_put(txn, REPO_META, cove_bytes_text("repo"),
                                    cove_bytes(newer, sizeof(newer))),
                     0);
    kit_commit(txn);
    ck_assert_int_eq(kit_open_with(&h.kit, false), COVE_ENEWER);
    h.kit.repo = NULL;
    kit_close(&h.kit);
}
END_TEST

START_TEST(a_store_with_foreign_records_is_no_repo)
{
    struct kit k;

    kit_init(&k, _i, 1);
    fixture_put(&k.store, 5, "something", "else");
    ck_assert_int_eq(kit_open_with(&k, false), COVE_ENOTSTORE);
    kit_close(&k);
}
END_TEST

START_TEST(the_store_id_stays_and_changes_only_with_a_new_session)
{
    struct home h;
    uint8_t first[16];
    uint8_t again[16];

    home_open(&h, _i);
    cove_repo_store_id(h.kit.repo, first);
    kit_reopen(&h.kit);
    cove_repo_store_id(h.kit.repo, again);
    ck_assert_mem_eq(first, again, 16);
    cove_repo_close(h.kit.repo);
    ck_assert_int_eq(kit_open_with(&h.kit, true), 0);
    cove_repo_store_id(h.kit.repo, again);
    ck_assert_mem_ne(first, again, 16);
    kit_close(&h.kit);
}
END_TEST

/* --- documents */

START_TEST(a_document_that_exists_is_found_again)
{
    struct home h;
    struct cove_id id;

    home_open(&h, _i);

    struct cove_bytes header =
        kit_header(&h.kit, COVE_DOC_COMAP, &h.group, 2, &id);
    cove_num first = home_create(&h, header);

    ck_assert_uint_eq(home_create(&h, header), first);

    struct cove_store_txn *txn = kit_begin(&h.kit, false);
    struct cove_doc doc = kit_load(&h.kit, txn, &id);

    ck_assert_uint_eq(doc.num, first);
    ck_assert_mem_eq(doc.id.b, id.b, 32);
    ck_assert(cove_bytes_equal(doc.header_bytes, header));
    ck_assert_int_eq(doc.header.type, COVE_DOC_COMAP);
    ck_assert_uint_eq(doc.session_count, 0);
    ck_assert_int_eq(doc.my_role, COVE_ROLE_ADMIN);
    cove_store_abort(txn);
    kit_close(&h.kit);
}
END_TEST

START_TEST(a_document_needs_its_owner_and_a_writers_role)
{
    struct kit alice;
    struct kit bob;
    struct cove_id group;
    struct cove_id id;
    cove_num num;

    kit_open(&alice, _i, 1);
    kit_open(&bob, FIXTURE_MEMORY, 2);

    struct kit_member members[] = {{&alice, "admin"}, {&bob, "reader"}};
    struct cove_bytes owner = kit_group(&bob, members, 2, &group);
    struct cove_bytes header = kit_header(&bob, COVE_DOC_COMAP, &group, 1, &id);
    struct cove_store_txn *txn = kit_begin(&bob, true);

    ck_assert_int_eq(cove_repo_create(bob.repo, txn, header, &num, &bob.diag),
                     COVE_ENOTFOUND);
    cove_store_abort(txn);
    kit_take_header(&bob, &group, owner);
    txn = kit_begin(&bob, true);
    ck_assert_int_eq(cove_repo_create(bob.repo, txn, header, &num, &bob.diag),
                     COVE_EDENIED);
    ck_assert_ptr_nonnull(strstr(bob.diag.text, "reader"));
    cove_store_abort(txn);
    kit_close(&alice);
    kit_close(&bob);
}
END_TEST

START_TEST(a_unique_prefix_names_a_document)
{
    struct home h;
    char text[COVE_ID_TEXT_MAX];
    struct cove_id found;

    home_open(&h, _i);
    for (uint32_t i = 2; i < 200; i++) {
        struct cove_id id;

        home_create(&h, kit_header(&h.kit, COVE_DOC_COMAP, &h.group, i, &id));
    }

    struct cove_store_txn *txn = kit_begin(&h.kit, false);

    cove_id_text(&h.doc, text);
    ck_assert_int_eq(
        cove_repo_resolve(h.kit.repo, txn, text, &found, &h.kit.diag), 0);
    ck_assert_mem_eq(found.b, h.doc.b, 32);
    text[12] = '\0';
    ck_assert_int_eq(
        cove_repo_resolve(h.kit.repo, txn, text, &found, &h.kit.diag), 0);
    ck_assert_mem_eq(found.b, h.doc.b, 32);
    text[5] = '\0';
    ck_assert_int_eq(
        cove_repo_resolve(h.kit.repo, txn, text, &found, &h.kit.diag),
        COVE_EAMBIGUOUS);
    ck_assert_ptr_nonnull(strstr(h.kit.diag.text, "co_z"));
    cove_diag_clear(&h.kit.diag);
    ck_assert_int_eq(cove_repo_resolve(h.kit.repo, txn, "co_zzzzzzzzzzz",
                                       &found, &h.kit.diag),
                     COVE_ENOTFOUND);
    cove_diag_clear(&h.kit.diag);
    ck_assert_int_eq(
        cove_repo_resolve(h.kit.repo, txn, "co_z0", &found, &h.kit.diag),
        COVE_EFORMAT);
    cove_store_abort(txn);
    kit_close(&h.kit);
}
END_TEST

START_TEST(documents_are_listed_in_order_and_by_schema)
{
    struct home h;
    struct cove_id id;
    struct cove_id ids[3];
    struct cove_header header = {.type = COVE_DOC_COMAP, .has_owner = true};
    cove_num journal;
    cove_num num = 0;
    size_t seen = 0;

    home_open(&h, _i);
    kit_header(&h.kit, COVE_DOC_JOURNAL, &h.group, 77, &id);
    for (uint8_t i = 0; i < 3; i++) {
        uint8_t nonce[16] = {i};
        struct cove_buf out;
        struct cove_buf meta;
        struct cove_writer w;

        cove_buf_init(&out, &h.kit.heap.alloc);
        cove_buf_init(&meta, &h.kit.heap.alloc);
        cove_writer_init(&w, &meta);
        cove_writer_map(&w, 1);
        cove_writer_cstr(&w, "$schema");
        cove_writer_map(&w, 1);
        cove_writer_cstr(&w, "");
        cove_writer_bytes(&w, id.b, 32);
        header.owner = h.group;
        header.meta = cove_buf_bytes(&meta);
        header.has_schema = true;
        header.schema = id;
        header.nonce = cove_bytes(nonce, 16);

        int err = cove_header_encode(&header, &out, &ids[i], &h.kit.diag);

        ck_assert_msg(err == 0, "%d %s", err, h.kit.diag.text);
        home_create(&h, cove_buf_bytes(&out));
        cove_buf_clear(&out);
        cove_buf_clear(&meta);
    }

    struct cove_store_txn *txn = kit_begin(&h.kit, false);

    /* The journal is only referenced: it has a number and is not held. */
    ck_assert_int_eq(cove_repo_find(h.kit.repo, txn, &id, &num),
                     COVE_ENOTFOUND);
    journal = kit_load(&h.kit, txn, &ids[0]).schema_num;
    ck_assert_uint_ne(journal, 0);
    num = 0;
    while (cove_repo_next(h.kit.repo, txn, journal, num, &num) == 0) {
        ck_assert_uint_eq(num, kit_num(&h.kit, txn, &ids[seen]));
        seen++;
    }
    ck_assert_uint_eq(seen, 3);
    seen = 0;
    num = 0;
    while (cove_repo_next(h.kit.repo, txn, 0, num, &num) == 0) {
        seen++;
    }
    ck_assert_uint_eq(seen, 5);
    cove_store_abort(txn);
    home_create(&h, kit_header(&h.kit, COVE_DOC_JOURNAL, &h.group, 77, &id));
    txn = kit_begin(&h.kit, false);
    ck_assert_uint_eq(kit_num(&h.kit, txn, &id), journal);
    cove_store_abort(txn);
    kit_close(&h.kit);
}
END_TEST

/* --- own writes */

START_TEST(what_is_written_is_read_also_after_reopening)
{
    struct home h;
    struct cove_hash before;
    struct cove_hash after;

    home_open(&h, _i);
    kit_set(&h.kit, &h.doc, "a", 1);
    kit_set(&h.kit, &h.doc, "b", 2);
    kit_set(&h.kit, &h.doc, "a", 3);
    kit_set(&h.kit, &h.doc, "b", INT64_MIN);
    ck_assert_int_eq(kit_get(&h.kit, &h.doc, "a"), 3);
    ck_assert_int_eq(kit_get(&h.kit, &h.doc, "b"), INT64_MIN);
    before = kit_digest(&h.kit, &h.doc);
    kit_reopen(&h.kit);
    ck_assert_int_eq(kit_get(&h.kit, &h.doc, "a"), 3);
    after = kit_digest(&h.kit, &h.doc);
    ck_assert_mem_eq(&before, &after, sizeof(before));
    kit_close(&h.kit);
}
END_TEST

START_TEST(several_appends_in_one_transaction_are_one_commit)
{
    struct home h;

    home_open(&h, _i);

    struct cove_store_txn *txn = kit_begin(&h.kit, true);
    struct cove_doc doc = kit_load(&h.kit, txn, &h.doc);

    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(kit_append(&h.kit, txn, &doc, "a", i), 0);
        ck_assert_int_eq(kit_value(&doc, "a"), i);
    }
    ck_assert_uint_eq(doc.session_count, 1);
    ck_assert_uint_eq(doc.sessions[0].len, 100);
    ck_assert_uint_eq(doc.sessions[0].folded, 100);
    cove_store_abort(txn);
    ck_assert_int_eq(kit_get(&h.kit, &h.doc, "a"), INT64_MIN);
    kit_set(&h.kit, &h.doc, "a", 7);
    ck_assert_int_eq(kit_get(&h.kit, &h.doc, "a"), 7);
    kit_close(&h.kit);
}
END_TEST

/* An aborted transaction gives its interned numbers back: what a cache
 * remembers of them must not be believed. */
START_TEST(an_aborted_epoch_does_not_taint_a_later_one)
{
    struct home h;

    home_open(&h, _i);
    kit_set(&h.kit, &h.doc, "a", 1);
    for (int round = 0; round < 2; round++) {
        struct cove_store_txn *txn = kit_begin(&h.kit, true);
        struct cove_doc doc = kit_load(&h.kit, txn, &h.doc);
        struct cove_tx_op op = kit_op(&h.kit, "a", round);
        struct cove_tx tx = {.ops = &op, .op_count = 1, .has_epoch = true};

        tx.epoch.b[0] = (uint8_t)(10 + round);
        ck_assert_int_eq(
            cove_repo_append(h.kit.repo, txn, &doc, &tx, &h.kit.diag), 0);
        if (round == 0) {
            cove_store_abort(txn);
        } else {
            kit_commit(txn);
        }
    }

    struct cove_doc doc = home_look(&h);

    ck_assert_uint_eq(doc.state.native_count, 2);
    ck_assert_uint_eq(doc.state.natives[1].epoch.b[0], 11);
    kit_close(&h.kit);
}
END_TEST

START_TEST(epoch_and_auth_stand_only_where_they_change)
{
    struct home h;
    struct cove_event *events;
    size_t count;

    home_open(&h, _i);
    for (int i = 0; i < 6; i++) {
        struct cove_store_txn *txn = kit_begin(&h.kit, true);
        struct cove_doc doc = kit_load(&h.kit, txn, &h.doc);
        struct cove_tx_op op = kit_op(&h.kit, "a", i);
        struct cove_tx tx = {.ops = &op, .op_count = 1, .has_epoch = i >= 2};

        tx.epoch.b[0] = i < 4 ? 1 : 2;
        ck_assert_int_eq(
            cove_repo_append(h.kit.repo, txn, &doc, &tx, &h.kit.diag), 0);
        ck_assert_int_eq(tx.epoch_inherited, i % 2 == 1);
        ck_assert_int_eq(tx.auth_inherited, i > 0);
        ck_assert(!tx.has_seen);
        kit_commit(txn);
    }

    struct cove_store_txn *txn = kit_begin(&h.kit, false);
    struct cove_doc doc = kit_load(&h.kit, txn, &h.doc);

    ck_assert_int_eq(
        cove_history(h.kit.repo, txn, &doc, &h.kit.arena, &events, &count), 0);
    ck_assert_uint_eq(count, 6);
    for (size_t i = 0; i < 6; i++) {
        ck_assert_int_eq(events[i].has_epoch, i >= 2);
        ck_assert_uint_eq(events[i].epoch.b[0], i < 2 ? 0 : i < 4 ? 1 : 2);
        ck_assert_int_eq(cove_value_int(events[i].value), (int64_t)i);
    }
    ck_assert_uint_eq(doc.state.native_count, 3);
    cove_store_abort(txn);
    kit_close(&h.kit);
}
END_TEST

START_TEST(a_loop_of_5000_writers_uses_one_session)
{
    struct home h;

    home_open(&h, _i);
    for (int i = 0; i < 5000;) {
        /* A commit on disk takes its time: ten writers share one there. */
        int end = i + (_i == FIXTURE_LMDB ? 10 : 1);
        struct cove_store_txn *txn = kit_begin(&h.kit, true);

        for (; i < end; i++) {
            struct cove_doc doc = kit_load(&h.kit, txn, &h.doc);

            ck_assert_int_eq(
                kit_append(&h.kit, txn, &doc, i % 3 == 0 ? "x" : "y", i), 0);
        }
        kit_commit(txn);
        cove_arena_reset(&h.kit.arena);
        if (i % 500 == 0) {
            kit_reopen(&h.kit);
        }
    }

    struct cove_doc doc = home_look(&h);

    ck_assert_uint_eq(doc.session_count, 1);
    ck_assert_uint_eq(doc.sessions[0].len, 5000);
    ck_assert_int_eq(kit_value(&doc, "x"), 4998);
    ck_assert_int_eq(kit_value(&doc, "y"), 4999);
    kit_close(&h.kit);
}
END_TEST

START_TEST(a_write_without_the_right_is_refused_by_name)
{
    struct kit alice;
    struct kit bob;
    struct cove_id group;
    struct cove_id doc;
    struct cove_id journal;

    kit_open(&alice, FIXTURE_MEMORY, 1);
    kit_open(&bob, _i, 2);

    struct kit_member members[] = {{&alice, "admin"}, {&bob, "writer"}};

    kit_take_header(&bob, &group, kit_group(&bob, members, 2, &group));
    kit_take_header(&bob, &doc,
                    kit_header(&bob, COVE_DOC_COMAP, &group, 1, &doc));
    kit_take_header(&bob, &journal,
                    kit_header(&bob, COVE_DOC_JOURNAL, &group, 2, &journal));
    kit_set(&bob, &doc, "a", 1);
    ck_assert_int_eq(kit_try_set(&bob, &journal, "a", 1), COVE_EDENIED);
    ck_assert_ptr_nonnull(strstr(bob.diag.text, "admin"));
    ck_assert_int_eq(kit_try_set(&bob, &group, "a", 1), 0);

    struct kit_member others[] = {{&alice, "admin"}};
    struct cove_id closed;

    kit_take_header(&bob, &group, kit_group(&bob, others, 1, &group));
    kit_take_header(&bob, &closed,
                    kit_header(&bob, COVE_DOC_COMAP, &group, 3, &closed));
    ck_assert_int_eq(kit_try_set(&bob, &closed, "a", 1), COVE_EDENIED);
    ck_assert_ptr_nonnull(strstr(bob.diag.text, "none"));

    struct cove_store_txn *txn = kit_begin(&bob, false);
    struct cove_doc loaded = kit_load(&bob, txn, &closed);

    ck_assert_uint_eq(loaded.session_count, 0);
    cove_store_abort(txn);
    kit_close(&alice);
    kit_close(&bob);
}
END_TEST

START_TEST(a_clock_behind_the_last_own_write_is_refused)
{
    struct home h;

    home_open(&h, _i);
    kit_set(&h.kit, &h.doc, "a", 1);
    h.kit.env.now_ms -= COVE_MAX_AHEAD_MS;
    kit_set(&h.kit, &h.doc, "a", 2);
    h.kit.env.now_ms -= 10;
    ck_assert_int_eq(kit_try_set(&h.kit, &h.doc, "a", 3), COVE_ECLOCK);
    kit_reopen(&h.kit);
    ck_assert_int_eq(kit_try_set(&h.kit, &h.doc, "a", 3), COVE_ECLOCK);
    h.kit.env.now_ms += COVE_MAX_AHEAD_MS + 10;
    kit_set(&h.kit, &h.doc, "a", 3);
    ck_assert_int_eq(kit_get(&h.kit, &h.doc, "a"), 3);
    kit_close(&h.kit);
}
END_TEST

START_TEST(a_restored_backup_starts_a_new_session)
{
    struct home h;

    home_open(&h, _i);
    kit_set(&h.kit, &h.doc, "a", 1);
    cove_repo_close(h.kit.repo);
    ck_assert_int_eq(kit_open_with(&h.kit, true), 0);
    kit_set(&h.kit, &h.doc, "a", 2);
    kit_set(&h.kit, &h.doc, "a", 3);

    struct cove_doc doc = home_look(&h);

    ck_assert_uint_eq(doc.session_count, 2);
    ck_assert_int_eq(kit_value(&doc, "a"), 3);
    kit_close(&h.kit);
}
END_TEST

/* A11 */
START_TEST(more_keys_than_the_limit_are_refused)
{
    struct home h;
    struct cove_tx_op *ops = calloc(COVE_MAX_TX_OPS, sizeof(*ops));
    char(*names)[16] = calloc(COVE_MAX_TX_OPS, sizeof(*names));

    home_open(&h, _i);

    struct cove_store_txn *txn = kit_begin(&h.kit, true);
    struct cove_doc doc = kit_load(&h.kit, txn, &h.doc);

    for (int i = 0; i < COVE_MAX_KEYS; i += COVE_MAX_TX_OPS) {
        struct cove_tx tx = {.ops = ops, .op_count = COVE_MAX_TX_OPS};

        for (int j = 0; j < COVE_MAX_TX_OPS; j++) {
            snprintf(names[j], sizeof(names[j]), "key%06d", i + j);
            ops[j] = kit_op(&h.kit, names[j], j);
        }
        ck_assert_int_eq(
            cove_repo_append(h.kit.repo, txn, &doc, &tx, &h.kit.diag), 0);
    }
    ck_assert_int_eq(kit_append(&h.kit, txn, &doc, "key000001", 5), 0);
    ck_assert_int_eq(kit_append(&h.kit, txn, &doc, "one more", 5), COVE_ELIMIT);
    ck_assert_int_eq(kit_append(&h.kit, txn, &doc, "key000002", 6), 0);
    kit_commit(txn);
    kit_reopen(&h.kit);
    doc = home_look(&h);
    ck_assert_uint_eq(doc.state.native_count, COVE_MAX_KEYS);
    ck_assert_int_eq(kit_value(&doc, "key000002"), 6);
    ck_assert_int_eq(kit_value(&doc, "key065535"), COVE_MAX_TX_OPS - 1);
    kit_close(&h.kit);
    free(ops);
    free(names);
}
END_TEST

/* A document loaded before somebody else wrote is brought up to date. */
START_TEST(an_append_to_an_old_view_of_a_document_is_no_fork)
{
    struct home h;

    home_open(&h, _i);
    kit_set(&h.kit, &h.doc, "a", 1);

    struct cove_doc old = home_look(&h);

    kit_set(&h.kit, &h.doc, "b", 2);

    struct cove_store_txn *txn = kit_begin(&h.kit, true);

    ck_assert_int_eq(kit_append(&h.kit, txn, &old, "a", 3), 0);
    ck_assert_uint_eq(old.sessions[0].len, 3);
    ck_assert_int_eq(kit_value(&old, "b"), 2);
    ck_assert_int_eq(kit_value(&old, "a"), 3);
    kit_commit(txn);
    kit_close(&h.kit);
}
END_TEST

/* --- changes */

START_TEST(a_document_changes_once_at_its_last_change)
{
    struct home h;
    struct cove_id other;
    struct cove_change change;
    uint64_t last;

    home_open(&h, _i);
    home_create(&h, kit_header(&h.kit, COVE_DOC_COMAP, &h.group, 2, &other));
    kit_set(&h.kit, &h.doc, "a", 1);
    kit_set(&h.kit, &h.doc, "a", 2);

    struct cove_store_txn *txn = kit_begin(&h.kit, false);

    ck_assert_int_eq(cove_repo_sequence(h.kit.repo, txn, &last), 0);
    ck_assert_int_eq(cove_repo_change_after(h.kit.repo, txn, 0, &change), 0);
    ck_assert_uint_eq(change.num, kit_num(&h.kit, txn, &h.group));
    ck_assert_int_eq(change.class, COVE_CLASS_RIGHTS);
    ck_assert(change.by_peer);
    ck_assert_uint_eq(change.peer, 0);
    ck_assert_int_eq(
        cove_repo_change_after(h.kit.repo, txn, change.sequence, &change), 0);
    ck_assert_uint_eq(change.num, kit_num(&h.kit, txn, &other));
    ck_assert_int_eq(
        cove_repo_change_after(h.kit.repo, txn, change.sequence, &change), 0);
    ck_assert_uint_eq(change.num, kit_num(&h.kit, txn, &h.doc));
    ck_assert_int_eq(change.class, COVE_CLASS_CONTENT);
    ck_assert_uint_eq(change.from, 1);
    ck_assert_uint_eq(change.sequence, last);
    ck_assert_int_eq(cove_repo_change_after(h.kit.repo, txn, last, &change),
                     COVE_ENOTFOUND);
    cove_store_abort(txn);
    kit_close(&h.kit);
}
END_TEST

START_TEST(records_of_upper_layers_are_kept_in_order)
{
    struct home h;
    struct cove_entry entry;
    struct cove_bytes got;

    home_open(&h, _i);

    struct cove_store_txn *txn = kit_begin(&h.kit, true);
    struct cove_repo *repo = h.kit.repo;

    for (int t = COVE_RECORDS_META; t <= COVE_RECORDS_RUNS; t++) {
        enum cove_record_tree tree = (enum cove_record_tree)t;

        ck_assert_int_eq(cove_repo_record_put(repo, txn, tree,
                                              cove_bytes_text("b"),
                                              cove_bytes_text("2")),
                         0);
        ck_assert_int_eq(cove_repo_record_put(repo, txn, tree,
                                              cove_bytes_text("a"),
                                              cove_bytes_text("1")),
                         0);
        ck_assert_int_eq(
            cove_repo_record_next(repo, txn, tree, cove_bytes(NULL, 0), &entry),
            0);
        assert_entry(&entry, "a", "1");
        ck_assert_int_eq(cove_repo_record_next(repo, txn, tree,
                                               cove_bytes_text("a"), &entry),
                         0);
        assert_entry(&entry, "b", "2");
        ck_assert_int_eq(cove_repo_record_next(repo, txn, tree,
                                               cove_bytes_text("b"), &entry),
                         COVE_ENOTFOUND);
        ck_assert_int_eq(
            cove_repo_record_del(repo, txn, tree, cove_bytes_text("a")), 0);
        ck_assert_int_eq(
            cove_repo_record_get(repo, txn, tree, cove_bytes_text("a"), &got),
            COVE_ENOTFOUND);
    }
    kit_commit(txn);
    kit_close(&h.kit);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("repo");
    TCase *both = tcase_create("both stores");

    tcase_set_timeout(both, 60);
#define BOTH(name) tcase_add_loop_test(both, name, 0, FIXTURE_KINDS)
    BOTH(a_store_of_another_device_is_refused);
    BOTH(a_store_of_a_newer_format_is_refused);
    BOTH(a_store_with_foreign_records_is_no_repo);
    BOTH(the_store_id_stays_and_changes_only_with_a_new_session);
    BOTH(a_document_that_exists_is_found_again);
    BOTH(a_document_needs_its_owner_and_a_writers_role);
    BOTH(a_unique_prefix_names_a_document);
    BOTH(documents_are_listed_in_order_and_by_schema);
    BOTH(what_is_written_is_read_also_after_reopening);
    BOTH(several_appends_in_one_transaction_are_one_commit);
    BOTH(an_aborted_epoch_does_not_taint_a_later_one);
    BOTH(epoch_and_auth_stand_only_where_they_change);
    BOTH(a_loop_of_5000_writers_uses_one_session);
    BOTH(a_write_without_the_right_is_refused_by_name);
    BOTH(a_clock_behind_the_last_own_write_is_refused);
    BOTH(a_restored_backup_starts_a_new_session);
    BOTH(more_keys_than_the_limit_are_refused);
    BOTH(an_append_to_an_old_view_of_a_document_is_no_fork);
    BOTH(a_document_changes_once_at_its_last_change);
    BOTH(records_of_upper_layers_are_kept_in_order);
#undef BOTH
    suite_add_tcase(suite, both);
    return harness_run(suite);
}
