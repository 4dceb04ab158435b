/* test_cut_twin.c: one store cuts the history of a document at random, again
 * and again, and its twin, which gets the same, never does. After each step
 * both show the same and say the same of it; in the end so do all devices,
 * whichever of them took a cut and in whatever order things came.
 *
 *     test_cut_twin FIRST:END    so many histories, else some
 */
#include "crdt/repo_upkeep.h"
#include "tests/sim/random.h"
#include "tests/unit/cut_kit.h"
#include "tests/unit/text_kit.h"

#define STEPS 70
#define TEXT  300 /* most bytes of a value */

enum { ALICE, BOB, CAROL, TWIN, ALL, KITS }; /* ALL: everything, never cut */

struct history {
    struct sim_random random;
    struct kit kits[KITS];
    int64_t skew[KITS];
    int64_t now_ms;
    enum cove_doc_type type;
    bool many; /* bob is an admin, too, and cuts */
    struct cove_id group, doc;
    unsigned cuts, taken;
};

static struct {
    unsigned cuts, taken, stuck;
} all;

static unsigned below(struct history *h, unsigned n)
{
    return random_below(&h->random, n);
}

/* --- devices */

static void history_open(struct history *h, unsigned seed)
{
    static const enum cove_doc_type types[] = {
        COVE_DOC_COMAP, COVE_DOC_COMAP, COVE_DOC_COTEXT, COVE_DOC_COLIST,
        COVE_DOC_COMAP, COVE_DOC_COMAP, COVE_DOC_COTEXT, COVE_DOC_COCOUNTER};
    struct cove_bytes group, header;

    memset(h, 0, sizeof(*h));
    h->random.state = seed * 7919u + 1;
    h->type = types[seed % COVE_ARRAY_LEN(types)];
    h->many = below(h, 4) == 0;
    h->now_ms = NOW;
    for (int i = 0; i < KITS; i++) {
        kit_open(&h->kits[i], FIXTURE_MEMORY, (uint8_t)(i + 1));
        h->kits[i].env.seed += seed * 977u;
        h->skew[i] = i < TWIN ? (int)below(h, 240000) - 120000 : 0;
    }
    h->skew[TWIN] = h->skew[ALICE];

    struct kit_member members[KITS] = {
        {&h->kits[ALICE], "admin"},
        {&h->kits[BOB], h->many ? "admin" : "writer"},
        {&h->kits[CAROL], "writer"},
        {&h->kits[TWIN], "reader"},
        {&h->kits[ALL], "reader"}};

    group = kit_group(&h->kits[ALICE], members, KITS, &h->group);
    header = kit_header(&h->kits[ALICE], h->type, &h->group, seed, &h->doc);
    for (int i = 0; i < KITS; i++) {
        kit_take_header(&h->kits[i], &h->group, group);
        kit_take_header(&h->kits[i], &h->doc, header);
    }
}

static void history_close(struct history *h)
{
    all.cuts += h->cuts;
    all.taken += h->taken;
    for (int i = 0; i < KITS; i++) {
        kit_close(&h->kits[i]);
    }
}

static void history_tick(struct history *h)
{
    h->now_ms += below(h, 4) == 0 ? below(h, 3) : below(h, 90000);
    for (int i = 0; i < KITS; i++) {
        h->kits[i].env.now_ms = h->now_ms + h->skew[i];
        cove_arena_reset(&h->kits[i].arena);
    }
}

/* --- writing */

static struct cove_bytes some_text(struct history *h, struct kit *k)
{
    char text[TEXT];
    size_t len = below(h, TEXT);
    struct cove_bytes value;

    memset(text, (int)('a' + below(h, 26)), len);
    ck_assert_int_eq(
        cove_value_of_text(&k->arena, cove_bytes(text, len), &value), 0);
    return value;
}

/* A copy of a write, into another register; of what the state keeps, as the
 * engine makes them. */
static int write_copy(struct history *h, struct kit *k,
                      struct cove_store_txn *txn, struct cove_doc *doc)
{
    static const char *const regs[] = {"a copy", "another", "r1"};
    struct cove_tx_op op = {.reg = cove_bytes_text(regs[below(h, 3)])};
    struct cove_tx tx = {.kind = COVE_TX_COPY, .ops = &op, .op_count = 1};
    struct cove_origin origins[2];
    size_t count = 1 + below(h, 2);

