/* An invite's token, typed by hand or made by somebody else: the bytes as they
 * are, and as the body of a token whose sum is right. What is taken is, made
 * anew, the same text. */
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "sync/invite.h"

#define SUM 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(const char *text)
{
    struct cove_token token;
    struct cove_diag diag;
    char again[COVE_TOKEN_TEXT];
    int err;

    cove_diag_clear(&diag);
    err = cove_token_parse(text, &token, &diag);
    if ((err != 0) != (diag.text[0] != '\0')) {
        abort();
    }
    if (err == 0) {
        cove_token_text(&token, again);
        if (strncmp(text + strspn(text, " \t\r\n"), again, strlen(again)) !=
            0) {
            abort();
        }
    }
}

/* base64url, a digit for each 6 bits. */
static void wrap(const uint8_t *bytes, size_t len, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrs"
                                 "tuvwxyz0123456789-_";

    for (size_t bit = 0; bit < 8 * len; bit += 6) {
        unsigned two = (unsigned)bytes[bit / 8] << 8;

        two |= bit / 8 + 1 < len ? bytes[bit / 8 + 1] : 0;
        *out++ = digits[two >> (10 - bit % 8) & 63];
    }
    *out = '\0';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t body[512 + SUM];
    char text[1024];
    struct cove_hash sum;

    if (size > 512) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    parse(text);
    memcpy(body, data, size);
    sum = cove_hash("cove/token", cove_bytes(data, size));
    memcpy(body + size, sum.b, SUM);
    memcpy(text, "cove_i", 6);
    wrap(body, size + SUM, text + 6);
    parse(text);
    return 0;
}
