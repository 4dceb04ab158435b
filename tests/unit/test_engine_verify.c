/* Signatures that are verified elsewhere: the message waits for them and all
 * that came behind it, and then everything is as if it had been done here. */
#include <pthread.h>

#include "sync/verify.h"
#include "tests/unit/engine_fixture.h"

#define DOCS 40

static struct cove_verify *begun[8];
static size_t begun_count;
static int refuse_with; /* what is given instead of beginning */

static int verify_begin(void *ctx, struct cove_verify *verify)
{
    (void)ctx;
    if (refuse_with != 0) {
        return refuse_with;
    }
    ck_assert_uint_lt(begun_count, COVE_ARRAY_LEN(begun));
    begun[begun_count++] = verify;
    return 0;
}

struct verify_part {
    struct cove_verify *verify;
    size_t part;
};

static void *verify_thread(void *ctx)
{
    struct verify_part *part = ctx;

    cove_verify_run(part->verify, part->part);
    return NULL;
}

/* All parts beside each other, in threads of their own. */
static void verify_parts(struct cove_verify *verify)
{
    struct verify_part parts[COVE_VERIFY_PARTS];
    pthread_t threads[COVE_VERIFY_PARTS];
    size_t count = cove_verify_parts(verify);

    ck_assert_uint_ge(count, 1);
    ck_assert_uint_le(count, COVE_VERIFY_PARTS);
    for (size_t i = 0; i < count; i++) {
        parts[i] = (struct verify_part){verify, i};
        ck_assert_int_eq(
            pthread_create(&threads[i], NULL, verify_thread, &parts[i]), 0);
    }
    for (size_t i = 0; i < count; i++) {
        (void)pthread_join(threads[i], NULL);
    }
}

static void verify_end(bool run)
{
    struct cove_verify *verify = begun[0];

    ck_assert_uint_ge(begun_count, 1);
    memmove(begun, begun + 1, --begun_count * sizeof(begun[0]));
    if (run) {
        verify_parts(verify);
    }
    cove_engine_verified(alice.engine, node_now, verify);
}

static bool alice_has(const struct cove_id *id)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, false);
    cove_num num;
    int err = cove_repo_find(alice.kit.repo, txn, id, &num);

    cove_store_abort(txn);
    ck_assert(err == 0 || err == COVE_ENOTFOUND);
    return err == 0;
}

static unsigned alice_writes(const struct cove_id *id)
{
    struct cove_store_txn *txn = kit_begin(&alice.kit, false);
    struct cove_doc doc = kit_load(&alice.kit, txn, id);

    cove_store_abort(txn);
    return doc.session_count == 0 ? 0 : doc.sessions[0].len;
}

static struct cove_id ids[DOCS];

/* Bob has documents, each signed alone; the client is in step. */
static void setup(void)
{
    alice_open();
    begun_count = 0;
    refuse_with = 0;
    cove_engine_verify_by(alice.engine, verify_begin, NULL);
    bob_joins();
    for (uint32_t i = 0; i < DOCS; i++) {
        ids[i] = make(&bob, 1000 + i);
    }
    client_is_up_to_date();
}

static void teardown(void)
{
    cove_engine_verify_by(alice.engine, NULL, NULL);
    while (begun_count > 0) {
        verify_end(false);
    }
    alice_close();
}

/* The first `count` documents in one message; one has a wrong signature. */
static void say_documents(size_t count, size_t broken)
{
    for (size_t i = 0; i < count; i++) {
        struct cove_batch batch;
        struct cove_store_txn *txn = kit_begin(&bob.kit, false);
        struct cove_doc doc = kit_load(&bob.kit, txn, &ids[i]);
        struct cove_bytes header;
        struct cove_id id;

        cove_store_abort(txn);
        header = kit_header(&bob.kit, COVE_DOC_COMAP, &group,
                            1000 + (uint32_t)i, &id);
        ck_assert_int_eq(cove_message_add_bytes(&client.list[0], header), 0);
        ck_assert_int_eq(kit_read(&bob.kit, &ids[i], &doc.sessions[0].session,
                                  0, COVE_MAX_BATCH, &batch),
                         0);
        batch.proof.signature.b[7] ^= i == broken;
        client_add_batch(&client, &batch);
    }
    client_say_content(&client);
}

