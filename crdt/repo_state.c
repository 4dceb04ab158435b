/* repo_state.c: the checkpoint of a folded state. docs/FORMAT.md "Checkpoint".
 *
 * A cache: it can be dropped at any time, the log has everything. It is
 * written settled, so reading it back is filling two sorted arrays. Sessions
 * and epochs are interned; the session of an origin that was never held here
 * has no number and is written out.
 */
#include "crdt/repo_internal.h"

enum state_bits {
    STATE_DELETED = 1,
    STATE_EPOCH = 2 /* of a native */
};

enum origin_bits { ORIGIN_NONE = 1, ORIGIN_HELD = 2 };

/* --- writing */

static int state_put_id(struct repo_work *work, struct cove_packer *p,
                        const struct cove_op_id *id)
{
    int err = repo_pack_session(work, id, p);

    cove_pack_varint(p, id->hlc);
    cove_pack_varint(p, id->tx);
    cove_pack_varint(p, id->op);
    return err;
}

static int state_put_native(struct repo_work *work, struct cove_packer *p,
                            const struct cove_native *native)
{
    uint32_t epoch = 0;
    int err = 0;

    if (native->has_epoch) {
        err = repo_intern_epoch_add(work, &native->epoch, &epoch);
        if (err != 0) {
            return err;
        }
    }
    cove_pack_byte(p, (uint8_t)((native->deleted ? STATE_DELETED : 0) |
                                (native->has_epoch ? STATE_EPOCH : 0)));
    cove_pack_bytes(p, native->reg);
    if (native->has_epoch) {
        cove_pack_varint(p, epoch);
    }
    err = state_put_id(work, p, &native->id);
    cove_pack_bytes(p, native->value);
    return err;
}

static int state_put_copy(struct repo_work *work, struct cove_packer *p,
                          const struct cove_copy *copy)
{
    int err;

    cove_pack_byte(p, copy->deleted ? STATE_DELETED : 0);
    cove_pack_bytes(p, copy->reg);
    err = state_put_id(work, p, &copy->id);
    cove_pack_bytes(p, copy->value);
    cove_pack_varint(p, copy->origin_count);
    for (size_t i = 0; i < copy->origin_count && err == 0; i++) {
        const struct cove_origin *origin = &copy->origins[i];
        bool none = cove_op_id_is_none(&origin->id);

        cove_pack_byte(p, (uint8_t)((none ? ORIGIN_NONE : 0) |
                                    (origin->held ? ORIGIN_HELD : 0)));
        cove_pack_bytes(p, origin->reg);
        if (!none) {
            err = state_put_id(work, p, &origin->id);
            cove_pack_raw(p, origin->tx_hash, sizeof(origin->tx_hash));
        }
    }
    /* The rank is found again by place, not by comparing. */
    for (size_t i = 0; i < copy->origin_count; i++) {
        cove_pack_varint(p, (uint64_t)(copy->ranked[i] - copy->origins));
    }
    return err;
}

int repo_state_write(struct repo_work *work, struct repo_record *record,
                     const struct cove_state *state)
{
    struct cove_packer p;
    struct cove_buf buf;
    int err = 0;

    cove_buf_init(&buf, work->repo->opt.alloc);
    cove_packer_init(&p, &buf);
    cove_pack_varint(&p, state->false_copies);
    cove_pack_varint(&p, state->native_count);
    for (size_t i = 0; i < state->native_count && err == 0; i++) {
        err = state_put_native(work, &p, &state->natives[i]);
    }
    cove_pack_varint(&p, state->copy_count);
    for (size_t i = 0; i < state->copy_count && err == 0; i++) {
        err = state_put_copy(work, &p, &state->copies[i]);
    }
    if (err == 0) {
        err = p.err;
    }
    if (err == 0) {
        err = repo_blob_write(work, REPO_STATES, record->num,
                              cove_buf_bytes(&buf), &record->state_parts);
    }
    if (err == 0) {
        record->state_bytes = buf.len;
    }
    cove_buf_clear(&buf);
    return err;
}

/* --- reading */

static int state_get_id(struct repo_work *work, struct cove_unpacker *u,
                        struct cove_op_id *id)
{
    int err = repo_unpack_session(work, u, id);

    id->hlc = cove_unpack_varint(u);
    id->tx = cove_unpack_u32(u);
    id->op = cove_unpack_u32(u);
    return err != 0 ? err : u->err;
}

static int state_get_native(struct repo_work *work, struct cove_unpacker *u,
                            struct cove_native *native)
{
    unsigned bits = cove_unpack_byte(u);
    int err = 0;

