/* repo_check_doc.c: one document: its record, what the record says of other
 * trees, its logs, its checkpoint. */
#include "crdt/repo_check_internal.h"

#include "crdt/repo_sums.h"

struct doc_check {
    struct cove_check *c;
    struct repo_record record;
    bool dirty;       /* the record is to be written */
    bool cut;         /* rows were cut back … */
    uint32_t session; /* … the last one of this session, … */
    uint32_t from;    /* … to this length */
};

static int doc_put(struct doc_check *d, unsigned tree, struct cove_bytes key,
                   uint64_t number, bool empty)
{
    struct cove_check *c = d->c;
    struct cove_packer p;
    struct cove_buf buf;
    int err;

    if (!c->opt.repair) {
        return 0;
    }
    c->wrote = true;
    cove_buf_init(&buf, c->repo->opt.alloc);
    cove_packer_init(&p, &buf);
    if (!empty) {
        cove_pack_varint(&p, number);
    }
    err = p.err != 0
              ? p.err
              : cove_store_put(c->work.txn, tree, key, cove_buf_bytes(&buf));
    cove_buf_clear(&buf);
    return err;
}

/* --- a record that cannot be read */

/* The id that the bytes of the record begin with, where the tree of ids says
 * the same; else the one that the tree has the number under. */
static int unreadable_id(struct cove_check *c, cove_num num,
                         struct cove_bytes bytes, struct cove_id *id,
                         bool *known)
{
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    struct cove_unpacker u;
    cove_num held = 0;
    int err;

    cove_unpacker_init(&u, bytes);
    (void)cove_unpack_varint(&u);
    cove_unpack_raw(&u, id->b, sizeof(id->b));
    err = u.err == 0 ? repo_num_said(c->work.txn, id, &held) : 0;
    *known = err == 0 && u.err == 0 && held == num;
    if (err != 0 || *known) {
        return err;
    }
    err = cove_store_cursor_open(c->work.txn, REPO_IDS, &cursor);
    if (err != 0) {
        return err;
    }
    err = cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry);
    while (err == 0 && !*known) {
        cove_unpacker_init(&u, entry.value);
        *known = cove_unpack_varint(&u) == num && u.err == 0 &&
                 entry.key.len == sizeof(id->b);
        if (*known) {
            memcpy(id->b, entry.key.at, sizeof(id->b));
        }
        err = cove_store_cursor_next(cursor, &entry);
    }
    cove_store_cursor_close(cursor);
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* Is it the header in it that cannot be read? */
static bool unreadable_header(struct cove_check *c, struct cove_bytes bytes)
{
    struct repo_record record = {.num = 0};
    struct cove_unpacker u;
    struct cove_id id;

    cove_unpacker_init(&u, bytes);
    (void)cove_unpack_varint(&u);
    cove_unpack_raw(&u, record.id.b, sizeof(record.id.b));
    if (u.err != 0) {
        return false;
    }
    if (repo_shape_unpack(&c->work, &u, &record) != 0) {
        return true;
    }
    id = cove_header_id(record.header_bytes);
    return memcmp(&id, &record.id, sizeof(id)) != 0;
}

static int doc_lost(struct cove_check *c, cove_num num,
                    const struct cove_id *id, const char *kind,
                    const char *text)
{
    struct cove_finding f = {
        .kind = kind, .fixed = true, .has_id = id != NULL, .text = text};
    int err = 0;

    if (id != NULL) {
        f.id = *id;
    }
    if (c->opt.repair) {
        err = mend_remove(c, num, id);
        err = err != 0 ? err : cove_repo_sums_drop(c->repo, c->work.txn);
    }
    return err != 0 ? err : check_say(c, &f, NULL);
}

static int doc_unreadable(struct cove_check *c, cove_num num)
{
    struct cove_bytes bytes = {NULL, 0};
    struct cove_id id;
    bool known = false;
    bool header = false;
    size_t parts;
    int err = repo_blob_read(&c->work, REPO_DOCS, num, &bytes, &parts);

    if (err == 0) {
        header = unreadable_header(c, bytes);
    } else if (!check_is_damage(err)) {
        return err;
    }
    err = unreadable_id(c, num, bytes, &id, &known);
    return err != 0 ? err
                    : doc_lost(c, num, known ? &id : NULL,
                               header ? "header" : "record",
                               header ? "the header is damaged"
                                      : "the document's record cannot be read");
}

/* --- what other trees say of it */

