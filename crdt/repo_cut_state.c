/* repo_cut_state.c: what the transactions before a cut came to, in its bytes.
 *
 * It is the checkpoint's form with sessions and epochs in full, since numbers
 * mean something in one store only; in front of it stands, for each native op,
 * the beginning of the hash of its transaction, which a copy that is made of
 * it later must name. docs/FORMAT.md "Cut".
 */
#include "core/cbor.h"
#include "core/zip.h"
#include "crdt/repo_internal.h"

#define CUT_HASH 8

/* --- packing */

static int cut_put_hashes(struct repo_work *work,
                          const struct repo_record *record,
                          const struct cove_state *state, struct cove_packer *p)
{
    cove_pack_varint(p, state->native_count);
    for (size_t i = 0; i < state->native_count; i++) {
        uint8_t hash[CUT_HASH];
        int err = repo_origin_hash(work, record, &state->natives[i].id, hash);

        if (err != 0) {
            return err == COVE_ENOTFOUND ? COVE_ECORRUPT : err;
        }
        cove_pack_raw(p, hash, sizeof(hash));
    }
    return p->err;
}

int repo_cut_pack(struct repo_work *work, const struct repo_record *record,
                  const struct cove_state *state, struct cove_bytes *out)
{
    struct repo_work spelled = *work;
    struct cove_packer p;
    struct cove_buf raw, zipped;
    int err;

    spelled.spelled = true;
    cove_buf_init(&raw, work->repo->opt.alloc);
    cove_buf_init(&zipped, work->repo->opt.alloc);
    cove_packer_init(&p, &raw);
    err = cut_put_hashes(work, record, state, &p);
    if (err == 0) {
        err = repo_state_pack(&spelled, record, state, &raw);
    }
    if (err == 0 && raw.len > COVE_MAX_CUT_STATE) {
        err = COVE_ELIMIT;
    }
    cove_packer_init(&p, &zipped);
    cove_pack_varint(&p, raw.len);
    if (err == 0) {
        err =
            p.err != 0 ? p.err : cove_zip_tight(cove_buf_bytes(&raw), &zipped);
    }
    if (err == 0) {
        err = cove_arena_copy(work->arena, cove_buf_bytes(&zipped), out);
    }
    cove_buf_clear(&raw);
    cove_buf_clear(&zipped);
    return err;
}

/* --- unpacking */

struct cut_open { /* what lies in a cut's bytes; all in the arena */
    const uint8_t *hashes;
    size_t count; /* of hashes */
    struct cove_bytes state;
};

static int cut_open(struct repo_work *work, const struct cove_cut *cut,
                    struct cut_open *out)
{
    struct cove_bytes bytes = {NULL, 0};
    struct cove_unpacker u;
    struct cove_buf raw;
    uint64_t len, count;
    int err;

    cove_unpacker_init(&u, cut->state);
    len = cove_unpack_varint(&u);
    if (u.err != 0 || len > COVE_MAX_CUT_STATE) {
        return COVE_ECORRUPT;
    }
    cove_buf_init(&raw, work->repo->opt.alloc);
    err =
        cove_unzip(cove_bytes(u.at, (size_t)(u.end - u.at)), (size_t)len, &raw);
    if (err == 0) {
        err = cove_arena_copy(work->arena, cove_buf_bytes(&raw), &bytes);
    }
    cove_buf_clear(&raw);
    if (err != 0) {
        return err;
    }
    cove_unpacker_init(&u, bytes);
    count = cove_unpack_varint(&u);
    if (u.err != 0 || count > bytes.len / CUT_HASH) {
        return COVE_ECORRUPT;
    }
    out->count = (size_t)count;
    out->hashes = cove_unpack_span(&u, out->count * CUT_HASH).at;
    out->state = cove_bytes(u.at, (size_t)(u.end - u.at));
    return u.err;
}

/* The state of a list or text needs a sequence to be, which is freed with it.
 */
static int cut_begin(struct repo_work *work, const struct repo_record *record,
                     struct cove_state **out)
{
    struct repo_live *live;
    int err;

    if (!repo_record_has_elements(record)) {
        *out = cove_arena_new(work->arena, sizeof(**out));
        if (*out == NULL) {
            return COVE_ENOMEM;
        }
        cove_state_init(*out, work->arena, NULL);
        return 0;
    }
    err = repo_live_new(work, record, &repo_view_main.branch, false, &live);
    *out = err == 0 ? &live->state : NULL;
    return err;
}

