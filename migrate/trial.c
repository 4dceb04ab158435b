/* trial.c: see trial.h.
 *
 * A document is loaded once, as a reader at `after` would load it, and looked
 * at a second time through the plan of `before`. A sample of n out of m takes
 * the documents at which i * n / m steps up, which spreads them evenly and
 * takes exactly n; so m is counted by a walk before.
 */
#include "migrate/trial.h"

#include "migrate/judge.h"

struct trial {
    struct cove_catalog *catalog;
    struct cove_store_txn *txn;
    struct cove_trial *t;
    const struct cove_trial_slice *slice;
    struct cove_arena arena; /* of one document */
    struct cove_diag *diag;
};

int cove_trial_begin(struct cove_catalog *catalog, struct cove_store_txn *txn,
                     struct cove_trial *trial)
{
    trial->counted = trial->sample == 0;
    return cove_repo_sequence(cove_catalog_repo(catalog), txn,
                              &trial->frontier);
}

/* ----------------------------------------------------------------- reasons */

/* The field that a sentence begins with: the longest of the plan's that does,
 * since a name may hold any of what ends one. */
static size_t reason_field(const struct cove_plan *plan, const char *at)
{
    size_t best = 0;

    for (size_t i = 0; i < plan->field_count; i++) {
        struct cove_bytes name = plan->fields[i].name;

        if (name.len > best && strlen(at) > name.len &&
            memcmp(at, name.at, name.len) == 0 &&
            strchr("/: ", at[name.len]) != NULL) {
            best = name.len;
        }
    }
    return best > 0 ? best : strcspn(at, "/: ");
}

/* "/size: required", "/tags/3 breaks the rule \"type string\": …": the field,
 * and the sentence without what is the single document's. */
static void reason_read(const struct cove_plan *plan, const char *why,
                        struct cove_bytes *field, struct cove_bytes *text)
{
    const char *at = why + (why[0] == '/');
    size_t len = reason_field(plan, at);
    const char *rule = strstr(at, " breaks the rule \"");
    const char *end = rule != NULL ? strstr(rule, "\": ") : NULL;

    *field = cove_bytes(at, len);
    if (end != NULL) {
        *text = cove_bytes(rule + 1, (size_t)(end - rule));
    } else {
        at += len;
        at += strspn(at, ": ");
        *text = cove_bytes_text(at);
    }
}

static int reason_add(struct cove_trial *t, struct cove_bytes field,
                      struct cove_bytes text, struct cove_trial_reason **out)
{
    void *array = t->reasons;
    int err = cove_arena_grow(t->arena, &array, sizeof(*t->reasons),
                              t->reason_count, &t->reason_cap);

    if (err != 0) {
        return err;
    }
    t->reasons = array;
    struct cove_trial_reason *r = &t->reasons[t->reason_count];

    memset(r, 0, sizeof(*r));
    err = cove_arena_copy(t->arena, field, &r->field);
    if (err == 0) {
        err = cove_arena_copy(t->arena, text, &r->text);
    }
    t->reason_count += err == 0;
    *out = r;
    return err;
}

static int reason_note(struct cove_trial *t, const struct cove_loaded *after,
                       const char *why)
{
    struct cove_trial_reason *found = NULL;
    struct cove_bytes field, text;
    int err = 0;

    reason_read(after->plan, why, &field, &text);
    if (t->reason_count > COVE_TRIAL_REASONS) {
        found = &t->reasons[COVE_TRIAL_REASONS];
    }
    for (size_t i = 0; i < t->reason_count; i++) {
        if (cove_bytes_equal(t->reasons[i].field, field) &&
            cove_bytes_equal(t->reasons[i].text, text)) {
            found = &t->reasons[i];
        }
    }
    if (found == NULL && t->reason_count == COVE_TRIAL_REASONS) {
        field = cove_bytes(NULL, 0);
        text = cove_bytes_text("for other reasons");
    }
    if (found == NULL) {
        err = reason_add(t, field, text, &found);
    }
    if (err == 0) {
        found->count++;
        if (found->example_count < COVE_TRIAL_EXAMPLES) {
            found->examples[found->example_count++] = after->doc.id;
        }
    }
    return err;
}

/* --------------------------------------------------------------- documents */

/* The document as stored; *in says whether it is of the trial's moment and
 * meets the condition. One that is gone by now has moved, too. */
static int trial_asked(struct trial *r, cove_num num, bool *in)
{
    struct cove_trial *t = r->t;
    struct cove_load_request request = {.num = num, .mode = COVE_LOAD_RAW};
    struct cove_loaded stored, seen;
    int err =
        cove_load(r->catalog, r->txn, &request, &r->arena, &stored, r->diag);

    *in = false;
    if (err != 0) {
        return err;
    }
    if (stored.doc.changed > t->frontier) {
        t->moved += t->counted;
        return 0;
    }
    err = cove_loaded_at(r->catalog, r->txn, &stored, &t->before, &seen);
    return err != 0 ? err : cove_where_match(t->where, &seen, in);
}

