/* repo_check_intern.c: what documents name by small numbers.
 *
 * A thing is kept twice, under its number and under what it is. A session and a
 * form of headers say by a hash which of the two is damaged; a version or a
 * field's name does not. There the logs decide, which verify only with the
 * right one.
 */
#include "crdt/repo_check_internal.h"

#define INTERN_KEY   65
#define INTERN_TRIES 100000 /* documents that may decide */

struct intern_key {
    uint8_t b[INTERN_KEY];
    size_t len; /* 0: none */
};

static struct cove_bytes key_bytes(const struct intern_key *key)
{
    return cove_bytes(key->b, key->len);
}

static void key_set(struct intern_key *key, uint8_t kind, const void *at,
                    size_t len)
{
    key->b[0] = kind;
    memcpy(key->b + 1, at, len);
    key->len = len + 1;
}

/* What a thing is found by. False where the bytes are no such thing. */
static bool intern_key(struct cove_bytes value, struct intern_key *out)
{
    size_t len = value.len > 0 ? value.len - 1 : 0;
    struct repo_session session;
    struct cove_session_id id;
    struct cove_hash hash;

    out->len = 0;
    switch (value.len > 0 ? value.at[0] : 0) {
    case REPO_INTERN_SESSION:
        if (len != sizeof(session)) {
            return false;
        }
        memcpy(&session, value.at + 1, len);
        id = cove_session_id_of(&session.device, session.salt);
        key_set(out, REPO_INTERN_SESSION, id.b, sizeof(id.b));
        return memcmp(&id, &session.session, sizeof(id)) == 0;
    case REPO_INTERN_EPOCH:
    case REPO_INTERN_REGISTER:
        if (len == 0 || len > INTERN_KEY - 1 ||
            (value.at[0] == REPO_INTERN_EPOCH && len != 32)) {
            return false;
        }
        key_set(out, value.at[0], value.at + 1, len);
        return true;
    case REPO_INTERN_SHAPE:
        hash = cove_hash("cove/shape", cove_bytes(value.at + 1, len));
        key_set(out, REPO_INTERN_SHAPE, hash.b, sizeof(hash.b));
        return true;
    default:
        return false;
    }
}

static uint32_t intern_number(struct cove_bytes value)
{
    struct cove_unpacker u;
    uint32_t num;

    cove_unpacker_init(&u, value);
    num = cove_unpack_u32(&u);
    return u.err == 0 ? num : 0;
}

int repo_intern_again(const struct cove_entry *entry, struct cove_buf *out,
                      uint32_t *num)
{
    struct intern_key key;
    struct cove_unpacker u;
    uint8_t kind = entry->key.len > 1 ? entry->key.at[0] : 0;
    int err = 0;

    cove_unpacker_init(&u, entry->value);
    *num = cove_unpack_u32(&u);
    if (u.err != 0 || *num == 0) {
        return COVE_ENOTFOUND;
    }
    out->len = 0;
    if (kind == REPO_INTERN_SHAPE) {
        err = cove_buf_append(out, cove_bytes(&kind, 1));
    } else {
        err = cove_buf_append(out, entry->key);
    }
    if (err == 0) {
        err = cove_buf_append(out, cove_bytes(u.at, (size_t)(u.end - u.at)));
    }
    if (err == 0 && (!intern_key(cove_buf_bytes(out), &key) ||
                     !cove_bytes_equal(key_bytes(&key), entry->key))) {
        err = COVE_ENOTFOUND;
    }
    return err;
}

/* Another key that leads to the number. */
static int intern_other(struct cove_check *c, uint32_t num,
                        const struct intern_key *but, struct intern_key *out)
{
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    int err = cove_store_cursor_open(c->work.txn, REPO_INTERN_KEYS, &cursor);

    out->len = 0;
    if (err != 0) {
        return err;
    }
    err = cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry);
    while (err == 0 && out->len == 0) {
        if (entry.key.len > 1 && entry.key.len <= INTERN_KEY &&
            intern_number(entry.value) == num &&
            !cove_bytes_equal(entry.key, key_bytes(but))) {
            key_set(out, entry.key.at[0], entry.key.at + 1, entry.key.len - 1);
        }
        err = cove_store_cursor_next(cursor, &entry);
    }
    cove_store_cursor_close(cursor);
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int intern_put(struct cove_check *c, uint32_t num,
                      struct cove_bytes value)
{
    struct cove_place place;

    c->wrote = true;
    cove_place_start(&place);
    cove_place_number(&place, num);
    check_forget(c->repo);
    return cove_store_put(c->work.txn, REPO_INTERN, cove_place_bytes(&place),
                          value);
}

static int intern_put_key(struct cove_check *c, const struct intern_key *key,
                          uint32_t num, struct cove_bytes value)
{
    c->wrote = true;
    return repo_intern_put_key(&c->work, key_bytes(key), num,
                               cove_bytes(value.at + 1, value.len - 1));
}

/* --- where the logs decide */

/* How many transactions of a document are whole. */
static int intern_weigh(struct cove_check *c, cove_num num, uint64_t *whole,
                        bool *all)
{
    struct cove_check_sum sum = c->sum;
    struct repo_record record;
    int err;

    cove_arena_reset(&c->arena);
    c->record_there = false;
    *whole = 0;
    *all = true;
    err = repo_record_read(&c->work, num, &record);
    for (size_t i = 0; err == 0 && i < record.row_count; i++) {
        struct check_row found;

        err = check_row(c, &record, &record.rows[i], &found);
        *whole += found.reach.len;
        *all = *all && found.kind == NULL;
    }
    c->sum = sum;
    if (check_is_damage(err)) {
        *all = false;
        err = 0;
    }
    return err;
}

