/* counter.c: see counter.h. */
#include "crdt/counter.h"

#include "cove/error.h"

int cove_counter_read(cove_wide sum, int64_t *out)
{
    int err = 0;

    if (sum > INT64_MAX) {
        *out = INT64_MAX;
        err = COVE_ELIMIT;
    } else if (sum < INT64_MIN) {
        *out = INT64_MIN;
        err = COVE_ELIMIT;
    } else {
        *out = (int64_t)sum;
    }
    return err;
}

int cove_counter_check(cove_wide sum, int64_t amount)
{
    cove_wide then = sum + amount;
    bool beyond = amount > 0 ? then > INT64_MAX : then < INT64_MIN;

    return beyond && amount != 0 ? COVE_ELIMIT : 0;
}

bool cove_counter_join(int64_t *amount, int64_t more)
{
    return !__builtin_add_overflow(*amount, more, amount);
}
