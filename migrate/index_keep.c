/* index_keep.c: bringing indexes up to date.
 *
 * Whatever is to be done, it is done in the order of changes: a document stands
 * there once, at its last change, so an index that has looked at all changes up
 * to a sequence is complete up to it. What changes while one is built moves
 * behind, and is met again.
 */
#include "migrate/index_internal.h"

#define KEEP_PIECE 256 /* documents of others that a commit looks at */

/* A run through changes for some of the indexes. */
struct keep {
    struct cove_indexes *ix;
    struct cove_store_txn *txn;
    struct cove_diag *diag;
    bool building; /* those that have looked so far, … */
    uint64_t from; /* … and no further; else those that are ready */
    cove_num journals[COVE_INDEX_MAX]; /* of them, each once */
    bool kin[COVE_INDEX_MAX]; /* their documents show what children say */
    size_t journal_count;
};

static bool keep_takes(void *keep, const struct cove_index *index)
{
    const struct keep *k = keep;

    return k->building ? index->state == COVE_INDEX_BUILDING &&
                             index->covered == k->from
                       : index->state == COVE_INDEX_READY;
}

static void keep_begin(struct keep *k)
{
    for (size_t i = 0; i < k->ix->count; i++) {
        const struct cove_index *index = &k->ix->items[i];
        size_t at = 0;

        if (!keep_takes(k, index)) {
            continue;
        }
        while (at < k->journal_count && k->journals[at] != index->journal) {
            at++;
        }
        if (at == k->journal_count) {
            k->journals[k->journal_count++] = index->journal;
        }
        k->kin[at] = k->kin[at] || index->kin;
    }
}

/* --- one document */

static int keep_entries(struct keep *k, struct cove_index *index,
                        struct cove_loaded *loaded, cove_num num)
{
    bool multi = index->multi, cut = index->cut;
    struct cove_index_key *keys;
    size_t count;
    int err = cove_index_keys(index, loaded, &k->ix->scratch, &keys, &count,
                              &multi, &cut);

    if (err == 0) {
        err = cove_repo_index_set(k->ix->repo, k->txn, index->number, num, keys,
                                  count);
    }
    if (err == 0 && (multi != index->multi || cut != index->cut)) {
        index->multi = multi;
        index->cut = cut;
        k->ix->dirty = true;
    }
    return err;
}

/* No version shows it, or it is damaged, which is no reason to refuse other
 * documents a commit: whoever asks looks at it each time. */
static int keep_blocked(struct keep *k, const struct cove_index *index,
                        cove_num num)
{
    struct cove_index_key key = index_key_loose();

    return cove_repo_index_set(k->ix->repo, k->txn, index->number, num, &key,
                               1);
}

static int keep_shown(void *ctx, struct cove_index *index,
                      struct cove_loaded *loaded, cove_num num)
{
    struct keep *k = ctx;

    int err =
        loaded != NULL ? keep_entries(k, index, loaded, num) : COVE_EBLOCKED;

    return err == COVE_EBLOCKED || err == COVE_ECORRUPT
               ? keep_blocked(k, index, num)
               : err;
}

int indexes_show(struct cove_indexes *ix, struct cove_store_txn *txn,
                 cove_num journal, cove_num num,
                 const struct index_visit *visit, struct cove_diag *diag)
{
    struct cove_load_request request = {
        .num = num, .mode = COVE_LOAD_VIEW, .later = true};
    struct cove_loaded first, other, *seen = NULL;
    int err = 0;

    cove_arena_reset(&ix->scratch);
    for (size_t i = 0; i < ix->count && err == 0; i++) {
        struct cove_index *index = &ix->items[i];

        if (index->journal != journal || !visit->takes(visit->ctx, index)) {
            continue;
        }
        if (seen == NULL) {
            request.head = &index->head;
            err = cove_load(ix->catalog, txn, &request, &ix->scratch, &first,
                            diag);
            seen = &first;
        } else if (memcmp(seen->head.b, index->head.b, sizeof(index->head.b)) !=
                   0) {
            err =
                cove_loaded_at(ix->catalog, txn, &first, &index->head, &other);
            seen = &other;
        }
        if (err == COVE_EBLOCKED || err == COVE_ECORRUPT) {
            seen = NULL;
            err = 0;
        }
        if (err == 0) {
            err = visit->each(visit->ctx, index, seen, num);
        }
    }
    return err;
}

