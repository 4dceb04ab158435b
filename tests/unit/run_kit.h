/* run_kit.h: documents to run over: Notes of version 1 with a size, a text that
 * version 2 has as an integer; those with an "x" do not convert. */
#ifndef COVE_TESTS_RUN_KIT_H
#define COVE_TESTS_RUN_KIT_H

#include "tests/unit/schema_kit.h"

#include "migrate/activity.h"
#include "migrate/run.h"

static inline cove_num run_note(struct stage *s, const char *size)
{
    struct cove_store_txn *txn = kit_begin(&s->kit, true);
    struct cove_edit edit = {.name = cove_bytes_text("size")};
    struct cove_new_request request = {.type = COVE_DOC_COMAP,
                                       .owner = s->group,
                                       .schema = s->journal,
                                       .head = &s->first,
                                       .edits = &edit,
                                       .edit_count = 1};
    struct cove_loaded loaded;

    ck_assert_int_eq(
        cove_value_of_text(&s->kit.arena, cove_bytes_text(size), &edit.value),
        0);
    ck_assert_int_eq(cove_new_document(s->catalog, txn, &request, &s->kit.arena,
                                       &loaded, &s->kit.diag),
                     0);
    kit_commit(txn);
    return loaded.doc.num;
}

/* `count` documents; each `bad`th does not convert (0: all do). Then version 2
 * is published. */
static inline void run_stage(struct stage *s, int kind, int count, int bad)
{
    memset(s, 0, sizeof(*s));
    kit_open(&s->kit, kind, 1);
    ck_assert_int_eq(
        cove_catalog_new(&s->kit.heap.alloc, s->kit.repo, &s->catalog), 0);
    stage_group(s, NULL, "");
    kit_take_header(&s->kit, &s->group, s->group_header);
    stage_publish(s, stage_schema);
    for (int i = 1; i <= count; i++) {
        run_note(s, bad != 0 && i % bad == 0 ? "x" : "12");
    }
    stage_publish(s, stage_migration);
}

static inline struct cove_run run_request(const struct stage *s)
{
    return (struct cove_run){.schema = s->journal,
                             .head_given = true,
                             .head = s->second,
                             .threshold = COVE_RUN_WHOLE / 100};
}

static inline struct cove_run_worker run_worker(uint8_t who)
{
    return (struct cove_run_worker){.id = {who}, .process = who};
}

static inline int run_begin(struct stage *s, struct cove_run *run,
                            struct cove_run_worker *worker)
{
    struct cove_store_txn *txn = kit_begin(&s->kit, true);
    int err = cove_run_begin(s->catalog, txn, run, false, worker, &s->kit.diag);

    if (err == 0) {
        err = cove_store_commit(txn);
    } else {
        cove_store_abort(txn);
    }
    cove_catalog_settle(s->catalog);
    return err;
}

/* One batch in a commit of its own. */
static inline int run_step(struct stage *s, struct cove_run *run,
                           struct cove_run_worker *worker)
{
    struct cove_store_txn *txn = kit_begin(&s->kit, true);
    int err =
        cove_run_step(s->catalog, txn, run, UINT32_MAX, worker, &s->kit.diag);

    if (err == 0) {
        err = cove_store_commit(txn);
    } else {
        cove_store_abort(txn);
    }
    cove_catalog_settle(s->catalog);
    return err;
}

static inline int run_order(struct stage *s, enum cove_run_order order,
                            struct cove_run *out, bool *changed)
{
    struct cove_store_txn *txn = kit_begin(&s->kit, true);

    out->schema = s->journal;

    int err =
        cove_run_command(s->catalog, txn, order, out, changed, &s->kit.diag);

    if (err == 0) {
        kit_commit(txn);
    } else {
        cove_store_abort(txn);
    }
    cove_catalog_settle(s->catalog);
    return err;
}

static inline struct cove_run run_look(struct stage *s)
{
    struct cove_store_txn *txn = kit_begin(&s->kit, false);
    struct cove_run run;

    ck_assert_int_eq(cove_run_restore(s->kit.repo, txn, s->journal, &run), 0);
    cove_store_abort(txn);
    return run;
}

/* How many documents are quarantined on record. */
static inline size_t run_quarantined(struct stage *s)
{
    struct cove_store_txn *txn = kit_begin(&s->kit, false);
    struct cove_quarantined q = {.num = 0};
    size_t count = 0;

    while (cove_quarantine_next(s->kit.repo, txn, s->journal, q.num, &q) == 0) {
        ck_assert_str_ne(q.reason, "");
        count++;
    }
    cove_store_abort(txn);
    return count;
}

static inline int run_count_entry(void *ctx,
                                  const struct cove_activity_entry *entry)
{
    struct cove_bytes what;

    if (cove_value_member(entry->map, "what", &what) &&
        cove_bytes_equal(cove_value_text(what), cove_bytes_text("run"))) {
        ++*(size_t *)ctx;
    }
    return 0;
}

/* Entries of runs in the activity record. */
static inline size_t run_noted(struct stage *s)
{
    struct cove_store_txn *txn = kit_begin(&s->kit, false);
    size_t count = 0;

    ck_assert_int_eq(
        cove_activity_each(s->catalog, txn, &s->group, run_count_entry, &count),
        0);
    cove_store_abort(txn);
    cove_catalog_settle(s->catalog);
    return count;
}

#endif
