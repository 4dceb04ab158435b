/* admin_upkeep.c: mark, mark.list. */
#include "core/calendar.h"
#include "core/cbor.h"
#include "core/hlc.h"
#include "core/value.h"
#include "crdt/repo_upkeep.h"
#include "node/upkeep.h"

#include <stdio.h>
#include <stdlib.h>

/* ------------------------------------------------------------------- marks */

#define MARK_PREFIX "mark/"
#define MARK_NAME   100 /* bytes */

/* A name that can be typed and printed. */
static int mark_key(struct cove_txn *txn, const char *name,
                    char key[sizeof(MARK_PREFIX) + MARK_NAME],
                    struct cove_bytes *out)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];

        if (c <= ' ' || c == 0x7f) {
            len = 0;
        }
    }
    if (len == 0 || len > MARK_NAME) {
        return cove_fail(&txn->diag, COVE_EUSAGE,
                         "a mark's name is a word of 1 to %d bytes, without "
                         "spaces",
                         MARK_NAME);
    }
    snprintf(key, sizeof(MARK_PREFIX) + MARK_NAME, MARK_PREFIX "%s", name);
    *out = cove_bytes_text(key);
    return 0;
}

static int mark_write(struct cove_txn *txn, const char *schema,
                      struct cove_buf *out)
{
    const struct cove_env *env = txn->store->env;
    struct cove_repo *repo = txn->worker->repo;
    struct cove_writer w;
    uint64_t sequence;
    uint64_t hlc;
    int err = cove_repo_hlc(repo, txn->txn, &hlc);

    if (err == 0) {
        err = cove_repo_sequence(repo, txn->txn, &sequence);
    }
    if (err != 0) {
        return err;
    }
    cove_writer_init(&w, out);
    cove_writer_list(&w, 4);
    cove_writer_uint(&w, hlc);
    cove_writer_uint(&w, (uint64_t)env->now_ms(env->ctx));
    cove_writer_uint(&w, sequence);
    cove_writer_cstr(&w, schema != NULL ? schema : "");
    return w.err;
}

static int mark_read(struct cove_bytes value, struct node_mark *out)
{
    struct node_mark mark = {0};
    struct cove_reader r;

    cove_reader_init(&r, value);
    if (cove_reader_list(&r) != 4) {
        return COVE_ECORRUPT;
    }
    mark.hlc = cove_reader_uint(&r);
    mark.time_ms = (int64_t)cove_reader_uint(&r);
    mark.sequence = cove_reader_uint(&r);
    mark.schema = cove_reader_text(&r);
    if (cove_reader_done(&r) != 0) {
        return COVE_ECORRUPT;
    }
    *out = mark;
    return 0;
}

int node_mark(struct cove_txn *txn, const char *schema, const char *name)
{
    char room[sizeof(MARK_PREFIX) + MARK_NAME];
    struct cove_bytes key = {NULL, 0};
    struct cove_buf buf;
    int err = mark_key(txn, name, room, &key);

    if (err != 0) {
        return err;
    }
    cove_buf_init(&buf, txn->store->alloc);
    err = mark_write(txn, schema, &buf);
    if (err == 0) {
        err =
            cove_repo_record_put(txn->worker->repo, txn->txn, COVE_RECORDS_META,
                                 key, cove_buf_bytes(&buf));
    }
    cove_buf_clear(&buf);
    txn->wrote = txn->wrote || err == 0;
    return err;
}

int node_mark_find(struct cove_txn *txn, const char *name,
                   struct node_mark *out)
{
    char room[sizeof(MARK_PREFIX) + MARK_NAME];
    struct cove_bytes key = {NULL, 0}, value = {NULL, 0};
    int err = mark_key(txn, name, room, &key);

    if (err == 0) {
        err = cove_repo_record_get(txn->worker->repo, txn->txn,
                                   COVE_RECORDS_META, key, &value);
    }
    if (err == COVE_ENOTFOUND) {
        return cove_fail(&txn->diag, err,
                         "there is no mark \"%s\"; `cove mark` lists them",
                         name);
    }
    if (err == 0) { /* the caller may write, and still read the schema */
        err = cove_arena_copy(&txn->arena, value, &value);
    }
    return err != 0 ? err : mark_read(value, out);
}

static void mark_members(struct node_json *j, const struct node_mark *mark)
{
    node_json_key(j, "time");
    node_json_int(j, mark->time_ms);
    node_json_key(j, "sequence");
    node_json_int(j, (int64_t)mark->sequence);
    if (mark->schema.len > 0) {
        node_json_key(j, "schema");
        node_json_text(j, mark->schema);
    }
}

/* A mark is what somebody may want to go back to: it moves only when asked. */
static int mark_new(struct admin *a, struct cove_txn *txn, const char *name,
                    bool replace)
{
    struct node_mark mark = {0};
    int err = node_mark_find(txn, name, &mark);

    if (err == 0 && !replace) {
        return cove_fail(&txn->diag, COVE_EEXIST,
                         "there is a mark \"%s\" already; choose another name, "
                         "or move it with -y",
                         name);
    }
    if (err == 0 || err == COVE_ENOTFOUND) {
        cove_diag_clear(&txn->diag);
        err = node_mark(txn, NULL, name);
    }
    if (err == 0) {
        err = node_mark_find(txn, name, &mark);
    }
    if (err == 0) {
        node_json_key(&a->reply, "name");
        node_json_cstr(&a->reply, name);
        mark_members(&a->reply, &mark);
    }
    return err;
}

