/* A journal is built once from all the bodies held: each is hashed and judged,
 * they are sorted by id, and then activated from the roots on: a step follows
 * when the last of its parents has. On the way each active step gets a row of
 * bits, its history: the union of its parents' rows and itself. So descent is
 * one bit, and whether an epoch knows a register is one bit for each of the
 * few steps that add that register. */
#include "schema/journal.h"

#include <assert.h>

#include <stdlib.h>

#include "core/crypto.h"
#include "core/limits.h"
#include "schema/step.h"
#include "schema/step_extra.h"

#define JOURNAL_WORD 64

struct journal_register {
    struct cove_bytes id;
    uint32_t *adders; /* indexes of the active steps that add it, ascending */
    size_t adder_count;
};

struct cove_journal {
    const struct cove_alloc *alloc;
    struct cove_arena arena; /* everything below lives in it */
    struct cove_step *steps; /* sorted by id */
    size_t count;
    size_t words;          /* of a row */
    uint64_t *rows;        /* count rows; of an active step, its history */
    uint32_t *children;    /* of all steps, ordered by parent */
    uint32_t *child_begin; /* count + 1 places in it */
    struct journal_register *registers; /* sorted by id */
    size_t register_count;
    struct cove_hash fingerprint;
};

struct cove_step_id cove_step_id_of(struct cove_bytes body)
{
    struct cove_hash hash = cove_hash("cove/step", body);
    struct cove_step_id id;

    memcpy(id.b, hash.b, sizeof(id.b));
    return id;
}

/* --- lookup */

static int journal_step_order(const void *left, const void *right)
{
    const struct cove_step *a = left;
    const struct cove_step *b = right;

    return memcmp(a->id.b, b->id.b, sizeof(a->id.b));
}

size_t cove_journal_count(const struct cove_journal *journal)
{
    return journal->count;
}

const struct cove_step *cove_journal_at(const struct cove_journal *journal,
                                        size_t index)
{
    return &journal->steps[index];
}

const struct cove_step *cove_journal_find(const struct cove_journal *journal,
                                          const struct cove_step_id *id)
{
    size_t begin = 0;
    size_t end = journal->count;

    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;
        int order = memcmp(journal->steps[middle].id.b, id->b, sizeof(id->b));

        if (order == 0) {
            return &journal->steps[middle];
        }
        if (order < 0) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    return NULL;
}

static uint64_t *journal_row(const struct cove_journal *journal, size_t index)
{
    return journal->rows + index * journal->words;
}

static bool journal_bit(const struct cove_journal *journal, size_t row,
                        size_t bit)
{
    return (journal_row(journal, row)[bit / JOURNAL_WORD] >>
            (bit % JOURNAL_WORD)) &
           1;
}

bool cove_journal_step_descends(const struct cove_journal *journal,
                                const struct cove_step *head,
                                const struct cove_step *ancestor)
{
    /* a row is empty where its step is not active */
    return journal_bit(journal, head->index, ancestor->index);
}

bool cove_journal_descends(const struct cove_journal *journal,
                           const struct cove_step_id *head,
                           const struct cove_step_id *ancestor)
{
    const struct cove_step *from = cove_journal_find(journal, head);
    const struct cove_step *to = cove_journal_find(journal, ancestor);

    return from != NULL && to != NULL &&
           cove_journal_step_descends(journal, from, to);
}

size_t cove_journal_children(const struct cove_journal *journal, size_t index,
                             const uint32_t **children)
{
    *children = &journal->children[journal->child_begin[index]];
    return journal->child_begin[index + 1] - journal->child_begin[index];
}

size_t cove_journal_registers(const struct cove_journal *journal)
{
    return journal->register_count;
}

struct cove_bytes cove_journal_register_at(const struct cove_journal *journal,
                                           size_t index)
{
    return journal->registers[index].id;
}

bool cove_journal_register_find(const struct cove_journal *journal,
                                struct cove_bytes reg, size_t *index)
{
    size_t begin = 0;
    size_t end = journal->register_count;

    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;
        int order = cove_bytes_compare(journal->registers[middle].id, reg);

        if (order == 0) {
            *index = middle;
            return true;
        }
        if (order < 0) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    return false;
}

