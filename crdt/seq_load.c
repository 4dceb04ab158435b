/* A sequence from its checkpoint: docs/FORMAT.md "Sequence".
 *
 * Loading reads the visible text and keeps the bytes. Building integrates the
 * runs again, in the order in which they came, then deletes, then has the
 * content laid out by LV. Whatever the bytes say, they can only make a
 * sequence, or none.
 */
#include "core/zip.h"
#include "crdt/pack.h"
#include "crdt/seq_parts.h"

struct section {
    uint64_t len;
    struct cove_bytes stored;
    bool zipped;
};

struct loading {
    struct cove_seq *seq; /* under construction */
    uint32_t total, elems, waiting;
    uint8_t kind;
    struct section section[3]; /* visible, deleted, the rest */
    struct cove_buf visible, deleted, rest;
    struct cove_unpacker u;   /* of the rest */
    struct cove_bytes ranges; /* of LVs that are deleted: gap, length */
    struct load_run *run;
    uint32_t run_count;
};

struct load_run {
    uint32_t author, n, count;
    uint64_t parent; /* back << 1 | side */
    uint32_t type;
};

/* --- the frame */

static void read_section(struct cove_unpacker *u, struct section *out)
{
    out->len = cove_unpack_varint(u);

    uint64_t zipped = cove_unpack_varint(u);

    out->zipped = zipped > 0;
    if (out->len > SEQ_TOTAL_MAX || zipped > SEQ_TOTAL_MAX) {
        u->err = COVE_ECORRUPT;
        return;
    }
    out->stored =
        cove_unpack_span(u, (size_t)(out->zipped ? zipped : out->len));
}

static int read_frame(struct cove_bytes saved, struct loading *out)
{
    struct cove_unpacker u;

    cove_unpacker_init(&u, saved);
    out->kind = cove_unpack_byte(&u);
    out->total = cove_unpack_u32(&u);
    out->elems = cove_unpack_u32(&u);
    out->waiting = cove_unpack_u32(&u);
    for (size_t i = 0; i < COVE_ARRAY_LEN(out->section); i++) {
        read_section(&u, &out->section[i]);
    }
    if (out->kind > COVE_SEQ_LIST || out->total > SEQ_TOTAL_MAX ||
        out->elems > out->total || out->waiting > COVE_SEQ_WAITING_MAX) {
        return COVE_ECORRUPT;
    }
    return cove_unpacker_done(&u);
}

/* Into an empty buffer, which gets no more room than it needs. */
static int open_section(const struct section *section, struct cove_buf *out)
{
    size_t len = (size_t)section->len;

    if (section->zipped) {
        int err = cove_unzip(section->stored, len, out);

        if (err == 0 && out->cap > len && len > 0) {
            uint8_t *less = out->alloc->resize(out->alloc->ctx, out->at, len);

            out->at = less != NULL ? less : out->at;
            out->cap = less != NULL ? len : out->cap;
        }
        return err;
    }
    return cove_buf_append(out, section->stored);
}

static int keep_saved(struct cove_seq *seq, struct cove_bytes saved)
{
    seq->saved.at = cove_alloc_new(seq->alloc, saved.len);
    if (seq->saved.at == NULL) {
        return COVE_ENOMEM;
    }
    memcpy(seq->saved.at, saved.at, saved.len);
    seq->saved.len = seq->saved.cap = saved.len;
    return 0;
}

int cove_seq_load(const struct cove_alloc *alloc, struct cove_bytes saved,
                  struct cove_seq **out)
{
    struct loading l;
    struct cove_seq *seq;
    int err = read_frame(saved, &l);

