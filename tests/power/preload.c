/* preload.c: a command that kills itself after so many calls to the disk.
 *
 *   LD_PRELOAD=libkill.so COVE_KILL_AFTER=17 cove import …
 *
 * dies (SIGKILL) before its 17th call that changes a file, COVE_KILL_AFTER=-17
 * after it.
 */
#include <signal.h>
#include <stdlib.h>

#include "tests/power/calls.h"

static long preload_left;
static bool preload_after;

static bool preload_due(const struct call *call)
{
    return call->fd > 2 || call->path[0] != '\0' ? --preload_left == 0 : false;
}

static int preload_before(void *ctx, struct call *call)
{
    (void)ctx;
    if (!preload_after && preload_due(call)) {
        raise(SIGKILL);
    }
    return 0;
}

static void preload_made(void *ctx, const struct call *call, int failed)
{
    (void)ctx;
    (void)failed;
    if (preload_after && preload_due(call)) {
        raise(SIGKILL);
    }
}

__attribute__((constructor)) static void preload_begin(void)
{
    static const struct calls_hook hook = {preload_before, preload_made, NULL};
    const char *text = getenv("COVE_KILL_AFTER");
    long after = text != NULL ? strtol(text, NULL, 10) : 0;

    preload_after = after < 0;
    preload_left = labs(after);
    if (after != 0) {
        calls_watch(&hook);
    }
}
