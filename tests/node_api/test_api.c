/* The public API, call by call: what each gives, and each refusal. */
#include "tests/node_api/api_kit.h"

#include <math.h>
#include <sys/stat.h>

static const char PART1[] =
    "{\"title\":\"Part\",\"version\":1,\"required\":[\"name\"],\"properties\":"
    "{\"name\":{\"type\":\"string\"},\"size\":{\"type\":\"string\"}},"
    "\"additionalProperties\":false}";
static const char PART2[] =
    "{\"title\":\"Part\",\"version\":2,\"required\":[\"name\"],\"properties\":"
    "{\"name\":{\"type\":\"string\"},\"size\":{\"type\":\"integer\"}},"
    "\"additionalProperties\":false}";
static const char STEP[] =
    "{\"schema\":\"Part\",\"from\":1,\"to\":2,\"steps\":[{\"convert\":"
    "{\"field\":\"size\",\"to\":{\"name\":\"size\",\"type\":\"integer\"},"
    "\"forward\":[\"int_of_text\"],\"back\":[\"text_of_int\"]}}]}";

static struct api api;

static void setup(void)
{
    api_open(&api);
}

static void teardown(void)
{
    api_close(&api);
}

/* -------------------------------------------------------------------- open */

START_TEST(a_second_open_in_one_process_is_busy)
{
    struct cove *second;
    char before[65], after[65];

    api_digest(&api, before);
    ck_assert_int_eq(cove_open(api.dir, NULL, &second), COVE_EBUSY);
    ck_assert_ptr_nonnull(strstr(cove_errmsg(second), api.dir));
    cove_close(second);
    api_digest(&api, after);
    ck_assert_str_eq(before, after);
}
END_TEST

START_TEST(open_refuses_what_is_no_store)
{
    struct cove_options options = {.size = sizeof(options)};
    struct cove *store;
    char path[200];
    struct stat st;

    snprintf(path, sizeof(path), "%s/none", api.dir);
    ck_assert_int_eq(cove_open(path, &options, &store), COVE_ENOTFOUND);
    ck_assert_ptr_nonnull(strstr(cove_errmsg(store), path));
    cove_close(store);
    ck_assert_int_ne(stat(path, &st), 0);

    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/none/data.mdb", api.dir);
    FILE *file = fopen(path, "w");

    ck_assert_ptr_nonnull(file);
    fputs("something else", file);
    fclose(file);
    snprintf(path, sizeof(path), "%s/none", api.dir);
    options.flags = COVE_OPEN_CREATE;
    ck_assert_int_eq(cove_open(path, &options, &store), COVE_ENOTSTORE);
    ck_assert_ptr_nonnull(strstr(cove_errmsg(store), path));
    cove_close(store);

    ck_assert_int_eq(cove_open("", NULL, &store), COVE_EUSAGE);
    cove_close(store);
    ck_assert_int_eq(cove_open(NULL, NULL, &store), COVE_EUSAGE);
    cove_close(store);
    cove_close(NULL);
}
END_TEST

START_TEST(options_of_a_newer_or_a_senseless_size_are_refused)
{
    struct {
        struct cove_options known;
        uint64_t more;
    } newer = {.known = {.size = sizeof(newer)}};
    struct cove_options senseless = {.size = 1};
    struct cove_options shorter = {
        .size = offsetof(struct cove_options, map_bytes),
        .flags = COVE_OPEN_MEMORY | COVE_OPEN_CREATE,
        .map_bytes = 1, /* behind the size: not looked at */
    };
    struct cove *store;

    ck_assert_int_eq(cove_open(api.dir, &newer.known, &store), COVE_EUSAGE);
    ck_assert_ptr_nonnull(strstr(cove_errmsg(store), "size"));
    cove_close(store);
    ck_assert_int_eq(cove_open(api.dir, &senseless, &store), COVE_EUSAGE);
    cove_close(store);
    api_ok(cove_open(NULL, &shorter, &store), store);
    cove_close(store);
}
END_TEST

START_TEST(what_was_committed_is_there_after_opening_again)
{
    struct cove_key device = cove_device(api.store);
    struct cove_id account = cove_account(api.store);
    struct cove_id id = api_new(&api, NULL, "{\"n\":7}");
    char before[65], after[65];

    api_digest(&api, before);
    cove_close(api.store);
    api_ok(cove_open(api.dir, NULL, &api.store), api.store);
    api_digest(&api, after);
    ck_assert_str_eq(before, after);
    ck_assert_int_eq(api_int(&api, &id, "n"), 7);

    struct cove_key device_now = cove_device(api.store);
    struct cove_id account_now = cove_account(api.store);

    ck_assert_mem_eq(device.b, device_now.b, 32);
    ck_assert_mem_eq(account.b, account_now.b, 32);
}
END_TEST