    if (err != 0) {
        return err;
    }
    seq = cove_alloc_zero(alloc, 1, sizeof(*seq));
    if (seq == NULL) {
        return COVE_ENOMEM;
    }
    seq->alloc = alloc;
    seq->self = seq;
    seq->kind = (enum cove_seq_kind)l.kind;
    cove_buf_init(&seq->saved, alloc);
    cove_buf_init(&seq->text, alloc);
    seq->late.leaf = seq->cursor.leaf = SEQ_NONE; /* there is no tree yet */
    seq->saved_total = l.total;
    seq->saved_elems = l.elems;
    seq->saved_waiting = l.waiting;
    if (seq->kind == COVE_SEQ_TEXT) {
        err = open_section(&l.section[0], &seq->text);
        if (err == 0 && cove_seq_check_content(seq, cove_buf_bytes(&seq->text),
                                               l.elems) != 0) {
            err = COVE_ECORRUPT;
        }
    }
    if (err == 0) {
        err = keep_saved(seq, saved);
    }
    if (err != 0) {
        cove_seq_free(seq);
        return err;
    }
    *out = seq;
    return 0;
}

/* --- the rest */

/* How many things follow, each of at least one byte. */
static uint32_t unpack_count(struct cove_unpacker *u)
{
    uint64_t count = cove_unpack_varint(u);

    if (count > (uint64_t)(u->end - u->at)) {
        u->err = COVE_ECORRUPT;
        return 0;
    }
    return (uint32_t)count;
}

static int build_authors(struct loading *l)
{
    struct cove_unpacker *u = &l->u;
    int err = 0;

    for (uint32_t i = 0, count = unpack_count(u); err == 0 && i < count; i++) {
        struct cove_seq_author who;
        uint32_t number = 0;

        memset(&who, 0, sizeof(who));
        cove_unpack_raw(u, who.device.b, sizeof(who.device.b));
        cove_unpack_raw(u, who.session.b, sizeof(who.session.b));
        who.hlc = cove_unpack_varint(u);
        who.tx = cove_unpack_u32(u);
        who.op = cove_unpack_u32(u);
        err = u->err != 0 ? u->err : cove_seq_author_add(l->seq, &who, &number);
        if (err == 0 && number != i) {
            err = COVE_ECORRUPT;
        }
    }
    for (uint32_t i = 0, count = unpack_count(u); err == 0 && i < count; i++) {
        struct cove_bytes type = cove_unpack_bytes(u);
        uint32_t number = 0;

        err = u->err != 0 ? u->err : cove_seq_type_add(l->seq, type, &number);
        if (err == 0 && number != i) {
            err = COVE_ECORRUPT;
        }
    }
    return err != 0 ? err : u->err;
}

static int read_runs(struct loading *l)
{
    struct cove_unpacker *u = &l->u;
    uint32_t authors = l->seq->author_len;
    uint32_t count = unpack_count(u);
    uint32_t *next =
        cove_alloc_zero(l->seq->alloc, authors + 1u, sizeof(*next));

    l->run = cove_alloc_zero(l->seq->alloc, count, sizeof(*l->run));
    l->run_count = count;
    if (l->run == NULL || next == NULL) {
        cove_alloc_free(l->seq->alloc, next);
        return COVE_ENOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        l->run[i].author = cove_unpack_u32(u);
        if (l->run[i].author >= authors) {
            u->err = COVE_ECORRUPT;
            l->run[i].author = 0;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        l->run[i].n = (uint32_t)cove_unpack_signed(u); /* as a difference */
    }
    for (uint32_t i = 0; i < count; i++) {
        struct load_run *run = &l->run[i];

        run->count = cove_unpack_u32(u);
        run->n += next[run->author];
        next[run->author] = run->n + run->count;
    }
    for (uint32_t i = 0; i < count; i++) {
        l->run[i].parent = cove_unpack_varint(u);
    }
    for (uint32_t i = 0; l->seq->kind == COVE_SEQ_LIST && i < count; i++) {
        l->run[i].type = cove_unpack_u32(u);
    }
    cove_alloc_free(l->seq->alloc, next);
    return u->err;
}

static int read_hlcs(struct loading *l)
{
    struct cove_seq *seq = l->seq;
    struct cove_unpacker *u = &l->u;
    uint32_t count = unpack_count(u);
    uint64_t lv = 0;
    uint64_t high = 0;
    int err = cove_seq_grow(seq, &seq->tick, &seq->tick_cap, count,
                            sizeof(*seq->tick));

    if (err != 0) {
        return err;
    }
    seq->tick_len = count;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t len = cove_unpack_varint(u);

        seq->tick[i].lv = (uint32_t)lv;
        seq->tick[i].counts = (len & 1) != 0;
        lv += len >> 1;
        if (len >> 1 == 0 || len >> 1 > l->total || lv > l->total) {
            return COVE_ECORRUPT;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        high += cove_unpack_signed(u);
        seq->tick[i].hlc = high << 16;
    }
    high = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t low = high >> 16 == seq->tick[i].hlc >> 16 ? high : 0;

        seq->tick[i].hlc |= (low + cove_unpack_varint(u)) & 0xffff;
        high = seq->tick[i].hlc;
    }
    return u->err != 0 || lv != l->total ? COVE_ECORRUPT : 0;
}

