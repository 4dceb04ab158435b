/* repo_salvage_log.c: a session's log in the new store, as far as pieces go. */
#include "crdt/repo_salvage_internal.h"

#include "crdt/repo_check.h"
#include "crdt/repo_check_internal.h"

#define LOG_MOST   65536
#define LOG_COMMIT ((size_t)8 << 20)

struct log_save {
    struct cove_salvage *s;
    const struct salvage_session *session;
    struct cove_saved *saved;
    struct repo_reach reach;
    struct repo_pieces pieces; /* all but those that were in their place */
    bool gathered;
    struct cove_group group; /* of the chunk looked at last */
    uint64_t kept;
};

/* --- group signatures stay shared */

static void group_recall(struct log_save *l)
{
    struct cove_salvage *s = l->s;

    for (size_t i = 0; i < s->group_count; i++) {
        if (s->groups[i].from == l->kept) {
            s->to->group.taken = s->groups[i].to;
            s->to->group.taken_signature = s->groups[i].signature;
        }
    }
}

static void group_remember(struct log_save *l)
{
    struct cove_salvage *s = l->s;
    struct salvage_group *at = &s->groups[s->group_count % SALVAGE_GROUPS];

    if (s->group_count >= SALVAGE_GROUPS) {
        s->group_count = 0;
        at = &s->groups[0];
    }
    for (size_t i = 0; i < s->group_count; i++) {
        if (s->groups[i].from == l->kept) {
            return;
        }
    }
    at->from = l->kept;
    at->to = s->to->group.taken;
    at->signature = s->to->group.taken_signature;
    s->group_count++;
}

/* Let the proof name the group whole, where it is one that can be kept. */
static int group_share(struct log_save *l, struct cove_proof *proof)
{
    struct cove_salvage *s = l->s;
    int err;

    if (!proof->grouped || proof->kept == 0) {
        return 0;
    }
    if (l->kept != proof->kept) {
        l->kept = 0;
        err = cove_repo_group(s->from, s->work.txn, proof->kept, &s->arena,
                              &l->group);
        l->group.device = l->session->whose.device;
        if (err == 0) {
            err = cove_group_verify(&l->group);
        }
        if (err != 0) { /* its path does */
            return err == COVE_ENOMEM || err == COVE_EIO ? err : 0;
        }
        l->kept = proof->kept;
    }
    proof->shared = true;
    proof->group = &l->group;
    group_recall(l);
    return 0;
}

/* --- one chunk into the new store */

static int log_commit(struct cove_salvage *s, size_t bytes)
{
    int err = 0;

    s->txn_bytes += bytes;
    if (s->txn_bytes > LOG_COMMIT) {
        s->txn_bytes = 0;
        s->group_count = 0;
        err = cove_store_commit(s->txn);
        s->txn = NULL;
        if (err == 0) {
            err = cove_store_begin(s->opt.store, true, &s->txn);
        }
    }
    return err;
}

static int log_ingest(struct log_save *l, const struct repo_taken *taken)
{
    struct cove_salvage *s = l->s;
    const struct repo_session *known = &l->session->interned;
    struct cove_batch batch = {.document = l->session->whose.id,
                               .device = l->session->whose.device,
                               .session = l->session->whose.session,
                               .has_salt = l->reach.len == 0,
                               .start = l->reach.len,
                               .txs = taken->txs,
                               .tx_count = taken->count,
                               .proof = taken->proof};
    struct cove_ingest_result result = {.have = 0};
    size_t bytes = 0;
    int err;

    memcpy(batch.salt, known->salt, sizeof(batch.salt));
    err = group_share(l, &batch.proof);
    if (err == 0) {
        err = cove_repo_ingest(s->to, s->txn, &batch, 0, &result, NULL);
    }
    if (err == 0 && batch.proof.shared) {
        group_remember(l);
    }
    for (size_t i = 0; i < taken->count; i++) {
        bytes += taken->txs[i].len;
    }
    if (err == 0 && result.have < taken->reach.len) {
        err = COVE_ECORRUPT;
    }
    return err != 0 ? err : log_commit(s, bytes);
}

/* --- what goes on where the log ends so far */

/* The chunk that stands in its place in the tree, or in a pack. */
static int log_in_place(struct log_save *l, struct repo_taken *taken)
{
    struct cove_salvage *s = l->s;
    const struct repo_row row = {.num = l->session->whose.session_num};
    struct repo_work work = s->work;
    struct repo_piece_at at;
    int err;

    cove_arena_reset(&s->piece);
    work.arena = &s->piece;
    err = repo_log_value(&work, &l->session->whose, &row, l->reach.len, &at);
    if (err == 0 && at.start != l->reach.len) {
        err = COVE_ENOTFOUND;
    }
    return err != 0 ? err
                    : repo_piece_take(&work, &l->session->whose, &l->reach,
                                      at.value, taken);
}

