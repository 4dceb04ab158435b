/* compile_parts.h: what the files of the compiler share; nobody else includes
 * it.
 *
 *   compile_file.c    migration file → struct cove_migration
 *   compile_schema.c  schema file → struct cove_schema_file
 *   compile_grammar.c one word: its members and their forms
 *   compile_pipe.c    pipelines: checked
 *   compile_invert.c  pipelines: undone
 *   compile_recipe.c  the older form → the same words
 *   compile_field.c   the fields as the words find and leave them, and the ops
 *   compile_word.c    words about names and limits → ops
 *   compile_link.c    words that link a new field to others → ops
 *   compile_mend.c    the word mend → the word convert
 *   compile_child.c   words about fields that are documents → ops
 *   compile_check.c   a body against journal and schema: compile_check.h
 *   compile.c         bodies
 */
#ifndef COVE_MIGRATE_COMPILE_PARTS_H
#define COVE_MIGRATE_COMPILE_PARTS_H

#include "core/cbor.h"
#include "core/limits.h"
#include "core/value.h"
#include "migrate/compile.h"

/* --- small maps, encoded. The error is sticky: cove_draft_end returns it. */
struct cove_draft {
    struct cove_arena *arena;
    struct cove_pair pairs[8];
    size_t count;
    int err;
};
void cove_draft_init(struct cove_draft *d, struct cove_arena *arena);
void cove_draft_item(struct cove_draft *d, const char *key,
                     struct cove_bytes item);
void cove_draft_text(struct cove_draft *d, const char *key,
                     struct cove_bytes text);
void cove_draft_bool(struct cove_draft *d, const char *key, bool v);
COVE_MUST_CHECK int cove_draft_end(struct cove_draft *d,
                                   struct cove_bytes *out);
/* An encoded list of texts. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_draft_names(struct cove_arena *arena,
                                     const struct cove_bytes *names,
                                     size_t count, struct cove_bytes *out);

/* --- compile_schema.c */

/* Read JSON into the arena. Errors: COVE_EJSON, COVE_ELIMIT, COVE_ENOMEM. */
COVE_MUST_CHECK int cove_file_json(struct cove_arena *arena,
                                   struct cove_bytes text,
                                   const char *file_name,
                                   struct cove_bytes *out,
                                   struct cove_diag *diag);
/* The one text of a schema's content: compact, keys in the order of CBOR.
 * Errors: COVE_ELIMIT, COVE_ENOMEM. */
COVE_MUST_CHECK int cove_content_text(struct cove_arena *arena,
                                      struct cove_bytes cbor,
                                      struct cove_bytes *out);

/* --- compile_grammar.c */

/* Judge a word by the vocabulary; its members become a map where they were
 * the field's name alone. Errors: COVE_ESTEP. */
COVE_MUST_CHECK int cove_word_read(struct cove_arena *arena,
                                   struct cove_word *word,
                                   struct cove_diag *diag);
/* JSON Schema's name of a register type ("string"), and back; "any". */
const char *cove_type_word(enum cove_type type);
bool cove_type_of_word(struct cove_bytes word, enum cove_type *out);

/* --- compile_pipe.c */

/* Is it a pipeline this build knows? Errors: COVE_ESTEP; the function, or the
 * text of one in another language, is named. */
/* Scripts in *pipe, as a file may have them, become what a step holds; *pipe is
 * as it was where there is none. Errors: COVE_ESTEP, COVE_EUNSUPPORTED,
 * COVE_ENOMEM. */
COVE_MUST_CHECK int cove_pipe_scripts(struct cove_arena *arena,
                                      struct cove_bytes label,
                                      struct cove_bytes *pipe,
                                      struct cove_diag *diag);
/* Errors: as of cove_script_new, the label in front. */
COVE_MUST_CHECK int cove_lua_compiles(struct cove_arena *arena,
                                      struct cove_bytes source,
                                      struct cove_bytes label,
                                      struct cove_diag *diag);
COVE_MUST_CHECK int cove_pipe_check(struct cove_bytes pipe,
                                    struct cove_bytes label,
                                    struct cove_diag *diag);
/* The name of one function of a pipeline; empty where it has none. */
struct cove_bytes cove_function_name(struct cove_bytes fn);

