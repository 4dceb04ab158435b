/* power.c: power cuts at every point of a day's work; see README.md.
 *
 *   power [--states N] [--seed S] [--jobs J] [--level full|group]
 *         [--lies | --early]            a canary: damage must be found
 *         [--only CUT STATE]            one state again, as a failure names it
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/power/judge.h"

/* At level group: the one that has been acknowledged and has not landed. */
#define GROUPS_LOST 1

struct power {
    struct record_options options;
    size_t states; /* to judge */
    size_t jobs;
    size_t may_lose;
    bool canary;
    bool only; /* this one */
    size_t only_cut, only_state;
    struct record record;
    size_t cuts; /* where something was on its way */
    char base[64];
};

struct tally { /* shared by the jobs */
    atomic_size_t judged, absent, lost, looked, damaged;
};

/* ------------------------------------------------------------------ a worker
 */

static struct disk_chance power_chance(const struct power *p, size_t cut,
                                       size_t state)
{
    struct disk_chance chance = {p->options.seed * 1000003 + cut * 7919 +
                                 state * UINT64_C(0x9e3779b97f4a7c15) + 1};

    for (int i = 0; i < 8; i++) {
        (void)disk_draw(&chance, 2);
    }
    return chance;
}

static void moment_pass(struct judge_moment *moment,
                        const struct disk_event *event)
{
    size_t number = event->at / MARK_KINDS;

    if (event->kind != DISK_MARK) {
        return;
    }
    switch ((enum record_mark)(event->at % MARK_KINDS)) {
    case MARK_BEGUN:
        moment->begun = number;
        break;
    case MARK_ACKNOWLEDGED:
        moment->acknowledged = number;
        break;
    case MARK_COPIED:
        moment->copied = true;
        break;
    case MARK_KINDS:
        break;
    }
}

/* `first` … `end` are the numbers of the states of each cut. False where one
 * was damaged. */
static bool power_pass(const struct power *p, struct judge *judge, size_t job,
                       size_t first, size_t end)
{
    struct disk_state *state = calloc(1, sizeof(*state));
    struct disk_cut *cut = malloc(sizeof(*cut));
    struct judge_moment moment = {0};
    bool good = true;

    disk_cut_begin(cut, &p->record.disk);
    while (good && disk_cut_next(cut)) {
        moment_pass(&moment, &p->record.disk.events[cut->at - 1]);
        if (cut->at % p->jobs != job) {
            continue;
        }
        for (size_t i = first; good && i < end; i++) {
            struct disk_chance chance = power_chance(p, cut->at, i);

            disk_cut_choose(cut, &chance, state);
            good = judge_state(judge, state, &moment);
            if (!good) {
                printf("# %s, at event %zu: %s (--seed %llu --only %zu %zu)\n",
                       p->canary ? "found" : "damaged", cut->at, judge->why,
                       (unsigned long long)p->options.seed, cut->at, i);
            }
            if (cut->pending_count == 0) {
                break; /* there is one state only */
            }
        }
    }
    disk_cut_end(cut);
    disk_state_end(state);
    free(cut);
    free(state);
    return good;
}

static void power_only(const struct power *p, struct judge *judge)
{
    struct disk_state *state = calloc(1, sizeof(*state));
    struct disk_cut *cut = malloc(sizeof(*cut));
    struct disk_chance chance = power_chance(p, p->only_cut, p->only_state);
    struct judge_moment moment = {0};

    disk_cut_begin(cut, &p->record.disk);
    while (disk_cut_next(cut)) {
        moment_pass(&moment, &p->record.disk.events[cut->at - 1]);
        if (cut->at == p->only_cut) {
            break;
        }
    }
    disk_cut_choose(cut, &chance, state);
    printf("# %s\n", judge_state(judge, state, &moment) ? "good" : judge->why);
    disk_cut_end(cut);
    disk_state_end(state);
    free(cut);
    free(state);
}

static void power_work(const struct power *p, struct tally *tally, size_t job)
{
    size_t share = p->states / p->jobs + 1, from = 0;
    struct judge judge;

    judge_begin(&judge, &p->record, p->may_lose);
    if (p->only) {
        power_only(p, &judge);
        share = 0;
    }
    while (judge.judged < share) {
        size_t before = judge.judged;
        size_t cuts = p->cuts / p->jobs + 1;
        size_t more = (share - before) / cuts + 1;

        if (!power_pass(p, &judge, job, from, from + more)) {
            tally->damaged++;
            break;
        }
        from += more;
        if (judge.judged == before) {
            break; /* there are no more */
        }
    }
    tally->judged += judge.judged;
    tally->absent += judge.absent;
    tally->lost += judge.lost;
    tally->looked += judge.looked;
    judge_end(&judge);
}

