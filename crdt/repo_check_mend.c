/* repo_check_mend.c: what a check with repair does about what was lost.
 *
 * A log is cut back to what is whole, so that the document says of itself what
 * is true, its digest says what is missing, and a peer that has more sends it.
 * What is cut off is put aside, byte for byte, until it is there again. If it
 * was this store's own session that is cut, the session ends: to go on with it
 * would be to sign a second transaction for a place.
 */
#include "crdt/repo_check_internal.h"

#define MEND_BYTES ((size_t)32 << 20) /* of chunks that are tried in order */
#define MEND_MOST  8192

/* --- a log */

struct mend {
    struct cove_check *c;
    struct repo_record *record;
    struct repo_row *row;
    struct repo_pieces pieces; /* those behind what is whole */
    struct repo_reach reach;
    uint32_t *places; /* of each piece; UINT32_MAX: nowhere */
    bool aside;       /* something was put aside */
};

/* What of the session lies in packs stands by itself from here on: there each
 * chunk can be put aside, moved and signed. */
static int mend_unpack(struct mend *m, const struct check_row *found)
{
    struct cove_check *c = m->c;
    struct repo_pieces all = {.whose = found->whose};
    struct cove_place place;
    int err;

    if (m->row->inline_chunk.len > 0) {
        return 0;
    }
    err = repo_pieces_read(&c->work, REPO_LOG, c->work.arena, MEND_MOST, &all);
    for (size_t i = 0; i < all.count && err == 0; i++) {
        const struct repo_piece *piece = &all.at[i];
        struct cove_bytes held;

        repo_log_place(&place, m->record->num, m->row->num, piece->start);
        err = cove_store_get(c->work.txn, REPO_LOG, cove_place_bytes(&place),
                             &held);
        if (err == 0 && cove_bytes_equal(held, piece->value)) {
            continue;
        }
        if (err == 0 || err == COVE_ENOTFOUND) {
            err = cove_store_put(c->work.txn, REPO_LOG,
                                 cove_place_bytes(&place), piece->value);
        }
        if (piece->start < m->reach.len && piece->start > m->reach.tail) {
            m->reach.tail = piece->start;
        }
    }
    return err;
}

/* Sign a chunk of one's own anew; what it holds is proven already. */
static int mend_sign(struct mend *m, const struct check_row *found)
{
    struct cove_repo *repo = m->c->repo;
    struct repo_work *work = &m->c->work;
    struct repo_taken taken = {.count = 0};
    struct repo_chunk chunk;
    struct repo_piece_at at;
    struct cove_bytes value;
    struct cove_place place;
    struct cove_buf buf;
    int err = repo_log_value(work, &found->whose, m->row, found->resign, &at);

    value = at.value;
    if (err == 0) {
        err = cove_arena_copy(work->arena, value, &value);
    }
    if (err == 0) {
        err =
            repo_piece_take(work, &found->whose, &found->reach, value, &taken);
    }
    if (err !=
        COVE_ESIGNATURE) { /* it is signed; or in a pack, to be cut off */
        return check_is_damage(err) ? 0 : err;
    }
    err = repo_chunk_decode(value, work->arena, &chunk);
    if (err != 0) {
        return check_is_damage(err) ? 0 : err;
    }
    memset(&chunk.proof, 0, sizeof(chunk.proof));
    cove_head_sign(&repo->opt.secret, &m->record->id, &m->row->pub.session,
                   taken.reach.len, &taken.reach.head, &chunk.proof.whole);
    cove_buf_init(&buf, repo->opt.alloc);
    err = repo_chunk_encode(&chunk, &buf);
    if (err == 0 && m->row->inline_chunk.len > 0) {
        err = cove_arena_copy(work->arena, cove_buf_bytes(&buf),
                              &m->row->inline_chunk);
    } else if (err == 0) {
        repo_log_place(&place, m->record->num, m->row->num, found->resign);
        err = cove_store_put(work->txn, REPO_LOG, cove_place_bytes(&place),
                             cove_buf_bytes(&buf));
    }
    cove_buf_clear(&buf);
    return err;
}

