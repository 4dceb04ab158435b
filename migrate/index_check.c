/* index_check.c: see index_check.h.
 *
 * Journal by journal, in the order of their numbers. What other processes write
 * between two slices is met: of each journal the changes are followed from
 * where its indexes stood when it began, and what changed is left out. */
#include "migrate/index_check.h"

#include "migrate/index_internal.h"
#include "migrate/search_internal.h"

#define SLICE_DOCUMENTS 256
#define SLICE_CHANGES   4096
#define SLICE_ENTRIES   4096

struct cove_index_check {
    struct cove_indexes *ix;
    struct cove_index_check_options opt;
    bool looked;  /* what is believed of all of them was looked at */
    bool entries; /* documents are done: the entries of each index are left */
    bool begun;   /* with the journal, or the index, that is named here */
    cove_num journal; /* whose documents are gone through; 0: none yet */
    uint64_t walked;  /* up to here its changes were followed, … */
    struct search_nums changed; /* … and are of these documents */
    uint32_t number;            /* whose entries are gone through */
    bool told;                  /* that there is no such index */
    cove_num num;               /* the last document, … */
    uint8_t values[COVE_INDEX_VALUES];
    size_t values_len; /* … at the last entry */
    /* Of one slice. */
    struct cove_store_txn *txn;
    bool sound[COVE_INDEX_MAX]; /* it is complete, and its plan the head's */
    struct cove_arena arena;    /* of one document */
};

int cove_index_check_new(struct cove_indexes *ix,
                         const struct cove_index_check_options *opt,
                         struct cove_index_check **out)
{
    struct cove_index_check *c = cove_alloc_zero(ix->alloc, 1, sizeof(*c));

    if (c == NULL) {
        return COVE_ENOMEM;
    }
    c->ix = ix;
    c->opt = *opt;
    c->changed.alloc = ix->alloc;
    cove_arena_init(&c->arena, ix->alloc);
    *out = c;
    return 0;
}

void cove_index_check_free(struct cove_index_check *c)
{
    if (c != NULL) {
        cove_alloc_free(c->ix->alloc, c->changed.at);
        cove_arena_clear(&c->arena);
        cove_alloc_free(c->ix->alloc, c);
    }
}

static int check_say(struct cove_index_check *c, const struct cove_index *index,
                     uint32_t number, cove_num num, const char *text)
{
    struct cove_index_fault fault = {
        .number = number, .index = index, .text = text};
    struct cove_id id;
    int err =
        num != 0 ? cove_repo_id(c->ix->repo, c->txn, num, &id) : COVE_ENOTFOUND;

    if (err != 0 && err != COVE_ENOTFOUND && err != COVE_ECORRUPT) {
        return err;
    }
    fault.id = err == 0 ? &id : NULL;
    return c->opt.fault != NULL ? c->opt.fault(c->opt.ctx, &fault) : 0;
}

/* --- one document in one index */

static bool keys_are_loose(const struct cove_index_key *keys, size_t count)
{
    return count == 1 &&
           cove_bytes_equal(keys[0].values, index_key_loose().values);
}

static bool keys_equal(const struct cove_index_key *a, size_t a_count,
                       const struct cove_index_key *b, size_t b_count)
{
    bool same = a_count == b_count;

    for (size_t i = 0; same && i < a_count; i++) {
        same = a[i].note == b[i].note &&
               cove_bytes_equal(a[i].values, b[i].values);
    }
    return same;
}

/* What is wrong with the entries that it has; NULL: nothing is. Time alone
 * makes an entry of one that was loose, and the other way round: neither is
 * damage, since the former is looked at and the latter was right. */
static const char *entries_fault(const struct cove_index_key *held,
                                 size_t held_count,
                                 const struct cove_index_key *keys,
                                 size_t count)
{
    if (keys_equal(held, held_count, keys, count) ||
        keys_are_loose(held, held_count)) {
        return NULL;
    }
    if (held_count == 0) {
        return "a document is missing";
    }
    return keys_are_loose(keys, count)
               ? NULL
               : "a document stands under other values than it shows";
}

static bool check_takes(void *ctx, const struct cove_index *index)
{
    const struct cove_index_check *c = ctx;

    return c->sound[index - c->ix->items];
}

static int shown_keys(struct cove_index_check *c, struct cove_index *index,
                      struct cove_loaded *loaded, struct cove_index_key **keys,
                      size_t *count, bool *flags)
{
    bool multi = index->multi, cut = index->cut;
    int err = loaded == NULL ? COVE_EBLOCKED
                             : cove_index_keys(index, loaded, &c->arena, keys,
                                               count, &multi, &cut);

    if (err == COVE_EBLOCKED || err == COVE_ECORRUPT) {
        *keys = cove_arena_new(&c->arena, sizeof(**keys));
        if (*keys == NULL) {
            return COVE_ENOMEM;
        }
        (*keys)[0] = index_key_loose();
        *count = 1;
        return 0;
    }
    *flags = multi != index->multi || cut != index->cut;
    if (err == 0 && *flags && c->opt.repair) {
        index->multi = multi;
        index->cut = cut;
        c->ix->dirty = true;
    }
    return err;
}