/* A37 */
START_TEST(a_full_map_is_no_space_and_the_store_stays_readable)
{
    struct cove_options options = {.size = sizeof(options),
                                   .flags = COVE_OPEN_CREATE,
                                   .map_bytes = 256 << 10,
                                   .map_bytes_max = 512 << 10};
    struct cove_txn *txn;
    struct cove_id id = api_new(&api, NULL, "{\"n\":1}"), other;
    char text[8192], before[65], after[65];
    int err = 0, kept = 0;

    cove_close(api.store);
    api_ok(cove_open(api.dir, &options, &api.store), api.store);
    snprintf(text, sizeof(text), "{\"text\":\"%08000d\"}", 0);
    for (int i = 0; i < 1000 && err == 0; i++) {
        api_digest(&api, before);
        err = cove_begin(api.store, COVE_WRITE, &txn);
        ck_assert_int_eq(err, 0);
        err = cove_new(txn, NULL, NULL, text, &other);
        if (err == 0) {
            err = cove_commit(txn);
            kept += err == 0;
        } else {
            cove_abort(txn);
        }
    }
    ck_assert_int_eq(err, COVE_ENOSPC);
    ck_assert_ptr_nonnull(strstr(cove_errmsg(api.store), "larger map"));
    ck_assert_int_ge(kept, 10);
    api_digest(&api, after);
    ck_assert_str_eq(before, after);
    ck_assert_int_eq(api_int(&api, &id, "n"), 1);
    /* and with a larger map it goes on */
    cove_close(api.store);
    api_ok(cove_open(api.dir, NULL, &api.store), api.store);
    api_new(&api, NULL, text);
}
END_TEST

START_TEST(errors_have_texts_and_the_library_a_version)
{
    ck_assert_str_eq(cove_strerror(COVE_ENOSPC),
                     "no space left on the disk or in the store's map");
    ck_assert_ptr_nonnull(cove_strerror(-999));
    ck_assert_ptr_nonnull(cove_errmsg(NULL));
    ck_assert_str_eq(cove_version(), "0.1.0");
    cove_free(NULL);
}
END_TEST

/* ------------------------------------------------------------------ values */

static void assert_value(const struct cove_value *want,
                         const struct cove_value *got)
{
    ck_assert_int_eq(got->kind, want->kind);
    ck_assert_int_eq(got->invalid, 0);
    switch ((enum cove_kind)want->kind) {
    case COVE_KIND_NULL:
        break;
    case COVE_KIND_BOOL:
        ck_assert(got->u.flag == want->u.flag);
        break;
    case COVE_KIND_INT:
        ck_assert_int_eq(got->u.integer, want->u.integer);
        break;
    case COVE_KIND_FLOAT:
        ck_assert(got->u.real == want->u.real ||
                  (isnan(got->u.real) && isnan(want->u.real)));
        break;
    case COVE_KIND_TEXT:
    case COVE_KIND_LIST:
    case COVE_KIND_MAP:
        ck_assert_str_eq(got->u.text, want->u.text);
        ck_assert_uint_eq(got->len, strlen(want->u.text));
        break;
    case COVE_KIND_BYTES:
    case COVE_KIND_REF:
        ck_assert_uint_eq(got->len, want->len);
        ck_assert_mem_eq(got->u.bytes, want->u.bytes, want->len);
        break;
    }
}

