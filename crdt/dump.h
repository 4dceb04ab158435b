/* dump.h: documents exactly as they were signed, in a file: headers, groups,
 * batches, one block after another. docs/FORMAT.md "Dump".
 *
 *     magic  begin  documents  documents  …  end
 *
 * A block is what is checked at once: its sum is a hash of the sum before it
 * and of all its bytes, so the last sum is one of the whole file. What is in a
 * block needs no block before it but for logs, which go on where they ended.
 *
 * Knows a repo and bytes; no files, no directories. What is taken in is
 * verified as if a peer had sent it.
 */
#ifndef COVE_CRDT_DUMP_H
#define COVE_CRDT_DUMP_H

#include "crdt/repo.h"

#define COVE_DUMP_MAGIC   8
#define COVE_DUMP_HEAD    10                   /* bytes before a block's body */
#define COVE_DUMP_SUM     32                   /* and behind it */
#define COVE_DUMP_FILL    ((size_t)256 * 1024) /* a block of documents, about */
#define COVE_DUMP_MAX     ((size_t)4 * 1024 * 1024) /* a body, packed or not */
#define COVE_DUMP_ROUNDS  8
#define COVE_DUMP_SCHEMA  64 /* bytes of a schema's name that are kept */
#define COVE_DUMP_VERSION 32

extern const uint8_t cove_dump_magic[COVE_DUMP_MAGIC];

enum cove_dump_kind {
    COVE_DUMP_BEGIN = 'B',
    COVE_DUMP_DOCUMENTS = 'D',
    COVE_DUMP_END = 'E'
};

enum cove_dump_item {
    COVE_DUMP_HEADER = 1, /* a document's header */
    COVE_DUMP_GROUP = 2,  /* signs batches behind it in the block */
    COVE_DUMP_BATCH = 3,
    COVE_DUMP_FORK = 4, /* the other branch of a session that parted */
    COVE_DUMP_CUT = 5   /* what the history came to before it was cut off */
};

/* --- dump.c: blocks */

/* The sum before the first block. */
struct cove_hash cove_dump_start(void);
/* Append a block to out; *sum moves on. zip: its body is compressed where that
 * is shorter. Errors: COVE_ELIMIT, COVE_ENOMEM; out is as it was. */
COVE_MUST_CHECK int cove_dump_block(enum cove_dump_kind kind,
                                    struct cove_bytes body, bool zip,
                                    struct cove_hash *sum,
                                    struct cove_buf *out);

struct cove_dump_head { /* of a block */
    uint8_t kind;       /* one that is not known is passed over */
    bool zipped;
    uint32_t stored; /* bytes of its body as it stands */
    uint32_t raw;    /* and unpacked */
};
/* Errors: COVE_EFORMAT, COVE_ELIMIT. */
COVE_MUST_CHECK int cove_dump_head(const uint8_t in[COVE_DUMP_HEAD],
                                   struct cove_dump_head *out);
/* Check a block's sum, `rest` being its body and the sum behind it; *sum moves
 * on to what stands there, right or wrong, so that the next one can be checked.
 * Errors: COVE_EHASH. */
COVE_MUST_CHECK int cove_dump_check(const uint8_t head[COVE_DUMP_HEAD],
                                    struct cove_bytes rest,
                                    struct cove_hash *sum);
/* The body, in room where it was packed. Errors: COVE_ECORRUPT, COVE_ENOMEM. */
COVE_MUST_CHECK int cove_dump_body(const struct cove_dump_head *head,
                                   struct cove_bytes stored,
                                   struct cove_buf *room,
                                   struct cove_bytes *out);

/* --- dump.c: the first block and the last, and where a writer stands */

struct cove_dump_begin {
    char version[COVE_DUMP_VERSION]; /* of the library */
    int64_t time_ms;
    struct cove_key device;
    struct cove_id account; /* of the device */
    uint8_t store_id[16];
    uint64_t after; /* of the changes, those behind this one; 0 = all */
    char schema[COVE_DUMP_SCHEMA * 4]; /* that it is of, or "" */
};
COVE_MUST_CHECK int cove_dump_begin_write(const struct cove_dump_begin *begin,
                                          struct cove_buf *out);
