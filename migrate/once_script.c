/* once_script.c: see once_script.h. */
#include "migrate/once_script.h"

#include "core/cbor.h"
#include "core/value.h"

struct patch_call {
    const struct cove_once_patch *patch;
    struct cove_diag *diag;
};

/* --- documents as maps */

struct patch_map { /* pairs that will be a map */
    struct cove_arena *arena;
    struct cove_pair *pairs;
    size_t count;
    int err;
};

static void map_item(struct patch_map *m, struct cove_bytes key,
                     struct cove_bytes value)
{
    struct cove_bytes name;

    if (m->err == 0) {
        m->err = cove_value_of_text(m->arena, key, &name);
    }
    if (m->err == 0) {
        m->pairs[m->count].key = name;
        m->pairs[m->count++].value = value;
    }
}

static void map_text(struct patch_map *m, const char *key,
                     struct cove_bytes text)
{
    struct cove_bytes value = {NULL, 0};

    if (m->err == 0) {
        m->err = cove_value_of_text(m->arena, text, &value);
    }
    map_item(m, cove_bytes_text(key), value);
}

static int map_end(struct patch_map *m, struct cove_bytes *out)
{
    struct cove_buf buf;
    struct cove_writer w;
    int err = m->err;

    cove_buf_init(&buf, m->arena->alloc);
    cove_writer_init(&w, &buf);
    if (err == 0) {
        cove_writer_map_sorted(&w, m->pairs, m->count);
        err = w.err != 0 ? w.err
                         : cove_arena_copy(m->arena, cove_buf_bytes(&buf), out);
    }
    cove_buf_clear(&buf);
    return err;
}

static int map_begin(struct patch_map *m, struct cove_arena *arena, size_t room)
{
    m->arena = arena;
    m->count = 0;
    m->err = 0;
    m->pairs = cove_arena_array(arena, room + 1, sizeof(*m->pairs));
    return m->pairs != NULL ? 0 : COVE_ENOMEM;
}

/* The fields of one kind that a document shows: those that are there, or raw
 * those that are invalid. */
static int patch_fields(struct cove_arena *arena, struct cove_loaded *loaded,
                        enum cove_cell_kind kind, struct cove_bytes *out)
{
    struct patch_map m;
    int err = map_begin(&m, arena, loaded->plan->field_count);

    for (size_t i = 0; err == 0 && i < loaded->plan->field_count; i++) {
        struct cove_field field;

        err = cove_view_field(&loaded->view, i, &field);
        if (err == 0 && field.cell.kind == kind && field.name.len > 0) {
            map_item(&m, field.name, field.cell.bytes);
        }
    }
    return err != 0 ? err : map_end(&m, out);
}

/* --- ctx */

static int patch_header(struct cove_arena *arena,
                        const struct cove_loaded *loaded,
                        const struct cove_once_patch *patch,
                        struct cove_bytes *out)
{
    const struct cove_schema_doc *schema;
    struct patch_map m;
    struct cove_bytes version = {NULL, 0};
    int err = cove_catalog_open(patch->catalog, patch->txn,
                                loaded->doc.schema_num, &schema);

    err = err != 0 ? err : map_begin(&m, arena, 3);
    err = err != 0
              ? err
              : cove_value_of_int(arena, loaded->plan->head->version, &version);
    if (err == 0) {
        map_text(&m, "schema", schema->name);
        map_item(&m, cove_bytes_text("version"), version);
        if (loaded->doc.header.unique.len > 0) {
            map_item(&m, cove_bytes_text("unique"), loaded->doc.header.unique);
        }
        err = map_end(&m, out);
    }
    return err;
}

static int patch_ctx(const struct cove_once_patch *patch,
                     struct cove_loaded *loaded, struct cove_bytes *out)
{
    static const uint8_t bools[2] = {0xf4, 0xf5};
    struct cove_arena *arena = patch->arena;
    char id[COVE_ID_TEXT_MAX];
    struct cove_bytes header = {NULL, 0};
    struct cove_bytes invalid = {NULL, 0};
    struct patch_map m;
    int err = map_begin(&m, arena, 5);

    err = err != 0 ? err : patch_header(arena, loaded, patch, &header);
    err = err != 0 ? err : patch_fields(arena, loaded, COVE_INVALID, &invalid);
    if (err != 0) {
        return err;
    }
    cove_id_text(&loaded->doc.id, id);
    map_text(&m, "id", cove_bytes_text(id));
    map_text(&m, "direction", cove_bytes_text("up"));
    map_item(&m, cove_bytes_text("header"), header);
    map_item(&m, cove_bytes_text("invalid"), invalid);
    map_item(&m, cove_bytes_text("dry_run"),
             cove_bytes(&bools[patch->asked->dry ? 1 : 0], 1));
    return map_end(&m, out);
}

/* --- other documents */

static void patch_note(struct cove_once_reads *reads, struct cove_doc *doc,
                       struct cove_arena *arena)
{
    if (reads == NULL) {
        return;
    }
    reads->count++;
    for (size_t i = 0; i < reads->first_count; i++) {
        if (memcmp(reads->first[i].id.b, doc->id.b, sizeof(doc->id.b)) == 0) {
            return;
        }
    }
    if (reads->first_count < COVE_ONCE_READS) {
        struct cove_once_read *r = &reads->first[reads->first_count++];

        r->id = doc->id;
        r->digest = cove_doc_digest(doc, arena);
    }
}

/* Another document as its newest version shows it. One that is not here, or is
 * of this device alone, is none. */