START_TEST(a_value_of_every_kind_comes_back_as_it_went_in)
{
    struct cove_id id = api_new(&api, NULL, NULL),
                   target = api_new(&api, NULL, NULL);
    const uint8_t bytes[] = {0, 1, 0xff};
    struct cove_value list = cove_json("[1,\"two\",[],{\"k\":null}]");

    list.kind =
        COVE_KIND_LIST; /* given as either, it comes back as what it is */
    const struct cove_value values[] = {
        cove_null(),
        cove_bool(true),
        cove_bool(false),
        cove_int(0),
        cove_int(INT64_MAX),
        cove_int(INT64_MIN),
        cove_real(0.5),
        cove_real(-1e300),
        cove_real((double)NAN),
        cove_real((double)INFINITY),
        cove_text(""),
        cove_text("é 漢 \"quoted\"\n"),
        list,
        cove_json("{\"a\":{\"b\":[true]}}"),
        cove_blob(bytes, sizeof(bytes)),
        cove_blob(bytes, 0),
        cove_link(&target),
    };

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct cove_txn *txn = api_begin(&api, COVE_WRITE);
        struct cove_value got;

        api_ok(cove_set(txn, &id, "v", values[i]), api.store);
        api_ok(cove_get(txn, &id, "v", &got), api.store);
        assert_value(&values[i], &got);
        api_ok(cove_commit(txn), api.store);
        txn = api_begin(&api, COVE_READ);
        api_ok(cove_get(txn, &id, "v", &got), api.store);
        assert_value(&values[i], &got);
        cove_abort(txn);
    }
}
END_TEST

START_TEST(values_that_cannot_be_are_refused)
{
    struct cove_id id = api_new(&api, NULL, "{\"v\":1}");
    struct cove_value odd = cove_int(1);
    const struct {
        struct cove_value value;
        int err;
    } bad[] = {
        {cove_text("\xff\xfe"), COVE_EFORMAT},
        {cove_json("[1,"), COVE_EJSON},
        {cove_json("{\"\":1}"), COVE_ERESERVED},
    };

    odd.kind = 99;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct cove_txn *txn = api_begin(&api, COVE_WRITE);
        int err = cove_set(txn, &id, "v", bad[i].value);

        ck_assert_msg(err == bad[i].err, "%zu: %d %s", i, err,
                      cove_errmsg(api.store));
        cove_abort(txn);
    }
    struct cove_txn *txn = api_begin(&api, COVE_WRITE);

    ck_assert_int_lt(cove_set(txn, &id, "v", odd), 0);
    cove_abort(txn);
    ck_assert_int_eq(api_int(&api, &id, "v"), 1);
}
END_TEST

/* ------------------------------------------------------------ transactions */

START_TEST(an_aborted_transaction_leaves_nothing)
{
    struct cove_id kept = api_new(&api, NULL, "{\"n\":1}"), gone;
    char before[65], after[65];

    api_digest(&api, before);
    struct cove_txn *txn = api_begin(&api, COVE_WRITE);

    api_ok(cove_set(txn, &kept, "n", cove_int(2)), api.store);
    api_ok(cove_new(txn, NULL, NULL, "{\"n\":3}", &gone), api.store);
    api_ok(cove_schema_add(api.store, PART1, NULL) == COVE_EBUSY ? 0 : 1,
           api.store); /* a writer of this thread is open */
    cove_abort(txn);
    cove_abort(NULL);
    api_digest(&api, after);
    ck_assert_str_eq(before, after);
    ck_assert_int_eq(api_int(&api, &kept, "n"), 1);
    txn = api_begin(&api, COVE_READ);
    ck_assert_int_eq(cove_get_json(txn, &gone, &(const char *){NULL}),
                     COVE_ENOTFOUND);
    cove_abort(txn);
    /* and the sequence goes on as if it had never been */
    txn = api_begin(&api, COVE_WRITE);
    api_ok(cove_set(txn, &kept, "n", cove_int(4)), api.store);
    api_ok(cove_commit(txn), api.store);
    ck_assert_int_eq(api_int(&api, &kept, "n"), 4);
}
END_TEST

START_TEST(a_transaction_over_several_documents_is_whole)
{
    struct cove_id a = api_new(&api, NULL, "{\"n\":1}");
    struct cove_id b = api_new(&api, NULL, "{\"n\":1}");
    struct cove_txn *txn = api_begin(&api, COVE_WRITE);
    const char *json;

    api_ok(cove_set(txn, &a, "n", cove_int(2)), api.store);
    api_ok(cove_set_json(txn, &b, "{\"n\":2,\"m\":[1]}"), api.store);
    api_ok(cove_delete(txn, &b, "m"), api.store);
    api_ok(cove_get_json(txn, &b, &json), api.store);
    ck_assert_ptr_nonnull(strstr(json, "\"fields\":{\"n\":2}"));
    api_ok(cove_commit(txn), api.store);
    ck_assert_int_eq(api_int(&api, &a, "n"), 2);
    ck_assert_int_eq(api_int(&api, &b, "n"), 2);
    ck_assert_int_eq(api_int(&api, &b, "m"), -1);
    ck_assert_int_eq(cove_commit(NULL), COVE_EUSAGE);
}
END_TEST