static int doc_check_id(struct doc_check *d)
{
    const struct cove_id *id = &d->record.id;
    cove_num num;
    int err = repo_num_said(d->c->work.txn, id, &num);

    if (err != 0 || num == d->record.num) {
        return err;
    }
    err = check_derived(d->c, "id-entry", &d->record,
                        "the document cannot be found by its id");
    return err != 0 ? err
                    : doc_put(d, REPO_IDS, cove_bytes(id->b, sizeof(id->b)),
                              d->record.num, false);
}

static int doc_check_list(struct doc_check *d)
{
    struct cove_place place;
    struct cove_bytes value;
    int err;

    if ((d->record.flags & COVE_DOC_REMOVED) != 0 ||
        repo_index_place(&d->record, &place) != 0) {
        return 0;
    }
    err = cove_store_get(d->c->work.txn, REPO_SCHEMAS, cove_place_bytes(&place),
                         &value);
    if (err != COVE_ENOTFOUND) {
        return err;
    }
    err = check_derived(d->c, "schema-entry", &d->record,
                        "the document is not in the list of its schema");
    return err != 0
               ? err
               : doc_put(d, REPO_SCHEMAS, cove_place_bytes(&place), 0, true);
}

static int doc_check_change(struct doc_check *d)
{
    struct cove_check *c = d->c;
    cove_num num = 0;
    int err;

    if (d->record.flags & COVE_DOC_LOCAL) {
        return 0;
    }
    err = repo_change_num(&c->work, d->record.changed, &num);
    if (err == 0 && num == d->record.num) {
        return 0;
    }
    if (err != 0 && !check_is_damage(err)) {
        return err;
    }
    err = check_derived(c, "change-entry", &d->record,
                        "the document's last change is not in the list of "
                        "changes");
    if (err == 0 && c->opt.repair) {
        d->record.changed = 0;
        err =
            repo_change_note(&c->work, &d->record, REPO_PEER_OPEN, 0, 0, false);
        d->dirty = c->wrote = true;
    }
    return err;
}

/* The number of the owner or the schema's journal: that of the id that the
 * header names. */
static int doc_check_named(struct doc_check *d, bool has,
                           const struct cove_id *id, cove_num *held)
{
    struct cove_check *c = d->c;
    struct repo_record named;
    cove_num num;
    int err;

    if (!has && *held == 0) {
        return 0;
    }
    err = has ? repo_num_said(c->work.txn, id, &num) : 0;
    if (err != 0 || (has && *held != 0 && num == *held)) {
        return err;
    }
    if (has && *held != 0) { /* the tree of ids may be what is wrong */
        err = repo_record_read(&c->work, *held, &named);
        if (err == 0 && memcmp(&named.id, id, sizeof(*id)) == 0) {
            return 0;
        }
        if (err != 0 && !check_is_damage(err)) {
            return err;
        }
    }
    err = check_derived(c, "record-field", &d->record,
                        "the record names another owner or schema than the "
                        "header");
    if (err == 0 && c->opt.repair) {
        *held = 0;
        err = has ? repo_num_add(&c->work, id, held) : 0;
        d->dirty = c->wrote = true;
    }
    return err;
}

/* Who is told of it, and is it gone? Of what was removed one row is left, that
 * of who did it. */
static int doc_check_flags(struct doc_check *d)
{
    struct repo_record *record = &d->record;
    bool local = repo_create_is_local(d->c->repo, &record->id, &record->header);
    bool gone = record->row_count == 1 && record->rows[0].tomb;
    unsigned flags = record->flags & ~(unsigned)COVE_DOC_LOCAL;
    int err;

    flags |= local ? COVE_DOC_LOCAL : 0;
    if (!gone) {
        flags &= ~(unsigned)COVE_DOC_REMOVED;
    }
    if (flags == record->flags) {
        return 0;
    }
    err = check_derived(d->c, "record-field", record,
                        "the record says that the document was removed, or "
                        "stays on this device, or not, and it is otherwise");
    if (err == 0 && d->c->opt.repair) {
        record->flags = flags;
        d->dirty = d->c->wrote = true;
    }
    return err;
}

/* --- logs */

static int row_say(struct doc_check *d, const struct repo_row *row,
                   const struct check_row *found)
{
    struct cove_finding f = {.kind = found->kind,
                             .derived = found->derived,
                             .fixed = true,
                             .has_session = true,
                             .session = row->pub.session,
                             .from = found->reach.len,
                             .to = found->derived ? found->reach.len
                                                  : row->pub.len,
                             .text = found->text};

    return check_say(d->c, &f, &d->record);
}

/* Does the row say how its log begins? By that a document is removed, or what
 * follows is of a branch. */
static bool row_begins(const struct repo_row *row,
                       const struct check_row *found)
{
    return !found->begun ||
           (row->tomb == found->tomb && row->has_branch == found->has_branch &&
            (!row->has_branch ||
             memcmp(&row->branch, &found->branch, sizeof(row->branch)) == 0));
}

