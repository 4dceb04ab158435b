/* admin_once.c: migrate.once: a change of data under a name, made once. */
#include "migrate/once.h"

#include "core/hlc.h"
#include "core/value.h"
#include "node/admin.h"

#include "core/cbor.h"

#define ONCE_MAX   4096 /* documents a call */
#define ONCE_SHOWN 100  /* patches that a dry run shows */

struct work { /* a request, and the change that it is about */
    struct admin *a;
    struct cove_once once;
    struct cove_once_script script;
    const char *schema, *version;
    int64_t max;
    bool dry;
    struct node_json shown; /* "patches" of a dry run */
    size_t shown_count;
};

/* ------------------------------------------------------------------- request
 */

/* `set` and `delete` as edits. */
static int once_edits(struct work *w)
{
    struct cove_bytes set, drop;
    struct cove_reader r;
    size_t sets = 0, drops = 0;
    int err = admin_map(w->a, "set", &set);

    err = err != 0 ? err : admin_value(w->a, "delete", &drop);
    if (err != 0) {
        return err;
    }
    if (drop.len > 0 && cove_value_kind(drop) != COVE_KIND_LIST) {
        return cove_fail(&w->a->diag, COVE_EUSAGE,
                         "\"delete\" must be a list of fields");
    }
    if (drop.len > 0) {
        cove_reader_init(&r, drop);
        drops = cove_reader_list(&r);
    }
    struct cove_edit *edits = NULL;

    if (set.len > 0) {
        struct cove_reader s;

        cove_reader_init(&s, set);
        sets = cove_reader_map(&s);
        edits =
            cove_arena_array(&w->a->arena, sets + drops + 1, sizeof(*edits));
        for (size_t i = 0; edits != NULL && i < sets; i++) {
            edits[i].name = cove_reader_text(&s);
            edits[i].value = cove_reader_item(&s);
        }
    } else {
        edits = cove_arena_array(&w->a->arena, drops + 1, sizeof(*edits));
    }
    if (edits == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < drops; i++) {
        struct cove_bytes item = cove_reader_item(&r);

        if (cove_value_kind(item) != COVE_KIND_TEXT) {
            return cove_fail(&w->a->diag, COVE_EUSAGE,
                             "\"delete\" must be a list of fields");
        }
        edits[sets + i].name = cove_value_text(item);
        edits[sets + i].deleted = true;
    }
    w->once.edits = edits;
    w->once.edit_count = sets + drops;
    if (w->once.script != NULL) {
        return sets + drops == 0
                   ? 0
                   : cove_fail(&w->a->diag, COVE_EUSAGE,
                               "\"lua\" says what changes; \"set\" and "
                               "\"delete\" do not go with it");
    }
    return sets + drops > 0 ? 0
                            : cove_fail(&w->a->diag, COVE_EUSAGE,
                                        "\"set\", \"delete\" or \"lua\" is "
                                        "missing: nothing would change");
}

static int once_limit(struct work *w, const char *key, int64_t least,
                      int64_t most, uint32_t *out)
{
    int64_t v = *out;
    int err = admin_int(w->a, key, &v);

    if (err == 0 && (v < least || v > most)) {
        err = cove_fail(&w->a->diag, COVE_EUSAGE,
                        "\"%s\" is %lld to %lld, for one document", key,
                        (long long)least, (long long)most);
    }
    *out = (uint32_t)v;
    return err;
}

