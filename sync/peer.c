/* peer.c: peers as records. docs/PROTOCOL.md "Peer record".
 *
 * A record is one CBOR list, kept under the device key. Numbers are given from
 * a counter of their own and never again, since changes remember them; those of
 * guests from another, so that no stranger uses up the first.
 */
#include "sync/peer.h"

#include "core/cbor.h"
#include "sync/interest.h"
#include "sync/invite.h"

#define PEER_VERSION 0
#define PEER_ITEMS   16
#define PEER_DEPTH   2

static const char PEER_NEXT[] = "sync.next-peer";
static const char GUEST_NEXT[] = "sync.next-guest";

/* --- one record */

static void peer_write(struct cove_writer *w,
                       const struct cove_peer_record *peer)
{
    cove_writer_list(w, PEER_ITEMS);
    cove_writer_uint(w, PEER_VERSION);
    cove_writer_uint(w, peer->number);
    cove_writer_cstr(w, peer->name);
    cove_writer_cstr(w, peer->address);
    cove_writer_bytes(w, peer->store_id, sizeof(peer->store_id));
    cove_writer_uint(w, peer->have);
    cove_writer_uint(w, peer->acked);
    cove_writer_bytes(w, peer->acked_store, sizeof(peer->acked_store));
    cove_writer_uint(w, peer->bytes_in);
    cove_writer_uint(w, peer->bytes_out);
    cove_writer_uint(w, peer->documents_in);
    cove_writer_uint(w, peer->documents_out);
    cove_writer_int(w, peer->last_seen_ms);
    cove_writer_uint(w, (uint64_t)peer->state);
    cove_writer_int(w, peer->state_since_ms);
    cove_writer_cstr(w, peer->error);
}

/* Read a text into an array of `size`; false where it does not fit. */
static bool peer_text(struct cove_reader *r, char *out, size_t size)
{
    struct cove_bytes text = cove_reader_text(r);

    if (text.len >= size) {
        return false;
    }
    if (text.len > 0) {
        memcpy(out, text.at, text.len);
    }
    out[text.len] = '\0';
    return true;
}

static bool peer_read(struct cove_reader *r, struct cove_peer_record *peer)
{
    if (cove_reader_list(r) != PEER_ITEMS ||
        cove_reader_uint(r) != PEER_VERSION) {
        return false;
    }

    uint64_t number = cove_reader_uint(r);

    if (!peer_text(r, peer->name, sizeof(peer->name)) ||
        !peer_text(r, peer->address, sizeof(peer->address))) {
        return false;
    }
    cove_reader_fixed(r, peer->store_id, sizeof(peer->store_id));
    peer->have = cove_reader_uint(r);
    peer->acked = cove_reader_uint(r);
    cove_reader_fixed(r, peer->acked_store, sizeof(peer->acked_store));
    peer->bytes_in = cove_reader_uint(r);
    peer->bytes_out = cove_reader_uint(r);
    peer->documents_in = cove_reader_uint(r);
    peer->documents_out = cove_reader_uint(r);
    peer->last_seen_ms = cove_reader_int(r);

    uint64_t state = cove_reader_uint(r);

    peer->state_since_ms = cove_reader_int(r);
    peer->number = (uint32_t)number;
    peer->state = (enum cove_peer_state)state;
    return peer_text(r, peer->error, sizeof(peer->error)) && number > 0 &&
           number <= UINT32_MAX && state <= COVE_PEER_FAILED;
}

static int peer_decode(struct cove_bytes key, struct cove_bytes value,
                       struct cove_peer_record *out)
{
    struct cove_peer_record peer;
    struct cove_reader r;

    memset(&peer, 0, sizeof(peer));
    if (key.len != sizeof(peer.key.b) ||
        cove_cbor_check_all(value, PEER_DEPTH, NULL) != 0) {
        return COVE_ECORRUPT;
    }
    cove_reader_init(&r, value);
    if (!peer_read(&r, &peer) || cove_reader_done(&r) != 0) {
        return COVE_ECORRUPT;
    }
    memcpy(peer.key.b, key.at, key.len);
    *out = peer;
    return 0;
}

