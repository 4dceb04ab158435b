/* devices.c: a device with its store, which outlives it, and its clock, which
 * is wrong. */
#include <stdio.h>
#include <string.h>

#include "tests/sim/world.h"

int64_t device_now(void *ctx)
{
    const struct sim_peer *peer = ctx;

    return SIM_BASE_MS + (int64_t)peer->world->now_ms + peer->skew_ms;
}

void device_random(void *ctx, void *out, size_t len)
{
    struct sim_peer *peer = ctx;
    uint8_t *at = out;

    for (size_t i = 0; i < len; i++) {
        at[i] = (uint8_t)random_next(&peer->random);
    }
}

static void device_event(void *ctx, const struct cove_conn *conn,
                         const char *line)
{
    struct sim_peer *peer = ctx;
    struct world *world = peer->world;

    (void)conn;
    if (world->verbose) {
        printf("%8llu peer %u: %s\n", (unsigned long long)world->now_ms,
               peer->index, line);
    }
    world_trace(world, line, strlen(line));
    if (strstr(line, "refused") != NULL || strstr(line, "damaged") != NULL) {
        world_fail(world, "peer %u: %s", peer->index, line);
    }
}

void device_must(struct world *world, unsigned index, int err, const char *what)
{
    if (err != 0 && !world->peers[index].faulty) {
        world_fail(world, "peer %u: %s: %s", index, what, cove_error_name(err));
    }
}

static int device_hook(void *ctx, const char *call)
{
    struct sim_peer *peer = ctx;

    (void)call;
    if (peer->fault_in == 0 || --peer->fault_in > 0) {
        return 0;
    }
    peer->faulty = true;
    return random_chance(&peer->random, 50) ? COVE_EIO : COVE_ENOSPC;
}

/* The store will fail once, and then work again; until the next event what
 * comes of it is forgiven. */
void device_fault(struct world *world, unsigned index)
{
    struct sim_peer *peer = &world->peers[index];

    if (peer->up) {
        world->faults = true;
        peer->fault_in = 1 + random_below(&world->random, 60);
        cove_store_set_fault(peer->store, device_hook, peer);
    }
}

static int device_open(struct sim_peer *peer, bool new_session,
                       struct cove_repo **out)
{
    struct cove_repo_options opt = {.alloc = &peer->world->heap.alloc,
                                    .env = &peer->env,
                                    .store = peer->store,
                                    .secret = peer->secret,
                                    .device = peer->device,
                                    .new_session = new_session};

    return cove_repo_open(&opt, out, NULL);
}

/* Everybody knows everybody. */
static int device_meet(struct world *world, struct sim_peer *peer)
{
    struct cove_store_txn *txn;
    int err = cove_store_begin(peer->store, true, &txn);

    for (unsigned i = 0; i < world->peer_count && err == 0; i++) {
        struct cove_peer_record record;

        if (i == peer->index) {
            continue;
        }
        memset(&record, 0, sizeof(record));
        record.key = world->peers[i].device;
        err = cove_peer_put(peer->witness, txn, &record);
        peer->wish[i].all = true;
    }
    return err != 0 ? err : cove_store_commit(txn);
}

static void device_store(struct world *world, struct cove_store **out)
{
    struct cove_store_options opt = {.alloc = &world->heap.alloc,
                                     .trees = COVE_REPO_TREES};

    if (cove_store_open_memory(&opt, out) != 0) {
        world_fail(world, "a store could not be opened");
    }
}

void device_init(struct world *world, unsigned index)
{
    struct sim_peer *peer = &world->peers[index];
    int err;

    peer->env.now_ms = device_now;
    peer->env.random = device_random;
    peer->env.ctx = peer;

    peer->tick_ms = UINT64_MAX;
    device_store(world, &peer->store);
    err = device_open(peer, false, &peer->witness);
    if (err == 0) {
        err = device_meet(world, peer);
    }
    device_must(world, index, err, "open");
}

static int device_verify(void *ctx, struct cove_verify *verify)
{
    struct sim_peer *peer = ctx;
    struct world *world = peer->world;

    if (peer->verify_count == SIM_VERIFIES ||
        random_chance(&world->beside, 20)) {
        return COVE_ENOMEM;
    }
    peer->verify[peer->verify_count++] = verify;
    world_at(world, random_below(&world->beside, 60), SIM_VERIFY, peer->index,
             0);
    return 0;
}

void device_verified(struct world *world, unsigned index)
{
    struct sim_peer *peer = &world->peers[index];
    struct cove_verify *verify = peer->verify[0];

    peer->verify_count--;
    memmove(peer->verify, peer->verify + 1,
            peer->verify_count * sizeof(peer->verify[0]));
    for (size_t i = 0; i < cove_verify_parts(verify); i++) {
        if (random_chance(&world->beside, 90)) { /* else it had no memory */
            cove_verify_run(verify, i);
        }
    }
    world->verified++;
    cove_engine_verified(peer->engine, world->now_ms, verify);
    device_turn(world, index);
}

void device_start(struct world *world, unsigned index)
{
    struct sim_peer *peer = &world->peers[index];
    struct cove_engine_options opt = {.alloc = &world->heap.alloc,
                                      .env = &peer->env,
                                      .store = peer->store,
                                      .event = device_event,
                                      .ctx = peer};
    int err = device_open(peer, false, &peer->repo);

    if (err == 0) {
        opt.repo = peer->repo;
        opt.credit_bytes = random_chance(&world->random, 20)
                               ? 1 + random_below(&world->random, 5000)
                               : 0;
        opt.message_bytes = random_chance(&world->random, 30)
                                ? 1 + random_below(&world->random, 3000)
                                : 0;
        opt.verify_least = 1;
        opt.sums_least = random_chance(&world->random, 50) ? 1 : 0;
        cove_identity_make(&peer->secret, &peer->device, &peer->env, 30,
                           &opt.identity);
        err = cove_engine_new(&opt, &peer->engine);
    }
    if (err == 0 && world->threads) {
        cove_engine_verify_by(peer->engine, device_verify, peer);
    }
    device_must(world, index, err, "start");
    memset(peer->acked, 0, sizeof(peer->acked));
    peer->up = err == 0;
    peer->life++;
    peer->tick_ms = UINT64_MAX;
}

