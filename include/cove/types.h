/* types.h: the small types that the API and the layers below it share. */
#ifndef COVE_TYPES_H
#define COVE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cove_id { /* a document: the hash of its header */
    uint8_t b[32];
};

struct cove_key { /* a device: its Ed25519 public key */
    uint8_t b[32];
};

enum cove_kind {
    COVE_KIND_NULL,
    COVE_KIND_BOOL,
    COVE_KIND_INT,
    COVE_KIND_FLOAT,
    COVE_KIND_TEXT,
    COVE_KIND_BYTES,
    COVE_KIND_LIST,
    COVE_KIND_MAP,
    COVE_KIND_REF
};

#endif
