/* step_extra.c: see step_extra.h. */
#include "schema/step_extra.h"

#include "core/value.h"
#include "schema/step.h"

bool cove_step_is_annotation(const struct cove_step *step)
{
    struct cove_step_op op;

    if (step->has_version || step->op_count == 0) {
        return false;
    }
    for (size_t i = 0; i < step->op_count; i++) {
        if (cove_step_op_read(step->ops[i], &op, NULL) != 0 ||
            op.kind != COVE_STEP_EXTRA) {
            return false;
        }
    }
    return true;
}

struct cove_bytes cove_step_extra(const struct cove_step *step,
                                  const char *kind, const char *member,
                                  size_t *at)
{
    while (*at < step->op_count) {
        struct cove_bytes map = step->ops[(*at)++];
        struct cove_bytes name, item;

        if (cove_value_member(map, "op", &name) &&
            cove_bytes_equal(cove_step_text(name), cove_bytes_text(kind)) &&
            cove_value_member(map, member, &item)) {
            return item;
        }
    }
    return cove_bytes(NULL, 0);
}

bool cove_step_extra_step(const struct cove_step *step, const char *kind,
                          size_t *at, struct cove_step_id *out)
{
    struct cove_bytes item;

    while ((item = cove_step_extra(step, kind, "step", at)).len > 0) {
        char hex[COVE_HEX_LEN(sizeof(out->b))];
        struct cove_bytes text = cove_step_text(item);

        if (text.len != sizeof(hex) - 1) {
            continue;
        }
        memcpy(hex, text.at, text.len);
        hex[text.len] = '\0';
        if (cove_hex_parse(hex, out->b, sizeof(out->b)) == 0) {
            return true;
        }
    }
    return false;
}
