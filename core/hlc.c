#include "core/hlc.h"

#include <assert.h>

#define HLC_MS_MAX ((INT64_C(1) << 48) - 1)

/* A wall clock before 1970 or beyond 48 bits is as good as the bound. */
static int64_t hlc_wall(int64_t now_ms)
{
    if (now_ms < 0) {
        return 0;
    }
    return now_ms < HLC_MS_MAX ? now_ms : HLC_MS_MAX;
}

uint64_t cove_hlc_next(uint64_t last, int64_t now_ms)
{
    uint64_t wall = cove_hlc_of_ms(hlc_wall(now_ms));

    /* A timestamp near the end never gets in: it is refused at ingest. */
    assert(last < UINT64_MAX);
    return wall > last ? wall : last + 1;
}

int64_t cove_hlc_ahead(uint64_t hlc, int64_t now_ms)
{
    int64_t ahead = cove_hlc_ms(hlc) - hlc_wall(now_ms);

    return ahead > 0 ? ahead : 0;
}
