/* laws.c: does what claims to lose nothing lose nothing? See laws.h.
 *
 * conv: a value goes forward; where that is valid, the way back must give the
 * value again. What is invalid on the way is shown as such and stays what it
 * is, so nothing is changed in silence; that is no broken law, and the diff
 * names it. comp: a text is divided; its parts must join to the text again, or,
 * where the split is lenient, to a text that has the same parts (a text without
 * the separator is its own first part).
 *
 * A word of the file that says "lossy": true is let pass. The words that make
 * conversions make them in their order, one each, `extract` one for each of its
 * fields; so it can be told which word made the nth such operation.
 */
#include "migrate/laws.h"

#include "core/json.h"
#include "core/value.h"
#include "migrate/compile_parts.h"
#include "migrate/project.h"
#include "schema/step.h"

/* --- conversions -------------------------------------------------------- */

static bool pipe_leads(struct cove_bytes pipe)
{
    return pipe.len > 0 && !cove_value_is_null(pipe);
}

/* A value along a pipeline into a register of `type`. */
static int law_call(struct cove_arena *arena, struct cove_bytes pipe,
                    enum cove_type type, struct cove_bytes value,
                    struct cove_cell *out)
{
    struct cove_cell in = {COVE_PRESENT, value};
    int rc = cove_fn_call(arena, pipe, in, out);

    if (rc == 0 && out->kind == COVE_PRESENT &&
        !cove_value_is_null(out->bytes) && !cove_type_holds(type, out->bytes)) {
        out->kind = COVE_INVALID;
    }
    return rc;
}

struct law_way { /* one way of a conversion and the other */
    struct cove_bytes there, back;
    enum cove_type from, to;
};

/* Try one value; *fails and *changes are set, never cleared. */
static int law_value(struct cove_arena *arena, const struct law_way *way,
                     struct cove_bytes value, bool *fails,
                     struct cove_law_break *out, bool *changes)
{
    struct cove_cell there = {COVE_PRESENT, value};
    struct cove_cell again = there;
    int rc;

    if (!cove_type_holds(way->from, value)) {
        return 0;
    }
    rc = law_call(arena, way->there, way->to, value, &there);
    if (rc != 0 || there.kind != COVE_PRESENT) {
        *fails = *fails || rc == 0;
        return rc;
    }
    if (!pipe_leads(way->back)) {
        return 0;
    }
    rc = law_call(arena, way->back, way->from, there.bytes, &again);
    if (rc == 0 && again.kind == COVE_PRESENT &&
        !cove_bytes_equal(again.bytes, value) && !*changes) {
        *changes = true;
        out->value = value;
        out->forward = there.bytes;
        out->back = again.bytes;
        out->law = "forward then back";
    }
    return rc;
}

int cove_law_try(struct cove_arena *arena, const struct law_trial *trial,
                 struct law_result *out)
{
    const struct law_way there = {trial->forward, trial->back, trial->from,
                                  trial->to};
    const struct law_way back = {trial->back, trial->forward, trial->to,
                                 trial->from};
    struct law_result result = {0};
    struct cove_law_break ignored;
    struct law_values v;
    int rc;

    cove_law_values_init(&v, arena, trial->seed);
    cove_law_values_pipe(&v, trial->forward);
    cove_law_values_pipe(&v, trial->back);
    rc = cove_law_values_end(&v);
    for (size_t i = 0; i < v.count && rc == 0; i++) {
        rc = law_value(arena, &there, v.items[i], &result.forward_fails,
                       &result.example, &result.forward_changes);
        if (rc == 0 && pipe_leads(trial->back)) {
            rc = law_value(arena, &back, v.items[i], &result.back_fails,
                           &ignored, &result.back_changes);
        }
    }
    if (rc == 0) {
        *out = result;
    }
    return rc;
}

/* --- a body ------------------------------------------------------------- */

struct judge {
    struct cove_arena *arena;
    const struct cove_laws *laws;
    struct cove_step step; /* the body taken apart */
    struct cove_law_break *out;
    struct cove_diag *diag;
};

/* Does an op of this step add the register? */
static bool step_adds(const struct cove_step *step, struct cove_bytes reg,
                      struct cove_step_op *out)
{
    for (size_t i = 0; i < step->op_count; i++) {
        if (cove_step_op_read(step->ops[i], out, NULL) == 0 &&
            out->kind == COVE_STEP_ADD && cove_bytes_equal(out->reg, reg)) {
            return true;
        }
    }
    return false;
}

/* What the register holds, and what it was called when it was made. */
static enum cove_type judge_type(const struct judge *j, struct cove_bytes reg,
                                 struct cove_bytes *name)
{
    const struct cove_journal *journal = j->laws->journal;
    struct cove_step_op op;
    bool found = step_adds(&j->step, reg, &op);

