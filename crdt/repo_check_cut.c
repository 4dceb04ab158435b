/* repo_check_cut.c: is what a document's history came to before it was cut off
 * still what was signed, and do its rows begin there? */
#include "crdt/repo_check_internal.h"

/* Does the row begin as the cut says? */
static int row_agrees(const struct repo_work *work, const struct repo_row *row,
                      const struct cove_cut_row *from, bool *agrees)
{
    struct repo_work inside = *work;
    struct cove_step_id epoch = {{0}};
    int err = 0;

    if (from == NULL) {
        *agrees = row->pub.base == 0;
        return 0;
    }
    if (row->base_epoch != 0) {
        err = repo_intern_epoch_of(&inside, row->base_epoch, &epoch);
    }
    *agrees =
        row->pub.base == from->len && row->base_hlc == from->last_hlc &&
        memcmp(&row->pub.base_head, &from->head, sizeof(from->head)) == 0 &&
        (row->base_epoch != 0) == from->has_epoch &&
        memcmp(&epoch, &from->epoch, sizeof(epoch)) == 0;
    return err;
}

static int cut_agrees(const struct repo_work *work,
                      const struct repo_record *record,
                      const struct cove_cut *cut)
{
    size_t count = 0;

    for (size_t i = 0; i < record->row_count; i++) {
        const struct repo_row *row = &record->rows[i];
        const struct cove_cut_row *from =
            cove_cut_row_of(cut, &row->pub.session);
        bool agrees;
        int err = row_agrees(work, row, from, &agrees);

        if (err != 0 || !agrees) {
            return err != 0 ? err : COVE_ECORRUPT;
        }
        count += from != NULL;
    }
    return count == cut->row_count ? 0 : COVE_ECORRUPT;
}

/* Is the cut as it was signed? It says so itself, whatever the record says. */
static int cut_good(struct cove_check *c, const struct repo_record *record,
                    struct cove_cut *cut, size_t *parts, bool *good)
{
    struct repo_record there = *record;
    struct repo_work work = c->work;
    struct cove_bytes bytes;
    int err;

    there.cut_parts = 1;
    cove_arena_reset(&c->piece);
    work.arena = &c->piece;
    work.diag = NULL;
    err = repo_blob_read(&work, REPO_CUTS, record->num, &bytes, parts);
    if (err == 0) {
        err = repo_cut_get(&work, &there, cut);
    }
    if (err == 0) {
        err = repo_cut_check(&work, record, cut);
    }
    *good = err == 0;
    return check_is_damage(err) ? 0 : err;
}

/* The rows begin where the cut says. */
static int cut_rows(struct cove_check *c, struct repo_record *record,
                    const struct cove_cut *cut)
{
    int err = 0;

    for (size_t i = 0; i < record->row_count && err == 0; i++) {
        struct repo_row *row = &record->rows[i];
        const struct cove_cut_row *from =
            cove_cut_row_of(cut, &row->pub.session);

        row->pub.base = from == NULL ? 0 : from->len;
        row->base_epoch = 0;
        if (from == NULL) {
            continue;
        }
        row->pub.base_head = from->head;
        row->base_hlc = from->last_hlc;
        if (row->pub.len <= from->len) {
            row->pub.len = row->tail = from->len;
            row->pub.head = from->head;
            row->pub.last_hlc = from->last_hlc;
        }
        if (row->pub.folded < from->len) {
            row->pub.folded = from->len;
        }
        if (from->has_epoch) {
            err =
                repo_intern_epoch_add(&c->work, &from->epoch, &row->base_epoch);
        }
    }
    return err;
}

/* All of the document is asked for again: what is behind a cut is nothing
 * without it. */
static int cut_mend(struct cove_check *c, struct repo_record *record)
{
    int err = 0;

    c->wrote = true;
    for (size_t i = record->row_count; i > 0 && err == 0; i--) {
        struct repo_row *row = &record->rows[i - 1];
        struct check_row found = {.kind = "cut", .resign = UINT32_MAX};
        bool gone;

        found.whose = repo_whose_of(record, row);
        repo_reach_start(&found.whose, &found.reach);
        if (row->pub.base > 0) {
            err = mend_row(c, record, i - 1, &found, &gone);
        }
    }
    if (err == 0) {
        err = repo_blob_drop(&c->work, REPO_CUTS, record->num,
                             &record->cut_parts);
    }
    return err;
}

/* A cut that is whole says how the rows begin. */
static int cut_compare(struct cove_check *c, struct repo_record *record,
                       const struct cove_cut *cut, size_t parts, bool *dirty)
{
    int err = cut_agrees(&c->work, record, cut);

    if (err == 0 && parts == record->cut_parts) {
        return 0;
    }
    if (err != 0 && !check_is_damage(err)) {
        return err;
    }
    err = check_derived(c, "record-field", record,
                        "the record says another cut of the history than was "
                        "signed");
    if (err == 0 && c->opt.repair) {
        *dirty = true;
        record->cut_parts = parts;
        err = cut_rows(c, record, cut);
    }
    return err;
}

static bool cut_is_said(const struct repo_record *record)
{
    bool said = record->cut_parts > 0;

    for (size_t i = 0; i < record->row_count; i++) {
        said = said || record->rows[i].pub.base > 0;
    }
    return said;
}

int check_cut(struct cove_check *c, struct repo_record *record, bool *mended,
              bool *dirty)
{
    struct cove_finding f = {.kind = "cut",
                             .fixed = true,
                             .text = "what the history came to before it was "
                                     "cut off is damaged"};
    struct cove_cut cut;
    size_t parts = 0;
    bool good;
    int err;

    if (!cut_is_said(record)) {
        return 0;
    }
    err = cut_good(c, record, &cut, &parts, &good);
    if (err != 0 || good) {
        return err != 0 ? err : cut_compare(c, record, &cut, parts, dirty);
    }
    err = check_say(c, &f, record);
    if (err == 0 && c->opt.repair) {
        *mended = *dirty = true;
        err = cut_mend(c, record);
    }
    return err;
}
