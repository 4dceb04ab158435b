/* retire.c: see retire.h.
 *
 * What stays is the first version that stands on the one to retire, on the way
 * to the newest: all before it goes, also what another branch brought into a
 * merge. Who needs what goes is told by kept counts, not by looking at
 * documents.
 */
#include "migrate/retire.h"

#include "core/hlc.h"
#include "migrate/compile_parts.h"
#include "schema/step_extra.h"

#define RETIRE_DAYS   90
#define RETIRE_DAY_MS 86400000

struct retire {
    struct cove_catalog *catalog;
    struct cove_store_txn *txn;
    const struct cove_retire_request *request;
    struct cove_arena *arena;
    struct cove_retire *out;
    struct cove_diag *diag;
    const struct cove_schema_doc *schema;
    const struct cove_step *head, *last; /* the newest; the last that goes */
};

/* Does `step` stand on `below` with no version between? */
static bool stands_on(const struct cove_journal *journal,
                      const struct cove_step *step,
                      const struct cove_step *below)
{
    if (step == below || step->annotation ||
        !cove_journal_step_descends(journal, step, below)) {
        return false;
    }
    for (size_t i = 0; i < cove_journal_count(journal); i++) {
        const struct cove_step *s = cove_journal_at(journal, i);

        if (s != step && s != below && !s->annotation &&
            cove_journal_step_descends(journal, step, s) &&
            cove_journal_step_descends(journal, s, below)) {
            return false;
        }
    }
    return true;
}

/* Of several, one in the newest version's history, then the smaller id. */
static const struct cove_step *retire_stays(const struct retire *r)
{
    const struct cove_journal *journal = r->schema->journal;
    const struct cove_step *found = NULL;

    for (size_t i = 0; i < cove_journal_count(journal); i++) {
        const struct cove_step *s = cove_journal_at(journal, i);
        bool on_the_way = cove_journal_step_descends(journal, r->head, s);

        if (stands_on(journal, s, r->last) &&
            (found == NULL || (on_the_way && !cove_journal_step_descends(
                                                 journal, r->head, found)))) {
            found = s;
        }
    }
    return found;
}

static int retire_find(struct retire *r)
{
    struct cove_step_id id;
    int err =
        cove_catalog_open(r->catalog, r->txn, r->request->num, &r->schema);

    if (err == 0) {
        err =
            cove_schema_doc_head(r->schema, r->request->version, &id, r->diag);
    }
    if (err != 0) {
        return err;
    }
    r->head = cove_journal_newest(r->schema->journal);
    r->last = cove_journal_find(r->schema->journal, &id);
    if (r->last->retired) {
        return cove_fail(r->diag, COVE_EEXIST,
                         "version %lld of %.*s is retired already",
                         (long long)r->last->version, SHOWN(r->schema->name));
    }
    r->out->stays = retire_stays(r);
    if (r->out->stays == NULL) {
        return cove_fail(
            r->diag, COVE_EUSAGE,
            r->last == r->head
                ? "version %lld is the newest of %.*s, nothing would be left; "
                  "publish a later one first"
                : "version %lld of %.*s is the end of a branch; join the "
                  "branches first: `cove migrate merge`",
            (long long)r->last->version, SHOWN(r->schema->name));
    }
    return 0;
}

/* ----------------------------------------------------------------- who needs
 * it
 */

static int needs_versions(struct retire *r)
{
    const struct cove_journal *journal = r->schema->journal;
    struct cove_retire *out = r->out;
    size_t all = cove_journal_count(journal);

    out->versions = cove_arena_array(r->arena, all, sizeof(*out->versions));
    if (out->versions == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < all; i++) {
        const struct cove_step *s = cove_journal_at(journal, i);

        if (s != out->stays && !s->annotation && !s->retired &&
            cove_journal_step_descends(journal, out->stays, s)) {
            out->versions[out->version_count++].step = s;
        }
    }
    return 0;
}

static struct cove_retire_version *needs_find(struct cove_retire *out,
                                              const struct cove_step_id *step)
{
    for (size_t i = 0; i < out->version_count; i++) {
        if (memcmp(out->versions[i].step->id.b, step->b, sizeof(step->b)) ==
            0) {
            return &out->versions[i];
        }
    }
    return NULL;
}

