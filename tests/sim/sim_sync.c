/* sim_sync: runs of the simulated world.
 *
 *   sim_sync --seeds 0:1000     seeds 0 to 999; every 100th twice, with equal
 *                               traces
 *   sim_sync --until 0:1000     the same until one does not hold
 *   sim_sync --seed 17          one, with every line of every engine
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

static struct world world;

struct sim_totals {
    unsigned passed, failed;
    uint64_t ops, documents, handshakes, acks, bytes, removed, gone, packed,
        verified, cut, cut_checked, cut_taken;
};

static void sim_seed(uint64_t seed, struct sim_totals *totals)
{
    bool held = world_run(&world, seed, false);
    uint64_t trace = world.trace;

    totals->ops += world.op_count;
    totals->documents += world.doc_count;
    totals->handshakes += world.handshakes;
    totals->acks += world.acks_checked;
    totals->bytes += world.delivered;
    totals->removed += world.removed;
    totals->gone += world.gone_checked;
    totals->packed += world.packed;
    totals->verified += world.verified;
    totals->cut += world.cut;
    totals->cut_checked += world.cut_checked;
    totals->cut_taken += world.cut_taken;
    if (held && (seed % 100 == 0 || seed % 100 == 52)) {
        held = world_run(&world, seed, false);
        if (held && world.trace != trace) {
            held = false;
            snprintf(world.failure, sizeof(world.failure),
                     "the same seed gave another trace");
        }
    }
    if (held) {
        totals->passed++;
    } else {
        totals->failed++;
        printf("# seed %llu: %s\n", (unsigned long long)seed, world.failure);
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    unsigned long long begin = 0, end = 1000;
    struct sim_totals totals = {0};
    bool until = argc == 3 && strcmp(argv[1], "--until") == 0;

    if (cove_crypto_init() != 0) {
        return EXIT_FAILURE;
    }
    if (argc == 3 && strcmp(argv[1], "--seed") == 0) {
        bool held = world_run(&world, strtoull(argv[2], NULL, 10), true);

        printf("%s%s\n", held ? "passed" : "failed: ", world.failure);
        return held ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    if (argc != 1 &&
        (argc != 3 || (!until && strcmp(argv[1], "--seeds") != 0) ||
         sscanf(argv[2], "%llu:%llu", &begin, &end) != 2)) {
        fprintf(stderr,
                "usage: sim_sync [--seeds FIRST:END | --until FIRST:END | "
                "--seed N]\n");
        return 2;
    }
    for (unsigned long long seed = begin;
         seed < end && !(until && totals.failed > 0); seed++) {
        sim_seed(seed, &totals);
    }
    printf("# %llu ops in %llu documents, %llu connections, %llu "
           "acknowledgements looked into, %llu bytes\n",
           (unsigned long long)totals.ops, (unsigned long long)totals.documents,
           (unsigned long long)totals.handshakes,
           (unsigned long long)totals.acks, (unsigned long long)totals.bytes);
    printf("# %llu removals, %llu times a document found gone, %llu packs, "
           "%llu messages verified beside\n",
           (unsigned long long)totals.removed, (unsigned long long)totals.gone,
           (unsigned long long)totals.packed,
           (unsigned long long)totals.verified);
    printf("# %llu histories cut off, %llu documents found with a cut, %llu of "
           "them with that of another device\n",
           (unsigned long long)totals.cut,
           (unsigned long long)totals.cut_checked,
           (unsigned long long)totals.cut_taken);
    printf("%u passed, %u failed\n", totals.passed, totals.failed);
    return totals.failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
