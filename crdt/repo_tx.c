/* repo_tx.c: one transaction in a chunk. docs/FORMAT.md "Log chunk".
 *
 * Most transactions are plain: nothing in them that this build does not know,
 * no claim, no private part, no auth. Of such one the chunk keeps what it says
 * and not how: the time as a difference, registers, epochs and sessions by
 * their interned numbers. Encoding it again gives its bytes; that it gives the
 * identical bytes is checked when it is packed, and what does not pass the
 * check is kept as it came. A load folds a plain transaction without ever
 * making its bytes.
 */
#include "crdt/repo_internal.h"
#include "crdt/repo_tx_parts.h"

#define TX_EPOCH    32
#define TX_TIME_MAX ((uint64_t)1 << 62) /* what a short one's time can say */
#define TX_MS       ((uint64_t)1 << 16) /* of an hlc */
#define TX_HEAD_MAX 10                  /* bytes of a varint */

enum tx_form {
    TX_RAW,       /* as it came */
    TX_RAW_EPOCH, /* as it came, but for 32 bytes of epoch */
    TX_PLAIN,
    TX_SHORT /* one op, not on a register, and nothing else */
};

/* --- short: one op that is not on a register, and all else as before */

static bool tx_is_short(const struct cove_tx *tx, uint64_t before)
{
    return tx->kind == COVE_TX_NATIVE && tx->op_count == 1 &&
           tx->ops[0].kind != COVE_OP_REGISTER && tx->epoch_inherited &&
           tx->auth_inherited && !tx->has_seen && tx->hlc > before &&
           tx->hlc - before < TX_TIME_MAX;
}

/* Most times are a new millisecond's first, the others the next of their
 * millisecond. */
static void tx_pack_time(uint64_t hlc, uint64_t before, struct cove_packer *p)
{
    if (hlc % TX_MS == 0) {
        cove_pack_varint(p, (hlc / TX_MS - before / TX_MS) << 1);
    } else {
        cove_pack_varint(p, (hlc - before) << 1 | 1);
    }
}

static uint64_t tx_take_time(uint64_t before, struct cove_unpacker *u)
{
    uint64_t time = cove_unpack_varint(u);

    return (time & 1) != 0 ? before + (time >> 1)
                           : (before / TX_MS + (time >> 1)) * TX_MS;
}

static int tx_pack_short(struct repo_work *work, const struct cove_tx *tx,
                         bool intern, struct repo_tx_before *before,
                         struct cove_buf *out)
{
    const struct repo_op_form form = {
        .intern = intern, .last = true, .single = true};
    struct cove_packer p;

    cove_packer_init(&p, out);
    tx_pack_time(tx->hlc, before->hlc, &p);

    int err = repo_op_pack(work, tx, tx->ops, &form, &before->near, &p);

    return err != 0 ? err : p.err;
}

static int tx_unpack_short(struct repo_work *work,
                           const struct repo_tx_entry *entry,
                           struct cove_tx *out)
{
    const struct repo_op_form form = {.last = true, .single = true};
    struct cove_unpacker u = entry->body;
    struct repo_tx_near near = entry->near;
    struct cove_tx tx = {.hlc = entry->hlc,
                         .epoch_inherited = true,
                         .auth_inherited = true,
                         .op_count = 1};
    uint8_t tag = cove_unpack_byte(&u);
    int err;

    tx.ops = cove_arena_new(work->arena, sizeof(*tx.ops));
    if (tx.ops == NULL) {
        return COVE_ENOMEM;
    }
    err = repo_op_take(work, &u, tag, &form, &near, &tx, tx.ops);
    if (err == 0) {
        err = cove_unpacker_done(&u);
    }
    if (err == 0) {
        *out = tx;
    }
    return err;
}

/* --- raw */

/* The third and fourth items of a transaction, [version, hlc, kind, epoch, …]:
 * its time, and its epoch's item where that is a byte string. What stands
 * behind may be of a newer build, or cut out. */
static void tx_raw_front(struct cove_bytes tx, uint64_t *hlc,
                         struct cove_bytes *epoch)
{
    struct cove_reader r;

    *epoch = cove_bytes(NULL, 0);
    cove_reader_init(&r, tx);
    cove_reader_list(&r);
    cove_reader_item(&r);
    *hlc = cove_reader_uint(&r);
    cove_reader_item(&r);
    if (cove_reader_peek(&r) == COVE_CBOR_BYTES) {
        *epoch = cove_reader_item(&r);
    }
}

static int tx_pack_raw(struct repo_work *work, struct cove_bytes bytes,
                       struct repo_tx_before *before, struct cove_packer *p)
{
    struct cove_bytes item;
    struct cove_step_id step;
    uint32_t num = 0;

