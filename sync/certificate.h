/* certificate.h: what binds an X25519 static key to a device key.
 *
 * A device signs, for at most 30 days, the static key its connections use; so
 * the device key itself takes no part in Diffie-Hellman, and a stolen static
 * key ages. Bytes, checks and nothing else: who is admitted is decided above.
 * docs/PROTOCOL.md "Certificate".
 */
#ifndef COVE_SYNC_CERTIFICATE_H
#define COVE_SYNC_CERTIFICATE_H

#include "core/crypto.h"
#include "core/diag.h"

#define COVE_CERTIFICATE_VERSION 0
#define COVE_CERTIFICATE_MAX     256 /* bytes; version 0 needs at most 162 */
#define COVE_CERTIFICATE_DAYS    30
#define COVE_CERTIFICATE_SKEW_MS 300000 /* clocks may differ by so much */

struct cove_certificate {
    struct cove_key device;
    uint8_t static_public[32];
    int64_t not_before_ms; /* wall clock, ms since 1970, both inclusive */
    int64_t not_after_ms;
};

/* Encode and sign what `cert` says. Returns how many bytes were written.
 * Shape: out has COVE_CERTIFICATE_MAX bytes. */
size_t cove_certificate_sign(const struct cove_certificate *cert,
                             const struct cove_secret *secret, uint8_t *out);

/* Check the certificate that came with the static key `static_public` (proven
 * by the handshake) at the time now_ms. Errors, each with its own sentence:
 * COVE_EFORMAT not well-formed · COVE_EUNSUPPORTED another version ·
 * COVE_ESIGNATURE not signed by the device it names · COVE_EPEER for another
 * static key · COVE_ELIMIT valid for more than 30 days · COVE_ECLOCK expired
 * or not yet valid. */
COVE_MUST_CHECK int cove_certificate_check(struct cove_bytes in,
                                           const uint8_t *static_public,
                                           int64_t now_ms,
                                           struct cove_certificate *out,
                                           struct cove_diag *diag);

#endif
