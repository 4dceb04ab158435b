/* write.c: users' writes at a head: judged by the head's JSON Schema, then one
 * native transaction with the head as its epoch. */
#include "core/cbor.h"
#include "core/value.h"
#include "crdt/repo_make.h"
#include "migrate/kin.h"

/* ------------------------------------------------------------------ judging */

struct write_schema {
    const struct cove_schema *schema; /* NULL where its text is not held */
    const struct cove_plan *plan;
    struct cove_bytes name;
    int64_t version;
    struct cove_bytes inside; /* a map child: the field that it is */
    struct cove_diag *diag;
};

/* Judge one field; of a map child, one inside it. */
static int write_check(const struct write_schema *s, struct cove_bytes name,
                       struct cove_bytes value)
{
    return s->inside.len > 0
               ? cove_schema_check_member(s->schema, s->inside, name, value,
                                          s->diag)
               : cove_schema_check_field(s->schema, name, value, s->diag);
}

/* Of a map child, what it is inside its parent. */
static void write_inside(const struct cove_loaded *loaded,
                         struct write_schema *s)
{
    if (cove_loaded_is_child(loaded)) {
        s->plan = loaded->plan;
        s->inside = loaded->inside;
    }
}

static int write_schema_open(struct cove_catalog *catalog,
                             struct cove_store_txn *txn, cove_num num,
                             const struct cove_step_id *head,
                             struct cove_diag *diag, struct write_schema *out)
{
    struct cove_bytes text;
    int err = cove_catalog_plan(catalog, txn, num, head, &out->plan);

    if (err != 0) {
        return err;
    }
    err = cove_catalog_schema(catalog, txn, num, head, &text, &out->schema);
    if (err == COVE_ENOTFOUND) {
        out->schema = NULL;
        err = 0;
    }
    out->name = out->plan->head->name;
    out->version = out->plan->head->has_version ? out->plan->head->version : 0;
    out->diag = diag;
    return err;
}

/* As above, for a write. */
static int write_schema_begin(struct cove_catalog *catalog,
                              struct cove_store_txn *txn, cove_num num,
                              const struct cove_step_id *head,
                              struct cove_diag *diag, struct write_schema *out)
{
    int err = write_schema_open(catalog, txn, num, head, diag, out);

    if (err == 0 && out->plan->head->retired) {
        err = cove_fail(diag, COVE_EBLOCKED,
                        "version %lld of %.*s is retired: it is read and no "
                        "longer written; write at a later version (--as, "
                        "cove_use), `cove schema list` shows them",
                        (long long)out->version, (int)out->name.len,
                        (const char *)out->name.at);
    }
    return err;
}

static int edit_unknown(const struct write_schema *s, struct cove_bytes name)
{
    char list[512] = "";
    size_t len = 0;

    for (size_t i = 0; i < s->plan->field_count; i++) {
        struct cove_bytes field = s->plan->fields[i].name;

        if (len + field.len + 3 < sizeof(list)) {
            memcpy(list + len, len == 0 ? "" : ", ", len == 0 ? 0 : 2);
            len += len == 0 ? 0 : 2;
            memcpy(list + len, field.at, field.len);
            len += field.len;
        }
    }
    return cove_fail(s->diag, COVE_ESCHEMA,
                     "/%.*s: %.*s version %lld has no such field; it has: %.*s",
                     (int)name.len, (const char *)name.at, (int)s->name.len,
                     (const char *)s->name.at, (long long)s->version, (int)len,
                     list);
}

