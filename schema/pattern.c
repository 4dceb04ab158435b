/* pattern.c: see pattern.h.
 *
 * PCRE2 takes memory through a context: at compiling that is the arena's, so
 * what is compiled lies there and nothing frees it; at matching it is the room
 * of the scratch, in order, and an allocator behind it. The just-in-time
 * compiler is not used: it counts its steps differently.
 */
#include "schema/pattern.h"

#include "schema/ecma.h"

#ifdef COVE_PATTERNS
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#endif

struct cove_pattern {
    const void *code; /* of PCRE2 */
    int fault;        /* 0, or why it cannot be used … */
    const char *why;  /* … and the sentence */
};

static int pattern_fault(struct cove_arena *arena, struct cove_pattern *pattern,
                         int fault, const char *what, struct cove_diag *diag)
{
    const char *why = cove_arena_printf(arena, "%s", what);

    if (why == NULL) {
        return COVE_ENOMEM;
    }
    pattern->fault = fault;
    pattern->why = why;
    return cove_fail(diag, fault, "%s", why);
}

#ifdef COVE_PATTERNS

#define MATCH_STEPS 1000000 /* of one match: PCRE2's match limit */
#define MATCH_DEPTH 100000  /* alternatives that are open at once */
#define MATCH_KIB   32768   /* of memory for them */

bool cove_patterns_are_built(void)
{
    return true;
}

/* --- compiling, in an arena --------------------------------------------- */

static void *arena_take(size_t len, void *arena)
{
    return cove_arena_new(arena, len);
}

static void arena_leave(void *at, void *arena)
{
    (void)at;
    (void)arena;
}

static int code_compile(struct cove_arena *arena, struct cove_bytes text,
                        struct cove_pattern *pattern, struct cove_diag *diag)
{
    pcre2_general_context *general =
        pcre2_general_context_create(arena_take, arena_leave, arena);
    pcre2_compile_context *context =
        general == NULL ? NULL : pcre2_compile_context_create(general);
    int error = 0;
    size_t at = 0;
    char why[160] = "PCRE2 cannot do it: ";

    if (context == NULL) {
        return COVE_ENOMEM;
    }
    pcre2_set_compile_extra_options(context,
                                    PCRE2_EXTRA_ALLOW_SURROGATE_ESCAPES);
    pattern->code =
        pcre2_compile(text.len > 0 ? text.at : (const uint8_t *)"", text.len,
                      PCRE2_UTF | PCRE2_NO_UTF_CHECK |
                          PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C,
                      &error, &at, context);
    if (pattern->code != NULL) {
        return 0;
    }
    if (error == PCRE2_ERROR_HEAP_FAILED || error == PCRE2_ERROR_NOMEMORY) {
        return COVE_ENOMEM;
    }
    pcre2_get_error_message(error, (PCRE2_UCHAR *)why + strlen(why),
                            sizeof why - strlen(why));
    return pattern_fault(arena, pattern, COVE_EFORMAT, why, diag);
}

/* --- matching, in a scratch --------------------------------------------- */

/* What does not fit into the room has its length in front, for nothing. */
static void *scratch_take(size_t len, void *ctx)
{
    struct cove_pattern_scratch *scratch = ctx;
    size_t aligned = (len + 15) & ~(size_t)15;

    if (aligned <= sizeof scratch->room - scratch->used) {
        void *at = scratch->room + scratch->used;

        scratch->used += aligned;
        return at;
    }
    return cove_alloc_new(scratch->alloc, len);
}

static void scratch_leave(void *at, void *ctx)
{
    struct cove_pattern_scratch *scratch = ctx;
    const uint8_t *byte = at;

    if (at != NULL && (byte < scratch->room ||
                       byte >= scratch->room + sizeof scratch->room)) {
        cove_alloc_free(scratch->alloc, at);
    }
}

struct match_state {
    pcre2_match_context *context;
    pcre2_match_data *data;
};

static struct match_state *state_open(struct cove_pattern_scratch *scratch)
{
    struct match_state *state = scratch->state;
    pcre2_general_context *general;

