/* Siblings. As long as no two elements hang on the same side of a third, the
 * place of a child is next to its parent, and nothing of this is needed. With
 * the first such pair a table is built from the runs, and kept from then on:
 * for each parent and side the children, by id.
 *
 *   on the right, ascending     behind the parent where it is the first, else
 *                               behind all that descends from the one before
 *   on the left, ascending      before the parent where it is the last, else
 *                               behind all that descends from the one before,
 *                               or before all that descends from the one behind
 *
 * Within a run every element has an implicit right child, the next one, which
 * is in no list and competes as any sibling does. To find the last descendant
 * of an element, the walk therefore jumps from fork to fork: to the next
 * element of the run that has a right child beside the implicit one.
 */
#include "core/crypto.h"
#include "crdt/seq_parts.h"

static uint64_t kids_key(uint32_t parent, enum cove_seq_side side)
{
    return ((uint64_t)parent << 1 | (uint64_t)side) + 1;
}

/* The entry, or the free one where it belongs. */
static struct seq_kids *kids_slot(const struct cove_seq *seq, uint64_t key)
{
    uint32_t mask = seq->kids_cap - 1;
    uint32_t i = (uint32_t)cove_hash_short(seq->hash_key,
                                           cove_bytes(&key, sizeof(key))) &
                 mask;

    while (seq->kids[i].key != 0 && seq->kids[i].key != key) {
        i = (i + 1) & mask;
    }
    return &seq->kids[i];
}

static const uint32_t *kids_list(const struct seq_kids *kids)
{
    return kids->cap == 0 ? &kids->one : kids->many;
}

static int compare_new(const struct cove_seq *seq, const struct seq_new *x,
                       uint32_t lv)
{
    return cove_seq_compare(seq, x->first, x->hlc, cove_seq_elem_of(seq, lv),
                            cove_seq_hlc_of(seq, lv));
}

