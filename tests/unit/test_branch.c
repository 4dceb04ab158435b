/* test_branch.c: branches: what they show, merging them, in whatever order
 * things arrive. */
#include "crdt/branch.h"
#include "crdt/repo_upkeep.h"
#include "tests/unit/text_kit.h"

enum { ALICE, BOB, CAROL, KITS };

struct world {
    struct kit kits[KITS];
    struct cove_id group;
    struct cove_id text, map;
    struct cove_buf headers[3];
    uint64_t seed;
};

static void world_take(struct world *w, struct kit *k)
{
    kit_take_header(k, &w->group, cove_buf_bytes(&w->headers[0]));
    kit_take_header(k, &w->text, cove_buf_bytes(&w->headers[1]));
    kit_take_header(k, &w->map, cove_buf_bytes(&w->headers[2]));
}

/* It outlives the kit that made it. */
static void world_header(struct world *w, int i, struct cove_bytes header)
{
    cove_buf_init(&w->headers[i], &cove_alloc_libc);
    ck_assert_int_eq(cove_buf_append(&w->headers[i], header), 0);
}

/* Alice is admin, bob and carol are writers. */
static void world_open(struct world *w, int kind)
{
    for (int i = 0; i < KITS; i++) {
        kit_open(&w->kits[i], kind, (uint8_t)(i + 1));
    }

    struct kit_member members[] = {{&w->kits[ALICE], "admin"},
                                   {&w->kits[BOB], "writer"},
                                   {&w->kits[CAROL], "writer"}};
    struct kit *k = &w->kits[ALICE];

    world_header(w, 0, kit_group(k, members, KITS, &w->group));
    world_header(w, 1, kit_header(k, COVE_DOC_COTEXT, &w->group, 2, &w->text));
    world_header(w, 2, kit_header(k, COVE_DOC_COMAP, &w->group, 4, &w->map));
    for (int i = 0; i < KITS; i++) {
        world_take(w, &w->kits[i]);
    }
}

static void world_close(struct world *w)
{
    for (int i = 0; i < KITS; i++) {
        kit_close(&w->kits[i]);
        cove_buf_clear(&w->headers[i]);
    }
}

static void world_tick(struct world *w)
{
    for (int i = 0; i < KITS; i++) {
        w->kits[i].env.now_ms += 1000;
    }
}

static void world_type(struct world *w, int who,
                       const struct cove_session_id *branch, size_t at,
                       size_t remove, const char *text)
{
    world_tick(w);
    kit_type(&w->kits[who], &w->text, branch, at, remove, text);
}

static void world_sync(struct world *w, int from, int to)
{
    kit_sync(&w->kits[from], &w->kits[to], &w->text);
}

#define assert_text(w, who, branch, expected)                                  \
    ck_assert_str_eq(kit_text(&(w)->kits[who], &(w)->text, branch), expected)

/* --- what is shown */

START_TEST(a_branch_shows_the_document_as_it_was_and_what_is_written_to_it)
{
    struct world w;
    struct cove_session_id draft;

    world_open(&w, FIXTURE_MEMORY);
    world_type(&w, ALICE, &kit_main, 0, 0, "one");
    draft = kit_branch(&w.kits[ALICE], &w.text, &kit_main, "draft");
    world_type(&w, ALICE, &kit_main, 3, 0, " two");
    world_type(&w, ALICE, &draft, 3, 0, "!");
    assert_text(&w, ALICE, &kit_main, "one two");
    assert_text(&w, ALICE, &draft, "one!");
    world_close(&w);
}
END_TEST

START_TEST(peers_show_the_document_without_a_branch_until_it_is_merged)
{
    struct world w;
    struct cove_session_id draft;

    world_open(&w, FIXTURE_MEMORY);
    world_type(&w, ALICE, &kit_main, 0, 0, "one");
    draft = kit_branch(&w.kits[ALICE], &w.text, &kit_main, "draft");
    world_type(&w, ALICE, &draft, 3, 0, "!");
    world_sync(&w, ALICE, BOB);
    assert_text(&w, BOB, &kit_main, "one");
    assert_text(&w, BOB, &draft, "one!");
    ck_assert_uint_eq(kit_merge(&w.kits[ALICE], &w.text, &kit_main, &draft), 1);
    world_sync(&w, ALICE, BOB);
    assert_text(&w, ALICE, &kit_main, "one!");
    assert_text(&w, BOB, &kit_main, "one!");
    world_close(&w);
}
END_TEST

