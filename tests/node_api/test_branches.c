/* test_branches.c: undo, branches and the past through the public API. */
#include "tests/node_api/api_kit.h"

static char *api_admin(struct api *a, const char *request)
{
    char *reply = NULL;

    api_ok(cove_admin(a->store, request, &reply), a->store);
    return reply;
}

static int api_refused(struct api *a, const char *request)
{
    char *reply = NULL;
    int err = cove_admin(a->store, request, &reply);

    cove_free(reply);
    return err;
}

/* A request about a document, with what else it says: ",…" or nothing. */
static const char *about(const struct cove_id *id, const char *verb,
                         const char *rest)
{
    static char request[1024];
    char text[52];

    cove_id_format(id, text);
    snprintf(request, sizeof(request), "{\"do\":\"%s\",\"id\":\"%s\"%s}", verb,
             text, rest);
    return request;
}

#define assert_reply(a, request, part)                                         \
    do {                                                                       \
        char *reply_ = api_admin(a, request);                                  \
        ck_assert_msg(strstr(reply_, part) != NULL, "%s", reply_);             \
        cove_free(reply_);                                                     \
    } while (0)

static struct cove_id api_create(struct api *a, enum cove_covalue type)
{
    struct cove_txn *txn = api_begin(a, COVE_WRITE);
    struct cove_id id;

    api_ok(cove_create(txn, type, NULL, &id), a->store);
    api_ok(cove_commit(txn), a->store);
    return id;
}

static void api_splice(struct api *a, const struct cove_id *id, size_t at,
                       size_t remove, const char *text)
{
    struct cove_txn *txn = api_begin(a, COVE_WRITE);

    api_ok(
        cove_text_splice(txn, id, COVE_BYTES, at, remove, text, strlen(text)),
        a->store);
    api_ok(cove_commit(txn), a->store);
}

/* What the text shows, on the branch of that name where one is given. */
static void assert_text(struct api *a, const struct cove_id *id,
                        const char *branch, const char *expected)
{
    struct cove_txn *txn = api_begin(a, COVE_READ);
    const char *text;
    size_t len;

    if (branch != NULL) {
        api_ok(cove_switch(txn, id, branch), a->store);
    }
    api_ok(cove_text_get(txn, id, &text, &len), a->store);
    ck_assert_str_eq(text, expected);
    cove_abort(txn);
}

static int api_undo(struct api *a, const struct cove_id *id, bool again)
{
    struct cove_txn *txn = api_begin(a, COVE_WRITE);
    int err = again ? cove_redo(txn, id) : cove_undo(txn, id);

    if (err == 0) {
        api_ok(cove_commit(txn), a->store);
    } else {
        cove_abort(txn);
    }
    return err;
}

/* --- undo */

START_TEST(edits_of_one_transaction_are_taken_back_together)
{
    struct api a;
    struct cove_id id;
    struct cove_txn *txn;

    api_open(&a);
    id = api_create(&a, COVE_COTEXT);
    api_splice(&a, &id, 0, 0, "one two");
    txn = api_begin(&a, COVE_WRITE);
    api_ok(cove_text_splice(txn, &id, COVE_BYTES, 0, 3, "three", 5), a.store);
    api_ok(cove_text_splice(txn, &id, COVE_BYTES, 9, 0, "!", 1), a.store);
    api_ok(cove_commit(txn), a.store);
    assert_text(&a, &id, NULL, "three two!");
    ck_assert_int_eq(api_undo(&a, &id, false), 0);
    assert_text(&a, &id, NULL, "one two");
    ck_assert_int_eq(api_undo(&a, &id, false), 0);
    assert_text(&a, &id, NULL, "");
    ck_assert_int_eq(api_undo(&a, &id, false), COVE_ECONDITION);
    ck_assert_int_eq(api_undo(&a, &id, true), 0);
    ck_assert_int_eq(api_undo(&a, &id, true), 0);
    assert_text(&a, &id, NULL, "three two!");
    ck_assert_int_eq(api_undo(&a, &id, true), COVE_ECONDITION);
    api_close(&a);
}
END_TEST