void device_crash(struct world *world, unsigned index)
{
    struct sim_peer *peer = &world->peers[index];

    if (!peer->up) {
        return;
    }
    peer->up = false;
    peer->fault_in = 0;
    peer->life++;
    if (cove_engine_bans(peer->engine)->count > 0) { /* all are honest here */
        world_fail(world, "peer %u holds something against another", index);
    }
    /* With what was taken in this turn and not committed. */
    cove_engine_free(peer->engine);
    peer->engine = NULL;
    for (unsigned i = 0; i < peer->verify_count; i++) {
        cove_verify_free(peer->verify[i]);
    }
    peer->verify_count = 0;
    network_crash(world, index);
    cove_repo_close(peer->repo);
    peer->repo = NULL;
}

static int device_copy_tree(struct cove_store_txn *from,
                            struct cove_store_txn *to, unsigned tree)
{
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    int err = cove_store_cursor_open(from, tree, &cursor);

    if (err != 0) {
        return err;
    }
    err = cove_store_cursor_seek(cursor, cove_bytes("", 0), &entry);
    while (err == 0) {
        err = cove_store_put(to, tree, entry.key, entry.value);
        if (err == 0) {
            err = cove_store_cursor_next(cursor, &entry);
        }
    }
    cove_store_cursor_close(cursor);
    return err == COVE_ENOTFOUND ? 0 : err;
}

void device_copy(struct world *world, unsigned index)
{
    struct sim_peer *peer = &world->peers[index];
    struct cove_store_txn *from, *to;
    int err;

    if (peer->backup != NULL) {
        return;
    }
    peer->fault_in = 0;
    device_store(world, &peer->backup);
    peer->backup_ops = world->op_count;
    memcpy(peer->backup_wish, peer->wish, sizeof(peer->wish));
    err = cove_store_begin(peer->store, false, &from);
    if (err == 0) {
        err = cove_store_begin(peer->backup, true, &to);
    }
    for (unsigned tree = 0; tree < COVE_REPO_TREES && err == 0; tree++) {
        err = device_copy_tree(from, to, tree);
    }
    cove_store_abort(from);
    device_must(world, index, err == 0 ? cove_store_commit(to) : err, "copy");
}

void device_restore(struct world *world, unsigned index)
{
    struct sim_peer *peer = &world->peers[index];

    if (peer->backup == NULL) {
        return;
    }
    world->restored = peer->restored = true;
    device_crash(world, index);
    for (unsigned i = peer->backup_ops; i < world->op_count; i++) {
        world->ops[i].unsure =
            world->ops[i].unsure || world->ops[i].peer == index;
    }
    for (unsigned i = 0; i < world->doc_count; i++) {
        world->docs[i].perhaps |= world->docs[i].removers & 1u << index;
        world->docs[i].removers &= ~(1u << index);
    }
    cove_repo_close(peer->witness);
    cove_store_close(peer->store);
    peer->store = peer->backup;
    memcpy(peer->wish, peer->backup_wish, sizeof(peer->wish));
    wants_note_all(world);
    peer->backup = NULL;
    device_must(world, index, device_open(peer, true, &peer->witness),
                "restore");
}

void device_tick(struct world *world, unsigned index)
{
    struct sim_peer *peer = &world->peers[index];
    uint64_t next = UINT64_MAX;

    peer->tick_ms = UINT64_MAX;
    device_must(world, index,
                cove_engine_tick(peer->engine, world->now_ms, &next), "tick");
    oracle_acks(world, index);
    network_drain(world, index);
    if (next != UINT64_MAX) {
        uint64_t delay = next > world->now_ms ? next - world->now_ms : 0;

        peer->tick_ms = world->now_ms + delay;
        world_at(world, delay, SIM_TICK, index, 0);
    }
}

void device_flush(struct world *world, unsigned index)
{
    device_must(world, index,
                cove_engine_flush(world->peers[index].engine, world->now_ms),
                "flush");
    device_tick(world, index);
}

void device_turn(struct world *world, unsigned index)
{
    if (!world->peers[index].up) {
        return;
    }
    /* Mostly at once; or more comes in first, or the power goes. */
    if (random_chance(&world->random, 80)) {
        device_flush(world, index);
    } else {
        world_at(world, random_below(&world->random, 3), SIM_FLUSH, index, 0);
    }
}

void device_notice(struct world *world, unsigned index)
{
    int err;

    if (!world->peers[index].up) {
        return;
    }
    err = cove_engine_changed(world->peers[index].engine, world->now_ms);
    device_must(world, index, err, "changed");
    if (err != 0) { /* the edge looks again */
        world_at(world, 100, SIM_NOTICE, index, 0);
    }
    device_turn(world, index);
}

void device_free(struct world *world, unsigned index)
{
    struct sim_peer *peer = &world->peers[index];

    device_crash(world, index);
    cove_repo_close(peer->witness);
    if (peer->store != NULL) {
        cove_store_close(peer->store);
    }
    if (peer->backup != NULL) {
        cove_store_close(peer->backup);
    }
}
