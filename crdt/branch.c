/* branch.c: see branch.h. */
#include "crdt/branch.h"

#include <stdlib.h>

#include "core/utf8.h"
#include "crdt/repo_internal.h"
#include "crdt/repo_upkeep.h"

#define BRANCH_NAMED 5 /* ids that an ambiguity lists */

bool cove_doc_on_branch(const struct cove_doc *doc)
{
    return !repo_branch_is_none(&doc->branch);
}

int cove_branch_name(struct cove_bytes name, struct cove_diag *diag)
{
    bool good = name.len >= 1 && name.len <= COVE_MAX_KEY &&
                cove_utf8_valid(name) && name.at[0] != '#';

    for (size_t at = 0; good && at < name.len;) {
        uint32_t point = 0;

        at += cove_utf8_decode(name, at, &point);
        good = point >= 0x20 && (point < 0x7f || point > 0x9f);
    }
    return good ? 0
                : cove_fail(diag, COVE_EUSAGE,
                            "a branch's name has 1 to %d bytes, no control "
                            "characters, and does not begin with #",
                            COVE_MAX_KEY);
}

/* --- how far a document shows its sessions */

static int branch_record(struct repo_work *work, const struct cove_doc *doc,
                         struct repo_record *out)
{
    int err = repo_doc_record(work, doc, out);

    if (err == 0 && !repo_doc_is_current(out, doc)) {
        err = cove_fail(work->diag, COVE_EUSAGE,
                        "the document was written since it was loaded");
    }
    return err;
}

/* Who writes brings what is loaded up to date first. */
static int branch_refresh(struct cove_repo *repo, struct cove_store_txn *txn,
                          struct cove_doc *doc, struct cove_diag *diag)
{
    struct repo_record record;
    struct cove_arena arena;
    struct repo_work work;
    bool current = true;
    int err;

    cove_arena_init(&arena, repo->opt.alloc);
    err = repo_work_begin(&work, repo, txn, &arena, diag);
    if (err == 0) {
        err = repo_doc_record(&work, doc, &record);
    }
    if (err == 0) {
        current = repo_doc_is_current(&record, doc);
    }
    cove_arena_clear(&arena);
    return err != 0 || current
               ? err
               : cove_repo_load_branch(repo, txn, doc->num, &doc->branch,
                                       doc->arena, doc, diag);
}

int cove_repo_frontier(struct cove_repo *repo, struct cove_store_txn *txn,
                       const struct cove_doc *doc, struct cove_arena *arena,
                       struct cove_reach **out, size_t *count)
{
    struct repo_record record;
    struct cove_reach *points;
    struct repo_work work;
    size_t kept = 0;
    int err = repo_work_begin(&work, repo, txn, arena, NULL);

    if (err == 0) {
        err = branch_record(&work, doc, &record);
    }
    if (err != 0) {
        return err;
    }
    points = cove_arena_array(arena, record.row_count + 1, sizeof(*points));
    if (points == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < record.row_count; i++) {
        points[kept].session = record.rows[i].pub.session;
        points[kept].len = repo_doc_shown(doc, &record.rows[i]);
        kept += points[kept].len > 0;
    }
    *out = points;
    *count = kept;
    return 0;
}

/* --- the branches that there are */

struct branch_list {
    struct repo_work work;
    struct repo_record record;
    struct cove_doc_branch *branches;
    size_t count;
    bool *empty; /* of each row: its first transaction only begins the branch */
};

static struct cove_doc_branch *list_find(const struct branch_list *list,
                                         const struct cove_session_id *id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (memcmp(&list->branches[i].id, id, sizeof(*id)) == 0) {
            return &list->branches[i];
        }
    }
    return NULL;
}

/* The first session decides on the name, as it does on what is shown; the
 * oldest says who began it. */
static void list_take(struct branch_list *list, const struct repo_row *row,
                      const struct cove_tx *tx)
{
    struct cove_doc_branch *branch = list_find(list, &row->branch);

    if (branch == NULL) {
        branch = &list->branches[list->count++];
        branch->id = row->branch;
        branch->name = tx->branch.name;
        branch->hlc = UINT64_MAX;
    }
    if (tx->hlc < branch->hlc) {
        branch->hlc = tx->hlc;
        branch->author = row->pub.device;
    }
}

