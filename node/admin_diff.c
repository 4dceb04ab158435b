/* admin_diff.c: diff: what differs between two points of a document, for every
 * type.
 *
 * Lists and texts differ by their elements (crdt/seq_diff.h): what somebody
 * replaced by the same letters is a change, and each part has its author. With
 * a grain their texts are compared, by words or lines, for people to read.
 */
#include "node/admin.h"

#include "core/cbor.h"
#include "core/utf8.h"
#include "core/value.h"
#include "crdt/branch.h"
#include "crdt/history.h"
#include "crdt/item.h"
#include "crdt/text_diff.h"
#include "node/past.h"

struct diff {
    struct admin *a;
    struct cove_txn *txn;
    struct cove_loaded *now;
    struct node_point points[2];
    struct node_past past[2]; /* from, to */
    const char *grain;        /* or NULL */
};

static const struct cove_state *diff_state(const struct diff *d, int side)
{
    return &d->past[side].loaded.doc.state;
}

static const struct cove_seq *diff_seq(const struct diff *d, int side)
{
    return cove_loaded_seq(&d->past[side].loaded);
}

/* -------------------------------------------------------------------- maps */

static void diff_pair(struct node_json *j, const char *path,
                      struct cove_bytes before, struct cove_bytes after)
{
    node_json_open(j, '{');
    node_json_key(j, "path");
    node_json_cstr(j, path);
    if (before.len > 0) {
        node_json_key(j, "before");
        node_json_value(j, before);
    }
    if (after.len > 0) {
        node_json_key(j, "after");
        node_json_value(j, after);
    }
    node_json_close(j, '}');
}

static int diff_value(struct diff *d, const char *path,
                      struct cove_bytes before, struct cove_bytes after);

static bool diff_lookup(struct cove_bytes map, struct cove_bytes key,
                        struct cove_bytes *out)
{
    struct cove_reader r;

    cove_reader_init(&r, map);
    for (size_t n = cove_reader_map(&r); n > 0; n--) {
        struct cove_bytes name = cove_reader_text(&r);

        *out = cove_reader_item(&r);
        if (cove_bytes_equal(name, key)) {
            return true;
        }
    }
    *out = cove_bytes(NULL, 0);
    return false;
}

static int diff_member(struct diff *d, const char *path, struct cove_bytes key,
                       struct cove_bytes before, struct cove_bytes after)
{
    char *inside = cove_arena_printf(&d->a->arena, "%s/%.*s", path,
                                     (int)key.len, (const char *)key.at);

    return inside == NULL ? COVE_ENOMEM : diff_value(d, inside, before, after);
}

static int diff_maps(struct diff *d, const char *path, struct cove_bytes before,
                     struct cove_bytes after)
{
    struct cove_bytes other;
    struct cove_reader r;
    int err = 0;

    cove_reader_init(&r, before);
    for (size_t n = cove_reader_map(&r); n > 0 && err == 0; n--) {
        struct cove_bytes key = cove_reader_text(&r);
        struct cove_bytes value = cove_reader_item(&r);

        diff_lookup(after, key, &other);
        err = diff_member(d, path, key, value, other);
    }
    cove_reader_init(&r, after);
    for (size_t n = cove_reader_map(&r); n > 0 && err == 0; n--) {
        struct cove_bytes key = cove_reader_text(&r);
        struct cove_bytes value = cove_reader_item(&r);

        if (!diff_lookup(before, key, &other)) {
            err = diff_member(d, path, key, other, value);
        }
    }
    return err;
}

/* Either may be empty: not set. */
static int diff_value(struct diff *d, const char *path,
                      struct cove_bytes before, struct cove_bytes after)
{
    if (cove_bytes_equal(before, after)) {
        return 0;
    }
    if (before.len > 0 && after.len > 0 &&
        cove_value_kind(before) == COVE_KIND_MAP &&
        cove_value_kind(after) == COVE_KIND_MAP) {
        return diff_maps(d, path, before, after);
    }
    diff_pair(&d->a->reply, path, before, after);
    return 0;
}

static struct cove_bytes diff_cell(const struct cove_cell *cell)
{
    return cell->kind == COVE_ABSENT ? cove_bytes(NULL, 0) : cell->bytes;
}

static int diff_fields(struct diff *d)
{
    const struct cove_plan *plan = d->now->plan;
    int err = 0;

    for (size_t i = 0; i < plan->field_count && err == 0; i++) {
        struct cove_field fields[2];

        for (int side = 0; side < 2 && err == 0; side++) {
            err = cove_view_field(&d->past[side].loaded.view, i, &fields[side]);
        }
        if (err == 0) {
            err = diff_member(d, "", fields[0].name, diff_cell(&fields[0].cell),
                              diff_cell(&fields[1].cell));
        }
    }
    return err;
}

