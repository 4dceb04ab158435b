/* repo_check.c: the check as a whole: phases, slices, findings. */
#include "crdt/repo_check_internal.h"

#define SLICE_DOCUMENTS 64
#define SLICE_ENTRIES   4096
#define SLICE_BYTES     ((size_t)4 << 20)

int cove_check_new(struct cove_repo *repo, const struct cove_check_options *opt,
                   struct cove_check **out)
{
    struct cove_check *c = cove_alloc_zero(repo->opt.alloc, 1, sizeof(*c));

    if (c == NULL) {
        return COVE_ENOMEM;
    }
    c->repo = repo;
    c->opt = *opt;
    c->phase = opt->quick ? CHECK_DOCUMENTS : CHECK_INTERN;
    cove_arena_init(&c->arena, repo->opt.alloc);
    cove_arena_init(&c->piece, repo->opt.alloc);
    cove_arena_init(&c->groups_arena, repo->opt.alloc);
    *out = c;
    return 0;
}

void cove_check_free(struct cove_check *check)
{
    if (check != NULL) {
        check->repo->mending = false;
        cove_arena_clear(&check->arena);
        cove_arena_clear(&check->piece);
        cove_arena_clear(&check->groups_arena);
        cove_alloc_free(check->repo->opt.alloc, check);
    }
}

const struct cove_check_sum *cove_check_sum(const struct cove_check *check)
{
    return &check->sum;
}

/* --- findings */

bool check_is_damage(int err)
{
    switch (err) {
    case COVE_ECORRUPT:
    case COVE_EFORMAT:
    case COVE_EHASH:
    case COVE_ESIGNATURE:
    case COVE_ELIMIT:
    case COVE_ERESERVED:
    case COVE_ENOTFOUND:
        return true;
    default:
        return false;
    }
}

int check_say(struct cove_check *c, struct cove_finding *f,
              const struct repo_record *record)
{
    if (record != NULL) {
        f->has_id = true;
        f->id = record->id;
    }
    f->fixed = f->fixed && c->opt.repair;
    c->sum.lost += !f->derived;
    c->sum.derived += f->derived;
    c->sum.fixed += f->fixed;
    return c->opt.finding != NULL ? c->opt.finding(c->opt.ctx, f) : 0;
}

int check_derived(struct cove_check *c, const char *kind,
                  const struct repo_record *record, const char *text)
{
    struct cove_finding f = {
        .kind = kind, .derived = true, .fixed = true, .text = text};

    return check_say(c, &f, record);
}

/* --- what the phases share */

int check_record(struct cove_check *c, cove_num num,
                 const struct repo_record **out, bool *there)
{
    int err;

    *out = &c->record;
    if (c->record_there && c->record.num == num) {
        *there = c->record.row_cap > 0;
        return 0;
    }
    cove_arena_reset(&c->arena);
    memset(&c->record, 0, sizeof(c->record));
    err = repo_record_read(&c->work, num, &c->record);
    c->record.num = num;
    c->record_there = true;
    if (check_is_damage(err)) {
        memset(&c->record, 0, sizeof(c->record));
        c->record.num = num;
        err = 0;
    }
    *there = c->record.row_cap > 0;
    return err;
}

int check_delete(struct cove_check *c, unsigned tree, struct cove_bytes key)
{
    uint8_t room[COVE_STORE_MAX_KEY];

    if (!c->opt.repair) {
        return 0;
    }
    c->wrote = true;
    memcpy(room, key.at, key.len);

    int err = cove_store_del(c->work.txn, tree, cove_bytes(room, key.len));

    return err == COVE_ENOTFOUND ? 0 : err;
}

/* --- slices */

static int slice_documents(struct cove_check *c, bool *over,
                           int (*each)(struct cove_check *c, cove_num num))
{
    int err = 0;

    for (int i = 0; i < SLICE_DOCUMENTS && err == 0; i++) {
        err = repo_next_record(c->work.txn, c->num, &c->num);
        if (err == 0) {
            c->record_there = false;
            cove_arena_reset(&c->arena);
            c->sum.done++;
            err = each(c, c->num);
        } else if (err == COVE_ENOTFOUND) {
            c->num = 0;
            *over = true;
            return 0;
        }
    }
    return err;
}

/* The entries of a tree behind the one looked at last; what an entry says is
 * copied, since a repair may write. */
static int slice_entries(struct cove_check *c, unsigned tree, check_entry *each,
                         bool *over)
{
    struct cove_buf room;
    size_t bytes = 0;
    int err = 0;

    cove_buf_init(&room, c->repo->opt.alloc);
    for (int i = 0; i < SLICE_ENTRIES && bytes < SLICE_BYTES && err == 0; i++) {
        struct cove_bytes after = cove_bytes(c->key, c->key_len);
        struct cove_store_cursor *cursor;
        struct cove_entry entry;

        err = cove_store_cursor_open(c->work.txn, tree, &cursor);
        if (err != 0) {
            break;
        }
        err = cove_store_cursor_seek(cursor, after, &entry);
        if (err == 0 && c->key_len > 0 && cove_bytes_equal(entry.key, after)) {
            err = cove_store_cursor_next(cursor, &entry);
        }
        room.len = 0;
        if (err == 0) {
            err = cove_buf_append(&room, entry.value);
        }
        cove_store_cursor_close(cursor);
        if (err == COVE_ENOTFOUND) {
            *over = true;
            err = 0;
            break;
        }
        if (err == 0) {
            c->key_len = entry.key.len;
            memcpy(c->key, entry.key.at, entry.key.len);
            entry.key = cove_bytes(c->key, c->key_len);
            entry.value = cove_buf_bytes(&room);
            bytes += entry.value.len;
            c->sum.done++;
            err = each(c, &entry);
        }
    }
    cove_buf_clear(&room);
    return err;
}

