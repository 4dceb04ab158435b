/* search_cursor.c: where a search goes on, as text that means nothing to
 * whoever keeps it.
 *
 *   version (1) ‖ what it is of (8) ‖ document's number u64be ‖ key, in hex
 *
 * What it is of is a hash of store, schema, version, condition and order, so
 * that a cursor of something else is refused and not misread.
 */
#include "core/crypto.h"
#include "migrate/search_internal.h"

#define CURSOR_VERSION 1
#define CURSOR_HEAD    (1 + 8 + 8)

static void cursor_of(const struct cove_search *s, uint8_t out[8])
{
    const struct cove_search_request *request = s->request;
    uint8_t store[16], journal[9];
    struct cove_hash hash;

    cove_repo_store_id(s->repo, store);
    cove_put_be64(journal, request->journal);
    journal[8] = request->local ? 1 : 0;

    struct cove_bytes parts[] = {
        cove_bytes(store, sizeof(store)), cove_bytes(journal, sizeof(journal)),
        cove_bytes(request->head.b, sizeof(request->head.b)), request->asked};

    hash = cove_hash_parts("cove/cursor", parts, COVE_ARRAY_LEN(parts));
    memcpy(out, hash.b, 8);
}

int cove_search_cursor(const struct cove_search *s, struct cove_buf *out)
{
    struct cove_buf bytes;
    uint8_t head[CURSOR_HEAD] = {CURSOR_VERSION};
    int err;

    cursor_of(s, head + 1);
    cove_put_be64(head + 9, s->last_num);
    cove_buf_init(&bytes, s->alloc);
    err = cove_buf_append(&bytes, cove_bytes(head, sizeof(head)));
    err =
        err != 0 ? err : cove_buf_append(&bytes, cove_buf_bytes(&s->last_key));
    err = err != 0 ? err : cove_buf_reserve(out, COVE_HEX_LEN(bytes.len));
    if (err == 0) {
        cove_hex(cove_buf_bytes(&bytes), (char *)out->at + out->len);
        out->len += bytes.len * 2;
    }
    cove_buf_clear(&bytes);
    return err;
}

static int cursor_malformed(struct cove_diag *diag)
{
    return cove_fail(
        diag, COVE_EUSAGE,
        "the cursor is none that a search gave; begin without one");
}

/* The bytes that the text stands for, at the end of the buffer. */
static int cursor_parse(struct cove_bytes text, struct cove_buf *out,
                        struct cove_diag *diag)
{
    struct cove_buf ended; /* the text, with a zero behind it */
    int err;

    cove_buf_init(&ended, out->alloc);
    err = cove_buf_append(&ended, text);
    err = err != 0 ? err : cove_buf_append(&ended, cove_bytes("", 1));
    err = err != 0 ? err : cove_buf_reserve(out, text.len / 2);
    if (err == 0 && cove_hex_parse((const char *)ended.at, out->at + out->len,
                                   text.len / 2) != 0) {
        err = cursor_malformed(diag);
    }
    out->len += err == 0 ? text.len / 2 : 0;
    cove_buf_clear(&ended);
    return err;
}

/* As many pieces as the order has fields, and nothing behind them. */
static bool cursor_fits(struct cove_search *s)
{
    const struct cove_search_request *request = s->request;
    struct cove_bytes key = cove_buf_bytes(&s->last_key);
    struct cove_buf piece;
    int err = 0;

    cove_buf_init(&piece, s->alloc);
    for (size_t i = 0; i < request->order_count && err == 0; i++) {
        err = search_key_take(&key, request->order[i].down, &piece);
    }
    cove_buf_clear(&piece);
    return err == 0 && key.len == 0;
}

int search_cursor_read(struct cove_search *s, struct cove_diag *diag)
{
    struct cove_bytes text = s->request->after;
    uint8_t head[CURSOR_HEAD], of[8];
    size_t len = text.len / 2;

    if (text.len == 0) {
        s->begun = s->request->order_count == 0 && s->request->after_num > 0;
        s->last_num = s->begun ? s->request->after_num : 0;
        return 0;
    }
    if (text.len % 2 != 0 || len < sizeof(head) ||
        len > sizeof(head) + (size_t)COVE_SEARCH_ORDER * COVE_SEARCH_KEY) {
        return cursor_malformed(diag);
    }
    s->last_key.len = 0;

    int err = cursor_parse(text, &s->last_key, diag);

    if (err != 0) {
        return err;
    }
    memcpy(head, s->last_key.at, sizeof(head));
    s->last_key.len -= sizeof(head);
    memmove(s->last_key.at, s->last_key.at + sizeof(head), s->last_key.len);
    cursor_of(s, of);
    if (head[0] != CURSOR_VERSION) {
        return cursor_malformed(diag);
    }
    if (memcmp(of, head + 1, sizeof(of)) != 0) {
        return cove_fail(diag, COVE_EUSAGE,
                         "the cursor is of another query, version or store: "
                         "condition and order must be those it was given for");
    }
    s->last_num = cove_get_be64(head + 9);
    s->begun = true;
    return cursor_fits(s) ? 0 : cursor_malformed(diag);
}
