/* Fault loops over publishing, writing, migrating and loading: the allocation,
 * or the call of the store, number 1, 2, 3 … fails, until none is left that
 * can. Each time the code comes through, nothing is written, nothing leaks,
 * and the next try succeeds as if nothing had been. */
#include "core/json.h"
#include "migrate/publish.h"
#include "migrate/run.h"
#include "tests/unit/repo_kit.h"

static const char PART1[] =
    "{\"title\":\"Part\",\"version\":1,\"required\":[\"name\"],\"properties\":"
    "{\"name\":{\"type\":\"string\"},\"size\":{\"type\":\"string\"}}}";
static const char PART2[] =
    "{\"title\":\"Part\",\"version\":2,\"required\":[\"name\"],\"properties\":"
    "{\"name\":{\"type\":\"string\"},\"size\":{\"type\":\"integer\"},"
    "\"first\":{\"type\":\"string\"},\"last\":{\"type\":\"string\"}}}";
static const char STEP[] =
    "{\"schema\":\"Part\",\"from\":1,\"to\":2,\"steps\":[{\"convert\":"
    "{\"field\":\"size\",\"to\":{\"name\":\"size\",\"type\":\"integer\"},"
    "\"forward\":[\"int_of_text\"],\"back\":[\"text_of_int\"]}},{\"add\":"
    "{\"field\":\"first\",\"type\":\"string\"}},{\"add\":{\"field\":\"last\","
    "\"type\":\"string\"}}]}";

struct scene {
    struct kit kit;
    struct cove_id group;
    struct cove_catalog *catalog; /* of one try */
    struct cove_arena arena;      /* of one try */
    struct cove_published published;
    cove_num document;
};

/* What is tried: one write transaction's worth. */
typedef int scene_step(struct scene *s, struct cove_store_txn *txn);

static int step_schema(struct scene *s, struct cove_store_txn *txn)
{
    return cove_publish_schema(s->catalog, txn, &s->group,
                               cove_bytes_text(PART1), "part.v1", &s->published,
                               &s->kit.diag);
}

static int step_migration(struct scene *s, struct cove_store_txn *txn)
{
    const struct cove_migration_files files = {
        .migration = cove_bytes_text(STEP),
        .schema = cove_bytes_text(PART2),
        .name = "part.v1-to-v2",
    };

    return cove_publish_migration(s->catalog, txn, &files, &s->published,
                                  &s->kit.diag);
}

static int scene_edit(struct scene *s, const char *name, const char *json,
                      struct cove_edit *out)
{
    struct cove_buf buf;

    cove_buf_init(&buf, &s->kit.heap.alloc);
    int err = cove_json_read(cove_bytes_text(json), name, &buf, NULL);

    if (err == 0) {
        out->name = cove_bytes_text(name);
        err = cove_arena_copy(&s->arena, cove_buf_bytes(&buf), &out->value);
    }
    cove_buf_clear(&buf);
    return err;
}

static int step_new(struct scene *s, struct cove_store_txn *txn)
{
    struct cove_edit edits[2] = {{.deleted = false}};
    struct cove_new_request request = {.type = COVE_DOC_COMAP,
                                       .owner = s->group,
                                       .edits = edits,
                                       .edit_count = 2};
    struct cove_loaded loaded;
    int err = scene_edit(s, "name", "\"bolt\"", &edits[0]);

    err = err != 0 ? err : scene_edit(s, "size", "\"7\"", &edits[1]);
    if (err == 0) {
        err = cove_catalog_find(s->catalog, txn, "Part", &request.schema,
                                &s->kit.diag);
    }
    if (err == 0) {
        err = cove_new_document(s->catalog, txn, &request, &s->arena, &loaded,
                                &s->kit.diag);
    }
    if (err == 0) {
        s->document = loaded.doc.num;
    }
    return err;
}

static int scene_load(struct scene *s, struct cove_store_txn *txn,
                      enum cove_load_mode mode, struct cove_loaded *out)
{
    const struct cove_load_request request = {.num = s->document, .mode = mode};

    return cove_load(s->catalog, txn, &request, &s->arena, out, &s->kit.diag);
}

/* A read that migrates: the copy of size is written. */
static int step_load(struct scene *s, struct cove_store_txn *txn)
{
    struct cove_loaded loaded;
    int err = scene_load(s, txn, COVE_LOAD_MIGRATE, &loaded);

    ck_assert(err != 0 || loaded.copies_written == 1);
    return err;
}

