/* interest.c: see interest.h. */
#include "sync/interest.h"

#include "crdt/repo_refs.h"
#include "sync/message.h"

#include <stdlib.h>

#define INTEREST_ITEMS 3

struct cove_bytes cove_interest_everything(void)
{
    static const uint8_t null[] = {0xf6};

    return cove_bytes(null, sizeof(null));
}

void cove_interest_init(struct cove_interest *in,
                        const struct cove_alloc *alloc)
{
    memset(in, 0, sizeof(*in));
    in->alloc = alloc;
    in->all = true;
}

void cove_interest_clear(struct cove_interest *in)
{
    cove_alloc_free(in->alloc, in->schemas);
    cove_alloc_free(in->alloc, in->groups);
    cove_alloc_free(in->alloc, in->docs);
    cove_interest_init(in, in->alloc);
}

/* --- its form */

/* A list of ids, ascending; into `out` where that is not NULL. */
static bool read_ids(struct cove_reader *r, size_t max, struct cove_id *out,
                     size_t *count)
{
    struct cove_id last, id;

    if (cove_reader_peek(r) != COVE_CBOR_LIST) {
        return false;
    }
    *count = cove_reader_list(r);
    for (size_t i = 0; i < *count && *count <= max; i++) {
        if (!cove_message_next_id(r, &id) ||
            (i > 0 && memcmp(&last, &id, sizeof(id)) >= 0)) {
            return false;
        }
        last = id;
        if (out != NULL) {
            out[i] = id;
        }
    }
    return *count <= max;
}

static bool read_docs(struct cove_reader *r, struct cove_interest_doc *out,
                      size_t *count)
{
    struct cove_id last;

    if (cove_reader_peek(r) != COVE_CBOR_LIST) {
        return false;
    }
    *count = cove_reader_list(r);
    for (size_t i = 0; i < *count && *count <= COVE_INTEREST_DOCUMENTS; i++) {
        struct cove_interest_doc doc = {.told = false};
        uint64_t steps;

        if (cove_reader_peek(r) != COVE_CBOR_LIST || cove_reader_list(r) != 2 ||
            !cove_message_next_id(r, &doc.id) ||
            cove_reader_peek(r) != COVE_CBOR_UINT) {
            return false;
        }
        steps = cove_reader_uint(r);
        if (steps > COVE_INTEREST_STEPS ||
            (i > 0 && memcmp(&last, &doc.id, sizeof(last)) >= 0)) {
            return false;
        }
        last = doc.id;
        doc.steps = (uint8_t)steps;
        if (out != NULL) {
            out[i] = doc;
        }
    }
    return *count <= COVE_INTEREST_DOCUMENTS;
}

bool cove_interest_check(struct cove_reader *r, struct cove_bytes *out)
{
    const uint8_t *from = r->at;
    size_t count;

    if (cove_reader_peek(r) == COVE_CBOR_NULL) {
        cove_reader_null(r);
    } else if (cove_reader_peek(r) != COVE_CBOR_LIST ||
               cove_reader_list(r) != INTEREST_ITEMS ||
               !read_ids(r, COVE_INTEREST_SCHEMAS, NULL, &count) ||
               !read_ids(r, COVE_INTEREST_GROUPS, NULL, &count) ||
               !read_docs(r, NULL, &count)) {
        return false;
    }
    *out = cove_bytes(from, (size_t)(r->at - from));
    return r->err == 0;
}

/* The form was checked. */
static int interest_take(struct cove_interest *in, struct cove_bytes cbor)
{
    struct cove_reader r;
    size_t most = cbor.len / sizeof(struct cove_id) + 1;

    cove_reader_init(&r, cbor);
    if (cove_reader_peek(&r) == COVE_CBOR_NULL) {
        return 0;
    }
    in->all = false;
    in->schemas = cove_alloc_zero(in->alloc, most, sizeof(*in->schemas));
    in->groups = cove_alloc_zero(in->alloc, most, sizeof(*in->groups));
    in->docs = cove_alloc_zero(in->alloc, most, sizeof(*in->docs));
    if (in->schemas == NULL || in->groups == NULL || in->docs == NULL) {
        return COVE_ENOMEM;
    }
    in->doc_cap = most;
    (void)cove_reader_list(&r);
    (void)read_ids(&r, COVE_INTEREST_SCHEMAS, in->schemas, &in->schema_count);
    (void)read_ids(&r, COVE_INTEREST_GROUPS, in->groups, &in->group_count);
    (void)read_docs(&r, in->docs, &in->doc_count);
    return 0;
}