/* One edit as an op of its register. */
static int edit_judge(const struct write_schema *s,
                      const struct cove_edit *edit, struct cove_tx_op *op)
{
    uint32_t reg;

    if (!cove_plan_find_name(s->plan, edit->name, &reg)) {
        return edit_unknown(s, edit->name);
    }
    const struct cove_plan_register *r = &s->plan->registers[reg];

    if (r->child != COVE_PLAN_NONE) {
        return cove_fail(
            s->diag, COVE_ESCHEMA,
            "/%.*s: x-type %s: the field is a document of its own; edit that, "
            "and set nothing in its place",
            (int)edit->name.len, (const char *)edit->name.at,
            cove_child_kind_name(s->plan->children[r->child].kind));
    }
    op->reg = r->id;
    op->deleted = edit->deleted;
    op->value = edit->value;
    if (edit->deleted) {
        return !r->required ? 0
                            : cove_fail(s->diag, COVE_ESCHEMA,
                                        "/%.*s: required: it cannot be deleted",
                                        (int)edit->name.len,
                                        (const char *)edit->name.at);
    }
    if (s->schema != NULL) {
        int err = write_check(s, edit->name, edit->value);

        if (err != 0) {
            return err;
        }
    }
    if (!cove_value_is_null(edit->value) &&
        !cove_type_holds(r->type, edit->value)) {
        return cove_fail(s->diag, COVE_ESCHEMA, "/%.*s: type %s",
                         (int)edit->name.len, (const char *)edit->name.at,
                         cove_type_name(r->type));
    }
    return 0;
}

static int edit_raw(const struct cove_edit *edit, struct cove_tx_op *op,
                    struct cove_diag *diag)
{
    if (edit->name.len == 0) {
        return cove_fail(diag, COVE_ERESERVED,
                         "the empty key is reserved for references");
    }
    if (edit->name.len > COVE_MAX_KEY) {
        return cove_fail(diag, COVE_ELIMIT,
                         "a key of %zu bytes; %d are the most", edit->name.len,
                         COVE_MAX_KEY);
    }
    op->reg = edit->name;
    op->deleted = edit->deleted;
    op->value = edit->value;
    return 0;
}

/* ------------------------------------------------------------------ writing */

/* A document that is written raw must not be one of those whose keys mean
 * something to the program itself. */
static int raw_allowed(const struct cove_loaded *loaded, struct cove_diag *diag)
{
    enum cove_doc_type type = loaded->doc.header.type;

    if (loaded->doc.schema_num != 0) {
        return cove_fail(
            diag, COVE_EUSAGE,
            "a document with a schema is written at a version, not "
            "raw");
    }
    if (type == COVE_DOC_JOURNAL) {
        return cove_fail(diag, COVE_EIMMUTABLE,
                         "a journal is written by `cove schema put` and `cove "
                         "migrate publish` only");
    }
    if (type == COVE_DOC_GROUP) {
        return cove_fail(diag, COVE_EIMMUTABLE,
                         "a group has no fields to write; its header never "
                         "changes");
    }
    if (type != COVE_DOC_COMAP && type != COVE_DOC_ACCOUNT) {
        return cove_fail(diag, COVE_ETYPE,
                         "a %s is no map, and has no fields to write: its "
                         "calls and verbs are those of its type",
                         cove_doc_type_name(type));
    }
    return 0;
}

/* All edits as ops, or the first that is not right. schema NULL: raw. */
static int edits_judge(const struct write_schema *schema,
                       const struct cove_edit *edits, size_t count,
                       struct cove_tx_op *ops, struct cove_diag *diag)
{
    int err = 0;

    for (size_t i = 0; i < count && err == 0; i++) {
        err = schema == NULL ? edit_raw(&edits[i], &ops[i], diag)
                             : edit_judge(schema, &edits[i], &ops[i]);
    }
    return err;
}

static int write_append(struct cove_catalog *catalog,
                        struct cove_store_txn *txn, struct cove_loaded *loaded,
                        struct cove_tx *tx, struct cove_diag *diag)
{
    int err;

    tx->has_epoch = !loaded->raw;
    tx->epoch = loaded->head;
    err = cove_repo_append(cove_catalog_repo(catalog), txn, &loaded->doc, tx,
                           diag);
    if (err == 0 && !loaded->raw) {
        err = cove_kin_view(
            catalog, txn, loaded,
            loaded->family != NULL ? loaded->family->plan : loaded->plan, diag);
    }
    return err;
}

