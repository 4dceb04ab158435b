/* cut_peers.c: see cut.h. */
#include "node/cut.h"

#include "node/sync.h"

/* Is it connected, or was it here not long ago? */
static bool peer_counts(const struct cut_peers *peers, struct cove_txn *txn,
                        const struct cove_peer_record *record)
{
    const struct cove_env *env = txn->store->env;
    enum cove_peer_state state = node_peer_state(txn, record);

    if (state == COVE_PEER_IDLE || state == COVE_PEER_BUSY) {
        return true;
    }
    return record->last_seen_ms != 0 &&
           env->now_ms(env->ctx) - record->last_seen_ms <= peers->window_ms;
}

static int peer_add(struct cut_peers *peers, struct cove_txn *txn,
                    const struct cove_peer_record *record)
{
    struct cove_repo *repo = txn->worker->repo;
    struct cove_refused refused = {0};
    void *at = peers->at;
    uint8_t store_id[16];
    int err = cove_arena_grow(&peers->arena, &at, sizeof(*peers->at),
                              peers->count, &peers->cap);

    err = err != 0 ? err
                   : cove_refused_get(repo, txn->txn, COVE_REFUSED_THERE,
                                      &record->key, &refused);
    if (err != 0) {
        return err;
    }
    peers->at = at;

    struct cut_peer *peer = &peers->at[peers->count];

    *peer = (struct cut_peer){.key = record->key};
    memcpy(peer->name, record->name, sizeof(peer->name));
    cove_repo_store_id(repo, store_id);
    if (memcmp(store_id, record->acked_store, sizeof(store_id)) == 0) {
        peer->acked = record->acked;
    }
    if (refused.count > 0) {
        peer->refused = cove_arena_new(&peers->arena, sizeof(refused));
        if (peer->refused == NULL) {
            return COVE_ENOMEM;
        }
        *peer->refused = refused;
    }
    peers->count++;
    return 0;
}

int cut_peers_read(struct cut_peers *peers, struct cove_txn *txn)
{
    struct cove_peer_record record;
    const struct cove_key *after = NULL;
    struct cove_key last;
    int err = 0;

    cove_arena_reset(&peers->arena);
    peers->at = NULL;
    peers->count = peers->cap = 0;
    while (err == 0 && !peers->none) {
        err = cove_peer_next(txn->worker->repo, txn->txn, after, &record);
        if (err == 0) {
            last = record.key;
            after = &last;
            err = peer_counts(peers, txn, &record)
                      ? peer_add(peers, txn, &record)
                      : 0;
        }
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

int cut_peers_lack(const struct cut_peers *peers, struct cove_txn *txn,
                   cove_num num, const struct cove_doc_outline *doc,
                   const struct cut_peer **out)
{
    int err = 0;

    *out = NULL;
    for (size_t i = 0; err == 0 && *out == NULL && i < peers->count; i++) {
        const struct cut_peer *peer = &peers->at[i];
        enum cove_role role = COVE_ROLE_NONE;

        if (doc->changed <= peer->acked &&
            (peer->refused == NULL ||
             !cove_refused_has(peer->refused, &doc->id))) {
            continue;
        }
        err =
            cove_repo_role(txn->worker->repo, txn->txn, num, &peer->key, &role);
        *out = err == 0 && role >= COVE_ROLE_READER ? peer : NULL;
    }
    return err;
}

int cut_peers_note(struct cut_peers *peers, const struct cut_peer *peer)
{
    void *behind = peers->behind;
    size_t i = 0;
    int err = 0;

    while (i < peers->behind_count &&
           memcmp(&peers->behind[i].key, &peer->key, sizeof(peer->key)) != 0) {
        i++;
    }
    if (i == peers->behind_count) {
        err = cove_arena_grow(peers->noted, &behind, sizeof(*peers->behind), i,
                              &peers->behind_cap);
        if (err == 0) {
            peers->behind = behind;
            peers->behind[peers->behind_count++] = *peer;
            peers->behind[i].refused = NULL;
        }
    }
    if (err == 0) {
        peers->behind[i].documents++;
    }
    return err;
}

void cut_peers_json(const struct cut_peers *peers, struct node_json *j)
{
    node_json_key(j, "behind");
    node_json_open(j, '[');
    for (size_t i = 0; i < peers->behind_count; i++) {
        const struct cut_peer *peer = &peers->behind[i];

        node_json_open(j, '{');
        node_json_key(j, "key");
        node_json_hex(j, peer->key.b, sizeof(peer->key.b));
        node_json_key(j, "name");
        node_json_cstr(j, peer->name);
        node_json_key(j, "documents");
        node_json_int(j, peer->documents);
        node_json_close(j, '}');
    }
    node_json_close(j, ']');
}
