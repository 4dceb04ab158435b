/* test_hazards_covalues.c: hazards of nested and shared values, through the
 * public API: two stores that were offline write, and then sync.
 *
 * Each was seen red; one line that does it, in the product:
 *   h24 h26 h27  node/covalue.c, child_header: a random nonce in place of
 *                header.from (each device makes a child of its own)
 *   h25          node/text.c, node_text_update, and node/list.c likewise: one
 *                edit that removes all and inserts all
 */
#include "tests/node_api/api_pair.h"

static struct api a, b;
static struct cove_id group, map;

/* b comes online, until both have everything. */
static void connect_both(void)
{
    api_ok(cove_thread_start(b.store), b.store);
    api_ok(cove_wait(b.store, NULL, API_DEADLINE_MS), b.store);
    api_ok(cove_wait(a.store, NULL, API_DEADLINE_MS), a.store);
    api_ok(cove_wait(b.store, NULL, API_DEADLINE_MS), b.store);
    cove_thread_stop(b.store);
}

/* A map that both may write and have, and then they are offline. */
static void set_up(void)
{
    struct cove_txn *txn;

    api_pair_open(&a, &b, &group);
    api_pair_introduce(&a, &b);
    txn = api_begin(&a, COVE_WRITE);
    api_ok(cove_create(txn, COVE_COMAP, &group, &map), a.store);
    api_ok(cove_set(txn, &map, "name", cove_text("Ada")), a.store);
    api_ok(cove_commit(txn), a.store);
    api_ok(cove_thread_start(a.store), a.store);
    connect_both();
}

static void tear_down(void)
{
    api_close(&a);
    api_close(&b);
}

static struct cove_id child_of(struct api *api, struct cove_txn *txn,
                               const char *field, enum cove_covalue type)
{
    struct cove_id id;

    api_ok(cove_child(txn, &map, field, type, &id), api->store);
    return id;
}

static void ck_same_child(const struct cove_id *x, const struct cove_id *y)
{
    ck_assert_mem_eq(x, y, sizeof(*x));
    ck_assert_int_eq(api_count(&a, NULL), api_count(&b, NULL));
}

static void ck_text(struct api *api, const struct cove_id *id, const char *want)
{
    struct cove_txn *txn = api_begin(api, COVE_READ);
    const char *text;
    size_t len;

    api_ok(cove_text_get(txn, id, &text, &len), api->store);
    ck_assert_str_eq(text, want);
    cove_abort(txn);
}

static void ck_list(struct api *api, const struct cove_id *id,
                    const int64_t *want, size_t count)
{
    struct cove_txn *txn = api_begin(api, COVE_READ);
    size_t len;

    api_ok(cove_list_length(txn, id, &len), api->store);
    ck_assert_uint_eq(len, count);
    for (size_t i = 0; i < count; i++) {
        struct cove_value v;

        api_ok(cove_list_get(txn, id, i, &v), api->store);
        ck_assert_int_eq(v.kind, COVE_KIND_INT);
        ck_assert_int_eq(v.u.integer, want[i]);
    }
    cove_abort(txn);
}

/* --- nested values */

static struct cove_id set_in_child(struct api *api, const char *field,
                                   int64_t value)
{
    struct cove_txn *txn = api_begin(api, COVE_WRITE);
    struct cove_id id = child_of(api, txn, "address", COVE_COMAP);

    api_ok(cove_set(txn, &id, field, cove_int(value)), api->store);
    api_ok(cove_commit(txn), api->store);
    return id;
}

START_TEST(h24_fields_of_a_child_map_are_kept_side_by_side)
{
    struct cove_id here = set_in_child(&a, "street", 1);
    struct cove_id there = set_in_child(&b, "zip", 2);

    connect_both();
    ck_same_child(&here, &there);
    ck_assert_int_eq(api_int(&a, &here, "street"), 1);
    ck_assert_int_eq(api_int(&a, &here, "zip"), 2);
    ck_assert_int_eq(api_int(&b, &here, "street"), 1);
    ck_assert_int_eq(api_int(&b, &here, "zip"), 2);
}
END_TEST

static struct cove_id push_to_child(struct api *api, size_t at, int64_t value)
{
    struct cove_txn *txn = api_begin(api, COVE_WRITE);
    struct cove_id id = child_of(api, txn, "tags", COVE_COLIST);

    api_ok(cove_list_insert(txn, &id, at, cove_int(value)), api->store);
    api_ok(cove_commit(txn), api->store);
    return id;
}

static void set_item(struct api *api, const struct cove_id *id, size_t at,
                     int64_t value)
{
    struct cove_txn *txn = api_begin(api, COVE_WRITE);

    api_ok(cove_list_set(txn, id, at, cove_int(value)), api->store);
    api_ok(cove_commit(txn), api->store);
}

START_TEST(h24_items_of_a_child_list_are_kept_side_by_side)
{
    static const int64_t first[] = {10, 20, 30};
    static const int64_t then[] = {11, 20, 31, 40};
    struct cove_id id;

    push_to_child(&a, 0, 10);
    push_to_child(&a, 1, 20);
    id = push_to_child(&a, 2, 30);
    connect_both();
    ck_list(&b, &id, first, 3);
    set_item(&a, &id, 0, 11); /* each rewrites another item, one adds one */
    set_item(&b, &id, 2, 31);
    push_to_child(&b, 3, 40);
    connect_both();
    ck_list(&a, &id, then, 4);
    ck_list(&b, &id, then, 4);
}
END_TEST

/* --- children made twice */

static struct cove_id type_into_child(struct api *api, const char *text)
{
    struct cove_txn *txn = api_begin(api, COVE_WRITE);
    struct cove_id id = child_of(api, txn, "note", COVE_COTEXT);

