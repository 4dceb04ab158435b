/* What a peer wants: its form, and that it is told that and nothing else. */
#include "sync/interest.h"
#include "tests/unit/engine_kit.h"

static struct node alice, bob;
static struct link wire;
static struct cove_id group, other;

static void group_take(struct node *node)
{
    struct kit_member members[] = {{&alice.kit, "admin"}, {&bob.kit, "writer"}};
    struct kit_member more[] = {{&alice.kit, "admin"}, {&bob.kit, "admin"}};
    struct cove_bytes header = kit_group(&alice.kit, members, 2, &group);

    kit_take_header(&node->kit, &group, header);
    header = kit_group(&alice.kit, more, 2, &other);
    kit_take_header(&node->kit, &other, header);
}

static void setup(void)
{
    node_open(&alice, 1);
    node_open(&bob, 2);
    node_know(&alice, &bob.kit.device);
    node_know(&bob, &alice.kit.device);
    group_take(&alice);
    memset(&wire, 0, sizeof(wire));
}

static void teardown(void)
{
    link_cut(&wire);
    node_close(&alice);
    node_close(&bob);
}

/* n odd: with the schema. */
static struct cove_id make(const struct cove_id *owner, uint32_t n)
{
    struct cove_id id;
    struct cove_bytes header =
        kit_header(&alice.kit, COVE_DOC_COMAP, owner, n, &id);

    kit_take_header(&alice.kit, &id, header);
    kit_set(&alice.kit, &id, "a", n);
    return id;
}

static void refer(const struct cove_id *from, const struct cove_id *to)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);
    struct cove_doc doc = kit_load(&alice.kit, txn, from);
    struct cove_tx_op op = {.reg = cove_bytes_text("ref")};
    struct cove_tx tx = {.ops = &op, .op_count = 1};
    struct cove_bytes ref;
    struct cove_buf list;
    struct cove_writer w;

    /* inside a list, where nobody looks at first */
    ck_assert_int_eq(cove_value_of_ref(&alice.kit.arena, to, &ref), 0);
    cove_buf_init(&list, &alice.kit.heap.alloc);
    cove_writer_init(&w, &list);
    cove_writer_list(&w, 1);
    cove_writer_item(&w, ref);
    ck_assert_int_eq(w.err, 0);
    op.value = cove_buf_bytes(&list);
    ck_assert_int_eq(cove_repo_append(alice.kit.repo, txn, &doc, &tx, NULL), 0);
    kit_commit(txn);
    cove_buf_clear(&list);
}

static int id_order(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct cove_id));
}

static void ids_write(struct cove_writer *w, struct cove_id *ids, size_t count)
{
    qsort(ids, count, sizeof(*ids), id_order);
    cove_writer_list(w, count);
    for (size_t i = 0; i < count; i++) {
        cove_writer_bytes(w, ids[i].b, sizeof(ids[i].b));
    }
}

struct wish {
    struct cove_id schemas[4], groups[4], docs[4];
    size_t schema_count, group_count, doc_count;
    unsigned steps;
};

/* What bob wants of alice, from now on. */
static void bob_wants(struct wish wish)
{
    struct cove_store_txn *txn = kit_begin(&bob.kit, true);
    struct cove_buf buf;
    struct cove_writer w;

    cove_buf_init(&buf, &cove_alloc_libc);
    cove_writer_init(&w, &buf);
    cove_writer_list(&w, 3);
    ids_write(&w, wish.schemas, wish.schema_count);
    ids_write(&w, wish.groups, wish.group_count);
    qsort(wish.docs, wish.doc_count, sizeof(wish.docs[0]), id_order);
    cove_writer_list(&w, wish.doc_count);
    for (size_t i = 0; i < wish.doc_count; i++) {
        cove_writer_list(&w, 2);
        cove_writer_bytes(&w, wish.docs[i].b, sizeof(wish.docs[i].b));
        cove_writer_uint(&w, wish.steps);
    }
    ck_assert_int_eq(w.err, 0);
    ck_assert_int_eq(cove_interest_put(bob.kit.repo, txn, COVE_INTEREST_WANTED,
                                       &alice.kit.device, cove_buf_bytes(&buf)),
                     0);
    kit_commit(txn);
    cove_buf_clear(&buf);
}

