/* test_repo.c: documents, own writes, loading, changes, over both stores. */
#include "crdt/repo_internal.h"
#include "tests/unit/repo_kit.h"

#include <sys/wait.h>

/* One device, admin of a group, and a comap in it. */
struct home {
    struct kit kit;
    struct cove_id group;
    struct cove_id doc;
};

static cove_num home_create(struct home *h, struct cove_bytes header)
{
    struct cove_store_txn *txn = kit_begin(&h->kit, true);
    cove_num num = 0;
    int err = cove_repo_create(h->kit.repo, txn, header, &num, &h->kit.diag);

    ck_assert_msg(err == 0, "create: %d %s", err, h->kit.diag.text);
    kit_commit(txn);
    return num;
}

static void home_open(struct home *h, int kind)
{
    kit_open(&h->kit, kind, 1);

    struct kit_member members[] = {{&h->kit, "admin"}};

    home_create(h, kit_group(&h->kit, members, 1, &h->group));
    home_create(h, kit_header(&h->kit, COVE_DOC_COMAP, &h->group, 1, &h->doc));
}

static struct cove_doc home_look(struct home *h)
{
    struct cove_store_txn *txn = kit_begin(&h->kit, false);
    struct cove_doc doc = kit_load(&h->kit, txn, &h->doc);

    cove_store_abort(txn);
    return doc;
}

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
    uint8_t newer[49] = {REPO_FORMAT + 1};

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

/* --- checkpoints */

static void assert_same_state(const struct cove_state *a,
                              const struct cove_state *b)
{
    ck_assert_uint_eq(a->native_count, b->native_count);
    ck_assert_uint_eq(a->copy_count, b->copy_count);
    for (size_t i = 0; i < a->native_count; i++) {
        ck_assert(cove_bytes_equal(a->natives[i].reg, b->natives[i].reg));
        ck_assert(cove_bytes_equal(a->natives[i].value, b->natives[i].value));
        ck_assert_int_eq(
            cove_op_id_compare(&a->natives[i].id, &b->natives[i].id), 0);
    }
    for (size_t i = 0; i < a->copy_count; i++) {
        ck_assert(cove_bytes_equal(a->copies[i].reg, b->copies[i].reg));
        ck_assert(cove_bytes_equal(a->copies[i].value, b->copies[i].value));
        ck_assert_uint_eq(a->copies[i].origin_count, b->copies[i].origin_count);
        for (size_t j = 0; j < a->copies[i].origin_count; j++) {
            ck_assert_int_eq(a->copies[i].origins[j].held,
                             b->copies[i].origins[j].held);
            ck_assert_int_eq(cove_op_id_compare(&a->copies[i].ranked[j]->id,
                                                &b->copies[i].ranked[j]->id),
                             0);
        }
    }
}

START_TEST(a_state_from_its_checkpoint_is_the_state_from_the_log)
{
    struct home h;
    char name[16];

    home_open(&h, _i);
    for (int i = 0; i < 400; i++) {
        snprintf(name, sizeof(name), "field%d", i * 7 % 40);
        kit_set(&h.kit, &h.doc, name, i);
    }

    struct cove_doc with = home_look(&h);
    struct cove_store_txn *txn = kit_begin(&h.kit, true);
    struct cove_place place;

    cove_place_start(&place);
    cove_place_number(&place, with.num);
    ck_assert_int_eq(cove_store_del(txn, REPO_STATES, cove_place_bytes(&place)),
                     0);
    kit_commit(txn);

    struct cove_doc without = home_look(&h);

    ck_assert_uint_eq(with.state.native_count, 40);
    assert_same_state(&with.state, &without.state);
    kit_set(&h.kit, &h.doc, "field0", 1000);
    ck_assert_int_eq(kit_get(&h.kit, &h.doc, "field0"), 1000);
    kit_close(&h.kit);
}
END_TEST

