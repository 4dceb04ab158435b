/* What the library answers, in the forms of the line protocol. */
#include "core/value.h"
#include "tests/conform.h"

void write_one(struct cove_writer *w, const char *key, const char *text)
{
    cove_writer_map(w, 1);
    cove_writer_cstr(w, key);
    if (text == NULL) {
        cove_writer_bool(w, true);
    } else {
        cove_writer_cstr(w, text);
    }
}

void write_fields(struct cove_writer *w, struct cove_view *view,
                  const char *key, enum cove_cell_kind kind)
{
    size_t count = view->plan->field_count;
    struct cove_pair *pairs =
        cove_arena_array(view->arena, count + 1, sizeof(*pairs));
    size_t n = 0;

    must(pairs == NULL ? COVE_ENOMEM : 0);
    for (size_t i = 0; i < count; i++) {
        struct cove_field field;

        must(cove_view_field(view, i, &field));
        if (field.cell.kind == kind) {
            must(cove_value_of_text(view->arena, field.name, &pairs[n].key));
            pairs[n++].value = field.cell.bytes;
        }
    }
    cove_writer_cstr(w, key);
    cove_writer_map_sorted(w, pairs, n);
}

static void write_origin(struct cove_writer *w, const struct cove_origin *o)
{
    const char *device = (const char *)o->id.device.b;

    cove_writer_list(w, 2);
    cove_writer_text(w, o->reg);
    if (cove_op_id_is_none(&o->id)) {
        cove_writer_null(w);
        return;
    }
    cove_writer_list(w, 4);
    cove_writer_uint(w, o->id.hlc);
    cove_writer_text(w, cove_bytes(device, strnlen(device, 32)));
    cove_writer_uint(w, o->id.tx);
    cove_writer_uint(w, o->id.op);
}

void write_copy(struct cove_writer *w, const struct cove_plan *plan,
                const struct cove_due *due)
{
    bool present = due->cell.kind == COVE_PRESENT;

    cove_writer_map(w, present ? 3 : 2);
    cove_writer_cstr(w, "reg");
    cove_writer_text(w, plan->registers[due->reg].id);
    if (present) {
        cove_writer_cstr(w, "value");
        cove_writer_item(w, due->cell.bytes);
    }
    cove_writer_cstr(w, "origins");
    cove_writer_list(w, due->origin_count);
    for (size_t k = 0; k < due->origin_count; k++) {
        write_origin(w, &due->origins[k]);
    }
}

void write_due(struct cove_writer *w, struct cove_view *view)
{
    struct cove_due *due;
    size_t count;

    must(cove_view_due(view, &due, &count));
    cove_writer_map(w, 1);
    cove_writer_cstr(w, "copies");
    cove_writer_list(w, count);
    for (size_t i = 0; i < count; i++) {
        write_copy(w, view->plan, &due[i]);
    }
}

void write_step(struct cove_writer *w, const struct cove_step_id *id)
{
    char hex[COVE_HEX_LEN(32)];

    cove_hex(cove_bytes(id->b, sizeof(id->b)), hex);
    cove_writer_cstr(w, hex);
}

static void write_steps(struct cove_writer *w, const char *key,
                        const struct cove_journal *journal, bool active)
{
    size_t n = 0;

    for (size_t i = 0; i < cove_journal_count(journal); i++) {
        n += (cove_journal_at(journal, i)->state == COVE_STEP_ACTIVE) == active;
    }
    cove_writer_cstr(w, key);
    cove_writer_list(w, n);
    for (size_t i = 0; i < cove_journal_count(journal); i++) {
        const struct cove_step *step = cove_journal_at(journal, i);

        if ((step->state == COVE_STEP_ACTIVE) == active) {
            write_step(w, &step->id);
        }
    }
}

void write_status(struct cove_writer *w, const struct cove_journal *journal,
                  const struct cove_plan *plan)
{
    size_t count = plan == NULL ? 0 : plan->conflict_count;

    cove_writer_map(w, 3);
    write_steps(w, "active", journal, true);
    write_steps(w, "pending", journal, false);
    cove_writer_cstr(w, "conflicts");
    cove_writer_list(w, count);
    for (size_t i = 0; i < count; i++) {
        cove_writer_list(w, 2);
        write_step(w, &plan->conflicts[i].step);
        cove_writer_uint(w, plan->conflicts[i].op);
    }
}
