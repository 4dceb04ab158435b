/* repo_check_trees.c: the other way round: does each entry of a tree belong to
 * something? What a document lacks is found with the document; here is found
 * what no document has. */
#include "crdt/repo_check_internal.h"

/* --- what is wrong with an entry, and where it goes */

int check_extra(struct cove_check *c, unsigned tree,
                const struct cove_entry *entry, const char *kind,
                const char *text)
{
    int err = check_derived(c, kind, NULL, text);

    return err != 0 ? err : check_delete(c, tree, entry->key);
}

static int tree_orphan(struct cove_check *c, unsigned tree,
                       const struct cove_entry *entry, struct cove_aside *aside,
                       struct cove_finding *f)
{
    int err = 0;

    f->fixed = true;
    if (c->opt.repair) {
        err = mend_aside(c, aside, entry->value);
    }
    if (err == 0) {
        err = check_say(c, f, NULL);
    }
    return err != 0 ? err : check_delete(c, tree, entry->key);
}

/* --- logs and fork proofs: document, session, place */

static void orphan_names(struct cove_check *c, bool there, uint64_t session,
                         struct cove_aside *aside, struct cove_finding *f)
{
    struct repo_session known;

    if (there) {
        f->has_id = true;
        f->id = aside->id = c->record.id;
    }
    if (session <= UINT32_MAX &&
        repo_intern_session_of(&c->work, (uint32_t)session, &known) == 0) {
        f->has_session = true;
        f->session = aside->session = known.session;
    }
}

/* Is a pack named by a stub of one of the sessions in it? Where it cannot be
 * opened the sessions that are in it say so. */
static int check_pack(struct cove_check *c, cove_num num, uint32_t pack,
                      struct cove_bytes value, bool *named)
{
    struct repo_parts parts;
    struct cove_place place;
    struct cove_bytes stub;
    struct cove_buf raw;
    uint32_t of;
    int err;

    cove_arena_reset(&c->piece);
    cove_buf_init(&raw, c->repo->opt.alloc);
    err = repo_pack_decode(value, &c->piece, &raw, &parts);
    for (size_t i = 0; err == 0 && !*named && i < parts.count; i++) {
        repo_log_place(&place, num, parts.at[i].session,
                       parts.at[i].chunk.start);
        err = cove_store_get(c->work.txn, REPO_LOG, cove_place_bytes(&place),
                             &stub);
        *named = err == 0 && repo_stub_is(stub, &of) && of == pack;
        err = err == COVE_ENOTFOUND ? 0 : err;
    }
    cove_buf_clear(&raw);
    if (err == COVE_ECORRUPT && !c->opt.repair) {
        *named = true;
    }
    return err == COVE_ECORRUPT ? 0 : err;
}

int check_log_entry(struct cove_check *c, const struct cove_entry *entry)
{
    struct cove_finding f = {.kind = "orphan-chunk",
                             .text = "a part of a log that no document has"};
    struct cove_aside aside = {.from = 0};
    const struct repo_record *record;
    const struct repo_row *row = NULL;
    struct cove_bytes key = entry->key;
    uint64_t num = 0;
    uint64_t session = 0;
    uint32_t start = 0;
    bool there = false;
    int err = cove_place_take(&key, &num);

    if (err == 0) {
        err = cove_place_take(&key, &session);
    }
    if (err == 0) {
        err = cove_place_take_down(&key, &start);
    }
    if (err != 0 || key.len != 0) {
        f.text = "an entry among the logs that is none";
        return tree_orphan(c, REPO_LOG, entry, &aside, &f);
    }
    err = check_record(c, num, &record, &there);
    if (err != 0) {
        return err;
    }
    if (there && session == 0) {
        bool named = false;

        err = check_pack(c, num, start, entry->value, &named);
        if (err != 0 || named) {
            return err;
        }
        f.kind = "orphan-pack";
        f.text = "a pack of logs that no log is in";
    } else if (there) {
        row = repo_record_row_num(record, session);
    }
    if (row != NULL && row->inline_chunk.len == 0 && start < row->pub.len) {
        return 0;
    }
    if (row != NULL) {
        f.kind = "chunk-beyond";
        f.text = "a part of a log behind the end that the record says";
    }
    aside.from = f.from = f.to = start;
    orphan_names(c, there, session, &aside, &f);
    return tree_orphan(c, REPO_LOG, entry, &aside, &f);
}

