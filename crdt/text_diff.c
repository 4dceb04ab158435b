/* Texts are cut into tokens (code points, words or lines), equal tokens get
 * equal numbers, and crdt/symbol_diff compares the numbers. What begins and
 * ends equal is cut off first, bytewise: of a keystroke nothing else is left.
 *
 * By code points a part is refined: compared by code points where that is cheap
 * enough, else by lines, and what lines leave in the same way with words, and
 * what these leave is replaced if it still is too dear. Every part has its
 * share of one bound, and all parts together have another.
 *
 * Joining edits over a chance match is what N. Fraser's Diff Strategies (2006)
 * calls semantic cleanup. Here it never crosses a blank: a sentence that was
 * rewritten word by word remains so, and words that others put between them
 * stay between them. */
#include "crdt/text_diff.h"

#include "core/utf8.h"
#include "crdt/symbol_diff.h"
#include "crdt/text_tokens.h"

#include "cove/error.h"

#define CHANCE_MAX 2 /* code points that may match by chance */

struct text_span { /* bytes of a text, half-open */
    uint32_t begin, end;
};

struct text_part { /* of both */
    struct text_span old;
    struct text_span new;
};

struct text_edit {
    struct text_part part;
    uint32_t removed, inserted; /* code points */
    bool joined;                /* of what a chance match kept apart */
};

struct text_diff {
    struct cove_bytes old, new;
    size_t whole; /* bytes of both, without what is equal at the ends */
    bool join;
    struct cove_diff_work work;
    struct cove_arena scratch;
    struct cove_tokens a, b; /* of the part in question, room for all */
    struct text_edit *edits;
    size_t count, cap;
};

/* --- edits, ascending, joined where a chance match is between two */

static struct cove_bytes text_cut(struct cove_bytes text, struct text_span span)
{
    return cove_bytes(text.at + span.begin, span.end - span.begin);
}

static uint32_t text_count(struct cove_bytes text, struct text_span span)
{
    return (uint32_t)cove_utf8_count(text_cut(text, span));
}

static bool text_has_blank(struct cove_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == ' ' || (text.at[i] >= '\t' && text.at[i] <= '\r')) {
            return true;
        }
    }
    return false;
}

/* Is what stays between two edits so short beside both that it is chance? */
static bool edits_join(const struct text_diff *diff, const struct text_edit *e,
                       const struct text_edit *next)
{
    struct text_span between = {e->part.old.end, next->part.old.begin};
    struct cove_bytes gap = text_cut(diff->old, between);

    if (gap.len == 0) {
        return true;
    }
    if (!diff->join || gap.len > (size_t)4 * CHANCE_MAX ||
        text_has_blank(gap)) {
        return false;
    }

    size_t size = e->removed > e->inserted ? e->removed : e->inserted;
    size_t next_size =
        next->removed > next->inserted ? next->removed : next->inserted;
    size_t len = cove_utf8_count(gap);

    return len <= CHANCE_MAX && len < size && len < next_size;
}

static int edit_add(struct text_diff *diff, struct text_part part)
{
    struct text_edit edit = {part, text_count(diff->old, part.old),
                             text_count(diff->new, part.new), false};

    if (edit.removed == 0 && edit.inserted == 0) {
        return 0;
    }
    /* A joined edit is longer, so that it may be joined to the one before. */
    while (diff->count > 0 &&
           edits_join(diff, &diff->edits[diff->count - 1], &edit)) {
        const struct text_edit *last = &diff->edits[--diff->count];
        struct text_span between = {last->part.old.end, edit.part.old.begin};
        uint32_t kept = text_count(diff->old, between);

        edit.removed += last->removed + kept;
        edit.inserted += last->inserted + kept;
        edit.part.old.begin = last->part.old.begin;
        edit.part.new.begin = last->part.new.begin;
        edit.joined = last->joined || edit.joined || kept > 0;
    }

    void *edits = diff->edits;
    int err = cove_arena_grow(&diff->scratch, &edits, sizeof(*diff->edits),
                              diff->count, &diff->cap);

    if (err == 0) {
        diff->edits = edits;
        diff->edits[diff->count++] = edit;
    }
    return err;
}

/* --- parts, compared by tokens */

/* Cut both sides of a part, and number the tokens. */
static int part_split(struct text_diff *diff, const struct text_part *part,
                      enum cove_diff_grain grain)
{
    cove_tokens_split(&diff->a, part->old.begin, part->old.end, grain);
    cove_tokens_split(&diff->b, part->new.begin, part->new.end, grain);
    return grain == COVE_DIFF_CODE_POINTS
               ? 0
               : cove_tokens_number(&diff->a, &diff->b, &diff->scratch);
}

/* Compare a part by tokens: what of it changed. Errors: COVE_ELIMIT where
 * work.refuse is set and it is too dear. */
