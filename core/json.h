/* json.h: JSON text to checked CBOR and back. The one home of jansson.
 *
 * A number token with '.', 'e' or 'E' is a float, any other an int64; an
 * integer out of range is an error, not a float. Duplicate keys, NUL in a
 * text, invalid UTF-8 and text behind the value are errors with line and
 * column. Bytes appear in JSON as {"$bytes":"base64"}, a reference to a
 * document as {"$ref":"co_z…"}, NaN and infinities as {"$float":"nan"},
 * {"$float":"inf"}, {"$float":"-inf"}: the three forms round-trip. A map whose
 * one key looks like a form has one '$' more in JSON, {"$$ref":"#/a"}, so that
 * every value comes back as what it was.
 */
#ifndef COVE_CORE_JSON_H
#define COVE_CORE_JSON_H

#include "core/bytes.h"
#include "core/diag.h"

/* Parse one JSON value of any kind and append its deterministic CBOR.
 * `name` is what the error calls the text ("profile.schema.json").
 * Plain: the three "$" forms stay ordinary objects (schemas, migrations).
 * Errors: COVE_EJSON (diag: name, line, column; of a malformed form: name),
 * COVE_ELIMIT, COVE_ENOMEM;
 * `out` is as it was. */
COVE_MUST_CHECK int cove_json_read(struct cove_bytes text, const char *name,
                                   struct cove_buf *out,
                                   struct cove_diag *diag);
COVE_MUST_CHECK int cove_json_read_plain(struct cove_bytes text,
                                         const char *name, struct cove_buf *out,
                                         struct cove_diag *diag);

/* Append the JSON text of a checked item, keys in CBOR order, on one line;
 * `indent` > 0 breaks lines and indents by so many spaces.
 * A float keeps a '.' or exponent, shortest digits that read back the same.
 * Plain: what read_plain gave; one key that looks like a form stays as it is.
 * Errors: COVE_ENOMEM, `out` is as it was. */
COVE_MUST_CHECK int cove_json_write(struct cove_bytes item, unsigned indent,
                                    struct cove_buf *out);
COVE_MUST_CHECK int cove_json_write_plain(struct cove_bytes item,
                                          unsigned indent,
                                          struct cove_buf *out);

#endif
