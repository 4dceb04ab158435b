/* admin_status.c: status and check: where every document stands.
 *
 * How a document stands was noted when it was last loaded at the newest
 * version, and the note goes when it changes: most are not judged again. */
#include "core/hlc.h"
#include "crdt/repo_upkeep.h"
#include "node/admin.h"
#include "node/digests.h"
#include "node/validate.h"
#include "sync/engine.h"

#define STATUS_SLICE 1024 /* documents a transaction */

/* --------------------------------------------------------------- by document
 */

struct status {
    struct admin *a;
    struct cove_txn *txn;
    cove_num schema;
    const char *version;
    bool scan;      /* judge each document anew */
    unsigned slice; /* documents that this transaction looked at */
    uint64_t documents, copies;
    uint64_t local;                /* documents, not in what follows */
    uint64_t waiting, waiting_ops; /* documents, and the ops that wait there */
    uint64_t unreadable;           /* documents, damaged */
    uint64_t invalid; /* documents that break a rule; where each is judged */
    uint64_t states[COVE_STATE_LOCAL_ONLY + 1];
    struct node_digests digests;
};

/* A reader that stays keeps all that is written meanwhile from being used
 * again. */
static int status_slice(struct status *s)
{
    if (++s->slice < STATUS_SLICE) {
        return 0;
    }
    s->slice = 0;
    return node_renew(s->txn);
}

/* A document counts to its owner; a group or account to itself. */
static int status_digest(struct status *s, const struct cove_doc *doc,
                         struct cove_arena *arena)
{
    struct cove_hash digest = cove_doc_digest(doc, arena);

    return node_digests_add(
        &s->digests, doc->header.has_owner ? &doc->header.owner : &doc->id,
        &digest);
}