START_TEST(an_edit_and_its_undo_may_stand_in_one_transaction)
{
    struct api a;
    struct cove_id id;
    struct cove_txn *txn;

    api_open(&a);
    id = api_create(&a, COVE_COTEXT);
    txn = api_begin(&a, COVE_WRITE);
    api_ok(cove_text_splice(txn, &id, COVE_BYTES, 0, 0, "abc", 3), a.store);
    api_ok(cove_undo(txn, &id), a.store);
    api_ok(cove_text_splice(txn, &id, COVE_BYTES, 0, 0, "xyz", 3), a.store);
    api_ok(cove_commit(txn), a.store);
    assert_text(&a, &id, NULL, "xyz");
    api_close(&a);
}
END_TEST

START_TEST(fields_of_a_map_go_back_and_forth)
{
    struct api a;
    struct cove_id id;
    struct cove_txn *txn;

    api_open(&a);
    id = api_new(&a, NULL, "{\"a\":1}");
    txn = api_begin(&a, COVE_WRITE);
    api_ok(cove_set(txn, &id, "a", cove_int(2)), a.store);
    api_ok(cove_commit(txn), a.store);
    txn = api_begin(&a, COVE_WRITE);
    api_ok(cove_set(txn, &id, "a", cove_int(3)), a.store);
    api_ok(cove_commit(txn), a.store);
    ck_assert_int_eq(api_undo(&a, &id, false), 0);
    ck_assert_int_eq(api_int(&a, &id, "a"), 2);
    ck_assert_int_eq(api_undo(&a, &id, false), 0);
    ck_assert_int_eq(api_int(&a, &id, "a"), 1);
    ck_assert_int_eq(api_undo(&a, &id, false), 0);
    ck_assert_int_eq(api_int(&a, &id, "a"), -1);
    ck_assert_int_eq(api_undo(&a, &id, true), 0);
    ck_assert_int_eq(api_undo(&a, &id, true), 0);
    ck_assert_int_eq(api_int(&a, &id, "a"), 2);
    api_close(&a);
}
END_TEST

static int64_t list_item(struct api *a, const struct cove_id *id, size_t at)
{
    struct cove_txn *txn = api_begin(a, COVE_READ);
    struct cove_value v = {0};
    int err = cove_list_get(txn, id, at, &v);

    cove_abort(txn);
    return err == 0 ? v.u.integer : -1;
}

START_TEST(items_that_were_written_in_place_or_removed_come_back)
{
    struct api a;
    struct cove_id id;
    struct cove_txn *txn;

    api_open(&a);
    id = api_create(&a, COVE_COLIST);
    txn = api_begin(&a, COVE_WRITE);
    api_ok(cove_list_splice(txn, &id, 0, 0, "[1,2,3]"), a.store);
    api_ok(cove_commit(txn), a.store);
    txn = api_begin(&a, COVE_WRITE);
    api_ok(cove_list_set(txn, &id, 1, cove_int(7)), a.store);
    api_ok(cove_commit(txn), a.store);
    txn = api_begin(&a, COVE_WRITE);
    api_ok(cove_list_splice(txn, &id, 1, 1, NULL), a.store);
    api_ok(cove_commit(txn), a.store);
    ck_assert_int_eq(list_item(&a, &id, 1), 3);
    ck_assert_int_eq(api_undo(&a, &id, false), 0);
    ck_assert_int_eq(list_item(&a, &id, 1), 7);
    ck_assert_int_eq(api_undo(&a, &id, true), 0);
    ck_assert_int_eq(list_item(&a, &id, 1), 3);
    api_close(&a);
}
END_TEST

START_TEST(an_item_that_was_written_in_place_is_what_it_was)
{
    struct api a;
    struct cove_id id;
    struct cove_txn *txn;

    api_open(&a);
    id = api_create(&a, COVE_COLIST);
    txn = api_begin(&a, COVE_WRITE);
    api_ok(cove_list_splice(txn, &id, 0, 0, "[1,2,3]"), a.store);
    api_ok(cove_commit(txn), a.store);
    txn = api_begin(&a, COVE_WRITE);
    api_ok(cove_list_set(txn, &id, 1, cove_int(7)), a.store);
    api_ok(cove_commit(txn), a.store);
    ck_assert_int_eq(api_undo(&a, &id, false), 0);
    ck_assert_int_eq(list_item(&a, &id, 1), 2);
    ck_assert_int_eq(api_undo(&a, &id, true), 0);
    ck_assert_int_eq(list_item(&a, &id, 1), 7);
    api_close(&a);
}
END_TEST

