/* jsonschema_uri.c: see jsonschema_uri.h. */
#include "schema/jsonschema_uri.h"

#include "cove/error.h"

struct uri { /* at is NULL where a part is absent */
    struct cove_bytes scheme;
    struct cove_bytes authority;
    struct cove_bytes path;
    struct cove_bytes query;
    struct cove_bytes fragment;
};

static size_t find(struct cove_bytes text, const char *stops)
{
    size_t i = 0;

    while (i < text.len && strchr(stops, text.at[i]) == NULL) {
        i++;
    }
    return i;
}

static struct cove_bytes behind(struct cove_bytes text, size_t n)
{
    return cove_bytes(text.at + n, text.len - n);
}

struct cove_bytes cove_uri_document(struct cove_bytes uri)
{
    return cove_bytes(uri.at, find(uri, "#"));
}

struct cove_bytes cove_uri_fragment(struct cove_bytes uri)
{
    size_t n = find(uri, "#");

    return n < uri.len ? behind(uri, n + 1) : cove_bytes("", 0);
}

static bool is_scheme(struct cove_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '+' ||
                                    c == '-' || c == '.'))) {
            return false;
        }
    }
    return text.len > 0;
}

static struct uri uri_split(struct cove_bytes text)
{
    struct uri uri = {.path = {(const uint8_t *)"", 0}};
    size_t n = find(text, "#");

    if (n < text.len) {
        uri.fragment = behind(text, n + 1);
        text.len = n;
    }
    n = find(text, "?");
    if (n < text.len) {
        uri.query = behind(text, n + 1);
        text.len = n;
    }
    n = find(text, ":/");
    if (n < text.len && text.at[n] == ':' &&
        is_scheme(cove_bytes(text.at, n))) {
        uri.scheme = cove_bytes(text.at, n);
        text = behind(text, n + 1);
    }
    if (text.len >= 2 && text.at[0] == '/' && text.at[1] == '/') {
        text = behind(text, 2);
        n = find(text, "/");
        uri.authority = cove_bytes(text.at, n);
        text = behind(text, n);
    }
    uri.path = text;
    return uri;
}

/* Take "." and ".." out of a path, in place. */
static size_t dots_remove(uint8_t *path, size_t len)
{
    size_t in = 0;
    size_t out = 0;
    bool rooted = len > 0 && path[0] == '/';

    while (in < len) {
        size_t end = in + (path[in] == '/');

        while (end < len && path[end] != '/') {
            end++;
        }

        size_t name = in + (path[in] == '/');
        size_t n = end - name;
        bool dot = n == 1 && path[name] == '.';
        bool up = n == 2 && path[name] == '.' && path[name + 1] == '.';

        if (up) {
            while (out > 0 && path[--out] != '/') {
            }
        }
        if (dot || up) { /* what is left ends in '/' */
            if (end == len && (out > 0 || rooted)) {
                path[out++] = '/';
            }
        } else {
            size_t from = out == 0 && !rooted ? name : in;

            memmove(path + out, path + from, end - from);
            out += end - from;
        }
        in = end;
    }
    return out;
}

/* The path of a base without its last name, and a reference's behind it. */
static struct cove_bytes path_merge(const struct uri *base,
                                    struct cove_bytes path, uint8_t *room)
{
    size_t n = base->path.len;

    if (n == 0 && base->authority.at != NULL) {
        room[n++] = '/';
    } else {
        while (n > 0 && base->path.at[n - 1] != '/') {
            n--;
        }
        if (n > 0) {
            memcpy(room, base->path.at, n);
        }
    }
    if (path.len > 0) {
        memcpy(room + n, path.at, path.len);
    }
    return cove_bytes(room, n + path.len);
}

static uint8_t *put(uint8_t *out, const char *before, struct cove_bytes part,
                    const char *after)
{
    if (part.at == NULL) {
        return out;
    }
    for (; *before != '\0'; before++) {
        *out++ = (uint8_t)*before;
    }
    if (part.len > 0) {
        memcpy(out, part.at, part.len);
    }
    out += part.len;
    for (; *after != '\0'; after++) {
        *out++ = (uint8_t)*after;
    }
    return out;
}

int cove_uri_resolve(struct cove_arena *arena, struct cove_bytes base,
                     struct cove_bytes reference, struct cove_bytes *out)
{
    struct uri b = uri_split(base);
    struct uri r = uri_split(reference);
    size_t most = base.len + reference.len + 8;
    uint8_t *room = cove_arena_new(arena, most);
    uint8_t *text = cove_arena_new(arena, most);

    if (room == NULL || text == NULL) {
        return COVE_ENOMEM;
    }
    if (r.scheme.at == NULL) {
        r.scheme = b.scheme;
        if (r.authority.at == NULL) {
            r.authority = b.authority;
            if (r.path.len == 0) {
                r.path = b.path;
                r.query = r.query.at != NULL ? r.query : b.query;
            } else if (r.path.at[0] != '/') {
                r.path = path_merge(&b, r.path, room);
            }
        }
    }

    uint8_t *at = put(text, "", r.scheme, ":");

    at = put(at, "//", r.authority, "");

    uint8_t *path = at;

    at = put(at, "", r.path, "");
    at = path + dots_remove(path, (size_t)(at - path));
    at = put(at, "?", r.query, "");
    at = put(at, "#", r.fragment, "");
    *out = cove_bytes(text, (size_t)(at - text));
    return 0;
}

static int hex(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

int cove_uri_decode(struct cove_arena *arena, struct cove_bytes text,
                    struct cove_bytes *out)
{
    uint8_t *room = cove_arena_new(arena, text.len + 1);
    size_t len = 0;

    if (room == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < text.len; i++) {
        room[len] = text.at[i];
        if (text.at[i] == '%') {
            int high = i + 2 < text.len ? hex(text.at[i + 1]) : -1;
            int low = i + 2 < text.len ? hex(text.at[i + 2]) : -1;

            if (high < 0 || low < 0) {
                return COVE_EFORMAT;
            }
            room[len] = (uint8_t)(high * 16 + low);
            i += 2;
        }
        len++;
    }
    *out = cove_bytes(room, len);
    return 0;
}
