/* uv.h: sync and subscriptions on the caller's libuv loop. */
#ifndef COVE_UV_H
#define COVE_UV_H

#include <uv.h>

#include "cove/cove.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Attach the store's sync (unless opened with COVE_OPEN_NO_SYNC) and the
 * callbacks of subscriptions to a loop; its handles are closed by detach, whose
 * callback comes on the loop. libuv writes to sockets that may be gone: ignore
 * SIGPIPE, as any program with a loop of its own does. Errors: COVE_EBUSY
 * (attached or running). */
COVE_API int cove_uv_attach(struct cove *store, uv_loop_t *loop);
COVE_API void cove_uv_detach(struct cove *store, void (*done)(void *ctx),
                             void *ctx);

#ifdef __cplusplus
}
#endif

#endif
