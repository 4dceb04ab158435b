/* header_decode.c: hostile bytes to a header. docs/FORMAT.md "Header".
 *
 * Two steps: each field is read by its row of a table, which knows the field's
 * form and nothing else; then the rules that hold between fields are checked
 * on the whole.
 */
#include "core/cbor.h"
#include "core/limits.h"
#include "core/value.h"
#include "crdt/header.h"

/* --- reading: one function a field */

typedef int header_read(struct cove_reader *r, struct cove_header *out,
                        struct cove_diag *diag);

/* A byte string of exactly len bytes; false where it is anything else. */
static bool header_take(struct cove_reader *r, size_t len,
                        struct cove_bytes *out)
{
    if (cove_reader_peek(r) != COVE_CBOR_BYTES) {
        return false;
    }

    struct cove_bytes bytes = cove_reader_bytes(r);

    if (bytes.at == NULL || bytes.len != len) {
        return false;
    }
    *out = bytes;
    return true;
}

static int header_not_bytes(const char *name, size_t len,
                            struct cove_diag *diag)
{
    return cove_fail(diag, COVE_EFORMAT,
                     "header field \"%s\" must be a byte string of %zu bytes",
                     name, len);
}

/* One value, within the limits of values. */
static int header_value(struct cove_reader *r, const char *name,
                        struct cove_bytes *out, struct cove_diag *diag)
{
    struct cove_bytes value = cove_reader_item(r);
    int err = cove_value_check(value, diag);

    if (err != 0) {
        cove_diag_context(diag, "header field \"%s\"", name);
        return err;
    }
    *out = value;
    return 0;
}

static int header_read_v(struct cove_reader *r, struct cove_header *out,
                         struct cove_diag *diag)
{
    if (cove_reader_peek(r) != COVE_CBOR_UINT) {
        return cove_fail(diag, COVE_EFORMAT,
                         "header field \"v\" must be an unsigned integer");
    }
    out->version = cove_reader_uint(r);
    return 0;
}

static int header_read_type(struct cove_reader *r, struct cove_header *out,
                            struct cove_diag *diag)
{
    if (cove_reader_peek(r) != COVE_CBOR_TEXT) {
        return cove_fail(diag, COVE_EFORMAT,
                         "header field \"type\" must be a text");
    }

    struct cove_bytes name = cove_reader_text(r);

    if (name.len == 0) {
        return cove_fail(diag, COVE_EFORMAT,
                         "header field \"type\" must not be empty");
    }
    out->type_name = name;
    out->type = COVE_DOC_UNKNOWN;
    for (int i = 0; i < COVE_DOC_UNKNOWN; i++) {
        if (cove_bytes_equal(name, cove_bytes_text(cove_doc_type_name(
                                       (enum cove_doc_type)i)))) {
            out->type = (enum cove_doc_type)i;
        }
    }
    return 0;
}

static int header_read_owner(struct cove_reader *r, struct cove_header *out,
                             struct cove_diag *diag)
{
    struct cove_bytes owner;

    if (!header_take(r, sizeof(out->owner.b), &owner)) {
        return header_not_bytes("owner", sizeof(out->owner.b), diag);
    }
    memcpy(out->owner.b, owner.at, sizeof(out->owner.b));
    out->has_owner = true;
    return 0;
}

static int header_read_root(struct cove_reader *r, struct cove_header *out,
                            struct cove_diag *diag)
{
    struct cove_bytes root;

    if (!header_take(r, sizeof(out->root.b), &root)) {
        return header_not_bytes("root", sizeof(out->root.b), diag);
    }
    memcpy(out->root.b, root.at, sizeof(out->root.b));
    out->has_root = true;
    return 0;
}

static int header_read_nonce(struct cove_reader *r, struct cove_header *out,
                             struct cove_diag *diag)
{
    return header_take(r, COVE_HEADER_NONCE, &out->nonce)
               ? 0
               : header_not_bytes("nonce", COVE_HEADER_NONCE, diag);
}

static int header_read_unique(struct cove_reader *r, struct cove_header *out,
                              struct cove_diag *diag)
{
    return header_value(r, "unique", &out->unique, diag);
}

static int header_read_created(struct cove_reader *r, struct cove_header *out,
                               struct cove_diag *diag)
{
    uint64_t ms = UINT64_MAX;

    if (cove_reader_peek(r) == COVE_CBOR_UINT) {
        ms = cove_reader_uint(r);
    }
    if (ms > COVE_HEADER_MAX_MS) {
        return cove_fail(diag, COVE_EFORMAT,
                         "header field \"created\" must be a time in ms, from "
                         "0 to 2^47 - 1");
    }
    out->created_ms = (int64_t)ms;
    out->has_created = true;
    return 0;
}

static int header_read_meta(struct cove_reader *r, struct cove_header *out,
                            struct cove_diag *diag)
{
    struct cove_bytes meta = {0};
    struct cove_bytes member;
    int err = header_value(r, "meta", &meta, diag);

