/* devices.c: a device with its store, which outlives it, its clock, which is
 * wrong, and its user, who writes what the seed says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cbor.h"
#include "core/value.h"
#include "tests/sim/world.h"

#define REGISTERS 6

static int64_t device_now(void *ctx)
{
    const struct sim_peer *peer = ctx;

    return SIM_BASE_MS + (int64_t)peer->world->now_ms + peer->skew_ms;
}

static void device_random(void *ctx, void *out, size_t len)
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

static void device_must(struct world *world, unsigned index, int err,
                        const char *what)
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
        cove_identity_make(&peer->secret, &peer->device, &peer->env, 30,
                           &opt.identity);
        err = cove_engine_new(&opt, &peer->engine);
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
    /* With what was taken in this turn and not committed. */
    cove_engine_free(peer->engine);
    peer->engine = NULL;
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
    world->restored = true;
    device_crash(world, index);
    for (unsigned i = peer->backup_ops; i < world->op_count; i++) {
        world->ops[i].unsure =
            world->ops[i].unsure || world->ops[i].peer == index;
    }
    cove_repo_close(peer->witness);
    cove_store_close(peer->store);
    peer->store = peer->backup;
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

/* --- what the user does */

static void device_id(struct sim_peer *peer, struct cove_header *header,
                      uint8_t nonce[16])
{
    device_random(peer, nonce, 16);
    header->nonce = cove_bytes(nonce, 16);
    header->has_created = true;
    header->created_ms = device_now(peer);
}

static int device_create(struct sim_peer *peer,
                         const struct cove_header *header, struct cove_id *id)
{
    struct cove_store_txn *txn;
    struct cove_diag diag = {0};
    struct cove_buf bytes;
    cove_num num;
    int err;

    cove_buf_init(&bytes, &peer->world->heap.alloc);
    err = cove_header_encode(header, &bytes, id, &diag);
    if (err == 0) {
        err = cove_store_begin(peer->store, true, &txn);
    }
    if (err == 0) {
        err = cove_repo_create(peer->repo, txn, cove_buf_bytes(&bytes), &num,
                               &diag);
        if (err == 0) {
            err = cove_store_commit(txn);
        } else {
            cove_store_abort(txn);
        }
    }
    cove_buf_clear(&bytes);
    device_must(peer->world, peer->index, err, "create");
    return err;
}

static int by_key(const void *left, const void *right)
{
    const struct sim_peer *const *a = left;
    const struct sim_peer *const *b = right;

    return memcmp(&(*a)->device, &(*b)->device, sizeof((*a)->device));
}

/* The map {device key: role}, in the order of its keys. */
static int group_members(struct world *world, unsigned members,
                         unsigned writers, unsigned admin, struct cove_buf *out)
{
    const struct sim_peer *sorted[SIM_PEERS];
    struct cove_writer w;
    size_t count = 0;

    for (unsigned i = 0; i < world->peer_count; i++) {
        if (members >> i & 1) {
            sorted[count++] = &world->peers[i];
        }
    }
    qsort(sorted, count, sizeof(sorted[0]), by_key);
    cove_writer_init(&w, out);
    cove_writer_map(&w, count);
    for (size_t i = 0; i < count; i++) {
        unsigned at = sorted[i]->index;

        cove_writer_bytes(&w, sorted[i]->device.b, sizeof(sorted[i]->device.b));
        cove_writer_cstr(&w, at == admin         ? "admin"
                             : writers >> at & 1 ? "writer"
                                                 : "reader");
    }
    return w.err;
}

void device_group(struct world *world, unsigned index, unsigned members,
                  unsigned writers)
{
    struct sim_group *group = &world->groups[world->group_count++];
    struct cove_header header = {.type = COVE_DOC_GROUP};
    uint8_t nonce[16];
    struct cove_buf map;

    group->members = members | 1u << index;
    group->writers = writers | 1u << index;
    cove_buf_init(&map, &world->heap.alloc);
    if (group_members(world, group->members, group->writers, index, &map) !=
        0) {
        world_fail(world, "group");
    }
    header.members = cove_buf_bytes(&map);
    device_id(&world->peers[index], &header, nonce);
    (void)device_create(&world->peers[index], &header, &group->id);
    cove_buf_clear(&map);
}