START_TEST(what_is_written_to_a_branch_behind_its_merge_waits_for_the_next)
{
    struct world w;
    struct cove_session_id draft;

    world_open(&w, FIXTURE_MEMORY);
    draft = kit_branch(&w.kits[ALICE], &w.text, &kit_main, "draft");
    world_type(&w, ALICE, &draft, 0, 0, "a");
    kit_merge(&w.kits[ALICE], &w.text, &kit_main, &draft);
    world_type(&w, ALICE, &draft, 1, 0, "b");
    assert_text(&w, ALICE, &kit_main, "a");
    assert_text(&w, ALICE, &draft, "ab");
    ck_assert_uint_eq(kit_merge(&w.kits[ALICE], &w.text, &kit_main, &draft), 1);
    assert_text(&w, ALICE, &kit_main, "ab");
    world_close(&w);
}
END_TEST

START_TEST(others_write_to_a_branch_and_it_takes_in_the_document)
{
    struct world w;
    struct cove_session_id draft;

    world_open(&w, FIXTURE_MEMORY);
    world_type(&w, ALICE, &kit_main, 0, 0, "mid");
    draft = kit_branch(&w.kits[ALICE], &w.text, &kit_main, "draft");
    world_sync(&w, ALICE, BOB);
    world_type(&w, BOB, &draft, 3, 0, " end");
    world_type(&w, BOB, &kit_main, 0, 0, "begin ");
    assert_text(&w, BOB, &draft, "mid end");
    kit_merge(&w.kits[BOB], &w.text, &draft, &kit_main);
    assert_text(&w, BOB, &draft, "begin mid end");
    assert_text(&w, BOB, &kit_main, "begin mid");
    world_sync(&w, BOB, ALICE);
    assert_text(&w, ALICE, &draft, "begin mid end");
    assert_text(&w, ALICE, &kit_main, "begin mid");
    world_close(&w);
}
END_TEST

START_TEST(a_branch_is_begun_and_merged_among_many_writes)
{
    struct world w;
    struct kit *k;
    struct cove_session_id draft = kit_main;
    uint64_t merged = 0;

    world_open(&w, FIXTURE_MEMORY);
    k = &w.kits[ALICE];

    struct cove_store_txn *txn = kit_begin(k, true);
    struct cove_doc doc = kit_load(k, txn, &w.text);
    struct cove_doc branch;

    for (int i = 0; i < 6; i++) {
        ck_assert_int_eq(kit_edit(k, txn, &doc, (size_t)i, 0, "m"), 0);
    }
    ck_assert_int_eq(cove_repo_branch(k->repo, txn, &doc, cove_bytes_text("d"),
                                      &draft, &k->diag),
                     0);
    branch = kit_load_at(k, txn, &w.text, &draft);
    for (int i = 0; i < 6; i++) {
        ck_assert_int_eq(kit_edit(k, txn, &branch, 0, 0, "d"), 0);
        if (i > 2) {
            doc = kit_load(k, txn, &w.text);
            ck_assert_int_eq(kit_edit(k, txn, &doc, 0, 0, "m"), 0);
        }
        branch = kit_load_at(k, txn, &w.text, &draft);
    }
    ck_assert_int_eq(
        cove_repo_merge(k->repo, txn, &doc, &draft, &merged, &k->diag), 0);
    ck_assert_uint_eq(merged, 6);
    ck_assert_int_eq(kit_edit(k, txn, &doc, 0, 0, "e"), 0);
    kit_commit(txn);
    ck_assert_uint_eq(strlen(kit_text(k, &w.text, &kit_main)), 16);
    assert_text(&w, ALICE, &draft, "ddddddmmmmmm");
    kit_reopen(k);
    ck_assert_uint_eq(strlen(kit_text(k, &w.text, &kit_main)), 16);
    world_close(&w);
}
END_TEST

