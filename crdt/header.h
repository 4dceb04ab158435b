/* header.h: the immutable header of a document. docs/FORMAT.md "Header".
 *
 * A document's id is the hash of its header, so nothing in it can ever change.
 * It says what the document was created as; it never decides whether a
 * migration is due.
 */
#ifndef COVE_CRDT_HEADER_H
#define COVE_CRDT_HEADER_H

#include "core/arena.h"
#include "core/diag.h"
#include "core/id.h"
#include "core/limits.h"

#define COVE_FORMAT_VERSION 0 /* 0 says "unstable"; 1 will be for ever */

enum cove_doc_type {
    COVE_DOC_COMAP,
    COVE_DOC_COLIST,
    COVE_DOC_COTEXT,
    COVE_DOC_COSTREAM,
    COVE_DOC_COBINARY,
    COVE_DOC_COCOUNTER,
    COVE_DOC_GROUP,
    COVE_DOC_ACCOUNT,
    COVE_DOC_JOURNAL,
    COVE_DOC_UNKNOWN /* of a newer version: stored and relayed */
};

/* Ordered: a greater role may do all that a smaller one may. */
enum cove_role {
    COVE_ROLE_NONE,
    COVE_ROLE_READER,
    COVE_ROLE_WRITER,
    COVE_ROLE_ADMIN
};

/* The greatest time whose hybrid timestamp still fits an int64. */
#define COVE_HEADER_MAX_MS ((INT64_C(1) << 47) - 1)
#define COVE_HEADER_NONCE  16

/* All bytes are borrowed from the encoded header, or from the caller where the
 * header is to be encoded. An absent optional has len 0 or its flag false. */
struct cove_header {
    uint64_t version;
    enum cove_doc_type type;
    struct cove_bytes type_name; /* as written, for an unknown type */
    bool has_owner;              /* absent in an account or group */
    struct cove_id owner;
    struct cove_bytes meta; /* encoded map, or empty */
    bool has_schema;        /* meta.$schema: the journal */
    struct cove_id schema;
    bool has_schema_version; /* meta.version at creation */
    int64_t schema_version;
    bool has_created;
    int64_t created_ms;
    struct cove_bytes nonce;   /* 16 bytes, or empty where unique or from */
    struct cove_bytes unique;  /* encoded value: makes the id derivable */
    struct cove_bytes from;    /* encoded map {document, rule, key?} */
    struct cove_bytes members; /* encoded map {device key: role} */
    bool has_root;             /* of a journal: its root step */
    struct cove_step_id root;
    bool unknown_fields; /* written by a newer version */
};

/* Encode canonically, append to out, and give the id.
 * Errors: COVE_ELIMIT, COVE_EUSAGE (what decode would refuse, or a header of a
 * newer version), COVE_ERESERVED, COVE_ENOMEM. */
COVE_MUST_CHECK int cove_header_encode(const struct cove_header *header,
                                       struct cove_buf *out, struct cove_id *id,
                                       struct cove_diag *diag);
/* A header that was written, and what decode says of it. */
struct cove_header_made {
    struct cove_bytes bytes;
    struct cove_header header; /* borrows from them */
    struct cove_id id;
};
/* The one made last: what differs in nonce, owner and time alone need not be
 * read again. All zero it is none. */
struct cove_header_last {
    struct cove_header header;
    uint8_t bytes[COVE_MAX_HEADER];
};
/* As above, the bytes in the arena. */
COVE_MUST_CHECK int cove_header_make(const struct cove_header *header,
                                     struct cove_header_last *last,
                                     struct cove_arena *arena,
                                     struct cove_header_made *out,
                                     struct cove_diag *diag);
/* Check hostile bytes and take them apart. A header of a later version has
 * type COVE_DOC_UNKNOWN. Errors: COVE_ELIMIT, COVE_EFORMAT, COVE_ERESERVED (an
 * empty key); diag names the field and the rule. */
COVE_MUST_CHECK int cove_header_decode(struct cove_bytes in,
                                       struct cove_header *out,
                                       struct cove_diag *diag);
struct cove_id cove_header_id(struct cove_bytes encoded);

/* The header of the group that a device keeps local documents in: derivable,
 * and the device is its only member. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_header_local_group(const struct cove_key *device,
                                            struct cove_buf *out,
                                            struct cove_id *id);

/* The role that a group's or account's header gives a device. */
enum cove_role cove_header_role(const struct cove_header *header,
                                const struct cove_key *device);
const char *cove_role_name(enum cove_role role);
/* The role of that name; COVE_ROLE_NONE where it is no role's. */
enum cove_role cove_role_of(struct cove_bytes name);
/* As above, of a user's text. Errors: COVE_EUSAGE. */
COVE_MUST_CHECK int cove_role_parse(const char *name, enum cove_role *out);
const char *cove_doc_type_name(enum cove_doc_type type);

#endif
