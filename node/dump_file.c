/* dump_file.c: file descriptors, and the texts that calls go on from. */
#include "node/dump.h"

#include "core/cbor.h"
#include "core/store_dir.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#define DUMP_TEXT 512 /* bytes of CBOR behind such a text, at most */

int dump_write(int fd, struct cove_bytes bytes)
{
    while (bytes.len > 0) {
        ssize_t put = write(fd, bytes.at, bytes.len);

        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return put == 0         ? COVE_ENOSPC
                   : errno == EPIPE ? COVE_ECLOSED
                                    : cove_store_errno(errno);
        }
        bytes.at += put;
        bytes.len -= (size_t)put;
    }
    return 0;
}

int dump_read(int fd, uint8_t *out, size_t len, size_t *got)
{
    *got = 0;
    while (*got < len) {
        ssize_t n = read(fd, out + *got, len - *got);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return COVE_EIO;
        }
        if (n == 0) {
            break;
        }
        *got += (size_t)n;
    }
    return 0;
}

int dump_fd(struct admin *a, int *out)
{
    int64_t fd = -1;
    int err = admin_int(a, "fd", &fd);

    if (err == 0 && (fd < 0 || fd > INT_MAX)) {
        err = cove_fail(&a->diag, COVE_EUSAGE,
                        "\"fd\" must be an open file descriptor");
    }
    *out = (int)fd;
    return err;
}

static int text_decode(struct admin *a, const char *text,
                       struct cove_bytes *out)
{
    size_t len = strlen(text) / 2;
    uint8_t *bytes = cove_arena_new(&a->arena, len + 1);

    if (bytes == NULL) {
        return COVE_ENOMEM;
    }
    if (len > DUMP_TEXT || strlen(text) % 2 != 0 ||
        cove_hex_parse(text, bytes, len) != 0) {
        return COVE_EFORMAT;
    }
    *out = cove_bytes(bytes, len);
    return cove_cbor_check_all(*out, 3, NULL);
}

int dump_text(struct admin *a, const char *key, struct cove_txn *txn,
              struct cove_reader *r, bool *given)
{
    uint8_t here[16], there[16] = {0};
    const char *text = NULL;
    struct cove_bytes cbor = {NULL, 0};
    int err = admin_text(a, key, &text);

    *given = text != NULL;
    if (err != 0 || text == NULL) {
        return err;
    }
    err = text_decode(a, text, &cbor);
    if (err == 0) {
        cove_reader_init(r, cbor);
        (void)cove_reader_list(r);
        cove_reader_fixed(r, there, sizeof(there));
        err = r->err;
    }
    if (err == COVE_ENOMEM) {
        return err;
    }
    if (err != 0) {
        return cove_fail(&a->diag, COVE_EUSAGE,
                         "\"%s\" is none that an export or import gave", key);
    }
    cove_repo_store_id(txn->worker->repo, here);
    return memcmp(here, there, sizeof(here)) == 0
               ? 0
               : cove_fail(&a->diag, COVE_ECONDITION,
                           "\"%s\" is of another store, or of this one before "
                           "it was restored: its changes are numbered anew; "
                           "begin without it",
                           key);
}

void dump_text_begin(struct cove_txn *txn, struct cove_writer *w, size_t items)
{
    uint8_t id[16];

    cove_repo_store_id(txn->worker->repo, id);
    cove_writer_list(w, items + 1);
    cove_writer_bytes(w, id, sizeof(id));
}

void dump_text_reply(struct admin *a, const char *key, struct cove_bytes cbor)
{
    char hex[COVE_HEX_LEN(DUMP_TEXT)] = "";

    if (cbor.len <= DUMP_TEXT) {
        cove_hex(cbor, hex);
    }
    node_json_key(&a->reply, key);
    node_json_cstr(&a->reply, hex);
}
