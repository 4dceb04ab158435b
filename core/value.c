#include "core/value.h"

#include "core/cbor.h"
#include "core/limits.h"

#define REF_LEN  36 /* a map of one pair, the empty text, 32 bytes */
#define HEAD_MAX 9

static const uint8_t ref_head[] = {0xa1, 0x60, 0x58, 0x20};

static bool value_is_ref(struct cove_bytes value)
{
    return value.len == REF_LEN &&
           memcmp(value.at, ref_head, sizeof(ref_head)) == 0;
}

static int value_check_item(struct cove_reader *r, struct cove_diag *diag);

static int value_check_string(struct cove_bytes string, struct cove_diag *diag)
{
    if (string.len > COVE_MAX_TEXT) {
        return cove_fail(diag, COVE_ELIMIT,
                         "a text or bytes value of %zu bytes; at most %d",
                         string.len, COVE_MAX_TEXT);
    }
    return 0;
}

/* The reader stands at a map of CBOR that has been checked. */
static int value_check_map(struct cove_reader *r, struct cove_diag *diag)
{
    struct cove_reader look = *r;

    if (value_is_ref(cove_reader_item(&look))) {
        *r = look;
        return 0;
    }

    size_t pairs = cove_reader_map(r);

    for (size_t i = 0; i < pairs; i++) {
        if (cove_reader_peek(r) != COVE_CBOR_TEXT) {
            return cove_fail(diag, COVE_EFORMAT,
                             "the keys of a map must be texts");
        }

        struct cove_bytes key = cove_reader_text(r);

        if (key.len == 0) {
            return cove_fail(diag, COVE_ERESERVED,
                             "the empty key is reserved for references");
        }

        int err = value_check_string(key, diag);

        if (err == 0) {
            err = value_check_item(r, diag);
        }
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

static int value_check_list(struct cove_reader *r, struct cove_diag *diag)
{
    size_t count = cove_reader_list(r);

    for (size_t i = 0; i < count; i++) {
        int err = value_check_item(r, diag);

        if (err != 0) {
            return err;
        }
    }
    return 0;
}

static int value_check_item(struct cove_reader *r, struct cove_diag *diag)
{
    switch (cove_reader_peek(r)) {
    case COVE_CBOR_UINT:
        if (cove_reader_uint(r) > INT64_MAX) {
            return cove_fail(diag, COVE_EFORMAT,
                             "an integer beyond 9223372036854775807");
        }
        return 0;
    case COVE_CBOR_BYTES:
        return value_check_string(cove_reader_bytes(r), diag);
    case COVE_CBOR_TEXT:
        return value_check_string(cove_reader_text(r), diag);
    case COVE_CBOR_LIST:
        return value_check_list(r, diag);
    case COVE_CBOR_MAP:
        return value_check_map(r, diag);
    case COVE_CBOR_NINT:
    case COVE_CBOR_BOOL:
    case COVE_CBOR_NULL:
    case COVE_CBOR_FLOAT:
        cove_reader_item(r);
        return 0;
    case COVE_CBOR_END:
    default:
        return cove_fail(diag, COVE_EFORMAT, "not a value");
    }
}

int cove_value_check(struct cove_bytes in, struct cove_diag *diag)
{
    if (in.len > COVE_MAX_VALUE) {
        return cove_fail(diag, COVE_ELIMIT, "a value of %zu bytes; at most %d",
                         in.len, COVE_MAX_VALUE);
    }

    struct cove_reader r;
    int err = cove_cbor_check_all(in, COVE_MAX_VALUE_DEPTH, diag);

    if (err != 0) {
        return err;
    }
    cove_reader_init(&r, in);
    return value_check_item(&r, diag);
}

enum cove_kind cove_value_kind(struct cove_bytes value)
{
    struct cove_reader r;

    cove_reader_init(&r, value);
    switch (cove_reader_peek(&r)) {
    case COVE_CBOR_UINT:
    case COVE_CBOR_NINT:
        return COVE_KIND_INT;
    case COVE_CBOR_BYTES:
        return COVE_KIND_BYTES;
    case COVE_CBOR_TEXT:
        return COVE_KIND_TEXT;
    case COVE_CBOR_LIST:
        return COVE_KIND_LIST;
    case COVE_CBOR_MAP:
        return value_is_ref(value) ? COVE_KIND_REF : COVE_KIND_MAP;
    case COVE_CBOR_BOOL:
        return COVE_KIND_BOOL;
    case COVE_CBOR_FLOAT:
        return COVE_KIND_FLOAT;
    case COVE_CBOR_NULL:
    case COVE_CBOR_END:
    default:
        return COVE_KIND_NULL;
    }
}

bool cove_value_is_null(struct cove_bytes value)
{
    return cove_value_kind(value) == COVE_KIND_NULL;
}

struct cove_bytes cove_value_text(struct cove_bytes value)
{
    struct cove_reader r;

    cove_reader_init(&r, value);
    return cove_reader_text(&r);
}

int64_t cove_value_int(struct cove_bytes value)
{
    struct cove_reader r;

    cove_reader_init(&r, value);
    return cove_reader_int(&r);
}

bool cove_value_ref(struct cove_bytes value, struct cove_id *out)
{
    if (!value_is_ref(value)) {
        return false;
    }
    memcpy(out->b, value.at + sizeof(ref_head), sizeof(out->b));
    return true;
}

bool cove_value_find(struct cove_bytes map, struct cove_bytes key,
                     struct cove_bytes *out)
{
    struct cove_reader r;

    cove_reader_init(&r, map);

    size_t pairs = cove_reader_map(&r);

    for (size_t i = 0; i < pairs; i++) {
        struct cove_bytes name = cove_reader_text(&r);
        struct cove_bytes value = cove_reader_item(&r);

        if (r.err == 0 && cove_bytes_equal(name, key)) {
            *out = value;
            return true;
        }
    }
    return false;
}

bool cove_value_member(struct cove_bytes map, const char *key,
                       struct cove_bytes *out)
{
    return cove_value_find(map, cove_bytes_text(key), out);
}

struct cove_bytes cove_value_member_text(struct cove_bytes map, const char *key)
{
    struct cove_bytes v;

    return cove_value_member(map, key, &v) &&
                   cove_value_kind(v) == COVE_KIND_TEXT
               ? cove_value_text(v)
               : cove_bytes(NULL, 0);
}

int64_t cove_value_member_int(struct cove_bytes map, const char *key)
{
    struct cove_bytes v;

    return cove_value_member(map, key, &v) &&
                   cove_value_kind(v) == COVE_KIND_INT
               ? cove_value_int(v)
               : 0;
}

/* A writer into `cap` bytes of the arena, which are enough: it never grows. */
static int value_room(struct cove_arena *arena, size_t cap,
                      struct cove_buf *out)
{
    uint8_t *at = cove_arena_new(arena, cap);

    if (at == NULL) {
        return COVE_ENOMEM;
    }
    *out = (struct cove_buf){.at = at, .len = 0, .cap = cap, .alloc = NULL};
    return 0;
}

static int value_written(const struct cove_writer *w, struct cove_bytes *out)
{
    if (w->err == 0) {
        *out = cove_buf_bytes(w->out);
    }
    return w->err;
}

int cove_value_of_text(struct cove_arena *arena, struct cove_bytes text,
                       struct cove_bytes *out)
{
    struct cove_buf buf;
    struct cove_writer w;

    if (text.len > SIZE_MAX - HEAD_MAX) {
        return COVE_ENOMEM;
    }

    int err = value_room(arena, text.len + HEAD_MAX, &buf);

    if (err != 0) {
        return err;
    }
    cove_writer_init(&w, &buf);
    cove_writer_text(&w, text);
    return value_written(&w, out);
}

int cove_value_of_int(struct cove_arena *arena, int64_t v,
                      struct cove_bytes *out)
{
    struct cove_buf buf;
    struct cove_writer w;
    int err = value_room(arena, HEAD_MAX, &buf);

    if (err != 0) {
        return err;
    }
    cove_writer_init(&w, &buf);
    cove_writer_int(&w, v);
    return value_written(&w, out);
}

int cove_value_of_ref(struct cove_arena *arena, const struct cove_id *id,
                      struct cove_bytes *out)
{
    uint8_t *at = cove_arena_new(arena, REF_LEN);

    if (at == NULL) {
        return COVE_ENOMEM;
    }
    memcpy(at, ref_head, sizeof(ref_head));
    memcpy(at + sizeof(ref_head), id->b, sizeof(id->b));
    *out = cove_bytes(at, REF_LEN);
    return 0;
}