START_TEST(values_longer_than_a_record_part_survive)
{
    struct home h;
    uint8_t *long_text = calloc(1, 50000);

    home_open(&h, _i);
    memset(long_text, 'x', 50000);

    struct cove_store_txn *txn = kit_begin(&h.kit, true);
    struct cove_doc doc = kit_load(&h.kit, txn, &h.doc);

    for (int i = 0; i < 6; i++) {
        char name[16];
        struct cove_tx_op op = {.deleted = false};
        struct cove_tx tx = {.ops = &op, .op_count = 1};

        snprintf(name, sizeof(name), "long%d", i);
        long_text[0] = (uint8_t)('0' + i);
        op.reg = cove_bytes_text(name);
        ck_assert_int_eq(cove_value_of_text(&h.kit.arena,
                                            cove_bytes(long_text, 50000),
                                            &op.value),
                         0);
        ck_assert_int_eq(
            cove_repo_append(h.kit.repo, txn, &doc, &tx, &h.kit.diag), 0);
    }
    kit_commit(txn);
    kit_reopen(&h.kit);
    doc = home_look(&h);
    ck_assert_uint_eq(doc.state.native_count, 6);
    for (size_t i = 0; i < 6; i++) {
        struct cove_bytes text = cove_value_text(doc.state.natives[i].value);

        ck_assert_uint_eq(text.len, 50000);
        ck_assert_uint_eq(text.at[0], '0' + i);
    }
    kit_close(&h.kit);
    free(long_text);
}
END_TEST

