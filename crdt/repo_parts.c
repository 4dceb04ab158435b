/* repo_parts.c: values of any length under a number, in parts: the first under
 * the number alone, led by how many follow; the others under number and part.
 */
#include "crdt/repo_internal.h"

static void blob_place(struct cove_place *place, uint64_t num, size_t part)
{
    cove_place_start(place);
    cove_place_number(place, num);
    if (part > 0) {
        cove_place_number(place, part);
    }
}

static int blob_drop(struct repo_work *work, unsigned tree, uint64_t num,
                     size_t part)
{
    struct cove_place place;

    blob_place(&place, num, part);
    return cove_store_del(work->txn, tree, cove_place_bytes(&place));
}

int repo_blob_write(struct repo_work *work, unsigned tree, uint64_t num,
                    struct cove_bytes bytes, size_t *parts)
{
    struct cove_place place;
    struct cove_packer p;
    struct cove_buf buf;
    size_t count = bytes.len == 0 ? 1 : (bytes.len - 1) / REPO_PART + 1;
    size_t at = 0;
    int err = 0;

    cove_buf_init(&buf, work->repo->opt.alloc);
    for (size_t i = 0; i < count && err == 0; i++) {
        size_t left = bytes.len - at;
        size_t len = left < REPO_PART ? left : REPO_PART;

        buf.len = 0;
        cove_packer_init(&p, &buf);
        if (i == 0) {
            cove_pack_varint(&p, count - 1);
        }
        cove_pack_raw(&p, bytes.at + at, len);
        blob_place(&place, num, i);
        err = p.err != 0
                  ? p.err
                  : cove_store_put(work->txn, tree, cove_place_bytes(&place),
                                   cove_buf_bytes(&buf));
        at += len;
    }
    cove_buf_clear(&buf);
    for (size_t i = count; i < *parts && err == 0; i++) {
        err = blob_drop(work, tree, num, i);
    }
    if (err == 0) {
        *parts = count;
    }
    return err;
}

int repo_blob_drop(struct repo_work *work, unsigned tree, uint64_t num,
                   size_t *parts)
{
    int err = 0;

    for (size_t i = 0; i <= *parts && err == 0; i++) {
        err = blob_drop(work, tree, num, i);
        err = err == COVE_ENOTFOUND ? 0 : err;
    }
    if (err == 0) {
        *parts = 0;
    }
    return err;
}

int cove_repo_record(struct cove_store_txn *txn, cove_num num,
                     struct cove_bytes *out)
{
    struct cove_place place;
    struct cove_bytes value;

    blob_place(&place, num, 0);

    int err = cove_store_get(txn, REPO_DOCS, cove_place_bytes(&place), &value);

    if (err != 0) {
        return err;
    }
    if (value.len == 0 || value.at[0] != 0) { /* how many more parts */
        return COVE_ELIMIT;
    }
    *out = value;
    return 0;
}

static int blob_join(struct repo_work *work, unsigned tree, uint64_t num,
                     struct cove_bytes first, size_t more,
                     struct cove_bytes *out)
{
    struct cove_place place;
    struct cove_bytes part;
    uint8_t *room = cove_arena_array(work->arena, more + 1, REPO_PART);
    size_t len = first.len;

    if (room == NULL) {
        return COVE_ENOMEM;
    }
    if (len > REPO_PART) {
        return COVE_ECORRUPT;
    }
    memcpy(room, first.at, len);
    for (size_t i = 1; i <= more; i++) {
        blob_place(&place, num, i);

        int err =
            cove_store_get(work->txn, tree, cove_place_bytes(&place), &part);

        if (err == COVE_ENOTFOUND || (err == 0 && part.len > REPO_PART)) {
            return COVE_ECORRUPT;
        }
        if (err != 0) {
            return err;
        }
        memcpy(room + len, part.at, part.len);
        len += part.len;
    }
    *out = cove_bytes(room, len);
    return 0;
}

int repo_blob_read(struct repo_work *work, unsigned tree, uint64_t num,
                   struct cove_bytes *out, size_t *parts)
{
    struct cove_place place;
    struct cove_unpacker u;
    struct cove_bytes value;

    blob_place(&place, num, 0);

    int err = cove_store_get(work->txn, tree, cove_place_bytes(&place), &value);

    if (err != 0) {
        return err;
    }
    cove_unpacker_init(&u, value);

    uint64_t more = cove_unpack_varint(&u);

    if (u.err != 0 || more > UINT32_MAX / REPO_PART) {
        return COVE_ECORRUPT;
    }
    value = cove_bytes(u.at, (size_t)(u.end - u.at));
    if (more > 0) {
        err = blob_join(work, tree, num, value, (size_t)more, &value);
        if (err != 0) {
            return err;
        }
    }
    *out = value;
    *parts = (size_t)more + 1;
    return 0;
}
