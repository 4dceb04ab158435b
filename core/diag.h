/* diag.h: the sentence that goes with an error code.
 *
 * Functions that judge input from outside take a struct cove_diag * (NULL is
 * allowed) and fill it where they fail: what was wrong, where, what to do.
 * The first sentence wins; an outer layer may put context in front of it.
 */
#ifndef COVE_CORE_DIAG_H
#define COVE_CORE_DIAG_H

#include "cove/error.h"

struct cove_diag {
    int code;
    char text[1024]; /* UTF-8, control bytes escaped, cut with "…" */
};

/* Fill diag (where it is not NULL and empty) and return code, so that a
 * failing place is one line: return cove_fail(diag, COVE_ETYPE, "…", …); */
int cove_fail(struct cove_diag *diag, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "context: " in front of the sentence. */
void cove_diag_context(struct cove_diag *diag, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void cove_diag_clear(struct cove_diag *diag);

/* The short text of a code ("not found"), the name of it ("COVE_ENOTFOUND"). */
const char *cove_error_text(int code);
const char *cove_error_name(int code);

#endif
