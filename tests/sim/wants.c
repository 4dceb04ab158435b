/* wants.c: what peers want of each other, and that they forget each other. In
 * some worlds only, so that the seeds of others stay what they were. */
#include <string.h>

#include "sync/interest.h"
#include "tests/sim/world.h"

static bool wish_has(const struct world *world, const struct sim_wish *wish,
                     unsigned doc)
{
    return wish->all || world->docs[doc].registry ||
           (wish->groups >> world->docs[doc].group & 1) != 0 ||
           (wish->docs >> doc & 1) != 0;
}

bool wants_of(const struct world *world, unsigned peer, unsigned other,
              unsigned doc)
{
    return wish_has(world, &world->peers[peer].wish[other], doc);
}

void wants_note(struct world *world, unsigned doc)
{
    for (unsigned i = 0; i < world->peer_count; i++) {
        for (unsigned k = 0; k < world->peer_count; k++) {
            if (i != k && wish_has(world, &world->peers[i].ever[k], doc)) {
                world->docs[doc].wanted |= 1u << i;
            }
        }
    }
}

void wants_note_all(struct world *world)
{
    for (unsigned i = 0; i < world->peer_count; i++) {
        for (unsigned k = 0; k < world->peer_count; k++) {
            const struct sim_wish *wish = &world->peers[i].wish[k];
            struct sim_wish *ever = &world->peers[i].ever[k];

            ever->all = ever->all || wish->all;
            ever->groups |= wish->groups;
            ever->docs |= wish->docs;
        }
    }
    for (unsigned doc = 0; doc < world->doc_count; doc++) {
        wants_note(world, doc);
    }
}

static int wish_encode(const struct world *world, const struct sim_wish *wish,
                       struct cove_buf *out)
{
    const struct cove_alloc *alloc = &world->heap.alloc;
    struct cove_interest in;
    int err = 0;

    cove_interest_init(&in, alloc);
    if (!wish->all) {
        in.all = false;
        in.groups = cove_alloc_zero(alloc, SIM_GROUPS, sizeof(*in.groups));
        in.docs = cove_alloc_zero(alloc, SIM_DOCS, sizeof(*in.docs));
    }
    for (unsigned i = 0; i < world->group_count; i++) {
        if (wish->groups >> i & 1) {
            in.groups[in.group_count++] = world->groups[i].id;
        }
    }
    for (unsigned i = 0; i < world->doc_count; i++) {
        if (wish->docs >> i & 1) {
            in.docs[in.doc_count].id = world->docs[i].id;
            in.docs[in.doc_count++].steps = (uint8_t)(i % 3);
        }
    }
    err = cove_interest_encode(&in, out);
    cove_interest_clear(&in);
    return err;
}

static void wish_draw(struct world *world, struct sim_wish *out)
{
    struct sim_random *r = &world->random;
    unsigned kind = random_below(r, 4);

    memset(out, 0, sizeof(*out));
    out->all = kind == 0;
    if (kind == 1 || kind == 2) {
        out->groups =
            (unsigned)random_next(r) & ((1u << world->group_count) - 1);
    }
    if (kind >= 2) {
        out->docs = random_next(r) & ((UINT64_C(1) << world->doc_count) - 1);
    }
}

/* Begin to write records of a peer's store; who shares the loop with an engine
 * lets it end its own transaction first. */
static int wants_write(struct world *world, struct sim_peer *peer,
                       struct cove_store_txn **txn)
{
    if (peer->up) {
        device_must(world, peer->index,
                    cove_engine_flush(peer->engine, world->now_ms), "flush");
    }
    return cove_store_begin(peer->store, true, txn);
}

static struct cove_repo *wants_repo(const struct sim_peer *peer)
{
    return peer->up ? peer->repo : peer->witness;
}

static int wants_end(struct cove_store_txn *txn, int err)
{
    if (err == 0) {
        return cove_store_commit(txn);
    }
    cove_store_abort(txn);
    return err;
}