/* `lua`, `fuel`, `memory`, `dry_run`. */
static int once_script(struct work *w)
{
    const char *source = NULL;
    struct cove_script *script = NULL;
    int err = admin_text(w->a, "lua", &source);

    w->script.limits.fuel = COVE_SCRIPT_FUEL;
    w->script.limits.memory = COVE_SCRIPT_MEMORY;
    err = err != 0 ? err
                   : once_limit(w, "fuel", 1, COVE_SCRIPT_FUEL_MAX,
                                &w->script.limits.fuel);
    err = err != 0
              ? err
              : once_limit(w, "memory", COVE_SCRIPT_MEMORY_MIN,
                           COVE_SCRIPT_MEMORY_MAX, &w->script.limits.memory);
    err = err != 0 ? err : admin_flag(w->a, "dry_run", &w->dry);
    if (err != 0 || source == NULL) {
        return err;
    }
    w->script.source = cove_bytes_text(source);
    w->script.dry = w->dry;
    w->once.script = &w->script;
    err = cove_script_new(w->a->store->alloc, w->script.source, &script,
                          &w->a->diag);
    cove_script_free(script);
    return err;
}

/* What the change is, apart from how it is made. */
static void once_hash(struct work *w)
{
    struct cove_bytes parts[5];
    size_t count = w->once.script != NULL ? 5 : 4;

    admin_value(w->a, "set", &parts[0]);
    admin_value(w->a, "delete", &parts[1]);
    admin_value(w->a, "where", &parts[2]);
    parts[3] = cove_bytes_text(w->version != NULL ? w->version : "");
    parts[4] = w->script.source;
    w->once.change = cove_hash_parts("cove/once", parts, count);
}

static int once_read(struct work *w)
{
    const char *name = NULL;
    int err = admin_text(w->a, "schema", &w->schema);

    err = err != 0 ? err : admin_need(w->a, "schema", w->schema);
    err = err != 0 ? err : admin_version(w->a, &w->version);
    err = err != 0 ? err : admin_text(w->a, "name", &name);
    err = err != 0 ? err : admin_need(w->a, "name", name);
    err = err != 0 ? err : admin_int(w->a, "max", &w->max);
    if (err != 0) {
        return err;
    }
    w->once.name = cove_bytes_text(name);
    if (w->once.name.len == 0 || w->once.name.len > COVE_ONCE_NAME) {
        return cove_fail(&w->a->diag, COVE_EUSAGE, "\"name\" has 1 to %d bytes",
                         COVE_ONCE_NAME);
    }
    if (w->max < 1) {
        return cove_fail(&w->a->diag, COVE_EUSAGE, "\"max\" is 1 or more");
    }
    err = once_script(w);
    err = err != 0 ? err : once_edits(w);
    err = err != 0 ? err : admin_where(w->a, &w->once.where);
    once_hash(w);
    return err;
}

/* --------------------------------------------------------------------- reply
 */

static void once_json(struct work *w, const char *state)
{
    struct node_json *j = &w->a->reply;
    const struct {
        const char *key;
        uint64_t value;
    } numbers[] = {{"done", w->once.done},
                   {"matched", w->once.matched},
                   {"changed", w->once.changed},
                   {"failed", w->once.failed}};

    node_json_key(j, "name");
    node_json_text(j, w->once.name);
    node_json_key(j, "state");
    node_json_cstr(j, state);
    for (size_t i = 0; i < COVE_ARRAY_LEN(numbers); i++) {
        node_json_key(j, numbers[i].key);
        node_json_int(j, (int64_t)numbers[i].value);
    }
    if (w->once.error[0] != '\0') {
        node_json_key(j, "error");
        node_json_cstr(j, w->once.error);
    }
}

static void once_before_json(struct work *w,
                             const struct cove_once_before *before)
{
    struct node_json *j = &w->a->reply;

    once_json(w, "noop");
    node_json_key(j, "time");
    node_json_int(j, cove_hlc_ms(before->hlc));
    node_json_key(j, "author");
    node_json_hex(j, before->author.b, sizeof(before->author.b));
    node_json_key(j, "finished");
    node_json_bool(j, true);
}

/* ---------------------------------------------------------------------- verb
 */

