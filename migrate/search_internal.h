/* search_internal.h: what the files behind search.h share.
 *
 *   search_plan.c    from a condition and an order to ranges of indexes
 *   search_range.c   what a condition says of one path
 *   search_rows.c    one document: condition, key; rows that are kept
 *   search_tail.c    documents that an index says nothing of for sure
 *   search_cursor.c  where to go on, as text
 *   search.c         the three ways to give rows
 */
#ifndef COVE_MIGRATE_SEARCH_INTERNAL_H
#define COVE_MIGRATE_SEARCH_INTERNAL_H

#include "migrate/index_internal.h"
#include "migrate/search.h"

#define SEARCH_RANGES 256     /* of an index */
#define SEARCH_NUMS   4000000 /* candidates; more: all are looked at */
#define SEARCH_PAUSE  512     /* steps between two pauses */

struct search_range { /* of values: begin <= values < end */
    struct cove_bytes begin, end;
};

struct search_source { /* an index and what of it */
    const struct cove_index *index;
    struct search_range *ranges; /* sorted, apart from each other */
    size_t count;
    size_t bound; /* so many paths, from the first on, have one value each */
    bool exact;   /* whatever is in the ranges meets the condition */
};

struct search_plan {
    struct search_source *sources; /* none: a scan */
    size_t count;
    bool ordered; /* one source, one range: as asked for, read so: */
    bool back;
    bool exact;
};

struct search_nums { /* documents; sorted, each once, where settled */
    const struct cove_alloc *alloc;
    cove_num *at;
    size_t count, cap;
};

struct search_row {
    struct cove_buf key;
    cove_num num;
};

struct search_rows {
    struct search_row *at;
    size_t count, cap;
};

enum search_way {
    SEARCH_ALL,     /* by number, all of the schema */
    SEARCH_NUMBERS, /* by number, those in `nums` */
    SEARCH_SORTED,  /* `rows`, one after another */
    SEARCH_INDEX    /* an index in its order, and `rows` among it */
};

struct cove_search {
    struct cove_indexes *ix;
    struct cove_catalog *catalog;
    struct cove_repo *repo;
    struct cove_store_txn *txn;
    const struct cove_alloc *alloc;
    const struct cove_search_request *request;
    const struct cove_plan *plan;
    struct cove_arena arena;   /* as long as the search */
    struct cove_arena scratch; /* of one document */
    struct search_plan how;
    enum search_way way;
    bool num_down; /* documents with equal values: the last first */
    struct search_nums nums;
    struct search_nums tail;
    struct search_rows rows;
    size_t at; /* in nums or rows */
    cove_num last_num;
    struct cove_buf last_key; /* of the last row given, or of the cursor */
    bool begun;               /* there is one */
    struct cove_buf key;      /* of the document looked at */
    /* The walk over an index, open where it has a cursor, and where it is. */
    struct cove_index_walk walk;
    bool walk_end, walk_ready;
    uint8_t walk_values[COVE_INDEX_VALUES];
    size_t walk_len;
    cove_num walk_num;
    struct cove_buf walk_key; /* of the row that is ready */
    unsigned steps;
    uint64_t covered; /* when the tail was gathered */
    struct cove_search_explain explain;
};

/* --- search_range.c */
struct search_bound {          /* what conditions say of the values of a path */
    struct cove_bytes *points; /* encoded; else the range */
    size_t point_count;
    bool has_range;
    struct cove_bytes begin, end; /* of the range */
    size_t terms;                 /* that it stands for */
};
struct search_terms { /* all have to hold */
    const struct cove_where **at;
    size_t count, cap;
    bool more; /* there are others, that no range says */
};
/* Those of a condition that are about one path each. */
COVE_MUST_CHECK int search_terms_find(struct cove_arena *arena,
                                      const struct cove_where *where,
                                      struct search_terms *out);
/* `one`: the path leads to one value in all documents, so that all conditions
 * are about that. */
COVE_MUST_CHECK int search_bound_of(struct cove_arena *arena,
                                    const struct search_terms *terms,
                                    struct cove_bytes path, bool one,
                                    struct search_bound *out);
/* The first bytes behind all that begin with these, in the arena. */
COVE_MUST_CHECK int search_after(struct cove_arena *arena, struct cove_bytes b,
                                 struct cove_bytes *out);

/* --- search_plan.c */
COVE_MUST_CHECK int search_plan_make(struct cove_search *s,
                                     const struct cove_index *indexes,
                                     size_t count);

/* --- search_rows.c */
int search_nums_add(struct search_nums *nums, cove_num num);
void search_nums_settle(struct search_nums *nums);
bool search_nums_have(const struct search_nums *nums, cove_num num);
/* Load a document: does it meet the condition? Its key goes to s->key. */
COVE_MUST_CHECK int search_look(struct cove_search *s, cove_num num, bool *met,
                                struct cove_diag *diag);
/* <0, 0, >0: rows in the order asked for. */
int search_compare(const struct cove_search *s, struct cove_bytes a,
                   cove_num a_num, struct cove_bytes b, cove_num b_num);
/* Keep the document looked at last; of more than `limit` (0: all) the first.
 * Errors: COVE_ELIMIT. */
COVE_MUST_CHECK int search_rows_add(struct cove_search *s, cove_num num,
                                    uint64_t limit, struct cove_diag *diag);
int search_rows_sort(struct cove_search *s);
/* Now and then: see cove_search_request.pause. */
COVE_MUST_CHECK int search_pause(struct cove_search *s);
/* One piece of a key, as a value of an index; in `out`. What is behind it stays
 * in *key. */
COVE_MUST_CHECK int search_key_take(struct cove_bytes *key, bool down,
                                    struct cove_buf *out);
COVE_MUST_CHECK int search_key_put(struct cove_buf *key,
                                   struct cove_bytes piece, bool down);

/* --- search_tail.c */
COVE_MUST_CHECK int search_tail_find(struct cove_search *s);
/* Is what the search relies on still there, after a pause? */
COVE_MUST_CHECK int search_tail_check(struct cove_search *s);

/* --- search_cursor.c */
COVE_MUST_CHECK int search_cursor_read(struct cove_search *s,
                                       struct cove_diag *diag);

#endif
