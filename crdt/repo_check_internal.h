/* repo_check_internal.h: what the files of the check share. */
#ifndef COVE_CRDT_REPO_CHECK_INTERNAL_H
#define COVE_CRDT_REPO_CHECK_INTERNAL_H

#include "crdt/repo_check.h"
#include "crdt/repo_index.h"
#include "crdt/repo_pieces.h"

enum check_phase {               /* in this order */
                   CHECK_INTERN, /* documents are read by what is interned */
                   CHECK_INTERN_KEYS,
                   CHECK_DOCUMENTS,
                   CHECK_OWNERS,
                   CHECK_LOG,
                   CHECK_STATES,
                   CHECK_CUTS,
                   CHECK_SCHEMAS,
                   CHECK_CHANGES,
                   CHECK_IDS,
                   CHECK_FORKS,
                   CHECK_INDEXED,
                   CHECK_INDEX,
                   CHECK_GROUPS,
                   CHECK_TALLIES,
                   CHECK_COUNTERS,
                   CHECK_SUMS,
                   CHECK_ASIDE,
                   CHECK_OVER
};

struct check_group { /* as its record counts, and as it is */
    uint64_t num, named, found;
};

struct cove_check {
    struct cove_repo *repo;
    struct cove_check_options opt;
    struct cove_check_sum sum;
    enum check_phase phase;
    uint8_t key[COVE_STORE_MAX_KEY]; /* looked at last in this phase */
    size_t key_len;
    cove_num num; /* the document looked at last */
    /* What the counters must at least say. */
    uint64_t most_hlc, most_own_hlc, most_sequence;
    cove_num most_num;
    uint32_t most_intern;
    /* Groups of one stretch, while chunks are counted for them. */
    struct check_group *groups;
    size_t group_count, group_cap;
    struct cove_arena groups_arena;
    uint64_t groups_until; /* the last of the stretch */
    /* Sums: as of which change, and over how many documents. */
    bool sums_begun, sums_bad;
    uint64_t sums_position, summed;
    /* Of one slice. */
    struct repo_work work;
    struct cove_arena arena;   /* of one document */
    struct cove_arena piece;   /* of one chunk */
    struct repo_record record; /* the one looked at last in other phases */
    bool record_there;
    bool wrote;
};

/* --- repo_check.c */
/* Say it; with the document where `record` is not NULL. */
COVE_MUST_CHECK int check_say(struct cove_check *c, struct cove_finding *f,
                              const struct repo_record *record);
/* The same in short. */
/* repo_held.c: does the record say so of the origins of copies, and is it not
 * so? */
COVE_MUST_CHECK int check_held(struct cove_check *c, struct repo_record *record,
                               bool *dirty);
COVE_MUST_CHECK int check_derived(struct cove_check *c, const char *kind,
                                  const struct repo_record *record,
                                  const char *text);
/* The record of a document, kept until another is asked for. *there false:
 * there is none, or it cannot be read. */
COVE_MUST_CHECK int check_record(struct cove_check *c, cove_num num,
                                 const struct repo_record **out, bool *there);
COVE_MUST_CHECK int check_delete(struct cove_check *c, unsigned tree,
                                 struct cove_bytes key);
/* Whether an error is one of what was read, and no reason to stop. */
bool check_is_damage(int err);
/* What was read before may not be what the store holds. */
void check_forget(struct cove_repo *repo);

/* --- repo_check_doc.c */
COVE_MUST_CHECK int check_document(struct cove_check *c, cove_num num);
COVE_MUST_CHECK int check_owner(struct cove_check *c, cove_num num);

/* --- repo_check_row.c */
struct check_row {
    struct repo_whose whose;
    struct repo_reach reach; /* how far all is whole */
    const char *kind;        /* what ends it there; NULL: nothing does */
    const char *text;
    uint32_t resign; /* the chunk at this index has a damaged signature over
                        what is whole; UINT32_MAX: none */
    bool derived;    /* the log is whole, and `kind` a fault of the record */
    bool longer;     /* the log goes beyond what the record says */
    /* What its first transaction says; only where that could be read. */
    bool begun, tomb, has_branch;
    struct cove_session_id branch;
};
COVE_MUST_CHECK int check_row(struct cove_check *c,
                              const struct repo_record *record,
                              const struct repo_row *row,
                              struct check_row *out);