bool cove_journal_step_knows(const struct cove_journal *journal,
                             const struct cove_step *epoch, size_t index)
{
    const struct journal_register *reg = &journal->registers[index];

    for (size_t i = 0; i < reg->adder_count; i++) {
        if (journal_bit(journal, epoch->index, reg->adders[i])) {
            return true;
        }
    }
    return false;
}

bool cove_journal_knows(const struct cove_journal *journal,
                        const struct cove_step_id *epoch, struct cove_bytes reg)
{
    const struct cove_step *step = cove_journal_find(journal, epoch);
    size_t index;

    return step != NULL && step->state == COVE_STEP_ACTIVE &&
           cove_journal_register_find(journal, reg, &index) &&
           cove_journal_step_knows(journal, step, index);
}

struct cove_hash cove_journal_fingerprint(const struct cove_journal *journal)
{
    return journal->fingerprint;
}

/* --- building */

/* Parents are texts in a body. One that is no step id will never be held. */
static int journal_parents(struct cove_arena *arena, struct cove_step *step,
                           const struct cove_bytes *texts, bool *hopeless)
{
    step->parents =
        cove_arena_array(arena, step->parent_count + 1, sizeof(*step->parents));
    if (step->parents == NULL) {
        return COVE_ENOMEM;
    }
    *hopeless = false;
    for (size_t i = 0; i < step->parent_count; i++) {
        char hex[COVE_HEX_LEN(32)];

        if (texts[i].len != sizeof(hex) - 1) {
            *hopeless = true;
            continue;
        }
        memcpy(hex, texts[i].at, sizeof(hex) - 1);
        hex[sizeof(hex) - 1] = '\0';
        if (cove_hex_parse(hex, step->parents[i].b, 32) != 0) {
            *hopeless = true;
        }
    }
    return 0;
}

/* Judge a body and take it apart. *left: how many parents are not active yet;
 * SIZE_MAX where it can never be. */
static int journal_read(struct cove_journal *journal,
                        struct cove_arena *scratch, struct cove_step *step,
                        size_t *left)
{
    struct cove_bytes *texts;
    bool hopeless;
    int err = cove_step_check(scratch, step->body, NULL);
    bool unsupported = err == COVE_EUNSUPPORTED; /* waits for another build */

    cove_arena_reset(scratch);
    *left = SIZE_MAX;
    step->state = COVE_STEP_MALFORMED;
    if (err == COVE_ESTEP) {
        return 0;
    }
    if (err == 0 || unsupported) {
        err = cove_step_take_apart(&journal->arena, step, &texts);
    }
    if (err == 0) {
        err = journal_parents(&journal->arena, step, texts, &hopeless);
    }
    if (err != 0) {
        return err;
    }
    step->state = COVE_STEP_WAITING;
    step->annotation = cove_step_is_annotation(step);
    if (!hopeless && !unsupported) {
        *left = step->parent_count;
    }
    return 0;
}

/* Keep one of each body, sorted by id. */
static int journal_take(struct cove_journal *journal,
                        const struct cove_bytes *bodies, size_t count)
{
    size_t kept = 0;
    struct cove_step *steps = cove_arena_array(
        &journal->arena, count > 0 ? count : 1, sizeof(*steps));

    if (steps == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        int err = cove_arena_copy(&journal->arena, bodies[i], &steps[i].body);

        if (err != 0) {
            return err;
        }
        steps[i].id = cove_step_id_of(bodies[i]);
    }
    qsort(steps, count, sizeof(*steps), journal_step_order);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && journal_step_order(&steps[kept - 1], &steps[i]) == 0) {
            continue;
        }
        steps[kept] = steps[i];
        steps[kept].index = (uint32_t)kept;
        kept++;
    }
    journal->steps = steps;
    journal->count = kept;
    return 0;
}

/* One array of all children, and where those of each step begin. */
static int journal_index_children(struct cove_journal *journal,
                                  struct cove_arena *scratch)
{
    size_t count = journal->count;
    size_t edges = 0;
    uint32_t *fill = cove_arena_array(scratch, count + 2, sizeof(*fill));

