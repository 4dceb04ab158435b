/* The ops on sequences, streams, blobs and counters, and what extra says of
 * agents, undo and branches: each form, each limit on both sides. */
#include "core/limits.h"
#include "tests/unit/tx_cases.h"
#include "tests/unit/tx_kit.h"

#define OP(o)       "87" FRONT "81" o
#define EXTRA(o, x) "88" FRONT "81" o x
#define BARE(x)     "88" FRONT "80" x

#define AGENTS         "666167656e7473"
#define UNDO           "64756e646f"
#define BRANCH         "666272616e6368"
#define MERGE          "656d65726765"
#define LATER          "656c61746572"
#define ID             "626964" B16("99")
#define BASE           "6462617365"
#define NAME           "646e616d65"
#define POINTS         "66706f696e7473"
#define WRITE(hlc, op) "85" hlc B32("11") B16("22") "00" op
#define POINT(s, len)  "82" B16(s) len

#define TYPED  "84 02 01 6161 00"
#define TYPED1 "86 02 01 6161 00 01 00" /* behind the first agent's first */
#define GONE1  "84 04 01 00 01"
#define GONE2  "84 04 02 00 01"
#define ADDED  "82 07 01"

static const struct tx_case forms[] = {
    /* text */
    {OP(TYPED), 0, NULL},
    {OP("86 02 00 6161 05 00 04"), 0, NULL},
    {OP("86 02 01 6161 00 00 1afffffffe"), 0, NULL},
    {OP("85 02 01 6161 00 00"), COVE_EFORMAT, "text"},
    {OP("83 02 01 6161"), COVE_EFORMAT, "text"},
    {OP("87 02 01 6161 00 00 00 00"), COVE_EFORMAT, "text"},
    {OP("84 02 02 6161 00"), COVE_EFORMAT, "side"},
    {OP("84 02 f5 6161 00"), COVE_EFORMAT, "side"},
    {OP("84 02 20 6161 00"), COVE_EFORMAT, "side"},
    {OP("84 02 00 6161 00"), COVE_EFORMAT, "root"},
    {OP("84 02 01 4161 00"), COVE_EFORMAT, "text"},
    {OP("84 02 01 60 00"), COVE_EFORMAT, "empty"},
    {OP("84 02 01 61ff 00"), COVE_EFORMAT, "UTF-8"},
    {OP("86 02 01 6161 00 01 00"), COVE_EFORMAT, "agent"},
    {OP("86 02 01 6161 00 20 00"), COVE_EFORMAT, "agent"},
    {OP("86 02 01 6161 00 f6 00"), COVE_EFORMAT, "agent"},
    {OP("86 02 01 6161 00 00 1affffffff"), COVE_EFORMAT, "element"},
    {OP("86 02 01 6161 00 00 20"), COVE_EFORMAT, "element"},
    /* first */
    {OP("84 02 01 6161 1afffffffe"), 0, NULL},
    {OP("84 02 01 6161 1affffffff"), COVE_ELIMIT, "elements"},
    {OP("84 02 01 626161 1afffffffe"), COVE_ELIMIT, "elements"},
    {OP("84 02 01 6161 1b0000000100000000"), COVE_EFORMAT, "first"},
    {OP("84 02 01 6161 20"), COVE_EFORMAT, "first"},
    {"87" FRONT "82 84 02 01 626161 00 84 02 01 6161 02", 0, NULL},
    {"87" FRONT "82 84 02 01 626161 00 84 02 01 6161 05", 0, NULL},
    {"87" FRONT "82 84 02 01 626161 00 84 02 01 6161 01", COVE_EFORMAT,
     "upwards"},
    {"87" FRONT "82 84 02 01 62c3bc 00 84 02 01 6161 01", 0, NULL},
    {"87" FRONT "82 85 03 01 820102 60 00 84 02 01 6161 01", COVE_EFORMAT,
     "upwards"},
    /* items */
    {OP("85 03 01 8101 60 00"), 0, NULL},
    {OP("87 03 00 83f6f68100 6161 03 00 02"), 0, NULL},
    {OP("86 03 01 8101 60 00 00"), COVE_EFORMAT, "items"},
    {OP("84 03 01 8101 60"), COVE_EFORMAT, "items"},
    {OP("85 03 02 8101 60 00"), COVE_EFORMAT, "side"},
    {OP("85 03 00 8101 60 00"), COVE_EFORMAT, "root"},
    {OP("85 03 01 01 60 00"), COVE_EFORMAT, "list"},
    {OP("85 03 01 80 60 00"), COVE_EFORMAT, "item"},
    {OP("85 03 01 8101 40 00"), COVE_EFORMAT, "type"},
    {OP("85 03 01 8201a16001 60 00"), COVE_ERESERVED, "item 1"},
    {OP("85 03 01 811bffffffffffffffff 60 00"), COVE_EFORMAT, "item 0"},
    {OP("87 03 01 8101 60 00 01 00"), COVE_EFORMAT, "agent"},
    /* removals */
    {OP("84 04 00 00 01"), 0, NULL},
    {OP("84 04 00 00 1affffffff"), 0, NULL},
    {OP("84 04 00 01 1affffffff"), COVE_EFORMAT, "removal"},
    {OP("84 04 00 1afffffffe 01"), 0, NULL},
    {OP("84 04 00 1afffffffe 02"), COVE_EFORMAT, "removal"},
    {OP("84 04 00 1affffffff 01"), COVE_EFORMAT, "element"},
    {OP("84 04 00 00 00"), COVE_EFORMAT, "removal"},
    {OP("84 04 00 00 20"), COVE_EFORMAT, "removal"},
    {OP("83 04 00 00"), COVE_EFORMAT, "removal"},
    {OP("85 04 00 00 01 00"), COVE_EFORMAT, "removal"},
    {OP("84 04 01 00 01"), COVE_EFORMAT, "agent"},
    {OP("84 04 1affffffff 00 01"), COVE_EFORMAT, "agent"},
    /* streams */
    {OP("82 05 a0"), 0, NULL},
    {OP("81 05"), COVE_EFORMAT, "appended"},
    {OP("83 05 01 01"), COVE_EFORMAT, "appended"},
    {OP("82 05 a16001"), COVE_ERESERVED, "appended"},
    /* blobs */
    {OP("83 06 00 4100"), 0, NULL},
    {OP("83 06 1b0000ffffffffffff 4100"), 0, NULL},
    {OP("83 06 1b0001000000000000 4100"), COVE_ELIMIT, "chunk"},
    {OP("83 06 00 40"), COVE_EFORMAT, "empty"},
    {OP("83 06 00 6161"), COVE_EFORMAT, "chunk"},
    {OP("83 06 20 4100"), COVE_EFORMAT, "chunk"},
    {OP("82 06 4100"), COVE_EFORMAT, "chunk"},
    {OP("84 06 00 4100 00"), COVE_EFORMAT, "chunk"},
    /* counters */
    {OP(ADDED), 0, NULL},
    {OP("82 07 20"), 0, NULL},
    {OP("82 07 1b7fffffffffffffff"), 0, NULL},
    {OP("82 07 3b7fffffffffffffff"), 0, NULL},
    {OP("82 07 1b8000000000000000"), COVE_EFORMAT, "added"},
    {OP("82 07 00"), COVE_EFORMAT, "added"},
    {OP("82 07 f93c00"), COVE_EFORMAT, "added"},
    {OP("81 07"), COVE_EFORMAT, "added"},
    {OP("83 07 01 01"), COVE_EFORMAT, "added"},
    /* of a newer build, and beside one */
    {OP("81 08"), 0, NULL},
    {"87" FRONT "82 81 08 82 07 00", COVE_EFORMAT, "added"},
    /* no copies of these */
    {"87" COPY "81" TYPED, COVE_EFORMAT, "copy"},
    {"87" COPY "81 85 03 01 8101 60 00", COVE_EFORMAT, "copy"},
    {"87" COPY "81 84 04 00 00 01", COVE_EFORMAT, "copy"},
    {"87" COPY "81 82 05 01", COVE_EFORMAT, "copy"},
    {"87" COPY "81 83 06 00 4100", COVE_EFORMAT, "copy"},
    {"87" COPY "81" ADDED, COVE_EFORMAT, "copy"},
    {"87" COPY "81 81 08", 0, NULL},
};

