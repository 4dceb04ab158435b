/* Members of objects, and what lies deeper. A reference to a document is a
 * value of its own and no object here. Keys stay in the order of their bytes,
 * so members are merged as two sorted lists are. */
#include "core/limits.h"
#include "core/value.h"
#include "schema/fn_atoms.h"

/* --- paths */

int cove_fn_get(struct cove_fn_run *run, struct cove_bytes arg,
                struct cove_bytes in, struct cove_bytes *out)
{
    (void)run;
    return cove_fn_path(in, arg, out) ? 0 : FN_BAD;
}

bool cove_fn_arg_get_or(struct cove_fn_check *check, struct cove_bytes arg)
{
    struct cove_bytes path;
    struct cove_bytes otherwise;

    return cove_fn_is_pair(arg, &path, &otherwise) &&
           cove_fn_arg_path(check, path);
}

int cove_fn_get_or(struct cove_fn_run *run, struct cove_bytes arg,
                   struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_bytes path;
    struct cove_bytes otherwise;

    (void)run;
    cove_fn_pair(arg, &path, &otherwise);
    if (!cove_fn_path(in, path, out)) {
        *out = otherwise;
    }
    return 0;
}

bool cove_fn_arg_update(struct cove_fn_check *check, struct cove_bytes arg)
{
    struct cove_bytes path;
    struct cove_bytes pipe;

    return cove_fn_is_pair(arg, &path, &pipe) &&
           cove_fn_arg_path(check, path) && cove_fn_arg_pipe(check, pipe);
}

/* The value at the path is exchanged where it stands: what is around it, and
 * how many there are, stays. Where there is none, nothing changes. */
int cove_fn_update(struct cove_fn_run *run, struct cove_bytes arg,
                   struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_bytes path;
    struct cove_bytes pipe;
    struct cove_bytes old;
    struct cove_bytes made;
    struct cove_fn_out o;
    size_t before;
    int err;

    cove_fn_pair(arg, &path, &pipe);
    if (cove_cbor_type_of(in) != COVE_CBOR_LIST &&
        cove_value_kind(in) != COVE_KIND_MAP) {
        return FN_BAD;
    }
    if (!cove_fn_path(in, path, &old)) {
        *out = in;
        return 0;
    }
    err = cove_fn_pipe_run(run, pipe, old, &made);
    if (err != 0) {
        return err;
    }
    before = (size_t)(old.at - in.at);
    cove_fn_out_init(&o, run, in.len + made.len);
    cove_writer_item(&o.w, cove_bytes(in.at, before));
    cove_writer_item(&o.w, made);
    cove_writer_item(
        &o.w, cove_bytes(in.at + before + old.len, in.len - before - old.len));
    return cove_fn_out_end(&o, out);
}

/* --- some of the members */

static bool object_lists(struct cove_bytes keys, struct cove_bytes key)
{
    struct cove_reader r;

    cove_reader_init(&r, keys);
    for (size_t left = cove_reader_list(&r); left > 0; left--) {
        if (cove_bytes_equal(cove_reader_item(&r), key)) {
            return true;
        }
    }
    return false;
}

/* The members whose keys are listed, or those whose keys are not. */
static int object_select(struct cove_fn_run *run, struct cove_bytes keys,
                         bool listed, struct cove_bytes in,
                         struct cove_bytes *out)
{
    struct cove_reader r;
    struct cove_reader again;
    struct cove_fn_out o;
    size_t count;
    size_t n = 0;
    int err = cove_fn_as_object(in, &r, &count);

    if (err != 0) {
        return err;
    }
    again = r;
    for (size_t i = 0; i < count; i++) {
        n += object_lists(keys, cove_reader_item(&r)) == listed;
        (void)cove_reader_item(&r);
    }
    cove_fn_out_init(&o, run, in.len);
    cove_writer_map(&o.w, n);
    for (size_t i = 0; i < count; i++) {
        struct cove_bytes key = cove_reader_item(&again);
        struct cove_bytes value = cove_reader_item(&again);

        if (object_lists(keys, key) == listed) {
            cove_writer_item(&o.w, key);
            cove_writer_item(&o.w, value);
        }
    }
    return cove_fn_out_end(&o, out);
}

