/* cut.c: cuts to and from their bytes. docs/FORMAT.md "Cut".
 *
 * What is signed is a hash of the encoded list without its last item, so that
 * signing and verifying see the very bytes.
 */
#include "crdt/cut.h"

#include "core/cbor.h"
#include "core/limits.h"
#include "core/order.h"
#include "crdt/batch.h"

#define CUT_ITEMS 6
#define CUT_ROW   7 /* items */
#define CUT_DEPTH 3 /* cut, rows, row */

/* --- writing */

static void cut_write_row(struct cove_writer *w, const struct cove_cut_row *row)
{
    cove_writer_list(w, CUT_ROW);
    cove_writer_bytes(w, row->session.b, sizeof(row->session.b));
    cove_writer_bytes(w, row->device.b, sizeof(row->device.b));
    cove_writer_bytes(w, row->salt, sizeof(row->salt));
    cove_writer_uint(w, row->len);
    cove_writer_bytes(w, row->head.b, sizeof(row->head.b));
    cove_writer_uint(w, row->last_hlc);
    if (row->has_epoch) {
        cove_writer_bytes(w, row->epoch.b, sizeof(row->epoch.b));
    } else {
        cove_writer_null(w);
    }
}

/* All but the signature. */
static void cut_write(struct cove_writer *w, const struct cove_cut *cut)
{
    cove_writer_list(w, CUT_ITEMS);
    cove_writer_bytes(w, cut->document.b, sizeof(cut->document.b));
    cove_writer_bytes(w, cut->device.b, sizeof(cut->device.b));
    cove_writer_uint(w, cut->made_ms);
    cove_writer_list(w, cut->row_count);
    for (size_t i = 0; i < cut->row_count; i++) {
        cut_write_row(w, &cut->rows[i]);
    }
    cove_writer_bytes(w, cut->state.at, cut->state.len);
}

int cove_cut_sign(const struct cove_secret *secret,
                  const struct cove_alloc *alloc, struct cove_cut *cut)
{
    struct cove_writer w;
    struct cove_buf buf;

    cove_buf_init(&buf, alloc);
    cove_writer_init(&w, &buf);
    cut_write(&w, cut);
    if (w.err == 0) {
        struct cove_hash hash = cove_hash("cove/cut", cove_buf_bytes(&buf));

        cove_sign(secret, cove_bytes(hash.b, sizeof(hash.b)), &cut->signature);
    }
    cove_buf_clear(&buf);
    return w.err;
}

int cove_cut_encode(const struct cove_cut *cut, struct cove_buf *out)
{
    size_t start = out->len;
    struct cove_writer w;

    cove_writer_init(&w, out);
    cut_write(&w, cut);
    cove_writer_bytes(&w, cut->signature.b, sizeof(cut->signature.b));
    if (w.err == 0 && out->len - start > COVE_MAX_CUT) {
        w.err = COVE_ELIMIT;
    }
    if (w.err != 0) {
        out->len = start;
    }
    return w.err;
}

/* --- reading */

struct cut_decoder {
    struct cove_reader r;
    struct cove_arena *arena;
    struct cove_diag *diag;
    struct cove_cut cut;
};

static int cut_malformed(struct cut_decoder *d, const char *rule)
{
    return cove_fail(d->diag, COVE_EFORMAT, "cut: %s", rule);
}

static int cut_read_row(struct cut_decoder *d, struct cove_cut_row *row)
{
    struct cove_reader *r = &d->r;
    struct cove_session_id real;
    uint64_t len;
    size_t items = cove_reader_list(r);

    memset(row, 0, sizeof(*row));
    cove_reader_fixed(r, row->session.b, sizeof(row->session.b));
    cove_reader_fixed(r, row->device.b, sizeof(row->device.b));
    cove_reader_fixed(r, row->salt, sizeof(row->salt));
    len = cove_reader_uint(r);
    cove_reader_fixed(r, row->head.b, sizeof(row->head.b));
    row->last_hlc = cove_reader_uint(r);
    row->has_epoch = cove_reader_peek(r) != COVE_CBOR_NULL;
    if (row->has_epoch) {
        cove_reader_fixed(r, row->epoch.b, sizeof(row->epoch.b));
    } else {
        cove_reader_null(r);
    }
    if (r->err != 0 || items != CUT_ROW) {
        return cut_malformed(d, "a row must be [session, device, salt, length, "
                                "head, hlc, epoch or null]");
    }
    if (len == 0 || len > UINT32_MAX) {
        return cut_malformed(d, "a row's length must be 1 to 2^32 - 1");
    }
    row->len = (uint32_t)len;
    real = cove_session_id_of(&row->device, row->salt);
    return memcmp(&real, &row->session, sizeof(real)) == 0
               ? 0
               : cove_fail(d->diag, COVE_EHASH,
                           "cut: a session is not the hash of its device and "
                           "salt");
}

