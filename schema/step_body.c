/* A body is judged member by member, then op by op. The first rule that it
 * breaks is named; the op that breaks it is named by its place. */
#include <stdlib.h>

#include "core/cbor.h"
#include "core/limits.h"
#include "core/value.h"
#include "schema/journal.h"
#include "schema/step.h"

static int step_bytes_order(const void *left, const void *right)
{
    return cove_bytes_compare(*(const struct cove_bytes *)left,
                              *(const struct cove_bytes *)right);
}

/* Are the texts of a list all different? *distinct says so. */
static int step_distinct(struct cove_arena *arena, struct cove_bytes list,
                         bool *distinct)
{
    struct cove_bytes *texts;
    size_t count;
    int err = cove_step_texts(arena, list, &texts, &count);

    if (err != 0) {
        return err;
    }
    qsort(texts, count, sizeof(*texts), step_bytes_order);
    *distinct = true;
    for (size_t i = 1; i < count; i++) {
        if (cove_bytes_equal(texts[i - 1], texts[i])) {
            *distinct = false;
        }
    }
    return 0;
}

/* The members of a body, in the order of step_body_names. */
enum step_body_member {
    STEP_BODY_PARENTS,
    STEP_BODY_OPS,
    STEP_BODY_NAME,
    STEP_BODY_VERSION,
    STEP_BODY_SCHEMA,
    STEP_BODY_NOTE,
    STEP_BODY_MEMBERS
};

static const char *const step_body_names[STEP_BODY_MEMBERS] = {
    "parents", "ops", "name", "version", "schema", "note",
};

static int step_body_members(struct cove_bytes body,
                             struct cove_bytes item[STEP_BODY_MEMBERS],
                             struct cove_diag *diag)
{
    struct cove_reader r;
    size_t pairs;

    if (cove_cbor_type_of(body) != COVE_CBOR_MAP) {
        return cove_fail(diag, COVE_ESTEP, "the body is no object");
    }
    if (body.len > COVE_MAX_STEP) {
        return cove_fail(diag, COVE_ESTEP,
                         "the body has %zu bytes, the limit is %d", body.len,
                         COVE_MAX_STEP);
    }
    memset(item, 0, STEP_BODY_MEMBERS * sizeof(*item));
    cove_reader_init(&r, body);
    pairs = cove_reader_map(&r);
    for (size_t i = 0; i < pairs; i++) {
        struct cove_bytes name = cove_step_text(cove_reader_item(&r));
        struct cove_bytes value = cove_reader_item(&r);
        size_t m = 0;

        while (m < STEP_BODY_MEMBERS &&
               !cove_bytes_equal(name, cove_bytes_text(step_body_names[m]))) {
            m++;
        }
        if (m == STEP_BODY_MEMBERS) {
            return cove_fail(diag, COVE_ESTEP,
                             "the body has a member that no body has");
        }
        item[m] = value;
    }
    return 0;
}

static bool step_are_texts(struct cove_bytes list)
{
    struct cove_reader r;
    size_t count;

    if (cove_cbor_type_of(list) != COVE_CBOR_LIST) {
        return false;
    }
    cove_reader_init(&r, list);
    count = cove_reader_list(&r);
    for (size_t i = 0; i < count; i++) {
        if (cove_cbor_type_of(cove_reader_item(&r)) != COVE_CBOR_TEXT) {
            return false;
        }
    }
    return true;
}

static bool step_is_int64(struct cove_bytes item)
{
    struct cove_reader r;

    cove_reader_init(&r, item);
    return cove_reader_peek(&r) == COVE_CBOR_NINT ||
           (cove_reader_peek(&r) == COVE_CBOR_UINT &&
            cove_reader_uint(&r) <= INT64_MAX);
}

static int step_body_rules(struct cove_arena *arena,
                           const struct cove_bytes *item,
                           struct cove_diag *diag)
{
    bool distinct = true;
    int err;