/* Errors: COVE_EFORMAT. */
COVE_MUST_CHECK int cove_dump_begin_read(struct cove_bytes body,
                                         struct cove_dump_begin *out);

struct cove_dump_counts {
    uint64_t documents, transactions;
};
struct cove_dump_end {
    uint64_t sequence; /* all changes up to it are in the file, or before */
    struct cove_dump_counts counts;
};
COVE_MUST_CHECK int cove_dump_end_write(const struct cove_dump_end *end,
                                        struct cove_buf *out);
COVE_MUST_CHECK int cove_dump_end_read(struct cove_bytes body,
                                       struct cove_dump_end *out);

/* A place in what is being dumped: the changes in (after, end] are gone through
 * once for each class, as sync does. What changes meanwhile moves beyond `end`
 * and comes in the next round; the last round is of one transaction. */
struct cove_reader;
struct cove_writer;
struct cove_dump_place {
    uint64_t after, end, at; /* at: the last change that is done */
    unsigned pass;           /* enum cove_doc_class */
    unsigned round;          /* 0: not begun */
    bool inside;             /* in the middle of a document: */
    struct cove_id document;
    struct cove_session_id session;
    uint32_t from;
};
void cove_dump_place_write(const struct cove_dump_place *place,
                           struct cove_writer *w);
void cove_dump_place_read(struct cove_reader *r, struct cove_dump_place *out);

/* --- dump_give.c: documents out of a repo */

struct cove_dump_give {
    struct cove_repo *repo;
    struct cove_dump_place place;
    struct cove_dump_counts counts;
    cove_num schema; /* only of this schema, and what they need; 0 = all */
    struct cove_id journal; /* of the schema */
    /* What cannot be read is left out, and named. */
    void (*damaged)(void *ctx, const struct cove_id *id);
    void *ctx;
    struct cove_arena arena;     /* of one document; the caller's to clear */
    struct cove_buf scratch;     /* alike */
    struct cove_sharing sharing; /* in the block */
    cove_num owners[64];         /* given lately; a ring */
    size_t owner_count;
};
/* Append the body of the next block to out, or nothing; *over: there is no
 * more. Errors: COVE_ENOMEM, store errors. */
COVE_MUST_CHECK int cove_dump_give(struct cove_dump_give *give,
                                   struct cove_store_txn *txn,
                                   struct cove_buf *out, bool *over);
/* Is the present round the last one, which is of one transaction? */
bool cove_dump_last_round(const struct cove_dump_place *place);

/* --- dump_take.c: documents into a repo */

struct cove_dump_took {
    uint64_t documents;    /* headers that are new here */
    uint64_t transactions; /* new here */
    uint64_t existed;      /* headers that were here */
    uint64_t left_out;     /* documents that this device may not read */
    uint64_t refused;      /* headers and batches */
    uint64_t forks;        /* sessions that part from what is here */
    uint64_t unknown;      /* items of a later version */
    uint64_t removed;      /* of documents that were removed here */
};
struct cove_dump_take {
    struct cove_repo *repo;
    struct cove_dump_took took;
    /* What does not verify is refused, and named (id NULL: it cannot be). */
    void (*refused)(void *ctx, const struct cove_id *id, const char *why);
    void *ctx;
    struct cove_arena arena; /* of one item; the caller's to clear */
    struct cove_group group;
    struct cove_id last; /* header: it may stand in several blocks */
    struct cove_id left; /* the document that was left out last */
    bool leaves;         /* there is one */
    cove_num owner;      /* the one looked at last, and whether … */
    bool may;            /* … this device is in it */
};
/* Take the body of a block of documents in. What it refuses is counted, and
 * said; the rest is written. Errors: COVE_ENOMEM, store errors; the transaction
 * can then only be aborted. */
COVE_MUST_CHECK int cove_dump_take(struct cove_dump_take *take,
                                   struct cove_store_txn *txn,
                                   struct cove_bytes body);

#endif
