/* What a transaction appends to one document again and again stays in memory
 * until somebody looks: nobody may be able to tell. */
#include "crdt/repo_upkeep.h"
#include "tests/unit/repo_home.h"
#include "tests/unit/repo_world.h"
#include "tests/unit/text_kit.h"

enum shape { MAP, TEXT, COUNTER, STREAM, SHAPES };

static const enum cove_doc_type shape_types[SHAPES] = {
    COVE_DOC_COMAP, COVE_DOC_COTEXT, COVE_DOC_COCOUNTER, COVE_DOC_COSTREAM};

struct hot { /* a device with two documents of one shape */
    struct kit kit;
    enum shape shape;
    struct cove_id group;
    struct cove_id docs[2];
    struct cove_bytes headers[3]; /* of the group, of the documents */
};

static void hot_create(struct hot *h, struct cove_bytes header)
{
    struct cove_store_txn *txn = kit_begin(&h->kit, true);
    cove_num num;

    ck_assert_int_eq(
        cove_repo_create(h->kit.repo, txn, header, &num, &h->kit.diag), 0);
    kit_commit(txn);
}

/* Alice is admin, bob may write. */
static void hot_open(struct hot *h, const struct kit *bob, int kind,
                     enum shape shape, unsigned group_leaves)
{
    kit_init(&h->kit, kind, 1);
    h->kit.group_leaves = group_leaves;
    ck_assert_int_eq(kit_open_with(&h->kit, false), 0);
    h->shape = shape;

    struct kit_member members[] = {{&h->kit, "admin"}, {bob, "writer"}};

    h->headers[0] = kit_group(&h->kit, members, bob == NULL ? 1 : 2, &h->group);
    hot_create(h, h->headers[0]);
    for (uint32_t i = 0; i < 2; i++) {
        h->headers[i + 1] = kit_header(&h->kit, shape_types[shape], &h->group,
                                       2 * i + 1, &h->docs[i]);
        hot_create(h, h->headers[i + 1]);
    }
}

/* --- steps */

static struct cove_bytes step_value(struct kit *k, uint32_t i, size_t size)
{
    struct cove_buf buf;
    struct cove_writer w;
    struct cove_bytes out;
    uint8_t room[COVE_MAX_TEXT];

    memset(room, (int)(i % 251), size);
    cove_buf_init(&buf, &k->heap.alloc);
    cove_writer_init(&w, &buf);
    cove_writer_bytes(&w, room, size);
    ck_assert_int_eq(w.err, 0);
    ck_assert_int_eq(cove_arena_copy(&k->arena, cove_buf_bytes(&buf), &out), 0);
    cove_buf_clear(&buf);
    return out;
}

static int step_edit(struct hot *h, struct cove_store_txn *txn,
                     struct cove_doc *doc, uint32_t i, size_t size)
{
    static char text[COVE_MAX_TEXT];
    size_t length = cove_seq_length(doc->state.seq, COVE_SEQ_BYTES);
    size_t at = i % 3 == 0 ? length : i * 7919u % (length + 1);
    size_t remove = i % 5 == 4 ? (length - at) % 17 : 0;

    memset(text, 'a' + (int)(i % 26), size);
    text[size] = '\0';
    return kit_edit(&h->kit, txn, doc, at, remove, text);
}

static int step(struct hot *h, struct cove_store_txn *txn, struct cove_doc *doc,
                uint32_t i, size_t size)
{
    char reg[] = {'k', (char)('0' + i % 7), '\0'};
    struct cove_tx_op op = {.kind = COVE_OP_REGISTER};
    struct cove_tx tx = {.ops = &op, .op_count = 1};

    switch (h->shape) {
    case MAP:
        op.reg = cove_bytes_text(reg);
        op.value = step_value(&h->kit, i, size);
        break;
    case COUNTER:
        op.kind = COVE_OP_ADD;
        op.amount = i % 2 == 0 ? (int64_t)i + 1 : -5;
        break;
    case STREAM:
        op.kind = COVE_OP_APPEND;
        op.value = step_value(&h->kit, i, size);
        break;
    case TEXT:
    case SHAPES:
        return step_edit(h, txn, doc, i, size);
    }
    return cove_repo_append(h->kit.repo, txn, doc, &tx, &h->kit.diag);
}

static void must_step(struct hot *h, struct cove_store_txn *txn,
                      struct cove_doc *doc, uint32_t i, size_t size)
{
    int err = step(h, txn, doc, i, size);

    ck_assert_msg(err == 0, "step %u: %d %s", i, err, h->kit.diag.text);
}

/* Steps [first, first + count), all in one transaction or each in its own. */
static void steps(struct hot *h, uint32_t first, uint32_t count, size_t size,
                  bool together)
{
    struct cove_store_txn *txn = NULL;
    struct cove_doc doc;

    for (uint32_t i = first; i < first + count; i++) {
        if (txn == NULL) {
            txn = kit_begin(&h->kit, true);
            doc = kit_load(&h->kit, txn, &h->docs[0]);
        }
        must_step(h, txn, &doc, i, size);
        if (!together || i + 1 == first + count) {
            kit_commit(txn);
            txn = NULL;
        }
    }
}

