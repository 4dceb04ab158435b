/* merge.c: see merge.h.
 *
 * What the branches show together is what an empty step shows that has them
 * all as parents. Where two of its fields want one name, the plan calls the
 * displaced one '#' and its register; it becomes the same field as the other
 * where they are of one type and may be linked (or are one cell already), and
 * gets a name of its own otherwise.
 */
#include "migrate/merge.h"

#include <stdio.h>

#include "core/json.h"
#include "migrate/compile_check.h"

struct merge {
    struct cove_catalog *catalog;
    struct cove_store_txn *txn;
    struct cove_arena *arena;
    struct cove_merge *out;
    struct cove_diag *diag;
    const struct cove_schema_doc *schema;
    const struct cove_journal *journal;
    struct merge_branch *branches;
    struct merge_branch base;
    struct cove_step_id *parents; /* sorted, as the journal is */
    struct future joined;
    struct cove_word *words;
    size_t word_count;
    struct merge_shown *shown;
    size_t shown_count;
};

/* ----------------------------------------------------------------- the
 * branches
 */

static int branch_open(struct merge *m, const struct cove_step *head,
                       struct merge_branch *out)
{
    const struct cove_schema *parsed;
    struct cove_bytes text;
    struct cove_buf cbor;
    int err = cove_catalog_plan(m->catalog, m->txn, m->schema->num, &head->id,
                                &out->plan);

    out->head = head;
    if (err == 0) {
        err = cove_catalog_schema(m->catalog, m->txn, m->schema->num, &head->id,
                                  &text, &parsed);
    }
    if (err == COVE_ENOTFOUND) {
        return cove_fail(m->diag, COVE_EBLOCKED,
                         "the schema text of a version %lld is not here; sync "
                         "with a peer that has it",
                         (long long)head->version);
    }
    if (err != 0) {
        return err;
    }
    cove_buf_init(&cbor, m->arena->alloc);
    err = cove_json_read_plain(text, "a branch's schema", &cbor, m->diag);
    if (err == 0) {
        err = cove_arena_copy(m->arena, cove_buf_bytes(&cbor), &out->schema);
    }
    cove_buf_clear(&cbor);
    return err;
}

/* The latest version that all branches stand on, NULL where there is none. */
static const struct cove_step *base_find(const struct merge *m)
{
    const struct cove_step *best = NULL;

    for (size_t i = 0; i < cove_journal_count(m->journal); i++) {
        const struct cove_step *s = cove_journal_at(m->journal, i);
        bool below = s->state == COVE_STEP_ACTIVE && !s->annotation;

        for (size_t k = 0; k < m->out->head_count; k++) {
            below = below &&
                    cove_journal_step_descends(m->journal, m->out->heads[k], s);
        }
        if (below &&
            (best == NULL || cove_journal_step_descends(m->journal, s, best))) {
            best = s;
        }
    }
    return best;
}

static int branches_find(struct merge *m)
{
    size_t all = cove_journal_count(m->journal);
    struct cove_merge *out = m->out;

    out->heads =
        cove_arena_array(m->arena, all + 1, sizeof(const struct cove_step *));
    m->branches = cove_arena_array(m->arena, all + 1, sizeof(*m->branches));
    m->parents = cove_arena_array(m->arena, all + 1, sizeof(*m->parents));
    if (out->heads == NULL || m->branches == NULL || m->parents == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < all; i++) {
        const struct cove_step *s = cove_journal_at(m->journal, i);

        out->version = s->state == COVE_STEP_ACTIVE && s->has_version &&
                               s->version > out->version
                           ? s->version
                           : out->version;
        if (cove_journal_leaf(m->journal, s)) {
            m->parents[out->head_count] = s->id;
            out->heads[out->head_count++] = s;
        }
    }
    if (out->head_count < 2) {
        return cove_fail(m->diag, COVE_ENOTFOUND,
                         "%.*s has one newest version, %lld: there is no fork "
                         "to join",
                         SHOWN(m->schema->name), (long long)out->version);
    }
    return cove_version_next(out->version, &out->version, m->diag);
}

static int branches_open(struct merge *m)
{
    const struct cove_step *base = base_find(m);
    int err = 0;

    for (size_t i = 0; i < m->out->head_count && err == 0; i++) {
        err = branch_open(m, m->out->heads[i], &m->branches[i]);
    }
    if (err == 0 && base != NULL) {
        err = branch_open(m, base, &m->base);
    }
    return err;
}

/* A journal with a step more: of the branches, with these operations. */
static int joined_plan(struct merge *m, const struct compile_op *ops,
                       size_t count, struct future *out)
{
    struct compile c = {.arena = m->arena, .diag = m->diag};
    struct compile_body body = {.parents = m->parents,
                                .parent_count = m->out->head_count,
                                .ops = ops,
                                .op_count = count};
    struct cove_compiled made;
    int err = cove_body_end(&c, &body, &made);

    return err != 0 ? err
                    : cove_future_init(out, m->arena, m->journal, made.body);
}

