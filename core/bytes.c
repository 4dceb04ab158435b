#include "core/bytes.h"

#include <assert.h>
#include <stdlib.h>

#include "cove/error.h"

#define BUF_FIRST 256 /* most records and keys fit */

static void *libc_resize(void *ctx, void *old, size_t len)
{
    (void)ctx;
    if (len == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, len);
}

const struct cove_alloc cove_alloc_libc = {libc_resize, NULL};

void *cove_alloc_new(const struct cove_alloc *alloc, size_t len)
{
    /* A length of 0 would mean "free" to resize. */
    return alloc->resize(alloc->ctx, NULL, len > 0 ? len : 1);
}

void *cove_alloc_zero(const struct cove_alloc *alloc, size_t count, size_t size)
{
    size_t len;

    if (__builtin_mul_overflow(count, size, &len)) {
        return NULL;
    }

    void *at = cove_alloc_new(alloc, len);

    if (at != NULL) {
        memset(at, 0, len);
    }
    return at;
}

void cove_alloc_free(const struct cove_alloc *alloc, void *at)
{
    if (at != NULL) {
        alloc->resize(alloc->ctx, at, 0);
    }
}

int cove_bytes_compare(struct cove_bytes a, struct cove_bytes b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter > 0 ? memcmp(a.at, b.at, shorter) : 0;

    if (order != 0) {
        return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

int cove_shown(struct cove_bytes text)
{
    size_t len = text.len < COVE_SHOWN_MAX ? text.len : COVE_SHOWN_MAX;

    while (len > 0 && len < text.len && (text.at[len] & 0xc0) == 0x80) {
        len--;
    }
    return (int)len;
}

void cove_buf_init(struct cove_buf *buf, const struct cove_alloc *alloc)
{
    memset(buf, 0, sizeof(*buf));
    buf->alloc = alloc;
}

void cove_buf_clear(struct cove_buf *buf)
{
    if (buf->at != NULL) {
        cove_alloc_free(buf->alloc, buf->at);
    }
    cove_buf_init(buf, buf->alloc);
}

int cove_buf_reserve_grow(struct cove_buf *buf, size_t more)
{
    size_t need;
    size_t cap = buf->cap < BUF_FIRST ? BUF_FIRST : buf->cap;

    if (__builtin_add_overflow(buf->len, more, &need)) {
        return COVE_ENOMEM;
    }
    while (cap < need) {
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    }

    uint8_t *at = buf->alloc->resize(buf->alloc->ctx, buf->at, cap);

    if (at == NULL) {
        return COVE_ENOMEM;
    }
    buf->at = at;
    buf->cap = cap;
    return 0;
}

int cove_buf_append_grow(struct cove_buf *buf, struct cove_bytes b)
{
    /* The bytes may be a part of buf itself, which moves when it grows. */
    uintptr_t from = (uintptr_t)b.at - (uintptr_t)buf->at;
    bool own = buf->at != NULL && from < buf->len;
    int err = cove_buf_reserve(buf, b.len);

    if (err != 0) {
        return err;
    }
    assert(buf->at != NULL);
    memcpy(buf->at + buf->len, own ? buf->at + from : b.at, b.len);
    buf->len += b.len;
    return 0;
}
