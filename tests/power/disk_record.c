/* disk_record.c: calls become events; see disk.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/power/disk.h"

static struct disk_event *disk_add(struct disk *disk, enum disk_kind kind,
                                   int node)
{
    if (disk->count == disk->cap) {
        disk->cap = disk->cap != 0 ? disk->cap * 2 : 1024;
        disk->events = realloc(disk->events, disk->cap * sizeof(*disk->events));
        if (disk->events == NULL) {
            abort();
        }
    }
    struct disk_event *event = &disk->events[disk->count++];

    *event = (struct disk_event){.kind = kind, .node = node, .means = -1};
    return event;
}

static bool disk_has(const struct disk *disk, const char *path)
{
    size_t len = strlen(disk->root);

    return strncmp(path, disk->root, len) == 0 &&
           (path[len] == '/' || path[len] == '\0');
}

/* The node that a path stands for now; -1: none of ours. Known by its inode,
 * since a file keeps what it is when its name changes. */
static int disk_node(struct disk *disk, const char *path)
{
    struct stat st;

    if (!disk_has(disk, path) || stat(path, &st) != 0) {
        return -1;
    }
    for (int i = disk->node_count - 1; i >= 0; i--) {
        if (!disk->nodes[i].gone && disk->nodes[i].device == st.st_dev &&
            disk->nodes[i].inode == st.st_ino) {
            return i;
        }
    }
    if (disk->node_count == DISK_NODES) {
        disk->broken = "too many files";
        return -1;
    }
    struct disk_node *node = &disk->nodes[disk->node_count];

    node->device = st.st_dev;
    node->inode = st.st_ino;
    node->directory = S_ISDIR(st.st_mode);
    snprintf(node->path, sizeof(node->path), "%s", path);
    return disk->node_count++;
}

/* The directory above a path, and the last part of it. */
static int disk_above(struct disk *disk, const char *path, const char **name)
{
    char above[256];
    const char *slash = strrchr(path, '/');

    *name = slash + 1;
    snprintf(above, sizeof(above), "%.*s", (int)(slash - path), path);
    return disk_node(disk, above);
}

/* A name now stands for a node; another of the same directory, which stood for
 * it, goes with that. */
static void record_name(struct disk *disk, const char *path, const char *from,
                        int means)
{
    const char *name, *old = "";
    int dir = disk_above(disk, path, &name);

    /* Between directories the two names come and go each by itself. */
    if (from != NULL && disk_above(disk, from, &old) != dir) {
        record_name(disk, from, NULL, -1);
        old = "";
    }
    struct disk_event *event = disk_add(disk, DISK_NAME, dir);

    if (strlen(name) >= sizeof(event->name) ||
        strlen(old) >= sizeof(event->from)) {
        disk->broken = "a long name";
        return;
    }
    strcpy(event->name, name);
    strcpy(event->from, old);
    event->means = means;
}

/* Is this a barrier that the disk only says it heeds? */
static bool record_lies(const struct disk *disk, int node)
{
    return disk->lies && strstr(disk->nodes[node].path, "/data.mdb") != NULL;
}

static void record_write(struct disk *disk, const struct call *call, int node)
{
    struct disk_event *event = disk_add(disk, DISK_WRITE, node);
    size_t at = 0;

    event->through = call->through && !record_lies(disk, node);
    event->at = (size_t)call->at;
    event->len = call->len;
    event->bytes = malloc(call->len > 0 ? call->len : 1);
    if (event->bytes == NULL) {
        abort();
    }
    for (int i = 0; i < call->part_count; i++) {
        memcpy(event->bytes + at, call->parts[i].iov_base,
               call->parts[i].iov_len);
        at += call->parts[i].iov_len;
    }
}

/* A file that an open made, or emptied. Whether it was there is known from
 * the nodes: each file of the test begins in it. */
static void record_open(struct disk *disk, const struct call *call)
{
    int known = disk->node_count;
    int node = disk_node(disk, call->path);

    if (node >= known && (call->flags & O_CREAT) != 0) {
        record_name(disk, call->path, NULL, node);
    } else if (node >= 0 && (call->flags & O_TRUNC) != 0) {
        disk_add(disk, DISK_SIZE, node)->at = 0;
    }
}

/* LMDB maps its table of readers, whose bytes we therefore do not see, and
 * makes it anew when nobody has the store open. */
static bool record_ignores(const char *path)
{
    const char *name = strrchr(path, '/');

    return name != NULL && strcmp(name, "/lock.mdb") == 0;
}

static void record_fd(struct disk *disk, const struct call *call)
{
    char path[256];

    calls_path(call->fd, path);

    int node = record_ignores(path) ? -1 : disk_node(disk, path);

    if (node < 0) {
        return;
    }
    if (call->kind == CALL_WRITE) {
        record_write(disk, call, node);
    } else if (call->kind == CALL_SIZE) {
        disk_add(disk, DISK_SIZE, node)->at = (size_t)call->at;
    } else if (call->kind == CALL_SYNC && !record_lies(disk, node)) {
        disk_add(disk, DISK_BARRIER, node);
    }
}

/* Who loses its name by a call may lose its inode to the next file made. */
static int record_before(void *ctx, struct call *call)
{
    struct disk *disk = ctx;

    disk->dropped = call->kind == CALL_RENAME   ? disk_node(disk, call->to)
                    : call->kind == CALL_REMOVE ? disk_node(disk, call->path)
                                                : -1;
    return call->kind == CALL_SYNC && disk->refuse > 0 && --disk->refuse == 0
               ? EIO
               : 0;
}

static void record_after(void *ctx, const struct call *call, int failed)
{
    struct disk *disk = ctx;
    bool named = call->path[0] != '\0';

    if (failed != 0 || (named && (!disk_has(disk, call->path) ||
                                  record_ignores(call->path)))) {
        return;
    }
    if (disk->dropped >= 0) {
        disk->nodes[disk->dropped].gone = true;
    }
    switch (call->kind) {
    case CALL_OPEN:
        record_open(disk, call);
        break;
    case CALL_RENAME:
        record_name(disk, call->to, call->path, disk_node(disk, call->to));
        if ((call->flags & RENAME_EXCHANGE) != 0) {
            disk->broken = "two names that are exchanged";
        }
        break;
    case CALL_REMOVE:
        record_name(disk, call->path, NULL, -1);
        break;
    case CALL_DIRECTORY:
        record_name(disk, call->path, NULL, disk_node(disk, call->path));
        break;
    case CALL_RESERVE: /* changes neither bytes nor length */
        break;
    case CALL_WRITE:
    case CALL_SIZE:
    case CALL_SYNC:
        record_fd(disk, call);
        break;
    }
}

void disk_record(struct disk *disk, const char *root)
{
    snprintf(disk->root, sizeof(disk->root), "%s", root);
    disk->dropped = -1;
    (void)disk_node(disk, disk->root);
    disk->hook = (struct calls_hook){record_before, record_after, disk};
    calls_watch(&disk->hook);
}

void disk_stop(struct disk *disk)
{
    (void)disk;
    calls_watch(NULL);
}

void disk_free(struct disk *disk)
{
    for (size_t i = 0; i < disk->count; i++) {
        free(disk->events[i].bytes);
    }
    free(disk->events);
    *disk = (struct disk){.count = 0};
}

void disk_mark(struct disk *disk, size_t number)
{
    disk_add(disk, DISK_MARK, 0)->at = number;
}