/* --- compile_invert.c */

/* The pipeline that undoes a known one; empty where one of its functions has
 * none that does. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_pipe_invert(struct cove_arena *arena,
                                     struct cove_bytes pipe,
                                     struct cove_bytes *out);

/* --- compile_recipe.c: fill words from the map behind "script". */
COVE_MUST_CHECK int cove_recipe_read(struct cove_arena *arena,
                                     struct cove_bytes script,
                                     struct cove_migration *out,
                                     struct cove_diag *diag);

/* --- compile_field.c */

/* A field that the step's history knows. */
struct compile_field {
    struct cove_bytes name;
    struct cove_bytes reg;
    enum cove_type type;
    bool visible;
    bool restores; /* going back: shown at the version it leads to */
    bool required;
    bool has_default;
    struct cove_bytes default_value; /* encoded */
    bool inner; /* of a child: of its items, or a field of it; never shown */
    enum cove_child_kind child;
    struct cove_bytes item;   /* of a list child: the register of its items, */
    enum cove_type item_type; /* and what that holds */
    struct compile_member *members; /* of a map child, sorted by name */
    size_t member_count;
};

struct compile_member { /* a field of a map child */
    struct cove_bytes name;
    struct cove_bytes reg;
    enum cove_type type;
    bool required;
    bool has_default;
    struct cove_bytes default_value;
};

struct compile_op {
    struct cove_bytes op; /* encoded map */
    struct cove_bytes label;
};

/* A compilation under way. */
struct compile {
    struct cove_arena *arena;
    struct cove_diag *diag;
    const struct cove_schema *target; /* NULL in `down` */
    struct cove_bytes target_cbor;    /* the file that it was read from */
    /* encoded items that register ids are hashed from: the parents' hex ids
     * and the file */
    struct cove_bytes seed;
    size_t seed_count;
    struct compile_field *fields;
    size_t field_count;
    size_t field_cap;
    struct compile_op *ops;
    size_t op_count;
    struct cove_bytes label; /* of the word being compiled */
};

/* Make room for `fields` fields and a step's ops, and hash what register ids
 * come from. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_compile_init(struct compile *c,
                                      const struct cove_step_id *parents,
                                      size_t parent_count,
                                      struct cove_bytes file, size_t fields);
/* May a field be called so? Errors: COVE_ERESERVED, COVE_ELIMIT. */
COVE_MUST_CHECK int cove_name_check(struct cove_bytes name,
                                    struct cove_bytes label,
                                    struct cove_diag *diag);
/* A visible field by name. Errors: COVE_ENOTFOUND, with the names there are. */
COVE_MUST_CHECK int cove_field_need(struct compile *c, struct cove_bytes name,
                                    struct compile_field **out);
/* May the word give this name? Errors: COVE_EEXIST, COVE_ERESERVED. */
COVE_MUST_CHECK int cove_field_free(struct compile *c, struct cove_bytes name);

/* What a new field is to be; the rest the target schema says. */
struct compile_new {
    struct cove_bytes name;
    enum cove_type type;
    struct cove_bytes default_value;   /* empty: as the target schema says */
    int required;                      /* -1: as the target schema says */
    const struct cove_property *child; /* it is a document, as this says */
};
/* Add a field: op add, and op limit where it has a default or is required. The
 * name is not checked. Errors: COVE_ELIMIT, COVE_EEXIST (added twice). */
COVE_MUST_CHECK int cove_field_add(struct compile *c,
                                   const struct compile_new *what,
                                   struct compile_field **out);
COVE_MUST_CHECK int cove_field_rename(struct compile *c,
                                      struct compile_field *field,
                                      struct cove_bytes name);
COVE_MUST_CHECK int cove_field_show(struct compile *c,
                                    struct compile_field *field, bool visible);
/* The same of what is inside a child: hidden from the start. `limit` says what
 * it must be; NULL: nothing. */
COVE_MUST_CHECK int cove_inner_add(struct compile *c,
                                   const struct compile_new *what,
                                   struct cove_bytes *reg);
/* Write the limit as the field has it. */
COVE_MUST_CHECK int cove_field_limit(struct compile *c,
                                     const struct compile_field *field);
