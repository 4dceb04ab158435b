/* play.h: small random histories over the schema of shapes.h: users write at
 * several versions on several devices, steps are published, devices meet in
 * part and in any order, apps load. Repeatable by seed. */
#ifndef COVE_TESTS_PLAY_H
#define COVE_TESTS_PLAY_H

#include "tests/promises/shapes.h"
#include "tests/promises/story.h"

#define PLAY_VERSIONS 3

struct play {
    struct story *s;
    uint64_t what;    /* seed of the users' writes */
    uint64_t when;    /* seed of who meets and loads when */
    int64_t second;   /* of the last event; writes never share one */
    int published;    /* versions, so far */
    unsigned written; /* bit v: somebody wrote at version v */
    int64_t skew;     /* clocks differ by up to so many seconds */
};

/* Version 1 and one document, which everybody has. */
void play_start(struct play *p, struct story *s, uint64_t seed);
void play_publish(struct play *p); /* alice's next version */
void play_publish_all(struct play *p);
/* One write of a user who knows the version, or none where he does not. */
void play_write(struct play *p);
/* Two devices meet, perhaps only for one document, one way; a device loads. */
void play_between(struct play *p);
/* A number of events of all kinds. */
void play_events(struct play *p, int count);
/* Exchange and load at the writers until nothing is due; how often. */
int play_rest(struct play *p);
/* The version as a word. */
const char *play_version(int version);

#endif
