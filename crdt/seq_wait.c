/* What came too early: runs whose parent is not here, by the parent they wait
 * for, and deletions of elements that are not here, as ranges of each author.
 *
 * When an element comes, what waits for it moves to the ready ones, which are
 * inserted one after the other and may make more ready: no recursion, and no
 * look at what still has to wait. Runs that wait for each other in a circle
 * wait for ever, within the limits of seq.h. A run stays on the ready list
 * where memory ran out; the next op goes on with it.
 */
#include "core/crypto.h"
#include "crdt/seq_parts.h"

static uint32_t elem_bucket(const struct cove_seq *seq, struct cove_elem elem)
{
    const uint32_t key[2] = {elem.author, elem.n}; /* a peer's to choose */

    return (uint32_t)cove_hash_short(seq->hash_key,
                                     cove_bytes(key, sizeof(key))) &
           (seq->wait_buckets - 1);
}

static bool elem_equal(struct cove_elem a, struct cove_elem b)
{
    return a.author == b.author && a.n == b.n;
}

/* --- runs */

static void wait_link(struct cove_seq *seq, uint32_t i)
{
    struct seq_wait *wait = &seq->wait[i];
    uint32_t *parent = &seq->wait_for[elem_bucket(seq, wait->parent)];
    uint32_t *id = &seq->wait_id[elem_bucket(seq, wait->first)];

    wait->next = *parent;
    *parent = i;
    wait->next_id = *id;
    *id = i;
}

static int wait_rehash(struct cove_seq *seq, uint32_t buckets)
{
    size_t size = buckets * sizeof(*seq->wait_for);
    uint32_t *both = cove_alloc_new(seq->alloc, 2 * size);
    uint32_t had = seq->wait_buckets;
    uint32_t *old = seq->wait_for;

    if (both == NULL) {
        return COVE_ENOMEM;
    }
    memset(both, 0xff, 2 * size);
    seq->wait_for = both;
    seq->wait_id = both + buckets;
    seq->wait_buckets = buckets;
    for (uint32_t i = 0; i < had; i++) {
        for (uint32_t k = old[i], next; k != SEQ_NONE; k = next) {
            next = seq->wait[k].next;
            wait_link(seq, k);
        }
    }
    cove_alloc_free(seq->alloc, old);
    return 0;
}

static int wait_room(struct cove_seq *seq)
{
    int err = 0;

    if (seq->wait_free == SEQ_NONE) {
        err = cove_seq_grow(seq, &seq->wait, &seq->wait_cap, seq->wait_len + 1u,
                            sizeof(*seq->wait));
    }
    if (err == 0 && seq->wait_count >= seq->wait_buckets) {
        err = wait_rehash(seq,
                          seq->wait_buckets == 0 ? 16 : seq->wait_buckets * 2);
    }
    return err;
}

bool cove_seq_wait_has(const struct cove_seq *seq, const struct seq_new *x)
{
    if (seq->wait_buckets == 0) {
        return false;
    }
    for (uint32_t i = seq->wait_id[elem_bucket(seq, x->first)]; i != SEQ_NONE;
         i = seq->wait[i].next_id) {
        if (elem_equal(seq->wait[i].first, x->first) &&
            seq->wait[i].count >= x->count) {
            return true;
        }
    }
    return false;
}

int cove_seq_wait_add(struct cove_seq *seq, struct cove_elem parent,
                      const struct seq_new *x)
{
    if (seq->wait_count + seq->gone_count >= COVE_SEQ_WAITING_MAX ||
        x->content.len > COVE_SEQ_WAITING_BYTES - seq->wait_bytes) {
        return COVE_ELIMIT;
    }

    int err = wait_room(seq);
    uint8_t *content =
        err == 0 ? cove_alloc_new(seq->alloc, x->content.len) : NULL;
    uint32_t i = seq->wait_free;

    if (content == NULL) {
        return COVE_ENOMEM;
    }
    if (i == SEQ_NONE) {
        i = seq->wait_len++;
    } else {
        seq->wait_free = seq->wait[i].next;
    }
    memcpy(content, x->content.at, x->content.len);
    seq->wait[i] = (struct seq_wait){.parent = parent,
                                     .first = x->first,
                                     .count = x->count,
                                     .type = x->type,
                                     .hlc = x->hlc,
                                     .content = content,
                                     .len = (uint32_t)x->content.len,
                                     .side = x->side};
    wait_link(seq, i);
    seq->wait_count++;
    seq->wait_bytes += x->content.len;
    seq->author[parent.author].waited++;
    return 0;
}

static void wait_unlink_id(struct cove_seq *seq, uint32_t i)
{
    uint32_t *at = &seq->wait_id[elem_bucket(seq, seq->wait[i].first)];

    while (*at != i) {
        at = &seq->wait[*at].next_id;
    }
    *at = seq->wait[i].next_id;
}

void cove_seq_wait_release(struct cove_seq *seq, struct cove_elem first,
                           uint32_t count)
{
    struct seq_author *author = &seq->author[first.author];

    for (uint32_t k = 0; k < count && author->waited > 0; k++) {
        struct cove_elem elem = {first.author, first.n + k};
        uint32_t *at = &seq->wait_for[elem_bucket(seq, elem)];

        while (*at != SEQ_NONE) {
            uint32_t i = *at;
            struct seq_wait *wait = &seq->wait[i];

            if (!elem_equal(wait->parent, elem)) {
                at = &wait->next;
                continue;
            }
            *at = wait->next;
            wait_unlink_id(seq, i);
            wait->next = seq->ready;
            seq->ready = i;
            author->waited--;
        }
    }
}