static int part_compare(struct text_diff *diff, struct text_part part,
                        enum cove_diff_grain grain, struct text_part **out,
                        size_t *count)
{
    const struct cove_tokens *a = &diff->a;
    const struct cove_tokens *b = &diff->b;
    struct cove_diff_edit *edits = NULL;
    struct text_part *parts;
    int err = part_split(diff, &part, grain);

    if (err == 0) {
        struct cove_diff_row old_row = {a->symbols, a->count};
        struct cove_diff_row new_row = {b->symbols, b->count};

        err = cove_diff_rows(&diff->scratch, old_row, new_row, &diff->work,
                             &edits, count);
    }
    if (err != 0) {
        return err;
    }
    parts = cove_arena_array(&diff->scratch, *count, sizeof(*parts));
    if (parts == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < *count; i++) {
        const struct cove_diff_edit *e = &edits[i];

        parts[i].old.begin = a->begin[e->at];
        parts[i].old.end = a->begin[e->at + e->removed];
        parts[i].new.begin = b->begin[e->from];
        parts[i].new.end = b->begin[e->from + e->inserted];
    }
    *out = parts;
    return 0;
}

/* How many bytes are equal from the start on, eight at a time. */
static size_t bytes_alike(const uint8_t *a, const uint8_t *b, size_t len)
{
    size_t i = 0;

    for (uint64_t x, y; len - i >= sizeof(x); i += sizeof(x)) {
        memcpy(&x, a + i, sizeof(x));
        memcpy(&y, b + i, sizeof(y));
        if (x != y) {
            break;
        }
    }
    while (i < len && a[i] == b[i]) {
        i++;
    }
    return i;
}

/* The same before the ends. */
static size_t bytes_alike_back(const uint8_t *a_end, const uint8_t *b_end,
                               size_t len)
{
    size_t i = 0;

    for (uint64_t x, y; len - i >= sizeof(x); i += sizeof(x)) {
        memcpy(&x, a_end - i - sizeof(x), sizeof(x));
        memcpy(&y, b_end - i - sizeof(y), sizeof(y));
        if (x != y) {
            break;
        }
    }
    while (i < len && *(a_end - i - 1) == *(b_end - i - 1)) {
        i++;
    }
    return i;
}

static size_t part_shorter(const struct text_part *part)
{
    size_t old_len = part->old.end - part->old.begin;
    size_t new_len = part->new.end - part->new.begin;

    return old_len < new_len ? old_len : new_len;
}

/* Cut off what both begin and end with, between code points. Equal bytes up to
 * a place make it a boundary of both texts or of neither. */
static void part_trim(const struct text_diff *diff, struct text_part *part)
{
    size_t len = part_shorter(part);

    if (len == 0) {
        return;
    }
    len = bytes_alike(diff->old.at + part->old.begin,
                      diff->new.at + part->new.begin, len);
    while (!cove_utf8_is_boundary(diff->old, part->old.begin + len) ||
           !cove_utf8_is_boundary(diff->new, part->new.begin + len)) {
        len--;
    }
    part->old.begin += (uint32_t)len;
    part->new.begin += (uint32_t)len;
    len = part_shorter(part);
    if (len == 0) {
        return;
    }
    len = bytes_alike_back(diff->old.at + part->old.end,
                           diff->new.at + part->new.end, len);
    while (!cove_utf8_is_boundary(diff->old, part->old.end - len)) {
        len--;
    }
    part->old.end -= (uint32_t)len;
    part->new.end -= (uint32_t)len;
}

static size_t part_size(const struct text_part *part)
{
    return part->old.end - part->old.begin + part->new.end - part->new.begin;
}

/* Add the edits of a part by code points. `coarse` is the grain to try next
 * where that is too dear, COVE_DIFF_CODE_POINTS: none. */
static int part_refine(struct text_diff *diff, struct text_part part,
                       enum cove_diff_grain coarse, bool known_dear)
{
    struct text_part *parts = NULL;
    size_t count = 0;
    int err = COVE_ELIMIT;

    part_trim(diff, &part);
    if (part_shorter(&part) == 0) {
        return edit_add(diff, part);
    }
    diff->work.search = cove_diff_share(part_size(&part), diff->whole);
    if (!known_dear) {
        diff->work.refuse = true;
        err = part_compare(diff, part, COVE_DIFF_CODE_POINTS, &parts, &count);
    }
    if (err == 0) {
        for (size_t i = 0; err == 0 && i < count; i++) {
            err = edit_add(diff, parts[i]);
        }
        return err;
    }
    if (err != COVE_ELIMIT) {
        return err;
    }
    if (coarse == COVE_DIFF_CODE_POINTS) {
        return edit_add(diff, part);
    }

    enum cove_diff_grain finer =
        coarse == COVE_DIFF_LINES ? COVE_DIFF_WORDS : COVE_DIFF_CODE_POINTS;

    diff->work.refuse = false;
    err = part_compare(diff, part, coarse, &parts, &count);
    for (size_t i = 0; err == 0 && i < count; i++) {
        err = part_refine(diff, parts[i], finer,
                          part_size(&parts[i]) == part_size(&part));
    }
    return err;
}