int cove_interest_decode(struct cove_interest *in, struct cove_bytes cbor,
                         struct cove_diag *diag)
{
    struct cove_interest next;
    struct cove_bytes whole;
    struct cove_reader r;
    int err = cove_cbor_check_all(cbor, COVE_MAX_CBOR_DEPTH, diag);

    if (err != 0) {
        return COVE_EPROTOCOL;
    }
    cove_reader_init(&r, cbor);
    if (!cove_interest_check(&r, &whole) || cove_reader_done(&r) != 0) {
        return cove_fail(diag, COVE_EPROTOCOL,
                         "an interest is null, or lists of at most %d schemas, "
                         "%d groups and %d documents with up to %d steps, each "
                         "ascending",
                         COVE_INTEREST_SCHEMAS, COVE_INTEREST_GROUPS,
                         COVE_INTEREST_DOCUMENTS, COVE_INTEREST_STEPS);
    }
    cove_interest_init(&next, in->alloc);
    err = interest_take(&next, cbor);
    if (err != 0) {
        cove_interest_clear(&next);
        return err;
    }
    cove_interest_clear(in);
    *in = next;
    return 0;
}

/* --- what it has */

static int id_order(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct cove_id));
}

static bool ids_have(const struct cove_id *ids, size_t count,
                     const struct cove_id *id)
{
    return count > 0 && bsearch(id, ids, count, sizeof(*ids), id_order) != NULL;
}

static struct cove_interest_doc *doc_find(const struct cove_interest *in,
                                          const struct cove_id *id)
{
    /* An id is what a document here begins with. */
    return in->doc_count == 0 ? NULL
                              : bsearch(id, in->docs, in->doc_count,
                                        sizeof(*in->docs), id_order);
}

bool cove_interest_has_group(const struct cove_interest *in,
                             const struct cove_id *owner, bool has_schema,
                             const struct cove_id *schema)
{
    return in->all || ids_have(in->groups, in->group_count, owner) ||
           (has_schema && ids_have(in->schemas, in->schema_count, schema));
}

bool cove_interest_has(const struct cove_interest *in,
                       const struct cove_doc_outline *outline)
{
    return outline->class != COVE_CLASS_CONTENT ||
           cove_interest_has_group(in, &outline->owner_id, outline->has_schema,
                                   &outline->schema) ||
           doc_find(in, &outline->id) != NULL;
}

/* --- encoding */

/* Sorted, each once; of a document the greatest number of steps. */
static void interest_sort(struct cove_interest *in)
{
    size_t count = 0;

    if (in->doc_count > 0) {
        qsort(in->docs, in->doc_count, sizeof(*in->docs), id_order);
    }
    for (size_t i = 0; i < in->doc_count; i++) {
        struct cove_interest_doc *last =
            count > 0 ? &in->docs[count - 1] : NULL;

        if (last == NULL || id_order(last, &in->docs[i]) != 0) {
            in->docs[count++] = in->docs[i];
        } else if (in->docs[i].steps > last->steps) {
            last->steps = in->docs[i].steps;
        }
    }
    in->doc_count = count;
}

static void ids_write(struct cove_writer *w, struct cove_id *ids, size_t count)
{
    size_t n = 0;

    if (count > 0) {
        qsort(ids, count, sizeof(*ids), id_order);
    }
    for (size_t i = 0; i < count; i++) {
        if (n == 0 || id_order(&ids[n - 1], &ids[i]) != 0) {
            ids[n++] = ids[i];
        }
    }
    cove_writer_list(w, n);
    for (size_t i = 0; i < n; i++) {
        cove_writer_bytes(w, ids[i].b, sizeof(ids[i].b));
    }
}

