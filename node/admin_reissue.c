/* admin_reissue.c: recover with `reissue`: what this device wrote with a clock
 * that was ahead is written again, at the present time.
 *
 * Such transactions are kept and not shown until their time comes, and a peer
 * refuses them while that is more than a day away. In the new store they are
 * held like everywhere else, and its session begins in the present: so fields
 * can be set again to what they said last. A session for which that was done
 * has ended, and is noted: the next time it is left alone, whatever was written
 * since. What adds to what is there (an amount, an entry, text)
 * would be there twice when its time comes: it is named, with that time, and
 * left.
 */
#include "core/hlc.h"
#include "core/limits.h"
#include "crdt/history.h"
#include "node/check.h"
#include "node/reissue.h"

#include <stdlib.h>

#define REISSUE_SLICE 256 /* documents a commit */
#define REISSUE_OPS   256 /* of a transaction … */
#define REISSUE_BYTES 32768
#define REISSUE_SHOWN                                                          \
    100 /* documents of which something is left, in a reply                    \
         */

static const char DONE[] = "reissued/"; /* key: this, session */
#define DONE_NAME (sizeof(DONE) - 1)
#define DONE_KEY  (DONE_NAME + sizeof(struct cove_session_id))

struct reissue {
    struct cove_repo *repo;
    int64_t now_ms;
    struct cove_buf sessions; /* of which something is written again */
    struct cove_store_txn *txn;
    struct cove_arena arena; /* of one document */
    struct cove_diag diag;
    struct node_reissued *out;
};

/* Why something of a document stays as it is. */
static void reissue_leave(struct reissue *r, const struct cove_id *id,
                          uint64_t hlc, const char *why)
{
    struct node_json *j = &r->out->left;

    if (r->out->left_count++ >= REISSUE_SHOWN) {
        return;
    }
    node_json_open(j, '{');
    node_json_key(j, "id");
    node_json_id(j, id);
    node_json_key(j, "time");
    node_json_int(j, cove_hlc_ms(hlc));
    node_json_key(j, "why");
    node_json_cstr(j, why);
    node_json_close(j, '}');
}

/* --- sessions */

static struct cove_bytes done_key(const struct cove_session_id *session,
                                  uint8_t out[DONE_KEY])
{
    memcpy(out, DONE, DONE_NAME);
    memcpy(out + DONE_NAME, session->b, sizeof(session->b));
    return cove_bytes(out, DONE_KEY);
}