START_TEST(a_branch_of_a_branch_brings_both_along)
{
    struct world w;
    struct cove_session_id one;
    struct cove_session_id two;

    world_open(&w, FIXTURE_MEMORY);
    world_type(&w, ALICE, &kit_main, 0, 0, "m");
    one = kit_branch(&w.kits[ALICE], &w.text, &kit_main, "one");
    world_type(&w, ALICE, &one, 1, 0, "1");
    two = kit_branch(&w.kits[ALICE], &w.text, &one, "two");
    world_type(&w, ALICE, &two, 2, 0, "2");
    world_type(&w, ALICE, &one, 2, 0, "x");
    assert_text(&w, ALICE, &two, "m12");
    kit_merge(&w.kits[ALICE], &w.text, &kit_main, &two);
    assert_text(&w, ALICE, &kit_main, "m12");
    world_sync(&w, ALICE, BOB);
    assert_text(&w, BOB, &kit_main, "m12");
    assert_text(&w, BOB, &one, "m1x");
    world_close(&w);
}
END_TEST

START_TEST(registers_of_a_branch_show_when_it_is_merged)
{
    struct world w;
    struct kit *k;
    struct cove_session_id draft;
    struct cove_store_txn *txn;
    struct cove_doc doc;

    world_open(&w, FIXTURE_MEMORY);
    k = &w.kits[ALICE];
    kit_set(k, &w.map, "a", 1);
    draft = kit_branch(k, &w.map, &kit_main, "draft");
    world_tick(&w);
    txn = kit_begin(k, true);
    doc = kit_load_at(k, txn, &w.map, &draft);
    ck_assert_int_eq(kit_append(k, txn, &doc, "a", 2), 0);
    ck_assert_int_eq(kit_value(&doc, "a"), 2);
    kit_commit(txn);
    ck_assert_int_eq(kit_get(k, &w.map, "a"), 1);
    kit_merge(k, &w.map, &kit_main, &draft);
    ck_assert_int_eq(kit_get(k, &w.map, "a"), 2);
    world_close(&w);
}
END_TEST

/* --- merging */

START_TEST(merging_what_is_merged_writes_nothing)
{
    struct world w;
    struct cove_session_id draft;

    world_open(&w, FIXTURE_MEMORY);
    draft = kit_branch(&w.kits[ALICE], &w.text, &kit_main, "draft");
    world_type(&w, ALICE, &draft, 0, 0, "a");
    kit_merge(&w.kits[ALICE], &w.text, &kit_main, &draft);

    struct cove_hash before = kit_digest(&w.kits[ALICE], &w.text);

    ck_assert_uint_eq(kit_merge(&w.kits[ALICE], &w.text, &kit_main, &draft), 0);

    struct cove_hash after = kit_digest(&w.kits[ALICE], &w.text);

    ck_assert_mem_eq(&before, &after, sizeof(before));
    world_close(&w);
}
END_TEST

START_TEST(two_devices_that_merge_one_branch_show_it_once)
{
    struct world w;
    struct cove_session_id draft;

    world_open(&w, FIXTURE_MEMORY);
    draft = kit_branch(&w.kits[ALICE], &w.text, &kit_main, "draft");
    world_type(&w, ALICE, &draft, 0, 0, "a");
    world_sync(&w, ALICE, BOB);
    kit_merge(&w.kits[ALICE], &w.text, &kit_main, &draft);
    kit_merge(&w.kits[BOB], &w.text, &kit_main, &draft);
    world_sync(&w, ALICE, BOB);
    world_sync(&w, BOB, ALICE);
    assert_text(&w, ALICE, &kit_main, "a");
    assert_text(&w, BOB, &kit_main, "a");

    struct cove_hash alice = kit_digest(&w.kits[ALICE], &w.text);
    struct cove_hash bob = kit_digest(&w.kits[BOB], &w.text);

    ck_assert_mem_eq(&alice, &bob, sizeof(alice));
    world_close(&w);
}
END_TEST

