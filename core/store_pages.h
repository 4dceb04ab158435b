/* store_pages.h: LMDB's file read without LMDB: for who has to look at a file
 * that may be damaged.
 *
 * LMDB trusts its file: it follows a page number or an offset wherever that
 * leads, out of the map too, and the process dies. So what is to be checked or
 * saved is read from here, with pread, page by page, and nothing is believed
 * before it was looked at. Knows nothing of what the entries mean.
 *
 *   walk   the trees from the newest first page that is whole, as LMDB would
 *          read them; what is not right is named, what is right is given
 *   rest   what lies in leaves that the walk did not come to: below a branch
 *          that is gone, of a state before the last, of pages that are free
 *
 * Source: mdb.c of LMDB 0.9.24: MDB_page, MDB_node, MDB_meta, MDB_db,
 * mdb_env_read_header, mdb_page_search_root, mdb_node_read.
 */
#ifndef COVE_CORE_STORE_PAGES_H
#define COVE_CORE_STORE_PAGES_H

#include "core/store.h"

/* Trees that are LMDB's own, beside those of the store. */
#define COVE_PAGES_NAMES (COVE_STORE_MAX_TREES + 0u) /* names of the trees */
#define COVE_PAGES_FREE  (COVE_STORE_MAX_TREES + 1u) /* pages that are free */
#define COVE_PAGES_LOOSE (COVE_STORE_MAX_TREES + 2u) /* of rest: not known */
#define COVE_PAGES_TREES (COVE_STORE_MAX_TREES + 2u)

struct cove_pages; /* opened */

struct cove_page_fault { /* borrowed until the callback returns */
    uint64_t page;
    unsigned tree;
    const char *what;       /* an end of a sentence: "is empty" */
    struct cove_bytes from; /* the keys that are below it: from … */
    struct cove_bytes to;   /* … to before; empty: without an end */
};

/* Each may be NULL. An error of one ends the reading and is its result. */
struct cove_pages_visit {
    int (*entry)(void *ctx, unsigned tree, const struct cove_entry *entry);
    int (*fault)(void *ctx, const struct cove_page_fault *fault);
    int (*step)(void *ctx, uint64_t done, uint64_t total); /* pages */
    void *ctx;
};

struct cove_pages_sum {
    uint64_t page_bytes;
    uint64_t pages;      /* up to the last one ever used */
    uint64_t file_pages; /* that the file has */
    uint64_t used;       /* in trees, the first two included */
    uint64_t free;
    uint64_t lost; /* neither: nobody will use them again */
    uint64_t faults;
    uint64_t stale; /* in a tree, and free: that may be an older tree */
    bool has_root;  /* one of the two first pages is whole */
    bool newest;    /* … and nothing says that its trees are not the newest */
    struct cove_pages_tree {
        uint64_t branches, leaves, overflow, entries; /* as they were found */
        uint64_t bytes;                               /* of keys and values */
        uint64_t faults;
    } tree[COVE_PAGES_TREES];
};

/* Open data.mdb in a directory for reading; nothing is locked or written. Who
 * holds a read transaction that was begun before reads one state of it.
 * Errors: COVE_ENOTFOUND, COVE_EACCES, COVE_EIO, COVE_ENOMEM; diag names the
 * path. A file that is damaged is opened. */
COVE_MUST_CHECK int cove_pages_open(const char *dir,
                                    const struct cove_alloc *alloc,
                                    struct cove_pages **out,
                                    struct cove_diag *diag);
void cove_pages_close(struct cove_pages *pages);

/* Once for a `pages`. Errors: of the callbacks; COVE_ENOMEM. */
COVE_MUST_CHECK int cove_pages_walk(struct cove_pages *pages,
                                    const struct cove_pages_visit *visit);
/* After a walk. An entry may be damaged, out of date, or be of another file
 * that once lay there. Errors: as above. */
COVE_MUST_CHECK int cove_pages_rest(struct cove_pages *pages,
                                    const struct cove_pages_visit *visit);
const struct cove_pages_sum *cove_pages_sum(const struct cove_pages *pages);

/* May LMDB open data.mdb of the directory and come to the root of each tree?
 * For cove_store_open_lmdb. Errors: COVE_ECORRUPT; diag says which page.
 * Cost: a page a tree. */
COVE_MUST_CHECK int cove_pages_probe(int dir_fd, const char *dir,
                                     struct cove_diag *diag);

#endif
