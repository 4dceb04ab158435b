/* write.c: users' writes at a head: judged by the head's JSON Schema, then one
 * native transaction with the head as its epoch. */
#include "core/cbor.h"
#include "core/value.h"
#include "crdt/repo_make.h"
#include "migrate/judge.h"
#include "migrate/kin.h"

/* ------------------------------------------------------------------ judging */

/* A write that breaks a rule is refused, unless who opened the store wants it
 * told and made all the same. What is told is kept for the transaction. */
static int judged(struct cove_catalog *catalog, int err,
                  const struct cove_diag *why, struct cove_diag *diag)
{
    struct cove_judging *judging = cove_catalog_judging(catalog);

    if (err == 0) {
        return 0;
    }
    if (judging->mode == COVE_JUDGE_STRICT ||
        cove_verdict(err) != COVE_ESCHEMA) {
        return why->text[0] != '\0' ? cove_fail(diag, err, "%s", why->text)
                                    : err;
    }
    if (judging->reported++ == 0) {
        judging->first = *why;
        judging->unnamed = true;
    }
    return 0;
}

/* What is told of a call that fails was not made. */
static void judging_begin(struct cove_catalog *catalog)
{
    struct cove_judging *judging = cove_catalog_judging(catalog);

    judging->made = judging->reported;
}

static int judging_end(struct cove_catalog *catalog, int err)
{
    struct cove_judging *judging = cove_catalog_judging(catalog);

    if (err != 0) {
        judging->reported = judging->made;
    }
    return err;
}

/* The document that the first of what was told is about. */
static void judged_name(struct cove_catalog *catalog,
                        const struct cove_loaded *loaded)
{
    struct cove_judging *judging = cove_catalog_judging(catalog);
    char text[COVE_ID_TEXT_MAX];

    if (judging->unnamed) {
        cove_id_text(&loaded->doc.id, text);
        cove_diag_context(&judging->first, "%s", text);
        judging->unnamed = false;
    }
}

struct write_rules {
    struct cove_catalog *catalog;
    struct cove_judge judge;
    struct cove_diag *diag;
};

/* One edit as an op of its register. What no register could hold is refused
 * whatever the store was opened with. */
static int edit_judge(const struct write_rules *s, const struct cove_edit *edit,
                      struct cove_tx_op *op)
{
    struct cove_diag why;
    uint32_t reg;
    int err = cove_judge_known(&s->judge, edit->name, &reg, s->diag);

    if (err != 0) {
        return err;
    }
    op->reg = s->judge.plan->registers[reg].id;
    op->deleted = edit->deleted;
    op->value = edit->value;
    if (cove_catalog_judging(s->catalog)->mode == COVE_JUDGE_OFF) {
        return 0;
    }
    cove_diag_clear(&why);
    err = cove_judge_edit(&s->judge, edit, reg, &why);
    return judged(s->catalog, err, &why, s->diag);
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

/* All edits as ops, or the first that is not right. rules NULL: raw. */
static int edits_judge(const struct write_rules *rules,
                       const struct cove_edit *edits, size_t count,
                       struct cove_tx_op *ops, struct cove_diag *diag)
{
    int err = 0;

