/* Subscriptions, through the public API: what is told, when, and in which
 * order. */
#include "tests/node_api/watch_kit.h"

#include <pthread.h>

static const char TASK[] =
    "{\"title\":\"Task\",\"version\":1,\"properties\":{\"n\":{\"type\":"
    "\"integer\"},\"done\":{\"type\":\"boolean\"}}}";
static const char TASK2[] =
    "{\"title\":\"Task\",\"version\":2,\"properties\":{\"m\":{\"type\":"
    "\"string\"},\"done\":{\"type\":\"boolean\"}}}";
static const char STEP[] =
    "{\"schema\":\"Task\",\"from\":1,\"to\":2,\"steps\":[{\"convert\":"
    "{\"field\":\"n\",\"to\":{\"name\":\"m\",\"type\":\"string\"},"
    "\"forward\":[\"text_of_int\"],\"back\":[\"int_of_text\"]}}]}";
static const char OPEN[] =
    "{\"watch\":\"documents\",\"schema\":\"Task\",\"where\":{\"done\":false}}";

static struct api api;

static void setup(void)
{
    watch_open(&api);
    api_ok(cove_schema_add(api.store, TASK, NULL), api.store);
}

static void teardown(void)
{
    api_close(&api);
}

static void begin_document(struct watcher *w, const struct cove_id *id,
                           const char *more)
{
    char text[52], request[256];

    cove_id_format(id, text);
    snprintf(request, sizeof(request),
             "{\"watch\":\"document\",\"id\":\"%s\"%s}", text, more);
    watch_begin(w, api.store, request);
}

/* ---------------------------------------------------------------- requests */

static void refused(const char *request, int code, const char *word)
{
    uint64_t number = 0;

    ck_assert_int_eq(
        cove_subscribe(api.store, request, watch_hear, NULL, &number), code);
    ck_assert_msg(strstr(cove_errmsg(api.store), word) != NULL, "%s",
                  cove_errmsg(api.store));
    ck_assert_uint_eq(number, 0);
}

START_TEST(what_a_request_gets_wrong_is_said)
{
    refused("{", COVE_EJSON, "request");
    refused("[]", COVE_EUSAGE, "object");
    refused("{}", COVE_EUSAGE, "watch");
    refused("{\"watch\":\"me\"}", COVE_EUSAGE, "documents");
    refused("{\"watch\":\"document\"}", COVE_EUSAGE, "id");
    refused("{\"watch\":\"document\",\"id\":\"co_zzzz\"}", COVE_ENOTFOUND, "");
    refused("{\"watch\":\"documents\",\"schema\":\"Tsak\"}", COVE_ENOTFOUND,
            "Tsak");
    refused("{\"watch\":\"documents\",\"schema\":\"Task\",\"version\":7}",
            COVE_ENOTFOUND, "7");
    refused("{\"watch\":\"documents\",\"schema\":\"Task\",\"where\":{\"dnoe\":"
            "1}}",
            COVE_ENOTFOUND, "dnoe");
    refused("{\"watch\":\"documents\",\"where\":{\"n\":1}}", COVE_EUSAGE,
            "schema");
    refused("{\"watch\":\"documents\",\"since\":-1}", COVE_EUSAGE, "since");
    refused("{\"watch\":\"documents\",\"since\":1,\"initial\":true}",
            COVE_EUSAGE, "exclude");
    refused("{\"watch\":\"documents\",\"origin\":\"moon\"}", COVE_EUSAGE,
            "origin");
    refused("{\"watch\":\"peers\",\"schema\":\"Task\"}", COVE_EUSAGE, "schema");
}
END_TEST

START_TEST(an_unknown_subscription_is_not_found)
{
    struct watcher w;

    ck_assert_int_eq(cove_unsubscribe(api.store, 1), COVE_ENOTFOUND);
    watch_begin(&w, api.store, OPEN);
    watch_end(&w);
    ck_assert_int_eq(cove_unsubscribe(api.store, w.number), COVE_ENOTFOUND);
}
END_TEST

START_TEST(a_store_that_does_not_sync_refuses_to)
{
    ck_assert_int_eq(cove_listen(api.store, "127.0.0.1:0"), COVE_EUSAGE);
    ck_assert_int_eq(cove_thread_start(api.store), COVE_EUSAGE);
    ck_assert_ptr_nonnull(strstr(cove_errmsg(api.store), "NO_SYNC"));
}
END_TEST

