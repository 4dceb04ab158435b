/* repo_shape.c: headers in the store. docs/FORMAT.md "Document record".
 *
 * Documents of one kind have headers that differ in a few values only. What is
 * equal, the header's shape, is kept once per store; a record holds the
 * shape's number and the values of `nonce`, `unique`, `from` and `created`,
 * the gaps of the shape. Putting them back gives the identical bytes.
 *
 * A shape that was met before is kept in memory with the header it decodes to,
 * so that loading a document fills in the gaps and checks nothing twice: what
 * the store holds was checked when it came in.
 */
#include "crdt/repo_internal.h"

enum shape_gap { GAP_NONCE, GAP_UNIQUE, GAP_FROM, GAP_CREATED, GAP_KINDS };

struct shape_span { /* where bytes of the header lie */
    size_t piece;   /* which kept piece */
    size_t at, len; /* in it */
};

struct repo_shape {
    uint32_t num;
    size_t gaps;
    enum shape_gap kind[GAP_KINDS];
    struct cove_header header; /* without what is borrowed */
    struct shape_span type_name;
    struct shape_span meta;
    size_t kept_at[GAP_KINDS + 1]; /* the kept pieces, in bytes */
    size_t kept_len[GAP_KINDS + 1];
    uint8_t bytes[COVE_MAX_HEADER];
};

/* --- cutting */

struct shape_cut {
    struct cove_bytes kept[GAP_KINDS + 1];
    struct cove_bytes gap[GAP_KINDS];
    enum shape_gap kind[GAP_KINDS];
    size_t gaps;
};

static bool shape_gap_of(struct cove_bytes key, enum shape_gap *out)
{
    static const char *const names[GAP_KINDS] = {"nonce", "unique", "from",
                                                 "created"};

    for (size_t i = 0; i < GAP_KINDS; i++) {
        if (cove_bytes_equal(key, cove_bytes_text(names[i]))) {
            *out = (enum shape_gap)i;
            return true;
        }
    }
    return false;
}

static void shape_split(struct cove_bytes header, struct shape_cut *cut)
{
    struct cove_reader r;
    const uint8_t *from = header.at;

    cut->gaps = 0;
    cove_reader_init(&r, header);
    for (size_t left = cove_reader_map(&r); left > 0; left--) {
        enum shape_gap kind;
        bool gap = shape_gap_of(cove_reader_text(&r), &kind);
        struct cove_bytes item = cove_reader_item(&r);

        if (gap) {
            cut->kept[cut->gaps] = cove_bytes(from, (size_t)(item.at - from));
            cut->kind[cut->gaps] = kind;
            cut->gap[cut->gaps++] = item;
            from = item.at + item.len;
        }
    }
    cut->kept[cut->gaps] =
        cove_bytes(from, (size_t)(header.at + header.len - from));
}

/* --- the shapes in memory */

void repo_shapes_clear(struct cove_repo *repo)
{
    for (size_t i = 0; i < REPO_SHAPES; i++) {
        cove_alloc_free(repo->opt.alloc, repo->shapes[i]);
        repo->shapes[i] = NULL;
    }
}

static size_t shape_size(const struct repo_shape *shape)
{
    size_t last = shape->gaps;

    return offsetof(struct repo_shape, bytes) + shape->kept_at[last] +
           shape->kept_len[last];
}

/* NULL where it is not in memory. Borrowed until another one is remembered. */
static const struct repo_shape *shape_recall(struct repo_work *work,
                                             uint32_t num)
{
    const struct repo_shape *shape;

    repo_cache_settle(work);
    shape = work->repo->shapes[num % REPO_SHAPES];
    return shape != NULL && shape->num == num ? shape : NULL;
}

static int shape_remember(struct repo_work *work,
                          const struct repo_shape *shape)
{
    struct cove_repo *repo = work->repo;
    struct repo_shape *kept =
        cove_alloc_new(repo->opt.alloc, shape_size(shape));

    if (kept == NULL) {
        return COVE_ENOMEM;
    }
    memcpy(kept, shape, shape_size(shape));
    repo_cache_settle(work);
    cove_alloc_free(repo->opt.alloc, repo->shapes[shape->num % REPO_SHAPES]);
    repo->shapes[shape->num % REPO_SHAPES] = kept;
    return 0;
}

/* --- putting together */

struct shape_built {
    struct cove_bytes bytes; /* of the header, in the arena */
    size_t piece_at[GAP_KINDS + 1];
    struct cove_bytes gap[GAP_KINDS];
};

static int shape_build(struct repo_work *work, const struct repo_shape *shape,
                       struct cove_unpacker *u, struct shape_built *built)
{
    struct cove_bytes gap[GAP_KINDS];
    size_t len = 0;

    for (size_t i = 0; i <= shape->gaps; i++) {
        built->piece_at[i] = len;
        len += shape->kept_len[i];
        if (i < shape->gaps) {
            gap[i] = cove_unpack_bytes(u);
            len += gap[i].len;
        }
    }
    if (u->err != 0 || len > COVE_MAX_HEADER) {
        return COVE_ECORRUPT;
    }

