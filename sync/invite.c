/* invite.c: see invite.h. A record of an invite is one CBOR list, under
 * "invite:" and its number as 4 bytes. */
#include "sync/invite.h"

#include "core/cbor.h"

#define INVITE_VERSION 0
#define INVITE_ITEMS   7
#define INVITE_DEPTH   1
#define INVITE_KEY     11
#define INVITE_NUMBER  4
#define JOIN_KEY       37

static const char INVITE_PREFIX[] = "invite:";
static const char INVITE_NEXT[] = "sync.next-invite";
static const char JOIN_PREFIX[] = "join:";

struct cove_hash cove_invite_hash(const uint8_t secret[COVE_INVITE_SECRET])
{
    return cove_hash("cove/invite", cove_bytes(secret, COVE_INVITE_SECRET));
}

bool cove_invite_lives(const struct cove_invite *invite, int64_t now_ms)
{
    return invite->used < invite->uses && now_ms < invite->expires_ms;
}

bool cove_invite_was_used_by(const struct cove_invite *invite,
                             const struct cove_key *device)
{
    for (uint32_t i = 0; i < invite->used; i++) {
        if (memcmp(&invite->by[i], device, sizeof(*device)) == 0) {
            return true;
        }
    }
    return false;
}

/* --- one record */

static void number_write(uint32_t number, uint8_t out[INVITE_NUMBER])
{
    for (unsigned i = 0; i < INVITE_NUMBER; i++) {
        out[i] = (uint8_t)(number >> (24 - 8 * i));
    }
}

static uint32_t number_read(const uint8_t in[INVITE_NUMBER])
{
    return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 |
           (uint32_t)in[2] << 8 | in[3];
}

static struct cove_bytes invite_key(uint32_t number, uint8_t out[INVITE_KEY])
{
    memcpy(out, INVITE_PREFIX, sizeof(INVITE_PREFIX) - 1);
    number_write(number, out + sizeof(INVITE_PREFIX) - 1);
    return cove_bytes(out, INVITE_KEY);
}

static int invite_put(struct cove_repo *repo, struct cove_store_txn *txn,
                      const struct cove_invite *invite)
{
    uint8_t key[INVITE_KEY];
    struct cove_writer w;
    struct cove_buf buf;
    int err;

    cove_buf_init(&buf, cove_repo_alloc(repo));
    cove_writer_init(&w, &buf);
    cove_writer_list(&w, INVITE_ITEMS);
    cove_writer_uint(&w, INVITE_VERSION);
    cove_writer_cstr(&w, invite->name);
    cove_writer_bytes(&w, invite->hash.b, sizeof(invite->hash.b));
    cove_writer_int(&w, invite->made_ms);
    cove_writer_int(&w, invite->expires_ms);
    cove_writer_uint(&w, invite->uses);
    cove_writer_bytes(&w, invite->by, invite->used * sizeof(invite->by[0]));
    err = w.err;
    if (err == 0) {
        err = cove_repo_record_put(repo, txn, COVE_RECORDS_META,
                                   invite_key(invite->number, key),
                                   cove_buf_bytes(&buf));
    }
    cove_buf_clear(&buf);
    return err;
}

static bool invite_read(struct cove_reader *r, struct cove_invite *out)
{
    struct cove_bytes name, by;
    uint64_t uses;

    if (cove_reader_list(r) != INVITE_ITEMS ||
        cove_reader_uint(r) != INVITE_VERSION) {
        return false;
    }
    name = cove_reader_text(r);
    cove_reader_fixed(r, out->hash.b, sizeof(out->hash.b));
    out->made_ms = cove_reader_int(r);
    out->expires_ms = cove_reader_int(r);
    uses = cove_reader_uint(r);
    by = cove_reader_bytes(r);
    if (cove_reader_done(r) != 0 || name.len >= sizeof(out->name) ||
        uses > COVE_INVITE_USES || by.len % sizeof(out->by[0]) != 0 ||
        by.len / sizeof(out->by[0]) > uses) {
        return false;
    }
    memset(out->name, 0, sizeof(out->name));
    memset(out->by, 0, sizeof(out->by));
    if (name.len > 0) {
        memcpy(out->name, name.at, name.len);
    }
    if (by.len > 0) {
        memcpy(out->by, by.at, by.len);
    }
    out->uses = (uint32_t)uses;
    out->used = (uint32_t)(by.len / sizeof(out->by[0]));
    return true;
}

static int invite_decode(const struct cove_entry *entry,
                         struct cove_invite *out)
{
    struct cove_reader r;

    if (cove_cbor_check_all(entry->value, INVITE_DEPTH, NULL) != 0) {
        return COVE_ECORRUPT;
    }
    cove_reader_init(&r, entry->value);
    out->number = number_read(entry->key.at + sizeof(INVITE_PREFIX) - 1);
    return invite_read(&r, out) ? 0 : COVE_ECORRUPT;
}

int cove_invite_next(struct cove_repo *repo, struct cove_store_txn *txn,
                     uint32_t after, struct cove_invite *out)
{
    uint8_t key[INVITE_KEY];
    struct cove_entry entry;
    int err = cove_repo_record_next(repo, txn, COVE_RECORDS_META,
                                    invite_key(after, key), &entry);

    if (err == 0 &&
        (entry.key.len != INVITE_KEY ||
         memcmp(entry.key.at, INVITE_PREFIX, sizeof(INVITE_PREFIX) - 1) != 0)) {
        err = COVE_ENOTFOUND;
    }
    return err == 0 ? invite_decode(&entry, out) : err;
}

/* --- all of them */

