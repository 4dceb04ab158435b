/* conform_children.c: fields that are documents, behind a line protocol of
 * tests/oracle/children_fuzz.py: one JSON object a line on standard input, one
 * a line back. A translator and nothing more.
 *
 *   {"do":"reset"}  {"do":"step","body":…}
 *   {"do":"op","doc":"" or a field's register,"op":{…}}   as the oracle has ops
 *   {"do":"family","head":STEP}   all that this head sees
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/cbor.h"
#include "core/crypto.h"
#include "core/json.h"
#include "core/value.h"
#include "crdt/item.h"
#include "tests/conform_children.h"

static const struct cove_alloc *const heap = &cove_alloc_libc;

void must(int err)
{
    if (err != 0) {
        fprintf(stderr, "conform_children: %s\n", cove_error_text(err));
        exit(2);
    }
}

struct cove_bytes member(struct cove_bytes map, const char *key)
{
    struct cove_bytes value = {NULL, 0};

    (void)cove_value_member(map, key, &value);
    return value;
}

static void reset(struct children *c)
{
    for (size_t i = 0; i < c->doc_count; i++) {
        cove_seq_free(c->docs[i].state.seq);
    }
    cove_arena_clear(&c->arena);
    c->bodies.len = 0;
    c->doc_count = 0;
}

/* --- from JSON */

static struct cove_op_id op_id(struct cove_bytes item)
{
    struct cove_op_id id;
    struct cove_reader r;

    memset(&id, 0, sizeof(id)); /* null: none */
    cove_reader_init(&r, item);
    if (cove_reader_list(&r) == 4) {
        id.hlc = cove_reader_uint(&r);

        struct cove_bytes text = cove_reader_text(&r);

        must(text.len > sizeof(id.session.b) ? COVE_ELIMIT : 0);
        memcpy(id.device.b, text.at, text.len);
        memcpy(id.session.b, text.at, text.len);
        id.tx = (uint32_t)cove_reader_uint(&r);
        id.op = (uint32_t)cove_reader_uint(&r);
    }
    return id;
}

static bool step_id(struct cove_bytes item, struct cove_step_id *out)
{
    char hex[COVE_HEX_LEN(32)] = "";
    struct cove_bytes text = cove_value_kind(item) == COVE_KIND_TEXT
                                 ? cove_value_text(item)
                                 : cove_bytes(NULL, 0);

    if (text.len != sizeof(hex) - 1) {
        return false;
    }
    memcpy(hex, text.at, text.len);
    return cove_hex_parse(hex, out->b, sizeof(out->b)) == 0;
}

struct doc *doc_of(struct children *c, struct cove_bytes reg)
{
    struct doc *doc = c->docs;

    while (doc < c->docs + c->doc_count && !cove_bytes_equal(doc->reg, reg)) {
        doc++;
    }
    if (doc == c->docs + c->doc_count) {
        must(c->doc_count == CONFORM_DOCS ? COVE_ELIMIT : 0);
        c->doc_count++;
        must(cove_arena_copy(&c->arena, reg, &doc->reg));
        cove_state_init(&doc->state, &c->arena, NULL);
    }
    return doc;
}

static void add_write(struct children *c, struct doc *doc, struct cove_bytes op,
                      struct cove_native *write)
{
    struct cove_bytes origins = member(op, "origins");
    struct cove_copy copy = {.reg = write->reg,
                             .id = write->id,
                             .deleted = write->deleted,
                             .value = write->value};
    struct cove_reader r;

    if (origins.len == 0) {
        write->has_epoch = step_id(member(op, "epoch"), &write->epoch);
        must(cove_state_add_native(&doc->state, write));
        return;
    }
    cove_reader_init(&r, origins);
    copy.origin_count = cove_reader_list(&r);
    copy.origins = cove_arena_array(&c->arena, copy.origin_count + 1,
                                    sizeof(*copy.origins));
    must(copy.origins == NULL ? COVE_ENOMEM : 0);
    for (size_t i = 0; i < copy.origin_count; i++) {
        (void)cove_reader_list(&r);
        copy.origins[i].reg = cove_reader_text(&r);
        copy.origins[i].id = op_id(cove_reader_item(&r));
    }
    must(cove_state_add_copy(&doc->state, &copy));
}

static void add_register(struct children *c, struct doc *doc,
                         struct cove_bytes op)
{
    struct cove_native write = {.id = op_id(member(op, "id")),
                                .deleted = member(op, "set").len == 0};
    struct cove_reader r;

    cove_reader_init(&r, member(op, write.deleted ? "del" : "set"));
    (void)(write.deleted ? 0 : cove_reader_list(&r));
    write.reg = cove_reader_text(&r);
    if (!write.deleted) {
        write.value = cove_reader_item(&r);
    }
    add_write(c, doc, op, &write);
}

/* --- elements */

/* [session, n] or [write, n]; null: the root. */
static struct cove_elem elem_of(struct doc *doc, struct cove_bytes ref)
{
    struct cove_elem elem = {COVE_SEQ_ROOT, 0};
    struct cove_seq_author author = {.hlc = 0};
    struct cove_reader r;
    struct cove_bytes who;

    if (cove_value_is_null(ref)) {
        return elem;
    }
    cove_reader_init(&r, ref);
    (void)cove_reader_list(&r);
    who = cove_reader_item(&r);
    if (cove_value_kind(who) == COVE_KIND_TEXT) {
        struct cove_bytes text = cove_value_text(who);

        memcpy(author.device.b, text.at, text.len);
        memcpy(author.session.b, text.at, text.len);
    } else {
        struct cove_op_id id = op_id(who);

        author = (struct cove_seq_author){.device = id.device,
                                          .session = id.session,
                                          .hlc = id.hlc,
                                          .tx = id.tx,
                                          .op = id.op};
    }
    must(cove_seq_author_add(doc->state.seq, &author, &elem.author));
    elem.n = (uint32_t)cove_reader_uint(&r);
    return elem;
}

