/* A sequence at rest: docs/FORMAT.md "Sequence".
 *
 * What can be seen comes first, as it is read, so that reading needs nothing
 * else. The tree is not written: it comes out of the runs again, which is as
 * fast as reading it would be, and no bytes can make a wrong one.
 */
#include "core/zip.h"
#include "crdt/pack.h"
#include "crdt/seq_parts.h"

#define SECTION_ZIP_MIN 256 /* bytes; below that it gains next to nothing */

static int save_section(struct cove_packer *p, struct cove_bytes in)
{
    struct cove_buf zipped;
    int err = 0;

    cove_buf_init(&zipped, p->out->alloc);
    if (in.len >= SECTION_ZIP_MIN) {
        err = cove_zip(in, &zipped);
    }
    cove_pack_varint(p, in.len);
    if (zipped.len > 0 && zipped.len < in.len) {
        in = cove_buf_bytes(&zipped);
        cove_pack_varint(p, in.len);
    } else {
        cove_pack_varint(p, 0);
    }
    cove_pack_raw(p, in.at, in.len);
    cove_buf_clear(&zipped);
    return err != 0 ? err : p->err;
}

/* --- what is visible, what is deleted */

/* The visible content in document order, and a bit for each deleted LV. */
static int save_spans(const struct cove_seq *seq, struct cove_buf *visible,
                      uint8_t *deleted)
{
    int err = 0;

    for (uint32_t leaf = 0; err == 0 && leaf != SEQ_NONE;
         leaf = seq->leaf[leaf].next) {
        for (uint32_t i = 0; err == 0 && i < seq->leaf[leaf].count; i++) {
            const struct seq_span *span = &seq->leaf[leaf].span[i];

            if ((span->flags & SEQ_DELETED) == 0) {
                err = cove_buf_append(
                    visible, cove_seq_content_of(seq, span->lv, span->count));
                continue;
            }
            for (uint32_t lv = span->lv; lv < span->lv + span->count; lv++) {
                deleted[lv / 8] |= (uint8_t)(1u << lv % 8);
            }
        }
    }
    return err;
}

static bool deleted_at(const struct cove_seq *seq, const uint8_t *deleted,
                       uint32_t lv)
{
    return lv < seq->total && (deleted[lv / 8] >> lv % 8 & 1) != 0;
}

static uint32_t deleted_end(const struct cove_seq *seq, const uint8_t *deleted,
                            uint32_t lv, bool state)
{
    while (lv < seq->total && deleted_at(seq, deleted, lv) == state) {
        lv++;
    }
    return lv;
}

/* Ranges of LVs, and their content. */
static void save_deleted(const struct cove_seq *seq, const uint8_t *deleted,
                         struct cove_packer *p, struct cove_packer *content)
{
    uint32_t count = 0;

    for (uint32_t lv = 0; lv < seq->total; lv++) {
        count +=
            deleted_at(seq, deleted, lv) && !deleted_at(seq, deleted, lv + 1);
    }
    cove_pack_varint(p, count);
    for (uint32_t lv = 0; count > 0; count--) {
        uint32_t start = deleted_end(seq, deleted, lv, false);
        uint32_t end = deleted_end(seq, deleted, start, true);
        struct cove_bytes gone = cove_seq_content_of(seq, start, end - start);

        cove_pack_varint(p, start - lv);
        cove_pack_varint(p, end - start);
        cove_pack_raw(content, gone.at, gone.len);
        lv = end;
    }
}

/* --- the rest, column after column */

static void save_authors(const struct cove_seq *seq, struct cove_packer *p)
{
    cove_pack_varint(p, seq->author_len);
    for (uint32_t i = 0; i < seq->author_len; i++) {
        const struct cove_seq_author *who = &seq->author[i].who;

        cove_pack_raw(p, who->device.b, sizeof(who->device.b));
        cove_pack_raw(p, who->session.b, sizeof(who->session.b));
        cove_pack_varint(p, who->hlc);
        cove_pack_varint(p, who->tx);
        cove_pack_varint(p, who->op);
    }
    cove_pack_varint(p, seq->type_len);
    for (uint32_t i = 0; i < seq->type_len; i++) {
        cove_pack_bytes(p, cove_buf_bytes(&seq->type[i]));
    }
}

/* next: room for a number an author, all 0: the n that it would go on with. */
static void save_runs(const struct cove_seq *seq, struct cove_packer *p,
                      uint32_t *next)
{
    cove_pack_varint(p, seq->run_len);
    for (uint32_t i = 0; i < seq->run_len; i++) {
        cove_pack_varint(p, seq->run[i].author);
    }
    for (uint32_t i = 0; i < seq->run_len; i++) {
        const struct seq_run *run = &seq->run[i];
        uint32_t count = cove_seq_run_end(seq, run) - run->lv;

        cove_pack_signed(p, (uint64_t)run->n - next[run->author]);
        next[run->author] = run->n + count;
    }
    for (uint32_t i = 0; i < seq->run_len; i++) {
        const struct seq_run *run = &seq->run[i];

        cove_pack_varint(p, cove_seq_run_end(seq, run) - run->lv);
    }
    for (uint32_t i = 0; i < seq->run_len; i++) {
        const struct seq_run *run = &seq->run[i];
        uint64_t back = run->parent == SEQ_NONE ? 0 : run->lv - run->parent;

        cove_pack_varint(p, back << 1 | (run->type_side & 1));
    }
    for (uint32_t i = 0; seq->kind == COVE_SEQ_LIST && i < seq->run_len; i++) {
        cove_pack_varint(p, seq->run[i].type_side >> 1);
    }
}

