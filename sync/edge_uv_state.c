/* How all is, for threads that are not the loop's: after a turn, at most ten
 * times a second, the edge copies what it knows of its connections; who asks
 * gets the copy. When the loop last turned is not copied but stored at each
 * turn, so that one that stands still is seen.
 */
#include "sync/edge_uv_internal.h"

#include <stdio.h>

#define VIEW_NS_MS 1000000

int edge_view_init(struct cove_edge *edge)
{
    struct edge_view *view = &edge->view;

    if (uv_mutex_init(&view->lock) != 0) {
        return COVE_ENOMEM;
    }
    atomic_init(&view->turned_ns, uv_hrtime());
    atomic_init(&view->stop_ms, EDGE_STOP_MS);
    atomic_init(&view->redial, false);
    atomic_init(&view->forgives, false);
    atomic_init(&view->open, false);
    atomic_init(&view->quota_documents, 0);
    atomic_init(&view->quota_bytes, 0);
    return 0;
}

void edge_view_clear(struct cove_edge *edge)
{
    cove_alloc_free(edge->opt.alloc, edge->view.seen);
    uv_mutex_destroy(&edge->view.lock);
}

/* Room for all; where there is none the old copy stays. */
static bool view_room(struct cove_edge *edge)
{
    struct edge_view *view = &edge->view;
    struct cove_edge_seen *seen;
    size_t cap = view->cap > 0 ? view->cap : 8;

    if (edge->conn_count <= view->cap) {
        return true;
    }
    while (cap < edge->conn_count) {
        cap *= 2;
    }
    seen = cove_alloc_zero(edge->opt.alloc, cap, sizeof(*seen));
    if (seen == NULL) {
        return false;
    }
    cove_alloc_free(edge->opt.alloc, view->seen);
    view->seen = seen;
    view->cap = cap;
    view->state.conns = 0;
    return true;
}

static void view_conn(const struct edge_conn *c, uint64_t now_ms,
                      struct cove_edge_seen *out)
{
    memset(out, 0, sizeof(*out));
    if (c->conn != NULL) {
        cove_conn_stats(c->conn, &out->stats);
    }
    memcpy(out->address, c->address, sizeof(out->address));
    out->dialled = c->dialled;
    out->open = c->open && c->conn != NULL;
    out->age_ms = c->open ? now_ms - c->opened_ms : 0;
}

static void view_copy(struct cove_edge *edge, uint64_t now_ms)
{
    struct edge_view *view = &edge->view;

    uv_mutex_lock(&view->lock);
    if (view_room(edge)) {
        size_t n = 0;

        for (const struct edge_conn *c = edge->conns; c != NULL; c = c->next) {
            view_conn(c, now_ms, &view->seen[n++]);
        }
        view->state.conns = n;
    }
    view->state.accepted = edge->counts.accepted;
    view->state.dialled = edge->counts.dialled;
    view->state.opened = edge->counts.opened;
    view->state.failed = edge->counts.failed;
    view->state.turned_away = edge->counts.turned_away;
    view->state.error = edge->look_error;
    edge_ban_view(edge, now_ms, &view->state);
    uv_mutex_unlock(&view->lock);
}

void edge_view_listening(struct cove_edge *edge)
{
    struct cove_edge_state *state = &edge->view.state;

    uv_mutex_lock(&edge->view.lock);
    state->listening = 0;
    for (const struct edge_listener *l = edge->listeners; l != NULL;
         l = l->next) {
        memcpy(state->addresses[state->listening++], l->address,
               sizeof(l->address));
    }
    uv_mutex_unlock(&edge->view.lock);
}

/* Its place: where it was, a free one, or that of who called longest ago. */
static struct cove_edge_stranger *view_stranger(struct cove_edge_state *state,
                                                const struct cove_key *key)
{
    struct cove_edge_stranger *oldest = &state->strangers[0];

    for (size_t i = 0; i < state->stranger_count; i++) {
        struct cove_edge_stranger *at = &state->strangers[i];

        if (memcmp(&at->key, key, sizeof(*key)) == 0) {
            return at;
        }
        oldest = at->time_ms < oldest->time_ms ? at : oldest;
    }
    if (state->stranger_count < COVE_EDGE_STRANGERS) {
        oldest = &state->strangers[state->stranger_count++];
    }
    memset(oldest, 0, sizeof(*oldest));
    oldest->key = *key;
    return oldest;
}

