/* admin_cut.c: history.cut.
 *
 * Documents are looked at for a while in a read transaction, and those that
 * something would go of are cut in one commit, so that no reader and no writer
 * waits long. A request does as many slices as its time allows and says where
 * the next one goes on.
 *
 * A document that a peer is known to lack a part of is left. What such a peer
 * took from here before would fit; but it could hold writes that were made
 * behind what it lacks, and another admin could cut there, at a place that fits
 * none here. Who was away for longer than the history is kept is not waited
 * for: it gets what the history came to. docs/ADMIN.md "Retention".
 */
#include "core/hlc.h"
#include "crdt/repo_cut.h"
#include "node/cut.h"
#include "node/guard.h"
#include "node/upkeep.h"

#define CUT_MS        500    /* a request works so long, unless it says */
#define CUT_LOOK      25     /* ms of looking before a commit, and … */
#define CUT_LOOKS     500    /* … so many documents, in one transaction */
#define CUT_DUE       64     /* documents that are cut in one commit … */
#define CUT_BYTES     262144 /* … and no more where so much goes */
#define CUT_DAY       INT64_C(86400000)
#define CUT_DAYS_MOST 36500
#define CUT_WAIT      90 /* days for a peer, where no age is asked for */

/* Why a document is as it was. */
enum cut_left {
    CUT_LEFT_RIGHT,
    CUT_LEFT_TYPE,
    CUT_LEFT_STATE,
    CUT_LEFT_PEERS,
    CUT_LEFT_LESS,
    CUT_LEFT_LONG,
    CUT_LEFT_DAMAGED,
    CUT_LEFTS
};
static const char *const cut_lefts[CUT_LEFTS] = {
    "right", "type", "state", "peers", "less", "long", "damaged"};

struct cut {
    struct admin *a;
    struct cove_txn *txn;
    struct cove_cut_rule rule;
    bool dry;
    cove_num schema; /* 0: all */
    cove_num only;   /* one document, or 0 */
    cove_num after;  /* the last that is done with */
    struct cut_peers peers;
    cove_num due[CUT_DUE];
    size_t due_count;
    uint64_t due_bytes;
    /* what came of it */
    int64_t looked, documents, txs, bytes;
    uint64_t until; /* hlc */
    int64_t left[CUT_LEFTS];
};

static int64_t cut_now(const struct admin *a)
{
    return a->store->env->now_ms(a->store->env->ctx);
}

/* ------------------------------------------------------------ one document */

/* Why a refusal left the document; false: it is an error of another kind. */
static bool cut_refusal(int err, const struct cove_header *header,
                        enum cut_left *why)
{
    switch (err) {
    case COVE_EDENIED:
        *why = CUT_LEFT_RIGHT;
        return true;
    case COVE_EUNSUPPORTED:
        *why = header->type == COVE_DOC_COMAP ||
                       header->type == COVE_DOC_COLIST ||
                       header->type == COVE_DOC_COTEXT ||
                       header->type == COVE_DOC_COCOUNTER
                   ? CUT_LEFT_STATE
                   : CUT_LEFT_TYPE;
        return true;
    case COVE_ENOTFOUND:
        *why = CUT_LEFT_LESS;
        return true;
    case COVE_ELIMIT:
        *why = CUT_LEFT_LONG;
        return true;
    default:
        return false;
    }
}

/* Of the one document that was asked for, it is an error. */
static int cut_less(struct cut *c, const struct cove_doc_outline *doc,
                    uint64_t bytes)
{
    char text[COVE_ID_TEXT_MAX];

    cove_id_text(&doc->id, text);
    return cove_fail(&c->txn->diag, COVE_ECONDITION,
                     "%llu bytes of the history of %s could go, and a cut is "
                     "made from %d on, since it takes room, too",
                     (unsigned long long)bytes, text, COVE_CUT_LEAST);
}

static int cut_lacking(struct cut *c, const struct cove_doc_outline *doc,
                       const struct cut_peer *peer)
{
    char text[COVE_ID_TEXT_MAX], hex[COVE_HEX_LEN(32)];

    cove_id_text(&doc->id, text);
    cove_hex(cove_bytes(peer->key.b, sizeof(peer->key.b)), hex);
    return cove_fail(&c->txn->diag, COVE_ECONDITION,
                     "the peer %s has not acknowledged all of %s yet: sync "
                     "with it first, or cut all the same (--force)",
                     peer->name[0] != '\0' ? peer->name : hex, text);
}

