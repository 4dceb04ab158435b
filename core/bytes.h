/* bytes.h: borrowed bytes, owned bytes, and the allocator behind the latter.
 *
 * struct cove_bytes borrows and frees nothing; struct cove_buf owns and grows.
 * They are different types so that a signature says who frees. There is no
 * global allocator: whoever owns memory carries a struct cove_alloc.
 */
#ifndef COVE_CORE_BYTES_H
#define COVE_CORE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define COVE_MUST_CHECK   __attribute__((warn_unused_result))
#define COVE_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

struct cove_bytes {
    const uint8_t *at; /* may be NULL where len is 0 */
    size_t len;
};

/* resize(ctx, NULL, n) allocates, resize(ctx, p, 0) frees and returns NULL,
 * otherwise as realloc: NULL on failure, the old block untouched. */
struct cove_alloc {
    void *(*resize)(void *ctx, void *old, size_t len);
    void *ctx;
};

/* The C library's heap. */
extern const struct cove_alloc cove_alloc_libc;

void *cove_alloc_new(const struct cove_alloc *alloc, size_t len);
void *cove_alloc_zero(const struct cove_alloc *alloc, size_t count,
                      size_t size); /* NULL on overflow too */
void cove_alloc_free(const struct cove_alloc *alloc, void *at);

static inline struct cove_bytes cove_bytes(const void *at, size_t len)
{
    struct cove_bytes b = {(const uint8_t *)at, len};
    return b;
}

static inline struct cove_bytes cove_bytes_text(const char *text)
{
    return cove_bytes(text, strlen(text));
}

static inline bool cove_bytes_equal(struct cove_bytes a, struct cove_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* Compare bytewise, a prefix before what it is a prefix of: <0, 0 or >0. */
int cove_bytes_compare(struct cove_bytes a, struct cove_bytes b);

/* Big-endian integers, as hashed and as keys of the store. */
static inline void cove_put_be32(uint8_t out[4], uint32_t v)
{
    for (int i = 3; i >= 0; i--, v >>= 8) {
        out[i] = (uint8_t)v;
    }
}

static inline void cove_put_be64(uint8_t out[8], uint64_t v)
{
    cove_put_be32(out, (uint32_t)(v >> 32));
    cove_put_be32(out + 4, (uint32_t)v);
}

static inline uint32_t cove_get_be32(const uint8_t in[4])
{
    return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 |
           (uint32_t)in[2] << 8 | in[3];
}

static inline uint64_t cove_get_be64(const uint8_t in[8])
{
    return (uint64_t)cove_get_be32(in) << 32 | cove_get_be32(in + 4);
}

/* A text in a sentence, cut where it is long, between two characters:
 * printf("%.*s", SHOWN(name)). */
#define COVE_SHOWN_MAX 80
int cove_shown(struct cove_bytes text);
#define SHOWN(b) cove_shown(b), (const char *)(b).at

/* Owned, growing bytes. Zero-initialised with an allocator it is empty. */
struct cove_buf {
    uint8_t *at;
    size_t len;
    size_t cap;
    const struct cove_alloc *alloc;
};

void cove_buf_init(struct cove_buf *buf, const struct cove_alloc *alloc);
void cove_buf_clear(struct cove_buf *buf); /* frees; usable again */

/* The same as reserve and append, where there may be too little room. */
COVE_MUST_CHECK int cove_buf_reserve_grow(struct cove_buf *buf, size_t more);
COVE_MUST_CHECK int cove_buf_append_grow(struct cove_buf *buf,
                                         struct cove_bytes b);
/* Make room for `more` bytes behind len. Errors: COVE_ENOMEM, unchanged. */
COVE_MUST_CHECK static inline int cove_buf_reserve(struct cove_buf *buf,
                                                   size_t more)
{
    return more <= buf->cap - buf->len ? 0 : cove_buf_reserve_grow(buf, more);
}
/* b may be a part of buf itself. Errors: COVE_ENOMEM, unchanged. */
COVE_MUST_CHECK static inline int cove_buf_append(struct cove_buf *buf,
                                                  struct cove_bytes b)
{
    if (b.len == 0) {
        return 0;
    }
    if (b.len > buf->cap - buf->len) {
        return cove_buf_append_grow(buf, b);
    }
    memcpy(buf->at + buf->len, b.at, b.len);
    buf->len += b.len;
    return 0;
}

static inline struct cove_bytes cove_buf_bytes(const struct cove_buf *buf)
{
    return cove_bytes(buf->at, buf->len);
}

#endif