static int list_order(const void *left, const void *right)
{
    const struct cove_doc_branch *a = left;
    const struct cove_doc_branch *b = right;
    int order = cove_bytes_compare(a->name, b->name);

    if (order == 0) {
        order = a->hlc < b->hlc ? -1 : a->hlc > b->hlc;
    }
    return order != 0 ? order : memcmp(&a->id, &b->id, sizeof(a->id));
}

static int list_read(struct branch_list *list, const struct cove_doc *doc)
{
    int err = branch_record(&list->work, doc, &list->record);
    size_t rows = err == 0 ? list->record.row_count + 1 : 0;
    struct cove_arena *arena = list->work.arena;

    if (err != 0) {
        return err;
    }
    list->branches = cove_arena_array(arena, rows, sizeof(*list->branches));
    list->empty = cove_arena_array(arena, rows, sizeof(*list->empty));
    if (list->branches == NULL || list->empty == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < list->record.row_count && err == 0; i++) {
        const struct repo_row *row = &list->record.rows[i];
        struct cove_tx tx;

        if (!row->has_branch || row->pub.folded == 0) {
            continue;
        }
        err = repo_branch_first(&list->work, &list->record, row, &tx);
        if (err == 0) {
            list->empty[i] = tx.op_count == 0;
            list_take(list, row, &tx);
        }
    }
    if (err == 0 && list->count > 1) {
        qsort(list->branches, list->count, sizeof(*list->branches), list_order);
    }
    return err;
}

static int list_begin(struct branch_list *list, struct cove_repo *repo,
                      struct cove_store_txn *txn, const struct cove_doc *doc,
                      struct cove_arena *arena)
{
    int err = repo_work_begin(&list->work, repo, txn, arena, NULL);

    list->count = 0;
    return err != 0 ? err : list_read(list, doc);
}

/* Count what one shows and the other does not. */
static int list_count(struct branch_list *list, const struct cove_doc *doc,
                      struct cove_doc_branch *branch)
{
    struct repo_work *work = &list->work;
    struct cove_doc other;
    int err = cove_repo_load_branch(work->repo, work->txn, doc->num,
                                    &branch->id, work->arena, &other, NULL);

    for (size_t i = 0; i < list->record.row_count && err == 0; i++) {
        uint64_t here = repo_doc_shown(doc, &list->record.rows[i]);
        uint64_t there = repo_doc_shown(&other, &list->record.rows[i]);

        if (list->empty[i]) {
            here -= here > 0;
            there -= there > 0;
        }
        branch->ahead += there > here ? there - here : 0;
        branch->behind += here > there ? here - there : 0;
    }
    return err;
}

int cove_repo_branches(struct cove_repo *repo, struct cove_store_txn *txn,
                       const struct cove_doc *doc, struct cove_arena *arena,
                       struct cove_doc_branch **out, size_t *count)
{
    struct branch_list list;
    int err = list_begin(&list, repo, txn, doc, arena);

    for (size_t i = 0; err == 0 && i < list.count; i++) {
        err = list_count(&list, doc, &list.branches[i]);
    }
    if (err == 0) {
        *out = list.branches;
        *count = list.count;
    }
    return err;
}

/* --- one of them */

static bool find_matches(const struct cove_doc_branch *branch,
                         struct cove_bytes name)
{
    char hex[COVE_HEX_LEN(sizeof(branch->id.b))];

    if (name.len == 0 || name.at[0] != '#') {
        return cove_bytes_equal(branch->name, name);
    }
    cove_hex(cove_bytes(branch->id.b, sizeof(branch->id.b)), hex);
    return name.len > 1 && name.len - 1 < sizeof(hex) &&
           memcmp(hex, name.at + 1, name.len - 1) == 0;
}

static int find_ambiguous(const struct branch_list *list,
                          struct cove_bytes name, struct cove_diag *diag)
{
    char ids[BRANCH_NAMED * 12] = "";
    size_t len = 0;
    size_t shown = 0;

    for (size_t i = 0; i < list->count && shown < BRANCH_NAMED; i++) {
        if (find_matches(&list->branches[i], name)) {
            ids[len++] = ' ';
            ids[len++] = '#';
            cove_hex(cove_bytes(list->branches[i].id.b, 4), ids + len);
            len += 8;
            shown++;
        }
    }
    return cove_fail(diag, COVE_EAMBIGUOUS,
                     "more than one branch is called %.*s; name one by its "
                     "digits:%s",
                     SHOWN(name), ids);
}

