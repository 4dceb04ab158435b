/* admin_doc.c: the verbs on documents: init, key, new-group, new, get, header,
 * set, find. */
#include "node/admin.h"
#include "node/validate.h"

#include "core/cbor.h"
#include "core/value.h"

static int verb_key(struct admin *a)
{
    node_json_key(&a->reply, "device");
    node_json_hex(&a->reply, a->store->device.b, sizeof(a->store->device.b));
    node_json_key(&a->reply, "account");
    node_json_id(&a->reply, &a->store->account);
    return 0;
}

static int verb_init(struct admin *a)
{
    node_json_key(&a->reply, "store");
    node_json_cstr(&a->reply,
                   a->store->dir != NULL ? a->store->dir : ":memory:");
    return verb_key(a);
}

/* ------------------------------------------------------------------ groups */

/* A text item of the request, NUL-terminated in the arena; "" where it is no
 * text, NULL where memory is out. */
static const char *group_word(struct admin *a, struct cove_bytes item)
{
    struct cove_bytes text = {NULL, 0};

    if (cove_value_kind(item) == COVE_KIND_TEXT) {
        text = cove_value_text(item);
    }
    return cove_arena_printf(&a->arena, "%.*s", (int)text.len,
                             (const char *)text.at);
}

/* "hex key": "role" as a device and its role. */
static int group_member(struct admin *a, struct cove_reader *r,
                        struct cove_key *device, enum cove_role *role)
{
    const char *key = group_word(a, cove_reader_item(r));
    const char *name = group_word(a, cove_reader_item(r));

    if (key == NULL || name == NULL) {
        return COVE_ENOMEM;
    }
    if (cove_hex_parse(key, device->b, sizeof(device->b)) != 0) {
        return cove_fail(&a->diag, COVE_EUSAGE,
                         "member \"%s\": a device key has 64 hex digits "
                         "(`cove key` shows one)",
                         key);
    }
    if (cove_role_parse(name, role) != 0) {
        return cove_fail(&a->diag, COVE_EUSAGE,
                         "member %.16s…: role \"%s\"; there are admin, writer "
                         "and reader",
                         key, name);
    }
    return 0;
}

/* The same as a pair of the header's map. */
static int group_pair(struct admin *a, const struct cove_key *device,
                      enum cove_role role, struct cove_pair *out)
{
    struct cove_buf buf = {.alloc = a->store->alloc};
    struct cove_bytes copy;
    struct cove_writer w;
    size_t key_len;

    cove_writer_init(&w, &buf);
    cove_writer_bytes(&w, device->b, sizeof(device->b));
    key_len = buf.len;
    cove_writer_cstr(&w, cove_role_name(role));
    int err = w.err != 0
                  ? w.err
                  : cove_arena_copy(&a->arena, cove_buf_bytes(&buf), &copy);

    cove_buf_clear(&buf);
    if (err == 0) {
        out->key = cove_bytes(copy.at, key_len);
        out->value = cove_bytes(copy.at + key_len, copy.len - key_len);
    }
    return err;
}

/* The header's members map from the request's {"hex key": "role"}, with the
 * own device as admin where it is not named. */
static int group_members(struct admin *a, struct cove_bytes given,
                         struct cove_buf *out)
{
    struct cove_pair *pairs;
    struct cove_reader r;
    struct cove_writer w;
    bool own = false;
    int err = 0;

    cove_reader_init(&r, given);
    size_t n = given.len > 0 ? cove_reader_map(&r) : 0;

    pairs = cove_arena_array(&a->arena, n + 1, sizeof(*pairs));
    if (pairs == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < n && err == 0; i++) {
        struct cove_key device = {{0}};
        enum cove_role role = COVE_ROLE_NONE;

        err = group_member(a, &r, &device, &role);
        if (err == 0) {
            own = own || memcmp(device.b, a->store->device.b, 32) == 0;
            err = group_pair(a, &device, role, &pairs[i]);
        }
    }
    if (err == 0 && !own) {
        err = group_pair(a, &a->store->device, COVE_ROLE_ADMIN, &pairs[n++]);
    }
    if (err == 0) {
        cove_writer_init(&w, out);
        cove_writer_map_sorted(&w, pairs, n);
        err = w.err;
    }
    return err;
}

static int group_create(struct admin *a, struct cove_txn *txn,
                        const struct cove_header *h, struct cove_id *id)
{
    struct cove_buf header;
    cove_num num;

    cove_buf_init(&header, a->store->alloc);
    int err = cove_header_encode(h, &header, id, &a->diag);

    if (err == 0) {
        err = cove_repo_create(txn->worker->repo, txn->txn,
                               cove_buf_bytes(&header), &num, &a->diag);
        txn->wrote = true;
    }
    cove_buf_clear(&header);
    return err;
}

