/* history.c: which writes lost that the winner's author had not seen.
 *
 * Which writes the author of the winner had seen: its session says so with
 * `seen`, the digest of all sessions' lengths and heads, wherever others had
 * grown. A digest cannot be read backwards, so frontiers are tried. Whatever
 * an author has seen is older than what he writes, since clocks move on
 * receipt; and what arrives late is mostly the newest. So the first guess is
 * everything older, then without the newest one, two, …, in order of time;
 * then the same per session, for devices that are behind by different amounts.
 */
#include "crdt/history.h"

#include <stdlib.h>

#include "crdt/repo_internal.h"

#define HISTORY_TRIES  4096
#define HISTORY_WORK   (1u << 20) /* rows hashed in all tries together */
#define HISTORY_SPREAD 64         /* sessions that are spread over, at most */

/* --- frontiers */

struct history_tx {
    uint64_t hlc;
    struct cove_hash head; /* with it */
    bool has_seen;
    struct cove_hash seen;
};

struct history_log { /* one session */
    struct cove_session_id session;
    struct history_tx *txs;
    uint32_t base; /* so many were cut off: of them only the last head is known
                    */
    uint32_t len;
    uint32_t guess; /* how many of them the author had seen */
};

struct history_frontier {
    struct cove_arena *arena;
    const struct cove_doc *doc;
    struct history_log *logs; /* as doc->sessions */
    struct cove_digest_row *rows;
    size_t tries;
    size_t tries_max;
};

static int frontier_start(struct history_frontier *f,
                          const struct cove_doc_session *session)
{
    struct history_log *log = &f->logs[session - f->doc->sessions];

    log->session = session->session;
    log->txs =
        cove_arena_array(f->arena, session->len + (size_t)1, sizeof(*log->txs));
    if (log->txs == NULL) {
        return COVE_ENOMEM;
    }
    memset(log->txs, 0, session->base * sizeof(*log->txs));
    log->base = log->len = session->base;
    if (session->base > 0) {
        log->txs[session->base - 1].head = session->base_head;
    }
    return 0;
}

static int frontier_visit(void *ctx, const struct cove_log_entry *entry)
{
    struct history_frontier *f = ctx;
    struct history_log *log = &f->logs[entry->session - f->doc->sessions];
    struct cove_arena scratch;
    struct cove_tx tx;

    cove_arena_init(&scratch, f->arena->alloc);

    int err = cove_tx_decode(entry->bytes, &scratch, &tx, NULL);

    cove_arena_clear(&scratch);
    if (err != 0) {
        return err;
    }

    struct history_tx *item = &log->txs[log->len];
    struct cove_hash before = log->len > 0
                                  ? item[-1].head
                                  : cove_chain_start(&f->doc->id, &log->session,
                                                     &entry->session->device);

    item->hlc = tx.hlc;
    item->head = cove_chain_next(&before, entry->bytes);
    item->has_seen = tx.has_seen;
    item->seen = tx.seen;
    log->len++;
    return 0;
}

static bool frontier_try(struct history_frontier *f,
                         const struct cove_hash *seen)
{
    size_t count = 0;

    f->tries++;
    for (size_t i = 0; i < f->doc->session_count; i++) {
        const struct history_log *log = &f->logs[i];

        if (log->guess > 0) {
            f->rows[count].session = log->session;
            f->rows[count].len = log->guess;
            f->rows[count].head = log->txs[log->guess - 1].head;
            count++;
        }
    }

    struct cove_hash digest = cove_state_digest(&f->doc->id, f->rows, count);

    return memcmp(&digest, seen, sizeof(digest)) == 0;
}

/* Guess that all older than `hlc` was seen. */
static void frontier_before(struct history_frontier *f, size_t own,
                            uint64_t hlc)
{
    for (size_t i = 0; i < f->doc->session_count; i++) {
        struct history_log *log = &f->logs[i];

        if (i != own) {
            log->guess = log->len;
            while (log->guess > 0 && log->txs[log->guess - 1].hlc >= hlc) {
                log->guess--;
            }
        }
    }
}

/* Take the newest transaction out of the guess; false where none is left. */
static bool frontier_step_back(struct history_frontier *f, size_t own)
{
    struct history_log *newest = NULL;

    for (size_t i = 0; i < f->doc->session_count; i++) {
        struct history_log *log = &f->logs[i];

        if (i != own && log->guess > 0 &&
            (newest == NULL || log->txs[log->guess - 1].hlc >
                                   newest->txs[newest->guess - 1].hlc)) {
            newest = log;
        }
    }
    if (newest == NULL) {
        return false;
    }
    newest->guess--;
    return true;
}

/* All ways to lie `behind` transactions behind the guess in the sessions from
 * i on, spread in every way; the guess is as it was unless found. */
static bool frontier_spread(struct history_frontier *f, size_t own, size_t i,
                            uint32_t behind, const struct cove_hash *seen)
{
    if (f->tries >= f->tries_max) {
        return false;
    }
    if (i == f->doc->session_count) {
        return behind == 0 && frontier_try(f, seen);
    }
    if (i == own) {
        return frontier_spread(f, own, i + 1, behind, seen);
    }

    struct history_log *log = &f->logs[i];
    uint32_t most = log->guess < behind ? log->guess : behind;

    for (uint32_t less = 0; less <= most; less++) {
        log->guess -= less;
        if (frontier_spread(f, own, i + 1, behind - less, seen)) {
            return true;
        }
        log->guess += less;
    }
    return false;
}

