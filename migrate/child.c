/* child.c: see child.h. Here: which documents are viewed together, and seeds
 * among the elements of users.
 *
 * Seeds are no ops of the child, and another write may win tomorrow, or at
 * another head. So they are put into a copy of its sequence, and nothing is
 * kept. What users hung on seeds waits in the sequence until then; where they
 * hung it on a write that does not win, its elements are put in as tombstones,
 * as many as are asked for.
 */
#include "migrate/child_internal.h"

#include "core/cbor.h"
#include "core/utf8.h"
#include "core/value.h"
#include "cove/error.h"
#include "migrate/view_internal.h"

/* --- headers -------------------------------------------------------------- */

static const enum cove_doc_type child_types[] = {
    [COVE_CHILD_NONE] = COVE_DOC_UNKNOWN,
    [COVE_CHILD_TEXT] = COVE_DOC_COTEXT,
    [COVE_CHILD_LIST] = COVE_DOC_COLIST,
    [COVE_CHILD_STREAM] = COVE_DOC_COSTREAM,
    [COVE_CHILD_BLOB] = COVE_DOC_COBINARY,
    [COVE_CHILD_COUNTER] = COVE_DOC_COCOUNTER,
    [COVE_CHILD_MAP] = COVE_DOC_COMAP};

enum cove_doc_type cove_child_type(enum cove_child_kind kind)
{
    return child_types[kind];
}

enum cove_child_kind cove_child_kind(enum cove_doc_type type)
{
    for (size_t i = COVE_CHILD_TEXT; i < COVE_ARRAY_LEN(child_types); i++) {
        if (child_types[i] == type) {
            return (enum cove_child_kind)i;
        }
    }
    return COVE_CHILD_NONE;
}

/* docs/FORMAT.md "Header": from = {key, rule, document}, in the order of their
 * encodings. */
static int name_from(const struct cove_child_name *name, struct cove_buf *out)
{
    struct cove_writer w;

    cove_writer_init(&w, out);
    cove_writer_map(&w, 3);
    cove_writer_cstr(&w, "key");
    cove_writer_text(&w, name->reg);
    cove_writer_cstr(&w, "rule");
    cove_writer_cstr(&w, "field");
    cove_writer_cstr(&w, "document");
    cove_writer_bytes(&w, name->parent.b, sizeof(name->parent.b));
    return w.err;
}

int cove_child_header(const struct cove_child_name *name, struct cove_buf *out,
                      struct cove_id *id, struct cove_diag *diag)
{
    struct cove_header header = {.version = COVE_FORMAT_VERSION,
                                 .type = cove_child_type(name->kind),
                                 .has_owner = true,
                                 .owner = name->owner};
    struct cove_buf from;
    int err;

    cove_buf_init(&from, out->alloc);
    err = name_from(name, &from);
    header.from = cove_buf_bytes(&from);
    if (err == 0) {
        err = cove_header_encode(&header, out, id, diag);
    }
    cove_buf_clear(&from);
    return err;
}

/* {document, rule: "field", key: register} */
bool cove_child_parent(const struct cove_header *header, struct cove_id *parent,
                       struct cove_bytes *reg)
{
    struct cove_bytes rule = header->from.len > 0
                                 ? cove_value_member_text(header->from, "rule")
                                 : cove_bytes(NULL, 0);
    struct cove_bytes document;
    struct cove_bytes key;
    struct cove_reader r;

    if (!cove_bytes_equal(rule, cove_bytes_text("field")) ||
        !cove_value_member(header->from, "document", &document)) {
        return false;
    }
    key = cove_value_member_text(header->from, "key");
    cove_reader_init(&r, document);
    document = cove_reader_bytes(&r);
    if (r.err != 0 || document.len != sizeof(parent->b) || key.at == NULL) {
        return false;
    }
    memcpy(parent->b, document.at, sizeof(parent->b));
    *reg = key;
    return true;
}

/* --- families ------------------------------------------------------------- */

static bool plan_is_map(const struct cove_plan *plan, uint32_t reg)
{
    for (size_t i = 0; i < plan->map_count; i++) {
        if (plan->maps[i] == reg) {
            return true;
        }
    }
    return false;
}

static int family_add(struct cove_state *all, const struct cove_state *state)
{
    int err = 0;

    for (size_t i = 0; i < state->native_count && err == 0; i++) {
        err = cove_state_add_native(all, &state->natives[i]);
    }
    for (size_t i = 0; i < state->copy_count && err == 0; i++) {
        err = cove_state_add_copy(all, &state->copies[i]);
    }
    return err;
}

/* The ops of the document and its maps together; those of the document alone
 * where it has no maps. */
static int family_unite(struct cove_family *family)
{
    bool maps = false;
    int err = 0;

    family->all = *family->own;
    for (size_t i = 0; i < family->doc_count && err == 0; i++) {
        if (!plan_is_map(family->plan, family->docs[i].reg)) {
            continue;
        }
        if (!maps) {
            cove_state_init(&family->all, family->arena, NULL);
            err = family_add(&family->all, family->own);
            maps = true;
        }
        err = err != 0 ? err : family_add(&family->all, family->docs[i].state);
    }
    if (err == 0 && maps) {
        cove_state_settle(&family->all);
    }
    return err;
}

