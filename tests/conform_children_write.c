/* What the library answers of a family, in the form of the oracle. */
#include <stdlib.h>

#include "core/value.h"
#include "tests/conform_children.h"

static const struct cove_alloc *const heap = &cove_alloc_libc;

/* [session, n] or [write, n] */
static void write_elem(struct cove_writer *w, const struct cove_seq *seq,
                       struct cove_elem elem)
{
    const struct cove_seq_author *a = cove_seq_author_of(seq, elem.author);
    struct cove_bytes session =
        cove_bytes(a->session.b,
                   strnlen((const char *)a->session.b, sizeof(a->session.b)));

    cove_writer_list(w, 2);
    if (a->hlc == 0) {
        cove_writer_text(w, session);
    } else {
        cove_writer_list(w, 4);
        cove_writer_uint(w, a->hlc);
        cove_writer_text(w, session);
        cove_writer_uint(w, a->tx);
        cove_writer_uint(w, a->op);
    }
    cove_writer_uint(w, elem.n);
}

/* Look at each item of a list by itself; true where one is given. */
static bool next_item(struct cove_seq_walk *walk, struct cove_seq_piece *piece,
                      struct cove_seq_piece *out)
{
    struct cove_reader r;
    struct cove_bytes value;

    if (piece->count == 0 && !cove_seq_next(walk, piece)) {
        return false;
    }
    *out = *piece;
    out->count = 1;
    cove_reader_init(&r, piece->content);
    value = cove_reader_item(&r);
    piece->content = cove_bytes(piece->content.at + value.len,
                                piece->content.len - value.len);
    piece->first.n++;
    piece->count--;
    return true;
}

static void write_items(struct cove_writer *w, struct cove_family *family,
                        uint32_t reg, struct cove_seq *seq)
{
    size_t length = cove_seq_length(seq, COVE_SEQ_ELEMENTS);
    struct cove_seq_piece piece = {.count = 0}, item;
    struct cove_seq_walk walk;

    must(cove_seq_walk(seq, 0, length, &walk));
    cove_writer_cstr(w, "items");
    cove_writer_list(w, length);
    while (next_item(&walk, &piece, &item)) {
        struct cove_cell cell;

        must(cove_family_item(family, reg, &item, &cell));
        cove_writer_list(w, 3);
        write_elem(w, seq, item.first);
        cove_writer_bool(w, cell.kind == COVE_PRESENT);
        if (cell.bytes.len > 0) {
            cove_writer_item(w, cell.bytes);
        } else {
            cove_writer_null(w);
        }
    }
}

/* How many items have a copy due; written too, where w is given. */
static size_t item_dues(struct cove_writer *w, struct cove_family *family,
                        uint32_t reg, struct cove_seq *seq)
{
    size_t length = cove_seq_length(seq, COVE_SEQ_ELEMENTS);
    struct cove_seq_piece piece = {.count = 0}, item;
    struct cove_seq_walk walk;
    size_t count = 0;

    must(cove_seq_walk(seq, 0, length, &walk));
    while (next_item(&walk, &piece, &item)) {
        struct cove_due due;
        bool is_due;

        must(cove_family_item_due(family, reg, &item, &due, &is_due));
        if (is_due && w != NULL) {
            cove_writer_list(w, 2);
            write_elem(w, seq, item.first);
            write_copy(w, family->plan, &due);
        }
        count += is_due;
    }
    return count;
}

static int pair_order(const void *left, const void *right)
{
    const struct cove_plan_field *a = left;
    const struct cove_plan_field *b = right;

    return (a->reg > b->reg) - (a->reg < b->reg);
}

/* The same of a map: each register once, by id. */
static size_t map_dues(struct cove_writer *w, struct cove_view *view,
                       const struct cove_plan_child *child)
{
    struct cove_plan_field *fields =
        cove_arena_array(view->arena, child->field_count + 1, sizeof(*fields));
    size_t count = 0;

    must(fields == NULL ? COVE_ENOMEM : 0);
    memcpy(fields, child->fields, child->field_count * sizeof(*fields));
    qsort(fields, child->field_count, sizeof(*fields), pair_order);
    for (size_t i = 0; i < child->field_count; i++) {
        struct cove_due due;
        bool is_due = false;

        if (i == 0 || fields[i].reg != fields[i - 1].reg) {
            must(cove_view_due_of(view, fields[i].reg, &due, &is_due));
        }
        if (is_due && w != NULL) {
            write_copy(w, view->plan, &due);
        }
        count += is_due;
    }
    return count;
}

