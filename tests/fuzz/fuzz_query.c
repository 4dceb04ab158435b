/* Any text as a query. Two schemas with the same documents, of which one has
 * indexes, answer alike: the same refusal, or the same rows in the same order.
 */
#include "tests/fuzz/query_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    char *json = fuzz_text(at, len);
    struct query_rows indexed, bare;

    query_open();
    query_ask(0, json, &indexed);
    query_ask(1, json, &bare);
    REQUIRE(indexed.err == bare.err && indexed.count == bare.count);
    REQUIRE(memcmp(indexed.at, bare.at, sizeof(bare.at)) == 0);
    cove_free(indexed.cursor);
    cove_free(bare.cursor);
    free(json);
    return 0;
}
