/* store_pages_internal.h: pages and nodes as LMDB lays them out; for
 * store_pages*.c only. All numbers are in the byte order of the machine. */
#ifndef COVE_CORE_STORE_PAGES_INTERNAL_H
#define COVE_CORE_STORE_PAGES_INTERNAL_H

#include "core/store_pages.h"

/* MDB_page: number (8) · pad (2) · flags (2) · lower (2) · upper (2), or of an
 * overflow how many pages (4); then an offset (2) for each node. */
#define PAGE_HEAD     16u
#define PAGE_BRANCH   0x01u
#define PAGE_LEAF     0x02u
#define PAGE_OVERFLOW 0x04u
#define PAGE_META     0x08u
#define PAGE_NONE     UINT64_MAX
#define PAGE_MOST     65536u
#define PAGE_DEPTH    32u

/* MDB_node: size or page number, low and high (2, 2) · flags (2), of a branch
 * the highest of the page number · bytes of the key (2) · key · value. */
#define NODE_HEAD   8u
#define NODE_BIG    0x01u /* the value is the number of an overflow page */
#define NODE_TREE   0x02u /* the value is an MDB_db */
#define NODE_KEY    511u
#define TREE_RECORD 48u

struct pages_db { /* MDB_db: pad (4), flags (2), depth (2), three counts of
                     pages, entries and root (8 each) */
    bool plain;   /* keys are bytes, each once; of the free list: numbers */
    uint64_t entries, root;
};

struct pages_meta { /* MDB_meta, as far as it is needed */
    bool whole;     /* LMDB takes it for one */
    bool sane;  /* … and it can be: after a failed write the older is not */
    bool newer; /* of a version that is not known here */
    uint64_t page_bytes;
    struct pages_db free, names;
    uint64_t last, txn;
};

struct pages_node {
    struct cove_bytes key;
    unsigned flags;
    uint64_t child;       /* of a branch, or the overflow page */
    size_t size;          /* of the value */
    const uint8_t *value; /* in the page; NULL where it is elsewhere */
};

struct cove_pages {
    const struct cove_alloc *alloc;
    int fd;
    uint64_t file_bytes;
    struct pages_meta meta; /* that is walked */
    struct cove_pages_sum sum;
    uint8_t *seen;             /* a bit a page: the walk came to it */
    uint8_t *whole;            /* … and gave what is in it */
    uint8_t *room[PAGE_DEPTH]; /* a page each */
    struct cove_buf value;
};

uint16_t pages_u16(const uint8_t *at);
uint32_t pages_u32(const uint8_t *at);
uint64_t pages_u64(const uint8_t *at);

/* Read so many bytes; a page. False where the file does not have it or cannot
 * be read. */
bool pages_read_at(int fd, uint64_t at, void *out, size_t len);
bool pages_read(int fd, uint64_t page, size_t page_bytes, uint8_t *out);
/* Take one of the two first pages apart. */
void pages_meta_read(int fd, unsigned which, size_t page_bytes,
                     struct pages_meta *out);
/* Is one of the two that of the transaction before the other's? LMDB writes
 * them in turn, and takes that with the higher number for the newer: where a
 * number is damaged, that may be the older one. */
bool pages_metas_follow(const struct pages_meta metas[2]);
struct pages_db pages_db_read(const uint8_t *at, bool free);
/* What is wrong with a page that should be a branch or a leaf; NULL: nothing.
 */
const char *pages_check(const uint8_t *page, uint64_t number,
                        size_t page_bytes);
unsigned pages_flags(const uint8_t *page);
size_t pages_count(const uint8_t *page); /* its nodes */
/* Does the leaf with the names of the trees say those of a store: A, B, … and
 * "cove"? */
bool pages_names_good(const uint8_t *page, size_t page_bytes);
/* A node of it; false where it does not lie in the page. */
bool pages_node(const uint8_t *page, size_t page_bytes, size_t i,
                struct pages_node *out);
/* How many pages a value of that size takes when it is not in its leaf. */
uint64_t pages_overflow(size_t size, size_t page_bytes);
bool pages_bit(const uint8_t *bits, uint64_t page);
void pages_mark(uint8_t *bits, uint64_t page);

#endif