START_TEST(a_reader_does_not_write_and_flags_are_checked)
{
    struct cove_id id = api_new(&api, NULL, "{\"n\":1}"), out;
    struct cove_txn *txn = api_begin(&api, COVE_READ);

    ck_assert_int_eq(cove_set(txn, &id, "n", cove_int(2)), COVE_EUSAGE);
    ck_assert_int_eq(cove_delete(txn, &id, "n"), COVE_EUSAGE);
    ck_assert_int_eq(cove_set_json(txn, &id, "{}"), COVE_EUSAGE);
    ck_assert_int_eq(cove_new(txn, NULL, NULL, NULL, &out), COVE_EUSAGE);
    api_ok(cove_commit(txn), api.store);
    ck_assert_int_eq(cove_begin(api.store, 64, &txn), COVE_EUSAGE);
    txn = api_begin(&api, COVE_WRITE);
    struct cove_txn *second;

    ck_assert_int_eq(cove_begin(api.store, COVE_WRITE, &second), COVE_EBUSY);
    cove_abort(txn);
    ck_assert_int_eq(api_int(&api, &id, "n"), 1);
}
END_TEST

START_TEST(raw_shows_registers_and_view_writes_nothing_back)
{
    api_ok(cove_schema_add(api.store, PART1, NULL), api.store);
    struct cove_id id =
        api_new(&api, "Part", "{\"name\":\"a\",\"size\":\"7\"}");

    api_ok(cove_migration_add(api.store, STEP, PART2), api.store);
    char before[65], after[65];
    const char *json;

    api_digest(&api, before);
    struct cove_txn *txn = api_begin(&api, COVE_WRITE | COVE_VIEW);
    struct cove_value v;

    api_ok(cove_get(txn, &id, "size", &v), api.store);
    ck_assert_int_eq(v.u.integer, 7);
    api_ok(cove_commit(txn), api.store);
    txn = api_begin(&api, COVE_READ | COVE_RAW);
    api_ok(cove_get_json(txn, &id, &json), api.store);
    ck_assert_ptr_nonnull(strstr(json, "\"registers\":{"));
    cove_abort(txn);
    api_digest(&api, after);
    ck_assert_str_eq(before, after);
    /* a plain read in a writer migrates */
    txn = api_begin(&api, COVE_WRITE);
    api_ok(cove_get(txn, &id, "size", &v), api.store);
    api_ok(cove_commit(txn), api.store);
    api_digest(&api, after);
    ck_assert_str_ne(before, after);
}
END_TEST

/* ------------------------------------------------------ schemas and versions
 */

START_TEST(a_value_that_does_not_convert_comes_raw_and_says_so)
{
    struct cove_txn *txn;
    struct cove_value v;
    const char *json;

    api_ok(cove_schema_add(api.store, PART1, NULL), api.store);
    api_ok(cove_schema_add(api.store, PART1, NULL), api.store); /* again */
    api_ok(cove_migration_add(api.store, STEP, PART2), api.store);
    api_ok(cove_migration_add(api.store, STEP, PART2), api.store);
    api_ok(cove_use(api.store, "Part", 1), api.store);
    struct cove_id id =
        api_new(&api, "Part", "{\"name\":\"a\",\"size\":\"about 7\"}");

    api_ok(cove_use(api.store, "Part", 2), api.store);
    txn = api_begin(&api, COVE_READ);
    ck_assert_int_eq(cove_get(txn, &id, "size", &v), COVE_EINVALID);
    ck_assert_int_eq(v.invalid, 1);
    ck_assert_int_eq(v.kind, COVE_KIND_TEXT);
    ck_assert_str_eq(v.u.text, "about 7");
    api_ok(cove_get_json(txn, &id, &json), api.store);
    ck_assert_ptr_nonnull(strstr(json, "\"invalid\":{\"size\":\"about 7\"}"));
    cove_abort(txn);
    api_ok(cove_use(api.store, "Part", 0), api.store); /* the newest */
    ck_assert_int_eq(cove_use(api.store, "Part", 9), COVE_ENOTFOUND);
    ck_assert_int_eq(cove_use(api.store, "Nope", 1), COVE_ENOTFOUND);
}
END_TEST

