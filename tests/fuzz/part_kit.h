/* part_kit.h: what the targets share whose input is a few texts, each behind a
 * line "---". */
#ifndef COVE_TESTS_FUZZ_PART_KIT_H
#define COVE_TESTS_FUZZ_PART_KIT_H

#include <stdlib.h>
#include <string.h>

#include "core/diag.h"

#define REQUIRE(condition)                                                     \
    do {                                                                       \
        if (!(condition)) {                                                    \
            abort();                                                           \
        }                                                                      \
    } while (0)

/* A refusal has a code and a sentence. */
static inline bool good(int err, struct cove_diag *diag)
{
    REQUIRE(err == 0 || (err < 0 && diag->text[0] != '\0'));
    cove_diag_clear(diag);
    return err == 0;
}

/* Up to the next line "---", which is left out. */
static inline struct cove_bytes part_take(struct cove_bytes *rest)
{
    for (size_t i = 0; i + 5 <= rest->len; i++) {
        if (memcmp(rest->at + i, "\n---\n", 5) == 0) {
            struct cove_bytes part = cove_bytes(rest->at, i);

            *rest = cove_bytes(rest->at + i + 5, rest->len - i - 5);
            return part;
        }
    }
    struct cove_bytes part = *rest;

    rest->len = 0;
    return part;
}

#endif
