/* child_item.c: items of lists. See child.h.
 *
 * An item's writes go to registers of items, and the head reads its own, as it
 * reads any register: by the plan, through conversions and parts. So the
 * general way is a view of a document that has nothing else. What is of the
 * head's type already, or one conversion away, needs none. Copies never speak:
 * where the element is, what was written is held.
 */
#include "migrate/child_internal.h"

#include "core/cbor.h"
#include "core/value.h"
#include "cove/error.h"
#include "crdt/item.h"
#include "migrate/project.h"
#include "migrate/view_internal.h"

bool cove_shown_is_seed(const struct family_shown *shown, struct cove_elem elem)
{
    return shown->count > 0 && elem.author == shown->author;
}

uint32_t cove_shown_type(const struct cove_family *family,
                         const struct family_shown *shown,
                         struct cove_bytes type)
{
    uint32_t reg;

    if (type.len == 0) { /* of the head's own, whatever that is */
        return shown->item;
    }
    return cove_plan_find(family->plan, type, &reg) ? reg : COVE_PLAN_NONE;
}

/* The first value of a piece: lists may be read many at a time. */
static struct cove_bytes piece_value(const struct cove_seq_piece *piece)
{
    struct cove_reader r;

    cove_reader_init(&r, piece->content);
    return cove_reader_item(&r);
}

/* When it was inserted: in front of every set of the same item. */
static struct cove_op_id piece_id(const struct family_shown *shown,
                                  const struct cove_seq_piece *piece)
{
    const struct cove_seq_author *author =
        cove_seq_author_of(shown->seq, piece->first.author);

    return (struct cove_op_id){.hlc = piece->hlc,
                               .device = author->device,
                               .session = author->session};
}

/* --- what was set in its place -------------------------------------------- */

struct item_sets { /* natives of the child's state, whose registers … */
    struct cove_bytes prefix; /* … begin so */
    size_t begin, end;
};

static int prefix_compare(struct cove_bytes reg, struct cove_bytes prefix)
{
    return cove_bytes_compare(
        reg.len < prefix.len ? reg : cove_bytes(reg.at, prefix.len), prefix);
}

static void sets_range(const struct cove_state *state, struct item_sets *sets)
{
    size_t begin = 0;
    size_t end = state->native_count;

    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;

        if (prefix_compare(state->natives[middle].reg, sets->prefix) < 0) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    sets->begin = sets->end = begin;
    while (sets->end < state->native_count &&
           prefix_compare(state->natives[sets->end].reg, sets->prefix) == 0) {
        sets->end++;
    }
}

static int sets_find(const struct cove_family *family,
                     const struct family_shown *shown, struct cove_elem elem,
                     struct item_sets *out)
{
    int err;

    memset(out, 0, sizeof(*out));
    if (shown->state == NULL || shown->state->native_count == 0) {
        return 0;
    }
    err = cove_item_register(family->arena, shown->seq, elem,
                             cove_bytes(NULL, 0), &out->prefix);
    if (err == 0) {
        sets_range(shown->state, out);
    }
    return err;
}

static struct cove_bytes set_type(const struct item_sets *sets,
                                  const struct cove_native *set)
{
    return cove_bytes(set->reg.at + sets->prefix.len,
                      set->reg.len - sets->prefix.len);
}

/* --- writes --------------------------------------------------------------- */

/* A step at which writes to a register are known. */
static const struct cove_step *item_adder(const struct cove_plan *plan,
                                          uint32_t reg)
{
    for (size_t i = 0; i < cove_journal_count(plan->journal); i++) {
        const struct cove_step *step = cove_journal_at(plan->journal, i);

        if (step->state == COVE_STEP_ACTIVE &&
            cove_journal_step_knows(plan->journal, step, reg)) {
            return step;
        }
    }
    return NULL; /* cannot be: an active step adds it */
}

static void writes_insert(struct cove_family *family,
                          const struct family_shown *shown,
                          const struct cove_seq_piece *piece,
                          struct family_writes *out)
{
    uint32_t reg = cove_shown_type(family, shown, piece->type);
    const struct cove_step *step;