void edge_view_stranger(struct cove_edge *edge, const struct cove_key *key,
                        const char *address)
{
    struct cove_edge_stranger *at;

    uv_mutex_lock(&edge->view.lock);
    at = view_stranger(&edge->view.state, key);
    at->time_ms = edge->opt.env->now_ms(edge->opt.env->ctx);
    at->calls++;
    memset(at->address, 0, sizeof(at->address));
    memcpy(at->address, address, strlen(address));
    uv_mutex_unlock(&edge->view.lock);
}

static void view_open(struct cove_edge *edge, uint64_t now_ms)
{
    int err = cove_engine_open(edge->engine, now_ms, edge->open);

    edge_event(edge, edge->open ? "open: any device may connect and leave "
                                  "documents here"
                                : "closed to devices that nobody named");
    if (err != 0) { /* who is connected may stay; nobody else comes in */
        edge_error(edge, err, "cannot tell who is a guest");
    }
}

/* Whom to take in again; false where there is nobody. */
static bool view_forgives(struct edge_view *view,
                          char who[COVE_EDGE_ADDRESS + 1])
{
    if (!atomic_load(&view->forgives)) {
        return false;
    }
    uv_mutex_lock(&view->lock);
    memcpy(who, view->forgive, sizeof(view->forgive));
    atomic_store(&view->forgives, false);
    uv_mutex_unlock(&view->lock);
    return true;
}

void edge_view_turn(struct cove_edge *edge, uint64_t now_ms)
{
    struct edge_view *view = &edge->view;
    char who[COVE_EDGE_ADDRESS + 1];

    atomic_store_explicit(&view->turned_ns, uv_hrtime(), memory_order_relaxed);
    cove_engine_quota(edge->engine, atomic_load(&view->quota_documents),
                      atomic_load(&view->quota_bytes));
    if (view_forgives(view, who)) {
        edge_ban_forgive(edge, who);
        view->copied_ms = 0;
    }
    if (now_ms - view->copied_ms >= EDGE_VIEW_MS) {
        view->copied_ms = now_ms;
        view_copy(edge, now_ms);
    }
    if (atomic_exchange(&view->redial, false)) {
        edge_peers_redial(edge);
    }
    if (atomic_load(&view->open) != edge->open) {
        edge->open = !edge->open;
        view_open(edge, now_ms);
    }
}

void cove_edge_open(struct cove_edge *edge, bool open)
{
    atomic_store(&edge->view.open, open);
    cove_edge_wake(edge);
}

void cove_edge_redial(struct cove_edge *edge)
{
    atomic_store(&edge->view.redial, true);
    cove_edge_wake(edge);
}

void cove_edge_quota(struct cove_edge *edge, uint64_t documents, uint64_t bytes)
{
    atomic_store(&edge->view.quota_documents, documents);
    atomic_store(&edge->view.quota_bytes, bytes);
    cove_edge_wake(edge);
}

int cove_edge_forgive(struct cove_edge *edge, const char *who)
{
    struct edge_view *view = &edge->view;
    bool room;

    uv_mutex_lock(&view->lock);
    room = !atomic_load(&view->forgives);
    if (room) {
        snprintf(view->forgive, sizeof(view->forgive), "%s", who);
        atomic_store(&view->forgives, true);
    }
    uv_mutex_unlock(&view->lock);
    cove_edge_wake(edge);
    return room ? 0 : COVE_EBUSY;
}

void cove_edge_stop_within(struct cove_edge *edge, unsigned within_ms)
{
    atomic_store(&edge->view.stop_ms, within_ms);
}

void cove_edge_look(struct cove_edge *edge, struct cove_edge_state *out,
                    void (*each)(void *ctx, const struct cove_edge_seen *seen),
                    void *ctx)
{
    struct edge_view *view = &edge->view;
    uint64_t now_ns = uv_hrtime();
    uint64_t turned_ns = atomic_load(&view->turned_ns);

    uv_mutex_lock(&view->lock);
    *out = view->state;
    for (size_t i = 0; each != NULL && i < view->state.conns; i++) {
        each(ctx, &view->seen[i]);
    }
    uv_mutex_unlock(&view->lock);
    out->open = atomic_load(&view->open);
    out->turned_ms = now_ns > turned_ns ? (now_ns - turned_ns) / VIEW_NS_MS : 0;
}
