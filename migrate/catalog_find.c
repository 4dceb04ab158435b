/* catalog_find.c: schemas by name, heads by version: what people say, looked
 * up, and what the message says where it is not unique. */
#include "migrate/catalog_internal.h"

#include <stdio.h>
#include <stdlib.h>

/* The journals of this name; up to two are noted, for the message. */
static int find_by_name(struct cove_catalog *c, struct cove_store_txn *txn,
                        const char *name, cove_num found[2], size_t *count)
{
    cove_num num = 0;

    *count = 0;
    for (;;) {
        const struct cove_schema_doc *doc;
        int err = cove_repo_next(cove_catalog_repo(c), txn, COVE_NUM_JOURNALS,
                                 num, &num);

        if (err == COVE_ENOTFOUND) {
            return 0;
        }
        if (err == 0) {
            err = cove_catalog_open(c, txn, num, &doc);
        }
        if (err != 0) {
            return err;
        }
        if (cove_bytes_equal(doc->name, cove_bytes_text(name)) && *count < 2) {
            found[(*count)++] = num;
        }
    }
}

static int find_ambiguous(struct cove_catalog *c, struct cove_store_txn *txn,
                          const char *name, const cove_num found[2],
                          struct cove_diag *diag)
{
    char text[2][COVE_ID_TEXT_MAX] = {"", ""};

    for (size_t i = 0; i < 2; i++) {
        const struct cove_schema_doc *doc;
        int err = cove_catalog_open(c, txn, found[i], &doc);

        if (err != 0) {
            return err;
        }
        cove_id_text(&doc->id, text[i]);
    }
    return cove_fail(diag, COVE_EAMBIGUOUS,
                     "two schemas are called %s; name the journal: %s or %s",
                     name, text[0], text[1]);
}

/* Is it the one found last, and nothing changed since? */
static bool find_again(const struct catalog_named *last, const char *name,
                       struct catalog_named *now)
{
    now->num = last->num;
    return last->num != 0 && last->sequence == now->sequence &&
           last->generation == now->generation && strcmp(last->name, name) == 0;
}

int cove_catalog_find(struct cove_catalog *catalog, struct cove_store_txn *txn,
                      const char *name, cove_num *out, struct cove_diag *diag)
{
    cove_num found[2];
    size_t count;
    struct cove_id id;

    if (strncmp(name, "co_z", 4) == 0) {
        int err =
            cove_repo_resolve(cove_catalog_repo(catalog), txn, name, &id, diag);
        const struct cove_schema_doc *doc;
        cove_num num = 0;

        if (err == 0) {
            err = cove_repo_find(cove_catalog_repo(catalog), txn, &id, &num);
        }
        if (err == 0) {
            err = cove_catalog_open(catalog, txn, num, &doc);
        }
        if (err == COVE_ETYPE) {
            return cove_fail(diag, err, "%s is no schema journal", name);
        }
        if (err == 0) {
            *out = num;
        }
        return err;
    }
    struct catalog_named named = {.generation = cove_store_generation(txn)};
    int err = cove_repo_rules(cove_catalog_repo(catalog), txn, &named.sequence);

    if (err == 0 && find_again(&catalog->named, name, &named)) {
        *out = named.num;
        return 0;
    }
    if (err == 0) {
        err = find_by_name(catalog, txn, name, found, &count);
    }
    if (err != 0) {
        return err;
    }
    if (count == 0) {
        return cove_fail(diag, COVE_ENOTFOUND,
                         "no schema is called %s here; `cove schema list` "
                         "shows those there are, `cove schema put FILE` "
                         "publishes one",
                         name);
    }
    if (count > 1) {
        return find_ambiguous(catalog, txn, name, found, diag);
    }
    if (strlen(name) < sizeof(named.name)) {
        memcpy(named.name, name, strlen(name) + 1);
        named.num = found[0];
        catalog->named = named;
    }
    *out = found[0];
    return 0;
}