/* ------------------------------------------------------------- one document */

START_TEST(a_document_that_changes_five_times_is_one_event)
{
    struct cove_id id = api_new(&api, "Task", "{\"n\":0}");
    struct cove_id other = api_new(&api, "Task", "{\"n\":0}");
    struct watcher w;

    begin_document(&w, &id, "");
    ck_assert_str_eq(watch_next(&w), "ready");
    for (int i = 1; i <= 5; i++) {
        watch_set(&api, &id, "n", cove_int(i));
        watch_set(&api, &other, "n", cove_int(i));
    }
    ck_assert_uint_eq(w.count, 1); /* nothing but in a dispatch */
    ck_assert_str_eq(watch_next(&w), "change");
    ck_assert(watch_is(watch_last(&w), &id));
    ck_assert_uint_eq(watch_last(&w)->from, COVE_FROM_HERE);
    ck_assert_str_eq(watch_next(&w), "");
    watch_end(&w);
}
END_TEST

START_TEST(a_document_that_is_not_here_yet_enters)
{
    struct cove_id id = api_new(&api, "Task", "{\"n\":0}");
    struct watcher w, mine;
    char *reply = NULL;

    begin_document(&mine, &id, ",\"initial\":true");
    ck_assert_str_eq(watch_next(&mine), "enter ready");
    id.b[5] ^= 1;
    begin_document(&w, &id, ",\"initial\":true");
    ck_assert_str_eq(watch_next(&w), "ready");
    watch_end(&w);
    watch_end(&mine);
    cove_free(reply);
}
END_TEST

START_TEST(a_text_of_a_document_changes_it_too)
{
    static const char note[] =
        "{\"title\":\"Note\",\"version\":1,\"properties\":{\"body\":{\"type\":"
        "\"string\",\"x-type\":\"text\"},\"n\":{\"type\":\"integer\"}}}";
    struct cove_id id, body;
    struct cove_txn *txn;
    struct watcher w, query, child;

    api_ok(cove_schema_add(api.store, note, NULL), api.store);
    id = api_new(&api, "Note", "{\"n\":1}");
    txn = api_begin(&api, COVE_WRITE);
    api_ok(cove_child(txn, &id, "body", COVE_COTEXT, &body), api.store);
    api_ok(cove_text_splice(txn, &body, COVE_BYTES, 0, 0, "a", 1), api.store);
    api_ok(cove_commit(txn), api.store);
    begin_document(&w, &id, "");
    begin_document(&child, &body, "");
    watch_begin(&query, api.store,
                "{\"watch\":\"documents\",\"schema\":\"Note\",\"where\":{\"n\":"
                "1}}");
    watch_drain(api.store);
    watch_said(&w);
    watch_said(&child);
    ck_assert_str_eq(watch_said(&query), "enter ready");
    txn = api_begin(&api, COVE_WRITE);
    api_ok(cove_text_splice(txn, &body, COVE_BYTES, 1, 0, "b", 1), api.store);
    api_ok(cove_commit(txn), api.store);
    ck_assert_str_eq(watch_next(&w), "change");
    ck_assert(watch_is(watch_last(&w), &id));
    ck_assert_str_eq(watch_said(&child), "change");
    ck_assert_str_eq(watch_said(&query), "change");
    ck_assert(watch_is(watch_last(&query), &id));
    watch_end(&w);
    watch_end(&query);
    watch_end(&child);
}
END_TEST

/* A local copy of a document: its id, out of the reply. */
static struct cove_id local_copy(const struct cove_id *id)
{
    char text[52], request[160], *reply = NULL;
    struct cove_id copy;

    cove_id_format(id, text);
    snprintf(request, sizeof(request),
             "{\"do\":\"new\",\"like\":\"%s\",\"local\":true}", text);
    api_ok(cove_admin(api.store, request, &reply), api.store);

    char *at = strstr(reply, "co_z");

    ck_assert_ptr_nonnull(at);
    *strchr(at, '"') = '\0';
    api_ok(cove_id_lookup(api.store, at, &copy), api.store);
    cove_free(reply);
    return copy;
}

