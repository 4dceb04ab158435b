/* The edge over real loopback sockets. The engine behind it is a small one of
 * this file: a channel that counts what it gets, so that every test can see
 * what the edge asked of it, and when. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "core/store.h"
#include "sync/edge_uv_internal.h"
#include "sync/verify.h"
#include "tests/unit/harness.h"

#define PEERS 4

/* --- the engine, and the repo with its peers */

struct cove_conn {
    struct cove_engine *engine;
    struct cove_conn *next;
    struct cove_channel *ch;
    bool bye;
    bool waits; /* until signatures are verified */
    size_t received;
};

struct cove_engine {
    struct cove_identity identity;
    struct cove_conn *conns;
    unsigned connects, inputs, unflushed, flushes, looks, closes;
    size_t received;
    int fail_flush;
    uint64_t age_ms; /* of connections when they begin */
    bool open;
    int (*begin)(void *ctx, struct cove_verify *verify);
    void *begin_ctx;
    unsigned verified;
    struct cove_bans bans;
    uint64_t quota_bytes;
    bool guests; /* who is connected */
    bool faults; /* and breaks the protocol */
};

struct cove_verify {
    size_t parts;
    atomic_uint runs;
};

struct cove_repo {
    struct cove_key device;
    struct cove_peer_record peers[PEERS];
    bool there[PEERS];
    unsigned puts;
};

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

int cove_engine_connect(struct cove_engine *engine, uint64_t now,
                        enum cove_channel_role role,
                        const struct cove_key *expect, struct cove_conn **out)
{
    struct cove_conn *conn = calloc(1, sizeof(*conn));

    ck_assert_int_eq(cove_channel_new(
                         &(struct cove_channel_options){
                             .alloc = &cove_alloc_libc,
                             .env = &cove_env_system,
                             .identity = &engine->identity,
                             .role = role,
                             .expect = expect,
                             .now_ms = now - engine->age_ms,
                         },
                         &conn->ch),
                     0);
    conn->engine = engine;
    conn->next = engine->conns;
    engine->conns = conn;
    engine->connects++;
    *out = conn;
    return 0;
}

int cove_conn_input(struct cove_conn *conn, uint64_t now, struct cove_bytes in)
{
    struct cove_bytes message;
    int err = cove_channel_input(conn->ch, now, in);

    conn->engine->inputs++;
    conn->engine->unflushed++;
    while (cove_channel_receive(conn->ch, &message) == 0) {
        conn->received += message.len;
        conn->engine->received += message.len;
    }
    return err;
}

struct cove_bytes cove_conn_output(struct cove_conn *conn)
{
    return cove_channel_output(conn->ch);
}

void cove_conn_written(struct cove_conn *conn, uint64_t now, size_t len)
{
    (void)now;
    cove_channel_written(conn->ch, len);
}

void cove_conn_bye(struct cove_conn *conn)
{
    conn->bye = true;
    (void)!cove_channel_bye(conn->ch);
}

bool cove_conn_done(const struct cove_conn *conn)
{
    enum cove_channel_state state = cove_channel_state(conn->ch);

    return state == COVE_CHANNEL_GOODBYE || state == COVE_CHANNEL_FAILED ||
           (conn->bye && cove_channel_queued(conn->ch) == 0);
}

int cove_conn_end(struct cove_conn *conn)
{
    return conn->bye ? COVE_ECLOSED : cove_channel_end(conn->ch);
}

const struct cove_diag *cove_conn_diag(const struct cove_conn *conn)
{
    return cove_channel_diag(conn->ch);
}

void cove_conn_closed(struct cove_conn *conn)
{
    struct cove_conn **at = &conn->engine->conns;

    while (*at != conn) {
        at = &(*at)->next;
    }
    *at = conn->next;
    conn->engine->closes++;
    cove_channel_free(conn->ch);
    free(conn);
}

bool cove_conn_waits(const struct cove_conn *conn)
{
    return conn->waits;
}

void cove_engine_verify_by(struct cove_engine *engine,
                           int (*begin)(void *ctx, struct cove_verify *verify),
                           void *ctx)
{
    engine->begin = begin;
    engine->begin_ctx = ctx;
}

void cove_engine_verified(struct cove_engine *engine, uint64_t now,
                          struct cove_verify *verify)
{
    (void)now;
    for (struct cove_conn *conn = engine->conns; conn != NULL;
         conn = conn->next) {
        conn->waits = false;
    }
    ck_assert_uint_eq(atomic_load(&verify->runs), verify->parts);
    engine->verified++;
}

size_t cove_verify_parts(const struct cove_verify *verify)
{
    return verify->parts;
}

void cove_verify_run(struct cove_verify *verify, size_t part)
{
    (void)part;
    (void)atomic_fetch_add(&verify->runs, 1);
}

const struct cove_key *cove_conn_stranger(const struct cove_conn *conn)
{
    return cove_channel_stranger(conn->ch);
}

bool cove_conn_at_fault(const struct cove_conn *conn)
{
    return conn->engine->faults || cove_channel_at_fault(conn->ch);
}

const struct cove_bans *cove_engine_bans(const struct cove_engine *engine)
{
    return &engine->bans;
}

void cove_engine_quota(struct cove_engine *engine, uint64_t documents,
                       uint64_t bytes)
{
    (void)documents;
    engine->quota_bytes = bytes;
}

void cove_engine_counts(const struct cove_engine *engine,
                        struct cove_engine_counts *out)
{
    (void)engine;
    memset(out, 0, sizeof(*out));
}

bool cove_engine_forgive(struct cove_engine *engine,
                         const struct cove_key *device)
{
    return cove_bans_forgive(&engine->bans, device->b);
}

void cove_conn_stats(const struct cove_conn *conn, struct cove_conn_stats *out)
{
    const struct cove_key *peer = cove_channel_peer(conn->ch);

    memset(out, 0, sizeof(*out));
    out->open = peer != NULL;
    out->in_sync = true;
    out->guest = conn->engine->guests;
    if (peer != NULL) {
        out->peer = *peer;
    }
}

int cove_engine_changed(struct cove_engine *engine, uint64_t now)
{
    (void)now;
    engine->looks++;
    return 0;
}

int cove_engine_open(struct cove_engine *engine, uint64_t now, bool open)
{
    (void)now;
    engine->open = open;
    return 0;
}

int cove_engine_tick(struct cove_engine *engine, uint64_t now, uint64_t *next)
{
    *next = UINT64_MAX;
    for (struct cove_conn *conn = engine->conns; conn != NULL;
         conn = conn->next) {
        uint64_t due = UINT64_MAX;

        (void)!cove_channel_tick(conn->ch, now, &due);
        *next = due < *next ? due : *next;
    }
    return 0;
}

int cove_engine_flush(struct cove_engine *engine, uint64_t now)
{
    int err = engine->fail_flush;

    (void)now;
    engine->fail_flush = 0;
    engine->flushes += engine->unflushed > 0;
    engine->unflushed = 0;
    return err;
}

