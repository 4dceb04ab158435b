/* item.c: see item.h. */
#include "crdt/item.h"

#include <inttypes.h>

#include "core/cbor.h"
#include "core/limits.h"
#include "cove/error.h"

int cove_item_register(struct cove_arena *arena, const struct cove_seq *seq,
                       struct cove_elem elem, struct cove_bytes type,
                       struct cove_bytes *out)
{
    const struct cove_seq_author *author = cove_seq_author_of(seq, elem.author);
    char session[COVE_HEX_LEN(sizeof(author->session.b))];
    char *name;

    cove_hex(cove_bytes(author->session.b, sizeof(author->session.b)), session);
    if (author->hlc != 0) {
        name = cove_arena_printf(arena,
                                 "#%s.%" PRIu32 ".%" PRIu32 ".%" PRIu32 "~%.*s",
                                 session, elem.n, author->tx, author->op,
                                 (int)type.len, (const char *)type.at);
    } else {
        name = cove_arena_printf(arena, "#%s.%" PRIu32 "~%.*s", session, elem.n,
                                 (int)type.len, (const char *)type.at);
    }
    if (name == NULL) {
        return COVE_ENOMEM;
    }

    struct cove_bytes reg = cove_bytes_text(name);

    if (reg.len > COVE_MAX_KEY) {
        return COVE_ELIMIT;
    }
    *out = reg;
    return 0;
}

int cove_item_value(struct cove_arena *arena, const struct cove_state *state,
                    const struct cove_seq *seq, struct cove_elem elem,
                    struct cove_bytes type, struct cove_bytes *content)
{
    const struct cove_native *native = NULL;
    const struct cove_copy *copy = NULL;
    struct cove_bytes reg;
    struct cove_reader r;
    int err = 0;

    cove_reader_init(&r, *content);
    *content = cove_reader_item(&r);
    if (state->native_count + state->copy_count == 0) {
        return 0;
    }
    err = cove_item_register(arena, seq, elem, type, &reg);
    if (err == 0) {
        err = cove_state_winner(state, reg, &native, &copy);
    }
    if (err == 0 && native != NULL && !native->deleted) {
        *content = native->value;
    } else if (err == 0 && copy != NULL && !copy->deleted) {
        *content = copy->value;
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}
