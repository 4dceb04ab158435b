/* network.c: byte streams that are slow, come in pieces, and break. Within one
 * direction of one link bytes keep their order, as in TCP; all else may
 * happen. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

#define FLYING_MAX 131072 /* a socket buffer */

static bool apart(const struct world *world, const struct sim_link *link)
{
    unsigned a = world->apart >> link->side[0].peer & 1;
    unsigned b = world->apart >> link->side[1].peer & 1;

    return world->apart != 0 && a != b;
}

static void segment_put(struct world *world, unsigned index, unsigned side,
                        struct sim_segment *segment)
{
    struct sim_side *to = &world->links[index].side[side];
    uint64_t time = world->now_ms + random_below(&world->random, 20);

    if (random_chance(&world->random, 5)) {
        time += random_below(&world->random, 400);
    }
    if (time < to->latest_ms) {
        time = to->latest_ms;
    }
    to->latest_ms = segment->time_ms = time;
    segment->next = NULL;
    to->flying += segment->len;
    if (to->first != NULL) { /* its turn comes when it is the first */
        to->last->next = segment;
        to->last = segment;
        return;
    }
    to->first = to->last = segment;
    world_at(world, time - world->now_ms, SIM_DELIVER, index, side);
}

static void segment_send(struct world *world, unsigned index, unsigned side,
                         const uint8_t *at, size_t len, bool end)
{
    struct sim_segment *segment = malloc(sizeof(*segment) + len);

    segment->end = end;
    segment->len = len;
    if (len > 0) {
        memcpy(segment->bytes, at, len);
    }
    segment_put(world, index, side, segment);
}

static void side_clear(struct sim_side *side)
{
    while (side->first != NULL) {
        struct sim_segment *segment = side->first;

        side->first = segment->next;
        free(segment);
    }
    side->last = NULL;
    side->flying = 0;
}

static void side_close(struct world *world, unsigned index, unsigned side)
{
    struct sim_link *link = &world->links[index];

    if (link->side[side].conn != NULL) {
        cove_conn_closed(link->side[side].conn);
        link->side[side].conn = NULL;
        side_clear(&link->side[side]);
    }
    if (link->side[0].conn == NULL && link->side[1].conn == NULL) {
        side_clear(&link->side[0]);
        side_clear(&link->side[1]);
        link->used = false;
    }
}

bool network_connected(const struct world *world, unsigned a, unsigned b)
{
    for (unsigned i = 0; i < SIM_LINKS; i++) {
        const struct sim_link *link = &world->links[i];

        if (link->used && !link->cut && link->side[0].conn != NULL &&
            link->side[1].conn != NULL &&
            ((link->side[0].peer == a && link->side[1].peer == b) ||
             (link->side[0].peer == b && link->side[1].peer == a))) {
            return true;
        }
    }
    return false;
}

void network_dial(struct world *world, unsigned from, unsigned to)
{
    struct sim_peer *dials = &world->peers[from];
    struct sim_peer *listens = &world->peers[to];
    struct sim_link *link = NULL;
    uint64_t life;
    int err;

    for (unsigned i = 0; i < SIM_LINKS && link == NULL; i++) {
        if (!world->links[i].used) {
            link = &world->links[i];
        }
    }
    if (link == NULL) {
        world_fail(world, "more links than there is room for");
        return;
    }
    life = link->life + 1;
    memset(link, 0, sizeof(*link));
    link->used = true;
    link->life = life;
    link->side[0].peer = from;
    link->side[1].peer = to;
    if (!dials->up || !listens->up || apart(world, link)) {
        link->used = false;
        return;
    }
    world->handshakes++;
    err = cove_engine_connect(dials->engine, world->now_ms,
                              COVE_CHANNEL_INITIATOR, &listens->device,
                              &link->side[0].conn);
    if (err != 0) { /* who dials reads its store; it dials again */
        device_must(world, from, err, "dial");
        link->used = false;
        return;
    }
    err =
        cove_engine_connect(listens->engine, world->now_ms,
                            COVE_CHANNEL_RESPONDER, NULL, &link->side[1].conn);
    if (err != 0) {
        world_fail(world, "connect: %d", err);
        return;
    }
    device_turn(world, from);
    device_turn(world, to);
}

