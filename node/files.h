/* files.h: schema and migration files of a repository, or embedded in an app,
 * read and judged: what the verbs about files share.
 *
 *   texts ─▶ items: one a schema or migration, bundles taken apart (files_read)
 *         ─▶ each with its state against the store (files_chain)
 *
 * Nothing here writes. docs/MIGRATIONS.md "Files in your repository" has the
 * forms. A file's hash is of its content, H("cove/file", JSON as CBOR), so that
 * line ends and layout are no change.
 */
#ifndef COVE_NODE_FILES_H
#define COVE_NODE_FILES_H

#include "node/node.h"

#define FILES_MAX 4096 /* items of one request */

enum file_kind { FILE_SCHEMA, FILE_MIGRATION };

enum file_state {
    FILE_PUBLISHED,
    FILE_UNPUBLISHED,
    FILE_DRIFT,     /* its version is published, as something else */
    FILE_MALFORMED, /* it cannot be read, or does not lead where it says */
    FILE_CONFLICT   /* it cannot stand beside the others: see `problem` */
};

struct file_item {
    const char *name;       /* what messages call it */
    const char *within;     /* the file that holds it, where that is a bundle */
    struct cove_bytes raw;  /* as it was given, byte by byte; may be empty */
    struct cove_bytes text; /* the one text of its content */
    struct cove_hash hash;
    enum file_kind kind;
    struct cove_bytes schema; /* its name, these as far as they can be read */
    int64_t from, to;         /* from 0: a first version */
    struct cove_migration migration;
    struct cove_schema_file file; /* the schema, or the one it leads to */
    bool untargeted;              /* no file holds the schema it leads to */
    int err;                      /* of reading it, or of judging it */
    const char *why;              /* the sentence */
    /* filled in by files_judge */
    enum file_state state;
    const char *problem; /* what kind: "pair", "gap" …; NULL where none */
    bool has_step;
    struct cove_step_id step;
    struct cove_bytes body;          /* of an unpublished step */
    const struct cove_op_id *author; /* who published its version, and when */
};

struct files {
    struct cove_arena *arena;
    struct file_item *at;
    size_t count, cap;
    const char *owner; /* what a bundle says of who owns its schemas, or NULL */
};

/* --- files_read.c */

/* Take one text apart into items: a schema, a migration, a list of them, or an
 * object {schemas, migrations, owner?} or {bundle: [{file, text}]}. What cannot
 * be read is an item that says why. Errors: COVE_ENOMEM, COVE_ELIMIT. */
int files_add(struct files *files, const char *name, struct cove_bytes text);
/* The hash of a file's content; of its bytes where it is no JSON. */
int files_hash(struct cove_arena *arena, struct cove_bytes text,
               struct cove_hash *out);
/* When all are there: give migrations without targetSchema the schema that lies
 * beside them, and put the items of one schema in order of versions (those of
 * others keep their places). */
int files_settle(struct files *files);
/* The first item that could not be read, as an error. */
int files_check(const struct files *files, struct cove_diag *diag);

/* --- files_chain.c: the steps of a schema, held and to come */

struct file_chain {
    struct cove_bytes name;
    cove_num num; /* of the journal; 0 where the store has none */
    const struct cove_schema_doc *doc; /* borrowed, NULL where num is 0 */
    struct cove_schema_doc view;       /* the same with the steps to come */
    struct cove_bytes *bodies;
    size_t body_count, body_cap;
    struct cove_journal *own; /* freed with the chain; NULL: the store's */
    struct cove_event *events;
    size_t event_count;
    bool events_read;
    struct file_chain *next;
};

struct files_judge {
    struct cove_txn *txn;
    struct files *files;
    struct file_chain *chains;
};

/* Judge every item. Errors: those of the store; what is wrong with a file is
 * in the item. */
int files_judge(struct files_judge *judge);
int files_judge_one(struct files_judge *judge, struct file_item *item);
void files_judge_clear(struct files_judge *judge);
/* The chain of a schema's name; an empty one where the store has none.
 * Errors: COVE_EAMBIGUOUS. */
int files_chain(struct files_judge *judge, struct cove_bytes name,
                struct file_chain **out);
/* Put a step on a chain. */
int files_chain_add(struct files_judge *judge, struct file_chain *chain,
                    struct cove_bytes body);
/* Who published a step first: NULL where that is not known. */
int files_author(struct files_judge *judge, struct file_chain *chain,
                 const struct cove_step *step, const struct cove_op_id **out);
/* The active step of a version, NULL where there is none. */
const struct cove_step *files_version(const struct cove_journal *journal,
                                      int64_t version);
/* The content of the schema at a version, from the files or the store; *out
 * is as it was and *found false where neither has it. */
int files_schema_at(struct files_judge *judge, struct file_chain *chain,
                    int64_t version, struct cove_schema_file *out, bool *found);

#endif
