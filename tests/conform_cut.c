/* conform_cut.c: the ops of the line protocol as a document's history, with its
 * beginning cut off. An op of the protocol is somewhere in a total order, and
 * that is all that a view asks of its id: so each becomes a transaction whose
 * time is its place in that order, in the session of its author, and in the end
 * the ids are the protocol's again. Origins that nobody wrote are in a session
 * that is not there.
 */
#include "tests/conform_cut.h"

#include "tests/cut_world.h"
#include "tests/sim/random.h"

#define FOLD_PAD 5000 /* bytes that are cut off at least: COVE_CUT_LEAST */

struct fold {
    struct world w;
    struct sim_random random;
    const struct conform_op **ops; /* in the order of their ids, each once */
    size_t op_count;
    struct cove_op_id
        *ids; /* of them and of their origins, sorted, each once */
    size_t id_count;
    struct cove_op_id *real; /* of each id; the session zero: nobody's */
    uint8_t (*hashes)[8];
    struct cove_op_id names[WORLD_SESSIONS]; /* of authors: by their device */
    size_t name_count;
};

static unsigned cut_count, taken_count;

void conform_cut_counts(unsigned *cuts, unsigned *taken)
{
    *cuts = cut_count;
    *taken = taken_count;
}

/* --- the order of all ids */

static int id_order(const void *left, const void *right)
{
    return cove_op_id_compare(left, right);
}

static int op_order(const void *left, const void *right)
{
    const struct conform_op *const *a = left;
    const struct conform_op *const *b = right;

    return cove_op_id_compare(&(*a)->native.id, &(*b)->native.id);
}

static size_t fold_place(const struct fold *f, const struct cove_op_id *id)
{
    const struct cove_op_id *at =
        bsearch(id, f->ids, f->id_count, sizeof(*id), id_order);

    REQUIRE(at != NULL);
    return (size_t)(at - f->ids);
}

static void fold_ids(struct fold *f, const struct conform_op *ops, size_t count)
{
    size_t most = count + 1;
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        most += ops[i].origin_count;
    }
    f->ids = cove_arena_array(&f->w.arena, most, sizeof(*f->ids));
    f->real = cove_arena_array(&f->w.arena, most, sizeof(*f->real));
    f->hashes = cove_arena_array(&f->w.arena, most, sizeof(*f->hashes));
    f->ops = cove_arena_array(&f->w.arena, most, sizeof(*f->ops));
    REQUIRE(f->ids != NULL && f->real != NULL && f->hashes != NULL &&
            f->ops != NULL);
    for (size_t i = 0; i < count; i++) {
        f->ops[i] = &ops[i];
        f->ids[f->id_count++] = ops[i].native.id;
        for (size_t k = 0; k < ops[i].origin_count; k++) {
            if (!cove_op_id_is_none(&ops[i].origins[k].id)) {
                f->ids[f->id_count++] = ops[i].origins[k].id;
            }
        }
    }
    qsort(f->ids, f->id_count, sizeof(*f->ids), id_order);
    for (size_t i = 0; i < f->id_count; i++) {
        if (kept == 0 || id_order(&f->ids[kept - 1], &f->ids[i]) != 0) {
            f->ids[kept++] = f->ids[i];
        }
    }
    f->id_count = kept;
    qsort(f->ops, count, sizeof(*f->ops), op_order);
    for (size_t i = 0; i < count; i++) {
        if (f->op_count == 0 ||
            op_order(&f->ops[f->op_count - 1], &f->ops[i]) != 0) {
            f->ops[f->op_count++] = f->ops[i];
        }
    }
}

/* --- sessions */

static uint64_t fold_hlc(size_t place)
{
    return cove_hlc_of_ms(WORLD_NOW) + 1 + place;
}

static size_t fold_author(struct fold *f, const struct cove_op_id *id)
{
    size_t i = 0;

    while (i < f->name_count &&
           memcmp(&f->names[i].device, &id->device, sizeof(id->device)) != 0) {
        i++;
    }
    REQUIRE(i + 1 < WORLD_SESSIONS); /* the last one pads */
    if (i == f->name_count) {
        f->names[f->name_count++] = *id;
    }
    return i;
}

static void fold_origins(struct fold *f, const struct conform_op *op,
                         struct cove_tx_op *out)
{
    struct cove_origin *origins =
        cove_arena_array(&f->w.arena, op->origin_count, sizeof(*origins));

    REQUIRE(origins != NULL);
    for (size_t i = 0; i < op->origin_count; i++) {
        const struct cove_op_id *id = &op->origins[i].id;

        origins[i].reg = op->origins[i].reg;
        if (!cove_op_id_is_none(id)) {
            size_t place = fold_place(f, id);

            origins[i].id = f->real[place];
            origins[i].id.hlc = fold_hlc(place);
            memcpy(origins[i].tx_hash, f->hashes[place], 8);
        }
    }
    out->origins = origins;
    out->origin_count = op->origin_count;
}

static void fold_op(struct fold *f, const struct conform_op *op)
{
    const struct cove_native *native = &op->native;
    size_t place = fold_place(f, &native->id);
    struct world_author *a = &f->w.authors[fold_author(f, &native->id)];
    struct cove_tx_op tx_op = {
        .reg = native->reg, .deleted = native->deleted, .value = native->value};
    struct cove_tx tx = {.hlc = fold_hlc(place),
                         .auth_inherited = a->len > 0,
                         .ops = &tx_op,
                         .op_count = 1};
    struct cove_hash hash;

    if (op->origin_count > 0) {
        tx.kind = COVE_TX_COPY;
        fold_origins(f, op, &tx_op);
    } else if (native->has_epoch) {
        tx.has_epoch = true;
        tx.epoch = native->epoch;
    }
    world_push(&f->w, a, &tx);
    if (op->origin_count == 0) {
        hash = cove_tx_hash(a->txs[a->len - 1]);
        f->real[place] = (struct cove_op_id){
            .device = a->device, .session = a->session, .tx = a->len - 1};
        memcpy(f->hashes[place], hash.b, 8);
    }
}