/* One session of a document, the whole of it. */
static void sync_session(struct kit *from, struct kit *to,
                         const struct cove_id *id,
                         const struct cove_doc_session *session)
{
    struct cove_ingest_result result = {.have = 0};

    while (result.have < session->len) {
        struct cove_batch batch;

        ck_assert_int_eq(
            kit_read(from, id, &session->session, result.have, 60000, &batch),
            0);
        ck_assert_int_eq(kit_ingest(to, &batch, 1, &result), 0);
    }
}

START_TEST(a_merge_that_comes_before_the_branch_shows_it_when_it_comes)
{
    struct world w;
    struct cove_session_id draft;
    struct cove_doc doc;

    world_open(&w, FIXTURE_MEMORY);
    world_type(&w, ALICE, &kit_main, 0, 0, "m");
    draft = kit_branch(&w.kits[ALICE], &w.text, &kit_main, "draft");
    world_type(&w, ALICE, &draft, 1, 0, "d");
    world_sync(&w, ALICE, BOB);
    kit_merge(&w.kits[BOB], &w.text, &kit_main, &draft);

    struct cove_store_txn *txn = kit_begin(&w.kits[BOB], false);

    doc = kit_load(&w.kits[BOB], txn, &w.text);
    cove_store_abort(txn);
    for (int i = 0; i < 2; i++) { /* bob's session first, then alice's two */
        for (size_t s = 0; s < doc.session_count; s++) {
            bool bobs = memcmp(&doc.sessions[s].device, &w.kits[BOB].device,
                               sizeof(struct cove_key)) == 0;

            if (bobs == (i == 0)) {
                sync_session(&w.kits[BOB], &w.kits[CAROL], &w.text,
                             &doc.sessions[s]);
            }
        }
        assert_text(&w, CAROL, &kit_main, i == 0 ? "" : "md");
    }
    world_close(&w);
}
END_TEST

START_TEST(a_branch_is_not_merged_into_itself)
{
    struct world w;
    struct kit *k;
    struct cove_session_id draft;
    uint64_t merged;

    world_open(&w, FIXTURE_MEMORY);
    k = &w.kits[ALICE];
    draft = kit_branch(k, &w.text, &kit_main, "draft");

    struct cove_store_txn *txn = kit_begin(k, true);
    struct cove_doc doc = kit_load_at(k, txn, &w.text, &draft);

    ck_assert_int_eq(
        cove_repo_merge(k->repo, txn, &doc, &draft, &merged, &k->diag),
        COVE_EUSAGE);
    doc = kit_load(k, txn, &w.text);
    ck_assert_int_eq(
        cove_repo_merge(k->repo, txn, &doc, &kit_main, &merged, &k->diag),
        COVE_EUSAGE);
    draft.b[0] ^= 1;
    ck_assert_int_eq(
        cove_repo_merge(k->repo, txn, &doc, &draft, &merged, &k->diag),
        COVE_ENOTFOUND);
    cove_store_abort(txn);
    world_close(&w);
}
END_TEST

/* --- names */

static int try_branch(struct world *w, int who, const struct cove_id *id,
                      struct cove_bytes name)
{
    struct kit *k = &w->kits[who];
    struct cove_store_txn *txn = kit_begin(k, true);
    struct cove_doc doc = kit_load(k, txn, id);
    struct cove_session_id branch;
    int err = cove_repo_branch(k->repo, txn, &doc, name, &branch, &k->diag);

    cove_store_abort(txn);
    return err;
}

static int try_find(struct world *w, int who, const char *name,
                    struct cove_session_id *out)
{
    struct kit *k = &w->kits[who];
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_doc doc = kit_load(k, txn, &w->text);
    int err = cove_repo_branch_find(k->repo, txn, &doc, cove_bytes_text(name),
                                    out, &k->diag);

    cove_store_abort(txn);
    return err;
}

