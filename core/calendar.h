/* calendar.h: days of the proleptic Gregorian calendar.
 *
 * Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": years
 * begin in March, so that the leap day is their last.
 */
#ifndef COVE_CORE_CALENDAR_H
#define COVE_CORE_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

struct cove_date {
    int64_t year;  /* -9999 to 9999 */
    int64_t month; /* from 1 */
    int64_t day;   /* from 1 */
};

/* Is there such a day? */
bool cove_date_exists(struct cove_date date);

/* Since 1970-01-01, which is 0; the date exists. */
int64_t cove_date_days(struct cove_date date);
struct cove_date cove_date_of_days(int64_t days);

#endif
