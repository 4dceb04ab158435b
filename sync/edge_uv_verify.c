/* Signatures in libuv's threads, so that the loop goes on meanwhile and the
 * store's writer lock is not held. Each part of a message is a work of its own;
 * the last one to end gives the message back to the engine. */
#include "sync/edge_uv_internal.h"

#include "sync/verify.h"

struct edge_verify {
    struct cove_edge *edge;
    struct cove_verify *verify;
    size_t left; /* parts */
    struct edge_verify_part {
        struct edge_verify *of;
        size_t number;
        uv_work_t work;
    } parts[COVE_VERIFY_PARTS];
};

static void verify_end(struct edge_verify *v)
{
    struct cove_edge *edge = v->edge;

    if (--v->left > 0) {
        return;
    }
    cove_engine_verified(edge->engine, edge_now(edge), v->verify);
    cove_alloc_free(edge->opt.alloc, v);
    edge_touch(edge);
    edge_closed(edge);
}

static void verify_on_work(uv_work_t *work)
{
    struct edge_verify_part *part = work->data;

    cove_verify_run(part->of->verify, part->number);
}

static void verify_on_end(uv_work_t *work, int status)
{
    struct edge_verify_part *part = work->data;

    (void)status; /* nobody cancels */
    verify_end(part->of);
}

int edge_verify(void *ctx, struct cove_verify *verify)
{
    struct cove_edge *edge = ctx;
    struct edge_verify *v = cove_alloc_zero(edge->opt.alloc, 1, sizeof(*v));

    if (v == NULL) {
        return COVE_ENOMEM;
    }
    v->edge = edge;
    v->verify = verify;
    v->left = cove_verify_parts(verify);
    for (size_t i = 0; i < cove_verify_parts(verify); i++) {
        struct edge_verify_part *part = &v->parts[i];

        part->of = v;
        part->number = i;
        part->work.data = part;
        /* The one error it can give is that there is no callback. */
        (void)uv_queue_work(edge->loop, &part->work, verify_on_work,
                            verify_on_end);
    }
    edge->handles++; /* until the last part has ended */
    return 0;
}
