/* doc_content.c: what a text, list, stream, blob or counter holds, as JSON; and
 * the documents that one refers to. */
#include "core/cbor.h"
#include "core/hlc.h"
#include "node/past.h"

#include <stdio.h>

const struct node_show node_show_usual = {.entries = 100};
const struct node_show node_show_all = {.entries = -1};

/* The public calls keep their sentence in the store; here it is wanted in the
 * transaction. */
static int content_said(struct cove_txn *txn, int err)
{
    return err == 0 || txn->diag.text[0] != '\0'
               ? err
               : cove_fail(&txn->diag, err, "%s", cove_errmsg(txn->store));
}

static int content_value(struct cove_txn *txn, const struct cove_value *value,
                         struct node_json *j)
{
    struct cove_bytes cbor;

    switch ((enum cove_kind)value->kind) {
    case COVE_KIND_LIST:
    case COVE_KIND_MAP:
        node_json_raw(j, cove_bytes(value->u.text, value->len));
        return 0;
    case COVE_KIND_TEXT:
        node_json_text(j, cove_bytes(value->u.text, value->len));
        return 0;
    case COVE_KIND_NULL:
    case COVE_KIND_BOOL:
    case COVE_KIND_INT:
    case COVE_KIND_FLOAT:
    case COVE_KIND_BYTES:
    case COVE_KIND_REF:
        break;
    }
    int err = node_value_in(txn, *value, &cbor);

    if (err == 0) {
        node_json_value(j, cbor);
    }
    return err;
}

static int content_text(struct cove_txn *txn, const struct cove_id *id,
                        struct node_json *j)
{
    const char *text = "";
    size_t len = 0;
    int err = cove_text_get(txn, id, &text, &len);

    node_json_key(j, "text");
    node_json_text(j, cove_bytes(text, len));
    return err;
}

/* "items" and, where some did not convert, null in their places and "invalid":
 * {"2": raw value}. */
static int content_list(struct cove_txn *txn, const struct cove_id *id,
                        struct node_json *j)
{
    struct node_json invalid;
    size_t length = 0;
    int err = cove_list_length(txn, id, &length);
    bool some = false;

    node_json_init(&invalid, txn->store->alloc);
    node_json_key(j, "items");
    node_json_open(j, '[');
    for (size_t i = 0; i < length && err == 0; i++) {
        struct cove_value value;

        err = cove_list_get(txn, id, i, &value);
        if (err == 0) {
            err = content_value(txn, &value, j);
        } else if (err == COVE_EINVALID) {
            char at[24];

            snprintf(at, sizeof(at), "%zu", i);
            node_json_raw(j, cove_bytes_text("null"));
            node_json_key(&invalid, at);
            err = content_value(txn, &value, &invalid);
            some = true;
        }
    }
    node_json_close(j, ']');
    if (some && err == 0) {
        node_json_key(j, "invalid");
        node_json_open(j, '{');
        node_json_members(j, cove_buf_bytes(&invalid.out));
        node_json_close(j, '}');
        err = invalid.err;
    }
    cove_buf_clear(&invalid.out);
    return err;
}

static int content_counter(struct cove_txn *txn, const struct cove_id *id,
                           struct node_json *j)
{
    int64_t value = 0;
    int err = cove_counter_get(txn, id, &value);

    node_json_key(j, "value");
    node_json_int(j, value);
    if (err == COVE_ELIMIT) {
        node_json_key(j, "overflow");
        node_json_bool(j, true);
        err = 0;
    }
    return err;
}

/* ------------------------------------------------------------------ streams */

static int content_entry(struct cove_txn *txn,
                         const struct cove_stream_entry *entry,
                         struct node_json *j)
{
    node_json_open(j, '{');
    node_json_key(j, "time");
    node_json_int(j, entry->time_ms);
    node_json_key(j, "author");
    node_json_hex(j, entry->author.b, sizeof(entry->author.b));
    node_json_key(j, "value");
    int err = content_value(txn, &entry->value, j);

    node_json_close(j, '}');
    return err;
}