/* --- the tree */

static int build_run(struct loading *l, const struct load_run *run)
{
    struct cove_seq *seq = l->seq;
    uint32_t lv = seq->total;
    uint64_t back = run->parent >> 1;
    struct seq_new x = {
        .first = {run->author, run->n},
        .count = run->count,
        .parent = back == 0 ? SEQ_NONE : (uint32_t)(lv - back),
        .side = (enum cove_seq_side)(run->parent & 1),
        .type = run->type,
        .bare = true,
    };
    uint32_t span;

    if (run->count == 0 || run->count > l->total - lv || back > lv ||
        (back == 0 && x.side == COVE_SEQ_LEFT) ||
        run->count > UINT32_MAX - run->n ||
        (seq->kind == COVE_SEQ_LIST && run->type >= seq->type_len) ||
        cove_seq_lv_of(seq, x.first, &span) != SEQ_NONE || span < run->count) {
        return COVE_ECORRUPT;
    }

    /* The table is whole, but this LV is not counted yet. */
    seq->total++;
    x.hlc = cove_seq_hlc_of(seq, lv);
    seq->total--;
    return cove_seq_integrate(seq, &x);
}

static int build_deleted(struct loading *l)
{
    struct cove_unpacker *u = &l->u;
    uint32_t count = unpack_count(u);
    uint64_t lv = 0;
    int err = 0;

    l->ranges = cove_bytes(u->at, 0);
    for (uint32_t i = 0; err == 0 && i < count; i++) {
        uint32_t gap = cove_unpack_u32(u);
        uint32_t len = cove_unpack_u32(u);

        lv += gap;
        if (u->err != 0 || len == 0 || lv + len > l->total) {
            return COVE_ECORRUPT;
        }
        err = cove_seq_delete_lvs(l->seq, (uint32_t)lv, len);
        lv += len;
    }
    l->ranges.len = (size_t)(u->at - l->ranges.at);
    if (err == 0 && l->seq->elems != l->elems) {
        err = COVE_ECORRUPT;
    }
    return err != 0 ? err : u->err;
}

static int build_tree(struct loading *l)
{
    struct cove_seq *seq = l->seq;
    int err = build_authors(l);

    if (err == 0) {
        err = read_runs(l);
    }
    if (err == 0) {
        err = read_hlcs(l);
    }
    for (uint32_t i = 0; err == 0 && i < l->run_count; i++) {
        err = build_run(l, &l->run[i]);
    }
    if (err == 0 && seq->total != l->total) {
        err = COVE_ECORRUPT;
    }
    return err != 0 ? err : build_deleted(l);
}

/* --- what waits */