    if (state != NULL) {
        return state;
    }
    general =
        pcre2_general_context_create(scratch_take, scratch_leave, scratch);
    state = scratch_take(sizeof *state, scratch);
    if (general == NULL || state == NULL) {
        return NULL;
    }
    state->context = pcre2_match_context_create(general);
    state->data = pcre2_match_data_create(1, general);
    if (state->context == NULL || state->data == NULL) {
        return NULL;
    }
    pcre2_set_match_limit(state->context, MATCH_STEPS);
    pcre2_set_depth_limit(state->context, MATCH_DEPTH);
    pcre2_set_heap_limit(state->context, MATCH_KIB);
    scratch->state = state;
    return state;
}

void cove_pattern_scratch_clear(struct cove_pattern_scratch *scratch)
{
    struct match_state *state = scratch->state;

    if (state != NULL) {
        pcre2_match_data_free(state->data);
    }
    scratch->state = NULL;
    scratch->used = 0;
}

static int code_match(const struct cove_pattern *pattern,
                      struct cove_bytes text,
                      struct cove_pattern_scratch *scratch, bool *matches,
                      struct cove_diag *diag)
{
    struct match_state *state = state_open(scratch);
    int rc;

    if (state == NULL) {
        return COVE_ENOMEM;
    }
    rc = pcre2_match(pattern->code,
                     text.len > 0 ? text.at : (const uint8_t *)"", text.len, 0,
                     PCRE2_NO_UTF_CHECK, state->data, state->context);
    if (rc == PCRE2_ERROR_NOMEMORY) {
        return COVE_ENOMEM;
    }
    if (rc < 0 && rc != PCRE2_ERROR_NOMATCH) {
        return cove_fail(diag, COVE_ELIMIT,
                         "a pattern of the schema needs more than %d steps for "
                         "a text of %zu bytes",
                         MATCH_STEPS, text.len);
    }
    *matches = rc >= 0;
    return 0;
}

#else

bool cove_patterns_are_built(void)
{
    return false;
}

static int code_compile(struct cove_arena *arena, struct cove_bytes text,
                        struct cove_pattern *pattern, struct cove_diag *diag)
{
    (void)text;
    return pattern_fault(arena, pattern, COVE_EUNSUPPORTED,
                         "the schema has a pattern, and this cove was built "
                         "without patterns (PCRE2; meson's option patterns)",
                         diag);
}

void cove_pattern_scratch_clear(struct cove_pattern_scratch *scratch)
{
    (void)scratch;
}

static int code_match(const struct cove_pattern *pattern,
                      struct cove_bytes text,
                      struct cove_pattern_scratch *scratch, bool *matches,
                      struct cove_diag *diag)
{
    (void)text;
    (void)scratch;
    (void)matches;
    return cove_fail(diag, pattern->fault, "%s", pattern->why);
}

#endif

/* --- both --------------------------------------------------------------- */

void cove_pattern_scratch_init(struct cove_pattern_scratch *scratch,
                               const struct cove_alloc *alloc)
{
    scratch->alloc = alloc;
    scratch->state = NULL;
    scratch->used = 0;
}

int cove_pattern_new(struct cove_arena *arena, struct cove_bytes text,
                     const struct cove_pattern **out, struct cove_diag *diag)
{
    struct cove_pattern *pattern = cove_arena_new(arena, sizeof *pattern);
    struct cove_diag why = {0};
    struct cove_buf translated;
    int rc;

    if (pattern == NULL) {
        return COVE_ENOMEM;
    }
    cove_buf_init(&translated, arena->alloc);
    rc = cove_ecma_translate(text, &translated, &why);
    if (rc == COVE_EFORMAT) {
        rc = pattern_fault(arena, pattern, rc, why.text, diag);
    } else if (rc == 0) {
        rc = code_compile(arena, cove_buf_bytes(&translated), pattern, diag);
    }
    cove_buf_clear(&translated);
    if (rc != COVE_ENOMEM) {
        *out = pattern;
    }
    return rc;
}

int cove_pattern_match(const struct cove_pattern *pattern,
                       struct cove_bytes text,
                       struct cove_pattern_scratch *scratch, bool *matches,
                       struct cove_diag *diag)
{
    return pattern->fault != 0
               ? cove_fail(diag, pattern->fault, "%s", pattern->why)
               : code_match(pattern, text, scratch, matches, diag);
}