/* --- changes */

int cove_index_concerned(struct cove_catalog *catalog,
                         struct cove_store_txn *txn, cove_num journal, bool kin,
                         cove_num num, cove_num *out)
{
    struct cove_repo *repo = cove_catalog_repo(catalog);
    bool in;
    int err = cove_repo_in_schema(repo, txn, journal, num, &in);

    if (err == 0 && !in && kin) {
        err = cove_parent_of(catalog, txn, num, &num);
        if (err == 0 && num != 0) {
            err = cove_repo_in_schema(repo, txn, journal, num, &in);
        }
    }
    if (err == 0) {
        *out = in ? num : 0;
    }
    return err;
}

static int keep_change(struct keep *k, const struct cove_change *change,
                       size_t *looked)
{
    const struct index_visit visit = {keep_takes, keep_shown, k};
    int err = 0;

    if (change->class == COVE_CLASS_RIGHTS ||
        change->class == COVE_CLASS_JOURNAL) {
        return 0;
    }
    for (size_t i = 0; i < k->journal_count && err == 0; i++) {
        cove_num num;

        err = cove_index_concerned(k->ix->catalog, k->txn, k->journals[i],
                                   k->kin[i], change->num, &num);
        if (err == 0 && num != 0) {
            err = indexes_show(k->ix, k->txn, k->journals[i], num, &visit,
                               k->diag);
            ++*looked;
        }
    }
    return err;
}

struct keep_range {
    uint64_t from; /* the last change looked at */
    uint64_t free; /* changes behind this one are not counted */
    size_t max;    /* of the others */
    size_t looked; /* documents */
    bool end;      /* there are no more changes */
};

/* Look at changes, one after another. */
static int keep_changes(struct keep *k, struct keep_range *r)
{
    struct cove_change change;
    int err = 0;

    r->end = k->journal_count == 0;
    while (err == 0 && !r->end) {
        err = cove_repo_change_after(k->ix->repo, k->txn, r->from, &change);
        if (err == COVE_ENOTFOUND) {
            r->end = true;
            err = 0;
            break;
        }
        if (err == 0 && change.sequence <= r->free && r->max-- == 0) {
            break;
        }
        if (err == 0) {
            err = keep_change(k, &change, &r->looked);
            r->from = change.sequence;
        }
    }
    if (err == 0 && r->end) {
        err = cove_repo_sequence(k->ix->repo, k->txn, &r->from);
    }
    return err;
}

static struct cove_index *keep_next(struct cove_indexes *ix,
                                    enum cove_index_state state)
{
    for (size_t i = 0; i < ix->count; i++) {
        if (ix->items[i].state == state) {
            return &ix->items[i];
        }
    }
    return NULL;
}

/* Those that are ready. */
static int keep_ready(struct cove_indexes *ix, struct cove_store_txn *txn,
                      uint64_t free, size_t max, size_t *looked, bool *end,
                      struct cove_diag *diag)
{
    struct keep k = {.ix = ix, .txn = txn, .diag = diag};
    struct keep_range r = {.from = ix->covered, .free = free, .max = max};
    int err;

    keep_begin(&k);
    err = keep_changes(&k, &r);
    *looked += r.looked;
    *end = r.end;
    return err != 0 ? err : indexes_put_covered(ix, txn, r.from);
}

/* Those that are not, all that are equally far: complete, they join the
 * others, which may be behind. */
static int keep_build(struct cove_indexes *ix, struct cove_store_txn *txn,
                      const struct cove_index *first, size_t max,
                      struct cove_diag *diag)
{
    struct keep k = {.ix = ix,
                     .txn = txn,
                     .diag = diag,
                     .building = true,
                     .from = first->covered};
    struct keep_range r = {
        .from = first->covered, .free = UINT64_MAX, .max = max};
    bool alone = keep_next(ix, COVE_INDEX_READY) == NULL;
    int err;

    keep_begin(&k);
    err = keep_changes(&k, &r);
    if (err != 0) {
        return err;
    }
    for (size_t i = 0; i < ix->count; i++) {
        struct cove_index *index = &ix->items[i];

        if (keep_takes(&k, index)) {
            index->documents += r.looked;
            index->state = r.end ? COVE_INDEX_READY : COVE_INDEX_BUILDING;
            index->covered = r.from;
        }
    }
    ix->dirty = true;
    return r.end && alone ? indexes_put_covered(ix, txn, r.from) : 0;
}

