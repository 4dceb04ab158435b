/* admin_network.c: peer.network: the key of the network that this store syncs
 * in. Devices of another network, or of none, get silence (docs/PROTOCOL.md
 * "Preamble"). It is a secret, kept in the store, that no other verb shows. */
#include "crdt/repo_records.h"
#include "node/admin.h"
#include "node/network.h"
#include "sync/preamble.h"

static const char NETWORK[] = "network-key";

static struct cove_bytes network_name(void)
{
    return cove_bytes(NETWORK, sizeof(NETWORK) - 1);
}

int node_network_load(struct cove_txn *txn, uint8_t key[NODE_NETWORK_KEY],
                      bool *has)
{
    struct cove_bytes value;
    int err = cove_repo_record_get(txn->worker->repo, txn->txn,
                                   COVE_RECORDS_META, network_name(), &value);

    *has = false;
    if (err == COVE_ENOTFOUND) {
        return 0;
    }
    if (err == 0 && value.len != NODE_NETWORK_KEY) {
        return cove_fail(&txn->diag, COVE_ECORRUPT,
                         "the network key in the store has %zu bytes, not %d; "
                         "`cove peer network --key` sets it again",
                         value.len, NODE_NETWORK_KEY);
    }
    if (err == 0) {
        memcpy(key, value.at, NODE_NETWORK_KEY);
        *has = true;
    }
    return err;
}

int node_network_has(struct cove_txn *txn, bool *has)
{
    uint8_t key[NODE_NETWORK_KEY];
    int err = node_network_load(txn, key, has);

    cove_crypto_wipe(key, sizeof(key));
    return err;
}

/* --- the verb */

struct network {
    bool make, none;
    const char *hex; /* or NULL */
};

static int network_read(struct admin *a, struct network *n)
{
    int err = admin_flag(a, "new", &n->make);

    err = err != 0 ? err : admin_flag(a, "none", &n->none);
    err = err != 0 ? err : admin_text(a, "key", &n->hex);
    if (err == 0 && n->make + n->none + (n->hex != NULL) > 1) {
        return cove_fail(&a->diag, COVE_EUSAGE,
                         "say one of \"key\", \"new\" and \"none\"");
    }
    return err;
}

static int network_change(struct admin *a, struct cove_txn *txn,
                          const struct network *n)
{
    struct cove_repo *repo = txn->worker->repo;
    uint8_t key[NODE_NETWORK_KEY];
    int err = 0;

    if (n->none) {
        err = cove_repo_record_del(repo, txn->txn, COVE_RECORDS_META,
                                   network_name());
        err = err == COVE_ENOTFOUND ? 0 : err;
    } else if (n->make) {
        a->store->env->random(a->store->env->ctx, key, sizeof(key));
    } else if (cove_hex_parse(n->hex, key, sizeof(key)) != 0) {
        return cove_fail(&txn->diag, COVE_EUSAGE,
                         "a network key has 64 hex digits, as `cove peer "
                         "network --new` prints it");
    }
    if (!n->none) {
        err =
            cove_repo_record_put(repo, txn->txn, COVE_RECORDS_META,
                                 network_name(), cove_bytes(key, sizeof(key)));
    }
    if (err == 0 && n->make) { /* for the other devices; not shown again */
        node_json_key(&a->reply, "key");
        node_json_hex(&a->reply, key, sizeof(key));
    }
    cove_crypto_wipe(key, sizeof(key));
    txn->wrote = true;
    return err;
}

static int network_show(struct admin *a, struct cove_txn *txn)
{
    struct cove_preamble preamble;
    uint8_t key[NODE_NETWORK_KEY];
    bool has;
    int err = node_network_load(txn, key, &has);

    if (err != 0) {
        return err;
    }
    node_json_key(&a->reply, "network");
    if (has) {
        cove_preamble_init(&preamble, COVE_CHANNEL_INITIATOR, key);
        node_json_hex(&a->reply, preamble.network, sizeof(preamble.network));
    } else {
        node_json_raw(&a->reply, cove_bytes_text("null"));
    }
    cove_crypto_wipe(key, sizeof(key));
    return 0;
}

static int verb_network(struct admin *a)
{
    struct network n = {.hex = NULL};
    struct cove_txn *txn;
    int err = network_read(a, &n);
    bool change = n.make || n.none || n.hex != NULL;

    if (err == 0) {
        err = node_begin(a->store, change ? COVE_WRITE : COVE_READ, &txn);
    }
    if (err != 0) {
        return err;
    }
    err = change ? network_change(a, txn, &n) : 0;
    err = err != 0 ? err : network_show(a, txn);
    return admin_end(a, txn, err);
}

const struct admin_verb admin_network_verbs[] = {
    {"peer.network", "key new none", verb_network},
    {NULL, NULL, NULL},
};
