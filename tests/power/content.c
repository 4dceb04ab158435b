#include "tests/power/content.h"

#include <stdio.h>
#include <string.h>

uint64_t content_mix(uint64_t sum, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    uint64_t word;

    sum += len;
    for (; len >= sizeof(word); len -= sizeof(word), at += sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        sum ^= sum >> 29;
    }
    word = 0;
    if (len > 0) {
        memcpy(&word, at, len);
    }
    sum = (sum ^ word) * UINT64_C(0xff51afd7ed558ccd);
    return sum ^ (sum >> 32);
}

static int content_tree(struct cove_store_txn *txn, unsigned tree,
                        uint64_t *sum)
{
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    int err = cove_store_cursor_open(txn, tree, &cursor);

    if (err != 0) {
        return err;
    }
    *sum = content_mix(*sum, &tree, sizeof(tree));
    err = cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry);
    while (err == 0) {
        *sum = content_mix(*sum, entry.key.at, entry.key.len);
        *sum = content_mix(*sum, entry.value.at, entry.value.len);
        err = cove_store_cursor_next(cursor, &entry);
    }
    cove_store_cursor_close(cursor);
    return err == COVE_ENOTFOUND ? 0 : err;
}

int content_of(struct cove_store *store, unsigned trees, uint64_t *out)
{
    struct cove_store_txn *txn;
    int err = cove_store_begin(store, false, &txn);

    if (err != 0) {
        return err;
    }
    *out = 1;
    for (unsigned i = 0; err == 0 && i < trees; i++) {
        err = content_tree(txn, i, out);
    }
    cove_store_abort(txn);
    return err;
}

size_t content_nonce(const uint8_t *text, size_t len, const struct stat *was,
                     const struct stat *now, char *out, size_t cap)
{
    char old[64], held[512];
    char *at;

    len = len < sizeof(held) ? len : sizeof(held) - 1;
    memcpy(held, text, len);
    held[len] = '\0';
    snprintf(old, sizeof(old), " %llu %llu\n", (unsigned long long)was->st_dev,
             (unsigned long long)was->st_ino);
    at = strstr(held, old);
    if (at == NULL) {
        return (size_t)snprintf(out, cap, "%s", held);
    }
    *at = '\0';
    return (size_t)snprintf(out, cap, "%s %llu %llu\n%s", held,
                            (unsigned long long)now->st_dev,
                            (unsigned long long)now->st_ino, at + strlen(old));
}

const char *content_watch;
struct cove_store *content_store;
uint64_t content_opened;

int __real_cove_store_open_lmdb(const char *dir,
                                const struct cove_store_options *opt,
                                struct cove_store **out,
                                struct cove_diag *diag);
int __wrap_cove_store_open_lmdb(const char *dir,
                                const struct cove_store_options *opt,
                                struct cove_store **out,
                                struct cove_diag *diag);

int __wrap_cove_store_open_lmdb(const char *dir,
                                const struct cove_store_options *opt,
                                struct cove_store **out, struct cove_diag *diag)
{
    struct cove_store *store = NULL;
    int err = __real_cove_store_open_lmdb(dir, opt, &store, diag);

    if (err == 0 && content_watch != NULL && strcmp(dir, content_watch) == 0) {
        content_store = store;
        err = content_of(store, opt->trees, &content_opened);
    }
    if (err == 0) {
        *out = store;
    } else if (store != NULL) { /* as if opening itself had failed */
        cove_store_close(store);
    }
    return err;
}
