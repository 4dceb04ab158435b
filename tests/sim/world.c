/* world.c: the queue of events, what the seed makes happen, and a run. */
#include "tests/sim/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUIET_MS 3000  /* at rest for so long: checked */
#define STILL_MS 15000 /* and then nothing may move any more … */
#define PINGS    240   /* … but so many bytes a link, about */

static void *world_resize(void *ctx, void *old, size_t len)
{
    struct sim_alloc *heap = ctx;

    if (len == 0) {
        heap->alive -= old != NULL;
        free(old);
        return NULL;
    }
    heap->alive += old == NULL;
    return realloc(old, len);
}

void world_fail(struct world *world, const char *format, ...)
{
    va_list args;

    if (!world->failed) {
        va_start(args, format);
        vsnprintf(world->failure, sizeof(world->failure), format, args);
        va_end(args);
        world->failed = true;
    }
}

void world_trace(struct world *world, const void *at, size_t len)
{
    const uint8_t *bytes = at;
    uint64_t h = world->trace ^ world->now_ms * 0x9e3779b97f4a7c15;

    for (size_t i = 0; i < len; i++) { /* FNV-1a */
        h = (h ^ bytes[i]) * 0x100000001b3;
    }
    world->trace = h;
}

/* --- events: a binary heap by time, then by the order they were made in */

static bool event_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->time_ms != b->time_ms ? a->time_ms < b->time_ms
                                    : a->order < b->order;
}

static void event_swap(struct sim_event *a, struct sim_event *b)
{
    struct sim_event keep = *a;

    *a = *b;
    *b = keep;
}

static uint64_t event_life(const struct world *world, enum sim_event_kind kind,
                           unsigned a)
{
    switch (kind) {
    case SIM_DELIVER:
    case SIM_END:
        return world->links[a].life;
    case SIM_TICK:
    case SIM_FLUSH:
    case SIM_NOTICE:
    case SIM_VERIFY:
        return world->peers[a].life;
    case SIM_DIAL:
    case SIM_WRITE:
    case SIM_CRASH:
    case SIM_START:
    case SIM_COPY:
    case SIM_RESTORE:
    case SIM_FAULT:
    case SIM_WANT:
    case SIM_FORGET:
    case SIM_KNOW:
    case SIM_CUT:
    case SIM_PART:
    case SIM_MEND:
    case SIM_HEAL:
    case SIM_LOOK:
        break;
    }
    return 0;
}

