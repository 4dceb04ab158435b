/* admin_peer.c: peer.add, peer.remove, peer.list. */
#include "node/admin.h"
#include "node/sync.h"
#include "sync/edge_uv.h"
#include "sync/interest.h"

#include <stdlib.h>

int admin_peer_key(struct admin *a, struct cove_key *out)
{
    const char *text = NULL;
    int err = admin_text(a, "key", &text);

    err = err != 0 ? err : admin_need(a, "key", text);
    if (err == 0 && cove_hex_parse(text, out->b, sizeof(out->b)) != 0) {
        err = cove_fail(&a->diag, COVE_EUSAGE,
                        "\"%s\" is no device key: 64 hex digits, as `cove key` "
                        "on the peer shows",
                        text);
    }
    if (err == 0 && memcmp(out->b, a->store->device.b, 32) == 0) {
        err = cove_fail(&a->diag, COVE_EUSAGE,
                        "that is this device's own key; ask the peer for `cove "
                        "key`");
    }
    return err;
}

/* "host:port" with a port from 1 to 65,535. */
static bool address_good(const char *address)
{
    const char *colon = strrchr(address, ':');
    char *end;

    if (colon == NULL || colon == address) {
        return false;
    }
    long port = strtol(colon + 1, &end, 10);

    return *end == '\0' && end != colon + 1 && port >= 1 && port <= 65535;
}

int admin_peer_address(struct admin *a, const char *address)
{
    return address_good(address)
               ? 0
               : cove_fail(&a->diag, COVE_EUSAGE,
                           "\"%s\" is no address: host:port, as the peer's "
                           "`cove serve` prints",
                           address);
}

int admin_peer_text(struct admin *a, const char *key, char *out, size_t cap)
{
    const char *text = NULL;
    int err = admin_text(a, key, &text);

    if (err == 0 && text != NULL) {
        if (strlen(text) >= cap) {
            return cove_fail(&a->diag, COVE_ELIMIT,
                             "\"%s\" has more than %zu bytes", key, cap - 1);
        }
        memcpy(out, text, strlen(text) + 1);
    }
    return err;
}

static int verb_peer_add(struct admin *a)
{
    struct cove_peer_record peer = {0};
    struct cove_key key;
    struct cove_txn *txn;
    int err = admin_peer_key(a, &key);

    if (err == 0) {
        err = node_begin(a->store, COVE_WRITE, &txn);
    }
    if (err != 0) {
        return err;
    }
    err = cove_peer_get(txn->worker->repo, txn->txn, &key, &peer);
    if (err == COVE_ENOTFOUND) {
        memset(&peer, 0, sizeof(peer));
        peer.key = key;
        peer.state = COVE_PEER_OFFLINE;
        err = 0;
    } else if (err == 0 && cove_peer_is_guest(&peer)) {
        peer.number = 0; /* a peer like others from here on */
    }
    err = err != 0 ? err
                   : admin_peer_text(a, "address", peer.address,
                                     sizeof(peer.address));
    err = err != 0 ? err
                   : admin_peer_text(a, "name", peer.name, sizeof(peer.name));
    if (err == 0 && peer.address[0] != '\0') {
        err = admin_peer_address(a, peer.address);
    }
    if (err == 0) {
        err = cove_peer_put(txn->worker->repo, txn->txn, &peer);
        txn->wrote = true;
    }
    err = admin_end(a, txn, err);
    if (err == 0) {
        node_json_key(&a->reply, "key");
        node_json_hex(&a->reply, key.b, sizeof(key.b));
    }
    return err;
}

static int verb_peer_remove(struct admin *a)
{
    struct cove_key key;
    struct cove_txn *txn;
    int err = admin_peer_key(a, &key);

    if (err == 0) {
        err = node_begin(a->store, COVE_WRITE, &txn);
    }
    if (err != 0) {
        return err;
    }
    err = admin_invites_of_json(a, txn, &key);
    err = err != 0 ? err : cove_peer_remove(txn->worker->repo, txn->txn, &key);
    txn->wrote = true;
    if (err == COVE_ENOTFOUND) {
        cove_fail(&a->diag, err, "no such peer; `cove peer list` shows them");
    }
    return admin_end(a, txn, err);
}

enum cove_peer_state node_peer_state(struct cove_txn *txn,
                                     const struct cove_peer_record *peer)
{
    switch (peer->state) {
    case COVE_PEER_CONNECTING:
    case COVE_PEER_IDLE:
    case COVE_PEER_BUSY:
        return node_sync_runs(txn->store) ? peer->state : COVE_PEER_STOPPED;
    case COVE_PEER_STOPPED:
    case COVE_PEER_OFFLINE:
    case COVE_PEER_CRASHING:
    case COVE_PEER_FAILED:
        break;
    }
    return peer->state;
}

/* Count what it lacks: all of it, or until there is some. */
static int peer_count(struct cove_txn *txn, const struct cove_peer_record *peer,
                      bool all, struct cove_unsent *unsent)
{
    int err = 0;

    while (err == 0 && !unsent->over && (all || unsent->documents == 0)) {
        err = unsent->begun ? node_renew(txn) : 0;
        err = err != 0
                  ? err
                  : cove_peer_unsent(txn->worker->repo, txn->txn, peer, unsent);
    }
    cove_unsent_clear(unsent);
    return err;
}