int cove_family_init(struct cove_family *family, struct cove_arena *arena,
                     const struct cove_plan *plan, const struct cove_state *own,
                     const struct cove_child_doc *docs, size_t count)
{
    int err;

    memset(family, 0, sizeof(*family));
    family->arena = arena;
    family->plan = plan;
    family->own = own;
    family->docs = docs;
    family->doc_count = count;
    family->alloc = cove_arena_allocator(arena);
    family->shown =
        cove_arena_array(arena, 2 * (plan->child_count + plan->seed_count) + 2,
                         sizeof(*family->shown));
    err = family->shown == NULL ? COVE_ENOMEM : family_unite(family);
    return err != 0 ? err
                    : cove_view_init(&family->base, arena, plan, &family->all);
}

/* --- seeds ---------------------------------------------------------------- */

static struct cove_seq_author seed_author(const struct cove_op_id *write)
{
    return (struct cove_seq_author){.device = write->device,
                                    .session = write->session,
                                    .hlc = write->hlc,
                                    .tx = write->tx,
                                    .op = write->op};
}

/* Which write wins at the register that seeds it, and what it says there. */
static int seed_find(struct cove_family *family, struct family_shown *shown)
{
    struct cove_origin *origins;
    size_t count;
    int err = cove_view_read(&family->base, shown->from->from, &shown->value);

    if (err == 0) {
        err = cove_view_origins(&family->base, shown->from->from, &origins,
                                &count);
    }
    for (size_t i = 0; err == 0 && i < count; i++) {
        if (!cove_op_id_is_none(&origins[i].id) &&
            cove_view_newer(&origins[i].id, shown->write) > 0) {
            shown->write = &origins[i].id;
        }
    }
    return err;
}

/* The elements that it stands for. */
static struct cove_bytes seed_content(struct family_shown *shown)
{
    static const uint8_t null[] = {0xf6};
    const struct cove_cell *value = &shown->value;
    struct cove_bytes content = {NULL, 0};

    if (shown->write == NULL || value->kind == COVE_ABSENT) {
        return content;
    }
    if (!shown->list) {
        if (value->kind == COVE_PRESENT &&
            cove_value_kind(value->bytes) == COVE_KIND_TEXT) {
            content = cove_value_text(value->bytes);
            shown->count = (uint32_t)cove_utf8_count(content);
        }
        return content;
    }
    if (value->kind == COVE_PRESENT && cove_value_is_null(value->bytes)) {
        return content;
    }
    shown->count = 1;
    return value->bytes.len > 0 ? value->bytes : cove_bytes(null, sizeof(null));
}

static int seed_insert(struct family_shown *shown, struct cove_bytes content)
{
    struct cove_seq_author author;
    struct cove_seq_run run = {.count = shown->count,
                               .parent = {COVE_SEQ_ROOT, 0},
                               .side = COVE_SEQ_RIGHT,
                               .content = content};
    int err;

    if (shown->count == 0) {
        return 0;
    }
    author = seed_author(shown->write);
    run.hlc = author.hlc;
    err = cove_seq_author_add(shown->seq, &author, &shown->author);
    run.first.author = shown->author;
    return err != 0 ? err : cove_seq_insert(shown->seq, &run);
}

/* --- elements of writes that do not win ----------------------------------- */

/* Elements [begin, end) of an author as tombstones. */
static int ghost_insert(struct cove_family *family, struct family_shown *shown,
                        uint32_t author, uint32_t begin, uint32_t end)
{
    uint32_t count = end - begin;
    uint8_t *filler = cove_arena_new(family->arena, count);
    struct cove_seq_run run = {
        .first = {author, begin},
        .count = count,
        .hlc = cove_seq_author_of(shown->seq, author)->hlc,
        .parent = {begin == 0 ? COVE_SEQ_ROOT : author, begin - (begin > 0)},
        .side = COVE_SEQ_RIGHT};
    int err;

    if (filler == NULL) {
        return COVE_ENOMEM;
    }
    memset(filler, shown->list ? 0xf6 : ' ', count); /* null */
    run.content = cove_bytes(filler, count);
    err = cove_seq_insert(shown->seq, &run);
    return err != 0 ? err : cove_seq_remove(shown->seq, run.first, count);
}

/* Of every write that users hung something on: as many elements as that
 * takes. */
