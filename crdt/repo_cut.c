/* repo_cut.c: see repo_cut.h. Which transactions go, and what they came to.
 *
 * A cut is a frontier: of each session the transactions before one time. In a
 * session times only rise, so these are its first ones, and nothing that stays
 * is older than what goes. The state is folded up to there, by the way in which
 * a view of former times is, and from then on a fold begins with it.
 */
#include <stdlib.h>

#include "crdt/repo_internal.h"

struct cut_size { /* of one transaction */
    uint64_t hlc;
    size_t len;
};

struct cut_make {
    struct repo_work work;
    struct repo_record record;
    const struct cove_cut_rule *rule;
    uint64_t before; /* hlc: what is older goes */
    struct cut_size *sizes;
    size_t size_count, size_cap;
    struct cove_cut cut;
    struct cove_reach *points; /* as the cut's rows */
    struct cove_cut_result result;
};

/* --- documents that may have one */

int repo_cut_type(struct repo_work *work, const struct repo_record *record)
{
    enum cove_doc_type type = record->header.type;

    if (type != COVE_DOC_COMAP && type != COVE_DOC_COCOUNTER &&
        type != COVE_DOC_COLIST && type != COVE_DOC_COTEXT) {
        return cove_fail(work->diag, COVE_EUNSUPPORTED,
                         "the history of a %s cannot be cut off",
                         cove_doc_type_name(type));
    }
    return 0;
}

/* What is not shown yet would not be in it, and who lacks it could not get it
 * any more. */
static int cut_may(struct repo_work *work, const struct repo_record *record)
{
    const unsigned odd = COVE_DOC_OWNER_MISSING | COVE_DOC_HAS_AHEAD |
                         COVE_DOC_HAS_PRIVATE | COVE_DOC_HAS_HELD |
                         COVE_DOC_HAS_FORK | COVE_DOC_REMOVED;
    int err = repo_cut_type(work, record);

    if (err != 0) {
        return err;
    }
    if ((record->flags & odd) != 0) {
        return cove_fail(work->diag, COVE_EUNSUPPORTED,
                         "there is something in the document that is not shown "
                         "yet, or a session that parted: its history stays");
    }
    for (size_t i = 0; i < record->row_count; i++) {
        if (record->rows[i].has_branch || record->rows[i].tomb) {
            return cove_fail(work->diag, COVE_EUNSUPPORTED,
                             "the document has branches: its history stays");
        }
    }
    return 0;
}

int repo_cut_refuse(struct repo_work *work, const struct repo_record *record)
{
    char id[COVE_ID_TEXT_MAX];

    cove_id_text(&record->id, id);
    return cove_fail(work->diag, COVE_ECUT,
                     "the history of %s begins later: what was before was cut "
                     "off",
                     id);
}

/* --- where */

int repo_cut_walk_start(struct repo_work *work,
                        const struct repo_record *record,
                        const struct repo_row *row, uint32_t from,
                        struct repo_cut_walk *w)
{
    int err;

    w->work = *work;
    cove_arena_init(&w->scratch, work->repo->opt.alloc);
    cove_arena_init(&w->packed, work->repo->opt.alloc);
    err = repo_walk_start(work, record, row, from, &w->walk);
    w->walk.packed = &w->packed;
    w->work.arena = &w->scratch;
    return err;
}

int repo_cut_walk_next(struct repo_cut_walk *w, struct repo_tx_entry *entry,
                       struct cove_bytes *bytes)
{
    int err;

    cove_arena_reset(&w->scratch);
    err = repo_walk_next(&w->work, &w->walk, entry);
    return err != 0 ? err : repo_tx_bytes(&w->work, entry, bytes);
}

void repo_cut_walk_end(struct repo_cut_walk *w)
{
    cove_arena_clear(&w->scratch);
    cove_arena_clear(&w->packed);
}

