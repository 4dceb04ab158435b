/* repo_salvage.c: the salvage as a whole: passes over the documents, then the
 * small records. */
#include "crdt/repo_salvage_internal.h"

#include "crdt/repo_check_internal.h"

#define STEP_DOCUMENTS 64
#define ONCE_AT        8 /* of a run's key: behind the journal's number */

static int salvage_repo(struct cove_salvage *s, struct cove_store *store,
                        struct cove_repo **out, struct cove_diag *diag)
{
    struct cove_repo_options opt = {.alloc = s->opt.alloc,
                                    .env = s->opt.env,
                                    .store = store,
                                    .secret = s->opt.secret,
                                    .device = s->opt.device};

    return cove_repo_open(&opt, out, diag);
}

int cove_salvage_new(const struct cove_salvage_options *opt,
                     struct cove_salvage **out, struct cove_diag *diag)
{
    struct cove_salvage *s = cove_alloc_zero(opt->alloc, 1, sizeof(*s));
    int err = s == NULL ? COVE_ENOMEM : 0;

    if (err != 0) {
        return err;
    }
    s->opt = *opt;
    cove_arena_init(&s->arena, opt->alloc);
    cove_arena_init(&s->piece, opt->alloc);
    cove_arena_init(&s->journals_arena, opt->alloc);
    err = salvage_repo(s, opt->scratch, &s->from, diag);
    if (err == 0) {
        err = salvage_repo(s, opt->store, &s->to, diag);
    }
    if (err != 0) {
        cove_salvage_free(s);
        return err;
    }
    s->to->mending = true;
    *out = s;
    return 0;
}

void cove_salvage_free(struct cove_salvage *s)
{
    if (s == NULL) {
        return;
    }
    cove_store_abort(s->fill);
    cove_repo_close(s->from);
    cove_repo_close(s->to);
    cove_arena_clear(&s->arena);
    cove_arena_clear(&s->piece);
    cove_arena_clear(&s->journals_arena);
    cove_alloc_free(s->opt.alloc, s);
}

const struct cove_salvage_sum *cove_salvage_sum(const struct cove_salvage *s)
{
    return &s->sum;
}

struct cove_repo *cove_salvage_from(struct cove_salvage *s)
{
    return s->from;
}

struct cove_repo *cove_salvage_to(struct cove_salvage *s)
{
    return s->to;
}

int cove_salvage_filled(struct cove_salvage *s,
                        const struct cove_salvage_broken *broken)
{
    int err = s->fill != NULL ? cove_store_commit(s->fill) : 0;

    s->fill = NULL;
    s->broken.root = broken->root;
    s->broken.documents =
        s->broken.documents || broken->documents || broken->root;
    s->broken.ids = s->broken.ids || broken->ids || broken->root;
    s->sum.complete = !s->broken.documents;
    check_forget(s->from);
    return err;
}

/* --- which numbers there are */

/* Behind a number may be a part of a record, which alone is nothing; loose ones
 * have a hash there. */
static int tree_next(struct cove_salvage *s, unsigned tree, cove_num after,
                     cove_num *out)
{
    size_t rest = tree == SALVAGE_DOCS ? 8 : 0;
    struct cove_store_cursor *cursor;
    struct cove_place place;
    struct cove_entry entry;
    int err = cove_store_cursor_open(s->work.txn, tree, &cursor);

    if (err != 0) {
        return err;
    }
    cove_place_start(&place);
    cove_place_number(&place, after + 1);
    err = cove_store_cursor_seek(cursor, cove_place_bytes(&place), &entry);
    while (err == 0) {
        cove_num num;

        err = cove_place_take(&entry.key, &num);
        if (err == 0 && entry.key.len == rest) {
            *out = num;
            break;
        }
        if (err == 0) {
            err = cove_store_cursor_next(cursor, &entry);
        }
    }
    cove_store_cursor_close(cursor);
    return err;
}

static int salvage_next(struct cove_salvage *s, cove_num after, cove_num *out)
{
    cove_num tree = UINT64_MAX;
    cove_num loose = UINT64_MAX;
    int err = after == UINT64_MAX ? COVE_ENOTFOUND
                                  : tree_next(s, REPO_DOCS, after, &tree);

    if (err == COVE_ENOTFOUND) {
        err = 0;
    }
    if (err == 0 && s->broken.documents && after != UINT64_MAX) {
        err = tree_next(s, SALVAGE_DOCS, after, &loose);
        err = err == COVE_ENOTFOUND ? 0 : err;
    }
    *out = tree < loose ? tree : loose;
    return err == 0 && *out == UINT64_MAX ? COVE_ENOTFOUND : err;
}

int repo_salvage_number_put(struct cove_salvage *s, cove_num from, cove_num to)
{
    void *journals = s->journals;
    int err =
        cove_arena_grow(&s->journals_arena, &journals, sizeof(*s->journals),
                        s->journal_count, &s->journal_cap);

    if (err == 0) {
        s->journals = journals;
        s->journals[s->journal_count++] = (struct salvage_journal){from, to};
    }
    return err;
}

/* --- small records */

static int record_copy(struct cove_salvage *s, struct cove_bytes key,
                       struct cove_bytes value)
{
    return cove_store_put(s->txn, REPO_RECORDS, key, value);
}

