/* stream.c: see stream.h: entries gathered, and positions. The walk is in
 * stream_walk.c. */
#include "crdt/stream.h"

#include "core/cbor.h"
#include "crdt/pack.h"

#define STREAM_OP      2 /* bytes that an op takes beside its value */
#define STREAM_VERSION 1
#define STREAM_ID      4  /* bytes of the document's id in a position */
#define STREAM_POINT   18 /* bytes of a point, at least */

/* --- appending */

bool cove_stream_draft_has_room(const struct cove_stream_draft *draft,
                                size_t len)
{
    size_t bytes = draft->values.len + STREAM_OP * (size_t)draft->count;

    /* A value that fits nowhere else has a transaction to itself. */
    return draft->count == 0 || (draft->count < COVE_MAX_TX_OPS &&
                                 bytes + len <= COVE_COMPOSE_BYTES);
}

int cove_stream_draft_add(struct cove_stream_draft *draft,
                          struct cove_bytes value)
{
    int err = cove_buf_append(&draft->values, value);

    draft->count += err == 0;
    return err;
}

int cove_stream_draft_take(struct cove_stream_draft *draft,
                           struct cove_arena *arena, struct cove_tx *out)
{
    struct cove_tx_op *ops =
        cove_arena_array(arena, draft->count + (size_t)1, sizeof(*ops));
    struct cove_reader r;

    if (ops == NULL) {
        return COVE_ENOMEM;
    }
    cove_reader_init(&r, cove_buf_bytes(&draft->values));
    for (uint32_t i = 0; i < draft->count; i++) {
        ops[i].kind = COVE_OP_APPEND;
        ops[i].value = cove_reader_item(&r);
    }
    memset(out, 0, sizeof(*out));
    out->ops = ops;
    out->op_count = draft->count;
    draft->values.len = 0;
    draft->count = 0;
    return 0;
}

/* --- positions */

static int position_bad(struct cove_diag *diag, const char *why)
{
    return cove_fail(diag, COVE_EFORMAT, "not a position in this stream: %s",
                     why);
}

/* version, the beginning of the document's id, then the points to the end. */
static int position_points(struct cove_unpacker *u, struct cove_arena *arena,
                           struct cove_stream_position *out,
                           struct cove_diag *diag)
{
    size_t most = (size_t)(u->end - u->at) / STREAM_POINT;
    struct cove_stream_point *points =
        cove_arena_array(arena, most + 1, sizeof(*points));
    size_t count = 0;

    if (points == NULL) {
        return COVE_ENOMEM;
    }
    while (u->at < u->end && count < most) {
        struct cove_stream_point *point = &points[count];

        cove_unpack_raw(u, point->session.b, sizeof(point->session.b));
        point->tx = cove_unpack_u32(u);
        point->entries = cove_unpack_u32(u);
        if (u->err != 0) {
            break;
        }
        if (count > 0 && memcmp(&points[count - 1].session, &point->session,
                                sizeof(point->session)) >= 0) {
            return position_bad(diag, "its sessions are not in order");
        }
        if (point->entries >= COVE_MAX_TX_OPS ||
            (point->tx == 0 && point->entries == 0)) {
            return position_bad(diag, "it counts what cannot be");
        }
        count++;
    }
    if (cove_unpacker_done(u) != 0) {
        return position_bad(diag, "it is cut off, or no number is one");
    }
    out->points = points;
    out->count = count;
    return 0;
}

int cove_stream_position_read(struct cove_bytes text, const struct cove_id *id,
                              struct cove_arena *arena,
                              struct cove_stream_position *out,
                              struct cove_diag *diag)
{
    struct cove_bytes copy;
    struct cove_unpacker u;
    uint8_t *bytes;
    int err;

    memset(out, 0, sizeof(*out));
    if (text.len == 0) {
        return 0;
    }
    if (text.len > COVE_MAX_POSITION) {
        return cove_fail(diag, COVE_ELIMIT,
                         "a position of %zu bytes; %d are the most", text.len,
                         COVE_MAX_POSITION);
    }
    err = cove_arena_copy(arena, text, &copy);
    bytes = err == 0 ? cove_arena_new(arena, text.len / 2 + 1) : NULL;
    if (bytes == NULL) {
        return COVE_ENOMEM;
    }
    if (text.len % 2 != 0 || memchr(copy.at, 0, copy.len) != NULL ||
        cove_hex_parse((const char *)copy.at, bytes, text.len / 2) != 0) {
        return position_bad(diag, "it is no hexadecimal text");
    }
    cove_unpacker_init(&u, cove_bytes(bytes, text.len / 2));
    if (cove_unpack_byte(&u) != STREAM_VERSION) {
        return position_bad(diag, "it is of no version that is known here");
    }
    copy = cove_unpack_span(&u, STREAM_ID);
    if (!cove_bytes_equal(copy, cove_bytes(id->b, STREAM_ID))) {
        return position_bad(diag, "it is one of another document");
    }
    return position_points(&u, arena, out, diag);
}

static int position_hex(struct cove_bytes bytes, struct cove_buf *out)
{
    int err = cove_buf_reserve(out, COVE_HEX_LEN(bytes.len));

    if (err == 0) {
        cove_hex(bytes, (char *)out->at + out->len);
        out->len += 2 * bytes.len;
    }
    return err;
}

int cove_stream_position_write(const struct cove_stream_position *position,
                               const struct cove_id *id, struct cove_buf *out)
{
    struct cove_packer p;
    struct cove_buf bytes;
    int err;

    cove_buf_init(&bytes, out->alloc);
    cove_packer_init(&p, &bytes);
    cove_pack_byte(&p, STREAM_VERSION);
    cove_pack_raw(&p, id->b, STREAM_ID);
    for (size_t i = 0; i < position->count; i++) {
        const struct cove_stream_point *point = &position->points[i];

        if (point->tx != 0 || point->entries != 0) {
            cove_pack_raw(&p, point->session.b, sizeof(point->session.b));
            cove_pack_varint(&p, point->tx);
            cove_pack_varint(&p, point->entries);
        }
    }
    err = p.err != 0 ? p.err : position_hex(cove_buf_bytes(&bytes), out);
    cove_buf_clear(&bytes);
    return err;
}
