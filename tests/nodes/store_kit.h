/* store_kit.h: a device's store, opened below the API by the programs that do
 * to it what no app can. */
#ifndef COVE_TESTS_STORE_KIT_H
#define COVE_TESTS_STORE_KIT_H

#include "core/store.h"
#include "crdt/repo.h"

#include <stdio.h>

#define STORE_SEED ((size_t)32)

/* The device's key, from its file. */
static inline int store_key(const char *dir, struct cove_repo_options *opt)
{
    char path[4096], hex[STORE_SEED * 2 + 1] = "";
    uint8_t seed[STORE_SEED];

    snprintf(path, sizeof(path), "%s/device.key", dir);
    FILE *file = fopen(path, "r");

    if (file == NULL || fread(hex, 1, STORE_SEED * 2, file) != STORE_SEED * 2) {
        return COVE_EIO;
    }
    fclose(file);
    int err = cove_hex_parse(hex, seed, sizeof(seed));

    if (err == 0) {
        cove_key_of_seed(seed, &opt->secret, &opt->device);
    }
    return err;
}

/* *store may be set on error, too. */
static inline int store_open(const char *dir, const struct cove_env *env,
                             struct cove_store **store, struct cove_repo **repo,
                             struct cove_diag *diag)
{
    struct cove_store_options opt = {.alloc = &cove_alloc_libc,
                                     .trees = COVE_REPO_TREES};
    struct cove_repo_options as = {.alloc = &cove_alloc_libc, .env = env};
    int err = store_key(dir, &as);

    err = err != 0 ? err : cove_store_open_lmdb(dir, &opt, store, diag);
    as.store = *store;
    return err != 0 ? err : cove_repo_open(&as, repo, diag);
}

#endif
