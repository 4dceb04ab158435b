/* judge.h: is a disk after a power cut one that a store may have? */
#ifndef COVE_TESTS_JUDGE_H
#define COVE_TESTS_JUDGE_H

#include "tests/power/record.h"

struct judge_memo { /* numbers by numbers; 0 is no key */
    struct judge_pair {
        uint64_t key, value;
    } * at;
    size_t cap, count;
};

struct judge {
    const struct record *record;
    char dir[128];            /* where states are laid out, in memory */
    size_t may_lose;          /* acknowledged commits that a cut may take */
    struct judge_memo states; /* which commit a state held */
    struct judge_memo afters; /* what going on from a commit came to */
    size_t judged;            /* states, each counted once */
    size_t absent;            /* of them: no store yet, nothing acknowledged */
    size_t lost;   /* of them: a commit that was under way is not there */
    size_t looked; /* of them: gone through wholly, as the first of its
                      kind */
    char why[400]; /* what is wrong with the last one */
};

/* What the recording says of a moment. */
struct judge_moment {
    size_t acknowledged, begun; /* commits, the last of each */
    bool copied;                /* the backup was acknowledged */
};

void judge_begin(struct judge *judge, const struct record *record,
                 size_t may_lose);
void judge_end(struct judge *judge);
/* Judge the store and its copy as a state has them. False: judge->why. */
bool judge_state(struct judge *judge, const struct disk_state *state,
                 const struct judge_moment *moment);

#endif
