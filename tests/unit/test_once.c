/* test_once.c: a change of data under a name: goes on where it was interrupted,
 * and is made once. */
#include "tests/unit/run_kit.h"

#include "migrate/once.h"
#include "migrate/retire.h"

static struct stage s;
static struct cove_edit edit;

static struct cove_once once_request(const char *value)
{
    struct cove_once once = {.schema = s.journal,
                             .head = s.first,
                             .name = cove_bytes_text("tidy"),
                             .edits = &edit,
                             .edit_count = 1,
                             .batch = 4};

    edit.name = cove_bytes_text("size");
    ck_assert_int_eq(
        cove_value_of_text(&s.kit.arena, cove_bytes_text(value), &edit.value),
        0);
    once.change = cove_hash("cove/once", edit.value);
    return once;
}

static int once_step(struct cove_once *once, bool commit)
{
    struct cove_store_txn *txn = kit_begin(&s.kit, true);
    int err = cove_once_step(s.catalog, txn, once, &s.kit.diag);

    if (err == 0 && commit) {
        kit_commit(txn);
    } else {
        cove_store_abort(txn);
    }
    cove_catalog_settle(s.catalog);
    return err;
}

static int once_before(void)
{
    struct cove_store_txn *txn = kit_begin(&s.kit, false);
    struct cove_once_before before;
    int err = cove_once_before(s.catalog, txn, s.journal,
                               cove_bytes_text("tidy"), &before);

    cove_store_abort(txn);
    cove_catalog_settle(s.catalog);
    return err;
}

START_TEST(an_interrupted_change_goes_on_behind_its_last_commit)
{
    struct cove_once once;

    run_stage(&s, FIXTURE_MEMORY, 10, 0);
    once = once_request("9");
    ck_assert_int_eq(once_step(&once, true), 0);
    once = once_request("9");
    ck_assert_int_eq(once_step(&once, false), 0); /* died before its commit */
    ck_assert_int_eq(once_before(), COVE_ENOTFOUND);
    once = once_request("9");
    for (int steps = 0; !once.finished; steps++) {
        ck_assert_int_lt(steps, 3);
        ck_assert_int_eq(once_step(&once, true), 0);
    }
    ck_assert_uint_eq(once.done, 10);
    ck_assert_uint_eq(once.changed, 10);
    ck_assert_int_eq(once_before(), 0);
    once = once_request("9");
    ck_assert_int_eq(once_step(&once, true), 0);
    ck_assert(once.finished);
    ck_assert_uint_eq(once.changed, 10); /* as it was, nothing more */
    stage_close(&s);
}
END_TEST

START_TEST(another_change_under_the_name_of_an_unfinished_one_is_refused)
{
    struct cove_once once;

    run_stage(&s, FIXTURE_MEMORY, 10, 0);
    once = once_request("9");
    ck_assert_int_eq(once_step(&once, true), 0);
    once = once_request("8");
    ck_assert_int_eq(once_step(&once, true), COVE_ECONFLICT);
    stage_close(&s);
}
END_TEST

START_TEST(what_is_so_already_is_not_written_again)
{
    struct cove_once once;

    run_stage(&s, FIXTURE_MEMORY, 3, 0);
    once = once_request("12");
    ck_assert_int_eq(once_step(&once, true), 0);
    ck_assert(once.finished);
    ck_assert_uint_eq(once.matched, 3);
    ck_assert_uint_eq(once.changed, 0);
    stage_close(&s);
}
END_TEST

START_TEST(a_change_at_a_retired_version_is_refused_before_it_begins)
{
    struct cove_retire_request request = {.version = "1"};
    struct cove_retire retire;
    struct cove_published p;
    struct cove_once once;

    run_stage(&s, FIXTURE_MEMORY, 3, 0);
    request.num = s.journal;

    struct cove_store_txn *txn = kit_begin(&s.kit, true);

    ck_assert_int_eq(cove_retire_prepare(s.catalog, txn, &request, &s.kit.arena,
                                         &retire, &s.kit.diag),
                     0);
    ck_assert_int_eq(cove_publish_prepared(s.catalog, txn, &retire.step,
                                           "retire", &p, &s.kit.diag),
                     0);
    kit_commit(txn);
    cove_catalog_settle(s.catalog);
    once = once_request("9");
    ck_assert_int_eq(once_step(&once, true), COVE_EBLOCKED);
    ck_assert_int_eq(once_before(), COVE_ENOTFOUND);
    once = once_request("9");
    once.head = s.second;
    ck_assert_int_eq(cove_value_of_int(&s.kit.arena, 9, &edit.value), 0);
    ck_assert_int_eq(once_step(&once, true), 0);
    ck_assert_uint_eq(once.changed, 3);
    stage_close(&s);
}
END_TEST

