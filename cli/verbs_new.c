/* verbs_new.c: new text, list, counter, stream, blob: with what is in it. */
#include "cli/covalue.h"

#include <stdlib.h>
#include <string.h>

static int content_list(struct cove_txn *txn, const struct cove_id *id,
                        const json_t *content)
{
    char *text = json_dumps(content, JSON_COMPACT);
    int err =
        text == NULL ? COVE_ENOMEM : cove_list_splice(txn, id, 0, 0, text);

    free(text);
    return err;
}

static int content_text(struct cove_txn *txn, const struct cove_id *id,
                        const json_t *content)
{
    return cove_text_splice(txn, id, COVE_BYTES, 0, 0,
                            json_string_value(content),
                            json_string_length(content));
}

/* Is the content what such a document has? */
static bool content_fits(int type, const json_t *content)
{
    switch (type) {
    case COVE_COTEXT:
        return json_is_string(content);
    case COVE_COLIST:
    case COVE_COSTREAM:
        return json_is_array(content);
    case COVE_COCOUNTER:
        return json_is_integer(content);
    default:
        return false;
    }
}

int cli_content_write(struct cli *cli, struct cove_txn *txn,
                      const struct cove_id *id, int type, const json_t *content)
{
    int err = 0;

    if (!content_fits(type, content)) {
        return cli_fail(CLI_INVALID, "the content of a %s is %s",
                        cli_type_word(type),
                        type == COVE_COTEXT      ? "a text"
                        : type == COVE_COCOUNTER ? "a whole number"
                        : type == COVE_COBINARY  ? "put by `cove blob put`"
                                                 : "a JSON array");
    }
    if (type == COVE_COTEXT) {
        err = json_string_length(content) > 0 ? content_text(txn, id, content)
                                              : 0;
    } else if (type == COVE_COLIST) {
        err = json_array_size(content) > 0 ? content_list(txn, id, content) : 0;
    } else if (type == COVE_COSTREAM) {
        err = cli_stream_append(txn, id, content);
    } else if (json_integer_value(content) != 0) {
        err = cove_counter_add(txn, id, json_integer_value(content));
    }
    return err == 0 ? CLI_OK : cli_failed(cli, err);
}

/* The word behind the type: a text as it is, anything else as JSON; "-" reads
 * standard input. */
static int new_content(const char *word, int type, json_t **out)
{
    json_error_t error = {.line = 0};
    char *read = NULL;
    int code = strcmp(word, "-") == 0 ? cli_read_file("-", &read) : CLI_OK;

    if (code == CLI_OK) {
        const char *text = read != NULL ? read : word;

        *out = type == COVE_COTEXT
                   ? json_string(text)
                   : json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES,
                                &error);
        if (*out == NULL) {
            code =
                cli_fail(CLI_INVALID, "the content: line %d column %d: %s",
                         error.line, error.column,
                         type == COVE_COTEXT ? "not valid UTF-8" : error.text);
        }
    }
    free(read);
    return code;
}

int cli_new_covalue(struct cli *cli, int type)
{
    struct cli_target made = {.type = type, .write = true};
    struct cove_id owner;
    json_t *content = NULL;
    bool bad = false;
    const char *owner_word = cli_option(cli, "--owner", &bad);
    const char *word = cli_word(cli);
    int code = cli_end(cli, bad), err = 0;

    if (code == CLI_OK && word != NULL) {
        code = new_content(word, type, &content);
    }
    if (code == CLI_OK && owner_word != NULL) {
        err = cove_id_lookup(cli->store, owner_word, &owner);
    }
    if (code == CLI_OK && err == 0) {
        err = cove_begin(cli->store, COVE_WRITE | COVE_VIEW, &made.txn);
    }
    if (code != CLI_OK || err != 0) {
        json_decref(content);
        return code != CLI_OK ? code : cli_failed(cli, err);
    }
    err = cove_create(made.txn, (enum cove_covalue)type,
                      owner_word != NULL ? &owner : NULL, &made.id);
    code = err == 0 ? CLI_OK : cli_failed(cli, err);
    if (code == CLI_OK && content != NULL) {
        code = cli_content_write(cli, made.txn, &made.id, type, content);
    }
    json_decref(content);
    code = cli_target_end(cli, &made, code);
    if (code == CLI_OK) {
        cove_id_format(&made.id, made.text);
        cli_target_done(cli, &made, NULL);
    }
    return code;
}