/* Finish `d`, a map without "op", as an op of this kind. */
COVE_MUST_CHECK int cove_op_end(struct compile *c, struct cove_draft *d,
                                const char *kind);

/* --- compile.c: bodies */
struct compile_body {
    const struct cove_step_id *parents; /* sorted */
    size_t parent_count;
    const struct compile_op *ops;
    size_t op_count;
    struct cove_bytes name; /* empty: no name, version or schema */
    int64_t version;        /* 0: no version or schema, a name at most */
    const struct cove_hash *schema;
    struct cove_bytes note;
};
/* The op that says which version this one goes back to. */
COVE_MUST_CHECK int cove_op_back(struct compile *c,
                                 const struct cove_step_id *step);
/* The body as canonical CBOR, and its id. Errors: COVE_ELIMIT. */
COVE_MUST_CHECK int cove_body_end(struct compile *c,
                                  const struct compile_body *body,
                                  struct cove_compiled *out);

/* --- compile_word.c: add the ops of the words. */
COVE_MUST_CHECK int cove_compile_words(struct compile *c,
                                       const struct cove_word *words,
                                       size_t count);

/* Members of a word; what the grammar asks for is there. */
bool cove_member(const struct cove_word *word, const char *key,
                 struct cove_bytes *out);
/* Empty where absent. */
struct cove_bytes cove_member_text(const struct cove_word *word,
                                   const char *key);
bool cove_member_true(const struct cove_word *word, const char *key);
/* The visible field that a member names. */
COVE_MUST_CHECK int cove_member_field(struct compile *c,
                                      const struct cove_word *word,
                                      const char *key,
                                      struct compile_field **out);
/* The type of a new field: as said, or where that is empty as the target
 * schema has it. Errors: COVE_ESTEP. */
COVE_MUST_CHECK int cove_new_type(struct compile *c, struct cove_bytes name,
                                  struct cove_bytes said, enum cove_type *out);

/* --- compile_link.c: one word each. */
COVE_MUST_CHECK int cove_word_convert(struct compile *c,
                                      const struct cove_word *word);
COVE_MUST_CHECK int cove_word_split(struct compile *c,
                                    const struct cove_word *word);
COVE_MUST_CHECK int cove_word_join(struct compile *c,
                                   const struct cove_word *word);
COVE_MUST_CHECK int cove_word_compute(struct compile *c,
                                      const struct cove_word *word);
COVE_MUST_CHECK int cove_word_same(struct compile *c,
                                   const struct cove_word *word);

/* --- compile_mend.c */
COVE_MUST_CHECK int cove_word_mend(struct compile *c,
                                   const struct cove_word *word);

/* --- compile_child.c */

/* Say what kind of document the field is, as it has it: op x-child. */
COVE_MUST_CHECK int cove_field_child(struct compile *c,
                                     const struct compile_field *field);
/* Make what is inside a new child field, and say what it is. */
COVE_MUST_CHECK int cove_field_inside(struct compile *c,
                                      struct compile_field *field,
                                      const struct cove_property *as);
/* The field must be a value in a register. Errors: COVE_ESTEP where it is a
 * document of its own. */
COVE_MUST_CHECK int cove_field_value(const struct compile *c,
                                     const struct compile_field *field);
/* The child that the target schema makes of a field; NULL where it makes
 * none. */
const struct cove_property *cove_target_child(const struct compile *c,
                                              struct cove_bytes name);
/* The way back that a word says, or the pipeline that undoes `forward`.
 * Errors: COVE_ESTEP where nothing does. */
COVE_MUST_CHECK int cove_word_back(struct compile *c,
                                   const struct cove_word *word,
                                   struct cove_bytes forward,
                                   struct cove_bytes *out);
/* The name and type that "to" says; empty where it does not. */
void cove_word_target(const struct cove_word *word, struct cove_bytes *name,
                      struct cove_bytes *type);
COVE_MUST_CHECK int cove_word_each(struct compile *c,
                                   const struct cove_word *word);
COVE_MUST_CHECK int cove_word_to_list(struct compile *c,
                                      const struct cove_word *word);
COVE_MUST_CHECK int cove_word_text(struct compile *c,
                                   const struct cove_word *word);
COVE_MUST_CHECK int cove_word_extract(struct compile *c,
                                      const struct cove_word *word);

#endif