/* Which of the pieces go on, and where. */
static int mend_order(struct mend *m)
{
    struct repo_work work = m->c->work;
    size_t sum = 0;
    int err = 0;

    m->places =
        cove_arena_array(work.arena, m->pieces.count + 1, sizeof(*m->places));
    if (m->places == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < m->pieces.count; i++) {
        m->places[i] = UINT32_MAX;
        sum += m->pieces.at[i].value.len;
    }
    work.arena = &m->c->piece;
    while (err == 0 && sum <= MEND_BYTES) {
        struct repo_taken taken;
        size_t index = 0;

        cove_arena_reset(&m->c->piece);
        err = repo_pieces_next(&work, &m->pieces, &m->reach, &index, &taken);
        if (err == 0) {
            m->places[index] = m->reach.len;
            m->reach = taken.reach;
        }
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int mend_store(struct mend *m)
{
    struct cove_check *c = m->c;
    struct cove_place place;
    int err = 0;

    for (size_t i = 0; i < m->pieces.count && err == 0; i++) {
        struct repo_piece *piece = &m->pieces.at[i];
        struct cove_aside aside = {.id = m->record->id,
                                   .session = m->row->pub.session,
                                   .from = piece->start,
                                   .to = m->row->pub.len};

        if (m->places[i] == UINT32_MAX) {
            err = mend_aside(c, &aside, piece->value);
            m->aside = true;
        }
        repo_log_place(&place, m->record->num, m->row->num, piece->start);
        if (err == 0 && m->row->inline_chunk.len == 0) {
            err =
                cove_store_del(c->work.txn, REPO_LOG, cove_place_bytes(&place));
            err = err == COVE_ENOTFOUND ? 0 : err;
        }
    }
    for (size_t i = 0; i < m->pieces.count && err == 0; i++) {
        if (m->places[i] != UINT32_MAX && m->row->inline_chunk.len == 0) {
            repo_log_place(&place, m->record->num, m->row->num, m->places[i]);
            err =
                cove_store_put(c->work.txn, REPO_LOG, cove_place_bytes(&place),
                               m->pieces.at[i].value);
        }
    }
    return err;
}

/* The pieces from what is whole on; those before it stay as they are. */
static int mend_pieces(struct mend *m, const struct check_row *found)
{
    struct repo_pieces all = {.whose = found->whose};
    int err = 0;

    m->pieces.whose = found->whose;
    if (m->row->inline_chunk.len > 0) {
        return repo_pieces_add(m->c->work.arena, &m->pieces, 0,
                               m->row->inline_chunk);
    }
    err = repo_pieces_read(&m->c->work, REPO_LOG, m->c->work.arena, MEND_MOST,
                           &all);
    for (size_t i = 0; i < all.count && err == 0; i++) {
        if (all.at[i].start >= found->reach.len) {
            err = repo_pieces_add(m->c->work.arena, &m->pieces, all.at[i].start,
                                  all.at[i].value);
        }
    }
    return err;
}

/* The row says what the log is by now. */
static int mend_fields(struct mend *m, size_t at, bool *gone)
{
    struct cove_check *c = m->c;
    struct repo_record *record = m->record;
    struct repo_row *row = m->row;
    bool own = false;
    int err = repo_branch_own(&c->work, row, &own);

    if (err == 0 && own && m->reach.len < row->pub.len) {
        c->work.counters.own_session = 0;
    }
    if (m->reach.len == 0) {
        memmove(row, row + 1, (record->row_count - at - 1) * sizeof(*row));
        record->row_count--;
        *gone = true;
        return err;
    }
    row->pub.len = m->reach.len;
    row->pub.head = m->reach.head;
    row->pub.last_hlc = m->reach.last_hlc;
    row->epoch = m->reach.epoch;
    row->tail = row->inline_chunk.len > 0 ? 0 : m->reach.tail;
    if (row->pub.folded > row->pub.len) {
        row->pub.folded = row->pub.len;
    }
    return err;
}

int mend_row(struct cove_check *c, struct repo_record *record, size_t at,
             const struct check_row *found, bool *gone)
{
    struct mend m = {.c = c, .record = record, .row = &record->rows[at]};
    struct cove_aside rest = {
        .id = record->id, .session = m.row->pub.session, .to = m.row->pub.len};
    int err = 0;

    c->wrote = true;
    m.reach = found->reach;
    err = mend_unpack(&m, found);
    if (err == 0 && found->resign != UINT32_MAX &&
        memcmp(&m.row->pub.device, &c->repo->opt.device,
               sizeof(m.row->pub.device)) == 0) {
        err = mend_sign(&m, found);
    }
    if (err == 0) {
        err = mend_pieces(&m, found);
    }
    if (err == 0) {
        err = mend_order(&m);
    }
    if (err == 0) {
        err = mend_store(&m);
    }
    if (err == 0 && m.reach.len < rest.to && !m.aside && !found->derived) {
        rest.from = m.reach.len;
        err = mend_aside(c, &rest, cove_bytes("", 0));
    }
    return err != 0 ? err : mend_fields(&m, at, gone);
}

/* --- the record */

int mend_checkpoint(struct cove_check *c, struct repo_record *record)
{
    c->wrote = true;
    return repo_state_drop(&c->work, record);
}

/* The newest native op that is shown, read from the logs. To count it may
 * write: what is borrowed from the store is done with by then. */
static int mend_newest(struct cove_check *c, struct repo_record *record)
{
    struct repo_work decode = c->work;
    struct cove_arena packed;
    int err = 0;

    record->newest = 0;
    record->count.epoch = 0;
    decode.arena = &c->piece;
    cove_arena_init(&packed, c->repo->opt.alloc);
    for (size_t i = 0; i < record->row_count && err == 0; i++) {
        const struct repo_row *row = &record->rows[i];
        struct repo_tx_entry entry, newest = {.hlc = 0};
        struct repo_walk walk;
        struct cove_tx tx;

        err = repo_walk_start(&c->work, record, row, row->pub.base, &walk);
        walk.packed = &packed;
        walk.end =
            row->pub.folded < row->pub.len ? row->pub.folded : row->pub.len;
        while (err == 0) {
            cove_arena_reset(&c->piece);
            err = repo_walk_next(&c->work, &walk, &entry);
            if (err == 0) {
                err = repo_tx_decode(&decode, &entry, &tx);
            }
            if (err == 0 && repo_tally_counts(&tx)) {
                newest = entry;
            }
        }
        err = err == COVE_ENOTFOUND ? 0 : err;
        if (err == 0 && newest.hlc != 0) {
            err = repo_tally_native(&c->work, record, &row->pub.device,
                                    newest.hlc, newest.epoch);
        }
    }
    cove_arena_clear(&packed);
    return err == 0 && record->cut_parts > 0 ? repo_cut_tally(&c->work, record)
                                             : err;
}

int mend_record(struct cove_check *c, struct repo_record *record,
                uint32_t session, uint32_t from)
{
    bool stale = record->state_bytes > 0;
    int err = 0;

    c->wrote = true;
    c->repo->open.writes++;
    repo_live_drop(c->repo, record->num);
    if (stale) { /* it may hold what was cut off */
        err = mend_checkpoint(c, record);
    }
    repo_tally_unjudge(record);
    if (err == 0) {
        err = mend_newest(c, record);
    }
    if (err == 0) {
        err = repo_change_note(&c->work, record, REPO_PEER_OPEN, session, from,
                               false);
    }
    return err != 0 ? err : repo_record_write(&c->work, record);
}

/* --- a document whose record is lost */

/* Put aside and delete all that a tree has under a number. */
static int remove_tree(struct cove_check *c, unsigned tree, cove_num num,
                       const struct cove_aside *as)
{
    struct cove_aside aside = *as;
    struct repo_first first;
    struct cove_place place;
    int err = 0;

    cove_place_start(&place);
    cove_place_number(&place, num);
    while (err == 0) {
        struct cove_bytes value = {NULL, 0};

        err = repo_first_under(c->work.txn, tree, cove_place_bytes(&place),
                               &first);
        if (err == COVE_ENOTFOUND) {
            return 0;
        }
        if (err == 0 && tree != REPO_STATES) {
            cove_arena_reset(&c->piece);
            err = cove_arena_copy(&c->piece, first.value, &value);
            err = err != 0 ? err : mend_aside(c, &aside, value);
            aside.from++;
        }
        if (err == 0) {
            err = cove_store_del(c->work.txn, tree,
                                 cove_bytes(first.key, first.len));
        }
    }
    return err;
}

int mend_remove(struct cove_check *c, cove_num num, const struct cove_id *id)
{
    static const unsigned trees[] = {REPO_DOCS, REPO_LOG, REPO_STATES,
                                     REPO_FORK_PROOFS};
    struct cove_aside aside = {.from = 0};
    int err = 0;

    c->wrote = true;
    c->record_there = false;
    c->repo->open.owner.num = 0;
    c->repo->open.writes++;
    repo_live_drop(c->repo, num);
    /* Whether this store's session wrote there is not known any more. */
    c->work.counters.own_session = 0;
    if (id != NULL) {
        aside.id = *id;
    }
    for (size_t i = 0; i < COVE_ARRAY_LEN(trees) && err == 0; i++) {
        err = remove_tree(c, trees[i], num, &aside);
        aside.from += 0x10000000u;
    }
    c->work.counters.sequence++; /* whoever keeps what it read looks anew */
    c->work.counters.rules = c->work.counters.sequence;
    return err;
}
