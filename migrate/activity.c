/* activity.c: see activity.h. */
#include "migrate/activity.h"

#include "core/cbor.h"
#include "core/hlc.h"
#include "core/value.h"
#include "migrate/unique.h"

#include <stdio.h>
#include <stdlib.h>

#define ACTIVITY_KEY 48 /* bytes that a key has at most, NUL included */

struct activity {
    struct cove_catalog *catalog;
    struct cove_repo *repo;
    struct cove_store_txn *txn;
    struct cove_arena arena;
    struct cove_diag *diag;
};

static void activity_begin(struct activity *a, struct cove_catalog *catalog,
                           struct cove_store_txn *txn, struct cove_diag *diag)
{
    a->catalog = catalog;
    a->repo = cove_catalog_repo(catalog);
    a->txn = txn;
    a->diag = diag;
    cove_arena_init(&a->arena, cove_catalog_alloc(catalog));
}

/* The owner's record, made where `create` says so. COVE_ENOTFOUND. */
static int activity_open(struct activity *a, const struct cove_id *owner,
                         bool create, struct cove_doc *out)
{
    struct cove_unique unique = {
        .owner = owner, .name = "activity", .create = create};
    cove_num num;
    int err =
        cove_unique_open(a->catalog, a->txn, &unique, &num, NULL, a->diag);

    return err != 0
               ? err
               : cove_repo_load(a->repo, a->txn, num, &a->arena, out, a->diag);
}

/* May this device write to documents of the owner? */
static int activity_may(struct activity *a, const struct cove_id *owner,
                        bool *out)
{
    enum cove_role role = COVE_ROLE_NONE;
    cove_num num;
    int err = cove_repo_find(a->repo, a->txn, owner, &num);

    if (err == 0) {
        err = cove_repo_role(a->repo, a->txn, num, cove_repo_device(a->repo),
                             &role);
    }
    if (err == 0 || err == COVE_ENOTFOUND) {
        *out = role >= COVE_ROLE_WRITER;
        err = 0;
    }
    return err;
}

/* The first key of this device and this millisecond that is not taken. */
static void activity_key(const struct activity *a, const struct cove_doc *doc,
                         char out[ACTIVITY_KEY])
{
    const struct cove_env *env = cove_repo_env(a->repo);
    int64_t now_ms = env->now_ms(env->ctx);
    char device[COVE_HEX_LEN(4)];
    size_t begin, end;
    unsigned n = 0;

    cove_hex(cove_bytes(cove_repo_device(a->repo)->b, 4), device);
    do {
        snprintf(out, ACTIVITY_KEY, "%013lld~%s~%u",
                 (long long)(now_ms > 0 ? now_ms : 0), device, n++);
        cove_state_natives(&doc->state, cove_bytes_text(out), &begin, &end);
    } while (begin < end);
}

/* ------------------------------------------------------------------ an entry
 */

/* A member, unless there is one of that name. */
static int entry_add(struct activity *a, struct cove_pair *pairs, size_t *count,
                     const char *key, struct cove_bytes text)
{
    struct cove_pair *p = &pairs[*count];
    int err = cove_value_of_text(&a->arena, cove_bytes_text(key), &p->key);

    if (err == 0) {
        err = cove_value_of_text(&a->arena, text, &p->value);
    }
    for (size_t i = 0; i < *count && err == 0; i++) {
        if (cove_bytes_equal(pairs[i].key, p->key)) {
            return 0;
        }
    }
    *count += err == 0;
    return err;
}

static int entry_value(struct activity *a, const struct cove_activity *entry,
                       struct cove_buf *out)
{
    char device[COVE_HEX_LEN(32)];
    struct cove_reader r;
    struct cove_writer w;
    size_t given = 0, count = 0;

    if (entry->details.len > 0) {
        cove_reader_init(&r, entry->details);
        given = cove_reader_map(&r);
    }
    struct cove_pair *pairs =
        cove_arena_array(&a->arena, given + 3, sizeof(*pairs));

    if (pairs == NULL) {
        return COVE_ENOMEM;
    }
    for (; count < given; count++) {
        pairs[count].key = cove_reader_item(&r);
        pairs[count].value = cove_reader_item(&r);
    }
    cove_hex(cove_bytes(cove_repo_device(a->repo)->b, 32), device);
    int err = entry_add(a, pairs, &count, "what", cove_bytes_text(entry->what));

