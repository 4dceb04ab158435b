/* verbs_migrate.c: migrate publish, and the second words of migrate. */
#include "cli/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int migrate_publish(struct cli *cli)
{
    json_t *request = json_pack("{s:s}", "do", "migrate.publish");
    bool bad = false;
    const char *schema = cli_option(cli, "--schema", &bad);
    const char *path = cli_word(cli);
    int code = cli_end(cli, bad);

    if (code == CLI_OK && path == NULL) {
        code = cli_fail(CLI_USAGE, "migrate publish needs a migration file");
    }
    if (code == CLI_OK) {
        json_object_set_new(request, "file", json_string(path));
        code = cli_file_member(request, "migration", path);
    }
    if (code == CLI_OK && schema != NULL) {
        code = cli_schema_member(request, "schema", schema);
    }
    if (code != CLI_OK) {
        json_decref(request);
        return code;
    }
    return cli_answer(cli, request, cli_human_published);
}

int cli_migrate(struct cli *cli)
{
    static const struct cli_sub subs[] = {
        /* clang-format off */
        {"plan", cli_migrate_plan},
        {"explain", cli_migrate_explain},
        {"publish", migrate_publish},
        {"status", cli_migrate_status},
        {"run", cli_migrate_run},
        {"pause", cli_migrate_pause},
        {"resume", cli_migrate_resume},
        {"cancel", cli_migrate_cancel},
        {"retry", cli_migrate_retry},
        {"once", cli_migrate_once},
        {"down", cli_migrate_down},
        {"retire", cli_migrate_retire},
        {"merge", cli_migrate_merge},
        {"log", cli_migrate_log},
        {"create", cli_migrate_create},
        {"up", cli_migrate_up},
        {"verify", cli_migrate_verify},
        {"drop", cli_migrate_drop},
        {"squash", cli_migrate_squash},
        {"bundle", cli_migrate_bundle},
        {"reset", cli_migrate_reset},
        {NULL, NULL},
        /* clang-format on */
    };

    return cli_sub_run(cli, subs);
}
