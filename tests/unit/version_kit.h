/* version_kit.h: a device whose schemas gain versions: migrations in one line,
 * documents written and read at a version, and ways back. JSON is written with
 * ' in place of ", for the reader's sake. */
#ifndef COVE_TESTS_VERSION_KIT_H
#define COVE_TESTS_VERSION_KIT_H

#include "core/json.h"
#include "migrate/load.h"
#include "migrate/retreat.h"
#include "tests/unit/schema_kit.h"

static struct stage alice;

static inline char *json_text(const char *text)
{
    char *out = cove_arena_printf(&alice.kit.arena, "%s", text);

    for (char *at = out; (at = strchr(at, '\'')) != NULL;) {
        *at = '"';
    }
    return out;
}

static inline void versions_open(void)
{
    stage_open(&alice, 1);
    stage_group(&alice, NULL, NULL);
    kit_take_header(&alice.kit, &alice.group, alice.group_header);
}

static inline void versions_close(void)
{
    stage_close(&alice);
}

/* Version 1, of the schema T: {'a':{'type':'string'}, …} and the names that
 * are required. */
static inline void first_version(const char *properties, const char *required)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);
    const struct cove_schema_doc *doc;
    struct cove_published p;
    char *text = cove_arena_printf(
        &alice.kit.arena,
        "{'title':'T','version':1,'properties':{%s},'required':[%s]}",
        properties, required);
    int err = cove_publish_schema(alice.catalog, txn, &alice.group,
                                  cove_bytes_text(json_text(text)), "v1", &p,
                                  &alice.kit.diag);

    ck_assert_msg(err == 0, "schema: %d %s", err, alice.kit.diag.text);
    ck_assert_int_eq(cove_catalog_open(alice.catalog, txn, p.num, &doc), 0);
    alice.journal_id = doc->id;
    alice.journal = p.num;
    alice.first = p.step;
    kit_commit(txn);
    cove_catalog_settle(alice.catalog);
}

/* A migration from → to; `more` is members behind "steps", such as
 * ",'down':[…]". */
static inline int try_version(const char *from, int to, const char *steps,
                              const char *properties, const char *required,
                              const char *more, struct cove_step_id *step)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);
    struct cove_published p;
    char *text = cove_arena_printf(
        &alice.kit.arena,
        "{'schema':'T','from':%s,'to':%d,'steps':[%s]%s,'targetSchema':"
        "{'title':'T','version':%d,'properties':{%s},'required':[%s]}}",
        from, to, steps, more, to, properties, required);
    struct cove_migration_files files = {
        .migration = cove_bytes_text(json_text(text)), .name = "m"};
    int err =
        cove_publish_migration(alice.catalog, txn, &files, &p, &alice.kit.diag);

    if (err == 0) {
        *step = p.step;
        kit_commit(txn);
    } else {
        cove_store_abort(txn);
    }
    cove_catalog_settle(alice.catalog);
    return err;
}

static inline struct cove_step_id next_version(const char *from, int to,
                                               const char *steps,
                                               const char *properties,
                                               const char *required,
                                               const char *more)
{
    struct cove_step_id step = {{0}};
    int err = try_version(from, to, steps, properties, required, more, &step);

    ck_assert_msg(err == 0, "migration: %d %s", err, alice.kit.diag.text);
    return step;
}

/* The step of a version, or of the newest one where it is 0. */
static inline struct cove_step_id step_of(int version)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, false);
    struct cove_step_id step;
    char text[16];

    snprintf(text, sizeof(text), "%d", version);
    int err = cove_catalog_head(alice.catalog, txn, alice.journal, text, &step,
                                &alice.kit.diag);

    ck_assert_msg(err == 0, "version %d: %s", version, alice.kit.diag.text);
    cove_store_abort(txn);
    return step;
}

/* The fields of a version: "a:text b:int! c:text=\"x\"" (required, default). */
static inline char *fields_at(int version)
{
    struct cove_step_id head = step_of(version);
    struct cove_store_txn *txn = kit_begin(&alice.kit, false);
    const struct cove_plan *plan;
    char *out = cove_arena_printf(&alice.kit.arena, "%s", "");

    ck_assert_int_eq(
        cove_catalog_plan(alice.catalog, txn, alice.journal, &head, &plan), 0);
    for (size_t i = 0; i < plan->field_count; i++) {
        const struct cove_plan_register *r =
            &plan->registers[plan->fields[i].reg];
        struct cove_buf fallback;

        cove_buf_init(&fallback, &cove_alloc_libc);
        if (r->has_default) {
            ck_assert_int_eq(cove_json_write(r->fallback, 0, &fallback), 0);
        }
        out = cove_arena_printf(
            &alice.kit.arena, "%s%s%.*s:%s%s%s%.*s", out, i == 0 ? "" : " ",
            (int)plan->fields[i].name.len,
            (const char *)plan->fields[i].name.at, cove_type_name(r->type),
            r->required ? "!" : "", r->has_default ? "=" : "",
            (int)fallback.len, (const char *)fallback.at);
        cove_buf_clear(&fallback);
    }
    cove_store_abort(txn);
    return out;
}

/* ---------------------------------------------------------------- documents */

static inline struct cove_edit edit_of(const char *field, const char *value)
{
    struct cove_edit edit = {.name = cove_bytes_text(field)};
    struct cove_buf buf;

    cove_buf_init(&buf, &cove_alloc_libc);
    ck_assert_int_eq(cove_json_read(cove_bytes_text(json_text(value)), "value",
                                    &buf, &alice.kit.diag),
                     0);
    ck_assert_int_eq(
        cove_arena_copy(&alice.kit.arena, cove_buf_bytes(&buf), &edit.value),
        0);
    cove_buf_clear(&buf);
    return edit;
}

