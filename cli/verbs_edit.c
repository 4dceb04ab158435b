/* verbs_edit.c: edit: a text, list or map in the user's editor.
 *
 * Nothing is held open while somebody types. What came of it is compared with
 * what it was, and that change is put onto what the document has become in the
 * meantime, so that nobody's edit is taken back.
 */
#include "cli/covalue.h"
#include "cli/diff.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct edit {
    struct cli *cli;
    struct cli_target t;
    char *before; /* as it was written to the file */
    char *after;
    char *path;
    bool keep; /* the file, which holds what was typed */
    bool wrote;
};

/* ------------------------------------------------------------- the content */

/* The fields of a map or the items of a list, in `get`'s form; NULL with a
 * message and *code. Within a transaction of `t`, as what is below. */
static json_t *edit_json(struct cli *cli, struct cli_target *t, int *code)
{
    bool list = t->type == COVE_COLIST;
    const char *text;
    json_t *document = NULL, *content = NULL;
    int err = cove_get_json(t->txn, &t->id, &text);

    if (err != 0) {
        *code = cli_failed(cli, err);
        return NULL;
    }
    document = json_loads(text, JSON_ALLOW_NUL, NULL);
    content = json_object_get(document, list ? "items" : "fields");
    if (content == NULL ||
        (list && json_object_get(document, "invalid") != NULL)) {
        content = NULL;
        *code = cli_fail(CLI_INVALID,
                         "%s: an item did not convert to this version; `cove "
                         "list` shows and sets them one by one",
                         t->word);
    }
    json_incref(content);
    json_decref(document);
    return content;
}

static int edit_text(struct cli *cli, struct cli_target *t, char **out)
{
    const char *text;
    size_t len;
    int err = cove_text_get(t->txn, &t->id, &text, &len);

    if (err != 0) {
        return cli_failed(cli, err);
    }
    *out = strdup(text);
    return *out != NULL ? CLI_OK : cli_fail(CLI_ERROR, "out of memory");
}

/* What goes into the file. */
static int edit_content(struct edit *e)
{
    int code = CLI_OK;

    if (e->t.type == COVE_COTEXT) {
        return edit_text(e->cli, &e->t, &e->before);
    }
    if (e->t.type != COVE_COLIST && e->t.type != COVE_COMAP) {
        return cli_fail(CLI_INVALID,
                        "%s is a %s: edit takes texts, lists and maps",
                        e->t.word, cli_type_word(e->t.type));
    }
    json_t *content = edit_json(e->cli, &e->t, &code);
    char *text = content != NULL ? json_dumps(content, JSON_INDENT(2)) : NULL;

    if (code == CLI_OK &&
        (text == NULL || asprintf(&e->before, "%s\n", text) < 0)) {
        e->before = NULL;
        code = cli_fail(CLI_ERROR, "out of memory");
    }
    free(text);
    json_decref(content);
    return code;
}

static int edit_begin(struct edit *e)
{
    int code = cli_target_begin(e->cli, &e->t, false);

    return code == CLI_OK ? cli_target_end(e->cli, &e->t, edit_content(e))
                          : code;
}

/* ------------------------------------------------------------------ the file
 */

static int edit_file(struct edit *e)
{
    const char *dir = getenv("TMPDIR");
    const char *end = e->t.type == COVE_COTEXT ? ".txt" : ".json";
    int fd = -1;

    if (asprintf(&e->path, "%s/cove-edit-XXXXXX%s",
                 dir != NULL && dir[0] != '\0' ? dir : "/tmp", end) < 0) {
        e->path = NULL;
        return cli_fail(CLI_ERROR, "out of memory");
    }
    fd = mkstemps(e->path, (int)strlen(end)); /* mode 0600 */

    FILE *file = fd >= 0 ? fdopen(fd, "wb") : NULL;

    if (file == NULL || fputs(e->before, file) < 0 || fclose(file) != 0) {
        return cli_fail(CLI_ERROR, "%s: %s", e->path, strerror(errno));
    }
    return CLI_OK;
}

static const char *edit_program(void)
{
    static const char *const names[] = {"VISUAL", "EDITOR"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *program = getenv(names[i]);

        if (program != NULL && program[0] != '\0') {
            return program;
        }
    }
    return isatty(STDIN_FILENO) ? "vi" : NULL;
}

