/* disk.h: what a disk was asked to do, and what may be on it after a power
 * cut.
 *
 * While a disk records, every call that changes something below its root
 * directory becomes an event, in order: a write to a file, a new length, a
 * name that comes, moves or goes in a directory, a barrier (fsync, fdatasync)
 * on a file or a directory; and marks of the test between them.
 *
 *     write ─ write ─ BARRIER ─ write ─ name ─ mark ─ write ┊ cut
 *     └── on the disk ──────┘   └─ each of them or not ────┘
 *
 * The model is as hostile as POSIX allows; README.md says why:
 *   - what a barrier on the file followed is there; of what came since, any
 *     part may be, in any order, whatever else is
 *   - a write may be torn at every 512 bytes; where a file became longer the
 *     length may have come without the bytes, which are zero then
 *   - a name needs a barrier on its directory; a rename comes whole or not
 *   - a write through (O_DSYNC) is a barrier for itself alone, when it returns
 */
#ifndef COVE_TESTS_DISK_H
#define COVE_TESTS_DISK_H

#include <stdint.h>

#include "tests/power/calls.h"

#define DISK_SECTOR 512
#define DISK_NODES  64 /* files and directories that there ever were */
#define DISK_NAMES  24 /* in one directory */

enum disk_kind { DISK_WRITE, DISK_SIZE, DISK_NAME, DISK_BARRIER, DISK_MARK };

struct disk_event {
    enum disk_kind kind;
    int node;     /* the file, or the directory */
    bool through; /* WRITE */
    size_t at;    /* WRITE; SIZE: the new length; MARK: its number */
    uint8_t *bytes;
    size_t len;
    char name[24]; /* NAME: which now stands for … */
    char from[24]; /* … what this one stood for, which goes; or "" */
    int means;     /* … this node, or -1: it goes */
};

struct disk_node { /* as the recording has it */
    uint64_t device, inode;
    char path[256];
    bool directory;
    bool gone; /* its last name went: another file may have its inode */
};

struct disk {
    char root[256];
    struct disk_node nodes[DISK_NODES]; /* 0 is the root */
    int node_count;
    struct disk_event *events;
    size_t count, cap;
    bool lies;  /* planted: it heeds no barrier on data.mdb, but says it does */
    int refuse; /* the barrier that fails, counted from here; 0: none */
    const char *broken; /* what the recorder did not understand */
    int dropped;        /* the node that a call takes the name of; or -1 */
    struct calls_hook hook;
};

/* Begin to record what happens below `root`, which is empty; end it. */
void disk_record(struct disk *disk, const char *root);
void disk_stop(struct disk *disk);
void disk_free(struct disk *disk);
/* Put a mark of the test behind what was recorded so far. */
void disk_mark(struct disk *disk, size_t number);

/* --- the disk as it was */

struct disk_file {
    uint8_t *bytes; /* directories: none */
    size_t len, cap;
    struct {
        char name[24];
        int means;
    } names[DISK_NAMES]; /* of a directory; "" is free */
};

struct disk_chance { /* xorshift; never 0 */
    uint64_t state;
};
uint64_t disk_draw(struct disk_chance *chance, uint64_t below);

/* The disk at a moment: what is safe, and what is on its way. */
struct disk_cut {
    const struct disk *disk;
    size_t at; /* the events before it were asked for */
    struct disk_file safe[DISK_NODES];
    size_t *pending; /* numbers of events, in order */
    size_t pending_count;
    uint64_t settled[DISK_NODES]; /* how often something became safe there */
};

void disk_cut_begin(struct disk_cut *cut, const struct disk *disk);
void disk_cut_end(struct disk_cut *cut);
/* Let the next event happen; false at the end. */
bool disk_cut_next(struct disk_cut *cut);

/* One state of the disk after a cut there. */
struct disk_state {
    struct disk_file files[DISK_NODES];
    /* What was chosen for each node, as one number: equal numbers, equal
     * files. */
    uint64_t key[DISK_NODES];
};

/* Choose: which of what is on its way has arrived. The same chance and the
 * same cut give the same state. */
void disk_cut_choose(const struct disk_cut *cut, struct disk_chance *chance,
                     struct disk_state *out);
void disk_state_end(struct disk_state *state);
/* What a path below the root ("store/data.mdb") stands for; -1: nothing. */
int disk_find(const struct disk_state *state, const char *path);

#endif
