/* child_view.c: what children say of the registers that they were made of.
 *
 * While users have done anything to a child that shows, the register reads what
 * the child has: a text whole, of a list the first item's writes. Of several
 * children of one register the one with the newest element speaks.
 */
#include "migrate/child_internal.h"

#include <stdlib.h>

#include "core/value.h"
#include "cove/error.h"
#include "migrate/view_internal.h"

/* What a child says, and how new it is. Its id is no op's: the op index says
 * which seed of the plan it comes from, counted down from the greatest. */
struct child_say {
    struct cove_op_id newest;
    struct cove_view_overlay overlay;
};

/* A walk over what a child shows. */
struct child_seen {
    uint32_t seeds; /* that are visible */
    bool natives;
    struct cove_op_id newest; /* as child_say has it, of natives */
    bool has_first;
    struct cove_seq_piece first; /* that the head knows */
    struct cove_seq_piece seed;  /* of a list: the seed, where seeds > 0 */
};

static void seen_newest(struct child_seen *seen,
                        const struct family_shown *shown,
                        const struct cove_seq_piece *piece)
{
    const struct cove_seq_author *author =
        cove_seq_author_of(shown->seq, piece->first.author);
    struct cove_op_id id = {.hlc = piece->hlc,
                            .device = author->device,
                            .session = author->session};

    if (!seen->natives || cove_op_id_compare(&id, &seen->newest) > 0) {
        seen->newest = id;
    }
    seen->natives = true;
}

static int seen_walk(const struct cove_family *family,
                     const struct family_shown *shown, struct child_seen *seen)
{
    size_t length = cove_seq_length(shown->seq, COVE_SEQ_ELEMENTS);
    struct cove_seq_walk walk;
    struct cove_seq_piece piece;
    int err = cove_seq_walk(shown->seq, 0, length, &walk);

    memset(seen, 0, sizeof(*seen));
    while (err == 0 && cove_seq_next(&walk, &piece)) {
        bool seed = cove_shown_is_seed(shown, piece.first);

        if (seed) {
            seen->seeds += piece.count;
            seen->seed = piece;
        } else if (shown->list && cove_shown_type(family, shown, piece.type) ==
                                      COVE_PLAN_NONE) {
            continue; /* its step is not here yet */
        } else {
            seen_newest(seen, shown, &piece);
        }
        if (!seen->has_first) {
            seen->has_first = true;
            seen->first = piece;
        }
    }
    return err;
}

/* Did users do anything that shows? */
static int seen_touched(struct cove_family *family,
                        const struct family_shown *shown,
                        const struct child_seen *seen, bool *touched)
{
    struct family_writes sets = {NULL, 0};
    int err = 0;

    *touched = seen->natives || seen->seeds < shown->count;
    if (!*touched && shown->list && seen->seeds > 0) {
        err = cove_item_writes(family, shown, &seen->seed, &sets);
        *touched = sets.count > 0;
    }
    return err;
}

static int say_text(struct cove_family *family,
                    const struct family_shown *shown, struct child_say *say)
{
    struct cove_native *write = cove_arena_new(family->arena, sizeof(*write));
    struct cove_buf text;
    int err;

    if (write == NULL) {
        return COVE_ENOMEM;
    }
    cove_buf_init(&text, family->arena->alloc);
    err = cove_seq_text(shown->seq, COVE_SEQ_ELEMENTS, 0,
                        cove_seq_length(shown->seq, COVE_SEQ_ELEMENTS), &text);
    if (err == 0) {
        err = cove_value_of_text(family->arena, cove_buf_bytes(&text),
                                 &write->value);
    }
    cove_buf_clear(&text);
    write->reg = family->plan->registers[shown->from->from].id;
    write->id = say->newest;
    say->overlay.writes = write;
    say->overlay.write_count = 1;
    return err;
}

