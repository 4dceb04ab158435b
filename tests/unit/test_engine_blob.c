/* A blob over a wire that is cut: it goes on where it stopped. */
#include "tests/unit/blob_kit.h"
#include "tests/unit/engine_kit.h"

#define SIZE 5000000

static struct node alice, bob;
static struct link wire;
static struct cove_id group, doc;

static void give(struct node *node)
{
    struct kit_member members[] = {{&alice.kit, "admin"}, {&bob.kit, "writer"}};
    struct cove_bytes header = kit_group(&node->kit, members, 2, &group);

    kit_take_header(&node->kit, &group, header);
    header = kit_header(&node->kit, COVE_DOC_COBINARY, &group, 2, &doc);
    kit_take_header(&node->kit, &doc, header);
}

static void setup(void)
{
    node_open(&alice, 1);
    node_open(&bob, 2);
    node_know(&alice, &bob.kit.device);
    node_know(&bob, &alice.kit.device);
    give(&alice);
    give(&bob);
    memset(&wire, 0, sizeof(wire));
}

static void teardown(void)
{
    link_cut(&wire);
    node_close(&alice);
    node_close(&bob);
}

/* What has come to bob of the blob. */
static uint64_t bob_holds(void)
{
    struct cove_blob_shown shown;
    int err = blob_look(&bob.kit, &doc, &shown);

    ck_assert(err == 0 || err == COVE_ENOTFOUND);
    return err == 0 ? shown.held : 0;
}

/* Talk until alice has sent so many bytes, then cut; how many it were. */
static uint64_t talk(uint64_t most)
{
    size_t moved = 1;
    uint64_t sent;

    ck_assert_int_eq(link_dial(&wire, &alice, &bob), 0);
    while (moved > 0 && wire.bytes[0] < most) {
        ck_assert_int_eq(link_turn(&wire, &moved), 0);
    }
    sent = wire.bytes[0];
    link_cut(&wire);
    return sent;
}

START_TEST(a_blob_over_a_wire_that_is_cut_goes_on_where_it_stopped)
{
    uint64_t held = 0;
    uint64_t sent = 0;
    unsigned cuts = 0;

    blob_put(&alice.kit, &doc, 1, SIZE);
    while (held < SIZE) {
        uint64_t now;

        sent += talk(1500000);
        now = bob_holds();
        ck_assert_uint_gt(now, held);
        held = now;
        cuts++;
        if (held < SIZE) {
            blob_is_not_whole(&bob.kit, &doc, COVE_EGAP, held);
        }
    }
    ck_assert_uint_ge(cuts, 3);
    sent += talk(UINT64_MAX); /* what ends it */
    blob_is(&bob.kit, &doc, 1, SIZE);
    /* Each cut costs what was on its way, and the beginning that goes
     * unasked; not what came before. */
    ck_assert_uint_lt(sent, SIZE + cuts * 600000);
}
END_TEST

START_TEST(a_blob_that_is_still_written_follows)
{
    uint64_t sent;

    blob_part(&alice.kit, &doc, 1, SIZE, SIZE / 2);
    sent = talk(UINT64_MAX);
    ck_assert_uint_eq(bob_holds(), SIZE / 2);
    blob_part(&alice.kit, &doc, 1, SIZE, SIZE / 2);
    sent += talk(UINT64_MAX);
    ck_assert_uint_eq(bob_holds(), SIZE);
    blob_is_not_whole(&bob.kit, &doc, COVE_EGAP, SIZE);
    blob_done(&alice.kit, &doc, SIZE);
    sent += talk(UINT64_MAX);
    blob_is(&bob.kit, &doc, 1, SIZE);
    ck_assert_uint_lt(sent, SIZE + SIZE / 20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_blob");
    TCase *tc = tcase_create("engine_blob");

    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_blob_over_a_wire_that_is_cut_goes_on_where_it_stopped);
    tcase_add_test(tc, a_blob_that_is_still_written_follows);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
