/* repo_intern.c: sessions, epochs and header shapes as small numbers.
 *
 * One number space per store: INTERN_KEYS finds the number of a key, INTERN
 * the bytes of a number. A number is never reused once committed. In memory a
 * direct-mapped cache stands before both trees; since a write transaction may
 * be aborted, and its numbers given to other things later, each one that
 * interns something draws a new random stamp, and the cache holds for one
 * stamp only: each is a round, and a slot of another round is empty.
 */
#include "crdt/repo_internal.h"

/* --- the cache */

void repo_cache_clear(struct cove_repo *repo)
{
    repo_shapes_clear(repo);
    if (++repo->cache_round == 0) { /* they were all used */
        memset(repo->by_num, 0, sizeof(repo->by_num));
        memset(repo->by_key, 0, sizeof(repo->by_key));
        repo->cache_round = 1;
    }
}

void repo_cache_settle(struct repo_work *work)
{
    struct cove_repo *repo = work->repo;

    if (memcmp(repo->cache_stamp, work->counters.stamp,
               sizeof(repo->cache_stamp)) != 0) {
        repo_cache_clear(repo);
        memcpy(repo->cache_stamp, work->counters.stamp,
               sizeof(repo->cache_stamp));
    }
}

static struct repo_slot *cache_key_slot(struct cove_repo *repo,
                                        struct cove_bytes key)
{
    uint32_t h = 2166136261u; /* FNV-1a over the ends */

    for (size_t i = 0; i < key.len && i < 8; i++) {
        h = (h ^ key.at[i]) * 16777619u;
        h = (h ^ key.at[key.len - 1 - i]) * 16777619u;
    }
    return &repo->by_key[(h ^ h >> 15) % REPO_CACHE];
}

static void cache_add(struct repo_work *work, uint32_t num, uint8_t kind,
                      struct cove_bytes key, struct cove_bytes value)
{
    struct repo_slot slot = {.num = num, .kind = kind};

    slot.key_len = (uint8_t)key.len;
    slot.value_len = (uint8_t)value.len;
    memcpy(slot.key, key.at, key.len);
    memcpy(slot.value, value.at, value.len);
    repo_cache_settle(work);
    slot.round = work->repo->cache_round;
    work->repo->by_num[num % REPO_CACHE] = slot;
    *cache_key_slot(work->repo, key) = slot;
}

/* NULL where it is not there. Borrowed until the next one is added. */
static const struct repo_slot *cache_by_num(struct repo_work *work,
                                            uint32_t num, uint8_t kind)
{
    const struct repo_slot *slot = &work->repo->by_num[num % REPO_CACHE];

    repo_cache_settle(work);
    return slot->round == work->repo->cache_round && slot->num == num &&
                   slot->kind == kind && num != 0
               ? slot
               : NULL;
}

static bool cache_by_key(struct repo_work *work, uint8_t kind,
                         struct cove_bytes key, uint32_t *num)
{
    repo_cache_settle(work);

    const struct repo_slot *slot = cache_key_slot(work->repo, key);
    bool found = slot->round == work->repo->cache_round && slot->num != 0 &&
                 slot->kind == kind && slot->key_len == key.len &&
                 memcmp(slot->key, key.at, key.len) == 0;

    if (found) {
        *num = slot->num;
    }
    return found;
}

/* --- the trees */

static int intern_get(struct repo_work *work, uint32_t num, uint8_t kind,
                      struct cove_bytes *out)
{
    struct cove_place place;
    struct cove_bytes value;

    cove_place_start(&place);
    cove_place_number(&place, num);

    int err = cove_store_get(work->txn, REPO_INTERN, cove_place_bytes(&place),
                             &value);

    if (err == COVE_ENOTFOUND ||
        (err == 0 && (value.len == 0 || value.at[0] != kind))) {
        return COVE_ECORRUPT;
    }
    if (err == 0) {
        *out = cove_bytes(value.at + 1, value.len - 1);
    }
    return err;
}

struct intern_key {
    uint8_t b[65];
    size_t len;
};

