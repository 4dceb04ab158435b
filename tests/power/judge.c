/* judge.c: see judge.h.
 *
 * A state is laid out as files and opened by the library itself. It is right
 * where the store then holds, byte by byte in every tree, what it held after
 * one of the commits from the last acknowledged to the last begun, and where
 * going on from there comes to the same, byte by byte, as going on from that
 * commit did the first time. The first time everything is looked at: headers,
 * chains and signatures before and after, and that no log that others may
 * have seen has other bytes now. Randomness and time are the test's, so that
 * the same work comes to the same bytes.
 */
#include "tests/power/judge.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/node.h"
#include "tests/power/content.h"
#include "tests/power/edge.h"

#define AFTER_MS 1800000000000 /* the clock when going on */

static bool judge_says(struct judge *judge, const char *form, ...)
    __attribute__((format(printf, 2, 3)));

static bool judge_says(struct judge *judge, const char *form, ...)
{
    va_list args;

    va_start(args, form);
    vsnprintf(judge->why, sizeof(judge->why), form, args);
    va_end(args);
    return false;
}

/* -------------------------------------------------------------------- memos */

static struct judge_pair *memo_place(const struct judge_memo *memo,
                                     uint64_t key)
{
    size_t i = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15)) & (memo->cap - 1);

    while (memo->at[i].key != 0 && memo->at[i].key != key) {
        i = (i + 1) & (memo->cap - 1);
    }
    return &memo->at[i];
}

static void memo_grow(struct judge_memo *memo)
{
    struct judge_memo old = *memo;

    memo->cap = old.cap != 0 ? old.cap * 2 : 1024;
    memo->at = calloc(memo->cap, sizeof(*memo->at));
    if (memo->at == NULL) {
        abort();
    }
    for (size_t i = 0; i < old.cap; i++) {
        if (old.at[i].key != 0) {
            *memo_place(memo, old.at[i].key) = old.at[i];
        }
    }
    free(old.at);
}

static bool memo_get(const struct judge_memo *memo, uint64_t key, uint64_t *out)
{
    if (memo->cap == 0) {
        return false;
    }
    const struct judge_pair *pair = memo_place(memo, key);

    *out = pair->value;
    return pair->key == key;
}

static void memo_put(struct judge_memo *memo, uint64_t key, uint64_t value)
{
    if (memo->count * 2 >= memo->cap) {
        memo_grow(memo);
    }
    *memo_place(memo, key) = (struct judge_pair){key, value};
    memo->count++;
}

/* ------------------------------------------------------------------- laying */

static void judge_path(const struct judge *judge, const char *name,
                       char out[256])
{
    snprintf(out, 256, "%s/%s", judge->dir, name);
}

static void clear_below(int above, const char *name)
{
    int fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.' || unlinkat(fd, entry->d_name, 0) == 0) {
            continue;
        }
        clear_below(fd, entry->d_name);
        (void)unlinkat(fd, entry->d_name, AT_REMOVEDIR);
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

static void judge_clear(const struct judge *judge)
{
    clear_below(AT_FDCWD, judge->dir);
}

/* Files that say nothing of the store. */
static bool lay_skips(const char *name)
{
    return name[0] == '\0' || strcmp(name, "open.lock") == 0 ||
           strcmp(name, "changed") == 0 || strcmp(name, "sync.lock") == 0;
}

static bool lay_file(struct judge *judge, const char *name,
                     const struct disk_file *file)
{
    char path[256];

    judge_path(judge, name, path);

    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good =
        fd >= 0 && write(fd, file->bytes, file->len) == (ssize_t)file->len;

    if (fd >= 0) {
        close(fd);
    }
    return good || judge_says(judge, "%s cannot be laid out", path);
}

static int lay_data(const struct disk_state *state, int dir)
{
    for (int i = 0; i < DISK_NAMES; i++) {
        if (strcmp(state->files[dir].names[i].name, "data.mdb") == 0) {
            return state->files[dir].names[i].means;
        }
    }
    return -1;
}

/* The side file of the nonce names the inode of the store's file. A real disk
 * keeps that over a power cut; ours is made anew for each state, so the file
 * is made to name the new one where it named the old. */