/* A write that no schema knows, before all others. */
static void fold_pad(struct fold *f)
{
    struct world_author *a = &f->w.authors[WORLD_SESSIONS - 1];
    struct cove_tx_op op = {.reg = cove_bytes_text("")};
    struct cove_tx tx = {
        .hlc = cove_hlc_of_ms(WORLD_NOW), .ops = &op, .op_count = 1};
    uint8_t text[FOLD_PAD];

    memset(text, 'p', sizeof(text));
    op.reg = cove_bytes_text("padding");
    REQUIRE(cove_value_of_text(&f->w.arena, cove_bytes(text, sizeof(text)),
                               &op.value) == 0);
    world_push(&f->w, a, &tx);
}

/* --- arriving and cutting */

static uint32_t author_until(const struct world_author *a, uint64_t hlc)
{
    uint32_t len = 0;

    while (len < a->len && a->hlcs[len] < hlc) {
        len++;
    }
    return len;
}

static void fold_send(struct fold *f, struct world_repo *r, bool all)
{
    struct world *w = &f->w;

    for (size_t i = 0; i < WORLD_SESSIONS; i++) {
        const struct world_author *a = &w->authors[i];
        bool late =
            !all && i + 1 < WORLD_SESSIONS && random_chance(&f->random, 30);
        uint32_t end = late ? random_below(&f->random, a->len + 1) : a->len;

        if (all || late || random_chance(&f->random, 50)) {
            world_send(w, r, a, 0, end);
        } else {
            world_send(
                w, r, a, 0,
                author_until(a, fold_hlc(random_below(
                                    &f->random, (unsigned)f->id_count + 1))));
        }
    }
}

/* Sessions that begin behind a cut are sent from there on. */
static void fold_send_rest(struct fold *f, struct world_repo *r)
{
    struct cove_arena arena;
    struct cove_doc doc;

    cove_arena_init(&arena, &cove_alloc_libc);
    doc = world_load(&f->w, r, &arena);
    for (size_t i = 0; i < WORLD_SESSIONS; i++) {
        uint32_t have = 0;

        for (size_t k = 0; k < doc.session_count; k++) {
            if (memcmp(&doc.sessions[k].session, &f->w.authors[i].session,
                       sizeof(doc.sessions[k].session)) == 0) {
                have = doc.sessions[k].len;
            }
        }
        world_send(&f->w, r, &f->w.authors[i], have, f->w.authors[i].len);
    }
    cove_arena_clear(&arena);
}

static struct world_repo *fold_run(struct fold *f)
{
    struct world_repo *cutter = &f->w.repos[0];
    struct world_repo *taker = &f->w.repos[1];
    struct cove_bytes cut;

    fold_send(f, cutter, false);
    for (unsigned n = 1 + random_below(&f->random, 2); n > 0; n--) {
        int err = world_cut(
            &f->w, cutter,
            fold_hlc(random_below(&f->random, (unsigned)f->id_count + 1)));

        REQUIRE(err == 0 || err == COVE_ENOTFOUND);
        cut_count += err == 0;
    }
    if (random_chance(&f->random, 60)) {
        fold_send_rest(f, cutter);
        return cutter;
    }
    cut = world_cut_of(&f->w, cutter);
    if (random_chance(&f->random, 50)) {
        fold_send(f, taker, false);
    }
    if (cut.len > 0) {
        REQUIRE(world_take(taker, cut) == 0);
        taken_count++;
    }
    fold_send_rest(f, taker);
    return taker;
}

/* --- the protocol's ids again */

static void id_back(const struct fold *f, struct cove_op_id *id)
{
    if (!cove_op_id_is_none(id)) {
        *id = f->ids[id->hlc - fold_hlc(0)];
    }
}

static void fold_back(const struct fold *f, struct cove_state *state)
{
    size_t kept = 0;

    for (size_t i = 0; i < state->native_count; i++) {
        if (!cove_bytes_equal(state->natives[i].reg,
                              cove_bytes_text("padding"))) {
            state->natives[kept] = state->natives[i];
            id_back(f, &state->natives[kept++].id);
        }
    }
    state->native_count = kept;
    for (size_t i = 0; i < state->copy_count; i++) {
        struct cove_copy *copy = &state->copies[i];

        id_back(f, &copy->id);
        for (size_t k = 0; k < copy->origin_count; k++) {
            id_back(f, &copy->origins[k].id);
        }
    }
}

void conform_cut_fold(const struct conform_op *ops, size_t count,
                      uint64_t *random, struct cove_arena *arena,
                      struct cove_state *out)
{
    static struct fold f;
    struct cove_doc doc;

    memset(&f, 0, sizeof(f));
    world_open(&f.w, COVE_DOC_COMAP);
    f.w.now_ms += 1000;
    f.random.state = *random;
    fold_ids(&f, ops, count);
    fold_pad(&f);
    for (size_t i = 0; i < f.op_count; i++) {
        fold_op(&f, f.ops[i]);
    }
    doc = world_load(&f.w, fold_run(&f), arena);
    fold_back(&f, &doc.state);
    *out = doc.state;
    *random = f.random.state;
    world_close(&f.w);
}