START_TEST(each_op_has_its_form_and_each_refusal_names_the_rule)
{
    tx_assert_cases(forms, COVE_ARRAY_LEN(forms));
}
END_TEST

static const struct tx_case extras[] = {
    /* agents */
    {EXTRA(TYPED1, "a1" AGENTS "81" B16("01")), 0, NULL},
    {EXTRA(GONE1, "a1" AGENTS "81" WRITE("01", "07")), 0, NULL},
    {"88" FRONT "82" GONE1 GONE2 "a1" AGENTS "82" B16("01") B16("02"), 0, NULL},
    {"88" FRONT "82" GONE1 GONE2 "a1" AGENTS "82" B16("ff") WRITE("01", "00"),
     0, NULL},
    {"88" FRONT "82" GONE1 GONE2 "a1" AGENTS "82" WRITE("01", "00")
         WRITE("01", "01"),
     0, NULL},
    {EXTRA(GONE1, "a1" AGENTS "82" B16("01") B16("02")), COVE_EFORMAT, "named"},
    {EXTRA(TYPED, "a1" AGENTS "81" B16("01")), COVE_EFORMAT, "named"},
    {EXTRA(GONE2, "a1" AGENTS "81" B16("01")), COVE_EFORMAT, "agent"},
    {"88" FRONT "82" GONE1 GONE2 "a1" AGENTS "82" B16("02") B16("01"),
     COVE_EFORMAT, "ascend"},
    {"88" FRONT "82" GONE1 GONE2 "a1" AGENTS "82" B16("01") B16("01"),
     COVE_EFORMAT, "ascend"},
    {"88" FRONT "82" GONE1 GONE2 "a1" AGENTS "82" WRITE("01", "00") B16("ff"),
     COVE_EFORMAT, "ascend"},
    {"88" FRONT "82" GONE1 GONE2 "a1" AGENTS "82" WRITE("01", "00")
         WRITE("01", "00"),
     COVE_EFORMAT, "ascend"},
    {EXTRA(TYPED, "a1" AGENTS "80"), COVE_EFORMAT, "empty"},
    {EXTRA(TYPED, "a1" AGENTS "a0"), COVE_EFORMAT, "list"},
    {EXTRA(GONE1, "a1" AGENTS "81" B8("01")), COVE_EFORMAT, "16 bytes"},
    {EXTRA(GONE1, "a1" AGENTS "81 6161"), COVE_EFORMAT, "16 bytes"},
    {EXTRA(GONE1, "a1" AGENTS "81" WRITE("00", "00")), COVE_EFORMAT, "time"},
    {EXTRA(GONE1, "a1" AGENTS "81" WRITE("01", "20")), COVE_EFORMAT, "index"},
    {EXTRA(GONE1, "a1" AGENTS "81" WRITE("01", "1b0000000100000000")),
     COVE_EFORMAT, "index"},
    {EXTRA(GONE1, "a1" AGENTS "81 84 01" B32("11") B16("22") "00"),
     COVE_EFORMAT, "list"},
    {EXTRA(GONE1, "a1" AGENTS "81 85 01" B31 B16("22") "00 00"), COVE_EFORMAT,
     "device"},
    {"88" COPY "81 84 00 6161 01 81 81 6161 a1" AGENTS "81" B16("01"),
     COVE_EFORMAT, "named"},
    /* an op of a newer build may name it */
    {EXTRA("81 08", "a1" AGENTS "81" B16("01")), 0, NULL},
    /* undo */
    {EXTRA(ADDED, "a1" UNDO POINT("01", "00")), 0, NULL},
    {EXTRA(ADDED, "a1" UNDO POINT("01", "1affffffff")), 0, NULL},
    {EXTRA(ADDED, "a1" UNDO POINT("01", "1b0000000100000000")), COVE_EFORMAT,
     "undo"},
    {EXTRA(ADDED, "a1" UNDO POINT("01", "20")), COVE_EFORMAT, "undo"},
    {EXTRA(ADDED, "a1" UNDO "81" B16("01")), COVE_EFORMAT, "undo"},
    {EXTRA(ADDED, "a1" UNDO "82" B8("01") "00"), COVE_EFORMAT, "undo"},
    {EXTRA(ADDED, "a1" UNDO B16("01")), COVE_EFORMAT, "undo"},
    {BARE("a1" UNDO POINT("01", "00")), 0, NULL}, /* nothing was left to do */
    /* branch */
    {BARE("a1" BRANCH "a3" ID BASE "80" NAME "6161"), 0, NULL},
    {BARE("a1" BRANCH "a3" ID BASE "82" POINT("01", "01")
              POINT("02", "1affffffff") NAME "6161"),
     0, NULL},
    {EXTRA(SET, "a1" BRANCH "a3" ID BASE "80" NAME "6161"), 0, NULL},
    {BARE("a1" BRANCH "a3" ID BASE "81" POINT("01", "00") NAME "6161"),
     COVE_EFORMAT, "point"},
    {BARE("a1" BRANCH "a3" ID BASE "81" B16("01") NAME "6161"), COVE_EFORMAT,
     "point"},
    {BARE("a1" BRANCH "a3" ID BASE "82" POINT("02", "01") POINT("01", "01") NAME
          "6161"),
     COVE_EFORMAT, "ascend"},
    {BARE("a1" BRANCH "a3" ID BASE "82" POINT("01", "01") POINT("01", "02") NAME
          "6161"),
     COVE_EFORMAT, "ascend"},
    {BARE("a1" BRANCH "a3" ID BASE "a0" NAME "6161"), COVE_EFORMAT, "points"},
    {BARE("a1" BRANCH "a3" ID BASE "80" NAME "60"), COVE_EFORMAT, "name"},
    {BARE("a1" BRANCH "a3" ID BASE "80" NAME "4161"), COVE_EFORMAT, "name"},
    {BARE("a1" BRANCH "a3 626964" B8("99") BASE "80" NAME "6161"), COVE_EFORMAT,
     "id"},
    {BARE("a1" BRANCH "a2" ID BASE "80"), COVE_EFORMAT, "branch"},
    {BARE("a1" BRANCH "a2" ID NAME "6161"), COVE_EFORMAT, "branch"},
    {BARE("a1" BRANCH "80"), COVE_EFORMAT, "branch"},
    {BARE("a1" BRANCH "a4" ID BASE "80" NAME "6161" LATER "00"), COVE_EFORMAT,
     "branch"},
    /* merge */
    {BARE("a1" MERGE "a2" ID POINTS "81" POINT("01", "01")), 0, NULL},
    {"88" COPY "80 a1" MERGE "a2" ID POINTS "81" POINT("01", "01"), 0, NULL},
    {BARE("a1" MERGE "a2" ID POINTS "80"), COVE_EFORMAT, "point"},
    {BARE("a1" MERGE "a2" ID POINTS "81" POINT("01", "00")), COVE_EFORMAT,
     "point"},
    {BARE("a1" MERGE "a2" ID POINTS "82" POINT("02", "01") POINT("01", "01")),
     COVE_EFORMAT, "ascend"},
    {BARE("a1" MERGE "a1" ID), COVE_EFORMAT, "merge"},
    {BARE("a1" MERGE "a2" ID BASE "81" POINT("01", "01")), COVE_EFORMAT,
     "merge"},
    {BARE("a1" MERGE "01"), COVE_EFORMAT, "merge"},
    /* all of them, in the order of their encodings */
    {EXTRA(GONE1, "a5" UNDO POINT("01", "00") CLAIM B32("00") MERGE
           "a2" ID POINTS "81" POINT("01", "01") AGENTS "81" B16("01") BRANCH
           "a3" ID BASE "80" NAME "6161"),
     0, NULL},
    /* a known member is judged beside an unknown one */
    {BARE("a2" UNDO "00" LATER "00"), COVE_EFORMAT, "undo"},
    {BARE("a2" LATER "00" BRANCH "a3" ID BASE "80" NAME "60"), COVE_EFORMAT,
     "name"},
    {BARE("a2" LATER "00" BRANCH "a3" ID BASE "80" NAME "6161"), 0, NULL},
};