    if (err != 0) {
        return err;
    }
    if (cove_value_kind(meta) != COVE_KIND_MAP || meta.len == 1) {
        return cove_fail(diag, COVE_EFORMAT,
                         "header field \"meta\" must be a map, and left out "
                         "where it is empty");
    }
    if (cove_value_member(meta, "$schema", &member)) {
        if (!cove_value_ref(member, &out->schema)) {
            return cove_fail(diag, COVE_EFORMAT,
                             "header field \"meta.$schema\" must be a "
                             "reference to a journal");
        }
        out->has_schema = true;
    }
    if (cove_value_member(meta, "version", &member)) {
        if (cove_value_kind(member) != COVE_KIND_INT) {
            return cove_fail(diag, COVE_EFORMAT,
                             "header field \"meta.version\" must be an "
                             "integer");
        }
        out->schema_version = cove_value_int(member);
        out->has_schema_version = true;
    }
    out->meta = meta;
    return 0;
}

struct header_from {
    struct cove_bytes document;
    struct cove_bytes rule;
};

static int header_read_from_member(struct cove_reader *r,
                                   struct header_from *from,
                                   struct cove_header *out,
                                   struct cove_diag *diag)
{
    struct cove_bytes value = {0};

    if (cove_reader_peek(r) != COVE_CBOR_TEXT) {
        return cove_fail(diag, COVE_EFORMAT,
                         "the keys of header field \"from\" must be texts");
    }

    struct cove_bytes key = cove_reader_text(r);

    if (cove_bytes_equal(key, cove_bytes_text("document"))) {
        return header_take(r, sizeof(struct cove_id), &from->document)
                   ? 0
                   : header_not_bytes("from.document", sizeof(struct cove_id),
                                      diag);
    }
    if (cove_bytes_equal(key, cove_bytes_text("key"))) {
        return header_value(r, "from.key", &value, diag);
    }
    if (cove_bytes_equal(key, cove_bytes_text("rule")) &&
        cove_reader_peek(r) == COVE_CBOR_TEXT) {
        from->rule = cove_reader_text(r);
        return 0;
    }
    /* A rule of another type is left to be missed below. */
    cove_reader_item(r);
    out->unknown_fields = true;
    return 0;
}

/* {key?, rule, document}: which document this one was extracted from. */
static int header_read_from(struct cove_reader *r, struct cove_header *out,
                            struct cove_diag *diag)
{
    const uint8_t *at = r->at;
    struct header_from from = {0};

    if (cove_reader_peek(r) != COVE_CBOR_MAP) {
        return cove_fail(diag, COVE_EFORMAT,
                         "header field \"from\" must be a map");
    }
    for (size_t left = cove_reader_map(r); left > 0; left--) {
        int err = header_read_from_member(r, &from, out, diag);

        if (err != 0) {
            return err;
        }
    }
    if (from.document.len == 0 || from.rule.len == 0 ||
        from.rule.len > COVE_MAX_KEY) {
        return cove_fail(diag, COVE_EFORMAT,
                         "header field \"from\" needs \"document\" (32 bytes) "
                         "and \"rule\" (a text of 1 to %d bytes)",
                         COVE_MAX_KEY);
    }
    out->from = cove_bytes(at, (size_t)(r->at - at));
    return 0;
}

/* {device key: role}: at least one admin, or nobody could ever act. */
static int header_read_members(struct cove_reader *r, struct cove_header *out,
                               struct cove_diag *diag)
{
    const uint8_t *at = r->at;
    bool has_admin = false;

    if (cove_reader_peek(r) != COVE_CBOR_MAP) {
        return cove_fail(diag, COVE_EFORMAT,
                         "header field \"members\" must be a map");
    }
    for (size_t left = cove_reader_map(r); left > 0; left--) {
        struct cove_bytes device;
        enum cove_role role = COVE_ROLE_NONE;

        if (!header_take(r, sizeof(struct cove_key), &device)) {
            return header_not_bytes("members (a key of it)",
                                    sizeof(struct cove_key), diag);
        }
        if (cove_reader_peek(r) == COVE_CBOR_TEXT) {
            role = cove_role_of(cove_reader_text(r));
        }
        if (role == COVE_ROLE_NONE) {
            return cove_fail(diag, COVE_EFORMAT,
                             "header field \"members\": a role must be "
                             "\"admin\", \"writer\" or \"reader\"");
        }
        has_admin = has_admin || role == COVE_ROLE_ADMIN;
    }
    if (!has_admin) {
        return cove_fail(diag, COVE_EFORMAT,
                         "header field \"members\" must name an admin");
    }
    out->members = cove_bytes(at, (size_t)(r->at - at));
    return 0;
}

/* Every field, in the order of the encoding. */
static const struct header_field {
    const char *name;
    header_read *read;
} header_fields[] = {
    {"v", header_read_v},
    {"from", header_read_from},
    {"meta", header_read_meta},
    {"root", header_read_root},
    {"type", header_read_type},
    {"nonce", header_read_nonce},
    {"owner", header_read_owner},
    {"unique", header_read_unique},
    {"created", header_read_created},
    {"members", header_read_members},
};

