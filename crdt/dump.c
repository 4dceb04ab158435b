/* dump.c: blocks of a dump. docs/FORMAT.md "Dump". */
#include "crdt/dump.h"

#include "core/cbor.h"
#include "core/zip.h"

#include <stdio.h>

#define DUMP_ZIPPED 1u /* flag */

const uint8_t cove_dump_magic[COVE_DUMP_MAGIC] = {'c', 'o', 'v', 'e',
                                                  'd', 'm', 'p', 1};

struct cove_hash cove_dump_start(void)
{
    return cove_hash("cove/dump",
                     cove_bytes(cove_dump_magic, sizeof(cove_dump_magic)));
}

static struct cove_hash dump_sum(const struct cove_hash *before,
                                 const uint8_t head[COVE_DUMP_HEAD],
                                 struct cove_bytes body)
{
    const struct cove_bytes parts[] = {cove_bytes(before->b, sizeof(before->b)),
                                       cove_bytes(head, COVE_DUMP_HEAD), body};

    return cove_hash_parts("cove/dump", parts, COVE_ARRAY_LEN(parts));
}

/* --- writing */

/* The body behind out->len, packed where that pays. */
static int block_body(struct cove_bytes body, bool zip, struct cove_buf *out,
                      bool *zipped)
{
    size_t start = out->len;
    int err = zip ? cove_zip(body, out) : 0;

    *zipped = zip && out->len - start < body.len;
    if (err == 0 && !*zipped) {
        out->len = start;
        err = cove_buf_append(out, body);
    }
    return err;
}

int cove_dump_block(enum cove_dump_kind kind, struct cove_bytes body, bool zip,
                    struct cove_hash *sum, struct cove_buf *out)
{
    static const uint8_t none[COVE_DUMP_HEAD];
    size_t start = out->len;
    bool zipped = false;
    int err = body.len > COVE_DUMP_MAX
                  ? COVE_ELIMIT
                  : cove_buf_append(out, cove_bytes(none, sizeof(none)));

    if (err == 0) {
        err = block_body(body, zip, out, &zipped);
    }
    if (err == 0) {
        err = cove_buf_reserve(out, sizeof(*sum));
    }
    if (err != 0) {
        out->len = start;
        return err;
    }
    uint8_t *head = out->at + start;
    size_t stored = out->len - start - COVE_DUMP_HEAD;

    head[0] = (uint8_t)kind;
    head[1] = zipped ? DUMP_ZIPPED : 0;
    cove_put_be32(head + 2, (uint32_t)stored);
    cove_put_be32(head + 6, (uint32_t)body.len);
    *sum = dump_sum(sum, head, cove_bytes(head + COVE_DUMP_HEAD, stored));
    return cove_buf_append(out, cove_bytes(sum->b, sizeof(sum->b)));
}

/* --- reading */

int cove_dump_head(const uint8_t in[COVE_DUMP_HEAD], struct cove_dump_head *out)
{
    struct cove_dump_head head = {.kind = in[0],
                                  .zipped = (in[1] & DUMP_ZIPPED) != 0,
                                  .stored = cove_get_be32(in + 2),
                                  .raw = cove_get_be32(in + 6)};

    if (head.stored > COVE_DUMP_MAX || head.raw > COVE_DUMP_MAX) {
        return COVE_ELIMIT;
    }
    if ((in[1] & ~DUMP_ZIPPED) != 0 || head.kind < 'A' || head.kind > 'Z' ||
        (!head.zipped && head.stored != head.raw) ||
        (head.zipped && head.stored >= head.raw)) {
        return COVE_EFORMAT;
    }
    *out = head;
    return 0;
}

int cove_dump_check(const uint8_t head[COVE_DUMP_HEAD], struct cove_bytes rest,
                    struct cove_hash *sum)
{
    size_t len = rest.len - COVE_DUMP_SUM;
    struct cove_hash right = dump_sum(sum, head, cove_bytes(rest.at, len));

    memcpy(sum->b, rest.at + len, sizeof(sum->b));
    return memcmp(right.b, sum->b, sizeof(right.b)) == 0 ? 0 : COVE_EHASH;
}

int cove_dump_body(const struct cove_dump_head *head, struct cove_bytes stored,
                   struct cove_buf *room, struct cove_bytes *out)
{
    int err;

    if (!head->zipped) {
        *out = stored;
        return 0;
    }
    room->len = 0;
    err = cove_unzip(stored, head->raw, room);
    *out = cove_buf_bytes(room);
    return err;
}

/* --- the first block, the last one */

int cove_dump_begin_write(const struct cove_dump_begin *begin,
                          struct cove_buf *out)
{
    struct cove_writer w;

