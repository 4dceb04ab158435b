/* A schema and a value, hostile: the schema is text up to a line "---", the
 * value is text or, where that is none, CBOR behind it. What is refused has a
 * sentence; what is judged gives the same verdict twice, and inside its field
 * the same as alone where nothing else can be meant. */
#include "core/cbor.h"
#include "core/json.h"
#include "core/limits.h"
#include "schema/jsonschema.h"
#include "tests/fuzz/part_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

#define STEPS 20000 /* few, so that many schemas are seen */

static void judge(const struct cove_schema *schema, struct cove_bytes value)
{
    struct cove_schema_fault fault = {{0}, {0}, {0}};
    struct cove_diag diag = {0}, again = {0};
    int rc = cove_schema_judge(schema, value, &fault, &diag);

    REQUIRE(cove_schema_check(schema, value, &again) == rc);
    REQUIRE(strcmp(diag.text, again.text) == 0);
    good(rc, &diag);
    REQUIRE((rc == COVE_ESCHEMA) == (fault.sentence[0] != '\0'));
    for (size_t i = 0; i < cove_schema_count(schema); i++) {
        struct cove_bytes name = cove_schema_at(schema, i)->name;

        cove_diag_clear(&diag);
        good(cove_schema_check_field(schema, name, value, &diag), &diag);
        cove_diag_clear(&diag);
        good(cove_schema_check_item(schema, name, value, &diag), &diag);
        cove_diag_clear(&diag);
        good(cove_schema_check_member(schema, name, name, value, &diag), &diag);
    }
}

static bool cbor_of(struct cove_bytes text, struct cove_buf *out)
{
    struct cove_diag diag = {0};

    return good(cove_json_read_plain(text, "text", out, &diag), &diag);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct cove_bytes rest = cove_bytes(at, len);
    struct cove_bytes text = part_take(&rest);
    struct cove_schema_options options = {
        .authored = len % 2 == 1,
        .tolerant = len % 3 == 1,
        .formats = len % 5 < 3,
        .steps = STEPS,
    };
    const struct cove_schema *schema;
    struct cove_diag diag = {0};
    struct cove_arena arena;
    struct cove_buf cbor, value;

    cove_arena_init(&arena, &cove_alloc_libc);
    cove_buf_init(&cbor, &cove_alloc_libc);
    cove_buf_init(&value, &cove_alloc_libc);
    if (cbor_of(text, &cbor) &&
        good(cove_schema_compile(&arena, cove_buf_bytes(&cbor), &options,
                                 &schema, &diag),
             &diag)) {
        if (cbor_of(rest, &value)) {
            judge(schema, cove_buf_bytes(&value));
        } else if (cove_cbor_check_all(rest, COVE_MAX_VALUE_DEPTH, NULL) == 0) {
            judge(schema, rest);
        }
    }
    cove_buf_clear(&value);
    cove_buf_clear(&cbor);
    cove_arena_clear(&arena);
    return 0;
}