/* ---------------------------------------------------------------------- all */

static void power_count(struct power *p)
{
    struct disk_cut *cut = malloc(sizeof(*cut));

    disk_cut_begin(cut, &p->record.disk);
    while (disk_cut_next(cut)) {
        p->cuts += cut->pending_count > 0;
    }
    disk_cut_end(cut);
    free(cut);
}

static bool power_run(struct power *p, struct tally *tally)
{
    int failed = 0;

    for (size_t job = 0; job < p->jobs; job++) {
        pid_t child = fork();

        if (child == 0) {
            power_work(p, tally, job);
            fflush(stdout);
            _exit(0);
        }
        failed += child < 0;
    }
    for (size_t job = 0; job < p->jobs; job++) {
        int status = 0;

        failed += wait(&status) < 0 || status != 0;
    }
    return failed == 0;
}

static bool power_option(struct power *p, int argc, char **argv, int *i)
{
    const char *name = argv[*i];

    if (strcmp(name, "--lies") == 0) {
        p->options.lies = p->canary = true;
        p->may_lose = RECORD_COMMITS; /* it is damage that must be found */
        return true;
    }
    if (strcmp(name, "--early") == 0) {
        p->options.early = p->canary = true;
        return true;
    }
    if (*i + 1 >= argc) {
        return false;
    }
    const char *value = argv[++*i];

    if (strcmp(name, "--states") == 0) {
        p->states = strtoul(value, NULL, 10);
    } else if (strcmp(name, "--seed") == 0) {
        p->options.seed = strtoul(value, NULL, 10);
    } else if (strcmp(name, "--jobs") == 0) {
        p->jobs = strtoul(value, NULL, 10);
    } else if (strcmp(name, "--level") == 0) {
        p->options.group = strcmp(value, "group") == 0;
        p->may_lose = p->options.group ? GROUPS_LOST : 0;
    } else if (strcmp(name, "--only") == 0 && *i + 1 < argc) {
        p->only = true;
        p->jobs = 1;
        p->only_cut = strtoul(value, NULL, 10);
        p->only_state = strtoul(argv[++*i], NULL, 10);
    } else {
        return false;
    }
    return p->jobs > 0;
}

static int power_all(struct power *p)
{
    struct tally *tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bool good =
        tally != MAP_FAILED && record_make(&p->record, &p->options) == 0;

    if (!good) {
        printf("not ok 1 - the day is recorded\n");
        return 1;
    }
    power_count(p);
    printf("# seed %llu: %zu commits, %zu events, something on its way at %zu "
           "of them\n",
           (unsigned long long)p->options.seed, p->record.begun,
           p->record.disk.count, p->cuts);
    fflush(stdout);
    good = power_run(p, tally);
    good = good && (tally->damaged > 0) == p->canary;
    printf("# %zu states, each once: %zu damaged, %zu with the commit under "
           "way gone, %zu with no store yet, %zu looked through wholly\n",
           tally->judged, tally->damaged, tally->lost, tally->absent,
           tally->looked);
    printf("%s 1 - %s\n", good ? "ok" : "not ok",
           p->options.lies    ? "a disk that ignores barriers is found out"
           : p->options.early ? "a commit acknowledged early is found out"
           : p->may_lose == 0
               ? "a power cut takes nothing acknowledged"
               : "a power cut takes one group at most, in whole");
    munmap(tally, sizeof(*tally));
    return !good;
}

static void power_remove(const char *base)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", base);
    if (system(command) != 0) {
        printf("# %s was not removed\n", base);
    }
}

int main(int argc, char **argv)
{
    struct power *p = calloc(1, sizeof(*p));
    const char *tmp = getenv("TMPDIR");
    int failed = 1;

    if (p == NULL) {
        return 1;
    }
    p->states = 5000;
    p->jobs = 2;
    p->options.seed = 1;
    p->options.rounds = 6;
    for (int i = 1; i < argc; i++) {
        if (!power_option(p, argc, argv, &i)) {
            fprintf(stderr, "power: see the head of power.c for its options\n");
            free(p);
            return 2;
        }
    }
    snprintf(p->base, sizeof(p->base), "%.40s/cove-power-XXXXXX",
             tmp != NULL ? tmp : "/tmp");
    printf("1..1\n");
    if (mkdtemp(p->base) != NULL) {
        p->options.base = p->base;
        failed = power_all(p);
        record_free(&p->record);
        power_remove(p->base);
    }
    free(p);
    return failed;
}
