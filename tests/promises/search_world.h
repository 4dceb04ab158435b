/* search_world.h: two devices that write documents of an indexed schema in all
 * the ways there are, at random; for test_search_random. */
#ifndef COVE_TESTS_SEARCH_WORLD_H
#define COVE_TESTS_SEARCH_WORLD_H

#include "migrate/search.h"
#include "tests/unit/schema_kit.h"

#define WORLD_DOCS 40

extern struct stage alice, bob;

extern struct world {
    uint64_t seed;
    struct cove_indexes *ix;
    struct cove_id ids[WORLD_DOCS];
    bool gone[WORLD_DOCS];  /* taken out */
    bool moved[WORLD_DOCS]; /* written since a page was read */
    size_t count;
    bool second;        /* version 2 is published */
    struct world_seen { /* of all worlds, for the report */
        unsigned long queries, indexed, ordered, exact, several, tails, scans;
    } seen;
} world;

/* Values to write and to ask for, as JSON with ' for ". */
#define LONG_A                                                                 \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const char *const ints[] = {"-1", "0", "1",
                                   "2",  "3", "9007199254740993"};
static const char *const texts[] = {
    "''", "'a'", "'aa'", "'ab'", "'b'", "'1'", "'" LONG_A "'", "'" LONG_A "b'"};
static const char *const anys[] = {
    "null", "false", "true",    "0",       "1",       "1.0",         "1.5",
    "2",    "'a'",   "'b'",     "[]",      "[1,'a']", "[[1]]",       "{}",
    "'ab'", "[2]",   "{'k':1}", "[1,1.5]", "{'k':2}", "[{'k':1},3]", "-0.5"};
static const char *const lists[] = {"[]", "['a']", "['a','b']", "['b','a','b']",
                                    "['ab',1]"};
static const char *const maps[] = {"{}",
                                   "{'k':1}",
                                   "{'k':2}",
                                   "{'k':'a'}",
                                   "{'k':[1,2]}",
                                   "{'k':null}",
                                   "{'l':[{'k':1},{'k':3}]}",
                                   "{'l':[{'k':2}]}"};

#define PICK(from) from[roll(COVE_ARRAY_LEN(from))]

unsigned roll(unsigned below);
/* A text with " for ', and its CBOR; both in alice's arena. */
const char *quoted(const char *text);
struct cove_bytes cbor(const char *json);

void world_begin(uint64_t seed);
void world_end(void);
/* The check has nothing to say of the indexes, however far they are. */
void world_sound(void);
/* One thing happens; those that a page may be read between. */
void step(void);
void step_write(bool keep);
void step_work(void);
void step_reopen(void);

#endif
