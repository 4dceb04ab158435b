/* repo_sums.c: the tree of sums in the store: its nodes and its position. */
#include "crdt/repo_sums.h"

#include "crdt/repo_sums_parts.h"

#define SUMS_LEAF     0 /* the first byte of a node's record */
#define SUMS_INNER    1
#define SUMS_POSITION 0xff /* a key: behind those of all groups */

/* --- keys: class, owner, schema, depth, bits
 *
 * A number's bytes begin with their count, so SUMS_POSITION is behind them all.
 */

static size_t path_bytes(const struct cove_sum_path *path)
{
    return (path->depth + 1u) / 2;
}

struct sums_place {
    uint8_t b[COVE_STORE_MAX_KEY];
    size_t len;
};

static struct cove_bytes place_bytes(const struct sums_place *place)
{
    return cove_bytes(place->b, place->len);
}

static void place_add(struct sums_place *place, const void *at, size_t len)
{
    memcpy(place->b + place->len, at, len);
    place->len += len;
}

static void group_place(struct sums_place *place,
                        const struct cove_sum_group *group)
{
    const uint8_t has_schema = group->has_schema;
    struct cove_place numbers;

    cove_place_start(&numbers);
    cove_place_number(&numbers, group->class);
    cove_place_number(&numbers, group->owner);
    place->len = 0;
    place_add(place, numbers.b, numbers.len);
    place_add(place, &has_schema, 1);
    if (group->has_schema) {
        place_add(place, group->schema.b, sizeof(group->schema.b));
    }
}

static void node_place(struct sums_place *place,
                       const struct cove_sum_group *group,
                       const struct cove_sum_path *path)
{
    group_place(place, group);
    place_add(place, &path->depth, 1);
    place_add(place, path->bits, path_bytes(path));
}

int cove_sum_group_order(const struct cove_sum_group *a,
                         const struct cove_sum_group *b)
{
    if (a->class != b->class) {
        return a->class < b->class ? -1 : 1;
    }
    if (a->owner != b->owner) {
        return a->owner < b->owner ? -1 : 1;
    }
    if (a->has_schema != b->has_schema) {
        return a->has_schema ? 1 : -1;
    }
    return memcmp(&a->schema, &b->schema, sizeof(a->schema));
}

void cove_sum_path_down(struct cove_sum_path *path, unsigned way)
{
    path->bits[path->depth / 2] |=
        (uint8_t)(path->depth % 2 == 0 ? way << 4 : way);
    path->depth++;
}

/* --- nodes */

void sums_mark(const struct cove_id *id, const struct cove_hash *digest,
               uint8_t out[COVE_SUM_MARK])
{
    const struct cove_bytes parts[] = {
        cove_bytes(id->b, sizeof(id->b)),
        cove_bytes(digest->b, sizeof(digest->b))};
    struct cove_hash hash =
        cove_hash_parts("cove/sum-doc", parts, COVE_ARRAY_LEN(parts));

    memcpy(out, hash.b, COVE_SUM_MARK);
}

struct cove_hash sums_node_hash(const struct cove_sum_node *node)
{
    struct cove_hasher hasher;

    if (node->leaf) {
        return cove_hash("cove/sum-leaf",
                         cove_bytes(node->mark, node->count * COVE_SUM_MARK));
    }

    const uint8_t mask[] = {(uint8_t)(node->mask >> 8), (uint8_t)node->mask};

    cove_hasher_init(&hasher, "cove/sum-node");
    cove_hasher_add(&hasher, cove_bytes(mask, sizeof(mask)));
    for (unsigned way = 0; way < COVE_SUM_WAYS; way++) {
        if (node->mask >> way & 1) {
            cove_hasher_add(&hasher, cove_bytes(node->child[way].b,
                                                sizeof(node->child[way].b)));
        }
    }
    return cove_hasher_end(&hasher);
}

void sums_leaf_add(struct cove_sum_node *leaf,
                   const uint8_t mark[COVE_SUM_MARK], cove_num num)
{
    size_t at = leaf->count++;

    for (; at > 0 && memcmp(leaf->mark[at - 1], mark, COVE_SUM_MARK) > 0;
         at--) {
        memcpy(leaf->mark[at], leaf->mark[at - 1], COVE_SUM_MARK);
        leaf->num[at] = leaf->num[at - 1];
    }
    memcpy(leaf->mark[at], mark, COVE_SUM_MARK);
    leaf->num[at] = num;
}

