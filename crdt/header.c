/* header.c: a header's one encoding, its id and its roles. docs/FORMAT.md
 * "Header".
 *
 * Writing ends by reading what was written (header_decode.c), so that there is
 * one copy of the rules and nothing can be created here that another peer
 * would refuse. One that says what the last one said is not read twice.
 */
#include "crdt/header.h"

#include "core/cbor.h"
#include "core/crypto.h"
#include "core/limits.h"

static const char *const header_types[] = {
    [COVE_DOC_COMAP] = "comap",       [COVE_DOC_COLIST] = "colist",
    [COVE_DOC_COTEXT] = "cotext",     [COVE_DOC_COSTREAM] = "costream",
    [COVE_DOC_COBINARY] = "cobinary", [COVE_DOC_COCOUNTER] = "cocounter",
    [COVE_DOC_GROUP] = "group",       [COVE_DOC_ACCOUNT] = "account",
    [COVE_DOC_JOURNAL] = "journal",   [COVE_DOC_UNKNOWN] = "unknown",
};

static const char *const header_roles[] = {
    [COVE_ROLE_NONE] = "none",
    [COVE_ROLE_READER] = "reader",
    [COVE_ROLE_WRITER] = "writer",
    [COVE_ROLE_ADMIN] = "admin",
};

const char *cove_doc_type_name(enum cove_doc_type type)
{
    return header_types[type];
}

const char *cove_role_name(enum cove_role role)
{
    return header_roles[role];
}

enum cove_role cove_role_of(struct cove_bytes name)
{
    for (int i = COVE_ROLE_READER; i <= COVE_ROLE_ADMIN; i++) {
        if (cove_bytes_equal(name, cove_bytes_text(header_roles[i]))) {
            return (enum cove_role)i;
        }
    }
    return COVE_ROLE_NONE;
}

int cove_role_parse(const char *name, enum cove_role *out)
{
    enum cove_role role = cove_role_of(cove_bytes_text(name));

    if (role == COVE_ROLE_NONE) {
        return COVE_EUSAGE;
    }
    *out = role;
    return 0;
}

struct cove_id cove_header_id(struct cove_bytes encoded)
{
    struct cove_hash hash = cove_hash("cove/header", encoded);
    struct cove_id id;

    memcpy(id.b, hash.b, sizeof(id.b));
    return id;
}

/* --- writing */

static void header_put_bytes(struct cove_writer *w, const char *name,
                             const uint8_t *at, size_t len)
{
    cove_writer_cstr(w, name);
    cove_writer_bytes(w, at, len);
}

static void header_put_item(struct cove_writer *w, const char *name,
                            struct cove_bytes item)
{
    if (item.len != 0) {
        cove_writer_cstr(w, name);
        cove_writer_item(w, item);
    }
}

static void header_write(struct cove_writer *w, const struct cove_header *h)
{
    /* An empty map says no more than no map; there is one form for it. */
    struct cove_bytes meta = h->meta.len > 1 ? h->meta : cove_bytes(NULL, 0);
    size_t fields = 2; /* v, type */

    fields += (size_t)(h->from.len != 0) + (meta.len != 0) + h->has_root +
              (h->nonce.len != 0) + h->has_owner + (h->unique.len != 0) +
              h->has_created + (h->members.len != 0);
    cove_writer_map(w, fields);
    cove_writer_cstr(w, "v");
    cove_writer_uint(w, h->version);
    header_put_item(w, "from", h->from);
    header_put_item(w, "meta", meta);
    if (h->has_root) {
        header_put_bytes(w, "root", h->root.b, sizeof(h->root.b));
    }
    cove_writer_cstr(w, "type");
    cove_writer_cstr(w, cove_doc_type_name(h->type));
    if (h->nonce.len != 0) {
        header_put_bytes(w, "nonce", h->nonce.at, h->nonce.len);
    }
    if (h->has_owner) {
        header_put_bytes(w, "owner", h->owner.b, sizeof(h->owner.b));
    }
    header_put_item(w, "unique", h->unique);
    if (h->has_created) {
        cove_writer_cstr(w, "created");
        cove_writer_int(w, h->created_ms);
    }
    header_put_item(w, "members", h->members);
}

/* Read back what was written: a caller's mistake shows as a refusal. */
static int header_check_written(struct cove_bytes written,
                                struct cove_header *again,
                                struct cove_diag *diag)
{
    int err = cove_header_decode(written, again, diag);

    if (err == COVE_EFORMAT) {
        err = COVE_EUSAGE;
        if (diag != NULL) {
            diag->code = err;
        }
    } else if (err == 0 && again->unknown_fields) {
        err = cove_fail(diag, COVE_EUSAGE,
                        "a header with fields that are not known");
    }
    return err;
}

static int header_write_new(const struct cove_header *header,
                            struct cove_buf *out, struct cove_diag *diag)
{
    struct cove_writer w;
    size_t len = header->meta.len + header->unique.len + header->from.len +
                 header->members.len + header->nonce.len;

    if (len > COVE_MAX_HEADER) {
        return cove_fail(diag, COVE_ELIMIT,
                         "a header of more than %d bytes; the limit is %d",
                         COVE_MAX_HEADER, COVE_MAX_HEADER);
    }
    if (header->version != COVE_FORMAT_VERSION || header->unknown_fields ||
        header->type == COVE_DOC_UNKNOWN) {
        return cove_fail(diag, COVE_EUSAGE,
                         "only headers of this version can be written");
    }
    cove_writer_init(&w, out);
    header_write(&w, header);
    return w.err;
}

