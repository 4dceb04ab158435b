/* record.h: a day's work on a disk that records, and what the store held after
 * each commit of it. */
#ifndef COVE_TESTS_RECORD_H
#define COVE_TESTS_RECORD_H

#include "crdt/repo.h"
#include "tests/power/disk.h"
#include "tests/power/work.h"

#define RECORD_COMMITS 512

/* How far a session's log of a document had come, and by which bytes. */
struct record_head {
    struct cove_id document;
    struct cove_session_id session;
    struct cove_key device;
    uint32_t len;
    struct cove_hash head;
};

struct record_commit {
    uint64_t content;          /* content_of() after it */
    struct record_head *heads; /* of this device's logs; NULL: not noted */
    size_t head_count;
};

struct record {
    struct disk disk;
    struct work work; /* its ids are of use when it is over */
    struct record_commit commits[RECORD_COMMITS]; /* 0: the empty store */
    size_t begun;
    size_t backup; /* the last commit before the copy was begun */
};

/* The marks on the disk. */
enum record_mark {
    MARK_BEGUN,        /* a commit */
    MARK_ACKNOWLEDGED, /* it returned 0 */
    MARK_COPIED,       /* the backup returned 0 */
    MARK_KINDS
};
#define RECORD_MARK(kind, number) ((size_t)(number)*MARK_KINDS + (kind))

struct record_options {
    uint64_t seed;
    const char *base; /* an empty directory */
    bool lies;        /* planted: barriers that are none */
    bool early;       /* planted: commits acknowledged before they are made */
    bool group;       /* level group, not full */
    int rounds;       /* of edits */
};

/* Do it. The first error, which is the test's. */
int record_make(struct record *record, const struct record_options *options);
void record_free(struct record *record);

#endif
