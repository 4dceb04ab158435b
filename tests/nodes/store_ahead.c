/* store_ahead.c: a device whose clock is ahead by so many hours. It writes a
 * number over the first field that a document has, in the version that wrote
 * it last; to a counter it adds it.
 *
 *   store_ahead STORE HOURS DOCUMENT NUMBER
 */
#include "core/value.h"
#include "tests/nodes/store_kit.h"

#include <stdlib.h>

#define HOUR_MS INT64_C(3600000)

struct ahead {
    struct cove_env env;
    int64_t ahead_ms;
    struct cove_store *store;
    struct cove_repo *repo;
    struct cove_store_txn *txn;
    struct cove_arena arena;
    struct cove_diag diag;
};

static int64_t ahead_now(void *ctx)
{
    const struct ahead *a = ctx;

    return cove_env_system.now_ms(cove_env_system.ctx) + a->ahead_ms;
}

static void ahead_random(void *ctx, void *out, size_t len)
{
    (void)ctx;
    cove_env_system.random(cove_env_system.ctx, out, len);
}

static int ahead_open(struct ahead *a, const char *dir)
{
    int err = store_open(dir, &a->env, &a->store, &a->repo, &a->diag);

    return err ? err : cove_store_begin(a->store, true, &a->txn);
}

/* words: DOCUMENT NUMBER */
static int ahead_write(struct ahead *a, char **words)
{
    struct cove_tx_op op = {.kind = COVE_OP_ADD,
                            .amount = strtol(words[1], NULL, 10)};
    struct cove_tx tx = {.ops = &op, .op_count = 1};
    struct cove_doc doc;
    struct cove_id id;
    cove_num num = 0;
    int err = cove_repo_resolve(a->repo, a->txn, words[0], &id, &a->diag);

    err = err ? err : cove_repo_find(a->repo, a->txn, &id, &num);
    err = err ? err
              : cove_repo_load(a->repo, a->txn, num, &a->arena, &doc, &a->diag);
    if (err == 0 && doc.state.native_count > 0) {
        const struct cove_native *native = &doc.state.natives[0];

        tx.has_epoch = native->has_epoch;
        tx.epoch = native->epoch;
        op.kind = COVE_OP_REGISTER;
        op.reg = native->reg;
        err = cove_value_of_int(&a->arena, op.amount, &op.value);
        op.amount = 0;
    }
    return err ? err : cove_repo_append(a->repo, a->txn, &doc, &tx, &a->diag);
}

int main(int argc, char **argv)
{
    struct ahead a = {.env = {.now_ms = ahead_now, .random = ahead_random}};
    int err = argc == 5 ? 0 : COVE_EUSAGE;

    a.env.ctx = &a;
    cove_arena_init(&a.arena, &cove_alloc_libc);
    if (err == 0) {
        a.ahead_ms = strtol(argv[2], NULL, 10) * HOUR_MS;
        err = ahead_open(&a, argv[1]);
    }
    err = err ? err : ahead_write(&a, argv + 3);
    if (a.txn != NULL && err == 0) {
        err = cove_store_commit(a.txn);
    } else if (a.txn != NULL) {
        cove_store_abort(a.txn);
    }
    if (err != 0) {
        fprintf(stderr, "store_ahead: %s: %s\n", cove_error_text(err),
                a.diag.text);
    }
    cove_repo_close(a.repo);
    cove_store_close(a.store);
    cove_arena_clear(&a.arena);
    return err != 0;
}