    memset(origins, 0, sizeof(origins));
    for (size_t i = 0; i < count; i++) {
        const struct cove_native *native =
            &doc->state.natives[below(h, (unsigned)doc->state.native_count)];
        int err;

        origins[i].reg = native->reg;
        if (i > 0 && below(h, 3) == 0) {
            continue; /* never written */
        }
        origins[i].id = native->id;
        err = cove_repo_tx_hash(k->repo, txn, doc, &native->id,
                                origins[i].tx_hash);
        ck_assert_msg(err == 0, "hash: %d", err);
    }
    op.origins = origins;
    op.origin_count = count;
    op.deleted = below(h, 5) == 0;
    if (!op.deleted) {
        op.value = some_text(h, k);
    }
    return cove_repo_append(k->repo, txn, doc, &tx, &k->diag);
}

static int write_native(struct history *h, struct kit *k,
                        struct cove_store_txn *txn, struct cove_doc *doc)
{
    char reg[8] = "r0";
    struct cove_tx_op op = {.reg = cove_bytes(reg, 2)};
    struct cove_tx tx = {.ops = &op, .op_count = 1};

    if (h->type == COVE_DOC_COCOUNTER) {
        op = (struct cove_tx_op){.kind = COVE_OP_ADD,
                                 .amount = (int64_t)below(h, 99) - 200};
        return cove_repo_append(k->repo, txn, doc, &tx, &k->diag);
    }
    reg[1] = (char)('0' + below(h, 5));
    op.deleted = below(h, 8) == 0;
    if (!op.deleted) {
        op.value = some_text(h, k);
    }
    tx.has_epoch = below(h, 2) == 0;
    tx.epoch.b[0] = (uint8_t)below(h, 3);
    return cove_repo_append(k->repo, txn, doc, &tx, &k->diag);
}

static void write_text(struct history *h, struct kit *k,
                       struct cove_store_txn *txn, struct cove_doc *doc)
{
    size_t len = cove_seq_length(doc->state.seq, COVE_SEQ_BYTES);
    size_t at = below(h, (unsigned)len + 1);
    size_t remove = below(h, 3) == 0 ? below(h, (unsigned)(len - at) + 1) : 0;
    char text[40];

    memset(text, (int)('a' + below(h, 26)), sizeof(text));
    text[1 + below(h, sizeof(text) - 1)] = '\0';
    ck_assert_int_eq(kit_edit(k, txn, doc, at, remove, text), 0);
}

/* Items go, and one to three of one type come. */
static void write_list(struct history *h, struct kit *k,
                       struct cove_store_txn *txn, struct cove_doc *doc)
{
    size_t len = cove_seq_length(doc->state.seq, COVE_SEQ_ELEMENTS);
    size_t at = below(h, (unsigned)len + 1);
    size_t remove = below(h, 3) == 0 ? below(h, (unsigned)(len - at) + 1) : 0;
    struct cove_compose_insert in = {.unit = COVE_SEQ_ELEMENTS,
                                     .at = at,
                                     .count = 1 + below(h, 3),
                                     .type = cove_bytes_text("type")};
    struct cove_compose_self self;
    struct cove_compose compose;
    struct cove_buf values;
    struct cove_tx tx;
    int err = cove_repo_self(k->repo, txn, doc, &self);

    cove_buf_init(&values, &k->heap.alloc);
    for (uint32_t i = 0; i < in.count && err == 0; i++) {
        err = cove_buf_append(&values, some_text(h, k));
    }
    in.content = cove_buf_bytes(&values);
    cove_compose_init(&compose, &k->heap.alloc);
    if (err == 0) {
        cove_compose_start(&compose, doc->state.seq, &self);
        err = cove_compose_remove(&compose, COVE_SEQ_ELEMENTS, at, remove);
    }
    if (err == 0) {
        err = cove_compose_insert(&compose, &in);
    }
    if (err == 0) {
        err = cove_compose_take(&compose, &k->arena, &tx);
        tx.epoch_inherited = tx.auth_inherited = true;
    }
    err = err != 0 ? err : cove_repo_append(k->repo, txn, doc, &tx, &k->diag);
    ck_assert_msg(err == 0, "list: %d %s", err, k->diag.text);
    cove_compose_clear(&compose);
    cove_buf_clear(&values);
}