START_TEST(each_member_of_extra_has_its_form_and_each_refusal_names_it)
{
    tx_assert_cases(extras, COVE_ARRAY_LEN(extras));
}
END_TEST

/* --- golden transactions, field by field */

struct golden {
    struct cove_bytes bytes;
    struct cove_arena arena;
    struct cove_tx tx;
};

static void golden_open(struct golden *g, const char *name)
{
    cove_arena_init(&g->arena, &cove_alloc_libc);
    g->bytes = vectors_get(name);
    ck_assert_int_eq(tx_decode(g->bytes, &g->arena, &g->tx), 0);
    ck_assert(!g->tx.ahead);
}

static void golden_close(struct golden *g)
{
    cove_arena_clear(&g->arena);
    vectors_free(g->bytes);
}

START_TEST(golden_insertions_give_every_field)
{
    struct golden g;

    golden_open(&g, "tx.text");
    ck_assert_uint_eq(g.tx.op_count, 3);
    ck_assert_int_eq(g.tx.ops[0].kind, COVE_OP_TEXT);
    vectors_assert_equal(g.tx.ops[0].value, cove_bytes_text("tschüß"));
    ck_assert_uint_eq(g.tx.ops[0].count, 6);
    ck_assert_uint_eq(g.tx.ops[0].first, 0);
    ck_assert_uint_eq(g.tx.ops[0].agent, COVE_TX_ROOT);
    ck_assert(!g.tx.ops[0].left);
    ck_assert(g.tx.ops[1].left);
    ck_assert_uint_eq(g.tx.ops[1].first, 6);
    ck_assert_uint_eq(g.tx.ops[1].agent, COVE_TX_OWN);
    ck_assert_uint_eq(g.tx.ops[2].agent, 1);
    ck_assert_uint_eq(g.tx.ops[2].n, 41);
    ck_assert_uint_eq(g.tx.agent_count, 1);
    ck_assert(!g.tx.agents[0].is_write);
    golden_close(&g);

    golden_open(&g, "tx.items");
    ck_assert_int_eq(g.tx.ops[0].kind, COVE_OP_ITEMS);
    ck_assert_uint_eq(g.tx.ops[0].count, 3);
    vectors_assert_equal(g.tx.ops[0].value,
                         cove_bytes_text("\x01\x64zwei\xf6"));
    ck_assert_uint_eq(g.tx.ops[0].reg.len, 0);
    vectors_assert_equal(g.tx.ops[1].reg, cove_bytes_text("items~aaaaaaaa"));
    ck_assert_uint_eq(g.tx.ops[1].count, 1);
    ck_assert_uint_eq(g.tx.ops[1].n, 2);
    golden_close(&g);
}
END_TEST