    for (size_t i = 0; i < count; i++) {
        edges += journal->steps[i].parent_count;
    }
    journal->child_begin =
        cove_arena_array(&journal->arena, count + 2, sizeof(uint32_t));
    journal->children =
        cove_arena_array(&journal->arena, edges + 1, sizeof(uint32_t));
    if (fill == NULL || journal->child_begin == NULL ||
        journal->children == NULL) {
        return COVE_ENOMEM;
    }
    /* first count the children of each, then place them */
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < count; i++) {
            for (size_t p = 0; p < journal->steps[i].parent_count; p++) {
                const struct cove_step *parent =
                    cove_journal_find(journal, &journal->steps[i].parents[p]);

                if (parent != NULL && pass == 0) {
                    journal->child_begin[parent->index + 1]++;
                } else if (parent != NULL) {
                    journal->children[fill[parent->index]++] = (uint32_t)i;
                }
            }
        }
        for (size_t i = 0; pass == 0 && i < count; i++) {
            journal->child_begin[i + 1] += journal->child_begin[i];
            fill[i + 1] = journal->child_begin[i + 1];
        }
    }
    return 0;
}

static void journal_set_row(struct cove_journal *journal,
                            const struct cove_step *step)
{
    uint64_t *row = journal_row(journal, step->index);

    for (size_t p = 0; p < step->parent_count; p++) {
        const struct cove_step *parent =
            cove_journal_find(journal, &step->parents[p]);

        assert(parent != NULL); /* a step is active after its parents */
        const uint64_t *from = journal_row(journal, parent->index);

        for (size_t w = 0; w < journal->words; w++) {
            row[w] |= from[w];
        }
    }
    row[step->index / JOURNAL_WORD] |= UINT64_C(1)
                                       << (step->index % JOURNAL_WORD);
}

/* left[i]: see journal_read. A step is activated when its count reaches 0. */
static int journal_activate(struct cove_journal *journal,
                            struct cove_arena *scratch, size_t *left)
{
    size_t head = 0;
    size_t tail = 0;
    uint32_t *queue =
        cove_arena_array(scratch, journal->count + 1, sizeof(*queue));
    int err = journal_index_children(journal, scratch);

    journal->words = (journal->count + JOURNAL_WORD - 1) / JOURNAL_WORD;
    journal->rows = cove_arena_array(
        &journal->arena, journal->count * journal->words + 1, sizeof(uint64_t));
    if (err != 0 || queue == NULL || journal->rows == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < journal->count; i++) {
        if (left[i] == 0) {
            queue[tail++] = (uint32_t)i;
        }
    }
    while (head < tail) {
        struct cove_step *step = &journal->steps[queue[head++]];
        const uint32_t *children;
        size_t count;

        step->state = COVE_STEP_ACTIVE;
        journal_set_row(journal, step);
        count = cove_journal_children(journal, step->index, &children);
        for (size_t c = 0; c < count; c++) {
            if (left[children[c]] != SIZE_MAX && --left[children[c]] == 0) {
                queue[tail++] = children[c];
            }
        }
    }
    return 0;
}

/* One add op: which register, by which step. */
struct journal_added {
    struct cove_bytes reg;
    uint32_t step;
};

static int journal_added_order(const void *left, const void *right)
{
    const struct journal_added *a = left;
    const struct journal_added *b = right;
    int order = cove_bytes_compare(a->reg, b->reg);

    return order != 0 ? order : (a->step > b->step) - (a->step < b->step);
}

static int journal_collect(const struct cove_journal *journal,
                           struct cove_arena *scratch,
                           struct journal_added **out, size_t *count)
{
    struct journal_added *added;
    size_t ops = 0;
    size_t n = 0;

    for (size_t i = 0; i < journal->count; i++) {
        ops += journal->steps[i].op_count;
    }
    added = cove_arena_array(scratch, ops + 1, sizeof(*added));
    if (added == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < journal->count; i++) {
        const struct cove_step *step = &journal->steps[i];

        for (size_t k = 0;
             step->state == COVE_STEP_ACTIVE && k < step->op_count; k++) {
            struct cove_step_op op;

            if (cove_step_op_read(step->ops[k], &op, NULL) == 0 &&
                op.kind == COVE_STEP_ADD) {
                added[n].reg = op.reg;
                added[n++].step = (uint32_t)i;
            }
        }
    }
    qsort(added, n, sizeof(*added), journal_added_order);
    *out = added;
    *count = n;
    return 0;
}

