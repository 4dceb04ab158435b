/* backup_note.c: what the store remembers of its backups, so that somebody who
 * looks for one at night knows where they lie. docs/FORMAT.md "Trees". */
#include "node/backup.h"

#include "core/cbor.h"

#include <stdio.h>

#define NOTE_PREFIX "backup/"
#define NOTE_DIGITS 16
#define NOTE_MOST   256 /* the oldest go */

static int note_read(struct cove_bytes value, struct backup_note *out)
{
    struct backup_note note = {.time_ms = 0};
    struct cove_reader r;

    cove_reader_init(&r, value);
    if (cove_reader_list(&r) != 7) {
        return COVE_ECORRUPT;
    }
    note.time_ms = (int64_t)cove_reader_uint(&r);
    note.path = cove_reader_text(&r);
    note.schema = cove_reader_text(&r);
    note.sequence = cove_reader_uint(&r);
    note.documents = cove_reader_uint(&r);
    note.bytes = cove_reader_uint(&r);
    cove_reader_fixed(&r, note.hash.b, sizeof(note.hash.b));
    if (cove_reader_done(&r) != 0) {
        return COVE_ECORRUPT;
    }
    *out = note;
    return 0;
}

static int note_write(const struct backup_note *note, struct cove_buf *out)
{
    struct cove_writer w;

    cove_writer_init(&w, out);
    cove_writer_list(&w, 7);
    cove_writer_uint(&w, (uint64_t)note->time_ms);
    cove_writer_text(&w, note->path);
    cove_writer_text(&w, note->schema);
    cove_writer_uint(&w, note->sequence);
    cove_writer_uint(&w, note->documents);
    cove_writer_uint(&w, note->bytes);
    cove_writer_bytes(&w, note->hash.b, sizeof(note->hash.b));
    return w.err;
}

/* The next one behind *after in key order, which is that of their times.
 * Errors: COVE_ENOTFOUND. */
static int note_next(struct cove_txn *txn, struct cove_bytes after,
                     struct cove_entry *out)
{
    size_t prefix = strlen(NOTE_PREFIX);
    int err = cove_repo_record_next(txn->worker->repo, txn->txn,
                                    COVE_RECORDS_META, after, out);

    return err == 0 && (out->key.len <= prefix ||
                        memcmp(out->key.at, NOTE_PREFIX, prefix) != 0)
               ? COVE_ENOTFOUND
               : err;
}

/* Forget the one of this path, or the oldest where there are too many. */
static int note_forget(struct cove_txn *txn, struct cove_bytes path)
{
    struct cove_bytes after = cove_bytes_text(NOTE_PREFIX);
    struct cove_bytes drop = {NULL, 0};
    struct cove_entry entry;
    struct backup_note note;
    size_t count = 0;
    bool same = false;
    int err;

    while ((err = note_next(txn, after, &entry)) == 0 && !same) {
        /* One that cannot be read is worth nothing, and goes first. */
        same = note_read(entry.value, &note) != 0 ||
               cove_bytes_equal(note.path, path);
        count++;
        err = cove_arena_copy(&txn->arena, entry.key, &after);
        if (err != 0) {
            return err;
        }
        drop = same || count == 1 ? after : drop;
    }
    if (err != 0 && err != COVE_ENOTFOUND) {
        return err;
    }
    return same || count >= NOTE_MOST
               ? cove_repo_record_del(txn->worker->repo, txn->txn,
                                      COVE_RECORDS_META, drop)
               : 0;
}

static int note_put(struct cove_txn *txn, const struct backup_note *note)
{
    struct cove_hash hash = cove_hash("cove/file", note->path);
    char hex[COVE_HEX_LEN(NOTE_DIGITS / 2)];
    char key[64];
    struct cove_buf buf;
    int err = note_forget(txn, note->path);

    cove_hex(cove_bytes(hash.b, NOTE_DIGITS / 2), hex);
    snprintf(key, sizeof(key), NOTE_PREFIX "%016llx-%s",
             (unsigned long long)note->time_ms, hex);
    cove_buf_init(&buf, txn->store->alloc);
    err = err != 0 ? err : note_write(note, &buf);
    if (err == 0) {
        err =
            cove_repo_record_put(txn->worker->repo, txn->txn, COVE_RECORDS_META,
                                 cove_bytes_text(key), cove_buf_bytes(&buf));
    }
    cove_buf_clear(&buf);
    return err;
}

int backup_note(struct cove *store, const struct backup_note *note)
{
    struct cove_txn *txn;
    int err = node_begin(store, COVE_WRITE, &txn);

    if (err != 0) {
        return err;
    }
    err = note_put(txn, note);
    txn->wrote = err == 0;
    if (err == 0) {
        return cove_commit(txn);
    }
    cove_abort(txn);
    return err;
}

int backup_notes(struct admin *a,
                 int (*each)(void *ctx, const struct backup_note *note),
                 void *ctx)
{
    struct cove_bytes after = cove_bytes_text(NOTE_PREFIX);
    struct cove_entry entry;
    struct backup_note note;
    struct cove_txn *txn;
    int err = node_begin(a->store, COVE_READ, &txn);

    if (err != 0) {
        return err;
    }
    while ((err = note_next(txn, after, &entry)) == 0) {
        err = note_read(entry.value, &note);
        err = err != 0 ? err : each(ctx, &note);
        if (err != 0) {
            break;
        }
        after = entry.key;
    }
    return admin_end(a, txn, err == COVE_ENOTFOUND ? 0 : err);
}
