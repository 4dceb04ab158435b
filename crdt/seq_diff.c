/* seq_diff.c: see seq_diff.h. */
#include "crdt/seq_diff.h"

#include <stdlib.h>

#include "core/cbor.h"
#include "core/utf8.h"
#include "cove/error.h"

/* --- authors: each sequence has numbers of its own for them */

struct ranked_author {
    const struct cove_seq_author *who;
    uint32_t number;
};

static int author_order(const void *left, const void *right)
{
    const struct cove_seq_author *a = ((const struct ranked_author *)left)->who;
    const struct cove_seq_author *b =
        ((const struct ranked_author *)right)->who;
    int order = memcmp(&a->session, &b->session, sizeof(a->session));

    if (order == 0) {
        order = (a->hlc > b->hlc) - (a->hlc < b->hlc);
    }
    if (order == 0) {
        order = (a->tx > b->tx) - (a->tx < b->tx);
    }
    return order != 0 ? order : (a->op > b->op) - (a->op < b->op);
}

static struct ranked_author *authors_ranked(const struct cove_seq *seq,
                                            struct cove_arena *arena,
                                            uint32_t count)
{
    struct ranked_author *ranked =
        cove_arena_array(arena, (size_t)count + 1, sizeof(*ranked));

    for (uint32_t i = 0; ranked != NULL && i < count; i++) {
        ranked[i] = (struct ranked_author){cove_seq_author_of(seq, i), i};
    }
    if (ranked != NULL && count > 1) {
        qsort(ranked, count, sizeof(*ranked), author_order);
    }
    return ranked;
}

static uint32_t *authors_none(struct cove_arena *arena, uint32_t count)
{
    uint32_t *numbers =
        cove_arena_array(arena, (size_t)count + 1, sizeof(*numbers));

    for (uint32_t i = 0; numbers != NULL && i < count; i++) {
        numbers[i] = COVE_SEQ_ROOT;
    }
    return numbers;
}

static int steps_authors(struct cove_seq_steps *steps, struct cove_arena *arena)
{
    uint32_t n = cove_seq_author_count(steps->old);
    uint32_t m = cove_seq_author_count(steps->as);
    struct ranked_author *old = authors_ranked(steps->old, arena, n);
    struct ranked_author *as = authors_ranked(steps->as, arena, m);
    uint32_t i = 0;
    uint32_t k = 0;

    steps->new_author = authors_none(arena, n);
    steps->old_author = authors_none(arena, m);
    if (old == NULL || as == NULL || steps->new_author == NULL ||
        steps->old_author == NULL) {
        return COVE_ENOMEM;
    }
    while (i < n && k < m) {
        int order = author_order(&old[i], &as[k]);

        if (order == 0) {
            steps->new_author[old[i].number] = as[k].number;
            steps->old_author[as[k].number] = old[i].number;
        }
        i += order <= 0;
        k += order >= 0;
    }
    return 0;
}

/* --- in step */

int cove_seq_steps(const struct cove_seq *old, const struct cove_seq *as,
                   struct cove_arena *arena, struct cove_seq_steps *out)
{
    struct cove_seq_steps steps = {.old = old, .as = as};
    int err = steps_authors(&steps, arena);

    if (err != 0) {
        return err;
    }
    err = cove_seq_walk_all(old, &steps.old_walk);
    if (err == 0) {
        err = cove_seq_walk_all(as, &steps.new_walk);
    }
    if (err != 0) {
        return err;
    }
    steps.old_left = cove_seq_next(&steps.old_walk, &steps.old_piece);
    steps.new_left = cove_seq_next(&steps.new_walk, &steps.new_piece);
    *out = steps;
    return 0;
}

struct cove_bytes cove_seq_cut(enum cove_seq_kind kind,
                               struct cove_bytes content, uint32_t count)
{
    struct cove_reader r;
    size_t len = 0;

    if (kind == COVE_SEQ_TEXT) {
        return cove_utf8_offset(content, count, &len) == 0
                   ? cove_bytes(content.at, len)
                   : content;
    }
    cove_reader_init(&r, content);
    for (uint32_t i = 0; i < count; i++) {
        len += cove_reader_item(&r).len;
    }
    return cove_bytes(content.at, len);
}

/* Take the first elements off a piece; the next piece where none are left. */
static bool piece_take(enum cove_seq_kind kind, struct cove_seq_walk *walk,
                       struct cove_seq_piece *piece, uint32_t count)
{
    if (count == piece->count) {
        return cove_seq_next(walk, piece);
    }

    struct cove_bytes front = cove_seq_cut(kind, piece->content, count);

