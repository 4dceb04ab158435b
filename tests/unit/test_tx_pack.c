/* Transactions in a chunk: what is packed comes back byte for byte, whatever
 * its ops, and a keystroke takes a few bytes. */
#include "crdt/repo_internal.h"
#include "tests/unit/repo_kit.h"
#include "tests/unit/tx_kit.h"

#define TXS 240

/* A chunk under way, of a document made at time `created`. */
struct chunk {
    struct kit kit;
    struct cove_store_txn *txn;
    struct repo_work work;
    struct repo_tx_before before;
    struct cove_buf packed;
    struct cove_arena arena;
    uint32_t count;
};

static void chunk_start(struct chunk *c, bool own)
{
    memset(c, 0, sizeof(*c));
    kit_open(&c->kit, FIXTURE_MEMORY, 1);
    c->txn = kit_begin(&c->kit, true);
    ck_assert_int_eq(
        repo_work_write(&c->work, c->kit.repo, c->txn, &c->kit.diag), 0);
    cove_arena_init(&c->arena, &cove_alloc_libc);
    c->work.arena = &c->arena;
    cove_buf_init(&c->packed, &cove_alloc_libc);
    c->before.own = own;
}

static void chunk_end(struct chunk *c)
{
    cove_store_abort(c->txn);
    cove_buf_clear(&c->packed);
    cove_arena_clear(&c->arena);
    kit_close(&c->kit);
}

/* Pack it; how many bytes that took. */
static size_t chunk_put(struct chunk *c, const struct cove_tx *tx,
                        struct cove_bytes *bytes)
{
    size_t start = c->packed.len;
    struct cove_buf out;

    cove_buf_init(&out, &cove_alloc_libc);
    cove_diag_clear(&c->kit.diag);

    int err = cove_tx_encode(tx, &out, &c->kit.diag);

    ck_assert_msg(err == 0, "%d %s", err, c->kit.diag.text);
    ck_assert_int_eq(cove_arena_copy(&c->arena, cove_buf_bytes(&out), bytes),
                     0);
    ck_assert_int_eq(
        repo_tx_pack(&c->work, tx, *bytes, true, &c->before, &c->packed), 0);
    cove_buf_clear(&out);
    c->count++;
    return c->packed.len - start;
}

static void intern_agents(struct chunk *c)
{
    struct repo_session session = {.session = {{2}}};
    uint32_t num;

    /* one of the sessions, and one device of those that wrote in it */
    ck_assert_int_eq(repo_intern_session_add(&c->work, &session, &num), 0);
}

/* Read it all back, from the start. */
static void chunk_assert(struct chunk *c, const struct cove_tx *txs,
                         const struct cove_bytes *bytes)
{
    struct repo_tx_before before = {.hlc = 0};
    struct cove_unpacker u;

    cove_unpacker_init(&u, cove_buf_bytes(&c->packed));
    for (uint32_t i = 0; i < c->count; i++) {
        struct repo_tx_entry entry;
        struct cove_bytes again;
        struct cove_tx tx;

        ck_assert_int_eq(repo_tx_take(&u, &before, &entry), 0);
        ck_assert_uint_eq(entry.hlc, txs[i].hlc);
        ck_assert_int_eq(repo_tx_decode(&c->work, &entry, &tx), 0);
        tx_assert_same(&tx, &txs[i]);
        ck_assert_int_eq(repo_tx_bytes(&c->work, &entry, &again), 0);
        tx_assert_bytes(again, bytes[i]);
    }
    ck_assert_int_eq(cove_unpacker_done(&u), 0);
    ck_assert_mem_eq(&before.near, &c->before.near, sizeof(before.near));
    ck_assert_uint_eq(before.epoch, c->before.epoch);
}

START_TEST(random_transactions_come_out_of_a_chunk_byte_for_byte)
{
    static struct cove_tx txs[TXS];
    static struct cove_bytes bytes[TXS];
    struct tx_author author = {.hlc = 1};

    harness_env_init(&author.env, 4);
    for (unsigned round = 0; round < 40; round++) {
        struct chunk c;

        chunk_start(&c, round % 2 == 0);
        intern_agents(&c);
        author.next = round % 3 == 0 ? 0 : (uint32_t)tx_pick(&author, 1 << 24);
        for (unsigned i = 0; i < TXS; i++) {
            tx_kit_next(&author, &c.arena, &txs[i]);
            chunk_put(&c, &txs[i], &bytes[i]);
        }
        chunk_assert(&c, txs, bytes);
        chunk_end(&c);
    }
}
END_TEST

/* --- how short */

static struct cove_tx native_of(struct cove_tx_op *op, uint64_t hlc)
{
    struct cove_tx tx = {.hlc = hlc,
                         .epoch_inherited = true,
                         .auth_inherited = true,
                         .ops = op,
                         .op_count = 1};

    return tx;
}

/* Typing, a few keystrokes a second. */
static uint64_t next_time(uint64_t hlc)
{
    return (hlc / 65536 + 180) * 65536;
}

