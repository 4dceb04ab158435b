/* retreat.c: see retreat.h.
 *
 * What the earlier version shows is compared with what the newest one shows,
 * register by register: hide, show, name and limit are all that differs, since
 * a register never changes otherwise. Where each version on the way carries its
 * author's words for going back, they are compiled instead, one version's after
 * the other's; where they no longer fit what there is, the comparison stands.
 * Either way the result is judged like any migration, against the earlier
 * version's schema under its new number.
 */
#include "migrate/retreat.h"

#include <stdio.h>

#include "core/json.h"
#include "migrate/compile_check.h"
#include "schema/step_extra.h"

struct retreat {
    struct cove_catalog *catalog;
    struct cove_store_txn *txn;
    const struct cove_retreat_request *request;
    struct cove_arena *arena;
    struct cove_retreat *out;
    struct cove_diag *diag;
    const struct cove_schema_doc *schema;
    const struct cove_journal *journal;
    const struct cove_step *head, *back;
    const struct cove_plan *now, *then;
    struct cove_bytes seed; /* what register ids are hashed from */
};

static long long version_of(const struct cove_step *step)
{
    return step->has_version ? step->version : 0;
}

/* --------------------------------------------------------------- the schema */

/* The schema text with another number, as canonical JSON. */
static int text_renumber(struct cove_arena *arena, struct cove_bytes cbor,
                         int64_t version, struct cove_bytes *out)
{
    struct cove_reader r;
    struct cove_writer w;
    struct cove_buf map, json;
    struct cove_bytes key, number;
    size_t n = 0, count;
    int err;

    cove_reader_init(&r, cbor);
    count = cove_reader_map(&r);

    struct cove_pair *pairs =
        cove_arena_array(arena, count + 1, sizeof(*pairs));

    cove_buf_init(&map, arena->alloc);
    cove_buf_init(&json, arena->alloc);
    err = pairs == NULL
              ? COVE_ENOMEM
              : cove_value_of_text(arena, cove_bytes_text("version"), &key);
    err = err != 0 ? err : cove_value_of_int(arena, version, &number);
    for (size_t i = 0; err == 0 && i < count; i++) {
        pairs[n].key = cove_reader_item(&r);
        pairs[n].value = cove_reader_item(&r);
        n += !cove_bytes_equal(pairs[n].key, key);
    }
    if (err == 0) {
        pairs[n++] = (struct cove_pair){key, number};
        cove_writer_init(&w, &map);
        cove_writer_map_sorted(&w, pairs, n);
        err = w.err;
    }
    err =
        err != 0 ? err : cove_json_write_plain(cove_buf_bytes(&map), 0, &json);
    err = err != 0 ? err : cove_arena_copy(arena, cove_buf_bytes(&json), out);
    cove_buf_clear(&json);
    cove_buf_clear(&map);
    return err;
}

static int schema_again(struct retreat *r, int64_t version)
{
    const struct cove_schema *parsed;
    struct cove_bytes text, again = {NULL, 0};
    struct cove_buf cbor;
    int err = cove_catalog_schema(r->catalog, r->txn, r->request->num,
                                  &r->back->id, &text, &parsed);

    if (err == COVE_ENOTFOUND) {
        return cove_fail(r->diag, COVE_EBLOCKED,
                         "the schema text of version %lld is not here; sync "
                         "with a peer that has it",
                         version_of(r->back));
    }
    if (err != 0) {
        return err;
    }
    cove_buf_init(&cbor, r->arena->alloc);
    err = cove_json_read_plain(text, "the earlier schema", &cbor, r->diag);
    if (err == 0) {
        err = text_renumber(r->arena, cove_buf_bytes(&cbor), version, &again);
    }
    cove_buf_clear(&cbor);
    return err != 0
               ? err
               : cove_schema_held_read(r->arena, again, "the earlier schema",
                                       &r->out->step.file, r->diag);
}

/* ------------------------------------------------------------- by comparison
 */

static struct compile_field *field_of(struct compile *c, struct cove_bytes reg)
{
    for (size_t i = 0; i < c->field_count; i++) {
        if (cove_bytes_equal(c->fields[i].reg, reg)) {
            return &c->fields[i];
        }
    }
    return NULL;
}

static int list_add(struct retreat *r, struct cove_retreat_field **list,
                    size_t *count, struct cove_bytes name,
                    struct cove_bytes was)
{
    struct cove_retreat_field *f = &(*list)[*count];
    int err = cove_arena_copy(r->arena, name, &f->name);

    (*count)++;
    return err != 0 ? err : cove_arena_copy(r->arena, was, &f->was);
}

/* Is the limit to be said again: it is another, or the schema is silent on a
 * default that the earlier version has all the same? */