/* Is it the other bytes that the number stands for? A document says so that
 * has more whole with them; one that has less says no. */
static int intern_try(struct cove_check *c, uint32_t num,
                      struct cove_bytes value, struct cove_bytes other,
                      bool *out)
{
    cove_num doc = 0;
    int err = 0;

    *out = false;
    for (int i = 0; i < INTERN_TRIES && err == 0; i++) {
        uint64_t before = 0, after = 0;
        bool all = true;

        err = repo_next_record(c->work.txn, doc, &doc);
        if (err == 0) {
            err = intern_weigh(c, doc, &before, &all);
        }
        if (err != 0 || all) {
            continue;
        }
        err = intern_put(c, num, other);
        if (err == 0) {
            err = intern_weigh(c, doc, &after, &all);
        }
        if (err == 0 && after > before) {
            *out = true;
            return 0;
        }
        if (err == 0) {
            err = intern_put(c, num, value);
        }
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* The number stands for one thing, and something else leads to it. */
static int intern_conflict(struct cove_check *c, uint32_t num,
                           struct cove_bytes value,
                           const struct intern_key *key,
                           const struct intern_key *other)
{
    bool taken = false;
    int err = check_derived(c, "intern-entry", NULL,
                            "a version or field name that documents use is "
                            "not what it is found by");

    if (err == 0 && c->opt.repair) {
        err = intern_try(c, num, value, key_bytes(other), &taken);
        if (err == 0 && !taken) {
            /* The other one goes later. */
            err = intern_put_key(c, key, num, value);
        }
    }
    return err;
}

static int intern_lost(struct cove_check *c)
{
    struct cove_finding f = {
        .kind = "interned",
        .text = "a session, version, field name or form of headers that "
                "documents use is damaged"};

    return check_say(c, &f, NULL);
}

/* Perhaps what leads to the number says what it was. */
static int intern_from_key(struct cove_check *c, uint32_t num,
                           const struct intern_key *other, bool *done)
{
    struct cove_entry entry = {.key = key_bytes(other)};
    struct cove_buf buf;
    uint32_t found = 0;
    int err =
        cove_store_get(c->work.txn, REPO_INTERN_KEYS, entry.key, &entry.value);

    cove_buf_init(&buf, c->repo->opt.alloc);
    if (err == 0) {
        err = repo_intern_again(&entry, &buf, &found);
    }
    *done = err == 0 && found == num;
    if (*done) {
        err = check_derived(c, "intern-entry", NULL,
                            "something that documents use is damaged, and is "
                            "known from where it is found by what it is");
    }
    if (err == 0 && *done && c->opt.repair) {
        err = intern_put(c, num, cove_buf_bytes(&buf));
    }
    cove_buf_clear(&buf);
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int intern_again(struct cove_check *c, uint32_t num)
{
    struct intern_key none = {.len = 0};
    struct intern_key other;
    bool done = false;
    int err = intern_other(c, num, &none, &other);

    if (err == 0 && other.len > 0) {
        err = intern_from_key(c, num, &other, &done);
    }
    return err != 0 || done ? err : intern_lost(c);
}

int check_intern_entry(struct cove_check *c, const struct cove_entry *entry)
{
    struct cove_bytes key = entry->key;
    struct intern_key made, other;
    struct cove_bytes found;
    uint64_t num = 0;
    bool known;
    int err = cove_place_take(&key, &num);

    if (err != 0 || key.len > 0 || num == 0 || num > UINT32_MAX) {
        return intern_lost(c);
    }
    if (num > c->most_intern) {
        c->most_intern = (uint32_t)num;
    }
    if (!intern_key(entry->value, &made)) {
        return intern_again(c, (uint32_t)num);
    }
    err =
        cove_store_get(c->work.txn, REPO_INTERN_KEYS, key_bytes(&made), &found);
    known = err == 0 && intern_number(found) == num;
    if ((err != 0 && err != COVE_ENOTFOUND) || known) {
        return err == COVE_ENOTFOUND ? 0 : err;
    }
    err = intern_other(c, (uint32_t)num, &made, &other);
    if (err == 0 && other.len > 0 && other.b[0] == made.b[0] &&
        (made.b[0] == REPO_INTERN_EPOCH || made.b[0] == REPO_INTERN_REGISTER)) {
        return intern_conflict(c, (uint32_t)num, entry->value, &made, &other);
    }
    if (err == 0 && other.len > 0 && made.b[0] == REPO_INTERN_SHAPE) {
        return intern_again(c, (uint32_t)num);
    }
    if (err == 0) {
        err = check_derived(c, "intern-entry", NULL,
                            "something that documents use cannot be found by "
                            "what it is");
    }
    return err != 0 || !c->opt.repair
               ? err
               : intern_put_key(c, &made, (uint32_t)num, entry->value);
}

int check_intern_key_entry(struct cove_check *c, const struct cove_entry *entry)
{
    struct cove_bytes value;
    struct intern_key key;
    struct cove_place place;
    uint32_t num = intern_number(entry->value);
    int err;

    cove_place_start(&place);
    cove_place_number(&place, num);
    err = cove_store_get(c->work.txn, REPO_INTERN, cove_place_bytes(&place),
                         &value);
    if (err != 0 && err != COVE_ENOTFOUND) {
        return err;
    }
    if (err == 0 && (!intern_key(value, &key) ||
                     cove_bytes_equal(key_bytes(&key), entry->key))) {
        return 0; /* as it should be, or told already */
    }
    return check_extra(c, REPO_INTERN_KEYS, entry, "intern-entry",
                       "something is found by what it is not");
}
