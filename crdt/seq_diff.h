/* seq_diff.h: what differs between two folds of one sequence, by identity.
 *
 * Two points of a document's past are two sequences folded from one log: what
 * both hold stands in the same order in both, and an element is the same where
 * its author and number are. So both are walked in step, and no text is
 * compared with another.
 *
 *   old   T h e   c a t - s - a t      - is a tombstone
 *   new   T h e   c a t   s   i t      {at 9, removed "a", inserted "i"}
 *
 * A change is a stretch in which nothing stays: all that goes, and all that
 * comes in its place. Who wants to go back writes fixes: what goes is removed,
 * of what comes a copy is put right behind the tombstone that is left of it, so
 * that whatever else comes back finds its place beside it.
 */
#ifndef COVE_CRDT_SEQ_DIFF_H
#define COVE_CRDT_SEQ_DIFF_H

#include "core/arena.h"
#include "crdt/seq.h"

/* --- in step */

/* Elements by one author behind each other, alike in both. */
struct cove_seq_step {
    uint32_t count;
    bool in_old, in_new;      /* held there, visible or not */
    bool was, is;             /* visible there */
    struct cove_elem old, as; /* the first one, by the authors of each */
    uint64_t hlc;
    struct cove_bytes content; /* as in a run; borrowed from one of them */
    struct cove_bytes type;
};

struct cove_seq_steps {
    const struct cove_seq *old, *as;
    struct cove_seq_walk old_walk, new_walk;
    struct cove_seq_piece old_piece, new_piece;
    bool old_left, new_left;
    uint32_t *new_author, *old_author; /* of the other's; COVE_SEQ_ROOT: none */
};

/* Walk both, which may be the same and must not change meanwhile.
 * Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_seq_steps(const struct cove_seq *old,
                                   const struct cove_seq *as,
                                   struct cove_arena *arena,
                                   struct cove_seq_steps *out);
/* Errors: COVE_ENOTFOUND at the end; those of reading a sequence. */
COVE_MUST_CHECK int cove_seq_step(struct cove_seq_steps *steps,
                                  struct cove_seq_step *out);
/* The first `count` elements of content, of so many; the rest follows. */
struct cove_bytes cove_seq_cut(enum cove_seq_kind kind,
                               struct cove_bytes content, uint32_t count);

/* --- changes */

struct cove_seq_part { /* elements that go, or come */
    struct cove_elem first;
    uint32_t count;
    uint64_t hlc;
    struct cove_bytes content;
    struct cove_bytes type;
    /* Where it has its place in the old one, for fixes. */
    bool held;               /* it is there itself, from `behind` on; else it */
    struct cove_elem behind; /* … belongs behind that one */
    size_t place;            /* elements there before it, tombstones too */
};
struct cove_seq_change {
    size_t old_at, new_at; /* visible elements before it */
    struct cove_seq_part *gone, *come;
    size_t gone_parts, gone_cap, come_parts, come_cap;
    size_t gone_count, come_count; /* elements */
};

struct cove_seq_changes {
    struct cove_arena *arena;
    enum cove_seq_kind kind;
    struct cove_seq_change *at; /* ascending; something stays between two */
    size_t count, cap;
    size_t old_at, new_at; /* as far as it was added */
    bool open;             /* the last one may grow */
};

void cove_seq_changes_init(struct cove_seq_changes *changes,
                           struct cove_arena *arena, enum cove_seq_kind kind);
/* The next elements in document order, visible before and afterwards or not.
 * Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_seq_changes_add(struct cove_seq_changes *changes,
                                         const struct cove_seq_part *part,
                                         bool was, bool is);
/* All of two sequences; what goes is named by the old one's authors, what comes
 * by the new one's. Errors: COVE_ENOMEM. Cost: O(n). */
COVE_MUST_CHECK int cove_seq_diff(const struct cove_seq *old,
                                  const struct cove_seq *as,
                                  struct cove_arena *arena,
                                  struct cove_seq_changes *out);

/* --- fixes */

struct cove_seq_fix {
    struct cove_elem at; /* removed from there on, or inserted behind it; the
                            root: at the very beginning */
    uint32_t count;
    struct cove_bytes content; /* inserted; empty: removed */
    struct cove_bytes type;
};
/* What makes the old one show what the changes say, in document order: to be
 * applied from the last one on. Of a change whose ends are equal (a copy was
 * put in before) only the middle, but for `exact`. Errors: COVE_ENOMEM. */
COVE_MUST_CHECK int cove_seq_fixes(const struct cove_seq_changes *changes,
                                   bool exact, struct cove_seq_fix **out,
                                   size_t *count);

#endif
