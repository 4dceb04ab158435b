/* seq_parts.h: what the parts of a sequence do for each other. */
#ifndef COVE_CRDT_SEQ_PARTS_H
#define COVE_CRDT_SEQ_PARTS_H

#include <assert.h>

#include "cove/error.h"
#include "crdt/seq_internal.h"

/* Make room for `need` things of `size` in an array. */
COVE_MUST_CHECK int cove_seq_grow(const struct cove_seq *seq, void *array,
                                  uint32_t *cap, size_t need, size_t size);

/* --- seq_index.c: by LV, and by id */

/* The entry that holds an LV. */
const struct seq_run *cove_seq_run_of(const struct cove_seq *seq, uint32_t lv);
static inline uint32_t cove_seq_run_end(const struct cove_seq *seq,
                                        const struct seq_run *run)
{
    return run == &seq->run[seq->run_len - 1] ? seq->total : run[1].lv;
}
struct cove_elem cove_seq_elem_of(const struct cove_seq *seq, uint32_t lv);
/* The index of the stretch of hlcs that an LV is in, and its own. */
uint32_t cove_seq_tick_of(const struct cove_seq *seq, uint32_t lv);
static inline uint64_t cove_seq_tick_at(const struct seq_tick *tick,
                                        uint32_t lv)
{
    return tick->hlc + (tick->counts ? lv - tick->lv : 0);
}
static inline uint64_t cove_seq_hlc_of(const struct cove_seq *seq, uint32_t lv)
{
    return cove_seq_tick_at(&seq->tick[cove_seq_tick_of(seq, lv)], lv);
}
/* Note the hlc of `count` elements that come next. There is room. */
static inline void cove_seq_tick_add(struct cove_seq *seq, uint32_t count,
                                     uint64_t hlc)
{
    struct seq_tick *last =
        seq->tick_len > 0 ? &seq->tick[seq->tick_len - 1] : NULL;
    uint32_t had = last != NULL ? seq->total - last->lv : 0;

    if (last != NULL && !last->counts && last->hlc == hlc) {
        return;
    }
    if (last != NULL && count == 1 && last->hlc + had == hlc &&
        (last->counts || had == 1)) {
        last->counts = true;
        return;
    }
    assert(seq->tick != NULL); /* cove_seq_reserve saw to it */
    seq->tick[seq->tick_len++] =
        (struct seq_tick){.hlc = hlc, .lv = seq->total};
}
/* The LV of an element, SEQ_NONE where it is not here; *span: how many from it
 * on are here with the LVs that follow, or are missing. */
uint32_t cove_seq_lv_of(const struct cove_seq *seq, struct cove_elem elem,
                        uint32_t *span);
/* Where the content of an LV starts. */
uint32_t cove_seq_wide_byte(const struct cove_seq *seq, uint32_t lv);
/* An element's id against another's: <0, >0; 0 only where they are the same. */
int cove_seq_compare(const struct cove_seq *seq, struct cove_elem a,
                     uint64_t a_hlc, struct cove_elem b, uint64_t b_hlc);
/* Does the content hold exactly count elements? Errors: COVE_EFORMAT. */
COVE_MUST_CHECK int cove_seq_check_content(const struct cove_seq *seq,
                                           struct cove_bytes content,
                                           uint32_t count);
/* How many bytes the first `count` elements of checked content take. */
size_t cove_seq_prefix(const struct cove_seq *seq, struct cove_bytes content,
                       uint32_t count);
COVE_MUST_CHECK int cove_seq_type_add(struct cove_seq *seq,
                                      struct cove_bytes type, uint32_t *out);

/* One stretch to be inserted, with what is known of it. */
struct seq_new {
    struct cove_elem first;
    uint32_t count;
    uint32_t parent; /* LV */
    enum cove_seq_side side;
    uint32_t type;
    uint64_t hlc;
    struct cove_bytes content; /* checked */
    bool bare; /* of a checkpoint: content and hlcs have places of their own */
};
/* Make room in everything. Errors: COVE_ENOMEM, COVE_ELIMIT. */
COVE_MUST_CHECK int cove_seq_reserve(struct cove_seq *seq,
                                     const struct seq_new *x);