    uint8_t *room = cove_arena_new(work->arena, len);

    if (room == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i <= shape->gaps; i++) {
        uint8_t *at = room + built->piece_at[i];

        memcpy(at, shape->bytes + shape->kept_at[i], shape->kept_len[i]);
        if (i < shape->gaps) {
            at += shape->kept_len[i];
            memcpy(at, gap[i].at, gap[i].len);
            built->gap[i] = cove_bytes(at, gap[i].len);
        }
    }
    built->bytes = cove_bytes(room, len);
    return 0;
}

/* Which bytes of the shape a borrowed field is. False where it is none. */
static bool shape_locate(const struct repo_shape *shape,
                         const struct shape_built *built,
                         struct cove_bytes field, struct shape_span *out)
{
    if (field.len == 0) {
        out->len = 0;
        return true;
    }

    size_t at = (size_t)(field.at - built->bytes.at);

    for (size_t i = 0; i <= shape->gaps; i++) {
        if (at >= built->piece_at[i] &&
            at + field.len <= built->piece_at[i] + shape->kept_len[i]) {
            out->piece = i;
            out->at = at - built->piece_at[i];
            out->len = field.len;
            return true;
        }
    }
    return false;
}

/* Learn from a header what all headers of its shape have in common. */
static int shape_keep(struct repo_work *work, struct repo_shape *shape,
                      const struct shape_built *built,
                      const struct shape_cut *cut,
                      const struct cove_header *header)
{
    shape->header = *header;
    shape->header.nonce = cove_bytes(NULL, 0);
    shape->header.unique = cove_bytes(NULL, 0);
    shape->header.from = cove_bytes(NULL, 0);
    if (!shape_locate(shape, built, header->type_name, &shape->type_name) ||
        !shape_locate(shape, built, header->meta, &shape->meta)) {
        return COVE_ECORRUPT;
    }
    for (size_t i = 0; i < shape->gaps; i++) {
        shape->kind[i] = cut->kind[i];
    }
    return shape_remember(work, shape);
}

static struct cove_bytes shape_span(const struct shape_built *built,
                                    const struct shape_span *span)
{
    if (span->len == 0) {
        return cove_bytes(NULL, 0);
    }
    return cove_bytes(built->bytes.at + built->piece_at[span->piece] + span->at,
                      span->len);
}

static void shape_fill(const struct repo_shape *shape,
                       const struct shape_built *built,
                       struct cove_header *header)
{
    *header = shape->header;
    header->type_name = shape_span(built, &shape->type_name);
    header->meta = shape_span(built, &shape->meta);
    for (size_t i = 0; i < shape->gaps; i++) {
        struct cove_reader r;

        cove_reader_init(&r, built->gap[i]);
        switch (shape->kind[i]) {
        case GAP_NONCE:
            header->nonce = cove_reader_bytes(&r);
            break;
        case GAP_UNIQUE:
            header->unique = built->gap[i];
            break;
        case GAP_FROM:
            header->from = built->gap[i];
            break;
        case GAP_CREATED:
            header->created_ms = cove_reader_int(&r);
            break;
        case GAP_KINDS:
            break;
        }
    }
}

/* Read a shape from the store: its pieces. */
static int shape_read(struct repo_work *work, uint32_t num,
                      struct repo_shape *shape)
{
    struct cove_unpacker u;
    struct cove_bytes bytes;
    size_t pieces = 0;
    size_t len = 0;
    int err = repo_intern_shape_of(work, num, &bytes);

    if (err != 0) {
        return err;
    }
    cove_unpacker_init(&u, bytes);
    while (u.at < u.end) {
        struct cove_bytes piece = cove_unpack_bytes(&u);

        if (u.err != 0 || pieces > GAP_KINDS ||
            piece.len > COVE_MAX_HEADER - len) {
            return COVE_ECORRUPT;
        }
        memcpy(shape->bytes + len, piece.at, piece.len);
        shape->kept_at[pieces] = len;
        shape->kept_len[pieces++] = piece.len;
        len += piece.len;
    }
    if (pieces < 2) {
        return COVE_ECORRUPT;
    }
    shape->num = num;
    shape->gaps = pieces - 1;
    return 0;
}

/* Decode a header of a shape that was not met before. */
static int shape_learn(struct repo_work *work, struct repo_shape *shape,
                       const struct shape_built *built,
                       struct cove_header *header)
{
    struct shape_cut cut;

    if (cove_header_decode(built->bytes, header, NULL) != 0) {
        return COVE_ECORRUPT;
    }
    shape_split(built->bytes, &cut);
    return cut.gaps != shape->gaps
               ? COVE_ECORRUPT
               : shape_keep(work, shape, built, &cut, header);
}