START_TEST(a_counter_is_counted_back)
{
    struct api a;
    struct cove_id id;
    int64_t sum = 0;

    api_open(&a);
    id = api_create(&a, COVE_COCOUNTER);
    for (int i = 0; i < 2; i++) {
        struct cove_txn *txn = api_begin(&a, COVE_WRITE);

        api_ok(cove_counter_add(txn, &id, 5), a.store);
        api_ok(cove_commit(txn), a.store);
    }
    ck_assert_int_eq(api_undo(&a, &id, false), 0);

    struct cove_txn *txn = api_begin(&a, COVE_READ);

    api_ok(cove_counter_get(txn, &id, &sum), a.store);
    cove_abort(txn);
    ck_assert_int_eq(sum, 5);
    assert_reply(&a, about(&id, "diff", ",\"from\":\"@\""),
                 "{\"before\":0,\"after\":5,\"difference\":5}");
    assert_reply(&a, about(&id, "restore", ",\"to\":\"@\",\"yes\":true"),
                 "\"added\":-5");
    api_close(&a);
}
END_TEST

START_TEST(a_stream_is_not_taken_back)
{
    struct api a;
    struct cove_id id;

    api_open(&a);
    id = api_create(&a, COVE_COSTREAM);
    ck_assert_int_eq(api_undo(&a, &id, false), COVE_EUNSUPPORTED);
    id = api_create(&a, COVE_COBINARY);
    ck_assert_int_eq(api_undo(&a, &id, true), COVE_EUNSUPPORTED);
    api_close(&a);
}
END_TEST

START_TEST(undo_needs_a_transaction_that_writes)
{
    struct api a;
    struct cove_id id;
    struct cove_txn *txn;

    api_open(&a);
    id = api_create(&a, COVE_COTEXT);
    txn = api_begin(&a, COVE_READ);
    ck_assert_int_eq(cove_undo(txn, &id), COVE_EUSAGE);
    ck_assert_int_eq(cove_branch(txn, &id, "b"), COVE_EUSAGE);
    ck_assert_int_eq(cove_merge(txn, &id, "b"), COVE_EUSAGE);
    cove_abort(txn);
    api_close(&a);
}
END_TEST

/* --- branches */

START_TEST(a_branch_is_begun_written_and_merged)
{
    struct api a;
    struct cove_id id;
    struct cove_txn *txn;

    api_open(&a);
    id = api_create(&a, COVE_COTEXT);
    api_splice(&a, &id, 0, 0, "one");
    txn = api_begin(&a, COVE_WRITE);
    api_ok(cove_branch(txn, &id, "draft"), a.store);
    ck_assert_int_eq(cove_branch(txn, &id, "draft"), COVE_EEXIST);
    ck_assert_int_eq(cove_branch(txn, &id, "a\nb"), COVE_EUSAGE);
    ck_assert_int_eq(cove_switch(txn, &id, "other"), COVE_ENOTFOUND);
    api_ok(cove_switch(txn, &id, "draft"), a.store);
    api_ok(cove_text_splice(txn, &id, COVE_BYTES, 3, 0, " two", 4), a.store);
    api_ok(cove_commit(txn), a.store);
    assert_text(&a, &id, NULL, "one");
    assert_text(&a, &id, "draft", "one two");
    api_splice(&a, &id, 0, 0, "zero ");
    txn = api_begin(&a, COVE_WRITE);
    api_ok(cove_switch(txn, &id, "draft"), a.store);
    api_ok(cove_merge(txn, &id, NULL), a.store);
    ck_assert_int_eq(cove_merge(txn, &id, "draft"), COVE_EUSAGE);
    api_ok(cove_switch(txn, &id, NULL), a.store);
    api_ok(cove_commit(txn), a.store);
    assert_text(&a, &id, "draft", "zero one two");
    assert_text(&a, &id, NULL, "zero one");
    txn = api_begin(&a, COVE_WRITE);
    api_ok(cove_merge(txn, &id, "draft"), a.store);
    api_ok(cove_commit(txn), a.store);
    assert_text(&a, &id, NULL, "zero one two");
    api_close(&a);
}
END_TEST

