/* compile.c: steps from files.
 *
 * The words go over the fields as an empty step behind the parents shows them:
 * with one parent, its version; with several, the merge before it does
 * anything. What they leave is judged by compile_check.c.
 */
#include <stdlib.h>

#include "migrate/compile_check.h"
#include "migrate/plan.h"
#include "schema/step_extra.h"

/* --- bodies ------------------------------------------------------------- */

/* An encoded list of ready items. */
static int ops_list(struct cove_arena *arena, const struct compile_op *ops,
                    size_t count, struct cove_bytes *out)
{
    struct cove_buf buf;
    struct cove_writer w;
    int rc;

    cove_buf_init(&buf, arena->alloc);
    cove_writer_init(&w, &buf);
    cove_writer_list(&w, count);
    for (size_t i = 0; i < count; i++) {
        cove_writer_item(&w, ops[i].op);
    }
    rc = w.err != 0 ? w.err : cove_arena_copy(arena, cove_buf_bytes(&buf), out);
    cove_buf_clear(&buf);
    return rc;
}

static int parents_list(struct cove_arena *arena,
                        const struct compile_body *body, struct cove_bytes *out)
{
    struct cove_bytes *names =
        cove_arena_array(arena, body->parent_count + 1, sizeof *names);

    if (names == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < body->parent_count; i++) {
        size_t len = sizeof body->parents[i].b;
        char *hex = cove_arena_new(arena, COVE_HEX_LEN(len));

        if (hex == NULL) {
            return COVE_ENOMEM;
        }
        cove_hex(cove_bytes(body->parents[i].b, len), hex);
        names[i] = cove_bytes_text(hex);
    }
    return cove_draft_names(arena, names, body->parent_count, out);
}

static int body_write(struct cove_arena *arena, const struct compile_body *body,
                      struct cove_bytes *out)
{
    struct cove_bytes parents = {NULL, 0};
    struct cove_bytes ops = {NULL, 0};
    struct cove_bytes version = {NULL, 0};
    char hex[COVE_HEX_LEN(sizeof body->schema->b)];
    struct cove_draft d;
    int rc;

    if ((rc = parents_list(arena, body, &parents)) != 0 ||
        (rc = ops_list(arena, body->ops, body->op_count, &ops)) != 0 ||
        (rc = cove_value_of_int(arena, body->version, &version)) != 0) {
        return rc;
    }
    cove_draft_init(&d, arena);
    cove_draft_item(&d, "parents", parents);
    cove_draft_item(&d, "ops", ops);
    if (body->name.len > 0) {
        cove_draft_text(&d, "name", body->name);
    }
    if (body->version > 0) {
        cove_hex(cove_bytes(body->schema->b, sizeof body->schema->b), hex);
        cove_draft_item(&d, "version", version);
        cove_draft_text(&d, "schema", cove_bytes_text(hex));
    }
    if (body->note.len > 0) {
        cove_draft_text(&d, "note", body->note);
    }
    return cove_draft_end(&d, out);
}

int cove_body_end(struct compile *c, const struct compile_body *body,
                  struct cove_compiled *out)
{
    int rc = body_write(c->arena, body, &out->body);

    if (rc != 0) {
        return rc;
    }
    if (out->body.len > COVE_MAX_STEP) {
        return cove_fail(c->diag, COVE_ELIMIT,
                         "the step would have %zu bytes; %d are the most: "
                         "divide the migration into two versions",
                         out->body.len, COVE_MAX_STEP);
    }
    out->step = cove_step_id_of(out->body);
    out->name = body->name;
    out->version = body->version;
    out->op_count = body->op_count;
    return 0;
}

/* --- the root ----------------------------------------------------------- */

int cove_compile_root(struct cove_arena *arena,
                      const struct cove_schema_file *schema,
                      struct cove_compiled *out, struct cove_diag *diag)
{
    struct compile c = {.arena = arena,
                        .diag = diag,
                        .target = schema->schema,
                        .label = cove_bytes_text("schema")};
    struct compile_body body = {
        .name = schema->title, .version = 1, .schema = &schema->hash};
    struct compile_check check = {arena, NULL, schema->schema,
                                  NULL,  NULL, diag};
    struct cove_compiled made = {0};
    int rc;