/* Does the row say what its log says? */
static int row_fields(struct doc_check *d, struct repo_row *row,
                      const struct check_row *found)
{
    const struct repo_reach *reach = &found->reach;
    bool tail = row->inline_chunk.len > 0 || row->tail == reach->tail;
    bool head = memcmp(&row->pub.head, &reach->head, sizeof(reach->head)) == 0;
    int err;

    if (!found->longer && tail && head && row_begins(row, found) &&
        row->pub.last_hlc == reach->last_hlc && row->epoch == reach->epoch) {
        return 0;
    }
    err = check_derived(
        d->c, head && !found->longer ? "record-field" : "digest", &d->record,
        "the record says another end of a log than the log, or beginning");
    if (err == 0 && d->c->opt.repair) {
        bool all = row->pub.folded == row->pub.len;

        row->pub.len = reach->len;
        row->pub.folded = all ? reach->len : row->pub.folded;
        row->pub.head = reach->head;
        row->pub.last_hlc = reach->last_hlc;
        row->epoch = reach->epoch;
        row->tail = row->inline_chunk.len > 0 ? 0 : reach->tail;
        if (found->begun) {
            row->tomb = found->tomb;
            row->has_branch = found->has_branch;
            row->branch = found->branch;
        }
        d->cut = d->dirty = true;
        d->session = row->num;
        d->from = reach->len;
    }
    return err;
}

static int row_role(struct doc_check *d, const struct cove_header *owner,
                    struct repo_row *row)
{
    enum cove_role role = cove_header_role(owner, &row->pub.device);
    int err = 0;

    if (role == row->pub.role) {
        return 0;
    }
    err = check_derived(d->c, "record-field", &d->record,
                        "the record says another role of an author than the "
                        "owner");
    if (err == 0 && d->c->opt.repair) {
        row->pub.role = role;
        if (role < COVE_ROLE_WRITER) {
            row->pub.folded = 0;
        } else if (row->pub.folded == 0) {
            d->record.next_held = 1; /* look at once what is to be shown */
        }
        d->cut = d->dirty = true;
        d->session = row->num;
        d->from = row->pub.len;
    }
    return err;
}

/* What the counters must at least say. */
static void row_note(struct cove_check *c, const struct repo_row *row)
{
    if (row->num > c->most_intern) {
        c->most_intern = row->num;
    }
    if (row->pub.folded == row->pub.len && row->pub.last_hlc > c->most_hlc &&
        repo_in_time(c->repo, row->pub.last_hlc)) {
        c->most_hlc = row->pub.last_hlc;
    }
    if (row->num == c->work.counters.own_session &&
        row->pub.last_hlc > c->most_own_hlc) {
        c->most_own_hlc = row->pub.last_hlc;
    }
}

static int doc_check_rows(struct doc_check *d)
{
    struct cove_check *c = d->c;
    struct cove_header owner;
    int known = repo_owner(&c->work, &d->record, &owner);
    int err = 0;

    for (size_t i = 0; i < d->record.row_count && err == 0; i++) {
        struct repo_row *row = &d->record.rows[i];
        struct check_row found;
        bool gone = false;

        err = check_row(c, &d->record, row, &found);
        if (err == 0 && found.kind != NULL) {
            err = row_say(d, row, &found);
            if (err == 0 && c->opt.repair) {
                d->cut = d->dirty = true;
                d->session = row->num;
                d->from = found.reach.len;
                err = mend_row(c, &d->record, i, &found, &gone);
            }
        } else if (err == 0) {
            err = row_fields(d, row, &found);
        }
        if (gone) {
            d->session = 0;
            i--;
            continue;
        }
        if (err == 0 && known == 0 &&
            (d->record.flags & COVE_DOC_OWNER_MISSING) == 0) {
            err = row_role(d, &owner, row);
        }
        row_note(c, row);
    }
    return err;
}

/* --- the checkpoint */

static int doc_checkpoint_good(struct doc_check *d, bool *good)
{
    struct cove_check *c = d->c;
    struct repo_work work = c->work;
    int err;

    *good = true;
    for (size_t i = 0; i < d->record.row_count; i++) {
        *good =
            *good && (d->record.state_bytes > 0 || d->record.rows[i].mark == 0);
    }
    if (d->record.state_bytes == 0 || !*good) {
        return 0;
    }
    cove_arena_reset(&c->piece);
    work.arena = &c->piece;
    err = repo_state_whole(&work, &d->record);
    *good = err == 0;
    return check_is_damage(err) ? 0 : err;
}