START_TEST(clean_is_remembered_until_the_next_op)
{
    struct home h;
    struct cove_hash key = {{1, 2, 3}};
    static const struct cove_hash none;

    home_open(&h, _i);
    kit_set(&h.kit, &h.doc, "a", 1);

    struct cove_store_txn *txn = kit_begin(&h.kit, true);
    struct cove_doc doc = kit_load(&h.kit, txn, &h.doc);
    uint64_t changed = doc.changed;

    ck_assert_int_eq(cove_repo_set_clean(h.kit.repo, txn, &doc, &key), 0);
    kit_commit(txn);
    doc = home_look(&h);
    ck_assert_mem_eq(&doc.clean, &key, sizeof(key));
    ck_assert_uint_eq(doc.changed, changed);
    kit_set(&h.kit, &h.doc, "a", 2);
    doc = home_look(&h);
    ck_assert_mem_eq(&doc.clean, &none, sizeof(none));
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

/* --- damage */

/* Use all that reads a document; whatever it says, it must come back. */
static void damage_look(struct home *h, struct cove_store_txn *txn,
                        const struct cove_doc *sound, unsigned *refused)
{
    struct cove_repo *repo = h->kit.repo;
    struct cove_arena *arena = &h->kit.arena;
    struct cove_doc doc;
    struct cove_batch batch;
    struct cove_change change;
    struct cove_event *events;
    struct cove_id id;
    size_t count;
    int err;

    memset(repo->cache_stamp, 0, sizeof(repo->cache_stamp)); /* no memories */
    for (size_t i = 0; i < sound->session_count; i++) {
        err = cove_repo_read(repo, txn, sound->num, &sound->sessions[i].session,
                             0, 1u << 20, arena, &batch);
        *refused += err != 0;
    }
    err = cove_repo_change_after(repo, txn, 0, &change);
    *refused += err != 0;
    err = cove_repo_resolve(repo, txn, "co_z1", &id, NULL);
    *refused += err != 0 && err != COVE_ENOTFOUND;
    err = cove_history(repo, txn, sound, arena, &events, &count);
    *refused += err != 0;
    err = cove_repo_load(repo, txn, sound->num, arena, &doc, NULL);
    if (err == 0) {
        err = kit_append(&h->kit, txn, &doc, "a", 1);
    }
    *refused += err != 0;
    cove_arena_reset(arena);
}

/* Change each byte of each record in turn. */
static unsigned damage_tree(struct home *h, unsigned tree,
                            const struct cove_doc *sound)
{
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    uint8_t key[COVE_STORE_MAX_KEY];
    uint8_t *value = malloc(COVE_STORE_MAX_VALUE);
    size_t key_len = 0;
    unsigned refused = 0;

    for (;;) {
        struct cove_store_txn *txn = kit_begin(&h->kit, true);
        size_t len;
        int err;

        ck_assert_int_eq(cove_store_cursor_open(txn, tree, &cursor), 0);
        err = cove_store_cursor_seek(cursor, cove_bytes(key, key_len), &entry);
        if (err == 0 && key_len > 0) {
            err = cove_store_cursor_next(cursor, &entry);
        }
        cove_store_cursor_close(cursor);
        if (err != 0) {
            ck_assert_int_eq(err, COVE_ENOTFOUND);
            cove_store_abort(txn);
            break;
        }
        key_len = entry.key.len;
        memcpy(key, entry.key.at, key_len);
        len = entry.value.len;
        memcpy(value, entry.value.at, len);
        cove_store_abort(txn);
        for (size_t i = 0; i < len; i += 1 + len / 400) {
            static const uint8_t flips[] = {0x01, 0x80, 0xff};

            for (size_t f = 0; f < sizeof(flips); f++) {
                txn = kit_begin(&h->kit, true);
                value[i] ^= flips[f];
                ck_assert_int_eq(cove_store_put(txn, tree,
                                                cove_bytes(key, key_len),
                                                cove_bytes(value, len)),
                                 0);
                damage_look(h, txn, sound, &refused);
                value[i] ^= flips[f];
                cove_store_abort(txn);
            }
        }
    }
    free(value);
    return refused;
}

START_TEST(a_damaged_store_is_refused_and_never_crashes)
{
    static const unsigned trees[] = {REPO_META,        REPO_IDS,    REPO_DOCS,
                                     REPO_LOG,         REPO_STATES, REPO_INTERN,
                                     REPO_INTERN_KEYS, REPO_CHANGES};
    struct home h;
    struct cove_arena arena;
    struct cove_doc sound;
    char name[16];

    home_open(&h, FIXTURE_MEMORY);
    for (int i = 0; i < 150; i++) {
        if (i == 140) { /* a second session, its log inline */
            cove_repo_close(h.kit.repo);
            ck_assert_int_eq(kit_open_with(&h.kit, true), 0);
        }
        snprintf(name, sizeof(name), "field %d", i % 12);
        kit_set(&h.kit, &h.doc, name, i);
    }
    cove_arena_init(&arena, &h.kit.heap.alloc);

    struct cove_store_txn *txn = kit_begin(&h.kit, false);

    ck_assert_int_eq(cove_repo_load(h.kit.repo, txn,
                                    kit_num(&h.kit, txn, &h.doc), &arena,
                                    &sound, NULL),
                     0);
    cove_store_abort(txn);
    for (size_t i = 0; i < COVE_ARRAY_LEN(trees); i++) {
        unsigned refused = damage_tree(&h, trees[i], &sound);

        /* A damaged checkpoint is folded anew, or was no worse than that. */
        ck_assert(refused > 0 || trees[i] == REPO_STATES);
    }
    ck_assert_int_eq(kit_get(&h.kit, &h.doc, "field 5"), 149);
    cove_arena_clear(&arena);
    kit_close(&h.kit);
}
END_TEST

/* --- the page */

/* The bytes of a block ```store NAME of docs/FORMAT.md; remarks are left. */
static size_t page_block(const char *name, uint8_t *out, size_t room)
{
    FILE *page = fopen(COVE_SOURCE_ROOT "/docs/FORMAT.md", "r");
    char line[256];
    char start[64];
    bool inside = false;
    size_t digits = 0;

    ck_assert_ptr_nonnull(page);
    snprintf(start, sizeof(start), "```store %s\n", name);
    while (fgets(line, sizeof(line), page) != NULL) {
        if (!inside) {
            inside = strcmp(line, start) == 0;
            continue;
        }
        if (line[0] == '`') {
            break;
        }
        for (const char *at = line; *at != '\0' && *at != ';'; at++) {
            static const char hex[] = "0123456789abcdef";
            const char *digit = strchr(hex, *at);

            if (digit != NULL) {
                ck_assert_uint_lt(digits / 2, room);
                out[digits / 2] =
                    (uint8_t)(out[digits / 2] << 4 | (digit - hex));
                digits++;
            }
        }
    }
    fclose(page);
    ck_assert_uint_gt(digits, 0);
    ck_assert_uint_eq(digits % 2, 0);
    return digits / 2;
}

static void assert_page(struct home *h, unsigned tree, uint64_t num,
                        const char *name)
{
    struct cove_store_txn *txn = kit_begin(&h->kit, false);
    struct cove_place place;
    struct cove_bytes value;
    uint8_t want[1024];
    size_t len = page_block(name, want, sizeof(want));

    cove_place_start(&place);
    cove_place_number(&place, num);
    ck_assert_int_eq(
        cove_store_get(txn, tree, cove_place_bytes(&place), &value), 0);
    ck_assert_uint_eq(value.len, len);
    ck_assert_mem_eq(value.at, want, len);
    cove_store_abort(txn);
}

START_TEST(the_store_holds_what_the_page_shows)
{
    struct home h;

    home_open(&h, _i);
    h.kit.env.now_ms += 1500;
    kit_set(&h.kit, &h.doc, "size", 120);
    h.kit.env.now_ms += 2000;
    kit_set(&h.kit, &h.doc, "size", 130);
    assert_page(&h, REPO_DOCS, 2, "docs");
    assert_page(&h, REPO_INTERN, 1, "shape");
    kit_close(&h.kit);
}
END_TEST

/* --- two processes */

/* Appends `count` times, waiting for its turn each time. */
static void child_run(const char *dir, const struct cove_id *doc, int in,
                      int out, int count)
{
    struct kit k;
    uint8_t seed[32];
    char turn;

    memset(&k, 0, sizeof(k));
    memset(seed, 1, sizeof(seed));
    cove_key_of_seed(seed, &k.secret, &k.device);
    harness_alloc_init(&k.heap, 0);
    harness_env_init(&k.env, (uint64_t)getpid());
    fixture_init(&k.store, FIXTURE_MEMORY);
    k.store.kind = FIXTURE_LMDB;
    snprintf(k.store.dir, sizeof(k.store.dir), "%s", dir);
    k.store.opt.trees = COVE_REPO_TREES;
    if (fixture_open(&k.store) != 0) {
        _exit(2);
    }
    cove_arena_init(&k.arena, &k.heap.alloc);
    if (kit_open_with(&k, false) != 0) {
        _exit(3);
    }
    for (int i = 0; i < count; i++) {
        if (read(in, &turn, 1) != 1) {
            _exit(4);
        }
        if (kit_try_set(&k, doc, "n", i) != 0) {
            _exit(5);
        }
        if (write(out, "x", 1) != 1) {
            _exit(6);
        }
    }
    cove_arena_clear(&k.arena);
    cove_repo_close(k.repo);
    cove_store_close(k.store.store);
    _exit(0);
}

START_TEST(two_processes_append_in_turn_with_one_session)
{
    struct home h;
    struct cove_id doc;
    char dir[sizeof(h.kit.store.dir)];
    int there[2];
    int back[2];
    int status;

    home_open(&h, FIXTURE_LMDB);
    kit_set(&h.kit, &h.doc, "n", -1);
    doc = h.doc;
    memcpy(dir, h.kit.store.dir, sizeof(dir));
    cove_arena_clear(&h.kit.arena);
    cove_repo_close(h.kit.repo);
    cove_store_close(h.kit.store.store);
    ck_assert_int_eq(pipe(there), 0);
    ck_assert_int_eq(pipe(back), 0);

    pid_t first = fork();

    if (first == 0) {
        child_run(dir, &doc, there[0], back[1], 40);
    }

    pid_t second = fork();

    if (second == 0) {
        child_run(dir, &doc, back[0], there[1], 40);
    }
    ck_assert_int_eq(write(there[1], "x", 1), 1);
    ck_assert_int_eq(waitpid(first, &status, 0), first);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(waitpid(second, &status, 0), second);
    ck_assert_int_eq(status, 0);
    for (int i = 0; i < 2; i++) {
        close(there[i]);
        close(back[i]);
    }
    ck_assert_int_eq(fixture_open(&h.kit.store), 0);
    ck_assert_int_eq(kit_open_with(&h.kit, false), 0);

    struct cove_doc loaded = home_look(&h);

    ck_assert_uint_eq(loaded.session_count, 1);
    ck_assert_uint_eq(loaded.sessions[0].len, 81);
    ck_assert_int_eq(kit_value(&loaded, "n"), 39);
    kit_close(&h.kit);
}
END_TEST

/* --- faults */

/* What a step of the fault loops does in one write transaction. */
typedef int fault_step(struct home *h, struct cove_store_txn *txn);

static int fault_create(struct home *h, struct cove_store_txn *txn)
{
    static uint8_t room[COVE_MAX_HEADER];
    struct cove_id id;
    cove_num num;
    long fail_at = h->kit.heap.fail_at;

    h->kit.heap.fail_at = 0;

    struct cove_bytes header =
        kit_header(&h->kit, COVE_DOC_COMAP, &h->group, 99, &id);

    memcpy(room, header.at, header.len);
    h->kit.heap.calls = 0;
    h->kit.heap.fail_at = fail_at;
    return cove_repo_create(h->kit.repo, txn, cove_bytes(room, header.len),
                            &num, &h->kit.diag);
}

static int fault_append(struct home *h, struct cove_store_txn *txn)
{
    struct cove_arena arena;
    struct cove_doc doc;
    cove_num num;
    uint8_t one[] = {1};
    struct cove_tx_op op = {.reg = cove_bytes_text("a"),
                            .value = cove_bytes(one, 1)};
    struct cove_tx tx = {.ops = &op, .op_count = 1, .has_epoch = true};

    cove_arena_init(&arena, &h->kit.heap.alloc);

    int err = cove_repo_find(h->kit.repo, txn, &h->doc, &num);

    if (err == 0) {
        err = cove_repo_load(h->kit.repo, txn, num, &arena, &doc, NULL);
    }
    for (int i = 0; i < 12 && err == 0; i++) {
        tx.epoch.b[0] = (uint8_t)i;
        err = cove_repo_append(h->kit.repo, txn, &doc, &tx, NULL);
    }
    cove_arena_clear(&arena);
    return err;
}

static int fault_once(struct home *h, fault_step *step,
                      struct fixture_fault *fault)
{
    struct cove_store_txn *txn;
    int err;

    if (fault != NULL) {
        cove_store_set_fault(h->kit.store.store, fixture_hook, fault);
    }
    err = cove_store_begin(h->kit.store.store, true, &txn);
    if (err == 0) {
        err = step(h, txn);
        if (err == 0) {
            err = cove_store_commit(txn);
        } else {
            cove_store_abort(txn);
        }
    }
    cove_store_set_fault(h->kit.store.store, NULL, NULL);
    return err;
}

static void fault_loop(int kind, fault_step *step, bool of_store)
{
    for (long n = 1;; n++) {
        struct home h;
        struct fixture_fault fault = {.fail_at = n, .code = COVE_ENOSPC};

        home_open(&h, kind);
        kit_set(&h.kit, &h.doc, "a", 5);

        struct cove_hash before = kit_digest(&h.kit, &h.doc);
        struct cove_store_txn *txn = kit_begin(&h.kit, false);
        uint64_t sequence;
        uint64_t after;

        ck_assert_int_eq(cove_repo_sequence(h.kit.repo, txn, &sequence), 0);
        cove_store_abort(txn);
        h.kit.heap.calls = 0;
        h.kit.heap.fail_at = of_store ? 0 : n;

        int err = fault_once(&h, step, of_store ? &fault : NULL);
        bool failed = (of_store ? fault.calls : h.kit.heap.calls) >= n;

        h.kit.heap.fail_at = 0;
        if (err == 0) { /* nothing failed, or it could do without */
            kit_close(&h.kit);
            if (failed) {
                continue;
            }
            ck_assert_int_gt(n, 3);
            return;
        }
        ck_assert_int_eq(err, of_store ? COVE_ENOSPC : COVE_ENOMEM);

        struct cove_hash held = kit_digest(&h.kit, &h.doc);

        ck_assert_mem_eq(&before, &held, sizeof(held));
        txn = kit_begin(&h.kit, false);
        ck_assert_int_eq(cove_repo_sequence(h.kit.repo, txn, &after), 0);
        cove_store_abort(txn);
        ck_assert_uint_eq(sequence, after);
        ck_assert_int_eq(kit_get(&h.kit, &h.doc, "a"), 5);
        kit_set(&h.kit, &h.doc, "a", 6);
        kit_close(&h.kit);
    }
}

START_TEST(a_failed_create_changes_nothing)
{
    fault_loop(FIXTURE_MEMORY, fault_create, false);
    fault_loop(FIXTURE_MEMORY, fault_create, true);
}
END_TEST

START_TEST(a_failed_append_changes_nothing)
{
    fault_loop(FIXTURE_MEMORY, fault_append, false);
    fault_loop(FIXTURE_MEMORY, fault_append, true);
}
END_TEST

START_TEST(a_failed_load_gives_its_code_and_succeeds_later)
{
    struct home h;
    char name[16];

    home_open(&h, FIXTURE_MEMORY);
    for (int i = 0; i < 60; i++) {
        snprintf(name, sizeof(name), "f%d", i);
        kit_set(&h.kit, &h.doc, name, i);
    }
    for (int of_store = 0; of_store < 2; of_store++) {
        for (long n = 1;; n++) {
            struct cove_store_txn *txn = kit_begin(&h.kit, false);
            struct fixture_fault fault = {.fail_at = n, .code = COVE_EIO};
            cove_num num = kit_num(&h.kit, txn, &h.doc);
            struct cove_arena arena;
            struct cove_doc doc;

            cove_arena_init(&arena, &h.kit.heap.alloc);
            h.kit.heap.calls = 0;
            h.kit.heap.fail_at = of_store ? 0 : n;
            if (of_store) {
                cove_store_set_fault(h.kit.store.store, fixture_hook, &fault);
            }

            int err = cove_repo_load(h.kit.repo, txn, num, &arena, &doc, NULL);

            h.kit.heap.fail_at = 0;
            cove_store_set_fault(h.kit.store.store, NULL, NULL);
            if (err == 0) {
                ck_assert_uint_eq(doc.state.native_count, 60);
            }
            cove_arena_clear(&arena);
            cove_store_abort(txn);
            if (err != 0) {
                ck_assert_int_eq(err, of_store ? COVE_EIO : COVE_ENOMEM);
            } else if ((of_store ? fault.calls : h.kit.heap.calls) < n) {
                break;
            }
        }
    }
    kit_close(&h.kit);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("repo");
    TCase *both = tcase_create("both stores");
    TCase *one = tcase_create("one store");

    tcase_set_timeout(both, 60);
    tcase_set_timeout(one, 60);
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
    BOTH(a_state_from_its_checkpoint_is_the_state_from_the_log);
    BOTH(values_longer_than_a_record_part_survive);
    BOTH(clean_is_remembered_until_the_next_op);
    BOTH(a_document_changes_once_at_its_last_change);
    BOTH(records_of_upper_layers_are_kept_in_order);
    BOTH(the_store_holds_what_the_page_shows);
#undef BOTH
    tcase_add_test(one, two_processes_append_in_turn_with_one_session);
    tcase_add_test(one, a_damaged_store_is_refused_and_never_crashes);
    tcase_add_test(one, a_failed_create_changes_nothing);
    tcase_add_test(one, a_failed_append_changes_nothing);
    tcase_add_test(one, a_failed_load_gives_its_code_and_succeeds_later);
    suite_add_tcase(suite, both);
    suite_add_tcase(suite, one);
    return harness_run(suite);
}
