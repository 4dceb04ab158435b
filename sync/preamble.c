/* What does not begin as Cove, or belongs to another network, must learn
 * nothing, so those checks come first and look at each byte as it arrives: a
 * scanner is dropped at its first wrong byte. Only then are versions compared,
 * and there both sides do speak, so that each can say who has to update.
 */
#include "sync/preamble.h"

#include "core/crypto.h"

#define PREAMBLE_ROLE         4
#define PREAMBLE_SUITE        5
#define PREAMBLE_VERSION_FROM 6
#define PREAMBLE_VERSION_TO   7
#define PREAMBLE_NETWORK      8

static const uint8_t preamble_magic[4] = {'c', 'o', 'v', 'e'};

void cove_preamble_init(struct cove_preamble *preamble,
                        enum cove_channel_role role, const uint8_t *network_key)
{
    memset(preamble, 0, sizeof(*preamble));
    preamble->role = role;
    preamble->suite = COVE_PREAMBLE_SUITE;
    preamble->version_from = COVE_PROTOCOL_VERSION;
    preamble->version_to = COVE_PROTOCOL_VERSION;
    if (network_key != NULL) {
        struct cove_hash hash =
            cove_hash("cove/network", cove_bytes(network_key, 32));

        memcpy(preamble->network, hash.b, sizeof(preamble->network));
    }
}

void cove_preamble_encode(const struct cove_preamble *preamble,
                          uint8_t out[COVE_PREAMBLE_LEN])
{
    memcpy(out, preamble_magic, sizeof(preamble_magic));
    out[PREAMBLE_ROLE] = (uint8_t)preamble->role;
    out[PREAMBLE_SUITE] = preamble->suite;
    out[PREAMBLE_VERSION_FROM] = preamble->version_from;
    out[PREAMBLE_VERSION_TO] = preamble->version_to;
    memcpy(out + PREAMBLE_NETWORK, preamble->network,
           sizeof(preamble->network));
}

static int preamble_wrong_network(const struct cove_preamble *mine,
                                  struct cove_bytes theirs,
                                  struct cove_diag *diag)
{
    static const uint8_t none[8];
    bool we = memcmp(mine->network, none, sizeof(none)) != 0;

    if (theirs.len == sizeof(none) &&
        memcmp(theirs.at, none, sizeof(none)) == 0) {
        return cove_fail(diag, COVE_EHANDSHAKE,
                         "the peer has no network key, and this device does");
    }
    return cove_fail(diag, COVE_EHANDSHAKE,
                     we ? "the peer has another network key"
                        : "the peer has a network key, and this device has "
                          "none");
}

/* Show what came instead, printable whatever it is: "SSH-2.0-OpenSSH" helps. */
static int preamble_not_cove(struct cove_bytes in, struct cove_diag *diag)
{
    char shown[COVE_PREAMBLE_LEN + 1];
    size_t len = in.len < COVE_PREAMBLE_LEN ? in.len : COVE_PREAMBLE_LEN;

    for (size_t i = 0; i < len; i++) {
        shown[i] = '.';
        if (in.at[i] >= 0x20 && in.at[i] < 0x7f) {
            shown[i] = (char)in.at[i];
        }
    }
    shown[len] = '\0';
    return cove_fail(diag, COVE_EHANDSHAKE,
                     "the other side does not speak Cove: it says \"%s\"",
                     shown);
}

bool cove_preamble_is_cove(struct cove_bytes in)
{
    size_t magic =
        in.len < sizeof(preamble_magic) ? in.len : sizeof(preamble_magic);

    return magic == 0 || memcmp(in.at, preamble_magic, magic) == 0;
}

int cove_preamble_check(const struct cove_preamble *mine, struct cove_bytes in,
                        struct cove_diag *diag)
{
    if (!cove_preamble_is_cove(in)) {
        return preamble_not_cove(in, diag);
    }
    if (in.len > PREAMBLE_ROLE && in.at[PREAMBLE_ROLE] > 1) {
        return cove_fail(diag, COVE_EHANDSHAKE,
                         "the peer's preamble names the unknown role %u",
                         (unsigned)in.at[PREAMBLE_ROLE]);
    }
    if (in.len > PREAMBLE_ROLE && in.at[PREAMBLE_ROLE] == (uint8_t)mine->role) {
        return cove_fail(diag, COVE_EHANDSHAKE, "both sides are the %s",
                         mine->role == COVE_CHANNEL_INITIATOR ? "initiator"
                                                              : "responder");
    }
    if (in.len > PREAMBLE_NETWORK) {
        struct cove_bytes network =
            cove_bytes(in.at + PREAMBLE_NETWORK, in.len - PREAMBLE_NETWORK);

        if (memcmp(network.at, mine->network, network.len) != 0) {
            return preamble_wrong_network(mine, network, diag);
        }
    }
    return 0;
}

int cove_preamble_agree(const struct cove_preamble *mine, struct cove_bytes in,
                        unsigned *version, struct cove_diag *diag)
{
    unsigned from = in.at[PREAMBLE_VERSION_FROM];
    unsigned to = in.at[PREAMBLE_VERSION_TO];

    if (from > to) {
        return cove_fail(diag, COVE_EHANDSHAKE,
                         "the peer's preamble has versions %u to %u", from, to);
    }
    if (from > mine->version_to) {
        return cove_fail(diag, COVE_EHANDSHAKE,
                         "the peer speaks protocol %u and newer, this device "
                         "up to %u: update this device",
                         from, mine->version_to);
    }
    if (to < mine->version_from) {
        return cove_fail(diag, COVE_EHANDSHAKE,
                         "the peer speaks protocol %u and older, this device "
                         "%u and newer: update the peer",
                         to, mine->version_from);
    }
    if (in.at[PREAMBLE_SUITE] != mine->suite) {
        return cove_fail(diag, COVE_EHANDSHAKE,
                         "the peer uses cipher suite %u, this device %u",
                         (unsigned)in.at[PREAMBLE_SUITE], mine->suite);
    }
    *version = to < mine->version_to ? to : mine->version_to;
    return 0;
}
