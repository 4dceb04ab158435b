/* watch_wake.c: one descriptor that is readable when there may be something to
 * tell.
 *
 * Whoever commits touches a file beside the store (node_notify), and inotify
 * tells. A process that is killed between its commit and the touch closes the
 * store's files as it goes, and that is told as well, as it is that a process
 * which synced the store does so no longer; so nothing has to be looked at by
 * the clock. A store in memory has no files: its own threads raise the event.
 */
#include "node/watch.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

static int wake_add(const struct node_wake *wake, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};

    return epoll_ctl(wake->fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : COVE_EIO;
}

/* The directory: so whatever file is touched, also one that is made anew. */
static int wake_notices(const struct cove *store, struct node_wake *wake)
{
    wake->notices = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (wake->notices < 0 ||
        inotify_add_watch(wake->notices, store->dir,
                          IN_ATTRIB | IN_CLOSE_WRITE) < 0) {
        return COVE_EIO;
    }
    return wake_add(wake, wake->notices);
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
    wake->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    wake->fd = epoll_create1(EPOLL_CLOEXEC);

    int err = wake->event < 0 || wake->fd < 0 ? COVE_EIO
                                              : wake_add(wake, wake->event);

    if (err == 0 && store->dir != NULL) {
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

void node_wake_drain(const struct node_wake *wake)
{
    char room[4096];
    uint64_t raised;

    /* What it was does not matter; there may be nothing. */
    if (read(wake->event, &raised, sizeof(raised)) < 0 && wake->notices < 0) {
        return;
    }
    while (wake->notices >= 0 && read(wake->notices, room, sizeof(room)) > 0) {
    }
}
