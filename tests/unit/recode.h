/* recode.h: read an item with the reader and write what was read with the
 * writer. Of a deterministic encoding nothing but the same bytes can come. */
#ifndef COVE_TESTS_RECODE_H
#define COVE_TESTS_RECODE_H

#include "core/cbor.h"

static inline void recode(struct cove_reader *r, struct cove_writer *w)
{
    size_t items = 0;

    switch (cove_reader_peek(r)) {
    case COVE_CBOR_UINT:
        cove_writer_uint(w, cove_reader_uint(r));
        break;
    case COVE_CBOR_NINT:
        cove_writer_int(w, cove_reader_int(r));
        break;
    case COVE_CBOR_BYTES: {
        struct cove_bytes b = cove_reader_bytes(r);

        cove_writer_bytes(w, b.at, b.len);
        break;
    }
    case COVE_CBOR_TEXT:
        cove_writer_text(w, cove_reader_text(r));
        break;
    case COVE_CBOR_LIST:
        items = cove_reader_list(r);
        cove_writer_list(w, items);
        break;
    case COVE_CBOR_MAP:
        items = cove_reader_map(r);
        cove_writer_map(w, items);
        items *= 2;
        break;
    case COVE_CBOR_BOOL:
        cove_writer_bool(w, cove_reader_bool(r));
        break;
    case COVE_CBOR_NULL:
        cove_reader_null(r);
        cove_writer_null(w);
        break;
    case COVE_CBOR_FLOAT:
        cove_writer_float(w, cove_reader_float(r));
        break;
    case COVE_CBOR_END:
    default:
        cove_reader_null(r); /* makes the reader fail */
        break;
    }
    for (size_t i = 0; i < items && r->err == 0; i++) {
        recode(r, w);
    }
}

#endif