static int list_pick(const struct branch_list *list, struct cove_bytes name,
                     struct cove_session_id *out, struct cove_diag *diag)
{
    const struct cove_doc_branch *found = NULL;

    for (size_t i = 0; i < list->count; i++) {
        if (find_matches(&list->branches[i], name)) {
            if (found != NULL) {
                return find_ambiguous(list, name, diag);
            }
            found = &list->branches[i];
        }
    }
    if (found == NULL) {
        return cove_fail(diag, COVE_ENOTFOUND,
                         "the document has no branch called %.*s", SHOWN(name));
    }
    *out = found->id;
    return 0;
}

int cove_repo_branch_find(struct cove_repo *repo, struct cove_store_txn *txn,
                          const struct cove_doc *doc, struct cove_bytes name,
                          struct cove_session_id *out, struct cove_diag *diag)
{
    struct branch_list list;
    struct cove_arena arena;

    cove_arena_init(&arena, repo->opt.alloc);

    int err = list_begin(&list, repo, txn, doc, &arena);

    if (err == 0) {
        err = list_pick(&list, name, out, diag);
    }
    cove_arena_clear(&arena);
    return err;
}

/* --- beginning one */

static int branch_free_name(const struct branch_list *list,
                            struct cove_bytes name, struct cove_diag *diag)
{
    for (size_t i = 0; i < list->count; i++) {
        if (cove_bytes_equal(list->branches[i].name, name)) {
            return cove_fail(diag, COVE_EEXIST,
                             "the document has a branch called %.*s",
                             SHOWN(name));
        }
    }
    return 0;
}

static int branch_type(const struct cove_doc *doc, struct cove_diag *diag)
{
    switch (doc->header.type) {
    case COVE_DOC_GROUP:
    case COVE_DOC_ACCOUNT:
    case COVE_DOC_JOURNAL:
        return cove_fail(diag, COVE_ETYPE, "a %s has no branches",
                         cove_doc_type_name(doc->header.type));
    case COVE_DOC_COMAP:
    case COVE_DOC_COLIST:
    case COVE_DOC_COTEXT:
    case COVE_DOC_COSTREAM:
    case COVE_DOC_COBINARY:
    case COVE_DOC_COCOUNTER:
    case COVE_DOC_UNKNOWN: /* refused when it is written */
        break;
    }
    return 0;
}

static int points_of(struct cove_arena *arena, const struct cove_reach *reaches,
                     size_t count, struct cove_tx_point **out)
{
    struct cove_tx_point *points =
        cove_arena_array(arena, count + 1, sizeof(*points));

    if (points == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        points[i].session = reaches[i].session;
        points[i].len = reaches[i].len;
    }
    *out = points;
    return 0;
}

/* Written as the branch, which shows nothing so far and is thrown away. */
static int branch_write(struct branch_list *list, const struct cove_doc *doc,
                        struct cove_tx *tx, struct cove_diag *diag)
{
    struct cove_doc branch = *doc;
    int err = repo_history_new(list->work.arena, &branch.state);

    branch.branch = tx->branch.id;
    branch.record = NULL;
    branch.arena = list->work.arena;
    return err != 0 ? err
                    : cove_repo_append(list->work.repo, list->work.txn, &branch,
                                       tx, diag);
}

static int branch_begin(struct branch_list *list, struct cove_doc *doc,
                        struct cove_bytes name, struct cove_session_id *out,
                        struct cove_diag *diag)
{
    const struct cove_env *env = list->work.repo->opt.env;
    struct cove_tx tx = {.kind = COVE_TX_NATIVE,
                         .epoch_inherited = true,
                         .auth_inherited = true,
                         .has_branch = true,
                         .branch = {.name = name}};
    struct cove_reach *reaches;
    int err =
        cove_repo_frontier(list->work.repo, list->work.txn, doc,
                           list->work.arena, &reaches, &tx.branch.base_count);

    if (err == 0) {
        err = points_of(list->work.arena, reaches, tx.branch.base_count,
                        &tx.branch.base);
    }
    if (err == 0) {
        env->random(env->ctx, tx.branch.id.b, sizeof(tx.branch.id.b));
        err = branch_write(list, doc, &tx, diag);
    }
    if (err == 0) {
        *out = tx.branch.id;
    }
    return err;
}

