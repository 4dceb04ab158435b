/* stream_walk.c: reading a stream: the logs of its sessions, merged.
 *
 * A cursor walks each session from where the position says; the cursors stand
 * in a heap by the transactions they are at. All ops of a transaction have one
 * place in the order but for their number, so the top one is read to its end
 * before another is looked at; what a transaction holds is decoded only then.
 *
 * A walk over a log must begin anew when its transaction wrote something, and
 * what it allocates is freed only with its arena. So from time to time, and
 * after each write, all cursors are set up again from the position.
 */
#include <stdlib.h>

#include "crdt/repo_internal.h"
#include "crdt/stream.h"

struct stream_cursor {
    struct cove_stream_point *point;
    const struct repo_row *row;
    struct repo_walk walk; /* behind `entry` */
    struct repo_tx_entry entry;
};

struct cove_stream_walk {
    struct cove_repo *repo;
    struct cove_store_txn *txn;
    const struct cove_doc *doc;
    bool by_author;
    struct cove_key author;
    struct cove_buf points; /* struct cove_stream_point, sorted */
    struct repo_work work;
    struct cove_arena arena; /* of what follows, until it is set up again */
    struct repo_record record;
    struct stream_cursor *cursors;
    struct stream_cursor **heap;
    size_t heap_count;
    size_t loads;   /* chunks that were read since */
    uint64_t as_of; /* … so many writes */
    bool ready;
    struct cove_arena scratch; /* of the transaction that is read */
    struct cove_tx tx;
    bool decoded;  /* tx is the top cursor's */
    size_t op;     /* its next entry */
    bool finished; /* it has none */
};

static struct cove_stream_point *walk_points(const struct cove_stream_walk *w)
{
    return (struct cove_stream_point *)(void *)w->points.at;
}

static size_t walk_point_count(const struct cove_stream_walk *w)
{
    return w->points.len / sizeof(struct cove_stream_point);
}

/* --- the heap */

static int cursor_order(const struct stream_cursor *a,
                        const struct stream_cursor *b)
{
    int order;

    if (a->entry.hlc != b->entry.hlc) {
        return a->entry.hlc < b->entry.hlc ? -1 : 1;
    }
    order = memcmp(&a->row->pub.device, &b->row->pub.device,
                   sizeof(a->row->pub.device));
    return order != 0 ? order
                      : memcmp(&a->row->pub.session, &b->row->pub.session,
                               sizeof(a->row->pub.session));
}

static void heap_down(struct cove_stream_walk *w, size_t at)
{
    struct stream_cursor *moved = w->heap[at];

    for (;;) {
        size_t child = 2 * at + 1;

        if (child + 1 < w->heap_count &&
            cursor_order(w->heap[child + 1], w->heap[child]) < 0) {
            child++;
        }
        if (child >= w->heap_count || cursor_order(w->heap[child], moved) > 0) {
            break;
        }
        w->heap[at] = w->heap[child];
        at = child;
    }
    w->heap[at] = moved;
}

/* --- setting up */

static int point_order(const void *left, const void *right)
{
    const struct cove_stream_point *a = left;
    const struct cove_stream_point *b = right;

    return memcmp(&a->session, &b->session, sizeof(a->session));
}

/* Give each session of the record a point. */
static int walk_join(struct cove_stream_walk *w)
{
    size_t count = walk_point_count(w);
    size_t at = 0;
    int err = 0;

    for (size_t i = 0; i < w->record.row_count && err == 0; i++) {
        struct cove_stream_point fresh = {.session =
                                              w->record.rows[i].pub.session};

        while (at < count && point_order(&walk_points(w)[at], &fresh) < 0) {
            at++;
        }
        if (at == count || point_order(&walk_points(w)[at], &fresh) != 0) {
            err =
                cove_buf_append(&w->points, cove_bytes(&fresh, sizeof(fresh)));
        }
    }
    if (walk_point_count(w) > count) {
        qsort(w->points.at, walk_point_count(w),
              sizeof(struct cove_stream_point), point_order);
    }
    return err;
}

