/* admin_backup.c: backup, backup.list, backup.verify.
 *
 * A backup is noted in the store that it is of, and says itself what it is:
 * where the store is gone, the directories still tell.
 */
#include "node/backup.h"

#include "core/value.h"
#include "node/guard.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

static void backup_number(struct admin *a, const char *key, uint64_t v)
{
    node_json_key(&a->reply, key);
    node_json_int(&a->reply, (int64_t)v);
}

/* --------------------------------------------------------------------- make */

/* The copy has the store's nonce. Who puts its data.mdb in the place of the
 * store's, in the same file even, must not go on with the session: the store
 * gets another nonce. */
static int make_apart(struct admin *a)
{
    struct node_worker *worker;
    int err = node_worker_take(a->store, &worker);

    if (err == 0) {
        err = node_nonce_renew(a->store, worker);
        node_worker_give(a->store, worker);
    }
    return err;
}

/* That it was made is noted in the store; where that fails the copy is no
 * worse, so it stays. */
static void make_reply(struct admin *a, const char *path,
                       struct backup_note *note)
{
    char whole[PATH_MAX];
    bool noted;

    note->path = cove_bytes_text(realpath(path, whole) != NULL ? whole : path);
    noted = backup_note(a->store, note) == 0 &&
            (note->schema.len > 0 ||
             guard_note_backup(a->store, note->sequence) == 0);
    node_json_key(&a->reply, "path");
    node_json_cstr(&a->reply, path);
    backup_number(a, "time", (uint64_t)note->time_ms);
    backup_number(a, "sequence", note->sequence);
    backup_number(a, "bytes", note->bytes);
    backup_number(a, "documents", note->documents);
    node_json_key(&a->reply, "noted");
    node_json_bool(&a->reply, noted);
}

static int make_whole(struct admin *a, const char *path)
{
    struct backup_manifest m = {0};
    struct backup_note note = {.time_ms = 0};
    int err = backup_make(a->store, path, true, &m, &a->diag);

    if (err != 0) {
        return err;
    }
    /* A store that cannot be written any more wants its copy all the more. */
    bool apart = make_apart(a) == 0;

    note.time_ms = m.time_ms;
    note.sequence = m.sequence;
    note.documents = m.documents;
    note.bytes = m.bytes;
    note.hash = m.hash;
    make_reply(a, path, &note);
    backup_number(a, "local", m.local);
    node_json_key(&a->reply, "apart");
    node_json_bool(&a->reply, apart);
    node_json_key(&a->reply, "digest");
    node_json_hex(&a->reply, m.digest.b, sizeof(m.digest.b));
    return 0;
}

static int verb_backup(struct admin *a)
{
    struct backup_note note = {.time_ms = 0};
    const char *path = NULL, *schema = NULL;
    int err = backup_place(a, "path", &path);

    err = err != 0 ? err : admin_text(a, "schema", &schema);
    if (err == 0 && schema == NULL) {
        return make_whole(a, path);
    }
    err = err != 0 ? err : backup_schema(a, path, schema, &note);
    if (err == 0) {
        make_reply(a, path, &note);
        node_json_key(&a->reply, "schema");
        node_json_cstr(&a->reply, schema);
    }
    return err;
}

/* --------------------------------------------------------------------- list */

/* Is it there, and as it was made as far as its size tells? Every byte is
 * looked at by backup.verify only. */
static const char *list_state(struct admin *a, const char *path,
                              const struct cove_hash *hash,
                              struct backup_manifest *m)
{
    char data[BACKUP_PATH];
    struct stat st;

    if (!backup_exists(path)) {
        return "gone";
    }
    if (backup_manifest_read(&a->arena, path, m) != 0 ||
        !backup_path(data, path, BACKUP_DATA) || stat(data, &st) != 0) {
        return "damaged";
    }
    if (hash != NULL && memcmp(hash->b, m->hash.b, sizeof(hash->b)) != 0) {
        return "replaced"; /* another backup has the name now */
    }
    if ((uint64_t)st.st_size != m->bytes) {
        return backup_path(data, path, "nonce") && backup_exists(data)
                   ? "opened"
                   : "damaged";
    }
    return "whole";
}

