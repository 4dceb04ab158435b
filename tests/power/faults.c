/* faults.c: every call to the disk, and every allocation, fails in turn, in
 * every step of a day's work.
 *
 *   faults [--stride N] [--step NAME]    N 1: every call; 3: every third
 *   faults --former TAR                  the same of the take-over of a store
 *                                        of a former format, packed in TAR
 *
 * A step is done from the same files again and again while the first, second,
 * third … call of a kind fails, until none is left that can. Each time: the
 * error has its name and a sentence; the store opens again and holds what it
 * held before the step or after one of its commits, nothing acknowledged is
 * missing; headers, chains and signatures verify; the step then succeeds; and
 * neither memory nor a file is left open.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/store_table.h"
#include "node/node.h"
#include "tests/power/calls.h"
#include "tests/power/content.h"
#include "tests/power/edge.h"
#include "tests/power/work.h"

#define FILES   8
#define COMMITS 64
#define CLOCK   1790000000000

/* ------------------------------------------------------------------- kinds */

struct kind {
    const char *name;
    unsigned calls; /* bits 1 << enum call_kind */
    int number;     /* the errno */
    bool stays;     /* all that follow fail as well */
    bool grows;     /* only calls that make the file longer */
    bool cut;       /* the first is a write cut short */
    int code;       /* what the step must say */
};

#define BIT(kind) (1U << (kind))
#define TAKES_ROOM                                                             \
    (BIT(CALL_WRITE) | BIT(CALL_SIZE) | BIT(CALL_RESERVE) | BIT(CALL_DIRECTORY))

static const struct kind kinds[] = {
    {.name = "EIO on write",
     .calls = BIT(CALL_WRITE),
     .number = EIO,
     .code = COVE_EIO},
    {.name = "EIO on fsync",
     .calls = BIT(CALL_SYNC),
     .number = EIO,
     .code = COVE_EIO},
    {.name = "EIO on names",
     .calls = BIT(CALL_RENAME) | BIT(CALL_DIRECTORY),
     .number = EIO,
     .code = COVE_EIO},
    {.name = "disk full",
     .calls = TAKES_ROOM,
     .number = ENOSPC,
     .stays = true,
     .grows = true,
     .code = COVE_ENOSPC},
    {.name = "short write",
     .calls = TAKES_ROOM,
     .number = ENOSPC,
     .stays = true,
     .grows = true,
     .cut = true,
     .code = COVE_ENOSPC},
    /* A disk that copies on write has no room for a byte anywhere. */
    {.name = "quota",
     .calls = TAKES_ROOM,
     .number = EDQUOT,
     .stays = true,
     .code = COVE_ENOSPC},
    {.name = "memory", .code = COVE_ENOMEM},
};

struct fault {               /* in force */
    const struct kind *kind; /* NULL: none */
    char base[200];
    long count, at;
    bool reached;
};

static struct fault fault;

static bool fault_is_due(void)
{
    fault.count++;
    fault.reached = fault.reached || fault.count >= fault.at;
    return fault.kind->stays ? fault.count >= fault.at
                             : fault.count == fault.at;
}

/* Does the call ask for room that the file does not have yet? */
static bool fault_grows(const struct call *call)
{
    struct stat st;

    return call->fd < 0 || call->kind == CALL_RESERVE ||
           fstat(call->fd, &st) != 0 ||
           call->at + (off_t)call->len > st.st_size;
}

static int fault_before(void *ctx, struct call *call)
{
    char path[256];

    (void)ctx;
    if (fault.kind == NULL || (fault.kind->calls & BIT(call->kind)) == 0) {
        return 0;
    }
    if (call->path[0] == '\0') {
        calls_path(call->fd, path);
    } else {
        snprintf(path, sizeof(path), "%s", call->path);
    }
    if (strncmp(path, fault.base, strlen(fault.base)) != 0 ||
        (fault.kind->grows && !fault_grows(call)) || !fault_is_due()) {
        return 0;
    }
    if (fault.kind->cut && fault.count == fault.at &&
        call->kind == CALL_WRITE && call->len > 1) {
        call->most = call->len / 2;
        return 0;
    }
    return fault.kind->number;
}

