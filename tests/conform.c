/* conform.c: the view engine behind the line protocol of the reference model:
 * one JSON object a line on standard input, one a line back. A translator and
 * nothing more: what it prints is what the library answers. */
#include <stdio.h>
#include <stdlib.h>

#include "core/cbor.h"
#include "core/crypto.h"
#include "core/json.h"
#include "core/value.h"
#include "migrate/view.h"

/* This is a test program: what cannot go on stops. */
static void must(int err)
{
    if (err != 0) {
        fprintf(stderr, "conform: %s\n", cove_error_text(err));
        exit(2);
    }
}

struct conform {
    struct cove_arena arena; /* until reset */
    struct cove_bytes *bodies;
    size_t body_count, body_cap;
    struct cove_op_id *natives;
    size_t native_count, native_cap;
    struct cove_state state;
};

static void *grow(struct conform *c, void *array, size_t size, size_t count,
                  size_t *cap)
{
    void *bigger = array;

    if (count == *cap) {
        *cap = *cap == 0 ? 16 : *cap * 2;
        bigger = cove_arena_array(&c->arena, *cap, size);
        must(bigger == NULL ? COVE_ENOMEM : 0);
        if (count > 0) {
            memcpy(bigger, array, count * size);
        }
    }
    return bigger;
}

static enum cove_held is_held(void *ctx, const struct cove_origin *origin)
{
    const struct conform *c = ctx;

    for (size_t i = 0; i < c->native_count; i++) {
        if (cove_op_id_compare(&c->natives[i], &origin->id) == 0) {
            return COVE_HELD_YES;
        }
    }
    return COVE_HELD_NO;
}

static void reset(struct conform *c)
{
    struct cove_state_history history = {is_held, c};

    cove_arena_reset(&c->arena);
    c->bodies = NULL;
    c->natives = NULL;
    c->body_count = c->body_cap = c->native_count = c->native_cap = 0;
    cove_state_init(&c->state, &c->arena, &history);
}

/* --- JSON forms to structures */

static struct cove_bytes member(struct cove_bytes map, const char *key)
{
    struct cove_bytes value = {NULL, 0};

    (void)cove_value_member(map, key, &value);
    return value;
}

static struct cove_op_id op_id(struct cove_bytes item)
{
    struct cove_op_id id = {0};
    struct cove_reader r;

    cove_reader_init(&r, item);
    if (cove_reader_peek(&r) == COVE_CBOR_LIST) {
        (void)cove_reader_list(&r);
        id.hlc = cove_reader_uint(&r);

        struct cove_bytes text = cove_reader_text(&r);

        must(text.len > sizeof(id.device.b) ? COVE_ELIMIT : 0);
        memcpy(id.device.b, text.at, text.len);
        id.tx = (uint32_t)cove_reader_uint(&r);
        id.op = (uint32_t)cove_reader_uint(&r);
    }
    return id;
}

static bool step_of(struct cove_bytes item, struct cove_step_id *out)
{
    char hex[COVE_HEX_LEN(32)] = "";
    struct cove_reader r;
    struct cove_bytes text;

    cove_reader_init(&r, item);
    text = cove_reader_text(&r);
    if (text.len != sizeof(hex) - 1) {
        return false;
    }
    memcpy(hex, text.at, text.len);
    return cove_hex_parse(hex, out->b, sizeof(out->b)) == 0;
}

static void add_step(struct conform *c, struct cove_bytes body)
{
    c->bodies =
        grow(c, c->bodies, sizeof(*c->bodies), c->body_count, &c->body_cap);
    must(cove_arena_copy(&c->arena, body, &c->bodies[c->body_count++]));
}

static void add_copy(struct conform *c, struct cove_bytes ask,
                     struct cove_copy *copy)
{
    struct cove_reader r;

    cove_reader_init(&r, member(ask, "origins"));
    copy->origin_count = cove_reader_list(&r);
    copy->origins = cove_arena_array(&c->arena, copy->origin_count + 1,
                                     sizeof(*copy->origins));
    must(copy->origins == NULL ? COVE_ENOMEM : 0);
    for (size_t i = 0; i < copy->origin_count; i++) {
        (void)cove_reader_list(&r);
        copy->origins[i].reg = cove_reader_text(&r);
        copy->origins[i].id = op_id(cove_reader_item(&r));
    }
    must(cove_state_add_copy(&c->state, copy));
}