/* How many of the children come before it. */
static uint32_t kids_before(const struct cove_seq *seq,
                            const struct seq_kids *kids,
                            const struct seq_new *x)
{
    const uint32_t *list = kids_list(kids);
    uint32_t low = 0;
    uint32_t high = kids->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (compare_new(seq, x, list[middle]) > 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* --- the table */

static int kids_grow(struct cove_seq *seq, uint32_t cap)
{
    struct seq_kids *old = seq->kids;
    uint32_t old_cap = seq->kids_cap;
    struct seq_kids *more = cove_alloc_zero(seq->alloc, cap, sizeof(*more));

    if (more == NULL) {
        return COVE_ENOMEM;
    }
    seq->kids = more;
    seq->kids_cap = cap;
    for (uint32_t i = 0; i < old_cap; i++) {
        if (old[i].key != 0) {
            *kids_slot(seq, old[i].key) = old[i];
        }
    }
    cove_alloc_free(seq->alloc, old);
    return 0;
}

/* Room for one more in a list. */
static int list_reserve(const struct cove_seq *seq, struct seq_kids *kids)
{
    uint32_t cap = kids->cap;
    uint32_t *many = cap > 0 ? kids->many : NULL;

    if (kids->count == 0 || kids->count < cap) {
        return 0;
    }

    int err = cove_seq_grow(seq, &many, &cap, kids->count + 1u, sizeof(*many));

    if (err == 0) {
        if (kids->cap == 0) {
            many[0] = kids->one;
        }
        kids->many = many;
        kids->cap = cap;
    }
    return err;
}

static int forks_reserve(struct cove_seq *seq, size_t end)
{
    size_t words = end / 64 + 1;
    uint32_t had = seq->forks_cap;

    if (words <= had) {
        return 0;
    }

    int err = cove_seq_grow(seq, &seq->forks, &seq->forks_cap, words,
                            sizeof(*seq->forks));

    if (err == 0) {
        memset(seq->forks + had, 0,
               (seq->forks_cap - had) * sizeof(*seq->forks));
    }
    return err;
}

int cove_seq_kids_reserve(struct cove_seq *seq, const struct seq_new *x)
{
    int err = forks_reserve(seq, (size_t)seq->total + x->count);

    if (err == 0 && seq->kids_len + 1 > seq->kids_cap / 4 * 3) {
        err = kids_grow(seq, seq->kids_cap * 2);
    }
    return err != 0 ? err
                    : list_reserve(
                          seq, kids_slot(seq, kids_key(x->parent, x->side)));
}

/* There is room. */
static void kids_insert(struct cove_seq *seq, const struct seq_new *x,
                        uint32_t lv)
{
    uint64_t key = kids_key(x->parent, x->side);
    struct seq_kids *kids = kids_slot(seq, key);
    uint32_t at = kids_before(seq, kids, x);

    if (kids->key == 0) {
        kids->key = key;
        seq->kids_len++;
    }
    if (kids->cap == 0) {
        kids->one = lv;
    } else {
        memmove(kids->many + at + 1, kids->many + at,
                (kids->count - at) * sizeof(*kids->many));
        kids->many[at] = lv;
    }
    kids->count++;
    if (x->side == COVE_SEQ_RIGHT && x->parent != SEQ_NONE) {
        seq->forks[x->parent / 64] |= (uint64_t)1 << x->parent % 64;
    }
}

void cove_seq_kids_add(struct cove_seq *seq, const struct seq_new *x,
                       uint32_t lv)
{
    if (seq->run[seq->run_len - 1].lv == lv) { /* else it is implicit */
        kids_insert(seq, x, lv);
    }
}

int cove_seq_kids_build(struct cove_seq *seq)
{
    uint32_t cap = 64;

    while (cap / 4 * 3 <= seq->run_len) {
        cap *= 2;
    }

    int err = forks_reserve(seq, seq->total);

    if (err == 0) {
        err = kids_grow(seq, cap);
    }
    for (uint32_t i = 0; err == 0 && i < seq->run_len; i++) {
        const struct seq_run *run = &seq->run[i];
        struct seq_new x = {
            .first = {run->author, run->n},
            .parent = run->parent,
            .side = (enum cove_seq_side)(run->type_side & 1),
            .hlc = cove_seq_hlc_of(seq, run->lv),
        };

        err = list_reserve(seq, kids_slot(seq, kids_key(x.parent, x.side)));
        if (err == 0) {
            kids_insert(seq, &x, run->lv);
        }
    }
    if (err != 0) {
        cove_seq_kids_free(seq);
    }
    return err;
}

void cove_seq_kids_free(struct cove_seq *seq)
{
    for (uint32_t i = 0; i < seq->kids_cap; i++) {
        if (seq->kids[i].cap > 0) {
            cove_alloc_free(seq->alloc, seq->kids[i].many);
        }
    }
    cove_alloc_free(seq->alloc, seq->kids);
    cove_alloc_free(seq->alloc, seq->forks);
    seq->kids = NULL;
    seq->forks = NULL;
    seq->kids_len = seq->kids_cap = seq->forks_cap = 0;
}

/* --- places */

/* The first fork from `lv` on and before `end`, or `end`. */
static uint32_t next_fork(const struct cove_seq *seq, uint32_t lv, uint32_t end)
{
    uint32_t word = lv / 64;
    uint64_t bits = seq->forks[word] & UINT64_MAX << lv % 64;

    while (bits == 0) {
        if (++word > (end - 1) / 64) {
            return end;
        }
        bits = seq->forks[word];
    }
    lv = word * 64 + (uint32_t)__builtin_ctzll(bits);
    return lv < end ? lv : end;
}

/* The last in document order of all that descends from it on the right. */
static uint32_t last_descendant(const struct cove_seq *seq, uint32_t lv)
{
    for (;;) {
        const struct seq_run *run = cove_seq_run_of(seq, lv);
        uint32_t end = cove_seq_run_end(seq, run);
        uint32_t fork = next_fork(seq, lv, end);

        if (fork == end) {
            return end - 1;
        }

        const struct seq_kids *kids =
            kids_slot(seq, kids_key(fork, COVE_SEQ_RIGHT));
        uint32_t last = kids_list(kids)[kids->count - 1];

        lv = last;
        if (fork + 1 < end) {
            struct seq_new implicit = {
                .first = {run->author, run->n + (fork + 1 - run->lv)},
                .hlc = cove_seq_hlc_of(seq, fork + 1),
            };

            lv = compare_new(seq, &implicit, last) > 0 ? fork + 1 : last;
        }
    }
}

static uint32_t first_descendant(const struct cove_seq *seq, uint32_t lv)
{
    for (;;) {
        const struct seq_kids *kids =
            kids_slot(seq, kids_key(lv, COVE_SEQ_LEFT));

        if (kids->key == 0) {
            return lv;
        }
        lv = kids_list(kids)[0];
    }
}

static struct seq_spot spot_behind(const struct cove_seq *seq, uint32_t lv)
{
    struct seq_spot spot = {0, 0, 0}; /* the root's: before everything */

    if (lv != SEQ_NONE) {
        spot = cove_seq_tree_find(seq, lv);
        spot.off++;
    }
    return spot;
}

struct seq_spot cove_seq_kids_place(const struct cove_seq *seq,
                                    const struct seq_new *x)
{
    const struct seq_kids *kids = kids_slot(seq, kids_key(x->parent, x->side));
    const uint32_t *list = kids_list(kids);
    uint32_t at = kids->key == 0 ? 0 : kids_before(seq, kids, x);
    uint32_t before = at > 0 ? list[at - 1] : SEQ_NONE;

    if (x->side == COVE_SEQ_LEFT) {
        if (at == kids->count) {
            return cove_seq_tree_find(seq, x->parent);
        }
        return before == SEQ_NONE
                   ? cove_seq_tree_find(seq, first_descendant(seq, list[0]))
                   : spot_behind(seq, last_descendant(seq, before));
    }
    if (x->parent != SEQ_NONE) {
        const struct seq_run *run = cove_seq_run_of(seq, x->parent);
        uint32_t next = x->parent + 1;

        if (next < cove_seq_run_end(seq, run) &&
            compare_new(seq, x, next) > 0) {
            /* The implicit one is before it: is it the nearest? */
            struct seq_new implicit = {
                .first = {run->author, run->n + (next - run->lv)},
                .hlc = cove_seq_hlc_of(seq, next),
            };

            if (before == SEQ_NONE || compare_new(seq, &implicit, before) > 0) {
                before = next;
            }
        }
    }
    return spot_behind(seq, before == SEQ_NONE ? x->parent
                                               : last_descendant(seq, before));
}
