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
    ck_assert_int_eq(cove_repo_recount(k->repo, txn, &k->diag), 0);
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

START_TEST(a_count_that_is_not_that_of_the_documents_is_found)
{
    static const uint8_t wrong[][2] = {{0x02}, {0x80, 0x01}, {0x00}};
    struct home h;
    uint8_t key[64];
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    size_t len;

    home_open(&h, _i);
    write_at(&h.kit, &h.doc, 1, 1);
    for (size_t i = 0; i <= COVE_ARRAY_LEN(wrong); i++) {
        struct cove_store_txn *txn = kit_begin(&h.kit, true);

        ck_assert_int_eq(cove_repo_recount(h.kit.repo, txn, &h.kit.diag), 0);
        ck_assert_int_eq(cove_store_cursor_open(txn, REPO_TALLIES, &cursor), 0);
        ck_assert_int_eq(cove_store_cursor_last(cursor, &entry), 0);
        len = entry.key.len;
        memcpy(key, entry.key.at, len);
        cove_store_cursor_close(cursor);
        if (i == COVE_ARRAY_LEN(wrong)) { /* one more than there are */
            key[len - 1]++;
        }

        const uint8_t *value = wrong[i % COVE_ARRAY_LEN(wrong)];

        ck_assert_int_eq(
            cove_store_put(txn, REPO_TALLIES, cove_bytes(key, len),
                           cove_bytes(value, value[0] < 0x80 ? 1 : 2)),
            0);
        ck_assert_int_eq(cove_repo_recount(h.kit.repo, txn, &h.kit.diag),
                         COVE_ECORRUPT);
        cove_store_abort(txn);
    }
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

/* --- the past */

/* What a register held as of an hlc; INT64_MIN where nothing. */
static int64_t value_at(struct kit *k, const struct cove_id *id,
                        const char *reg, uint64_t hlc)
{
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_doc doc = kit_load(k, txn, id);
    struct cove_doc then = doc;
    int64_t value;

    ck_assert_int_eq(cove_repo_state_at(k->repo, txn, &doc, hlc, &k->arena,
                                        &then.state, &k->diag),
                     0);
    value = kit_value(&then, reg);
    cove_store_abort(txn);
    return value;
}

START_TEST(the_past_is_what_was_written_up_to_a_time)
{
    struct home h;
    uint64_t times[60];

    home_open(&h, _i);
    for (int i = 0; i < 60; i++) { /* far enough for a checkpoint */
        char reg[64];

        snprintf(reg, sizeof(reg), "a register with a long name %d", i % 3);
        h.kit.env.now_ms += 1000;
        kit_set(&h.kit, &h.doc, "n", i == 40 ? INT64_MIN : i);
        kit_set(&h.kit, &h.doc, reg, i);
        times[i] = home_look(&h).sessions[0].last_hlc;
        cove_arena_reset(&h.kit.arena);
    }
    ck_assert_int_eq(value_at(&h.kit, &h.doc, "n", 1), INT64_MIN);
    for (int i = 0; i < 60; i++) {
        ck_assert_int_eq(value_at(&h.kit, &h.doc, "n", times[i]),
                         i == 40 ? INT64_MIN : i);
        /* The last one but its own register's write. */
        ck_assert_int_eq(value_at(&h.kit, &h.doc, "n", times[i] - 1),
                         i == 40 ? INT64_MIN : i);
    }
    ck_assert_int_eq(value_at(&h.kit, &h.doc, "n", UINT64_MAX), 59);
    ck_assert_int_eq(kit_get(&h.kit, &h.doc, "n"), 59);
    kit_close(&h.kit);
}
END_TEST

START_TEST(what_came_late_belongs_to_the_time_it_was_written)
{
    struct home h;
    struct author bob;
    struct kit who;
    struct cove_id id;
    struct cove_ingest_result result;
    uint64_t hlc;

    home_open(&h, _i);
    kit_open(&who, FIXTURE_MEMORY, 2);

    struct kit_member members[] = {{&h.kit, "admin"}, {&who, "writer"}};

    home_create(&h, kit_group(&h.kit, members, 2, &h.group));
    home_create(&h, kit_header(&h.kit, COVE_DOC_COMAP, &h.group, 3, &id));
    h.kit.env.now_ms += 60000;
    kit_set(&h.kit, &id, "a", 2);
    hlc = ((uint64_t)h.kit.env.now_ms - 30000) << 16;
    author_init(&bob, &who, &h.kit, &id, 5);
    author_set(&bob, hlc, "a", 1);
    author_set(&bob, hlc + ((uint64_t)60000 << 16), "a", 3);

    struct cove_batch batch = author_batch(&bob, 0, 2);

    ck_assert_int_eq(kit_ingest(&h.kit, &batch, 1, &result), 0);
    ck_assert_int_eq(value_at(&h.kit, &id, "a", hlc - 1), INT64_MIN);
    ck_assert_int_eq(value_at(&h.kit, &id, "a", hlc), 1);
    ck_assert_int_eq(
        value_at(&h.kit, &id, "a", (uint64_t)h.kit.env.now_ms << 16), 2);
    ck_assert_int_eq(value_at(&h.kit, &id, "a", UINT64_MAX), 3);
    kit_close(&who);
    kit_close(&h.kit);
}
END_TEST

/* --- removing */

static int remove_doc(struct kit *k, const struct cove_id *id)
{
    struct cove_store_txn *txn = kit_begin(k, true);
    int err = cove_repo_remove(k->repo, txn, kit_num(k, txn, id), &k->diag);

    if (err == 0) {
        kit_commit(txn);
    } else {
        cove_store_abort(txn);
    }
    return err;
}

static uint64_t tree_entries(struct kit *k, unsigned tree)
{
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    uint64_t count = 0;

    ck_assert_int_eq(cove_store_cursor_open(txn, tree, &cursor), 0);

    int err = cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry);

    while (err == 0) {
        count++;
        err = cove_store_cursor_next(cursor, &entry);
    }
    cove_store_cursor_close(cursor);
    cove_store_abort(txn);
    return count;
}