/* One commit: a look whether it was done, then a batch. */
static int once_step(struct work *w, bool *again)
{
    struct cove_once_before before;
    struct cove_catalog *catalog;
    struct cove_txn *txn;
    int err = node_begin(w->a->store, COVE_WRITE, &txn);

    if (err != 0) {
        return err;
    }
    catalog = txn->worker->catalog;
    err = node_head(txn, w->schema, w->version, &w->once.schema, &w->once.head);
    if (err == 0) {
        err = cove_once_before(catalog, txn->txn, w->once.schema, w->once.name,
                               &before);
        if (err == 0) {
            *again = true;
            once_before_json(w, &before);
        } else if (err == COVE_ENOTFOUND) {
            txn->wrote = true;
            err = cove_once_step(catalog, txn->txn, &w->once, &txn->diag);
        }
    }
    return admin_end(w->a, txn, err);
}

static void once_shown(void *ctx, const struct cove_id *id,
                       const struct cove_edit *edits, size_t count,
                       const char *error)
{
    struct work *w = ctx;
    struct node_json *j = &w->shown;
    bool drops = false;

    if (w->shown_count++ >= ONCE_SHOWN) {
        return;
    }
    node_json_open(j, '{');
    node_json_key(j, "id");
    node_json_id(j, id);
    if (error != NULL) {
        node_json_key(j, "error");
        node_json_cstr(j, error);
        node_json_close(j, '}');
        return;
    }
    node_json_key(j, "set");
    node_json_open(j, '{');
    for (size_t i = 0; i < count; i++) {
        drops = drops || edits[i].deleted;
        if (!edits[i].deleted) {
            node_json_key_bytes(j, edits[i].name);
            node_json_value(j, edits[i].value);
        }
    }
    node_json_close(j, '}');
    if (drops) {
        node_json_key(j, "delete");
        node_json_open(j, '[');
        for (size_t i = 0; i < count; i++) {
            if (edits[i].deleted) {
                node_json_text(j, edits[i].name);
            }
        }
        node_json_close(j, ']');
    }
    node_json_close(j, '}');
}

/* What it would do to all documents; nothing is written, and nobody waits. */
static int once_dry(struct work *w)
{
    struct node_json *j = &w->a->reply;
    int err = 0;

    node_json_init(&w->shown, w->a->store->alloc);
    node_json_open(&w->shown, '[');
    while (err == 0 && !w->once.finished) {
        struct cove_txn *txn;

        err = node_begin(w->a->store, COVE_READ, &txn);
        if (err != 0) {
            break;
        }
        err = node_head(txn, w->schema, w->version, &w->once.schema,
                        &w->once.head);
        err = err != 0 ? err
                       : cove_once_try(txn->worker->catalog, txn->txn, &w->once,
                                       once_shown, w, &txn->diag);
        err = admin_end(w->a, txn, err);
    }
    node_json_close(&w->shown, ']');
    err = err != 0 ? err : w->shown.err;
    if (err == 0) {
        once_json(w, "dry");
        node_json_key(j, "patches");
        node_json_raw(j, cove_buf_bytes(&w->shown.out));
        node_json_key(j, "finished");
        node_json_bool(j, true);
    }
    cove_buf_clear(&w->shown.out);
    return err;
}

static int verb_once(struct admin *a)
{
    struct work w = {.a = a, .max = ONCE_MAX};
    uint64_t begun;
    bool again = false;
    int err = once_read(&w);

    if (err == 0 && w.dry) {
        return once_dry(&w);
    }
    err = err != 0 ? err : once_step(&w, &again);
    begun = w.once.done;
    while (err == 0 && !again && !w.once.finished &&
           w.once.done - begun < (uint64_t)w.max) {
        err = once_step(&w, &again);
    }
    if (err == 0 && !again) {
        once_json(&w, w.once.finished ? "completed" : "running");
        node_json_key(&a->reply, "finished");
        node_json_bool(&a->reply, w.once.finished);
    }
    return err;
}

const struct admin_verb admin_once_verbs[] = {
    {"migrate.once",
     "schema version name set delete lua fuel memory where max dry_run",
     verb_once},
    {NULL, NULL, NULL},
};
