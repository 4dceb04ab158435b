/* serve_notify.c: telling the service manager how the daemon is: datagrams of
 * lines to the socket that $NOTIFY_SOCKET names, a path or '@' and a name that
 * is in no directory. sd_notify(3) of systemd describes the words; other
 * managers take them too. */
#include "cli/serve.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define NOTIFY_TEXT 1024

/* How often it wants to hear; 0: not at all, or another process. */
static uint64_t notify_watchdog(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

    if (usec == NULL ||
        (pid != NULL && strtol(pid, NULL, 10) != (long)getpid())) {
        return 0;
    }
    return strtoull(usec, NULL, 10) / 1000;
}

void serve_notify_init(struct serve_notify *n)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    size_t len = path != NULL ? strlen(path) : 0;

    n->fd = -1;
    n->watchdog_ms = 0;
    if (len < 2 || len >= sizeof(to.sun_path)) {
        return;
    }
    memcpy(to.sun_path, path, len);
    to.sun_path[0] = (char)(path[0] == '@' ? '\0' : path[0]);
    n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (n->fd >= 0 &&
        connect(n->fd, (const struct sockaddr *)&to,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) !=
            0) {
        serve_notify_clear(n);
    }
    if (n->fd >= 0) {
        n->watchdog_ms = notify_watchdog();
    }
    unsetenv("NOTIFY_SOCKET"); /* it is nobody's else */
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void serve_notify_send(const struct serve_notify *n, const char *format, ...)
{
    char text[NOTIFY_TEXT];
    va_list args;
    int len;

    if (n->fd < 0) {
        return;
    }
    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (len > 0 && len < NOTIFY_TEXT &&
        send(n->fd, text, (size_t)len, MSG_NOSIGNAL) < 0) {
        return; /* the manager is gone or full; the next one may get through */
    }
}

void serve_notify_clear(struct serve_notify *n)
{
    if (n->fd >= 0) {
        close(n->fd);
        n->fd = -1;
    }
}
