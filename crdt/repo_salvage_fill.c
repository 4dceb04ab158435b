/* repo_salvage_fill.c: which tree is an entry of?
 *
 * What the trees gave goes under the same tree. What lay loose in the file says
 * only by its form what it may be, and goes wherever its form fits; whether it
 * is, is found out when it is used: by a hash, or by what signs it. Of two
 * bytes for one key those from a tree count, but for what says by itself that
 * it is not what it was.
 */
#include "crdt/repo_salvage_internal.h"

#define FILL_BYTES  ((size_t)16 << 20) /* of one transaction */
#define FILL_HASH   8
#define LEAVES_MOST ((size_t)COVE_MAX_SHARED * sizeof(struct cove_hash))

static int fill_txn(struct cove_salvage *s, size_t bytes)
{
    int err = 0;

    if (s->fill != NULL && s->fill_bytes > FILL_BYTES) {
        err = cove_store_commit(s->fill);
        s->fill = NULL;
    }
    if (err == 0 && s->fill == NULL) {
        err = cove_store_begin(s->opt.scratch, true, &s->fill);
        s->fill_bytes = 0;
    }
    s->fill_bytes += bytes + 64;
    return err;
}

static int fill_put(struct cove_salvage *s, unsigned tree,
                    struct cove_bytes key, struct cove_bytes value)
{
    s->sum.entries++;
    return cove_store_put(s->fill, tree, key, value);
}

/* Where nothing stands there. */
static int fill_add(struct cove_salvage *s, unsigned tree,
                    struct cove_bytes key, struct cove_bytes value)
{
    struct cove_bytes held;
    int err = cove_store_get(s->fill, tree, key, &held);

    return err == COVE_ENOTFOUND ? fill_put(s, tree, key, value) : err;
}

/* Beside others of the same key. */
static int fill_loose(struct cove_salvage *s, unsigned tree,
                      struct cove_bytes key, struct cove_bytes value)
{
    uint8_t room[COVE_STORE_MAX_KEY];
    struct cove_hash hash = cove_hash("cove/loose", value);

    if (key.len > sizeof(room) - FILL_HASH) {
        return 0;
    }
    memcpy(room, key.at, key.len);
    memcpy(room + key.len, hash.b, FILL_HASH);
    return fill_put(s, tree, cove_bytes(room, key.len + FILL_HASH), value);
}

/* --- forms */

static bool form_varint(struct cove_bytes value)
{
    struct cove_unpacker u;

    cove_unpacker_init(&u, value);
    return cove_unpack_varint(&u) != 0 && cove_unpacker_done(&u) == 0;
}

/* How many numbers the key is, and what is left behind them. */
static size_t form_numbers(struct cove_bytes key, uint64_t out[3], size_t *left)
{
    size_t count = 0;

    while (count < 3 && key.len > 0 &&
           cove_place_take(&key, &out[count]) == 0) {
        count++;
    }
    *left = key.len;
    return count;
}

/* Is it a document's record, as far as can be told without what is interned? */
static bool fill_is_record(struct cove_bytes value)
{
    struct cove_unpacker u;

    cove_unpacker_init(&u, value);

    uint64_t more = cove_unpack_varint(&u);
    uint64_t bits = cove_unpack_varint(&u);

    return u.err == 0 && more < 4096 && bits < 1u << 16 &&
           (size_t)(u.end - u.at) >= 32 + 10;
}

static bool form_session(struct cove_bytes value)
{
    struct repo_session session;
    struct cove_session_id id;

    if (value.len != 1 + sizeof(session) ||
        value.at[0] != REPO_INTERN_SESSION) {
        return false;
    }
    memcpy(&session, value.at + 1, sizeof(session));
    id = cove_session_id_of(&session.device, session.salt);
    return memcmp(&id, &session.session, sizeof(id)) == 0;
}

static bool form_interned(struct cove_bytes value)
{
    switch (value.len > 1 ? value.at[0] : 0) {
    case REPO_INTERN_SESSION:
        return form_session(value);
    case REPO_INTERN_EPOCH:
        return value.len == 1 + 32;
    case REPO_INTERN_REGISTER:
        return value.len <= 1 + 64;
    case REPO_INTERN_SHAPE:
        return value.len <= 1 + COVE_MAX_HEADER + 64;
    default:
        return false;
    }
}