START_TEST(golden_removals_and_writes_to_other_types_give_every_field)
{
    struct golden g;

    golden_open(&g, "tx.remove");
    ck_assert_uint_eq(g.tx.op_count, 3);
    ck_assert_int_eq(g.tx.ops[1].kind, COVE_OP_REMOVE);
    ck_assert_uint_eq(g.tx.ops[1].agent, 1);
    ck_assert_uint_eq(g.tx.ops[1].n, 0);
    ck_assert_uint_eq(g.tx.ops[1].count, 300);
    ck_assert_uint_eq(g.tx.agent_count, 2);
    ck_assert(g.tx.agents[1].is_write);
    ck_assert_uint_eq(g.tx.agents[1].write.tx, 41);
    golden_close(&g);
    golden_open(&g, "tx.stream");
    ck_assert_int_eq(g.tx.ops[0].kind, COVE_OP_APPEND);
    ck_assert_uint_eq(g.tx.ops[0].value.at[0], 0xa1);
    golden_close(&g);
    golden_open(&g, "tx.chunk");
    ck_assert_int_eq(g.tx.ops[1].kind, COVE_OP_CHUNK);
    ck_assert_uint_eq(g.tx.ops[1].offset, 60000);
    vectors_assert_equal(g.tx.ops[1].value, cove_bytes_text("\x89PNG"));
    golden_close(&g);
    golden_open(&g, "tx.counter");
    ck_assert_int_eq(g.tx.ops[0].kind, COVE_OP_ADD);
    ck_assert_int_eq(g.tx.ops[0].amount, -3);
    golden_close(&g);
}
END_TEST

