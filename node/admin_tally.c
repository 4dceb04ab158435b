/* admin_tally.c: what migrate.status knows without looking at a document: how
 * many were last written at which version, how they were judged when somebody
 * last loaded them, and which devices speak which version. It costs as much as
 * there are different counts, not documents. */
#include "core/hlc.h"
#include "crdt/repo_upkeep.h"
#include "node/admin.h"
#include "sync/engine.h"

#include <stdio.h>
#include <stdlib.h>

#define TALLY_STATES (COVE_STATE_LOCAL_ONLY + 1)

struct tallies {
    struct node_json *j;
    struct cove_txn *txn;
    const struct cove_schema_doc *schema;
    uint64_t *by_step; /* documents, by the journal's index of the epoch */
    uint64_t documents, without, unknown, unjudged;
    uint64_t states[TALLY_STATES];
};

int admin_device_name(struct cove_txn *txn, const struct cove_key *key,
                      char out[64])
{
    struct cove_peer_record peer;
    int err = cove_peer_get(txn->worker->repo, txn->txn, key, &peer);

    out[0] = '\0';
    if (err == 0) {
        snprintf(out, 64, "%s", peer.name);
    } else if (memcmp(key->b, txn->store->device.b, sizeof(key->b)) == 0) {
        snprintf(out, 64, "this device");
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* -------------------------------------------------------------------- counting
 */

static void tally_add(struct tallies *t, const struct cove_tally *tally,
                      const uint8_t plan[8])
{
    static const struct cove_step_id none;
    const struct cove_step *step =
        cove_journal_find(t->schema->journal, &tally->epoch);

    t->documents += tally->count;
    if (step != NULL) {
        t->by_step[step->index] += tally->count;
    } else if (memcmp(tally->epoch.b, none.b, sizeof(none.b)) == 0) {
        t->without += tally->count;
    } else {
        t->unknown += tally->count;
    }
    if (memcmp(tally->plan, plan, sizeof(tally->plan)) == 0 &&
        tally->state < TALLY_STATES) {
        t->states[tally->state] += tally->count;
    } else {
        t->unjudged += tally->count;
    }
}

static int tallies_count(struct tallies *t)
{
    struct cove_hash plan = cove_journal_fingerprint(t->schema->journal);
    struct cove_tally tally = {.schema = t->schema->num};
    int err;

    t->by_step = cove_arena_array(&t->txn->arena,
                                  cove_journal_count(t->schema->journal) + 1,
                                  sizeof(*t->by_step));
    if (t->by_step == NULL) {
        return COVE_ENOMEM;
    }
    while ((err = cove_repo_tally_next(t->txn->worker->repo, t->txn->txn,
                                       &tally, &tally)) == 0) {
        tally_add(t, &tally, plan.b);
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* --------------------------------------------------------------------- replies
 */

static int version_order(const void *left, const void *right)
{
    const struct cove_step *a = *(const struct cove_step *const *)left;
    const struct cove_step *b = *(const struct cove_step *const *)right;

    return a->version != b->version ? (a->version < b->version ? -1 : 1)
                                    : memcmp(a->id.b, b->id.b, sizeof(a->id.b));
}

static int tallies_versions(const struct tallies *t)
{
    const struct cove_journal *journal = t->schema->journal;
    const struct cove_step *newest = cove_journal_newest(journal);
    size_t all = cove_journal_count(journal), count = 0;
    const struct cove_step **steps = cove_arena_array(
        &t->txn->arena, all + 1, sizeof(const struct cove_step *));

    if (steps == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < all; i++) {
        const struct cove_step *s = cove_journal_at(journal, i);

        if (!s->annotation &&
            (s->state == COVE_STEP_ACTIVE || t->by_step[i] > 0)) {
            steps[count++] = s;
        }
    }
    qsort(steps, count, sizeof(const struct cove_step *), version_order);
    node_json_key(t->j, "versions");
    node_json_open(t->j, '[');
    for (size_t i = 0; i < count; i++) {
        node_json_open(t->j, '{');
        node_json_key(t->j, "version");
        node_json_int(t->j, steps[i]->version);
        node_json_key(t->j, "step");
        node_json_hex(t->j, steps[i]->id.b, sizeof(steps[i]->id.b));
        node_json_key(t->j, "documents");
        node_json_int(t->j, (int64_t)t->by_step[steps[i]->index]);
        node_json_key(t->j, "newest");
        node_json_bool(t->j, steps[i] == newest);
        node_json_key(t->j, "retired");
        node_json_bool(t->j, steps[i]->retired);
        node_json_close(t->j, '}');
    }
    node_json_close(t->j, ']');
    return 0;
}

static void tallies_states(const struct tallies *t)
{
    node_json_key(t->j, "states");
    node_json_open(t->j, '{');
    for (int i = 0; i < TALLY_STATES; i++) {
        node_json_key(t->j, cove_doc_state_name((enum cove_doc_state)i));
        node_json_int(t->j, (int64_t)t->states[i]);
    }
    node_json_key(t->j, "unjudged");
    node_json_int(t->j, (int64_t)t->unjudged);
    node_json_close(t->j, '}');
}

static int tallies_device(const struct tallies *t,
                          const struct cove_spoken *spoken)
{
    const struct cove_step *step =
        cove_journal_find(t->schema->journal, &spoken->epoch);
    char name[64];
    int err = admin_device_name(t->txn, &spoken->device, name);

    node_json_open(t->j, '{');
    node_json_key(t->j, "device");
    node_json_hex(t->j, spoken->device.b, sizeof(spoken->device.b));
    if (name[0] != '\0') {
        node_json_key(t->j, "name");
        node_json_cstr(t->j, name);
    }
    if (step != NULL && step->has_version) { /* else one not known here yet */
        node_json_key(t->j, "version");
        node_json_int(t->j, step->version);
    }
    node_json_key(t->j, "step");
    node_json_hex(t->j, spoken->epoch.b, sizeof(spoken->epoch.b));
    node_json_key(t->j, "time");
    node_json_int(t->j, cove_hlc_ms(spoken->hlc));
    node_json_close(t->j, '}');
    return err;
}

static int tallies_devices(const struct tallies *t)
{
    struct cove_spoken spoken = {.schema = t->schema->num};
    int err = 0;

    node_json_key(t->j, "devices");
    node_json_open(t->j, '[');
    while (err == 0) {
        err = cove_repo_spoken_next(t->txn->worker->repo, t->txn->txn, &spoken,
                                    &spoken);
        err = err != 0 ? err : tallies_device(t, &spoken);
    }
    node_json_close(t->j, ']');
    return err == COVE_ENOTFOUND ? 0 : err;
}

int admin_tallies_json(struct admin *a, struct cove_txn *txn,
                       const struct cove_schema_doc *schema)
{
    struct tallies t = {.j = &a->reply, .txn = txn, .schema = schema};
    int err = tallies_count(&t);

    if (err != 0) {
        return err;
    }
    node_json_key(t.j, "documents");
    node_json_int(t.j, (int64_t)t.documents);
    node_json_key(t.j, "unwritten"); /* no write by a user, so at no version */
    node_json_int(t.j, (int64_t)t.without);
    node_json_key(t.j, "unknown"); /* last written at a version not here yet */
    node_json_int(t.j, (int64_t)t.unknown);
    tallies_states(&t);
    err = tallies_versions(&t);
    return err != 0 ? err : tallies_devices(&t);
}
