/* engine_tell.c: what changed here since the position that was told last.
 *
 * A round covers the changes in (told, end] in four passes, one for each class
 * of documents: rights, journals, registries, content. So what others depend on
 * is told first. A document that changes meanwhile moves beyond `end` and is
 * told in the next round. How a document is told:
 *
 *   directly  the peer's store is empty: header and log, nothing is asked but
 *             for the rest of a long log
 *   pushed    it changed during this connection, and not through this peer nor
 *             through one that it gets the same from (engine_ways.c): the piece
 *             that changed, and then its digest, so that the peer notices what
 *             else it lacks
 *   had       in all other cases the digest alone; the peer asks
 *
 * A document whose changes all came from this very peer is not told, once the
 * peer has been told everything there was: only then is it sure to have what
 * the document was before (its store may have been put back from a backup). The
 * header of a group or account goes with its digest in any case: what it owns
 * may be pushed right behind it. Only the newest connection of a device tells;
 * the others answer.
 */
#include "core/planted.h"
#include "sync/engine_internal.h"

bool tell_is_newest(const struct cove_conn *conn)
{
    for (const struct cove_conn *c = conn->engine->conns; c != NULL;
         c = c->next) {
        if (c->greeted && !c->done && c->peer == conn->peer) {
            return c == conn || COVE_PLANTED("each-connection-tells");
        }
    }
    return false;
}

static bool tell_has_window(const struct conn_give *give)
{
    return give->haves.count < COVE_MESSAGE_MAX_HAVE &&
           give->haves_open + give->haves.count < ENGINE_HAVES;
}

bool tell_is_due(const struct cove_conn *conn)
{
    const struct conn_give *give = &conn->give;

    return (give->telling != NULL || give->retold < conn->peer->there.count ||
            (give->walk != NULL
                 ? sums_are_due(conn)
                 : give->round || give->told < conn->engine->sequence)) &&
           tell_has_window(give) && tell_is_newest(conn);
}

/* Has the peer been told all that there is? */
static void tell_caught_up(struct cove_conn *conn)
{
    struct conn_give *give = &conn->give;

    if (give->skip_from == UINT64_MAX && !give->round &&
        give->told == conn->engine->sequence) {
        give->skip_from = give->told;
    }
}

void tell_skip(struct cove_conn *conn)
{
    struct conn_give *give = &conn->give;
    uint64_t acked = conn->peer->acked;

    /* A newer connection tells: what waits here for answers would wait on. */
    if (give->walk != NULL && !tell_is_newest(conn)) {
        sums_end(conn);
        give->round = false;
    }
    if (!give->round && acked > give->told) {
        give->told = give->stated = acked;
        give->direct = false;
    }
    tell_caught_up(conn);
}

/* --- one document */

/* Did the change come from this taker? A guest without a record has brought
 * nothing; 0 is this device. */
static bool tell_is_from(const struct cove_conn *conn,
                         const struct cove_change *change)
{
    return change->peer != 0 && change->peer == conn->peer->number;
}

/* Has the peer the piece that changed last? It came from there, or is a header
 * that came from somebody, and is not worth sending unasked. */
static bool tell_has_piece(const struct cove_conn *conn,
                           const struct cove_change *change)
{
    static const struct cove_session_id none;

    return (tell_is_from(conn, change) && !COVE_PLANTED("push-to-giver")) ||
           (!change->by_peer &&
            memcmp(&change->session, &none, sizeof(none)) == 0);
}

static int tell_push(struct cove_conn *conn, struct cove_store_txn *txn,
                     const struct cove_change *change,
                     const struct cove_doc_outline *outline)
{
    uint32_t from = change->from;
    int err = 0;

    /* It may be new: the peer may lack the header. What was cut off since is
     * not there to be pushed: the peer asks, and gets the cut where it must. */
    if (from == 0) {
        err = give_header(conn, outline->header_bytes);
    }
    for (size_t i = 0; i < outline->session_count && err == 0; i++) {
        const struct cove_doc_session *session = &outline->sessions[i];

        if (memcmp(&session->session, &change->session,
                   sizeof(session->session)) == 0 &&
            from >= session->base) {
            err = give_session(conn, txn, change->num, session, &from);
        }
    }
    conn->documents_out += err == 0;
    return err;
}

int tell_have(struct cove_conn *conn, struct cove_store_txn *txn, cove_num num)
{
    struct conn_give *give = &conn->give;
    struct cove_doc_outline outline;
    bool may;
    int err = give_outline(conn, txn, num, &outline, &may);

    if (err != 0 || !may || !cove_interest_has(&conn->interest, &outline)) {
        return err;
    }
    if (give->direct) {
        return give_job_new(conn, &outline.id, NULL, &give->telling);
    }
    if (outline.class == COVE_CLASS_RIGHTS) {
        err = give_header(conn, outline.header_bytes);
    }
    return err != 0 ? err
                    : cove_message_add_have(&give->haves, &outline.id,
                                            &outline.digest);
}

