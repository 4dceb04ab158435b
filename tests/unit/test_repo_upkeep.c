/* test_repo_upkeep.c: kept counts, the past, and taking documents out. */
#include "crdt/repo_upkeep.h"

#include "crdt/repo_internal.h"
#include "tests/unit/author.h"
#include "tests/unit/repo_home.h"

#define MAX_TALLIES 64

static const struct cove_step_id none_step;

static struct cove_step_id step_of(uint8_t n)
{
    struct cove_step_id step = {{n, 7, n}};

    return n == 0 ? none_step : step;
}

/* Append one native op at epoch n (0: none); in the given transaction. */
static int set_at(struct kit *k, struct cove_store_txn *txn,
                  struct cove_doc *doc, const char *reg, int64_t value,
                  uint8_t n)
{
    struct cove_tx_op op = kit_op(k, reg, value);
    struct cove_tx tx = {.ops = &op, .op_count = 1};

    tx.has_epoch = n != 0;
    tx.epoch = step_of(n);
    return cove_repo_append(k->repo, txn, doc, &tx, &k->diag);
}

static void write_at(struct kit *k, const struct cove_id *id, int64_t value,
                     uint8_t n)
{
    struct cove_store_txn *txn = kit_begin(k, true);
    struct cove_doc doc = kit_load(k, txn, id);

    ck_assert_int_eq(set_at(k, txn, &doc, "a", value, n), 0);
    kit_commit(txn);
}

static void judge(struct kit *k, const struct cove_id *id, uint8_t plan,
                  uint8_t state)
{
    struct cove_store_txn *txn = kit_begin(k, true);
    struct cove_doc doc = kit_load(k, txn, id);
    uint8_t by[8] = {plan, 1};

    ck_assert_int_eq(cove_repo_judge(k->repo, txn, &doc, by, state), 0);
    kit_commit(txn);
}

/* --- counting */

struct tallies {
    struct cove_tally at[MAX_TALLIES];
    size_t count;
};

static int tally_order(const struct cove_tally *a, const struct cove_tally *b)
{
    int order = memcmp(&a->epoch, &b->epoch, sizeof(a->epoch));

    if (a->schema != b->schema) {
        return a->schema < b->schema ? -1 : 1;
    }
    if (order == 0) {
        order = memcmp(a->plan, b->plan, sizeof(a->plan));
    }
    return order != 0 ? order : (int)a->state - (int)b->state;
}

static void tallies_add(struct tallies *t, const struct cove_tally *one)
{
    size_t i = 0;

    while (i < t->count && tally_order(&t->at[i], one) < 0) {
        i++;
    }
    if (i < t->count && tally_order(&t->at[i], one) == 0) {
        t->at[i].count++;
        return;
    }
    ck_assert_uint_lt(t->count, MAX_TALLIES);
    memmove(&t->at[i + 1], &t->at[i], (t->count - i) * sizeof(t->at[0]));
    t->at[i] = *one;
    t->at[i].count = 1;
    t->count++;
}

/* What the documents themselves say, each looked at. */
static void tallies_scan(struct kit *k, struct cove_store_txn *txn,
                         struct tallies *out)
{
    cove_num num = 0;

    out->count = 0;
    while (cove_repo_next(k->repo, txn, 0, num, &num) == 0) {
        struct cove_tally one = {.schema = 0};
        struct cove_doc doc;
        uint64_t newest = 0;

        ck_assert_int_eq(
            cove_repo_load(k->repo, txn, num, &k->arena, &doc, &k->diag), 0);
        if (doc.flags & COVE_DOC_LOCAL) {
            continue;
        }
        for (size_t i = 0; i < doc.state.native_count; i++) {
            const struct cove_native *n = &doc.state.natives[i];

            if (n->id.hlc > newest ||
                (n->id.hlc == newest &&
                 memcmp(&n->epoch, &one.epoch, sizeof(n->epoch)) > 0)) {
                newest = n->id.hlc;
                one.epoch = n->epoch;
            }
        }
        one.schema = doc.schema_num;
        memcpy(one.plan, doc.judged_plan, sizeof(one.plan));
        one.state = doc.judged_state;
        tallies_add(out, &one);
    }
}

static void tallies_read(struct kit *k, struct cove_store_txn *txn,
                         struct tallies *out)
{
    out->count = 0;
    for (cove_num schema = 0; schema < 20; schema++) {
        struct cove_tally at = {.schema = schema};

        while (cove_repo_tally_next(k->repo, txn, &at, &at) == 0) {
            ck_assert_uint_eq(at.schema, schema);
            ck_assert_uint_lt(out->count, MAX_TALLIES);
            out->at[out->count++] = at;
        }
    }
}

static void assert_recount(struct kit *k)
{
    struct cove_store_txn *txn = kit_begin(k, false);
    struct tallies kept;
    struct tallies scanned;

    tallies_read(k, txn, &kept);
    tallies_scan(k, txn, &scanned);
    ck_assert_uint_eq(kept.count, scanned.count);
    for (size_t i = 0; i < kept.count; i++) {
        ck_assert_int_eq(tally_order(&kept.at[i], &scanned.at[i]), 0);
        ck_assert_uint_eq(kept.at[i].count, scanned.at[i].count);
    }
    cove_store_abort(txn);
    cove_arena_reset(&k->arena);
}