START_TEST(nothing_of_a_removed_document_stays)
{
    static const unsigned trees[] = {
        REPO_IDS,     REPO_DOCS,    REPO_LOG,         REPO_STATES,
        REPO_SCHEMAS, REPO_CHANGES, REPO_FORK_PROOFS, REPO_TALLIES};
    struct home h;
    uint64_t before[COVE_ARRAY_LEN(trees)];
    struct cove_id id;
    cove_num num;

    home_open(&h, _i);
    kit_set(&h.kit, &h.doc, "a", 1);
    for (size_t i = 0; i < COVE_ARRAY_LEN(trees); i++) {
        before[i] = tree_entries(&h.kit, trees[i]);
    }
    home_create(&h, kit_header(&h.kit, COVE_DOC_COMAP, &h.group, 3, &id));
    for (int i = 0; i < 300; i++) {
        char reg[16];

        snprintf(reg, sizeof(reg), "r%d", i % 50);
        write_at(&h.kit, &id, i, (uint8_t)(1 + i % 3));
        kit_set(&h.kit, &id, reg, i);
        cove_arena_reset(&h.kit.arena);
    }
    ck_assert_uint_gt(tree_entries(&h.kit, REPO_STATES), 0);
    ck_assert_uint_gt(tree_entries(&h.kit, REPO_LOG), 1);
    judge(&h.kit, &id, 3, 3);
    ck_assert_int_eq(remove_doc(&h.kit, &id), 0);
    for (size_t i = 0; i < COVE_ARRAY_LEN(trees); i++) {
        ck_assert_uint_eq(tree_entries(&h.kit, trees[i]), before[i]);
    }
    assert_recount(&h.kit);

    struct cove_store_txn *txn = kit_begin(&h.kit, true);

    ck_assert_int_eq(cove_repo_find(h.kit.repo, txn, &id, &num),
                     COVE_ENOTFOUND);
    ck_assert_int_eq(cove_repo_remove(h.kit.repo, txn, 99, &h.kit.diag),
                     COVE_ENOTFOUND);
    cove_store_abort(txn);
    ck_assert_int_eq(kit_get(&h.kit, &h.doc, "a"), 1);
    kit_close(&h.kit);
}
END_TEST

