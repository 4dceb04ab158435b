/* test_faults_covalues.c: memory and stores that fail, and checkpoints that are
 * damaged, under texts, lists, counters and streams. Each call fails in turn,
 * until all goes well: the code is the fault's, the store is unchanged, what is
 * shown is what was shown, and no block of memory is lost. */
#include "cove/error.h"
#include "crdt/compose.h"
#include "crdt/repo_internal.h"
#include "tests/promises/devices.h"
#include "tests/unit/repo_world.h"

static struct devices d;
static struct device_doc *doc;

static const enum cove_doc_type types[] = {
    COVE_DOC_COTEXT, COVE_DOC_COLIST, COVE_DOC_COCOUNTER, COVE_DOC_COSTREAM};

/* The first device's, and so long that it has a checkpoint and more behind
 * it. */
static void begin(enum cove_doc_type type)
{
    devices_open(&d, 4, 2, 0);
    doc = devices_doc(&d, type);
    devices_headers(&d);
    if (type == COVE_DOC_COTEXT || type == COVE_DOC_COLIST) {
        for (int i = 0; i < 60; i++) {
            devices_insert(&d, 0, doc, i % 3 == 0 ? 0 : (size_t)i,
                           "abcdefghijklmnopqrstuvwxyz");
            devices_remove(&d, 0, doc, (size_t)i, 3);
        }
        return;
    }
    for (int i = 0; i < 300; i++) {
        struct kit *k = &d.kits[0];
        struct cove_store_txn *txn = kit_begin(k, true);
        struct cove_doc loaded = kit_load(k, txn, &doc->id);
        struct cove_tx_op op = {.kind = COVE_OP_ADD, .amount = 1 + i};
        struct cove_tx tx = {.ops = &op, .op_count = 1};

        if (type == COVE_DOC_COSTREAM) {
            op.kind = COVE_OP_APPEND;
            ck_assert_int_eq(cove_value_of_int(&k->arena, i, &op.value), 0);
        }
        devices_append(&d, 0, txn, doc, &loaded, &tx);
        kit_commit(txn);
        cove_arena_reset(&k->arena);
    }
}

/* --- faults, one after another */

struct fault {
    struct kit *k;
    bool of_store;
    long n;
    struct fixture_fault store;
};

static void fault_plant(struct fault *f)
{
    f->store.calls = 0;
    f->store.fail_at = f->n;
    f->store.code = COVE_EIO;
    /* A repo whose memory is warm asks for less. */
    cove_arena_clear(&f->k->repo->scratch);
    cove_arena_clear(&f->k->arena);
    f->k->heap.calls = 0;
    f->k->heap.fail_at = f->of_store ? 0 : f->n;
    if (f->of_store) {
        cove_store_set_fault(f->k->store.store, fixture_hook, &f->store);
    }
}

/* True where it came to no fault. */
static bool fault_end(struct fault *f, int err)
{
    long calls = f->of_store ? f->store.calls : f->k->heap.calls;

    f->k->heap.fail_at = 0;
    cove_store_set_fault(f->k->store.store, NULL, NULL);
    ck_assert_msg(err == 0 || err == (f->of_store ? COVE_EIO : COVE_ENOMEM),
                  "call %ld of the %s: %d", f->n,
                  f->of_store ? "store" : "allocator", err);
    f->n++;
    return err == 0 && calls < f->n - 1;
}

/* What it shows. */
static struct cove_bytes line_now(struct kit *k)
{
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_doc loaded = kit_load(k, txn, &doc->id);
    struct cove_bytes line;
    struct cove_buf buf;

    cove_buf_init(&buf, &d.desk.heap.alloc);
    devices_line(k, txn, &loaded, &loaded.state, &buf);
    cove_store_abort(txn);
    SURE(cove_arena_copy(&d.desk.arena, cove_buf_bytes(&buf), &line) == 0);
    cove_buf_clear(&buf);
    return line;
}

struct before { /* what must stay */
    struct cove_hash dump;
    struct cove_bytes line;
};

static struct before look(void)
{
    struct before before = {.dump = world_dump(&d.kits[0]),
                            .line = line_now(&d.kits[0])};

    devices_check(&d, &d.kits[0], doc, true, false);
    return before;
}

static void ck_line(const struct before *before)
{
    ck_assert(cove_bytes_equal(line_now(&d.kits[0]), before->line));
}

static void ck_as_it_was(const struct before *before)
{
    struct cove_hash after = world_dump(&d.kits[0]);

    ck_assert_mem_eq(&before->dump, &after, sizeof(after));
    ck_line(before);
    cove_arena_clear(&d.kits[0].arena);
}

static int try_load(struct kit *k, struct cove_store_txn *txn,
                    struct cove_doc *out)
{
    cove_num num;
    int err = cove_repo_find(k->repo, txn, &doc->id, &num);