    piece->first.n += count;
    piece->count -= count;
    piece->content.at += front.len;
    piece->content.len -= front.len;
    return true;
}

/* Does the other sequence hold the first element of a piece? Where it does not,
 * it holds none of the piece: each hangs on the one before. */
static int piece_held(const struct cove_seq *other, const uint32_t *numbers,
                      const struct cove_seq_piece *piece, bool *held)
{
    struct cove_elem elem = {numbers[piece->first.author], piece->first.n};
    size_t at;
    bool visible;
    int err = elem.author == COVE_SEQ_ROOT
                  ? COVE_ENOTFOUND
                  : cove_seq_find(other, elem, &at, &visible);

    *held = err == 0;
    return err == COVE_ENOTFOUND ? 0 : err;
}

static void step_fill(struct cove_seq_step *out, enum cove_seq_kind kind,
                      const struct cove_seq_piece *piece, uint32_t count)
{
    out->count = count;
    out->hlc = piece->hlc;
    out->content = cove_seq_cut(kind, piece->content, count);
    out->type = piece->type;
}

static void step_old(struct cove_seq_steps *steps, uint32_t count,
                     struct cove_seq_step *out)
{
    enum cove_seq_kind kind = cove_seq_kind(steps->old);

    out->in_old = true;
    out->was = !steps->old_piece.deleted;
    out->old = steps->old_piece.first;
    step_fill(out, kind, &steps->old_piece, count);
    steps->old_left =
        piece_take(kind, &steps->old_walk, &steps->old_piece, count);
}

static void step_new(struct cove_seq_steps *steps, uint32_t count,
                     struct cove_seq_step *out)
{
    enum cove_seq_kind kind = cove_seq_kind(steps->as);

    out->in_new = true;
    out->is = !steps->new_piece.deleted;
    out->as = steps->new_piece.first;
    step_fill(out, kind, &steps->new_piece, count);
    steps->new_left =
        piece_take(kind, &steps->new_walk, &steps->new_piece, count);
}

/* Are both at one element? */
static bool steps_meet(const struct cove_seq_steps *steps)
{
    const struct cove_seq_piece *a = &steps->old_piece;
    const struct cove_seq_piece *b = &steps->new_piece;

    return steps->old_left && steps->new_left && a->first.n == b->first.n &&
           steps->new_author[a->first.author] == b->first.author;
}

int cove_seq_step(struct cove_seq_steps *steps, struct cove_seq_step *out)
{
    uint32_t count = steps->old_piece.count;
    bool held = false;

    memset(out, 0, sizeof(*out));
    if (!steps->old_left && !steps->new_left) {
        return COVE_ENOTFOUND;
    }
    if (steps_meet(steps)) {
        count = count < steps->new_piece.count ? count : steps->new_piece.count;
        step_old(steps, count, out);
        step_new(steps, count, out);
        return 0;
    }
    if (steps->old_left && steps->new_left) {
        int err =
            piece_held(steps->as, steps->new_author, &steps->old_piece, &held);

        if (err != 0) {
            return err;
        }
    }
    if (steps->old_left && !held) {
        step_old(steps, count, out);
    } else {
        step_new(steps, steps->new_piece.count, out);
    }
    return 0;
}

/* --- changes */

void cove_seq_changes_init(struct cove_seq_changes *changes,
                           struct cove_arena *arena, enum cove_seq_kind kind)
{
    memset(changes, 0, sizeof(*changes));
    changes->arena = arena;
    changes->kind = kind;
}

static int changes_open(struct cove_seq_changes *changes)
{
    void *at = changes->at;
    int err;

    if (changes->open) {
        return 0;
    }
    err = cove_arena_grow(changes->arena, &at, sizeof(*changes->at),
                          changes->count, &changes->cap);
    if (err == 0) {
        changes->at = at;
        changes->open = true;
        memset(&changes->at[changes->count], 0, sizeof(*changes->at));
        changes->at[changes->count].old_at = changes->old_at;
        changes->at[changes->count].new_at = changes->new_at;
        changes->count++;
    }
    return err;
}

/* A part may go on where the last one ended. */
static bool part_joins(struct cove_seq_part *last,
                       const struct cove_seq_part *part)
{
    size_t end = last->place + (last->held ? last->count : 0);

    if (last->first.author != part->first.author ||
        last->first.n + last->count != part->first.n ||
        last->hlc != part->hlc || last->held != part->held ||
        end != part->place ||
        last->content.at + last->content.len != part->content.at ||
        !cove_bytes_equal(last->type, part->type)) {
        return false;
    }
    last->count += part->count;
    last->content.len += part->content.len;
    return true;
}

