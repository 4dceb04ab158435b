/* Any bytes go to the CBOR walker. What it accepts must come out of reader
 * and writer as the same bytes, and as the same value through JSON. */
#include <stdlib.h>

#include "core/cbor.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/value.h"
#include "tests/unit/recode.h"

#define REQUIRE(condition)                                                     \
    do {                                                                       \
        if (!(condition)) {                                                    \
            abort();                                                           \
        }                                                                      \
    } while (0)

static void require_recodes(struct cove_bytes item)
{
    struct cove_buf out;
    struct cove_reader r;
    struct cove_writer w;

    cove_buf_init(&out, &cove_alloc_libc);
    cove_writer_init(&w, &out);
    cove_reader_init(&r, item);
    recode(&r, &w);
    REQUIRE(w.err == 0 && cove_reader_done(&r) == 0);
    REQUIRE(cove_bytes_equal(item, cove_buf_bytes(&out)));
    cove_reader_init(&r, item);
    REQUIRE(cove_bytes_equal(cove_reader_item(&r), item));
    cove_buf_clear(&out);
}

/* JSON has no text with a NUL; any other value returns. */
static void require_returns(struct cove_bytes value, unsigned indent)
{
    struct cove_buf text;
    struct cove_buf back;

    cove_buf_init(&text, &cove_alloc_libc);
    cove_buf_init(&back, &cove_alloc_libc);
    REQUIRE(cove_json_write(value, indent, &text) == 0);
    if (cove_json_read(cove_buf_bytes(&text), "fuzz", &back, NULL) == 0) {
        REQUIRE(cove_bytes_equal(value, cove_buf_bytes(&back)));
    } else {
        REQUIRE(cove_buf_append(&text, cove_bytes("", 1)) == 0);
        REQUIRE(strstr((const char *)text.at, "\\u0000") != NULL);
    }
    cove_buf_clear(&text);
    cove_buf_clear(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct cove_bytes in = cove_bytes(at, len);
    struct cove_diag diag = {0};
    struct cove_buf text;
    size_t item_len = 0;

    if (cove_cbor_check(in, COVE_MAX_CBOR_DEPTH, &item_len, &diag) != 0) {
        REQUIRE(diag.code < 0 && diag.text[0] != '\0');
        return 0;
    }
    REQUIRE(item_len > 0 && item_len <= len);
    in.len = item_len;
    REQUIRE(cove_cbor_check_all(in, COVE_MAX_CBOR_DEPTH, NULL) == 0);
    require_recodes(in);
    cove_buf_init(&text, &cove_alloc_libc);
    REQUIRE(cove_json_write_plain(in, 1, &text) == 0);
    cove_buf_clear(&text);
    if (cove_value_check(in, NULL) == 0) {
        require_returns(in, 0);
        require_returns(in, 2);
    }
    return 0;
}