/* Enter it in all that goes by LV or id; the tree follows. Gives its LV. */
uint32_t cove_seq_enter(struct cove_seq *seq, const struct seq_new *x);

/* Bytes of visible text, as the tree counts them. */
static inline uint32_t cove_seq_byte_of(const struct cove_seq *seq, uint32_t lv)
{
    return seq->wide ? cove_seq_wide_byte(seq, lv) : lv;
}
static inline uint32_t cove_seq_bytes_of(const struct cove_seq *seq,
                                         uint32_t lv, uint32_t count)
{
    if (!seq->wide) {
        return count;
    }
    return cove_seq_wide_byte(seq, lv + count) - cove_seq_wide_byte(seq, lv);
}
/* The content of some LVs that follow each other. */
struct cove_bytes cove_seq_content_of(const struct cove_seq *seq, uint32_t lv,
                                      uint32_t count);

/* --- seq_tree.c, seq_place.c: spans in document order */

COVE_MUST_CHECK int cove_seq_tree_init(struct cove_seq *seq);
/* Make sure that `spans` more can be put in. */
COVE_MUST_CHECK int cove_seq_tree_grow(struct cove_seq *seq, size_t spans);
static inline int cove_seq_tree_reserve(struct cove_seq *seq, size_t spans)
{
    /* A split leaves half a leaf of room, or half a node: this is plenty. */
    return seq->leaf_len + spans + 1 <= seq->leaf_cap &&
                   seq->inner_len + spans / (SEQ_FAN / 4) + seq->height + 2 <=
                       seq->inner_cap
               ? 0
               : cove_seq_tree_grow(seq, spans);
}
/* Hand late counts up. */
void cove_seq_tree_settle(struct cove_seq *seq);
/* The element with this LV. */
struct seq_spot cove_seq_tree_find(const struct cove_seq *seq, uint32_t lv);
/* What is visible before a spot. */
uint32_t cove_seq_tree_position(const struct cove_seq *seq,
                                enum cove_seq_unit unit,
                                const struct seq_spot *spot);
/* The visible element number `at` of the unit, which there is; *rest: how far
 * in the unit it is into its span; *leaf_at, in elements only: how many are
 * before the leaf. */
struct seq_spot cove_seq_tree_seek(const struct cove_seq *seq,
                                   enum cove_seq_unit unit, uint32_t at,
                                   uint32_t *leaf_at, uint32_t *rest);
/* As above in elements, over the cursor, which is then there. */
struct seq_spot cove_seq_tree_move(struct cove_seq *seq, uint32_t at);
/* The span that follows a spot at the end of one. False at the very end. */
bool cove_seq_tree_next(const struct cove_seq *seq, struct seq_spot *spot);
/* Put `count` new elements from `lv` on at a spot. chained: they are the right
 * child of the element before the spot, which has the LV before theirs. */
void cove_seq_tree_put(struct cove_seq *seq, struct seq_spot spot, uint32_t lv,
                       uint32_t count, bool chained);
/* The element behind the spot gets a left child: make it a span's first. */
void cove_seq_tree_mark_left(struct cove_seq *seq, struct seq_spot *spot);
/* Delete `len` elements of one span from the spot on. */
void cove_seq_tree_delete(struct cove_seq *seq, struct seq_spot spot,
                          uint32_t len);

static inline struct seq_span *cove_seq_span_at(const struct cove_seq *seq,
                                                const struct seq_spot *spot)
{
    return &seq->leaf[spot->leaf].span[spot->slot];
}
static inline uint32_t cove_seq_visible(const struct seq_span *span)
{
    return (span->flags & SEQ_DELETED) != 0 ? 0 : span->count;
}

/* --- seq_merge.c */

/* Insert what is not here of a run, or let it wait. Errors: as
 * cove_seq_insert. */
