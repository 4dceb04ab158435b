/* repo_salvage_doc.c: one document, from whatever there is of its record.
 *
 * Its header must have the hash that is its id; nothing else makes a document.
 * A header in which one bit is another is found by trying each: few headers
 * have more than a thousand bits, and a hash tells. The rows say which sessions
 * there are; where they cannot be read, the keys of the logs do, and a row that
 * is whole is found in the bytes of the record by its signature.
 */
#include "crdt/repo_salvage_internal.h"

#include "crdt/repo_check_internal.h"

#define DOC_SESSIONS 4096
#define DOC_LOOSE    64 /* former states of a record that are looked at */

struct doc_save {
    struct cove_salvage *s;
    cove_num num;
    bool named; /* the tree has a record of that number, whole or not */
    bool there; /* a header was found */
    bool whole; /* the record in the tree can be read, rows too */
    struct repo_record record; /* header, id */
    struct salvage_session *sessions;
    size_t count, cap;
    struct cove_saved saved;
};

int salvage_say(struct cove_salvage *s, struct cove_saved *saved)
{
    bool whole = saved->what == NULL && saved->lost == 0 && saved->aside == 0;

    if (saved->what == NULL) {
        saved->what = whole ? "whole" : "part";
        saved->why = whole ? NULL : "a part of its log is damaged or missing";
    }
    s->sum.documents++;
    s->sum.whole += strcmp(saved->what, "whole") == 0;
    s->sum.part += strcmp(saved->what, "part") == 0;
    s->sum.lost += strcmp(saved->what, "lost") == 0;
    s->sum.transactions += saved->saved;
    s->sum.transactions_lost += saved->lost;
    s->sum.aside += saved->aside;
    return s->opt.saved != NULL ? s->opt.saved(s->opt.ctx, saved) : 0;
}

/* --- sessions */

static int session_add(struct doc_save *d, uint32_t num, uint32_t told,
                       struct cove_bytes chunk)
{
    struct cove_salvage *s = d->s;
    struct salvage_session *at = NULL;
    struct repo_session known;
    void *sessions = d->sessions;
    struct cove_bytes *inlines;
    int err;

    for (size_t i = 0; i < d->count; i++) {
        if (d->sessions[i].whose.session_num == num) {
            at = &d->sessions[i];
        }
    }
    if (at == NULL) {
        err = repo_intern_session_of(&s->work, num, &known);
        if (err == 0) {
            err = cove_arena_grow(&s->arena, &sessions, sizeof(*d->sessions),
                                  d->count, &d->cap);
        }
        if (err != 0) {
            return err;
        }
        d->sessions = sessions;
        at = &d->sessions[d->count++];
        memset(at, 0, sizeof(*at));
        at->interned = known;
        at->whose = (struct repo_whose){.num = d->num,
                                        .session = known.session,
                                        .session_num = num,
                                        .device = known.device};
    }
    at->told = told > at->told ? told : at->told;
    if (chunk.len == 0) {
        return 0;
    }
    inlines =
        cove_arena_array(&s->arena, at->inline_count + 1, sizeof(*inlines));
    if (inlines == NULL) {
        return COVE_ENOMEM;
    }
    if (at->inline_count > 0) {
        memcpy(inlines, at->inlines, at->inline_count * sizeof(*inlines));
    }
    inlines[at->inline_count++] = chunk;
    at->inlines = inlines;
    return 0;
}

static int sessions_of(struct doc_save *d, const struct repo_record *record,
                       bool told)
{
    int err = 0;

    for (size_t i = 0; i < record->row_count && err == 0; i++) {
        const struct repo_row *row = &record->rows[i];

        err = session_add(d, row->num, told ? row->pub.len : 0,
                          row->inline_chunk);
    }
    return err;
}

