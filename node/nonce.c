/* nonce.c: which file this store is.
 *
 * The nonce is in the store and in the side file beside it, which also names
 * the machine and the file's inode: where they disagree the store was restored
 * from a backup or cloned, and this device must not go on with its session.
 */
#include "node/node.h"

#include <stdio.h>
#include <sys/stat.h>

#define NONCE_LEN ((size_t)16)

/* What the side file must say: nonce, machine, device and inode of a file. */
static int nonce_line(const char *file, const uint8_t nonce[NONCE_LEN],
                      char *out, size_t cap)
{
    char hex[COVE_HEX_LEN(NONCE_LEN)];
    char machine[64] = "unknown";
    size_t len = 0;
    struct stat st;
    int err = stat(file, &st) == 0 ? 0 : COVE_EIO;

    if (node_file_read("/etc/machine-id", machine, sizeof(machine) - 1, &len) ==
        0) {
        machine[len] = '\0';
        machine[strcspn(machine, "\n")] = '\0';
    }
    cove_hex(cove_bytes(nonce, NONCE_LEN), hex);
    snprintf(out, cap, "%s %s %llu %llu\n", hex, machine,
             (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    return err;
}

/* Has the side file that line? It has two while the file is made anew. */
static bool nonce_agrees(const char *path, const char *want)
{
    char found[NODE_NONCE_MAX];
    size_t line = strlen(want);
    size_t len = 0;
    size_t at = 0;

    if (node_file_read(path, found, sizeof(found), &len) != 0) {
        return false;
    }
    while (at + line <= len) {
        const char *end = memchr(found + at, '\n', len - at);

        if (memcmp(found + at, want, line) == 0) {
            return true;
        }
        at = end == NULL ? len : (size_t)(end - found) + 1;
    }
    return false;
}

int node_nonce_say(struct cove *store, const char *const *files, size_t count)
{
    char text[NODE_NONCE_MAX] = "";
    char *path = node_path(store, "nonce");
    char held[COVE_HEX_LEN(NONCE_LEN)] = "";
    uint8_t nonce[NONCE_LEN];
    size_t len = 0;
    int err = path == NULL ? COVE_ENOMEM
                           : node_file_read(path, text, sizeof(text), &len);

    if (err == 0 && len < sizeof(held)) {
        err = COVE_EIO;
    }
    if (err == 0) {
        memcpy(held, text, sizeof(held) - 1);
        err = cove_hex_parse(held, nonce, sizeof(nonce));
    }
    for (size_t i = 0, at = 0; i < count && err == 0; i++) {
        err = nonce_line(files[i], nonce, text + at, sizeof(text) - at);
        at += strlen(text + at);
    }
    if (err == 0) {
        err = node_file_write(path, text, strlen(text));
    }
    cove_alloc_free(store->alloc, path);
    return err;
}

/* In a write transaction, so that nobody makes them anew meanwhile. */
static int nonce_compare(struct cove *store, struct cove_repo *repo,
                         const char *path, const char *file, bool *due)
{
    struct cove_store_txn *txn = NULL;
    uint8_t nonce[NONCE_LEN];
    struct cove_bytes held;
    char want[256];
    int err = cove_store_begin(store->store, true, &txn);

    if (err != 0) {
        return err;
    }
    err = cove_repo_record_get(repo, txn, COVE_RECORDS_META,
                               cove_bytes_text("nonce"), &held);
    if (err == 0 && held.len == NONCE_LEN) {
        memcpy(nonce, held.at, NONCE_LEN);
        err = nonce_line(file, nonce, want, sizeof(want));
        *due = err == 0 && !nonce_agrees(path, want);
        store->new_session = *due;
    } else if (err == 0 || err == COVE_ENOTFOUND) {
        *due = true; /* the store is new */
        err = 0;
    }
    cove_store_abort(txn);
    return err;
}

int node_nonce_check(struct cove *store, struct node_worker *worker, bool *due)
{
    char *path = node_path(store, "nonce");
    char *file = node_path(store, "data.mdb");
    int err = path == NULL || file == NULL
                  ? COVE_ENOMEM
                  : nonce_compare(store, worker->repo, path, file, due);

    cove_alloc_free(store->alloc, path);
    cove_alloc_free(store->alloc, file);
    return err;
}

/* The side file first: where the commit does not come to pass the two disagree,
 * and the session ends, which harms nobody. */
static int nonce_write(struct cove *store, struct cove_repo *repo,
                       struct cove_store_txn *txn)
{
    uint8_t nonce[NONCE_LEN];
    char line[256];
    char *path = node_path(store, "nonce");
    char *file = node_path(store, "data.mdb");
    int err = path == NULL || file == NULL ? COVE_ENOMEM : 0;

    store->env->random(store->env->ctx, nonce, sizeof(nonce));
    if (err == 0) {
        err = nonce_line(file, nonce, line, sizeof(line));
    }
    if (err == 0) {
        err = cove_repo_record_put(repo, txn, COVE_RECORDS_META,
                                   cove_bytes_text("nonce"),
                                   cove_bytes(nonce, sizeof(nonce)));
    }
    if (err == 0 && store->new_session) { /* for `check` to say */
        err = cove_repo_record_put(repo, txn, COVE_RECORDS_META,
                                   cove_bytes_text(NODE_RENEWED),
                                   cove_bytes(nonce, sizeof(nonce)));
    }
    if (err == 0) {
        err = node_file_write(path, line, strlen(line));
    }
    cove_alloc_free(store->alloc, path);
    cove_alloc_free(store->alloc, file);
    return err;
}

int node_nonce_renew(struct cove *store, struct node_worker *worker)
{
    struct cove_store_txn *txn = NULL;
    int err = cove_store_begin(store->store, true, &txn);

    if (err != 0) {
        return err;
    }
    err = nonce_write(store, worker->repo, txn);
    if (err == 0) {
        return cove_store_commit(txn);
    }
    cove_store_abort(txn);
    return err;
}
