/* cbor.h: deterministic CBOR (RFC 8949 section 4.2.1), read strictly.
 *
 * Decoding is two passes: cove_cbor_check walks the bytes without allocating
 * and accepts only the one deterministic form; then a cove_reader steps over
 * bytes that are known to be good. There are no item trees: a value is its
 * bytes, and two values are equal when their bytes are.
 *
 * Accepted: integers in int64 (and uint64 for majors 0), floats in shortest
 * form with the one NaN f97e00, definite lengths, text in valid UTF-8, maps
 * with unique keys in bytewise order of their encodings, false, true, null.
 * Refused: tags, undefined, other simple values, indefinite lengths.
 */
#ifndef COVE_CORE_CBOR_H
#define COVE_CORE_CBOR_H

#include "core/bytes.h"
#include "core/diag.h"

enum cove_cbor_type {
    COVE_CBOR_END, /* nothing left, or the reader has failed */
    COVE_CBOR_UINT,
    COVE_CBOR_NINT,
    COVE_CBOR_BYTES,
    COVE_CBOR_TEXT,
    COVE_CBOR_LIST,
    COVE_CBOR_MAP,
    COVE_CBOR_BOOL,
    COVE_CBOR_NULL,
    COVE_CBOR_FLOAT
};

/* Check one item at the start of `in`, nested at most `depth` deep (a scalar
 * is depth 0, a list of scalars depth 1), and give its length.
 * Errors: COVE_EFORMAT (diag has the offset and the rule), COVE_ELIMIT for
 * depth. Cost: O(bytes), no allocation, no recursion beyond `depth`. */
COVE_MUST_CHECK int cove_cbor_check(struct cove_bytes in, unsigned depth,
                                    size_t *len, struct cove_diag *diag);
/* As above, and the item must be all of `in`. */
COVE_MUST_CHECK int cove_cbor_check_all(struct cove_bytes in, unsigned depth,
                                        struct cove_diag *diag);

/* A cursor over checked bytes. The error is sticky: after the first wrong
 * call every result is zero or empty, and err is COVE_EFORMAT. */
struct cove_reader {
    const uint8_t *at;
    const uint8_t *end;
    int err;
};

void cove_reader_init(struct cove_reader *r, struct cove_bytes checked);
enum cove_cbor_type cove_reader_peek(const struct cove_reader *r);
uint64_t cove_reader_uint(struct cove_reader *r); /* only major 0 */
int64_t cove_reader_int(struct cove_reader *r);   /* majors 0 and 1, in range */
double cove_reader_float(struct cove_reader *r);
bool cove_reader_bool(struct cove_reader *r);
void cove_reader_null(struct cove_reader *r);
struct cove_bytes cove_reader_bytes(struct cove_reader *r);
struct cove_bytes cove_reader_text(struct cove_reader *r);
size_t cove_reader_list(struct cove_reader *r); /* how many items follow */
size_t cove_reader_map(struct cove_reader *r);  /* how many pairs follow */
/* Skip one whole item and give its bytes. */
struct cove_bytes cove_reader_item(struct cove_reader *r);
/* Copy a byte string of exactly len bytes into out. */
void cove_reader_fixed(struct cove_reader *r, void *out, size_t len);
/* 0 where everything was read and nothing was wrong, else COVE_EFORMAT. */
COVE_MUST_CHECK int cove_reader_done(const struct cove_reader *r);

/* Writes deterministic CBOR behind out->len. The error is sticky
 * (COVE_ENOMEM); look at err once, at the end, and cut out->len back then.
 * Map keys must be given in order by the caller; cove_writer_map_sorted sorts
 * pairs of ready bytes. */
struct cove_writer {
    struct cove_buf *out;
    int err;
};

struct cove_pair { /* one entry of a map, both sides encoded */
    struct cove_bytes key;
    struct cove_bytes value;
};

void cove_writer_init(struct cove_writer *w, struct cove_buf *out);
void cove_writer_uint(struct cove_writer *w, uint64_t v);
void cove_writer_int(struct cove_writer *w, int64_t v);
void cove_writer_float(struct cove_writer *w, double v); /* shortest form */
void cove_writer_bool(struct cove_writer *w, bool v);
void cove_writer_null(struct cove_writer *w);
void cove_writer_bytes(struct cove_writer *w, const void *at, size_t len);
void cove_writer_text(struct cove_writer *w, struct cove_bytes text);
void cove_writer_cstr(struct cove_writer *w, const char *text);
void cove_writer_list(struct cove_writer *w, size_t count);
void cove_writer_map(struct cove_writer *w, size_t pairs);
void cove_writer_item(struct cove_writer *w, struct cove_bytes encoded);
/* Sort `pairs` in place and write the whole map; err is COVE_EFORMAT where two
 * keys are equal. */
void cove_writer_map_sorted(struct cove_writer *w, struct cove_pair *pairs,
                            size_t count);

/* The type of a whole item. */
static inline enum cove_cbor_type cove_cbor_type_of(struct cove_bytes item)
{
    struct cove_reader r;

    cove_reader_init(&r, item);
    return cove_reader_peek(&r);
}

#endif
