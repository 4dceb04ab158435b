/* watch_wake.c: one descriptor that is readable when there may be something to
 * tell.
 *
 * Whoever commits touches a file beside the store (node_notify), and inotify
 * tells. A process that is killed between its commit and the touch closes the
 * store's file as it goes, and that is told as well; so nothing has to be
 * looked at by the clock. A store in memory has no file: its own threads raise
 * the event.
 */
#include "node/watch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#define WAKE_TOUCHED (IN_ATTRIB | IN_MODIFY | IN_DELETE_SELF | IN_MOVE_SELF)

static int wake_add(const struct node_wake *wake, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};

    return epoll_ctl(wake->fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : COVE_EIO;
}

/* Watch the file, which is made where it is not there. */
static int wake_watch(struct cove *store, struct node_wake *wake)
{
    node_notify(store);
    if (wake->touched >= 0) {
        (void)inotify_rm_watch(wake->notices, wake->touched);
    }
    wake->touched =
        inotify_add_watch(wake->notices, store->notify_path, WAKE_TOUCHED);
    return wake->touched >= 0 ? 0 : COVE_EIO;
}

static int wake_notices(struct cove *store, struct node_wake *wake)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof(path), "%s/data.mdb", store->dir);

    wake->notices = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (wake->notices < 0 || len < 0 || len >= (int)sizeof(path) ||
        inotify_add_watch(wake->notices, path, IN_CLOSE_WRITE) < 0) {
        return COVE_EIO;
    }

    int err = wake_watch(store, wake);

    return err != 0 ? err : wake_add(wake, wake->notices);
}

static void wake_free(struct cove *store, struct node_wake *wake)
{
    const int fds[] = {wake->notices, wake->event, wake->fd};

    for (size_t i = 0; i < COVE_ARRAY_LEN(fds); i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    cove_alloc_free(store->alloc, wake);
}

static int wake_make(struct cove *store, struct node_wake **out)
{
    struct node_wake *wake = cove_alloc_zero(store->alloc, 1, sizeof(*wake));

    if (wake == NULL) {
        return COVE_ENOMEM;
    }
    wake->notices = -1;
    wake->touched = -1;
    wake->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    wake->fd = epoll_create1(EPOLL_CLOEXEC);

    int err = wake->event < 0 || wake->fd < 0 ? COVE_EIO
                                              : wake_add(wake, wake->event);

    if (err == 0 && store->notify_path != NULL) {
        err = wake_notices(store, wake);
    }
    if (err != 0) {
        wake_free(store, wake);
        return err;
    }
    *out = wake;
    return 0;
}

int node_wake_open(struct cove *store, struct node_wake **out)
{
    struct node_wake *wake = NULL;
    int err;

    pthread_mutex_lock(&store->lock);
    wake = store->wake;
    pthread_mutex_unlock(&store->lock);
    err = wake != NULL ? 0 : wake_make(store, &wake);
    if (err != 0) {
        return err;
    }
    pthread_mutex_lock(&store->lock);
    if (store->wake == NULL) {
        store->wake = wake;
    } else if (store->wake != wake) { /* another thread was faster */
        wake_free(store, wake);
    }
    *out = store->wake;
    pthread_mutex_unlock(&store->lock);
    return 0;
}

void node_wake_close(struct cove *store)
{
    if (store->wake != NULL) {
        wake_free(store, store->wake);
        store->wake = NULL;
    }
}

void node_wake_raise(const struct node_wake *wake)
{
    const uint64_t one = 1;

    /* It cannot fail but where it is raised already, ever so often. */
    if (write(wake->event, &one, sizeof(one)) < 0) {
        return;
    }
}

/* The file was removed, or another put in its place: watch the one there is. */
static bool wake_lost(const char *at, size_t len, int touched)
{
    struct inotify_event event;
    bool lost = false;

    for (size_t i = 0; i + sizeof(event) <= len;
         i += sizeof(event) + event.len) {
        memcpy(&event, at + i, sizeof(event));
        lost =
            lost || (event.mask & IN_Q_OVERFLOW) != 0 ||
            (event.wd == touched &&
             (event.mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) != 0);
    }
    return lost;
}

void node_wake_drain(struct cove *store, struct node_wake *wake)
{
    char room[4096];
    uint64_t raised;
    bool lost = false;
    ssize_t got = read(wake->event, &raised, sizeof(raised));

    while (wake->notices >= 0 &&
           (got = read(wake->notices, room, sizeof(room))) > 0) {
        lost = wake_lost(room, (size_t)got, wake->touched) || lost;
    }
    if (lost && wake_watch(store, wake) != 0 && store->log != NULL) {
        store->log(store->log_ctx, "the file that tells of commits cannot be "
                                   "watched any longer");
    }
}