/* ------------------------------------------------------------------- the words
 */

struct word_member { /* key NULL: none */
    const char *key;
    struct cove_bytes value;
};

static int word_add(struct merge *m, const char *word, struct word_member one,
                    struct word_member other)
{
    struct cove_draft d;

    cove_draft_init(&d, m->arena);
    cove_draft_text(&d, one.key, one.value);
    if (other.key != NULL) {
        cove_draft_text(&d, other.key, other.value);
    }
    m->words[m->word_count].word = cove_bytes_text(word);
    return cove_draft_end(&d, &m->words[m->word_count++].members);
}

/* What the branches call a field that the join displaced. */
static struct cove_bytes displaced_name(const struct merge *m,
                                        struct cove_bytes reg)
{
    struct cove_bytes name;

    for (size_t i = 0; i < m->out->head_count; i++) {
        if (cove_merge_name(&m->branches[i], reg, &name) && name.len > 0 &&
            name.at[0] != '#') {
            return name;
        }
    }
    return cove_bytes_text("field");
}

/* May two registers be one? Asked of a plan that tries. */
static int link_fits(struct merge *m, struct cove_bytes one,
                     struct cove_bytes other, bool *fits)
{
    struct compile_op op = {.label = {NULL, 0}};
    struct future f;
    struct cove_draft d;
    int err;

    cove_draft_init(&d, m->arena);
    cove_draft_text(&d, "op", cove_bytes_text("alias"));
    cove_draft_text(&d, "from", one);
    cove_draft_text(&d, "to", other);
    err = cove_draft_end(&d, &op.op);
    if (err == 0) {
        err = joined_plan(m, &op, 1, &f);
    }
    if (err != 0) {
        return err;
    }
    *fits = true;
    for (size_t i = 0; i < f.plan->conflict_count; i++) {
        *fits = *fits && memcmp(&f.plan->conflicts[i].step, &f.plan->head->id,
                                sizeof(f.plan->head->id)) != 0;
    }
    cove_future_free(&f);
    return 0;
}

static bool name_taken(const struct merge *m, struct cove_bytes name)
{
    uint32_t reg;

    for (size_t i = 0; i < m->shown_count; i++) {
        if (cove_bytes_equal(m->shown[i].name, name)) {
            return true;
        }
    }
    return cove_plan_find_name(m->joined.plan, name, &reg);
}

/* "priority" → "priority_integer", or with a number behind where that is
 * taken. */
static int name_make(struct merge *m, struct cove_bytes name, const char *what,
                     struct cove_bytes *out)
{
    for (unsigned n = 1;; n++) {
        char number[16] = "";

        if (n > 1) {
            snprintf(number, sizeof(number), "_%u", n);
        }

        char *text = cove_arena_printf(m->arena, "%.*s_%s%s",
                                       (int)(name.len < 200 ? name.len : 0),
                                       (const char *)name.at, what, number);

        if (text == NULL) {
            return COVE_ENOMEM;
        }
        *out = cove_bytes_text(text);
        if (!name_taken(m, *out)) {
            return 0;
        }
    }
}

/* A field whose name another one has now. */
static int displaced_settle(struct merge *m, const struct cove_plan_field *f)
{
    const struct cove_plan *plan = m->joined.plan;
    const struct cove_plan_register *r = &plan->registers[f->reg];
    struct cove_merge_field *report = &m->out->fields[m->out->field_count++];
    struct cove_bytes name = displaced_name(m, r->id);
    const struct word_member field = {"field", f->name};
    uint32_t other;
    bool same = cove_plan_find_name(plan, name, &other) &&
                plan->registers[other].type == r->type &&
                plan->registers[other].child == COVE_PLAN_NONE &&
                r->child == COVE_PLAN_NONE;
    bool joined = same && plan->registers[other].cell == r->cell;
    int err = 0;

    report->name = name;
    if (same && !joined) {
        err = link_fits(m, r->id, plan->registers[other].id, &same);
    }
    if (err == 0 && same && !joined) {
        err = word_add(m, "same", field, (struct word_member){"as", name});
    }
    if (err == 0 && same) {
        return word_add(m, "hide", field,
                        (struct word_member){NULL, {NULL, 0}});
    }
    if (err == 0) {
        err =
            name_make(m, name,
                      r->child == COVE_PLAN_NONE
                          ? cove_type_word(r->type)
                          : cove_child_kind_name(plan->children[r->child].kind),
                      &report->as);
    }
    if (err == 0) {
        m->shown[m->shown_count++] = (struct merge_shown){f->reg, report->as};
        err = word_add(m, "rename", (struct word_member){"from", f->name},
                       (struct word_member){"to", report->as});
    }
    return err;
}