COVE_MUST_CHECK int cove_seq_insert_parts(struct cove_seq *seq,
                                          struct cove_elem parent,
                                          const struct seq_new *whole);
/* Insert something whose parent is here. Errors: as cove_seq_reserve. */
COVE_MUST_CHECK int cove_seq_integrate(struct cove_seq *seq,
                                       const struct seq_new *x);
/* Delete, of elements that have just come, those that were to be deleted. */
void cove_seq_delete_gone(struct cove_seq *seq, const struct seq_new *x,
                          uint32_t lv);
/* Delete what is here of these LVs. Errors: COVE_ENOMEM, in part. */
COVE_MUST_CHECK int cove_seq_delete_lvs(struct cove_seq *seq, uint32_t lv,
                                        uint32_t count);
/* An inserted run is made of checked parts. Errors: COVE_EUSAGE, COVE_EFORMAT,
 * COVE_ENOMEM. */
COVE_MUST_CHECK int cove_seq_check_run(struct cove_seq *seq,
                                       const struct cove_seq_run *run);

/* --- seq_kids.c */

/* Make room for a child, where children are kept track of. */
COVE_MUST_CHECK int cove_seq_kids_reserve(struct cove_seq *seq,
                                          const struct seq_new *x);
/* Begin to keep track of them. */
COVE_MUST_CHECK int cove_seq_kids_build(struct cove_seq *seq);
/* Note a child that cove_seq_enter made. */
void cove_seq_kids_add(struct cove_seq *seq, const struct seq_new *x,
                       uint32_t lv);
/* Where it goes among its siblings, of which there are. */
struct seq_spot cove_seq_kids_place(const struct cove_seq *seq,
                                    const struct seq_new *x);
void cove_seq_kids_free(struct cove_seq *seq);

/* --- seq_wait.c */

/* Does all of this wait already? */
bool cove_seq_wait_has(const struct cove_seq *seq, const struct seq_new *x);
/* Let a run wait for its parent. Errors: COVE_ENOMEM, COVE_ELIMIT. */
COVE_MUST_CHECK int cove_seq_wait_add(struct cove_seq *seq,
                                      struct cove_elem parent,
                                      const struct seq_new *x);
/* These have come: what waits for them is ready. */
void cove_seq_wait_release(struct cove_seq *seq, struct cove_elem first,
                           uint32_t count);
/* Insert what is ready. Errors: as cove_seq_reserve; the rest stays ready. */
COVE_MUST_CHECK int cove_seq_wait_drain(struct cove_seq *seq);
/* Note that elements which are not here are deleted. */
COVE_MUST_CHECK int cove_seq_gone_add(struct cove_seq *seq,
                                      struct cove_elem first, uint32_t count);
/* Make room for taking some of an author's away; how many ranges it meets. */
COVE_MUST_CHECK int cove_seq_gone_reserve(struct cove_seq *seq,
                                          struct cove_elem first,
                                          uint32_t count, size_t *met);
/* The first range of these that is to be deleted, taken off the list. */
bool cove_seq_gone_take(struct cove_seq *seq, struct cove_elem first,
                        uint32_t count, struct seq_range *out);
void cove_seq_wait_free(struct cove_seq *seq);

/* --- seq_load.c, seq_lay.c */

/* Give all elements their content: the visible in document order, to which the
 * deleted is appended; ranges: pairs of varints, checked. Errors:
 * COVE_ECORRUPT, COVE_ENOMEM. */
COVE_MUST_CHECK int cove_seq_lay(struct cove_seq *seq, struct cove_buf *all,
                                 struct cove_bytes deleted,
                                 struct cove_bytes ranges);

/* Build what a checkpoint holds. Errors: COVE_ECORRUPT, COVE_ENOMEM, still as
 * it was loaded. */
COVE_MUST_CHECK int cove_seq_build(struct cove_seq *seq);
static inline int cove_seq_ready(const struct cove_seq *seq)
{
    return seq->saved.at == NULL ? 0 : cove_seq_build(seq->self);
}

#endif
