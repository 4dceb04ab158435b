/* covalue.h: what the verbs on lists, texts, streams, blobs and counters share:
 * the address, the transaction around what they do, and values as words.
 *
 *   ID         the document (any unique prefix)
 *   ID.FIELD   the document that a field of the map ID refers to; where the
 *              first write goes, the field's child is made
 */
#ifndef COVE_CLI_COVALUE_H
#define COVE_CLI_COVALUE_H

#include "cli/cli.h"

#define CLI_ANY_TYPE (-1)

struct cli_target {
    const char *word;   /* as typed */
    const char *branch; /* NULL: the document itself */
    int type;           /* enum cove_covalue, wanted or CLI_ANY_TYPE; found */
    struct cove_txn *txn;
    bool write;
    struct cove_id id;
    char text[52]; /* of the id */
};

/* Take --branch and the address out of the words. Gives an exit code. */
int cli_target_take(struct cli *cli, struct cli_target *t, int type, bool *bad);
/* Begin a transaction and find the document in it. Where this is not CLI_OK
 * there is no transaction, and it is said why. */
int cli_target_begin(struct cli *cli, struct cli_target *t, bool write);
/* Commit where `code` is CLI_OK, else abort; the exit code of all of it. */
int cli_target_end(struct cli *cli, struct cli_target *t, int code);
/* The whole of it for one call of the library. */
int cli_target_write(struct cli *cli, struct cli_target *t,
                     int (*call)(struct cli_target *t, void *ctx), void *ctx);
/* What changed is named by its id, or as JSON; `more` (NULL: nothing) are
 * further members, taken over. */
void cli_target_done(const struct cli *cli, const struct cli_target *t,
                     json_t *more);
/* Set "id" of a request to what ID or ID.FIELD names; an ID is left for the
 * verb to find. Gives an exit code. */
int cli_target_named(struct cli *cli, const char *word, json_t *request);
/* Append each value of an array. */
int cli_stream_append(struct cove_txn *txn, const struct cove_id *id,
                      const json_t *values);
/* {"do": verb, "id", "branch"?} for cove_admin. */
json_t *cli_target_request(const struct cli_target *t, const char *verb);
/* "cotext" and the like as a person says it: "text". */
const char *cli_type_word(int type);
int cli_type_parse(const char *word); /* CLI_ANY_TYPE: it is none */

/* "end" is SIZE_MAX. Gives an exit code, with a message. */
int cli_place(const char *word, const char *what, size_t *out);
/* The next word, which must be there. NULL with a message. */
const char *cli_need(struct cli *cli, const char *what);

/* TEXT, or :=JSON. NULL with a message. Ownership: the caller's. */
json_t *cli_value_word(const char *word);
/* Borrows from `json`, and from *text, which free() frees. */
struct cove_value cli_value_in(const json_t *json, char **text);
/* Ownership: the caller's; NULL where memory is out. */
json_t *cli_value_out(const struct cove_value *value);

/* base64 with padding (RFC 4648 section 4), freed by free(). */
char *cli_base64(const void *bytes, size_t len);
/* NULL where it is none. */
uint8_t *cli_base64_read(const char *text, size_t *len);

/* The content of a new document, or of one that stands behind `content` of an
 * exported line: a text, an array, a number. Gives an exit code. */
int cli_content_write(struct cli *cli, struct cove_txn *txn,
                      const struct cove_id *id, int type,
                      const json_t *content);
int cli_new_covalue(struct cli *cli, int type);

/* A file written beside `path` and put in its place: never over what is there
 * without -y. */
struct cli_saved {
    const char *path;
    char *beside;
    int fd;
};
int cli_saved_open(struct cli_saved *saved, const char *path, bool over);
int cli_saved_write(struct cli_saved *saved, const void *bytes, size_t len);
/* Keep it where `code` is CLI_OK, else remove it. */
int cli_saved_end(struct cli_saved *saved, bool over, int code);

/* --- verbs_dump.c: the verbs export and import with --exact PATH */
int cli_export_exact(struct cli *cli, const char *path);
int cli_import_exact(struct cli *cli, const char *path);

#endif
