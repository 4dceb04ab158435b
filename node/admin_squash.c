/* admin_squash.c: files.squash: several files of one schema become one.
 *
 * What is not published yet is nobody's but the developer's: its words go into
 * one migration, which must lead to the same schema. What is published is what
 * it is for ever; where nobody needs it day by day any longer (retired, or
 * older than every version that a device speaks), its files may lie in one
 * file, each as it was, byte by byte.
 */
#include "core/cbor.h"
#include "core/hlc.h"
#include "core/value.h"
#include "crdt/repo_upkeep.h"
#include "node/admin.h"
#include "node/files_compose.h"

#include <stdio.h>

struct squash {
    struct admin *a;
    struct files files;
    struct files_judge judge;
    struct file_chain *chain;
    struct cove_bytes schema;
    int64_t from, to; /* versions behind `from`, up to `to` */
    struct file_item **items;
    size_t count;
};

/* ------------------------------------------------------------------- which */

static bool squash_has(const struct squash *s, const struct file_item *item)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->items[i] == item) {
            return true;
        }
    }
    return false;
}

/* Where the request does not say from where: behind what is published, if
 * anything is not. */
static void squash_begin(struct squash *s, bool given)
{
    for (size_t i = 0; i < s->files.count && !given; i++) {
        const struct file_item *item = &s->files.at[i];

        if (cove_bytes_equal(item->schema, s->schema) &&
            item->state == FILE_UNPUBLISHED && item->from > 0) {
            s->from = item->from;
            return;
        }
    }
}

static int squash_choose(struct squash *s)
{
    s->items = cove_arena_array(&s->a->arena, s->files.count + 1,
                                sizeof(struct file_item *));
    if (s->items == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < s->files.count; i++) {
        struct file_item *item = &s->files.at[i];

        if (!cove_bytes_equal(item->schema, s->schema)) {
            continue;
        }
        if (item->problem != NULL) {
            return cove_fail(&s->a->diag,
                             item->err != 0 ? item->err : COVE_EDRIFT, "%s",
                             item->why);
        }
        if (item->to > s->from && item->to <= s->to) {
            s->items[s->count++] = item;
        }
    }
    if (s->count < 2) {
        char most[32] = "";

        if (s->to < INT64_MAX) {
            snprintf(most, sizeof(most), " and up to %lld", (long long)s->to);
        }
        return cove_fail(&s->a->diag, COVE_ENOTFOUND,
                         "there are not two files of %.*s behind version "
                         "%lld%s that could become one; `cove migrate verify` "
                         "shows those there are",
                         SHOWN(s->schema), (long long)s->from, most);
    }
    return 0;
}

/* ---------------------------------------------------- what is not published */

/* The words of a file, as they stand there. */
static int merge_words(struct squash *s, const struct file_item *item,
                       const char *key, struct cove_writer *w, size_t *count)
{
    struct cove_bytes list;
    struct cove_reader r;

    if (!cove_value_member(item->migration.cbor, key, &list)) {
        return strcmp(key, "steps") != 0
                   ? COVE_ENOTFOUND
                   : cove_fail(&s->a->diag, COVE_EUNSUPPORTED,
                               "%s has the older form, without \"steps\": "
                               "write it in words first",
                               item->name);
    }
    cove_reader_init(&r, list);
    for (size_t left = cove_reader_list(&r); left > 0; left--) {
        cove_writer_item(w, cove_reader_item(&r));
        *count += 1;
    }
    return w->err;
}

/* The words of all files as one list, the last file first where `back`. */
static int merge_list(struct squash *s, const char *key, bool back,
                      struct cove_bytes *out)
{
    struct cove_buf words, list;
    struct cove_writer w;
    size_t count = 0;
    int err = 0;