/* Find what stood behind a `seen`; the guesses then say it. */
static bool frontier_find(struct history_frontier *f, size_t own,
                          uint32_t index)
{
    const struct history_tx *tx = &f->logs[own].txs[index];

    f->tries = 0;
    f->tries_max = HISTORY_WORK / f->doc->session_count;
    if (f->tries_max > HISTORY_TRIES) {
        f->tries_max = HISTORY_TRIES;
    }
    f->logs[own].guess = index;
    frontier_before(f, own, tx->hlc);
    do {
        if (frontier_try(f, &tx->seen)) {
            return true;
        }
    } while (f->tries < f->tries_max / 2 && frontier_step_back(f, own));
    frontier_before(f, own, tx->hlc);
    if (f->doc->session_count > HISTORY_SPREAD) {
        return false;
    }
    for (uint32_t behind = 1; f->tries < f->tries_max; behind++) {
        size_t before = f->tries;

        if (frontier_spread(f, own, 0, behind, &tx->seen)) {
            return true;
        }
        if (f->tries == before) {
            break; /* nothing lies so far back */
        }
    }
    return false;
}

/* --- conflicts */

static size_t conflict_session(const struct cove_doc *doc,
                               const struct cove_session_id *session)
{
    size_t i = 0;

    while (memcmp(&doc->sessions[i].session, session, sizeof(*session)) != 0) {
        i++;
    }
    return i;
}

/* Set the guesses to what the author of a transaction had seen. Where that is
 * not to be found, to what is older than the transaction that says `seen`: the
 * author took nothing in since. */
static void conflict_frontier(struct history_frontier *f, size_t own,
                              uint32_t index)
{
    uint32_t at = index + 1;

    while (at > 0 && !f->logs[own].txs[at - 1].has_seen) {
        at--;
    }
    if (at == 0 && f->logs[own].base > 0) { /* before what was cut off */
        frontier_before(f, own, f->logs[own].txs[f->logs[own].base].hlc);
    } else if (at == 0) { /* nothing of others at all */
        frontier_before(f, own, 0);
    } else if (!frontier_find(f, own, at - 1)) {
        frontier_before(f, own, f->logs[own].txs[at - 1].hlc);
    }
    f->logs[own].guess = index;
}

static int conflict_read(struct cove_repo *repo, struct cove_store_txn *txn,
                         const struct cove_doc *doc, struct cove_arena *arena,
                         struct history_frontier *f)
{
    memset(f, 0, sizeof(*f));
    f->arena = arena;
    f->doc = doc;
    f->logs = cove_arena_array(arena, doc->session_count + 1, sizeof(*f->logs));
    f->rows = cove_arena_array(arena, doc->session_count + 1, sizeof(*f->rows));
    if (f->logs == NULL || f->rows == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < doc->session_count; i++) {
        int err = frontier_start(f, &doc->sessions[i]);

        if (err != 0) {
            return err;
        }
    }
    return cove_repo_log(repo, txn, doc, frontier_visit, f);
}

static bool event_same_tx(const struct cove_event *a,
                          const struct cove_event *b)
{
    return a->id.tx == b->id.tx &&
           memcmp(&a->id.session, &b->id.session, sizeof(a->id.session)) == 0;
}

int cove_history_lost(struct cove_repo *repo, struct cove_store_txn *txn,
                      const struct cove_doc *doc, struct cove_arena *arena,
                      struct cove_event *events, size_t *count)
{
    struct history_frontier f;
    size_t kept = 0;

    if (*count > 1) {
        const struct cove_event winner = events[*count - 1];
        int err = conflict_read(repo, txn, doc, arena, &f);

        if (err != 0) {
            return err;
        }
        conflict_frontier(&f, conflict_session(doc, &winner.id.session),
                          winner.id.tx);
        for (size_t i = 0; i + 1 < *count; i++) {
            size_t s = conflict_session(doc, &events[i].id.session);

            if (events[i].id.tx >= f.logs[s].guess &&
                !event_same_tx(&events[i], &winner)) {
                events[kept++] = events[i];
            }
        }
    }
    for (size_t i = 0; i < kept / 2; i++) {
        struct cove_event swap = events[i];

        events[i] = events[kept - 1 - i];
        events[kept - 1 - i] = swap;
    }
    *count = kept;
    return 0;
}

int cove_history_conflicts(struct cove_repo *repo, struct cove_store_txn *txn,
                           const struct cove_doc *doc, struct cove_bytes reg,
                           struct cove_arena *arena, struct cove_event **out,
                           size_t *count)
{
    struct cove_event *events;
    size_t all;
    size_t kept = 0;
    int err = cove_history(repo, txn, doc, arena, &events, &all);

    for (size_t i = 0; err == 0 && i < all; i++) {
        if (events[i].shown && events[i].kind == COVE_TX_NATIVE &&
            cove_bytes_equal(events[i].reg, reg)) {
            events[kept++] = events[i];
        }
    }
    err = err != 0 ? err
                   : cove_history_lost(repo, txn, doc, arena, events, &kept);
    if (err == 0) {
        *out = events;
        *count = kept;
    }
    return err;
}
