#include "tests/power/work.h"

#include <stdio.h>
#include <string.h>

#include "node/node.h"

#define ITEMS (sizeof(((struct work *)0)->items) / sizeof(struct cove_id))

static const char v1[] =
    "{\"title\":\"Item\",\"version\":1,\"properties\":{\"name\":{\"type\":"
    "\"string\"},\"size\":{\"type\":\"string\"}}}";
static const char v2[] =
    "{\"title\":\"Item\",\"version\":2,\"properties\":{\"name\":{\"type\":"
    "\"string\"},\"size\":{\"type\":\"integer\"}}}";
static const char v1_to_v2[] =
    "{\"schema\":\"Item\",\"from\":1,\"to\":2,\"steps\":[{\"convert\":"
    "{\"field\":\"size\",\"to\":{\"type\":\"integer\"},\"forward\":"
    "[\"int_of_text\"],\"back\":[\"text_of_int\"]}}]}";

static uint64_t work_draw(struct work *w, uint64_t below)
{
    w->draw ^= w->draw << 13;
    w->draw ^= w->draw >> 7;
    w->draw ^= w->draw << 17;
    return (w->draw >> 16) % below;
}

static int work_open(struct work *w)
{
    return cove_open(w->dir, &w->options, &w->store);
}

static int work_close(struct work *w)
{
    cove_close(w->store);
    w->store = NULL;
    return 0;
}

static int work_reopen(struct work *w)
{
    work_close(w);
    return work_open(w);
}

/* End a transaction as its writes went. */
static int work_commit(struct cove_txn *txn, int err)
{
    if (err == 0) {
        return cove_commit(txn);
    }
    cove_abort(txn);
    return err;
}

static int work_writes(struct work *w, struct cove_txn **txn)
{
    return cove_begin(w->store, COVE_WRITE | COVE_VIEW, txn);
}

/* ------------------------------------------------------------ making things */

static int work_schema(struct work *w)
{
    return cove_schema_add(w->store, v1, NULL);
}

static int make_item(struct work *w, struct cove_txn *txn, size_t i)
{
    char json[96];

    snprintf(json, sizeof(json), "{\"name\":\"item %zu\",\"size\":\"%d\"}", i,
             (int)work_draw(w, 1000));
    return cove_new(txn, "Item", NULL, json, &w->items[i]);
}

static int work_items(struct work *w)
{
    struct cove_txn *txn;
    int err = work_writes(w, &txn);

    if (err != 0) {
        return err;
    }
    for (size_t i = 0; err == 0 && i < ITEMS; i++) {
        err = make_item(w, txn, i);
    }
    return work_commit(txn, err);
}

static int work_types(struct work *w)
{
    struct cove_txn *txn;
    int err = work_writes(w, &txn);

    if (err != 0) {
        return err;
    }
    err = cove_new(txn, NULL, NULL, "{\"n\":0}", &w->map);
    err = err ? err : cove_create(txn, COVE_COLIST, NULL, &w->list);
    err = err ? err : cove_create(txn, COVE_COTEXT, NULL, &w->text);
    err = err ? err : cove_create(txn, COVE_COCOUNTER, NULL, &w->counter);
    err = err ? err : cove_create(txn, COVE_COSTREAM, NULL, &w->stream);
    err = err ? err : cove_create(txn, COVE_COBINARY, NULL, &w->blob);
    return work_commit(txn, err);
}

/* --------------------------------------------------------------- editing it */

static int edit_map(struct work *w, struct cove_txn *txn)
{
    char field[24], text[400];
    size_t len = (size_t)work_draw(w, sizeof(text) - 1);

    memset(text, 'a' + w->turn % 26, len);
    text[len] = '\0';
    snprintf(field, sizeof(field), "field%d", (int)work_draw(w, 6));

    int err = cove_set(txn, &w->map, field, cove_text(text));

    return err ? err : cove_set(txn, &w->map, "n", cove_int(w->turn));
}

static int edit_list(struct work *w, struct cove_txn *txn)
{
    size_t length = 0;
    int err = cove_list_length(txn, &w->list, &length);

    err = err ? err
              : cove_list_insert(txn, &w->list, work_draw(w, length + 1),
                                 cove_int(w->turn));
    if (err == 0 && length > 4) {
        err =
            cove_list_splice(txn, &w->list, work_draw(w, length - 1), 1, NULL);
    }
    return err;
}

static int edit_text(struct work *w, struct cove_txn *txn)
{
    size_t length = 0;
    int err = cove_text_length(txn, &w->text, COVE_BYTES, &length);

    return err ? err
               : cove_text_splice(txn, &w->text, COVE_BYTES,
                                  work_draw(w, length + 1), 0,
                                  "and so it went on ", 18);
}

