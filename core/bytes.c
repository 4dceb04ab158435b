#include "core/bytes.h"

#include <assert.h>
#include <stdlib.h>

#include "cove/error.h"

#define BUF_FIRST 64

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

/* How many bytes the character at the start of `at` takes, 0 where it is not
 * well-formed UTF-8. Unicode 15, table 3-7: the second byte's range is what
 * keeps overlong forms, surrogates and code points above 10FFFF out. */
static size_t utf8_step(const uint8_t *at, size_t left)
{
    uint8_t lead = at[0];
    uint8_t low = 0x80;
    uint8_t high = 0xbf;
    size_t len;

    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xc2 && lead <= 0xdf) {
        len = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        len = 3;
        low = lead == 0xe0 ? 0xa0 : low;
        high = lead == 0xed ? 0x9f : high;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        len = 4;
        low = lead == 0xf0 ? 0x90 : low;
        high = lead == 0xf4 ? 0x8f : high;
    } else {
        return 0;
    }
    if (left < len || at[1] < low || at[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return len;
}

bool cove_utf8_valid(struct cove_bytes text)
{
    size_t i = 0;

    while (i < text.len) {
        uint64_t word;

        /* Most text is ASCII: eight bytes at a time while it lasts. */
        if (text.len - i >= sizeof(word)) {
            memcpy(&word, text.at + i, sizeof(word));
            if ((word & 0x8080808080808080u) == 0) {
                i += sizeof(word);
                continue;
            }
        }

        size_t step = utf8_step(text.at + i, text.len - i);

        if (step == 0) {
            return false;
        }
        i += step;
    }
    return true;
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

int cove_buf_reserve(struct cove_buf *buf, size_t more)
{
    if (more <= buf->cap - buf->len) {
        return 0;
    }

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

int cove_buf_append(struct cove_buf *buf, struct cove_bytes b)
{
    if (b.len == 0) {
        return 0;
    }

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
