/* A sequence as a whole: made, freed, its authors, and what it measures. */
#include "crdt/seq.h"

#include "core/crypto.h"
#include "crdt/seq_parts.h"

int cove_seq_new(const struct cove_alloc *alloc, enum cove_seq_kind kind,
                 struct cove_seq **out)
{
    struct cove_seq *seq = cove_alloc_zero(alloc, 1, sizeof(*seq));
    uintptr_t at = (uintptr_t)seq;
    int err = 0;

    if (seq == NULL) {
        return COVE_ENOMEM;
    }
    seq->alloc = alloc;
    seq->self = seq;
    seq->kind = kind;
    /* Where things lie in memory is what no peer knows, and what nothing that
     * is shown depends on: a key without asking for randomness. */
    memcpy(seq->hash_key, &at, sizeof(at));
    cove_buf_init(&seq->saved, alloc);
    cove_buf_init(&seq->text, alloc);
    seq->late.leaf = seq->cursor.leaf = seq->path.leaf = SEQ_NONE;
    seq->wait_free = seq->ready = SEQ_NONE;
    err = cove_seq_tree_init(seq);
    if (err != 0) {
        cove_seq_free(seq);
        return err;
    }
    *out = seq;
    return 0;
}

static void seq_drop(struct cove_seq *seq)
{
    const struct cove_alloc *alloc = seq->alloc;

    for (uint32_t i = 0; i < seq->author_len; i++) {
        cove_alloc_free(alloc, seq->author[i].piece);
        cove_alloc_free(alloc, seq->author[i].gone);
    }
    for (uint32_t i = 0; i < seq->type_len; i++) {
        cove_buf_clear(&seq->type[i]);
    }
    cove_seq_kids_free(seq);
    cove_seq_wait_free(seq);
    cove_alloc_free(alloc, seq->author);
    cove_alloc_free(alloc, seq->author_bucket);
    cove_alloc_free(alloc, seq->type);
    cove_alloc_free(alloc, seq->leaf_of);
    cove_alloc_free(alloc, seq->values);
    cove_alloc_free(alloc, seq->content);
    cove_alloc_free(alloc, seq->mark);
    cove_alloc_free(alloc, seq->run);
    cove_alloc_free(alloc, seq->run_mark);
    cove_alloc_free(alloc, seq->tick);
    cove_alloc_free(alloc, seq->leaf);
    cove_alloc_free(alloc, seq->inner);
}

void cove_seq_free(struct cove_seq *seq)
{
    if (seq == NULL) {
        return;
    }
    seq_drop(seq);
    cove_buf_clear(&seq->saved);
    cove_buf_clear(&seq->text);
    cove_alloc_free(seq->alloc, seq);
}

enum cove_seq_kind cove_seq_kind(const struct cove_seq *seq)
{
    return seq->kind;
}

/* --- authors */

static bool author_equal(const struct cove_seq_author *a,
                         const struct cove_seq_author *b)
{
    return memcmp(&a->session, &b->session, sizeof(a->session)) == 0 &&
           a->hlc == b->hlc && a->tx == b->tx && a->op == b->op;
}

static uint32_t author_hash(const struct cove_seq *seq,
                            const struct cove_seq_author *author)
{
    uint64_t words[4];

    /* All of it is a peer's to choose. */
    memcpy(words, author->session.b, sizeof(author->session.b));
    words[2] = author->hlc;
    words[3] = (uint64_t)author->tx << 32 | author->op;
    return (uint32_t)cove_hash_short(seq->hash_key,
                                     cove_bytes(words, sizeof(words)));
}

/* The bucket of an author, or the free one for it. */
static uint32_t *author_find(const struct cove_seq *seq,
                             const struct cove_seq_author *author)
{
    uint32_t mask = seq->author_buckets - 1;
    uint32_t i = author_hash(seq, author) & mask;

    while (seq->author_bucket[i] != 0 &&
           !author_equal(&seq->author[seq->author_bucket[i] - 1].who, author)) {
        i = (i + 1) & mask;
    }
    return &seq->author_bucket[i];
}

static int author_rehash(struct cove_seq *seq, uint32_t buckets)
{
    uint32_t *more = cove_alloc_zero(seq->alloc, buckets, sizeof(*more));

    if (more == NULL) {
        return COVE_ENOMEM;
    }
    cove_alloc_free(seq->alloc, seq->author_bucket);
    seq->author_bucket = more;
    seq->author_buckets = buckets;
    for (uint32_t i = 0; i < seq->author_len; i++) {
        *author_find(seq, &seq->author[i].who) = i + 1;
    }
    return 0;
}

