/* repo_salvage_internal.h: what the files of the salvage share. */
#ifndef COVE_CRDT_REPO_SALVAGE_INTERNAL_H
#define COVE_CRDT_REPO_SALVAGE_INTERNAL_H

#include "crdt/repo_pieces.h"
#include "crdt/repo_salvage.h"

/* Trees of the scratch store beside those of a repo. */
enum salvage_tree {
    SALVAGE_DOCS = COVE_REPO_TREES, /* number, part, hash (8) → loose record */
    SALVAGE_LOG /* number, session, ~start, hash (8) → loose chunk */
};

struct salvage_journal { /* its number in the damaged store and the new one */
    cove_num from, to;
};

struct salvage_group { /* of the transaction under way, as the new store has it
                        */
    uint64_t from, to;
    struct cove_signature signature;
};
#define SALVAGE_GROUPS 64

struct cove_salvage {
    struct cove_salvage_options opt;
    struct cove_salvage_sum sum;
    struct cove_repo *from, *to;
    struct cove_store_txn *fill; /* of the scratch store, while it is filled */
    size_t fill_bytes;
    cove_num fill_num; /* of the record that came last from its tree */
    struct cove_salvage_broken broken;
    bool rights;  /* the pass that takes groups and accounts alone is over */
    cove_num num; /* the document looked at last */
    /* Of one step. */
    struct repo_work work;      /* reads the scratch store */
    struct cove_store_txn *txn; /* writes the new one */
    size_t txn_bytes;
    struct cove_arena arena; /* of one document */
    struct cove_arena piece; /* of one chunk */
    struct salvage_group groups[SALVAGE_GROUPS];
    size_t group_count;
    struct salvage_journal *journals;
    size_t journal_count, journal_cap;
    struct cove_arena journals_arena;
};

/* --- repo_salvage_log.c: a session, from all pieces there are */
struct salvage_session {
    struct repo_whose whose; /* session, number and device: as interned */
    struct repo_session interned;
    const struct cove_cut_row *cut; /* that it begins behind, or NULL */
    uint32_t told; /* its length as the record says; 0: no record says */
    struct cove_bytes *inlines; /* chunks in records */
    size_t inline_count;
    bool sure; /* the record and the tree of logs are those of the end */
};
COVE_MUST_CHECK int salvage_session(struct cove_salvage *s,
                                    const struct salvage_session *session,
                                    struct cove_saved *saved);
COVE_MUST_CHECK int salvage_forks(struct cove_salvage *s, cove_num num);

/* --- repo_salvage_doc.c: a document; `rights`: only a group or account, or
 * else only another. */
COVE_MUST_CHECK int salvage_document(struct cove_salvage *s, cove_num num,
                                     bool rights);
COVE_MUST_CHECK int salvage_say(struct cove_salvage *s,
                                struct cove_saved *saved);

/* --- repo_salvage.c */
/* Remember a journal's two numbers. */
COVE_MUST_CHECK int repo_salvage_number_put(struct cove_salvage *s,
                                            cove_num from, cove_num to);

#endif
