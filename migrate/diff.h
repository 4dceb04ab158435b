/* diff.h: what changed between two versions of a schema, and the words of the
 * migration that leads from one to the other.
 *
 * Two schema files are compared field by field. Where a field went and another
 * came, nobody but the developer knows whether it was renamed: such a change is
 * ambiguous until an answer says so, and a removal needs consent. What is
 * decided becomes words of docs/MIGRATIONS.md; what no word can do is named.
 *
 *   schema, schema, answers ─▶ changes, each classified ─▶ words, down
 *
 * Pure: nothing is read from a store. Results live in the arena.
 */
#ifndef COVE_MIGRATE_DIFF_H
#define COVE_MIGRATE_DIFF_H

#include "migrate/compile.h"

/* What a change does to data. The greater includes the lesser. */
enum cove_diff_class {
    COVE_DIFF_NONE,     /* nothing that documents can notice: a description */
    COVE_DIFF_ALIAS,    /* other names; no data is written */
    COVE_DIFF_ADD,      /* more than before; what is there stays as it is */
    COVE_DIFF_LOSSLESS, /* converted, and back without loss */
    COVE_DIFF_LOSSY,    /* some values are lost one way: `lossy_back` or
                           forward */
    COVE_DIFF_ONE_WAY,  /* there is no way back */
    COVE_DIFF_SCRIPT    /* by code: what is lost was tried on values, and may
                           be more; no way back where `lossy_back` says so */
};

/* Who may read what whom wrote, as schema registries say it. BACKWARD: the new
 * version reads what the old one wrote; FORWARD: the old reads the new. */
enum cove_diff_compat {
    COVE_COMPAT_NONE = 0,
    COVE_COMPAT_BACKWARD = 1,
    COVE_COMPAT_FORWARD = 2,
    COVE_COMPAT_FULL = 3
};

enum cove_diff_kind {
    COVE_DIFF_FIELD_ADDED,
    COVE_DIFF_FIELD_REMOVED,
    COVE_DIFF_FIELD_RENAMED,
    COVE_DIFF_FIELD_RETYPED,
    COVE_DIFF_REQUIRED, /* optional → required */
    COVE_DIFF_OPTIONAL, /* required → optional */
    COVE_DIFF_DEFAULT,
    COVE_DIFF_ENUM_ADDED,
    COVE_DIFF_ENUM_REMOVED,
    COVE_DIFF_ENUM_RENAMED,
    COVE_DIFF_NARROWED, /* a constraint: fewer values pass */
    COVE_DIFF_WIDENED,
    COVE_DIFF_NESTED,    /* inside an object or a list */
    COVE_DIFF_REFERENCE, /* the target of a reference */
    COVE_DIFF_INDEX,
    COVE_DIFF_SCHEMA_ADDED,
    COVE_DIFF_SCHEMA_REMOVED,
    COVE_DIFF_SCHEMA_RENAMED
};

struct cove_diff_change {
    enum cove_diff_kind kind;
    enum cove_diff_class class;
    bool lossy_forward, lossy_back;  /* class LOSSY: which way */
    unsigned compat;                 /* enum cove_diff_compat */
    struct cove_bytes field;         /* its old name; the new one of ADDED */
    struct cove_bytes to;            /* RENAMED: the new name; else empty */
    struct cove_bytes path;          /* JSON pointer inside the schema */
    struct cove_bytes before, after; /* encoded values, or empty */
    struct cove_bytes text;          /* one sentence for people */
    bool ambiguous;                  /* not answered yet */
    bool destructive;                /* needs consent that is not given */
    const struct cove_bytes *maybe;  /* fields it may be renamed to, the */
    size_t maybe_count;              /* likeliest first */
};

/* What the developer said: {"rename": {"old": "new"}, "drop": ["field"],
 * "hide": ["field"], "enum": {"field": {"old": "new", "gone": null}},
 * "convert": {"field": {forward, back, lossy?}}, "acceptDataLoss": bool,
 * "lossy": ["field"]}. A field may be said as "Schema.field". */
struct cove_diff_request {
    const struct cove_schema_file *before; /* NULL: the schema is new */
    const struct cove_schema_file *after;  /* NULL: the schema is gone */
    struct cove_bytes answers;             /* encoded map, or empty */
};

struct cove_diff {
    struct cove_diff_change *changes; /* by field, then by kind */
    size_t change_count;
    enum cove_diff_class class; /* the greatest of all */
    unsigned compat;            /* of all together */
    size_t ambiguous_count, destructive_count;
    /* Encoded lists of words, valid where nothing is ambiguous; `down` is empty
     * where a step leads one way only. */
    struct cove_bytes words, down;
};

/* Errors: COVE_EUSAGE (an answer that names no such field or change, by name),
 * COVE_ESTEP (an answered conversion that is none), COVE_ENOMEM. Ambiguity and
 * destruction are no errors here: see the counts. */
COVE_MUST_CHECK int cove_diff(struct cove_arena *arena,
                              const struct cove_diff_request *request,
                              struct cove_diff *out, struct cove_diag *diag);

/* --- lists of schemas (diff_sets.c), such as a directory's and a store's.
 * "rename" and "drop" in the answers may be about a schema by its title. */
struct cove_diff_sets_request {
    const struct cove_schema_file *before;
    size_t before_count;
    const struct cove_schema_file *after;
    size_t after_count;
    struct cove_bytes answers;
};
struct cove_diff_pair {
    const struct cove_schema_file *before; /* NULL: the schema is new */
    const struct cove_schema_file *after;  /* NULL: it is not there any more */
    struct cove_diff diff;
};
struct cove_diff_set {
    struct cove_diff_pair *pairs; /* as in `after`, then what is gone */
    size_t count;
    enum cove_diff_class class;
    unsigned compat;
    size_t ambiguous_count, destructive_count;
};
/* Errors: as cove_diff; COVE_EUSAGE where a list has one title twice. */
COVE_MUST_CHECK int cove_diff_sets(struct cove_arena *arena,
                                   const struct cove_diff_sets_request *request,
                                   struct cove_diff_set *out,
                                   struct cove_diag *diag);

const char *cove_diff_kind_name(enum cove_diff_kind kind);
const char *cove_diff_class_name(enum cove_diff_class class);
const char *cove_diff_compat_name(unsigned compat);

/* --- laws (laws.c): a step that claims to lose nothing is tried on values made
 * up from a seed, from its tables and from the types' edges: forward and back
 * must give the value again. */
struct cove_law_break {
    struct cove_bytes field;                /* what the word converts */
    struct cove_bytes value, forward, back; /* encoded; `back` empty: invalid */
    const char *law; /* "forward then back", "split then join" … */
};
/* Every operation of the body; laws.h has the check of a migration file, whose
 * words may say "lossy": true. Errors: COVE_ECONDITION with the counter-example
 * in diag and *out. */
COVE_MUST_CHECK int cove_laws_check(struct cove_arena *arena,
                                    struct cove_bytes body, uint64_t seed,
                                    struct cove_law_break *out,
                                    struct cove_diag *diag);

#endif
