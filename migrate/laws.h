/* laws.h: conversions tried on values; what diff*.c and laws*.c share.
 *
 * A conversion is lossless where for every value of the type it comes from the
 * way there is valid and the way back gives the value again. That cannot be
 * proved here, but tried: on the types' edges, the entries of its tables, its
 * separators in every place, and values made up from a seed.
 */
#ifndef COVE_MIGRATE_LAWS_H
#define COVE_MIGRATE_LAWS_H

#include "migrate/diff.h"

/* Values to try, encoded; they live in the arena. The error is sticky. */
struct law_values {
    struct cove_arena *arena;
    struct cove_bytes *items;
    size_t count;
    size_t cap;
    uint64_t random;
    int err;
};
void cove_law_values_init(struct law_values *v, struct cove_arena *arena,
                          uint64_t seed);
/* What pipelines speak of: entries of tables, separators, keys, numbers. */
void cove_law_values_pipe(struct law_values *v, struct cove_bytes pipe);
/* A template: its literals in front, between and behind other texts, and texts
 * that it divides; `count` literals, one more than there are parts. */
void cove_law_values_template(struct law_values *v,
                              const struct cove_bytes *literals, size_t count);
/* Edges of every type, and made-up values. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_law_values_end(struct law_values *v);

struct law_trial {
    enum cove_type from, to;
    struct cove_bytes forward;
    struct cove_bytes back; /* empty or null: there is none */
    uint64_t seed;
};
struct law_result {
    bool forward_fails;   /* for some value */
    bool forward_changes; /* valid, and comes back as another value */
    bool back_fails;      /* for some value of the new type */
    bool back_changes;
    struct cove_law_break example; /* of forward_changes */
};
/* Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_law_try(struct cove_arena *arena,
                                 const struct law_trial *trial,
                                 struct law_result *out);

/* As cove_laws_check, for a migration file: `journal` says what types the
 * registers of before have (NULL: any), and a word marked lossy is let pass. */
struct cove_laws {
    struct cove_bytes body;
    const struct cove_journal *journal;
    const struct cove_word *words;
    size_t word_count;
    uint64_t seed;
};
COVE_MUST_CHECK int cove_laws_judge(struct cove_arena *arena,
                                    const struct cove_laws *laws,
                                    struct cove_law_break *out,
                                    struct cove_diag *diag);

#endif
