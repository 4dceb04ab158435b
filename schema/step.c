/* The grammar as a table: for each kind the members that it must and may have.
 * A body that does not match exactly is malformed: nothing is guessed, since a
 * build that read more into a step than another would show another view. */
#include "schema/step.h"

#include "core/cbor.h"
#include "core/limits.h"

/* Every member that an op can have. */
enum step_member {
    STEP_REG,
    STEP_NAME,
    STEP_FROM,
    STEP_TO,
    STEP_WHOLE,
    STEP_OUT,
    STEP_TYPE,
    STEP_DEFAULT,
    STEP_REQUIRED,
    STEP_FWD,
    STEP_BWD,
    STEP_PARTS,
    STEP_LITS,
    STEP_LENIENT,
    STEP_DEPS,
    STEP_NAMES,
    STEP_FN,
    STEP_MEMBERS
};

static const char *const step_member_names[STEP_MEMBERS] = {
    "reg",  "name",    "from",     "to",    "whole", "out",
    "type", "default", "required", "fwd",   "bwd",   "parts",
    "lits", "lenient", "deps",     "names", "fn",
};

#define STEP_BIT(member) (1u << (member))

static const struct {
    const char *name;
    enum cove_step_op_kind kind;
    unsigned need;
    unsigned may;
} step_kinds[] = {
    {"add", COVE_STEP_ADD,
     STEP_BIT(STEP_REG) | STEP_BIT(STEP_NAME) | STEP_BIT(STEP_TYPE), 0},
    {"name", COVE_STEP_NAME, STEP_BIT(STEP_REG) | STEP_BIT(STEP_NAME), 0},
    {"hide", COVE_STEP_HIDE, STEP_BIT(STEP_REG), 0},
    {"show", COVE_STEP_SHOW, STEP_BIT(STEP_REG), 0},
    {"limit", COVE_STEP_LIMIT, STEP_BIT(STEP_REG),
     STEP_BIT(STEP_DEFAULT) | STEP_BIT(STEP_REQUIRED)},
    {"alias", COVE_STEP_ALIAS, STEP_BIT(STEP_FROM) | STEP_BIT(STEP_TO), 0},
    {"conv", COVE_STEP_CONV,
     STEP_BIT(STEP_FROM) | STEP_BIT(STEP_TO) | STEP_BIT(STEP_FWD) |
         STEP_BIT(STEP_BWD),
     0},
    {"comp", COVE_STEP_COMP,
     STEP_BIT(STEP_WHOLE) | STEP_BIT(STEP_PARTS) | STEP_BIT(STEP_LITS),
     STEP_BIT(STEP_LENIENT)},
    {"calc", COVE_STEP_CALC,
     STEP_BIT(STEP_OUT) | STEP_BIT(STEP_DEPS) | STEP_BIT(STEP_LITS), 0},
    {"derive", COVE_STEP_DERIVE,
     STEP_BIT(STEP_OUT) | STEP_BIT(STEP_DEPS) | STEP_BIT(STEP_NAMES) |
         STEP_BIT(STEP_FN),
     0},
};

/* An op's members as they stand. */
struct step_form {
    struct cove_bytes kind;
    struct cove_bytes item[STEP_MEMBERS];
    unsigned present; /* bits */
    bool foreign;     /* a member that no kind has */
};

static bool step_is_text(struct cove_bytes item)
{
    return cove_cbor_type_of(item) == COVE_CBOR_TEXT;
}

static bool step_true(struct cove_bytes item)
{
    struct cove_reader r;

    cove_reader_init(&r, item);
    return cove_reader_bool(&r);
}

static void step_form_read(struct cove_bytes op, struct step_form *form)
{
    struct cove_reader r;
    size_t pairs;

    memset(form, 0, sizeof(*form));
    cove_reader_init(&r, op);
    pairs = cove_reader_map(&r);
    for (size_t i = 0; i < pairs; i++) {
        struct cove_bytes key = cove_reader_item(&r);
        struct cove_bytes value = cove_reader_item(&r);
        struct cove_bytes name = cove_step_text(key);
        size_t m = 0;

        if (!step_is_text(key)) {
            form->foreign = true;
            continue;
        }
        if (cove_bytes_equal(name, cove_bytes_text("op"))) {
            form->kind = value;
            continue;
        }
        while (m < STEP_MEMBERS &&
               !cove_bytes_equal(name, cove_bytes_text(step_member_names[m]))) {
            m++;
        }
        if (m == STEP_MEMBERS) {
            form->foreign = true;
        } else {
            form->present |= STEP_BIT(m);
            form->item[m] = value;
        }
    }
}

/* --- rules of members */