    return err != 0
               ? err
               : cove_repo_load(k->repo, txn, num, &k->arena, out, &k->diag);
}

/* --- writing */

static int try_edits(struct kit *k, struct cove_store_txn *txn,
                     struct cove_doc *loaded, struct cove_compose *compose)
{
    static const char text[] = "0123456789";
    struct cove_compose_insert in = {.unit = COVE_SEQ_ELEMENTS, .at = 5};
    struct cove_compose_self self;
    struct cove_tx tx;
    int err = cove_repo_self(k->repo, txn, loaded, &self);

    /* Digits are texts, or the bytes of ten items that are negative ints. */
    in.content = cove_bytes(text, 10);
    in.count = 10;
    if (doc->type == COVE_DOC_COLIST) {
        in.content = cove_bytes("\x20\x21\x22\x23\x24\x00\x01\x02\x03\x04", 10);
    }
    if (err == 0) {
        cove_compose_start(compose, loaded->state.seq, &self);
        err = cove_compose_insert(compose, &in);
    }
    if (err == 0) {
        err = cove_compose_remove(compose, COVE_SEQ_ELEMENTS, 3, 40);
    }
    if (err == 0) {
        err = cove_compose_take(compose, &k->arena, &tx);
    }
    return err != 0 ? err
                    : cove_repo_append(k->repo, txn, loaded, &tx, &k->diag);
}

static int try_write(struct kit *k)
{
    struct cove_store_txn *txn;
    struct cove_compose compose;
    struct cove_doc loaded;
    int err = cove_store_begin(k->store.store, true, &txn);

    if (err != 0) {
        return err;
    }
    cove_compose_init(&compose, &k->heap.alloc);
    err = try_load(k, txn, &loaded);
    if (err == 0) {
        err = try_edits(k, txn, &loaded, &compose);
    }
    cove_compose_clear(&compose);
    cove_store_abort(txn); /* what goes well is not kept, so that each call
                              fails in the same place */
    return err;
}

START_TEST(a_failed_edit_changes_nothing)
{
    begin(types[_i / 2]);

    struct before before = look();
    struct fault fault = {.k = &d.kits[0], .of_store = _i % 2, .n = 1};
    bool cold = false;
    bool done;
    int err;

    do { /* with the sequence in memory, or to be loaded first */
        if (cold) {
            kit_reopen(&d.kits[0]);
        }
        cold = !cold;
        fault_plant(&fault);
        err = try_write(&d.kits[0]);
        done = fault_end(&fault, err) && !cold;
        ck_as_it_was(&before);
    } while (!done || fault.n < 12);
    devices_insert(&d, 0, doc, 0, "end");
    devices_check(&d, &d.kits[0], doc, true, true);
    devices_close(&d);
}
END_TEST

/* --- loading */

static int try_show(struct kit *k)
{
    struct cove_store_txn *txn;
    struct cove_doc loaded;
    int err = cove_store_begin(k->store.store, false, &txn);

    if (err != 0) {
        return err;
    }
    err = try_load(k, txn, &loaded);
    if (err == 0 && doc->type == COVE_DOC_COTEXT) {
        struct cove_buf text;

        cove_buf_init(&text, &k->heap.alloc);
        err = cove_seq_text(loaded.state.seq, COVE_SEQ_BYTES, 0,
                            cove_seq_length(loaded.state.seq, COVE_SEQ_BYTES),
                            &text);
        cove_buf_clear(&text);
    }
    cove_store_abort(txn);
    return err;
}

START_TEST(a_failed_load_shows_all_the_next_time)
{
    begin(types[_i / 2]);

    struct before before = look();
    struct fault fault = {.k = &d.kits[0], .of_store = _i % 2, .n = 1};
    int err;

    do {
        kit_reopen(&d.kits[0]);
        fault_plant(&fault);
        err = try_show(&d.kits[0]);
    } while (!fault_end(&fault, err));
    ck_assert_int_gt(fault.n, 5);
    ck_as_it_was(&before);
    devices_close(&d);
}
END_TEST

/* --- taking what others wrote */

static int try_ingest(struct kit *k, const struct cove_batch *batch)
{
    struct cove_ingest_result result;
    struct cove_store_txn *txn;
    int err = cove_store_begin(k->store.store, true, &txn);

    if (err != 0) {
        return err;
    }
    err = cove_repo_ingest(k->repo, txn, batch, 1, &result, NULL);
    cove_store_abort(txn);
    return err;
}

