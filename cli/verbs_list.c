/* verbs_list.c: list: show, get, insert, append, set, delete, update, length.
 */
#include "cli/covalue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ reading */

void cli_human_items(const json_t *list)
{
    const json_t *invalid = json_object_get(list, "invalid");
    json_t *item;
    size_t i;

    json_array_foreach(json_object_get(list, "items"), i, item)
    {
        char at[24];

        snprintf(at, sizeof(at), "%zu", i);
        const json_t *raw = json_object_get(invalid, at);

        printf("%s  ", at);
        cli_print_value(raw != NULL ? raw : item);
        puts(raw != NULL ? "  (did not convert to this version)" : "");
    }
}

static int list_show(struct cli *cli, struct cli_target *t)
{
    const char *text;
    int code = cli_end(cli, false);

    code = code == CLI_OK ? cli_target_begin(cli, t, false) : code;
    if (code != CLI_OK) {
        return code;
    }
    int err = cove_get_json(t->txn, &t->id, &text);

    if (err != 0) {
        code = cli_failed(cli, err);
    } else if (cli->json || cli->lines) {
        puts(text);
    } else {
        json_t *list = json_loads(text, JSON_ALLOW_NUL, NULL);

        cli_human_items(list);
        json_decref(list);
    }
    return cli_target_end(cli, t, code);
}

static int list_length(struct cli *cli, struct cli_target *t)
{
    size_t length;
    int code = cli_end(cli, false);

    code = code == CLI_OK ? cli_target_begin(cli, t, false) : code;
    if (code != CLI_OK) {
        return code;
    }
    int err = cove_list_length(t->txn, &t->id, &length);

    if (err != 0) {
        code = cli_failed(cli, err);
    } else if (cli->json || cli->lines) {
        cli_target_done(cli, t,
                        json_pack("{s:I}", "length", (json_int_t)length));
    } else {
        printf("%zu\n", length);
    }
    return cli_target_end(cli, t, code);
}

/* An item as `get ID FIELD` shows a field: a raw value is shown, exit 9. */
static int list_item(struct cli *cli, struct cli_target *t, size_t at)
{
    struct cove_value value;
    int err = cove_list_get(t->txn, &t->id, at, &value);
    json_t *json =
        err == 0 || err == COVE_EINVALID ? cli_value_out(&value) : NULL;

    if (json != NULL && cli->json) {
        cli_print_json(json);
    } else if (json != NULL) {
        cli_print_value(json);
        putchar('\n');
    }
    json_decref(json);
    return err == 0 ? CLI_OK : cli_failed(cli, err);
}

static int list_is_item(size_t at)
{
    return at != SIZE_MAX
               ? CLI_OK
               : cli_fail(CLI_USAGE, "the place: end is behind the last item; "
                                     "a whole number from 0 is wanted");
}

static int list_get(struct cli *cli, struct cli_target *t)
{
    const char *word = cli_need(cli, "the place");
    size_t at = 0;
    int code = word != NULL ? cli_place(word, "the place", &at) : CLI_USAGE;

    code = code == CLI_OK ? list_is_item(at) : code;
    code = code == CLI_OK ? cli_end(cli, false) : code;
    code = code == CLI_OK ? cli_target_begin(cli, t, false) : code;
    return code == CLI_OK ? cli_target_end(cli, t, list_item(cli, t, at))
                          : code;
}

/* ------------------------------------------------------------------ writing */

struct list_edit {
    size_t at, remove;
    json_t *values; /* array; NULL: none */
    bool set;       /* the one value is written in place */
    bool whole;     /* they are all of the list */
};

static int list_place(struct cli_target *t, struct list_edit *e)
{
    size_t length;
    int err = e->at == SIZE_MAX || e->remove == SIZE_MAX
                  ? cove_list_length(t->txn, &t->id, &length)
                  : 0;

    if (err == 0 && e->at == SIZE_MAX) {
        e->at = length;
    }
    if (err == 0 && e->remove == SIZE_MAX) {
        e->remove = e->at < length ? length - e->at : 0;
    }
    return err;
}