static void act_write(struct history *h)
{
    struct kit *k = &h->kits[below(h, TWIN)];
    struct cove_store_txn *txn = kit_begin(k, true);
    struct cove_doc doc = kit_load(k, txn, &h->doc);

    for (unsigned n = 1 + below(h, 20); n > 0; n--) {
        int err = 0;

        if (h->type == COVE_DOC_COTEXT) {
            write_text(h, k, txn, &doc);
        } else if (h->type == COVE_DOC_COLIST) {
            write_list(h, k, txn, &doc);
        } else if (h->type == COVE_DOC_COMAP && below(h, 4) == 0 &&
                   doc.state.native_count > 0) {
            err = write_copy(h, k, txn, &doc);
        } else {
            err = write_native(h, k, txn, &doc);
        }
        ck_assert_msg(err == 0, "write: %d %s", err, k->diag.text);
        k->env.now_ms += below(h, 3);
    }
    kit_commit(txn);
}

/* --- sending */

static void give_cut(struct history *h, struct kit *from, struct kit *to)
{
    struct cove_bytes cut = cut_of(from, &h->doc);
    struct cove_ingest_result result;
    int err = cut.len == 0 ? 0 : cut_take(to, cut, &result);

    if (err == COVE_ECUT) {
        all.stuck++;
        ck_assert_msg(h->many, "two cuts of one device");
        return;
    }
    ck_assert_msg(err == 0, "take: %d %s", err, to->diag.text);
    h->taken += cut.len > 0 && result.added > 0;
}

/* All of a session from what is there, or as far as it goes. */
static void give_session(struct history *h, struct kit *from, struct kit *to,
                         const struct cove_doc_session *session)
{
    struct cove_ingest_result result = {.have = session->base};

    while (result.have < session->len) {
        struct cove_batch batch;
        int err = kit_read(from, &h->doc, &session->session, result.have, 60000,
                           &batch);

        ck_assert_msg(err == 0, "read: %d", err);
        err = kit_ingest(to, &batch, 1, &result);
        if (err == COVE_EGAP && h->many) {
            return; /* its cut could not be taken */
        }
        ck_assert_msg(err == 0, "ingest: %d %s", err, to->diag.text);
    }
}

static struct cove_doc look(struct history *h, int who)
{
    struct cove_store_txn *txn = kit_begin(&h->kits[who], false);
    struct cove_doc doc = kit_load(&h->kits[who], txn, &h->doc);

    cove_store_abort(txn);
    return doc;
}

static void give_all(struct history *h, int from, int to)
{
    struct cove_doc doc = look(h, from);

    give_cut(h, &h->kits[from], &h->kits[to]);
    for (size_t i = 0; i < doc.session_count; i++) {
        give_session(h, &h->kits[from], &h->kits[to], &doc.sessions[i]);
    }
}

/* A piece of a session, perhaps one that cannot be taken yet or is there. */
static void act_send(struct history *h)
{
    int from = (int)below(h, TWIN);
    int to = (int)below(h, TWIN);
    struct cove_doc doc = look(h, from);
    struct cove_ingest_result result;
    struct cove_batch batch;
    int err;

    if (from == to || doc.session_count == 0) {
        return;
    }
    if (below(h, 3) == 0) {
        give_all(h, from, to);
        return;
    }

    const struct cove_doc_session *s =
        &doc.sessions[below(h, (unsigned)doc.session_count)];

    if (below(h, 2) == 0) {
        give_cut(h, &h->kits[from], &h->kits[to]);
    }
    if (s->base == s->len) {
        return;
    }
    ck_assert_int_eq(kit_read(&h->kits[from], &h->doc, &s->session,
                              s->base + below(h, s->len - s->base),
                              1 + below(h, 3000), &batch),
                     0);
    err = kit_ingest(&h->kits[to], &batch, 1, &result);
    ck_assert_msg(err == 0 || err == COVE_EGAP, "send: %d %s", err,
                  h->kits[to].diag.text);
}

