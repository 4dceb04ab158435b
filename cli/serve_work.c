/* serve_work.c: the worker: it opens the store, listens, starts sync, and then
 * works off what is queued, a little at a time, until it is told to end: runs
 * of migrations, indexes, cutting, packing, verifying. Sync has its own thread;
 * between two batches it has the store for itself. */
#include "cli/serve.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define SERVE_LOOK_MS 500   /* for runs that another process queued */
#define SERVE_REST_MS 30000 /* behind an error */
#define SERVE_PACK_MS 40    /* of packing at a time, when there is time */
#define SERVE_PACK_S  3600  /* between two times through all documents */
#define SERVE_NS_MS   1000000

struct work_pack {    /* through all documents, and again */
    json_int_t after; /* where it goes on */
    time_t next;      /* when it begins again */
};
struct work_cut {
    struct work_pack at;
    json_int_t documents, transactions; /* that were cut this time through */
};

/* Documents verified again, so many a second; the setting is looked at now and
 * then. */
struct work_scrub {
    time_t next, look;
    json_int_t rate, at;
};

/* The store is damaged so that it serves nothing: /readyz says so. */
static void work_blocked(struct serve *serve, const char *why)
{
    uv_mutex_lock(&serve->lock);
    snprintf(serve->blocked, sizeof(serve->blocked), "%s", why);
    uv_mutex_unlock(&serve->lock);
}

