/* repo_record.c: the record of a document. docs/FORMAT.md "Document record".
 *
 * One record holds all that a load of a small document needs: the header, one
 * row per session, and the logs themselves while they are short.
 */
#include "crdt/repo_internal.h"

enum record_bits { /* above the public flags */
                   RECORD_OTHERS_GREW = 1 << 8,
                   RECORD_CLEAN = 1 << 9,
                   RECORD_JUDGED = 1 << 10,
                   RECORD_NATIVE = 1 << 11, /* has a native op */
                   RECORD_HELD = 1 << 12,
                   RECORD_CUT = 1 << 13
};

enum row_bits { /* the role is in the lowest two */
                ROW_ROLE = 3,
                ROW_INLINE = 4,
                ROW_MARK = 8,
                ROW_BEHIND = 16, /* folded < len */
                ROW_BRANCH = 32,
                ROW_TOMB = 64,
                ROW_BASE = 128
};

/* --- rows */

static void row_pack_base(struct cove_packer *p, const struct repo_row *row,
                          uint64_t created)
{
    cove_pack_varint(p, row->pub.base);
    cove_pack_raw(p, row->pub.base_head.b, sizeof(row->pub.base_head.b));
    cove_pack_signed(p, row->base_hlc - created);
    cove_pack_varint(p, row->base_epoch);
}

static void row_unpack_base(struct cove_unpacker *u, struct repo_row *row,
                            uint64_t created)
{
    row->pub.base = cove_unpack_u32(u);
    cove_unpack_raw(u, row->pub.base_head.b, sizeof(row->pub.base_head.b));
    row->base_hlc = created + cove_unpack_signed(u);
    row->base_epoch = cove_unpack_u32(u);
}

static void row_pack(struct cove_packer *p, const struct repo_row *row,
                     uint64_t created)
{
    unsigned bits = (unsigned)row->pub.role;

    bits |= row->inline_chunk.len > 0 ? ROW_INLINE : 0;
    bits |= row->mark > 0 ? ROW_MARK : 0;
    bits |= row->pub.folded < row->pub.len ? ROW_BEHIND : 0;
    bits |= row->has_branch ? ROW_BRANCH : 0;
    bits |= row->tomb ? ROW_TOMB : 0;
    bits |= row->pub.base > 0 ? ROW_BASE : 0;
    cove_pack_varint(p, row->num);
    cove_pack_byte(p, (uint8_t)bits);
    cove_pack_varint(p, row->pub.len);
    cove_pack_signed(p, row->pub.last_hlc - created);
    cove_pack_raw(p, row->pub.head.b, sizeof(row->pub.head.b));
    cove_pack_varint(p, row->epoch);
    if (bits & ROW_BEHIND) {
        cove_pack_varint(p, row->pub.folded);
    }
    if (bits & ROW_MARK) {
        cove_pack_varint(p, row->mark);
    }
    if (bits & ROW_BRANCH) {
        cove_pack_raw(p, row->branch.b, sizeof(row->branch.b));
    }
    if (bits & ROW_BASE) {
        row_pack_base(p, row, created);
    }
    if (bits & ROW_INLINE) {
        cove_pack_bytes(p, row->inline_chunk);
    } else {
        cove_pack_varint(p, row->tail);
    }
}

int repo_row_unpack(struct repo_work *work, struct cove_unpacker *u,
                    uint64_t created, struct repo_row *row)
{
    struct repo_session session;
    int err;

    memset(row, 0, sizeof(*row));
    row->num = cove_unpack_u32(u);

    unsigned bits = cove_unpack_byte(u);

    row->pub.role = (enum cove_role)(bits & ROW_ROLE);
    row->pub.len = cove_unpack_u32(u);
    row->pub.last_hlc = created + cove_unpack_signed(u);
    cove_unpack_raw(u, row->pub.head.b, sizeof(row->pub.head.b));
    row->epoch = cove_unpack_u32(u);
    row->pub.folded = row->pub.len;
    if (bits & ROW_BEHIND) {
        row->pub.folded = cove_unpack_u32(u);
    }
    if (bits & ROW_MARK) {
        row->mark = cove_unpack_u32(u);
    }
    row->tomb = (bits & ROW_TOMB) != 0;
    row->has_branch = (bits & ROW_BRANCH) != 0;
    if (row->has_branch) {
        cove_unpack_raw(u, row->branch.b, sizeof(row->branch.b));
    }
    if (bits & ROW_BASE) {
        row_unpack_base(u, row, created);
    }
    if (bits & ROW_INLINE) {
        err = cove_arena_copy(work->arena, cove_unpack_bytes(u),
                              &row->inline_chunk);
        if (err != 0) {
            return err;
        }
    } else {
        row->tail = cove_unpack_u32(u);
    }
    if (u->err != 0 || row->pub.folded > row->pub.len ||
        row->mark > row->pub.folded || row->tail > row->pub.len ||
        row->pub.base > row->pub.folded) {
        return COVE_ECORRUPT;
    }
    err = repo_intern_session_of(work, row->num, &session);
    row->pub.session = session.session;
    row->pub.device = session.device;
    return err;
}