START_TEST(a_keystroke_takes_five_bytes_of_a_chunk)
{
    struct cove_tx_op op = {.kind = COVE_OP_TEXT,
                            .value = cove_bytes_text("x"),
                            .count = 1,
                            .first = 70000};
    uint64_t hlc = (uint64_t)1750000000000 << 16;
    struct cove_bytes bytes;
    struct chunk c;

    chunk_start(&c, true);
    for (unsigned i = 0; i < 200; i++, op.first++) {
        op.n = op.first - 1;
        hlc = next_time(hlc);

        struct cove_tx tx = native_of(&op, hlc);
        size_t len = chunk_put(&c, &tx, &bytes);

        if (i == 0) { /* the first says where, and how far from 1970 */
            ck_assert_uint_le(len, 16);
        } else { /* docs/FORMAT.md "Log chunk" */
            tx_assert_bytes(cove_bytes(c.packed.at + c.packed.len - len, len),
                            cove_bytes("\x13\xe8\x02\x12x", 5));
        }
        ck_assert_uint_le(bytes.len, 33);
    }
    chunk_end(&c);
}
END_TEST

START_TEST(a_key_that_deletes_takes_as_little)
{
    struct cove_tx_op typed = {.kind = COVE_OP_TEXT,
                               .value = cove_bytes_text("typing"),
                               .count = 6,
                               .first = 100000,
                               .n = 4};
    struct cove_tx_op gone = {.kind = COVE_OP_REMOVE, .count = 1};
    uint64_t hlc = (uint64_t)1750000000000 << 16;
    struct cove_bytes bytes;
    struct chunk c;

    chunk_start(&c, false);

    struct cove_tx tx = native_of(&typed, hlc);

    chunk_put(&c, &tx, &bytes);
    for (uint32_t i = 0; i < 6; i++) { /* backwards over what was typed */
        gone.n = typed.first + 5 - i;
        hlc = next_time(hlc);
        tx = native_of(&gone, hlc);
        ck_assert_uint_le(chunk_put(&c, &tx, &bytes), 5);
    }
    for (uint32_t i = 0; i < 50; i++) { /* on through older text */
        gone.n = 5000 - i;
        hlc = next_time(hlc);
        tx = native_of(&gone, hlc);
        ck_assert_uint_le(chunk_put(&c, &tx, &bytes), i == 0 ? 8 : 5);
    }
    chunk_end(&c);
}
END_TEST

START_TEST(another_ones_text_is_deleted_in_eight_bytes)
{
    struct cove_tx_agent agent = {.session = {{2}}};
    struct cove_tx_op gone = {
        .kind = COVE_OP_REMOVE, .agent = 1, .n = 90000, .count = 1};
    uint64_t hlc = (uint64_t)1750000000000 << 16;
    struct cove_bytes bytes;
    struct chunk c;

    chunk_start(&c, false);
    intern_agents(&c);
    for (unsigned i = 0; i < 50; i++, gone.n++) {
        hlc = next_time(hlc);

        struct cove_tx tx = native_of(&gone, hlc);

        tx.agents = &agent;
        tx.agent_count = 1;
        ck_assert_uint_le(chunk_put(&c, &tx, &bytes), i == 0 ? 16 : 8);
    }
    chunk_end(&c);
}
END_TEST

/* --- in a log */

/* One keystroke, in a transaction of the store's own. */
static void type_letter(struct kit *k, const struct cove_id *id, uint32_t n)
{
    struct cove_tx_op op = {.kind = COVE_OP_TEXT,
                            .value = cove_bytes_text("x"),
                            .count = 1,
                            .first = n,
                            .agent = n == 0 ? COVE_TX_ROOT : COVE_TX_OWN,
                            .n = n == 0 ? 0 : n - 1};
    struct cove_tx tx = {.ops = &op, .op_count = 1};
    struct cove_store_txn *txn = kit_begin(k, true);
    struct cove_doc doc = kit_load(k, txn, id);
    int err = cove_repo_append(k->repo, txn, &doc, &tx, &k->diag);

    ck_assert_msg(err == 0, "append: %d %s", err, k->diag.text);
    kit_commit(txn);
    k->env.now_ms += 150;
}

static size_t log_bytes(struct kit *k)
{
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    size_t sum = 0;

    ck_assert_int_eq(cove_store_cursor_open(txn, REPO_LOG, &cursor), 0);

    int err = cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry);

    for (; err == 0; err = cove_store_cursor_next(cursor, &entry)) {
        sum += entry.value.len;
    }
    ck_assert_int_eq(err, COVE_ENOTFOUND);
    cove_store_cursor_close(cursor);
    cove_store_abort(txn);
    return sum;
}