static void add_op(struct conform *c, struct cove_bytes ask)
{
    struct cove_bytes set = member(ask, "set");
    struct cove_native op = {.id = op_id(member(ask, "id")),
                             .deleted = set.len == 0};
    struct cove_reader r;

    cove_reader_init(&r, op.deleted ? member(ask, "del") : set);
    if (!op.deleted) {
        (void)cove_reader_list(&r);
    }
    op.reg = cove_reader_text(&r);
    op.value = op.deleted ? op.value : cove_reader_item(&r);
    if (member(ask, "origins").len > 0) {
        struct cove_copy copy = {.reg = op.reg,
                                 .id = op.id,
                                 .deleted = op.deleted,
                                 .value = op.value};

        add_copy(c, ask, &copy);
        return;
    }
    op.has_epoch = step_of(member(ask, "epoch"), &op.epoch);
    c->natives = grow(c, c->natives, sizeof(*c->natives), c->native_count,
                      &c->native_cap);
    c->natives[c->native_count++] = op.id;
    must(cove_state_add_native(&c->state, &op));
}

/* --- structures to JSON forms */

static void write_pairs(struct cove_writer *w, struct cove_arena *arena,
                        const struct cove_field *fields, size_t count,
                        enum cove_cell_kind kind)
{
    struct cove_pair *pairs =
        cove_arena_array(arena, count + 1, sizeof(*pairs));
    size_t n = 0;

    must(pairs == NULL ? COVE_ENOMEM : 0);
    for (size_t i = 0; i < count; i++) {
        if (fields[i].cell.kind == kind) {
            must(cove_value_of_text(arena, fields[i].name, &pairs[n].key));
            pairs[n++].value = fields[i].cell.bytes;
        }
    }
    cove_writer_map_sorted(w, pairs, n);
}

static void write_view(struct cove_writer *w, struct cove_view *view)
{
    size_t count = view->plan->field_count;
    struct cove_field *fields =
        cove_arena_array(view->arena, count + 1, sizeof(*fields));

    must(fields == NULL ? COVE_ENOMEM : 0);
    for (size_t i = 0; i < count; i++) {
        must(cove_view_field(view, i, &fields[i]));
    }
    cove_writer_map(w, 2);
    cove_writer_cstr(w, "doc");
    write_pairs(w, view->arena, fields, count, COVE_PRESENT);
    cove_writer_cstr(w, "invalid");
    write_pairs(w, view->arena, fields, count, COVE_INVALID);
}

static void write_origin(struct cove_writer *w, const struct cove_origin *o)
{
    cove_writer_list(w, 2);
    cove_writer_text(w, o->reg);
    if (cove_op_id_is_none(&o->id)) {
        cove_writer_null(w);
        return;
    }
    cove_writer_list(w, 4);
    cove_writer_uint(w, o->id.hlc);
    cove_writer_text(
        w, cove_bytes(o->id.device.b, strnlen((const char *)o->id.device.b,
                                              sizeof(o->id.device.b))));
    cove_writer_uint(w, o->id.tx);
    cove_writer_uint(w, o->id.op);
}

static void write_due(struct cove_writer *w, struct cove_view *view)
{
    struct cove_due *due;
    size_t count;

    must(cove_view_due(view, &due, &count));
    cove_writer_map(w, 1);
    cove_writer_cstr(w, "copies");
    cove_writer_list(w, count);
    for (size_t i = 0; i < count; i++) {
        bool present = due[i].cell.kind == COVE_PRESENT;

        cove_writer_map(w, present ? 3 : 2);
        cove_writer_cstr(w, "reg");
        cove_writer_text(w, view->plan->registers[due[i].reg].id);
        if (present) {
            cove_writer_cstr(w, "value");
            cove_writer_item(w, due[i].cell.bytes);
        }
        cove_writer_cstr(w, "origins");
        cove_writer_list(w, due[i].origin_count);
        for (size_t k = 0; k < due[i].origin_count; k++) {
            write_origin(w, &due[i].origins[k]);
        }
    }
}

static void write_step(struct cove_writer *w, const struct cove_step_id *id)
{
    char hex[COVE_HEX_LEN(32)];

    cove_hex(cove_bytes(id->b, sizeof(id->b)), hex);
    cove_writer_cstr(w, hex);
}

static void write_steps(struct cove_writer *w,
                        const struct cove_journal *journal, bool active)
{
    size_t count = cove_journal_count(journal);
    size_t n = 0;

    for (int pass = 0; pass < 2; pass++) {
        if (pass == 1) {
            cove_writer_list(w, n);
        }
        for (size_t i = 0; i < count; i++) {
            const struct cove_step *step = cove_journal_at(journal, i);

            if ((step->state == COVE_STEP_ACTIVE) == active && pass == 0) {
                n++;
            } else if ((step->state == COVE_STEP_ACTIVE) == active) {
                write_step(w, &step->id);
            }
        }
    }
}

