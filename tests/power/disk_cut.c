/* disk_cut.c: the states of a disk after a power cut; see disk.h.
 *
 * A cut walks along the recording and keeps what is safe as files, and what is
 * on its way as a list. A state is a copy of what is safe with a part of that
 * list laid over it, in one of several manners: all, none, one only, all but
 * one, up to a point, or a coin for each; and where a write is torn, a coin
 * for each sector of it.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/power/disk.h"

uint64_t disk_draw(struct disk_chance *chance, uint64_t below)
{
    uint64_t x = chance->state;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    chance->state = x;
    return (x >> 16) % below;
}

static void file_grow(struct disk_file *file, size_t len)
{
    if (len > file->cap) {
        file->cap = len + len / 2;
        file->bytes = realloc(file->bytes, file->cap);
        if (file->bytes == NULL) {
            abort();
        }
    }
    if (len > file->len) {
        memset(file->bytes + file->len, 0, len - file->len);
        file->len = len;
    }
}

static void file_put(struct disk_file *file, size_t at, const uint8_t *bytes,
                     size_t len)
{
    file_grow(file, at + len);
    memcpy(file->bytes + at, bytes, len);
}

static void file_name(struct disk_file *dir, const char *name, int means)
{
    int place = -1;

    for (int i = 0; i < DISK_NAMES; i++) {
        if (strcmp(dir->names[i].name, name) == 0) {
            place = i;
            break;
        }
        if (place < 0 && dir->names[i].name[0] == '\0') {
            place = i;
        }
    }
    if (place < 0) {
        abort(); /* a test that makes more files must raise DISK_NAMES */
    }
    if (means < 0) {
        dir->names[place].name[0] = '\0';
    } else {
        strcpy(dir->names[place].name, name);
        dir->names[place].means = means;
    }
}

static void file_apply(struct disk_file *file, const struct disk_event *event)
{
    switch (event->kind) {
    case DISK_WRITE:
        file_put(file, event->at, event->bytes, event->len);
        break;
    case DISK_SIZE:
        file_grow(file, event->at);
        file->len = event->at;
        break;
    case DISK_NAME:
        if (event->from[0] != '\0') {
            file_name(file, event->from, -1);
        }
        file_name(file, event->name, event->means);
        break;
    case DISK_BARRIER:
    case DISK_MARK:
        break;
    }
}

/* -------------------------------------------------------------- the moment */

void disk_cut_begin(struct disk_cut *cut, const struct disk *disk)
{
    memset(cut, 0, sizeof(*cut));
    cut->disk = disk;
    cut->pending = calloc(disk->count + 1, sizeof(*cut->pending));
    if (cut->pending == NULL) {
        abort();
    }
}

void disk_cut_end(struct disk_cut *cut)
{
    for (int i = 0; i < DISK_NODES; i++) {
        free(cut->safe[i].bytes);
    }
    free(cut->pending);
}

/* What is on its way to a node has arrived: all of it, or the one event. */
static void cut_settle(struct disk_cut *cut, int node, size_t only)
{
    size_t kept = 0;

    for (size_t i = 0; i < cut->pending_count; i++) {
        size_t number = cut->pending[i];
        const struct disk_event *event = &cut->disk->events[number];

        if (event->node == node && (only == SIZE_MAX || only == number)) {
            file_apply(&cut->safe[node], event);
            cut->settled[node]++;
        } else {
            cut->pending[kept++] = number;
        }
    }
    cut->pending_count = kept;
}

bool disk_cut_next(struct disk_cut *cut)
{
    const struct disk *disk = cut->disk;

    /* The last event has returned, now that another follows. */
    if (cut->at > 0 && disk->events[cut->at - 1].through) {
        cut_settle(cut, disk->events[cut->at - 1].node, cut->at - 1);
    }
    if (cut->at == disk->count) {
        return false;
    }
    const struct disk_event *event = &disk->events[cut->at];

    if (event->kind == DISK_BARRIER) {
        cut_settle(cut, event->node, SIZE_MAX);
    } else if (event->kind != DISK_MARK) {
        cut->pending[cut->pending_count++] = cut->at;
    }
    cut->at++;
    return true;
}