int cove_write(struct cove_catalog *catalog, struct cove_store_txn *txn,
               struct cove_loaded *loaded, const struct cove_edit *edits,
               size_t count, struct cove_diag *diag)
{
    struct cove_tx tx = {
        .kind = COVE_TX_NATIVE, .auth_inherited = true, .op_count = count};
    struct write_schema schema = {0};
    int err;

    if (count == 0) {
        return 0;
    }
    if (loaded->doc.state.native_count + count > COVE_MAX_KEYS) {
        return cove_fail(diag, COVE_ELIMIT,
                         "the document would have more than %d keys",
                         COVE_MAX_KEYS);
    }
    tx.ops = cove_arena_array(loaded->doc.arena, count, sizeof(*tx.ops));
    if (tx.ops == NULL) {
        return COVE_ENOMEM;
    }
    err = loaded->raw ? raw_allowed(loaded, diag)
                      : write_schema_begin(catalog, txn, loaded->doc.schema_num,
                                           &loaded->head, diag, &schema);
    if (err == 0 && !loaded->raw) {
        write_inside(loaded, &schema);
    }
    if (err == 0) {
        err = edits_judge(loaded->raw ? NULL : &schema, edits, count, tx.ops,
                          diag);
    }
    return err != 0 ? err : write_append(catalog, txn, loaded, &tx, diag);
}

/* ----------------------------------------------------------- new documents */

#define NEW_NONCE 16

/* All fields as one map, with the defaults of required ones that are not
 * given: what the schema judges of a new document. */
static int new_map(const struct cove_new_request *request,
                   const struct cove_schema *schema, struct cove_arena *arena,
                   struct cove_buf *out)
{
    size_t most = request->edit_count + cove_schema_count(schema), n = 0;
    struct cove_pair *pairs = cove_arena_array(arena, most + 1, sizeof(*pairs));
    struct cove_writer w;
    int err = pairs == NULL ? COVE_ENOMEM : 0;

    for (size_t i = 0; err == 0 && i < request->edit_count; i++) {
        err = cove_value_of_text(arena, request->edits[i].name, &pairs[n].key);
        pairs[n++].value = request->edits[i].value;
    }
    for (size_t i = 0; err == 0 && i < cove_schema_count(schema); i++) {
        const struct cove_property *p = cove_schema_at(schema, i);
        bool given = !p->required || !p->has_default;

        for (size_t k = 0; k < request->edit_count && !given; k++) {
            given = cove_bytes_equal(request->edits[k].name, p->name);
        }
        if (!given) {
            err = cove_value_of_text(arena, p->name, &pairs[n].key);
            pairs[n++].value = p->default_value;
        }
    }
    if (err == 0) {
        cove_writer_init(&w, out);
        cove_writer_map_sorted(&w, pairs, n);
        err = w.err;
    }
    return err;
}

/* What can be wrong with the fields of a new document: each of them, and the
 * whole. */
static int new_judge(struct cove_catalog *catalog, struct cove_store_txn *txn,
                     const struct cove_new_request *request,
                     const struct cove_step_id *head, struct cove_arena *arena,
                     struct cove_tx *tx, struct cove_diag *diag)
{
    struct write_schema schema = {0};
    struct cove_buf buf;
    bool raw = request->schema == 0;
    int err = raw ? 0
                  : write_schema_begin(catalog, txn, request->schema, head,
                                       diag, &schema);

    if (err == 0) {
        err = edits_judge(raw ? NULL : &schema, request->edits,
                          request->edit_count, tx->ops, diag);
    }
    cove_buf_init(&buf, cove_catalog_alloc(catalog));
    if (err == 0 && !raw && schema.schema != NULL) {
        err = new_map(request, schema.schema, arena, &buf);
        if (err == 0) {
            err = cove_schema_check(schema.schema, cove_buf_bytes(&buf), diag);
        }
    }
    cove_buf_clear(&buf);
    return err;
}

