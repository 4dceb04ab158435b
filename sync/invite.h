/* invite.h: who may become a peer by a secret, and the token that carries it.
 *
 * The inviting store keeps a record of each invite, with the hash of its secret
 * and the devices that came by it; the invited one keeps the secret until the
 * other has let it in. docs/PROTOCOL.md "Invites", "Peer record".
 */
#ifndef COVE_SYNC_INVITE_H
#define COVE_SYNC_INVITE_H

#include "sync/engine.h"

#define COVE_INVITES       64 /* that live at once */
#define COVE_INVITE_USES   64 /* of one */
#define COVE_INVITE_SECRET COVE_CHANNEL_INVITE

struct cove_invite {
    uint32_t number;       /* local, from 1, never given twice */
    char name[64];         /* for the record of who comes by it, "" */
    struct cove_hash hash; /* of the secret */
    int64_t made_ms;       /* wall clock */
    int64_t expires_ms;    /* it lives before that */
    uint32_t uses, used;   /* devices that may, that did */
    struct cove_key by[COVE_INVITE_USES]; /* those, `used` of them */
};

struct cove_hash cove_invite_hash(const uint8_t secret[COVE_INVITE_SECRET]);
/* Has it uses left and not expired? */
bool cove_invite_lives(const struct cove_invite *invite, int64_t now_ms);
bool cove_invite_was_used_by(const struct cove_invite *invite,
                             const struct cove_key *device);

/* The first with a number > after. COVE_ENOTFOUND at the end. */
COVE_MUST_CHECK int cove_invite_next(struct cove_repo *repo,
                                     struct cove_store_txn *txn, uint32_t after,
                                     struct cove_invite *out);
/* Add one, and give it its number; those that no longer live go. Errors:
 * COVE_ELIMIT where COVE_INVITES live. */
COVE_MUST_CHECK int cove_invite_add(struct cove_repo *repo,
                                    struct cove_store_txn *txn,
                                    struct cove_invite *invite);
/* Errors: COVE_ENOTFOUND. */
COVE_MUST_CHECK int cove_invite_revoke(struct cove_repo *repo,
                                       struct cove_store_txn *txn,
                                       uint32_t number);
/* The living one with this secret: all are compared, each whole. Errors:
 * COVE_ENOTFOUND. */
COVE_MUST_CHECK int cove_invite_find(struct cove_repo *repo,
                                     struct cove_store_txn *txn, int64_t now_ms,
                                     const uint8_t secret[COVE_INVITE_SECRET],
                                     struct cove_invite *out);
/* The device comes by it: it is a peer, and a use less is left. */
COVE_MUST_CHECK int cove_invite_use(struct cove_repo *repo,
                                    struct cove_store_txn *txn,
                                    struct cove_invite *invite,
                                    const struct cove_key *device);

/* The secret with which this device calls the peer; absent: COVE_ENOTFOUND, to
 * drop too. */
COVE_MUST_CHECK int cove_join_get(struct cove_repo *repo,
                                  struct cove_store_txn *txn,
                                  const struct cove_key *peer,
                                  uint8_t out[COVE_INVITE_SECRET]);
COVE_MUST_CHECK int cove_join_put(struct cove_repo *repo,
                                  struct cove_store_txn *txn,
                                  const struct cove_key *peer,
                                  const uint8_t secret[COVE_INVITE_SECRET]);
COVE_MUST_CHECK int cove_join_drop(struct cove_repo *repo,
                                   struct cove_store_txn *txn,
                                   const struct cove_key *peer);

/* The peer is forgotten: it comes back by no invite that it knows, and is
 * called with no secret. */
COVE_MUST_CHECK int cove_invite_forget(struct cove_repo *repo,
                                       struct cove_store_txn *txn,
                                       const struct cove_key *peer);

/* --- invite_token.c */
#define COVE_TOKEN_TEXT 300 /* bytes of the longest token, with the NUL */
struct cove_token {
    bool network_key; /* the network has one */
    struct cove_key device;
    uint8_t secret[COVE_INVITE_SECRET];
    int64_t expires_ms;
    char address[128];
};
void cove_token_text(const struct cove_token *token, char out[COVE_TOKEN_TEXT]);
/* Read a whole token, with white space around it or not. Errors: COVE_EFORMAT
 * no token, or not as it was made · COVE_EUNSUPPORTED of another version. */
COVE_MUST_CHECK int cove_token_parse(const char *text, struct cove_token *out,
                                     struct cove_diag *diag);

#endif