static struct cove_bytes peer_key(const struct cove_key *key)
{
    return cove_bytes(key->b, sizeof(key->b));
}

int cove_peer_get(struct cove_repo *repo, struct cove_store_txn *txn,
                  const struct cove_key *key, struct cove_peer_record *out)
{
    struct cove_bytes value;
    int err = cove_repo_record_get(repo, txn, COVE_RECORDS_PEERS, peer_key(key),
                                   &value);

    return err == 0 ? peer_decode(peer_key(key), value, out) : err;
}

int cove_peer_next(struct cove_repo *repo, struct cove_store_txn *txn,
                   const struct cove_key *after, struct cove_peer_record *out)
{
    struct cove_bytes from =
        after == NULL ? cove_bytes("", 0) : peer_key(after);
    struct cove_entry entry;
    int err =
        cove_repo_record_next(repo, txn, COVE_RECORDS_PEERS, from, &entry);

    return err == 0 ? peer_decode(entry.key, entry.value, out) : err;
}

/* The next of the numbers first … last, from a counter. */
static int peer_count(struct cove_repo *repo, struct cove_store_txn *txn,
                      const char *counter, uint32_t first, uint32_t last,
                      uint32_t *out)
{
    struct cove_bytes key = cove_bytes_text(counter);
    struct cove_bytes value;
    uint32_t number = first;
    uint8_t next[4];
    int err = cove_repo_record_get(repo, txn, COVE_RECORDS_META, key, &value);

    if (err == 0 && value.len != sizeof(next)) {
        return COVE_ECORRUPT;
    }
    if (err == 0) {
        number = cove_get_be32(value.at);
    } else if (err != COVE_ENOTFOUND) {
        return err;
    }
    if (number >= last) {
        return COVE_ELIMIT;
    }
    cove_put_be32(next, number + 1);
    err = cove_repo_record_put(repo, txn, COVE_RECORDS_META, key,
                               cove_bytes(next, sizeof(next)));
    if (err == 0) {
        *out = number;
    }
    return err;
}

int cove_guest_number(struct cove_repo *repo, struct cove_store_txn *txn,
                      uint32_t *out)
{
    return peer_count(repo, txn, GUEST_NEXT, COVE_GUESTS_FROM, UINT32_MAX, out);
}

bool cove_peer_is_guest(const struct cove_peer_record *peer)
{
    return peer->number >= COVE_GUESTS_FROM;
}

int cove_peer_put(struct cove_repo *repo, struct cove_store_txn *txn,
                  struct cove_peer_record *peer)
{
    struct cove_peer_record old;
    uint32_t number = peer->number;
    struct cove_writer w;
    struct cove_buf buf;
    int err = 0;

    if (number == 0) {
        err = cove_peer_get(repo, txn, &peer->key, &old);
        if (err == 0 && !cove_peer_is_guest(&old)) {
            number = old.number;
        } else if (err == 0 || err == COVE_ENOTFOUND) {
            err = peer_count(repo, txn, PEER_NEXT, 1, COVE_GUESTS_FROM - 1,
                             &number);
        }
        if (err != 0) {
            return err;
        }
    }

    uint32_t before = peer->number;

    peer->number = number;
    cove_buf_init(&buf, cove_repo_alloc(repo));
    cove_writer_init(&w, &buf);
    peer_write(&w, peer);
    err = w.err;
    if (err == 0) {
        err = cove_repo_record_put(repo, txn, COVE_RECORDS_PEERS,
                                   peer_key(&peer->key), cove_buf_bytes(&buf));
    }
    cove_buf_clear(&buf);
    if (err != 0) {
        peer->number = before;
    }
    return err;
}

const char *cove_peer_state_name(enum cove_peer_state state)
{
    static const char *const names[] = {
        [COVE_PEER_STOPPED] = "stopped",
        [COVE_PEER_OFFLINE] = "offline",
        [COVE_PEER_CONNECTING] = "connecting",
        [COVE_PEER_IDLE] = "idle",
        [COVE_PEER_BUSY] = "busy",
        [COVE_PEER_CRASHING] = "crashing",
        [COVE_PEER_FAILED] = "failed",
    };

    return (unsigned)state < COVE_ARRAY_LEN(names) ? names[state] : "unknown";
}