static int diff_registers(struct diff *d)
{
    struct node_differences changes = {.arena = &d->a->arena};
    struct cove_loaded raw = *d->now;
    int err;

    raw.raw = true;
    err = node_differences(&raw, diff_state(d, 0), diff_state(d, 1), &changes);
    for (size_t i = 0; i < changes.count && err == 0; i++) {
        struct cove_loaded before = {.raw = true};
        struct cove_cell cell;

        before.doc.state = *diff_state(d, 0);
        err = cove_loaded_get(&before, changes.edits[i].name, &cell, NULL);
        if (err == 0) {
            err = diff_member(d, "", changes.edits[i].name, diff_cell(&cell),
                              changes.edits[i].value);
        }
    }
    return err;
}

/* --------------------------------------------------------- lists and texts */

/* Who put in what comes: author, time, how many. */
static void diff_by(struct node_json *j, const struct cove_seq *seq,
                    const struct cove_seq_change *change)
{
    node_json_key(j, "by");
    node_json_open(j, '[');
    for (size_t i = 0; i < change->come_parts; i++) {
        const struct cove_seq_part *part = &change->come[i];
        struct cove_op_id id = {.hlc = part->hlc};

        id.device = cove_seq_author_of(seq, part->first.author)->device;
        node_json_open(j, '{');
        node_json_author(j, &id);
        node_json_key(j, "count");
        node_json_int(j, part->count);
        node_json_close(j, '}');
    }
    node_json_close(j, ']');
}

static int diff_part_items(struct diff *d, int side,
                           const struct cove_seq_part *part)
{
    struct cove_bytes rest = part->content;
    struct cove_elem elem = part->first;
    int err = 0;

    for (uint32_t i = 0; i < part->count && err == 0; i++, elem.n++) {
        struct cove_bytes one = cove_seq_cut(COVE_SEQ_LIST, rest, 1);

        rest.at += one.len;
        rest.len -= one.len;
        err = cove_item_value(&d->a->arena, diff_state(d, side),
                              diff_seq(d, side), elem, part->type, &one);
        node_json_value(&d->a->reply, one);
    }
    return err;
}

static int diff_parts(struct diff *d, int side, const char *key,
                      const struct cove_seq_part *parts, size_t count)
{
    struct node_json *j = &d->a->reply;
    struct cove_buf text;
    int err = 0;

    if (count == 0) {
        return 0;
    }
    node_json_key(j, key);
    if (cove_seq_kind(diff_seq(d, side)) == COVE_SEQ_LIST) {
        node_json_open(j, '[');
        for (size_t i = 0; i < count && err == 0; i++) {
            err = diff_part_items(d, side, &parts[i]);
        }
        node_json_close(j, ']');
        return err;
    }
    cove_buf_init(&text, d->a->store->alloc);
    for (size_t i = 0; i < count && err == 0; i++) {
        err = cove_buf_append(&text, parts[i].content);
    }
    if (err == 0) {
        node_json_text(j, cove_buf_bytes(&text));
    }
    cove_buf_clear(&text);
    return err;
}

static int diff_change(struct diff *d, const struct cove_seq_change *change)
{
    struct node_json *j = &d->a->reply;
    int err;

    node_json_open(j, '{');
    node_json_key(j, "at");
    node_json_int(j, (int64_t)change->old_at);
    node_json_key(j, "newAt");
    node_json_int(j, (int64_t)change->new_at);
    err = diff_parts(d, 0, "removed", change->gone, change->gone_parts);
    if (err == 0) {
        err = diff_parts(d, 1, "inserted", change->come, change->come_parts);
    }
    if (err == 0 && change->come_parts > 0) {
        diff_by(j, diff_seq(d, 1), change);
    }
    node_json_close(j, '}');
    return err;
}

/* Items that stay, and were written in place. */
static int diff_kept(struct diff *d, const struct cove_seq_step *step,
                     size_t at)
{
    struct cove_elem elems[2] = {step->old, step->as};
    struct cove_bytes rest = step->content;
    struct node_json *j = &d->a->reply;
    int err = 0;

    for (uint32_t i = 0; i < step->count && err == 0; i++) {
        struct cove_bytes one = cove_seq_cut(COVE_SEQ_LIST, rest, 1);
        struct cove_bytes values[2] = {one, one};

        rest.at += one.len;
        rest.len -= one.len;
        for (int side = 0; side < 2 && err == 0; side++) {
            err = cove_item_value(&d->a->arena, diff_state(d, side),
                                  diff_seq(d, side), elems[side], step->type,
                                  &values[side]);
            elems[side].n++;
        }
        if (err == 0 && !cove_bytes_equal(values[0], values[1])) {
            node_json_open(j, '{');
            node_json_key(j, "at");
            node_json_int(j, (int64_t)(at + i));
            node_json_key(j, "before");
            node_json_value(j, values[0]);
            node_json_key(j, "after");
            node_json_value(j, values[1]);
            node_json_close(j, '}');
        }
    }
    return err;
}