/* How far a session is shown: as the document was loaded, which may know that
 * a time has come where the record does not. */
static uint32_t walk_shown(const struct cove_stream_walk *w,
                           const struct repo_row *row)
{
    bool other = w->by_author &&
                 memcmp(&row->pub.device, &w->author, sizeof(w->author)) != 0;

    return other ? 0 : repo_doc_shown(w->doc, row);
}

/* The next transaction of a session. Errors: COVE_ENOTFOUND: no more. */
static int cursor_step(struct cove_stream_walk *w, struct stream_cursor *c)
{
    uint32_t chunk = c->walk.chunk.start;
    int err = repo_walk_next(&w->work, &c->walk, &c->entry);

    w->loads += c->walk.chunk.start != chunk;
    return err;
}

static int cursor_start(struct cove_stream_walk *w, struct stream_cursor *c,
                        uint32_t end)
{
    int err =
        repo_walk_start(&w->work, &w->record, c->row, c->point->tx, &c->walk);

    c->walk.end = end;
    return err != 0 ? err : cursor_step(w, c);
}

static int walk_cursors(struct cove_stream_walk *w)
{
    size_t rows = w->record.row_count;
    struct cove_stream_point *points = walk_points(w);
    int err = 0;

    w->cursors = cove_arena_array(&w->arena, rows + 1, sizeof(*w->cursors));
    w->heap =
        cove_arena_array(&w->arena, rows + 1, sizeof(struct stream_cursor *));
    if (w->cursors == NULL || w->heap == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < rows && err == 0; i++) {
        struct stream_cursor *c = &w->cursors[i];
        uint32_t end = walk_shown(w, &w->record.rows[i]);

        c->row = &w->record.rows[i];
        while (memcmp(&points->session, &c->row->pub.session,
                      sizeof(points->session)) != 0) {
            points++;
        }
        c->point = points;
        if (c->point->tx < end) {
            err = cursor_start(w, c, end);
            w->heap[w->heap_count++] = c;
        }
    }
    for (size_t i = w->heap_count / 2; i > 0 && err == 0; i--) {
        heap_down(w, i - 1);
    }
    return err;
}

static int walk_set_up(struct cove_stream_walk *w)
{
    int err;

    w->ready = w->decoded = w->finished = false;
    w->heap_count = 0;
    cove_arena_reset(&w->arena);
    err = repo_work_begin(&w->work, w->repo, w->txn, &w->arena, NULL);
    if (err == 0) {
        err = repo_doc_record(&w->work, w->doc, &w->record);
    }
    if (err == 0) {
        err = walk_join(w);
    }
    if (err == 0) {
        err = walk_cursors(w);
    }
    w->loads = 0;
    w->as_of = w->repo->open.writes;
    w->ready = err == 0;
    return err;
}

/* Logs change only in a transaction that writes; what is in memory of them for
 * now is then written first. */
static int walk_current(struct cove_stream_walk *w)
{
    bool writes = cove_store_writes(w->txn);
    int err = 0;

    if (writes) {
        err = repo_work_begin(&w->work, w->repo, w->txn, &w->arena, NULL);
    }
    if (err == 0 && w->ready && w->loads <= 64 + 2 * w->record.row_count &&
        !(writes && w->as_of != w->repo->open.writes)) {
        return 0;
    }
    return err != 0 ? err : walk_set_up(w);
}

int cove_stream_walk_open(struct cove_repo *repo, struct cove_store_txn *txn,
                          const struct cove_doc *doc,
                          const struct cove_stream_from *from,
                          struct cove_stream_walk **out, struct cove_diag *diag)
{
    const struct cove_alloc *alloc = repo->opt.alloc;
    struct cove_stream_walk *w = cove_alloc_zero(alloc, 1, sizeof(*w));
    struct cove_stream_position position;
    int err;

