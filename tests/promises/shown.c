/* shown.c: see shown.h. */
#include "tests/promises/shown.h"

#include "core/cbor.h"
#include "core/utf8.h"
#include "cove/error.h"
#include "crdt/seq.h"
#include "crdt/stream.h"

static void line_items(const struct cove_seq *seq, struct cove_buf *out)
{
    size_t length = cove_seq_length(seq, COVE_SEQ_ELEMENTS);
    struct cove_seq_piece piece;
    struct cove_seq_walk walk;
    size_t seen = 0;

    SURE(cove_seq_walk(seq, 0, length, &walk) == 0);
    while (cove_seq_next(&walk, &piece)) {
        struct cove_reader in;

        cove_reader_init(&in, piece.content);
        for (uint32_t i = 0; i < piece.count; i++) {
            line_bytes(out, "~", piece.type);
            line_bytes(out, "=", cove_reader_item(&in));
        }
        SURE(cove_reader_done(&in) == 0);
        seen += piece.count;
    }
    SURE(seen == length);
}

static void line_text(const struct shown *s, const struct cove_seq *seq,
                      struct cove_buf *out)
{
    size_t length = cove_seq_length(seq, COVE_SEQ_BYTES);
    struct cove_buf text;

    cove_buf_init(&text, s->arena->alloc);
    SURE(cove_seq_text(seq, COVE_SEQ_BYTES, 0, length, &text) == 0);
    SURE(text.len == length);
    SURE(cove_utf8_count(cove_buf_bytes(&text)) ==
         cove_seq_length(seq, COVE_SEQ_ELEMENTS));
    line_bytes(out, "", cove_buf_bytes(&text));
    cove_buf_clear(&text);
}

static void line_state(const struct cove_state *state, struct cove_buf *out)
{
    for (size_t i = 0; i < state->native_count; i++) {
        const struct cove_native *native;
        const struct cove_copy *copy;
        struct cove_bytes reg = state->natives[i].reg;

        if (i > 0 && cove_bytes_equal(reg, state->natives[i - 1].reg)) {
            continue;
        }
        SURE(cove_state_winner(state, reg, &native, &copy) == 0);
        line_bytes(out, " ", reg);
        line_bytes(out, native->deleted ? "-" : ":", native->value);
    }
}

static void line_stream(const struct shown *s, const struct cove_state *state,
                        struct cove_buf *out)
{
    struct cove_stream_from from = {.author = NULL};
    struct cove_stream_entry_id id;
    struct cove_stream_walk *walk;
    struct cove_bytes value;
    uint64_t count = 0;
    int err;

    SURE(cove_stream_walk_open(s->repo, s->txn, s->doc, &from, &walk, NULL) ==
         0);
    while ((err = cove_stream_walk_next(walk, &id, &value)) == 0) {
        line_bytes(out, ",", value);
        count++;
    }
    SURE(err == COVE_ENOTFOUND);
    SURE(count == state->entries);
    cove_stream_walk_close(walk);
}

void shown_line(const struct shown *s, const struct cove_state *state,
                struct cove_buf *out)
{
    switch (s->doc->header.type) {
    case COVE_DOC_COTEXT:
        line_text(s, state->seq, out);
        break;
    case COVE_DOC_COLIST:
        line_items(state->seq, out);
        line_state(state, out);
        break;
    case COVE_DOC_COCOUNTER:
        line_sum(out, state->sum);
        break;
    case COVE_DOC_COSTREAM:
        line_stream(s, state, out);
        break;
    case COVE_DOC_COMAP:
    case COVE_DOC_COBINARY:
    case COVE_DOC_GROUP:
    case COVE_DOC_ACCOUNT:
    case COVE_DOC_JOURNAL:
    case COVE_DOC_UNKNOWN:
        line_state(state, out);
        break;
    }
}
