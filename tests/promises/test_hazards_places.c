/* test_hazards_places.c: what clocks did to lists elsewhere, and do not here.
 *
 * Each was seen red; one line that does it, in the product:
 *   h22  seq_index.c, cove_seq_compare: only times are compared
 *   h23  repo_branch.c, repo_elements_most: row->pub.folded (held items wait)
 *        repo_ingest.c, ingest_check_times: no COVE_MAX_REFUSE_MS
 */
#include "cove/error.h"
#include "tests/promises/devices.h"

#define MINUTE 60000

static struct devices d;
static struct device_doc *doc;

static const enum cove_doc_type types[] = {COVE_DOC_COTEXT, COVE_DOC_COLIST};

static void begin(enum cove_doc_type type)
{
    devices_open(&d, 3, 3, 0);
    doc = devices_doc(&d, type);
    devices_headers(&d);
}

static void end(void)
{
    devices_settle(&d);
    devices_agree(&d);
    devices_close(&d);
}

static void ck_word(int device, const char *want)
{
    ck_assert_str_eq(devices_word(&d.kits[device], doc), want);
}

/* --- equal times */

/* A session by hand that inserts before everything, at a time given. */
static void hand_letter(const struct kit *who, uint64_t hlc, const char *letter)
{
    struct hand *hand = &d.hands[d.hand_count];
    struct cove_bytes value;
    struct cove_tx_op op = {
        .kind = COVE_OP_ITEMS, .agent = COVE_TX_ROOT, .count = 1};
    struct cove_tx tx = {.hlc = hlc, .ops = &op, .op_count = 1};

    devices_hand(&d, who, doc);
    ck_assert_int_eq(
        cove_value_of_text(&d.desk.arena, cove_bytes_text(letter), &value), 0);
    op.value = value;
    author_push_tx(&hand->author, &tx);
    naive_note(&doc->naive, &hand->author.session, &who->device, &tx);
}

static void hand_give(int hand, int to)
{
    struct cove_batch batch = author_batch(&d.hands[hand].author, 0, 1);
    struct cove_ingest_result result;

    ck_assert_int_eq(kit_ingest(&d.kits[to], &batch, 1, &result), 0);
}

START_TEST(h22_items_of_equal_times_stand_in_one_order)
{
    static const int orders[3][3] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}};

    begin(COVE_DOC_COLIST);
    /* Two devices, and one of them with two sessions, in one instant. */
    hand_letter(&d.kits[0], cove_hlc_of_ms(DEVICES_NOW), "a");
    hand_letter(&d.kits[1], cove_hlc_of_ms(DEVICES_NOW), "b");
    hand_letter(&d.kits[0], cove_hlc_of_ms(DEVICES_NOW), "c");
    for (int to = 0; to < 3; to++) {
        for (int i = 0; i < 3; i++) {
            hand_give(orders[to][i], to);
        }
    }
    for (int to = 1; to < 3; to++) {
        ck_word(to, devices_word(&d.kits[0], doc));
    }
    devices_agree(&d);
    d.hand_count = 0; /* all is given */
    end();
}
END_TEST

START_TEST(h22_writes_to_one_item_at_equal_times_have_one_winner)
{
    begin(COVE_DOC_COLIST);
    devices_insert(&d, 0, doc, 0, "x");
    devices_give(&d, 0, 1, doc);
    devices_give(&d, 0, 2, doc);
    for (int i = 0; i < 3; i++) {
        d.kits[i].env.now_ms = DEVICES_NOW + MINUTE; /* all at once */
        devices_set(&d, i, doc, 0, (char)('a' + i));
    }
    devices_give(&d, 2, 0, doc);
    devices_give(&d, 1, 0, doc);
    devices_give(&d, 0, 2, doc);
    devices_give(&d, 0, 1, doc);
    ck_word(1, devices_word(&d.kits[0], doc));
    ck_word(2, devices_word(&d.kits[0], doc));
    ck_assert_uint_eq(devices_length(&d.kits[0], doc), 1);
    end();
}
END_TEST

/* --- fast clocks */

START_TEST(h23_what_a_fast_clock_inserts_is_shown_at_once_and_stays)
{
    begin(types[_i]);
    devices_insert(&d, 0, doc, 0, "ac");
    devices_give(&d, 0, 1, doc);
    d.kits[1].env.now_ms += 6 * MINUTE;
    devices_insert(&d, 1, doc, 1, "b");
    devices_give(&d, 1, 0, doc);
    ck_word(0, "abc");
    kit_reopen(&d.kits[0]);
    ck_word(0, "abc");
    /* Others go on around it, and take it away. */
    devices_insert(&d, 0, doc, 2, "+");
    devices_insert(&d, 0, doc, 4, "d");
    devices_give(&d, 0, 1, doc);
    ck_word(1, "ab+cd");
    devices_remove(&d, 0, doc, 1, 1);
    ck_word(0, "a+cd");
    devices_give(&d, 0, 1, doc);
    devices_give(&d, 1, 2, doc);
    ck_word(1, "a+cd");
    ck_word(2, "a+cd");
    d.kits[0].env.now_ms += 10 * MINUTE; /* nothing comes again */
    ck_word(0, "a+cd");
    end();
}
END_TEST