/* --- comparing */

static void same_log(struct hot *a, struct cove_store_txn *ta, struct hot *b,
                     struct cove_store_txn *tb,
                     const struct cove_doc_session *session)
{
    struct cove_batch x = {.tx_count = 0};
    struct cove_batch y = {.tx_count = 0};
    size_t i = 0;
    size_t j = 0;

    for (uint32_t at = 0; at < session->len; at++, i++, j++) {
        if (i == x.tx_count) {
            ck_assert_int_eq(cove_repo_read(a->kit.repo, ta,
                                            kit_num(&a->kit, ta, &a->docs[0]),
                                            &session->session, at, 60000,
                                            &a->kit.arena, &x),
                             0);
            i = 0;
        }
        if (j == y.tx_count) {
            ck_assert_int_eq(cove_repo_read(b->kit.repo, tb,
                                            kit_num(&b->kit, tb, &b->docs[0]),
                                            &session->session, at, 60000,
                                            &b->kit.arena, &y),
                             0);
            j = 0;
        }
        ck_assert(cove_bytes_equal(x.txs[i], y.txs[j]));
    }
}

static void same_shown(struct hot *a, const struct cove_doc *x, struct hot *b,
                       const struct cove_doc *y)
{
    ck_assert(x->state.sum == y->state.sum);
    ck_assert_uint_eq(x->state.native_count, y->state.native_count);
    for (size_t i = 0; i < x->state.native_count; i++) {
        ck_assert(
            cove_bytes_equal(x->state.natives[i].reg, y->state.natives[i].reg));
        ck_assert(cove_bytes_equal(x->state.natives[i].value,
                                   y->state.natives[i].value));
    }
    if (a->shape == TEXT) {
        size_t length = cove_seq_length(x->state.seq, COVE_SEQ_BYTES);

        ck_assert_uint_eq(length,
                          cove_seq_length(y->state.seq, COVE_SEQ_BYTES));
        ck_assert_mem_eq(kit_text_of(&a->kit, x->state.seq),
                         kit_text_of(&b->kit, y->state.seq), length);
    }
}

static void same_changes(struct hot *a, struct cove_store_txn *ta,
                         struct hot *b, struct cove_store_txn *tb)
{
    struct cove_change x = {.sequence = 0};
    struct cove_change y = {.sequence = 0};
    int err = 0;

    while (err == 0) {
        uint64_t at = x.sequence;

        err = cove_repo_change_after(a->kit.repo, ta, at, &x);
        ck_assert_int_eq(cove_repo_change_after(b->kit.repo, tb, at, &y), err);
        ck_assert_uint_eq(x.sequence, y.sequence);
        ck_assert_uint_eq(x.num, y.num);
        ck_assert_int_eq(x.by_peer, y.by_peer);
        ck_assert_uint_eq(x.peer, y.peer);
        ck_assert_mem_eq(&x.session, &y.session, sizeof(x.session));
    }
    ck_assert_int_eq(err, COVE_ENOTFOUND);
}

/* Nobody can tell the first document's histories apart; in the transactions
 * given. */
static void same_in(struct hot *a, struct cove_store_txn *ta, struct hot *b,
                    struct cove_store_txn *tb)
{
    struct cove_doc x = kit_load(&a->kit, ta, &a->docs[0]);
    struct cove_doc y = kit_load(&b->kit, tb, &b->docs[0]);
    struct cove_hash dx = cove_doc_digest(&x, &a->kit.arena);
    struct cove_hash dy = cove_doc_digest(&y, &b->kit.arena);

    ck_assert_uint_eq(x.session_count, y.session_count);
    ck_assert_uint_eq(x.changed, y.changed);
    for (size_t i = 0; i < x.session_count; i++) {
        ck_assert_mem_eq(&x.sessions[i].session, &y.sessions[i].session,
                         sizeof(x.sessions[i].session));
        ck_assert_uint_eq(x.sessions[i].len, y.sessions[i].len);
        ck_assert_uint_eq(x.sessions[i].folded, y.sessions[i].folded);
        ck_assert_uint_eq(x.sessions[i].last_hlc, y.sessions[i].last_hlc);
        same_log(a, ta, b, tb, &x.sessions[i]);
    }
    ck_assert_mem_eq(&dx, &dy, sizeof(dx));
    same_shown(a, &x, b, &y);
    same_changes(a, ta, b, tb);
}

static void same(struct hot *a, struct hot *b)
{
    struct cove_store_txn *ta = kit_begin(&a->kit, false);
    struct cove_store_txn *tb = kit_begin(&b->kit, false);

    same_in(a, ta, b, tb);
    cove_store_abort(ta);
    cove_store_abort(tb);
}

/* --- one transaction of the store or many */

static const struct {
    uint32_t count;
    size_t size;
} sizes[] = {
    {4, 30},   /* inline */
    {12, 100}, /* grows out of the record */
    {300, 1},  /* more transactions than a chunk takes */
    {40, 900}, /* more bytes, and checkpoints */
    {7, 9000}, /* each a chunk */
};
#define SIZES ((int)(sizeof(sizes) / sizeof(sizes[0])))