static struct cove_bytes intern_key(struct intern_key *room, uint8_t kind,
                                    struct cove_bytes key)
{
    room->b[0] = kind;
    memcpy(room->b + 1, key.at, key.len);
    room->len = key.len + 1;
    return cove_bytes(room->b, room->len);
}

static int intern_find(struct repo_work *work, uint8_t kind,
                       struct cove_bytes key, uint32_t *num)
{
    struct intern_key room;
    struct cove_bytes value;
    struct cove_unpacker u;
    int err = cove_store_get(work->txn, REPO_INTERN_KEYS,
                             intern_key(&room, kind, key), &value);

    if (err != 0) {
        return err;
    }
    cove_unpacker_init(&u, value);

    uint32_t n = cove_unpack_u32(&u);

    err = u.err; /* what it is may stand behind it */
    if (err == 0) {
        *num = n;
    }
    return err;
}

/* What is not in the key of a session or a header shape stands there too, so
 * that a page of one tree that is lost can be made again from the other. */
static struct cove_bytes intern_rest(uint8_t kind, struct cove_bytes value)
{
    size_t id = sizeof(struct cove_session_id);

    switch (kind) {
    case REPO_INTERN_SESSION:
        return cove_bytes(value.at + id, value.len - id);
    case REPO_INTERN_SHAPE:
        return value;
    default:
        return cove_bytes(NULL, 0);
    }
}

int repo_intern_put_key(struct repo_work *work, struct cove_bytes key,
                        uint32_t num, struct cove_bytes value)
{
    struct cove_bytes rest = intern_rest(key.at[0], value);
    struct cove_packer p;
    struct cove_buf buf;
    int err;

    cove_buf_init(&buf, work->repo->opt.alloc);
    cove_packer_init(&p, &buf);
    cove_pack_varint(&p, num);
    cove_pack_raw(&p, rest.at, rest.len);
    err = p.err != 0 ? p.err
                     : cove_store_put(work->txn, REPO_INTERN_KEYS, key,
                                      cove_buf_bytes(&buf));
    cove_buf_clear(&buf);
    return err;
}

static int intern_add(struct repo_work *work, uint8_t kind,
                      struct cove_bytes key, struct cove_bytes value,
                      uint32_t *num)
{
    const struct cove_env *env = work->repo->opt.env;
    struct intern_key room;
    struct cove_place place;
    struct cove_packer p;
    struct cove_buf buf;
    uint32_t n = work->counters.next_intern;

    if (n == UINT32_MAX) {
        return COVE_ELIMIT;
    }
    cove_place_start(&place);
    cove_place_number(&place, n);
    cove_buf_init(&buf, work->repo->opt.alloc);
    cove_packer_init(&p, &buf);
    cove_pack_byte(&p, kind);
    cove_pack_raw(&p, value.at, value.len);

    int err = p.err;

    if (err == 0) {
        err = cove_store_put(work->txn, REPO_INTERN, cove_place_bytes(&place),
                             cove_buf_bytes(&buf));
    }
    if (err == 0) {
        err = repo_intern_put_key(work, intern_key(&room, kind, key), n, value);
    }
    cove_buf_clear(&buf);
    if (err == 0) {
        work->counters.next_intern = n + 1;
        env->random(env->ctx, work->counters.stamp,
                    sizeof(work->counters.stamp));
        *num = n;
    }
    return err;
}

/* --- sessions */

static struct cove_bytes session_key(const struct cove_session_id *session)
{
    return cove_bytes(session->b, sizeof(session->b));
}

int repo_intern_session_of(struct repo_work *work, uint32_t num,
                           struct repo_session *out)
{
    const struct repo_slot *slot = cache_by_num(work, num, REPO_INTERN_SESSION);
    struct cove_bytes value;
    struct repo_session session;

    if (slot != NULL) {
        memcpy(out, slot->value, sizeof(*out));
        return 0;
    }

    int err = intern_get(work, num, REPO_INTERN_SESSION, &value);

