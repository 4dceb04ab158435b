/* trace.h: recorded edits, and what several people made of one text. */
#ifndef COVE_TESTS_TRACE_H
#define COVE_TESTS_TRACE_H

#include "cove/error.h"
#include "crdt/seq.h"

struct patch {
    uint32_t at, gone, count; /* code points */
    uint32_t byte_at, byte_gone;
    struct cove_bytes text;
};

struct txn {
    uint32_t agent;
    const uint8_t *parents; /* u32 each */
    uint32_t parent_count;
    size_t patch, patch_count;
};

struct trace {
    char name[64];
    uint8_t *file;
    struct cove_bytes end;
    struct patch *patches;
    size_t patch_count;
    size_t inserted; /* code points */
    uint32_t agents; /* 0: sequential */
    struct txn *txns;
    uint32_t txn_count;
};

struct trace *trace_read(const char *path);
void trace_free(struct trace *t);

/* The ops of a concurrent trace, each made on a replica that had seen exactly
 * what its author had seen. */
struct story;
struct story *story_make(const struct trace *t);
void story_free(struct story *s);
/* Tell all of them; backwards: the last first, as far as they can wait. */
void story_tell(const struct story *s, struct cove_seq *seq, bool backwards);

/* This is a program for figures: what cannot go on stops. */
const char *cove_error_text(int err);
void must(int err);
double now_ms(void);
struct cove_seq *new_seq(enum cove_seq_kind kind, uint32_t authors);
int ignore_range(void *ctx, struct cove_elem first, uint32_t count);

#endif