START_TEST(a_branch_has_a_name_of_255_bytes_at_most_without_control_characters)
{
    struct world w;
    char name[257];

    world_open(&w, FIXTURE_MEMORY);
    memset(name, 'n', sizeof(name));
    ck_assert_int_eq(try_branch(&w, ALICE, &w.text, cove_bytes(name, 255)), 0);
    ck_assert_int_eq(try_branch(&w, ALICE, &w.text, cove_bytes(name, 256)),
                     COVE_EUSAGE);
    ck_assert_int_eq(try_branch(&w, ALICE, &w.text, cove_bytes(name, 0)),
                     COVE_EUSAGE);
    ck_assert_int_eq(try_branch(&w, ALICE, &w.text, cove_bytes_text("a\nb")),
                     COVE_EUSAGE);
    ck_assert_int_eq(
        try_branch(&w, ALICE, &w.text, cove_bytes_text("a\xc2\x85")),
        COVE_EUSAGE);
    ck_assert_int_eq(try_branch(&w, ALICE, &w.text, cove_bytes_text("a\xff")),
                     COVE_EUSAGE);
    ck_assert_int_eq(try_branch(&w, ALICE, &w.text, cove_bytes_text("#1")),
                     COVE_EUSAGE);
    ck_assert_int_eq(
        try_branch(&w, ALICE, &w.text, cove_bytes_text("\xc3\xa4 b#")), 0);
    world_close(&w);
}
END_TEST

START_TEST(a_group_has_no_branches)
{
    struct world w;

    world_open(&w, FIXTURE_MEMORY);
    ck_assert_int_eq(try_branch(&w, ALICE, &w.group, cove_bytes_text("draft")),
                     COVE_ETYPE);
    world_close(&w);
}
END_TEST

START_TEST(one_document_has_no_two_branches_of_a_name_by_one_device)
{
    struct world w;

    world_open(&w, FIXTURE_MEMORY);
    kit_branch(&w.kits[ALICE], &w.text, &kit_main, "draft");
    ck_assert_int_eq(try_branch(&w, ALICE, &w.text, cove_bytes_text("draft")),
                     COVE_EEXIST);
    ck_assert_int_eq(try_branch(&w, ALICE, &w.map, cove_bytes_text("draft")),
                     0);
    world_close(&w);
}
END_TEST

START_TEST(equal_names_by_two_devices_are_told_apart_by_their_digits)
{
    struct world w;
    struct cove_session_id alice;
    struct cove_session_id bob;
    struct cove_session_id found;
    char digits[COVE_HEX_LEN(16) + 1] = "#";

    world_open(&w, FIXTURE_MEMORY);
    alice = kit_branch(&w.kits[ALICE], &w.text, &kit_main, "draft");
    bob = kit_branch(&w.kits[BOB], &w.text, &kit_main, "draft");
    ck_assert_int_eq(try_find(&w, ALICE, "draft", &found), 0);
    ck_assert_mem_eq(&found, &alice, sizeof(found));
    world_sync(&w, BOB, ALICE);
    ck_assert_int_eq(try_find(&w, ALICE, "draft", &found), COVE_EAMBIGUOUS);
    cove_hex(cove_bytes(bob.b, 16), digits + 1);
    ck_assert_ptr_nonnull(strstr(w.kits[ALICE].diag.text, "#"));
    ck_assert_int_eq(try_find(&w, ALICE, digits, &found), 0);
    ck_assert_mem_eq(&found, &bob, sizeof(found));
    digits[9] = '\0';
    ck_assert_int_eq(try_find(&w, ALICE, digits, &found), 0);
    ck_assert_mem_eq(&found, &bob, sizeof(found));
    ck_assert_int_eq(try_find(&w, ALICE, "#", &found), COVE_ENOTFOUND);
    ck_assert_int_eq(try_find(&w, ALICE, "#zz", &found), COVE_ENOTFOUND);
    ck_assert_int_eq(try_find(&w, ALICE, "other", &found), COVE_ENOTFOUND);
    world_close(&w);
}
END_TEST