int cove_header_encode(const struct cove_header *header, struct cove_buf *out,
                       struct cove_id *id, struct cove_diag *diag)
{
    struct cove_header again;
    struct cove_bytes written = {0};
    size_t start = out->len;
    int err = header_write_new(header, out, diag);

    if (err == 0) {
        written = cove_bytes(out->at + start, out->len - start);
        err = header_check_written(written, &again, diag);
    }
    if (err != 0) {
        out->len = start;
        return err;
    }
    *id = cove_header_id(written);
    return 0;
}

/* Those that only nonce, owner and time tell apart: nearly all. */
static bool header_is_common(const struct cove_header *h)
{
    return h->nonce.len == COVE_HEADER_NONCE && h->unique.len == 0 &&
           h->from.len == 0 && h->members.len == 0 && !h->has_root;
}

/* Would decode say of it what it said of the last one, but for those three? */
static bool header_is_like(const struct cove_header *h,
                           const struct cove_header *last)
{
    return header_is_common(h) && header_is_common(last) &&
           h->type == last->type && h->has_owner == last->has_owner &&
           h->has_created == last->has_created && h->created_ms >= 0 &&
           h->created_ms <= COVE_HEADER_MAX_MS &&
           cove_bytes_equal(h->meta, last->meta);
}

/* What decode said of the bytes at `from`, of the same bytes at `to`. */
static void header_move(struct cove_header *h, const uint8_t *from,
                        const uint8_t *to)
{
    struct cove_bytes *parts[] = {&h->type_name, &h->meta, &h->nonce};

    for (size_t i = 0; i < COVE_ARRAY_LEN(parts); i++) {
        if (parts[i]->len > 0) {
            parts[i]->at = to + (parts[i]->at - from);
        }
    }
}

static void header_keep(const struct cove_header_made *made,
                        struct cove_header_last *last)
{
    if (header_is_common(&made->header)) {
        memcpy(last->bytes, made->bytes.at, made->bytes.len);
        last->header = made->header;
        header_move(&last->header, made->bytes.at, last->bytes);
    }
}

/* Read what was written, or what differs from the last one: all that is kept
 * of it stands where it stood there, since it is before owner and time. */
static int header_read_new(const struct cove_header *header,
                           struct cove_header_last *last,
                           struct cove_header_made *made,
                           struct cove_diag *diag)
{
    if (header_is_like(header, &last->header) &&
        made->bytes.len <= COVE_MAX_HEADER) {
        made->header = last->header;
        header_move(&made->header, last->bytes, made->bytes.at);
        made->header.owner = header->owner;
        made->header.created_ms = header->created_ms;
        return 0;
    }

    int err = header_check_written(made->bytes, &made->header, diag);

    if (err == 0) {
        header_keep(made, last);
    }
    return err;
}

int cove_header_make(const struct cove_header *header,
                     struct cove_header_last *last, struct cove_arena *arena,
                     struct cove_header_made *out, struct cove_diag *diag)
{
    struct cove_header_made made;
    struct cove_buf buf;

    cove_buf_init(&buf, arena->alloc);

    int err = header_write_new(header, &buf, diag);

    if (err == 0) {
        err = cove_arena_copy(arena, cove_buf_bytes(&buf), &made.bytes);
    }
    cove_buf_clear(&buf);
    if (err == 0) {
        err = header_read_new(header, last, &made, diag);
    }
    if (err == 0) {
        made.id = cove_header_id(made.bytes);
        *out = made;
    }
    return err;
}

enum cove_role cove_header_role(const struct cove_header *header,
                                const struct cove_key *device)
{
    struct cove_reader r;

    if (header->type != COVE_DOC_GROUP && header->type != COVE_DOC_ACCOUNT) {
        return COVE_ROLE_NONE;
    }
    cove_reader_init(&r, header->members);
    for (size_t left = cove_reader_map(&r); left > 0; left--) {
        struct cove_bytes key = cove_reader_bytes(&r);
        struct cove_bytes role = cove_reader_text(&r);

        if (cove_bytes_equal(key, cove_bytes(device->b, sizeof(device->b)))) {
            return cove_role_of(role);
        }
    }
    return COVE_ROLE_NONE;
}

int cove_header_local_group(const struct cove_key *device, struct cove_buf *out,
                            struct cove_id *id)
{
    static const uint8_t local[] = {0x65, 'l', 'o', 'c', 'a', 'l'};
    struct cove_header header = {.version = COVE_FORMAT_VERSION,
                                 .type = COVE_DOC_GROUP,
                                 .unique = cove_bytes(local, sizeof(local))};
    struct cove_buf members;
    struct cove_writer w;

    cove_buf_init(&members, out->alloc);
    cove_writer_init(&w, &members);
    cove_writer_map(&w, 1);
    cove_writer_bytes(&w, device->b, sizeof(device->b));
    cove_writer_cstr(&w, cove_role_name(COVE_ROLE_ADMIN));

    int err = w.err;

    if (err == 0) {
        header.members = cove_buf_bytes(&members);
        err = cove_header_encode(&header, out, id, NULL);
    }
    cove_buf_clear(&members);
    return err;
}