/* --- the record */

uint64_t repo_record_created(const struct repo_record *record)
{
    return record->header.has_created
               ? (uint64_t)record->header.created_ms << 16
               : 0;
}

bool repo_record_has_elements(const struct repo_record *record)
{
    return record->header.type == COVE_DOC_COLIST ||
           record->header.type == COVE_DOC_COTEXT;
}

/* Most often the newest native op is in the last transaction of all, and its
 * distance from that is 0. */
static uint64_t record_last_hlc(const struct repo_record *record)
{
    uint64_t last = 0;

    for (size_t i = 0; i < record->row_count; i++) {
        if (record->rows[i].pub.last_hlc > last) {
            last = record->rows[i].pub.last_hlc;
        }
    }
    return last;
}

static bool record_judged(const struct repo_record *record)
{
    static const uint8_t none[8];

    return record->count.state != 0 ||
           memcmp(record->count.plan, none, sizeof(none)) != 0;
}

static void record_pack_count(struct cove_packer *p,
                              const struct repo_record *record)
{
    if (record_judged(record)) {
        cove_pack_raw(p, record->count.plan, sizeof(record->count.plan));
        cove_pack_byte(p, record->count.state);
    }
    if (record->newest != 0) {
        cove_pack_varint(p, record_last_hlc(record) - record->newest);
        cove_pack_varint(p, record->count.epoch);
    }
}

static int record_unpack_count(struct cove_unpacker *u, uint64_t bits,
                               struct repo_record *record)
{
    uint64_t last = record_last_hlc(record);

    if (bits & RECORD_JUDGED) {
        cove_unpack_raw(u, record->count.plan, sizeof(record->count.plan));
        record->count.state = cove_unpack_byte(u);
    }
    if (bits & RECORD_NATIVE) {
        uint64_t behind = cove_unpack_varint(u);

        if (behind >= last) {
            return COVE_ECORRUPT;
        }
        record->newest = last - behind;
        record->count.epoch = cove_unpack_u32(u);
    }
    record->counted = record->count;
    record->is_counted =
        (record->flags & (COVE_DOC_LOCAL | COVE_DOC_REMOVED)) == 0;
    return 0;
}

int repo_record_write(struct repo_work *work, struct repo_record *record)
{
    static const struct cove_hash none;
    struct cove_packer p;
    struct cove_buf buf;
    unsigned bits = record->flags & 0xff;
    bool clean = memcmp(&record->clean, &none, sizeof(none)) != 0;

    work->repo->open.writes++;
    bits |= record->others_grew ? RECORD_OTHERS_GREW : 0;
    bits |= clean ? RECORD_CLEAN : 0;
    bits |= record_judged(record) ? RECORD_JUDGED : 0;
    bits |= record->newest != 0 ? RECORD_NATIVE : 0;
    bits |= record->held ? RECORD_HELD : 0;
    bits |= record->cut_parts > 0 ? RECORD_CUT : 0;
    cove_buf_init(&buf, work->repo->opt.alloc);
    cove_packer_init(&p, &buf);
    cove_pack_varint(&p, bits);
    cove_pack_raw(&p, record->id.b, sizeof(record->id.b));

    int err = repo_shape_pack(work, record, &p);

    cove_pack_varint(&p, record->changed);
    cove_pack_varint(&p, record->owner);
    cove_pack_varint(&p, record->schema);
    cove_pack_byte(&p, (uint8_t)record->my_role);
    cove_pack_varint(&p, record->next_held);
    if (clean) {
        cove_pack_raw(&p, record->clean.b, sizeof(record->clean.b));
    }
    cove_pack_varint(&p, record->pending);
    cove_pack_varint(&p, record->state_bytes);
    cove_pack_varint(&p, record->state_parts);
    if (record->cut_parts > 0) {
        cove_pack_varint(&p, record->cut_parts);
    }
    cove_pack_varint(&p, record->row_count);
    for (size_t i = 0; i < record->row_count; i++) {
        row_pack(&p, &record->rows[i], repo_record_created(record));
    }
    record_pack_count(&p, record);
    if (err == 0) {
        err = p.err;
    }
    if (err == 0) {
        err = repo_blob_write(work, REPO_DOCS, record->num,
                              cove_buf_bytes(&buf), &record->parts);
    }
    cove_buf_clear(&buf);
    return err != 0 ? err : repo_tally_move(work, record);
}

static int record_rows(struct repo_work *work, struct cove_unpacker *u,
                       struct repo_record *record)
{
    uint64_t count = cove_unpack_varint(u);
    int err = 0;

    if (u->err != 0 || count > (uint64_t)(u->end - u->at)) {
        return COVE_ECORRUPT;
    }
    /* Room for one more: most callers are about to add a row. */
    record->row_cap = (size_t)count + 1;
    record->rows =
        cove_arena_array(work->arena, record->row_cap, sizeof(*record->rows));
    if (record->rows == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < (size_t)count && err == 0; i++) {
        err = repo_row_unpack(work, u, repo_record_created(record),
                              &record->rows[i]);
    }
    record->row_count = (size_t)count;
    return err;
}

