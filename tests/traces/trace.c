/* Reading what flatten.py wrote. Positions are code points there; where a
 * patch is in bytes comes from playing all of it once. */
#include "tests/traces/trace.h"

#include <stdio.h>
#include <stdlib.h>

struct from {
    const uint8_t *at, *end;
};

static uint32_t u32(struct from *f)
{
    must(f->end - f->at < 4 ? COVE_EFORMAT : 0);
    f->at += 4;
    return (uint32_t)f->at[-4] | (uint32_t)f->at[-3] << 8 |
           (uint32_t)f->at[-2] << 16 | (uint32_t)f->at[-1] << 24;
}

static struct cove_bytes text(struct from *f)
{
    uint32_t len = u32(f);

    must((size_t)(f->end - f->at) < len ? COVE_EFORMAT : 0);
    f->at += len;
    return cove_bytes(f->at - len, len);
}

static void *more(void *at, size_t count, size_t size)
{
    if ((count & (count - 1)) == 0) { /* full at each power of two */
        at = realloc(at, (count == 0 ? 1 : 2 * count) * size);
        must(at == NULL ? COVE_ENOMEM : 0);
    }
    return at;
}

static void read_patch(struct trace *t, struct from *f)
{
    struct patch *p;

    t->patches = more(t->patches, t->patch_count, sizeof(*t->patches));
    p = &t->patches[t->patch_count++];
    memset(p, 0, sizeof(*p));
    p->at = u32(f);
    p->gone = u32(f);
    p->text = text(f);
    for (size_t i = 0; i < p->text.len; i++) {
        p->count += (p->text.at[i] & 0xc0) != 0x80;
    }
    t->inserted += p->count;
}

static void read_txns(struct trace *t, struct from *f)
{
    t->agents = u32(f);
    t->txn_count = u32(f);
    t->txns = calloc(t->txn_count, sizeof(*t->txns));
    must(t->txns == NULL ? COVE_ENOMEM : 0);
    for (uint32_t i = 0; i < t->txn_count; i++) {
        struct txn *x = &t->txns[i];

        x->agent = u32(f);
        x->parent_count = u32(f);
        x->parents = f->at;
        for (uint32_t k = 0; k < x->parent_count; k++) {
            (void)u32(f);
        }
        x->patch = t->patch_count;
        x->patch_count = u32(f);
        for (size_t k = 0; k < x->patch_count; k++) {
            read_patch(t, f);
        }
    }
}

static void place_in_bytes(struct trace *t)
{
    struct cove_seq *seq = new_seq(COVE_SEQ_TEXT, 1);
    struct cove_seq_edit edit;
    uint32_t n = 0;

    for (size_t i = 0; i < t->patch_count; i++) {
        struct patch *p = &t->patches[i];
        struct cove_seq_run run = {
            .first = {0, n}, .count = p->count, .content = p->text};
        size_t from, to;

        must(cove_seq_convert(seq, COVE_SEQ_ELEMENTS, p->at, COVE_SEQ_BYTES,
                              &from));
        must(cove_seq_convert(seq, COVE_SEQ_ELEMENTS, p->at + p->gone,
                              COVE_SEQ_BYTES, &to));
        p->byte_at = (uint32_t)from;
        p->byte_gone = (uint32_t)(to - from);
        must(cove_seq_remove_at(seq, COVE_SEQ_ELEMENTS, p->at, p->gone,
                                ignore_range, NULL));
        if (p->count > 0) {
            must(
                cove_seq_insert_at(seq, COVE_SEQ_ELEMENTS, p->at, &run, &edit));
        }
        n += p->count;
    }
    cove_seq_free(seq);
}

struct trace *trace_read(const char *path)
{
    const char *name =
        strrchr(path, '/') == NULL ? path : strrchr(path, '/') + 1;
    FILE *file = fopen(path, "rb");
    struct trace *t = calloc(1, sizeof(*t));
    long len;

    must(file == NULL ? COVE_ENOTFOUND : t == NULL ? COVE_ENOMEM : 0);
    must(fseek(file, 0, SEEK_END) != 0 ? COVE_EIO : 0);
    len = ftell(file);
    rewind(file);
    t->file = malloc((size_t)len + 1);
    must(t->file == NULL ? COVE_ENOMEM : 0);
    must(fread(t->file, 1, (size_t)len, file) != (size_t)len ? COVE_EIO : 0);
    fclose(file);
    snprintf(t->name, sizeof(t->name), "%.*s", (int)strcspn(name, "."), name);

    struct from f = {t->file + 6, t->file + len};

    must(len < 6 || memcmp(t->file, "trace", 5) != 0 ? COVE_EFORMAT : 0);
    t->end = text(&f);
    if (t->file[5] == 1) {
        read_txns(t, &f);
        return t;
    }
    while (f.at < f.end) {
        read_patch(t, &f);
    }
    place_in_bytes(t);
    return t;
}

void trace_free(struct trace *t)
{
    free(t->file);
    free(t->patches);
    free(t->txns);
    free(t);
}