static void fault_after(void *ctx, const struct call *call, int failed)
{
    (void)ctx;
    (void)call;
    (void)failed;
}

static const struct calls_hook fault_hook = {fault_before, fault_after, NULL};

/* --- memory: the one allocator of the library asks libc here */

static long blocks;

void *__real_realloc(void *old, size_t len);
void *__wrap_realloc(void *old, size_t len);
void __real_free(void *old);
void __wrap_free(void *old);

void *__wrap_realloc(void *old, size_t len)
{
    if (fault.kind != NULL && fault.kind->calls == 0 && fault_is_due()) {
        return NULL;
    }
    void *at = __real_realloc(old, len);

    blocks += old == NULL && at != NULL;
    return at;
}

void __wrap_free(void *old)
{
    blocks -= old != NULL;
    __real_free(old);
}

/* ------------------------------------------------- the commits of one step */

static struct {
    uint64_t contents[COMMITS]; /* 0: before the step */
    size_t count;               /* of commits that returned 0 */
    bool noted;                 /* those above are the step's when it is let */
} step_commits;

int __real_cove_store_commit(struct cove_store_txn *txn);
int __wrap_cove_store_commit(struct cove_store_txn *txn);

int __wrap_cove_store_commit(struct cove_store_txn *txn)
{
    struct cove_store *store = txn->store;
    bool counts = txn->write && store == content_store;
    int err = __real_cove_store_commit(txn);

    if (err == 0 && counts && ++step_commits.count < COMMITS &&
        !step_commits.noted) {
        err = content_of(store, store->trees,
                         &step_commits.contents[step_commits.count]);
    }
    return err;
}

/* -------------------------------------------------------------------- files */

struct saved { /* the files of the store as they were */
    struct {
        char name[256];
        uint8_t *bytes;
        size_t len;
    } files[FILES];
    int count;
    struct stat data; /* which file the store's was */
};

static void faults_die(const char *what)
{
    printf("not ok - %s: %s\n", what, strerror(errno));
    exit(1);
}

static void saved_clear(struct saved *saved)
{
    for (int i = 0; i < saved->count; i++) {
        free(saved->files[i].bytes);
    }
    saved->count = 0;
}

static void saved_take(struct saved *saved, const char *dir)
{
    DIR *list = opendir(dir);
    struct dirent *entry;

    saved_clear(saved);
    while (list != NULL && (entry = readdir(list)) != NULL) {
        struct stat st;
        int fd = openat(dirfd(list), entry->d_name, O_RDONLY | O_CLOEXEC);

        if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
            strcmp(entry->d_name, "lock.mdb") == 0) {
            close(fd);
            continue;
        }
        int i = saved->count++;

        if (strcmp(entry->d_name, "data.mdb") == 0) {
            saved->data = st;
        }

        if (i == FILES) {
            faults_die("more files than there is room for");
        }
        snprintf(saved->files[i].name, sizeof(saved->files[i].name), "%s",
                 entry->d_name);
        saved->files[i].len = (size_t)st.st_size;
        saved->files[i].bytes = malloc((size_t)st.st_size + 1);
        if (read(fd, saved->files[i].bytes, (size_t)st.st_size) != st.st_size) {
            faults_die("a file of the store cannot be read");
        }
        close(fd);
    }
    if (list != NULL) {
        closedir(list);
    }
}