int cove_interest_encode(struct cove_interest *in, struct cove_buf *out)
{
    struct cove_writer w;

    cove_writer_init(&w, out);
    if (in->all) {
        cove_writer_null(&w);
        return w.err;
    }
    interest_sort(in);
    cove_writer_list(&w, INTEREST_ITEMS);
    ids_write(&w, in->schemas, in->schema_count);
    ids_write(&w, in->groups, in->group_count);
    cove_writer_list(&w, in->doc_count);
    for (size_t i = 0; i < in->doc_count; i++) {
        cove_writer_list(&w, 2);
        cove_writer_bytes(&w, in->docs[i].id.b, sizeof(in->docs[i].id.b));
        cove_writer_uint(&w, in->docs[i].steps);
    }
    return w.err;
}

/* --- what its documents refer to */

struct follow {
    struct cove_interest *in;
    uint8_t steps; /* left for what is found */
    struct cove_interest_doc *found;
    size_t count, cap;
};

static int follow_grow(const struct cove_alloc *alloc, void **array,
                       size_t count, size_t *cap)
{
    size_t more = *cap == 0 ? 64 : *cap * 2;
    void *grown;

    if (count < *cap) {
        return 0;
    }
    grown = alloc->resize(alloc->ctx, *array,
                          more * sizeof(struct cove_interest_doc));
    if (grown == NULL) {
        return COVE_ENOMEM;
    }
    *array = grown;
    *cap = more;
    return 0;
}

/* Found: remember it where it is new, or is to be followed further. */
static int follow_found(void *ctx, const struct cove_id *id)
{
    struct follow *f = ctx;
    struct cove_interest_doc *doc = doc_find(f->in, id);
    void *array = f->found;
    int err;

    if (doc != NULL && doc->steps >= f->steps) {
        return 0;
    }
    if (doc == NULL && f->in->doc_count + f->count >= COVE_INTEREST_FOLLOWED) {
        f->in->full = true;
        return 0;
    }
    err = follow_grow(f->in->alloc, &array, f->count, &f->cap);
    f->found = array;
    if (err == 0) {
        f->found[f->count++] =
            (struct cove_interest_doc){.id = *id, .steps = f->steps};
    }
    return err;
}

/* Put what was found in its places. */
static int follow_join(struct follow *f)
{
    struct cove_interest *in = f->in;
    size_t count = 0;

    if (f->count == 0) {
        return 0;
    }
    in->followed = false; /* what these refer to is not known */
    qsort(f->found, f->count, sizeof(*f->found), id_order);
    for (size_t i = 0; i < f->count; i++) { /* each once, and new ones only */
        struct cove_interest_doc *doc = doc_find(in, &f->found[i].id);

        if (doc != NULL) {
            doc->steps = doc->steps < f->steps ? f->steps : doc->steps;
        } else if (count == 0 ||
                   id_order(&f->found[count - 1], &f->found[i]) != 0) {
            f->found[count++] = f->found[i];
        }
    }
    for (size_t i = 0; i < count; i++) {
        void *array = in->docs;
        int err = follow_grow(in->alloc, &array, in->doc_count, &in->doc_cap);

        in->docs = array;
        if (err != 0) {
            return err;
        }
        in->docs[in->doc_count++] = f->found[i];
    }
    qsort(in->docs, in->doc_count, sizeof(*in->docs), id_order);
    return 0;
}

/* What one document refers to. */
static int follow_one(struct follow *f, struct cove_repo *repo,
                      struct cove_store_txn *txn, const struct cove_id *id)
{
    struct cove_arena arena;
    cove_num num;
    int err = cove_repo_find(repo, txn, id, &num);

    cove_arena_init(&arena, f->in->alloc);
    if (err == 0) {
        err = cove_repo_refs(repo, txn, num, &arena, follow_found, f);
    }
    cove_arena_clear(&arena);
    /* What is not here yet is followed when it comes. */
    return err == COVE_ENOTFOUND || err == COVE_ECORRUPT ? 0 : err;
}

static int follow_end(struct follow *f, int err)
{
    err = err != 0 ? err : follow_join(f);
    cove_alloc_free(f->in->alloc, f->found);
    return err;
}

int cove_interest_follow(struct cove_interest *in, struct cove_repo *repo,
                         struct cove_store_txn *txn)
{
    int err = 0;

    /* From the most steps down: what is found has one less. */
    for (uint8_t steps = COVE_INTEREST_STEPS; steps > 0 && err == 0; steps--) {
        struct follow f = {.in = in, .steps = (uint8_t)(steps - 1)};

        for (size_t i = 0; i < in->doc_count && err == 0; i++) {
            if (in->docs[i].steps == steps) {
                err = follow_one(&f, repo, txn, &in->docs[i].id);
            }
        }
        err = follow_end(&f, err);
    }
    in->followed = err == 0;
    return err;
}

