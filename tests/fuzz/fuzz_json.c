/* Any bytes go to the JSON reader. What it accepts is deterministic CBOR, and
 * written as JSON it reads as the same again. */
#include <stdlib.h>

#include "core/cbor.h"
#include "core/json.h"
#include "core/limits.h"

#define REQUIRE(condition)                                                     \
    do {                                                                       \
        if (!(condition)) {                                                    \
            abort();                                                           \
        }                                                                      \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct cove_diag diag = {0};
    struct cove_buf item;
    struct cove_buf text;
    struct cove_buf back;

    cove_buf_init(&item, &cove_alloc_libc);
    cove_buf_init(&text, &cove_alloc_libc);
    cove_buf_init(&back, &cove_alloc_libc);
    if (cove_json_read(cove_bytes(at, len), "fuzz", &item, &diag) == 0) {
        struct cove_bytes checked = cove_buf_bytes(&item);

        REQUIRE(cove_cbor_check_all(checked, COVE_MAX_CBOR_DEPTH, NULL) == 0);
        REQUIRE(cove_json_write(checked, 0, &text) == 0);
        REQUIRE(cove_json_read(cove_buf_bytes(&text), "fuzz", &back, NULL) ==
                0);
        REQUIRE(cove_bytes_equal(checked, cove_buf_bytes(&back)));
    } else {
        REQUIRE(item.len == 0 && diag.code < 0 && diag.text[0] != '\0');
    }
    cove_buf_clear(&item);
    if (cove_json_read_plain(cove_bytes(at, len), "fuzz", &item, NULL) == 0) {
        struct cove_bytes checked = cove_buf_bytes(&item);

        REQUIRE(cove_cbor_check_all(checked, COVE_MAX_CBOR_DEPTH, NULL) == 0);
    }
    cove_buf_clear(&item);
    cove_buf_clear(&text);
    cove_buf_clear(&back);
    return 0;
}
