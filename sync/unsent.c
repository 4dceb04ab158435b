/* unsent.c: what a peer may read, wants and has not acknowledged: how much that
 * is, and for how long it has been there. docs/PROTOCOL.md "Positions and
 * acknowledgements".
 *
 * What it costs follows from what lies behind the position that the peer
 * acknowledged, not from what there is. Changes have no time; the time that
 * counts is that of the last transaction of the first document among them.
 */
#include "core/hlc.h"
#include "core/planted.h"
#include "sync/interest.h"
#include "sync/peer.h"

#define UNSENT_CHANGES 1024 /* that one call looks at */

struct unsent_work {
    struct cove_repo *repo;
    struct cove_store_txn *txn;
    const struct cove_peer_record *peer;
    struct cove_unsent *unsent;
    struct cove_arena arena;
    cove_num refused[COVE_MESSAGE_MAX_REFUSED];
    size_t refused_count;
};

/* When was it written last? The oldest of those that are asked counts. False
 * where nothing was written in it. */
static bool unsent_time(struct cove_unsent *unsent,
                        const struct cove_doc_outline *outline)
{
    uint64_t last = 0;

    for (size_t i = 0; i < outline->session_count; i++) {
        uint64_t hlc = outline->sessions[i].last_hlc;

        last = hlc > last ? hlc : last;
    }
    if (last != 0 &&
        (unsent->since_ms == 0 || cove_hlc_ms(last) < unsent->since_ms)) {
        unsent->since_ms = cove_hlc_ms(last);
    }
    return last != 0;
}

static int unsent_outline(struct unsent_work *w, cove_num num,
                          struct cove_doc_outline *out)
{
    cove_arena_reset(&w->arena);
    return cove_repo_outline(w->repo, w->txn, num, &w->arena, out);
}

/* Documents that the peer refused count as unsent, each once, and are left out
 * where they are met among the changes. */
static int unsent_refused(struct unsent_work *w)
{
    struct cove_refused refused = {0};
    int err = cove_refused_get(w->repo, w->txn, COVE_REFUSED_THERE,
                               &w->peer->key, &refused);

    for (size_t i = 0; i < refused.count && err == 0; i++) {
        cove_num *num = &w->refused[w->refused_count];
        enum cove_role role = COVE_ROLE_NONE;
        struct cove_doc_outline outline;

        err = cove_repo_find(w->repo, w->txn, &refused.ids[i], num);
        if (err == COVE_ENOTFOUND) {
            err = 0;
            continue;
        }
        if (err == 0) {
            err = cove_repo_role(w->repo, w->txn, *num, &w->peer->key, &role);
        }
        if (err == 0 && role >= COVE_ROLE_READER) {
            w->refused_count++;
            err = w->unsent->begun ? 0 : unsent_outline(w, *num, &outline);
            if (err == 0 && !w->unsent->begun) {
                (void)unsent_time(w->unsent, &outline);
            }
        }
    }
    return err;
}

static bool unsent_listed(const struct unsent_work *w, cove_num num)
{
    for (size_t i = 0; i < w->refused_count; i++) {
        if (w->refused[i] == num) {
            return true;
        }
    }
    return false;
}

/* The peer may read it: does it want it? Then it counts. */
static int unsent_count(struct unsent_work *w, cove_num num)
{
    struct cove_unsent *unsent = w->unsent;
    bool timeless = unsent->timeless;
    struct cove_doc_outline outline;
    int err = 0;

    if (!unsent->wanted->all || timeless) {
        err = unsent_outline(w, num, &outline);
        if (err != 0 || !cove_interest_has(unsent->wanted, &outline)) {
            return err;
        }
    }
    if (timeless) {
        unsent->timeless = !unsent_time(unsent, &outline);
    }
    unsent->documents++;
    return 0;
}

/* Some more of the changes. */
static int unsent_changes(struct unsent_work *w)
{
    struct cove_unsent *unsent = w->unsent;
    int err = 0;

    for (int i = 0; i < UNSENT_CHANGES && err == 0; i++) {
        enum cove_role role = COVE_ROLE_NONE;
        struct cove_change change;

        err = cove_repo_change_after(w->repo, w->txn, unsent->after, &change);
        if (err == COVE_ENOTFOUND) {
            unsent->over = true;
            return 0;
        }
        if (err == 0 && !unsent_listed(w, change.num)) {
            err = cove_repo_role(w->repo, w->txn, change.num, &w->peer->key,
                                 &role);
        }
        if (err == 0 && role >= COVE_ROLE_READER) {
            err = unsent_count(w, change.num);
        }
        if (err == 0) {
            unsent->after = change.sequence;
        }
    }
    return err;
}

/* What it wants, as it said last; followed once. */
static int unsent_interest(struct unsent_work *w)
{
    const struct cove_alloc *alloc = cove_repo_alloc(w->repo);
    struct cove_interest *in = cove_alloc_zero(alloc, 1, sizeof(*in));
    struct cove_buf encoded;
    int err;

    if (in == NULL) {
        return COVE_ENOMEM;
    }
    cove_interest_init(in, alloc);
    w->unsent->wanted = in;
    cove_buf_init(&encoded, alloc);
    err = cove_interest_get(w->repo, w->txn, COVE_INTEREST_THEIRS,
                            &w->peer->key, &encoded);
    if (err == 0) {
        err = cove_interest_decode(in, cove_buf_bytes(&encoded), NULL);
        err = err == COVE_EPROTOCOL ? COVE_ECORRUPT : err;
    }
    if (err == 0 && !in->all) {
        err = cove_interest_follow(in, w->repo, w->txn);
    }
    cove_buf_clear(&encoded);
    return err;
}

static int unsent_begin(struct unsent_work *w)
{
    struct cove_unsent *unsent = w->unsent;
    uint8_t store_id[16];
    int err = unsent->wanted == NULL ? unsent_interest(w) : 0;

    err = err != 0 ? err : unsent_refused(w);
    if (err == 0 && !unsent->begun) {
        cove_repo_store_id(w->repo, store_id);
        if (memcmp(store_id, w->peer->acked_store, sizeof(store_id)) == 0 ||
            COVE_PLANTED("unsent-of-former-store")) {
            unsent->after = w->peer->acked;
        }
        unsent->documents =
            COVE_PLANTED("unsent-without-refused") ? 0 : w->refused_count;
        unsent->timeless = true;
        unsent->begun = true;
    }
    return err;
}

int cove_peer_unsent(struct cove_repo *repo, struct cove_store_txn *txn,
                     const struct cove_peer_record *peer,
                     struct cove_unsent *unsent)
{
    struct unsent_work w = {
        .repo = repo, .txn = txn, .peer = peer, .unsent = unsent};
    int err;

    cove_arena_init(&w.arena, cove_repo_alloc(repo));
    err = unsent_begin(&w);
    err = err != 0 ? err : unsent_changes(&w);
    cove_arena_clear(&w.arena);
    return err;
}

void cove_unsent_clear(struct cove_unsent *unsent)
{
    if (unsent->wanted != NULL) {
        const struct cove_alloc *alloc = unsent->wanted->alloc;

        cove_interest_clear(unsent->wanted);
        cove_alloc_free(alloc, unsent->wanted);
        unsent->wanted = NULL;
    }
}
