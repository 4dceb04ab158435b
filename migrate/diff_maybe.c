/* diff_maybe.c: what a field that is gone may have become.
 *
 * The likeliest first: names that are alike, and types that are the same or
 * convert. Only a few are named: nobody reads a list of fifty.
 */
#include "migrate/diff_internal.h"

/* --- how alike are two names -------------------------------------------- */

#define ALIKE_MAX 64 /* bytes of a name that are looked at */

/* Lower case, without what only joins words. */
static size_t alike_letters(struct cove_bytes name, uint8_t out[ALIKE_MAX])
{
    size_t len = 0;

    for (size_t i = 0; i < name.len && len < ALIKE_MAX; i++) {
        uint8_t c = name.at[i];

        if (c != '_' && c != '-' && c != ' ' && c != '.') {
            out[len++] = c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
        }
    }
    return len;
}

/* Twice the longest common subsequence over both lengths, in percent. */
unsigned cove_diff_alike(struct cove_bytes a, struct cove_bytes b)
{
    uint8_t left[ALIKE_MAX];
    uint8_t right[ALIKE_MAX];
    unsigned row[ALIKE_MAX + 1] = {0};
    size_t m = alike_letters(a, left);
    size_t n = alike_letters(b, right);

    if (m + n == 0) {
        return 0;
    }
    for (size_t i = 0; i < m; i++) {
        unsigned diagonal = 0;

        for (size_t k = 0; k < n; k++) {
            unsigned up = row[k + 1];

            if (left[i] == right[k]) {
                row[k + 1] = diagonal + 1;
            } else if (row[k] > up) {
                row[k + 1] = row[k];
            }
            diagonal = up;
        }
    }
    return (unsigned)(200 * row[n] / (m + n));
}

/* --- what may have become of a field ------------------------------------ */

#define DIFF_MAYBE 8 /* candidates that are named */

struct maybe {
    struct cove_bytes name;
    unsigned score;
};

/* 0 where one cannot well have become the other. */
static unsigned maybe_score(const struct diff_field *old,
                            const struct diff_field *new)
{
    struct diff_convert ignored;
    enum cove_type from = old->property->type;
    enum cove_type to = new->property->type;
    unsigned alike = cove_diff_alike(old->name, new->name);

    if (from == to) {
        return alike + 40;
    }
    return cove_diff_pipes(from, to, &ignored) ? alike + 15 : 0;
}

/* Put a candidate among the best, the best first. */
static void maybe_insert(struct maybe *best, size_t *count, struct maybe one)
{
    size_t at = *count < DIFF_MAYBE ? (*count)++ : DIFF_MAYBE;

    while (at > 0 && best[at - 1].score < one.score) {
        if (at < DIFF_MAYBE) {
            best[at] = best[at - 1];
        }
        at--;
    }
    if (at < DIFF_MAYBE) {
        best[at] = one;
    }
}

int cove_diff_maybe(struct diff *d, const struct diff_field *old,
                    struct cove_diff_change *change)
{
    struct maybe best[DIFF_MAYBE];
    struct cove_bytes *names;
    size_t count = 0;

    for (size_t i = 0; i < d->new_count; i++) {
        const struct diff_field *new = &d->new[i];
        unsigned score = new->fate == DIFF_COMES ? maybe_score(old, new) : 0;

        if (score > 0) {
            maybe_insert(best, &count, (struct maybe){new->name, score});
        }
    }
    if (count == 0) {
        return 0;
    }
    names = cove_arena_array(d->arena, count, sizeof *names);
    if (names == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        names[i] = best[i].name;
    }
    change->maybe = names;
    change->maybe_count = count;
    return 0;
}
