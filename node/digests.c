/* digests.c: digests of documents, folded by owner. */
#include "node/digests.h"

static void sum_add(uint8_t sum[32], const struct cove_hash *digest)
{
    unsigned carry = 0;

    for (int i = 31; i >= 0; i--) {
        carry += (unsigned)sum[i] + digest->b[i];
        sum[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

/* The owner's row, a new one where there is none. */
static int digests_row(struct node_digests *d, const struct cove_id *owner,
                       struct node_digest_row **out)
{
    size_t begin = 0, end = d->count;
    void *rows = d->rows;

    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;
        int order = memcmp(d->rows[middle].owner.b, owner->b, sizeof(owner->b));

        if (order == 0) {
            *out = &d->rows[middle];
            return 0;
        }
        begin = order < 0 ? middle + 1 : begin;
        end = order < 0 ? end : middle;
    }
    int err =
        cove_arena_grow(d->arena, &rows, sizeof(*d->rows), d->count, &d->cap);

    if (err != 0) {
        return err;
    }
    d->rows = rows;
    memmove(&d->rows[begin + 1], &d->rows[begin],
            (d->count - begin) * sizeof(*d->rows));
    memset(&d->rows[begin], 0, sizeof(*d->rows));
    d->rows[begin].owner = *owner;
    d->count++;
    *out = &d->rows[begin];
    return 0;
}

int node_digests_add(struct node_digests *d, const struct cove_id *owner,
                     const struct cove_hash *digest)
{
    struct node_digest_row *row;
    int err = digests_row(d, owner, &row);

    if (err == 0) {
        sum_add(row->sum, digest);
    }
    return err;
}

struct cove_hash node_digest_of(const struct node_digest_row *row)
{
    return cove_hash("cove/owner", cove_bytes(row->sum, sizeof(row->sum)));
}

struct cove_hash node_digests_all(const struct node_digests *d)
{
    uint8_t sum[32] = {0};

    for (size_t i = 0; i < d->count; i++) {
        struct cove_hash one = node_digest_of(&d->rows[i]);

        sum_add(sum, &one);
    }
    return cove_hash("cove/store", cove_bytes(sum, sizeof(sum)));
}

void node_digests_json(const struct node_digests *d, struct node_json *j)
{
    struct cove_hash all = node_digests_all(d);

    node_json_key(j, "digests");
    node_json_open(j, '{');
    for (size_t i = 0; i < d->count; i++) {
        char text[COVE_ID_TEXT_MAX];
        struct cove_hash one = node_digest_of(&d->rows[i]);

        cove_id_text(&d->rows[i].owner, text);
        node_json_key(j, text);
        node_json_hex(j, one.b, sizeof(one.b));
    }
    node_json_close(j, '}');
    node_json_key(j, "digest");
    node_json_hex(j, all.b, sizeof(all.b));
}