START_TEST(a_chunk_goes_on_after_each_commit_as_short_as_before)
{
    struct kit alice;
    struct kit bob;
    struct cove_id group;
    struct cove_id doc;

    kit_open(&alice, FIXTURE_MEMORY, 1);
    kit_open(&bob, FIXTURE_MEMORY, 2);

    struct kit_member members[] = {{&alice, "admin"}, {&bob, "writer"}};
    struct cove_bytes owner = kit_group(&alice, members, 2, &group);
    struct cove_bytes header =
        kit_header(&alice, COVE_DOC_COTEXT, &group, 2, &doc);

    kit_take_header(&alice, &group, owner);
    kit_take_header(&alice, &doc, header);
    kit_take_header(&bob, &group, owner);
    kit_take_header(&bob, &doc, header);
    for (uint32_t i = 0; i < 600; i++) {
        type_letter(&alice, &doc, i);
    }
    ck_assert_uint_lt(log_bytes(&alice), 600 * 5 + 400);
    kit_sync(&alice, &bob, &doc);
    ck_assert_uint_lt(log_bytes(&bob), 600 * 5 + 400);

    struct cove_hash mine = kit_digest(&alice, &doc);
    struct cove_hash theirs = kit_digest(&bob, &doc);

    ck_assert_mem_eq(mine.b, theirs.b, sizeof(mine.b));
    kit_close(&alice);
    kit_close(&bob);
}
END_TEST

/* --- damage */

START_TEST(damaged_chunks_are_told_or_read_as_something_else)
{
    struct tx_author author = {.hlc = 1};
    unsigned refused = 0;

    harness_env_init(&author.env, 5);
    for (unsigned round = 0; round < 3000; round++) {
        struct repo_tx_before before = {.hlc = 0};
        struct repo_tx_entry entry;
        struct cove_unpacker u;
        struct cove_bytes bytes;
        struct chunk c;
        int err = 0;

        if (round % 100 == 0) {
            chunk_start(&c, true);
        }
        for (unsigned i = 0; i < 4; i++) {
            struct cove_tx tx;

            tx_kit_next(&author, &c.arena, &tx);
            chunk_put(&c, &tx, &bytes);
        }
        c.packed.at[tx_pick(&author, c.packed.len)] ^=
            (uint8_t)(1u << tx_pick(&author, 8));
        cove_unpacker_init(&u, cove_buf_bytes(&c.packed));
        while (err == 0 && u.at < u.end) {
            struct cove_tx tx;

            err = repo_tx_take(&u, &before, &entry);
            if (err == 0) {
                err = repo_tx_decode(&c.work, &entry, &tx);
            }
            if (err == 0) {
                err = repo_tx_bytes(&c.work, &entry, &bytes);
            }
        }
        refused += err != 0;
        c.packed.len = 0;
        memset(&c.before, 0, sizeof(c.before));
        c.before.own = true;
        author.hlc = 1;
        if (round % 100 == 99) {
            chunk_end(&c);
        }
    }
    ck_assert_uint_gt(refused, 100);
}
END_TEST

/* --- memory */

START_TEST(running_out_of_memory_while_packing_is_told)
{
    struct tx_author author = {.hlc = 1};
    struct cove_bytes bytes;
    struct cove_tx tx;
    struct chunk c;
    int err = COVE_ENOMEM;

    harness_env_init(&author.env, 6);
    chunk_start(&c, false);
    do {
        tx_kit_next(&author, &c.arena, &tx);
    } while (tx.agent_count < 2 || tx.op_count < 4 || tx.has_undo ||
             tx.has_branch || tx.has_merge);
    chunk_put(&c, &tx, &bytes);
    for (long fail_at = 1; err != 0; fail_at++) {
        struct repo_tx_before before = {.hlc = 0};
        struct repo_tx_entry entry;
        struct harness_alloc alloc;
        struct cove_arena arena;
        struct cove_buf packed;
        struct cove_unpacker u;
        struct cove_tx again;

        ck_assert_int_lt(fail_at, 100);
        harness_alloc_init(&alloc, fail_at);
        cove_arena_init(&arena, &alloc.alloc);
        cove_buf_init(&packed, &alloc.alloc);
        c.work.arena = &arena;
        err = repo_tx_pack(&c.work, &tx, bytes, true, &before, &packed);
        if (err == 0) {
            cove_unpacker_init(&u, cove_buf_bytes(&packed));
            before.hlc = 0;
            before.near = (struct repo_tx_near){0};
            ck_assert_int_eq(repo_tx_take(&u, &before, &entry), 0);
            err = repo_tx_decode(&c.work, &entry, &again);
        }
        if (err == 0) {
            tx_assert_same(&again, &tx);
        }
        ck_assert(err == 0 || err == COVE_ENOMEM);
        ck_assert(err != 0 || fail_at > 2);
        cove_buf_clear(&packed);
        cove_arena_clear(&arena);
        ck_assert_int_eq(alloc.alive, 0);
    }
    chunk_end(&c);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tx_pack");
    TCase *tc = tcase_create("tx_pack");

    tcase_add_test(tc, random_transactions_come_out_of_a_chunk_byte_for_byte);
    tcase_add_test(tc, a_keystroke_takes_five_bytes_of_a_chunk);
    tcase_add_test(tc, a_key_that_deletes_takes_as_little);
    tcase_add_test(tc, another_ones_text_is_deleted_in_eight_bytes);
    tcase_add_test(tc, a_chunk_goes_on_after_each_commit_as_short_as_before);
    tcase_add_test(tc, damaged_chunks_are_told_or_read_as_something_else);
    tcase_add_test(tc, running_out_of_memory_while_packing_is_told);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
