#include "tests/promises/seq_naive.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static bool same(struct naive_id a, struct naive_id b)
{
    return a.author == b.author && a.n == b.n;
}

void naive_insert(struct naive *s, const struct naive_elem *elem)
{
    for (size_t i = 0; i < s->count; i++) {
        if (same(s->elems[i].id, elem->id)) {
            return;
        }
    }
    assert(s->count < NAIVE_MAX);
    s->elems[s->count++] = *elem;
}

void naive_remove(struct naive *s, struct naive_id id)
{
    for (size_t i = 0; i < s->gone_count; i++) {
        if (same(s->gone[i], id)) {
            return;
        }
    }
    assert(s->gone_count < sizeof(s->gone) / sizeof(s->gone[0]));
    s->gone[s->gone_count++] = id;
}

/* The child of a parent on a side with the smallest id above `above`. */
static const struct naive_elem *next_child(const struct naive *s,
                                           struct naive_id parent, bool right,
                                           const struct naive_elem *above)
{
    const struct naive_elem *best = NULL;

    for (size_t i = 0; i < s->count; i++) {
        const struct naive_elem *e = &s->elems[i];
        const struct naive_elem *pair[] = {above, best};
        bool fits = same(e->parent, parent) && e->right == right;

        for (int k = 0; fits && k < 2; k++) { /* above < e < best */
            const struct naive_elem *o = pair[k];
            bool less = false;

            if (o != NULL) {
                less = e->hlc != o->hlc ? e->hlc < o->hlc
                       : e->id.author != o->id.author
                           ? e->id.author < o->id.author
                           : e->id.n < o->id.n;
                fits = k == 0 ? !less && e != o : less;
            }
        }
        best = fits ? e : best;
    }
    return best;
}

/* Left children, itself, right children. The histories are small enough for
 * recursion to be the clearest way to say so. */
static void walk(struct naive *s, struct naive_id parent, bool right)
{
    for (const struct naive_elem *e = next_child(s, parent, right, NULL);
         e != NULL; e = next_child(s, parent, right, e)) {
        walk(s, e->id, false);
        s->order[s->reached++] = (size_t)(e - s->elems);
        walk(s, e->id, true);
    }
}

void naive_read(struct naive *s)
{
    struct naive_id root = {UINT32_MAX, 0};

    s->reached = s->visible = 0;
    walk(s, root, true);
    for (size_t i = 0; i < s->reached; i++) {
        s->deleted[i] = false;
        for (size_t k = 0; k < s->gone_count; k++) {
            s->deleted[i] |= same(s->gone[k], s->elems[s->order[i]].id);
        }
        s->visible += !s->deleted[i];
    }
}

static size_t order_of(const struct naive *s, size_t at)
{
    size_t i = 0;

    for (;; i++) {
        assert(i < s->reached);
        if (!s->deleted[i] && at-- == 0) {
            return i;
        }
    }
}

const struct naive_elem *naive_at(const struct naive *s, size_t at)
{
    return &s->elems[s->order[order_of(s, at)]];
}

void naive_parent(const struct naive *s, size_t at, struct naive_id *parent,
                  bool *right)
{
    struct naive_id left = {UINT32_MAX, 0};
    size_t next = 0;

    if (at > 0) {
        next = order_of(s, at - 1) + 1;
        left = s->elems[s->order[next - 1]].id;
    }
    *right = next_child(s, left, true, NULL) == NULL;
    *parent = *right ? left : s->elems[s->order[next]].id;
}
