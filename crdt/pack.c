/* pack.c: varints, raw bytes and ordered keys. */
#include "crdt/pack.h"

#include <assert.h>

void cove_packer_init(struct cove_packer *p, struct cove_buf *out)
{
    p->out = out;
    p->err = 0;
}

void cove_pack_raw(struct cove_packer *p, const void *at, size_t len)
{
    if (p->err == 0) {
        p->err = cove_buf_append(p->out, cove_bytes(at, len));
    }
}

void cove_pack_byte(struct cove_packer *p, uint8_t v)
{
    cove_pack_raw(p, &v, 1);
}

void cove_pack_varint(struct cove_packer *p, uint64_t v)
{
    enum { LONGEST = 10 };

    if (p->err == 0) {
        p->err = cove_buf_reserve(p->out, LONGEST);
    }
    if (p->err != 0) {
        return;
    }

    uint8_t *at = p->out->at + p->out->len;

    for (; v >= 0x80; v >>= 7) {
        *at++ = (uint8_t)(v | 0x80);
    }
    *at++ = (uint8_t)v;
    p->out->len = (size_t)(at - p->out->at);
}

void cove_pack_signed(struct cove_packer *p, uint64_t v)
{
    cove_pack_varint(p, v >> 63 != 0 ? ~(v << 1) : v << 1);
}

void cove_pack_bytes(struct cove_packer *p, struct cove_bytes b)
{
    cove_pack_varint(p, b.len);
    cove_pack_raw(p, b.at, b.len);
}

void cove_unpacker_init(struct cove_unpacker *u, struct cove_bytes in)
{
    static const uint8_t nothing;

    u->at = in.at == NULL ? &nothing : in.at;
    u->end = u->at + in.len;
    u->err = 0;
}

static void unpacker_fail(struct cove_unpacker *u)
{
    u->err = COVE_ECORRUPT;
    u->at = u->end;
}

uint8_t cove_unpack_byte(struct cove_unpacker *u)
{
    if (u->at == u->end) {
        unpacker_fail(u);
        return 0;
    }
    return *u->at++;
}

uint64_t cove_unpack_long_varint(struct cove_unpacker *u)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = cove_unpack_byte(u);

        if (shift == 63 && byte > 1) {
            break;
        }
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return u->err == 0 ? v : 0;
        }
    }
    unpacker_fail(u);
    return 0;
}

uint64_t cove_unpack_signed(struct cove_unpacker *u)
{
    uint64_t v = cove_unpack_varint(u);

    return (v & 1) != 0 ? ~(v >> 1) : v >> 1;
}

uint32_t cove_unpack_u32(struct cove_unpacker *u)
{
    uint64_t v = cove_unpack_varint(u);

    if (v > UINT32_MAX) {
        unpacker_fail(u);
        return 0;
    }
    return (uint32_t)v;
}

struct cove_bytes cove_unpack_span(struct cove_unpacker *u, size_t len)
{
    struct cove_bytes b = {u->at, len};

    if (len > (size_t)(u->end - u->at)) {
        unpacker_fail(u);
        return cove_bytes(NULL, 0);
    }
    u->at += len;
    return b;
}

void cove_unpack_raw(struct cove_unpacker *u, void *out, size_t len)
{
    struct cove_bytes b = cove_unpack_span(u, len);

    if (b.len == len && len > 0) {
        memcpy(out, b.at, len);
    } else {
        memset(out, 0, len);
    }
}

struct cove_bytes cove_unpack_bytes(struct cove_unpacker *u)
{
    uint64_t len = cove_unpack_varint(u);

    if (len > (uint64_t)(u->end - u->at)) {
        unpacker_fail(u);
        return cove_bytes(NULL, 0);
    }
    return cove_unpack_span(u, (size_t)len);
}

int cove_unpacker_done(const struct cove_unpacker *u)
{
    return u->err == 0 && u->at == u->end ? 0 : COVE_ECORRUPT;
}

void cove_place_start(struct cove_place *place)
{
    place->len = 0;
}

void cove_place_number(struct cove_place *place, uint64_t n)
{
    uint8_t count = 0;

    while (count < 8 && (n >> (8 * count)) != 0) {
        count++;
    }
    assert(place->len + 1 + count <= sizeof(place->b));
    place->b[place->len++] = count;
    for (unsigned i = count; i > 0; i--) {
        place->b[place->len++] = (uint8_t)(n >> (8 * (i - 1)));
    }
}

void cove_place_down(struct cove_place *place, uint32_t n)
{
    assert(place->len + 4 <= sizeof(place->b));
    for (unsigned i = 4; i > 0; i--) {
        place->b[place->len++] = (uint8_t)(~n >> (8 * (i - 1)));
    }
}

struct cove_bytes cove_place_bytes(const struct cove_place *place)
{
    return cove_bytes(place->b, place->len);
}

int cove_place_take(struct cove_bytes *key, uint64_t *out)
{
    uint64_t n = 0;

    if (key->len == 0 || key->at[0] > 8 || key->len < 1u + key->at[0]) {
        return COVE_ECORRUPT;
    }

    size_t count = key->at[0];

    for (size_t i = 1; i <= count; i++) {
        n = n << 8 | key->at[i];
    }
    *key = cove_bytes(key->at + 1 + count, key->len - 1 - count);
    *out = n;
    return 0;
}

int cove_place_take_down(struct cove_bytes *key, uint32_t *out)
{
    uint32_t n = 0;

    if (key->len < 4) {
        return COVE_ECORRUPT;
    }
    for (size_t i = 0; i < 4; i++) {
        n = n << 8 | key->at[i];
    }
    *key = cove_bytes(key->at + 4, key->len - 4);
    *out = ~n;
    return 0;
}