static int work_edit(struct work *w)
{
    struct cove_txn *txn;
    int err = work_writes(w, &txn);

    if (err != 0) {
        return err;
    }
    w->turn++;
    err = edit_map(w, txn);
    err = err ? err : edit_list(w, txn);
    err = err ? err : edit_text(w, txn);
    err = err ? err : cove_counter_add(txn, &w->counter, w->turn);
    err =
        err ? err : cove_stream_append(txn, &w->stream, cove_text("an entry"));
    return work_commit(txn, err);
}

/* One field of one document: the shortest commit that there is. */
static int work_set(struct work *w)
{
    struct cove_txn *txn;
    int err = work_writes(w, &txn);

    if (err != 0) {
        return err;
    }
    w->turn++;
    return work_commit(txn, cove_set(txn, &w->items[work_draw(w, ITEMS)],
                                     "name", cove_text("another name")));
}

static int work_upload(struct work *w)
{
    static const uint8_t bytes[30000] = "a picture";
    struct cove_blob blob = {
        .size_of = sizeof(blob), .name = "it", .bytes = sizeof(bytes)};
    struct cove_txn *txn;
    int64_t at = 0;
    int err = work_writes(w, &txn);

    if (err != 0) {
        return err;
    }
    err = cove_blob_begin(txn, &w->blob, &blob, &at);
    if (err == 0) {
        err = cove_blob_write(txn, &w->blob, bytes + at,
                              sizeof(bytes) - (size_t)at);
    }
    err = err ? err : cove_blob_end(txn, &w->blob);
    return work_commit(txn, err);
}

static int work_undo(struct work *w)
{
    struct cove_txn *txn;
    int err = work_writes(w, &txn);

    if (err != 0) {
        return err;
    }
    err = cove_undo(txn, &w->map);
    err = err ? err : cove_delete(txn, &w->items[0], "name");
    return work_commit(txn, err);
}

static int work_branch(struct work *w)
{
    char name[24];
    struct cove_txn *txn;
    int err = work_writes(w, &txn);

    if (err != 0) {
        return err;
    }
    snprintf(name, sizeof(name), "branch%d", ++w->turn);
    err = cove_branch(txn, &w->map, name);
    err = err ? err : cove_switch(txn, &w->map, name);
    err = err ? err : cove_set(txn, &w->map, "n", cove_int(-w->turn));
    err = err ? err : cove_switch(txn, &w->map, NULL);
    err = err ? err : cove_merge(txn, &w->map, name);
    return work_commit(txn, err);
}

/* ---------------------------------------------------------------- migrating */

static int work_migration(struct work *w)
{
    return cove_migration_add(w->store, v1_to_v2, v2);
}

/* Reads that write back what they have converted. */
static int work_migrate(struct work *w)
{
    struct cove_value value;
    struct cove_txn *txn;
    int err = cove_begin(w->store, COVE_WRITE, &txn);

    if (err != 0) {
        return err;
    }
    for (size_t i = 0; err == 0 && i < ITEMS / 2; i++) {
        err = cove_get(txn, &w->items[i], "size", &value);
    }
    return work_commit(txn, err);
}

/* The rest, two documents a commit. */
static int work_sweep(struct work *w)
{
    char *reply = NULL;
    int err = cove_admin(w->store,
                         "{\"do\":\"migrate.run\",\"schema\":\"Item\","
                         "\"batch\":2,\"rate\":0,\"max\":100}",
                         &reply);

    cove_free(reply);
    return err;
}

/* ---------------------------------------------------------------- ingesting */

struct ingest {
    struct cove_txn *from, *to;
    struct cove_arena arena;
    struct cove_diag diag;
};

static int ingest_document(struct ingest *in, cove_num num)
{
    struct cove_repo *from = in->from->worker->repo;
    struct cove_repo *to = in->to->worker->repo;
    struct cove_doc_outline doc;
    cove_num there;
    int err = cove_repo_outline(from, in->from->txn, num, &in->arena, &doc);

    err = err ? err
              : cove_repo_ingest_header(to, in->to->txn, &doc.id,
                                        doc.header_bytes, &there, &in->diag);
    for (size_t i = 0; err == 0 && i < doc.session_count; i++) {
        struct cove_ingest_result result = {.have = 0};

        while (err == 0 && result.have < doc.sessions[i].len) {
            struct cove_batch batch;

            err = cove_repo_read(from, in->from->txn, num,
                                 &doc.sessions[i].session, result.have,
                                 COVE_MAX_BATCH, &in->arena, &batch);
            err = err ? err
                      : cove_repo_ingest(to, in->to->txn, &batch, 0, &result,
                                         &in->diag);
        }
    }
    return err;
}