const struct cove_key *cove_repo_device(const struct cove_repo *repo)
{
    return &repo->device;
}

int cove_peer_next(struct cove_repo *repo, struct cove_store_txn *txn,
                   const struct cove_key *after, struct cove_peer_record *out)
{
    int found = -1;

    (void)txn;
    for (int i = 0; i < PEERS; i++) {
        const uint8_t *key = repo->peers[i].key.b;

        if (repo->there[i] &&
            (after == NULL || memcmp(key, after->b, 32) > 0) &&
            (found < 0 || memcmp(key, repo->peers[found].key.b, 32) < 0)) {
            found = i;
        }
    }
    if (found < 0) {
        return COVE_ENOTFOUND;
    }
    *out = repo->peers[found];
    return 0;
}

static int repo_find(const struct cove_repo *repo, const struct cove_key *key)
{
    for (int i = 0; i < PEERS; i++) {
        if (repo->there[i] && memcmp(repo->peers[i].key.b, key->b, 32) == 0) {
            return i;
        }
    }
    return -1;
}

int cove_peer_get(struct cove_repo *repo, struct cove_store_txn *txn,
                  const struct cove_key *key, struct cove_peer_record *out)
{
    int at = repo_find(repo, key);

    (void)txn;
    if (at < 0) {
        return COVE_ENOTFOUND;
    }
    *out = repo->peers[at];
    return 0;
}

int cove_peer_put(struct cove_repo *repo, struct cove_store_txn *txn,
                  struct cove_peer_record *peer)
{
    ck_assert(cove_store_writes(txn));
    repo->peers[repo_find(repo, &peer->key)] = *peer;
    repo->puts++;
    return 0;
}

/* --- two devices on one loop */

struct device {
    struct cove_secret secret;
    struct cove_repo repo;
    struct cove_engine engine;
    struct cove_store *store;
    struct cove_edge *edge;
    struct harness_alloc alloc;
    bool stopped;
    unsigned errors;
    int last_error;
};

static uv_loop_t loop;
static struct device a, b;

static void on_error(void *ctx, int code, const char *sentence)
{
    struct device *d = ctx;

    (void)sentence;
    d->errors++;
    d->last_error = code;
}

static void on_stopped(void *ctx)
{
    struct device *d = ctx;

    d->stopped = true;
    d->edge = NULL;
}

static void device_init(struct device *d, uint8_t seed, const char *notify)
{
    uint8_t bytes[32];

    memset(d, 0, sizeof(*d));
    memset(bytes, seed, sizeof(bytes));
    cove_key_of_seed(bytes, &d->secret, &d->repo.device);
    cove_identity_make(&d->secret, &d->repo.device, &cove_env_system, 1,
                       &d->engine.identity);
    harness_alloc_init(&d->alloc, 0);
    ck_assert_int_eq(
        cove_store_open_memory(
            &(struct cove_store_options){.alloc = &cove_alloc_libc, .trees = 1},
            &d->store),
        0);
    ck_assert_int_eq(cove_edge_new(&loop, &d->engine,
                                   &(struct cove_edge_options){
                                       .alloc = &d->alloc.alloc,
                                       .env = &cove_env_system,
                                       .repo = &d->repo,
                                       .store = d->store,
                                       .notify_path = notify,
                                       .on_error = on_error,
                                       .ctx = d,
                                   },
                                   &d->edge),
                     0);
}

static void setup(void)
{
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    device_init(&a, 1, NULL);
    device_init(&b, 2, NULL);
}

static void device_peer(struct device *d, int at, const struct device *other,
                        const char *address)
{
    memset(&d->repo.peers[at], 0, sizeof(d->repo.peers[at]));
    d->repo.peers[at].key = other->repo.device;
    snprintf(d->repo.peers[at].address, sizeof(d->repo.peers[at].address), "%s",
             address);
    d->repo.there[at] = true;
}

typedef bool condition(void);

/* Turn the loop until it is so; never longer than that. */
static bool turn_until(condition *is_so, uint64_t ms)
{
    uint64_t end = now_ms() + ms;

    while (!is_so()) {
        if (now_ms() >= end) {
            return false;
        }
        uv_run(&loop, UV_RUN_NOWAIT);
        if (!is_so()) {
            struct timespec nap = {0, 200000};

            nanosleep(&nap, NULL);
        }
    }
    return true;
}

static bool never(void)
{
    return false;
}

static bool both_stopped(void)
{
    return a.stopped && b.stopped;
}

static void teardown(void)
{
    struct device *all[] = {&a, &b};

    for (size_t i = 0; i < 2; i++) {
        if (all[i]->edge != NULL && !all[i]->edge->stopping) {
            cove_edge_stop(all[i]->edge, on_stopped, all[i]);
        }
    }
    ck_assert(turn_until(both_stopped, 5000));
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_ptr_null(all[i]->engine.conns);
        ck_assert_uint_eq(all[i]->engine.connects, all[i]->engine.closes);
        ck_assert_int_eq(all[i]->alloc.alive, 0);
        cove_store_close(all[i]->store);
    }
}

static void listen_b(void)
{
    ck_assert_int_eq(cove_edge_listen(b.edge, "127.0.0.1:0", NULL), 0);
    ck_assert_int_eq(cove_edge_start(b.edge), 0);
}

static bool device_open(const struct device *d)
{
    const struct cove_conn *conn = d->engine.conns;

    return conn != NULL && cove_channel_state(conn->ch) == COVE_CHANNEL_OPEN;
}

static bool both_open(void)
{
    return device_open(&a) && device_open(&b);
}

static void connect_both(void)
{
    listen_b();
    device_peer(&a, 0, &b, cove_edge_address(b.edge));
    device_peer(&b, 0, &a, "");
    ck_assert_int_eq(cove_edge_start(a.edge), 0);
    ck_assert(turn_until(both_open, 2000));
}

/* A bare socket to b's listener, from 127.0.0.n. */
static int bare_connect_from(uint8_t n)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct sockaddr_in from = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    from.sin_addr.s_addr = htonl(0x7f000000u | n);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port =
        htons((uint16_t)atoi(strrchr(cove_edge_address(b.edge), ':') + 1));
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static int bare_connect(void)
{
    return bare_connect_from(1);
}

/* --- addresses */

START_TEST(an_address_is_host_and_port_or_refused)
{
    static const struct {
        const char *text, *host, *port;
    } good[] = {{"127.0.0.1:80", "127.0.0.1", "80"},
                {"[::1]:65535", "::1", "65535"},
                {":0", "", "0"},
                {"relay.example:7000", "relay.example", "7000"}};
    static const char *const bad[] = {
        "",           ":",       "localhost", "localhost:",
        "host:65536", "host:-1", "host:1x",   "::1:80",
        "[::1]",      "[::1]80", "[]:80",     "host:000001"};
    struct edge_address address;
    char longer[300];

    for (size_t i = 0; i < COVE_ARRAY_LEN(good); i++) {
        ck_assert_int_eq(edge_address_parse(good[i].text, &address), 0);
        ck_assert_str_eq(address.host, good[i].host);
        ck_assert_str_eq(address.port, good[i].port);
    }
    for (size_t i = 0; i < COVE_ARRAY_LEN(bad); i++) {
        ck_assert_msg(edge_address_parse(bad[i], &address) == COVE_EUSAGE, "%s",
                      bad[i]);
    }
    memset(longer, 'h', sizeof(longer));
    memcpy(longer + 200, ":80", 4);
    ck_assert_int_eq(edge_address_parse(longer, &address), COVE_EUSAGE);
}
END_TEST