void network_deliver(struct world *world, unsigned index, unsigned side)
{
    struct sim_link *link = &world->links[index];
    struct sim_side *to = &link->side[side];
    struct sim_segment *segment = to->first;

    if (!link->used || segment == NULL) {
        return; /* it was cut */
    }
    if (apart(world, link)) {
        /* Nothing passes; TCP tries again until the partition ends. */
        world_at(world, 500, SIM_DELIVER, index, side);
        return;
    }
    if (to->conn != NULL && cove_conn_waits(to->conn)) {
        /* It stays in the socket until the signatures are verified. */
        world_at(world, 5, SIM_DELIVER, index, side);
        return;
    }
    to->first = segment->next;
    if (to->first == NULL) {
        to->last = NULL;
    } else {
        uint64_t time = to->first->time_ms;

        world_at(world, time > world->now_ms ? time - world->now_ms : 0,
                 SIM_DELIVER, index, side);
    }
    to->flying -= segment->len;
    world->delivered += segment->len;
    world_trace(world, segment->bytes, segment->len);
    if (to->conn != NULL && segment->end) {
        network_end(world, index, side);
    } else if (to->conn != NULL) {
        (void)!cove_conn_input(to->conn, world->now_ms,
                               cove_bytes(segment->bytes, segment->len));
    }
    free(segment);
    device_turn(world, to->peer);
    device_turn(world, link->side[!side].peer); /* there is room again */
}

void network_end(struct world *world, unsigned index, unsigned side)
{
    struct sim_link *link = &world->links[index];

    if (link->used && link->side[side].conn != NULL) {
        (void)cove_conn_end(link->side[side].conn);
        side_close(world, index, side);
        device_turn(world, link->side[side].peer);
    }
}

void network_cut(struct world *world, unsigned index)
{
    struct sim_link *link = &world->links[index];

    if (!link->used || link->cut) {
        return;
    }
    link->cut = true;
    for (unsigned side = 0; side < 2; side++) {
        side_clear(&link->side[side]);
        world_at(world, random_below(&world->random, 3000), SIM_END, index,
                 side);
    }
}

void network_crash(struct world *world, unsigned peer)
{
    for (unsigned i = 0; i < SIM_LINKS; i++) {
        struct sim_link *link = &world->links[i];

        for (unsigned side = 0; link->used && side < 2; side++) {
            if (link->side[side].peer == peer &&
                link->side[side].conn != NULL) {
                link->side[side].conn = NULL; /* the engine frees it */
                side_close(world, i, side);
                network_cut(world, i);
            }
        }
    }
}

/* May an honest connection end so? */
static bool end_is_fair(const struct world *world, int code)
{
    switch (code) {
    case 0:
    case COVE_ENET:
    case COVE_ETIMEOUT:
    case COVE_ELIMIT: /* more than four of a device, or its store failed */
        return true;
    case COVE_EPEER:
        return world->restored || world->faults || world->forgets;
    case COVE_ENOTFOUND: /* "the peer was removed" */
        return world->forgets;
    case COVE_EIO:
    case COVE_ENOSPC:
        return world->faults;
    default:
        return false;
    }
}

static void side_drain(struct world *world, unsigned index, unsigned side)
{
    struct sim_link *link = &world->links[index];
    struct sim_side *from = &link->side[side];
    struct sim_side *to = &link->side[!side];
    struct cove_bytes out = cove_conn_output(from->conn);

    while (out.len > 0 && to->flying < FLYING_MAX) {
        size_t len = out.len;

        if (random_chance(&world->random, 30)) {
            len = 1 + random_next(&world->random) % len;
        }
        if (!link->cut && to->conn != NULL) {
            segment_send(world, index, !side, out.at, len, false);
        }
        cove_conn_written(from->conn, world->now_ms, len);
        out = cove_conn_output(from->conn);
    }
    if (out.len == 0 && cove_conn_done(from->conn)) {
        const struct cove_diag *diag = cove_conn_diag(from->conn);

        if (!end_is_fair(world, diag->code)) {
            world_fail(world, "peer %u dropped peer %u: %s", from->peer,
                       to->peer, diag->text);
        }
        if (!link->cut && to->conn != NULL) {
            segment_send(world, index, !side, NULL, 0, true);
        }
        side_close(world, index, side);
    }
}

void network_drain(struct world *world, unsigned peer)
{
    for (unsigned i = 0; i < SIM_LINKS; i++) {
        struct sim_link *link = &world->links[i];

        for (unsigned side = 0; side < 2; side++) {
            if (link->used && link->side[side].peer == peer &&
                link->side[side].conn != NULL) {
                side_drain(world, i, side);
            }
        }
    }
}

void network_free(struct world *world)
{
    for (unsigned i = 0; i < SIM_LINKS; i++) {
        side_clear(&world->links[i].side[0]);
        side_clear(&world->links[i].side[1]);
    }
}