    if (reg == COVE_PLAN_NONE) {
        return;
    }
    step = item_adder(family->plan, reg);
    out->items[out->count++] = (struct cove_native){
        .reg = family->plan->registers[reg].id,
        .has_epoch = step != NULL,
        .epoch = step != NULL ? step->id : (struct cove_step_id){{0}},
        .id = piece_id(shown, piece),
        .value = piece_value(piece)};
}

int cove_item_writes(struct cove_family *family,
                     const struct family_shown *shown,
                     const struct cove_seq_piece *piece,
                     struct family_writes *out)
{
    struct item_sets sets;
    int err = sets_find(family, shown, piece->first, &sets);

    out->count = 0;
    if (err != 0) {
        return err;
    }
    out->items = cove_arena_array(family->arena, sets.end - sets.begin + 1,
                                  sizeof(*out->items));
    if (out->items == NULL) {
        return COVE_ENOMEM;
    }
    if (!cove_shown_is_seed(shown, piece->first)) {
        writes_insert(family, shown, piece, out);
    }
    for (size_t i = sets.begin; i < sets.end; i++) {
        const struct cove_native *set = &shown->state->natives[i];
        uint32_t reg = cove_shown_type(family, shown, set_type(&sets, set));

        if (!set->deleted && reg != COVE_PLAN_NONE &&
            cove_view_knows(&family->base, reg, set)) {
            out->items[out->count] = *set;
            out->items[out->count++].reg = family->plan->registers[reg].id;
        }
    }
    return 0;
}

/* --- reading -------------------------------------------------------------- */

/* The newest of them; NULL where there is none. */
static const struct cove_native *writes_newest(const struct family_writes *w)
{
    const struct cove_native *newest = NULL;

    for (size_t i = 0; i < w->count; i++) {
        if (newest == NULL ||
            cove_op_id_compare(&w->items[i].id, &newest->id) > 0) {
            newest = &w->items[i];
        }
    }
    return newest;
}

/* A view of a document that has these writes; of a seed, beside the document's
 * own. */
static int item_view(struct cove_family *family,
                     const struct family_shown *shown,
                     const struct cove_seq_piece *piece,
                     struct family_writes *writes, struct cove_cell *out)
{
    struct cove_view_overlay overlay = {.reg = shown->item, .beside = true};
    struct cove_state nothing;
    const struct cove_state *state = &family->all;
    struct cove_view view;
    int err = cove_item_writes(family, shown, piece, writes);

    if (!cove_shown_is_seed(shown, piece->first)) {
        cove_state_init(&nothing, family->arena, NULL);
        state = &nothing;
    }
    if (err == 0) {
        err = cove_view_init(&view, family->arena, family->plan, state);
    }
    if (err != 0) {
        return err;
    }
    overlay.writes = writes->items;
    overlay.write_count = writes->count;
    cove_view_lay_over(&view, &overlay);
    return cove_view_read(&view, shown->item, out);
}

static int item_general(struct cove_family *family,
                        const struct family_shown *shown,
                        const struct cove_seq_piece *piece,
                        struct cove_cell *out)
{
    struct family_writes writes = {NULL, 0};
    const struct cove_native *newest;
    struct cove_cell cell;
    int err = item_view(family, shown, piece, &writes, &cell);

    if (err != 0) {
        return err;
    }
    if (cell.kind == COVE_ABSENT) { /* there is no way to this head */
        newest = writes_newest(&writes);
        cell.kind = COVE_INVALID;
        cell.bytes = newest != NULL ? newest->value : shown->value.bytes;
    }
    *out = cell;
    return 0;
}

/* Of a list whose items the head says nothing of: the newest write, raw. */
static int item_raw(const struct family_shown *shown,
                    const struct cove_seq_piece *piece,
                    const struct item_sets *sets, struct cove_cell *out)
{
    struct cove_op_id newest = {0};
    bool any = !cove_shown_is_seed(shown, piece->first);

    *out = shown->value;
    if (any) {
        newest = piece_id(shown, piece);
        *out = (struct cove_cell){COVE_PRESENT, piece_value(piece)};
    }
    for (size_t i = sets->begin; i < sets->end; i++) {
        const struct cove_native *set = &shown->state->natives[i];

        if (!set->deleted &&
            (!any || cove_op_id_compare(&set->id, &newest) > 0)) {
            any = true;
            newest = set->id;
            *out = (struct cove_cell){COVE_PRESENT, set->value};
        }
    }
    return 0;
}

