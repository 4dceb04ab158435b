/* admin_damage.c: damage, for `status`: what the last deep check found, and
 * what was put aside and has not come again from a peer. */
#include "node/check.h"

#define DAMAGE_RECORD                                                          \
    "checked" /* u64be when (ms), lost, derived, of both mended */
#define DAMAGE_SHOWN 100

static int checked_write(struct check *c)
{
    struct cove *store = c->a->store;
    struct cove_store_txn *txn;
    uint8_t value[32];
    int err = cove_store_begin(store->store, true, &txn);

    if (err != 0) {
        return err;
    }
    cove_put_be64(value, (uint64_t)store->env->now_ms(store->env->ctx));
    cove_put_be64(value + 8, c->lost - c->waiting);
    cove_put_be64(value + 16, c->derived);
    cove_put_be64(value + 24, c->fixed);
    err = cove_repo_record_put(c->worker->repo, txn, COVE_RECORDS_META,
                               cove_bytes_text(DAMAGE_RECORD),
                               cove_bytes(value, sizeof(value)));
    if (err == 0) {
        return cove_store_commit(txn);
    }
    cove_store_abort(txn);
    return err;
}

void check_note(struct check *check)
{
    (void)checked_write(check); /* what was found is in the reply */
}

/* --- for status */

static int checked_json(struct node_json *j, struct cove_txn *txn,
                        bool *damaged)
{
    static const char *const names[] = {"time", "lost", "derived", "fixed"};
    struct cove_bytes value;
    int err =
        cove_repo_record_get(txn->worker->repo, txn->txn, COVE_RECORDS_META,
                             cove_bytes_text(DAMAGE_RECORD), &value);

    if (err != 0 || value.len != 32) {
        return err == COVE_ENOTFOUND ? 0 : err;
    }
    node_json_key(j, "checked");
    node_json_open(j, '{');
    for (size_t i = 0; i < COVE_ARRAY_LEN(names); i++) {
        node_json_key(j, names[i]);
        node_json_int(j, (int64_t)cove_get_be64(value.at + 8 * i));
    }
    node_json_close(j, '}');
    *damaged = cove_get_be64(value.at + 8) + cove_get_be64(value.at + 16) >
               cove_get_be64(value.at + 24);
    return 0;
}

static void aside_json(struct node_json *j, const struct cove_aside *aside)
{
    static const struct cove_session_id none;

    node_json_open(j, '{');
    node_json_key(j, "id");
    node_json_id(j, &aside->id);
    if (memcmp(&aside->session, &none, sizeof(none)) != 0) {
        node_json_key(j, "session");
        node_json_hex(j, aside->session.b, sizeof(aside->session.b));
        node_json_key(j, "from");
        node_json_int(j, aside->from);
        node_json_key(j, "to");
        node_json_int(j, aside->to);
    }
    node_json_close(j, '}');
}

int admin_damage_json(struct admin *a, struct cove_txn *txn,
                      uint64_t unreadable)
{
    struct node_json *j = &a->reply;
    struct cove_aside aside, *after = NULL;
    uint64_t count = 0;
    bool damaged = false;
    int err;

    node_json_key(j, "damage");
    node_json_open(j, '{');
    node_json_key(j, "aside");
    node_json_open(j, '[');
    while ((err = cove_aside_next(txn->worker->repo, txn->txn, after,
                                  &aside)) == 0) {
        after = &aside;
        if (count++ < DAMAGE_SHOWN) {
            aside_json(j, &aside);
        }
    }
    node_json_close(j, ']');
    node_json_key(j, "asideCount");
    node_json_int(j, (int64_t)count);
    node_json_key(j, "unreadable");
    node_json_int(j, (int64_t)unreadable);
    err = err == COVE_ENOTFOUND ? checked_json(j, txn, &damaged) : err;
    if (err == 0 && (unreadable > 0 || damaged)) {
        node_json_key(j, "advice");
        node_json_cstr(j, check_advice("", false));
    } else if (err == 0 && count > 0) {
        node_json_key(j, "advice");
        node_json_cstr(j, check_advice("refetch", false));
    }
    node_json_close(j, '}');
    return err;
}
