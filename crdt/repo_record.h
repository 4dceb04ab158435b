/* repo_record.h: the record of a document, in memory. A part of
 * repo_internal.h, which includes it.
 */
#ifndef COVE_CRDT_REPO_RECORD_H
#define COVE_CRDT_REPO_RECORD_H

#include "crdt/repo_internal.h"

struct repo_row { /* a session in a document */
    struct cove_doc_session pub;
    uint32_t num;   /* interned session */
    uint32_t tail;  /* start of the last chunk */
    uint32_t epoch; /* interned, as of the last transaction; 0 = none */
    uint32_t mark;  /* transactions that the checkpoint has folded */
    struct cove_bytes inline_chunk; /* the only chunk, or empty: in the log */
    bool has_branch;               /* its first transaction began one, or … */
    struct cove_session_id branch; /* … joined it; else zero */
    bool tomb;         /* its transaction removes the document, where it may */
    uint64_t base_hlc; /* of the last that was cut off, and … */
    uint32_t base_epoch; /* … as of it, interned */
};

struct repo_count { /* what a document is counted as in its schema */
    uint32_t epoch; /* interned, of the newest native op; 0 = none */
    uint8_t plan[8];
    uint8_t state;
};

struct repo_record {
    cove_num num;
    struct cove_id id;
    struct cove_bytes header_bytes;  /* in the arena */
    struct cove_bytes header_packed; /* as the record has it; empty: new */
    struct cove_header header;
    unsigned flags;   /* enum cove_doc_flags */
    bool others_grew; /* since this store's last transaction here */
    bool held;        /* no copy names an origin that is not: repo_held.c */
    uint64_t changed; /* 0 = not told yet */
    cove_num owner;   /* 0 = itself */
    cove_num schema;  /* 0 = none */
    enum cove_role my_role;
    uint64_t next_held; /* smallest hlc held for its time, or 0 */
    struct cove_hash clean;
    uint64_t newest;           /* hlc of the newest native op; 0 = none */
    struct repo_count count;   /* as it is now */
    struct repo_count counted; /* as the store has it, where is_counted */
    bool is_counted;
    uint64_t pending;     /* log bytes since the checkpoint */
    uint64_t state_bytes; /* of the checkpoint; 0 = there is none */
    size_t parts;         /* that the record has in the store; 0 = none */
    bool unnumbered;      /* … nor does the store know its number yet */
    size_t state_parts;
    size_t cut_parts;      /* of the document's cut; 0 = there is none */
    struct repo_row *rows; /* sorted by session id */
    size_t row_count, row_cap;
};

/* repo_record.c. Read copies into work->arena. Errors: COVE_ENOTFOUND. */
COVE_MUST_CHECK int repo_record_read(struct repo_work *work, cove_num num,
                                     struct repo_record *out);
COVE_MUST_CHECK int repo_record_write(struct repo_work *work,
                                      struct repo_record *record);
/* A record from its bytes; one row. Errors: COVE_ECORRUPT, COVE_ENOMEM. */
COVE_MUST_CHECK int repo_record_unpack(struct repo_work *work,
                                       struct cove_bytes bytes,
                                       struct repo_record *record);
COVE_MUST_CHECK int repo_row_unpack(struct repo_work *work,
                                    struct cove_unpacker *u, uint64_t created,
                                    struct repo_row *row);
/* When the header says the document was made, as an hlc; 0 where it does not.
 * Times in records are kept as differences from it. */
uint64_t repo_record_created(const struct repo_record *record);
/* Is it a list or a text? */
bool repo_record_has_elements(const struct repo_record *record);
struct repo_row *repo_record_row(const struct repo_record *record,
                                 const struct cove_session_id *session);
/* By its session's interned number. */
struct repo_row *repo_record_row_num(const struct repo_record *record,
                                     uint64_t num);
/* Insert an empty row in its place. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int repo_record_insert(struct repo_work *work,
                                       struct repo_record *record,
                                       const struct repo_session *session,
                                       uint32_t num, struct repo_row **out);
COVE_MUST_CHECK int repo_record_digest(const struct repo_record *record,
                                       struct cove_arena *arena,
                                       struct cove_hash *out);

#endif
