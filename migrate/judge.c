/* judge.c: values by the rules of a version. */
#include "migrate/judge.h"

#include <stdio.h>

#include "core/cbor.h"
#include "core/value.h"

/* -------------------------------------------------------------------- rules */

int cove_judge_open(struct cove_catalog *catalog, struct cove_store_txn *txn,
                    cove_num num, const struct cove_step_id *head,
                    struct cove_judge *out)
{
    struct cove_judge j = {0};
    struct cove_bytes text;
    int err = cove_catalog_plan(catalog, txn, num, head, &j.plan);

    if (err != 0) {
        return err;
    }
    err = cove_catalog_schema(catalog, txn, num, head, &text, &j.schema);
    if (err == COVE_ENOTFOUND) {
        j.schema = NULL;
        err = 0;
    }
    j.name = j.plan->head->name;
    j.version = j.plan->head->has_version ? j.plan->head->version : 0;
    if (err == 0) {
        *out = j;
    }
    return err;
}

int cove_judge_begin(struct cove_catalog *catalog, struct cove_store_txn *txn,
                     cove_num num, const struct cove_step_id *head,
                     struct cove_diag *diag, struct cove_judge *out)
{
    int err = cove_judge_open(catalog, txn, num, head, out);

    if (err == 0 && out->plan->head->retired) {
        err = cove_fail(diag, COVE_EBLOCKED,
                        "version %lld of %.*s is retired: it is read and no "
                        "longer written; write at a later version (--as, "
                        "cove_use), `cove schema list` shows them",
                        (long long)out->version, SHOWN(out->name));
    }
    return err;
}

void cove_judge_inside(const struct cove_loaded *loaded,
                       struct cove_judge *judge)
{
    if (cove_loaded_is_child(loaded)) {
        judge->plan = loaded->plan;
        judge->inside = loaded->inside;
    }
}

/* The name of field number `i`; false behind the last. */
static bool judge_name(const struct cove_judge *j, size_t i,
                       struct cove_bytes *out)
{
    if (j->plan != NULL && i < j->plan->field_count) {
        *out = j->plan->fields[i].name;
        return true;
    }
    if (j->plan == NULL && i < cove_schema_count(j->schema)) {
        *out = cove_schema_at(j->schema, i)->name;
        return true;
    }
    return false;
}

static int judge_unknown(const struct cove_judge *j, struct cove_bytes name,
                         struct cove_diag *diag)
{
    char list[512] = "";
    size_t len = 0;
    struct cove_bytes field;

    for (size_t i = 0; judge_name(j, i, &field); i++) {
        if (len + field.len + 3 < sizeof(list)) {
            memcpy(list + len, len == 0 ? "" : ", ", len == 0 ? 0 : 2);
            len += len == 0 ? 0 : 2;
            memcpy(list + len, field.at, field.len);
            len += field.len;
        }
    }
    return cove_fail(diag, COVE_ESCHEMA,
                     "/%.*s: %.*s version %lld has no such field; it has: %.*s",
                     SHOWN(name), SHOWN(j->name), (long long)j->version,
                     (int)len, list);
}

/* What kind of document a field is; COVE_CHILD_NONE: a value. False where there
 * is none of that name. */
static bool judge_field(const struct cove_judge *j, struct cove_bytes name,
                        uint32_t *reg, enum cove_child_kind *child)
{
    *child = COVE_CHILD_NONE;
    *reg = COVE_PLAN_NONE;
    if (j->plan == NULL) {
        const struct cove_property *p = cove_schema_find(j->schema, name);

        *child = p != NULL ? p->child : COVE_CHILD_NONE;
        return p != NULL;
    }
    if (!cove_plan_find_name(j->plan, name, reg)) {
        return false;
    }
    const struct cove_plan_register *r = &j->plan->registers[*reg];

    if (r->child != COVE_PLAN_NONE) {
        *child = j->plan->children[r->child].kind;
    }
    return true;
}

int cove_judge_known(const struct cove_judge *judge, struct cove_bytes name,
                     uint32_t *reg, struct cove_diag *diag)
{
    enum cove_child_kind child;

    if (!judge_field(judge, name, reg, &child)) {
        return judge_unknown(judge, name, diag);
    }
    if (child != COVE_CHILD_NONE) {
        return cove_fail(
            diag, COVE_ESCHEMA,
            "/%.*s: x-type %s: the field is a document of its own; edit that, "
            "and set nothing in its place",
            SHOWN(name), cove_child_kind_name(child));
    }
    return 0;
}

