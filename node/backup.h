/* backup.h: copies of a store in directories of their own, and the file in each
 * that says what was copied.
 *
 *     data.mdb      the store as it was, compact
 *     device.key    without which nobody can open it
 *     backup.json   the manifest: when, how much, digests. docs/FORMAT.md
 *                   "Backups"
 *
 * There is no side file with the nonce, so that whoever opens a copy begins a
 * session of its own. A directory has its name only once it is whole.
 */
#ifndef COVE_NODE_BACKUP_H
#define COVE_NODE_BACKUP_H

#include "node/admin.h"
#include "node/survey.h"

#define BACKUP_MANIFEST "backup.json"
#define BACKUP_DATA     "data.mdb"
#define BACKUP_KEY      "device.key"
#define BACKUP_PART     ".part" /* behind the name, until it is whole */
#define BACKUP_PATH     4096

struct backup_manifest {
    uint64_t format; /* of the store's records */
    int64_t time_ms;
    uint64_t sequence, documents, local, sessions, transactions, bytes;
    bool surveyed;         /* documents … and digest are known */
    struct cove_hash hash; /* of data.mdb, every byte */
    struct cove_hash digest;
    struct cove_bytes digests; /* encoded map: owner → hex, as it was read */
    struct cove_key device;
    uint8_t store_id[16];
};

/* --- backup_files.c */
/* dir/name; false where that is too long. */
bool backup_path(char out[BACKUP_PATH], const char *dir, const char *name);
/* The hash of a file, and how many bytes it has. Errors: COVE_ENOTFOUND,
 * COVE_EACCES, COVE_EIO, COVE_ENOMEM. */
int backup_hash(const struct cove_alloc *alloc, const char *path,
                struct cove_hash *hash, uint64_t *bytes);
/* Copy a file to a new one, mode 0600, durably, and hash it. Errors: as above;
 * COVE_EEXIST, COVE_ENOSPC. */
int backup_copy_file(const struct cove_alloc *alloc, const char *from,
                     const char *to, struct cove_hash *hash, uint64_t *bytes);
/* Make the names in a directory durable. Errors: COVE_EIO. */
int backup_sync_dir(const char *dir);
/* The same of the directory that holds `path`. */
int backup_sync_above(const char *path);
/* Give `from` the name `to`, which nobody has. Errors: COVE_EEXIST, COVE_EIO,
 * COVE_EACCES. */
int backup_rename(const char *from, const char *to);
/* Take away what a backup or a restore wrote to a directory, and it. */
void backup_undo(const char *dir);
/* Is there anything of that name? */
bool backup_exists(const char *path);

/* A member of the request that names a place, without slashes at its end. */
int backup_place(struct admin *a, const char *key, const char **out);

/* --- backup_manifest.c */
/* Write the manifest into a directory; digests NULL: not surveyed. Errors: of
 * writing. */
int backup_manifest_write(const struct cove_alloc *alloc, const char *dir,
                          const struct backup_manifest *m,
                          const struct node_digests *digests);
/* In the arena. Errors: COVE_ENOTFOUND (none there), COVE_EFORMAT,
 * COVE_ENEWER. */
int backup_manifest_read(struct cove_arena *arena, const char *dir,
                         struct backup_manifest *out);

/* --- backup_make.c */
/* Copy the store as it is to a new directory; *out says what was copied. With
 * survey its documents are counted in the copy. Errors: those of
 * cove_store_copy, COVE_EUSAGE (a place where it is of no use); nothing is
 * left, and diag names the path. */
int backup_make(struct cove *store, const char *path, bool survey,
                struct backup_manifest *out, struct cove_diag *diag);
/* The key in a directory. Errors: COVE_EACCES (there is none, or none that can
 * be read); diag says so. */
int backup_key(const char *dir, struct cove_secret *secret,
               struct cove_key *device, struct cove_diag *diag);

/* --- backup_schema.c: one schema as a dump, in a new file; whole or not there.
 * Errors: of export.exact, COVE_EEXIST. */
struct backup_note;
int backup_schema(struct admin *a, const char *path, const char *schema,
                  struct backup_note *out);

/* --- backup_note.c: what the store remembers of its backups */
struct backup_note {
    struct cove_bytes path;   /* absolute */
    struct cove_bytes schema; /* of one schema; else empty */
    int64_t time_ms;
    uint64_t sequence, documents, bytes;
    struct cove_hash hash;
};
/* Note it; one of the same path is forgotten. Errors: store errors. */
int backup_note(struct cove *store, const struct backup_note *note);
/* Each that is noted, the oldest first. */
int backup_notes(struct admin *a,
                 int (*each)(void *ctx, const struct backup_note *note),
                 void *ctx);

#endif
