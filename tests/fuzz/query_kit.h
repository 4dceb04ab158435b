/* query_kit.h: one store with the same documents under two schemas, of which
 * one has indexes: "Indexed", "Bare". It is made once and only read. */
#ifndef COVE_TESTS_FUZZ_QUERY_KIT_H
#define COVE_TESTS_FUZZ_QUERY_KIT_H

#include "tests/fuzz/store_kit.h"

#define QUERY_ROWS 16

struct query_rows {
    int err;
    size_t count;
    size_t at[QUERY_ROWS]; /* which document */
    char *cursor;          /* behind the last; or NULL */
};

static struct fuzz_store query_store;
static struct cove_id query_ids[2][QUERY_ROWS];
static const char *const query_schemas[] = {"Indexed", "Bare"};

static const char *const query_documents[QUERY_ROWS] = {
    "{\"name\":\"ann\",\"age\":20,\"tags\":[\"a\",\"b\"]}",
    "{\"name\":\"bob\",\"age\":21,\"tags\":[],\"any\":1}",
    "{\"name\":\"\",\"age\":-3,\"tags\":[\"b\"],\"any\":1.5}",
    "{\"name\":\"ann\",\"age\":0,\"any\":null}",
    "{\"name\":\"Ann\",\"tags\":[\"\"],\"any\":{\"k\":[1,{\"k\":2}]}}",
    "{\"age\":9007199254740993,\"any\":\"a\"}",
    "{\"name\":\"annb\",\"age\":20,\"any\":{\"k\":1}}",
    "{\"name\":\"a\",\"age\":20,\"any\":true}",
    "{\"name\":\"b\",\"age\":-9007199254740993,\"any\":[1,\"a\",null]}",
    "{\"name\":\"\\u0001\",\"age\":1,\"any\":[]}",
    "{\"name\":\"\\u00e9\",\"age\":2,\"tags\":[\"c\",\"c\"],\"any\":{}}",
    "{}",
    "{\"name\":\"ann\",\"age\":20,\"tags\":[\"a\",\"b\"],\"any\":-1}",
    "{\"name\":\"zz\",\"any\":false}",
    "{\"name\":\"zy\",\"any\":9007199254740992.0}",
    "{\"name\":\"bob\",\"age\":3,\"any\":\"ab\"}"};

static inline void query_close(void)
{
    fuzz_close(&query_store);
}

static inline void query_index(void)
{
    char *reply = NULL;
    bool done = false;

    while (!done) {
        REQUIRE(cove_admin(query_store.store, "{\"do\":\"index.work\"}",
                           &reply) == 0);
        done = strstr(reply, "\"left\":false") != NULL;
        cove_free(reply);
    }
}

static inline void query_open(void)
{
    static const char *const texts[] = {
        "{\"title\":\"Indexed\",\"version\":1,\"x-index\":[[\"name\",\"age\"]],"
        "\"properties\":{\"name\":{\"type\":\"string\",\"x-index\":true},"
        "\"age\":{\"type\":\"integer\",\"x-index\":true},\"tags\":{\"type\":"
        "\"array\",\"items\":{\"type\":\"string\",\"x-index\":true}},"
        "\"any\":{\"x-index\":true}}}",
        "{\"title\":\"Bare\",\"version\":1,\"properties\":{\"name\":{\"type\":"
        "\"string\"},\"age\":{\"type\":\"integer\"},\"tags\":{\"type\":"
        "\"array\",\"items\":{\"type\":\"string\"}},\"any\":{}}}"};
    struct cove_txn *txn;

    if (query_store.store != NULL) {
        return;
    }
    fuzz_open(&query_store);
    atexit(query_close);
    for (int s = 0; s < 2; s++) {
        REQUIRE(cove_schema_add(query_store.store, texts[s], NULL) == 0);
        REQUIRE(cove_begin(query_store.store, COVE_WRITE, &txn) == 0);
        for (size_t i = 0; i < QUERY_ROWS; i++) {
            REQUIRE(cove_new(txn, query_schemas[s], NULL, query_documents[i],
                             &query_ids[s][i]) == 0);
        }
        REQUIRE(cove_commit(txn) == 0);
    }
    query_index();
}

static inline size_t query_which(int schema, const struct cove_id *id)
{
    size_t i = 0;

    while (i < QUERY_ROWS &&
           memcmp(id, &query_ids[schema][i], sizeof(*id)) != 0) {
        i++;
    }
    REQUIRE(i < QUERY_ROWS);
    return i;
}

/* What a query gives; it gives no document twice. */
static inline void query_ask(int schema, const char *json,
                             struct query_rows *out)
{
    struct cove_txn *txn;
    struct cove_query *q;
    struct cove_id id;
    unsigned seen = 0;

    memset(out, 0, sizeof(*out));
    REQUIRE(cove_begin(query_store.store, COVE_READ, &txn) == 0);
    out->err = cove_query(txn, query_schemas[schema], json, &q);
    if (fuzz_good(out->err, &query_store)) {
        while ((out->err = cove_query_next(q, &id)) == 0) {
            size_t which = query_which(schema, &id);

            REQUIRE((seen >> which & 1u) == 0);
            seen |= 1u << which;
            out->at[out->count++] = which;
        }
        cove_query_end(q, &out->cursor);
        REQUIRE(out->err == COVE_ENOTFOUND);
        REQUIRE((out->cursor != NULL) == (out->count > 0));
        out->err = 0;
    }
    cove_abort(txn);
}

#endif