int check_fork_entry(struct cove_check *c, const struct cove_entry *entry)
{
    struct cove_finding f = {.kind = "fork-proof",
                             .text = "the proof of a fork is damaged"};
    struct cove_aside aside = {.from = 0};
    const struct repo_record *record;
    struct cove_bytes key = entry->key;
    struct cove_batch batch;
    struct cove_unpacker u;
    uint64_t num = 0, session = 0;
    bool there = false;
    int err = cove_place_take(&key, &num);

    if (err == 0) {
        err = cove_place_take(&key, &session);
    }
    if (err != 0) {
        return tree_orphan(c, REPO_FORK_PROOFS, entry, &aside, &f);
    }
    err = check_record(c, num, &record, &there);
    if (err != 0) {
        return err;
    }
    cove_unpacker_init(&u, entry->value);
    (void)cove_unpack_varint(&u);
    cove_arena_reset(&c->piece);
    if (there && repo_record_row_num(record, session) != NULL && u.err == 0 &&
        cove_batch_decode(cove_bytes(u.at, (size_t)(u.end - u.at)), &c->piece,
                          &batch, NULL) == 0 &&
        memcmp(&batch.document, &record->id, sizeof(batch.document)) == 0) {
        return 0;
    }
    orphan_names(c, there, session, &aside, &f);
    aside.from = UINT32_MAX - 1;
    return tree_orphan(c, REPO_FORK_PROOFS, entry, &aside, &f);
}

/* --- lists that follow from the records */

/* Which part of which document's long value is it? NULL: of none that is here.
 */
static int part_take(struct cove_check *c, const struct cove_entry *entry,
                     const struct repo_record **record, uint64_t *part)
{
    struct cove_bytes key = entry->key;
    uint64_t num = 0;
    bool there = false;
    int err = cove_place_take(&key, &num);

    *part = 0;
    *record = NULL;
    if (err == 0 && key.len > 0) {
        err = cove_place_take(&key, part);
    }
    if (err != 0 || key.len > 0) {
        return 0;
    }
    err = check_record(c, num, record, &there);
    if (!there) {
        *record = NULL;
    }
    return err;
}

int check_state_entry(struct cove_check *c, const struct cove_entry *entry)
{
    const struct repo_record *record;
    uint64_t part;
    int err = part_take(c, entry, &record, &part);

    if (err != 0 || (record != NULL && record->state_bytes > 0 &&
                     part < record->state_parts)) {
        return err;
    }
    return check_extra(c, REPO_STATES, entry, "checkpoint",
                       "a checkpoint that no document has");
}

int check_cut_entry(struct cove_check *c, const struct cove_entry *entry)
{
    const struct repo_record *record;
    uint64_t part;
    int err = part_take(c, entry, &record, &part);

    if (err != 0 || (record != NULL && part < record->cut_parts)) {
        return err;
    }
    return check_extra(c, REPO_CUTS, entry, "cut",
                       "a cut that no document has");
}

int check_schema_entry(struct cove_check *c, const struct cove_entry *entry)
{
    const struct repo_record *record;
    struct cove_bytes key = entry->key;
    struct cove_place place;
    uint64_t schema = 0;
    uint64_t num = 0;
    bool there = false;
    int err = cove_place_take(&key, &schema);

    if (err == 0) {
        err = cove_place_take(&key, &num);
    }
    if (err == 0 && key.len == 0) {
        err = check_record(c, num, &record, &there);
        if (err != 0) {
            return err;
        }
        if (there && (record->flags & COVE_DOC_REMOVED) == 0 &&
            repo_index_place(record, &place) == 0 &&
            cove_bytes_equal(cove_place_bytes(&place), entry->key)) {
            return 0;
        }
    }
    return check_extra(c, REPO_SCHEMAS, entry, "schema-entry",
                       "the list of a schema names a document that is not of "
                       "it");
}

int check_change_entry(struct cove_check *c, const struct cove_entry *entry)
{
    const struct repo_record *record;
    struct cove_bytes key = entry->key;
    uint64_t sequence = 0;
    cove_num num = 0;
    bool there = false;
    int err = cove_place_take(&key, &sequence);

    if (err == 0) {
        err = repo_change_num(&c->work, sequence, &num);
    }
    if (err == 0) {
        err = check_record(c, num, &record, &there);
        if (err != 0 || (there && record->changed == sequence &&
                         (record->flags & COVE_DOC_LOCAL) == 0)) {
            return err;
        }
    } else if (!check_is_damage(err)) {
        return err;
    }
    return check_extra(c, REPO_CHANGES, entry, "change-entry",
                       "a change is listed that is not a document's last");
}

/* A document that is only named has a number too. */
int check_id_entry(struct cove_check *c, const struct cove_entry *entry)
{
    const struct repo_record *record;
    struct cove_unpacker u;
    bool there = false;
    cove_num num;
    int err;

    cove_unpacker_init(&u, entry->value);
    num = cove_unpack_varint(&u);
    if (cove_unpacker_done(&u) == 0 && num != 0 &&
        entry->key.len == sizeof(struct cove_id)) {
        err = check_record(c, num, &record, &there);
        if (err != 0) {
            return err;
        }
        if (!there || memcmp(&record->id, entry->key.at, 32) == 0) {
            c->most_num = num > c->most_num ? num : c->most_num;
            return 0;
        }
    }
    return check_extra(c, REPO_IDS, entry, "id-entry",
                       "an id leads to another document");
}