static int verb_new_group(struct admin *a)
{
    struct cove_header h = {.version = COVE_FORMAT_VERSION,
                            .type = COVE_DOC_GROUP};
    struct cove_bytes given, meta;
    struct cove_buf members;
    struct cove_id id;
    struct cove_txn *txn = NULL;
    uint8_t nonce[16];
    const char *name = NULL;
    int err = admin_map(a, "members", &given);

    if (err == 0) {
        err = admin_text(a, "name", &name);
    }
    cove_buf_init(&members, a->store->alloc);
    if (err == 0) {
        err = group_members(a, given, &members);
    }
    if (err == 0 && name != NULL) {
        struct cove_buf buf = {.alloc = a->store->alloc};
        struct cove_writer w;

        cove_writer_init(&w, &buf);
        cove_writer_map(&w, 1);
        cove_writer_cstr(&w, "name");
        cove_writer_cstr(&w, name);
        err = w.err == 0
                  ? cove_arena_copy(&a->arena, cove_buf_bytes(&buf), &meta)
                  : w.err;
        cove_buf_clear(&buf);
        h.meta = err == 0 ? meta : h.meta;
    }
    a->store->env->random(a->store->env->ctx, nonce, sizeof(nonce));
    h.nonce = cove_bytes(nonce, sizeof(nonce));
    h.members = cove_buf_bytes(&members);
    h.has_created = true;
    h.created_ms = a->store->env->now_ms(a->store->env->ctx);
    if (err == 0) {
        err = node_begin(a->store, COVE_WRITE, &txn);
        if (err == 0) {
            err = admin_end(a, txn, group_create(a, txn, &h, &id));
        }
    }
    cove_buf_clear(&members);
    if (err == 0) {
        node_json_key(&a->reply, "id");
        node_json_id(&a->reply, &id);
    }
    return err;
}

/* --------------------------------------------------------------- documents */

static int verb_new(struct admin *a)
{
    struct node_new request = {0};
    struct cove_id owner, id;
    struct cove_txn *txn = NULL;
    bool owned;
    struct cove_bytes like, local;
    int err = admin_text(a, "schema", &request.schema);

    admin_value(a, "like", &like);
    admin_value(a, "local", &local);
    if (like.len > 0 || local.len > 0) {
        return admin_draft_new(a);
    }
    err = err != 0 ? err : admin_version(a, &request.version);
    err = err != 0 ? err : admin_map(a, "fields", &request.fields);
    err = err != 0 ? err : admin_value(a, "unique", &request.unique);
    err = err != 0 ? err : admin_map(a, "meta", &request.meta);
    err = err != 0 ? err : admin_id(a, "owner", &owner, &owned);
    if (err != 0) {
        return err;
    }
    request.owner = owned ? &owner : NULL;
    err = node_begin(a->store, COVE_WRITE, &txn);
    if (err == 0) {
        err = admin_end(a, txn, node_new(txn, &request, &id));
    }
    if (err == 0) {
        node_json_key(&a->reply, "id");
        node_json_id(&a->reply, &id);
    }
    return err;
}

/* The document that the request names, loaded in a transaction of `flags`. */
static int doc_begin(struct admin *a, unsigned flags, struct cove_txn **txn,
                     struct cove_loaded **loaded)
{
    struct cove_id id;
    const char *version;
    int err = admin_document(a, &id, &version);

    if (err == 0) {
        err = node_begin(a->store, flags, txn);
    }
    if (err == 0) {
        err = admin_branch(a, *txn, &id);
        err = err != 0 ? err : node_load(*txn, &id, version, loaded);
        if (err != 0) {
            return admin_end(a, *txn, err);
        }
    }
    return err;
}

/* The member "at" as the text of a point; NULL: now. */
static int get_point(struct admin *a, const char **out)
{
    struct cove_bytes v;
    int err = admin_value(a, "at", &v);

    if (v.len > 0 && cove_value_kind(v) == COVE_KIND_INT) {
        *out =
            cove_arena_printf(&a->arena, "%lld", (long long)cove_value_int(v));
        return *out == NULL ? COVE_ENOMEM : 0;
    }
    return err != 0 ? err : admin_text(a, "at", out);
}

static int verb_get(struct admin *a)
{
    struct cove_txn *txn = NULL;
    struct cove_loaded *loaded = NULL;
    struct node_show show = node_show_usual;
    struct node_follow how = {.show = &show, .from = a->reply.out.len};
    unsigned flags;
    int err = admin_mode(a, COVE_WRITE, &flags);

    err = err != 0 ? err : get_point(a, &show.at);
    if (show.at != NULL && flags == COVE_WRITE) {
        flags = COVE_READ | COVE_VIEW;
    }
    err = err != 0 ? err : admin_show(a, &show);
    err = err != 0 ? err : admin_int(a, "depth", &how.depth);
    if (err == 0) {
        err = doc_begin(a, flags, &txn, &loaded);
    }
    if (err != 0 || loaded == NULL) {
        return err;
    }
    err = node_doc_shown(txn, loaded, &show, &a->reply);
    if (err == 0 && show.at == NULL) {
        err = node_broken_json(txn, loaded, &a->reply);
    }
    if (err == 0 && how.depth > 0) {
        err = node_doc_follow(txn, &loaded->doc.id, &how, &a->reply);
    }
    return admin_end(a, txn, err);
}

