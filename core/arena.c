/* A chain of chunks, the newest first; allocation bumps an offset in it. A
 * block too large for sharing gets a chunk of its own behind the newest, so
 * that what is left of the newest stays in use. */
#include "core/arena.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "cove/error.h"

#define CHUNK_FIRST 4096
#define CHUNK_LAST  262144
#define ALIGNMENT   _Alignof(max_align_t)

struct cove_arena_chunk {
    struct cove_arena_chunk *older;
    size_t cap;
    size_t used;
    _Alignas(max_align_t) uint8_t at[];
};

void cove_arena_init(struct cove_arena *arena, const struct cove_alloc *alloc)
{
    arena->alloc = alloc;
    arena->chunk = NULL;
}

void cove_arena_clear(struct cove_arena *arena)
{
    struct cove_arena_chunk *chunk = arena->chunk;

    while (chunk != NULL) {
        struct cove_arena_chunk *older = chunk->older;

        cove_alloc_free(arena->alloc, chunk);
        chunk = older;
    }
    arena->chunk = NULL;
}

void cove_arena_reset(struct cove_arena *arena)
{
    struct cove_arena_chunk *largest = NULL;
    struct cove_arena_chunk *chunk = arena->chunk;

    while (chunk != NULL) {
        struct cove_arena_chunk *older = chunk->older;

        if (largest == NULL || chunk->cap > largest->cap) {
            cove_alloc_free(arena->alloc, largest);
            largest = chunk;
        } else {
            cove_alloc_free(arena->alloc, chunk);
        }
        chunk = older;
    }
    arena->chunk = largest;
    if (largest != NULL) {
        largest->older = NULL;
        largest->used = 0;
    }
}

/* Make a chunk that holds at least len bytes, len a multiple of ALIGNMENT. */
static struct cove_arena_chunk *arena_grow(struct cove_arena *arena, size_t len)
{
    struct cove_arena_chunk *newest = arena->chunk;
    size_t cap = CHUNK_FIRST;
    size_t whole;

    if (newest != NULL) {
        cap = newest->cap < CHUNK_LAST / 2 ? newest->cap * 2 : CHUNK_LAST;
    }

    bool alone = len > cap / 2;

    cap = alone ? len : cap;
    if (__builtin_add_overflow(sizeof(*newest), cap, &whole)) {
        return NULL;
    }

    struct cove_arena_chunk *chunk = cove_alloc_new(arena->alloc, whole);

    if (chunk == NULL) {
        return NULL;
    }
    chunk->cap = cap;
    chunk->used = 0;
    if (alone && newest != NULL) {
        chunk->older = newest->older;
        newest->older = chunk;
    } else {
        chunk->older = newest;
        arena->chunk = chunk;
    }
    return chunk;
}

/* Not zeroed. */
static inline void *arena_room(struct cove_arena *arena, size_t len)
{
    struct cove_arena_chunk *chunk = arena->chunk;

    if (len > SIZE_MAX - ALIGNMENT) {
        return NULL;
    }
    len = len == 0 ? ALIGNMENT : (len + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    if (chunk == NULL || len > chunk->cap - chunk->used) {
        chunk = arena_grow(arena, len);
        if (chunk == NULL) {
            return NULL;
        }
    }

    void *at = chunk->at + chunk->used;

    chunk->used += len;
    return at;
}

void *cove_arena_new(struct cove_arena *arena, size_t len)
{
    void *at = arena_room(arena, len);

    return at != NULL ? memset(at, 0, len) : NULL;
}

void *cove_arena_array(struct cove_arena *arena, size_t count, size_t size)
{
    size_t len;

    if (__builtin_mul_overflow(count, size, &len)) {
        return NULL;
    }
    return cove_arena_new(arena, len);
}

int cove_arena_grow(struct cove_arena *arena, void **array, size_t size,
                    size_t count, size_t *cap)
{
    size_t room = *cap == 0 ? 8 : *cap * 2;
    void *bigger;

    if (count < *cap) {
        return 0;
    }
    bigger = cove_arena_array(arena, room, size);
    if (bigger == NULL) {
        return COVE_ENOMEM;
    }
    if (count > 0) {
        memcpy(bigger, *array, count * size);
    }
    *array = bigger;
    *cap = room;
    return 0;
}

int cove_arena_copy(struct cove_arena *arena, struct cove_bytes b,
                    struct cove_bytes *out)
{
    if (b.len == SIZE_MAX) {
        return COVE_ENOMEM;
    }

    uint8_t *at = arena_room(arena, b.len + 1);

    if (at == NULL) {
        return COVE_ENOMEM;
    }
    if (b.len > 0) {
        memcpy(at, b.at, b.len);
    }
    at[b.len] = 0;
    *out = cove_bytes(at, b.len);
    return 0;
}

char *cove_arena_printf(struct cove_arena *arena, const char *format, ...)
{
    va_list args;

    va_start(args, format);

    int len = vsnprintf(NULL, 0, format, args);

    va_end(args);
    if (len < 0) {
        return NULL;
    }

    char *text = cove_arena_new(arena, (size_t)len + 1);

    if (text != NULL) {
        va_start(args, format);
        vsnprintf(text, (size_t)len + 1, format, args);
        va_end(args);
    }
    return text;
}

/* --- as an allocator: each block says how long it is */

struct arena_block {
    size_t len;
    _Alignas(max_align_t) uint8_t at[];
};

static void *arena_resize(void *ctx, void *old, size_t len)
{
    struct arena_block *block;
    size_t had = 0;

    if (len == 0 || len > SIZE_MAX - sizeof(*block)) {
        return NULL;
    }
    if (old != NULL) {
        had = ((struct arena_block *)(void *)((uint8_t *)old - sizeof(*block)))
                  ->len;
    }
    block = cove_arena_new(ctx, sizeof(*block) + len);
    if (block == NULL) {
        return NULL;
    }
    block->len = len;
    if (had > 0) {
        memcpy(block->at, old, had < len ? had : len);
    }
    return block->at;
}

struct cove_alloc cove_arena_allocator(struct cove_arena *arena)
{
    return (struct cove_alloc){arena_resize, arena};
}