static void bob_wants_all(void)
{
    struct cove_store_txn *txn = kit_begin(&bob.kit, true);

    ck_assert_int_eq(cove_interest_put(bob.kit.repo, txn, COVE_INTEREST_WANTED,
                                       &alice.kit.device,
                                       cove_bytes("\xf6", 1)),
                     0);
    kit_commit(txn);
}

static void meet(void)
{
    ck_assert_int_eq(link_dial(&wire, &bob, &alice), 0);
    link_run(&wire);
}

/* Both look what changed, and talk. */
static void go_on(void)
{
    link_changed(&wire, 0);
    link_changed(&wire, 1);
    link_run(&wire);
    ck_assert(link_stats(&wire, 0).in_sync);
    ck_assert_uint_eq(node_unsent(&alice, &bob.kit.device), 0);
}

static bool bob_has(const struct cove_id *id)
{
    struct cove_store_txn *txn = kit_begin(&bob.kit, false);
    cove_num num;
    int err = cove_repo_find(bob.kit.repo, txn, id, &num);

    cove_store_abort(txn);
    return err == 0 &&
           kit_get(&bob.kit, id, "a") == kit_get(&alice.kit, id, "a");
}

START_TEST(who_wants_a_schema_is_told_its_documents)
{
    struct cove_id with = make(&group, 1), without = make(&group, 2);

    bob_wants((struct wish){.schema_count = 1}); /* the kit's: zeros */
    meet();
    ck_assert(bob_has(&with));
    ck_assert(!bob_has(&without));
    ck_assert_uint_eq(node_unsent(&alice, &bob.kit.device), 0);
    kit_set(&alice.kit, &with, "a", 10);
    kit_set(&alice.kit, &without, "a", 20);

    struct cove_id more = make(&other, 3);

    go_on();
    ck_assert(bob_has(&with));
    ck_assert(bob_has(&more));
    ck_assert(!bob_has(&without));
}
END_TEST

START_TEST(who_wants_a_group_is_told_its_documents)
{
    struct cove_id in = make(&other, 1), out = make(&group, 2);
    struct wish wish = {.group_count = 1};

    wish.groups[0] = other;
    bob_wants(wish);
    meet();
    ck_assert(bob_has(&in));
    ck_assert(!bob_has(&out));
    ck_assert_uint_eq(node_unsent(&alice, &bob.kit.device), 0);
}
END_TEST

START_TEST(who_wants_a_document_is_told_what_it_refers_to_as_far_as_it_says)
{
    struct cove_id a = make(&group, 1), b = make(&group, 2),
                   c = make(&group, 3), d = make(&group, 4);
    struct wish wish = {.doc_count = 1, .steps = 2};

    refer(&a, &b);
    refer(&b, &c);
    refer(&c, &d);
    refer(&c, &a); /* a circle */
    wish.docs[0] = a;
    bob_wants(wish);
    meet();
    ck_assert(bob_has(&a) && bob_has(&b) && bob_has(&c));
    ck_assert(!bob_has(&d));
    ck_assert_uint_eq(node_unsent(&alice, &bob.kit.device), 0);
}
END_TEST

START_TEST(what_a_document_comes_to_refer_to_is_told_then)
{
    struct cove_id a = make(&group, 1), b = make(&group, 2),
                   c = make(&group, 3);
    struct wish wish = {.doc_count = 1, .steps = 2};

    refer(&b, &c);
    wish.docs[0] = a;
    bob_wants(wish);
    meet();
    ck_assert(!bob_has(&b) && !bob_has(&c));
    refer(&a, &b);
    go_on();
    ck_assert(bob_has(&b) && bob_has(&c));
    kit_set(&alice.kit, &c, "a", 30); /* and is followed */
    go_on();
    ck_assert(bob_has(&c));
}
END_TEST