    if (err != 0) {
        return err;
    }
    if (value.len != sizeof(session)) {
        return COVE_ECORRUPT;
    }
    memcpy(&session, value.at, sizeof(session));
    cache_add(work, num, REPO_INTERN_SESSION, session_key(&session.session),
              value);
    *out = session;
    return 0;
}

int cove_repo_sessions(struct cove_repo *repo, struct cove_store_txn *txn,
                       struct cove_session_counts *out)
{
    const uint8_t kind = REPO_INTERN_SESSION;
    struct cove_session_counts counts = {.ours = 0};
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    struct repo_work work;
    int err = repo_work_begin(&work, repo, txn, NULL, NULL);

    err =
        err != 0 ? err : cove_store_cursor_open(txn, REPO_INTERN_KEYS, &cursor);
    if (err != 0) {
        return err;
    }
    err = cove_store_cursor_seek(cursor, cove_bytes(&kind, 1), &entry);
    while (err == 0 && entry.key.at[0] == kind) {
        struct repo_session session;
        struct cove_unpacker u;
        uint32_t num;

        cove_unpacker_init(&u, entry.value);
        num = cove_unpack_u32(&u);
        err = u.err != 0 ? u.err : repo_intern_session_of(&work, num, &session);
        if (err != 0) {
            break;
        }

        bool ours = memcmp(&session.device, &repo->opt.device,
                           sizeof(session.device)) == 0;

        counts.ours += ours;
        counts.ended += ours && num != work.counters.own_session;
        counts.others += !ours;
        err = cove_store_cursor_next(cursor, &entry);
    }
    cove_store_cursor_close(cursor);
    if (err != 0 && err != COVE_ENOTFOUND) {
        return err;
    }
    *out = counts;
    return 0;
}

int repo_intern_session_find(struct repo_work *work,
                             const struct cove_session_id *session,
                             uint32_t *num)
{
    struct cove_bytes key = session_key(session);

    if (cache_by_key(work, REPO_INTERN_SESSION, key, num)) {
        return 0;
    }
    return intern_find(work, REPO_INTERN_SESSION, key, num);
}

int repo_intern_session_add(struct repo_work *work,
                            const struct repo_session *session, uint32_t *num)
{
    int err = repo_intern_session_find(work, &session->session, num);

    if (err != COVE_ENOTFOUND) {
        return err;
    }
    return intern_add(work, REPO_INTERN_SESSION, session_key(&session->session),
                      cove_bytes(session, sizeof(*session)), num);
}

/* --- epochs; number 0 stands for none */

int repo_intern_epoch_of(struct repo_work *work, uint32_t num,
                         struct cove_step_id *out)
{
    const struct repo_slot *slot = cache_by_num(work, num, REPO_INTERN_EPOCH);
    struct cove_bytes value;

    if (slot != NULL) {
        memcpy(out->b, slot->value, sizeof(out->b));
        return 0;
    }

    int err = intern_get(work, num, REPO_INTERN_EPOCH, &value);

    if (err != 0) {
        return err;
    }
    if (value.len != sizeof(out->b)) {
        return COVE_ECORRUPT;
    }
    memcpy(out->b, value.at, sizeof(out->b));
    cache_add(work, num, REPO_INTERN_EPOCH, value, value);
    return 0;
}

static struct cove_bytes epoch_key(const struct cove_step_id *epoch)
{
    return cove_bytes(epoch->b, sizeof(epoch->b));
}

int repo_intern_epoch_find(struct repo_work *work,
                           const struct cove_step_id *epoch, uint32_t *num)
{
    struct cove_bytes key = epoch_key(epoch);

    if (cache_by_key(work, REPO_INTERN_EPOCH, key, num)) {
        return 0;
    }

    int err = intern_find(work, REPO_INTERN_EPOCH, key, num);

    if (err == 0) {
        cache_add(work, *num, REPO_INTERN_EPOCH, key, key);
    }
    return err;
}

