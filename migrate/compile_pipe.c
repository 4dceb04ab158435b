/* compile_pipe.c: pipelines as developers write them: checked with the function
 * that is wrong named, and undone.
 *
 * The way back is derived only where it is certain: each function has one that
 * undoes it for every result the way there can give. Then the developer need
 * not write it. lower, upper, trim, pick and const forget something, and only
 * the developer can say what the way back should be.
 */
#include "migrate/compile_parts.h"
#include "schema/fn.h"

/* Does this text look like code of another language? */
static bool text_is_code(struct cove_bytes text)
{
    static const char *const signs[] = {"=>", "function", "return ", "(", "{"};

    for (size_t i = 0; i < COVE_ARRAY_LEN(signs); i++) {
        if (memmem(text.at, text.len, signs[i], strlen(signs[i])) != NULL) {
            return true;
        }
    }
    return false;
}

#define FUNCTIONS                                                              \
    "int_of_text, text_of_int, int_of_bool, bool_of_int, lower, upper, trim, " \
    "{\"table\":[[a,b],…]}, {\"add\":n}, {\"mul\":n}, {\"div\":n}, "         \
    "{\"split_list\":text}, {\"join_list\":text}, {\"pick\":key}, "            \
    "{\"wrap\":key}, {\"const\":value}"

static int text_fail(struct cove_bytes text, struct cove_bytes label,
                     struct cove_diag *diag)
{
    if (text_is_code(text)) {
        return cove_fail(diag, COVE_ESTEP,
                         "%.*s: a function cannot be stored as data (\"%.*s\"):"
                         " no two builds would have to agree on what it does; "
                         "write a list of Cove's functions instead, such as "
                         "[\"trim\",\"int_of_text\"]; there are " FUNCTIONS,
                         SHOWN(label), SHOWN(text));
    }
    return cove_fail(diag, COVE_ESTEP,
                     "%.*s: a pipeline is a list of functions: write "
                     "[\"%.*s\"]",
                     SHOWN(label), SHOWN(text));
}

/* The name of one function of a pipeline; empty where it has none. */
static struct cove_bytes function_name(struct cove_bytes fn)
{
    struct cove_reader r;

    cove_reader_init(&r, fn);
    if (cove_reader_peek(&r) == COVE_CBOR_MAP && cove_reader_map(&r) != 1) {
        return cove_bytes(NULL, 0);
    }
    return cove_reader_peek(&r) == COVE_CBOR_TEXT ? cove_reader_text(&r)
                                                  : cove_bytes(NULL, 0);
}

/* The pipeline of these functions. Errors: COVE_ENOMEM. */
static int pipe_of(struct cove_arena *arena, const struct cove_bytes *functions,
                   size_t count, struct cove_bytes *out)
{
    struct cove_buf buf;
    struct cove_writer w;
    int rc;

    cove_buf_init(&buf, arena->alloc);
    cove_writer_init(&w, &buf);
    cove_writer_list(&w, count);
    for (size_t i = 0; i < count; i++) {
        cove_writer_item(&w, functions[i]);
    }
    rc = w.err != 0 ? w.err : cove_arena_copy(arena, cove_buf_bytes(&buf), out);
    cove_buf_clear(&buf);
    return rc;
}

int cove_pipe_check(struct cove_arena *arena, struct cove_bytes pipe,
                    struct cove_bytes label, struct cove_diag *diag)
{
    struct cove_reader r;

    cove_reader_init(&r, pipe);
    if (cove_reader_peek(&r) == COVE_CBOR_TEXT) {
        return text_fail(cove_reader_text(&r), label, diag);
    }
    if (cove_reader_peek(&r) != COVE_CBOR_LIST) {
        return cove_fail(diag, COVE_ESTEP,
                         "%.*s: a pipeline is a list of functions, such as "
                         "[\"trim\",\"int_of_text\"]",
                         SHOWN(label));
    }
    if (cove_fn_known(pipe)) {
        return 0;
    }
    for (size_t left = cove_reader_list(&r); left > 0; left--) {
        struct cove_bytes fn = cove_reader_item(&r);
        struct cove_bytes name = function_name(fn);

        struct cove_bytes alone;

        if (pipe_of(arena, &fn, 1, &alone) != 0) {
            return COVE_ENOMEM;
        }
        if (!cove_fn_known(alone)) {
            return cove_fail(diag, COVE_ESTEP,
                             "%.*s: no function \"%.*s\" of this form; there "
                             "are " FUNCTIONS,
                             SHOWN(label), SHOWN(name));
        }
    }
    return cove_fail(diag, COVE_ESTEP, "%.*s: not a pipeline", SHOWN(label));
}