START_TEST(what_was_written_to_a_branch_is_taken_back_there)
{
    struct api a;
    struct cove_id id;
    struct cove_txn *txn;

    api_open(&a);
    id = api_create(&a, COVE_COTEXT);
    api_splice(&a, &id, 0, 0, "one");
    txn = api_begin(&a, COVE_WRITE);
    api_ok(cove_branch(txn, &id, "draft"), a.store);
    api_ok(cove_switch(txn, &id, "draft"), a.store);
    api_ok(cove_text_splice(txn, &id, COVE_BYTES, 3, 0, " two", 4), a.store);
    api_ok(cove_undo(txn, &id), a.store);
    api_ok(cove_redo(txn, &id), a.store);
    api_ok(cove_commit(txn), a.store);
    assert_text(&a, &id, "draft", "one two");
    assert_text(&a, &id, NULL, "one");
    api_close(&a);
}
END_TEST

static const char two_versions[] =
    "{\"title\":\"Task\",\"version\":1,\"type\":\"object\",\"properties\":"
    "{\"name\":{\"type\":\"string\"},\"size\":{\"type\":\"integer\"}}}";

START_TEST(a_branch_of_a_map_is_seen_through_its_schema)
{
    struct api a;
    struct cove_id id;
    struct cove_txn *txn;

    api_open(&a);
    api_ok(cove_schema_add(a.store, two_versions, NULL), a.store);
    id = api_new(&a, "Task", "{\"name\":\"n\",\"size\":1}");
    for (int i = 0; i < 3; i++) {
        txn = api_begin(&a, COVE_WRITE);
        if (i == 0) {
            api_ok(cove_branch(txn, &id, "draft"), a.store);
        }
        api_ok(cove_switch(txn, &id, "draft"), a.store);
        api_ok(cove_set(txn, &id, "size", cove_int(5 + i)), a.store);
        ck_assert_int_eq(cove_set(txn, &id, "size", cove_text("x")),
                         COVE_ESCHEMA);
        api_ok(cove_commit(txn), a.store);
        ck_assert_int_eq(api_int(&a, &id, "size"), 1);
    }
    assert_reply(&a, about(&id, "get", ",\"branch\":\"draft\""), "\"size\":7");
    txn = api_begin(&a, COVE_WRITE);
    api_ok(cove_merge(txn, &id, "draft"), a.store);
    api_ok(cove_commit(txn), a.store);
    ck_assert_int_eq(api_int(&a, &id, "size"), 7);
    ck_assert_int_eq(api_undo(&a, &id, false), 0);
    ck_assert_int_eq(api_int(&a, &id, "size"), 6);
    api_close(&a);
}
END_TEST

/* --- the verbs */

START_TEST(the_verbs_make_list_and_merge_branches)
{
    struct api a;
    struct cove_id id;

    api_open(&a);
    id = api_new(&a, NULL, "{\"a\":1}");
    assert_reply(&a, about(&id, "branch.make", ",\"name\":\"draft\""),
                 "\"name\":\"draft\"");
    assert_reply(
        &a, about(&id, "set", ",\"branch\":\"draft\",\"fields\":{\"a\":2}"),
        "\"id\"");
    ck_assert_int_eq(api_int(&a, &id, "a"), 1);
    assert_reply(&a, about(&id, "branch.list", ""), "\"ahead\":1,\"behind\":0");
    assert_reply(&a, about(&id, "diff", ",\"to\":\"draft\""),
                 "{\"path\":\"/a\",\"before\":1,\"after\":2}");
    assert_reply(&a, about(&id, "merge", ",\"from\":\"draft\""),
                 "\"merged\":1");
    ck_assert_int_eq(api_int(&a, &id, "a"), 2);
    assert_reply(&a, about(&id, "undo", ""), "\"id\"");
    ck_assert_int_eq(api_int(&a, &id, "a"), 1);
    assert_reply(&a, about(&id, "redo", ""), "\"id\"");
    ck_assert_int_eq(api_int(&a, &id, "a"), 2);
    ck_assert_int_eq(api_refused(&a, about(&id, "redo", "")), COVE_ECONDITION);
    ck_assert_int_eq(api_refused(&a, about(&id, "get", ",\"branch\":\"none\"")),
                     COVE_ENOTFOUND);
    api_close(&a);
}
END_TEST