int repo_record_unpack(struct repo_work *work, struct cove_bytes bytes,
                       struct repo_record *record)
{
    struct cove_unpacker u;

    cove_unpacker_init(&u, bytes);

    uint64_t bits = cove_unpack_varint(&u);

    cove_unpack_raw(&u, record->id.b, sizeof(record->id.b));

    const uint8_t *packed = u.at;
    int err = repo_shape_unpack(work, &u, record);

    if (err == 0) {
        err = cove_arena_copy(work->arena,
                              cove_bytes(packed, (size_t)(u.at - packed)),
                              &record->header_packed);
    }

    if (err != 0) {
        return err;
    }
    record->flags = (unsigned)bits & 0xff;
    record->others_grew = (bits & RECORD_OTHERS_GREW) != 0;
    record->held = (bits & RECORD_HELD) != 0;
    record->changed = cove_unpack_varint(&u);
    record->owner = cove_unpack_varint(&u);
    record->schema = cove_unpack_varint(&u);
    record->my_role = (enum cove_role)(cove_unpack_byte(&u) & ROW_ROLE);
    record->next_held = cove_unpack_varint(&u);
    if (bits & RECORD_CLEAN) {
        cove_unpack_raw(&u, record->clean.b, sizeof(record->clean.b));
    }
    record->pending = cove_unpack_varint(&u);
    record->state_bytes = cove_unpack_varint(&u);
    record->state_parts = (size_t)cove_unpack_varint(&u);
    if (bits & RECORD_CUT) {
        record->cut_parts = (size_t)cove_unpack_varint(&u);
    }
    err = record_rows(work, &u, record);
    if (err == 0) {
        err = record_unpack_count(&u, bits, record);
    }
    if (err == 0) {
        err = cove_unpacker_done(&u);
    }
    return err;
}

int repo_record_read(struct repo_work *work, cove_num num,
                     struct repo_record *out)
{
    struct repo_record record = {.num = num};
    struct cove_bytes bytes;
    int err = repo_blob_read(work, REPO_DOCS, num, &bytes, &record.parts);

    if (err != 0) {
        return err;
    }
    err = repo_record_unpack(work, bytes, &record);
    if (err != 0) {
        return err == COVE_ECORRUPT
                   ? cove_fail(work->diag, err,
                               "the record of document %llu is damaged",
                               (unsigned long long)num)
                   : err;
    }
    *out = record;
    return 0;
}

/* Where a session's row is, or would be. */
static size_t record_place(const struct repo_record *record,
                           const struct cove_session_id *session, bool *found)
{
    return cove_session_place(
        record->rows, record->row_count, sizeof(*record->rows),
        offsetof(struct repo_row, pub.session), session, found);
}

struct repo_row *repo_record_row(const struct repo_record *record,
                                 const struct cove_session_id *session)
{
    bool found;
    size_t at = record_place(record, session, &found);

    return found ? &record->rows[at] : NULL;
}

struct repo_row *repo_record_row_num(const struct repo_record *record,
                                     uint64_t num)
{
    for (size_t i = 0; i < record->row_count; i++) {
        if (record->rows[i].num == num) {
            return &record->rows[i];
        }
    }
    return NULL;
}

int repo_record_insert(struct repo_work *work, struct repo_record *record,
                       const struct repo_session *session, uint32_t num,
                       struct repo_row **out)
{
    bool found;
    size_t at = record_place(record, &session->session, &found);
    struct repo_row *rows = record->rows;

    if (record->row_count == record->row_cap) {
        size_t cap = record->row_cap * 2 + 1;

        rows = cove_arena_array(work->arena, cap, sizeof(*rows));
        if (rows == NULL) {
            return COVE_ENOMEM;
        }
        memcpy(rows, record->rows, record->row_count * sizeof(*rows));
        record->rows = rows;
        record->row_cap = cap;
    }
    memmove(rows + at + 1, rows + at, (record->row_count - at) * sizeof(*rows));
    memset(&rows[at], 0, sizeof(rows[at]));
    rows[at].num = num;
    rows[at].pub.session = session->session;
    rows[at].pub.device = session->device;
    rows[at].pub.head =
        cove_chain_start(&record->id, &session->session, &session->device);
    record->row_count++;
    *out = &rows[at];
    return 0;
}

int repo_record_digest(const struct repo_record *record,
                       struct cove_arena *arena, struct cove_hash *out)
{
    struct cove_digest_row *rows =
        cove_arena_array(arena, record->row_count + 1, sizeof(*rows));

    if (rows == NULL) {
        return COVE_ENOMEM;
    }
    if (record->flags & COVE_DOC_REMOVED) {
        *out = cove_removed_digest(&record->id);
        return 0;
    }
    for (size_t i = 0; i < record->row_count; i++) {
        rows[i].session = record->rows[i].pub.session;
        rows[i].len = record->rows[i].pub.len;
        rows[i].head = record->rows[i].pub.head;
    }
    *out = cove_state_digest(&record->id, rows, record->row_count);
    return 0;
}