static int verb_set(struct admin *a)
{
    struct cove_txn *txn = NULL;
    struct cove_loaded *loaded = NULL;
    struct cove_bytes fields, gone;
    struct cove_edit *sets = NULL, *edits;
    size_t count = 0, deletes = 0;
    struct cove_reader r;
    int err = admin_map(a, "fields", &fields);

    admin_value(a, "delete", &gone);
    if (err == 0 && gone.len > 0 && cove_value_kind(gone) != COVE_KIND_LIST) {
        err = cove_fail(&a->diag, COVE_EUSAGE,
                        "\"delete\" must be a list of field names");
    }
    if (err == 0) {
        err = doc_begin(a, COVE_WRITE | COVE_VIEW, &txn, &loaded);
    }
    if (err != 0 || loaded == NULL) {
        return err;
    }
    if (fields.len > 0) {
        err = node_edits(txn, fields, &sets, &count);
    }
    cove_reader_init(&r, gone);
    if (err == 0 && gone.len > 0) {
        deletes = cove_reader_list(&r);
    }
    edits = cove_arena_array(&txn->arena, count + deletes + 1, sizeof(*edits));
    if (err == 0 && edits == NULL) {
        err = COVE_ENOMEM;
    }
    if (err == 0 && count > 0) {
        memcpy(edits, sets, count * sizeof(*edits));
    }
    for (size_t i = 0; err == 0 && i < deletes; i++) {
        edits[count + i].name = cove_reader_text(&r);
        edits[count + i].deleted = true;
    }
    if (err == 0 && r.err != 0) {
        err = cove_fail(&txn->diag, COVE_EUSAGE,
                        "\"delete\" must be a list of field names");
    }
    if (err == 0) {
        err = cove_write(txn->worker->catalog, txn->txn, loaded, edits,
                         count + deletes, &txn->diag);
        txn->wrote = true;
    }
    struct cove_id id = loaded->doc.id;

    err = admin_end(a, txn, err);
    if (err == 0) {
        node_json_key(&a->reply, "id");
        node_json_id(&a->reply, &id);
    }
    return err;
}

static void header_member(struct node_json *j, const char *key,
                          struct cove_bytes value)
{
    if (value.len > 0) {
        node_json_key(j, key);
        node_json_value(j, value);
    }
}

static void header_members(struct node_json *j, struct cove_bytes members)
{
    struct cove_reader r;

    cove_reader_init(&r, members);
    size_t n = cove_reader_map(&r);

    node_json_key(j, "members");
    node_json_open(j, '{');
    for (size_t i = 0; i < n; i++) {
        struct cove_bytes key = cove_reader_bytes(&r);
        char hex[COVE_HEX_LEN(32)];

        cove_hex(cove_bytes(key.at, key.len == 32 ? 32 : 0), hex);
        node_json_key(j, hex);
        node_json_text(j, cove_reader_text(&r));
    }
    node_json_close(j, '}');
}

static int verb_header(struct admin *a)
{
    struct cove_txn *txn = NULL;
    struct cove_loaded *loaded = NULL;
    struct node_json *j = &a->reply;
    int err = doc_begin(a, COVE_READ | COVE_RAW, &txn, &loaded);
    if (err != 0 || loaded == NULL) {
        return err;
    }
    const struct cove_header *h = &loaded->doc.header;

    node_json_key(j, "id");
    node_json_id(j, &loaded->doc.id);
    node_json_key(j, "bytes");
    node_json_int(j, (int64_t)loaded->doc.header_bytes.len);
    node_json_key(j, "v");
    node_json_int(j, (int64_t)h->version);
    node_json_key(j, "type");
    node_json_text(j, h->type_name);
    if (h->has_owner) {
        node_json_key(j, "owner");
        node_json_id(j, &h->owner);
    }
    header_member(j, "meta", h->meta);
    if (h->has_created) {
        node_json_key(j, "created");
        node_json_int(j, h->created_ms);
    }
    if (h->nonce.len > 0) {
        node_json_key(j, "nonce");
        node_json_hex(j, h->nonce.at, h->nonce.len);
    }
    header_member(j, "unique", h->unique);
    header_member(j, "from", h->from);
    if (h->members.len > 0) {
        header_members(j, h->members);
    }
    if (h->has_root) {
        node_json_key(j, "root");
        node_json_hex(j, h->root.b, sizeof(h->root.b));
    }
    return admin_end(a, txn, 0);
}

const struct admin_verb admin_doc_verbs[] = {
    {"init", "", verb_init},
    {"key", "", verb_key},
    {"new-group", "members name", verb_new_group},
    {"new", "schema version owner fields unique meta like local", verb_new},
    {"get", "id version mode branch at entries data depth", verb_get},
    {"set", "id version branch fields delete", verb_set},
    {"header", "id", verb_header},
    {NULL, NULL, NULL},
};