static int step_view(struct scene *s, struct cove_store_txn *txn)
{
    struct cove_loaded loaded;
    struct cove_cell cell;
    enum cove_doc_state state;
    int err = scene_load(s, txn, COVE_LOAD_VIEW, &loaded);

    err = err != 0 ? err : cove_loaded_state(&loaded, &state);
    if (err == 0) {
        err = cove_loaded_get(&loaded, cove_bytes_text("size"), &cell,
                              &s->kit.diag);
    }
    if (err == 0) {
        ck_assert_int_eq(cell.kind, COVE_PRESENT);
        ck_assert_int_eq(cove_value_int(cell.bytes), 7);
    }
    return err;
}

static int step_write(struct scene *s, struct cove_store_txn *txn)
{
    struct cove_loaded loaded;
    struct cove_edit edit = {.deleted = false};
    int err = scene_load(s, txn, COVE_LOAD_VIEW, &loaded);

    err = err != 0 ? err : scene_edit(s, "first", "\"a\"", &edit);
    if (err == 0) {
        err = cove_write(s->catalog, txn, &loaded, &edit, 1, &s->kit.diag);
    }
    return err;
}

/* A sweep writes what is due and moves its cursor in the same commit. */
static int step_run(struct scene *s, struct cove_store_txn *txn)
{
    struct cove_run run = {.batch = 8};
    int err =
        cove_catalog_find(s->catalog, txn, "Part", &run.schema, &s->kit.diag);

    if (err == 0) {
        err = cove_run_batch(s->catalog, txn, &run, NULL, NULL, &s->kit.diag);
    }
    if (err == 0 && run.failed > 0) {
        err = COVE_ECONDITION; /* a fault may not pass for a bad document */
    }
    if (err == 0) {
        ck_assert_uint_eq(run.done, 1);
        err = cove_run_save(s->kit.repo, txn, &run);
    }
    return err;
}

/* A run from its beginning to its end: record, lease, quarantine, total, the
 * entry in the activity record. */
static int step_whole_run(struct scene *s, struct cove_store_txn *txn)
{
    struct cove_run_worker worker = {.id = {1}, .process = 1};
    struct cove_run run = {.head_given = true,
                           .head = s->published.step,
                           .threshold = COVE_RUN_WHOLE};
    int err =
        cove_catalog_find(s->catalog, txn, "Part", &run.schema, &s->kit.diag);

    err = err != 0 ? err
                   : cove_run_begin(s->catalog, txn, &run, false, &worker,
                                    &s->kit.diag);
    err = err != 0
              ? err
              : cove_run_step(s->catalog, txn, &run, 8, &worker, &s->kit.diag);
    if (err == 0) {
        ck_assert_int_eq(run.state, COVE_RUN_COMPLETED);
        ck_assert_uint_eq(run.done, 1);
        ck_assert_uint_eq(run.failed, 0);
    }
    return err;
}

/* ------------------------------------------------------------------ a try */

/* Everything that the store shows, as one number. */
static struct cove_hash scene_digest(struct scene *s)
{
    struct cove_store_txn *txn = kit_begin(&s->kit, false);
    struct cove_hash all = {{0}};
    cove_num num = 0;
    int err;

    while ((err = cove_repo_next(s->kit.repo, txn, 0, num, &num)) == 0) {
        uint8_t both[64];
        struct cove_doc doc;

        ck_assert_int_eq(cove_repo_load(s->kit.repo, txn, num, &s->kit.arena,
                                        &doc, &s->kit.diag),
                         0);
        struct cove_hash one = cove_doc_digest(&doc, &s->kit.arena);

        memcpy(both, all.b, 32);
        memcpy(both + 32, one.b, 32);
        all = cove_hash("cove/test", cove_bytes(both, sizeof(both)));
    }
    ck_assert_int_eq(err, COVE_ENOTFOUND);
    cove_store_abort(txn);
    cove_arena_reset(&s->kit.arena);
    return all;
}

struct fault { /* which call fails; of the store, or an allocation */
    bool of_store;
    long at;
    bool reached;
};

/* Try the step once; commit where it goes well and that is wanted. */
static int scene_try(struct scene *s, scene_step *step, struct fault *f,
                     bool commit)
{
    struct fixture_fault store = {.fail_at = f->at, .code = COVE_ENOSPC};
    struct cove_store_txn *txn = NULL;
    int err;

    s->kit.heap.calls = 0;
    s->kit.heap.fail_at = f->of_store ? 0 : f->at;
    cove_store_set_fault(s->kit.store.store, f->of_store ? fixture_hook : NULL,
                         &store);
    cove_diag_clear(&s->kit.diag);
    s->catalog = NULL;
    cove_arena_init(&s->arena, &s->kit.heap.alloc);
    err = cove_catalog_new(&s->kit.heap.alloc, s->kit.repo, &s->catalog);
    err = err != 0 ? err : cove_store_begin(s->kit.store.store, true, &txn);
    err = err != 0 ? err : step(s, txn);
    if (err == 0 && commit) {
        err = cove_store_commit(txn);
    } else if (txn != NULL) {
        cove_store_abort(txn);
    }
    cove_arena_clear(&s->arena);
    if (s->catalog != NULL) {
        cove_catalog_free(s->catalog);
    }
    cove_store_set_fault(s->kit.store.store, NULL, NULL);
    f->reached = (f->of_store ? store.calls : s->kit.heap.calls) >= f->at;
    s->kit.heap.fail_at = 0;
    return err;
}