/* How many entries there are to show; entries stand in the order of time. */
static int content_count(struct cove_txn *txn, const struct cove_id *id,
                         const struct node_show *show, int64_t *count)
{
    struct cove_stream_entry entry;
    struct cove_tail *tail;
    uint64_t length = 0;
    int err = cove_stream_length(txn, id, &length);

    *count = (int64_t)length;
    if (err != 0 || show->until == 0) {
        return err;
    }
    *count = 0;
    err = cove_stream_open(txn, id, NULL, NULL, &tail);
    while (err == 0) {
        err = cove_stream_next(tail, &entry);
        if (err == 0 && entry.time_ms > cove_hlc_ms(show->until)) {
            return 0;
        }
        *count += err == 0;
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int content_stream(struct cove_txn *txn, const struct cove_id *id,
                          const struct node_show *show, struct node_json *j)
{
    struct cove_tail *tail;
    int64_t count = 0, skip = 0;
    int err = content_count(txn, id, show, &count);

    if (show->entries >= 0 && count > show->entries) {
        skip = count - show->entries;
    }
    if (err == 0) {
        err = cove_stream_open(txn, id, NULL, NULL, &tail);
    }
    node_json_key(j, "entries");
    node_json_open(j, '[');
    for (int64_t i = 0; i < count && err == 0; i++) {
        struct cove_stream_entry entry;

        err = cove_stream_next(tail, &entry);
        if (err == 0 && i >= skip) {
            err = content_entry(txn, &entry, j);
        }
    }
    node_json_close(j, ']');
    node_json_key(j, "count");
    node_json_int(j, count);
    return err;
}

/* -------------------------------------------------------------------- blobs */

static void blob_text(struct node_json *j, const char *key, const char *text)
{
    node_json_key(j, key);
    if (text != NULL) {
        node_json_cstr(j, text);
    } else {
        node_json_raw(j, cove_bytes_text("null"));
    }
}

/* The bytes themselves, as {"$bytes": base64}. */
static int blob_bytes(struct cove_txn *txn, const struct cove_id *id,
                      int64_t bytes, struct node_json *j)
{
    uint8_t *room = cove_alloc_new(txn->store->alloc, (size_t)bytes + 1);
    size_t at = 0, len = 1;
    struct cove_buf cbor;
    struct cove_writer w;
    int err = room == NULL ? COVE_ENOMEM : 0;

    while (err == 0 && at < (size_t)bytes && len > 0) {
        err = cove_blob_read(txn, id, (int64_t)at, room + at,
                             (size_t)bytes - at, &len);
        at += err == 0 ? len : 0;
    }
    cove_buf_init(&cbor, txn->store->alloc);
    if (err == 0) {
        cove_writer_init(&w, &cbor);
        cove_writer_bytes(&w, room, at);
        err = w.err;
    }
    if (err == 0) {
        node_json_key(j, "data");
        node_json_value(j, cove_buf_bytes(&cbor));
    }
    cove_buf_clear(&cbor);
    cove_alloc_free(txn->store->alloc, room);
    return err;
}

static int content_blob(struct cove_txn *txn, const struct cove_id *id,
                        const struct node_show *show, struct node_json *j)
{
    struct cove_blob blob = {.size_of = sizeof(blob), .bytes = -1};
    int err = cove_blob_info(txn, id, &blob);

    if (err == COVE_ENOTFOUND) {
        cove_diag_clear(&txn->diag);
        blob = (struct cove_blob){.size_of = sizeof(blob), .bytes = -1};
        err = 0;
    }
    blob_text(j, "name", blob.name);
    blob_text(j, "mime", blob.mime);
    node_json_key(j, "bytes");
    if (blob.bytes >= 0) {
        node_json_int(j, blob.bytes);
    } else {
        node_json_raw(j, cove_bytes_text("null"));
    }
    node_json_key(j, "held");
    node_json_int(j, blob.held);
    node_json_key(j, "whole");
    node_json_bool(j, blob.whole);
    if (blob.whole) {
        node_json_key(j, "hash");
        node_json_hex(j, blob.hash, sizeof(blob.hash));
    }
    if (err == 0 && blob.whole && blob.bytes <= show->data) {
        err = blob_bytes(txn, id, blob.bytes, j);
    }
    return err;
}

int node_doc_shown(struct cove_txn *txn, struct cove_loaded *loaded,
                   const struct node_show *show, struct node_json *j)
{
    struct node_show then = *show;
    struct cove_loaded now = *loaded;
    struct node_point point;
    struct node_past past;

    if (show->at == NULL) {
        return node_doc_members(txn, loaded, show, j);
    }
    int err = node_point(txn, &loaded->doc, show->at, &point);

    if (err == 0 && loaded->doc.header.type == COVE_DOC_COSTREAM &&
        point.kind != NODE_POINT_NOW && point.kind != NODE_POINT_TIME) {
        err = cove_fail(&txn->diag, COVE_EUNSUPPORTED,
                        "a stream is shown as of a time; `--branch` shows one "
                        "of its branches");
    }
    err = err != 0 ? err : node_past(txn, loaded, &point, &txn->arena, &past);
    if (err == 0) {
        then.until = point.kind == NODE_POINT_TIME ? point.hlc : 0;
        *loaded = past.loaded; /* which is what the calls below read */
        err = node_doc_members(txn, loaded, &then, j);
        *loaded = now;
        node_past_done(txn, &past);
    }
    return err;
}

/* Edits that came before what they hang on, and are not shown until that
 * comes. */
static void content_waiting(const struct cove_loaded *loaded,
                            struct node_json *j)
{
    const struct cove_seq *seq = cove_loaded_seq(loaded);
    size_t waiting = seq != NULL ? cove_seq_waiting(seq) : 0;

    if (waiting > 0) {
        node_json_key(j, "waiting");
        node_json_int(j, (int64_t)waiting);
    }
}

int node_doc_content(struct cove_txn *txn, struct cove_loaded *loaded,
                     const struct node_show *show, struct node_json *j)
{
    const struct cove_id *id = &loaded->doc.id;
    int err = 0;

    switch (loaded->doc.header.type) {
    case COVE_DOC_COTEXT:
        err = content_text(txn, id, j);
        content_waiting(loaded, j);
        break;
    case COVE_DOC_COLIST:
        err = content_list(txn, id, j);
        content_waiting(loaded, j);
        break;
    case COVE_DOC_COSTREAM:
        err = content_stream(txn, id, show, j);
        break;
    case COVE_DOC_COBINARY:
        err = content_blob(txn, id, show, j);
        break;
    case COVE_DOC_COCOUNTER:
        err = content_counter(txn, id, j);
        break;
    case COVE_DOC_COMAP:
    case COVE_DOC_GROUP:
    case COVE_DOC_ACCOUNT:
    case COVE_DOC_JOURNAL:
    case COVE_DOC_UNKNOWN:
        break;
    }
    return content_said(txn, err);
}