static int journal_index_registers(struct cove_journal *journal,
                                   struct cove_arena *scratch)
{
    struct journal_added *added;
    struct journal_register *reg = NULL;
    size_t count;
    uint32_t *adders;
    int err = journal_collect(journal, scratch, &added, &count);

    if (err != 0) {
        return err;
    }
    adders = cove_arena_array(&journal->arena, count + 1, sizeof(*adders));
    journal->registers = cove_arena_array(&journal->arena, count + 1,
                                          sizeof(*journal->registers));
    if (adders == NULL || journal->registers == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        if (reg == NULL || !cove_bytes_equal(reg->id, added[i].reg)) {
            reg = &journal->registers[journal->register_count++];
            reg->id = added[i].reg;
            reg->adders = adders;
        }
        if (reg->adder_count == 0 ||
            reg->adders[reg->adder_count - 1] != added[i].step) {
            reg->adders[reg->adder_count++] = added[i].step;
            adders++;
        }
    }
    return 0;
}

/* "Versions before this step are retired", where an active step says so of an
 * active one that is a version itself. */
static void journal_retire(struct cove_journal *journal)
{
    for (size_t i = 0; i < journal->count; i++) {
        const struct cove_step *says = &journal->steps[i], *stays;
        struct cove_step_id id;
        size_t at = 0;

        while (says->state == COVE_STEP_ACTIVE &&
               cove_step_extra_step(says, COVE_EXTRA_RETIRE, &at, &id)) {
            stays = cove_journal_find(journal, &id);
            for (size_t k = 0; stays != NULL && k < journal->count; k++) {
                struct cove_step *step = &journal->steps[k];

                if (step != stays && !stays->annotation &&
                    cove_journal_step_descends(journal, stays, step)) {
                    step->retired = true;
                }
            }
        }
    }
}

static void journal_set_fingerprint(struct cove_journal *journal)
{
    struct cove_hasher hasher;

    cove_hasher_init(&hasher, "cove/journal");
    for (size_t i = 0; i < journal->count; i++) {
        if (journal->steps[i].state == COVE_STEP_ACTIVE) {
            cove_hasher_add(&hasher, cove_bytes(journal->steps[i].id.b, 32));
        }
    }
    journal->fingerprint = cove_hasher_end(&hasher);
}

static int journal_build(struct cove_journal *journal,
                         struct cove_arena *scratch,
                         const struct cove_bytes *bodies, size_t count)
{
    struct cove_arena judging; /* emptied for each body */
    size_t *left;
    int err = journal_take(journal, bodies, count);

    if (err != 0) {
        return err;
    }
    left = cove_arena_array(scratch, journal->count + 1, sizeof(*left));
    if (left == NULL) {
        return COVE_ENOMEM;
    }
    cove_arena_init(&judging, journal->alloc);
    for (size_t i = 0; err == 0 && i < journal->count; i++) {
        err = journal_read(journal, &judging, &journal->steps[i], &left[i]);
    }
    cove_arena_clear(&judging);
    if (err == 0) {
        err = journal_activate(journal, scratch, left);
    }
    if (err == 0) {
        err = journal_index_registers(journal, scratch);
    }
    if (err == 0) {
        journal_retire(journal);
    }
    return err;
}

int cove_journal_new(const struct cove_alloc *alloc,
                     const struct cove_bytes *bodies, size_t count,
                     struct cove_journal **out)
{
    struct cove_journal *journal = cove_alloc_zero(alloc, 1, sizeof(*journal));
    struct cove_arena scratch;
    int err;

    if (journal == NULL) {
        return COVE_ENOMEM;
    }
    journal->alloc = alloc;
    cove_arena_init(&journal->arena, alloc);
    cove_arena_init(&scratch, alloc);
    err = journal_build(journal, &scratch, bodies, count);
    cove_arena_clear(&scratch);
    if (err != 0) {
        cove_journal_free(journal);
        return err;
    }
    journal_set_fingerprint(journal);
    *out = journal;
    return 0;
}

void cove_journal_free(struct cove_journal *journal)
{
    if (journal != NULL) {
        cove_arena_clear(&journal->arena);
        cove_alloc_free(journal->alloc, journal);
    }
}
