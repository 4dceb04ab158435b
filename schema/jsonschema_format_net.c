/* jsonschema_format_net.c: the formats of addresses and of URIs. Source: RFC
 * 5321, section 4.1.2; RFC 1123, section 2.1; RFC 2673, section 3.2; RFC 4291,
 * section 2.2; RFC 3986; RFC 3987; RFC 6570. */
#include "schema/jsonschema_format.h"

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_alpha(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_hex(int c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static struct cove_bytes part(struct cove_bytes text, size_t begin, size_t end)
{
    return cove_bytes(text.at + begin, end - begin);
}

/* The place of the first c from `begin`; the length where there is none. */
static size_t find(struct cove_bytes text, size_t begin, int c)
{
    while (begin < text.len && text.at[begin] != c) {
        begin++;
    }
    return begin;
}

/* --- addresses ---------------------------------------------------------- */

bool cove_format_ipv4(struct cove_bytes text)
{
    size_t begin = 0;

    for (int i = 0; i < 4; i++) {
        size_t end = find(text, begin, '.');
        unsigned value = 0;

        if (end == begin || end - begin > 3 || (end == text.len) != (i == 3) ||
            (text.at[begin] == '0' && end - begin > 1)) {
            return false;
        }
        for (size_t k = begin; k < end; k++) {
            if (!is_digit(text.at[k])) {
                return false;
            }
            value = value * 10 + (unsigned)(text.at[k] - '0');
        }
        if (value > 255) {
            return false;
        }
        begin = end + 1;
    }
    return true;
}

/* Groups of up to four hexadecimal digits with ':' between; the last may be an
 * IPv4 address, which counts for two. How many, or 99. */
static unsigned ipv6_groups(struct cove_bytes text, bool last)
{
    unsigned count = 0;
    size_t begin = 0;

    while (begin < text.len) {
        size_t end = find(text, begin, ':');

        if (last && end == text.len &&
            cove_format_ipv4(part(text, begin, end))) {
            return count + 2;
        }
        if (end == begin || end - begin > 4 || end + 1 == text.len) {
            return 99;
        }
        for (size_t i = begin; i < end; i++) {
            if (!is_hex(text.at[i])) {
                return 99;
            }
        }
        count++;
        begin = end + 1;
    }
    return count;
}

bool cove_format_ipv6(struct cove_bytes text)
{
    size_t gap = 0;

    while (gap + 1 < text.len &&
           !(text.at[gap] == ':' && text.at[gap + 1] == ':')) {
        gap++;
    }
    if (gap + 1 >= text.len) {
        return ipv6_groups(text, true) == 8;
    }

    struct cove_bytes behind = part(text, gap + 2, text.len);

    return ipv6_groups(part(text, 0, gap), false) + ipv6_groups(behind, true) <
           8;
}

static bool label_fits(struct cove_bytes label)
{
    for (size_t i = 0; i < label.len; i++) {
        bool edge = i == 0 || i + 1 == label.len;

        if (!is_alpha(label.at[i]) && !is_digit(label.at[i]) &&
            (edge || label.at[i] != '-')) {
            return false;
        }
    }
    /* What begins with "xn--" is of IDNA, and other such words of nobody. */
    return label.len > 0 && label.len <= 63 &&
           (label.len < 4 || label.at[2] != '-' || label.at[3] != '-' ||
            ((label.at[0] | 0x20) == 'x' && (label.at[1] | 0x20) == 'n'));
}

bool cove_format_hostname(struct cove_bytes text)
{
    size_t begin = 0;

    if (text.len > 253) {
        return false;
    }
    for (;;) {
        size_t end = find(text, begin, '.');

        if (!label_fits(part(text, begin, end))) {
            return false;
        }
        if (end == text.len) {
            return true;
        }
        begin = end + 1;
    }
}

static bool is_atom(int c)
{
    return is_alpha(c) || is_digit(c) ||
           (c > 0 && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool local_fits(struct cove_bytes local)
{
    bool quoted =
        local.len >= 2 && local.at[0] == '"' && local.at[local.len - 1] == '"';

    if (local.len == 0 || local.len > 64) {
        return false;
    }
    for (size_t i = quoted; i < local.len - quoted; i++) {
        int c = local.at[i];

        if (quoted && c == '\\' && i + 2 < local.len) {
            i++;
        } else if (quoted ? c < ' ' || c > '~' || c == '"' || c == '\\'
                          : !is_atom(c) &&
                                (c != '.' || i == 0 || i + 1 == local.len ||
                                 local.at[i - 1] == '.')) {
            return false;
        }
    }
    return true;
}

bool cove_format_email(struct cove_bytes text)
{
    size_t at = text.len;

    while (at > 0 && text.at[at - 1] != '@') {
        at--;
    }
    if (at == 0 || !local_fits(part(text, 0, at - 1))) {
        return false;
    }

    struct cove_bytes domain = part(text, at, text.len);

    if (domain.len < 2 || domain.at[0] != '[' ||
        domain.at[domain.len - 1] != ']') {
        return cove_format_hostname(domain);
    }
    domain = part(domain, 1, domain.len - 1);
    return domain.len > 5 && memcmp(domain.at, "IPv6:", 5) == 0
               ? cove_format_ipv6(part(domain, 5, domain.len))
               : cove_format_ipv4(domain);
}

/* --- URIs and IRIs ------------------------------------------------------ */

/* Letters, digits, -._~, %XX, and these marks; in an IRI all that is wide. */
static bool chars_fit(struct cove_bytes text, const char *marks, bool wide)
{
    for (size_t i = 0; i < text.len; i++) {
        int c = text.at[i];

        if (c == '%') {
            if (i + 2 >= text.len || !is_hex(text.at[i + 1]) ||
                !is_hex(text.at[i + 2])) {
                return false;
            }
            i += 2;
        } else if (!(wide && c >= 0x80) && !is_alpha(c) && !is_digit(c) &&
                   (c == 0 ||
                    (strchr("-._~", c) == NULL && strchr(marks, c) == NULL))) {
            return false;
        }
    }
    return true;
}

#define SUB_DELIMS "!$&'()*+,;="

/* "v1.…" */
static bool future_fits(struct cove_bytes text)
{
    size_t dot = find(text, 0, '.');

    if (text.len == 0 || (text.at[0] | 0x20) != 'v' || dot < 2 ||
        dot + 1 >= text.len) {
        return false;
    }
    for (size_t i = 1; i < dot; i++) {
        if (!is_hex(text.at[i])) {
            return false;
        }
    }
    return find(text, 0, '%') == text.len &&
           chars_fit(part(text, dot + 1, text.len), SUB_DELIMS ":", false);
}

static bool authority_fits(struct cove_bytes text, bool wide)
{
    size_t user = find(text, 0, '@');
    size_t host = user < text.len ? user + 1 : 0;
    size_t end;

    if (user < text.len &&
        !chars_fit(part(text, 0, user), SUB_DELIMS ":", wide)) {
        return false;
    }
    if (host < text.len && text.at[host] == '[') {
        end = find(text, host, ']');
        if (end == text.len || (!cove_format_ipv6(part(text, host + 1, end)) &&
                                !future_fits(part(text, host + 1, end)))) {
            return false;
        }
        end++;
    } else {
        end = find(text, host, ':');
        if (!chars_fit(part(text, host, end), SUB_DELIMS, wide)) {
            return false;
        }
    }
    if (end == text.len) {
        return true;
    }
    if (text.at[end] != ':') {
        return false;
    }
    for (size_t i = end + 1; i < text.len; i++) {
        if (!is_digit(text.at[i])) {
            return false;
        }
    }
    return true;
}

static bool path_fits(struct cove_bytes path, bool has_scheme, bool wide)
{
    if (path.len >= 2 && path.at[0] == '/' && path.at[1] == '/') {
        size_t end = find(path, 2, '/');

        return authority_fits(part(path, 2, end), wide) &&
               chars_fit(part(path, end, path.len), SUB_DELIMS ":@/", wide);
    }
    /* What stands in front of the first '/' is no scheme by mistake. */
    return chars_fit(path, SUB_DELIMS ":@/", wide) &&
           (has_scheme || find(path, 0, ':') >= find(path, 0, '/'));
}

/* Letters, digits, '+', '-' and '.', in front of the ':'; 0 of none. */
static size_t scheme_end(struct cove_bytes text)
{
    size_t colon = find(text, 0, ':');

    if (colon == text.len || colon == 0 || !is_alpha(text.at[0])) {
        return 0;
    }
    for (size_t i = 1; i < colon; i++) {
        int c = text.at[i];

        if (!is_alpha(c) && !is_digit(c) && c != '+' && c != '-' && c != '.') {
            return 0;
        }
    }
    return colon + 1;
}

static bool uri_fits(struct cove_bytes text, bool absolute, bool wide)
{
    size_t fragment = find(text, 0, '#');
    size_t query = find(part(text, 0, fragment), 0, '?');
    size_t path = scheme_end(part(text, 0, query));

    if (absolute && path == 0) {
        return false;
    }
    return path_fits(part(text, path, query), path > 0, wide) &&
           (query == fragment || chars_fit(part(text, query + 1, fragment),
                                           SUB_DELIMS ":@/?", wide)) &&
           (fragment == text.len ||
            chars_fit(part(text, fragment + 1, text.len), SUB_DELIMS ":@/?",
                      wide));
}

bool cove_format_uri(struct cove_bytes text)
{
    return uri_fits(text, true, false);
}

bool cove_format_uri_reference(struct cove_bytes text)
{
    return uri_fits(text, false, false);
}

bool cove_format_iri(struct cove_bytes text)
{
    return uri_fits(text, true, true);
}

bool cove_format_iri_reference(struct cove_bytes text)
{
    return uri_fits(text, false, true);
}

/* --- URI templates ------------------------------------------------------ */

/* One variable: a name, and "*" or ":123" behind it. */
static bool variable_fits(struct cove_bytes text)
{
    size_t end = find(text, 0, ':');
    size_t star = find(text, 0, '*');
    struct cove_bytes name = part(text, 0, end < star ? end : star);

    if (name.len == 0 || name.at[0] == '.' || name.at[name.len - 1] == '.' ||
        find(name, 0, '-') < name.len || find(name, 0, '~') < name.len ||
        !chars_fit(name, "", false)) {
        return false;
    }
    for (size_t i = 1; i < name.len; i++) {
        if (name.at[i] == '.' && name.at[i - 1] == '.') {
            return false;
        }
    }
    if (star < end) {
        return star + 1 == text.len;
    }
    if (end == text.len) {
        return true;
    }
    for (size_t i = end + 1; i < text.len; i++) {
        if (!is_digit(text.at[i])) {
            return false;
        }
    }
    return text.len > end + 1 && text.len <= end + 5 && text.at[end + 1] != '0';
}

static bool expression_fits(struct cove_bytes text)
{
    size_t begin = text.len > 0 && text.at[0] != 0 &&
                   strchr("+#./;?&", text.at[0]) != NULL;

    for (;;) {
        size_t end = find(text, begin, ',');

        if (!variable_fits(part(text, begin, end))) {
            return false;
        }
        if (end == text.len) {
            return true;
        }
        begin = end + 1;
    }
}

bool cove_format_uri_template(struct cove_bytes text)
{
    size_t i = 0;

    while (i < text.len) {
        size_t end = find(text, i, '{');

        if (!chars_fit(part(text, i, end), SUB_DELIMS ":@/?#[]", true)) {
            return false;
        }
        if (end == text.len) {
            return true;
        }
        i = find(text, end, '}');
        if (i == text.len || !expression_fits(part(text, end + 1, i))) {
            return false;
        }
        i++;
    }
    return true;
}
