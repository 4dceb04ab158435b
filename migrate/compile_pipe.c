/* compile_pipe.c: pipelines as developers write them, checked with the function
 * that is wrong named. What undoes them: compile_invert.c.
 */
#include <stdio.h>

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

#define NAMES_MAX 800 /* bytes of a sentence that names all functions */

/* All names, one after the other. */
static const char *names_all(char names[NAMES_MAX])
{
    size_t len = 0;

    for (size_t i = 0; cove_fn_name(i) != NULL && len < NAMES_MAX; i++) {
        len += (size_t)snprintf(names + len, NAMES_MAX - len, "%s%s",
                                i > 0 ? ", " : "", cove_fn_name(i));
    }
    return names;
}

static int text_fail(struct cove_bytes text, struct cove_bytes label,
                     struct cove_diag *diag)
{
    char names[NAMES_MAX];

    if (text_is_code(text)) {
        return cove_fail(diag, COVE_ESTEP,
                         "%.*s: a function cannot be stored as data (\"%.*s\"):"
                         " no two builds would have to agree on what it does; "
                         "write a list of Cove's functions instead, such as "
                         "[\"trim\",\"int_of_text\"]; there are %s",
                         SHOWN(label), SHOWN(text), names_all(names));
    }
    return cove_fail(diag, COVE_ESTEP,
                     "%.*s: a pipeline is a list of functions: write "
                     "[\"%.*s\"]",
                     SHOWN(label), SHOWN(text));
}

struct cove_bytes cove_function_name(struct cove_bytes fn)
{
    struct cove_reader r;

    cove_reader_init(&r, fn);
    if (cove_reader_peek(&r) == COVE_CBOR_MAP && cove_reader_map(&r) != 1) {
        return cove_bytes(NULL, 0);
    }
    return cove_reader_peek(&r) == COVE_CBOR_TEXT ? cove_reader_text(&r)
                                                  : cove_bytes(NULL, 0);
}

int cove_pipe_check(struct cove_bytes pipe, struct cove_bytes label,
                    struct cove_diag *diag)
{
    char names[NAMES_MAX];
    struct cove_reader r;
    struct cove_bytes fault;
    struct cove_bytes name;
    const char *form;

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
    if (cove_fn_check(pipe, &fault)) {
        return 0;
    }
    if (cove_fn_needs_lua(pipe)) {
        return cove_fail(diag, COVE_EUNSUPPORTED,
                         "%.*s: it has a script, and this Cove was built "
                         "without Lua (meson's option scripts); publish it "
                         "with one that was built with it",
                         SHOWN(label));
    }
    name = cove_function_name(fault);
    form = cove_fn_form(name);
    if (form != NULL) {
        return cove_fail(diag, COVE_ESTEP,
                         "%.*s: no function \"%.*s\" of this form; write it "
                         "like %s, at most %d pipelines and conditions inside "
                         "one another",
                         SHOWN(label), SHOWN(name), form, COVE_FN_DEPTH);
    }
    return cove_fail(diag, COVE_ESTEP,
                     "%.*s: no function \"%.*s\"; there are %s", SHOWN(label),
                     SHOWN(name), names_all(names));
}