/* --- repo_check_cut.c */
/* Before the rows: they begin where the cut ends. *mended: rows went with it,
 * and mend_record is due; *dirty: the record is another. */
COVE_MUST_CHECK int check_cut(struct cove_check *c, struct repo_record *record,
                              bool *mended, bool *dirty);

/* --- repo_check_mend.c */
/* Cut a session back to what is whole, and put the rest aside. The record is
 * changed and not written. *gone: nothing of it is left, and its row neither.
 */
COVE_MUST_CHECK int mend_row(struct cove_check *c, struct repo_record *record,
                             size_t at, const struct check_row *found,
                             bool *gone);
/* After rows were changed: what follows from them in the record, and its
 * change. */
COVE_MUST_CHECK int mend_record(struct cove_check *c,
                                struct repo_record *record, uint32_t session,
                                uint32_t from);
/* Take a document away whose record cannot be read, aside. */
COVE_MUST_CHECK int mend_remove(struct cove_check *c, cove_num num,
                                const struct cove_id *id);
/* Drop the checkpoint; the next load folds anew. */
COVE_MUST_CHECK int mend_checkpoint(struct cove_check *c,
                                    struct repo_record *record);

/* --- repo_check_aside.c: put bytes aside */
COVE_MUST_CHECK int repo_aside_put(struct cove_repo *repo,
                                   struct cove_store_txn *txn,
                                   const struct cove_aside *place,
                                   struct cove_bytes bytes);
COVE_MUST_CHECK int mend_aside(struct cove_check *c,
                               const struct cove_aside *place,
                               struct cove_bytes bytes);

/* --- repo_check_trees.c: one entry of a tree */
typedef int check_entry(struct cove_check *c, const struct cove_entry *entry);
check_entry check_log_entry, check_state_entry, check_cut_entry,
    check_schema_entry, check_change_entry, check_id_entry, check_fork_entry;
/* An entry that nothing has: it is deleted. */
COVE_MUST_CHECK int check_extra(struct cove_check *c, unsigned tree,
                                const struct cove_entry *entry,
                                const char *kind, const char *text);

/* --- repo_check_sums.c */
check_entry check_sum_entry;

/* --- repo_check_intern.c */
check_entry check_intern_entry, check_intern_key_entry;

/* --- repo_check_index.c */
check_entry check_indexed_entry, check_index_entry;

/* --- repo_index.c: one of the keys that a document stands under, and its
 * entry by itself */
/* Errors: COVE_ECORRUPT. */
COVE_MUST_CHECK int repo_index_take(struct cove_unpacker *u,
                                    struct cove_index_key *out);
/* Errors: COVE_ENOTFOUND. */
COVE_MUST_CHECK int repo_index_get(struct cove_store_txn *txn, uint32_t index,
                                   cove_num num, struct cove_bytes values,
                                   struct cove_bytes *out);
COVE_MUST_CHECK int repo_index_put(struct cove_store_txn *txn, uint32_t index,
                                   cove_num num,
                                   const struct cove_index_key *key);
/* Can all of them be read, each behind the one before? */
bool repo_index_whole(struct cove_bytes packed);
/* What an entry's key says. Errors: COVE_ECORRUPT. */
COVE_MUST_CHECK int repo_index_key(struct cove_bytes key, uint32_t *index,
                                   struct cove_bytes *values, cove_num *num);
/* What a document stands under in an index, packed. Errors: COVE_ENOTFOUND. */
COVE_MUST_CHECK int repo_indexed_get(struct cove_store_txn *txn, uint32_t index,
                                     cove_num num, struct cove_bytes *out);

/* --- repo_check_counts.c: *over when the phase is */
COVE_MUST_CHECK int check_groups(struct cove_check *c, bool *over);
COVE_MUST_CHECK int check_tallies(struct cove_check *c);
COVE_MUST_CHECK int check_counters(struct cove_check *c);
COVE_MUST_CHECK int check_asides(struct cove_check *c);

#endif
