/* conform.c: the view engine, and a list, behind the line protocol of the
 * reference model: one JSON object a line on standard input, one a line back. A
 * translator and nothing more: what it prints is what the library answers.
 *
 *     conform --cut SEED    the same ops as the history of a document in a
 *                           store, cut off somewhere before each look
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/cbor.h"
#include "core/crypto.h"
#include "core/json.h"
#include "core/value.h"
#include "tests/conform.h"
#include "tests/conform_cut.h"

struct conform {
    struct cove_arena arena; /* until reset */
    struct cove_buf bodies;  /* of struct cove_bytes: steps as received */
    struct cove_buf natives; /* of struct cove_op_id */
    struct cove_buf ops;     /* of struct conform_op, where something is cut */
    struct cove_state state;
    struct conform_seq *seq;
    bool cuts;
    uint64_t random;
};

static const struct cove_alloc *const heap = &cove_alloc_libc;

void must(int err)
{
    if (err != 0) {
        fprintf(stderr, "conform: %s\n", cove_error_text(err));
        exit(2);
    }
}

static enum cove_held is_held(void *ctx, const struct cove_origin *origin)
{
    const struct cove_buf *natives = &((const struct conform *)ctx)->natives;

    for (size_t i = 0; i < natives->len; i += sizeof(origin->id)) {
        if (memcmp(natives->at + i, &origin->id, sizeof(origin->id)) == 0) {
            return COVE_HELD_YES;
        }
    }
    return COVE_HELD_NO;
}

static void reset(struct conform *c)
{
    struct cove_state_history history = {is_held, c};

    conform_seq_free(c->seq);
    c->seq = conform_seq_new();
    cove_arena_clear(&c->arena);
    c->bodies.len = c->natives.len = c->ops.len = 0;
    cove_state_init(&c->state, &c->arena, &history);
}

/* --- from JSON */

struct cove_bytes member(struct cove_bytes map, const char *key)
{
    struct cove_bytes value = {NULL, 0};

    (void)cove_value_member(map, key, &value);
    return value;
}

static struct cove_op_id op_id(struct cove_bytes item)
{
    struct cove_op_id id;
    struct cove_reader r;

    memset(&id, 0, sizeof(id)); /* null: none */
    cove_reader_init(&r, item);
    if (cove_reader_list(&r) == 4) {
        id.hlc = cove_reader_uint(&r);

        struct cove_bytes text = cove_reader_text(&r);

        must(text.len > sizeof(id.device.b) ? COVE_ELIMIT : 0);
        memcpy(id.device.b, text.at, text.len);
        id.tx = (uint32_t)cove_reader_uint(&r);
        id.op = (uint32_t)cove_reader_uint(&r);
    }
    return id;
}

static bool step_id(struct cove_bytes item, struct cove_step_id *out)
{
    char hex[COVE_HEX_LEN(32)] = "";
    struct cove_reader r;

    cove_reader_init(&r, item);

    struct cove_bytes text = cove_reader_text(&r);

    if (text.len != sizeof(hex) - 1) {
        return false;
    }
    memcpy(hex, text.at, text.len);
    return cove_hex_parse(hex, out->b, sizeof(out->b)) == 0;
}

/* Whatever an op points at is in the arena of the state by then, or a line. */
static void keep_op(struct conform *c, const struct cove_native *native,
                    const struct cove_copy *copy)
{
    struct conform_op op = {.native = *native};

    if (!c->cuts) {
        return;
    }
    must(cove_arena_copy(&c->arena, native->reg, &op.native.reg));
    must(cove_arena_copy(&c->arena, native->value, &op.native.value));
    if (copy != NULL) {
        op.origins = copy->origins;
        op.origin_count = copy->origin_count;
        for (size_t i = 0; i < op.origin_count; i++) {
            must(cove_arena_copy(&c->arena, op.origins[i].reg,
                                 &op.origins[i].reg));
        }
    }
    must(cove_buf_append(&c->ops, cove_bytes(&op, sizeof(op))));
}

static void add_copy(struct conform *c, struct cove_copy *copy,
                     struct cove_bytes origins)
{
    struct cove_reader r;

    cove_reader_init(&r, origins);
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
    struct cove_native op = {.id = op_id(member(ask, "id")),
                             .deleted = member(ask, "set").len == 0};
    struct cove_reader r;

    cove_reader_init(&r, member(ask, op.deleted ? "del" : "set"));
    (void)(op.deleted ? 0 : cove_reader_list(&r));
    op.reg = cove_reader_text(&r);
    if (!op.deleted) {
        op.value = cove_reader_item(&r);
    }
    if (member(ask, "origins").len > 0) {
        struct cove_copy copy = {.reg = op.reg,
                                 .id = op.id,
                                 .deleted = op.deleted,
                                 .value = op.value};

        add_copy(c, &copy, member(ask, "origins"));
        keep_op(c, &op, &copy);
        return;
    }
    op.has_epoch = step_id(member(ask, "epoch"), &op.epoch);
    must(cove_buf_append(&c->natives, cove_bytes(&op.id, sizeof(op.id))));
    must(cove_state_add_native(&c->state, &op));
    keep_op(c, &op, NULL);
}

