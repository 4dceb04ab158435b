/* target.c: the address of a list, text, stream, blob or counter, and the
 * transaction around what a verb does to it. */
#include "cli/covalue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const type_words[] = {
    [COVE_COMAP] = "map",     [COVE_COLIST] = "list",
    [COVE_COTEXT] = "text",   [COVE_COSTREAM] = "stream",
    [COVE_COBINARY] = "blob", [COVE_COCOUNTER] = "counter",
};
#define TYPE_COUNT ((int)(sizeof(type_words) / sizeof(type_words[0])))

const char *cli_type_word(int type)
{
    return type >= 0 && type < TYPE_COUNT ? type_words[type] : "document";
}

int cli_type_parse(const char *word)
{
    for (int i = 0; i < TYPE_COUNT; i++) {
        if (strcmp(type_words[i], word) == 0) {
            return i;
        }
    }
    return CLI_ANY_TYPE;
}

int cli_target_take(struct cli *cli, struct cli_target *t, int type, bool *bad)
{
    memset(t, 0, sizeof(*t));
    t->branch = cli_option(cli, "--branch", bad);
    t->type = type;
    t->word = cli_word(cli);
    if (t->word == NULL && cli->args.count == 0) {
        return cli_fail(CLI_USAGE,
                        "%s needs a document: ID, or ID.FIELD for what a "
                        "field refers to",
                        cli->verb);
    }
    return t->word != NULL ? CLI_OK : cli_end(cli, *bad);
}

/* ------------------------------------------------------------------- fields */

/* The child that the field has, made where this writes; a field without a
 * schema then refers to it, so that `get` shows it. */
static int target_child(struct cli *cli, struct cli_target *t,
                        const char *field)
{
    struct cove_value value;
    struct cove_id child;
    int type = t->type != CLI_ANY_TYPE ? t->type : COVE_COTEXT;
    int err =
        cove_child(t->txn, &t->id, field, (enum cove_covalue)type, &child);

    if (err == COVE_ETYPE && t->type == CLI_ANY_TYPE) {
        err = cove_child(t->txn, &t->id, field, COVE_COLIST, &child);
    }
    if (err == 0 && t->write &&
        cove_get(t->txn, &t->id, field, &value) == COVE_ENOTFOUND) {
        err = cove_set(t->txn, &t->id, field, cove_link(&child));
    }
    t->id = err == 0 ? child : t->id;
    return err != 0 ? cli_failed(cli, err) : CLI_OK;
}

static int target_field(struct cli *cli, struct cli_target *t,
                        const char *field)
{
    enum cove_covalue type;
    struct cove_value value;
    struct cove_id referred;
    int err = cove_type(t->txn, &t->id, &type);

    if (err != 0) {
        return cli_failed(cli, err);
    }
    err = cove_get(t->txn, &t->id, field, &value);
    if (err == COVE_ENOTFOUND) {
        return target_child(cli, t, field);
    }
    if (err != 0) {
        return cli_failed(cli, err);
    }
    if (value.kind != COVE_KIND_REF) {
        return cli_fail(CLI_INVALID,
                        "%s: the field holds a value, no document; `cove get` "
                        "shows it, `cove set` writes it",
                        t->word);
    }
    memcpy(referred.b, value.u.bytes, sizeof(referred.b));
    if (cove_type(t->txn, &referred, &type) == COVE_ENOTFOUND) {
        struct cove_id parent = t->id;
        int code = target_child(cli, t, field);

        if (code != CLI_OK || memcmp(t->id.b, referred.b, 32) == 0) {
            return code;
        }
        t->id = parent;
        return cli_fail(CLI_NOT_FOUND,
                        "%s: what it refers to is not here yet: sync, then try "
                        "again",
                        t->word);
    }
    t->id = referred;
    return CLI_OK;
}

/* Is it of the type that the verb is for? */
static int target_typed(struct cli *cli, struct cli_target *t)
{
    enum cove_covalue type;
    int err = cove_type(t->txn, &t->id, &type);

    if (err != 0) {
        return cli_failed(cli, err);
    }
    if (t->type != CLI_ANY_TYPE && t->type != (int)type) {
        return cli_fail(CLI_INVALID,
                        "%s is a %s, not a %s: `cove %s` is the "
                        "verb for it",
                        t->word, cli_type_word((int)type),
                        cli_type_word(t->type),
                        type == COVE_COMAP ? "set" : cli_type_word((int)type));
    }
    t->type = (int)type;
    return CLI_OK;
}

