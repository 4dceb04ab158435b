/* The sequence requests of the line protocol: a translator between the model's
 * ids and the elements of crdt/seq.h. [ts, session, tx, op] is an element with
 * hlc ts + 1, the author whose device key is the session's text, and the
 * number tx << 16 | op: so both sides order siblings alike. */
#include <stdlib.h>

#include "core/value.h"
#include "crdt/seq.h"
#include "tests/conform.h"

struct known { /* an id that was given, and its element */
    struct cove_elem elem;
    uint64_t ts;
};

struct conform_seq {
    struct cove_seq *seq;
    struct known *known;
    size_t count, cap;
};

struct conform_seq *conform_seq_new(void)
{
    struct conform_seq *s = calloc(1, sizeof(*s));

    must(s == NULL ? COVE_ENOMEM : 0);
    must(cove_seq_new(&cove_alloc_libc, COVE_SEQ_LIST, &s->seq));
    return s;
}

void conform_seq_free(struct conform_seq *s)
{
    if (s != NULL) {
        cove_seq_free(s->seq);
        free(s->known);
        free(s);
    }
}

/* --- ids */

static struct cove_elem elem_of(struct conform_seq *s, struct cove_bytes item,
                                uint64_t *ts)
{
    struct cove_elem elem = {COVE_SEQ_ROOT, 0};
    struct cove_seq_author author;
    struct cove_reader r;

    memset(&author, 0, sizeof(author));
    cove_reader_init(&r, item);
    if (cove_reader_list(&r) != 4) {
        return elem; /* null: the root */
    }
    *ts = cove_reader_uint(&r);

    struct cove_bytes text = cove_reader_text(&r);

    must(text.len > sizeof(author.session.b) ? COVE_ELIMIT : 0);
    memcpy(author.device.b, text.at, text.len);
    memcpy(author.session.b, text.at, text.len);
    elem.n = (uint32_t)(cove_reader_uint(&r) << 16);
    elem.n += (uint32_t)cove_reader_uint(&r);
    must(r.err);
    must(cove_seq_author_add(s->seq, &author, &elem.author));
    return elem;
}

static void know(struct conform_seq *s, struct cove_elem elem, uint64_t ts)
{
    if (s->count == s->cap) {
        s->cap = s->cap * 2 + 16;
        s->known = realloc(s->known, s->cap * sizeof(*s->known));
        must(s->known == NULL ? COVE_ENOMEM : 0);
    }
    s->known[s->count++] = (struct known){elem, ts};
}

static void write_id(const struct conform_seq *s, struct cove_writer *w,
                     struct cove_elem elem)
{
    if (elem.author == COVE_SEQ_ROOT) {
        cove_writer_null(w);
        return;
    }
    for (size_t i = 0; i < s->count; i++) {
        if (s->known[i].elem.author == elem.author &&
            s->known[i].elem.n == elem.n) {
            const char *device =
                (const char *)cove_seq_author_of(s->seq, elem.author)->device.b;

            cove_writer_list(w, 4);
            cove_writer_uint(w, s->known[i].ts);
            cove_writer_text(w, cove_bytes(device, strnlen(device, 32)));
            cove_writer_uint(w, elem.n >> 16);
            cove_writer_uint(w, elem.n & 0xffff);
            return;
        }
    }
    must(COVE_ENOTFOUND);
}

/* --- requests */

static void add_op(struct conform_seq *s, struct cove_bytes op)
{
    struct cove_bytes ins = member(op, "ins");
    uint64_t ts = 0;

    if (ins.len == 0) {
        must(cove_seq_remove(s->seq, elem_of(s, member(op, "del"), &ts), 1));
        return;
    }

    struct cove_bytes side = cove_value_text(member(ins, "side"));
    struct cove_seq_run run = {
        .count = 1,
        .side = side.at[0] == 'L' ? COVE_SEQ_LEFT : COVE_SEQ_RIGHT,
        .content = member(ins, "value"),
    };

    run.parent = elem_of(s, member(ins, "parent"), &ts);
    run.first = elem_of(s, member(op, "id"), &ts);
    run.hlc = ts + 1;
    know(s, run.first, ts);
    must(cove_seq_insert(s->seq, &run));
}

static void insert_here(struct conform_seq *s, struct cove_bytes ask, size_t at,
                        struct cove_writer *w)
{
    struct cove_seq_edit edit = {{COVE_SEQ_ROOT, 0}, COVE_SEQ_RIGHT};
    uint64_t ts = 0;
    struct cove_seq_run run = {.count = 1, .content = member(ask, "value")};

    run.first = elem_of(s, member(ask, "id"), &ts);
    run.hlc = ts + 1;
    know(s, run.first, ts);
    must(cove_seq_insert_at(s->seq, COVE_SEQ_ELEMENTS, at, &run, &edit));
    cove_writer_map(w, 2);
    cove_writer_cstr(w, "id");
    write_id(s, w, run.first);
    cove_writer_cstr(w, "ins");
    cove_writer_map(w, 3);
    cove_writer_cstr(w, "side");
    cove_writer_cstr(w, edit.side == COVE_SEQ_LEFT ? "L" : "R");
    cove_writer_cstr(w, "value");
    cove_writer_item(w, run.content);
    cove_writer_cstr(w, "parent");
    write_id(s, w, edit.parent);
}

static int take_elem(void *ctx, struct cove_elem first, uint32_t count)
{
    *(struct cove_elem *)ctx = first;
    return count == 1 ? 0 : COVE_ELIMIT;
}

static void delete_here(struct conform_seq *s, struct cove_bytes ask, size_t at,
                        struct cove_writer *w)
{
    struct cove_elem target = {COVE_SEQ_ROOT, 0};

    must(cove_seq_remove_at(s->seq, COVE_SEQ_ELEMENTS, at, 1, take_elem,
                            &target));
    cove_writer_map(w, 2);
    cove_writer_cstr(w, "id");
    cove_writer_item(w, member(ask, "id"));
    cove_writer_cstr(w, "del");
    write_id(s, w, target);
}

static void read_values(const struct conform_seq *s, struct cove_writer *w)
{
    size_t length = cove_seq_length(s->seq, COVE_SEQ_ELEMENTS);
    struct cove_seq_walk walk;
    struct cove_seq_piece piece;

    cove_writer_map(w, 1);
    cove_writer_cstr(w, "values");
    cove_writer_list(w, length);
    must(cove_seq_walk(s->seq, 0, length, &walk));
    while (cove_seq_next(&walk, &piece)) {
        cove_writer_item(w, piece.content);
    }
}

void conform_seq_answer(struct conform_seq *s, struct cove_bytes ask,
                        struct cove_writer *w)
{
    struct cove_bytes what = cove_value_text(member(ask, "do"));
    struct cove_reader r;
    size_t at = 0;

    if (member(ask, "at").len > 0) {
        cove_reader_init(&r, member(ask, "at"));
        at = (size_t)cove_reader_uint(&r);
    }
    if (cove_bytes_equal(what, cove_bytes_text("seq"))) {
        cove_reader_init(&r, member(ask, "ops"));
        for (size_t n = cove_reader_list(&r); n > 0; n--) {
            add_op(s, cove_reader_item(&r));
        }
        write_one(w, "ok", NULL);
    } else if (cove_bytes_equal(what, cove_bytes_text("seq_insert"))) {
        insert_here(s, ask, at, w);
    } else if (cove_bytes_equal(what, cove_bytes_text("seq_delete"))) {
        delete_here(s, ask, at, w);
    } else {
        read_values(s, w);
    }
}