static void write_map_fields(struct cove_writer *w, struct cove_view *view,
                             const struct cove_plan_child *child,
                             const char *key, enum cove_cell_kind kind)
{
    struct cove_pair *pairs =
        cove_arena_array(view->arena, child->field_count + 1, sizeof(*pairs));
    size_t n = 0;

    must(pairs == NULL ? COVE_ENOMEM : 0);
    for (size_t i = 0; i < child->field_count; i++) {
        struct cove_field field;

        must(cove_view_register(view, child->fields[i].reg, &field));
        if (field.cell.kind == kind) {
            must(cove_value_of_text(view->arena, child->fields[i].name,
                                    &pairs[n].key));
            pairs[n++].value = field.cell.bytes;
        }
    }
    cove_writer_cstr(w, key);
    cove_writer_map_sorted(w, pairs, n);
}

static void write_map(struct cove_writer *w, struct cove_family *family,
                      const struct cove_state *of,
                      const struct cove_plan_child *child)
{
    struct cove_view view;

    must(cove_family_view(family, of, &view));
    cove_writer_map(w, 3);
    write_map_fields(w, &view, child, "doc", COVE_PRESENT);
    cove_writer_cstr(w, "due");
    cove_writer_list(w, map_dues(NULL, &view, child));
    (void)map_dues(w, &view, child);
    write_map_fields(w, &view, child, "invalid", COVE_INVALID);
}

static void write_child(struct cove_writer *w, struct cove_family *family,
                        const struct cove_state *of,
                        const struct cove_plan_child *child)
{
    bool list = child->kind == COVE_CHILD_LIST;
    bool copied;
    struct cove_seq *seq;
    struct cove_buf text;

    if (child->kind == COVE_CHILD_MAP) {
        write_map(w, family, of, child);
        return;
    }
    must(cove_family_elements(family, child->reg, list, &seq, &copied));
    if (list) {
        cove_writer_map(w, 2);
        cove_writer_cstr(w, "due");
        cove_writer_list(w, item_dues(NULL, family, child->reg, seq));
        (void)item_dues(w, family, child->reg, seq);
        write_items(w, family, child->reg, seq);
        return;
    }
    cove_buf_init(&text, heap);
    must(cove_seq_text(seq, COVE_SEQ_ELEMENTS, 0,
                       cove_seq_length(seq, COVE_SEQ_ELEMENTS), &text));
    cove_writer_map(w, 1);
    cove_writer_cstr(w, "text");
    cove_writer_text(w, cove_buf_bytes(&text));
    cove_buf_clear(&text);
}

/* {register: id} of all children of the head. */
static void write_ids(struct cove_writer *w, const struct cove_plan *plan)
{
    struct cove_child_name name;
    struct cove_buf header;

    memset(&name, 0, sizeof(name));
    memset(name.owner.b, 'o', sizeof(name.owner.b));
    memset(name.parent.b, 'd', sizeof(name.parent.b));
    cove_writer_cstr(w, "ids");
    cove_writer_list(w, plan->child_count);
    for (size_t i = 0; i < plan->child_count; i++) {
        struct cove_step_id hex;
        struct cove_id id;

        cove_buf_init(&header, heap);
        name.kind = plan->children[i].kind;
        name.reg = plan->registers[plan->children[i].reg].id;
        must(cove_child_header(&name, &header, &id, NULL));
        cove_buf_clear(&header);
        memcpy(hex.b, id.b, sizeof(hex.b));
        write_step(w, &hex);
    }
}

/* All that a head sees, of the library from its inputs. */
void write_family(struct cove_writer *w, struct children *c,
                  const struct cove_plan *plan, struct cove_arena *arena)
{
    struct cove_child_doc docs[CONFORM_DOCS];
    const struct cove_state *own = &doc_of(c, cove_bytes("", 0))->state;
    struct cove_state nothing;
    struct cove_family family;
    struct cove_view view;
    size_t count = 0;

    cove_state_init(&nothing, arena, NULL);
    for (size_t i = 0; i < c->doc_count; i++) {
        struct doc *doc = &c->docs[i];

        cove_state_settle(&doc->state);
        if (cove_plan_find(plan, doc->reg, &docs[count].reg)) {
            docs[count++].state = &doc->state;
        }
    }
    must(cove_family_init(&family, arena, plan, own, docs, count));
    must(cove_family_view(&family, own, &view));
    cove_writer_map(w, 5);
    write_fields(w, &view, "doc", COVE_PRESENT);
    cove_writer_cstr(w, "due");
    write_due(w, &view);
    write_ids(w, plan);
    write_fields(w, &view, "invalid", COVE_INVALID);
    cove_writer_cstr(w, "children");
    cove_writer_list(w, plan->child_count);
    for (size_t i = 0; i < plan->child_count; i++) {
        const struct cove_plan_child *child = &plan->children[i];
        const struct cove_state *of = &nothing;

        for (size_t k = 0; k < count; k++) {
            of = docs[k].reg == child->reg ? docs[k].state : of;
        }
        cove_writer_list(w, 2);
        cove_writer_text(w, plan->registers[child->reg].id);
        write_child(w, &family, of, child);
    }
}