    cove_writer_init(&w, out);
    cove_writer_list(&w, 7);
    cove_writer_cstr(&w, begin->version);
    cove_writer_uint(&w, (uint64_t)begin->time_ms);
    cove_writer_bytes(&w, begin->device.b, sizeof(begin->device.b));
    cove_writer_bytes(&w, begin->account.b, sizeof(begin->account.b));
    cove_writer_bytes(&w, begin->store_id, sizeof(begin->store_id));
    cove_writer_uint(&w, begin->after);
    cove_writer_cstr(&w, begin->schema);
    return w.err;
}

/* Begin to read the list of a block that may have more items in time to come.
 */
static int dump_list(struct cove_bytes body, size_t least,
                     struct cove_reader *r)
{
    int err = cove_cbor_check_all(body, 2, NULL);

    if (err != 0) {
        return err == COVE_ELIMIT ? COVE_EFORMAT : err;
    }
    cove_reader_init(r, body);
    return cove_reader_peek(r) == COVE_CBOR_LIST && cove_reader_list(r) >= least
               ? 0
               : COVE_EFORMAT;
}

static void dump_text(struct cove_reader *r, char *out, size_t size)
{
    struct cove_bytes text = cove_reader_text(r);

    if (text.len >= size) {
        r->err = COVE_EFORMAT;
        return;
    }
    memcpy(out, text.at, text.len);
    out[text.len] = '\0';
}

int cove_dump_begin_read(struct cove_bytes body, struct cove_dump_begin *out)
{
    struct cove_dump_begin begin = {.time_ms = 0};
    struct cove_reader r;
    int err = dump_list(body, 7, &r);

    if (err != 0) {
        return err;
    }
    dump_text(&r, begin.version, sizeof(begin.version));
    begin.time_ms = cove_reader_int(&r);
    cove_reader_fixed(&r, begin.device.b, sizeof(begin.device.b));
    cove_reader_fixed(&r, begin.account.b, sizeof(begin.account.b));
    cove_reader_fixed(&r, begin.store_id, sizeof(begin.store_id));
    begin.after = cove_reader_uint(&r);
    dump_text(&r, begin.schema, sizeof(begin.schema));
    if (r.err == 0) {
        *out = begin;
    }
    return r.err;
}

int cove_dump_end_write(const struct cove_dump_end *end, struct cove_buf *out)
{
    struct cove_writer w;

    cove_writer_init(&w, out);
    cove_writer_list(&w, 3);
    cove_writer_uint(&w, end->sequence);
    cove_writer_uint(&w, end->counts.documents);
    cove_writer_uint(&w, end->counts.transactions);
    return w.err;
}

int cove_dump_end_read(struct cove_bytes body, struct cove_dump_end *out)
{
    struct cove_dump_end end = {.sequence = 0};
    struct cove_reader r;
    int err = dump_list(body, 3, &r);

    if (err != 0) {
        return err;
    }
    end.sequence = cove_reader_uint(&r);
    end.counts.documents = cove_reader_uint(&r);
    end.counts.transactions = cove_reader_uint(&r);
    if (r.err == 0) {
        *out = end;
    }
    return r.err;
}

/* --- a place */

void cove_dump_place_write(const struct cove_dump_place *place,
                           struct cove_writer *w)
{
    cove_writer_list(w, place->inside ? 8 : 5);
    cove_writer_uint(w, place->after);
    cove_writer_uint(w, place->end);
    cove_writer_uint(w, place->at);
    cove_writer_uint(w, place->pass);
    cove_writer_uint(w, place->round);
    if (place->inside) {
        cove_writer_bytes(w, place->document.b, sizeof(place->document.b));
        cove_writer_bytes(w, place->session.b, sizeof(place->session.b));
        cove_writer_uint(w, place->from);
    }
}

void cove_dump_place_read(struct cove_reader *r, struct cove_dump_place *out)
{
    struct cove_dump_place place = {.after = 0};
    size_t count =
        cove_reader_peek(r) == COVE_CBOR_LIST ? cove_reader_list(r) : 0;

    if (count != 5 && count != 8) {
        r->err = COVE_EFORMAT;
        return;
    }
    place.after = cove_reader_uint(r);
    place.end = cove_reader_uint(r);
    place.at = cove_reader_uint(r);
    place.pass = (unsigned)cove_reader_uint(r);
    place.round = (unsigned)cove_reader_uint(r);
    place.inside = count == 8;
    if (place.inside) {
        cove_reader_fixed(r, place.document.b, sizeof(place.document.b));
        cove_reader_fixed(r, place.session.b, sizeof(place.session.b));
        place.from = (uint32_t)cove_reader_uint(r);
    }
    if (place.pass > COVE_CLASS_CONTENT || place.round > COVE_DUMP_ROUNDS) {
        r->err = COVE_EFORMAT;
    }
    *out = place;
}