/* So much comes at once that a checkpoint is written. */
START_TEST(a_failed_ingest_of_elements_changes_nothing)
{
    struct cove_batch batch;
    struct naive_tx *last;
    bool done;
    int err;

    begin(types[_i / 2]);
    devices_sync(&d, &d.kits[0], &d.kits[1], doc);
    for (int i = 0; i < 200; i++) {
        devices_insert(&d, 1, doc, (size_t)i * 2, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    }
    last = &doc->naive.txs[doc->naive.count - 1];
    ck_assert_int_eq(kit_read(&d.kits[1], &doc->id,
                              &doc->naive.sessions[last->session].id, 0, 60000,
                              &batch),
                     0);
    ck_assert_uint_gt(batch.tx_count, 60);

    struct before before = look();
    struct fault fault = {.k = &d.kits[0], .of_store = _i % 2, .n = 1};

    do {
        fault_plant(&fault);
        err = try_ingest(&d.kits[0], &batch);
        done = fault_end(&fault, err);
        ck_as_it_was(&before);
    } while (!done || fault.n < 12);
    devices_sync(&d, &d.kits[1], &d.kits[0], doc);
    devices_agree(&d);
    devices_close(&d);
}
END_TEST

/* --- damage */

/* The checkpoint's bytes, in the desk's arena. */
static struct cove_bytes checkpoint(struct kit *k, struct cove_place *place)
{
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_bytes stored, out;

    cove_place_start(place);
    cove_place_number(place, kit_num(k, txn, &doc->id));
    ck_assert_int_eq(
        cove_store_get(txn, REPO_STATES, cove_place_bytes(place), &stored), 0);
    ck_assert_int_eq(cove_arena_copy(&d.desk.arena, stored, &out), 0);
    cove_store_abort(txn);
    return out;
}

static void checkpoint_put(struct kit *k, const struct cove_place *place,
                           struct cove_bytes bytes)
{
    struct cove_store_txn *txn = kit_begin(k, true);

    ck_assert_int_eq(
        cove_store_put(txn, REPO_STATES, cove_place_bytes(place), bytes), 0);
    kit_commit(txn);
}

static void ck_damaged(const struct cove_place *place, struct cove_bytes bytes,
                       const struct before *before)
{
    checkpoint_put(&d.kits[0], place, bytes);
    kit_reopen(&d.kits[0]);
    ck_line(before);
}

START_TEST(a_damaged_checkpoint_is_folded_anew)
{
    struct cove_place place;
    struct cove_bytes sound;
    uint8_t *bytes;

    begin(types[_i]);

    struct before before = look();

    sound = checkpoint(&d.kits[0], &place);
    bytes = cove_arena_new(&d.desk.arena, sound.len);
    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < sound.len; i += 1 + i / 16) {
        memcpy(bytes, sound.at, sound.len);
        bytes[i] ^= i % 2 == 0 ? 1 : 0xff;
        ck_damaged(&place, cove_bytes(bytes, sound.len), &before);
    }
    for (size_t len = 0; len < sound.len; len += 1 + len / 4) {
        ck_damaged(&place, cove_bytes(sound.at, len), &before);
    }
    devices_close(&d);
}
END_TEST

/* As long as it was, with its sum right: only its own form tells. What its
 * beginning tells is folded anew; what comes out later has a name. */
START_TEST(a_checkpoint_of_another_make_does_no_harm)
{
    struct kit *k = &d.kits[0];
    struct cove_place place;
    struct cove_bytes sound;
    uint8_t *bytes;

    begin(types[_i]);

    struct before before = look();

    sound = checkpoint(k, &place);
    bytes = cove_arena_new(&d.desk.arena, sound.len);
    ck_assert_ptr_nonnull(bytes);
    for (size_t len = 30; len < sound.len - 8; len += 1 + len / 8) {
        struct cove_store_txn *txn;
        struct cove_doc loaded;
        struct cove_hash sum;

        memset(bytes, 0, sound.len); /* nothing behind it */
        memcpy(bytes, sound.at, len);
        /* In front stands how many parts more it has. */
        sum =
            cove_hash("cove/checkpoint", cove_bytes(bytes + 1, sound.len - 9));
        memcpy(bytes + sound.len - 8, sum.b, 8);
        checkpoint_put(k, &place, cove_bytes(bytes, sound.len));
        kit_reopen(k);
        txn = kit_begin(k, false);

        int err = try_load(k, txn, &loaded);

        ck_assert(err == 0 || err == COVE_ECORRUPT);
        cove_store_abort(txn);
        if (len == 30) {
            ck_assert_int_eq(err, 0);
            ck_line(&before);
        }
    }
    devices_close(&d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("faults_covalues");
    TCase *tc = tcase_create("faults_covalues");

    tcase_set_timeout(tc, 0);
    tcase_add_loop_test(tc, a_failed_edit_changes_nothing, 0, 4);
    tcase_add_loop_test(tc, a_failed_load_shows_all_the_next_time, 0, 8);
    tcase_add_loop_test(tc, a_failed_ingest_of_elements_changes_nothing, 0, 4);
    tcase_add_loop_test(tc, a_damaged_checkpoint_is_folded_anew, 0, 4);
    tcase_add_loop_test(tc, a_checkpoint_of_another_make_does_no_harm, 0, 2);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