static bool form_group(struct cove_bytes value)
{
    struct cove_unpacker u;

    cove_unpacker_init(&u, value);
    return cove_unpack_varint(&u) != 0 && u.err == 0 &&
           u.end - u.at == (ptrdiff_t)sizeof(struct cove_signature);
}

/* It is signed, so that whatever else looks so is found out. */
static bool form_cut(struct cove_bytes value)
{
    struct cove_unpacker u;

    cove_unpacker_init(&u, value);

    uint64_t more = cove_unpack_varint(&u);

    return u.err == 0 && more <= COVE_MAX_CUT / REPO_PART &&
           cove_cut_is(cove_bytes(u.at, (size_t)(u.end - u.at)));
}

/* --- one entry */

/* What is interned; of an epoch its number, too, which a cut asks for. */
static int fill_number(struct cove_salvage *s, struct cove_bytes key,
                       struct cove_bytes value)
{
    struct cove_bytes number = key;
    struct cove_packer p;
    struct cove_buf buf;
    uint64_t num = 0;
    int err = fill_put(s, REPO_INTERN, key, value);

    if (err != 0 || !form_interned(value) || value.at[0] != REPO_INTERN_EPOCH ||
        cove_place_take(&number, &num) != 0) {
        return err;
    }
    cove_buf_init(&buf, s->opt.alloc);
    cove_packer_init(&p, &buf);
    cove_pack_varint(&p, num);
    err = p.err != 0
              ? p.err
              : fill_add(s, REPO_INTERN_KEYS, value, cove_buf_bytes(&buf));
    cove_buf_clear(&buf);
    return err;
}

/* A session that is what its hash says, in place of one that is not. */
static int fill_interned(struct cove_salvage *s, struct cove_bytes key,
                         struct cove_bytes value)
{
    struct cove_bytes held;
    int err = cove_store_get(s->fill, REPO_INTERN, key, &held);

    if (err == COVE_ENOTFOUND ||
        (err == 0 && form_session(value) && !form_session(held))) {
        return fill_number(s, key, value);
    }
    return err;
}