static void discard(const struct cove_id *id)
{
    char text[52], request[160], *reply = NULL;

    cove_id_format(id, text);
    snprintf(request, sizeof(request), "{\"do\":\"discard\",\"id\":\"%s\"}",
             text);
    api_ok(cove_admin(api.store, request, &reply), api.store);
    cove_free(reply);
}

START_TEST(a_local_document_is_told_by_its_id_and_in_no_list)
{
    struct cove_id id = api_new(&api, "Task", "{\"n\":0,\"done\":false}");
    struct cove_id copy = local_copy(&id);
    struct watcher w, all, query;

    begin_document(&w, &copy, "");
    watch_begin(&all, api.store, "{\"watch\":\"documents\"}");
    watch_begin(&query, api.store, OPEN);
    ck_assert_str_eq(watch_next(&w), "ready");
    ck_assert_str_eq(watch_said(&all), "ready");
    ck_assert_str_eq(watch_said(&query), "enter ready");
    watch_set(&api, &copy, "n", cove_int(1));
    ck_assert_str_eq(watch_next(&w), "change");
    watch_set(&api, &id, "n", cove_int(2));
    ck_assert_str_eq(watch_next(&w), "");
    discard(&copy);
    ck_assert_str_eq(watch_next(&w), "removed");
    ck_assert(watch_is(watch_last(&w), &copy));
    ck_assert_str_eq(watch_said(&all), "change");
    ck_assert_str_eq(watch_said(&query), "change");
    watch_end(&w);
    watch_end(&all);
    watch_end(&query);
}
END_TEST

/* ------------------------------------------------------------------ queries */

START_TEST(a_query_tells_what_enters_changes_and_leaves)
{
    struct cove_id a = api_new(&api, "Task", "{\"done\":false}");
    struct cove_id b = api_new(&api, "Task", "{\"done\":true}");
    struct watcher w;

    watch_begin(&w, api.store, OPEN);
    ck_assert_str_eq(watch_next(&w), "enter ready");
    ck_assert(watch_is(&w.heard[0].e, &a));
    ck_assert_uint_eq(w.heard[0].e.sequence, 0); /* not to go on from */
    watch_set(&api, &b, "n", cove_int(1));
    ck_assert_str_eq(watch_next(&w), "");
    watch_set(&api, &b, "done", cove_bool(false));
    ck_assert_str_eq(watch_next(&w), "enter");
    ck_assert(watch_is(watch_last(&w), &b));
    watch_set(&api, &a, "n", cove_int(1));
    ck_assert_str_eq(watch_next(&w), "change");
    watch_set(&api, &a, "done", cove_bool(true));
    ck_assert_str_eq(watch_next(&w), "leave");
    ck_assert(watch_is(watch_last(&w), &a));
    /* Out and in again between two dispatches: it is among them. */
    watch_set(&api, &b, "done", cove_bool(true));
    watch_set(&api, &b, "done", cove_bool(false));
    ck_assert_str_eq(watch_next(&w), "change");
    watch_end(&w);
}
END_TEST

static void remove_for_all(const struct cove_id *id)
{
    char text[52], request[160], *reply = NULL;

    cove_id_format(id, text);
    snprintf(request, sizeof(request),
             "{\"do\":\"remove\",\"ids\":[\"%s\"],\"yes\":true}", text);
    api_ok(cove_admin(api.store, request, &reply), api.store);
    cove_free(reply);
}

START_TEST(a_document_that_is_removed_for_everybody_is_told_once)
{
    struct cove_id a = api_new(&api, "Task", "{\"done\":false}");
    struct cove_id b = api_new(&api, "Task", "{\"done\":true}");
    struct watcher w, all, one, late;

    watch_begin(&w, api.store, OPEN);
    watch_begin(&all, api.store, "{\"watch\":\"documents\"}");
    begin_document(&one, &a, "");
    ck_assert_str_eq(watch_next(&w), "enter ready");
    ck_assert_str_eq(watch_said(&all), "ready");
    ck_assert_str_eq(watch_said(&one), "ready");
    remove_for_all(&a);
    ck_assert_str_eq(watch_next(&w), "removed");
    ck_assert(watch_is(watch_last(&w), &a));
    ck_assert_uint_eq(watch_last(&w)->from, COVE_FROM_HERE);
    ck_assert_str_eq(watch_said(&all), "removed");
    ck_assert_str_eq(watch_said(&one), "removed");
    remove_for_all(&b); /* which the query does not have */
    ck_assert_str_eq(watch_next(&w), "");
    ck_assert_str_eq(watch_said(&all), "removed");
    ck_assert_str_eq(watch_said(&one), "");
    begin_document(&late, &a, ",\"initial\":true");
    ck_assert_str_eq(watch_next(&late), "ready");
    watch_end(&late);
    watch_begin(&late, api.store, "{\"watch\":\"documents\",\"initial\":true}");
    ck_assert_str_eq(watch_next(&late), "ready");
    watch_end(&late);
    watch_end(&w);
    watch_end(&all);
    watch_end(&one);
}
END_TEST