START_TEST(an_interest_changes_while_connected)
{
    struct cove_id one = make(&group, 2), two = make(&other, 4);
    struct wish wish = {.group_count = 1};

    wish.groups[0] = group;
    bob_wants(wish);
    meet();
    ck_assert(bob_has(&one) && !bob_has(&two));
    wish.groups[0] = other;
    bob_wants(wish);
    go_on();
    ck_assert(bob_has(&two));
    kit_set(&alice.kit, &one, "a", 9);
    go_on();
    ck_assert(!bob_has(&one)); /* no longer wanted: as it was */
    bob_wants_all();
    go_on();
    ck_assert(bob_has(&one));
    /* and is what it was after a reconnect, where nothing is told */
    link_cut(&wire);
    meet();
    ck_assert_uint_eq(link_stats(&wire, 0).documents_in, 0);
    ck_assert(link_stats(&wire, 0).in_sync);
}
END_TEST

START_TEST(an_interest_that_changed_offline_is_told_what_it_lacks)
{
    struct cove_id one = make(&group, 2), two = make(&other, 4);
    struct wish wish = {.group_count = 1};

    wish.groups[0] = group;
    bob_wants(wish);
    meet();
    link_cut(&wire);
    ck_assert(!bob_has(&two));
    bob_wants_all();
    meet();
    ck_assert(bob_has(&one) && bob_has(&two));
}
END_TEST

/* A phone that wants ten documents of a relay with thousands. */
START_TEST(who_wants_little_is_not_told_of_the_rest)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);
    struct cove_id id;
    cove_num num;

    for (uint32_t n = 0; n < 3000; n++) {
        struct cove_bytes header =
            kit_header(&alice.kit, COVE_DOC_COMAP, &group, 2 * n + 2, &id);

        ck_assert_int_eq(cove_repo_ingest_header(alice.kit.repo, txn, &id,
                                                 header, &num, NULL),
                         0);
        cove_arena_reset(&alice.kit.arena);
    }
    kit_commit(txn);
    for (uint32_t n = 0; n < 40; n++) {
        id = make(&other, 10001 + 2 * n);
    }
    bob_wants((struct wish){.schema_count = 1});
    meet();
    ck_assert(bob_has(&id));
    ck_assert_uint_lt(wire.bytes[1], 40 * 400 + 8192);
    ck_assert_uint_eq(node_unsent(&alice, &bob.kit.device), 0);
}
END_TEST

START_TEST(what_is_wanted_by_its_id_is_given_once)
{
    struct wish wish = {.doc_count = 4};
    struct cove_id id;

    for (unsigned i = 0; i < 4; i++) {
        wish.docs[i] = make(&group, 2 + 2 * i);
    }
    id = wish.docs[0];
    bob_wants(wish);
    meet();
    ck_assert(bob_has(&id));
    ck_assert_uint_eq(link_stats(&wire, 1).documents_out, 4 + 2);
    kit_set(&alice.kit, &id, "a", 31);
    go_on();
    ck_assert(bob_has(&id));
    ck_assert_uint_eq(link_stats(&wire, 1).documents_out, 4 + 2 + 1);
}
END_TEST

