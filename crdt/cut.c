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

static bool cut_list(struct cut_decoder *d, size_t count)
{
    return cove_reader_peek(&d->r) == COVE_CBOR_LIST &&
           cove_reader_list(&d->r) == count;
}

static bool cut_fixed(struct cut_decoder *d, void *out, size_t len)
{
    if (cove_reader_peek(&d->r) != COVE_CBOR_BYTES) {
        return false;
    }

    struct cove_bytes bytes = cove_reader_bytes(&d->r);

    if (bytes.len != len) {
        return false;
    }
    memcpy(out, bytes.at, len);
    return true;
}

static bool cut_uint(struct cut_decoder *d, uint64_t *out)
{
    bool fits = cove_reader_peek(&d->r) == COVE_CBOR_UINT;

    *out = fits ? cove_reader_uint(&d->r) : 0;
    return fits;
}

static int cut_read_row(struct cut_decoder *d, struct cove_cut_row *row)
{
    uint64_t len;

    memset(row, 0, sizeof(*row));
    if (!cut_list(d, CUT_ROW) ||
        !cut_fixed(d, row->session.b, sizeof(row->session.b)) ||
        !cut_fixed(d, row->device.b, sizeof(row->device.b)) ||
        !cut_fixed(d, row->salt, sizeof(row->salt)) || !cut_uint(d, &len) ||
        !cut_fixed(d, row->head.b, sizeof(row->head.b)) ||
        !cut_uint(d, &row->last_hlc)) {
        return cut_malformed(d, "a row must be [session, device, salt, length, "
                                "head, hlc, epoch]");
    }
    if (cove_reader_peek(&d->r) == COVE_CBOR_NULL) {
        cove_reader_null(&d->r);
    } else if (cut_fixed(d, row->epoch.b, sizeof(row->epoch.b))) {
        row->has_epoch = true;
    } else {
        return cut_malformed(d, "an epoch must be null or 32 bytes");
    }
    if (len == 0 || len > UINT32_MAX) {
        return cut_malformed(d, "a row's length must be 1 to 2^32 - 1");
    }
    row->len = (uint32_t)len;

    struct cove_session_id real = cove_session_id_of(&row->device, row->salt);

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

    if (cove_reader_peek(&d->r) != COVE_CBOR_LIST) {
        return cut_malformed(d, "the rows must be a list");
    }
    cut->row_count = cove_reader_list(&d->r);
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

    if (!cut_list(d, CUT_ITEMS)) {
        return cut_malformed(d, "it must be a list of 6 items");
    }
    if (!cut_fixed(d, cut->document.b, sizeof(cut->document.b)) ||
        !cut_fixed(d, cut->device.b, sizeof(cut->device.b))) {
        return cut_malformed(d, "document and device must be 32 bytes");
    }
    if (!cut_uint(d, &cut->made_ms) || cut->made_ms > INT64_MAX) {
        return cut_malformed(d, "its time must fit 63 bits");
    }
    err = cut_read_rows(d);
    if (err != 0) {
        return err;
    }
    if (cove_reader_peek(&d->r) != COVE_CBOR_BYTES) {
        return cut_malformed(d, "the state must be bytes");
    }
    cut->state = cove_reader_bytes(&d->r);
    return 0;
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

    if (!cut_fixed(&d, d.cut.signature.b, sizeof(d.cut.signature.b))) {
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