    cove_buf_init(&words, s->a->store->alloc);
    cove_buf_init(&list, s->a->store->alloc);
    cove_writer_init(&w, &words);
    for (size_t i = 0; i < s->count && err == 0; i++) {
        err = merge_words(s, s->items[back ? s->count - 1 - i : i], key, &w,
                          &count);
    }
    cove_writer_init(&w, &list);
    cove_writer_list(&w, count);
    cove_writer_item(&w, cove_buf_bytes(&words));
    err = err != 0 ? err : w.err;
    if (err == 0) {
        err = cove_arena_copy(&s->a->arena, cove_buf_bytes(&list), out);
    }
    cove_buf_clear(&words);
    cove_buf_clear(&list);
    return err;
}

/* The notes of all, one behind the other. */
static int merge_note(struct squash *s, struct cove_bytes *out)
{
    char *note = NULL;

    for (size_t i = 0; i < s->count; i++) {
        struct cove_bytes one = s->items[i]->migration.note;

        if (one.len > 0) {
            note = cove_arena_printf(
                &s->a->arena, "%s%s%.*s", note != NULL ? note : "",
                note != NULL ? "; " : "", (int)one.len, (const char *)one.at);
            if (note == NULL) {
                return COVE_ENOMEM;
            }
        }
    }
    *out = note != NULL ? cove_bytes_text(note) : cove_bytes(NULL, 0);
    return 0;
}

/* Each file must start where the one before it ends. */
static int merge_linear(struct squash *s)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct file_item *item = s->items[i];

        if (item->kind != FILE_MIGRATION) {
            return cove_fail(&s->a->diag, COVE_EUSAGE,
                             "%s is the first version of %.*s; squash from 1 "
                             "on, or edit it",
                             item->name, SHOWN(s->schema));
        }
        if (item->within != NULL || item->migration.from_count != 1 ||
            (i > 0 && item->from != s->items[i - 1]->to)) {
            return cove_fail(
                &s->a->diag, COVE_EUNSUPPORTED,
                "%s does not start at version %lld alone: only a "
                "plain chain of files can become one",
                item->name, (long long)(i > 0 ? s->items[i - 1]->to : s->from));
        }
    }
    return 0;
}

/* Judge the one file in place of the many, with those behind it. */
static int merge_check(struct squash *s, const char *name,
                       struct cove_bytes text, struct cove_hash *hash)
{
    struct files fresh = {.arena = &s->a->arena};
    struct files_judge judge = {.txn = s->judge.txn, .files = &fresh};
    int err = files_add(&fresh, name, text);

    for (size_t i = 0; i < s->files.count && err == 0; i++) {
        const struct file_item *item = &s->files.at[i];

        if (cove_bytes_equal(item->schema, s->schema) && !squash_has(s, item)) {
            err = files_add(&fresh, item->name, item->text);
        }
    }
    err = err != 0 ? err : files_settle(&fresh);
    err = err != 0 ? err : files_judge(&judge);
    for (size_t i = 0; i < fresh.count && err == 0; i++) {
        if (fresh.at[i].problem != NULL) {
            err = cove_fail(&s->a->diag, COVE_ECONFLICT,
                            "as one file they do not do the same: %s",
                            fresh.at[i].why);
        }
        if (fresh.at[i].name == name) {
            *hash = fresh.at[i].hash;
        }
    }
    files_judge_clear(&judge);
    return err;
}

static int squash_merge(struct squash *s, struct cove_bytes *text,
                        const char **name, struct cove_hash *hash)
{
    const struct file_item *first = s->items[0];
    const struct file_item *last = s->items[s->count - 1];
    struct files_compose what = {.schema = s->schema,
                                 .from = first->from,
                                 .to = last->to,
                                 .target = &last->file};
    struct cove_schema_file before;
    bool found, down = true;
    int err = merge_linear(s);

    err = err != 0 ? err : merge_list(s, "steps", false, &what.steps);
    if (err == 0) {
        err = merge_list(s, "down", true, &what.down);
        down = err == 0;
        err = err == COVE_ENOTFOUND ? 0 : err;
    }
    err = err != 0 ? err : merge_note(s, &what.note);
    err = err != 0 ? err
                   : files_schema_at(&s->judge, s->chain, first->from, &before,
                                     &found);
    if (err == 0 && found) {
        what.hash_from = &before.hash;
    }
    err = err != 0 ? err : files_compose(&s->a->arena, &what, text);
    if (err == 0) {
        *name = last->name;
        node_json_key(&s->a->reply, "down");
        node_json_bool(&s->a->reply, down);
        err = merge_check(s, *name, *text, hash);
    }
    return err;
}

