/* Invites: the token, and who comes in by one. */
#include "sync/invite.h"
#include "tests/unit/engine_kit.h"

#define HOUR INT64_C(3600000)

static struct node alice, bob, carol;
static struct link wire, other;
static const uint8_t secret[COVE_INVITE_SECRET] = {5, 6, 7, 8};

/* --- the token */

static struct cove_token example_token(void)
{
    struct cove_token token = {.expires_ms = 1750604800000,
                               .address = "cove.example:7420"};

    memset(token.device.b, 0xa5, sizeof(token.device.b));
    memset(token.secret, 0xbc, sizeof(token.secret));
    return token;
}

static int parse(const char *text, const char *words)
{
    struct cove_token token;
    struct cove_diag diag;
    int err;

    cove_diag_clear(&diag);
    err = cove_token_parse(text, &token, &diag);
    ck_assert_msg(strstr(diag.text, words) != NULL, "\"%s\" not in \"%s\"",
                  words, diag.text);
    return err;
}

START_TEST(a_token_is_read_as_it_was_made)
{
    char text[COVE_TOKEN_TEXT], spaced[COVE_TOKEN_TEXT + 8];

    for (size_t len = 1; len < 128; len++) {
        struct cove_token token = example_token(), got;

        memset(token.address, 0, sizeof(token.address));
        memset(token.address, 'a', len);
        token.network_key = len % 2 == 1;
        cove_token_text(&token, text);
        snprintf(spaced, sizeof(spaced), " \n%s\r\n", text);
        ck_assert_int_eq(cove_token_parse(spaced, &got, NULL), 0);
        ck_assert_int_eq(got.network_key, token.network_key);
        ck_assert_mem_eq(&got.device, &token.device, sizeof(got.device));
        ck_assert_mem_eq(got.secret, token.secret, sizeof(got.secret));
        ck_assert_int_eq(got.expires_ms, token.expires_ms);
        ck_assert_str_eq(got.address, token.address);
    }
}
END_TEST

START_TEST(a_token_that_is_cut_anywhere_is_no_token)
{
    struct cove_token token = example_token();
    char text[COVE_TOKEN_TEXT], cut[COVE_TOKEN_TEXT];

    cove_token_text(&token, text);
    for (size_t len = 0; len < strlen(text); len++) {
        memcpy(cut, text, len);
        cut[len] = '\0';
        ck_assert_int_eq(parse(cut, len < 6 ? "no invite" : "cut"),
                         COVE_EFORMAT);
    }
}
END_TEST

START_TEST(a_token_with_any_digit_changed_is_refused)
{
    struct cove_token token = example_token();
    char text[COVE_TOKEN_TEXT];

    cove_token_text(&token, text);
    for (size_t i = 0; i < strlen(text); i++) {
        char old = text[i];

        for (const char *to = "A_z0\x7f\xc3"; *to != '\0'; to++) {
            struct cove_token got;
            int err;

            text[i] = *to;
            err = cove_token_parse(text, &got, NULL);
            if (*to == old) {
                ck_assert_int_eq(err, 0);
            } else if (i == 6 || i == 7) { /* the version is in these */
                ck_assert(err == COVE_EUNSUPPORTED || err == COVE_EFORMAT);
            } else {
                ck_assert_int_eq(err, COVE_EFORMAT);
            }
        }
        text[i] = old;
    }
}
END_TEST

START_TEST(what_is_no_token_gets_a_sentence)
{
    struct cove_token token = example_token();
    char text[COVE_TOKEN_TEXT], longer[2048];

    ck_assert_int_eq(parse("", "no invite"), COVE_EFORMAT);
    ck_assert_int_eq(parse("co_zabc", "begins with cove_i"), COVE_EFORMAT);
    ck_assert_int_eq(parse("cove_i", "cut"), COVE_EFORMAT);
    ck_assert_int_eq(parse("cove_iAQAA", "version 1"), COVE_EUNSUPPORTED);
    memset(longer, 'A', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    memcpy(longer, "cove_i", 6);
    ck_assert_int_eq(parse(longer, "cut"), COVE_EFORMAT);
    cove_token_text(&token, text);
    snprintf(longer, sizeof(longer), "%sAA", text);
    ck_assert_int_eq(parse(longer, "cut"), COVE_EFORMAT);
    memcpy(token.address, "a\nb", 4); /* what steers a terminal */
    cove_token_text(&token, text);
    ck_assert_int_eq(parse(text, "changed on the way"), COVE_EFORMAT);
}
END_TEST

/* --- who comes in */

static void setup(void)
{
    node_open(&alice, 1);
    node_open(&bob, 2);
    node_open(&carol, 3);
    node_know(&bob, &alice.kit.device);
    node_know(&carol, &alice.kit.device);
    memset(&wire, 0, sizeof(wire));
    memset(&other, 0, sizeof(other));
}

static void teardown(void)
{
    link_cut(&wire);
    link_cut(&other);
    node_close(&alice);
    node_close(&bob);
    node_close(&carol);
}

/* Alice invites; the number. */
static uint32_t invite(uint32_t uses)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);
    struct cove_invite made = {.name = "friend",
                               .hash = cove_invite_hash(secret),
                               .made_ms = alice.kit.env.now_ms,
                               .expires_ms = alice.kit.env.now_ms + HOUR,
                               .uses = uses};

    ck_assert_int_eq(cove_invite_add(alice.kit.repo, txn, &made), 0);
    kit_commit(txn);
    return made.number;
}