static int ghosts_insert(struct cove_family *family, struct family_shown *shown)
{
    uint32_t limit = shown->list ? 1 : COVE_CHILD_SEEDS;
    uint32_t authors = cove_seq_author_count(shown->seq);
    int err = 0;

    for (uint32_t a = 0; a < authors && err == 0; a++) {
        bool wins = shown->count > 0 && a == shown->author;
        uint32_t begin = wins ? shown->count : 0;
        uint32_t end = 0;

        if (cove_seq_author_of(shown->seq, a)->hlc == 0) {
            continue;
        }
        err = cove_seq_wanted(shown->seq, a, limit, &end);
        if (err == 0 && begin < end) {
            err = ghost_insert(family, shown, a, begin, end);
        }
    }
    return err;
}

/* Is there a write whose elements something waits for? */
static int ghosts_wanted(const struct family_shown *shown,
                         const struct cove_seq *seq, bool *wanted)
{
    uint32_t limit = shown->list ? 1 : COVE_CHILD_SEEDS;
    int err = 0;

    *wanted = false;
    if (cove_seq_waiting(seq) == 0) {
        return 0;
    }
    for (uint32_t a = 0; err == 0 && !*wanted && a < cove_seq_author_count(seq);
         a++) {
        uint32_t end = 0;

        if (cove_seq_author_of(seq, a)->hlc != 0) {
            err = cove_seq_wanted(seq, a, limit, &end);
            *wanted = end > 0;
        }
    }
    return err;
}

/* --- elements ------------------------------------------------------------- */

static int seq_copy(const struct cove_alloc *alloc, const struct cove_seq *from,
                    struct cove_seq **out)
{
    struct cove_buf saved;
    int err;

    cove_buf_init(&saved, alloc);
    err = cove_seq_save(from, &saved);
    if (err == 0) {
        err = cove_seq_load(alloc, cove_buf_bytes(&saved), out);
    }
    cove_buf_clear(&saved);
    return err;
}

static const struct cove_state *family_doc(const struct cove_family *family,
                                           uint32_t reg, bool list)
{
    enum cove_seq_kind kind = list ? COVE_SEQ_LIST : COVE_SEQ_TEXT;

    for (size_t i = 0; i < family->doc_count; i++) {
        const struct cove_state *state = family->docs[i].state;

        if (family->docs[i].reg == reg && state->seq != NULL &&
            cove_seq_kind(state->seq) == kind) {
            return state;
        }
    }
    return NULL;
}

/* The sequence to show: the child's own where no seeds are in it, else a
 * copy. */
static int shown_fill(struct cove_family *family, struct family_shown *shown,
                      struct cove_bytes content)
{
    const struct cove_alloc *alloc = &family->alloc;
    bool wanted = shown->count > 0;
    int err = 0;

    if (!wanted && shown->state != NULL) {
        err = ghosts_wanted(shown, shown->state->seq, &wanted);
    }
    if (err == 0 && !wanted && shown->state != NULL) {
        shown->seq = shown->state->seq;
        return 0;
    }
    if (err == 0) {
        err = shown->state != NULL
                  ? seq_copy(alloc, shown->state->seq, &shown->seq)
                  : cove_seq_new(alloc,
                                 shown->list ? COVE_SEQ_LIST : COVE_SEQ_TEXT,
                                 &shown->seq);
        shown->copied = true;
    }
    if (err == 0) {
        err = seed_insert(shown, content);
    }
    return err != 0 ? err : ghosts_insert(family, shown);
}

int cove_family_show(struct cove_family *family, uint32_t reg, bool list,
                     struct family_shown **out)
{
    const struct cove_plan *plan = family->plan;
    const struct cove_plan_seed *seed = cove_plan_seed_of(plan, reg);
    uint32_t child = plan->registers[reg].child;
    struct family_shown made = {.reg = reg,
                                .list = list,
                                .state = family_doc(family, reg, list),
                                .item = COVE_PLAN_NONE};
    int err = 0;

    for (size_t i = 0; i < family->shown_count; i++) {
        if (family->shown[i].reg == reg && family->shown[i].list == list) {
            *out = &family->shown[i];
            return 0;
        }
    }
    if (child != COVE_PLAN_NONE) {
        made.item = plan->children[child].item;
    }
    if (seed != NULL && seed->list == list) {
        made.from = seed;
        err = seed_find(family, &made);
    }
    if (err == 0) {
        err = shown_fill(family, &made, seed_content(&made));
    }
    if (err != 0) {
        return err;
    }
    family->shown[family->shown_count] = made;
    *out = &family->shown[family->shown_count++];
    return 0;
}

int cove_family_elements(struct cove_family *family, uint32_t reg, bool list,
                         struct cove_seq **out, bool *copied)
{
    struct family_shown *shown;
    int err = cove_family_show(family, reg, list, &shown);

    if (err == 0) {
        *out = shown->seq;
        *copied = shown->copied;
    }
    return err;
}

uint32_t cove_family_seeds(const struct cove_family *family,
                           const struct cove_seq *seq, uint32_t author)
{
    for (size_t i = 0; i < family->shown_count; i++) {
        const struct family_shown *shown = &family->shown[i];

        if (shown->seq == seq && shown->count > 0 && shown->author == author) {
            return shown->count;
        }
    }
    return 0;
}