/* --- the lines */

/* view, due and status: all of the library from its inputs. */
static void answer_head(struct conform *c, char what, struct cove_bytes head,
                        struct cove_writer *w)
{
    struct cove_arena arena;
    struct cove_journal *journal;
    struct cove_plan *plan = NULL;
    struct cove_state state;
    struct cove_view view;
    struct cove_step_id step;
    int err = COVE_EBLOCKED;

    cove_arena_init(&arena, heap);
    must(cove_journal_new(heap, (const void *)c->bodies.at,
                          c->bodies.len / sizeof(head), &journal));
    if (step_id(head, &step)) {
        err = cove_plan_new(heap, journal, &step, &plan);
    }
    must(err == COVE_EBLOCKED ? 0 : err);
    if (err == 0 && c->cuts) {
        conform_cut_fold((const void *)c->ops.at,
                         c->ops.len / sizeof(struct conform_op), &c->random,
                         &arena, &state);
        must(cove_view_init(&view, &arena, plan, &state));
    } else if (err == 0) {
        cove_state_settle(&c->state);
        must(cove_view_init(&view, &arena, plan, &c->state));
    }
    if (what == 's') {
        write_status(w, journal, plan);
    } else if (err != 0) {
        write_one(w, "error", "blocked");
    } else if (what == 'd') {
        write_due(w, &view);
    } else {
        cove_writer_map(w, 2);
        write_fields(w, &view, "doc", COVE_PRESENT);
        write_fields(w, &view, "invalid", COVE_INVALID);
    }
    cove_plan_free(plan);
    cove_journal_free(journal);
    cove_arena_clear(&arena);
}

static void answer(struct conform *c, struct cove_bytes ask,
                   struct cove_writer *w)
{
    struct cove_bytes what = cove_value_text(member(ask, "do"));

    if (cove_bytes_equal(what, cove_bytes_text("step"))) {
        struct cove_bytes body = member(ask, "body");
        struct cove_step_id id = cove_step_id_of(body);

        must(cove_arena_copy(&c->arena, body, &body));
        must(cove_buf_append(&c->bodies, cove_bytes(&body, sizeof(body))));
        cove_writer_map(w, 1);
        cove_writer_cstr(w, "id");
        write_step(w, &id);
    } else if (cove_bytes_equal(what, cove_bytes_text("reset"))) {
        reset(c);
        write_one(w, "ok", NULL);
    } else if (cove_bytes_equal(what, cove_bytes_text("op"))) {
        add_op(c, ask);
        write_one(w, "ok", NULL);
    } else if (what.len >= 3 && memcmp(what.at, "seq", 3) == 0) {
        conform_seq_answer(c->seq, ask, w);
    } else {
        answer_head(c, (char)what.at[0], member(ask, "head"), w);
    }
}

int main(int argc, char **argv)
{
    struct conform c = {0};
    struct cove_buf ask, out, text;
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;

    must(cove_crypto_init());
    if (argc == 3 && strcmp(argv[1], "--cut") == 0) {
        c.cuts = true;
        c.random = strtoull(argv[2], NULL, 10);
    }
    cove_arena_init(&c.arena, heap);
    cove_buf_init(&c.ops, heap);
    cove_buf_init(&c.bodies, heap);
    cove_buf_init(&c.natives, heap);
    cove_buf_init(&ask, heap);
    cove_buf_init(&out, heap);
    cove_buf_init(&text, heap);
    reset(&c);
    while ((len = getline(&line, &cap, stdin)) > 0) {
        struct cove_writer w;

        ask.len = out.len = text.len = 0;
        must(cove_json_read_plain(cove_bytes(line, (size_t)len), "line", &ask,
                                  NULL));
        cove_writer_init(&w, &out);
        answer(&c, cove_buf_bytes(&ask), &w);
        must(w.err);
        must(cove_json_write_plain(cove_buf_bytes(&out), 0, &text));
        printf("%.*s\n", (int)text.len, (const char *)text.at);
        fflush(stdout);
    }
    if (c.cuts) {
        unsigned cuts, taken;

        conform_cut_counts(&cuts, &taken);
        fprintf(stderr, "%u cuts, %u of them taken\n", cuts, taken);
    }
    free(line);
    cove_buf_clear(&c.ops);
    cove_buf_clear(&c.bodies);
    cove_buf_clear(&c.natives);
    cove_buf_clear(&ask);
    cove_buf_clear(&out);
    cove_buf_clear(&text);
    cove_arena_clear(&c.arena);
    conform_seq_free(c.seq);
    return 0;
}
