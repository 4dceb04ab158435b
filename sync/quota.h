/* quota.h: how much one device may bring in a day. A device's day begins with
 * the first thing it brings. In memory alone; a table of fixed size.
 * docs/PROTOCOL.md "Quotas".
 */
#ifndef COVE_SYNC_QUOTA_H
#define COVE_SYNC_QUOTA_H

#include "core/id.h"

#define COVE_QUOTA_DAY_MS 86400000
#define COVE_QUOTAS       256 /* devices */

struct cove_quota_used {
    struct cove_key device;
    uint64_t begun_ms;
    uint64_t documents, bytes;
};

struct cove_quotas {           /* zero at first: no limits */
    uint64_t documents, bytes; /* a device may bring in a day; 0: any number */
    uint64_t refused;          /* things, ever */
    size_t count;
    struct cove_quota_used used[COVE_QUOTAS];
};

/* Is there room for so much more? Counts where there is not. */
bool cove_quota_fits(struct cove_quotas *quotas, uint64_t now_ms,
                     const struct cove_key *device, uint64_t documents,
                     uint64_t bytes);
/* It was kept. */
void cove_quota_use(struct cove_quotas *quotas, uint64_t now_ms,
                    const struct cove_key *device, uint64_t documents,
                    uint64_t bytes);

#endif