START_TEST(the_list_says_who_began_a_branch_and_how_far_it_is_from_the_document)
{
    struct world w;
    struct kit *k;
    struct cove_session_id draft;
    struct cove_doc_branch *branches;
    size_t count;

    world_open(&w, FIXTURE_MEMORY);
    k = &w.kits[ALICE];
    world_type(&w, ALICE, &kit_main, 0, 0, "m");
    draft = kit_branch(k, &w.text, &kit_main, "draft");
    kit_branch(k, &w.text, &kit_main, "a");
    world_sync(&w, ALICE, BOB);
    world_type(&w, BOB, &draft, 1, 0, "1");
    world_type(&w, BOB, &draft, 2, 0, "2");
    world_type(&w, BOB, &kit_main, 0, 0, "3");
    world_sync(&w, BOB, ALICE);

    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_doc doc = kit_load(k, txn, &w.text);

    ck_assert_int_eq(
        cove_repo_branches(k->repo, txn, &doc, &k->arena, &branches, &count),
        0);
    ck_assert_uint_eq(count, 2);
    ck_assert_mem_eq(branches[0].name.at, "a", 1);
    ck_assert_uint_eq(branches[0].ahead, 0);
    ck_assert_uint_eq(branches[0].behind, 1);
    ck_assert_mem_eq(&branches[1].id, &draft, sizeof(draft));
    ck_assert_mem_eq(&branches[1].author, &k->device, sizeof(k->device));
    ck_assert_uint_eq(branches[1].ahead, 2);
    ck_assert_uint_eq(branches[1].behind, 1);
    ck_assert_uint_gt(branches[1].hlc, cove_hlc_of_ms(1750000000000));
    cove_store_abort(txn);
    world_close(&w);
}
END_TEST

/* --- against a fold from nothing */

#define BRANCHES 4

/* Who never saw any of it until now takes in all of it at once. */
static void assert_folds_anew(struct world *w, int who,
                              const struct cove_session_id *branches,
                              size_t count)
{
    struct kit fresh;

    kit_open(&fresh, FIXTURE_MEMORY, 9);
    fresh.env.now_ms = w->kits[who].env.now_ms;
    world_take(w, &fresh);
    kit_sync(&w->kits[who], &fresh, &w->text);
    for (size_t i = 0; i < count; i++) {
        ck_assert_str_eq(kit_text(&w->kits[who], &w->text, &branches[i]),
                         kit_text(&fresh, &w->text, &branches[i]));
    }

    struct cove_hash a = kit_digest(&w->kits[who], &w->text);
    struct cove_hash b = kit_digest(&fresh, &w->text);

    ck_assert_mem_eq(&a, &b, sizeof(a));
    kit_close(&fresh);
}

/* Long enough that checkpoints are written all the time. */
START_TEST(checkpoints_are_right_behind_every_merge)
{
    struct world w;
    struct cove_session_id views[2] = {kit_main};
    char line[1200];

    world_open(&w, FIXTURE_LMDB);
    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\0';
    world_type(&w, ALICE, &kit_main, 0, 0, line);
    views[1] = kit_branch(&w.kits[ALICE], &w.text, &kit_main, "draft");
    for (int i = 0; i < 6; i++) {
        line[0] = (char)('a' + i);
        world_type(&w, ALICE, &views[1], 0, 0, line);
        kit_reopen(&w.kits[ALICE]);
        if (i % 2 == 1) {
            kit_merge(&w.kits[ALICE], &w.text, &kit_main, &views[1]);
            kit_reopen(&w.kits[ALICE]);
        }
        world_type(&w, ALICE, &kit_main, 0, 0, line + 600);
        world_sync(&w, ALICE, BOB);
        kit_reopen(&w.kits[ALICE]);
        assert_folds_anew(&w, ALICE, views, 2);
        assert_folds_anew(&w, BOB, views, 2);
    }
    world_close(&w);
}
END_TEST

static uint32_t world_random(struct world *w, uint32_t below)
{
    w->seed = w->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(w->seed >> 33) % below;
}

/* The branches a device knows of, the document itself first. */
static size_t world_branches(struct world *w, int who,
                             struct cove_session_id *out)
{
    struct kit *k = &w->kits[who];
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_doc doc = kit_load(k, txn, &w->text);
    struct cove_doc_branch *branches;
    size_t count;

    ck_assert_int_eq(
        cove_repo_branches(k->repo, txn, &doc, &k->arena, &branches, &count),
        0);
    cove_store_abort(txn);
    out[0] = kit_main;
    for (size_t i = 0; i < count; i++) {
        out[i + 1] = branches[i].id;
    }
    return count + 1;
}

