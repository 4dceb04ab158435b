/* watch_kit.h: a subscriber that writes down what it is told. */
#ifndef COVE_TESTS_WATCH_KIT_H
#define COVE_TESTS_WATCH_KIT_H

#include <poll.h>

#include "tests/node_api/api_kit.h"

#define WATCH_HEARD 16384

struct heard {
    struct cove_watch_event e;
    char text[512];
};

struct watcher {
    struct cove *store;
    uint64_t number;
    struct heard *heard;
    size_t count;
    size_t read; /* by the test */
    void (*then)(struct watcher *w, const struct cove_watch_event *e);
    void *ctx;
};

static inline void watch_hear(void *ctx, const struct cove_watch_event *e)
{
    struct watcher *w = ctx;

    ck_assert_uint_lt(w->count, WATCH_HEARD);
    ck_assert_uint_eq(e->size, sizeof(*e));

    struct heard *h = &w->heard[w->count++];

    h->e = *e;
    snprintf(h->text, sizeof(h->text), "%s", e->text != NULL ? e->text : "");
    h->e.text = e->text != NULL ? h->text : NULL;
    if (w->then != NULL) {
        w->then(w, e);
    }
}

static inline void watch_begin(struct watcher *w, struct cove *store,
                               const char *request)
{
    memset(w, 0, sizeof(*w));
    w->store = store;
    w->heard = calloc(WATCH_HEARD, sizeof(*w->heard));
    ck_assert_ptr_nonnull(w->heard);
    api_ok(cove_subscribe(store, request, watch_hear, w, &w->number), store);
}

static inline void watch_end(struct watcher *w)
{
    api_ok(cove_unsubscribe(w->store, w->number), w->store);
    free(w->heard);
    w->heard = NULL;
}

/* Is there something to dispatch, now or within so many ms? */
static inline bool watch_woken(struct cove *store, int timeout_ms)
{
    struct pollfd fd = {.fd = cove_fd(store), .events = POLLIN};

    ck_assert_int_ge(fd.fd, 0);
    return poll(&fd, 1, timeout_ms) > 0;
}

/* Dispatch until nothing is left; how often that was. */
static inline int watch_drain(struct cove *store)
{
    int turns = 0;

    while (watch_woken(store, 0)) {
        api_ok(cove_dispatch(store), store);
        ck_assert_int_lt(++turns, 100000);
    }
    return turns;
}

static inline const char *watch_word(enum cove_watch_kind kind)
{
    static const char *const words[] = {
        [COVE_WATCH_ENTER] = "enter", [COVE_WATCH_CHANGE] = "change",
        [COVE_WATCH_LEAVE] = "leave", [COVE_WATCH_REMOVED] = "removed",
        [COVE_WATCH_PEER] = "peer",   [COVE_WATCH_SCHEMA] = "schema",
        [COVE_WATCH_RUN] = "run",     [COVE_WATCH_READY] = "ready",
        [COVE_WATCH_RESET] = "reset", [COVE_WATCH_ERROR] = "error",
    };

    return words[kind];
}

/* What was heard since the last time, as "enter ready change". */
static inline const char *watch_said(struct watcher *w)
{
    static char text[4096];
    size_t len = 0;

    text[0] = '\0';
    for (; w->read < w->count && len < sizeof(text) - 32; w->read++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
                                len > 0 ? " " : "",
                                watch_word(w->heard[w->read].e.kind));
    }
    return text;
}

/* The same after all that is due was dispatched. */
static inline const char *watch_next(struct watcher *w)
{
    watch_drain(w->store);
    return watch_said(w);
}

static inline const struct cove_watch_event *watch_last(const struct watcher *w)
{
    ck_assert_uint_gt(w->count, 0);
    return &w->heard[w->count - 1].e;
}

static inline bool watch_is(const struct cove_watch_event *e,
                            const struct cove_id *id)
{
    return memcmp(e->id.b, id->b, sizeof(id->b)) == 0;
}

/* A store that nobody syncs. */
static inline void watch_open(struct api *a)
{
    struct cove_options options = {
        .size = sizeof(options), .flags = COVE_OPEN_CREATE | COVE_OPEN_NO_SYNC};

    api_dir(a);
    api_ok(cove_open(a->dir, &options, &a->store), a->store);
}

static inline void watch_set(struct api *a, const struct cove_id *id,
                             const char *field, struct cove_value value)
{
    struct cove_txn *txn = api_begin(a, COVE_WRITE);

    api_ok(cove_set(txn, id, field, value), a->store);
    api_ok(cove_commit(txn), a->store);
}

#endif
