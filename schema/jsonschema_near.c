/* jsonschema_near.c: see jsonschema_near.h. The distance is that of Damerau and
 * Levenshtein without overlapping swaps. */
#include "schema/jsonschema_near.h"

#define NEAR_MAX  32 /* no keyword is longer */
#define NEAR_LONG 8

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned distance(struct cove_bytes a, struct cove_bytes b)
{
    unsigned rows[3][NEAR_MAX + 1]; /* the last three of the table */

    for (unsigned k = 0; k <= b.len; k++) {
        rows[0][k] = k;
    }
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *up = rows[(i + 2) % 3];
        const unsigned *top = rows[(i + 1) % 3];

        row[0] = i;
        for (unsigned k = 1; k <= b.len; k++) {
            bool same = lower(a.at[i - 1]) == lower(b.at[k - 1]);

            row[k] = least(least(up[k], row[k - 1]) + 1, up[k - 1] + !same);
            if (i > 1 && k > 1 && lower(a.at[i - 1]) == lower(b.at[k - 2]) &&
                lower(a.at[i - 2]) == lower(b.at[k - 1])) {
                row[k] = least(row[k], top[k - 2] + 1);
            }
        }
    }
    return rows[a.len % 3][b.len];
}

bool cove_schema_near(struct cove_bytes name, const char *keyword)
{
    struct cove_bytes word = cove_bytes_text(keyword);
    unsigned most = word.len < 4 ? 0 : word.len < NEAR_LONG ? 1 : 2;

    if (name.len < 2 || name.len > NEAR_MAX ||
        (name.at[0] == 'x' && name.at[1] == '-')) {
        return false;
    }
    return distance(name, word) <= most;
}

const char *cove_schema_former(struct cove_bytes name)
{
    static const struct {
        const char *was;
        const char *is;
    } former[] = {
        {"dependencies", "dependentRequired\" or \"dependentSchemas"},
        {"additionalItems", "items"},
        {"$recursiveRef", "$dynamicRef"},
        {"$recursiveAnchor", "$dynamicAnchor"},
        {"divisibleBy", "multipleOf"},
        {"extends", "allOf"},
        {"disallow", "not"},
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(former); i++) {
        if (cove_bytes_equal(name, cove_bytes_text(former[i].was))) {
            return former[i].is;
        }
    }
    return NULL;
}
