/* compile_invert.c: pipelines undone.
 *
 * The way back is derived only where it is certain: each function has one that
 * undoes it for every result the way there can give. Then the developer need
 * not write it. lower, upper, trim, pick and const forget something, as most
 * do, and only the developer can say what the way back should be.
 */
#include "migrate/compile_parts.h"

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

static bool is_name(struct cove_bytes name, const char *text)
{
    return cove_bytes_equal(name, cove_bytes_text(text));
}

static bool pipe_write(struct cove_bytes pipe, struct cove_writer *w);

/* {name: [first, second]} */
static void pair_write(struct cove_writer *w, const char *name,
                       struct cove_bytes first)
{
    entry_write(w, name);
    cove_writer_list(w, 2);
    cove_writer_item(w, first);
}

/* Functions whose way back is not another of the same argument. *undone where
 * this was one. */
static bool special_invert(struct cove_bytes name, struct cove_reader r,
                           struct cove_writer *w, bool *undone)
{
    struct cove_bytes first;

    *undone = true;
    if (is_name(name, "table")) {
        *undone = table_invert(&r, w);
    } else if (is_name(name, "add")) {
        int64_t n = cove_reader_int(&r);

        entry_write(w, "add");
        cove_writer_int(w, n == INT64_MIN ? n : -n);
        *undone = n != INT64_MIN;
    } else if (is_name(name, "rename")) {
        cove_reader_list(&r);
        first = cove_reader_item(&r);
        pair_write(w, "rename", cove_reader_item(&r));
        cove_writer_item(w, first);
    } else if (is_name(name, "each")) {
        entry_write(w, "each");
        *undone = pipe_write(cove_reader_item(&r), w);
    } else if (is_name(name, "update")) {
        cove_reader_list(&r);
        pair_write(w, "update", cove_reader_item(&r));
        *undone = pipe_write(cove_reader_item(&r), w);
    } else {
        return false;
    }
    return true;
}

/* Write the function that undoes this one; false where there is none. */
static bool function_invert(struct cove_bytes fn, struct cove_writer *w)
{
    static const struct {
        const char *there, *back;
    } ways[] = {
        {"int_of_text", "text_of_int"},
        {"text_of_int", "int_of_text"},
        {"int_of_bool", "bool_of_int"},
        {"bool_of_int", "int_of_bool"},
        {"int_of_float", "float_of_int"},
        {"float_of_int", "int_of_float"},
        {"iso_of_ms", "ms_of_iso"}, /* a time has one form, a text many */
        {"date_of_ms", "ms_of_date"},
        {"ms_of_date", "date_of_ms"},
        {"reverse", "reverse"},
        {"mul", "div"},
        {"div", "mul"},
        {"split_list", "join_list"},
        {"join_list", "split_list"},
        {"wrap", "pick"}, /* picking a member forgets the others */
        {"decimal_of_int", "int_of_decimal"},
        {"prefix", "drop_prefix"},
        {"drop_prefix", "prefix"},
        {"suffix", "drop_suffix"},
        {"drop_suffix", "suffix"},
    };
    struct cove_bytes name = cove_function_name(fn);
    struct cove_reader r;
    bool undone;
    bool entry;

    cove_reader_init(&r, fn);
    entry = cove_reader_peek(&r) == COVE_CBOR_MAP;
    if (entry) {
        cove_reader_map(&r);
        cove_reader_text(&r);
        if (special_invert(name, r, w, &undone)) {
            return undone;
        }
    }
    for (size_t i = 0; i < COVE_ARRAY_LEN(ways); i++) {
        if (!is_name(name, ways[i].there)) {
            continue;
        }
        if (is_name(name, "mul") && !multiplies(r)) {
            return false;
        }
        if (entry) {
            entry_write(w, ways[i].back);
            cove_writer_item(w, cove_reader_item(&r));
        } else {
            cove_writer_cstr(w, ways[i].back);
        }
        return true;
    }
    return false;
}

/* The last function first. Recurses as deep as pipelines are nested. */
static bool pipe_write(struct cove_bytes pipe, struct cove_writer *w)
{
    struct cove_reader r;
    size_t count;

    cove_reader_init(&r, pipe);
    count = cove_reader_list(&r);
    cove_writer_list(w, count);
    for (size_t i = count; i > 0; i--) {
        struct cove_reader at = r;

        for (size_t k = 1; k < i; k++) {
            (void)cove_reader_item(&at);
        }
        if (!function_invert(cove_reader_item(&at), w)) {
            return false;
        }
    }
    return true;
}

int cove_pipe_invert(struct cove_arena *arena, struct cove_bytes pipe,
                     struct cove_bytes *out)
{
    struct cove_buf buf;
    struct cove_writer w;
    bool undone;
    int rc;

    *out = cove_bytes(NULL, 0);
    cove_buf_init(&buf, arena->alloc);
    cove_writer_init(&w, &buf);
    undone = pipe_write(pipe, &w);
    rc = w.err;
    if (rc == 0 && undone) {
        rc = cove_arena_copy(arena, cove_buf_bytes(&buf), out);
    }
    cove_buf_clear(&buf);
    return rc;
}