/* Add the edits of a part by words, without what words have in common. */
static int part_by_words(struct text_diff *diff, struct text_part part)
{
    struct text_part *parts = NULL;
    size_t count = 0;
    int err;

    diff->work.search = cove_diff_share(part_size(&part), diff->whole);
    diff->work.refuse = false;
    err = part_compare(diff, part, COVE_DIFF_WORDS, &parts, &count);
    for (size_t i = 0; err == 0 && i < count; i++) {
        part_trim(diff, &parts[i]);
        err = edit_add(diff, parts[i]);
    }
    return err;
}

/* A shortest script may keep a letter by chance rather than the blank between
 * two words. Where such a letter was given up, words decide. */
static bool edit_hides_blank(const struct text_diff *diff,
                             const struct text_edit *edit)
{
    return text_has_blank(text_cut(diff->old, edit->part.old)) &&
           text_has_blank(text_cut(diff->new, edit->part.new));
}

/* Look at the joined edits again: what was given up between two may be what
 * the whole begins or ends with. */
static int text_settle(struct text_diff *diff)
{
    const struct text_edit *edits = diff->edits;
    size_t count = diff->count;
    size_t first = 0;
    int err = 0;

    while (first < count && !edits[first].joined) {
        first++;
    }
    if (first == count) {
        return 0;
    }
    diff->edits = NULL;
    diff->count = 0;
    diff->cap = 0;
    for (size_t i = 0; err == 0 && i < count; i++) {
        struct text_part part = edits[i].part;

        if (!edits[i].joined) {
            err = edit_add(diff, part);
        } else if (edit_hides_blank(diff, &edits[i])) {
            err = part_by_words(diff, part);
        } else {
            part_trim(diff, &part);
            err = edit_add(diff, part);
        }
    }
    return err;
}

static int text_compare(struct text_diff *diff, struct text_part whole,
                        enum cove_diff_grain grain)
{
    struct text_part *parts = NULL;
    size_t count = 0;
    int err;

    if (grain == COVE_DIFF_CODE_POINTS) {
        part_trim(diff, &whole);
        if (part_shorter(&whole) == 0) {
            return edit_add(diff, whole);
        }
        diff->join = true;
    }
    diff->whole = part_size(&whole);
    err = cove_tokens_init(&diff->a, &diff->scratch, diff->old,
                           text_count(diff->old, whole.old));
    if (err == 0) {
        err = cove_tokens_init(&diff->b, &diff->scratch, diff->new,
                               text_count(diff->new, whole.new));
    }
    if (err != 0) {
        return err;
    }
    if (grain == COVE_DIFF_CODE_POINTS) {
        err = part_refine(diff, whole, COVE_DIFF_LINES, false);
        return err != 0 ? err : text_settle(diff);
    }
    diff->work.search = COVE_DIFF_SEARCH_MAX;
    err = part_compare(diff, whole, grain, &parts, &count);
    for (size_t i = 0; err == 0 && i < count; i++) {
        err = edit_add(diff, parts[i]);
    }
    return err;
}

/* Copy the edits to where they live on, counted in code points. */
static int text_tell(const struct text_diff *diff, struct cove_arena *arena,
                     struct cove_text_edits *out)
{
    struct cove_text_edit *edits =
        cove_arena_array(arena, diff->count, sizeof(*edits));
    size_t at = 0;
    struct text_span kept = {0, 0};

    if (edits == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < diff->count; i++) {
        const struct text_edit *e = &diff->edits[i];

        kept.end = e->part.old.begin;
        at += text_count(diff->old, kept);
        edits[i].at = at;
        edits[i].removed = e->removed;
        edits[i].inserted = text_cut(diff->new, e->part.new);
        at += e->removed;
        kept.begin = e->part.old.end;
    }
    out->at = edits;
    out->count = diff->count;
    out->steps = diff->work.steps;
    return 0;
}

int cove_diff_texts(struct cove_arena *arena, struct cove_bytes old_text,
                    struct cove_bytes new_text, enum cove_diff_grain grain,
                    struct cove_text_edits *out)
{
    struct text_diff diff = {.old = old_text, .new = new_text};
    struct text_part whole;
    int err;

    if (old_text.len > COVE_DIFF_SYMBOLS_MAX ||
        new_text.len > COVE_DIFF_SYMBOLS_MAX) {
        return COVE_ELIMIT;
    }
    if (!cove_utf8_valid(old_text) || !cove_utf8_valid(new_text)) {
        return COVE_EFORMAT;
    }
    /* So that pointers into them can be made. */
    if (old_text.len == 0) {
        diff.old = cove_bytes_text("");
    }
    if (new_text.len == 0) {
        diff.new = cove_bytes_text("");
    }
    whole.old = (struct text_span){0, (uint32_t)old_text.len};
    whole.new = (struct text_span){0, (uint32_t)new_text.len};
    cove_arena_init(&diff.scratch, arena->alloc);
    cove_arena_init(&diff.work.scratch, arena->alloc);
    err = text_compare(&diff, whole, grain);
    if (err == 0) {
        err = text_tell(&diff, arena, out);
    }
    cove_arena_clear(&diff.work.scratch);
    cove_arena_clear(&diff.scratch);
    return err;
}
