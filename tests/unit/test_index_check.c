/* test_index_check.c: damage of each kind is planted in the indexes of a store
 * that is sound: the check names it, the index and the document, and where it
 * is to repair the indexes say again what the documents do. */
#include "crdt/repo_check_internal.h"
#include "migrate/index_check.h"
#include "migrate/index_internal.h"
#include "tests/unit/index_kit.h"

struct told { /* of both checks */
    struct {
        uint32_t index;
        bool of_trees, fixed, has_id;
        struct cove_id id;
        char text[160];
    } at[64];
    size_t count;
};
static struct told told;
static struct cove_id ids[4];

static void told_add(uint32_t index, const struct cove_id *id, const char *text,
                     bool of_trees)
{
    ck_assert_uint_lt(told.count, COVE_ARRAY_LEN(told.at));
    told.at[told.count].index = index;
    told.at[told.count].of_trees = of_trees;
    told.at[told.count].has_id = id != NULL;
    if (id != NULL) {
        told.at[told.count].id = *id;
    }
    snprintf(told.at[told.count].text, sizeof(told.at[0].text), "%s", text);
    printf("# %u %s\n", (unsigned)index, text);
    told.count++;
}

static int hear_trees(void *ctx, const struct cove_finding *f)
{
    (void)ctx;
    ck_assert_str_eq(f->kind, "index-entry");
    ck_assert(f->derived);
    told_add(f->index, f->has_id ? &f->id : NULL, f->text, true);
    return 0;
}

static int hear_values(void *ctx, const struct cove_index_fault *f)
{
    (void)ctx;
    ck_assert(f->index == NULL || f->index->number == f->number);
    told_add(f->number, f->id, f->text, false);
    return 0;
}

static void end_slice(struct cove_store_txn *txn, bool repair)
{
    if (repair) {
        kit_commit(txn);
    } else {
        cove_store_abort(txn);
    }
    cove_catalog_settle(alice.catalog);
}

static size_t check(bool repair)
{
    struct cove_check_options trees = {.repair = repair, .finding = hear_trees};
    struct cove_index_check_options values = {.repair = repair,
                                              .fault = hear_values};
    struct cove_index_check *of_values;
    struct cove_check *of_trees;

    told.count = 0;
    ck_assert_int_eq(cove_check_new(alice.kit.repo, &trees, &of_trees), 0);
    for (bool over = false; !over;) {
        struct cove_store_txn *txn = kit_begin(&alice.kit, repair);

        ck_assert_int_eq(cove_check_step(of_trees, txn, &over), 0);
        end_slice(txn, repair);
    }
    cove_check_free(of_trees);
    ck_assert_int_eq(cove_index_check_new(ix, &values, &of_values), 0);
    for (bool over = false; !over;) {
        struct cove_store_txn *txn = kit_begin(&alice.kit, repair);

        ck_assert_int_eq(cove_index_check_step(of_values, txn, &over), 0);
        end_slice(txn, repair);
    }
    cove_index_check_free(of_values);
    return told.count;
}

/* --- a store that is sound */

static void fill(void)
{
    static const char *const notes[] = {
        "{'size':1,'kind':'a','tags':['x','y']}", "{'size':2,'tags':['x']}",
        "{'size':3,'kind':'b'}", "{'kind':'c','tags':[]}"};

    for (size_t i = 0; i < COVE_ARRAY_LEN(ids); i++) {
        ids[i] = note_new(notes[i]);
    }
}

START_TEST(sound_indexes_have_nothing_to_say)
{
    fill();
    ck_assert_uint_eq(check(false), 0);
    ck_assert_uint_eq(check(true), 0);
    ck_assert_uint_eq(check(false), 0);
}
END_TEST