START_TEST(h23_what_a_fast_clock_removes_is_gone_at_once)
{
    begin(types[_i]);
    devices_insert(&d, 0, doc, 0, "abc");
    devices_give(&d, 0, 1, doc);
    d.kits[1].env.now_ms += 23 * 60 * MINUTE;
    devices_remove(&d, 1, doc, 1, 1);
    devices_give(&d, 1, 0, doc);
    ck_word(0, "ac");
    end();
}
END_TEST

START_TEST(h23_what_a_fast_clock_writes_in_place_waits_for_its_time)
{
    begin(COVE_DOC_COLIST);
    devices_insert(&d, 0, doc, 0, "ab");
    devices_give(&d, 0, 1, doc);
    d.kits[1].env.now_ms += 6 * MINUTE;
    devices_set(&d, 1, doc, 0, 'X');
    devices_insert(&d, 1, doc, 2, "c");
    devices_give(&d, 1, 0, doc);
    ck_word(0, "abc"); /* the item behind it does not wait */
    devices_set(&d, 0, doc, 0, 'y');
    ck_word(0, "ybc");
    d.kits[0].env.now_ms += 2 * MINUTE;
    ck_word(0, "Xbc"); /* its time has come, and is the later one */
    end();
}
END_TEST

/* Long enough for a checkpoint, which is ahead of its mark then. */
START_TEST(h23_a_checkpoint_keeps_what_is_held)
{
    begin(COVE_DOC_COLIST);
    d.kits[1].env.now_ms += 6 * MINUTE;
    for (int i = 0; i < 60; i++) {
        devices_insert(&d, 1, doc, 0, "0123456789");
        devices_set(&d, 1, doc, 0, 'X');
    }
    devices_give(&d, 1, 0, doc);
    for (int i = 0; i < 60; i++) {
        devices_insert(&d, 0, doc, 600, "abcdefghijklmnopqrst");
    }
    devices_check(&d, &d.kits[0], doc, true, true);
    kit_reopen(&d.kits[0]);
    devices_check(&d, &d.kits[0], doc, true, true);
    ck_assert_int_eq(devices_word(&d.kits[0], doc)[0], '0');
    d.kits[0].env.now_ms += 10 * MINUTE;
    devices_check(&d, &d.kits[0], doc, true, true);
    kit_reopen(&d.kits[0]);
    devices_check(&d, &d.kits[0], doc, true, true);
    ck_assert_int_eq(devices_word(&d.kits[0], doc)[0], 'X');
    end();
}
END_TEST

START_TEST(h23_a_clock_in_the_year_3000_is_refused_and_nothing_vanishes)
{
    struct cove_ingest_result result;
    struct naive_tx *tx;
    struct cove_batch batch;

    begin(types[_i]);
    devices_insert(&d, 0, doc, 0, "abc");
    devices_give(&d, 0, 1, doc);
    d.kits[1].env.now_ms = INT64_C(32503680000000);
    devices_insert(&d, 1, doc, 1, "!");
    tx = &doc->naive.txs[doc->naive.count - 1];
    ck_assert_int_eq(kit_read(&d.kits[1], &doc->id,
                              &doc->naive.sessions[tx->session].id, 0, 60000,
                              &batch),
                     0);
    ck_assert_int_eq(kit_ingest(&d.kits[0], &batch, 1, &result), COVE_ECLOCK);
    ck_word(0, "abc");
    devices_insert(&d, 0, doc, 3, "d");
    ck_word(0, "abcd");
    /* It still takes from others, and so does who was refused. */
    devices_give(&d, 0, 1, doc);
    ck_word(1, "a!bcd");
    devices_give(&d, 0, 2, doc);
    ck_word(2, "abcd");
    devices_close(&d);
}
END_TEST

START_TEST(h23_a_clock_five_minutes_behind_loses_no_place)
{
    begin(types[_i]);
    devices_insert(&d, 0, doc, 0, "ad");
    devices_give(&d, 0, 1, doc);
    d.kits[1].env.now_ms -= 5 * MINUTE;
    devices_insert(&d, 1, doc, 1, "b");
    devices_insert(&d, 1, doc, 2, "c");
    devices_give(&d, 1, 0, doc);
    ck_word(0, "abcd");
    ck_word(1, "abcd");
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hazards_places");
    TCase *tc = tcase_create("hazards_places");

    tcase_set_timeout(tc, 0);
    tcase_add_test(tc, h22_items_of_equal_times_stand_in_one_order);
    tcase_add_test(tc, h22_writes_to_one_item_at_equal_times_have_one_winner);
    tcase_add_loop_test(
        tc, h23_what_a_fast_clock_inserts_is_shown_at_once_and_stays, 0, 2);
    tcase_add_loop_test(tc, h23_what_a_fast_clock_removes_is_gone_at_once, 0,
                        2);
    tcase_add_test(tc,
                   h23_what_a_fast_clock_writes_in_place_waits_for_its_time);
    tcase_add_test(tc, h23_a_checkpoint_keeps_what_is_held);
    tcase_add_loop_test(
        tc, h23_a_clock_in_the_year_3000_is_refused_and_nothing_vanishes, 0, 2);
    tcase_add_loop_test(tc, h23_a_clock_five_minutes_behind_loses_no_place, 0,
                        2);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
