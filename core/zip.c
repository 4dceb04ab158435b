#include "core/zip.h"

#include <zstd.h>

#include "cove/error.h"

#define ZIP_LEVEL 6       /* beyond it the time doubles for a hundredth */
#define ZIP_TIGHT 12      /* beyond it the time grows tenfold for a fiftieth */
#define ZIP_TRUST 1048576 /* claimed bytes that are made room for at once */

static int zip_at(struct cove_bytes in, int level, struct cove_buf *out)
{
    ZSTD_CCtx *zip = ZSTD_createCCtx();
    int err = zip == NULL ? COVE_ENOMEM
                          : cove_buf_reserve(out, ZSTD_compressBound(in.len));

    if (err == 0) {
        size_t failed =
            ZSTD_CCtx_setParameter(zip, ZSTD_c_compressionLevel, level) |
            ZSTD_CCtx_setParameter(zip, ZSTD_c_checksumFlag, 1);
        size_t len = ZSTD_compress2(zip, out->at + out->len,
                                    out->cap - out->len, in.at, in.len);

        if (ZSTD_isError(failed) || ZSTD_isError(len)) {
            err = COVE_ENOMEM; /* nothing else can go wrong */
        } else {
            out->len += len;
        }
    }
    ZSTD_freeCCtx(zip);
    return err;
}

int cove_zip(struct cove_bytes in, struct cove_buf *out)
{
    return zip_at(in, ZIP_LEVEL, out);
}

int cove_zip_tight(struct cove_bytes in, struct cove_buf *out)
{
    return zip_at(in, ZIP_TIGHT, out);
}

/* Room for what is still to come, as far as it is believed. */
static int unzip_room(struct cove_buf *out, size_t start, size_t len)
{
    size_t had = out->len - start;
    size_t trust = had > ZIP_TRUST ? had : ZIP_TRUST;

    /* One byte at least: zstd wants to be given somewhere. */
    return cove_buf_reserve(out, len - had > trust ? trust : len - had + 1);
}

int cove_unzip(struct cove_bytes in, size_t len, struct cove_buf *out)
{
    ZSTD_DCtx *unzip = ZSTD_createDCtx();
    ZSTD_inBuffer from = {in.at, in.len, 0};
    size_t start = out->len;
    size_t left = 1; /* 0: the frame is at its end */
    int err = unzip == NULL ? COVE_ENOMEM : 0;

    while (err == 0 && left != 0) {
        err = unzip_room(out, start, len);
        if (err != 0) {
            break;
        }

        size_t room = out->cap - out->len;
        size_t had = out->len;

        room = room < start + len - out->len ? room : start + len - out->len;

        ZSTD_outBuffer to = {out->at + out->len, room, 0};
        size_t in_had = from.pos;

        left = ZSTD_decompressStream(unzip, &to, &from);
        out->len += to.pos;
        if (ZSTD_isError(left) ||
            (left != 0 && from.pos == in_had && out->len == had)) {
            err = COVE_ECORRUPT; /* wrong, or it goes on beyond its end */
        }
    }
    if (err == 0 && (out->len - start != len || from.pos != in.len)) {
        err = COVE_ECORRUPT;
    }
    if (err != 0) {
        out->len = start;
    }
    ZSTD_freeDCtx(unzip);
    return err;
}