static int cut_read_rows(struct cut_decoder *d)
{
    struct cove_cut *cut = &d->cut;
    int err = 0;

    cut->row_count = cove_reader_list(&d->r);
    if (d->r.err != 0) {
        return cut_malformed(d, "the rows must be a list");
    }
    if (cut->row_count == 0 || cut->row_count > COVE_MAX_SESSIONS) {
        return cove_fail(d->diag, COVE_ELIMIT,
                         "cut: %zu rows; it must be 1 to %d", cut->row_count,
                         COVE_MAX_SESSIONS);
    }
    cut->rows = cove_arena_array(d->arena, cut->row_count, sizeof(*cut->rows));
    if (cut->rows == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < cut->row_count && err == 0; i++) {
        err = cut_read_row(d, &cut->rows[i]);
        if (err == 0 && i > 0 &&
            memcmp(&cut->rows[i - 1].session, &cut->rows[i].session,
                   sizeof(cut->rows[i].session)) >= 0) {
            err = cut_malformed(d, "rows must stand by session, each once");
        }
    }
    return err;
}

static int cut_read(struct cut_decoder *d)
{
    struct cove_cut *cut = &d->cut;
    int err;

    if (cove_reader_list(&d->r) != CUT_ITEMS) {
        return cut_malformed(d, "it must be a list of 6 items");
    }
    cove_reader_fixed(&d->r, cut->document.b, sizeof(cut->document.b));
    cove_reader_fixed(&d->r, cut->device.b, sizeof(cut->device.b));
    if (d->r.err != 0) {
        return cut_malformed(d, "document and device must be 32 bytes");
    }
    cut->made_ms = cove_reader_uint(&d->r);
    if (d->r.err != 0 || cut->made_ms > INT64_MAX) {
        return cut_malformed(d, "its time must fit 63 bits");
    }
    err = cut_read_rows(d);
    if (err == 0) {
        cut->state = cove_reader_bytes(&d->r);
        err = d->r.err == 0 ? 0 : cut_malformed(d, "the state must be bytes");
    }
    return err;
}

static int cut_verify(struct cut_decoder *d, struct cove_bytes said)
{
    struct cove_hash hash = cove_hash("cove/cut", said);
    int err = cove_verify(&d->cut.device, cove_bytes(hash.b, sizeof(hash.b)),
                          &d->cut.signature);

    return err == 0 ? 0
                    : cove_fail(d->diag, err,
                                "cut: it is not signed by the device it names");
}

int cove_cut_decode(struct cove_bytes in, struct cove_arena *arena,
                    struct cove_cut *out, struct cove_diag *diag)
{
    struct cut_decoder d = {.arena = arena, .diag = diag};
    int err;

    if (in.len > COVE_MAX_CUT) {
        return cove_fail(diag, COVE_ELIMIT, "cut: %zu bytes; the limit is %d",
                         in.len, COVE_MAX_CUT);
    }
    err = cove_cbor_check_all(in, CUT_DEPTH, diag);
    if (err != 0) {
        cove_diag_context(diag, "cut");
        return err;
    }
    cove_reader_init(&d.r, in);
    err = cut_read(&d);
    if (err != 0) {
        return err;
    }

    struct cove_bytes said = cove_bytes(in.at, (size_t)(d.r.at - in.at));

    cove_reader_fixed(&d.r, d.cut.signature.b, sizeof(d.cut.signature.b));
    if (cove_reader_done(&d.r) != 0) {
        return cut_malformed(&d, "the signature must be 64 bytes");
    }
    err = cut_verify(&d, said);
    if (err == 0) {
        *out = d.cut;
    }
    return err;
}

bool cove_cut_is(struct cove_bytes in)
{
    return in.len > 0 && in.at[0] == (0x80 | CUT_ITEMS);
}

bool cove_cut_document(struct cove_bytes in, struct cove_id *out)
{
    static const uint8_t begin[] = {0x80 | CUT_ITEMS, 0x58, sizeof(*out)};

    if (in.len < sizeof(begin) + sizeof(*out) ||
        memcmp(in.at, begin, sizeof(begin)) != 0) {
        return false;
    }
    memcpy(out->b, in.at + sizeof(begin), sizeof(out->b));
    return true;
}

/* --- what it says */

const struct cove_cut_row *cove_cut_row_of(
    const struct cove_cut *cut, const struct cove_session_id *session)
{
    bool found;
    size_t at = cove_session_place(
        cut->rows, cut->row_count, sizeof(*cut->rows),
        offsetof(struct cove_cut_row, session), session, &found);

    return found ? &cut->rows[at] : NULL;
}

uint64_t cove_cut_until(const struct cove_cut *cut)
{
    uint64_t until = 0;

    for (size_t i = 0; i < cut->row_count; i++) {
        if (cut->rows[i].last_hlc > until) {
            until = cut->rows[i].last_hlc;
        }
    }
    return until;
}
