/* Any bytes: a header that is accepted and wholly known encodes to the same
 * bytes again, and its id is that of the bytes. */
#include <assert.h>

#include "crdt/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct cove_bytes in = cove_bytes(at, len);
    struct cove_header header;
    struct cove_diag diag;
    struct cove_buf out;
    struct cove_id id;

    cove_diag_clear(&diag);
    if (cove_header_decode(in, &header, &diag) != 0) {
        assert(diag.code != 0 && diag.text[0] != '\0');
        return 0;
    }

    struct cove_id golden = cove_header_id(in);
    const struct cove_key nobody = {{0}};
    enum cove_role role = cove_header_role(&header, &nobody);

    assert(role == COVE_ROLE_NONE || header.members.len > 0);
    if (header.unknown_fields || header.type == COVE_DOC_UNKNOWN) {
        return 0;
    }
    cove_buf_init(&out, &cove_alloc_libc);

    int err = cove_header_encode(&header, &out, &id, NULL);

    assert(err == 0);
    assert(cove_bytes_equal(cove_buf_bytes(&out), in));
    assert(memcmp(id.b, golden.b, sizeof(id.b)) == 0);
    cove_buf_clear(&out);
    return 0;
}