static bool limit_differs(const struct retreat *r,
                          const struct cove_plan_register *now,
                          const struct cove_plan_register *then)
{
    const struct cove_property *p =
        cove_schema_find(r->out->step.file.schema, then->name);

    return now->required != then->required ||
           now->has_default != then->has_default ||
           !cove_bytes_equal(now->fallback, then->fallback) ||
           (p != NULL && then->has_default && !p->has_default);
}

/* Are the child's kind and what is inside it as they were? */
static bool child_differs(const struct compile_field *now,
                          const struct compile_field *then)
{
    bool same = now->child == then->child &&
                cove_bytes_equal(now->item, then->item) &&
                now->member_count == then->member_count;

    for (size_t i = 0; same && i < now->member_count; i++) {
        same = cove_bytes_equal(now->members[i].name, then->members[i].name) &&
               cove_bytes_equal(now->members[i].reg, then->members[i].reg);
    }
    return !same;
}

/* What was inside a child is said again where it is another now: its items'
 * register, a map's fields. */
static int compare_child(struct retreat *r, struct compile *c,
                         struct compile_field *field, uint32_t reg)
{
    struct compile_field then = *field;
    uint32_t child = r->then->registers[reg].child;
    int err;

    if (child == COVE_PLAN_NONE) {
        return 0;
    }
    then.member_count = 0;
    err = cove_plan_inside(r->arena, r->then, child, &then);
    if (err != 0 || !child_differs(field, &then)) {
        return err;
    }
    then.visible = field->visible;
    *field = then;
    return cove_field_child(c, field);
}

/* One register that the earlier version shows. */
static int compare_shown(struct retreat *r, struct compile *c, uint32_t reg)
{
    const struct cove_plan_register *now = &r->now->registers[reg];
    const struct cove_plan_register *then = &r->then->registers[reg];
    struct compile_field *field = field_of(c, then->id);
    struct cove_retreat *out = r->out;
    bool renamed = !cove_bytes_equal(now->name, then->name);
    int err = 0;

    if (field == NULL) { /* cannot be: the newest version's history added it */
        return COVE_ECORRUPT;
    }
    if (!now->visible) {
        err = cove_field_show(c, field, true);
        err = err != 0 ? err
                       : list_add(r, &out->shown, &out->shown_count, then->name,
                                  then->name);
    }
    if (err == 0 && renamed) {
        err = cove_field_rename(c, field, then->name);
    }
    if (err == 0 && renamed && now->visible) {
        err = list_add(r, &out->renamed, &out->renamed_count, then->name,
                       now->name);
    }
    if (err == 0 && limit_differs(r, now, then)) {
        field->required = then->required;
        field->has_default = then->has_default;
        field->default_value = then->fallback;
        err = cove_field_limit(c, field);
        if (err == 0 && now->visible) {
            err = list_add(r, &out->limited, &out->limited_count, then->name,
                           now->name);
        }
    }
    return err != 0 ? err : compare_child(r, c, field, reg);
}

static int compare_all(struct retreat *r, struct compile *c)
{
    int err = 0;

    c->label = cove_bytes_text("down");
    for (size_t i = 0; i < r->now->field_count && err == 0; i++) {
        uint32_t reg = r->now->fields[i].reg;
        struct compile_field *field = field_of(c, r->now->registers[reg].id);

        if (!r->then->registers[reg].visible && field != NULL) {
            err = cove_field_show(c, field, false);
            err = err != 0 ? err
                           : list_add(r, &r->out->hidden, &r->out->hidden_count,
                                      r->now->fields[i].name,
                                      r->now->fields[i].name);
        }
    }
    for (size_t i = 0; i < r->then->field_count && err == 0; i++) {
        err = compare_shown(r, c, r->then->fields[i].reg);
    }
    return err != 0 ? err : cove_op_back(c, &r->back->id);
}

/* The step by comparison. */
static int compare_compile(struct retreat *r, int64_t version,
                           struct cove_bytes note)
{
    struct cove_schema_file *file = &r->out->step.file;
    struct compile c = {
        .arena = r->arena, .diag = r->diag, .target = file->schema};
    struct compile_body body = {.parents = &r->head->id,
                                .parent_count = 1,
                                .name = r->schema->name,
                                .version = version,
                                .schema = &file->hash,
                                .note = note};
    struct compile_check check = {.arena = r->arena,
                                  .journal = r->journal,
                                  .schema = file->schema,
                                  .diag = r->diag};
    struct compile_field *fields;
    size_t count;
    int err = cove_plan_fields(r->arena, r->now, &fields, &count);

