/* Any bytes as the file of an exact dump, into a new store. Where the first
 * byte is odd, magic and sums are put right before, so that what is in the
 * blocks is read. Whatever comes, the store is whole afterwards, and the same
 * file brings nothing new.
 */
#include <sys/mman.h>

#include "crdt/dump.h"
#include "tests/fuzz/store_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

/* The sums of all blocks up to the first that is cut. */
static void mend(uint8_t *at, size_t len)
{
    struct cove_hash sum = cove_dump_start();
    struct cove_dump_head head;
    size_t off = COVE_DUMP_MAGIC;

    if (len >= COVE_DUMP_MAGIC) {
        memcpy(at, cove_dump_magic, COVE_DUMP_MAGIC);
    }
    while (len >= off + COVE_DUMP_HEAD + COVE_DUMP_SUM &&
           cove_dump_head(at + off, &head) == 0 &&
           head.stored <= len - off - COVE_DUMP_HEAD - COVE_DUMP_SUM) {
        uint8_t *end = at + off + COVE_DUMP_HEAD + head.stored;
        struct cove_bytes parts[] = {
            cove_bytes(sum.b, sizeof(sum.b)),
            cove_bytes(at + off, COVE_DUMP_HEAD),
            cove_bytes(at + off + COVE_DUMP_HEAD, head.stored)};

        sum = cove_hash_parts("cove/dump", parts, COVE_ARRAY_LEN(parts));
        memcpy(end, sum.b, sizeof(sum.b));
        off += COVE_DUMP_HEAD + head.stored + COVE_DUMP_SUM;
    }
}

static char *ask(struct fuzz_store *s, const char *request)
{
    char *reply = NULL;

    return fuzz_good(cove_admin(s->store, request, &reply), s) ? reply : NULL;
}

/* The whole file; the last reply, NULL where it was refused. */
static char *import(struct fuzz_store *s, int fd)
{
    char request[4096], cursor[2048] = "";
    char *reply = NULL;
    bool done = false;

    REQUIRE(lseek(fd, 0, SEEK_SET) == 0);
    while (!done) {
        snprintf(request, sizeof(request),
                 "{\"do\":\"import.exact\",\"fd\":%d%s%s%s}", fd,
                 cursor[0] != '\0' ? ",\"cursor\":\"" : "", cursor,
                 cursor[0] != '\0' ? "\"" : "");
        cove_free(reply);
        reply = ask(s, request);
        done = reply == NULL || strstr(reply, "\"done\":true") != NULL;
        if (!done) {
            const char *at = strstr(reply, "\"cursor\":\"");

            REQUIRE(at != NULL);
            REQUIRE(sscanf(at + 10, "%2047[^\"]", cursor) == 1);
        }
    }
    return reply;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct fuzz_store s;
    char *reply;
    int fd = memfd_create("dump", MFD_CLOEXEC);

    REQUIRE(fd >= 0);
    if (len > 0) {
        char *bytes = fuzz_text(at + 1, len - 1);

        if (at[0] % 2 != 0) {
            mend((uint8_t *)bytes, len - 1);
        }
        REQUIRE(write(fd, bytes, len - 1) == (ssize_t)(len - 1));
        free(bytes);
    }
    fuzz_open_memory(&s);
    reply = import(&s, fd);
    if (reply != NULL) {
        cove_free(reply);
        reply = import(&s, fd);
        REQUIRE(reply != NULL);
        REQUIRE(strstr(reply, "\"documents\":0,") != NULL);
        REQUIRE(strstr(reply, "\"transactions\":0,") != NULL);
        cove_free(reply);
        reply = ask(&s, "{\"do\":\"check\"}");
        REQUIRE(reply != NULL && strstr(reply, "\"damaged\":[]") != NULL);
    }
    cove_free(reply);
    fuzz_close(&s);
    close(fd);
    return 0;
}
