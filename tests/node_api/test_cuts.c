/* test_cuts.c: history.cut as an app calls it: which documents it cuts, whom it
 * waits for, what it says, and what is left of the past. The clock that the
 * verb reads is the test's; days pass by turning it. */
#include "node/cut.h"
#include "tests/node_api/api_kit.h"
#include "tests/unit/store_fixture.h"

#include <stdarg.h>

#define DAY INT64_C(86400000)
#define PEER_KEY                                                               \
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
#define EDITS 160 /* of two fields: some 9,000 bytes */

static struct api api;
static struct cove_env clock_env;
static int64_t clock_ahead; /* ms */

static int64_t clock_now(void *ctx)
{
    (void)ctx;
    return cove_env_system.now_ms(cove_env_system.ctx) + clock_ahead;
}

static void setup(void)
{
    api_open(&api);
    clock_env = cove_env_system;
    clock_env.now_ms = clock_now;
    clock_ahead = 0;
    api.store->env = &clock_env;
}

static void teardown(void)
{
    api_close(&api);
}

/* A request, with ' for ", that must give `code`; the reply, or the sentence,
 * until the next one. */
static const char *ask_of(struct api *a, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static const char *ask_of(struct api *a, int code, const char *format, ...)
{
    static char request[4096], room[1 << 20];
    char *reply = NULL;
    va_list args;

    va_start(args, format);
    vsnprintf(request, sizeof(request), format, args);
    va_end(args);
    for (char *at = request; *at != '\0'; at++) {
        if (*at == '\'') {
            *at = '"';
        }
    }

    int err = cove_admin(a->store, request, &reply);

    ck_assert_msg(err == code, "%s: %d, not %d: %s", request, err, code,
                  err == 0 ? reply : cove_errmsg(a->store));
    snprintf(room, sizeof(room), "%s",
             err == 0 ? reply : cove_errmsg(a->store));
    cove_free(reply);
    return room;
}
#define ask(...) ask_of(&api, __VA_ARGS__)

static int64_t number_in(const char *reply, const char *key)
{
    char words[64];
    const char *at;

    snprintf(words, sizeof(words), "\"%s\":", key);
    at = strstr(reply, words);
    ck_assert_msg(at != NULL, "no %s in %s", key, reply);
    return strtoll(at + strlen(words), NULL, 10);
}

static void says(const char *text, const char *words)
{
    ck_assert_msg(strstr(text, words) != NULL, "\"%s\" does not say \"%s\"",
                  text, words);
}

static const char *text_of(const struct cove_id *id)
{
    static char room[4][COVE_ID_TEXT_MAX];
    static unsigned at;

    cove_id_text(id, room[++at % 4]);
    return room[at % 4];
}

static void edit(struct api *a, const struct cove_id *id, int count)
{
    for (int i = 0; i < count;) {
        struct cove_txn *txn = api_begin(a, COVE_WRITE | COVE_VIEW);

        do {
            char json[96];

            snprintf(json, sizeof(json),
                     "{\"name\":\"the name %d of it\",\"size\":\"%d\"}", i, i);
            api_ok(cove_set_json(txn, id, json), a->store);
        } while (++i < count && i % 40 != 0);
        api_ok(cove_commit(txn), a->store);
    }
}

static struct cove_id edited(void)
{
    struct cove_id id = api_new(&api, NULL, "{\"name\":\"first\"}");

    edit(&api, &id, EDITS);
    return id;
}

/* --- what is cut */

START_TEST(only_what_is_older_than_so_many_days_goes)
{
    struct cove_id id = edited();
    const char *said = ask(0, "{'do':'history.cut','days':90,'yes':true}");

    ck_assert_int_eq(number_in(said, "documents"), 0);
    ck_assert_int_ge(number_in(said, "less"), 1);
    clock_ahead = 91 * DAY;
    said = ask(0, "{'do':'history.cut','days':90,'dry':true}");
    ck_assert_int_eq(number_in(said, "documents"), 1);
    ck_assert_int_eq(number_in(said, "transactions"), EDITS + 1);
    says(said, "\"dry\":true");

    int64_t bytes = number_in(said, "bytes");
    const char *history = ask(0, "{'do':'history','id':'%s'}", text_of(&id));

    ck_assert_ptr_null(strstr(history, "\"cut\""));
    said = ask(COVE_EDESTRUCTIVE, "{'do':'history.cut','days':90}");
    says(said, "for good");
    said = ask(0, "{'do':'history.cut','days':90,'yes':true}");
    ck_assert_int_eq(number_in(said, "documents"), 1);
    ck_assert_int_eq(number_in(said, "bytes"), bytes);
    says(said, "\"dry\":false");
    said = ask(0, "{'do':'history.cut','days':90,'yes':true}");
    ck_assert_int_eq(number_in(said, "documents"), 0);
}
END_TEST

START_TEST(a_rule_by_time_and_one_by_bytes_cut_what_they_say)
{
    struct cove_id id = edited();
    int64_t now = clock_now(NULL);
    const char *said = ask(0, "{'do':'history.cut','before':%lld,'dry':true}",
                           (long long)(now - DAY));

    ck_assert_int_eq(number_in(said, "documents"), 0);
    said = ask(0, "{'do':'history.cut','keep':2000,'yes':true,'id':'%s'}",
               text_of(&id));
    ck_assert_int_eq(number_in(said, "documents"), 1);
    ck_assert_int_lt(number_in(said, "transactions"), EDITS);
    edit(&api, &id, EDITS);
    clock_ahead = 10;
    said = ask(0, "{'do':'history.cut','before':%lld,'yes':true}",
               (long long)clock_now(NULL));
    ck_assert_int_eq(number_in(said, "documents"), 1);
    said = ask(0, "{'do':'history','id':'%s'}", text_of(&id));
    ck_assert_int_eq(number_in(strstr(said, "\"cut\""), "transactions"),
                     2 * EDITS + 1);
    says(said, "\"events\":[]");
}
END_TEST

START_TEST(every_document_is_counted_once_however_short_the_slices)
{
    int64_t after = 0, looked = 0, documents = 0, less = 0;
    int calls = 0;

    for (int i = 0; i < 9; i++) {
        if (i % 3 == 0) {
            (void)api_new(&api, NULL, "{\"name\":\"short\"}");
        } else {
            (void)edited();
        }
    }
    for (bool more = true; more; calls++) {
        const char *said =
            ask(0,
                "{'do':'history.cut','keep':0,'yes':true,'slice':0,'after':"
                "%lld}",
                (long long)after);

        looked += number_in(said, "looked");
        documents += number_in(said, "documents");
        less += number_in(said, "less");
        more = strstr(said, "\"next\"") != NULL;
        after = more ? number_in(said, "next") : 0;
    }
    ck_assert_int_eq(documents, 6);
    ck_assert_int_ge(less, 3); /* registries, too */
    ck_assert_int_eq(looked, documents + less);
}
END_TEST

static const char item1[] =
    "{\"title\":\"Item\",\"version\":1,\"properties\":{\"name\":{\"type\":"
    "\"string\"},\"size\":{\"type\":\"string\"}}}";

START_TEST(of_a_schema_or_one_document_the_others_stay)
{
    struct cove_id other = edited(), item;

    api_ok(cove_schema_add(api.store, item1, NULL), api.store);
    item = api_new(&api, "Item", "{\"name\":\"first\"}");
    edit(&api, &item, EDITS);

    const char *said =
        ask(0, "{'do':'history.cut','keep':0,'yes':true,'schema':'Item'}");

    ck_assert_int_eq(number_in(said, "documents"), 1);
    ck_assert_int_eq(number_in(said, "looked"), 1);
    said = ask(0, "{'do':'history.cut','keep':0,'dry':true,'id':'%s'}",
               text_of(&other));
    ck_assert_int_eq(number_in(said, "transactions"), EDITS + 1);
    (void)ask(COVE_ENOTFOUND,
              "{'do':'history.cut','keep':0,'yes':true,'schema':'Nope'}");
}
END_TEST

/* --- what is left, and why */

START_TEST(one_document_that_cannot_be_cut_is_an_error_with_the_reason)
{
    struct cove_id short_one = api_new(&api, NULL, "{\"name\":\"short\"}");
    struct cove_id stream = api_make(&api, COVE_COSTREAM);
    struct cove_id branched = edited(), removed = edited();

    (void)ask(0, "{'do':'branch.make','id':'%s','name':'draft'}",
              text_of(&branched));
    (void)ask(0, "{'do':'remove','ids':['%s'],'yes':true}", text_of(&removed));
    says(ask(COVE_ECONDITION,
             "{'do':'history.cut','keep':0,'yes':true,"
             "'id':'%s'}",
             text_of(&short_one)),
         "from 4096 on");
    says(ask(COVE_EUNSUPPORTED,
             "{'do':'history.cut','keep':0,'yes':true,"
             "'id':'%s'}",
             text_of(&stream)),
         "costream cannot be cut off");
    says(ask(COVE_EUNSUPPORTED,
             "{'do':'history.cut','keep':0,'yes':true,"
             "'id':'%s'}",
             text_of(&branched)),
         "has branches");
    says(ask(COVE_EREMOVED,
             "{'do':'history.cut','keep':0,'yes':true,"
             "'id':'%s'}",
             text_of(&removed)),
         "was removed");

    const char *said = ask(0, "{'do':'history.cut','keep':0,'yes':true}");

    ck_assert_int_eq(number_in(said, "type"), 1);
    ck_assert_int_eq(number_in(said, "state"), 1);
    ck_assert_int_eq(number_in(said, "documents"), 0);
}
END_TEST

/* A document of a group in which the device has the role and the peer another.
 */
static struct cove_id shared(const char *own, const char *theirs)
{
    struct cove_id id, group;
    struct cove_txn *txn;
    char hex[65], text[COVE_ID_TEXT_MAX] = "";
    const char *said;

    api_hex(cove_device(api.store), hex);
    said = ask(0, "{'do':'new-group','members':{'%s':'%s','%s':'%s'}}", hex,
               own, PEER_KEY, theirs);
    said = strstr(said, "co_z");
    memcpy(text, said, strcspn(said, "\""));
    api_ok(cove_id_lookup(api.store, text, &group), api.store);
    txn = api_begin(&api, COVE_WRITE);
    api_ok(cove_new(txn, NULL, &group, "{\"name\":\"first\"}", &id), api.store);
    api_ok(cove_commit(txn), api.store);
    edit(&api, &id, EDITS);
    return id;
}

START_TEST(only_an_admin_of_the_owner_cuts)
{
    struct cove_id id = shared("writer", "admin");

    says(ask(COVE_EDENIED,
             "{'do':'history.cut','keep':0,'yes':true,'id':"
             "'%s'}",
             text_of(&id)),
         "only an admin");
    ck_assert_int_eq(
        number_in(ask(0, "{'do':'history.cut','keep':0,'yes':true}"), "right"),
        1);
}
END_TEST

START_TEST(what_makes_no_sense_is_refused_by_name)
{
    static const char *const requests[][2] = {
        {"'days':-1", "\"days\" is from 1 to 36500"},
        {"'days':0", "\"days\" is from 1 to 36500"},
        {"'days':36501", "\"days\" is from 1 to 36500"},
        {"'days':1.5", "integer"},
        {"'keep':-2", "is from 0"},
        {"'keep':'64K'", "integer"},
        {"'days':3,'before':1000", "not both"},
        {"'before':'yesterday'", "no time"},
        {"'before':'2099-01-01T00:00:00Z'", "future"},
        {"'keep':1,'after':-1", "is from 0"},
        {"'dry':true", "what is to be cut off"},
        {"'keep':1,'unit':'days'", "unit"},
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(requests); i++) {
        says(ask(COVE_EUSAGE, "{'do':'history.cut','yes':true,%s}",
                 requests[i][0]),
             requests[i][1]);
    }
}
END_TEST

START_TEST(a_careful_store_wants_a_backup_first)
{
    char path[128];

    (void)edited();
    (void)ask(0, "{'do':'config','set':{'requireBackup':true}}");
    says(ask(COVE_EDESTRUCTIVE, "{'do':'history.cut','keep':0,'yes':true}"),
         "no backup is newer");
    (void)ask(0, "{'do':'history.cut','keep':0,'dry':true}");
    snprintf(path, sizeof(path), "%s-saved", api.dir);
    (void)ask(0, "{'do':'backup','path':'%s'}", path);
    ck_assert_int_eq(
        number_in(ask(0, "{'do':'history.cut','keep':0,'yes':true}"),
                  "documents"),
        1);
    nftw(path, api_unlink, 8, FTW_DEPTH | FTW_PHYS);
}
END_TEST

/* --- whom it waits for */

/* The peer as sync would have it: when it was here, and what it has of ours. */
static void peer_is(int64_t seen_ms, uint64_t acked, bool former)
{
    struct cove_txn *txn = api_begin(&api, COVE_WRITE);
    struct cove_repo *repo = txn->worker->repo;
    struct cove_peer_record peer = {.last_seen_ms = seen_ms,
                                    .acked = acked,
                                    .state = COVE_PEER_OFFLINE,
                                    .name = "phone"};

    ck_assert_int_eq(cove_hex_parse(PEER_KEY, peer.key.b, 32), 0);
    cove_repo_store_id(repo, peer.acked_store);
    peer.acked_store[0] ^= former;
    ck_assert_int_eq(cove_peer_put(repo, txn->txn, &peer), 0);
    txn->wrote = true;
    api_ok(cove_commit(txn), api.store);
}

static uint64_t sequence_now(void)
{
    struct cove_txn *txn = api_begin(&api, COVE_READ);
    uint64_t sequence;

    ck_assert_int_eq(cove_repo_sequence(txn->worker->repo, txn->txn, &sequence),
                     0);
    cove_abort(txn);
    return sequence;
}

static void left_for_peers(const char *rule, int64_t count)
{
    const char *said = ask(0, "{'do':'history.cut',%s,'dry':true}", rule);

    ck_assert_msg(number_in(said, "peers") == count, "%s: %s", rule, said);
    ck_assert_int_eq(number_in(said, "documents"), 1 - count);
    if (count > 0) {
        says(said, "\"name\":\"phone\",\"documents\":1");
    } else {
        says(said, "\"behind\":[]");
    }
}

START_TEST(a_peer_that_was_here_and_lacks_a_part_is_waited_for)
{
    struct cove_id id = shared("admin", "reader");
    uint64_t all = sequence_now();
    int64_t now = clock_now(NULL);

    left_for_peers("'keep':0", 0); /* nobody is known */
    peer_is(now, 1, false);
    left_for_peers("'keep':0", 1);
    says(ask(COVE_ECONDITION,
             "{'do':'history.cut','keep':0,'yes':true,'id':"
             "'%s'}",
             text_of(&id)),
         "phone has not acknowledged all");
    peer_is(now, all, true); /* of a store that was replaced */
    left_for_peers("'keep':0", 1);
    peer_is(now, all, false);
    left_for_peers("'keep':0", 0);
    edit(&api, &id, 1);
    left_for_peers("'keep':0", 1);
    left_for_peers("'keep':0,'force':true", 0);
    ck_assert_int_eq(
        number_in(ask(0,
                      "{'do':'history.cut','keep':0,'yes':true,'force':"
                      "true,'id':'%s'}",
                      text_of(&id)),
                  "documents"),
        1);
}
END_TEST

START_TEST(who_was_away_for_longer_is_not_waited_for)
{
    (void)shared("admin", "writer");

    int64_t now = clock_now(NULL);

    peer_is(now, 1, false);
    clock_ahead = 29 * DAY;
    left_for_peers("'days':20", 0);
    left_for_peers("'days':28,'keep':0", 1); /* by bytes: 90 days */
    left_for_peers("'keep':0", 1);
    clock_ahead = 91 * DAY;
    left_for_peers("'keep':0", 0);
    left_for_peers("'days':90", 0);
    peer_is(now + 80 * DAY, 1, false);
    left_for_peers("'days':90", 1);
    peer_is(0, 1, false); /* it never was */
    left_for_peers("'days':90", 0);
}
END_TEST

START_TEST(a_document_that_the_peer_refused_is_not_with_it)
{
    struct cove_id id = shared("admin", "reader");
    struct cove_refused refused = {.ids = {id}, .count = 1};
    struct cove_key key;
    struct cove_txn *txn;

    peer_is(clock_now(NULL), sequence_now(), false);
    left_for_peers("'keep':0", 0);
    ck_assert_int_eq(cove_hex_parse(PEER_KEY, key.b, 32), 0);
    txn = api_begin(&api, COVE_WRITE);
    ck_assert_int_eq(cove_refused_put(txn->worker->repo, txn->txn,
                                      COVE_REFUSED_THERE, &key, &refused),
                     0);
    txn->wrote = true;
    api_ok(cove_commit(txn), api.store);
    left_for_peers("'keep':0", 1);
}
END_TEST

START_TEST(who_may_not_read_the_document_is_not_asked)
{
    (void)edited(); /* of the own account */
    peer_is(clock_now(NULL), 1, false);
    left_for_peers("'keep':0", 0);
}
END_TEST

/* --- what fails */

/* Allocation, or call of the store, number `at` fails; was there one? */
static int fail_at(const char *request, int code, long at, bool *reached)
{
    struct fixture_fault fault = {.fail_at = at, .code = code};
    const struct cove_alloc *alloc = api.store->alloc;
    struct harness_alloc heap;
    char *reply = NULL;
    int err;

    harness_alloc_init(&heap, at);
    if (code == COVE_ENOMEM) {
        api.store->alloc = &heap.alloc;
    } else {
        cove_store_set_fault(api.store->store, fixture_hook, &fault);
    }
    err = cove_admin(api.store, request, &reply);
    api.store->alloc = alloc;
    cove_store_set_fault(api.store->store, NULL, NULL);
    cove_free(reply);
    *reached = (code == COVE_ENOMEM ? heap.calls : fault.calls) >= at;
    return err;
}

static const int fail_codes[] = {COVE_ENOMEM, COVE_ENOSPC, COVE_EIO};

START_TEST(each_call_that_fails_leaves_the_document_as_it_was_or_cut)
{
    struct cove_id id = shared("admin", "reader");
    char before[65], after[65];
    bool reached = true;
    int err = 0;

    api_digest(&api, before);
    for (long at = 1; reached; at += 1 + at / 16) {
        err = fail_at("{\"do\":\"history.cut\",\"keep\":0,\"yes\":true}",
                      fail_codes[_i], at, &reached);
        if (err != 0) {
            ck_assert(reached);
            api_reopen(&api); /* it may refuse to write */
            ck_assert_ptr_null(strstr(
                ask(0, "{'do':'history','id':'%s','limit':1}", text_of(&id)),
                "\"cut\""));
        }
        api_digest(&api, after);
        ck_assert_str_eq(before, after);
        if (err == 0 && reached) { /* it was only noticed */
            break;
        }
    }
    ck_assert_int_eq(err, 0);
    (void)ask(0, "{'do':'check','deep':true}");
    says(ask(0, "{'do':'history','id':'%s','limit':1}", text_of(&id)),
         "\"cut\"");
}
END_TEST

/* --- what is left of the past */

START_TEST(before_the_cut_nothing_is_shown_compared_restored_or_taken_back)
{
    struct cove_id id = edited();
    const char *text = text_of(&id), *said;
    int64_t before = clock_now(NULL) - 1000;

    (void)ask(0, "{'do':'history.cut','keep':0,'yes':true}");
    edit(&api, &id, 2);
    said = ask(COVE_ECUT, "{'do':'get','id':'%s','at':%lld}", text,
               (long long)before);
    says(said, "was cut off");
    (void)ask(COVE_ECUT, "{'do':'diff','id':'%s','from':%lld}", text,
              (long long)before);
    (void)ask(COVE_ECUT, "{'do':'restore','id':'%s','to':%lld,'dry':true}",
              text, (long long)before);
    (void)ask(COVE_ECUT, "{'do':'restore','id':'%s','to':%lld,'yes':true}",
              text, (long long)before);
    for (int i = 0; i < 2; i++) {
        (void)ask(0, "{'do':'undo','id':'%s'}", text);
    }
    (void)ask(COVE_ECUT, "{'do':'undo','id':'%s'}", text);
    said = ask(0, "{'do':'get','id':'%s'}", text);
    says(said, "the name 159 of it"); /* as before the two edits */
    (void)ask(0, "{'do':'redo','id':'%s'}", text);
    (void)ask(0, "{'do':'redo','id':'%s'}", text);
    (void)ask(COVE_ECONDITION, "{'do':'redo','id':'%s'}", text);
    said = ask(0, "{'do':'changes','id':'%s'}", text);
    ck_assert_int_eq(number_in(strstr(said, "\"cut\""), "transactions"),
                     EDITS + 1);
    said = ask(0, "{'do':'check','deep':true}");
    ck_assert_int_eq(number_in(said, "lost"), 0);
    ck_assert_int_eq(number_in(said, "derived"), 0);
}
END_TEST

START_TEST(a_schema_goes_back_without_those_that_were_cut_since)
{
    struct cove_id item[2];
    const char *said;
    int64_t before;

    api_ok(cove_schema_add(api.store, item1, NULL), api.store);
    for (int i = 0; i < 2; i++) {
        item[i] = api_new(&api, "Item", "{\"name\":\"first\"}");
    }
    edit(&api, &item[0], EDITS);
    before = clock_now(NULL);
    clock_ahead = 0;
    while (clock_now(NULL) <= before + 1) {
        usleep(500);
    }
    edit(&api, &item[0], EDITS);
    edit(&api, &item[1], 1);
    (void)ask(0, "{'do':'history.cut','keep':0,'yes':true}");
    said = ask(0, "{'do':'restore','schema':'Item','to':%lld,'dry':true}",
               (long long)before);
    ck_assert_int_eq(number_in(said, "documents"), 2);
    ck_assert_int_eq(number_in(said, "changed"), 1);
    ck_assert_int_eq(number_in(said, "skippedCount"), 1);
    says(said, "was cut off");
}
END_TEST

/* --- migrations */

static const char item2[] =
    "{\"title\":\"Item\",\"version\":2,\"properties\":{\"name\":{\"type\":"
    "\"string\"},\"size\":{\"type\":\"integer\"}}}";
static const char item_step[] =
    "{\"schema\":\"Item\",\"from\":1,\"to\":2,\"steps\":[{\"convert\":{"
    "\"field\":\"size\",\"to\":{\"type\":\"integer\"},\"forward\":"
    "[\"int_of_text\"],\"back\":[\"text_of_int\"]}}]}";
static const char item3[] =
    "{\"title\":\"Item\",\"version\":3,\"properties\":{\"title\":{\"type\":"
    "\"string\"},\"size\":{\"type\":\"integer\"}}}";
static const char item_step2[] =
    "{\"schema\":\"Item\",\"from\":2,\"to\":3,\"steps\":[{\"rename\":{"
    "\"from\":\"name\",\"to\":\"title\"}}]}";

static void run_all(struct api *a)
{
    (void)ask_of(a, 0, "{'do':'migrate.run','schema':'Item','max':4096}");
}

static void set_at(struct api *a, const struct cove_id *id, int version,
                   const char *fields)
{
    (void)ask_of(a, 0, "{'do':'set','id':'%s','version':%d,'fields':{%s}}",
                 text_of(id), version, fields);
}

/* Both show the same, at every version, read or written back. */
static void twins(struct api *a, struct api *b, const struct cove_id *id,
                  int versions, const char *mode)
{
    for (int v = 1; v <= versions; v++) {
        char one[4096];

        snprintf(one, sizeof(one), "%s",
                 ask_of(a, 0, "{'do':'get','id':'%s','version':%d,'mode':'%s'}",
                        text_of(id), v, mode));
        ck_assert_str_eq(
            one, ask_of(b, 0, "{'do':'get','id':'%s','version':%d,'mode':'%s'}",
                        text_of(id), v, mode));
    }
}

/* _i: are there copies before the cut? */
START_TEST(migrated_views_are_those_of_a_twin_that_was_not_cut)
{
    struct cove_id ids[3];
    struct api twin;

    api_ok(cove_schema_add(api.store, item1, NULL), api.store);
    for (int i = 0; i < 3; i++) {
        ids[i] = api_new(&api, "Item", "{\"name\":\"first\",\"size\":\"1\"}");
        edit(&api, &ids[i], EDITS);
    }
    if (_i > 0) {
        api_ok(cove_migration_add(api.store, item_step, item2), api.store);
        set_at(&api, &ids[1], 2, "'size':77");
        run_all(&api);
        set_at(&api, &ids[2], 1, "'size':'no number'");
    }
    api_dir(&twin);
    ck_assert_int_eq(rmdir(twin.dir), 0);
    (void)ask(0, "{'do':'backup','path':'%s'}", twin.dir);
    api_ok(cove_open(twin.dir, NULL, &twin.store), twin.store);
    ck_assert_int_ge(/* and a registry, perhaps */
                     number_in(
                         ask(0, "{'do':'history.cut','keep':0,'yes':true}"),
                         "documents"),
                     3);
    for (int i = 0; i < 3; i++) {
        twins(&api, &twin, &ids[i], 1 + _i, "view");
    }
    for (struct api *a = &api;; a = &twin) {
        if (_i == 0) {
            api_ok(cove_migration_add(a->store, item_step, item2), a->store);
        }
        api_ok(cove_migration_add(a->store, item_step2, item3), a->store);
        if (a == &twin) {
            break;
        }
    }
    for (int i = 0; i < 3; i++) {
        twins(&api, &twin, &ids[i], 3, "view");
    }
    twins(&api, &twin, &ids[0], 3, "migrate"); /* lazily: copies are written */
    run_all(&api);
    run_all(&twin);
    for (int i = 0; i < 3; i++) {
        twins(&api, &twin, &ids[i], 3, "view");
    }
    for (struct api *a = &api;; a = &twin) {
        set_at(a, &ids[0], 1, "'name':'by an old app','size':'12'");
        set_at(a, &ids[1], 3, "'title':'by a new one'");
        (void)ask_of(a, 0,
                     "{'do':'migrate.down','schema':'Item','to':1,"
                     "'acceptDataLoss':true,'noBackup':true}");
        run_all(a);
        if (a == &twin) {
            break;
        }
    }
    for (int i = 0; i < 3; i++) {
        twins(&api, &twin, &ids[i], 4, "view");
        twins(&api, &twin, &ids[i], 4, "migrate");
    }
    ck_assert_int_eq(number_in(ask(0, "{'do':'check','deep':true}"), "lost"),
                     0);
    ck_assert_int_eq(
        number_in(ask(0, "{'do':'history.cut','keep':0,'dry':true}"), "long"),
        0);
    api_close(&twin);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cuts");
    TCase *tests = tcase_create("cuts");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, only_what_is_older_than_so_many_days_goes);
    tcase_add_test(tests, a_rule_by_time_and_one_by_bytes_cut_what_they_say);
    tcase_add_test(tests,
                   every_document_is_counted_once_however_short_the_slices);
    tcase_add_test(tests, of_a_schema_or_one_document_the_others_stay);
    tcase_add_test(tests,
                   one_document_that_cannot_be_cut_is_an_error_with_the_reason);
    tcase_add_test(tests, only_an_admin_of_the_owner_cuts);
    tcase_add_test(tests, what_makes_no_sense_is_refused_by_name);
    tcase_add_test(tests, a_careful_store_wants_a_backup_first);
    tcase_add_test(tests, a_peer_that_was_here_and_lacks_a_part_is_waited_for);
    tcase_add_test(tests, who_was_away_for_longer_is_not_waited_for);
    tcase_add_test(tests, a_document_that_the_peer_refused_is_not_with_it);
    tcase_add_test(tests, who_may_not_read_the_document_is_not_asked);
    tcase_add_test(
        tests, before_the_cut_nothing_is_shown_compared_restored_or_taken_back);
    tcase_add_test(tests, a_schema_goes_back_without_those_that_were_cut_since);
    tcase_add_loop_test(
        tests, migrated_views_are_those_of_a_twin_that_was_not_cut, 0, 2);
    tcase_add_loop_test(
        tests, each_call_that_fails_leaves_the_document_as_it_was_or_cut, 0,
        (int)COVE_ARRAY_LEN(fail_codes));
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