static int build_waiting_run(struct loading *l)
{
    struct cove_unpacker *u = &l->u;
    struct seq_new x = {.first.author = cove_unpack_u32(u)};
    struct cove_elem parent;

    x.first.n = cove_unpack_u32(u);
    x.count = cove_unpack_u32(u);
    parent.author = cove_unpack_u32(u);
    parent.n = cove_unpack_u32(u);

    uint32_t type_side = cove_unpack_u32(u);

    x.side = (enum cove_seq_side)(type_side & 1);
    x.type = type_side >> 1;
    x.hlc = cove_unpack_varint(u);
    x.content = cove_unpack_bytes(u);
    if (u->err != 0 || x.first.author >= l->seq->author_len ||
        parent.author >= l->seq->author_len || x.count == 0 ||
        x.count > UINT32_MAX - x.first.n ||
        (l->seq->kind == COVE_SEQ_LIST ? x.type >= l->seq->type_len
                                       : x.type > 0) ||
        cove_seq_check_content(l->seq, x.content, x.count) != 0) {
        return COVE_ECORRUPT;
    }

    uint32_t ignored;

    return cove_seq_lv_of(l->seq, parent, &ignored) == SEQ_NONE
               ? cove_seq_wait_add(l->seq, parent, &x)
               : cove_seq_insert_parts(l->seq, parent, &x);
}

static int build_waiting(struct loading *l)
{
    struct cove_unpacker *u = &l->u;
    int err = u->err;

    for (uint32_t i = 0, count = unpack_count(u); err == 0 && i < count; i++) {
        err = build_waiting_run(l);
    }
    for (uint32_t i = 0, count = unpack_count(u); err == 0 && i < count; i++) {
        struct cove_elem first = {cove_unpack_u32(u), 0};
        uint32_t len;

        first.n = cove_unpack_u32(u);
        len = cove_unpack_u32(u);
        if (u->err != 0 || len == 0 || first.author >= l->seq->author_len ||
            len > UINT32_MAX - first.n) {
            return COVE_ECORRUPT;
        }
        err = cove_seq_remove(l->seq, first, len);
    }
    if (err == 0) {
        err = cove_seq_wait_drain(l->seq);
    }
    if (err == COVE_ELIMIT) {
        err = COVE_ECORRUPT; /* what was saved was within them */
    }
    return err != 0 ? err : cove_unpacker_done(u);
}

/* --- all of it */

static int build_all(struct loading *l)
{
    int err = open_section(&l->section[0], &l->visible);

    if (err == 0) {
        err = open_section(&l->section[1], &l->deleted);
    }
    if (err == 0) {
        err = open_section(&l->section[2], &l->rest);
    }
    cove_unpacker_init(&l->u, cove_buf_bytes(&l->rest));
    if (err == 0) {
        err = build_tree(l);
    }
    if (err == 0) {
        err = cove_seq_lay(l->seq, &l->visible, cove_buf_bytes(&l->deleted),
                           l->ranges);
    }
    return err != 0 ? err : build_waiting(l);
}

int cove_seq_build(struct cove_seq *seq)
{
    struct loading l = {.run = NULL};
    int err = read_frame(cove_buf_bytes(&seq->saved), &l);

    if (err == 0) {
        err = cove_seq_new(seq->alloc, seq->kind, &l.seq);
    }
    if (err != 0) {
        return err;
    }
    cove_buf_init(&l.visible, seq->alloc);
    cove_buf_init(&l.deleted, seq->alloc);
    cove_buf_init(&l.rest, seq->alloc);
    err = build_all(&l);
    if (err == 0) {
        cove_buf_clear(&seq->saved);
        cove_buf_clear(&seq->text);
        *seq = *l.seq;
        seq->self = seq;
        cove_alloc_free(seq->alloc, l.seq);
    } else {
        cove_seq_free(l.seq);
    }
    cove_alloc_free(seq->alloc, l.run);
    cove_buf_clear(&l.visible);
    cove_buf_clear(&l.deleted);
    cove_buf_clear(&l.rest);
    return err;
}