/* An error that says that the document is not right is a finding. */
static int trial_judge(struct trial *r, struct cove_loaded *loaded,
                       struct cove_diag *why)
{
    int err = cove_loaded_validate(r->catalog, r->txn, loaded, why);

    return err == COVE_EINVALID || err == COVE_ESCHEMA ? 0 : err;
}

/* Would a field break the new rules with the value that it had, and does not,
 * since another register of the same type stands in its place? */
static int trial_spared(const struct trial *r, struct cove_loaded *before,
                        const struct cove_loaded *after, bool *spared)
{
    struct cove_judge judge;
    int err =
        cove_judge_open(r->catalog, r->txn, r->t->schema, &r->t->after, &judge);

    *spared = false;
    for (size_t i = 0; err == 0 && judge.schema != NULL && !*spared &&
                       i < before->plan->field_count;
         i++) {
        const struct cove_plan_register *old, *made;
        struct cove_field field;
        uint32_t reg;

        err = cove_view_field(&before->view, i, &field);
        if (err != 0 || field.cell.kind != COVE_PRESENT || field.from_default ||
            !cove_plan_find_name(after->plan, field.name, &reg)) {
            continue;
        }
        old = &before->plan->registers[field.reg];
        made = &after->plan->registers[reg];
        *spared =
            old->type == made->type && !cove_bytes_equal(old->id, made->id) &&
            cove_schema_check_field(judge.schema, field.name, field.cell.bytes,
                                    NULL) == COVE_ESCHEMA;
    }
    return err;
}

static int trial_evaluate(struct trial *r, cove_num num)
{
    struct cove_trial *t = r->t;
    struct cove_load_request request = {.num = num,
                                        .head = &t->after,
                                        .mode = COVE_LOAD_VIEW,
                                        .live_days = t->live_days};
    struct cove_loaded before, after;
    struct cove_diag why_before, why_after;
    struct cove_trial_document doc = {&before, &after, why_before.text,
                                      why_after.text};
    int err =
        cove_load(r->catalog, r->txn, &request, &r->arena, &after, r->diag);

    if (err != 0) {
        return err;
    }
    if (after.doc.changed > t->frontier) {
        t->moved++;
        return 0;
    }
    cove_diag_clear(&why_before);
    cove_diag_clear(&why_after);
    err = cove_loaded_at(r->catalog, r->txn, &after, &t->before, &before);
    err = err != 0 ? err : trial_judge(r, &before, &why_before);
    err = err != 0 ? err : trial_judge(r, &after, &why_after);
    if (err != 0) {
        return err;
    }
    bool was = why_before.text[0] == '\0', is = why_after.text[0] == '\0';

    t->evaluated++;
    t->due += after.copies_due > 0;
    t->copies += after.copies_due;
    t->bytes += after.due_bytes;
    t->invalid_before += !was;
    t->mended += !was && is;
    if (was && !is) {
        t->newly_invalid++;
        err = reason_note(t, &after, why_after.text);
    } else if (was) {
        bool spared;

        err = trial_spared(r, &before, &after, &spared);
        t->spared += err == 0 && spared;
    }
    if (err == 0 && r->slice->report != NULL) {
        err = r->slice->report(r->slice->ctx, &doc);
    }
    return err;
}

/* Is the next of those that match in the sample? */
static bool trial_sampled(struct cove_trial *t)
{
    uint64_t i = t->passed++, n = t->sample;

    if (n == 0 || n >= t->matching) {
        return true;
    }
    return i < t->matching && (i + 1) * n / t->matching > i * n / t->matching;
}

static int trial_document(struct trial *r, cove_num num)
{
    struct cove_trial *t = r->t;
    bool in = true;
    int err = t->where != NULL ? trial_asked(r, num, &in) : 0;

    t->documents += t->counted;
    if (err != 0 || !in) {
        return err;
    }
    if (!t->counted) {
        t->matching++;
        return 0;
    }
    t->matching += t->sample == 0;
    return trial_sampled(t) ? trial_evaluate(r, num) : 0;
}

int cove_trial_go(struct cove_catalog *catalog, struct cove_store_txn *txn,
                  struct cove_trial *trial,
                  const struct cove_trial_slice *slice, struct cove_diag *diag)
{
    struct trial r = {.catalog = catalog,
                      .txn = txn,
                      .t = trial,
                      .slice = slice,
                      .diag = diag};
    int err = 0;

    cove_arena_init(&r.arena, cove_catalog_alloc(catalog));
    for (uint32_t i = 0; i < slice->documents && err == 0; i++) {
        cove_num num;

        err = cove_repo_next(cove_catalog_repo(catalog), txn, trial->schema,
                             trial->cursor, &num);
        if (err == COVE_ENOTFOUND) {
            trial->finished = trial->counted;
            trial->counted = true;
            trial->cursor = 0;
            err = 0;
            break;
        }
        if (err == 0) {
            cove_arena_reset(&r.arena);
            err = trial_document(&r, num);
            trial->cursor = num;
        }
    }
    cove_arena_clear(&r.arena);
    return err;
}