START_TEST(a_query_without_its_beginning_tells_what_comes)
{
    struct cove_id a = api_new(&api, "Task", "{\"done\":false}");
    struct watcher w;

    watch_begin(&w, api.store,
                "{\"watch\":\"documents\",\"schema\":\"Task\",\"where\":{"
                "\"done\":false},\"initial\":false}");
    ck_assert_str_eq(watch_next(&w), "ready");
    watch_set(&api, &a, "n", cove_int(1));
    ck_assert_str_eq(watch_next(&w), "change");
    watch_set(&api, &a, "done", cove_bool(true));
    ck_assert_str_eq(watch_next(&w), "leave");
    watch_end(&w);
}
END_TEST

START_TEST(a_step_that_is_published_is_judged_anew)
{
    struct cove_id a = api_new(&api, "Task", "{\"n\":1,\"done\":false}");
    struct watcher w, old, schemas;

    watch_begin(&w, api.store, OPEN);
    watch_begin(&old, api.store,
                "{\"watch\":\"documents\",\"schema\":\"Task\",\"version\":1,"
                "\"where\":{\"n\":1}}");
    watch_begin(&schemas, api.store, "{\"watch\":\"migrations\"}");
    ck_assert_str_eq(watch_next(&w), "enter ready");
    ck_assert_str_eq(watch_said(&old), "enter ready");
    ck_assert_str_eq(watch_said(&schemas), "ready");
    api_ok(cove_migration_add(api.store, STEP, TASK2), api.store);
    ck_assert_str_eq(watch_next(&w), "change");
    ck_assert_uint_eq(watch_last(&w)->from, COVE_FROM_MIGRATION);
    ck_assert(watch_is(watch_last(&w), &a));
    ck_assert_str_eq(watch_said(&old), "change");
    ck_assert_str_eq(watch_said(&schemas), "schema");
    ck_assert_str_eq(watch_last(&schemas)->text,
                     "{\"schema\":\"Task\",\"version\":2}");
    watch_end(&w);
    watch_end(&old);
    watch_end(&schemas);
}
END_TEST

/* -------------------------------------------------------------- migrations */

START_TEST(what_only_migrations_wrote_can_be_left_out)
{
    struct watcher all, users, copies, runs;
    char *reply = NULL;

    api_new(&api, "Task", "{\"n\":1,\"done\":false}");
    api_ok(cove_migration_add(api.store, STEP, TASK2), api.store);
    watch_begin(&all, api.store, "{\"watch\":\"documents\"}");
    watch_begin(&users, api.store,
                "{\"watch\":\"documents\",\"migrations\":false}");
    watch_begin(&copies, api.store,
                "{\"watch\":\"documents\",\"schema\":\"Task\",\"origin\":[\"mi"
                "gration\"]}");
    watch_begin(&runs, api.store,
                "{\"watch\":\"migrations\",\"schema\":\"Task\"}");
    watch_drain(api.store);
    ck_assert_str_eq(watch_said(&runs), "ready");
    watch_said(&all);
    watch_said(&users);
    watch_said(&copies);
    api_ok(cove_admin(api.store, "{\"do\":\"migrate.run\",\"schema\":\"Task\"}",
                      &reply),
           api.store);
    cove_free(reply);
    ck_assert_str_eq(watch_next(&copies), "change");
    ck_assert_uint_eq(watch_last(&copies)->from, COVE_FROM_MIGRATION);
    ck_assert_ptr_nonnull(strstr(watch_said(&all), "change"));
    for (size_t i = 0; i < users.count; i++) {
        ck_assert_uint_ne(users.heard[i].e.from, COVE_FROM_MIGRATION);
    }
    ck_assert_str_eq(watch_said(&runs), "run");
    ck_assert_ptr_nonnull(strstr(watch_last(&runs)->text, "completed"));
    watch_end(&all);
    watch_end(&users);
    watch_end(&copies);
    watch_end(&runs);
}
END_TEST

