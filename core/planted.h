/* planted.h: bugs that are there on purpose, so that it is seen that the tests
 * find them. In the usual build nothing of it is left. In one of its own, made
 * with -Dplanted=true, the bug is there whose name stands in the environment:
 *
 *     COVE_PLANTED=credit-kept build-planted/tests/sim/sim_sync
 *
 * A bug is one line, and a condition that is false without it. tests/planted.py
 * has the list of them and what finds each.
 */
#ifndef COVE_CORE_PLANTED_H
#define COVE_CORE_PLANTED_H

#include <stdbool.h>

#ifdef COVE_PLANTED_BUGS
#include <stdlib.h>
#include <string.h>

static inline bool cove_planted(const char *name)
{
    const char *wanted = getenv("COVE_PLANTED");

    return wanted != NULL && strcmp(wanted, name) == 0;
}
#define COVE_PLANTED(name) cove_planted(name)
#else
#define COVE_PLANTED(name) false
#endif

#endif