/* How many steps a head's history has, itself included. */
static size_t head_depth(const struct cove_journal *journal,
                         const struct cove_step *head)
{
    size_t depth = 0;

    for (size_t i = 0; i < cove_journal_count(journal); i++) {
        depth += cove_journal_descends(journal, &head->id,
                                       &cove_journal_at(journal, i)->id);
    }
    return depth;
}

bool cove_journal_leaf(const struct cove_journal *journal,
                       const struct cove_step *step)
{
    if (step->state != COVE_STEP_ACTIVE || step->annotation) {
        return false;
    }
    for (size_t i = 0; i < cove_journal_count(journal); i++) {
        const struct cove_step *other = cove_journal_at(journal, i);

        if (other != step && !other->annotation &&
            cove_journal_step_descends(journal, other, step)) {
            return false;
        }
    }
    return true;
}

/* The leaf with the greatest version, then the longest history, then the
 * smaller id (the journal is ordered by id). NULL where nothing is active. */
const struct cove_step *cove_journal_newest(const struct cove_journal *journal)
{
    const struct cove_step *best = NULL;

    for (size_t i = 0; i < cove_journal_count(journal); i++) {
        const struct cove_step *s = cove_journal_at(journal, i);

        if (!cove_journal_leaf(journal, s)) {
            continue;
        }
        int64_t mine = s->has_version ? s->version : 0;
        int64_t top = best != NULL && best->has_version ? best->version : 0;

        if (best == NULL || mine > top ||
            (mine == top &&
             head_depth(journal, s) > head_depth(journal, best))) {
            best = s;
        }
    }
    return best;
}

const struct cove_step *cove_schema_doc_newest(
    const struct cove_schema_doc *schema)
{
    const struct cove_step *newest = schema->newest;

    /* A copy of the description may have been given another journal. */
    if (newest != NULL && newest->index < cove_journal_count(schema->journal) &&
        cove_journal_at(schema->journal, newest->index) == newest) {
        return newest;
    }
    return cove_journal_newest(schema->journal);
}

int cove_version_next(int64_t version, int64_t *out, struct cove_diag *diag)
{
    if (version == INT64_MAX) {
        return cove_fail(diag, COVE_ELIMIT,
                         "there is a version %lld, and no number behind it: "
                         "this schema can have no later version",
                         (long long)version);
    }
    *out = version + 1;
    return 0;
}

bool cove_schema_doc_forked(const struct cove_schema_doc *schema)
{
    const struct cove_journal *j = schema->journal;
    size_t leaves = 0;

    for (size_t i = 0; i < cove_journal_count(j); i++) {
        leaves += cove_journal_leaf(j, cove_journal_at(j, i));
    }
    return leaves > 1;
}

struct head_asked { /* a version number, or hex */
    bool is_number;
    long long number;
    const char *hex;
    size_t len;
};

static struct head_asked head_asked(const char *version)
{
    struct head_asked a = {.hex = version, .len = strlen(version)};
    char *end;

    a.number = strtoll(version, &end, 10);
    a.is_number = *end == '\0' && a.len < 8;
    return a;
}

/* Does this step answer to what was asked? */
static bool head_matches(const struct cove_step *s, const struct head_asked *a)
{
    char hex[COVE_HEX_LEN(32)];

    if (a->is_number) {
        return s->has_version && s->version == a->number;
    }
    cove_hex(cove_bytes(s->id.b, sizeof(s->id.b)), hex);
    return a->len >= 8 && strncmp(hex, a->hex, a->len) == 0;
}

/* Name the versions that there are, in order, for the message. */
static int head_unknown(const struct cove_schema_doc *doc, const char *asked,
                        struct cove_diag *diag)
{
    char list[256] = "";
    size_t len = 0;
    int64_t last = INT64_MIN;

