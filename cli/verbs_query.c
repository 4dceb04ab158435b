/* verbs_query.c: find where rows have an order, are counted, explained or
 * alike; and the indexes that find uses. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ options */

bool cli_query_options(struct cli *cli, json_t *request, bool *bad)
{
    const char *order = cli_option(cli, "--order", bad);
    const char *cursor = cli_option(cli, "--cursor", bad);
    const char *duplicates = cli_option(cli, "--duplicates", bad);
    bool count = cli_flag(cli, "--count");
    bool explain = cli_flag(cli, "--explain");

    if (order != NULL) {
        json_object_set_new(request, "order", cli_comma_list(order));
    }
    if (cursor != NULL) {
        json_object_set_new(request, "cursor", json_string(cursor));
    }
    if (duplicates != NULL) {
        json_object_set_new(request, "duplicates", json_string(duplicates));
    }
    if (count) {
        json_object_set_new(request, "count", json_true());
    }
    if (explain) {
        json_object_set_new(request, "explain", json_true());
    }
    return order != NULL || cursor != NULL || duplicates != NULL || count ||
           explain;
}

/* ------------------------------------------------------------------ replies */

static void print_fields(const json_t *index)
{
    const json_t *fields = json_object_get(index, "fields");
    json_t *field;
    size_t i;

    json_array_foreach(fields, i, field)
    {
        fputs(i > 0 ? "," : "", stdout);
        cli_print_text(json_string_value(field));
    }
}

static void human_explain(const json_t *explain)
{
    const json_t *index = json_object_get(explain, "index");

    if (index != NULL) {
        printf("index      %" JSON_INTEGER_FORMAT " of ",
               cli_int(index, "index"));
        print_fields(index);
        printf(", %s", cli_text(index, "state"));
        if (cli_int(explain, "indexes") > 1) {
            printf(", and %" JSON_INTEGER_FORMAT " more",
                   cli_int(explain, "indexes") - 1);
        }
        putchar('\n');
    } else {
        puts("index      none: all documents of the schema were read");
    }
    printf("entries    %" JSON_INTEGER_FORMAT "\n",
           cli_int(explain, "entries"));
    printf("documents  %" JSON_INTEGER_FORMAT
           " looked at, %" JSON_INTEGER_FORMAT " of them behind the index\n",
           cli_int(explain, "looked"), cli_int(explain, "tail"));
    printf("rows       %" JSON_INTEGER_FORMAT "%s\n", cli_int(explain, "rows"),
           json_is_true(json_object_get(explain, "sorted"))
               ? ", sorted in memory"
               : "");
    printf("time       %.3f ms\n", (double)cli_int(explain, "us") / 1000);
}

static void human_duplicates(const json_t *reply)
{
    json_t *group, *id;
    size_t i, k;

    json_array_foreach(json_object_get(reply, "duplicates"), i, group)
    {
        cli_print_value(json_object_get(group, "value"));
        printf("  %" JSON_INTEGER_FORMAT " documents\n",
               cli_int(group, "count"));
        json_array_foreach(json_object_get(group, "ids"), k, id)
        {
            printf("  %s\n", json_string_value(id));
        }
    }
    printf("%" JSON_INTEGER_FORMAT " values that more than one document has\n",
           cli_int(reply, "groups"));
}

static void human_query(const json_t *reply)
{
    const json_t *explain = json_object_get(reply, "explain");
    const char *cursor = cli_text(reply, "cursor");
    json_t *doc;
    size_t i;

    if (json_object_get(reply, "duplicates") != NULL) {
        human_duplicates(reply);
    } else if (json_object_get(reply, "count") != NULL) {
        printf("%" JSON_INTEGER_FORMAT "\n", cli_int(reply, "count"));
    }
    json_array_foreach(json_object_get(reply, "documents"), i, doc)
    {
        cli_print_document(doc);
    }
    if (cursor[0] != '\0') {
        printf("cursor     %s\n", cursor);
    }
    if (explain != NULL) {
        human_explain(explain);
    }
}

int cli_query(struct cli *cli, json_t *request, bool lines)
{
    json_t *reply = NULL, *doc;
    size_t i;
    int code;

    if (!lines) {
        return cli_answer(cli, request, human_query);
    }
    code = cli_call(cli, request, &reply);
    json_array_foreach(json_object_get(reply, "documents"), i, doc)
    {
        cli_print_json(doc);
    }
    json_decref(reply);
    return code;
}

/* ------------------------------------------------------------------- indexes
 */

static void human_indexes(const json_t *reply)
{
    json_t *one;
    size_t i;

    json_array_foreach(json_object_get(reply, "indexes"), i, one)
    {
        const json_t *index = json_object_get(one, "index");

        printf("%4" JSON_INTEGER_FORMAT "  ", cli_int(index, "index"));
        cli_print_text(cli_text(one, "schema"));
        printf("@%" JSON_INTEGER_FORMAT "  ", cli_int(one, "version"));
        print_fields(index);
        printf("  %s", cli_text(index, "state"));
        if (json_object_get(index, "percent") != NULL) {
            printf(" %" JSON_INTEGER_FORMAT " %%, %" JSON_INTEGER_FORMAT
                   " documents",
                   cli_int(index, "percent"), cli_int(index, "documents"));
        } else if (cli_int(index, "behind") > 0) {
            printf(", %" JSON_INTEGER_FORMAT " changes behind",
                   cli_int(index, "behind"));
        }
        puts(json_is_true(json_object_get(index, "unique")) ? "  unique" : "");
    }
}

static int index_list(struct cli *cli)
{
    const char *schema = cli_word(cli);
    json_t *request = json_pack("{s:s}", "do", "index.list");
    int code = cli_end(cli, false);

    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    if (schema != NULL) {
        json_object_set_new(request, "schema", json_string(schema));
    }
    return cli_answer(cli, request, human_indexes);
}

/* Pieces, until nothing is left to do. */
static int index_work_all(struct cli *cli)
{
    bool left = true;
    int code = CLI_OK;

    while (left && code == CLI_OK) {
        json_t *reply = NULL;

        code = cli_call(cli,
                        json_pack("{s:s s:i}", "do", "index.work", "max", 4096),
                        &reply);
        left = json_is_true(json_object_get(reply, "left"));
        json_decref(reply);
    }
    return code;
}

static int index_work(struct cli *cli)
{
    int code = cli_end(cli, false);

    code = code != CLI_OK ? code : index_work_all(cli);
    return code != CLI_OK
               ? code
               : cli_answer(cli, json_pack("{s:s}", "do", "index.list"),
                            human_indexes);
}

static int index_rebuild(struct cli *cli)
{
    const char *schema = cli_word(cli);
    json_t *request = json_pack("{s:s}", "do", "index.rebuild");
    json_t *reply = NULL;
    int code = cli_end(cli, false);

    if (schema != NULL) {
        json_object_set_new(request, "schema", json_string(schema));
    }
    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    code = cli_call(cli, request, &reply);
    json_decref(reply);
    code = code != CLI_OK ? code : index_work_all(cli);
    return code != CLI_OK
               ? code
               : cli_answer(cli, json_pack("{s:s}", "do", "index.list"),
                            human_indexes);
}

int cli_index(struct cli *cli)
{
    static const struct cli_sub subs[] = {{"list", index_list},
                                          {"work", index_work},
                                          {"rebuild", index_rebuild},
                                          {NULL, NULL}};

    return cli_sub_run(cli, subs);
}
