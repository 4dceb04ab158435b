/* store_kit.h: what the targets share that go through the public API: stores in
 * directories, in memory where the machine has such. */
#ifndef COVE_TESTS_FUZZ_STORE_KIT_H
#define COVE_TESTS_FUZZ_STORE_KIT_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cove/cove.h"

#define REQUIRE(condition)                                                     \
    do {                                                                       \
        if (!(condition)) {                                                    \
            abort();                                                           \
        }                                                                      \
    } while (0)

struct fuzz_store {
    char dir[64];
    struct cove *store;
};

static inline int fuzz_unlink(const char *path, const struct stat *st, int type,
                              struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void fuzz_open(struct fuzz_store *s)
{
    struct cove_options options = {.size = sizeof(options),
                                   .flags = COVE_OPEN_CREATE,
                                   .level = COVE_GROUP};

    snprintf(s->dir, sizeof(s->dir), "%s/cove-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    REQUIRE(mkdtemp(s->dir) != NULL);
    REQUIRE(cove_open(s->dir, &options, &s->store) == 0);
}

/* One that has no files. */
static inline void fuzz_open_memory(struct fuzz_store *s)
{
    struct cove_options options = {.size = sizeof(options),
                                   .flags = COVE_OPEN_MEMORY};

    s->dir[0] = '\0';
    REQUIRE(cove_open(NULL, &options, &s->store) == 0);
}

static inline void fuzz_close(struct fuzz_store *s)
{
    cove_close(s->store);
    s->store = NULL;
    if (s->dir[0] != '\0') {
        nftw(s->dir, fuzz_unlink, 8, FTW_DEPTH | FTW_PHYS);
    }
}

/* A refusal has a code and a sentence. */
static inline bool fuzz_good(int err, const struct fuzz_store *s)
{
    REQUIRE(err == 0 || (err < 0 && cove_errmsg(s->store)[0] != '\0'));
    return err == 0;
}

static inline char *fuzz_text(const uint8_t *at, size_t len)
{
    char *text = malloc(len + 1);

    REQUIRE(text != NULL);
    memcpy(text, at, len);
    text[len] = '\0';
    return text;
}

#endif