int cove_seq_author_add(struct cove_seq *seq,
                        const struct cove_seq_author *author, uint32_t *out)
{
    int err = cove_seq_ready(seq);

    if (err == 0 && seq->author_len >= seq->author_buckets / 2) {
        err = author_rehash(
            seq, seq->author_buckets == 0 ? 4 : seq->author_buckets * 2);
    }
    if (err != 0) {
        return err;
    }

    uint32_t *bucket = author_find(seq, author);

    if (*bucket == 0) {
        err = cove_seq_grow(seq, &seq->author, &seq->author_cap,
                            seq->author_len + 1u, sizeof(*seq->author));
        if (err != 0) {
            return err;
        }
        memset(&seq->author[seq->author_len], 0, sizeof(*seq->author));
        seq->author[seq->author_len].who = *author;
        *bucket = ++seq->author_len;
    }

    struct cove_seq_author *who = &seq->author[*bucket - 1].who;
    static const struct cove_key unknown;

    if (memcmp(&who->device, &unknown, sizeof(unknown)) == 0) {
        who->device = author->device;
    }
    *out = *bucket - 1;
    return 0;
}

bool cove_seq_author_find(const struct cove_seq *seq,
                          const struct cove_seq_author *author, uint32_t *out)
{
    uint32_t number;

    if (cove_seq_ready(seq) != 0 || seq->author_buckets == 0) {
        return false;
    }
    number = *author_find(seq, author);
    if (number != 0) {
        *out = number - 1;
    }
    return number != 0;
}

uint32_t cove_seq_author_count(const struct cove_seq *seq)
{
    return cove_seq_ready(seq) != 0 ? 0 : seq->author_len;
}

const struct cove_seq_author *cove_seq_author_of(const struct cove_seq *seq,
                                                 uint32_t author)
{
    if (cove_seq_ready(seq) != 0 || author >= seq->author_len) {
        return NULL;
    }
    return &seq->author[author].who;
}

/* --- measures; of one at rest, what its checkpoint says */

static bool at_rest(const struct cove_seq *seq)
{
    return seq->saved.at != NULL;
}

size_t cove_seq_waiting(const struct cove_seq *seq)
{
    return at_rest(seq) ? seq->saved_waiting
                        : (size_t)seq->wait_count + seq->gone_count;
}

size_t cove_seq_total(const struct cove_seq *seq)
{
    return at_rest(seq) ? seq->saved_total : seq->total;
}

size_t cove_seq_length(const struct cove_seq *seq, enum cove_seq_unit unit)
{
    if (unit == COVE_SEQ_BYTES && seq->kind == COVE_SEQ_TEXT) {
        return at_rest(seq) ? seq->text.len : seq->bytes;
    }
    return at_rest(seq) ? seq->saved_elems : seq->elems;
}

size_t cove_seq_memory(const struct cove_seq *seq)
{
    size_t n = sizeof(*seq) + seq->saved.cap + seq->text.cap;

    n += seq->lv_cap * sizeof(*seq->leaf_of) * (seq->values == NULL ? 1 : 2);
    n += seq->content_cap + seq->mark_cap * sizeof(*seq->mark);
    n += seq->run_cap * sizeof(*seq->run) +
         seq->run_mark_cap * sizeof(*seq->run_mark);
    n += seq->tick_cap * sizeof(*seq->tick);
    n += seq->author_cap * sizeof(*seq->author) +
         seq->author_buckets * sizeof(*seq->author_bucket);
    for (uint32_t i = 0; i < seq->author_len; i++) {
        n += seq->author[i].piece_cap * sizeof(struct seq_piece) +
             seq->author[i].gone_cap * sizeof(struct seq_range);
    }
    n += seq->type_cap * sizeof(*seq->type);
    for (uint32_t i = 0; i < seq->type_len; i++) {
        n += seq->type[i].cap;
    }
    n += seq->leaf_cap * sizeof(*seq->leaf) +
         seq->inner_cap * sizeof(*seq->inner);
    n += seq->kids_cap * sizeof(*seq->kids) +
         seq->forks_cap * sizeof(*seq->forks);
    for (uint32_t i = 0; i < seq->kids_cap; i++) {
        n += seq->kids[i].cap * sizeof(*seq->kids[i].many);
    }
    return n + seq->wait_cap * sizeof(*seq->wait) + seq->wait_bytes +
           (size_t)2 * seq->wait_buckets * sizeof(*seq->wait_for);
}