START_TEST(what_lags_is_half_built_or_half_dropped_is_no_damage)
{
    struct cove_store_txn *txn;
    struct cove_id id;
    bool left = true;

    fill();
    txn = kit_begin(&alice.kit, true); /* nobody keeps it up */
    note(&alice, txn, "{'size':9}");
    kit_commit(txn);
    cove_catalog_settle(alice.catalog);
    txn = kit_begin(&bob.kit, true);
    id = note(&bob, txn, "{'size':8}");
    kit_commit(txn);
    cove_catalog_settle(bob.catalog);
    stage_give(&bob, &alice, &id);
    ck_assert_uint_eq(check(false), 0);
    txn = kit_begin(&alice.kit, true);
    ck_assert_int_eq(cove_indexes_again(ix, txn, index_of("size")->number), 0);
    ck_assert_int_eq(cove_indexes_work(ix, txn, 1, &left, NULL), 0);
    kit_commit(txn);
    ck_assert(left);
    ck_assert_uint_eq(check(false), 0);
    work();
    txn = kit_begin(&alice.kit, true);
    ck_assert_int_eq(publish_second(&alice, txn), 0);
    commit(txn);
    work();
    ck_assert_uint_eq(check(false), 0);
    alice.kit.env.now_ms += (int64_t)91 * 86400000;
    txn = kit_begin(&alice.kit, true);

    struct cove_index_wants again = {.again = true};

    ck_assert_int_eq(cove_indexes_keep(ix, txn, &again, &alice.kit.diag), 0);
    ck_assert_int_eq(cove_indexes_work(ix, txn, 1, &left, NULL), 0);
    kit_commit(txn);
    ck_assert_uint_eq(check(false), 0);
    work();
    ck_assert_uint_eq(check(true), 0);
}
END_TEST

/* --- damage */

static cove_num num_of(struct cove_store_txn *txn, size_t doc)
{
    return kit_num(&alice.kit, txn, &ids[doc]);
}

/* The first entry of an index of that document. */
static void entry_of(struct cove_store_txn *txn, uint32_t index, cove_num num,
                     uint8_t *key, size_t *len)
{
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    int err = cove_store_cursor_open(txn, REPO_INDEX, &cursor);

    ck_assert_int_eq(err, 0);
    err = cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry);
    for (; err == 0; err = cove_store_cursor_next(cursor, &entry)) {
        struct cove_bytes values;
        uint32_t of;
        cove_num whose;

        ck_assert_int_eq(repo_index_key(entry.key, &of, &values, &whose), 0);
        if (of == index && whose == num) {
            memcpy(key, entry.key.at, entry.key.len);
            *len = entry.key.len;
            break;
        }
    }
    ck_assert_int_eq(err, 0);
    cove_store_cursor_close(cursor);
}

static void plant_missing(struct cove_store_txn *txn, uint32_t index)
{
    uint8_t key[COVE_STORE_MAX_KEY];
    size_t len;

    entry_of(txn, index, num_of(txn, 1), key, &len);
    ck_assert_int_eq(cove_store_del(txn, REPO_INDEX, cove_bytes(key, len)), 0);
}

static void plant_extra(struct cove_store_txn *txn, uint32_t index)
{
    uint8_t key[COVE_STORE_MAX_KEY], note = 1;
    size_t len;

    entry_of(txn, index, num_of(txn, 1), key, &len);
    key[6] ^= 0x10; /* another value */
    ck_assert_int_eq(cove_store_put(txn, REPO_INDEX, cove_bytes(key, len),
                                    cove_bytes(&note, 1)),
                     0);
}

static void plant_wrong(struct cove_store_txn *txn, uint32_t index)
{
    plant_extra(txn, index);
    plant_missing(txn, index);
}

static void plant_note(struct cove_store_txn *txn, uint32_t index)
{
    uint8_t key[COVE_STORE_MAX_KEY], note = 0;
    size_t len;

    entry_of(txn, index, num_of(txn, 1), key, &len);
    ck_assert_int_eq(cove_store_put(txn, REPO_INDEX, cove_bytes(key, len),
                                    cove_bytes(&note, 1)),
                     0);
}

static void put_indexed(struct cove_store_txn *txn, uint32_t index,
                        cove_num num, struct cove_bytes value)
{
    struct cove_place place;

    cove_place_start(&place);
    cove_place_number(&place, num);
    cove_place_number(&place, index);
    ck_assert_int_eq(
        cove_store_put(txn, REPO_INDEXED, cove_place_bytes(&place), value), 0);
}

static void plant_under(struct cove_store_txn *txn, uint32_t index)
{
    static const uint8_t bytes[] = {1, 9, 0x40};

    put_indexed(txn, index, num_of(txn, 1), cove_bytes(bytes, sizeof(bytes)));
}

static void plant_nobody(struct cove_store_txn *txn, uint32_t index)
{
    struct cove_index_key key = {cove_bytes_text("\x40ghost"), 1};

    ck_assert_int_eq(
        cove_repo_index_set(alice.kit.repo, txn, index, 9999, &key, 1), 0);
}

static void plant_other_schema(struct cove_store_txn *txn, uint32_t index)
{
    struct cove_index_key key = {cove_bytes_text("\x40group"), 1};
    cove_num num = kit_num(&alice.kit, txn, &alice.group);

    ck_assert_int_eq(
        cove_repo_index_set(alice.kit.repo, txn, index, num, &key, 1), 0);
}