/* Give one session, whole or up to a point. */
static void world_give(struct world *w, int from, int to)
{
    struct kit *k = &w->kits[from];
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_doc doc = kit_load(k, txn, &w->text);

    cove_store_abort(txn);
    if (doc.session_count > 0) {
        uint32_t i = world_random(w, (uint32_t)doc.session_count);

        sync_session(k, &w->kits[to], &w->text, &doc.sessions[i]);
    }
}

static void world_step(struct world *w, int who)
{
    struct cove_session_id views[64];
    size_t count = world_branches(w, who, views);
    const struct cove_session_id *a = &views[world_random(w, (uint32_t)count)];
    const struct cove_session_id *b = &views[world_random(w, (uint32_t)count)];
    size_t len = strlen(kit_text(&w->kits[who], &w->text, a));
    size_t at = world_random(w, (uint32_t)len + 1);
    size_t remove = world_random(w, 3);
    char text[8];

    world_tick(w);
    switch (world_random(w, 8)) {
    case 0:
        if (count < BRANCHES) {
            snprintf(text, sizeof(text), "b%u", world_random(w, 100000));
            kit_branch(&w->kits[who], &w->text, a, text);
        }
        break;
    case 1:
        if (a != b) {
            kit_merge(&w->kits[who], &w->text, a, b);
        }
        break;
    case 2:
        kit_reopen(&w->kits[who]);
        break;
    case 3:
    case 4:
        world_give(w, who, (who + 1 + (int)world_random(w, 2)) % KITS);
        break;
    default:
        snprintf(text, sizeof(text), "%u", world_random(w, 1000));
        kit_type(&w->kits[who], &w->text, a, at,
                 at + remove <= len ? remove : 0, text);
    }
}

START_TEST(branches_merges_and_deliveries_in_any_order_show_the_same)
{
    struct world w;
    struct cove_session_id views[64];

    w.seed = (uint64_t)_i + 1;
    world_open(&w, _i % 4 == 0 ? FIXTURE_LMDB : FIXTURE_MEMORY);
    for (int i = 0; i < 60; i++) {
        world_step(&w, (int)world_random(&w, KITS));
    }
    for (int i = 0; i < 2 * KITS; i++) {
        world_sync(&w, i % KITS, (i + 1) % KITS);
    }

    size_t count = world_branches(&w, ALICE, views);

    for (int who = 0; who < KITS; who++) {
        ck_assert_uint_eq(world_branches(&w, who, views), count);
        for (size_t i = 0; i < count; i++) {
            ck_assert_str_eq(kit_text(&w.kits[who], &w.text, &views[i]),
                             kit_text(&w.kits[ALICE], &w.text, &views[i]));
        }
        assert_folds_anew(&w, who, views, count);
        kit_reopen(&w.kits[who]);
        assert_folds_anew(&w, who, views, count);
    }
    world_close(&w);
}
END_TEST

/* --- a frontier */

START_TEST(a_frontier_shows_again_what_was_shown)
{
    struct world w;
    struct kit *k;
    struct cove_session_id draft;
    struct cove_reach *points;
    struct cove_state state;
    size_t count;

    world_open(&w, FIXTURE_MEMORY);
    k = &w.kits[ALICE];
    world_type(&w, ALICE, &kit_main, 0, 0, "m");
    draft = kit_branch(k, &w.text, &kit_main, "draft");
    world_type(&w, ALICE, &draft, 1, 0, "d");

    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_doc doc = kit_load_at(k, txn, &w.text, &draft);

    ck_assert_int_eq(
        cove_repo_frontier(k->repo, txn, &doc, &k->arena, &points, &count), 0);
    cove_store_abort(txn);
    world_type(&w, ALICE, &draft, 0, 2, "later");
    kit_merge(k, &w.text, &kit_main, &draft);
    txn = kit_begin(k, false);
    doc = kit_load(k, txn, &w.text);
    ck_assert_int_eq(cove_repo_state_of(k->repo, txn, &doc, points, count,
                                        &k->arena, &state, &k->diag),
                     0);
    ck_assert_str_eq(kit_text_of(k, state.seq), "md");
    cove_repo_state_done(k->repo, &state);
    cove_store_abort(txn);
    world_close(&w);
}
END_TEST

/* --- memory */

