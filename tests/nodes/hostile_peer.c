/* hostile_peer.c: a device that has a key, does the handshake, and then says
 * whatever it is told to, for tests of a real daemon.
 *
 *   hostile_peer SEED key              its device key, in hex
 *   hostile_peer SEED PORT [HEX …]     call 127.0.0.1:PORT, say hello and these
 *                                      messages; prints how that ended: a code
 *                                      of cove/error.h, 0 while it lasts, and
 *                                      the sentence
 *
 * SEED is a number from 1 to 255. A message that begins with "c" goes the lane
 * of content.
 */
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/id.h"
#include "sync/channel.h"
#include "sync/message.h"

#define PATIENCE_MS 3000 /* for the handshake */
#define QUIET_MS    500  /* so long nothing came: it lasts */

struct peer {
    struct cove_secret secret;
    struct cove_key device;
    struct cove_identity identity;
    struct cove_channel *channel;
    int fd;
};

static uint64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int peer_call(struct peer *peer, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port)};
    struct cove_channel_options opt = {.alloc = &cove_alloc_libc,
                                       .env = &cove_env_system,
                                       .identity = &peer->identity,
                                       .role = COVE_CHANNEL_INITIATOR,
                                       .now_ms = now_ms()};

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (peer->fd < 0 ||
        connect(peer->fd, (const struct sockaddr *)&to, sizeof(to)) != 0) {
        return COVE_ENET;
    }
    return cove_channel_new(&opt, &peer->channel);
}

/* Write what there is, and take what comes within so long; false at the end. */
static bool peer_turn(struct peer *peer, int within_ms)
{
    static uint8_t in[65536];
    struct pollfd ready = {.fd = peer->fd, .events = POLLIN};
    struct cove_bytes out;

    while ((out = cove_channel_output(peer->channel)).len > 0) {
        ssize_t n = send(peer->fd, out.at, out.len, MSG_NOSIGNAL);

        if (n < 0) { /* what the other said before it closed is still there */
            break;
        }
        cove_channel_written(peer->channel, (size_t)n);
    }
    if (poll(&ready, 1, within_ms) <= 0) {
        return false;
    }

    ssize_t n = read(peer->fd, in, sizeof(in));

    if (n <= 0) {
        (void)cove_channel_end(peer->channel);
        return false;
    }
    return cove_channel_input(peer->channel, now_ms(),
                              cove_bytes(in, (size_t)n)) == 0;
}

static int peer_say(struct peer *peer, const char *hex)
{
    static uint8_t bytes[65536];
    enum cove_channel_lane lane =
        hex[0] == 'c' ? COVE_LANE_CONTENT : COVE_LANE_CONTROL;
    const char *digits = hex[0] == 'c' ? hex + 1 : hex;
    size_t len = strlen(digits) / 2;

    if (len > sizeof(bytes) || cove_hex_parse(digits, bytes, len) != 0) {
        return COVE_EUSAGE;
    }
    return cove_channel_send(peer->channel, lane, cove_bytes(bytes, len));
}

static int peer_hello(struct peer *peer)
{
    struct cove_hello hello = {.credit = 1 << 20,
                               .client = cove_bytes_text("hostile")};
    struct cove_buf buf;
    int err;

    memset(hello.store_id, 0xc1, sizeof(hello.store_id));
    cove_buf_init(&buf, &cove_alloc_libc);
    err = cove_message_put_hello(&buf, &hello);
    if (err == 0) {
        err = cove_channel_send(peer->channel, COVE_LANE_CONTROL,
                                cove_buf_bytes(&buf));
    }
    cove_buf_clear(&buf);
    return err;
}

static int peer_run(struct peer *peer, int port, int count, char **messages)
{
    int err = peer_call(peer, port);
    uint64_t end = now_ms() + PATIENCE_MS;

    while (err == 0 &&
           cove_channel_state(peer->channel) == COVE_CHANNEL_HANDSHAKE &&
           now_ms() < end && peer_turn(peer, PATIENCE_MS)) {
    }
    if (err == 0 && cove_channel_state(peer->channel) == COVE_CHANNEL_OPEN) {
        err = peer_hello(peer);
        for (int i = 0; i < count && err == 0; i++) {
            err = peer_say(peer, messages[i]);
        }
    }
    while (err == 0 && peer_turn(peer, QUIET_MS)) {
    }
    return err;
}

int main(int argc, char **argv)
{
    struct peer peer = {.fd = -1};
    char hex[COVE_HEX_LEN(32)];
    uint8_t seed[32];
    int err;

    if (argc < 3) {
        fputs("hostile_peer SEED key | SEED PORT [HEX …]\n", stderr);
        return 2;
    }
    memset(seed, (int)strtol(argv[1], NULL, 10), sizeof(seed));
    cove_key_of_seed(seed, &peer.secret, &peer.device);
    if (strcmp(argv[2], "key") == 0) {
        cove_hex(cove_bytes(peer.device.b, sizeof(peer.device.b)), hex);
        puts(hex);
        return 0;
    }
    cove_identity_make(&peer.secret, &peer.device, &cove_env_system, 30,
                       &peer.identity);
    err = peer_run(&peer, (int)strtol(argv[2], NULL, 10), argc - 3, argv + 3);
    if (err == 0) {
        const struct cove_diag *why = cove_channel_diag(peer.channel);

        printf("%d %s\n", why->code, why->text);
    }
    cove_channel_free(peer.channel);
    if (peer.fd >= 0) {
        close(peer.fd);
    }
    return err == 0 ? 0 : 1;
}