/* Both trees say the same, and the document does not. */
static void plant_other_value(struct cove_store_txn *txn, uint32_t index)
{
    struct cove_index_key key = {cove_bytes_text("\x50other"), 1};

    ck_assert_int_eq(cove_repo_index_set(alice.kit.repo, txn, index,
                                         num_of(txn, 1), &key, 1),
                     0);
}

static void plant_no_document(struct cove_store_txn *txn, uint32_t index)
{
    ck_assert_int_eq(cove_repo_index_set(alice.kit.repo, txn, index,
                                         num_of(txn, 1), NULL, 0),
                     0);
}

static void plant_flags(struct cove_store_txn *txn, uint32_t index)
{
    ck_assert_int_eq(indexes_read(ix, txn), 0);
    for (size_t i = 0; i < ix->count; i++) {
        if (ix->items[i].number == index) {
            ck_assert(ix->items[i].multi);
            ix->items[i].multi = false;
        }
    }
    ix->dirty = true;
    ck_assert_int_eq(indexes_put(ix, txn), 0);
}

static void plant_stranger(struct cove_store_txn *txn, uint32_t index)
{
    struct cove_index_key key = {cove_bytes_text("\x40one"), 1};

    (void)index;
    ck_assert_int_eq(
        cove_repo_index_set(alice.kit.repo, txn, 77, num_of(txn, 1), &key, 1),
        0);
}

static void plant_ahead(struct cove_store_txn *txn, uint32_t index)
{
    (void)index;
    ck_assert_int_eq(indexes_read(ix, txn), 0);
    ck_assert_int_eq(indexes_put_covered(ix, txn, 1000000), 0);
}

static void plant_record(struct cove_store_txn *txn, uint32_t index)
{
    (void)index;
    ck_assert_int_eq(cove_repo_record_put(alice.kit.repo, txn,
                                          COVE_RECORDS_META,
                                          cove_bytes_text("indexes"),
                                          cove_bytes_text("\xff\xff")),
                     0);
}

static const struct {
    void (*plant)(struct cove_store_txn *txn, uint32_t index);
    const char *paths; /* of the index */
    bool of_trees;     /* the trees disagree */
    int doc;           /* that is named; -1: none of them */
    int index;         /* that is named; -1: the one of those paths */
} plants[] = {
    {plant_missing, "size", true, 1, -1},
    {plant_missing, "tags", true, 1, -1},
    {plant_missing, "size,kind", true, 1, -1},
    {plant_extra, "size", true, 1, -1},
    {plant_wrong, "size", true, 1, -1},
    {plant_note, "size", true, 1, -1},
    {plant_under, "size", true, 1, -1},
    {plant_nobody, "size", true, -1, -1},
    {plant_other_schema, "size", false, -1, -1},
    {plant_other_value, "size", false, 1, -1},
    {plant_other_value, "tags", false, 1, -1},
    {plant_no_document, "size", false, 1, -1},
    {plant_no_document, "size,kind", false, 1, -1},
    {plant_flags, "tags", false, 0, -1},
    {plant_stranger, "size", false, -1, 77},
    {plant_ahead, "size", false, -1, 0},
    {plant_record, "size", false, -1, 1},
};

static void plant(size_t n, uint32_t index)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);

    plants[n].plant(txn, index);
    kit_commit(txn);
    cove_catalog_settle(alice.catalog);
}

static bool was_told(size_t n, uint32_t index)
{
    uint32_t named = plants[n].index < 0 ? index : (uint32_t)plants[n].index;

    for (size_t i = 0; i < told.count; i++) {
        if (told.at[i].index == named &&
            told.at[i].of_trees == plants[n].of_trees &&
            (plants[n].doc < 0 ||
             (told.at[i].has_id &&
              memcmp(&told.at[i].id, &ids[plants[n].doc], 32) == 0))) {
            return true;
        }
    }
    return false;
}

static void assert_finds(void)
{
    struct cove_search_explain e;

    ck_assert_uint_eq(finds("{'where':{'size':2}}", &e), 1);
    ck_assert_uint_eq(finds("{'where':{'size':{'$gte':0}}}", &e), 3);
    ck_assert_uint_eq(finds("{'where':{'tags':'x'}}", &e), 2);
    ck_assert_uint_eq(finds("{'where':{'tags':'y'}}", &e), 1);
    ck_assert_uint_eq(finds("{'where':{'size':3,'kind':'b'}}", &e), 1);
}

