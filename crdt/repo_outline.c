/* repo_outline.c: what sync asks of a document, in one read of its record. */
#include "crdt/repo_internal.h"

int cove_repo_outline(struct cove_repo *repo, struct cove_store_txn *txn,
                      cove_num num, struct cove_arena *arena,
                      struct cove_doc_outline *out)
{
    struct cove_doc_outline outline;
    struct repo_record record;
    struct repo_work work;
    int err = repo_work_begin(&work, repo, txn, arena, NULL);

    if (err == 0) {
        err = repo_record_read(&work, num, &record);
    }
    if (err == 0) {
        err = repo_record_digest(&record, arena, &outline.digest);
    }
    if (err != 0) {
        return err;
    }
    outline.sessions = cove_arena_array(arena, record.row_count + 1,
                                        sizeof(*outline.sessions));
    if (outline.sessions == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < record.row_count; i++) {
        outline.sessions[i] = record.rows[i].pub;
    }
    outline.session_count = record.row_count;
    outline.id = record.id;
    outline.header_bytes = record.header_bytes;
    outline.class = cove_repo_class(&record.header);
    outline.owner = record.owner;
    outline.owner_id =
        record.header.has_owner ? record.header.owner : record.id;
    outline.has_schema = record.header.has_schema;
    memset(&outline.schema, 0, sizeof(outline.schema));
    if (outline.has_schema) {
        outline.schema = record.header.schema;
    }
    outline.removed = (record.flags & COVE_DOC_REMOVED) != 0;
    outline.local = (record.flags & COVE_DOC_LOCAL) != 0;
    outline.changed = record.changed;
    *out = outline;
    return 0;
}

const struct cove_alloc *cove_repo_alloc(const struct cove_repo *repo)
{
    return repo->opt.alloc;
}

int repo_next_num(struct cove_store_txn *txn, unsigned tree, cove_num after,
                  cove_num *out)
{
    struct cove_store_cursor *cursor;
    struct cove_place place;
    struct cove_entry entry;
    uint64_t num = 0;
    int err;

    if (after == UINT64_MAX) {
        return COVE_ENOTFOUND;
    }
    cove_place_start(&place);
    cove_place_number(&place, after + 1);
    err = cove_store_cursor_open(txn, tree, &cursor);
    if (err != 0) {
        return err;
    }
    err = cove_store_cursor_seek(cursor, cove_place_bytes(&place), &entry);
    cove_store_cursor_close(cursor);
    if (err == 0) {
        err = cove_place_take(&entry.key, &num);
    }
    if (err == 0) {
        *out = num;
    }
    return err;
}

int repo_next_record(struct cove_store_txn *txn, cove_num after, cove_num *out)
{
    return repo_next_num(txn, REPO_DOCS, after, out);
}