    tx_raw_front(bytes, &before->hlc, &item);
    if (item.len != TX_EPOCH + 2) {
        cove_pack_varint(p, (uint64_t)bytes.len << 2 | TX_RAW);
        cove_pack_raw(p, bytes.at, bytes.len);
        before->epoch = item.len == 1 ? 0 : before->epoch;
        return p->err;
    }
    memcpy(step.b, item.at + 2, sizeof(step.b));

    int err = repo_intern_epoch_add(work, &step, &num);

    if (err != 0) {
        return err;
    }

    size_t front = (size_t)(item.at + 2 - bytes.at);

    cove_pack_varint(p, (uint64_t)(bytes.len - TX_EPOCH) << 2 | TX_RAW_EPOCH);
    cove_pack_varint(p, num);
    cove_pack_varint(p, front);
    cove_pack_raw(p, bytes.at, front);
    cove_pack_raw(p, item.at + item.len, bytes.len - TX_EPOCH - front);
    before->epoch = num;
    return p->err;
}

static int tx_restore(struct repo_work *work, const struct repo_tx_entry *entry,
                      struct cove_bytes *out)
{
    struct cove_step_id step;
    size_t len = entry->raw.len;
    int err = repo_intern_epoch_of(work, entry->epoch, &step);

    if (err != 0) {
        return err;
    }

    uint8_t *room = cove_arena_new(work->arena, len + TX_EPOCH);

    if (room == NULL) {
        return COVE_ENOMEM;
    }
    memcpy(room, entry->raw.at, entry->front);
    memcpy(room + entry->front, step.b, TX_EPOCH);
    memcpy(room + entry->front + TX_EPOCH, entry->raw.at + entry->front,
           len - entry->front);
    *out = cove_bytes(room, len + TX_EPOCH);
    return 0;
}

/* --- both */

/* Does the packed form give the identical bytes back? */
static int tx_check_plain(struct repo_work *work, struct cove_bytes packed,
                          struct cove_bytes bytes,
                          const struct repo_tx_before *before, bool *same)
{
    struct repo_tx_before running = *before;
    struct repo_tx_entry entry;
    struct cove_unpacker u;
    struct cove_bytes again;

    cove_unpacker_init(&u, packed);

    int err = repo_tx_take(&u, &running, &entry);

    if (err == 0) {
        err = repo_tx_bytes(work, &entry, &again);
    }
    *same = err == 0 && cove_bytes_equal(again, bytes);
    switch (err) { /* of memory and store; others say it is not the same */
    case COVE_ENOMEM:
    case COVE_ENOSPC:
    case COVE_EIO:
    case COVE_EBUSY:
        return err;
    default:
        return 0;
    }
}

static bool tx_is_plain(const struct cove_tx *tx)
{
    return !tx->ahead && tx->private_part.len == 0 && !tx->has_claim &&
           tx->auth_count == 0 && !tx->has_undo && !tx->has_branch &&
           !tx->has_merge && !tx->has_remove;
}

/* Put the head before what was packed behind a byte of room for it. */
static int tx_seal(struct cove_buf *packed, size_t start, enum tx_form form)
{
    uint8_t room[TX_HEAD_MAX];
    struct cove_buf head = {.at = room, .cap = sizeof(room)};
    struct cove_packer p;
    size_t len = packed->len - start - 1;

    cove_packer_init(&p, &head);
    cove_pack_varint(&p, (uint64_t)len << 2 | form);

    int err = cove_buf_reserve(packed, head.len - 1);

    if (err == 0) {
        memmove(packed->at + start + head.len, packed->at + start + 1, len);
        memcpy(packed->at + start, room, head.len);
        packed->len += head.len - 1;
    }
    return err;
}

/* *same: it gives the identical bytes back; otherwise `packed` may have grown
 * all the same. */
static int tx_pack_terse(struct repo_work *work, const struct cove_tx *tx,
                         struct cove_bytes bytes, bool intern,
                         struct repo_tx_before *before, struct cove_buf *packed,
                         bool *same)
{
    const struct repo_tx_before running = *before;
    bool is_short = tx_is_short(tx, before->hlc);
    size_t start = packed->len;
    int err = cove_buf_reserve(packed, 1);

    if (err != 0) {
        return err;
    }
    packed->len++;
    err = is_short ? tx_pack_short(work, tx, intern, before, packed)
                   : repo_plain_pack(work, tx, intern, before, packed);
    if (err == 0) {
        err = tx_seal(packed, start, is_short ? TX_SHORT : TX_PLAIN);
    }
    *same = before->own;
    if (err == 0 && !*same) {
        err = tx_check_plain(
            work, cove_bytes(packed->at + start, packed->len - start), bytes,
            &running, same);
    }
    return err;
}