START_TEST(D5_what_indexes_say_wrongly_is_named_and_mended)
{
    uint32_t index;
    size_t n = (size_t)_i;

    fill();
    index = index_of(plants[n].paths)->number;
    plant(n, index);
    ck_assert_uint_ge(check(false), 1);
    ck_assert(was_told(n, index));
    ck_assert_uint_ge(check(true), 1);
    ck_assert(was_told(n, index));
    ck_assert_uint_eq(check(false), 0);
    assert_finds();
    /* It goes on: what is written stands in each index, once. */
    note_new("{'size':2,'kind':'b','tags':['z']}");
    work();
    ck_assert_uint_eq(check(false), 0);
}
END_TEST

START_TEST(a_damaged_entry_refuses_no_commit_to_its_document)
{
    static const uint8_t four[] = {0x04};
    struct cove_edit edit = {.name = cove_bytes_text("size"),
                             .value = cove_bytes(four, 1)};
    struct cove_load_request request = {.mode = COVE_LOAD_VIEW};
    struct cove_search_explain e;
    struct cove_store_txn *txn;
    struct cove_loaded loaded;
    size_t n = (size_t)_i;

    fill();
    plant(n, index_of(plants[n].paths)->number);
    txn = kit_begin(&alice.kit, true);
    request.num = num_of(txn, 1);
    ck_assert_int_eq(cove_load(alice.catalog, txn, &request, &alice.kit.arena,
                               &loaded, &alice.kit.diag),
                     0);
    ck_assert_int_eq(
        cove_write(alice.catalog, txn, &loaded, &edit, 1, &alice.kit.diag), 0);
    commit(txn);
    if (plants[n].plant != plant_ahead) { /* which says that it was looked at */
        ck_assert_uint_eq(finds("{'where':{'size':4}}", &e), 1);
    }
    check(true);
    ck_assert_uint_eq(check(false), 0);
    ck_assert_uint_eq(finds("{'where':{'size':4}}", &e), 1);
}
END_TEST

/* --- faults */

static int try_repair(bool of_store, long at, bool *reached)
{
    struct fixture_fault store = {.fail_at = at, .code = COVE_ENOSPC};
    struct cove_index_check_options opt = {.repair = true};
    struct cove_index_check *c = NULL;
    struct cove_store_txn *txn = NULL;
    bool over = false;
    int err;

    alice.kit.heap.calls = 0;
    alice.kit.heap.fail_at = of_store ? 0 : at;
    cove_store_set_fault(alice.kit.store.store, of_store ? fixture_hook : NULL,
                         &store);
    err = cove_index_check_new(ix, &opt, &c);
    err = err != 0 ? err : cove_store_begin(alice.kit.store.store, true, &txn);
    while (err == 0 && !over) {
        err = cove_index_check_step(c, txn, &over);
    }
    if (err == 0) {
        err = cove_store_commit(txn);
    } else {
        cove_store_abort(txn);
    }
    cove_index_check_free(c);
    cove_store_set_fault(alice.kit.store.store, NULL, NULL);
    *reached = (of_store ? store.calls : alice.kit.heap.calls) >= at;
    alice.kit.heap.fail_at = 0;
    cove_catalog_settle(alice.catalog);
    return err;
}

START_TEST(a_repair_fails_wholly_or_not_at_all)
{
    bool of_store = _i == 1;

    fill();
    plant(9, index_of("size")->number);  /* another value */
    plant(11, index_of("tags")->number); /* a document is missing */
    for (long n = 1;; n++) {
        bool reached;
        int err = try_repair(of_store, n, &reached);

        if (err == 0) {
            ck_assert_int_gt(n, 3);
            ck_assert(!reached);
            break;
        }
        ck_assert_msg(err == (of_store ? COVE_ENOSPC : COVE_ENOMEM),
                      "call %ld: %d", n, err);
        ck_assert_uint_ge(check(false), 1);
    }
    ck_assert_uint_eq(check(false), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("index_check");
    TCase *tests = tcase_create("index_check");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, sound_indexes_have_nothing_to_say);
    tcase_add_test(tests, what_lags_is_half_built_or_half_dropped_is_no_damage);
    tcase_add_loop_test(tests, D5_what_indexes_say_wrongly_is_named_and_mended,
                        0, (int)COVE_ARRAY_LEN(plants));
    tcase_add_loop_test(tests,
                        a_damaged_entry_refuses_no_commit_to_its_document, 0,
                        (int)COVE_ARRAY_LEN(plants));
    tcase_add_loop_test(tests, a_repair_fails_wholly_or_not_at_all, 0, 2);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
