/* index_kit.h: a device with an indexed schema Note, and another that writes
 * documents of it; words to write, work and search. */
#ifndef COVE_TESTS_INDEX_KIT_H
#define COVE_TESTS_INDEX_KIT_H

#include "tests/unit/schema_kit.h"

#include "core/json.h"
#include "crdt/repo_internal.h"
#include "crdt/repo_upkeep.h"
#include "migrate/search.h"

static struct stage alice, bob;
static struct cove_indexes *ix;

static inline const char *quoted(const char *text)
{
    char *out = cove_arena_printf(&alice.kit.arena, "%s", text);

    for (char *at = out; (at = strchr(at, '\'')) != NULL;) {
        *at = '"';
    }
    return out;
}

static const char note1[] =
    "{'title':'Note','version':1,'x-index':[['size','kind']],'properties':"
    "{'size':{'type':'integer','x-index':true},'kind':{'type':'string'},"
    "'tags':{'type':'array','items':{'x-index':true}}}}";
/* one index less, one more */
static const char note2[] =
    "{'title':'Note','version':2,'properties':{'size':{'type':'integer',"
    "'x-index':true},'kind':{'type':'string','x-unique':true},'tags':{'type':"
    "'array'}}}";
static const char note_steps[] = "{'schema':'Note','from':1,'to':2,'steps':[]}";

static inline int publish_note(struct stage *s, struct cove_store_txn *txn)
{
    const struct cove_schema_doc *doc;
    struct cove_published p;
    int err = cove_publish_schema(s->catalog, txn, &s->group,
                                  cove_bytes_text(quoted(note1)), "v1", &p,
                                  &s->kit.diag);

    if (err == 0) {
        err = cove_catalog_open(s->catalog, txn, p.num, &doc);
    }
    if (err == 0) {
        s->journal_id = doc->id;
        s->journal = p.num;
        s->first = p.step;
    }
    return err;
}

static inline int publish_second(struct stage *s, struct cove_store_txn *txn)
{
    struct cove_migration_files files = {
        .migration = cove_bytes_text(quoted(note_steps)),
        .schema = cove_bytes_text(quoted(note2)),
        .name = "v1-to-v2"};
    struct cove_published p;
    int err = cove_publish_migration(s->catalog, txn, &files, &p, &s->kit.diag);

    s->second = err == 0 ? p.step : s->second;
    return err;
}

static inline void setup(void)
{
    stage_open(&alice, 1);
    stage_open(&bob, 2);
    stage_group(&alice, &bob, "writer");
    kit_take_header(&alice.kit, &alice.group, alice.group_header);
    kit_take_header(&bob.kit, &alice.group, alice.group_header);
    ck_assert_int_eq(cove_indexes_new(alice.catalog, &ix), 0);
    stage_publish(&alice, publish_note);
    stage_give(&alice, &bob, &alice.journal_id);
    bob.first = alice.first;
}

static inline void teardown(void)
{
    cove_indexes_free(ix);
    stage_close(&bob);
    stage_close(&alice);
}

/* --- words */

static inline int keep(struct cove_store_txn *txn)
{
    struct cove_index_wants none = {.count = 0};

    return cove_indexes_keep(ix, txn, &none, &alice.kit.diag);
}

static inline void commit(struct cove_store_txn *txn)
{
    int err = keep(txn);

    ck_assert_msg(err == 0, "%d %s", err, alice.kit.diag.text);
    kit_commit(txn);
    cove_catalog_settle(alice.catalog);
}

/* Members of a JSON object as edits, in the arena. */
static inline size_t edits_of(const char *json, struct cove_edit *edits)
{
    struct cove_buf map;
    struct cove_bytes copy;
    struct cove_reader r;
    size_t count;

    cove_buf_init(&map, &alice.kit.heap.alloc);
    ck_assert_int_eq(
        cove_json_read(cove_bytes_text(quoted(json)), "fields", &map, NULL), 0);
    ck_assert_int_eq(
        cove_arena_copy(&alice.kit.arena, cove_buf_bytes(&map), &copy), 0);
    cove_buf_clear(&map);
    cove_reader_init(&r, copy);
    count = cove_reader_map(&r);
    for (size_t i = 0; i < count; i++) {
        edits[i].name = cove_reader_text(&r);
        edits[i].deleted = false;
        edits[i].value = cove_reader_item(&r);
    }
    return count;
}

static inline struct cove_id note(struct stage *s, struct cove_store_txn *txn,
                                  const char *json)
{
    struct cove_edit edits[8];
    struct cove_new_request request = {.type = COVE_DOC_COMAP,
                                       .owner = alice.group,
                                       .schema = s->journal,
                                       .edits = edits};
    struct cove_loaded loaded;

    request.edit_count = edits_of(json, edits);
    if (s == &bob) {
        request.schema = kit_num(&bob.kit, txn, &alice.journal_id);
    }
    int err = cove_new_document(s->catalog, txn, &request, &s->kit.arena,
                                &loaded, &s->kit.diag);

    ck_assert_msg(err == 0, "new: %d %s", err, s->kit.diag.text);
    return loaded.doc.id;
}

static inline struct cove_id note_new(const char *json)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);
    struct cove_id id = note(&alice, txn, json);

    commit(txn);
    return id;
}

static inline size_t entries(unsigned tree)
{
    struct cove_store_usage usage;

    ck_assert_int_eq(cove_store_usage(alice.kit.store.store, &usage), 0);
    return (size_t)usage.entries[tree];
}

static inline const struct cove_index *index_of(const char *paths)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, false);
    const struct cove_index *all, *found = NULL;
    size_t count;

    ck_assert_int_eq(cove_indexes_look(ix, txn, &all, &count), 0);
    cove_store_abort(txn);
    for (size_t i = 0; i < count; i++) {
        char text[256] = "";

        for (size_t k = 0; k < all[i].path_count; k++) {
            snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%.*s",
                     k > 0 ? "," : "", (int)all[i].paths[k].len,
                     (const char *)all[i].paths[k].at);
        }
        if (strcmp(text, paths) == 0 &&
            (found == NULL || all[i].number > found->number)) {
            found = &all[i];
        }
    }
    return found;
}

static inline void work(void)
{
    bool left = true;

    while (left) {
        struct cove_store_txn *txn = kit_begin(&alice.kit, true);

        ck_assert_int_eq(cove_indexes_work(ix, txn, 3, &left, &alice.kit.diag),
                         0);
        kit_commit(txn);
        cove_catalog_settle(alice.catalog);
    }
}

/* How many documents a condition finds, and what it took. */
static inline uint64_t finds(const char *where,
                             struct cove_search_explain *explain)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, false);
    struct cove_search_request request = {.journal = alice.journal,
                                          .head = alice.first};
    struct cove_search_row row;
    struct cove_search *s;
    struct cove_edit whole[1];
    int err;

    edits_of(where, whole); /* {"where": {…}} */
    ck_assert_int_eq(cove_where_parse(&alice.kit.arena, whole[0].value,
                                      &request.where, &alice.kit.diag),
                     0);
    err = cove_search_open(ix, txn, &request, &s, &alice.kit.diag);
    ck_assert_msg(err == 0, "%d %s", err, alice.kit.diag.text);
    while ((err = cove_search_next(s, &row, &alice.kit.diag)) == 0) {
    }
    ck_assert_int_eq(err, COVE_ENOTFOUND);
    *explain = *cove_search_explain(s);
    cove_search_close(s);
    cove_store_abort(txn);
    cove_catalog_settle(alice.catalog);
    return explain->rows;
}

#endif