START_TEST(a_message_waits_for_its_signatures_and_is_taken_then)
{
    say_documents(DOCS, DOCS);
    ck_assert_uint_eq(begun_count, 1);
    ck_assert(cove_conn_waits(client.conn));
    ck_assert(!alice_has(&ids[0]));
    verify_end(true);
    ck_assert(!cove_conn_waits(client.conn));
    client_carry(&client);
    for (size_t i = 0; i < DOCS; i++) {
        ck_assert_uint_eq(alice_writes(&ids[i]), 1);
    }
}
END_TEST

START_TEST(few_signatures_are_verified_at_once)
{
    say_documents(COVE_VERIFY_LEAST - 1, DOCS);
    ck_assert_uint_eq(begun_count, 0);
    ck_assert_uint_eq(alice_writes(&ids[0]), 1);
}
END_TEST

START_TEST(as_many_as_are_worth_it_are_verified_elsewhere)
{
    say_documents(COVE_VERIFY_LEAST, DOCS);
    ck_assert_uint_eq(begun_count, 1);
}
END_TEST

START_TEST(who_cannot_begin_verifies_here)
{
    refuse_with = COVE_ENOMEM;
    say_documents(DOCS, DOCS);
    ck_assert_uint_eq(begun_count, 0);
    ck_assert_uint_eq(alice_writes(&ids[DOCS - 1]), 1);
}
END_TEST

START_TEST(what_came_behind_it_waits_too_in_order)
{
    say_documents(DOCS / 2, DOCS);
    client_say_number(&client, COVE_MESSAGE_PING, 7);
    say_documents(DOCS, DOCS);
    ck_assert_uint_eq(begun_count, 1);
    client_expect_silence(&client);
    verify_end(true);
    ck_assert_uint_eq(begun_count, 1); /* the second, behind the ping */
    client_carry(&client);
    client_expect_number(&client, COVE_MESSAGE_PONG, 7);
    ck_assert(!alice_has(&ids[DOCS - 1]));
    verify_end(true);
    client_carry(&client);
    ck_assert_uint_eq(alice_writes(&ids[DOCS - 1]), 1);
}
END_TEST

START_TEST(a_wrong_signature_is_refused_by_name_and_the_rest_taken)
{
    say_documents(DOCS, 5);
    verify_end(true);
    client_carry(&client);
    client_expect_refused(&client, &ids[5], COVE_ESIGNATURE);
    ck_assert_uint_eq(alice_writes(&ids[5]), 0);
    ck_assert_uint_eq(alice_writes(&ids[4]), 1);
    ck_assert_uint_eq(alice_writes(&ids[6]), 1);
    ck_assert(!cove_conn_done(client.conn));
}
END_TEST

START_TEST(what_was_not_looked_at_is_verified_when_it_is_taken)
{
    say_documents(DOCS, 5);
    verify_end(false);
    client_carry(&client);
    client_expect_refused(&client, &ids[5], COVE_ESIGNATURE);
    ck_assert_uint_eq(alice_writes(&ids[5]), 0);
    ck_assert_uint_eq(alice_writes(&ids[DOCS - 1]), 1);
}
END_TEST