void device_want(struct world *world, unsigned index, unsigned other)
{
    struct sim_peer *peer = &world->peers[index];
    struct cove_store_txn *txn;
    struct sim_wish wish;
    struct cove_buf encoded;
    int err;

    if (index == other || (world->forgot[index] >> other & 1) != 0) {
        return;
    }
    wish_draw(world, &wish);
    cove_buf_init(&encoded, &world->heap.alloc);
    err = wish_encode(world, &wish, &encoded);
    if (err == 0) {
        err = wants_write(world, peer, &txn);
    }
    if (err == 0) {
        err = wants_end(txn, cove_interest_put(wants_repo(peer), txn,
                                               COVE_INTEREST_WANTED,
                                               &world->peers[other].device,
                                               cove_buf_bytes(&encoded)));
    }
    cove_buf_clear(&encoded);
    device_must(world, index, err, "want");
    if (err == 0) {
        peer->wish[other] = wish;
        wants_note_all(world);
    }
    device_notice(world, index);
}

void device_forget(struct world *world, unsigned index, unsigned other)
{
    struct sim_peer *peer = &world->peers[index];
    struct cove_store_txn *txn;
    int err;

    if (index == other || (world->forgot[index] >> other & 1) != 0) {
        return;
    }
    err = wants_write(world, peer, &txn);
    if (err == 0) {
        err = wants_end(txn, cove_peer_remove(wants_repo(peer), txn,
                                              &world->peers[other].device));
    }
    device_must(world, index, err == COVE_ENOTFOUND ? 0 : err, "forget");
    if (err == 0) {
        world->forgot[index] |= 1u << other;
        world_at(world, random_below(&world->random, 5000), SIM_KNOW, index,
                 other);
    }
    device_notice(world, index);
}

/* Where it is no peer it becomes one, of which everything is wanted. */
void device_know(struct world *world, unsigned index, unsigned other)
{
    struct sim_peer *peer = &world->peers[index];
    struct cove_peer_record record;
    struct cove_store_txn *txn;
    int err;

    if (index == other) {
        return;
    }
    err = wants_write(world, peer, &txn);
    if (err == 0) {
        err = cove_peer_get(wants_repo(peer), txn, &world->peers[other].device,
                            &record);
        if (err == COVE_ENOTFOUND) {
            memset(&record, 0, sizeof(record));
            record.key = world->peers[other].device;
            err = cove_peer_put(wants_repo(peer), txn, &record);
            memset(&peer->wish[other], 0, sizeof(peer->wish[other]));
            peer->wish[other].all = true;
        }
        err = wants_end(txn, err);
    }
    device_must(world, index, err, "know");
    if (err != 0) {
        world_at(world, 100, SIM_KNOW, index, other);
        return;
    }
    world->forgot[index] &= ~(1u << other);
    wants_note_all(world);
    device_notice(world, index);
}

void wants_begin(struct world *world)
{
    for (unsigned i = 0; world->wants && i < world->peer_count; i++) {
        for (unsigned k = 0; k < world->peer_count; k++) {
            if (random_chance(&world->random, 50)) {
                device_want(world, i, k);
            }
        }
    }
    for (unsigned i = 0; i < world->peer_count; i++) { /* nobody met yet */
        memset(world->peers[i].ever, 0, sizeof(world->peers[i].ever));
    }
    wants_note_all(world);
}

/* Two that are, or will be, connected. */
static void wants_pair(struct world *world, unsigned *a, unsigned *b)
{
    struct sim_random *r = &world->random;

    *a = random_below(r, world->peer_count);
    do {
        *b = random_below(r, world->peer_count);
    } while (*a == *b);
}

void wants_schedule(struct world *world, unsigned span)
{
    struct sim_random *r = &world->random;
    unsigned a, b;

    for (unsigned n = world->wants ? 2 + random_below(r, 8) : 0; n > 0; n--) {
        wants_pair(world, &a, &b);
        world_at(world, 1 + random_below(r, span), SIM_WANT, a, b);
    }
    for (unsigned n = world->forgets ? 1 + random_below(r, 4) : 0; n > 0; n--) {
        wants_pair(world, &a, &b);
        world_at(world, 1 + random_below(r, span), SIM_FORGET, a, b);
    }
}