/* One field by the schema; of a map child, one inside it. */
static int judge_check(const struct cove_judge *j, struct cove_bytes name,
                       struct cove_bytes value, struct cove_diag *diag)
{
    if (j->schema == NULL) {
        return 0;
    }
    return j->inside.len > 0
               ? cove_schema_check_member(j->schema, j->inside, name, value,
                                          diag)
               : cove_schema_check_field(j->schema, name, value, diag);
}

int cove_judge_edit(const struct cove_judge *judge,
                    const struct cove_edit *edit, uint32_t reg,
                    struct cove_diag *diag)
{
    int err;

    if (judge->plan == NULL) {
        return judge_check(judge, edit->name, edit->value, diag);
    }
    const struct cove_plan_register *r = &judge->plan->registers[reg];

    if (edit->deleted) {
        return !r->required ? 0
                            : cove_fail(diag, COVE_ESCHEMA,
                                        "/%.*s: required: it cannot be deleted",
                                        SHOWN(edit->name));
    }
    err = judge_check(judge, edit->name, edit->value, diag);
    if (err == 0 && !cove_value_is_null(edit->value) &&
        !cove_type_holds(r->type, edit->value)) {
        err = cove_fail(diag, COVE_ESCHEMA, "/%.*s: type %s", SHOWN(edit->name),
                        cove_type_name(r->type));
    }
    return err;
}

int cove_judge_map(const struct cove_judge *judge,
                   const struct cove_edit *edits, size_t count,
                   struct cove_arena *arena, struct cove_buf *out)
{
    const struct cove_schema *schema = judge->schema;
    size_t most = count + cove_schema_count(schema), n = 0;
    struct cove_pair *pairs = cove_arena_array(arena, most + 1, sizeof(*pairs));
    struct cove_writer w;
    int err = pairs == NULL ? COVE_ENOMEM : 0;