static void add_insert(struct doc *doc, struct cove_bytes op,
                       struct cove_bytes ins, bool list)
{
    struct cove_op_id id = op_id(member(op, "id"));
    struct cove_seq_author author = {.device = id.device,
                                     .session = id.session};
    struct cove_seq_run run = {.hlc = id.hlc, .side = COVE_SEQ_RIGHT};
    struct cove_buf content;
    struct cove_reader r;

    cove_buf_init(&content, heap);
    cove_reader_init(&r, member(ins, "values"));
    run.count = (uint32_t)cove_reader_list(&r);
    for (uint32_t i = 0; i < run.count; i++) {
        struct cove_bytes value = cove_reader_item(&r);

        must(cove_buf_append(&content, list ? value : cove_value_text(value)));
    }
    run.content = cove_buf_bytes(&content);
    must(cove_seq_author_add(doc->state.seq, &author, &run.first.author));
    run.first.n = (uint32_t)cove_value_int(member(ins, "n"));
    run.parent = elem_of(doc, member(ins, "parent"));
    if (cove_bytes_equal(cove_value_text(member(ins, "side")),
                         cove_bytes_text("L"))) {
        run.side = COVE_SEQ_LEFT;
    }
    if (list) {
        run.type = cove_value_member_text(ins, "type");
    }
    must(cove_seq_insert(doc->state.seq, &run));
    cove_buf_clear(&content);
}

static void add_element(struct children *c, struct doc *doc,
                        struct cove_bytes op, bool list)
{
    struct cove_bytes remove = member(op, "remove");
    struct cove_bytes over = member(op, "over");
    struct cove_reader r;

    if (doc->state.seq == NULL) {
        must(cove_seq_new(heap, list ? COVE_SEQ_LIST : COVE_SEQ_TEXT,
                          &doc->state.seq));
    }
    cove_reader_init(&r, remove.len > 0 ? remove : over);
    if (remove.len > 0) {
        (void)cove_reader_list(&r);

        struct cove_elem elem = elem_of(doc, cove_reader_item(&r));

        must(cove_seq_remove(doc->state.seq, elem,
                             (uint32_t)cove_reader_uint(&r)));
    } else if (over.len > 0) {
        struct cove_native write = {.id = op_id(member(op, "id"))};
        struct cove_elem elem;

        (void)cove_reader_list(&r);
        elem = elem_of(doc, cove_reader_item(&r));
        must(cove_item_register(&c->arena, doc->state.seq, elem,
                                cove_reader_text(&r), &write.reg));
        write.value = cove_reader_item(&r);
        add_write(c, doc, op, &write);
    } else {
        add_insert(doc, op, member(op, "ins"), list);
    }
}

static void add_op(struct children *c, struct cove_bytes ask)
{
    struct doc *doc = doc_of(c, cove_value_text(member(ask, "doc")));
    struct cove_bytes kind = cove_value_text(member(ask, "kind"));
    struct cove_bytes op = member(ask, "op");

    if (cove_bytes_equal(kind, cove_bytes_text("map"))) {
        add_register(c, doc, op);
    } else {
        add_element(c, doc, op,
                    cove_bytes_equal(kind, cove_bytes_text("list")));
    }
}

/* --- the lines */

static void answer_family(struct children *c, struct cove_bytes head,
                          struct cove_writer *w)
{
    struct cove_arena arena;
    struct cove_journal *journal;
    struct cove_plan *plan = NULL;
    struct cove_step_id step;
    int err = COVE_EBLOCKED;

    cove_arena_init(&arena, heap);
    must(cove_journal_new(heap, (const void *)c->bodies.at,
                          c->bodies.len / sizeof(head), &journal));
    if (step_id(head, &step)) {
        err = cove_plan_new(heap, journal, &step, &plan);
    }
    if (err == COVE_EBLOCKED) {
        write_one(w, "error", "blocked");
    } else {
        must(err);
        write_family(w, c, plan, &arena);
    }
    cove_plan_free(plan);
    cove_journal_free(journal);
    cove_arena_clear(&arena);
}

static void answer(struct children *c, struct cove_bytes ask,
                   struct cove_writer *w)
{
    struct cove_bytes what = cove_value_text(member(ask, "do"));

    if (cove_bytes_equal(what, cove_bytes_text("step"))) {
        struct cove_bytes body = member(ask, "body");

        must(cove_arena_copy(&c->arena, body, &body));
        must(cove_buf_append(&c->bodies, cove_bytes(&body, sizeof(body))));
        write_one(w, "ok", NULL);
    } else if (cove_bytes_equal(what, cove_bytes_text("reset"))) {
        reset(c);
        write_one(w, "ok", NULL);
    } else if (cove_bytes_equal(what, cove_bytes_text("op"))) {
        add_op(c, ask);
        write_one(w, "ok", NULL);
    } else {
        answer_family(c, member(ask, "head"), w);
    }
}

int main(void)
{
    static struct children c;
    struct cove_buf ask, out, text;
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;

    must(cove_crypto_init());
    cove_arena_init(&c.arena, heap);
    cove_buf_init(&c.bodies, heap);
    cove_buf_init(&ask, heap);
    cove_buf_init(&out, heap);
    cove_buf_init(&text, heap);
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
    reset(&c);
    free(line);
    cove_buf_clear(&c.bodies);
    cove_buf_clear(&ask);
    cove_buf_clear(&out);
    cove_buf_clear(&text);
    return 0;
}