/* How many documents of the schema of `id` stand under epoch n, judged so. */
static uint64_t counted(struct kit *k, const struct cove_id *id, uint8_t n,
                        uint8_t plan, uint8_t state)
{
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_doc doc = kit_load(k, txn, id);
    struct cove_tally at = {.schema = doc.schema_num};
    struct cove_step_id step = step_of(n);
    uint64_t count = 0;

    while (cove_repo_tally_next(k->repo, txn, &at, &at) == 0) {
        if (memcmp(&at.epoch, &step, sizeof(step)) == 0 && at.plan[0] == plan &&
            at.state == state) {
            count += at.count;
        }
    }
    cove_store_abort(txn);
    return count;
}

START_TEST(a_document_is_counted_under_the_epoch_of_its_newest_write)
{
    struct home h;

    home_open(&h, _i);
    ck_assert_uint_eq(counted(&h.kit, &h.doc, 0, 0, 0), 1);
    write_at(&h.kit, &h.doc, 1, 1);
    ck_assert_uint_eq(counted(&h.kit, &h.doc, 0, 0, 0), 0);
    ck_assert_uint_eq(counted(&h.kit, &h.doc, 1, 0, 0), 1);
    write_at(&h.kit, &h.doc, 2, 2);
    write_at(&h.kit, &h.doc, 3, 1);
    ck_assert_uint_eq(counted(&h.kit, &h.doc, 1, 0, 0), 1);
    ck_assert_uint_eq(counted(&h.kit, &h.doc, 2, 0, 0), 0);
    assert_recount(&h.kit);
    kit_reopen(&h.kit);
    assert_recount(&h.kit);
    kit_close(&h.kit);
}
END_TEST

START_TEST(a_judgement_stands_until_the_document_changes)
{
    struct home h;

    home_open(&h, _i);
    write_at(&h.kit, &h.doc, 1, 1);
    judge(&h.kit, &h.doc, 9, 3);
    ck_assert_uint_eq(counted(&h.kit, &h.doc, 1, 9, 3), 1);
    ck_assert_uint_eq(counted(&h.kit, &h.doc, 1, 0, 0), 0);
    judge(&h.kit, &h.doc, 9, 4);
    ck_assert_uint_eq(counted(&h.kit, &h.doc, 1, 9, 3), 0);
    ck_assert_uint_eq(counted(&h.kit, &h.doc, 1, 9, 4), 1);
    assert_recount(&h.kit);
    write_at(&h.kit, &h.doc, 2, 1);
    ck_assert_uint_eq(counted(&h.kit, &h.doc, 1, 9, 4), 0);
    ck_assert_uint_eq(counted(&h.kit, &h.doc, 1, 0, 0), 1);
    kit_close(&h.kit);
}
END_TEST

START_TEST(a_judgement_of_an_older_state_is_not_taken)
{
    struct home h;
    uint8_t plan[8] = {5};

    home_open(&h, _i);

    struct cove_store_txn *txn = kit_begin(&h.kit, true);
    struct cove_doc old = kit_load(&h.kit, txn, &h.doc);
    struct cove_doc doc = kit_load(&h.kit, txn, &h.doc);

    ck_assert_int_eq(set_at(&h.kit, txn, &doc, "a", 1, 1), 0);
    ck_assert_int_eq(cove_repo_judge(h.kit.repo, txn, &old, plan, 1), 0);
    kit_commit(txn);
    ck_assert_uint_eq(counted(&h.kit, &h.doc, 1, 5, 1), 0);
    ck_assert_uint_eq(counted(&h.kit, &h.doc, 1, 0, 0), 1);
    kit_close(&h.kit);
}
END_TEST

START_TEST(a_judgement_that_stands_writes_nothing)
{
    struct home h;
    uint8_t plan[8] = {5};

    home_open(&h, _i);

    struct cove_store_txn *txn = kit_begin(&h.kit, true);
    struct cove_doc doc = kit_load(&h.kit, txn, &h.doc);

    ck_assert_int_eq(cove_repo_judge(h.kit.repo, txn, &doc, plan, 1), 0);
    kit_commit(txn);
    txn = kit_begin(&h.kit, false);
    doc = kit_load(&h.kit, txn, &h.doc);
    /* In a read transaction a write would be refused. */
    ck_assert_int_eq(cove_repo_judge(h.kit.repo, txn, &doc, plan, 1), 0);
    cove_store_abort(txn);
    kit_close(&h.kit);
}
END_TEST

/* --- which versions devices speak */

static int spoken_of(struct kit *k, const struct cove_id *id,
                     const struct cove_key *device, struct cove_spoken *out)
{
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_doc doc = kit_load(k, txn, id);
    struct cove_spoken at = {.schema = doc.schema_num};
    int err;

    while ((err = cove_repo_spoken_next(k->repo, txn, &at, &at)) == 0) {
        if (memcmp(&at.device, device, sizeof(*device)) == 0) {
            *out = at;
            break;
        }
    }
    cove_store_abort(txn);
    return err;
}