START_TEST(one_commit_writes_what_many_do)
{
    struct hot many;
    struct hot one;
    enum shape shape = (enum shape)(_i / SIZES);
    uint32_t count = sizes[_i % SIZES].count;
    size_t size = sizes[_i % SIZES].size;

    for (uint32_t before = 0; before < 2; before++) {
        hot_open(&many, NULL, FIXTURE_MEMORY, shape, 0);
        hot_open(&one, NULL, FIXTURE_MEMORY, shape, 0);
        steps(&many, 0, before, size, false);
        steps(&one, 0, before, size, false);
        steps(&many, before, count, size, false);
        steps(&one, before, count, size, true);
        same(&many, &one);
        kit_reopen(&one.kit); /* nothing but the store says it */
        kit_reopen(&many.kit);
        same(&many, &one);
        steps(&many, before + count, 3, size, false);
        steps(&one, before + count, 3, size, true);
        same(&many, &one);
        kit_close(&many.kit);
        kit_close(&one.kit);
    }
}
END_TEST

static int count_entry(void *ctx, const struct cove_log_entry *entry)
{
    ck_assert(entry->shown);
    ++*(uint32_t *)ctx;
    return 0;
}

/* Ask one thing of the document in the middle of the transaction. */
static void look(struct hot *h, struct cove_store_txn *txn,
                 const struct cove_doc *doc, uint32_t len, uint32_t what)
{
    struct kit *k = &h->kit;
    struct cove_doc_outline outline;
    struct cove_doc_brief brief;
    struct cove_state state;
    struct cove_change change = {.sequence = 0};
    struct cove_batch batch;
    struct cove_doc other;
    uint32_t entries = 0;
    uint8_t hash[8];
    struct cove_op_id op = {.tx = len - 1,
                            .session = doc->sessions[0].session,
                            .device = k->device,
                            .hlc = doc->sessions[0].last_hlc};
    struct cove_hash digest = cove_doc_digest(doc, &k->arena);

    switch (what % 8) {
    case 0:
        ck_assert_int_eq(cove_repo_read(k->repo, txn, doc->num,
                                        &doc->sessions[0].session, len - 1,
                                        60000, &k->arena, &batch),
                         0);
        ck_assert_uint_eq(batch.tx_count, 1);
        break;
    case 1:
        ck_assert_int_eq(
            cove_repo_outline(k->repo, txn, doc->num, &k->arena, &outline), 0);
        ck_assert_uint_eq(outline.sessions[0].len, len);
        ck_assert_mem_eq(&outline.digest, &digest, sizeof(digest));
        break;
    case 2:
        ck_assert_int_eq(
            cove_repo_log(k->repo, txn, doc, count_entry, &entries), 0);
        ck_assert_uint_eq(entries, len);
        break;
    case 3:
        other = kit_load(k, txn, &doc->id);
        ck_assert_uint_eq(other.changed, doc->changed);
        same_shown(h, &other, h, doc);
        break;
    case 4:
        ck_assert_int_eq(cove_repo_state_at(k->repo, txn, doc, op.hlc,
                                            &k->arena, &state, &k->diag),
                         0);
        ck_assert(state.sum == doc->state.sum);
        ck_assert_uint_eq(state.native_count, doc->state.native_count);
        cove_repo_state_done(k->repo, &state);
        break;
    case 5:
        ck_assert_int_eq(
            cove_repo_change_after(k->repo, txn, doc->changed - 1, &change), 0);
        ck_assert_uint_eq(change.sequence, doc->changed);
        ck_assert_uint_eq(change.num, doc->num);
        ck_assert_uint_eq(change.from, 0); /* where the commit began */
        ck_assert_int_eq(
            cove_repo_change_after(k->repo, txn, doc->changed, &change),
            COVE_ENOTFOUND);
        break;
    case 6:
        ck_assert_int_eq(cove_repo_brief(k->repo, txn, doc->num, &brief), 0);
        ck_assert_mem_eq(&brief.digest, &digest, sizeof(digest));
        break;
    default:
        ck_assert_int_eq(cove_repo_tx_hash(k->repo, txn, doc, &op, hash), 0);
        break;
    }
}

START_TEST(who_looks_in_the_middle_sees_everything)
{
    for (uint32_t what = 0; what < 9; what++) {
        struct hot many;
        struct hot one;

        hot_open(&many, NULL, FIXTURE_MEMORY, (enum shape)_i, 0);
        hot_open(&one, NULL, FIXTURE_MEMORY, (enum shape)_i, 0);
        steps(&many, 0, 40, 300, false);

        struct cove_store_txn *txn = kit_begin(&one.kit, true);
        struct cove_doc doc = kit_load(&one.kit, txn, &one.docs[0]);

        for (uint32_t i = 0; i < 40; i++) {
            must_step(&one, txn, &doc, i, 300);
            if (i % 5 == 4) {
                look(&one, txn, &doc, i + 1, what < 8 ? what : i / 5);
            }
        }

        struct cove_store_txn *other = kit_begin(&many.kit, false);

        same_in(&many, other, &one, txn);
        cove_store_abort(other);
        kit_commit(txn);
        same(&many, &one);
        kit_close(&many.kit);
        kit_close(&one.kit);
    }
}
END_TEST

