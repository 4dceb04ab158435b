/* The tree of sums, against one that is made anew from all documents. */
#include "crdt/repo_check.h"
#include "crdt/repo_sums.h"
#include "crdt/repo_upkeep.h"

#include "tests/sim/random.h"
#include "tests/unit/repo_kit.h"

#define TREE_SUMS 18 /* docs/FORMAT.md "Trees" */
#define DOCS      3000

static struct kit alice, bob;
static struct cove_id group, ids[DOCS];

static void setup(void)
{
    kit_open(&alice, FIXTURE_MEMORY, 1);
    kit_open(&bob, FIXTURE_MEMORY, 2);
}

static void teardown(void)
{
    kit_close(&bob);
    kit_close(&alice);
}

/* Header n at a device, as both know it. */
static void doc_take(struct kit *k, struct cove_store_txn *txn, uint32_t n)
{
    struct cove_bytes header;
    cove_num num;

    cove_arena_reset(&alice.arena);
    header = kit_header(&alice, COVE_DOC_COMAP, &group, n, &ids[n]);
    ck_assert_int_eq(
        cove_repo_ingest_header(k->repo, txn, &ids[n], header, &num, NULL), 0);
}

static void group_take(struct kit *k)
{
    struct kit_member members[] = {{&alice, "admin"}, {&bob, "writer"}};
    struct cove_bytes header = kit_group(&alice, members, 2, &group);

    kit_take_header(k, &group, header);
}

/* In an order of its own: n, n + step, n + 2 step … */
static void docs_take(struct kit *k, uint32_t count, uint32_t step)
{
    struct cove_store_txn *txn = kit_begin(k, true);
    uint32_t n = 0;

    for (uint32_t i = 0; i < count; i++) {
        doc_take(k, txn, n);
        n = (n + step) % count;
    }
    kit_commit(txn);
}

static void sum_up(struct kit *k, size_t max)
{
    bool over = false;

    while (!over) {
        struct cove_store_txn *txn = kit_begin(k, true);

        ck_assert_int_eq(cove_repo_sums_step(k->repo, txn, max, &over), 0);
        kit_commit(txn);
    }
}

/* --- the naive tree */

struct naive_doc {
    struct cove_sum_group group;
    struct cove_id id;
    uint8_t mark[COVE_SUM_MARK];
};
static struct naive_doc naive[DOCS + 16];
static size_t naive_count, naive_nodes;

static int naive_order(const void *a, const void *b)
{
    const struct naive_doc *x = a;
    const struct naive_doc *y = b;
    int order = cove_sum_group_order(&x->group, &y->group);

    return order != 0 ? order : memcmp(&x->id, &y->id, sizeof(x->id));
}

static int mark_order(const void *a, const void *b)
{
    return memcmp(a, b, COVE_SUM_MARK);
}

static void naive_read(struct kit *k, struct cove_store_txn *txn)
{
    struct cove_doc_outline outline;
    struct cove_change change;
    uint64_t after = 0;

    naive_count = 0;
    while (cove_repo_change_after(k->repo, txn, after, &change) == 0) {
        struct naive_doc *doc = &naive[naive_count++];
        struct cove_header header;

        cove_arena_reset(&k->arena);
        ck_assert_int_eq(
            cove_repo_outline(k->repo, txn, change.num, &k->arena, &outline),
            0);
        ck_assert_int_eq(
            cove_header_decode(outline.header_bytes, &header, NULL), 0);
        memset(doc, 0, sizeof(*doc));
        doc->group.class = change.class;
        doc->group.owner = outline.owner != 0 ? outline.owner : change.num;
        doc->group.has_schema = header.has_schema;
        if (header.has_schema) {
            doc->group.schema = header.schema;
        }
        doc->id = outline.id;

        const struct cove_bytes parts[] = {cove_bytes(outline.id.b, 32),
                                           cove_bytes(outline.digest.b, 32)};
        struct cove_hash hash = cove_hash_parts("cove/sum-doc", parts, 2);

        memcpy(doc->mark, hash.b, COVE_SUM_MARK);
        after = change.sequence;
    }
    qsort(naive, naive_count, sizeof(naive[0]), naive_order);
}

static unsigned naive_way(const struct naive_doc *doc, unsigned depth)
{
    return depth % 2 == 0 ? doc->id.b[depth / 2] >> 4
                          : doc->id.b[depth / 2] & 15;
}

static struct cove_hash naive_hash(const struct naive_doc *docs, size_t count,
                                   unsigned depth)
{
    uint8_t bytes[2 + 16 * 32];
    size_t len = 2;
    unsigned mask = 0;

    naive_nodes++;
    if (count <= COVE_SUM_LEAF) {
        for (size_t i = 0; i < count; i++) {
            memcpy(bytes + i * COVE_SUM_MARK, docs[i].mark, COVE_SUM_MARK);
        }
        qsort(bytes, count, COVE_SUM_MARK, mark_order);
        return cove_hash("cove/sum-leaf",
                         cove_bytes(bytes, count * COVE_SUM_MARK));
    }
    for (size_t at = 0, n; at < count; at += n) {
        struct cove_hash child;

        for (n = 1; at + n < count && naive_way(&docs[at + n], depth) ==
                                          naive_way(&docs[at], depth);) {
            n++;
        }
        mask |= 1u << naive_way(&docs[at], depth);
        child = naive_hash(docs + at, n, depth + 1);
        memcpy(bytes + len, child.b, 32);
        len += 32;
    }
    bytes[0] = (uint8_t)(mask >> 8);
    bytes[1] = (uint8_t)mask;
    return cove_hash("cove/sum-node", cove_bytes(bytes, len));
}