int sums_node_write(struct repo_work *work, const struct cove_sum_group *group,
                    const struct cove_sum_path *path,
                    const struct cove_sum_node *node)
{
    struct sums_place place = {.len = 0};
    struct cove_packer p;
    struct cove_buf buf;

    cove_buf_init(&buf, work->repo->opt.alloc);
    cove_packer_init(&p, &buf);
    cove_pack_byte(&p, node->leaf ? SUMS_LEAF : SUMS_INNER);
    for (size_t i = 0; node->leaf && i < node->count; i++) {
        cove_pack_raw(&p, node->mark[i], COVE_SUM_MARK);
        cove_pack_varint(&p, node->num[i]);
    }
    if (!node->leaf) {
        cove_pack_byte(&p, (uint8_t)(node->mask >> 8));
        cove_pack_byte(&p, (uint8_t)node->mask);
    }
    for (unsigned way = 0; !node->leaf && way < COVE_SUM_WAYS; way++) {
        if (node->mask >> way & 1) {
            cove_pack_raw(&p, node->child[way].b, sizeof(node->child[way].b));
        }
    }
    node_place(&place, group, path);

    int err = p.err != 0
                  ? p.err
                  : cove_store_put(work->txn, REPO_SUMS, place_bytes(&place),
                                   cove_buf_bytes(&buf));

    cove_buf_clear(&buf);
    return err;
}

static int leaf_unpack(struct cove_unpacker *u, struct cove_sum_node *out)
{
    while (u->err == 0 && u->at < u->end) {
        if (out->count == COVE_SUM_LEAF) {
            return COVE_ECORRUPT;
        }
        cove_unpack_raw(u, out->mark[out->count], COVE_SUM_MARK);
        out->num[out->count] = cove_unpack_varint(u);
        if (out->count > 0 &&
            memcmp(out->mark[out->count - 1], out->mark[out->count],
                   COVE_SUM_MARK) > 0) {
            return COVE_ECORRUPT;
        }
        out->count++;
    }
    return cove_unpacker_done(u);
}

static int inner_unpack(struct cove_unpacker *u, struct cove_sum_node *out)
{
    unsigned high = cove_unpack_byte(u);

    out->mask = (uint16_t)(high << 8 | cove_unpack_byte(u));
    for (unsigned way = 0; way < COVE_SUM_WAYS; way++) {
        if (out->mask >> way & 1) {
            cove_unpack_raw(u, out->child[way].b, sizeof(out->child[way].b));
        }
    }
    return cove_unpacker_done(u);
}

int cove_repo_sums_read(struct cove_repo *repo, struct cove_store_txn *txn,
                        const struct cove_sum_group *group,
                        const struct cove_sum_path *path,
                        struct cove_sum_node *out)
{
    struct sums_place place = {.len = 0};
    struct cove_bytes value;
    struct cove_unpacker u;

    (void)repo;
    out->count = 0;
    out->mask = 0;
    node_place(&place, group, path);

    int err = cove_store_get(txn, REPO_SUMS, place_bytes(&place), &value);

    if (err != 0) {
        return err;
    }
    cove_unpacker_init(&u, value);

    unsigned kind = cove_unpack_byte(&u);

    out->leaf = kind == SUMS_LEAF;
    return out->leaf            ? leaf_unpack(&u, out)
           : kind == SUMS_INNER ? inner_unpack(&u, out)
                                : COVE_ECORRUPT;
}

/* --- groups */

static int sums_seek(struct cove_store_txn *txn, struct cove_bytes from,
                     uint8_t key[COVE_STORE_MAX_KEY], size_t *len)
{
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    int err = cove_store_cursor_open(txn, REPO_SUMS, &cursor);

    if (err != 0) {
        return err;
    }
    err = cove_store_cursor_seek(cursor, from, &entry);
    if (err == 0) {
        memcpy(key, entry.key.at, entry.key.len);
        *len = entry.key.len;
    }
    cove_store_cursor_close(cursor);
    return err;
}

static int group_schema(struct cove_bytes *key, struct cove_sum_group *out)
{
    memset(&out->schema, 0, sizeof(out->schema));
    out->has_schema = key->len > 0 && key->at[0] == 1;
    if (key->len == 0 || key->at[0] > 1 ||
        key->len < (out->has_schema ? 1 + sizeof(out->schema.b) : 1)) {
        return COVE_ECORRUPT;
    }
    key->at++;
    key->len--;
    if (out->has_schema) {
        memcpy(out->schema.b, key->at, sizeof(out->schema.b));
        key->at += sizeof(out->schema.b);
        key->len -= sizeof(out->schema.b);
    }
    return 0;
}

