/* repo_state.c: the checkpoint of a folded state. docs/FORMAT.md "Checkpoint".
 *
 * A cache: it can be dropped at any time, the log has everything. It is
 * written settled, so reading it back is filling two sorted arrays. Sessions
 * and epochs are interned; the session of an origin that was never held here
 * has no number and is written out.
 */
#include "crdt/blob.h"
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

    if (native->has_epoch && !work->spelled) {
        err = repo_intern_epoch_add(work, &native->epoch, &epoch);
        if (err != 0) {
            return err;
        }
    }
    cove_pack_byte(p, (uint8_t)((native->deleted ? STATE_DELETED : 0) |
                                (native->has_epoch ? STATE_EPOCH : 0)));
    cove_pack_bytes(p, native->reg);
    if (native->has_epoch && work->spelled) {
        cove_pack_raw(p, native->epoch.b, sizeof(native->epoch.b));
    } else if (native->has_epoch) {
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

static void state_put_reaches(struct cove_packer *p,
                              const struct cove_state *state)
{
    cove_pack_varint(p, state->reach_count);
    for (size_t i = 0; i < state->reach_count; i++) {
        cove_pack_raw(p, state->reaches[i].session.b,
                      sizeof(state->reaches[i].session.b));
        cove_pack_varint(p, state->reaches[i].len);
    }
}

/* Of each session that has written how far its elements are in, how they are
 * numbered; and the elements. */
static int state_put_seq(struct cove_packer *p, const struct cove_state *state)
{
    const struct repo_live *live = state->live;
    size_t count = 0;

    for (size_t i = 0; i < live->row_count; i++) {
        count += live->rows[i].elems > 0;
    }
    cove_pack_varint(p, count);
    for (size_t i = 0; i < live->row_count; i++) {
        const struct repo_live_row *row = &live->rows[i];

        if (row->elems > 0) {
            cove_pack_raw(p, row->session.b, sizeof(row->session.b));
            cove_pack_varint(p, row->elems);
            cove_pack_varint(p, row->next);
        }
    }
    return p->err != 0 ? p->err : cove_seq_save(state->seq, p->out);
}

enum run_bits { RUN_ENDED = 1, RUN_SPOILED = 2 };

static int state_put_run(struct repo_work *work, struct cove_packer *p,
                         const struct cove_blob_run *run)
{
    int err;

    cove_pack_byte(p, (uint8_t)((run->ended ? RUN_ENDED : 0) |
                                (run->spoiled ? RUN_SPOILED : 0)));
    err = state_put_id(work, p, &run->begin);
    cove_pack_varint(p, run->size + 1); /* 0: not announced */
    cove_pack_varint(p, run->held);
    cove_pack_varint(p, run->last);
    if (run->ended) {
        cove_pack_varint(p, run->last_op);
        cove_pack_raw(p, run->hash.b, sizeof(run->hash.b));
    } else {
        cove_pack_bytes(p, run->about);
        cove_pack_raw(p, run->saved, COVE_HASHER_SAVED);
    }
    return err;
}

static int state_put_runs(struct repo_work *work, struct cove_packer *p,
                          const struct cove_state *state)
{
    int err = 0;

    cove_pack_varint(p, state->run_count);
    for (size_t i = 0; i < state->run_count && err == 0; i++) {
        err = state_put_run(work, p, &state->runs[i]);
    }
    return err;
}

/* What the type of the document has beside registers. */
static int state_put_rest(struct repo_work *work, struct cove_packer *p,
                          const struct repo_record *record,
                          const struct cove_state *state)
{
    int err = 0;

    state_put_reaches(p, state);
    switch (record->header.type) {
    case COVE_DOC_COCOUNTER:
        cove_pack_varint(p, (uint64_t)state->sum);
        cove_pack_varint(p, (uint64_t)(state->sum >> 64));
        break;
    case COVE_DOC_COSTREAM:
        cove_pack_varint(p, state->entries);
        break;
    case COVE_DOC_COLIST:
    case COVE_DOC_COTEXT:
        err = state_put_seq(p, state);
        break;
    case COVE_DOC_COBINARY:
        err = state_put_runs(work, p, state);
        break;
    case COVE_DOC_COMAP:
    case COVE_DOC_GROUP:
    case COVE_DOC_ACCOUNT:
    case COVE_DOC_JOURNAL:
    case COVE_DOC_UNKNOWN:
        break;
    }
    return err != 0 ? err : p->err;
}

/* The first bytes of a hash over all the rest: what a disk made of it since is
 * found out, and not shown. */
#define STATE_SUM 8

static struct cove_hash state_sum(struct cove_bytes bytes)
{
    return cove_hash("cove/checkpoint", bytes);
}

int repo_state_pack_ops(struct repo_work *work, const struct cove_state *state,
                        struct cove_buf *out)
{
    struct cove_packer p;
    int err = 0;

    cove_packer_init(&p, out);
    cove_pack_varint(&p, state->false_copies);
    cove_pack_varint(&p, state->native_count);
    for (size_t i = 0; i < state->native_count && err == 0; i++) {
        err = state_put_native(work, &p, &state->natives[i]);
    }
    cove_pack_varint(&p, state->copy_count);
    for (size_t i = 0; i < state->copy_count && err == 0; i++) {
        err = state_put_copy(work, &p, &state->copies[i]);
    }
    return err != 0 ? err : p.err;
}

int repo_state_pack(struct repo_work *work, const struct repo_record *record,
                    const struct cove_state *state, struct cove_buf *out)
{
    struct cove_packer p;
    int err = repo_state_pack_ops(work, state, out);

    cove_packer_init(&p, out);
    return err != 0 ? err : state_put_rest(work, &p, record, state);
}

int repo_state_write(struct repo_work *work, struct repo_record *record,
                     const struct cove_state *state)
{
    struct cove_buf buf;
    int err;

    cove_buf_init(&buf, work->repo->opt.alloc);
    err = repo_state_pack(work, record, state, &buf);
    if (err == 0) {
        struct cove_hash sum = state_sum(cove_buf_bytes(&buf));

        err = cove_buf_append(&buf, cove_bytes(sum.b, STATE_SUM));
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

int repo_state_drop(struct repo_work *work, struct repo_record *record)
{
    int err =
        repo_blob_drop(work, REPO_STATES, record->num, &record->state_parts);

    record->state_bytes = 0;
    for (size_t i = 0; i < record->row_count; i++) {
        record->rows[i].mark = 0;
    }
    record->pending = REPO_PENDING; /* the next write makes another */
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
    if (native->has_epoch && work->spelled) {
        cove_unpack_raw(u, native->epoch.b, sizeof(native->epoch.b));
    } else if (native->has_epoch) {
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

static int state_get_reaches(struct cove_unpacker *u, struct cove_state *state)
{
    size_t count = state_get_count(u);
    int err = u->err;

    for (size_t i = 0; i < count && err == 0; i++) {
        struct cove_reach reach;

        cove_unpack_raw(u, reach.session.b, sizeof(reach.session.b));
        reach.len = cove_unpack_u32(u);
        err = u->err != 0 ? u->err : cove_state_reach(state, &reach);
    }
    return err;
}

static int state_get_seq(struct repo_work *work, struct cove_unpacker *u,
                         const struct repo_record *record,
                         struct cove_state *state)
{
    size_t count = state_get_count(u);
    int err = u->err;

    for (size_t i = 0; i < count && err == 0; i++) {
        struct cove_session_id session;
        const struct repo_row *row;
        struct repo_live_row *held;

        cove_unpack_raw(u, session.b, sizeof(session.b));
        row = repo_record_row(record, &session);
        err = u->err != 0 || row == NULL
                  ? COVE_ECORRUPT
                  : repo_live_row(state->live, &session, &held);
        if (err == 0) {
            held->elems = cove_unpack_u32(u);
            held->next = cove_unpack_u32(u);
            held->done = row->mark;
        }
    }
    if (err == 0) {
        struct cove_bytes saved = cove_unpack_span(u, (size_t)(u->end - u->at));

        err = cove_seq_load(work->repo->opt.alloc, saved, &state->seq);
    }
    return err;
}

static int state_get_run(struct repo_work *work, struct cove_unpacker *u,
                         struct cove_blob_run *run)
{
    unsigned bits = cove_unpack_byte(u);
    struct cove_hasher hasher; /* of this build? */
    int err = state_get_id(work, u, &run->begin);

    run->ended = (bits & RUN_ENDED) != 0;
    run->spoiled = (bits & RUN_SPOILED) != 0;
    run->size = cove_unpack_varint(u) - 1;
    run->held = cove_unpack_varint(u);
    run->last = cove_unpack_u32(u);
    run->last_op = UINT32_MAX;
    if (run->ended) {
        run->last_op = cove_unpack_u32(u);
        cove_unpack_raw(u, run->hash.b, sizeof(run->hash.b));
    } else {
        run->about = cove_unpack_bytes(u);
        run->saved = cove_arena_new(work->arena, COVE_HASHER_SAVED);
        if (run->saved == NULL) {
            return COVE_ENOMEM;
        }
        cove_unpack_raw(u, run->saved, COVE_HASHER_SAVED);
        err = err != 0 || u->err != 0 ? err
                                      : cove_hasher_load(&hasher, run->saved);
    }
    return err != 0 ? err : u->err;
}

static int state_get_runs(struct repo_work *work, struct cove_unpacker *u,
                          struct cove_state *state)
{
    size_t count = state_get_count(u);
    int err = u->err;

    for (size_t i = 0; i < count && err == 0; i++) {
        struct cove_blob_run run = {.ended = false};

        err = state_get_run(work, u, &run);
        if (err == 0) {
            err = cove_blob_push(state, &run);
        }
    }
    return err;
}

static int state_get_rest(struct repo_work *work, struct cove_unpacker *u,
                          const struct repo_record *record,
                          struct cove_state *state)
{
    int err = state_get_reaches(u, state);
    uint64_t low;

    if (err != 0) {
        return err;
    }
    switch (record->header.type) {
    case COVE_DOC_COCOUNTER:
        low = cove_unpack_varint(u);
        state->sum =
            (cove_wide)(int64_t)cove_unpack_varint(u) * ((cove_wide)1 << 64) +
            (cove_wide)low;
        break;
    case COVE_DOC_COSTREAM:
        state->entries = cove_unpack_varint(u);
        break;
    case COVE_DOC_COLIST:
    case COVE_DOC_COTEXT:
        err = state_get_seq(work, u, record, state);
        break;
    case COVE_DOC_COBINARY:
        err = state_get_runs(work, u, state);
        break;
    case COVE_DOC_COMAP:
    case COVE_DOC_GROUP:
    case COVE_DOC_ACCOUNT:
    case COVE_DOC_JOURNAL:
    case COVE_DOC_UNKNOWN:
        break;
    }
    return err;
}

/* Take the sum off. */
static int state_verify(struct cove_bytes *bytes)
{
    struct cove_hash sum;

    if (bytes->len < STATE_SUM) {
        return COVE_ECORRUPT;
    }
    bytes->len -= STATE_SUM;
    sum = state_sum(*bytes);
    return memcmp(sum.b, bytes->at + bytes->len, STATE_SUM) == 0
               ? 0
               : COVE_ECORRUPT;
}

/* The checkpoint's bytes, as they were written; borrowed from the store where
 * they have one part. */
static int state_bytes(struct repo_work *work, const struct repo_record *record,
                       struct cove_bytes *out, size_t *parts)
{
    int err = repo_blob_read(work, REPO_STATES, record->num, out, parts);

    if (err == COVE_ENOTFOUND ||
        (err == 0 && out->len != record->state_bytes)) {
        return COVE_ECORRUPT;
    }
    return err != 0 ? err : state_verify(out);
}

int repo_state_whole(struct repo_work *work, const struct repo_record *record)
{
    struct cove_bytes bytes;
    size_t parts;

    return state_bytes(work, record, &bytes, &parts);
}

int repo_state_unpack(struct repo_work *work, const struct repo_record *record,
                      struct cove_bytes bytes, struct cove_state *state)
{
    struct cove_unpacker u;
    int err;

    cove_unpacker_init(&u, bytes);
    state->false_copies = cove_unpack_varint(&u);
    err = state_get_natives(work, &u, state);
    if (err == 0) {
        err = state_get_copies(work, &u, state);
    }
    if (err == 0) {
        err = state_get_rest(work, &u, record, state);
    }
    return err != 0 ? err : cove_unpacker_done(&u);
}

int repo_state_read(struct repo_work *work, const struct repo_record *record,
                    struct cove_state *state)
{
    struct cove_bytes bytes;
    size_t parts;
    int err = state_bytes(work, record, &bytes, &parts);

    if (err == 0 && parts == 1) { /* borrowed from the store so far */
        err = cove_arena_copy(work->arena, bytes, &bytes);
    }
    return err != 0 ? err : repo_state_unpack(work, record, bytes, state);
}