static int header_read_field(struct cove_reader *r, struct cove_header *out,
                             bool *has_version, struct cove_diag *diag)
{
    if (cove_reader_peek(r) != COVE_CBOR_TEXT) {
        return cove_fail(diag, COVE_EFORMAT,
                         "the keys of a header must be texts");
    }

    struct cove_bytes key = cove_reader_text(r);

    for (size_t i = 0; i < COVE_ARRAY_LEN(header_fields); i++) {
        if (cove_bytes_equal(key, cove_bytes_text(header_fields[i].name))) {
            *has_version = *has_version || i == 0;
            return header_fields[i].read(r, out, diag);
        }
    }
    cove_reader_item(r);
    out->unknown_fields = true;
    return 0;
}

/* --- the rules between fields */

/* What makes the id: exactly one of the three. With `unique` or `from` two
 * devices must make the same bytes, so nothing may depend on when or in which
 * version of an app it was done. */
static int header_check_identity(const struct cove_header *h,
                                 struct cove_diag *diag)
{
    int given = (h->nonce.len != 0) + (h->unique.len != 0) + (h->from.len != 0);

    if (given != 1) {
        return cove_fail(diag, COVE_EFORMAT,
                         "a header must have exactly one of \"nonce\", "
                         "\"unique\" and \"from\", not %d",
                         given);
    }
    if (h->nonce.len != 0) {
        return 0;
    }
    if (h->has_created) {
        return cove_fail(diag, COVE_EFORMAT,
                         "header field \"created\" must be absent beside "
                         "\"unique\" or \"from\": the id would depend on it");
    }
    if (h->has_schema_version) {
        return cove_fail(diag, COVE_EFORMAT,
                         "header field \"meta.version\" must be absent beside "
                         "\"unique\" or \"from\": the id would depend on it");
    }
    return 0;
}

/* Field `name` is there where the type needs it, and nowhere else. */
static int header_check_presence(const struct cove_header *h, const char *name,
                                 bool needed, bool given,
                                 struct cove_diag *diag)
{
    if (needed == given) {
        return 0;
    }
    return cove_fail(diag, COVE_EFORMAT,
                     "header field \"%s\" must be %s in a document of type %s",
                     name, needed ? "present" : "absent",
                     cove_doc_type_name(h->type));
}

static int header_check(const struct cove_header *h, struct cove_diag *diag)
{
    bool is_group = h->type == COVE_DOC_GROUP || h->type == COVE_DOC_ACCOUNT;
    int err = header_check_identity(h, diag);

    if (err != 0 || h->type == COVE_DOC_UNKNOWN) {
        return err; /* which fields an unknown type needs is not known */
    }
    err = header_check_presence(h, "members", is_group, h->members.len != 0,
                                diag);
    if (err == 0) {
        err = header_check_presence(h, "owner", !is_group, h->has_owner, diag);
    }
    if (err == 0) {
        err = header_check_presence(h, "root", h->type == COVE_DOC_JOURNAL,
                                    h->has_root, diag);
    }
    return err;
}

static int header_read_map(struct cove_bytes in, struct cove_header *out,
                           struct cove_diag *diag)
{
    struct cove_reader r;
    bool has_version = false;

    cove_reader_init(&r, in);
    if (cove_reader_peek(&r) != COVE_CBOR_MAP) {
        return cove_fail(diag, COVE_EFORMAT, "a header must be a map");
    }
    for (size_t left = cove_reader_map(&r); left > 0; left--) {
        int err = header_read_field(&r, out, &has_version, diag);

        if (err != 0) {
            return err;
        }
    }
    if (!has_version || out->type_name.len == 0) {
        return cove_fail(diag, COVE_EFORMAT, "header field \"%s\" is missing",
                         has_version ? "type" : "v");
    }
    return cove_reader_done(&r);
}

int cove_header_decode(struct cove_bytes in, struct cove_header *out,
                       struct cove_diag *diag)
{
    struct cove_header h = {0};

    if (in.len > COVE_MAX_HEADER) {
        return cove_fail(diag, COVE_ELIMIT,
                         "a header of %zu bytes; the limit is %d", in.len,
                         COVE_MAX_HEADER);
    }

    int err = cove_cbor_check_all(in, COVE_MAX_CBOR_DEPTH, diag);

    if (err != 0) {
        cove_diag_context(diag, "header");
        return err;
    }
    err = header_read_map(in, &h, diag);
    if (err != 0) {
        return err;
    }
    /* The rules of a later version are not known; the form of a field is the
     * same in all of them. */
    if (h.version > COVE_FORMAT_VERSION) {
        h.type = COVE_DOC_UNKNOWN;
    } else {
        err = header_check(&h, diag);
    }
    if (err == 0) {
        *out = h;
    }
    return err;
}