START_TEST(an_abort_leaves_nothing_of_it)
{
    struct hot many;
    struct hot one;

    hot_open(&many, NULL, FIXTURE_MEMORY, (enum shape)_i, 0);
    hot_open(&one, NULL, FIXTURE_MEMORY, (enum shape)_i, 0);
    steps(&many, 0, 2, 100, false);
    steps(&one, 0, 2, 100, true);

    struct cove_hash before = world_dump(&one.kit);
    struct cove_store_txn *txn = kit_begin(&one.kit, true);
    struct cove_doc doc = kit_load(&one.kit, txn, &one.docs[0]);

    for (uint32_t i = 2; i < 60; i++) {
        must_step(&one, txn, &doc, i + 3, 200);
        if (i == 30) {
            look(&one, txn, &doc, i + 1, 0);
        }
    }
    cove_store_abort(txn);

    struct cove_hash after = world_dump(&one.kit);

    ck_assert_mem_eq(&before, &after, sizeof(before));
    one.kit.env.now_ms = many.kit.env.now_ms;
    steps(&many, 2, 30, 200, false);
    steps(&one, 2, 30, 200, true);
    same(&many, &one);
    kit_close(&many.kit);
    kit_close(&one.kit);
}
END_TEST

/* The number of a change says which only as long as its transaction stands. */
START_TEST(a_document_of_an_aborted_transaction_is_not_the_hot_one)
{
    struct hot h;

    hot_open(&h, NULL, FIXTURE_MEMORY, MAP, 0);
    steps(&h, 0, 1, 10, true);

    struct cove_store_txn *txn = kit_begin(&h.kit, true);
    struct cove_doc stale = kit_load(&h.kit, txn, &h.docs[0]);

    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(kit_append(&h.kit, txn, &stale, "lost", i), 0);
    }
    cove_store_abort(txn);
    txn = kit_begin(&h.kit, true);

    struct cove_doc doc = kit_load(&h.kit, txn, &h.docs[0]);

    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(kit_append(&h.kit, txn, &doc, "kept", i), 0);
    }
    ck_assert_uint_eq(doc.changed, stale.changed);
    ck_assert_int_eq(kit_append(&h.kit, txn, &stale, "more", 7), 0);
    ck_assert_int_eq(kit_value(&stale, "lost"), INT64_MIN);
    ck_assert_int_eq(kit_value(&stale, "kept"), 2);
    kit_commit(txn);
    ck_assert_int_eq(kit_get(&h.kit, &h.docs[0], "kept"), 2);
    ck_assert_int_eq(kit_get(&h.kit, &h.docs[0], "more"), 7);
    kit_close(&h.kit);
}
END_TEST

/* --- failures */

static int fault_steps(struct hot *h, struct cove_store_txn *txn,
                       struct cove_arena *arena)
{
    struct kit *k = &h->kit;
    struct cove_tx_op ops[] = {
        {.kind = COVE_OP_ADD, .amount = 3},
        {.reg = cove_bytes_text("r"), .value = cove_bytes_text("\x05")}};
    struct cove_tx tx = {.ops = &ops[h->shape == MAP], .op_count = 1};
    struct cove_doc_outline outline;
    struct cove_doc doc;
    cove_num num;
    int err = cove_repo_find(k->repo, txn, &h->docs[0], &num);

    if (err == 0) {
        err = cove_repo_load(k->repo, txn, num, arena, &doc, NULL);
    }
    for (int i = 0; i < 270 && err == 0; i++) {
        if (h->shape == TEXT) {
            err = kit_edit(k, txn, &doc, 0, 0, "abcdefghijklmnop");
            i += 9;
        } else {
            err = cove_repo_append(k->repo, txn, &doc, &tx, NULL);
        }
    }
    if (err == 0) {
        err = cove_repo_outline(k->repo, txn, num, arena, &outline);
    }
    return err;
}

/* One try; it is committed all the same where `stubborn`. */
static int fault_try(struct hot *h, bool stubborn, bool *committed)
{
    struct cove_store_txn *txn;
    struct cove_arena arena;
    int err = cove_store_begin(h->kit.store.store, true, &txn);
    int done;

    *committed = false;
    if (err != 0) {
        return err;
    }
    cove_arena_init(&arena, &h->kit.heap.alloc);
    err = fault_steps(h, txn, &arena);
    if (err == 0 || stubborn) {
        done = cove_store_commit(txn);
        *committed = done == 0;
        err = err == 0 ? done : err;
    } else {
        cove_store_abort(txn);
    }
    cove_arena_clear(&arena);
    return err;
}

/* Every transaction that the record speaks of is in the log and is shown. */
static void fault_whole(struct hot *h)
{
    struct cove_store_txn *txn;
    struct cove_doc doc;

    kit_reopen(&h->kit);
    txn = kit_begin(&h->kit, false);
    doc = kit_load(&h->kit, txn, &h->docs[0]);
    look(h, txn, &doc, doc.sessions[0].len, 0);
    look(h, txn, &doc, doc.sessions[0].len, 2);
    cove_store_abort(txn);
}