int cove_fn_pick_keys(struct cove_fn_run *run, struct cove_bytes arg,
                      struct cove_bytes in, struct cove_bytes *out)
{
    return object_select(run, arg, true, in, out);
}

int cove_fn_omit(struct cove_fn_run *run, struct cove_bytes arg,
                 struct cove_bytes in, struct cove_bytes *out)
{
    return object_select(run, arg, false, in, out);
}

/* --- members of two */

/* The next member of a sorted map; `left` counts what is left. */
struct object_side {
    struct cove_reader r;
    size_t left;
    struct cove_bytes key, value; /* where left > 0 */
};

static void side_next(struct object_side *s)
{
    s->left--;
    if (s->left > 0) {
        s->key = cove_reader_item(&s->r);
        s->value = cove_reader_item(&s->r);
    }
}

static int side_init(struct object_side *s, struct cove_bytes object)
{
    int err = cove_fn_as_object(object, &s->r, &s->left);

    s->left++; /* before the first */
    if (err == 0) {
        side_next(s);
    }
    return err;
}

/* Walk both in the order of keys; `over` wins. Counts, or writes where `w` is
 * given. */
static size_t object_walk(struct object_side base, struct object_side over,
                          struct cove_writer *w)
{
    size_t count = 0;

    for (; base.left > 0 || over.left > 0; count++) {
        int order = over.left == 0   ? -1
                    : base.left == 0 ? 1
                                     : cove_bytes_compare(base.key, over.key);
        const struct object_side *from = order < 0 ? &base : &over;

        if (w != NULL) {
            cove_writer_item(w, from->key);
            cove_writer_item(w, from->value);
        }
        if (order <= 0) {
            side_next(&base);
        }
        if (order >= 0) {
            side_next(&over);
        }
    }
    return count;
}

static int object_merge(struct cove_fn_run *run, struct cove_bytes base,
                        struct cove_bytes over, struct cove_bytes *out)
{
    struct object_side a;
    struct object_side b;
    struct cove_fn_out o;

    if (side_init(&a, base) != 0 || side_init(&b, over) != 0) {
        return FN_BAD;
    }
    cove_fn_out_init(&o, run, base.len + over.len);
    cove_writer_map(&o.w, object_walk(a, b, NULL));
    (void)object_walk(a, b, &o.w);
    return cove_fn_out_end(&o, out);
}

/* An object whose keys are texts, none empty; no reference. */
bool cove_fn_arg_object(struct cove_fn_check *check, struct cove_bytes arg)
{
    struct cove_reader r;

    if (cove_cbor_type_of(arg) != COVE_CBOR_MAP) {
        return false;
    }
    cove_reader_init(&r, arg);
    for (size_t left = cove_reader_map(&r); left > 0; left--) {
        if (!cove_fn_arg_text(check, cove_reader_item(&r))) {
            return false;
        }
        (void)cove_reader_item(&r);
    }
    return true;
}

int cove_fn_merge(struct cove_fn_run *run, struct cove_bytes arg,
                  struct cove_bytes in, struct cove_bytes *out)
{
    return object_merge(run, in, arg, out);
}

int cove_fn_defaults(struct cove_fn_run *run, struct cove_bytes arg,
                     struct cove_bytes in, struct cove_bytes *out)
{
    return object_merge(run, arg, in, out);
}

/* {key: value}, both encoded. */
static int object_one(struct cove_fn_run *run, struct cove_bytes key,
                      struct cove_bytes value, struct cove_bytes *out)
{
    struct cove_fn_out o;