    for (bool more = true; more && len < sizeof(list) - 24;) {
        int64_t next = INT64_MAX;

        more = false;
        for (size_t i = 0; i < cove_journal_count(doc->journal); i++) {
            const struct cove_step *s = cove_journal_at(doc->journal, i);

            if (s->state == COVE_STEP_ACTIVE && s->has_version &&
                s->version > last && s->version <= next) {
                next = s->version;
                more = true;
            }
        }
        if (more) {
            len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%lld",
                                    len == 0 ? "" : ", ", (long long)next);
        }
        last = next;
    }
    return cove_fail(diag, COVE_ENOTFOUND,
                     "%.*s has no version %s here; held: %s",
                     (int)doc->name.len, (const char *)doc->name.at, asked,
                     len == 0 ? "none" : list);
}

static int head_ambiguous(const struct cove_schema_doc *doc, const char *asked,
                          const struct cove_step *const found[2],
                          struct cove_diag *diag)
{
    char hex[2][COVE_HEX_LEN(32)];

    for (size_t i = 0; i < 2; i++) {
        cove_hex(cove_bytes(found[i]->id.b, 32), hex[i]);
    }
    return cove_fail(diag, COVE_EAMBIGUOUS,
                     "a fork: two steps of %.*s are version %s; name one: "
                     "%.16s or %.16s",
                     (int)doc->name.len, (const char *)doc->name.at, asked,
                     hex[0], hex[1]);
}

/* The newest active step whose schema has the content of this hash. */
static const struct cove_step *head_by_schema(const struct cove_schema_doc *doc,
                                              const struct head_asked *a)
{
    const struct cove_step *found = NULL;

    for (size_t i = 0; i < cove_journal_count(doc->journal); i++) {
        const struct cove_step *s = cove_journal_at(doc->journal, i);

        if (s->state == COVE_STEP_ACTIVE && !s->annotation && a->len >= 8 &&
            a->len <= s->schema.len &&
            memcmp(s->schema.at, a->hex, a->len) == 0 &&
            (found == NULL || s->version > found->version)) {
            found = s;
        }
    }
    return found;
}

int cove_schema_doc_head(const struct cove_schema_doc *schema,
                         const char *version, struct cove_step_id *out,
                         struct cove_diag *diag)
{
    const struct cove_step *found[2] = {NULL, NULL};
    const struct cove_step *pending = NULL;
    size_t count = 0;

    if (version == NULL || version[0] == '\0' || strcmp(version, "0") == 0) {
        found[0] = cove_schema_doc_newest(schema);
        if (found[0] == NULL) {
            return cove_fail(diag, COVE_EBLOCKED,
                             "no step of this schema is active here yet; sync "
                             "with a peer that has its journal");
        }
        *out = found[0]->id;
        return 0;
    }
    const struct head_asked asked = head_asked(version);

    for (size_t i = 0; i < cove_journal_count(schema->journal); i++) {
        const struct cove_step *s = cove_journal_at(schema->journal, i);

        if (s->annotation || !head_matches(s, &asked)) {
            continue;
        }
        if (s->state != COVE_STEP_ACTIVE) {
            pending = s;
        } else if (count < 2) {
            found[count++] = s;
        }
    }
    if (count == 0 && pending == NULL) {
        found[0] = head_by_schema(schema, &asked);
        count = found[0] != NULL;
    }
    if (count == 2) {
        return head_ambiguous(schema, version, found, diag);
    }
    if (count == 0 && pending != NULL) {
        return cove_fail(diag, COVE_EBLOCKED,
                         "version %s is held but %s; `cove migrate status` "
                         "says more",
                         version,
                         pending->state == COVE_STEP_WAITING
                             ? "waits for a step that is missing"
                             : "is malformed for this build");
    }
    if (count == 0) {
        return head_unknown(schema, version, diag);
    }
    *out = found[0]->id;
    return 0;
}

int cove_catalog_head(struct cove_catalog *catalog, struct cove_store_txn *txn,
                      cove_num num, const char *version,
                      struct cove_step_id *out, struct cove_diag *diag)
{
    const struct cove_schema_doc *schema;
    int err = cove_catalog_open(catalog, txn, num, &schema);

    return err == 0 ? cove_schema_doc_head(schema, version, out, diag) : err;
}