/* Plan, or cut. `*left`: CUT_LEFTS where it is due, or done. */
static int cut_try(struct cut *c, cove_num num,
                   const struct cove_doc_outline *doc, bool plan,
                   enum cut_left *left, struct cove_cut_result *result)
{
    const struct cut_peer *peer = NULL;
    struct cove_repo *repo = c->txn->worker->repo;
    struct cove_header header;
    int err = cove_header_decode(doc->header_bytes, &header, NULL);

    *left = CUT_LEFTS;
    err = err != 0 ? err : cut_peers_lack(&c->peers, c->txn, num, doc, &peer);
    if (err == 0) {
        err = cove_repo_cut(repo, c->txn->txn, num, &c->rule,
                            plan || peer != NULL, result, &c->txn->diag);
        if (err == COVE_ENOTFOUND && c->only != 0) {
            return cut_less(c, doc, result->bytes);
        }
        if (err == COVE_ECORRUPT && plan && c->only == 0) {
            *left = CUT_LEFT_DAMAGED;
            err = 0;
        }
        if (*left != CUT_LEFTS ||
            (c->only == 0 && cut_refusal(err, &header, left))) {
            cove_diag_clear(&c->txn->diag);
            return 0;
        }
    }
    if (err != 0 || peer == NULL) {
        return err;
    }
    *left = CUT_LEFT_PEERS;
    return c->only != 0 ? cut_lacking(c, doc, peer)
                        : cut_peers_note(&c->peers, peer);
}

static int cut_outline(struct cut *c, cove_num num,
                       struct cove_doc_outline *out)
{
    cove_arena_reset(&c->txn->arena);
    return cove_repo_outline(c->txn->worker->repo, c->txn->txn, num,
                             &c->txn->arena, out);
}

/* Errors, of the one that was asked for: what it is. */
static int cut_wanted(struct cut *c, const struct cove_doc_outline *doc,
                      bool *out)
{
    *out = c->only != 0 ||
           !(doc->local || doc->removed || doc->class == COVE_CLASS_RIGHTS ||
             doc->class == COVE_CLASS_JOURNAL);
    if (c->only != 0 && doc->removed) {
        return cove_fail(&c->txn->diag, COVE_EREMOVED,
                         "the document was removed, with its history");
    }
    return c->only != 0 && doc->local
               ? cove_fail(&c->txn->diag, COVE_EUNSUPPORTED,
                           "a copy that stays on this device keeps its "
                           "history; `cove discard` takes all of it away")
               : 0;
}

static void cut_sum(struct cut *c, const struct cove_cut_result *result)
{
    c->documents++;
    c->txs += (int64_t)result->txs;
    c->bytes += (int64_t)result->bytes;
    c->until = result->until > c->until ? result->until : c->until;
}

/* ------------------------------------------------------------------ slices */

/* Is it due? Then it is noted; or else counted. */
static int cut_look(struct cut *c, cove_num num)
{
    struct cove_cut_result result = {0};
    struct cove_doc_outline doc;
    enum cut_left left = CUT_LEFTS;
    bool wanted;
    int err = cut_outline(c, num, &doc);

    err = err != 0 ? err : cut_wanted(c, &doc, &wanted);
    if (err != 0 || !wanted) {
        return err;
    }
    err = cut_try(c, num, &doc, true, &left, &result);
    if (err != 0) {
        return err;
    }
    if (left != CUT_LEFTS) {
        c->looked++;
        c->left[left]++;
    } else if (c->dry) {
        c->looked++;
        cut_sum(c, &result);
    } else {
        c->due[c->due_count++] = num;
        c->due_bytes += result.bytes;
    }
    return 0;
}