/* A32 */
START_TEST(an_interest_has_a_form_and_limits)
{
    static const struct {
        const char *hex;
        int err;
    } forms[] = {
        {"f6", 0},
        {"83808080", 0},
        {"838080", COVE_EPROTOCOL},
        {"8480808080", COVE_EPROTOCOL},
        {"f4", COVE_EPROTOCOL},
        {"83814180808080", COVE_EPROTOCOL},
        {"f6f6", COVE_EPROTOCOL},
    };
    struct cove_interest in;
    struct cove_id ids[COVE_INTEREST_GROUPS + 1];

    cove_interest_init(&in, &cove_alloc_libc);
    for (size_t i = 0; i < COVE_ARRAY_LEN(forms); i++) {
        uint8_t bytes[64];
        size_t len = strlen(forms[i].hex) / 2;

        ck_assert_int_eq(cove_hex_parse(forms[i].hex, bytes, len), 0);
        ck_assert_int_eq(
            cove_interest_decode(&in, cove_bytes(bytes, len), NULL),
            forms[i].err);
    }
    for (uint8_t i = 0; i < COVE_ARRAY_LEN(ids); i++) {
        memset(ids[i].b, i, sizeof(ids[i].b));
    }
    for (int way = 0; way < 4; way++) { /* full, beyond, twice, unsorted */
        struct cove_buf buf;
        struct cove_writer w;
        size_t count = COVE_INTEREST_GROUPS + (way == 1);

        cove_buf_init(&buf, &cove_alloc_libc);
        cove_writer_init(&w, &buf);
        cove_writer_list(&w, 3);
        cove_writer_list(&w, 0);
        cove_writer_list(&w, count);
        for (size_t i = 0; i < count; i++) {
            size_t at = way == 2 && i == 1 ? 0 : way == 3 && i == 1 ? 60 : i;

            cove_writer_bytes(&w, ids[at].b, sizeof(ids[at].b));
        }
        cove_writer_list(&w, 0);
        ck_assert_int_eq(w.err, 0);
        ck_assert_int_eq(cove_interest_decode(&in, cove_buf_bytes(&buf), NULL),
                         way == 0 ? 0 : COVE_EPROTOCOL);
        cove_buf_clear(&buf);
    }
    cove_interest_clear(&in);
}
END_TEST

/* A33 */
START_TEST(who_changes_its_interest_all_the_time_is_dropped)
{
    struct wish wish = {.group_count = 1};
    unsigned said = 0;

    (void)make(&group, 1);
    meet();
    while (wire.err[0] == 0 && wire.err[1] == 0 && said < 100) {
        size_t moved;

        memset(wish.groups[0].b, (int)++said, sizeof(wish.groups[0].b));
        bob_wants(wish);
        (void)!cove_engine_changed(bob.engine, node_now);
        ck_assert_int_eq(link_turn(&wire, &moved), 0);
    }
    ck_assert_uint_eq(said, 33);
    ck_assert_int_eq(wire.err[1], COVE_ELIMIT);
}
END_TEST

/* Whenever it is, from the first byte on. */
START_TEST(an_interest_that_changes_while_they_connect_is_heard)
{
    for (unsigned at = 0; at < 10; at++) {
        struct wish wish = {.group_count = 1};
        struct cove_id in, out;

        teardown();
        setup();
        ck_assert_int_eq(link_dial(&wire, &bob, &alice), 0);
        for (unsigned i = 0; i < at; i++) {
            (void)link_carry(&wire, i % 2);
        }
        wish.groups[0] = other;
        bob_wants(wish);
        link_changed(&wire, 0);
        link_run(&wire);
        in = make(&other, 1);
        out = make(&group, 2);
        go_on();
        ck_assert_msg(bob_has(&in) && !bob_has(&out), "at %u", at);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("interest");
    TCase *tcase = tcase_create("interest");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, who_wants_a_schema_is_told_its_documents);
    tcase_add_test(tcase, who_wants_a_group_is_told_its_documents);
    tcase_add_test(
        tcase,
        who_wants_a_document_is_told_what_it_refers_to_as_far_as_it_says);
    tcase_add_test(tcase, what_a_document_comes_to_refer_to_is_told_then);
    tcase_add_test(tcase, an_interest_changes_while_connected);
    tcase_add_test(tcase, an_interest_that_changes_while_they_connect_is_heard);
    tcase_add_test(tcase,
                   an_interest_that_changed_offline_is_told_what_it_lacks);
    tcase_add_test(tcase, who_wants_little_is_not_told_of_the_rest);
    tcase_add_test(tcase, what_is_wanted_by_its_id_is_given_once);
    tcase_add_test(tcase, an_interest_has_a_form_and_limits);
    tcase_add_test(tcase, who_changes_its_interest_all_the_time_is_dropped);
    suite_add_tcase(suite, tcase);
    return harness_run(suite);
}