static int tell_change(struct cove_conn *conn, struct cove_store_txn *txn,
                       const struct cove_change *change)
{
    struct conn_give *give = &conn->give;
    bool live = change->sequence > give->live_from;
    struct cove_doc_outline outline;
    bool may;
    int err;

    if ((change->sequence > give->skip_from ||
         COVE_PLANTED("own-changes-assumed")) &&
        change->by_peer && !COVE_PLANTED("echo-to-giver") &&
        tell_is_from(conn, change)) {
        return 0;
    }
    err = give_outline(conn, txn, change->num, &outline, &may);
    if (err != 0 || !may || !cove_interest_has(&conn->interest, &outline)) {
        return err;
    }
    err = cove_interest_changed(&conn->interest, conn->engine->opt.repo, txn,
                                &outline.id);
    if (err != 0) {
        return err;
    }
    if (give->direct) {
        return give_job_new(conn, &outline.id, NULL, &give->telling);
    }
    if (live && !tell_has_piece(conn, change) && !ways_are_two(conn, change)) {
        err = tell_push(conn, txn, change, &outline);
    } else if (change->class == COVE_CLASS_RIGHTS) {
        err = give_header(conn, outline.header_bytes);
    }
    if (err == 0) {
        err = cove_message_add_have(&give->haves, &outline.id, &outline.digest);
    }
    return err;
}