static int patch_load(void *ctx, struct cove_bytes text, struct cove_bytes *out)
{
    struct patch_call *call = ctx;
    const struct cove_once_patch *patch = call->patch;
    struct cove_repo *repo = cove_catalog_repo(patch->catalog);
    struct cove_load_request request = {.mode = COVE_LOAD_VIEW, .later = true};
    struct cove_loaded *loaded = cove_arena_new(patch->arena, sizeof(*loaded));
    struct cove_bytes name;
    struct cove_id id;
    int err = loaded == NULL ? COVE_ENOMEM
                             : cove_arena_copy(patch->arena, text, &name);

    if (err != 0) {
        return err;
    }
    if (cove_id_parse((const char *)name.at, &id) != 0 ||
        strlen((const char *)name.at) != name.len) {
        return COVE_ENOTFOUND;
    }
    err = cove_repo_find(repo, patch->txn, &id, &request.num);
    if (err == 0) {
        err = cove_load(patch->catalog, patch->txn, &request, patch->arena,
                        loaded, call->diag);
    }
    if (err == COVE_EREMOVED) {
        cove_diag_clear(call->diag);
        return COVE_ENOTFOUND;
    }
    if (err == 0 && (loaded->doc.flags & COVE_DOC_LOCAL)) {
        return COVE_ENOTFOUND;
    }
    if (err == 0 && loaded->raw) {
        return cove_fail(call->diag, COVE_ETYPE,
                         "ctx.load: %.*s has no schema, or is no map",
                         SHOWN(name));
    }
    if (err == 0) {
        patch_note(patch->reads, &loaded->doc, patch->arena);
        err = patch_fields(patch->arena, loaded, COVE_PRESENT, out);
    }
    return err;
}

/* --- the patch */

static int patch_edits(const struct cove_once_patch *patch,
                       struct cove_bytes map, struct cove_edit **out,
                       size_t *count)
{
    static const struct cove_bytes deleted = {
        (const uint8_t *)COVE_SCRIPT_DELETED, sizeof(COVE_SCRIPT_DELETED) - 1};
    struct cove_reader r;
    struct cove_edit *edits;
    size_t n;

    *count = 0;
    if (map.len == 0) {
        return 0;
    }
    cove_reader_init(&r, map);
    n = cove_reader_map(&r);
    edits = cove_arena_array(patch->arena, n + 1, sizeof(*edits));
    if (edits == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        edits[i].name = cove_reader_text(&r);
        edits[i].value = cove_reader_item(&r);
        edits[i].deleted = cove_bytes_equal(edits[i].value, deleted);
    }
    *out = edits;
    *count = n;
    return 0;
}

int cove_once_patch(const struct cove_once_patch *patch,
                    struct cove_loaded *loaded, struct cove_edit **out,
                    size_t *count, struct cove_diag *diag)
{
    struct patch_call ctx = {patch, diag};
    struct cove_script_input inputs[2] = {{"doc", {NULL, 0}},
                                          {"ctx", {NULL, 0}}};
    struct cove_script_call call = {.inputs = inputs,
                                    .input_count = 2,
                                    .limits = patch->asked->limits,
                                    .entry = "migrateOne",
                                    .load = patch_load,
                                    .load_ctx = &ctx};
    struct cove_script_result made = {{NULL, 0}, 0};
    int err =
        patch_fields(patch->arena, loaded, COVE_PRESENT, &inputs[0].value);

    err = err != 0 ? err : patch_ctx(patch, loaded, &inputs[1].value);
    err = err != 0 ? err
                   : cove_script_run(patch->script, &call, patch->arena, &made,
                                     diag);
    return err != 0 ? err : patch_edits(patch, made.value, out, count);
}

/* --- what was read, encoded */

int cove_once_reads_write(const struct cove_once_reads *reads,
                          struct cove_buf *out)
{
    struct cove_writer w;

    cove_writer_init(&w, out);
    cove_writer_map(&w, 2);
    cove_writer_cstr(&w, "read");
    cove_writer_list(&w, reads->first_count);
    for (size_t i = 0; i < reads->first_count; i++) {
        const struct cove_once_read *r = &reads->first[i];

        cove_writer_list(&w, 2);
        cove_writer_bytes(&w, r->id.b, sizeof(r->id.b));
        cove_writer_bytes(&w, r->digest.b, sizeof(r->digest.b));
    }
    cove_writer_cstr(&w, "count");
    cove_writer_uint(&w, reads->count);
    return w.err;
}

int cove_once_reads_read(struct cove_bytes in, struct cove_once_reads *out)
{
    struct cove_bytes list;
    struct cove_reader r;
    size_t count;

    memset(out, 0, sizeof(*out));
    if (cove_cbor_type_of(in) != COVE_CBOR_MAP ||
        !cove_value_member(in, "read", &list) ||
        cove_cbor_type_of(list) != COVE_CBOR_LIST) {
        return COVE_ECORRUPT;
    }
    out->count = (uint64_t)cove_value_member_int(in, "count");
    cove_reader_init(&r, list);
    count = cove_reader_list(&r);
    for (size_t i = 0; i < count && i < COVE_ONCE_READS; i++) {
        struct cove_once_read *read = &out->first[i];

        if (cove_reader_list(&r) != 2) {
            return COVE_ECORRUPT;
        }
        cove_reader_fixed(&r, read->id.b, sizeof(read->id.b));
        cove_reader_fixed(&r, read->digest.b, sizeof(read->digest.b));
        out->first_count++;
    }
    return r.err == 0 ? 0 : COVE_ECORRUPT;
}