START_TEST(a_removed_document_lets_go_of_its_signature_group)
{
    struct home h;
    struct cove_id id;
    struct cove_batch batch;

    home_open(&h, _i);
    home_create(&h, kit_header(&h.kit, COVE_DOC_COMAP, &h.group, 3, &id));

    struct cove_store_txn *txn = kit_begin(&h.kit, true);
    struct cove_doc one = kit_load(&h.kit, txn, &h.doc);
    struct cove_doc two = kit_load(&h.kit, txn, &id);

    ck_assert_int_eq(kit_append(&h.kit, txn, &one, "a", 1), 0);
    for (int i = 0; i < 200; i++) { /* long enough to leave the record */
        ck_assert_int_eq(kit_append(&h.kit, txn, &two, "a", i), 0);
    }
    kit_commit(txn);
    ck_assert_uint_gt(tree_entries(&h.kit, REPO_GROUPS), 0);
    ck_assert_int_eq(remove_doc(&h.kit, &id), 0);
    ck_assert_uint_gt(tree_entries(&h.kit, REPO_GROUPS), 0);
    one = home_look(&h);
    ck_assert_int_eq(
        kit_read(&h.kit, &h.doc, &one.sessions[0].session, 0, 60000, &batch),
        0);
    ck_assert_int_eq(cove_head_verify(&h.kit.device, &h.doc, &batch.session, 1,
                                      &one.sessions[0].head, &batch.proof),
                     0);
    ck_assert_int_eq(remove_doc(&h.kit, &h.doc), 0);
    ck_assert_uint_eq(tree_entries(&h.kit, REPO_GROUPS), 0);

    /* Made and removed in one transaction: nothing is left of it either. */
    txn = kit_begin(&h.kit, true);

    cove_num num;

    ck_assert_int_eq(
        cove_repo_create(h.kit.repo, txn,
                         kit_header(&h.kit, COVE_DOC_COMAP, &h.group, 7, &id),
                         &num, &h.kit.diag),
        0);
    two = kit_load(&h.kit, txn, &id);
    ck_assert_int_eq(kit_append(&h.kit, txn, &two, "a", 1), 0);
    ck_assert_int_eq(cove_repo_remove(h.kit.repo, txn, num, &h.kit.diag), 0);
    kit_commit(txn);
    ck_assert_uint_eq(tree_entries(&h.kit, REPO_GROUPS), 0);
    assert_recount(&h.kit);
    kit_close(&h.kit);
}
END_TEST

START_TEST(a_document_made_again_after_its_removal_does_not_fork)
{
    struct home h;
    struct cove_id id;
    struct cove_bytes header;
    struct cove_session_id first;
    struct cove_doc doc;

    home_open(&h, _i);
    header = kit_header(&h.kit, COVE_DOC_COMAP, &h.group, 3, &id);

    cove_num num = home_create(&h, header);

    kit_set(&h.kit, &id, "a", 1);

    struct cove_store_txn *txn = kit_begin(&h.kit, false);

    doc = kit_load(&h.kit, txn, &id);
    first = doc.sessions[0].session;
    cove_store_abort(txn);
    ck_assert_int_eq(remove_doc(&h.kit, &id), 0);
    ck_assert_uint_ne(home_create(&h, header), num);
    ck_assert_int_eq(kit_get(&h.kit, &id, "a"), INT64_MIN);
    kit_set(&h.kit, &id, "a", 2);
    txn = kit_begin(&h.kit, false);
    doc = kit_load(&h.kit, txn, &id);
    ck_assert_uint_eq(doc.session_count, 1);
    ck_assert_mem_ne(&doc.sessions[0].session, &first, sizeof(first));
    cove_store_abort(txn);
    kit_close(&h.kit);
}
END_TEST

static uint64_t rules_of(struct kit *k)
{
    struct cove_store_txn *txn = kit_begin(k, false);
    uint64_t rules = 0;

    ck_assert_int_eq(cove_repo_rules(k->repo, txn, &rules), 0);
    cove_store_abort(txn);
    return rules;
}

