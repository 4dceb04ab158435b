/* test_interleavings.c: few transactions, every order. Who writes, what they
 * had seen by then, and in which order it all reaches a device: all cases up
 * to four transactions of three devices, for texts, lists and counters. And
 * words that are typed at one place, which must not get mixed. */
#include "tests/promises/devices.h"

#define MOST    4
#define WRITERS 3

/* --- every interleaving */

struct sent { /* a transaction on its way */
    int writer;
    struct cove_batch batch;
};

struct plan {
    struct devices d;
    struct device_doc *doc;
    struct sent sent[MOST];
    int writers[MOST];
    unsigned seen; /* bit i: who writes number i had all that was before */
    unsigned turn; /* which edit is the first */
    int count;
    struct kit receiver;
    long orders;
};

static void plan_edit(struct plan *p, int i)
{
    int who = p->writers[i];
    size_t length;

    if (p->doc->type == COVE_DOC_COCOUNTER) {
        devices_add(&p->d, who, p->doc, 1 << (4 * i));
        return;
    }
    length = devices_length(&p->d.kits[who], p->doc);
    switch (length == 0 ? 0 : (i + (int)p->turn) % 3) {
    case 0:
        devices_insert(&p->d, who, p->doc, length / 2,
                       i % 2 == 0 ? "ab" : "xyz");
        break;
    case 1:
        devices_remove(&p->d, who, p->doc, length / 3,
                       length > 1 ? 2 - length % 2 : 1);
        break;
    default:
        if (p->doc->type == COVE_DOC_COLIST) {
            devices_set(&p->d, who, p->doc, length - 1, (char)('0' + i));
        } else {
            devices_insert(&p->d, who, p->doc, 0, "q");
        }
    }
}

/* Its batch, as it is signed by itself. */
static void plan_write(struct plan *p, int i)
{
    int who = p->writers[i];
    struct naive_tx *tx;

    for (int from = 0; from < WRITERS && (p->seen >> i & 1) != 0; from++) {
        devices_give(&p->d, from, who, p->doc);
    }
    plan_edit(p, i);
    tx = &p->doc->naive.txs[p->doc->naive.count - 1];
    p->sent[i].writer = who;
    SURE(kit_read(&p->d.kits[who], &p->doc->id,
                  &p->doc->naive.sessions[tx->session].id, tx->index, 1,
                  &p->sent[i].batch) == 0);
    SURE(p->sent[i].batch.tx_count == 1);
}

/* Give one that may come next to the receiver, look, and go on with the rest:
 * all in one transaction, which is taken back in the end. */
static void plan_deliver(struct plan *p, const int *order)
{
    struct cove_store_txn *txn = kit_begin(&p->receiver, true);
    struct kit *k = &p->receiver;
    struct naive_view view = {.now_ms = k->env.now_ms};

    for (int i = 0; i < p->count; i++) {
        struct cove_batch *batch = &p->sent[order[i]].batch;
        struct cove_ingest_result result;
        struct cove_buf got, want;
        struct cove_doc loaded;

        SURE(cove_repo_ingest(k->repo, txn, batch, 1, &result, &k->diag) == 0);
        view.len[naive_session(&p->doc->naive, &batch->session)]++;
        loaded = kit_load(k, txn, &p->doc->id);
        cove_buf_init(&got, &k->heap.alloc);
        cove_buf_init(&want, &k->heap.alloc);
        devices_line(k, txn, &loaded, &loaded.state, &got);
        naive_line(&p->doc->naive, &view, &want);
        ck_assert_msg(
            cove_bytes_equal(cove_buf_bytes(&got), cove_buf_bytes(&want)),
            "after %d: shows \"%.*s\", must be \"%.*s\"", i + 1, (int)got.len,
            (const char *)got.at, (int)want.len, (const char *)want.at);
        cove_buf_clear(&got);
        cove_buf_clear(&want);
    }
    cove_store_abort(txn);
    cove_arena_reset(&k->arena);
    p->orders++;
}

/* Every order in which each session keeps its own. */
static void plan_orders(struct plan *p, int *order, unsigned given, int count)
{
    unsigned blocked = 0; /* bits of the writers whose earlier one waits */

    if (count == p->count) {
        plan_deliver(p, order);
        return;
    }
    for (int i = 0; i < p->count; i++) {
        unsigned writer = 1u << p->sent[i].writer;

        if ((given >> i & 1) != 0 || (blocked & writer) != 0) {
            continue;
        }
        order[count] = i;
        plan_orders(p, order, given | 1u << i, count + 1);
        blocked |= writer;
    }
}

static void plan_run(struct plan *p, enum cove_doc_type type)
{
    int order[MOST];

    devices_open(&p->d, 1, WRITERS, 0);
    p->doc = devices_doc(&p->d, type);
    devices_headers(&p->d);
    kit_open(&p->receiver, FIXTURE_MEMORY, 77);
    p->receiver.env.now_ms = DEVICES_NOW + 60000;
    kit_take_header(&p->receiver, &p->d.group, p->d.group_header);
    kit_take_header(&p->receiver, &p->doc->id, p->doc->header);
    for (int i = 0; i < p->count; i++) {
        plan_write(p, i);
    }
    plan_orders(p, order, 0, 0);
    devices_settle(&p->d);
    devices_agree(&p->d);
    kit_close(&p->receiver);
    devices_close(&p->d);
}