START_TEST(a_branch_is_begun_and_merged_wholly_or_not_at_all)
{
    struct world w;
    struct kit *k;
    bool done = false;

    world_open(&w, FIXTURE_MEMORY);
    k = &w.kits[ALICE];
    world_type(&w, ALICE, &kit_main, 0, 0, "m");
    for (long fail = 1; !done; fail++) {
        struct cove_store_txn *txn = kit_begin(k, true);
        struct cove_doc doc = kit_load(k, txn, &w.text);
        struct cove_session_id branch;
        uint64_t merged = 0;

        k->heap.calls = 0;
        k->heap.fail_at = fail;

        int err = cove_repo_branch(k->repo, txn, &doc, cove_bytes_text("d"),
                                   &branch, &k->diag);

        if (err == 0) {
            doc = (struct cove_doc){.num = doc.num, .branch = branch};
            err = cove_repo_load_branch(k->repo, txn, doc.num, &branch,
                                        &k->arena, &doc, &k->diag);
        }
        if (err == 0) {
            err = kit_edit(k, txn, &doc, 1, 0, "d");
        }
        if (err == 0) {
            err = cove_repo_load(k->repo, txn, doc.num, &k->arena, &doc,
                                 &k->diag);
        }
        if (err == 0) {
            err =
                cove_repo_merge(k->repo, txn, &doc, &branch, &merged, &k->diag);
        }
        done = k->heap.calls < fail;
        k->heap.fail_at = 0;
        ck_assert(err == 0 || (err == COVE_ENOMEM && !done));
        if (err == 0) { /* some memory is not missed */
            ck_assert_uint_eq(merged, 1);
        }
        if (done) {
            kit_commit(txn);
        } else {
            cove_store_abort(txn);
            assert_text(&w, ALICE, &kit_main, "m");
        }
    }
    assert_text(&w, ALICE, &kit_main, "md");
    world_close(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("branch");
    TCase *shown = tcase_create("shown");
    TCase *merging = tcase_create("merging");
    TCase *names = tcase_create("names");
    TCase *random = tcase_create("random");

    tcase_add_test(
        shown, a_branch_shows_the_document_as_it_was_and_what_is_written_to_it);
    tcase_add_test(shown,
                   peers_show_the_document_without_a_branch_until_it_is_merged);
    tcase_add_test(
        shown, what_is_written_to_a_branch_behind_its_merge_waits_for_the_next);
    tcase_add_test(shown,
                   others_write_to_a_branch_and_it_takes_in_the_document);
    tcase_add_test(shown, a_branch_is_begun_and_merged_among_many_writes);
    tcase_add_test(shown, a_branch_of_a_branch_brings_both_along);
    tcase_add_test(shown, registers_of_a_branch_show_when_it_is_merged);
    tcase_add_test(shown, a_frontier_shows_again_what_was_shown);
    suite_add_tcase(suite, shown);
    tcase_add_test(merging, merging_what_is_merged_writes_nothing);
    tcase_add_test(merging, two_devices_that_merge_one_branch_show_it_once);
    tcase_add_test(merging,
                   a_merge_that_comes_before_the_branch_shows_it_when_it_comes);
    tcase_add_test(merging, a_branch_is_not_merged_into_itself);
    suite_add_tcase(suite, merging);
    tcase_add_test(
        names,
        a_branch_has_a_name_of_255_bytes_at_most_without_control_characters);
    tcase_add_test(names, a_group_has_no_branches);
    tcase_add_test(names,
                   one_document_has_no_two_branches_of_a_name_by_one_device);
    tcase_add_test(names,
                   equal_names_by_two_devices_are_told_apart_by_their_digits);
    tcase_add_test(
        names,
        the_list_says_who_began_a_branch_and_how_far_it_is_from_the_document);
    suite_add_tcase(suite, names);
    tcase_set_timeout(random, 60);
    tcase_add_test(random, checkpoints_are_right_behind_every_merge);
    tcase_add_loop_test(
        random, branches_merges_and_deliveries_in_any_order_show_the_same, 0,
        40);
    tcase_add_test(random, a_branch_is_begun_and_merged_wholly_or_not_at_all);
    suite_add_tcase(suite, random);
    return harness_run(suite);
}
