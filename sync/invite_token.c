/* invite_token.c: an invite as a line of text, to be copied by hand: base64url
 * in its one form, with a sum so that a cut or mistyped one is seen as such.
 * docs/PROTOCOL.md "Invites". */
#include "sync/invite.h"

#define TOKEN_VERSION 0
#define TOKEN_FIXED   59 /* bytes up to the address */
#define TOKEN_ADDRESS 127
#define TOKEN_SUM     4
#define TOKEN_MAX     (TOKEN_FIXED + TOKEN_ADDRESS + TOKEN_SUM)
#define TOKEN_NETWORK 0x01 /* flag */

static const char TOKEN_PREFIX[] = "cove_i";
static const char token_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

_Static_assert(sizeof(TOKEN_PREFIX) + (TOKEN_MAX * 4 + 2) / 3 <=
                   COVE_TOKEN_TEXT,
               "the longest token has room");

static void token_sum(const uint8_t *bytes, size_t len, uint8_t out[TOKEN_SUM])
{
    struct cove_hash hash = cove_hash("cove/token", cove_bytes(bytes, len));

    memcpy(out, hash.b, TOKEN_SUM);
}

static void token_encode(const uint8_t *in, size_t len, char *out)
{
    uint32_t bits = 0;
    unsigned held = 0;

    for (size_t i = 0; i < len; i++) {
        bits = (bits & 63) << 8 | in[i];
        held += 8;
        while (held >= 6) {
            held -= 6;
            *out++ = token_digits[bits >> held & 63];
        }
    }
    if (held > 0) {
        *out++ = token_digits[bits << (6 - held) & 63];
    }
    *out = '\0';
}

/* Read `count` digits. False where one is none, or they are not the one form.
 */
static bool token_decode(const char *digits, size_t count, uint8_t *out,
                         size_t *len)
{
    uint32_t bits = 0;
    unsigned held = 0;

    *len = 0;
    for (size_t i = 0; i < count; i++) {
        const char *digit = strchr(token_digits, digits[i]);

        if (digit == NULL || digits[i] == '\0') {
            return false;
        }
        bits = (bits & 0xff) << 6 | (uint32_t)(digit - token_digits);
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[(*len)++] = (uint8_t)(bits >> held);
        }
    }
    return held < 6 && (bits & ((1u << held) - 1)) == 0;
}

void cove_token_text(const struct cove_token *token, char out[COVE_TOKEN_TEXT])
{
    uint8_t bytes[TOKEN_MAX];
    size_t address = strlen(token->address);
    size_t len = TOKEN_FIXED + address;

    bytes[0] = TOKEN_VERSION;
    bytes[1] = token->network_key ? TOKEN_NETWORK : 0;
    memcpy(bytes + 2, token->device.b, sizeof(token->device.b));
    memcpy(bytes + 34, token->secret, sizeof(token->secret));
    for (unsigned i = 0; i < 8; i++) {
        bytes[50 + i] = (uint8_t)((uint64_t)token->expires_ms >> (56 - 8 * i));
    }
    bytes[58] = (uint8_t)address;
    memcpy(bytes + TOKEN_FIXED, token->address, address);
    token_sum(bytes, len, bytes + len);
    memcpy(out, TOKEN_PREFIX, sizeof(TOKEN_PREFIX) - 1);
    token_encode(bytes, len + TOKEN_SUM, out + sizeof(TOKEN_PREFIX) - 1);
    cove_crypto_wipe(bytes, sizeof(bytes));
}

/* Is the address one that may be shown and dialled: printing ASCII? */
static bool token_address(const uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (at[i] <= ' ' || at[i] > '~') {
            return false;
        }
    }
    return len > 0;
}

static int token_read(const uint8_t *bytes, size_t len, struct cove_token *out,
                      struct cove_diag *diag)
{
    uint8_t sum[TOKEN_SUM];
    size_t address;
    uint64_t expires = 0;

    if (len > 0 && bytes[0] != TOKEN_VERSION) {
        return cove_fail(diag, COVE_EUNSUPPORTED,
                         "the invite is of version %u, and this build knows "
                         "%d: update Cove on this device",
                         (unsigned)bytes[0], TOKEN_VERSION);
    }
    address = len > TOKEN_FIXED ? bytes[TOKEN_FIXED - 1] : 0;
    if (len != TOKEN_FIXED + address + TOKEN_SUM) {
        return cove_fail(diag, COVE_EFORMAT,
                         "the invite is cut, or has more than it should: copy "
                         "the whole line once more");
    }
    token_sum(bytes, len - TOKEN_SUM, sum);
    for (unsigned i = 0; i < 8; i++) {
        expires = expires << 8 | bytes[50 + i];
    }
    if (memcmp(sum, bytes + len - TOKEN_SUM, sizeof(sum)) != 0 ||
        address > TOKEN_ADDRESS || bytes[1] > TOKEN_NETWORK ||
        expires > INT64_MAX || !token_address(bytes + TOKEN_FIXED, address)) {
        return cove_fail(diag, COVE_EFORMAT,
                         "the invite was changed on the way: copy the whole "
                         "line once more");
    }
    memset(out, 0, sizeof(*out));
    out->network_key = bytes[1] == TOKEN_NETWORK;
    memcpy(out->device.b, bytes + 2, sizeof(out->device.b));
    memcpy(out->secret, bytes + 34, sizeof(out->secret));
    out->expires_ms = (int64_t)expires;
    memcpy(out->address, bytes + TOKEN_FIXED, address);
    return 0;
}

int cove_token_parse(const char *text, struct cove_token *out,
                     struct cove_diag *diag)
{
    static const char space[] = " \t\r\n";
    uint8_t bytes[COVE_TOKEN_TEXT];
    size_t prefix = sizeof(TOKEN_PREFIX) - 1, count, len = 0;
    int err;

    text += strspn(text, space);
    count = strlen(text);
    while (count > 0 && strchr(space, text[count - 1]) != NULL) {
        count--;
    }
    if (count < prefix || memcmp(text, TOKEN_PREFIX, prefix) != 0) {
        return cove_fail(diag, COVE_EFORMAT,
                         "that is no invite: it begins with %s, as `cove peer "
                         "invite` prints it",
                         TOKEN_PREFIX);
    }
    if (count >= COVE_TOKEN_TEXT ||
        !token_decode(text + prefix, count - prefix, bytes, &len)) {
        return cove_fail(diag, COVE_EFORMAT,
                         "the invite is cut or mistyped: copy the whole line "
                         "once more");
    }
    err = token_read(bytes, len, out, diag);
    cove_crypto_wipe(bytes, sizeof(bytes));
    return err;
}