/* A bare tree may have no /etc/hosts, and then no name to test with. */
static bool names_resolve(void)
{
    struct addrinfo *list = NULL;
    bool good = getaddrinfo("localhost", NULL, NULL, &list) == 0;

    if (good) {
        freeaddrinfo(list);
    } else {
        fprintf(stderr, "skipped: this machine does not know localhost\n");
    }
    return good;
}

START_TEST(port_0_picks_one_and_says_which)
{
    ck_assert_str_eq(cove_edge_address(a.edge), "");
    ck_assert_int_eq(cove_edge_listen(a.edge, "127.0.0.1:0", NULL), 0);
    ck_assert_int_eq(strncmp(cove_edge_address(a.edge), "127.0.0.1:", 10), 0);
    ck_assert_int_gt(atoi(cove_edge_address(a.edge) + 10), 0);
}
END_TEST

START_TEST(it_listens_on_several_addresses_up_to_the_limit)
{
    struct cove_edge_state state;
    struct cove_diag diag = {0};

    for (int i = 0; i < COVE_EDGE_LISTEN; i++) {
        ck_assert_int_eq(cove_edge_listen(a.edge, "127.0.0.1:0", NULL), 0);
    }
    ck_assert_int_eq(cove_edge_listen(a.edge, "127.0.0.1:0", &diag),
                     COVE_ELIMIT);
    ck_assert_ptr_nonnull(strstr(diag.text, "8 addresses"));
    cove_edge_look(a.edge, &state, NULL, NULL); /* before any turn */
    ck_assert_uint_eq(state.listening, COVE_EDGE_LISTEN);
    ck_assert_str_eq(state.addresses[0], cove_edge_address(a.edge));
    ck_assert_str_ne(state.addresses[0], state.addresses[7]);
    ck_assert_uint_lt(state.turned_ms, 5000);
}
END_TEST

START_TEST(a_name_can_be_listened_on)
{
    if (!names_resolve()) {
        return;
    }
    ck_assert_int_eq(cove_edge_listen(b.edge, "localhost:0", NULL), 0);
    ck_assert_ptr_nonnull(strrchr(cove_edge_address(b.edge), ':'));
}
END_TEST

START_TEST(an_address_in_use_is_named)
{
    struct cove_diag diag;
    const char *taken;

    cove_diag_clear(&diag);
    ck_assert_int_eq(cove_edge_listen(b.edge, "127.0.0.1:0", NULL), 0);
    taken = cove_edge_address(b.edge);
    ck_assert_int_eq(cove_edge_listen(a.edge, taken, &diag), COVE_EADDRINUSE);
    ck_assert_ptr_nonnull(strstr(diag.text, taken));
    ck_assert_str_eq(cove_edge_address(a.edge), "");
    ck_assert_int_eq(cove_edge_listen(a.edge, "nonsense", NULL), COVE_EUSAGE);
    ck_assert_int_eq(cove_edge_listen(a.edge, "192.0.2.1:0", NULL), COVE_ENET);
    /* And it can still listen elsewhere. */
    ck_assert_int_eq(cove_edge_listen(a.edge, "127.0.0.1:0", NULL), 0);
}
END_TEST

/* --- connections */

static bool b_has_20_mib(void)
{
    return b.engine.received == 20u << 20 && a.engine.received == 1u << 20;
}

START_TEST(a_listed_peer_is_dialled_and_bytes_go_both_ways)
{
    uint8_t *message = calloc(1, COVE_MAX_MESSAGE);

    connect_both();
    for (int i = 0; i < 20; i++) {
        /* More than the queue takes would be refused, so by and by. */
        while (cove_channel_send(a.engine.conns->ch, COVE_LANE_CONTENT,
                                 cove_bytes(message, COVE_MAX_MESSAGE)) != 0) {
            edge_touch(a.edge);
            uv_run(&loop, UV_RUN_NOWAIT);
        }
    }
    ck_assert_int_eq(cove_channel_send(b.engine.conns->ch, COVE_LANE_CONTENT,
                                       cove_bytes(message, COVE_MAX_MESSAGE)),
                     0);
    edge_touch(a.edge);
    edge_touch(b.edge);
    ck_assert(turn_until(b_has_20_mib, 10000));
    ck_assert_uint_le(b.engine.flushes, b.engine.inputs);
    free(message);
}
END_TEST

