/* json_out.h: JSON text, written front to back. */
#ifndef COVE_NODE_JSON_OUT_H
#define COVE_NODE_JSON_OUT_H

#include "core/id.h"

struct node_json {
    struct cove_buf out;
    int err;
    bool comma; /* a member or item stands before */
};
void node_json_init(struct node_json *j, const struct cove_alloc *alloc);
void node_json_open(struct node_json *j, char bracket);  /* { or [ */
void node_json_close(struct node_json *j, char bracket); /* } or ] */
void node_json_key(struct node_json *j, const char *key);
void node_json_key_bytes(struct node_json *j, struct cove_bytes key);
void node_json_int(struct node_json *j, int64_t v);
void node_json_bool(struct node_json *j, bool v);
void node_json_text(struct node_json *j, struct cove_bytes text);
void node_json_cstr(struct node_json *j, const char *text);
void node_json_hex(struct node_json *j, const void *at, size_t len);
void node_json_id(struct node_json *j, const struct cove_id *id);
void node_json_value(struct node_json *j, struct cove_bytes cbor);
void node_json_raw(struct node_json *j, struct cove_bytes json);
/* {"id", "why"}; without an id where that is NULL. */
void node_json_why(struct node_json *j, const struct cove_id *id,
                   const char *why);
/* Members that another wrote without brackets around them. */
void node_json_members(struct node_json *j, struct cove_bytes members);
void node_json_percent(struct node_json *j, uint32_t parts); /* config.c */
/* Take the text out, NUL-terminated, freed by cove_free; resets j. */
int node_json_take(struct node_json *j, char **out);

#endif