static int doc_check_state(struct doc_check *d)
{
    bool good;
    int err = doc_checkpoint_good(d, &good);

    if (err != 0 || good) {
        return err;
    }
    err = check_derived(d->c, "checkpoint", &d->record,
                        "the checkpoint of the folded state is damaged");
    if (err == 0 && d->c->opt.repair) {
        err = mend_checkpoint(d->c, &d->record);
        d->dirty = true;
    }
    return err;
}

/* --- the whole */

static void doc_note(struct doc_check *d)
{
    struct cove_check *c = d->c;
    const struct repo_record *r = &d->record;

    c->most_num = r->num > c->most_num ? r->num : c->most_num;
    c->most_num = r->owner > c->most_num ? r->owner : c->most_num;
    c->most_num = r->schema > c->most_num ? r->schema : c->most_num;
    if (r->changed > c->most_sequence) {
        c->most_sequence = r->changed;
    }
}

static int doc_trees(struct doc_check *d)
{
    const struct cove_header *header = &d->record.header;
    int err = doc_check_id(d);

    if (err == 0) {
        err = doc_check_named(d, header->has_owner, &header->owner,
                              &d->record.owner);
    }
    if (err == 0) {
        err = doc_check_named(d, header->has_schema, &header->schema,
                              &d->record.schema);
    }
    if (err == 0) {
        err = doc_check_list(d);
    }
    return err != 0 ? err : doc_check_change(d);
}

/* The header is whole; the id before it need not be. */
static int doc_check_header(struct doc_check *d, bool *good)
{
    struct cove_check *c = d->c;
    struct cove_id hash = cove_header_id(d->record.header_bytes);
    cove_num num;
    int err;

    *good = memcmp(&hash, &d->record.id, sizeof(hash)) == 0;
    if (*good) {
        return 0;
    }
    err = repo_num_said(c->work.txn, &hash, &num);
    if (err != 0) {
        return err;
    }
    if (num != d->record.num) {
        err = repo_num_said(c->work.txn, &d->record.id, &num);
        return err != 0 ? err
                        : doc_lost(c, d->record.num,
                                   num == d->record.num ? &d->record.id : NULL,
                                   "header", "the header is damaged");
    }
    d->record.id = hash;
    *good = true;
    d->dirty = c->opt.repair;
    return check_derived(c, "record-field", &d->record,
                         "the record says another id than the header's hash");
}

int check_document(struct cove_check *c, cove_num num)
{
    struct doc_check d = {.c = c};
    bool good = false;
    int err = repo_record_read(&c->work, num, &d.record);

    c->sum.documents++;
    if (check_is_damage(err)) {
        return doc_unreadable(c, num);
    }
    if (err == 0) {
        err = doc_check_header(&d, &good);
    }
    if (err != 0 || !good) {
        return err;
    }
    doc_note(&d);
    err = doc_check_flags(&d);
    if (err == 0) {
        err = doc_trees(&d);
    }
    if (err == 0) {
        err = check_cut(c, &d.record, &d.cut, &d.dirty);
    }
    if (err == 0) {
        err = doc_check_rows(&d);
    }
    if (err == 0 && d.cut) { /* it may be the row of who removed it */
        err = doc_check_flags(&d);
    }
    if (err == 0) {
        err = doc_check_state(&d);
    }
    if (err == 0 && !d.cut) {
        err = check_held(c, &d.record, &d.dirty);
    }
    if (err == 0 && d.cut) {
        return mend_record(c, &d.record, d.session, d.from);
    }
    if (err == 0 && d.dirty) {
        c->wrote = true;
        err = repo_record_write(&c->work, &d.record);
    }
    return err;
}

/* Once it was known who may write, the owner's header was here. */
int check_owner(struct cove_check *c, cove_num num)
{
    struct cove_finding f = {.kind = "owner-missing",
                             .fixed = true,
                             .text = "the group that owns the document is "
                                     "not here any more"};
    struct cove_aside aside = {.from = 0};
    struct repo_record record;
    struct repo_record owner;
    int err = repo_record_read(&c->work, num, &record);

    if (check_is_damage(err)) {
        return 0; /* told already */
    }
    if (err != 0 || record.owner == 0 ||
        (record.flags & COVE_DOC_OWNER_MISSING)) {
        return err;
    }
    err = repo_record_read(&c->work, record.owner, &owner);
    if (err == 0 || !check_is_damage(err)) {
        return err;
    }
    err = check_say(c, &f, &record);
    if (err != 0 || !c->opt.repair) {
        return err;
    }
    c->wrote = true;
    aside.id = record.header.owner;
    err = mend_aside(c, &aside, cove_bytes("", 0));
    record.flags |= COVE_DOC_OWNER_MISSING;
    return err != 0 ? err : repo_record_write(&c->work, &record);
}
