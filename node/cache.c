/* cache.c: see cache.h.
 *
 * Entries hang in buckets by their id and stand in a queue by when they came.
 * Where room is wanted the oldest goes, unless it was read since it was last at
 * the queue's end: then it goes to the other one. What is read once, as by who
 * goes through all documents, is not kept: the first read leaves a mark, and a
 * later one that still finds it makes the entry.
 *
 * Of a record there is a short hash, keyed: two records have the same with a
 * chance of one in 2^64, whoever made them up.
 */
#include "core/crypto.h"
#include "core/value.h"
#include "node/node.h"

#define CACHE_MARK    256  /* bytes of the cache for which there is one mark */
#define CACHE_BUCKETS 64   /* at first */
#define CACHE_ENTRY   4096 /* bytes that one may take */
#define CACHE_FIELDS  32

struct cache_entry {
    struct cove_id id;
    cove_num num;
    cove_num schema;          /* 0: none */
    uint64_t serial;          /* of the schema */
    uint64_t seen;            /* the commit as of which it was looked at */
    struct cache_entry *next; /* in its bucket */
    struct cache_entry *older, *newer; /* in the queue */
    bool read;                         /* since it was put there */
    uint16_t field_count;
    uint32_t size;
    uint64_t record; /* a hash of it */
    uint8_t bytes[]; /* of each field two lengths, its name, its CBOR */
};

struct cache_lens {
    uint16_t name, value;
};

struct node_cache {
    size_t bytes; /* of all of it */
    uint64_t generation;
    uint64_t uses_as_of;
    uint64_t salt[2]; /* who makes up ids does not know their buckets … */
    uint8_t key[COVE_SHORT_KEY]; /* … and of records not their hashes */
    struct cache_entry **buckets;
    unsigned shift; /* 64 - log2 of their number */
    size_t count;
    struct cache_entry *oldest, *newest;
    size_t mark_count; /* a power of two */
    uint16_t marks[];  /* of documents that were read lately */
};

/* --- bytes */

static size_t cache_share(struct cove *store)
{
    unsigned caches = atomic_load(&store->caches);

    return store->cache_most / (caches > 0 ? caches : 1);
}

static bool bytes_take(struct cove *store, struct node_cache *cache,
                       size_t size)
{
    size_t before = atomic_fetch_add(&store->cache_bytes, size);

    if (before + size > store->cache_most) {
        atomic_fetch_sub(&store->cache_bytes, size);
        return false;
    }
    cache->bytes += size;
    return true;
}

static void bytes_give(struct cove *store, struct node_cache *cache,
                       size_t size)
{
    cache->bytes -= size;
    atomic_fetch_sub(&store->cache_bytes, size);
}

/* --- entries */

static uint64_t cache_hash(const struct node_cache *cache,
                           const struct cove_id *id)
{
    return cove_get_be64(id->b) * cache->salt[0] +
           cove_get_be64(id->b + 8) * cache->salt[1];
}

static struct cache_entry **cache_bucket(const struct node_cache *cache,
                                         const struct cove_id *id)
{
    return &cache->buckets[cache_hash(cache, id) >> cache->shift];
}

static struct cache_entry *cache_find(const struct node_cache *cache,
                                      const struct cove_id *id)
{
    struct cache_entry *e = *cache_bucket(cache, id);

    while (e != NULL && memcmp(e->id.b, id->b, sizeof(id->b)) != 0) {
        e = e->next;
    }
    return e;
}

static void queue_leave(struct node_cache *cache, struct cache_entry *e)
{
    *(e->older != NULL ? &e->older->newer : &cache->oldest) = e->newer;
    *(e->newer != NULL ? &e->newer->older : &cache->newest) = e->older;
}

