/* seq_help.h: short words for sequences in tests. */
#ifndef COVE_TESTS_SEQ_HELP_H
#define COVE_TESTS_SEQ_HELP_H

#include "cove/error.h"
#include "crdt/seq.h"
#include "tests/unit/harness.h"

static const struct cove_elem root = {COVE_SEQ_ROOT, 0};

/* A sequence with the authors 0 and 1. */
static inline struct cove_seq *seq_new(const struct cove_alloc *alloc,
                                       enum cove_seq_kind kind)
{
    struct cove_seq *seq = NULL;
    int err = cove_seq_new(alloc, kind, &seq);

    for (uint32_t i = 0; err == 0 && i < 2; i++) {
        struct cove_seq_author author;
        uint32_t number;

        memset(&author, 0, sizeof(author));
        author.device.b[31] = author.session.b[0] = (uint8_t)(i + 1);
        err = cove_seq_author_add(seq, &author, &number);
        ck_assert(err != 0 || number == i);
    }
    if (err != 0) {
        cove_seq_free(seq);
        return NULL;
    }
    return seq;
}

static inline struct cove_seq_run run_of(uint32_t author, uint32_t n,
                                         const char *text)
{
    struct cove_seq_run run = {.first = {author, n},
                               .hlc = 100 + n,
                               .parent = root,
                               .side = COVE_SEQ_RIGHT,
                               .content = cove_bytes_text(text)};

    for (const char *at = text; *at != '\0'; at++) {
        run.count += ((unsigned char)*at & 0xc0) != 0x80;
    }
    return run;
}

/* What somebody else typed. */
static inline int take(struct cove_seq *seq, uint32_t author, uint32_t n,
                       struct cove_elem parent, enum cove_seq_side side,
                       const char *text)
{
    struct cove_seq_run run = run_of(author, n, text);

    run.parent = parent;
    run.side = side;
    return cove_seq_insert(seq, &run);
}

static inline struct cove_elem elem(uint32_t author, uint32_t n)
{
    return (struct cove_elem){author, n};
}

static inline int type_at(struct cove_seq *seq, size_t at, uint32_t n,
                          const char *text)
{
    struct cove_seq_run run = run_of(0, n, text);
    struct cove_seq_edit edit;

    return cove_seq_insert_at(seq, COVE_SEQ_ELEMENTS, at, &run, &edit);
}

static inline int ignored(void *ctx, struct cove_elem first, uint32_t count)
{
    (void)ctx;
    (void)first;
    (void)count;
    return 0;
}

static inline int erase_at(struct cove_seq *seq, size_t at, size_t len)
{
    return cove_seq_remove_at(seq, COVE_SEQ_ELEMENTS, at, len, ignored, NULL);
}

static inline void assert_text(const struct cove_seq *seq, const char *want)
{
    struct cove_buf out;

    cove_buf_init(&out, &cove_alloc_libc);
    ck_assert_int_eq(cove_seq_text(seq, COVE_SEQ_ELEMENTS, 0,
                                   cove_seq_length(seq, COVE_SEQ_ELEMENTS),
                                   &out),
                     0);
    ck_assert_uint_eq(cove_seq_length(seq, COVE_SEQ_BYTES), out.len);
    ck_assert_int_eq(cove_buf_append(&out, cove_bytes("", 1)), 0);
    ck_assert_str_eq((const char *)out.at, want);
    cove_buf_clear(&out);
}

/* The same, saved and loaded. */
static inline struct cove_seq *again(const struct cove_alloc *alloc,
                                     const struct cove_seq *seq)
{
    struct cove_seq *loaded = NULL;
    struct cove_buf saved;

    cove_buf_init(&saved, &cove_alloc_libc);
    ck_assert_int_eq(cove_seq_save(seq, &saved), 0);
    ck_assert_int_eq(cove_seq_load(alloc, cove_buf_bytes(&saved), &loaded), 0);
    cove_buf_clear(&saved);
    return loaded;
}

#endif