static int target_find(struct cli *cli, struct cli_target *t)
{
    const char *dot = strchr(t->word, '.');
    char *id = dot != NULL ? strndup(t->word, (size_t)(dot - t->word))
                           : strdup(t->word);
    int err = id == NULL ? COVE_ENOMEM : cove_id_lookup(cli->store, id, &t->id);
    int code = err == 0 ? CLI_OK : cli_failed(cli, err);

    free(id);
    if (code == CLI_OK && dot != NULL) {
        code =
            dot[1] != '\0'
                ? target_field(cli, t, dot + 1)
                : cli_fail(CLI_USAGE, "%s: no field behind the point", t->word);
    }
    if (code == CLI_OK) {
        cove_id_format(&t->id, t->text);
        code = target_typed(cli, t);
    }
    if (code == CLI_OK && t->branch != NULL) {
        err = cove_switch(t->txn, &t->id, t->branch);
        code = err == 0 ? CLI_OK : cli_failed(cli, err);
    }
    return code;
}

/* -------------------------------------------------------------- transactions
 */

int cli_target_begin(struct cli *cli, struct cli_target *t, bool write)
{
    int err = cove_begin(cli->store,
                         (write ? COVE_WRITE : COVE_READ) | COVE_VIEW, &t->txn);

    if (err != 0) {
        return cli_failed(cli, err);
    }
    t->write = write;
    int code = target_find(cli, t);

    if (code != CLI_OK) {
        cove_abort(t->txn);
        t->txn = NULL;
    }
    return code;
}

int cli_target_end(struct cli *cli, struct cli_target *t, int code)
{
    if (code != CLI_OK || !t->write) {
        cove_abort(t->txn);
    } else {
        int err = cove_commit(t->txn);

        code = err == 0 ? CLI_OK : cli_failed(cli, err);
    }
    t->txn = NULL;
    return code;
}

int cli_target_write(struct cli *cli, struct cli_target *t,
                     int (*call)(struct cli_target *t, void *ctx), void *ctx)
{
    int code = cli_target_begin(cli, t, true);

    if (code != CLI_OK) {
        return code;
    }
    int err = call(t, ctx);

    return cli_target_end(cli, t, err == 0 ? CLI_OK : cli_failed(cli, err));
}

void cli_target_done(const struct cli *cli, const struct cli_target *t,
                     json_t *more)
{
    if (cli->json || cli->lines) {
        json_t *reply = json_pack("{s:s}", "id", t->text);

        json_object_update(reply, more);
        cli_print_json(reply);
        json_decref(reply);
    } else if (!cli->quiet) {
        puts(t->text);
    }
    json_decref(more);
}

int cli_target_named(struct cli *cli, const char *word, json_t *request)
{
    struct cli_target t = {.word = word, .type = CLI_ANY_TYPE};
    int code = CLI_OK;

    if (strchr(word, '.') != NULL) {
        code = cli_target_begin(cli, &t, false);
        code = code == CLI_OK ? cli_target_end(cli, &t, code) : code;
        word = t.text;
    }
    json_object_set_new(request, "id", json_string(word));
    return code;
}

json_t *cli_target_request(const struct cli_target *t, const char *verb)
{
    json_t *request = json_pack("{s:s s:s}", "do", verb, "id", t->text);

    if (t->branch != NULL) {
        json_object_set_new(request, "branch", json_string(t->branch));
    }
    return request;
}

/* -------------------------------------------------------------------- words */

int cli_place(const char *word, const char *what, size_t *out)
{
    char *end;

    if (strcmp(word, "end") == 0) {
        *out = SIZE_MAX;
        return CLI_OK;
    }
    errno = 0;

    unsigned long long number = strtoull(word, &end, 10);

    if (errno != 0 || word[0] < '0' || word[0] > '9' || *end != '\0' ||
        number >= SIZE_MAX) {
        return cli_fail(CLI_USAGE,
                        "%s \"%s\": a whole number from 0, or end, is wanted",
                        what, word);
    }
    *out = (size_t)number;
    return CLI_OK;
}

const char *cli_need(struct cli *cli, const char *what)
{
    const char *word = cli_word(cli);

    if (word == NULL && cli->args.count > 0) {
        cli_end(cli, false);
    } else if (word == NULL) {
        cli_fail(CLI_USAGE, "%s is missing; `cove help %s` has examples", what,
                 cli->verb);
    }
    return word;
}