START_TEST(what_documents_name_is_not_removed)
{
    struct home h;
    struct cove_id journal;
    struct cove_id child;
    uint64_t rules;

    home_open(&h, _i);
    ck_assert_int_eq(remove_doc(&h.kit, &h.group), COVE_EIMMUTABLE);
    ck_assert_ptr_nonnull(strstr(h.kit.diag.text, "remove them first"));

    struct cove_bytes header =
        kit_header(&h.kit, COVE_DOC_JOURNAL, &h.group, 4, &journal);

    home_create(&h, header);

    uint8_t meta[45] = {0xa1, 0x67, '$',  's',  'c',  'h', 'e',
                        'm',  'a',  0xa1, 0x60, 0x58, 0x20};
    struct cove_header of = {.type = COVE_DOC_COMAP,
                             .has_owner = true,
                             .owner = h.group,
                             .meta = cove_bytes(meta, sizeof(meta))};
    uint8_t nonce[16] = {3};
    struct cove_buf out;

    memcpy(meta + 13, journal.b, 32);
    of.nonce = cove_bytes(nonce, sizeof(nonce));
    cove_buf_init(&out, &h.kit.heap.alloc);
    ck_assert_int_eq(cove_header_encode(&of, &out, &child, NULL), 0);
    home_create(&h, cove_buf_bytes(&out));
    cove_buf_clear(&out);
    ck_assert_int_eq(remove_doc(&h.kit, &journal), COVE_EIMMUTABLE);
    ck_assert_int_eq(remove_doc(&h.kit, &child), 0);
    rules = rules_of(&h.kit);
    ck_assert_int_eq(remove_doc(&h.kit, &journal), 0);
    ck_assert_uint_gt(rules_of(&h.kit), rules); /* what it said is gone */
    rules = rules_of(&h.kit);
    ck_assert_int_eq(remove_doc(&h.kit, &h.group), COVE_EIMMUTABLE);
    ck_assert_int_eq(remove_doc(&h.kit, &h.doc), 0);
    ck_assert_uint_eq(rules_of(&h.kit), rules);
    ck_assert_int_eq(remove_doc(&h.kit, &h.group), 0);
    ck_assert_uint_gt(rules_of(&h.kit), rules);
    ck_assert_uint_eq(tree_entries(&h.kit, REPO_DOCS), 0);
    ck_assert_uint_eq(tree_entries(&h.kit, REPO_TALLIES), 0);
    kit_close(&h.kit);
}
END_TEST

/* --- local documents */

START_TEST(a_local_document_is_in_no_change_and_no_count)
{
    struct home h;
    struct cove_id group;
    struct cove_id id;
    struct cove_buf out;
    struct cove_change change;
    cove_num num;

    home_open(&h, _i);
    cove_buf_init(&out, &h.kit.heap.alloc);
    ck_assert_int_eq(cove_header_local_group(&h.kit.device, &out, &group), 0);

    uint64_t changes = tree_entries(&h.kit, REPO_CHANGES);

    home_create(&h, cove_buf_bytes(&out));
    num = home_create(&h, kit_header(&h.kit, COVE_DOC_COMAP, &group, 5, &id));
    write_at(&h.kit, &id, 1, 1);
    write_at(&h.kit, &id, 2, 2);
    judge(&h.kit, &id, 1, 1);
    ck_assert_uint_eq(tree_entries(&h.kit, REPO_CHANGES), changes);
    ck_assert_uint_eq(counted(&h.kit, &id, 2, 1, 1), 0);
    assert_recount(&h.kit);

    struct cove_store_txn *txn = kit_begin(&h.kit, false);
    struct cove_doc doc = kit_load(&h.kit, txn, &id);
    struct cove_doc_outline outline;
    uint64_t after = 0;

    ck_assert_uint_eq(doc.flags & COVE_DOC_LOCAL, COVE_DOC_LOCAL);
    ck_assert_int_eq(
        cove_repo_outline(h.kit.repo, txn, num, &h.kit.arena, &outline), 0);
    ck_assert(outline.local);
    while (cove_repo_change_after(h.kit.repo, txn, after, &change) == 0) {
        after = change.sequence;
        ck_assert_uint_ne(change.num, num);
    }
    cove_store_abort(txn);

    /* Nobody adds to one, not even with what this device has signed. */
    struct cove_batch batch;
    struct cove_ingest_result result;

    ck_assert_int_eq(
        kit_read(&h.kit, &id, &doc.sessions[0].session, 0, 60000, &batch), 0);
    ck_assert_int_eq(kit_ingest(&h.kit, &batch, 1, &result), COVE_ENOTFOUND);

    /* Its log goes on in one session, removed or not. */
    ck_assert_int_eq(remove_doc(&h.kit, &id), 0);
    ck_assert_int_eq(remove_doc(&h.kit, &group), 0);
    assert_recount(&h.kit);

    /* And nobody can bring one. */
    txn = kit_begin(&h.kit, true);
    ck_assert_int_eq(cove_repo_ingest_header(h.kit.repo, txn, &group,
                                             cove_buf_bytes(&out), &num,
                                             &h.kit.diag),
                     COVE_EFORMAT);

    struct cove_bytes header =
        kit_header(&h.kit, COVE_DOC_COMAP, &group, 6, &id);

    ck_assert_int_eq(cove_repo_ingest_header(h.kit.repo, txn, &id, header, &num,
                                             &h.kit.diag),
                     COVE_EFORMAT);
    cove_store_abort(txn);
    cove_buf_clear(&out);
    kit_close(&h.kit);
}
END_TEST

/* --- any history */

#define MIX_DOCS  8
#define MIX_STEPS 400