static int diff_sets(struct diff *d)
{
    struct cove_seq_steps steps;
    struct cove_seq_step step;
    size_t at = 0;
    int err;

    if (diff_state(d, 0)->native_count + diff_state(d, 1)->native_count == 0) {
        return 0;
    }
    err = cove_seq_steps(diff_seq(d, 0), diff_seq(d, 1), &d->a->arena, &steps);
    while (err == 0) {
        err = cove_seq_step(&steps, &step);
        if (err == 0 && step.was && step.is) {
            err = diff_kept(d, &step, at);
        }
        if (err == 0) {
            at += step.was ? step.count : 0;
        }
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int diff_elements(struct diff *d)
{
    struct cove_seq_changes changes;
    int err =
        cove_seq_diff(diff_seq(d, 0), diff_seq(d, 1), &d->a->arena, &changes);

    for (size_t i = 0; err == 0 && i < changes.count; i++) {
        err = diff_change(d, &changes.at[i]);
    }
    return err == 0 && d->now->doc.header.type == COVE_DOC_COLIST ? diff_sets(d)
                                                                  : err;
}

static int diff_text(struct diff *d, int side, struct cove_bytes *out)
{
    const struct cove_seq *seq = diff_seq(d, side);
    struct cove_buf buf;

    cove_buf_init(&buf, d->a->store->alloc);
    int err = cove_seq_text(seq, COVE_SEQ_BYTES, 0,
                            cove_seq_length(seq, COVE_SEQ_BYTES), &buf);

    if (err == 0) {
        err = cove_arena_copy(&d->a->arena, cove_buf_bytes(&buf), out);
    }
    cove_buf_clear(&buf);
    return err;
}

static int diff_grain(struct diff *d, enum cove_diff_grain grain)
{
    struct node_json *j = &d->a->reply;
    struct cove_text_edits edits;
    struct cove_bytes texts[2];
    int err = diff_text(d, 0, &texts[0]);

    err = err != 0 ? err : diff_text(d, 1, &texts[1]);
    if (err == 0) {
        err = cove_diff_texts(&d->a->arena, texts[0], texts[1], grain, &edits);
    }
    for (size_t i = 0; err == 0 && i < edits.count; i++) {
        const struct cove_text_edit *e = &edits.at[i];
        size_t begin = 0;
        size_t end = 0;

        err = cove_utf8_offset(texts[0], e->at, &begin);
        if (err == 0) {
            err = cove_utf8_offset(texts[0], e->at + e->removed, &end);
        }
        node_json_open(j, '{');
        node_json_key(j, "at");
        node_json_int(j, (int64_t)e->at);
        if (end > begin) {
            node_json_key(j, "removed");
            node_json_text(j, cove_bytes(texts[0].at + begin, end - begin));
        }
        if (e->inserted.len > 0) {
            node_json_key(j, "inserted");
            node_json_text(j, e->inserted);
        }
        node_json_close(j, '}');
    }
    return err;
}

static int diff_sequence(struct diff *d)
{
    if (d->grain == NULL) {
        return diff_elements(d);
    }
    if (d->now->doc.header.type != COVE_DOC_COTEXT) {
        return cove_fail(&d->txn->diag, COVE_EUSAGE,
                         "only texts are compared by a grain");
    }
    if (strcmp(d->grain, "words") == 0) {
        return diff_grain(d, COVE_DIFF_WORDS);
    }
    if (strcmp(d->grain, "lines") == 0) {
        return diff_grain(d, COVE_DIFF_LINES);
    }
    return cove_fail(&d->txn->diag, COVE_EUSAGE,
                     "grain \"%s\"; there are words and lines", d->grain);
}

/* ------------------------------------------------------ counters, streams */

static int64_t diff_clamp(cove_wide sum)
{
    return sum > INT64_MAX   ? INT64_MAX
           : sum < INT64_MIN ? INT64_MIN
                             : (int64_t)sum;
}

static void diff_counter(struct diff *d)
{
    cove_wide before = diff_state(d, 0)->sum;
    cove_wide after = diff_state(d, 1)->sum;
    struct node_json *j = &d->a->reply;

    if (before == after) {
        return;
    }
    node_json_open(j, '{');
    node_json_key(j, "before");
    node_json_int(j, diff_clamp(before));
    node_json_key(j, "after");
    node_json_int(j, diff_clamp(after));
    node_json_key(j, "difference");
    node_json_int(j, diff_clamp(after - before));
    node_json_close(j, '}');
}

/* Does a point show an entry? One of a branch was made a frontier before. */
static bool diff_shows(const struct node_point *point,
                       const struct cove_event *e)
{
    if (point->kind != NODE_POINT_FRONTIER) {
        return e->shown &&
               (point->kind == NODE_POINT_NOW || e->id.hlc <= point->hlc);
    }
    for (size_t i = 0; i < point->count; i++) {
        if (memcmp(&point->points[i].session, &e->id.session,
                   sizeof(e->id.session)) == 0) {
            return e->id.tx < point->points[i].len;
        }
    }
    return false;
}

static int diff_frontier(struct diff *d, struct node_point *point)
{
    struct cove_repo *repo = d->txn->worker->repo;
    struct cove_doc branch;
    int err;

    if (point->kind != NODE_POINT_BRANCH) {
        return 0;
    }
    err = cove_repo_load_branch(repo, d->txn->txn, d->now->doc.num,
                                &point->branch, &d->txn->arena, &branch,
                                &d->txn->diag);
    if (err == 0) {
        err = cove_repo_frontier(repo, d->txn->txn, &branch, &d->txn->arena,
                                 &point->points, &point->count);
    }
    point->kind = NODE_POINT_FRONTIER;
    return err;
}

static int diff_stream(struct diff *d)
{
    struct cove_history_page page = {.limit = 0};
    struct node_json *j = &d->a->reply;
    struct cove_event *events = NULL;
    size_t count = 0;
    int err = diff_frontier(d, &d->points[0]);

    err = err != 0 ? err : diff_frontier(d, &d->points[1]);
    if (err == 0) {
        err = cove_history_page(d->txn->worker->repo, d->txn->txn, &d->now->doc,
                                &page, &d->txn->arena, &events, &count);
    }
    for (size_t i = 0; err == 0 && i < count; i++) {
        bool was = diff_shows(&d->points[0], &events[i]);
        bool is = diff_shows(&d->points[1], &events[i]);

        if (events[i].what == COVE_EVENT_APPEND && was != is) {
            node_json_open(j, '{');
            node_json_key(j, was ? "removed" : "appended");
            node_json_value(j, events[i].value);
            node_json_author(j, &events[i].id);
            node_json_close(j, '}');
        }
    }
    return err;
}

/* ---------------------------------------------------------------- the verb */

static int diff_changes(struct diff *d)
{
    switch (d->now->doc.header.type) {
    case COVE_DOC_COLIST:
    case COVE_DOC_COTEXT:
        return diff_sequence(d);
    case COVE_DOC_COCOUNTER:
        diff_counter(d);
        return 0;
    case COVE_DOC_COSTREAM:
        return diff_stream(d);
    case COVE_DOC_COMAP:
    case COVE_DOC_COBINARY:
    case COVE_DOC_GROUP:
    case COVE_DOC_ACCOUNT:
    case COVE_DOC_JOURNAL:
    case COVE_DOC_UNKNOWN:
        break;
    }
    return d->now->raw ? diff_registers(d) : diff_fields(d);
}

static int diff_run(struct diff *d)
{
    struct node_json *j = &d->a->reply;
    int err =
        node_past(d->txn, d->now, &d->points[0], &d->txn->arena, &d->past[0]);

    if (err != 0) {
        return err;
    }
    err = node_past(d->txn, d->now, &d->points[1], &d->txn->arena, &d->past[1]);
    if (err == 0) {
        node_json_key(j, "id");
        node_json_id(j, &d->now->doc.id);
        node_json_key(j, "type");
        node_json_text(j, d->now->doc.header.type_name);
        node_json_key(j, "changes");
        node_json_open(j, '[');
        err = diff_changes(d);
        node_json_close(j, ']');
        node_past_done(d->txn, &d->past[1]);
    }
    node_past_done(d->txn, &d->past[0]);
    return err;
}

static int verb_diff(struct admin *a)
{
    struct diff d = {.a = a};
    struct cove_id id;
    const char *version;
    int err = admin_document(a, &id, &version);

    err = err != 0 ? err : admin_text(a, "grain", &d.grain);
    err = err != 0 ? err : node_begin(a->store, COVE_READ | COVE_VIEW, &d.txn);
    if (err != 0) {
        return err;
    }
    err = admin_branch(a, d.txn, &id);
    err = err != 0 ? err : node_load(d.txn, &id, version, &d.now);
    err = err != 0 ? err
                   : admin_point(a, d.txn, &d.now->doc, "from", &d.points[0]);
    err =
        err != 0 ? err : admin_point(a, d.txn, &d.now->doc, "to", &d.points[1]);
    return admin_end(a, d.txn, err != 0 ? err : diff_run(&d));
}

const struct admin_verb admin_diff_verbs[] = {
    {"diff", "id version branch from to grain", verb_diff},
    {NULL, NULL, NULL},
};
