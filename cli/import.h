/* import.h: the verb import: three passes over the lines, so that references
 * between what comes in are those between what it becomes.
 *
 *   1  texts, lists, streams, counters and blobs of their own are made, empty
 *   2  maps; a field that refers to its own child is left out
 *   3  children are made at the new maps, and all that is empty is filled
 *
 * With --resume it is committed in slices, and noted how far it came
 * (import_log.c).
 */
#ifndef COVE_CLI_IMPORT_H
#define COVE_CLI_IMPORT_H

#include "cli/covalue.h"

#include <stdio.h>

struct import {
    struct cli *cli;
    const char *schema;
    const struct cove_id *owner;
    const char *blob_dir; /* where exported blobs lie; NULL: nowhere */
    const char *unique;   /* the field that names a document; NULL: none */
    bool skip;
    bool resume;
    bool cut;  /* the input ends in the middle of a line */
    bool last; /* the line has no end */
    int pass;
    long long at;  /* bytes up to the end of the line */
    uint64_t hash; /* of those, for the log */
    char *log_path;
    FILE *log;                                      /* NULL: none is kept */
    json_t *slice_made, *slice_ids, *slice_parents; /* since the last commit */
    int from_pass;       /* what was committed before … */
    long long from_line; /* … ends with this line of this pass */
    long long from_at;
    uint64_t from_hash;
    struct cove_txn *txn;
    long long line, imported, skipped, left_out, in_slice;
    json_t *ids;     /* of what was made */
    json_t *renamed; /* old id → new id */
    json_t *made;    /* old id → new id in hex */
    json_t *named;   /* value of that field → [ids that have it] */
    json_t *lines;   /* value of that field → the line that has it */
    long long updated, unchanged;
    json_t *parents; /* old id of a child → {"id": new map, "field"} */
    struct cli_progress progress;
};

/* Note a document that was made of an exported one (NULL: of a record). */
void import_made(struct import *m, const struct cove_id *id,
                 const char *exported);
/* Say what is wrong with a line, and where: of broken JSON the column too. */
void import_say(struct import *m, const char *line, int err);
/* The record was refused, and that is said: go on, or stop? */
int import_refused(struct import *m, int code, bool invalid);
/* Errors that are about the record, so that --skip-invalid may go on. */
bool import_invalid(int err);

/* A child's place is known: {"id", "field"} of its map, or null: not yet. */
void import_parent(struct import *m, const char *old, json_t *place);

/* --- import_log.c */
/* hash 0: begin. */
uint64_t import_hash(uint64_t hash, const char *at, size_t len);
/* Read what an import of this file left, and go on writing it. Exit codes. */
int import_log_open(struct import *m, const char *path, const char *text);
/* A commit is about to be made. */
int import_log_slice(struct import *m);
void import_log_close(struct import *m, bool done);

/* --- import_unique.c */
/* Read which documents there are; m->txn is begun. Exit codes. */
int import_unique_begin(struct import *m);
int import_unique_line(struct import *m, const char *line);
void import_unique_end(struct import *m);

/* --- import_content.c */
json_t *import_hex(const struct cove_id *id);
/* A line of an exported document that is no map. */
bool import_is_content(const json_t *exported);
/* The ids of children, which are not made before their maps. */
int import_content_make(struct import *m, const json_t *exported);
int import_content_fill(struct import *m, const json_t *exported);
/* The value with references to what was imported renamed; the caller's. */
json_t *import_renamed(const struct import *m, const json_t *value);
/* The same of a map's fields, without those that are its own children, whose
 * new parent is noted once its id is known. */
json_t *import_fields(struct import *m, const json_t *fields,
                      json_t **own_children);
void import_parents(struct import *m, const struct cove_id *id,
                    const json_t *own_children);

#endif