static bool lay_nonce(struct judge *judge, const struct disk_state *state,
                      int dir, const struct disk_file *file)
{
    char moved[640], path[256];
    struct disk_file laid = {.bytes = (uint8_t *)moved};
    struct stat was = {0}, now;
    int data = lay_data(state, dir);

    judge_path(judge, "data.mdb", path);
    if (data < 0 || stat(path, &now) != 0) {
        return lay_file(judge, "nonce", file);
    }
    was.st_dev = judge->record->disk.nodes[data].device;
    was.st_ino = judge->record->disk.nodes[data].inode;
    laid.len =
        content_nonce(file->bytes, file->len, &was, &now, moved, sizeof(moved));
    return lay_file(judge, "nonce", &laid);
}

/* A directory in that of the store, with its files. */
static bool lay_below(struct judge *judge, const struct disk_state *state,
                      const char *name, int dir)
{
    char path[256];
    bool good;

    judge_path(judge, name, path);
    good = mkdir(path, 0700) == 0;
    for (int i = 0; good && i < DISK_NAMES; i++) {
        const char *file = state->files[dir].names[i].name;
        char below[64];

        snprintf(below, sizeof(below), "%s/%s", name, file);
        good = lay_skips(file) ||
               lay_file(judge, below,
                        &state->files[state->files[dir].names[i].means]);
    }
    return good;
}

static bool judge_lay(struct judge *judge, const struct disk_state *state,
                      int dir)
{
    const struct disk_file *names = &state->files[dir];
    bool good = true;

    judge_clear(judge);
    for (int pass = 0; pass < 2; pass++) { /* the nonce after the store */
        for (int i = 0; good && i < DISK_NAMES; i++) {
            const char *name = names->names[i].name;
            int means = names->names[i].means;
            bool nonce = strcmp(name, "nonce") == 0;

            if (lay_skips(name) || nonce != (pass == 1)) {
                continue;
            }
            good = nonce ? lay_nonce(judge, state, dir, &state->files[means])
                   : judge->record->disk.nodes[means].directory
                       ? lay_below(judge, state, name, means)
                       : lay_file(judge, name, &state->files[means]);
        }
    }
    return good;
}

/* What of a state makes a difference to the store in a directory of it, as a
 * number; and what of that is not in data.mdb. */
static uint64_t state_key(const struct disk_state *state, int dir,
                          uint64_t *beside)
{
    uint64_t all = 1;

    *beside = 1;
    for (int i = 0; dir >= 0 && i < DISK_NAMES; i++) {
        const char *name = state->files[dir].names[i].name;
        int file = state->files[dir].names[i].means;

        if (lay_skips(name)) {
            continue;
        }
        all += content_mix(state->key[file], name, strlen(name));
        if (strcmp(name, "data.mdb") != 0) {
            *beside +=
                content_mix(content_mix(1, name, strlen(name)),
                            state->files[file].bytes, state->files[file].len);
        }
    }
    return all;
}

/* ------------------------------------------------------------------ content */