/* Sessions and epochs stand in it in full. */
static int cut_unpack(struct repo_work *work, const struct repo_record *record,
                      const struct cut_open *open, struct cove_state *state)
{
    struct repo_work spelled = *work;

    spelled.spelled = true;
    return repo_state_unpack(&spelled, record, open->state, state);
}

/* --- what comes from outside */

static int cut_bad(struct repo_work *work, const char *rule)
{
    return cove_fail(work->diag, COVE_EFORMAT, "cut: %s", rule);
}

/* Is it an op of a transaction that the cut stands for? */
static bool cut_covers(const struct cove_cut *cut, const struct cove_op_id *id)
{
    const struct cove_cut_row *row = cove_cut_row_of(cut, &id->session);

    return row != NULL && id->tx < row->len && id->hlc > 0 &&
           id->hlc <= row->last_hlc &&
           memcmp(&row->device, &id->device, sizeof(id->device)) == 0;
}

static bool cut_value_is_good(bool deleted, struct cove_bytes value)
{
    if (deleted) {
        return value.len == 0;
    }
    return value.len <= COVE_MAX_VALUE &&
           cove_cbor_check_all(value, COVE_MAX_VALUE_DEPTH + 1, NULL) == 0;
}

static bool cut_native_is_good(const struct cove_cut *cut,
                               const struct cove_native *native)
{
    return native->reg.len > 0 && native->reg.len <= COVE_MAX_KEY &&
           cut_covers(cut, &native->id) &&
           cut_value_is_good(native->deleted, native->value);
}

static bool cut_copy_is_good(const struct cove_cut *cut,
                             const struct cove_copy *copy)
{
    return copy->reg.len > 0 && copy->reg.len <= COVE_MAX_KEY &&
           copy->origin_count <= COVE_MAX_TX_OPS &&
           cut_covers(cut, &copy->id) &&
           cut_value_is_good(copy->deleted, copy->value);
}

static enum cove_held cut_held(void *ctx, const struct cove_origin *origin)
{
    (void)ctx;
    return origin->held ? COVE_HELD_YES : COVE_HELD_NO;
}

/* The same ops folded anew. */
static int cut_again(struct repo_work *work, const struct cove_cut *cut,
                     const struct cove_state *state, struct cove_state *out)
{
    struct cove_state_history history = {.held = cut_held};
    int err = 0;

    cove_state_init(out, work->arena, &history);
    out->false_copies = state->false_copies;
    for (size_t i = 0; i < state->native_count && err == 0; i++) {
        err = cut_native_is_good(cut, &state->natives[i])
                  ? cove_state_add_native(out, &state->natives[i])
                  : cut_bad(work, "a write in it is not of these sessions, or "
                                  "no value");
    }
    for (size_t i = 0; i < state->copy_count && err == 0; i++) {
        err = cut_copy_is_good(cut, &state->copies[i])
                  ? cove_state_add_copy(out, &state->copies[i])
                  : cut_bad(work, "a copy in it is not of these sessions, or "
                                  "no value");
    }
    if (err == 0) {
        cove_state_settle(out);
    }
    return err;
}

/* What does not come out of its own ops again was not made by folding. */
static int cut_compare(struct repo_work *work, const struct cove_cut *cut,
                       const struct cove_state *state, struct cove_bytes bytes)
{
    struct repo_work spelled = *work;
    struct cove_state again;
    struct cove_buf buf;
    int err = cut_again(work, cut, state, &again);

    spelled.spelled = true;
    cove_buf_init(&buf, work->repo->opt.alloc);
    if (err == 0) {
        err = repo_state_pack_ops(&spelled, &again, &buf);
    }
    if (err == 0 &&
        (buf.len > bytes.len || memcmp(buf.at, bytes.at, buf.len) != 0)) {
        err = cut_bad(work, "its state is not what its writes fold to");
    }
    cove_buf_clear(&buf);
    return err;
}

/* Of each session all elements are in, up to the cut: behind it the log goes
 * on. */