START_TEST(a_users_write_is_not_lost_under_a_copy)
{
    struct cove_id id = api_new(&api, "Task", "{\"n\":1}");
    struct watcher users;
    struct cove_txn *txn;

    watch_begin(&users, api.store,
                "{\"watch\":\"documents\",\"migrations\":false}");
    watch_drain(api.store);
    watch_said(&users);
    cove_use(api.store, "Task", 1);
    watch_set(&api, &id, "n", cove_int(2));
    api_ok(cove_migration_add(api.store, STEP, TASK2), api.store);
    cove_use(api.store, "Task", 2);
    txn = api_begin(&api, COVE_WRITE); /* a read that writes copies */
    {
        struct cove_value v;

        api_ok(cove_get(txn, &id, "m", &v), api.store);
        ck_assert_str_eq(v.u.text, "2");
    }
    api_ok(cove_commit(txn), api.store);
    watch_drain(api.store);

    bool told = false;

    for (size_t i = users.read; i < users.count; i++) {
        const struct cove_watch_event *e = &users.heard[i].e;

        told = told || (e->kind == COVE_WATCH_CHANGE && watch_is(e, &id) &&
                        (e->from & COVE_FROM_HERE) != 0);
    }
    ck_assert(told);
    watch_end(&users);
}
END_TEST

/* -------------------------------------------------------------------- since */

START_TEST(who_was_away_goes_on_from_a_sequence)
{
    struct cove_id a = api_new(&api, "Task", "{\"done\":false}");
    struct cove_id b = api_new(&api, "Task", "{\"done\":false}");
    struct watcher w;
    char request[160];
    uint64_t at;

    watch_begin(&w, api.store, "{\"watch\":\"documents\"}");
    ck_assert_str_eq(watch_next(&w), "ready");
    at = watch_last(&w)->sequence;
    watch_end(&w);
    watch_set(&api, &b, "n", cove_int(1));
    watch_set(&api, &a, "n", cove_int(1));
    snprintf(request, sizeof(request),
             "{\"watch\":\"documents\",\"since\":%llu}",
             (unsigned long long)at);
    watch_begin(&w, api.store, request);
    ck_assert_str_eq(watch_next(&w), "change change ready");
    ck_assert(watch_is(&w.heard[0].e, &b)); /* in the order of commits */
    ck_assert(watch_is(&w.heard[1].e, &a));
    watch_end(&w);
}
END_TEST

START_TEST(a_query_that_was_away_is_told_what_may_have_changed)
{
    struct cove_id a = api_new(&api, "Task", "{\"done\":false}");
    struct cove_id b = api_new(&api, "Task", "{\"done\":true}");
    struct watcher w;
    char request[160];
    uint64_t at;

    api_new(&api, "Task", "{\"done\":false}");
    watch_begin(&w, api.store, OPEN);
    watch_next(&w);
    at = watch_last(&w)->sequence;
    watch_end(&w);
    watch_set(&api, &a, "done", cove_bool(true));
    watch_set(&api, &b, "done", cove_bool(false));
    snprintf(request, sizeof(request),
             "{\"watch\":\"documents\",\"schema\":\"Task\",\"where\":{\"done\":"
             "false},\"since\":%llu}",
             (unsigned long long)at);
    watch_begin(&w, api.store, request);
    ck_assert_str_eq(watch_next(&w), "leave enter ready");
    ck_assert(watch_is(&w.heard[0].e, &a));
    ck_assert(watch_is(&w.heard[1].e, &b));
    watch_set(&api, &b, "n", cove_int(2));
    ck_assert_str_eq(watch_next(&w), "change");
    watch_end(&w);

    /* A step was published meanwhile: by its old word nothing is sure. */
    api_ok(cove_migration_add(api.store, STEP, TASK2), api.store);
    watch_begin(&w, api.store, request);
    ck_assert_str_eq(watch_next(&w), "leave enter reset enter enter ready");
    watch_end(&w);
}
END_TEST