START_TEST(golden_undo_branch_and_merge_give_every_field)
{
    struct golden g;

    golden_open(&g, "tx.undo");
    ck_assert(g.tx.has_undo);
    ck_assert_uint_eq(g.tx.undo.len, 7);
    ck_assert_uint_eq(g.tx.undo.session.b[0], 0x4c);
    golden_close(&g);
    golden_open(&g, "tx.branch");
    ck_assert(g.tx.has_branch);
    ck_assert(!g.tx.has_merge);
    ck_assert_uint_eq(g.tx.op_count, 0);
    ck_assert_uint_eq(g.tx.branch.id.b[15], 0x99);
    vectors_assert_equal(g.tx.branch.name, cove_bytes_text("trial"));
    ck_assert_uint_eq(g.tx.branch.base_count, 2);
    ck_assert_uint_eq(g.tx.branch.base[0].len, 3);
    golden_close(&g);
    golden_open(&g, "tx.merge");
    ck_assert(g.tx.has_merge);
    ck_assert_uint_eq(g.tx.merge.id.b[0], 0x99);
    ck_assert_uint_eq(g.tx.merge.point_count, 1);
    ck_assert_uint_eq(g.tx.merge.points[0].len, 2);
    golden_close(&g);
}
END_TEST

START_TEST(what_is_ahead_tells_nothing_of_its_members)
{
    static const char hex[] = "88" FRONT "81 81 08 a4" UNDO POINT("01", "00")
        MERGE "a2" ID POINTS "81" POINT("01", "01") AGENTS "81" B16("01") BRANCH
        "a3" ID BASE "80" NAME "6161";
    struct cove_bytes b = vectors_hex(hex, hex + strlen(hex));
    struct cove_arena arena;
    struct cove_tx tx;

    cove_arena_init(&arena, &cove_alloc_libc);
    ck_assert_int_eq(tx_decode(b, &arena, &tx), 0);
    ck_assert(tx.ahead);
    ck_assert(!tx.has_undo && !tx.has_branch && !tx.has_merge);
    ck_assert_uint_eq(tx.agent_count, 0);
    ck_assert_ptr_null(tx.agents);
    cove_arena_clear(&arena);
    vectors_free(b);
}
END_TEST

/* --- limits of size: what encode says, and decode of what it would write */

static int limits_both(const struct cove_tx *tx)
{
    struct cove_arena arena;
    struct cove_arena scratch;
    struct cove_buf raw;
    struct cove_tx out;
    size_t len = 0;
    int err = both_ways(tx, &len);

    cove_arena_init(&arena, &cove_alloc_libc);
    cove_arena_init(&scratch, &cove_alloc_libc);
    cove_buf_init(&raw, &cove_alloc_libc);
    ck_assert_int_eq(cove_tx_write(tx, &scratch, &raw), 0);
    ck_assert_int_eq(tx_decode(cove_buf_bytes(&raw), &arena, &out), err);
    cove_buf_clear(&raw);
    cove_arena_clear(&scratch);
    cove_arena_clear(&arena);
    return err;
}

