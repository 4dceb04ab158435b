/* serve_ask.c: asking the daemon that runs on this store, where one does: the
 * command's end of DIR/serve.sock. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ASK_SECONDS 3
#define ASK_MOST    (4u << 20) /* bytes of an answer */

static int ask_connect(const char *dir)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const struct timeval within = {.tv_sec = ASK_SECONDS};
    struct ucred who = {.uid = (uid_t)-1};
    socklen_t len = sizeof(who);
    int n = snprintf(to.sun_path, sizeof(to.sun_path), "%s/serve.sock", dir);
    int fd = n < 0 || n >= (int)sizeof(to.sun_path)
                 ? -1
                 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &within, sizeof(within));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &within, sizeof(within));
    /* Whoever may write the directory could answer in the daemon's place. */
    if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0 ||
        (geteuid() != 0 && who.uid != geteuid() && who.uid != 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* All that comes until the end, or NULL. */
static char *ask_read(int fd)
{
    size_t cap = 65536, len = 0;
    char *text = malloc(cap);

    while (text != NULL) {
        ssize_t n = read(fd, text + len, cap - len - 1);

        if (n <= 0) {
            text[len] = '\0';
            break;
        }
        len += (size_t)n;
        if (cap - len < 2) {
            char *wider = cap < ASK_MOST ? realloc(text, cap * 2) : NULL;

            if (wider == NULL) {
                free(text);
            }
            text = wider;
            cap *= 2;
        }
    }
    return text;
}

json_t *cli_tell_daemon(const struct cli *cli, const char *verb,
                        const char *who)
{
    json_t *reply = NULL;
    char line[256], *text = NULL;
    int fd = ask_connect(cli->dir);
    int len = snprintf(line, sizeof(line), "{\"do\":\"%s\",\"who\":\"%s\"}\n",
                       verb, who);

    if (fd < 0) {
        return NULL;
    }
    if (len < (int)sizeof(line) &&
        send(fd, line, (size_t)len, MSG_NOSIGNAL) == len) {
        text = ask_read(fd);
    }
    close(fd);
    if (text != NULL) {
        reply = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        free(text);
    }
    if (reply != NULL && json_object_get(reply, "refused") != NULL) {
        json_decref(reply);
        reply = NULL;
    }
    return reply;
}

void cli_add_clocks(json_t *reply, const json_t *state)
{
    json_t *conn, *peer;
    size_t i, k;

    json_array_foreach(json_object_get(state, "connections"), i, conn)
    {
        json_t *clock = json_object_get(conn, "clockMs");

        json_array_foreach(json_object_get(reply, "peers"), k, peer)
        {
            if (clock != NULL &&
                strcmp(cli_text(peer, "key"), cli_text(conn, "peer")) == 0) {
                json_object_set(peer, "clockMs", clock);
            }
        }
    }
}

json_t *cli_ask_daemon(const struct cli *cli, const char *verb)
{
    return cli_tell_daemon(cli, verb, "");
}

void cli_add_daemon(const struct cli *cli, json_t *reply)
{
    json_t *state = cli_ask_daemon(cli, "state");

    if (state != NULL) {
        cli_add_clocks(reply, state);
        json_object_set_new(reply, "daemon", state);
    }
}

void cli_human_bans(const json_t *daemon)
{
    json_t *ban;
    size_t i;

    json_array_foreach(json_object_get(daemon, "bans"), i, ban)
    {
        printf("%s%s  refused for %" JSON_INTEGER_FORMAT
               " s more, time %" JSON_INTEGER_FORMAT "\n",
               cli_text(ban, "key"), cli_text(ban, "address"),
               cli_int(ban, "leftMs") / 1000 + 1, cli_int(ban, "times"));
    }
}

static void human_connection(const json_t *c)
{
    printf("  %-16.16s %s %-21s %-9s %6" JSON_INTEGER_FORMAT
           " s  in %" JSON_INTEGER_FORMAT "  out %" JSON_INTEGER_FORMAT "%s",
           cli_text(c, "peer"),
           json_is_true(json_object_get(c, "dialled")) ? "to  " : "from",
           cli_text(c, "address"),
           !json_is_true(json_object_get(c, "open"))    ? "handshake"
           : json_is_true(json_object_get(c, "inSync")) ? "in sync"
                                                        : "busy",
           cli_int(c, "ageMs") / 1000, cli_int(c, "bytesIn"),
           cli_int(c, "bytesOut"),
           json_is_true(json_object_get(c, "guest")) ? "  guest" : "");
    if (cli_int(c, "strikes") > 0) {
        printf("  strikes %" JSON_INTEGER_FORMAT, cli_int(c, "strikes"));
    }
    putchar('\n');
}

void cli_human_daemon(const json_t *reply)
{
    const json_t *daemon = json_object_get(reply, "daemon");
    json_t *one;
    size_t i;

    if (daemon == NULL) {
        return;
    }
    printf("daemon     pid %" JSON_INTEGER_FORMAT ", %s, since ",
           cli_int(daemon, "pid"), cli_text(daemon, "phase"));
    cli_print_time(cli_int(daemon, "since"));
    json_array_foreach(json_object_get(daemon, "listening"), i, one)
    {
        printf("%s%s", i == 0 ? ", on " : " ", json_string_value(one));
    }
    putchar('\n');
    if (json_is_true(json_object_get(daemon, "open"))) {
        puts("  OPEN: any device may connect and leave documents here");
    }
    if (cli_text(daemon, "why")[0] != '\0') {
        fputs("  not ready: ", stdout);
        cli_print_text(cli_text(daemon, "why"));
        putchar('\n');
    }
    json_array_foreach(json_object_get(daemon, "connections"), i, one)
    {
        human_connection(one);
    }
    cli_human_bans(daemon);
}
