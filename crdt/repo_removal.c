/* repo_removal.c: which documents were taken out of this store last.
 * docs/FORMAT.md "Removal".
 *
 * A removal leaves nothing under the document's number, so what is to be known
 * of it is kept beside: one record each, under its sequence number, and one
 * that says which there are. The oldest goes where there are too many.
 */
#include "crdt/repo_internal.h"

#define REMOVAL_HEAD   "removals"
#define REMOVAL_PREFIX "removed"
#define REMOVAL_LOCAL  4u /* beside the class */

struct removal_head {
    uint64_t count; /* kept */
    uint64_t first; /* sequence of the oldest that is kept */
    uint64_t last;  /* of the newest */
};

struct removal_key {
    uint8_t b[sizeof(REMOVAL_PREFIX) + 8]; /* with the NUL */
};

static void removal_key(uint64_t sequence, struct removal_key *out)
{
    memcpy(out->b, REMOVAL_PREFIX, sizeof(REMOVAL_PREFIX));
    cove_put_be64(out->b + sizeof(REMOVAL_PREFIX), sequence);
}

static struct cove_bytes removal_key_bytes(const struct removal_key *key)
{
    return cove_bytes(key->b, sizeof(key->b));
}

/* --- the record of all */

static int removal_head_get(struct cove_store_txn *txn,
                            struct removal_head *out)
{
    struct cove_bytes value;
    struct cove_unpacker u;
    int err = cove_store_get(txn, REPO_RECORDS, cove_bytes_text(REMOVAL_HEAD),
                             &value);

    memset(out, 0, sizeof(*out));
    if (err != 0) {
        return err == COVE_ENOTFOUND ? 0 : err;
    }
    cove_unpacker_init(&u, value);
    out->count = cove_unpack_varint(&u);
    out->first = cove_unpack_varint(&u);
    out->last = cove_unpack_varint(&u);
    return cove_unpacker_done(&u);
}

static int removal_head_put(struct repo_work *work,
                            const struct removal_head *head)
{
    struct cove_packer p;
    struct cove_buf buf;
    int err;

    cove_buf_init(&buf, work->repo->opt.alloc);
    cove_packer_init(&p, &buf);
    cove_pack_varint(&p, head->count);
    cove_pack_varint(&p, head->first);
    cove_pack_varint(&p, head->last);
    err = p.err != 0 ? p.err
                     : cove_store_put(work->txn, REPO_RECORDS,
                                      cove_bytes_text(REMOVAL_HEAD),
                                      cove_buf_bytes(&buf));
    cove_buf_clear(&buf);
    return err;
}

/* --- one removal */

static int removal_unpack(struct cove_bytes value, struct cove_removal *out)
{
    struct cove_unpacker u;

    cove_unpacker_init(&u, value);
    out->before = cove_unpack_varint(&u);
    out->num = cove_unpack_varint(&u);

    unsigned bits = cove_unpack_byte(&u);

    cove_unpack_raw(&u, out->id.b, sizeof(out->id.b));
    cove_unpack_raw(&u, out->schema.b, sizeof(out->schema.b));
    if (cove_unpacker_done(&u) != 0 || bits >> 3 != 0) {
        return COVE_ECORRUPT;
    }
    out->class = (enum cove_doc_class)(bits & 3);
    out->local = (bits & REMOVAL_LOCAL) != 0;
    return 0;
}

static int removal_put(struct repo_work *work, uint64_t before,
                       const struct repo_record *record)
{
    static const struct cove_id none;
    const struct cove_id *schema =
        record->header.has_schema ? &record->header.schema : &none;
    struct removal_key key;
    struct cove_packer p;
    struct cove_buf buf;
    int err;

    removal_key(work->counters.sequence, &key);
    cove_buf_init(&buf, work->repo->opt.alloc);
    cove_packer_init(&p, &buf);
    cove_pack_varint(&p, before);
    cove_pack_varint(&p, record->num);
    cove_pack_byte(
        &p, (uint8_t)((unsigned)cove_repo_class(&record->header) |
                      (record->flags & COVE_DOC_LOCAL ? REMOVAL_LOCAL : 0)));
    cove_pack_raw(&p, record->id.b, sizeof(record->id.b));
    cove_pack_raw(&p, schema->b, sizeof(schema->b));
    err = p.err != 0
              ? p.err
              : cove_store_put(work->txn, REPO_RECORDS, removal_key_bytes(&key),
                               cove_buf_bytes(&buf));
    cove_buf_clear(&buf);
    return err;
}

int cove_repo_removal_after(struct cove_repo *repo, struct cove_store_txn *txn,
                            uint64_t after, struct cove_removal *out)
{
    struct cove_removal removal = {0};
    struct removal_key key;
    struct cove_store_cursor *cursor;
    struct cove_entry entry;

    (void)repo;
    if (after == UINT64_MAX) {
        return COVE_ENOTFOUND;
    }
    removal_key(after + 1, &key);

    int err = cove_store_cursor_open(txn, REPO_RECORDS, &cursor);

    if (err != 0) {
        return err;
    }
    err = cove_store_cursor_seek(cursor, removal_key_bytes(&key), &entry);
    if (err == 0 &&
        (entry.key.len != sizeof(key.b) ||
         memcmp(entry.key.at, key.b, sizeof(REMOVAL_PREFIX)) != 0)) {
        err = COVE_ENOTFOUND;
    }
    if (err == 0) {
        removal.sequence = cove_get_be64(entry.key.at + sizeof(REMOVAL_PREFIX));
        err = removal_unpack(entry.value, &removal);
    }
    cove_store_cursor_close(cursor);
    if (err == 0) {
        *out = removal;
    }
    return err;
}

/* The oldest goes, and the one behind it is the oldest. */
static int removal_forget(struct repo_work *work, struct removal_head *head)
{
    struct cove_removal next;
    struct removal_key key;
    int err =
        cove_repo_removal_after(work->repo, work->txn, head->first, &next);

    if (err == 0) {
        removal_key(head->first, &key);
        err = cove_store_del(work->txn, REPO_RECORDS, removal_key_bytes(&key));
    }
    if (err == 0) {
        head->first = next.sequence;
        head->count--;
    }
    return err == COVE_ENOTFOUND ? COVE_ECORRUPT : err;
}

int repo_removal_note(struct repo_work *work, const struct repo_record *record)
{
    struct removal_head head;
    int err = removal_head_get(work->txn, &head);

    if (err == 0) {
        err = removal_put(work, head.last, record);
    }
    if (err == 0) {
        head.last = work->counters.sequence;
        head.first = head.count == 0 ? head.last : head.first;
        head.count++;
        err = head.count > COVE_REPO_REMOVALS ? removal_forget(work, &head) : 0;
    }
    return err != 0 ? err : removal_head_put(work, &head);
}