    for (size_t i = 0;
         !found && journal != NULL && i < cove_journal_count(journal); i++) {
        const struct cove_step *step = cove_journal_at(journal, i);

        found = step->state == COVE_STEP_ACTIVE && step_adds(step, reg, &op);
    }
    *name = found ? op.name : reg;
    return found ? op.type : COVE_TYPE_ANY;
}

/* How many conversions does a word make? */
static size_t word_makes(const struct cove_word *word)
{
    static const char *const one[] = {"convert", "split",   "join",
                                      "each",    "to_list", "mend"};
    struct cove_bytes fields;
    struct cove_reader r;

    for (size_t k = 0; k < COVE_ARRAY_LEN(one); k++) {
        if (cove_bytes_equal(word->word, cove_bytes_text(one[k]))) {
            return 1;
        }
    }
    if (!cove_bytes_equal(word->word, cove_bytes_text("extract")) ||
        !cove_member(word, "fields", &fields)) {
        return 0;
    }
    cove_reader_init(&r, fields);
    return cove_value_kind(fields) == COVE_KIND_MAP ? cove_reader_map(&r)
                                                    : cove_reader_list(&r);
}

/* The field that the word behind the nth conversion names, and whether it is
 * marked lossy; with no words only the field's own name is known. */
static bool judge_word(const struct judge *j, size_t nth,
                       struct cove_bytes *field)
{
    for (size_t i = 0; i < j->laws->word_count; i++) {
        const struct cove_word *word = &j->laws->words[i];
        size_t makes = word_makes(word);

        if (nth < makes) {
            struct cove_bytes said = cove_member_text(word, "field");

            *field = said.len > 0 ? said : *field;
            /* What is mended is meant to come back as what it was mended to. */
            return cove_member_true(word, "lossy") ||
                   cove_bytes_equal(word->word, cove_bytes_text("mend"));
        }
        nth -= makes;
    }
    return false;
}

/* A value as JSON, for the sentence. */
static const char *shown(const struct judge *j, struct cove_bytes value)
{
    struct cove_buf buf;
    char *text = NULL;

    if (value.len == 0) {
        return "(invalid)";
    }
    cove_buf_init(&buf, j->arena->alloc);
    if (cove_json_write(value, 0, &buf) == 0) {
        text = cove_arena_printf(j->arena, "%.*s", SHOWN(cove_buf_bytes(&buf)));
    }
    cove_buf_clear(&buf);
    return text != NULL ? text : "…";
}

/* The functions of a pipeline by name: "trim, int_of_text". */
static const char *pipe_names(const struct judge *j, struct cove_bytes pipe)
{
    struct cove_reader r;
    char *text = NULL;

    cove_reader_init(&r, pipe);
    for (size_t left = cove_reader_list(&r); left > 0; left--) {
        struct cove_bytes fn = cove_reader_item(&r);
        struct cove_reader one;

        cove_reader_init(&one, fn);
        if (cove_reader_peek(&one) == COVE_CBOR_MAP) {
            cove_reader_map(&one);
        }
        fn = cove_reader_text(&one);
        text = cove_arena_printf(j->arena, "%s%s%.*s", text != NULL ? text : "",
                                 text != NULL ? ", " : "", SHOWN(fn));
        if (text == NULL) {
            break;
        }
    }
    return text != NULL ? text : "the conversion";
}

static int judge_fail(const struct judge *j, const struct cove_law_break *b,
                      const char *what)
{
    *j->out = *b;
    return cove_fail(
        j->diag, COVE_ECONDITION,
        "\"%.*s\": %s is not lossless: %s becomes %s and comes back as %s; "
        "mark it lossy (\"lossy\": true), or say a way back that gives the "
        "value again, or null where there is none",
        SHOWN(b->field), what, shown(j, b->value), shown(j, b->forward),
        shown(j, b->back));
}

static int judge_conv(const struct judge *j, const struct cove_step_op *op,
                      struct cove_bytes field)
{
    struct cove_bytes ignored;
    struct law_result result;
    struct law_trial trial = {.from = judge_type(j, op->from, &ignored),
                              .to = judge_type(j, op->to, &ignored),
                              .forward = op->fwd,
                              .back = op->bwd,
                              .seed = j->laws->seed};
    int rc = cove_law_try(j->arena, &trial, &result);

    if (rc != 0 || !result.forward_changes) {
        return rc;
    }
    result.example.field = field;
    return judge_fail(j, &result.example, pipe_names(j, op->fwd));
}

/* --- texts in parts ----------------------------------------------------- */

/* A plan of one divided cell: register 0 is the whole, the parts follow. */
static int comp_plan(const struct judge *j, const struct cove_step_op *op,
                     struct cove_plan *plan, struct cove_plan_cell *cell)
{
    struct cove_bytes *lits = NULL;
    uint32_t *parts;
    size_t count = 0;
    int rc = cove_step_texts(j->arena, op->lits, &lits, &count);