/* _i: shape; failing of the store or of memory; given up or not. */
START_TEST(what_fails_in_the_middle_leaves_the_store_as_it_was)
{
    enum shape shape = (enum shape)(_i % 3);
    bool of_store = _i / 3 % 2 == 1;
    bool stubborn = _i / 6 == 1;
    struct hot h;
    int err = -1;

    hot_open(&h, NULL, FIXTURE_MEMORY, shape, 0);
    steps(&h, 0, 2, 10, true);
    for (long n = 1; err != 0; n += 1 + n / 40) {
        struct fixture_fault fault = {.fail_at = n, .code = COVE_ENOSPC};
        struct cove_hash before = world_dump(&h.kit);
        struct cove_hash digest = kit_digest(&h.kit, &h.docs[0]);
        bool committed;

        cove_arena_clear(&h.kit.arena);
        if (of_store) {
            cove_store_set_fault(h.kit.store.store, fixture_hook, &fault);
        }
        h.kit.heap.calls = 0;
        h.kit.heap.fail_at = of_store ? 0 : n;
        err = fault_try(&h, stubborn, &committed);
        h.kit.heap.fail_at = 0;
        cove_store_set_fault(h.kit.store.store, NULL, NULL);
        if (err != 0) {
            ck_assert_int_eq(err, of_store ? COVE_ENOSPC : COVE_ENOMEM);
        }
        if (committed) { /* as far as it came */
            fault_whole(&h);
        } else {
            struct cove_hash after = world_dump(&h.kit);
            struct cove_hash now = kit_digest(&h.kit, &h.docs[0]);

            ck_assert_msg(memcmp(&before, &after, sizeof(after)) == 0,
                          "call %ld", n);
            ck_assert_mem_eq(&digest, &now, sizeof(now));
        }
    }
    steps(&h, 2, 3, 10, true);
    fault_whole(&h);
    kit_close(&h.kit);
}
END_TEST

/* --- others */

START_TEST(documents_that_take_turns_stay_apart)
{
    struct hot many;
    struct hot one;

    hot_open(&many, NULL, _i < SHAPES ? FIXTURE_LMDB : FIXTURE_MEMORY,
             (enum shape)(_i % SHAPES), _i < SHAPES ? 0 : 1);
    hot_open(&one, NULL, _i < SHAPES ? FIXTURE_LMDB : FIXTURE_MEMORY,
             (enum shape)(_i % SHAPES), _i < SHAPES ? 0 : 1);

    struct cove_store_txn *txn = kit_begin(&one.kit, true);
    struct cove_doc docs[2] = {kit_load(&one.kit, txn, &one.docs[0]),
                               kit_load(&one.kit, txn, &one.docs[1])};

    for (uint32_t i = 0; i < 60; i++) {
        uint32_t which = i * i % 7 < 3; /* in rows of several lengths */
        struct cove_store_txn *own = kit_begin(&many.kit, true);
        struct cove_doc doc = kit_load(&many.kit, own, &many.docs[which]);

        must_step(&many, own, &doc, i, 400);
        kit_commit(own);
        must_step(&one, txn, &docs[which], i, 400);
    }
    kit_commit(txn);
    same(&many, &one);
    for (int i = 0; i < 2; i++) {
        struct cove_hash x = kit_digest(&many.kit, &many.docs[i]);
        struct cove_hash y = kit_digest(&one.kit, &one.docs[i]);

        ck_assert_mem_eq(&x, &y, sizeof(x));
    }
    kit_close(&many.kit);
    kit_close(&one.kit);
}
END_TEST

static void give(struct hot *h, struct kit *to)
{
    kit_take_header(to, &h->group, h->headers[0]);
    for (int i = 0; i < 2; i++) {
        kit_take_header(to, &h->docs[i], h->headers[i + 1]);
    }
}

/* A full group ends while the next one has begun with what was hot. */
START_TEST(groups_that_fill_up_under_it_keep_their_numbers)
{
    struct kit bob;
    struct hot h;
    unsigned leaves = (unsigned)_i % 3 + 1;
    size_t size = _i < 3 ? 40 : 2500; /* with chunks that fill up, too */

    kit_open(&bob, FIXTURE_MEMORY, 2);
    hot_open(&h, &bob, _i < 3 ? FIXTURE_LMDB : FIXTURE_MEMORY, MAP, leaves);
    give(&h, &bob);

    struct cove_store_txn *txn = kit_begin(&h.kit, true);
    struct cove_doc docs[2] = {kit_load(&h.kit, txn, &h.docs[0]),
                               kit_load(&h.kit, txn, &h.docs[1])};

    for (uint32_t i = 0; i < 80; i++) {
        must_step(&h, txn, &docs[i / 5 % 2], i, size);
        if (i % 11 == 9) {
            look(&h, txn, &docs[0], docs[0].sessions[0].len, 0);
        }
    }
    kit_commit(txn);
    for (int i = 0; i < 2; i++) {
        kit_sync(&h.kit, &bob, &h.docs[i]);

        struct cove_hash x = kit_digest(&h.kit, &h.docs[i]);
        struct cove_hash y = kit_digest(&bob, &h.docs[i]);

        ck_assert_mem_eq(&x, &y, sizeof(x));
    }
    kit_close(&bob);
    kit_close(&h.kit);
}
END_TEST