START_TEST(a_position_of_the_future_begins_anew)
{
    struct watcher w;

    api_new(&api, "Task", "{\"done\":false}");
    watch_begin(&w, api.store,
                "{\"watch\":\"documents\",\"schema\":\"Task\",\"since\":"
                "1000000}");
    ck_assert_str_eq(watch_next(&w), "reset enter ready");
    watch_end(&w);
}
END_TEST

/* ---------------------------------------------------------------- callbacks */

static void unsubscribe_both(struct watcher *w,
                             const struct cove_watch_event *e)
{
    struct watcher *other = w->ctx;

    if (e->kind == COVE_WATCH_CHANGE) {
        api_ok(cove_unsubscribe(w->store, w->number), w->store);
        api_ok(cove_unsubscribe(w->store, other->number), w->store);
        ck_assert_int_eq(cove_unsubscribe(w->store, w->number), COVE_ENOTFOUND);
    }
}

START_TEST(a_callback_may_unsubscribe_itself_and_others)
{
    struct cove_id id = api_new(&api, "Task", "{\"n\":0}");
    struct watcher a, b;

    begin_document(&a, &id, "");
    begin_document(&b, &id, "");
    watch_drain(api.store);
    watch_said(&a);
    watch_said(&b);
    a.then = unsubscribe_both;
    a.ctx = &b;
    watch_set(&api, &id, "n", cove_int(1));
    ck_assert_str_eq(watch_next(&a), "change");
    ck_assert_str_eq(watch_said(&b), "");
    watch_set(&api, &id, "n", cove_int(2));
    ck_assert_str_eq(watch_next(&a), "");
    free(a.heard);
    free(b.heard);
}
END_TEST

static void write_back(struct watcher *w, const struct cove_watch_event *e)
{
    int64_t n;

    ck_assert_int_eq(cove_dispatch(w->store), COVE_EUSAGE);
    if (e->kind != COVE_WATCH_CHANGE) {
        return;
    }
    n = api_int(&api, &e->id, "n");
    if (n < 3) {
        watch_set(&api, &e->id, "n", cove_int(n + 1));
    }
}

START_TEST(what_a_callback_writes_comes_in_the_next_dispatch)
{
    struct cove_id id = api_new(&api, "Task", "{\"n\":0}");
    struct watcher w;

    begin_document(&w, &id, "");
    watch_drain(api.store);
    watch_said(&w);
    w.then = write_back;
    watch_set(&api, &id, "n", cove_int(1));
    api_ok(cove_dispatch(api.store), api.store);
    ck_assert_str_eq(watch_said(&w), "change");
    ck_assert(watch_woken(api.store, 10000));
    ck_assert_str_eq(watch_next(&w), "change change");
    ck_assert_int_eq(api_int(&api, &id, "n"), 3);
    watch_end(&w);
}
END_TEST

static void subscribe_more(struct watcher *w, const struct cove_watch_event *e)
{
    struct watcher *more = w->ctx;

    if (e->kind == COVE_WATCH_CHANGE && more->heard == NULL) {
        watch_begin(more, w->store, "{\"watch\":\"documents\"}");
    }
}

START_TEST(a_callback_may_subscribe)
{
    struct cove_id id = api_new(&api, "Task", "{\"n\":0}");
    struct watcher w, more = {.heard = NULL};

    begin_document(&w, &id, "");
    watch_drain(api.store);
    w.then = subscribe_more;
    w.ctx = &more;
    watch_set(&api, &id, "n", cove_int(1));
    watch_drain(api.store);
    ck_assert_str_eq(watch_said(&more), "ready");
    watch_end(&w);
    watch_end(&more);
}
END_TEST

/* ------------------------------------------------------------ waking, slices
 */

struct writing {
    struct api *api;
    struct cove_id id;
    int times;
};

static void *write_thread(void *arg)
{
    struct writing *w = arg;

    for (int i = 1; i <= w->times; i++) {
        struct cove_txn *txn = NULL;

        ck_assert_int_eq(cove_begin(w->api->store, COVE_WRITE, &txn), 0);
        ck_assert_int_eq(cove_set(txn, &w->id, "n", cove_int(i)), 0);
        ck_assert_int_eq(cove_commit(txn), 0);
    }
    return NULL;
}