static int group_take(struct cove_bytes *key, struct cove_sum_group *out)
{
    uint64_t class = 0;
    int err = cove_place_take(key, &class);

    if (err == 0 && class > COVE_CLASS_CONTENT) {
        err = COVE_ECORRUPT;
    }
    out->class = (enum cove_doc_class) class;
    err = err != 0 ? err : cove_place_take(key, &out->owner);
    return err != 0 ? err : group_schema(key, out);
}

bool sums_key_is_position(struct cove_bytes key)
{
    return key.len > 0 && key.at[0] == SUMS_POSITION;
}

int sums_key_take(struct cove_bytes key, struct cove_sum_group *group,
                  struct cove_sum_path *path)
{
    int err = group_take(&key, group);

    memset(path, 0, sizeof(*path));
    if (err != 0 || key.len == 0 || key.at[0] > COVE_SUM_DEPTH) {
        return COVE_ECORRUPT;
    }
    path->depth = key.at[0];
    if (key.len != 1 + path_bytes(path)) {
        return COVE_ECORRUPT;
    }
    memcpy(path->bits, key.at + 1, path_bytes(path));
    return 0;
}

void sums_group_of(const struct repo_record *record, struct cove_sum_group *out)
{
    memset(out, 0, sizeof(*out));
    out->class = cove_repo_class(&record->header);
    out->owner = record->owner != 0 ? record->owner : record->num;
    out->has_schema = record->header.has_schema;
    if (out->has_schema) {
        out->schema = record->header.schema;
    }
}

bool sums_path_leads(const struct cove_sum_path *path, const struct cove_id *id)
{
    return memcmp(path->bits, id->b, path->depth / 2) == 0 &&
           (path->depth % 2 == 0 ||
            path->bits[path->depth / 2] == (id->b[path->depth / 2] & 0xf0));
}

int cove_repo_sums_next(struct cove_repo *repo, struct cove_store_txn *txn,
                        const struct cove_sum_group *after,
                        struct cove_sum_group *out)
{
    const uint8_t behind = COVE_SUM_DEPTH + 1; /* no node is that deep */
    struct sums_place place = {.len = 0};
    uint8_t key[COVE_STORE_MAX_KEY];
    struct cove_bytes rest = {key, 0};
    int err;

    (void)repo;
    if (after != NULL) {
        group_place(&place, after);
        place_add(&place, &behind, 1);
    }
    err = sums_seek(txn, place_bytes(&place), key, &rest.len);
    if (err == 0 && sums_key_is_position(rest)) {
        err = COVE_ENOTFOUND;
    }
    return err != 0 ? err : group_take(&rest, out);
}

/* --- position */

static struct cove_bytes position_key(void)
{
    static const uint8_t key = SUMS_POSITION;

    return cove_bytes(&key, 1);
}

int cove_repo_sums_position(struct cove_repo *repo, struct cove_store_txn *txn,
                            uint64_t *out)
{
    struct cove_bytes value;
    struct cove_unpacker u;
    int err = cove_store_get(txn, REPO_SUMS, position_key(), &value);

    (void)repo;
    *out = 0;
    if (err != 0) {
        return err == COVE_ENOTFOUND ? 0 : err;
    }
    cove_unpacker_init(&u, value);
    *out = cove_unpack_varint(&u);
    return cove_unpacker_done(&u);
}

int sums_position_put(struct repo_work *work, uint64_t position)
{
    struct cove_packer p;
    struct cove_buf buf;

    cove_buf_init(&buf, work->repo->opt.alloc);
    cove_packer_init(&p, &buf);
    cove_pack_varint(&p, position);

    int err = p.err != 0 ? p.err
                         : cove_store_put(work->txn, REPO_SUMS, position_key(),
                                          cove_buf_bytes(&buf));

    cove_buf_clear(&buf);
    return err;
}

int cove_repo_sums_drop(struct cove_repo *repo, struct cove_store_txn *txn)
{
    struct repo_first first;
    int err = 0;

    (void)repo;
    while (err == 0) {
        err = repo_first_under(txn, REPO_SUMS, cove_bytes(NULL, 0), &first);
        if (err == 0) {
            err = cove_store_del(txn, REPO_SUMS,
                                 cove_bytes(first.key, first.len));
        }
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}