static int say_list(struct cove_family *family,
                    const struct family_shown *shown,
                    const struct child_seen *seen, struct child_say *say)
{
    struct family_writes writes = {NULL, 0};
    int err = 0;

    if (seen->has_first) {
        err = cove_item_writes(family, shown, &seen->first, &writes);
        say->overlay.beside = cove_shown_is_seed(shown, seen->first.first);
    }
    say->overlay.writes = writes.items;
    say->overlay.write_count = writes.count;
    return err;
}

/* What the child of a seeded field says; *says: anything. */
static int say_find(struct cove_family *family,
                    const struct cove_plan_seed *seed, struct child_say *say,
                    bool *says)
{
    struct family_shown *shown;
    struct child_seen seen;
    int err = cove_family_show(family, seed->to, seed->list, &shown);

    *says = false;
    if (err == 0) {
        err = seen_walk(family, shown, &seen);
    }
    if (err == 0) {
        err = seen_touched(family, shown, &seen, says);
    }
    if (err != 0 || !*says) {
        return err;
    }
    memset(say, 0, sizeof(*say));
    say->overlay.reg = seed->from;
    if (shown->write != NULL) {
        say->newest = *shown->write;
        say->newest.op = 0;
    }
    if (seen.natives && cove_op_id_compare(&seen.newest, &say->newest) > 0) {
        say->newest = seen.newest;
    }
    say->newest.op = UINT32_MAX - (uint32_t)(seed - family->plan->seeds);
    return shown->list ? say_list(family, shown, &seen, say)
                       : say_text(family, shown, say);
}

static int say_order(const void *left, const void *right)
{
    const struct child_say *a = left;
    const struct child_say *b = right;

    return cove_op_id_compare(&a->newest, &b->newest);
}

/* --- ops of other documents ----------------------------------------------- */

static int id_order(const void *left, const void *right)
{
    return cove_op_id_compare(left, right);
}

static void ids_take(const struct cove_state *state, struct cove_op_id *ids,
                     size_t *count)
{
    for (size_t i = 0; i < state->native_count; i++) {
        ids[(*count)++] = state->natives[i].id;
    }
    for (size_t i = 0; i < state->copy_count; i++) {
        ids[(*count)++] = state->copies[i].id;
    }
}

/* The ids of all ops that are not those of `of`. */
static int family_foreign(struct cove_family *family,
                          const struct cove_state *of, struct cove_view *view)
{
    struct cove_op_id *ids;
    size_t room = family->own->native_count + family->own->copy_count;
    size_t count = 0;

    for (size_t i = 0; i < family->doc_count; i++) {
        room += family->docs[i].state->native_count +
                family->docs[i].state->copy_count;
    }
    ids = cove_arena_array(family->arena, room + 1, sizeof(*ids));
    if (ids == NULL) {
        return COVE_ENOMEM;
    }
    if (family->own != of) {
        ids_take(family->own, ids, &count);
    }
    for (size_t i = 0; i < family->doc_count; i++) {
        if (family->docs[i].state != of) {
            ids_take(family->docs[i].state, ids, &count);
        }
    }
    qsort(ids, count, sizeof(*ids), id_order);
    view->foreign = ids;
    view->foreign_count = count;
    return 0;
}

int cove_family_view(struct cove_family *family, const struct cove_state *of,
                     struct cove_view *out)
{
    const struct cove_plan *plan = family->plan;
    struct child_say *says =
        cove_arena_array(family->arena, plan->seed_count + 1, sizeof(*says));
    struct cove_view view;
    size_t count = 0;
    int err = says == NULL ? COVE_ENOMEM : 0;

    for (size_t i = 0; i < plan->seed_count && err == 0; i++) {
        bool any = false;

        err = say_find(family, &plan->seeds[i], &says[count], &any);
        count += any ? 1 : 0;
    }
    if (err == 0) {
        err = cove_view_init(&view, family->arena, plan, &family->all);
    }
    if (err == 0) {
        err = family_foreign(family, of, &view);
    }
    if (err != 0) {
        return err;
    }
    qsort(says, count, sizeof(*says), say_order);
    for (size_t i = 0; i < count; i++) {
        cove_view_lay_over(&view, &says[i].overlay);
    }
    *out = view;
    return 0;
}