/* The other tree of what is interned says what numbers stand for, too. */
static int fill_from_key(struct cove_salvage *s, const struct cove_entry *entry)
{
    struct cove_place place;
    struct cove_buf buf;
    uint32_t num;
    int err;

    cove_buf_init(&buf, s->opt.alloc);
    err = repo_intern_again(entry, &buf, &num);
    if (err == 0) {
        cove_place_start(&place);
        cove_place_number(&place, num);
        err = fill_interned(s, cove_place_bytes(&place), cove_buf_bytes(&buf));
    }
    cove_buf_clear(&buf);
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int fill_one_number(struct cove_salvage *s,
                           const struct cove_entry *entry)
{
    int err = 0;

    if (form_interned(entry->value)) {
        err = fill_interned(s, entry->key, entry->value);
    }
    if (err == 0 && form_group(entry->value)) {
        err = fill_add(s, REPO_GROUPS, entry->key, entry->value);
    }
    if (err == 0 && form_cut(entry->value)) {
        err = fill_add(s, REPO_CUTS, entry->key, entry->value);
    }
    if (err == 0 && fill_is_record(entry->value)) {
        err = fill_loose(s, SALVAGE_DOCS, entry->key, entry->value);
    }
    return err;
}

static int fill_two_numbers(struct cove_salvage *s,
                            const struct cove_entry *entry, uint64_t second)
{
    int err = 0;

    if (second == 1 && entry->value.len > 0 &&
        entry->value.len % sizeof(struct cove_hash) == 0 &&
        entry->value.len <= LEAVES_MOST) {
        err = fill_add(s, REPO_GROUPS, entry->key, entry->value);
    }
    if (err == 0 && entry->value.len <= REPO_PART) { /* a part of a record … */
        err = fill_add(s, REPO_DOCS, entry->key, entry->value);
    }
    if (err == 0 && entry->value.len <= REPO_PART) { /* … or of a cut */
        err = fill_add(s, REPO_CUTS, entry->key, entry->value);
    }
    return err;
}

static int fill_text(struct cove_salvage *s, const struct cove_entry *entry)
{
    static const char *const names[] = {"account", "config", "mark/"};

    for (size_t i = 0; i < COVE_ARRAY_LEN(names); i++) {
        size_t len = strlen(names[i]);

        if (entry->key.len >= len &&
            memcmp(entry->key.at, names[i], len) == 0) {
            return fill_add(s, REPO_RECORDS, entry->key, entry->value);
        }
    }
    return 0;
}

static int fill_by_form(struct cove_salvage *s, const struct cove_entry *entry)
{
    uint64_t numbers[3] = {0, 0, 0};
    struct repo_pack_size size;
    struct repo_chunk chunk;
    uint32_t pack;
    size_t left = 0;
    size_t count;
    int err;

    if (entry->key.len == 32 && form_varint(entry->value)) {
        err = fill_add(s, REPO_IDS, entry->key, entry->value);
        if (err != 0) {
            return err;
        }
    } else if (entry->key.len == 32 && entry->value.len > 60 &&
               entry->value.at[0] == 0x90) {
        return fill_add(s, REPO_PEERS, entry->key, entry->value);
    }
    err = fill_text(s, entry);
    if (err == 0) {
        err = fill_from_key(s, entry);
    }
    count = form_numbers(entry->key, numbers, &left);
    if (err == 0 && count == 1 && left == 0) {
        err = fill_one_number(s, entry);
    } else if (err == 0 && count == 2 && left == 0) {
        err = fill_two_numbers(s, entry, numbers[1]);
    }
    /* The four bytes of a chunk's start may look like a number. */
    cove_arena_reset(&s->piece);
    if (err == 0 && count >= 2 && numbers[1] == 0 &&
        repo_pack_size(entry->value, &size) == 0) {
        return fill_add(s, REPO_LOG, entry->key, entry->value);
    }
    if (err == 0 && count >= 2 &&
        (repo_stub_is(entry->value, &pack) ||
         repo_chunk_decode(entry->value, &s->piece, &chunk) == 0)) {
        err = fill_loose(s, SALVAGE_LOG, entry->key, entry->value);
    }
    return err;
}

/* A record has its number for a key, and its parts come behind it. Another key
 * was a record's once: nothing else says that there is one less. */
static bool fill_is_document(struct cove_salvage *s, struct cove_bytes key)
{
    uint64_t numbers[3] = {0, 0, 0};
    size_t left = 0;
    size_t count = form_numbers(key, numbers, &left);

    if (count == 1 && left == 0) {
        s->fill_num = numbers[0];
    }
    return left == 0 && numbers[0] == s->fill_num &&
           (count == 1 || (count == 2 && numbers[1] > 0));
}

/* Does the key belong into the tree? Where one does not, something that the
 * tree had is not there. */
static bool fill_belongs(struct cove_salvage *s, unsigned tree,
                         struct cove_bytes key)
{
    if (tree == REPO_DOCS && !fill_is_document(s, key)) {
        s->broken.documents = true;
        return false;
    }
    if (tree == REPO_IDS && key.len != sizeof(struct cove_id)) {
        s->broken.ids = true;
        return false;
    }
    return true;
}

int cove_salvage_entry(struct cove_salvage *s, unsigned tree, bool loose,
                       const struct cove_entry *entry)
{
    int err = fill_txn(s, entry->key.len + entry->value.len);
    bool belongs = !loose && fill_belongs(s, tree, entry->key);

    if (err != 0 || entry->key.len == 0 ||
        entry->key.len > COVE_STORE_MAX_KEY) {
        return err;
    }
    if (!belongs) {
        return fill_by_form(s, entry);
    }
    switch (tree) {
    case REPO_IDS:
    case REPO_DOCS:
    case REPO_LOG:
    case REPO_FORK_PROOFS:
    case REPO_RECORDS:
    case REPO_PEERS:
    case REPO_RUNS:
    case REPO_GROUPS:
    case REPO_CUTS:
        return fill_put(s, tree, entry->key, entry->value);
    case REPO_INTERN:
        return fill_number(s, entry->key, entry->value);
    case REPO_INTERN_KEYS:
        return fill_from_key(s, entry);
    default:
        return 0; /* derived, or of the store itself */
    }
}
