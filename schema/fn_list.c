/* Lists, and the pipelines that are run for each item of one. What is sorted is
 * of one kind: texts bytewise, which is by code points, or numbers by value;
 * equal ones stay in their order, so that there is one result. */
#include <stdlib.h>

#include "core/limits.h"
#include "core/utf8.h"
#include "core/value.h"
#include "schema/fn_atoms.h"

int cove_fn_length(struct cove_fn_run *run, struct cove_bytes arg,
                   struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_bytes text;
    struct cove_reader r;
    size_t count;

    (void)arg;
    if (cove_fn_as_text(in, &text) == 0) {
        count = cove_utf8_count(text);
    } else if (cove_fn_as_list(in, &r, &count) != 0 &&
               cove_fn_as_object(in, &r, &count) != 0) {
        return FN_BAD;
    }
    return cove_fn_of_int(run, (fn_wide)count, out);
}

/* --- pipelines for each */

/* What an item leaves behind is freed before the next: a list may be long. */
int cove_fn_each(struct cove_fn_run *run, struct cove_bytes arg,
                 struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_arena scratch;
    struct cove_fn_run inner;
    struct cove_fn_out o;
    struct cove_reader r;
    size_t count;
    int err = cove_fn_as_list(in, &r, &count);

    if (err != 0) {
        return err;
    }
    cove_arena_init(&scratch, run->arena->alloc);
    inner = *run;
    inner.arena = &scratch;
    cove_fn_out_init(&o, run, in.len);
    cove_writer_list(&o.w, count);
    for (size_t i = 0; err == 0 && i < count; i++) {
        struct cove_bytes made;

        err = cove_fn_pipe_run(&inner, arg, cove_reader_item(&r), &made);
        if (err == 0) {
            cove_writer_item(&o.w, made);
            err = o.w.err != 0 ? o.w.err : cove_fn_out_over(&o) ? FN_BAD : 0;
        }
        cove_arena_reset(&scratch);
    }
    cove_arena_clear(&scratch);
    run->work = inner.work;
    return err != 0 ? err : cove_fn_out_end(&o, out);
}

int cove_fn_filter(struct cove_fn_run *run, struct cove_bytes arg,
                   struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_bytes *kept;
    struct cove_reader r;
    struct cove_fn_out o;
    size_t count;
    size_t n = 0;
    int err = cove_fn_as_list(in, &r, &count);

    if (err != 0) {
        return err;
    }
    kept = cove_arena_array(run->arena, count + 1, sizeof(*kept));
    if (kept == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        bool holds = false;

        kept[n] = cove_reader_item(&r);
        err = cove_fn_condition(run, arg, kept[n], &holds);
        if (err != 0) {
            return err;
        }
        n += holds;
    }
    cove_fn_out_init(&o, run, in.len);
    cove_writer_list(&o.w, n);
    for (size_t i = 0; i < n; i++) {
        cove_writer_item(&o.w, kept[i]);
    }
    return cove_fn_out_end(&o, out);
}

bool cove_fn_arg_pipes(struct cove_fn_check *check, struct cove_bytes arg)
{
    struct cove_reader r;
    size_t count;

    if (cove_fn_as_list(arg, &r, &count) != 0 || count == 0) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!cove_fn_arg_pipe(check, cove_reader_item(&r))) {
            return false;
        }
    }
    return true;
}

int cove_fn_list(struct cove_fn_run *run, struct cove_bytes arg,
                 struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_fn_out o;
    struct cove_reader r;
    size_t count;
    int err = 0;

    cove_reader_init(&r, arg);
    count = cove_reader_list(&r);
    cove_fn_out_init(&o, run, in.len);
    cove_writer_list(&o.w, count);
    for (size_t i = 0; err == 0 && i < count; i++) {
        struct cove_bytes made;

        err = cove_fn_pipe_run(run, cove_reader_item(&r), in, &made);
        if (err == 0) {
            cove_writer_item(&o.w, made);
            err = cove_fn_out_over(&o) ? FN_BAD : 0;
        }
    }
    return err != 0 ? err : cove_fn_out_end(&o, out);
}

/* --- order */

/* An item of a list that is being sorted. */
struct list_item {
    struct cove_bytes item;
    struct cove_bytes key; /* what it is sorted by: a text's, or a number */
    size_t place;
};

/* The items of a list, their keys not set. */
static int list_items(struct cove_fn_run *run, struct cove_bytes in,
                      struct list_item **out, size_t *count)
{
    struct list_item *items;
    struct cove_reader r;
    int err = cove_fn_as_list(in, &r, count);

    if (err != 0) {
        return err;
    }
    items = cove_arena_array(run->arena, *count + 1, sizeof(*items));
    if (items == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < *count; i++) {
        items[i].item = cove_reader_item(&r);
        items[i].place = i;
    }
    *out = items;
    return 0;
}

