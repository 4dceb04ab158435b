/* index_declare.c: which indexes there should be.
 *
 * Schemas say so, at their newest version, at those that apps here speak, and
 * at those that somebody spoke within a while. What nobody asks for any longer
 * is dropped, in pieces. An index of which the plan has changed holds what the
 * version does not show any more: it begins anew.
 */
#include "migrate/index_internal.h"

#define DECLARE_KEEP_MS ((int64_t)90 * 86400000) /* after the last asked */
#define DECLARE_NOTE_MS 86400000                 /* how exact that is */
#define DECLARE_BYTES   48000                    /* of the record */
#define DECLARE_INDEX   140                      /* of one, without its paths */

struct declare {
    struct cove_indexes *ix;
    struct cove_store_txn *txn;
    const struct cove_index_wants *wants;
    int64_t now_ms;
    uint64_t sequence;
    size_t bytes;  /* of the record, about */
    uint8_t *seen; /* by item: a schema asks for it */
};

static size_t index_bytes(const struct cove_bytes *paths, size_t count)
{
    size_t bytes = DECLARE_INDEX;

    for (size_t i = 0; i < count; i++) {
        bytes += paths[i].len + 2;
    }
    return bytes;
}

static bool index_is(const struct cove_index *index, cove_num journal,
                     const struct cove_step_id *head,
                     const struct cove_schema_index *wanted)
{
    bool same = index->state != COVE_INDEX_DROPPING &&
                index->journal == journal &&
                memcmp(index->head.b, head->b, sizeof(head->b)) == 0 &&
                index->path_count == wanted->path_count;

    for (size_t i = 0; same && i < wanted->path_count; i++) {
        same = cove_bytes_equal(index->paths[i], wanted->paths[i]);
    }
    return same;
}

int index_paths_copy(struct cove_arena *arena, const struct cove_bytes *from,
                     size_t count, const struct cove_bytes **out)
{
    struct cove_bytes *paths = cove_arena_array(arena, count, sizeof(*paths));
    int err = paths == NULL ? COVE_ENOMEM : 0;

    for (size_t i = 0; i < count && err == 0; i++) {
        err = cove_arena_copy(arena, from[i], &paths[i]);
    }
    *out = paths;
    return err;
}

void index_begin(struct cove_indexes *ix, struct cove_index *index)
{
    index->state = COVE_INDEX_BUILDING;
    index->multi = index->cut = false;
    index->covered = index->documents = 0;
    ix->dirty = true;
}

static int index_make(struct declare *d, cove_num journal,
                      const struct cove_plan *plan,
                      const struct cove_schema_index *wanted)
{
    struct cove_indexes *ix = d->ix;
    size_t bytes = index_bytes(wanted->paths, wanted->path_count);
    const struct cove_bytes *paths;
    struct cove_index *index;
    cove_num first;
    int err;

    /* Too many is no reason to refuse a commit: what has no index is read
     * through. */
    if (ix->count == COVE_INDEX_MAX || d->bytes + bytes > DECLARE_BYTES) {
        return 0;
    }
    err =
        index_paths_copy(&ix->arena, wanted->paths, wanted->path_count, &paths);
    err = err != 0 ? err : indexes_add(ix, &index);
    if (err != 0) {
        return err;
    }
    d->bytes += bytes;
    d->seen[ix->count - 1] = 1;
    index->journal = journal;
    index->head = plan->head->id;
    index->paths = paths;
    index->path_count = wanted->path_count;
    index->unique = wanted->unique;
    index->asked_ms = d->now_ms;
    index->plan = cove_plan_fingerprint(plan);
    index_begin(ix, index);
    err = cove_repo_next(ix->repo, d->txn, journal, 0, &first);
    if (err == COVE_ENOTFOUND) {
        index->covered = d->sequence; /* of nothing it is complete */
        err = 0;
    }
    return err;
}

static int declare_index(struct declare *d, cove_num journal,
                         const struct cove_plan *plan, bool asked,
                         const struct cove_schema_index *wanted)
{
    for (size_t i = 0; i < d->ix->count; i++) {
        struct cove_index *index = &d->ix->items[i];

        if (!index_is(index, journal, &plan->head->id, wanted)) {
            continue;
        }
        d->seen[i] = 1;
        if (asked && d->now_ms - index->asked_ms > DECLARE_NOTE_MS) {
            index->asked_ms = d->now_ms;
            d->ix->dirty = true;
        }
        if (index->unique != wanted->unique) {
            index->unique = wanted->unique;
            d->ix->dirty = true;
        }
        return 0;
    }
    return index_make(d, journal, plan, wanted);
}