/* Look for a while. */
static int cut_looks(struct cut *c, bool *over)
{
    int64_t until = cut_now(c->a) + CUT_LOOK;
    int count = 0;
    int err = cut_peers_read(&c->peers, c->txn);

    c->due_count = 0;
    c->due_bytes = 0;
    if (c->only != 0) {
        *over = true;
        return err != 0 ? err : cut_look(c, c->only);
    }
    do {
        cove_num num;

        err = err != 0 ? err
                       : cove_repo_next(c->txn->worker->repo, c->txn->txn,
                                        c->schema, c->after, &num);
        if (err == COVE_ENOTFOUND) {
            *over = true;
            return 0;
        }
        err = err != 0 ? err : cut_look(c, num);
        c->after = err == 0 ? num : c->after;
    } while (err == 0 && c->due_count < CUT_DUE && c->due_bytes < CUT_BYTES &&
             ++count < CUT_LOOKS && cut_now(c->a) < until);
    return err;
}

static int cut_one(struct cut *c, cove_num num)
{
    struct cove_cut_result result = {0};
    struct cove_doc_outline doc;
    enum cut_left left;
    int err = cut_outline(c, num, &doc);

    err = err != 0 ? err : cut_try(c, num, &doc, false, &left, &result);
    if (err != 0) {
        return err;
    }
    c->looked++;
    if (left != CUT_LEFTS) {
        c->left[left]++;
        return 0;
    }
    c->txn->wrote = true;
    cut_sum(c, &result);
    return 0;
}

static int cut_cuts(struct cut *c)
{
    int err = cut_peers_read(&c->peers, c->txn);

    for (size_t i = 0; i < c->due_count && err == 0; i++) {
        err = cut_one(c, c->due[i]);
    }
    return err;
}

static int cut_slice(struct cut *c, bool *over)
{
    int err = node_begin(c->a->store, COVE_READ | COVE_VIEW, &c->txn);

    err = err != 0 ? err : admin_end(c->a, c->txn, cut_looks(c, over));
    if (err == 0 && c->due_count > 0) {
        err = node_begin(c->a->store, COVE_WRITE | COVE_VIEW, &c->txn);
        err = err != 0 ? err : admin_end(c->a, c->txn, cut_cuts(c));
    }
    return err;
}

/* ------------------------------------------------------------- the request */

static int cut_scope(struct cut *c)
{
    const char *schema = NULL;
    struct cove_id id;
    bool given = false;
    int err = admin_text(c->a, "schema", &schema);

    err = err != 0 ? err : admin_id(c->a, "id", &id, &given);
    if (err == 0 && given && schema != NULL) {
        return cove_fail(&c->a->diag, COVE_EUSAGE,
                         "\"id\" or \"schema\", not both");
    }
    if (err != 0 || (schema == NULL && !given)) {
        return err;
    }
    err = node_begin(c->a->store, COVE_READ, &c->txn);
    if (err != 0) {
        return err;
    }
    if (schema != NULL) {
        err = cove_catalog_find(c->txn->worker->catalog, c->txn->txn, schema,
                                &c->schema, &c->txn->diag);
    } else {
        err = cove_repo_find(c->txn->worker->repo, c->txn->txn, &id, &c->only);
    }
    return admin_end(c->a, c->txn, err);
}

/* A whole number, -1 where it is absent. */
static int cut_number(struct cut *c, const char *key, int64_t least,
                      int64_t most, int64_t *out)
{
    struct cove_bytes given = {NULL, 0};
    int64_t number = 0;
    int err = admin_value(c->a, key, &given);

    err = err != 0 ? err : admin_int(c->a, key, &number);
    if (err != 0) {
        return err;
    }
    *out = given.len > 0 ? number : -1;
    return given.len == 0 || (number >= least && number <= most)
               ? 0
               : cove_fail(&c->a->diag, COVE_EUSAGE,
                           "\"%s\" is from %lld to %lld", key, (long long)least,
                           (long long)most);
}

/* Older than `days`, or than a time, if either is asked for; and how long a
 * peer is waited for. */
static int cut_age(struct cut *c, bool bytes)
{
    int64_t days = -1;
    bool timed = false;
    int err = cut_number(c, "days", 1, CUT_DAYS_MOST, &days);

    err = err != 0 ? err : admin_time(c->a, "before", &c->rule.before, &timed);
    if (err == 0 && days > 0 && timed) {
        err = cove_fail(&c->a->diag, COVE_EUSAGE,
                        "\"days\" or \"before\", not both");
    } else if (err == 0 && days < 0 && !timed && !bytes) {
        err = cove_fail(&c->a->diag, COVE_EUSAGE,
                        "what is to be cut off: what is older than \"days\" "
                        "or \"before\" a time, or what is more than "
                        "\"keep\" bytes");
    }
    if (timed) { /* older than that millisecond */
        c->rule.before = cove_hlc_of_ms(cove_hlc_ms(c->rule.before));
    }
    if (days > 0) {
        c->rule.before = cove_hlc_of_ms(cut_now(c->a) - days * CUT_DAY);
    }
    c->peers.window_ms =
        CUT_DAY * (days > CUT_WAIT || (days > 0 && !bytes) ? days : CUT_WAIT);
    return err;
}

