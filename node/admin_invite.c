/* admin_invite.c: peer.invite, peer.invites, peer.invite.revoke, peer.join. */
#include "node/admin.h"
#include "node/network.h"
#include "node/sync.h"
#include "sync/edge_uv.h"
#include "sync/invite.h"

#define INVITE_SECONDS      (INT64_C(7) * 86400)
#define INVITE_SECONDS_MOST (INT64_C(365) * 86400)

static int64_t invite_now(const struct cove *store)
{
    return store->env->now_ms(store->env->ctx);
}

/* --- making one */

struct asked { /* what the request says */
    char address[128], name[64];
    int64_t seconds, uses;
};

static void invite_listening(void *ctx, struct cove_edge *edge)
{
    struct asked *asked = ctx;
    struct cove_edge_state state;

    cove_edge_look(edge, &state, NULL, NULL);
    if (state.listening > 0) {
        memcpy(asked->address, state.addresses[0], sizeof(state.addresses[0]));
    }
}

/* Does it say where this device is, and not "any address of it"? */
static bool address_is_any(const char *address)
{
    return address[0] == ':' || strncmp(address, "0.0.0.0:", 8) == 0 ||
           strncmp(address, "[::]:", 5) == 0;
}

static int invite_address(struct admin *a, struct asked *asked)
{
    int err =
        admin_peer_text(a, "address", asked->address, sizeof(asked->address));

    if (err == 0 && asked->address[0] == '\0') {
        (void)node_sync_ask(a->store, invite_listening, asked);
    }
    if (err == 0 && asked->address[0] == '\0') {
        return cove_fail(
            &a->diag, COVE_EUSAGE,
            "an invite says where to call: \"address\" is missing, "
            "host:port of a daemon on this store, and none "
            "listens");
    }
    if (err == 0 && address_is_any(asked->address)) {
        return cove_fail(&a->diag, COVE_EUSAGE,
                         "\"%s\" is every address of this device: give the one "
                         "by which the other reaches it as \"address\", "
                         "host:port",
                         asked->address);
    }
    for (const char *at = asked->address; err == 0 && *at != '\0'; at++) {
        if (*at <= ' ' || *at > '~') {
            err = cove_fail(&a->diag, COVE_EUSAGE,
                            "\"%s\" is no address for an invite: it has other "
                            "characters than a host's name",
                            asked->address);
        }
    }
    return err != 0 ? err : admin_peer_address(a, asked->address);
}

static int invite_read(struct admin *a, struct asked *asked)
{
    int err = invite_address(a, asked);

    err = err != 0
              ? err
              : admin_peer_text(a, "name", asked->name, sizeof(asked->name));
    err = err != 0 ? err : admin_int(a, "expires", &asked->seconds);
    err = err != 0 ? err : admin_int(a, "uses", &asked->uses);
    if (err == 0 &&
        (asked->seconds < 1 || asked->seconds > INVITE_SECONDS_MOST)) {
        return cove_fail(&a->diag, COVE_EUSAGE,
                         "\"expires\" is in how many seconds: 1 to %lld",
                         (long long)INVITE_SECONDS_MOST);
    }
    if (err == 0 && (asked->uses < 1 || asked->uses > COVE_INVITE_USES)) {
        return cove_fail(&a->diag, COVE_EUSAGE,
                         "\"uses\" is by how many devices: 1 to %d",
                         COVE_INVITE_USES);
    }
    return err;
}

static void invite_said(struct admin *a, const struct cove_invite *invite,
                        const struct cove_token *token)
{
    char text[COVE_TOKEN_TEXT];

    cove_token_text(token, text);
    node_json_key(&a->reply, "token");
    node_json_cstr(&a->reply, text);
    node_json_key(&a->reply, "number");
    node_json_int(&a->reply, invite->number);
    node_json_key(&a->reply, "address");
    node_json_cstr(&a->reply, token->address);
    node_json_key(&a->reply, "expires");
    node_json_int(&a->reply, invite->expires_ms);
    node_json_key(&a->reply, "uses");
    node_json_int(&a->reply, invite->uses);
    cove_crypto_wipe(text, sizeof(text));
}