/* All that one version of a schema asks for. */
static int declare_head(struct declare *d, cove_num journal,
                        const struct cove_step_id *head, bool asked)
{
    struct cove_catalog *catalog = d->ix->catalog;
    const struct cove_plan *plan;
    const struct cove_schema *schema;
    struct cove_bytes text;
    int err = cove_catalog_plan(catalog, d->txn, journal, head, &plan);

    if (err == 0 && plan->head->retired) {
        return 0;
    }
    if (err == 0) {
        err =
            cove_catalog_schema(catalog, d->txn, journal, head, &text, &schema);
    }
    if (err == COVE_EBLOCKED || err == COVE_ENOTFOUND) {
        return 0; /* it is not to be seen here */
    }
    for (size_t i = 0; err == 0 && i < cove_schema_index_count(schema); i++) {
        err = declare_index(d, journal, plan, asked,
                            cove_schema_index_at(schema, i));
    }
    return err;
}

/* Versions that somebody asked for lately. */
static int declare_former(struct declare *d, cove_num journal)
{
    int err = 0;

    for (size_t i = 0; i < d->ix->count && err == 0; i++) {
        const struct cove_index *index = &d->ix->items[i];

        if (index->journal == journal && !d->seen[i] &&
            index->state != COVE_INDEX_DROPPING &&
            d->now_ms - index->asked_ms < DECLARE_KEEP_MS) {
            struct cove_step_id head = index->head; /* items may move */

            err = declare_head(d, journal, &head, false);
        }
    }
    return err;
}

static int declare_journal(struct declare *d, cove_num journal)
{
    const struct cove_schema_doc *schema;
    const struct cove_step *newest;
    int err = cove_catalog_open(d->ix->catalog, d->txn, journal, &schema);

    if (err != 0) {
        return err == COVE_ENOTFOUND || err == COVE_ETYPE ? 0 : err;
    }
    newest = cove_schema_doc_newest(schema);
    if (newest != NULL) {
        err = declare_head(d, journal, &newest->id, true);
    }
    for (size_t i = 0; i < d->wants->count && err == 0; i++) {
        if (d->wants->at[i].journal == journal) {
            err = declare_head(d, journal, &d->wants->at[i].head, true);
        }
    }
    return err != 0 ? err : declare_former(d, journal);
}

static void declare_drop(struct declare *d)
{
    for (size_t i = 0; i < d->ix->count; i++) {
        struct cove_index *index = &d->ix->items[i];

        if (!d->seen[i] && index->state != COVE_INDEX_DROPPING) {
            index->state = COVE_INDEX_DROPPING;
            d->ix->dirty = true;
        }
    }
}

int indexes_declare(struct cove_indexes *ix, struct cove_store_txn *txn,
                    const struct cove_index_wants *wants, uint64_t rules)
{
    const struct cove_env *env = cove_repo_env(ix->repo);
    struct declare d = {
        .ix = ix, .txn = txn, .wants = wants, .now_ms = env->now_ms(env->ctx)};
    cove_num journal = 0;
    int err = cove_repo_sequence(ix->repo, txn, &d.sequence);

    cove_arena_reset(&ix->scratch);
    d.seen = cove_arena_new(&ix->scratch, COVE_INDEX_MAX);
    if (d.seen == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < ix->count; i++) {
        d.bytes += index_bytes(ix->items[i].paths, ix->items[i].path_count);
    }
    while (err == 0) {
        err =
            cove_repo_next(ix->repo, txn, COVE_NUM_JOURNALS, journal, &journal);
        if (err == 0) {
            err = declare_journal(&d, journal);
        } else if (err == COVE_ENOTFOUND) {
            break;
        }
    }
    if (err != COVE_ENOTFOUND) {
        return err;
    }
    declare_drop(&d);
    if (ix->rules != rules) {
        ix->rules = rules;
        ix->dirty = true;
    }
    return 0;
}

int indexes_check_plans(struct cove_indexes *ix, struct cove_store_txn *txn)
{
    for (size_t i = 0; i < ix->count; i++) {
        struct cove_index *index = &ix->items[i];
        const struct cove_plan *plan;
        struct cove_hash now;
        int err;

        if (index->state == COVE_INDEX_DROPPING) {
            continue;
        }
        err = cove_catalog_plan(ix->catalog, txn, index->journal, &index->head,
                                &plan);
        if (err == COVE_EBLOCKED || err == COVE_ENOTFOUND) {
            index->state = COVE_INDEX_DROPPING;
            ix->dirty = true;
            continue;
        }
        if (err != 0) {
            return err;
        }
        now = cove_plan_fingerprint(plan);
        index->kin = plan->seed_count + plan->map_count > 0;
        if (memcmp(now.b, index->plan.b, sizeof(now.b)) != 0) {
            index->plan = now;
            index_begin(ix, index);
        }
    }
    return 0;
}
