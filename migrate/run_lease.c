/* run_lease.c: one works on a run at a time.
 *
 * The lease is a part of the run's record, so taking it, the batch and keeping
 * it are one commit, and the store's writer lock settles who was first. It
 * expires by the clock, so that a run whose process died frees itself; and the
 * fence counts the holders, so that one who comes back after another took over
 * is refused, whatever its clock says.
 */
#include "migrate/run.h"

#include <stdio.h>
#include <time.h>

static bool lease_free(const struct cove_run_lease *lease)
{
    static const uint8_t nobody[sizeof(lease->holder)];

    return memcmp(lease->holder, nobody, sizeof(nobody)) == 0;
}

bool cove_run_held(const struct cove_run *run,
                   const struct cove_run_worker *worker, uint64_t now_ms)
{
    const struct cove_run_lease *lease = &run->lease;

    return !lease_free(lease) && lease->expires_ms > now_ms &&
           memcmp(lease->holder, worker->id, sizeof(worker->id)) != 0;
}

static int lease_refused(const struct cove_run *run, struct cove_diag *diag)
{
    time_t at = (time_t)(run->lease.expires_ms / 1000);
    char when[32] = "?";
    struct tm tm;

    if (gmtime_r(&at, &tm) != NULL) {
        strftime(when, sizeof(when), "%H:%M:%S UTC", &tm);
    }
    return cove_fail(diag, COVE_EBUSY,
                     "process %llu works on this run, and holds it until %s "
                     "unless it goes on; `cove migrate run --wait` waits for "
                     "it, `cove migrate pause` and `cancel` stop it",
                     (unsigned long long)run->lease.process, when);
}

int cove_run_take(struct cove_run *run, struct cove_run_worker *worker,
                  uint64_t now_ms, struct cove_diag *diag)
{
    struct cove_run_lease *lease = &run->lease;
    bool mine = !lease_free(lease) &&
                memcmp(lease->holder, worker->id, sizeof(worker->id)) == 0;

    if (cove_run_held(run, worker, now_ms)) {
        return lease_refused(run, diag);
    }
    /* A fence beyond the record's is of a commit that never was. */
    if (worker->fence != 0 && worker->fence < lease->fence) {
        worker->fence = 0; /* it may ask anew, knowing that it lost it */
        return cove_fail(diag, COVE_EBUSY,
                         "the run was taken over or stopped meanwhile: this "
                         "process did not go on with it for too long; `cove "
                         "migrate status` says how it stands");
    }
    if (!mine) {
        lease->fence++;
        memcpy(lease->holder, worker->id, sizeof(worker->id));
        lease->process = worker->process;
    }
    worker->fence = lease->fence;
    lease->expires_ms = now_ms + COVE_RUN_LEASE_MS;
    return 0;
}

void cove_run_release(struct cove_run *run)
{
    memset(run->lease.holder, 0, sizeof(run->lease.holder));
    run->lease.expires_ms = 0;
    run->lease.process = 0;
    run->lease.fence++;
}