/* --- work */

static int work_drop(struct cove_indexes *ix, struct cove_store_txn *txn,
                     struct cove_index *index, size_t max)
{
    bool left;
    int err = cove_repo_index_drop(ix->repo, txn, index->number, max, &left);

    if (err == 0 && !left) {
        *index = ix->items[--ix->count];
        ix->dirty = true;
    }
    return err;
}

int cove_indexes_due(struct cove_indexes *ix, struct cove_store_txn *txn,
                     uint64_t rules, bool *out)
{
    struct cove_change change;
    int err = indexes_read(ix, txn);

    *out = err == 0 && ix->rules != rules;
    if (err != 0 || *out || ix->count == 0) {
        return err;
    }
    if (keep_next(ix, COVE_INDEX_BUILDING) != NULL ||
        keep_next(ix, COVE_INDEX_DROPPING) != NULL) {
        *out = true;
        return 0;
    }
    err = cove_repo_change_after(ix->repo, txn, ix->covered, &change);
    *out = err == 0;
    return err == COVE_ENOTFOUND ? 0 : err;
}

int cove_indexes_work(struct cove_indexes *ix, struct cove_store_txn *txn,
                      size_t max, bool *left, struct cove_diag *diag)
{
    struct cove_index *index;
    size_t looked = 0;
    bool end = true;
    int err = indexes_read(ix, txn);

    if (err == 0 && ix->count > 0) {
        err = indexes_check_plans(ix, txn);
    }
    if (err == 0 && keep_next(ix, COVE_INDEX_READY) != NULL) {
        err = keep_ready(ix, txn, UINT64_MAX, max, &looked, &end, diag);
    }
    if (err == 0 && end) {
        index = keep_next(ix, COVE_INDEX_BUILDING);
        if (index != NULL) {
            err = keep_build(ix, txn, index, max, diag);
        } else if ((index = keep_next(ix, COVE_INDEX_DROPPING)) != NULL) {
            err = work_drop(ix, txn, index, max);
        }
    }
    if (err == 0) {
        *left = !end || keep_next(ix, COVE_INDEX_BUILDING) != NULL ||
                keep_next(ix, COVE_INDEX_DROPPING) != NULL;
        err = indexes_put(ix, txn);
    }
    return err;
}

int cove_indexes_again(struct cove_indexes *ix, struct cove_store_txn *txn,
                       uint32_t number)
{
    int err = indexes_read(ix, txn);

    for (size_t i = 0; i < ix->count && err == 0; i++) {
        struct cove_index *index = &ix->items[i];

        if ((number == 0 || index->number == number) &&
            index->state != COVE_INDEX_DROPPING) {
            index_begin(ix, index);
        }
    }
    return err != 0 ? err : indexes_put(ix, txn);
}

int cove_indexes_keep(struct cove_indexes *ix, struct cove_store_txn *txn,
                      struct cove_index_wants *wants, struct cove_diag *diag)
{
    struct cove_index *index;
    uint64_t rules, began;
    size_t looked = 0;
    bool end = true;
    int err = cove_repo_rules(ix->repo, txn, &rules);

    err = err != 0 ? err : cove_repo_began(ix->repo, txn, &began);
    err = err != 0 ? err : indexes_read(ix, txn);
    if (err == 0 && (ix->rules != rules || wants->again)) {
        err = wants->find != NULL ? wants->find(wants->find_ctx, wants) : 0;
        err = err != 0 ? err : indexes_declare(ix, txn, wants, rules);
    }
    if (err == 0 && ix->count > 0) {
        err = indexes_check_plans(ix, txn);
    }
    if (err == 0 && keep_next(ix, COVE_INDEX_READY) != NULL) {
        err = keep_ready(ix, txn, began, KEEP_PIECE, &looked, &end, diag);
    }
    /* A small schema's is there at once. */
    index = keep_next(ix, COVE_INDEX_BUILDING);
    if (err == 0 && index != NULL && looked < KEEP_PIECE) {
        err = keep_build(ix, txn, index, KEEP_PIECE, diag);
    }
    return err != 0 ? err : indexes_put(ix, txn);
}
