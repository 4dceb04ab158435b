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

static int find_num(struct cove_store_txn *txn, const struct cove_id *id,
                    cove_num *out)
{
    struct cove_bytes value;
    int err = cove_store_get(txn, REPO_IDS, find_key(id), &value);

    return err != 0 ? err : find_unpack(value, out);
}

static int find_held(struct cove_store_txn *txn, cove_num num)
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

static int find_removed(struct cove_store_txn *txn, cove_num num, bool *out)
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
    return find_num(txn, id, out);
}

int cove_repo_find(struct cove_repo *repo, struct cove_store_txn *txn,
                   const struct cove_id *id, cove_num *out)
{
    cove_num num;
    int err = find_num(txn, id, &num);

    (void)repo;
    if (err == 0) {
        err = find_held(txn, num);
    }
    if (err == 0) {
        *out = num;
    }
    return err;
}

int repo_num_add(struct repo_work *work, const struct cove_id *id,
                 cove_num *out)
{
    struct cove_packer p;
    struct cove_buf buf;
    int err = find_num(work->txn, id, out);

    if (err != COVE_ENOTFOUND) {
        return err;
    }
    cove_buf_init(&buf, work->repo->opt.alloc);
    cove_packer_init(&p, &buf);
    cove_pack_varint(&p, work->counters.next_num);
    err = p.err;
    if (err == 0) {
        err = cove_store_put(work->txn, REPO_IDS, find_key(id),
                             cove_buf_bytes(&buf));
    }
    cove_buf_clear(&buf);
    if (err == 0) {
        *out = work->counters.next_num++;
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

/* --- creating */

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

static int find_index(struct repo_work *work, const struct repo_record *record)
{
    struct cove_place place;

    if (repo_index_place(record, &place) != 0) {
        return 0;
    }
    return cove_store_put(work->txn, REPO_SCHEMAS, cove_place_bytes(&place),
                          cove_bytes(NULL, 0));
}

static bool find_is_local(const struct cove_repo *repo,
                          const struct cove_id *id,
                          const struct cove_header *header)
{
    const struct cove_id *owner = header->has_owner ? &header->owner : id;

    return memcmp(owner, &repo->local, sizeof(*owner)) == 0;
}

/* The owner, where it is that of the document made before in this transaction;
 * else NULL. */
static const struct repo_known *find_known(const struct repo_work *work,
                                           const struct cove_header *header)
{
    const struct repo_known *owner = &work->repo->open.owner;

    return header->has_owner && owner->num != 0 &&
                   memcmp(&owner->id, &header->owner, sizeof(owner->id)) == 0
               ? owner
               : NULL;
}

/* Put a record for a header that is decoded and not held. */
static int find_insert(struct repo_work *work, struct cove_bytes bytes,
                       const struct cove_id *id,
                       const struct cove_header *header, uint32_t peer,
                       cove_num *out)
{
    struct repo_record record = {
        .id = *id, .header_bytes = bytes, .header = *header};
    bool known = true;
    int err = repo_num_add(work, id, &record.num);

    const struct repo_known *owner = find_known(work, header);

    if (err == 0 && owner != NULL) {
        record.owner = owner->num;
    } else if (err == 0 && header->has_owner) {
        err = repo_num_add(work, &header->owner, &record.owner);
    }
    if (err == 0 && header->has_schema) {
        err = repo_num_add(work, &header->schema, &record.schema);
    }
    if (err == 0 && owner != NULL) {
        record.my_role = owner->mine; /* and there are no sessions yet */
    } else if (err == 0) {
        err = repo_roles(work, &record, &known);
        if (err == 0 && known && header->has_owner) {
            work->repo->open.owner = (struct repo_known){
                record.owner, header->owner, record.my_role};
        }
    }
    if (err == 0) {
        record.flags = known ? 0 : COVE_DOC_OWNER_MISSING;
        if (find_is_local(work->repo, id, header)) {
            record.flags |= COVE_DOC_LOCAL;
        }
        err = find_index(work, &record);
    }
    if (err == 0) {
        err = repo_change_note(work, &record, peer, 0, 0, false);
    }
    if (err == 0) {
        err = repo_record_write(work, &record);
    }
    if (err == 0) {
        err = repo_work_end(work);
    }
    if (err == 0) {
        *out = record.num;
    }
    return err;
}

/* May this device write in a group that is held? */
static int find_may_create(struct repo_work *work,
                           const struct cove_header *header)
{
    char owner[COVE_ID_TEXT_MAX];
    enum cove_role role = COVE_ROLE_NONE;
    const struct repo_known *known = find_known(work, header);
    struct repo_record record;
    cove_num num;

    if (!header->has_owner ||
        (known != NULL && known->mine >= COVE_ROLE_WRITER)) {
        return 0;
    }

    int err = cove_repo_find(work->repo, work->txn, &header->owner, &num);

    if (err == COVE_ENOTFOUND) {
        cove_id_text(&header->owner, owner);
        return cove_fail(work->diag, err,
                         "the owner %s is not here; sync it first", owner);
    }
    if (err == 0) {
        err = repo_record_read(work, num, &record);
    }
    if (err == 0) { /* by its own members: a document is nobody's group */
        role = cove_header_role(&record.header, &work->repo->opt.device);
    }
    if (err == 0 && role < COVE_ROLE_WRITER) {
        cove_id_text(&header->owner, owner);
        err = cove_fail(work->diag, COVE_EDENIED,
                        "this device has the role \"%s\" in %s: to create a "
                        "document it must be writer or admin there",
                        cove_role_name(role), owner);
    }
    return err;
}

/* A document that was removed is not made again: on the devices that know of it
 * nothing that is written to it would stay. */
static int find_again(struct cove_repo *repo, struct cove_store_txn *txn,
                      cove_num num, struct cove_diag *diag)
{
    struct repo_record record;
    struct repo_work work;
    bool removed;
    int err = find_removed(txn, num, &removed);

    if (err != 0 || !removed) {
        return err;
    }
    err = repo_work_write(&work, repo, txn, diag);
    if (err == 0) {
        err = repo_record_read(&work, num, &record);
    }
    if (err == 0) {
        err = repo_gone_refuse(&work, &record);
        cove_diag_context(diag, "it cannot be made again, give another one "
                                "another `unique`");
    }
    return err;
}

int cove_repo_create(struct cove_repo *repo, struct cove_store_txn *txn,
                     struct cove_bytes header, cove_num *out,
                     struct cove_diag *diag)
{
    struct cove_header decoded;
    struct repo_work work;
    int err = cove_header_decode(header, &decoded, diag);

    if (err != 0) {
        return err;
    }

    struct cove_id id = cove_header_id(header);

    err = cove_repo_find(repo, txn, &id, out);
    if (err == 0) {
        return find_again(repo, txn, *out, diag);
    }
    if (err != COVE_ENOTFOUND) {
        return err;
    }
    err = repo_work_write(&work, repo, txn, diag);
    if (err == 0) {
        err = find_may_create(&work, &decoded);
    }
    if (err == 0) {
        err = find_insert(&work, header, &id, &decoded, 0, out);
    }
    return err;
}

int cove_repo_ingest_header(struct cove_repo *repo, struct cove_store_txn *txn,
                            const struct cove_id *id, struct cove_bytes header,
                            cove_num *out, struct cove_diag *diag)
{
    struct cove_header decoded;
    struct repo_work work;

    if (header.len > COVE_MAX_HEADER) {
        return cove_fail(diag, COVE_ELIMIT,
                         "a header of %zu bytes, more than %d", header.len,
                         COVE_MAX_HEADER);
    }

    struct cove_id real = cove_header_id(header);

    if (memcmp(&real, id, sizeof(real)) != 0) {
        return cove_fail(diag, COVE_EHASH,
                         "a header does not hash to the document's id");
    }

    int err = cove_repo_find(repo, txn, id, out);

    if (err != COVE_ENOTFOUND) {
        return err;
    }
    err = cove_header_decode(header, &decoded, diag);
    if (err == 0 && find_is_local(repo, id, &decoded) && !repo->mending) {
        err = cove_fail(diag, COVE_EFORMAT,
                        "the header belongs to this device's local documents, "
                        "which no peer can have");
    }
    if (err == 0) {
        err = repo_work_write(&work, repo, txn, diag);
    }
    if (err == 0) {
        err = find_insert(&work, header, id, &decoded, REPO_PEER_OPEN, out);
    }
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
            err = find_held(txn, num);
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