static void write_status(struct cove_writer *w,
                         const struct cove_journal *journal,
                         const struct cove_plan *plan)
{
    size_t count = plan == NULL ? 0 : plan->conflict_count;

    cove_writer_map(w, 3);
    cove_writer_cstr(w, "active");
    write_steps(w, journal, true);
    cove_writer_cstr(w, "pending");
    write_steps(w, journal, false);
    cove_writer_cstr(w, "conflicts");
    cove_writer_list(w, count);
    for (size_t i = 0; i < count; i++) {
        cove_writer_list(w, 2);
        write_step(w, &plan->conflicts[i].step);
        cove_writer_uint(w, plan->conflicts[i].op);
    }
}

/* view, due and status: all of the library from its inputs. */
static void answer_head(struct conform *c, struct cove_bytes what,
                        struct cove_bytes ask, struct cove_writer *w)
{
    struct cove_arena arena;
    struct cove_journal *journal;
    struct cove_plan *plan = NULL;
    struct cove_view view;
    struct cove_step_id head;
    int err = COVE_EBLOCKED;

    cove_arena_init(&arena, &cove_alloc_libc);
    must(
        cove_journal_new(&cove_alloc_libc, c->bodies, c->body_count, &journal));
    if (step_of(member(ask, "head"), &head)) {
        err = cove_plan_new(&cove_alloc_libc, journal, &head, &plan);
    }
    must(err == COVE_EBLOCKED ? 0 : err);
    if (cove_bytes_equal(what, cove_bytes_text("status"))) {
        write_status(w, journal, plan);
    } else if (err == COVE_EBLOCKED) {
        cove_writer_map(w, 1);
        cove_writer_cstr(w, "error");
        cove_writer_cstr(w, "blocked");
    } else {
        cove_state_settle(&c->state);
        must(cove_view_init(&view, &arena, plan, &c->state));
        if (cove_bytes_equal(what, cove_bytes_text("view"))) {
            write_view(w, &view);
        } else {
            write_due(w, &view);
        }
    }
    cove_plan_free(plan);
    cove_journal_free(journal);
    cove_arena_clear(&arena);
}

static void answer(struct conform *c, struct cove_bytes ask,
                   struct cove_writer *w)
{
    struct cove_bytes what = cove_value_text(member(ask, "do"));
    char hex[COVE_HEX_LEN(32)];

    if (cove_bytes_equal(what, cove_bytes_text("step"))) {
        struct cove_bytes body = member(ask, "body");
        struct cove_step_id id = cove_step_id_of(body);

        add_step(c, body);
        cove_hex(cove_bytes(id.b, sizeof(id.b)), hex);
        cove_writer_map(w, 1);
        cove_writer_cstr(w, "id");
        cove_writer_cstr(w, hex);
    } else if (what.len >= 3 && memcmp(what.at, "seq", 3) == 0) {
        cove_writer_map(w, 1);
        cove_writer_cstr(w, "error");
        cove_writer_cstr(w, "unsupported");
    } else if (cove_bytes_equal(what, cove_bytes_text("reset")) ||
               cove_bytes_equal(what, cove_bytes_text("op"))) {
        if (what.len == 2) {
            add_op(c, ask);
        } else {
            reset(c);
        }
        cove_writer_map(w, 1);
        cove_writer_cstr(w, "ok");
        cove_writer_bool(w, true);
    } else {
        answer_head(c, what, ask, w);
    }
}

int main(void)
{
    struct conform c = {0};
    struct cove_buf ask;
    struct cove_buf out;
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;

    cove_arena_init(&c.arena, &cove_alloc_libc);
    cove_buf_init(&ask, &cove_alloc_libc);
    cove_buf_init(&out, &cove_alloc_libc);
    must(cove_crypto_init());
    reset(&c);
    while ((len = getline(&line, &cap, stdin)) > 0) {
        struct cove_writer w;
        struct cove_buf text;

        ask.len = out.len = 0;
        must(cove_json_read_plain(cove_bytes(line, (size_t)len), "line", &ask,
                                  NULL));
        cove_writer_init(&w, &out);
        answer(&c, cove_buf_bytes(&ask), &w);
        must(w.err);
        cove_buf_init(&text, &cove_alloc_libc);
        must(cove_json_write_plain(cove_buf_bytes(&out), 0, &text));
        printf("%.*s\n", (int)text.len, (const char *)text.at);
        fflush(stdout);
        cove_buf_clear(&text);
    }
    free(line);
    cove_buf_clear(&ask);
    cove_buf_clear(&out);
    cove_arena_clear(&c.arena);
    return 0;
}