/* The sessions that keys of logs have under the document's number. */
static int sessions_of_keys(struct doc_save *d, unsigned tree)
{
    struct cove_store_cursor *cursor;
    struct cove_place place;
    struct cove_entry entry;
    uint64_t session = 0;
    int err = cove_store_cursor_open(d->s->work.txn, tree, &cursor);

    if (err != 0) {
        return err;
    }
    while (err == 0 && d->count < DOC_SESSIONS && session <= UINT32_MAX) {
        struct cove_bytes key;
        uint64_t num = 0;

        cove_place_start(&place);
        cove_place_number(&place, d->num);
        cove_place_number(&place, session + 1);
        err = cove_store_cursor_seek(cursor, cove_place_bytes(&place), &entry);
        key = entry.key;
        if (err != 0 || cove_place_take(&key, &num) != 0 || num != d->num ||
            cove_place_take(&key, &session) != 0 || session > UINT32_MAX) {
            break;
        }
        err = session_add(d, (uint32_t)session, 0, cove_bytes(NULL, 0));
        err = check_is_damage(err) ? 0 : err; /* a session that is lost */
    }
    cove_store_cursor_close(cursor);
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* Rows in bytes that are no record any more: one begins at any place, and only
 * its chunk's signature says so. */
static int sessions_of_bytes(struct doc_save *d, struct cove_bytes bytes)
{
    struct cove_salvage *s = d->s;
    struct repo_work work = s->work;
    uint64_t created = repo_record_created(&d->record);
    int err = 0;

    work.arena = &s->piece;
    for (size_t at = 33; at + 40 < bytes.len && err == 0; at++) {
        struct repo_whose whose = {.num = d->num, .id = d->record.id};
        struct repo_taken taken;
        struct repo_reach start;
        struct cove_unpacker u;
        struct repo_row row;
        struct cove_bytes chunk;

        cove_arena_reset(&s->piece);
        cove_unpacker_init(&u, cove_bytes(bytes.at + at, bytes.len - at));
        err = repo_row_unpack(&work, &u, created, &row);
        if (err != 0 || row.inline_chunk.len == 0) {
            err = check_is_damage(err) ? 0 : err;
            continue;
        }
        whose.created = created;
        whose.session = row.pub.session;
        whose.session_num = row.num;
        whose.device = row.pub.device;
        repo_reach_start(&whose, &start);
        err = repo_piece_take(&work, &whose, &start, row.inline_chunk, &taken);
        if (err == 0) {
            err = cove_arena_copy(&s->arena, row.inline_chunk, &chunk);
        }
        if (err == 0) {
            err = session_add(d, row.num, taken.reach.len, chunk);
        }
        err = check_is_damage(err) ? 0 : err;
    }
    return err;
}

/* --- the header */

static bool header_is(const struct repo_record *record,
                      const struct cove_id *id)
{
    struct cove_id hash = cove_header_id(record->header_bytes);

    return memcmp(&hash, id, sizeof(hash)) == 0;
}

/* Each bit in turn; what was found stays. */
static int header_mend(struct doc_save *d, struct repo_record *record,
                       const struct cove_id *id, bool *good)
{
    struct cove_bytes copy;
    uint8_t *room;
    int err = cove_arena_copy(&d->s->arena, record->header_bytes, &copy);

    if (err != 0) {
        return err;
    }
    room = cove_arena_array(&d->s->arena, copy.len + 1, 1);
    if (room == NULL) {
        return COVE_ENOMEM;
    }
    memcpy(room, copy.at, copy.len);
    for (size_t bit = 0; bit < copy.len * 8 && !*good; bit++) {
        struct cove_id hash;

        room[bit / 8] ^= (uint8_t)(1u << bit % 8);
        hash = cove_header_id(cove_bytes(room, copy.len));
        *good = memcmp(&hash, id, sizeof(hash)) == 0;
        if (!*good) {
            room[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
    record->header_bytes = cove_bytes(room, copy.len);
    if (*good &&
        cove_header_decode(record->header_bytes, &record->header, NULL) != 0) {
        *good = false;
    }
    return 0;
}

/* Is the header that was read the document's? By the id beside it, or by that
 * which leads to its number, or with one bit changed. */
static int header_take(struct doc_save *d, struct repo_record *record,
                       bool *good)
{
    struct cove_id hash = cove_header_id(record->header_bytes);
    cove_num num = 0;
    int err = 0;

    *good = header_is(record, &record->id);
    if (!*good) {
        err = repo_num_said(d->s->work.txn, &hash, &num);
        if (err == 0 && num == d->num) {
            record->id = hash;
            *good = true;
        }
    }
    if (err == 0 && !*good) {
        err = header_mend(d, record, &record->id, good);
    }
    if (err == 0 && *good && !d->there) {
        d->there = true;
        d->record = *record;
        d->saved.has_id = true;
        d->saved.id = record->id;
    }
    *good = *good && memcmp(&record->id, &d->record.id, 32) == 0;
    return err;
}

/* Take a record's bytes, which begin with how many parts follow. */
static int record_take(struct doc_save *d, struct cove_bytes bytes,
                       bool in_place)
{
    struct cove_salvage *s = d->s;
    struct repo_record record = {.num = d->num};
    struct cove_unpacker u;
    bool good = false;
    int err = repo_record_unpack(&s->work, bytes, &record);

    if (err == 0) {
        err = header_take(d, &record, &good);
        if (err == 0 && good) {
            d->whole = d->whole || in_place;
            err = sessions_of(d, &record, in_place || !d->whole);
        }
        return err;
    }
    if (!check_is_damage(err)) {
        return err;
    }
    memset(&record, 0, sizeof(record));
    record.num = d->num;
    cove_unpacker_init(&u, bytes);
    (void)cove_unpack_varint(&u);
    cove_unpack_raw(&u, record.id.b, sizeof(record.id.b));
    err = u.err != 0 ? u.err : repo_shape_unpack(&s->work, &u, &record);
    if (check_is_damage(err) && record.header_bytes.len > 0) {
        err = 0; /* its bytes are there, and may be mended */
    }
    if (err == 0) {
        err = header_take(d, &record, &good);
    }
    if (err == 0 && good) {
        err = sessions_of_bytes(d, bytes);
    }
    return check_is_damage(err) ? 0 : err;
}

/* The record in the tree, and what lay loose of its former states where that
 * is not whole. */
static int record_in_place(struct doc_save *d)
{
    struct cove_bytes bytes = {NULL, 0};
    size_t parts;
    int err = repo_blob_read(&d->s->work, REPO_DOCS, d->num, &bytes, &parts);

    d->named = err != COVE_ENOTFOUND;
    if (err == 0) {
        err = cove_arena_copy(&d->s->arena, bytes, &bytes);
    }
    if (err == 0) {
        err = record_take(d, bytes, true);
    }
    return check_is_damage(err) ? 0 : err;
}

static int record_loose(struct doc_save *d)
{
    struct cove_store_cursor *cursor;
    struct cove_place place;
    struct cove_entry entry;
    int err = cove_store_cursor_open(d->s->work.txn, SALVAGE_DOCS, &cursor);

    if (err != 0) {
        return err;
    }
    cove_place_start(&place);
    cove_place_number(&place, d->num);
    err = cove_store_cursor_seek(cursor, cove_place_bytes(&place), &entry);
    for (int i = 0;
         err == 0 && i < DOC_LOOSE && entry.key.len == place.len + 8 &&
         memcmp(entry.key.at, place.b, place.len) == 0;
         i++) {
        struct cove_unpacker u;
        struct cove_bytes bytes;

        cove_unpacker_init(&u, entry.value);
        if (cove_unpack_varint(&u) == 0 && u.err == 0) {
            bytes = cove_bytes(u.at, (size_t)(u.end - u.at));
            err = record_take(d, bytes, false);
            err = check_is_damage(err) ? 0 : err;
        }
        if (err == 0) {
            err = cove_store_cursor_next(cursor, &entry);
        }
    }
    cove_store_cursor_close(cursor);
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* --- the whole */

/* Is what the trees say of it all there was? */
static bool doc_is_sure(const struct doc_save *d)
{
    return d->whole && !d->s->broken.root;
}

/* What the history came to before it was cut off; it is signed, so the record
 * need not say that there is one. */
static int doc_cut(struct doc_save *d, struct cove_cut *cut)
{
    struct cove_salvage *s = d->s;
    struct repo_record record = {
        .num = d->num, .id = d->record.id, .cut_parts = 1};
    struct cove_ingest_result result;
    struct cove_bytes item;
    size_t parts;
    int err = repo_cut_get(&s->work, &record, cut);

    if (err == 0) {
        err = repo_blob_read(&s->work, REPO_CUTS, d->num, &item, &parts);
    }
    if (err == 0) {
        err = cove_repo_cut_take(s->to, s->txn, item, 0, &result, NULL);
    }
    if (err != 0) {
        cut->row_count = 0;
    }
    switch (err) { /* what is behind the cut is lost with it */
    case COVE_EGAP:
    case COVE_EDENIED:
    case COVE_ECLOCK:
    case COVE_EUNSUPPORTED:
    case COVE_EFORK:
    case COVE_ECUT:
    case COVE_EREMOVED:
        return 0;
    default:
        return check_is_damage(err) ? 0 : err;
    }
}

static int doc_logs(struct doc_save *d)
{
    struct cove_salvage *s = d->s;
    struct cove_cut cut;
    int err = doc_cut(d, &cut);

    for (size_t i = 0; i < d->count && err == 0; i++) {
        d->sessions[i].whose.id = d->record.id;
        d->sessions[i].whose.created = repo_record_created(&d->record);
        d->sessions[i].sure = doc_is_sure(d);
        d->sessions[i].cut =
            cove_cut_row_of(&cut, &d->sessions[i].whose.session);
        err = salvage_session(s, &d->sessions[i], &d->saved);
    }
    return err != 0 ? err : salvage_forks(s, d->num);
}

static int doc_put(struct doc_save *d)
{
    struct cove_salvage *s = d->s;
    struct cove_diag why = {0};
    cove_num to = 0;
    int err = cove_repo_ingest_header(s->to, s->txn, &d->record.id,
                                      d->record.header_bytes, &to, &why);

    if (check_is_damage(err)) {
        d->saved.what = "lost";
        d->saved.why = "its header breaks a rule";
        return salvage_say(s, &d->saved);
    }
    if (err == 0 && d->record.header.type == COVE_DOC_JOURNAL) {
        err = repo_salvage_number_put(s, d->num, to);
    }
    if (err == 0) {
        err = doc_logs(d);
    }
    if (err == 0 && d->whole && s->broken.root && d->saved.lost == 0) {
        d->saved.what = "part";
        d->saved.why = "the root of the trees is damaged: there may have been "
                       "more";
    }
    if (err == 0 && !d->whole && d->saved.lost == 0) {
        d->saved.what = "part";
        d->saved.why = "its record is damaged; what was found of its logs is "
                       "whole";
    }
    return err != 0 ? err : salvage_say(s, &d->saved);
}

static bool doc_is_rights(const struct repo_record *record)
{
    return cove_repo_class(&record->header) == COVE_CLASS_RIGHTS;
}

/* Nothing leads to it: it was taken out of the store, and its bytes lay in
 * pages that are free. */
static int doc_is_removed(struct doc_save *d, bool *out)
{
    cove_num num = 0;
    int err = 0;

    *out = false;
    if (!d->named && !d->s->broken.ids) {
        err = repo_num_said(d->s->work.txn, &d->record.id, &num);
        *out = num != d->num;
    }
    return err;
}

int salvage_document(struct cove_salvage *s, cove_num num, bool rights)
{
    struct doc_save d = {.s = s, .num = num};
    bool removed = false;
    int err;

    cove_arena_reset(&s->arena);
    err = record_in_place(&d);
    if (err == 0 && d.there && d.whole && doc_is_rights(&d.record) != rights) {
        return 0;
    }
    if (err == 0 && !doc_is_sure(&d)) {
        err = record_loose(&d);
    }
    if (err == 0 && !doc_is_sure(&d)) {
        err = sessions_of_keys(&d, REPO_LOG);
    }
    if (err == 0 && !doc_is_sure(&d)) {
        err = sessions_of_keys(&d, SALVAGE_LOG);
    }
    if (err != 0) {
        return err;
    }
    if (!d.there) {
        d.saved.what = "lost";
        d.saved.why = "its header is damaged";
        return rights ? 0 : salvage_say(s, &d.saved);
    }
    if (doc_is_rights(&d.record) != rights) {
        return 0;
    }
    err = doc_is_removed(&d, &removed);
    if (err == 0 && removed) {
        s->sum.removed++;
        return 0;
    }
    return err != 0 ? err : doc_put(&d);
}