/* The number of texts in a list of texts; -1 where it is none. */
static long step_count_texts(struct cove_bytes list)
{
    struct cove_reader r;
    size_t count;

    if (cove_cbor_type_of(list) != COVE_CBOR_LIST) {
        return -1;
    }
    cove_reader_init(&r, list);
    count = cove_reader_list(&r);
    for (size_t i = 0; i < count; i++) {
        if (cove_reader_peek(&r) != COVE_CBOR_TEXT) {
            return -1;
        }
        (void)cove_reader_text(&r);
    }
    return (long)count;
}

/* Keys of an object: the empty one is for references alone. */
static bool step_are_names(struct cove_bytes list)
{
    long count = step_count_texts(list);
    struct cove_reader r;

    cove_reader_init(&r, list);
    (void)cove_reader_list(&r);
    for (long i = 0; i < count; i++) {
        if (cove_reader_text(&r).len == 0) {
            return false;
        }
    }
    return count >= 1;
}

static const char step_needs_lua[] =
    "has a script, which needs Lua: this build was made without it (meson's "
    "option scripts)";

static const char *step_pipe_fault(struct cove_bytes pipe)
{
    return cove_fn_known(pipe)       ? NULL
           : cove_fn_needs_lua(pipe) ? step_needs_lua
                                     : "is no list of known functions";
}

/* Why a member is not what it has to be; NULL where it is. */
static const char *step_member_fault(enum step_member m, struct cove_bytes item)
{
    enum cove_type type;

    switch (m) {
    case STEP_REG:
    case STEP_FROM:
    case STEP_TO:
    case STEP_WHOLE:
    case STEP_OUT:
        return !step_is_text(item) ? "is no text"
               : cove_step_text(item).len > COVE_MAX_REGISTER
                   ? "is longer than 64 bytes"
                   : NULL;
    case STEP_NAME:
        return !step_is_text(item) ? "is no text"
               : cove_step_text(item).len > 0 &&
                       cove_step_text(item).at[0] == '#'
                   ? "begins with '#', which marks displaced fields"
                   : NULL;
    case STEP_TYPE:
        return step_is_text(item) &&
                       cove_type_parse(cove_step_text(item), &type)
                   ? NULL
                   : "is no type: text, int, bool, number, list, object, any";
    case STEP_REQUIRED:
    case STEP_LENIENT:
        return cove_cbor_type_of(item) == COVE_CBOR_BOOL ? NULL : "is no bool";
    case STEP_BWD:
        if (cove_cbor_type_of(item) == COVE_CBOR_NULL) {
            return NULL;
        }
        return step_pipe_fault(item);
    case STEP_FWD:
    case STEP_FN:
        return step_pipe_fault(item);
    case STEP_PARTS:
    case STEP_DEPS:
        return step_count_texts(item) >= 1 ? NULL : "is no list of registers";
    case STEP_NAMES:
        return step_are_names(item) ? NULL : "is no list of texts, none empty";
    case STEP_LITS:
        return step_count_texts(item) >= 2 ? NULL
                                           : "is no list of two texts or more";
    case STEP_DEFAULT:
    case STEP_MEMBERS:
        break;
    }
    return NULL;
}

/* Between two parts there is a literal, or they could not be told apart. */
static bool step_inner_literals(struct cove_bytes lits)
{
    struct cove_reader r;
    size_t count;

    cove_reader_init(&r, lits);
    count = cove_reader_list(&r);
    for (size_t i = 0; i < count; i++) {
        if (cove_reader_text(&r).len == 0 && i > 0 && i + 1 < count) {
            return false;
        }
    }
    return true;
}

static int step_members_check(const struct step_form *form, size_t kind,
                              struct cove_diag *diag)
{
    const char *op = step_kinds[kind].name;
    unsigned allowed = step_kinds[kind].need | step_kinds[kind].may;

    for (unsigned m = 0; m < STEP_MEMBERS; m++) {
        const char *fault;

        if ((step_kinds[kind].need & ~form->present & STEP_BIT(m)) != 0) {
            return cove_fail(diag, COVE_ESTEP, "%s: \"%s\" is missing", op,
                             step_member_names[m]);
        }
        if ((form->present & ~allowed & STEP_BIT(m)) != 0) {
            return cove_fail(diag, COVE_ESTEP, "%s: it has no \"%s\"", op,
                             step_member_names[m]);
        }
        fault = (form->present & STEP_BIT(m)) != 0
                    ? step_member_fault((enum step_member)m, form->item[m])
                    : NULL;
        if (fault != NULL) {
            return cove_fail(
                diag, fault == step_needs_lua ? COVE_EUNSUPPORTED : COVE_ESTEP,
                "%s: \"%s\" %s", op, step_member_names[m], fault);
        }
    }
    if (form->foreign) {
        return cove_fail(diag, COVE_ESTEP, "%s: a member that no op has", op);
    }
    return 0;
}

static int step_lists_check(const struct step_form *form,
                            enum cove_step_op_kind kind, struct cove_diag *diag)
{
    struct cove_bytes lits = form->item[STEP_LITS];
    long parts;