/* The frontier that the reply of branch.list names. */
static void frontier(struct api *a, const struct cove_id *id, char out[256])
{
    char *reply = api_admin(a, about(id, "branch.list", ""));
    const char *at = strstr(reply, "\"now\":\"");

    ck_assert_ptr_nonnull(at);
    ck_assert_int_eq(sscanf(at + 7, "%255[@0-9a-f]", out), 1);
    cove_free(reply);
}

START_TEST(a_text_differs_between_frontiers_and_goes_back_to_one)
{
    struct api a;
    struct cove_id id;
    char point[256];
    char request[600];
    char text[52];

    api_open(&a);
    id = api_create(&a, COVE_COTEXT);
    api_splice(&a, &id, 0, 0, "The cat sat.");
    frontier(&a, &id, point);
    api_splice(&a, &id, 4, 3, "dog");
    cove_id_format(&id, text);
    snprintf(request, sizeof(request),
             "{\"do\":\"diff\",\"id\":\"%s\",\"from\":\"%s\"}", text, point);
    assert_reply(&a, request,
                 "{\"at\":4,\"newAt\":4,\"removed\":\"cat\",\"inserted\":"
                 "\"dog\",\"by\":[{");
    snprintf(request, sizeof(request),
             "{\"do\":\"diff\",\"id\":\"%s\",\"from\":\"%s\",\"grain\":"
             "\"words\"}",
             text, point);
    assert_reply(&a, request,
                 "{\"at\":4,\"removed\":\"cat\",\"inserted\":\"dog\"}");
    snprintf(request, sizeof(request),
             "{\"do\":\"restore\",\"id\":\"%s\",\"to\":\"%s\",\"yes\":true}",
             text, point);
    assert_reply(&a, request, "\"removed\":3,\"inserted\":3");
    assert_text(&a, &id, NULL, "The cat sat.");
    assert_reply(&a, request, "\"changed\":0");
    ck_assert_int_eq(api_undo(&a, &id, false), 0);
    assert_text(&a, &id, NULL, "The dog sat.");
    api_close(&a);
}
END_TEST

START_TEST(a_point_that_names_nothing_is_refused)
{
    static const struct {
        const char *at;
        int err;
    } points[] = {
        {"now", 0},
        {"@", 0},
        {"0", 0},
        {"@00", COVE_EFORMAT},
        {"@zz", COVE_EFORMAT},
        {"@0000000000000000000000000000000000000000", COVE_EFORMAT},
        {"nothing", COVE_ENOTFOUND},
        {"branch:b", COVE_ENOTFOUND},
        {"mark:m", COVE_ENOTFOUND},
        {"99999999999999", COVE_EUSAGE},
        {"2999-01-01", COVE_EUSAGE},
    };
    struct api a;
    struct cove_id id;
    char request[300];
    char text[52];

    api_open(&a);
    id = api_new(&a, NULL, "{\"a\":1}");
    cove_id_format(&id, text);
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        snprintf(request, sizeof(request),
                 "{\"do\":\"get\",\"id\":\"%s\",\"at\":\"%s\"}", text,
                 points[i].at);
        ck_assert_msg(api_refused(&a, request) == points[i].err, "%s: %s",
                      points[i].at, cove_errmsg(a.store));
    }
    api_close(&a);
}
END_TEST