static void list_one(struct admin *a, const struct backup_note *note,
                     const char *state, bool noted)
{
    struct node_json *j = &a->reply;

    node_json_open(j, '{');
    node_json_key(j, "path");
    node_json_text(j, note->path);
    backup_number(a, "time", (uint64_t)note->time_ms);
    backup_number(a, "sequence", note->sequence);
    backup_number(a, "documents", note->documents);
    backup_number(a, "bytes", note->bytes);
    if (note->schema.len > 0) {
        node_json_key(j, "schema");
        node_json_text(j, note->schema);
    }
    node_json_key(j, "state");
    node_json_cstr(j, state);
    node_json_key(j, "noted");
    node_json_bool(j, noted);
    node_json_close(j, '}');
}

static int list_noted(void *ctx, const struct backup_note *note)
{
    struct admin *a = ctx;
    struct backup_manifest m;
    struct cove_bytes path;
    struct stat st;
    int err = cove_arena_copy(&a->arena, note->path, &path);
    const char *state;

    if (err != 0) {
        return err;
    }
    if (note->schema.len > 0) { /* a file */
        state = stat((const char *)path.at, &st) != 0 ? "gone"
                : (uint64_t)st.st_size != note->bytes ? "damaged"
                                                      : "whole";
    } else {
        state = list_state(a, (const char *)path.at, &note->hash, &m);
    }
    list_one(a, note, state, true);
    return 0;
}

static int list_found(struct admin *a, const char *parent, const char *name)
{
    char *path = cove_arena_printf(&a->arena, "%s/%s", parent, name);
    struct backup_manifest m = {0};
    struct backup_note note = {.time_ms = 0};
    const char *state;

    if (path == NULL) {
        return COVE_ENOMEM;
    }
    state = list_state(a, path, NULL, &m);
    if (m.time_ms != 0) { /* it has a manifest that can be read */
        note.path = cove_bytes_text(path);
        note.time_ms = m.time_ms;
        note.sequence = m.sequence;
        note.documents = m.documents;
        note.bytes = m.bytes;
        list_one(a, &note, state, false);
    }
    return 0;
}

static int list_order(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);
}

/* The backups right below a directory, by name. */
static int list_parent(struct admin *a, const char *parent)
{
    struct dirent **names;
    int count = scandir(parent, &names, NULL, list_order);
    int err = 0;

    if (count < 0) {
        return cove_fail(&a->diag, COVE_ENOTFOUND,
                         "%s: cannot be listed; name a directory that backups "
                         "lie in",
                         parent);
    }
    for (int i = 0; i < count; i++) {
        if (err == 0 && names[i]->d_name[0] != '.') {
            err = list_found(a, parent, names[i]->d_name);
        }
        free(names[i]);
    }
    free(names);
    return err;
}

static int verb_backup_list(struct admin *a)
{
    const char *parent = NULL;
    int err = admin_text(a, "parent", &parent);

    if (err != 0) {
        return err;
    }
    node_json_key(&a->reply, "backups");
    node_json_open(&a->reply, '[');
    err = parent != NULL ? list_parent(a, parent)
                         : backup_notes(a, list_noted, a);
    node_json_close(&a->reply, ']');
    return err;
}

/* ------------------------------------------------------------------- verify */

struct verify {
    struct admin *a;
    bool former; /* of a format that is not looked into */
    uint64_t damaged;
};

#define VERIFY_LISTED 100 /* of the damaged */

static void verify_damage(void *ctx, const struct cove_id *id, const char *why)
{
    struct verify *v = ctx;
    struct node_json *j = &v->a->reply;

    if (v->damaged++ < VERIFY_LISTED) {
        node_json_why(j, id, why);
    }
}

/* Owners whose documents are not what the manifest says. */
static void verify_owners(struct admin *a, const struct backup_manifest *m,
                          const struct node_survey *s)
{
    struct node_json *j = &a->reply;

    node_json_key(j, "differs");
    node_json_open(j, '[');
    for (size_t i = 0; i < s->digests.count; i++) {
        struct cove_hash one = node_digest_of(&s->digests.rows[i]);
        char text[COVE_ID_TEXT_MAX], hex[COVE_HEX_LEN(32)];

        cove_id_text(&s->digests.rows[i].owner, text);
        cove_hex(cove_bytes(one.b, sizeof(one.b)), hex);
        if (!cove_bytes_equal(m->digests.len > 0
                                  ? cove_value_member_text(m->digests, text)
                                  : cove_bytes(NULL, 0),
                              cove_bytes_text(hex))) {
            node_json_cstr(j, text);
        }
    }
    node_json_close(j, ']');
}