/* Before anything is cut off somebody has it. */
static void keep(struct history *h)
{
    for (int i = 0; i < TWIN; i++) {
        give_all(h, i, ALL);
    }
}

static void act_cut(struct history *h)
{
    int who = h->many ? (int)below(h, 2) : ALICE;
    struct cove_cut_rule rule = {.bytes = UINT64_MAX};
    struct cove_cut_result gone;
    int err;

    keep(h);
    if (below(h, 2) == 0) {
        rule.before =
            cove_hlc_of_ms(h->now_ms - (int64_t)below(h, 400000) + 60000);
    } else {
        rule.bytes = below(h, 12000);
    }
    err = cut_try(&h->kits[who], &h->doc, &rule, &gone);
    ck_assert_msg(err == 0 || err == COVE_ENOTFOUND || err == COVE_EUNSUPPORTED,
                  "cut: %d %s", err, h->kits[who].diag.text);
    h->cuts += err == 0;
}

static void act_other(struct history *h)
{
    int who = (int)below(h, TWIN);
    struct kit *k = &h->kits[who];

    if (below(h, 3) == 0) {
        cove_repo_close(k->repo);
        ck_assert_int_eq(kit_open_with(k, true), 0);
    } else if (below(h, 2) == 0) {
        kit_reopen(k);
    } else {
        pack_now(k, below(h, 2) == 0 ? &pack_all : &pack_cold);
    }
}

/* --- comparing */

static void assert_same_copies(const struct cove_state *a,
                               const struct cove_state *b)
{
    ck_assert_uint_eq(a->copy_count, b->copy_count);
    ck_assert_uint_eq(a->false_copies, b->false_copies);
    for (size_t i = 0; i < a->copy_count; i++) {
        const struct cove_copy *x = &a->copies[i];
        const struct cove_copy *y = &b->copies[i];

        ck_assert(cove_bytes_equal(x->reg, y->reg));
        ck_assert_int_eq(cove_op_id_compare(&x->id, &y->id), 0);
        ck_assert_int_eq(x->deleted, y->deleted);
        ck_assert_uint_eq(x->origin_count, y->origin_count);
        for (size_t k = 0; k < x->origin_count; k++) {
            ck_assert_int_eq(x->origins[k].held, y->origins[k].held);
            ck_assert_mem_eq(x->origins[k].tx_hash, y->origins[k].tx_hash, 8);
        }
    }
}

/* All elements, tombstones too, in their order, and what they are: however they
 * lie in pieces. */
static struct cove_hash seq_sum(const struct cove_seq *seq)
{
    struct cove_hasher elements, contents;
    struct cove_seq_piece piece;
    struct cove_seq_walk walk;
    struct cove_hash sum;

    cove_hasher_init(&elements, "test/elements");
    cove_hasher_init(&contents, "test/contents");
    ck_assert_int_eq(cove_seq_walk_all(seq, &walk), 0);
    while (cove_seq_next(&walk, &piece)) {
        for (uint32_t i = 0; i < piece.count; i++) {
            uint64_t each[3] = {piece.first.n + i, piece.deleted, piece.hlc};

            cove_hasher_add(&elements, cove_bytes(each, sizeof(each)));
            cove_hasher_add(&elements, piece.type);
        }
        cove_hasher_add(&contents, piece.content);
    }
    sum = cove_hasher_end(&contents);
    cove_hasher_add(&elements, cove_bytes(sum.b, sizeof(sum.b)));
    return cove_hasher_end(&elements);
}

static void assert_same_seq(const struct cove_state *a,
                            const struct cove_state *b)
{
    struct cove_hash one = seq_sum(a->seq), two = seq_sum(b->seq);

    ck_assert_mem_eq(&one, &two, sizeof(one));
}

