/* search_tail.c: the documents of which an index says nothing for sure: those
 * that changed since it was brought up to date, or of which a child did, and
 * those that it holds as loose. Who searches looks at each of them. */
#include "migrate/index_internal.h"
#include "migrate/search_internal.h"

static int tail_loose(struct cove_search *s, const struct cove_index *index)
{
    struct cove_bytes values = index_key_loose().values;
    struct cove_index_entry entry;
    struct cove_index_walk walk;
    int err = cove_index_walk_open(s->txn, index->number, false, &walk);

    if (err != 0) {
        return err;
    }
    err = cove_index_walk_seek(&walk, values, 0, &entry);
    while (err == 0 && cove_bytes_equal(entry.values, values)) {
        err = search_nums_add(&s->tail, entry.num);
        if (err == 0) {
            err = cove_index_walk_next(&walk, &entry);
        }
    }
    cove_index_walk_close(&walk);
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int tail_changed(struct cove_search *s)
{
    bool kin = s->plan->seed_count + s->plan->map_count > 0;
    uint64_t from = s->covered;
    int err = 0;

    while (err == 0) {
        struct cove_change change;
        cove_num num = 0;

        err = cove_repo_change_after(s->repo, s->txn, from, &change);
        if (err != 0) {
            break;
        }
        from = change.sequence;
        if (change.class != COVE_CLASS_RIGHTS &&
            change.class != COVE_CLASS_JOURNAL) {
            err = cove_index_concerned(s->catalog, s->txn, s->request->journal,
                                       kin, change.num, &num);
        }
        if (err == 0 && num != 0) {
            err = search_nums_add(&s->tail, num);
        }
        err = err != 0 ? err : search_pause(s);
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

int search_tail_find(struct cove_search *s)
{
    int err = 0;

    s->covered = UINT64_MAX;
    for (size_t i = 0; i < s->how.count; i++) {
        const struct cove_index *index = s->how.sources[i].index;

        s->covered = index->covered < s->covered ? index->covered : s->covered;
        s->explain.building =
            s->explain.building || index->state == COVE_INDEX_BUILDING;
    }
    for (size_t i = 0; i < s->how.count && err == 0; i++) {
        err = tail_loose(s, s->how.sources[i].index);
    }
    err = err != 0 ? err : tail_changed(s);
    search_nums_settle(&s->tail);
    return err;
}

/* An index that began anew has lost what it said; one that is gone, too. */
int search_tail_check(struct cove_search *s)
{
    const struct cove_index *now;
    size_t count;
    int err =
        s->how.count == 0 ? 0 : cove_indexes_look(s->ix, s->txn, &now, &count);

    for (size_t i = 0; i < s->how.count && err == 0; i++) {
        const struct cove_index *index = s->how.sources[i].index;
        bool there = false;

        for (size_t k = 0; k < count && !there; k++) {
            there = now[k].number == index->number &&
                    now[k].state != COVE_INDEX_DROPPING &&
                    now[k].covered >= s->covered &&
                    now[k].multi == index->multi && now[k].cut == index->cut;
        }
        err = there ? 0 : COVE_EBUSY;
    }
    return err;
}