/* A shape that was not met before. */
static int shape_meet(struct repo_work *work, uint32_t num,
                      struct cove_unpacker *u, struct repo_record *record)
{
    struct repo_shape *shape = cove_arena_new(work->arena, sizeof(*shape));
    struct shape_built built;
    int err = shape == NULL ? COVE_ENOMEM : shape_read(work, num, shape);

    if (err == 0) {
        err = shape_build(work, shape, u, &built);
    }
    if (err == 0) {
        err = shape_learn(work, shape, &built, &record->header);
    }
    if (err == 0) {
        record->header_bytes = built.bytes;
    }
    return err;
}

int repo_shape_unpack(struct repo_work *work, struct cove_unpacker *u,
                      struct repo_record *record)
{
    const struct repo_shape *shape;
    struct shape_built built;
    uint32_t num = cove_unpack_u32(u);
    int err;

    if (num == 0) {
        struct cove_bytes bytes = cove_unpack_bytes(u);

        err = u->err != 0
                  ? u->err
                  : cove_arena_copy(work->arena, bytes, &record->header_bytes);
        if (err == 0 && cove_header_decode(record->header_bytes,
                                           &record->header, NULL) != 0) {
            err = COVE_ECORRUPT;
        }
        return err;
    }
    shape = shape_recall(work, num);
    if (shape == NULL) {
        return shape_meet(work, num, u, record);
    }
    err = shape_build(work, shape, u, &built);
    if (err == 0) {
        shape_fill(shape, &built, &record->header);
        record->header_bytes = built.bytes;
    }
    return err;
}

/* --- packing */

/* Is the shape that was packed last, and is in memory, this one? Most documents
 * that a transaction makes are of one kind. */
static uint32_t shape_again(struct repo_work *work, const struct shape_cut *cut)
{
    uint32_t num = work->repo->open.shape;
    const struct repo_shape *shape = num == 0 ? NULL : shape_recall(work, num);
    bool same = shape != NULL && shape->gaps == cut->gaps;

    for (size_t i = 0; same && i <= cut->gaps; i++) {
        same = cove_bytes_equal(
            cut->kept[i],
            cove_bytes(shape->bytes + shape->kept_at[i], shape->kept_len[i]));
    }
    return same ? num : 0;
}

/* Its number, given where it has none. */
static int shape_intern(struct repo_work *work, const struct shape_cut *cut,
                        uint32_t *num)
{
    struct cove_packer p;
    struct cove_buf buf;
    int err;

    cove_buf_init(&buf, work->repo->opt.alloc);
    cove_packer_init(&p, &buf);
    for (size_t i = 0; i <= cut->gaps; i++) {
        cove_pack_bytes(&p, cut->kept[i]);
    }
    err = p.err != 0 ? p.err
                     : repo_intern_shape_add(work, cove_buf_bytes(&buf), num);
    cove_buf_clear(&buf);
    return err;
}

/* The next one need not be looked for. */
static int shape_met(struct repo_work *work, uint32_t num,
                     const struct repo_record *record,
                     const struct shape_cut *cut)
{
    struct repo_shape *shape = cove_arena_new(work->arena, sizeof(*shape));
    struct shape_built built = {.bytes = record->header_bytes};
    size_t len = 0;

    if (shape == NULL) {
        return COVE_ENOMEM;
    }
    shape->num = num;
    shape->gaps = cut->gaps;
    for (size_t i = 0; i <= cut->gaps; i++) {
        struct cove_bytes kept = cut->kept[i];

        built.piece_at[i] = (size_t)(kept.at - record->header_bytes.at);
        memcpy(shape->bytes + len, kept.at, kept.len);
        shape->kept_at[i] = len;
        shape->kept_len[i] = kept.len;
        len += kept.len;
    }

    int err = shape_keep(work, shape, &built, cut, &record->header);

    if (err == 0) {
        work->repo->open.shape = num;
    }
    return err;
}

int repo_shape_pack(struct repo_work *work, const struct repo_record *record,
                    struct cove_packer *p)
{
    struct shape_cut cut = {.gaps = 0};
    uint32_t num;
    int err = 0;

    if (record->header_packed.len > 0) { /* it never changes */
        cove_pack_raw(p, record->header_packed.at, record->header_packed.len);
        return 0;
    }
    /* Groups and journals are few, and each is another. */
    if (record->header.members.len == 0 && !record->header.has_root) {
        shape_split(record->header_bytes, &cut);
    }
    if (cut.gaps == 0) {
        cove_pack_varint(p, 0);
        cove_pack_bytes(p, record->header_bytes);
        return 0;
    }
    num = shape_again(work, &cut);
    if (num == 0) {
        err = shape_intern(work, &cut, &num);
        err = err != 0 ? err : shape_met(work, num, record, &cut);
    }
    cove_pack_varint(p, num);
    for (size_t i = 0; i < cut.gaps; i++) {
        cove_pack_bytes(p, cut.gap[i]);
    }
    return err;
}
