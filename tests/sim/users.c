/* users.c: what the users of the devices make and write: documents of all
 * types, as the seed says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cbor.h"
#include "core/value.h"
#include "crdt/compose.h"
#include "crdt/item.h"
#include "tests/sim/world.h"

#define REGISTERS 6

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

    group->admin = index;
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

bool device_holds(struct sim_peer *peer, const struct cove_id *id)
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

/* Mostly maps, that soon have a history worth cutting; no stream has one that
 * can be cut. */
static unsigned cut_type(struct sim_random *r)
{
    return random_chance(r, 70) ? 0 : random_below(r, 6);
}

static void device_new_document(struct world *world, struct sim_peer *peer)
{
    static const enum cove_doc_type types[] = {
        COVE_DOC_COMAP,  COVE_DOC_COMAP,     COVE_DOC_COTEXT,  COVE_DOC_COTEXT,
        COVE_DOC_COLIST, COVE_DOC_COCOUNTER, COVE_DOC_COSTREAM};
    unsigned at = random_below(&world->random, world->group_count);
    struct sim_group *group = &world->groups[at];
    struct sim_doc *doc = &world->docs[world->doc_count];
    struct cove_header header = {
        .type = types[world->cuts ? cut_type(&world->random)
                                  : random_below(&world->random, 7)],
        .has_owner = true};
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
        doc->wanted = 0;
        doc->registry = header.unique.len > 0;
        for (unsigned i = 0; i < world->doc_count; i++) {
            if (memcmp(&world->docs[i].id, &doc->id, sizeof(doc->id)) == 0) {
                world->docs[i].wanted |= 1u << peer->index;
                return; /* the same made again */
            }
        }
        naive_init(&doc->naive, &world->heap.alloc, header.type);
        doc->wanted |= 1u << peer->index;
        wants_note(world, world->doc_count++);
    }
}

static int device_value(struct world *world, struct cove_arena *arena,
                        struct cove_bytes *out)
{
    char text[2000];
    size_t len;

