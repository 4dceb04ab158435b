/* files.h: a directory of schema and migration files.
 *
 *   DIR/NAME.schema.json        the version that is being edited
 *   DIR/migrations/….json       what was made of it, in order of the names
 *   DIR/migrations/manifest.json
 *
 * Only the directory is known here; what is in the files judges the library.
 */
#ifndef COVE_CLI_FILES_H
#define COVE_CLI_FILES_H

#include "cli/cli.h"

#define CLI_FILES_DIR "schema" /* where nothing is said */

struct cli_files {
    const char *dir;
    json_t *files;    /* [{file, text}], those of migrations/, by name */
    json_t *schemas;  /* [{file, text}], those being edited */
    json_t *manifest; /* its text, NULL where there is none */
};

/* Read the directory. Gives an exit code, with a message. What is no plain
 * file is refused: a link could lead anywhere. */
int cli_files_read(const char *dir, struct cli_files *out);
void cli_files_clear(struct cli_files *files);
/* A request of a verb with `files`, `schemas` and `manifest`. */
json_t *cli_files_request(const struct cli_files *files, const char *verb);
/* The text of a file by its name, NULL where there is none. */
const char *cli_files_text(const struct cli_files *files, const char *name);

/* Write a file whole, or not at all: a new one in its place, on the disk when
 * this returns. What is there and no plain file stays as it is: a link, a
 * device. */
int cli_files_write(const char *path, const char *text);
/* May a file be written there? Says why not: a pipe would not even be read. */
int cli_files_plain(const char *path);
/* The same for a file of migrations/, and the manifest. */
int cli_files_put(const struct cli_files *files, const char *name,
                  const char *text);
int cli_files_remove(const struct cli_files *files, const char *name);
/* Takes nothing over; {"files": [...]}. */
int cli_files_manifest(const struct cli_files *files, const json_t *manifest);
/* The manifest's entries as they stand, or as `checked`, a reply of
 * files.check, says they should be where there is none. The caller's. */
json_t *cli_files_entries(const struct cli_files *files, const json_t *checked);

/* DIR/NAME.schema.json, freed by free(); what a file system may not take in a
 * name is "_". */
char *cli_files_schema_path(const char *dir, const char *schema);

/* The directory that an option or the next word names. */
const char *cli_files_dir(struct cli *cli, bool *bad);
/* files.check; prints nothing. */
int cli_files_check(struct cli *cli, const struct cli_files *files,
                    json_t **reply);

/* --- verbs_files.c, verbs_up.c: second words of `migrate` */
int cli_migrate_verify(struct cli *cli);
int cli_migrate_drop(struct cli *cli);
int cli_migrate_bundle(struct cli *cli);
int cli_migrate_up(struct cli *cli);
/* --- verbs_squash.c */
int cli_migrate_squash(struct cli *cli);
/* --- verbs_create.c */
int cli_migrate_create(struct cli *cli);
int cli_schema_push(struct cli *cli);
/* --- verbs_generate.c: second words of `schema` */
int cli_schema_pull(struct cli *cli);
int cli_schema_generate(struct cli *cli);
/* The problems of a reply of files.check, on standard error: those of one
 * schema, or all. Gives the exit code that they mean. */
int cli_files_problems(const json_t *reply, bool blocking);

#endif
