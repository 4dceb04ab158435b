/* A table without order. Where it is full, who has brought least is forgotten:
 * a flood of new devices gives nobody who is at the end of its quota another.
 */
#include "sync/quota.h"

static struct cove_quota_used *quota_find(struct cove_quotas *quotas,
                                          const struct cove_key *device)
{
    for (size_t i = 0; i < quotas->count; i++) {
        if (memcmp(&quotas->used[i].device, device, sizeof(*device)) == 0) {
            return &quotas->used[i];
        }
    }
    return NULL;
}

static bool quota_is_over(const struct cove_quota_used *used, uint64_t now_ms)
{
    return now_ms - used->begun_ms >= COVE_QUOTA_DAY_MS;
}

bool cove_quota_fits(struct cove_quotas *quotas, uint64_t now_ms,
                     const struct cove_key *device, uint64_t documents,
                     uint64_t bytes)
{
    const struct cove_quota_used *used = quota_find(quotas, device);
    bool counts = used != NULL && !quota_is_over(used, now_ms);

    documents += counts ? used->documents : 0;
    bytes += counts ? used->bytes : 0;
    if ((quotas->documents > 0 && documents > quotas->documents) ||
        (quotas->bytes > 0 && bytes > quotas->bytes)) {
        quotas->refused++;
        return false;
    }
    return true;
}

/* A place for it: a new one, that of whose day is over, or of who brought
 * least. */
static struct cove_quota_used *quota_place(struct cove_quotas *quotas,
                                           uint64_t now_ms)
{
    struct cove_quota_used *least = &quotas->used[0];

    if (quotas->count < COVE_QUOTAS) {
        return &quotas->used[quotas->count++];
    }
    for (size_t i = 0; i < quotas->count; i++) {
        struct cove_quota_used *at = &quotas->used[i];

        if (quota_is_over(at, now_ms)) {
            return at;
        }
        least = at->bytes < least->bytes ? at : least;
    }
    return least;
}

void cove_quota_use(struct cove_quotas *quotas, uint64_t now_ms,
                    const struct cove_key *device, uint64_t documents,
                    uint64_t bytes)
{
    struct cove_quota_used *used = quota_find(quotas, device);

    if (quotas->documents == 0 && quotas->bytes == 0) {
        return;
    }
    if (used == NULL) {
        used = quota_place(quotas, now_ms);
        memset(used, 0, sizeof(*used));
        used->device = *device;
        used->begun_ms = now_ms;
    }
    if (quota_is_over(used, now_ms)) {
        used->begun_ms = now_ms;
        used->documents = used->bytes = 0;
    }
    used->documents += documents;
    used->bytes += bytes;
}
