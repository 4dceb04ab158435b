/* store_pages.c: opening, first pages, pages and nodes, and the look at a file
 * before LMDB opens it. */
#include "core/store_pages_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/store_dir.h"

#define META_MAGIC   0xBEEFC0DEu
#define META_VERSION 1u
/* In MDB_meta: magic 0, version 4, address 8, map 16, two MDB_db 24 and 72,
 * last page 120, transaction 128. */
#define META_FREE  24u
#define META_NAMES 72u
#define META_LAST  120u
#define META_TXN   128u
#define META_BYTES 136u

#define DB_NUMBERS  8u /* MDB_INTEGERKEY */
#define PROBE_TRIES 50u

uint16_t pages_u16(const uint8_t *at)
{
    uint16_t v;

    memcpy(&v, at, sizeof(v));
    return v;
}

uint32_t pages_u32(const uint8_t *at)
{
    uint32_t v;

    memcpy(&v, at, sizeof(v));
    return v;
}

uint64_t pages_u64(const uint8_t *at)
{
    uint64_t v;

    memcpy(&v, at, sizeof(v));
    return v;
}

bool pages_read_at(int fd, uint64_t at, void *out, size_t len)
{
    uint8_t *room = out;
    size_t done = 0;

    while (done < len) {
        ssize_t got = pread(fd, room + done, len - done, (off_t)(at + done));

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        done += (size_t)got;
    }
    return true;
}

bool pages_read(int fd, uint64_t page, size_t page_bytes, uint8_t *out)
{
    return page < (uint64_t)INT64_MAX / page_bytes &&
           pages_read_at(fd, page * page_bytes, out, page_bytes);
}

bool pages_bit(const uint8_t *bits, uint64_t page)
{
    return (bits[page / 8] >> (page % 8) & 1) != 0;
}

void pages_mark(uint8_t *bits, uint64_t page)
{
    bits[page / 8] |= (uint8_t)(1u << (page % 8));
}

/* --- the two first pages */

struct pages_db pages_db_read(const uint8_t *at, bool free)
{
    struct pages_db db = {.plain =
                              (free || pages_u32(at) == 0) &&
                              pages_u16(at + 4) == (free ? DB_NUMBERS : 0) &&
                              pages_u16(at + 6) <= PAGE_DEPTH,
                          .entries = pages_u64(at + 32),
                          .root = pages_u64(at + 40)};

    return db;
}

static bool meta_root_good(const struct pages_db *db, uint64_t last)
{
    return db->plain &&
           (db->root == PAGE_NONE || (db->root >= 2 && db->root <= last));
}

void pages_meta_read(int fd, unsigned which, size_t page_bytes,
                     struct pages_meta *out)
{
    uint8_t page[PAGE_HEAD + META_BYTES];
    const uint8_t *meta = page + PAGE_HEAD;
    struct pages_meta m = {.whole = false};
    uint32_t size;

    *out = m;
    if (!pages_read_at(fd, which * (uint64_t)page_bytes, page, sizeof(page)) ||
        pages_u64(page) != which || pages_flags(page) != PAGE_META ||
        pages_u32(meta) != META_MAGIC) {
        return;
    }
    out->newer = pages_u32(meta + 4) != META_VERSION;
    if (out->newer) {
        return;
    }
    size = pages_u32(meta + META_FREE); /* md_pad of the free list */
    m.page_bytes = size;
    m.free = pages_db_read(meta + META_FREE, true);
    m.names = pages_db_read(meta + META_NAMES, false);
    m.last = pages_u64(meta + META_LAST);
    m.txn = pages_u64(meta + META_TXN);
    m.whole = true;
    m.sane = size >= 512 && size <= PAGE_MOST && (size & (size - 1)) == 0 &&
             m.last >= 1 && m.last < (uint64_t)INT64_MAX / size &&
             meta_root_good(&m.free, m.last) &&
             meta_root_good(&m.names, m.last);
    *out = m;
}

