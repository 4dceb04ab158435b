/* jsonschema_path.c: paths in schemas and values, and names in their order.
 * Source: RFC 6901. */
#include <stdio.h>

#include "schema/jsonschema_node.h"

/* What stands behind '~' for '~' and '/'. */
static uint8_t path_escape(uint8_t byte)
{
    return byte == '~' ? '0' : '1';
}

/* Append a key to out, escaped; false when it does not fit. */
static bool path_put(char *out, size_t *len, struct cove_bytes key)
{
    for (size_t i = 0; i < key.len; i++) {
        bool escape = key.at[i] == '~' || key.at[i] == '/';

        if (*len + 2 >= COVE_SCHEMA_PATH_MAX) {
            return false;
        }
        if (escape) {
            out[(*len)++] = '~';
        }
        out[(*len)++] = (char)(escape ? path_escape(key.at[i]) : key.at[i]);
    }
    return true;
}

static bool path_write(const struct schema_path *path, char *out, size_t *len)
{
    char digits[24];

    if (path == NULL || path->up == NULL) {
        return true;
    }
    if (!path_write(path->up, out, len) || *len + 1 >= COVE_SCHEMA_PATH_MAX) {
        return false;
    }
    out[(*len)++] = '/';
    if (path->key.at != NULL) {
        return path_put(out, len, path->key);
    }
    snprintf(digits, sizeof digits, "%zu", path->index);
    return path_put(out, len, cove_bytes_text(digits));
}

void cove_schema_path_text(const struct schema_path *path, const char *root,
                           char out[COVE_SCHEMA_PATH_MAX])
{
    static const char more[] = "…";
    size_t len = 0;

    if (path == NULL || path->up == NULL) {
        snprintf(out, COVE_SCHEMA_PATH_MAX, "%s", root);
        return;
    }
    if (path_write(path, out, &len)) {
        out[len] = '\0';
        return;
    }
    /* Too long: the start of it says where to look; cut between characters. */
    if (len > COVE_SCHEMA_PATH_MAX - sizeof more) {
        len = COVE_SCHEMA_PATH_MAX - sizeof more;
    }
    while (len > 0 && ((unsigned char)out[len] & 0xc0) == 0x80) {
        len--;
    }
    memcpy(out + len, more, sizeof more);
}

int cove_schema_name_compare(struct cove_bytes a, struct cove_bytes b)
{
    if (a.len != b.len) {
        return a.len < b.len ? -1 : 1;
    }
    return cove_bytes_compare(a, b);
}

const struct schema_member *cove_schema_member(const struct schema_member *list,
                                               size_t count,
                                               struct cove_bytes name)
{
    size_t begin = 0;
    size_t end = count;

    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;
        int order = cove_schema_name_compare(list[middle].name, name);

        if (order == 0) {
            return &list[middle];
        }
        if (order < 0) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    return NULL;
}

const struct schema_member *cove_schema_property(const struct schema_node *node,
                                                 struct cove_bytes name)
{
    return node->maps == NULL
               ? NULL
               : cove_schema_member(node->maps->members,
                                    node->maps->member_count, name);
}
