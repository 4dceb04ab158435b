/* A certificate is the list [version, device, static key, not before, not
 * after, signature]. The signature covers the hash of everything in front of
 * it, the list's head included, exactly as it was received: nothing is ever
 * encoded again to be verified.
 */
#include "sync/certificate.h"

#include <assert.h>

#include "core/cbor.h"
#include "sync/channel.h"

#define CERTIFICATE_ITEMS  6
#define CERTIFICATE_DAY_MS INT64_C(86400000)

static struct cove_hash certificate_hash(struct cove_bytes in)
{
    return cove_hash("cove/cert", in);
}

size_t cove_certificate_sign(const struct cove_certificate *cert,
                             const struct cove_secret *secret, uint8_t *out)
{
    /* The room is there from the start, so the buffer never grows. */
    struct cove_buf buf = {.at = out, .cap = COVE_CERTIFICATE_MAX};
    struct cove_signature signature;
    struct cove_writer w;

    cove_writer_init(&w, &buf);
    cove_writer_list(&w, CERTIFICATE_ITEMS);
    cove_writer_uint(&w, COVE_CERTIFICATE_VERSION);
    cove_writer_bytes(&w, cert->device.b, sizeof(cert->device.b));
    cove_writer_bytes(&w, cert->static_public, sizeof(cert->static_public));
    cove_writer_int(&w, cert->not_before_ms);
    cove_writer_int(&w, cert->not_after_ms);

    struct cove_hash hash = certificate_hash(cove_buf_bytes(&buf));

    cove_sign(secret, cove_bytes(hash.b, sizeof(hash.b)), &signature);
    cove_writer_bytes(&w, signature.b, sizeof(signature.b));
    assert(w.err == 0);
    return buf.len;
}

/* Read the fields; `signed_len` bytes lie in front of the signature. */
static int certificate_read(struct cove_bytes in, struct cove_certificate *cert,
                            struct cove_signature *signature,
                            size_t *signed_len, struct cove_diag *diag)
{
    struct cove_reader r;

    if (in.len > COVE_CERTIFICATE_MAX ||
        cove_cbor_check_all(in, 1, NULL) != 0) {
        return cove_fail(diag, COVE_EFORMAT, "it is not well-formed");
    }
    cove_reader_init(&r, in);
    if (cove_reader_peek(&r) != COVE_CBOR_LIST ||
        cove_reader_list(&r) < CERTIFICATE_ITEMS) {
        return cove_fail(diag, COVE_EFORMAT, "it is not well-formed");
    }

    uint64_t version = cove_reader_uint(&r);

    if (r.err == 0 && version != COVE_CERTIFICATE_VERSION) {
        return cove_fail(diag, COVE_EUNSUPPORTED,
                         "it is of version %llu, and this build knows %d",
                         (unsigned long long)version, COVE_CERTIFICATE_VERSION);
    }
    cove_reader_fixed(&r, cert->device.b, sizeof(cert->device.b));
    cove_reader_fixed(&r, cert->static_public, sizeof(cert->static_public));
    cert->not_before_ms = cove_reader_int(&r);
    cert->not_after_ms = cove_reader_int(&r);
    *signed_len = r.err == 0 ? (size_t)(r.at - in.at) : 0;
    cove_reader_fixed(&r, signature->b, sizeof(signature->b));
    if (cove_reader_done(&r) != 0) {
        return cove_fail(diag, COVE_EFORMAT, "it is not well-formed");
    }
    return 0;
}

static int certificate_check_time(const struct cove_certificate *cert,
                                  int64_t now_ms, struct cove_diag *diag)
{
    /* From outside: no sum or difference of them may overflow. */
    if (cert->not_before_ms < 0 || cert->not_after_ms < cert->not_before_ms) {
        return cove_fail(diag, COVE_EFORMAT, "it is not well-formed");
    }
    if (cert->not_after_ms - cert->not_before_ms >
        COVE_CERTIFICATE_DAYS * CERTIFICATE_DAY_MS) {
        return cove_fail(diag, COVE_ELIMIT, "it is valid for more than %d days",
                         COVE_CERTIFICATE_DAYS);
    }
    if (cert->not_before_ms - COVE_CERTIFICATE_SKEW_MS > now_ms) {
        return cove_fail(diag, COVE_ECLOCK,
                         "it is not yet valid for %lld s: look at both clocks",
                         (long long)((cert->not_before_ms - now_ms) / 1000));
    }
    if (cert->not_after_ms < now_ms - COVE_CERTIFICATE_SKEW_MS) {
        return cove_fail(diag, COVE_ECLOCK,
                         "it expired %lld s ago: look at both clocks",
                         (long long)((now_ms - cert->not_after_ms) / 1000));
    }
    return 0;
}

int cove_certificate_check(struct cove_bytes in, const uint8_t *static_public,
                           int64_t now_ms, struct cove_certificate *out,
                           struct cove_diag *diag)
{
    struct cove_certificate cert = {0};
    struct cove_signature signature;
    size_t signed_len = 0;
    int err = certificate_read(in, &cert, &signature, &signed_len, diag);

    if (err != 0) {
        return err;
    }

    struct cove_hash hash = certificate_hash(cove_bytes(in.at, signed_len));

    if (cove_verify(&cert.device, cove_bytes(hash.b, sizeof(hash.b)),
                    &signature) != 0) {
        return cove_fail(diag, COVE_ESIGNATURE,
                         "it is not signed by the device it names");
    }
    if (!cove_crypto_equal(cert.static_public, static_public,
                           sizeof(cert.static_public))) {
        return cove_fail(diag, COVE_EPEER,
                         "it is for another static key: of another device");
    }
    err = certificate_check_time(&cert, now_ms, diag);
    if (err == 0) {
        *out = cert;
    }
    return err;
}

void cove_identity_make(const struct cove_secret *secret,
                        const struct cove_key *device,
                        const struct cove_env *env, unsigned days,
                        struct cove_identity *out)
{
    struct cove_certificate cert = {0};
    unsigned allowed = days < 1                       ? 1
                       : days > COVE_CERTIFICATE_DAYS ? COVE_CERTIFICATE_DAYS
                                                      : days;

    memset(out, 0, sizeof(*out));
    out->device = *device;
    env->random(env->ctx, out->static_secret, sizeof(out->static_secret));
    cove_x25519_public(out->static_secret, out->static_public);
    cert.device = *device;
    memcpy(cert.static_public, out->static_public, sizeof(cert.static_public));
    cert.not_before_ms = env->now_ms(env->ctx);
    cert.not_after_ms = cert.not_before_ms + allowed * CERTIFICATE_DAY_MS;
    out->certificate_len =
        cove_certificate_sign(&cert, secret, out->certificate);
}