    if (kind == COVE_STEP_DERIVE &&
        step_count_texts(form->item[STEP_NAMES]) !=
            step_count_texts(form->item[STEP_DEPS])) {
        return cove_fail(diag, COVE_ESTEP,
                         "derive: \"names\" has %ld texts, not one for each of "
                         "the %ld registers",
                         step_count_texts(form->item[STEP_NAMES]),
                         step_count_texts(form->item[STEP_DEPS]));
    }
    if (kind != COVE_STEP_COMP && kind != COVE_STEP_CALC) {
        return 0;
    }
    parts = step_count_texts(
        form->item[kind == COVE_STEP_COMP ? STEP_PARTS : STEP_DEPS]);
    if (step_count_texts(lits) != parts + 1) {
        return cove_fail(diag, COVE_ESTEP,
                         "%s: \"lits\" has %ld texts, not one more than the "
                         "%ld registers",
                         kind == COVE_STEP_COMP ? "comp" : "calc",
                         step_count_texts(lits), parts);
    }
    if (kind == COVE_STEP_COMP && !step_inner_literals(lits)) {
        return cove_fail(diag, COVE_ESTEP,
                         "comp: an inner text of \"lits\" is empty");
    }
    return 0;
}

static void step_op_fill(const struct step_form *form, struct cove_step_op *out)
{
    const struct cove_bytes *item = form->item;
    static const uint8_t empty_list[1] = {0x80};
    bool one_way = cove_cbor_type_of(item[STEP_BWD]) == COVE_CBOR_NULL;

    out->reg = cove_step_text(item[STEP_REG]);
    out->name = cove_step_text(item[STEP_NAME]);
    out->has_default = (form->present & STEP_BIT(STEP_DEFAULT)) != 0;
    out->fallback = item[STEP_DEFAULT];
    out->required = step_true(item[STEP_REQUIRED]);
    out->from = cove_step_text(item[STEP_FROM]);
    out->to = cove_step_text(item[STEP_TO]);
    out->fwd = item[STEP_FWD];
    out->bwd = one_way ? cove_bytes(NULL, 0) : item[STEP_BWD];
    if (out->kind == COVE_STEP_ALIAS) {
        out->fwd = cove_bytes(empty_list, sizeof(empty_list));
        out->bwd = out->fwd;
    }
    out->whole = cove_step_text(item[STEP_WHOLE]);
    out->parts = item[STEP_PARTS];
    out->lenient = step_true(item[STEP_LENIENT]);
    out->out = cove_step_text(item[STEP_OUT]);
    out->deps = item[STEP_DEPS];
    out->lits = item[STEP_LITS];
    out->names = item[STEP_NAMES];
    out->fn = item[STEP_FN];
    if (out->kind == COVE_STEP_ADD) {
        (void)cove_type_parse(cove_step_text(item[STEP_TYPE]), &out->type);
    }
}

int cove_step_op_read(struct cove_bytes op, struct cove_step_op *out,
                      struct cove_diag *diag)
{
    struct step_form form;
    size_t kind = 0;
    int err;

    if (cove_cbor_type_of(op) != COVE_CBOR_MAP) {
        return cove_fail(diag, COVE_ESTEP, "it is no object");
    }
    step_form_read(op, &form);
    if (!step_is_text(form.kind)) {
        return cove_fail(diag, COVE_ESTEP, "\"op\" is missing or no text");
    }
    memset(out, 0, sizeof(*out));
    out->kind_name = cove_step_text(form.kind);
    out->kind = COVE_STEP_EXTRA;
    if (out->kind_name.len >= 2 && memcmp(out->kind_name.at, "x-", 2) == 0) {
        return 0;
    }
    while (kind < COVE_ARRAY_LEN(step_kinds) &&
           !cove_bytes_equal(out->kind_name,
                             cove_bytes_text(step_kinds[kind].name))) {
        kind++;
    }
    if (kind == COVE_ARRAY_LEN(step_kinds)) {
        return cove_fail(
            diag, COVE_ESTEP, "this build does not know the op \"%.*s\"",
            (int)(out->kind_name.len < 64 ? out->kind_name.len : 64),
            (const char *)out->kind_name.at);
    }
    out->kind = step_kinds[kind].kind;
    err = step_members_check(&form, kind, diag);
    if (err == 0) {
        err = step_lists_check(&form, out->kind, diag);
    }
    if (err == 0) {
        step_op_fill(&form, out);
    }
    return err;
}

int cove_step_texts(struct cove_arena *arena, struct cove_bytes list,
                    struct cove_bytes **out, size_t *count)
{
    struct cove_reader r;
    struct cove_bytes *texts;
    size_t n;

    cove_reader_init(&r, list);
    n = cove_reader_list(&r);
    texts = cove_arena_array(arena, n > 0 ? n : 1, sizeof(*texts));
    if (texts == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        texts[i] = cove_reader_text(&r);
    }
    *out = texts;
    *count = n;
    return 0;
}
