/* survey.c: looking through a store document by document.
 *
 * A log is read as it would be sent, and verified as a peer would: the header
 * against the id, the hash chain from its start, each batch's signature, and
 * the head that the document's record says.
 */
#include "node/survey.h"

#include "crdt/repo_upkeep.h"

#define SURVEY_SLICE 1000 /* documents a transaction */

static void survey_damage(struct node_survey *s, const struct cove_id *id,
                          const char *why)
{
    s->damaged++;
    s->damage(s->ctx, id, why);
}

/* Errors that say what the bytes are, not that they cannot be had now. */
static bool survey_is_damage(int err)
{
    return err == COVE_ECORRUPT || err == COVE_EFORMAT ||
           err == COVE_ENOTFOUND || err == COVE_ELIMIT ||
           err == COVE_ERESERVED || err == COVE_EHASH;
}

struct survey_walk {
    struct node_survey *s;
    struct cove_repo *repo;
    struct cove_store_txn *txn;
    struct cove_arena arena; /* of one document */
    struct cove_roots roots;
};

static int survey_session(struct survey_walk *w,
                          const struct cove_doc_outline *doc, cove_num num,
                          const struct cove_doc_session *session)
{
    struct cove_hash head = cove_session_begin(&doc->id, session);
    uint32_t at = session->base;

    while (at < session->len) {
        struct cove_batch batch;
        int err = cove_repo_read(w->repo, w->txn, num, &session->session, at,
                                 COVE_MAX_BATCH, &w->arena, &batch);

        if (err != 0 && !survey_is_damage(err)) {
            return err;
        }
        if (err != 0 || batch.start != at || batch.tx_count == 0) {
            survey_damage(w->s, &doc->id,
                          "a part of a session's log is missing");
            return 0;
        }
        for (size_t i = 0; i < batch.tx_count; i++) {
            head = cove_chain_next(&head, batch.txs[i]);
        }
        at += (uint32_t)batch.tx_count;
        if (cove_batch_verify(&batch, &head, &w->roots) != 0) {
            survey_damage(w->s, &doc->id,
                          "a session's signature does not verify");
            return 0;
        }
    }
    if (memcmp(head.b, session->head.b, sizeof(head.b)) != 0) {
        survey_damage(w->s, &doc->id,
                      "a session's head is not that of its log");
    }
    return 0;
}

static int survey_verify(struct survey_walk *w,
                         const struct cove_doc_outline *doc, cove_num num)
{
    struct cove_id hash = cove_header_id(doc->header_bytes);
    int err = 0;

    if (memcmp(doc->id.b, hash.b, sizeof(hash.b)) != 0) {
        survey_damage(w->s, &doc->id,
                      "the header does not match the document's id");
        return 0;
    }
    for (size_t i = 0; err == 0 && i < doc->session_count; i++) {
        err = survey_session(w, doc, num, &doc->sessions[i]);
    }
    return err;
}

static int survey_count(struct survey_walk *w,
                        const struct cove_doc_outline *doc)
{
    struct node_survey *s = w->s;
    struct cove_header header;
    int err;

    s->sessions += doc->session_count;
    for (size_t i = 0; i < doc->session_count; i++) {
        s->transactions += doc->sessions[i].len;
    }
    if (doc->local) {
        s->local++;
        return 0;
    }
    s->documents++;
    err = cove_header_decode(doc->header_bytes, &header, NULL);
    if (err != 0) {
        return err;
    }
    return node_digests_add(
        &s->digests, header.has_owner ? &header.owner : &doc->id, &doc->digest);
}

static int survey_document(struct survey_walk *w, cove_num num)
{
    struct cove_doc_outline doc;
    int err;

    cove_arena_reset(&w->arena);
    err = cove_repo_outline(w->repo, w->txn, num, &w->arena, &doc);
    if (err == 0) {
        err = survey_count(w, &doc);
    }
    if (w->s->verify && survey_is_damage(err)) {
        survey_damage(w->s, NULL, "a document's record cannot be read");
        return 0;
    }
    return err == 0 && w->s->verify ? survey_verify(w, &doc, num) : err;
}

