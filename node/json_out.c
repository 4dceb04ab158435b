/* json_out.c: replies as JSON text, written front to back into one buffer.
 * The error is sticky and looked at once, when the text is taken. */
#include "node/node.h"

#include <stdio.h>
#include <stdlib.h>

void node_json_init(struct node_json *j, const struct cove_alloc *alloc)
{
    cove_buf_init(&j->out, alloc);
    j->err = 0;
    j->comma = false;
}

static void json_append(struct node_json *j, const void *at, size_t len)
{
    if (j->err == 0) {
        j->err = cove_buf_append(&j->out, cove_bytes(at, len));
    }
}

/* A comma where one is due; then something stands before. */
static void json_before(struct node_json *j)
{
    if (j->comma) {
        json_append(j, ",", 1);
    }
    j->comma = true;
}

void node_json_open(struct node_json *j, char bracket)
{
    json_before(j);
    json_append(j, &bracket, 1);
    j->comma = false;
}

void node_json_close(struct node_json *j, char bracket)
{
    json_append(j, &bracket, 1);
    j->comma = true;
}

static void json_string(struct node_json *j, struct cove_bytes text)
{
    static const char hex[] = "0123456789abcdef";
    size_t from = 0;

    json_append(j, "\"", 1);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];

        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) {
            continue;
        }
        char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

        json_append(j, text.at + from, i - from);
        from = i + 1;
        if (c == '"' || c == '\\') {
            escape[1] = (char)c;
            json_append(j, escape, 2);
        } else {
            json_append(j, escape, sizeof(escape));
        }
    }
    if (from < text.len) { /* the empty text may stand nowhere */
        json_append(j, text.at + from, text.len - from);
    }
    json_append(j, "\"", 1);
}

void node_json_key_bytes(struct node_json *j, struct cove_bytes key)
{
    json_before(j);
    json_string(j, key);
    json_append(j, ":", 1);
    j->comma = false;
}

void node_json_key(struct node_json *j, const char *key)
{
    node_json_key_bytes(j, cove_bytes_text(key));
}

void node_json_int(struct node_json *j, int64_t v)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%lld", (long long)v);

    json_before(j);
    json_append(j, text, (size_t)len);
}

void node_json_bool(struct node_json *j, bool v)
{
    json_before(j);
    json_append(j, v ? "true" : "false", v ? 4 : 5);
}

void node_json_text(struct node_json *j, struct cove_bytes text)
{
    json_before(j);
    json_string(j, text);
}

void node_json_cstr(struct node_json *j, const char *text)
{
    node_json_text(j, cove_bytes_text(text));
}

void node_json_hex(struct node_json *j, const void *at, size_t len)
{
    char hex[COVE_HEX_LEN(64)];

    cove_hex(cove_bytes(at, len <= 64 ? len : 64), hex);
    node_json_cstr(j, hex);
}

void node_json_id(struct node_json *j, const struct cove_id *id)
{
    char text[COVE_ID_TEXT_MAX];

    cove_id_text(id, text);
    node_json_cstr(j, text);
}

void node_json_value(struct node_json *j, struct cove_bytes cbor)
{
    json_before(j);
    if (j->err == 0) {
        j->err = cove_json_write(cbor, 0, &j->out);
    }
}

void node_json_why(struct node_json *j, const struct cove_id *id,
                   const char *why)
{
    node_json_open(j, '{');
    if (id != NULL) {
        node_json_key(j, "id");
        node_json_id(j, id);
    }
    node_json_key(j, "why");
    node_json_cstr(j, why);
    node_json_close(j, '}');
}

void node_json_members(struct node_json *j, struct cove_bytes members)
{
    if (members.len > 0) {
        node_json_raw(j, members);
    }
}

void node_json_raw(struct node_json *j, struct cove_bytes json)
{
    json_before(j);
    json_append(j, json.at, json.len);
}

int node_json_take(struct node_json *j, char **out)
{
    json_append(j, "", 1);
    if (j->err != 0) {
        cove_buf_clear(&j->out);
        return j->err;
    }
    *out = (char *)j->out.at;
    j->out.at = NULL;
    j->out.len = 0;
    j->out.cap = 0;
    return 0;
}