bool pages_metas_follow(const struct pages_meta metas[2])
{
    uint64_t even = metas[0].txn;
    uint64_t odd = metas[1].txn;

    return metas[0].page_bytes == metas[1].page_bytes &&
           ((even == 0 && odd == 0) || /* nothing was written yet */
            (even % 2 == 0 && (odd == even + 1 || even == odd + 1)));
}

/* --- pages and nodes */

unsigned pages_flags(const uint8_t *page)
{
    return pages_u16(page + 10);
}

size_t pages_count(const uint8_t *page)
{
    return (size_t)(pages_u16(page + 12) - PAGE_HEAD) / 2;
}

uint64_t pages_overflow(size_t size, size_t page_bytes)
{
    return ((uint64_t)PAGE_HEAD - 1 + size) / page_bytes + 1;
}

bool pages_node(const uint8_t *page, size_t page_bytes, size_t i,
                struct pages_node *out)
{
    size_t slot = PAGE_HEAD + 2 * i;
    size_t at = slot + 2 <= page_bytes ? pages_u16(page + slot) : page_bytes;
    bool branch = pages_flags(page) == PAGE_BRANCH;
    struct pages_node n = {.flags = 0};
    size_t left;
    size_t key;

    if (at < PAGE_HEAD || at % 2 != 0 || at + NODE_HEAD > page_bytes) {
        return false;
    }
    left = page_bytes - at - NODE_HEAD;
    key = pages_u16(page + at + 6);
    if (key > left || key > NODE_KEY) {
        return false;
    }
    n.key = cove_bytes(page + at + NODE_HEAD, key);
    n.size = pages_u16(page + at) | (size_t)pages_u16(page + at + 2) << 16;
    if (branch) {
        n.child = n.size | (uint64_t)pages_u16(page + at + 4) << 32;
        n.size = 0;
        *out = n;
        return true;
    }
    n.flags = pages_u16(page + at + 4);
    if (n.flags & NODE_BIG) {
        if (left - key < 8) {
            return false;
        }
        n.child = pages_u64(n.key.at + key);
    } else if (n.size > left - key) {
        return false;
    } else {
        n.value = n.key.at + key;
    }
    *out = n;
    return true;
}

const char *pages_check(const uint8_t *page, uint64_t number, size_t page_bytes)
{
    unsigned flags = pages_flags(page);
    size_t lower = pages_u16(page + 12);
    size_t upper = pages_u16(page + 14);
    struct pages_node node = {0};

    if (pages_u64(page) != number) {
        return pages_u64(page) == 0 && flags == 0 ? "is empty"
                                                  : "is another page";
    }
    if (flags != PAGE_BRANCH && flags != PAGE_LEAF) {
        return "is of another kind";
    }
    if (lower < PAGE_HEAD || lower % 2 != 0 || lower > upper ||
        upper > page_bytes) {
        return "is not laid out as a page";
    }
    if (pages_count(page) < (flags == PAGE_BRANCH ? 2u : 1u)) {
        return "holds too little";
    }
    for (size_t i = 0; i < pages_count(page); i++) {
        if (!pages_node(page, page_bytes, i, &node) ||
            node.key.at - page < (ptrdiff_t)upper) {
            return "has an entry that lies outside of it";
        }
    }
    return NULL;
}

/* --- opening */

static int pages_rooms(struct cove_pages *pages)
{
    size_t bits = (size_t)(pages->sum.file_pages > pages->sum.pages
                               ? pages->sum.file_pages
                               : pages->sum.pages) /
                      8 +
                  1;

    pages->seen = cove_alloc_zero(pages->alloc, bits, 1);
    pages->whole = cove_alloc_zero(pages->alloc, bits, 1);
    return pages->seen == NULL || pages->whole == NULL ? COVE_ENOMEM : 0;
}

/* The newer of those that are whole. Where none is, the pages still say by
 * their numbers how long they are. */