int cove_repo_branch(struct cove_repo *repo, struct cove_store_txn *txn,
                     struct cove_doc *doc, struct cove_bytes name,
                     struct cove_session_id *out, struct cove_diag *diag)
{
    struct branch_list list;
    struct cove_arena arena;
    int err = cove_branch_name(name, diag);

    if (err == 0) {
        err = branch_type(doc, diag);
    }
    if (err == 0) {
        err = branch_refresh(repo, txn, doc, diag);
    }
    if (err != 0) {
        return err;
    }
    cove_arena_init(&arena, repo->opt.alloc);
    err = list_begin(&list, repo, txn, doc, &arena);
    if (err == 0) {
        err = branch_free_name(&list, name, diag);
    }
    if (err == 0) {
        err = branch_begin(&list, doc, name, out, diag);
    }
    cove_arena_clear(&arena);
    return err;
}

/* --- merging */

/* Does the first transaction of the row only begin a branch? Such a one is
 * counted nowhere. */
static int merge_is_empty(struct repo_work *work,
                          const struct repo_record *record,
                          const struct repo_row *row, bool *empty)
{
    struct cove_tx tx;
    int err = 0;

    *empty = false;
    if (row->has_branch) {
        err = repo_branch_first(work, record, row, &tx);
        *empty = err == 0 && tx.op_count == 0;
    }
    return err;
}

/* How far `from` shows what `doc` does not show so far; *more transactions. */
static int merge_points(struct repo_work *work, const struct cove_doc *doc,
                        const struct cove_doc *from, struct cove_tx_merge *out,
                        uint64_t *more)
{
    struct repo_record record;
    int err = branch_record(work, doc, &record);

    if (err != 0) {
        return err;
    }
    out->points = cove_arena_array(work->arena, record.row_count + 1,
                                   sizeof(*out->points));
    if (out->points == NULL) {
        return COVE_ENOMEM;
    }
    *more = 0;
    for (size_t i = 0; i < record.row_count && err == 0; i++) {
        uint32_t here = repo_doc_shown(doc, &record.rows[i]);
        uint32_t there = repo_doc_shown(from, &record.rows[i]);
        bool empty = false;

        if (there <= here) {
            continue;
        }
        if (here == 0) {
            err = merge_is_empty(work, &record, &record.rows[i], &empty);
        }
        out->points[out->point_count].session = record.rows[i].pub.session;
        out->points[out->point_count++].len = there;
        *more += there - here - empty;
    }
    return err;
}

static int merge_write(struct repo_work *work, struct cove_doc *doc,
                       const struct cove_session_id *from, uint64_t *merged)
{
    struct cove_tx tx = {.kind = COVE_TX_NATIVE,
                         .epoch_inherited = true,
                         .auth_inherited = true,
                         .has_merge = true,
                         .merge = {.id = *from}};
    struct cove_doc other;
    int err = cove_repo_load_branch(work->repo, work->txn, doc->num, from,
                                    work->arena, &other, work->diag);

    if (err == 0) {
        err = merge_points(work, doc, &other, &tx.merge, merged);
    }
    if (err != 0 || *merged == 0) {
        return err;
    }
    err = cove_repo_append(work->repo, work->txn, doc, &tx, work->diag);
    return err != 0 ? err
                    : cove_repo_load_branch(work->repo, work->txn, doc->num,
                                            &doc->branch, doc->arena, doc,
                                            work->diag);
}

int cove_repo_merge(struct cove_repo *repo, struct cove_store_txn *txn,
                    struct cove_doc *doc, const struct cove_session_id *from,
                    uint64_t *merged, struct cove_diag *diag)
{
    struct cove_arena arena;
    struct repo_work work;

    if (memcmp(from, &doc->branch, sizeof(*from)) == 0) {
        return cove_fail(diag, COVE_EUSAGE,
                         "a branch is not merged into itself");
    }
    cove_arena_init(&arena, repo->opt.alloc);

    int err = branch_refresh(repo, txn, doc, diag);

    if (err == 0) {
        err = repo_work_begin(&work, repo, txn, &arena, diag);
    }
    if (err == 0) {
        err = merge_write(&work, doc, from, merged);
    }
    cove_arena_clear(&arena);
    return err;
}
