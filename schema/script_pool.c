/* Few scripts are at work at once, so that those that are idle lie in one short
 * array, newest last; when it is full the oldest goes. */
#include "schema/script.h"

#include "cove/error.h"

#include <pthread.h>

#define POOL_IDLE 16

struct cove_scripts {
    const struct cove_alloc *alloc;
    pthread_mutex_t lock;
    struct cove_script *idle[POOL_IDLE];
    size_t count;
};

int cove_scripts_new(const struct cove_alloc *alloc, struct cove_scripts **out)
{
    struct cove_scripts *scripts = cove_alloc_zero(alloc, 1, sizeof(*scripts));

    if (scripts == NULL) {
        return COVE_ENOMEM;
    }
    if (pthread_mutex_init(&scripts->lock, NULL) != 0) {
        cove_alloc_free(alloc, scripts);
        return COVE_ENOMEM;
    }
    scripts->alloc = alloc;
    *out = scripts;
    return 0;
}

void cove_scripts_free(struct cove_scripts *scripts)
{
    if (scripts == NULL) {
        return;
    }
    for (size_t i = 0; i < scripts->count; i++) {
        cove_script_free(scripts->idle[i]);
    }
    pthread_mutex_destroy(&scripts->lock);
    cove_alloc_free(scripts->alloc, scripts);
}

static struct cove_script *pool_out(struct cove_scripts *scripts, size_t i)
{
    struct cove_script *script = scripts->idle[i];

    scripts->count--;
    for (; i < scripts->count; i++) {
        scripts->idle[i] = scripts->idle[i + 1];
    }
    return script;
}

int cove_scripts_take(struct cove_scripts *scripts, struct cove_bytes source,
                      struct cove_script **out, struct cove_diag *diag)
{
    struct cove_script *found = NULL;

    pthread_mutex_lock(&scripts->lock);
    for (size_t i = scripts->count; found == NULL && i-- > 0;) {
        if (cove_bytes_equal(cove_script_source(scripts->idle[i]), source)) {
            found = pool_out(scripts, i);
        }
    }
    pthread_mutex_unlock(&scripts->lock);
    if (found == NULL) {
        return cove_script_new(scripts->alloc, source, out, diag);
    }
    *out = found;
    return 0;
}

void cove_scripts_give(struct cove_scripts *scripts, struct cove_script *script)
{
    struct cove_script *oldest = NULL;

    pthread_mutex_lock(&scripts->lock);
    if (scripts->count == POOL_IDLE) {
        oldest = pool_out(scripts, 0);
    }
    scripts->idle[scripts->count++] = script;
    pthread_mutex_unlock(&scripts->lock);
    cove_script_free(oldest);
}
