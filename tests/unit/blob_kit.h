/* blob_kit.h: blobs written and read as an app does it, for the tests of them.
 * The bytes of blob number n follow from n. */
#ifndef COVE_TESTS_BLOB_KIT_H
#define COVE_TESTS_BLOB_KIT_H

#include "crdt/blob.h"
#include "tests/unit/repo_kit.h"

/* The byte at a place of blob number n. */
static inline uint8_t blob_byte(uint32_t n, uint64_t at)
{
    uint64_t x = (at + 1) * 0x9e3779b97f4a7c15u + n;

    return (uint8_t)(x >> 56);
}

static inline void blob_fill(uint32_t n, uint64_t at, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = blob_byte(n, at + i);
    }
}

static inline struct cove_hash blob_hash(uint32_t n, size_t size)
{
    uint8_t *bytes = malloc(size + 1);
    struct cove_hash hash;

    blob_fill(n, 0, bytes, size);
    hash = cove_hash("cove/blob", cove_bytes(bytes, size));
    free(bytes);
    return hash;
}

/* --- writing, as an app does it in one transaction */

struct pen {
    struct kit *k;
    struct cove_store_txn *txn;
    struct cove_doc doc;
    struct cove_blob_draft draft;
    struct cove_arena arena;
};

static inline void pen_open(struct pen *p, struct kit *k,
                            const struct cove_id *id)
{
    memset(p, 0, sizeof(*p));
    p->k = k;
    p->txn = kit_begin(k, true);
    p->doc = kit_load(k, p->txn, id);
    cove_buf_init(&p->draft.bytes, &k->heap.alloc);
    cove_arena_init(&p->arena, &k->heap.alloc);
}

static inline int pen_take(struct pen *p, bool end)
{
    struct cove_blob_self self;
    struct cove_tx tx;
    int err =
        cove_repo_place(p->k->repo, p->txn, &p->doc, &self.session, &self.next);

    if (err == 0) {
        err = cove_blob_draft_take(&p->draft, &p->doc.state, &self, end,
                                   &p->arena, &tx);
    }
    if (err == 0) {
        err = cove_repo_append(p->k->repo, p->txn, &p->doc, &tx, &p->k->diag);
    }
    return err;
}

static inline int pen_flush(struct pen *p)
{
    int err = 0;

    while (err == 0 && cove_blob_draft_is_due(&p->draft)) {
        err = pen_take(p, false);
    }
    return err;
}

static inline int pen_begin(struct pen *p, const char *name, uint64_t size)
{
    struct cove_blob_about about = {.size = size};
    struct cove_blob_self self;
    int err =
        cove_repo_place(p->k->repo, p->txn, &p->doc, &self.session, &self.next);

    if (name != NULL) {
        about.name = cove_bytes_text(name);
        about.mime = cove_bytes_text("image/png");
    }
    return err != 0 ? err
                    : cove_blob_draft_begin(&p->draft, &about, &p->doc.state,
                                            &self, &p->arena, &p->k->diag);
}

/* From where it stands, so many bytes of blob number n. */
static inline int pen_write(struct pen *p, uint32_t n, size_t len)
{
    static uint8_t room[COVE_BLOB_CHUNK];
    int err = 0;

    while (len > 0 && err == 0) {
        size_t piece = len < sizeof(room) ? len : sizeof(room);
        struct cove_bytes in = cove_bytes(room, piece);

        blob_fill(n, p->draft.held, room, piece);
        while (in.len > 0 && err == 0) {
            err = cove_blob_draft_write(&p->draft, &in, &p->k->diag);
            if (err == 0 && p->draft.bytes.len == COVE_BLOB_CHUNK) {
                err = pen_flush(p);
            }
        }
        len -= piece;
    }
    return err;
}

static inline int pen_end(struct pen *p)
{
    int err = 0;

    while (err == 0 && p->draft.open) {
        err = pen_take(p, true);
    }
    return err;
}

static inline int pen_close(struct pen *p, int err)
{
    if (err == 0) {
        err = pen_flush(p);
    }
    cove_buf_clear(&p->draft.bytes);
    cove_arena_clear(&p->arena);
    if (err == 0) {
        kit_commit(p->txn);
    } else {
        cove_store_abort(p->txn);
    }
    return err;
}