static int slice_run(struct cove_check *c, bool *over)
{
    switch (c->phase) {
    case CHECK_DOCUMENTS:
        return slice_documents(c, over, check_document);
    case CHECK_OWNERS:
        return slice_documents(c, over, check_owner);
    case CHECK_LOG:
        return slice_entries(c, REPO_LOG, check_log_entry, over);
    case CHECK_STATES:
        return slice_entries(c, REPO_STATES, check_state_entry, over);
    case CHECK_CUTS:
        return slice_entries(c, REPO_CUTS, check_cut_entry, over);
    case CHECK_SCHEMAS:
        return slice_entries(c, REPO_SCHEMAS, check_schema_entry, over);
    case CHECK_CHANGES:
        return slice_entries(c, REPO_CHANGES, check_change_entry, over);
    case CHECK_IDS:
        return slice_entries(c, REPO_IDS, check_id_entry, over);
    case CHECK_FORKS:
        return slice_entries(c, REPO_FORK_PROOFS, check_fork_entry, over);
    case CHECK_INTERN:
        return slice_entries(c, REPO_INTERN, check_intern_entry, over);
    case CHECK_INTERN_KEYS:
        return slice_entries(c, REPO_INTERN_KEYS, check_intern_key_entry, over);
    case CHECK_INDEXED:
        return slice_entries(c, REPO_INDEXED, check_indexed_entry, over);
    case CHECK_INDEX:
        return slice_entries(c, REPO_INDEX, check_index_entry, over);
    case CHECK_GROUPS:
        return check_groups(c, over);
    case CHECK_TALLIES:
        *over = true;
        return check_tallies(c);
    case CHECK_COUNTERS:
        *over = true;
        return check_counters(c);
    case CHECK_SUMS:
        return slice_entries(c, REPO_SUMS, check_sum_entry, over);
    case CHECK_ASIDE:
        *over = true;
        return check_asides(c);
    case CHECK_OVER:
        break;
    }
    *over = true;
    return 0;
}

void check_forget(struct cove_repo *repo)
{
    repo_cache_clear(repo);
    repo->tree.num = 0;
}

static int slice_begin(struct cove_check *c, struct cove_store_txn *txn)
{
    check_forget(c->repo);
    c->record_there = false;
    cove_arena_reset(&c->arena);
    c->wrote = false;
    c->repo->mending = c->opt.repair;
    return repo_work_begin(&c->work, c->repo, txn, &c->arena, NULL);
}

static int slice_end(struct cove_check *c, int err)
{
    if (err == 0 && c->wrote) {
        err = repo_work_end(&c->work);
    }
    return err;
}

/* For how far it is: what the trees hold that are gone through. */
static int check_total(struct cove_check *c)
{
    struct cove_store_usage usage;
    int err = cove_store_usage(c->repo->opt.store, &usage);

    if (err == 0) {
        c->sum.total =
            2 * usage.entries[REPO_DOCS] + usage.entries[REPO_LOG] +
            usage.entries[REPO_STATES] + usage.entries[REPO_SCHEMAS] +
            usage.entries[REPO_CHANGES] + usage.entries[REPO_IDS] +
            usage.entries[REPO_FORK_PROOFS] + usage.entries[REPO_INTERN] +
            usage.entries[REPO_INTERN_KEYS] + usage.entries[REPO_SUMS] +
            usage.entries[REPO_INDEXED] + usage.entries[REPO_INDEX] + 1;
    }
    return err;
}

static void phase_next(struct cove_check *c)
{
    c->key_len = 0;
    do {
        c->phase++;
    } while (c->opt.quick && c->phase != CHECK_TALLIES &&
             c->phase != CHECK_ASIDE && c->phase != CHECK_OVER);
}

int cove_check_step(struct cove_check *check, struct cove_store_txn *txn,
                    bool *over)
{
    bool done = false;
    int err =
        check->sum.total == 0 && !check->opt.repair ? check_total(check) : 0;

    if (err == 0) {
        err = slice_begin(check, txn);
    }
    if (err == 0) {
        err = slice_run(check, &done);
    }
    err = slice_end(check, err);
    if (err == 0 && done) {
        phase_next(check);
    }
    *over = check->phase == CHECK_OVER;
    return err;
}

int cove_check_document(struct cove_check *check, struct cove_store_txn *txn,
                        cove_num *num)
{
    int err = slice_begin(check, txn);

    if (err == 0) {
        err = repo_next_record(txn, *num, &check->num);
    }
    if (err != 0) {
        return err;
    }
    *num = check->num;
    return slice_end(check, check_document(check, check->num));
}