START_TEST(a_map_is_seen_as_it_was_through_its_schema)
{
    struct api a;
    struct cove_id id;
    struct cove_txn *txn;
    char point[256];
    char rest[600];

    api_open(&a);
    api_ok(cove_schema_add(a.store, two_versions, NULL), a.store);
    id = api_new(&a, "Task", "{\"name\":\"n\",\"size\":1}");
    frontier(&a, &id, point);
    txn = api_begin(&a, COVE_WRITE);
    api_ok(cove_set(txn, &id, "size", cove_int(2)), a.store);
    api_ok(cove_commit(txn), a.store);
    snprintf(rest, sizeof(rest), ",\"at\":\"%s\"", point);
    assert_reply(&a, about(&id, "get", rest),
                 "\"fields\":{\"name\":\"n\",\"size\":1}");
    assert_reply(&a, about(&id, "get", ""), "\"size\":2");
    snprintf(rest, sizeof(rest), ",\"from\":\"%s\"", point);
    assert_reply(&a, about(&id, "diff", rest),
                 "[{\"path\":\"/size\",\"before\":1,\"after\":2}]");
    snprintf(rest, sizeof(rest), ",\"to\":\"%s\",\"yes\":true", point);
    assert_reply(&a, about(&id, "restore", rest), "\"changed\":1");
    ck_assert_int_eq(api_int(&a, &id, "size"), 1);
    api_close(&a);
}
END_TEST

START_TEST(a_mark_and_a_branch_of_one_name_are_told_apart)
{
    struct api a;
    struct cove_id id;
    struct cove_txn *txn;

    api_open(&a);
    id = api_new(&a, NULL, "{\"a\":1}");
    cove_free(api_admin(&a, "{\"do\":\"mark\",\"name\":\"x\"}"));
    assert_reply(&a, about(&id, "get", ",\"at\":\"x\""), "\"a\":1");
    txn = api_begin(&a, COVE_WRITE);
    api_ok(cove_branch(txn, &id, "x"), a.store);
    api_ok(cove_switch(txn, &id, "x"), a.store);
    api_ok(cove_set(txn, &id, "a", cove_int(2)), a.store);
    api_ok(cove_commit(txn), a.store);
    ck_assert_int_eq(api_refused(&a, about(&id, "get", ",\"at\":\"x\"")),
                     COVE_EAMBIGUOUS);
    assert_reply(&a, about(&id, "get", ",\"at\":\"branch:x\""), "\"a\":2");
    assert_reply(&a, about(&id, "get", ",\"at\":\"mark:x\""), "\"a\":1");
    assert_reply(&a,
                 about(&id, "restore",
                       ",\"branch\":\"x\",\"to\":\"mark:x\","
                       "\"yes\":true"),
                 "\"changed\":1");
    assert_reply(&a, about(&id, "get", ",\"branch\":\"x\""), "\"a\":1");
    api_close(&a);
}
END_TEST

START_TEST(an_undo_that_breaks_the_schema_is_refused)
{
    static const char required[] =
        "{\"title\":\"Need\",\"version\":1,\"type\":\"object\","
        "\"properties\":{\"name\":{\"type\":\"string\"}},"
        "\"required\":[\"name\"]}";
    struct api a;
    struct cove_id id;

    api_open(&a);
    api_ok(cove_schema_add(a.store, required, NULL), a.store);
    id = api_new(&a, "Need", "{\"name\":\"n\"}");
    ck_assert_int_eq(api_undo(&a, &id, false), COVE_ESCHEMA);
    assert_reply(&a, about(&id, "get", ""), "\"name\":\"n\"");
    api_close(&a);
}
END_TEST

START_TEST(a_history_is_read_in_pages)
{
    struct api a;
    struct cove_id id;
    char *reply;
    char next[100];
    char request[300];
    char text[52];

    api_open(&a);
    id = api_create(&a, COVE_COTEXT);
    api_splice(&a, &id, 0, 0, "a");
    api_splice(&a, &id, 1, 0, "b");
    api_splice(&a, &id, 0, 1, "");
    reply = api_admin(&a, about(&id, "history", ",\"limit\":2"));
    ck_assert_ptr_nonnull(strstr(reply, "\"text\":\"b\""));
    ck_assert_ptr_nonnull(strstr(reply, "\"removed\":1"));
    ck_assert_ptr_null(strstr(reply, "\"text\":\"a\""));
    ck_assert_int_eq(
        sscanf(strstr(reply, "\"next\":\""), "\"next\":\"%99[0-9a-f.]", next),
        1);
    cove_free(reply);
    cove_id_format(&id, text);
    snprintf(request, sizeof(request),
             "{\"do\":\"history\",\"id\":\"%s\",\"limit\":2,\"before\":\"%s\"}",
             text, next);
    reply = api_admin(&a, request);
    ck_assert_ptr_nonnull(strstr(reply, "\"text\":\"a\""));
    ck_assert_ptr_null(strstr(reply, "\"next\""));
    cove_free(reply);
    ck_assert_int_eq(
        api_refused(&a, about(&id, "history", ",\"before\":\"x\"")),
        COVE_EUSAGE);
    api_close(&a);
}
END_TEST

