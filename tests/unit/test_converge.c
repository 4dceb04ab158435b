/* test_converge.c: equal ops give equal digests and states. */
#include "tests/unit/repo_world.h"

/* --- convergence */

static uint32_t draw(struct kit *k, uint32_t below)
{
    uint32_t n;

    harness_random(&k->env, &n, sizeof(n));
    return n % below;
}

/* Find the bytes of one transaction of a document. */
struct find_tx {
    struct cove_op_id id;
    struct cove_hash hash;
};

static int find_tx(void *ctx, const struct cove_log_entry *entry)
{
    struct find_tx *find = ctx;

    if (entry->index == find->id.tx &&
        memcmp(&entry->session->session, &find->id.session,
               sizeof(find->id.session)) == 0) {
        find->hash = cove_tx_hash(entry->bytes);
    }
    return 0;
}

/* Write a copy of the newest native of a register into another register. */
static void random_copy(struct kit *k, struct cove_store_txn *txn,
                        struct cove_doc *doc)
{
    if (doc->state.native_count == 0) {
        return;
    }

    uint32_t pick = draw(k, (uint32_t)doc->state.native_count);
    struct cove_native native = doc->state.natives[pick];
    struct find_tx find = {.id = native.id};
    struct cove_origin origin = {.reg = native.reg, .id = native.id};
    char name[16];
    struct cove_tx_op op;
    struct cove_tx tx = {.kind = COVE_TX_COPY, .ops = &op, .op_count = 1};

    ck_assert_int_eq(cove_repo_log(k->repo, txn, doc, find_tx, &find), 0);
    memcpy(origin.tx_hash, find.hash.b, sizeof(origin.tx_hash));
    if (draw(k, 8) == 0) {
        origin.tx_hash[3] ^= 1; /* a forgery among them */
    }
    snprintf(name, sizeof(name), "copy%u", draw(k, 3));
    op = kit_op(k, name, draw(k, 1000));
    op.origins = &origin;
    op.origin_count = 1;

    int err = cove_repo_append(k->repo, txn, doc, &tx, &k->diag);

    ck_assert_msg(err == 0, "copy: %d %s", err, k->diag.text);
}

static void random_write(struct kit *k, const struct cove_id *id)
{
    struct cove_store_txn *txn = kit_begin(k, true);
    struct cove_doc doc = kit_load(k, txn, id);

    for (uint32_t n = 1 + draw(k, 4); n > 0; n--) {
        char name[16];
        struct cove_tx_op op;
        struct cove_tx tx = {.ops = &op, .op_count = 1};

        if (draw(k, 4) == 0) {
            random_copy(k, txn, &doc);
            continue;
        }
        snprintf(name, sizeof(name), "reg%u", draw(k, 4));
        op = kit_op(k, name, draw(k, 6) == 0 ? ABSENT : draw(k, 1000));
        tx.has_epoch = draw(k, 2) == 0;
        tx.epoch.b[0] = (uint8_t)draw(k, 2);

        int err = cove_repo_append(k->repo, txn, &doc, &tx, &k->diag);

        ck_assert_msg(err == 0, "write: %d %s", err, k->diag.text);
    }
    if (draw(k, 10) == 0) {
        cove_store_abort(txn);
    } else {
        kit_commit(txn);
    }
    k->env.now_ms += draw(k, 3);
}

/* Send a random piece of a random session, perhaps one that cannot be taken
 * yet or is there already. */
static void random_send(struct kit *from, struct kit *to,
                        const struct cove_id *id)
{
    struct cove_store_txn *txn = kit_begin(from, false);
    struct cove_doc doc = kit_load(from, txn, id);
    struct cove_ingest_result result;
    struct cove_batch batch;
    int err;

    cove_store_abort(txn);
    if (doc.session_count == 0) {
        return;
    }

    const struct cove_doc_session *session =
        &doc.sessions[draw(from, (uint32_t)doc.session_count)];

    ck_assert_int_eq(kit_read(from, id, &session->session,
                              draw(from, session->len), 1 + draw(from, 600),
                              &batch),
                     0);
    err = kit_ingest(to, &batch, 1, &result);
    ck_assert_msg(err == 0 || err == COVE_EGAP, "send: %d %s", err,
                  to->diag.text);
}

