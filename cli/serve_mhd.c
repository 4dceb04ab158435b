/* serve_mhd.c: see serve_mhd.h. */
#include "cli/serve_mhd.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static bool mhd_find(void *library, const char *name, void *function)
{
    void *at = dlsym(library, name);

    /* POSIX has functions fit in a void *, and C has no cast for it. */
    memcpy(function, &at, sizeof(at));
    return at != NULL;
}

const struct serve_mhd *serve_mhd_load(const char **why)
{
    static struct serve_mhd mhd;
    /* Of the interface that there has been since 0.9.6x. */
    void *library = dlopen("libmicrohttpd.so.12", RTLD_NOW | RTLD_LOCAL);
    bool whole = library != NULL;

#define MHD_FIND(name)                                                         \
    whole = whole && mhd_find(library, "MHD_" #name, (void *)&mhd.name);
    SERVE_MHD_FUNCTIONS(MHD_FIND)
#undef MHD_FIND
    *why = whole ? NULL : dlerror();
    return whole ? &mhd : NULL;
}