static int list_write(struct cove_fn_run *run, const struct list_item *items,
                      size_t count, size_t room, struct cove_bytes *out)
{
    struct cove_fn_out o;

    cove_fn_out_init(&o, run, room);
    cove_writer_list(&o.w, count);
    for (size_t i = 0; i < count; i++) {
        cove_writer_item(&o.w, items[i].item);
    }
    return cove_fn_out_end(&o, out);
}

static int list_by_place(const struct list_item *a, const struct list_item *b)
{
    return (a->place > b->place) - (a->place < b->place);
}

static int list_by_text(const void *left, const void *right)
{
    const struct list_item *a = left;
    const struct list_item *b = right;
    int order = cove_bytes_compare(a->key, b->key);

    return order != 0 ? order : list_by_place(a, b);
}

static int list_by_number(const void *left, const void *right)
{
    const struct list_item *a = left;
    const struct list_item *b = right;
    int order = 0;

    (void)cove_fn_compare(a->key, b->key, &order);
    return order != 0 ? order : list_by_place(a, b);
}

static int list_place_order(const void *left, const void *right)
{
    return list_by_place(left, right);
}

/* Sort by keys, encoded, which must be all texts or all numbers. */
static int list_sort(struct list_item *items, size_t count)
{
    bool texts = count > 0 && cove_cbor_type_of(items[0].key) == COVE_CBOR_TEXT;

    for (size_t i = 0; i < count; i++) {
        int order;

        if (texts ? cove_fn_as_text(items[i].key, &items[i].key) != 0
                  : !cove_fn_compare(items[i].key, items[i].key, &order)) {
            return FN_BAD;
        }
    }
    qsort(items, count, sizeof(*items), texts ? list_by_text : list_by_number);
    return 0;
}

int cove_fn_sort(struct cove_fn_run *run, struct cove_bytes arg,
                 struct cove_bytes in, struct cove_bytes *out)
{
    struct list_item *items;
    size_t count;
    int err = list_items(run, in, &items, &count);

    (void)arg;
    if (err != 0) {
        return err;
    }
    for (size_t i = 0; i < count; i++) {
        items[i].key = items[i].item;
    }
    err = list_sort(items, count);
    return err != 0 ? err : list_write(run, items, count, in.len, out);
}

int cove_fn_sort_by(struct cove_fn_run *run, struct cove_bytes arg,
                    struct cove_bytes in, struct cove_bytes *out)
{
    struct list_item *items;
    size_t count;
    int err = list_items(run, in, &items, &count);

    if (err != 0) {
        return err;
    }
    for (size_t i = 0; i < count; i++) {
        if (!cove_fn_path(items[i].item, arg, &items[i].key)) {
            return FN_BAD;
        }
    }
    err = list_sort(items, count);
    return err != 0 ? err : list_write(run, items, count, in.len, out);
}

/* The first of equal ones stays, where it stands. */
int cove_fn_unique(struct cove_fn_run *run, struct cove_bytes arg,
                   struct cove_bytes in, struct cove_bytes *out)
{
    struct list_item *items;
    size_t count;
    size_t n = 0;
    int err = list_items(run, in, &items, &count);

    (void)arg;
    if (err != 0) {
        return err;
    }
    for (size_t i = 0; i < count; i++) {
        items[i].key = items[i].item;
    }
    qsort(items, count, sizeof(*items), list_by_text);
    for (size_t i = 0; i < count; i++) {
        if (n == 0 || !cove_bytes_equal(items[n - 1].key, items[i].key)) {
            items[n++] = items[i];
        }
    }
    qsort(items, n, sizeof(*items), list_place_order);
    return list_write(run, items, n, in.len, out);
}

int cove_fn_reverse(struct cove_fn_run *run, struct cove_bytes arg,
                    struct cove_bytes in, struct cove_bytes *out)
{
    struct list_item *items;
    size_t count;
    int err = list_items(run, in, &items, &count);

    (void)arg;
    if (err != 0) {
        return err;
    }
    for (size_t i = 0; i < count / 2; i++) {
        struct list_item swap = items[i];

        items[i] = items[count - 1 - i];
        items[count - 1 - i] = swap;
    }
    return list_write(run, items, count, in.len, out);
}

int cove_fn_concat(struct cove_fn_run *run, struct cove_bytes arg,
                   struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_reader r;
    struct cove_reader again;
    struct cove_fn_out o;
    size_t lists;
    size_t all = 0;
    int err = cove_fn_as_list(in, &r, &lists);

    (void)arg;
    again = r;
    for (size_t i = 0; err == 0 && i < lists; i++) {
        struct cove_reader inner;
        size_t count;

        err = cove_fn_as_list(cove_reader_item(&r), &inner, &count);
        all += err == 0 ? count : 0;
    }
    if (err != 0) {
        return err;
    }
    cove_fn_out_init(&o, run, in.len);
    cove_writer_list(&o.w, all);
    for (size_t i = 0; i < lists; i++) {
        for (size_t left = cove_reader_list(&again); left > 0; left--) {
            cove_writer_item(&o.w, cove_reader_item(&again));
        }
    }
    return cove_fn_out_end(&o, out);
}