static void scene_loop(struct scene *s, scene_step *step, bool of_store,
                       bool commit)
{
    struct cove_hash before = scene_digest(s);

    for (long n = 1;; n++) {
        struct fault f = {.of_store = of_store, .at = n};
        int err = scene_try(s, step, &f, commit);

        if (err == 0) {
            ck_assert_msg(!f.reached || !of_store,
                          "call %ld of the store failed and nobody said so", n);
            if (f.reached) { /* an allocation that one can do without */
                ck_assert(!commit);
                continue;
            }
            ck_assert_int_gt(n, 5);
            return;
        }
        ck_assert_msg(err == (of_store ? COVE_ENOSPC : COVE_ENOMEM),
                      "call %ld: %d %s", n, err, s->kit.diag.text);

        struct cove_hash after = scene_digest(s);

        ck_assert_mem_eq(before.b, after.b, sizeof(before.b));
    }
}

/* Allocations, then calls of the store; the last good try stays. */
static void scene_faults(struct scene *s, scene_step *step, bool commit)
{
    scene_loop(s, step, false, false);
    scene_loop(s, step, true, commit);
}

static void scene_do(struct scene *s, scene_step *step)
{
    struct fault none = {.at = 0};
    int err = scene_try(s, step, &none, true);

    ck_assert_msg(err == 0, "%d %s", err, s->kit.diag.text);
}

static void scene_open(struct scene *s)
{
    struct cove_bytes header;

    memset(s, 0, sizeof(*s));
    kit_open(&s->kit, FIXTURE_MEMORY, 1);
    header = kit_group(&s->kit, (struct kit_member[]){{&s->kit, "admin"}}, 1,
                       &s->group);
    kit_take_header(&s->kit, &s->group, header);
}

START_TEST(publishing_a_schema_under_faults)
{
    struct scene s;

    scene_open(&s);
    scene_faults(&s, step_schema, true);
    kit_close(&s.kit);
}
END_TEST

START_TEST(publishing_a_migration_under_faults)
{
    struct scene s;

    scene_open(&s);
    scene_do(&s, step_schema);
    scene_faults(&s, step_migration, true);
    kit_close(&s.kit);
}
END_TEST

START_TEST(making_and_writing_a_document_under_faults)
{
    struct scene s;

    scene_open(&s);
    scene_do(&s, step_schema);
    scene_faults(&s, step_new, true);
    scene_do(&s, step_migration);
    scene_faults(&s, step_write, true);
    kit_close(&s.kit);
}
END_TEST

START_TEST(migrating_as_it_loads_under_faults)
{
    struct scene s;

    scene_open(&s);
    scene_do(&s, step_schema);
    scene_do(&s, step_new);
    scene_do(&s, step_migration);
    scene_faults(&s, step_view, false);
    scene_faults(&s, step_load, true);
    scene_faults(&s, step_view, false);
    kit_close(&s.kit);
}
END_TEST

START_TEST(running_a_migration_under_faults)
{
    struct scene s;

    scene_open(&s);
    scene_do(&s, step_schema);
    scene_do(&s, step_new);
    scene_do(&s, step_migration);
    scene_faults(&s, step_run, true);
    scene_faults(&s, step_view, false);
    kit_close(&s.kit);
}
END_TEST

START_TEST(a_whole_run_under_faults)
{
    struct scene s;

    scene_open(&s);
    scene_do(&s, step_schema);
    scene_do(&s, step_new);
    scene_do(&s, step_migration);
    scene_faults(&s, step_whole_run, true);
    scene_faults(&s, step_view, false);
    kit_close(&s.kit);
}
END_TEST

static Suite *faults_suite(void)
{
    Suite *suite = suite_create("faults");
    TCase *tcase = tcase_create("faults");

    tcase_set_timeout(tcase, 90);
    tcase_add_test(tcase, publishing_a_schema_under_faults);
    tcase_add_test(tcase, publishing_a_migration_under_faults);
    tcase_add_test(tcase, making_and_writing_a_document_under_faults);
    tcase_add_test(tcase, migrating_as_it_loads_under_faults);
    tcase_add_test(tcase, running_a_migration_under_faults);
    tcase_add_test(tcase, a_whole_run_under_faults);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return harness_run(faults_suite());
}