START_TEST(what_breaks_the_schema_is_refused_and_not_written)
{
    struct cove_id id, out;
    char before[65], after[65];

    api_ok(cove_schema_add(api.store, PART1, NULL), api.store);
    id = api_new(&api, "Part", "{\"name\":\"a\"}");
    api_digest(&api, before);
    struct cove_txn *txn = api_begin(&api, COVE_WRITE);

    ck_assert_int_eq(cove_set(txn, &id, "name", cove_int(1)), COVE_ESCHEMA);
    ck_assert_ptr_nonnull(strstr(cove_errmsg(api.store), "/name"));
    ck_assert_int_lt(cove_set(txn, &id, "nope", cove_int(1)), 0);
    ck_assert_int_lt(cove_delete(txn, &id, "name"), 0);
    ck_assert_int_eq(cove_set_json(txn, &id, "{\"name\":\"b\",\"size\":1}"),
                     COVE_ESCHEMA);
    ck_assert_int_eq(cove_set_json(txn, &id, "{oops"), COVE_EJSON);
    ck_assert_int_eq(cove_set_json(txn, &id, "[]"), COVE_EJSON);
    ck_assert_int_eq(cove_new(txn, "Part", NULL, "{}", &out), COVE_ESCHEMA);
    ck_assert_int_eq(cove_new(txn, "Nope", NULL, "{}", &out), COVE_ENOTFOUND);
    /* a document that is neither a group nor an account owns nothing */
    ck_assert_int_eq(cove_new(txn, NULL, &id, NULL, &out), COVE_EDENIED);
    ck_assert_int_eq(cove_new(txn, NULL, &id, "{\"a\":1}", &out), COVE_EDENIED);
    /* what judges its input leaves the transaction usable */
    api_ok(cove_commit(txn), api.store);
    api_digest(&api, after);
    ck_assert_str_eq(before, after);
}
END_TEST

START_TEST(publishing_names_what_is_wrong)
{
    const struct {
        const char *json;
        int err;
    } bad[] = {
        {"{oops", COVE_EJSON},
        {"{\"title\":\"X\",\"version\":1,\"properties\":{\"a\":{\"patern\":"
         "\"x\"}}}",
         COVE_EKEYWORD},
        {"{\"title\":\"X\",\"version\":1,\"properties\":{\"#a\":{}}}",
         COVE_ERESERVED},
        {"{\"title\":\"Part\",\"version\":1,\"properties\":{}}", COVE_EDRIFT},
        {"{\"title\":\"Part\",\"version\":2,\"properties\":{}}", COVE_EBLOCKED},
    };
    char before[65], after[65];

    api_ok(cove_schema_add(api.store, PART1, NULL), api.store);
    api_digest(&api, before);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int err = cove_schema_add(api.store, bad[i].json, NULL);

        ck_assert_msg(err == bad[i].err, "%zu: %d %s", i, err,
                      cove_errmsg(api.store));
    }
    ck_assert_int_eq(cove_migration_add(api.store, "{}", PART2), COVE_ESTEP);
    ck_assert_int_eq(cove_migration_add(api.store, STEP, PART1), COVE_ESTEP);
    api_digest(&api, after);
    ck_assert_str_eq(before, after);
}
END_TEST

/* ---------------------------------------------------------- finding, admin */

START_TEST(documents_are_found_by_schema_and_by_id)
{
    struct cove_id id, found;
    char text[52];

    api_ok(cove_schema_add(api.store, PART1, NULL), api.store);
    for (int i = 0; i < 70; i++) {
        id = api_new(&api, "Part", "{\"name\":\"a\"}");
    }
    api_new(&api, NULL, NULL);
    ck_assert_int_eq(api_count(&api, "Part"), 70);
    ck_assert_int_ge(api_count(&api, NULL), 71);
    cove_id_format(&id, text);
    ck_assert_int_eq(strncmp(text, "co_z", 4), 0);
    api_ok(cove_id_lookup(api.store, text, &found), api.store);
    ck_assert_mem_eq(found.b, id.b, 32);
    text[20] = '\0';
    api_ok(cove_id_lookup(api.store, text, &found), api.store);
    ck_assert_mem_eq(found.b, id.b, 32);
    ck_assert_int_eq(cove_id_lookup(api.store, "co_z", &found), COVE_EFORMAT);
    ck_assert_int_eq(cove_id_lookup(api.store, "co_z0OIl", &found),
                     COVE_EFORMAT);
    int ambiguous = 0;

    for (const char *c = "123456789ABCDEFGH"; *c != '\0'; c++) {
        char prefix[] = {'c', 'o', '_', 'z', *c, '\0'};

        ambiguous +=
            cove_id_lookup(api.store, prefix, &found) == COVE_EAMBIGUOUS;
    }
    ck_assert_int_gt(ambiguous, 0);
}
END_TEST