/* -------------------------------------------------------- what is published */

#define DAY_MS 86400000

/* The oldest version that a device has written at within the days in which a
 * version counts as in use; the newest where there is none. */
static int fold_oldest(struct squash *s, int64_t *out)
{
    const struct cove_env *env = s->a->store->env;
    const struct cove_journal *journal = s->chain->doc->journal;
    const struct cove_step *newest = cove_journal_newest(journal);
    int64_t days = s->a->store->live_days > 0 ? s->a->store->live_days : 90;
    int64_t since = env->now_ms(env->ctx) - days * DAY_MS;
    struct cove_spoken spoken = {.schema = s->chain->num};
    int err;

    *out = newest != NULL ? newest->version : 0;
    while ((err = cove_repo_spoken_next(s->judge.txn->worker->repo,
                                        s->judge.txn->txn, &spoken, &spoken)) ==
           0) {
        const struct cove_step *step =
            cove_journal_find(journal, &spoken.epoch);

        if (step != NULL && cove_hlc_ms(spoken.hlc) >= since &&
            step->version < *out) {
            *out = step->version;
        }
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int fold_allowed(struct squash *s)
{
    int64_t oldest;
    int err = fold_oldest(s, &oldest);

    for (size_t i = 0; i < s->count && err == 0; i++) {
        const struct file_item *item = s->items[i];
        const struct cove_step *step =
            cove_journal_find(s->chain->doc->journal, &item->step);

        if (item->to >= oldest && (step == NULL || !step->retired)) {
            err = cove_fail(
                &s->a->diag, COVE_EDRIFT,
                "%s: version %lld of %.*s is published: a step is what its "
                "bytes say, and cannot become another. Its file can lie in one "
                "with older ones when nobody speaks that version any longer; "
                "the oldest in use is %lld: `cove migrate retire %.*s %lld`",
                item->name, (long long)item->to, SHOWN(s->schema),
                (long long)oldest, SHOWN(s->schema), (long long)item->to);
        }
    }
    return err;
}

/* What is folded with it must be whole: a bundle in it, too. */
static int fold_whole(struct squash *s)
{
    for (size_t i = 0; i < s->files.count; i++) {
        const struct file_item *item = &s->files.at[i];
        bool split = false;

        for (size_t k = 0; item->within != NULL && k < s->count; k++) {
            split = split || (s->items[k]->within == item->within &&
                              !squash_has(s, item));
        }
        if (split) {
            return cove_fail(&s->a->diag, COVE_EUSAGE,
                             "%s holds %s too: take all that is in it",
                             item->within, item->name);
        }
    }
    return 0;
}

static int squash_fold(struct squash *s, struct cove_bytes *text,
                       const char **name, struct cove_hash *hash)
{
    struct node_json j;
    char *out = NULL;
    int err = fold_allowed(s);

    err = err != 0 ? err : fold_whole(s);
    if (err != 0) {
        return err;
    }
    node_json_init(&j, s->a->store->alloc);
    node_json_open(&j, '{');
    node_json_key(&j, "bundle");
    node_json_open(&j, '[');
    for (size_t i = 0; i < s->count; i++) {
        node_json_open(&j, '{');
        node_json_key(&j, "file");
        node_json_cstr(&j, s->items[i]->name);
        node_json_key(&j, "text");
        node_json_text(&j, s->items[i]->raw);
        node_json_close(&j, '}');
    }
    node_json_close(&j, ']');
    node_json_close(&j, '}');
    err = node_json_take(&j, &out);
    if (err == 0) {
        err = cove_arena_copy(&s->a->arena, cove_bytes_text(out), text);
    }
    cove_free(out);
    *name =
        s->items[0]->within != NULL ? s->items[0]->within : s->items[0]->name;
    return err != 0 ? err : files_hash(&s->a->arena, *text, hash);
}

/* ------------------------------------------------------------------ the verb
 */

static void squash_reply(struct squash *s, struct cove_bytes text,
                         const char *name, const struct cove_hash *hash,
                         bool folded)
{
    struct node_json *j = &s->a->reply;
    const char *last = NULL;

    node_json_key(j, "schema");
    node_json_text(j, s->schema);
    node_json_key(j, "from");
    node_json_int(j, s->items[0]->from);
    node_json_key(j, "to");
    node_json_int(j, s->items[s->count - 1]->to);
    node_json_key(j, "bundle");
    node_json_bool(j, folded);
    node_json_key(j, "name");
    node_json_cstr(j, name);
    node_json_key(j, "hash");
    node_json_hex(j, hash->b, sizeof(hash->b));
    node_json_key(j, "text");
    node_json_text(j, text);
    node_json_key(j, "replaces");
    node_json_open(j, '[');
    for (size_t i = 0; i < s->count; i++) {
        const char *file = s->items[i]->within != NULL ? s->items[i]->within
                                                       : s->items[i]->name;

        if (last == NULL || strcmp(last, file) != 0) {
            node_json_cstr(j, file);
        }
        last = file;
    }
    node_json_close(j, ']');
}

static int squash_run(struct squash *s, bool from_given)
{
    struct cove_bytes text;
    struct cove_hash hash = {{0}};
    const char *name;
    size_t published = 0;
    int err = files_judge(&s->judge);

    if (err == 0) {
        squash_begin(s, from_given);
        err = files_chain(&s->judge, s->schema, &s->chain);
    }
    err = err != 0 ? err : squash_choose(s);
    for (size_t i = 0; i < s->count && err == 0; i++) {
        published += s->items[i]->state == FILE_PUBLISHED;
    }
    if (err == 0 && published > 0 && published < s->count) {
        err = cove_fail(&s->a->diag, COVE_EDRIFT,
                        "%s is published, and what is published stays as it "
                        "is; squash what comes after version %lld",
                        s->items[published - 1]->name,
                        (long long)s->items[published - 1]->to);
    }
    if (err == 0) {
        err = published > 0 ? squash_fold(s, &text, &name, &hash)
                            : squash_merge(s, &text, &name, &hash);
    }
    if (err == 0) {
        squash_reply(s, text, name, &hash, published > 0);
    }
    return err;
}

static int verb_squash(struct admin *a)
{
    struct squash s = {.a = a, .files = {.arena = &a->arena}, .to = INT64_MAX};
    const char *schema = NULL;
    struct cove_bytes given;
    int err = admin_text(a, "schema", &schema);

    err = err != 0 ? err : admin_need(a, "schema", schema);
    err = err != 0 ? err : admin_value(a, "from", &given);
    err = err != 0 ? err : admin_int(a, "from", &s.from);
    err = err != 0 ? err : admin_int(a, "to", &s.to);
    err = err != 0 ? err : admin_files(a, "files", &s.files);
    err = err != 0 ? err : files_settle(&s.files);
    if (err == 0) {
        err = node_begin(a->store, COVE_READ, &s.judge.txn);
    }
    if (err != 0) {
        return err;
    }
    s.schema = cove_bytes_text(schema);
    s.judge.files = &s.files;
    err = squash_run(&s, given.len > 0);
    files_judge_clear(&s.judge);
    return admin_end(a, s.judge.txn, err);
}

const struct admin_verb admin_squash_verbs[] = {
    {"files.squash", "files schema from to", verb_squash},
    {NULL, NULL, NULL},
};