static int verb_mark(struct admin *a)
{
    const char *name = NULL;
    struct cove_txn *txn;
    bool replace = false;
    int err = admin_text(a, "name", &name);

    err = err != 0 ? err : admin_flag(a, "replace", &replace);
    err = err != 0 ? err : admin_need(a, "name", name);
    err = err != 0 ? err : node_begin(a->store, COVE_WRITE | COVE_VIEW, &txn);
    return err != 0 ? err : admin_end(a, txn, mark_new(a, txn, name, replace));
}

static int mark_each(struct admin *a, struct cove_txn *txn)
{
    size_t prefix = strlen(MARK_PREFIX);
    struct cove_bytes after = cove_bytes_text(MARK_PREFIX);
    struct cove_entry entry;
    struct node_json *j = &a->reply;
    struct node_mark mark;

    for (;;) {
        int err = cove_repo_record_next(txn->worker->repo, txn->txn,
                                        COVE_RECORDS_META, after, &entry);

        if (err != 0 || entry.key.len < prefix ||
            memcmp(entry.key.at, MARK_PREFIX, prefix) != 0) {
            return err == COVE_ENOTFOUND ? 0 : err;
        }
        err = mark_read(entry.value, &mark);
        if (err != 0) {
            return err;
        }
        node_json_open(j, '{');
        node_json_key(j, "name");
        node_json_text(
            j, cove_bytes(entry.key.at + prefix, entry.key.len - prefix));
        mark_members(j, &mark);
        node_json_close(j, '}');
        after = entry.key;
    }
}

static int verb_mark_list(struct admin *a)
{
    struct cove_txn *txn;
    int err = node_begin(a->store, COVE_READ, &txn);

    if (err != 0) {
        return err;
    }
    node_json_key(&a->reply, "marks");
    node_json_open(&a->reply, '[');
    err = mark_each(a, txn);
    node_json_close(&a->reply, ']');
    return admin_end(a, txn, err);
}

/* -------------------------------------------------------------------- time */

/* Take that many decimal digits. */
static bool time_number(const char **at, int digits, int *out)
{
    int n = 0;

    for (int i = 0; i < digits; i++) {
        char c = (*at)[i];

        if (c < '0' || c > '9') {
            return false;
        }
        n = n * 10 + (c - '0');
    }
    *at += digits;
    *out = n;
    return true;
}

static bool time_char(const char **at, const char *any)
{
    if (**at == '\0' || strchr(any, **at) == NULL) {
        return false;
    }
    ++*at;
    return true;
}

static bool time_day(const char **at, int64_t *days)
{
    int year, month, day;

    if (!time_number(at, 4, &year) || !time_char(at, "-") ||
        !time_number(at, 2, &month) || !time_char(at, "-") ||
        !time_number(at, 2, &day)) {
        return false;
    }
    struct cove_date date = {year, month, day};

    if (year < 1970 || !cove_date_exists(date)) {
        return false;
    }
    *days = cove_date_days(date);
    return true;
}

/* 2026-11-20, and behind it T or a space, 17:05, :09, .250, Z. */
static bool time_parse(const char *at, int64_t *out)
{
    int hour = 0, minute = 0, second = 0, ms = 0;
    int64_t days = 0;
    bool good = time_day(&at, &days);

    if (good && time_char(&at, "Tt ")) {
        good = time_number(&at, 2, &hour) && time_char(&at, ":") &&
               time_number(&at, 2, &minute);
        if (good && time_char(&at, ":")) {
            good = time_number(&at, 2, &second);
            if (good && time_char(&at, ".")) {
                good = time_number(&at, 3, &ms);
            }
        }
        good = good && hour < 24 && minute < 60 && second < 60;
        (void)time_char(&at, "Zz");
    }
    if (!good || *at != '\0') {
        return false;
    }
    *out = (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + ms;
    return true;
}

bool node_time_parse(const char *text, int64_t *ms)
{
    char *end;

    if (time_parse(text, ms)) {
        return true;
    }
    *ms = strtoll(text, &end, 10);
    return end != text && *end == '\0';
}

int admin_time(struct admin *a, const char *key, uint64_t *hlc, bool *given)
{
    const struct cove_env *env = a->store->env;
    struct cove_bytes v = {NULL, 0};
    const char *text = NULL;
    int64_t ms = -1;
    int err = 0;

    admin_value(a, key, &v);
    *given = v.len > 0;
    if (v.len == 0) {
        return 0;
    }
    if (cove_value_kind(v) == COVE_KIND_INT) {
        ms = cove_value_int(v);
    } else {
        err = admin_text(a, key, &text);
    }
    if (err == 0 && text != NULL && !node_time_parse(text, &ms)) {
        ms = -1;
    }
    if (err != 0) {
        return err;
    }
    if (ms < 0 || ms >= INT64_C(1) << 47) {
        return cove_fail(&a->diag, COVE_EUSAGE,
                         "\"%s\" is no time: it is milliseconds since 1970, or "
                         "a date in UTC like 2026-11-20T17:05:00Z",
                         key);
    }
    if (ms > env->now_ms(env->ctx)) {
        return cove_fail(&a->diag, COVE_EUSAGE,
                         "\"%s\" lies in the future: there is nothing to go "
                         "back to",
                         key);
    }
    *hlc = cove_hlc_of_ms(ms + 1) - 1; /* all of that millisecond */
    return 0;
}

const struct admin_verb admin_upkeep_verbs[] = {
    {"mark", "name replace", verb_mark},
    {"mark.list", "", verb_mark_list},
    {NULL, NULL, NULL},
};