START_TEST(a_peer_takes_what_was_written_and_writes_into_it)
{
    enum shape shape = (enum shape)_i;
    struct kit bob;
    struct hot h;
    struct cove_batch batch;
    struct cove_ingest_result result;

    kit_open(&bob, FIXTURE_MEMORY, 2);
    hot_open(&h, &bob, FIXTURE_MEMORY, shape, 0);
    give(&h, &bob);
    steps(&h, 0, 20, 300, true);
    kit_sync(&h.kit, &bob, &h.docs[0]);

    struct cove_store_txn *txn = kit_begin(&bob, true);
    struct cove_doc doc = kit_load(&bob, txn, &h.docs[0]);
    struct cove_tx_op op = {.kind = COVE_OP_ADD, .amount = 1000};
    struct cove_tx tx = {.ops = &op, .op_count = 1};

    if (shape == TEXT) {
        ck_assert_int_eq(kit_edit(&bob, txn, &doc, 3, 2, "from bob"), 0);
    } else if (shape == MAP) {
        ck_assert_int_eq(kit_append(&bob, txn, &doc, "bob", 1), 0);
    } else {
        op.kind = shape == COUNTER ? COVE_OP_ADD : COVE_OP_APPEND;
        op.value =
            shape == STREAM ? cove_bytes_text("\x05") : cove_bytes(NULL, 0);
        op.amount = shape == COUNTER ? 1000 : 0;
        ck_assert_int_eq(cove_repo_append(bob.repo, txn, &doc, &tx, &bob.diag),
                         0);
    }

    struct cove_session_id session = {{0}};

    for (size_t i = 0; i < doc.session_count; i++) {
        if (memcmp(&doc.sessions[i].device, &bob.device, 32) == 0) {
            session = doc.sessions[i].session;
        }
    }
    kit_commit(txn);
    ck_assert_int_eq(kit_read(&bob, &h.docs[0], &session, 0, 60000, &batch), 0);

    txn = kit_begin(&h.kit, true);
    doc = kit_load(&h.kit, txn, &h.docs[0]);
    for (uint32_t i = 20; i < 45; i++) {
        must_step(&h, txn, &doc, i, 300);
        if (i == 30) {
            ck_assert_int_eq(cove_repo_ingest(h.kit.repo, txn, &batch, 1,
                                              &result, &h.kit.diag),
                             0);
            ck_assert_uint_eq(result.added, 1);
        }
    }
    ck_assert_uint_eq(doc.session_count, 2);
    kit_commit(txn);
    kit_sync(&h.kit, &bob, &h.docs[0]);
    kit_reopen(&h.kit);

    struct cove_hash x = kit_digest(&h.kit, &h.docs[0]);
    struct cove_hash y = kit_digest(&bob, &h.docs[0]);

    ck_assert_mem_eq(&x, &y, sizeof(x));
    if (shape == TEXT) {
        ck_assert_str_eq(kit_text(&h.kit, &h.docs[0], &kit_main),
                         kit_text(&bob, &h.docs[0], &kit_main));
    }
    kit_close(&bob);
    kit_close(&h.kit);
}
END_TEST

START_TEST(a_branch_and_its_document_take_turns)
{
    struct hot h;

    hot_open(&h, NULL, FIXTURE_MEMORY, TEXT, 0);
    steps(&h, 0, 3, 20, true);

    struct cove_session_id branch =
        kit_branch(&h.kit, &h.docs[0], &kit_main, "b");
    struct cove_store_txn *txn = kit_begin(&h.kit, true);
    struct cove_doc main = kit_load(&h.kit, txn, &h.docs[0]);
    struct cove_doc side = kit_load_at(&h.kit, txn, &h.docs[0], &branch);

    for (int i = 0; i < 12; i++) {
        struct cove_doc *doc = i / 4 == 1 ? &side : &main;

        ck_assert_int_eq(
            kit_edit(&h.kit, txn, doc, 0, 0, doc == &side ? "side " : "main "),
            0);
    }
    kit_commit(txn);
    kit_reopen(&h.kit);

    const char *own = kit_text(&h.kit, &h.docs[0], &kit_main);
    const char *theirs = kit_text(&h.kit, &h.docs[0], &branch);

    ck_assert_int_eq(
        strncmp(own, "main main main main main main main main ", 40), 0);
    ck_assert_ptr_null(strstr(own, "side"));
    ck_assert_int_eq(strncmp(theirs, "side side side side ", 20), 0);
    kit_close(&h.kit);
}
END_TEST