static int log_gather(struct log_save *l)
{
    struct cove_salvage *s = l->s;
    int err = 0;

    if (l->gathered) {
        return 0;
    }
    l->gathered = true;
    for (size_t i = 0; i < l->session->inline_count && err == 0; i++) {
        err = repo_pieces_add(&s->arena, &l->pieces, 0, l->session->inlines[i]);
    }
    if (err == 0) {
        err = repo_pieces_read(&s->work, REPO_LOG, &s->arena, LOG_MOST,
                               &l->pieces);
    }
    return err != 0 ? err
                    : repo_pieces_read(&s->work, SALVAGE_LOG, &s->arena,
                                       LOG_MOST, &l->pieces);
}

static int log_next(struct log_save *l, struct repo_taken *taken)
{
    struct repo_work work = l->s->work;
    size_t index = 0;
    int err = l->session->sure ? log_in_place(l, taken) : COVE_ENOTFOUND;

    if (!check_is_damage(err)) {
        return err;
    }
    err = log_gather(l);
    if (err != 0) {
        return err;
    }
    cove_arena_reset(&l->s->piece);
    work.arena = &l->s->piece;
    return repo_pieces_next(&work, &l->pieces, &l->reach, &index, taken);
}

/* --- what is behind a gap */

static int log_aside(struct log_save *l)
{
    struct cove_salvage *s = l->s;
    struct repo_pieces rest = {.whose = l->session->whose};
    int err = repo_pieces_read(&s->work, REPO_LOG, &s->arena, LOG_MOST, &rest);

    for (size_t i = 0; i < rest.count && err == 0; i++) {
        struct cove_aside aside = {.id = l->session->whose.id,
                                   .session = l->session->whose.session,
                                   .from = rest.at[i].start,
                                   .to = l->session->told};

        if (rest.at[i].start >= l->reach.len) {
            err = repo_aside_put(s->to, s->txn, &aside, rest.at[i].value);
            l->saved->aside++;
        }
        if (err == 0) {
            err = log_commit(s, rest.at[i].value.len);
        }
    }
    return err;
}

/* Epochs have the damaged store's numbers. */
static int log_begin(struct log_save *l)
{
    const struct cove_cut_row *cut = l->session->cut;
    int err = 0;

    repo_reach_start(&l->session->whose, &l->reach);
    if (cut == NULL) {
        return 0;
    }
    l->reach.len = l->reach.tail = cut->len;
    l->reach.head = cut->head;
    l->reach.last_hlc = cut->last_hlc;
    if (cut->has_epoch) {
        err = repo_intern_epoch_find(&l->s->work, &cut->epoch, &l->reach.epoch);
    }
    return check_is_damage(err) ? 0 : err;
}

int salvage_session(struct cove_salvage *s,
                    const struct salvage_session *session,
                    struct cove_saved *saved)
{
    struct log_save l = {.s = s, .session = session, .saved = saved};
    int err = 0;

    l.pieces.whose = session->whose;
    err = log_begin(&l);
    while (err == 0) {
        struct repo_taken taken;

        err = log_next(&l, &taken);
        if (err == 0) {
            err = log_ingest(&l, &taken);
        }
        if (err == 0) {
            l.reach = taken.reach;
        }
    }
    saved->sessions++;
    saved->saved +=
        l.reach.len - (session->cut == NULL ? 0 : session->cut->len);
    if (session->told > l.reach.len) {
        saved->lost += session->told - l.reach.len;
    }
    /* A refusal leaves what was ingested before as it is. */
    if (!check_is_damage(err) && err != COVE_ECLOCK && err != COVE_EFORK &&
        err != COVE_EGAP && err != COVE_EDENIED) {
        return err;
    }
    if (session->told > l.reach.len || l.reach.len == 0) {
        return log_aside(&l);
    }
    return 0;
}

/* --- proofs of forks: to take the other branch again is to keep the proof */

int salvage_forks(struct cove_salvage *s, cove_num num)
{
    struct cove_store_cursor *cursor;
    struct cove_place place;
    struct cove_entry entry;
    int err = cove_store_cursor_open(s->work.txn, REPO_FORK_PROOFS, &cursor);

    if (err != 0) {
        return err;
    }
    cove_place_start(&place);
    cove_place_number(&place, num);
    err = cove_store_cursor_seek(cursor, cove_place_bytes(&place), &entry);
    while (err == 0 && entry.key.len >= place.len &&
           memcmp(entry.key.at, place.b, place.len) == 0) {
        struct cove_ingest_result result;
        struct cove_batch batch;
        struct cove_unpacker u;

        cove_unpacker_init(&u, entry.value);
        (void)cove_unpack_varint(&u);
        cove_arena_reset(&s->piece);
        err = cove_batch_decode(cove_bytes(u.at, (size_t)(u.end - u.at)),
                                &s->piece, &batch, NULL);
        if (err == 0) {
            err = cove_repo_ingest(s->to, s->txn, &batch, 0, &result, NULL);
        }
        if (err == COVE_ENOMEM || err == COVE_EIO || err == COVE_ENOSPC) {
            break;
        }
        err = cove_store_cursor_next(cursor, &entry);
    }
    cove_store_cursor_close(cursor);
    return err == COVE_ENOTFOUND ? 0 : err;
}