/* An item in whose place nothing was set, where its type is the head's or in
 * an undivided cell with it; false where it is not so simple. */
static int item_simple(struct cove_family *family,
                       const struct family_shown *shown,
                       const struct cove_seq_piece *piece,
                       struct cove_cell *out, bool *simple)
{
    const struct cove_plan *plan = family->plan;
    uint32_t reg = cove_shown_type(family, shown, piece->type);
    struct cove_cell cell = {COVE_PRESENT, piece_value(piece)};
    uint32_t at;
    int err;

    *simple =
        !cove_shown_is_seed(shown, piece->first) &&
        plan->registers[reg].cell == plan->registers[shown->item].cell &&
        (reg == shown->item || !plan->cells[plan->registers[reg].cell].divided);
    if (!*simple) {
        return 0;
    }
    at = reg;
    cell = cove_project_typed(plan, at, cell);
    err = cove_project(plan, family->arena, at, shown->item, &cell);
    if (err == 0) {
        *out = cell;
    }
    return err;
}

int cove_family_item(struct cove_family *family, uint32_t reg,
                     const struct cove_seq_piece *piece, struct cove_cell *out)
{
    struct family_shown *shown;
    struct item_sets sets;
    bool simple = false;
    bool seed;
    int err = cove_family_show(family, reg, true, &shown);

    if (err == 0) {
        err = sets_find(family, shown, piece->first, &sets);
    }
    if (err != 0) {
        return err;
    }
    if (shown->item == COVE_PLAN_NONE) {
        return item_raw(shown, piece, &sets, out);
    }
    seed = cove_shown_is_seed(shown, piece->first);
    if (!seed &&
        cove_shown_type(family, shown, piece->type) == COVE_PLAN_NONE) {
        *out = (struct cove_cell){COVE_INVALID, piece_value(piece)};
        return 0; /* its step is not here yet */
    }
    if (sets.begin == sets.end) {
        err = item_simple(family, shown, piece, out, &simple);
    }
    return err != 0 || simple ? err : item_general(family, shown, piece, out);
}

/* --- copies --------------------------------------------------------------- */

/* The item as a document of its own, with the copies that are stored of it. */
static int item_state(struct cove_family *family,
                      const struct family_shown *shown,
                      const struct cove_seq_piece *piece,
                      struct cove_state *out)
{
    struct family_writes writes = {NULL, 0};
    struct cove_bytes prefix;
    int err = cove_item_writes(family, shown, piece, &writes);

    cove_state_init(out, family->arena, NULL);
    for (size_t i = 0; i < writes.count && err == 0; i++) {
        err = cove_state_add_native(out, &writes.items[i]);
    }
    err = err != 0 ? err
                   : cove_item_register(family->arena, shown->seq, piece->first,
                                        cove_bytes(NULL, 0), &prefix);
    for (size_t i = 0; err == 0 && i < shown->state->copy_count; i++) {
        struct cove_copy copy = shown->state->copies[i];

        if (prefix_compare(copy.reg, prefix) == 0) {
            copy.reg =
                cove_bytes(copy.reg.at + prefix.len, copy.reg.len - prefix.len);
            err = cove_state_add_copy(out, &copy);
        }
    }
    if (err == 0) {
        cove_state_settle(out);
    }
    return err;
}

int cove_family_item_due(struct cove_family *family, uint32_t reg,
                         const struct cove_seq_piece *piece,
                         struct cove_due *due, bool *is_due)
{
    struct family_shown *shown;
    struct cove_state state;
    struct cove_view view;
    int err = cove_family_show(family, reg, true, &shown);

    *is_due = false;
    if (err != 0 || shown->item == COVE_PLAN_NONE || shown->state == NULL ||
        cove_shown_is_seed(shown, piece->first) ||
        cove_shown_type(family, shown, piece->type) == COVE_PLAN_NONE) {
        return err;
    }
    err = item_state(family, shown, piece, &state);
    if (err == 0) {
        err = cove_view_init(&view, family->arena, family->plan, &state);
    }
    if (err == 0) {
        err = cove_view_due_of(&view, shown->item, due, is_due);
    }
    *is_due = *is_due && due->cell.kind == COVE_PRESENT;
    return err;
}