START_TEST(admin_refuses_by_name_what_it_does_not_know)
{
    const char *const bad[] = {
        "{}",
        "[]",
        "{\"do\":\"nope\"}",
        "{\"do\":1}",
        "{\"do\":\"key\",\"more\":1}",
        "{\"do\":\"find\",\"limit\":-1}",
        "{\"do\":\"find\",\"limit\":\"x\"}",
        "{\"do\":\"find\",\"ids\":1}",
        "{\"do\":\"find\",\"mode\":\"x\"}",
        "{\"do\":\"get\"}",
        "{\"do\":\"peer.add\",\"key\":\"zz\"}",
    };
    char *reply = NULL;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int err = cove_admin(api.store, bad[i], &reply);

        ck_assert_msg(err == COVE_EUSAGE, "%s: %d %s", bad[i], err,
                      cove_errmsg(api.store));
        ck_assert_ptr_null(reply);
    }
    ck_assert_int_eq(cove_admin(api.store, "{oops", &reply), COVE_EJSON);
    ck_assert_ptr_null(reply);
    api_ok(cove_admin(api.store, "{\"do\":\"key\"}", &reply), api.store);
    cove_free(reply);
}
END_TEST

START_TEST(after_a_repair_the_file_is_made_anew)
{
    char *reply = NULL;

    (void)api_new(&api, NULL, "{\"n\":1}");
    api_ok(cove_admin(api.store, "{\"do\":\"check\",\"repair\":true}", &reply),
           api.store);
    cove_free(reply);
    api_ok(cove_admin(api.store, "{\"do\":\"compact.file\"}", &reply),
           api.store);
    ck_assert_msg(strstr(reply, "\"done\":true") != NULL, "%s", reply);
    cove_free(reply);
}
END_TEST

START_TEST(a_store_in_memory_does_the_same_and_leaves_no_file)
{
    struct cove_options options = {
        .size = sizeof(options), .flags = COVE_OPEN_MEMORY | COVE_OPEN_CREATE};
    struct api m = {{0}, NULL};

    api_ok(cove_open(NULL, &options, &m.store), m.store);
    api_ok(cove_schema_add(m.store, PART1, NULL), m.store);
    struct cove_id id = api_new(&m, "Part", "{\"name\":\"a\",\"size\":\"7\"}");

    api_ok(cove_migration_add(m.store, STEP, PART2), m.store);
    ck_assert_int_eq(api_int(&m, &id, "size"), 7);
    cove_close(m.store);
}
END_TEST

static Suite *api_suite(void)
{
    Suite *suite = suite_create("api");
    TCase *tcase = tcase_create("api");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_second_open_in_one_process_is_busy);
    tcase_add_test(tcase, open_refuses_what_is_no_store);
    tcase_add_test(tcase, options_of_a_newer_or_a_senseless_size_are_refused);
    tcase_add_test(tcase, what_was_committed_is_there_after_opening_again);
    tcase_add_test(tcase, a_full_map_is_no_space_and_the_store_stays_readable);
    tcase_add_test(tcase, errors_have_texts_and_the_library_a_version);
    tcase_add_test(tcase, a_value_of_every_kind_comes_back_as_it_went_in);
    tcase_add_test(tcase, values_that_cannot_be_are_refused);
    tcase_add_test(tcase, an_aborted_transaction_leaves_nothing);
    tcase_add_test(tcase, a_transaction_over_several_documents_is_whole);
    tcase_add_test(tcase, a_reader_does_not_write_and_flags_are_checked);
    tcase_add_test(tcase, raw_shows_registers_and_view_writes_nothing_back);
    tcase_add_test(tcase, a_value_that_does_not_convert_comes_raw_and_says_so);
    tcase_add_test(tcase, what_breaks_the_schema_is_refused_and_not_written);
    tcase_add_test(tcase, publishing_names_what_is_wrong);
    tcase_add_test(tcase, documents_are_found_by_schema_and_by_id);
    tcase_add_test(tcase, admin_refuses_by_name_what_it_does_not_know);
    tcase_add_test(tcase, after_a_repair_the_file_is_made_anew);
    tcase_add_test(tcase, a_store_in_memory_does_the_same_and_leaves_no_file);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return harness_run(api_suite());
}