/* The digest of a document, where it is here and the peer may read it. */
static int tell_digest(struct cove_conn *conn, struct cove_store_txn *txn,
                       const struct cove_id *id)
{
    struct cove_doc_outline outline;
    cove_num num;
    bool may = false;
    int err = cove_repo_find(conn->engine->opt.repo, txn, id, &num);

    if (err == 0) {
        err = give_outline(conn, txn, num, &outline, &may);
    }
    if (err == 0 && may) {
        err = cove_message_add_have(&conn->give.haves, &outline.id,
                                    &outline.digest);
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* What the peer refused is told again first; perhaps its time has come. */
static int tell_refused(struct cove_conn *conn, struct cove_store_txn *txn)
{
    return tell_digest(conn, txn, &conn->peer->there.ids[conn->give.retold++]);
}

/* --- the round */

/* Sums are of groups: what the peer wants by its id may have changed, and is
 * not found by them. */
static int round_begin_sums(struct cove_conn *conn)
{
    struct cove_interest *in = &conn->interest;

    for (size_t i = 0; i < in->doc_count; i++) {
        in->docs[i].told = COVE_PLANTED("wish-told-once") && in->docs[i].told;
    }
    conn->give.wish_next = 0;
    return sums_begin(conn);
}

static int round_begin(struct cove_conn *conn)
{
    struct conn_give *give = &conn->give;

    give->round = true;
    give->end = conn->engine->sequence;
    give->cursor = give->told;
    give->pass = COVE_CLASS_RIGHTS;
    give->classes = 0;
    give->looked = give->readable = 0;
    return sums_are_worth_it(conn) ? round_begin_sums(conn) : 0;
}

/* Where very much changed and nearly nothing of it is for this peer, as on a
 * relay of many, the groups that it may read are few and the changes are not:
 * the round goes on by sums. What was told by then may be told again. */
static int round_look(struct cove_conn *conn, struct cove_store_txn *txn,
                      const struct cove_change *change)
{
    struct conn_give *give = &conn->give;
    uint64_t window = 4 * conn->engine->opt.sums_least;
    uint64_t looks = window < ENGINE_LOOKS ? window : ENGINE_LOOKS;
    struct cove_doc_outline outline;
    bool may = false;
    int err = 0;

    if (give->looked == window || !conn->interest.all) {
        return 0;
    }
    if (give->looked++ % (window / looks) == 0) {
        err = give_outline(conn, txn, change->num, &outline, &may);
        give->readable += may;
    }
    if (err == 0 && give->looked == window && give->readable < looks / 8 + 1 &&
        !conn->engine->sums_damaged) {
        err = round_begin_sums(conn);
    }
    return err;
}

/* The first pass notes which classes there are; the others are left out. */
static bool round_next_pass(struct conn_give *give)
{
    while (give->pass < COVE_CLASS_CONTENT) {
        give->pass++;
        if (give->classes & 1u << give->pass) {
            give->cursor = give->told;
            return true;
        }
    }
    return false;
}

/* One document that the peer wants by its id; *over: there is none that it was
 * not told of. What they refer to is found when all else was told. */
static int round_wish(struct cove_conn *conn, struct cove_store_txn *txn,
                      bool *over)
{
    struct cove_repo *repo = conn->engine->opt.repo;
    struct cove_interest *in = &conn->interest;
    struct conn_give *give = &conn->give;
    int err = 0;

    *over = false;
    if (!in->followed && !in->all) {
        give->wish_next = 0;
        err = cove_interest_follow(in, repo, txn);
    }
    while (err == 0 && give->wish_next < in->doc_count) {
        struct cove_interest_doc *doc = &in->docs[give->wish_next++];
        cove_num num;

        if (doc->told) {
            continue;
        }
        doc->told = true;
        err = cove_repo_find(repo, txn, &doc->id, &num);
        err = err != 0 ? err : tell_have(conn, txn, num);
        return err == COVE_ENOTFOUND ? 0 : err; /* when it comes */
    }
    *over = true;
    return err;
}

static void round_end(struct conn_give *give)
{
    give->round = give->direct = false;
    give->told = give->end + COVE_PLANTED("round-one-too-far");
    give->state_due = !give->damaged && give->told > give->stated;
}

/* All changes were told: what is wanted by its id is left. */
static int round_over(struct cove_conn *conn, struct cove_store_txn *txn)
{
    bool over = false;
    int err = round_wish(conn, txn, &over);

    if (err == 0 && over) {
        sums_end(conn);
        round_end(&conn->give);
        tell_caught_up(conn);
    }
    return err;
}

void tell_restart(struct cove_conn *conn)
{
    struct conn_give *give = &conn->give;

    sums_end(conn);
    give->round = give->state_due = give->direct = false;
    give->told = give->stated =
        COVE_PLANTED("interest-from-now") ? give->told : 0;
    give->skip_from = UINT64_MAX;
    give->wish_next = 0;
}

int tell_again(struct cove_conn *conn, bool *begun)
{
    struct conn_give *give = &conn->give;
    int err;

    *begun = false;
    if (give->round || give->telling != NULL || give->walk != NULL ||
        conn->engine->sums_damaged) {
        return 0;
    }
    err = sums_begin(conn);
    if (err == 0) {
        /* The round is over all that was told; where the sums turn out to be
         * damaged, there is nothing else behind it. */
        give->round = *begun = true;
        give->end = give->cursor = give->told;
        give->pass = COVE_CLASS_RIGHTS;
        give->classes = 0;
    }
    return err;
}

/* A document that cannot be read leaves the position where it is. */
static int tell_damaged(struct cove_conn *conn)
{
    conn_event(conn, "a document is damaged and cannot be told; run check");
    conn->give.damaged = true;
    return 0;
}

/* Look at the next change of the round. */
static int round_step(struct cove_conn *conn, struct cove_store_txn *txn)
{
    struct conn_give *give = &conn->give;
    struct cove_change change;
    int err = cove_repo_change_after(conn->engine->opt.repo, txn, give->cursor,
                                     &change);

    give->scan--;
    if (err == COVE_ENOTFOUND || (err == 0 && change.sequence > give->end)) {
        return round_next_pass(give) ? 0 : round_over(conn, txn);
    }
    if (err != 0) {
        return err;
    }
    give->cursor = change.sequence;
    if (give->pass == COVE_CLASS_RIGHTS) {
        give->classes |= 1u << change.class;
        err = round_look(conn, txn, &change);
    }
    if (err != 0 || give->walk != NULL) {
        return err == COVE_ECORRUPT ? tell_damaged(conn) : err;
    }
    if (change.class != give->pass && !COVE_PLANTED("classes-mixed")) {
        return 0;
    }
    err = tell_change(conn, txn, &change);
    return err == COVE_ECORRUPT ? tell_damaged(conn) : err;
}

/* As above in a round that goes by sums. Where these turn out to be damaged it
 * goes by changes, from its start. */
static int round_sum(struct cove_conn *conn, struct cove_store_txn *txn)
{
    struct conn_give *give = &conn->give;
    bool over = false;
    int err = sums_step(conn, txn, &over);

    give->scan--;
    if (err == COVE_ECORRUPT || err == COVE_ENOTFOUND) {
        conn->engine->sums_damaged = true;
        sums_end(conn);
        return 0;
    }
    return err == 0 && over ? round_over(conn, txn) : err;
}

/* A document that is told directly would begin at its start again each time
 * the connection is cut: so of a long one only the beginning goes unasked. The
 * peer then asks for the rest, from where it stands. */
static int tell_directly(struct cove_conn *conn, struct cove_store_txn *txn)
{
    struct conn_give *give = &conn->give;
    bool over = false;
    int err = give_job_step(conn, txn, give->telling, &over);

    if (err != 0 ||
        (!over && give->telling->bytes < conn->engine->opt.message_bytes)) {
        return err;
    }
    if (!over) {
        err = tell_digest(conn, txn, &give->telling->id);
    }
    if (err == 0) {
        cove_alloc_free(conn->engine->opt.alloc, give->telling);
        give->telling = NULL;
    }
    return err;
}

int tell(struct cove_conn *conn, struct cove_store_txn *txn)
{
    struct conn_give *give = &conn->give;
    int err = 0;

    while (err == 0 && tell_is_due(conn) && !give_is_full(conn) &&
           !give->state_due && give->scan > 0) {
        if (give->telling != NULL) {
            err = tell_directly(conn, txn);
        } else if (give->retold < conn->peer->there.count) {
            err = tell_refused(conn, txn);
        } else if (give->walk != NULL) {
            err = round_sum(conn, txn);
        } else if (give->round) {
            err = round_step(conn, txn);
        } else {
            err = round_begin(conn);
        }
    }
    return err;
}