/* --- what was refused */

bool cove_refused_has(const struct cove_refused *refused,
                      const struct cove_id *id)
{
    for (size_t i = 0; i < refused->count; i++) {
        if (memcmp(&refused->ids[i], id, sizeof(*id)) == 0) {
            return true;
        }
    }
    return false;
}

bool cove_refused_add(struct cove_refused *refused, const struct cove_id *id)
{
    if (cove_refused_has(refused, id)) {
        return true;
    }
    if (refused->count == COVE_ARRAY_LEN(refused->ids)) {
        return false;
    }
    refused->ids[refused->count++] = *id;
    return true;
}

bool cove_refused_drop(struct cove_refused *refused, const struct cove_id *id)
{
    for (size_t i = 0; i < refused->count; i++) {
        if (memcmp(&refused->ids[i], id, sizeof(*id)) == 0) {
            refused->ids[i] = refused->ids[--refused->count];
            return true;
        }
    }
    return false;
}

#define REFUSED_KEY 48

static struct cove_bytes refused_key(enum cove_refused_side side,
                                     const struct cove_key *peer,
                                     uint8_t out[REFUSED_KEY])
{
    static const char *const names[] = {
        [COVE_REFUSED_HERE] = "refused.here:",
        [COVE_REFUSED_THERE] = "refused.peer:",
    };
    size_t len = strlen(names[side]);

    memcpy(out, names[side], len);
    memcpy(out + len, peer->b, sizeof(peer->b));
    return cove_bytes(out, len + sizeof(peer->b));
}

int cove_refused_get(struct cove_repo *repo, struct cove_store_txn *txn,
                     enum cove_refused_side side, const struct cove_key *peer,
                     struct cove_refused *out)
{
    uint8_t key[REFUSED_KEY];
    struct cove_bytes value;
    int err = cove_repo_record_get(repo, txn, COVE_RECORDS_META,
                                   refused_key(side, peer, key), &value);

    if (err == COVE_ENOTFOUND) {
        out->count = 0;
        return 0;
    }
    if (err != 0) {
        return err;
    }
    if (value.len > sizeof(out->ids) || value.len % sizeof(out->ids[0]) != 0) {
        return COVE_ECORRUPT;
    }
    memcpy(out->ids, value.at, value.len);
    out->count = value.len / sizeof(out->ids[0]);
    return 0;
}

static int refused_del(struct cove_repo *repo, struct cove_store_txn *txn,
                       enum cove_refused_side side, const struct cove_key *peer)
{
    uint8_t key[REFUSED_KEY];
    int err = cove_repo_record_del(repo, txn, COVE_RECORDS_META,
                                   refused_key(side, peer, key));

    return err == COVE_ENOTFOUND ? 0 : err;
}

int cove_refused_put(struct cove_repo *repo, struct cove_store_txn *txn,
                     enum cove_refused_side side, const struct cove_key *peer,
                     const struct cove_refused *refused)
{
    uint8_t key[REFUSED_KEY];

    if (refused->count == 0) {
        return refused_del(repo, txn, side, peer);
    }
    return cove_repo_record_put(
        repo, txn, COVE_RECORDS_META, refused_key(side, peer, key),
        cove_bytes(refused->ids, refused->count * sizeof(refused->ids[0])));
}

int cove_peer_remove(struct cove_repo *repo, struct cove_store_txn *txn,
                     const struct cove_key *key)
{
    int err =
        cove_repo_record_del(repo, txn, COVE_RECORDS_PEERS, peer_key(key));

    if (err == 0) {
        err = refused_del(repo, txn, COVE_REFUSED_HERE, key);
    }
    if (err == 0) {
        err = refused_del(repo, txn, COVE_REFUSED_THERE, key);
    }
    if (err == 0) {
        err = cove_invite_forget(repo, txn, key);
    }
    return err == 0 ? cove_interest_forget(repo, txn, key) : err;
}