    if (!step_are_texts(item[STEP_BODY_PARENTS])) {
        return cove_fail(diag, COVE_ESTEP, "\"parents\" is no list of steps");
    }
    if (cove_cbor_type_of(item[STEP_BODY_OPS]) != COVE_CBOR_LIST) {
        return cove_fail(diag, COVE_ESTEP, "\"ops\" is no list");
    }
    for (size_t m = STEP_BODY_NAME; m < STEP_BODY_MEMBERS; m++) {
        if (m == STEP_BODY_VERSION || item[m].len == 0 ||
            cove_cbor_type_of(item[m]) == COVE_CBOR_TEXT) {
            continue;
        }
        return cove_fail(diag, COVE_ESTEP, "\"%s\" is no text",
                         step_body_names[m]);
    }
    if (item[STEP_BODY_VERSION].len != 0 &&
        !step_is_int64(item[STEP_BODY_VERSION])) {
        return cove_fail(diag, COVE_ESTEP, "\"version\" is no integer");
    }
    err = step_distinct(arena, item[STEP_BODY_PARENTS], &distinct);
    if (err == 0 && !distinct) {
        err = cove_fail(diag, COVE_ESTEP, "a parent is named twice");
    }
    return err;
}

static int step_ops_rules(struct cove_arena *arena, struct cove_bytes ops,
                          struct cove_diag *diag)
{
    struct cove_reader r;
    size_t count;

    cove_reader_init(&r, ops);
    count = cove_reader_list(&r);
    if (count > COVE_MAX_STEP_OPS) {
        return cove_fail(diag, COVE_ESTEP, "the step has %zu ops, at most %d",
                         count, COVE_MAX_STEP_OPS);
    }
    for (size_t i = 0; i < count; i++) {
        struct cove_step_op op;
        bool distinct = true;
        int err = cove_step_op_read(cove_reader_item(&r), &op, diag);

        if (err == 0 && op.kind == COVE_STEP_COMP) {
            err = step_distinct(arena, op.parts, &distinct);
        }
        if (err == 0 && !distinct) {
            err = cove_fail(diag, COVE_ESTEP, "comp: a part is named twice");
        }
        if (err == 0 && op.kind == COVE_STEP_DERIVE) {
            err = step_distinct(arena, op.names, &distinct);
        }
        if (err == 0 && !distinct) {
            err = cove_fail(diag, COVE_ESTEP,
                            "derive: a name stands for two registers");
        }
        if (err != 0) {
            cove_diag_context(diag, "op %zu", i);
            return err;
        }
    }
    return 0;
}

int cove_step_check(struct cove_arena *arena, struct cove_bytes body,
                    struct cove_diag *diag)
{
    struct cove_bytes item[STEP_BODY_MEMBERS];
    int err = step_body_members(body, item, diag);

    if (err == 0) {
        err = step_body_rules(arena, item, diag);
    }
    if (err == 0) {
        err = step_ops_rules(arena, item[STEP_BODY_OPS], diag);
    }
    return err;
}

/* The items of a list as an array in the arena. */
static int step_items(struct cove_arena *arena, struct cove_bytes list,
                      struct cove_bytes **out, size_t *count)
{
    struct cove_reader r;
    struct cove_bytes *items;
    size_t n;

    cove_reader_init(&r, list);
    n = cove_reader_list(&r);
    items = cove_arena_array(arena, n > 0 ? n : 1, sizeof(*items));
    if (items == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        items[i] = cove_reader_item(&r);
    }
    *out = items;
    *count = n;
    return 0;
}

int cove_step_take_apart(struct cove_arena *arena, struct cove_step *step,
                         struct cove_bytes **parents)
{
    struct cove_bytes item[STEP_BODY_MEMBERS] = {{NULL, 0}};
    int err = step_body_members(step->body, item, NULL);

    if (err == 0) {
        err =
            step_items(arena, item[STEP_BODY_OPS], &step->ops, &step->op_count);
    }
    if (err == 0) {
        err = cove_step_texts(arena, item[STEP_BODY_PARENTS], parents,
                              &step->parent_count);
    }
    if (err != 0) {
        return err;
    }
    step->name = cove_step_text(item[STEP_BODY_NAME]);
    step->schema = cove_step_text(item[STEP_BODY_SCHEMA]);
    step->note = cove_step_text(item[STEP_BODY_NOTE]);
    step->has_version = item[STEP_BODY_VERSION].len > 0;
    step->version =
        step->has_version ? cove_value_int(item[STEP_BODY_VERSION]) : 0;
    return 0;
}
