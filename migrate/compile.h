/* compile.h: from the files that developers write to steps of a journal.
 *
 * Nobody writes register ids by hand. A schema file gives the root step; a
 * migration file, with the schema it leads to, gives a later one. The result
 * depends on nothing but the files and the parents, so that the same files
 * published on two devices are the same step. docs/MIGRATIONS.md has the
 * vocabulary.
 *
 *   schema text ──────────────────────────▶ root step
 *   migration text + schema text + journal ─▶ step, checked: the fields of the
 *                             parents plus the words are those of the schema
 *
 * Everything here only reads; publish.h writes. Results live in the arena.
 */
#ifndef COVE_MIGRATE_COMPILE_H
#define COVE_MIGRATE_COMPILE_H

#include "core/arena.h"
#include "core/diag.h"
#include "core/id.h"
#include "schema/journal.h"
#include "schema/jsonschema.h"

struct cove_plan;

/* A schema file, read and judged as a schema of documents. */
struct cove_schema_file {
    struct cove_bytes cbor;  /* parsed */
    struct cove_bytes text;  /* the one text of this content; see below */
    struct cove_hash hash;   /* H("cove/schema", text) */
    struct cove_bytes title; /* the schema's name */
    int64_t version;         /* 0 where the file does not say */
    const struct cove_schema *schema;
};

/* What is published and hashed is not the text as somebody laid it out but its
 * content: compact JSON with the keys in the order of CBOR. So the same schema
 * is the same step, from a file, inside a migration or inside an app.
 * Errors: COVE_EJSON, COVE_EKEYWORD (a misspelt one), COVE_EFORMAT (a keyword's
 * value; a reference to nowhere; no title; not an object; required without
 * property), COVE_ENOTFOUND (a reference to a document that is not inside),
 * COVE_ERESERVED (a field's name),
 * COVE_ESCHEMA (a default that its own field refuses; null is none),
 * COVE_ELIMIT. */
COVE_MUST_CHECK int cove_schema_file_read(struct cove_arena *arena,
                                          struct cove_bytes text,
                                          const char *file_name,
                                          struct cove_schema_file *out,
                                          struct cove_diag *diag);
/* The same of one that was published: a note that looks like a misspelt keyword
 * is a note. */
COVE_MUST_CHECK int cove_schema_held_read(struct cove_arena *arena,
                                          struct cove_bytes text,
                                          const char *file_name,
                                          struct cove_schema_file *out,
                                          struct cove_diag *diag);
/* The hash of a schema text's content, whatever its layout.
 * Errors: COVE_EJSON, COVE_ELIMIT. */
COVE_MUST_CHECK int cove_schema_content(struct cove_arena *arena,
                                        struct cove_bytes text,
                                        struct cove_hash *out);

/* One word of a migration. The members are the map behind the word. */
struct cove_word {
    struct cove_bytes word;
    struct cove_bytes members; /* encoded map or text */
    struct cove_bytes label;   /* what an error calls it: "step 2 (convert)" */
};

/* A migration file of either form, read: its grammar is right, its names are
 * not looked up yet. */
struct cove_migration {
    struct cove_bytes cbor;   /* the whole file */
    struct cove_bytes seed;   /* what register ids are hashed from: the file
                                 without targetSchema and hashes, which say
                                 nothing that the words do not; all of it in
                                 the older form */
    struct cove_bytes schema; /* its name; empty where only targetSchema's
                                 title says it */
    struct cove_bytes *from;  /* each a version in digits or a step in hex; */
    size_t from_count;        /* more than one: a merge of branches */
    int64_t to;
    struct cove_bytes target; /* the schema text, where the file holds it */
    bool has_hash_from, has_hash_to;
    struct cove_hash hash_from; /* of the schemas that the file was made for, */
    struct cove_hash hash_to;   /* where it says so: checked at publishing */
    struct cove_bytes note;
    struct cove_word *words;
    size_t word_count;
    struct cove_word *down; /* how to take it back in a later version */
    size_t down_count;
    /* Where the words lead back to a version: what it shows goes before what
     * else was hidden under that name. NULL: there is none. */
    const struct cove_plan *restores;
    const struct cove_step_id *back; /* the version it goes back to, or NULL */
};

/* Errors: COVE_EJSON, COVE_ESTEP (an unknown word, member or form). */
COVE_MUST_CHECK int cove_migration_read(struct cove_arena *arena,
                                        struct cove_bytes text,
                                        const char *file_name,
                                        struct cove_migration *out,
                                        struct cove_diag *diag);

/* A list of words [{word: members}, …] as published, back into words and the
 * other way round. Errors: COVE_ESTEP (labels begin with `what`). */
COVE_MUST_CHECK int cove_words_read(struct cove_arena *arena,
                                    struct cove_bytes list, const char *what,
                                    struct cove_word **out, size_t *count,
                                    struct cove_diag *diag);
COVE_MUST_CHECK int cove_words_list(struct cove_arena *arena,
                                    const struct cove_word *words, size_t count,
                                    struct cove_bytes *out);

struct cove_compiled {
    struct cove_bytes body; /* of the step, canonical CBOR */
    struct cove_step_id step;
    struct cove_bytes name; /* of the schema */
    int64_t version;
    size_t op_count;
    struct cove_bytes down; /* encoded list of the ops of `down`, or empty */
};

/* The root step: every property of the schema as a register.
 * Errors: COVE_ELIMIT (too many fields), COVE_EFORMAT (a version other than
 * 1). */
COVE_MUST_CHECK int cove_compile_root(struct cove_arena *arena,
                                      const struct cove_schema_file *schema,
                                      struct cove_compiled *out,
                                      struct cove_diag *diag);

/* What a migration starts from and leads to. */
struct cove_compile_request {
    const struct cove_migration *migration;
    const struct cove_schema_file *target;
    const struct cove_journal *journal;
    const struct cove_step_id *parents; /* active; what `from` stands for */
    size_t parent_count;
};

/* Errors, each with the place in the file: COVE_ESTEP (an unknown function, a
 * wrong argument, or the result differs from the target schema: every
 * difference is named), COVE_ENOTFOUND (no such field at `from`), COVE_EEXIST
 * (a name in use), COVE_EAMBIGUOUS, COVE_ERESERVED, COVE_ESCHEMA (a default
 * that its field refuses), COVE_ECONFLICT (an operation would be inert),
 * COVE_EBLOCKED (a parent is not active), COVE_ELIMIT. */
COVE_MUST_CHECK int cove_compile_migration(
    struct cove_arena *arena, const struct cove_compile_request *request,
    struct cove_compiled *out, struct cove_diag *diag);

/* Judge a body on top of a journal: it is well-formed, becomes active, has no
 * conflicted operation, and shows exactly the schema's names, types, required
 * and defaults. Each difference is one line of `report` (NULL is allowed) and,
 * as far as there is room, a part of diag's sentence.
 * Errors: COVE_ESTEP, COVE_ECONFLICT, COVE_EBLOCKED. */
COVE_MUST_CHECK int cove_compile_check(struct cove_arena *arena,
                                       const struct cove_journal *journal,
                                       struct cove_bytes body,
                                       const struct cove_schema *schema,
                                       struct cove_buf *report,
                                       struct cove_diag *diag);

#endif