static int part_push(struct cove_arena *arena, struct cove_seq_part **parts,
                     size_t *count, size_t *cap,
                     const struct cove_seq_part *part)
{
    void *at = *parts;
    int err;

    if (*count > 0 && part_joins(&(*parts)[*count - 1], part)) {
        return 0;
    }
    err = cove_arena_grow(arena, &at, sizeof(*part), *count, cap);
    if (err == 0) {
        *parts = at;
        (*parts)[(*count)++] = *part;
    }
    return err;
}

int cove_seq_changes_add(struct cove_seq_changes *changes,
                         const struct cove_seq_part *part, bool was, bool is)
{
    struct cove_seq_change *change;
    int err = 0;

    if (was && is) {
        changes->open = false;
    } else if (was || is) {
        err = changes_open(changes);
    }
    if (err != 0) {
        return err;
    }
    change = changes->open ? &changes->at[changes->count - 1] : NULL;
    if (was && !is) {
        err = part_push(changes->arena, &change->gone, &change->gone_parts,
                        &change->gone_cap, part);
        change->gone_count += part->count;
    } else if (is && !was) {
        err = part_push(changes->arena, &change->come, &change->come_parts,
                        &change->come_cap, part);
        change->come_count += part->count;
    }
    changes->old_at += was ? part->count : 0;
    changes->new_at += is ? part->count : 0;
    return err;
}

int cove_seq_diff(const struct cove_seq *old, const struct cove_seq *as,
                  struct cove_arena *arena, struct cove_seq_changes *out)
{
    struct cove_seq_changes changes;
    struct cove_seq_steps steps;
    struct cove_seq_step step;
    struct cove_elem last = {COVE_SEQ_ROOT, 0};
    size_t place = 0;
    int err = cove_seq_steps(old, as, arena, &steps);

    cove_seq_changes_init(&changes, arena, cove_seq_kind(as));
    while (err == 0) {
        err = cove_seq_step(&steps, &step);
        if (err == 0) {
            struct cove_seq_part part = {.first = step.was ? step.old : step.as,
                                         .count = step.count,
                                         .hlc = step.hlc,
                                         .content = step.content,
                                         .type = step.type,
                                         .held = step.in_old,
                                         .behind =
                                             step.in_old ? step.old : last,
                                         .place = place};

            err = cove_seq_changes_add(&changes, &part, step.was, step.is);
        }
        if (err == 0 && step.in_old) {
            place += step.count;
            last = step.old;
            last.n += step.count - 1;
        }
    }
    if (err != COVE_ENOTFOUND) {
        return err;
    }
    *out = changes;
    return 0;
}

/* --- fixes */

struct fix_elem {
    struct cove_elem at; /* itself; of what comes: what it belongs behind */
    size_t place, end;   /* where it is in the old one, and what follows it */
    struct cove_bytes content;
    struct cove_bytes type;
};

struct fix_list {
    const struct cove_seq_changes *changes;
    struct cove_seq_fix *at;
    size_t count, cap;
};

/* The elements of parts, one by one. */
static int fix_elems(const struct cove_seq_changes *changes,
                     const struct cove_seq_part *parts, size_t part_count,
                     size_t count, struct fix_elem **out)
{
    struct fix_elem *elems =
        cove_arena_array(changes->arena, count + 1, sizeof(*elems));
    size_t at = 0;

    if (elems == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < part_count; i++) {
        const struct cove_seq_part *part = &parts[i];
        struct cove_bytes rest = part->content;

        for (uint32_t k = 0; k < part->count; k++) {
            struct fix_elem *elem = &elems[at++];

            elem->at = part->behind;
            elem->at.n += part->held ? k : 0;
            elem->place = part->place + (part->held ? k : 0);
            elem->end = elem->place + part->held;
            elem->content = cove_seq_cut(changes->kind, rest, 1);
            elem->type = part->type;
            rest.at += elem->content.len;
            rest.len -= elem->content.len;
        }
    }
    *out = elems;
    return 0;
}

static int fix_push(struct fix_list *list, const struct cove_seq_fix *fix)
{
    void *at = list->at;
    int err = cove_arena_grow(list->changes->arena, &at, sizeof(*fix),
                              list->count, &list->cap);

    if (err == 0) {
        list->at = at;
        list->at[list->count++] = *fix;
    }
    return err;
}

/* Elements that are put in together: neighbours, with nothing between them that
 * might come back later. */
