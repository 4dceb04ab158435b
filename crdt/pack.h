/* pack.h: the compact form of the store's records and keys. docs/FORMAT.md
 * "Trees".
 *
 * Records are varints (LEB128, shortest form) and raw bytes; they are never
 * hashed or signed. Keys are ordered: a number is one byte with the count of
 * the bytes that follow, then those bytes, most significant first, so that
 * keys sort as the numbers do and small numbers stay small.
 */
#ifndef COVE_CRDT_PACK_H
#define COVE_CRDT_PACK_H

#include "core/bytes.h"
#include "cove/error.h"

/* Writes behind out->len; the error (COVE_ENOMEM) is sticky. */
struct cove_packer {
    struct cove_buf *out;
    int err;
};

void cove_packer_init(struct cove_packer *p, struct cove_buf *out);
void cove_pack_byte(struct cove_packer *p, uint8_t v);
void cove_pack_varint(struct cove_packer *p, uint64_t v);
/* A difference modulo 2^64, short where it is near 0 on either side. */
void cove_pack_signed(struct cove_packer *p, uint64_t v);
void cove_pack_raw(struct cove_packer *p, const void *at, size_t len);
/* A varint with the length, then the bytes. */
void cove_pack_bytes(struct cove_packer *p, struct cove_bytes b);

/* Reads; the error (COVE_ECORRUPT) is sticky, results are then 0 or empty. */
struct cove_unpacker {
    const uint8_t *at;
    const uint8_t *end;
    int err;
};

void cove_unpacker_init(struct cove_unpacker *u, struct cove_bytes in);
uint8_t cove_unpack_byte(struct cove_unpacker *u);
uint64_t cove_unpack_long_varint(struct cove_unpacker *u);
static inline uint64_t cove_unpack_varint(struct cove_unpacker *u)
{
    if (u->at < u->end && *u->at < 0x80) {
        return *u->at++;
    }
    return cove_unpack_long_varint(u);
}
uint64_t cove_unpack_signed(struct cove_unpacker *u);
uint32_t cove_unpack_u32(struct cove_unpacker *u); /* a varint that fits */
void cove_unpack_raw(struct cove_unpacker *u, void *out, size_t len);
/* `len` bytes, borrowed from the input. */
struct cove_bytes cove_unpack_span(struct cove_unpacker *u, size_t len);
struct cove_bytes cove_unpack_bytes(struct cove_unpacker *u);
/* 0 where everything was read and nothing was wrong, else COVE_ECORRUPT. */
COVE_MUST_CHECK int cove_unpacker_done(const struct cove_unpacker *u);

/* A key under construction; at most three numbers fit. */
struct cove_place {
    uint8_t b[40];
    size_t len;
};

void cove_place_start(struct cove_place *place);
void cove_place_number(struct cove_place *place, uint64_t n);
/* 4 bytes, inverted: the greatest number comes first. */
void cove_place_down(struct cove_place *place, uint32_t n);
struct cove_bytes cove_place_bytes(const struct cove_place *place);
/* Take a number off the front of a key. Errors: COVE_ECORRUPT. */
COVE_MUST_CHECK int cove_place_take(struct cove_bytes *key, uint64_t *out);
COVE_MUST_CHECK int cove_place_take_down(struct cove_bytes *key, uint32_t *out);

#endif