/* --------------------------------------------------------------- one state */

static uint64_t key_mix(uint64_t key, uint64_t more)
{
    key ^= more + UINT64_C(0x9e3779b97f4a7c15) + (key << 6) + (key >> 2);
    return key * UINT64_C(0xff51afd7ed558ccd);
}

/* Some sectors of a write, as it may have been under way. */
static void state_tear(struct disk_state *state, const struct disk_event *event,
                       size_t number, struct disk_chance *chance)
{
    struct disk_file *file = &state->files[event->node];
    uint64_t key = key_mix(number, 1);
    size_t end;

    if (disk_draw(chance, 2) == 0) {
        file_grow(file, event->at + event->len);
        key = key_mix(key, 2);
    }
    for (size_t at = 0; at < event->len; at = end) {
        size_t next = (event->at + at) / DISK_SECTOR + 1;

        end = next * DISK_SECTOR - event->at;
        end = end < event->len ? end : event->len;
        if (disk_draw(chance, 2) == 0) {
            file_put(file, event->at + at, event->bytes + at, end - at);
            key = key_mix(key, at + 3);
        }
    }
    state->key[event->node] = key_mix(state->key[event->node], key);
}

enum manner { ALL, NONE, ONE, ALL_BUT_ONE, FIRST, COINS, TORN, MANNERS };

static bool manner_takes(enum manner manner, size_t i, size_t which,
                         struct disk_chance *chance)
{
    switch (manner) {
    case ALL:
        return true;
    case ONE:
        return i == which;
    case ALL_BUT_ONE:
        return i != which;
    case FIRST:
        return i < which;
    case COINS:
    case TORN:
        return disk_draw(chance, 2) == 0;
    case NONE:
    case MANNERS:
        break;
    }
    return false;
}

void disk_cut_choose(const struct disk_cut *cut, struct disk_chance *chance,
                     struct disk_state *out)
{
    size_t count = cut->pending_count;
    enum manner manner = (enum manner)disk_draw(chance, MANNERS);
    size_t which = count > 0 ? disk_draw(chance, count) : 0;

    for (int i = 0; i < cut->disk->node_count; i++) {
        const struct disk_file *safe = &cut->safe[i];
        struct disk_file *file = &out->files[i];

        memcpy(file->names, safe->names, sizeof(file->names));
        file->len = 0;
        if (safe->len > 0) {
            file_put(file, 0, safe->bytes, safe->len);
        }
        out->key[i] = key_mix((uint64_t)i, cut->settled[i]);
    }
    for (size_t i = 0; i < count; i++) {
        size_t number = cut->pending[i];
        const struct disk_event *event = &cut->disk->events[number];
        bool torn = event->kind == DISK_WRITE &&
                    (manner == TORN || i == which) && manner != ALL &&
                    manner != NONE && disk_draw(chance, 2) == 0;

        if (torn) {
            state_tear(out, event, number, chance);
        } else if (manner_takes(manner, i, which, chance)) {
            file_apply(&out->files[event->node], event);
            out->key[event->node] = key_mix(out->key[event->node], number);
        }
    }
}

void disk_state_end(struct disk_state *state)
{
    for (int i = 0; i < DISK_NODES; i++) {
        free(state->files[i].bytes);
    }
}

int disk_find(const struct disk_state *state, const char *path)
{
    int node = 0;

    while (node >= 0 && *path != '\0') {
        size_t len = strcspn(path, "/");
        const struct disk_file *dir = &state->files[node];

        node = -1;
        for (int i = 0; i < DISK_NAMES; i++) {
            if (strlen(dir->names[i].name) == len &&
                strncmp(dir->names[i].name, path, len) == 0) {
                node = dir->names[i].means;
            }
        }
        path += len;
        path += *path == '/';
    }
    return node;
}
