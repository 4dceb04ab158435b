/* devices.h: a few devices with documents of all types in common, and authors
 * who send whatever can be signed; all that is written is told to the naive
 * evaluator too, and any device can be compared with it at any time. */
#ifndef COVE_TESTS_DEVICES_H
#define COVE_TESTS_DEVICES_H

#include "tests/promises/naive.h"
#include "tests/unit/author.h"

#define DEVICES_MOST  5
#define DEVICES_DOCS  3
#define DEVICES_HANDS 4
#define DEVICES_NOW   ((int64_t)1750000000000)

struct device_doc {
    struct cove_id id;
    struct cove_bytes header;
    enum cove_doc_type type;
    struct naive naive;
    size_t committed; /* of its transactions, while a device writes */
};

struct hand { /* a session written by hand */
    struct author author;
    struct device_doc *doc;
    uint32_t next; /* number of its next element, if it behaves */
    uint64_t hlc;
};

struct devices {
    uint64_t seed;
    struct kit desk; /* no device: where headers and batches lie */
    struct kit kits[DEVICES_MOST];
    bool has_owner[DEVICES_MOST];
    int count;
    bool reader; /* the last device may not write */
    bool wordy;  /* long enough for checkpoints */
    struct cove_id group;
    struct cove_bytes group_header;
    struct device_doc docs[DEVICES_DOCS];
    int doc_count;
    struct hand hands[DEVICES_HANDS];
    int hand_count;
};

static inline uint32_t devices_dice(struct devices *d, uint32_t sides)
{
    d->seed ^= d->seed << 13;
    d->seed ^= d->seed >> 7;
    d->seed ^= d->seed << 17;
    return (uint32_t)((d->seed >> 24) % sides);
}

enum devices_kind {
    DEVICES_DISK = 1,  /* the first device has its store on disk */
    DEVICES_READER = 2 /* the last one may not write */
};
void devices_open(struct devices *d, uint64_t seed, int count, unsigned kind);
void devices_close(struct devices *d);
struct device_doc *devices_doc(struct devices *d, enum cove_doc_type type);
/* Every device gets every header, and the owner's. */
void devices_headers(struct devices *d);
void devices_own(struct devices *d, int device);

/* --- writing; what is appended is told */

/* tx.hlc and its place are found in the document. */
void devices_told(struct devices *d, int device, struct device_doc *doc,
                  const struct cove_doc *loaded, const struct cove_tx *tx);
void devices_append(struct devices *d, int device, struct cove_store_txn *txn,
                    struct device_doc *doc, struct cove_doc *loaded,
                    struct cove_tx *tx);
/* One commit, or an abort, of a few edits of one or two documents. */
void devices_write(struct devices *d, int device);
/* A session by hand writes a transaction; with what can be wrong in it. */
void devices_hand(struct devices *d, const struct kit *who,
                  struct device_doc *doc);
void devices_hand_write(struct devices *d, struct hand *hand);
/* A transaction with what can be wrong in it, of a session whose next element
 * is *next; in the desk's arena. */
void devices_odd_tx(struct devices *d, struct device_doc *doc, uint32_t *next,
                    struct cove_tx *tx);

/* --- one edit in a commit of its own (devices_edit.c) */

/* The letters of a text, each an item of its own in a list. */
void devices_insert(struct devices *d, int device, struct device_doc *doc,
                    size_t at, const char *text);
void devices_remove(struct devices *d, int device, struct device_doc *doc,
                    size_t at, size_t len);
/* Write the item that stands there. */
void devices_set(struct devices *d, int device, struct device_doc *doc,
                 size_t at, char letter);
void devices_add(struct devices *d, int device, struct device_doc *doc,
                 int64_t amount);
size_t devices_length(struct kit *k, struct device_doc *doc);
/* The text, or the items' letters as they stand, one behind another; in the
 * kit's arena. */
const char *devices_word(struct kit *k, struct device_doc *doc);
void devices_give(struct devices *d, int from, int to, struct device_doc *doc);

/* --- exchange */

void devices_hand_send(struct devices *d, struct hand *hand, int to);
/* A random piece of a random session, perhaps had already, or not yet of use */
void devices_send(struct devices *d, int from, int to, struct device_doc *doc);
/* Everything to everybody, in pieces of random length. */
void devices_settle(struct devices *d);
void devices_sync(struct devices *d, struct kit *from, struct kit *to,
                  struct device_doc *doc);

/* --- what must hold */

/* A document as a line, of the state given or loaded. */
void devices_line(struct kit *k, struct cove_store_txn *txn,
                  const struct cove_doc *doc, const struct cove_state *state,
                  struct cove_buf *out);
/* What the device shows is what the evaluator makes of what it has; asked in a
 * transaction that writes, or only reads. */
void devices_check(struct devices *d, struct kit *k, struct device_doc *doc,
                   bool owner, bool write);
/* All have everything, with equal digests, and show it. */
void devices_agree(struct devices *d);

#endif