    if (!random_chance(&world->random, world->cuts ? 90 : 20)) {
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
        (!find.found && !world->cuts)) {
        device_must(world, peer->index, COVE_ECORRUPT,
                    "the log lacks what the state shows");
        return false;
    }
    if (!find.found) {
        return false; /* it was cut off */
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
    struct naive *naive = &world->docs[doc_at].naive;
    struct sim_op *note = &world->ops[world->op_count];
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
    note->what = oracle_what(tx);
    if (doc->header.type == COVE_DOC_COMAP) {
        const struct cove_op_id id = {.hlc = tx->hlc,
                                      .device = peer->device,
                                      .session = note->session,
                                      .tx = note->index};

        oracle_map_op(tx, &id, &note->map);
    }
    naive_note(naive, &note->session, &peer->device, tx);
    if (naive->txs[naive->count - 1].index != note->index) {
        world_fail(world, "peer %u wrote number %u, not %u, of its session",
                   peer->index, note->index,
                   naive->txs[naive->count - 1].index);
    }
    world->op_count++;
}

/* --- an edit */

struct device_edit {
    struct world *world;
    struct sim_peer *peer;
    struct cove_store_txn *txn;
    struct cove_arena *arena;
    unsigned doc_at;
    struct cove_doc doc;
    struct cove_diag diag;
};

static int edit_append(struct device_edit *e, struct cove_tx *tx)
{
    int err = cove_repo_append(e->peer->repo, e->txn, &e->doc, tx, &e->diag);

    if (err == 0) {
        device_note(e->world, e->peer, e->doc_at, &e->doc, tx);
    }
    return err;
}

static int edit_map(struct device_edit *e)
{
    struct sim_random *r = &e->world->random;
    char reg[8];
    struct cove_origin origin = {.held = false};
    struct cove_tx_op op = {.deleted = random_chance(r, 10)};
    struct cove_tx tx = {.ops = &op, .op_count = 1};
    int err = 0;

    snprintf(reg, sizeof(reg), "r%u", random_below(r, REGISTERS));
    op.reg = cove_bytes_text(reg);
    tx.has_epoch = random_chance(r, 50);
    memset(tx.epoch.b, 1 + (int)random_below(r, 3),
           tx.has_epoch ? sizeof(tx.epoch.b) : 0);
    if (random_chance(r, 15) &&
        device_origin(e->peer, e->txn, &e->doc, &origin)) {
        tx.kind = COVE_TX_COPY;
        op.origins = &origin;
        op.origin_count = 1;
        reg[0] = 'c';
    }
    if (!op.deleted) {
        err = device_value(e->world, e->arena, &op.value);
    }
    return err != 0 ? err : edit_append(e, &tx);
}

static int edit_single(struct device_edit *e, enum cove_op_kind kind)
{
    struct sim_random *r = &e->world->random;
    struct cove_tx_op op = {.kind = kind};
    struct cove_tx tx = {.ops = &op, .op_count = 1};
    int err = 0;

    if (kind == COVE_OP_ADD) {
        op.amount = (int64_t)random_below(r, 1000) - 1000;
    } else {
        err = cove_value_of_int(e->arena, random_below(r, 200), &op.value);
    }
    return err != 0 ? err : edit_append(e, &tx);
}

/* An item is written where it stands. */
static int edit_item(struct device_edit *e)
{
    struct sim_random *r = &e->world->random;
    size_t length = cove_seq_length(e->doc.state.seq, COVE_SEQ_ELEMENTS);
    struct cove_seq_piece piece;
    struct cove_tx_op op = {.deleted = false};
    struct cove_tx tx = {.ops = &op, .op_count = 1};
    int err = cove_seq_at(e->doc.state.seq, random_below(r, (unsigned)length),
                          &piece);

    if (err == 0) {
        err = cove_item_register(e->arena, e->doc.state.seq, piece.first,
                                 piece.type, &op.reg);
    }
    if (err == 0) {
        err = cove_value_of_int(e->arena, random_below(r, 200), &op.value);
    }
    return err != 0 ? err : edit_append(e, &tx);
}

static int edit_insert(struct device_edit *e, struct cove_compose *compose)
{
    struct sim_random *r = &e->world->random;
    char letters[200];
    struct cove_compose_insert in = {.unit = COVE_SEQ_ELEMENTS};

    in.at = random_below(
        r, (unsigned)cove_seq_length(compose->seq, COVE_SEQ_ELEMENTS) + 1);
    in.count = 1 + random_below(r, random_chance(r, 3) ? sizeof(letters) : 6);
    /* As letters, or as the small numbers that the same bytes encode. */
    memset(
        letters,
        (compose->seq != NULL && cove_seq_kind(compose->seq) == COVE_SEQ_TEXT)
            ? 'a' + (int)random_below(r, 26)
            : (int)random_below(r, 24),
        in.count);
    in.content = cove_bytes(letters, in.count);
    return cove_compose_insert(compose, &in);
}

static int edit_some(struct device_edit *e, struct cove_compose *compose)
{
    struct sim_random *r = &e->world->random;
    int err = 0;

    for (unsigned n = 1 + random_below(r, 4); n > 0 && err == 0; n--) {
        size_t length = cove_seq_length(compose->seq, COVE_SEQ_ELEMENTS);

        if (length > 0 && random_chance(r, 30)) {
            size_t at = random_below(r, (unsigned)length);
            size_t most = length - at < 5 ? length - at : 5;

            err = cove_compose_remove(compose, COVE_SEQ_ELEMENTS, at,
                                      1 + random_below(r, (unsigned)most));
        } else {
            err = edit_insert(e, compose);
        }
    }
    return err;
}

static int edit_sequence(struct device_edit *e)
{
    struct cove_compose_self self;
    struct cove_compose compose;
    struct cove_tx tx;
    int err;

    if (e->doc.header.type == COVE_DOC_COLIST &&
        cove_seq_length(e->doc.state.seq, COVE_SEQ_ELEMENTS) > 0 &&
        random_chance(&e->world->random, 30)) {
        return edit_item(e);
    }
    cove_compose_init(&compose, &e->world->heap.alloc);
    err = cove_repo_self(e->peer->repo, e->txn, &e->doc, &self);
    if (err == 0) {
        cove_compose_start(&compose, e->doc.state.seq, &self);
        err = edit_some(e, &compose);
    }
    if (err == 0) {
        err = cove_compose_take(&compose, e->arena, &tx);
    }
    if (err == 0) {
        err = edit_append(e, &tx);
    }
    cove_compose_clear(&compose);
    return err;
}

static int device_edit(struct device_edit *e)
{
    cove_num num;
    int err = cove_repo_find(e->peer->repo, e->txn,
                             &e->world->docs[e->doc_at].id, &num);

    if (err == 0) {
        err = cove_repo_load(e->peer->repo, e->txn, num, e->arena, &e->doc,
                             &e->diag);
    }
    if (err != 0) {
        return err;
    }
    switch (e->doc.header.type) {
    case COVE_DOC_COTEXT:
    case COVE_DOC_COLIST:
        err = edit_sequence(e);
        break;
    case COVE_DOC_COCOUNTER:
        err = edit_single(e, COVE_OP_ADD);
        break;
    case COVE_DOC_COSTREAM:
        err = edit_single(e, COVE_OP_APPEND);
        break;
    case COVE_DOC_COMAP:
    case COVE_DOC_COBINARY:
    case COVE_DOC_GROUP:
    case COVE_DOC_ACCOUNT:
    case COVE_DOC_JOURNAL:
    case COVE_DOC_UNKNOWN:
        err = edit_map(e);
        break;
    }
    device_must(e->world, e->peer->index, err, e->diag.text);
    return err;
}

static void device_write_some(struct world *world, struct sim_peer *peer,
                              unsigned doc_at)
{
    struct naive *naive = &world->docs[doc_at].naive;
    unsigned before = world->op_count;
    size_t told = naive->count;
    unsigned count = 1;
    struct cove_store_txn *txn;
    struct cove_arena arena;
    int err = cove_store_begin(peer->store, true, &txn);

    if (err != 0) {
        device_must(world, peer->index, err, "begin");
        return;
    }
    if (random_chance(&world->random, world->cuts ? 40 : 10)) {
        count += random_below(&world->random, 20);
    }
    cove_arena_init(&arena, &world->heap.alloc);

    struct device_edit edit = {.world = world,
                               .peer = peer,
                               .txn = txn,
                               .arena = &arena,
                               .doc_at = doc_at};

    for (unsigned i = 0; i < count && err == 0 && world->op_count < SIM_OPS;
         i++) {
        err = device_edit(&edit);
    }
    cove_arena_clear(&arena);
    if (err == 0 && !random_chance(&world->random, 5)) {
        err = cove_store_commit(txn);
    } else {
        cove_store_abort(txn); /* as if it had crashed before the commit */
        world->op_count = before;
        naive_forget(naive, told);
    }
    if (err != 0) {
        world->op_count = before;
        naive_forget(naive, told);
    }
    device_must(world, peer->index, err == COVE_EREMOVED ? 0 : err, "write");
}

bool device_write_once(struct world *world, unsigned index, unsigned doc)
{
    struct sim_peer *peer = &world->peers[index];
    unsigned before = world->op_count;

    device_must(world, index, cove_engine_flush(peer->engine, world->now_ms),
                "flush");
    device_write_some(world, peer, doc);
    device_notice(world, index);
    return world->op_count > before;
}

void device_write(struct world *world, unsigned index)
{
    struct sim_peer *peer = &world->peers[index];

    /* The app shares the loop, and the store has one writer. */
    device_must(world, index, cove_engine_flush(peer->engine, world->now_ms),
                "flush");
    if (world->doc_count == 0 ||
        random_chance(&world->random, world->cuts ? 8 : 20)) {
        device_new_document(world, peer);
    } else {
        unsigned at =
            random_below(&world->random, world->busy ? 1 + world->doc_count / 8
                                                     : world->doc_count);
        const struct sim_doc *doc = &world->docs[at];

        if ((world->groups[doc->group].writers >> index & 1) != 0 &&
            world->op_count < SIM_OPS && device_holds(peer, &doc->id)) {
            if (world->removes && random_chance(&world->random, 6)) {
                device_remove(world, index, at);
            } else {
                device_write_some(world, peer, at);
            }
        }
        if (world->packs && random_chance(&world->random, 30)) {
            device_pack(world, index);
        }
        if (world->cuts && random_chance(&world->random, 40)) {
            device_cut(world, random_below(&world->random, world->group_count));
        }
    }
    if (random_chance(&world->random, 50)) {
        device_notice(world, index);
    } else {
        world_at(world, random_below(&world->random, 200), SIM_NOTICE, index,
                 0);
    }
}