/* Who writes: a device without a number takes the next, since which is which
 * does not matter much; and by turns it does, too. */
static void plan_writers(struct plan *p, enum cove_doc_type type, int count,
                         int known)
{
    if (count == p->count) {
        for (p->seen = 0; p->seen < 1u << p->count; p->seen += 2) {
            for (p->turn = 0; p->turn < 3; p->turn++) {
                plan_run(p, type);
            }
        }
        return;
    }
    for (int who = 0; who <= known && who < WRITERS; who++) {
        p->writers[count] = who;
        plan_writers(p, type, count + 1, who == known ? known + 1 : known);
    }
}

START_TEST(whatever_the_order_of_up_to_four_transactions_all_show_the_same)
{
    static const enum cove_doc_type types[] = {COVE_DOC_COTEXT, COVE_DOC_COLIST,
                                               COVE_DOC_COCOUNTER};
    static struct plan p;

    memset(&p, 0, sizeof(p));
    for (p.count = 1; p.count <= MOST; p.count++) {
        plan_writers(&p, types[_i], 0, 0);
    }
    printf("# %s: %ld orders\n", cove_doc_type_name(types[_i]), p.orders);
}
END_TEST

/* --- words */

static void words_begin(struct devices *d, enum cove_doc_type type)
{
    devices_open(d, 2, 3, 0);
    devices_doc(d, type);
    devices_headers(d);
    devices_insert(d, 0, &d->docs[0], 0, "()");
    devices_give(d, 0, 1, &d->docs[0]);
    devices_give(d, 0, 2, &d->docs[0]);
}

static void words_end(struct devices *d)
{
    static const char *const either[] = {"(hellothere)", "(therehello)"};
    const char *shown;

    devices_settle(d);
    devices_agree(d);
    shown = devices_word(&d->kits[0], &d->docs[0]);
    ck_assert_msg(strcmp(shown, either[0]) == 0 ||
                      strcmp(shown, either[1]) == 0,
                  "%s", shown);
    devices_close(d);
}

static void type_letter(struct devices *d, int device, size_t at, char letter)
{
    char text[2] = {letter, '\0'};

    devices_insert(d, device, &d->docs[0], at, text);
    d->kits[device].env.now_ms += 1 + device;
}

static const enum cove_doc_type word_types[] = {COVE_DOC_COTEXT,
                                                COVE_DOC_COLIST};

START_TEST(words_typed_forwards_at_one_place_stay_whole)
{
    static struct devices d;

    words_begin(&d, word_types[_i]);
    for (size_t i = 0; i < 5; i++) { /* a commit for each letter, by turns */
        type_letter(&d, 0, 1 + i, "hello"[i]);
        type_letter(&d, 1, 1 + i, "there"[i]);
    }
    words_end(&d);
}
END_TEST

START_TEST(words_typed_backwards_at_one_place_stay_whole)
{
    static struct devices d;

    words_begin(&d, word_types[_i]);
    for (size_t i = 5; i > 0; i--) {
        type_letter(&d, 0, 1, "hello"[i - 1]);
        type_letter(&d, 1, 1, "there"[i - 1]);
    }
    words_end(&d);
}
END_TEST

START_TEST(a_word_typed_forwards_and_one_backwards_stay_whole)
{
    static struct devices d;

    words_begin(&d, word_types[_i]);
    for (size_t i = 0; i < 5; i++) {
        type_letter(&d, 0, 1 + i, "hello"[i]);
        type_letter(&d, 1, 1, "there"[4 - i]);
    }
    words_end(&d);
}
END_TEST

/* The first letter may sit in one transaction and the rest in others, with
 * restarts between them: it is the places that keep a word together. */
START_TEST(a_word_typed_over_restarts_stays_whole)
{
    static struct devices d;

    words_begin(&d, word_types[_i]);
    for (size_t i = 0; i < 5; i++) {
        type_letter(&d, 0, 1 + i, "hello"[i]);
        kit_reopen(&d.kits[0]);
        type_letter(&d, 1, 1 + i, "there"[i]);
        cove_repo_close(d.kits[1].repo);
        ck_assert_int_eq(kit_open_with(&d.kits[1], true), 0);
    }
    words_end(&d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("interleavings");
    TCase *tc = tcase_create("interleavings");

    tcase_set_timeout(tc, 0);
    tcase_add_loop_test(
        tc, whatever_the_order_of_up_to_four_transactions_all_show_the_same, 0,
        3);
    tcase_add_loop_test(tc, words_typed_forwards_at_one_place_stay_whole, 0, 2);
    tcase_add_loop_test(tc, words_typed_backwards_at_one_place_stay_whole, 0,
                        2);
    tcase_add_loop_test(tc, a_word_typed_forwards_and_one_backwards_stay_whole,
                        0, 2);
    tcase_add_loop_test(tc, a_word_typed_over_restarts_stays_whole, 0, 2);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