static bool saved_has(const struct saved *saved, const char *name)
{
    for (int i = 0; i < saved->count; i++) {
        if (strcmp(saved->files[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void put_file(int dir, const char *name, const void *bytes, size_t len)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, bytes, len) != (ssize_t)len) {
        faults_die("a file of the store cannot be put back");
    }
    close(fd);
}

/* The nonce's side file comes to name the file that the store's is now. */
static void put_nonce(const struct saved *saved, int dir, int i)
{
    struct stat now = saved->data;
    char text[640];
    size_t len;

    (void)fstatat(dir, "data.mdb", &now, 0);
    len = content_nonce(saved->files[i].bytes, saved->files[i].len,
                        &saved->data, &now, text, sizeof(text));
    put_file(dir, "nonce", text, len);
}

static void saved_put(const struct saved *saved, const char *path)
{
    int made = saved->count > 0 ? mkdir(path, 0700) : 0;
    DIR *list = opendir(path);
    struct dirent *entry;

    while (list != NULL && (entry = readdir(list)) != NULL) {
        if (entry->d_name[0] != '.' && !saved_has(saved, entry->d_name)) {
            (void)unlinkat(dirfd(list), entry->d_name, 0);
        }
    }
    for (int pass = 0; pass < 2; pass++) { /* the nonce after the store */
        for (int i = 0; i < saved->count; i++) {
            bool nonce = strcmp(saved->files[i].name, "nonce") == 0;

            if (nonce && pass == 1) {
                put_nonce(saved, dirfd(list), i);
            } else if (!nonce && pass == 0) {
                put_file(dirfd(list), saved->files[i].name,
                         saved->files[i].bytes, saved->files[i].len);
            }
        }
    }
    if (list != NULL) {
        closedir(list);
    }
    if (saved->count == 0) {
        (void)rmdir(path);
    }
    (void)made;
}

static int open_files(void)
{
    DIR *list = opendir("/proc/self/fd");
    int count = 0;

    while (list != NULL && readdir(list) != NULL) {
        count++;
    }
    closedir(list);
    return count;
}

/* ------------------------------------------------------------------ one try */

struct faults {
    struct work work; /* as it was before the step */
    struct saved saved, no_copy;
    const struct work_step *step;
    bool opens;      /* the step opens the store itself */
    bool former;     /* what is opened has a former format, and is taken over */
    char digest[80]; /* of what is in that store */
    long stride;
    long tries, tolerated;
    uint64_t seen[4096]; /* contents that were checked */
    size_t seen_count;
    char why[600];
};

static bool faults_say(struct faults *f, const char *what, int err,
                       const char *more)
{
    snprintf(f->why, sizeof(f->why), "%s: %d %s", what, err, more);
    return false;
}

static bool faults_check(struct faults *f, struct work *work, uint64_t content)
{
    for (size_t i = 0; i < f->seen_count; i++) {
        if (f->seen[i] == content) {
            return true;
        }
    }
    if (f->seen_count < COVE_ARRAY_LEN(f->seen)) {
        f->seen[f->seen_count++] = content;
    }
    int err = work_do(work, "check");

    return err == 0 || faults_say(f, "check", err, cove_errmsg(work->store));
}

/* ----------------------------------------------- a store of a former format */

static bool former_name(const char *name, const char *dir)
{
    const char *base = strrchr(dir, '/') + 1;

    return strncmp(name, base, strlen(base)) == 0 && name[strlen(base)] == '.';
}

/* What stands beside the store: how many copies, the last one's path. */
static int former_copies(const struct faults *f, char path[512])
{
    DIR *list = opendir(fault.base);
    struct dirent *entry;
    int count = 0;

    path[0] = '\0';
    while (list != NULL && (entry = readdir(list)) != NULL) {
        if (former_name(entry->d_name, f->work.dir)) {
            snprintf(path, 512, "%s/%s", fault.base, entry->d_name);
            count++;
        }
    }
    closedir(list);
    return count;
}

static void former_begin(const struct faults *f)
{
    char path[512], command[600];

    while (f->former && former_copies(f, path) > 0) {
        snprintf(command, sizeof(command), "rm -rf '%s'", path);
        if (system(command) != 0) {
            faults_die("a copy cannot be removed");
        }
    }
}

static bool former_says(struct faults *f, struct work *work,
                        const char *request, const char *word)
{
    char *reply = NULL;
    int err = cove_admin(work->store, request, &reply);
    bool good = err == 0 && strstr(reply, word) != NULL;

    cove_free(reply);
    return good || faults_say(f, request, err, cove_errmsg(work->store));
}

/* After a failure: the former store, as it was; or the new one, and beside it
 * the copy. */
static bool former_left(struct faults *f, struct work *work)
{
    struct work look = *work;
    char path[512];
    int err;

    look.store = NULL;
    look.options.flags |= COVE_OPEN_NO_UPGRADE;
    err = work_do(&look, "open");
    (void)work_do(&look, "close");
    if (err == 0 && former_copies(f, path) == 0) {
        return faults_say(f, "it was taken over without a copy", err, "");
    }
    return err == 0 || err == COVE_ECONDITION ||
           faults_say(f, "neither the one nor the other", err, "");
}

/* Once it is taken over: all that was in it, one copy, and that whole. */
static bool former_whole(struct faults *f, struct work *work)
{
    char path[512], request[600];
    int copies = former_copies(f, path);

    snprintf(request, sizeof(request),
             "{\"do\":\"backup.verify\",\"path\":\"%s\"}", path);
    return (copies == 1 || faults_say(f, "copies", copies, path)) &&
           former_says(f, work, "{\"do\":\"status\"}", f->digest) &&
           former_says(f, work, request, "\"whole\":true");
}

static bool former_learn(struct faults *f, struct work *work)
{
    char *reply = NULL;
    int err = cove_admin(work->store, "{\"do\":\"status\"}", &reply);
    const char *at = err == 0 ? strstr(reply, "\"digest\":\"") : NULL;

    if (at != NULL) {
        snprintf(f->digest, sizeof(f->digest), "%.75s", at);
    }
    cove_free(reply);
    return at != NULL || faults_say(f, "status", err, "");
}

static bool faults_look(struct faults *f, struct work *work)
{
    uint64_t content = 0;
    int err = content_of(work->store->store, COVE_REPO_TREES, &content);

    return err != 0 ? faults_say(f, "it cannot be read", err, "")
                    : faults_check(f, work, content);
}

/* With room again, the same store goes on without being opened anew. */
static bool faults_goes_on(struct faults *f, struct work *work)
{
    int err = f->step->run(work);

    if (err != 0) {
        return faults_say(f, "the second try at once", err,
                          cove_errmsg(work->store));
    }
    err = work->store != NULL ? work_do(work, "check") : 0;
    return err == 0 || faults_say(f, "check", err, cove_errmsg(work->store));
}

/* Open what the failure left, see what is in it, and do the step after all. */
static bool faults_again(struct faults *f, struct work *work, size_t done)
{
    uint64_t content = 0;
    size_t held = COMMITS;
    int err;

    (void)work_do(work, "close");
    err = work_do(work, "open");
    if (err != 0) {
        return faults_say(f, "it does not open again", err,
                          cove_errmsg(work->store));
    }
    /* What it held before opening it wrote: a store whose nonces do not agree
     * gets others then. */
    err = content_of(work->store->store, COVE_REPO_TREES, &content);
    for (size_t i = 0; i < COMMITS && i <= done + 1; i++) {
        held = step_commits.contents[i] == content_opened ? i : held;
    }
    if (err != 0 || (!f->opens && (held == COMMITS || held < done))) {
        return faults_say(f, "it holds something else", err,
                          held < done ? "an acknowledged commit is gone" : "");
    }
    if (!faults_check(f, work, content)) {
        return false;
    }
    /* What a process of that run held is free by then. */
    edge_set(CLOCK + 3600000, 78);
    err = f->opens ? 0 : f->step->run(work);
    return err == 0 ||
           faults_say(f, "the second try", err, cove_errmsg(work->store));
}

static bool faults_judge(struct faults *f, struct work *work,
                         const struct kind *kind, int err, size_t done)
{
    /* Where the root could not be written the store wants to be opened anew. */
    bool at_once = fault.at % 4 == 0 && !f->opens &&
                   (kind->grows || kind->code == COVE_ENOMEM);
    const char *said = cove_errmsg(work->store);

    if (err == 0) { /* something that one can do without */
        f->tolerated++;
        if (work->store != NULL && kind->calls != 0) {
            err = work_do(work, "reopen"); /* it may want to be */
        }
        if (err != 0) {
            return faults_say(f, "it does not open again", err,
                              cove_errmsg(work->store));
        }
        return f->former ? former_whole(f, work)
                         : work->store == NULL || faults_look(f, work);
    }
    if (err != kind->code) {
        return faults_say(f, "another error", err, said);
    }
    if (said[0] == '\0') {
        said = cove_errmsg(work->peer);
    }
    if (said[0] == '\0') {
        return faults_say(f, "an error without a sentence", err, "");
    }
    if (f->former) {
        (void)work_do(work, "close");
        return former_left(f, work) && faults_again(f, work, done) &&
               former_whole(f, work);
    }
    return at_once ? faults_goes_on(f, work) : faults_again(f, work, done);
}

/* Do the step while call number `at` of a kind fails; false: f->why. */
static bool faults_try(struct faults *f, const struct kind *kind, long at,
                       bool *reached)
{
    struct work work = f->work;
    int files = open_files();
    int err;
    bool good;

    saved_put(&f->saved, work.dir);
    saved_put(&f->no_copy, work.backup);
    former_begin(f);
    edge_set(CLOCK, 77);

    long held = blocks;

    err = f->opens ? 0 : work_do(&work, "open");
    if (err != 0) {
        return faults_say(f, "open", err, cove_errmsg(work.store));
    }
    step_commits.count = 0;
    fault.count = 0;
    fault.at = at;
    fault.reached = false;
    fault.kind = kind;
    err = f->step->run(&work);
    fault.kind = NULL;
    *reached = fault.reached;
    f->tries++;

    size_t done = step_commits.count;

    good = *reached ? faults_judge(f, &work, kind, err, done)
                    : err == 0 || faults_say(f, "nothing failed, and yet", err,
                                             cove_errmsg(work.store));
    (void)work_do(&work, "close");
    if (good && open_files() != files) {
        return faults_say(f, "files are left open", open_files() - files, "");
    }
    if (good && blocks != held) {
        return faults_say(f, "blocks of memory are left", (int)(blocks - held),
                          "");
    }
    return good;
}

/* ---------------------------------------------------------------- all steps */

/* Let the step be done once: what it commits is what a failure may leave. */
static bool faults_learn(struct faults *f)
{
    struct work work = f->work;
    int err;

    saved_put(&f->saved, work.dir);
    saved_put(&f->no_copy, work.backup);
    former_begin(f);
    edge_set(CLOCK, 77);
    memset(&step_commits, 0, sizeof(step_commits));
    err = f->opens ? 0 : work_do(&work, "open");
    if (err == 0 && !f->opens) {
        err = content_of(work.store->store, COVE_REPO_TREES,
                         &step_commits.contents[0]);
    }
    step_commits.count = 0;
    err = err != 0 ? err : f->step->run(&work);
    if (err != 0) {
        return faults_say(f, "let alone", err, cove_errmsg(work.store));
    }
    step_commits.noted = true;

    bool good =
        !f->former || (former_learn(f, &work) && former_whole(f, &work));

    (void)work_do(&work, "close");
    return good;
}

static bool faults_step(struct faults *f)
{
    if (!faults_learn(f)) {
        return false;
    }
    for (size_t k = 0; k < COVE_ARRAY_LEN(kinds); k++) {
        bool reached = true;

        for (long at = 1; reached; at += at < 4 ? 1 : f->stride) {
            if (!faults_try(f, &kinds[k], at, &reached)) {
                printf("# %s, %s, call %ld: %s\n", f->step->name, kinds[k].name,
                       at, f->why);
                return false;
            }
        }
    }
    return true;
}

/* Do the step without a fault: the next one begins from there. */
static bool faults_pass(struct faults *f)
{
    struct work work = f->work;
    int err;

    saved_put(&f->saved, work.dir);
    saved_put(&f->no_copy, work.backup);
    edge_set(CLOCK, 77);
    err = f->opens ? 0 : work_do(&work, "open");
    err = err != 0 ? err : f->step->run(&work);
    if (err != 0) {
        return faults_say(f, "let alone", err, cove_errmsg(work.store));
    }
    (void)work_do(&work, "close");
    saved_take(&f->saved, work.dir);
    f->work = work;
    return true;
}

/* The day. The peer's own writes are on no disk. */
static const char *const day[] = {
    "open",   "types",     "edit",    "afar",   "ingest", "schema", "items",
    "upload", "set",       "undo",    "branch", "edit",   "backup", "check",
    "reopen", "migration", "migrate", "sweep",  "cut",    "compact"};

static const struct work_step *day_step(const char *name)
{
    const struct work_step *step = work_steps;

    while (step->name != NULL && strcmp(step->name, name) != 0) {
        step++;
    }
    return step->name != NULL ? step : NULL;
}

static int faults_day(struct faults *f, const char *only)
{
    int failed = 0;

    printf("1..%zu\n", COVE_ARRAY_LEN(day));
    for (size_t i = 0; i < COVE_ARRAY_LEN(day); i++) {
        bool good = true;

        f->step = day_step(day[i]);
        f->opens = i == 0;
        f->tries = f->tolerated = 0;
        if (strcmp(day[i], "afar") != 0 &&
            (only == NULL || strcmp(only, day[i]) == 0)) {
            good = faults_step(f);
        }
        printf("%s %zu - %s lives through each call that fails\n",
               good ? "ok" : "not ok", i + 1, day[i]);
        printf("# %ld failures, %ld that it can do without\n", f->tries,
               f->tolerated);
        fflush(stdout);
        failed += !good;
        if (!faults_pass(f)) {
            printf("# %s\n", f->why);
            return 1;
        }
    }
    return failed != 0;
}

static int faults_former(struct faults *f, const char *tar)
{
    char command[800];
    bool good;

    snprintf(command, sizeof(command),
             "rm -rf '%s' && mkdir -m 700 '%s' && tar -xzf '%s' -C '%s'",
             f->work.dir, f->work.dir, tar, f->work.dir);
    if (system(command) != 0) {
        faults_die(tar);
    }
    saved_take(&f->saved, f->work.dir);
    f->step = day_step("open");
    f->opens = f->former = true;
    good = faults_step(f);
    former_begin(f);
    printf("1..1\n%s 1 - what a take-over leaves is the one or the other\n",
           good ? "ok" : "not ok");
    printf("# %ld failures, %ld that it can do without\n", f->tries,
           f->tolerated);
    return good ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct faults *f = calloc(1, sizeof(*f));
    const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    const char *only = NULL, *former = NULL;
    char command[256];
    int failed = 1;

    if (f == NULL) {
        return 1;
    }
    f->stride = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--stride") == 0) {
            f->stride = strtol(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--step") == 0) {
            only = argv[i + 1];
        } else if (strcmp(argv[i], "--former") == 0) {
            former = argv[i + 1];
        }
    }
    snprintf(fault.base, sizeof(fault.base), "%s/cove-faults-XXXXXX", memory);
    if (mkdtemp(fault.base) != NULL && f->stride > 0) {
        edge_set(CLOCK, 1);
        work_begin(&f->work, fault.base, 1);
        content_watch = f->work.dir;
        calls_watch(&fault_hook);
        failed =
            former != NULL ? faults_former(f, former) : faults_day(f, only);
        calls_watch(NULL);
        work_end(&f->work);
        saved_clear(&f->saved);
        snprintf(command, sizeof(command), "rm -rf '%s'", fault.base);
        failed = system(command) != 0 || failed;
    }
    free(f);
    return failed;
}