static void queue_join(struct node_cache *cache, struct cache_entry *e)
{
    e->older = cache->newest;
    e->newer = NULL;
    *(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = e;
    cache->newest = e;
}

static void cache_drop(struct cove *store, struct node_cache *cache,
                       struct cache_entry *e)
{
    struct cache_entry **place = cache_bucket(cache, &e->id);

    while (*place != e) {
        place = &(*place)->next;
    }
    *place = e->next;
    queue_leave(cache, e);
    cache->count--;
    bytes_give(store, cache, e->size);
    cove_alloc_free(store->alloc, e);
}

static void cache_evict(struct cove *store, struct node_cache *cache)
{
    while (cache->oldest->read) {
        struct cache_entry *e = cache->oldest;

        e->read = false;
        queue_leave(cache, e);
        queue_join(cache, e);
    }
    cache_drop(store, cache, cache->oldest);
}

static bool cache_room(struct cove *store, struct node_cache *cache,
                       size_t size)
{
    size_t share = cache_share(store);

    while (cache->oldest != NULL && cache->bytes + size > share) {
        cache_evict(store, cache);
    }
    return cache->bytes + size <= share && bytes_take(store, cache, size);
}

/* Twice as many buckets; where there is no room for them, chains get longer. */
static void cache_grow(struct cove *store, struct node_cache *cache)
{
    size_t count = (size_t)1 << (64 - cache->shift);
    size_t size = 2 * count * sizeof(struct cache_entry *);
    struct cache_entry **buckets = cache->buckets;

    if (!cache_room(store, cache, size)) {
        return;
    }
    cache->buckets = cove_alloc_zero(store->alloc, 1, size);
    if (cache->buckets == NULL) {
        cache->buckets = buckets;
        bytes_give(store, cache, size);
        return;
    }
    cove_alloc_free(store->alloc, buckets);
    bytes_give(store, cache, size / 2);
    cache->shift--;
    for (struct cache_entry *e = cache->oldest; e != NULL; e = e->newer) {
        struct cache_entry **bucket = cache_bucket(cache, &e->id);

        e->next = *bucket;
        *bucket = e;
    }
}

/* --- the cache */

static struct node_cache *cache_make(struct cove *store)
{
    const size_t buckets = CACHE_BUCKETS * sizeof(struct cache_entry *);
    struct node_cache *cache;
    size_t marks = 1, size;

    while (marks * 2 <= store->cache_most / CACHE_MARK) {
        marks *= 2;
    }
    size = sizeof(*cache) + marks * sizeof(cache->marks[0]);
    cache = cove_alloc_zero(store->alloc, 1, size);
    if (cache == NULL) {
        return NULL;
    }
    cache->mark_count = marks;
    cache->buckets = cove_alloc_zero(store->alloc, 1, buckets);
    if (cache->buckets == NULL || !bytes_take(store, cache, size + buckets)) {
        cove_alloc_free(store->alloc, cache->buckets);
        cove_alloc_free(store->alloc, cache);
        return NULL;
    }
    cache->shift = 64 - 6;
    store->env->random(store->env->ctx, cache->salt, sizeof(cache->salt));
    store->env->random(store->env->ctx, cache->key, sizeof(cache->key));
    cache->salt[0] |= 1;
    cache->salt[1] |= 1;
    atomic_fetch_add(&store->caches, 1);
    return cache;
}

static void cache_empty(struct cove *store, struct node_cache *cache)
{
    while (cache->oldest != NULL) {
        cache_drop(store, cache, cache->oldest);
    }
}

void node_cache_free(struct cove *store, struct node_worker *worker)
{
    struct node_cache *cache = worker->cache;

    if (cache == NULL) {
        return;
    }
    cache_empty(store, cache);
    bytes_give(store, cache, cache->bytes);
    cove_alloc_free(store->alloc, cache->buckets);
    cove_alloc_free(store->alloc, cache);
    atomic_fetch_sub(&store->caches, 1);
    worker->cache = NULL;
}

void node_cache_trim(struct cove *store, struct node_worker *worker)
{
    struct node_cache *cache = worker->cache;

    while (cache != NULL && cache->oldest != NULL &&
           cache->bytes > cache_share(store)) {
        cache_evict(store, cache);
    }
}

/* --- what holds */

/* Of one that only reads, at the version that the app speaks, on no branch. */
static bool cache_serves(const struct cove_txn *txn)
{
    return txn->store->cache_most > 0 && cove_fork_ours(&txn->store->fork) &&
           (txn->flags & (COVE_WRITE | COVE_RAW)) == 0 && txn->branches == NULL;
}

/* Forget what is of commits that were lost, or of other versions. */
static void cache_keep_up(struct cove_txn *txn, struct node_cache *cache)
{
    uint64_t generation = cove_store_generation(txn->txn);

    if (cache->generation != generation ||
        cache->uses_as_of != txn->worker->uses_as_of) {
        cache_empty(txn->store, cache);
        cache->generation = generation;
        cache->uses_as_of = txn->worker->uses_as_of;
    }
}

static bool schema_serial(struct cove_txn *txn, cove_num num, uint64_t *out)
{
    const struct cove_schema_doc *schema;

    if (num != 0 && txn->schema.num != num) {
        if (cove_catalog_open(txn->worker->catalog, txn->txn, num, &schema) !=
            0) {
            return false; /* who reads the document hears why */
        }
        txn->schema = (struct node_cache_schema){num, schema->serial};
    }
    *out = num == 0 ? 0 : txn->schema.serial;
    return true;
}

static bool entry_holds(struct cove_txn *txn, struct cache_entry *e)
{
    uint64_t seen = cove_store_seen(txn->txn), serial;
    struct cove_bytes record;

    if (!schema_serial(txn, e->schema, &serial) || serial != e->serial) {
        return false;
    }
    if (e->seen == seen) {
        return true;
    }
    if (cove_repo_record(txn->txn, e->num, &record) != 0 ||
        cove_hash_short(txn->worker->cache->key, record) != e->record) {
        return false;
    }
    e->seen = seen;
    return true;
}

static bool cache_get(struct cove_txn *txn, const struct cove_id *id,
                      struct cove_bytes field, struct cove_bytes *out)
{
    struct node_cache *cache = txn->worker->cache;
    struct cache_entry *e;
    const uint8_t *at;

    if (cache == NULL) {
        return false;
    }
    cache_keep_up(txn, cache);
    e = cache_find(cache, id);
    if (e == NULL) {
        return false;
    }
    if (!entry_holds(txn, e)) {
        cache_drop(txn->store, cache, e);
        return false;
    }
    e->read = true;
    at = e->bytes;
    for (size_t i = 0; i < e->field_count; i++) {
        struct cache_lens lens;

        memcpy(&lens, at, sizeof(lens));
        at += sizeof(lens);
        if (cove_bytes_equal(cove_bytes(at, lens.name), field)) {
            *out = cove_bytes(at + lens.name, lens.value);
            return true;
        }
        at += lens.name + lens.value;
    }
    return false;
}

/* Nobody else writes it, so it need not be one step. */
static void cache_count(_Atomic(uint64_t) *counter)
{
    uint64_t n = atomic_load_explicit(counter, memory_order_relaxed);

    atomic_store_explicit(counter, n + 1, memory_order_relaxed);
}

bool node_cache_get(struct cove_txn *txn, const struct cove_id *id,
                    struct cove_bytes field, struct cove_bytes *out)
{
    bool found;

    if (!cache_serves(txn)) {
        return false;
    }
    found = cache_get(txn, id, field, out);
    cache_count(found ? &txn->worker->hits : &txn->worker->misses);
    return found;
}

/* --- what is kept */

struct cache_fields {
    struct cove_bytes name[CACHE_FIELDS], value[CACHE_FIELDS];
    size_t count;
    size_t bytes; /* as they lie in an entry */
};

static bool fields_add(struct cache_fields *f, struct cove_bytes name,
                       const struct cove_cell *cell)
{
    if (cell->kind != COVE_PRESENT) {
        return true; /* there is something to say of it */
    }
    if (f->count == CACHE_FIELDS || name.len > CACHE_ENTRY ||
        cell->bytes.len > CACHE_ENTRY) {
        return false;
    }
    f->name[f->count] = name;
    f->value[f->count++] = cell->bytes;
    f->bytes += sizeof(struct cache_lens) + name.len + cell->bytes.len;
    return f->bytes <= CACHE_ENTRY;
}

static bool fields_of_version(struct cove_loaded *loaded,
                              struct cache_fields *f)
{
    for (size_t i = 0; i < loaded->plan->field_count; i++) {
        struct cove_field field;

        if (i == CACHE_FIELDS ||
            cove_view_field(&loaded->view, i, &field) != 0 ||
            !fields_add(f, field.name, &field.cell)) {
            return false;
        }
    }
    return true;
}

/* Without a schema: what each register says that a user wrote. */
static bool fields_of_registers(struct cove_loaded *loaded,
                                struct cache_fields *f)
{
    const struct cove_state *state = &loaded->doc.state;

    for (size_t i = 0; i < state->native_count; i++) {
        struct cove_bytes reg = state->natives[i].reg;
        struct cove_cell cell;

        if (i > 0 && cove_bytes_equal(reg, state->natives[i - 1].reg)) {
            continue;
        }
        if (cove_loaded_get(loaded, reg, &cell, NULL) != 0 ||
            !fields_add(f, reg, &cell)) {
            return false;
        }
    }
    return true;
}

/* Does it show what its own record and its schema say, and nothing else? A
 * document with `from` in its header may be a child of another. */
static bool doc_stands_alone(const struct cove_loaded *loaded)
{
    const struct cove_header *h = &loaded->doc.header;

    return h->type == COVE_DOC_COMAP && h->from.len == 0 &&
           loaded->kin == NULL && loaded->family == NULL &&
           !cove_loaded_is_loose(loaded);
}

static void entry_fill(struct cache_entry *e, const struct cache_fields *f)
{
    uint8_t *at = e->bytes;

    for (size_t i = 0; i < f->count; i++) {
        struct cache_lens lens = {(uint16_t)f->name[i].len,
                                  (uint16_t)f->value[i].len};

        memcpy(at, &lens, sizeof(lens));
        at += sizeof(lens);
        if (lens.name > 0) {
            memcpy(at, f->name[i].at, lens.name);
        }
        memcpy(at + lens.name, f->value[i].at, lens.value);
        at += lens.name + lens.value;
    }
    e->field_count = (uint16_t)f->count;
}

/* In its place; dropped again where that is all there is room for. */
static void cache_put(struct cove *store, struct node_cache *cache,
                      const struct cache_entry *head,
                      const struct cache_fields *f)
{
    size_t size = sizeof(*head) + f->bytes;
    struct cache_entry **bucket, *e;

    if (cache->count >> (64 - cache->shift) != 0) {
        cache_grow(store, cache);
    }
    if (!cache_room(store, cache, size)) {
        return;
    }
    e = cove_alloc_new(store->alloc, size);
    if (e == NULL) {
        bytes_give(store, cache, size);
        return;
    }
    *e = *head;
    e->size = (uint32_t)size;
    entry_fill(e, f);
    bucket = cache_bucket(cache, &e->id);
    e->next = *bucket;
    *bucket = e;
    queue_join(cache, e);
    cache->count++;
}

/* Was it marked? It is from now on. */
static bool cache_marked(struct node_cache *cache, const struct cove_id *id)
{
    uint64_t hash = cache_hash(cache, id);
    uint16_t *mark = &cache->marks[hash & (cache->mark_count - 1)];
    uint16_t is = (uint16_t)(hash >> 48);
    bool marked = *mark == is;

    *mark = is;
    return marked;
}

static void cache_keep(struct cove_txn *txn, struct cove_loaded *loaded)
{
    struct node_cache *cache = txn->worker->cache;
    struct cache_fields fields = {.count = 0};
    struct cache_entry head = {.id = loaded->doc.id,
                               .num = loaded->doc.num,
                               .schema = loaded->doc.schema_num,
                               .seen = cove_store_seen(txn->txn)};
    struct cove_bytes record;

    if (schema_serial(txn, head.schema, &head.serial) &&
        cove_repo_record(txn->txn, head.num, &record) == 0 &&
        (loaded->raw ? fields_of_registers(loaded, &fields)
                     : fields_of_version(loaded, &fields))) {
        head.record = cove_hash_short(cache->key, record);
        cache_put(txn->store, cache, &head, &fields);
    }
}

void node_cache_offer(struct cove_txn *txn, struct node_doc *d)
{
    struct node_worker *worker = txn->worker;

    if (d->offered || !cache_serves(txn) || !doc_stands_alone(&d->loaded)) {
        return;
    }
    d->offered = true;
    if (worker->cache == NULL) {
        worker->cache = cache_make(txn->store);
    }
    if (worker->cache == NULL) {
        return;
    }
    cache_keep_up(txn, worker->cache);
    if (cache_marked(worker->cache, &d->id) &&
        cache_find(worker->cache, &d->id) == NULL) {
        cache_keep(txn, &d->loaded);
    }
}
