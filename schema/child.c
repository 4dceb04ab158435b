/* child.c: see child.h. Members that are not what they should be are taken for
 * absent; who writes such an op is another build, or nobody. */
#include "schema/child.h"

#include "core/value.h"

static const char *const kinds[] = {"value", "text",    "list", "stream",
                                    "blob",  "counter", "map"};

const char *cove_child_kind_name(enum cove_child_kind kind)
{
    return kinds[kind];
}

bool cove_child_kind_of(struct cove_bytes name, enum cove_child_kind *out)
{
    for (size_t i = COVE_CHILD_TEXT; i < COVE_ARRAY_LEN(kinds); i++) {
        if (cove_bytes_equal(name, cove_bytes_text(kinds[i]))) {
            *out = (enum cove_child_kind)i;
            return true;
        }
    }
    return false;
}

static bool op_is(struct cove_bytes op, const char *kind)
{
    return cove_bytes_equal(cove_value_member_text(op, "op"),
                            cove_bytes_text(kind));
}

bool cove_step_child_read(struct cove_bytes op, struct cove_step_child *out)
{
    struct cove_step_child child = {.reg = cove_value_member_text(op, "reg"),
                                    .item = cove_value_member_text(op, "item")};
    struct cove_bytes fields;

    if (!op_is(op, COVE_EXTRA_CHILD) || child.reg.at == NULL ||
        !cove_child_kind_of(cove_value_member_text(op, "type"), &child.kind)) {
        return false;
    }
    if (cove_value_member(op, "fields", &fields) &&
        cove_value_kind(fields) == COVE_KIND_MAP) {
        child.fields = fields;
    }
    *out = child;
    return true;
}

bool cove_step_seed_read(struct cove_bytes op, struct cove_step_seed *out)
{
    struct cove_step_seed seed = {.from = cove_value_member_text(op, "from"),
                                  .to = cove_value_member_text(op, "to")};
    struct cove_bytes how = cove_value_member_text(op, "how");

    seed.list = cove_bytes_equal(how, cove_bytes_text("list"));
    if (!op_is(op, COVE_EXTRA_SEED) || seed.from.at == NULL ||
        seed.to.at == NULL ||
        (!seed.list && !cove_bytes_equal(how, cove_bytes_text("text")))) {
        return false;
    }
    *out = seed;
    return true;
}