static struct cove_tx tx_of(struct cove_tx_op *op)
{
    struct cove_tx tx = {.hlc = 1, .ops = op, .op_count = 1};

    return tx;
}

START_TEST(a_text_and_a_chunk_have_at_most_60000_bytes)
{
    static const enum cove_op_kind kinds[] = {COVE_OP_TEXT, COVE_OP_CHUNK};
    static const uint8_t letters[COVE_MAX_TEXT + 1] = {0};

    for (size_t i = 0; i < COVE_ARRAY_LEN(kinds); i++) {
        struct cove_tx_op op = {
            .kind = kinds[i], .agent = COVE_TX_ROOT, .count = COVE_MAX_TEXT};
        struct cove_tx tx = tx_of(&op);

        op.value = cove_bytes(letters, COVE_MAX_TEXT);
        ck_assert_int_eq(limits_both(&tx), 0);
        op.value.len++;
        op.count++;
        ck_assert_int_eq(limits_both(&tx), COVE_ELIMIT);
    }
}
END_TEST

START_TEST(a_list_of_items_has_at_most_64000_bytes_and_as_many_items)
{
    static const uint8_t zeros[COVE_MAX_VALUE] = {0};
    struct cove_tx_op op = {.kind = COVE_OP_ITEMS, .agent = COVE_TX_ROOT};
    struct cove_tx tx = tx_of(&op);

    op.count = COVE_MAX_VALUE - 3; /* a head of three bytes */
    op.value = cove_bytes(zeros, op.count);
    ck_assert_int_eq(limits_both(&tx), 0);
    op.count++;
    op.value.len++;
    ck_assert_int_eq(limits_both(&tx), COVE_ELIMIT);
}
END_TEST

START_TEST(an_item_is_a_value_like_any)
{
    uint8_t deep[COVE_MAX_VALUE_DEPTH + 1];
    struct cove_tx_op op = {
        .kind = COVE_OP_ITEMS, .agent = COVE_TX_ROOT, .count = 1};
    struct cove_tx tx = tx_of(&op);

    for (size_t depth = COVE_MAX_VALUE_DEPTH; depth <= COVE_MAX_VALUE_DEPTH + 1;
         depth++) {
        memset(deep, 0x81, depth - 1);
        deep[depth - 1] = 0x80;
        op.value = cove_bytes(deep, depth);
        ck_assert_int_eq(limits_both(&tx),
                         depth <= COVE_MAX_VALUE_DEPTH ? 0 : COVE_ELIMIT);
    }
}
END_TEST

START_TEST(a_type_has_at_most_64_bytes_and_a_branchs_name_255)
{
    static const char letters[COVE_MAX_KEY + 1] = {0};
    struct cove_tx_op op = {.kind = COVE_OP_ITEMS,
                            .agent = COVE_TX_ROOT,
                            .count = 1,
                            .value = cove_bytes_text("\x01")};
    struct cove_tx tx = tx_of(&op);

    op.reg = cove_bytes(letters, COVE_MAX_REGISTER);
    ck_assert_int_eq(limits_both(&tx), 0);
    op.reg.len++;
    ck_assert_int_eq(limits_both(&tx), COVE_ELIMIT);
    op.reg.len = 0;
    tx.has_branch = true;
    tx.branch.name = cove_bytes(letters, COVE_MAX_KEY);
    ck_assert_int_eq(limits_both(&tx), 0);
    tx.branch.name.len++;
    ck_assert_int_eq(limits_both(&tx), COVE_ELIMIT);
}
END_TEST

/* Sessions of a number, ascending. */
static struct cove_session_id session_of(uint32_t n)
{
    struct cove_session_id session;

    memset(&session, 0, sizeof(session));
    cove_put_be32(session.b, n);
    return session;
}

START_TEST(a_transaction_names_at_most_1024_agents)
{
    static struct cove_tx_op ops[COVE_MAX_TX_OPS];
    static struct cove_tx_agent agents[COVE_MAX_TX_OPS + 1];
    struct cove_tx tx = {.hlc = 1, .ops = ops, .agents = agents};

    for (uint32_t i = 0; i < COVE_ARRAY_LEN(agents); i++) {
        agents[i].session = session_of(i);
    }
    for (uint32_t i = 0; i < COVE_ARRAY_LEN(ops); i++) {
        ops[i] = (struct cove_tx_op){
            .kind = COVE_OP_REMOVE, .agent = i + 1, .count = 1};
    }
    tx.op_count = COVE_ARRAY_LEN(ops);
    tx.agent_count = COVE_MAX_TX_OPS;
    ck_assert_int_eq(limits_both(&tx), 0);
    tx.agent_count++;
    ck_assert_int_eq(limits_both(&tx), COVE_ELIMIT);
}
END_TEST

