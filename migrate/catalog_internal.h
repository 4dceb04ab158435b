/* catalog_internal.h: the cache of catalog.c, shared with the file that builds
 * an entry. */
#ifndef COVE_MIGRATE_CATALOG_INTERNAL_H
#define COVE_MIGRATE_CATALOG_INTERNAL_H

#include "migrate/catalog.h"

struct catalog_text { /* a schema text, under the hex of its hash */
    struct cove_bytes key;
    struct cove_bytes text;
    const struct cove_schema *parsed; /* NULL until asked for */
    struct catalog_text *next;
};

struct catalog_plan {
    struct cove_step_id head;
    struct cove_plan *plan;
    struct catalog_plan *next;
};

struct catalog_entry {
    struct cove_schema_doc doc;
    struct cove_hash digest;
    bool owner_missing;  /* rights unknown: any change may bring them */
    uint64_t next_held;  /* when more of the journal shows by itself, or 0 */
    uint64_t sequence;   /* cove_repo_rules, when last compared, and … */
    uint64_t generation; /* … what that was of: cove_store_generation */
    /* Steps that are not published: such an entry stays as it was made. */
    const struct cove_assumed *assumed;
    size_t assumed_count;
    struct cove_journal *journal;
    struct cove_heads heads;
    struct cove_arena arena;
    struct catalog_text *texts;
    struct catalog_plan *plans;
    struct catalog_entry *next;
};

/* The schema that was found by its name last: the only one of that name while
 * no group, account or journal changes. */
struct catalog_named {
    cove_num num; /* 0 = none */
    char name[64];
    uint64_t sequence;
    uint64_t generation;
};

struct cove_catalog {
    const struct cove_alloc *alloc;
    struct cove_repo *repo;
    struct catalog_entry *entries;
    struct catalog_entry *stale; /* replaced, but perhaps still borrowed */
    struct catalog_named named;
    uint64_t serials; /* of the entry made last */
    struct cove_judging judging;
};

/* An empty entry, and one that was filled in its place among the others. */
struct catalog_entry *cove_catalog_entry_new(struct cove_catalog *catalog);
void cove_catalog_entry_free(struct cove_catalog *catalog,
                             struct catalog_entry *entry);
void cove_catalog_entry_put(struct cove_catalog *catalog,
                            struct catalog_entry *entry);

/* Fill an empty entry from the journal document, and what it assumes. Errors:
 * COVE_ENOTFOUND, COVE_ETYPE (no journal), COVE_ENOMEM, store errors. */
int cove_catalog_build(struct cove_catalog *catalog, struct cove_store_txn *txn,
                       struct catalog_entry *entry, cove_num num);

#endif