/* Everything that the peer has, in one transaction. */
static int ingest_all(struct work *w, struct ingest *in)
{
    cove_num num = 0;
    int err = work_writes(w, &in->to);

    if (err != 0) {
        return err;
    }
    do {
        err =
            cove_repo_next(in->from->worker->repo, in->from->txn, 0, num, &num);
        err = err ? err : ingest_document(in, num);
    } while (err == 0);
    in->to->wrote = true;
    return work_commit(in->to, err == COVE_ENOTFOUND ? 0 : err);
}

/* Another device writes … */
static int work_afar(struct work *w)
{
    struct cove_txn *txn;
    struct cove_id id;
    int err = cove_begin(w->peer, COVE_WRITE, &txn);

    return err ? err
               : work_commit(txn, cove_new(txn, NULL, NULL,
                                           "{\"from\":\"afar\"}", &id));
}

/* … and this one takes it. */
static int work_ingest(struct work *w)
{
    struct ingest in = {.from = NULL};
    int err = cove_begin(w->peer, COVE_READ, &in.from);

    if (err != 0) {
        return err;
    }
    cove_arena_init(&in.arena, &cove_alloc_libc);
    err = ingest_all(w, &in);
    cove_arena_clear(&in.arena);
    cove_abort(in.from);
    return err;
}

/* ------------------------------------------------------------------- upkeep */

static int work_backup(struct work *w)
{
    char request[300];
    char *reply = NULL;

    snprintf(request, sizeof(request), "{\"do\":\"backup\",\"path\":\"%s\"}",
             w->backup);

    int err = cove_admin(w->store, request, &reply);

    cove_free(reply);
    return err;
}

static int work_ask(struct work *w, const char *request)
{
    char *reply = NULL;
    int err = cove_admin(w->store, request, &reply);

    cove_free(reply);
    return err;
}

/* Pack the logs, and make the file anew. */
static int work_compact(struct work *w)
{
    int err = work_ask(w, "{\"do\":\"compact\",\"days\":0}");

    return err ? err : work_ask(w, "{\"do\":\"compact.file\"}");
}

/* Cut the beginning of histories off; of the map's there is enough then. */
static int work_cut(struct work *w)
{
    char text[5000];
    struct cove_txn *txn;
    int err = work_writes(w, &txn);

    if (err != 0) {
        return err;
    }
    memset(text, 'c', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    err = work_commit(txn, cove_set(txn, &w->map, "long", cove_text(text)));
    return err ? err
               : work_ask(w, "{\"do\":\"history.cut\",\"keep\":0,\"yes\":true,"
                             "\"force\":true,\"noBackup\":true}");
}

static int work_check(struct work *w)
{
    char *reply = NULL;
    int err = cove_admin(w->store, "{\"do\":\"check\"}", &reply);

    if (err == 0 && strstr(reply, "\"damaged\":[]") == NULL) {
        fprintf(stderr, "%s\n", reply);
        err = COVE_ECORRUPT;
    }
    cove_free(reply);
    return err;
}

/* -------------------------------------------------------------------- steps */

const struct work_step work_steps[] = {
    {"open", work_open},
    {"schema", work_schema},
    {"types", work_types},
    {"items", work_items},
    {"edit", work_edit},
    {"set", work_set},
    {"upload", work_upload},
    {"undo", work_undo},
    {"branch", work_branch},
    {"afar", work_afar},
    {"ingest", work_ingest},
    {"migration", work_migration},
    {"migrate", work_migrate},
    {"sweep", work_sweep},
    {"cut", work_cut},
    {"backup", work_backup},
    {"compact", work_compact},
    {"check", work_check},
    {"reopen", work_reopen},
    {"close", work_close},
    {NULL, NULL},
};

int work_do(struct work *w, const char *name)
{
    for (const struct work_step *step = work_steps; step->name != NULL;
         step++) {
        if (strcmp(step->name, name) == 0) {
            return step->run(w);
        }
    }
    return COVE_EUSAGE;
}

void work_begin(struct work *w, const char *base, uint64_t seed)
{
    struct cove_options memory = {.size = sizeof(memory),
                                  .flags = COVE_OPEN_MEMORY};

    memset(w, 0, sizeof(*w));
    w->draw = seed * 2654435761U + 88172645463325252U;
    w->options.size = sizeof(w->options);
    w->options.flags = COVE_OPEN_CREATE;
    w->options.map_bytes = 128 << 10; /* it grows more than once */
    snprintf(w->dir, sizeof(w->dir), "%.190s/store", base);
    snprintf(w->backup, sizeof(w->backup), "%.190s/copy", base);
    if (cove_open(NULL, &memory, &w->peer) != 0) {
        cove_close(w->peer);
        w->peer = NULL;
    }
}

void work_end(struct work *w)
{
    cove_close(w->store);
    cove_close(w->peer);
    w->store = w->peer = NULL;
}
