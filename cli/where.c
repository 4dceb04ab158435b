/* where.c: --where, the conditions on fields that several verbs take. Short
 * forms for a shell, or the library's own form as one JSON object. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

static const char where_forms[] =
    "--where takes FIELD=TEXT, FIELD:=JSON, FIELD!=TEXT, FIELD<X, FIELD<=X, "
    "FIELD>X, FIELD>=X (X: a number or a text; \"2\" is a text), FIELD (it "
    "exists), !FIELD (it "
    "is missing), or one JSON object: {\"FIELD\": {\"$gte\": 10}}";

static json_t *where_fail(const char *word, bool *bad)
{
    cli_fail(CLI_USAGE, "--where %s: %s", word, where_forms);
    *bad = true;
    return NULL;
}

/* A number where it is one, else a text; one in quotes is a text, whatever. */
static json_t *where_number_or_text(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

    if (json_is_number(value) || json_is_string(value)) {
        return value;
    }
    json_decref(value);
    return json_string(text);
}

static json_t *where_json(const char *text)
{
    return json_loads(text, JSON_DECODE_ANY, NULL);
}

/* {name: {operator: value}}; takes `value` over, NULL where that is NULL. */
static json_t *where_term(const char *name, size_t len, const char *operator,
                          json_t * value)
{
    json_t *field = json_stringn(name, len); /* refuses what is no UTF-8 */
    json_t *term = NULL;

    if (value != NULL && field != NULL && len > 0) {
        term =
            json_pack("{s:{s:O}}", json_string_value(field), operator, value);
    }
    json_decref(field);
    json_decref(value);
    return term;
}

static const struct where_form { /* longer signs first */
    const char *sign, *operator;
    json_t *(*value)(const char *text);
} where_signs[] = {
    {"!=", "$ne", json_string},
    {"<=", "$lte", where_number_or_text},
    {">=", "$gte", where_number_or_text},
    {":=", "$eq", where_json},
    {"=", "$eq", json_string},
    {"<", "$lt", where_number_or_text},
    {">", "$gt", where_number_or_text},
};

static json_t *where_short(const char *word)
{
    bool missing = word[0] == '!' && word[1] != '=';
    const char *name = word + missing;

    /* The first sign in the word is the one: a text may hold others. */
    for (const char *at = name; *at != '\0'; at++) {
        for (size_t i = 0; i < sizeof(where_signs) / sizeof(where_signs[0]);
             i++) {
            const struct where_form *f = &where_signs[i];
            size_t len = strlen(f->sign);

            if (strncmp(at, f->sign, len) == 0) {
                return missing ? NULL
                               : where_term(name, (size_t)(at - name),
                                            f->operator, f->value(at + len));
            }
        }
    }
    return where_term(name, strlen(name), "$exists", json_boolean(!missing));
}

static json_t *where_word(const char *word, bool *bad)
{
    json_error_t error;
    json_t *term;

    if (word[0] == '{') {
        term = json_loads(word, JSON_REJECT_DUPLICATES, &error);
        if (term == NULL) {
            cli_fail(CLI_USAGE, "--where %s: no JSON: %s", word, error.text);
            *bad = true;
        }
        return term;
    }
    term = where_short(word);
    return term != NULL ? term : where_fail(word, bad);
}

json_t *cli_where_option(struct cli *cli, bool *bad)
{
    json_t *all = json_array();
    const char *word;
    json_t *where = NULL;

    while ((word = cli_option(cli, "--where", bad)) != NULL) {
        json_t *term = where_word(word, bad);

        if (term != NULL) {
            json_array_append_new(all, term);
        }
    }
    if (json_array_size(all) == 1) {
        where = json_incref(json_array_get(all, 0));
    } else if (json_array_size(all) > 1) {
        where = json_pack("{s:O}", "$and", all);
    }
    json_decref(all);
    return where;
}