static int fix_insert(struct fix_list *list, const struct fix_elem *elems,
                      size_t count, size_t *taken)
{
    struct cove_arena *arena = list->changes->arena;
    struct cove_seq_fix fix = {.count = 0};
    struct cove_buf buf;
    size_t end = 0;
    int err = 0;

    cove_buf_init(&buf, arena->alloc);
    do {
        err = cove_buf_append(&buf, elems[end++].content);
    } while (end < count && err == 0 &&
             elems[end].place == elems[end - 1].end &&
             cove_bytes_equal(elems[end].type, elems[0].type));
    if (err == 0) {
        err = cove_arena_copy(arena, cove_buf_bytes(&buf), &fix.content);
    }
    if (err == 0) {
        err = cove_arena_copy(arena, elems[0].type, &fix.type);
    }
    cove_buf_clear(&buf);
    fix.at = elems[end - 1].at;
    fix.count = (uint32_t)end;
    *taken = end;
    return err != 0 ? err : fix_push(list, &fix);
}

static int fix_remove(struct fix_list *list, const struct fix_elem *elems,
                      size_t count, size_t *taken)
{
    struct cove_seq_fix fix = {.at = elems[0].at, .count = 1};

    while (fix.count < count && elems[fix.count].at.author == fix.at.author &&
           elems[fix.count].at.n == fix.at.n + fix.count) {
        fix.count++;
    }
    *taken = fix.count;
    return fix_push(list, &fix);
}

static bool elem_same(const struct fix_elem *a, const struct fix_elem *b)
{
    return cove_bytes_equal(a->content, b->content);
}

struct fix_trim { /* what is not equal at the ends */
    size_t front, gone, come;
};

static struct fix_trim fix_trim(const struct cove_seq_change *change,
                                const struct fix_elem *old,
                                const struct fix_elem *as)
{
    struct fix_trim t = {0, change->gone_count, change->come_count};

    while (t.front < t.gone && t.front < t.come &&
           elem_same(&old[t.front], &as[t.front])) {
        t.front++;
    }
    while (t.gone > t.front && t.come > t.front &&
           elem_same(&old[t.gone - 1], &as[t.come - 1])) {
        t.gone--;
        t.come--;
    }
    return t;
}

/* What stays at the ends keeps what comes between. False where nothing that
 * goes stands in front for it to be put behind. */
static bool fix_between(const struct cove_seq_change *change,
                        const struct fix_elem *old, struct fix_elem *as,
                        const struct fix_trim *t)
{
    for (size_t i = t->front; i < t->come; i++) {
        const struct fix_elem *behind = NULL;

        if (t->front > 0 && as[i].end <= old[t->front - 1].place) {
            behind = &old[t->front - 1];
        } else if (t->gone < change->gone_count &&
                   as[i].end > old[t->gone].place) {
            if (t->gone == 0) {
                return false;
            }
            behind = &old[t->gone - 1];
            if (i > t->front && as[i - 1].end > behind->end) {
                behind = &as[i - 1];
            }
        }
        if (behind != NULL) {
            as[i].at = behind->at;
            as[i].place = as[i].end = behind->end;
        }
    }
    return true;
}

static int fix_change(struct fix_list *list,
                      const struct cove_seq_change *change, bool exact)
{
    struct fix_trim t = {0, change->gone_count, change->come_count};
    struct fix_elem *old;
    struct fix_elem *as;
    size_t taken = 0;
    int err = fix_elems(list->changes, change->gone, change->gone_parts, t.gone,
                        &old);

    if (err == 0) {
        err = fix_elems(list->changes, change->come, change->come_parts, t.come,
                        &as);
    }
    if (err != 0) {
        return err;
    }
    if (!exact) {
        struct fix_trim trim = fix_trim(change, old, as);

        t = fix_between(change, old, as, &trim) ? trim : t;
    }
    for (size_t i = t.front; i < t.gone && err == 0; i += taken) {
        err = fix_remove(list, &old[i], t.gone - i, &taken);
    }
    for (size_t i = t.front; i < t.come && err == 0; i += taken) {
        err = fix_insert(list, &as[i], t.come - i, &taken);
    }
    return err;
}

int cove_seq_fixes(const struct cove_seq_changes *changes, bool exact,
                   struct cove_seq_fix **out, size_t *count)
{
    struct fix_list list = {.changes = changes};
    int err = 0;

    for (size_t i = 0; i < changes->count && err == 0; i++) {
        err = fix_change(&list, &changes->at[i], exact);
    }
    if (err == 0) {
        *out = list.at;
        *count = list.count;
    }
    return err;
}