START_TEST(a_device_speaks_the_epoch_of_its_newest_write)
{
    struct home h;
    struct cove_spoken spoken = {.hlc = 0};
    uint64_t first;

    home_open(&h, _i);
    ck_assert_int_eq(spoken_of(&h.kit, &h.doc, &h.kit.device, &spoken),
                     COVE_ENOTFOUND);
    write_at(&h.kit, &h.doc, 1, 1);
    ck_assert_int_eq(spoken_of(&h.kit, &h.doc, &h.kit.device, &spoken), 0);
    ck_assert_mem_eq(spoken.epoch.b, step_of(1).b, 32);
    first = spoken.hlc;
    h.kit.env.now_ms += 60000;
    write_at(&h.kit, &h.doc, 2, 1);
    ck_assert_int_eq(spoken_of(&h.kit, &h.doc, &h.kit.device, &spoken), 0);
    ck_assert_uint_eq(spoken.hlc, first);
    write_at(&h.kit, &h.doc, 3, 2);
    ck_assert_int_eq(spoken_of(&h.kit, &h.doc, &h.kit.device, &spoken), 0);
    ck_assert_mem_eq(spoken.epoch.b, step_of(2).b, 32);
    first = spoken.hlc;
    h.kit.env.now_ms += 3700000;
    write_at(&h.kit, &h.doc, 4, 2);
    ck_assert_int_eq(spoken_of(&h.kit, &h.doc, &h.kit.device, &spoken), 0);
    ck_assert_uint_gt(spoken.hlc, first);
    kit_close(&h.kit);
}
END_TEST

/* --- arrivals */

START_TEST(arrivals_are_counted_when_they_are_shown)
{
    struct home h;
    struct kit bob;
    struct cove_bytes group;
    struct cove_bytes header;
    struct cove_id id;
    struct cove_spoken spoken = {.hlc = 0};

    home_open(&h, _i);
    kit_open(&bob, FIXTURE_MEMORY, 2);

    struct kit_member members[] = {{&h.kit, "admin"}, {&bob, "writer"}};

    group = kit_group(&h.kit, members, 2, &h.group);
    home_create(&h, group);
    header = kit_header(&h.kit, COVE_DOC_COMAP, &h.group, 3, &id);
    home_create(&h, header);
    write_at(&h.kit, &id, 1, 1);

    /* First the document, whose owner bob does not hold: nothing is shown. */
    kit_take_header(&bob, &id, header);
    kit_sync(&h.kit, &bob, &id);
    ck_assert_uint_eq(counted(&bob, &id, 0, 0, 0), 1);
    assert_recount(&bob);
    kit_take_header(&bob, &h.group, group);

    struct cove_store_txn *txn = kit_begin(&bob, true);

    (void)kit_load(&bob, txn, &id);
    kit_commit(txn);
    ck_assert_uint_eq(counted(&bob, &id, 1, 0, 0), 1);
    ck_assert_int_eq(spoken_of(&bob, &id, &h.kit.device, &spoken), 0);
    ck_assert_mem_eq(spoken.epoch.b, step_of(1).b, 32);
    judge(&bob, &id, 4, 1);
    write_at(&h.kit, &id, 2, 2);
    kit_sync(&h.kit, &bob, &id);
    ck_assert_uint_eq(counted(&bob, &id, 2, 0, 0), 1);
    assert_recount(&bob);

    /* Ahead of bob's clock: held, and counted when its time comes. */
    h.kit.env.now_ms += 600000;
    write_at(&h.kit, &id, 3, 3);
    kit_sync(&h.kit, &bob, &id);
    ck_assert_uint_eq(counted(&bob, &id, 2, 0, 0), 1);
    assert_recount(&bob);
    bob.env.now_ms += 600000;
    txn = kit_begin(&bob, true);
    (void)kit_load(&bob, txn, &id);
    kit_commit(txn);
    ck_assert_uint_eq(counted(&bob, &id, 3, 0, 0), 1);
    assert_recount(&bob);
    kit_close(&bob);
    kit_close(&h.kit);
}
END_TEST

#define BOTH(name) tcase_add_loop_test(both, name, 0, FIXTURE_KINDS)

int main(void)
{
    Suite *suite = suite_create("repo_upkeep");
    TCase *both = tcase_create("both stores");

    tcase_set_timeout(both, 60);
    BOTH(a_document_is_counted_under_the_epoch_of_its_newest_write);
    BOTH(a_judgement_stands_until_the_document_changes);
    BOTH(a_judgement_of_an_older_state_is_not_taken);
    BOTH(a_judgement_that_stands_writes_nothing);
    BOTH(a_device_speaks_the_epoch_of_its_newest_write);
    BOTH(arrivals_are_counted_when_they_are_shown);
    suite_add_tcase(suite, both);
    return harness_run(suite);
}
