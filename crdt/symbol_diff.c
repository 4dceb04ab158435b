/* Myers' difference in linear space. In the grid of a (across) and b (down), a
 * step right removes, a step down inserts, a diagonal keeps. Two searches, from
 * either corner, hold per diagonal how far d changes reach; where they meet
 * lies a run of kept symbols in the middle of a shortest path, and what is
 * before and behind it is searched the same way. A box is trimmed of what both
 * sides begin and end with before it is searched, so a box that has both sides
 * needs two changes at least, and each half fewer than the whole.
 *
 * A search that gets too dear is given up. Then the symbols which either side
 * has exactly once are anchors (patience difference, after Bram Cohen): the
 * longest chain of them that ascends in both stays, and the gaps are boxes with
 * bounds of their own. A gap without anchors is replaced.
 *
 * What is found is a mark per symbol: removed from a, inserted from b. Those
 * without a mark correspond, in order. */
#include "crdt/symbol_diff.h"

#include <assert.h>

#include "cove/error.h"

#define REACH_MAX   1024
#define NOWHERE     (INT32_MIN / 2)
#define DEPTH_MAX   4  /* anchors inside gaps between anchors inside … */
#define PROBES_MAX  64 /* a symbol that collides more often is no anchor */
#define ALL_ALLOWED UINT64_MAX

struct diff {
    const uint32_t *a, *b;
    uint8_t *removed, *inserted; /* marks, one a symbol */
    int32_t *forward, *backward; /* by diagonal, -reach - 1 to reach + 1 */
    int32_t reach;               /* most changes either search goes through */
    size_t whole;                /* symbols of both rows */
    struct cove_arena *scratch;
    struct cove_diff_work *work;
};

struct diff_box { /* half-open in both rows */
    size_t a, a_end;
    size_t b, b_end;
};

struct diff_run { /* of kept symbols, relative to the box */
    int32_t x, y;
    int32_t x_end, y_end;
};

/* One of the two searches. The backward one counts from the other corner. */
struct diff_search {
    const uint32_t *a, *b; /* the first symbol on the way */
    ptrdiff_t stride;      /* to the next: 1 or -1 */
    int32_t n, m;
    int32_t *far;         /* the greatest x on a diagonal x - y */
    const int32_t *other; /* the same of the other search */
    uint64_t *steps;
    uint64_t stop; /* at so many steps */
};

enum search_end { SEARCH_ON, SEARCH_MET, SEARCH_DEAR };

/* Go one change further, the d-th, on every diagonal inside the box. `met`: the
 * other search has been to its diagonals -met to met; negative: it is not its
 * turn to be met. */
static enum search_end search_round(struct diff_search *s, int32_t d,
                                    int32_t met, struct diff_run *out)
{
    /* Diagonals beyond the box are never right: x would be beyond n. */
    int32_t low = d <= s->m ? -d : -s->m + ((d - s->m) & 1);
    int32_t high = d <= s->n ? d : s->n - ((d - s->n) & 1);

    s->far[-d - 1] = NOWHERE;
    s->far[d + 1] = d == 0 ? 0 : NOWHERE;
    for (int32_t k = low; k <= high; k += 2) {
        int32_t right = s->far[k - 1] + 1;
        int32_t x = right > s->far[k + 1] ? right : s->far[k + 1];
        int32_t y = x - k;

        if (*s->steps >= s->stop) {
            return SEARCH_DEAR;
        }
        ++*s->steps;
        if (x < 0 || x > s->n || y > s->m) {
            s->far[k] = NOWHERE;
            continue;
        }

        int32_t from = x;

        while (x < s->n && y < s->m &&
               s->a[x * s->stride] == s->b[y * s->stride]) {
            x++;
            y++;
        }
        *s->steps += (uint64_t)(x - from);
        s->far[k] = x;

        int32_t theirs = s->n - s->m - k;

        if (theirs >= -met && theirs <= met && x + s->other[theirs] >= s->n) {
            *out = (struct diff_run){from, from - k, x, y};
            return SEARCH_MET;
        }
    }
    return SEARCH_ON;
}

