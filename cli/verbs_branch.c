/* verbs_branch.c: undo, redo, branch, merge. */
#include "cli/covalue.h"

#include <stdio.h>

static int undo_apply(struct cli_target *t, void *ctx)
{
    (void)ctx;
    return cove_undo(t->txn, &t->id);
}

static int redo_apply(struct cli_target *t, void *ctx)
{
    (void)ctx;
    return cove_redo(t->txn, &t->id);
}

/* A verb that takes an address and nothing else. */
static int branch_plain(struct cli *cli,
                        int (*call)(struct cli_target *t, void *ctx))
{
    struct cli_target t;
    bool bad = false;
    int code = cli_target_take(cli, &t, CLI_ANY_TYPE, &bad);

    code = code == CLI_OK ? cli_end(cli, bad) : code;
    code = code == CLI_OK ? cli_target_write(cli, &t, call, NULL) : code;
    if (code == CLI_OK) {
        cli_target_done(cli, &t, NULL);
    }
    return code;
}

int cli_undo(struct cli *cli)
{
    return branch_plain(cli, undo_apply);
}

int cli_redo(struct cli *cli)
{
    return branch_plain(cli, redo_apply);
}

/* ---------------------------------------------------------- branch, merge */

static int branch_apply(struct cli_target *t, void *ctx)
{
    const char *name = ctx;

    return cove_branch(t->txn, &t->id, name);
}

static void human_branches(const json_t *reply)
{
    json_t *b;
    size_t i;

    json_array_foreach(json_object_get(reply, "branches"), i, b)
    {
        cli_print_padded(cli_text(b, "name"), 20);
        printf(" %.16s  ", cli_text(b, "author"));
        cli_print_time(cli_int(b, "time"));
        printf("  %" JSON_INTEGER_FORMAT " ahead, %" JSON_INTEGER_FORMAT
               " behind\n",
               cli_int(b, "ahead"), cli_int(b, "behind"));
    }
}

static int branch_list(struct cli *cli, struct cli_target *t)
{
    int code = cli_end(cli, false);

    code = code == CLI_OK ? cli_target_begin(cli, t, false) : code;
    code = code == CLI_OK ? cli_target_end(cli, t, code) : code;
    return code == CLI_OK
               ? cli_answer(cli, cli_target_request(t, "branch.list"),
                            human_branches)
               : code;
}

/* An address and a branch's name. */
static int branch_named(struct cli *cli, struct cli_target *t, const char *name,
                        int (*call)(struct cli_target *t, void *ctx))
{
    int code = cli_end(cli, false);

    code = code == CLI_OK
               ? cli_target_write(cli, t, call, (void *)(uintptr_t)name)
               : code;
    if (code == CLI_OK) {
        cli_target_done(cli, t, json_pack("{s:s?}", "branch", name));
    }
    return code;
}

int cli_branch(struct cli *cli)
{
    struct cli_target t;
    bool bad = false, list = cli_flag(cli, "--list");
    int code = cli_target_take(cli, &t, CLI_ANY_TYPE, &bad);

    if (code != CLI_OK || bad) {
        return code != CLI_OK ? code : CLI_USAGE;
    }
    const char *name = list ? NULL : cli_word(cli);

    return name == NULL ? branch_list(cli, &t)
                        : branch_named(cli, &t, name, branch_apply);
}

static void human_merge(const json_t *reply)
{
    json_int_t merged = cli_int(reply, "merged");

    if (merged == 0) {
        puts("nothing new to merge");
    } else {
        printf("merged %" JSON_INTEGER_FORMAT " transaction%s into %s\n",
               merged, merged == 1 ? "" : "s", cli_text(reply, "id"));
    }
}

int cli_merge_verb(struct cli *cli)
{
    struct cli_target t;
    bool bad = false, own = cli_flag(cli, "--main");
    int code = cli_target_take(cli, &t, CLI_ANY_TYPE, &bad);

    if (code != CLI_OK || bad) {
        return code != CLI_OK ? code : CLI_USAGE;
    }
    const char *name = own ? NULL : cli_need(cli, "the branch that is merged");

    if (name == NULL && !own) {
        return CLI_USAGE;
    }
    if (own && t.branch == NULL) {
        return cli_fail(CLI_USAGE, "--main takes what the document has into a "
                                   "branch: --branch NAME says which");
    }
    code = cli_end(cli, bad);
    code = code == CLI_OK ? cli_target_begin(cli, &t, false) : code;
    code = code == CLI_OK ? cli_target_end(cli, &t, code) : code;
    if (code != CLI_OK) {
        return code;
    }
    json_t *request = cli_target_request(&t, "merge");

    if (name != NULL) {
        json_object_set_new(request, "from", json_string(name));
    }
    return cli_answer(cli, request, human_merge);
}