/* Local documents are counted apart: no peer has or wants any of them. */
static int status_locals(struct status *s, struct cove_arena *arena)
{
    struct cove_repo *repo = s->txn->worker->repo;
    struct cove_doc doc;
    cove_num num = 0;
    int err;

    while ((err = cove_repo_next(repo, s->txn->txn, COVE_NUM_LOCALS, num,
                                 &num)) == 0) {
        cove_arena_reset(arena);
        err =
            cove_repo_load(repo, s->txn->txn, num, arena, &doc, &s->txn->diag);
        if (err != 0) {
            return err;
        }
        s->local += s->schema == 0 || doc.schema_num == s->schema;
        err = status_slice(s);
        if (err != 0) {
            return err;
        }
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* Was the document judged by the versions as they are, and has it not changed
 * since? Held transactions come by themselves, so such a one is looked at. */
static int status_judged(const struct status *s, const struct cove_doc *doc,
                         bool *judged)
{
    const struct cove_schema_doc *schema;
    struct cove_hash plan;
    int err;

    *judged = false;
    if (s->scan || s->version != NULL || doc->schema_num == 0 ||
        doc->next_held_hlc != 0 || doc->judged_state > COVE_STATE_LOCAL_ONLY) {
        return 0;
    }
    err = cove_catalog_open(s->txn->worker->catalog, s->txn->txn,
                            doc->schema_num, &schema);
    if (err != 0) {
        return err == COVE_ENOTFOUND || err == COVE_ETYPE ? 0 : err;
    }
    plan = cove_journal_fingerprint(schema->journal);
    *judged = memcmp(doc->judged_plan, plan.b, sizeof(doc->judged_plan)) == 0;
    return 0;
}

/* Is each document looked at, by the rules too? */
static bool status_judges(const struct status *s)
{
    return s->scan || s->version != NULL;
}

/* Where the document stands, at the version asked for or its newest. */
static int status_state(struct status *s, const struct cove_doc *doc,
                        struct cove_arena *arena, enum cove_doc_state *state)
{
    struct cove_load_request request = {.num = doc->num,
                                        .mode = COVE_LOAD_VIEW,
                                        .live_days = s->txn->store->live_days};
    struct cove_loaded loaded = {.doc = *doc, .raw = true};
    struct node_wrong wrong;
    struct cove_step_id head;
    int err = 0;

    if (doc->schema_num == 0) {
        return cove_loaded_state(&loaded, state);
    }
    if (s->schema != 0 && s->version != NULL) {
        err = cove_catalog_head(s->txn->worker->catalog, s->txn->txn, s->schema,
                                s->version, &head, &s->txn->diag);
        request.head = &head;
    }
    if (err == 0) {
        err = cove_load(s->txn->worker->catalog, s->txn->txn, &request, arena,
                        &loaded, NULL);
        if (err == COVE_EBLOCKED) { /* the journal is not here */
            *state = COVE_STATE_BLOCKED;
            return 0;
        }
    }
    if (err == 0 && status_judges(s) && !loaded.raw) {
        err = node_wrong_find(s->txn, &loaded, arena, &wrong);
        s->invalid += err == 0 && wrong.any;
    }
    return err != 0 ? err : cove_loaded_state(&loaded, state);
}

/* Edits that came before what they hang on. Those of a field's child may hang
 * on what its map shows, so it is asked as it is shown. */
static int status_waiting(struct status *s, const struct cove_doc *doc,
                          struct cove_arena *arena)
{
    struct cove_load_request request = {.num = doc->num,
                                        .mode = COVE_LOAD_VIEW,
                                        .live_days = s->txn->store->live_days};
    size_t waiting =
        doc->state.seq != NULL ? cove_seq_waiting(doc->state.seq) : 0;
    struct cove_loaded loaded;
    int err = 0;

    if (waiting > 0) {
        err = cove_load(s->txn->worker->catalog, s->txn->txn, &request, arena,
                        &loaded, NULL);
        waiting = err == 0 ? cove_seq_waiting(cove_loaded_seq(&loaded)) : 0;
        err = err == COVE_EBLOCKED ? 0 : err;
    }
    s->waiting += waiting > 0;
    s->waiting_ops += waiting;
    return err;
}

static int status_document(struct status *s, const struct cove_doc *doc,
                           struct cove_arena *arena)
{
    enum cove_doc_state state = (enum cove_doc_state)doc->judged_state;
    bool judged;
    int err = status_judged(s, doc, &judged);

    if (err == 0 && !judged) {
        err = status_state(s, doc, arena, &state);
    }
    if (err == 0) {
        err = status_waiting(s, doc, arena);
    }
    if (err == 0) {
        s->documents++;
        s->states[state]++;
        s->copies += doc->state.copy_count; /* stored winners */
    }
    return err;
}

/* Digests are of all documents, the rest of those of the schema. */
static int status_walk(struct status *s)
{
    struct cove_arena arena;
    struct cove_doc doc;
    cove_num num = 0;
    int err = 0;

    cove_arena_init(&arena, s->a->store->alloc);
    while (err == 0) {
        cove_arena_reset(&arena);
        err = status_slice(s);
        err = err != 0 ? err
                       : cove_repo_next(s->txn->worker->repo, s->txn->txn, 0,
                                        num, &num);
        if (err == 0) {
            err = cove_repo_load(s->txn->worker->repo, s->txn->txn, num, &arena,
                                 &doc, &s->txn->diag);
        }
        if (err == COVE_EREMOVED || err == COVE_ECORRUPT) {
            s->unreadable += err == COVE_ECORRUPT;
            cove_diag_clear(&s->txn->diag); /* or its owner has come since */
            err = 0;
            continue;
        }
        if (err != 0 || (doc.flags & COVE_DOC_LOCAL) != 0) {
            continue;
        }
        err = status_digest(s, &doc, &arena);
        if (err == 0 && (s->schema == 0 || doc.schema_num == s->schema)) {
            err = status_document(s, &doc, &arena);
            if (err == COVE_ECORRUPT) {
                s->unreadable++;
                cove_diag_clear(&s->txn->diag);
                err = 0;
            }
        }
    }
    err = err == COVE_ENOTFOUND ? status_locals(s, &arena) : err;
    cove_arena_clear(&arena);
    return err;
}

/* ------------------------------------------------------------------ the reply
 */

static int status_unsent(struct cove_txn *txn, struct node_json *j)
{
    struct cove_peer_record peer;
    const struct cove_key *after = NULL;
    struct cove_key last;
    int err;

    node_json_key(j, "unsent");
    node_json_open(j, '{');
    while ((err = cove_peer_next(txn->worker->repo, txn->txn, after, &peer)) ==
           0) {
        char hex[COVE_HEX_LEN(32)];
        uint64_t unsent;

        last = peer.key;
        after = &last;
        if (cove_peer_is_guest(&peer)) {
            continue;
        }
        err = node_peer_unsent(txn, &peer, &unsent);
        if (err != 0) {
            return err;
        }
        cove_hex(cove_bytes(peer.key.b, sizeof(peer.key.b)), hex);
        node_json_key(j, hex);
        node_json_int(j, (int64_t)unsent);
    }
    node_json_close(j, '}');
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int status_reply(struct status *s)
{
    struct node_json *j = &s->a->reply;
    struct cove_store_usage usage;
    int err;

    node_json_key(j, "documents");
    node_json_int(j, (int64_t)s->documents);
    node_json_key(j, "states");
    node_json_open(j, '{');
    for (int i = 0; i <= COVE_STATE_LOCAL_ONLY; i++) {
        node_json_key(j, cove_doc_state_name((enum cove_doc_state)i));
        node_json_int(j, (int64_t)s->states[i]);
    }
    node_json_close(j, '}');
    if (status_judges(s)) {
        node_json_key(j, "invalid");
        node_json_int(j, (int64_t)s->invalid);
    }
    node_json_key(j, "local");
    node_json_int(j, (int64_t)s->local);
    node_json_key(j, "copies");
    node_json_int(j, (int64_t)s->copies);
    node_json_key(j, "waiting");
    node_json_open(j, '{');
    node_json_key(j, "documents");
    node_json_int(j, (int64_t)s->waiting);
    node_json_key(j, "ops");
    node_json_int(j, (int64_t)s->waiting_ops);
    node_json_close(j, '}');
    err = admin_removed_json(s->a, s->txn);
    err = err != 0 ? err : admin_damage_json(s->a, s->txn, s->unreadable);
    err = err != 0 ? err : status_unsent(s->txn, j);
    node_digests_json(&s->digests, j);
    err = err != 0 ? err : node_peers_json(s->txn, j);
    if (err == 0 && cove_store_usage(s->a->store->store, &usage) == 0) {
        node_json_key(j, "bytes");
        node_json_int(j, (int64_t)usage.bytes_used);
    }
    return err;
}

static int verb_status(struct admin *a)
{
    struct status *s = cove_arena_new(&a->arena, sizeof(*s));
    const char *schema = NULL;
    int err = s == NULL ? COVE_ENOMEM : admin_text(a, "schema", &schema);

    if (err != 0) {
        return err;
    }
    s->a = a;
    s->digests.arena = &a->arena;
    err = admin_version(a, &s->version);
    err = err != 0 ? err : admin_flag(a, "scan", &s->scan);
    if (err == 0) {
        err = node_begin(a->store, COVE_READ | COVE_VIEW, &s->txn);
    }
    if (err != 0) {
        return err;
    }
    if (schema != NULL) {
        err = cove_catalog_find(s->txn->worker->catalog, s->txn->txn, schema,
                                &s->schema, &s->txn->diag);
    }
    err = err != 0 ? err : status_walk(s);
    err = err != 0 ? err : status_reply(s);
    return admin_end(a, s->txn, err);
}

const struct admin_verb admin_status_verbs[] = {
    {"status", "schema version scan", verb_status},
    {NULL, NULL, NULL},
};