static void save_hlcs(const struct cove_seq *seq, struct cove_packer *p)
{
    uint64_t before = 0;

    cove_pack_varint(p, seq->tick_len);
    for (uint32_t i = 0; i < seq->tick_len; i++) {
        uint32_t end = i + 1 < seq->tick_len ? seq->tick[i + 1].lv : seq->total;
        uint32_t counts = seq->tick[i].counts;

        cove_pack_varint(p, (uint64_t)(end - seq->tick[i].lv) << 1 | counts);
    }
    for (uint32_t i = 0; i < seq->tick_len; i++) {
        cove_pack_signed(p, (seq->tick[i].hlc >> 16) - (before >> 16));
        before = seq->tick[i].hlc;
    }
    before = 0;
    for (uint32_t i = 0; i < seq->tick_len; i++) {
        bool same = seq->tick[i].hlc >> 16 == before >> 16;

        cove_pack_varint(p, (seq->tick[i].hlc - (same ? before : 0)) & 0xffff);
        before = seq->tick[i].hlc;
    }
}

static void save_waiting(const struct cove_seq *seq, struct cove_packer *p)
{
    cove_pack_varint(p, seq->wait_count);
    for (uint32_t i = 0; i < seq->wait_len; i++) {
        const struct seq_wait *wait = &seq->wait[i];

        if (wait->content == NULL) {
            continue;
        }
        cove_pack_varint(p, wait->first.author);
        cove_pack_varint(p, wait->first.n);
        cove_pack_varint(p, wait->count);
        cove_pack_varint(p, wait->parent.author);
        cove_pack_varint(p, wait->parent.n);
        cove_pack_varint(p, wait->type << 1 | (uint32_t)wait->side);
        cove_pack_varint(p, wait->hlc);
        cove_pack_bytes(p, cove_bytes(wait->content, wait->len));
    }
    cove_pack_varint(p, seq->gone_count);
    for (uint32_t i = 0; i < seq->author_len; i++) {
        for (uint32_t k = 0; k < seq->author[i].gone_len; k++) {
            cove_pack_varint(p, i);
            cove_pack_varint(p, seq->author[i].gone[k].n);
            cove_pack_varint(p, seq->author[i].gone[k].count);
        }
    }
}

struct saving {
    struct cove_buf visible, deleted, rest;
    uint8_t *bits;  /* by LV: deleted */
    uint32_t *next; /* by author */
};

static int save_gather(const struct cove_seq *seq, struct saving *s)
{
    struct cove_packer rest, deleted;

    s->bits = cove_alloc_zero(seq->alloc, seq->total / 8 + 1u, 1);
    s->next =
        cove_alloc_zero(seq->alloc, seq->author_len + 1u, sizeof(*s->next));

    int err = s->bits == NULL || s->next == NULL
                  ? COVE_ENOMEM
                  : save_spans(seq, &s->visible, s->bits);

    if (err != 0) {
        return err;
    }
    cove_packer_init(&rest, &s->rest);
    cove_packer_init(&deleted, &s->deleted);
    save_authors(seq, &rest);
    save_runs(seq, &rest, s->next);
    save_hlcs(seq, &rest);
    save_deleted(seq, s->bits, &rest, &deleted);
    save_waiting(seq, &rest);
    return rest.err != 0 ? rest.err : deleted.err;
}

int cove_seq_save(const struct cove_seq *seq, struct cove_buf *out)
{
    struct saving s = {.bits = NULL, .next = NULL};
    struct cove_packer p;
    size_t start = out->len;

    if (seq->saved.at != NULL) {
        return cove_buf_append(out, cove_buf_bytes(&seq->saved));
    }
    cove_buf_init(&s.visible, seq->alloc);
    cove_buf_init(&s.deleted, seq->alloc);
    cove_buf_init(&s.rest, seq->alloc);

    int err = save_gather(seq, &s);

    cove_packer_init(&p, out);
    cove_pack_byte(&p, (uint8_t)seq->kind);
    cove_pack_varint(&p, seq->total);
    cove_pack_varint(&p, seq->elems);
    cove_pack_varint(&p, (uint64_t)seq->wait_count + seq->gone_count);
    if (err == 0) {
        err = save_section(&p, cove_buf_bytes(&s.visible));
    }
    if (err == 0) {
        err = save_section(&p, cove_buf_bytes(&s.deleted));
    }
    if (err == 0) {
        err = save_section(&p, cove_buf_bytes(&s.rest));
    }
    cove_alloc_free(seq->alloc, s.bits);
    cove_alloc_free(seq->alloc, s.next);
    cove_buf_clear(&s.visible);
    cove_buf_clear(&s.deleted);
    cove_buf_clear(&s.rest);
    if (err != 0) {
        out->len = start;
    }
    return err;
}