static void assert_equal_docs(struct world *w, struct kit *a, struct kit *b)
{
    struct cove_doc left = world_look(w, a);
    struct cove_doc right = world_look(w, b);
    struct cove_hash one = cove_doc_digest(&left, &a->arena);
    struct cove_hash two = cove_doc_digest(&right, &b->arena);

    ck_assert_mem_eq(&one, &two, sizeof(one));
    ck_assert_uint_eq(left.state.native_count, right.state.native_count);
    ck_assert_uint_eq(left.state.copy_count, right.state.copy_count);
    for (size_t i = 0; i < left.state.native_count; i++) {
        const struct cove_native *x = &left.state.natives[i];
        const struct cove_native *y = &right.state.natives[i];

        ck_assert(cove_bytes_equal(x->reg, y->reg));
        ck_assert(cove_bytes_equal(x->value, y->value));
        ck_assert_int_eq(x->deleted, y->deleted);
        ck_assert_mem_eq(&x->epoch, &y->epoch, sizeof(x->epoch));
        ck_assert_int_eq(cove_op_id_compare(&x->id, &y->id), 0);
    }
    for (size_t i = 0; i < left.state.copy_count; i++) {
        const struct cove_copy *x = &left.state.copies[i];
        const struct cove_copy *y = &right.state.copies[i];

        ck_assert(cove_bytes_equal(x->reg, y->reg));
        ck_assert(cove_bytes_equal(x->value, y->value));
        ck_assert_int_eq(cove_op_id_compare(&x->id, &y->id), 0);
        ck_assert_int_eq(x->origins[0].held, y->origins[0].held);
    }
}

START_TEST(equal_ops_give_equal_digest_and_state_whatever_the_delivery)
{
    for (int seed = 0; seed < (_i == FIXTURE_MEMORY ? 60 : 4); seed++) {
        struct world w;
        struct kit *kits[3];

        world_open(&w, _i);
        kits[0] = &w.alice;
        kits[1] = &w.bob;
        kits[2] = &w.carol;
        for (int i = 0; i < 3; i++) {
            kits[i]->env.seed += (uint64_t)seed * 977;
            /* Carol reads only; sometimes the owner comes late. */
            kit_take_header(kits[i], &w.doc, w.header);
            if (i < 2 || seed % 2 == 0) {
                kit_take_header(kits[i], &w.group, w.group_header);
            }
        }
        for (int round = 0; round < 60; round++) {
            struct kit *from = kits[draw(&w.alice, 3)];
            struct kit *to = kits[draw(&w.alice, 3)];

            if (draw(&w.alice, 3) == 0) {
                random_write(kits[draw(&w.alice, 2)], &w.doc);
            }
            if (from != to) {
                random_send(from, to, &w.doc);
            }
            if (draw(&w.alice, 20) == 0) {
                w.group_header.at = NULL; /* lay in the arena */
                kit_reopen(to);
            }
            if (draw(&w.alice, 30) == 0 && to != &w.carol) {
                cove_repo_close(to->repo);
                ck_assert_int_eq(kit_open_with(to, true), 0);
            }
        }
        for (int i = 0; i < 9; i++) {
            if (i % 3 != i / 3) {
                kit_sync(kits[i % 3], kits[i / 3], &w.doc);
                kit_sync(kits[i / 3], kits[i % 3], &w.doc);
            }
        }
        for (int i = 0; i < 3; i++) {
            struct kit_member members[] = {
                {&w.alice, "admin"}, {&w.bob, "writer"}, {&w.carol, "reader"}};
            struct cove_id group;

            kit_take_header(kits[i], &w.group,
                            kit_group(kits[i], members, 3, &group));
            kits[i]->env.now_ms = NOW + 1000000;
        }
        assert_equal_docs(&w, kits[0], kits[1]);
        assert_equal_docs(&w, kits[1], kits[2]);
        world_close(&w);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("converge");
    TCase *both = tcase_create("both stores");

    tcase_set_timeout(both, 60);
#define BOTH(name) tcase_add_loop_test(both, name, 0, FIXTURE_KINDS)
    BOTH(equal_ops_give_equal_digest_and_state_whatever_the_delivery);
#undef BOTH
    suite_add_tcase(suite, both);
    return harness_run(suite);
}