/* What the record keeps of the newest write. */
static void assert_same_count(struct history *h, int a, int b)
{
    struct cove_step_id epochs[2] = {{{0}}, {{0}}};
    uint64_t newest[2];
    int who[2] = {a, b};

    for (int i = 0; i < 2; i++) {
        struct kit *k = &h->kits[who[i]];
        struct cove_store_txn *txn = kit_begin(k, false);
        struct repo_record record;
        struct repo_work work;

        ck_assert_int_eq(repo_work_begin(&work, k->repo, txn, &k->arena, NULL),
                         0);
        ck_assert_int_eq(
            repo_record_read(&work, kit_num(k, txn, &h->doc), &record), 0);
        newest[i] = record.newest;
        if (record.count.epoch != 0) {
            ck_assert_int_eq(
                repo_intern_epoch_of(&work, record.count.epoch, &epochs[i]), 0);
        }
        ck_assert_int_eq(cove_repo_recount(k->repo, txn, NULL), 0);
        cove_store_abort(txn);
    }
    ck_assert_uint_eq(newest[0], newest[1]);
    ck_assert_mem_eq(&epochs[0], &epochs[1], sizeof(epochs[0]));
}

static void assert_same(struct history *h, int a, int b)
{
    struct cove_doc x = look(h, a);
    struct cove_doc y = look(h, b);

    assert_same_view(&h->kits[a], &h->kits[b], &h->doc);
    assert_same_copies(&x.state, &y.state);
    for (size_t i = 0; i < x.state.native_count; i++) {
        ck_assert_mem_eq(&x.state.natives[i].epoch, &y.state.natives[i].epoch,
                         sizeof(x.state.natives[i].epoch));
    }
    if (h->type == COVE_DOC_COTEXT || h->type == COVE_DOC_COLIST) {
        x = look(h, a);
        y = look(h, b);
        assert_same_seq(&x.state, &y.state);
    }
    assert_same_count(h, a, b);
}

/* The twin gets what alice has, of who has all of it. */
static void twin_follow(struct history *h)
{
    struct cove_doc doc = look(h, ALICE);

    for (size_t i = 0; i < doc.session_count; i++) {
        give_session(h, &h->kits[ALICE], &h->kits[TWIN], &doc.sessions[i]);
    }
    assert_same(h, ALICE, TWIN);
}

static void history_end(struct history *h)
{
    h->now_ms += 600000;
    history_tick(h);
    for (int i = 0; i < TWIN; i++) {
        give_all(h, i, ALL);
    }
    for (int n = 0; n < 6; n++) { /* first of each other, then of who has all */
        int from = (int)below(h, TWIN);
        int to = (int)below(h, TWIN);

        if (from != to) {
            give_all(h, from, to);
        }
    }
    for (int i = 0; i < TWIN; i++) {
        give_all(h, ALL, i);
    }
    for (int i = 0; i < TWIN; i++) {
        assert_same(h, ALL, i);
        kit_reopen(&h->kits[i]);
        assert_same(h, ALL, i);
    }
}

static void history_run(unsigned seed)
{
    static struct history h;

    history_open(&h, seed);
    for (int i = 0; i < STEPS; i++) {
        unsigned what = below(&h, 20);

        history_tick(&h);
        if (what < 8) {
            act_write(&h);
        } else if (what < 15) {
            act_send(&h);
        } else if (what < 18) {
            act_cut(&h);
        } else {
            act_other(&h);
        }
        if (!h.many) {
            twin_follow(&h);
        }
    }
    history_end(&h);
    history_close(&h);
}

static unsigned first, end = 60;

START_TEST(a_store_that_cuts_shows_what_its_twin_shows)
{
    for (unsigned seed = first; seed < end; seed++) {
        history_run(seed);
        if ((seed + 1) % 1000 == 0) {
            printf("# %u\n", seed + 1);
            fflush(stdout);
        }
    }
    printf("# %u histories, %u cuts, %u taken by others, %u that could not be "
           "one\n",
           end - first, all.cuts, all.taken, all.stuck);
    ck_assert_uint_gt(all.cuts, end - first);
    ck_assert_uint_gt(all.taken, (end - first) / 8);
    ck_assert_uint_gt(all.stuck, 0);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("cut_twin");
    TCase *twins = tcase_create("twins");

    if (argc > 1 && sscanf(argv[1], "%u:%u", &first, &end) != 2) {
        fprintf(stderr, "usage: test_cut_twin [FIRST:END]\n");
        return 2;
    }
    tcase_set_timeout(twins, argc > 1 ? 86400 : 120);
    tcase_add_test(twins, a_store_that_cuts_shows_what_its_twin_shows);
    suite_add_tcase(suite, twins);
    return harness_run(suite);
}