/* meta = the app's members and, of a derivable document only $schema. */
static int new_meta(struct cove_catalog *catalog, struct cove_store_txn *txn,
                    const struct cove_new_request *request,
                    const struct cove_step_id *head, struct cove_arena *arena,
                    struct cove_bytes *out)
{
    const struct cove_schema_doc *schema;
    struct cove_pair *pairs;
    struct cove_buf map;
    struct cove_reader r;
    struct cove_writer w;
    size_t n = 0, given = 0;
    int err = cove_catalog_open(catalog, txn, request->schema, &schema);

    if (err != 0) {
        return err;
    }
    const struct cove_step *step = cove_journal_find(schema->journal, head);

    cove_reader_init(&r, request->meta);
    given = request->meta.len > 0 ? cove_reader_map(&r) : 0;
    pairs = cove_arena_array(arena, given + 2, sizeof(*pairs));
    if (pairs == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < given; i++, n++) {
        pairs[n].key = cove_reader_item(&r);
        pairs[n].value = cove_reader_item(&r);
    }
    err = cove_value_of_text(arena, cove_bytes_text("$schema"), &pairs[n].key);
    if (err == 0) {
        err = cove_value_of_ref(arena, &schema->id, &pairs[n].value);
        n++;
    }
    if (err == 0 && request->unique.len == 0 && step != NULL &&
        step->has_version) {
        err = cove_value_of_text(arena, cove_bytes_text("version"),
                                 &pairs[n].key);
        if (err == 0) {
            err = cove_value_of_int(arena, step->version, &pairs[n].value);
            n++;
        }
    }
    cove_buf_init(&map, cove_catalog_alloc(catalog));
    cove_writer_init(&w, &map);
    cove_writer_map_sorted(&w, pairs, n);
    err = err != 0 ? err : w.err;
    if (err == 0) {
        err = cove_arena_copy(arena, cove_buf_bytes(&map), out);
    }
    cove_buf_clear(&map);
    return err;
}

/* The header; its nonce in the arena. */
static int new_header(struct cove_catalog *catalog, struct cove_store_txn *txn,
                      const struct cove_new_request *request,
                      const struct cove_step_id *head, struct cove_arena *arena,
                      struct cove_header *out)
{
    const struct cove_env *env = cove_repo_env(cove_catalog_repo(catalog));
    struct cove_header h = {.version = COVE_FORMAT_VERSION,
                            .type = request->type,
                            .has_owner = true,
                            .owner = request->owner,
                            .meta = request->meta,
                            .unique = request->unique};
    int err = 0;

    if (request->unique.len == 0) {
        uint8_t *nonce = cove_arena_new(arena, NEW_NONCE);

        if (nonce == NULL) {
            return COVE_ENOMEM;
        }
        env->random(env->ctx, nonce, NEW_NONCE);
        h.nonce = cove_bytes(nonce, NEW_NONCE);
        h.has_created = true;
        h.created_ms = env->now_ms(env->ctx);
    }
    if (request->schema != 0) {
        err = new_meta(catalog, txn, request, head, arena, &h.meta);
    }
    if (err == 0) {
        *out = h;
    }
    return err;
}

/* Without fields there is no transaction: the header is all of it. */
static int new_empty(struct cove_catalog *catalog, struct cove_store_txn *txn,
                     const struct cove_header *header, cove_num *num,
                     struct cove_diag *diag)
{
    struct cove_buf bytes;
    struct cove_id id;

    cove_buf_init(&bytes, cove_catalog_alloc(catalog));

    int err = cove_header_encode(header, &bytes, &id, diag);

    if (err == 0) {
        err = cove_repo_create(cove_catalog_repo(catalog), txn,
                               cove_buf_bytes(&bytes), num, diag);
    }
    cove_buf_clear(&bytes);
    return err;
}