static int cut_measure(struct cut_make *m, const struct repo_row *row)
{
    struct repo_cut_walk w;
    struct repo_tx_entry entry;
    struct cove_bytes bytes;
    int err = repo_cut_walk_start(&m->work, &m->record, row, row->pub.base, &w);

    while (err == 0) {
        void *sizes = m->sizes;

        err = repo_cut_walk_next(&w, &entry, &bytes);
        if (err == 0) {
            err = cove_arena_grow(m->work.arena, &sizes, sizeof(*m->sizes),
                                  m->size_count, &m->size_cap);
        }
        if (err == 0) {
            m->sizes = sizes;
            m->sizes[m->size_count].hlc = entry.hlc;
            m->sizes[m->size_count++].len = bytes.len;
        }
    }
    repo_cut_walk_end(&w);
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int size_order(const void *left, const void *right)
{
    const struct cut_size *a = left;
    const struct cut_size *b = right;

    return (a->hlc < b->hlc) - (a->hlc > b->hlc); /* the newest first */
}

static bool cut_counts(const struct repo_row *row)
{
    return row->pub.role >= COVE_ROLE_WRITER && row->pub.len > row->pub.base;
}

/* The time before which all goes: by age, or because more is newer than may
 * stay. */
static int cut_time(struct cut_make *m)
{
    uint64_t sum = 0;
    int err = 0;

    m->before = m->rule->before;
    if (m->rule->bytes == UINT64_MAX) {
        return 0;
    }
    for (size_t i = 0; i < m->record.row_count && err == 0; i++) {
        if (cut_counts(&m->record.rows[i])) {
            err = cut_measure(m, &m->record.rows[i]);
        }
    }
    if (err != 0 || m->size_count == 0) {
        return err;
    }
    qsort(m->sizes, m->size_count, sizeof(*m->sizes), size_order);
    for (size_t i = 0; i < m->size_count; i++) {
        sum += m->sizes[i].len;
        if (sum > m->rule->bytes) {
            if (m->sizes[i].hlc >= m->before) {
                m->before = m->sizes[i].hlc + 1;
            }
            break;
        }
    }
    return 0;
}

/* --- how far in each session */

struct cut_end {
    uint32_t epoch; /* interned */
    uint64_t bytes; /* of what goes */
};

/* Follow the chain from where the log begins. */
static int cut_follow(struct cut_make *m, const struct repo_row *row,
                      struct cove_cut_row *out, struct cut_end *end)
{
    struct repo_cut_walk w;
    struct repo_tx_entry entry;
    struct cove_bytes bytes;
    int err = repo_cut_walk_start(&m->work, &m->record, row, row->pub.base, &w);

    while (err == 0) {
        err = repo_cut_walk_next(&w, &entry, &bytes);
        if (err != 0 || entry.hlc >= m->before) {
            break;
        }
        out->head = cove_chain_next(&out->head, bytes);
        out->last_hlc = entry.hlc;
        out->len = w.walk.index;
        end->epoch = entry.epoch;
        end->bytes += bytes.len;
    }
    repo_cut_walk_end(&w);
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int cut_row(struct cut_make *m, const struct repo_row *row)
{
    struct cove_cut_row *out = &m->cut.rows[m->cut.row_count];
    struct cut_end end = {.epoch = row->base_epoch};
    struct repo_session session;
    int err = repo_intern_session_of(&m->work, row->num, &session);

    if (err != 0) {
        return err;
    }
    memset(out, 0, sizeof(*out));
    out->session = session.session;
    out->device = session.device;
    memcpy(out->salt, session.salt, sizeof(out->salt));
    out->len = row->pub.base;
    out->last_hlc = row->base_hlc;
    out->head = cove_session_begin(&m->record.id, &row->pub);
    err = cut_follow(m, row, out, &end);
    if (err == 0 && end.epoch != 0) {
        out->has_epoch = true;
        err = repo_intern_epoch_of(&m->work, end.epoch, &out->epoch);
    }
    if (err != 0 || out->len == 0) {
        return err;
    }
    m->result.txs += out->len - row->pub.base;
    m->result.bytes += end.bytes;
    m->points[m->cut.row_count++] = (struct cove_reach){out->session, out->len};
    return 0;
}

static int cut_rows(struct cut_make *m)
{
    size_t most = m->record.row_count + 1;
    int err = 0;

    m->cut.rows = cove_arena_array(m->work.arena, most, sizeof(*m->cut.rows));
    m->points = cove_arena_array(m->work.arena, most, sizeof(*m->points));
    if (m->cut.rows == NULL || m->points == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < m->record.row_count && err == 0; i++) {
        if (m->record.rows[i].pub.role >= COVE_ROLE_WRITER) {
            err = cut_row(m, &m->record.rows[i]);
        }
    }
    m->result.until = m->cut.row_count > 0 ? cove_cut_until(&m->cut) : 0;
    return err == 0 && m->result.bytes < COVE_CUT_LEAST ? COVE_ENOTFOUND : err;
}

/* --- what they came to */

static int cut_state(struct cut_make *m)
{
    const struct repo_view view = {.until = UINT64_MAX,
                                   .points = m->points,
                                   .point_count = m->cut.row_count};
    struct cove_state state;
    int err = repo_fold_view(&m->work, &m->record, &view, &state);

    if (err != 0) {
        return err;
    }
    repo_history_detach(&state);
    if (state.reach_count > 0) {
        err = cove_fail(m->work.diag, COVE_EUNSUPPORTED,
                        "the document has merges of branches: its history "
                        "stays");
    } else if (state.live != NULL && state.live->crowded) {
        err = cove_fail(m->work.diag, COVE_EUNSUPPORTED,
                        "edits wait for others that are not here: the history "
                        "stays");
    } else {
        err = repo_cut_pack(&m->work, &m->record, &state, &m->cut.state);
    }
    cove_repo_state_done(m->work.repo, &state);
    return err;
}

static int cut_sign(struct cut_make *m, struct cove_bytes *item)
{
    struct cove_repo *repo = m->work.repo;
    struct cove_buf buf;
    int err;

    m->cut.document = m->record.id;
    m->cut.device = repo->opt.device;
    m->cut.made_ms = (uint64_t)repo_now(repo);
    cove_buf_init(&buf, repo->opt.alloc);
    err = cove_cut_sign(cove_repo_secret(repo), repo->opt.alloc, &m->cut);
    if (err == 0) {
        err = cove_cut_encode(&m->cut, &buf);
    }
    if (err == 0) {
        err = cove_arena_copy(m->work.arena, cove_buf_bytes(&buf), item);
    }
    cove_buf_clear(&buf);
    return err == COVE_ELIMIT
               ? cove_fail(m->work.diag, err,
                           "what the history came to is too long to stand for "
                           "it: it stays")
               : err;
}

static int cut_make(struct cut_make *m)
{
    struct cove_bytes item = {NULL, 0};
    bool grew;
    int err = cut_state(m);

    if (err == 0) {
        err = cut_sign(m, &item);
    }
    if (err == 0) {
        err = repo_cut_adopt(&m->work, &m->record, &m->cut, item, &grew);
    }
    if (err == 0) {
        err = repo_record_write(&m->work, &m->record);
    }
    return err != 0 ? err : repo_work_end(&m->work);
}

static int cut_plan(struct cut_make *m)
{
    bool moved;
    int err = repo_refresh(&m->work, &m->record, &moved);

    if (err == 0) {
        err = cut_may(&m->work, &m->record);
    }
    if (err == 0 && m->record.my_role < COVE_ROLE_ADMIN) {
        err = cove_fail(m->work.diag, COVE_EDENIED,
                        "only an admin of the owner may cut a history off");
    }
    if (err == 0) {
        err = cut_time(m);
    }
    return err != 0 ? err : cut_rows(m);
}

int cove_repo_cut(struct cove_repo *repo, struct cove_store_txn *txn,
                  cove_num num, const struct cove_cut_rule *rule, bool plan,
                  struct cove_cut_result *out, struct cove_diag *diag)
{
    struct cut_make m = {.rule = rule};
    struct cove_arena arena;
    int err;

    cove_arena_init(&arena, repo->opt.alloc);
    err = repo_work_begin(&m.work, repo, txn, &arena, diag);
    if (err == 0) {
        err = repo_record_read(&m.work, num, &m.record);
    }
    if (err == 0) {
        err = cut_plan(&m);
    }
    if (err == 0 && !plan) {
        err = cut_make(&m);
    }
    cove_arena_clear(&arena);
    *out = m.result;
    return err;
}

/* --- what is kept */

static int cut_read(struct repo_work *work, const struct repo_record *record,
                    struct cove_bytes *out)
{
    size_t parts;
    int err = record->cut_parts == 0
                  ? COVE_ENOTFOUND
                  : repo_blob_read(work, REPO_CUTS, record->num, out, &parts);

    if (err == 0) {
        err = cove_arena_copy(work->arena, *out, out);
    } else if (err == COVE_ENOTFOUND && record->cut_parts > 0) {
        err = COVE_ECORRUPT;
    }
    return err;
}

int repo_cut_get(struct repo_work *work, const struct repo_record *record,
                 struct cove_cut *out)
{
    struct cove_bytes item;
    int err = cut_read(work, record, &item);

    if (err == 0) {
        err = cove_cut_decode(item, work->arena, out, NULL);
        err = err == 0 || err == COVE_ENOMEM ? err : COVE_ECORRUPT;
    }
    if (err == 0 &&
        memcmp(&out->document, &record->id, sizeof(record->id)) != 0) {
        err = COVE_ECORRUPT;
    }
    return err;
}

int cove_repo_cut_read(struct cove_repo *repo, struct cove_store_txn *txn,
                       cove_num num, struct cove_arena *arena,
                       struct cove_bytes *out)
{
    struct repo_record record;
    struct repo_work work;
    int err = repo_work_begin(&work, repo, txn, arena, NULL);

    if (err == 0) {
        err = repo_record_read(&work, num, &record);
    }
    return err != 0 ? err : cut_read(&work, &record, out);
}
