/* serve.h: the daemon: what its files share.
 *
 *   serve.c          the loop of the main thread: signals, start, reload, end
 *   serve_work.c     the worker: opens the store, listens, works off what waits
 *   serve_log.c      the log
 *   serve_notify.c   the service manager (sd_notify's protocol)
 *   serve_socket.c   the socket in the store's directory
 *   serve_http.c     /metrics, /healthz, /readyz; serve_metrics.c their text
 *   serve_config.h   the settings
 *
 * Three threads: the main one turns a libuv loop on which nothing waits for the
 * store, so that it answers while the store is opened or busy; sync has its
 * own, in the library; the worker has the rest. What they share is under
 * `lock`, or atomic.
 */
#ifndef COVE_CLI_SERVE_H
#define COVE_CLI_SERVE_H

#include <stdatomic.h>
#include <time.h>
#include <uv.h>

#include "cli/serve_config.h"

/* --- serve_log.c */
enum serve_level { SERVE_DEBUG, SERVE_INFO, SERVE_WARN, SERVE_ERROR };
struct serve_log {
    atomic_int level; /* enum serve_level: what is worse is logged */
    atomic_bool json; /* else logfmt */
    /* Of lines that strangers cause: in this second, so many. The thread's that
     * syncs. */
    time_t second;
    unsigned strange;
};
struct serve_line {
    enum serve_level level;
    const char *event;
    const char *peer, *address, *document; /* "" or NULL: none */
    const char *msg;
};
enum serve_level serve_level_of(const char *word);
/* One line on standard error, in one write. Every value is escaped: whatever a
 * peer calls itself, no control character gets out. Threads: any. */
void serve_log_line(const struct serve_log *log, const struct serve_line *line);
/* The same without what most have not. */
void serve_say(const struct serve_log *log, enum serve_level level,
               const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* A line of the library's (cove_set_log): its words as msg, and what they say
 * of a peer, an address or a document. Of connections that came to nothing, at
 * most 20 a second; then how many more there were. ctx: struct serve_log. */
void serve_log_library(void *ctx, const char *text);

/* --- serve_notify.c */
struct serve_notify {
    int fd;               /* -1: nobody wants to know */
    uint64_t watchdog_ms; /* 0: none */
};
/* From $NOTIFY_SOCKET and $WATCHDOG_USEC, which are taken out of the
 * environment. */
void serve_notify_init(struct serve_notify *n);
void serve_notify_send(const struct serve_notify *n, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void serve_notify_clear(struct serve_notify *n);

enum serve_phase { SERVE_OPENING, SERVE_READY, SERVE_ENDING, SERVE_ENDED };

struct serve_http;
struct serve_socket;

struct serve {
    struct cli *cli; /* its store is the worker's to open and close */
    struct serve_flags flags;
    struct serve_config config; /* the main thread's */
    struct serve_log log;
    struct serve_notify notify;
    struct serve_http *http;     /* or NULL */
    struct serve_socket *socket; /* or NULL */
    uv_loop_t loop;
    uv_signal_t signals[3];
    uv_async_t moved; /* the worker got on */
    uv_timer_t beat;  /* for the service manager */
    uv_timer_t limit; /* of the end */
    time_t since;
    bool open;         /* sync was told that any device may connect */
    bool ending;       /* told to */
    int end_signal;    /* by which */
    uint64_t ended_ms; /* when */
    unsigned
        jobs; /* that read the store off the loop: it stays till they end */
    int code; /* exit */
    uv_thread_t thread;
    uv_mutex_t lock;
    uv_cond_t wake; /* the worker is wanted */
    /* Under the lock. */
    enum serve_phase phase;
    bool stop;                 /* the worker is to end */
    char blocked[SERVE_VALUE]; /* why the store cannot be served; "" */
    /* The worker's settings, as they are now; -1: what the store says. */
    atomic_long compact_days, scrub, drain_ms, history_days, history_bytes;
};

/* --- serve.c */
enum serve_phase serve_phase_now(struct serve *serve);
/* NULL where it is ready; else why not, in `room` of SERVE_VALUE bytes. */
const char *serve_unready(struct serve *serve, char *room);
/* How it is, as the socket says. Ownership: the caller's. */
json_t *serve_state(struct serve *serve);
/* A verb of cove_admin, from the main thread or a job; NULL where the store is
 * not open or the verb fails. Takes `request` over. */
json_t *serve_ask(struct serve *serve, json_t *request);
/* A job of the thread pool begins, which may use serve_ask; false: the store is
 * not there. And it is over, on the main thread. */
bool serve_job_begin(struct serve *serve);
void serve_job_end(struct serve *serve);

/* --- serve_work.c: the worker's thread; arg: struct serve. */
void serve_work(void *arg);

/* --- serve_socket.c */
/* Where none can be had it is logged why, and NULL. */
struct serve_socket *serve_socket_open(struct serve *serve);
void serve_socket_close(struct serve_socket *socket); /* NULL is allowed */

/* --- serve_http.c */
/* CLI_OK, or an exit code with a message. */
int serve_http_open(struct serve *serve, struct serve_http **out);
const char *serve_http_address(const struct serve_http *http);
void serve_http_close(struct serve_http *http); /* NULL is allowed */

/* --- serve_metrics.c: in Prometheus' text format; NULL where there is no
 * memory. Ownership: the caller's. The replies may be NULL. */
struct serve_metrics {
    const json_t *stats, *peers, *state;
    bool ready;
    time_t since;
};
char *serve_metrics_text(const struct serve_metrics *m, size_t *len);

#endif
