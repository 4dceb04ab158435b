/* verify.c: signatures, verified away from the store. What holds is said; what
 * does not hold, or cannot be seen here, is for who takes the message, and gets
 * its sentence there. */
#include "sync/verify.h"

#include "crdt/batch.h"
#include "crdt/cut.h"

#define VERIFY_FAILURES 64 /* after so many it is not worth going on */

struct verify_item {
    bool holds;
    struct cove_hash head;
};

struct cove_verify {
    const struct cove_alloc *alloc;
    struct cove_message message; /* its lists lie in bytes */
    uint8_t *bytes;
    size_t parts;
    struct verify_item items[]; /* of its batches */
};

/* A cut ends with a signature, too; that is verified where it is taken. */
static bool verify_alone(struct cove_bytes bytes)
{
    return !cove_cut_is(bytes) && cove_batch_is_alone(bytes);
}

bool cove_verify_pays(const struct cove_message *content, size_t least)
{
    struct cove_reader walk = cove_message_walk(&content->batches);
    struct cove_bytes bytes;
    size_t count = 0;

    for (size_t i = 0; i < content->batches.count; i++) {
        (void)cove_message_next_bytes(&walk, &bytes);
        count += verify_alone(bytes);
    }
    return count >= least;
}

static size_t verify_copy(struct cove_verify *verify, size_t at,
                          struct cove_message_items *items)
{
    if (items->bytes.len > 0) {
        memcpy(verify->bytes + at, items->bytes.at, items->bytes.len);
    }
    items->bytes.at = verify->bytes + at;
    return at + items->bytes.len;
}

int cove_verify_new(const struct cove_alloc *alloc,
                    const struct cove_message *content,
                    struct cove_verify **out)
{
    size_t count = content->batches.count;
    size_t len = content->headers.bytes.len + content->batches.bytes.len +
                 content->done.bytes.len;
    struct cove_verify *verify = cove_alloc_zero(
        alloc, 1, sizeof(*verify) + count * sizeof(verify->items[0]));
    size_t at = 0;

    if (verify == NULL) {
        return COVE_ENOMEM;
    }
    verify->alloc = alloc;
    verify->message = *content;
    verify->parts = count < (size_t)COVE_VERIFY_PARTS * COVE_VERIFY_LEAST
                        ? count / COVE_VERIFY_LEAST + 1
                        : COVE_VERIFY_PARTS;
    verify->bytes = cove_alloc_new(alloc, len + 1);
    if (verify->bytes == NULL) {
        cove_verify_free(verify);
        return COVE_ENOMEM;
    }
    at = verify_copy(verify, at, &verify->message.headers);
    at = verify_copy(verify, at, &verify->message.batches);
    (void)verify_copy(verify, at, &verify->message.done);
    *out = verify;
    return 0;
}

size_t cove_verify_parts(const struct cove_verify *verify)
{
    return verify->parts;
}

static bool verify_group(struct cove_bytes bytes)
{
    struct cove_group group;

    return cove_group_decode(bytes, &group, NULL) == 0 &&
           cove_group_verify(&group) == 0;
}

/* A session's first batch: its chain begins in itself. */
static bool verify_batch(struct cove_bytes bytes, struct cove_arena *arena,
                         struct cove_roots *roots, struct cove_hash *head)
{
    struct cove_batch batch;

    if (cove_batch_decode(bytes, arena, &batch, NULL) != 0 ||
        batch.start != 0 || batch.proof.shared) {
        return false;
    }
    *head = cove_chain_start(&batch.document, &batch.session, &batch.device);
    for (size_t i = 0; i < batch.tx_count; i++) {
        *head = cove_chain_next(head, batch.txs[i]);
    }
    return cove_batch_verify(&batch, head, roots) == 0;
}

void cove_verify_run(struct cove_verify *verify, size_t part)
{
    size_t count = verify->message.batches.count;
    size_t from = count * part / verify->parts;
    size_t to = count * (part + 1) / verify->parts;
    struct cove_reader walk = cove_message_walk(&verify->message.batches);
    struct cove_roots roots = {.seen = {{.leaves = 0}}};
    struct cove_arena arena;
    struct cove_bytes bytes;
    unsigned failures = 0;

    cove_arena_init(&arena, verify->alloc);
    for (size_t i = 0; i < to && failures < VERIFY_FAILURES; i++) {
        struct verify_item *item = &verify->items[i];

        (void)cove_message_next_bytes(&walk, &bytes);
        if (i < from) {
            continue;
        }
        cove_arena_reset(&arena);
        item->holds = cove_group_is(bytes)
                          ? verify_group(bytes)
                          : verify_batch(bytes, &arena, &roots, &item->head);
        failures += !item->holds && verify_alone(bytes);
    }
    cove_arena_clear(&arena);
}

const struct cove_message *cove_verify_message(const struct cove_verify *verify)
{
    return &verify->message;
}

bool cove_verify_group_holds(const struct cove_verify *verify, size_t n)
{
    return verify->items[n].holds;
}

const struct cove_hash *cove_verify_head(const struct cove_verify *verify,
                                         size_t n)
{
    return verify->items[n].holds ? &verify->items[n].head : NULL;
}

void cove_verify_free(struct cove_verify *verify)
{
    if (verify != NULL) {
        cove_alloc_free(verify->alloc, verify->bytes);
        cove_alloc_free(verify->alloc, verify);
    }
}
