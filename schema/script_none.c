/* Built without Lua: a script is known for what it is, and waits. */
#include "schema/script.h"

bool cove_script_built(void)
{
    return false;
}

int cove_script_new(const struct cove_alloc *alloc, struct cove_bytes source,
                    struct cove_script **out, struct cove_diag *diag)
{
    int err = cove_script_judge(source, diag);

    (void)alloc;
    (void)out;
    return err != 0
               ? err
               : cove_fail(diag, COVE_EUNSUPPORTED,
                           "this build of Cove runs no scripts: it was made "
                           "without Lua; install liblua5.4-dev and build with "
                           "meson setup -Dscripts=enabled");
}

void cove_script_free(struct cove_script *script)
{
    (void)script;
}

/* Never asked: there is none. */
struct cove_bytes cove_script_source(const struct cove_script *script)
{
    (void)script;
    return cove_bytes(NULL, 0);
}

int cove_script_run(struct cove_script *script,
                    const struct cove_script_call *call,
                    struct cove_arena *arena, struct cove_script_result *out,
                    struct cove_diag *diag)
{
    (void)script;
    (void)call;
    (void)arena;
    (void)out;
    return cove_fail(diag, COVE_EUNSUPPORTED, "this build runs no scripts");
}