/* All of blob number n in one commit. */
static inline void blob_put(struct kit *k, const struct cove_id *id, uint32_t n,
                            size_t size)
{
    struct pen p;
    int err;

    pen_open(&p, k, id);
    err = pen_begin(&p, "a", size);
    if (err == 0) {
        err = pen_write(&p, n, size);
    }
    if (err == 0) {
        err = pen_end(&p);
    }
    err = pen_close(&p, err);
    ck_assert_msg(err == 0, "put: %d %s", err, k->diag.text);
}

/* So much of it, not ended; where it stood before that. */
static inline uint64_t blob_part(struct kit *k, const struct cove_id *id,
                                 uint32_t n, size_t size, size_t len)
{
    struct pen p;
    uint64_t at;

    pen_open(&p, k, id);
    ck_assert_int_eq(pen_begin(&p, "a", size), 0);
    at = p.draft.held;
    ck_assert_int_eq(pen_close(&p, pen_write(&p, n, len)), 0);
    return at;
}

/* End what was begun; all of it is written. */
static inline void blob_done(struct kit *k, const struct cove_id *id,
                             size_t size)
{
    struct pen p;

    pen_open(&p, k, id);
    ck_assert_int_eq(pen_begin(&p, "a", size), 0);
    ck_assert_uint_eq(p.draft.held, size);
    ck_assert_int_eq(pen_close(&p, pen_end(&p)), 0);
}

/* --- reading */

static inline int blob_look(struct kit *k, const struct cove_id *id,
                            struct cove_blob_shown *out)
{
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_doc doc = kit_load(k, txn, id);

    cove_store_abort(txn);

    return cove_blob_shown(&doc.state, out);
}

static inline int blob_read(struct kit *k, const struct cove_id *id,
                            uint64_t at, uint8_t *out, size_t cap, size_t *len)
{
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_doc doc = kit_load(k, txn, id);
    struct cove_blob_place place = {.known = false};
    struct cove_blob_shown shown;
    struct cove_arena arena;
    int err = cove_blob_shown(&doc.state, &shown);

    cove_arena_init(&arena, &k->heap.alloc);
    *len = 0;
    err = err != 0 ? err : shown.err;
    while (err == 0 && *len < cap && at + *len < shown.about.size) {
        struct cove_bytes piece;

        err = cove_blob_bytes(k->repo, txn, &doc, shown.run, at + *len, &arena,
                              &place, &piece);
        if (err == 0) {
            ck_assert_uint_gt(piece.len, 0);
            piece.len = piece.len < cap - *len ? piece.len : cap - *len;
            memcpy(out + *len, piece.at, piece.len);
            *len += piece.len;
        }
        cove_arena_reset(&arena);
    }
    cove_arena_clear(&arena);
    cove_store_abort(txn);
    return err;
}

static inline void blob_is(struct kit *k, const struct cove_id *id, uint32_t n,
                           size_t size)
{
    struct cove_hash hash = blob_hash(n, size);
    struct cove_blob_shown shown;
    uint8_t *out = malloc(size + 1);
    uint8_t *want = malloc(size + 1);
    size_t len = 77;

    ck_assert_int_eq(blob_look(k, id, &shown), 0);
    ck_assert_int_eq(shown.err, 0);
    ck_assert_uint_eq(shown.about.size, size);
    ck_assert_uint_eq(shown.held, size);
    ck_assert_mem_eq(&shown.hash, &hash, sizeof(hash));
    ck_assert_int_eq(blob_read(k, id, 0, out, size + 1, &len), 0);
    ck_assert_uint_eq(len, size);
    blob_fill(n, 0, want, size);
    ck_assert(memcmp(out, want, size) == 0);
    free(want);
    free(out);
}

static inline void blob_is_not_whole(struct kit *k, const struct cove_id *id,
                                     int code, uint64_t held)
{
    struct cove_blob_shown shown;
    uint8_t out[8];
    size_t len;

    ck_assert_int_eq(blob_look(k, id, &shown), 0);
    ck_assert_int_eq(shown.err, code);
    ck_assert_uint_eq(shown.held, held);
    ck_assert_int_eq(blob_read(k, id, 0, out, sizeof(out), &len), code);
}

#endif