/* What it was found to sign is the head of that batch, and of no other. */
START_TEST(a_proof_for_another_head_is_none)
{
    struct cove_hash other = {.b = {1}};
    struct cove_store_txn *txn = kit_begin(&bob.kit, false);
    struct cove_doc doc = kit_load(&bob.kit, txn, &ids[0]);
    struct cove_batch batch;

    cove_store_abort(txn);
    ck_assert_int_eq(kit_read(&bob.kit, &ids[0], &doc.sessions[0].session, 0,
                              COVE_MAX_BATCH, &batch),
                     0);
    batch.proof.proven = &other;
    ck_assert_int_eq(cove_batch_verify(&batch, &doc.sessions[0].head, NULL), 0);
    batch.proof.signature.b[0] ^= 1;
    ck_assert_int_eq(cove_batch_verify(&batch, &doc.sessions[0].head, NULL),
                     COVE_ESIGNATURE);
    batch.proof.proven = &doc.sessions[0].head;
    ck_assert_int_eq(cove_batch_verify(&batch, &doc.sessions[0].head, NULL), 0);
}
END_TEST

START_TEST(a_connection_that_ends_meanwhile_takes_nothing)
{
    say_documents(DOCS, DOCS);
    client_hang_up(&client);
    verify_end(true);
    ck_assert_int_eq(cove_engine_flush(alice.engine, node_now), 0);
    ck_assert(!alice_has(&ids[0]));
    client_is_up_to_date(); /* and the engine goes on */
    say_documents(DOCS, DOCS);
    verify_end(true);
    client_carry(&client);
    ck_assert_uint_eq(alice_writes(&ids[0]), 1);
}
END_TEST

START_TEST(a_goodbye_behind_it_waits_until_it_is_taken)
{
    say_documents(DOCS, DOCS);
    ck_assert_int_eq(cove_channel_bye(client.channel), 0);
    client_carry(&client);
    ck_assert(!cove_conn_done(client.conn));
    verify_end(true);
    ck_assert(cove_conn_done(client.conn));
    ck_assert_int_eq(cove_engine_flush(alice.engine, node_now), 0);
    ck_assert_uint_eq(alice_writes(&ids[DOCS - 1]), 1);
}
END_TEST

START_TEST(we_say_goodbye_meanwhile_and_nothing_is_taken)
{
    say_documents(DOCS, DOCS);
    cove_conn_bye(client.conn);
    ck_assert(!cove_conn_waits(client.conn));
    verify_end(true);
    ck_assert_int_eq(cove_engine_flush(alice.engine, node_now), 0);
    ck_assert(!alice_has(&ids[0]));
}
END_TEST

START_TEST(out_of_memory_it_is_verified_here)
{
    for (unsigned n = 1; n < 3; n++) {
        struct cove_message content;
        struct cove_verify *verify = NULL;
        struct harness_alloc failing;

        memset(&content, 0, sizeof(content));
        harness_alloc_init(&failing, n);
        ck_assert_int_eq(cove_verify_new(&failing.alloc, &content, &verify),
                         COVE_ENOMEM);
        ck_assert_int_eq(failing.alive, 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_verify");
    TCase *tc = tcase_create("engine_verify");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_message_waits_for_its_signatures_and_is_taken_then);
    tcase_add_test(tc, few_signatures_are_verified_at_once);
    tcase_add_test(tc, as_many_as_are_worth_it_are_verified_elsewhere);
    tcase_add_test(tc, who_cannot_begin_verifies_here);
    tcase_add_test(tc, what_came_behind_it_waits_too_in_order);
    tcase_add_test(tc, a_wrong_signature_is_refused_by_name_and_the_rest_taken);
    tcase_add_test(tc, what_was_not_looked_at_is_verified_when_it_is_taken);
    tcase_add_test(tc, a_proof_for_another_head_is_none);
    tcase_add_test(tc, a_connection_that_ends_meanwhile_takes_nothing);
    tcase_add_test(tc, a_goodbye_behind_it_waits_until_it_is_taken);
    tcase_add_test(tc, we_say_goodbye_meanwhile_and_nothing_is_taken);
    tcase_add_test(tc, out_of_memory_it_is_verified_here);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