/* Find the run in the middle of a shortest path; false where it is too dear. */
static bool diff_middle(struct diff *diff, const struct diff_box *box,
                        uint64_t limit, struct diff_run *out)
{
    int32_t n = (int32_t)(box->a_end - box->a);
    int32_t m = (int32_t)(box->b_end - box->b);
    uint64_t *steps = &diff->work->steps;
    uint64_t stop = COVE_DIFF_STEPS_MAX;
    bool odd = ((n - m) & 1) != 0;
    enum search_end end = SEARCH_ON;

    if (*steps < stop && limit < stop - *steps) {
        stop = *steps + limit;
    }

    struct diff_search ahead = {
        diff->a + box->a, diff->b + box->b, 1,     n,   m,
        diff->forward,    diff->backward,   steps, stop};
    struct diff_search back = {diff->a + box->a_end - 1,
                               diff->b + box->b_end - 1,
                               -1,
                               n,
                               m,
                               diff->backward,
                               diff->forward,
                               steps,
                               stop};

    for (int32_t d = 0; d <= diff->reach && end == SEARCH_ON; d++) {
        end = search_round(&ahead, d, odd ? d - 1 : -1, out);
        if (end == SEARCH_ON) {
            end = search_round(&back, d, odd ? -1 : d, out);
            if (end == SEARCH_MET) {
                *out = (struct diff_run){n - out->x_end, m - out->y_end,
                                         n - out->x, m - out->y};
            }
        }
    }
    return end == SEARCH_MET;
}

static void diff_replace(struct diff *diff, const struct diff_box *box)
{
    memset(diff->removed + box->a, 1, box->a_end - box->a);
    memset(diff->inserted + box->b, 1, box->b_end - box->b);
}

static void diff_trim(const struct diff *diff, struct diff_box *box)
{
    while (box->a < box->a_end && box->b < box->b_end &&
           diff->a[box->a] == diff->b[box->b]) {
        box->a++;
        box->b++;
    }
    while (box->a < box->a_end && box->b < box->b_end &&
           diff->a[box->a_end - 1] == diff->b[box->b_end - 1]) {
        box->a_end--;
        box->b_end--;
    }
}

#define OFTEN UINT32_MAX

/* A symbol of a box: where a has it first, and where b has it. */
struct diff_slot {
    uint32_t in_a; /* the place + 1, 0: a free slot */
    uint32_t in_b; /* the place + 1, 0: not there, OFTEN: either has it often */
};

struct diff_table {
    const uint32_t *a;
    struct diff_slot *slots;
    size_t mask;
};

struct diff_anchor {
    uint32_t at_a, at_b;
    uint32_t before; /* in the chain: index + 1 in the list, 0: none */
};

/* The slot of a symbol or a free one; NULL where too many collide. */
static struct diff_slot *table_slot(const struct diff_table *table,
                                    uint32_t symbol)
{
    size_t i = (size_t)(symbol * UINT64_C(0x9e3779b97f4a7c15) >> 32);

    for (size_t probe = 0; probe < PROBES_MAX; probe++, i++) {
        struct diff_slot *slot = &table->slots[i & table->mask];

        if (slot->in_a == 0 || table->a[slot->in_a - 1] == symbol) {
            return slot;
        }
    }
    return NULL;
}

static int table_fill(struct diff_table *table, struct diff *diff,
                      const struct diff_box *box)
{
    table->a = diff->a;
    table->mask = 1;
    while (table->mask + 1 < 2 * (box->a_end - box->a)) {
        table->mask = table->mask * 2 + 1;
    }
    table->slots =
        cove_arena_array(diff->scratch, table->mask + 1, sizeof(*table->slots));
    if (table->slots == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = box->a; i < box->a_end; i++) {
        struct diff_slot *slot = table_slot(table, diff->a[i]);

        if (slot != NULL && slot->in_a == 0) {
            slot->in_a = (uint32_t)i + 1;
        } else if (slot != NULL) {
            slot->in_b = OFTEN;
        }
    }
    for (size_t i = box->b; i < box->b_end; i++) {
        struct diff_slot *slot = table_slot(table, diff->b[i]);

        if (slot != NULL && slot->in_a > 0) {
            slot->in_b = slot->in_b == 0 ? (uint32_t)i + 1 : OFTEN;
        }
    }
    return 0;
}