    if (schema->version > 1) {
        return cove_fail(diag, COVE_EFORMAT,
                         "schema \"%.*s\": version %lld cannot be the first; "
                         "publish version 1, then migrations",
                         SHOWN(schema->title), (long long)schema->version);
    }
    if ((rc = cove_compile_init(&c, NULL, 0, schema->cbor, 0)) != 0) {
        return rc;
    }
    for (size_t i = 0; i < cove_schema_count(schema->schema); i++) {
        const struct cove_property *property =
            cove_schema_at(schema->schema, i);
        struct compile_new what = {property->name,
                                   property->type,
                                   {NULL, 0},
                                   -1,
                                   property->child != COVE_CHILD_NONE ? property
                                                                      : NULL};

        if ((rc = cove_field_add(&c, &what, NULL)) != 0) {
            return rc;
        }
    }
    body.ops = c.ops;
    body.op_count = c.op_count;
    if ((rc = cove_body_end(&c, &body, &made)) != 0 ||
        (rc = cove_compile_judge(&check, made.body)) != 0) {
        return rc;
    }
    *out = made;
    return 0;
}

/* --- migrations --------------------------------------------------------- */

static int parent_order(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct cove_step_id));
}

/* The parents, sorted, each once. */
static int parents_sort(struct cove_arena *arena,
                        const struct cove_compile_request *request,
                        struct compile_body *body)
{
    struct cove_step_id *parents =
        cove_arena_array(arena, request->parent_count + 1, sizeof *parents);
    size_t count = 0;

    if (parents == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < request->parent_count; i++) {
        parents[i] = request->parents[i];
    }
    qsort(parents, request->parent_count, sizeof *parents, parent_order);
    for (size_t i = 0; i < request->parent_count; i++) {
        if (i == 0 || parent_order(&parents[i], &parents[i - 1]) != 0) {
            parents[count++] = parents[i];
        }
    }
    body->parents = parents;
    body->parent_count = count;
    return 0;
}

static int request_check(const struct cove_compile_request *request,
                         struct cove_diag *diag)
{
    const struct cove_migration *m = request->migration;
    const struct cove_schema_file *target = request->target;

    if (m->schema.len > 0 && !cove_bytes_equal(m->schema, target->title)) {
        return cove_fail(diag, COVE_ESTEP,
                         "the migration is one of \"%.*s\", the schema it "
                         "leads to has the title \"%.*s\"",
                         SHOWN(m->schema), SHOWN(target->title));
    }
    if (target->version != 0 && target->version != m->to) {
        return cove_fail(diag, COVE_ESTEP,
                         "the migration leads to version %lld, the schema "
                         "beside it is version %lld",
                         (long long)m->to, (long long)target->version);
    }
    return 0;
}

/* The fields at the parents, as the words find them: in c, and in *start as
 * they stay. */
static int migration_begin(struct compile *c,
                           const struct cove_compile_request *request,
                           const struct compile_body *body,
                           struct compile_field **start)
{
    const struct compile_body merge = {.parents = body->parents,
                                       .parent_count = body->parent_count};
    struct cove_bytes empty;
    struct future f;
    size_t count = 0;
    int rc;

    if ((rc = body_write(c->arena, &merge, &empty)) != 0 ||
        (rc = cove_future_init(&f, c->arena, request->journal, empty)) != 0) {
        return rc == COVE_EBLOCKED
                   ? cove_fail(c->diag, rc,
                               "the version that the migration starts from is "
                               "not active")
                   : rc;
    }
    rc = cove_plan_fields(c->arena, f.plan, start, &count);
    cove_future_free(&f);
    if (rc == 0) {
        rc = cove_compile_init(c, body->parents, body->parent_count,
                               request->migration->seed, count);
    }
    for (size_t i = 0; i < count && rc == 0; i++) {
        c->fields[c->field_count++] = (*start)[i];
    }
    return rc;
}

