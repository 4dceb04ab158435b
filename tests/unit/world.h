/* world.h: steps, writes and copies for tests of evolution, told in JSON with
 * single quotes. What goes wrong here is a failed test. */
#ifndef COVE_TESTS_WORLD_H
#define COVE_TESTS_WORLD_H

#include <stdarg.h>
#include <stdio.h>

#include "core/cbor.h"
#include "core/crypto.h"
#include "core/json.h"
#include "core/value.h"
#include "migrate/view.h"
#include "tests/unit/harness.h"

/* size as text, then as an integer: design, "In ten lines". */
#define TEXT_SIZE "[{'op':'add','reg':'size','name':'size','type':'text'}]"
#define INT_SIZE                                                               \
    "[{'op':'add','reg':'size~2','name':'size','type':'int'},"                 \
    "{'op':'conv','from':'size','to':'size~2','fwd':['int_of_text'],"          \
    "'bwd':['text_of_int']},{'op':'hide','reg':'size'}]"

/* a full name, then a given and a family name */
#define FULL_NAME "[{'op':'add','reg':'full','name':'full','type':'text'}]"
#define TWO_NAMES                                                              \
    "[{'op':'add','reg':'given','name':'given','type':'text'},"                \
    "{'op':'add','reg':'family','name':'family','type':'text'},"               \
    "{'op':'comp','whole':'full','parts':['given','family'],"                  \
    "'lits':['',' ','']},{'op':'hide','reg':'full'}]"

#define WORLD_STEPS 64
#define WORLD_OPS   256

struct world {
    struct cove_arena arena;
    struct cove_bytes bodies[WORLD_STEPS];
    struct cove_step_id ids[WORLD_STEPS];
    size_t steps;
    struct cove_native natives[WORLD_OPS];
    size_t native_count;
    struct cove_copy copies[WORLD_OPS];
    size_t copy_count;
};

static inline void world_init(struct world *w)
{
    memset(w, 0, sizeof(*w));
    ck_assert_int_eq(cove_crypto_init(), 0);
    cove_arena_init(&w->arena, &cove_alloc_libc);
}

static inline void world_clear(struct world *w)
{
    cove_arena_clear(&w->arena);
}

