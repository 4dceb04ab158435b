/* admin_activity.c: the verb activity: the records of all owners as one. */
#include "migrate/activity.h"

#include "core/hlc.h"
#include "core/value.h"
#include "node/admin.h"

#include "core/cbor.h"

#include <stdlib.h>

#define ACTIVITY_LIMIT 100

struct log_entry {
    struct cove_id owner;
    struct cove_bytes key;
    struct cove_bytes map;
    uint64_t hlc;
    struct cove_key author;
};

struct log { /* what is collected, in the transaction's arena */
    struct admin *a;
    struct cove_txn *txn;
    struct cove_bytes schema; /* len 0: all */
    struct cove_id *owners;
    size_t owner_count, owner_cap;
    struct log_entry *entries;
    size_t count, cap;
};

/* -------------------------------------------------------------- collecting */

static int log_owner(struct log *l, const struct cove_id *owner)
{
    void *owners = l->owners;

    for (size_t i = 0; i < l->owner_count; i++) {
        if (memcmp(l->owners[i].b, owner->b, sizeof(owner->b)) == 0) {
            return 0;
        }
    }
    int err = cove_arena_grow(&l->txn->arena, &owners, sizeof(*l->owners),
                              l->owner_count, &l->owner_cap);

    if (err == 0) {
        l->owners = owners;
        l->owners[l->owner_count++] = *owner;
    }
    return err;
}

/* The owner of a named schema, or of each that is here. */
static int log_owners(struct log *l, const char *name)
{
    struct cove_catalog *catalog = l->txn->worker->catalog;
    const struct cove_schema_doc *schema;
    cove_num num = 0;
    int err = 0;

    if (name != NULL) {
        err =
            cove_catalog_find(catalog, l->txn->txn, name, &num, &l->txn->diag);
        if (err == 0) {
            err = cove_catalog_open(catalog, l->txn->txn, num, &schema);
        }
        if (err == 0) {
            l->schema = schema->name;
            err = log_owner(l, &schema->owner);
        }
        return err;
    }
    while (err == 0) {
        err = cove_repo_next(l->txn->worker->repo, l->txn->txn,
                             COVE_NUM_JOURNALS, num, &num);
        if (err == 0) {
            err = cove_catalog_open(catalog, l->txn->txn, num, &schema);
        }
        if (err == 0) {
            err = log_owner(l, &schema->owner);
        }
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int log_take(void *ctx, const struct cove_activity_entry *entry)
{
    struct log *l = ctx;
    struct cove_bytes schema;
    void *entries = l->entries;

    if (l->schema.len > 0 &&
        (!cove_value_member(entry->map, "schema", &schema) ||
         cove_value_kind(schema) != COVE_KIND_TEXT ||
         !cove_bytes_equal(cove_value_text(schema), l->schema))) {
        return 0;
    }
    int err = cove_arena_grow(&l->txn->arena, &entries, sizeof(*l->entries),
                              l->count, &l->cap);

    if (err != 0) {
        return err;
    }
    l->entries = entries;
    struct log_entry *e = &l->entries[l->count];

    e->owner = l->owners[0]; /* of the one that is walked: see log_collect */
    e->hlc = entry->hlc;
    e->author = entry->author;
    err = cove_arena_copy(&l->txn->arena, entry->key, &e->key);
    if (err == 0) {
        err = cove_arena_copy(&l->txn->arena, entry->map, &e->map);
    }
    l->count += err == 0;
    return err;
}

static int log_order(const void *left, const void *right)
{
    const struct log_entry *a = left, *b = right;

    return a->hlc != b->hlc ? (a->hlc < b->hlc ? -1 : 1)
                            : cove_bytes_compare(a->key, b->key);
}

static int log_collect(struct log *l)
{
    int err = 0;

    for (; l->owner_count > 0 && err == 0; l->owners++, l->owner_count--) {
        err = cove_activity_each(l->txn->worker->catalog, l->txn->txn,
                                 &l->owners[0], log_take, l);
    }
    if (err == 0 && l->count > 1) {
        qsort(l->entries, l->count, sizeof(*l->entries), log_order);
    }
    return err;
}

/* ----------------------------------------------------------------- replying */

/* Members of the entry's own that the reply says itself. */
static bool entry_shadowed(struct cove_bytes key)
{
    return cove_bytes_equal(key, cove_bytes_text("time")) ||
           cove_bytes_equal(key, cove_bytes_text("author")) ||
           cove_bytes_equal(key, cove_bytes_text("owner"));
}

static void entry_json(struct node_json *j, const struct log_entry *e)
{
    struct cove_reader r;

    node_json_open(j, '{');
    node_json_key(j, "time");
    node_json_int(j, cove_hlc_ms(e->hlc));
    node_json_key(j, "author");
    node_json_hex(j, e->author.b, sizeof(e->author.b));
    node_json_key(j, "owner");
    node_json_id(j, &e->owner);
    cove_reader_init(&r, e->map);
    for (size_t n = cove_reader_map(&r); n > 0; n--) {
        struct cove_bytes key = cove_reader_text(&r);
        struct cove_bytes value = cove_reader_item(&r);

        if (!entry_shadowed(key)) {
            node_json_key_bytes(j, key);
            node_json_value(j, value);
        }
    }
    node_json_close(j, '}');
}

static int verb_activity(struct admin *a)
{
    struct log l = {.a = a};
    const char *name = NULL;
    int64_t limit = ACTIVITY_LIMIT;
    int err = admin_text(a, "schema", &name);

    err = err != 0 ? err : admin_int(a, "limit", &limit);
    if (err == 0 && limit < 0) {
        err = cove_fail(&a->diag, COVE_EUSAGE, "\"limit\" is 0 or more");
    }
    if (err == 0) {
        err = node_begin(a->store, COVE_READ, &l.txn);
    }
    if (err != 0) {
        return err;
    }
    err = log_owners(&l, name);
    err = err != 0 ? err : log_collect(&l);
    node_json_key(&a->reply, "entries");
    node_json_open(&a->reply, '[');
    for (size_t i = l.count > (uint64_t)limit ? l.count - (size_t)limit : 0;
         err == 0 && i < l.count; i++) {
        entry_json(&a->reply, &l.entries[i]);
    }
    node_json_close(&a->reply, ']');
    return admin_end(a, l.txn, err);
}

const struct admin_verb admin_activity_verbs[] = {
    {"activity", "schema limit", verb_activity},
    {NULL, NULL, NULL},
};