/* Errors: COVE_ENOTFOUND behind the last document. */
static int survey_slice(struct survey_walk *w, struct cove_store *store,
                        cove_num *num)
{
    int err = cove_store_begin(store, false, &w->txn);

    if (err != 0) {
        return err;
    }
    err = cove_repo_sequence(w->repo, w->txn, &w->s->sequence);
    for (int i = 0; err == 0 && i < SURVEY_SLICE; i++) {
        cove_num next = 0;

        err = cove_repo_next(w->repo, w->txn, 0, *num, &next);
        if (err == 0 && next <= *num) { /* a damaged tree may go round */
            err = COVE_ECORRUPT;
        } else if (err == 0) {
            *num = next;
            err = survey_document(w, next);
            err = err == COVE_ENOTFOUND ? COVE_ECORRUPT : err;
        }
    }
    cove_store_abort(w->txn);
    return err;
}

int node_survey(struct cove_repo *repo, struct cove_store *store,
                struct node_survey *s)
{
    struct survey_walk *w =
        cove_alloc_zero(cove_repo_alloc(repo), 1, sizeof(*w));
    cove_num num = 0;
    int err = 0;

    if (w == NULL) {
        return COVE_ENOMEM;
    }
    w->s = s;
    w->repo = repo;
    s->digests.arena = s->arena;
    cove_arena_init(&w->arena, cove_repo_alloc(repo));
    while (err == 0) {
        err = survey_slice(w, store, &num);
    }
    if (s->verify && err == COVE_ECORRUPT) {
        survey_damage(s, NULL, "its trees cannot be read to their end");
        err = COVE_ENOTFOUND;
    }
    cove_arena_clear(&w->arena);
    cove_alloc_free(cove_repo_alloc(repo), w);
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* Is it of a format that only taking it over would make readable? */
static int survey_format(const char *dir, const struct cove_store_options *opt,
                         struct cove_diag *diag)
{
    struct cove_store_options first = *opt;
    struct cove_repo_peek peek = {.format = 0};
    struct cove_store *store = NULL;
    int err;

    first.trees = 1; /* a former format may have fewer */
    err = cove_store_open_lmdb(dir, &first, &store, diag);
    if (err != 0) {
        return err;
    }
    err = cove_repo_peek(store, &peek);
    cove_store_close(store);
    if (err == COVE_ENOTFOUND) {
        return cove_fail(diag, COVE_ECORRUPT, "%s: has no identity", dir);
    }
    if (err == 0 && peek.format < peek.current) {
        return cove_fail(diag, COVE_EUNSUPPORTED,
                         "%s: is of store format %llu, which is taken over "
                         "when it is opened, and not looked into before",
                         dir, (unsigned long long)peek.format);
    }
    return err;
}

static int survey_open(struct cove_repo_options *opt, const char *dir,
                       struct node_survey *s, struct cove_diag *diag)
{
    const struct cove_store_options store_opt = {.alloc = opt->alloc,
                                                 .trees = COVE_REPO_TREES,
                                                 .read_only = true,
                                                 .force_network = true};
    struct cove_repo *repo = NULL;
    int err = survey_format(dir, &store_opt, diag);

    if (err == 0) {
        err = cove_store_open_lmdb(dir, &store_opt, &opt->store, diag);
    }
    if (err != 0) {
        return err;
    }
    err = cove_repo_open(opt, &repo, diag);
    if (err == 0) {
        err = node_survey(repo, opt->store, s);
    }
    cove_repo_close(repo);
    cove_store_close(opt->store);
    return err;
}

int node_survey_dir(const struct cove *like, const char *dir,
                    const struct cove_secret *secret,
                    const struct cove_key *device, struct node_survey *s,
                    struct cove_diag *diag)
{
    struct cove_repo_options opt = {.alloc = like->alloc,
                                    .env = like->env,
                                    .secret = *secret,
                                    .device = *device};
    int err = survey_open(&opt, dir, s, diag);

    cove_crypto_wipe(&opt.secret, sizeof(opt.secret));
    return err == 0 ? 0
                    : cove_fail(diag, err, "%s: %s", dir, cove_error_text(err));
}
