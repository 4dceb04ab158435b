/* The real engine behind the real edge: two stores in one process, a loopback
 * socket between them. */
#include <time.h>
#include <uv.h>

#include "sync/edge_uv.h"
#include "tests/unit/engine_kit.h"

static uv_loop_t loop;
static struct node node[2];
static struct cove_edge *edge[2];
static bool stopped[2];
static struct cove_id group;

static void on_stopped(void *ctx)
{
    *(bool *)ctx = true;
}

static void on_error(void *ctx, int code, const char *sentence)
{
    (void)ctx;
    (void)code;
    ck_abort_msg("%s", sentence);
}

static void edge_open(unsigned i)
{
    ck_assert_int_eq(cove_edge_new(&loop, node[i].engine,
                                   &(struct cove_edge_options){
                                       .alloc = &node[i].kit.heap.alloc,
                                       .env = &node[i].kit.env.env,
                                       .repo = node[i].kit.repo,
                                       .store = node[i].kit.store.store,
                                       .on_error = on_error,
                                   },
                                   &edge[i]),
                     0);
    stopped[i] = false;
}

typedef bool condition(void);

static bool turn_until(condition *is_so, uint64_t ms)
{
    uint64_t end = uv_hrtime() + ms * 1000000;

    while (!is_so()) {
        if (uv_hrtime() >= end) {
            return false;
        }
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    return true;
}

static bool first_stopped(void)
{
    return stopped[0];
}

static bool second_stopped(void)
{
    return stopped[1];
}

static void edge_close(unsigned i)
{
    cove_edge_stop(edge[i], on_stopped, &stopped[i]);
    ck_assert(turn_until(i == 0 ? first_stopped : second_stopped, 5000));
}

static void node_address(struct node *n, const struct cove_key *peer,
                         const char *address)
{
    struct cove_peer_record record = node_record(n, peer);
    struct cove_store_txn *txn = kit_begin(&n->kit, true);

    snprintf(record.address, sizeof(record.address), "%s", address);
    ck_assert_int_eq(cove_peer_put(n->kit.repo, txn, &record), 0);
    kit_commit(txn);
}

static void setup(void)
{
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    node_open(&node[0], 1);
    node_open(&node[1], 2);

    struct kit_member members[] = {{&node[0].kit, "admin"},
                                   {&node[1].kit, "writer"}};
    struct cove_bytes header = kit_group(&node[0].kit, members, 2, &group);

    kit_take_header(&node[0].kit, &group, header);
    edge_open(0);
    edge_open(1);
    ck_assert_int_eq(cove_edge_listen(edge[1], "127.0.0.1:0", NULL), 0);
    node_know(&node[0], &node[1].kit.device);
    node_address(&node[0], &node[1].kit.device, cove_edge_address(edge[1]));
    ck_assert_int_eq(cove_edge_start(edge[1]), 0);
}

static void teardown(void)
{
    for (unsigned i = 0; i < 2; i++) {
        edge_close(i);
    }
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    for (unsigned i = 0; i < 2; i++) {
        node_close(&node[i]);
    }
}

static struct cove_id make(unsigned i, uint32_t n)
{
    struct cove_id id;
    struct cove_bytes header =
        kit_header(&node[i].kit, COVE_DOC_COMAP, &group, n, &id);

    kit_take_header(&node[i].kit, &id, header);
    kit_set(&node[i].kit, &id, "a", n);
    return id;
}

static struct cove_id wanted;
static int64_t wanted_value;
static unsigned wanted_at;

static bool arrived(void)
{
    struct cove_store_txn *txn = kit_begin(&node[wanted_at].kit, false);
    cove_num num;
    int err = cove_repo_find(node[wanted_at].kit.repo, txn, &wanted, &num);

    cove_store_abort(txn);
    return err == 0 &&
           kit_get(&node[wanted_at].kit, &wanted, "a") == wanted_value;
}

static bool expect_at(unsigned i, struct cove_id id, int64_t value, uint64_t ms)
{
    wanted_at = i;
    wanted = id;
    wanted_value = value;
    return turn_until(arrived, ms);
}

static bool all_acknowledged(void)
{
    return node_unsent(&node[0], &node[1].kit.device) == 0;
}

START_TEST(documents_reach_the_other_store_over_tcp_and_are_acknowledged)
{
    struct cove_id last;

    for (uint32_t n = 0; n < 500; n++) {
        last = make(0, n);
    }
    node_know(&node[1], &node[0].kit.device);
    ck_assert_int_eq(cove_edge_start(edge[0]), 0);
    ck_assert(expect_at(1, last, 499, 5000));
    ck_assert(turn_until(all_acknowledged, 2000));
}
END_TEST

START_TEST(an_edit_is_pushed_both_ways_while_connected)
{
    struct cove_id id = make(0, 1);

    node_know(&node[1], &node[0].kit.device);
    ck_assert_int_eq(cove_edge_start(edge[0]), 0);
    ck_assert(expect_at(1, id, 1, 2000));
    for (int64_t value = 100; value < 120; value++) {
        unsigned from = value % 2 == 0;

        node[from].kit.env.now_ms += 10;
        kit_set(&node[from].kit, &id, "a", value);
        cove_edge_wake(edge[from]);
        ck_assert(expect_at(!from, id, value, 1000));
    }
}
END_TEST

START_TEST(what_was_written_while_the_peer_was_away_is_caught_up)
{
    struct cove_id first = make(0, 1);
    char address[128];

    node_know(&node[1], &node[0].kit.device);
    ck_assert_int_eq(cove_edge_start(edge[0]), 0);
    ck_assert(expect_at(1, first, 1, 2000));
    snprintf(address, sizeof(address), "%s", cove_edge_address(edge[1]));
    edge_close(1);
    ck_assert_int_eq(node_record(&node[1], &node[0].kit.device).state,
                     COVE_PEER_STOPPED);

    struct cove_id second = make(0, 2);

    cove_edge_wake(edge[0]);
    edge_open(1);
    ck_assert_int_eq(cove_edge_listen(edge[1], address, NULL), 0);
    ck_assert_int_eq(cove_edge_start(edge[1]), 0);
    ck_assert(expect_at(1, second, 2, 5000));
}
END_TEST

static bool record_failed(void)
{
    return node_record(&node[0], &node[1].kit.device).state == COVE_PEER_FAILED;
}

START_TEST(who_is_not_known_is_told_so_and_gets_in_once_added)
{
    struct cove_id id = make(0, 1);

    ck_assert_int_eq(cove_edge_start(edge[0]), 0);
    ck_assert(turn_until(record_failed, 3000));
    ck_assert_ptr_nonnull(
        strstr(node_record(&node[0], &node[1].kit.device).error,
               "does not know this device"));
    node_know(&node[1], &node[0].kit.device);
    ck_assert(expect_at(1, id, 1, 10000));
}
END_TEST

static bool record_idle(void)
{
    return node_record(&node[0], &node[1].kit.device).state == COVE_PEER_IDLE &&
           node_record(&node[1], &node[0].kit.device).state == COVE_PEER_IDLE;
}

START_TEST(in_sync_is_recorded_as_idle)
{
    (void)make(0, 1);
    node_know(&node[1], &node[0].kit.device);
    ck_assert_int_eq(cove_edge_start(edge[0]), 0);
    ck_assert(turn_until(record_idle, 4000));
    ck_assert_str_eq(node_record(&node[0], &node[1].kit.device).error, "");
}
END_TEST

START_TEST(an_idle_connection_hardly_turns_the_loop)
{
    uint64_t end;
    unsigned turns = 0;

    (void)make(0, 1);
    node_know(&node[1], &node[0].kit.device);
    ck_assert_int_eq(cove_edge_start(edge[0]), 0);
    ck_assert(turn_until(record_idle, 4000));
    end = uv_hrtime() + UINT64_C(1000000000);
    while (uv_hrtime() < end) {
        uv_run(&loop, UV_RUN_ONCE);
        turns++;
    }
    /* Each of the two looks at the store once a second, and gives memory
     * back after the last bytes. */
    ck_assert_uint_le(turns, 12);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("edge_sync");
    TCase *tc = tcase_create("edge_sync");

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(
        tc, documents_reach_the_other_store_over_tcp_and_are_acknowledged);
    tcase_add_test(tc, an_edit_is_pushed_both_ways_while_connected);
    tcase_add_test(tc, what_was_written_while_the_peer_was_away_is_caught_up);
    tcase_add_test(tc, who_is_not_known_is_told_so_and_gets_in_once_added);
    tcase_add_test(tc, in_sync_is_recorded_as_idle);
    tcase_add_test(tc, an_idle_connection_hardly_turns_the_loop);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