static inline int try_document(int version, const char *field,
                               const char *value, struct cove_id *id)
{
    struct cove_step_id head = step_of(version);
    struct cove_edit edit = edit_of(field, value);
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);
    struct cove_new_request request = {.type = COVE_DOC_COMAP,
                                       .owner = alice.group,
                                       .schema = alice.journal,
                                       .head = &head,
                                       .edits = &edit,
                                       .edit_count = 1};
    struct cove_loaded loaded;
    int err = cove_new_document(alice.catalog, txn, &request, &alice.kit.arena,
                                &loaded, &alice.kit.diag);

    if (err == 0) {
        *id = loaded.doc.id;
        kit_commit(txn);
    } else {
        cove_store_abort(txn);
    }
    cove_catalog_settle(alice.catalog);
    return err;
}

static inline struct cove_id document(int version, const char *field,
                                      const char *value)
{
    struct cove_id id = {{0}};
    int err = try_document(version, field, value, &id);

    ck_assert_msg(err == 0, "new: %d %s", err, alice.kit.diag.text);
    return id;
}

static inline int try_set(const struct cove_id *id, int version,
                          const char *field, const char *value)
{
    struct cove_step_id head = step_of(version);
    struct cove_edit edit = edit_of(field, value);
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);
    struct cove_load_request request = {.num = kit_num(&alice.kit, txn, id),
                                        .head = &head};
    struct cove_loaded loaded;
    int err = cove_load(alice.catalog, txn, &request, &alice.kit.arena, &loaded,
                        &alice.kit.diag);

    alice.kit.env.now_ms++; /* each write is later than the one before */
    err = err != 0 ? err
                   : cove_write(alice.catalog, txn, &loaded, &edit, 1,
                                &alice.kit.diag);
    if (err == 0) {
        kit_commit(txn);
    } else {
        cove_store_abort(txn);
    }
    cove_catalog_settle(alice.catalog);
    return err;
}

static inline void set(const struct cove_id *id, int version, const char *field,
                       const char *value)
{
    int err = try_set(id, version, field, value);

    ck_assert_msg(err == 0, "set: %d %s", err, alice.kit.diag.text);
}

/* What a version shows of a field, as JSON with ' for \": "absent" where
 * nothing, "invalid " in front where it did not convert. */
static inline char *shown_at(const struct cove_id *id, int version,
                             const char *field)
{
    struct cove_step_id head = step_of(version);
    struct cove_store_txn *txn = kit_begin(&alice.kit, false);
    struct cove_load_request request = {.num = kit_num(&alice.kit, txn, id),
                                        .head = &head,
                                        .mode = COVE_LOAD_VIEW};
    struct cove_loaded loaded;
    struct cove_cell cell = {.kind = COVE_ABSENT};
    struct cove_buf buf;
    int err = cove_load(alice.catalog, txn, &request, &alice.kit.arena, &loaded,
                        &alice.kit.diag);

    err = err != 0 ? err
                   : cove_loaded_get(&loaded, cove_bytes_text(field), &cell,
                                     &alice.kit.diag);
    ck_assert_msg(err == 0, "%s at %d: %d %s", field, version, err,
                  alice.kit.diag.text);
    cove_buf_init(&buf, &cove_alloc_libc);
    if (cell.kind != COVE_ABSENT) {
        ck_assert_int_eq(cove_json_write(cell.bytes, 0, &buf), 0);
    }

    char *out = cove_arena_printf(&alice.kit.arena, "%s%.*s",
                                  cell.kind == COVE_ABSENT    ? "absent"
                                  : cell.kind == COVE_INVALID ? "invalid "
                                                              : "",
                                  (int)buf.len, (const char *)buf.at);

    for (char *at = out; (at = strchr(at, '"')) != NULL;) {
        *at = '\'';
    }
    cove_buf_clear(&buf);
    cove_store_abort(txn);
    return out;
}

/* ---------------------------------------------------------------- ways back */

static inline int down(struct cove_retreat_request request,
                       struct cove_retreat *out)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);
    struct cove_published p;
    int err;

    request.num = alice.journal;
    err = cove_retreat_prepare(alice.catalog, txn, &request, &alice.kit.arena,
                               out, &alice.kit.diag);
    err = err != 0 ? err
                   : cove_publish_prepared(alice.catalog, txn, &out->step,
                                           "down", &p, &alice.kit.diag);
    if (err == 0) {
        kit_commit(txn);
    } else {
        cove_store_abort(txn);
    }
    cove_catalog_settle(alice.catalog);
    return err;
}

static inline struct cove_retreat down_to(const char *version)
{
    struct cove_retreat out = {.words = false};
    int err = down((struct cove_retreat_request){.to = version}, &out);

    ck_assert_msg(err == 0, "down: %d %s", err, alice.kit.diag.text);
    return out;
}

static inline void down_refused(struct cove_retreat_request request, int code,
                                const char *words)
{
    struct cove_retreat out;
    int err = down(request, &out);

    ck_assert_int_eq(err, code);
    ck_assert_int_eq(alice.kit.diag.code, code);
    ck_assert_msg(strstr(alice.kit.diag.text, words) != NULL,
                  "'%s' not in '%s'", words, alice.kit.diag.text);
}

#endif