    api_ok(cove_text_splice(txn, &id, COVE_BYTES, 0, 0, text, strlen(text)),
           api->store);
    api_ok(cove_commit(txn), api->store);
    return id;
}

START_TEST(h26_devices_that_first_touch_a_field_offline_make_one_child)
{
    struct cove_id here = type_into_child(&a, "one");
    struct cove_id there = type_into_child(&b, "two");
    struct cove_txn *txn;
    const char *text;
    size_t len;

    connect_both();
    ck_same_child(&here, &there);
    txn = api_begin(&a, COVE_READ);
    api_ok(cove_text_get(txn, &here, &text, &len), a.store);
    ck_assert_msg(strcmp(text, "onetwo") == 0 || strcmp(text, "twoone") == 0,
                  "%s", text);
    ck_text(&b, &here, text);
    cove_abort(txn);
}
END_TEST

/* Look whether it is there, else make it: what makes two elsewhere. */
static struct cove_id bootstrap(struct api *api, int64_t amount)
{
    struct cove_txn *txn = api_begin(api, COVE_READ);
    struct cove_id id;

    ck_assert_int_eq(cove_child(txn, &map, "visits", COVE_COLIST, &id),
                     COVE_ENOTFOUND);
    cove_abort(txn);
    txn = api_begin(api, COVE_WRITE);
    id = child_of(api, txn, "visits", COVE_COLIST);
    api_ok(cove_list_insert(txn, &id, 0, cove_int(amount)), api->store);
    api_ok(cove_commit(txn), api->store);
    return id;
}

START_TEST(h27_looking_first_and_then_making_makes_one)
{
    struct cove_id here = bootstrap(&a, 1);
    struct cove_id there = bootstrap(&b, 2);
    struct cove_txn *txn;
    size_t len;

    connect_both();
    ck_same_child(&here, &there);
    txn = api_begin(&b, COVE_READ);
    api_ok(cove_list_length(txn, &here, &len), b.store);
    ck_assert_uint_eq(len, 2);
    cove_abort(txn);
}
END_TEST

/* --- a new whole in place of edits */

static void update_text(struct api *api, const char *text)
{
    struct cove_txn *txn = api_begin(api, COVE_WRITE);
    struct cove_id id = child_of(api, txn, "note", COVE_COTEXT);

    api_ok(cove_text_update(txn, &id, text, strlen(text)), api->store);
    api_ok(cove_commit(txn), api->store);
}

static void update_list(struct api *api, const char *json)
{
    struct cove_txn *txn = api_begin(api, COVE_WRITE);
    struct cove_id id = child_of(api, txn, "tags", COVE_COLIST);

    api_ok(cove_list_update(txn, &id, json), api->store);
    api_ok(cove_commit(txn), api->store);
}

START_TEST(h25_two_new_wholes_of_a_text_keep_both_edits)
{
    struct cove_id id = type_into_child(&a, "The fox jumps over the dog.");

    connect_both();
    update_text(&a, "The quick fox jumps over the dog.");
    update_text(&b, "The fox jumps over the lazy dog!");
    connect_both();
    ck_text(&a, &id, "The quick fox jumps over the lazy dog!");
    ck_text(&b, &id, "The quick fox jumps over the lazy dog!");
}
END_TEST

/* What both add is there twice, as it must be; what was there is not. */
START_TEST(h25_the_same_new_whole_from_two_devices_doubles_nothing_old)
{
    struct cove_id id = type_into_child(&a, "hello world");

    connect_both();
    update_text(&a, "hello, world");
    update_text(&b, "hello, world");
    connect_both();
    ck_text(&a, &id, "hello,, world");
    ck_text(&b, &id, "hello,, world");
    update_text(&a, "hello world"); /* and what both take away goes once */
    update_text(&b, "hello world");
    connect_both();
    ck_text(&a, &id, "hello world");
    ck_text(&b, &id, "hello world");
}
END_TEST

START_TEST(h25_the_same_new_whole_of_a_list_doubles_nothing_old)
{
    static const int64_t less[] = {1, 3};
    static const int64_t both[] = {1, 3, 5, 7};
    struct cove_txn *txn = api_begin(&a, COVE_WRITE);
    struct cove_id id = child_of(&a, txn, "tags", COVE_COLIST);

    api_ok(cove_commit(txn), a.store);
    update_list(&a, "[1,2,3]");
    connect_both();
    update_list(&a, "[1,3]");
    update_list(&b, "[1,3]");
    connect_both();
    ck_list(&a, &id, less, 2);
    ck_list(&b, &id, less, 2);
    update_list(&a, "[1,3,5]");
    connect_both();
    update_list(&b, "[1,3,5,7]");
    update_list(&a, "[1,3,5]"); /* writes nothing */
    connect_both();
    ck_list(&a, &id, both, 4);
    ck_list(&b, &id, both, 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hazards_covalues");
    TCase *tc = tcase_create("hazards_covalues");

    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, h24_fields_of_a_child_map_are_kept_side_by_side);
    tcase_add_test(tc, h24_items_of_a_child_list_are_kept_side_by_side);
    tcase_add_test(tc, h25_two_new_wholes_of_a_text_keep_both_edits);
    tcase_add_test(tc,
                   h25_the_same_new_whole_from_two_devices_doubles_nothing_old);
    tcase_add_test(tc, h25_the_same_new_whole_of_a_list_doubles_nothing_old);
    tcase_add_test(tc,
                   h26_devices_that_first_touch_a_field_offline_make_one_child);
    tcase_add_test(tc, h27_looking_first_and_then_making_makes_one);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