    err = err != 0 ? err : entry_add(a, pairs, &count, "schema", entry->schema);
    err = err != 0
              ? err
              : entry_add(a, pairs, &count, "device", cove_bytes_text(device));
    if (err == 0) {
        cove_writer_init(&w, out);
        cove_writer_map_sorted(&w, pairs, count);
        err = w.err;
    }
    return err;
}

int cove_activity_note(struct cove_catalog *catalog, struct cove_store_txn *txn,
                       const struct cove_id *owner,
                       const struct cove_activity *activity,
                       struct cove_diag *diag)
{
    struct activity a;
    struct cove_doc doc;
    struct cove_buf value;
    char key[ACTIVITY_KEY];
    bool may = false;

    activity_begin(&a, catalog, txn, diag);
    cove_buf_init(&value, cove_catalog_alloc(catalog));
    int err = activity_may(&a, owner, &may);

    if (err != 0 || !may) {
        goto out;
    }
    err = activity_open(&a, owner, true, &doc);
    /* A record that is full keeps what it has: nothing decides by it. */
    if (err != 0 || doc.state.native_count >= COVE_MAX_KEYS) {
        goto out;
    }
    err = entry_value(&a, activity, &value);
    if (err == 0) {
        activity_key(&a, &doc, key);

        struct cove_tx_op op = {.reg = cove_bytes_text(key),
                                .value = cove_buf_bytes(&value)};
        struct cove_tx tx = {.kind = COVE_TX_NATIVE, .ops = &op, .op_count = 1};

        err = cove_repo_append(a.repo, txn, &doc, &tx, diag);
    }
out:
    cove_buf_clear(&value);
    cove_arena_clear(&a.arena);
    return err;
}

int cove_activity_note_step(struct cove_catalog *catalog,
                            struct cove_store_txn *txn,
                            const struct cove_id *owner,
                            const struct cove_activity_step *step,
                            struct cove_diag *diag)
{
    struct cove_activity activity = {.what = step->what,
                                     .schema = step->schema};
    char hex[COVE_HEX_LEN(32)];
    struct cove_buf details;
    struct cove_writer w;

    cove_hex(cove_bytes(step->step.b, 32), hex);
    cove_buf_init(&details, cove_catalog_alloc(catalog));
    cove_writer_init(&w, &details);
    cove_writer_map(&w, 2); /* keys in CBOR's order: the shorter one first */
    cove_writer_cstr(&w, "step");
    cove_writer_cstr(&w, hex);
    cove_writer_cstr(&w, "version");
    cove_writer_int(&w, step->version);
    activity.details = cove_buf_bytes(&details);
    int err = w.err != 0
                  ? w.err
                  : cove_activity_note(catalog, txn, owner, &activity, diag);

    cove_buf_clear(&details);
    return err;
}

/* ------------------------------------------------------------------- reading
 */

static int entry_order(const void *left, const void *right)
{
    const struct cove_activity_entry *a = left, *b = right;

    return a->hlc != b->hlc ? (a->hlc < b->hlc ? -1 : 1)
                            : cove_bytes_compare(a->key, b->key);
}

int cove_activity_each(struct cove_catalog *catalog, struct cove_store_txn *txn,
                       const struct cove_id *owner, cove_activity_visit *visit,
                       void *ctx)
{
    struct cove_activity_entry *entries = NULL;
    struct activity a;
    struct cove_doc doc;
    size_t count = 0;

    activity_begin(&a, catalog, txn, NULL);
    int err = activity_open(&a, owner, false, &doc);

    if (err == 0) {
        entries = cove_arena_array(&a.arena, doc.state.native_count + 1,
                                   sizeof(*entries));
        err = entries == NULL ? COVE_ENOMEM : 0;
    }
    for (size_t i = 0; err == 0 && i < doc.state.native_count; i++) {
        const struct cove_native *n = &doc.state.natives[i];

        if (!n->deleted && cove_value_kind(n->value) == COVE_KIND_MAP) {
            entries[count++] =
                (struct cove_activity_entry){.key = n->reg,
                                             .map = n->value,
                                             .hlc = n->id.hlc,
                                             .author = n->id.device};
        }
    }
    if (err == 0 && count > 1) {
        qsort(entries, count, sizeof(*entries), entry_order);
    }
    for (size_t i = 0; err == 0 && i < count; i++) {
        err = visit(ctx, &entries[i]);
    }
    cove_arena_clear(&a.arena);
    return err == COVE_ENOTFOUND && entries == NULL ? 0 : err;
}