/* CBOR of a JSON text in which ' stands for ". */
static inline struct cove_bytes world_json(struct world *w, const char *text)
{
    struct cove_bytes json;
    struct cove_bytes out;
    struct cove_buf buf;
    char *quoted = cove_arena_printf(&w->arena, "%s", text);

    ck_assert_ptr_nonnull(quoted);
    for (char *c = quoted; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    json = cove_bytes_text(quoted);
    cove_buf_init(&buf, &cove_alloc_libc);
    ck_assert_int_eq(cove_json_read_plain(json, text, &buf, NULL), 0);
    ck_assert_int_eq(cove_arena_copy(&w->arena, cove_buf_bytes(&buf), &out), 0);
    cove_buf_clear(&buf);
    return out;
}

/* The JSON text of an item, with ' for ". */
static inline const char *world_text(struct world *w, struct cove_bytes item)
{
    struct cove_buf buf;
    struct cove_bytes copy;
    char *text;

    cove_buf_init(&buf, &cove_alloc_libc);
    ck_assert_int_eq(cove_json_write_plain(item, 0, &buf), 0);
    ck_assert_int_eq(cove_arena_copy(&w->arena, cove_buf_bytes(&buf), &copy),
                     0);
    cove_buf_clear(&buf);
    text = cove_arena_printf(&w->arena, "%s", (const char *)copy.at);
    ck_assert_ptr_nonnull(text);
    for (char *c = text; *c != '\0'; c++) {
        *c = *c == '"' ? '\'' : *c;
    }
    return text;
}

/* A step with one parent (or none: parent < 0) and these ops; its number. */
static inline int world_step(struct world *w, int parent, const char *ops)
{
    char hex[COVE_HEX_LEN(32)] = "";
    const char *body;

    if (parent >= 0) {
        cove_hex(cove_bytes(w->ids[parent].b, 32), hex);
    }
    body = cove_arena_printf(&w->arena,
                             parent < 0 ? "{'parents':[%s],'ops':%s}"
                                        : "{'parents':['%s'],'ops':%s}",
                             hex, ops);
    ck_assert_ptr_nonnull(body);
    w->bodies[w->steps] = world_json(w, body);
    w->ids[w->steps] = cove_step_id_of(w->bodies[w->steps]);
    return (int)w->steps++;
}

static inline struct cove_op_id world_id(uint64_t time)
{
    struct cove_op_id id;

    memset(&id, 0, sizeof(id));
    id.hlc = time;
    id.device.b[0] = 'd';
    return id;
}

/* A user's write at `time`; value NULL deletes. */
static inline void world_write(struct world *w, int epoch, uint64_t time,
                               const char *reg, const char *value)
{
    struct cove_native *op = &w->natives[w->native_count++];

    op->reg = cove_bytes_text(reg);
    op->has_epoch = epoch >= 0;
    if (op->has_epoch) {
        op->epoch = w->ids[epoch];
    }
    op->id = world_id(time);
    op->deleted = value == NULL;
    if (value != NULL) {
        op->value = world_json(w, value);
    }
}

/* A copy: pairs of register and time of origin (0: none), ended by NULL. */
static inline void world_copy(struct world *w, uint64_t time, const char *reg,
                              const char *value, ...)
{
    struct cove_copy *op = &w->copies[w->copy_count++];
    struct cove_origin *origins =
        cove_arena_array(&w->arena, 16, sizeof(*origins));
    const char *part;
    va_list args;

    ck_assert_ptr_nonnull(origins);
    op->reg = cove_bytes_text(reg);
    op->id = world_id(time);
    op->deleted = value == NULL;
    if (value != NULL) {
        op->value = world_json(w, value);
    }
    op->origins = origins;
    va_start(args, value);
    while ((part = va_arg(args, const char *)) != NULL) {
        uint64_t at = va_arg(args, uint64_t);

        origins[op->origin_count].reg = cove_bytes_text(part);
        if (at != 0) {
            origins[op->origin_count].id = world_id(at);
        }
        op->origin_count++;
    }
    va_end(args);
}

/* All that is held, folded, with the journal and a plan: one head's eyes. */
struct world_head {
    struct cove_arena arena;
    struct cove_journal *journal;
    struct cove_plan *plan;
    struct cove_state state;
    struct cove_view view;
};

static inline enum cove_held world_held(void *ctx,
                                        const struct cove_origin *origin)
{
    const struct world *w = ctx;

    for (size_t i = 0; i < w->native_count; i++) {
        if (cove_op_id_compare(&w->natives[i].id, &origin->id) == 0) {
            return COVE_HELD_YES;
        }
    }
    return COVE_HELD_NO;
}

static inline void world_fold(struct world *w, struct cove_arena *arena,
                              struct cove_state *state)
{
    struct cove_state_history history = {world_held, w};

    cove_state_init(state, arena, &history);
    for (size_t i = 0; i < w->native_count; i++) {
        ck_assert_int_eq(cove_state_add_native(state, &w->natives[i]), 0);
    }
    for (size_t i = 0; i < w->copy_count; i++) {
        ck_assert_int_eq(cove_state_add_copy(state, &w->copies[i]), 0);
    }
    cove_state_settle(state);
}

static inline void world_look(struct world *w, int head, struct world_head *h)
{
    memset(h, 0, sizeof(*h));
    cove_arena_init(&h->arena, &cove_alloc_libc);
    world_fold(w, &h->arena, &h->state);
    ck_assert_int_eq(
        cove_journal_new(&cove_alloc_libc, w->bodies, w->steps, &h->journal),
        0);
    ck_assert_int_eq(
        cove_plan_new(&cove_alloc_libc, h->journal, &w->ids[head], &h->plan),
        0);
    ck_assert_int_eq(cove_view_init(&h->view, &h->arena, h->plan, &h->state),
                     0);
}

static inline void world_look_away(struct world_head *h)
{
    cove_plan_free(h->plan);
    cove_journal_free(h->journal);
    cove_arena_clear(&h->arena);
}

/* What a head shows: "name=value name=!raw …", in the order of names. */
static inline const char *world_shown(struct world *w, int head)
{
    struct world_head h;
    const char *out = "";

    world_look(w, head, &h);
    for (size_t i = 0; i < h.plan->field_count; i++) {
        struct cove_field field;

        ck_assert_int_eq(cove_view_field(&h.view, i, &field), 0);
        if (field.cell.kind != COVE_ABSENT) {
            out = cove_arena_printf(
                &w->arena, "%s%s%.*s=%s%s", out, *out == '\0' ? "" : " ",
                (int)field.name.len, (const char *)field.name.at,
                field.cell.kind == COVE_INVALID ? "!" : "",
                world_text(w, field.cell.bytes));
            ck_assert_ptr_nonnull(out);
        }
    }
    world_look_away(&h);
    return out;
}

#define ck_shows(w, head, text) ck_assert_str_eq(world_shown(w, head), text)

/* What is due at a head: "register=value<part@time,… …". */
static inline const char *world_due(struct world *w, int head)
{
    struct world_head h;
    const char *out = "";
    struct cove_due *due;
    size_t count;

    world_look(w, head, &h);
    ck_assert_int_eq(cove_view_due(&h.view, &due, &count), 0);
    for (size_t i = 0; i < count; i++) {
        struct cove_bytes reg = h.plan->registers[due[i].reg].id;

        out = cove_arena_printf(
            &w->arena, "%s%s%.*s=%s", out, *out == '\0' ? "" : " ",
            (int)reg.len, (const char *)reg.at,
            due[i].cell.kind == COVE_ABSENT ? "-"
                                            : world_text(w, due[i].cell.bytes));
        for (size_t k = 0; k < due[i].origin_count; k++) {
            const struct cove_origin *o = &due[i].origins[k];

            out = cove_arena_printf(&w->arena, "%s%c%.*s@%d", out,
                                    k == 0 ? '<' : ',', (int)o->reg.len,
                                    (const char *)o->reg.at, (int)o->id.hlc);
            ck_assert_ptr_nonnull(out);
        }
    }
    world_look_away(&h);
    return out;
}

#define ck_due(w, head, text) ck_assert_str_eq(world_due(w, head), text)

/* Write what is due at a head as copies, from `time` on; how many. */
static inline size_t world_migrate(struct world *w, int head, uint64_t time)
{
    struct world_head h;
    struct cove_due *due;
    size_t count;

    world_look(w, head, &h);
    ck_assert_int_eq(cove_view_due(&h.view, &due, &count), 0);
    for (size_t i = 0; i < count; i++) {
        struct cove_copy *op = &w->copies[w->copy_count++];

        op->id = world_id(time + i);
        op->deleted = due[i].cell.kind == COVE_ABSENT;
        op->origin_count = due[i].origin_count;
        op->origins =
            cove_arena_array(&w->arena, op->origin_count, sizeof(*op->origins));
        ck_assert_ptr_nonnull(op->origins);
        for (size_t k = 0; k < op->origin_count; k++) {
            op->origins[k] = due[i].origins[k];
            op->origins[k].held = false;
            ck_assert_int_eq(cove_arena_copy(&w->arena, due[i].origins[k].reg,
                                             &op->origins[k].reg),
                             0);
        }
        ck_assert_int_eq(cove_arena_copy(&w->arena,
                                         h.plan->registers[due[i].reg].id,
                                         &op->reg),
                         0);
        ck_assert_int_eq(
            cove_arena_copy(&w->arena, due[i].cell.bytes, &op->value), 0);
    }
    world_look_away(&h);
    return count;
}

#endif
