/* files.c: see files.h. */
#include "cli/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX_BYTES (16L << 20)
#define FILES_MANIFEST  "manifest.json"

static char *files_path(const char *dir, const char *below, const char *name)
{
    char *path = NULL;

    return asprintf(&path, "%s%s/%s", dir, below, name) < 0 ? NULL : path;
}

static bool files_ends(const char *name, const char *end)
{
    size_t len = strlen(name), tail = strlen(end);

    return len > tail && strcmp(name + len - tail, end) == 0;
}

/* ------------------------------------------------------------------ reading */

/* What a path is that is no plain file. */
static const char *files_kind(mode_t mode)
{
    return S_ISDIR(mode)   ? "a directory"
           : S_ISLNK(mode) ? "a symbolic link"
                           : "no plain file";
}

static int files_text(const char *path, json_t **out)
{
    struct stat st;
    char *text = NULL;

    if (lstat(path, &st) != 0) {
        return cli_fail(CLI_ERROR, "%s: %s", path, strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        return cli_fail(CLI_INVALID,
                        "%s is %s; schemas and migrations are plain files: "
                        "put the file itself there",
                        path, files_kind(st.st_mode));
    }
    if (st.st_size > FILES_MAX_BYTES) {
        return cli_fail(CLI_INVALID, "%s: larger than 16 MiB", path);
    }
    int code = files_ends(path, ".schema.json") ? cli_read_schema(path, &text)
                                                : cli_read_file(path, &text);

    if (code != CLI_OK) {
        return code;
    }
    *out = json_string(text);
    free(text);
    return *out != NULL ? CLI_OK
                        : cli_fail(CLI_INVALID, "%s: not valid UTF-8", path);
}

static int files_name_order(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void names_free(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(names[i]);
    }
    free(names);
}

/* The names in a directory that end so, sorted; hidden ones are not looked
 * at. */
static int files_names(const char *dir, const char *end, char ***out,
                       size_t *count)
{
    DIR *open = opendir(dir);
    struct dirent *entry;
    char **names = NULL;
    size_t n = 0, cap = 0;
    int code = CLI_OK;

    if (open == NULL) {
        return errno;
    }
    while (code == CLI_OK && (entry = readdir(open)) != NULL) {
        if (entry->d_name[0] == '.' || !files_ends(entry->d_name, end)) {
            continue;
        }
        if (n == cap) {
            char **wider = realloc(names, (cap + 64) * sizeof(*names));

            if (wider == NULL) {
                code = ENOMEM;
                break;
            }
            names = wider;
            cap += 64;
        }
        names[n] = strdup(entry->d_name);
        code = names[n] == NULL ? ENOMEM : 0;
        n += names[n] != NULL;
    }
    closedir(open);
    if (code != 0) {
        names_free(names, n);
        return code;
    }
    if (n > 0) {
        qsort(names, n, sizeof(*names), files_name_order);
    }
    *out = names;
    *count = n;
    return 0;
}

static int files_read_one(struct cli_files *files, const char *below,
                          const char *name, json_t *list)
{
    char *path = files_path(files->dir, below, name);
    json_t *text = NULL;
    int code = path == NULL ? cli_fail(CLI_ERROR, "out of memory")
                            : files_text(path, &text);

    if (code == CLI_OK && strcmp(name, FILES_MANIFEST) == 0 &&
        below[0] != '\0') {
        files->manifest = text;
    } else if (code == CLI_OK &&
               json_array_append_new(list, json_pack("{s:s s:o}", "file", name,
                                                     "text", text)) != 0) {
        code = cli_fail(CLI_INVALID, "%s: its name is not valid UTF-8", path);
    }
    free(path);
    return code;
}

/* The files of one directory; a missing `migrations` is an empty one. */
static int files_read_all(struct cli_files *files, const char *below,
                          const char *end, json_t *list)
{
    char *dir = files_path(files->dir, below, "");
    char **names = NULL;
    size_t count = 0;
    int code = CLI_OK;
    int error = dir == NULL ? ENOMEM : files_names(dir, end, &names, &count);

    if (error == ENOENT && below[0] == '\0') {
        code = cli_fail(CLI_NOT_FOUND,
                        "%s: no such directory; make it, with a "
                        "NAME.schema.json in it, or name another: --dir DIR",
                        files->dir);
    } else if (error != 0 && error != ENOENT) {
        code = cli_fail(error == ENOTDIR ? CLI_INVALID : CLI_ERROR, "%s: %s",
                        dir != NULL ? dir : files->dir, strerror(error));
    }
    for (size_t i = 0; i < count && code == CLI_OK; i++) {
        code = files_read_one(files, below, names[i], list);
    }
    names_free(names, count);
    free(dir);
    return code;
}

int cli_files_read(const char *dir, struct cli_files *out)
{
    *out = (struct cli_files){
        .dir = dir, .files = json_array(), .schemas = json_array()};

    int code = files_read_all(out, "", ".schema.json", out->schemas);

    if (code == CLI_OK) {
        code = files_read_all(out, "/migrations", ".json", out->files);
    }
    if (code != CLI_OK) {
        cli_files_clear(out);
    }
    return code;
}

void cli_files_clear(struct cli_files *files)
{
    json_decref(files->files);
    json_decref(files->schemas);
    json_decref(files->manifest);
    *files = (struct cli_files){0};
}

json_t *cli_files_request(const struct cli_files *files, const char *verb)
{
    json_t *request = json_pack("{s:s s:O s:O}", "do", verb, "files",
                                files->files, "schemas", files->schemas);

    if (files->manifest != NULL) {
        json_object_set(request, "manifest", files->manifest);
    }
    return request;
}

const char *cli_files_text(const struct cli_files *files, const char *name)
{
    json_t *one;
    size_t i;

    json_array_foreach(files->files, i, one)
    {
        if (strcmp(cli_text(one, "file"), name) == 0) {
            return cli_text(one, "text");
        }
    }
    return NULL;
}

/* ------------------------------------------------------------------ writing */

/* Bytes to a new file, on the disk. Gives an errno. */
static int files_store(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    size_t len = strlen(text);
    int error = 0;

    if (fd < 0) {
        return errno;
    }
    for (size_t done = 0; done < len && error == 0;) {
        ssize_t n = write(fd, text + done, len - done);

        if (n < 0 && errno != EINTR) {
            error = errno;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    if (error == 0 && fsync(fd) != 0) {
        error = errno;
    }
    if (close(fd) != 0 && error == 0) {
        error = errno;
    }
    return error;
}

/* That a name is there or gone is on the disk when its directory is. */
static int files_sync_dir(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir =
        slash == NULL ? strdup(".") : strndup(path, (size_t)(slash - path) + 1);
    int fd = dir == NULL ? -1 : open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = fd < 0 ? errno : 0;

    if (error == 0 && fsync(fd) != 0 && errno != EINVAL) {
        error = errno;
    }
    if (fd >= 0) {
        close(fd);
    }
    free(dir);
    return error;
}

int cli_files_plain(const char *path)
{
    struct stat st;

    return lstat(path, &st) != 0 || S_ISREG(st.st_mode)
               ? CLI_OK
               : cli_fail(CLI_ERROR,
                          "%s is %s; only a plain file is written over: name "
                          "another",
                          path, files_kind(st.st_mode));
}

int cli_files_write(const char *path, const char *text)
{
    char *fresh = NULL;
    int error;

    if (cli_files_plain(path) != CLI_OK) {
        return CLI_ERROR;
    }
    if (asprintf(&fresh, "%s.%ld.new", path, (long)getpid()) < 0) {
        return cli_fail(CLI_ERROR, "%s: out of memory", path);
    }
    error = files_store(fresh, text);
    if (error == 0 && rename(fresh, path) != 0) {
        error = errno;
    }
    if (error == 0) {
        error = files_sync_dir(path);
    } else {
        unlink(fresh);
    }
    free(fresh);
    return error == 0 ? CLI_OK
                      : cli_fail(CLI_ERROR, "%s: cannot be written: %s", path,
                                 strerror(error));
}

int cli_files_put(const struct cli_files *files, const char *name,
                  const char *text)
{
    char *dir = files_path(files->dir, "/migrations", "");
    char *path = files_path(files->dir, "/migrations", name);
    int code;

    if (dir == NULL || path == NULL) {
        code = cli_fail(CLI_ERROR, "out of memory");
    } else if (mkdir(dir, 0777) != 0 && errno != EEXIST) {
        code = cli_fail(CLI_ERROR, "%s: %s", dir, strerror(errno));
    } else {
        code = cli_files_write(path, text);
    }
    free(dir);
    free(path);
    return code;
}

int cli_files_remove(const struct cli_files *files, const char *name)
{
    char *path = files_path(files->dir, "/migrations", name);
    int error;

    if (path == NULL) {
        error = ENOMEM;
    } else if (unlink(path) != 0 && errno != ENOENT) {
        error = errno;
    } else {
        error = files_sync_dir(path);
    }
    free(path);
    return error == 0 ? CLI_OK
                      : cli_fail(CLI_ERROR,
                                 "%s/migrations/%s: cannot be "
                                 "removed: %s",
                                 files->dir, name, strerror(error));
}

int cli_files_manifest(const struct cli_files *files, const json_t *manifest)
{
    char *text = json_dumps(manifest, JSON_INDENT(4)), *line = NULL;
    int code;

    if (text == NULL || asprintf(&line, "%s\n", text) < 0) {
        line = NULL;
        code = cli_fail(CLI_ERROR, "out of memory");
    } else {
        code = cli_files_put(files, FILES_MANIFEST, line);
    }
    free(text);
    free(line);
    return code;
}

json_t *cli_files_entries(const struct cli_files *files, const json_t *checked)
{
    json_t *held =
        files->manifest == NULL
            ? NULL
            : json_loads(json_string_value(files->manifest), 0, NULL);
    json_t *list = json_object_get(held, "files");

    if (!json_is_array(list)) {
        list = json_object_get(json_object_get(checked, "manifest"), "files");
    }
    list = json_is_array(list) ? json_copy(list) : json_array();
    json_decref(held);
    return list;
}

/* ------------------------------------------------------------------- asking */

/* A schema's name in a file's: letters, digits, '-', '_', '.' inside, and what
 * is beyond ASCII. */
static void files_plain(char *name)
{
    for (char *c = name; *c != '\0'; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                     (*c >= '0' && *c <= '9') || *c == '-' || *c == '_' ||
                     (*c == '.' && c != name) || (unsigned char)*c >= 0x80;

        if (!plain) {
            *c = '_';
        }
    }
}

char *cli_files_schema_path(const char *dir, const char *schema)
{
    char *name = strdup(schema), *path = NULL;

    if (name != NULL) {
        files_plain(name);
        if (asprintf(&path, "%s/%s.schema.json", dir, name) < 0) {
            path = NULL;
        }
    }
    free(name);
    return path;
}

const char *cli_files_dir(struct cli *cli, bool *bad)
{
    const char *dir = cli_option(cli, "--dir", bad);

    if (dir == NULL) {
        dir = cli_word(cli);
    }
    return dir != NULL ? dir : CLI_FILES_DIR;
}

int cli_files_check(struct cli *cli, const struct cli_files *files,
                    json_t **reply)
{
    return cli_call(cli, cli_files_request(files, "files.check"), reply);
}
