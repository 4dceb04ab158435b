/* repo_create.c: documents come to be: made here, or told of by a peer. */
#include <assert.h>

#include "crdt/repo_internal.h"
#include "crdt/repo_make.h"

bool repo_create_is_local(const struct cove_repo *repo,
                          const struct cove_id *id,
                          const struct cove_header *header)
{
    const struct cove_id *owner = header->has_owner ? &header->owner : id;

    return memcmp(owner, &repo->local, sizeof(*owner)) == 0;
}

/* The owner, where it is that of the document made before in this transaction;
 * else NULL. */
static const struct repo_known *create_known(const struct repo_work *work,
                                             const struct cove_header *header)
{
    const struct repo_known *owner = &work->repo->open.owner;

    return header->has_owner && owner->num != 0 &&
                   memcmp(&owner->id, &header->owner, sizeof(owner->id)) == 0
               ? owner
               : NULL;
}

static int create_schema(struct repo_work *work, const struct cove_id *id,
                         cove_num *out)
{
    struct repo_known *known = &work->repo->open.schema;
    int err = 0;

    if (known->num == 0 || memcmp(&known->id, id, sizeof(*id)) != 0) {
        known->id = *id;
        known->num = 0;
        err = repo_num_add(work, id, &known->num);
    }
    *out = known->num;
    return err;
}

/* A record for a header that is decoded and not held, but for its number. */
static int create_record(struct repo_work *work, struct cove_bytes bytes,
                         const struct cove_id *id,
                         const struct cove_header *header,
                         struct repo_record *record)
{
    const struct repo_known *owner = create_known(work, header);
    bool known = true;
    int err = 0;

    record->id = *id;
    record->header_bytes = bytes;
    record->header = *header;
    if (owner != NULL) {
        record->owner = owner->num;
    } else if (header->has_owner) {
        err = repo_num_add(work, &header->owner, &record->owner);
    }
    if (err == 0 && header->has_schema) {
        err = create_schema(work, &header->schema, &record->schema);
    }
    if (err == 0 && owner != NULL) {
        record->my_role = owner->mine; /* and there are no sessions yet */
    } else if (err == 0) {
        err = repo_roles(work, record, &known);
        if (err == 0 && known && header->has_owner) {
            work->repo->open.owner = (struct repo_known){
                record->owner, header->owner, record->my_role};
        }
    }
    record->flags = known ? 0 : COVE_DOC_OWNER_MISSING;
    if (repo_create_is_local(work->repo, id, header)) {
        record->flags |= COVE_DOC_LOCAL;
    }
    return err;
}

int repo_create_keep(struct repo_work *work, struct repo_record *record)
{
    struct cove_place place;
    int err = 0;

    if (record->unnumbered) {
        assert(record->num == work->counters.next_num);
        err = repo_num_give(work, &record->id);
        record->unnumbered = false;
    }
    if (err != 0 || repo_index_place(record, &place) != 0) {
        return err;
    }
    return cove_store_put(work->txn, REPO_SCHEMAS, cove_place_bytes(&place),
                          cove_bytes(NULL, 0));
}

/* Put a record for a header that is decoded and not held. */
static int create_insert(struct repo_work *work, struct cove_bytes bytes,
                         const struct cove_id *id,
                         const struct cove_header *header, uint32_t peer,
                         cove_num *out)
{
    struct repo_record record = {0};
    int err = repo_num_add(work, id, &record.num);

    if (err == 0) {
        err = create_record(work, bytes, id, header, &record);
    }
    if (err == 0) {
        err = repo_create_keep(work, &record);
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
static int create_allowed(struct repo_work *work,
                          const struct cove_header *header)
{
    char owner[COVE_ID_TEXT_MAX];
    enum cove_role role = COVE_ROLE_NONE;
    const struct repo_known *known = create_known(work, header);
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
static int create_again(struct cove_repo *repo, struct cove_store_txn *txn,
                        cove_num num, struct cove_diag *diag)
{
    struct repo_record record;
    struct repo_work work;
    bool removed;
    int err = repo_find_removed(txn, num, &removed);

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
        return create_again(repo, txn, *out, diag);
    }
    if (err != COVE_ENOTFOUND) {
        return err;
    }
    err = repo_work_write(&work, repo, txn, diag);
    if (err == 0) {
        err = create_allowed(&work, &decoded);
    }
    if (err == 0) {
        err = create_insert(&work, header, &id, &decoded, 0, out);
    }
    return err;
}

/* Nothing of it is in the store: its first append puts it there. */
static int create_draft(struct repo_work *work,
                        const struct cove_header_made *made, cove_num num,
                        struct cove_doc *out)
{
    struct repo_record record = {.num = num, .row_cap = 1};
    int err = create_allowed(work, &made->header);

    if (err == 0) {
        err =
            create_record(work, made->bytes, &made->id, &made->header, &record);
    }
    if (err == 0) {
        record.rows = cove_arena_new(work->arena, sizeof(*record.rows));
        err = record.rows == NULL ? COVE_ENOMEM : 0;
    }
    if (num == 0) {
        record.num = work->counters.next_num;
        record.unnumbered = true;
    }
    return err != 0 ? err : repo_doc_make(work, &record, out);
}

int cove_repo_make(struct cove_repo *repo, struct cove_store_txn *txn,
                   const struct cove_header *header, struct cove_arena *arena,
                   struct cove_doc *out, struct cove_diag *diag)
{
    struct cove_header_made made;
    struct repo_work work;
    cove_num num = 0;
    int err = cove_header_make(header, &repo->made, arena, &made, diag);

    assert(header->type == COVE_DOC_COMAP);
    if (err == 0) {
        err = repo_find_num(txn, &made.id, &num);
        err = err == 0 ? repo_find_held(txn, num) : err;
        if (err == 0) {
            err = create_again(repo, txn, num, diag);
            return err != 0 ? err
                            : cove_repo_load(repo, txn, num, arena, out, diag);
        }
        err = err == COVE_ENOTFOUND ? 0 : err;
    }
    if (err == 0) {
        err = repo_work_begin(&work, repo, txn, arena, diag);
    }
    return err != 0 ? err : create_draft(&work, &made, num, out);
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
    if (err == 0 && repo_create_is_local(repo, id, &decoded) &&
        !repo->mending) {
        err = cove_fail(diag, COVE_EFORMAT,
                        "the header belongs to this device's local documents, "
                        "which no peer can have");
    }
    if (err == 0) {
        err = repo_work_write(&work, repo, txn, diag);
    }
    if (err == 0) {
        err = create_insert(&work, header, id, &decoded, REPO_PEER_OPEN, out);
    }
    return err;
}