static int check_shown(void *ctx, struct cove_index *index,
                       struct cove_loaded *loaded, cove_num num)
{
    struct cove_index_check *c = ctx;
    struct cove_index_key *held = NULL, *keys;
    size_t held_count = 0, count;
    const char *what;
    bool flags = false;
    int err;

    cove_arena_reset(&c->arena);
    err = shown_keys(c, index, loaded, &keys, &count, &flags);
    err = err != 0 ? err
                   : cove_repo_index_of(c->ix->repo, c->txn, index->number, num,
                                        &c->arena, &held, &held_count);
    if (err == COVE_ENOTFOUND || err == COVE_ECORRUPT) {
        held_count = 0;
        err = 0;
    }
    if (err != 0) {
        return err;
    }
    what = entries_fault(held, held_count, keys, count);
    if (what == NULL && flags && !keys_are_loose(held, held_count)) {
        what = "it does not say of itself that it has documents like this one "
               "(several values, or long ones)";
    }
    err = what != NULL ? check_say(c, index, index->number, num, what) : 0;
    return err != 0 || !c->opt.repair
               ? err
               : cove_repo_index_set(c->ix->repo, c->txn, index->number, num,
                                     keys, count);
}

/* --- the documents of a journal */

static int plans_look(struct cove_index_check *c)
{
    for (size_t i = 0; i < c->ix->count; i++) {
        struct cove_index *index = &c->ix->items[i];
        const struct cove_plan *plan;
        struct cove_hash now;
        int err;

        c->sound[i] = false;
        if (index->state != COVE_INDEX_READY) {
            continue;
        }
        err = cove_catalog_plan(c->ix->catalog, c->txn, index->journal,
                                &index->head, &plan);
        if (err == 0) {
            now = cove_plan_fingerprint(plan);
            c->sound[i] = memcmp(now.b, index->plan.b, sizeof(now.b)) == 0;
            index->kin = plan->seed_count + plan->map_count > 0;
        } else if (err != COVE_EBLOCKED && err != COVE_ENOTFOUND &&
                   err != COVE_ECORRUPT) {
            return err;
        } /* else the next commit drops it */
    }
    return 0;
}

/* The journal that comes next, where the last one is done. */
static bool journal_next(struct cove_index_check *c)
{
    cove_num next = 0;

    if (c->begun) {
        return true;
    }
    for (size_t i = 0; i < c->ix->count; i++) {
        cove_num journal = c->ix->items[i].journal;

        if (c->sound[i] && journal > c->journal &&
            (next == 0 || journal < next)) {
            next = journal;
        }
    }
    if (next != 0) {
        c->journal = next;
        c->num = 0;
        c->walked = c->ix->covered;
        c->changed.count = 0;
        c->begun = true;
    }
    return next != 0;
}

static bool journal_kin(const struct cove_index_check *c)
{
    for (size_t i = 0; i < c->ix->count; i++) {
        if (c->sound[i] && c->ix->items[i].journal == c->journal &&
            c->ix->items[i].kin) {
            return true;
        }
    }
    return false;
}

/* Which documents changed that the indexes did not look at; *more: not all
 * changes were gone through. */
