/* diff_internal.h: what the files of the diff share; nobody else includes it.
 *
 *   diff_answers.c   what the developer said, and whether it meant anything
 *   diff.c           fields of before and after: which is which; the result
 *   diff_maybe.c     what a field that is gone may have become
 *   diff_convert.c   how a value gets from one type to another
 *   diff_child.c     the same of fields that are documents
 *   diff_classify.c  one field before and after: limits, enum, annotations
 *   diff_nested.c    constraints compared by path, also inside values
 *   diff_words.c     words and the way back
 *   diff_sets.c      lists of schemas
 */
#ifndef COVE_MIGRATE_DIFF_INTERNAL_H
#define COVE_MIGRATE_DIFF_INTERNAL_H

#include "migrate/compile_parts.h"
#include "migrate/diff.h"
#include "migrate/laws.h"

/* --- answers */

enum diff_answer_kind {
    DIFF_ANSWER_RENAME,
    DIFF_ANSWER_DROP,
    DIFF_ANSWER_HIDE,
    DIFF_ANSWER_LOSSY,
    DIFF_ANSWER_ENUM,
    DIFF_ANSWER_CONVERT
};

struct diff_answer {
    enum diff_answer_kind kind;
    struct cove_bytes name;  /* as said: a field, or Schema.field */
    struct cove_bytes value; /* rename: the new name's text; enum, convert: the
                                encoded map */
    bool used;
};

struct diff_answers {
    struct diff_answer *all;
    size_t count;
    bool accept; /* acceptDataLoss */
};
/* Errors: COVE_EUSAGE, COVE_ENOMEM. */
COVE_MUST_CHECK int cove_diff_answers_read(struct cove_arena *arena,
                                           struct cove_bytes answers,
                                           struct diff_answers *out,
                                           struct cove_diag *diag);
/* The answer of this kind about a field of a schema; NULL where there is none.
 * Whoever applies it marks it used. */
struct diff_answer *cove_diff_answer(struct diff_answers *answers,
                                     enum diff_answer_kind kind,
                                     struct cove_bytes schema,
                                     struct cove_bytes field);
/* Errors: COVE_EUSAGE where an answer was about nothing. */
COVE_MUST_CHECK int cove_diff_answers_end(const struct diff_answers *answers,
                                          struct cove_diag *diag);

/* --- fields */

enum diff_fate {
    DIFF_STAYS,   /* `other` is it, perhaps by another name */
    DIFF_LEAVES,  /* nobody said yet where to */
    DIFF_DROPPED, /* as an answer says */
    DIFF_HIDDEN,
    DIFF_COMES /* of a field of after: it is new */
};

/* The word that takes a field to what it becomes. */
enum diff_word {
    DIFF_CONVERT, /* where there is a conversion; else none */
    DIFF_TEXT,
    DIFF_TO_LIST,
    DIFF_EACH, /* as DIFF_CONVERT, of the items */
    DIFF_NO_WORD
};

struct diff_convert {
    struct cove_bytes forward; /* empty: no conversion */
    struct cove_bytes back;    /* encoded null: none */
    bool lossy;                /* marked so */
    bool merges; /* made from enum answers that put two values into one */
    /* Of each item of a list that is one value: its types, and how; `forward`
     * and `back` do that for all. */
    bool items;
    enum cove_type item_from, item_to;
    struct cove_bytes item_forward, item_back;
};

struct diff_field {
    struct cove_bytes name;
    const struct cove_property *property;
    struct cove_bytes schema; /* encoded */
    enum diff_fate fate;
    struct diff_field *other;    /* STAYS: the field on the other side */
    enum diff_word word;         /* STAYS, of a field of before */
    struct diff_convert convert; /* of a field of before */
};

struct diff {
    struct cove_arena *arena;
    struct cove_diag *diag;
    struct diff_answers *answers;
    const struct cove_schema_file *before, *after;
    struct diff_field *old;
    size_t old_count;
    struct diff_field *new;
    size_t new_count;
    struct cove_diff_change *changes;
    size_t change_count;
    size_t change_cap;
};