    if (err == 0) {
        err = cove_compile_init(&c, &r->head->id, 1, r->seed, count);
    }
    if (err != 0) {
        return err;
    }
    memcpy(c.fields, fields, count * sizeof(*fields));
    c.field_count = count;
    err = compare_all(r, &c);
    body.ops = check.ops = c.ops;
    body.op_count = c.op_count;
    if (err == 0) {
        err = cove_body_end(&c, &body, &r->out->step.step);
    }
    return err != 0 ? err : cove_compile_judge(&check, r->out->step.step.body);
}

/* ----------------------------------------------------------------- by words */

/* The words of the versions on the way, the newest version's first. *count is
 * 0 where one of them has none. */
static int words_collect(struct retreat *r, struct cove_word **out,
                         size_t *count, size_t *versions)
{
    const struct cove_step *at = r->head;
    struct cove_word *all = NULL;
    size_t n = 0, cap = 0;

    *count = 0;
    *versions = 0;
    while (at != NULL && at != r->back && at->parent_count == 1) {
        struct cove_word *words = NULL;
        size_t place = 0, more = 0;
        struct cove_bytes list =
            cove_step_extra(at, COVE_EXTRA_DOWN, "words", &place);
        int err = 0;

        if (at->annotation) {
            at = cove_journal_find(r->journal, &at->parents[0]);
            continue;
        }
        if (list.len == 0) {
            return 0;
        }
        err = cove_words_read(r->arena, list, "down", &words, &more, NULL);
        if (err != 0) { /* nobody checks what stands in an x- op */
            return err == COVE_ENOMEM ? err : 0;
        }
        for (size_t i = 0; i < more && err == 0; i++) {
            void *array = all;

            err = cove_arena_grow(r->arena, &array, sizeof(*all), n, &cap);
            all = array;
            if (err == 0) {
                all[n++] = words[i];
            }
        }
        if (err != 0) {
            return err;
        }
        ++*versions;
        at = cove_journal_find(r->journal, &at->parents[0]);
    }
    if (at == r->back) {
        *out = all;
        *count = n;
    }
    return 0;
}

/* The step by the versions' own words. *usable is false, and why is said, where
 * they do not fit. */
static int words_compile(struct retreat *r, int64_t version,
                         struct cove_bytes note, bool *usable)
{
    struct cove_migration *m = &r->out->step.migration;
    struct cove_diag why = {0};
    struct cove_compile_request request = {.migration = m,
                                           .target = &r->out->step.file,
                                           .journal = r->journal,
                                           .parents = &r->head->id,
                                           .parent_count = 1};
    size_t versions;
    int err = words_collect(r, &m->words, &m->word_count, &versions);

    *usable = false;
    if (err != 0 || m->word_count == 0) {
        return err;
    }
    if (versions == 1) { /* else the words lead to each version between */
        m->restores = r->then;
    }
    m->seed = r->seed;
    m->schema = r->schema->name;
    m->to = version;
    m->note = note;
    m->back = &r->out->back;
    err = cove_compile_migration(r->arena, &request, &r->out->step.step, &why);
    m->restores = NULL;
    m->back = NULL; /* what it points to moves with the result */
    *usable = err == 0;
    if (err == COVE_ENOMEM || err == 0) {
        return err;
    }
    r->out->why = cove_arena_printf(r->arena, "%s", why.text);
    return r->out->why == NULL ? COVE_ENOMEM : 0;
}

/* What the words made of the fields, for the report. */
static int words_report(struct retreat *r, const struct cove_plan *made)
{
    struct cove_retreat *out = r->out;
    int err = 0;

    for (size_t i = 0; i < r->now->field_count && err == 0; i++) {
        const struct cove_plan_register *was =
            &r->now->registers[r->now->fields[i].reg];
        uint32_t reg;

        if (!cove_plan_find(made, was->id, &reg) ||
            !made->registers[reg].visible) {
            err = list_add(r, &out->hidden, &out->hidden_count, was->name,
                           was->name);
        } else if (!cove_bytes_equal(was->name, made->registers[reg].name)) {
            err = list_add(r, &out->renamed, &out->renamed_count,
                           made->registers[reg].name, was->name);
        }
    }
    for (size_t i = 0; i < made->field_count && err == 0; i++) {
        uint32_t reg, before = made->fields[i].reg;

        if (!cove_plan_find(r->now, made->registers[before].id, &reg) ||
            !r->now->registers[reg].visible) {
            err = list_add(r, &out->shown, &out->shown_count,
                           made->fields[i].name, made->fields[i].name);
        }
    }
    return err;
}

/* -------------------------------------------------------------------- whole */