/* --- by a script */

static struct cove_once_script script;

static struct cove_once once_scripted(const char *source)
{
    struct cove_once once = {.schema = s.journal,
                             .head = s.first,
                             .name = cove_bytes_text("tidy"),
                             .script = &script,
                             .batch = 4};

    script = (struct cove_once_script){
        .source = cove_bytes_text(source),
        .limits = {COVE_SCRIPT_FUEL, COVE_SCRIPT_MEMORY}};
    once.change = cove_hash("cove/once", script.source);
    return once;
}

static const char *once_size(cove_num num)
{
    struct cove_store_txn *txn = kit_begin(&s.kit, false);
    struct cove_load_request request = {
        .num = num, .head = &s.first, .mode = COVE_LOAD_VIEW};
    struct cove_loaded loaded;
    struct cove_cell cell;
    const char *out = "none";

    ck_assert_int_eq(
        cove_load(s.catalog, txn, &request, &s.kit.arena, &loaded, &s.kit.diag),
        0);
    ck_assert_int_eq(
        cove_loaded_get(&loaded, cove_bytes_text("size"), &cell, NULL), 0);
    if (cell.kind == COVE_PRESENT) {
        struct cove_bytes text = cove_value_text(cell.bytes);

        out = cove_arena_printf(&s.kit.arena, "%.*s", (int)text.len,
                                (const char *)text.at);
    }
    cove_store_abort(txn);
    cove_catalog_settle(s.catalog);
    return out;
}

/* The activity record says what scripts have read. */
static int reads_visit(void *ctx, const struct cove_activity_entry *entry)
{
    struct cove_once_reads *reads = ctx;
    struct cove_bytes held;

    if (cove_value_member(entry->map, "reads", &held)) {
        ck_assert_int_eq(cove_once_reads_read(held, reads), 0);
    }
    return 0;
}

static void once_reads(struct cove_once_reads *reads)
{
    struct cove_store_txn *txn = kit_begin(&s.kit, false);

    memset(reads, 0, sizeof(*reads));
    ck_assert_int_eq(
        cove_activity_each(s.catalog, txn, &s.group, reads_visit, reads), 0);
    cove_store_abort(txn);
    cove_catalog_settle(s.catalog);
}

START_TEST(a_script_patches_and_what_it_refuses_does_not_stop_the_rest)
{
    struct cove_once once;
    cove_num plain;
    cove_num bad;
    cove_num good;

    run_stage(&s, FIXTURE_MEMORY, 4, 0);
    plain = run_note(&s, "12");
    bad = run_note(&s, "bad");
    good = run_note(&s, "good");
    for (int i = 0; i < 2; i++) { /* the first dies before its commit */
        once = once_scripted(
            "function migrateOne(doc, ctx)\n"
            "  if doc.size == 'bad' then error('no ' .. doc.size) end\n"
            "  if doc.size == 'good' then return {size = delete} end\n"
            "  if doc.size ~= '12' then return {nothing = 1} end\n"
            "  return {size = ctx.header.schema .. ctx.header.version ..\n"
            "    ctx.direction .. tostring(ctx.dry_run)}\n"
            "end");
        ck_assert_int_eq(once_step(&once, i == 1), 0);
    }
    while (!once.finished) {
        ck_assert_int_eq(once_step(&once, true), 0);
    }
    ck_assert_uint_eq(once.done, 7);
    ck_assert_uint_eq(once.changed, 6);
    ck_assert_uint_eq(once.failed, 1);
    ck_assert_str_eq(once.error, "the script failed: line 2: no bad");
    ck_assert_str_eq(once_size(bad), "bad");
    ck_assert_str_eq(once_size(good), "none");
    ck_assert_str_eq(once_size(plain), "Note1upfalse");
    stage_close(&s);
}
END_TEST