/* The bytes of a branch whose base is a list of `count` zeros. */
static int base_of(size_t count)
{
    struct cove_arena arena;
    struct cove_writer w;
    struct cove_buf out;
    struct cove_tx tx;

    cove_buf_init(&out, &cove_alloc_libc);
    cove_arena_init(&arena, &cove_alloc_libc);
    cove_writer_init(&w, &out);
    cove_writer_item(&w, cove_bytes("\x88\x00\x01\x00\x40\x80\xf6\x80", 8));
    cove_writer_map(&w, 1);
    cove_writer_cstr(&w, "branch");
    cove_writer_map(&w, 3);
    cove_writer_cstr(&w, "id");
    cove_writer_bytes(&w, session_of(0).b, 16);
    cove_writer_cstr(&w, "base");
    cove_writer_list(&w, count);
    for (size_t i = 0; i < count; i++) {
        cove_writer_uint(&w, 0);
    }
    cove_writer_cstr(&w, "name");
    cove_writer_cstr(&w, "a");
    ck_assert_int_eq(w.err, 0);

    int err = tx_decode(cove_buf_bytes(&out), &arena, &tx);

    cove_arena_clear(&arena);
    cove_buf_clear(&out);
    return err;
}

/* A point takes 19 bytes: 65,000 are the end before 4,096 points are. */
START_TEST(a_branchs_points_have_their_limits)
{
    static struct cove_tx_point points[COVE_MAX_SESSIONS + 1];
    struct cove_tx tx = {.hlc = 1, .has_branch = true, .has_merge = true};

    for (uint32_t i = 0; i < COVE_ARRAY_LEN(points); i++) {
        points[i].session = session_of(i);
        points[i].len = 1;
    }
    tx.branch.name = cove_bytes_text("a");
    tx.branch.base = points;
    tx.branch.base_count = 3400;
    tx.merge.points = points;
    tx.merge.point_count = 1;
    ck_assert_int_eq(limits_both(&tx), 0);
    tx.branch.base_count = 3500;
    ck_assert_int_eq(limits_both(&tx), COVE_ELIMIT);
    ck_assert_int_eq(base_of(COVE_MAX_SESSIONS), COVE_EFORMAT);
    ck_assert_int_eq(base_of(COVE_MAX_SESSIONS + 1), COVE_ELIMIT);
}
END_TEST

/* --- writing */

START_TEST(what_could_not_be_read_is_not_written)
{
    struct cove_origin origin = {.reg = cove_bytes_text("b")};
    struct cove_tx_op ops[11];
    struct cove_buf out;

    for (size_t i = 0; i < COVE_ARRAY_LEN(ops); i++) {
        ops[i] = (struct cove_tx_op){.kind = COVE_OP_TEXT,
                                     .agent = COVE_TX_ROOT,
                                     .value = cove_bytes_text("ü"),
                                     .count = 1};
    }
    ops[0].value.len = 0;
    ops[1].count = 2; /* bytes, and not code points */
    ops[2].left = true;
    ops[3].deleted = true;
    ops[4].agent = 1; /* there is none */
    ops[5].kind = (enum cove_op_kind)1;
    ops[6].kind = (enum cove_op_kind)8;
    ops[7].origins = &origin;
    ops[7].origin_count = 1;
    ops[8].kind = COVE_OP_ITEMS;
    ops[8].value = cove_bytes_text("\x01\x02"); /* two */
    ops[9].kind = COVE_OP_ITEMS;
    ops[9].value = cove_bytes_text("\x18\x01");
    ops[10].kind = COVE_OP_REMOVE; /* of the root */
    cove_buf_init(&out, &cove_alloc_libc);
    for (size_t i = 0; i < COVE_ARRAY_LEN(ops); i++) {
        struct cove_tx tx = tx_of(&ops[i]);
        struct cove_diag diag;

        cove_diag_clear(&diag);

        int err = cove_tx_encode(&tx, &out, &diag);

        ck_assert_msg(err == COVE_EUSAGE, "case %zu: %d", i, err);
        ck_assert_int_eq(diag.code, COVE_EUSAGE);
        ck_assert_uint_eq(out.len, 0);
    }
    cove_buf_clear(&out);
}
END_TEST