static int words_make(struct merge *m)
{
    const struct cove_plan *plan = m->joined.plan;
    size_t room = plan->field_count + 1;
    int err = 0;

    m->words = cove_arena_array(m->arena, 2 * room, sizeof(*m->words));
    m->shown = cove_arena_array(m->arena, room, sizeof(*m->shown));
    m->out->fields = cove_arena_array(m->arena, room, sizeof(*m->out->fields));
    if (m->words == NULL || m->shown == NULL || m->out->fields == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < plan->field_count && err == 0; i++) {
        const struct cove_plan_field *f = &plan->fields[i];

        if (f->name.len > 0 && f->name.at[0] == '#') {
            err = displaced_settle(m, f);
        } else {
            m->shown[m->shown_count++] = (struct merge_shown){f->reg, f->name};
        }
    }
    return err;
}

/* ---------------------------------------------------------------------- the
 * file
 */

static int file_from(struct merge *m, struct cove_bytes *out)
{
    struct cove_bytes *names =
        cove_arena_array(m->arena, m->out->head_count, sizeof(*names));
    char hex[COVE_HEX_LEN(32)];

    if (names == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < m->out->head_count; i++) {
        cove_hex(cove_bytes(m->parents[i].b, sizeof(m->parents[i].b)), hex);

        char *text = cove_arena_printf(m->arena, "%.16s", hex);

        if (text == NULL) {
            return COVE_ENOMEM;
        }
        names[i] = cove_bytes_text(text);
    }
    return cove_draft_names(m->arena, names, m->out->head_count, out);
}

static int file_write(struct merge *m, struct cove_bytes schema)
{
    struct cove_bytes from = {NULL, 0}, steps = {NULL, 0}, map;
    struct cove_bytes to = {NULL, 0};
    struct cove_draft d;
    struct cove_buf json;
    int err = file_from(m, &from);

    if (err == 0) {
        err = cove_words_list(m->arena, m->words, m->word_count, &steps);
    }
    if (err == 0) {
        err = cove_value_of_int(m->arena, m->out->version, &to);
    }
    if (err != 0) {
        return err;
    }
    cove_draft_init(&d, m->arena);
    cove_draft_text(&d, "schema", m->schema->name);
    cove_draft_item(&d, "from", from);
    cove_draft_item(&d, "to", to);
    cove_draft_text(&d, "note", cove_bytes_text("joins the branches"));
    cove_draft_item(&d, "steps", steps);
    cove_draft_item(&d, "targetSchema", schema);
    err = cove_draft_end(&d, &map);
    cove_buf_init(&json, m->arena->alloc);
    if (err == 0) {
        err = cove_json_write_plain(map, 4, &json);
    }
    if (err == 0) {
        err = cove_arena_copy(m->arena, cove_buf_bytes(&json), &m->out->file);
    }
    cove_buf_clear(&json);
    return err;
}

static int merge_joined(struct merge *m)
{
    struct merge_schema s = {.arena = m->arena,
                             .branches = m->branches,
                             .branch_count = m->out->head_count,
                             .base = m->base.head != NULL ? &m->base : NULL,
                             .joined = m->joined.plan,
                             .version = m->out->version};
    struct cove_bytes schema;
    int err = words_make(m);

    if (err == 0) {
        err = cove_merge_schema(&s, m->shown, m->shown_count, &schema);
    }
    return err != 0 ? err : file_write(m, schema);
}

/* Names that the report borrows live in plans: the caller's are to last. */
static int merge_keep(struct merge *m)
{
    int err = 0;

    for (size_t i = 0; i < m->out->field_count && err == 0; i++) {
        err = cove_arena_copy(m->arena, m->out->fields[i].name,
                              &m->out->fields[i].name);
    }
    return err;
}

int cove_merge_write(struct cove_catalog *catalog, struct cove_store_txn *txn,
                     cove_num num, struct cove_arena *arena,
                     struct cove_merge *out, struct cove_diag *diag)
{
    struct cove_merge made = {.version = 0};
    struct merge m = {.catalog = catalog,
                      .txn = txn,
                      .arena = arena,
                      .out = &made,
                      .diag = diag};
    int err = cove_catalog_open(catalog, txn, num, &m.schema);

    if (err == 0) {
        m.journal = m.schema->journal;
        err = branches_find(&m);
    }
    if (err == 0) {
        err = branches_open(&m);
    }
    if (err == 0) {
        err = joined_plan(&m, NULL, 0, &m.joined);
    }
    if (err != 0) {
        return err;
    }
    err = merge_joined(&m);
    err = err != 0 ? err : merge_keep(&m);
    cove_future_free(&m.joined);
    if (err == 0) {
        *out = made;
    }
    return err;
}