static void pages_choose(struct cove_pages *pages)
{
    struct pages_meta metas[2];
    size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);

    pages_meta_read(pages->fd, 0, page_bytes, &metas[0]);
    if (metas[0].sane) {
        page_bytes = (size_t)metas[0].page_bytes;
    }
    pages_meta_read(pages->fd, 1, page_bytes, &metas[1]);
    pages->meta =
        metas[1].whole && (!metas[0].whole || metas[1].txn > metas[0].txn)
            ? metas[1]
            : metas[0];
    pages->sum.has_root = pages->meta.sane;
    pages->sum.page_bytes =
        pages->meta.sane ? pages->meta.page_bytes : page_bytes;
    pages->sum.file_pages = pages->file_bytes / pages->sum.page_bytes;
    pages->sum.pages = pages->meta.sane ? pages->meta.last + 1 : 0;
    /* A page that says it is the last of a file without end is no such. */
    if (pages->sum.pages > pages->sum.file_pages * 2 + 65536) {
        pages->meta.sane = pages->sum.has_root = false;
        pages->sum.pages = 0;
    }
    pages->sum.faults = 2u - metas[0].whole - metas[1].whole;
}

int cove_pages_open(const char *dir, const struct cove_alloc *alloc,
                    struct cove_pages **out, struct cove_diag *diag)
{
    struct cove_pages *pages = cove_alloc_zero(alloc, 1, sizeof(*pages));
    size_t len = strlen(dir) + sizeof("/data.mdb");
    char *path = cove_alloc_new(alloc, len);
    struct stat st = {.st_size = 0};
    int err = pages == NULL || path == NULL ? COVE_ENOMEM : 0;

    if (pages != NULL) {
        pages->alloc = alloc;
        pages->fd = -1;
        cove_buf_init(&pages->value, alloc);
    }
    if (err == 0) {
        snprintf(path, len, "%s/data.mdb", dir);
        pages->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (pages->fd < 0 || fstat(pages->fd, &st) != 0) {
            err = cove_store_errno(errno);
        } else if (!S_ISREG(st.st_mode)) {
            err = COVE_ENOTSTORE;
        }
    }
    if (err == 0) {
        pages->file_bytes = (uint64_t)st.st_size;
        pages_choose(pages);
        err = pages_rooms(pages);
    }
    if (err != 0) {
        (void)cove_fail(diag, err, "%s: %s; name the directory of a store",
                        path != NULL ? path : dir, cove_error_text(err));
    }
    cove_alloc_free(alloc, path);
    if (err != 0) {
        cove_pages_close(pages);
        return err;
    }
    *out = pages;
    return 0;
}

void cove_pages_close(struct cove_pages *pages)
{
    if (pages == NULL) {
        return;
    }

    const struct cove_alloc *alloc = pages->alloc;

    if (pages->fd >= 0) {
        close(pages->fd);
    }
    for (size_t i = 0; i < PAGE_DEPTH; i++) {
        cove_alloc_free(alloc, pages->room[i]);
    }
    cove_alloc_free(alloc, pages->seen);
    cove_alloc_free(alloc, pages->whole);
    cove_buf_clear(&pages->value);
    cove_alloc_free(alloc, pages);
}

const struct cove_pages_sum *cove_pages_sum(const struct cove_pages *pages)
{
    return &pages->sum;
}

/* --- the look before opening */

struct probe {
    int fd;
    struct pages_meta meta;
    uint8_t page[PAGE_MOST];
    uint64_t number;  /* that is damaged */
    const char *what; /* is wrong with it */
};

static bool probe_page(struct probe *p, uint64_t number)
{
    p->number = number;
    p->what = number < 2 || number > p->meta.last
                  ? "is not one that a tree may have"
              : !pages_read(p->fd, number, (size_t)p->meta.page_bytes, p->page)
                  ? "is behind the end of the file"
                  : pages_check(p->page, number, (size_t)p->meta.page_bytes);
    return p->what == NULL;
}

