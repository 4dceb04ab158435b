/* publish_same.c: see publish_same.h. */
#include "migrate/publish_same.h"

#include "core/cbor.h"
#include "core/value.h"
#include "schema/step_extra.h"

int cove_same_hash(const struct publish_same *s, const struct cove_step *step,
                   struct cove_hash *out)
{
    const struct cove_schema *parsed;
    struct cove_bytes text;
    int err = cove_catalog_schema(s->catalog, s->txn, s->schema->num, &step->id,
                                  &text, &parsed);

    return err != 0 ? err : cove_schema_content(s->arena, text, out);
}

int cove_same_schema(const struct publish_same *s, const struct cove_step *step,
                     const struct cove_schema_file *file, bool *out)
{
    char hex[COVE_HEX_LEN(32)];
    struct cove_hash held;

    cove_hex(cove_bytes(file->hash.b, sizeof(file->hash.b)), hex);
    if (cove_bytes_equal(step->schema, cove_bytes_text(hex))) {
        *out = true;
        return 0;
    }
    int err = cove_same_hash(s, step, &held);

    if (err == 0) {
        *out = memcmp(held.b, file->hash.b, sizeof(held.b)) == 0;
    } else if (err == COVE_ENOTFOUND) {
        *out = false;
        err = 0;
    }
    return err;
}

/* Are the two lists of ops alike? A step that was published before steps
 * carried the words of `down` has none: then they do not count. */
static bool same_ops(struct cove_bytes held, struct cove_bytes made)
{
    struct cove_reader a, b;
    size_t in_held, in_made, skipped = 0;

    cove_reader_init(&a, held);
    cove_reader_init(&b, made);
    in_held = cove_reader_list(&a);
    in_made = cove_reader_list(&b);
    for (size_t i = 0; i < in_made; i++) {
        struct cove_bytes op = cove_reader_item(&b), kind;

        if (i == in_held && in_made == in_held + 1 &&
            cove_value_member(op, "op", &kind) &&
            cove_bytes_equal(cove_value_text(kind),
                             cove_bytes_text(COVE_EXTRA_DOWN))) {
            skipped++;
        } else if (i >= in_held ||
                   !cove_bytes_equal(cove_reader_item(&a), op)) {
            return false;
        }
    }
    return in_made == in_held + skipped;
}

int cove_same_step(const struct publish_same *s, const struct cove_step *step,
                   const struct cove_prepared *made, bool *out)
{
    static const char *const members[] = {"parents", "note", "ops"};
    const size_t ops = COVE_ARRAY_LEN(members) - 1;

    for (size_t i = 0; i < COVE_ARRAY_LEN(members); i++) {
        struct cove_bytes a = {NULL, 0}, b = {NULL, 0};
        bool has_a = cove_value_member(step->body, members[i], &a);
        bool has_b = cove_value_member(made->step.body, members[i], &b);

        if (has_a != has_b || (has_a && i != ops && !cove_bytes_equal(a, b)) ||
            (has_a && i == ops && !same_ops(a, b))) {
            *out = false;
            return 0;
        }
    }
    return cove_same_schema(s, step, &made->file, out);
}

static int hashes_fail(struct cove_diag *diag, const char *file_name,
                       const char *which, const struct cove_hash *said,
                       const struct cove_hash *found)
{
    char hex[2][COVE_HEX_LEN(32)];

    cove_hex(cove_bytes(said->b, sizeof(said->b)), hex[0]);
    cove_hex(cove_bytes(found->b, sizeof(found->b)), hex[1]);
    return cove_fail(
        diag, COVE_EDRIFT,
        "%s: hashes.%s: it was made for the schema %.16s, the one that it %s "
        "is %.16s; put that schema back as it was, or make the file again: "
        "`cove migrate create`",
        file_name, which, hex[0],
        strcmp(which, "to") == 0 ? "leads to" : "starts from", hex[1]);
}

int cove_same_hashes(const struct publish_same *s,
                     const struct cove_prepared *made, const char *file_name,
                     struct cove_diag *diag)
{
    const struct cove_migration *m = &made->migration;
    const struct cove_step *parent = cove_journal_find(
        s->schema->journal, (const struct cove_step_id *)made->parents.at);
    struct cove_hash from;

    if (m->has_hash_to &&
        memcmp(m->hash_to.b, made->file.hash.b, sizeof(m->hash_to.b)) != 0) {
        return hashes_fail(diag, file_name, "to", &m->hash_to,
                           &made->file.hash);
    }
    if (!m->has_hash_from || parent == NULL) {
        return 0;
    }
    int err = cove_same_hash(s, parent, &from);

    if (err == 0 && memcmp(m->hash_from.b, from.b, sizeof(from.b)) != 0) {
        err = hashes_fail(diag, file_name, "from", &m->hash_from, &from);
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}