    if (w == NULL) {
        return COVE_ENOMEM;
    }
    w->repo = repo;
    w->txn = txn;
    w->doc = doc;
    w->by_author = from->author != NULL;
    if (w->by_author) {
        w->author = *from->author;
    }
    cove_buf_init(&w->points, alloc);
    cove_arena_init(&w->arena, alloc);
    cove_arena_init(&w->scratch, alloc);
    err = cove_stream_position_read(from->position, &doc->id, &w->scratch,
                                    &position, diag);
    if (err == 0) {
        err = cove_buf_append(
            &w->points, cove_bytes(position.points,
                                   position.count * sizeof(*position.points)));
    }
    if (err == 0) {
        err = walk_set_up(w);
    }
    if (err != 0) {
        cove_stream_walk_close(w);
        return err;
    }
    *out = w;
    return 0;
}

void cove_stream_walk_close(struct cove_stream_walk *w)
{
    if (w != NULL) {
        cove_buf_clear(&w->points);
        cove_arena_clear(&w->arena);
        cove_arena_clear(&w->scratch);
        cove_alloc_free(w->repo->opt.alloc, w);
    }
}

/* --- reading */

/* All entries of the top one were given. */
static void walk_finish(struct cove_stream_walk *w)
{
    struct cove_stream_point *point = w->heap[0]->point;

    point->tx++;
    point->entries = 0;
    w->finished = true;
}

/* Go on behind it. */
static int walk_pass(struct cove_stream_walk *w)
{
    int err = cursor_step(w, w->heap[0]);

    if (err == COVE_ENOTFOUND) {
        w->heap[0] = w->heap[--w->heap_count];
        err = 0;
    }
    if (err == 0 && w->heap_count > 0) {
        heap_down(w, 0);
    }
    w->decoded = w->finished = false;
    return err;
}

static void walk_to_entry(struct cove_stream_walk *w)
{
    while (w->op < w->tx.op_count && w->tx.ops[w->op].kind != COVE_OP_APPEND) {
        w->op++;
    }
}

/* Decode the top one and stand at its first entry that was not given. */
static int walk_decode(struct cove_stream_walk *w)
{
    struct stream_cursor *c = w->heap[0];
    struct repo_work decode = w->work;
    int err;

    cove_arena_reset(&w->scratch);
    decode.arena = &w->scratch;
    err = repo_tx_decode(&decode, &c->entry, &w->tx);
    if (err != 0) {
        return err;
    }
    if (w->tx.ahead || w->tx.private_part.len > 0) {
        w->tx.op_count = 0;
    }
    w->op = 0;
    walk_to_entry(w);
    for (uint32_t i = 0; i < c->point->entries && w->op < w->tx.op_count; i++) {
        w->op++;
        walk_to_entry(w);
    }
    w->decoded = true;
    return 0;
}

int cove_stream_walk_next(struct cove_stream_walk *w,
                          struct cove_stream_entry_id *id,
                          struct cove_bytes *value)
{
    int err = walk_current(w);

    while (err == 0 && w->heap_count > 0) {
        struct stream_cursor *c = w->heap[0];

        if (w->finished) {
            err = walk_pass(w);
        } else if (!w->decoded) {
            err = walk_decode(w);
        } else if (w->op == w->tx.op_count) {
            walk_finish(w); /* there was none */
        } else {
            id->hlc = c->entry.hlc;
            id->device = c->row->pub.device;
            *value = w->tx.ops[w->op++].value;
            c->point->entries++;
            walk_to_entry(w);
            if (w->op == w->tx.op_count) {
                walk_finish(w);
            }
            return 0;
        }
    }
    w->ready = w->ready && err == 0;
    return err != 0 ? err : COVE_ENOTFOUND;
}

int cove_stream_walk_skip(struct cove_stream_walk *w)
{
    int err = walk_set_up(w);

    for (size_t i = 0; i < w->heap_count && err == 0; i++) {
        struct stream_cursor *c = w->heap[i];

        c->point->tx = c->walk.end;
        c->point->entries = 0;
    }
    w->ready = false;
    return err;
}

int cove_stream_walk_position(const struct cove_stream_walk *w,
                              struct cove_buf *out)
{
    struct cove_stream_position position = {walk_points(w),
                                            walk_point_count(w)};

    return cove_stream_position_write(&position, &w->doc->id, out);
}