bool pages_names_good(const uint8_t *page, size_t page_bytes)
{
    size_t count = pages_count(page);
    struct pages_node node = {0};

    if (pages_flags(page) != PAGE_LEAF || count == 0 ||
        count > COVE_STORE_MAX_TREES + 1) {
        return false;
    }
    (void)pages_node(page, page_bytes, count - 1, &node);
    if (!cove_bytes_equal(node.key, cove_bytes_text("cove")) ||
        node.flags != 0) {
        return false;
    }
    for (size_t i = 0; i + 1 < count; i++) {
        (void)pages_node(page, page_bytes, i, &node);
        if (node.flags != NODE_TREE || node.size != TREE_RECORD ||
            node.key.len != 1 || node.key.at[0] != 'A' + i ||
            !pages_db_read(node.value, false).plain) {
            return false;
        }
    }
    return true;
}

/* Is the file that of another program? It is for LMDB to open, then. */
static bool probe_is_ours(const struct probe *p)
{
    struct pages_node node = {0};

    for (size_t i = 0; i < pages_count(p->page); i++) {
        (void)pages_node(p->page, (size_t)p->meta.page_bytes, i, &node);
        if (cove_bytes_equal(node.key, cove_bytes_text("cove"))) {
            return true;
        }
    }
    return false;
}

/* The names of the trees fit in one page. */
static bool probe_trees(struct probe *p)
{
    uint64_t roots[COVE_STORE_MAX_TREES];
    struct pages_node node = {0};
    size_t count = 0;

    if (p->meta.names.root == PAGE_NONE) {
        return true;
    }
    if (!probe_page(p, p->meta.names.root)) {
        return false;
    }
    if (!probe_is_ours(p)) {
        return true;
    }
    if (!pages_names_good(p->page, (size_t)p->meta.page_bytes)) {
        p->what = "names other trees than a store has";
        return false;
    }
    for (size_t i = 0; i + 1 < pages_count(p->page); i++) {
        (void)pages_node(p->page, (size_t)p->meta.page_bytes, i, &node);
        roots[count] = pages_db_read(node.value, false).root;
        count += roots[count] != PAGE_NONE;
    }
    for (size_t i = 0; i < count; i++) {
        if (!probe_page(p, roots[i])) {
            return false;
        }
    }
    return p->meta.free.root == PAGE_NONE || probe_page(p, p->meta.free.root);
}

static int probe_file(int fd, const char *dir, bool *stale,
                      struct cove_diag *diag)
{
    struct probe p = {.fd = fd};
    struct pages_meta metas[2], after[2];
    size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    bool good;

    for (unsigned i = 0; i < 2; i++) {
        pages_meta_read(fd, i, page_bytes, &metas[i]);
        if (i == 0 && metas[0].sane) {
            page_bytes = (size_t)metas[0].page_bytes;
        }
    }
    good = metas[0].newer ||
           (metas[0].whole && metas[1].whole && pages_metas_follow(metas));
    p.number = metas[0].whole;
    p.what = "is not one that a store begins with";
    if (good && !metas[0].newer) { /* that of another LMDB it refuses */
        p.meta = metas[metas[1].txn > metas[0].txn];
        good = p.meta.sane && probe_trees(&p);
    }
    *stale = false;
    if (good) {
        return 0;
    }
    for (unsigned i = 0; i < 2; i++) {
        pages_meta_read(fd, i, page_bytes, &after[i]);
        *stale = *stale || metas[i].txn != after[i].txn;
    }
    return cove_fail(*stale ? NULL : diag, COVE_ECORRUPT,
                     "%s: page %llu of data.mdb %s; `cove check` says more, "
                     "`cove recover` saves what is whole into a new store",
                     dir, (unsigned long long)p.number, p.what);
}

int cove_pages_probe(int dir_fd, const char *dir, struct cove_diag *diag)
{
    bool stale = true;
    int err = 0;
    int fd = openat(dir_fd, "data.mdb", O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return cove_store_errno(errno);
    }
    for (unsigned i = 0; i < PROBE_TRIES && stale; i++) {
        err = probe_file(fd, dir, &stale, diag);
    }
    close(fd);
    return stale ? 0 : err; /* who writes that busily knows what is there */
}