void world_at(struct world *world, uint64_t delay_ms, enum sim_event_kind kind,
              unsigned a, unsigned b)
{
    struct sim_event event = {.time_ms = world->now_ms + delay_ms,
                              .order = world->order++,
                              .kind = kind,
                              .a = a,
                              .b = b,
                              .life = event_life(world, kind, a)};
    size_t at = world->event_count;

    if (world->event_count == world->event_cap) {
        world->event_cap = world->event_cap == 0 ? 256 : world->event_cap * 2;
        world->events =
            realloc(world->events, world->event_cap * sizeof(*world->events));
    }
    world->events[world->event_count++] = event;
    while (at > 0 &&
           event_before(&world->events[at], &world->events[(at - 1) / 2])) {
        event_swap(&world->events[at], &world->events[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
}

static struct sim_event event_take(struct world *world)
{
    struct sim_event *events = world->events;
    struct sim_event first = events[0];
    size_t at = 0;

    events[0] = events[--world->event_count];
    for (;;) {
        size_t least = at;

        for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++) {
            if (child < world->event_count &&
                event_before(&events[child], &events[least])) {
                least = child;
            }
        }
        if (least == at) {
            return first;
        }
        event_swap(&events[at], &events[least]);
        at = least;
    }
}

/* --- what happens */

static void happen_dial(struct world *world, unsigned from, unsigned to)
{
    bool connected = network_connected(world, from, to);

    /* Now and then a second one, though there is one. */
    if ((world->forgot[from] >> to & 1) == 0 &&
        (!connected || (!world->healed && random_chance(&world->random, 10)))) {
        network_dial(world, from, to);
    }
    world_at(world, 500 + random_below(&world->random, 4000), SIM_DIAL, from,
             to);
}

static void happen_part(struct world *world)
{
    if (!world->healed && world->apart == 0) {
        world->apart =
            1u + random_below(&world->random, (1u << world->peer_count) - 2);
        world_at(world,
                 random_chance(&world->random, 20)
                     ? 100000
                     : 1000 + random_below(&world->random, 8000),
                 SIM_MEND, 0, 0);
    }
}

static void happen_crash(struct world *world, unsigned peer)
{
    if (!world->healed && world->peers[peer].up) {
        device_crash(world, peer);
        world_at(world, random_below(&world->random, 8000), SIM_START, peer, 0);
    }
}

static void happen_start(struct world *world, unsigned peer)
{
    if (!world->peers[peer].up) {
        device_start(world, peer);
        if (world->peers[peer].up) {
            device_turn(world, peer);
        }
    }
}

static void happen_heal(struct world *world)
{
    world->healed = true;
    world->heal_ms = world->quiet_since_ms = world->now_ms;
    world->apart = 0;
    for (unsigned i = 0; i < world->peer_count; i++) {
        world->peers[i].fault_in = 0;
        happen_start(world, i);
        for (unsigned k = 0; world->forgets && k < world->peer_count; k++) {
            device_know(world, i, k);
        }
    }
    world_at(world, 500, SIM_LOOK, 0, 0);
}

/* Rest, check, stay at rest, done. */
static void happen_look(struct world *world)
{
    if (!oracle_at_rest(world)) {
        if (world->resting) {
            world_fail(world, "it was at rest and is not any more");
        }
        if (world->now_ms - world->heal_ms > SIM_LIMIT_MS) {
            world_fail(world, "it does not come to rest");
        }
        world->quiet_since_ms = world->now_ms;
    } else if (!world->resting &&
               world->now_ms - world->quiet_since_ms >= QUIET_MS) {
        oracle_check(world);
        if (world->calm) {
            calm_check(world);
        }
        world->resting = true;
        world->quiet_since_ms = world->now_ms;
        world->delivered_at_rest = world->delivered;
    }
    world_at(world, 500, SIM_LOOK, 0, 0);
}

static void happen(struct world *world, const struct sim_event *event)
{
    unsigned a = event->a;

    world_trace(world, event, sizeof(event->time_ms));
    if (event->life != event_life(world, event->kind, a)) {
        return;
    }
    for (unsigned i = 0; i < world->peer_count; i++) {
        world->peers[i].faulty = false;
    }
    switch (event->kind) {
    case SIM_DELIVER:
        network_deliver(world, a, event->b);
        break;
    case SIM_END:
        network_end(world, a, event->b);
        break;
    case SIM_TICK:
        if (world->peers[a].up && world->peers[a].tick_ms == event->time_ms) {
            device_tick(world, a);
        }
        break;
    case SIM_FLUSH:
        if (world->peers[a].up) {
            device_flush(world, a);
        }
        break;
    case SIM_NOTICE:
        device_notice(world, a);
        break;
    case SIM_VERIFY:
        device_verified(world, a);
        break;
    case SIM_DIAL:
        happen_dial(world, a, event->b);
        break;
    case SIM_WRITE:
        if (world->peers[a].up && !world->healed) {
            device_write(world, a);
        }
        break;
    case SIM_CRASH:
        happen_crash(world, a);
        break;
    case SIM_START:
        happen_start(world, a);
        break;
    case SIM_COPY:
        device_copy(world, a);
        break;
    case SIM_RESTORE:
        if (!world->healed) {
            device_restore(world, a);
            happen_start(world, a);
        }
        break;
    case SIM_FAULT:
        if (!world->healed) {
            device_fault(world, a);
        }
        break;
    case SIM_WANT:
        if (!world->healed) {
            device_want(world, a, event->b);
        }
        break;
    case SIM_FORGET:
        if (!world->healed) {
            device_forget(world, a, event->b);
        }
        break;
    case SIM_KNOW:
        device_know(world, a, event->b);
        break;
    case SIM_CUT:
        if (!world->healed) {
            network_cut(world, random_below(&world->random, 8));
        }
        break;
    case SIM_PART:
        happen_part(world);
        break;
    case SIM_MEND:
        world->apart = 0;
        break;
    case SIM_HEAL:
        happen_heal(world);
        break;
    case SIM_LOOK:
        happen_look(world);
        break;
    }
}

/* --- a run */

static void world_peers(struct world *world)
{
    struct sim_random *r = &world->random;

    world->peer_count = 2 + random_below(r, SIM_FEW - 1);
    if (world->seed % 7 == 5) {
        world->peer_count = 6 + (unsigned)(world->seed / 7 % 2);
    }
    for (unsigned i = 0; i < world->peer_count; i++) {
        struct sim_peer *peer = &world->peers[i];
        uint8_t seed[32];

        peer->world = world;
        peer->index = i;
        peer->random.state = world->seed * 1000003 + i;
        peer->skew_ms = (int64_t)random_below(r, 240001) - 120000;
        for (unsigned k = 0; k < sizeof(seed); k++) {
            seed[k] = (uint8_t)random_next(&peer->random);
        }
        cove_key_of_seed(seed, &peer->secret, &peer->device);
    }
    for (unsigned i = 0; i < world->peer_count; i++) {
        device_init(world, i);
    }
    /* A tree, and some edges more; some are dialled from both ends. */
    for (unsigned i = 1; i < world->peer_count; i++) {
        world->edges[i] |= 1u << random_below(r, i);
    }
    for (unsigned i = 0; i < world->peer_count; i++) {
        unsigned other = random_below(r, world->peer_count);

        world->edges[i] |= other != i ? 1u << other : 0;
    }
}

static void world_schedule(struct world *world)
{
    struct sim_random *r = &world->random;
    unsigned span = 5000 + random_below(r, 20000);
    unsigned writes = (world->cuts ? 20 : 5) + random_below(r, 60);
    unsigned late = random_chance(r, world->cuts ? 60 : 30)
                        ? random_below(r, world->peer_count)
                        : SIM_PEERS;

    for (unsigned i = 0; i < world->peer_count; i++) {
        world_at(world, i == late ? span / (world->cuts ? 1 : 2) : 0, SIM_START,
                 i, 0);
        for (unsigned k = 0; k < world->peer_count; k++) {
            if (world->edges[i] >> k & 1) {
                world_at(world, random_below(r, 500), SIM_DIAL, i, k);
            }
        }
    }
    world->busy = random_chance(r, 30);
    for (unsigned i = 0; i < writes; i++) {
        /* Busy: many write within the time that a message travels. */
        unsigned at = random_below(r, world->busy ? 4 : span) *
                          (world->busy ? span / 4 : 1) +
                      random_below(r, world->busy ? 200 : 1);

        world_at(world, 1 + at, SIM_WRITE, random_below(r, world->peer_count),
                 0);
    }
    if (random_chance(r, world->cuts ? 40 : 15)) {
        unsigned at = random_below(r, span);
        unsigned peer = random_below(r, world->peer_count);

        world_at(world, at, SIM_COPY, peer, 0);
        world_at(world, at + random_below(r, span - at), SIM_RESTORE, peer, 0);
    }
    for (unsigned n = random_below(r, 4); n > 0; n--) {
        world_at(world, 1 + random_below(r, span), SIM_CRASH,
                 random_below(r, world->peer_count), 0);
    }
    for (unsigned n = random_below(r, 4); n > 0; n--) {
        world_at(world, 1 + random_below(r, span), SIM_CUT, 0, 0);
    }
    if (random_chance(r, 40)) {
        world_at(world, 1 + random_below(r, span), SIM_PART, 0, 0);
    }
    if (random_chance(r, 30)) {
        world_at(world, 1 + random_below(r, span), SIM_FAULT,
                 random_below(r, world->peer_count), 0);
    }
    wants_schedule(world, span);
    world_at(world, span, SIM_HEAL, 0, 0);
}

static void world_groups(struct world *world)
{
    struct sim_random *r = &world->random;
    unsigned all = (1u << world->peer_count) - 1;
    unsigned count = 1 + random_below(r, SIM_GROUPS);

    for (unsigned i = 0; i < world->peer_count; i++) {
        device_start(world, i);
    }
    device_group(world, random_below(r, world->peer_count), all,
                 (unsigned)random_next(r) & all);
    while (world->group_count < count && !world->failed) {
        unsigned members = (unsigned)random_next(r) & all;

        device_group(world, random_below(r, world->peer_count), members,
                     (unsigned)random_next(r) & members);
    }
    for (unsigned i = 0; i < world->peer_count; i++) {
        device_crash(world, i);
    }
}

static void world_end(struct world *world)
{
    for (unsigned i = 0; i < world->peer_count; i++) {
        device_free(world, i);
    }
    for (unsigned i = 0; i < world->doc_count; i++) {
        naive_clear(&world->docs[i].naive);
    }
    network_free(world);
    free(world->links);
    free(world->ops);
    free(world->events);
    if (world->heap.alive != 0) {
        world_fail(world, "%ld blocks of memory were not freed",
                   world->heap.alive);
    }
}

/* It was at rest for long. Is anything left to be looked at? */
static bool world_goes_on(struct world *world)
{
    if (world->delivered >
        world->delivered_at_rest + (uint64_t)SIM_LINKS / 8 * PINGS) {
        world_fail(
            world, "%llu bytes moved although all is in sync",
            (unsigned long long)(world->delivered - world->delivered_at_rest));
    }
    if (world->failed || world->calm || !world->calms || !calm_begin(world)) {
        return false;
    }
    world->calm = true;
    world->resting = false;
    world->quiet_since_ms = world->now_ms;
    return true;
}

bool world_run(struct world *world, uint64_t seed, bool verbose)
{
    memset(world, 0, sizeof(*world));
    world->seed = seed;
    world->removes = seed % 4 == 3;
    world->packs = seed % 3 == 1;
    world->cuts = seed % 26 < 2;
    world->threads = seed % 5 == 2;
    world->beside.state = seed;
    world->wants = seed % 11 < 3;
    world->forgets = seed % 7 == 3;
    world->calms = seed % 4 == 1;
    world->verbose = verbose;
    world->random.state = seed * 0x2545f4914f6cdd1d + 1;
    world->heap.alloc.resize = world_resize;
    world->heap.alloc.ctx = &world->heap;
    world->links = calloc(SIM_LINKS, sizeof(*world->links));
    world->ops = calloc(SIM_OPS, sizeof(*world->ops));
    world_peers(world);
    world_groups(world);
    wants_begin(world);
    world_schedule(world);
    while (!world->failed && world->event_count > 0) {
        struct sim_event event = event_take(world);

        world->now_ms = event.time_ms;
        happen(world, &event);
        if (world->resting &&
            world->now_ms - world->quiet_since_ms >= STILL_MS &&
            !world_goes_on(world)) {
            break;
        }
    }
    world_end(world);
    return !world->failed;
}