/* Those that no longer live go; how many are left. */
static int invites_sweep(struct cove_repo *repo, struct cove_store_txn *txn,
                         int64_t now_ms, unsigned *count)
{
    struct cove_invite invite = {.number = 0};
    int err;

    *count = 0;
    while ((err = cove_invite_next(repo, txn, invite.number, &invite)) == 0) {
        if (cove_invite_lives(&invite, now_ms)) {
            ++*count;
            continue;
        }
        err = cove_invite_revoke(repo, txn, invite.number);
        if (err != 0) {
            return err;
        }
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* The number for a new one, from the counter. */
static int invite_number(struct cove_repo *repo, struct cove_store_txn *txn,
                         uint32_t *out)
{
    struct cove_bytes key = cove_bytes_text(INVITE_NEXT);
    struct cove_bytes value;
    uint8_t next[INVITE_NUMBER] = {0, 0, 0, 1};
    int err = cove_repo_record_get(repo, txn, COVE_RECORDS_META, key, &value);

    if (err == 0 && value.len != sizeof(next)) {
        return COVE_ECORRUPT;
    }
    if (err == 0) {
        memcpy(next, value.at, sizeof(next));
    } else if (err != COVE_ENOTFOUND) {
        return err;
    }
    *out = number_read(next);
    if (*out == UINT32_MAX) {
        return COVE_ELIMIT;
    }
    number_write(*out + 1, next);
    return cove_repo_record_put(repo, txn, COVE_RECORDS_META, key,
                                cove_bytes(next, sizeof(next)));
}

int cove_invite_add(struct cove_repo *repo, struct cove_store_txn *txn,
                    struct cove_invite *invite)
{
    unsigned count;
    int err = invites_sweep(repo, txn, invite->made_ms, &count);

    if (err == 0 && count >= COVE_INVITES) {
        err = COVE_ELIMIT;
    }
    if (err == 0) {
        err = invite_number(repo, txn, &invite->number);
    }
    return err == 0 ? invite_put(repo, txn, invite) : err;
}

int cove_invite_revoke(struct cove_repo *repo, struct cove_store_txn *txn,
                       uint32_t number)
{
    uint8_t key[INVITE_KEY];

    return cove_repo_record_del(repo, txn, COVE_RECORDS_META,
                                invite_key(number, key));
}

int cove_invite_find(struct cove_repo *repo, struct cove_store_txn *txn,
                     int64_t now_ms, const uint8_t secret[COVE_INVITE_SECRET],
                     struct cove_invite *out)
{
    struct cove_hash hash = cove_invite_hash(secret);
    struct cove_invite invite = {.number = 0};
    bool found = false;
    int err;

    /* To the end, whichever it is. */
    while ((err = cove_invite_next(repo, txn, invite.number, &invite)) == 0) {
        if (cove_crypto_equal(&invite.hash, &hash, sizeof(hash)) &&
            cove_invite_lives(&invite, now_ms)) {
            *out = invite;
            found = true;
        }
    }
    return err == COVE_ENOTFOUND && found ? 0 : err;
}

int cove_invite_use(struct cove_repo *repo, struct cove_store_txn *txn,
                    struct cove_invite *invite, const struct cove_key *device)
{
    struct cove_peer_record peer;
    int err;

    memset(&peer, 0, sizeof(peer));
    peer.key = *device;
    peer.state = COVE_PEER_OFFLINE;
    memcpy(peer.name, invite->name, sizeof(peer.name));
    invite->by[invite->used++] = *device;
    err = invite_put(repo, txn, invite);
    return err == 0 ? cove_peer_put(repo, txn, &peer) : err;
}

/* --- the other end */

static struct cove_bytes join_key(const struct cove_key *peer,
                                  uint8_t out[JOIN_KEY])
{
    memcpy(out, JOIN_PREFIX, sizeof(JOIN_PREFIX) - 1);
    memcpy(out + sizeof(JOIN_PREFIX) - 1, peer->b, sizeof(peer->b));
    return cove_bytes(out, JOIN_KEY);
}

int cove_join_get(struct cove_repo *repo, struct cove_store_txn *txn,
                  const struct cove_key *peer, uint8_t out[COVE_INVITE_SECRET])
{
    uint8_t key[JOIN_KEY];
    struct cove_bytes value;
    int err = cove_repo_record_get(repo, txn, COVE_RECORDS_META,
                                   join_key(peer, key), &value);

    if (err == 0 && value.len != COVE_INVITE_SECRET) {
        return COVE_ECORRUPT;
    }
    if (err == 0) {
        memcpy(out, value.at, COVE_INVITE_SECRET);
    }
    return err;
}

int cove_join_put(struct cove_repo *repo, struct cove_store_txn *txn,
                  const struct cove_key *peer,
                  const uint8_t secret[COVE_INVITE_SECRET])
{
    uint8_t key[JOIN_KEY];

    return cove_repo_record_put(repo, txn, COVE_RECORDS_META,
                                join_key(peer, key),
                                cove_bytes(secret, COVE_INVITE_SECRET));
}

int cove_join_drop(struct cove_repo *repo, struct cove_store_txn *txn,
                   const struct cove_key *peer)
{
    uint8_t key[JOIN_KEY];

    return cove_repo_record_del(repo, txn, COVE_RECORDS_META,
                                join_key(peer, key));
}

int cove_invite_forget(struct cove_repo *repo, struct cove_store_txn *txn,
                       const struct cove_key *peer)
{
    struct cove_invite invite = {.number = 0};
    int err = cove_join_drop(repo, txn, peer);

    while (err == 0 || err == COVE_ENOTFOUND) {
        err = cove_invite_next(repo, txn, invite.number, &invite);
        if (err != 0) {
            break;
        }
        if (invite.used < invite.uses &&
            cove_invite_was_used_by(&invite, peer)) {
            err = cove_invite_revoke(repo, txn, invite.number);
        }
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}
