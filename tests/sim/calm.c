/* calm.c: what one edit costs when all else is at rest: its content crosses
 * each link once, away from its author, and nobody is told what came from
 * there. Around a ring it may meet itself on the way, once in each direction.
 */
#include "sync/engine_internal.h"
#include "tests/sim/world.h"

static void calm_count(const struct world *world, struct sim_calm *out)
{
    memset(out->out, 0, sizeof(out->out));
    for (unsigned i = 0; i < world->peer_count; i++) {
        const struct cove_engine *engine = world->peers[i].engine;

        for (const struct cove_conn *conn = engine->conns; conn != NULL;
             conn = conn->next) {
            for (unsigned k = 0; conn->peer != NULL && k < world->peer_count;
                 k++) {
                if (memcmp(&conn->peer->key, &world->peers[k].device,
                           sizeof(conn->peer->key)) == 0) {
                    out->out[i][k] += conn->documents_out;
                }
            }
        }
    }
}

bool calm_begin(struct world *world)
{
    unsigned first = random_below(&world->random, world->doc_count + 1);

    for (unsigned n = 0; n < world->doc_count; n++) {
        unsigned at = (first + n) % world->doc_count;
        const struct sim_doc *doc = &world->docs[at];

        for (unsigned i = 0; i < world->peer_count; i++) {
            if ((world->groups[doc->group].writers >> i & 1) != 0 &&
                (doc->removers | doc->perhaps) == 0 &&
                world->op_count < SIM_OPS &&
                device_holds(&world->peers[i], &doc->id)) {
                world->before.doc = at;
                world->before.author = i;
                calm_count(world, &world->before);
                return device_write_once(world, i, at);
            }
        }
    }
    return false;
}

/* All that is on the author's side when a link is taken away. */
static unsigned calm_side(const struct world *world, unsigned a, unsigned b)
{
    unsigned side = 1u << world->before.author;

    for (unsigned n = 0; n < world->peer_count; n++) {
        for (unsigned i = 0; i < world->peer_count; i++) {
            for (unsigned k = 0; k < world->peer_count; k++) {
                bool away = (i == a && k == b) || (i == b && k == a);

                if ((side >> i & 1) && !away && edge_is(world, i, k)) {
                    side |= 1u << k;
                }
            }
        }
    }
    return side;
}

void calm_check(struct world *world)
{
    struct sim_calm now;

    calm_count(world, &now);
    for (unsigned i = 0; i < world->peer_count; i++) {
        for (unsigned k = 0; k < world->peer_count; k++) {
            uint64_t sent = now.out[i][k] - world->before.out[i][k];
            unsigned side = calm_side(world, i, k);
            bool back = (side >> k & 1) != 0 && (side >> i & 1) == 0;

            /* What does not fit into a message is asked for. */
            bool small = world->peers[i].engine->opt.message_bytes < 4096;

            if (sent > (back ? 0 : small ? 2 : 1)) {
                world_fail(world,
                           "one edit of document %u by peer %u went from %u to "
                           "%u %llu times",
                           world->before.doc, world->before.author, i, k,
                           (unsigned long long)sent);
            }
        }
    }
}