static int verb_invite(struct admin *a)
{
    struct asked asked = {.seconds = INVITE_SECONDS, .uses = 1};
    struct cove_invite invite = {.number = 0};
    struct cove_token token = {.device = a->store->device};
    struct cove_txn *txn;
    int err = invite_read(a, &asked);

    if (err == 0) {
        err = node_begin(a->store, COVE_WRITE, &txn);
    }
    if (err != 0) {
        return err;
    }
    a->store->env->random(a->store->env->ctx, token.secret,
                          sizeof(token.secret));
    memcpy(token.address, asked.address, sizeof(token.address));
    memcpy(invite.name, asked.name, sizeof(invite.name));
    invite.hash = cove_invite_hash(token.secret);
    invite.made_ms = invite_now(a->store);
    invite.expires_ms = invite.made_ms + asked.seconds * 1000;
    invite.uses = (uint32_t)asked.uses;
    token.expires_ms = invite.expires_ms;
    /* Who joins is told where it needs the network's key. */
    err = node_network_has(txn, &token.network_key);
    err =
        err != 0 ? err : cove_invite_add(txn->worker->repo, txn->txn, &invite);
    txn->wrote = true;
    if (err == COVE_ELIMIT) {
        cove_fail(&txn->diag, err,
                  "%d invites live here, the most there may be: revoke one, "
                  "`cove peer invite --list` shows them",
                  COVE_INVITES);
    }
    if (err == 0) {
        invite_said(a, &invite, &token);
    }
    cove_crypto_wipe(&token, sizeof(token));
    return admin_end(a, txn, err);
}

/* --- those there are */

static void invite_json(struct node_json *j, const struct cove_invite *invite,
                        int64_t now_ms)
{
    node_json_open(j, '{');
    node_json_key(j, "number");
    node_json_int(j, invite->number);
    node_json_key(j, "name");
    node_json_cstr(j, invite->name);
    node_json_key(j, "made");
    node_json_int(j, invite->made_ms);
    node_json_key(j, "expires");
    node_json_int(j, invite->expires_ms);
    node_json_key(j, "uses");
    node_json_int(j, invite->uses);
    node_json_key(j, "state");
    node_json_cstr(j, cove_invite_lives(invite, now_ms) ? "open"
                      : invite->used == invite->uses    ? "used"
                                                        : "expired");
    node_json_key(j, "devices");
    node_json_open(j, '[');
    for (uint32_t i = 0; i < invite->used; i++) {
        node_json_hex(j, invite->by[i].b, sizeof(invite->by[i].b));
    }
    node_json_close(j, ']');
    node_json_close(j, '}');
}

static int verb_invites(struct admin *a)
{
    struct cove_invite invite = {.number = 0};
    struct cove_txn *txn;
    int err = node_begin(a->store, COVE_READ, &txn);

    if (err != 0) {
        return err;
    }
    node_json_key(&a->reply, "invites");
    node_json_open(&a->reply, '[');
    while ((err = cove_invite_next(txn->worker->repo, txn->txn, invite.number,
                                   &invite)) == 0) {
        invite_json(&a->reply, &invite, invite_now(a->store));
    }
    node_json_close(&a->reply, ']');
    return admin_end(a, txn, err == COVE_ENOTFOUND ? 0 : err);
}

static int verb_revoke(struct admin *a)
{
    int64_t number = 0;
    struct cove_txn *txn;
    int err = admin_int(a, "number", &number);

    if (err == 0 && (number < 1 || number > UINT32_MAX)) {
        err = cove_fail(&a->diag, COVE_EUSAGE,
                        "\"number\" is an invite's, as `cove peer invite "
                        "--list` shows it");
    }
    if (err == 0) {
        err = node_begin(a->store, COVE_WRITE, &txn);
    }
    if (err != 0) {
        return err;
    }
    err = cove_invite_revoke(txn->worker->repo, txn->txn, (uint32_t)number);
    txn->wrote = true;
    if (err == COVE_ENOTFOUND) {
        cove_fail(&txn->diag, err,
                  "there is no invite %lld; `cove peer invite --list` shows "
                  "them",
                  (long long)number);
    }
    return admin_end(a, txn, err);
}

