/* doc_follow.c: the documents that one refers to, in one reply.
 *
 *   "documents": those one step away, then those two away, and so on; each
 *                once, so a circle ends. What is not here, or beyond the depth,
 *                stays the reference that it is.
 *
 * References are found in the JSON that was written: texts have their quotes
 * escaped and other maps of that look one '$' more, so that a reference is the
 * only thing that looks like one.
 */
#include "node/node.h"

#define FOLLOW_MOST 1000

struct follow {
    struct cove_txn *txn;
    const struct node_show *show;
    struct node_json *j;
    struct cove_id *ids; /* seen, the document itself in front */
    size_t count;
    size_t left; /* that found no room */
};

static bool follow_seen(const struct follow *f, const struct cove_id *id)
{
    for (size_t i = 0; i < f->count; i++) {
        if (memcmp(f->ids[i].b, id->b, sizeof(id->b)) == 0) {
            return true;
        }
    }
    return false;
}

/* Remember the references in what was written from `at` on. */
static void follow_scan(struct follow *f, size_t at)
{
    static const char form[] = "{\"$ref\":\"";
    const size_t form_len = sizeof(form) - 1;
    struct cove_bytes text = cove_buf_bytes(&f->j->out);

    while (at + form_len < text.len) {
        const uint8_t *found =
            memmem(text.at + at, text.len - at, form, form_len);
        char word[COVE_ID_TEXT_MAX] = "";
        struct cove_id id;

        if (found == NULL) {
            return;
        }
        at = (size_t)(found - text.at) + form_len;
        for (size_t i = 0; i + 1 < sizeof(word) && at + i < text.len &&
                           text.at[at + i] != '"';
             i++) {
            word[i] = (char)text.at[at + i];
        }
        if (cove_id_parse(word, &id) != 0 || follow_seen(f, &id)) {
            continue;
        }
        if (f->count <= FOLLOW_MOST) {
            f->ids[f->count++] = id;
        } else {
            f->left++;
        }
    }
}

/* A document; nothing where it is not here. */
static int follow_one(struct follow *f, const struct cove_id *id)
{
    struct cove_loaded *loaded;
    int err = node_load(f->txn, id, NULL, &loaded);

    if (err == COVE_ENOTFOUND || err == COVE_EBLOCKED || err == COVE_EREMOVED) {
        cove_diag_clear(&f->txn->diag);
        return 0;
    }
    if (err == 0) {
        node_json_open(f->j, '{');
        err = node_doc_shown(f->txn, loaded, f->show, f->j);
        node_json_close(f->j, '}');
    }
    return err;
}

int node_doc_follow(struct cove_txn *txn, const struct cove_id *id,
                    const struct node_follow *how, struct node_json *j)
{
    struct follow f = {.txn = txn, .show = how->show, .j = j};
    size_t from = how->from, begin = 1;
    int err = 0;

    f.ids = cove_arena_array(&txn->arena, FOLLOW_MOST + 1, sizeof(*f.ids));
    if (f.ids == NULL) {
        return COVE_ENOMEM;
    }
    f.ids[f.count++] = *id;
    node_json_key(j, "documents");
    node_json_open(j, '[');
    for (int64_t depth = 0; depth < how->depth && err == 0; depth++) {
        size_t end;

        follow_scan(&f, from);
        from = j->out.len;
        for (end = f.count; begin < end && err == 0; begin++) {
            err = follow_one(&f, &f.ids[begin]);
        }
        if (from == j->out.len) {
            break;
        }
    }
    node_json_close(j, ']');
    if (f.left > 0) {
        node_json_key(j, "leftOut");
        node_json_int(j, (int64_t)f.left);
    }
    return err;
}