struct mix {
    struct home h;
    struct kit bob;
    struct cove_id ids[MIX_DOCS];
    struct cove_bytes headers[MIX_DOCS];
    bool here[MIX_DOCS];
    struct cove_arena kept; /* of the headers */
    uint64_t seed;
};

static uint32_t mix_random(struct mix *m, uint32_t below)
{
    m->seed ^= m->seed << 13;
    m->seed ^= m->seed >> 7;
    m->seed ^= m->seed << 17;
    return (uint32_t)(m->seed >> 33) % below;
}

static void mix_open(struct mix *m, int kind, uint64_t seed)
{
    memset(m, 0, sizeof(*m));
    m->seed = seed * 2654435761u + 99;
    home_open(&m->h, kind);
    kit_open(&m->bob, FIXTURE_MEMORY, 2);
    cove_arena_init(&m->kept, &m->h.kit.heap.alloc);

    struct kit_member members[] = {{&m->h.kit, "admin"}, {&m->bob, "writer"}};
    struct cove_bytes group = kit_group(&m->h.kit, members, 2, &m->h.group);

    home_create(&m->h, group);
    kit_take_header(&m->bob, &m->h.group, group);
    for (uint32_t i = 0; i < MIX_DOCS; i++) {
        struct cove_bytes header = kit_header(&m->h.kit, COVE_DOC_COMAP,
                                              &m->h.group, 10 + i, &m->ids[i]);

        ck_assert_int_eq(cove_arena_copy(&m->kept, header, &m->headers[i]), 0);
        kit_take_header(&m->bob, &m->ids[i], header);
    }
}

static void mix_step(struct mix *m)
{
    struct kit *k = &m->h.kit;
    uint32_t d = mix_random(m, MIX_DOCS);
    uint8_t epoch = (uint8_t)mix_random(m, 4);
    const struct cove_id *id = &m->ids[d];

    k->env.now_ms += mix_random(m, 5000);
    int64_t ahead = k->env.now_ms + mix_random(m, 700000);

    /* Often so far ahead that what bob writes is held here. */
    m->bob.env.now_ms = ahead > m->bob.env.now_ms ? ahead : m->bob.env.now_ms;
    switch (mix_random(m, 8)) {
    case 0:
    case 1:
        home_create(&m->h, m->headers[d]);
        m->here[d] = true;
        break;
    case 2:
        if (m->here[d] && mix_random(m, 3) == 0) {
            ck_assert_int_eq(remove_doc(k, id), 0);
            m->here[d] = false;
        }
        break;
    case 3:
        write_at(&m->bob, id, d, epoch);
        break;
    case 4:
        if (m->here[d]) {
            kit_sync(&m->bob, k, id);
        }
        break;
    case 5:
        if (m->here[d]) {
            judge(k, id, (uint8_t)(1 + mix_random(m, 2)), epoch);
        }
        break;
    default:
        if (m->here[d]) {
            write_at(k, id, d, epoch);
        }
        break;
    }
    cove_arena_reset(&m->bob.arena);
}

/* A load that may write takes note of what was held and has come into its
 * time, as an app's loads do. */
static void mix_load_all(struct kit *k)
{
    struct cove_store_txn *txn = kit_begin(k, true);
    struct cove_doc doc;
    cove_num num = 0;

    while (cove_repo_next(k->repo, txn, 0, num, &num) == 0) {
        ck_assert_int_eq(
            cove_repo_load(k->repo, txn, num, &k->arena, &doc, &k->diag), 0);
    }
    kit_commit(txn);
    cove_arena_reset(&k->arena);
}

START_TEST(after_any_history_the_counts_are_those_of_a_scan)
{
    struct mix m;

    mix_open(&m, _i % FIXTURE_KINDS, (uint64_t)_i + 1);
    for (int i = 0; i < MIX_STEPS; i++) {
        mix_step(&m);
        if (i % 5 == 0) {
            mix_load_all(&m.h.kit);
            assert_recount(&m.h.kit);
        }
    }
    kit_reopen(&m.h.kit);
    assert_recount(&m.h.kit);
    cove_arena_clear(&m.kept);
    kit_close(&m.bob);
    kit_close(&m.h.kit);
}
END_TEST

/* --- faults */

typedef int fault_step(struct home *h, struct cove_store_txn *txn);