    for (size_t i = 0; err == 0 && i < count; i++) {
        err = cove_value_of_text(arena, edits[i].name, &pairs[n].key);
        pairs[n++].value = edits[i].value;
    }
    for (size_t i = 0; err == 0 && i < cove_schema_count(schema); i++) {
        const struct cove_property *p = cove_schema_at(schema, i);
        bool given = !p->required || !p->has_default;

        for (size_t k = 0; k < count && !given; k++) {
            given = cove_bytes_equal(edits[k].name, p->name);
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

/* -------------------------------------------------------------------- flaws */

int cove_verdict(int err)
{
    switch (err) {
    case COVE_ELIMIT:
    case COVE_EUNSUPPORTED:
    case COVE_EKEYWORD:
    case COVE_EFORMAT:
        return COVE_ESCHEMA;
    default:
        return err;
    }
}

/* The schema's sentences are "/path breaks the rule "minimum 1": why", those
 * of this file "/path: why". */
static void flaw_read(struct cove_bytes text, const char *rule,
                      struct cove_flaw *out)
{
    static const char breaks[] = " breaks the rule \"";
    const char *all = (const char *)text.at;
    const char *at = strstr(all, breaks);
    const char *end = at != NULL ? strstr(at + strlen(breaks), "\": ") : NULL;

    out->text = text;
    if (rule == NULL && end != NULL) {
        out->path = cove_bytes(all, (size_t)(at - all));
        at += strlen(breaks);
        out->rule = cove_bytes(at, (size_t)(end - at));
    } else {
        at = strstr(all, ": ");
        out->path = cove_bytes(all, at != NULL ? (size_t)(at - all) : 0);
        out->rule = cove_bytes_text(rule != NULL ? rule : "");
    }
    if (out->path.len > 0 && out->path.at[0] != '/') {
        out->path = cove_bytes_text(""); /* "the document" */
    }
}

int cove_flaws_add(struct cove_flaws *flaws, const struct cove_diag *why,
                   const char *rule)
{
    struct cove_bytes text = cove_bytes_text(why->text);
    void *array = flaws->at;
    char *copy;

    for (size_t i = 0; i < flaws->count; i++) {
        if (cove_bytes_equal(flaws->at[i].text, text)) {
            return 0;
        }
    }
    copy = cove_arena_printf(flaws->arena, "%s", why->text);

    int err = copy == NULL
                  ? COVE_ENOMEM
                  : cove_arena_grow(flaws->arena, &array, sizeof(*flaws->at),
                                    flaws->count, &flaws->cap);

    if (err == 0) {
        flaws->at = array;
        flaw_read(cove_bytes_text(copy), rule, &flaws->at[flaws->count++]);
    }
    return err;
}

/* A verdict into the list. */
static int flaws_note(struct cove_flaws *flaws, int err,
                      const struct cove_diag *why, const char *rule)
{
    err = cove_verdict(err);
    return err == COVE_ESCHEMA || err == COVE_EINVALID
               ? cove_flaws_add(flaws, why, rule)
               : err;
}

/* A rule of the whole, or what no field alone says. A field that is in the list
 * already is not named once more. */
static int flaws_whole(const struct cove_judge *j, struct cove_bytes value,
                       struct cove_flaws *flaws)
{
    struct cove_diag why = {0};
    struct cove_flaw found;
    int err = cove_schema_check(j->schema, value, &why);

    if (err == COVE_ESCHEMA) {
        flaw_read(cove_bytes_text(why.text), NULL, &found);
        for (size_t i = 0; i < flaws->count; i++) {
            if (cove_bytes_equal(flaws->at[i].path, found.path)) {
                return 0;
            }
        }
    }
    return flaws_note(flaws, err, &why, NULL);
}

static int flaws_missing(struct cove_flaws *flaws, struct cove_bytes name)
{
    struct cove_diag why = {0};

    cove_fail(&why, COVE_ESCHEMA,
              "/%.*s breaks the rule \"required\": it is missing", SHOWN(name));
    return cove_flaws_add(flaws, &why, NULL);
}

/* The members of a new document's map as edits. */
static int new_edits(struct cove_bytes map, struct cove_arena *arena,
                     struct cove_edit **out, size_t *count)
{
    struct cove_reader r;

    cove_reader_init(&r, map);
    *count = cove_reader_map(&r);
    *out = cove_arena_array(arena, *count + 1, sizeof(**out));
    if (*out == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < *count; i++) {
        (*out)[i].name = cove_reader_text(&r);
        (*out)[i].value = cove_reader_item(&r);
        (*out)[i].deleted = false;
    }
    return 0;
}

/* The fields of a new document one by one, and those that it lacks. */
static int new_fields(const struct cove_judge *j, const struct cove_edit *edits,
                      size_t count, struct cove_flaws *flaws)
{
    int err = 0;

    for (size_t i = 0; i < count && err == 0; i++) {
        struct cove_diag why = {0};
        const char *rule = NULL;
        uint32_t reg;

        err = cove_judge_known(j, edits[i].name, &reg, &why);
        if (err == COVE_ESCHEMA) {
            rule = strstr(why.text, ": x-type") != NULL ? "x-type" : "field";
        } else if (err == 0) {
            err = cove_judge_edit(j, &edits[i], reg, &why);
            rule =
                strstr(why.text, " breaks the rule ") != NULL ? NULL : "type";
        }
        err = flaws_note(flaws, err, &why, rule);
    }
    for (size_t i = 0; i < cove_schema_count(j->schema) && err == 0; i++) {
        const struct cove_property *p = cove_schema_at(j->schema, i);
        bool given = !p->required || p->has_default;

        for (size_t k = 0; k < count && !given; k++) {
            given = cove_bytes_equal(edits[k].name, p->name);
        }
        err = given ? 0 : flaws_missing(flaws, p->name);
    }
    return err;
}

int cove_judge_new(const struct cove_judge *judge, struct cove_bytes value,
                   struct cove_flaws *flaws)
{
    struct cove_edit *edits;
    struct cove_buf map;
    size_t count;

    if (judge->schema == NULL) {
        return 0;
    }
    if (cove_value_kind(value) != COVE_KIND_MAP || judge->name.len == 0 ||
        !cove_schema_is_object(judge->schema)) {
        return flaws_whole(judge, value, flaws);
    }
    int err = new_edits(value, flaws->arena, &edits, &count);

    err = err != 0 ? err : new_fields(judge, edits, count, flaws);
    if (err != 0) {
        return err;
    }
    cove_buf_init(&map, flaws->arena->alloc);
    err = cove_judge_map(judge, edits, count, flaws->arena, &map);
    err = err != 0 ? err : flaws_whole(judge, cove_buf_bytes(&map), flaws);
    cove_buf_clear(&map);
    return err;
}
