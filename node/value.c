/* value.c: the 16-byte value of the API and the CBOR bytes within. */
#include "core/value.h"
#include "node/node.h"

#include "core/cbor.h"

_Static_assert(sizeof(struct cove_value) == 16, "a value travels by value");

struct cove_value cove_null(void)
{
    struct cove_value v = {.kind = COVE_KIND_NULL};
    return v;
}

struct cove_value cove_bool(bool flag)
{
    struct cove_value v = {.u.flag = flag, .kind = COVE_KIND_BOOL};
    return v;
}

struct cove_value cove_int(int64_t integer)
{
    struct cove_value v = {.u.integer = integer, .kind = COVE_KIND_INT};
    return v;
}

struct cove_value cove_real(double real)
{
    struct cove_value v = {.u.real = real, .kind = COVE_KIND_FLOAT};
    return v;
}

static struct cove_value value_of_text(const char *text, enum cove_kind kind)
{
    size_t len = text != NULL ? strlen(text) : 0;
    struct cove_value v = {
        .u.text = text,
        .len = len < UINT32_MAX ? (uint32_t)len : UINT32_MAX,
        .kind = (uint8_t)kind,
    };
    return v;
}

struct cove_value cove_text(const char *text)
{
    return value_of_text(text, COVE_KIND_TEXT);
}

struct cove_value cove_json(const char *json)
{
    return value_of_text(json, COVE_KIND_MAP);
}

struct cove_value cove_blob(const void *bytes, size_t len)
{
    struct cove_value v = {
        .u.bytes = bytes,
        .len = len < UINT32_MAX ? (uint32_t)len : UINT32_MAX,
        .kind = COVE_KIND_BYTES,
    };
    return v;
}

struct cove_value cove_link(const struct cove_id *id)
{
    struct cove_value v = {.u.bytes = id->b, .len = 32, .kind = COVE_KIND_REF};
    return v;
}

/* A list or map goes out as JSON text. */
static int value_json_out(struct cove_txn *txn, struct cove_arena *arena,
                          struct cove_bytes cbor, struct cove_value *out)
{
    struct cove_buf buf;
    struct cove_bytes text = {NULL, 0};

    cove_buf_init(&buf, txn->store->alloc);
    int err = cove_json_write(cbor, 0, &buf);

    if (err == 0) {
        err = cove_arena_copy(arena, cove_buf_bytes(&buf), &text);
    }
    cove_buf_clear(&buf);
    if (err == 0) {
        out->u.text = (const char *)text.at;
        out->len = (uint32_t)text.len;
    }
    return err;
}

int node_value_copy(struct cove_txn *txn, struct cove_arena *arena,
                    struct cove_bytes cbor, struct cove_value *out)
{
    struct cove_value v = {.kind = (uint8_t)cove_value_kind(cbor)};
    struct cove_bytes part = {NULL, 0};
    struct cove_reader r;
    int err = 0;

    cove_reader_init(&r, cbor);
    switch ((enum cove_kind)v.kind) {
    case COVE_KIND_NULL:
        break;
    case COVE_KIND_BOOL:
        v.u.flag = cove_reader_bool(&r);
        break;
    case COVE_KIND_INT:
        v.u.integer = cove_reader_int(&r);
        break;
    case COVE_KIND_FLOAT:
        v.u.real = cove_reader_float(&r);
        break;
    case COVE_KIND_TEXT:
        err = cove_arena_copy(arena, cove_reader_text(&r), &part);
        v.u.text = (const char *)part.at;
        v.len = (uint32_t)part.len;
        break;
    case COVE_KIND_BYTES:
        err = cove_arena_copy(arena, cove_reader_bytes(&r), &part);
        v.u.bytes = part.at;
        v.len = (uint32_t)part.len;
        break;
    case COVE_KIND_REF: {
        struct cove_id id;

        cove_value_ref(cbor, &id);
        err = cove_arena_copy(arena, cove_bytes(id.b, 32), &part);
        v.u.bytes = part.at;
        v.len = 32;
        break;
    }
    case COVE_KIND_LIST:
    case COVE_KIND_MAP:
        err = value_json_out(txn, arena, cbor, &v);
        break;
    }
    if (err == 0) {
        *out = v;
    }
    return err;
}

int node_value_out(struct cove_txn *txn, struct cove_bytes cbor,
                   struct cove_value *out)
{
    return node_value_copy(txn, &txn->arena, cbor, out);
}

static void value_scalar_in(struct cove_writer *w, struct cove_value v)
{
    switch ((enum cove_kind)v.kind) {
    case COVE_KIND_NULL:
        cove_writer_null(w);
        break;
    case COVE_KIND_BOOL:
        cove_writer_bool(w, v.u.flag);
        break;
    case COVE_KIND_INT:
        cove_writer_int(w, v.u.integer);
        break;
    case COVE_KIND_FLOAT:
        cove_writer_float(w, v.u.real);
        break;
    case COVE_KIND_TEXT:
        cove_writer_text(w, cove_bytes(v.u.text, v.len));
        break;
    case COVE_KIND_BYTES:
        cove_writer_bytes(w, v.u.bytes, v.len);
        break;
    case COVE_KIND_REF:
        cove_writer_map(w, 1);
        cove_writer_cstr(w, "");
        cove_writer_bytes(w, v.u.bytes, v.len);
        break;
    case COVE_KIND_LIST:
    case COVE_KIND_MAP:
        break;
    }
}

int node_value_in(struct cove_txn *txn, struct cove_value value,
                  struct cove_bytes *out)
{
    struct cove_buf buf;
    struct cove_writer w;
    bool json = value.kind == COVE_KIND_LIST || value.kind == COVE_KIND_MAP;
    bool pointer = json || value.kind == COVE_KIND_TEXT ||
                   value.kind == COVE_KIND_BYTES || value.kind == COVE_KIND_REF;

    if (value.kind > COVE_KIND_REF ||
        (pointer && value.u.text == NULL && value.len > 0)) {
        return cove_fail(&txn->diag, COVE_EUSAGE,
                         "the value is of no known kind, or points nowhere");
    }
    if (pointer && value.len > COVE_MAX_VALUE) {
        return cove_fail(&txn->diag, COVE_ELIMIT,
                         "a value of %u bytes; %d are the most", value.len,
                         COVE_MAX_VALUE);
    }
    if (value.kind == COVE_KIND_TEXT && value.len > 0 &&
        memchr(value.u.text, 0, value.len) != NULL) {
        return cove_fail(&txn->diag, COVE_EUSAGE,
                         "a text may not hold a NUL; such bytes are a blob");
    }
    cove_buf_init(&buf, txn->store->alloc);
    cove_writer_init(&w, &buf);
    int err = 0;

    if (json) {
        err = cove_json_read(cove_bytes(value.u.text, value.len), "value", &buf,
                             &txn->diag);
    } else {
        value_scalar_in(&w, value);
        err = w.err;
    }
    if (err == 0) {
        err = cove_value_check(cove_buf_bytes(&buf), &txn->diag);
    }
    if (err == 0) {
        err = cove_arena_copy(&txn->arena, cove_buf_bytes(&buf), out);
    }
    cove_buf_clear(&buf);
    return err;
}