static int fault_judge(struct home *h, struct cove_store_txn *txn)
{
    struct cove_arena arena;
    struct cove_doc doc;
    uint8_t plan[8] = {9};
    cove_num num;

    cove_arena_init(&arena, &h->kit.heap.alloc);

    int err = cove_repo_find(h->kit.repo, txn, &h->doc, &num);

    if (err == 0) {
        err = cove_repo_load(h->kit.repo, txn, num, &arena, &doc, NULL);
    }
    if (err == 0) {
        err = cove_repo_judge(h->kit.repo, txn, &doc, plan, 2);
    }
    cove_arena_clear(&arena);
    return err;
}

static int fault_remove(struct home *h, struct cove_store_txn *txn)
{
    cove_num num;
    int err = cove_repo_find(h->kit.repo, txn, &h->doc, &num);

    return err != 0 ? err
                    : cove_repo_remove(h->kit.repo, txn, num, &h->kit.diag);
}

static int fault_past(struct home *h, struct cove_store_txn *txn)
{
    struct cove_arena arena;
    struct cove_state state;
    struct cove_doc doc;
    cove_num num;

    cove_arena_init(&arena, &h->kit.heap.alloc);

    int err = cove_repo_find(h->kit.repo, txn, &h->doc, &num);

    if (err == 0) {
        err = cove_repo_load(h->kit.repo, txn, num, &arena, &doc, NULL);
    }
    if (err == 0) {
        err = cove_repo_state_at(h->kit.repo, txn, &doc, UINT64_MAX, &arena,
                                 &state, NULL);
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

static void fault_loop(fault_step *step, bool of_store)
{
    for (long n = 1;; n++) {
        struct home h;
        struct fixture_fault fault = {.fail_at = n, .code = COVE_ENOSPC};

        home_open(&h, FIXTURE_MEMORY);
        write_at(&h.kit, &h.doc, 5, 1);
        cove_arena_clear(&h.kit.arena);
        h.kit.heap.calls = 0;
        h.kit.heap.fail_at = of_store ? 0 : n;

        int err = fault_once(&h, step, of_store ? &fault : NULL);
        bool failed = (of_store ? fault.calls : h.kit.heap.calls) >= n;

        h.kit.heap.fail_at = 0;
        assert_recount(&h.kit);
        if (err != 0) {
            ck_assert_int_eq(err, of_store ? COVE_ENOSPC : COVE_ENOMEM);
            ck_assert_int_eq(kit_get(&h.kit, &h.doc, "a"), 5);
            ck_assert_uint_eq(counted(&h.kit, &h.doc, 1, 0, 0), 1);
        }
        kit_close(&h.kit);
        if (err == 0 && !failed) {
            return;
        }
    }
}

START_TEST(a_failed_judgement_changes_nothing)
{
    fault_loop(fault_judge, false);
    fault_loop(fault_judge, true);
}
END_TEST

START_TEST(a_failed_removal_changes_nothing)
{
    fault_loop(fault_remove, false);
    fault_loop(fault_remove, true);
}
END_TEST

static int fault_recount(struct home *h, struct cove_store_txn *txn)
{
    return cove_repo_recount(h->kit.repo, txn, &h->kit.diag);
}

START_TEST(a_failed_recount_gives_its_code)
{
    fault_loop(fault_recount, false);
    fault_loop(fault_recount, true);
}
END_TEST

START_TEST(a_failed_look_at_the_past_gives_its_code)
{
    fault_loop(fault_past, false);
    fault_loop(fault_past, true);
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
    BOTH(a_count_that_is_not_that_of_the_documents_is_found);
    BOTH(a_device_speaks_the_epoch_of_its_newest_write);
    BOTH(arrivals_are_counted_when_they_are_shown);
    BOTH(the_past_is_what_was_written_up_to_a_time);
    BOTH(what_came_late_belongs_to_the_time_it_was_written);
    BOTH(nothing_of_a_removed_document_stays);
    BOTH(a_removed_document_lets_go_of_its_signature_group);
    BOTH(a_document_made_again_after_its_removal_does_not_fork);
    BOTH(what_documents_name_is_not_removed);
    BOTH(a_local_document_is_in_no_change_and_no_count);
    tcase_add_loop_test(both, after_any_history_the_counts_are_those_of_a_scan,
                        0, 8);
    tcase_add_test(both, a_failed_judgement_changes_nothing);
    tcase_add_test(both, a_failed_removal_changes_nothing);
    tcase_add_test(both, a_failed_look_at_the_past_gives_its_code);
    tcase_add_test(both, a_failed_recount_gives_its_code);
    suite_add_tcase(suite, both);
    return harness_run(suite);
}