/* Write the one entry {name: text}, or the like. */
static void entry_write(struct cove_writer *w, const char *name)
{
    cove_writer_map(w, 1);
    cove_writer_cstr(w, name);
}

#define TABLE_INVERT_MAX 256 /* rows; each is compared with each */

/* The table with its columns exchanged: only where no two rows lead to the
 * same value, or the way back would be a guess. */
static bool table_invert(struct cove_reader *r, struct cove_writer *w)
{
    size_t count = cove_reader_list(r);

    if (count > TABLE_INVERT_MAX) {
        return false;
    }
    entry_write(w, "table");
    cove_writer_list(w, count);
    for (size_t i = 0; i < count; i++) {
        struct cove_reader later = *r;

        cove_reader_list(r);

        struct cove_bytes from = cove_reader_item(r);
        struct cove_bytes to = cove_reader_item(r);

        cove_reader_item(&later);
        for (size_t k = i + 1; k < count; k++) {
            cove_reader_list(&later);
            if (cove_bytes_equal(cove_reader_item(&later), from) ||
                cove_bytes_equal(cove_reader_item(&later), to)) {
                return false;
            }
        }
        cove_writer_list(w, 2);
        cove_writer_item(w, to);
        cove_writer_item(w, from);
    }
    return true;
}

/* Nothing undoes a multiplication by nothing. */
static bool multiplies(struct cove_reader factor)
{
    return cove_reader_int(&factor) != 0;
}

/* Write the function that undoes this one; false where there is none. */
static bool function_invert(struct cove_bytes fn, struct cove_writer *w)
{
    static const char *const pairs[][2] = {
        {"int_of_text", "text_of_int"},
        {"int_of_bool", "bool_of_int"},
        {"mul", "div"},
        {"split_list", "join_list"},
        {"wrap", "pick"},
    };
    struct cove_bytes name = function_name(fn);
    struct cove_reader r;
    bool entry;

    cove_reader_init(&r, fn);
    entry = cove_reader_peek(&r) == COVE_CBOR_MAP;
    if (entry) {
        cove_reader_map(&r);
        cove_reader_text(&r);
    }
    if (entry && cove_bytes_equal(name, cove_bytes_text("table"))) {
        return table_invert(&r, w);
    }
    if (entry && cove_bytes_equal(name, cove_bytes_text("add"))) {
        int64_t n = cove_reader_int(&r);

        entry_write(w, "add");
        cove_writer_int(w, n == INT64_MIN ? n : -n);
        return n != INT64_MIN;
    }
    for (size_t i = 0; i < 2 * COVE_ARRAY_LEN(pairs); i++) {
        const char *other = pairs[i / 2][1 - i % 2];

        /* picking a member forgets the others */
        if (!cove_bytes_equal(name, cove_bytes_text(pairs[i / 2][i % 2])) ||
            strcmp(other, "wrap") == 0) {
            continue;
        }
        if (strcmp(other, "div") == 0 && !multiplies(r)) {
            return false;
        }
        if (entry) {
            entry_write(w, other);
            cove_writer_item(w, cove_reader_item(&r));
        } else {
            cove_writer_cstr(w, other);
        }
        return true;
    }
    return false;
}

int cove_pipe_invert(struct cove_arena *arena, struct cove_bytes pipe,
                     struct cove_bytes *out)
{
    struct cove_reader r;
    struct cove_buf buf;
    struct cove_writer w;
    struct cove_bytes *back;
    size_t count;
    int rc = 0;

    *out = cove_bytes(NULL, 0);
    cove_buf_init(&buf, arena->alloc);
    cove_reader_init(&r, pipe);
    count = cove_reader_list(&r);
    back = cove_arena_array(arena, count + 1, sizeof *back);
    if (back == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = count; i > 0 && rc == 0; i--) {
        buf.len = 0;
        cove_writer_init(&w, &buf);

        bool undone = function_invert(cove_reader_item(&r), &w);

        rc = w.err != 0
                 ? w.err
                 : cove_arena_copy(arena, cove_buf_bytes(&buf), &back[i - 1]);
        if (!undone && rc == 0) {
            goto out;
        }
    }
    if (rc == 0) {
        rc = pipe_of(arena, back, count, out);
    }
out:
    cove_buf_clear(&buf);
    return rc;
}