int cove_interest_changed(struct cove_interest *in, struct cove_repo *repo,
                          struct cove_store_txn *txn, const struct cove_id *id)
{
    struct cove_interest_doc *doc = doc_find(in, id);
    struct follow f = {.in = in};

    if (doc != NULL) {
        doc->told = true;
    }
    if (doc == NULL || doc->steps == 0) {
        return 0;
    }
    f.steps = (uint8_t)(doc->steps - 1);
    return follow_end(&f, follow_one(&f, repo, txn, id));
}

/* --- records */

#define RECORD_KEY 64

static struct cove_bytes record_key(enum cove_interest_record which,
                                    const struct cove_key *peer,
                                    uint8_t out[RECORD_KEY])
{
    static const char *const names[] = {
        [COVE_INTEREST_WANTED] = "interest.wanted:",
        [COVE_INTEREST_HELD] = "interest.held:",
        [COVE_INTEREST_THEIRS] = "interest.theirs:",
    };
    size_t len = strlen(names[which]);

    memcpy(out, names[which], len);
    memcpy(out + len, peer->b, sizeof(peer->b));
    return cove_bytes(out, len + sizeof(peer->b));
}

int cove_interest_get(struct cove_repo *repo, struct cove_store_txn *txn,
                      enum cove_interest_record which,
                      const struct cove_key *peer, struct cove_buf *out)
{
    uint8_t key[RECORD_KEY];
    struct cove_bytes value;
    int err = cove_repo_record_get(repo, txn, COVE_RECORDS_META,
                                   record_key(which, peer, key), &value);

    if (err == COVE_ENOTFOUND) {
        value = cove_interest_everything();
        err = 0;
    }
    return err != 0 ? err : cove_buf_append(out, value);
}

/* --- how often what is wanted was changed, so that who syncs need not look at
 * each peer whenever anything in the store changes */

static const char WISHES[] = "interest.changes";

int cove_interest_changes(struct cove_repo *repo, struct cove_store_txn *txn,
                          uint64_t *out)
{
    struct cove_bytes value;
    int err = cove_repo_record_get(repo, txn, COVE_RECORDS_META,
                                   cove_bytes_text(WISHES), &value);

    *out = 0;
    if (err == 0 && value.len != sizeof(*out)) {
        return COVE_ECORRUPT;
    }
    if (err == 0) {
        *out = cove_get_be64(value.at);
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int interest_count(struct cove_repo *repo, struct cove_store_txn *txn)
{
    uint8_t value[sizeof(uint64_t)];
    uint64_t changes;
    int err = cove_interest_changes(repo, txn, &changes);

    if (err != 0) {
        return err;
    }
    cove_put_be64(value, changes + 1);
    return cove_repo_record_put(repo, txn, COVE_RECORDS_META,
                                cove_bytes_text(WISHES),
                                cove_bytes(value, sizeof(value)));
}

int cove_interest_put(struct cove_repo *repo, struct cove_store_txn *txn,
                      enum cove_interest_record which,
                      const struct cove_key *peer, struct cove_bytes encoded)
{
    uint8_t key[RECORD_KEY];
    int err;

    if (cove_bytes_equal(encoded, cove_interest_everything())) {
        err = cove_repo_record_del(repo, txn, COVE_RECORDS_META,
                                   record_key(which, peer, key));
    } else {
        err = cove_repo_record_put(repo, txn, COVE_RECORDS_META,
                                   record_key(which, peer, key), encoded);
    }
    if (err == 0 && which == COVE_INTEREST_WANTED) {
        err = interest_count(repo, txn);
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

int cove_interest_forget(struct cove_repo *repo, struct cove_store_txn *txn,
                         const struct cove_key *peer)
{
    int err = 0;

    for (int which = COVE_INTEREST_WANTED;
         which <= COVE_INTEREST_THEIRS && err == 0; which++) {
        err = cove_interest_put(repo, txn, (enum cove_interest_record)which,
                                peer, cove_interest_everything());
    }
    return err == 0 ? interest_count(repo, txn) : err;
}