int repo_intern_epoch_add(struct repo_work *work,
                          const struct cove_step_id *epoch, uint32_t *num)
{
    struct cove_bytes key = epoch_key(epoch);
    int err = repo_intern_epoch_find(work, epoch, num);

    if (err == COVE_ENOTFOUND) {
        err = intern_add(work, REPO_INTERN_EPOCH, key, key, num);
    }
    return err;
}

/* --- sessions in op ids */

int repo_pack_session(struct repo_work *work, const struct cove_op_id *id,
                      struct cove_packer *p)
{
    struct repo_session known;
    uint32_t num = 0;
    int err = work->spelled
                  ? COVE_ENOTFOUND
                  : repo_intern_session_find(work, &id->session, &num);

    if (err == 0) {
        err = repo_intern_session_of(work, num, &known);
    }
    if (err != 0 && err != COVE_ENOTFOUND) {
        return err;
    }
    if (err == COVE_ENOTFOUND ||
        memcmp(&known.device, &id->device, sizeof(known.device)) != 0) {
        cove_pack_varint(p, 0);
        cove_pack_raw(p, id->session.b, sizeof(id->session.b));
        cove_pack_raw(p, id->device.b, sizeof(id->device.b));
    } else {
        cove_pack_varint(p, num);
    }
    return p->err;
}

int repo_unpack_session(struct repo_work *work, struct cove_unpacker *u,
                        struct cove_op_id *id)
{
    struct repo_session known;
    uint32_t num = cove_unpack_u32(u);

    if (num == 0) {
        cove_unpack_raw(u, id->session.b, sizeof(id->session.b));
        cove_unpack_raw(u, id->device.b, sizeof(id->device.b));
        return u->err;
    }

    int err = work->spelled ? COVE_ECORRUPT
                            : repo_intern_session_of(work, num, &known);

    if (err == 0) {
        id->session = known.session;
        id->device = known.device;
    }
    return err;
}

/* --- registers, up to 64 bytes */

int repo_intern_register_of(struct repo_work *work, uint32_t num,
                            struct cove_bytes *out)
{
    const struct repo_slot *slot =
        cache_by_num(work, num, REPO_INTERN_REGISTER);
    struct cove_bytes value;

    if (slot != NULL) {
        return cove_arena_copy(work->arena,
                               cove_bytes(slot->value, slot->value_len), out);
    }

    int err = intern_get(work, num, REPO_INTERN_REGISTER, &value);

    if (err != 0) {
        return err;
    }
    if (value.len == 0 || value.len > sizeof(slot->value)) {
        return COVE_ECORRUPT;
    }
    cache_add(work, num, REPO_INTERN_REGISTER, value, value);
    return cove_arena_copy(work->arena, value, out);
}

int repo_intern_register_find(struct repo_work *work, struct cove_bytes reg,
                              uint32_t *num)
{
    if (cache_by_key(work, REPO_INTERN_REGISTER, reg, num)) {
        return 0;
    }

    int err = intern_find(work, REPO_INTERN_REGISTER, reg, num);

    if (err == 0) {
        cache_add(work, *num, REPO_INTERN_REGISTER, reg, reg);
    }
    return err;
}

int repo_intern_register_add(struct repo_work *work, struct cove_bytes reg,
                             uint32_t *num)
{
    return intern_add(work, REPO_INTERN_REGISTER, reg, reg, num);
}

/* --- header shapes, found by their hash */

int repo_intern_shape_of(struct repo_work *work, uint32_t num,
                         struct cove_bytes *out)
{
    return intern_get(work, num, REPO_INTERN_SHAPE, out);
}

int repo_intern_shape_add(struct repo_work *work, struct cove_bytes shape,
                          uint32_t *num)
{
    struct cove_hash hash = cove_hash("cove/shape", shape);
    struct cove_bytes key = cove_bytes(hash.b, sizeof(hash.b));
    int err = intern_find(work, REPO_INTERN_SHAPE, key, num);

    if (err == COVE_ENOTFOUND) {
        err = intern_add(work, REPO_INTERN_SHAPE, key, shape, num);
    }
    return err;
}
