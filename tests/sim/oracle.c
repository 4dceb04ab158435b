/* oracle.c: what must hold, judged by a list of its own. Equal digests alone
 * would not do: two peers that both lost a write agree too. So every op that
 * was committed anywhere is looked for in every store that may have it, and
 * what the states show is compared with a fold so naive that it can be checked
 * by eye. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/repo_gone.h"
#include "crdt/repo_upkeep.h"
#include "sync/engine_internal.h"
#include "tests/promises/shown.h"
#include "tests/sim/world.h"

/* --- acknowledgements */

/* Does the store of `to` hold all that the outline has? */
static bool acks_hold(struct sim_peer *to, struct cove_store_txn *txn,
                      const struct cove_doc_outline *outline,
                      struct cove_arena *arena)
{
    struct cove_doc_outline there;
    cove_num num;

    if (cove_repo_find(to->witness, txn, &outline->id, &num) != 0 ||
        cove_repo_outline(to->witness, txn, num, arena, &there) != 0) {
        return false;
    }
    if (there.removed) {
        return true; /* there is nothing to hold */
    }
    for (size_t i = 0; i < outline->session_count; i++) {
        const struct cove_doc_session *ours = &outline->sessions[i];
        bool found = false;

        for (size_t k = 0; k < there.session_count && !found; k++) {
            found = memcmp(&there.sessions[k].session, &ours->session,
                           sizeof(ours->session)) == 0 &&
                    there.sessions[k].len >= ours->len;
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

/* Does it count among what the peer said that it wants? */
static bool acks_wanted(struct world *world, const struct engine_peer *known,
                        const struct cove_doc_outline *outline)
{
    struct cove_interest in;
    bool has = true;

    cove_interest_init(&in, &world->heap.alloc);
    if (known->theirs.len > 0) {
        if (cove_interest_decode(&in, cove_buf_bytes(&known->theirs), NULL) !=
            0) {
            abort();
        }
        has = cove_interest_has(&in, outline);
    }
    cove_interest_clear(&in);
    return has;
}

static void acks_check(struct world *world, struct sim_peer *from,
                       struct sim_peer *to, const struct engine_peer *known)
{
    struct cove_store_txn *txn = NULL, *there = NULL;
    struct cove_change change;
    struct cove_arena arena;
    uint64_t after = 0;

    unsigned faults[] = {from->fault_in, to->fault_in};

    world->acks_checked++;
    from->fault_in = to->fault_in = 0; /* not while we look */
    cove_arena_init(&arena, &world->heap.alloc);
    if (cove_store_begin(from->store, false, &txn) != 0 ||
        cove_store_begin(to->store, false, &there) != 0) {
        abort();
    }
    while (cove_repo_change_after(from->witness, txn, after, &change) == 0 &&
           change.sequence <= known->acked) {
        struct cove_doc_outline outline;
        enum cove_role role;

        after = change.sequence;
        if (cove_repo_role(from->witness, txn, change.num, &to->device,
                           &role) != 0 ||
            cove_repo_outline(from->witness, txn, change.num, &arena,
                              &outline) != 0) {
            abort();
        }
        if (role >= COVE_ROLE_READER && acks_wanted(world, known, &outline) &&
            !cove_refused_has(&known->there, &outline.id) &&
            !acks_hold(to, there, &outline, &arena)) {
            world_fail(world,
                       "peer %u acknowledged %llu of peer %u and lacks its "
                       "change %llu",
                       to->index, (unsigned long long)known->acked, from->index,
                       (unsigned long long)change.sequence);
        }
    }
    cove_store_abort(txn);
    cove_store_abort(there);
    cove_arena_clear(&arena);
    from->fault_in = faults[0];
    to->fault_in = faults[1];
}

void oracle_acks(struct world *world, unsigned index)
{
    struct sim_peer *peer = &world->peers[index];

    for (const struct engine_peer *known = peer->engine->peers; known != NULL;
         known = known->next) {
        for (unsigned i = 0; i < world->peer_count; i++) {
            uint8_t store_id[16];

            /* What a store acknowledged before it was replaced by a backup was
             * true then. */
            cove_repo_store_id(world->peers[i].witness, store_id);
            if (!known->lost &&
                memcmp(store_id, known->store_id, sizeof(store_id)) == 0 &&
                memcmp(&known->key, &world->peers[i].device,
                       sizeof(known->key)) == 0 &&
                known->acked != peer->acked[i]) {
                peer->acked[i] = known->acked;
                acks_check(world, peer, &world->peers[i], known);
            }
        }
    }
}

bool oracle_at_rest(struct world *world)
{
    for (unsigned i = 0; i < world->peer_count; i++) {
        for (unsigned k = 0; k < world->peer_count; k++) {
            if ((world->edges[i] >> k & 1) != 0 &&
                !network_connected(world, i, k)) {
                return false;
            }
        }
    }
    for (unsigned i = 0; i < SIM_LINKS; i++) {
        for (unsigned side = 0; side < 2 && world->links[i].used; side++) {
            struct cove_conn_stats stats;

            if (world->links[i].side[side].conn == NULL ||
                world->links[i].cut) {
                return false;
            }
            cove_conn_stats(world->links[i].side[side].conn, &stats);
            if (!stats.in_sync) {
                return false;
            }
        }
    }
    return true;
}

/* --- the naive fold: all shown ops of a document, and the greatest of them */

struct fold_tx {
    struct cove_session_id session;
    uint32_t index;
    uint64_t what;
};

struct fold {
    struct world *world;
    struct sim_peer *peer;
    unsigned doc;
    struct cove_arena arena;
    struct fold_tx *txs;
    unsigned tx_count;
    struct sim_map_op *ops; /* of a map: each transaction has one */
    unsigned count;
};

static void what_op(struct cove_hasher *hasher, const struct cove_tx *tx,
                    const struct cove_tx_op *op)
{
    uint64_t numbers[] = {(uint64_t)op->kind,
                          op->deleted,
                          op->left,
                          op->n,
                          op->first,
                          op->count,
                          (uint64_t)op->amount,
                          op->reg.len,
                          op->value.len};

    cove_hasher_add(hasher, cove_bytes(numbers, sizeof(numbers)));
    cove_hasher_add(hasher, op->reg);
    cove_hasher_add(hasher, op->value);
    if (op->agent != COVE_TX_OWN && op->agent != COVE_TX_ROOT) {
        cove_hasher_add(
            hasher, cove_bytes(tx->agents[op->agent - 1].session.b,
                               sizeof(tx->agents[op->agent - 1].session.b)));
    }
}

uint64_t oracle_what(const struct cove_tx *tx)
{
    struct cove_hasher hasher;
    struct cove_hash hash;
    uint64_t what;
    uint8_t kind = tx->kind == COVE_TX_COPY;

    cove_hasher_init(&hasher, "sim/what");
    cove_hasher_add(&hasher, cove_bytes(&kind, 1));
    for (size_t i = 0; i < tx->op_count; i++) {
        what_op(&hasher, tx, &tx->ops[i]);
    }
    hash = cove_hasher_end(&hasher);
    memcpy(&what, hash.b, sizeof(what));
    return what;
}

void oracle_map_op(const struct cove_tx *tx, const struct cove_op_id *id,
                   struct sim_map_op *out)
{
    struct cove_hash hash = cove_hash("sim/value", tx->ops[0].value);

    memset(out, 0, sizeof(*out));
    out->id = *id;
    out->copy = tx->kind == COVE_TX_COPY;
    out->rank = out->copy ? tx->ops[0].origins[0].id : out->id;
    out->deleted = tx->ops[0].deleted;
    memcpy(out->reg, tx->ops[0].reg.at, tx->ops[0].reg.len);
    memcpy(&out->value, hash.b, sizeof(out->value));
}

static int fold_log(void *ctx, const struct cove_log_entry *entry)
{
    struct fold *fold = ctx;
    bool map = fold->world->docs[fold->doc].naive.type == COVE_DOC_COMAP;
    struct cove_bytes bytes;
    struct cove_tx tx;

    if (cove_arena_copy(&fold->arena, entry->bytes, &bytes) != 0 ||
        cove_tx_decode(bytes, &fold->arena, &tx, NULL) != 0 ||
        (map && tx.op_count != 1) || fold->tx_count == SIM_OPS) {
        return COVE_ECORRUPT;
    }

    struct fold_tx *note = &fold->txs[fold->tx_count++];

    note->session = entry->session->session;
    note->index = entry->index;
    note->what = oracle_what(&tx);
    if (map) {
        const struct cove_op_id id = {.hlc = tx.hlc,
                                      .device = entry->session->device,
                                      .session = entry->session->session,
                                      .tx = entry->index};

        oracle_map_op(&tx, &id, &fold->ops[fold->count++]);
    }
    if (!entry->shown) {
        world_fail(fold->world, "peer %u does not show a transaction",
                   fold->peer->index);
    }
    return 0;
}

/* What a session's cut stands for is what was written before it. */
static void fold_cut(struct fold *fold, const struct cove_doc_session *session)
{
    const struct world *world = fold->world;
    uint32_t found = 0;

    for (unsigned i = 0; i < world->op_count; i++) {
        const struct sim_op *op = &world->ops[i];

        if (op->doc == fold->doc && op->index < session->base &&
            memcmp(&op->session, &session->session, sizeof(op->session)) == 0) {
            fold->txs[fold->tx_count++] =
                (struct fold_tx){op->session, op->index, op->what};
            fold->ops[fold->count++] = op->map;
            found++;
        }
    }
    if (found != session->base) {
        world_fail(fold->world,
                   "peer %u has a cut for %u transactions, of which %u were "
                   "written",
                   fold->peer->index, (unsigned)session->base, (unsigned)found);
    }
}

static void fold_cuts(struct fold *fold, const struct cove_doc *doc)
{
    bool any = false;

    for (size_t i = 0; i < doc->session_count; i++) {
        any = any || doc->sessions[i].base > 0;
        fold_cut(fold, &doc->sessions[i]);
    }
    fold->world->cut_checked += any;
    fold->world->cut_taken +=
        any &&
        fold->peer->index !=
            fold->world->groups[fold->world->docs[fold->doc].group].admin;
}

static bool fold_greater(const struct sim_map_op *a, const struct sim_map_op *b)
{
    int order = cove_op_id_compare(&a->rank, &b->rank);

    return (order != 0 ? order : cove_op_id_compare(&a->id, &b->id)) > 0;
}

static void fold_winners(struct fold *fold, const struct cove_doc *doc)
{
    for (unsigned i = 0; i < fold->count; i++) {
        struct cove_bytes reg = cove_bytes_text(fold->ops[i].reg);
        const struct cove_native *native = NULL;
        const struct cove_copy *copy = NULL;
        const struct sim_map_op *best = &fold->ops[i];
        uint64_t value = 0;

        for (unsigned k = 0; k < fold->count; k++) {
            if (strcmp(fold->ops[k].reg, best->reg) == 0 &&
                fold_greater(&fold->ops[k], best)) {
                best = &fold->ops[k];
            }
        }
        if (cove_state_winner(&doc->state, reg, &native, &copy) != 0) {
            world_fail(fold->world, "peer %u shows nothing under %s",
                       fold->peer->index, best->reg);
            return;
        }

        struct cove_hash hash = cove_hash(
            "sim/value", native != NULL ? native->value : copy->value);
        bool deleted = native != NULL ? native->deleted : copy->deleted;

        memcpy(&value, hash.b, sizeof(value));
        if (deleted != best->deleted || (!deleted && value != best->value) ||
            (copy != NULL) != best->copy) {
            world_fail(fold->world, "peer %u shows another winner under %s",
                       fold->peer->index, best->reg);
        }
    }
}

/* --- every op that was written */

static bool ops_has(const struct fold *fold, const struct sim_op *written,
                    bool *there)
{
    *there = true;
    for (unsigned i = 0; i < fold->tx_count; i++) {
        const struct fold_tx *tx = &fold->txs[i];

        if (tx->index == written->index &&
            memcmp(&tx->session, &written->session, sizeof(written->session)) ==
                0) {
            return tx->what == written->what;
        }
    }
    *there = false;
    return false;
}

static void ops_check(struct fold *fold, unsigned reached)
{
    struct world *world = fold->world;
    unsigned expected = 0, found = 0;

    for (unsigned i = 0; i < world->op_count; i++) {
        const struct sim_op *written = &world->ops[i];

        if (written->doc != fold->doc) {
            continue;
        }
        bool there;
        bool same = ops_has(fold, written, &there);

        found += there;
        if (!(reached >> written->peer & 1)) {
            continue;
        }
        expected += there || !written->unsure;
        if (!same && (there || !written->unsure)) {
            world_fail(world, "peer %u lost op %u, written by peer %u",
                       fold->peer->index, i, written->peer);
        }
    }
    /* What was wanted once is here still. */
    if ((world->wants ? found : expected) != fold->tx_count) {
        world_fail(world, "peer %u has %u ops of document %u, %u were written",
                   fold->peer->index, fold->tx_count, fold->doc, expected);
    }
}

bool edge_is(const struct world *world, unsigned a, unsigned b)
{
    return (world->edges[a] >> b & 1) != 0 || (world->edges[b] >> a & 1) != 0;
}

/* The members from which `peer` gets a document, by others that want it, too.
 */
static unsigned members_reached(const struct world *world, unsigned doc,
                                unsigned peer)
{
    unsigned members = world->groups[world->docs[doc].group].members;
    unsigned reached = 1u << peer;

    for (unsigned n = 0; n < world->peer_count; n++) {
        for (unsigned i = 0; i < world->peer_count; i++) {
            for (unsigned k = 0; k < world->peer_count; k++) {
                if (edge_is(world, i, k) && (reached >> i & 1) &&
                    (members >> k & 1) && wants_of(world, i, k, doc)) {
                    reached |= 1u << k;
                }
            }
        }
    }
    return reached;
}

void naive_fail(const char *what)
{
    fprintf(stderr, "not so: %s\n", what);
    abort();
}

/* What the evaluator makes of as much of the sessions as is here, against what
 * is shown: as loaded, and folded anew from the whole log. */
static void check_line(struct fold *fold, struct cove_store_txn *txn,
                       const struct cove_doc *doc)
{
    const struct cove_alloc *alloc = &fold->world->heap.alloc;
    struct naive *naive = &fold->world->docs[fold->doc].naive;
    struct shown shown = {.repo = fold->peer->witness,
                          .txn = txn,
                          .arena = &fold->arena,
                          .doc = doc};
    struct cove_reach points[NAIVE_SESSIONS];
    struct naive_view view;
    struct cove_state anew;
    struct cove_buf lines[3];

    naive_all(naive, &view);
    memset(view.len, 0, sizeof(view.len));
    for (size_t i = 0; i < doc->session_count; i++) {
        points[i].session = doc->sessions[i].session;
        points[i].len = doc->sessions[i].len;
        view.len[naive_session(naive, &points[i].session)] = points[i].len;
    }
    for (unsigned i = 0; i < 3; i++) {
        cove_buf_init(&lines[i], alloc);
    }
    naive_line(naive, &view, &lines[0]);
    shown_line(&shown, &doc->state, &lines[1]);
    SURE(cove_repo_state_of(shown.repo, txn, doc, points, doc->session_count,
                            &fold->arena, &anew, NULL) == 0);
    shown_line(&shown, &anew, &lines[2]);
    cove_repo_state_done(shown.repo, &anew);
    for (unsigned i = 1; i < 3; i++) {
        if (!cove_bytes_equal(cove_buf_bytes(&lines[0]),
                              cove_buf_bytes(&lines[i]))) {
            world_fail(fold->world, "peer %u shows another %s %u%s",
                       fold->peer->index, cove_doc_type_name(doc->header.type),
                       fold->doc, i == 2 ? ", folded anew" : "");
        }
    }
    for (unsigned i = 0; i < 3; i++) {
        cove_buf_clear(&lines[i]);
    }
}

static void check_held(struct fold *fold, struct cove_store_txn *txn,
                       cove_num num, struct cove_hash *digest)
{
    struct sim_peer *peer = fold->peer;
    struct cove_doc doc;

    if (cove_repo_load(peer->witness, txn, num, &fold->arena, &doc, NULL) !=
            0 ||
        cove_repo_log(peer->witness, txn, &doc, fold_log, fold) != 0) {
        world_fail(fold->world, "peer %u cannot read document %u", peer->index,
                   fold->doc);
        return;
    }
    fold_cuts(fold, &doc);
    *digest = cove_doc_digest(&doc, &fold->arena);
    if (doc.header.type == COVE_DOC_COMAP) {
        fold_winners(fold, &doc);
    } else {
        check_line(fold, txn, &doc);
    }
}

/* Is the document anywhere that this peer gets documents from? */
static bool check_made(struct world *world, unsigned doc, unsigned reached)
{
    for (unsigned i = 0; i < world->peer_count; i++) {
        struct sim_peer *peer = &world->peers[i];
        struct cove_store_txn *txn;
        cove_num num;

        if (!(reached >> i & 1) ||
            cove_store_begin(peer->store, false, &txn) != 0) {
            continue;
        }

        int err =
            cove_repo_find(peer->witness, txn, &world->docs[doc].id, &num);

        cove_store_abort(txn);
        if (err == 0) {
            return true;
        }
    }
    return false;
}

/* Was it removed, as far as this peer knows, and should it be? */
static bool check_gone(struct fold *fold, struct cove_store_txn *txn,
                       cove_num num, unsigned reached, struct cove_hash *digest)
{
    const struct sim_doc *doc = &fold->world->docs[fold->doc];
    struct cove_repo *repo = fold->peer->witness;
    struct cove_doc_outline outline;
    struct cove_gone gone;
    struct cove_doc loaded;
    bool is_gone = cove_repo_gone(repo, txn, num, &gone) == 0;

    if (is_gone && ((doc->removers | doc->perhaps) &
                    (fold->world->wants ? UINT_MAX : reached)) == 0) {
        world_fail(fold->world, "peer %u removed document %u, which nobody did",
                   fold->peer->index, fold->doc);
    }
    if (!is_gone && (doc->removers & reached) != 0) {
        world_fail(fold->world, "peer %u has document %u, which was removed",
                   fold->peer->index, fold->doc);
    }
    if (is_gone &&
        (cove_repo_outline(repo, txn, num, &fold->arena, &outline) != 0 ||
         !outline.removed || outline.session_count != 1 ||
         cove_repo_load(repo, txn, num, &fold->arena, &loaded, NULL) !=
             COVE_EREMOVED)) {
        world_fail(fold->world, "peer %u still reads document %u",
                   fold->peer->index, fold->doc);
    } else if (is_gone) {
        *digest = outline.digest;
    }
    return is_gone;
}

static void check_peer(struct world *world, unsigned doc, unsigned index,
                       struct cove_hash *digest, bool *held)
{
    unsigned members = world->groups[world->docs[doc].group].members;
    unsigned reached = members_reached(world, doc, index);
    struct fold fold = {
        .world = world, .peer = &world->peers[index], .doc = doc};
    struct cove_store_txn *txn;
    cove_num num;

    if (cove_store_begin(fold.peer->store, false, &txn) != 0) {
        abort();
    }
    cove_arena_init(&fold.arena, &world->heap.alloc);
    fold.ops = calloc(SIM_OPS, sizeof(*fold.ops));
    fold.txs = calloc(SIM_OPS, sizeof(*fold.txs));
    *held = cove_repo_find(fold.peer->witness, txn, &world->docs[doc].id,
                           &num) == 0;
    if (*held && !(members >> index & 1)) {
        world_fail(world, "peer %u has document %u and may not", index, doc);
    } else if (*held && !(world->docs[doc].wanted >> index & 1)) {
        world_fail(world, "peer %u has document %u, which it never wanted",
                   index, doc);
    } else if (*held && check_gone(&fold, txn, num, reached, digest)) {
        world->gone_checked++;
    } else if (*held) {
        check_held(&fold, txn, num, digest);
        ops_check(&fold, reached);
    } else if ((members >> index & 1) && check_made(world, doc, reached)) {
        world_fail(world, "peer %u lacks document %u", index, doc);
    }
    cove_store_abort(txn);
    free(fold.ops);
    free(fold.txs);
    cove_arena_clear(&fold.arena);
}

static void check_document(struct world *world, unsigned doc)
{
    struct cove_hash digest[SIM_PEERS];
    bool held[SIM_PEERS];

    for (unsigned i = 0; i < world->peer_count; i++) {
        check_peer(world, doc, i, &digest[i], &held[i]);
    }
    for (unsigned i = 0; i < world->peer_count; i++) {
        for (unsigned k = 0; k < i; k++) {
            if (held[i] && held[k] &&
                (members_reached(world, doc, i) >> k & 1) &&
                (members_reached(world, doc, k) >> i & 1) &&
                memcmp(&digest[i], &digest[k], sizeof(digest[i])) != 0) {
                world_fail(world, "peers %u and %u differ in document %u", k, i,
                           doc);
            }
        }
    }
}

static void check_unsent(struct world *world, unsigned from, unsigned to)
{
    struct sim_peer *peer = &world->peers[from];
    struct cove_peer_record record;
    struct cove_store_txn *txn;
    struct cove_unsent unsent = {.documents = 0};

    if (cove_store_begin(peer->store, false, &txn) != 0 ||
        cove_peer_get(peer->witness, txn, &world->peers[to].device, &record) !=
            0) {
        abort();
    }
    while (!unsent.over) {
        if (cove_peer_unsent(peer->witness, txn, &record, &unsent) != 0) {
            abort();
        }
    }
    cove_unsent_clear(&unsent);
    cove_store_abort(txn);
    if (unsent.documents != 0) {
        world_fail(world,
                   "peer %u believes %llu documents are unsent to %u, which "
                   "acknowledged %llu",
                   from, (unsigned long long)unsent.documents, to,
                   (unsigned long long)record.acked);
    }
}

void oracle_check(struct world *world)
{
    for (unsigned i = 0; i < world->doc_count && !world->failed; i++) {
        check_document(world, i);
    }
    for (unsigned i = 0; i < world->peer_count && !world->failed; i++) {
        for (unsigned k = 0; k < world->peer_count; k++) {
            if (world->edges[i] >> k & 1) {
                check_unsent(world, i, k);
                check_unsent(world, k, i);
            }
        }
    }
}