static void take_back(uint32_t number)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);

    ck_assert_int_eq(cove_invite_revoke(alice.kit.repo, txn, number), 0);
    kit_commit(txn);
}

static void join(struct node *node, const uint8_t *with)
{
    struct cove_store_txn *txn = kit_begin(&node->kit, true);

    ck_assert_int_eq(
        cove_join_put(node->kit.repo, txn, &alice.kit.device, with), 0);
    kit_commit(txn);
}

static bool joins(struct node *node)
{
    struct cove_store_txn *txn = kit_begin(&node->kit, false);
    uint8_t got[COVE_INVITE_SECRET];
    int err = cove_join_get(node->kit.repo, txn, &alice.kit.device, got);

    cove_store_abort(txn);
    ck_assert(err == 0 || err == COVE_ENOTFOUND);
    return err == 0;
}

/* Does alice know it? */
static bool known(const struct node *node)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, false);
    struct cove_peer_record record;
    int err = cove_peer_get(alice.kit.repo, txn, &node->kit.device, &record);

    cove_store_abort(txn);
    ck_assert(err == 0 || err == COVE_ENOTFOUND);
    return err == 0;
}

/* How often it was used; -1 where there is none. */
static int used(uint32_t number)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, false);
    struct cove_invite got;
    int err = cove_invite_next(alice.kit.repo, txn, number - 1, &got);

    cove_store_abort(txn);
    ck_assert(err == 0 || err == COVE_ENOTFOUND);
    return err == 0 && got.number == number ? (int)got.used : -1;
}

/* Call alice until nothing moves; is it let in? */
static bool calls(struct link *link, struct node *from)
{
    link_cut(link);
    if (link_dial(link, from, &alice) != 0) {
        return false; /* without memory */
    }
    (void)link_settle(link);
    return link->err[0] == 0 && link_stats(link, 0).open &&
           link_stats(link, 1).open;
}

static void assert_turned_away(const char *words)
{
    ck_assert_int_eq(wire.err[0], COVE_EPEER);
    ck_assert_int_eq(wire.err[1], COVE_EPEER);
    ck_assert_msg(strstr(cove_conn_diag(wire.conn[0])->text, words) != NULL,
                  "%s", cove_conn_diag(wire.conn[0])->text);
    ck_assert_uint_eq(alice.commits, 0);
}

START_TEST(who_presents_the_secret_is_a_peer_from_then_on)
{
    uint32_t number = invite(1);

    join(&bob, secret);
    ck_assert(calls(&wire, &bob));
    ck_assert(known(&bob));
    ck_assert_str_eq(node_record(&alice, &bob.kit.device).name, "friend");
    ck_assert_int_eq(used(number), 1);
    ck_assert(node_saw(&alice, "a new peer, by invite 1"));
    ck_assert(!joins(&bob)); /* it is of no more use */
    ck_assert(calls(&wire, &bob));
    ck_assert_int_eq(used(number), 1);
}
END_TEST

START_TEST(the_device_and_the_use_are_one_commit)
{
    uint32_t number = invite(1);
    unsigned turns = 0;
    size_t moved = 1;

    join(&bob, secret);
    ck_assert_int_eq(link_dial(&wire, &bob, &alice), 0);
    for (; moved > 0; turns++) {
        ck_assert_int_eq(link_turn(&wire, &moved), 0);
        ck_assert_int_eq(used(number), known(&bob) ? 1 : 0);
    }
    ck_assert(known(&bob));
    ck_assert_uint_gt(turns, 2);
}
END_TEST

START_TEST(without_a_secret_or_with_a_wrong_one_all_is_as_before)
{
    uint8_t wrong[COVE_INVITE_SECRET];
    uint64_t bytes;

    invite(1);
    ck_assert(!calls(&wire, &bob));
    assert_turned_away("cove peer add");
    bytes = wire.bytes[1];
    for (unsigned bit = 0; bit < 128; bit += 9) {
        memcpy(wrong, secret, sizeof(wrong));
        wrong[bit / 8] ^= (uint8_t)(1u << bit % 8);
        join(&bob, wrong);
        ck_assert(!calls(&wire, &bob));
        assert_turned_away("does not take this invite");
        ck_assert_uint_eq(wire.bytes[1], bytes); /* a scanner sees the same */
    }
    ck_assert(!known(&bob));
    ck_assert(joins(&bob)); /* it may try again */
}
END_TEST