/* Run a verb; an error is logged. Takes `request` over. */
static int work_call(struct serve *serve, json_t *request, json_t **reply)
{
    char *text = json_dumps(request, JSON_COMPACT), *out = NULL;
    int err =
        text != NULL ? cove_admin(serve->cli->store, text, &out) : COVE_ENOMEM;

    json_decref(request);
    free(text);
    *reply = NULL;
    if (err != 0) {
        const char *why = cove_errmsg(serve->cli->store);

        serve_say(&serve->log, SERVE_ERROR, "failed", "%s", why);
        if (err == COVE_ECORRUPT || err == COVE_EIO) {
            work_blocked(serve, why);
        }
        return err;
    }
    *reply = json_loads(out, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    cove_free(out);
    return *reply != NULL ? 0 : COVE_ENOMEM;
}

/* A setting of the daemon's, or else of the store's; 0 where it cannot be
 * read. */
static json_int_t work_setting(struct serve *serve, const atomic_long *own,
                               const char *key)
{
    json_t *config;
    json_int_t number = atomic_load(own);

    if (number >= 0) {
        return number;
    }
    number = 0;
    if (work_call(serve, json_pack("{s:s}", "do", "config"), &config) == 0) {
        number = cli_int(config, key);
    }
    json_decref(config);
    return number;
}

/* Nothing waits: pack a little of what is old, where the config wants that. */
static void work_pack(struct serve *serve, struct work_pack *pack)
{
    json_t *reply;
    time_t now = time(NULL);

    if (now < pack->next) {
        return;
    }
    pack->next = now + SERVE_PACK_S;

    json_int_t days = work_setting(serve, &serve->compact_days, "compactDays");

    if (days > 0 && work_call(serve,
                              json_pack("{s:s s:I s:I s:I}", "do", "compact",
                                        "days", days, "after", pack->after,
                                        "slice", (json_int_t)SERVE_PACK_MS),
                              &reply) == 0) {
        pack->after = cli_int(reply, "next");
        pack->next = json_object_get(reply, "next") != NULL ? 0 : pack->next;
        json_decref(reply);
    }
}

static json_t *cut_request(json_int_t days, json_int_t bytes,
                           const struct work_pack *at)
{
    /* The setting is the consent, and no backup is asked for each time. */
    json_t *request = json_pack("{s:s s:b s:b s:I s:I}", "do", "history.cut",
                                "yes", 1, "noBackup", 1, "after", at->after,
                                "slice", (json_int_t)SERVE_PACK_MS);

    if (days > 0) {
        json_object_set_new(request, "days", json_integer(days));
    }
    if (bytes > 0) {
        json_object_set_new(request, "keep", json_integer(bytes));
    }
    return request;
}

static void cut_said(struct serve *serve, struct work_cut *cut)
{
    if (cut->documents > 0) {
        serve_say(&serve->log, SERVE_INFO, "cut",
                  "%lld transactions of %lld documents were cut off",
                  (long long)cut->transactions, (long long)cut->documents);
    }
    cut->documents = cut->transactions = 0;
}

/* The same with the beginnings of histories. */
static void work_cut(struct serve *serve, struct work_cut *cut)
{
    json_t *reply;
    time_t now = time(NULL);

    if (now < cut->at.next) {
        return;
    }
    cut->at.next = now + SERVE_PACK_S;

    json_int_t days = work_setting(serve, &serve->history_days, "historyDays");
    json_int_t bytes =
        work_setting(serve, &serve->history_bytes, "historyBytes");

    if ((days > 0 || bytes > 0) &&
        work_call(serve, cut_request(days, bytes, &cut->at), &reply) == 0) {
        bool more = json_object_get(reply, "next") != NULL;

        cut->documents += cli_int(reply, "documents");
        cut->transactions += cli_int(reply, "transactions");
        cut->at.after = cli_int(reply, "next");
        cut->at.next = more ? 0 : cut->at.next;
        if (!more) {
            cut_said(serve, cut);
        }
        json_decref(reply);
    }
}

/* What was put aside, a line each. */
static void work_damaged(struct serve *serve, const json_t *damaged)
{
    json_t *one;
    size_t i;

    json_array_foreach(damaged, i, one)
    {
        serve_log_line(&serve->log,
                       &(struct serve_line){
                           .level = SERVE_ERROR,
                           .event = "damaged",
                           .document = cli_text(one, "id"),
                           .msg = "a document is damaged and was put aside; "
                                  "`cove check` says more"});
    }
}

static void work_scrub(struct serve *serve, struct work_scrub *scrub)
{
    json_t *reply;
    time_t now = time(NULL);

    if (now < scrub->next) {
        return;
    }
    scrub->next = now + 1;
    if (now >= scrub->look || atomic_load(&serve->scrub) >= 0) {
        scrub->look = now + SERVE_PACK_S;
        scrub->rate = work_setting(serve, &serve->scrub, "scrub");
    }
    if (scrub->rate > 0 &&
        work_call(serve,
                  json_pack("{s:s s:I s:I}", "do", "scrub", "documents",
                            scrub->rate, "from", scrub->at),
                  &reply) == 0) {
        bool over = json_is_true(json_object_get(reply, "over"));

        scrub->at = over ? 0 : cli_int(reply, "next");
        scrub->next = over ? now + SERVE_PACK_S : scrub->next;
        work_damaged(serve, json_object_get(reply, "damaged"));
        json_decref(reply);
    }
}

/* Wait; true where the end has come. */
static bool work_wait(struct serve *serve, json_int_t wait_ms)
{
    uint64_t until = uv_hrtime() + (uint64_t)wait_ms * SERVE_NS_MS;
    bool stop;

    uv_mutex_lock(&serve->lock);
    while (!serve->stop) {
        uint64_t now = uv_hrtime();

        if (now >= until ||
            uv_cond_timedwait(&serve->wake, &serve->lock, until - now) != 0) {
            break;
        }
    }
    stop = serve->stop;
    uv_mutex_unlock(&serve->lock);
    return stop;
}

/* Runs and indexes; how long to wait before the next. */
static json_int_t work_queued(struct serve *serve)
{
    json_t *reply;
    json_int_t wait_ms = SERVE_LOOK_MS;

    if (work_call(serve, json_pack("{s:s}", "do", "migrate.sweep"), &reply) !=
        0) {
        wait_ms = SERVE_REST_MS; /* it was said; the disk is full, say */
    } else {
        work_blocked(serve, "");
        if (cli_int(reply, "waitMs") >= 0 &&
            cli_int(reply, "waitMs") < wait_ms) {
            wait_ms = cli_int(reply, "waitMs");
        }
    }
    json_decref(reply);
    return wait_ms;
}

static void work_sweep(struct serve *serve)
{
    struct work_pack pack = {0};
    struct work_scrub scrub = {0};
    struct work_cut cut = {0};
    json_int_t wait_ms;

    do {
        json_t *reply;

        wait_ms = work_queued(serve);
        if (wait_ms == SERVE_LOOK_MS) {
            work_cut(serve, &cut);
            work_pack(serve, &pack);
            work_scrub(serve, &scrub);
        }
        if (work_call(serve, json_pack("{s:s}", "do", "index.work"), &reply) ==
                0 &&
            json_is_true(json_object_get(reply, "left"))) {
            wait_ms = 0;
        }
        json_decref(reply);
    } while (!work_wait(serve, wait_ms));
}

/* On every address of the setting. */
static int work_listen(struct serve *serve)
{
    const char *at = serve->config.of[SERVE_LISTEN].value;
    int err = 0;

    while (err == 0 && *(at += strspn(at, " \t")) != '\0') {
        char address[SERVE_VALUE];
        size_t len = strcspn(at, " \t");

        memcpy(address, at, len);
        address[len] = '\0';
        at += len;
        err = cove_listen(serve->cli->store, address);
    }
    return err;
}

static void work_moved(struct serve *serve, enum serve_phase phase)
{
    uv_mutex_lock(&serve->lock);
    serve->phase = phase;
    uv_mutex_unlock(&serve->lock);
    uv_async_send(&serve->moved);
}

static int work_start(struct serve *serve)
{
    struct cli *cli = serve->cli;
    int code = cli_open(cli, 0), err;

    if (code != CLI_OK) {
        return code;
    }
    cove_set_log(cli->store, serve_log_library, &serve->log);
    err = work_listen(serve);
    if (err == 0) {
        err = cove_thread_start(cli->store);
    }
    return err == 0 ? CLI_OK : cli_failed(cli, err);
}

void serve_work(void *arg)
{
    struct serve *serve = arg;
    struct cli *cli = serve->cli;
    json_t *reply;

    serve->code = work_start(serve);
    if (serve->code == CLI_OK) {
        work_moved(serve, SERVE_READY);
        work_sweep(serve);
        (void)work_call(serve,
                        json_pack("{s:s s:I}", "do", "sync.drain", "withinMs",
                                  (json_int_t)atomic_load(&serve->drain_ms)),
                        &reply);
        json_decref(reply);
        cove_thread_stop(cli->store);
    }
    cove_close(cli->store);
    cli->store = NULL;
    work_moved(serve, SERVE_ENDED);
}