START_TEST(a_commit_of_another_thread_wakes_the_loop)
{
    struct writing job = {&api, api_new(&api, "Task", "{\"n\":0}"), 50};
    struct watcher w;
    pthread_t thread;

    begin_document(&w, &job.id, "");
    watch_drain(api.store);
    ck_assert_int_eq(pthread_create(&thread, NULL, write_thread, &job), 0);
    while (api_int(&api, &job.id, "n") < job.times) {
        ck_assert(watch_woken(api.store, 10000));
        api_ok(cove_dispatch(api.store), api.store);
    }
    pthread_join(thread, NULL);
    watch_drain(api.store);
    ck_assert_uint_ge(w.count, 2);
    watch_end(&w);
}
END_TEST

START_TEST(a_store_in_memory_wakes_as_well)
{
    struct cove_options options = {
        .size = sizeof(options), .flags = COVE_OPEN_MEMORY | COVE_OPEN_NO_SYNC};
    struct api memory = {.dir = ""};
    struct writing job = {&memory, {{0}}, 1};
    struct watcher w;
    pthread_t thread;

    api_ok(cove_open(NULL, &options, &memory.store), memory.store);
    job.id = api_new(&memory, NULL, "{\"n\":0}");
    watch_begin(&w, memory.store, "{\"watch\":\"documents\"}");
    watch_drain(memory.store);
    watch_said(&w);
    ck_assert_int_eq(pthread_create(&thread, NULL, write_thread, &job), 0);
    ck_assert(watch_woken(memory.store, 10000));
    pthread_join(thread, NULL);
    ck_assert_str_eq(watch_next(&w), "change");
    watch_end(&w);
    cove_close(memory.store);
}
END_TEST

START_TEST(who_is_idle_is_never_woken)
{
    struct watcher w;

    watch_begin(&w, api.store, OPEN);
    watch_drain(api.store);
    ck_assert_int_eq(cove_timeout(api.store), -1);
    ck_assert(!watch_woken(api.store, 1500));
    watch_end(&w);
}
END_TEST

START_TEST(the_notification_file_may_be_taken_away)
{
    struct cove_id id = api_new(&api, "Task", "{\"n\":0}");
    struct watcher w;
    char path[128];

    begin_document(&w, &id, "");
    watch_drain(api.store);
    watch_said(&w);
    snprintf(path, sizeof(path), "%s/changed", api.dir);
    ck_assert_int_eq(unlink(path), 0);
    watch_drain(api.store);
    watch_set(&api, &id, "n", cove_int(1));
    ck_assert(watch_woken(api.store, 10000));
    ck_assert_str_eq(watch_next(&w), "change");
    watch_end(&w);
}
END_TEST

START_TEST(a_dispatch_gives_a_slice_and_stays_readable)
{
    enum { MANY = 3000 };
    static struct cove_id ids[MANY];
    struct watcher w;
    struct cove_txn *txn;
    size_t before;
    int turns;

    watch_begin(&w, api.store, "{\"watch\":\"documents\",\"schema\":\"Task\"}");
    watch_drain(api.store);
    watch_said(&w);
    txn = api_begin(&api, COVE_WRITE);
    for (int i = 0; i < MANY; i++) {
        api_ok(cove_new(txn, "Task", NULL, "{\"n\":1}", &ids[i]), api.store);
    }
    api_ok(cove_commit(txn), api.store);
    before = w.count;
    api_ok(cove_dispatch(api.store), api.store);
    ck_assert_uint_gt(w.count, before);
    ck_assert_uint_le(w.count - before, 256);
    ck_assert(watch_woken(api.store, 0));
    turns = watch_drain(api.store);
    ck_assert_int_ge(turns, MANY / 256);
    ck_assert_uint_eq(w.count - before, MANY);
    for (int i = 0; i < MANY; i++) { /* all of them, in the order of commits */
        const struct cove_watch_event *e = &w.heard[before + (size_t)i].e;

        ck_assert(watch_is(e, &ids[i]));
        ck_assert(i == 0 ||
                  e->sequence > w.heard[before + (size_t)i - 1].e.sequence);
    }
    watch_end(&w);
}
END_TEST