static bool device_holds(struct sim_peer *peer, const struct cove_id *id)
{
    struct cove_store_txn *txn;
    cove_num num;
    int err = cove_store_begin(peer->store, false, &txn);

    if (err != 0) {
        return false;
    }
    err = cove_repo_find(peer->repo, txn, id, &num);
    cove_store_abort(txn);
    return err == 0;
}

static void device_new_document(struct world *world, struct sim_peer *peer)
{
    unsigned at = random_below(&world->random, world->group_count);
    struct sim_group *group = &world->groups[at];
    struct sim_doc *doc = &world->docs[world->doc_count];
    struct cove_header header = {.type = COVE_DOC_COMAP, .has_owner = true};
    uint8_t nonce[16];
    uint8_t unique[2] = {0x61, (uint8_t)('a' + world->doc_count % 26)};

    if ((group->writers >> peer->index & 1) == 0 ||
        world->doc_count == SIM_DOCS || !device_holds(peer, &group->id)) {
        return;
    }
    header.owner = group->id;
    if (random_chance(&world->random, 15)) {
        header.unique = cove_bytes(unique, sizeof(unique));
    } else {
        device_id(peer, &header, nonce);
    }
    if (device_create(peer, &header, &doc->id) == 0) {
        doc->group = at;
        for (unsigned i = 0; i < world->doc_count; i++) {
            if (memcmp(&world->docs[i].id, &doc->id, sizeof(doc->id)) == 0) {
                return; /* the same made again */
            }
        }
        world->doc_count++;
    }
}

static int device_value(struct world *world, struct cove_arena *arena,
                        struct cove_bytes *out)
{
    char text[2000];
    size_t len;

    if (!random_chance(&world->random, 20)) {
        return cove_value_of_int(arena, (int64_t)random_next(&world->random),
                                 out);
    }
    len = random_below(&world->random, sizeof(text));
    memset(text, 'a' + (int)(len % 26), len);
    return cove_value_of_text(arena, cove_bytes(text, len), out);
}

struct find_tx {
    const struct cove_op_id *id;
    struct cove_hash hash;
    bool found;
};

static int device_find_tx(void *ctx, const struct cove_log_entry *entry)
{
    struct find_tx *find = ctx;

    if (entry->index == find->id->tx &&
        memcmp(&entry->session->session, &find->id->session,
               sizeof(find->id->session)) == 0) {
        find->hash = cove_tx_hash(entry->bytes);
        find->found = true;
    }
    return 0;
}

/* A copy as a migration writes it: its value comes from a native op. */
static bool device_origin(struct sim_peer *peer, struct cove_store_txn *txn,
                          const struct cove_doc *doc,
                          struct cove_origin *origin)
{
    struct world *world = peer->world;
    const struct cove_native *native;
    struct find_tx find = {.found = false};

    if (doc->state.native_count == 0) {
        return false;
    }
    native = &doc->state.natives[random_below(
        &world->random, (unsigned)doc->state.native_count)];
    find.id = &native->id;
    if (cove_repo_log(doc->repo, txn, doc, device_find_tx, &find) != 0 ||
        !find.found) {
        device_must(world, peer->index, COVE_ECORRUPT,
                    "the log lacks what the state shows");
        return false;
    }
    origin->reg = native->reg;
    origin->id = native->id;
    memcpy(origin->tx_hash, find.hash.b, sizeof(origin->tx_hash));
    return true;
}

/* Put on the oracle's list what was just appended to the session that grew. */
static void device_note(struct world *world, struct sim_peer *peer,
                        unsigned doc_at, const struct cove_doc *doc,
                        const struct cove_tx *tx)
{
    const struct cove_tx_op *op = &tx->ops[0];
    struct sim_op *note = &world->ops[world->op_count];
    struct cove_hash hash = cove_hash("sim/value", op->value);
    uint64_t newest = 0;

    memset(note, 0, sizeof(*note));
    for (size_t i = 0; i < doc->session_count; i++) {
        if (memcmp(&doc->sessions[i].device, &peer->device,
                   sizeof(peer->device)) == 0 &&
            doc->sessions[i].last_hlc > newest) {
            newest = doc->sessions[i].last_hlc;
            note->session = doc->sessions[i].session;
            note->index = doc->sessions[i].len - 1;
        }
    }
    note->doc = doc_at;
    note->peer = peer->index;
    note->copy = tx->kind == COVE_TX_COPY;
    note->deleted = op->deleted;
    memcpy(note->reg, op->reg.at, op->reg.len);
    memcpy(&note->value, hash.b, sizeof(note->value));
    world->op_count++;
}