static struct cove_hash root_hash(const struct cove_sum_node *node)
{
    uint8_t bytes[2 + 16 * 32];
    size_t len = 2;

    if (node->leaf) {
        return cove_hash("cove/sum-leaf",
                         cove_bytes(node->mark, node->count * COVE_SUM_MARK));
    }
    bytes[0] = (uint8_t)(node->mask >> 8);
    bytes[1] = (uint8_t)node->mask;
    for (unsigned way = 0; way < 16; way++) {
        if (node->mask >> way & 1) {
            memcpy(bytes + len, node->child[way].b, 32);
            len += 32;
        }
    }
    return cove_hash("cove/sum-node", cove_bytes(bytes, len));
}

/* All groups are there, each with the right hash, and nothing else is. */
static void sums_check(struct kit *k)
{
    static const struct cove_sum_path top;
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_store_usage usage;
    struct cove_sum_group at;
    bool begun = false;

    naive_read(k, txn);
    naive_nodes = 0;
    for (size_t i = 0, n; i < naive_count; i += n) {
        struct cove_sum_node node;
        struct cove_hash want, is;

        for (n = 1;
             i + n < naive_count &&
             cove_sum_group_order(&naive[i + n].group, &naive[i].group) == 0;) {
            n++;
        }
        ck_assert_int_eq(
            cove_repo_sums_next(k->repo, txn, begun ? &at : NULL, &at), 0);
        begun = true;
        ck_assert_int_eq(cove_sum_group_order(&at, &naive[i].group), 0);
        ck_assert_int_eq(cove_repo_sums_read(k->repo, txn, &at, &top, &node),
                         0);
        want = naive_hash(naive + i, n, 0);
        is = root_hash(&node);
        ck_assert_mem_eq(want.b, is.b, 32);
    }
    ck_assert_int_eq(cove_repo_sums_next(k->repo, txn, begun ? &at : NULL, &at),
                     COVE_ENOTFOUND);
    cove_store_abort(txn);
    ck_assert_int_eq(cove_store_usage(k->store.store, &usage), 0);
    ck_assert_uint_eq(usage.entries[TREE_SUMS], naive_nodes + 1);
}

/* --- */

START_TEST(equal_documents_have_equal_sums_whatever_the_order_and_the_slices)
{
    group_take(&alice);
    group_take(&bob);
    docs_take(&alice, DOCS, 1);
    docs_take(&bob, DOCS, 1009);
    sum_up(&alice, 4096);
    sum_up(&bob, 37);
    sums_check(&alice);
    sums_check(&bob);
}
END_TEST

START_TEST(the_tree_follows_the_changes_and_is_as_if_made_anew)
{
    struct sim_random random = {.state = 7};
    uint32_t held = 0;

    group_take(&alice);
    for (int round = 0; round < 40; round++) {
        struct cove_store_txn *txn = kit_begin(&alice, true);
        uint32_t more = random_below(&random, 90);

        for (uint32_t i = 0; i < more; i++) {
            doc_take(&alice, txn, held++);
        }
        kit_commit(txn);
        for (int i = 0; held > 0 && i < 10; i++) {
            cove_arena_reset(&alice.arena);
            kit_set(&alice, &ids[random_below(&random, held)], "a", round);
        }
        sum_up(&alice, 1 + random_below(&random, 200));
        sums_check(&alice);
    }
}
END_TEST

START_TEST(a_document_that_left_the_store_leaves_the_sums)
{
    struct cove_store_txn *txn;

    group_take(&alice);
    docs_take(&alice, 400, 1);
    sum_up(&alice, 4096);
    txn = kit_begin(&alice, true);
    ck_assert_int_eq(cove_repo_remove(alice.repo, txn,
                                      kit_num(&alice, txn, &ids[200]), NULL),
                     0);
    kit_commit(txn);
    sum_up(&alice, 4096);
    sums_check(&alice);
}
END_TEST