/* The commit, first … last, that a content is of; SIZE_MAX: none of them. */
static size_t judge_commit(const struct judge *judge, uint64_t content,
                           size_t first, size_t last)
{
    for (size_t i = last + 1; i-- > first;) {
        if (judge->record->commits[i].content == content) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* Which commit did the store hold when it was opened? */
static bool judge_content(struct judge *judge, uint64_t content, size_t first,
                          size_t last, size_t *commit)
{
    *commit = judge_commit(judge, content, first, last);
    if (*commit != SIZE_MAX) {
        return true;
    }
    size_t held = judge_commit(judge, content, 0, judge->record->begun);

    return held != SIZE_MAX
               ? judge_says(judge, "holds commit %zu, and %zu to %zu may be",
                            held, first, last)
               : judge_says(judge, "holds what no commit left");
}

/* ---------------------------------------------------------------- going on */

static bool judge_step(struct judge *judge, struct work *work, const char *name)
{
    int err = work_do(work, name);

    return err == 0 ||
           judge_says(judge, "%s: %d %s", name, err, cove_errmsg(work->store));
}

static bool judge_holds(struct work *work, const struct cove_id *id)
{
    enum cove_covalue type;
    struct cove_txn *txn;
    int err = cove_begin(work->store, COVE_READ, &txn);

    if (err == 0) {
        err = cove_type(txn, id, &type);
        cove_abort(txn);
    }
    return err == 0;
}

/* Write on, in the same session where the store thinks that it may. Two
 * commits at least: the second uses the pages that the first has freed. */
static bool judge_write(struct judge *judge, struct work *work)
{
    const char *first = judge_holds(work, &work->map) ? "edit" : "types";
    bool items = judge_holds(work, &work->items[0]);

    return judge_step(judge, work, first) && judge_step(judge, work, "edit") &&
           (!items || judge_step(judge, work, "set"));
}

/* --- logs that others may have seen */

struct walk { /* along the log of one document */
    const struct record_head *want;
    struct cove_hash head;
    uint32_t len;
};

static int walk_one(void *ctx, const struct cove_log_entry *entry)
{
    struct walk *walk = ctx;
    const struct cove_session_id *session = &entry->session->session;

    if (memcmp(session, &walk->want->session, sizeof(*session)) == 0 &&
        walk->len < walk->want->len) {
        walk->head = cove_chain_next(&walk->head, entry->bytes);
        walk->len++;
    }
    return 0;
}

/* Where the session begins here: what is before was cut off. */
static void walk_begin(struct walk *walk, const struct cove_doc *doc)
{
    for (size_t i = 0; i < doc->session_count; i++) {
        const struct cove_doc_session *session = &doc->sessions[i];

        if (session->base > 0 && memcmp(&session->session, &walk->want->session,
                                        sizeof(session->session)) == 0) {
            walk->len = session->base;
            walk->head = session->base_head;
        }
    }
}

/* How far the log of `want` is the one that it was: wholly, or as far as
 * `held` of it are there and nothing else. */
static bool judge_log(struct judge *judge, struct cove_txn *txn,
                      const struct record_head *want, uint32_t held)
{
    struct walk walk = {.want = want};
    struct cove_arena arena;
    struct cove_doc doc;
    cove_num num = 0;
    int err =
        cove_repo_find(txn->worker->repo, txn->txn, &want->document, &num);

    if (err == COVE_ENOTFOUND && held == 0) {
        return true;
    }
    cove_arena_init(&arena, &cove_alloc_libc);
    walk.head =
        cove_chain_start(&want->document, &want->session, &want->device);
    err = err ? err
              : cove_repo_load(txn->worker->repo, txn->txn, num, &arena, &doc,
                               &txn->diag);
    if (err == 0) {
        walk_begin(&walk, &doc);
        err = cove_repo_log(txn->worker->repo, txn->txn, &doc, walk_one, &walk);
    }
    cove_arena_clear(&arena);
    if (err != 0) {
        return judge_says(judge, "a log that was there cannot be read: %s",
                          cove_error_text(err));
    }
    if (walk.len > want->len) { /* the cut stands for more than was seen */
        return true;
    }
    if (walk.len == want->len &&
        memcmp(&walk.head, &want->head, sizeof(walk.head)) == 0) {
        return true;
    }
    return walk.len == held && held < want->len
               ? true
               : judge_says(judge,
                            "session fork: %u of %u transactions are there, "
                            "not the ones that others have",
                            walk.len, want->len);
}

static const struct record_commit *judge_noted(const struct judge *judge,
                                               size_t commit)
{
    while (commit > 0 && judge->record->commits[commit].heads == NULL) {
        commit--;
    }
    return &judge->record->commits[commit];
}

static uint32_t heads_len(const struct record_commit *commit,
                          const struct record_head *like)
{
    for (size_t i = 0; i < commit->head_count; i++) {
        const struct record_head *head = &commit->heads[i];

        if (memcmp(&head->document, &like->document, sizeof(like->document)) ==
                0 &&
            memcmp(&head->session, &like->session, sizeof(like->session)) ==
                0) {
            return head->len;
        }
    }
    return 0;
}

/* After going on from `commit`: every log that was acknowledged, and so may be
 * at other peers, is as it was; or, where a commit of it was lost, is not
 * continued. */
static bool judge_forks(struct judge *judge, struct cove *store, size_t commit,
                        size_t acknowledged)
{
    const struct record_commit *held = judge_noted(judge, commit);
    const struct record_commit *seen =
        judge_noted(judge, commit > acknowledged ? commit : acknowledged);
    struct cove_txn *txn;
    bool good = true;

    if (cove_begin(store, COVE_READ, &txn) != 0) {
        return judge_says(judge, "%s", cove_errmsg(store));
    }
    for (size_t i = 0; good && i < seen->head_count; i++) {
        good = judge_log(judge, txn, &seen->heads[i],
                         heads_len(held, &seen->heads[i]));
    }
    cove_abort(txn);
    return good;
}

static bool judge_after(struct judge *judge, struct work *work, size_t commit,
                        uint64_t key, size_t acknowledged)
{
    uint64_t after = 0, before = 0;
    bool known = memo_get(&judge->afters, key, &before);

    /* Opened anew, so that nothing is warm which is not the next time. */
    if (!known && (!judge_step(judge, work, "check") ||
                   !judge_step(judge, work, "reopen"))) {
        return false;
    }
    edge_set(AFTER_MS + 60000, 4712); /* whether it was looked at or not */
    if (!judge_write(judge, work)) {
        return false;
    }
    if (content_of(work->store->store, COVE_REPO_TREES, &after) != 0) {
        return judge_says(judge, "cannot be read after going on");
    }
    if (known) {
        return after == before ||
               judge_says(judge,
                          "going on from commit %zu came to something "
                          "else than the first time",
                          commit);
    }
    judge->looked++;
    memo_put(&judge->afters, key, after);
    return judge_step(judge, work, "check") &&
           judge_forks(judge, work->store, commit, acknowledged);
}

/* ------------------------------------------------------------------- a state
 */

struct judge_place { /* what is left of one directory */
    int dir;         /* its node; -1: it is gone */
    size_t first, last, acknowledged;
    bool needed;
};

/* Open it as an app does, see what is there, and go on. */
static bool judge_open(struct judge *judge, const struct judge_place *place,
                       uint64_t beside, size_t *commit)
{
    struct work work = judge->record->work;
    bool good;

    edge_set(AFTER_MS, 4711);
    snprintf(work.dir, sizeof(work.dir), "%s", judge->dir);
    content_watch = judge->dir;
    good =
        judge_step(judge, &work, "open") &&
        judge_content(judge, content_opened, place->first, place->last, commit);
    if (good) {
        size_t lost = place->acknowledged > *commit ? place->acknowledged : 0;
        uint64_t key[] = {beside, *commit, lost};

        good =
            judge_after(judge, &work, *commit, content_mix(1, key, sizeof(key)),
                        place->acknowledged);
    }
    cove_close(work.store);
    return good;
}

static bool judge_place(struct judge *judge, const struct disk_state *state,
                        const struct judge_place *place)
{
    uint64_t beside, held, key = state_key(state, place->dir, &beside);
    size_t commit = 0;

    if (place->dir < 0) {
        return !place->needed || judge_says(judge, "the directory is gone");
    }
    if (memo_get(&judge->states, key, &held)) {
        return held >= place->first ||
               judge_says(judge, "holds commit %zu, and %zu was acknowledged",
                          (size_t)held, place->first);
    }
    if (!judge_lay(judge, state, place->dir) ||
        !judge_open(judge, place, beside, &commit)) {
        return false;
    }
    judge->judged++;
    judge->absent += commit == 0;
    judge->lost += commit < place->last;
    memo_put(&judge->states, key, commit);
    return true;
}

bool judge_state(struct judge *judge, const struct disk_state *state,
                 const struct judge_moment *moment)
{
    size_t first = moment->acknowledged > judge->may_lose
                       ? moment->acknowledged - judge->may_lose
                       : 0;
    size_t backup = judge->record->backup;
    struct judge_place store = {.dir = disk_find(state, "store"),
                                .first = first,
                                .last = moment->begun,
                                .acknowledged = moment->acknowledged,
                                .needed = first > 0};
    struct judge_place copy = {.dir = disk_find(state, "copy"),
                               .first = backup,
                               .last = backup,
                               .acknowledged = backup,
                               .needed = true};

    /* Of a copy that nobody was told of nothing is asked. */
    return judge_place(judge, state, &store) &&
           (!moment->copied || judge_place(judge, state, &copy));
}

/* A barrier would cost time and do nothing: the state lies in memory. */
static int judge_call(void *ctx, struct call *call)
{
    (void)ctx;
    return call->kind == CALL_SYNC ? CALL_SKIP : 0;
}

static void judge_called(void *ctx, const struct call *call, int failed)
{
    (void)ctx;
    (void)call;
    (void)failed;
}

static const struct calls_hook judge_hook = {judge_call, judge_called, NULL};

void judge_begin(struct judge *judge, const struct record *record,
                 size_t may_lose)
{
    const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    memset(judge, 0, sizeof(*judge));
    judge->record = record;
    judge->may_lose = may_lose;
    snprintf(judge->dir, sizeof(judge->dir), "%s/cove-power-XXXXXX", memory);
    if (mkdtemp(judge->dir) == NULL) {
        abort();
    }
    edge_boot(2);
    calls_watch(&judge_hook);
}

void judge_end(struct judge *judge)
{
    calls_watch(NULL);
    judge_clear(judge);
    (void)rmdir(judge->dir);
    free(judge->states.at);
    free(judge->afters.at);
}