    cove_fn_out_init(&o, run, key.len + value.len);
    cove_writer_map(&o.w, 1);
    cove_writer_item(&o.w, key);
    cove_writer_item(&o.w, value);
    return cove_fn_out_end(&o, out);
}

bool cove_fn_arg_set(struct cove_fn_check *check, struct cove_bytes arg)
{
    struct cove_bytes key;
    struct cove_bytes pipe;

    return cove_fn_is_pair(arg, &key, &pipe) && cove_fn_arg_text(check, key) &&
           cove_fn_arg_pipe(check, pipe);
}

int cove_fn_set(struct cove_fn_run *run, struct cove_bytes arg,
                struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_bytes key;
    struct cove_bytes pipe;
    struct cove_bytes made;
    struct cove_bytes one;
    int err;

    cove_fn_pair(arg, &key, &pipe);
    if (cove_value_kind(in) != COVE_KIND_MAP) {
        return FN_BAD;
    }
    err = cove_fn_pipe_run(run, pipe, in, &made);
    err = err != 0 ? err : object_one(run, key, made, &one);
    return err != 0 ? err : object_merge(run, in, one, out);
}

bool cove_fn_arg_rename(struct cove_fn_check *check, struct cove_bytes arg)
{
    struct cove_bytes from;
    struct cove_bytes to;

    return cove_fn_is_pair(arg, &from, &to) && cove_fn_arg_text(check, from) &&
           cove_fn_arg_text(check, to) && !cove_bytes_equal(from, to);
}

/* The new name must be free, also where there is nothing to rename: so the way
 * back gives what was there. */
int cove_fn_rename(struct cove_fn_run *run, struct cove_bytes arg,
                   struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_bytes from;
    struct cove_bytes to;
    struct cove_bytes value;
    struct cove_bytes rest;
    struct cove_bytes one;
    struct cove_fn_out keys;
    int err;

    cove_fn_pair(arg, &from, &to);
    if (cove_value_kind(in) != COVE_KIND_MAP ||
        cove_fn_member(in, to, &value)) {
        return FN_BAD;
    }
    if (!cove_fn_member(in, from, &value)) {
        *out = in;
        return 0;
    }
    cove_fn_out_init(&keys, run, from.len);
    cove_writer_list(&keys.w, 1);
    cove_writer_item(&keys.w, from);
    err = cove_fn_out_end(&keys, &one);
    err = err != 0 ? err : object_select(run, one, false, in, &rest);
    err = err != 0 ? err : object_one(run, to, value, &one);
    return err != 0 ? err : object_merge(run, rest, one, out);
}

/* --- made anew */

bool cove_fn_arg_members(struct cove_fn_check *check, struct cove_bytes arg)
{
    struct cove_reader r;
    size_t left;

    if (!cove_fn_arg_object(check, arg)) {
        return false;
    }
    cove_reader_init(&r, arg);
    for (left = cove_reader_map(&r); left > 0; left--) {
        (void)cove_reader_item(&r);
        if (!cove_fn_arg_pipe(check, cove_reader_item(&r))) {
            return false;
        }
    }
    return true;
}

int cove_fn_object(struct cove_fn_run *run, struct cove_bytes arg,
                   struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_fn_out o;
    struct cove_reader r;
    size_t count;
    int err = 0;

    cove_reader_init(&r, arg);
    count = cove_reader_map(&r);
    cove_fn_out_init(&o, run, in.len + arg.len);
    cove_writer_map(&o.w, count);
    for (size_t i = 0; err == 0 && i < count; i++) {
        struct cove_bytes key = cove_reader_item(&r);
        struct cove_bytes made;

        err = cove_fn_pipe_run(run, cove_reader_item(&r), in, &made);
        if (err == 0) {
            cove_writer_item(&o.w, key);
            cove_writer_item(&o.w, made);
            err = cove_fn_out_over(&o) ? FN_BAD : 0;
        }
    }
    return err != 0 ? err : cove_fn_out_end(&o, out);
}