START_TEST(a_tree_that_is_damaged_is_made_anew)
{
    static const uint8_t broken[] = {2, 2, 2};
    struct cove_store_txn *txn;
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    uint8_t key[COVE_STORE_MAX_KEY];
    size_t len;

    group_take(&alice);
    docs_take(&alice, 400, 1);
    sum_up(&alice, 4096);
    txn = kit_begin(&alice, true);
    ck_assert_int_eq(cove_store_cursor_open(txn, TREE_SUMS, &cursor), 0);
    ck_assert_int_eq(
        cove_store_cursor_seek(cursor, cove_bytes("\x01\x03", 2), &entry), 0);
    len = entry.key.len;
    memcpy(key, entry.key.at, len);
    cove_store_cursor_close(cursor);
    ck_assert_int_eq(cove_store_put(txn, TREE_SUMS, cove_bytes(key, len),
                                    cove_bytes(broken, sizeof(broken))),
                     0);
    kit_commit(txn);
    for (int i = 0; i < 60; i++) {
        kit_set(&alice, &ids[i], "a", 1);
    }
    sum_up(&alice, 4096);
    sums_check(&alice);
}
END_TEST

START_TEST(a_step_that_fails_anywhere_leaves_nothing_half_done)
{
    bool over = false;
    int err = COVE_ENOMEM;

    group_take(&alice);
    docs_take(&alice, 300, 1);
    for (long at = 0; err != 0; at++) {
        struct cove_store_txn *txn = kit_begin(&alice, true);

        ck_assert_int_lt(at, 10000);
        alice.heap.fail_at = alice.heap.calls + at + 1;
        err = cove_repo_sums_step(alice.repo, txn, 4096, &over);
        alice.heap.fail_at = 0;
        ck_assert(err == 0 || err == COVE_ENOMEM);
        if (err == 0) {
            kit_commit(txn);
        } else {
            cove_store_abort(txn);
        }
    }
    sum_up(&alice, 4096);
    sums_check(&alice);
}
END_TEST

/* --- check */

static int finding(void *ctx, const struct cove_finding *f)
{
    ck_assert_str_eq(f->kind, "sums");
    ck_assert(f->derived);
    ++*(int *)ctx;
    return 0;
}

static int findings(bool repair)
{
    int count = 0;
    struct cove_check_options opt = {
        .repair = repair, .finding = finding, .ctx = &count};
    struct cove_check *check;
    bool over = false;

    ck_assert_int_eq(cove_check_new(alice.repo, &opt, &check), 0);
    while (!over) {
        struct cove_store_txn *txn = kit_begin(&alice, repair);

        ck_assert_int_eq(cove_check_step(check, txn, &over), 0);
        if (repair) {
            kit_commit(txn);
        } else {
            cove_store_abort(txn);
        }
    }
    cove_check_free(check);
    return count;
}

/* The first node of the group's tree without a schema, or of one below it. */
static void node_damage(unsigned way)
{
    struct cove_store_txn *txn = kit_begin(&alice, true);
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    uint8_t key[COVE_STORE_MAX_KEY], value[1024];
    size_t key_len, len;

    ck_assert_int_eq(cove_store_cursor_open(txn, TREE_SUMS, &cursor), 0);
    ck_assert_int_eq(
        cove_store_cursor_seek(cursor, cove_bytes("\x01\x03", 2), &entry), 0);
    for (unsigned i = 0; i < way % 2; i++) { /* from the root to a leaf */
        ck_assert_int_eq(cove_store_cursor_next(cursor, &entry), 0);
    }
    key_len = entry.key.len;
    memcpy(key, entry.key.at, key_len);
    len = entry.value.len;
    memcpy(value, entry.value.at, len);
    cove_store_cursor_close(cursor);
    if (way < 2) {
        value[len / 2] ^= 4;
        ck_assert_int_eq(cove_store_put(txn, TREE_SUMS,
                                        cove_bytes(key, key_len),
                                        cove_bytes(value, len)),
                         0);
    } else {
        ck_assert_int_eq(
            cove_store_del(txn, TREE_SUMS, cove_bytes(key, key_len)), 0);
    }
    kit_commit(txn);
}

START_TEST(d10_fingerprints_out_of_date_are_found_and_made_anew)
{
    group_take(&alice);
    docs_take(&alice, 600, 1);
    sum_up(&alice, 4096);
    ck_assert_int_eq(findings(false), 0);
    kit_set(&alice, &ids[5], "a", 1); /* they lie behind: no damage */
    ck_assert_int_eq(findings(false), 0);
    node_damage((unsigned)_i);
    ck_assert_int_eq(findings(false), 1);
    ck_assert_int_eq(findings(true), 1);
    ck_assert_int_eq(findings(false), 0);
    sum_up(&alice, 4096);
    sums_check(&alice);
    ck_assert_int_eq(findings(false), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sums");
    TCase *tcase = tcase_create("sums");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(
        tcase,
        equal_documents_have_equal_sums_whatever_the_order_and_the_slices);
    tcase_add_test(tcase, the_tree_follows_the_changes_and_is_as_if_made_anew);
    tcase_add_test(tcase, a_document_that_left_the_store_leaves_the_sums);
    tcase_add_test(tcase, a_tree_that_is_damaged_is_made_anew);
    tcase_add_test(tcase, a_step_that_fails_anywhere_leaves_nothing_half_done);
    tcase_add_loop_test(
        tcase, d10_fingerprints_out_of_date_are_found_and_made_anew, 0, 4);
    suite_add_tcase(suite, tcase);
    return harness_run(suite);
}