static bool cut_rows_are_good(const struct cove_cut *cut,
                              const struct repo_live *live)
{
    for (size_t i = 0; i < live->row_count; i++) {
        const struct cove_cut_row *row =
            cove_cut_row_of(cut, &live->rows[i].session);

        if (row == NULL || live->rows[i].elems != row->len) {
            return false;
        }
    }
    return live->row_count == cut->row_count;
}

int repo_cut_check(struct repo_work *work, const struct repo_record *record,
                   const struct cove_cut *cut)
{
    struct cove_state *state;
    struct cut_open open;
    int err = cut_open(work, cut, &open);

    if (err == 0) {
        err = cut_begin(work, record, &state);
    }
    if (err != 0) {
        return err == COVE_ECORRUPT
                   ? cut_bad(work, "its state cannot be unpacked")
                   : err;
    }
    err = cut_unpack(work, record, &open, state);
    if (err == 0 &&
        (state->native_count != open.count || state->reach_count > 0 ||
         (state->live != NULL && !cut_rows_are_good(cut, state->live)))) {
        err = COVE_ECORRUPT;
    }
    if (err == 0) {
        err = cut_compare(work, cut, state, open.state);
    }
    cove_repo_state_done(work->repo, state);
    return err == COVE_ECORRUPT ? cut_bad(work, "its state cannot be read")
                                : err;
}

/* --- what is kept here */

static int cut_open_own(struct repo_work *work,
                        const struct repo_record *record, struct cut_open *out)
{
    struct cove_cut cut;
    int err = repo_cut_get(work, record, &cut);

    return err != 0 ? err : cut_open(work, &cut, out);
}

int repo_cut_fill(struct repo_work *work, const struct repo_record *record,
                  struct cove_state *state)
{
    struct cut_open open;
    int err = cut_open_own(work, record, &open);

    if (err == 0) {
        err = cut_unpack(work, record, &open, state);
    }
    for (size_t i = 0;
         err == 0 && state->live != NULL && i < state->live->row_count; i++) {
        struct repo_live_row *row = &state->live->rows[i];

        row->done = repo_record_row(record, &row->session)->pub.base;
    }
    return err;
}

/* Its state, to be read once. */
static int cut_state(struct repo_work *work, const struct repo_record *record,
                     struct cut_open *open, struct cove_state **out)
{
    int err = cut_open_own(work, record, open);

    if (err == 0) {
        err = cut_begin(work, record, out);
    }
    if (err == 0) {
        err = cut_unpack(work, record, open, *out);
        if (err != 0) {
            cove_repo_state_done(work->repo, *out);
        }
    }
    return err;
}

int repo_cut_hash(struct repo_work *work, const struct repo_record *record,
                  const struct cove_op_id *op, uint8_t out[8])
{
    struct cove_state *state;
    struct cut_open open;
    int err = cut_state(work, record, &open, &state);
    bool found = false;

    if (err != 0) {
        return err;
    }
    for (size_t i = 0; i < state->native_count && !found; i++) {
        const struct cove_op_id *id = &state->natives[i].id;

        found = id->tx == op->tx &&
                memcmp(&id->session, &op->session, sizeof(op->session)) == 0;
        if (found) {
            memcpy(out, open.hashes + i * CUT_HASH, CUT_HASH);
        }
    }
    cove_repo_state_done(work->repo, state);
    return found ? 0 : COVE_ENOTFOUND;
}

/* Of a map the newest write stands in the state, and what is newer in a session
 * may be a copy; of the others every transaction is a write. */
int repo_cut_tally(struct repo_work *work, struct repo_record *record)
{
    struct cove_state *state;
    struct cut_open open;
    int err = 0;

    if (record->header.type != COVE_DOC_COMAP) {
        for (size_t i = 0; i < record->row_count && err == 0; i++) {
            const struct repo_row *row = &record->rows[i];

            if (row->pub.base > 0) {
                err = repo_tally_native(work, record, &row->pub.device,
                                        row->base_hlc, row->base_epoch);
            }
        }
        return err;
    }
    err = cut_state(work, record, &open, &state);
    for (size_t i = 0; err == 0 && i < state->native_count; i++) {
        const struct cove_native *native = &state->natives[i];
        uint32_t epoch = 0;

        if (native->has_epoch) {
            err = repo_intern_epoch_add(work, &native->epoch, &epoch);
        }
        if (err == 0) {
            err = repo_tally_native(work, record, &native->id.device,
                                    native->id.hlc, epoch);
        }
    }
    return err;
}
