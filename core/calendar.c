/* calendar.c: see calendar.h. */
#include "core/calendar.h"

bool cove_date_exists(struct cove_date date)
{
    static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30,
                                      31, 31, 30, 31, 30, 31};
    bool leap =
        date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0);

    return date.month >= 1 && date.month <= 12 && date.day >= 1 &&
           date.day <= lengths[date.month - 1] + (date.month == 2 && leap);
}

int64_t cove_date_days(struct cove_date date)
{
    int64_t year = date.year - (date.month <= 2);
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t in_era = year - era * 400;
    int64_t in_year =
        (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;

    return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year -
           719468;
}

struct cove_date cove_date_of_days(int64_t days)
{
    int64_t day = days + 719468;
    int64_t era = (day >= 0 ? day : day - 146096) / 146097;
    int64_t in_era = day - era * 146097;
    int64_t years =
        (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * years + years / 4 - years / 100);
    int64_t month = (5 * in_year + 2) / 153;
    struct cove_date date;

    date.day = in_year - (153 * month + 2) / 5 + 1;
    date.month = month < 10 ? month + 3 : month - 9;
    date.year = years + era * 400 + (date.month <= 2);
    return date;
}