static int cut_settings(struct cut *c, int64_t *slice)
{
    int64_t keep = -1, after = -1, ms = -1;
    bool yes = false;
    int err = cut_number(c, "keep", 0, INT64_MAX, &keep);

    err = err != 0 ? err : cut_number(c, "after", 0, INT64_MAX, &after);
    err = err != 0 ? err : cut_number(c, "slice", 0, CUT_DAY, &ms);
    err = err != 0 ? err : admin_flag(c->a, "dry", &c->dry);
    err = err != 0 ? err : admin_flag(c->a, "force", &c->peers.none);
    err = err != 0 ? err : admin_flag(c->a, "yes", &yes);
    err = err != 0 ? err : cut_age(c, keep >= 0);
    if (err == 0 && !yes && !c->dry) {
        err = cove_fail(&c->a->diag, COVE_EDESTRUCTIVE,
                        "this would cut the beginning of histories off for "
                        "good; \"dry\" says what would go, \"yes\" does it");
    }
    c->rule.bytes = keep >= 0 ? (uint64_t)keep : UINT64_MAX;
    c->after = after > 0 ? (cove_num)after : 0;
    *slice = ms >= 0 ? ms : *slice;
    return err != 0 ? err : cut_scope(c);
}

static int cut_guard(struct cut *c)
{
    struct node_guard guard;
    int err = c->dry ? 0 : node_begin(c->a->store, COVE_READ, &c->txn);

    if (err != 0 || c->dry) {
        return err;
    }
    err = guard_init(c->a, c->txn, &guard);
    err = err != 0 ? err
                   : guard_any(&guard, c->txn,
                               "what is cut off cannot be brought back");
    return admin_end(c->a, c->txn, err);
}

static void cut_reply(const struct cut *c, bool over)
{
    struct node_json *j = &c->a->reply;
    const struct {
        const char *key;
        int64_t value;
    } numbers[] = {{"looked", c->looked},
                   {"documents", c->documents},
                   {"transactions", c->txs},
                   {"bytes", c->bytes}};

    for (size_t i = 0; i < COVE_ARRAY_LEN(numbers); i++) {
        node_json_key(j, numbers[i].key);
        node_json_int(j, numbers[i].value);
    }
    if (c->documents > 0) {
        node_json_key(j, "until");
        node_json_int(j, cove_hlc_ms(c->until));
    }
    node_json_key(j, "left");
    node_json_open(j, '{');
    for (size_t i = 0; i < CUT_LEFTS; i++) {
        node_json_key(j, cut_lefts[i]);
        node_json_int(j, c->left[i]);
    }
    node_json_close(j, '}');
    cut_peers_json(&c->peers, j);
    node_json_key(j, "dry");
    node_json_bool(j, c->dry);
    if (!over) {
        node_json_key(j, "next");
        node_json_int(j, (int64_t)c->after);
    }
}

static int verb_history_cut(struct admin *a)
{
    struct cut c = {.a = a, .peers = {.noted = &a->arena}};
    int64_t slice = CUT_MS;
    bool over = false;
    int err = cut_settings(&c, &slice);

    err = err != 0 ? err : cut_guard(&c);
    cove_arena_init(&c.peers.arena, a->store->alloc);
    for (int64_t until = cut_now(a) + slice; err == 0 && !over;) {
        err = cut_slice(&c, &over);
        if (cut_now(a) >= until) {
            break;
        }
    }
    cove_arena_clear(&c.peers.arena);
    if (err == 0) {
        cut_reply(&c, over);
    }
    return err;
}

const struct admin_verb admin_cut_verbs[] = {
    {"history.cut",
     "id schema days before keep force dry yes noBackup after slice",
     verb_history_cut},
    {NULL, NULL, NULL},
};