int cove_seq_wait_drain(struct cove_seq *seq)
{
    while (seq->ready != SEQ_NONE) {
        uint32_t i = seq->ready;
        struct seq_wait wait = seq->wait[i];
        struct seq_new x = {.first = wait.first,
                            .count = wait.count,
                            .side = wait.side,
                            .type = wait.type,
                            .hlc = wait.hlc,
                            .content = cove_bytes(wait.content, wait.len)};

        seq->ready = wait.next;

        int err = cove_seq_insert_parts(seq, wait.parent, &x);

        if (err != 0) {
            seq->wait[i].next = seq->ready;
            seq->ready = i;
            return err;
        }
        cove_alloc_free(seq->alloc, wait.content);
        seq->wait[i].content = NULL;
        seq->wait[i].next = seq->wait_free;
        seq->wait_free = i;
        seq->wait_count--;
        seq->wait_bytes -= wait.len;
    }
    return 0;
}

void cove_seq_wait_free(struct cove_seq *seq)
{
    for (uint32_t i = 0; i < seq->wait_len; i++) {
        cove_alloc_free(seq->alloc, seq->wait[i].content);
    }
    cove_alloc_free(seq->alloc, seq->wait);
    cove_alloc_free(seq->alloc, seq->wait_for); /* and wait_id behind it */
}

/* --- deletions */

/* The first range that ends at or behind n. */
static uint32_t gone_find(const struct seq_author *author, uint32_t n)
{
    uint32_t low = 0;
    uint32_t high = author->gone_len;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (author->gone[middle].n + author->gone[middle].count < n) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Put one range where there were `had`. There is room. */
static void gone_replace(struct cove_seq *seq, struct seq_author *author,
                         uint32_t at, uint32_t had, struct seq_range range)
{
    memmove(author->gone + at + 1, author->gone + at + had,
            (author->gone_len - at - had) * sizeof(*author->gone));
    author->gone[at] = range;
    author->gone_len = author->gone_len + 1 - had;
    seq->gone_count = seq->gone_count + 1 - had;
}

static void gone_remove(struct cove_seq *seq, struct seq_author *author,
                        uint32_t at)
{
    author->gone_len--;
    seq->gone_count--;
    memmove(author->gone + at, author->gone + at + 1,
            (author->gone_len - at) * sizeof(*author->gone));
}

int cove_seq_gone_add(struct cove_seq *seq, struct cove_elem first,
                      uint32_t count)
{
    struct seq_author *author = &seq->author[first.author];
    uint32_t n = first.n;
    uint32_t end = n + count;
    uint32_t at = gone_find(author, n);
    uint32_t had = 0;

    for (; at + had < author->gone_len && author->gone[at + had].n <= end;
         had++) {
        const struct seq_range *range = &author->gone[at + had];

        n = range->n < n ? range->n : n;
        end = range->n + range->count > end ? range->n + range->count : end;
    }
    if (had == 0 && seq->wait_count + seq->gone_count >= COVE_SEQ_WAITING_MAX) {
        return COVE_ELIMIT;
    }

    int err = cove_seq_grow(seq, &author->gone, &author->gone_cap,
                            author->gone_len + 1u, sizeof(*author->gone));

    if (err == 0) {
        gone_replace(seq, author, at, had, (struct seq_range){n, end - n});
    }
    return err;
}

int cove_seq_gone_reserve(struct cove_seq *seq, struct cove_elem first,
                          uint32_t count, size_t *met)
{
    struct seq_author *author = &seq->author[first.author];
    uint32_t i = gone_find(author, first.n);

    for (*met = 0; i < author->gone_len && author->gone[i].n < first.n + count;
         i++) {
        ++*met;
    }
    return cove_seq_grow(seq, &author->gone, &author->gone_cap,
                         author->gone_len + 1u, sizeof(*author->gone));
}

bool cove_seq_gone_take(struct cove_seq *seq, struct cove_elem first,
                        uint32_t count, struct seq_range *out)
{
    struct seq_author *author = &seq->author[first.author];
    uint32_t i = gone_find(author, first.n + 1); /* ends behind first.n */
    uint32_t end = first.n + count;

    if (i == author->gone_len || author->gone[i].n >= end) {
        return false;
    }

    struct seq_range range = author->gone[i];
    uint32_t range_end = range.n + range.count;

    out->n = range.n > first.n ? range.n : first.n;
    out->count = (range_end < end ? range_end : end) - out->n;
    if (range.n < out->n) {
        author->gone[i].count = out->n - range.n;
        i++;
    } else {
        gone_remove(seq, author, i);
    }
    if (range_end > end) {
        gone_replace(seq, author, i, 0,
                     (struct seq_range){end, range_end - end});
    }
    return true;
}

int cove_seq_wanted(const struct cove_seq *seq, uint32_t author, uint32_t limit,
                    uint32_t *out)
{
    uint32_t most = 0;
    int err = cove_seq_waiting(seq) == 0 ? 0 : cove_seq_ready(seq);

    for (uint32_t i = 0; err == 0 && i < seq->wait_len; i++) {
        const struct seq_wait *wait = &seq->wait[i];

        if (wait->content != NULL && wait->parent.author == author &&
            wait->parent.n < limit && wait->parent.n >= most) {
            most = wait->parent.n + 1;
        }
    }
    if (err == 0) {
        *out = most;
    }
    return err;
}