START_TEST(what_a_script_read_is_on_record_with_how_it_stood)
{
    struct cove_once_reads *reads =
        cove_alloc_new(&cove_alloc_libc, sizeof(*reads));
    struct cove_once once;
    struct cove_doc doc;
    struct cove_store_txn *txn;
    cove_num plain;
    cove_num other;
    char id[COVE_ID_TEXT_MAX];
    char source[512];

    run_stage(&s, FIXTURE_MEMORY, 8, 0);
    plain = run_note(&s, "12");
    other = run_note(&s, "77");
    txn = kit_begin(&s.kit, false);
    ck_assert_int_eq(
        cove_repo_load(s.kit.repo, txn, other, &s.kit.arena, &doc, NULL), 0);
    cove_id_text(&doc.id, id);
    cove_store_abort(txn);
    snprintf(source, sizeof(source),
             "function migrateOne(doc, ctx)\n"
             "  if ctx.id == '%s' then return end\n"
             "  assert = ctx.load('no id') == nil\n"
             "  return {size = tostring(ctx.load('%s').size + 1)}\n"
             "end",
             id, id);
    once = once_scripted(source);
    while (!once.finished) {
        ck_assert_int_eq(once_step(&once, true), 0);
    }
    ck_assert_uint_eq(once.changed, 9);
    ck_assert_str_eq(once_size(plain), "78");
    once_reads(reads);
    ck_assert_uint_eq(reads->count, 9); /* of three batches */
    ck_assert_uint_eq(reads->first_count, 1);
    ck_assert_mem_eq(reads->first[0].id.b, doc.id.b, sizeof(doc.id.b));
    struct cove_hash digest = cove_doc_digest(&doc, &s.kit.arena);

    ck_assert_mem_eq(reads->first[0].digest.b, digest.b, sizeof(digest.b));
    cove_alloc_free(&cove_alloc_libc, reads);
    stage_close(&s);
}
END_TEST

struct tried {
    int edits, errors;
};

static void tried_take(void *ctx, const struct cove_id *id,
                       const struct cove_edit *edits, size_t count,
                       const char *error)
{
    struct tried *t = ctx;

    (void)id;
    t->errors += error != NULL;
    t->edits += (int)count;
    ck_assert(count == 0 ||
              cove_bytes_equal(edits[0].name, cove_bytes_text("size")));
}

START_TEST(a_dry_run_shows_patches_and_writes_nothing)
{
    struct cove_once once;
    struct tried tried = {0};
    cove_num last;

    run_stage(&s, FIXTURE_MEMORY, 5, 5);
    last = run_note(&s, "30");
    once = once_scripted("function migrateOne(doc, ctx)\n"
                         "  if doc.size == 'x' then return {other = 1} end\n"
                         "  return {size = doc.size .. '0'}\n"
                         "end");
    script.dry = true;
    while (!once.finished) {
        struct cove_store_txn *txn = kit_begin(&s.kit, false);

        ck_assert_int_eq(cove_once_try(s.catalog, txn, &once, tried_take,
                                       &tried, &s.kit.diag),
                         0);
        cove_store_abort(txn);
        cove_catalog_settle(s.catalog);
    }
    ck_assert_int_eq(tried.edits, 5);
    ck_assert_int_eq(tried.errors, 1);
    ck_assert_str_eq(once.error, "the script patches \"other\", which the "
                                 "version does not have");
    ck_assert_str_eq(once_size(last), "30");
    ck_assert_int_eq(once_before(), COVE_ENOTFOUND);
    stage_close(&s);
}
END_TEST

static Suite *once_suite(void)
{
    Suite *suite = suite_create("once");
    TCase *tcase = tcase_create("once");

    tcase_add_test(tcase, an_interrupted_change_goes_on_behind_its_last_commit);
    tcase_add_test(
        tcase, another_change_under_the_name_of_an_unfinished_one_is_refused);
    tcase_add_test(tcase, what_is_so_already_is_not_written_again);
    tcase_add_test(tcase,
                   a_change_at_a_retired_version_is_refused_before_it_begins);
    if (cove_script_built()) {
        tcase_add_test(
            tcase, a_script_patches_and_what_it_refuses_does_not_stop_the_rest);
        tcase_add_test(tcase,
                       what_a_script_read_is_on_record_with_how_it_stood);
        tcase_add_test(tcase, a_dry_run_shows_patches_and_writes_nothing);
    }
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return harness_run(once_suite());
}