/* The words of `down` as they stand, for whoever takes the version back. */
static int down_keep(struct compile *c, const struct cove_migration *m)
{
    struct cove_draft d;
    struct cove_bytes words = {NULL, 0};
    int rc;

    if (m->down_count == 0) {
        return 0;
    }
    c->label = cove_bytes_text("down");
    cove_draft_init(&d, c->arena);
    rc = cove_words_list(c->arena, m->down, m->down_count, &words);
    cove_draft_item(&d, "words", words);
    return rc != 0 ? rc : cove_op_end(c, &d, COVE_EXTRA_DOWN);
}

int cove_op_back(struct compile *c, const struct cove_step_id *step)
{
    char hex[COVE_HEX_LEN(sizeof step->b)];
    struct cove_draft d;

    c->label = cove_bytes_text("down");
    cove_hex(cove_bytes(step->b, sizeof step->b), hex);
    cove_draft_init(&d, c->arena);
    cove_draft_text(&d, "step", cove_bytes_text(hex));
    return cove_op_end(c, &d, COVE_EXTRA_BACK);
}

/* `down` goes over the fields as the steps left them, and must lead back to
 * those that they found. */
static int down_compile(const struct compile *up,
                        const struct cove_compile_request *request,
                        const struct compile_field *start, size_t start_count,
                        struct cove_compiled *made)
{
    const struct cove_migration *m = request->migration;
    struct compile c = {.arena = up->arena, .diag = up->diag};
    struct difference d = {up->arena, "the version before", "\"down\"", NULL, 0,
                           0};
    int rc;

    if (m->down_count == 0) {
        return 0;
    }
    rc = cove_compile_init(&c, &made->step, 1, m->seed, up->field_count);
    if (rc != 0) {
        return rc;
    }
    memcpy(c.fields, up->fields, up->field_count * sizeof *c.fields);
    c.field_count = up->field_count;
    for (size_t i = 0; i < start_count; i++) {
        c.fields[i].restores = start[i].visible && !c.fields[i].visible;
    }
    if ((rc = cove_compile_words(&c, m->down, m->down_count)) != 0 ||
        (rc = cove_difference_all(&d, start, start_count, c.fields,
                                  c.field_count)) != 0) {
        return rc;
    }
    if (d.count > 0) {
        return cove_difference_fail(&d, "\"down\" does not lead back", NULL,
                                    up->diag);
    }
    return ops_list(c.arena, c.ops, c.op_count, &made->down);
}

int cove_compile_migration(struct cove_arena *arena,
                           const struct cove_compile_request *request,
                           struct cove_compiled *out, struct cove_diag *diag)
{
    const struct cove_migration *m = request->migration;
    struct compile c = {.arena = arena,
                        .diag = diag,
                        .target = request->target->schema,
                        .target_cbor = request->target->cbor};
    struct compile_check check = {.arena = arena,
                                  .journal = request->journal,
                                  .schema = request->target->schema,
                                  .diag = diag};
    struct compile_body body = {.name = request->target->title,
                                .version = m->to,
                                .schema = &request->target->hash,
                                .note = m->note};
    struct cove_compiled made = {0};
    struct compile_field *start = NULL;
    size_t start_count;
    int rc;

    if ((rc = request_check(request, diag)) != 0 ||
        (rc = parents_sort(arena, request, &body)) != 0 ||
        (rc = migration_begin(&c, request, &body, &start)) != 0) {
        return rc;
    }
    start_count = c.field_count;
    for (size_t i = 0; m->restores != NULL && i < c.field_count; i++) {
        uint32_t reg;

        c.fields[i].restores =
            !c.fields[i].visible &&
            cove_plan_find(m->restores, c.fields[i].reg, &reg) &&
            m->restores->registers[reg].visible;
    }
    if ((rc = cove_compile_words(&c, m->words, m->word_count)) != 0 ||
        (rc = down_keep(&c, m)) != 0 ||
        (m->back != NULL && (rc = cove_op_back(&c, m->back)) != 0)) {
        return rc;
    }
    body.ops = c.ops;
    body.op_count = c.op_count;
    check.ops = c.ops;
    if ((rc = cove_body_end(&c, &body, &made)) != 0 ||
        (rc = cove_compile_judge(&check, made.body)) != 0 ||
        (rc = down_compile(&c, request, start, start_count, &made)) != 0) {
        return rc;
    }
    *out = made;
    return 0;
}