START_TEST(a_list_differs_by_its_items_and_what_was_written_to_them)
{
    struct api a;
    struct cove_id id;
    struct cove_txn *txn;
    char point[256];
    char request[600];
    char text[52];

    api_open(&a);
    id = api_create(&a, COVE_COLIST);
    txn = api_begin(&a, COVE_WRITE);
    api_ok(cove_list_splice(txn, &id, 0, 0, "[1,2,3]"), a.store);
    api_ok(cove_commit(txn), a.store);
    frontier(&a, &id, point);
    txn = api_begin(&a, COVE_WRITE);
    api_ok(cove_list_set(txn, &id, 0, cove_int(9)), a.store);
    api_ok(cove_list_splice(txn, &id, 1, 1, "[\"x\"]"), a.store);
    api_ok(cove_commit(txn), a.store);
    cove_id_format(&id, text);
    snprintf(request, sizeof(request),
             "{\"do\":\"diff\",\"id\":\"%s\",\"from\":\"%s\"}", text, point);
    assert_reply(&a, request, "\"removed\":[2],\"inserted\":[\"x\"]");
    assert_reply(&a, request, "{\"at\":0,\"before\":1,\"after\":9}");
    snprintf(request, sizeof(request),
             "{\"do\":\"restore\",\"id\":\"%s\",\"to\":\"%s\",\"yes\":true}",
             text, point);
    assert_reply(&a, request, "\"changed\":1");
    ck_assert_int_eq(list_item(&a, &id, 0), 1);
    ck_assert_int_eq(list_item(&a, &id, 1), 2);
    assert_reply(&a, request, "\"changed\":0");
    api_close(&a);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("branches");
    TCase *undo = tcase_create("undo");
    TCase *branches = tcase_create("branches");
    TCase *verbs = tcase_create("verbs");

    tcase_add_test(undo, edits_of_one_transaction_are_taken_back_together);
    tcase_add_test(undo, an_edit_and_its_undo_may_stand_in_one_transaction);
    tcase_add_test(undo, fields_of_a_map_go_back_and_forth);
    tcase_add_test(undo, items_that_were_written_in_place_or_removed_come_back);
    tcase_add_test(undo, an_item_that_was_written_in_place_is_what_it_was);
    tcase_add_test(undo, a_counter_is_counted_back);
    tcase_add_test(undo, a_stream_is_not_taken_back);
    tcase_add_test(undo, undo_needs_a_transaction_that_writes);
    suite_add_tcase(suite, undo);
    tcase_add_test(branches, a_branch_is_begun_written_and_merged);
    tcase_add_test(branches, what_was_written_to_a_branch_is_taken_back_there);
    tcase_add_test(branches, a_branch_of_a_map_is_seen_through_its_schema);
    suite_add_tcase(suite, branches);
    tcase_add_test(verbs, the_verbs_make_list_and_merge_branches);
    tcase_add_test(verbs,
                   a_text_differs_between_frontiers_and_goes_back_to_one);
    tcase_add_test(verbs, a_point_that_names_nothing_is_refused);
    tcase_add_test(verbs, a_map_is_seen_as_it_was_through_its_schema);
    tcase_add_test(verbs, a_mark_and_a_branch_of_one_name_are_told_apart);
    tcase_add_test(verbs, an_undo_that_breaks_the_schema_is_refused);
    tcase_add_test(verbs, a_history_is_read_in_pages);
    tcase_add_test(verbs,
                   a_list_differs_by_its_items_and_what_was_written_to_them);
    suite_add_tcase(suite, verbs);
    return harness_run(suite);
}
