/* Times as text: RFC 3339 and what of ISO 8601 is in it, over the proleptic
 * Gregorian calendar, years 0000 to 9999, as milliseconds since 1970 in UTC.
 *
 *   2024-05-01T10:30:00Z   2024-05-01T12:30:00.25+02:00   → one form back:
 *   2024-05-01T10:30:00.000Z
 *
 * No leap seconds, no 24:00, no lower case, no local times. A fraction may be
 * of any length, but what is less than a millisecond must be 0. */
#include "core/calendar.h"
#include "schema/fn_atoms.h"

#define DAY_MS   INT64_C(86400000)
#define FIRST_MS INT64_C(-62167219200000) /* 0000-01-01T00:00:00.000Z */
#define LAST_MS  INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

/* --- reading. `at` goes forward where a piece is there. */

static bool time_number(struct cove_bytes text, size_t *at, size_t digits,
                        int64_t *out)
{
    int64_t v = 0;

    if (text.len - *at < digits) {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        uint8_t c = text.at[*at + i];

        if (c < '0' || c > '9') {
            return false;
        }
        v = v * 10 + (c - '0');
    }
    *at += digits;
    *out = v;
    return true;
}

static bool time_mark(struct cove_bytes text, size_t *at, char mark)
{
    if (*at == text.len || text.at[*at] != (uint8_t)mark) {
        return false;
    }
    (*at)++;
    return true;
}

static bool time_read_date(struct cove_bytes text, size_t *at, int64_t *ms)
{
    struct cove_date d;

    if (!time_number(text, at, 4, &d.year) || !time_mark(text, at, '-') ||
        !time_number(text, at, 2, &d.month) || !time_mark(text, at, '-') ||
        !time_number(text, at, 2, &d.day) || !cove_date_exists(d)) {
        return false;
    }
    *ms = cove_date_days(d) * DAY_MS;
    return true;
}

/* Behind a point: milliseconds, and zeros. */
static bool time_read_fraction(struct cove_bytes text, size_t *at, int64_t *ms)
{
    int64_t unit = 100;
    size_t begin = *at;

    for (; *at < text.len; (*at)++) {
        uint8_t c = text.at[*at];

        if (c < '0' || c > '9') {
            break;
        }
        if (unit == 0 && c != '0') {
            return false;
        }
        *ms += unit * (c - '0');
        unit /= 10;
    }
    return *at > begin;
}

static bool time_read_clock(struct cove_bytes text, size_t *at, int64_t *ms)
{
    int64_t hour;
    int64_t minute;
    int64_t second;

    if (!time_number(text, at, 2, &hour) || !time_mark(text, at, ':') ||
        !time_number(text, at, 2, &minute) || !time_mark(text, at, ':') ||
        !time_number(text, at, 2, &second) || hour > 23 || minute > 59 ||
        second > 59) {
        return false;
    }
    *ms += ((hour * 60 + minute) * 60 + second) * 1000;
    return !time_mark(text, at, '.') || time_read_fraction(text, at, ms);
}

/* Z, or how far the clock is before UTC. */
static bool time_read_zone(struct cove_bytes text, size_t *at, int64_t *ms)
{
    int64_t hour;
    int64_t minute;
    bool ahead;

    if (time_mark(text, at, 'Z')) {
        return true;
    }
    ahead = time_mark(text, at, '+');
    if ((!ahead && !time_mark(text, at, '-')) ||
        !time_number(text, at, 2, &hour) || !time_mark(text, at, ':') ||
        !time_number(text, at, 2, &minute) || hour > 23 || minute > 59) {
        return false;
    }
    *ms -= (hour * 60 + minute) * 60000 * (ahead ? 1 : -1);
    return true;
}

int cove_fn_ms_of_iso(struct cove_fn_run *run, struct cove_bytes arg,
                      struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_bytes text;
    size_t at = 0;
    int64_t ms;

    (void)arg;
    if (cove_fn_as_text(in, &text) != 0 || !time_read_date(text, &at, &ms) ||
        !time_mark(text, &at, 'T') || !time_read_clock(text, &at, &ms) ||
        !time_read_zone(text, &at, &ms) || at != text.len || ms < FIRST_MS ||
        ms > LAST_MS) {
        return FN_BAD;
    }
    return cove_fn_of_int(run, ms, out);
}

int cove_fn_ms_of_date(struct cove_fn_run *run, struct cove_bytes arg,
                       struct cove_bytes in, struct cove_bytes *out)
{
    struct cove_bytes text;
    size_t at = 0;
    int64_t ms;

    (void)arg;
    if (cove_fn_as_text(in, &text) != 0 || !time_read_date(text, &at, &ms) ||
        at != text.len) {
        return FN_BAD;
    }
    return cove_fn_of_int(run, ms, out);
}

/* --- writing */

static void time_put(uint8_t *text, int64_t v, size_t digits)
{
    for (size_t i = digits; i > 0; i--, v /= 10) {
        text[i - 1] = (uint8_t)('0' + v % 10);
    }
}

/* A time within the years, as days and what is left of the last. */
static int time_split(struct cove_bytes in, int64_t *days, int64_t *ms)
{
    fn_wide v;

    if (cove_fn_as_int(in, &v) != 0 || v < FIRST_MS || v > LAST_MS) {
        return FN_BAD;
    }
    *ms = (int64_t)v;
    *days = *ms / DAY_MS - (*ms % DAY_MS < 0);
    *ms -= *days * DAY_MS;
    return 0;
}

static void time_put_date(uint8_t *text, int64_t days)
{
    struct cove_date d = cove_date_of_days(days);

    time_put(text, d.year, 4);
    time_put(text + 5, d.month, 2);
    time_put(text + 8, d.day, 2);
}

int cove_fn_iso_of_ms(struct cove_fn_run *run, struct cove_bytes arg,
                      struct cove_bytes in, struct cove_bytes *out)
{
    uint8_t text[] = "0000-00-00T00:00:00.000Z";
    int64_t days;
    int64_t ms;

    (void)arg;
    if (time_split(in, &days, &ms) != 0) {
        return FN_BAD;
    }
    time_put_date(text, days);
    time_put(text + 11, ms / 3600000, 2);
    time_put(text + 14, ms / 60000 % 60, 2);
    time_put(text + 17, ms / 1000 % 60, 2);
    time_put(text + 20, ms % 1000, 3);
    return cove_fn_of_text(run, cove_bytes(text, sizeof(text) - 1), out);
}

int cove_fn_date_of_ms(struct cove_fn_run *run, struct cove_bytes arg,
                       struct cove_bytes in, struct cove_bytes *out)
{
    uint8_t text[] = "0000-00-00";
    int64_t days;
    int64_t ms;

    (void)arg;
    if (time_split(in, &days, &ms) != 0 || ms != 0) {
        return FN_BAD;
    }
    time_put_date(text, days);
    return cove_fn_of_text(run, cove_bytes(text, sizeof(text) - 1), out);
}
