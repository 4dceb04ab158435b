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
    return (unsigned)((size_t)200 * row[n] / (m + n));
}

/* --- the best of many ---------------------------------------------------- */

void cove_diff_best_add(struct diff_best *best, struct cove_bytes name,
                        unsigned score)
{
    size_t at = best->count;

    if (at < DIFF_BEST) {
        best->count++;
    } else if (best->scores[--at] >= score) {
        return;
    }
    for (; at > 0 && best->scores[at - 1] < score; at--) {
        best->scores[at] = best->scores[at - 1];
        best->names[at] = best->names[at - 1];
    }
    best->scores[at] = score;
    best->names[at] = name;
}

int cove_diff_best_take(struct cove_arena *arena, const struct diff_best *best,
                        struct cove_diff_change *change)
{
    struct cove_bytes *names;

    if (best->count == 0) {
        return 0;
    }
    names = cove_arena_array(arena, best->count, sizeof *names);
    if (names == NULL) {
        return COVE_ENOMEM;
    }
    memcpy(names, best->names, best->count * sizeof *names);
    change->maybe = names;
    change->maybe_count = best->count;
    return 0;
}

/* --- what may have become of a field ------------------------------------ */

/* 0 where one cannot well have become the other. */
static unsigned maybe_score(const struct diff_field *old,
                            const struct diff_field *new)
{
    struct diff_convert ignored;
    enum cove_type from = cove_diff_type(old->property);
    enum cove_type to = cove_diff_type(new->property);
    unsigned alike = cove_diff_alike(old->name, new->name);

    if (cove_diff_word(old->property, new->property) == DIFF_NO_WORD) {
        return 0;
    }
    if (from == to) {
        return alike + 40;
    }
    return cove_diff_pipes(from, to, &ignored) ? alike + 15 : 0;
}

int cove_diff_maybe(struct diff *d, const struct diff_field *old,
                    struct cove_diff_change *change)
{
    struct diff_best best = {.count = 0};

    for (size_t i = 0; i < d->new_count; i++) {
        const struct diff_field *new = &d->new[i];
        unsigned score = new->fate == DIFF_COMES ? maybe_score(old, new) : 0;

        if (score > 0) {
            cove_diff_best_add(&best, new->name, score);
        }
    }
    return cove_diff_best_take(d->arena, &best, change);
}