/* A clone of this store, or this store before it was restored, wrote on. */
START_TEST(a_session_that_ends_in_the_middle_is_not_gone_on_with)
{
    struct kit bob;
    struct hot clone;
    struct hot h;
    struct cove_batch batch;
    struct cove_ingest_result result;

    kit_open(&bob, FIXTURE_MEMORY, 2);
    hot_open(&clone, &bob, FIXTURE_MEMORY, (enum shape)_i, 0);
    hot_open(&h, &bob, FIXTURE_MEMORY, (enum shape)_i, 0);
    give(&h, &bob);
    steps(&clone, 0, 10, 200, true);
    steps(&h, 0, 3, 200, true);

    struct cove_store_txn *txn = kit_begin(&h.kit, true);
    struct cove_doc doc = kit_load(&h.kit, txn, &h.docs[0]);

    for (uint32_t i = 3; i < 8; i++) {
        must_step(&h, txn, &doc, i, 200);
    }
    ck_assert_int_eq(kit_read(&clone.kit, &h.docs[0], &doc.sessions[0].session,
                              0, 60000, &batch),
                     0);
    ck_assert_int_eq(
        cove_repo_ingest(h.kit.repo, txn, &batch, 1, &result, &h.kit.diag), 0);
    ck_assert_uint_eq(result.added, 2);
    doc = kit_load(&h.kit, txn, &h.docs[0]);
    for (uint32_t i = 10; i < 20; i++) {
        must_step(&h, txn, &doc, i, 200);
    }
    ck_assert_uint_eq(doc.session_count, 2);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_uint_eq(doc.sessions[i].len, 10);
    }
    kit_commit(txn);
    kit_sync(&h.kit, &bob, &h.docs[0]);

    struct cove_hash x = kit_digest(&h.kit, &h.docs[0]);
    struct cove_hash y = kit_digest(&bob, &h.docs[0]);

    ck_assert_mem_eq(&x, &y, sizeof(x));
    kit_close(&bob);
    kit_close(&clone.kit);
    kit_close(&h.kit);
}
END_TEST

/* Of a local document nobody is told. */
START_TEST(a_local_document_stays_out_of_the_changes)
{
    struct hot h;
    struct cove_id group;
    struct cove_id id;
    struct cove_change change;
    struct cove_buf buf;
    uint64_t sequence;
    cove_num num;

    hot_open(&h, NULL, FIXTURE_MEMORY, MAP, 0);
    cove_buf_init(&buf, &h.kit.heap.alloc);
    ck_assert_int_eq(cove_header_local_group(&h.kit.device, &buf, &group), 0);
    hot_create(&h, cove_buf_bytes(&buf));
    hot_create(&h, kit_header(&h.kit, COVE_DOC_COMAP, &group, 5, &id));
    cove_buf_clear(&buf);

    struct cove_store_txn *txn = kit_begin(&h.kit, true);
    struct cove_doc doc = kit_load(&h.kit, txn, &id);

    ck_assert_int_eq(cove_repo_sequence(h.kit.repo, txn, &sequence), 0);
    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(kit_append(&h.kit, txn, &doc, "local", i), 0);
    }
    num = doc.num;
    kit_commit(txn);
    txn = kit_begin(&h.kit, false);
    ck_assert_int_eq(cove_repo_change_after(h.kit.repo, txn, sequence, &change),
                     COVE_ENOTFOUND);
    cove_store_abort(txn);
    kit_reopen(&h.kit);
    ck_assert_int_eq(kit_get(&h.kit, &id, "local"), 49);
    txn = kit_begin(&h.kit, true);
    ck_assert_int_eq(cove_repo_remove(h.kit.repo, txn, num, &h.kit.diag), 0);
    kit_commit(txn);
    kit_close(&h.kit);
}
END_TEST

/* A document that goes in the transaction that wrote it takes all with it. */
START_TEST(a_document_is_removed_in_the_transaction_that_wrote_it)
{
    struct hot h;

    hot_open(&h, NULL, FIXTURE_MEMORY, (enum shape)_i, 0);
    steps(&h, 0, 3, 100, true);

    struct cove_store_txn *txn = kit_begin(&h.kit, true);
    struct cove_doc doc = kit_load(&h.kit, txn, &h.docs[0]);
    struct cove_change change;
    cove_num num = doc.num;

    for (uint32_t i = 3; i < 30; i++) {
        must_step(&h, txn, &doc, i, 300);
    }
    ck_assert_int_eq(cove_repo_remove(h.kit.repo, txn, num, &h.kit.diag), 0);
    doc = kit_load(&h.kit, txn, &h.docs[1]);
    for (uint32_t i = 0; i < 4; i++) {
        must_step(&h, txn, &doc, i, 300);
    }
    kit_commit(txn);
    kit_reopen(&h.kit);
    txn = kit_begin(&h.kit, false);
    ck_assert_int_eq(cove_repo_find(h.kit.repo, txn, &h.docs[0], &num),
                     COVE_ENOTFOUND);
    for (uint64_t at = 0;
         cove_repo_change_after(h.kit.repo, txn, at, &change) == 0;
         at = change.sequence) {
        ck_assert_uint_ne(change.num, num);
    }
    cove_store_abort(txn);
    kit_close(&h.kit);
}
END_TEST