START_TEST(the_engine_commits_once_a_turn_for_all_that_arrived)
{
    static int fds[8];
    unsigned before, inputs;

    listen_b();
    for (size_t i = 0; i < 8; i++) {
        fds[i] = bare_connect();
    }
    while (b.engine.connects < 8) {
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    uv_run(&loop, UV_RUN_NOWAIT);
    before = b.engine.flushes;
    inputs = b.engine.inputs;
    for (size_t i = 0; i < 8; i++) {
        ck_assert_int_eq(write(fds[i], "cove", 4), 4);
    }
    uv_run(&loop, UV_RUN_NOWAIT);
    ck_assert_uint_eq(b.engine.inputs, inputs + 8);
    ck_assert_uint_eq(b.engine.flushes, before + 1);
    for (size_t i = 0; i < 8; i++) {
        close(fds[i]);
    }
}
END_TEST

START_TEST(a_peer_that_is_not_there_yet_is_dialled_again)
{
    char address[EDGE_ADDRESS_MAX];

    /* A port that was free a moment ago. */
    listen_b();
    snprintf(address, sizeof(address), "%s", cove_edge_address(b.edge));
    cove_edge_stop(b.edge, on_stopped, &b);
    while (!b.stopped) {
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    cove_store_close(b.store);
    device_peer(&a, 0, &b, address);
    ck_assert_int_eq(cove_edge_start(a.edge), 0);
    ck_assert(!turn_until(never, 150));
    device_init(&b, 2, NULL);
    device_peer(&a, 0, &b, address);
    ck_assert_int_eq(cove_edge_listen(b.edge, address, NULL), 0);
    ck_assert_int_eq(cove_edge_start(b.edge), 0);
    ck_assert(turn_until(both_open, 2000));
}
END_TEST

START_TEST(the_pause_between_calls_doubles_to_a_minute)
{
    struct edge_peer peer = {.address = "127.0.0.1:1"};
    uint64_t most = 200;

    /* As a connection that ended, without a socket. */
    for (unsigned i = 0; i < 20; i++) {
        struct edge_conn c = {.edge = a.edge, .peer = &peer};
        uint64_t now = edge_now(a.edge);

        edge_peer_ended(&c, COVE_ENET, "lost");
        ck_assert_uint_ge(peer.next_dial_ms - now, most / 2);
        ck_assert_uint_le(peer.next_dial_ms - now, most);
        most = most * 2 > 60000 ? 60000 : most * 2;
    }
    ck_assert_uint_eq(most, 60000);
    ck_assert_int_eq(peer.state, COVE_PEER_OFFLINE);
    ck_assert_str_eq(peer.error, "lost");
}
END_TEST

START_TEST(a_peer_added_by_another_process_is_dialled_within_a_second)
{
    listen_b();
    device_peer(&b, 0, &a, "");
    ck_assert_int_eq(cove_edge_start(a.edge), 0);
    ck_assert(!turn_until(never, 50));
    device_peer(&a, 2, &b, cove_edge_address(b.edge));
    ck_assert(turn_until(both_open, 1100));
}
END_TEST

START_TEST(waking_the_edge_makes_it_look_at_once)
{
    listen_b();
    ck_assert_int_eq(cove_edge_start(a.edge), 0);
    ck_assert(!turn_until(never, 300));
    device_peer(&a, 2, &b, cove_edge_address(b.edge));
    cove_edge_wake(a.edge);
    ck_assert(turn_until(both_open, 500));
}
END_TEST

static unsigned looks_before;

static bool looked(void)
{
    return b.engine.looks > looks_before;
}

START_TEST(touching_the_file_makes_the_edge_look_at_once)
{
    char path[] = "/tmp/cove-edge-XXXXXX";
    int fd = mkstemp(path);

    /* The file need not be there. */
    close(fd);
    unlink(path);
    cove_edge_stop(b.edge, on_stopped, &b);
    while (!b.stopped) {
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    cove_store_close(b.store);
    device_init(&b, 2, path);
    ck_assert_int_eq(cove_edge_start(b.edge), 0);
    ck_assert(!turn_until(never, 20));
    fd = open(path, O_WRONLY);
    ck_assert_int_ge(fd, 0);
    for (int i = 0; i < 3; i++) {
        looks_before = b.engine.looks;
        ck_assert_int_eq(futimens(fd, NULL), 0);
        ck_assert(turn_until(looked, 200));
    }
    close(fd);
    unlink(path);
}
END_TEST

static bool a_alone(void)
{
    return a.engine.conns == NULL && b.engine.conns == NULL;
}

START_TEST(a_removed_peer_is_parted_from_with_a_goodbye)
{
    connect_both();
    a.repo.there[0] = false;
    cove_edge_wake(a.edge);
    ck_assert(turn_until(a_alone, 1000));
    ck_assert_str_eq(b.edge->peers->error, "");
    ck_assert_int_eq(b.edge->peers->state, COVE_PEER_OFFLINE);
    ck_assert_ptr_null(a.edge->peers);
}
END_TEST

static bool idle_recorded(void)
{
    return a.repo.peers[0].state == COVE_PEER_IDLE &&
           b.repo.peers[0].state == COVE_PEER_IDLE;
}

static bool b_stopped(void)
{
    return b.stopped;
}

static bool a_offline(void)
{
    return a.repo.peers[0].state == COVE_PEER_OFFLINE;
}

START_TEST(the_records_say_how_the_peers_are_and_are_written_sparingly)
{
    unsigned puts;

    connect_both();
    ck_assert(turn_until(idle_recorded, 3000));
    ck_assert_int_gt(a.repo.peers[0].state_since_ms, 0);
    puts = a.repo.puts;
    ck_assert(!turn_until(never, 1200));
    ck_assert_uint_eq(a.repo.puts, puts);
    cove_edge_stop(b.edge, on_stopped, &b);
    ck_assert(turn_until(b_stopped, 3000));
    ck_assert(turn_until(a_offline, 3000));
    ck_assert_int_eq(b.repo.peers[0].state, COVE_PEER_STOPPED);
    ck_assert_uint_le(a.repo.puts, puts + 2);
}
END_TEST

START_TEST(another_process_that_ends_its_sync_leaves_the_record_right)
{
    connect_both();
    ck_assert(turn_until(idle_recorded, 3000));
    a.repo.peers[0].state = COVE_PEER_STOPPED;
    ck_assert(!idle_recorded());
    cove_edge_wake(a.edge);
    ck_assert(turn_until(idle_recorded, 3000));
}
END_TEST

static bool a_lost(void)
{
    return a.edge->peers->state == COVE_PEER_OFFLINE &&
           a.edge->peers->error[0] != '\0';
}

START_TEST(an_end_without_goodbye_is_recorded_as_lost_and_dialled_again)
{
    connect_both();
    /* Pull b's socket away. */
    edge_conn_close(b.edge->conns);
    ck_assert(turn_until(a_lost, 1000));
    ck_assert_ptr_nonnull(strstr(a.edge->peers->error, "connection lost"));
    ck_assert(turn_until(both_open, 1000));
    ck_assert_str_eq(a.edge->peers->error, "");
}
END_TEST

static bool a_failed(void)
{
    return a.repo.peers[0].state == COVE_PEER_FAILED;
}

START_TEST(another_device_at_the_address_is_a_failed_peer)
{
    struct cove_peer_record *record = &a.repo.peers[0];

    listen_b();
    device_peer(&a, 0, &b, cove_edge_address(b.edge));
    record->key.b[0] ^= 1;
    ck_assert_int_eq(cove_edge_start(a.edge), 0);
    ck_assert(turn_until(a_failed, 3000));
    ck_assert_ptr_nonnull(strstr(record->error, "expected device"));
}
END_TEST

START_TEST(an_address_without_a_form_is_a_failed_peer)
{
    device_peer(&a, 0, &b, "no address");
    ck_assert_int_eq(cove_edge_start(a.edge), 0);
    ck_assert(turn_until(a_failed, 3000));
    ck_assert_ptr_nonnull(strstr(a.repo.peers[0].error, "host:port"));
}
END_TEST

START_TEST(a_name_that_is_not_found_leaves_the_peer_offline)
{
    device_peer(&a, 0, &b, "bad name:7000");
    ck_assert_int_eq(cove_edge_start(a.edge), 0);
    ck_assert(turn_until(a_offline, 10000));
    ck_assert_ptr_nonnull(strstr(a.repo.peers[0].error, "bad name:7000"));
}
END_TEST

START_TEST(a_peer_is_found_by_name)
{
    char address[64];

    if (!names_resolve()) {
        return;
    }
    listen_b();
    snprintf(address, sizeof(address), "localhost%s",
             strrchr(cove_edge_address(b.edge), ':'));
    device_peer(&a, 0, &b, address);
    ck_assert_int_eq(cove_edge_start(a.edge), 0);
    ck_assert(turn_until(both_open, 3000));
}
END_TEST

static bool one_left(void)
{
    return both_open() && a.engine.conns->next == NULL &&
           b.engine.conns->next == NULL && a.edge->conn_count == 1 &&
           b.edge->conn_count == 1;
}

START_TEST(two_that_dial_each_other_keep_one_connection)
{
    ck_assert_int_eq(cove_edge_listen(a.edge, "127.0.0.1:0", NULL), 0);
    ck_assert_int_eq(cove_edge_listen(b.edge, "127.0.0.1:0", NULL), 0);
    device_peer(&a, 0, &b, cove_edge_address(b.edge));
    device_peer(&b, 0, &a, cove_edge_address(a.edge));
    ck_assert_int_eq(cove_edge_start(a.edge), 0);
    ck_assert_int_eq(cove_edge_start(b.edge), 0);
    ck_assert(turn_until(both_open, 2000));
    ck_assert(!turn_until(never, 100));
    ck_assert(turn_until(one_left, 3000));
    /* And it stays. */
    ck_assert(!turn_until(never, 700));
    ck_assert(one_left());
    ck_assert_uint_eq(a.edge->peers->open, 1);
    ck_assert_uint_eq(b.edge->peers->open, 1);
}
END_TEST

/* --- hostile neighbours */

/* A5 */
START_TEST(a_thousand_that_say_nothing_keep_no_peer_out)
{
    static int fds[1000];

    listen_b();
    device_peer(&b, 0, &a, "");
    for (size_t i = 0; i < COVE_ARRAY_LEN(fds); i++) {
        fds[i] = bare_connect();
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    ck_assert(!turn_until(never, 20));
    ck_assert_uint_eq(b.edge->conn_count, COVE_EDGE_HALF_OPEN_IP);
    device_peer(&a, 0, &b, cove_edge_address(b.edge));
    ck_assert_int_eq(cove_edge_start(a.edge), 0);
    ck_assert(turn_until(both_open, 1000));
    for (size_t i = 0; i < COVE_ARRAY_LEN(fds); i++) {
        close(fds[i]);
    }
}
END_TEST

static int half_fds[COVE_EDGE_HALF_OPEN + 40];

/* A5 */
START_TEST(no_more_than_128_in_all_are_in_their_handshake)
{
    listen_b();
    for (size_t i = 0; i < COVE_ARRAY_LEN(half_fds); i++) {
        half_fds[i] = bare_connect_from((uint8_t)(2 + i / 7));
        uv_run(&loop, UV_RUN_NOWAIT);
        uv_run(&loop, UV_RUN_NOWAIT);
        ck_assert_uint_le(b.edge->conn_count, COVE_EDGE_HALF_OPEN);
    }
    ck_assert(!turn_until(never, 20));
    ck_assert_uint_eq(b.edge->conn_count, COVE_EDGE_HALF_OPEN);
    ck_assert_uint_eq(b.edge->counts.turned_away, 40);
    for (size_t i = 0; i < COVE_ARRAY_LEN(half_fds); i++) {
        close(half_fds[i]);
    }
}
END_TEST

/* --- addresses that are refused for a while */

static bool b_has_none(void)
{
    return b.edge->conn_count == 0;
}

/* Call from there, say that, and hang up when the edge has. */
static void bare_say(uint8_t n, const char *words)
{
    uint64_t accepted = b.edge->counts.accepted;
    int fd = bare_connect_from(n);

    while (b.edge->counts.accepted == accepted) {
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    (void)!write(fd, words, strlen(words));
    if (words[0] == '\0') {
        close(fd);
        fd = -1;
    }
    ck_assert(turn_until(b_has_none, 2000));
    if (fd >= 0) {
        close(fd);
    }
}

static uint64_t refused_then;

static bool b_refused_another(void)
{
    return b.edge->counts.refused > refused_then;
}

static bool is_refused(uint8_t n)
{
    int fd;
    bool refused;

    refused_then = b.edge->counts.refused;
    fd = bare_connect_from(n);
    refused = turn_until(b_refused_another, 100);
    close(fd);
    ck_assert(turn_until(b_has_none, 2000));
    return refused;
}

/* A4 */
START_TEST(an_address_of_64_that_speak_no_cove_is_refused)
{
    struct cove_edge_state state;

    listen_b();
    for (int i = 0; i < COVE_BAN_STRIKES - 1; i++) {
        bare_say(2, i % 2 == 0 ? "GET / HTTP/1.1\r\n\r\n" : "SSH-2.0");
    }
    ck_assert(!is_refused(2));
    bare_say(2, "x");
    ck_assert(is_refused(2));
    ck_assert(!is_refused(3)); /* nobody else is */
    b.edge->view.copied_ms = 0;
    edge_touch(b.edge);
    ck_assert(!turn_until(never, 20));
    cove_edge_look(b.edge, &state, NULL, NULL);
    ck_assert_uint_eq(state.banned, 1);
    ck_assert_uint_eq(state.refused, 1);
    ck_assert_uint_eq(state.ban_count, 1);
    ck_assert_str_eq(state.bans[0].who, "127.0.0.2");
    ck_assert(!state.bans[0].device);
    ck_assert_uint_le(state.bans[0].left_ms, COVE_BAN_MIN_MS);
    /* until it is over */
    ck_assert_uint_eq(b.edge->bans.count, 1);
    b.edge->bans.at[0].until_ms = uv_now(&loop);
    ck_assert(!is_refused(2));
}
END_TEST

static bool b_forgave(void)
{
    return b.edge->bans.count == 0;
}

START_TEST(an_address_is_taken_in_again_by_its_name)
{
    listen_b();
    for (int i = 0; i < COVE_BAN_STRIKES; i++) {
        bare_say(2, "x");
    }
    ck_assert(is_refused(2));
    ck_assert_int_eq(cove_edge_forgive(b.edge, "127.0.0.3"), 0);
    ck_assert_int_eq(cove_edge_forgive(b.edge, "127.0.0.2"), COVE_EBUSY);
    ck_assert(!turn_until(never, 20));
    ck_assert(is_refused(2));
    ck_assert_int_eq(cove_edge_forgive(b.edge, "127.0.0.2"), 0);
    ck_assert(turn_until(b_forgave, 1000));
    ck_assert(!is_refused(2));
}
END_TEST

START_TEST(who_says_nothing_or_hangs_up_is_held_nothing_against)
{
    listen_b();
    for (int i = 0; i < 2 * COVE_BAN_STRIKES; i++) {
        bare_say(2, "");
    }
    b.engine.age_ms = 4990;
    for (int i = 0; i < 3; i++) { /* too slow */
        int fd = bare_connect_from(2);

        ck_assert(!turn_until(never, 20));
        ck_assert(turn_until(b_has_none, 1000));
        close(fd);
    }
    ck_assert_uint_eq(b.edge->bans.count, 0);
}
END_TEST

/* There may be a proxy, and everybody behind it. */
START_TEST(this_machine_is_never_refused)
{
    listen_b();
    for (int i = 0; i < 2 * COVE_BAN_STRIKES; i++) {
        bare_say(1, "x");
    }
    ck_assert_uint_eq(b.edge->bans.count, 0);
}
END_TEST

static bool b_has_one(void)
{
    return b.edge->conn_count == 1;
}

/* Call from there beside one that stays, and speak no Cove. */
static void bare_break(uint8_t n)
{
    uint64_t accepted = b.edge->counts.accepted;
    int fd = bare_connect_from(n);

    while (b.edge->counts.accepted == accepted) {
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    ck_assert_int_eq(write(fd, "x", 1), 1);
    ck_assert(turn_until(b_has_one, 2000));
    close(fd);
}

START_TEST(an_address_from_which_a_known_device_is_connected_is_spared)
{
    connect_both();
    memcpy(b.edge->conns->ip, (uint8_t[16]){[10] = 0xff, 0xff, 127, 0, 0, 2},
           16); /* as if it had called from there */
    for (int i = 0; i < 2 * COVE_BAN_STRIKES; i++) {
        bare_break(2);
    }
    ck_assert_uint_eq(b.edge->bans.count, 0);
    ck_assert(both_open());
}
END_TEST

/* A guest has as many keys as it likes, so its address answers for it. */
START_TEST(a_guest_spares_no_address_and_what_it_breaks_counts)
{
    connect_both();
    b.engine.guests = true;
    memcpy(b.edge->conns->ip, (uint8_t[16]){[10] = 0xff, 0xff, 127, 0, 0, 2},
           16); /* as if it had called from there */
    bare_break(2);
    ck_assert_uint_eq(b.edge->bans.count, 1);
    ck_assert_uint_eq(b.edge->bans.at[0].strikes, 1);
    ck_assert(b.edge->conns->open);
    b.engine.faults = true;
    edge_ban_ended(b.edge->conns);
    ck_assert_uint_eq(b.edge->bans.at[0].strikes, 2);
    b.engine.guests = false; /* of who is named the device answers for it */
    edge_ban_ended(b.edge->conns);
    ck_assert_uint_eq(b.edge->bans.at[0].strikes, 2);
}
END_TEST

START_TEST(half_an_ipv6_address_is_one_name)
{
    uint8_t who[COVE_BAN_WHO] = {0x20, 0x01, 0x0d, 0xb8};
    uint8_t ip[16] = {0x20, 0x01, 0x0d, 0xb8};
    struct cove_edge_state state;

    ip[15] = 77;
    ck_assert(!edge_ban_refuses(b.edge, ip));
    ck_assert_uint_gt(cove_bans_strike(&b.edge->bans, &cove_env_system,
                                       edge_now(b.edge), who, COVE_BAN_STRIKES),
                      0);
    ck_assert(edge_ban_refuses(b.edge, ip));
    ip[7] = 1;
    ck_assert(!edge_ban_refuses(b.edge, ip));
    edge_ban_view(b.edge, edge_now(b.edge), &state);
    ck_assert_str_eq(state.bans[0].who, "2001:db8::/64");
    edge_ban_forgive(b.edge, "2001:db8::/64");
    ck_assert_uint_eq(b.edge->bans.count, 0);
}
END_TEST

START_TEST(a_device_that_is_refused_is_not_called)
{
    char who[COVE_HEX_LEN(32)];

    listen_b();
    device_peer(&a, 0, &b, cove_edge_address(b.edge));
    ck_assert_uint_gt(cove_bans_strike(&a.engine.bans, &cove_env_system,
                                       edge_now(a.edge), b.repo.device.b,
                                       COVE_BAN_STRIKES),
                      0);
    ck_assert_int_eq(cove_edge_start(a.edge), 0);
    ck_assert(!turn_until(both_open, 300));
    ck_assert_uint_eq(a.edge->counts.dialled, 0);
    cove_hex(cove_bytes(b.repo.device.b, 32), who);
    device_peer(&b, 0, &a, "");
    ck_assert_int_eq(cove_edge_forgive(a.edge, who), 0);
    ck_assert(turn_until(both_open, 2000));
}
END_TEST

/* A4 */
START_TEST(a_scanner_gets_silence_and_a_close)
{
    char got[64];
    ssize_t n = -1;
    int fd;

    listen_b();
    fd = bare_connect();
    ck_assert_int_eq(write(fd, "GET / HTTP/1.1\r\n\r\n", 18), 18);
    for (int i = 0; i < 1000 && n < 0; i++) {
        uv_run(&loop, UV_RUN_NOWAIT);
        n = read(fd, got, sizeof(got));
    }
    ck_assert_int_eq(n, 0);
    close(fd);
}
END_TEST

static bool b_alone(void)
{
    return b.engine.conns == NULL && b.edge->conn_count == 0;
}

START_TEST(who_says_nothing_is_dropped_after_five_seconds)
{
    int fd;

    listen_b();
    b.engine.age_ms = 4900;
    fd = bare_connect();
    while (b.engine.connects == 0) {
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    ck_assert(!turn_until(b_alone, 50));
    ck_assert(turn_until(b_alone, 1000));
    close(fd);
}
END_TEST

static int many_fds[COVE_EDGE_CONNS + 50];

/* A5 */
START_TEST(there_are_never_more_connections_than_the_limit)
{
    listen_b();
    /* Made to look open, so that they do not make room for each other. */
    for (size_t i = 0; i < COVE_ARRAY_LEN(many_fds); i++) {
        many_fds[i] = bare_connect();
        uv_run(&loop, UV_RUN_NOWAIT);
        uv_run(&loop, UV_RUN_NOWAIT);
        for (struct edge_conn *c = b.edge->conns; c != NULL; c = c->next) {
            c->open = true;
        }
        ck_assert_uint_le(b.edge->conn_count, COVE_EDGE_CONNS);
    }
    ck_assert_uint_eq(b.edge->conn_count, COVE_EDGE_CONNS);
    for (size_t i = 0; i < COVE_ARRAY_LEN(many_fds); i++) {
        close(many_fds[i]);
    }
}
END_TEST

/* --- the end */

START_TEST(stopping_says_goodbye_behind_what_waits)
{
    uint8_t *message = calloc(1, COVE_MAX_MESSAGE);

    connect_both();
    for (int i = 0; i < 8; i++) {
        ck_assert_int_eq(
            cove_channel_send(a.engine.conns->ch, COVE_LANE_CONTENT,
                              cove_bytes(message, COVE_MAX_MESSAGE)),
            0);
    }
    cove_edge_stop(a.edge, on_stopped, &a);
    while (!a.stopped) {
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    ck_assert(turn_until(b_alone, 2000));
    ck_assert_uint_eq(b.engine.received, 8u << 20);
    ck_assert_str_eq(b.edge->peers->error, ""); /* not lost */
    free(message);
}
END_TEST

static bool a_stopped(void)
{
    return a.stopped;
}

START_TEST(stopping_waits_for_a_peer_that_never_reads_as_long_as_was_said)
{
    uint8_t *message = calloc(1, COVE_MAX_MESSAGE);
    uint64_t begin;

    connect_both();
    ck_assert_int_eq(uv_read_stop((uv_stream_t *)&b.edge->conns->tcp), 0);
    for (int i = 0; i < 15; i++) {
        ck_assert_int_eq(
            cove_channel_send(a.engine.conns->ch, COVE_LANE_CONTENT,
                              cove_bytes(message, COVE_MAX_MESSAGE)),
            0);
    }
    uv_update_time(&loop);
    begin = now_ms();
    cove_edge_stop_within(a.edge, 600);
    cove_edge_stop(a.edge, on_stopped, &a);
    ck_assert(turn_until(a_stopped, 5000));
    ck_assert_uint_ge(now_ms() - begin, 500);
    ck_assert_uint_lt(now_ms() - begin, EDGE_STOP_MS);
    edge_conn_close(b.edge->conns);
    free(message);
}
END_TEST

static void count_open(void *ctx, const struct cove_edge_seen *seen)
{
    unsigned *open = ctx;

    *open += seen->open;
    ck_assert_ptr_nonnull(strstr(seen->address, "127.0.0.1:"));
    ck_assert(seen->dialled);
}

static bool a_sees_one_open(void)
{
    struct cove_edge_state state;
    unsigned open = 0;

    cove_edge_look(a.edge, &state, count_open, &open);
    return open == 1 && state.conns == 1;
}

START_TEST(how_all_is_can_be_looked_at)
{
    struct cove_edge_state state;

    connect_both();
    ck_assert(turn_until(a_sees_one_open, 3000));
    cove_edge_look(a.edge, &state, NULL, NULL);
    ck_assert_uint_eq(state.dialled, 1);
    ck_assert_uint_eq(state.opened, 1);
    ck_assert_uint_eq(state.accepted + state.failed + state.turned_away, 0);
    ck_assert_uint_eq(state.listening, 0);
    ck_assert_uint_lt(state.turned_ms, 3000);
}
END_TEST

static bool a_dialled_again(void)
{
    return a.edge->counts.dialled >= 2;
}

static size_t as_much;

static bool b_received(void)
{
    return b.engine.received == as_much;
}

static bool b_verified(void)
{
    return b.engine.verified > 0;
}

static void a_says(size_t len)
{
    static const uint8_t zeros[65536];

    ck_assert_int_eq(cove_channel_send(a.engine.conns->ch, COVE_LANE_CONTENT,
                                       cove_bytes(zeros, len)),
                     0);
    cove_edge_wake(a.edge);
}

START_TEST(a_socket_is_not_read_while_signatures_are_verified)
{
    struct cove_verify verify = {.parts = COVE_VERIFY_PARTS};

    connect_both();
    a_says(100);
    as_much = 100;
    ck_assert(turn_until(b_received, 2000));
    b.engine.conns->waits = true;
    a_says(1); /* is read, and then no more */
    as_much = 101;
    ck_assert(turn_until(b_received, 2000));
    a_says(1000);
    ck_assert(!turn_until(never, 50));
    ck_assert_uint_eq(b.engine.received, 101);
    ck_assert_int_eq(b.engine.begin(b.engine.begin_ctx, &verify), 0);
    ck_assert(turn_until(b_verified, 2000));
    as_much = 1101;
    ck_assert(turn_until(b_received, 2000));
}
END_TEST

START_TEST(stopping_waits_for_signatures_and_leaks_nothing)
{
    struct cove_verify verify = {.parts = COVE_VERIFY_PARTS};

    connect_both();
    ck_assert_int_eq(b.engine.begin(b.engine.begin_ctx, &verify), 0);
    cove_edge_stop(b.edge, on_stopped, &b);
    ck_assert(turn_until(b_verified, 2000));
}
END_TEST

START_TEST(a_redial_does_not_wait_for_the_pause)
{
    device_peer(&a, 0, &b, "127.0.0.1:1"); /* nobody is there */
    ck_assert_int_eq(cove_edge_start(a.edge), 0);
    ck_assert(turn_until(a_dialled_again, 2000));
    ck_assert_uint_eq(a.edge->counts.failed, a.edge->counts.dialled);
    a.edge->peers->failures = 9; /* the pause is half a minute or more */
    a.edge->peers->next_dial_ms = uv_now(&loop) + 30000;
    a.edge->counts.dialled = 1;
    cove_edge_redial(a.edge);
    ck_assert(turn_until(a_dialled_again, 2000));
    ck_assert_uint_le(a.edge->peers->failures, 2);
}
END_TEST

static bool a_is_open(void)
{
    return a.engine.open;
}

static bool a_is_closed(void)
{
    return !a.engine.open;
}

START_TEST(the_engine_is_told_whether_any_device_may_connect)
{
    struct cove_edge_state state;

    ck_assert_int_eq(cove_edge_start(a.edge), 0);
    cove_edge_look(a.edge, &state, NULL, NULL);
    ck_assert(!state.open && !a.engine.open);
    cove_edge_open(a.edge, true);
    cove_edge_look(a.edge, &state, NULL, NULL);
    ck_assert(state.open);
    ck_assert(turn_until(a_is_open, 1000));
    cove_edge_open(a.edge, false);
    ck_assert(turn_until(a_is_closed, 1000));
}
END_TEST

START_TEST(an_edge_that_never_started_stops_too)
{
    cove_edge_stop(a.edge, on_stopped, &a);
    ck_assert(turn_until(a_stopped, 1000));
}
END_TEST

START_TEST(stopping_while_a_name_is_looked_up_leaks_nothing)
{
    device_peer(&a, 0, &b, "bad name:7000");
    ck_assert_int_eq(cove_edge_start(a.edge), 0);
    uv_run(&loop, UV_RUN_NOWAIT);
    cove_edge_stop(a.edge, on_stopped, &a);
    ck_assert(turn_until(a_stopped, 10000));
}
END_TEST

/* --- failures of the machine */

/* A37 */
START_TEST(a_failing_commit_is_reported_and_sync_goes_on)
{
    connect_both();
    a.engine.fail_flush = COVE_ENOSPC;
    edge_touch(a.edge);
    ck_assert(!turn_until(never, 20));
    ck_assert_uint_eq(a.errors, 1);
    ck_assert_int_eq(a.last_error, COVE_ENOSPC);
    ck_assert(both_open());
}
END_TEST

/* A37 */
START_TEST(each_allocation_that_fails_delays_and_no_more)
{
    struct cove_edge *none = NULL;
    struct cove_edge_options opt = {.alloc = &a.alloc.alloc,
                                    .env = &cove_env_system,
                                    .repo = &a.repo,
                                    .store = a.store};

    a.alloc.fail_at = a.alloc.calls + 1;
    ck_assert_int_eq(cove_edge_new(&loop, &a.engine, &opt, &none), COVE_ENOMEM);
    a.alloc.fail_at = a.alloc.calls + 1;
    ck_assert_int_eq(cove_edge_listen(a.edge, "127.0.0.1:0", NULL),
                     COVE_ENOMEM);
    listen_b();
    device_peer(&a, 0, &b, cove_edge_address(b.edge));
    device_peer(&b, 0, &a, "");
    /* The list of peers, then the call; then b's accepting. */
    a.alloc.fail_at = a.alloc.calls + 1;
    ck_assert_int_eq(cove_edge_start(a.edge), 0);
    ck_assert_uint_eq(a.errors, 1);
    a.alloc.fail_at = a.alloc.calls + 2;
    b.alloc.fail_at = b.alloc.calls + 1;
    ck_assert(turn_until(both_open, 5000));
    ck_assert_uint_eq(a.errors, 2);
    ck_assert_uint_ge(b.errors, 1);
    ck_assert_int_eq(a.last_error, COVE_ENOMEM);
}
END_TEST

static void run_thread(void *arg)
{
    (void)arg;
    uv_run(&loop, UV_RUN_DEFAULT);
}

static void stop_async(uv_async_t *async)
{
    cove_edge_stop(a.edge, on_stopped, &a);
    cove_edge_stop(b.edge, on_stopped, &b);
    uv_close((uv_handle_t *)async, NULL);
}

START_TEST(the_last_sixteen_strangers_are_remembered)
{
    static struct cove_edge edge;
    struct harness_env env;
    struct cove_edge_state state;
    struct cove_key key = {{0}};

    harness_env_init(&env, 1);
    memset(&edge, 0, sizeof(edge));
    edge.opt.env = &env.env;
    ck_assert_int_eq(edge_view_init(&edge), 0);
    for (uint8_t i = 0; i < COVE_EDGE_STRANGERS; i++) {
        key.b[0] = i;
        env.now_ms++;
        edge_view_stranger(&edge, &key, "192.0.2.1:4000");
    }
    cove_edge_look(&edge, &state, NULL, NULL);
    ck_assert_uint_eq(state.stranger_count, COVE_EDGE_STRANGERS);
    key.b[0] = 0; /* it calls again, so the next to go is another */
    env.now_ms++;
    edge_view_stranger(&edge, &key, "192.0.2.9:1");
    key.b[0] = 99;
    env.now_ms++;
    edge_view_stranger(&edge, &key, "[2001:db8::1]:7");
    cove_edge_look(&edge, &state, NULL, NULL);
    ck_assert_uint_eq(state.stranger_count, COVE_EDGE_STRANGERS);
    ck_assert_uint_eq(state.strangers[0].calls, 2);
    ck_assert_str_eq(state.strangers[0].address, "192.0.2.9:1");
    ck_assert_uint_eq(state.strangers[1].key.b[0], 99);
    ck_assert_uint_eq(state.strangers[1].calls, 1);
    ck_assert_int_eq(state.strangers[1].time_ms, env.now_ms);
    edge.opt.alloc = &cove_alloc_libc;
    edge_view_clear(&edge);
}
END_TEST

START_TEST(it_runs_on_a_thread_of_its_own_and_is_woken_from_another)
{
    uv_thread_t thread;
    uv_async_t stop;

    listen_b();
    device_peer(&a, 0, &b, cove_edge_address(b.edge));
    device_peer(&b, 0, &a, "");
    ck_assert_int_eq(uv_async_init(&loop, &stop, stop_async), 0);
    ck_assert_int_eq(cove_edge_start(a.edge), 0);
    ck_assert_int_eq(uv_thread_create(&thread, run_thread, NULL), 0);
    for (int i = 0; i < 100; i++) {
        cove_edge_wake(a.edge);
        cove_edge_wake(b.edge);
    }
    ck_assert_int_eq(uv_async_send(&stop), 0);
    ck_assert_int_eq(uv_thread_join(&thread), 0);
    ck_assert(both_stopped());
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("edge");
    TCase *tc = tcase_create("edge");

    if (cove_crypto_init() != 0) {
        return EXIT_FAILURE;
    }
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
#define ADD(test) tcase_add_test(tc, test)
    ADD(an_address_is_host_and_port_or_refused);
    ADD(port_0_picks_one_and_says_which);
    ADD(it_listens_on_several_addresses_up_to_the_limit);
    ADD(a_name_can_be_listened_on);
    ADD(an_address_in_use_is_named);
    ADD(a_listed_peer_is_dialled_and_bytes_go_both_ways);
    ADD(the_engine_commits_once_a_turn_for_all_that_arrived);
    ADD(a_peer_that_is_not_there_yet_is_dialled_again);
    ADD(the_pause_between_calls_doubles_to_a_minute);
    ADD(a_peer_added_by_another_process_is_dialled_within_a_second);
    ADD(waking_the_edge_makes_it_look_at_once);
    ADD(touching_the_file_makes_the_edge_look_at_once);
    ADD(a_removed_peer_is_parted_from_with_a_goodbye);
    ADD(the_records_say_how_the_peers_are_and_are_written_sparingly);
    ADD(another_process_that_ends_its_sync_leaves_the_record_right);
    ADD(an_end_without_goodbye_is_recorded_as_lost_and_dialled_again);
    ADD(another_device_at_the_address_is_a_failed_peer);
    ADD(an_address_without_a_form_is_a_failed_peer);
    ADD(a_name_that_is_not_found_leaves_the_peer_offline);
    ADD(a_peer_is_found_by_name);
    ADD(two_that_dial_each_other_keep_one_connection);
    ADD(a_thousand_that_say_nothing_keep_no_peer_out);
    ADD(no_more_than_128_in_all_are_in_their_handshake);
    ADD(an_address_of_64_that_speak_no_cove_is_refused);
    ADD(an_address_is_taken_in_again_by_its_name);
    ADD(who_says_nothing_or_hangs_up_is_held_nothing_against);
    ADD(this_machine_is_never_refused);
    ADD(an_address_from_which_a_known_device_is_connected_is_spared);
    ADD(a_guest_spares_no_address_and_what_it_breaks_counts);
    ADD(half_an_ipv6_address_is_one_name);
    ADD(a_device_that_is_refused_is_not_called);
    ADD(a_scanner_gets_silence_and_a_close);
    ADD(who_says_nothing_is_dropped_after_five_seconds);
    ADD(there_are_never_more_connections_than_the_limit);
    ADD(stopping_says_goodbye_behind_what_waits);
    ADD(stopping_waits_for_a_peer_that_never_reads_as_long_as_was_said);
    ADD(how_all_is_can_be_looked_at);
    ADD(the_last_sixteen_strangers_are_remembered);
    ADD(a_socket_is_not_read_while_signatures_are_verified);
    ADD(stopping_waits_for_signatures_and_leaks_nothing);
    ADD(a_redial_does_not_wait_for_the_pause);
    ADD(the_engine_is_told_whether_any_device_may_connect);
    ADD(an_edge_that_never_started_stops_too);
    ADD(stopping_while_a_name_is_looked_up_leaks_nothing);
    ADD(a_failing_commit_is_reported_and_sync_goes_on);
    ADD(each_allocation_that_fails_delays_and_no_more);
    ADD(it_runs_on_a_thread_of_its_own_and_is_woken_from_another);
#undef ADD
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