    for (size_t i = 0; i < count && err == 0; i++) {
        err = rules == NULL ? edit_raw(&edits[i], &ops[i], diag)
                            : edit_judge(rules, &edits[i], &ops[i]);
    }
    return err;
}

static int write_append(struct cove_catalog *catalog,
                        struct cove_store_txn *txn, struct cove_loaded *loaded,
                        struct cove_tx *tx, struct cove_diag *diag)
{
    tx->has_epoch = !loaded->raw;
    tx->epoch = loaded->head;
    judged_name(catalog, loaded);
    return cove_repo_append(cove_catalog_repo(catalog), txn, &loaded->doc, tx,
                            diag);
}

static int write_view(struct cove_catalog *catalog, struct cove_store_txn *txn,
                      struct cove_loaded *loaded, struct cove_diag *diag)
{
    return loaded->raw
               ? 0
               : cove_kin_view(catalog, txn, loaded,
                               loaded->family != NULL ? loaded->family->plan
                                                      : loaded->plan,
                               diag);
}

int cove_write(struct cove_catalog *catalog, struct cove_store_txn *txn,
               struct cove_loaded *loaded, const struct cove_edit *edits,
               size_t count, struct cove_diag *diag)
{
    struct cove_tx tx = {
        .kind = COVE_TX_NATIVE, .auth_inherited = true, .op_count = count};
    struct write_rules rules = {.catalog = catalog, .diag = diag};
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
    judging_begin(catalog);
    err = loaded->raw ? raw_allowed(loaded, diag)
                      : cove_judge_begin(catalog, txn, loaded->doc.schema_num,
                                         &loaded->head, diag, &rules.judge);
    if (err == 0 && !loaded->raw) {
        cove_judge_inside(loaded, &rules.judge);
    }
    if (err == 0) {
        err = edits_judge(loaded->raw ? NULL : &rules, edits, count, tx.ops,
                          diag);
    }
    if (err == 0 && !loaded->raw &&
        cove_catalog_judging(catalog)->mode != COVE_JUDGE_OFF) {
        struct cove_diag why = {0};

        err = cove_judge_edits(&rules.judge, loaded, edits, count, &why);
        err = judged(catalog, err, &why, diag);
    }
    err = err != 0 ? err : write_append(catalog, txn, loaded, &tx, diag);
    err = err != 0 ? err : write_view(catalog, txn, loaded, diag);
    return judging_end(catalog, err);
}

/* ----------------------------------------------------------- new documents */

static bool new_has(const struct cove_new_request *request,
                    struct cove_bytes name)
{
    for (size_t i = 0; i < request->edit_count; i++) {
        if (!request->edits[i].deleted &&
            cove_bytes_equal(request->edits[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* Is there nothing more to judge than the fields, which were judged? */
static bool new_is_judged(const struct cove_schema *schema,
                          const struct cove_new_request *request)
{
    bool judged = cove_schema_is_fields(schema);

    for (size_t i = 0; judged && i < cove_schema_count(schema); i++) {
        const struct cove_property *p = cove_schema_at(schema, i);

        judged = !p->required || new_has(request, p->name);
    }
    return judged;
}

/* The whole of a new document. */
static int new_whole(const struct write_rules *s,
                     const struct cove_new_request *request,
                     struct cove_arena *arena)
{
    struct cove_diag why;
    struct cove_buf map;
    int err;

    cove_diag_clear(&why);
    if (s->judge.schema == NULL ||
        cove_catalog_judging(s->catalog)->mode == COVE_JUDGE_OFF ||
        new_is_judged(s->judge.schema, request)) {
        return 0;
    }
    cove_buf_init(&map, cove_catalog_alloc(s->catalog));
    err = cove_judge_map(&s->judge, request->edits, request->edit_count, arena,
                         &map);
    if (err == 0) {
        err = cove_schema_check(s->judge.schema, cove_buf_bytes(&map), &why);
        err = judged(s->catalog, err, &why, s->diag);
    }
    cove_buf_clear(&map);
    return err;
}

/* What can be wrong with the fields of a new document: each of them, and the
 * whole. */
static int new_judge(struct cove_catalog *catalog, struct cove_store_txn *txn,
                     const struct cove_new_request *request,
                     const struct cove_step_id *head, struct cove_arena *arena,
                     struct cove_tx *tx, struct cove_diag *diag)
{
    struct write_rules rules = {.catalog = catalog, .diag = diag};
    uint64_t told = cove_catalog_judging(catalog)->reported;
    bool raw = request->schema == 0;
    int err = raw ? 0
                  : cove_judge_begin(catalog, txn, request->schema, head, diag,
                                     &rules.judge);

    if (err == 0) {
        err = edits_judge(raw ? NULL : &rules, request->edits,
                          request->edit_count, tx->ops, diag);
    }
    /* What a field broke the whole breaks too: once is enough. */
    return err != 0 || raw || cove_catalog_judging(catalog)->reported > told
               ? err
               : new_whole(&rules, request, arena);
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
    struct cove_repo *repo = cove_catalog_repo(catalog);
    const struct cove_env *env = cove_repo_env(repo);
    struct cove_header h = {.version = COVE_FORMAT_VERSION,
                            .type = request->type,
                            .has_owner = true,
                            .owner = request->owner,
                            .meta = request->meta,
                            .unique = request->unique};
    int err = 0;

    if (request->unique.len == 0) {
        uint8_t *nonce = cove_arena_new(arena, COVE_NONCE);

        if (nonce == NULL) {
            return COVE_ENOMEM;
        }
        cove_repo_nonce(repo, nonce);
        h.nonce = cove_bytes(nonce, COVE_NONCE);
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
    judging_begin(catalog);
    if (err == 0) {
        err = new_judge(catalog, txn, request, &head, arena, &tx, diag);
    }
    if (err == 0) {
        err = new_header(catalog, txn, request, &head, arena, &header);
    }
    if (err == 0 && tx.op_count == 0) {
        err = new_empty(catalog, txn, &header, &load.num, diag);
        err = err != 0 ? err : cove_load(catalog, txn, &load, arena, out, diag);
        if (err == 0) {
            judged_name(catalog, out);
        }
        return judging_end(catalog, err);
    }
    if (err == 0) {
        memset(out, 0, sizeof(*out));
        err = cove_repo_make(cove_catalog_repo(catalog), txn, &header, arena,
                             &out->doc, diag);
    }
    if (err == 0) {
        err = cove_load_made(catalog, txn, load.head, out, diag);
    }
    err = err != 0 ? err : write_append(catalog, txn, out, &tx, diag);
    if (err == 0 && !request->unseen) {
        err = write_view(catalog, txn, out, diag);
    }
    return judging_end(catalog, err);
}

int cove_loaded_judge_items(struct cove_catalog *catalog,
                            struct cove_store_txn *txn,
                            const struct cove_loaded *loaded,
                            struct cove_bytes values, size_t count,
                            struct cove_diag *diag)
{
    struct cove_judging *judging = cove_catalog_judging(catalog);
    struct cove_judge j;
    struct cove_reader r;
    int err;

    if (!cove_loaded_is_child(loaded)) {
        return 0;
    }
    err = cove_judge_begin(catalog, txn, loaded->doc.schema_num, &loaded->head,
                           diag, &j);
    if (err != 0 || j.schema == NULL || judging->mode == COVE_JUDGE_OFF) {
        return err;
    }
    judging_begin(catalog);
    cove_reader_init(&r, values);
    for (size_t i = 0; i < count && err == 0; i++) {
        struct cove_diag why;

        cove_diag_clear(&why);
        err = cove_schema_check_item(j.schema, loaded->inside,
                                     cove_reader_item(&r), &why);
        err = judged(catalog, err, &why, diag);
        judged_name(catalog, loaded);
    }
    return judging_end(catalog, err);
}