static int records_named(struct cove_salvage *s, const char *prefix)
{
    size_t len = strlen(prefix);
    struct cove_bytes after = cove_bytes_text(prefix);
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    int err = cove_store_cursor_open(s->work.txn, REPO_RECORDS, &cursor);

    if (err != 0) {
        return err;
    }
    err = cove_store_cursor_seek(cursor, after, &entry);
    while (err == 0 && entry.key.len >= len &&
           memcmp(entry.key.at, prefix, len) == 0) {
        err = record_copy(s, entry.key, entry.value);
        if (err == 0) {
            err = cove_store_cursor_next(cursor, &entry);
        }
    }
    cove_store_cursor_close(cursor);
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* The account, where its document was saved. */
static int records_account(struct cove_salvage *s)
{
    struct cove_bytes key = cove_bytes_text("account"), value;
    struct cove_id id;
    cove_num num;
    int err = cove_store_get(s->work.txn, REPO_RECORDS, key, &value);

    if (err == 0 && value.len == sizeof(id.b)) {
        memcpy(id.b, value.at, sizeof(id.b));
        err = cove_repo_find(s->to, s->txn, &id, &num);
        if (err == 0) {
            err = record_copy(s, key, value);
        }
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

static const struct salvage_journal *once_journal(const struct cove_salvage *s,
                                                  cove_num from)
{
    for (size_t i = 0; i < s->journal_count; i++) {
        if (s->journals[i].from == from) {
            return &s->journals[i];
        }
    }
    return NULL;
}

/* What was done once must not be done again: `o` and a name, behind the number
 * of the journal, which is another one now. Runs are begun anew. */
static int records_once(struct cove_salvage *s)
{
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    int err = cove_store_cursor_open(s->work.txn, REPO_RUNS, &cursor);

    if (err != 0) {
        return err;
    }
    err = cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry);
    while (err == 0) {
        uint8_t key[COVE_STORE_MAX_KEY];
        const struct salvage_journal *journal = NULL;

        if (entry.key.len > ONCE_AT && entry.key.at[ONCE_AT] == 'o') {
            journal = once_journal(s, cove_get_be64(entry.key.at));
        }
        if (journal != NULL) {
            memcpy(key, entry.key.at, entry.key.len);
            cove_put_be64(key, journal->to);
            err = cove_store_put(s->txn, REPO_RUNS,
                                 cove_bytes(key, entry.key.len), entry.value);
        }
        if (err == 0) {
            err = cove_store_cursor_next(cursor, &entry);
        }
    }
    cove_store_cursor_close(cursor);
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* Ids that lead to numbers of which nothing is left. */
static int records_lost(struct cove_salvage *s)
{
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    int err = cove_store_cursor_open(s->work.txn, REPO_IDS, &cursor);

    if (err != 0) {
        return err;
    }
    err = cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry);
    while (err == 0 && s->broken.documents) {
        struct cove_saved saved = {
            .has_id = true,
            .what = "lost",
            .why = "nothing but its id is left, if it was here"};
        cove_num num;

        if (entry.key.len == sizeof(saved.id.b)) {
            memcpy(saved.id.b, entry.key.at, sizeof(saved.id.b));
            err = cove_repo_find(s->to, s->txn, &saved.id, &num);
            err = err == COVE_ENOTFOUND ? salvage_say(s, &saved) : err;
        }
        if (err == 0) {
            err = cove_store_cursor_next(cursor, &entry);
        }
    }
    cove_store_cursor_close(cursor);
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int salvage_records(struct cove_salvage *s)
{
    int err = records_account(s);

    if (err == 0) {
        err = records_named(s, "config");
    }
    if (err == 0) {
        err = records_named(s, "mark/");
    }
    if (err == 0) {
        err = records_named(s, COVE_ASIDE);
    }
    if (err == 0) {
        err = records_once(s);
    }
    return err != 0 ? err : records_lost(s);
}

/* --- steps */

static int step_documents(struct cove_salvage *s, bool *over)
{
    int err = 0;

    for (int i = 0; i < STEP_DOCUMENTS && err == 0; i++) {
        err = salvage_next(s, s->num, &s->num);
        if (err == 0) {
            err = salvage_document(s, s->num, !s->rights);
        }
    }
    if (err != COVE_ENOTFOUND) {
        return err;
    }
    s->num = 0;
    *over = s->rights;
    s->rights = true;
    return *over ? salvage_records(s) : 0;
}

int cove_salvage_step(struct cove_salvage *s, bool *over)
{
    struct cove_store_txn *read;
    int err = cove_store_begin(s->opt.scratch, false, &read);

    *over = false;
    if (err != 0) {
        return err;
    }
    s->txn_bytes = 0;
    s->group_count = 0;
    err = cove_store_begin(s->opt.store, true, &s->txn);
    if (err == 0) {
        err = repo_work_begin(&s->work, s->from, read, &s->arena, NULL);
    }
    if (err == 0) {
        err = step_documents(s, over);
    }
    if (err == 0) {
        err = cove_store_commit(s->txn);
    } else {
        cove_store_abort(s->txn);
    }
    s->txn = NULL;
    cove_store_abort(read);
    return err;
}