/* The shell takes the variable apart: it may hold options. */
static int edit_run(struct edit *e)
{
    const char *program = edit_program();
    char *command = NULL;
    int status = -1;

    if (program == NULL) {
        return cli_fail(CLI_USAGE,
                        "no editor: set VISUAL or EDITOR (`cove text ID update "
                        "-` takes a new text without one)");
    }
    if (asprintf(&command, "%s \"$1\"", program) < 0) {
        return cli_fail(CLI_ERROR, "out of memory");
    }
    fflush(stdout);

    pid_t child = fork();

    if (child == 0) {
        execl("/bin/sh", "sh", "-c", command, "cove-edit", e->path, NULL);
        _exit(127);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    free(command);
    if (child < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        return cli_fail(CLI_ERROR,
                        "the editor (%s) failed; nothing was written", program);
    }
    return CLI_OK;
}

/* Most editors end the last line; a text that had no such end keeps none. */
static void edit_trim(const char *before, char *after)
{
    size_t had = strlen(before), has = strlen(after);

    if (has > 0 && after[has - 1] == '\n' &&
        (had == 0 || before[had - 1] != '\n')) {
        after[has - 1] = '\0';
    }
}

/* ----------------------------------------------------------------- taking it
 */

static int edit_take_text(struct edit *e)
{
    char *theirs = NULL, *merged = NULL;
    int code = cli_target_begin(e->cli, &e->t, true);

    if (code != CLI_OK) {
        return code;
    }
    code = edit_text(e->cli, &e->t, &theirs);
    if (code == CLI_OK) {
        merged = cli_merge_texts(e->before, e->after, theirs);
        code = merged != NULL ? CLI_OK : cli_fail(CLI_ERROR, "out of memory");
    }
    if (code == CLI_OK && merged != NULL) {
        int err = cove_text_update(e->t.txn, &e->t.id, merged, strlen(merged));

        code = err == 0 ? CLI_OK : cli_failed(e->cli, err);
    }
    free(theirs);
    free(merged);
    return cli_target_end(e->cli, &e->t, code);
}

/* Each item as a text of its own. */
struct edit_items {
    char **texts;
    size_t count;
    struct cli_tokens tokens;
};

static bool edit_items(struct edit_items *items, const json_t *list)
{
    json_t *item;
    size_t i;
    bool good;

    items->texts = calloc(json_array_size(list) + 1, sizeof(*items->texts));
    good = items->texts != NULL;
    json_array_foreach(list, i, item)
    {
        if (good) {
            items->texts[i] = json_dumps(item, JSON_COMPACT | JSON_ENCODE_ANY |
                                                   JSON_SORT_KEYS);
            good = items->texts[i] != NULL;
            items->count += good;
        }
    }
    return good && cli_tokens_take(&items->tokens, items->texts, items->count);
}

static void edit_items_clear(struct edit_items *items)
{
    for (size_t i = 0; i < items->count; i++) {
        free(items->texts[i]);
    }
    free(items->texts);
    cli_tokens_clear(&items->tokens);
}

static void edit_emit(void *ctx, const struct cli_token *token)
{
    json_array_append_new(
        ctx, json_loadb(token->at, token->len, JSON_DECODE_ANY, NULL));
}

/* What mine changed, on theirs; NULL where memory is out. */
static json_t *edit_merge_lists(const json_t *before, const json_t *mine,
                                const json_t *theirs)
{
    struct edit_items rows[4] = {{.count = 0}};
    json_t *merged = NULL;

    if (edit_items(&rows[0], before) && edit_items(&rows[1], mine) &&
        edit_items(&rows[2], before) && edit_items(&rows[3], theirs) &&
        cli_diff(&rows[0].tokens, &rows[1].tokens) &&
        cli_diff(&rows[2].tokens, &rows[3].tokens)) {
        struct cli_merge merge = {&rows[0].tokens, &rows[1].tokens,
                                  &rows[2].tokens, &rows[3].tokens};

        merged = json_array();
        cli_merge(&merge, edit_emit, merged);
    }
    for (size_t i = 0; i < 4; i++) {
        edit_items_clear(&rows[i]);
    }
    return merged;
}

static int edit_put_list(struct edit *e, const json_t *before,
                         const json_t *mine)
{
    int code = CLI_OK;
    json_t *theirs = edit_json(e->cli, &e->t, &code);
    json_t *merged =
        theirs != NULL ? edit_merge_lists(before, mine, theirs) : NULL;
    char *text = merged != NULL ? json_dumps(merged, JSON_COMPACT) : NULL;

    if (code == CLI_OK && text == NULL) {
        code = cli_fail(CLI_ERROR, "out of memory");
    } else if (code == CLI_OK) {
        int err = cove_list_update(e->t.txn, &e->t.id, text);

        code = err == 0 ? CLI_OK : cli_failed(e->cli, err);
    }
    free(text);
    json_decref(theirs);
    json_decref(merged);
    return code;
}

/* Fields that were changed are set, those taken out deleted; others stay. */
static int edit_put_map(struct edit *e, const json_t *before,
                        const json_t *mine)
{
    json_t *fields = json_object(), *value;
    const char *name;
    char *text;
    int err = 0;

    json_object_foreach((json_t *)(uintptr_t)mine, name, value)
    {
        if (!json_equal(value, json_object_get(before, name))) {
            json_object_set(fields, name, value);
        }
    }
    text = json_dumps(fields, JSON_COMPACT);
    if (text == NULL) {
        err = COVE_ENOMEM;
    } else if (json_object_size(fields) > 0) {
        err = cove_set_json(e->t.txn, &e->t.id, text);
    }
    json_object_foreach((json_t *)(uintptr_t)before, name, value)
    {
        if (err == 0 && json_object_get(mine, name) == NULL) {
            err = cove_delete(e->t.txn, &e->t.id, name);
        }
    }
    free(text);
    json_decref(fields);
    return err == 0 ? CLI_OK : cli_failed(e->cli, err);
}

static int edit_take_json(struct edit *e)
{
    bool list = e->t.type == COVE_COLIST;
    json_error_t error = {.line = 0};
    json_t *before = json_loads(e->before, 0, NULL);
    json_t *mine = json_loads(e->after, JSON_REJECT_DUPLICATES, &error);
    int code;

    if (mine == NULL || (list ? !json_is_array(mine) : !json_is_object(mine))) {
        code = cli_fail(CLI_INVALID, "line %d column %d: %s", error.line,
                        error.column,
                        mine == NULL ? error.text
                        : list       ? "a list is a JSON array"
                                     : "a map is a JSON object");
    } else {
        code = cli_target_begin(e->cli, &e->t, true);
        if (code == CLI_OK) {
            code = list ? edit_put_list(e, before, mine)
                        : edit_put_map(e, before, mine);
            code = cli_target_end(e->cli, &e->t, code);
        }
    }
    json_decref(before);
    json_decref(mine);
    return code;
}

/* ------------------------------------------------------------------ the verb
 */

static int edit_take(struct edit *e)
{
    int code = cli_read_file(e->path, &e->after);

    if (code != CLI_OK) {
        e->keep = true;
        return code;
    }
    if (e->t.type == COVE_COTEXT) {
        edit_trim(e->before, e->after);
    }
    if (strcmp(e->before, e->after) == 0) {
        return CLI_OK;
    }
    e->wrote = true;
    code = e->t.type == COVE_COTEXT ? edit_take_text(e) : edit_take_json(e);
    e->keep = code != CLI_OK;
    return code;
}

static void edit_end(struct edit *e)
{
    if (e->keep) {
        cli_fail(CLI_ERROR, "what you wrote is kept in %s", e->path);
    } else if (e->path != NULL) {
        unlink(e->path);
    }
    free(e->before);
    free(e->after);
    free(e->path);
}

int cli_edit(struct cli *cli)
{
    struct edit e = {.cli = cli};
    bool bad = false;
    int code = cli_target_take(cli, &e.t, CLI_ANY_TYPE, &bad);

    code = code == CLI_OK ? cli_end(cli, bad) : code;
    code = code == CLI_OK ? edit_begin(&e) : code;
    code = code == CLI_OK ? edit_file(&e) : code;
    code = code == CLI_OK ? edit_run(&e) : code;
    code = code == CLI_OK ? edit_take(&e) : code;
    if (code == CLI_OK && (cli->json || cli->lines)) {
        cli_target_done(cli, &e.t, json_pack("{s:b}", "changed", (int)e.wrote));
    } else if (code == CLI_OK && !cli->quiet) {
        puts(e.wrote ? e.t.text : "unchanged");
    }
    edit_end(&e);
    return code;
}
