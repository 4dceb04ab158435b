#include "crdt/text_tokens.h"

#include "core/utf8.h"

#include "cove/error.h"

#define PROBES_MAX 64 /* a token that collides more often equals nothing */

enum text_class { CLASS_SINGLE, CLASS_LETTER, CLASS_BLANK };

/* Letters of what is written without blanks, Han and Kana, are words each; the
 * same goes for signs. */
static enum text_class class_of(uint32_t c)
{
    if (c == ' ' || c == '\t') {
        return CLASS_BLANK;
    }
    if (c < 0x80) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                       (c >= 'a' && c <= 'z') || c == '_'
                   ? CLASS_LETTER
                   : CLASS_SINGLE;
    }
    if (c < 0xc0 || c == 0xd7 || c == 0xf7) {
        return c == 0xaa || c == 0xb5 || c == 0xba ? CLASS_LETTER
                                                   : CLASS_SINGLE;
    }
    /* The alphabets, and Hangul. */
    return c < 0x2000 || (c >= 0xac00 && c < 0xd7a4) ? CLASS_LETTER
                                                     : CLASS_SINGLE;
}

/* Where the token at `at` ends. Valid UTF-8. */
static size_t token_end(struct cove_bytes text, size_t at,
                        enum cove_diff_grain grain)
{
    uint32_t c = 0;

    if (grain == COVE_DIFF_LINES) {
        const uint8_t *end = memchr(text.at + at, '\n', text.len - at);

        return end != NULL ? (size_t)(end - text.at) + 1 : text.len;
    }
    at += cove_utf8_decode(text, at, &c);

    enum text_class class = class_of(c);

    while (class != CLASS_SINGLE && at < text.len) {
        size_t len = cove_utf8_decode(text, at, &c);

        if (class_of(c) != class) {
            break;
        }
        at += len;
    }
    return at;
}

int cove_tokens_init(struct cove_tokens *tokens, struct cove_arena *arena,
                     struct cove_bytes text, size_t most)
{
    uint32_t *symbols = cove_arena_array(arena, most, sizeof(*symbols));
    uint32_t *begin = cove_arena_array(arena, most + 1, sizeof(*begin));

    if (symbols == NULL || begin == NULL) {
        return COVE_ENOMEM;
    }
    *tokens = (struct cove_tokens){text, symbols, begin, 0};
    return 0;
}

void cove_tokens_split(struct cove_tokens *tokens, size_t begin, size_t end,
                       enum cove_diff_grain grain)
{
    struct cove_bytes upto = cove_bytes(tokens->text.at, end);
    size_t at = begin;

    tokens->count = 0;
    while (at < end) {
        size_t i = tokens->count++;

        tokens->begin[i] = (uint32_t)at;
        at = grain == COVE_DIFF_CODE_POINTS
                 ? at + cove_utf8_decode(upto, at, &tokens->symbols[i])
                 : token_end(upto, at, grain);
    }
    tokens->begin[tokens->count] = (uint32_t)end;
}

/* The tokens of both sides by their bytes; the number of one is the place of
 * the first that equals it, b's places behind a's. */
struct token_names {
    const struct cove_tokens *a, *b;
    uint32_t *slots; /* place + 1, 0: free */
    size_t mask;
};

static struct cove_bytes names_token(const struct token_names *names,
                                     size_t place)
{
    const struct cove_tokens *side = names->a;

    if (place >= side->count) {
        place -= side->count;
        side = names->b;
    }
    return cove_bytes(side->text.at + side->begin[place],
                      side->begin[place + 1] - side->begin[place]);
}

/* By FNV-1a. */
static uint32_t names_number(const struct token_names *names, size_t place)
{
    struct cove_bytes token = names_token(names, place);
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < token.len; i++) {
        hash = (hash ^ token.at[i]) * UINT64_C(0x100000001b3);
    }
    hash ^= hash >> 32;
    for (size_t probe = 0; probe < PROBES_MAX; probe++) {
        uint32_t *slot = &names->slots[(hash + probe) & names->mask];

        if (*slot == 0) {
            *slot = (uint32_t)place + 1;
        }
        if (*slot == place + 1 ||
            cove_bytes_equal(names_token(names, *slot - 1), token)) {
            return *slot - 1;
        }
    }
    return (uint32_t)place;
}

int cove_tokens_number(struct cove_tokens *a, struct cove_tokens *b,
                       struct cove_arena *scratch)
{
    struct token_names names = {a, b, NULL, 1};

    while (names.mask + 1 < 2 * (a->count + b->count)) {
        names.mask = names.mask * 2 + 1;
    }
    names.slots =
        cove_arena_array(scratch, names.mask + 1, sizeof(*names.slots));
    if (names.slots == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < a->count; i++) {
        a->symbols[i] = names_number(&names, i);
    }
    for (size_t i = 0; i < b->count; i++) {
        b->symbols[i] = names_number(&names, a->count + i);
    }
    return 0;
}