/* List the symbols that either side of the box has once, as they come in a. */
static int anchors_list(struct diff *diff, const struct diff_box *box,
                        struct diff_anchor **out, size_t *count)
{
    struct diff_table table;
    size_t found = 0;
    int err = table_fill(&table, diff, box);

    if (err != 0) {
        return err;
    }
    for (size_t i = 0; i <= table.mask; i++) {
        found += table.slots[i].in_b != 0 && table.slots[i].in_b != OFTEN;
    }
    *out = cove_arena_array(diff->scratch, found, sizeof(**out));
    *count = found;
    if (*out == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = box->a, n = 0; n < found; i++) {
        const struct diff_slot *slot = table_slot(&table, diff->a[i]);

        if (slot != NULL && slot->in_b != 0 && slot->in_b != OFTEN) {
            (*out)[n++] = (struct diff_anchor){(uint32_t)i, slot->in_b - 1, 0};
        }
    }
    return 0;
}

/* Link the longest chain of anchors that ascends in b too. best[i] is the
 * anchor, its index + 1, that ends a chain of i + 1 at the smallest place in b.
 * The last of the chain in *last, as index + 1. Cost: O(count log count). */
static int anchors_chain(struct diff *diff, struct diff_anchor *list,
                         size_t count, uint32_t *last)
{
    uint32_t *best = cove_arena_array(diff->scratch, count, sizeof(*best));
    size_t longest = 0;

    if (best == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        size_t low = 0;
        size_t high = longest;

        while (low < high) {
            size_t middle = low + (high - low) / 2;

            if (list[best[middle] - 1].at_b < list[i].at_b) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        list[i].before = low > 0 ? best[low - 1] : 0;
        best[low] = (uint32_t)(i + 1);
        longest += low == longest;
    }
    *last = longest > 0 ? best[longest - 1] : 0;
    return 0;
}

static int diff_box(struct diff *diff, struct diff_box box, uint64_t limit,
                    int depth);

/* Give up the search of a box: keep anchors, search the gaps, from the end. */
static int diff_by_anchors(struct diff *diff, struct diff_box box, int depth)
{
    struct diff_anchor *list = NULL;
    size_t count = 0;
    uint32_t last = 0;
    int err = 0;

    if (depth == DEPTH_MAX || diff->work->steps >= COVE_DIFF_STEPS_MAX) {
        diff_replace(diff, &box);
        return 0;
    }
    err = anchors_list(diff, &box, &list, &count);
    if (err == 0 && count > 0) {
        err = anchors_chain(diff, list, count, &last);
    }
    if (err != 0) {
        return err;
    }
    if (last == 0) {
        diff_replace(diff, &box);
        return 0;
    }
    while (err == 0) {
        struct diff_box gap = box;

        if (last > 0) {
            gap.a = list[last - 1].at_a + 1;
            gap.b = list[last - 1].at_b + 1;
            box.a_end = gap.a - 1;
            box.b_end = gap.b - 1;
        }
        err = diff_box(
            diff, gap,
            cove_diff_share(gap.a_end - gap.a + gap.b_end - gap.b, diff->whole),
            depth + 1);
        if (last == 0) {
            break;
        }
        last = list[last - 1].before;
    }
    return err;
}

static int diff_box(struct diff *diff, struct diff_box box, uint64_t limit,
                    int depth)
{
    struct diff_run run;

    diff_trim(diff, &box);
    if (box.a == box.a_end || box.b == box.b_end) {
        diff_replace(diff, &box);
        return 0;
    }
    if (!diff_middle(diff, &box, limit, &run)) {
        return diff->work->refuse ? COVE_ELIMIT
                                  : diff_by_anchors(diff, box, depth);
    }

    struct diff_box first = {box.a, box.a + (size_t)run.x, box.b,
                             box.b + (size_t)run.y};
    struct diff_box second = {box.a + (size_t)run.x_end, box.a_end,
                              box.b + (size_t)run.y_end, box.b_end};
    /* Half the changes are left to each: together they cost no more than what
     * was just allowed. */
    int err = diff_box(diff, first, ALL_ALLOWED, depth);

    return err != 0 ? err : diff_box(diff, second, ALL_ALLOWED, depth);
}

/* Turn marks into edits: first count, then write, where out is not NULL. */
static size_t diff_edits(const struct diff *diff, size_t n, size_t m,
                         struct cove_diff_edit *out)
{
    size_t count = 0;
    size_t i = 0;
    size_t j = 0;

    while (i < n || j < m) {
        struct cove_diff_edit edit = {i, 0, j, 0};

        for (; i < n && diff->removed[i]; i++) {
            edit.removed++;
        }
        for (; j < m && diff->inserted[j]; j++) {
            edit.inserted++;
        }
        if (edit.removed == 0 && edit.inserted == 0) {
            assert(i < n && j < m);
            i++;
            j++;
            continue;
        }
        if (out != NULL) {
            out[count] = edit;
        }
        count++;
    }
    return count;
}

static int diff_start(struct diff *diff, size_t n, size_t m)
{
    size_t half = (n + m + 1) / 2; /* never further, until they meet */
    size_t reach = half < REACH_MAX ? half : REACH_MAX;
    size_t diagonals = 2 * (reach + 1) + 1;

    diff->whole = n + m;
    diff->reach = (int32_t)reach;
    diff->removed = cove_arena_new(diff->scratch, n);
    diff->inserted = cove_arena_new(diff->scratch, m);

    int32_t *far = cove_arena_array(diff->scratch, 2 * diagonals, sizeof(*far));

    if (diff->removed == NULL || diff->inserted == NULL || far == NULL) {
        return COVE_ENOMEM;
    }
    diff->forward = far + reach + 1;
    diff->backward = far + diagonals + reach + 1;
    return 0;
}

int cove_diff_rows(struct cove_arena *arena, struct cove_diff_row a,
                   struct cove_diff_row b, struct cove_diff_work *work,
                   struct cove_diff_edit **out, size_t *count)
{
    struct diff diff = {
        .a = a.at, .b = b.at, .scratch = &work->scratch, .work = work};
    struct diff_box box = {0, a.len, 0, b.len};
    struct cove_diff_edit *edits = NULL;
    size_t found;
    int err;

    if (a.len > COVE_DIFF_SYMBOLS_MAX || b.len > COVE_DIFF_SYMBOLS_MAX) {
        return COVE_ELIMIT;
    }
    cove_arena_reset(&work->scratch);
    err = diff_start(&diff, a.len, b.len);
    if (err == 0) {
        err = diff_box(&diff, box, work->search, 0);
    }
    if (err != 0) {
        return err;
    }
    found = diff_edits(&diff, a.len, b.len, NULL);
    edits = cove_arena_array(arena, found, sizeof(*edits));
    if (edits == NULL) {
        return COVE_ENOMEM;
    }
    diff_edits(&diff, a.len, b.len, edits);
    *out = edits;
    *count = found;
    return 0;
}

int cove_diff_symbols(struct cove_arena *arena, const uint32_t *a, size_t n,
                      const uint32_t *b, size_t m, struct cove_diff_edit **out,
                      size_t *count)
{
    struct cove_diff_row old_row = {a, n};
    struct cove_diff_row new_row = {b, m};
    struct cove_diff_work work = {.search = COVE_DIFF_SEARCH_MAX};
    int err;

    cove_arena_init(&work.scratch, arena->alloc);
    err = cove_diff_rows(arena, old_row, new_row, &work, out, count);
    cove_arena_clear(&work.scratch);
    return err;
}

uint64_t cove_diff_share(size_t part, size_t whole)
{
    uint64_t share =
        whole > 0 ? (uint64_t)COVE_DIFF_SEARCH_MAX * part / whole : 0;

    return share > COVE_DIFF_SEARCH_MIN ? share : COVE_DIFF_SEARCH_MIN;
}