/* A branch stays usable when loading its document fails. */
START_TEST(a_load_that_fails_takes_nothing_from_who_loaded_before)
{
    struct hot h;

    hot_open(&h, NULL, FIXTURE_MEMORY, TEXT, 0);
    steps(&h, 0, 3, 20, true);

    struct cove_session_id branch =
        kit_branch(&h.kit, &h.docs[0], &kit_main, "b");
    int err = -1;

    for (long n = 1; err != 0; n++) {
        struct cove_store_txn *txn = kit_begin(&h.kit, true);
        struct cove_doc side = kit_load_at(&h.kit, txn, &h.docs[0], &branch);
        struct cove_doc twin = kit_load_at(&h.kit, txn, &h.docs[0], &branch);
        struct cove_doc main = kit_load(&h.kit, txn, &h.docs[0]);
        struct cove_arena arena;

        ck_assert_int_eq(kit_edit(&h.kit, txn, &side, 0, 0, "side "), 0);
        cove_arena_init(&arena, &h.kit.heap.alloc);
        h.kit.heap.calls = 0;
        h.kit.heap.fail_at = n;
        err = cove_repo_load_branch(h.kit.repo, txn, main.num, &branch, &arena,
                                    &main, NULL);
        h.kit.heap.fail_at = 0;
        cove_arena_clear(&arena);
        if (err != 0) {
            ck_assert_int_eq(err, COVE_ENOMEM);
            ck_assert_int_eq(kit_edit(&h.kit, txn, &side, 0, 0, "more "), 0);
            ck_assert_int_eq(kit_edit(&h.kit, txn, &twin, 0, 0, "twin "), 0);
            ck_assert_int_eq(strncmp(kit_text_of(&h.kit, twin.state.seq),
                                     "twin more side ", 15),
                             0);
        }
        cove_store_abort(txn);
    }
    kit_close(&h.kit);
}
END_TEST

/* What is being typed is in the sequence before it is in the log. */
START_TEST(a_checkpoint_has_nothing_that_the_log_has_not)
{
    struct hot h;

    hot_open(&h, NULL, FIXTURE_MEMORY, TEXT, 0);

    struct cove_store_txn *txn = kit_begin(&h.kit, true);
    struct cove_doc doc = kit_load(&h.kit, txn, &h.docs[0]);
    struct cove_compose_insert in = {.unit = COVE_SEQ_BYTES,
                                     .content = cove_bytes_text("pending"),
                                     .count = 7};
    struct cove_compose_self self;
    struct cove_compose compose;
    struct cove_doc other;

    for (uint32_t i = 0; i < 4; i++) {
        must_step(&h, txn, &doc, i, 2000);
    }
    cove_compose_init(&compose, &h.kit.heap.alloc);
    ck_assert_int_eq(cove_repo_self(h.kit.repo, txn, &doc, &self), 0);
    cove_compose_start(&compose, doc.state.seq, &self);
    ck_assert_int_eq(cove_compose_insert(&compose, &in), 0);
    other = kit_load(&h.kit, txn, &h.docs[1]); /* what is hot is written */
    ck_assert_uint_eq(other.session_count, 0);
    cove_compose_clear(&compose); /* and never appended */
    kit_commit(txn);
    kit_reopen(&h.kit);
    ck_assert_uint_eq(strlen(kit_text(&h.kit, &h.docs[0], &kit_main)), 8000);
    ck_assert_ptr_null(
        strstr(kit_text(&h.kit, &h.docs[0], &kit_main), "pending"));
    kit_close(&h.kit);
}
END_TEST

static Suite *hot_suite(void)
{
    Suite *suite = suite_create("hot");
    TCase *tc = tcase_create("hot");

    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, one_commit_writes_what_many_do, 0, SHAPES * SIZES);
    tcase_add_loop_test(tc, who_looks_in_the_middle_sees_everything, 0, SHAPES);
    tcase_add_loop_test(tc, an_abort_leaves_nothing_of_it, 0, SHAPES);
    tcase_add_test(tc, a_document_of_an_aborted_transaction_is_not_the_hot_one);
    tcase_add_loop_test(tc, what_fails_in_the_middle_leaves_the_store_as_it_was,
                        0, 12);
    tcase_add_loop_test(tc, documents_that_take_turns_stay_apart, 0,
                        2 * SHAPES);
    tcase_add_loop_test(tc, groups_that_fill_up_under_it_keep_their_numbers, 0,
                        6);
    tcase_add_loop_test(tc, a_peer_takes_what_was_written_and_writes_into_it, 0,
                        SHAPES);
    tcase_add_test(tc, a_branch_and_its_document_take_turns);
    tcase_add_loop_test(
        tc, a_session_that_ends_in_the_middle_is_not_gone_on_with, 0, SHAPES);
    tcase_add_test(tc, a_local_document_stays_out_of_the_changes);
    tcase_add_loop_test(
        tc, a_document_is_removed_in_the_transaction_that_wrote_it, 0, SHAPES);
    tcase_add_test(tc, a_load_that_fails_takes_nothing_from_who_loaded_before);
    tcase_add_test(tc, a_checkpoint_has_nothing_that_the_log_has_not);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    return harness_run(hot_suite());
}
