/* backup_manifest.c: backup.json. docs/FORMAT.md "Backups". */
#include "node/backup.h"

#include "core/value.h"

#include <errno.h>
#include <sys/stat.h>

#define MANIFEST_FORMAT 1
#define MANIFEST_MAX    (1 << 26)

static void manifest_number(struct node_json *j, const char *key, uint64_t v)
{
    node_json_key(j, key);
    node_json_int(j, (int64_t)v);
}

static void manifest_hex(struct node_json *j, const char *key, const void *at,
                         size_t len)
{
    node_json_key(j, key);
    node_json_hex(j, at, len);
}

static void manifest_members(struct node_json *j,
                             const struct backup_manifest *m,
                             const struct node_digests *digests)
{
    manifest_number(j, "backup", MANIFEST_FORMAT);
    node_json_key(j, "version");
    node_json_cstr(j, cove_version());
    manifest_number(j, "storeFormat", m->format);
    manifest_number(j, "time", (uint64_t)m->time_ms);
    manifest_number(j, "sequence", m->sequence);
    manifest_hex(j, "store", m->store_id, sizeof(m->store_id));
    manifest_hex(j, "device", m->device.b, sizeof(m->device.b));
    manifest_number(j, "bytes", m->bytes);
    manifest_hex(j, "hash", m->hash.b, sizeof(m->hash.b));
    if (digests != NULL) {
        manifest_number(j, "documents", m->documents);
        manifest_number(j, "local", m->local);
        manifest_number(j, "sessions", m->sessions);
        manifest_number(j, "transactions", m->transactions);
        node_digests_json(digests, j);
    }
}

int backup_manifest_write(const struct cove_alloc *alloc, const char *dir,
                          const struct backup_manifest *m,
                          const struct node_digests *digests)
{
    char path[BACKUP_PATH];
    struct node_json j;
    int err;

    if (!backup_path(path, dir, BACKUP_MANIFEST)) {
        return COVE_ELIMIT;
    }
    node_json_init(&j, alloc);
    node_json_open(&j, '{');
    manifest_members(&j, m, digests);
    node_json_close(&j, '}');
    err = j.err != 0 ? j.err : cove_buf_append(&j.out, cove_bytes_text("\n"));
    if (err == 0) {
        err = node_file_write(path, (const char *)j.out.at, j.out.len);
    }
    cove_buf_clear(&j.out);
    return err;
}

/* ------------------------------------------------------------------ reading */

static bool read_hex(struct cove_bytes map, const char *key, uint8_t *out,
                     size_t len)
{
    struct cove_bytes text = cove_value_member_text(map, key);
    char copy[COVE_HEX_LEN(32)];

    if (text.len != 2 * len || text.len >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    return cove_hex_parse(copy, out, len) == 0;
}

static uint64_t read_number(struct cove_bytes map, const char *key)
{
    int64_t v = cove_value_member_int(map, key);

    return v > 0 ? (uint64_t)v : 0;
}

static int manifest_take(struct cove_bytes map, struct backup_manifest *out)
{
    struct backup_manifest m = {0};
    int64_t format;

    if (cove_value_kind(map) != COVE_KIND_MAP) {
        return COVE_EFORMAT;
    }
    format = cove_value_member_int(map, "backup");
    if (format != MANIFEST_FORMAT) {
        return format > MANIFEST_FORMAT ? COVE_ENEWER : COVE_EFORMAT;
    }
    m.format = read_number(map, "storeFormat");
    m.time_ms = (int64_t)read_number(map, "time");
    m.sequence = read_number(map, "sequence");
    m.bytes = read_number(map, "bytes");
    m.documents = read_number(map, "documents");
    m.local = read_number(map, "local");
    m.sessions = read_number(map, "sessions");
    m.transactions = read_number(map, "transactions");
    cove_value_member(map, "digests", &m.digests);
    m.surveyed = read_hex(map, "digest", m.digest.b, sizeof(m.digest.b));
    if (!read_hex(map, "hash", m.hash.b, sizeof(m.hash.b)) ||
        !read_hex(map, "device", m.device.b, sizeof(m.device.b)) ||
        !read_hex(map, "store", m.store_id, sizeof(m.store_id))) {
        return COVE_EFORMAT;
    }
    *out = m;
    return 0;
}

/* The file whole; it grows with the number of owners. */
static int manifest_text(struct cove_arena *arena, const char *path,
                         struct cove_bytes *out)
{
    struct stat st;
    size_t len = 0;
    char *text;
    int err;

    if (stat(path, &st) != 0) {
        return errno == ENOENT || errno == ENOTDIR ? COVE_ENOTFOUND : COVE_EIO;
    }
    if (!S_ISREG(st.st_mode) || st.st_size > MANIFEST_MAX) {
        return COVE_EFORMAT;
    }
    text = cove_arena_new(arena, (size_t)st.st_size + 1);
    err = text == NULL
              ? COVE_ENOMEM
              : node_file_read(path, text, (size_t)st.st_size + 1, &len);
    *out = cove_bytes(text, len);
    return err;
}

int backup_manifest_read(struct cove_arena *arena, const char *dir,
                         struct backup_manifest *out)
{
    char path[BACKUP_PATH];
    struct cove_alloc alloc = cove_arena_allocator(arena);
    struct cove_bytes text = {NULL, 0};
    struct cove_buf value;
    int err = backup_path(path, dir, BACKUP_MANIFEST)
                  ? manifest_text(arena, path, &text)
                  : COVE_ELIMIT;

    cove_buf_init(&value, &alloc);
    if (err == 0) {
        err = cove_json_read(text, BACKUP_MANIFEST, &value, NULL);
        err = err == COVE_EJSON ? COVE_EFORMAT : err;
    }
    return err != 0 ? err : manifest_take(cove_buf_bytes(&value), out);
}
