/* jsonschema_lists.c: the rules for lists.
 * Source: JSON Schema 2020-12, Core, sections 10.3.1 and 11.2; Validation,
 * section 6.4. */
#include <stdio.h>

#include "core/cbor.h"
#include "schema/jsonschema_judge.h"

/* --- uniqueItems -------------------------------------------------------- */

#define UNIQUE_SLOTS 1024 /* of a block of half as many items, or fewer */

struct unique_slot {
    const uint8_t *at; /* NULL: free */
    uint32_t len;
    uint32_t index;
    uint64_t hash;
};

static int unique_fail(struct schema_check *c, const struct schema_at *at,
                       size_t first, size_t second)
{
    char why[80];

    snprintf(why, sizeof why, "items %zu and %zu are equal", first, second);
    return cove_schema_break(c, at, "uniqueItems", why);
}

/* The slot of an equal item, or the free one where it would stand. */
static struct unique_slot *unique_find(struct unique_slot *slots, size_t size,
                                       struct cove_bytes item, uint64_t hash)
{
    size_t i = hash % size;

    while (slots[i].at != NULL &&
           (slots[i].hash != hash ||
            !cove_schema_equal(cove_bytes(slots[i].at, slots[i].len), item))) {
        i = (i + 1) % size;
    }
    return &slots[i];
}

/* Block by block: half the slots' number of items are put into a table, and
 * every item behind them is looked up there. So a list of any length needs no
 * memory, and a usual one a single pass. */
__attribute__((noinline)) static int unique_check(struct schema_check *c,
                                                  struct cove_bytes value,
                                                  size_t count,
                                                  const struct schema_at *at)
{
    struct unique_slot slots[UNIQUE_SLOTS];
    struct cove_reader block;
    size_t size = 8;

    while (size < 2 * count && size < UNIQUE_SLOTS) {
        size *= 2;
    }

    cove_reader_init(&block, value);
    cove_reader_list(&block);
    for (size_t begin = 0; begin < count; begin += size / 2) {
        struct cove_reader r = block;
        int rc = cove_schema_spend(c, 1 + (count - begin) / 8);

        if (rc != 0) {
            return rc;
        }
        memset(slots, 0, size * sizeof *slots);
        for (size_t i = begin; i < count; i++) {
            struct cove_bytes item = cove_reader_item(&r);
            uint64_t hash = cove_schema_hash(item);
            struct unique_slot *slot = unique_find(slots, size, item, hash);

            if (slot->at != NULL) {
                return unique_fail(c, at, slot->index, i);
            }
            if (i < begin + size / 2) {
                *slot = (struct unique_slot){item.at, (uint32_t)item.len,
                                             (uint32_t)i, hash};
                block = r;
            }
        }
    }
    return 0;
}

/* --- items -------------------------------------------------------------- */

static int item_apply(struct schema_check *c, const struct schema_node *node,
                      struct cove_bytes item, size_t index,
                      const struct schema_step *step,
                      const struct schema_at *at)
{
    struct schema_path place = {at->value, {NULL, 0}, index};
    int rc = cove_schema_descend(c, node, item, at, step, &place);

    schema_mark(at, index);
    return rc;
}

static int items_check(struct schema_check *c, const struct schema_lists *rules,
                       struct cove_bytes value, const struct schema_at *at)
{
    struct cove_reader r;
    struct schema_step first = {"prefixItems", {NULL, 0}, 0, false};
    struct schema_step others = {"items", {NULL, 0}, SIZE_MAX, false};

    cove_reader_init(&r, value);

    size_t count = cove_reader_list(&r);

    for (size_t i = 0; i < count; i++) {
        bool prefix = i < rules->prefix.count;
        const struct schema_node *node =
            prefix ? rules->prefix.at[i] : rules->items;
        struct cove_bytes item = cove_reader_item(&r);
        int rc;

        if (node == NULL) {
            return 0;
        }
        first.index = i;
        rc = item_apply(c, node, item, i, prefix ? &first : &others, at);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static int contained_check(struct schema_check *c,
                           const struct schema_lists *rules, uint64_t fitting,
                           const struct schema_at *at)
{
    const struct schema_range *range = &rules->contained;
    uint64_t min = range->has_min ? range->min : 1;
    bool few = fitting < min;
    char rule[48];
    char why[80];

    if (!few && !(range->has_max && fitting > range->max)) {
        return 0;
    }
    if (few && fitting == 0) {
        return cove_schema_break(c, at, "contains",
                                 "no item fits the schema that one must fit");
    }
    snprintf(rule, sizeof rule, "%s %llu", few ? "minContains" : "maxContains",
             (unsigned long long)(few ? min : range->max));
    snprintf(why, sizeof why, "%llu item%s the schema of \"contains\"",
             (unsigned long long)fitting, fitting == 1 ? " fits" : "s fit");
    return cove_schema_break(c, at, rule, why);
}

static int contains_check(struct schema_check *c,
                          const struct schema_lists *rules,
                          struct cove_bytes value, const struct schema_at *at)
{
    struct schema_step step = {"contains", {NULL, 0}, SIZE_MAX, true};
    struct cove_reader r;
    uint64_t fitting = 0;

    cove_reader_init(&r, value);

    size_t count = cove_reader_list(&r);

    for (size_t i = 0; i < count; i++) {
        struct schema_path place = {at->value, {NULL, 0}, i};
        int rc;

        c->quiet++;
        rc = cove_schema_descend(c, rules->contains, cove_reader_item(&r), at,
                                 &step, &place);
        c->quiet--;
        if (rc == 0) {
            fitting++;
            schema_mark(at, i);
        } else if (rc != COVE_ESCHEMA) {
            return rc;
        }
    }
    return contained_check(c, rules, fitting, at);
}

int cove_schema_lists_check(struct schema_check *c,
                            const struct schema_lists *rules,
                            struct cove_bytes value, const struct schema_at *at)
{
    static const struct schema_counted words = {"minItems", "maxItems",
                                                "the list", "item", "items"};
    struct cove_reader r;
    size_t count;
    int rc;

    cove_reader_init(&r, value);
    count = cove_reader_list(&r);
    rc = cove_schema_range_check(c, &rules->count, count, &words, at);
    if (rc == 0 && (rules->prefix.count > 0 || rules->items != NULL)) {
        rc = items_check(c, rules, value, at);
    }
    if (rc == 0 && rules->contains != NULL) {
        rc = contains_check(c, rules, value, at);
    }
    return rc == 0 && rules->unique && count > 1
               ? unique_check(c, value, count, at)
               : rc;
}

int cove_schema_rest_items(struct schema_check *c,
                           const struct schema_node *rest,
                           struct cove_bytes value, const struct schema_at *at)
{
    struct schema_step step = {"unevaluatedItems", {NULL, 0}, SIZE_MAX, true};
    struct cove_reader r;

    cove_reader_init(&r, value);

    size_t count = cove_reader_list(&r);

    for (size_t i = 0; i < count; i++) {
        struct schema_path place = {at->value, {NULL, 0}, i};
        struct schema_at there = *at;
        struct cove_bytes item = cove_reader_item(&r);
        int rc;

        if (schema_marked(at->marks, i)) {
            continue;
        }
        there.value = &place;
        rc = rest->never
                 ? cove_schema_break(c, &there, "unevaluatedItems false",
                                     "the schema has no item here")
                 : cove_schema_descend(c, rest, item, at, &step, &place);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}