START_TEST(an_invite_that_has_expired_is_none)
{
    uint32_t number = invite(1);

    join(&bob, secret);
    alice.kit.env.now_ms += HOUR;
    ck_assert(!calls(&wire, &bob));
    assert_turned_away("has expired");
    ck_assert_int_eq(used(number), 0);
    alice.kit.env.now_ms -= 1; /* the last moment of its life */
    ck_assert(calls(&wire, &bob));
}
END_TEST

START_TEST(an_invite_admits_as_many_as_it_says)
{
    uint32_t number = invite(1);

    join(&bob, secret);
    join(&carol, secret);
    ck_assert(calls(&other, &carol));
    alice.commits = 0;
    ck_assert(!calls(&wire, &bob));
    assert_turned_away("it was used");
    take_back(number);
    number = invite(2);
    ck_assert(calls(&other, &carol)); /* known: it counts for nothing */
    ck_assert_int_eq(used(number), 0);
    ck_assert(calls(&wire, &bob));
    ck_assert_int_eq(used(number), 1);
}
END_TEST

START_TEST(two_that_call_at_once_share_no_use)
{
    invite(1);
    join(&bob, secret);
    join(&carol, secret);
    ck_assert_int_eq(link_dial(&wire, &bob, &alice), 0);
    ck_assert_int_eq(link_dial(&other, &carol, &alice), 0);
    /* All of both before alice commits anything. */
    for (unsigned i = 0; i < 8; i++) {
        (void)link_carry(&wire, i % 2);
        (void)link_carry(&other, i % 2);
    }
    ck_assert_int_eq(wire.err[0], 0);
    ck_assert_int_eq(other.err[0], COVE_EPEER);
    (void)link_settle(&wire);
    ck_assert(known(&bob) && !known(&carol));
}
END_TEST

START_TEST(what_is_revoked_while_it_connects_is_revoked)
{
    uint32_t number = invite(1);

    join(&bob, secret);
    ck_assert_int_eq(link_dial(&wire, &bob, &alice), 0);
    /* Preambles, e, and alice's certificate; the secret is under way. */
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_uint_gt(link_carry(&wire, i % 2), 0);
    }
    take_back(number);
    (void)link_settle(&wire);
    assert_turned_away("revoked");
    ck_assert(!known(&bob));
}
END_TEST

START_TEST(who_is_forgotten_comes_back_by_no_invite_it_knows)
{
    uint32_t number = invite(3);
    struct cove_store_txn *txn;

    join(&bob, secret);
    ck_assert(calls(&wire, &bob));
    link_cut(&wire);
    ck_assert_int_eq(cove_engine_flush(alice.engine, node_now), 0);
    txn = kit_begin(&alice.kit, true);
    ck_assert_int_eq(cove_peer_remove(alice.kit.repo, txn, &bob.kit.device), 0);
    kit_commit(txn);
    ck_assert_int_eq(used(number), -1);
    join(&bob, secret);
    alice.commits = 0;
    ck_assert(!calls(&wire, &bob));
    assert_turned_away("does not take this invite");
    /* And who joined and forgets the other, forgets the secret. */
    txn = kit_begin(&bob.kit, true);
    ck_assert_int_eq(cove_peer_remove(bob.kit.repo, txn, &alice.kit.device), 0);
    kit_commit(txn);
    ck_assert(!joins(&bob));
}
END_TEST

/* The answer to a call must not bring back who is forgotten since. */
START_TEST(who_is_forgotten_while_it_connects_stays_forgotten)
{
    struct node *ends[] = {&alice, &bob};

    for (unsigned i = 0; i < 2; i++) { /* by who is called, by who calls */
        struct node *end = ends[i], *far = ends[!i];
        struct cove_store_txn *txn;
        struct cove_peer_record record;

        node_know(&alice, &bob.kit.device);
        node_know(&bob, &alice.kit.device);
        ck_assert_int_eq(link_dial(&wire, &bob, &alice), 0);
        for (unsigned k = 0; k < 4 - i; k++) {
            (void)link_carry(&wire, k % 2);
        }
        txn = kit_begin(&end->kit, true);
        ck_assert_int_eq(cove_peer_remove(end->kit.repo, txn, &far->kit.device),
                         0);
        kit_commit(txn);
        (void)link_settle(&wire);
        txn = kit_begin(&end->kit, false);
        ck_assert_int_eq(
            cove_peer_get(end->kit.repo, txn, &far->kit.device, &record),
            COVE_ENOTFOUND);
        cove_store_abort(txn);
        link_cut(&wire);
    }
}
END_TEST