START_TEST(an_insertion_uses_an_op_index_for_each_element)
{
    static const struct {
        struct cove_tx_op op;
        uint32_t indexes;
    } cases[] = {
        {{.kind = COVE_OP_REGISTER}, 1},
        {{.kind = COVE_OP_TEXT, .count = 7}, 7},
        {{.kind = COVE_OP_ITEMS, .count = 3}, 3},
        {{.kind = COVE_OP_REMOVE, .count = 300}, 1},
        {{.kind = COVE_OP_APPEND}, 1},
        {{.kind = COVE_OP_CHUNK}, 1},
        {{.kind = COVE_OP_ADD}, 1},
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(cases); i++) {
        ck_assert_uint_eq(cove_tx_op_indexes(&cases[i].op), cases[i].indexes);
    }
}
END_TEST

START_TEST(random_transactions_of_all_kinds_come_back_as_they_were)
{
    struct tx_author author = {.hlc = 1};

    harness_env_init(&author.env, 3);
    for (int round = 0; round < 4000; round++) {
        struct cove_arena arena;
        struct cove_buf out;
        struct cove_tx tx;
        struct cove_tx again;

        cove_arena_init(&arena, &cove_alloc_libc);
        cove_buf_init(&out, &cove_alloc_libc);
        tx_kit_next(&author, &arena, &tx);
        ck_assert_int_eq(cove_tx_encode(&tx, &out, NULL), 0);

        struct cove_bytes exact = vectors_exact(cove_buf_bytes(&out));

        ck_assert_int_eq(tx_decode(exact, &arena, &again), 0);
        ck_assert(!again.ahead);
        tx_assert_same(&tx, &again);
        assert_encodes_to(&again, exact);
        vectors_free(exact);
        cove_buf_clear(&out);
        cove_arena_clear(&arena);
    }
}
END_TEST

START_TEST(running_out_of_memory_changes_nothing)
{
    static const char hex[] =
        "88" FRONT "82" GONE1 TYPED "a4" UNDO POINT("01", "00") MERGE
        "a2" ID POINTS "81" POINT("01", "01") AGENTS "81" B16("01") BRANCH
        "a3" ID BASE "81" POINT("01", "01") NAME "6161";
    struct cove_bytes b = vectors_hex(hex, hex + strlen(hex));
    int err = COVE_ENOMEM;
    long fail_at = 1;

    for (; err != 0; fail_at++) {
        struct harness_alloc alloc;
        struct cove_arena arena;
        struct cove_buf out;
        struct cove_tx tx;
        struct cove_tx before;

        ck_assert_int_lt(fail_at, 100);
        harness_alloc_init(&alloc, fail_at);
        cove_arena_init(&arena, &alloc.alloc);
        cove_buf_init(&out, &alloc.alloc);
        memset(&tx, 0xee, sizeof(tx));
        memcpy(&before, &tx, sizeof(tx));
        err = tx_decode(b, &arena, &tx);
        if (err != 0) {
            ck_assert_mem_eq(&tx, &before, sizeof(tx));
        } else {
            err = cove_tx_encode(&tx, &out, NULL);
            ck_assert_uint_eq(out.len, err == 0 ? b.len : 0);
        }
        ck_assert(err == 0 || err == COVE_ENOMEM);
        cove_buf_clear(&out);
        cove_arena_clear(&arena);
        ck_assert_int_eq(alloc.alive, 0);
    }
    ck_assert_int_gt(fail_at, 3);
    vectors_free(b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tx_ops");
    TCase *tc = tcase_create("tx_ops");

    tcase_add_test(tc, each_op_has_its_form_and_each_refusal_names_the_rule);
    tcase_add_test(tc,
                   each_member_of_extra_has_its_form_and_each_refusal_names_it);
    tcase_add_test(tc, golden_insertions_give_every_field);
    tcase_add_test(tc,
                   golden_removals_and_writes_to_other_types_give_every_field);
    tcase_add_test(tc, golden_undo_branch_and_merge_give_every_field);
    tcase_add_test(tc, what_is_ahead_tells_nothing_of_its_members);
    tcase_add_test(tc, a_text_and_a_chunk_have_at_most_60000_bytes);
    tcase_add_test(tc,
                   a_list_of_items_has_at_most_64000_bytes_and_as_many_items);
    tcase_add_test(tc, an_item_is_a_value_like_any);
    tcase_add_test(tc, a_type_has_at_most_64_bytes_and_a_branchs_name_255);
    tcase_add_test(tc, a_transaction_names_at_most_1024_agents);
    tcase_add_test(tc, a_branchs_points_have_their_limits);
    tcase_add_test(tc, what_could_not_be_read_is_not_written);
    tcase_add_test(tc, an_insertion_uses_an_op_index_for_each_element);
    tcase_add_test(tc, random_transactions_of_all_kinds_come_back_as_they_were);
    tcase_add_test(tc, running_out_of_memory_changes_nothing);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