START_TEST(who_catches_up_does_not_hold_up_the_others)
{
    enum { MANY = 2000 };
    struct watcher late, now;
    struct cove_txn *txn = api_begin(&api, COVE_WRITE);
    struct cove_id id;

    for (int i = 0; i < MANY; i++) {
        api_ok(cove_new(txn, "Task", NULL, "{\"done\":false}", &id), api.store);
    }
    api_ok(cove_commit(txn), api.store);
    begin_document(&now, &id, "");
    watch_drain(api.store);
    watch_said(&now);
    watch_begin(&late, api.store, "{\"watch\":\"documents\",\"since\":1}");
    watch_set(&api, &id, "n", cove_int(1));
    api_ok(cove_dispatch(api.store), api.store);
    ck_assert_str_eq(watch_said(&now), "change");
    ck_assert_uint_le(late.count, 256);
    watch_drain(api.store);
    ck_assert_int_eq(watch_last(&late)->kind, COVE_WATCH_READY);
    watch_end(&now);
    watch_end(&late);
}
END_TEST

/* -------------------------------------------------------------------- peers */

START_TEST(peers_are_told_as_they_come_and_go)
{
    static const char key[] =
        "00000000000000000000000000000000000000000000000000000000000000aa";
    struct watcher w;
    char request[160], *reply = NULL;

    watch_begin(&w, api.store, "{\"watch\":\"peers\"}");
    ck_assert_str_eq(watch_next(&w), "ready");
    api_ok(cove_peer_add(api.store, key, "localhost:9", "Bob"), api.store);
    ck_assert_str_eq(watch_next(&w), "peer");
    ck_assert_uint_eq(watch_last(&w)->peer.b[31], 0xaa);
    ck_assert_ptr_nonnull(strstr(watch_last(&w)->text, "\"name\":\"Bob\""));
    snprintf(request, sizeof(request),
             "{\"do\":\"peer.remove\",\"key\":\"%s\"}", key);
    api_ok(cove_admin(api.store, request, &reply), api.store);
    cove_free(reply);
    ck_assert_str_eq(watch_next(&w), "peer");
    ck_assert_ptr_nonnull(strstr(watch_last(&w)->text, "removed"));
    watch_end(&w);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("watch");
    TCase *tc = tcase_create("watch");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, what_a_request_gets_wrong_is_said);
    tcase_add_test(tc, an_unknown_subscription_is_not_found);
    tcase_add_test(tc, a_store_that_does_not_sync_refuses_to);
    tcase_add_test(tc, a_document_that_changes_five_times_is_one_event);
    tcase_add_test(tc, a_document_that_is_not_here_yet_enters);
    tcase_add_test(tc, a_text_of_a_document_changes_it_too);
    tcase_add_test(tc, a_local_document_is_told_by_its_id_and_in_no_list);
    tcase_add_test(tc, a_query_tells_what_enters_changes_and_leaves);
    tcase_add_test(tc, a_document_that_is_removed_for_everybody_is_told_once);
    tcase_add_test(tc, a_query_without_its_beginning_tells_what_comes);
    tcase_add_test(tc, a_step_that_is_published_is_judged_anew);
    tcase_add_test(tc, what_only_migrations_wrote_can_be_left_out);
    tcase_add_test(tc, a_users_write_is_not_lost_under_a_copy);
    tcase_add_test(tc, who_was_away_goes_on_from_a_sequence);
    tcase_add_test(tc, a_query_that_was_away_is_told_what_may_have_changed);
    tcase_add_test(tc, a_position_of_the_future_begins_anew);
    tcase_add_test(tc, a_callback_may_unsubscribe_itself_and_others);
    tcase_add_test(tc, what_a_callback_writes_comes_in_the_next_dispatch);
    tcase_add_test(tc, a_callback_may_subscribe);
    tcase_add_test(tc, a_commit_of_another_thread_wakes_the_loop);
    tcase_add_test(tc, a_store_in_memory_wakes_as_well);
    tcase_add_test(tc, who_is_idle_is_never_woken);
    tcase_add_test(tc, the_notification_file_may_be_taken_away);
    tcase_add_test(tc, a_dispatch_gives_a_slice_and_stays_readable);
    tcase_add_test(tc, who_catches_up_does_not_hold_up_the_others);
    tcase_add_test(tc, peers_are_told_as_they_come_and_go);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    return harness_run(suite());
}