static int changes_follow(struct cove_index_check *c, bool *more)
{
    bool kin = journal_kin(c);
    size_t before = c->changed.count;
    int err = 0;

    for (int i = 0; i < SLICE_CHANGES && err == 0; i++) {
        struct cove_change change;
        cove_num num = 0;

        err = cove_repo_change_after(c->ix->repo, c->txn, c->walked, &change);
        if (err != 0) {
            break;
        }
        c->walked = change.sequence;
        if (change.class != COVE_CLASS_RIGHTS &&
            change.class != COVE_CLASS_JOURNAL) {
            err = cove_index_concerned(c->ix->catalog, c->txn, c->journal, kin,
                                       change.num, &num);
        }
        if (err == 0 && num != 0) {
            err = search_nums_add(&c->changed, num);
        }
    }
    if (c->changed.count > before) {
        search_nums_settle(&c->changed);
    }
    *more = err == 0;
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int documents_look(struct cove_index_check *c)
{
    const struct index_visit visit = {check_takes, check_shown, c};
    int err = 0;

    for (int i = 0; i < SLICE_DOCUMENTS && err == 0; i++) {
        err = cove_repo_next(c->ix->repo, c->txn, c->journal, c->num, &c->num);
        if (err == COVE_ENOTFOUND) {
            c->begun = false;
            return 0;
        }
        if (err == 0 && !search_nums_have(&c->changed, c->num)) {
            err = indexes_show(c->ix, c->txn, c->journal, c->num, &visit, NULL);
        }
    }
    return err;
}

/* --- entries that no document of the schema can have given */

static const struct cove_index *entries_index(const struct cove_index_check *c)
{
    for (size_t i = 0; i < c->ix->count; i++) {
        if (c->ix->items[i].number == c->number) {
            return &c->ix->items[i];
        }
    }
    return NULL;
}

/* The next entry of the index of a document that is not of its schema; *num 0:
 * none in this slice, and *over where there are no more. */
static int entries_next(struct cove_index_check *c,
                        const struct cove_index *index, cove_num *num,
                        bool *over)
{
    struct cove_bytes at = cove_bytes(c->values, c->values_len);
    struct cove_index_entry entry;
    struct cove_index_walk walk;
    int err = cove_index_walk_open(c->txn, index->number, false, &walk);

    *num = 0;
    if (err != 0) {
        return err;
    }
    err = cove_index_walk_seek(&walk, at, c->num + (c->num > 0), &entry);
    for (int i = 0; i < SLICE_ENTRIES && err == 0 && *num == 0; i++) {
        bool in = false;

        c->num = entry.num;
        c->values_len = entry.values.len;
        memcpy(c->values, entry.values.at, entry.values.len);
        err = cove_repo_in_schema(c->ix->repo, c->txn, index->journal,
                                  entry.num, &in);
        *num = in ? 0 : entry.num;
        if (err == 0 && *num == 0) {
            err = cove_index_walk_next(&walk, &entry);
        }
    }
    cove_index_walk_close(&walk);
    *over = err == COVE_ENOTFOUND;
    return *over ? 0 : err;
}

static int entries_of_none(struct cove_index_check *c, bool *over)
{
    bool left = false;
    int err = 0;

    if (!c->told) {
        c->told = true;
        err = check_say(c, NULL, c->number, 0,
                        "there are entries, and no such index");
    }
    if (err == 0 && c->opt.repair) {
        err = cove_repo_index_drop(c->ix->repo, c->txn, c->number,
                                   SLICE_ENTRIES, &left);
    }
    *over = !left;
    return err;
}

static int entries_of(struct cove_index_check *c,
                      const struct cove_index *index, bool *over)
{
    cove_num num;
    int err = entries_next(c, index, &num, over);

    if (err == 0 && num != 0) {
        *over = false;
        err = check_say(c, index, index->number, num,
                        "it has a document of another schema, or none");
        if (err == 0 && c->opt.repair) {
            err = cove_repo_index_set(c->ix->repo, c->txn, index->number, num,
                                      NULL, 0);
        }
    }
    return err;
}

static int entries_look(struct cove_index_check *c, bool *over)
{
    const struct cove_index *index;
    bool done = true;
    int err = 0;

    if (!c->begun) {
        err = cove_repo_index_next(c->ix->repo, c->txn, c->number, &c->number);
        if (err != 0) {
            *over = true;
            return err == COVE_ENOTFOUND ? 0 : err;
        }
        c->begun = true;
        c->told = false;
        c->num = c->values_len = 0;
    }
    index = entries_index(c);
    if (index == NULL) {
        err = entries_of_none(c, &done);
    } else if (index->state != COVE_INDEX_DROPPING) {
        err = entries_of(c, index, &done);
    }
    c->begun = !done;
    return err;
}

/* --- slices */

/* What is believed of all of them. */
static int records_look(struct cove_index_check *c)
{
    uint64_t sequence;
    int err = cove_repo_sequence(c->ix->repo, c->txn, &sequence);

    if (err == 0 && c->ix->covered > sequence) {
        err = check_say(c, NULL, 0, 0,
                        "they say that they are complete up to a change that "
                        "there was not");
        if (err == 0 && c->opt.repair) { /* all are looked at again */
            err = indexes_put_covered(c->ix, c->txn, 0);
        }
    }
    /* What a repair changed may be in one that is half made. */
    for (size_t i = 0; i < c->ix->count && c->opt.repair; i++) {
        if (c->ix->items[i].state == COVE_INDEX_BUILDING) {
            index_begin(c->ix, &c->ix->items[i]);
        }
    }
    return err;
}

int cove_index_check_step(struct cove_index_check *c,
                          struct cove_store_txn *txn, bool *over)
{
    bool more = false;
    int err = indexes_read(c->ix, txn);

    *over = false;
    c->txn = txn;
    if (err == 0 && !c->looked) {
        c->looked = true;
        err = records_look(c);
    }
    err = err != 0 ? err : plans_look(c);
    if (err == 0 && !c->entries && !journal_next(c)) {
        c->entries = true;
    }
    if (err == 0 && c->entries) {
        err = entries_look(c, over);
    } else if (err == 0) {
        err = changes_follow(c, &more);
        if (err == 0 && !more) {
            err = documents_look(c);
        }
    }
    return err != 0 || !c->opt.repair ? err : indexes_put(c->ix, txn);
}