static int retreat_refuse_loss(struct retreat *r)
{
    struct cove_retreat *out = r->out;
    char names[512] = "";
    size_t len = 0;

    if (out->lost_count == 0 || r->request->accept_loss) {
        return 0;
    }
    for (size_t i = 0; i < out->lost_count && len + 200 < sizeof(names); i++) {
        len +=
            (size_t)snprintf(names + len, sizeof(names) - len,
                             "%s\"%.*s\" to \"%.*s\"", i == 0 ? "" : ", ",
                             SHOWN(out->lost[i].was), SHOWN(out->lost[i].name));
    }
    return cove_fail(r->diag, COVE_EDESTRUCTIVE,
                     "going back to version %lld there is no way from %s: what "
                     "was written there since would read as invalid, raw "
                     "beside it; --accept-data-loss goes back all the same",
                     (long long)out->to, names);
}

/* What the step would do, in a journal that has it: which fields are shown
 * instead of which, and what cannot come back. */
static int retreat_judge(struct retreat *r)
{
    struct cove_retreat *out = r->out;
    struct future f;
    int err = cove_future_init(&f, r->arena, r->journal, out->step.step.body);

    if (err != 0) {
        return err;
    }
    if (out->words) {
        err = words_report(r, f.plan);
    }
    if (err == 0) {
        err = cove_retreat_lost(r->arena, r->now, f.plan, &out->lost,
                                &out->lost_count);
    }
    cove_future_free(&f);
    return err != 0 ? err : retreat_refuse_loss(r);
}

static int retreat_lists(struct retreat *r)
{
    size_t room = r->now->register_count + COVE_MAX_STEP_OPS + 1;
    struct cove_retreat_field **lists[] = {&r->out->shown, &r->out->hidden,
                                           &r->out->renamed, &r->out->limited};

    for (size_t i = 0; i < COVE_ARRAY_LEN(lists); i++) {
        *lists[i] =
            cove_arena_array(r->arena, room, sizeof(struct cove_retreat_field));
        if (*lists[i] == NULL) {
            return COVE_ENOMEM;
        }
    }
    return 0;
}

/* What register ids are hashed from: all that the result depends on besides
 * the journal. */
static int retreat_seed(struct retreat *r)
{
    struct cove_draft d;
    char hex[COVE_HEX_LEN(sizeof(r->back->id.b))];

    cove_hex(cove_bytes(r->back->id.b, sizeof(r->back->id.b)), hex);
    cove_draft_init(&d, r->arena);
    cove_draft_text(&d, "back", cove_bytes_text(hex));
    return cove_draft_end(&d, &r->seed);
}

static int retreat_begin(struct retreat *r)
{
    struct cove_retreat *out = r->out;
    int err =
        cove_catalog_open(r->catalog, r->txn, r->request->num, &r->schema);

    if (err == 0) {
        r->journal = r->schema->journal;
        err = cove_retreat_find(r->schema, r->request, &r->head, &r->back,
                                r->diag);
    }
    if (err != 0) {
        return err;
    }
    out->step.num = r->request->num;
    out->step.what = "down";
    out->from = version_of(r->head);
    out->to = version_of(r->back);
    out->back = r->back->id;
    err = cove_arena_copy(r->arena,
                          cove_bytes(r->head->id.b, sizeof(r->head->id.b)),
                          &out->step.parents);
    if (err == 0) {
        err = cove_catalog_plan(r->catalog, r->txn, out->step.num, &r->head->id,
                                &r->now);
    }
    if (err == 0) {
        err = cove_catalog_plan(r->catalog, r->txn, out->step.num, &r->back->id,
                                &r->then);
    }
    if (err == 0) {
        err = retreat_lists(r);
    }
    return err != 0 ? err : retreat_seed(r);
}

int cove_retreat_prepare(struct cove_catalog *catalog,
                         struct cove_store_txn *txn,
                         const struct cove_retreat_request *request,
                         struct cove_arena *arena, struct cove_retreat *out,
                         struct cove_diag *diag)
{
    struct cove_retreat made = {0};
    struct retreat r = {.catalog = catalog,
                        .txn = txn,
                        .request = request,
                        .arena = arena,
                        .out = &made,
                        .diag = diag};
    int64_t version;
    char *note;
    int err = retreat_begin(&r);

    err = err != 0 ? err : cove_version_next(made.from, &version, diag);
    if (err != 0) {
        return err;
    }
    note = cove_arena_printf(arena, "back to version %lld", (long long)made.to);
    err = note == NULL ? COVE_ENOMEM : schema_again(&r, version);
    if (err == 0) {
        err = words_compile(&r, version, cove_bytes_text(note), &made.words);
    }
    if (err == 0 && !made.words) {
        err = compare_compile(&r, version, cove_bytes_text(note));
    }
    if (err == 0) {
        err = retreat_judge(&r);
    }
    if (err == 0) {
        *out = made;
    }
    return err;
}