/* Was it done before? */
static int session_is_done(struct reissue *r,
                           const struct cove_session_id *session, bool *done)
{
    struct cove_bytes value;
    uint8_t key[DONE_KEY];
    int err = cove_repo_record_get(r->repo, r->txn, COVE_RECORDS_META,
                                   done_key(session, key), &value);

    *done = err == 0;
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int session_note(struct reissue *r,
                        const struct cove_session_id *session)
{
    for (size_t i = 0; i < r->sessions.len; i += sizeof(session->b)) {
        if (memcmp(r->sessions.at + i, session->b, sizeof(session->b)) == 0) {
            return 0;
        }
    }
    return cove_buf_append(&r->sessions,
                           cove_bytes(session->b, sizeof(session->b)));
}

static int sessions_done(struct reissue *r)
{
    int err = 0;

    for (size_t i = 0; i < r->sessions.len && err == 0;
         i += sizeof(struct cove_session_id)) {
        struct cove_session_id session;
        uint8_t key[DONE_KEY];

        memcpy(session.b, r->sessions.at + i, sizeof(session.b));
        err = cove_repo_record_put(r->repo, r->txn, COVE_RECORDS_META,
                                   done_key(&session, key), cove_bytes("", 1));
    }
    return err;
}

/* --- one document */

struct reissue_field {
    const struct cove_event *event;
};

struct reissue_doc {
    struct cove_doc doc;
    struct reissue_field *fields; /* the last write to each that is to be set */
    size_t count;
    uint64_t left_hlc; /* of the last that is left, or 0 */
};

static int field_order(const void *left, const void *right)
{
    const struct cove_event *a = ((const struct reissue_field *)left)->event;
    const struct cove_event *b = ((const struct reissue_field *)right)->event;
    int order = cove_bytes_compare(a->reg, b->reg);

    return order != 0 ? order : cove_op_id_compare(&a->id, &b->id);
}

/* Is it a user's write of this device whose time has not come? */
static int event_is_ours(struct reissue *r, const struct cove_event *e,
                         bool *ours)
{
    bool done = false;
    int err = 0;

    *ours = !e->shown && e->kind == COVE_TX_NATIVE &&
            cove_hlc_ahead(e->id.hlc, r->now_ms) > COVE_MAX_AHEAD_MS &&
            memcmp(&e->id.device, cove_repo_device(r->repo),
                   sizeof(e->id.device)) == 0;
    if (*ours) {
        err = session_is_done(r, &e->id.session, &done);
        *ours = !done;
    }
    return err;
}

/* A field of the document itself can be set again. */
static bool event_is_field(const struct cove_event *e)
{
    static const struct cove_session_id none;

    return e->what == COVE_EVENT_REGISTER &&
           memcmp(&e->branch, &none, sizeof(none)) == 0;
}

/* The last write to each field, in place. */
static void fields_last(struct reissue_doc *d)
{
    size_t kept = 0;

    qsort(d->fields, d->count, sizeof(*d->fields), field_order);
    for (size_t i = 0; i < d->count; i++) {
        bool last =
            i + 1 == d->count || !cove_bytes_equal(d->fields[i].event->reg,
                                                   d->fields[i + 1].event->reg);

        if (last) {
            d->fields[kept++] = d->fields[i];
        }
    }
    d->count = kept;
}

static int fields_find(struct reissue *r, struct reissue_doc *d)
{
    struct cove_history_page page = {.limit = 0};
    struct cove_event *events;
    size_t count;

    for (size_t i = 0; i < d->doc.session_count; i++) {
        page.limit += d->doc.sessions[i].len - d->doc.sessions[i].folded;
    }
    int err = page.limit == 0
                  ? COVE_ENOTFOUND
                  : cove_history_page(r->repo, r->txn, &d->doc, &page,
                                      &r->arena, &events, &count);

    if (err != 0) {
        return err == COVE_ENOTFOUND ? 0 : err;
    }
    d->fields = cove_arena_array(&r->arena, count + 1, sizeof(*d->fields));
    if (d->fields == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count && err == 0; i++) {
        bool ours;

        err = event_is_ours(r, &events[i], &ours);
        if (err != 0 || !ours) {
            continue;
        }
        if (event_is_field(&events[i])) {
            d->fields[d->count++].event = &events[i];
        } else {
            d->left_hlc = events[i].id.hlc;
        }
        err = session_note(r, &events[i].id.session);
    }
    fields_last(d);
    return err;
}

static bool same_epoch(const struct cove_event *a, const struct cove_event *b)
{
    return a->has_epoch == b->has_epoch &&
           (!a->has_epoch ||
            memcmp(&a->epoch, &b->epoch, sizeof(a->epoch)) == 0);
}

/* One transaction: the fields of the first one's epoch, as many as fit; those
 * that are in it are taken out. */
static int fields_write(struct reissue *r, struct reissue_doc *d)
{
    const struct cove_event *first = d->fields[0].event;
    struct cove_tx_op ops[REISSUE_OPS];
    struct cove_tx tx = {.kind = COVE_TX_NATIVE,
                         .has_epoch = first->has_epoch,
                         .epoch = first->epoch,
                         .ops = ops};
    size_t kept = 0, bytes = 0;

    for (size_t i = 0; i < d->count; i++) {
        const struct cove_event *e = d->fields[i].event;

        if (tx.op_count == REISSUE_OPS || !same_epoch(first, e) ||
            (tx.op_count > 0 && bytes + e->value.len > REISSUE_BYTES)) {
            d->fields[kept++].event = e;
            continue;
        }
        bytes += e->value.len;
        memset(&ops[tx.op_count], 0, sizeof(ops[0]));
        ops[tx.op_count].reg = e->reg;
        ops[tx.op_count].value = e->value;
        ops[tx.op_count++].deleted = e->deleted;
    }

    int err = cove_repo_append(r->repo, r->txn, &d->doc, &tx, &r->diag);

    if (err == 0) {
        r->out->fields += tx.op_count;
        d->count = kept;
    }
    return err;
}

/* A refusal that is about this document. */
static bool refusal_is_of_document(int err)
{
    return err == COVE_EDENIED || err == COVE_ELIMIT || err == COVE_ENEWER ||
           err == COVE_EREMOVED || err == COVE_EUSAGE || err == COVE_ERESERVED;
}

static int reissue_document(struct reissue *r, cove_num num)
{
    struct reissue_doc d = {.count = 0};
    uint64_t fields = r->out->fields;
    int err = cove_repo_load(r->repo, r->txn, num, &r->arena, &d.doc, &r->diag);

    err = err != 0 ? err : fields_find(r, &d);
    if (err != 0) {
        return err;
    }
    while (err == 0 && d.count > 0) {
        err = fields_write(r, &d);
    }
    if (refusal_is_of_document(err)) {
        reissue_leave(r, &d.doc.id, d.fields[0].event->id.hlc,
                      cove_error_text(err));
        cove_diag_clear(&r->diag);
        err = 0;
    }
    if (err == 0 && d.left_hlc != 0) {
        reissue_leave(r, &d.doc.id, d.left_hlc,
                      "text, entries, amounts, pieces of files and what is on "
                      "a branch are shown when their time has come");
    }
    r->out->documents += r->out->fields > fields;
    return err;
}

/* --- all of them */

/* Has this device written something in it that is not shown? */
static int reissue_is_due(struct reissue *r, cove_num num, bool *due)
{
    struct cove_doc_outline outline;
    int err;

    cove_arena_reset(&r->arena);
    *due = false;
    err = cove_repo_outline(r->repo, r->txn, num, &r->arena, &outline);
    for (size_t i = 0; err == 0 && i < outline.session_count; i++) {
        const struct cove_doc_session *session = &outline.sessions[i];

        *due = *due || (session->folded < session->len && !outline.removed &&
                        memcmp(&session->device, cove_repo_device(r->repo),
                               sizeof(session->device)) == 0);
    }
    return err;
}

static int reissue_slice(struct reissue *r, cove_num *after, bool *over)
{
    int err = 0;

    for (unsigned i = 0; i < REISSUE_SLICE && err == 0; i++) {
        bool due = false;
        cove_num num;

        err = cove_repo_next(r->repo, r->txn, 0, *after, &num);
        if (err == COVE_ENOTFOUND) {
            *over = true;
            return 0;
        }
        if (err == 0) {
            *after = num;
        }
        err = err != 0 ? err : reissue_is_due(r, num, &due);
        if (err == 0 && due) {
            err = reissue_document(r, num);
        }
    }
    return err;
}

int node_reissued_copy(struct cove_repo *from, struct cove_store_txn *read,
                       struct cove_repo *to, struct cove_store_txn *write)
{
    uint8_t key[DONE_KEY];
    struct cove_bytes after = cove_bytes(DONE, DONE_NAME);
    struct cove_entry entry;
    int err;

    while ((err = cove_repo_record_next(from, read, COVE_RECORDS_META, after,
                                        &entry)) == 0 &&
           entry.key.len == sizeof(key) &&
           memcmp(entry.key.at, DONE, DONE_NAME) == 0) {
        memcpy(key, entry.key.at, sizeof(key));
        after = cove_bytes(key, sizeof(key));
        err = cove_repo_record_put(to, write, COVE_RECORDS_META, after,
                                   cove_bytes("", 1));
        if (err != 0) {
            break;
        }
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

int node_reissue(struct cove_repo *repo, struct cove_store *store,
                 int64_t now_ms, struct node_reissued *out,
                 struct cove_diag *diag)
{
    struct reissue r = {.repo = repo, .now_ms = now_ms, .out = out};
    cove_num after = 0;
    bool over = false;
    int err = 0;

    cove_diag_clear(&r.diag);
    cove_arena_init(&r.arena, cove_repo_alloc(repo));
    cove_buf_init(&r.sessions, cove_repo_alloc(repo));
    while (err == 0 && !over) {
        err = cove_store_begin(store, true, &r.txn);
        if (err != 0) {
            break;
        }
        err = reissue_slice(&r, &after, &over);
        err = err == 0 && over ? sessions_done(&r) : err;
        if (err == 0) {
            err = cove_store_commit(r.txn);
        } else {
            cove_store_abort(r.txn);
        }
    }
    cove_arena_clear(&r.arena);
    cove_buf_clear(&r.sessions);
    if (err != 0 && r.diag.code != 0) {
        *diag = r.diag;
    }
    return err != 0 ? err : out->left.err;
}