    native->deleted = (bits & STATE_DELETED) != 0;
    native->has_epoch = (bits & STATE_EPOCH) != 0;
    native->reg = cove_unpack_bytes(u);
    if (native->has_epoch) {
        err = repo_intern_epoch_of(work, cove_unpack_u32(u), &native->epoch);
    }
    if (err == 0) {
        err = state_get_id(work, u, &native->id);
    }
    native->value = cove_unpack_bytes(u);
    return err != 0 ? err : u->err;
}

static int state_get_origin(struct repo_work *work, struct cove_unpacker *u,
                            struct cove_origin *origin)
{
    unsigned bits = cove_unpack_byte(u);
    int err = 0;

    origin->held = (bits & ORIGIN_HELD) != 0;
    origin->reg = cove_unpack_bytes(u);
    if ((bits & ORIGIN_NONE) == 0) {
        err = state_get_id(work, u, &origin->id);
        cove_unpack_raw(u, origin->tx_hash, sizeof(origin->tx_hash));
    }
    return err != 0 ? err : u->err;
}

/* A count of things that take at least one byte each. */
static size_t state_get_count(struct cove_unpacker *u)
{
    uint64_t count = cove_unpack_varint(u);

    if (count > (uint64_t)(u->end - u->at)) {
        u->err = COVE_ECORRUPT;
        return 0;
    }
    return (size_t)count;
}

static int state_get_copy(struct repo_work *work, struct cove_unpacker *u,
                          struct cove_copy *copy)
{
    copy->deleted = (cove_unpack_byte(u) & STATE_DELETED) != 0;
    copy->reg = cove_unpack_bytes(u);

    int err = state_get_id(work, u, &copy->id);

    copy->value = cove_unpack_bytes(u);
    copy->origin_count = state_get_count(u);
    copy->origins = cove_arena_array(work->arena, copy->origin_count + 1,
                                     sizeof(*copy->origins));
    copy->ranked =
        cove_arena_array(work->arena, copy->origin_count + 1, sizeof(void *));
    if (copy->origins == NULL || copy->ranked == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < copy->origin_count && err == 0; i++) {
        err = state_get_origin(work, u, &copy->origins[i]);
    }
    for (size_t i = 0; i < copy->origin_count && err == 0; i++) {
        uint32_t place = cove_unpack_u32(u);

        err = place < copy->origin_count ? u->err : COVE_ECORRUPT;
        copy->ranked[i] = &copy->origins[err == 0 ? place : 0];
    }
    return err != 0 ? err : u->err;
}

static int state_get_natives(struct repo_work *work, struct cove_unpacker *u,
                             struct cove_state *state)
{
    size_t count = state_get_count(u);
    int err = u->err;

    state->native_cap = count + 8; /* room for what is folded behind */
    state->natives = cove_arena_array(state->arena, state->native_cap,
                                      sizeof(*state->natives));
    if (state->natives == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count && err == 0; i++) {
        err = state_get_native(work, u, &state->natives[i]);
    }
    state->native_count = count;
    return err;
}

static int state_get_copies(struct repo_work *work, struct cove_unpacker *u,
                            struct cove_state *state)
{
    size_t count = state_get_count(u);
    int err = u->err;

    state->copy_cap = count;
    if (count == 0) {
        return err;
    }
    state->copies =
        cove_arena_array(state->arena, count, sizeof(*state->copies));
    if (state->copies == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count && err == 0; i++) {
        err = state_get_copy(work, u, &state->copies[i]);
    }
    state->copy_count = count;
    return err;
}

int repo_state_read(struct repo_work *work, const struct repo_record *record,
                    struct cove_state *state)
{
    struct cove_unpacker u;
    struct cove_bytes bytes;
    size_t parts;
    int err = repo_blob_read(work, REPO_STATES, record->num, &bytes, &parts);

    if (err == COVE_ENOTFOUND ||
        (err == 0 && bytes.len != record->state_bytes)) {
        return COVE_ECORRUPT;
    }
    if (err == 0 && parts == 1) { /* borrowed from the store so far */
        err = cove_arena_copy(work->arena, bytes, &bytes);
    }
    if (err != 0) {
        return err;
    }
    cove_unpacker_init(&u, bytes);
    state->false_copies = cove_unpack_varint(&u);
    err = state_get_natives(work, &u, state);
    if (err == 0) {
        err = state_get_copies(work, &u, state);
    }
    return err != 0 ? err : cove_unpacker_done(&u);
}
