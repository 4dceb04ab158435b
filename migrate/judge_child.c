/* judge_child.c: what the fields of a document show that are documents of their
 * own, by the rules that the version has for what is inside them: the items of
 * a list, the fields of a map. */
#include "migrate/judge.h"

#include "core/value.h"

#define CHILD_FLAWS 100 /* of one list; a document need not name more */

/* "/tags breaks …" of item 2 is "/tags/2 breaks …". */
static void item_named(struct cove_bytes inside, size_t at,
                       const struct cove_diag *why, struct cove_diag *out)
{
    const char *rest = why->text;

    cove_diag_clear(out);
    if (strlen(rest) > inside.len && rest[0] == '/' &&
        memcmp(rest + 1, inside.at, inside.len) == 0) {
        cove_fail(out, why->code, "/%.*s/%zu%s", SHOWN(inside), at,
                  rest + 1 + inside.len);
    } else {
        *out = *why;
    }
}

/* One item; *rule where the sentence does not name it. */
static int item_judge(const struct cove_judge *j, struct cove_loaded *loaded,
                      size_t at, struct cove_diag *why, const char **rule)
{
    struct cove_seq_piece piece;
    struct cove_cell cell;
    int err = cove_seq_at(cove_loaded_seq(loaded), at, &piece);

    *rule = NULL;
    err = err != 0 ? err : cove_loaded_item(loaded, &piece, &cell);
    if (err != 0 || cell.kind == COVE_ABSENT) {
        return err;
    }
    if (cell.kind == COVE_INVALID) {
        *rule = "convert";
        return cove_fail(why, COVE_EINVALID,
                         "/%.*s: the item did not convert to this version",
                         SHOWN(loaded->inside));
    }
    return j->schema == NULL ? 0
                             : cove_schema_check_item(j->schema, loaded->inside,
                                                      cell.bytes, why);
}

int cove_items_flaws(struct cove_catalog *catalog, struct cove_store_txn *txn,
                     struct cove_loaded *loaded, struct cove_flaws *flaws)
{
    size_t before = flaws->count;
    size_t len = cove_seq_length(cove_loaded_seq(loaded), COVE_SEQ_ELEMENTS);
    struct cove_judge judge;
    int err = cove_judge_open(catalog, txn, loaded->doc.schema_num,
                              &loaded->head, &judge);

    for (size_t i = 0;
         err == 0 && i < len && flaws->count - before < CHILD_FLAWS; i++) {
        struct cove_diag why = {0}, named;
        const char *rule = NULL;

        err = item_judge(&judge, loaded, i, &why, &rule);
        if (err == COVE_ESCHEMA || err == COVE_EINVALID) {
            item_named(loaded->inside, i, &why, &named);
            err = cove_flaws_add(flaws, &named, rule);
        }
    }
    return err;
}

int cove_children_flaws(struct cove_catalog *catalog,
                        struct cove_store_txn *txn, struct cove_loaded *loaded,
                        struct cove_flaws *flaws)
{
    const struct cove_plan *plan = loaded->plan;
    struct cove_load_request request = {
        .head = &loaded->head, .mode = COVE_LOAD_VIEW, .later = true};
    size_t count = loaded->raw || cove_loaded_is_child(loaded) ||
                           loaded->view.references == NULL
                       ? 0
                       : plan->child_count;
    int err = 0;

    for (size_t i = 0; err == 0 && i < count; i++) {
        const struct cove_plan_child *c = &plan->children[i];
        struct cove_loaded *child;
        struct cove_id id;

        if ((c->kind != COVE_CHILD_LIST && c->kind != COVE_CHILD_MAP) ||
            !cove_value_ref(loaded->view.references[i], &id)) {
            continue;
        }
        child = cove_arena_new(flaws->arena, sizeof(*child));
        err = child == NULL ? COVE_ENOMEM
                            : cove_repo_find(cove_catalog_repo(catalog), txn,
                                             &id, &request.num);
        err = err != 0 ? err
                       : cove_load(catalog, txn, &request, flaws->arena, child,
                                   NULL);
        err = err != 0 ? err : cove_loaded_flaws(catalog, txn, child, flaws);
        err = err == COVE_ENOTFOUND || err == COVE_EBLOCKED ? 0 : err;
    }
    return err;
}