int cove_new_document(struct cove_catalog *catalog, struct cove_store_txn *txn,
                      const struct cove_new_request *request,
                      struct cove_arena *arena, struct cove_loaded *out,
                      struct cove_diag *diag)
{
    struct cove_load_request load = {.mode = COVE_LOAD_VIEW};
    struct cove_tx tx = {.kind = COVE_TX_NATIVE,
                         .auth_inherited = true,
                         .op_count = request->edit_count};
    struct cove_step_id head = {{0}};
    struct cove_header header;
    int err = 0;

    tx.ops = cove_arena_array(arena, tx.op_count + 1, sizeof(*tx.ops));
    if (tx.ops == NULL) {
        err = COVE_ENOMEM;
    } else if (request->schema != 0 && request->head != NULL) {
        head = *request->head;
    } else if (request->schema != 0) {
        err =
            cove_catalog_head(catalog, txn, request->schema, NULL, &head, diag);
    }
    load.head = request->schema != 0 ? &head : NULL;
    if (err == 0) {
        err = new_judge(catalog, txn, request, &head, arena, &tx, diag);
    }
    if (err == 0) {
        err = new_header(catalog, txn, request, &head, arena, &header);
    }
    if (err == 0 && tx.op_count == 0) {
        err = new_empty(catalog, txn, &header, &load.num, diag);
        return err != 0 ? err
                        : cove_load(catalog, txn, &load, arena, out, diag);
    }
    if (err == 0) {
        memset(out, 0, sizeof(*out));
        err = cove_repo_make(cove_catalog_repo(catalog), txn, &header, arena,
                             &out->doc, diag);
    }
    if (err == 0) {
        err = cove_load_made(catalog, txn, load.head, out, diag);
    }
    return err != 0 ? err : write_append(catalog, txn, out, &tx, diag);
}

/* --------------------------------------------------------------- validating */

int cove_loaded_validate(struct cove_catalog *catalog,
                         struct cove_store_txn *txn, struct cove_loaded *loaded,
                         struct cove_diag *diag)
{
    struct write_schema s = {0};

    if (loaded->raw) {
        return 0;
    }
    int err = write_schema_open(catalog, txn, loaded->doc.schema_num,
                                &loaded->head, diag, &s);

    if (err == 0) {
        write_inside(loaded, &s);
    }
    for (size_t i = 0; err == 0 && i < loaded->plan->field_count; i++) {
        struct cove_field field;

        err = cove_view_field(&loaded->view, i, &field);
        if (err != 0) {
            break;
        }
        const struct cove_plan_register *r =
            &loaded->plan->registers[field.reg];

        if (field.cell.kind == COVE_INVALID) {
            err = cove_fail(diag, COVE_EINVALID,
                            "/%.*s: the value did not convert to this version",
                            (int)field.name.len, (const char *)field.name.at);
        } else if (field.cell.kind == COVE_ABSENT && r->required) {
            err = cove_fail(diag, COVE_ESCHEMA, "/%.*s: required",
                            (int)field.name.len, (const char *)field.name.at);
        } else if (field.cell.kind == COVE_PRESENT && !field.from_default &&
                   s.schema != NULL) {
            err = write_check(&s, field.name, field.cell.bytes);
        }
    }
    return err;
}

int cove_loaded_judge_items(struct cove_catalog *catalog,
                            struct cove_store_txn *txn,
                            const struct cove_loaded *loaded,
                            struct cove_bytes values, size_t count,
                            struct cove_diag *diag)
{
    struct write_schema s = {0};
    struct cove_reader r;
    int err;

    if (!cove_loaded_is_child(loaded)) {
        return 0;
    }
    err = write_schema_begin(catalog, txn, loaded->doc.schema_num,
                             &loaded->head, diag, &s);
    cove_reader_init(&r, values);
    for (size_t i = 0; i < count && err == 0 && s.schema != NULL; i++) {
        err = cove_schema_check_item(s.schema, loaded->inside,
                                     cove_reader_item(&r), diag);
    }
    return err;
}