static int needs_documents(struct retire *r)
{
    struct cove_repo *repo = cove_catalog_repo(r->catalog);
    struct cove_tally tally = {.schema = r->request->num};
    int err;

    while ((err = cove_repo_tally_next(repo, r->txn, &tally, &tally)) == 0) {
        struct cove_retire_version *v = needs_find(r->out, &tally.epoch);

        if (v != NULL) {
            v->documents += tally.count;
            r->out->needed = r->out->needed || tally.count > 0;
        }
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int needs_devices(struct retire *r)
{
    struct cove_repo *repo = cove_catalog_repo(r->catalog);
    const struct cove_env *env = cove_repo_env(repo);
    struct cove_spoken spoken = {.schema = r->request->num};
    int64_t days =
        r->request->live_days > 0 ? r->request->live_days : RETIRE_DAYS;
    int64_t since = env->now_ms(env->ctx) - days * RETIRE_DAY_MS;
    size_t cap = 0;
    int err;

    while ((err = cove_repo_spoken_next(repo, r->txn, &spoken, &spoken)) == 0) {
        struct cove_retire_version *v = needs_find(r->out, &spoken.epoch);
        void *devices = r->out->devices;

        if (v == NULL) {
            continue;
        }
        err = cove_arena_grow(r->arena, &devices, sizeof(*r->out->devices),
                              r->out->device_count, &cap);
        if (err != 0) {
            return err;
        }
        r->out->devices = devices;
        r->out->devices[r->out->device_count++] = (struct cove_retire_device){
            .device = spoken.device,
            .step = v->step,
            .hlc = spoken.hlc,
            .live = cove_hlc_ms(spoken.hlc) >= since};
        r->out->needed = true;
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* ------------------------------------------------------------------ the step
 */

static int retire_compile(struct retire *r)
{
    struct cove_prepared *step = &r->out->step;
    struct compile c = {
        .arena = r->arena, .diag = r->diag, .label = cove_bytes_text("retire")};
    struct compile_body body = {.parents = &r->head->id,
                                .parent_count = 1,
                                .name = r->schema->name,
                                .op_count = 1};
    char hex[COVE_HEX_LEN(sizeof(r->head->id.b))];
    struct cove_bytes seed;
    struct cove_draft d;
    int err;

    cove_hex(cove_bytes(r->out->stays->id.b, sizeof(r->out->stays->id.b)), hex);
    err = cove_value_of_text(r->arena, cove_bytes_text(hex), &seed);
    if (err == 0) {
        err = cove_compile_init(&c, &r->head->id, 1, seed, 0);
    }
    if (err == 0) {
        cove_draft_init(&d, r->arena);
        cove_draft_text(&d, "step", cove_bytes_text(hex));
        err = cove_op_end(&c, &d, COVE_EXTRA_RETIRE);
    }
    if (err == 0) {
        body.ops = c.ops;
        err = cove_body_end(&c, &body, &step->step);
    }
    if (err == 0) {
        err = cove_arena_copy(r->arena,
                              cove_bytes(r->head->id.b, sizeof(r->head->id.b)),
                              &step->parents);
    }
    step->num = r->request->num;
    step->what = "retire";
    step->about = r->last->version;
    return err;
}

int cove_retire_prepare(struct cove_catalog *catalog,
                        struct cove_store_txn *txn,
                        const struct cove_retire_request *request,
                        struct cove_arena *arena, struct cove_retire *out,
                        struct cove_diag *diag)
{
    struct cove_retire made = {.needed = false};
    struct retire r = {.catalog = catalog,
                       .txn = txn,
                       .request = request,
                       .arena = arena,
                       .out = &made,
                       .diag = diag};
    int err = retire_find(&r);

    err = err != 0 ? err : needs_versions(&r);
    err = err != 0 ? err : needs_documents(&r);
    err = err != 0 ? err : needs_devices(&r);
    err = err != 0 ? err : retire_compile(&r);
    if (err == 0) {
        *out = made;
    }
    return err;
}
