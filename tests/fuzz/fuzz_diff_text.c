/* Two texts, the old and the new, with 0xff between them and two bytes in
 * front: the grain, and how often both are repeated, so that short input gets
 * dear. The edits make the one into the other, whatever they are, and cost no
 * more than the bound; what is no UTF-8 is refused. */
#include <stdlib.h>
#include <string.h>

#include "core/utf8.h"
#include "cove/error.h"
#include "crdt/symbol_diff.h"
#include "crdt/text_diff.h"

#define REPEATS_MAX 64

#define REQUIRE(condition)                                                     \
    do {                                                                       \
        if (!(condition)) {                                                    \
            abort();                                                           \
        }                                                                      \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static void repeat(struct cove_bytes text, size_t times, struct cove_buf *out)
{
    for (size_t i = 0; i < times; i++) {
        REQUIRE(cove_buf_append(out, text) == 0);
    }
}

/* Take `len` bytes off the front, which must be those of `same`. */
static void take(struct cove_bytes *text, struct cove_bytes same)
{
    REQUIRE(text->len >= same.len);
    REQUIRE(cove_bytes_equal(cove_bytes(text->at, same.len), same));
    if (same.len > 0) {
        *text = cove_bytes(text->at + same.len, text->len - same.len);
    }
}

/* Take `n` code points off the front, and give them. */
static struct cove_bytes take_points(struct cove_bytes *text, size_t n)
{
    struct cove_bytes head = *text;
    size_t offset = 0;

    REQUIRE(cove_utf8_offset(*text, n, &offset) == 0);
    head.len = offset;
    take(text, head);
    return head;
}

/* Follow the edits through both texts. */
static void follow(struct cove_bytes old_text, struct cove_bytes new_text,
                   const struct cove_text_edits *edits)
{
    size_t done = 0;

    for (size_t i = 0; i < edits->count; i++) {
        const struct cove_text_edit *e = &edits->at[i];

        REQUIRE(e->removed > 0 || e->inserted.len > 0);
        REQUIRE(i == 0 ? e->at >= done : e->at > done);
        take(&new_text, take_points(&old_text, e->at - done));
        take_points(&old_text, e->removed);
        take(&new_text, e->inserted);
        done = e->at + e->removed;
    }
    REQUIRE(cove_bytes_equal(old_text, new_text));
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct cove_text_edits edits;
    struct cove_arena arena;
    struct cove_buf a, b;

    if (len < 2) {
        return 0;
    }

    enum cove_diff_grain grain = (enum cove_diff_grain)(at[0] % 3);
    size_t times = 1 + at[1] % REPEATS_MAX;
    const uint8_t *end = at + len;
    const uint8_t *split;

    at += 2;
    split = memchr(at, 0xff, (size_t)(end - at));
    if (split == NULL) {
        return 0;
    }
    cove_buf_init(&a, &cove_alloc_libc);
    cove_buf_init(&b, &cove_alloc_libc);
    cove_arena_init(&arena, &cove_alloc_libc);
    repeat(cove_bytes(at, (size_t)(split - at)), times, &a);
    repeat(cove_bytes(split + 1, (size_t)(end - split - 1)), times, &b);

    int err = cove_diff_texts(&arena, cove_buf_bytes(&a), cove_buf_bytes(&b),
                              grain, &edits);

    if (cove_utf8_valid(cove_buf_bytes(&a)) &&
        cove_utf8_valid(cove_buf_bytes(&b))) {
        REQUIRE(err == 0);
        REQUIRE(edits.steps <= COVE_DIFF_STEPS_MAX + a.len);
        follow(cove_buf_bytes(&a), cove_buf_bytes(&b), &edits);
    } else {
        REQUIRE(err == COVE_EFORMAT);
    }
    cove_arena_clear(&arena);
    cove_buf_clear(&a);
    cove_buf_clear(&b);
    return 0;
}