int repo_tx_pack(struct repo_work *work, const struct cove_tx *tx,
                 struct cove_bytes bytes, bool intern,
                 struct repo_tx_before *before, struct cove_buf *packed)
{
    struct repo_tx_near near = before->near;
    size_t start = packed->len;
    struct cove_packer p;
    bool same = false;
    int err = 0;

    if (tx_is_plain(tx)) {
        err = tx_pack_terse(work, tx, bytes, intern, before, packed, &same);
    }
    if (err != 0) {
        return err;
    }
    if (!same) {
        packed->len = start;
        before->near = near;
        cove_packer_init(&p, packed);
        return tx_pack_raw(work, bytes, before, &p);
    }
    before->hlc = tx->hlc;
    if (!tx->epoch_inherited) {
        before->epoch = 0;
        if (tx->has_epoch) {
            err = repo_intern_epoch_find(work, &tx->epoch, &before->epoch);
        }
    }
    return err;
}

static int tx_take_short(struct repo_tx_before *before,
                         struct repo_tx_entry *entry)
{
    cove_unpacker_init(&entry->body, entry->raw);
    entry->hlc = tx_take_time(before->hlc, &entry->body);
    entry->epoch = before->epoch;
    return entry->body.err != 0 ? entry->body.err
                                : repo_op_pass(entry->body, &before->near);
}

static int tx_take_raw(const struct repo_tx_before *before,
                       struct repo_tx_entry *entry)
{
    struct cove_bytes item;

    tx_raw_front(entry->raw, &entry->hlc, &item);
    if (entry->form == TX_RAW) {
        entry->epoch = item.len == 1 ? 0 : before->epoch;
    }
    return entry->front > entry->raw.len ? COVE_ECORRUPT : 0;
}

int repo_tx_take(struct cove_unpacker *u, struct repo_tx_before *before,
                 struct repo_tx_entry *out)
{
    struct repo_tx_entry entry = {.near = before->near};
    uint64_t head = cove_unpack_varint(u);
    int err;

    entry.form = (unsigned)(head & 3);
    if (entry.form == TX_RAW_EPOCH) {
        entry.epoch = cove_unpack_u32(u);
        entry.front = cove_unpack_u32(u);
    }
    if (u->err != 0 || head >> 2 > (uint64_t)(u->end - u->at)) {
        return COVE_ECORRUPT;
    }
    entry.raw = cove_unpack_span(u, (size_t)(head >> 2));
    err = entry.form == TX_SHORT   ? tx_take_short(before, &entry)
          : entry.form == TX_PLAIN ? repo_plain_front(before, &entry)
                                   : tx_take_raw(before, &entry);
    if (err != 0) {
        return err;
    }
    before->hlc = entry.hlc;
    before->epoch = entry.epoch;
    *out = entry;
    return 0;
}

static int tx_unpack(struct repo_work *work, const struct repo_tx_entry *entry,
                     struct cove_tx *out)
{
    return entry->form == TX_SHORT ? tx_unpack_short(work, entry, out)
                                   : repo_plain_take(work, entry, out);
}

int repo_tx_bytes(struct repo_work *work, const struct repo_tx_entry *entry,
                  struct cove_bytes *out)
{
    struct cove_buf buf;
    struct cove_tx tx;

    if (entry->form == TX_RAW) {
        *out = entry->raw;
        return 0;
    }
    if (entry->form == TX_RAW_EPOCH) {
        return tx_restore(work, entry, out);
    }

    int err = tx_unpack(work, entry, &tx);

    if (err != 0) {
        return err;
    }
    cove_buf_init(&buf, work->repo->opt.alloc);
    err = cove_tx_write(&tx, work->arena, &buf);
    if (err == 0) {
        err = cove_arena_copy(work->arena, cove_buf_bytes(&buf), out);
    }
    cove_buf_clear(&buf);
    return err;
}

bool repo_tx_writes(const struct repo_tx_entry *entry)
{
    return entry->form == TX_PLAIN && repo_plain_writes(entry);
}

int repo_tx_decode(struct repo_work *work, const struct repo_tx_entry *entry,
                   struct cove_tx *out)
{
    struct cove_bytes bytes;
    int err;

    if (entry->form >= TX_PLAIN) {
        return tx_unpack(work, entry, out);
    }
    err = repo_tx_bytes(work, entry, &bytes);
    return err != 0 ? err : cove_tx_decode(bytes, work->arena, out, NULL);
}