START_TEST(sixty_four_invites_live_at_once)
{
    struct cove_invite made = {.made_ms = 1000, .expires_ms = 2000, .uses = 1};
    struct cove_store_txn *txn = kit_begin(&alice.kit, true);
    uint32_t last;

    for (unsigned i = 0; i < COVE_INVITES; i++) {
        made.hash.b[0] = (uint8_t)i;
        ck_assert_int_eq(cove_invite_add(alice.kit.repo, txn, &made), 0);
    }
    last = made.number;
    ck_assert_int_eq(cove_invite_add(alice.kit.repo, txn, &made), COVE_ELIMIT);
    ck_assert_int_eq(cove_invite_revoke(alice.kit.repo, txn, 7), 0);
    ck_assert_int_eq(cove_invite_revoke(alice.kit.repo, txn, 7),
                     COVE_ENOTFOUND);
    ck_assert_int_eq(cove_invite_add(alice.kit.repo, txn, &made), 0);
    ck_assert_uint_eq(made.number, last + 1); /* none is given twice */
    made.made_ms = 2000; /* all others have expired by now */
    made.expires_ms = 3000;
    ck_assert_int_eq(cove_invite_add(alice.kit.repo, txn, &made), 0);
    ck_assert_int_eq(cove_invite_next(alice.kit.repo, txn, 0, &made), 0);
    ck_assert_uint_eq(made.number, last + 2);
    ck_assert_int_eq(cove_invite_next(alice.kit.repo, txn, made.number, &made),
                     COVE_ENOTFOUND);
    cove_store_abort(txn);
}
END_TEST

/* Whatever fails: alice knows bob and counted, or neither; the next call does
 * it, and nothing is left of the one that failed. */
static void assert_whole(uint32_t number)
{
    ck_assert_int_eq(used(number), known(&bob) ? 1 : 0);
    join(&bob, secret);
    ck_assert(calls(&wire, &bob));
    ck_assert_int_eq(used(number), 1);
    link_cut(&wire);
}

START_TEST(every_allocation_of_an_admission_may_fail)
{
    bool over = false;

    for (long fail = 1; !over; fail++) {
        uint32_t number;

        teardown();
        setup();
        number = invite(1);
        join(&bob, secret);
        alice.kit.heap.calls = 0;
        alice.kit.heap.fail_at = fail;
        (void)calls(&wire, &bob);
        over = alice.kit.heap.calls < fail;
        alice.kit.heap.fail_at = 0;
        assert_whole(number);
    }
}
END_TEST

START_TEST(every_call_of_the_store_in_an_admission_may_fail)
{
    static const int codes[] = {COVE_EIO, COVE_ENOSPC, COVE_ENOMEM};
    bool over = false;

    for (long fail = 1; !over; fail++) {
        struct fixture_fault fault = {.fail_at = fail, .code = codes[fail % 3]};
        uint32_t number;

        teardown();
        setup();
        number = invite(1);
        join(&bob, secret);
        cove_store_set_fault(alice.kit.store.store, fixture_hook, &fault);
        (void)calls(&wire, &bob);
        cove_store_set_fault(alice.kit.store.store, NULL, NULL);
        over = fault.calls < fail;
        assert_whole(number);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("invite");
    TCase *token = tcase_create("token"), *come = tcase_create("come");

    if (cove_crypto_init() != 0) {
        return EXIT_FAILURE;
    }
    tcase_add_test(token, a_token_is_read_as_it_was_made);
    tcase_add_test(token, a_token_that_is_cut_anywhere_is_no_token);
    tcase_add_test(token, a_token_with_any_digit_changed_is_refused);
    tcase_add_test(token, what_is_no_token_gets_a_sentence);
    suite_add_tcase(suite, token);
    tcase_set_timeout(come, 60);
    tcase_add_checked_fixture(come, setup, teardown);
#define ADD(test) tcase_add_test(come, test)
    ADD(who_presents_the_secret_is_a_peer_from_then_on);
    ADD(the_device_and_the_use_are_one_commit);
    ADD(without_a_secret_or_with_a_wrong_one_all_is_as_before);
    ADD(an_invite_that_has_expired_is_none);
    ADD(an_invite_admits_as_many_as_it_says);
    ADD(two_that_call_at_once_share_no_use);
    ADD(what_is_revoked_while_it_connects_is_revoked);
    ADD(who_is_forgotten_comes_back_by_no_invite_it_knows);
    ADD(who_is_forgotten_while_it_connects_stays_forgotten);
    ADD(sixty_four_invites_live_at_once);
    ADD(every_allocation_of_an_admission_may_fail);
    ADD(every_call_of_the_store_in_an_admission_may_fail);
#undef ADD
    suite_add_tcase(suite, come);
    return harness_run(suite);
}