int node_peer_lag(struct cove_txn *txn, const struct cove_peer_record *peer,
                  uint64_t *out, int64_t *lag_ms)
{
    const struct cove_env *env = txn->store->env;
    struct cove_unsent unsent = {.documents = 0};
    int err = peer_count(txn, peer, true, &unsent);

    if (err == 0) {
        *lag_ms =
            unsent.since_ms != 0 ? env->now_ms(env->ctx) - unsent.since_ms : 0;
        *lag_ms = *lag_ms > 0 ? *lag_ms : 0;
        *out = unsent.documents;
    }
    return err;
}

int node_peer_unsent(struct cove_txn *txn, const struct cove_peer_record *peer,
                     uint64_t *out)
{
    int64_t lag_ms;

    return node_peer_lag(txn, peer, out, &lag_ms);
}

int node_peer_lacks(struct cove_txn *txn, const struct cove_peer_record *peer,
                    bool *out)
{
    struct cove_unsent unsent = {.documents = 0};
    int err = peer_count(txn, peer, false, &unsent);

    *out = unsent.documents > 0;
    return err;
}

/* --- clocks, where this handle syncs */

struct peer_clocks {
    struct {
        struct cove_key key;
        int64_t ms;
    } at[COVE_EDGE_CONNS];
    size_t count;
};

static void clocks_add(void *ctx, const struct cove_edge_seen *seen)
{
    struct peer_clocks *clocks = ctx;

    if (seen->open && seen->stats.clock_known &&
        clocks->count < COVE_EDGE_CONNS) {
        clocks->at[clocks->count].key = seen->stats.peer;
        clocks->at[clocks->count++].ms = seen->stats.clock_ms;
    }
}

static void clocks_look(void *ctx, struct cove_edge *edge)
{
    struct cove_edge_state state;

    cove_edge_look(edge, &state, clocks_add, ctx);
}

static void clocks_json(const struct peer_clocks *clocks,
                        const struct cove_key *key, struct node_json *j)
{
    for (size_t i = 0; i < clocks->count; i++) {
        if (memcmp(&clocks->at[i].key, key, sizeof(*key)) == 0) {
            node_json_key(j, "clockMs");
            node_json_int(j, clocks->at[i].ms);
            return;
        }
    }
}

/* What a guest lacks is not counted: there may be very many of them, and of
 * most documents they may read nothing. */
static int peer_json(struct cove_txn *txn, const struct cove_peer_record *p,
                     const struct peer_clocks *clocks, struct node_json *j)
{
    bool guest = cove_peer_is_guest(p);
    uint64_t unsent = 0;
    int64_t lag_ms = 0;
    int err = guest ? 0 : node_peer_lag(txn, p, &unsent, &lag_ms);

    if (err != 0) {
        return err;
    }
    const struct {
        const char *key;
        uint64_t value;
    } numbers[] = {
        {"since", (uint64_t)p->state_since_ms},
        {"seen", (uint64_t)p->last_seen_ms},
        {"acked", p->acked},
        {"have", p->have},
        {"bytesIn", p->bytes_in},
        {"bytesOut", p->bytes_out},
        {"documentsIn", p->documents_in},
        {"documentsOut", p->documents_out},
    };

    node_json_open(j, '{');
    node_json_key(j, "key");
    node_json_hex(j, p->key.b, sizeof(p->key.b));
    node_json_key(j, "name");
    node_json_cstr(j, p->name);
    node_json_key(j, "address");
    node_json_cstr(j, p->address);
    node_json_key(j, "state");
    node_json_cstr(j, cove_peer_state_name(node_peer_state(txn, p)));
    for (size_t i = 0; i < COVE_ARRAY_LEN(numbers); i++) {
        node_json_key(j, numbers[i].key);
        node_json_int(j, (int64_t)numbers[i].value);
    }
    if (guest) {
        node_json_key(j, "open");
        node_json_bool(j, true);
    } else {
        node_json_key(j, "unsent");
        node_json_int(j, (int64_t)unsent);
        node_json_key(j, "lagMs");
        node_json_int(j, lag_ms);
    }
    clocks_json(clocks, &p->key, j);
    node_json_key(j, "error");
    node_json_cstr(j, p->error);
    err = node_interest_json(txn, COVE_INTEREST_WANTED, &p->key, "wants", j);
    if (err == 0) {
        err =
            node_interest_json(txn, COVE_INTEREST_THEIRS, &p->key, "wanted", j);
    }
    node_json_close(j, '}');
    return err;
}

int node_peers_json(struct cove_txn *txn, struct node_json *j)
{
    struct cove_peer_record peer;
    const struct cove_key *after = NULL;
    struct cove_key last;
    struct peer_clocks clocks = {.count = 0};
    int err;

    (void)node_sync_ask(txn->store, clocks_look, &clocks);
    node_json_key(j, "peers");
    node_json_open(j, '[');
    for (;;) {
        err = cove_peer_next(txn->worker->repo, txn->txn, after, &peer);
        if (err != 0) {
            break;
        }
        err = peer_json(txn, &peer, &clocks, j);
        if (err != 0) {
            return err;
        }
        last = peer.key;
        after = &last;
    }
    node_json_close(j, ']');
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int verb_peer_list(struct admin *a)
{
    struct cove_txn *txn;
    int err = node_begin(a->store, COVE_READ, &txn);

    if (err != 0) {
        return err;
    }
    return admin_end(a, txn, node_peers_json(txn, &a->reply));
}

const struct admin_verb admin_peer_verbs[] = {
    {"peer.add", "key address name", verb_peer_add},
    {"peer.remove", "key", verb_peer_remove},
    {"peer.list", "", verb_peer_list},
    {NULL, NULL, NULL},
};
