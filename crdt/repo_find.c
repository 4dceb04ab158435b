/* repo_find.c: documents by id and by number, and who may write them.
 *
 * A document that is only named by another (its owner, its schema) has a
 * number too, but no record: it is not held.
 */
#include "crdt/repo_internal.h"

#define FIND_SHOWN 5 /* documents that an ambiguous prefix lists */

static struct cove_bytes find_key(const struct cove_id *id)
{
    return cove_bytes(id->b, sizeof(id->b));
}

static int find_unpack(struct cove_bytes value, cove_num *out)
{
    struct cove_unpacker u;

    cove_unpacker_init(&u, value);

    cove_num num = cove_unpack_varint(&u);
    int err = cove_unpacker_done(&u);

    if (err == 0) {
        *out = num;
    }
    return err;
}

int repo_find_num(struct cove_store_txn *txn, const struct cove_id *id,
                  cove_num *out)
{
    struct cove_bytes value;
    int err = cove_store_get(txn, REPO_IDS, find_key(id), &value);

    return err != 0 ? err : find_unpack(value, out);
}

int repo_num_said(struct cove_store_txn *txn, const struct cove_id *id,
                  cove_num *out)
{
    struct cove_bytes value;
    int err = cove_store_get(txn, REPO_IDS, find_key(id), &value);

    *out = 0;
    if (err == 0 && find_unpack(value, out) != 0) {
        *out = 0;
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

int repo_find_held(struct cove_store_txn *txn, cove_num num)
{
    struct cove_place place;
    struct cove_bytes value;

    cove_place_start(&place);
    cove_place_number(&place, num);
    return cove_store_get(txn, REPO_DOCS, cove_place_bytes(&place), &value);
}

/* Does a record say that its document was removed? Its bits stand in front. */
static bool find_is_removed(struct cove_bytes value)
{
    struct cove_unpacker u;

    cove_unpacker_init(&u, value);
    (void)cove_unpack_varint(&u); /* parts */
    return (cove_unpack_varint(&u) & COVE_DOC_REMOVED) != 0;
}

int repo_find_removed(struct cove_store_txn *txn, cove_num num, bool *out)
{
    struct cove_place place;
    struct cove_bytes value;
    int err;

    cove_place_start(&place);
    cove_place_number(&place, num);
    err = cove_store_get(txn, REPO_DOCS, cove_place_bytes(&place), &value);
    *out = err == 0 && find_is_removed(value);
    return err;
}

int cove_repo_number(struct cove_repo *repo, struct cove_store_txn *txn,
                     const struct cove_id *id, cove_num *out)
{
    (void)repo;
    return repo_find_num(txn, id, out);
}

int cove_repo_find(struct cove_repo *repo, struct cove_store_txn *txn,
                   const struct cove_id *id, cove_num *out)
{
    cove_num num;
    int err = repo_find_num(txn, id, &num);

    (void)repo;
    if (err == 0) {
        err = repo_find_held(txn, num);
    }
    if (err == 0) {
        *out = num;
    }
    return err;
}

int repo_num_give(struct repo_work *work, const struct cove_id *id)
{
    struct cove_packer p;
    struct cove_buf buf;
    int err;

    cove_buf_init(&buf, work->repo->opt.alloc);
    cove_packer_init(&p, &buf);
    cove_pack_varint(&p, work->counters.next_num);
    err = p.err != 0 ? p.err
                     : cove_store_put(work->txn, REPO_IDS, find_key(id),
                                      cove_buf_bytes(&buf));
    cove_buf_clear(&buf);
    work->counters.next_num += err == 0;
    return err;
}

int repo_num_add(struct repo_work *work, const struct cove_id *id,
                 cove_num *out)
{
    cove_num num = work->counters.next_num;
    int err = repo_find_num(work->txn, id, out);

    if (err != COVE_ENOTFOUND) {
        return err;
    }
    err = repo_num_give(work, id);
    if (err == 0) {
        *out = num;
    }
    return err;
}

/* --- roles */

int repo_owner(struct repo_work *work, const struct repo_record *record,
               struct cove_header *out)
{
    struct repo_record owner;

    if (record->owner == 0) {
        *out = record->header;
        return 0;
    }

    int err = repo_record_read(work, record->owner, &owner);

    if (err == 0) {
        *out = owner.header;
    }
    return err;
}

int repo_roles(struct repo_work *work, struct repo_record *record, bool *known)
{
    struct cove_header owner;
    int err = repo_owner(work, record, &owner);

    if (err == COVE_ENOTFOUND) {
        *known = false;
        return 0;
    }
    if (err != 0) {
        return err;
    }
    record->my_role = cove_header_role(&owner, &work->repo->opt.device);
    for (size_t i = 0; i < record->row_count; i++) {
        struct cove_doc_session *session = &record->rows[i].pub;

        session->role = cove_header_role(&owner, &session->device);
    }
    *known = true;
    return 0;
}

int cove_repo_role(struct cove_repo *repo, struct cove_store_txn *txn,
                   cove_num num, const struct cove_key *device,
                   enum cove_role *out)
{
    struct repo_record record;
    struct cove_header owner;
    struct cove_arena arena;
    struct repo_work work;

    cove_arena_init(&arena, repo->opt.alloc);

    int err = repo_work_begin(&work, repo, txn, &arena, NULL);

    if (err == 0) {
        err = repo_record_read(&work, num, &record);
    }
    if (err == 0) {
        err = repo_owner(&work, &record, &owner);
        if (err == COVE_ENOTFOUND) {
            *out = COVE_ROLE_NONE;
            err = 0;
        } else if (err == 0) {
            *out = cove_header_role(&owner, device);
        }
    }
    cove_arena_clear(&arena);
    return err;
}

/* --- prefixes */

struct find_matches {
    struct cove_id id[FIND_SHOWN];
    size_t count; /* may be one more than there is room for */
};

static int find_in_range(struct cove_store_txn *txn,
                         const struct cove_id_range *range,
                         struct find_matches *found)
{
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    cove_num num;
    int err = cove_store_cursor_open(txn, REPO_IDS, &cursor);

    if (err != 0) {
        return err;
    }
    err = cove_store_cursor_seek(cursor, find_key(&range->first), &entry);
    while (err == 0 && found->count <= FIND_SHOWN &&
           cove_bytes_compare(entry.key, find_key(&range->last)) <= 0) {
        err = find_unpack(entry.value, &num);
        if (err == 0) {
            err = repo_find_held(txn, num);
        }
        if (err == 0 && entry.key.len == sizeof(struct cove_id)) {
            if (found->count < FIND_SHOWN) {
                memcpy(&found->id[found->count], entry.key.at, entry.key.len);
            }
            found->count++;
        }
        if (err == 0 || err == COVE_ENOTFOUND) {
            err = cove_store_cursor_next(cursor, &entry);
        }
    }
    cove_store_cursor_close(cursor);
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int find_ambiguous(const char *prefix, const struct find_matches *found,
                          struct cove_diag *diag)
{
    char list[FIND_SHOWN * (COVE_ID_TEXT_MAX + 1) + 8] = "";
    size_t shown = found->count < FIND_SHOWN ? found->count : FIND_SHOWN;

    for (size_t i = 0; i < shown; i++) {
        char text[COVE_ID_TEXT_MAX];
        size_t len = strlen(list);

        cove_id_text(&found->id[i], text);
        list[len] = ' ';
        memcpy(list + len + 1, text, strlen(text) + 1);
    }
    return cove_fail(diag, COVE_EAMBIGUOUS,
                     "\"%s\" names more than one document:%s%s", prefix, list,
                     found->count > FIND_SHOWN ? " …" : "");
}

int cove_repo_resolve(struct cove_repo *repo, struct cove_store_txn *txn,
                      const char *prefix, struct cove_id *out,
                      struct cove_diag *diag)
{
    struct cove_id_ranges ranges;
    struct find_matches found = {.count = 0};
    int err = cove_id_prefix(prefix, &ranges);

    (void)repo;
    if (err != 0) {
        return cove_fail(diag, err,
                         "\"%s\" is no document: an id is co_z and base58 "
                         "digits",
                         prefix);
    }
    for (size_t i = 0; i < ranges.count && err == 0; i++) {
        err = find_in_range(txn, &ranges.range[i], &found);
    }
    if (err != 0) {
        return err;
    }
    if (found.count == 0) {
        return cove_fail(diag, COVE_ENOTFOUND, "no document starts with \"%s\"",
                         prefix);
    }
    if (found.count > 1) {
        return find_ambiguous(prefix, &found, diag);
    }
    *out = found.id[0];
    return 0;
}

/* --- iteration */

/* The journals stand first, under 0: documents come in the order of their
 * numbers, and at the end of a tree its pages are filled best. */
static uint64_t find_schema_key(cove_num schema)
{
    return schema == COVE_NUM_JOURNALS ? 0 : schema;
}

/* Under its schema's journal, a journal under that of all journals; a local
 * document under that of all local ones, so that nothing which goes through the
 * documents of a schema comes to it. */
int repo_index_place(const struct repo_record *record, struct cove_place *out)
{
    cove_num schema = record->header.type == COVE_DOC_JOURNAL
                          ? COVE_NUM_JOURNALS
                          : record->schema;

    if (record->flags & COVE_DOC_LOCAL) {
        schema = record->owner == 0 ? 0 : COVE_NUM_LOCALS;
    }
    if (schema == 0) {
        return COVE_ENOTFOUND;
    }
    cove_place_start(out);
    cove_place_number(out, find_schema_key(schema));
    cove_place_number(out, record->num);
    return 0;
}

/* A further part of a record, or a document that was removed: it is in no list.
 */
static bool next_passes(const struct cove_entry *entry)
{
    struct cove_bytes key = entry->key;
    uint64_t num;

    return cove_place_take(&key, &num) == 0 &&
           (key.len > 0 || find_is_removed(entry->value));
}

int cove_repo_next(struct cove_repo *repo, struct cove_store_txn *txn,
                   cove_num schema, cove_num after, cove_num *out)
{
    struct cove_store_cursor *cursor;
    struct cove_place place;
    struct cove_entry entry;
    unsigned tree = schema == 0 ? REPO_DOCS : REPO_SCHEMAS;
    uint64_t under = 0;
    cove_num num = 0;

    (void)repo;
    if (after == UINT64_MAX) {
        return COVE_ENOTFOUND;
    }
    cove_place_start(&place);
    if (schema != 0) {
        cove_place_number(&place, find_schema_key(schema));
    }
    cove_place_number(&place, after + 1);

    int err = cove_store_cursor_open(txn, tree, &cursor);

    if (err != 0) {
        return err;
    }
    err = cove_store_cursor_seek(cursor, cove_place_bytes(&place), &entry);
    while (err == 0 && schema == 0 && next_passes(&entry)) {
        err = cove_store_cursor_next(cursor, &entry);
    }
    if (err == 0 && schema != 0) {
        err = cove_place_take(&entry.key, &under);
    }
    if (err == 0) {
        err = under == (schema == 0 ? 0 : find_schema_key(schema))
                  ? cove_place_take(&entry.key, &num)
                  : COVE_ENOTFOUND;
    }
    cove_store_cursor_close(cursor);
    if (err == 0) {
        *out = num;
    }
    return err;
}