static int device_edit(struct world *world, struct sim_peer *peer,
                       struct cove_store_txn *txn, unsigned doc_at,
                       struct cove_arena *arena)
{
    struct cove_diag diag = {0};
    char reg[8];
    struct cove_origin origin = {.held = false};
    struct cove_tx_op op = {.deleted = false};
    struct cove_tx tx = {.ops = &op, .op_count = 1};
    struct cove_doc doc;
    cove_num num;
    int err = cove_repo_find(peer->repo, txn, &world->docs[doc_at].id, &num);

    if (err == 0) {
        err = cove_repo_load(peer->repo, txn, num, arena, &doc, &diag);
    }
    if (err != 0) {
        return err;
    }
    snprintf(reg, sizeof(reg), "r%u", random_below(&world->random, REGISTERS));
    op.reg = cove_bytes_text(reg);
    op.deleted = random_chance(&world->random, 10);
    tx.has_epoch = random_chance(&world->random, 50);
    memset(tx.epoch.b, 1 + (int)random_below(&world->random, 3),
           tx.has_epoch ? sizeof(tx.epoch.b) : 0);
    if (random_chance(&world->random, 15) &&
        device_origin(peer, txn, &doc, &origin)) {
        tx.kind = COVE_TX_COPY;
        op.origins = &origin;
        op.origin_count = 1;
        reg[0] = 'c';
    }
    if (!op.deleted) {
        err = device_value(world, arena, &op.value);
    }
    if (err == 0) {
        err = cove_repo_append(peer->repo, txn, &doc, &tx, &diag);
    }
    if (err == 0) {
        device_note(world, peer, doc_at, &doc, &tx);
    } else {
        device_must(world, peer->index, err, diag.text);
    }
    return err;
}

static void device_write_some(struct world *world, struct sim_peer *peer,
                              unsigned doc_at)
{
    unsigned before = world->op_count;
    unsigned count = 1;
    struct cove_store_txn *txn;
    struct cove_arena arena;
    int err = cove_store_begin(peer->store, true, &txn);

    if (err != 0) {
        device_must(world, peer->index, err, "begin");
        return;
    }
    if (random_chance(&world->random, 10)) {
        count += random_below(&world->random, 20);
    }
    cove_arena_init(&arena, &world->heap.alloc);
    for (unsigned i = 0; i < count && err == 0 && world->op_count < SIM_OPS;
         i++) {
        err = device_edit(world, peer, txn, doc_at, &arena);
    }
    cove_arena_clear(&arena);
    if (err == 0 && !random_chance(&world->random, 5)) {
        err = cove_store_commit(txn);
    } else {
        cove_store_abort(txn); /* as if it had crashed before the commit */
        world->op_count = before;
    }
    if (err != 0) {
        world->op_count = before;
    }
    device_must(world, peer->index, err, "write");
}

void device_write(struct world *world, unsigned index)
{
    struct sim_peer *peer = &world->peers[index];

    /* The app shares the loop, and the store has one writer. */
    device_must(world, index, cove_engine_flush(peer->engine, world->now_ms),
                "flush");
    if (world->doc_count == 0 || random_chance(&world->random, 20)) {
        device_new_document(world, peer);
    } else {
        unsigned at =
            random_below(&world->random, world->busy ? 1 + world->doc_count / 8
                                                     : world->doc_count);
        const struct sim_doc *doc = &world->docs[at];

        if ((world->groups[doc->group].writers >> index & 1) != 0 &&
            world->op_count < SIM_OPS && device_holds(peer, &doc->id)) {
            device_write_some(world, peer, at);
        }
    }
    if (random_chance(&world->random, 50)) {
        device_notice(world, index);
    } else {
        world_at(world, random_below(&world->random, 200), SIM_NOTICE, index,
                 0);
    }
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
