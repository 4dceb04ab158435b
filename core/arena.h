/* arena.h: memory that is freed all at once, one arena per request.
 *
 * Chunks grow by doubling up to 256 KiB; nothing is freed singly. Every
 * pointer handed out is aligned for any type and lives until reset or clear.
 */
#ifndef COVE_CORE_ARENA_H
#define COVE_CORE_ARENA_H

#include "core/bytes.h"

struct cove_arena_chunk;

struct cove_arena {
    const struct cove_alloc *alloc;
    struct cove_arena_chunk *chunk; /* newest first */
};

void cove_arena_init(struct cove_arena *arena, const struct cove_alloc *alloc);
void cove_arena_clear(struct cove_arena *arena); /* frees all chunks */
void cove_arena_reset(struct cove_arena *arena); /* keeps the largest chunk */

/* Allocate len bytes, zeroed. Returns NULL when memory is out. */
void *cove_arena_new(struct cove_arena *arena, size_t len);
/* As above for count * size, NULL on overflow. */
void *cove_arena_array(struct cove_arena *arena, size_t count, size_t size);
/* Room for one more item of `size` bytes behind `count` of them in an array
 * of the arena, doubled where it is full; the old array stays in the arena.
 * Errors: COVE_ENOMEM, unchanged. */
COVE_MUST_CHECK int cove_arena_grow(struct cove_arena *arena, void **array,
                                    size_t size, size_t count, size_t *cap);
/* Copy b behind a terminating NUL that out->len does not count.
 * Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_arena_copy(struct cove_arena *arena,
                                    struct cove_bytes b,
                                    struct cove_bytes *out);
/* An allocator whose memory is the arena's: what is freed or grown through it
 * stays until reset or clear, so that whoever takes one need not be freed.
 * Ownership: ctx is the arena. */
struct cove_alloc cove_arena_allocator(struct cove_arena *arena);
/* Format into the arena; NULL when memory is out. */
char *cove_arena_printf(struct cove_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