static int list_apply(struct cli_target *t, void *ctx)
{
    struct list_edit *e = ctx;
    char *text = e->values != NULL ? json_dumps(e->values, JSON_COMPACT) : NULL;
    int err = e->values != NULL && text == NULL ? COVE_ENOMEM : 0;

    if (err == 0 && e->whole) {
        err = cove_list_update(t->txn, &t->id, text);
    } else if (err == 0 && e->set) {
        char *owned;
        struct cove_value value =
            cli_value_in(json_array_get(e->values, 0), &owned);

        err = cove_list_set(t->txn, &t->id, e->at, value);
        free(owned);
    } else if (err == 0) {
        err = list_place(t, e);
        if (err == 0) {
            err = cove_list_splice(t->txn, &t->id, e->at, e->remove, text);
        }
    }
    free(text);
    return err;
}

static int list_write(struct cli *cli, struct cli_target *t,
                      struct list_edit *e)
{
    int code = cli_end(cli, false);

    code = code == CLI_OK ? cli_target_write(cli, t, list_apply, e) : code;
    if (code == CLI_OK) {
        cli_target_done(cli, t, NULL);
    }
    return code;
}

/* All words that are left, as values. */
static int list_words(struct cli *cli, struct list_edit *e)
{
    const char *word = cli_need(cli, "a value (TEXT, or :=JSON)");

    e->values = json_array();
    for (; word != NULL; word = cli_word(cli)) {
        json_t *value = cli_value_word(word);

        if (value == NULL) {
            return CLI_INVALID;
        }
        json_array_append_new(e->values, value);
    }
    return json_array_size(e->values) > 0 ? CLI_OK : CLI_USAGE;
}

/* What `verb` says to do, in the words that are left. */
static int list_edit(struct cli *cli, const char *verb, struct list_edit *e)
{
    bool append = strcmp(verb, "append") == 0;
    bool delete = strcmp(verb, "delete") == 0;
    const char *word;
    int code = CLI_OK;

    e->set = strcmp(verb, "set") == 0;
    e->at = SIZE_MAX;
    if (!append) {
        word = cli_need(cli, "the place");
        code = word != NULL ? cli_place(word, "the place", &e->at) : CLI_USAGE;
    }
    if (code == CLI_OK && delete) {
        e->remove = 1;
        word = cli_word(cli);
        return word != NULL ? cli_place(word, "how many", &e->remove) : CLI_OK;
    }
    code = code == CLI_OK ? list_words(cli, e) : code;
    if (code == CLI_OK && e->set && json_array_size(e->values) != 1) {
        code = cli_fail(CLI_USAGE, "set writes one item; `insert` and `append` "
                                   "take several");
    }
    return code == CLI_OK && e->set ? list_is_item(e->at) : code;
}

static int list_whole(struct cli *cli, struct list_edit *e)
{
    const char *word = cli_word(cli);
    json_error_t error;
    char *read = NULL;
    int code = CLI_OK;

    if (word == NULL || strcmp(word, "-") == 0) {
        code = cli_read_file("-", &read);
        word = read;
    }
    if (code == CLI_OK) {
        e->whole = true;
        e->values = json_loads(word, JSON_REJECT_DUPLICATES, &error);
        if (e->values == NULL) {
            code = cli_fail(CLI_INVALID, "the list: line %d column %d: %s",
                            error.line, error.column, error.text);
        } else if (!json_is_array(e->values)) {
            code = cli_fail(CLI_INVALID, "the list: a JSON array is wanted");
        }
    }
    free(read);
    return code;
}

int cli_list_verb(struct cli *cli)
{
    static const char *const edits[] = {"insert", "append", "set", "delete"};
    struct list_edit edit = {.at = 0};
    struct cli_target t;
    bool bad = false, known = false;
    int code = cli_target_take(cli, &t, COVE_COLIST, &bad);

    if (code != CLI_OK || bad) {
        return code != CLI_OK ? code : CLI_USAGE;
    }
    const char *word = cli_word(cli);

    if (word == NULL || strcmp(word, "show") == 0) {
        return list_show(cli, &t);
    }
    if (strcmp(word, "length") == 0) {
        return list_length(cli, &t);
    }
    if (strcmp(word, "get") == 0) {
        return list_get(cli, &t);
    }
    for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
        known = known || strcmp(edits[i], word) == 0;
    }
    if (strcmp(word, "update") == 0) {
        code = list_whole(cli, &edit);
    } else if (known) {
        code = list_edit(cli, word, &edit);
    } else {
        code = cli_fail(CLI_USAGE,
                        "list ID takes show, get, insert, append, set, delete, "
                        "update or length, not \"%s\"",
                        word);
    }
    code = code == CLI_OK ? list_write(cli, &t, &edit) : code;
    json_decref(edit.values);
    return code;
}
