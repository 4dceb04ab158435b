/* upkeep.c: what the users do beside writing: they remove documents and cut
 * histories off, and their devices pack logs. In some worlds only, so that the
 * seeds of others stay what they were. */
#include "core/hlc.h"
#include "crdt/repo_compact.h"
#include "crdt/repo_cut.h"
#include "crdt/repo_gone.h"
#include "tests/sim/world.h"

static int upkeep_begin(struct sim_peer *peer, bool write,
                        struct cove_store_txn **txn)
{
    return cove_store_begin(peer->store, write, txn);
}

static int upkeep_end(struct cove_store_txn *txn, int err)
{
    if (err == 0) {
        return cove_store_commit(txn);
    }
    cove_store_abort(txn);
    return err;
}

/* A peer removes a document, if it holds it still. */
void device_remove(struct world *world, unsigned peer_at, unsigned doc_at)
{
    struct sim_peer *peer = &world->peers[peer_at];
    struct sim_doc *doc = &world->docs[doc_at];
    struct cove_store_txn *txn;
    struct cove_diag diag = {0};
    cove_num num;
    int err = upkeep_begin(peer, true, &txn);

    if (err == 0) {
        err = cove_repo_find(peer->repo, txn, &doc->id, &num);
        if (err == 0) {
            err = cove_repo_tombstone(peer->repo, txn, num, &diag);
        }
        err = upkeep_end(txn, err);
    }
    if (err == 0) {
        doc->removers |= 1u << peer_at;
        world->removed++;
    }
    device_must(world, peer_at, err == COVE_EREMOVED ? 0 : err, "remove");
}

/* One pack of a document. */
static int upkeep_pack(struct sim_peer *peer, cove_num num)
{
    struct sim_random *r = &peer->world->random;
    const struct cove_pack_rule rule = {UINT64_MAX, random_chance(r, 70)};
    struct cove_pack_plan plan;
    struct cove_store_txn *txn;
    struct cove_arena arena;
    int err;

    cove_arena_init(&arena, &peer->world->heap.alloc);
    err = upkeep_begin(peer, false, &txn);
    if (err == 0) {
        err = cove_repo_pack_plan(peer->repo, txn, num, &rule, &arena, &plan);
        cove_store_abort(txn);
    }
    if (err == 0) {
        err = upkeep_begin(peer, true, &txn);
    }
    if (err == 0) {
        err = upkeep_end(txn, cove_repo_pack_put(peer->repo, txn, &plan));
        peer->world->packed += err == 0;
    }
    cove_arena_clear(&arena);
    return err;
}

/* The next document with a log of its own. */
static int upkeep_next(struct sim_peer *peer, cove_num *num)
{
    struct cove_store_txn *txn;
    int err = upkeep_begin(peer, false, &txn);

    if (err == 0) {
        err = cove_repo_pack_next(peer->repo, txn, *num, num);
        cove_store_abort(txn);
    }
    return err;
}

void device_pack(struct world *world, unsigned peer_at)
{
    struct sim_peer *peer = &world->peers[peer_at];
    cove_num num = 0;
    int err;

    while ((err = upkeep_next(peer, &num)) == 0) {
        do {
            err = upkeep_pack(peer, num);
        } while (err == 0);
        if (err != COVE_ENOTFOUND) {
            break;
        }
    }
    device_must(world, peer_at, err == COVE_ENOTFOUND ? 0 : err, "pack");
}

/* By age, by size, or by both. */
static struct cove_cut_rule upkeep_rule(struct sim_peer *peer)
{
    struct sim_random *r = &peer->world->random;
    struct cove_cut_rule rule = {.bytes = UINT64_MAX};
    unsigned kind = random_below(r, 3);

    if (kind != 0) {
        rule.before =
            cove_hlc_of_ms(device_now(peer) - (int64_t)random_below(r, 8000));
    }
    if (kind != 1) {
        rule.bytes = random_below(r, 8000);
    }
    return rule;
}

static int upkeep_cut(struct sim_peer *peer, const struct cove_id *id,
                      const struct cove_cut_rule *rule)
{
    struct cove_store_txn *txn;
    struct cove_cut_result result;
    struct cove_diag diag = {0};
    cove_num num;
    int err = upkeep_begin(peer, true, &txn);

    if (err != 0) {
        return err;
    }
    err = cove_repo_find(peer->repo, txn, id, &num);
    if (err == 0) {
        err = cove_repo_cut(peer->repo, txn, num, rule, false, &result, &diag);
    }
    err = upkeep_end(txn, err);
    peer->world->cut += err == 0;
    return err == COVE_ENOTFOUND || err == COVE_EUNSUPPORTED ? 0 : err;
}

/* A group has one admin, so no two cuts part. One whose store was put back does
 * not know any more how it cut before. */
void device_cut(struct world *world, unsigned group)
{
    unsigned admin = world->groups[group].admin;
    struct sim_peer *peer = &world->peers[admin];

    if (!peer->up || peer->restored) {
        return;
    }
    device_must(world, admin, cove_engine_flush(peer->engine, world->now_ms),
                "flush");
    for (unsigned i = 0; i < world->doc_count; i++) {
        const struct sim_doc *doc = &world->docs[i];

        if (doc->group == group && random_chance(&world->random, 50)) {
            const struct cove_cut_rule rule = upkeep_rule(peer);

            device_must(world, admin, upkeep_cut(peer, &doc->id, &rule), "cut");
        }
    }
}