    if (rc != 0) {
        return rc;
    }
    parts = cove_arena_array(j->arena, count, sizeof *parts);
    plan->registers =
        cove_arena_array(j->arena, count, sizeof *plan->registers);
    if (parts == NULL || plan->registers == NULL) {
        return COVE_ENOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        plan->registers[i].type = COVE_TYPE_TEXT;
        plan->registers[i].parent = COVE_PLAN_NONE;
        parts[i] = i + 1;
    }
    *cell = (struct cove_plan_cell){.divided = true,
                                    .lenient = op->lenient,
                                    .parts = parts,
                                    .lits = lits,
                                    .part_count = count - 1};
    plan->cells = cell;
    plan->cell_count = 1;
    return 0;
}

/* Divide, join, and where it is lenient divide again. */
static int comp_value(const struct judge *j, const struct cove_plan *plan,
                      struct cove_bytes value, struct cove_law_break *out,
                      bool *breaks)
{
    struct cove_cell in = {COVE_PRESENT, value};
    struct cove_cell parts[COVE_PLAN_ATOMS];
    struct cove_cell again[COVE_PLAN_ATOMS];
    struct cove_cell whole = in;
    size_t count = plan->cells[0].part_count;
    bool same = plan->cells[0].lenient;
    int rc;

    if ((rc = cove_project_split(plan, j->arena, 0, in, parts)) != 0 ||
        parts[0].kind != COVE_PRESENT ||
        (rc = cove_project_join(plan, j->arena, 0, parts, &whole)) != 0 ||
        whole.kind != COVE_PRESENT || cove_bytes_equal(whole.bytes, value)) {
        return rc;
    }
    if (same &&
        (rc = cove_project_split(plan, j->arena, 0, whole, again)) != 0) {
        return rc;
    }
    for (size_t i = 0; i < count && same; i++) {
        same = again[i].kind == parts[i].kind &&
               cove_bytes_equal(again[i].bytes, parts[i].bytes);
    }
    if (!same) {
        *breaks = true;
        out->value = value;
        out->forward = parts[0].bytes;
        out->back = whole.bytes;
        out->law = "split then join";
    }
    return 0;
}

static int judge_comp(const struct judge *j, const struct cove_step_op *op,
                      struct cove_bytes field)
{
    struct cove_plan plan = {0};
    struct cove_plan_cell cell;
    struct cove_law_break found = {.field = field};
    struct law_values v;
    bool breaks = false;
    int rc = comp_plan(j, op, &plan, &cell);

    if (rc != 0 || cell.part_count > COVE_PLAN_ATOMS) {
        return rc; /* more parts than that are refused by the compiler */
    }
    cove_law_values_init(&v, j->arena, j->laws->seed);
    cove_law_values_template(&v, cell.lits, cell.part_count + 1);
    rc = cove_law_values_end(&v);
    for (size_t i = 0; i < v.count && rc == 0 && !breaks; i++) {
        if (cove_type_holds(COVE_TYPE_TEXT, v.items[i])) {
            rc = comp_value(j, &plan, v.items[i], &found, &breaks);
        }
    }
    return rc != 0 || !breaks ? rc : judge_fail(j, &found, "the pattern");
}

/* --- all ---------------------------------------------------------------- */

int cove_laws_judge(struct cove_arena *arena, const struct cove_laws *laws,
                    struct cove_law_break *out, struct cove_diag *diag)
{
    struct cove_law_break ignored;
    struct judge j = {.arena = arena,
                      .laws = laws,
                      .step = {.body = laws->body},
                      .out = out != NULL ? out : &ignored,
                      .diag = diag};
    struct cove_bytes *parents;
    size_t nth = 0;
    int rc = cove_step_check(arena, laws->body, diag);

    if (rc == 0) {
        rc = cove_step_take_apart(arena, &j.step, &parents);
    }
    for (size_t i = 0; i < j.step.op_count && rc == 0; i++) {
        struct cove_step_op op;
        struct cove_bytes field;

        if ((rc = cove_step_op_read(j.step.ops[i], &op, diag)) != 0 ||
            (op.kind != COVE_STEP_CONV && op.kind != COVE_STEP_COMP)) {
            continue;
        }
        (void)judge_type(&j, op.kind == COVE_STEP_CONV ? op.from : op.whole,
                         &field);
        if (judge_word(&j, nth++, &field)) {
            continue;
        }
        rc = op.kind == COVE_STEP_CONV ? judge_conv(&j, &op, field)
                                       : judge_comp(&j, &op, field);
    }
    return rc;
}

int cove_laws_check(struct cove_arena *arena, struct cove_bytes body,
                    uint64_t seed, struct cove_law_break *out,
                    struct cove_diag *diag)
{
    const struct cove_laws laws = {.body = body, .seed = seed};

    return cove_laws_judge(arena, &laws, out, diag);
}