/* Add a change; `text` comes from cove_arena_printf. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_diff_add(struct diff *d,
                                  const struct cove_diff_change *change,
                                  char *text);
/* The diff of two schemas with the answers of many. */
COVE_MUST_CHECK int cove_diff_run(struct cove_arena *arena,
                                  const struct cove_diff_request *request,
                                  struct diff_answers *answers,
                                  struct cove_diff *out,
                                  struct cove_diag *diag);
/* A value for a sentence, as JSON, cut where it is long; NULL: no memory. */
const char *cove_diff_shown(struct cove_arena *arena, struct cove_bytes value);
/* A JSON pointer with one key more. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_diff_path(struct cove_arena *arena,
                                   struct cove_bytes path, const char *keyword,
                                   struct cove_bytes key,
                                   struct cove_bytes *out);
/* A keyword's value in an encoded schema; false where absent. */
bool cove_diff_keyword(struct cove_bytes schema, const char *keyword,
                       struct cove_bytes *out);

/* --- diff_maybe.c */

/* How alike are two names: 0 to 100. */
unsigned cove_diff_alike(struct cove_bytes a, struct cove_bytes b);

#define DIFF_BEST 8 /* candidates that are named; nobody reads fifty */
struct diff_best {
    struct cove_bytes names[DIFF_BEST]; /* the likeliest first */
    unsigned scores[DIFF_BEST];
    size_t count;
};
void cove_diff_best_add(struct diff_best *best, struct cove_bytes name,
                        unsigned score);
/* As the `maybe` of a change. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_diff_best_take(struct cove_arena *arena,
                                        const struct diff_best *best,
                                        struct cove_diff_change *change);
/* Name the new fields that a field may have become. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_diff_maybe(struct diff *d,
                                    const struct diff_field *old,
                                    struct cove_diff_change *change);

/* --- diff_convert.c */

/* The conversion between two types; false where none is known. */
bool cove_diff_pipes(enum cove_type from, enum cove_type to,
                     struct diff_convert *out);
/* Find how the values of a field that stays get to its new form: an answer, a
 * table of an enum's answers, or what is known. *needed: there should be one
 * and is none. Errors: COVE_EUSAGE, COVE_ESTEP. */
COVE_MUST_CHECK int cove_diff_convert(struct diff *d, struct diff_field *old,
                                      bool *needed);

/* What the answers say of a value that an enum had. */
enum diff_enum_fate { DIFF_ENUM_UNSAID, DIFF_ENUM_DROPPED, DIFF_ENUM_RENAMED };
/* Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_diff_enum_fate(struct diff *d,
                                        const struct diff_field *old,
                                        struct cove_bytes value,
                                        enum diff_enum_fate *fate,
                                        struct cove_bytes *to);

/* --- diff_child.c */

enum diff_word cove_diff_word(const struct cove_property *from,
                              const struct cove_property *to);
/* The type of its values: of a list child's, its items. */
enum cove_type cove_diff_type(const struct cove_property *p);
/* What it is, for a sentence. */
const char *cove_diff_kind(const struct cove_property *p);
/* Does the field need its word, even where values need no conversion? */
bool cove_diff_turns(const struct diff_field *old);
/* The change of a field that a word takes from or to a document; it has no
 * conversion. `path` is of its x-type. */
COVE_MUST_CHECK int cove_diff_child(struct diff *d,
                                    const struct diff_field *old,
                                    struct cove_bytes path);

/* --- diff_classify.c */

/* The changes of a field that stays. */
COVE_MUST_CHECK int cove_diff_classify(struct diff *d, struct diff_field *old);

/* --- diff_nested.c: constraints, but for those that diff_classify.c says
 * more of: type, enum and default of the field itself, x-ref, x-index. */
struct diff_constraints {
    struct cove_bytes field; /* empty: of the whole document */
    struct cove_bytes path;
    struct cove_bytes before, after; /* encoded schemas */
    bool items_told;                 /* that its items are of another type */
};
COVE_MUST_CHECK int cove_diff_constraints(struct diff *d,
                                          const struct diff_constraints *c);
/* Is each value of the list `less` in the list `more`? */
bool cove_diff_within(struct cove_bytes less, struct cove_bytes more);
bool cove_diff_has(struct cove_bytes list, struct cove_bytes value);

/* --- diff_words.c */
COVE_MUST_CHECK int cove_diff_words(struct diff *d, struct cove_diff *out);

#endif