int admin_invites_of_json(struct admin *a, struct cove_txn *txn,
                          const struct cove_key *peer)
{
    struct cove_invite invite = {.number = 0};
    int err;

    node_json_key(&a->reply, "revoked");
    node_json_open(&a->reply, '[');
    while ((err = cove_invite_next(txn->worker->repo, txn->txn, invite.number,
                                   &invite)) == 0) {
        if (cove_invite_lives(&invite, invite_now(a->store)) &&
            cove_invite_was_used_by(&invite, peer)) {
            node_json_int(&a->reply, invite.number);
        }
    }
    node_json_close(&a->reply, ']');
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* --- using one that another gave */

static int join_read(struct admin *a, struct cove_token *token)
{
    const char *text = NULL;
    int64_t now_ms = invite_now(a->store);
    int err = admin_text(a, "token", &text);

    err = err != 0 ? err : admin_need(a, "token", text);
    err = err != 0 ? err : cove_token_parse(text, token, &a->diag);
    if (err != 0) {
        return err;
    }
    if (memcmp(token->device.b, a->store->device.b, 32) == 0) {
        return cove_fail(&a->diag, COVE_EUSAGE,
                         "this device made that invite: it is for another one");
    }
    if (token->expires_ms <= now_ms) {
        return cove_fail(&a->diag, COVE_ECLOCK,
                         "the invite expired %lld minutes ago by this device's "
                         "clock: ask for another, or set the clock",
                         (long long)((now_ms - token->expires_ms) / 60000));
    }
    return admin_peer_address(a, token->address);
}

/* Are both in a network with a key, or both in one without? */
static int join_network(struct cove_txn *txn, const struct cove_token *token)
{
    bool has;
    int err = node_network_has(txn, &has);

    if (err == 0 && token->network_key && !has) {
        err = cove_fail(&txn->diag, COVE_EUNSUPPORTED,
                        "the invite is to a network with a key, and this store "
                        "has none: ask for it, and `cove peer network --key "
                        "KEY` first");
    } else if (err == 0 && has && !token->network_key) {
        err = cove_fail(&txn->diag, COVE_EUNSUPPORTED,
                        "the invite is to a network without a key, and this "
                        "store has one; `cove peer network --none` drops it");
    }
    return err;
}

/* Keep the peer, with the secret where it has not let us in yet. */
static int join_keep(struct admin *a, struct cove_txn *txn,
                     const struct cove_token *token)
{
    struct cove_repo *repo = txn->worker->repo;
    struct cove_peer_record peer;
    int err = join_network(txn, token);

    err = err != 0 ? err : cove_peer_get(repo, txn->txn, &token->device, &peer);

    if (err == COVE_ENOTFOUND) {
        memset(&peer, 0, sizeof(peer));
        peer.key = token->device;
        peer.state = COVE_PEER_OFFLINE;
        err = 0;
    }
    memcpy(peer.address, token->address, sizeof(peer.address));
    err = err != 0 ? err
                   : admin_peer_text(a, "name", peer.name, sizeof(peer.name));
    err = err != 0 ? err : cove_peer_put(repo, txn->txn, &peer);
    return err != 0
               ? err
               : cove_join_put(repo, txn->txn, &token->device, token->secret);
}

static int verb_join(struct admin *a)
{
    struct cove_token token = {.expires_ms = 0};
    struct cove_txn *txn;
    int err = join_read(a, &token);

    if (err == 0) {
        err = node_begin(a->store, COVE_WRITE, &txn);
    }
    if (err != 0) {
        return err;
    }
    err = join_keep(a, txn, &token);
    txn->wrote = true;
    err = admin_end(a, txn, err);
    if (err == 0) {
        node_json_key(&a->reply, "key");
        node_json_hex(&a->reply, token.device.b, sizeof(token.device.b));
        node_json_key(&a->reply, "address");
        node_json_cstr(&a->reply, token.address);
    }
    cove_crypto_wipe(&token, sizeof(token));
    return err;
}

const struct admin_verb admin_invite_verbs[] = {
    {"peer.invite", "address name expires uses", verb_invite},
    {"peer.invites", "", verb_invites},
    {"peer.invite.revoke", "number", verb_revoke},
    {"peer.join", "token name", verb_join},
    {NULL, NULL, NULL},
};