static void verify_counts(struct admin *a, const struct node_survey *s)
{
    struct cove_hash digest = node_digests_all(&s->digests);

    backup_number(a, "sequence", s->sequence);
    backup_number(a, "documents", s->documents);
    backup_number(a, "local", s->local);
    backup_number(a, "sessions", s->sessions);
    backup_number(a, "transactions", s->transactions);
    node_json_key(&a->reply, "digest");
    node_json_hex(&a->reply, digest.b, sizeof(digest.b));
}

/* Look through it; what opens no longer is damaged as a whole. */
static int verify_survey(struct verify *v, const char *path,
                         struct node_survey *s)
{
    struct cove_secret secret;
    struct cove_key device;
    struct cove_diag why = {0};
    int err = backup_key(path, &secret, &device, &why);

    node_json_key(&v->a->reply, "damaged");
    node_json_open(&v->a->reply, '[');
    if (err == 0) {
        s->damage = verify_damage;
        s->ctx = v;
        err = node_survey_dir(v->a->store, path, &secret, &device, s, &why);
        cove_crypto_wipe(&secret, sizeof(secret));
    }
    v->former = err == COVE_EUNSUPPORTED;
    if (v->former) {
        err = 0;
    }
    if (err != 0 && err != COVE_ENOMEM) {
        verify_damage(v, NULL,
                      why.text[0] != '\0' ? why.text : cove_error_text(err));
        err = 0;
    }
    node_json_close(&v->a->reply, ']');
    return err;
}

/* Is every byte what was written? */
static int verify_bytes(struct admin *a, const char *path,
                        const struct backup_manifest *m, bool *same)
{
    char data[BACKUP_PATH];
    struct cove_hash hash;
    uint64_t bytes = 0;
    int err = backup_path(data, path, BACKUP_DATA)
                  ? backup_hash(a->store->alloc, data, &hash, &bytes)
                  : COVE_ELIMIT;

    if (err != 0) {
        return cove_fail(&a->diag, err,
                         "%s: cannot be read: %s; name a backup's directory",
                         data, cove_error_text(err));
    }
    *same = memcmp(hash.b, m->hash.b, sizeof(hash.b)) == 0;
    backup_number(a, "bytes", bytes);
    return 0;
}

/* Does it hold what its manifest says? */
static bool verify_as_made(const struct verify *v,
                           const struct backup_manifest *m,
                           const struct node_survey *s)
{
    struct cove_hash digest = node_digests_all(&s->digests);

    return v->former || (m->surveyed &&
                         memcmp(digest.b, m->digest.b, sizeof(digest.b)) == 0 &&
                         s->documents == m->documents && s->local == m->local &&
                         s->transactions == m->transactions);
}

static void verify_result(struct verify *v, const struct backup_manifest *m,
                          int without, bool same, bool as_made)
{
    struct admin *a = v->a;

    backup_number(a, "format", m->format);
    node_json_key(&a->reply, "former");
    node_json_bool(&a->reply, v->former);
    backup_number(a, "time", (uint64_t)m->time_ms);
    node_json_key(&a->reply, "manifest");
    node_json_cstr(&a->reply, without == 0 ? "read"
                              : without == COVE_ENOTFOUND
                                  ? "missing"
                                  : cove_error_text(without));
    node_json_key(&a->reply, "sameBytes");
    node_json_bool(&a->reply, same);
    node_json_key(&a->reply, "asMade");
    node_json_bool(&a->reply, as_made);
    backup_number(a, "damagedCount", v->damaged);
    node_json_key(&a->reply, "whole");
    node_json_bool(&a->reply,
                   as_made && v->damaged == 0 && (same || !v->former));
}

static int verb_backup_verify(struct admin *a)
{
    struct verify v = {.a = a};
    struct node_survey s = {.arena = &a->arena, .verify = true};
    struct backup_manifest m = {0};
    const char *path = NULL;
    bool same = false;
    int err = backup_place(a, "path", &path);

    if (err != 0) {
        return err;
    }
    int without = backup_manifest_read(&a->arena, path, &m);

    node_json_key(&a->reply, "path");
    node_json_cstr(&a->reply, path);
    err = verify_bytes(a, path, &m, &same);
    err = err != 0 ? err : verify_survey(&v, path, &s);
    if (err == 0) {
        verify_counts(a, &s);
        verify_owners(a, &m, &s);
        verify_result(&v, &m, without, same && without == 0,
                      without == 0 && verify_as_made(&v, &m, &s));
    }
    return err;
}

const struct admin_verb admin_backup_verbs[] = {
    {"backup", "path schema", verb_backup},
    {"backup.list", "parent", verb_backup_list},
    {"backup.verify", "path", verb_backup_verify},
    {NULL, NULL, NULL},
};
