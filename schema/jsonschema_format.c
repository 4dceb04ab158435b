/* jsonschema_format.c: the formats of JSON Schema by name, and those of time,
 * identity and place in a document. Source: JSON Schema 2020-12, Validation,
 * section 7; RFC 3339; RFC 4122; RFC 6901. */
#include "schema/jsonschema_format.h"

#include "core/bytes.h"
#include "core/calendar.h"
#include "schema/ecma.h"

/* --- reading along ------------------------------------------------------ */

struct along {
    struct cove_bytes text;
    size_t at;
};

static int peek(const struct along *a)
{
    return a->at < a->text.len ? a->text.at[a->at] : -1;
}

static bool take(struct along *a, char c)
{
    bool is = peek(a) == c;

    a->at += is;
    return is;
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(int c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool take_digits(struct along *a, unsigned digits, unsigned *out)
{
    *out = 0;
    for (unsigned i = 0; i < digits; i++) {
        if (!is_digit(peek(a))) {
            return false;
        }
        *out = *out * 10 + (unsigned)(a->text.at[a->at++] - '0');
    }
    return true;
}

static bool at_end(const struct along *a)
{
    return a->at == a->text.len;
}

/* --- date and time (RFC 3339) ------------------------------------------- */

static bool take_date(struct along *a)
{
    unsigned year;
    unsigned month;
    unsigned day;

    return take_digits(a, 4, &year) && take(a, '-') &&
           take_digits(a, 2, &month) && take(a, '-') &&
           take_digits(a, 2, &day) &&
           cove_date_exists((struct cove_date){year, month, day});
}

/* Minutes to take from the local time for UTC. */
static bool take_offset(struct along *a, int *out)
{
    unsigned hours = 0;
    unsigned minutes = 0;
    int sign;

    *out = 0;
    if (take(a, 'Z') || take(a, 'z')) {
        return true;
    }
    sign = take(a, '+') ? 1 : take(a, '-') ? -1 : 0;
    if (sign == 0 || !take_digits(a, 2, &hours) || !take(a, ':') ||
        !take_digits(a, 2, &minutes) || hours > 23 || minutes > 59) {
        return false;
    }
    *out = sign * (int)(hours * 60 + minutes);
    return true;
}

static bool take_time(struct along *a)
{
    unsigned hour;
    unsigned minute;
    unsigned second;
    int offset;

    if (!take_digits(a, 2, &hour) || !take(a, ':') ||
        !take_digits(a, 2, &minute) || !take(a, ':') ||
        !take_digits(a, 2, &second) || hour > 23 || minute > 59 ||
        second > 60) {
        return false;
    }
    if (take(a, '.')) {
        if (!is_digit(peek(a))) {
            return false;
        }
        while (is_digit(peek(a))) {
            a->at++;
        }
    }
    if (!take_offset(a, &offset)) {
        return false;
    }
    /* A leap second is the last of a day in UTC. */
    int utc = ((int)(hour * 60 + minute) - offset + 2 * 1440) % 1440;

    return second < 60 || utc == 1439;
}

bool cove_format_date(struct cove_bytes text)
{
    struct along a = {text, 0};

    return take_date(&a) && at_end(&a);
}

bool cove_format_time(struct cove_bytes text)
{
    struct along a = {text, 0};

    return take_time(&a) && at_end(&a);
}

bool cove_format_date_time(struct cove_bytes text)
{
    struct along a = {text, 0};

    return take_date(&a) && (take(&a, 'T') || take(&a, 't')) && take_time(&a) &&
           at_end(&a);
}

/* --- duration (RFC 3339, appendix A) ------------------------------------ */

/* Some of the units, in order, without a gap between the first and the last;
 * how many. */
static unsigned take_units(struct along *a, const char *units, bool *good)
{
    unsigned count = 0;
    size_t next = 0;

    while (is_digit(peek(a))) {
        const char *unit;

        while (is_digit(peek(a))) {
            a->at++;
        }
        unit = peek(a) > 0 ? strchr(units + next, peek(a)) : NULL;
        if (unit == NULL || (count > 0 && unit != units + next)) {
            *good = false;
            return 0;
        }
        a->at++;
        next = (size_t)(unit - units) + 1;
        count++;
    }
    return count;
}

bool cove_format_duration(struct cove_bytes text)
{
    struct along a = {text, 0};
    struct along week = {text, 1};
    bool good = true;
    unsigned count;

    if (!take(&a, 'P')) {
        return false;
    }
    if (take_units(&week, "W", &good) == 1 && good && at_end(&week)) {
        return true;
    }
    good = true;
    count = take_units(&a, "YMD", &good);
    if (good && take(&a, 'T')) {
        unsigned times = take_units(&a, "HMS", &good);

        good = good && times > 0;
        count += times;
    }
    return good && count > 0 && at_end(&a);
}

/* --- uuid, pointers, regex ---------------------------------------------- */

static bool format_uuid(struct cove_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? text.at[i] != '-' : !is_hex(text.at[i])) {
            return false;
        }
    }
    return text.len == 36;
}

static bool pointer_fits(struct cove_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (i == 0 && text.at[0] != '/') {
            return false;
        }
        if (text.at[i] == '~' &&
            (i + 1 == text.len ||
             (text.at[i + 1] != '0' && text.at[i + 1] != '1'))) {
            return false;
        }
    }
    return true;
}

static bool format_relative_pointer(struct cove_bytes text)
{
    struct along a = {text, 0};

    if (!is_digit(peek(&a))) {
        return false;
    }
    if (!take(&a, '0')) {
        while (is_digit(peek(&a))) {
            a.at++;
        }
    }
    if (peek(&a) == '#') {
        return a.at + 1 == text.len;
    }
    return pointer_fits(cove_bytes(text.at + a.at, text.len - a.at));
}

static bool format_regex(struct cove_bytes text)
{
    return cove_ecma_translate(text, NULL, NULL) == 0;
}

/* --- by name ------------------------------------------------------------ */

const struct schema_format *cove_schema_format(struct cove_bytes name)
{
    static const struct schema_format all[] = {
        {"date", cove_format_date},
        {"time", cove_format_time},
        {"date-time", cove_format_date_time},
        {"duration", cove_format_duration},
        {"email", cove_format_email},
        {"hostname", cove_format_hostname},
        {"ipv4", cove_format_ipv4},
        {"ipv6", cove_format_ipv6},
        {"uri", cove_format_uri},
        {"uri-reference", cove_format_uri_reference},
        {"iri", cove_format_iri},
        {"iri-reference", cove_format_iri_reference},
        {"uri-template", cove_format_uri_template},
        {"uuid", format_uuid},
        {"json-pointer", pointer_fits},
        {"relative-json-pointer", format_relative_pointer},
        {"regex", format_regex},
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(all); i++) {
        if (cove_bytes_equal(name, cove_bytes_text(all[i].name))) {
            return &all[i];
        }
    }
    return NULL;
}
